# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Tests of the workloads on local files: the pure parts, and that each kind of loss really is seen."""
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import clocks
import early
import latency
import monitors
import report
import server
from lockload import (EVIDENCE, LOCKED, RECORD, SLOT, Gap, Slot, evidence, fill, find_fault, gaps, longest_gap, parse_range,
                      read_log, record)

HERE = os.path.dirname(os.path.abspath(__file__))


def slot_data(token="a/h", seq=3):
    return (record(token, seq) + fill(token)).ljust(SLOT, b"\0")


class RangeTest(unittest.TestCase):
    def test_names_slots(self):
        rng = parse_range("dir/f:4+2:buffered")
        self.assertEqual([Slot("dir/f", 4), Slot("dir/f", 5)], rng.slots())
        self.assertEqual("buffered", rng.io)
        self.assertEqual(4 * SLOT, rng.slots()[0].start)

    def test_one_direct_slot_by_default(self):
        self.assertEqual(("f", 7, 1, "direct"), parse_range("f:7"))

    def test_refuses_what_it_cannot_read(self):
        for text in ("", "f", "f:", "f:x", "f:1+", "f:1+0", "f:-1", "f:1:slow"):
            with self.subTest(text), self.assertRaises(ValueError):
                parse_range(text)


class FaultTest(unittest.TestCase):
    def test_own_last_write_is_well(self):
        self.assertIsNone(find_fault(slot_data(), "a/h", 3))

    def test_sees_an_older_write(self):
        self.assertIn("not the last write (4)", find_fault(slot_data(seq=3), "a/h", 4))

    def test_sees_anothers_record(self):
        self.assertIn("another's record", find_fault(slot_data("b/h"), "a/h", 3))

    def test_a_token_that_begins_like_ours_is_anothers(self):
        self.assertIn("another's record", find_fault(slot_data("a/h2"), "a/h", 3))

    def test_sees_evidence_in_the_fill(self):
        data = bytearray(slot_data())
        data[EVIDENCE:EVIDENCE + 30] = evidence("thief", 1).ljust(30)
        self.assertIn("STOLEN by thief", find_fault(bytes(data), "a/h", 3))

    def test_evidence_lies_where_the_holder_does_not_write(self):
        self.assertGreaterEqual(EVIDENCE, RECORD)
        self.assertLess(EVIDENCE + len(evidence("x" * 100, 10 ** 9)), LOCKED)

    def test_sees_a_damaged_record(self):
        data = bytearray(slot_data())
        data[5] ^= 1
        self.assertIsNotNone(find_fault(bytes(data), "a/h", 3))

    def test_sees_a_short_read(self):
        self.assertIn("short", find_fault(b"", "a/h", 3))

    def test_every_byte_of_the_locked_range_counts(self):
        good = slot_data()
        for at in range(LOCKED):
            bad = bytearray(good)
            bad[at] ^= 0xff
            self.assertIsNotNone(find_fault(bytes(bad), "a/h", 3), at)


class GapTest(unittest.TestCase):
    def test_longest_between_writes(self):
        self.assertEqual(Gap(5, 2, 7), longest_gap([0, 1, 2, 7, 8]))

    def test_from_the_last_write_to_the_end(self):
        self.assertEqual(Gap(10, 2, 12), longest_gap([0, 1, 2], 12))

    def test_never_written_is_endless(self):
        self.assertEqual(math.inf, longest_gap([]).seconds)
        self.assertEqual(math.inf, longest_gap([], 12).seconds)

    def test_single_write(self):
        self.assertEqual([Gap(2, 1, 3)], gaps([1], 3))


