# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: clients' outage in moves and power cuts, beside the agents of today and beside Pacemaker alone (tests/bench/run)
#
# BENCH_KINDS take turns, each with a file system of its own and the same clients: holders over four versions that write,
# requesters of new locks over BENCH_REQUESTERS (or none), a contender for the held ones. BENCH_MOVES and BENCH_CUTS say how often the
# service goes to the other node, in order and by a power cut. "floor" has no NFS: its address is probed by datagrams.

: "${BENCH_KINDS:=gracekeeper usual tuned floor}" "${BENCH_MOVES:=2}" "${BENCH_CUTS:=1}" "${BENCH_REQUESTERS:=3 4.0 4.1 4.2}"
# The longest grace period in s, with what a start goes on for after it has begun; and clients that are asleep in it.
LONGEST_GRACE=95
PATIENCE=240
ADDRESS4=10.77.0.100
CLIENTS4='10.77.0.0/24'

operations='op start timeout=180s interval=0s op stop timeout=180s interval=0s op monitor timeout=60s interval'
filesystem() { # KIND DISK
	echo "primitive fs-$1 Filesystem params device=/dev/disk/by-id/virtio-shared$2 directory=/srv/$1 fstype=ext4 $operations=20s"
}
# As the kernel needs it: the write to unlock_filesystem that it asks for releases NLM locks alone up to 6.8, and revokes NFSv4
# state as well from 6.9 on.
unlock_on_stop() { if printf '%s\n' 6.9 "$KERNEL" | sort -VC; then echo 0; else echo 1; fi; }
address() { echo "primitive $1 IPaddr2 params ip=$ADDRESS4 cidr_netmask=24 $operations=10s"; } # NAME

# What the documentation of these agents recommends, and their defaults: "usual" has exportfs's unlock_on_stop=1 on every
# kernel, "tuned" what the kernel needs. The names are as the programs of this scenario want them: the last one to be started
# has that of the service. bench-node has what they need of a node before they work.
group() { # KIND DISK
	local kind=$1 unlock=''
	filesystem "$kind" "$2"
	case $kind in
	gracekeeper)
		# With the defaults of lease and grace.
		echo "primitive $kind ocf:gracekeeper:nfs params ip=$ADDRESS4/24 state_dir=/srv/$kind/.gracekeeper exports=\"/srv/$kind/export $CLIENTS4(rw,no_root_squash,no_subtree_check)\" $operations=10s"
		echo "group g-$kind fs-$kind $kind meta resource-stickiness=1000"
		;;
	usual | tuned)
		echo "primitive nfsd-$kind nfsserver params nfs_shared_infodir=/srv/$kind/info nfs_server_scope=$kind nfs_no_notify=true $operations=10s"
		[ "$kind" = usual ] || unlock="unlock_on_stop=$(unlock_on_stop) "
		echo "primitive export-$kind exportfs params clientspec=$CLIENTS4 directory=/srv/$kind/export options=rw,no_root_squash,no_subtree_check fsid=11 $unlock$operations=10s"
		address "ip-$kind"
		echo "primitive $kind nfsnotify params source_host=$ADDRESS4 $operations=30s"
		if [ "$kind" = usual ]; then
			echo "group g-$kind fs-$kind nfsd-$kind export-$kind ip-$kind $kind meta resource-stickiness=1000"
		else
			echo "primitive block-$kind portblock params protocol=tcp portno=2049 ip=$ADDRESS4 action=block $operations=10s"
			echo "primitive unblock-$kind portblock params protocol=tcp portno=2049 ip=$ADDRESS4 action=unblock tickle_dir=/srv/$kind/tickle $operations=10s"
			echo "group g-$kind fs-$kind block-$kind nfsd-$kind export-$kind ip-$kind unblock-$kind $kind meta resource-stickiness=1000"
		fi
		;;
	floor)
		echo "primitive dummy-$kind ocf:pacemaker:Dummy $operations=10s"
		address "$kind"
		echo "group g-$kind fs-$kind dummy-$kind $kind meta resource-stickiness=1000"
		;;
	esac
}

