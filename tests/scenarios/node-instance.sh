# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034,SC2154 # the library reads the variables
# shellcheck disable=SC2016 # some is for other shells
# Promise: services of the node's own nfsd give up what is theirs and nothing else; with grace=restart all clients keep all
#
# Both nodes run an nfsd of their own. Services a and b (instance=node) have an address and a file system each. NFSv3 and NFSv4.2
# clients hold locks on them, one host over NFSv3 on both. One service is stopped again and again, with holders and a waiter: what
# is held of it is gone, its file system is unmounted at the first try, and nobody has lost anything of the other. Then a host
# that uses both over NFSv4.2, and so comes to a through b's address. At last, with grace=restart, a service moves between two
# nodes that both serve: nobody loses a lock, and nobody gets one that another has.

ADDRESS_A=10.77.0.100 ADDRESS_B=10.77.0.101
: "${ROUNDS:=20}"
SCOPE=one-name

# shared NAME DISK ADDRESS [PARAMETER=VALUE...]
shared() {
	local name=$1 disk=$2 address=$3
	shift 3
	cat <<-X
		primitive fs-$name Filesystem params device="/dev/disk/by-id/virtio-shared$disk" directory="/srv/$name" fstype=ext4 op start timeout=120s interval=0s op stop timeout=120s interval=0s op monitor interval=${MONITOR[0]} timeout=120s
		primitive $name ocf:gracekeeper:nfs params instance=node scope=$SCOPE ip="$address/24" state_dir="/srv/$name/.gracekeeper" exports="/srv/$name/export 10.77.0.0/24(rw,no_root_squash,no_subtree_check)" $* op start timeout=180s interval=0s op stop timeout=180s interval=0s op monitor interval=${MONITOR[1]} timeout=60s
		group g-$name fs-$name $name meta resource-stickiness=1000
	X
}
parameter() { cluster crm_resource -r "$1" -p "$2" -v "$3" -Q && settled; } # NAME PARAMETER VALUE
keep() { program "$1" "$2" keeper.py --slots --share "${@:5}" "/mnt/$3/$2" "$4"; } # HOST NAME MOUNT COUNT [OPTION]
end() { # HOST NAME...: of programs that need not tell anything
	local host=$1 name
	shift
	for name; do
		on "$host" systemctl stop "load-$name" || return 1
		LOADS=("${LOADS[@]/"$host:$name"/}")
	done
	local rest=()
	for name in "${LOADS[@]}"; do [ -z "$name" ] || rest+=("$name"); done
	LOADS=("${rest[@]}")
}
count() { on "$1" "$GUEST_DIR/server.py" count "/srv/$2"; } # NODE NAME
has() { # NODE NAME "nlm N, v4 N"
	local got
	got=$(count "$1" "$2")
	printf '%s: %s\n' "$2" "$got"
	[ "$got" = "$3" ]
}
stop_service() { cluster crm_resource -r "g-$1" --meta -p target-role -v Stopped -Q && wait_stopped "$1" && settled; }
start_service() { cluster crm_resource -r "g-$1" --meta -p target-role -v Started -Q && wait_started "$1" node1; }
log_of() { on "$1" journalctl -b -o cat --no-pager -u gracekeeperd --since "$2"; } # NODE SINCE
now() { on "$1" date '+%F %T'; }
unmounts() { on node1 grep -ac 'Trying to unmount /srv/a' /var/log/pacemaker/pacemaker.log; }
# A mount that has lost its server's state is used no more.
drop_mount() { on "$1" umount -f -l "/mnt/$2"; MOUNTED[$1]=${MOUNTED[$1]/" /mnt/$2"/}; } # HOST NAME

for i in 0 1; do need "storage" storage $i "$([ $i = 0 ] && echo a || echo b)"; done
for node in "${NODES[@]}"; do
	need "the nfsd of $node" on "$node" sh -c "mkdir -p /var/tmp/own && $GUEST_DIR/bare-nfsd start /var/tmp/own 20 20 $SCOPE"
done
begin_audit
need "configuration" configure < <(shared a 0 $ADDRESS_A && shared b 1 $ADDRESS_B)
need "they start" settled
for name in a b; do need "service $name is on node1" place $name node1; done
need "the grace of the nodes' own starts ends" until_true 90 on node1 sh -c 'grep -q Y /proc/fs/nfsd/v4_end_grace && grep -q Y /proc/fs/lockd/nlm_end_grace'
SVC=a
need "mount" mount_nfs client1 a3 $ADDRESS_A vers=3,hard
need "mount" mount_nfs client1 a4 $ADDRESS_A vers=4.2,hard
need "mount" mount_nfs client3 a3 $ADDRESS_A vers=3,hard
SVC=b
need "mount" mount_nfs client2 b3 $ADDRESS_B vers=3,hard
need "mount" mount_nfs client2 b4 $ADDRESS_B vers=4.2,hard
need "mount" mount_nfs client3 b3 $ADDRESS_B vers=3,hard
need "3 locks on b over NFSv3" keep client2 b-v3 b3 3
need "2 locks on b over NFSv4.2" keep client2 b-v4 b4 2
need "1 lock on b of a host that uses both" keep client3 b-both b3 1
need "they are there" has node1 b 'nlm 4, v4 2'

