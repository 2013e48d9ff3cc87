#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""One timeline and one table out of everybody's logs.

    report.py DIR [--json FILE] [--title TEXT]
    report.py --graces NODE AHEAD <JOURNAL

DIR holds the logs (*.log) of holders and contenders, clocks.json ({host: seconds its clock is ahead of the runner's}) and
events.jsonl, what the runner did: {"w": wall clock, "text": words} and, for every look at the server's locks,
{"w":, "text":, "getlk": {"present":, "missing": [...]}}; for every grace period, at its end, {"w":, "text":, "grace": {"node":,
"which":, "seconds":}}, which --graces makes of the helper's journal (-o short-unix) and its host's clock. All times are shown relative to the first event.

A client's host that crashes is an event with {"crashed": HOST}: its programs end there, and from then on their locks are nobody's.

A lock is *kept* when the server had it at every look and its owner saw nothing strange; *lost* when a look did not find
it, or when its owner's reads, writes or locking failed on it; *stolen* when another host was granted it or wrote into it.
Exit status: 0 all kept and no I/O error, 1 otherwise.
"""
import argparse
import json
import os
import re
import sys

from lockload import gaps, longest_gap, read_log

INTERRUPTION = 2.0


class Holder:
    """A holder's log, its times turned into the runner's."""

    def __init__(self, lines, ahead):
        start = lines[0]
        self.name, self.host, self.proto, self.slots = start["name"], start["host"], start["proto"], start["slots"]
        # One step from the monotonic clock to the runner's: a guest whose wall clock is stepped stays in order.
        self._shift = start["w"] - start["t"] - ahead
        self.began = start["t"] + self._shift
        self.until = float("inf")
        self.writes = [line["t"] + self._shift for line in lines if line["e"] == "write"]
        self.ended = next((line["t"] + self._shift for line in lines if line["e"] == "end"), None)
        self.errors = [line for line in lines if line["e"] == "error"]
        self.foreign = [line for line in lines if line["e"] == "foreign"]
        self.refused = any(line["e"] == "refused" for line in lines)
        self.last = lines[-1]["t"] + self._shift

    def crash(self, at):
        """Its host does, for the first time since it began."""
        if self.began <= at < self.until:
            self.until = self.ended = at
            self.writes = [write for write in self.writes if write <= at]

    def when(self, line):
        return line["t"] + self._shift

    def gap(self):
        return longest_gap(self.writes, self.ended or self.last)

    def interruptions(self):
        return [gap for gap in gaps(self.writes, self.ended or self.last) if gap.seconds > INTERRUPTION]


class Contender:
    """A contender's log."""

    def __init__(self, lines, ahead):
        self.name, self.host = lines[0]["name"], lines[0]["host"]
        self._shift = lines[0]["w"] - lines[0]["t"] - ahead
        self.began = lines[0]["t"] + self._shift
        tries = [line for line in lines if line["e"] in ("try", "given_up")]
        held = [line for line in tries if not line["control"]]
        free = [line for line in tries if line["control"]]
        self.granted = [(at, f"{line['file']}:{slot}", line["via"])
                        for line in held for slot, at in zip(line["granted"], self._times(line, ahead))]
        self.attempts = [(line["t"] - line["took"] + self._shift, line["t"] + self._shift, line["via"],
                          line["mode"].endswith("-wait")) for line in held]
        self.denied = sum(line["denied"] for line in held)
        self.waited = sum(1 for line in lines if line["e"] == "pending" and not line["control"])
        self.errors = [error for line in tries for error in line["errors"]]
        self.free_granted = [(line["t"] + self._shift, line["via"]) for line in free if line["granted"]]
        self.ended = any(line["e"] == "end" for line in lines)


    def _times(self, line, ahead):
        """When each of its locks was granted; without that, when it was told."""
        return [at - ahead for at in line.get("granted_at", [])] or [line["t"] + self._shift] * len(line["granted"])


def load(directory):
    """(events, holders, contenders) of a directory of logs."""
    clocks = {}
    if os.path.exists(os.path.join(directory, "clocks.json")):
        with open(os.path.join(directory, "clocks.json"), encoding="utf-8") as file:
            clocks = json.load(file)
    events = read_log(os.path.join(directory, "events.jsonl"))
    holders, contenders = [], []
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".log"):
            continue
        lines = read_log(os.path.join(directory, name))
        role = lines[0].get("role") if lines else None
        if role == "holder":
            holder = Holder(lines, clocks.get(lines[0]["host"], 0.0))
            # One that hangs to this day has a gap up to the last thing that is known to have happened.
            holder.last = max([holder.last] + [event["w"] for event in events[-1:]])
            holders.append(holder)
        elif role == "contender":
            contenders.append(Contender(lines, clocks.get(lines[0]["host"], 0.0)))
    apply_crashes(events, holders, contenders)
    return events, holders, contenders


def apply_crashes(events, holders, contenders):
    """What a host held when it crashed may be granted to others from then on."""
    for event in events:
        for holder in holders:
            if event.get("crashed") == holder.host:
                holder.crash(event["w"])
    until = {slot: holder.until for holder in holders for slot in holder.slots}
    for contender in contenders:
        contender.granted = [grant for grant in contender.granted if grant[0] < until.get(grant[1], float("inf"))]


def verdicts(events, holders, contenders):
    """{slot: "kept" | "lost" | "stolen"} for every held slot."""
    result = {slot: "kept" for holder in holders for slot in holder.slots}
    until = {slot: holder.until for holder in holders for slot in holder.slots}
    for event in events:
        for slot in event.get("getlk", {}).get("missing", []):
            if slot in result and event["w"] < until[slot]:
                result[slot] = "lost"
    for holder in holders:
        for line in holder.errors:
            result[line["slot"]] = "lost"
        if holder.refused or not holder.writes:
            result.update({slot: "lost" for slot in holder.slots})
        for line in holder.foreign:
            result[line["slot"]] = "stolen" if "another" in line["text"] else "lost"
    for contender in contenders:
        for _, slot, _ in contender.granted:
            if slot in result:
                result[slot] = "stolen"
    return result


def summary(events, holders, contenders):
    """The numbers that tests check."""
    found = verdicts(events, holders, contenders)
    looks = [event["getlk"] for event in events if "getlk" in event]
    return {
        "locks": len(found),
        "kept": sum(1 for v in found.values() if v == "kept"),
        "lost": sum(1 for v in found.values() if v == "lost"),
        "stolen": sum(1 for v in found.values() if v == "stolen"),
        "io_errors": sum(len(h.errors) for h in holders),
        "foreign": sum(len(h.foreign) for h in holders),
        "not_ended": [h.name for h in holders if h.ended is None] + [c.name for c in contenders if not c.ended],
        "writes": {h.name: len(h.writes) for h in holders},
        "longest_gap": {h.name: round(h.gap().seconds, 2) for h in holders},
        "looks": len(looks),
        "phases": phase_gaps(events, holders),
        "graces": graces(events, contenders),
        "contender": {
            "denied": sum(c.denied for c in contenders),
            "granted": sum(len(c.granted) for c in contenders),
            "waited": sum(c.waited for c in contenders),
            "errors": sorted({e for c in contenders for e in c.errors}),
            "free_granted": sum(len(c.free_granted) for c in contenders),
        },
    }


def phase_gaps(events, holders):
    """{phase: {holder: longest gap in seconds}}: a gap belongs to each phase that it touches. A phase begins with an
    event that names it and ends with the next one that does; one that comes again is the same phase."""
    marks = [(event["w"], event["phase"]) for event in events if "phase" in event]
    result = {}
    for (begin, phase), (end, _) in zip(marks, marks[1:] + [(float("inf"), "")]):
        for holder in holders:
            worst = max((gap.seconds for gap in gaps(holder.writes, holder.ended or holder.last)
                         if gap.end > begin and gap.begin < end), default=0.0)
            of_phase = result.setdefault(phase, {})
            of_phase[holder.name] = round(max(worst, of_phase.get(holder.name, 0.0)), 2)
    return result


def grace_events(journal, node, ahead):
    """The events that lines of the helper's journal make; its host's clock is AHEAD."""
    for line in journal:
        found = re.match(r"([0-9.]+) .*?: (service \S+: (NLM|NFSv4) grace ended after ([0-9.]+) s: .*)", line)
        if found:
            yield {"w": round(float(found[1]) - ahead, 3), "text": f"{node}: {found[2]}",
                   "grace": {"node": node, "which": found[3], "seconds": float(found[4])}}


def graces(events, contenders):
    """For each grace period since there are contenders: how many attempts to get held locks it saw over each mount, how many of
    them were waiting when it began, and how many of them were blocking requests. None was granted, or it is told elsewhere."""
    result = []
    for event in events:
        if "grace" not in event:
            continue
        end, begin = event["w"], event["w"] - event["grace"]["seconds"]
        if begin < min((contender.began for contender in contenders), default=end):
            continue
        asked, waiting, blocking = {}, {}, 0
        for first, last, via, waits in (attempt for contender in contenders for attempt in contender.attempts):
            if first < end and last > begin:
                asked[via] = asked.get(via, 0) + 1
                waiting[via] = waiting.get(via, 0) + (first < begin)
                blocking += waits
        result.append({**event["grace"], "asked": asked, "waiting": waiting, "blocking": blocking})
    return result


def free_after(contender, begin):
    """The first time at or after BEGIN that a lock nobody held was granted."""
    return min((at for at, _ in contender.free_granted if at >= begin), default=None)


def timeline(events, holders, contenders):
    """[(time, who, words)] in order of time. What goes wrong with one lock is told once, and how often it did."""
    rows = [(event["w"], "cluster", event["text"]) for event in events]
    for holder in holders:
        who = f"{holder.host} ({holder.proto})"
        for gap in holder.interruptions():
            rows.append((gap.begin, who, "last write before an interruption"))
            if gap.end in holder.writes:
                rows.append((gap.end, who, f"writes again, after {gap.seconds:.1f} s"))
            else:
                rows.append((gap.end, who, f"HAS NOT WRITTEN for {gap.seconds:.1f} s, to the end"))
        rows += first_of_each((holder.when(line), who, f"I/O ERROR {line['errno']} on {line['slot']}")
                              for line in holder.errors)
        rows += first_of_each((holder.when(line), who, f"WRONG DATA in {line['slot']}: {line['text'].split(',')[0]}")
                              for line in holder.foreign)
    ends = sorted(gap.end for holder in holders for gap in holder.interruptions())
    for contender in contenders:
        rows += first_of_each((at, contender.host, f"WAS GRANTED the held lock {slot} over {via}")
                              for at, slot, via in contender.granted)
        rows += [(at, contender.host, "gets a new lock on a free range: normal service")
                 for at in sorted({free_after(contender, end) for end in ends} - {None})]
    return sorted(rows)


def first_of_each(rows):
    """Rows with the same words become their first one, with their number."""
    first, times = {}, {}
    for row in rows:
        first.setdefault(row[2], row)
        times[row[2]] = times.get(row[2], 0) + 1
    return [(at, who, words + (f" ({times[words]} times)" if times[words] > 1 else "")) for at, who, words in first.values()]


def table(holders, found):
    head = ["client", "protocol", "writes", "longest gap", "I/O errors", "locks", "kept", "lost", "stolen"]
    rows = [head]
    for holder in holders:
        kinds = [found[slot] for slot in holder.slots]
        rows.append([holder.host, holder.proto, str(len(holder.writes)), f"{holder.gap().seconds:.1f} s",
                     str(len(holder.errors)), str(len(kinds))] + [str(kinds.count(k)) for k in ("kept", "lost", "stolen")])
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]


