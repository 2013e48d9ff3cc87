#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Try, from another host, to get the locks that holders have; all the time, also while the server recovers.

    contender.py --name NAME --log FILE --via LABEL=DIR [--via ...] [--control FILE:SLOT] FILE:FIRST+COUNT...

Every attempt is a process of its own, started fresh: a requester that the server refused because of its grace period
sleeps in the client's kernel (5 s over NFSv3, up to 15 s over NFSv4), also inside a non-blocking fcntl, and one that sleeps
sees nothing. At most --max-pending of them wait per file and mount; the oldest is then given up and killed.
Attempts take turns between a descriptor opened beforehand (only the lock is asked for: NFSv4's OPEN waits for more than
its LOCK does) and a fresh open. With --blocking every third one is a blocking request, for one slot.
With --calm they are that far apart as long as each is answered before the next would be due by --interval, which counts from
then on: many attempts where they tell when something is to be had again, few where they would only be a load.

A lock granted on a held slot is a stolen lock: the contender writes into the slot, where the holder's check finds it, and
counts it. A --control slot is held by nobody: it must be granted, which shows that attempts are really judged, and tells
when new locks are to be had again after a recovery.

Ends at SIGTERM. Exit status: 0 no held slot was granted, 1 otherwise.
"""
import argparse
import errno
import fcntl
import json
import os
import random
import selectors
import signal
import socket
import sys
import time

from lockload import EVIDENCE, LOCKED, SLOT, Log, errno_name, evidence, parse_range

PENDING_AFTER = 1.0
# How long a blocking request waits. Shorter than --give-up, so that it is the request that ends and not its process.
WAIT = 2.0


class Target:
    """A file through one mount, the slots to try in it, and the attempts under way."""

    def __init__(self, via, directory, file, slots, control):
        self.via = via
        self.path = os.path.join(directory, file)
        self.file = file
        self.slots = slots
        self.control = control
        self.attempts = []
        self.due = 0.0
        self.turn = 0
        self.opened = None


class Attempt:
    def __init__(self, target, mode, pid, fd):
        self.target = target
        self.mode = mode
        self.pid = pid
        self.fd = fd
        self.started = time.monotonic()
        self.shown = False
        self.answer = b""


class Waited(Exception):
    """The alarm that ends a blocking request."""


def ask(fd, slot, blocking):
    """An exclusive lock on the slot. A blocking request waits for WAIT seconds in the server's queue."""
    if not blocking:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCKED, slot * SLOT)
        return

    def alarm(_signal, _frame):
        raise Waited
    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, WAIT)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX, LOCKED, slot * SLOT)
    except Waited:
        raise OSError(errno.EAGAIN, "waited in vain") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def try_slots(target, fd, token, count, say, most=None, blocking=False):
    """In the attempt's own process: ask for each slot, or MOST of them, in random order, and say what came of it. One that
    blocks asks for one slot only."""
    if fd is None:
        try:
            fd = os.open(target.path, os.O_RDWR)
        except OSError as error:
            say({"open": errno_name(error)})
            return
    for slot in random.sample(target.slots, 1 if blocking else min(most or len(target.slots), len(target.slots))):
        try:
            ask(fd, slot, blocking)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                say({"denied": slot})
            else:
                say({"error": errno_name(error), "slot": slot})
            continue
        # The time now: the unlock below may have to wait for the next server, and this process with it.
        say({"granted": slot, "at": round(time.time(), 4)})
        if not target.control:
            os.pwrite(fd, evidence(token, count), slot * SLOT + EVIDENCE)
            os.fsync(fd)
        fcntl.lockf(fd, fcntl.LOCK_UN, LOCKED, slot * SLOT)


