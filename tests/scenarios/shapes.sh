# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: grace ends early whatever the locks look like, however many clients hold none, and however quiet a holder is
#
# Moves with locks that touch, overlap, merge and split, with somebody waiting for one of them on another host; then with
# 50 more clients that are recorded and hold nothing; then with holders that do no I/O. Each time the server must show the
# same locks before and after.

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
		awk '$2 == "POSIX" { sub(/.*:/, "", $6); print $4, $6, $7, $8 }' | sort
}

# A move, after which the locks are the same and grace has ended early.
moves() { # WORDS
	local before
	before=$(shape "$here")
	event "$1: service web is to go to $(other "$here")"
	need "service web moves" move web "$(other "$here")"
	here=$(other "$here")
	check "$1: grace ends" wait_recovered "$here"
	ended "$here" | sed 's/^/      /' >&3
	check "$1: NLM grace ended early" between 0 "$(seconds "$here" NLM)" "$2"
	check "$1: NFSv4 grace ended early" between 0 "$(seconds "$here" NFSv4)" "$2"
	same "$1: the locks are the same" "$before" "$(shape "$here")"
}

waiters() { on client3 sh -c 'grep -l granted /var/tmp/load/waiter-*.log | wc -l'; }
all_waiters() { [ "$(waiters)" = ${#VERSIONS[@]} ]; }

serve web "$ADDRESS4/24 $ADDRESS6/64"
SVC=web
here=node1
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
same "ranges that the server has" 18 "$(shape node1 | wc -l)"
moves "shapes and waiters" $EARLY

need "50 clients that hold nothing" program client3 idle idle_clients.py --count 50 --renew 10 "$ADDRESS4"
clients() { inside "$here" web sh -c 'ls /proc/fs/nfsd/clients | wc -l'; }
check "the server knows them" test "$(clients)" -ge 53
moves "50 idle clients" $EARLY
check "nobody waited for them: they were expired" test "$(clients)" -lt 10

same "waiters that were granted what others hold" 0 "$(waiters)"
for version in "${VERSIONS[@]}"; do
	need "the holder over $version gives up" on "$(host_of "$version")" systemctl stop "load-shapes-$version"
done
# A client over NFSv3 or NFSv4.0 asks again after 30 s at the latest.
check "every waiter is granted in the end" until_true 60 all_waiters
for version in "${VERSIONS[@]}"; do on client3 systemctl stop "load-waiter-$version"; done
on client3 systemctl stop load-idle
LOADS=()

for version in "${VERSIONS[@]}"; do
	need "quiet locks over $version" program "$(host_of "$version")" "quiet-$version" keeper.py --idle "/mnt/$version/quiet-$version" 5
done
# A client renews its lease when two thirds of it are over.
moves "quiet holders" $((LEASE * 2 / 3 + 5))
for version in "${VERSIONS[@]}"; do on "$(host_of "$version")" systemctl stop "load-quiet-$version"; done
LOADS=()
unmount_clients
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
