#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""The outages that were measured, as a table and as a picture, and whether Gracekeeper reaches what it is to reach.

    summary.py FILE [--svg PICTURE] [--judge]

FILE has the lines of measure.py, of any number of runs. Each kernel is a report of its own. For each kind of service, and
each kind of outage: median and worst of the longest gaps between two writes, of the longest times without a new lock, and how
many times that of the floor the median is, where Pacemaker and the storage alone are at work. Gaps that did not end in the
run count as endless. A new lock takes the outage and what comes after it: the second is also shown alone, from the first
write that succeeded on. Below, how that compares with what is to be reached (only as many as TIMES of an outage can be
judged); what took most of the outages, by Pacemaker's operations and by Gracekeeper's own timeline; what each agent's actions
cost; and what the groups are, what they need and where they can lose locks.
Exit status: 0; with --judge 1 when a goal is missed on some kernel, 3 when none is and one cannot be judged yet.
"""
import argparse
import json
import statistics
import sys
from collections import Counter
from html import escape
from typing import NamedTuple

from groups import described

REQUESTER = "requester-"
AGENTS = "agents"
FAILED = "failed"
KINDS = ["gracekeeper", "usual", "tuned", "floor"]
VERSIONS = [("v3", "NFSv3"), ("v4.0", "NFSv4.0"), ("v4.1", "NFSv4.1"), ("v4.2", "NFSv4.2")]
ROWS = ([(version, f"write, {title}") for version, title in VERSIONS]
        + [(f"{REQUESTER}{version}", f"new lock, {title}") for version, title in VERSIONS]
        + [(f"after-{version}", f"new lock after write, {title}") for version, title in VERSIONS] + [("prober", "address")])
OUTAGES = [("move", "planned move"), ("cut", "power cut, from the fencing on")]
ENDLESS = float("inf")
SHOWN_PARTS = 6
# Median and worst of fewer outages are not judged.
TIMES = 10
MISSED, LACKING = 1, 3


class Goal(NamedTuple):
    """What is to be reached, how far it is, and how that stands: 0, MISSED or LACKING (not enough to judge it)."""
    text: str
    state: int

    def row(self):
        return "  " + self.text + {0: "", MISSED: "   MISSED", LACKING: "   NOT JUDGED"}[self.state]


def by_kernel(lines):
    """{kernel: its lines}: results of two kernels have nothing to do with each other."""
    found = {}
    for line in lines:
        found.setdefault(line["kernel"], []).append(line)
    return dict(sorted(found.items()))


def collect(lines):
    """{(what, kind): {"gaps": {row: [seconds]}, "count":, "alone":, "failed":, "lost":, "lost_of": {version: how many}, "stolen":,
    "errors":, "proved":, "parts": [{what: seconds}], "operations": [the same], "graces": [{which: {"seconds":, "why":}}]}};
    "alone" is how many had nobody that asks for new locks, "proved" of how many the locks' fate is known."""
    found = {}
    for line in lines:
        if line["what"] == AGENTS:
            continue
        what = line["outage"] if line["what"] == FAILED else line["what"]
        one = found.setdefault((what, line["kind"]), {
            "gaps": {}, "count": 0, "alone": 0, "failed": 0, "lost": 0, "lost_of": Counter(), "stolen": 0, "errors": 0, "proved": 0,
            "parts": [], "operations": [], "graces": []})
        if line["what"] == FAILED:
            one["failed"] += 1
            continue
        one["count"] += 1
        one["alone"] += not any(row.startswith(REQUESTER) for row in line["gaps"])
        for name in ("parts", "operations", "graces"):
            if name in line:
                one[name].append(line[name])
        one["lost"] += len(line.get("lost", []))
        # The file has the version's name: kept-4.2:0.
        one["lost_of"].update("v" + lock.partition(":")[0].rpartition("-")[2] for lock in line.get("lost", []))
        one["stolen"] += line["stolen"]
        one["errors"] += line["errors"]
        # That none is lost is known from who asked the server; that none is stolen, from one who asked for them in vain.
        one["proved"] += "lost" in line and line.get("refused", 0) > 0
        for name, gap in line["gaps"].items():
            one["gaps"].setdefault(name, []).append(ENDLESS if gap is None else gap)
        for version, after in line.get("after", {}).items():
            one["gaps"].setdefault(f"after-{version}", []).append(after)
    return found


