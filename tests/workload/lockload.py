# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""What the lock workloads share: the layout of a locked range, its data check, logs and times.

A file is divided into slots of SLOT bytes. A slot is owned by exactly one holder, which locks its first LOCKED bytes;
the bytes between keep the locks of one owner from being merged into one by the kernel, so that every slot stays a lock
that can be counted. A slot is a page: neighbours never share a page of anybody's cache.

    0          RECORD                                LOCKED  SLOT
    | record   | fill: written once, never again     | free  |

The holder rewrites only its record. Whoever else is granted a lock on the slot writes into the fill (EVIDENCE), where the
holder does not cover it up with its next write: a stolen lock is seen in the data, whatever any clock says.
"""
import errno
import json
import re
import time
import zlib
from typing import NamedTuple

SLOT = 4096
LOCKED = 4000
RECORD = 512
EVIDENCE = 1024

_SPEC = re.compile(r"(?P<file>[^:]+):(?P<first>\d+)(?:\+(?P<count>\d+))?(?::(?P<io>direct|buffered))?")


class Slot(NamedTuple):
    """One lockable range: the file's path below the mount, and the slot's number."""
    file: str
    number: int

    @property
    def start(self):
        return self.number * SLOT

    def __str__(self):
        return f"{self.file}:{self.number}"


class Range(NamedTuple):
    """What a command line names: COUNT slots of FILE from FIRST on, and how to write them."""
    file: str
    first: int
    count: int
    io: str

    def slots(self):
        return [Slot(self.file, n) for n in range(self.first, self.first + self.count)]


def parse_range(text):
    """FILE:FIRST[+COUNT][:direct|buffered]; raises ValueError with the text that was wrong."""
    match = _SPEC.fullmatch(text)
    if not match:
        raise ValueError(f"not FILE:FIRST[+COUNT][:direct|buffered]: {text!r}")
    count = int(match["count"] or 1)
    if count < 1:
        raise ValueError(f"no slot in {text!r}")
    return Range(match["file"], int(match["first"]), count, match["io"] or "direct")


def record(token, seq):
    """The holder's record: who wrote it and the how manieth write it is."""
    head = f"gracekeeper {token} {seq:012d}"
    line = f"{head} {zlib.crc32(head.encode()):08x}\n".encode()
    if len(line) > RECORD:
        raise ValueError(f"token too long: {token!r}")
    return line.ljust(RECORD, b".")


def fill(token):
    """The bytes between the record and the end of the locked range."""
    unit = f"{token} ".encode()
    size = LOCKED - RECORD
    return (unit * (size // len(unit) + 1))[:size]


def evidence(token, count):
    """What a thief leaves in the range it was granted."""
    return f"STOLEN by {token}, grant {count}\n".encode()


def find_fault(data, token, seq):
    """None if DATA (a slot as read from the server) is what TOKEN wrote last, else what is wrong with it, in words."""
    if len(data) < LOCKED:
        return f"short: {len(data)} bytes of {LOCKED}"
    if data[:RECORD] != record(token, seq):
        line = data[:RECORD].split(b"\n", 1)[0].decode("ascii", "replace")
        if not line.startswith(f"gracekeeper {token} "):
            return f"another's record: {line[:80]}"
        return f"not the last write ({seq}): {line[:80]}"
    rest = data[RECORD:LOCKED]
    want = fill(token)
    if rest != want:
        at = next(i for i, pair in enumerate(zip(rest, want)) if pair[0] != pair[1])
        line = rest[at:].split(b"\n", 1)[0].decode("ascii", "replace")
        return f"another's bytes at {RECORD + at}: {line[:80]}"
    return None


def errno_name(error):
    """EIO for an OSError with errno 5; the number when it has no name."""
    return errno.errorcode.get(error.errno, str(error.errno))


class Log:
    """A file of JSON lines, each with the monotonic ("t") and the wall clock ("w") of the guest that wrote it."""

    def __init__(self, path):
        self._file = open(path, "w", buffering=1, encoding="utf-8")

    def write(self, kind, **fields):
        line = {"t": round(time.monotonic(), 4), "w": round(time.time(), 4), "e": kind}
        line.update(fields)
        self._file.write(json.dumps(line) + "\n")
        return line


def read_log(path):
    """The lines of a log; a last line that a power cut tore is left out, a bad one elsewhere is an error."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    result = []
    for number, line in enumerate(lines):
        if not line:
            continue
        try:
            result.append(json.loads(line))
        except ValueError:
            if number == len(lines) - 1:
                break
            raise ValueError(f"{path}:{number + 1}: not JSON: {line[:80]}") from None
    return result


class Gap(NamedTuple):
    """Time without a successful write: its length, and where it began and ended, all in seconds."""
    seconds: float
    begin: float
    end: float


def gaps(times, end=None):
    """The gaps between successive times, and from the last one to END (a client that never wrote again)."""
    points = list(times)
    if end is not None and points and end > points[-1]:
        points.append(end)
    return [Gap(b - a, a, b) for a, b in zip(points, points[1:])]


def longest_gap(times, end=None):
    """The longest of gaps(); infinite without a single write, nothing is better than a lie."""
    found = gaps(times, end)
    if not found:
        return Gap(float("inf"), 0.0, 0.0)
    return max(found, key=lambda gap: gap.seconds)
