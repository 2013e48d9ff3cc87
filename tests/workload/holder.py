#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Hold byte-range locks over a mount and prove in the data that nobody else ever had them.

    holder.py --name NAME --proto TEXT --dir DIR --log FILE [--ready FILE] [--rate 5] FILE:FIRST+COUNT[:direct|buffered]...

Takes an exclusive POSIX lock (fcntl) on every slot named, then writes its token and a growing number into one slot after
the other, RATE times a second in all, each write followed by fsync, and reads the slot back from the server.

How it reads: through an open with O_DIRECT. The NFS client sends each such read to the server as a READ of its own and
never answers it from its page cache (fs/nfs/direct.c); reopening the file or posix_fadvise(DONTNEED) only drop clean pages
when and if the client agrees. The descriptor is opened once and kept: closing any descriptor of a file gives up all locks
that the process has on it.

`direct` slots are written with O_DIRECT too: exactly the record's bytes go over the wire, no cache in between.
`buffered` slots are written as ordinary programs do, through the page cache, then fsync. Only such an open can get an
NFSv4 delegation.

It never gives up a lock by itself: it goes on after every error, counts it, and ends only at SIGTERM, with a last check of
all its slots. Exit status: 0 all was well, 1 errors or foreign bytes were seen, 3 a lock could not be had at the start.
"""
import argparse
import fcntl
import mmap
import os
import signal
import socket
import sys
import time

from lockload import (LOCKED, RECORD, SLOT, Log, errno_name, fill, find_fault, parse_range, record)


class HeldSlot:
    """A slot with its lock taken, the descriptors to write and read it, and the number of the last write."""

    def __init__(self, slot, write_fd, read_fd, token):
        self.slot = slot
        self._write_fd = write_fd
        self._read_fd = read_fd
        self._token = token
        self.seq = 0
        # The number whose write failed on the way: the server may have it or not.
        self.unsure = None
        # O_DIRECT wants aligned memory, on local file systems at least.
        self._out = mmap.mmap(-1, SLOT)
        self._in = mmap.mmap(-1, SLOT)

    def lock(self):
        fcntl.lockf(self._write_fd, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCKED, self.slot.start)

    def write_first(self):
        """The whole slot: record 0, the fill, and zeros up to the end, which keep direct reads whole."""
        self._out[:] = (record(self._token, 0) + fill(self._token)).ljust(SLOT, b"\0")
        self._put(SLOT)

    def write_next(self):
        self.unsure = self.seq + 1
        self._out[:RECORD] = record(self._token, self.unsure)
        self._put(RECORD)
        self.seq, self.unsure = self.unsure, None

    def _put(self, size):
        view = memoryview(self._out)[:size]
        done = os.pwritev(self._write_fd, [view], self.slot.start)
        if done != size:
            raise OSError(5, f"short write: {done} of {size}")
        os.fsync(self._write_fd)

    def fault(self):
        """What is wrong with the slot's bytes on the server, or None."""
        size = os.preadv(self._read_fd, [self._in], self.slot.start)
        data = self._in[:size]
        found = find_fault(data, self._token, self.seq)
        if found and self.unsure is not None and find_fault(data, self._token, self.unsure) is None:
            return None
        return found


class Holder:
    def __init__(self, args):
        self._args = args
        self._log = Log(args.log)
        self._token = f"{socket.gethostname()}/{args.name}"
        self._stop = False
        self._counts = {"writes": 0, "errors": 0, "foreign": 0, "checks": 0}
        self._held = []

    def run(self):
        signal.signal(signal.SIGTERM, self._asked_to_stop)
        ranges = [parse_range(text) for text in self._args.ranges]
        self._log.write("start", role="holder", name=self._args.name, host=socket.gethostname(), proto=self._args.proto,
                        slots=[str(s) for r in ranges for s in r.slots()], rate=self._args.rate)
        try:
            self._take(ranges)
        except OSError as error:
            self._log.write("refused", errno=errno_name(error), text=str(error))
            return 3
        self._log.write("holding", locks=len(self._held))
        if self._args.ready:
            with open(self._args.ready, "w", encoding="ascii") as ready:
                ready.write("holding\n")
        self._work()
        for held in self._held:
            self._check(held)
        self._log.write("end", **self._counts)
        return 1 if self._counts["errors"] or self._counts["foreign"] else 0

    def _asked_to_stop(self, _signal, _frame):
        self._stop = True

    def _take(self, ranges):
        files = {}
        for rng in ranges:
            path = os.path.join(self._args.dir, rng.file)
            if rng.file not in files:
                # The first open decides whether the client may get a delegation: with O_DIRECT it asks for none.
                first = os.O_DIRECT if rng.io == "direct" else 0
                write_fd = os.open(path, os.O_RDWR | os.O_CREAT | first, 0o666)
                read_fd = write_fd if first else os.open(path, os.O_RDWR | os.O_DIRECT)
                files[rng.file] = (write_fd, read_fd, rng.io)
            write_fd, read_fd, io = files[rng.file]
            if io != rng.io:
                raise ValueError(f"{rng.file}: direct and buffered in one file")
            self._held += [HeldSlot(slot, write_fd, read_fd, self._token) for slot in rng.slots()]
        for held in self._held:
            held.lock()
            held.write_first()

    def _work(self):
        period = 1.0 / self._args.rate
        due = time.monotonic()
        turn = 0
        while not self._stop:
            held = self._held[turn % len(self._held)]
            turn += 1
            self._write(held)
            self._check(held)
            # After an interruption go on from now: no burst to catch up, which would load the server like nothing real.
            due = max(due + period, time.monotonic())
            while not self._stop and (left := due - time.monotonic()) > 0:
                time.sleep(left)

    def _write(self, held):
        try:
            held.write_next()
        except OSError as error:
            self._error("write", held, error)
            return
        self._counts["writes"] += 1
        self._log.write("write", slot=str(held.slot), seq=held.seq)

    def _check(self, held):
        try:
            fault = held.fault()
        except OSError as error:
            self._error("read", held, error)
            return
        self._counts["checks"] += 1
        if fault:
            self._counts["foreign"] += 1
            self._log.write("foreign", slot=str(held.slot), text=fault)

    def _error(self, op, held, error):
        self._counts["errors"] += 1
        self._log.write("error", op=op, slot=str(held.slot), errno=errno_name(error))


def main():
    parser = argparse.ArgumentParser(description="hold locks and write into them")
    parser.add_argument("--name", required=True)
    parser.add_argument("--proto", required=True, help="how the mount is made, in words, for the report")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready")
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("ranges", nargs="+", metavar="FILE:FIRST+COUNT[:direct|buffered]")
    return Holder(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
