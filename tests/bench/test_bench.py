# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""python3 -m unittest discover -s tests/bench"""
import argparse
import unittest
import xml.etree.ElementTree as xml
from unittest import mock

import measure
import contender  # measure has set the path to it
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

    def test_a_clock_that_is_ahead_is_put_right(self):
        found = self.one(dict(self.MOVE, end=1011.0), **{"web-v3": holder([14.0, 15.5, 21.0], host="ahead")})
        self.assertEqual({"v3": 5.5}, found["gaps"])

    def test_after_a_power_cut_a_gap_counts_from_the_fencing_on(self):
        found = self.one(dict(self.MOVE, what="cut", fenced=1014.0), **{"web-v3": holder([9.0, 10.0, 20.0])})
        self.assertEqual({"v3": 6.0}, found["gaps"])

    def test_a_writer_that_never_came_back_has_no_end(self):
        self.assertEqual({"v3": None}, self.one(self.MOVE, **{"web-v3": holder([1.0, 9.0])})["gaps"])

    def test_only_grants_count_for_new_locks_and_held_ones_are_stolen(self):
        logs = {"web-requester-v3": attempts((9.0, [9.0]), (11.0, []), (14.0, [14.0])),
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
                "web-requester-v4.2": attempts((9.0, [9.0]), (18.0, [18.0])),
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


class SummaryTest(unittest.TestCase):
    def line(self, kind, **more):
        return {"kind": kind, "what": "move", "kernel": "6.12", "gaps": {}, "errors": 0, "stolen": 0, **more}

    def test_medians_worst_and_floors(self):
        found = summary.collect([
            self.line("floor", gaps={"prober": 2.0}),
            self.line("gracekeeper", gaps={"v3": 3.0}, lost=[]), self.line("gracekeeper", gaps={"v3": 5.0}, lost=["a"]),
            self.line("usual", gaps={"v3": None}, lost=["a", "b"])])
        text = "\n".join(summary.table(found))
        self.assertRegex(text, r"gracekeeper +2 +4\.0 / 5\.0 \(2\.0\).* 1, 0, 0")
        self.assertRegex(text, r"usual +1 +endless / endless.* 2, 0, 0")
        self.assertNotIn("gracekeeper:", text)
        picture = xml.fromstring(summary.svg(found))
        self.assertIn("NFSv3, gracekeeper", "".join(picture.itertext()))

    def test_what_the_outages_are_spent_on(self):
        found = summary.collect([self.line("gracekeeper", after=1.5, parts={"up a": 1.0, "up b": 3.0}),
                                 self.line("gracekeeper", after=2.5, parts={"up a": 2.0}),
                                 self.line("gracekeeper", parts={"up a": 4.0, "up b": 3.5})])
        text = "\n".join(summary.table(found))
        self.assertRegex(text, r"gracekeeper, by its timeline: up b 3\.0 s, up a 2\.0 s$")
        self.assertRegex(text, r"gracekeeper +3 +2\.0 / 2\.5 ")

    def test_what_is_to_be_reached(self):
        found = summary.collect([self.line("floor", gaps={"prober": 2.0}), self.line("usual", after=90.0),
                                 self.line("tuned", gaps={"v3": 10.0, "v4.1": None})]
                                + [self.line("gracekeeper", gaps={"v3": gap, "v4.1": gap}, after=2.25) for gap in (2.5, 2.5, 6.0)])
        text = "\n".join(summary.goals(found))
        self.assertIn("planned move, NFSv3: median 1.25, worst 3.00 of floor's; at most 1.5   MISSED", text)
        self.assertRegex(text, r"NFSv3: median 0\.25, worst 0\.60 of tuned's; at most 0\.5   MISSED")
        self.assertRegex(text, r"(?m)NFSv4\.1: median 0\.00, worst 0\.00 of tuned's; at most 0\.5$")
        self.assertRegex(text, r"(?m)new lock after write: median 0\.03, worst 0\.03 of usual's; at most 0\.05$")
        self.assertNotIn("power cut", text)
        never = summary.collect([self.line("floor", gaps={"prober": 2.0}), self.line("gracekeeper", gaps={"v3": None})])
        self.assertIn("MISSED", "\n".join(summary.goals(never)))

    def test_monitors_together(self):
        def cost(kind, name, agent, action, wall, cpu):
            return {"kind": kind, "what": "agents", "kernel": "6.12", "resource": name, "agent": agent,
                    "action": action, "wall": wall, "cpu": cpu}

        lines = [cost("tuned", name, agent, action, 2.0, cpu) for name, agent, cpu in (
            ("b", "portblock", 0.25), ("u", "portblock", 0.5), ("fs", "Filesystem", 9)) for action in ("start", "stop", "monitor")]
        lines.append({"kind": "gracekeeper", "what": "agents", "kernel": "6.12", "memory": 61.25})
        text = "\n".join(summary.costs(lines))
        self.assertIn("tuned: one monitor of each: 0.750 s", text)
        self.assertIn("memory: 61.2 MB; at most 64", text)
        self.assertNotIn("MISSED", text)
        lines += [cost("usual", "u", "exportfs", action, 2.0, 1.0) for action in ("start", "stop", "monitor")]
        lines += [cost("gracekeeper", "g", "nfs", action, 2.0, 0.25) for action in ("start", "stop", "monitor")]
        self.assertIn("monitor: 0.25 of usual's CPU; at most 0.2   MISSED", "\n".join(summary.costs(lines)))
        self.assertNotIn("Filesystem", text)
        self.assertEqual({}, summary.collect(lines))

    def test_nothing_measured_is_said(self):
        self.assertEqual([], summary.table(summary.collect([])))


if __name__ == "__main__":
    unittest.main()