event "stops of a, $ROUNDS times"
unmounted=$(unmounts)
for ((round = 1; round <= ROUNDS; round++)); do
	need "locks on a over NFSv3" keep client1 "a-v3-$round" a3 3 --idle
	need "over NFSv4.2" keep client1 "a-v4-$round" a4 2 --idle
	need "of a host that uses both" keep client3 "a-both-$round" a3 1 --idle
	need "a waiter" on client3 systemd-run -q --collect --unit load-waiter flock "/mnt/a3/a-v3-$round" true
	need "round $round: they are there" has node1 a 'nlm 4, v4 2'
	since=$(now node1)
	check "round $round: service a stops" stop_service a
	check "round $round: nobody has lost anything of b" has node1 b 'nlm 4, v4 2'
	check "round $round: the log has the kernel's word" sh -c "printf '%s' \"\$1\" | grep -F 'unlock_ip $ADDRESS_A: the kernel says done'" - "$(log_of node1 "$since")"
	check "round $round: and what was seen" sh -c "printf '%s' \"\$1\" | grep -E 'service a: stop: seen: ([4-5]) of \\1 NLM locks and waiters, [2-9] of [2-9] NFSv4 states, 2 of 2 NFSv4 locks are gone'" - "$(log_of node1 "$since")"
	# Killed while nobody answers: over NFSv3 an orderly end waits for the server.
	for host in client1 client3; do on "$host" sh -c 'systemctl kill -s KILL "load-a-*" load-waiter 2>/dev/null; true'; done
	need "round $round: service a starts" start_service a
	end client1 "a-v3-$round" "a-v4-$round"
	end client3 "a-both-$round"
	need "round $round: nothing is held of a" until_true 60 has node1 a 'nlm 0, v4 0'
done
same "each file system was unmounted at the first try" $((unmounted + ROUNDS)) "$(unmounts)"
check "the other's clients still work" on client2 sh -c 'echo x >/mnt/b4/works && echo x >/mnt/b3/works'

event "a host that uses both over NFSv4.2"
SVC=b
need "mount" mount_nfs client3 b4 $ADDRESS_B vers=4.2,hard
SVC=a
need "mount" mount_nfs client3 a4 $ADDRESS_A vers=4.2,hard
need "a lock on b" keep client3 b-trunk b4 1 --idle
need "a lock on a" keep client3 a-trunk a4 1 --idle
need "they are there" has node1 b 'nlm 4, v4 3'
same "a monitor of a is degraded: the client comes through b's address" 190 "$(verdict node1)"
check "and says who" sh -c 'printf "%s" "$1" | grep -F "10.77.0.53" | grep -F "(through 10.77.0.101)"' - \
	"$(on node1 crm_resource -r a --force-check 2>&1)"

event "grace=restart: moves between two nodes that both serve"
need "b is on node2" move b node2
drop_mount client3 a4
on client3 systemctl kill -s KILL load-a-trunk load-b-trunk
end client3 a-trunk b-trunk
drop_mount client3 b4
need "no locks of before" end client2 b-v3 b-v4
end client3 b-both
for name in a b; do need "grace=restart" parameter $name grace restart; done
for name in a b; do need "they are started" wait_started $name "$(where_is $name)"; done
need "locks on a over NFSv3" keep client1 a-v3 a3 3
need "over NFSv4.2" keep client1 a-v4 a4 2
need "locks on b over NFSv3" keep client2 b-v3 b3 3
need "over NFSv4.2" keep client2 b-v4 b4 2
need "of a host that uses both" keep client3 a-both a3 1
need "on both" keep client3 b-both b3 1
HELD=(a-v3:0+3 a-v4:0+2)
for to in node2 node1; do
	[ "$(where_is a)" != "$to" ] || continue
	since=$(now "$to")
	check "service a moves to $to" move a "$to"
	check "nfsd there has restarted once" test "$(log_of "$to" "$since" | grep -c "restarting the node's nfsd")" = 1
	check "all locks of a are there" until_true 60 has "$to" a 'nlm 4, v4 2'
	b=$(where_is b)
	check "and of b" until_true 60 has "$b" b 'nlm 4, v4 2'
	check "recovery ends" until_true 90 on "$to" sh -c 'gracekeeper status --json a | grep -q "\"state\" : \"serving\""'
	check "all locks of a are there still" has "$to" a 'nlm 4, v4 2'
	check "and of b" has "$b" b 'nlm 4, v4 2'
	check "no client has lost any" sh -c '! printf "%s" "$1" | grep -iE "lost [0-9]+ locks|failed to reclaim"' - \
		"$(for host in "${CLIENTS[@]}"; do on "$host" journalctl -k -b -o cat --since "$since"; done)"
done
need "the logs come home" end_programs
for host in "${!MOUNTED[@]}"; do
	# shellcheck disable=SC2086 # a list of mount points
	on "$host" umount -f -l ${MOUNTED[$host]}
done
MOUNTED=()
for host in "${CLIENTS[@]}"; do guest "$host" kernel-log mark; done
for name in b a; do check "service $name stops" remove $name; done
for node in "${NODES[@]}"; do
	check "nothing is left on $node" on "$node" sh -c \
		'! ls /etc/exports.d/gracekeeper-* /run/gracekeeper/services/* /run/gracekeeper/restart 2>/dev/null | grep . && ! ip address show | grep -F 10.77.0.10'
	need "the nfsd of $node ends" guest "$node" bare-nfsd stop
done
audit
