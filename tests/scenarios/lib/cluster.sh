# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# The lab's hosts and its cluster.

NODES=(node1 node2)
CLIENTS=(client1 client2 client3)
GUEST_DIR=/usr/local/lib/gracekeeper-tests
JAR=/usr/share/gracekeeper/lib/gracekeeperd.jar
# lease_time and grace_time. Short enough that a scenario does not wait for minutes, and long enough for clients that an
# emulated node keeps waiting. Equal, as by default.
: "${LEASE:=30}" "${GRACE:=30}"
# Where cluster commands run: a node that is up.
CLUSTER_NODE=node1

on() { # HOST CMD...
	local host=$1
	shift
	"$LAB" exec "$host" -- "$@" </dev/null
}

# guest HOST SCRIPT ARG...: a program of tests/scenarios/guest or tests/workload, over there.
guest() {
	local host=$1 script=$2
	shift 2
	on "$host" "$GUEST_DIR/$script" "$@"
}

cluster() { on "$CLUSTER_NODE" "$@"; }

other() { if [ "$1" = node1 ]; then echo node2; else echo node1; fi; } # NODE

put_guest_programs() {
	local host
	for host in "${NODES[@]}" "${CLIENTS[@]}"; do
		tar -cf - --owner=0 --group=0 --exclude=__pycache__ -C "$TESTS/workload" . -C "$TESTS/scenarios/guest" . |
			"$LAB" exec "$host" -- sh -c "mkdir -p $GUEST_DIR && tar -C $GUEST_DIR -xf - && sync" || return 1
	done
}

# inside NODE SERVICE CMD...: in the namespaces of a service that runs there.
inside() {
	local node=$1 service=$2
	shift 2
	on "$node" nsenter "--net=/run/netns/gk-$service" "--mount=/run/gracekeeper/ns/$service" -- "$@"
}

# installed: what the nodes run is the package, and its installation has started the helper. The version goes into the log.
installed() {
	local node version
	for node in "${NODES[@]}"; do
		version=$(on "$node" sh -c 'dpkg-query -W gracekeeper && gracekeeper ping >/dev/null') || {
			say "$node: the package gracekeeper is not installed, or its helper does not answer"
			return 1
		}
		say "      $node: ${version/$'\t'/ }"
	done
}

# storage DISK NAME: a file system for a service, with a directory to export and one for its state, as README says.
storage() {
	[ "$STORAGE" != drbd ] || drbd_begin "$1" "$2" || return 1
	on node1 sh -ec "mkfs.ext4 -q -F $(device "$1" "$2")
		mkdir -p /srv/$2
		mount $(device "$1" "$2") /srv/$2
		mkdir /srv/$2/export /srv/$2/.gracekeeper
		umount /srv/$2" || return 1
	[ "$STORAGE" != drbd ] || drbd_to_cluster "$2"
}

# device DISK NAME: the service's block device.
device() { if [ "$STORAGE" = drbd ]; then drbd_device "$2"; else echo "/dev/disk/by-id/virtio-shared$1"; fi; }
# What file systems are on: shared, a disk that all nodes see, or drbd, see drbd.sh.
: "${STORAGE:=shared}"

# service NAME DISK ADDRESSES [PARAMETER=VALUE...]: the cluster configuration of a service, as one writes it. The operations'
# timeouts are for emulated machines.
service() {
	local name=$1 disk=$2 addresses=$3 network exports=/srv/$1/export
	shift 3
	for network in "${CLIENT_NETWORKS[@]}"; do exports+=" $network(rw,no_root_squash,no_subtree_check)"; done
	cat <<-X
		primitive fs-$name Filesystem params device="$(device "$disk" "$name")" directory="/srv/$name" fstype=ext4 op start timeout=120s interval=0s op stop timeout=120s interval=0s op monitor interval=${MONITOR[0]} timeout=120s
		primitive $name ocf:gracekeeper:nfs params ip="$addresses" state_dir="/srv/$name/.gracekeeper" exports="$exports" lease_time=$LEASE grace_time=$GRACE $* op start timeout=180s interval=0s op stop timeout=180s interval=0s op monitor interval=${MONITOR[1]} timeout=60s
		group g-$name fs-$name $name meta resource-stickiness=1000
	X
	[ "$STORAGE" != drbd ] || drbd_configuration "$name"
}
CLIENT_NETWORKS=(10.77.0.0/24 fd77::/64)
# How often the file system and the service are looked at. The former takes an emulated node seconds: too much for many.
MONITOR=(20s 10s)
# several: what the cluster is told where several services move at once. It would have all busy nodes together do one thing at
# a time, and an emulated one is busy when it does anything. With more than two, its agents and pacemaker-execd are starved. Two are
# what nodes of one processor have by themselves: in a cluster that runs, another number has an effect only where more is done
# (at_a_time in many.sh).
several() { echo 'property load-threshold=10000% node-action-limit=2'; }

# serve NAME ADDRESSES: the cluster's only service, on disk 0 and node1, from the first audit on.
serve() {
	need "storage" storage 0 "$1"
	begin_audit
	need "configuration" configure < <(service "$1" 0 "$2")
	need "service $1 starts" settled
	need "service $1 is on node1" place "$1" node1
}

configure() { # text on standard input
	local text
	text=$(cat)
	printf '%s\n' "$text" | "$LAB" exec "$CLUSTER_NODE" -- sh -c 'cat >/tmp/configuration && crm -F configure load update /tmp/configuration'
}

