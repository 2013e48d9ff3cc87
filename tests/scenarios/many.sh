# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: the last of many services on a node starts as quickly as the first, and no other notices that one moves
#
# MANY services (64, or as the environment says) on one node, each with a small file system of its own, the lab's disks in
# parts. PARTS says which of these are run, all by default, always in this order. Any of them can be run alone, in a lab of its
# own: what it needs is started before. Their results have their names in front.
#   starts    how long the first takes to start alone, and the last beside all others, ROUNDS times (5) each
#   at-once   all start at once, up to AT_ONCE (all) at a time, as after an outage of all nodes
#   monitors  a round of monitors beside as many of ocf:pacemaker:Dummy; memory, the helper's and each daemon's; the command line
#   slots     how many slots a new NFSv4.1 session gets, and how much such a client reads, before and after others come and go
#   moves     one moves MOVES times (20) while another's clients write, over NFSv3 and NFSv4.2, beside a group of Filesystem and
#             Dummy that moves as often
#   groups    TOGETHER (8, or all but one) of them move together, there and back, while clients hold locks over NFSv3, NFSv4.0 and NFSv4.2
#   standby   all of them move, when their node becomes a standby, and back, with the same clients
#   stop      all stop, and nothing of them is left. Without this part the last look is at the services as they run, and the
#             lab is good for nothing else afterwards
# With many services the nodes need more memory (LAB_NODE_MEMORY): some 40 MiB for each service, beside 450 for the node.

MANY=${MANY:-64} MOVES=${MOVES:-20} ROUNDS=${ROUNDS:-5} AT_ONCE=${AT_ONCE:-$MANY} TOGETHER=${TOGETHER:-$((MANY > 8 ? 8 : MANY - 1))}
ALL_PARTS='starts at-once monitors slots moves groups standby stop'
PARTS=${PARTS:-$ALL_PARTS}
# Where all start at a time each takes as much longer, and one that has used up half of its grace by then fails.
((GRACE >= 240)) || GRACE=240
# What monitors cost is measured by itself. Those of so many every ten minutes would take a third of an emulated node's time.
DISKS=4 MONITOR=(3600s 3600s)
# In seconds, for what takes as long as it takes: an emulated node needs ten and more for a start with its file system.
PATIENCE=7200
# Commands of the cluster are run, and it is watched, where nothing else is to be done: to list so many resources takes an emulated
# node a second or two.
CLUSTER_NODE=node2
PER_DISK=$(((MANY + 1 + DISKS - 1) / DISKS))
# All numbers have two digits: Filesystem's stop unmounts what is on a device whose name begins with its own's (docs/storage.md).
PART1=10 PARTN=$((10 + PER_DISK - 1))
# In sectors of 512 bytes, of a disk of 1 GiB whose first and last MiB are left alone.
SLICE=$(((2 * 1024 * 1024 - 4096) / PER_DISK))
PREFIX=many # many01, many02, ...

wanted() { [[ " $PARTS " == *" $1 "* ]]; } # PART
name() { printf '%s%02d' "$PREFIX" "$1"; }  # NUMBER
address() { echo "10.77.0.$((100 + $1))"; } # NUMBER
slice() { echo "$((($1 - 1) % DISKS))-part$((PART1 + ($1 - 1) / DISKS))"; } # NUMBER: as the name of a disk goes on
names() { for ((i = 1; i <= MANY; i++)); do name $i; echo; done; }
FIRST=$(name 1) LAST=$(name "$MANY")

right_parts() {
	local part
	for part in $PARTS; do
		[[ " $ALL_PARTS " == *" $part "* ]] || { echo "there is no part $part, but: $ALL_PARTS"; return 1; }
	done
	((MANY >= 4 && MANY <= 150 && TOGETHER < MANY)) || { echo "MANY has to be 4 to 150, and more than TOGETHER"; return 1; }
}

