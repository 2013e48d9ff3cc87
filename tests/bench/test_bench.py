# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""python3 -m unittest discover -s tests/bench"""
import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from unittest import mock

import measure
import contender  # measure has set the path to it
import groups
import operations
import summary


def holder(times, host="c1", role="holder", kind="write", **fields):
    return [{"t": 0.0, "w": 1000.0, "e": "start", "role": role, "host": host}] + [
        {"t": t, "w": 1000.0 + t, "e": kind, **fields} for t in times]


def attempts(*told, control=True):
    """A contender's log: (when an attempt ended, when its locks were granted, how often it was refused)."""
    return holder([], role="contender") + [
        {"t": t, "w": 1000.0 + t, "e": "try", "control": control, "granted": list(range(len(granted))),
         "granted_at": [1000.0 + at for at in granted], "denied": sum(denied)} for t, granted, *denied in told]


class MeasureTest(unittest.TestCase):
    MOVE = {"kind": "web", "what": "move", "begin": 1010.0, "end": 1030.0, "fenced": None,
            "getlk": {"present": 3, "missing": ["kept:3"]}}

    def one(self, outage, **logs):
        return list(measure.measure([outage], logs, {"c1": 0.0, "ahead": 5.0}, "web", "6.12"))[0]

    def test_the_longest_gap_that_touches_the_outage_counts(self):
        times = [0.0, 8.0, 9.0, 10.5, 16.0, 17.0, 40.0]
        found = self.one(self.MOVE, **{"web-v3": holder(times)})
        self.assertEqual({"v3": 23.0}, found["gaps"])
        found = self.one(dict(self.MOVE, end=1016.5), **{"web-v3": holder(times)})
        self.assertEqual({"v3": 5.5}, found["gaps"])
        self.assertEqual(["kept:3"], found["lost"])

    def test_a_gap_that_goes_on_in_the_next_outage_is_that_ones(self):
        second = dict(self.MOVE, begin=1030.5, end=1060.0)
        logs = {"web-v3": holder([9.0, 21.0, 29.5, 59.0])}
        found = [one["gaps"] for one in measure.measure([self.MOVE, second], logs, {"c1": 0.0}, "web", "6.12")]
        self.assertEqual([{"v3": 12.0}, {"v3": 29.5}], found)

    def test_a_clock_that_is_ahead_is_put_right(self):
        found = self.one(dict(self.MOVE, end=1011.0), **{"web-v3": holder([14.0, 15.5, 21.0], host="ahead")})
        self.assertEqual({"v3": 5.5}, found["gaps"])

    def test_after_a_power_cut_a_gap_counts_from_the_fencing_on(self):
        found = self.one(dict(self.MOVE, what="cut", fenced=1014.0), **{"web-v3": holder([9.0, 10.0, 20.0, 25.0, 30.0])})
        self.assertEqual({"v3": 6.0}, found["gaps"])

    def test_a_writer_that_never_came_back_has_no_end(self):
        self.assertEqual({"v3": None}, self.one(self.MOVE, **{"web-v3": holder([1.0, 9.0])})["gaps"])

    def test_a_writer_that_wrote_only_until_it_was_shut_out_never_came_back(self):
        self.assertEqual({"v3": None}, self.one(self.MOVE, **{"web-v3": holder([9.0, 9.5, 10.5, 11.0])})["gaps"])

    def test_only_grants_count_for_new_locks_and_held_ones_are_stolen(self):
        logs = {"web-requester-v3": attempts((9.0, [9.0]), (11.0, []), (14.0, [14.0]), (27.0, [14.5, 19.0, 24.0, 27.0])),
                "web-contender": attempts((11.0, [], 3), (12.0, [11.5, 12.0]), control=False)}
        found = self.one(self.MOVE, **logs)
        self.assertEqual(({"requester-v3": 5.0}, 2, 3), (found["gaps"], found["stolen"], found["refused"]))
        self.assertEqual({}, found["after"])

    def test_a_lock_counts_when_it_was_granted_and_not_when_its_attempt_ended(self):
        # Granted before the service went; its unlock had to wait for the next server.
        late = {"web-requester-v3": attempts((9.0, [9.0]), (20.0, [10.5]), (26.0, [26.0]))}
        self.assertEqual({"requester-v3": 15.5}, self.one(self.MOVE, **late)["gaps"])
        late["web-requester-v3"][-1]["e"] = "given_up"
        self.assertEqual({"requester-v3": 15.5}, self.one(self.MOVE, **late)["gaps"])

    def test_a_theft_by_an_attempt_that_was_given_up_is_one(self):
        log = attempts((12.0, [11.0]), control=False)
        log[-1]["e"] = "given_up"
        self.assertEqual(1, self.one(self.MOVE, **{"web-contender": log})["stolen"])

    def test_what_comes_after_the_outage_counts_from_the_first_write(self):
        logs = {"web-requester-v3": attempts((9.0, [9.0]), (25.5, [25.5])),
                "web-requester-v4.2": attempts((9.0, [9.0]), (18.0, [18.0]), (25.5, [25.5])),
                "web-v3": holder([9.0, 21.0]), "web-v4.2": holder([9.0, 20.0])}
        self.assertEqual({"v3": 5.5, "v4.2": 0.0}, self.one(self.MOVE, **logs)["after"])

    def test_a_cut_whose_fencing_is_not_known_has_no_gaps(self):
        found = self.one(dict(self.MOVE, what="cut"), **{"web-v3": holder([9.0, 20.0]), "web-requester-v3": attempts((9.0, [9.0]))})
        self.assertEqual(({}, {}, ["kept:3"]), (found["gaps"], found["after"], found["lost"]))

    def test_a_program_that_only_has_a_file_open_is_no_client(self):
        opener = [{"t": 0.0, "w": 1000.0, "e": "start", "role": "keeper", "name": "web-opener"}]
        self.assertEqual({}, self.one(self.MOVE, **{"web-opener": opener})["gaps"])

    def test_parts_of_the_same_name_are_one(self):
        parts = [{"node": "a", "what": "up x", "micros": 500000}, {"node": "b", "what": "up x", "micros": 250000}]
        self.assertEqual({"up x": 0.75}, self.one(dict(self.MOVE, parts=parts))["parts"])

    def test_each_grace_period_has_a_time_and_a_reason(self):
        said = ["service web: NLM grace ended after 1.8 s: 3 of 3 locks back",
                "service web: NFSv4 grace ended after 90.1 s: its time is over; 1 of 2 clients: late"]
        self.assertEqual({"NLM": {"seconds": 1.8, "why": "3 of 3 locks back"},
                          "NFSv4": {"seconds": 90.1, "why": "its time is over; 1 of 2 clients: late"}},
                         self.one(dict(self.MOVE, graces=said))["graces"])
        self.assertNotIn("graces", self.one(dict(self.MOVE, graces=[])))

    def test_in_the_gap_of_who_was_served_first(self):
        took = [{"what": "fs stop", "begin": 1009.0, "end": 1012.0}, {"what": "web stop", "begin": 1008.0, "end": 1009.5},
                {"what": "fs start", "begin": 1013.0, "end": 1015.0}, {"what": "fs monitor", "begin": 1014.5, "end": 1017.0},
                {"what": "web start", "begin": 1018.0, "end": 1030.0}]
        found = self.one(dict(self.MOVE, operations=took), **{
            "web-v3": holder([9.0, 20.0]), "web-v4.2": holder([9.0, 25.0])})["operations"]
        self.assertEqual({"web stop": 0.5, "fs stop": 3.0, "fs start": 2.0, "fs monitor": 2.5, "web start": 2.0,
                          "between them": 2.0}, found)

    def test_without_a_gap_all_is_between_them(self):
        self.assertEqual({"between them": 11.0}, self.one(self.MOVE, **{"web-v3": holder([9.0, 20.0])})["operations"])


