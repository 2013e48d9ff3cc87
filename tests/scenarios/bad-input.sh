# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: bad input gets the right code and one line of help, and leaves nothing behind
#
# The agent of node1 is called as Pacemaker calls it, with everything that can be wrong, one thing at a time
# (guest/bad-input.py has the cases). Meanwhile node2 runs a service by hand, whose address must not be taken.

taken=10.77.0.107/24
by_hand() { # NODE DIR ADDRESS ACTION
	on "$1" env OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=other OCF_RESKEY_CRM_meta_timeout=120000 \
		OCF_RESKEY_ip="$3" OCF_RESKEY_state_dir="$2/.gracekeeper" OCF_RESKEY_exports="$2/export 10.77.0.0/24(rw)" \
		OCF_RESKEY_lease_time=10 OCF_RESKEY_grace_time=10 /usr/lib/ocf/resource.d/gracekeeper/nfs "$4"
}

need "storage" storage 1 second
need "storage" storage 2 bad
need "storage" storage 3 other
begin_audit
need "mount on node1" on node1 mount /dev/disk/by-id/virtio-shared2 /srv/bad
need "mount on node1" on node1 mount /dev/disk/by-id/virtio-shared1 /srv/second
need "mount on node2" on node2 sh -c 'mkdir -p /srv/other && mount /dev/disk/by-id/virtio-shared3 /srv/other'
need "a service on node2" by_hand node2 /srv/other $taken start

guest node1 bad-input.py /srv/bad /srv/second --taken $taken 2>&1 | tee "$OUT/cases" >&3
grep -q '^ok' "$OUT/cases" || bad "the cases did not run"
while IFS= read -r line; do
	case $line in
	"ok "*) echo ok ;;
	"FAIL "*) echo "$line" ;;
	esac
done <"$OUT/cases" >>"$OUT/results"

check "the service on node2 was not disturbed" by_hand node2 /srv/other $taken monitor
check "it stops" by_hand node2 /srv/other $taken stop
check "umount on node2" on node2 umount /srv/other
check "umount on node1" on node1 umount /srv/bad /srv/second
audit