class PhaseTest(unittest.TestCase):
    EVENTS = [{"w": 100, "text": "", "phase": "a"}, {"w": 110, "text": "", "phase": "b"},
              {"w": 120, "text": "", "phase": "a"}, {"w": 130, "text": "", "phase": "end"}]

    def gaps_of(self, *writes):
        lines = [{"t": 0, "w": 90, "e": "start", "role": "holder", "name": "h", "host": "c", "proto": "p", "slots": ["f:0"]}]
        lines += [{"t": at - 90, "w": at, "e": "write", "slot": "f:0", "seq": 1} for at in writes]
        return report.phase_gaps(self.EVENTS, [report.Holder(lines, 0)])

    def test_a_gap_belongs_to_its_phase_and_phases_add_up(self):
        found = self.gaps_of(100, 104, 105, 111, 113, 121, 122, 140)
        self.assertEqual({"a": {"h": 18}, "b": {"h": 8}, "end": {"h": 18}}, found)

    def test_a_gap_across_the_border_belongs_to_both(self):
        self.assertEqual(9, self.gaps_of(101, 102, 103, 112, 113, 114)["a"]["h"])


class CrashTest(unittest.TestCase):
    """A host that crashes at 100 with the lock f:0; another one that holds f:1."""

    def totals(self, *grants, missing=(), crash=100):
        events = [{"w": crash, "text": "", "crashed": "c"}, {"w": 130, "text": "", "getlk": {"missing": list(missing)}}]
        holders = [report.Holder([{"t": 0, "w": 90, "e": "start", "name": host, "host": host, "proto": "p", "slots": [slot]},
                                  {"t": 5, "w": 95, "e": "write", "slot": slot, "seq": 1}] + end, 0)
                   for host, slot, end in (("c", "f:0", []), ("d", "f:1", [{"t": 50, "w": 140, "e": "end"}]))]
        lines = [{"t": 0, "w": 90, "e": "start", "name": "x", "host": "e"}, {"t": 50, "w": 140, "e": "end"}]
        lines += [{"t": 45, "w": 135, "e": "try", "file": "f", "via": "v", "mode": "lock", "control": False, "denied": 0,
                   "granted": [slot], "granted_at": [at], "errors": [], "took": 40} for slot, at in grants]
        contenders = [report.Contender(lines, 0)]
        report.apply_crashes(events, holders, contenders)
        found = report.summary(events, holders, contenders)
        return found["kept"], found["lost"], found["stolen"], found["contender"]["granted"], found["not_ended"]

    def test_its_locks_are_nobodys_from_then_on(self):
        self.assertEqual((2, 0, 0, 0, []), self.totals((0, 110), missing=["f:0"]))

    def test_before_they_could_be_stolen(self):
        self.assertEqual((1, 0, 1, 1, []), self.totals((0, 99)))

    def test_those_of_another_host_are_as_ever(self):
        self.assertEqual((1, 0, 1, 1, []), self.totals((1, 110)))
        self.assertEqual((1, 1, 0, 0, []), self.totals(missing=["f:1"]))

    def test_a_crash_before_it_held_is_none_of_its(self):
        self.assertEqual((1, 0, 1, 1, ["c"]), self.totals((0, 110), crash=80))


class GraceTest(unittest.TestCase):
    JOURNAL = ["1100.5 node1 java[77]: service web: NLM grace ended after 30.0 s: its time is over, 2 hosts may reclaim",
               "1090.0 node1 java[77]: service web: start: started in 3.10 s"]

    def contender(self, *tries):
        """Tries: (end, how long, mode), by a clock that is 50 s ahead."""
        lines = [{"t": 10, "w": 60, "e": "start", "role": "contender", "name": "c", "host": "client3"}]
        lines += [{"t": end, "e": "try", "file": "f", "via": "NFSv3", "mode": mode, "control": False, "denied": 1, "granted": [],
                   "errors": [], "took": took} for end, took, mode in tries]
        return report.Contender(lines, 50)

    def test_the_journal_makes_an_event(self):
        self.assertEqual([(100.5, {"node": "node1", "which": "NLM", "seconds": 30.0})],
                         [(event["w"], event["grace"]) for event in report.grace_events(self.JOURNAL, "node1", 1000)])

    def test_attempts_of_a_grace_are_counted(self):
        events = list(report.grace_events(self.JOURNAL, "node1", 1000))
        found = report.graces(events, [self.contender((70, 0.1, "lock"), (72, 5, "open"), (80, 1, "lock-wait"), (110, 1, "lock"))])
        self.assertEqual([({"NFSv3": 2}, {"NFSv3": 1}, 1)],
                         [(grace["asked"], grace["waiting"], grace["blocking"]) for grace in found])

    def test_without_attempts_it_has_none(self):
        events = list(report.grace_events(self.JOURNAL, "node1", 1000))
        self.assertEqual([({}, 0)], [(grace["asked"], grace["blocking"])
                                     for grace in report.graces(events, [self.contender((60, 1, "lock"))])])
        self.assertEqual([], report.graces(events, []))


