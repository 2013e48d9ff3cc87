# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: NFS servers and NFS mounts of the nodes lose no lock and notice nothing of a service beside them, nor it of them
#
# Service web moves three times between two nodes that have more to do with NFS. node1 has its own nfs-server, with an export,
# and NFS mounts of service far. That one stays on node2, where also a group of nfsserver, exportfs, IPaddr2 and nfsnotify is,
# "old". Clients of all of them hold locks and write, over NFSv3 and NFSv4.2. Then old stops and starts beside web and far, as
# nfsserver does it by the units and as it does it by Debian's init script: if web's daemons had the names that it looks for, the
# one stop would fail for web's mountd, and the other end web's statd. Last, web comes to a node that has it mounted.

# bench-node has this one in /etc/hosts, for nfsnotify.
OLD=10.77.0.100
FAR=10.77.0.101 WEB=10.77.0.103
BARE=10.77.0.11 # node1's own

# What a probe on node1 found would be node1's own nfs-server: so there is none.
crm_for_old() {
	# Each look of these takes an emulated node seconds: every 20 s, as documented for them, is more than it can do.
	local operations='op start timeout=180s interval=0s op stop timeout=180s interval=0s op monitor interval=60s timeout=60s'
	cat <<-X
		primitive fs-old Filesystem params device="/dev/disk/by-id/virtio-shared2" directory="/srv/old" fstype=ext4 $operations
		primitive server-old nfsserver params nfs_shared_infodir=/srv/old/info nfs_server_scope=old nfs_no_notify=true $operations
		primitive export-old exportfs params clientspec=10.77.0.0/24 directory=/srv/old/export options=rw,no_root_squash,no_subtree_check fsid=11 $operations
		primitive ip-old IPaddr2 params ip=$OLD cidr_netmask=24 $operations
		primitive old nfsnotify params source_host=$OLD $operations
		group g-old fs-old server-old export-old ip-old old meta resource-stickiness=1000
		location l-old g-old resource-discovery=never -inf: node1
	X
}

# theirs NODE: the daemons of the node's own NFS server; ours NODE SERVICE: those of a service. Others when one was ended.
theirs() { on "$1" pgrep --ns 1 --nslist net -l '^rpc[.b]|dcld$'; } # (it takes 15 characters at most)
ours() { on "$1" systemctl show -P MainPID gracekeeper-{rpcbind,nfsdcld,statd,mountd}@"$2" | grep .; }
failed_units() { on "$1" systemctl list-units --plain --no-legend --state=failed; }

# sample NAME NODE [CMD...]: watches the grace of a server there; CMD enters its namespaces.
sample() {
	local name=$1 node=$2
	shift 2
	on "$node" systemd-run -q --collect --unit "load-grace-$name" -- \
		"$@" "$GUEST_DIR/server.py" grace --interval 0.5 --log "/var/tmp/grace-$name.log" "$name"
}

check_no_grace() { # NAME NODE
	on "$2" systemctl stop "load-grace-$1"
	need "the log of the sampler of $1" "$LAB" get "$2" "/var/tmp/grace-$1.log" "$OUT/grace-$1.log"
	same "grace of $1 while web moved, as sampled: states seen" "v4_ended=True nlm_ended=True" \
		"$(python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print("; ".join("v4_ended=%s nlm_ended=%s" % (l["v4_ended"], l["nlm_ended"]) for l in lines if l["e"] == "grace"))' "$OUT/grace-$1.log")"
	check "the sampler of $1 looked at least every two seconds" python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
seconds = lines[-1]["t"] - lines[0]["t"]
print(lines[-1]["samples"], "samples in", seconds, "s")
sys.exit(lines[-1]["samples"] < seconds / 2)' "$OUT/grace-$1.log"
}

# check_held NAME NODE: the server there has all the locks of its clients. Sets SVC.
check_held() {
	SVC=$1 HELD=("$1:0+4")
	check "all locks of $1 are on $2" look "$2"
}

