# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034,SC2154 # the library reads the variables
# shellcheck disable=SC2016 # some is for other shells
# Promise: a daemon of one service that hangs or dies holds up no other service for long, and what cannot be healed is reported
#
# Services web and db run on node1, and each has a client that takes a lock and writes, five times a second, over NFSv3. Each
# daemon of web in turn is stopped (SIGSTOP) for a minute, while a host that web's statd does not know yet takes a lock of web:
# lockd, the node's only one, then waits for that statd. Each is killed. db's client must not be held up for longer than it takes to
# find out, plus a second. A killed rpcbind comes back without what was registered with it, and threads of nfsd that somebody ended
# do not come back: the cluster is told within seconds, long before its next monitor, once, and not in maintenance.

ADDRESS_WEB=10.77.0.100 ADDRESS_DB=10.77.0.101
MONITOR=(600s 600s)
# It looks every two seconds, and twice.
DETECTION=4

# most NAME SINCE lock|write: the longest that one took which ended after SINCE, in seconds.
most() {
	"$LAB" get client1 "/var/tmp/load/$1.log" "$OUT/$1.log" && python3 -c 'import json, sys
took = [e for e in map(json.loads, open(sys.argv[1])) if e["e"] == "took" and e["w"] >= float(sys.argv[2])]
print(max(e[sys.argv[3]] for e in took))' "$OUT/$1.log" "$2" "$3"
}
client_now() { on client1 date +%s.%N; }
pid_of() { on node1 systemctl show -p MainPID --value "gracekeeper-$1@web"; } # DAEMON
# A host that nobody has asked for a lock of web yet: a record that statd has not, lockd asks it to make.
forget() { on client2 sh -c 'umount -f -l /mnt/new 2>/dev/null; true'; }
failures() { on node1 journalctl -b -o cat --no-pager -u gracekeeperd | grep -c 'service web has failed: .*telling the cluster'; }
within() { python3 -c 'import sys; print(*sys.argv[1:3]); sys.exit(float(sys.argv[1]) > float(sys.argv[2]))' "$@"; }
grown() { [ "$(failures)" -gt "$1" ]; }
started_again() { [ "$(on node1 stat -Lc %i /run/netns/gk-web)" != "$1" ]; } # INODE

begin_audit
need "storage" storage 0 web
need "storage" storage 1 db
{
	service web 0 "$ADDRESS_WEB/24"
	service db 1 "$ADDRESS_DB/24"
	for g in web db; do echo "location l-$g g-$g 50: node1"; done
} >"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "the services start" settled 300s
for s in web db; do need "$s is on node1" place $s node1; done
SVC=web
need "mount" mount_nfs client1 web $ADDRESS_WEB vers=3,hard
need "mount" mount_nfs client3 web $ADDRESS_WEB vers=4.2,hard
need "grace of web ends" wait_recovered node1
SVC=db
need "mount" mount_nfs client1 db $ADDRESS_DB vers=3,hard
need "grace of db ends" wait_recovered node1
need "a client of web" program client1 web latency.py /mnt/web/latency
need "a client of db" program client1 db latency.py /mnt/db/latency
need "a client of web over NFSv4.2" program client3 web4 keeper.py --slots /mnt/web/kept 2
sleep 30 # what they take with nothing wrong
usual_lock=$(most db 0 lock) usual_write=$(most db 0 write)
say "      with nothing wrong db's longest lock took $usual_lock s, its longest write $usual_write s"

