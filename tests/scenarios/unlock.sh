# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034,SC2016 # the library reads the variables; some is for other shells
# Promise: gracekeeper unlock releases what it names, of any nfsd of the node, and nothing else; what it cannot, it says
#
# node1 runs service web and, beside it, an nfsd of its own that exports two file systems, a and b, and has two addresses.
# NFSv3 hosts hold locks on a through either, an NFSv4.2 client holds locks on a, another one on a and b. What is asked for by
# address or by directory is shown, goes, and the file system can be unmounted. What is held elsewhere stays.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100
OWN=10.77.0.11 FLOATING=10.77.0.111

# says CODE ARG...: gracekeeper unlock ends with that code; what it says is in $OUT/said.
says() {
	local want=$1 code=0
	shift
	on node1 gracekeeper unlock "$@" >"$OUT/said" 2>&1 || code=$?
	cat "$OUT/said"
	sed 's/^/      /' "$OUT/said" >&3
	[ "$code" = "$want" ]
}
said() { cat "$OUT/said"; grep -qE "$1" "$OUT/said"; } # PATTERN
# refuses CODE PATTERN ARG...: it says so in one line, and the kernel is not written to.
refuses() {
	local pattern=$2
	says "$1" "${@:3}" && said "$pattern" && [ "$(wc -l <"$OUT/said")" = 1 ]
}
rows() { sed '/^unlock_/,$d' "$1" | grep -E '^(NLM|NFSv4(\.[0-9])?)  '; } # FILE: what is named before anything is done
# same_rows CODE ARG...: a dry run names something, changes nothing, and the real one, which ends with CODE, names the same.
same_rows() {
	says 0 "${@:2}" --dry-run && said '^nothing was released: this was a dry run$' || return 1
	rows "$OUT/said" >"$OUT/dry" && held_everywhere "$HELD_BEFORE" || return 1
	says "$1" "${@:2}" && rows "$OUT/said" >"$OUT/real" && diff "$OUT/dry" "$OUT/real"
}
# held_everywhere "A; B; WEB": what the servers have on each file system, "-" where nothing is mounted.
held_everywhere() {
	local got
	got="$(on node1 sh -c "for fs in a b web; do mountpoint -q /srv/\$fs && $GUEST_DIR/server.py count /srv/\$fs || echo -; done" |
		paste -sd '|' | sed 's/|/; /g')"
	printf 'held: %s\n' "$got"
	[ "$got" = "$1" ]
}
first_try() { on node1 umount "$1"; }
keep() { program "$1" "$2" keeper.py --slots --share "${@:5}" "/mnt/$3/$2" "$4"; } # HOST NAME MOUNT COUNT [OPTION]

serve web "$ADDRESS4/24 $ADDRESS6/64"
SVC=web
check "without the node's own nfsd, its addresses are nobody's" refuses 7 "the node's own nfsd does not run" --ip $OWN
need "storage" storage 1 a
need "storage" storage 2 b
need "file systems of the node's own nfsd" on node1 sh -c "mount /dev/disk/by-id/virtio-shared1 /srv/a &&
	mount /dev/disk/by-id/virtio-shared2 /srv/b"
need "another address of the node" on node1 ip address add $FLOATING/24 dev eth0
need "the node's own nfsd" guest node1 bare-nfsd start /srv/a/export 20 20
need "another export of it" on node1 exportfs -o rw,no_root_squash,no_subtree_check "*:/srv/b/export"
need "its grace ends" until_true 60 guest node1 bare-nfsd end-grace
need "the service's, too" wait_recovered node1

