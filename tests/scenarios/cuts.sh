# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: power cuts between the steps of a start, of the end of a recovery and of a stop lose no lock
#
# Eleven power cuts under clients that hold locks and write, each after a planned move or a restart. Who is about to write the next
# thing that has to last, the helper or a daemon, is held just there (guest/pin): what was written before is brought to the disk,
# and the next step has not begun. Where in a recovery clients are, instead, is what second-cut looks at.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
# Clients that are shut out by the held start, and then by the power cut, come later than after one move.
((GRACE >= 60)) || GRACE=60
# The NFSv3 hosts that hold locks, as statd records them.
HOSTS=10.77.0.51,fd77::52

there() { other "$here"; }

# pin NODE ARG...: see guest/pin. It is there before anything is asked for.
pin() {
	local sign=ready
	pinned=$1
	shift
	[ "$pinned" != "$here" ] || sign=watches # the file system is there already
	CLUSTER_NODE=$(other "$pinned")
	need "something that holds up $pinned" on "$pinned" systemd-run -q --collect --unit pin \
		-p StandardOutput=truncate:/var/tmp/pin -p StandardError=inherit -- "$GUEST_DIR/pin" "$@"
	need "it is ready" until_true 60 on "$pinned" grep -qx $sign /var/tmp/pin
}

# is_held: with NLM grace that takes its full time before that, where the ledger has a lock that its owner has given up since.
is_held() { until_true $((GRACE + 150)) on "$pinned" grep -q '^held ' /var/tmp/pin; }

# move_held WORDS: the service is asked to leave, until it is held. The constraint goes again: a node that comes back shall not
# have the service back.
move_held() {
	event "$1: service web is to go to $(there)"
	need "$1: the move is asked for" cluster crm_resource --move -r g-web -N "$(there)" -Q
	need "$1: it is held on $pinned" is_held
	need "$1: the move is not asked for any more" cluster crm_resource --clear -r g-web -Q
}

