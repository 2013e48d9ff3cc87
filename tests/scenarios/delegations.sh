# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: no delegation is given by default; where delegations=yes is right a move carries them over, and nobody waits long
#
# By default the server gives no delegation, not to one who reads nor to one who writes, and knows of every lock. With
# delegations=yes the service moves while a client has one. Somebody else opens the file for writing from the first moment on,
# anew five times a second, for which the delegation has to be recalled: that may wait until the holder has renewed its lease,
# and a second more. A holder does nothing with its file meanwhile, and hears of the move when it renews.
#
# On kernels before 6.6 there are delegations for reading only, and a lock under one survives the move: the client keeps it to
# itself. From 6.6 on there are some for writing too, for clients of NFSv4.1 and newer that open a file for both and nobody else
# has open for writing, outside of grace (fs/nfsd/nfs4state.c, nfs4_open_delegation and nfs4_set_delegation). There
# delegations=yes is for clients that take no locks.

ADDRESS4=10.77.0.100

known() { local found; found=$(kept_lines "$@"); echo "$found"; ! grep -q DELEG <<<"$found" && grep -q POSIX <<<"$found"; }
undelegated() { ! kept_lines "$@" | grep DELEG; } # NODE FILE

# keeper FILE COUNT OPTION...: client1 has it open, with so many locks, and does nothing with it.
keeper() {
	local file=$1 count=$2
	shift 2
	need "client1 opens $file" program client1 keeper keeper.py --share --idle "$@" "/mnt/v42/$file" "$count"
}
keeper_ends() { on client1 systemctl stop load-keeper; LOADS=(); }

moved() { wait "$1" || { cat "$OUT/move"; return 1; }; } # PID of a move
opened() { on client2 grep -q '"granted": \[1\]' /var/tmp/load/thief.log; }

# carried WORDS FILE [RANGE]: a move while client1 has a delegation on the file. The other one's lock is on a part that nobody else
# wants, and tells when its open came through; RANGE is what client1 has locked, which it is not to get.
carried() {
	local begin=$EPOCHREALTIME from=$here moving
	here=$(other "$from")
	event "$1: service web is to go to $here"
	move web "$here" >"$OUT/move" 2>&1 &
	moving=$!
	# Before, it would have the delegation recalled; with the move's end, it could come after the renewal.
	need "$1: service web is gone from $from" until_true 60 on "$from" test ! -e /run/gracekeeper/services/web
	# shellcheck disable=SC2086 # a range or nothing
	need "$1: somebody else opens the file" program client2 thief contender.py --interval 0.2 --max-pending 110 --give-up 20 \
		--fresh-open-only --via NFSv4.2=/mnt/v42 --control "$2:1" ${3:-}
	need "$1: service web moves" moved $moving
	check "$1: grace ends early" wait_recovered "$here"
	ended "$here" | sed 's/^/      /' >&3
	need "$1: the holder on $here" note_holders "$here" 10.77.0.51
	check "$1: NFSv4 grace waited for the holder's renewal, and no longer" between 0 "$(seconds "$here" NFSv4)" $((LEASE * 2 / 3 + 1))
	check "$1: another client's open for writing gets through" until_true 30 opened
	same "$1: locks stolen" 0 "$(thief_ends "$1")"
	cp "$OUT/thief-$1.log" "$OUT/requester-$1@client2.log"
	spans+=("$begin $EPOCHREALTIME $1")
}
spans=()

serve web "$ADDRESS4/24"
SVC=web
here=node1
measure_clocks
need "samplers" samplers
on node1 sh -c 'cd /srv/web/export && echo text | tee kept read >written'
for client in client1 client2; do need "mounts" mount_nfs $client v42 $ADDRESS4 vers=4.2,hard; done
check "grace ends on node1" wait_recovered node1
keeper kept 1 --read-only
check "by default there is no delegation, and the server knows of the lock" known node1
keeper_ends
keeper written 0 --buffered
check "by default there is none for one who writes" undelegated node1 written
keeper_ends

need "delegations=yes" cluster crm_resource -r web -p delegations -v yes -Q
need "service web has its parameters" settled 240s
need "service web is on node1" wait_started web node1
check "grace ends" wait_recovered node1
if [ "$KERNEL" = 6.1 ]; then
	keeper written 0 --buffered
	check "this kernel gives none to one who writes" undelegated node1 written
	keeper_ends
	keeper kept 1 --read-only
	check "the lock is the client's own affair, under a delegation" delegated node1 kept READ
	carried locked kept kept:0
	check "the lock is known to the server now" until_true 10 known "$here"
	keeper_ends
else
	keeper read 0 --read-only
	check "one who reads has a delegation" delegated node1 read READ
	carried reading read
	check "that has been recalled" undelegated "$here" read
	keeper_ends
	keeper written 0 --buffered
	check "one who writes has a delegation" delegated "$here" written WRITE
	carried writing written
	check "that has been recalled" undelegated "$here" written
	keeper_ends
fi
need "the samplers' logs" samplers_end
for span in "${spans[@]}"; do
	read -r begin end words <<<"$span"
	# No lock has to come back that the server knows of.
	judge_starts "$words" 0 0 1 1 "$begin" "$end"
	check_prompt "$words: another client's open took until the holder had renewed, and 1 s at most"
done
unmount_clients
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
