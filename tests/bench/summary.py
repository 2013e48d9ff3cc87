#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""The outages that were measured, as a table and as a picture.

    summary.py FILE [--svg PICTURE]

FILE has the lines of measure.py, of any number of runs. For each kind of service, and each kind of outage: median and worst
of the longest gaps between two writes, for each version, and of the longest time without a new lock; beside it how many
times that of the floor the median is, where Pacemaker and the storage alone are at work. Gaps that did not end in the run
count as endless. A new lock takes the outage and what comes after it: the second is also shown alone, from the first write
that succeeded on. Below, how that compares with what is to be reached; what took most of the outages, by Pacemaker's operations and by Gracekeeper's own timeline; and what
each agent's actions cost.
"""
import argparse
import json
import statistics
import sys
from html import escape

AFTER = "after"
AGENTS = "agents"
KINDS = ["gracekeeper", "usual", "tuned", "floor"]
COLUMNS = [("v3", "NFSv3"), ("v4.0", "NFSv4.0"), ("v4.1", "NFSv4.1"), ("v4.2", "NFSv4.2"), ("requester", "new lock"),
           (AFTER, "new lock after write"), ("prober", "address")]
OUTAGES = [("move", "planned move"), ("cut", "power cut, from the fencing on")]
ENDLESS = float("inf")
SHOWN_PARTS = 6


def collect(lines):
    """{(what, kind): {"gaps": {column: [seconds]}, "count":, "lost":, "stolen":, "errors":, "parts": [{what: seconds}],
    "operations": [the same]}}"""
    found = {}
    for line in lines:
        if line["what"] == AGENTS:
            continue
        one = found.setdefault((line["what"], line["kind"]), {"gaps": {}, "count": 0, "lost": 0, "stolen": 0, "errors": 0,
                                                               "parts": [], "operations": []})
        one["count"] += 1
        for name in ("parts", "operations"):
            if name in line:
                one[name].append(line[name])
        one["lost"] += len(line.get("lost", []))
        one["stolen"] += line["stolen"]
        one["errors"] += line["errors"]
        for name, gap in line["gaps"].items():
            one["gaps"].setdefault(name, []).append(ENDLESS if gap is None else gap)
        if AFTER in line:
            one["gaps"].setdefault(AFTER, []).append(line[AFTER])
    return found


def floor_of(found, what):
    gaps = found.get((what, "floor"), {"gaps": {}})["gaps"].get("prober")
    return statistics.median(gaps) if gaps else None


def seconds(value):
    return "endless" if value == ENDLESS else f"{value:.1f}"


def table(found):
    rows = []
    for what, words in OUTAGES:
        kinds = [kind for kind in KINDS if (what, kind) in found]
        if not kinds:
            continue
        floor = floor_of(found, what)
        rows.append(f"{words}: longest gap in s, median / worst (median in floors)")
        rows.append(f"  {'':12} {'':>3}" + "".join(f"{title:>24}" for _, title in COLUMNS) + "   locks lost, stolen, errors")
        for kind in kinds:
            one = found[what, kind]
            cells = []
            for name, _ in COLUMNS:
                gaps = one["gaps"].get(name)
                text = ""
                if gaps:
                    median = statistics.median(gaps)
                    text = f"{seconds(median)} / {seconds(max(gaps))}"
                    if floor:
                        text += f" ({median / floor:.1f})" if median != ENDLESS else ""
                cells.append(f"{text:>24}")
            rows.append(f"  {kind:12} {one['count']:>3}" + "".join(cells)
                        + f"   {one['lost']}, {one['stolen']}, {one['errors']}")
        for kind in kinds:
            rows += spent(f"{kind}, by Pacemaker's operations", found[what, kind]["operations"])
            rows += spent(f"{kind}, by its timeline", found[what, kind]["parts"])
    return rows


def spent(title, outages):
    """What most of an outage went by on: the median over the outages of each part, a missing one counts as 0."""
    names = {what for parts in outages for what in parts}
    whole = {what: statistics.median(parts.get(what, 0.0) for parts in outages) for what in names}
    largest = sorted(whole.items(), key=lambda part: -part[1])[:SHOWN_PARTS]
    return [f"  {title}: " + ", ".join(f"{what} {value:.1f} s" for what, value in largest)] if largest else []


def judged(value, limit, unit, digits=2):
    return f"{value:.{digits}f}{unit}; at most {limit}" + ("   MISSED" if value > limit else "")


def costs(lines):
    """What the agents' actions cost, and all monitors of a kind together. The file system's own agent is in every kind."""
    found = {}
    for line in lines:
        if line["what"] == AGENTS and "agent" in line and line["agent"] != "Filesystem":
            of_kind = found.setdefault(line["kind"], {})
            of_kind.setdefault((line["resource"], line["agent"]), {}).setdefault(line["action"], []).append(
                (line["wall"], line["cpu"]))
    memory = [line["memory"] for line in lines if line["what"] == AGENTS and "memory" in line]
    rows = ["agents: wall / CPU time in s, median of the runs"] if found else []
    together = {}
    for kind in (kind for kind in KINDS if kind in found):
        for (_, agent), actions in found[kind].items():
            cells = []
            for action in ("start", "stop", "monitor"):
                wall, cpu = (statistics.median(cost[i] for cost in actions[action]) for i in (0, 1))
                cells.append(f"{action} {wall:.2f} / {cpu:.2f}")
                if action == "monitor":
                    together[kind] = together.get(kind, 0.0) + cpu
            rows.append(f"  {kind:12} {agent:12} " + "   ".join(cells))
    rows += [f"  {kind}: one monitor of each: {cpu:.3f} s of CPU" for kind, cpu in together.items()]
    if together.get("usual") and "gracekeeper" in together:
        rows.append("  gracekeeper's monitor: " + judged(together["gracekeeper"] / together["usual"], 0.2, " of usual's CPU"))
    if memory:
        rows.append("  the helper's resident memory: " + judged(statistics.median(memory), 64, " MB", 1))
    return rows


# What Gracekeeper is to reach: of the other kind's gap in the column (None: the same column), at most this part.
GOALS = [("move", ["v3", "v4.0", "v4.1", "v4.2"], "floor", "prober", 1.5), ("move", ["v3", "v4.0", "v4.1", "v4.2"], "tuned", None, 0.5),
         ("move", [AFTER], "usual", None, 0.05), ("cut", ["v3", "v4.0", "v4.1", "v4.2"], "floor", "prober", 1.5),
         ("cut", ["v3", "v4.0", "v4.1", "v4.2"], "tuned", None, 0.5)]


def goals(found):
    """Gracekeeper's gaps as parts of another kind's, median by median and worst by worst, and which are too large."""
    rows = []
    for what, columns, kind, other, limit in GOALS:
        for name in columns:
            ours = found.get((what, "gracekeeper"), {"gaps": {}})["gaps"].get(name)
            theirs = found.get((what, kind), {"gaps": {}})["gaps"].get(other or name)
            if not ours or not theirs:
                continue
            cells, missed = [], False
            for words, take in (("median", statistics.median), ("worst", max)):
                part = take(ours) / take(theirs) if take(ours) != ENDLESS and take(theirs) else ENDLESS
                missed = missed or part > limit
                cells.append(f"{words} {part:.2f}")
            rows.append(f"  {dict(OUTAGES)[what]}, {dict(COLUMNS)[name]}: {', '.join(cells)} of {kind}'s; at most {limit}"
                        + ("   MISSED" if missed else ""))
    return ["gracekeeper beside the others:"] + rows if rows else []


SHADES = {"gracekeeper": "#1b5e9b", "usual": "#b5651d", "tuned": "#e0a96d", "floor": "#9a9a9a"}
WIDTH, LEFT, ROW, SCALE_TO = 900, 190, 15, 620


def svg(found):
    """Bars of the medians, a line to the worst; the scale is linear, and as long as the longest that ended."""
    bars, top = [], 40
    ended = [gap for one in found.values() for gaps in one["gaps"].values() for gap in gaps if gap != ENDLESS]
    scale = SCALE_TO / max(ended, default=1)
    for what, words in OUTAGES:
        if not any(key[0] == what for key in found):
            continue
        bars.append(f'<text x="10" y="{top}" font-weight="bold">{escape(words)}</text>')
        top += 10
        for name, title in COLUMNS:
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
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    found = collect(lines)
    print("\n".join(table(found) + goals(found) + costs(lines)) or "nothing was measured yet")
    if args.svg:
        with open(args.svg, "w", encoding="utf-8") as picture:
            picture.write(svg(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
