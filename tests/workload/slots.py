#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""How many slots a server gives to a new NFSv4.1 session: how many requests it may have under way.

    slots.py [--sessions N] [--hold --name NAME --log FILE --ready FILE] SERVER

Asks for as many as Linux does by itself (fs/nfs/nfs4session.h, NFS4_DEF_SLOT_TABLE_SIZE) in N sessions, each of a client of
its own, and prints what was granted, one number a session. Then the sessions and the clients are destroyed, as at an
unmount; with --hold not before SIGTERM.
"""
import argparse
import os
import signal
import socket
import sys

import idle_clients
from idle_clients import CLIENT_ID_SIZE, SESSION_ID_SIZE, Client, Operation, patiently, uints

WANTED = 64
# As of a Linux client that mounts with rsize and wsize of 1 MiB, as far as it matters: the server reckons with the size of
# an answer that it has to keep for a retry.
FORE = (0, 1 << 20, 1 << 20, 7584, 16, WANTED, 0)
BACK = (0, 4096, 4096, 0, 2, 1, 0)


class SlotClient(Client):
    def open(self):
        """The number of slots granted."""
        answer = patiently(self._ask, idle_clients.exchange_id(self.owner.encode(), self._verifier))
        self._client_id, sequence = answer.fixed(CLIENT_ID_SIZE), answer.uint()
        answer = patiently(self._ask, Operation("CREATE_SESSION", 43, self._client_id + uints(
            sequence, 0, *FORE, *BACK, idle_clients.CALLBACK_PROGRAM, 1, idle_clients.AUTH_NONE)))
        self._session_id = answer.fixed(SESSION_ID_SIZE)
        for _ in ("sequence", "flags", "header padding", "request", "response", "cached response", "operations"):
            answer.uint()
        granted = answer.uint()
        patiently(self._ask_in_session, idle_clients.reclaim_complete())
        return granted

    def close(self):
        patiently(self._ask, Operation("DESTROY_SESSION", 44, self._session_id))
        patiently(self._ask, Operation("DESTROY_CLIENTID", 57, self._client_id))
        self.disconnect()


def main():
    parser = argparse.ArgumentParser(description="ask for NFSv4.1 sessions")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("--name", default="once")
    parser.add_argument("--log")
    parser.add_argument("--ready")
    parser.add_argument("server")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    clients = [SlotClient((args.server, 2049), f"gracekeeper-slots-{socket.gethostname()}-{args.name}-{number}", os.urandom(8))
               for number in range(args.sessions)]
    granted = " ".join(str(client.open()) for client in clients)
    print(granted, flush=True)
    if args.hold:
        for path in (args.log, args.ready):
            with open(path, "w", encoding="ascii") as file:
                file.write(granted + "\n")
        signal.sigwait({signal.SIGTERM})
    for client in clients:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