for daemon in statd rpcbind nfsdcld mountd; do
	event "$daemon of web is stopped"
	before=$(pid_of $daemon)
	since=$(client_now)
	need "$daemon is stopped" on node1 kill -s STOP "$before"
	forget
	# Mounting asks rpcbind and mountd, the lock statd; a client of NFSv4 that is new asks nfsdcld.
	on client2 systemd-run -q --collect --unit load-new sh -c "mkdir -p /mnt/new; mount -t nfs -o vers=3,hard $ADDRESS_WEB:/srv/web/export /mnt/new &&
		flock /mnt/new/new-$daemon true; umount -f -l /mnt/new; mount -t nfs -o vers=4.2,hard $ADDRESS_WEB:/srv/web/export /mnt/new &&
		flock /mnt/new/new4-$daemon true"
	check "$daemon goes on" until_true 15 on node1 sh -c "grep -E '^State:[[:space:]]+[SR]' /proc/\$(systemctl show -p MainPID --value gracekeeper-$daemon@web)/status"
	check "the new client gets its locks" until_true 60 on client2 sh -c '! systemctl -q is-active load-new'
	sleep 10
	for what in lock write; do
		usual=usual_$what
		took=$(most db "$since" $what)
		say "      $daemon stopped: db's longest $what took $took s"
		check "$daemon stopped: db's longest $what, at most $DETECTION + 1 s above the usual" within "$took" \
			"$(python3 -c 'print(float("'"${!usual}"'") + '$((DETECTION + 1))')')"
	done
	check "the helper says what it did" on node1 sh -c \
		"journalctl -b -o cat --no-pager -u gracekeeperd | grep -F 'service web: $daemon (process $before) is stopped: let go on'"
	on client2 sh -c 'systemctl stop load-new; umount -f -l /mnt/new; true'
done

for daemon in statd nfsdcld mountd; do
	event "$daemon of web is killed"
	before=$(pid_of $daemon)
	since=$(client_now)
	need "$daemon is killed" on node1 kill -s KILL "$before"
	check "systemd starts it anew" until_true 15 on node1 sh -c "p=\$(systemctl show -p MainPID --value gracekeeper-$daemon@web); [ \$p != 0 ] && [ \$p != $before ]"
	sleep 10
	took=$(most db "$since" lock)
	say "      $daemon killed: db's longest lock took $took s"
	check "$daemon killed: db's longest lock, at most $DETECTION + 1 s above the usual" within "$took" \
		"$(python3 -c 'print(float("'"$usual_lock"'") + '$((DETECTION + 1))')')"
done
same "nothing was reported to the cluster" 0 "$(failures)"
SVC=web
same "a monitor finds nothing wrong" 0 "$(verdict node1)"

event "in maintenance"
need "maintenance" cluster crm_resource -r g-web --meta -p maintenance -v true -Q
need "rpcbind is killed" on node1 sh -c "kill -s KILL $(pid_of rpcbind)"
sleep 15
same "the cluster is told nothing" 0 "$(failures)"
inode=$(on node1 stat -Lc %i /run/netns/gk-web)
begin=$(on node1 date +%s)
need "maintenance is over" cluster crm_resource -r g-web --meta -p maintenance -v false -Q
check "then it is told" until_true 60 grown 0
check "and starts web anew" until_true 120 started_again "$inode"
need "web is started" wait_started web node1
same "it was told once" 1 "$(failures)"
need "the failure is forgotten" cluster crm_resource --cleanup -r web -N node1 -Q

event "nfsd's threads are ended"
need "recovery ends" wait_recovered node1
inode=$(on node1 stat -Lc %i /run/netns/gk-web)
begin=$(on node1 date +%s.%N)
need "no threads" inside node1 web sh -c 'echo 0 >/proc/fs/nfsd/threads'
check "the cluster is told" until_true 60 grown 1
told=$(on node1 journalctl -b -o short-unix --no-pager -u gracekeeperd | grep 'web has failed: nfsd has no threads' | tail -n 1 | cut -d' ' -f1)
took=$(python3 -c "print(round($told - $begin, 2))")
say "      it was told $took s afterwards"
check "within 5 s, and what an emulated node takes to ask" within "$took" 10
check "web starts anew" until_true 120 started_again "$inode"
need "web is started" wait_started web node1
need "the failure is forgotten" cluster crm_resource --cleanup -r web -N node1 -Q
need "recovery ends" wait_recovered node1
check "the locks over NFSv4.2 are there" until_true 60 on node1 sh -c "$GUEST_DIR/server.py count /srv/web | grep -E 'v4 2$'"
need "the logs come home" end_programs
audit "web=node1:$ADDRESS_WEB" "db=node1:$ADDRESS_DB"
for s in web db; do check "service $s stops" remove $s; done
audit
