# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: a start that is held up until its grace is over loses no lock: it fails, and the next one begins a new grace
#
# The kernel's clocks run from nfsd's start on, and clients get through later. Were the service opened when its grace is
# over, no client could reclaim anything, and none of NFSv3 would be told. The starts on node2 are held up, after a stop in
# order and after a power cut; the service is to come up on node1 then.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
LEASE=15 GRACE=15

hold_up() {
	need "something that holds up the start on node2" on node2 systemd-run -q --collect --unit hold-up \
		-p StandardOutput=file:/var/tmp/hold-up "$GUEST_DIR/hold-up" web $((GRACE + 5))
}

# Pacemaker does not try the node again where a start has failed.
back_on_node1() { # WORDS
	need "$1: service web is started on node1" wait_started web node1 300
	check "$1: the start was held up behind closed doors" on node2 grep -q 'opened False' /var/tmp/hold-up
	check "$1: it says why it failed" on node2 sh -c \
		"journalctl -b -o cat -u gracekeeperd | grep -c 'start failed, .* of its grace were over before a client could come' | grep -qx $2"
	check "$1: all locks are on node1" look node1
	check "$1: grace ends on node1" wait_recovered node1
	need "$1: the failure is forgotten" cluster crm_resource --cleanup -Q -r web
	need "$1: the cluster is at rest" settled
}

# systemd would take the helper for dead, kill it, and its successor would take the half start down: that is helper-down's.
watchdog() { # yes|no
	local dir=/run/systemd/system/gracekeeperd.service.d
	if [ "$1" = yes ]; then
		on node2 rm -r $dir
	else
		on node2 sh -c "mkdir -p $dir && printf '[Service]\nWatchdogSec=0\n' >$dir/held-up.conf"
	fi && on node2 systemctl daemon-reload && on node2 systemctl restart gracekeeperd
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "no watchdog on node2" watchdog no
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
check "grace ends on node1" wait_recovered node1
check "all locks are on node1" look node1
hold_up
event "service web is to go to node2, where its start will be held up"
need "the move is asked for" cluster crm_resource --move -r g-web -N node2 -Q
need "the start fails" until_true 180 on node1 sh -c "crm_mon -1 --include=none,failures | grep -q 'web start on node2'"
need "node1 is good enough" cluster crm_resource --clear -r g-web -Q
back_on_node1 "move" 1

hold_up
# Not by power_cut: it waits for a start that does not come.
CLUSTER_NODE=node2
need "the log of node1 is on its disk" on node1 sync -f /var/log
event "power of node1 is cut; the start on node2 will be held up"
"$LAB" crash node1
FENCED=$((FENCED + 1))
need "the start fails" until_true 240 on node2 sh -c "crm_mon -1 --include=none,failures | grep -q 'web start on node2'"
need "node1 is back" wait_nodes
back_on_node1 "power cut" 2

check "the logs come home" end_load
check_load
need "a watchdog on node2" watchdog yes
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
audit
