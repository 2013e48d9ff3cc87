#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""How long an address is away: datagrams sent to it 20 times a second, answered by whoever has it.

    echo.py --serve
    echo.py --name NAME --log FILE [--ready FILE] ADDRESS

The server answers on every address of its host, from the one that was asked. The prober logs each answer with the number
it sent; it ends at SIGTERM.
"""
import argparse
import signal
import socket
import sys
import time

from lockload import Log

PORT = 7007
INTERVAL = 0.05
# linux/in.h; Python's socket module has no name for it.
IP_PKTINFO = 8


def serve():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind(("", PORT))
    while True:
        data, ancillary, _, peer = sock.recvmsg(64, socket.CMSG_SPACE(12))
        try:
            sock.sendmsg([data], ancillary, 0, peer)
        except OSError:
            continue  # the address has gone since


def probe(args):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    log = Log(args.log)
    log.write("start", role="prober", name=args.name, host=socket.gethostname())
    number, due = 0, time.monotonic()
    while not stop:
        now = time.monotonic()
        if now >= due:
            number, due = number + 1, max(due + INTERVAL, now)
            try:
                sock.sendto(str(number).encode(), (args.address, PORT))
            except OSError:
                pass  # no neighbour answers for the address
        sock.settimeout(max(due - time.monotonic(), 0.001))
        try:
            answer, _ = sock.recvfrom(64)
        except OSError:
            continue
        log.write("answer", number=int(answer))
        if args.ready:
            with open(args.ready, "w", encoding="ascii") as ready:
                ready.write("answered\n")
            args.ready = None
    log.write("end", sent=number)
    return 0


def main():
    parser = argparse.ArgumentParser(description="probe an address")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--name", default="")
    parser.add_argument("--log")
    parser.add_argument("--ready")
    parser.add_argument("address", nargs="?")
    args = parser.parse_args()
    return serve() if args.serve else probe(args)


if __name__ == "__main__":
    sys.exit(main())