load() { # KIND
	local version host slot=0 waiting
	SVC=$1 HELD=()
	if [ "$1" = floor ]; then
		for node in "${NODES[@]}"; do echo_server "$node" || return 1; done
		program client3 floor-prober echo.py "$ADDRESS4"
		return
	fi
	for version in 3 4.0; do mount_nfs client1 "v$version" $ADDRESS4 vers=$version,hard || return 1; done
	for version in 4.1 4.2; do mount_nfs client2 "v$version" $ADDRESS4 vers=$version,hard || return 1; done
	for version in 3 4.0 4.1 4.2; do mount_nfs client3 "v$version" $ADDRESS4 vers=$version,hard || return 1; done
	on client3 touch /mnt/v4.2/free || return 1
	for version in 3:1 4.0:1 4.1:2 4.2:2; do
		host=client${version#*:} version=${version%:*}
		hold "$host" "$1-v$version" "v$version" "NFSv$version" "kept-$version:0+4" || return 1
		HELD+=("kept-$version:0+4")
	done
	# Where another client has it open too there is no delegation, with which new locks would not even reach the server.
	program client2 "$1-opener" keeper.py --idle /mnt/v4.2/free 1 &&
		program client3 "$1-contender" contender.py --interval 2 --via NFSv3=/mnt/v3 --via NFSv4.2=/mnt/v4.2 \
			"${HELD[@]}" || return 1
	# A new process every 0.2 s over each version while no lock is to be had. As long as all get theirs the four together begin no
	# more than that: each is a fork on an emulated client, and work for the server whose outage is measured. That many may
	# wait, and that long, that what waits in vain still fits into the client's memory. Each has a slot of its own, or they would
	# refuse each other.
	# Over NFSv4.0 many of them make the client hang after the move ("Found on real kernels" in docs/how-it-works.md): there one
	# comes after the other, and is given all the time for which a client can sleep (NFS4_POLL_RETRY_MAX).
	for version in ${BENCH_REQUESTERS#none}; do
		waiting=(--max-pending 30 --give-up 5)
		[ "$version" != 4.0 ] || waiting=(--max-pending 1 --give-up 16)
		program client3 "$1-requester-v$version" contender.py --interval 0.2 --calm 0.8 "${waiting[@]}" \
			--via "NFSv$version=/mnt/v$version" --control "free:$slot" || return 1
		slot=$((slot + 1))
	done
}

echo_server() { on "$1" systemd-run -q --collect --unit echo -- "$GUEST_DIR/echo.py" --serve; }

# served: clients write again, or are told that they cannot any more, and new locks are granted.
served() {
	local load host
	for load in "${LOADS[@]}"; do
		host=${load%%:*} load=${load#*:}
		case $load in
		*-prober) logs "$host" "$load" '"answer"' $PATIENCE ;;
		*-requester-v*) granted_any "$host" "$load" $PATIENCE ;;
		*-v*) logs "$host" "$load" '"write"' $PATIENCE ;;
		esac || return 1
	done
}

# at_rest NODE: as a node is that has been in the cluster for a while: what it prepares for the service is there, whether it has ever
# had it or not.
at_rest() {
	[ "$SVC" != gracekeeper ] || prepared_on "$1" "$SVC"
}

# in_service: no recovery is under way any more, so whoever asks for what is held is refused. Where all of that is lost nobody is.
in_service() {
	[ "$SVC" = floor ] || logs client3 "$SVC-contender" '"denied": [1-9]' $((LONGEST_GRACE + 20)) ||
		say "      $SVC: the contender has not been refused any lock that is held"
}

