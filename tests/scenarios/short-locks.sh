# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: locks that are held for a moment only do not make grace take its full time, whenever a move comes
#
# Over NFSv3 and NFSv4.0 programs take a lock and give it up at once, all the time, beside locks that are kept. The service moves
# SHORT_MOVES times. A short lock that is the server's when clients are shut out, and not the client's any more, or not yet,
# would be waited for in vain.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
: "${SHORT_MOVES:=8}"

# passer VERSION NAME PENDING SLOT: somebody on client3 who takes a lock and gives it up, five times a second.
passer() {
	program client3 "contender-$2" contender.py --interval 0.2 --max-pending "$3" --give-up 16 --via "NFS$1=/mnt/$1" --control "free:$4"
}

# early NODE NLM|NFSv4: that grace did not take its time.
early() {
	ended "$1"
	between 0 "$(seconds "$1" "$2")" $((GRACE - 5))
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
need "mount" mount_nfs client3 v40 $ADDRESS4 vers=4.0,hard
need "short locks over NFSv3" passer v3 v3-1 30 1
need "more of them" passer v3 v3-2 30 2
# More than one process that asks over NFSv4.0 can make its client hang in a move ("Found on real kernels").
need "short locks over NFSv4.0" passer v40 v40 1 3
here=node1
for ((n = 1; n <= SHORT_MOVES; n++)); do
	for name in v3-1 v3-2 v40; do need "short locks are granted, $name" granted_any client3 contender-$name 60; done
	event "move $n: service web is to go to $(other "$here")"
	need "service web moves" move web "$(other "$here")"
	here=$(other "$here")
	check "move $n: all locks are on $here" look "$here"
	check "move $n: grace ends" wait_recovered "$here"
	check "move $n: NLM grace ended early" early "$here" NLM
	check "move $n: NFSv4 grace ended early" early "$here" NFSv4
done
check "the logs come home" end_load
check_load
collect
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
