#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Hold locks that a kernel merges and splits, or wait for one of them, until SIGTERM.

    shapes.py --name NAME --log FILE [--ready FILE] [--wait] FILE

Several processes, each a lock owner of its own, have shared locks that touch and overlap, within an owner and between owners,
one with a hole in its middle, and an exclusive one. With --wait a process asks for the exclusive one instead, and waits;
"granted" in its log tells when it got it. That has to run on another host: a client's own kernel knows of its own locks, and
does not ask the server.
What the server must show is the file's lines in /proc/locks, the same before and after a recovery.
"""
import argparse
import fcntl
import os
import select
import signal
import sys
import time

from lockload import Log

SHARED, EXCLUSIVE, NONE = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN
# For each owner, in order: how, first byte, count.
OWNERS = [
    [(SHARED, 0, 10), (SHARED, 10, 10), (SHARED, 40, 20), (NONE, 45, 5)],
    [(SHARED, 5, 10), (SHARED, 15, 15)],
    [(SHARED, 0, 60)],
    [(EXCLUSIVE, 100, 10)],
]
WAITED = (EXCLUSIVE, 100, 10)
# After that long a request that was not refused waits.
WAITS = 2.0


class Owner:
    """A process with locks of its own, until it is killed."""

    def __init__(self, path, steps, blocking):
        self._said, say = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            fd = os.open(path, os.O_RDWR)
            for how, start, count in steps:
                fcntl.lockf(fd, how if how == NONE or blocking else how | fcntl.LOCK_NB, count, start)
            os.write(say, b"x")
            signal.pause()
        os.close(say)

    def has_all(self, seconds):
        """Whether it has its locks; at the end of its life it has none."""
        return bool(select.select([self._said], [], [], seconds)[0]) and os.read(self._said, 1) == b"x"

    def end(self):
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def main():
    parser = argparse.ArgumentParser(description="hold locks that merge and split, or wait for one")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready")
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("file")
    args = parser.parse_args()
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = Log(args.log)
    log.write("start", role="shapes", name=args.name)
    os.close(os.open(args.file, os.O_RDWR | os.O_CREAT, 0o644))
    owners = [Owner(args.file, steps, args.wait) for steps in ([[WAITED]] if args.wait else OWNERS)]
    granted = [owner.has_all(WAITS if args.wait else 30.0) for owner in owners]
    if any(granted) if args.wait else not all(granted):
        log.write("end", error="the lock is free" if args.wait else "not all locks were granted")
        return 1
    log.write("waiting" if args.wait else "locked", owners=len(owners))
    if args.ready:
        with open(args.ready, "w", encoding="ascii") as ready:
            ready.write("ready\n")
    told = not args.wait
    while not stop:
        if told:
            time.sleep(0.2)
        elif owners[0].has_all(0.2):
            log.write("granted")
            told = True
    for owner in owners:
        owner.end()
    log.write("end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
