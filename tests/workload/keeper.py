#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Hold many byte-range locks in one file, none adjacent to another, until SIGTERM.

    keeper.py --name NAME --log FILE [--ready FILE] [--read] [--share] [--slots] [--idle] [--read-only | --buffered]
        FILE COUNT

Unlike the holder it proves nothing about each lock: it is there to be recovered, in numbers. It writes a byte outside of
them five times a second, so that its client notices a new server at once; with --idle it does nothing at all, and the client
notices when it renews its lease (NFSv4) or is notified (NFSv3).
Each lock is one byte at an even offset; with --read they are shared locks, with --share at the same offsets for every keeper
of the file instead of at offsets of its own. With --slots each is the first byte of a slot, so that others can ask for it as
FILE:FIRST+COUNT; the file given with --ready has that. With a COUNT of 0 it only has the file open.
It writes with O_DIRECT, for which an NFSv4.1 or later client wants no delegation: with one its locks would stay between it
and its own kernel. --buffered leaves that to the server, and works on local files. With --read-only it opens the file for
reading and reads it, so that a server of NFSv4 gives it a read delegation.
"""
import argparse
import fcntl
import os
import signal
import sys
import time
import zlib

from lockload import SLOT, Log

# Far apart for keepers of different names, so that they can use one file.
SPREAD = 1 << 20


def main():
    parser = argparse.ArgumentParser(description="hold many locks")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready")
    parser.add_argument("--read", action="store_true")
    parser.add_argument("--share", action="store_true")
    parser.add_argument("--slots", action="store_true")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--buffered", action="store_true")
    parser.add_argument("file")
    parser.add_argument("count", type=int)
    args = parser.parse_args()
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = Log(args.log)
    log.write("start", role="keeper", name=args.name)
    flags = os.O_RDONLY if args.read_only else os.O_RDWR | os.O_CREAT | (0 if args.buffered else os.O_DIRECT)
    fd = os.open(args.file, flags, 0o644)
    if args.read_only:
        os.read(fd, 1)
    base = 0 if args.share else (zlib.crc32(args.name.encode()) % 4096 + 1) * SPREAD
    step = SLOT if args.slots else 2
    for index in range(args.count):
        fcntl.lockf(fd, fcntl.LOCK_SH if args.read or args.read_only else fcntl.LOCK_EX, 1, base + step * index)
    log.write("locked", count=args.count)
    if args.ready:
        with open(args.ready + ".new", "w", encoding="ascii") as ready:
            ready.write(f"{os.path.basename(args.file)}:{base // SLOT}+{args.count if args.slots else 1}\n")
        os.rename(args.ready + ".new", args.ready)
    while not stop:
        time.sleep(0.2)
        if not args.idle and not args.read_only:
            os.pwrite(fd, b"x", base + SPREAD - 1)
            os.fsync(fd)
    log.write("end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
