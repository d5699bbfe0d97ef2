#!/usr/bin/env python3
# two_hellos.py -- a TLS 1.3 client that says one name, and after a HelloRetryRequest another.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: two_hellos.py ADDRESS FIRST_NAME SECOND_NAME [early]

The first hello has no key share, so that the server has to ask; with `early`, a record of early data and
a ChangeCipherSpec follow it. Prints what came of the second: "hello" for a ServerHello, "reset", "none".
"""
import socket
import struct
import sys

HRR = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
# the generator of P-256 is as good a share as any (FIPS 186-4 D.1.2.3)
SHARE = bytes.fromhex("04" "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                      "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")


def vector(width, body):
    return len(body).to_bytes(width, "big") + body


def extension(kind, body):
    return struct.pack(">H", kind) + vector(2, body)


def hello(name, share, cookie=b""):
    shares = struct.pack(">H", 23) + vector(2, SHARE) if share else b""
    extensions = (extension(0, vector(2, b"\0" + vector(2, name.encode())))
                  + extension(43, vector(1, b"\x03\x04"))
                  + extension(10, vector(2, struct.pack(">H", 23)))
                  + extension(13, vector(2, bytes.fromhex("040308040401")))
                  + extension(51, vector(2, shares)) + cookie)
    body = (b"\x03\x03" + b"\x11" * 32 + vector(1, b"\x22" * 32) + vector(2, b"\x13\x01")
            + vector(1, b"\0") + vector(2, extensions))
    return b"\x16\x03\x01" + vector(2, b"\x01" + vector(3, body))


def server_hello(s):
    """The random of the next ServerHello, or why there is none."""
    got = b""
    try:
        while len(got) < 43:
            more = s.recv(43 - len(got))
            if not more:
                return "closed"
            got += more
        if got[0] != 22 or got[5] != 2:
            return "alert"
        rest = 5 + struct.unpack(">H", got[3:5])[0] - 43
        while rest:
            rest -= len(s.recv(rest))
        return got[11:43]
    except ConnectionResetError:
        return "reset"
    except socket.timeout:
        return "none"


def main():
    address, first, second = sys.argv[1:4]
    s = socket.create_connection((address, 443), 10)
    s.settimeout(20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(hello(first, False))
    if "early" in sys.argv[4:]:
        s.sendall(b"\x14\x03\x03\0\x01\x01")
    answer = server_hello(s)
    if answer != HRR:
        print("no retry:", answer)
        return
    s.sendall(b"" if "early" in sys.argv[4:] else b"\x14\x03\x03\0\x01\x01")
    s.sendall(hello(second, True))
    while True:
        kind = s.recv(1, socket.MSG_PEEK) if answer == HRR else b""
        if kind != b"\x14":
            break
        s.recv(6)
    answer = server_hello(s)
    print("hello" if isinstance(answer, bytes) and answer != HRR else answer)


try:
    main()
except ConnectionResetError:
    print("reset")