# outage WHAT NODE CMD...: CMD makes the service go to NODE.
outage() {
	local what=$1 to=$2 begin over fenced=null found=null parts=null node graces='[]'
	shift 2
	need "$SVC: $to is at rest" until_true 180 at_rest "$to"
	begin=$EPOCHREALTIME
	event "$SVC: $what, to $to"
	going=$what failures=$(failed)
	need "$SVC: $what" "$@"
	going='' over=$((SECONDS + LONGEST_GRACE))
	check "$SVC: clients are served on $to" served
	# What is not back by then is lost.
	[ "$SVC" = floor ] ||
		found=$(guest "$to" server.py getlk --wait $((over > SECONDS ? over - SECONDS : 0)) --dir "/srv/$SVC/export" "${HELD[@]}")
	if [ "$SVC" = gracekeeper ]; then
		graces=$(ended "$to" --since "@${begin%.*}" |
			python3 -c 'import json, sys; print(json.dumps(sys.stdin.read().splitlines()))')
		parts=$(on "$to" gracekeeper timeline "$SVC" --json | python3 -c 'import json, sys
print(json.dumps((json.load(sys.stdin)["notReachable"] or {}).get("parts")))')
	fi
	for node in "${NODES[@]}"; do
		on "$node" journalctl -o short-unix --no-pager --since "@${begin%.*}" -t pacemaker-controld |
			python3 "$TESTS/bench/operations.py" "$OUT/clocks.json" "$node"
	done >"$OUT/operations"
	[ "$what" != cut ] || fenced=$(fenced_at "$to" "$begin")
	printf '{"kind": "%s", "what": "%s", "begin": %s, "end": %s, "fenced": %s, "getlk": %s, "parts": %s, "graces": %s, "operations": [%s]}\n' \
		"$SVC" "$what" "$begin" "$EPOCHREALTIME" "${fenced:-null}" "${found:-null}" "${parts:-null}" "$graces" \
		"$(paste -sd , "$OUT/operations")" >>"$OUT/outages.jsonl"
	in_service
}

# An outage that does not come to its end is a result, too: without a line of its own only the good ones would count. One that
# somebody has ended is none.
going='' failures=0
note_failure() {
	[ -z "$going" ] || [ "$(failed)" = "$failures" ] ||
		printf '{"kind": "%s", "what": "failed", "outage": "%s", "kernel": "%s"}\n' "$SVC" "$going" "$KERNEL" >>"$results"
}

# fenced_at NODE SINCE: when Pacemaker knew there that the other one was fenced, by this machine's clock.
fenced_at() {
	local at
	at=$(on "$1" journalctl -o short-unix --no-pager --since "@${2%.*}" -t pacemaker-fenced -t pacemaker-controld |
		grep -m 1 -E 'was terminated \(reboot\).*: OK' | cut -d ' ' -f 1)
	python3 -c 'import json, sys
print(float(sys.argv[1]) - json.load(open(sys.argv[2]))[sys.argv[3]])' "$at" "$OUT/clocks.json" "$1"
}

measured() { python3 "$TESTS/bench/measure.py" "$OUT" "$1" "$KERNEL" >>"$results"; } # KIND

# costs KIND NODE: of each of its agents, called by hand.
costs() {
	local resources
	mapfile -t resources < <(cluster crm_resource --list-raw | grep -E "^([a-z]+-)?$1\$" | grep -v '^g-')
	cluster crm configure property maintenance-mode=true && settled &&
		guest "$2" agent-costs.py "${resources[@]}" >"$OUT/costs" && cluster crm configure property maintenance-mode=false &&
		settled || return 1
	sed "s/^{/{\"kind\": \"$1\", \"what\": \"agents\", \"kernel\": \"$KERNEL\", /" "$OUT/costs" >>"$results"
}

results=${BENCH_RESULTS:-$OUT/bench.jsonl}
disk=0
trap 'note_failure; finish' EXIT
begin_audit
for kind in $BENCH_KINDS; do
	CLUSTER_NODE=node1
	need "storage" storage $disk "$kind"
	need "a directory for tickle" on node1 sh -ec \
		"mount /dev/disk/by-id/virtio-shared$disk /srv/$kind; mkdir /srv/$kind/tickle; umount /srv/$kind"
	for node in "${NODES[@]}"; do need "$node is as $kind wants it" guest "$node" bench-node "$kind"; done
	need "configuration" configure < <(group "$kind" $disk)
	need "$kind starts" settled 300s
	# Each node has run all of it once: what is read from the disk for the first time is in no kind's outage, or the first would
	# pay for those that have the same agents.
	for at in node2 node1; do need "$kind is on $at" place "$kind" "$at"; done
	measure_clocks
	need "$kind: clients" load "$kind"
	need "$kind: clients are served" served
	for ((n = 0; n < BENCH_MOVES; n++)); do
		outage move "$(other "$at")" move "$kind" "$(other "$at")"
		at=$(other "$at")
	done
	for ((n = 0; n < BENCH_CUTS; n++)); do
		outage cut "$(other "$at")" power_cut "$at"
		need "$at is back" wait_nodes
		# The lab gives a host its /etc/hosts at every boot.
		need "$at is as $kind wants it" guest "$at" bench-node "$kind"
		measure_clocks
		[ "$kind" != floor ] || need "the echo server of $at" echo_server "$at"
		# It has to run all of it once more, since it has booted.
		need "$kind is on $at again" place "$kind" "$at"
		in_service
	done
	need "the logs come home" end_programs
	unmount_clients
	need "what it was for the clients" measured "$kind"
	[ "$kind" = floor ] || need "what the agents of $kind cost" costs "$kind" "$at"
	need "$kind stops" remove "$kind"
	for node in "${NODES[@]}"; do need "$node is as before" guest "$node" bench-node none; done
	disk=$((disk + 1))
done
