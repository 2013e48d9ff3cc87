#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""blocks.py PAGE: its blocks in order, each as three words that end with NUL: on=, part=, text.

Both are empty for a block that is not to be run, as CONTRIBUTING.md has it ("Commands in the documentation").
"""
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    # Text and blocks take turns.
    pieces = re.split(r"^```(.*)\n", "\n" + file.read(), flags=re.M)
for info, text in zip(pieces[1::4], pieces[2::4]):
    words = dict(word.split("=", 1) for word in info.split()[1:])
    sys.stdout.write("\0".join([words.get("on", ""), words.get("part", ""), text, ""]))
