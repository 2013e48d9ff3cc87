# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: a stop that cannot write down in time who has locks, as the disk does not answer, costs no lock
#
# The file system, with the state directory, is frozen until the helper has given up writing the snapshot. What it writes from then
# on would come too late, and lockd's end has statd erase the records it had not copied.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
check "grace ends on node1" wait_recovered node1
check "all locks are on node1" look node1
event "the file system is frozen"
need "the file system is frozen" on node1 fsfreeze --freeze /srv/web
need "it thaws when the snapshot is given up" on node1 systemd-run -q --collect --unit thaw sh -c \
	"until journalctl -b -o cat -u gracekeeperd | grep -q 'stop of snapshot did not end within'; do sleep 0.2; done
	fsfreeze --unfreeze /srv/web"
event "service web is to go to node2"
need "service web moves" move web node2
check "the snapshot was given up" on node1 sh -c \
	"journalctl -b -o cat -u gracekeeperd | grep -q 'stop of snapshot did not end within'"
check "the daemons ended before nfsd" on node1 sh -c \
	"journalctl -b -o cat | grep -q 'the daemons end before nfsd'"
check "all locks are on node2" look node2
check "grace ends on node2" wait_recovered node2
check "NLM grace took its full time: nobody knows what was held" full_time node2 NLM
event "service web is to go to node1"
need "service web moves" move web node1
check "all locks are on node1 again" look node1
check "the logs come home" end_load
check_load
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
audit
