# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: what an operator does to a running service: reload, deep monitors, grace by hand, also against a holder's will
#
# Parameters that can change while the service runs are changed; a deep monitor sees what a plain one does not; a new grace
# period, which one holder cannot use, is ended by force: that costs its locks, as was said before, and nobody else's. Clients
# are listed, and what two of them hold that were cut off is ended: others get those locks, and no others are lost. One that
# comes back is monitored by statd again.

ADDRESS4=10.77.0.100
# Time for all that is to be seen in one grace period.
((GRACE >= 90)) || GRACE=90

attribute() { cluster attrd_updater -Q -n gracekeeper-web -N "$1" | sed -n 's/.*value="\([a-z]*\)".*/\1/p'; } # NODE
attribute_is() { [ "$(attribute "$1")" = "$2" ]; }                                                           # NODE VALUE
monitor() { # LEVEL: prints what the agent says, and its exit code
	on node1 sh -c "OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=web OCF_CHECK_LEVEL=$1 OCF_RESKEY_CRM_meta_interval=10000 \
		OCF_RESKEY_CRM_meta_timeout=60000 /usr/lib/ocf/resource.d/gracekeeper/nfs monitor 2>&1; echo code \$?"
}
monitor_says() { monitor 0 >"$OUT/said" && grep -qx "code $1" "$OUT/said" && grep -q "$2" "$OUT/said"; } # CODE PATTERN
lists() { on node1 gracekeeper clients | grep -E "^web +$1$"; } # REST-OF-THE-LINE
ends() {                                                        # CLIENT PROTOCOL: by address, and says so
	on node1 gracekeeper expire web "$1" >"$OUT/expired" || { cat "$OUT/expired"; return 1; }
	sed 's/^/      /' "$OUT/expired" >&3
	grep -q "^$2 $1[: ].*is ended" "$OUT/expired" && ! grep -q 'is not ended' "$OUT/expired"
}
monitored() { on node1 test -e "/srv/web/.gracekeeper/nfs/sm/$1"; } # HOST
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
same "its daemons are in a slice of its own" "4 gracekeeper-web.slice" "$(on node1 systemctl show -P Slice \
	gracekeeper-{rpcbind,nfsdcld,statd,mountd}@web | grep . | uniq -c | sed 's/^ *//')"

event "reload"
before=$(starts)
need "its start is in the log" test "$before" -ge 1
on node1 mkdir /srv/web/only
check "it is not exported yet" on client3 sh -c "! mount -t nfs -o vers=4.2,retry=0 $ADDRESS4:/srv/web/only /mnt"
need "another export, more threads" cluster sh -c "crm_resource -r web -p threads -v 12 -Q &&
	crm_resource -r web -p exports -v '/srv/web/export 10.77.0.0/24(rw,no_root_squash,no_subtree_check)
/srv/web/only 10.77.0.53(rw,no_subtree_check)' -Q"
need "the cluster settles" settled
check "nfsd has 12 threads" test "$(inside node1 web cat /proc/fs/nfsd/threads)" = 12
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
# Not by a signal: the helper lets go on what was stopped by one.
need "mountd hangs" on node1 systemctl freeze gracekeeper-mountd@web
same "mountd hangs: a plain monitor does not ask it" "code 0" "$(monitor 0)"
monitor 10 >"$OUT/deep"
check "mountd hangs: a deep one fails" grep -qx 'code 1' "$OUT/deep"
check "mountd hangs: it says why" grep -q 'rpc.mountd does not answer' "$OUT/deep"
need "mountd goes on" on node1 systemctl thaw gracekeeper-mountd@web
same "mountd goes on" "code 0" "$(monitor 10)"
on node1 systemctl kill -s STOP gracekeeper-mountd@web
# shellcheck disable=SC2016 # for the node's shell
check "mountd is stopped by a signal: it goes on by itself" until_true 20 on node1 sh -c \
	'grep -q "^State:[[:space:]]*[SR]" /proc/$(systemctl show -P MainPID gracekeeper-mountd@web)/status'
