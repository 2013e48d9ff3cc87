# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# What must be true after everything that is done to a cluster, whatever that was.

FENCED=0 # fencings that the scenario asked for

begin_audit() {
	local host
	FENCED=$(fencings)
	for host in "${NODES[@]}" "${CLIENTS[@]}"; do
		guest "$host" kernel-log mark
	done
}

# audit_node NODE SERVICE...: nothing of any other service than these is on the node.
audit_node() {
	local node=$1
	shift
	check "$node has $([ $# = 0 ] && echo 'nothing of a service' || echo "only what belongs to $*")" \
		guest "$node" audit-node "$@"
}

# audit_owner ADDRESS NODE: the one node that has it, or none.
audit_owner() {
	local node owners=
	for node in "${NODES[@]}"; do
		if guest "$node" has-address "$1"; then owners+="$node "; fi
	done
	same "who has $1" "$2" "${owners% }"
}

# audit SERVICE=NODE:ADDRESS...: the whole cluster, with these services running on these nodes. Of many services on a node the
# addresses of those in SAMPLE are looked for: has-address goes through all of them each time.
SAMPLE=()
audit() {
	local node service mine at owners=("$@")
	((${#SAMPLE[@]} == 0)) || owners=("${SAMPLE[@]}")
	for node in "${NODES[@]}"; do
		mine=()
		for service; do
			[[ ${service#*=} != "$node:"* ]] || mine+=("${service%%=*}")
		done
		audit_node "$node" "${mine[@]}"
		check "$node's kernel has nothing to complain" guest "$node" kernel-log show
	done
	for service in "${owners[@]}"; do
		at=${service#*=}
		audit_owner "${at#*:}" "${at%%:*}"
	done
	for node in "${CLIENTS[@]}"; do
		check "$node's kernel has nothing to complain" guest "$node" kernel-log show "$node"
	done
	same "fencings" "$FENCED" "$(fencings)"
	check "no failed action in the cluster" no_failures
}

# A monitor that said "degraded" is on Pacemaker's list too, and is no failure: the service served.
no_failures() {
	local out
	out=$(failed_actions) || return 1
	! failures "$out"
}
failures() { grep -vE 'OCF_DEGRADED|Failed Resource Actions:' <<<"$1" | grep -Ei 'fail|returned|could not'; } # TEXT of failed_actions

# collect: everything a person would ask for after a failure.
collect() {
	local host
	say "      logs are in $OUT"
	for host in "${NODES[@]}" "${CLIENTS[@]}"; do
		timeout 60 "$LAB" exec "$host" -- sh -c 'journalctl -b -o short-precise --no-pager | tail -n 6000' </dev/null >"$OUT/$host.journal" 2>&1
		timeout 30 "$LAB" exec "$host" -- sh -c 'cat /proc/locks; ip netns; findmnt; systemctl list-units "gracekeeper*" --all; ip -br addr; ps axf' </dev/null >"$OUT/$host.state" 2>&1
		"$LAB" console "$host" >"$OUT/$host.console" 2>&1
	done
	timeout 30 "$LAB" exec "$CLUSTER_NODE" -- sh -c 'crm_mon -1 -rfA; crm configure show' </dev/null >"$OUT/cluster" 2>&1
	for host in "${NODES[@]}"; do
		timeout 60 "$LAB" get "$host" /var/log/pacemaker/pacemaker.log "$OUT/$host.pacemaker.log" 2>/dev/null
	done
}
