#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Be many NFSv4.1 clients that the server has recorded and that hold nothing, until SIGTERM.

    idle_clients.py [--name NAME] --log FILE [--ready FILE] --count COUNT [--port PORT] [--renew SECONDS] SERVER

A kernel is one client, or one for each network namespace; this program speaks the protocol itself. Each client has a
connection of its own and does what a mount does first: EXCHANGE_ID, CREATE_SESSION, RECLAIM_COMPLETE. With the last one
the server records it. It opens and locks nothing. Its owner is gracekeeper-idle-HOST-N, or gracekeeper-idle-HOST-NAME-N
with --name, which several of these programs on one host need: clients of one owner replace each other.

With --renew each client renews its lease that often, otherwise never: the server then drops the client, and its record,
when the lease has run out. A broken connection is made anew, or tried again at the next renewal. A client whose session
the server does not know (any more, or because it is another server now) is lost: it is not renewed again, and does not
come back by itself. Nothing is said to the server at the end: it keeps the clients until their leases run out.

Exit status: 0 ended by SIGTERM, 1 the server refused something, or could not be reached before it had recorded all.
"""
import argparse
import os
import random
import signal
import socket
import struct
import sys
import time
from typing import NamedTuple

from lockload import Log

# How long to wait for a connection, and for an answer.
TIMEOUT = 10.0
# Before a request is repeated that was answered with NFS4ERR_DELAY.
DELAY = 0.1

LAST_FRAGMENT = 1 << 31
CALL, REPLY = 0, 1
AUTH_NONE, AUTH_SYS = 0, 1
RPC_VERSION, NFS_PROGRAM, NFS_VERSION, COMPOUND, MINOR_VERSION = 2, 100003, 4, 1, 1
ACCEPT_STATUS = {1: "PROG_UNAVAIL", 2: "PROG_MISMATCH", 3: "PROC_UNAVAIL", 4: "GARBAGE_ARGS", 5: "SYSTEM_ERR"}

SP4_NONE = 0
CLIENT_ID_SIZE, SESSION_ID_SIZE = 8, 16
# ca_headerpadsize, ca_maxrequestsize, ca_maxresponsesize, ca_maxresponsesize_cached, ca_maxoperations, ca_maxrequests,
# and no ca_rdma_ird. For the back channel too, though it is never used: the server refuses one that is too small for a
# recall.
CHANNEL = (0, 4096, 4096, 1024, 8, 1, 0)
# The first program number that is free for everybody's use.
CALLBACK_PROGRAM = 0x40000000

STATUS = {
    1: "NFS4ERR_PERM", 5: "NFS4ERR_IO", 13: "NFS4ERR_ACCESS", 22: "NFS4ERR_INVAL", 28: "NFS4ERR_NOSPC",
    10004: "NFS4ERR_NOTSUPP", 10005: "NFS4ERR_TOOSMALL", 10006: "NFS4ERR_SERVERFAULT", 10008: "NFS4ERR_DELAY",
    10011: "NFS4ERR_EXPIRED", 10013: "NFS4ERR_GRACE", 10016: "NFS4ERR_WRONGSEC", 10017: "NFS4ERR_CLID_INUSE",
    10018: "NFS4ERR_RESOURCE", 10021: "NFS4ERR_MINOR_VERS_MISMATCH", 10022: "NFS4ERR_STALE_CLIENTID",
    10033: "NFS4ERR_NO_GRACE", 10036: "NFS4ERR_BADXDR", 10044: "NFS4ERR_OP_ILLEGAL", 10052: "NFS4ERR_BADSESSION",
    10053: "NFS4ERR_BADSLOT", 10054: "NFS4ERR_COMPLETE_ALREADY", 10055: "NFS4ERR_CONN_NOT_BOUND_TO_SESSION",
    10063: "NFS4ERR_SEQ_MISORDERED", 10064: "NFS4ERR_SEQUENCE_POS", 10065: "NFS4ERR_REQ_TOO_BIG",
    10066: "NFS4ERR_REP_TOO_BIG", 10067: "NFS4ERR_REP_TOO_BIG_TO_CACHE", 10068: "NFS4ERR_RETRY_UNCACHED_REP",
    10070: "NFS4ERR_TOO_MANY_OPS", 10071: "NFS4ERR_OP_NOT_IN_SESSION", 10074: "NFS4ERR_CLIENTID_BUSY",
    10076: "NFS4ERR_SEQ_FALSE_RETRY", 10078: "NFS4ERR_DEADSESSION", 10079: "NFS4ERR_ENCR_ALG_UNSUPP",
    10081: "NFS4ERR_NOT_ONLY_OP", 10082: "NFS4ERR_WRONG_CRED",
}
SESSION_IS_GONE = ("NFS4ERR_BADSESSION", "NFS4ERR_DEADSESSION")


class Failure(Exception):
    """What the server refused: the operation's name, and the name of the status or what else was wrong."""

    def __init__(self, op, status):
        super().__init__(f"{op}: {status}")
        self.op = op
        self.status = status