event "clients of all of them"
SVC=a
need "mount" mount_nfs client1 a3 $FLOATING vers=3,hard
need "mount" mount_nfs client2 a3 $OWN vers=3,hard
need "mount" mount_nfs client3 a4 $OWN vers=4.2,hard
need "mount" mount_nfs client2 a4 $OWN vers=4.2,hard
SVC=b
need "mount" mount_nfs client2 b4 $OWN vers=4.2,hard
need "mount" mount_nfs client1 b3 $OWN vers=3,hard
SVC=web
need "mount" mount_nfs client1 w3 $ADDRESS4 vers=3,hard
need "mount" mount_nfs client2 w36 "[$ADDRESS6]" vers=3,hard,proto=tcp6
need "mount" mount_nfs client3 w4 $ADDRESS4 vers=4.2,hard
need "3 locks on a through $FLOATING" keep client1 a-floating a3 3
need "2 locks on a through $OWN" keep client2 a-own a3 2
need "2 locks on a over NFSv4.2" keep client3 a-v4 a4 2
# Idle: a program that writes would get an error, end, and so release what the server has left it.
need "1 lock on a of a client that is on b, too" keep client2 a-both a4 1 --idle
need "2 locks on b of the same client" keep client2 b-both b4 2 --idle
need "1 lock on b over NFSv3" keep client1 b-own b3 1
need "2 locks of web over IPv4" keep client1 w-4 w3 2
need "3 locks of web over IPv6" keep client2 w-6 w36 3
need "1 lock of web over NFSv4.2" keep client3 w-v4 w4 1
HELD_BEFORE='nlm 5, v4 3; nlm 1, v4 2; nlm 5, v4 1'
need "all locks are there" held_everywhere "$HELD_BEFORE"

event "what it refuses"
check "without a word of what" says 2
same "it says how it is called" "usage: gracekeeper unlock --ip ADDRESS | --path DIRECTORY [--dry-run]" "$(cat "$OUT/said")"
check "what is no address" refuses 2 'is not an IPv4 or IPv6 address' --ip $OWN/24
check "no address of a server" refuses 2 'no address that a client can have mounted from' --ip ::
check "a directory that is no mount point" refuses 2 '/srv/a/export is no mount point.*give /srv/a$' --path /srv/a/export
check "a directory that is not there" refuses 2 'is no directory of this node' --path /srv/none
check "a file system that is not exported" refuses 2 'is not exported' --path /dev/shm
need "a kernel that answers with an error" on node1 mount --bind /dev/full /proc/fs/nfsd/unlock_filesystem
check "it says the kernel's error, and that nothing is gone" says 1 --path /srv/b
need "the kernel as it was" on node1 umount /proc/fs/nfsd/unlock_filesystem
check "the error" said '^unlock_filesystem through the node.s own nfsd: .*No space left on device'
check "what is left" said '^seen: 0 of 1 NLM locks and waiters, 0 of '
check "all locks are there" held_everywhere "$HELD_BEFORE"

event "by an address of the node"
check "the locks taken through $FLOATING" same_rows 0 --ip $FLOATING
check "it names all that may have been" test "$(wc -l <"$OUT/real")" = 6
check "and says how many were" said '^seen: 3 of 6 NLM locks and waiters are gone; the others were taken through another address$'
check "no others are gone" held_everywhere 'nlm 2, v4 3; nlm 1, v4 2; nlm 5, v4 1'
check "where none were, it says so" says 1 --ip $FLOATING
check "and what that may mean" said '^seen: 0 of 3 .*either none was taken through 10.77.0.111, or unlock_ip of kernel'

event "by the service's addresses"
HELD_BEFORE='nlm 2, v4 3; nlm 1, v4 2; nlm 5, v4 1'
check "the locks taken through the IPv6 address" same_rows 0 --ip $ADDRESS6
check "the kernel takes none" said '^unlock_ip: .*Invalid argument$'
check "so lockd is told of the host" said 'told to release what each of these hosts has: fd77::52$'
check "no others are gone" held_everywhere 'nlm 2, v4 3; nlm 1, v4 2; nlm 2, v4 1'
HELD_BEFORE='nlm 2, v4 3; nlm 1, v4 2; nlm 2, v4 1'
check "the locks taken through the IPv4 address" same_rows 0 --ip $ADDRESS4
check "no others are gone" held_everywhere 'nlm 2, v4 3; nlm 1, v4 2; nlm 0, v4 1'
same "a monitor finds nothing wrong" 0 "$(verdict node1)"

