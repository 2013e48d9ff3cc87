#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""What the server node itself says about locks and grace.

    server.py getlk [--wait SECONDS] [--dir DIR] FILE:FIRST+COUNT...
        F_GETLK, as a local process, on each slot of the exported files: is there a lock? That sees the locks of NFSv3
        clients and those of NFSv4 clients that hold no delegation on the file. With --wait it asks again until all are
        there. Prints a line of JSON; exit status 1 when one is missing.
    server.py locks DEVICE|MAJOR:MINOR|PATH...
        The lines of /proc/locks on these block devices, or on the file systems these paths are on. Exit status 1 when
        there is one. A device's numbers are for one that may be gone: its locks need not be.
    server.py count [--without FILE] MOUNTPOINT
        How many byte-range locks NFS clients hold on the file system that is mounted there: "nlm N, v4 N". Locks on FILE,
        which may be missing, do not count: somebody asks for them all the time.
    server.py sample --log FILE [--without FILE] MOUNTPOINT
        Watches, until SIGTERM, how many different byte-range locks of NFS clients there are on the file system that is
        mounted there, and logs every change, with the time of the look before ("since"): the change came later than that.
        Also each RECLAIM_COMPLETE that the kernel traces, and whose it was, as "BOOT:ID". It shares nothing with the
        service's own way to find out.
    server.py clients ADDRESS...
        The NFSv4.1+ clients on hosts with these addresses that the server knows, each as the "BOOT:ID" that sample has.
        Run it inside the service's namespaces. Exit status 1 when there is none.
    server.py grace --log FILE NAME
        Samples both grace states of a service's instance until SIGTERM, and logs every change. Run it inside the
        service's net and mount namespaces: the kernel answers for the namespace of the one who reads.
    server.py wait-grace SECONDS
        Waits, in the same namespaces, until both have ended. Exit status 1 when they have not after SECONDS.