class PaceTest(unittest.TestCase):
    """The requesters': the workload's contender with --calm, as only the benchmark has it."""

    def one(self, calm):
        args = argparse.Namespace(log=None, name="r", via=["NFSv3=/mnt"], ranges=[], control=["f:0"], interval=0.25, calm=calm)
        with mock.patch.object(contender, "Log"):
            found = contender.Contender(args)
        found._targets[0].due = 100.0
        return found, found._targets[0]

    def test_an_attempt_that_waits_is_followed_by_the_next_sooner(self):
        found, target = self.one(1.0)
        self.assertEqual(100.0, found._due(target))
        target.attempts.append(None)
        self.assertEqual(99.25, found._due(target))

    def test_otherwise_nothing_is_sooner(self):
        found, target = self.one(None)
        target.attempts.append(None)
        self.assertEqual(100.0, found._due(target))

    @mock.patch.object(contender.selectors.DefaultSelector, "select", lambda *_: [])
    def begun(self, answered):
        """When attempts begin in two seconds."""
        found, target = self.one(1.0)
        now, times = [100.0], []

        def start(_):
            times.append(now[0])
            target.attempts[:] = [] if answered else [mock.Mock(shown=True, started=0.0)]

        with mock.patch.object(contender.time, "monotonic", lambda: now[0]), mock.patch.object(found, "_start", start):
            for now[0] in (100.0 + step / 8 for step in range(17)):
                found._turn()
        return times

    def test_how_often_it_begins(self):
        self.assertEqual([100.0, 101.0, 102.0], self.begun(answered=True))
        self.assertEqual([100.0 + step / 4 for step in range(9)], self.begun(answered=False))


