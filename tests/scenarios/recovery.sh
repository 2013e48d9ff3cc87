# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: grace lasts as long as somebody may reclaim: not at all, until the last is back, or the full time
#
# After power cuts: with holders of NFSv4.1 and newer only, with none, with an NFSv3 one. With ledgers that are cut short,
# of another start, of another version or missing, and the same of the NSM recovery set and of what else a start goes by: it costs
# time, a warning, and what nobody can know any more. After a start of grace by hand, and with a start that waits for the end of it.

ADDRESS4=10.77.0.100

keep() { # HOST VERSION COUNT
	need "mount" mount_nfs "$1" "v$2" $ADDRESS4 "vers=$2,hard"
	need "$3 locks over NFSv$2" program "$1" "keeper-$2" keeper.py "/mnt/v$2/kept-$2" "$3"
}

keepers_end() {
	local load
	for load in "${LOADS[@]}"; do on "${load%%:*}" systemctl stop "load-${load#*:}"; done
	LOADS=()
	unmount_clients
}

# Which start of the service this is, as its state directory counts them.
generation() { on "$1" cat /srv/web/.gracekeeper/gracekeeper.json | field generation -; } # NODE
ends() { on "$1" journalctl -b -o cat --no-pager -u gracekeeperd | grep -c "service web: $2 grace ended after"; } # NODE NLM|NFSv4
has_ended() { [ "$(ends "$1" "$2")" = "$3" ]; } # NODE NLM|NFSv4 TIMES: that often since the node booted

# How long the last start took on the node, in ms, as Pacemaker saw it.
start_took() { # NODE
	cluster cibadmin -Q --xpath "//node_state[@uname='$1']//lrm_resource[@id='web']/lrm_rsc_op[@operation='start']" |
		sed -n 's/.* exec-time="\([0-9]*\)".*/\1/p' | tail -n 1
}

# over_at_open NODE NLM|NFSv4: the last start there had ended that grace, or had none, when it let the first client in. As it recorded
# both itself, in milliseconds, each rounded. NLM grace it always has.
over_at_open() {
	on "$1" gracekeeper timeline web --json | python3 -c 'import json, sys
node, protocol = sys.argv[1:]
start = [phase for phase in json.load(sys.stdin)["phases"] if phase["begin"]["kind"] == "START"][-1]
opened = [event["at"] for event in start["events"] if event["kind"] == "UP" and event["name"] == "open"]
ended = [event["at"] + event["micros"] / 1000 for event in start["events"] if event["kind"] == "GRACE" and event["name"] == protocol]
print("on", start["begin"]["name"], "begun", start["begin"]["at"], "opened", opened, protocol, "grace ended", ended)
sys.exit(start["begin"]["name"] != node or len(opened) != 1 or len(ended) > 1 or protocol == "NLM" and not ended
         or any(end > opened[0] + 1 for end in ended))' "$1" "$2"
}

# start_after WORDS SHELL: service web is stopped in order, SHELL is done to its state directory, and it is started again.
start_after() {
	event "$1"
	need "service web stops" stop_web
	need "$1" on node1 sh -ec "cd /srv/web/.gracekeeper; $2"
	since=$(on node1 date +%s)
	need "$1: service web starts" start_web
}

# warned TEXT: by the start, or since.
warned() { on node1 journalctl -b -p warning -o cat --no-pager --since "@$since" -u gracekeeperd | grep -F "service web: " | grep -F "$1"; }

stop_web() { cluster crm_resource -r web --meta -p target-role -v Stopped -Q && wait_stopped web; }
start_web() { cluster crm_resource -r web --meta -d target-role -Q && wait_started web node1; }

serve web "$ADDRESS4/24"
SVC=web
measure_clocks