# leave HOST: its programs end, their logs come home, and it unmounts.
leave() {
	local load name left=()
	for load in "${LOADS[@]}"; do
		name=${load#*:}
		if [ "${load%%:*}" = "$1" ]; then
			on "$1" systemctl stop "load-$name" && "$LAB" get "$1" "/var/tmp/load/$name.log" "$OUT/$name.log" || return 1
		else
			left+=("$load")
		fi
	done
	LOADS=("${left[@]}")
	# shellcheck disable=SC2086 # a list of mount points
	on "$1" umount ${MOUNTED[$1]} || return 1
	unset "MOUNTED[$1]"
}

old_becomes() { cluster crm_resource -r g-old --meta -p target-role -v "$1" -Q >/dev/null; } # Started|Stopped
stops() { on node2 journalctl -b -o cat --no-pager -t pacemaker-controld | grep -c 'Result of stop operation for server-old on node2: ok'; }
statds_started() { on node2 journalctl -b -o cat --no-pager -t 'nfsserver(server-old)' | grep -c 'Starting rpc.statd'; }
judged() { [ "$(verdict "$1")" = "$2" ]; } # NODE CODE

# check_stop HOW TIMES: old stops beside web and far, for the TIMESth time.
check_stop() {
	local web far
	web=$(ours node2 web) far=$(ours node2 far)
	event "old stops on node2, nfsserver goes by $1"
	need "old is told to stop" old_becomes Stopped
	check "nfsserver by $1: old stops" wait_stopped fs-old
	same "nfsserver by $1: its stops that succeeded" "$2" "$(stops)"
	same "nfsserver by $1: fencings" "$FENCED" "$(fencings)"
	same "nfsserver by $1: the daemons of web are those of before" "$web" "$(ours node2 web)"
	same "nfsserver by $1: the daemons of far are those of before" "$far" "$(ours node2 far)"
	check_held web node2
	same "nfsserver by $1: the monitor of web" 0 "$(verdict node2)"
	check_held far node2
	same "nfsserver by $1: the monitor of far" 0 "$(verdict node2)"
}

# new_lock HOST MOUNT: a host that statd does not know yet is granted an NFSv3 lock: lockd asks statd, and waits for it.
new_lock() {
	on "$1" timeout 60 python3 -c 'import fcntl, sys
fcntl.lockf(open(sys.argv[1], "a"), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$2/new"
}

# As installed, but that nfsdcld stops with nfs-server: it would keep nfsserver's directory busy.
by_script() {
	on node2 sh -ec 'chmod +x /etc/init.d/nfs-kernel-server
		mkdir -p /run/systemd/system/nfsdcld.service.d
		printf "[Unit]\nPartOf=nfs-server.service\n" >/run/systemd/system/nfsdcld.service.d/beside.conf
		systemctl daemon-reload'
}
nodes_as_before() {
	guest node1 bare-nfsd stop && guest node2 bench-node none &&
		on node2 sh -ec 'rm -r /run/systemd/system/nfsdcld.service.d; systemctl daemon-reload' &&
		on node1 sh -ec 'rmdir /mnt/own; rm -r /srv/bare'
}

begin_audit
need "storage of web" storage 0 web
need "storage of far" storage 1 far
need "storage of old" storage 2 old
need "node2 is as nfsserver wants it" guest node2 bench-node usual
need "a directory of node1's own" on node1 mkdir -p /srv/bare/export
need "node1's own NFS server" guest node1 bare-nfsd start /srv/bare/export "$LEASE" "$GRACE"
{
	service web 0 "$WEB/24"
	service far 1 "$FAR/24"
	crm_for_old
	echo "location l-web g-web 50: node1"
	echo "location l-far g-far inf: node2"
} >"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "all start" settled 300s
need "web is on node1" wait_started web node1
for name in far old; do need "$name is on node2" wait_started "$name" node2; done
need "no grace on node1" guest node1 bare-nfsd end-grace
need "no grace on node2" guest node2 bare-nfsd end-grace

measure_clocks
# SERVER:HOST:ADDRESS
for triple in "bare:client1:$BARE" "old:client2:$OLD" "web:client3:$WEB" "far:node1:$FAR"; do
	IFS=: read -r SVC host address <<<"$triple"
	need "$host mounts $SVC" mount_nfs "$host" "$SVC-v3" "$address" vers=3,hard
	need "$host mounts $SVC" mount_nfs "$host" "$SVC-v42" "$address" vers=4.2,hard
	need "$host holds locks of $SVC" hold "$host" "hold-$SVC-v3" "$SVC-v3" "NFSv3 of $SVC" "$SVC:0+2"
	need "$host holds locks of $SVC" hold "$host" "hold-$SVC-v42" "$SVC-v42" "NFSv4.2 of $SVC" "$SVC:2+2"
done
for name in web:node1 far:node2; do
	SVC=${name%:*}
	check "grace of $SVC at its own start ends" wait_recovered "${name#*:}"
done
before1=$(theirs node1) before2=$(theirs node2) far=$(ours node2 far)
check "node1's own NFS server has all its daemons" [ "$(wc -l <<<"$before1")" -ge 4 ]
check "nfsserver has all its daemons" [ "$(wc -l <<<"$before2")" -ge 4 ]
units1=$(failed_units node1) units2=$(failed_units node2)
since=$(on node2 date +%s)
need "sampler of node1's own server" sample bare node1
need "sampler of nfsserver" sample old node2
need "sampler of far" sample far node2 nsenter --net=/run/netns/gk-far --mount=/run/gracekeeper/ns/far --

for node in node2 node1 node2; do
	event "web moves to $node"
	need "web moves to $node" move web "$node"
	check_held web "$node"
done
check_held bare node1
check_held old node2
check_held far node2
check_no_grace bare node1
check_no_grace old node2
check_no_grace far node2
same "the daemons of node1's own NFS server are those of before" "$before1" "$(theirs node1)"
same "the daemons of nfsserver are those of before" "$before2" "$(theirs node2)"
same "the daemons of far are those of before" "$far" "$(ours node2 far)"
same "units of node1 that failed" "$units1" "$(failed_units node1)"
same "units of node2 that failed" "$units2" "$(failed_units node2)"
same "complaints of the monitors on node2" "" "$(complaints node2 "$since" fs-old server-old export-old ip-old old far)"

need "client2 leaves old" leave client2
check_stop "units" 1
event "old starts on node2, nfsserver goes by the init script"
need "nfsserver will go by the init script" by_script
need "old is told to start" old_becomes Started
need "old starts" wait_started old node2
same "it has started an rpc.statd of its own, and taken nobody else's for that" 1 "$(statds_started)"
check_stop "the init script" 2
SVC=web
need "client1 mounts web" mount_nfs client1 new "$WEB" vers=3,hard
check "a host that is new to web gets an NFSv3 lock" new_lock client1 /mnt/new

event "node1 mounts web, and web comes to node1"
need "node1 mounts web" on node1 sh -c "mkdir -p /mnt/own && timeout 60 mount -t nfs -o vers=4.2,hard $WEB:/srv/web/export /mnt/own"
same "the monitor of web, which the other node has mounted" 0 "$(verdict node2)"
need "web moves to node1" move web node1
check_held web node1
same "the monitor of web, which its own node has mounted" 190 "$(verdict node1)"
check "its start has told why" on node1 sh -c \
	"journalctl -b -o cat --no-pager -u gracekeeperd | grep -F 'service web: start: this node has it mounted at /mnt/own: '"
check "its status tells why" on node1 sh -c "gracekeeper status web | grep -F '  remark     this node has it mounted at /mnt/own: '"
# Nobody waits for it: it takes leave of the server, which it does not reach.
need "node1 unmounts web, as it was told" on node1 systemd-run -q --collect umount -f -l /mnt/own
check "the monitor of web has no remark any more" until_true 60 judged node1 0

check "the logs come home" end_load
same "locks lost" 0 "$(field lost "$TOTALS")"
same "locks stolen" 0 "$(field stolen "$TOTALS")"
same "locks held, all in all" 16 "$(field locks "$TOTALS")"
same "all locks kept" "$(field locks "$TOTALS")" "$(field kept "$TOTALS")"
same "I/O errors of the clients" 0 "$(field io_errors "$TOTALS")"
same "foreign bytes in locked ranges" 0 "$(field foreign "$TOTALS")"
same "programs that did not end properly" '[]' "$(field not_ended "$TOTALS")"
audit "web=node1:$WEB" "far=node2:$FAR"
for name in old web far; do check "$name stops" remove "$name"; done
check "the nodes are as before" nodes_as_before
audit
