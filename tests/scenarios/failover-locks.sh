# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: planned moves, one of them during a recovery, and power cuts: no lock lost or stolen, no I/O error
#
# Clients hold locks over NFSv3, NFSv4.0 and NFSv4.2, IPv4 and IPv6, and write with fsync five times a second each, while
# the service moves to and fro. A third host tries to get all of their locks all the time, over NFSv3, NFSv4.0 and NFSv4.2, with
# requests that block and others, also while no server answers: those are the first that the next one hears. After every move the server is
# asked for every lock (F_GETLK). Two of the locks are in files that nobody else has open, until the third host opens them
# just when the service recovers.
# SHORT=yes leaves out the last two moves and the last two power cuts, which are the one during a recovery and its sequel.
# At every planned move the file system is unmounted on the node it leaves, at the first try, and no lock is left there.
# The nodes' lockd has settings of an admin's own, which every start changes for a moment: they must be the same when it is over.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
ALONE=(alone-move:0+1 alone-crash:0+1)

# left_clean NODE SINCE: the Filesystem agent's stop needed one try, and nothing holds the device.
left_clean() {
	local log
	log=$(on "$1" journalctl -o cat --no-pager --since "@$2" | grep -E 'unmount' || :)
	printf '%s\n' "$log" >>"$OUT/unmounts"
	same "$1: Filesystem unmounts once, at the first try" \
		"1 tried, 1 done, 0 failed" \
		"$(grep -c 'Trying to unmount /srv/web' <<<"$log") tried, $(grep -c 'unmounted /srv/web successfully' <<<"$log") done, $(grep -cE "Couldn.t unmount|some processes" <<<"$log") failed"
	check "$1: /proc/locks is free of the file system" guest "$1" server.py locks "${NUMBERS[$1]}"
}

after() { # NODE: the service has come to it
	event "service web is started on $1"
	check "all locks are on $1 again" look "$1"
}

# planned WORDS NODE CMD...: CMD makes the service go to NODE.
planned() {
	local words=$1 to=$2 from since
	shift 2
	from=$(other "$to")
	since=$(on "$from" date +%s)
	event "$words: service web is to go from $from to $to"
	need "$words" "$@"
	after "$to"
	left_clean "$from" "$since"
	audit_owner $ADDRESS4 "$to"
	audit_owner $ADDRESS6 "$to"
}

recovered() {
	check "both grace periods end on $1" wait_recovered "$1"
	note_graces "$1"
	event "recovery on $1 is over"
}

# back NODE: in the cluster, and where it has a disk of its own that has what it missed.
back() {
	need "$1 is back" wait_nodes
	[ "$STORAGE" != drbd ] || need "DRBD on $1 has caught up" until_true 240 drbd_back web
}

standby() { cluster crm_standby -N "$1" -v on && wait_started web "$(other "$1")"; }
online() { cluster crm_standby -N "$1" -D; }

# A fresh contender for a file that nobody else had open until now.
contend_late() {
	check "a contender for $1" program client3 "contender-$1" contender.py --interval 2 --fresh-open-only \
		--via NFSv3=/mnt/v3 --via NFSv4.2=/mnt/v42 "$1:0"
}

for node in "${NODES[@]}"; do need "settings of lockd on $node" guest "$node" lockd-settings 47 4047 4048; done
serve web "$ADDRESS4/24 $ADDRESS6/64"
# Of DRBD there is no device on a node in standby.
declare -A NUMBERS=()
for node in "${NODES[@]}"; do NUMBERS[$node]=$(on "$node" lsblk -dno MAJ:MIN "$(device 0 web)" | tr -d ' '); done
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
need "a second contender" hammer $ADDRESS4
recovered node1
check "all locks are on node1" look node1

planned "planned move 1" node2 move web node2
recovered node2
planned "planned move 2" node1 move web node1
# The next one comes while recovery still runs: its records must not be forgotten.
planned "planned move 3, during the recovery of move 2" node2 move web node2
contend_late alone-move
recovered node2
check "all locks are on node2, with the one that is wanted now" look node2
if [ "${SHORT:-}" != yes ]; then
	planned "planned move 4, node2 to standby" node1 standby node2
	online node2
	recovered node1
	planned "planned move 5" node2 move web node2
	recovered node2
fi

# Now: a power cut takes the settings of lockd.
audit_node node1
audit_node node2 web
power_cut node2
contend_late alone-crash
after node1
back node2
recovered node1
cuts=1
if [ "${SHORT:-}" != yes ]; then
	power_cut node1
	after node2
	back node1
	power_cut node2
	after node1
	recovered node1
	cuts=2 # that nothing cut short
fi
check "all locks are on node1 at the end" look node1
back node2

check "the logs come home" end_load
check_load
check_hammered $cuts
# nfsd leaves the records that the helper has made, as of an NFSv4.0 client that has reclaimed. (That of the hammer may leave opens
# behind on the server, which then keeps it.)
check "an NFSv4.0 client that has unmounted is recorded no more" until_true $((LEASE * 3)) guest node1 no-clients web client1
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
FENCED_BEFORE=$FENCED
audit
same "fencings at the end" "$FENCED_BEFORE" "$(fencings)"
for node in "${NODES[@]}"; do need "lockd's defaults on $node" guest "$node" lockd-settings 0 0 0; done
