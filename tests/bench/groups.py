# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""What is compared: each kind's group, what it took to make it work, and where it can lose locks. The report has it.

The groups are configured in tests/scenarios/bench.sh; what a node needs for them is done by tests/scenarios/guest/bench-node.
"""
import textwrap

GROUPS = {
    "gracekeeper": [
        "Filesystem, ocf:gracekeeper:nfs. Lease and grace as by default, 90 s."],
    "usual": [
        "Filesystem, nfsserver (shared info directory, server scope, no notification of its own), exportfs, IPaddr2, nfsnotify, in "
        "the order and with the defaults that their documentation has; lease and grace as by default, 90 s.",
        "As installed on Debian 12 its first planned move fails: nfsserver takes the package's init script, which does not stop "
        "nfsdcld, and nfsdcld's database keeps the shared info directory busy (\"Failed to unmount a bind mount\"). Here the "
        "script may not be executed, so nfsserver goes by the units.",
        "With that alone each move loses all NFSv3 locks, and nobody is told: nfsnotify looks for statd's records in "
        "/var/lib/nfs/statd, and Debian's statd keeps them in /var/lib/nfs. Here statd is told to use the former (nfs.conf).",
        "nfsnotify's sm-notify insists on an address that can be looked up. Here /etc/hosts has it.",
        "statd, and the unit that nfs-server wants for that, notify the clients first, from the node's own address, which means "
        "nothing to them, and then take them for told: they do not reclaim, and lose their NFSv3 locks. Here the unit is masked "
        "and statd has no-notify=1.",
        "nfsserver needs rpcbind and does not start it. Here it is enabled, as Debian's package has it.",
        "exportfs has its documented default, unlock_on_stop=1, on every kernel. What it writes to, unlock_filesystem, releases "
        "NLM locks alone up to kernel 6.8; from 6.9 on it revokes NFSv4 state too, and a client that is told of that has lost "
        "its locks.",
        "Delegations are as by default: a lock kept with one that is recalled in a grace period is lost."],
    "tuned": [
        "As usual, with portblock around it (tickle ACKs from a directory on the shared storage), and all that it takes to work.",
        "As installed on Debian 12 portblock never opens the port again that it has shut: iptables 1.8.9 lists protocols by their "
        "numbers, and portblock looks for their names. Here it looks for both.",
        "unlock_on_stop as the kernel needs it: 1 up to 6.8, 0 from 6.9 on.",
        "60 s of lease and grace, lockd's too. Who comes later than that has lost its locks to whoever asks. With 10 s, as on "
        "hardware, that is everybody here: grace begins with nfsd, and on an emulated node the address can be reached 24 s after that, "
        "and hosts are notified after 41 s.",
        "No leases on the node (fs.leases-enable=0), so no delegations."],
    "floor": [
        "Filesystem, ocf:pacemaker:Dummy, IPaddr2, and no NFS: what Pacemaker and the storage cost alone. Its gap is that between "
        "two answers of the address, asked 20 times a second."],
}
PROOF = [
    "Locks lost: asked for on the server by F_GETLK, once clients are served again. Stolen: granted to a contender on another "
    "host, which asks for all held locks all the time. A holder alone cannot see that its NFSv3 lock is gone."]


def described(kinds):
    """The text for these kinds, as lines."""
    rows = ["what was compared:"]
    for title, texts in [(kind, GROUPS[kind]) for kind in kinds] + [("proof", PROOF)]:
        for number, text in enumerate(texts):
            first = f"  {title if number == 0 else '':12} "
            rows += textwrap.wrap(text, 128, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
    return rows