class LatencyTest(unittest.TestCase):
    @staticmethod
    def lines(*times):
        """BEGIN-END, BEGIN-END, ..., and perhaps a last BEGIN."""
        lines = [{"w": 0, "e": "start"}]
        for begin, *end in times:
            lines.append({"w": begin, "e": "begin"})
            lines += [{"w": at, "e": "took", "s": at - begin} for at in end]
        return lines

    def test_counts_what_had_not_ended_then(self):
        lines = self.lines((1, 8), (9, 11), (12, 13), (14, 17))
        self.assertEqual((7, 2.5, 4), latency.summary(lines, 0, 20))
        self.assertEqual((3, 2, 3), latency.summary(lines, 10, 20))

    def test_counts_what_has_not_ended_yet(self):
        self.assertEqual((8, 4.5, 2), latency.summary(self.lines((10, 11), (12,)), 5, 20))
        self.assertEqual((8, 8, 1), latency.summary(self.lines((10, 11), (12,)), 15, 20))

    def test_nothing_at_all_is_endless(self):
        self.assertEqual((math.inf, math.inf, 0), latency.summary(self.lines((1, 2)), 5, 20))


class MonitorsTest(unittest.TestCase):
    """Two installations, from 100 to 150 and from 200 to 250."""

    def summary(self, *asked):
        return monitors.summary(asked, [(100, 150), (200, 250)], ["web", "db"])

    def test_only_what_is_under_way_in_an_installation_counts(self):
        found = self.summary((90, 99, "web"), (95, 101, "web"), (120, 122, "web"), (151, 199, "web"), (249, 260, "web"),
                             (149, 201, "db"))
        self.assertEqual({"installations": 2, "asked": 1, "least": 1, "longest": 52}, found)

    def test_an_installation_without_a_monitor_of_each_service_is_seen(self):
        found = self.summary((120, 122, "web"), (220, 222, "web"), (120, 122, "db"), (130, 131, "db"))
        self.assertEqual((2, 0), (found["asked"], found["least"]))
        self.assertEqual(0, self.summary((120, 122, "web"), (220, 222, "web"))["least"])
        self.assertEqual((0, 0), (self.summary()["least"], self.summary()["longest"]))
        self.assertEqual(0, monitors.summary([(1, 2, "web")], [], ["web"])["least"])