class OperationsTest(unittest.TestCase):
    JOURNAL = """\
1000.500000 node2 pacemaker-controld[205]:  notice: Requesting local execution of start operation for fs-web on node2
1001.000000 node2 pacemaker-controld[205]:  notice: High CPU load detected: 2.240000
1002.250000 node2 pacemaker-controld[205]:  notice: Result of start operation for fs-web on node2: ok
1002.500000 node2 pacemaker-controld[205]:  notice: Result of monitor operation for fs-web on node2: ok
1003.000000 node2 pacemaker-controld[205]:  notice: Requesting local execution of start operation for web on node2
"""

    def test_what_has_begun_and_ended(self):
        self.assertEqual([{"what": "fs-web start", "begin": 1000.0, "end": 1001.75}],
                         operations.operations(self.JOURNAL.splitlines(), 0.5))


def outage(kind, what="move", **more):
    return {"kind": kind, "what": what, "kernel": "6.12", "gaps": {}, "after": {}, "errors": 0, "stolen": 0, "refused": 0, **more}


def no_end(kind, what):
    return {"kind": kind, "what": "failed", "outage": what, "kernel": "6.12"}


def cost(kind, name, agent, action, cpu, wall=2.0, helper=0.0):
    return {"kind": kind, "what": "agents", "kernel": "6.12", "resource": name, "agent": agent,
            "action": action, "wall": wall, "cpu": cpu, "helper": helper}


def memory(size):
    return {"kind": "gracekeeper", "what": "agents", "kernel": "6.12", "memory": size}


ACTIONS = ("start", "stop", "monitor")
WRITERS = ["v3", "v4.0", "v4.1", "v4.2"]


def all_reached(kernel="6.12"):
    """Lines with which nothing is missed, and enough of them."""
    lines = []
    for what in ("move", "cut"):
        lines += [outage("floor", what, gaps={"prober": 2.0}), outage("tuned", what, gaps={name: 10.0 for name in WRITERS}),
                  outage("usual", what, gaps={f"requester-{name}": 100.0 for name in WRITERS}),
                  outage("gracekeeper", what, lost=[], refused=5, gaps={
                      **{name: 2.5 for name in WRITERS}, **{f"requester-{name}": 4.0 for name in WRITERS}})] * summary.TIMES
    for kind, cpu in (("usual", 1.0), ("gracekeeper", 0.15)):
        lines += [cost(kind, "n", "nfs", action, cpu) for action in ACTIONS]
    return [{**line, "kernel": kernel} for line in lines + [memory(61.25)]]


