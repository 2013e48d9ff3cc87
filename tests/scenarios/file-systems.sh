# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: on xfs, and with exports inside of others, nested and bind mounts and NFSv4's root, no lock is lost or stolen
#
# Two services, which move together, to and fro, and whose node then loses its power:
#   xfs   an xfs with three exports, one of them inside of another
#   tree  an ext4 with an export, in which a second ext4 is mounted and exported, and a bind mount of another directory.
#         Clients mount the exports over NFSv3, and NFSv4's root, above all of them, over NFSv4.0 and 4.2. Of the directories on
#         the way to the exports some are the nodes' own, and not the same on both: after a move their file handles are stale.
# Held are locks in every export by every path that leads there. On client3 contenders for all of them never get one. After every
# move the server is asked for every lock (F_GETLK), and after a planned one grace has ended because all NFSv3 locks were back.
# Then a third service is started with what cannot work. It is refused with the reason, and its stop leaves the locks of the others
# alone, whose file systems it was to have.

ADDRESS_XFS=10.77.0.101 ADDRESS_TREE=10.77.0.102 ADDRESS_THIRD=10.77.0.103
ALLOWED='10.77.0.0/24(rw,no_root_squash'
# Longer than an early end takes on an emulated node with two services.
((GRACE >= 60)) || GRACE=60
MONITOR=(120s 20s)
POINTS=(/srv/xfs /srv/pseudo/tree /srv/pseudo/tree/export/nested /srv/pseudo/bound)

disk() { echo "/dev/disk/by-id/virtio-shared$1"; }

# Those of a service, by paths that are the same on the server below the directory SERVED and on all clients.
declare -A ROOT=([xfs]=/srv/xfs [tree]=/srv/pseudo)
declare -A LOCKED=([xfs]='one/a:0+3 two/b:0+3 one/deep/d:0+2'
	[tree]='tree/export/a:0+3 tree/export/nested/n:0+4 bound/b:0+3')
about() { # SERVICE
	SVC=$1 SERVED=${ROOT[$1]}
	read -ra HELD <<<"${LOCKED[$1]}"
}

file_systems() {
	on node1 sh -ec "mkfs.xfs -q -f $(disk 0)
		mkdir -p /srv/xfs
		mount $(disk 0) /srv/xfs
		mkdir -p /srv/xfs/.gracekeeper /srv/xfs/one/deep /srv/xfs/two
		for one in one two one/deep; do echo \"/srv/xfs/\$one $ALLOWED)\"; done >/srv/xfs/exports
		umount /srv/xfs
		mkfs.ext4 -q -F $(disk 1)
		mkfs.ext4 -q -F $(disk 2)
		mkdir -p /srv/pseudo/tree
		mount $(disk 1) /srv/pseudo/tree
		cd /srv/pseudo/tree
		mkdir -p .gracekeeper export/nested shelf
		echo '/srv/pseudo/tree/export $ALLOWED)' >exports
		echo '/srv/pseudo/tree/export/nested $ALLOWED,nohide,mp)' >>exports
		echo '/srv/pseudo/bound $ALLOWED)' >>exports
		cd /
		umount /srv/pseudo/tree"
}

pseudo() { on "$1" stat -c %i /srv/pseudo; } # NODE
# The nodes come from one image, and could have made the directory with the same number: it is what a file handle of it has.
pseudo_differs() {
	on node2 mkdir -p /srv/pseudo || return 1
	[ "$(pseudo node1)" != "$(pseudo node2)" ] ||
		on node2 sh -ec 'mv /srv/pseudo /srv/pseudo.before; mkdir /srv/pseudo' || return 1
	[ "$(pseudo node1)" != "$(pseudo node2)" ]
}

