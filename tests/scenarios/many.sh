# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: the last of many services on a node starts as quickly as the first, and no other notices that one moves
#
# MANY services (64, or as the environment says) on one node, each with a small file system of its own, the lab's disks in
# parts. How long the first takes to start alone, and the last beside all others; all at once, AT_ONCE (all) at a time; a round
# of monitors beside as many of ocf:pacemaker:Dummy; what memory they have; how many slots a new NFSv4.1 session gets before and
# after other services came and went; one that moves MOVES times (20) while another's clients write, over NFSv3 and NFSv4.2,
# beside a group of Filesystem and Dummy that moves as often. With many services the nodes need more memory (LAB_NODE_MEMORY).

MANY=${MANY:-64} MOVES=${MOVES:-20} ROUNDS=${ROUNDS:-5} AT_ONCE=${AT_ONCE:-$MANY}
# Where all start at a time each takes as much longer, and one that has used up half of its grace by then fails.
((GRACE >= 240)) || GRACE=240
DISKS=4 MONITOR=(600s 600s)
PER_DISK=$(((MANY + 1 + DISKS - 1) / DISKS))
# In sectors of 512 bytes, of a disk of 1 GiB whose first and last MiB are left alone.
PART=$(((2 * 1024 * 1024 - 4096) / PER_DISK))
PREFIX=many # many01, many02, ...

name() { printf '%s%02d' "$PREFIX" "$1"; }         # NUMBER
address() { echo "10.77.0.$((100 + $1))"; }        # NUMBER
part() { echo "$((($1 - 1) % DISKS))-part$((($1 - 1) / DISKS + 1))"; } # NUMBER: as the name of a disk goes on
names() { for ((i = 1; i <= MANY; i++)); do name $i; echo; done; }

# The parts are not written anywhere: each node is told (BLKPG), and udev names them.
parts() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" sh -ec "for disk in \$(seq 0 $((DISKS - 1))); do for part in \$(seq 1 $PER_DISK); do
			addpart /dev/disk/by-id/virtio-shared\$disk \$part \$((2048 + (part - 1) * $PART)) $PART
		done; done; udevadm settle" || return 1
	done
}

no_parts() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" sh -c "for disk in \$(seq 0 $((DISKS - 1))); do for part in \$(seq 1 $PER_DISK); do
			delpart /dev/disk/by-id/virtio-shared\$disk \$part
		done; done; udevadm settle"
	done
}

