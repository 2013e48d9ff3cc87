# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: IPv6 alone, several addresses, VLAN, bond, macvlan, a router: five moves each, no lock lost or stolen
#
# Four services, each on a network of another kind, move together, five times:
#   six   one address, of IPv6
#   dual  two addresses of IPv4 and one of IPv6, with a client on each; and an administrator's firewall file
#   vlan  IPv4 and IPv6 on a VLAN; one client is on it, another behind a router
#   bond  macvlan on a bond of two ports
# On client3 a contender for each service's locks never gets one. After every move each server is asked for every lock (F_GETLK).
# Then: what reaches a service's ports, a parent that goes down and comes back, a bond that changes its port, and kinds of
# devices that cannot be on one parent.

KINDS=(six dual vlan bond)
declare -A DISK=([six]=0 [dual]=1 [vlan]=2 [bond]=3)
declare -A ADDRESSES=([six]="fd77::101/64" [dual]="10.77.0.102/24 10.77.0.112/24 fd77::102/64"
	[vlan]="10.17.0.103/24 fd17::103/64" [bond]="10.30.0.104/24")
declare -A PARAMETERS=([dual]=firewall=/srv/dual/rules.nft [bond]=link_type=macvlan)
declare -A LOCKS=([six]=4 [dual]=6 [vlan]=6 [bond]=4)
CLIENT_NETWORKS=('*') MONITOR=(120s 20s)
ROUTER4=10.17.0.53 ROUTER6=fd17::53 FAR4=10.88.0.52 FAR6=fd88::52

# vlan HOST DEVICE ID [NUMBER]: eth0.17 and its like, with the host's addresses there.
vlan() {
	on "$1" sh -ec "ip link add link $2 name $2.$3 type vlan id $3
		[ -z '${4:-}' ] || { ip address add 10.$3.0.${4:-}/24 dev $2.$3; ip address add fd$3::${4:-}/64 dev $2.$3 nodad; }
		ip link set $2.$3 up"
}

# What the node has to reach the clients behind the router by, and, IPv6's goes with that, its own address. Both go when the
# VLAN goes down.
node_routes() {
	on "$1" sh -ec "ip address replace fd17::1${1#node}/64 dev eth0.17 nodad
		ip route replace 10.88.0.0/24 via $ROUTER4 dev eth0.17 mtu 1400
		ip -6 route replace fd88::/64 via $ROUTER6 dev eth0.17"
}

# Two ports that meet on client3 only: a VLAN, and a tunnel. (Two VLANs would not do: the lab's own switch knows none, and
# keeps to the port where it last saw a MAC address, whatever the VLAN.)
tunnel() { # HOST NAME ID NUMBER NUMBER
	on "$1" sh -ec "ip link add $2 type vxlan id $3 dstport 4789 local 10.77.0.$4 remote 10.77.0.$5; ip link set $2 up"
}

bond() { # NODE NUMBER
	vlan "$1" eth0 30 && tunnel "$1" tunnel30 "$2" "$2" 53 && on "$1" sh -ec "ip link add bond0 type bond mode active-backup miimon 100
		for port in eth0.30 tunnel30; do ip link set \$port down; ip link set \$port master bond0; done
		ip link set bond0 type bond primary eth0.30
		ip link set bond0 up
		ip address add 10.30.0.$2/24 dev bond0"
}

networks() {
	vlan node1 eth0 17 11 && vlan node2 eth0 17 12 && vlan client1 eth0 17 51 && vlan client3 eth0 17 53 &&
		vlan client2 eth0 88 52 && vlan client3 eth0 88 53 &&
		on client3 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 &&
		on client2 sh -ec "ip route add 10.17.0.0/24 via 10.88.0.53; ip -6 route add fd17::/64 via fd88::53" &&
		node_routes node1 && node_routes node2 &&
		bond node1 11 && bond node2 12 && vlan client1 eth0 30 51 && vlan client3 eth0 30 &&
		tunnel client3 tunnel11 11 53 11 && tunnel client3 tunnel12 12 53 12 &&
		on client3 sh -ec "ip link add br30 type bridge
			for port in eth0.30 tunnel11 tunnel12; do ip link set \$port master br30; done
			ip link set br30 up; ip address add 10.30.0.53/24 dev br30"
}

no_networks() {
	local host device
	for host in "${NODES[@]}" "${CLIENTS[@]}"; do
		for device in bond0 br30 eth0.17 eth0.88 eth0.30 tunnel30 tunnel11 tunnel12; do on "$host" ip link del $device 2>/dev/null; done
	done
	:
}

all_on() { # NODE: all services are started there
	local kind
	for kind in "${KINDS[@]}"; do wait_started "$kind" "$1" 300 || return 1; done
}

all_locks() { # NODE
	local kind
	for kind in "${KINDS[@]}"; do
		SVC=$kind HELD=("f-$kind:0+${LOCKS[$kind]}")
		check "$kind: all locks are on $1" look "$1"
		check "$kind: both grace periods end on $1" wait_recovered "$1"
	done
}

