# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034,SC2154 # the library reads the variables
# shellcheck disable=SC2016 # some is for other shells
# Promise: a daemon of one service that hangs or dies holds up no other service for long, and what cannot be healed is reported
#
# Services web and db run on node1. A client of db takes locks, and beside that writes, five times a second each, over NFSv3.
# Each daemon of web is stopped (SIGSTOP) and killed, and statd made to hang. At the same moment a host that web does not know
# asks for a lock of web: lockd, the node's only one, waits for what is stopped. It asks about a host once only, so each is
# another one, and has done everything else before (newcomer.py). db's locks must not take longer than it takes to find out,
# and a second; its writes are as ever. What takes how long is compared with rounds in which nothing is stopped.
# An rpcbind that was killed comes back without what had registered, and threads of nfsd that somebody ended do not come back:
# the cluster is told within seconds, long before its next monitor, once, and neither in maintenance nor during an action.

ADDRESS_WEB=10.77.0.100 ADDRESS_DB=10.77.0.101
MONITOR=(600s 600s)
# The helper looks every two seconds. The rest is what an emulated node takes for it.
LOOK=4
# One that hangs without being stopped: it is asked every 10 s, then silent for 25 s, and a question takes 5 s. Again the rest is
# the emulated node's. And never so soon that one that is only slow would be ended.
HANGS=(25 50)
# When rpcbind does not know statd, lockd asks again after 3 s (net/sunrpc/clnt.c, call_bind_status).
ASKS_AGAIN=3
# Newcomers' addresses are those of client2 from here on.
NUMBER=170

below() { # NUMBER LIMIT
	echo "$1, which may be $2"
	python3 -c 'import sys; sys.exit(not float(sys.argv[1]) <= float(sys.argv[2]))' "$@"
}
plus() { python3 -c 'import sys; print(round(sum(map(float, sys.argv[1:])), 3))' "$@"; } # NUMBER...
product() { python3 -c 'import sys; print(float(sys.argv[1]) * float(sys.argv[2]))' "$@"; } # NUMBER NUMBER
client_now() { on client1 date +%s.%N; }

# newcomer lock|record: one that waits for the word.
newcomer() {
	NUMBER=$((NUMBER + 1))
	NEW=new-$NUMBER
	if [ "$1" = record ]; then
		program client2 $NEW newcomer.py record "$ADDRESS_WEB"
	else
		on client2 ip address add 10.77.0.$NUMBER/24 dev eth0 &&
			program client2 $NEW newcomer.py lock "$ADDRESS_WEB" /srv/web/export kept3 10.77.0.$NUMBER
	fi
}

# strike [--when-it-listens] DAEMON STOP|KILL|none: and the newcomer gets the word. Sets PID, AT (node1's clock), BACK (after how
# many seconds a killed one was there again) and SINCE (client1's clock).
strike() {
	local option='' answer status=0
	if [ "$1" = --when-it-listens ]; then
		option=$1
		shift
	fi
	SINCE=$(client_now)
	# shellcheck disable=SC2086 # none or one
	answer=$(on node1 nsenter --net=/run/netns/gk-web -- "$GUEST_DIR/strike" $option web "$1" "$2" 10.77.0.52) || status=1
	PID=$(field pid "$answer") && AT=$(field at "$answer") && BACK=$(field back "$answer") && return $status
}