def show(events, holders, contenders, title):
    if title:
        print(f"\n{title}\n{'=' * len(title)}")
    rows = timeline(events, holders, contenders)
    zero = events[0]["w"] if events else min((row[0] for row in rows), default=0.0)
    width = max((len(row[1]) for row in rows), default=0)
    print("\nTimeline (seconds since the first event)")
    for at, who, words in rows:
        print(f"{at - zero:8.1f}  {who.ljust(width)}  {words}")
    print()
    for line in table(holders, verdicts(events, holders, contenders)):
        print(line)
    numbers = summary(events, holders, contenders)
    for contender in contenders:
        print(f"{contender.host} tried to take the held locks: {contender.denied} times refused, "
              f"{len(contender.granted)} times granted, {contender.waited} attempts had to wait")
    print(f"locks: {numbers['kept']} kept, {numbers['lost']} lost, {numbers['stolen']} stolen; "
          f"I/O errors: {numbers['io_errors']}")
    return numbers


def main():
    if sys.argv[1:2] == ["--graces"]:
        for event in grace_events(sys.stdin, sys.argv[2], float(sys.argv[3])):
            print(json.dumps(event))
        return 0
    parser = argparse.ArgumentParser(description="merge the logs of one run")
    parser.add_argument("dir")
    parser.add_argument("--json", help="write the totals there")
    parser.add_argument("--title")
    args = parser.parse_args()
    numbers = show(*load(args.dir), args.title)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(numbers, file, indent=1)
    good = numbers["locks"] and numbers["locks"] == numbers["kept"]
    return 0 if good and not numbers["io_errors"] and not numbers["not_ended"] else 1


if __name__ == "__main__":
    sys.exit(main())