# The resource is started there, and not only being started; or it is nowhere.
# The program is sent along: a fresh machine has nothing of the tests.
wait_started() { "$LAB" exec "$CLUSTER_NODE" -- sh -s "$1" "$2" "${3:-180}" <"$TESTS/scenarios/lib/wait-started"; } # NAME NODE [SECONDS]
wait_stopped() { wait_started "$1" - "${2:-180}"; } # NAME [SECONDS]
where_is() { cluster crm_resource -r "$1" --locate -Q 2>/dev/null | head -n 1; }
# prepared_on NODE SERVICE...: what these need there is prepared, as a whole: the files are there from the first step on.
prepared_on() {
	local node=$1
	shift
	# shellcheck disable=SC2016 # the arguments of that shell
	on "$node" sh -c 'cd /run/gracekeeper/standby && left=$(grep -L "\"namespaces\":{" "$@" 2>&1); [ -z "$left" ]' sh "$@"
}

settled() { cluster crm_resource --wait --timeout="${1:-120s}"; }

# move NAME NODE: as an admin does, with the constraint that this leaves removed again. From the node that is left: what
# watches must not take the time of the one that has to recover.
move() {
	local CLUSTER_NODE
	CLUSTER_NODE=$(other "$2")
	cluster crm_resource --move -r "g-$1" -N "$2" -Q &&
		wait_started "$1" "$2" &&
		cluster crm_resource --clear -r "g-$1" -Q
}

# power_cut NODE: of the one that runs the service; until the service is started on the other.
power_cut() {
	local to
	to=$(other "$1")
	CLUSTER_NODE=$to
	# What this node logged of the fencing before must not be lost with it; the service's disk is left as it is.
	need "the log of $1 is on its disk" on "$1" sync -f /var/log
	event "power of $1 is cut"
	"$LAB" crash "$1"
	need "service $SVC starts on $to after the power cut of $1" wait_started "$SVC" "$to" 240
	FENCED=$((FENCED + 1))
}

# place NAME NODE: have it there, wherever it was started.
place() {
	[ "$(where_is "$1")" = "$2" ] || move "$1" "$2" || return 1
	wait_started "$1" "$2"
}

# All nodes are online, with quorum and their fencing devices.
wait_nodes() { on "$CLUSTER_NODE" /usr/local/sbin/lab-wait-cluster "${#NODES[@]}" "${1:-300}"; }

# How many fencings succeeded, from the nodes' logs: a node whose power was cut has forgotten its fencing history. Each
# node logs those it sees, by an id of their own. The log of a node that lost its power has NULs in it, hence -a.
fencings() {
	local node
	for node in "${NODES[@]}"; do
		on "$node" grep -ahoE 'was terminated \(reboot\).*: OK \| event=.*' /var/log/pacemaker/pacemaker.log
	done | grep -oE 'event=.*' | sort -u | wc -l
}

# complaints NODE SINCE RESOURCE...: what Pacemaker's monitors and probes there said of these since then (date +%s on the node), other
# than that all is well. To be asked for from after a start on: "not running" is what is wrong then, and was right before. Of a
# recurring monitor Pacemaker logs the first result, and those that differ from the one before.
complaints() {
	local node=$1 since=$2 resources
	shift 2
	resources=$(IFS='|'; echo "$*")
	on "$node" journalctl -b -o cat --no-pager --since "@$since" -t pacemaker-controld |
		grep -E "Result of (monitor|probe) operation for ($resources) on $node: " | grep -v ': ok$' || :
}

failed_actions() { cluster crm_mon -1 --include=none,failures,failcounts; }

# verdict NODE: the monitor's, as Pacemaker would get it: 0 runs, 7 does not, 190 runs but is degraded.
verdict() { force_check "$1" | returned; }
force_check() { on "$1" crm_resource -r "$SVC" --force-check 2>&1; } # NODE: all that it says
returned() { sed -n 's/.*returned \([0-9]*\).*/\1/p' | head -n 1; } # the verdict in that

# remove NAME: stop the group and delete it, with whatever constraints are left. A refresh makes Pacemaker forget all other
# resources too, until it has probed them anew: till then they are shown as stopped.
remove() {
	cluster crm_resource --clear -r "g-$1" -Q >/dev/null 2>&1
	cluster crm_resource -r "g-$1" --meta -p target-role -v Stopped -Q >/dev/null 2>&1
	# With the whole group, which has file systems below the service: what is deleted is not stopped any more.
	wait_stopped "$1" && settled 120s || return 1
	cluster sh -c "
		for xpath in \"//rsc_location[@rsc='g-$1']\" \"//rsc_colocation[@rsc='g-$1']\" \"//rsc_order[@then='g-$1']\"; do
			cibadmin --delete --xpath \"\$xpath\" 2>/dev/null
		done
		cibadmin --delete --xpath \"//group[@id='g-$1']\" && crm_resource --refresh -Q >/dev/null 2>&1; crm_resource --wait --timeout=120s" || return 1
	[ "$STORAGE" != drbd ] || drbd_end "$1"
}

# break_helper NODE killed|stopped|removed: the agent and systemd may bring back one that was killed or stopped: that is
# their job. A removed one (its jar is gone) nobody can bring back.
break_helper() {
	case $2 in
	killed) on "$1" systemctl kill -s KILL gracekeeperd ;;
	stopped) on "$1" systemctl kill -s STOP gracekeeperd ;;
	removed) on "$1" sh -c "mv $JAR $JAR.away && systemctl kill -s KILL gracekeeperd" ;;
	esac
}

# put_helper_back NODE: one that was removed. systemd has tried to start it all the time and goes on.
put_helper_back() { on "$1" mv $JAR.away $JAR && until_true 120 on "$1" gracekeeper status; }
