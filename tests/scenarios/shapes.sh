# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: grace ends early whatever the locks look like, however many clients hold none, and however quiet a holder is
#
# Moves with locks that touch, overlap, merge and split, with somebody waiting for one of them on another host; then with
# 50 more clients that are recorded and hold nothing; then with holders that do no I/O. Each time the server must show the
# same locks before and after, and a requester of a free range, who asks five times a second, must be granted it within a second
# after the last of them was back, and not before (as in early-end).

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
# A client that waits for a lock asks again after 30 s at the latest, one that holds quietly renews its lease when two thirds
# of it are over; the rest is for what an emulated node needs.
EARLY=$(((LEASE * 2 / 3 > 30 ? LEASE * 2 / 3 : 30) + 15))
# Longer than any early end of these takes, and never shorter than the lease.
GRACE=$((EARLY + 15 > LEASE ? EARLY + 15 : LEASE))
VERSIONS=(v3 v40 v42)
host_of() { if [ "$1" = v42 ]; then echo client2; else echo client1; fi; } # VERSION

# shape NODE: the locks held by clients, without what a recovery may change.
shape() {
	guest "$1" server.py locks /srv/web |
		awk -v free="$free" '$2 == "POSIX" { sub(/.*:/, "", $6); if ($6 != free) print $4, $6, $7, $8 }' | sort
}

# moves WORDS SECONDS NLM V4: a move, after which the locks, so many, are the same and grace has ended early.
moves() {
	local before begin=$EPOCHREALTIME
	before=$(shape "$here")
	event "$1: service web is to go to $(other "$here")"
	need "service web moves" move web "$(other "$here")"
	here=$(other "$here")
	check "$1: a new lock is granted" granted client3
	check "$1: grace ends" wait_recovered "$here"
	need "$1: the holder over NFSv4.2" note_holders "$here" fd77::52
	ended "$here" | sed 's/^/      /' >&3
	check "$1: NLM grace ended early" between 0 "$(seconds "$here" NLM)" "$2"
	check "$1: NFSv4 grace ended early" between 0 "$(seconds "$here" NFSv4)" "$2"
	same "$1: the locks are the same" "$before" "$(shape "$here")"
	spans+=("$3 $4 $begin $EPOCHREALTIME $1")
}
spans=()

waiters() { on client3 sh -c 'grep -l granted /var/tmp/load/waiter-*.log | wc -l'; }
all_waiters() { [ "$(waiters)" = ${#VERSIONS[@]} ]; }

serve web "$ADDRESS4/24 $ADDRESS6/64"
SVC=web
here=node1
measure_clocks
need "samplers" samplers
need "mounts" mount_nfs client1 v3 $ADDRESS4 vers=3,hard
need "mounts" mount_nfs client1 v40 $ADDRESS4 vers=4.0,hard
need "mounts" mount_nfs client2 v42 "[$ADDRESS6]" vers=4.2,hard
for version in "${VERSIONS[@]}"; do
	need "locks over $version" program "$(host_of "$version")" "shapes-$version" shapes.py "/mnt/$version/shape-$version"
done
need "mounts" mount_nfs client3 v3 $ADDRESS4 vers=3,hard
need "mounts" mount_nfs client3 v40 $ADDRESS4 vers=4.0,hard
need "mounts" mount_nfs client3 v42 $ADDRESS4 vers=4.2,hard
for version in "${VERSIONS[@]}"; do
	need "a waiter over $version" program client3 "waiter-$version" shapes.py --wait "/mnt/$version/shape-$version"
done
on client3 touch /mnt/v42/free
free=$(on node1 stat -c %i /srv/web/export/free)
need "a requester" requester client3 v42
# A waiter has its file open, and over NFSv4 that has to come back, too, which no lock shows. Over NFSv4.2 its client is the
# requester's. Over NFSv4.0 it would not notice the move before it asks again; with something to write it does at once.
need "the waiter's host has something to do over NFSv4.0" program client3 busy keeper.py /mnt/v40/busy 0
same "ranges that the server has" 18 "$(shape node1 | wc -l)"
moves "shapes and waiters" $EARLY 6 12

need "50 clients that hold nothing" program client3 idle idle_clients.py --count 50 --renew 10 "$ADDRESS4"
clients() { inside "$here" web sh -c 'ls /proc/fs/nfsd/clients | wc -l'; }
check "the server knows them" test "$(clients)" -ge 53
moves "50 idle clients" $EARLY 6 12
check "nobody waited for them: they were expired" test "$(clients)" -lt 10

same "waiters that were granted what others hold" 0 "$(waiters)"
for version in "${VERSIONS[@]}"; do
	need "the holder over $version gives up" on "$(host_of "$version")" systemctl stop "load-shapes-$version"
done
# A client over NFSv3 or NFSv4.0 asks again after 30 s at the latest.
check "every waiter is granted in the end" until_true 60 all_waiters
for version in "${VERSIONS[@]}"; do on client3 systemctl stop "load-waiter-$version"; done
on client3 systemctl stop load-idle
LOADS=(client3:requester client3:busy)

for version in "${VERSIONS[@]}"; do
	need "quiet locks over $version" program "$(host_of "$version")" "quiet-$version" keeper.py --idle "/mnt/$version/quiet-$version" 5
done
# A client renews its lease when two thirds of it are over.
moves "quiet holders" $((LEASE * 2 / 3 + 5)) 5 10
for version in "${VERSIONS[@]}"; do on "$(host_of "$version")" systemctl stop "load-quiet-$version"; done
need "the requester's log" requester_ends client3
on client3 systemctl stop load-busy
LOADS=()
need "the samplers' logs" samplers_end
for span in "${spans[@]}"; do
	read -r nlm v4 begin end words <<<"$span"
	judge_starts "$words" "$nlm" "$v4" 1 1 "$begin" "$end"
	check_prompt "$words: the first grant at most 1 s after the last lock was back"
done
unmount_clients
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