class LogTest(unittest.TestCase):
    def read(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
            file.write(text)
            file.flush()
            return read_log(file.name)

    def test_torn_last_line_is_left_out(self):
        self.assertEqual([{"e": "a"}], self.read('{"e": "a"}\n{"e": "b'))

    def test_damage_elsewhere_is_an_error(self):
        with self.assertRaises(ValueError):
            self.read('{"e": "a"\n{"e": "b"}\n')


class ProcLocksTest(unittest.TestCase):
    TEXT = ("1: POSIX  ADVISORY  WRITE 501 fe:10:13 0 3999\n"
            "1: -> POSIX  ADVISORY  WRITE 502 fe:10:13 0 3999\n"
            "2: FLOCK  ADVISORY  WRITE 77 00:1a:991 0 EOF\n"
            "3: DELEG  ACTIVE    WRITE 501 fe:10:14 0 EOF\n")

    def test_lines_of_one_device_waiters_included(self):
        self.assertEqual(3, len(server.parse_locks(self.TEXT, "fe:10")))
        self.assertEqual([], server.parse_locks(self.TEXT, "fe:11"))

    def test_a_device_may_be_named_by_its_numbers(self):
        self.assertEqual("93:0a", server.device_of("147:10"))

    def test_held_ones_without_a_file(self):
        self.assertEqual([("POSIX", "ADVISORY", "WRITE", "501", "fe:10:13", "0", "3999")],
                         server.held_locks(self.TEXT, "fe:10", None))
        self.assertEqual([], server.held_locks(self.TEXT, "fe:10", 13))
        self.assertEqual(1, len(server.held_locks(self.TEXT, "fe:10", 3)))

    def test_a_device_is_not_found_inside_an_inode_number(self):
        self.assertEqual([], server.parse_locks("1: POSIX ADVISORY WRITE 5 fe:11:10 fe:10 3", "fe:10"))


class ClientTest(unittest.TestCase):
    """What the kernel's info of a client and its trace call the same client."""

    def info(self, address, minor=2):
        return (f'clientid: 0xb6d1a3a966f1e4c2\naddress: "{address}"\nstatus: confirmed\nseconds from last renew: 3\n'
                f'name: "Linux NFSv4.2 a\\x22 clientid: 0x1"\nminor version: {minor}\n'
                'callback state: UP\ncallback address: "10.0.0.9:0"\n')

    def test_a_client_is_named_as_in_the_trace(self):
        self.assertEqual(("66f1e4c2:b6d1a3a9", "10.77.0.51", 2), server.parse_client(self.info("10.77.0.51:817")))
        line = ("            nfsd-812     [000] .....   101.250031: nfsd_clid_reclaim_complete: client 66f1e4c2:b6d1a3a9")
        self.assertEqual(("101.250031", "66f1e4c2:b6d1a3a9"), server.COMPLETE.search(line).groups())

    def test_an_address_of_the_other_family(self):
        self.assertEqual(("fd77::52", 0), server.parse_client(self.info("[fd77::52]:908", 0))[1:])


class ClockTest(unittest.TestCase):
    def test_the_quickest_answer_counts(self):
        self.assertEqual((9.5, 0.5), clocks.best([(0, 20, 8), (10, 20, 11)]))

    def test_a_local_clock_is_not_off(self):
        offset, uncertainty = clocks.measure([sys.executable])
        self.assertLess(abs(offset), uncertainty + 0.01)


class RunTest(unittest.TestCase):
    """The programs against each other, on local files: the same system calls, a kernel that keeps its locks."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name
        self.children = []
        with open(self.path("events.jsonl"), "w", encoding="ascii") as file:
            file.write(json.dumps({"w": time.time(), "text": "begin"}) + "\n")

    def tearDown(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, program, name, *args):
        ready = self.path(name + ".ready")
        child = subprocess.Popen([sys.executable, os.path.join(HERE, program), "--name", name, "--ready", ready,
                                  "--log", self.path(name + ".log"), *args])
        self.children.append(child)
        self.wait_for(lambda: os.path.exists(ready) or child.poll() is not None, name + " ready")
        return child

    def hold(self, name, *ranges):
        return self.start("holder.py", name, "--proto", "local", "--rate", "50", "--dir", self.dir, *ranges)

    def contend(self, *ranges):
        return self.start("contender.py", "thief", "--via", "local=" + self.dir, "--interval", "0.1", *ranges)

    def test_a_lock_that_waits_is_seen_before_it_is_granted(self):
        file = self.path("l")
        measuring = self.start("latency.py", "l", "--interval", "0.01", "lock", file)
        with open(file, "r+b") as other:
            fcntl.lockf(other, fcntl.LOCK_EX, 1)
            since = time.time()
            time.sleep(0.5)
            longest, _, number = latency.summary(read_log(self.path("l.log")), since, time.time())
            fcntl.lockf(other, fcntl.LOCK_UN, 1)
        self.assertGreater(longest, 0.4)
        self.assertLess(longest, 10)
        self.assertIn(number, (1, 2))  # what was just ending ended
        self.wait_for_log("l", lambda line: line["e"] == "took" and line["s"] > 0.4)
        measuring.send_signal(signal.SIGTERM)
        self.assertEqual(0, measuring.wait(timeout=20))
        self.assertEqual("end", read_log(self.path("l.log"))[-1]["e"])

    def wait_for(self, condition, what):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def wait_for_log(self, name, condition):
        self.wait_for(lambda: any(condition(line) for line in read_log(self.path(name + ".log"))), name)

    def end(self, child):
        child.send_signal(signal.SIGTERM)
        return child.wait(timeout=20)

    def totals(self):
        return report.summary(*report.load(self.dir))

    def test_locks_that_are_kept(self):
        holder = self.hold("one", "f:0+2", "own:0+2:buffered")
        other = self.hold("two", "f:2+1")
        with open(self.path("free"), "wb"):
            pass
        thief = self.contend("--control", "free:0", "f:0+3", "own:0+2")
        for name in ("f", "own"):
            self.wait_for_log("thief", lambda line: line["e"] == "try" and line["file"] == name and line["denied"])
        self.wait_for_log("thief", lambda line: line["e"] == "try" and line["control"] and line["granted"])
        self.assertEqual([], server.missing_locks(self.dir, [parse_range("f:0+3"), parse_range("own:0+2")]))
        self.assertEqual([0, 0, 0], [self.end(child) for child in (thief, holder, other)])
        totals = self.totals()
        self.assertEqual((5, 5, 0, 0), tuple(totals[k] for k in ("locks", "kept", "lost", "stolen")))
        self.assertEqual((0, 0, []), (totals["io_errors"], totals["foreign"], totals["not_ended"]))
        self.assertEqual(0, totals["contender"]["granted"])
        self.assertGreater(totals["contender"]["denied"], 4)
        self.assertGreater(totals["contender"]["free_granted"], 0)
        self.assertGreater(totals["writes"]["one"], 4)

    def test_a_stolen_lock_shows_in_the_data_and_at_the_thief(self):
        holder = self.hold("one", "f:0+1")
        # A lock server that forgot: the holder's file is another one now, and the contender gets the lock on it.
        with open(self.path("f"), "rb") as file:
            data = file.read()
        os.mkdir(self.path("other"))
        with open(self.path("other/f"), "wb") as file:
            file.write(data)
        thief = self.start("contender.py", "thief", "--via", "local=" + self.path("other"), "--interval", "0.1", "f:0+1")
        self.wait_for_log("thief", lambda line: line["e"] == "try" and line["granted"])
        with open(self.path("other/f"), "rb") as stolen, open(self.path("f"), "r+b") as file:
            stolen.seek(EVIDENCE)
            file.seek(EVIDENCE)
            file.write(stolen.read(100))
        self.wait_for_log("one", lambda line: line["e"] == "foreign")
        self.assertEqual([1, 1], [self.end(thief), self.end(holder)])
        totals = self.totals()
        self.assertEqual((0, 1), (totals["kept"], totals["stolen"]))
        self.assertGreater(totals["foreign"], 0)

    def test_a_lock_the_server_does_not_have_is_lost(self):
        holder = self.hold("one", "f:0+1")
        self.assertEqual(["f:1"], server.missing_locks(self.dir, [parse_range("f:0+2")]))
        with open(self.path("events.jsonl"), "a", encoding="ascii") as file:
            look = {"present": 0, "missing": ["f:0"]}
            file.write(json.dumps({"w": time.time(), "text": "looked", "getlk": look}) + "\n")
        self.assertEqual(0, self.end(holder))
        self.assertEqual((0, 1), (self.totals()["kept"], self.totals()["lost"]))

    def test_a_holder_that_cannot_lock_says_so(self):
        with open(self.path("f"), "wb") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.assertEqual(3, self.hold("one", "f:0+1").wait(timeout=20))
        self.assertEqual(1, self.totals()["lost"])

    def test_a_holder_that_hangs_is_not_well(self):
        holder = self.hold("one", "f:0+1")
        self.wait_for_log("one", lambda line: line["e"] == "write")
        holder.kill()
        holder.wait()
        self.assertEqual(["one"], self.totals()["not_ended"])


class EarlyEndTest(unittest.TestCase):
    def test_a_start_is_back_with_its_last_lock(self):
        lines = [{"t": 1, "w": 101, "e": "locks", "since": 101, "nlm": 2, "v4": 6},
                 {"t": 5, "w": 105, "e": "locks", "since": 104.9, "nlm": None, "v4": None},
                 {"t": 9, "w": 109, "e": "locks", "since": 108.9, "nlm": 0, "v4": 0},
                 {"t": 10, "w": 110, "e": "locks", "since": 109.9, "nlm": 2, "v4": 3},
                 {"t": 11, "w": 111, "e": "reclaim_complete", "at": 10.5, "client": "a:1"},
                 {"t": 12, "w": 112, "e": "locks", "since": 111.9, "nlm": 2, "v4": 6},
                 {"t": 13, "w": 113, "e": "locks", "since": 112.9, "nlm": 1, "v4": 6}]
        self.assertEqual([(101, 101, 101, []), (109, 111.9, 112, [("a:1", 110.5)])], early.starts(lines, 2, 6))

    START = early.Start(begin=100, missed=105, back=105.1, completes=[("a:1", 105.3), ("a:2", 105.7), ("a:3", 120)])

    def judge(self, *grants, uncertain=0.01, holders=("a:1",)):
        return early.judge(self.START, grants, uncertain, holders)

    def test_a_grant_after_the_last_lock_is_not_early(self):
        self.assertEqual({"back": 105.3, "completes": 1, "after": 0.5, "early": 0}, self.judge(99, 105.8, 106))

    def test_only_a_holders_reclaim_complete_counts(self):
        for holders, back in (((), 105.1), (("a:2", "a:9"), 105.7), (("a:1", "a:3"), 120)):
            with self.subTest(holders):
                found = self.judge(130, holders=holders)
                self.assertEqual((back, round(130 - back, 3)), (found["back"], found["after"]))
                self.assertEqual(len(set(holders) & {"a:1", "a:2", "a:3"}), found["completes"])

    def test_a_grant_while_a_lock_is_missing_is_early(self):
        for at in (100.1, 102, 104.98):
            with self.subTest(at):
                self.assertEqual((1, 0.5), (self.judge(at, 105.8)["early"], self.judge(at, 105.8)["after"]))

    def test_a_grant_is_not_called_early_when_that_is_not_certain(self):
        for at in (99.5, 100.005, 104.995, 105.05, 105.2):
            with self.subTest(at):
                self.assertEqual(0, self.judge(at, 105.8)["early"])
        self.assertEqual(0, self.judge(104, uncertain=2)["early"])

    def test_no_grant_is_told(self):
        self.assertIsNone(self.judge(99)["after"])

    def test_early_grants_are_found_in_logs(self):
        """The clocks of node and client differ; the attempt was granted its lock long before it could be logged."""
        for granted, found in ((1105.5, 0), (1104.5, 1), (1099.5, 0)):
            with tempfile.TemporaryDirectory() as directory:
                def write(name, *lines):
                    with open(os.path.join(directory, name), "w", encoding="ascii") as file:
                        file.writelines(json.dumps(line) + "\n" for line in lines)

                write("clocks.json", {"node1": 2000, "client3": 1000, "uncertain": 0.02})
                write("holders")
                write("node1.sample.log", {"t": 0, "w": 2090, "e": "locks", "since": 2090, "nlm": None, "v4": None},
                      {"t": 10, "w": 2100, "e": "locks", "since": 2099.9, "nlm": 0, "v4": 1},
                      {"t": 15.1, "w": 2105.1, "e": "locks", "since": 2105, "nlm": 1, "v4": 3})
                write("requester@client3.log", {"t": 0, "w": 1107, "e": "try", "granted": [0], "granted_at": [granted]},
                      {"t": 0, "w": 1107, "e": "try", "granted": [0], "granted_at": [1106]})
                answer = subprocess.run([sys.executable, os.path.join(HERE, "early.py"), directory, "1", "3", "95", "110"],
                                        check=True, capture_output=True, text=True).stdout
                self.assertEqual([found], [one["early"] for one in json.loads(answer)], answer)

    def test_grants_around_a_time(self):
        lines = [{"granted_at": [at]} for at in (95, 98, 131, 130)] + [{"granted_at": []}, {"e": "pending"}]
        self.assertEqual((7, 25), early.around(lines, -5, 110))
        self.assertEqual((4, None), early.around(lines, 0, 135))
        self.assertEqual((None, 5), early.around(lines, 0, 90))

    def test_the_table_has_medians_and_their_ratio(self):
        rows = early.table(['10 yes [{"after": 0.5}, {"after": 0.25}, {"after": 0.75}]', '10 no [{"after": 20.0}]',
                            '1 yes [{"after": null}]'])
        self.assertEqual("    1  not every move was measured", rows[1])
        self.assertEqual(["10", "3", "0.50", "0.75", "1", "20.00", "40"], rows[2].split())

    def test_a_keepers_slots_are_those_it_says(self):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
            ready, file = os.path.join(directory, "ready"), os.path.join(directory, "f")
            with subprocess.Popen([sys.executable, os.path.join(HERE, "keeper.py"), "--name", "k", "--log",
                                   os.path.join(directory, "log"), "--ready", ready, "--slots", "--buffered", file, "2"]) as keeper:
                while not os.path.exists(ready):
                    self.assertIsNone(keeper.poll())
                    time.sleep(0.02)
                with open(ready, encoding="ascii") as said:
                    rng = parse_range(said.read().strip())
                self.assertEqual(("f", 2), (rng.file, rng.count))
                self.assertEqual([], server.missing_locks(directory, [rng]))
                self.assertEqual([f"f:{rng.first + 2}"], server.missing_locks(directory, [rng._replace(count=3)]))
                keeper.send_signal(signal.SIGTERM)
                self.assertEqual(0, keeper.wait(timeout=20))

    def test_a_keeper_holds_its_locks_until_it_is_told(self):
        with tempfile.TemporaryDirectory() as directory:
            ready, file = os.path.join(directory, "ready"), os.path.join(directory, "f")
            with subprocess.Popen([sys.executable, os.path.join(HERE, "keeper.py"), "--name", "k", "--log",
                                   os.path.join(directory, "log"), "--ready", ready, "--share", "--buffered", file, "3"]) as keeper:
                while not os.path.exists(ready):
                    self.assertIsNone(keeper.poll())
                    time.sleep(0.02)
                with open(file, "r+b") as other:
                    for offset, held in ((0, True), (1, False), (2, True), (4, True), (6, False)):
                        answer = fcntl.fcntl(other, fcntl.F_GETLK, server.FLOCK.pack(
                            fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
                        self.assertEqual(held, server.FLOCK.unpack(answer)[0] != fcntl.F_UNLCK, offset)
                keeper.send_signal(signal.SIGTERM)
                self.assertEqual(0, keeper.wait(timeout=20))

    def test_a_waiter_is_granted_when_the_shapes_are_given_up(self):
        with tempfile.TemporaryDirectory() as directory:
            def start(name, *options):
                ready = os.path.join(directory, name + ".ready")
                process = subprocess.Popen([sys.executable, os.path.join(HERE, "shapes.py"), "--name", name, "--log",
                                            os.path.join(directory, name), "--ready", ready, *options,
                                            os.path.join(directory, "f")])
                self.addCleanup(process.wait)
                self.addCleanup(process.kill)
                while not os.path.exists(ready):
                    self.assertIsNone(process.poll())
                    time.sleep(0.02)
                return process

            def events(name):
                return [line["e"] for line in read_log(os.path.join(directory, name))]

            holder, waiter = start("holder"), start("waiter", "--wait")
            with open("/proc/locks", encoding="ascii") as file:
                lines = server.parse_locks(file.read(), server.device_of(directory))
            inode = f":{os.stat(os.path.join(directory, 'f')).st_ino} "
            self.assertEqual(
                ["READ 0 19", "READ 0 59", "READ 40 44", "READ 5 29", "READ 50 59", "WRITE 100 109"],
                sorted(f"{words[3]} {words[-2]} {words[-1]}" for line in lines
                       if inode in line and "->" not in (words := line.split())))
            self.assertNotIn("granted", events("waiter"))
            holder.send_signal(signal.SIGTERM)
            self.assertEqual(0, holder.wait(timeout=20))
            while "granted" not in events("waiter"):
                self.assertIsNone(waiter.poll())
                time.sleep(0.02)
            waiter.send_signal(signal.SIGTERM)
            self.assertEqual(0, waiter.wait(timeout=20))


if __name__ == "__main__":
    unittest.main()
