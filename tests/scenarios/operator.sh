# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: what an operator does to a running service: reload, deep monitors, grace by hand, also against a holder's will
#
# Parameters that can change while the service runs are changed; a deep monitor sees what a plain one does not; a new grace
# period, which one holder cannot use, is ended by force: that costs its locks, as was said before, and nobody else's.

ADDRESS4=10.77.0.100
# Time for all that is to be seen in one grace period.
((GRACE >= 90)) || GRACE=90

attribute() { cluster attrd_updater -Q -n gracekeeper-web -N "$1" | sed -n 's/.*value="\([a-z]*\)".*/\1/p'; } # NODE
attribute_is() { [ "$(attribute "$1")" = "$2" ]; }                                                           # NODE VALUE
inside() { on node1 nsenter --net=/run/netns/gk-web --mount=/run/gracekeeper/ns/web -- "$@"; }
monitor() { # LEVEL: prints what the agent says, and its exit code
	on node1 sh -c "OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=web OCF_CHECK_LEVEL=$1 OCF_RESKEY_CRM_meta_interval=10000 \
		OCF_RESKEY_CRM_meta_timeout=60000 /usr/lib/ocf/resource.d/gracekeeper/nfs monitor 2>&1; echo code \$?"
}
monitor_says() { monitor 0 >"$OUT/said" && grep -qx "code $1" "$OUT/said" && grep -q "$2" "$OUT/said"; } # CODE PATTERN
starts() { on node1 journalctl -b -o cat --no-pager -u gracekeeperd | grep -c 'service web: start: started in'; }

serve web "$ADDRESS4/24"
SVC=web
measure_clocks
need "mount" mount_nfs client1 v3 $ADDRESS4 vers=3,hard
need "mount" mount_nfs client2 v4.2 $ADDRESS4 vers=4.2,hard
need "5 locks over NFSv3" program client1 keeper-v3 keeper.py /mnt/v3/kept-v3 5
need "5 locks over NFSv4.2" program client2 keeper-v4.2 keeper.py /mnt/v4.2/kept-v4.2 5
check "grace ends" wait_recovered node1
check "the node's attribute says so" until_true 30 attribute_is node1 serving
same "the other node has none" "" "$(attribute node2)"

event "reload"
before=$(starts)
need "its start is in the log" test "$before" -ge 1
on node1 mkdir /srv/web/only
check "it is not exported yet" on client3 sh -c "! mount -t nfs -o vers=4.2,retry=0 $ADDRESS4:/srv/web/only /mnt"
need "another export, more threads" cluster sh -c "crm_resource -r web -p threads -v 12 -Q &&
	crm_resource -r web -p exports -v '/srv/web/export 10.77.0.0/24(rw,no_root_squash,no_subtree_check)
/srv/web/only 10.77.0.53(rw,no_subtree_check)' -Q"
need "the cluster settles" settled
check "nfsd has 12 threads" test "$(inside cat /proc/fs/nfsd/threads)" = 12
check "the export is there for the client meant" on client3 sh -c "mount -t nfs -o vers=4.2 $ADDRESS4:/srv/web/only /mnt && umount /mnt"
check "and for nobody else" on client2 sh -c "! mount -t nfs -o vers=4.2,retry=0 $ADDRESS4:/srv/web/only /mnt"
same "the service was not started anew" "$before" "$(starts)"
check "all locks are there" held node1 5 5

event "a reload with exports that nobody can read"
good=$(cluster crm_resource -r web -g exports)
need "exports without a client" cluster crm_resource -r web -p exports -v '/srv/web/export' -Q
need "the cluster settles" settled
check "the service says so, and serves" until_true 30 monitor_says 190 'serves, but with the parameters it had'
check "the cluster's status says so" until_true 30 cluster sh -c 'crm_mon -1 | grep -q "will not start anew"'
check "gracekeeper status says so" on node1 sh -c 'gracekeeper status web | grep -q "not in force.*exports"'
same "the service was not started anew" "$before" "$(starts)"
check "all locks are there" held node1 5 5
check "the exports are there" on client3 sh -c "mount -t nfs -o vers=4.2 $ADDRESS4:/srv/web/only /mnt && umount /mnt"
need "the exports of before" cluster crm_resource -r web -p exports -v "$good" -Q
need "the cluster settles" settled
same "all is well again" "code 0" "$(monitor 0)"
same "the service was not started anew" "$before" "$(starts)"
cluster crm_resource -r web -C -Q

event "a deep monitor"
same "a plain monitor" "code 0" "$(monitor 0)"
same "a deep one" "code 0" "$(monitor 10)"
on node1 systemctl kill -s STOP gracekeeper-mountd@web
same "mountd hangs: a plain monitor does not ask it" "code 0" "$(monitor 0)"
monitor 10 >"$OUT/deep"
check "mountd hangs: a deep one fails" grep -qx 'code 1' "$OUT/deep"
check "mountd hangs: it says why" grep -q 'rpc.mountd does not answer' "$OUT/deep"
on node1 systemctl kill -s CONT gracekeeper-mountd@web
same "mountd goes on" "code 0" "$(monitor 10)"

event "a new grace period, and its end against a holder's will"
"$LAB" cut client1
check "grace start" on node1 gracekeeper grace start web
check "the locks of the client that is there come back" until_true 40 held node1 0 5
on node1 gracekeeper grace status web | sed 's/^/      /' >&3
check "the node's attribute says that it recovers" until_true 30 attribute_is node1 recovering
check "grace end refuses, and says who would lose what" on node1 sh -c \
	"! gracekeeper grace end web 2>/tmp/said && grep -q 'NFSv3 10.77.0.51.* has not reclaimed' /tmp/said"
same "it is not ended" recovering "$(state node1)"
check "grace end --force says it too, and ends it" on node1 sh -c \
	"gracekeeper grace end --force web >/tmp/said 2>&1 && grep -q 'NFSv3 10.77.0.51' /tmp/said"
check "recovery is over" wait_recovered node1
check "long before its time" between 0 "$(seconds node1 NLM)" $((GRACE - 5))
check "the node's attribute says so" until_true 30 attribute_is node1 serving
check "only the locks of the one that was away are lost" held node1 0 5
"$LAB" heal client1

need "the logs come home" end_programs
unmount_clients
# client1 came too late for its locks, which was the point; its kernel says so whenever it hears of the server.
guest client1 kernel-log mark
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
same "the attribute goes with it" "" "$(attribute node1)"
audit
