# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: no delegation is given by default; where delegations=yes is right, a lock under one survives, and nobody waits long
#
# A holder reads a file and locks it. By default the server gives no delegation and knows of the lock. On kernels before 6.6
# delegations=yes is allowed: then the client keeps the lock to itself, and a move has to carry the delegation over.

ADDRESS4=10.77.0.100

known() { local found; found=$(kept_lines "$1"); echo "$found"; ! grep -q DELEG <<<"$found" && grep -q POSIX <<<"$found"; }

keeper() { need "a shared lock on a file that is read" program client1 keeper keeper.py --read-only --share /mnt/v42/kept 1; }
keeper_ends() { on client1 systemctl stop load-keeper; LOADS=(); }

serve web "$ADDRESS4/24"
SVC=web
on node1 sh -c 'echo text >/srv/web/export/kept'
for client in client1 client2; do need "mounts" mount_nfs $client v42 $ADDRESS4 vers=4.2,hard; done
check "grace ends on node1" wait_recovered node1
keeper
check "by default there is no delegation, and the server knows of the lock" known node1
keeper_ends
if [ "$KERNEL" = 6.1 ]; then
	need "delegations=yes" cluster crm_resource -r web -p delegations -v yes -Q
	need "service web has its parameters" settled 240s
	check "grace ends" wait_recovered node1
	keeper
	check "the lock is the client's own affair, under a delegation" delegated node1
	event "service web is to go to node2"
	need "service web moves" move web node2
	need "somebody who wants the lock" program client2 thief contender.py --interval 0.5 --give-up 30 --max-pending 20 \
		--via NFSv4.2=/mnt/v42 kept:0
	check "grace ends early" wait_recovered node2
	ended node2 | sed 's/^/      /' >&3
	# The holder reads nothing more: its client notices the move when it renews its lease.
	check "NFSv4 grace waited for the holder's renewal, and no longer" between 0 "$(seconds node2 NFSv4)" $((LEASE * 2 / 3 + 2))
	begin=$EPOCHREALTIME
	check "another client's open for writing gets through" on client2 sh -c 'echo text >>/mnt/v42/kept'
	took=$(python3 -c 'import sys; print(round(float(sys.argv[2]) - float(sys.argv[1]), 1))' "$begin" "$EPOCHREALTIME")
	check "it took $took s: the recall of the delegation" between 0 "$took" 10
	check "the lock is known to the server now" until_true 10 known node2
	same "locks stolen" 0 "$(thief_ends delegations)"
	keeper_ends
fi
unmount_clients
audit "web=$(where_is web):$ADDRESS4"
check "service web stops" remove web
audit
