# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: new locks are granted within a second after the last held one is back, and not before
#
# A client of each protocol holds some locks, while new requesters ask for a free range all the time, and contenders for
# the held ones, which must never get one. The service moves; a sampler on the node tells when the last lock is back and when
# one was still missing, a requester when the first new one is granted: not before. The same with early_end=no shows what the
# knowledge is worth. EARLY_COUNTS says how many locks each client holds, EARLY_MOVES how often the service moves for each,
# EARLY_FULL_MOVES how often with early_end=no.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
: "${EARLY_COUNTS:=1 10 200}" "${EARLY_MOVES:=2}" "${EARLY_FULL_MOVES:=1}"

early_end() { # yes|no
	cluster crm_resource -r web -p early_end -v "$1" -Q >/dev/null && settled 240s && wait_started web "$(where_is web)"
}

# moves COUNT YES-OR-NO TIMES
moves() {
	local i from begin
	need "early_end=$2" early_end "$2"
	from=$(where_is web)
	wait_recovered "$from"
	begin=$EPOCHREALTIME
	for ((i = 0; i < $3; i++)); do
		event "$1 locks of each client, early_end=$2: service web is to go to $(other "$from")"
		need "service web moves" move web "$(other "$from")"
		from=$(other "$from")
		check "a new lock is granted on $from" granted client3
		check "recovery ends on $from" wait_recovered "$from"
		need "the holders on $from" note_holders "$from" fd77::52
	done
	spans+=("$1 $2 $3 $begin $EPOCHREALTIME")
}

keep() { # HOST VERSION COUNT
	program "$1" "keeper-$2" keeper.py --share --slots "/mnt/$2/kept-$2" "$3"
}

contenders_end() { # COUNT
	local last
	on client3 systemctl stop load-contender
	need "the contenders' log" "$LAB" get client3 /var/tmp/load/contender.log "$OUT/contender-$1.log"
	last=$(tail -n 1 "$OUT/contender-$1.log")
	same "$1 locks: held locks granted to contenders" 0 "$(field granted "$last")"
	check "$1 locks: contenders were refused" test "$(field denied "$last")" -gt 0
	check "$1 locks: contenders had to wait while the server recovered" test "$(field waited "$last")" -gt 0
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
SVC=web
measure_clocks
need "samplers" samplers
need "mounts" mount_nfs client1 v3 $ADDRESS4 vers=3,hard
need "mounts" mount_nfs client1 v40 $ADDRESS4 vers=4.0,hard
need "mounts" mount_nfs client2 v41 "[$ADDRESS6]" vers=4.1,hard
need "mounts" mount_nfs client2 v42 "[$ADDRESS6]" vers=4.2,hard
need "mounts" mount_nfs client3 v3 $ADDRESS4 vers=3,hard
need "mounts" mount_nfs client3 v42 $ADDRESS4 vers=4.2,hard
on client3 touch /mnt/v42/free
need "requesters" requester client3 v42

spans=()
for count in $EARLY_COUNTS; do
	for version in v3 v40; do
		need "$count locks over $version" keep client1 "$version" "$count"
	done
	for version in v41 v42; do
		need "$count locks over $version" keep client2 "$version" "$count"
	done
	need "contenders" program client3 contender contender.py --interval 2 --sample 2 --blocking --via NFSv3=/mnt/v3 \
		--via NFSv4.2=/mnt/v42 kept-v3:0+"$count" kept-v40:0+"$count" kept-v41:0+"$count" kept-v42:0+"$count"
	moves "$count" yes "$EARLY_MOVES"
	moves "$count" no "$EARLY_FULL_MOVES"
	# The contenders first: they would be granted what the keepers give up.
	contenders_end "$count"
	for load in "${LOADS[@]}"; do
		[[ $load != *:keeper-* ]] || on "${load%%:*}" systemctl stop "load-${load#*:}"
	done
	LOADS=(client3:requester)
done
need "the requester's log" requester_ends client3
LOADS=()
need "the samplers' logs" samplers_end
for node in "${NODES[@]}"; do
	on "$node" journalctl -b -o cat --no-pager -u gracekeeperd | grep 'grace ended' >>"$OUT/reasons"
done
for span in "${spans[@]}"; do
	read -r count early times begin end <<<"$span"
	# Over NFSv4.1 and 4.2 there is a holder each.
	judge_starts "$count locks each, early_end=$early" "$count" $((3 * count)) 2 "$times" "$begin" "$end"
	printf '%s %s %s\n' "$count" "$early" "$FOUND" >>"$OUT/results.early"
	[ "$early" = no ] || check_prompt "$count locks: the first grant at most 1 s after the last lock was back"
done
python3 "$TESTS/workload/early.py" --sum "$OUT/results.early" | sed 's/^/      /' >&3
unmount_clients
audit "web=$(where_is web):$ADDRESS4"
check "service web stops" remove web
audit
