# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Tests of the idle clients against a server that decodes their requests by itself, word by word as in RFC 8881."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import idle_clients
from idle_clients import Client, Failure
from lockload import read_log

HERE = os.path.dirname(os.path.abspath(__file__))
OK, INVAL, DELAY, GRACE, CLID_INUSE, MINOR_VERS_MISMATCH, BADSESSION = 0, 22, 10008, 10013, 10017, 10021, 10052

# An EXCHANGE_ID as it goes over the wire, after the record mark and the xid.
EXCHANGE_ID = bytes.fromhex("""
    00000000 00000002 000186a3 00000004 00000001
    00000001 0000001c 00000000 00000007 636c6965 6e743100 00000000 00000000 00000000
    00000000 00000000
    00000000 00000001 00000001
    0000002a 7665726966696572 0000001a 67726163 656b6565 7065722d 69646c65 2d636c69 656e7431 2d370000
    00000000 00000000 00000000""")


def word(number):
    return number.to_bytes(4, "big")


class Words:
    """A message, taken apart from its begin."""

    def __init__(self, data):
        self.data = data

    def raw(self, size):
        assert len(self.data) >= size, "message too short"
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def word(self):
        return int.from_bytes(self.raw(4), "big")

    def opaque(self):
        size = self.word()
        data = self.raw(size)
        assert self.raw(-size % 4).strip(b"\0") == b"", "padding"
        return data

    def expect(self, *values):
        for value in values:
            found = self.word()
            assert found == value, f"{found} instead of {value}"


def decode_exchange_id(words):
    verifier, owner = words.raw(8), words.opaque()
    words.expect(0, 0, 0)  # flags, SP4_NONE, no implementation id
    return "EXCHANGE_ID", verifier, owner


def decode_channel(words):
    words.expect(0)
    request, response, _cached, operations, requests = (words.word() for _ in range(5))
    words.expect(0)
    # What the kernel asks of a back channel, rounded up, and what this client sends at once.
    assert request >= 2048 and response >= 2048 and operations >= 2 and requests >= 1


def decode_create_session(words):
    client, sequence = words.raw(8), words.word()
    words.expect(0)
    decode_channel(words)
    decode_channel(words)
    words.word()
    words.expect(1, 0)  # one way to call back: AUTH_NONE
    return "CREATE_SESSION", client, sequence


def decode_sequence(words):
    session, sequence = words.raw(16), words.word()
    words.expect(0, 0, 0)  # slot, highest slot, do not cache
    return "SEQUENCE", session, sequence


def decode_reclaim_complete(words):
    words.expect(0)
    return ("RECLAIM_COMPLETE",)


DECODERS = {42: decode_exchange_id, 43: decode_create_session, 53: decode_sequence, 58: decode_reclaim_complete}
NUMBERS = {"EXCHANGE_ID": 42, "CREATE_SESSION": 43, "SEQUENCE": 53, "RECLAIM_COMPLETE": 58}


def decode_call(message):
    """(xid, operations) of a COMPOUND of NFSv4.1, sent by root."""
    words = Words(message)
    xid = words.word()
    words.expect(0, 2, 100003, 4, 1, 1)
    credential = Words(words.opaque())
    credential.word()
    assert credential.opaque() == socket.gethostname().encode()
    credential.expect(0, 0, 0)
    assert not credential.data
    words.expect(0, 0)
    assert words.opaque() == b""
    words.expect(1)
    operations = [DECODERS[words.word()](words) for _ in range(words.word())]
    assert not words.data, "bytes after the last operation"
    return xid, operations


def reply(xid, body):
    """An accepted, successful RPC call's."""
    return word(xid) + word(1) + word(0) + word(0) + word(0) + word(0) + body


def fragments(data, *sizes):
    """The record of DATA in pieces of these sizes, the rest in the last one."""
    record = b""
    for size in sizes:
        record += word(size) + data[:size]
        data = data[size:]
    return record + word(1 << 31 | len(data)) + data