def gaps_of(found, what, kind, row):
    """Where the floor's have no end, something else was wrong: they are nothing to measure by."""
    gaps = found.get((what, kind), {"gaps": {}})["gaps"].get(row, [])
    return [gap for gap in gaps if gap != ENDLESS] if kind == "floor" else gaps


def seconds(value):
    return "endless" if value == ENDLESS else f"{value:.1f}"


def cell(gaps, floor):
    if not gaps:
        return ""
    median = statistics.median(gaps)
    ratio = f" ({median / statistics.median(floor):.1f})" if floor and median != ENDLESS else ""
    return f"{seconds(median)} / {seconds(max(gaps))}{ratio}"


def line(title, cells):
    return f"  {title:30}" + "".join(f"{text:>25}" for text in cells).rstrip()


def table(found):
    rows = []
    for what, words in OUTAGES:
        kinds = [kind for kind in KINDS if (what, kind) in found]
        if not kinds:
            continue
        rows += [f"{words}: longest gap in s, median / worst (median in floors)", line("", kinds),
                 line("how many", [str(found[what, kind]["count"]) for kind in kinds]),
                 line("  without requesters", [str(found[what, kind]["alone"]) for kind in kinds])]
        for name, title in ROWS:
            cells = [cell(found[what, kind]["gaps"].get(name), gaps_of(found, what, "floor", "prober")) for kind in kinds]
            if any(cells):
                rows.append(line(title, cells))
        rows += fates([(kind, found[what, kind]) for kind in kinds])
        for kind in kinds:
            rows += spent(f"{kind}, by Pacemaker's operations", found[what, kind]["operations"])
            rows += spent(f"{kind}, by its timeline", found[what, kind]["parts"])
            rows += graces(kind, found[what, kind]["graces"])
    return rows


def fates(columns):
    """What became of the held locks, and how many outages have not come to their end."""
    rows = [line(title, ["" if kind == "floor" else str(one[name]) for kind, one in columns])
            for name, title in (("lost", "locks lost"), ("stolen", "locks stolen"), ("errors", "errors of who held them"))]
    if any(one["lost_of"] for _, one in columns):
        rows.insert(1, line("  of which", [", ".join(f"{version} {count}" for version, count in sorted(one["lost_of"].items()))
                                          for _, one in columns]))
    if any(one["failed"] for _, one in columns):
        rows.append(line("outages without an end", [str(one["failed"]) for _, one in columns]))
    return rows


def spent(title, outages):
    """What most of an outage went by on: the median over the outages of each part, a missing one counts as 0."""
    names = {what for parts in outages for what in parts}
    whole = {what: statistics.median(parts.get(what, 0.0) for parts in outages) for what in names}
    largest = sorted(whole.items(), key=lambda part: -part[1])[:SHOWN_PARTS]
    return [f"  {title}: " + ", ".join(f"{what} {value:.1f} s" for what, value in largest)] if largest else []


def graces(kind, outages):
    """How long new locks had to wait by each grace period's own time, and why the longest was that long."""
    rows = []
    for which in sorted({which for ended in outages for which in ended}):
        all_ended = [ended[which] for ended in outages if which in ended]
        longest = max(all_ended, key=lambda one: one["seconds"])
        rows.append(f"  {kind}, {which} grace: {statistics.median(one['seconds'] for one in all_ended):.1f} / "
                    f"{longest['seconds']:.1f} s, the longest: {longest['why']}")
    return rows


# What Gracekeeper is to reach: of the other kind's gap in the row (None: the same row), at most this part.
WRITES = [version for version, _ in VERSIONS]
REQUESTERS = [f"{REQUESTER}{version}" for version, _ in VERSIONS]
GOALS = [("move", WRITES, "floor", "prober", 1.5), ("move", WRITES, "tuned", None, 0.5), ("move", REQUESTERS, "usual", None, 0.05),
         ("cut", WRITES, "floor", "prober", 1.5), ("cut", WRITES, "tuned", None, 0.5)]


