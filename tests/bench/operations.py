#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""When Pacemaker ran which operations, from the journal of one node.

    operations.py CLOCKS NODE <JOURNAL

JOURNAL is that of pacemaker-controld, as "journalctl -o short-unix" prints it; CLOCKS the scenario's clocks.json. Prints lines of
JSON, {"what": "RESOURCE ACTION", "begin":, "end":}, by the runner's clock. One that has not ended yet is left out.
"""
import json
import re
import sys

LINE = re.compile(r"^([0-9.]+) .*(Requesting local execution|Result) of (\w+) operation for (\S+) on ")


def operations(lines, ahead):
    running, found = {}, []
    for line in lines:
        match = LINE.match(line)
        if not match:
            continue
        at, what = float(match[1]) - ahead, f"{match[4]} {match[3]}"
        if match[2] != "Result":
            running[what] = at
        elif what in running:
            found.append({"what": what, "begin": round(running.pop(what), 3), "end": round(at, 3)})
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        ahead = json.load(file).get(sys.argv[2], 0.0)
    for one in operations(sys.stdin, ahead):
        print(json.dumps(one))
    return 0


if __name__ == "__main__":
    sys.exit(main())