class Terminated(Exception):
    """The SIGTERM that ends the program, whatever it waits for."""


def status_name(number):
    return STATUS.get(number, f"NFS status {number}")


def uints(*values):
    return struct.pack(f">{len(values)}I", *values)


def opaque(data):
    return uints(len(data)) + data + bytes(-len(data) % 4)


class Operation(NamedTuple):
    """One operation of a COMPOUND, its arguments encoded."""
    name: str
    number: int
    arguments: bytes


def exchange_id(owner, verifier):
    flags = implementations = 0
    return Operation("EXCHANGE_ID", 42, verifier + opaque(owner) + uints(flags, SP4_NONE, implementations))


def create_session(client_id, sequence):
    flags = 0
    return Operation("CREATE_SESSION", 43, client_id + uints(
        sequence, flags, *CHANNEL, *CHANNEL, CALLBACK_PROGRAM, 1, AUTH_NONE))


def sequence_of(session_id, sequence):
    slot = highest_slot = cache_this = 0
    return Operation("SEQUENCE", 53, session_id + uints(sequence, slot, highest_slot, cache_this))


def reclaim_complete():
    one_fs = 0
    return Operation("RECLAIM_COMPLETE", 58, uints(one_fs))


def encode_call(xid, machine, operations):
    """The RPC call of a COMPOUND, as root."""
    stamp = uid = gid = gids = 0
    credential = uints(stamp) + opaque(machine) + uints(uid, gid, gids)
    return b"".join([
        uints(xid, CALL, RPC_VERSION, NFS_PROGRAM, NFS_VERSION, COMPOUND),
        uints(AUTH_SYS), opaque(credential), uints(AUTH_NONE, 0),
        opaque(b""), uints(MINOR_VERSION, len(operations)),
        *(uints(operation.number) + operation.arguments for operation in operations)])


class Answer:
    """The reply to a COMPOUND, read from its begin to its end."""

    def __init__(self, xid, operations, data):
        self._names = "+".join(operation.name for operation in operations)
        self._data = data
        self._at = 0
        self._open_rpc(xid)
        self._status = self.uint()
        self._opaque()
        self._results = self.uint()

    def _open_rpc(self, xid):
        if (self.uint(), self.uint()) != (xid, REPLY):
            raise self._failure("not the reply to this call")
        if self.uint():
            raise self._failure("RPC call denied, " + (f"AUTH_ERROR {self.uint()}" if self.uint() else "RPC_MISMATCH"))
        self.uint()
        self._opaque()
        status = self.uint()
        if status:
            raise self._failure("RPC call failed, " + ACCEPT_STATUS.get(status, str(status)))

    def _failure(self, text):
        return Failure(self._names, text)

    def fixed(self, size):
        data = self._data[self._at:self._at + size]
        if len(data) < size:
            raise self._failure("the reply is too short")
        self._at += size
        return data

    def uint(self):
        return struct.unpack(">I", self.fixed(4))[0]

    def _opaque(self):
        size = self.uint()
        self.fixed(size + -size % 4)

    def enter(self, operation):
        """Go to what the operation returned, which is next; raises Failure when it failed or was not reached."""
        if not self._results:
            raise Failure(operation.name, status_name(self._status) if self._status else "no result in the reply")
        self._results -= 1
        number, status = self.uint(), self.uint()
        if status:
            raise Failure(operation.name, status_name(status))
        if number != operation.number:
            raise Failure(operation.name, f"the result of operation {number} in its place")


class Connection:
    """RPC records over TCP."""

    def __init__(self, address, source=None, timeout=None):
        self._socket = socket.create_connection(address, timeout or TIMEOUT, source)
        self._input = self._socket.makefile("rb")

    def exchange(self, message):
        self._socket.sendall(uints(LAST_FRAGMENT | len(message)) + message)
        reply = b""
        mark = 0
        while not mark & LAST_FRAGMENT:
            mark = struct.unpack(">I", self._read(4))[0]
            reply += self._read(mark & ~LAST_FRAGMENT)
        return reply

    def _read(self, size):
        data = self._input.read(size)
        if len(data) < size:
            raise ConnectionError("the server closed the connection")
        return data

    def close(self):
        self._input.close()
        self._socket.close()


def patiently(request, *arguments):
    """What the request returns, once the server does not ask for patience any more."""
    while True:
        try:
            return request(*arguments)
        except Failure as failure:
            if failure.status != "NFS4ERR_DELAY":
                raise
        time.sleep(DELAY)