mounted_by() { # RESOURCE DEVICE DIRECTORY TYPE [PARAMETER]
	echo "primitive $1 Filesystem params device=\"$2\" directory=\"$3\" fstype=$4 ${5:-} op start timeout=120s interval=0s op stop timeout=120s interval=0s op monitor interval=${MONITOR[0]} timeout=120s"
}
exported_by() { # SERVICE ADDRESS DIRECTORY
	echo "primitive $1 ocf:gracekeeper:nfs params ip=$2/24 state_dir=\"$3/.gracekeeper\" exports=\"$3/exports\" lease_time=$LEASE grace_time=$GRACE op start timeout=180s interval=0s op stop timeout=180s interval=0s op monitor interval=${MONITOR[1]} timeout=60s"
}
configuration() {
	several
	mounted_by fs-xfs "$(disk 0)" /srv/xfs xfs
	exported_by xfs $ADDRESS_XFS /srv/xfs
	echo "group g-xfs fs-xfs xfs meta resource-stickiness=1000"
	mounted_by fs-tree "$(disk 1)" /srv/pseudo/tree ext4
	mounted_by fs-nested "$(disk 2)" /srv/pseudo/tree/export/nested ext4
	mounted_by fs-bound /srv/pseudo/tree/shelf /srv/pseudo/bound none options=bind
	exported_by tree $ADDRESS_TREE /srv/pseudo/tree
	echo "group g-tree fs-tree fs-nested fs-bound tree meta resource-stickiness=1000"
	echo "location l-xfs g-xfs 50: node1"
	echo "location l-tree g-tree 50: node1"
}

declare -A ROOTS=()
mount_at() { # HOST POINT SOURCE OPTIONS: below /mnt
	on "$1" sh -c "mkdir -p /mnt/$2 && mount -t nfs -o $4 $3 /mnt/$2" || return 1
	case $2 in
	root*) ROOTS[$1]+=" /mnt/$2" ;;
	*) MOUNTED[$1]+=" /mnt/$2" ;;
	esac
}

# With all that the client has itself mounted below, at once: one by one some are mounted again by whoever looks for the next.
unmount_roots() {
	local host
	for host in "${!ROOTS[@]}"; do
		# shellcheck disable=SC2086 # a list of mount points
		on "$host" umount -l ${ROOTS[$host]} || return 1
	done
}
# No server, and so nothing of one, that the host's NFS client still knows.
unmounted() { on "$1" sh -c '! tail -n +2 /proc/net/nfsfs/volumes | grep .'; } # HOST

# In "a" and "b", slot 0 is locked over NFSv3, 1 over NFSv4.0, 2 over NFSv4.2. Of "n" and "d" there is one more over NFSv3, by a
# mount of that export alone: the same file, by another file handle than through the export around it where that has it, too.
load() {
	local v3=vers=3,hard v40=vers=4.0,hard v42=vers=4.2,hard dir
	for dir in one two; do
		mount_at client1 v3/$dir $ADDRESS_XFS:/srv/xfs/$dir $v3 && mount_at client1 v40/$dir $ADDRESS_XFS:/srv/xfs/$dir $v40 &&
			mount_at client2 v42/$dir $ADDRESS_XFS:/srv/xfs/$dir $v42 && mount_at client3 v3/$dir $ADDRESS_XFS:/srv/xfs/$dir $v3 &&
			mount_at client3 v42/$dir $ADDRESS_XFS:/srv/xfs/$dir $v42 || return 1
	done
	for dir in tree/export bound; do
		mount_at client1 v3/$dir $ADDRESS_TREE:/srv/pseudo/$dir $v3 && mount_at client3 v3/$dir $ADDRESS_TREE:/srv/pseudo/$dir $v3 ||
			return 1
	done
	mount_at client2 v3/one/deep $ADDRESS_XFS:/srv/xfs/one/deep $v3 &&
		mount_at client2 v3/tree/export/nested $ADDRESS_TREE:/srv/pseudo/tree/export/nested $v3 &&
		mount_at client1 root40 $ADDRESS_TREE:/ $v40 && mount_at client2 root42 $ADDRESS_TREE:/ $v42 &&
		mount_at client3 root42 $ADDRESS_TREE:/ $v42 &&
		on client3 touch /mnt/v42/one/free /mnt/root42/srv/pseudo/tree/export/free || return 1
	hold client1 xfs-v3 v3 "NFSv3 of xfs" --rate 0.5 one/a:0 two/b:0 one/deep/d:0 &&
		hold client1 xfs-v40 v40 "NFSv4.0 of xfs" --rate 0.5 one/a:1 two/b:1 &&
		hold client2 xfs-v42 v42 "NFSv4.2 of xfs" --rate 0.5 one/a:2 two/b:2 &&
		hold client2 deep-v3 v3 "NFSv3 of one/deep" --rate 0.5 one/deep/d:1 &&
		hold client1 tree-v3 v3 "NFSv3 of tree" --rate 0.5 tree/export/a:0 tree/export/nested/n:0 bound/b:0 &&
		hold client1 tree-v40 root40/srv/pseudo "NFSv4.0 of tree, root" --rate 0.5 tree/export/a:1 tree/export/nested/n:1 bound/b:1 &&
		hold client2 tree-v42 root42/srv/pseudo "NFSv4.2 of tree, root" --rate 0.5 tree/export/a:2 tree/export/nested/n:2 bound/b:2 &&
		hold client2 nested-v3 v3 "NFSv3 of nested" --rate 0.5 tree/export/nested/n:3 || return 1
	# The free files over NFSv4.2 only: a lock over NFSv3 that is given up while the service moves is waited for to the end.
	about xfs
	program client3 contender-xfs-v3 contender.py --interval 10 --via "NFSv3 of xfs=/mnt/v3" "${HELD[@]}" &&
		program client3 contender-xfs-v42 contender.py --interval 10 --via "NFSv4.2 of xfs=/mnt/v42" --control one/free:0 \
			"${HELD[@]}" || return 1
	about tree
	program client3 contender-tree-v3 contender.py --interval 10 --via "NFSv3 of tree=/mnt/v3" "${HELD[@]}" &&
		program client3 contender-tree-v42 contender.py --interval 10 --via "NFSv4.2 of tree=/mnt/root42/srv/pseudo" \
			--control tree/export/free:0 "${HELD[@]}"
}