# Else the kernel would begin to kill, half an hour from now.
has_memory() { # NODE
	local mib need=$((400 + 34 * MANY))
	# shellcheck disable=SC2016 # awk's
	mib=$(on "$1" awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
	((mib >= need)) || { echo "$1 has $mib MiB, $MANY services need $need: set LAB_NODE_MEMORY to $((need * 106 / 100))"; return 1; }
}

# The slices are not written anywhere: each node is told (BLKPG), and udev names them.
slices() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" sh -ec "for disk in \$(seq 0 $((DISKS - 1))); do for part in \$(seq $PART1 $PARTN); do
			addpart /dev/disk/by-id/virtio-shared\$disk \$part \$((2048 + (part - $PART1) * $SLICE)) $SLICE
		done; done; udevadm settle --timeout=600" || return 1
	done
}

# no_slices NODE: which the kernel refuses for one that anybody has mounted, in whatever namespace.
no_slices() {
	on "$1" sh -c "for disk in \$(seq 0 $((DISKS - 1))); do for part in \$(seq $PART1 $PARTN); do
		device=/dev/disk/by-id/virtio-shared\$disk
		[ ! -e \$device-part\$part ] || delpart \$device \$part || echo \$device-part\$part
	done; done >/run/gracekeeper-tests.busy 2>&1; udevadm settle --timeout=600
	cat /run/gracekeeper-tests.busy; [ ! -s /run/gracekeeper-tests.busy ]"
}