event "by a directory"
HELD_BEFORE='nlm 2, v4 3; nlm 1, v4 2; nlm 0, v4 1'
if [ "$KERNEL" = 6.1 ]; then
	check "file system a, but for what a client with state on b has" same_rows 1 --path /srv/a
	check "that client is named" said '^NFSv4.2 +10.77.0.52:[0-9]+ .*stays$'
	check "and why" said 'has state elsewhere too: unmount /srv/a there, or end .*/clients/[0-9]+/ctl.$'
	check "the others' locks on a are gone, and none on b" held_everywhere 'nlm 0, v4 1; nlm 1, v4 2; nlm 0, v4 1'
else
	check "file system a, whoever has what there" same_rows 0 --path /srv/a
	check "a client with state on b is named" said '^NFSv4.2 10.77.0.52:[0-9]+ has state elsewhere too: that stays, but a Linux '
	check "all is gone there, and nothing on b" held_everywhere 'nlm 0, v4 0; nlm 1, v4 2; nlm 0, v4 1'
	# It renews its lease after two thirds of it.
	check "that client then gives up its locks on b, too, as it says" until_true 30 on client2 sh -c \
		'journalctl -b -k -o cat | grep -F "lost 2 locks"'
fi
check "the kernel's word" said '^unlock_filesystem through the node.s own nfsd: the kernel says done$'
check "the journal has what was seen" on node1 sh -c \
	"journalctl -b -o cat -u gracekeeperd | grep -F 'unlock --path /srv/a: seen: '"
HELD_BEFORE=$(held_everywhere '' | sed 's/^held: //')
check "the service's file system" same_rows 0 --path /srv/web
check "all is gone there" held_everywhere "${HELD_BEFORE% v4 1} v4 0"
same "a monitor finds nothing wrong" 0 "$(verdict node1)"

need "the logs come home" end_programs
event "until the file system can be unmounted"
# Idle: one that writes ends when its file system is not exported any more, and gives its locks up.
need "locks on b again" keep client2 b-again b4 2 --idle
need "and over NFSv3" keep client1 b-again3 b3 4 --idle
SVC=b
need "mount" mount_nfs client3 b3 $OWN vers=3,hard
need "a waiter" on client3 systemd-run -q --collect --unit load-waiter flock /mnt/b3/b-again3 true
if [ "$KERNEL" = 6.1 ]; then
	need "it waits" until_true 30 on node1 sh -c "$GUEST_DIR/server.py locks /srv/b | grep -e '-> POSIX'"
else
	# lockd of 6.12 tells a client to wait and forgets it; the client asks again after half a minute.
	need "it waits" until_true 30 on client3 sh -c 'grep nlmclnt_wait "/proc/$(pgrep -x flock)/stack"'
fi
need "b is not exported any more" on node1 sh -c "exportfs -u '*:/srv/b/export' && exportfs -f"
check "but it is held" on node1 sh -c '! umount /srv/b'
check "what is held there" says 0 --path /srv/b --dry-run
[ "$KERNEL" != 6.1 ] || check "the waiter is named, too" said '^NLM +- +waits for write lock +/srv/b inode'
check "it goes, although it is not exported" says 0 --path /srv/b
check "the file system can be unmounted" first_try /srv/b
on client3 systemctl kill -s KILL load-waiter

# Before the server: over NFSv3 a program's end waits for its locks to be given up.
need "the logs come home" end_programs
for host in "${!MOUNTED[@]}"; do
	# shellcheck disable=SC2086 # a list of mount points
	on "$host" umount -f -l ${MOUNTED[$host]}
done
MOUNTED=()
need "the node's own nfsd ends" guest node1 bare-nfsd stop
check "without it, its file systems are nobody's" refuses 2 'is not exported' --path /srv/a
need "a is unmounted" on node1 umount /srv/a
need "the address goes" on node1 ip address del $FLOATING/24 dev eth0
for host in "${CLIENTS[@]}"; do guest "$host" kernel-log mark; done
audit "web=node1:$ADDRESS4"
check "service web stops" remove web
audit
