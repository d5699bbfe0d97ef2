#!/usr/bin/env python3
# dns_client.py -- a client of the resolver that does what dig does not: garbage, pieces, floods.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: dns_client.py SERVER PORT NAME
# NAME is allowed. Prints TAP lines without a plan.
import random
import socket
import struct
import sys

server, port, allowed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
family = socket.AF_INET6 if ":" in server else socket.AF_INET
random.seed(11)
n_tests = 0


def check(what, good, detail=""):
    global n_tests
    n_tests += 1
    print("%s %d - %s" % ("ok" if good else "not ok", n_tests, what))
    if not good:
        print("#   %s" % (detail,))


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".") if x) + b"\0"


def query(qname=None, ident=0x4444, flags=0x0100, counts=(1, 0, 0, 0), kind=1, klass=1, more=b""):
    q = name(allowed) if qname is None else qname
    return struct.pack(">6H", ident, flags, *counts) + q + struct.pack(">2H", kind, klass) + more


def udp(msg, wait=1.0):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(wait)
    s.sendto(msg, (server, port))
    try:
        return s.recv(65536)
    except socket.timeout:
        return None
    finally:
        s.close()


def rcode(reply):
    return None if reply is None else reply[3] & 15


def tcp_open():
    return socket.create_connection((server, port), timeout=5)


def tcp_read(s):
    def exactly(n):
        b = b""
        while len(b) < n:
            more = s.recv(n - len(b))
            if not more:
                return None
            b += more
        return b
    head = exactly(2)
    return None if head is None else exactly(struct.unpack(">H", head)[0])


def framed(msg):
    return struct.pack(">H", len(msg)) + msg


OPT = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
silent = [
    ("nothing", b""), ("one octet", b"x"), ("eleven octets", query()[:11]),
    ("a reply", query(flags=0x8180)), ("a reply to an update", query(flags=0xA800)),
]
answered = [
    ("a header alone", query()[:12], 1), ("no question", query(counts=(0, 0, 0, 0))[:12], 1),
    ("two questions", query(counts=(2, 0, 0, 0), more=name(allowed) + b"\0\1\0\1"), 1),
    ("a pointer to itself", query(b"\xc0\x0c"), 1), ("a forward pointer", query(b"\xc0\x20"), 1),
    ("a label of 64", query(b"\x40" + b"a" * 64 + b"\0"), 1),
    ("a name of 256", query(b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 3 + b"\0"), 1),
    ("a name without end", query()[:20], 1), ("a type cut off", query()[:-3], 1),
    ("octets behind it", query(more=b"x"), 1), ("an answer in it", query(counts=(1, 1, 0, 0)), 1),
    ("two OPT", query(counts=(1, 0, 0, 2), more=OPT + OPT), 1),
    ("a record that is no OPT", query(counts=(1, 0, 0, 1), more=OPT[:2] + b"\1" + OPT[3:]), 1),
    ("an OPT cut off", query(counts=(1, 0, 0, 1), more=OPT[:-1]), 1),
    ("an option past its OPT", query(counts=(1, 0, 0, 1),
                                     more=OPT[:-2] + b"\0\4\0\x0a\0\x09"), 1),
    ("EDNS version 9", query(counts=(1, 0, 0, 1), more=OPT[:6] + b"\x09" + OPT[7:]), 0),
    ("an update", query(flags=0x2800), 4), ("a notify", query(flags=0x2400), 4),
    ("a status", query(flags=0x1000), 4),
    ("class CH", query(klass=3), 5), ("AXFR", query(kind=252), 5), ("ANY", query(kind=255), 5),
    ("type 65280", query(kind=65280), 4), ("a name with a NUL", query(b"\3w\0w" + name(allowed)), 3),
    ("an embedded dot", query(name("a") [:-1] + b"\4x.yz" + name("test")), 3),
    ("the root", query(b"\0"), 3), ("a single label", query(name("localhost")), 3),
    ("250 octets", query((b"\x3f" + b"b" * 63) * 3 + b"\x30" + b"c" * 48 + b"\0"), 3),
]
for what, msg in silent:
    got = udp(msg, 0.3)
    check("no reply to %s" % what, got is None, got)
for what, msg, want in answered:
    got = udp(msg)
    check("%s: rcode %d" % (what, want), rcode(got) == want and got[:2] == b"\x44\x44", got)

got = udp(query(name(allowed.upper())))
check("upper case is the same name, and comes back as asked",
      rcode(got) == 0 and allowed.upper().split(".")[0].encode() in got, got)
got = udp(query(more=b"", flags=0x0100))
check("no OPT to a client without one", got is not None and got[10:12] == b"\0\0", got)

s = tcp_open()
s.sendall(b"".join(framed(query(ident=i)) for i in range(200)))
ids = set()
for _ in range(200):
    m = tcp_read(s)
    if m is None:
        break
    ids.add(struct.unpack(">H", m[:2])[0])
check("200 queries in one write over TCP: all answered", len(ids) == 200, len(ids))
for b in framed(query(ident=0x7777)):
    s.sendall(bytes([b]))
m = tcp_read(s)
check("octet by octet over TCP", m is not None and m[:2] == b"\x77\x77", m)
s.close()
s = tcp_open()
s.sendall(framed(query()) + framed(query(ident=1)))
s.shutdown(socket.SHUT_WR)
check("answers come after the client has closed its side",
      tcp_read(s) is not None and tcp_read(s) is not None and s.recv(1) == b"")
s.close()
for what, msg in (("a length of 5", b"\0\5hello"), ("a length of 60000", b"\xea\x60" + b"x" * 9000)):
    s = tcp_open()
    try:
        s.sendall(msg)
        end = s.recv(1)
    except ConnectionResetError:
        end = b""
    check("%s ends the TCP connection" % what, end == b"", end)
    s.close()
held = [tcp_open() for _ in range(80)]
open_ones = 0
for s in held:
    try:
        s.settimeout(0.3)
        s.sendall(framed(query()))
        open_ones += tcp_read(s) is not None
    except OSError:
        pass
    s.close()
check("one source has 64 TCP connections, not more", open_ones == 64, open_ones)

s = socket.socket(family, socket.SOCK_DGRAM)
s.setblocking(False)
seeds = [m for _, m, _ in answered] + [query(), query(counts=(1, 0, 0, 1), more=OPT)]
bad = 0
for i in range(20000):
    m = bytearray(random.choice(seeds))
    for _ in range(random.randrange(1, 6)):
        if m:
            m[random.randrange(len(m))] = random.randrange(256)
    if random.random() < 0.3:
        m = m[:random.randrange(len(m) + 1)]
    if random.random() < 0.1:
        m += bytes(random.randrange(256) for _ in range(random.randrange(600)))
    s.sendto(bytes(m), (server, port))
    try:
        while True:
            r = s.recv(65536)
            bad += len(r) < 12 or not r[2] & 0x80
    except BlockingIOError:
        pass
check("20,000 mutated queries: nothing but replies comes back", bad == 0, bad)
got = [udp(query()) for _ in range(3)]
check("and the resolver answers as before", any(rcode(m) == 0 for m in got), got)
