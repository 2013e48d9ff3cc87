# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034,SC2154 # the library reads the variables
# shellcheck disable=SC2016 # some is for other shells
# Promise: services of the node's own nfsd give up what is theirs and nothing else; with grace=restart all clients keep all
#
# Both nodes run an nfsd of their own. Services a and b (instance=node, a with enforce) have an address and a file system each.
# A client that comes to a through the node's own address, while somebody has taken the rules away, is ended. NFSv3 and NFSv4
# clients hold locks on both, one host over NFSv3 on both. Service a is stopped again and again (ROUNDS times), with holders and a
# waiter: what is held of it is gone, its file system is unmounted at the first try, and nobody has lost anything of b. Then b moves
# with grace=none, which costs its clients all and nobody else anything. With grace=restart a moves to the node where b is: nobody
# loses a lock, nobody gets one that another has. A host that uses both over NFSv4.2, and so comes to a through b's address, is
# named, and a stop of a leaves it what it has of b. Then a moves there again, and the helper is killed when it has stopped nfsd:
# nobody loses a lock but the host that was a client of both nodes, which is named. At last both move together, with one restart.

ADDRESS_A=10.77.0.100 ADDRESS_B=10.77.0.101
# An emulated lab takes more than a minute for one.
: "${ROUNDS:=3}"
SCOPE=one-name
# NLM's is the kernel's 50 s, and NFSv4's must not be shorter.
OWN_LEASE=20 OWN_GRACE=50

