# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: a holder that is away during a move gets its locks back in time, and delays others for grace_time at most
#
# A client that holds locks, over NFSv3, NFSv4.0 and NFSv4.2 in turn, is off the network while the service moves. First it
# does not come back until others have been granted new locks: a host without any part in it asks for a free range all the
# time, with a new process each time, and is to get it when grace_time is over. Then it comes back before that.

ADDRESS4=10.77.0.100
VERSIONS=(3 4.0 4.2)

keep() { # HOST VERSION
	need "mount" mount_nfs "$1" "v$2" $ADDRESS4 "vers=$2,hard"
	need "5 locks over NFSv$2" program "$1" "keeper-$2" keeper.py "/mnt/v$2/kept-$2" 5
}

keepers_end() {
	local load host
	for load in "${LOADS[@]}"; do
		host=${load%%:*}
		[ "$host" != client3 ] || continue
		on "$host" systemctl stop "load-${load#*:}"
		# shellcheck disable=SC2086 # a list of mount points
		on "$host" umount ${MOUNTED[$host]}
		unset "MOUNTED[$host]"
	done
	LOADS=(client3:requester)
}

# grants TIME: seconds between the requester's last grant before TIME, TIME, and the first after it.
grants() {
	"$LAB" get client3 /var/tmp/load/requester.log "$OUT/requester.log" &&
		python3 "$TESTS/workload/early.py" --around "$OUT/requester.log" "$(field client3 - <"$OUT/clocks.json")" "$1"
}
granted_again() { grants "$started" | grep -q ' .*[0-9]'; }

# move_without VERSION: the service moves while client1, which holds locks over that, is off the network.
move_without() {
	keep client1 "$1"
	keep client2 4.1
	event "without client1 with locks over NFSv$1: service web is to go to $(other "$here")"
	"$LAB" cut client1
	need "service web moves" move web "$(other "$here")"
	here=$(other "$here")
	started=$EPOCHREALTIME
	same "NFSv$1: recovery goes on when the start is over" recovering "$(state "$here")"
}

serve web "$ADDRESS4/24"
SVC=web
here=node1
measure_clocks
need "mount" mount_nfs client3 v4.2 $ADDRESS4 vers=4.2,hard
on client3 touch /mnt/v4.2/free
need "a requester" program client3 requester contender.py --interval 0.3 --max-pending 75 --give-up 20 \
	--via NFSv4.2=/mnt/v4.2 --control free:0

for version in "${VERSIONS[@]}"; do
	move_without "$version"
	check "NFSv$version, away: grace ends" wait_recovered "$here"
	ended "$here" | sed 's/^/      /' >&3
	[ "$version" != 3 ] || check "NFSv3, away: NLM grace took its full time and no more" full_time "$here" NLM
	check "NFSv$version, away: NFSv4 grace took its full time and no more" full_time "$here" NFSv4
	check "NFSv$version, away: new locks are granted again" until_true 10 granted_again
	read -r before after < <(grants "$started")
	# Grace began before the start was over, and after the last grant of the node before. A requester that is new gets its lock
	# within a second of the end of grace (early-end).
	check "NFSv$version, away: no new lock for grace_time: $before + $after s" python3 -c \
		'import sys; sys.exit(float(sys.argv[1]) + float(sys.argv[2]) < float(sys.argv[3]))' "$before" "$after" "$GRACE"
	check "NFSv$version, away: the first new lock $after s after the start, grace_time and 1 s at most" between 0 "$after" $((GRACE + 1))
	check "NFSv$version, away: only its locks are lost" held "$here" 0 5
	"$LAB" heal client1
	keepers_end
done
# client1 came too late for its locks, which was the point, and its kernel says so.
guest client1 kernel-log mark

# TCP tries again when as much time has passed as since the cable was cut: a client that was away for as long as a move takes
# comes back within as long again, or twice that.
((GRACE >= 120)) || GRACE=120
need "grace_time=$GRACE" cluster crm_resource -r web -p grace_time -v "$GRACE" -Q
need "service web has its parameters" settled 240s
need "service web is started" wait_started web "$here"
check "grace ends" wait_recovered "$here"
for version in "${VERSIONS[@]}"; do
	move_without "$version"
	on "$here" gracekeeper status web | grep missing | sed 's/^/      /' >&3
	check "NFSv$version, in time: gracekeeper names who is missing" on "$here" sh -c \
		"gracekeeper status web | grep -q 'missing *NFSv$version 10.77.0.51'"
	check "NFSv$version, in time: an early end by hand is refused, with what it would cost" on "$here" sh -c \
		"! gracekeeper grace end web 2>/tmp/said && grep -q 'NFSv$version 10.77.0.51.* has not reclaimed' /tmp/said"
	back=$EPOCHREALTIME
	"$LAB" heal client1
	event "client1 is back"
	check "NFSv$version, in time: grace ends" wait_recovered "$here"
	ended "$here" | sed 's/^/      /' >&3
	check "NFSv$version, in time: before its time is over" between 0 "$(seconds "$here" NFSv4)" $((GRACE - 1))
	if [ "$version" = 3 ]; then nlm=5 v4=5; else nlm=0 v4=10; fi
	check "NFSv$version, in time: all locks are back" held "$here" $nlm $v4
	check "NFSv$version, in time: new locks are granted again" until_true 10 granted_again
	read -r before after < <(grants "$started")
	check "NFSv$version, in time: nobody got a new lock before it was back" python3 -c \
		'import sys; started, back, after, uncertain = map(float, sys.argv[1:]); sys.exit(after < back - started - uncertain)' \
		"$started" "$back" "$after" "$(field uncertain - <"$OUT/clocks.json")"
	keepers_end
done

on client3 systemctl stop load-requester
LOADS=()
unmount_clients
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
