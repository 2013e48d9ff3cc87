# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: a file system that its users have filled to the last block costs no lock, no failed monitor and no start
#
# The state directory lies on it. A power cut, moves there and back, and a stop without the helper, all on the full disk.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100

still_well() { # NODE
	check "all locks are on $1" look "$1"
	check "grace ends on $1" wait_recovered "$1"
	check "the disk is full, with room for the next stop" guest "$1" fill-disk --check /srv/web
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
check "all locks are on node1" look node1
check "grace ends on node1" wait_recovered node1
need "the disk is filled" guest node1 fill-disk /srv/web/export
event "the disk is full"
check "the monitor says so" until_true 60 on node1 sh -c \
	"journalctl -b -o cat -u gracekeeperd | grep -q 'file system of the state directory /srv/web/.gracekeeper is full'"
power_cut node1
event "service web is started on node2"
still_well node2
need "node1 is back" wait_nodes
event "service web is to go to node1"
need "service web moves" move web node1
still_well node1
event "service web is to go to node2, without a helper"
need "the helper is removed" break_helper node1 removed
need "service web moves" move web node2
need "the helper is back" put_helper_back node1
still_well node2
check "NLM grace took its full time" full_time node2 NLM
check "the logs come home" end_load
check_load
on node2 sh -c 'rm -r /srv/web/export/fill'
audit "web=node2:$ADDRESS4"
check "service web stops" remove web
audit
