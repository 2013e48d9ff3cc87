#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""How soon after the last lock was back a new one was granted, for each start of a service.

    early.py DIR LOCKS_NLM LOCKS_V4 BEGIN END
    early.py --sum FILE
    early.py --around LOG AHEAD TIME

DIR has clocks.json (each host's clock ahead of one that is common to all, in s, and how uncertain that is), NODE.sample.log
of the samplers, requester*.log of the contenders, whose names tell the host after the last "@", and holders, a line for each
NFSv4.1+ client that held what had to come back ("BOOT:ID", server.py clients): a RECLAIM_COMPLETE of anybody else is none
that new locks may wait for. Only what happened between BEGIN and END (common clock) counts. Prints a JSON list: for each
start "back", when the sampler saw the last lock or the last RECLAIM_COMPLETE of a holder, and how many of these there were
("completes"); "after", the seconds from then to the first grant of a free range by any requester; and "early", how many
grants there were before, when a lock was still missing for certain: from when the file system was mounted to the sampler's
last look that missed one.
With --sum it prints a table of FILE, whose lines have a number of locks, yes or no (early_end), and such a list. With --around
it prints how many seconds before TIME the last grant in a requester's LOG was, and how many after TIME the first: "BEFORE
AFTER", empty where there was none; the clock of LOG is AHEAD of that of TIME.
"""
import glob
import json
import os
import statistics
import sys
from typing import NamedTuple

from lockload import read_log


class Start(NamedTuple):
    """A time that the file system is mounted on a node."""
    begin: float
    missed: float  # the last look that did not see all locks
    back: float  # the first that did
    completes: list  # (client, when it sent RECLAIM_COMPLETE)

    def ahead(self, seconds):
        """The same by another clock, that this one is ahead of."""
        return Start(self.begin - seconds, self.missed - seconds, self.back - seconds,
                     [(client, at - seconds) for client, at in self.completes])


def starts(lines, nlm, v4):
    """The starts that all locks came back in."""
    now, found = None, []
    for line in lines:
        if line["e"] == "locks":
            if line["nlm"] is None:
                now = None
                continue
            if now is None:
                now = Start(line["w"], line["w"], None, [])
            if now.back is None and line["nlm"] >= nlm and line["v4"] >= v4:
                now = now._replace(missed=max(line["since"], now.begin), back=line["w"])
                found.append(now)
        elif line["e"] == "reclaim_complete" and now is not None:
            now.completes.append((line["client"], line["w"] - line["t"] + line["at"]))
    return found


def judge(start, grants, uncertain, holders):
    """What the sorted times of grants say of a start, by clocks that may be wrong by UNCERTAIN."""
    completes = [at for client, at in start.completes if client in holders]
    last = max([start.back] + completes)
    first = next((at for at in grants if at >= start.missed - uncertain), None)
    return {"back": round(last, 3), "completes": len(completes),
            "after": None if first is None else round(max(0.0, first - last), 3),
            "early": sum(1 for at in grants if start.begin + uncertain < at < start.missed - uncertain)}


def table(lines):
    """Median and worst of each number of locks, and how many times as long it takes without an early end."""
    found = {}
    for line in lines:
        count, early, moves = line.split(" ", 2)
        found.setdefault(int(count), {}).setdefault(early, []).extend(one["after"] for one in json.loads(moves))
    rows = ["locks  early_end=yes: moves  median s  worst s   early_end=no: moves  median s   ratio of medians"]
    for count, by in sorted(found.items()):
        yes, no = by.get("yes", []), by.get("no", [])
        if not yes or None in yes + no:
            rows.append(f"{count:5}  not every move was measured")
            continue
        row = f"{count:5}  {len(yes):20}  {statistics.median(yes):8.2f}  {max(yes):7.2f}"
        if no:
            row += f"   {len(no):19}  {statistics.median(no):8.2f}   {statistics.median(no) / max(statistics.median(yes), 0.01):16.0f}"
        rows.append(row)
    return rows


def around(lines, ahead, time):
    """(seconds from the last grant before TIME, seconds to the first after it), None where there was none."""
    grants = [at - ahead for line in lines for at in line.get("granted_at", [])]
    before = max((at for at in grants if at <= time), default=None)
    after = min((at for at in grants if at > time), default=None)
    return None if before is None else time - before, None if after is None else after - time


def main():
    if sys.argv[1] == "--around":
        answer = around(read_log(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
        print(" ".join("" if seconds is None else f"{seconds:.3f}" for seconds in answer))
        return 0
    if sys.argv[1] == "--sum":
        with open(sys.argv[2], encoding="ascii") as file:
            print("\n".join(table(file)))
        return 0
    directory, nlm, v4, begin, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
    with open(os.path.join(directory, "clocks.json"), encoding="utf-8") as file:
        clocks = json.load(file)
    with open(os.path.join(directory, "holders"), encoding="ascii") as file:
        holders = set(file.read().split())
    grants = []
    for path in glob.glob(os.path.join(directory, "requester*.log")):
        host = path.rsplit("@", 1)[1][:-len(".log")]
        grants += [at - clocks[host] for line in read_log(path) for at in line.get("granted_at", [])]
    grants.sort()
    result = []
    for path in glob.glob(os.path.join(directory, "*.sample.log")):
        node = os.path.basename(path).split(".")[0]
        for start in starts(read_log(path), nlm, v4):
            start = start.ahead(clocks[node])
            if begin <= start.back <= end:
                result.append({"node": node, **judge(start, grants, clocks["uncertain"], holders)})
    result.sort(key=lambda one: one["back"])
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