def gap_goals(found):
    """Gracekeeper's gaps as parts of another kind's, median by median and worst by worst."""
    for what, names, kind, other, limit in GOALS:
        for name in names:
            ours, theirs = gaps_of(found, what, "gracekeeper", name), gaps_of(found, what, kind, other or name)
            words = f"{dict(OUTAGES)[what]}, {dict(ROWS)[name]}: "
            few = min(len(ours), len(theirs)) < TIMES
            if not ours or not theirs:
                yield Goal(f"{words}at most {limit} of {kind}'s; {len(ours)} and {len(theirs)} of {TIMES} measured", LACKING)
                continue
            cells, missed = compared(ours, theirs, limit)
            text = f"{words}{cells} of {kind}'s; at most {limit}" + of_the_wait(found, what, name, kind, limit)
            if few:
                text += f"; {len(ours)} and {len(theirs)} of {TIMES} measured" + (", too much so far" if missed else "")
            yield Goal(text, LACKING if few else MISSED if missed else 0)


def compared(ours, theirs, limit):
    """(median by median and worst by worst as text, is one of them more than LIMIT?)."""
    cells, missed = [], False
    for word, take in (("median", statistics.median), ("worst", max)):
        part = take(ours) / take(theirs) if take(ours) != ENDLESS and take(theirs) else ENDLESS
        missed = missed or part > limit
        cells.append(f"{word} {part:.2f}" + (" (theirs is endless)" if take(theirs) == ENDLESS else ""))
    return ", ".join(cells), missed


def of_the_wait(found, what, name, kind, limit):
    """Nobody gets a new lock while the storage is on its way: what that alone comes to, and what recovery adds to an outage."""
    if not name.startswith(REQUESTER):
        return ""
    cells = []
    floor, theirs = gaps_of(found, what, "floor", "prober"), gaps_of(found, what, kind, name)
    if floor and statistics.median(theirs) not in (0, ENDLESS):
        cells.append(f"floor's outage alone: {statistics.median(floor) / statistics.median(theirs):.2f}")
    after = f"after-{name.removeprefix(REQUESTER)}"
    ours, theirs = gaps_of(found, what, "gracekeeper", after), gaps_of(found, what, kind, after)
    if ours and theirs:
        cells.append(f"of what comes after the first write: {compared(ours, theirs, limit)[0]}")
    return f" ({'; '.join(cells)})" if cells else ""


def lock_goals(found):
    for what, words in OUTAGES:
        one = found.get((what, "gracekeeper"), {"lost": 0, "stolen": 0, "errors": 0, "failed": 0, "proved": 0})
        text = (f"{words}: {one['lost']} locks lost, {one['stolen']} stolen, {one['errors']} errors of who held them, "
                f"{one['failed']} outages without an end; none allowed")
        if one["lost"] or one["stolen"] or one["errors"] or one["failed"]:
            yield Goal(text, MISSED)
        elif one["proved"] < TIMES:
            yield Goal(f"{text}; {one['proved']} of {TIMES} proved", LACKING)
        else:
            yield Goal(text, 0)


def agents_of(lines):
    """{kind: {(resource, agent): {action: [line]}}}. The file system's own agent is in every kind."""
    found = {}
    for line in lines:
        if line["what"] == AGENTS and "agent" in line and line["agent"] != "Filesystem":
            agents = found.setdefault(line["kind"], {})
            agents.setdefault((line["resource"], line["agent"]), {}).setdefault(line["action"], []).append(line)
    return found


def median_of(costs, name):
    return statistics.median(cost[name] for cost in costs)


def monitors(agents):
    """{kind: CPU time of one monitor of each of its resources}."""
    return {kind: sum(median_of(actions["monitor"], "cpu") for actions in of_kind.values()) for kind, of_kind in agents.items()}


def costs(lines):
    """What the agents' actions cost, and all monitors of a kind together."""
    found = agents_of(lines)
    rows = ["agents: wall / CPU time in s, median of the runs"] if found else []
    for kind in (kind for kind in KINDS if kind in found):
        for (_, agent), actions in found[kind].items():
            cells = []
            for action in ("start", "stop", "monitor"):
                wall, cpu, helper = (median_of(actions[action], name) for name in ("wall", "cpu", "helper"))
                cells.append(f"{action} {wall:.2f} / {cpu:.2f}" + (f" ({helper:.2f} the helper's)" if helper else ""))
            rows.append(f"  {kind:12} {agent:12} " + "   ".join(cells))
    return rows + [f"  {kind}: one monitor of each: {cpu:.3f} s of CPU" for kind, cpu in monitors(found).items()]


def limited(words, value, limit, unit, digits=2):
    text = f"{words}: at most {limit}{unit}"
    return Goal(text, LACKING) if value is None else Goal(f"{text}: {value:.{digits}f}", MISSED if value > limit else 0)


