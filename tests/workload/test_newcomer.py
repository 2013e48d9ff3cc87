# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Tests of the newcomer against servers that decode its requests by themselves, word by word as in RFC 1813 and XNFS."""
import os
import socket
import sys
import tempfile
import threading
import time
import unittest
import warnings
from unittest import mock

import newcomer
import test_idle_clients
from lockload import read_log
from test_idle_clients import Words, fragments, reply, word

EXPORT_HANDLE, FILE_HANDLE = b"export", b"file-handle"


def opaque(data):
    return word(len(data)) + data + bytes(-len(data) % 4)


class Server:
    """MOUNT, NFSv3 and NLM on one port."""

    def __init__(self):
        self.asked = []
        self.problems = []
        self.nlm_status = 0
        self.mount_status = 0
        self.let_go = threading.Event()
        self.let_go.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as requests:
            try:
                while header := requests.read(4):
                    message = Words(requests.read(int.from_bytes(header, "big") & 0x7fffffff))
                    xid = message.word()
                    message.expect(0, 2)
                    program, version, procedure = (message.word() for _ in range(3))
                    message.expect(1)
                    message.opaque()
                    message.expect(0, 0)
                    body = getattr(self, f"_{program}_{version}_{procedure}")(message, connection.getpeername()[0])
                    assert not message.data, "bytes after the arguments"
                    connection.sendall(fragments(reply(xid, body)))
            except OSError:
                pass
            except Exception as problem:  # for the thread of the test
                self.problems.append(repr(problem))

    def _100005_3_1(self, message, source):
        self.asked.append(("MNT", source, message.opaque()))
        return word(self.mount_status) + (b"" if self.mount_status else opaque(EXPORT_HANDLE) + word(1) + word(1))

    def _100003_3_3(self, message, source):
        self.asked.append(("LOOKUP", source, message.opaque(), message.opaque()))
        return word(0) + opaque(FILE_HANDLE) + word(0) + word(0)

    def _lock(self, message):
        message.opaque()
        found = message.opaque()
        owner = message.opaque(), message.word()
        message.expect(1 << 8, 0, 0, 1)  # 64 bits each: 1 << 40, and one byte
        return found, owner

    def _100021_4_2(self, message, source):
        cookie = message.opaque()
        message.expect(0, 1)
        self.asked.append(("LOCK", source, *self._lock(message)))
        message.expect(0, 0)
        self.let_go.wait(10)
        return opaque(cookie) + word(self.nlm_status)

    def _100021_4_4(self, message, source):
        cookie = message.opaque()
        self.asked.append(("UNLOCK", source, *self._lock(message)))
        return opaque(cookie) + word(0)

    def close(self):
        self.let_go.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


class NewcomerTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name
        # Which port it comes from is the system's choice here: not everybody may take a privileged one.
        self.patch(newcomer, "PORTS", [0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.go = free.getsockname()[1]

    def patch(self, *args):
        patcher = mock.patch.object(*args)
        patcher.start()
        self.addCleanup(patcher.stop)

    def begin(self, *args):
        """Runs it, until it waits or has ended."""
        self.ready, self.log = os.path.join(self.dir, "ready"), os.path.join(self.dir, "log")
        self.status = None

        def run():
            warnings.simplefilter("ignore", ResourceWarning)  # a log is closed by the end of its program
            argv = ["newcomer.py", "--name", "n", "--log", self.log, "--ready", self.ready, "--go", str(self.go), *args]
            with mock.patch.object(sys, "argv", argv):
                try:
                    self.status = newcomer.main()
                except newcomer.Failure as failure:
                    self.status = str(failure)

        self.thread = threading.Thread(target=run)
        self.thread.start()
        while not os.path.exists(self.ready) and self.thread.is_alive():
            time.sleep(0.01)

    def end(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as go:
            go.sendto(b"go", ("127.0.0.1", self.go))
        self.thread.join(30)
        return self.status, [line for line in read_log(self.log) if line["e"] in ("answered", "unanswered")]

    def serve(self):
        server = Server()
        self.addCleanup(lambda: self.assertEqual([], server.problems))
        self.addCleanup(server.close)
        for name in ("NFSD_PORT", "MOUNTD_PORT", "LOCKD_PORT"):
            self.patch(newcomer, name, server.port)
        return server

    def test_a_lock_is_asked_for_when_it_is_told_and_from_the_address_it_was_given(self):
        server = self.serve()
        self.begin("lock", "127.0.0.1", "/srv/web/export", "held", "127.0.0.77")
        self.assertEqual([("MNT", "127.0.0.1", b"/srv/web/export"), ("LOOKUP", "127.0.0.1", EXPORT_HANDLE, b"held")], server.asked)
        status, (line,) = self.end()
        self.assertEqual((0, "answered", "granted"), (status, line["e"], line["answer"]))
        lock = ("127.0.0.77", FILE_HANDLE, (b"n", os.getpid()))
        self.assertEqual([("LOCK", *lock), ("UNLOCK", *lock)], server.asked[2:])

    def test_what_is_refused_is_told_and_not_given_up(self):
        server = self.serve()
        server.nlm_status = 2
        self.begin("lock", "127.0.0.1", "/srv/web/export", "held", "127.0.0.77")
        status, (line,) = self.end()
        self.assertEqual((0, "denied, no locks"), (status, line["answer"]))
        self.assertEqual("LOCK", server.asked[-1][0])

    def test_how_long_it_waited_is_told(self):
        server = self.serve()
        server.let_go.clear()
        self.begin("lock", "127.0.0.1", "/srv/web/export", "held", "127.0.0.77")
        threading.Timer(0.3, server.let_go.set).start()
        _, (line,) = self.end()
        self.assertGreater(line["took"], 0.2)

    def test_without_an_answer(self):
        server = self.serve()
        self.patch(newcomer, "TIMEOUT", 0.2)
        server.let_go.clear()
        self.begin("lock", "127.0.0.1", "/srv/web/export", "held", "127.0.0.77")
        status, (line,) = self.end()
        self.assertEqual((1, "unanswered"), (status, line["e"]))

    def test_an_export_that_is_refused(self):
        server = self.serve()
        server.mount_status = 13
        self.begin("lock", "127.0.0.1", "/srv/web/export", "held", "127.0.0.77")
        self.thread.join(30)
        self.assertEqual("MNT: status 13", self.status)

    def test_a_client_is_recorded_when_it_is_told(self):
        server = test_idle_clients.Server()
        self.addCleanup(lambda: self.assertEqual([], server.problems))
        self.addCleanup(server.close)
        self.patch(newcomer, "NFSD_PORT", server.address[1])
        self.begin("record", "127.0.0.1")
        self.assertEqual(["EXCHANGE_ID", "CREATE_SESSION"], server.names())
        status, (line,) = self.end()
        self.assertEqual((0, "recorded"), (status, line["answer"]))
        self.assertEqual([f"gracekeeper-newcomer-{socket.gethostname()}-n".encode()], server.recorded)


if __name__ == "__main__":
    unittest.main()