class Contender:
    def __init__(self, args):
        self._args = args
        self._log = Log(args.log)
        self._token = f"{socket.gethostname()}/{args.name}"
        self._selector = selectors.DefaultSelector()
        # Attempts whose answer was taken and whose process is not waited for yet: one that was killed inside the NFS
        # client may take its time to go, and a process id is not free before it is waited for.
        self._leaving = set()
        self._stop = False
        self._count = {"attempts": 0, "denied": 0, "granted": 0, "errors": 0, "waited": 0, "given_up": 0,
                       "control_granted": 0, "control_denied": 0}
        self._targets = self._make_targets()

    def _make_targets(self):
        files = {}
        for text in self._args.ranges:
            rng = parse_range(text)
            files.setdefault((rng.file, False), []).extend(s.number for s in rng.slots())
        for text in self._args.control:
            rng = parse_range(text)
            files.setdefault((rng.file, True), []).extend(s.number for s in rng.slots())
        targets = []
        for via in self._args.via:
            label, directory = via.split("=", 1)
            targets += [Target(label, directory, file, sorted(set(slots)), control)
                        for (file, control), slots in files.items()]
        return targets

    def run(self):
        signal.signal(signal.SIGTERM, self._asked_to_stop)
        self._log.write("start", role="contender", name=self._args.name, host=socket.gethostname(),
                        via=sorted({t.via for t in self._targets}),
                        slots=sorted({f"{t.file}:{s}" for t in self._targets for s in t.slots if not t.control}))
        if self._args.reuse_open:
            for target in self._targets:
                target.opened = os.open(target.path, os.O_RDWR)
        self._log.write("trying")
        if self._args.ready:
            with open(self._args.ready, "w", encoding="ascii") as ready:
                ready.write("trying\n")
        # Not all at the same instant: spread over the interval.
        now = time.monotonic()
        for index, target in enumerate(self._targets):
            target.due = now + self._args.interval * index / len(self._targets)
        while not self._stop:
            self._turn()
        pending = [a for t in self._targets for a in t.attempts]
        for attempt in pending:
            self._finish(attempt, "given_up")
        self._log.write("end", pending=len(pending), **self._count)
        return 1 if self._count["granted"] else 0

    def _asked_to_stop(self, _signal, _frame):
        self._stop = True

    def _turn(self):
        self._leaving = {pid for pid in self._leaving if os.waitpid(pid, os.WNOHANG)[0] == 0}
        now = time.monotonic()
        for target in self._targets:
            due = self._due(target)
            if now >= due:
                self._start(target)
                target.due = max(due + self._args.interval, now) + self._spared()
            for attempt in target.attempts:
                if not attempt.shown and now - attempt.started > PENDING_AFTER:
                    attempt.shown = True
                    self._count["waited"] += 1
                    self._log.write("pending", file=target.file, via=target.via, mode=attempt.mode,
                                    control=target.control)
        wait = max(0.0, min(self._due(t) for t in self._targets) - time.monotonic())
        for key, _ in self._selector.select(min(wait, 0.5)):
            self._read(key.data)

    def _spared(self):
        """How much later than --interval the next attempt begins when the last one was answered."""
        return 0.0 if self._args.calm is None else max(0.0, self._args.calm - self._args.interval)

    def _due(self, target):
        """When the next attempt begins."""
        return target.due - self._spared() if target.attempts else target.due

    def _start(self, target):
        if len(target.attempts) >= self._args.max_pending:
            oldest = target.attempts[0]
            if time.monotonic() - oldest.started < self._args.give_up:
                return
            self._count["given_up"] += 1
            self._finish(oldest, "given_up")
        target.turn += 1
        self._count["attempts"] += 1
        fresh = target.opened is None or target.turn % 2 == 0
        blocking = self._args.blocking and target.turn % 3 == 0
        mode = ("open" if fresh else "lock") + ("-wait" if blocking else "")
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.close(read_end)
                try_slots(target, None if fresh else target.opened, self._token, self._count["attempts"],
                          lambda what: os.write(write_end, (json.dumps(what) + "\n").encode()),
                          self._args.sample, blocking)
            except BaseException as error:  # the child must never fall back into the parent's loop
                os.write(write_end, (json.dumps({"error": repr(error)}) + "\n").encode())
            finally:
                os._exit(0)
        os.close(write_end)
        attempt = Attempt(target, mode, pid, read_end)
        target.attempts.append(attempt)
        self._selector.register(read_end, selectors.EVENT_READ, attempt)

    def _read(self, attempt):
        data = os.read(attempt.fd, 65536)
        if data:
            attempt.answer += data
            return
        self._finish(attempt, "try")

    def _finish(self, attempt, kind):
        """Take what the attempt said into account; kill it first if it still runs."""
        target = attempt.target
        if kind == "given_up":
            os.kill(attempt.pid, signal.SIGKILL)
            os.set_blocking(attempt.fd, False)
            try:
                attempt.answer += os.read(attempt.fd, 65536)
            except BlockingIOError:
                pass
        self._selector.unregister(attempt.fd)
        os.close(attempt.fd)
        target.attempts.remove(attempt)
        self._leaving.add(attempt.pid)
        denied, granted, granted_at, errors = [], [], [], []
        for line in attempt.answer.decode().splitlines():
            said = json.loads(line)
            if "denied" in said:
                denied.append(said["denied"])
            elif "granted" in said:
                granted.append(said["granted"])
                granted_at.append(said["at"])
            else:
                errors.append(said.get("open") or said.get("error"))
        prefix = "control_" if target.control else ""
        self._count[prefix + "denied"] += len(denied)
        self._count[prefix + "granted"] += len(granted)
        self._count["errors"] += len(errors)
        self._log.write(kind, file=target.file, via=target.via, mode=attempt.mode, control=target.control,
                        denied=len(denied), granted=granted, granted_at=granted_at, errors=errors,
                        took=round(time.monotonic() - attempt.started, 3))


def main():
    parser = argparse.ArgumentParser(description="try to steal held locks")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready")
    parser.add_argument("--via", action="append", required=True, metavar="LABEL=DIR")
    parser.add_argument("--control", action="append", default=[], metavar="FILE:SLOT")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two attempts on one file and mount")
    parser.add_argument("--calm", type=float, help="the same as long as attempts are answered")
    parser.add_argument("--max-pending", type=int, default=3)
    parser.add_argument("--give-up", type=float, default=4.0, help="age in seconds at which a waiting attempt may be killed")
    parser.add_argument("--sample", type=int, help="ask for so many slots in an attempt, at random, not for all")
    parser.add_argument("--blocking", action="store_true", help="let every third attempt wait in the server's queue")
    parser.add_argument("--fresh-open-only", dest="reuse_open", action="store_false")
    parser.add_argument("ranges", nargs="*", metavar="FILE:FIRST+COUNT")
    return Contender(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