class SummaryTest(unittest.TestCase):
    def test_medians_worst_and_floors(self):
        found = summary.collect([
            outage("floor", gaps={"prober": 2.0}),
            outage("gracekeeper", gaps={"v3": 3.0}, lost=[]), outage("gracekeeper", gaps={"v3": 5.0}, lost=["kept-3:1"]),
            outage("usual", gaps={"v3": None}, lost=["kept-3:1", "kept-4.2:0", "kept-4.2:3"], stolen=1)])
        text = "\n".join(summary.table(found))
        self.assertRegex(text, r"how many +2 +1 +1\n +without requesters +2 +1 +1\n")
        self.assertRegex(text, r"write, NFSv3 +4\.0 / 5\.0 \(2\.0\) +endless / endless\n")
        self.assertRegex(text, r"address +2\.0 / 2\.0 \(1\.0\)\n")
        self.assertRegex(text, r"locks lost +1 +3\n")
        self.assertRegex(text, r"of which +v3 1 +v3 1, v4\.2 2\n")
        self.assertRegex(text, r"locks stolen +0 +1\n")
        self.assertNotIn("new lock", text)
        self.assertNotIn("without an end", text)
        self.assertNotIn("gracekeeper:", text)
        picture = "".join(xml.fromstring(summary.svg({"6.12": found})).itertext())
        self.assertIn("NFSv3, gracekeeper", picture)
        self.assertIn("kernel 6.12, planned move", picture)

    def test_what_the_outages_are_spent_on(self):
        found = summary.collect([outage("gracekeeper", after={"v3": 1.5}, parts={"up a": 1.0, "up b": 3.0}),
                                 outage("gracekeeper", after={"v3": 2.5}, parts={"up a": 2.0}),
                                 outage("gracekeeper", parts={"up a": 4.0, "up b": 3.5})])
        text = "\n".join(summary.table(found))
        self.assertRegex(text, r"gracekeeper, by its timeline: up b 3\.0 s, up a 2\.0 s$")
        self.assertRegex(text, r"new lock after write, NFSv3 +2\.0 / 2\.5\n")

    def test_outages_without_requesters_are_counted(self):
        text = "\n".join(summary.table(summary.collect([
            outage("gracekeeper", gaps={"v3": 3.0, "requester-v3": 5.0}), outage("gracekeeper", gaps={"v3": 3.0}),
            outage("usual", gaps={"v3": 3.0, "requester-v4.2": None})])))
        self.assertRegex(text, r"how many +2 +1\n +without requesters +1 +0\n")

    def test_why_the_longest_grace_was_that_long(self):
        found = summary.collect([outage("gracekeeper", graces={"NLM": {"seconds": 1.5, "why": "3 of 3 locks back"}}),
                                 outage("gracekeeper", graces={"NLM": {"seconds": 90.0, "why": "its time is over"},
                                                               "NFSv4": {"seconds": 2.0, "why": "1 of 1 client done"}}),
                                 outage("gracekeeper", graces={"NLM": {"seconds": 2.5, "why": "3 of 3 locks back"}})])
        text = "\n".join(summary.table(found))
        self.assertRegex(text, r"gracekeeper, NFSv4 grace: 2\.0 / 2\.0 s, the longest: 1 of 1 client done\n"
                               r" +gracekeeper, NLM grace: 2\.5 / 90\.0 s, the longest: its time is over$")

    def test_an_outage_without_an_end_is_told(self):
        found = summary.collect([outage("gracekeeper"), no_end("gracekeeper", "move")])
        text = "\n".join(summary.table(found))
        self.assertRegex(text, r"how many +1\n")
        self.assertRegex(text, r"outages without an end +1$")

    def test_agents(self):
        text = "\n".join(summary.costs(
            [cost("tuned", name, agent, action, cpu) for name, agent, cpu in (
                ("b", "portblock", 0.25), ("u", "portblock", 0.5), ("fs", "Filesystem", 9)) for action in ACTIONS]
            + [cost("gracekeeper", "g", "nfs", action, 0.5, helper=0.125) for action in ACTIONS]))
        self.assertIn("tuned: one monitor of each: 0.750 s", text)
        self.assertIn("monitor 2.00 / 0.50 (0.12 the helper's)", text)
        self.assertNotIn("Filesystem", text)

    def test_costs_are_no_outages(self):
        self.assertEqual({}, summary.collect([memory(1), cost("usual", "u", "exportfs", "stop", 1.0)]))

    def test_each_kind_is_described(self):
        text = "\n".join(groups.described(["usual", "floor"]))
        for words in ("keeps the shared info directory busy", "unlock_on_stop=1", "F_GETLK", "Dummy"):
            self.assertIn(words, text.replace("\n" + " " * 15, " "))
        self.assertNotIn("portblock", text)
        self.assertEqual(summary.KINDS, list(groups.GROUPS))

    def test_nothing_measured_is_said(self):
        self.assertEqual([], summary.table(summary.collect([])))