event "power cut with holders of NFSv4.1 and 4.2"
keep client1 4.1 5
keep client2 4.2 5
check "their locks are there" held node1 0 10
power_cut node1
event "service web is started on node2"
check "grace ends on node2" wait_recovered node2
ended node2 | sed 's/^/      /' >&3
check "NLM grace ended before anybody got through" over_at_open node2 NLM
check "NLM grace ended as soon as the service was there" between 0 "$(seconds node2 NLM)" 10
check "their locks are back" held node2 0 10
check "NFSv4 grace ended when they had said RECLAIM_COMPLETE, not by its time" test -z "$(ended node2 | grep 'time is over')"
# They renew their leases when two thirds of them are over, if nothing else makes them notice; the rest is for an emulated node.
check "NFSv4 grace ended within the time in which they renew their leases" between 0 "$(seconds node2 NFSv4)" $((LEASE * 2 / 3 + 5))
keepers_end
need "node1 is back" wait_nodes

event "power cut with no holder"
# Nobody is recorded any more: an unmount gives up the client's id (NFSv4.1), or its lease has run out.
check "nobody is recorded" until_true $((LEASE * 3)) guest node2 no-clients web
# sqlite ends a transaction by the removal of its journal, which a power cut may undo for some seconds (nfsdcld does not
# ask for more): the record of a client that has just gone would be there again.
on node2 sync
power_cut node2
event "service web is started on node1"
check "no grace on node1" wait_recovered node1
ended node1 | sed 's/^/      /' >&3
check "NLM grace ended before anybody got through" over_at_open node1 NLM
check "NLM grace ended as soon as the service was there" between 0 "$(seconds node1 NLM)" 10
check "and so did NFSv4 grace" over_at_open node1 NFSv4
check "the kernel had no NFSv4 client to wait for" on node1 sh -c "journalctl -b -k -o cat | grep -q 'no clients to reclaim, skipping NFSv4 grace'"
need "node2 is back" wait_nodes

event "power cut with one NFSv3 holder"
CLUSTER_NODE=node2
need "service web is on node1" wait_started web node1
keep client1 3 5
keep client2 4.2 5
power_cut node1
event "service web is started on node2"
check "all locks are back at once" until_true "$GRACE" held node2 5 5
check "grace ends on node2" wait_recovered node2
ended node2 | sed 's/^/      /' >&3
check "NLM grace took its full time" full_time node2 NLM
need "node1 is back" wait_nodes
need "service web moves" move web node1
CLUSTER_NODE=node1

event "ledgers that are none"
check "grace ends on node1" wait_recovered node1
on node1 cp /srv/web/.gracekeeper/ledger /tmp/ledger.of-another-start
for kind in cut-short of-another-start of-another-version missing; do
	need "service web stops" stop_web
	case $kind in
	cut-short) on node1 truncate -s -1 /srv/web/.gracekeeper/ledger && reason='checksum does not match' ;;
	of-another-start)
		on node1 cp /tmp/ledger.of-another-start /srv/web/.gracekeeper/ledger
		reason='the service was not stopped in order the last time it ran'
		;;
	of-another-version) guest node1 ledger-news /srv/web/.gracekeeper/ledger && reason='a field that is not known here: news' ;;
	missing) on node1 rm /srv/web/.gracekeeper/ledger && reason='the service was never stopped in order' ;;
	esac
	need "service web starts" start_web
	check "ledger $kind: all locks are back" until_true "$GRACE" held node1 5 5
	check "ledger $kind: grace ends" wait_recovered node1
	check "ledger $kind: the log says why" last_ledger node1 "$reason"
	ended node1 | sed 's/^/      /' >&3
	check "ledger $kind: NLM grace took its full time" full_time node1 NLM
done

words="a host's NSM record of unknown content"
start_after "$words" 'test -s nsm/10.77.0.51; printf "\377\0{}\n" >nsm/10.77.0.51'
check "$words: all locks are back" until_true "$GRACE" held node1 5 5
check "$words: grace ends" wait_recovered node1
check "$words: it is warned of" warned 'damaged records of 10.77.0.51'