# Like storage(), for all of them in one go; the last is for the group without a service.
file_systems() {
	local number list=''
	for ((number = 1; number <= MANY; number++)); do list+="$(part "$number"):$(name "$number") "; done
	on node1 sh -ec "for one in $list $(part $((MANY + 1))):plain; do
		disk=\${one%%:*} name=\${one#*:}
		mkfs.ext4 -q -F /dev/disk/by-id/virtio-shared\$disk
		mkdir -p /srv/\$name
		mount /dev/disk/by-id/virtio-shared\$disk /srv/\$name
		mkdir /srv/\$name/export /srv/\$name/.gracekeeper
		umount /srv/\$name
	done" || return 1
	on node2 sh -c "for one in $list; do mkdir -p /srv/\${one#*:}; done; mkdir -p /srv/plain"
}

configuration() {
	local number
	for ((number = 1; number <= MANY; number++)); do
		service "$(name "$number")" "$(part "$number")" "$(address "$number")/24" |
			sed -E 's/resource-stickiness=1000$/& target-role=Stopped/; s/(start|stop) timeout=[0-9]+s/\1 timeout=1200s/g'
		echo "location l-$number g-$(name "$number") 50: node1"
		echo "primitive dummy$number ocf:pacemaker:Dummy op monitor interval=0 timeout=60s op start timeout=60s interval=0s op stop timeout=60s interval=0s meta target-role=Stopped"
	done
	cat <<-Y
		primitive fs-plain Filesystem params device="/dev/disk/by-id/virtio-shared$(part $((MANY + 1)))" directory="/srv/plain" fstype=ext4 op start timeout=120s interval=0s op stop timeout=120s interval=0s op monitor interval=20s timeout=120s
		primitive plain ocf:pacemaker:Dummy op start timeout=60s interval=0s op stop timeout=60s interval=0s op monitor interval=10s timeout=60s
		group g-plain fs-plain plain meta resource-stickiness=1000 target-role=Stopped
		location l-plain g-plain 50: node1
	Y
	several
}

role() { cluster crm_resource -r "g-$1" --meta -p target-role -v "$2" -Q >/dev/null; } # NAME Started|Stopped
is_up() { role "$1" Started && wait_started "$1" node1; }
is_down() { role "$1" Stopped && wait_stopped "$1"; }

# took NAME: how long its last start took, as the helper has it, in s.
took() {
	on node1 journalctl -b -o cat --no-pager -u gracekeeperd | sed -n "s/.*service $1: started in \([0-9.]*\) s.*/\1/p" | tail -n 1
}

# starts NAME: as many starts as there are rounds, and their times, which go to a file too.
starts() {
	local round
	for ((round = 0; round < ROUNDS; round++)); do
		is_up "$1" || return 1
		took "$1" >>"$OUT/starts-$1"
		if ((round + 1 < ROUNDS)); then is_down "$1" || return 1; fi
	done
	say "      $1 starts in $(tr '\n' ' ' <"$OUT/starts-$1")s"
}

median() { python3 -c 'import statistics, sys; print(statistics.median(map(float, sys.stdin)))' <"$1"; } # FILE

# so_many_run NUMBER: so many of them are started on node1, and not only being started.
so_many_run() {
	[ "$(cluster crm_mon -1 --include=none,resources | grep -cE "${PREFIX}[0-9]+[[:space:]]+\(ocf:gracekeeper:nfs\):[[:space:]]+Started node1$")" = "$1" ]
}
# at_a_time NUMBER: so many actions may the cluster have under way on a node.
at_a_time() { cluster crm configure property "node-action-limit=$1"; }
decided() { so_many_run "$MANY" || { cluster true && ! no_failures; }; } # all run, or one has failed
is_restarted() { is_down "$1" && is_up "$1"; } # NAME
slots() { on client1 "$GUEST_DIR/slots.py" "$1"; } # ADDRESS

to_and_fro() { # GROUP
	local to=node2 move
	for ((move = 0; move < MOVES; move++)); do
		need "$1 moves to $to" move "$1" "$to"
		to=$(other "$to")
	done
}

FIRST=$(name 1) LAST=$(name "$MANY")
need "parts of the disks" parts
need "file systems" file_systems
begin_audit
configuration >"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "the cluster settles" settled 600s
before=$(guest node1 memory)

event "the first alone"
need "the first starts and stops" starts "$FIRST"
event "all but the last, as many at a time as other scenarios have"
begun=$EPOCHREALTIME
for name in $(names); do [ "$name" = "$LAST" ] || role "$name" Started; done
need "all but the last are started" until_true 1800 so_many_run $((MANY - 1))
say "      $((MANY - 1)) services are started $(python3 -c 'import sys; print(round(float(sys.argv[2]) - float(sys.argv[1]), 1))' "$begun" "$EPOCHREALTIME") s after they were asked for"
event "the last beside all others"
need "the last starts and stops" starts "$LAST"
first=$(median "$OUT/starts-$FIRST") last=$(median "$OUT/starts-$LAST")
say "      medians: the first $first s, the last $last s"
check "the last starts in at most 1.3 times the time of the first" \
	python3 -c 'import sys; sys.exit(float(sys.argv[2]) > 1.3 * float(sys.argv[1]))' "$first" "$last"

event "all start at once, as after an outage of all nodes, up to $AT_ONCE at a time"
for node in "${NODES[@]}"; do need "$node becomes a standby" cluster crm_standby -N "$node" -v on; done
need "all are stopped" until_true 1800 so_many_run 0
need "node1 may do $AT_ONCE things at a time" at_a_time "$AT_ONCE"
# Watched from the node that has nothing to do.
CLUSTER_NODE=node2
begun=$EPOCHREALTIME
need "node1 is back" cluster crm_standby -N node1 -D
need "all are started, or one has failed" until_true 3600 decided
total=$(python3 -c 'import sys; print(round(float(sys.argv[2]) - float(sys.argv[1]), 1))' "$begun" "$EPOCHREALTIME")
check "all are started" so_many_run "$MANY"
check "none has failed" no_failures
CLUSTER_NODE=node1
need "the cluster does as few things at a time as before" configure < <(several)
if so_many_run "$MANY"; then
	for name in $(names); do took "$name"; done >"$OUT/at-once"
	say "      all $MANY are started after $total s; each one's start, median: $(median "$OUT/at-once") s, longest: $(sort -g "$OUT/at-once" | tail -n 1) s"
else
	# The other parts are measured all the same.
	cluster crm_resource --cleanup
	need "all are started, few at a time" until_true 1800 so_many_run "$MANY"
fi
need "node2 is back" cluster crm_standby -N node2 -D
for number in 1 "$MANY"; do SVC=$(name "$number"); check "grace of $SVC ends" wait_recovered node1; done
say "      MiB, with no service:  $before"
# shellcheck disable=SC2046 # a list of names
say "      MiB, with $MANY services: $(guest node1 memory $(names))"

event "monitors"
# shellcheck disable=SC2046 # a list of names
guest node1 agent-costs.py --rounds 0 --monitors 3 $(names) $(seq -f 'dummy%g' 1 "$MANY") >"$OUT/costs"
check "a round of monitors costs at most 1.5 times the CPU of as many Dummy monitors" python3 -c 'import json, sys
costs = [json.loads(line) for line in open(sys.argv[1])]
def total(agent, what): return sum(cost[what] for cost in costs if cost.get("agent") == agent)
ours, helper, dummies = total("nfs", "cpu"), total("nfs", "helper"), total("Dummy", "cpu")
print(f"CPU of a round: {ours:.3f} s, of which the helper has {helper:.3f} s ({helper / ours:.0%}); of Dummy monitors {dummies:.3f} s")
sys.exit(not 0 < ours <= 1.5 * dummies)' "$OUT/costs"
sed 's/^/      /' "$OUT/last" >&3
check "the helper has at most 64 MB, and 0.5 MB for each further service" python3 -c 'import json, sys
memory = [json.loads(line) for line in open(sys.argv[1])][-1]["memory"]
limit = 64 + 0.5 * (int(sys.argv[2]) - 1)
print(f"the helper has {memory} MB resident with {sys.argv[2]} services: at most {limit} MB")
sys.exit(memory > limit)' "$OUT/costs" "$MANY"
sed 's/^/      /' "$OUT/last" >&3

event "slots of NFSv4.1 sessions"
SVC=$FIRST
before=$(slots "$(address 1)")
need "sessions that stay" program client1 slots-a slots.py --hold --sessions 20 "$(address 1)"
with=$(slots "$(address 1)")
need "another service stops" is_down "$LAST"
need "and starts" is_up "$LAST"
after_start=$(slots "$(address 1)")
on client1 systemctl stop load-slots-a
LOADS=()
after_close=$(slots "$(address 1)")
need "the other starts anew" is_restarted "$LAST"
anew=$(slots "$(address 1)")
say "      slots of a new session: $before at first, $with beside 20 others, $after_start when another service had started,"
say "      $after_close when the sessions from before that had closed, $anew after another start"
check "a new session has as many slots as at first, whatever other services do" \
	[ "$before $before $before" = "$after_start $after_close $anew" ]

event "one moves, another's clients write"
measure_clocks
SVC=$FIRST
need "mount" mount_nfs client1 first3 "$(address 1)" vers=3,hard
need "mount" mount_nfs client1 first42 "$(address 1)" vers=4.2,hard
check "grace of $FIRST has ended" wait_recovered node1
need "sampler of its grace" on node1 systemd-run -q --collect --unit load-grace -- nsenter "--net=/run/netns/gk-$FIRST" \
	"--mount=/run/gracekeeper/ns/$FIRST" -- "$GUEST_DIR/server.py" grace --log /var/tmp/grace.log "$FIRST"
need "an NFSv3 client of the first" hold client1 first-v3 first3 "NFSv3 of $FIRST" f:0+2
need "an NFSv4.2 client of the first" hold client1 first-v42 first42 "NFSv4.2 of $FIRST" f:2+2
need "the group without a service starts" is_up plain
before=$(slots "$(address 1)")
event "a file system and a Dummy move beside it" '"phase": "plain"'
to_and_fro plain
event "service $LAST moves beside it" '"phase": "service"'
to_and_fro "$LAST"
event "moves are over" '"phase": "after"'
same "slots of a new session of $FIRST, before and after" "$before" "$(slots "$(address 1)")"
on node1 systemctl stop load-grace
need "the sampler's log" "$LAB" get node1 /var/tmp/grace.log "$OUT/grace.log"
check "the logs come home" end_load
same "locks lost" 0 "$(field lost "$TOTALS")"
same "I/O errors of the clients" 0 "$(field io_errors "$TOTALS")"
for client in first-v3 first-v42; do
	plain=$(field "phases.plain.$client" "$TOTALS") moving=$(field "phases.service.$client" "$TOTALS")
	check "$client: its longest gap ($moving s) is at most 1 s above that beside Filesystem and Dummy ($plain s)" \
		python3 -c 'import sys; sys.exit(float(sys.argv[1]) > float(sys.argv[2]) + 1.0)' "$moving" "$plain"
done
same "the grace of $FIRST, as sampled: states seen" "v4_ended=True nlm_ended=True" "$(python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print("; ".join("v4_ended=%s nlm_ended=%s" % (l["v4_ended"], l["nlm_ended"]) for l in lines if l["e"] == "grace"))' "$OUT/grace.log")"

event "all stop"
for name in $(names) plain; do role "$name" Stopped; done
need "all are stopped" until_true 1800 so_many_run 0
# shellcheck disable=SC2046 # a list of names
need "their configuration is gone" cluster crm -F configure delete $(names | sed 's/^/g-/') $(names | sed 's/^/fs-/') $(names) \
	$(seq -f 'dummy%g' 1 "$MANY") g-plain fs-plain plain
no_parts
audit
