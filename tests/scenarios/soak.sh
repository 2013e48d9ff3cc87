# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: moves, crashes, dying programs and cut cables in any order lose no lock and give none away (tests/soak)
#
# SOAK_SEED chooses the events, SOAK_COUNT is how many: planned moves, moves in the middle of a recovery, power cuts, moves
# while a client is off the network for some seconds. Meanwhile programs with further locks come, and go or are killed.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
# A client that was off the network for half a minute tries again at intervals that have grown to as much.
((GRACE >= 75)) || GRACE=75
: "${SOAK_SEED:=1}" "${SOAK_COUNT:=10}"
RANDOM=$SOAK_SEED

extra=0
declare -A EXTRAS=()

# A program with locks of its own, in a file of its own, comes; or one of those goes, in order or not.
coming_and_going() {
	local name versions=(v3 v40 v42) mount host=client1 options=()
	for name in "${!EXTRAS[@]}"; do
		((RANDOM % 2)) || continue
		if ((RANDOM % 2)); then
			on "${EXTRAS[$name]}" systemctl stop "load-$name"
		else
			on "${EXTRAS[$name]}" systemctl kill -s KILL "load-$name"
		fi
		unset "EXTRAS[$name]"
	done
	((RANDOM % 3)) || return 0
	mount=${versions[RANDOM % 3]}
	[ "$mount" != v42 ] || host=client2
	extra=$((extra + 1))
	name=extra$extra
	EXTRAS[$name]=$host
	((RANDOM % 2)) || options+=(--idle)
	((RANDOM % 2)) || options+=(--read)
	guest "$host" start-load "$name" keeper.py "${options[@]}" "/mnt/$mount/extra$((RANDOM % 3))" $((1 + RANDOM % 20))
}

go() { # WORDS
	event "$1: service web is to go to $(other "$here")"
	need "service web moves" move web "$(other "$here")"
	here=$(other "$here")
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
here=node1
for ((n = 1; n <= SOAK_COUNT; n++)); do
	check "a program comes or goes" coming_and_going
	case $((RANDOM % 10)) in
	[0-3])
		go "event $n, planned move"
		check "event $n: all locks are on $here" look "$here"
		;;
	[45])
		go "event $n, move"
		go "event $n, move in its recovery"
		check "event $n: all locks are on $here" look "$here"
		;;
	[67])
		cut=client$((1 + RANDOM % 2))
		event "$cut is cut off"
		"$LAB" cut "$cut"
		go "event $n, move without $cut"
		sleep $((RANDOM % 8))
		"$LAB" heal "$cut"
		event "$cut is back"
		check "event $n: all locks are on $here" look "$here"
		;;
	*)
		power_cut "$here"
		check "event $n: all locks are on $(other "$here")" look "$(other "$here")"
		need "$here is back" wait_nodes
		here=$(other "$here")
		;;
	esac
	((RANDOM % 3)) || check "event $n: grace ends" wait_recovered "$here"
done
check "both grace periods end" wait_recovered "$here"
for name in "${!EXTRAS[@]}"; do on "${EXTRAS[$name]}" systemctl stop "load-$name"; done
check "the logs come home" end_load
check_load
printf '{"kernel": "%s", "seed": %s, "events": %s, "moves": %s, "cuts": %s, "totals": %s}\n' "$KERNEL" "$SOAK_SEED" \
	"$SOAK_COUNT" "$(grep -c 'is to go to' "$OUT/events.jsonl")" "$FENCED" "$TOTALS" >>"${SOAK_RESULTS:-$OUT/soak.jsonl}"
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