# cut_at WORDS STAGE NLM V4 LEDGER: that is where it is held on the node, with so many locks; the next start recovers with or without
# a ledger.
cut_at() {
	local words=$1 keys
	read -ra keys <<<"$2"
	on "$pinned" grep '^held ' /var/tmp/pin | sed "s/^/      $pinned: /" >&3
	need "$words: what was written is on the disk" on "$pinned" sync -f /srv/web
	same "$words: $pinned is in this very stage" "$2" "$(guest "$pinned" stage --hosts $HOSTS web "${keys[@]%%=*}")"
	[ "$3" = any ] || check "$words: the server has nlm $3, v4 $4 locks" held "$pinned" "$3" "$4"
	check "$words: it is still held" on "$pinned" systemctl -q is-active pin
	power_cut "$pinned"
	here=$(other "$pinned")
	event "service web is started on $here"
	check "$words: all locks are on $here" look "$here"
	check "$words: both grace periods end" wait_recovered "$here"
	ended "$here" | sed 's/^/      /' >&3
	if [ "$5" = with ]; then
		check "$words: the ledger is good" with_ledger "$here"
	else
		check "$words: there is no ledger for this start" last_ledger "$here" 'the service was not stopped in order the last time it ran'
		check "$words: NLM grace took its full time" full_time "$here" NLM
	fi
	need "$pinned is back" wait_nodes
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
# Clients wait for minutes here, which is nothing to complain of.
for client in client1 client2; do on $client sysctl -qe kernel.hung_task_timeout_secs=900; done
check "grace ends on node1" wait_recovered node1
check "all locks are on node1" look node1
here=node1

# A start. The ledger is that of the stop before it, and void for the next one. There is a device, closed, and a place for an nfsd,
# because both are prepared before.
words="the start is counted, and nothing else is done"
need "$words: what it needs is prepared" until_true 120 prepared_on "$(there)" web
pin "$(there)" web .gracekeeper.json.new .
move_held "$words"
cut_at "$words" "door=closed nfsd=down ledger=-1 set=all database=put stopped=no" 0 0 without

words="nfsd runs, and the door is closed"
pin "$(there)" --started web ledger
move_held "$words"
cut_at "$words" "door=closed nfsd=up nlm=grace v4=grace ledger=-1 set=all database=kept stopped=no" 0 0 without

words="the door is about to open"
pin "$(there)" --started web nfs/nfsdcld
move_held "$words"
cut_at "$words" "door=closed nfsd=up nlm=grace v4=grace ledger=-1 set=all database=put stopped=no" 0 0 without

# A recovery. statd makes a file for the first lock that comes back, and the power goes before there is anything in it.
words="statd has begun the record of a host that reclaims"
pin "$(there)" --process gk-statd web nfs/sm/10.77.0.51
move_held "$words"
check "$words: it is empty, that of before is whole" on "$pinned" sh -c \
	'cd /srv/web/.gracekeeper && test -e nfs/sm/10.77.0.51 && test ! -s nfs/sm/10.77.0.51 && test -s nsm/10.77.0.51'
cut_at "$words" "door=open nfsd=up nlm=grace v4=grace ledger=-1 set=all database=put stopped=no" any any without
check "$words: it has not replaced that" on "$here" sh -c \
	"! journalctl -b -p warning -o cat --no-pager -u gracekeeperd | grep -F 'damaged records'"

# Its end.
words="grace is over, and nfsdcld has not noted it"
pin "$(there)" --process nfsdcld --over web nfs/nfsdcld/main.sqlite-journal
move_held "$words"
check "$words: nor has the helper" on "$pinned" test ! -e /srv/web/.gracekeeper/grace-over
cut_at "$words" "door=open nfsd=up nlm=over v4=over ledger=-1 set=all database=put stopped=no" 8 8 without

words="grace is over, and nobody is forgotten"
pin "$(there)" --over web nsm
move_held "$words"
cut_at "$words" "door=open nfsd=up nlm=over v4=over ledger=-1 set=all database=put stopped=no" 8 8 without

words="the hosts to be notified are forgotten"
pin "$(there)" --empty web nsm
move_held "$words"
cut_at "$words" "door=open nfsd=up nlm=over v4=over ledger=-1 set=none database=put stopped=no" 8 8 without

# The record has the longer one of before until then.
words="the new lease time is noted, and all is done but the reserve"
pin "$here" --over web reserve
shorter=$((LEASE - 5))
event "$words: lease_time is changed, so service web is started anew on $here"
need "$words: lease_time=$shorter" cluster crm_resource -r web -p lease_time -v $shorter -Q
need "$words: it is held on $pinned" is_held
same "$words: the record has it" $shorter "$(on "$pinned" cat /srv/web/.gracekeeper/gracekeeper.json | field leaseTime -)"
cut_at "$words" "door=open nfsd=up nlm=over v4=over ledger=-1 set=none database=put stopped=no" 8 8 without

# A stop. The last ledger is older than the start before; half of it stands for half of the new one.
words="half of the ledger is written"
pin "$here" web .ledger.new
move_held "$words"
# shellcheck disable=SC2016 # for the shell over there
need "half a ledger" on "$pinned" sh -c \
	'cd /srv/web/.gracekeeper && head -c $(($(stat -c %s ledger) / 2)) ledger >.ledger.new && test -s .ledger.new'
cut_at "$words" "door=closed nfsd=up nlm=over v4=over ledger=-2 set=all database=put stopped=no" 8 8 without

words="the ledger is complete, and nothing is released"
pin "$here" web .ledger.new .
move_held "$words"
cut_at "$words" "door=closed nfsd=up nlm=over v4=over ledger=0 set=all database=put stopped=no" 8 8 with

words="all is released, and the file system is mounted"
pin "$here" web .gracekeeper.json.new
move_held "$words"
cut_at "$words" "door=closed nfsd=down ledger=0 set=all database=put stopped=no" 0 0 with

check "the logs come home" end_load
check_load
for client in client1 client2; do on $client sysctl -qe kernel.hung_task_timeout_secs=120; done
audit "web=$here:$ADDRESS4"
check "service web stops" remove web
audit
