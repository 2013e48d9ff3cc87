# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: stop, start and monitor work with the helper killed, stopped or not installed any more
#
# Under clients that hold locks and write, the helper of node1 is broken in three ways. Each time the monitor must tell
# the truth, the service must leave node1 (whose stop has no helper to rely on) without anybody being fenced, and come
# back. Killed and stopped (SIGSTOP) helpers are to be brought back by the agent itself; with the jar gone nobody can,
# and the start must say so.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100

# A start without the helper: refused with what is missing, and without a trace.
start_says() {
	local out code
	out=$(on node1 env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=other OCF_RESKEY_CRM_meta_timeout=30000 \
		OCF_RESKEY_ip=10.77.0.109/24 OCF_RESKEY_state_dir=/srv OCF_RESKEY_exports="/srv 10.77.0.0/24(rw)" \
		/usr/lib/ocf/resource.d/gracekeeper/nfs start 2>&1)
	code=$?
	printf '%s\n' "exit code $code" "$out"
	[[ $code == 5 || $code == 1 ]] && grep -q 'ocf-exit-reason:' <<<"$out"
}

# one_of WORDS GOT WANT...
one_of() {
	local words=$1 got=$2
	shift 2
	check "$words: $got, one of $*" grep -qxF -- "$got" <(printf '%s\n' "$@")
}

serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
check "all locks are on node1" look node1
CLUSTER_NODE=node2

for how in killed stopped removed; do
	event "node1's helper is $how"
	need "the helper is $how" break_helper node1 $how
	one_of "helper $how: the monitor of the running service" "$(verdict node1)" 0 190
	[ $how = removed ] || need "the helper is $how" break_helper node1 $how
	event "service web is to leave node1, whose helper is $how"
	need "helper $how: service web moves to node2" move web node2
	event "service web is started on node2"
	check "helper $how: all locks are on node2" look node2
	if [ $how = removed ]; then
		# Nobody wrote down which locks there were. Helpers that are only killed or stopped are brought back for the stop.
		check "helper removed: grace ends on node2" wait_recovered node2
		check "helper removed: NLM grace took its full time" full_time node2 NLM
	fi
	same "helper $how: fencings" "$FENCED" "$(fencings)"
	[ $how = removed ] || need "the helper is $how" break_helper node1 $how
	same "helper $how: the monitor on the node without the service" 7 "$(verdict node1)"
	if [ $how = removed ]; then
		check "helper removed: a start says what is missing" start_says
	fi
	[ $how != removed ] || need "the helper is there again" put_helper_back node1
	need "helper $how: service web moves back to node1" move web node1
	event "service web is started on node1"
	check "helper $how: all locks are on node1" look node1
	check "helper $how: a helper runs" until_true 60 on node1 gracekeeper status
	audit "web=node1:$ADDRESS4"
done

check "the logs come home" end_load
check_load
check "service web stops" remove web
audit
