# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# shellcheck disable=SC2016 # some is for other shells
# Promise: an NFS server of the node that cannot stop, as its disk does not answer, has no service fail
#
# nfsd tells its threads to nobody while one of its servers starts or stops (nfsd_mutex). Here that is node1's own, with a client's
# write on a frozen file system under way, for longer than a monitor of the service may take.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
BARE=10.77.0.11 # node1's own
LAST=75         # seconds; a monitor may take 60

# degraded NODE: the service's monitor says so and why.
degraded() {
	local said
	said=$(force_check "$1")
	printf '%s\n' "$said"
	[ "$(returned <<<"$said")" = 190 ] && grep -q 'an NFS server of this node has been starting or stopping' <<<"$said"
}

# hangs: an nfsd thread, on a frozen file system (fs/super.c, sb_start_write).
hangs() { on node1 sh -c 'for pid in $(pgrep -x nfsd); do ! grep percpu_rwsem /proc/$pid/wchan || exit 0; done; exit 1'; }
stop_of_bare() { on node1 systemctl show -P ActiveState bare-stop; }
bare_has_stopped() { [ "$(stop_of_bare)" = inactive ]; }

need "storage of the node's own server" storage 2 bare
serve web "$ADDRESS4/24 $ADDRESS6/64"
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
check "grace ends on node1" wait_recovered node1
check "all locks are on node1" look node1
need "node1 mounts its own file system" on node1 mount "$(device 2 bare)" /srv/bare
need "node1's own NFS server" guest node1 bare-nfsd start /srv/bare/export "$LEASE" "$GRACE"
need "no grace of node1's own" guest node1 bare-nfsd end-grace
need "client3 mounts it" on client3 sh -c "mkdir -p /mnt/bare && mount -t nfs -o vers=3,nolock,soft,timeo=100,retrans=1 $BARE:/srv/bare/export /mnt/bare"
same "the monitor before" 0 "$(verdict node1)"

event "the disk of node1's own server does not answer"
# Whatever fails below, it does not stay so for the next scenario.
need "its file system is frozen" on node1 sh -c "systemd-run -q --collect --unit thaw --on-active=300 fsfreeze --unfreeze /srv/bare
	fsfreeze --freeze /srv/bare"
need "client3 writes" on client3 systemd-run -q --collect --unit write dd if=/dev/zero of=/mnt/bare/new bs=4096 count=1 conv=fsync
need "a thread of node1's own server hangs" until_true 60 hangs
begun=$SECONDS
need "node1's own server is to stop" on node1 systemd-run -q --unit bare-stop rpc.nfsd 0
check "the monitor says so, and that the service serves" until_true 60 degraded node1
while ((SECONDS - begun < LAST)); do sleep 1; done
same "the stop hangs yet" active "$(stop_of_bare)"
check "the monitor says so still" degraded node1
check "status answers" on node1 timeout 30 gracekeeper status web
check "no failed action in the cluster" no_failures
check "all locks are on node1" look node1
need "it thaws" on node1 sh -c "fsfreeze --unfreeze /srv/bare && systemctl stop thaw.timer"
event "the disk answers"
check "node1's own server stops" until_true 60 bare_has_stopped
same "the monitor afterwards" 0 "$(verdict node1)"

need "service web moves" move web node2
check "all locks are on node2" look node2
check "grace ends on node2" wait_recovered node2
check "the logs come home" end_load
check_load
on client3 sh -c 'systemctl stop write 2>/dev/null; umount -f -l /mnt/bare; rmdir /mnt/bare'
need "node1 is as before" guest node1 bare-nfsd stop
need "node1 unmounts its own file system" on node1 sh -c "umount /srv/bare && rmdir /srv/bare"
audit "web=node2:$ADDRESS4"
check "service web stops" remove web
audit
