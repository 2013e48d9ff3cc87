#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""How soon after the last lock was back a new one was granted, for each start of a service.

    early.py DIR LOCKS_NLM LOCKS_V4 BEGIN END
    early.py --sum FILE

DIR has clocks.json (each host's clock ahead of one that is common to all, in s), NODE.sample.log of the samplers and
requester*.log of the contenders, whose names tell the host after the last "@". Only what happened between BEGIN and END
(common clock) counts. Prints a JSON list: for each start "back", when the sampler saw the last lock or the last
RECLAIM_COMPLETE, and "after", the seconds from then to the first grant of a free range by any requester.
With --sum it prints a table of FILE, whose lines have a number of locks, yes or no (early_end), and such a list.
"""
import glob
import json
import os
import statistics
import sys

from lockload import read_log


def starts(lines, nlm, v4):
    """For each time the file system is mounted: when all locks were there for the first time, and all said so."""
    back, completes, found = None, [], []
    for line in lines:
        if line["e"] == "locks":
            if line["nlm"] is None:
                if back is not None:
                    found.append((back, completes))
                back, completes = None, []
            elif back is None and line["nlm"] >= nlm and line["v4"] >= v4:
                back = line["w"]
        elif line["e"] == "reclaim_complete":
            completes.append(line["w"] - line["t"] + line["at"])
    if back is not None:
        found.append((back, completes))
    return found


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


def main():
    if sys.argv[1] == "--sum":
        with open(sys.argv[2], encoding="ascii") as file:
            print("\n".join(table(file)))
        return 0
    directory, nlm, v4, begin, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
    with open(os.path.join(directory, "clocks.json"), encoding="utf-8") as file:
        clocks = json.load(file)
    grants = []
    for path in glob.glob(os.path.join(directory, "requester*.log")):
        host = path.rsplit("@", 1)[1][:-len(".log")]
        grants += [line["w"] - clocks[host] for line in read_log(path) if line.get("granted")]
    grants.sort()
    result = []
    for path in glob.glob(os.path.join(directory, "*.sample.log")):
        node = os.path.basename(path).split(".")[0]
        for back, completes in starts(read_log(path), nlm, v4):
            back -= clocks[node]
            if not begin <= back <= end:
                continue
            # A client that holds nothing may say so at any time later; it is not waited for.
            said = [at - clocks[node] for at in completes if at - clocks[node] <= back + 1]
            last = max([back] + said)
            # The grace before it ends may already have ended when the sampler looked: a grant just before counts as 0.
            before = [t for t in grants if back - 1 < t <= last]
            later = [t for t in grants if t > last]
            after = 0.0 if before else (round(later[0] - last, 3) if later else None)
            result.append({"node": node, "back": round(last, 3), "after": after})
    result.sort(key=lambda one: one["back"])
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