# answered: until the newcomer is. Sets TOOK and ANSWER.
answered() {
	until_true 170 on client2 sh -c "! systemctl -q is-active load-$NEW" &&
		"$LAB" get client2 "/var/tmp/load/$NEW.log" "$OUT/$NEW.log" || return 1
	read -r TOOK ANSWER < <(python3 -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print(*[(line["took"], line.get("answer") or line["why"]) for line in lines if line["e"] in ("answered", "unanswered")][-1])' "$OUT/$NEW.log")
	say "      the newcomer was answered after $TOOK s: $ANSWER"
	grep -q '"answered"' "$OUT/$NEW.log"
}

# said WORDS: how many seconds after AT the helper said them first.
said() {
	on node1 journalctl -q -b -o short-unix --no-pager --since "@$BEGUN" -u gracekeeperd | python3 -c 'import sys
for line in sys.stdin:
	at, _, rest = line.partition(" ")
	if sys.argv[2] in rest and float(at) >= float(sys.argv[1]):
		print(round(float(at) - float(sys.argv[1]), 3))
		break
else: sys.exit(1)' "$AT" "$1"
}
times_said() { on node1 journalctl -q -b -o cat --no-pager --since "@$BEGUN" -u gracekeeperd | grep -cF "$1"; } # WORDS
told() { times_said 'service web: telling the cluster of the failure'; }
told_more_than() { [ "$(told)" -gt "$1" ]; }

# took db-lock|db-write: longest, median and number of those that had not ended at SINCE.
took() {
	"$LAB" get client1 "/var/tmp/load/$1.log" "$OUT/$1.log" &&
		python3 "$TESTS/workload/latency.py" --since "$OUT/$1.log" "$SINCE" "$(client_now)"
}

# judge WORDS SECONDS: locks of db took no longer than SECONDS, and one, above the usual; and writes as long as ever.
judge() {
	local longest median number
	sleep 3 # what has waited is told by then, and what still waits counts
	read -r longest median number < <(took db-lock)
	say "      $1: db's longest lock took $longest s, the median $median s, of $number"
	check "$1: db's longest lock takes at most the $2 s that it took to find out and a second above the usual" \
		below "$longest" "$(plus "$USUAL_LOCK" "$2" 1)"
	read -r longest median number < <(took db-write)
	say "      $1: db's longest write took $longest s, the median $median s, of $number"
	check "$1: db's writes are not held up" below "$longest" "$(plus "$USUAL_WRITE" 1)"
	check "$1: nor do they take longer" below "$median" "$(plus "$(product "$USUAL_MEDIAN" 1.5)" 0.005)"
}

# started: when web's server was, by node1's clock since its boot.
started() { on node1 cat /run/gracekeeper/services/web/service.json | field startedAt -; }
started_after() { # WHEN: it was started anew
	local now
	now=$(started) && python3 -c 'import sys; sys.exit(not float(sys.argv[1]) > float(sys.argv[2]))' "$now" "$1"
}

# started_anew WHEN COUNT: the cluster, having been told COUNT times, has started web anew since then.
started_anew() {
	check "Pacemaker starts web anew without waiting for its monitor" until_true 150 started_after "$1"
	need "web is started" wait_started web node1
	need "its recovery ends" wait_recovered node1
	same "the cluster was told once for each failure" "$2" "$(told)"
	need "the failure is forgotten" cluster crm_resource --cleanup -r web -N node1 -Q
	need "the cluster settles" settled
}

# in_time WORDS: the cluster was told within 5 s of AT, beside what the tools of that take on this node: twice what they take
# when it is at rest, for daemons start at the same time.
in_time() {
	local found told
	until_true 30 said 'service web: telling the cluster of the failure' >/dev/null
	found=$(said 'service web has failed: ')
	told=$(said 'service web: telling the cluster of the failure')
	say "      $1: found after $found s, told after $told s; the tools take $TOOLS s"
	check "$1: the cluster is told within 5 s" below "$told" "$(plus 5 "$TOOLS" "$TOOLS")"
}

BEGUN=$(on node1 date +%s)
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
SVC=db
need "mount" mount_nfs client1 db $ADDRESS_DB vers=3,hard
need "grace of db ends" wait_recovered node1
SVC=web
need "mount" mount_nfs client1 web $ADDRESS_WEB vers=3,hard
need "mount" mount_nfs client3 web $ADDRESS_WEB vers=4.2,hard
need "grace of web ends" wait_recovered node1
need "2 locks of web over NFSv3" program client1 web3 keeper.py /mnt/web/kept3 2
need "2 locks of web over NFSv4.2" program client3 web4 keeper.py /mnt/web/kept4 2
need "locks of db" program client1 db-lock latency.py lock /mnt/db/locked
need "writes to db" program client1 db-write latency.py write /mnt/db/written

event "nothing is stopped"
begun=$(client_now)
for round in 1 2 3; do
	need "a newcomer" newcomer lock
	need "nothing is done" strike statd none
	need "the newcomer is answered" answered
	same "a newcomer gets its lock" granted "$ANSWER"
done
SINCE=$begun
sleep 5
read -r USUAL_LOCK _ < <(took db-lock)
read -r USUAL_WRITE USUAL_MEDIAN _ < <(took db-write)
say "      with nothing stopped db's longest lock took $USUAL_LOCK s, its longest write $USUAL_WRITE s, the median $USUAL_MEDIAN s"

for daemon in statd rpcbind mountd nfsdcld; do
	case $daemon in nfsdcld) kind=record want=recorded ;; *) kind=lock want=granted ;; esac
	for round in 1 2; do
		need "a newcomer" newcomer $kind
		event "$daemon of web is stopped"
		need "$daemon is stopped" strike $daemon STOP
		check "the newcomer is answered" answered
		found=$(said "service web: $daemon (process $PID) was stopped: it goes on")
		say "      $daemon goes on after $found s"
		check "$daemon goes on within $LOOK s" below "$found" $LOOK
		# Else nothing waited for it, and there is nothing to be seen in db.
		check "the newcomer waited for that" below "$(product "$found" 0.5)" "$TOOK"
		same "and is $want what it asks for" $want "$ANSWER"
		judge "$daemon stopped" "$found"
	done
done

