#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""How often the services' monitors were asked while something was installed, and how long they took.

    monitors.py LOG INSTALLATIONS SERVICE...

LOG is that of monitor-often: a line for each monitor, with when it was asked, when it answered, of which service, and what.
INSTALLATIONS has when each installation began and when it was over, by the same clock. Prints JSON: "installations", how many;
"asked", of the service that was asked least how many monitors were under way in any of them; "least", the fewest of any service
in any installation, where one that was under way in two counts for both; "longest", the seconds that the slowest of all took.
"""
import json
import sys


def summary(monitors, installations, services):
    """Of monitors (asked, answered, service) and installations (begin, end)."""
    # For each service and installation, which of its monitors were under way.
    seen = {service: [{number for number, (asked, answered, name) in enumerate(monitors)
                       if name == service and asked <= end and answered >= begin} for begin, end in installations]
            for service in services}
    return {"installations": len(installations), "asked": min(len(set().union(*during)) for during in seen.values()),
            "least": min((len(one) for during in seen.values() for one in during), default=0),
            "longest": round(max((answered - asked for asked, answered, _ in monitors), default=0.0), 2)}


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        lines = [line.split() for line in file]
    with open(sys.argv[2], encoding="ascii") as file:
        installations = [tuple(map(float, line.split())) for line in file]
    monitors = [(float(asked), float(answered), service) for asked, answered, service, _ in lines]
    print(json.dumps(summary(monitors, installations, sys.argv[3:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