class JudgeTest(unittest.TestCase):
    """Whatever is missed is found, and what is not measured is not taken for reached."""

    def states(self, lines):
        return {state: [goal.text for goal in summary.goals(summary.collect(lines), lines) if goal.state == state]
                for state in (0, summary.MISSED, summary.LACKING)}

    def changed(self, kind, what, change):
        """all_reached(), with CHANGE made to the first of these outages."""
        lines = all_reached()
        number = next(i for i, line in enumerate(lines) if (line["kind"], line["what"]) == (kind, what))
        lines[number] = {**lines[number], **change(lines[number])}
        return lines

    def only_missed(self, lines, *wanted):
        states = self.states(lines)
        self.assertEqual([], states[summary.LACKING])
        self.assertEqual(len(wanted), len(states[summary.MISSED]), states[summary.MISSED])
        for text, words in zip(states[summary.MISSED], wanted):
            self.assertIn(words, text)

    def test_all_is_reached(self):
        self.only_missed(all_reached())
        # 4 versions against floor and tuned, in moves and cuts; 4 requesters; locks of moves and cuts; monitor and memory.
        self.assertEqual(24, len(self.states(all_reached())[0]))

    def test_one_long_gap_misses(self):
        for what, words in summary.OUTAGES:
            for name, title in summary.VERSIONS:
                self.only_missed(
                    self.changed("gracekeeper", what, lambda line, name=name: {"gaps": {**line["gaps"], name: 3.5}}),
                    f"{words}, write, {title}: median 1.25, worst 1.75 of floor's; at most 1.5")

    def test_a_median_that_is_too_long_misses_beside_worse_outliers(self):
        lines = self.changed("floor", "move", lambda line: {"gaps": {"prober": 4.0}})
        for line in lines:
            if line["kind"] == "gracekeeper" and line["what"] == "move":
                line["gaps"] = {**line["gaps"], "v3": 3.5}
        self.only_missed(lines, "NFSv3: median 1.75, worst 0.88 of floor's")

    def test_half_of_tuned(self):
        lines = all_reached()
        for line in lines:
            if line["kind"] == "tuned" and line["what"] == "cut":
                line["gaps"] = {**line["gaps"], "v4.1": 4.0}
        self.only_missed(lines, "NFSv4.1: median 0.62, worst 0.62 of tuned's; at most 0.5")

    def test_a_writer_that_never_came_back_misses(self):
        self.only_missed(self.changed("gracekeeper", "cut", lambda line: {"gaps": {**line["gaps"], "v4.0": None}}),
                         "NFSv4.0: median 1.25, worst inf of floor's", "NFSv4.0: median 0.25, worst inf of tuned's")

    def test_the_whole_wait_for_a_new_lock_counts(self):
        for name, title in summary.VERSIONS:
            lines = self.changed("gracekeeper", "move", lambda line, name=name: {
                "gaps": {**line["gaps"], f"requester-{name}": 6.0}, "after": {name: 0.0}})
            self.only_missed(lines, f"planned move, new lock, {title}: median 0.04, worst 0.06 of usual's; at most 0.05")

    def test_what_the_floors_outage_alone_is_of_a_wait_for_new_locks(self):
        text = next(goal.text for goal in summary.goals(summary.collect(all_reached()), all_reached()) if "new lock" in goal.text)
        self.assertIn("at most 0.05 (floor's outage alone: 0.02)", text)
        without = [line for line in all_reached() if line["kind"] != "floor"]
        self.assertNotIn("alone", "".join(goal.text for goal in summary.goals(summary.collect(without), without)))

    def test_what_of_a_wait_for_new_locks_comes_after_the_first_write(self):
        lines = all_reached()
        for line in lines:
            if line["kind"] in ("gracekeeper", "usual") and line["what"] == "move":
                line["after"] = {"v4.1": 1.5 if line["kind"] == "gracekeeper" else 60.0}
        text = next(goal.text for goal in summary.goals(summary.collect(lines), lines) if "new lock, NFSv4.1" in goal.text)
        self.assertIn("(floor's outage alone: 0.02; of what comes after the first write: median 0.03, worst 0.03)", text)
        self.only_missed(lines)

    def test_of_power_cuts_new_locks_are_not_judged(self):
        self.only_missed(self.changed("gracekeeper", "cut", lambda line: {"gaps": {**line["gaps"], "requester-v3": 90.0}}))

    def test_endless_gaps_of_others_are_told(self):
        lines = self.changed("tuned", "move", lambda line: {"gaps": {**line["gaps"], "v3": None}})
        self.assertIn("NFSv3: median 0.25, worst 0.00 (theirs is endless) of tuned's", "\n".join(self.states(lines)[0]))

    def test_a_floor_without_an_end_is_not_measured_by(self):
        lines = self.changed("floor", "move", lambda line: {"gaps": {"prober": None}})
        lacking = self.states(lines)[summary.LACKING]
        self.assertEqual(4, len(lacking))
        self.assertIn("of floor's; at most 1.5; 10 and 9 of 10 measured", lacking[0])

    def test_no_lock_may_be_lost_or_stolen(self):
        for what, words in summary.OUTAGES:
            for name, value, told in (("lost", ["kept:1"], "1 locks lost"), ("stolen", 1, "1 stolen"), ("errors", 1, "1 errors")):
                lines = self.changed("gracekeeper", what, lambda _, name=name, value=value: {name: value})
                self.only_missed(lines, f"{words}: ")
                self.assertIn(told, self.states(lines)[summary.MISSED][0])

    def test_what_others_lose_is_not_ours(self):
        self.only_missed(self.changed("usual", "move", lambda _: {"lost": ["kept:1"], "stolen": 3}))

    def test_an_outage_without_an_end_misses(self):
        self.only_missed(all_reached() + [no_end("gracekeeper", "cut")], "1 outages without an end")
        self.only_missed(all_reached() + [no_end("usual", "cut")])

    def test_locks_nobody_asked_for_are_not_proved_kept(self):
        for change in ({"refused": 0}, {"lost": None}):
            lines = self.changed("gracekeeper", "move", lambda line, change=change: change)
            lines = [{name: value for name, value in line.items() if value is not None} for line in lines]
            lacking = self.states(lines)[summary.LACKING]
            self.assertEqual(1, len(lacking))
            self.assertIn("9 of 10 proved", lacking[0])

    def test_monitor_and_memory(self):
        self.only_missed([{**line, "cpu": 0.25} if line.get("agent") and line["kind"] == "gracekeeper" else line
                          for line in all_reached()], "monitor, CPU time: at most 0.2 of all of usual's: 0.25")
        # The worst of all, not the usual one.
        self.only_missed(all_reached() + [memory(61.0), memory(64.5)], "resident memory: at most 64 MB: 64.5")

    def test_costs_that_were_not_measured_are_not_reached(self):
        self.assertEqual(["monitor, CPU time: at most 0.2 of all of usual's", "the helper's resident memory: at most 64 MB"],
                         self.states([line for line in all_reached() if line["what"] != "agents"])[summary.LACKING])

    def test_too_few_are_not_judged(self):
        for kind, what, goals in (("gracekeeper", "move", 13), ("gracekeeper", "cut", 9), ("usual", "move", 4), ("tuned", "cut", 4),
                                  ("floor", "cut", 4)):
            lines = all_reached()
            lines.remove(next(line for line in lines if (line["kind"], line["what"]) == (kind, what)))
            states = self.states(lines)
            self.assertEqual((goals, []), (len(states[summary.LACKING]), states[summary.MISSED]), (kind, what))
            self.assertRegex(states[summary.LACKING][0], "(10 and 9|9 and 10|9) of 10")

    def test_too_few_that_are_too_much_are_told(self):
        lines = [outage("floor", gaps={"prober": 2.0}), outage("gracekeeper", gaps={"v3": 4.0})]
        self.assertIn("planned move, write, NFSv3: median 2.00, worst 2.00 of floor's; at most 1.5; 1 and 1 of 10 measured, "
                      "too much so far", self.states(lines)[summary.LACKING])


