#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""What each outage cost the clients.

    measure.py DIR KIND KERNEL

DIR has outages.jsonl and the logs of the programs, KIND-*.log. Prints a line of JSON for each outage of that kind: the
longest gap in seconds of each writer, of the prober's answers, and between the grants of each requester's new locks, and how
long after the first write of all those came ("after"); what became of the held locks, and how often others were refused
them; which operations of Pacemaker the shortest gap of a writer, or of the prober, was spent on; the same by Gracekeeper's own
timeline; and how long each of its grace periods was, and why it ended. After a power cut a gap counts from the moment Pacemaker knew that the node was fenced; where that
is not known, there are no gaps: from the cut on they would be longer than they were.
"""
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "workload"))

from lockload import Gap, gaps, read_log  # noqa: E402 (the path is set first)


def stamps(lines, ahead, wanted):
    """(when by the runner's clock, line) of the lines that count."""
    shift = lines[0]["w"] - lines[0]["t"] - ahead
    return [(line["t"] + shift, line) for line in lines if wanted(line)]


def longest(times, outage, until=float("inf")):
    """The longest gap that touches the outage, as far as it is to be counted; None if nothing came after it: clients are served
    a while before a stop has shut them out, so who has not been for longer than ever when the outage is over is not coming.

    From UNTIL on, when the next outage begins, it is that one's: clients had been served again by then."""
    fenced = outage["fenced"]
    since = outage["begin"] if fenced is None else fenced
    if not times or max(times) < since:
        return None
    counted = []
    for gap in gaps(times, max(times)):
        if gap.end > since and gap.begin < outage["end"]:
            begin, end = gap.begin if fenced is None else max(gap.begin, fenced), min(gap.end, until)
            counted.append(Gap(end - begin, begin, end))
    found = max(counted, default=Gap(0.0, since, since))
    return None if outage["end"] - max(times) > found.seconds else found


def during(operations, begin, end):
    """Seconds of each operation between BEGIN and END, and of none at all. They may overlap."""
    found, left = {}, end - begin
    last = begin
    for one in sorted(operations, key=lambda operation: operation["begin"]):
        since, until = max(one["begin"], begin), min(one["end"], end)
        if until > since:
            found[one["what"]] = round(found.get(one["what"], 0.0) + until - since, 3)
            left -= max(0.0, until - max(since, last))
            last = max(last, until)
    return {**found, "between them": round(left, 3)}


WANTED = {
    "holder": lambda line: line["e"] == "write",
    "prober": lambda line: line["e"] == "answer",
}
# The opener is none of them: it only has a file open.
ROLES = (*WANTED, "contender")
REQUESTER = "requester-"


GRACE = re.compile(r"(\w+) grace ended after ([0-9.]+) s: (.*)")


def judged(lines, ahead):
    """(the attempt's line, when each of its locks was granted by the runner's clock). An attempt may be told of much later, when
    its unlock has waited for the next server, or when it was given up in that."""
    for line in lines:
        if line["e"] in ("try", "given_up"):
            yield line, [at - ahead for at in line["granted_at"]]


def contended(lines, ahead, begin, end):
    """How many of the held locks the contender was granted between BEGIN and END, and how often it was refused one."""
    attempts = list(judged(lines, ahead))
    told = stamps(lines, ahead, lambda line: line["e"] in ("try", "given_up"))
    return (sum(begin <= at < end for _, granted in attempts for at in granted),
            sum(line["denied"] for t, line in told if begin <= t < end))


def served(role, lines, ahead):
    """When a client got what it wants."""
    if role == "contender":
        return sorted(at for line, granted in judged(lines, ahead) if line["control"] for at in granted)
    return [t for t, _ in stamps(lines, ahead, WANTED[role])]


def measure(outages, logs, clocks, kind, kernel):
    """A line for each outage. LOGS: {name: lines}."""
    for outage in (o for o in outages if o["kind"] == kind):
        until = next((o["begin"] for o in outages if o["kind"] == kind and o["begin"] > outage["begin"]), float("inf"))
        result = {"kind": kind, "what": outage["what"], "kernel": kernel, "gaps": {}, "after": {}, "errors": 0, "stolen": 0,
                  "refused": 0}
        grants, first = {}, None
        known = outage["what"] != "cut" or outage["fenced"] is not None
        for name, lines in sorted(logs.items()):
            role, short = lines[0]["role"], name[len(kind) + 1:]
            if role not in ROLES:
                continue
            ahead = clocks.get(lines[0]["host"], 0.0)
            if short == "contender":
                result["stolen"], result["refused"] = contended(lines, ahead, outage["begin"], until)
                continue
            if role == "holder":
                result["errors"] += sum(
                    outage["begin"] <= t < until for t, _ in stamps(lines, ahead, lambda one: one["e"] in ("error", "foreign")))
            if not known:
                continue
            found = longest(served(role, lines, ahead), outage, until)
            result["gaps"][short] = found and round(found.seconds, 3)
            if found and role == "contender":
                grants[short[len(REQUESTER):]] = found
            elif found and (first is None or found.end < first.end):
                first = found
        if first:
            result["operations"] = during(outage.get("operations", []), first.begin, first.end)
            result["after"] = {version: round(max(0.0, gap.end - first.end), 3) for version, gap in grants.items()}
        if outage["getlk"] is not None:
            result["present"] = outage["getlk"]["present"]
            result["lost"] = outage["getlk"]["missing"]
        if outage.get("parts"):
            result["parts"] = {}
            for part in outage["parts"]:
                result["parts"][part["what"]] = result["parts"].get(part["what"], 0) + part["micros"] / 1e6
        found = [GRACE.search(said) for said in outage.get("graces", [])]
        if found:
            result["graces"] = {one[1]: {"seconds": float(one[2]), "why": one[3]} for one in found}
        yield result


def main():
    directory, kind, kernel = sys.argv[1:4]
    outages = read_log(os.path.join(directory, "outages.jsonl"))
    with open(os.path.join(directory, "clocks.json"), encoding="utf-8") as file:
        clocks = json.load(file)
    logs = {os.path.basename(path)[:-len(".log")]: read_log(path)
            for path in glob.glob(os.path.join(directory, f"{kind}-*.log"))}
    for line in measure(outages, logs, clocks, kind, kernel):
        print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
