#!/usr/bin/env python3
# dns_hostile.py -- an upstream that lies, stalls, and breaks off: the first label says how.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: dns_hostile.py ADDRESS PORT
# UDP and TCP. True answers are 192.0.2.10 (and 2001:db8::10), lies are 203.0.113.66. Any other label
# is answered truly.
import random
import socket
import struct
import sys
import threading
import time

TRUE, LIE = socket.inet_aton("192.0.2.10"), socket.inet_aton("203.0.113.66")
random.seed(7)


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".") if x) + b"\0"


def question(msg):
    at = 12
    while msg[at]:
        at += msg[at] + 1
    return msg[12:at + 5]


def rr(owner, kind, data, ttl=60):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def reply(msg, answers=(), authority=(), additional=(), ident=None, ask=None, rcode=0, flags=0):
    head = msg[:2] if ident is None else struct.pack(">H", ident)
    return (head + struct.pack(">5H", 0x8180 | flags | rcode, 1, len(answers), len(authority),
                               len(additional)) + (question(msg) if ask is None else ask) +
            b"".join(answers) + b"".join(authority) + b"".join(additional))


OWNER = b"\xc0\x0c"
GOOD = rr(OWNER, 1, TRUE)


def chain(msg, n, closed=False):
    """n CNAMEs and an address; closed: the last leads to the first."""
    v, owner = [], OWNER
    for i in range(n):
        to = name("c%d.chain.test" % i)
        v.append(rr(owner, 5, OWNER if closed and i == n - 1 else to))
        owner = to
    return v if closed else v + [rr(owner, 1, TRUE)]


def over_udp(how, msg, send):
    lie = rr(OWNER, 1, LIE)
    ident = struct.unpack(">H", msg[:2])[0]
    if how == "wrongid":
        for i in range(1, 30):
            send(reply(msg, [lie], ident=(ident + i) & 0xFFFF))
        time.sleep(0.05)
        send(reply(msg, [GOOD]))
    elif how == "wrongidonly":
        send(reply(msg, [lie], ident=ident ^ 1))
    elif how == "wrongname":
        send(reply(msg, [rr(OWNER, 1, LIE)], ask=name("www.other.test") + b"\0\1\0\1"))
        send(reply(msg, [GOOD]))
    elif how == "wrongtype":
        send(reply(msg, [lie], ask=question(msg)[:-4] + b"\0\x1c\0\1"))
        send(reply(msg, [GOOD]))
    elif how == "case":
        send(reply(msg, [lie], ask=question(msg).lower()))
    elif how == "forged":
        for _ in range(12):
            send(reply(msg, [lie], ask=name("www.other.test") + b"\0\1\0\1"))
    elif how in ("tc", "tcclose", "tcstall", "tcwrong", "big", "many"):
        send(reply(msg, flags=0x0200))
    elif how == "loop":
        send(reply(msg, chain(msg, 2, closed=True)))
    elif how == "chain":
        send(reply(msg, chain(msg, 10)))
    elif how == "longchain":
        send(reply(msg, chain(msg, 20)))
    elif how == "poison":
        send(reply(msg, [rr(name("victim.test"), 1, LIE), GOOD, rr(name("bank.test"), 5, OWNER)],
                   [rr(name("test"), 2, name("ns.evil.test"))],
                   [rr(name("ns.evil.test"), 1, LIE), rr(OWNER, 1, LIE)]))
    elif how == "nxpoison":
        send(reply(msg, [lie], rcode=3))
    elif how == "slow":
        time.sleep(0.7)
        send(reply(msg, [GOOD]))
    elif how == "dead":
        pass
    elif how == "garbage":
        send(msg[:2] + b"\x81\x80" + msg[4:6] + b"\0\x09" + bytes(6) + question(msg) +
             bytes(random.randrange(256) for _ in range(300)))
    elif how == "pointer":
        send(reply(msg, [b"\xc0\xff" + GOOD[2:]]) + b"\xc1\x00" * 20000)
    elif how == "cut":
        send(reply(msg, [GOOD])[:-3])
    elif how == "servfail":
        send(reply(msg, rcode=2))
    elif how == "refused":
        send(reply(msg, rcode=5))
    elif how == "hugettl":
        send(reply(msg, [rr(OWNER, 1, TRUE, 0xFFFFFFFF)]))
    elif how == "maxttl":
        send(reply(msg, [rr(OWNER, 1, TRUE, 0x7FFFFFFF)]))
    elif how == "zerottl":
        send(reply(msg, [rr(OWNER, 1, TRUE, 0)]))
    else:
        send(reply(msg, [GOOD]))


def over_tcp(how, msg, conn):
    def send(m):
        conn.sendall(struct.pack(">H", len(m)) + m)
    if how == "tcclose":
        return
    if how == "tcstall":
        conn.sendall(b"\x10")
        time.sleep(8)
    elif how == "tcwrong":
        send(reply(msg, [rr(OWNER, 1, LIE)], ident=struct.unpack(">H", msg[:2])[0] ^ 1))
    elif how == "big":
        texts = [rr(OWNER, 16, b"\xff" + bytes([65 + i % 26]) * 255) for i in range(235)]
        send(reply(msg, texts))
    elif how == "many":
        send(reply(msg, [rr(OWNER, 1, struct.pack(">I", 0xC0000200 + i)) for i in range(4000)]))
    else:
        send(reply(msg, [GOOD]))


def how_of(msg):
    return msg[13:13 + msg[12]].decode("latin1").lower()


def serve_tcp(listener):
    def one(conn):
        with conn:
            head = conn.recv(2)
            msg = b""
            while len(head) == 2 and len(msg) < struct.unpack(">H", head)[0]:
                more = conn.recv(65536)
                if not more:
                    return
                msg += more
            if msg:
                over_tcp(how_of(msg), msg, conn)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=one, args=(conn,), daemon=True).start()


def main():
    at = (sys.argv[1], int(sys.argv[2]))
    family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind(at)
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind(at)
    tcp.listen(64)
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
    while True:
        msg, peer = udp.recvfrom(65536)
        threading.Thread(target=over_udp, daemon=True,
                         args=(how_of(msg), msg, lambda m, p=peer: udp.sendto(m, p))).start()


main()