class ExitTest(unittest.TestCase):
    """What a program that runs this goes by."""

    def status(self, lines, *options):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "results")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
            with mock.patch.object(sys, "argv", ["summary.py", path, *options]), contextlib.redirect_stdout(io.StringIO()) as said:
                return summary.main(), said.getvalue()

    def test_all_reached(self):
        self.assertEqual(0, self.status(all_reached(), "--judge")[0])

    def test_missed(self):
        lines = [{**line, "memory": 65.0} if "memory" in line else line for line in all_reached()]
        status, text = self.status(lines, "--judge")
        self.assertEqual(1, status)
        self.assertRegex(text, r"64 MB: 65\.0   MISSED")

    def test_not_enough(self):
        self.assertEqual(3, self.status(all_reached()[1:], "--judge")[0])
        self.assertEqual(3, self.status([], "--judge")[0])

    def test_missed_outweighs_not_enough(self):
        self.assertEqual(1, self.status(all_reached()[1:] + [memory(65.0)], "--judge")[0])

    def test_what_was_compared_is_told_once(self):
        text = self.status([outage("usual"), {**outage("usual"), "kernel": "6.1"}])[1]
        self.assertEqual(1, text.count("keeps the shared info directory busy"), text)

    def test_a_shard_is_not_judged(self):
        self.assertEqual(0, self.status(all_reached()[:3])[0])
        self.assertEqual((0, "nothing was measured yet\n"), self.status([]))

    def test_each_kernel_by_itself(self):
        status, text = self.status(all_reached("6.1") + all_reached("6.12"), "--judge")
        self.assertEqual(0, status)
        self.assertLess(text.index("kernel 6.1\n"), text.index("kernel 6.12\n"))
        # Half of what is needed of each are not enough of both, and one kernel's are not the other's.
        half = [line for kernel in ("6.1", "6.12") for number, line in enumerate(all_reached(kernel))
                if line["what"] == "agents" or number % 2 == (kernel == "6.1")]
        self.assertEqual(3, self.status(half, "--judge")[0])
        worse = [{**line, "memory": 65.0} if "memory" in line else line for line in all_reached("6.1")]
        self.assertEqual(1, self.status(worse + all_reached("6.12"), "--judge")[0])

    def test_the_picture_has_each_kernel(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "picture.svg")
            self.status(all_reached("6.1") + all_reached("6.12"), "--svg", path)
            text = "".join(xml.parse(path).getroot().itertext())
        for words in ("kernel 6.1, planned move", "kernel 6.12, power cut", "new lock, NFSv4.0, usual"):
            self.assertIn(words, text)


if __name__ == "__main__":
    unittest.main()
