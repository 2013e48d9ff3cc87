# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: moves, crashes, dying programs and cut cables in any order lose no lock and give none away (tests/soak)
#
# SOAK_SEED chooses the events, SOAK_COUNT is how many: planned moves, moves in the middle of a recovery, power cuts, moves
# while a client is off the network for some seconds, crashes of clients, with a move or without. Meanwhile programs with
# further locks come, and go or are killed.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
# A client that was off the network for half a minute tries again at intervals that have grown to as much.
((GRACE >= 75)) || GRACE=75
: "${SOAK_SEED:=1}" "${SOAK_COUNT:=10}"
RANDOM=$SOAK_SEED

extra=0 crashes=0
declare -A EXTRAS=() RANGES=()
# What each client's holders have.
declare -A HOLDS=([client1]="shared:0+4 own-c1-v3:0+2 own-c1-v40:0+2" [client2]="shared:4+4 own-c2-v3:0+2 own-c2-v42:0+2")

# A program with locks of its own, in a file of its own, comes; or one of those goes, in order or not.
coming_and_going() {
	local name versions=(v3 v40 v41 v42) mount host=client1 options=(--slots)
	for name in "${!EXTRAS[@]}"; do
		((RANDOM % 2)) || continue
		if ((RANDOM % 2)); then
			on "${EXTRAS[$name]}" systemctl stop "load-$name"
		else
			on "${EXTRAS[$name]}" systemctl kill -s KILL "load-$name"
		fi
		unset "EXTRAS[$name]" "RANGES[$name]"
	done
	((RANDOM % 3)) || return 0
	mount=${versions[RANDOM % 4]}
	[[ $mount != v4[12] ]] || host=client2
	extra=$((extra + 1))
	name=extra$extra
	((RANDOM % 2)) || options+=(--idle)
	((RANDOM % 2)) || options+=(--read)
	guest "$host" start-load "$name" keeper.py "${options[@]}" "/mnt/$mount/extra$((RANDOM % 3))" $((1 + RANDOM % 20)) || return 1
	EXTRAS[$name]=$host
	RANGES[$name]=$(on "$host" cat "/var/tmp/load/$name.ready")
}

# Whom its grace still waits for, or why it has ended.
grace_words() { # NODE
	{ on "$1" gracekeeper grace status "$SVC"; ended "$1"; } | sed 's/^/      /' >&3
}

# The server has the locks of the clients, and those of the programs beside them.
all_there() { # NODE
	look "$1" || return 1
	((${#RANGES[@]} == 0)) ||
		guest "$1" server.py getlk --wait $((GRACE + 20)) --dir /srv/web/export "${RANGES[@]}"
}

held_by() { # CLIENT...: what is held is what these have
	local client
	HELD=()
	# shellcheck disable=SC2206 # a list of ranges
	for client; do HELD+=(${HOLDS[$client]}); done
}

crash() { # CLIENT
	local name
	crash_client "$1" || return 1
	for name in "${!EXTRAS[@]}"; do
		[ "${EXTRAS[$name]}" != "$1" ] || unset "EXTRAS[$name]" "RANGES[$name]"
	done
	held_by "$(other_client "$1")"
}

other_client() { if [ "$1" = client1 ]; then echo client2; else echo client1; fi; }

nobody_has() { # RANGE...
	[ "$(guest "$here" server.py getlk --dir /srv/web/export "$@" | field present -)" = 0 ]
}

mounts() { # CLIENT
	case $1 in
	client1) mount_nfs client1 v3 $ADDRESS4 vers=3,hard && mount_nfs client1 v40 $ADDRESS4 vers=4.0,hard ;;
	client2)
		mount_nfs client2 v3 "[$ADDRESS6]" vers=3,hard,proto=tcp6 && mount_nfs client2 v41 "[$ADDRESS6]" vers=4.1,hard &&
			mount_nfs client2 v42 "[$ADDRESS6]" vers=4.2,hard
		;;
	esac
}

# come_back CLIENT: it boots and tells the server so, which frees what it held; then it has locks of which nobody has heard yet.
come_back() {
	local first=$((8 * crashes)) v4=v40
	[ "$1" = client1 ] || v4=v42
	"$LAB" start "$1" && mounts "$1" || return 1
	# shellcheck disable=SC2086 # a list of ranges
	check "$1 is back: what it held is free" until_true 60 nobody_has ${HOLDS[$1]}
	HOLDS[$1]=shared:$first+4
	hold "$1" "$1-v3-$crashes" v3 NFSv3 "shared:$first+2" &&
		hold "$1" "$1-$v4-$crashes" $v4 "NFS$v4" "shared:$((first + 2))+2" &&
		program client3 "contender-$crashes" contender.py --interval 2 --via NFSv3=/mnt/v3 --via NFSv4.2=/mnt/v42 \
			"shared:$first+4" && held_by client1 client2
}

go() { # WORDS
	event "$1: service web is to go to $(other "$here")"
	need "service web moves" move web "$(other "$here")"
	here=$(other "$here")
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
need "mount" mount_nfs client2 v41 "[$ADDRESS6]" vers=4.1,hard
here=node1
for ((n = 1; n <= SOAK_COUNT; n++)); do
	check "a program comes or goes" coming_and_going
	case $((RANDOM % 10)) in
	[0-2])
		go "event $n, planned move"
		check "event $n: all locks are on $here" all_there "$here"
		;;
	[34])
		go "event $n, move"
		go "event $n, move in its recovery"
		check "event $n: all locks are on $here" all_there "$here"
		;;
	[56])
		cut=client$((1 + RANDOM % 2))
		event "$cut is cut off"
		"$LAB" cut "$cut"
		go "event $n, move without $cut"
		sleep $((RANDOM % 8))
		"$LAB" heal "$cut"
		event "$cut is back"
		check "event $n: all locks are on $here" all_there "$here"
		;;
	7)
		cut=client$((1 + RANDOM % 2))
		crashes=$((crashes + 1))
		need "event $n: $cut crashes" crash "$cut"
		((RANDOM % 2)) || go "event $n, move without $cut"
		check "event $n: all locks of others are on $here" all_there "$here"
		need "event $n: $cut comes back" come_back "$cut"
		check "event $n: all locks are on $here" all_there "$here"
		;;
	*)
		power_cut "$here"
		check "event $n: all locks are on $(other "$here")" all_there "$(other "$here")"
		need "$here is back" wait_nodes
		here=$(other "$here")
		;;
	esac
	grace_words "$here"
	((RANDOM % 3)) || check "event $n: grace ends" wait_recovered "$here"
done
check "both grace periods end" wait_recovered "$here"
check "all locks are on $here at the end" all_there "$here"
for name in "${!EXTRAS[@]}"; do on "${EXTRAS[$name]}" systemctl stop "load-$name"; done
check "the logs come home" end_load
check_load
python3 - "$KERNEL" "$SOAK_SEED" "$SOAK_COUNT" "$(grep -c 'is to go to' "$OUT/events.jsonl")" "$FENCED" "$crashes" "$TOTALS" \
	>>"${SOAK_RESULTS:-$OUT/soak.jsonl}" <<'P'
import json
import sys

kernel, *numbers, totals = sys.argv[1:]
names = "seed", "events", "moves", "cuts", "crashes"
print(json.dumps({"kernel": kernel, **dict(zip(names, map(int, numbers))), "totals": json.loads(totals)}))
P
collect
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
