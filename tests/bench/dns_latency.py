#!/usr/bin/env python3
# dns_latency.py -- how long single DNS lookups take: p50, p99 and p99.9 in microseconds.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: dns_latency.py N SERVER:PORT... <NAMES
# The same names to each server in turn, one question outstanding, so that load and its changes meet
# all of them alike. Each fifth of the run has figures of its own, and the lowest count: what else runs
# on the machine only adds. A line a server: answers, p50, p99, p99.9.
import socket
import struct
import sys
import time


def query(name, ident):
    q = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
    return struct.pack(">6H", ident, 0x0100, 1, 0, 0, 0) + q + b"\0\1\0\1"


n = int(sys.argv[1])
names = [line.split()[0] for line in sys.stdin]
servers = []
for text in sys.argv[2:]:
    host, port = text.rsplit(":", 1)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(2)
    s.connect((host, int(port)))
    servers.append((text, s, []))
for i in range(n):
    msg = query(names[i % len(names)], i & 0xFFFF)
    for _, s, times in servers:
        t0 = time.perf_counter()
        try:
            s.send(msg)
            reply = s.recv(4096)
        except OSError:
            continue
        if reply[:2] == msg[:2] and reply[3] & 15 == 0 and reply[7]:
            times.append((time.perf_counter() - t0) * 1e6)
for text, _, times in servers:
    best = [1e9] * 3
    size = max(1, len(times) // 5)
    for at in range(0, len(times) - size + 1, size):
        part = sorted(times[at:at + size])
        best = [min(b, part[min(size - 1, int(size * q))]) for b, q in zip(best, (0.5, 0.99, 0.999))]
    print(text.rsplit(":", 1)[1], len(times), *("%.0f" % v for v in best))
