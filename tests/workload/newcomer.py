#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Be a client that the server does not know yet, at the moment that somebody else chooses.

    newcomer.py --name NAME --log FILE --ready FILE [--go PORT] lock SERVER EXPORT FILE SOURCE
    newcomer.py --name NAME --log FILE --ready FILE [--go PORT] record SERVER

lock: asks for an NLM lock on FILE, which is below EXPORT, from the address SOURCE, which this host must have. To the server
each address is a host of its own: lockd has statd monitor it before it gives it a lock, and asks no more then, for as long as
it remembers the host (fs/lockd/host.c, 300 s and more). A kernel is one host for each network namespace; this program speaks
the protocol itself, also to be in time. A lock that is granted is given up at once.
record: a client of NFSv4.1 says that it has nothing to reclaim, with which nfsd has it recorded by nfsdcld.

All that comes before that, connections and the file's handle included, is done beforehand (and by another address). Then a
datagram on PORT (7777) is waited for. The log has what the answer was, and how long it took.

Exit status: 0 when there was an answer, whatever it was.
"""
import argparse
import errno
import os
import random
import socket
import struct
import sys
import time
from contextlib import closing

import idle_clients
from idle_clients import AUTH_NONE, AUTH_SYS, CALL, RPC_VERSION, Client, Connection, Failure, opaque, uints
from lockload import Log

# As a service's units and its helper have them.
NFSD_PORT, MOUNTD_PORT, LOCKD_PORT = 2049, 20048, 4045
# (program, version): NFSv3, MOUNTv3, NLMv4.
NFS, MOUNT, NLM = (100003, 3), (100005, 3), (100021, 4)
LOOKUP, MNT, LOCK, UNLOCK = 3, 1, 2, 4
GRANTED = 0
NLM_STATUS = ("granted", "denied", "denied, no locks", "blocked", "denied, grace period", "deadlock", "read-only", "stale handle",
              "too big", "failed")
# Beyond everybody else's locks.
OFFSET = 1 << 40
# What servers believe.
PORTS = range(1023, 664, -1)
# How long to wait for an answer, and for somebody to choose the moment.
TIMEOUT, PATIENCE = 150.0, 300.0


class Reply(idle_clients.Answer):
    """The reply to a call of any program, at its result."""

    def __init__(self, xid, name, data):
        self._names, self._data, self._at = name, data, 0
        self._open_rpc(xid)

    def opaque(self):
        size = self.uint()
        data = self.fixed(size)
        self.fixed(-size % 4)
        return data


def connect(host, port, source=""):
    for own in PORTS:
        try:
            return Connection((host, port), (source, own), TIMEOUT)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no privileged port is free")


def ask(connection, name, program, procedure, arguments):
    """One call as root."""
    xid = random.getrandbits(32)
    stamp = uid = gid = gids = 0
    credential = uints(stamp) + opaque(socket.gethostname().encode()) + uints(uid, gid, gids)
    return Reply(xid, name, connection.exchange(
        uints(xid, CALL, RPC_VERSION, *program, procedure, AUTH_SYS) + opaque(credential) + uints(AUTH_NONE, 0) + arguments))


def handle(connection, name, program, procedure, arguments):
    """A file handle, from a procedure that begins its result with a status and one."""
    reply = ask(connection, name, program, procedure, arguments)
    status = reply.uint()
    if status:
        raise Failure(name, f"status {status}")
    return reply.opaque()


def handle_of(server, export, file):
    with closing(connect(server, MOUNTD_PORT)) as connection:
        root = handle(connection, "MNT", MOUNT, MNT, opaque(export.encode()))
    with closing(connect(server, NFSD_PORT)) as connection:
        return handle(connection, "LOOKUP", NFS, LOOKUP, opaque(root) + opaque(file.encode()))


class Locker:
    def __init__(self, args):
        self._lock = (opaque(socket.gethostname().encode()) + opaque(handle_of(args.server, args.export, args.file)) +
                      opaque(args.name.encode()) + uints(os.getpid()) + struct.pack(">QQ", OFFSET, 1))
        self._connection = connect(args.server, LOCKD_PORT, args.source)

    def ask(self):
        block = reclaim = state = 0
        exclusive = 1
        status = self._call("LOCK", LOCK, uints(block, exclusive) + self._lock + uints(reclaim, state))
        return NLM_STATUS[status] if status < len(NLM_STATUS) else f"status {status}"

    def give_up(self):
        self._call("UNLOCK", UNLOCK, self._lock)

    def close(self):
        self._connection.close()

    def _call(self, name, procedure, arguments):
        reply = ask(self._connection, name, NLM, procedure, opaque(b"cook") + arguments)
        reply.opaque()
        return reply.uint()


class Recorded:
    def __init__(self, args):
        self._client = Client((args.server, NFSD_PORT), f"gracekeeper-newcomer-{socket.gethostname()}-{args.name}", os.urandom(8))
        self._client.introduce()

    def ask(self):
        self._client.complete()
        return "recorded"

    def give_up(self):
        """Nothing: its lease runs out, and with it the record goes."""

    def close(self):
        self._client.disconnect()


def wait_and_ask(newcomer, go, log):
    go.recv(64)
    log.write("asked")
    begin = time.monotonic()
    try:
        answer = newcomer.ask()
    except (OSError, Failure) as error:
        log.write("unanswered", took=round(time.monotonic() - begin, 3), why=str(error))
        return 1
    log.write("answered", took=round(time.monotonic() - begin, 3), answer=answer)
    if answer in ("recorded", NLM_STATUS[GRANTED]):
        newcomer.give_up()
    log.write("end")
    return 0


def main():
    parser = argparse.ArgumentParser(description="be a client that the server does not know yet")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--ready", required=True)
    parser.add_argument("--go", type=int, default=7777)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kind = kinds.add_parser("lock")
    for argument in ("server", "export", "file", "source"):
        kind.add_argument(argument)
    kind.set_defaults(make=Locker)
    kind = kinds.add_parser("record")
    kind.add_argument("server")
    kind.set_defaults(make=Recorded)
    args = parser.parse_args()
    log = Log(args.log)
    log.write("start", role="newcomer", name=args.name, host=socket.gethostname(), asks=args.kind)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as go:
        go.bind(("", args.go))
        go.settimeout(PATIENCE)
        with closing(args.make(args)) as newcomer:
            with open(args.ready, "w", encoding="ascii") as ready:
                ready.write("waiting\n")
            return wait_and_ask(newcomer, go, log)


if __name__ == "__main__":
    sys.exit(main())
