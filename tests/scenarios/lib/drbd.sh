# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash
# DRBD in the place of a shared disk (STORAGE=drbd): what docs/storage.md says of it. node1's half of a service's device is on the
# service's disk, node2's on the next one: each node leaves the other's alone.

drbd_device() { echo "/dev/drbd/by-res/$1/0"; } # NAME

# The module in Debian's kernels is of DRBD 8.4: fencing belongs to the disk, and the handlers have no 9 in their names.
drbd_resource() { # DISK NAME
	local node
	cat <<-X
		resource $2 {
		 protocol C;
		 disk { fencing resource-and-stonith; }
		 handlers {
		  fence-peer "/usr/lib/drbd/crm-fence-peer.sh";
		  after-resync-target "/usr/lib/drbd/crm-unfence-peer.sh";
		 }
	X
	for node in 1 2; do
		cat <<-X
			 on node$node {
			  address 10.77.0.1$node:$((7788 + $1));
			  device /dev/drbd$1;
			  disk /dev/disk/by-id/virtio-shared$(($1 + node - 1));
			  meta-disk internal;
			 }
		X
	done
	echo '}'
}

# drbd_begin DISK NAME: until node1 is primary of a new device. Nothing is on either half: they are declared to be the same.
drbd_begin() {
	local node
	for node in node1 node2; do
		drbd_resource "$1" "$2" | "$LAB" exec $node -- sh -c "cat >/etc/drbd.d/$2.res" &&
			on $node sh -ec "wipefs -q -a -f /dev/disk/by-id/virtio-shared$(($1 + ${node#node} - 1))
				modprobe drbd
				drbdadm create-md --force $2
				drbdadm up $2
				sync -f /etc/drbd.d/$2.res" || return 1
	done
	until_true 60 on node1 sh -c "drbdadm cstate $2 | grep -qx Connected" &&
		on node1 sh -ec "drbdadm -- --clear-bitmap new-current-uuid $2
			drbdadm primary $2
			udevadm settle --exit-if-exists=$(drbd_device "$2")"
}

# drbd_to_cluster NAME: from here on the cluster says where it is up.
drbd_to_cluster() {
	drbd_in_step node1 "$1" && on node1 drbdadm secondary "$1" && on node2 drbdadm down "$1" && on node1 drbdadm down "$1"
}

# drbd_in_step NODE NAME: both halves are the same.
drbd_in_step() { on "$1" sh -c "drbdadm dstate $2 | tee /dev/stderr | grep -qx UpToDate/UpToDate"; }

drbd_configuration() { # NAME
	cat <<-X
		primitive drbd-$1 ocf:linbit:drbd params drbd_resource=$1 op start timeout=240s interval=0s op promote timeout=120s interval=0s op demote timeout=120s interval=0s op stop timeout=120s interval=0s op notify timeout=120s interval=0s op monitor interval=29s role=Promoted timeout=120s op monitor interval=31s role=Unpromoted timeout=120s
		clone c-drbd-$1 drbd-$1 meta promotable=true promoted-max=1 promoted-node-max=1 clone-max=2 clone-node-max=1 notify=true
		colocation $1-with-drbd inf: g-$1 c-drbd-$1:Promoted
		order $1-after-drbd Mandatory: c-drbd-$1:promote g-$1:start
	X
}

# drbd_back NAME: the node that was away has caught up, and what DRBD's handler told the cluster is taken back.
drbd_back() {
	drbd_in_step "$CLUSTER_NODE" "$1" && ! cluster cibadmin --query --scope constraints | grep "drbd-fence-by-handler"
}

# drbd_end NAME: stopped and forgotten.
drbd_end() {
	local node
	cluster crm_resource -r "c-drbd-$1" --meta -p target-role -v Stopped -Q >/dev/null 2>&1
	settled && cluster sh -c "cibadmin --delete --xpath \"//clone[@id='c-drbd-$1']\" &&
		crm_resource --refresh -Q >/dev/null 2>&1; crm_resource --wait --timeout=120s" || return 1
	for node in node1 node2; do on $node sh -c "rm /etc/drbd.d/$1.res && ! drbdsetup status | grep '$1'" || return 1; done
}