both_on() { wait_started xfs "$1" 300 && wait_started tree "$1" 300; } # NODE

# Those of each file system: xfs, tree, nested.
counts() { # NODE
	guest "$1" server.py count --without /srv/xfs/one/free /srv/xfs
	guest "$1" server.py count --without /srv/pseudo/tree/export/free /srv/pseudo/tree
	guest "$1" server.py count /srv/pseudo/tree/export/nested
}

all_locks() { # NODE
	local service
	for service in xfs tree; do
		about $service
		check "$service: all locks are on $1" look "$1"
		check "$service: both grace periods end on $1" wait_recovered "$1"
	done
	same "$1: what it has on xfs, tree and nested" "nlm 4, v4 4; nlm 2, v4 4; nlm 2, v4 2" "$(counts "$1" | paste -sd ';' | sed 's/;/; /g')"
	check "a client finds its way from NFSv4's root to the nested file system of $1" on client2 timeout 60 \
		stat /mnt/root42/srv/pseudo/tree/export/nested/n /mnt/root42/srv/pseudo/bound/b
}

# ended_early NODE: because all that was in the ledger was seen back, on every file system.
ended_early() {
	ended "$1"
	ended "$1" | grep -q 'NLM grace ended after .*: 4 of 4 locks back$' && ! ended "$1" | grep 'its time is over'
}

# left_clean NODE SINCE: each Filesystem's stop needed one try, and nothing holds the devices.
left_clean() {
	local log point
	log=$(on "$1" journalctl -o cat --no-pager --since "@$2" | grep -E 'unmount' || :)
	printf '%s\n' "$log" >>"$OUT/unmounts"
	for point in "${POINTS[@]}"; do
		same "$1: Filesystem unmounts $point at the first try" "1 tried, 1 done" \
			"$(grep -c "Trying to unmount $point\$" <<<"$log") tried, $(grep -c "unmounted $point successfully" <<<"$log") done"
	done
	same "$1: unmounts that failed" 0 "$(grep -cE "Couldn.t unmount|some processes" <<<"$log")"
	check "$1: /proc/locks is free of the file systems" guest "$1" server.py locks "$(disk 0)" "$(disk 1)" "$(disk 2)"
}

go() { # NODE: away from the other
	local from
	from=$(other "$1")
	CLUSTER_NODE=$1
	event "both services are to go from $from to $1"
	cluster crm_standby -N "$from" -v on && both_on "$1" && cluster crm_standby -N "$from" -D
}

