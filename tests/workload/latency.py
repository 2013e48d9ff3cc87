#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Measure how long a lock and a write take, one after the other, until SIGTERM.

    latency.py --name NAME --log FILE [--ready FILE] [--interval SECONDS] FILE

Takes and gives up a lock of its own on FILE, and writes a byte with O_DIRECT, every INTERVAL (0.2). Each log line has when it began
(the wall clock) and how long both took, in seconds.
"""
import argparse
import fcntl
import mmap
import os
import signal
import time

from lockload import Log

BLOCK = 4096


def main():
    parser = argparse.ArgumentParser(description="measure lock and write latency")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready")
    parser.add_argument("--interval", type=float, default=0.2)
    parser.add_argument("file")
    args = parser.parse_args()
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = Log(args.log)
    log.write("start", role="latency", name=args.name)
    fd = os.open(args.file, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
    block = mmap.mmap(-1, BLOCK)  # O_DIRECT wants it aligned
    while not stop:
        begin = time.monotonic()
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, BLOCK)
        fcntl.lockf(fd, fcntl.LOCK_UN, 1, BLOCK)
        locked = time.monotonic()
        os.pwrite(fd, block, 0)
        written = time.monotonic()
        log.write("took", lock=round(locked - begin, 3), write=round(written - locked, 3))
        if args.ready and not os.path.exists(args.ready):
            open(args.ready, "w", encoding="ascii").close()
        time.sleep(args.interval)
    log.write("end")


if __name__ == "__main__":
    main()