def cost_goals(lines):
    together = monitors(agents_of(lines))
    ours, theirs = together.get("gracekeeper"), together.get("usual")
    yield limited("monitor, CPU time", ours / theirs if ours and theirs else None, 0.2, " of all of usual's")
    # There is one service. What each further one may add is for tests/scenarios/run many.
    memory = [line["memory"] for line in lines if line["what"] == AGENTS and "memory" in line]
    yield limited("the helper's resident memory", max(memory, default=None), 64, " MB", 1)


def goals(found, lines):
    """FOUND is what collect() has of the lines."""
    return [*gap_goals(found), *lock_goals(found), *cost_goals(lines)]


def report(kernel, found, lines):
    """(its text as lines, its goals). FOUND is what collect() has of the lines."""
    reached = goals(found, lines)
    return ([f"kernel {kernel}", ""] + table(found) + ["what gracekeeper is to reach:"] + [goal.row() for goal in reached]
            + costs(lines) + [""]), reached


SHADES = {"gracekeeper": "#1b5e9b", "usual": "#b5651d", "tuned": "#e0a96d", "floor": "#9a9a9a"}
WIDTH, LEFT, ROW, SCALE_TO = 940, 270, 15, 540


def svg(kernels):
    """KERNELS: {kernel: what collect() has}. Bars of the medians, a line to the worst; the scale is linear, and as long as the
    longest that ended."""
    bars, top = [], 40
    ended = [gap for found in kernels.values() for one in found.values() for gaps in one["gaps"].values() for gap in gaps
             if gap != ENDLESS]
    scale = SCALE_TO / (max(ended, default=0) or 1)
    for kernel, found, what, words in [(kernel, found, *outage) for kernel, found in kernels.items() for outage in OUTAGES]:
        if not any(key[0] == what for key in found):
            continue
        bars.append(f'<text x="10" y="{top}" font-weight="bold">kernel {escape(kernel)}, {escape(words)}</text>')
        top += 10
        for name, title in ROWS:
            rows = [(kind, found[what, kind]["gaps"][name]) for kind in KINDS
                    if (what, kind) in found and name in found[what, kind]["gaps"]]
            for kind, gaps in rows:
                median, worst = statistics.median(gaps), max(gaps)
                length = SCALE_TO if median == ENDLESS else median * scale
                to = SCALE_TO if worst == ENDLESS else worst * scale
                middle = top + ROW / 2
                bars.append(f'<text x="10" y="{top + ROW - 4}">{escape(title)}, {escape(kind)}</text>'
                            f'<rect x="{LEFT}" y="{top + 2}" width="{length:.1f}" height="{ROW - 4}" fill="{SHADES[kind]}"/>'
                            f'<line x1="{LEFT + length:.1f}" y1="{middle}" x2="{LEFT + to:.1f}" y2="{middle}" stroke="#333"/>'
                            f'<text x="{LEFT + max(length, to) + 6:.1f}" y="{top + ROW - 4}">{seconds(median)} / {seconds(worst)} s'
                            f"</text>")
                top += ROW
            top += 4 if rows else 0
        top += 26
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
            'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
            '<text x="10" y="18" font-size="14">Longest gaps of clients, median and worst</text>' + "".join(bars) + "</svg>\n")


def main():
    parser = argparse.ArgumentParser(description="report outages")
    parser.add_argument("file")
    parser.add_argument("--svg")
    parser.add_argument("--judge", action="store_true")
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as file:
        kernels = by_kernel(json.loads(line) for line in file)
    outages = {kernel: collect(lines) for kernel, lines in kernels.items()}
    states = set() if kernels else {LACKING}
    for kernel, lines in kernels.items():
        rows, reached = report(kernel, outages[kernel], lines)
        states |= {goal.state for goal in reached}
        print("\n".join(rows))
    kinds = {line["kind"] for lines in kernels.values() for line in lines}
    print("\n".join(described([kind for kind in KINDS if kind in kinds])) if kernels else "nothing was measured yet")
    if args.svg:
        with open(args.svg, "w", encoding="utf-8") as picture:
            picture.write(svg(outages))
    if not args.judge:
        return 0
    return MISSED if MISSED in states else LACKING if LACKING in states else 0


if __name__ == "__main__":
    sys.exit(main())
