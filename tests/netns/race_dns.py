#!/usr/bin/env python3
# race_dns.py -- the authority behind the race soak's unbound: other addresses with every answer.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: race_dns.py ADDRESS PORT
# Any name has 8 of the 4,000 addresses of tests/tools/race.h, with a TTL of one second; a name that
# begins with c has them under another name, by a CNAME. Who asked for a barred name is told, and it
# is said on standard output: no such question may come.
import random
import socket
import struct
import sys

ADDRS, TTL = 4000, 1


def name_end(q):
    at = 12
    while q[at]:
        at += 1 + q[at]
    return at + 1


def addresses(qtype):
    picked = random.sample(range(ADDRS), 8)
    if qtype == 1:
        return [struct.pack(">I", 0xC6120000 + i) for i in picked]
    if qtype == 28:
        return [bytes.fromhex("20010db800180000") + struct.pack(">Q", i) for i in picked]
    return []


def reply(q):
    end = name_end(q)
    qtype, = struct.unpack(">H", q[end:end + 2])
    if b"barred" in q[12:end]:
        print("asked for a barred name", flush=True)
    owner, answer, n = b"\xc0\x0c", b"", 0
    if q[13:14] == b"c" and b"race" in q[12:end]:
        target = q[12:13 + q[12]] + b"\x06behind\x03cdn\x04test\0"
        answer = owner + struct.pack(">HHIH", 5, 1, TTL, len(target)) + target
        owner, n = struct.pack(">H", 0xC000 | end + 4 + 12), 1
    found = addresses(qtype)
    for rdata in found:
        answer += owner + struct.pack(">HHIH", qtype, 1, TTL, len(rdata)) + rdata
    return q[:2] + struct.pack(">5H", 0x8580, 1, n + len(found), 0, 0) + q[12:end + 4] + answer


s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.bind((sys.argv[1], int(sys.argv[2])))
while True:
    query, client = s.recvfrom(4096)
    try:
        s.sendto(reply(query), client)
    except (IndexError, struct.error):
        pass