# third start|stop EXPORTS [STATE_DIR]: a service of node2's that the cluster knows nothing of.
third() {
	on node2 env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=third OCF_RESKEY_CRM_meta_timeout=120000 \
		OCF_RESKEY_ip=$ADDRESS_THIRD/24 OCF_RESKEY_state_dir="${3:-/srv/third/.gracekeeper}" OCF_RESKEY_exports="$2" \
		OCF_RESKEY_lease_time="$LEASE" OCF_RESKEY_grace_time="$GRACE" /usr/lib/ocf/resource.d/gracekeeper/nfs "$1"
}

# refuses CODE PATTERN EXPORTS [STATE_DIR]: the start ends with that code and such a reason, and the stop after it in success.
refuses() {
	local code=0
	third start "$3" "${4:-}" >"$OUT/said" 2>&1 || code=$?
	cat "$OUT/said"
	echo "exit code $code"
	[ "$code" = "$1" ] && grep -qE "ocf-exit-reason:.*$2" "$OUT/said" && third stop "$3" "${4:-}"
}

need "file systems" file_systems
need "directories of the nodes' own above them, each with its own number" pseudo_differs
begin_audit
configuration >"$OUT/configuration"
need "configuration" configure <"$OUT/configuration"
need "the services start" settled 300s
need "both services are on node1" both_on node1
measure_clocks
need "clients hold their locks" load
all_locks node1

for to in node2 node1; do
	from=$(other $to)
	since=$(on "$from" date +%s)
	need "both services move to $to" go $to
	all_locks $to
	for service in xfs tree; do
		about $service
		check "$service: grace on $to ended when all NFSv3 locks were back, and before its time" ended_early $to
	done
	left_clean "$from" "$since"
done

about xfs
power_cut node1
about tree
need "service tree is started on node2, too" wait_started tree node2 240
all_locks node2
need "node1 is back" wait_nodes

event "what is refused"
need "a file system" storage 3 third
need "mounts on node2" on node2 sh -ec "mkdir -p /srv/third /srv/again /srv/ours
	mount $(disk 3) /srv/third
	mkdir /srv/third/export/inner /srv/third/.gracekeeper/part
	mount --bind /srv/third /srv/again
	mount --bind /usr/share /srv/ours"
exported="/srv/third/export $ALLOWED"
check "a root of NFSv4 of the service's own" refuses 6 'fsid=0.*no NFSv4 root of its own' "$exported,fsid=0)"
check "a bind mount by which clients would get to the state" refuses 6 'state_dir: .* lies inside the exported directory /srv/again' \
	"/srv/again $ALLOWED)"
check "an export inside of the state directory" refuses 6 '/srv/third/.gracekeeper/part lies inside parameter state_dir' \
	"/srv/third/.gracekeeper/part $ALLOWED)"
check "a bind mount of a part of the node's root" refuses 2 "/srv/ours is on this node's root file system" "/srv/ours $ALLOWED)"
check "a directory of another service's, by a bind mount" refuses 2 '/srv/pseudo/bound is already used by service tree' \
	"/srv/pseudo/bound $ALLOWED)"
check "another service's file system, nested" refuses 2 '/srv/pseudo/tree/export/nested is already used by service tree' \
	"/srv/pseudo/tree/export/nested $ALLOWED)"
check "its state there" refuses 2 'file system of /srv/xfs/two is already used by service xfs' "$exported)" /srv/xfs/two
check "option mp without a mount" refuses 2 'no file system is mounted at /srv/third/export/inner' \
	"$exported)\\n/srv/third/export/inner $ALLOWED,mp)"
need "a nested mount" on node2 mount --bind /srv/xfs/two /srv/third/export/inner
check "crossmnt that has to cross a mount" refuses 2 '/srv/third/export/inner, which is mounted inside /srv/third/export, needs a line' \
	"$exported,crossmnt)"
check "another service's file system, mounted inside" refuses 2 '/srv/third/export/inner is already used by service xfs' \
	"$exported)\\n/srv/third/export/inner $ALLOWED,nohide)"
need "the mounts go" on node2 umount /srv/third/export/inner /srv/again /srv/ours /srv/third
all_locks node2

check "the logs come home" end_load
check "NFSv4's roots are unmounted" unmount_roots
check_load
for host in "${CLIENTS[@]}"; do check "$host has unmounted everything" until_true 60 unmounted "$host"; done
audit "xfs=node2:$ADDRESS_XFS" "tree=node2:$ADDRESS_TREE"
for service in xfs tree; do check "service $service stops" remove $service; done
audit
