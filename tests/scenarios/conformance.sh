# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: ocf-tester passes, and a monitor costs no more than ocf:heartbeat:exportfs's
#
# ocf-tester starts and stops a real service on a mounted file system. The monitor's time is measured side by side with
# that of exportfs, on the same node in one run, by tests/agent/monitor-time.

need "storage" storage 3 conf
begin_audit
need "mount" on node1 mount /dev/disk/by-id/virtio-shared3 /srv/conf
check "ocf-tester passes" on node1 ocf-tester -n conf -o ip=10.77.0.105/24 -o state_dir=/srv/conf/.gracekeeper \
	-o "exports=/srv/conf/export 10.77.0.0/24(rw,no_subtree_check)" -o lease_time=10 -o grace_time=10 \
	/usr/lib/ocf/resource.d/gracekeeper/nfs
cp "$OUT/last" "$OUT/ocf-tester"
audit
need "the programs for the monitor's time" "$LAB" put node1 "$TESTS/agent/monitor-time" /tmp/monitor-time
agent() { # ACTION
	on node1 env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=conf OCF_RESKEY_CRM_meta_timeout=120000 \
		OCF_RESKEY_ip=10.77.0.105/24 OCF_RESKEY_state_dir=/srv/conf/.gracekeeper \
		OCF_RESKEY_exports="/srv/conf/export 10.77.0.0/24(rw,no_subtree_check)" \
		OCF_RESKEY_lease_time=10 OCF_RESKEY_grace_time=10 /usr/lib/ocf/resource.d/gracekeeper/nfs "$1"
}
need "a service" agent start
check "a monitor is not slower than exportfs's" on node1 /tmp/monitor-time -n 30 instance=conf ip=10.77.0.105/24 \
	state_dir=/srv/conf/.gracekeeper "exports=/srv/conf/export 10.77.0.0/24(rw,no_subtree_check)" lease_time=10 grace_time=10
cat "$OUT/last" >&3
check "it stops" agent stop
check "umount" on node1 umount /srv/conf
audit