# Like storage(), for all of them in one go; the last is for the group without a service.
file_systems() {
	local number list=''
	for ((number = 1; number <= MANY; number++)); do list+="$(slice "$number"):$(name "$number") "; done
	on node1 sh -ec "mkdir -p /var/tmp/tree/export /var/tmp/tree/.gracekeeper
	for one in $list $(slice $((MANY + 1))):plain; do
		mkfs.ext4 -q -F -d /var/tmp/tree /dev/disk/by-id/virtio-shared\${one%%:*}
		mkdir -p /srv/\${one#*:}
	done" || return 1
	on node2 sh -c "for one in $list; do mkdir -p /srv/\${one#*:}; done; mkdir -p /srv/plain"
}

configuration() {
	local number
	for ((number = 1; number <= MANY; number++)); do
		service "$(name "$number")" "$(slice "$number")" "$(address "$number")/24" |
			sed -E 's/resource-stickiness=1000$/& target-role=Stopped/; s/ timeout=[0-9]+s/ timeout=1200s/g'
		echo "location l-$number g-$(name "$number") 50: node1"
	done
	cat <<-Y
		primitive fs-plain Filesystem params device="/dev/disk/by-id/virtio-shared$(slice $((MANY + 1)))" directory="/srv/plain" fstype=ext4 op start timeout=120s interval=0s op stop timeout=120s interval=0s op monitor interval=20s timeout=120s
		primitive plain ocf:pacemaker:Dummy op start timeout=60s interval=0s op stop timeout=60s interval=0s op monitor interval=10s timeout=60s
		group g-plain fs-plain plain meta resource-stickiness=1000 target-role=Stopped
		location l-plain g-plain 50: node1
	Y
	# The probes of all on both nodes take minutes, which one of the parts is enough for.
	if wanted starts; then several; else echo "$(several) enable-startup-probes=false"; fi
}

probes_as_usual() { cluster crm_attribute --type crm_config --name enable-startup-probes --delete || :; }

# roles Started|Stopped NAME...: in one change, since Pacemaker computes the whole cluster anew for each.
roles() {
	local role=$1 name
	shift
	{
		echo '<resources>'
		for name; do
			printf '<group id="g-%s"><meta_attributes id="g-%s-meta_attributes">' "$name" "$name"
			printf '<nvpair id="g-%s-meta_attributes-target-role" name="target-role" value="%s"/></meta_attributes></group>' "$name" "$role"
		done
		echo '</resources>'
	} | "$LAB" exec "$CLUSTER_NODE" -- cibadmin --modify --scope resources --xml-pipe
}

is_up() { roles Started "$1" && wait_started "$1" node1 600; }
is_down() { roles Stopped "$1" && wait_stopped "$1" 600; }
is_restarted() { is_down "$1" && is_up "$1"; } # NAME

# so_many_run NUMBER NODE: so many of them are started there, and not only being started.
so_many_run() {
	[ "$(cluster crm_mon -1 --include=none,resources | grep -cE "${PREFIX}[0-9]+[[:space:]]+\(ocf:gracekeeper:nfs\):[[:space:]]+Started $2$")" = "$1" ]
}
# decided NUMBER NODE: so many run there, or one has failed.
decided() {
	local out
	so_many_run "$@" || { out=$(failed_actions) && failures "$out"; }
}
come() { PAUSE=5 until_true $PATIENCE decided "$@" && so_many_run "$@"; } # NUMBER NODE: until so many run there
none_run() { # nor is one being stopped
	local out
	out=$(cluster crm_mon -1 --include=none,resources) || return 1
	! grep -E "(fs-)?${PREFIX}[0-9]+[[:space:]]" <<<"$out"
}

# at_a_time NUMBER: so many actions may the cluster have under way on a node. To change the property is not enough: the DC goes by
# what each node's controller has told it last, and that tells it only when its load comes to another class, at which it looks every
# half a minute (Pacemaker's daemons/controld/controld_throttle.c, throttle_send_command). So all nodes' load is made to look high,
# and then low again.
at_a_time() {
	property node-action-limit "$1" || return 1
	property load-threshold 1% && PAUSE=5 until_true 300 load_is 'low|medium|high|extreme' || return 1
	property load-threshold 10000% && PAUSE=5 until_true 300 load_is negligible
}
property() { cluster crm_attribute --type crm_config --name "$1" --update "$2"; } # NAME VALUE
load_is() { # CLASSES: that each node's controller has told last, one of these
	local node class
	for node in "${NODES[@]}"; do
		class=$(on "$node" sed -n 's/.*New throttle mode: \([a-z]*\) load.*/\1/p' /var/log/pacemaker/pacemaker.log | tail -n 1)
		[[ "|$1|" == *"|$class|"* ]] || { echo "the load of $node is $class"; return 1; }
	done
}
standby() { cluster crm_standby -N "$1" -v on; } # NODE
active() { cluster crm_standby -N "$1" -D; }     # NODE

elapsed() { python3 -c 'import sys; print(round(float(sys.argv[2]) - float(sys.argv[1]), 1))' "$1" "$EPOCHREALTIME"; } # SINCE
median() { python3 -c 'import statistics, sys; print(statistics.median(map(float, sys.stdin)))' <"$1"; } # FILE

# all_up: before a part that needs it. Where none has been started yet, all are, with as many at a time as other scenarios have.
all_up() {
	local begun=$EPOCHREALTIME
	so_many_run "$MANY" node1 && return
	# shellcheck disable=SC2046 # a list of names
	roles Started $(names) || return 1
	come "$MANY" node1 || return 1
	say "      all $MANY services are started $(elapsed "$begun") s after they were asked for"
}

# took NAME: how long its last start took, as the helper has it, in s. Its lines are among the last.
took() {
	on node1 journalctl -b -o cat --no-pager -n 500 -u gracekeeperd | sed -n "s/.*service $1: start: started in \([0-9.]*\) s.*/\1/p" | tail -n 1
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

starts_part() {
	local begun first last others
	event "the first alone"
	need "the first starts and stops" starts "$FIRST"
	event "all but the last, as many at a time as other scenarios have"
	mapfile -t others < <(names | grep -vx "$LAST")
	begun=$EPOCHREALTIME
	need "all but the last are asked for" roles Started "${others[@]}"
	need "all but the last are started" come $((MANY - 1)) node1
	say "      $((MANY - 1)) services are started $(elapsed "$begun") s after they were asked for"
	event "the last beside all others"
	need "the last starts and stops" starts "$LAST"
	first=$(median "$OUT/starts-$FIRST") last=$(median "$OUT/starts-$LAST")
	say "      medians: the first $first s, the last $last s"
	check "the last starts in at most 1.3 times the time of the first" \
		python3 -c 'import sys; sys.exit(float(sys.argv[2]) > 1.3 * float(sys.argv[1]))' "$first" "$last"
}

# most_at_a_time: of starts on standard input, as END NAME SECONDS, how many there were at one time.
most_at_a_time() {
	python3 -c 'import sys
starts = [(float(end), float(took)) for end, _, took in map(str.split, sys.stdin)]
events = sorted([(end - took, 1) for end, took in starts] + [(end, -1) for end, _ in starts])
now = most = 0
for _, change in events:
    now += change
    most = max(most, now)
print(most)'
}

at_once_part() {
	local begun number most
	event "all start at once, as after an outage of all nodes, up to $AT_ONCE at a time"
	# shellcheck disable=SC2046 # a list of names
	need "all are to be stopped" roles Stopped $(names)
	PAUSE=5 need "all are stopped" until_true $PATIENCE none_run
	need "a node may do $AT_ONCE things at a time" at_a_time "$AT_ONCE"
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2046 # a list of names
	need "all are to be started" roles Started $(names)
	PAUSE=5 need "all are started, or one has failed" until_true $PATIENCE decided "$MANY" node1
	say "      after $(elapsed "$begun") s"
	check "all are started" so_many_run "$MANY" node1
	check "none has failed" no_failures
	need "the cluster does as few things at a time as before" at_a_time 2
	if so_many_run "$MANY" node1; then
		# The end of each start in seconds, the name and how long it took; of each service the last.
		on node1 journalctl -b -o short-unix --no-pager -u gracekeeperd -g 'started in' |
			sed -n 's/^\([0-9.]*\) .*service \([^ ]*\): start: started in \([0-9.]*\) s.*/\1 \2 \3/p' >"$OUT/all-starts"
		awk '{ last[$2] = $0 } END { for (name in last) print last[name] }' "$OUT/all-starts" >"$OUT/last-starts"
		awk '{ print $3 }' "$OUT/last-starts" >"$OUT/at-once"
		say "      each one's start, median: $(median "$OUT/at-once") s, longest: $(sort -g "$OUT/at-once" | tail -n 1) s"
		most=$(most_at_a_time <"$OUT/last-starts")
		say "      services that were being started at one time: up to $most"
		((AT_ONCE <= 2)) || check "these are more than the two that a cluster of such nodes has by itself" [ "$most" -gt 2 ]
	else
		# The other parts are measured all the same.
		probes_as_usual
		cluster crm_resource --cleanup
		need "all are started, few at a time" all_up
	fi
	for number in 1 "$MANY"; do SVC=$(name "$number"); check "grace of $SVC ends" wait_recovered node1; done
}

monitors_part() {
	local now
	need "all run on node1" all_up
	event "memory"
	# shellcheck disable=SC2046 # a list of names
	now=$(guest node1 memory $(names))
	say "      MiB, with no service:  $NO_SERVICE"
	say "      MiB, with $MANY services: $now"
	say "      $(python3 -c 'import json, sys
before, after = (json.loads(text)["unavailable"] for text in sys.argv[1:3])
print(f"{(after - before) / int(sys.argv[3]):.1f} MiB for a service, the kernel, its file system and the cluster included")' \
		"$NO_SERVICE" "$now" "$MANY")"

	event "monitors"
	# With few services more rounds: a helper that has answered only some monitors still has to load and compile what it does.
	# shellcheck disable=SC2046 # a list of names
	guest node1 agent-costs.py --rounds 0 --monitors $((192 / MANY > 3 ? 192 / MANY : 3)) --dummies "$MANY" --idle 20 $(names) >"$OUT/costs"
	check "a round of monitors costs at most 1.5 times the CPU of as many Dummy monitors" python3 -c 'import json, sys
costs = [json.loads(line) for line in open(sys.argv[1])]
def total(agent, what): return sum(cost[what] for cost in costs if cost.get("agent") == agent)
ours, helper, dummies = total("nfs", "cpu"), total("nfs", "helper"), total("Dummy", "cpu")
print(f"CPU of a round: {ours:.3f} s, of which the helper has {helper:.3f} s ({helper / ours:.0%}); of Dummy monitors {dummies:.3f} s")
idle, wall = costs[-1]["idle"], total("nfs", "wall")
print(f"the helper uses {idle:.1%} of the processor while nobody asks it, so {idle * wall:.3f} s of these are not for the monitors")
sys.exit(not 0 < ours <= 1.5 * dummies)' "$OUT/costs"
	sed 's/^/      /' "$OUT/last" >&3
	check "the helper has at most 64 MB, and 0.5 MB for each further service" python3 -c 'import json, sys
memory = [json.loads(line) for line in open(sys.argv[1])][-1]["memory"]
limit = 64 + 0.5 * (int(sys.argv[2]) - 1)
print(f"the helper has {memory} MB resident with {sys.argv[2]} services: at most {limit} MB")
sys.exit(memory > limit)' "$OUT/costs" "$MANY"
	sed 's/^/      /' "$OUT/last" >&3

	event "the command line"
	check "gracekeeper status has a line for each" listed
	check "gracekeeper clients answers" on node1 gracekeeper clients
}

# A line for each, below one that names the columns, all of them serving. It gives up by itself after half a minute.
listed() {
	local begun=$EPOCHREALTIME
	on node1 gracekeeper status >"$OUT/status" || return 1
	say "      gracekeeper status takes $(elapsed "$begun") s"
	head -n 3 "$OUT/status"
	[ "$(grep -cE "^${PREFIX}[0-9]+ +serving " "$OUT/status")" = "$MANY" ] && [ "$(wc -l <"$OUT/status")" = $((MANY + 1)) ]
}

slots() { on client1 "$GUEST_DIR/slots.py" "$1"; } # ADDRESS
slots_are() { [ "$(slots "$(address 1)")" = "$1" ]; }  # SLOTS
rate() { guest "$1" throughput.py "/mnt/$2/read"; } # HOST MOUNT

# Of a session that is made for it. Clients of one kernel share one, so this is another host than that of the session that stays.
new_rate() {
	on client2 sh -c "mkdir -p /mnt/new41 && mount -t nfs -o vers=4.1,hard '$(address 1):/srv/$FIRST/export' /mnt/new41" || return 1
	rate client2 new41
	on client2 umount /mnt/new41
}

# rates WHEN: of the first service's clients in turn: NFSv3 and the session that stays on one host, NFSv3 and a new session on another.
rates() {
	local round
	for ((round = 0; round < ROUNDS; round++)); do
		echo "$(rate client1 ref3) $(rate client1 kept41) $(rate client2 ref3) $(new_rate)" >>"$OUT/rates-$1" || return 1
	done
	say "      requests in a second, $1: NFSv3, the session that stays; NFSv3, a new session: $(tr '\n' ';' <"$OUT/rates-$1")"
}

# A client with one slot waits for each answer. So that this shows, whatever the machines are busy with, answers take a while.
distance() { # add|del
	local client
	for client in client1 client2; do on "$client" tc qdisc "$1" dev eth0 root netem delay 50ms || return 1; done
}

slots_part() {
	local before with after_start after_close anew client
	need "all run on node1" all_up
	event "slots of NFSv4.1 sessions"
	SVC=$FIRST
	for client in client1 client2; do need "mount" mount_nfs "$client" ref3 "$(address 1)" vers=3,hard; done
	need "mount" mount_nfs client1 kept41 "$(address 1)" vers=4.1,hard
	need "a file to read" on client1 dd if=/dev/zero of=/mnt/kept41/read bs=64k count=1 status=none conv=fsync
	need "clients at some distance" distance add
	need "rates before others come and go" rates before
	before=$(slots "$(address 1)")
	need "sessions that stay" program client1 slots-a slots.py --hold --sessions 20 "$(address 1)"
	with=$(slots "$(address 1)")
	need "another service stops" is_down "$LAST"
	need "and starts" is_up "$LAST"
	after_start=$(slots "$(address 1)")
	on client1 systemctl stop load-slots-a
	LOADS=()
	# The helper looks every two seconds who has gone.
	check "when sessions from before that start have ended, a new one has as many slots as at first" \
		until_true 8 slots_are "$before"
	after_close=$(slots "$(address 1)")
	need "rates after others have come and gone" rates after
	need "the other starts anew" is_restarted "$LAST"
	anew=$(slots "$(address 1)")
	say "      slots of a new session: $before at first, $with beside 20 others, $after_start when another service had started,"
	say "      $after_close when the sessions from before that had closed, $anew after another start"
	check "a new session has as many slots as at first, whatever other services do" \
		[ "$before $before $before" = "$after_start $after_close $anew" ]
	check "a client whose session stays reads as much as before, beside one of NFSv3" \
		"$TESTS/workload/throughput.py" --compare "$OUT/rates-before" "$OUT/rates-after" 1 0
	sed 's/^/      the session that stays: /' "$OUT/last" >&3
	check "a client that is new reads as much as one before, beside one of NFSv3" \
		"$TESTS/workload/throughput.py" --compare "$OUT/rates-before" "$OUT/rates-after" 3 2
	sed 's/^/      a new session: /' "$OUT/last" >&3
	need "clients are as near as before" distance del
	need "unmount" unmount_clients
}

to_and_fro() { # GROUP TIMES
	local to move
	to=$(other "$(where_is "$1")")
	for ((move = 0; move < $2; move++)); do
		need "$1 moves to $to" move "$1" "$to"
		to=$(other "$to")
	done
}

# sampled LOG: the states of grace in it.
sampled() {
	python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print("; ".join("v4_ended=%s nlm_ended=%s" % (l["v4_ended"], l["nlm_ended"]) for l in lines if l["e"] == "grace"))' "$1"
}

moves_part() {
	local before plain moving client turn name others
	need "all run on node1" all_up
	event "one moves, another's clients write"
	measure_clocks
	SVC=$FIRST
	need "mount" mount_nfs client1 first3 "$(address 1)" vers=3,hard
	need "mount" mount_nfs client1 first42 "$(address 1)" vers=4.2,hard
	# Of the first, and of some that have no clients.
	others=("$FIRST" "$(name $(((MANY + 1) / 2)))" "$(name $((MANY - 1)))")
	for name in "${others[@]}"; do
		SVC=$name
		check "grace of $name has ended" wait_recovered node1
		need "sampler of its grace" on node1 systemd-run -q --collect --unit "load-grace-$name" -- nsenter "--net=/run/netns/gk-$name" \
			"--mount=/run/gracekeeper/ns/$name" -- "$GUEST_DIR/server.py" grace --log "/var/tmp/grace-$name.log" "$name"
	done
	SVC=$FIRST
	need "an NFSv3 client of the first" hold client1 first-v3 first3 "NFSv3 of $FIRST" f:0+2
	need "an NFSv4.2 client of the first" hold client1 first-v42 first42 "NFSv4.2 of $FIRST" f:2+2
	need "the group without a service starts" is_up plain
	before=$(slots "$(address 1)")
	# In turns: what else the machine is busy with changes.
	for turn in 1 2; do
		event "turn $turn: a file system and a Dummy move beside it" '"phase": "plain"'
		to_and_fro plain $((MOVES / 2))
		event "turn $turn: service $LAST moves beside it" '"phase": "service"'
		to_and_fro "$LAST" $((MOVES / 2))
	done
	event "moves are over" '"phase": "after"'
	same "slots of a new session of $FIRST, before and after" "$before" "$(slots "$(address 1)")"
	for name in "${others[@]}"; do
		on node1 systemctl stop "load-grace-$name"
		need "the sampler's log" "$LAB" get node1 "/var/tmp/grace-$name.log" "$OUT/grace-$name.log"
	done
	check "the logs come home" end_load
	same "locks lost" 0 "$(field lost "$TOTALS")"
	same "I/O errors of the clients" 0 "$(field io_errors "$TOTALS")"
	for client in first-v3 first-v42; do
		plain=$(field "phases.plain.$client" "$TOTALS") moving=$(field "phases.service.$client" "$TOTALS")
		check "$client: its longest gap ($moving s) is at most 1 s above that beside Filesystem and Dummy ($plain s)" \
			python3 -c 'import sys; sys.exit(float(sys.argv[1]) > float(sys.argv[2]) + 1.0)' "$moving" "$plain"
	done
	for name in "${others[@]}"; do
		same "the grace of $name, as sampled: states seen" "v4_ended=True nlm_ended=True" "$(sampled "$OUT/grace-$name.log")"
	done
	need "the group without a service stops" is_down plain
	need "$LAST is on node1" place "$LAST" node1
}

# Services with clients: the first and the last of those that move together, and the last of all.
WITH=(1 "$TOGETHER" "$MANY")
locked() { HELD=("$SVC:0+6"); } # in a file of its own name: the report has all of them

# clients_of NUMBER: holders over three versions, and a contender for all their locks. They write seldom, for they are many.
clients_of() {
	local address
	address=$(address "$1") SVC=$(name "$1")
	locked
	mount_nfs client1 "$SVC-v3" "$address" vers=3,hard && mount_nfs client1 "$SVC-v40" "$address" vers=4.0,hard &&
		mount_nfs client2 "$SVC-v42" "$address" vers=4.2,hard && mount_nfs client3 "$SVC-v3" "$address" vers=3,hard &&
		mount_nfs client3 "$SVC-v42" "$address" vers=4.2,hard && on client3 touch "/mnt/$SVC-v3/free-$SVC" &&
		hold client1 "$SVC-v3" "$SVC-v3" "NFSv3 of $SVC" --rate 1 "$SVC:0+2" &&
		hold client1 "$SVC-v40" "$SVC-v40" "NFSv4.0 of $SVC" --rate 1 "$SVC:2+2" &&
		hold client2 "$SVC-v42" "$SVC-v42" "NFSv4.2 of $SVC" --rate 1 "$SVC:4+2" &&
		program client3 "$SVC-contender" contender.py --interval 5 --via "NFSv3=/mnt/$SVC-v3" --via "NFSv4.2=/mnt/$SVC-v42" \
			--control "free-$SVC:0" "${HELD[@]}"
}

clients_begin() { # unless they are there already
	local number
	((${#LOADS[@]} == 0)) || return 0
	measure_clocks
	for number in "${WITH[@]}"; do
		SVC=$(name "$number")
		wait_recovered node1 && clients_of "$number" || return 1
	done
}

locks_kept() { # WORDS
	local number
	for number in "${WITH[@]}"; do
		SVC=$(name "$number")
		locked
		check "$1: all locks of $SVC are there" look "$(where_is "$SVC")"
	done
}

clients_end() {
	check "the logs come home" end_load
	check_load
}

# together NODE: by one change, too.
together() {
	local number
	{
		echo '<constraints>'
		for ((number = 1; number <= TOGETHER; number++)); do
			printf '<rsc_location id="together-%s" rsc="g-%s" node="%s" score="INFINITY"/>' "$number" "$(name "$number")" "$1"
		done
		echo '</constraints>'
	} | "$LAB" exec "$CLUSTER_NODE" -- cibadmin --create --scope constraints --xml-pipe
}
apart() { cluster cibadmin --delete-all --force --xpath "//rsc_location[starts-with(@id,'together-')]"; }

groups_part() {
	local begun
	need "all run on node1" all_up
	need "clients with locks" clients_begin
	event "$TOGETHER services move to node2 together"
	begun=$EPOCHREALTIME
	need "they are to be on node2" together node2
	need "they are started on node2" come "$TOGETHER" node2
	say "      $TOGETHER services are started on node2 $(elapsed "$begun") s after they were asked for"
	need "they may go where they want" apart
	locks_kept "$TOGETHER moved together"
	event "and back"
	begun=$EPOCHREALTIME
	need "they are to be on node1" together node1
	need "they are started on node1" come "$MANY" node1
	say "      $TOGETHER services are back $(elapsed "$begun") s after they were asked for"
	need "they may go where they want" apart
	locks_kept "$TOGETHER moved back together"
	check "none has failed" no_failures
	wanted standby || clients_end
}

standby_part() {
	local begun from to
	need "all run on node1" all_up
	need "clients with locks" clients_begin
	for from in node1 node2; do
		to=$(other "$from")
		# Where less is to be done.
		CLUSTER_NODE=$from
		event "$from becomes a standby: all $MANY services move to $to"
		begun=$EPOCHREALTIME
		need "$from becomes a standby" standby "$from"
		need "all are started on $to" come "$MANY" "$to"
		say "      all $MANY services are started on $to $(elapsed "$begun") s after $from became a standby"
		locks_kept "all moved to $to"
		need "$from is back" active "$from"
	done
	CLUSTER_NODE=node2
	check "none has failed" no_failures
	clients_end
}

stop_part() {
	local node begun=$EPOCHREALTIME
	event "all stop"
	# shellcheck disable=SC2046 # a list of names
	need "all are to be stopped" roles Stopped $(names) plain
	PAUSE=5 need "all are stopped" until_true $PATIENCE none_run
	say "      all $MANY services are stopped $(elapsed "$begun") s after they were asked to"
	probes_as_usual
	need "their configuration is gone" cluster sh -ec "
		cibadmin --delete-all --force --xpath \"//rsc_location[starts-with(@id,'l-')]\"
		cibadmin --delete-all --force --xpath \"//group[starts-with(@id,'g-$PREFIX') or @id='g-plain']\"
		crm_resource --wait --timeout=${PATIENCE}s"
	for node in "${NODES[@]}"; do check "nobody has a file system on $node" until_true 30 no_slices "$node"; done
}

say "      $MANY services; parts: $PARTS"
need "parts" right_parts
for node in "${NODES[@]}"; do need "memory" has_memory "$node"; done
need "slices of the disks" slices
need "file systems" file_systems
begin_audit
configuration >"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "the cluster settles" settled "${PATIENCE}s"
# What the nodes prepare for all of them after the probes, they do not do while something is measured.
if wanted starts; then
	# shellcheck disable=SC2046 # a list of names
	for node in "${NODES[@]}"; do PAUSE=5 need "$node is at rest" until_true $PATIENCE prepared_on "$node" $(names); done
	event "both nodes have prepared what the services need"
fi
NO_SERVICE=$(guest node1 memory)

for part in $ALL_PARTS; do
	wanted "$part" || continue
	SCENARIO=many/$part begun=$SECONDS
	"${part/-/_}_part"
	say "      part $part took $((SECONDS - begun)) s"
done
SCENARIO=many
running=()
if ! wanted stop; then
	need "all run on node1" all_up
	for ((number = 1; number <= MANY; number++)); do running+=("$(name "$number")=node1:$(address "$number")"); done
	for number in "${WITH[@]}"; do SAMPLE+=("$(name "$number")=node1:$(address "$number")"); done
fi
audit "${running[@]}"
