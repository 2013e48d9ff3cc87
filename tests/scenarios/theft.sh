# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: the lock theft of an NLM grace that outlasts NFSv4's happens with nfs-utils alone, and not here
#
# A client has a lock that only its own kernel knows of, because it has a delegation. After a restart of the server somebody
# else opens the file: the delegation is recalled, its holder must turn the lock into one that the server knows, and that is
# refused for as long as lockd is in grace. With bare nfs-utils, and an NLM grace longer than NFSv4's, the delegation is
# revoked and the other one gets an exclusive lock. The same with a service of ours, with several lease and grace times and
# versions, with the helper and with the kernel's own clocks alone. Where delegations=yes is allowed (before 6.6) the lock is
# under one; elsewhere there is none to be had, and the server knows of the lock.

ADDRESS4=10.77.0.100
FILE=kept

keeper() { # MOUNT: a shared lock under a read delegation
	need "a lock under a delegation" program client1 keeper keeper.py --read-only --share "/mnt/$1/$FILE" 1
}

thief() { # MOUNT
	need "somebody who wants it" program client2 thief contender.py --interval 0.3 --fresh-open-only --give-up 20 \
		--max-pending 110 --via NFSv4="/mnt/$1" "$FILE:0"
}

# may_have_delegation: the server gives one only to a client that it can call back, which with NFSv4.0 it tries in its own
# time, and only to an NFSv4.0 open-owner that it has confirmed, which is after its first open (nfs4_open_delegation in
# fs/nfsd/nfs4state.c). Owners are per user and list of groups, so any file will do, opened in a unit as the holder's is.
may_have_delegation() {
	on client1 systemd-run -q --wait cat /mnt/ours/first && until_true 30 can_be_recalled 10.77.0.51
}

can_be_recalled() { # HOST's address
	inside node1 web sh -c "grep -lF 'address: \"$1:' /proc/fs/nfsd/clients/*/info | xargs grep -q 'callback state: UP'"
}

# stolen: how often the thief was granted the lock. The keeper still runs: nobody told it.
stolen() {
	on client1 systemctl -q is-active load-keeper || { echo "the keeper has ended"; return; }
	thief_ends "$1"
}

need "storage" storage 0 web
need "mount" on node1 mount /dev/disk/by-id/virtio-shared0 /srv/web
need "the node's own NFS server" guest node1 bare-nfsd start /srv/web/export 10 15
need "no grace" guest node1 bare-nfsd end-grace
SVC=web
on node1 sh -c 'echo text >/srv/web/export/kept'
for client in client1 client2; do need "mount" mount_nfs $client bare node1 vers=4.2,hard; done
keeper bare
check "the lock is the client's own affair" delegated node1 "$FILE"
event "the node's own NFS server is restarted"
need "restart" guest node1 bare-nfsd restart
thief bare
need "lockd's grace ends" guest node1 server.py wait-grace 90
until_true 30 on client2 grep -q '"granted": \[0\]' /var/tmp/load/thief.log >/dev/null
n=$(stolen bare)
check "nfs-utils alone, NFSv4 grace 15 s, NLM grace 50 s: the lock is stolen ($n times)" test "$n" -gt 0
on client1 systemctl stop load-keeper
LOADS=()
unmount_clients
need "the node's own NFS server stops" guest node1 bare-nfsd stop
need "umount" on node1 umount /srv/web

begin_audit
need "configuration" configure < <(service web 0 "$ADDRESS4/24")
need "service web starts" settled
need "service web is on node1" place web node1
[ "$KERNEL" != 6.1 ] || need "delegations=yes" cluster crm_resource -r web -p delegations -v yes -Q
# Lease, grace, the version of the holder and the thief, and whether there is a helper when grace ends.
for case in "10 15 4.2 helper" "10 15 4.1 alone" "10 60 4.0 helper" "30 30 4.2 alone"; do
	read -r lease grace version helper <<<"$case"
	LEASE=$lease GRACE=$grace
	for value in "lease_time=$lease" "grace_time=$grace" early_end=no; do
		need "$value" cluster crm_resource -r web -p "${value%=*}" -v "${value#*=}" -Q
	done
	need "service web has its parameters" settled 240s
	check "grace ends" wait_recovered node1
	# A file that had a delegation recalled gets none for a while.
	FILE=kept-$lease-$grace-$helper
	on node1 sh -c "echo text | tee /srv/web/export/first >/srv/web/export/$FILE"
	for client in client1 client2; do need "mount" mount_nfs $client ours $ADDRESS4 "vers=$version,hard"; done
	# An NFSv3 holder, so that lockd has something to wait for.
	need "mount" mount_nfs client3 ours $ADDRESS4 vers=3,hard
	need "an NFSv3 lock" program client3 other keeper.py /mnt/ours/other 1
	[ "$KERNEL" != 6.1 ] || need "client1 may have a delegation" may_have_delegation
	keeper ours
	if [ "$KERNEL" = 6.1 ]; then
		check "$case: the lock is the client's own affair" delegated node1 "$FILE"
	else
		check "$case: the server has both locks" held node1 1 1
	fi
	event "$case: service web is restarted"
	need "restart" cluster crm_resource --restart -r web -Q
	# It may return while the start is still under way.
	need "service web is started" wait_started web node1
	[ "$helper" = helper ] || need "the helper is removed" break_helper node1 removed
	thief ours
	check "$case: grace ends" wait_recovered node1
	# Long enough for a delegation to be revoked and for the thief to come once more.
	sleep $((lease + 5))
	[ "$helper" = helper ] || need "the helper is back" put_helper_back node1
	same "$case: locks stolen" 0 "$(stolen "${case// /-}")"
	check "$case: the server has both locks now" held node1 1 1
	on client1 systemctl stop load-keeper
	on client3 systemctl stop load-other
	LOADS=()
	unmount_clients
done
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
audit