go() { # NODE: away from the other
	local from
	from=$(other "$1")
	CLUSTER_NODE=$1
	event "all services are to go from $from to $1"
	cluster crm_standby -N "$from" -v on && all_on "$1" && cluster crm_standby -N "$from" -D
}

# load NAME HOST PROTOCOL ADDRESS RANGE OPTIONS: a client of service NAME that holds and writes a range of its file.
load() {
	local mount=$1-$3
	SVC=$1
	mount_nfs "$2" "$mount" "$4" "$6" && hold "$2" "$mount-$2" "$mount" "$3 of $1, $4" --rate 0.5 "f-$1:$5"
}

# contend NAME ADDRESS: client3 asks for all of a service's locks.
contend() {
	SVC=$1
	mount_nfs client3 "$1-v3" "$2" vers=3,hard && mount_nfs client3 "$1-v42" "$2" vers=4.2,hard &&
		on client3 touch "/mnt/$1-v3/free-$1" &&
		program client3 "contender-$1" contender.py --interval 10 --via "NFSv3 of $1=/mnt/$1-v3" \
			--via "NFSv4.2 of $1=/mnt/$1-v42" --control "free-$1:0" "f-$1:0+${LOCKS[$1]}"
}

# A listener of somebody's in a service's namespace, and whether a client gets through to it.
listen() { # NODE NAME
	on "$1" systemd-run -q --collect --unit "load-listen-$2" -- nsenter "--net=/run/netns/gk-$2" -- \
		python3 -c 'import socket
s = socket.create_server(("", 9999), family=socket.AF_INET6, dualstack_ipv6=True)
while True: s.accept()[0].close()'
}
judged() { [ "$(verdict "$1")" = "$2" ]; } # NODE CODE
connects() { on client1 nc -z -w 4 "$1" "$2"; } # ADDRESS PORT

routed() { inside "$1" vlan ip route get "$2" | grep "via $3 "; } # NODE ADDRESS GATEWAY
writes() { on "$1" timeout 30 sh -c "echo $RANDOM >/mnt/$2/touched && sync -f /mnt/$2/touched"; } # HOST MOUNT

need "networks" networks
for kind in "${KINDS[@]}"; do need "storage" storage "${DISK[$kind]}" "$kind"; done
need "the firewall file" on node1 sh -ec 'mount /dev/disk/by-id/virtio-shared1 /srv/dual
	echo "add rule inet gracekeeper input tcp dport 9999 accept" >/srv/dual/rules.nft
	umount /srv/dual'
begin_audit
several >"$OUT/configuration"
for kind in "${KINDS[@]}"; do
	service "$kind" "${DISK[$kind]}" "${ADDRESSES[$kind]}" ${PARAMETERS[$kind]:+"${PARAMETERS[$kind]}"}
	echo "location l-$kind g-$kind 50: node1"
done >>"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "the services start" settled 300s
need "all services are on node1" all_on node1

measure_clocks
need "NFSv3 over IPv6 alone" load six client1 v3 '[fd77::101]' 0+2 vers=3,hard,proto=tcp6
need "NFSv4.2 over IPv6 alone" load six client2 v42 '[fd77::101]' 2+2 vers=4.2,hard
need "the first of two addresses" load dual client1 v3 10.77.0.102 0+2 vers=3,hard
need "the second of two addresses" load dual client2 v42 10.77.0.112 2+2 vers=4.2,hard
need "the same service over IPv6" load dual client2 v3 '[fd77::102]' 4+2 vers=3,hard,proto=tcp6
need "a client on the VLAN" load vlan client1 v3 10.17.0.103 0+2 vers=3,hard
need "NFSv3 behind the router" load vlan client2 v3 10.17.0.103 2+2 vers=3,hard
need "NFSv4.2 behind the router, over IPv6" load vlan client2 v42 '[fd17::103]' 4+2 vers=4.2,hard
need "NFSv3 to the bond" load bond client1 v3 10.30.0.104 0+2 vers=3,hard
need "NFSv4.2 to the bond" load bond client1 v42 10.30.0.104 2+2 vers=4.2,hard
need "a contender for six" contend six '[fd77::101]'
need "a contender for dual" contend dual 10.77.0.102
need "a contender for vlan" contend vlan 10.17.0.103
need "a contender for bond" contend bond 10.30.0.104
all_locks node1

for to in node2 node1 node2 node1 node2; do
	need "all services move to $to" go $to
	all_locks $to
	check "$to: the route to $FAR4 is the parent's" routed $to $FAR4 $ROUTER4
	check "$to: the route to $FAR6 is the parent's" routed $to $FAR6 $ROUTER6
done
same "with its MTU" "mtu 1400" "$(inside node2 vlan ip route show 10.88.0.0/24 | grep -o 'mtu [0-9]*')"