# shared NAME DISK ADDRESS [PARAMETER=VALUE...]. Where it was stopped it starts on node1; where it runs it stays. The file systems
# have no monitors: Pacemaker has two actions at a time on a node of one processor (node-action-limit, of which a change alone comes
# to nothing, see at_a_time in many.sh), and with a monitor in between two services that come together would not start together.
shared() {
	local name=$1 disk=$2 address=$3
	shift 3
	cat <<-X
		primitive fs-$name Filesystem params device="/dev/disk/by-id/virtio-shared$disk" directory="/srv/$name" fstype=ext4 op start timeout=120s interval=0s op stop timeout=120s interval=0s
		primitive $name ocf:gracekeeper:nfs params instance=node scope=$SCOPE ip="$address/24" state_dir="/srv/$name/.gracekeeper" exports="/srv/$name/export 10.77.0.0/24(rw,no_root_squash,no_subtree_check)" $* op start timeout=240s interval=0s op stop timeout=180s interval=0s op monitor interval=${MONITOR[1]} timeout=60s
		group g-$name fs-$name $name meta resource-stickiness=1000
		location first-$name g-$name 100: node1
	X
}
parameter() { cluster crm_resource -r "$1" -p "$2" -v "$3" -Q && settled; } # NAME PARAMETER VALUE
keep() { program "$1" "$2" keeper.py --slots --share "${@:5}" "/mnt/$3/$2" "$4"; } # HOST NAME MOUNT COUNT [OPTION]
# end HOST NAME...: programs, some of which may have ended; nobody asks what they logged.
end() {
	local host=$1 load rest=()
	shift
	on "$host" systemctl stop "${@/#/load-}" 2>/dev/null
	for load in "${LOADS[@]}"; do
		[[ ${load%%:*} == "$host" && " $* " == *" ${load#*:} "* ]] || rest+=("$load")
	done
	LOADS=("${rest[@]}")
}
killed() { # HOST NAME...: while nobody answers, over NFSv3 an orderly end would wait for the server
	on "$1" systemctl kill -s KILL "${@:2}" 2>/dev/null
	:
}
has_ended() { on "$1" sh -c "! systemctl -q is-active load-$2"; } # HOST NAME
count() { guest "$1" server.py count "/srv/$2"; }                  # NODE NAME
has() {                                                            # NODE NAME "nlm N, v4 N"
	local got
	got=$(count "$1" "$2")
	printf '%s: %s\n' "$2" "$got"
	[ "$got" = "$3" ]
}
says() { # TEXT PATTERN
	printf '%s\n' "$1"
	grep -qE -- "$2" <<<"$1"
}
stop_service() { cluster crm_resource -r "g-$1" --meta -p target-role -v Stopped -Q && wait_stopped "$1" && settled; }
start_service() { cluster crm_resource -r "g-$1" --meta -p target-role -v Started -Q && wait_started "$1" node1; }
now() { on "$1" date '+%F %T'; }
log_of() { on "$1" journalctl -b -o cat --no-pager -u gracekeeperd --since "$2"; }  # NODE SINCE
kernel_of() { on "$1" journalctl -k -b -o cat --no-pager --since "$2"; }            # HOST SINCE
kernel_says() { says "$(kernel_of "$1" "$2")" "$3"; }                               # HOST SINCE PATTERN
no_loss() { ! kernel_says "$1" "$2" 'lost [0-9]+ locks|ailed to reclaim'; }         # HOST SINCE
unmounts() { on node1 grep -ac 'Trying to unmount /srv/a' /var/log/pacemaker/pacemaker.log; }
serves() { on "$1" sh -c "gracekeeper status --json $2 | grep -q '\"state\" : \"serving\"'"; } # NODE NAME
answers() { on "$1" nc -z -w 10 "$2" 2049; } # HOST ADDRESS
refuses() { ! answers "$@"; }
ends_foreign() { says "$(log_of node1 "$1")" 'enforce: ended all that NFSv4\.2 10\.77\.0\.53:[0-9]+ \(through 10\.77\.0\.11\) had'; } # SINCE
ordered() { on "$1" systemctl -q is-active gracekeeper-node.target; } # NODE
restarts() { kernel_of "$1" "$2" | grep -cE 'NFSD: (starting [0-9]+-second grace|no clients to reclaim)'; } # NODE SINCE
# On the lab's other network, from which nodes tell hosts too, clients are not.
all_have_answered() { # NODE
	on "$1" sh -c 'for unit in $(systemctl list-units --all --plain --no-legend "gracekeeper-notify-node*" | cut -d " " -f 1); do
		which=${unit#*@} which=${which%.service}
		echo "$which" && grep "^192\.168\.77\." "/run/gracekeeper-notify/$which/hosts" || exit 1
	done'
}
both_kept() { # NODE SINCE: all of both services is there when their recovery has ended
	local name host
	for name in a b; do check "recovery of $name ends" until_true 120 serves "$1" $name; done
	check "all locks of a are there" until_true 40 has "$1" a 'nlm 4, v4 4'
	check "and of b" until_true 40 has "$1" b 'nlm 4, v4 2'
	for host in client1 client2; do check "$host has lost none" no_loss "$host" "$2"; done
}
# gives_up HOST NAME PROGRAM: one that has been killed still waits for the server as it closes its files, for as long as it takes.
gives_up() { on "$1" sh -c "umount -f /mnt/$2; systemctl show --value -p ActiveState load-$3 | grep -E 'inactive|failed'"; }
# A mount that has lost its server's state is used no more.
drop_mount() { on "$1" umount -f -l "/mnt/$2"; MOUNTED[$1]=${MOUNTED[$1]/" /mnt/$2"/}; } # HOST NAME

for i in 0 1; do need "storage" storage $i "$([ $i = 0 ] && echo a || echo b)"; done
for node in "${NODES[@]}"; do
	need "a directory of $node's own" on "$node" mkdir -p /var/tmp/own
	need "the nfsd of $node" guest "$node" bare-nfsd start /var/tmp/own $OWN_LEASE $OWN_GRACE $SCOPE
done
begin_audit
need "configuration" configure < <(several && shared a 0 $ADDRESS_A enforce=yes && shared b 1 $ADDRESS_B)
need "they start" settled
for name in a b; do need "service $name is on node1" wait_started $name node1; done
for node in "${NODES[@]}"; do
	need "the grace of $node's own start ends" until_true 90 on "$node" sh -c 'grep -q Y /proc/fs/nfsd/v4_end_grace && grep -q Y /proc/fs/lockd/nlm_end_grace'
done
SVC=a
need "mount" mount_nfs client1 a3 $ADDRESS_A vers=3,hard
need "mount" mount_nfs client1 a4 $ADDRESS_A vers=4.2,hard
need "mount" mount_nfs client3 a3 $ADDRESS_A vers=3,hard
SVC=b
need "mount" mount_nfs client2 b3 $ADDRESS_B vers=3,hard
need "mount" mount_nfs client2 b4 $ADDRESS_B vers=4.1,hard
need "mount" mount_nfs client3 b3 $ADDRESS_B vers=3,hard
need "3 locks on b over NFSv3" keep client2 b-v3 b3 3
need "2 locks on b over NFSv4.1" keep client2 b-v4 b4 2
need "1 lock on b of a host that uses both" keep client3 b-both b3 1
need "they are there" has node1 b 'nlm 4, v4 2'

event "enforce: the exports' clients come through the services' addresses only"
check "not through the node's own" refuses client1 10.77.0.11
check "the services' answer" answers client1 $ADDRESS_A
check "of whichever exports to them" answers client1 $ADDRESS_B
check "a node without such a service refuses nobody" answers client1 10.77.0.12
check "a node with one keeps its nfsd until Pacemaker has ended" ordered node1
check "another does not" eval '! ordered node2'
SVC=a
since=$(now node1)
need "nobody monitors" cluster crm_attribute -n maintenance-mode -v true
need "no monitor is under way" settled
need "somebody takes the rules away" on node1 nft delete table inet gracekeeper_node
need "mount through the node's own address" mount_nfs client3 own 10.77.0.11 vers=4.2,hard
need "a lock on a through it" keep client3 foreign own 1 --idle
need "monitors go on" cluster crm_attribute -n maintenance-mode -D
check "the next one makes the rules again" until_true 90 refuses client1 10.77.0.11
check "its client is ended" until_true 90 ends_foreign "$since"
check "and its lock is gone" until_true 20 has node1 a 'nlm 0, v4 0'
# It does not reach its server any more.
killed client3 load-foreign
need "its program gives up" until_true 60 gives_up client3 own foreign
end client3 foreign
drop_mount client3 own
need "the rules go with their marker, as with an emergency stop" on node1 sh -c \
	'rm /run/gracekeeper/enforce && nft delete table inet gracekeeper_node'
check "the next monitor makes them again" until_true 60 refuses client1 10.77.0.11

event "stops of a, $ROUNDS times"
unmounted=$(unmounts)
for ((round = 1; round <= ROUNDS; round++)); do
	# Idle: one that writes would get an error, end, and so release what the server has left it.
	need "round $round: locks on a over NFSv3" keep client1 "a-v3-$round" a3 3 --idle
	need "round $round: over NFSv4.2" keep client1 "a-v4-$round" a4 2 --idle
	need "round $round: of a host that uses both" keep client3 "a-both-$round" a3 1 --idle
	need "round $round: a waiter" on client3 systemd-run -q --collect --unit load-waiter flock "/mnt/a3/a-v3-$round" true
	need "round $round: they are there" has node1 a 'nlm 4, v4 2'
	since=$(now node1)
	check "round $round: service a stops" stop_service a
	log=$(log_of node1 "$since")
	check "round $round: the log has the kernel's word" says "$log" "service a: stop: unlock_ip $ADDRESS_A: the kernel says done"
	# lockd of 6.12 tells a waiter to come back, and forgets it.
	check "round $round: and what was seen" says "$log" \
		'service a: stop: seen: ([45]) of \1 NLM locks and waiters, ([2-9]) of \2 NFSv4 states, 2 of 2 NFSv4 locks are gone'
	check "round $round: and the proof" says "$log" \
		'service a: stop: stopped: no address, no export, no lock and no open of an NFS client left'
	check "round $round: nobody has lost anything of b" has node1 b 'nlm 4, v4 2'
	killed client1 "load-a-v3-$round" "load-a-v4-$round"
	killed client3 "load-a-both-$round" load-waiter
	need "round $round: service a starts" start_service a
	end client1 "a-v3-$round" "a-v4-$round"
	end client3 "a-both-$round"
	need "round $round: nothing is held of a" until_true 60 has node1 a 'nlm 0, v4 0'
done
same "each time its file system was unmounted at the first try" $((unmounted + ROUNDS)) "$(unmounts)"
check "nor has anybody by its starts" has node1 b 'nlm 4, v4 2'
check "b's clients still work" on client2 timeout 60 sh -c 'echo x >/mnt/b4/works && echo x >/mnt/b3/works'

event "grace=none: b moves, and its clients lose what they have of it, and nobody anything else"
need "locks on a over NFSv3" keep client1 a-v3 a3 3
need "over NFSv4.2" keep client1 a-v4 a4 2
since=$(now client2)
check "service b moves to node2" move b node2
check "an NFSv3 host is refused" until_true 60 kernel_says client2 "$since" 'ailed to reclaim lock'
check "an NFSv4.1 client gets an I/O error" until_true 60 has_ended client2 b-v4
check "nothing is held of b" has node2 b 'nlm 0, v4 0'
check "new locks can be had at once" on client2 timeout 30 flock /mnt/b3/at-once true
check "nobody has lost anything of a" has node1 a 'nlm 3, v4 2'
end client1 a-v3 a-v4
end client2 b-v3 b-v4
end client3 b-both

event "grace=restart: a moves to a node that serves b"
for name in a b; do need "grace=restart" parameter $name grace restart; done
need "service a is started" wait_started a node1
need "service b is started" wait_started b node2
SVC=a
need "mount" mount_nfs client1 a40 $ADDRESS_A vers=4.0,hard
need "locks on a over NFSv3" keep client1 a-v3 a3 3
need "over NFSv4.2" keep client1 a-v4 a4 2
need "over NFSv4.0" keep client1 a-v40 a40 2
need "locks on b over NFSv3" keep client2 b-v3 b3 3
need "over NFSv4.1" keep client2 b-v4 b4 2
need "of a host that uses both, on a" keep client3 a-both a3 1
need "and on b" keep client3 b-both b3 1
need "they are there" has node1 a 'nlm 4, v4 4'
need "and of b" has node2 b 'nlm 4, v4 2'
since=$(now node2)
check "service a moves to node2" move a node2
begun=$SECONDS
check "nobody gets a new lock on b before grace is over" on client2 sh -c '! timeout 5 flock /mnt/b3/cost true'
check "all locks of a are there" until_true 40 has node2 a 'nlm 4, v4 4'
check "and of b" until_true 40 has node2 b 'nlm 4, v4 2'
same "nfsd there has restarted once" 1 "$(log_of node2 "$since" | grep -c "restarting the node's nfsd")"
check "but then" on client2 timeout 120 flock /mnt/b3/cost true
event "a new lock on b was granted $((SECONDS - begun)) s after a had come; grace periods there are $OWN_GRACE s"
both_kept node2 "$since"
check "client3 has lost none" no_loss client3 "$since"

event "grace=restart: a stops, and a host uses both over NFSv4.2"
SVC=b
need "mount" mount_nfs client3 b4 $ADDRESS_B vers=4.2,hard
SVC=a
need "mount" mount_nfs client3 a4 $ADDRESS_A vers=4.2,hard
need "a lock on b" keep client3 b-trunk b4 1 --idle
need "a lock on a" keep client3 a-trunk a4 1 --idle
need "they are there" has node2 b 'nlm 4, v4 3'
need "and of a" has node2 a 'nlm 4, v4 5'
same "a monitor of a is degraded: the client comes through b's address" 190 "$(verdict node2)"
check "status says who" says "$(on node2 gracekeeper status a)" 'remark .*NFSv4\.2 10\.77\.0\.53:[0-9]+ \(through 10\.77\.0\.101\)'
since=$(now node2)
check "service a stops" stop_service a
log=$(log_of node2 "$since")
check "the log has why nfsd restarts" says "$log" 'service a: stop: NFSv4\.2 10\.77\.0\.53:[0-9]+ has state of other services too'
check "and that it does" says "$log" "service a: stop: restarting the node's nfsd"
killed client3 load-a-trunk
end client3 a-trunk
check "service a starts on node1" start_service a
check "all of b is there, the host's own too" until_true 40 has node2 b 'nlm 4, v4 3'
check "all of a is back, but what came through b's address" until_true 40 has node1 a 'nlm 4, v4 4'
check "recovery of a ends" until_true 90 serves node1 a
check "recovery of b ends" until_true 90 serves node2 b
check "all of b is there still" has node2 b 'nlm 4, v4 3'
check "all of a is there still" has node1 a 'nlm 4, v4 4'
for host in client1 client2; do check "$host has lost none" no_loss "$host" "$since"; done
drop_mount client3 a4
end client3 b-trunk

event "grace=restart: a moves to a node that serves b, where the helper is killed when it has stopped nfsd"
# Of client3 there are opens only: which of them are lost is not for sure.
need "client3 is a client of node1" mount_nfs client3 meet $ADDRESS_A vers=4.2,hard
need "client3 has a file of a open" keep client3 meet meet 0 --idle
need "and one of b, on node2" keep client3 b-open b4 0 --idle
since=$(now node2)
need "somebody waits for the moment" on node2 systemd-run -q --collect --unit kill-helper sh -c '
	until [ -e /run/gracekeeper/restart/threads ] && read -r threads </proc/fs/nfsd/threads && [ "$threads" = 0 ]; do sleep 0.05; done
	systemctl kill -s KILL gracekeeperd'
need "service a is to move to node2" cluster crm_resource --move -r g-a -N node2 -Q
check "service a is started there all the same" wait_started a node2 400
need "it may move again" cluster crm_resource --clear -r g-a -Q
log=$(log_of node2 "$since")
check "the next helper went on with the restart" says "$log" 'a restart of nfsd did not end: going on with it'
check "who was a client of both nodes is named" says "$log" 'service a: start: NFSv4 hosts used it on one node, .*client3'
killed client3 load-meet load-b-open
end client3 meet b-open
for name in meet b4; do drop_mount client3 $name; done
both_kept node2 "$since"
check "nothing of the restart is left" on node2 sh -c \
	'! [ -e /run/gracekeeper/restart/threads ] && ! nft list tables | grep gracekeeper_restart'

event "grace=restart: node2 becomes a standby, and both services come to node1 together"
# An emulated node mounts one a while after the other.
need "their starts begin together" configure <<<'order together Optional: ( fs-a fs-b ) ( a b )'
since=$(now node1)
need "node2 is a standby" cluster crm_standby -N node2 -v on
for name in a b; do check "service $name is started on node1" wait_started $name node1 400; done
same "nfsd there has restarted once" 1 "$(restarts node1 "$since")"
both_kept node1 "$since"
need "node2 is back" cluster crm_standby -N node2 -D
need "the order is gone" cluster crm -F configure delete together

need "the logs come home" end_programs
for host in "${!MOUNTED[@]}"; do
	# shellcheck disable=SC2086 # a list of mount points
	on "$host" umount -f -l ${MOUNTED[$host]}
done
MOUNTED=()
# What they had to say of their losses was asked for above.
for host in "${CLIENTS[@]}"; do guest "$host" kernel-log mark; done
for name in b a; do check "service $name stops" remove $name; done
for node in "${NODES[@]}"; do
	check "nothing is left on $node" on "$node" sh -c '
		! ls /etc/exports.d/gracekeeper-* /run/gracekeeper/restart/threads 2>/dev/null | grep . &&
		! ip address show | grep -F -e 10.77.0.100 -e 10.77.0.101 && ! nft list tables | grep gracekeeper'
	check "$node ends its nfsd and Pacemaker in any order" eval "! ordered $node"
	check "nor anybody who tells hosts, but from where they do not answer" until_true 60 all_have_answered "$node"
	need "which would go on for a quarter of an hour" on "$node" systemctl stop 'gracekeeper-notify-node@*'
	need "the nfsd of $node ends" guest "$node" bare-nfsd stop
	if [ "$KERNEL" = 6.1 ]; then
		# Its lockd complains of hosts that hold locks when nfsd stops, as with every restart of nfs-server.service; client3 may.
		check "$node's kernel has nothing else to complain" guest "$node" kernel-log show client3
		guest "$node" kernel-log mark
	fi
done
audit
