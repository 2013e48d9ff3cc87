#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""How far another host's clock is from this one's.

    clocks.py COMMAND...

COMMAND runs python3 over there and passes standard input and output, for instance `lab exec client1 -- python3`. Prints
"OFFSET UNCERTAINTY" in seconds: its clock minus this one's, from the quickest of some questions and answers.
"""
import subprocess
import sys
import time

ANSWER = "import sys, time\nfor line in sys.stdin: print(repr(time.time()), flush=True)"
QUESTIONS = 8


def best(samples):
    """(offset, uncertainty) out of (asked, answered, got): the quickest answer says most."""
    asked, answered, got = min(samples, key=lambda sample: sample[2] - sample[0])
    return answered - (asked + got) / 2, (got - asked) / 2


def measure(command):
    child = subprocess.Popen(command + ["-u", "-c", ANSWER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    samples = []
    for _ in range(QUESTIONS):
        asked = time.time()
        child.stdin.write("?\n")
        child.stdin.flush()
        line = child.stdout.readline()
        if not line:
            raise RuntimeError(f"no answer from {command}")
        samples.append((asked, float(line), time.time()))
    child.communicate(timeout=30)
    return best(samples)


if __name__ == "__main__":
    print("%.4f %.4f" % measure(sys.argv[1:]))