event "what gets through"
for kind in six dual vlan; do need "a listener beside $kind" listen node2 $kind; done
check "IPv6: NFS gets through" connects fd77::101 2049
check "IPv6: so does lockd" connects fd77::101 4045
check "IPv6: nothing else does" eval '! connects fd77::101 9999'
check "VLAN: rpcbind gets through" connects 10.17.0.103 111
check "VLAN: nothing else does" eval '! connects 10.17.0.103 9999'
check "what the administrator's file lets in gets through" connects 10.77.0.112 9999
need "another file" on node2 sh -c 'echo "add rule inet gracekeeper input tcp dport 999999 accept" >/srv/dual/wrong.nft
	crm_resource -r dual -p firewall -v /srv/dual/wrong.nft -Q'
SVC=dual
check "a file that nft refuses is reported" until_true 60 judged node2 190
check "and the rules in force stay" connects 10.77.0.112 9999
need "the file of before" on node2 crm_resource -r dual -p firewall -v /srv/dual/rules.nft -Q
check "it is well again" until_true 60 judged node2 0
for kind in six dual vlan; do on node2 systemctl stop load-listen-$kind; done

event "the VLAN goes down on node2"
need "the VLAN goes down and comes back" on node2 sh -c 'ip link set eth0.17 down; sleep 5; ip link set eth0.17 up'
need "the node's routes, as its network configuration makes them" node_routes node2
check "a client on the VLAN gets through again" writes client1 vlan-v3
check "one behind the router does" writes client2 vlan-v3
check "one behind the router does over IPv6" writes client2 vlan-v42
same "vlan has stayed" node2 "$(where_is vlan)"
same "its monitor has found nothing" 0 "$(SVC=vlan verdict node2)"
need "somebody sets its device down and up" inside node2 vlan sh -c 'ip link set svc0 down; ip link set svc0 up'
check "the monitor makes its routes again" until_true 60 routed node2 $FAR4 $ROUTER4
check "those of IPv6 too" routed node2 $FAR6 $ROUTER6

event "the bond of node2 changes its port"
need "its first port goes down" on node2 ip link set eth0.30 down
check "the other carries the service" writes client1 bond-v3
same "it is the other" tunnel30 "$(on node2 cat /sys/class/net/bond0/bonding/active_slave)"
need "the first port comes back" on node2 ip link set eth0.30 up
check "and carries it again" writes client1 bond-v42

event "kinds that do not go together"
need "a file system" on node2 sh -ec 'mkdir -p /srv/mixed; mount -t tmpfs none /srv/mixed; mkdir /srv/mixed/export /srv/mixed/state'
refused=$(on node2 env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=mixed OCF_RESKEY_ip=10.77.0.120/24 OCF_RESKEY_link_type=macvlan \
	OCF_RESKEY_state_dir=/srv/mixed/state OCF_RESKEY_exports='/srv/mixed/export *(rw)' OCF_RESKEY_CRM_meta_timeout=60000 \
	/usr/lib/ocf/resource.d/gracekeeper/nfs start 2>&1)
printf '%s\n' "$refused" >"$OUT/refused"
check "macvlan beside ipvlan is refused with what to do" grep -q 'eth0 already carries ipvlan, for service .*: use link_type=ipvlan' "$OUT/refused"
on node2 umount /srv/mixed
# What is prepared for services that do not run there is no reason.
for kind in six dual vlan; do
	check "$kind is prepared on node1" until_true 150 on node1 test -e /run/gracekeeper/standby/$kind
done
need "a file system" on node1 sh -ec 'mkdir -p /srv/mixed; mount -t tmpfs none /srv/mixed; mkdir /srv/mixed/export /srv/mixed/state'
mixed() { # ACTION
	on node1 env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=mixed OCF_RESKEY_ip=10.77.0.120/24 OCF_RESKEY_link_type=macvlan \
		OCF_RESKEY_state_dir=/srv/mixed/state OCF_RESKEY_exports='/srv/mixed/export *(rw)' OCF_RESKEY_CRM_meta_timeout=180000 \
		/usr/lib/ocf/resource.d/gracekeeper/nfs "$1"
}
check "macvlan where services of ipvlan are only prepared" mixed start
check "they have made room" on node1 sh -c '! [ -e /run/gracekeeper/standby/six ] && ! [ -e /run/gracekeeper/standby/dual ]'
check "on that device alone" on node1 test -e /run/gracekeeper/standby/vlan
check "it stops" mixed stop
on node1 umount /srv/mixed

all_locks node2
check "the logs come home" end_load
check_load
audit "six=node2:fd77::101" "dual=node2:10.77.0.112" "vlan=node2:10.17.0.103" "bond=node2:10.30.0.104"
for kind in "${KINDS[@]}"; do check "$kind stops" remove "$kind"; done
no_networks
audit