class Client:
    """An NFSv4.1 client with a session of one slot."""

    def __init__(self, address, owner, verifier):
        self.owner = owner
        self._address = address
        self._verifier = verifier
        self._machine = socket.gethostname().encode()
        self._xid = random.getrandbits(32)
        self._connection = None
        self._session_id = None
        self._sequence = 1

    @property
    def connected(self):
        return self._connection is not None

    def record(self):
        """Become a client that the server has recorded."""
        self.introduce()
        self.complete()

    def introduce(self):
        """Become a client that the server knows, and has not recorded."""
        answer = patiently(self._ask, exchange_id(self.owner.encode(), self._verifier))
        client_id, sequence = answer.fixed(CLIENT_ID_SIZE), answer.uint()
        # The same sequence after a DELAY: a CREATE_SESSION that was delayed has not used it up.
        answer = patiently(self._ask, create_session(client_id, sequence))
        self._session_id = answer.fixed(SESSION_ID_SIZE)

    def complete(self):
        """Have nothing to reclaim: the server records the client with that."""
        patiently(self._ask_in_session, reclaim_complete())

    def renew(self):
        """Renew the lease. After an OSError the next call asks again, with the same sequence id, over a new connection:
        the server tells from the id whether it has had the request already."""
        patiently(self._ask_in_session)

    def _ask_in_session(self, *operations):
        answer = self._ask(sequence_of(self._session_id, self._sequence), *operations)
        # A SEQUENCE that succeeds uses its id up, whatever becomes of the operations after it; one that fails does not.
        self._sequence = (self._sequence + 1) % (1 << 32)
        answer.fixed(SESSION_ID_SIZE)
        for _ in ("sequence id", "slot", "highest slot", "target highest slot", "status flags"):
            answer.uint()
        for operation in operations:
            answer.enter(operation)

    def _ask(self, *operations):
        """The answer, at what the first operation returned."""
        self._xid = (self._xid + 1) % (1 << 32)
        message = encode_call(self._xid, self._machine, operations)
        try:
            if not self._connection:
                self._connection = Connection(self._address)
            reply = self._connection.exchange(message)
        except OSError:
            self.disconnect()
            raise
        answer = Answer(self._xid, operations, reply)
        answer.enter(operations[0])
        return answer

    def disconnect(self):
        if self._connection:
            self._connection.close()
            self._connection = None


class Crowd:
    """All clients, and the log of what became of them."""

    def __init__(self, args):
        self._args = args
        self._log = Log(args.log)
        prefix = "-".join(filter(None, ("gracekeeper-idle", socket.gethostname(), args.name)))
        self._clients = [Client((args.server, args.port), f"{prefix}-{number}", os.urandom(8))
                         for number in range(args.count)]
        self._current = None
        self._counts = {"recorded": 0, "renewals": 0, "broken": 0, "unreachable": 0, "lost": 0}

    def run(self):
        try:
            signal.signal(signal.SIGTERM, self._asked_to_stop)
            self._log.write("start", role="idle_clients", name=self._args.name, host=socket.gethostname(),
                            server=self._args.server, count=self._args.count)
            self._record()
            self._log.write("recorded", count=self._counts["recorded"])
            if self._args.ready:
                with open(self._args.ready, "w", encoding="ascii") as ready:
                    ready.write("recorded\n")
            self._stay()
        except Terminated:
            self._log.write("end", **self._counts)
            return 0
        except Failure as failure:
            self._report(str(failure), op=failure.op, status=failure.status)
        except OSError as error:
            self._report(str(error))
        return 1

    def _asked_to_stop(self, _signal, _frame):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    def _report(self, text, **fields):
        self._log.write("error", client=self._current, text=text, **fields)
        print(f"idle_clients.py: {self._current}: {text}", file=sys.stderr)

    def _record(self):
        for client in self._clients:
            self._current = client.owner
            client.record()
            self._counts["recorded"] += 1

    def _stay(self):
        due = time.monotonic() + self._args.renew
        while True:
            # Never long: a signal that comes just before a sleep is seen only after it.
            time.sleep(0.2)
            if self._args.renew and time.monotonic() >= due:
                due = time.monotonic() + self._args.renew
                self._clients = [client for client in self._clients if self._renew(client)]

    def _renew(self, client):
        """Whether the client is worth another renewal."""
        self._current = client.owner
        while True:
            connected = client.connected
            try:
                client.renew()
                self._counts["renewals"] += 1
                return True
            except OSError as error:
                self._count("broken" if connected else "unreachable", client, text=str(error))
                if not connected:
                    return True
            except Failure as failure:
                if failure.status not in SESSION_IS_GONE:
                    raise
                self._count("lost", client, op=failure.op, status=failure.status)
                client.disconnect()
                return False

    def _count(self, kind, client, **fields):
        self._counts[kind] += 1
        self._log.write(kind, client=client.owner, **fields)


def main():
    parser = argparse.ArgumentParser(description="be many recorded clients that hold nothing")
    parser.add_argument("--name")
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--port", type=int, default=2049)
    parser.add_argument("--renew", type=float, default=0.0, help="seconds between two renewals of a lease; 0: never")
    parser.add_argument("server", metavar="SERVER")
    args = parser.parse_args()
    if args.count < 1 or args.renew < 0:
        parser.error("--count must be at least 1, and --renew not negative")
    return Crowd(args).run()


if __name__ == "__main__":
    sys.exit(main())