event "statd of web hangs"
# It reads what a record had before it writes it, and nobody writes into this.
need "a newcomer" newcomer lock
record=/srv/web/.gracekeeper/nfs/sm/10.77.0.$NUMBER
need "a record that cannot be read to its end" on node1 sh -ec "mkfifo -m 600 $record; chown --reference=${record%/*} $record"
need "nothing is done but to ask" strike statd none
need "statd waits" until_true 15 on node1 grep -qE 'wait_for_partner|fifo_open' "/proc/$PID/wchan"
need "the next one will not" on node1 rm $record
check "the newcomer is answered" answered
found=$(said "service web: statd (process $PID) does not answer: ended")
say "      statd is ended after $found s"
check "a statd that hangs is ended in time, and not before" between "${HANGS[0]}" "$found" "${HANGS[1]}"
check "the newcomer waited for that" below "$(product "$found" 0.5)" "$TOOK"
judge "statd hangs" "$found"
need "another newcomer" newcomer lock
need "nothing is done" strike statd none
check "the newcomer is answered" answered
same "by the statd that systemd has started anew" granted "$ANSWER"

for daemon in statd mountd nfsdcld; do
	kind=lock
	[ $daemon != nfsdcld ] || kind=record
	need "a newcomer" newcomer $kind
	event "$daemon of web is killed"
	check "$daemon is killed, and systemd starts it anew" strike $daemon KILL
	say "      $daemon is there again after $BACK s"
	check "the newcomer is answered" answered
	judge "$daemon killed" "$BACK"
done
same "the helper has found nothing that is not put right" 0 "$(times_said 'service web has failed: ')"
same "a monitor finds nothing wrong" 0 "$(verdict node1)"
check "the locks of web are there" held node1 2 2

event "an action: nfsd's threads are ended, and rpcbind is started anew, on purpose"
before=$(started)
need "grace start" on node1 gracekeeper grace start web
check "the server is another one" started_after "$before"
need "its recovery ends" wait_recovered node1
same "the helper has found nothing wrong" 0 "$(times_said 'service web has failed: ')"
check "the locks of web are there" until_true 60 held node1 2 2

event "in maintenance"
need "maintenance" cluster crm_resource -r g-web --meta -p maintenance -v true -Q
need "the cluster settles" settled
before=$(started)
need "a newcomer" newcomer lock
event "rpcbind of web is killed"
check "rpcbind is killed, comes back, and knows statd and mountd again" strike rpcbind KILL
check "the newcomer is answered" answered
found=$(said 'service web: rpcbind was started anew: statd and mountd are, too')
say "      found after $found s; statd and mountd are known after $BACK s"
judge "rpcbind killed" "$found"
need "a newcomer" newcomer lock
event "rpcbind of web is killed, and somebody asks when it is there and knows nobody"
check "rpcbind is killed, comes back, and knows statd and mountd again" strike --when-it-listens rpcbind KILL
check "the newcomer is answered" answered
same "a newcomer gets its lock" granted "$ANSWER"
say "      statd and mountd are known after $BACK s"
judge "rpcbind does not know statd" "$(plus "$BACK" $ASKS_AGAIN)"
sleep 25 # by then the helper has asked the cluster again
check "the helper has seen what is wrong" test "$(times_said 'service web has failed: rpcbind was started anew')" -ge 1
same "the cluster is told nothing" 0 "$(told)"
check "and knows of no failure" no_failures
check "the locks of web are there" held node1 2 2
need "maintenance is over" cluster crm_resource -r g-web --meta -p maintenance -v false -Q
check "then it is told" until_true 60 told_more_than 0
started_anew "$before" 1
check "the locks of web are there" until_true 60 held node1 2 2

TOOLS=$(on node1 sh -c 'begin=$(date +%s.%N)
	systemctl show -P MainPID gracekeeper-statd@web; crm_node -n; crm_mon -1 --output-as=xml --include=none,resources
	echo "$begin $(date +%s.%N)"' | tail -n 1 | { read -r begin end && python3 -c "print(round($end - $begin, 2))"; })

event "rpcbind of web is killed"
before=$(started)
# Without strike: it would be in the namespace, which the stop that comes with this has to empty.
AT=$(on node1 sh -c 'pid=$(systemctl show -P MainPID gracekeeper-rpcbind@web); date +%s.%N; kill -s KILL $pid')
in_time "rpcbind killed"
started_anew "$before" 2
check "the locks of web are there" until_true 60 held node1 2 2

event "nfsd's threads are ended"
# lockd forgets the hosts with that, and statd what is to be done for them: what NFSv3 clients have is lost by it.
need "the locks over NFSv3 are given up" on client1 systemctl stop load-web3
before=$(started)
AT=$(inside node1 web sh -c 'date +%s.%N; echo 0 >/proc/fs/nfsd/threads')
in_time "no threads"
started_anew "$before" 3
check "the locks over NFSv4.2 are there" until_true 60 held node1 0 2

need "the logs come home" end_programs
unmount_clients
on client2 sh -c "for n in \$(seq 171 $NUMBER); do ip address del 10.77.0.\$n/24 dev eth0 2>/dev/null; done"
audit "web=node1:$ADDRESS_WEB" "db=node1:$ADDRESS_DB"
for s in web db; do check "service $s stops" remove $s; done
audit
