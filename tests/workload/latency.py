#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Measure how long a lock or a write takes, one after the other, until SIGTERM.

    latency.py --name NAME --log FILE [--ready FILE] [--interval SECONDS] lock|write FILE
    latency.py --since LOG SECONDS NOW

lock: takes and gives up a lock on a byte of FILE. write: writes a block of it with O_DIRECT. Both every INTERVAL (0.2). One
program does only one of them: a lock that waits would keep it from writing. Each has two lines in the log, when it begins and
when it has ended, with the wall clock: one that never ends is not to be overlooked.

--since prints, of what had not ended at SECONDS by that clock, the longest, the median and the number, in seconds. What
has not ended yet has taken until NOW.
"""
import argparse
import fcntl
import mmap
import os
import signal
import statistics
import sys
import time

from lockload import Log, read_log

BLOCK = 4096


def durations(lines, since, now):
    """How long each took that had not ended at SINCE."""
    found, begun = [], None
    for line in lines:
        if line["e"] == "begin":
            begun = line["w"]
        elif line["e"] == "took":
            begun = None
            if line["w"] >= since:
                found.append(line["s"])
    if begun is not None:
        found.append(now - begun)
    return found


def summary(lines, since, now):
    """Longest, median, number; without any at all the longest is infinite: nothing is better than a lie."""
    found = durations(lines, since, now)
    if not found:
        return float("inf"), float("inf"), 0
    return round(max(found), 3), round(statistics.median(found), 3), len(found)


def main():
    if sys.argv[1:2] == ["--since"]:
        print(*summary(read_log(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
        return 0
    parser = argparse.ArgumentParser(description="measure lock or write latency")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready")
    parser.add_argument("--interval", type=float, default=0.2)
    parser.add_argument("what", choices=("lock", "write"))
    parser.add_argument("file")
    args = parser.parse_args()
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = Log(args.log)
    log.write("start", role="latency", name=args.name, what=args.what)
    lock = args.what == "lock"
    fd = os.open(args.file, os.O_RDWR | os.O_CREAT | (0 if lock else os.O_DIRECT), 0o644)
    block = mmap.mmap(-1, BLOCK)  # O_DIRECT wants it aligned
    while not stop:
        begin = time.monotonic()
        log.write("begin")
        if lock:
            fcntl.lockf(fd, fcntl.LOCK_EX, 1)
            fcntl.lockf(fd, fcntl.LOCK_UN, 1)
        else:
            os.pwrite(fd, block, 0)
        log.write("took", s=round(time.monotonic() - begin, 3))
        if args.ready and not os.path.exists(args.ready):
            open(args.ready, "w", encoding="ascii").close()
        time.sleep(args.interval)
    log.write("end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