class Server:
    """A server of NFSv4.1 that knows four operations. What it finds wrong is in problems."""

    def __init__(self, host="127.0.0.1"):
        self.calls = []
        self.problems = []
        self.connections = 0
        # What to do otherwise than well: (operation, status) in the order of the requests.
        self.faults = []
        # For the next request with that operation: close the connection, having done what it asks for, or not.
        self.hang_up = None
        self.encode = fragments
        self.instead = None
        self.silent = False
        self.raw = b""
        self.recorded = []
        self._owners = {}
        self._sessions = {}
        self._sequences = {}
        self._lock = threading.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.address = self._listener.getsockname()[:2]
        self._open = []
        self._threads = []
        self._run(self._accept)

    def _run(self, work, *args):
        thread = threading.Thread(target=work, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.append(connection)
            self._run(self._serve, connection)

    def _serve(self, connection):
        with connection, connection.makefile("rb") as requests:
            try:
                while header := requests.read(4):
                    mark = int.from_bytes(header, "big")
                    assert mark >> 31, "a request in several fragments"
                    message = requests.read(mark & 0x7fffffff)
                    with self._lock:
                        answer = self._answer(message)
                    if answer is None:
                        return
                    # In pieces that end anywhere, as a stream may deliver them.
                    for at in range(0, len(answer), 7):
                        connection.sendall(answer[at:at + 7])
            except OSError:
                pass
            except Exception as problem:  # for the thread of the test
                self.problems.append(repr(problem))

    def _answer(self, message):
        self.raw = message
        xid, operations = decode_call(message)
        self.calls.append(operations)
        if self.silent:
            return b""
        if self.instead:
            return fragments(self.instead(xid))
        hang_up = self.hang_up and self.hang_up[0] in [operation[0] for operation in operations] and self.hang_up
        if hang_up:
            self.hang_up = None
            if not hang_up[1]:
                return None
        results, status = [], OK
        for operation in operations:
            status, result = self._result(*operation)
            results.append(word(NUMBERS[operation[0]]) + word(status) + result)
            if status:
                break
        if hang_up:
            return None
        return self.encode(reply(xid, word(status) + word(0) + word(len(results)) + b"".join(results)))

    def _result(self, name, *arguments):
        if self.faults and self.faults[0][0] == name:
            return self.faults.pop(0)[1], b""
        return getattr(self, "_" + name.lower())(*arguments)

    def _exchange_id(self, _verifier, owner):
        client = word(77) + word(len(self._owners))
        self._owners[client] = owner
        name = word(1) + b"s\0\0\0"
        return OK, client + word(5) + word(0) + word(0) + bytes(8) + name + name + word(0)

    def _create_session(self, client, sequence):
        assert client in self._owners and client not in self._sessions.values(), client
        assert sequence == 5, sequence
        session = b"session-" + client
        self._sessions[session] = client
        self._sequences[session] = 0
        channel = word(0) + word(4096) + word(4096) + word(1024) + word(8) + word(1) + word(0)
        return OK, session + word(sequence) + word(0) + channel + channel

    def _sequence(self, session, sequence):
        if session not in self._sequences:
            return BADSESSION, b""
        last = self._sequences[session]
        assert sequence in (last, last + 1), f"{sequence} after {last}"
        self._sequences[session] = sequence
        return OK, session + word(sequence) + word(0) + word(0) + word(0) + word(1)

    def _reclaim_complete(self):
        session = self.calls[-1][0][1]
        self.recorded.append(self._owners[self._sessions[session]])
        return OK, b""

    def forget_first(self):
        """Forget the session that was created first, as all are that were another server's; returns it."""
        with self._lock:
            session = next(iter(self._sequences))
            del self._sequences[session]
        return session

    def names(self):
        return ["+".join(operation[0] for operation in call) for call in self.calls]

    def close(self):
        # A close alone would not wake up a thread that waits in accept or recv.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join()


class ServedTest(unittest.TestCase):
    def setUp(self):
        self.server = self.serve()

    def serve(self, *args):
        server = Server(*args)
        self.addCleanup(lambda: self.assertEqual([], server.problems))
        self.addCleanup(self.stop, server)
        return server

    def stop(self, server):
        if server.address:
            server.close()
            server.address = None

    def client(self, owner="gracekeeper-idle-client1-7", server=None):
        client = Client((server or self.server).address, owner, b"verifier")
        self.addCleanup(client.disconnect)
        return client

    def recorded_client(self):
        client = self.client()
        client.record()
        self.server.calls.clear()
        return client

    def sequences(self):
        return [call[0][2] for call in self.server.calls if call[0][0] == "SEQUENCE"]


class RecordTest(ServedTest):
    def test_a_client_is_recorded_in_three_steps(self):
        self.client().record()
        self.assertEqual(["EXCHANGE_ID", "CREATE_SESSION", "SEQUENCE+RECLAIM_COMPLETE"], self.server.names())
        self.assertEqual([b"gracekeeper-idle-client1-7"], self.server.recorded)

    def test_an_exchange_id_byte_for_byte(self):
        with mock.patch("socket.gethostname", return_value="client1"):
            self.server.faults = [("EXCHANGE_ID", INVAL)]
            with self.assertRaises(Failure):
                self.client().record()
        self.assertEqual(EXCHANGE_ID.hex(), self.server.raw[4:].hex())

    def test_every_client_has_a_connection_and_a_session_of_its_own(self):
        clients = [self.client(f"c-{number}") for number in range(3)]
        for client in clients:
            client.record()
        for client in clients:
            client.renew()
        self.assertEqual(3, self.server.connections)
        self.assertEqual([b"c-0", b"c-1", b"c-2"], self.server.recorded)
        self.assertEqual([1, 1, 1, 2, 2, 2], self.sequences())

    def test_over_ipv6(self):
        try:
            server = self.serve("::1")
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")
        self.client(server=server).record()
        self.assertEqual(1, len(server.recorded))

    def test_replies_in_fragments(self):
        for sizes in ((1,), (30,), (0, 4, 3)):
            with self.subTest(sizes):
                self.server.encode = lambda data, sizes=sizes: fragments(data, *sizes)
                self.client().record()
        self.assertEqual(3, len(self.server.recorded))


class RefusalTest(ServedTest):
    def refused(self):
        with self.assertRaises(Failure) as caught:
            self.client().record()
        return str(caught.exception)

    def test_each_operation_is_named_with_its_status(self):
        for name, status, text in (("EXCHANGE_ID", INVAL, "NFS4ERR_INVAL"),
                                   ("CREATE_SESSION", CLID_INUSE, "NFS4ERR_CLID_INUSE"),
                                   ("SEQUENCE", BADSESSION, "NFS4ERR_BADSESSION"),
                                   ("RECLAIM_COMPLETE", GRACE, "NFS4ERR_GRACE"),
                                   ("RECLAIM_COMPLETE", 10999, "NFS status 10999")):
            with self.subTest(text):
                self.server.faults = [(name, status)]
                self.assertEqual(f"{name}: {text}", self.refused())
        self.assertEqual([], self.server.recorded)

    def test_a_compound_that_was_not_begun(self):
        self.server.instead = lambda xid: reply(xid, word(MINOR_VERS_MISMATCH) + word(0) + word(0))
        self.assertEqual("EXCHANGE_ID: NFS4ERR_MINOR_VERS_MISMATCH", self.refused())

    def test_what_rpc_refuses(self):
        for answer, text in ((word(1) + word(1) + word(1) + word(5), "RPC call denied, AUTH_ERROR 5"),
                             (word(1) + word(1) + word(0) + word(2) + word(2), "RPC call denied, RPC_MISMATCH"),
                             (word(1) + word(0) + word(0) + word(0) + word(2) + word(3) + word(3),
                              "RPC call failed, PROG_MISMATCH")):
            with self.subTest(text):
                self.server.instead = lambda xid, answer=answer: word(xid) + answer
                self.assertEqual(f"EXCHANGE_ID: {text}", self.refused())

    def test_what_is_no_answer(self):
        for instead, text in ((lambda xid: reply(xid + 1, b""), "not the reply to this call"),
                              (lambda xid: reply(xid, word(0)), "the reply is too short"),
                              (lambda xid: reply(xid, word(0) * 3), "no result in the reply"),
                              (lambda xid: reply(xid, word(0) * 2 + word(1) + word(43) + word(0)),
                               "the result of operation 43 in its place")):
            with self.subTest(text):
                self.server.instead = instead
                self.assertEqual(f"EXCHANGE_ID: {text}", self.refused())


class DelayTest(ServedTest):
    def test_a_delayed_operation_is_asked_for_again(self):
        for name in ("EXCHANGE_ID", "CREATE_SESSION", "SEQUENCE", "RECLAIM_COMPLETE"):
            with self.subTest(name):
                self.server.calls.clear()
                self.server.recorded.clear()
                self.server.faults = [(name, DELAY), (name, DELAY)]
                begin = time.monotonic()
                self.client().record()
                self.assertGreaterEqual(time.monotonic() - begin, 2 * idle_clients.DELAY)
                self.assertEqual(5, len(self.server.calls))
                self.assertEqual(1, len(self.server.recorded))

    def test_a_delayed_create_session_has_not_used_its_sequence_up(self):
        self.server.faults = [("CREATE_SESSION", DELAY)]
        self.client().record()
        self.assertEqual([5, 5], [call[0][2] for call in self.server.calls if call[0][0] == "CREATE_SESSION"])

    def test_a_delayed_sequence_neither(self):
        client = self.recorded_client()
        self.server.faults = [("SEQUENCE", DELAY)]
        client.renew()
        self.assertEqual([2, 2], self.sequences())

    def test_an_operation_delayed_after_a_sequence_needs_the_next(self):
        self.server.faults = [("RECLAIM_COMPLETE", DELAY)]
        self.client().record()
        self.assertEqual([1, 2], self.sequences())


class RenewTest(ServedTest):
    def test_a_bare_sequence_with_the_next_id(self):
        client = self.recorded_client()
        client.renew()
        client.renew()
        self.assertEqual(["SEQUENCE"] * 2, self.server.names())
        self.assertEqual([2, 3], self.sequences())

    def test_a_request_without_an_answer_is_repeated_as_it_was(self):
        for done in (False, True):
            with self.subTest(done=done):
                client = self.recorded_client()
                self.server.hang_up = ("SEQUENCE", done)
                with self.assertRaises(OSError):
                    client.renew()
                self.assertFalse(client.connected)
                client.renew()
                client.renew()
                self.assertEqual([2, 2, 3], self.sequences())

    def test_a_server_that_does_not_answer(self):
        client = self.recorded_client()
        client.disconnect()
        self.server.silent = True
        with mock.patch.object(idle_clients, "TIMEOUT", 0.1), self.assertRaises(OSError):
            client.renew()
        self.assertFalse(client.connected)


class ProgramTest(ServedTest):
    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.log = os.path.join(scratch.name, "log")
        self.ready = os.path.join(scratch.name, "ready")

    def start(self, *options, server=None):
        host, port = (server or self.server).address
        program = subprocess.Popen(
            [sys.executable, "-B", os.path.join(HERE, "idle_clients.py"), "--log", self.log, "--ready", self.ready,
             "--port", str(port), *options, host], stderr=subprocess.PIPE, text=True)
        self.addCleanup(program.stderr.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        return program

    def wait_for(self, condition, what):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def wait_ready(self, program):
        self.wait_for(lambda: os.path.exists(self.ready) or program.poll() is not None, "ready")

    def kinds(self):
        return [line["e"] for line in read_log(self.log)]

    def wait_for_log(self, kind):
        self.wait_for(lambda: kind in self.kinds(), kind)

    def end(self, program):
        program.send_signal(signal.SIGTERM)
        self.assertEqual(0, program.wait(timeout=20))
        return read_log(self.log)[-1]

    def test_they_stay_until_they_are_told(self):
        program = self.start("--count", "3")
        self.wait_ready(program)
        prefix = "gracekeeper-idle-" + socket.gethostname()
        self.assertEqual([f"{prefix}-{number}".encode() for number in range(3)], self.server.recorded)
        self.assertEqual(3, len({call[0][1] for call in self.server.calls if call[0][0] == "EXCHANGE_ID"}), "verifiers")
        self.assertEqual(["start", "recorded"], self.kinds())
        self.assertEqual(3, read_log(self.log)[1]["count"])
        asked = len(self.server.calls)
        end = self.end(program)
        self.assertEqual(("end", 3, 0), (end["e"], end["recorded"], end["renewals"]))
        self.assertEqual(asked, len(self.server.calls))

    def test_a_name_keeps_the_clients_of_two_programs_apart(self):
        program = self.start("--count", "1", "--name", "crowd")
        self.wait_ready(program)
        self.end(program)
        self.assertEqual([f"gracekeeper-idle-{socket.gethostname()}-crowd-0".encode()], self.server.recorded)

    def test_renewals_survive_a_broken_connection(self):
        program = self.start("--count", "2", "--renew", "0.2")
        self.wait_ready(program)
        self.server.hang_up = ("SEQUENCE", False)
        self.wait_for_log("broken")
        self.wait_for(lambda: max(self.sequences()) > 3, "renewals")
        end = self.end(program)
        self.assertEqual((1, 0, 0), (end["broken"], end["unreachable"], end["lost"]))
        self.assertEqual(3, self.server.connections)

    def test_a_server_that_is_gone_is_no_error(self):
        program = self.start("--count", "1", "--renew", "0.2")
        self.wait_ready(program)
        self.stop(self.server)
        self.wait_for_log("unreachable")
        self.assertEqual("end", self.end(program)["e"])

    def test_a_client_that_the_server_does_not_know_is_not_renewed_again(self):
        program = self.start("--count", "2", "--renew", "0.2")
        self.wait_ready(program)
        forgotten = self.server.forget_first()
        self.wait_for_log("lost")
        asked = len(self.server.calls)
        self.wait_for(lambda: len(self.server.calls) >= asked + 3, "renewals of the other")
        self.assertNotIn(forgotten, [call[0][1] for call in self.server.calls[asked:]])
        self.assertEqual(1, self.end(program)["lost"])

    def test_a_refusal_ends_it(self):
        self.server.faults = [("CREATE_SESSION", CLID_INUSE)]
        program = self.start("--count", "2")
        self.assertEqual(1, program.wait(timeout=20))
        self.assertIn("CREATE_SESSION: NFS4ERR_CLID_INUSE", program.stderr.read())
        line = read_log(self.log)[-1]
        self.assertEqual(("error", "CREATE_SESSION", "NFS4ERR_CLID_INUSE"), (line["e"], line["op"], line["status"]))
        self.assertFalse(os.path.exists(self.ready))

    def test_a_refused_renewal_ends_it(self):
        program = self.start("--count", "1", "--renew", "0.2")
        self.wait_ready(program)
        self.server.faults = [("SEQUENCE", INVAL)]
        self.assertEqual(1, program.wait(timeout=20))
        self.assertIn("SEQUENCE: NFS4ERR_INVAL", program.stderr.read())

    def test_a_connection_broken_before_all_are_recorded_is_an_error(self):
        self.server.hang_up = ("RECLAIM_COMPLETE", True)
        self.assertEqual(1, self.start("--count", "1").wait(timeout=20))
        self.assertEqual(["start", "error"], self.kinds())

    def test_it_ends_while_it_waits_for_an_answer(self):
        self.server.silent = True
        program = self.start("--count", "1")
        self.wait_for(lambda: self.server.calls, "a request")
        begin = time.monotonic()
        self.assertEqual(0, self.end(program)["recorded"])
        self.assertLess(time.monotonic() - begin, idle_clients.TIMEOUT / 2)


if __name__ == "__main__":
    unittest.main()