same "a deep monitor finds nothing wrong" "code 0" "$(monitor 10)"
check "and the helper says what it did" on node1 sh -c \
	'journalctl -b -o cat --no-pager -u gracekeeperd | grep "service web: mountd (process [0-9]*) was stopped: it goes on"'

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
event "clients, and the end of two of them"
need "mount" mount_nfs client3 v3 $ADDRESS4 vers=3,hard
need "mount" mount_nfs client3 v4.2 $ADDRESS4 vers=4.2,hard
need "4 locks over NFSv3" program client1 ended-v3 keeper.py --slots --share /mnt/v3/ended-v3 4
need "3 locks over NFSv3 of another host" program client3 other-v3 keeper.py /mnt/v3/other-v3 3
need "2 locks over NFSv4.2" program client2 ended-v4.2 keeper.py --slots --share /mnt/v4.2/ended-v4.2 2
need "all locks are there" held node1 7 2
on node1 gracekeeper clients web | sed 's/^/      /' >&3
for host in 10.77.0.51 10.77.0.53; do
	check "clients lists the NFSv3 host $host" lists "NFSv3 +$host +- +- +- +-"
done
check "clients lists the NFSv4.2 holder" lists 'NFSv4\.2 +10\.77\.0\.52:[0-9]+ +[1-9] +[1-9] +0 +[0-9]+ s ago'
same "as JSON" "NFSv3 None" "$(on node1 gracekeeper clients --json web >"$OUT/clients.json"
	echo "$(field 0.clients.0.protocol - <"$OUT/clients.json") $(field 0.clients.0.locks - <"$OUT/clients.json")")"
check "expire of a client that is not there fails, and says where to look" on node1 sh -c \
	"! gracekeeper expire web 10.77.0.99 2>/tmp/said && grep -q 'gracekeeper clients web' /tmp/said"
check "and ends nobody" held node1 7 2

"$LAB" cut client1
check "expire of the NFSv3 host that is cut off" ends 10.77.0.51 NFSv3
check "frees exactly its locks" held node1 3 2
check "it is listed as ended" lists 'NFSv3 +10\.77\.0\.51 +- +- +- +- +ended'
check "and would not be notified" on node1 sh -c "! find /srv/web/.gracekeeper/nfs/sm /srv/web/.gracekeeper/nsm | grep 10.77.0.51"
check "the other host is monitored" monitored 10.77.0.53
check "another host is granted its locks" program client3 heir-v3 keeper.py --slots --share /mnt/v3/ended-v3 4
check "and has them" held node1 7 2
check "the host that is cut off can be ended again" ends 10.77.0.51 NFSv3
check "which costs nobody else anything" held node1 7 2

"$LAB" cut client2
check "expire of the NFSv4.2 client that is cut off" ends 10.77.0.52 NFSv4.2
check "frees exactly its locks, too" held node1 7 0
check "it is not listed any more" on node1 sh -c "gracekeeper clients >/tmp/said && ! grep -F ' 10.77.0.52:' /tmp/said"
check "another host is granted its locks" program client3 heir-v4.2 keeper.py --slots --share /mnt/v4.2/ended-v4.2 2
check "and has them" held node1 7 2

"$LAB" heal client1
"$LAB" heal client2
need "the logs come home" end_programs
same "a monitor, which looks for hosts that are there again" "code 0" "$(monitor 0)"
check "the NFSv3 host was only cut off, and stays ended" lists 'NFSv3 +10\.77\.0\.51 +- +- +- +- +ended'
unmount_clients
# Two connections: one alone could have the very port of before, and tell nothing.
need "mount" mount_nfs client1 v3 $ADDRESS4 vers=3,hard,nconnect=2
need "the NFSv3 host comes back and gets a lock" program client1 back-v3 keeper.py /mnt/v3/back-v3 1
check "it would be notified again" until_true 60 monitored 10.77.0.51
check "and is listed" lists 'NFSv3 +10\.77\.0\.51 +- +- +- +-'
need "the logs come home" end_programs
unmount_clients
# client1 came too late for its locks, and the locks of both were ended, which was the point; their kernels say so whenever
# they hear of the server.
for host in client1 client2; do guest $host kernel-log mark; done
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
same "the attribute goes with it" "" "$(attribute node1)"
audit