words="a host's NSM record that is cut short, and no ledger"
start_after "$words" 'test -s nsm/10.77.0.51; truncate -s 40 nsm/10.77.0.51; rm ledger'
check "$words: all locks are back" until_true "$GRACE" held node1 5 5
check "$words: grace ends" wait_recovered node1
check "$words: it is warned of" warned 'damaged records of 10.77.0.51'
check "$words: NLM grace took its full time" full_time node1 NLM

words="an NSM recovery set of another time, with somebody else in it"
start_after "$words" 'mv nsm/10.77.0.51 nsm/10.77.0.250; sed -i "s/ 10.77.0.51 / 10.77.0.250 /" nsm/10.77.0.250'
check "$words: grace ends" wait_recovered node1
check "$words: only the locks of the one that was not notified are lost" held node1 0 5
check "$words: it is warned of" warned 'its time is over, 0 of 5 locks back'
check "$words: NLM grace took its full time" full_time node1 NLM

# And statd knows nobody either: with a set that was only empty, NLM grace would end at once.
words="no NSM recovery set, and no ledger"
start_after "$words" 'if ls nfs/sm nsm | grep -F 10.77; then exit 1; fi; rm -r nsm; rm ledger'
check "$words: grace ends" wait_recovered node1
check "$words: it is warned of" warned 'records of NFSv3 hosts are missing'
check "$words: NLM grace took its full time" full_time node1 NLM
check "$words: that is over with this recovery" until_true 10 on node1 test ! -e /srv/web/.gracekeeper/nsm-lost
check "$words: the other locks are there" held node1 0 5
keepers_end
keep client1 3 5
keep client2 4.2 5

words="no record of the service, and no NSM state number"
start_after "$words" 'rm gracekeeper.json nfs/state'
check "$words: all locks are back" until_true "$GRACE" held node1 5 5
check "$words: grace ends" wait_recovered node1
check "$words: it is warned of" warned 'gracekeeper.json is missing'
check "$words: the log says why" last_ledger node1 'the service was not stopped in order the last time it ran'
check "$words: NLM grace took its full time" full_time node1 NLM

# The kernel refuses who is not in it, whatever grace there is.
words="no list of NFSv4 clients"
start_after "$words" 'rm nfs/nfsdcld/main.sqlite'
check "$words: the locks over NFSv3 are back" until_true "$GRACE" held node1 5 0
check "$words: grace ends" wait_recovered node1
check "$words: it is warned of" warned 'the list of NFSv4 clients is missing'
keepers_end
# It has lost its locks, which was the point, and its kernel says so.
guest client2 kernel-log mark
keep client1 3 5
keep client2 4.2 5
check "their locks are there" held node1 5 5

event "grace start: a running service recovers anew"
before=$(generation node1) nlm=$(ends node1 NLM) v4=$(ends node1 NFSv4)
check "grace start" on node1 gracekeeper grace start web
same "it was a start, as the state directory counts them" $((before + 1)) "$(generation node1)"
check "grace ends" wait_recovered node1
check "NLM grace has ended once more" until_true 10 has_ended node1 NLM $((nlm + 1))
check "NFSv4 grace has ended once more" until_true 10 has_ended node1 NFSv4 $((v4 + 1))
check "the locks are back" held node1 5 5

event "starts that wait for the end of recovery, or do not, with a holder that is off the network"
"$LAB" cut client1
need "service web stops" stop_web
need "service web starts" start_web
same "with wait_for_recovery=no, recovery goes on when the start is over" recovering "$(state node1)"
need "wait_for_recovery=yes" cluster crm_resource -r web -p wait_for_recovery -v yes -Q
need "service web is started anew" settled 240s
took=$(start_took node1)
check "with wait_for_recovery=yes, the start took the full grace time: $took ms" test "$took" -ge $((GRACE * 1000))
same "recovery is over when the start is" serving "$(state node1)"
check "only the locks of the one off the network are lost" held node1 0 5
"$LAB" heal client1
keepers_end
# client1 came too late for its locks, which was the point; its kernel says so whenever it hears of the server.
guest client1 kernel-log mark
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
audit
