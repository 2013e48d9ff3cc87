#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""How many requests a client gets through in a second, with several under way.

    throughput.py [--threads N] [--seconds S] FILE
    throughput.py --compare BEFORE AFTER COLUMN REFERENCE

The first reads blocks of FILE with O_DIRECT, each of which is a request to the server, in N threads, for S seconds, and prints
the number for a second. Whoever may have only one request under way, because its session has one slot, has no use for the
other threads: over a network that takes some time that is a fraction.

The second reads two files that have a line for each round of measurements, numbers in columns that begin with 0. It prints by how
much the median of a column has changed, compared with that of another, which was measured in the same rounds: what the machine
did meanwhile is in both. Exit status: 0 where at least LEAST is left, else 1.
"""
import argparse
import mmap
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

BLOCK = 4096
LEAST = 0.8


def read(fd, size, at, until):
    """How many blocks, one after the other, from AT on and then from the beginning."""
    block = mmap.mmap(-1, BLOCK)  # O_DIRECT wants it aligned
    count = 0
    while time.monotonic() < until:
        if os.preadv(fd, [block], at) != BLOCK:
            raise EOFError(f"no block at {at}")
        count += 1
        at = (at + BLOCK) % size
    return count


def rate(path, threads, seconds, flags=os.O_DIRECT):
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        size = os.fstat(fd).st_size // BLOCK * BLOCK
        if not size:
            raise EOFError(f"{path} has no block")
        begin = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            parts = [pool.submit(read, fd, size, number * BLOCK % size, begin + seconds) for number in range(threads)]
            count = sum(part.result() for part in parts)
        return count / (time.monotonic() - begin)
    finally:
        os.close(fd)


def ratio(lines, column, reference):
    """Of the medians of two columns."""
    rounds = [[float(word) for word in line.split()] for line in lines if line.strip()]
    return statistics.median(one[column] for one in rounds) / statistics.median(one[reference] for one in rounds)


def compare(before, after, column, reference):
    """(words, whether enough is left)"""
    first, then = (ratio(lines, column, reference) for lines in (before, after))
    return f"{first:.2f} of the reference before, {then:.2f} after: {then / first:.2f} of it", then >= LEAST * first


def lines_of(path):
    with open(path, encoding="ascii") as file:
        return file.read().splitlines()


def main():
    if sys.argv[1:2] == ["--compare"]:
        before, after, column, reference = sys.argv[2:]
        words, enough = compare(lines_of(before), lines_of(after), int(column), int(reference))
        print(words)
        return 0 if enough else 1
    parser = argparse.ArgumentParser(description="read with several requests under way")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("file")
    args = parser.parse_args()
    print(round(rate(args.file, args.threads, args.seconds), 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
