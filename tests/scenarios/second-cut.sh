# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: power cuts in the middle of a recovery, at whatever stage, lose no lock
#
# Seven power cuts under clients that hold locks and write, all within one recovery. One when NLM grace has ended and that of NFSv4
# has not, which needs the ledger of a planned move. (The other way round it cannot be: the helper does not let NFSv4 grace end
# first, which is looked at in the next stage.) Then two each when NFSv3 clients have acknowledged their notification and
# reclaimed nothing yet; when the server serves and nobody has come; when half of the clients have reclaimed. What has to be
# kept back is kept back at the clients, from before the move or the first cut until the service is started after the last.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
# A node that was fenced has to be back within it: as long as lockd can.
GRACE=240

# What a client sends to lockd there gets no further: it reclaims NFSv4 locks, but none of NFSv3.
drop_nlm() {
	for client in client1 client2; do
		need "nft on $client" on $client nft "add table inet held; add chain inet held out { type filter hook output priority 0 ; }
			add rule inet held out meta l4proto { tcp, udp } th dport $NLM_PORT drop"
	done
}
pass_nlm() { for client in client1 client2; do on $client nft delete table inet held; done; }
# What client2 sends to nfsd gets no further: it reclaims its NFSv3 locks, and none of NFSv4.
drop_nfs() {
	on client2 nft "add table inet held; add chain inet held out { type filter hook output priority 0 ; }
		add rule inet held out tcp dport 2049 drop"
}
pass_nfs() { on client2 nft delete table inet held; }
cut_all() { for client in client1 client2; do "$LAB" cut $client; done; }
heal_all() { for client in client1 client2; do "$LAB" heal $client; done; }
cut_half() { "$LAB" cut client2; }
heal_half() { "$LAB" heal client2; }

# acknowledged NODE: sm-notify has forgotten both hosts, which it does at their answer; the recovery set has not.
acknowledged() {
	# shellcheck disable=SC2016 # for the shell over there
	on "$1" sh -c 'cd /srv/web/.gracekeeper && test -e nsm/10.77.0.51 && test -e nsm/fd77::52 &&
		test -z "$(find nfs/notify -type f "(" -name 10.77.0.51 -o -name fd77::52 ")")"'
}

grace() { guest "$here" stage web nlm v4; }
is_grace() { [ "$(grace)" = "$1" ]; } # STAGE

# nobody_new STOP|CONT: whether client3 asks for locks. Its NFSv3 lock on the free range would be in the ledger, and not come back
# when it is given up meanwhile: NLM grace would take its full time.
nobody_new() { on client3 systemctl kill -s "$1" load-contender; }

# cut_twice WORDS KEEP-BACK LET-GO NLM V4: with so many locks back at the second cut.
cut_twice() {
	event "$1"
	$2
	power_cut "$here"
	here=$(other "$here")
	event "service web is started on $here"
	need "$1: nlm $4, v4 $5 locks are back" until_true 120 held "$here" "$4" "$5"
	[ "$2" != drop_nlm ] || need "$1" until_true 60 acknowledged "$here"
	need "$(other "$here") is back" wait_nodes
	same "$1: recovery goes on" recovering "$(state "$here")"
	same "$1: both graces last, whatever is back" "nlm=grace v4=grace" "$(grace)"
	need "$1: still nlm $4, v4 $5 locks are back" held "$here" "$4" "$5"
	power_cut "$here"
	here=$(other "$here")
	event "service web is started on $here"
	$3
	check "$1: all locks are on $here" look "$here"
	need "$(other "$here") is back" wait_nodes
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
check "grace ends on node1" wait_recovered node1
check "all locks are on node1" look node1
NLM_PORT=$(on client1 rpcinfo -p $ADDRESS4 | awk '$1 == 100021 && $3 == "tcp" { print $4; exit }')
need "lockd's port: $NLM_PORT" test -n "$NLM_PORT"
# Clients wait for minutes here, which is nothing to complain of.
for client in client1 client2; do on $client sysctl -qe kernel.hung_task_timeout_secs=900; done

here=node1
words="NLM grace has ended, that of NFSv4 has not"
need "client3 asks for nothing new" nobody_new STOP
need "nft on client2" drop_nfs
event "$words: service web is to go to node2"
need "$words: service web moves" move web node2
here=node2
need "$words: nlm 8, v4 4 locks are back" until_true 120 held node2 8 4
need "$words" until_true 60 is_grace "nlm=over v4=grace"
need "client3 asks again" nobody_new CONT
same "$words: recovery goes on" recovering "$(state node2)"
need "$words: nlm 8, v4 4 locks are back" held node2 8 4
same "$words" "nlm=over v4=grace" "$(grace)"
power_cut node2
here=node1
event "service web is started on node1"
pass_nfs
check "$words: all locks are on node1" look node1
need "node2 is back" wait_nodes
cut_twice "notified, nothing reclaimed over NFSv3" drop_nlm pass_nlm 0 8
cut_twice "nobody has come yet" cut_all heal_all 0 0
cut_twice "half of the clients have reclaimed" cut_half heal_half 4 4
check "both grace periods end" wait_recovered "$here"

check "the logs come home" end_load
check_load
for client in client1 client2; do on $client sysctl -qe kernel.hung_task_timeout_secs=120; done
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