"""
import argparse
import fcntl
import glob
import json
import os
import re
import signal
import stat
import struct
import subprocess
import sys
import time

from lockload import LOCKED, Log, parse_range

# struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid.
FLOCK = struct.Struct("hhqqi4x")
CLIENTS = "/proc/fs/nfsd/clients"
V4_GRACE = "/proc/fs/nfsd/v4_end_grace"
NLM_GRACE = "/proc/fs/lockd/nlm_end_grace"


def locked(fd, start):
    """Would an exclusive lock on the slot conflict with a lock of another process?"""
    answer = fcntl.fcntl(fd, fcntl.F_GETLK, FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, LOCKED, 0))
    return FLOCK.unpack(answer)[0] != fcntl.F_UNLCK


def missing_locks(directory, ranges):
    result = []
    for rng in ranges:
        # Read only: F_GETLK needs no more.
        fd = os.open(os.path.join(directory, rng.file), os.O_RDONLY)
        try:
            result += [str(slot) for slot in rng.slots() if not locked(fd, slot.start)]
        finally:
            os.close(fd)
    return result


def getlk(args):
    ranges = [parse_range(text) for text in args.ranges]
    total = sum(rng.count for rng in ranges)
    begin = time.monotonic()
    while True:
        missing = missing_locks(args.dir, ranges)
        took = time.monotonic() - begin
        if not missing or took >= args.wait:
            break
        time.sleep(0.2)
    print(json.dumps({"present": total - len(missing), "missing": missing, "after": round(took, 1)}))
    return 1 if missing else 0


def device_of(path):
    """MAJOR:MINOR as /proc/locks writes it, hexadecimal."""
    if re.fullmatch(r"\d+:\d+", path):
        major, minor = map(int, path.split(":"))
        return f"{major:02x}:{minor:02x}"
    info = os.stat(path)
    number = info.st_rdev if stat.S_ISBLK(info.st_mode) else info.st_dev
    return f"{os.major(number):02x}:{os.minor(number):02x}"


def parse_locks(text, device):
    """The lines of /proc/locks about files on DEVICE, waiters included."""
    found = []
    for line in text.splitlines():
        for word in line.split():
            parts = word.split(":")
            if len(parts) == 3 and ":".join(parts[:2]) == device:
                found.append(line)
                break
    return found


def locks(args):
    with open("/proc/locks", encoding="ascii") as file:
        text = file.read()
    found = [line for path in args.paths for line in parse_locks(text, device_of(path))]
    for line in found:
        print(line)
    return 1 if found else 0


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "nfsd"  # a thread of it that has ended


def held_locks(text, device, inode):
    """Of each held POSIX lock on DEVICE, but not on the file with INODE, the words of its line without the number."""
    return [tuple(line.split()[1:]) for line in parse_locks(text, device)
            if "->" not in line and " POSIX " in line and f":{inode} " not in line]


def count_locks(mountpoint, without=None, distinct=False):
    """Held POSIX locks of the NFS server: {"nlm": N, "v4": N}; None where nothing is mounted. DISTINCT is for locks that
    exclude each other: a line that is there twice is one lock, which the kernel moved while it was read."""
    if not os.path.ismount(mountpoint):
        return None
    try:
        inode = os.stat(without).st_ino if without else None
    except FileNotFoundError:
        inode = None
    with open("/proc/locks", encoding="ascii") as file:
        found = held_locks(file.read(), device_of(mountpoint), inode)
    found = set(found) if distinct else found
    names = {pid: comm(pid) for pid in {words[3] for words in found}}
    kinds = [names[words[3]] for words in found]
    return {"nlm": kinds.count("lockd"), "v4": kinds.count("nfsd")}


def count(args):
    counts = count_locks(args.mountpoint, args.without)
    if counts is None:
        print(f"nothing is mounted at {args.mountpoint}")
        return 1
    print(f"nlm {counts['nlm']}, v4 {counts['v4']}")
    return 0


def parse_client(text):
    """(BOOT:ID, host's address, minor version) of a client's info, whose names the client chose and may be anything."""
    number = int(re.search(r"^clientid: 0x([0-9a-f]+)$", text, re.MULTILINE)[1], 16)
    address = re.search(r'^address: "(.*):[0-9]+"$', text, re.MULTILINE)[1].strip("[]")
    # As the trace shows them: the number is a clientid_t as it lies in memory (fs/nfsd/state.h).
    return (f"{number & 0xffffffff:08x}:{number >> 32:08x}", address,
            int(re.search(r"^minor version: ([0-9]+)$", text, re.MULTILINE)[1]))


def clients(args):
    found = []
    for path in glob.glob(f"{CLIENTS}/*/info"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found.append(parse_client(file.read()))
        except OSError:
            continue  # it has just gone
    names = sorted(name for name, address, minor in found if minor > 0 and address in args.addresses)
    for name in names:
        print(name)
    return 0 if names else 1


TRACING = "/sys/kernel/tracing/instances/gracekeeper-tests"
COMPLETE = re.compile(r"([0-9]+\.[0-9]+): nfsd_clid_reclaim_complete: client ([0-9a-f]{8}:[0-9a-f]{8})")


def open_trace():
    """The kernel's RECLAIM_COMPLETEs as they come, stamped with the monotonic clock."""
    if not os.path.isdir("/sys/kernel/tracing/instances"):
        subprocess.run(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"], check=True)
    os.makedirs(TRACING, exist_ok=True)
    subprocess.run(["modprobe", "nfsd"], check=True)
    for name, text in (("trace_clock", "mono"), ("events/nfsd/nfsd_clid_reclaim_complete/enable", "1")):
        with open(f"{TRACING}/{name}", "w", encoding="ascii") as file:
            file.write(text)
    return os.open(f"{TRACING}/trace_pipe", os.O_RDONLY | os.O_NONBLOCK)


def sample(args):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = Log(args.log)
    trace = open_trace()
    log.write("start", role="sample")
    last, samples, since = "", 0, time.time()
    while not stop:
        begin = time.time()
        now = count_locks(args.mountpoint, args.without, distinct=True)
        samples += 1
        if now != last:
            log.write("locks", since=round(since, 4), **(now or {"nlm": None, "v4": None}))
            last = now
        since = begin
        try:
            for line in os.read(trace, 65536).decode("ascii", "replace").splitlines():
                stamp = COMPLETE.search(line)
                if stamp:
                    log.write("reclaim_complete", at=float(stamp[1]), client=stamp[2])
        except BlockingIOError:
            pass
        time.sleep(args.interval)
    os.close(trace)
    log.write("end", samples=samples)
    return 0


def grace_ended(path):
    """True once the grace period is over; None where there is nothing to read (no server)."""
    try:
        with open(path, encoding="ascii") as file:
            answer = file.read()
    except OSError:
        return None
    return answer.strip("\0\n") == "Y"


def grace(args):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = Log(args.log)
    log.write("start", role="grace", name=args.name)
    last, samples = None, 0
    while not stop:
        now = {"v4_ended": grace_ended(V4_GRACE), "nlm_ended": grace_ended(NLM_GRACE)}
        samples += 1
        if now != last:
            log.write("grace", **now)
            last = now
        time.sleep(args.interval)
    log.write("end", samples=samples)
    return 0


def wait_grace(args):
    begin = time.monotonic()
    while not (grace_ended(V4_GRACE) and grace_ended(NLM_GRACE)):
        if time.monotonic() - begin > args.seconds:
            print(f"grace after {args.seconds} s: NFSv4 ended {grace_ended(V4_GRACE)}, NLM ended {grace_ended(NLM_GRACE)}")
            return 1
        time.sleep(0.2)
    return 0


def main():
    parser = argparse.ArgumentParser(description="locks and grace as the server node sees them")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("getlk")
    verb.add_argument("--wait", type=float, default=0.0)
    verb.add_argument("--dir", default="/")
    verb.add_argument("ranges", nargs="+")
    verb.set_defaults(run=getlk)
    verb = verbs.add_parser("locks")
    verb.add_argument("paths", nargs="+")
    verb.set_defaults(run=locks)
    verb = verbs.add_parser("count")
    verb.add_argument("--without")
    verb.add_argument("mountpoint")
    verb.set_defaults(run=count)
    verb = verbs.add_parser("sample")
    verb.add_argument("--log", required=True)
    verb.add_argument("--interval", type=float, default=0.05)
    verb.add_argument("--without")
    verb.add_argument("mountpoint")
    verb.set_defaults(run=sample)
    verb = verbs.add_parser("clients")
    verb.add_argument("addresses", nargs="+")
    verb.set_defaults(run=clients)
    verb = verbs.add_parser("grace")
    verb.add_argument("--log", required=True)
    verb.add_argument("--interval", type=float, default=0.1)
    verb.add_argument("name")
    verb.set_defaults(run=grace)
    verb = verbs.add_parser("wait-grace")
    verb.add_argument("seconds", type=float)
    verb.set_defaults(run=wait_grace)
    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
