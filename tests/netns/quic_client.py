#!/usr/bin/env python3
# quic_client.py -- a QUIC client that does what real ones do not: chosen cuts, repetitions, lies.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: quic_client.py ADDRESS ALLOWED_NAME OTHER_NAME [SCENARIO...]

At ADDRESS, UDP port 443 echoes what it is sent. Prints a line for each scenario: its name, and what
became of each datagram: "echo" (the server got it, byte by byte), "refused" (an ICMP error), "none".
"""
import hashlib
import hmac
import os
import socket
import struct
import sys
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

V1, V2 = 1, 0x6B3343CF
SALT = {V1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
        V2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")}
address, ALLOWED, OTHER = sys.argv[1:4]


def expand(secret, label, n):
    """HKDF-Expand-Label, RFC 8446 section 7.1, of one block."""
    text = b"tls13 " + label.encode()
    info = struct.pack("!HB", n, len(text)) + text + b"\0"
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:n]


def keys(version, dcid):
    """RFC 9001 section 5.2, RFC 9369 section 3.3.1."""
    name = "quicv2 " if version == V2 else "quic "
    client = expand(hmac.new(SALT[version], dcid, hashlib.sha256).digest(), "client in", 32)
    return [expand(client, name + what, n) for what, n in (("key", 16), ("iv", 12), ("hp", 16))]


def varint(n):
    return bytes([n]) if n < 64 else struct.pack("!H", n | 0x4000)


def initial(dcid, frames, number=0, version=V1, size=1200, key_id=None):
    """An Initial, padded to size; protected with the keys of key_id, by right its own dcid."""
    key, iv, hp = keys(version if version in SALT else V1, dcid if key_id is None else key_id)
    first = 0xD3 if version == V2 else 0xC3
    front = struct.pack("!BIB", first, version, len(dcid)) + dcid + b"\0\0"
    frames += bytes(max(0, size - len(front) - 2 - 4 - 16 - len(frames)))
    head = front + struct.pack("!H", 0x4000 | (4 + len(frames) + 16)) + struct.pack("!I", number)
    nonce = iv[:4] + (int.from_bytes(iv[4:], "big") ^ number).to_bytes(8, "big")
    sealed = AESGCM(key).encrypt(nonce, frames, head)
    ecb = Cipher(algorithms.AES(hp), modes.ECB()).encryptor()
    mask = ecb.update(sealed[:16])
    at = len(head) - 4
    masked = bytes(a ^ b for a, b in zip(head[at:], mask[1:5]))
    return bytes([head[0] ^ (mask[0] & 15)]) + head[1:at] + masked + sealed


def crypto(hello, start=0, end=None):
    part = hello[start:end]
    return b"\x06" + varint(start) + varint(len(part)) + part


def hello(name, size=0):
    """A ClientHello with this name, and a key share that makes it about so long."""
    def extension(kind, body):
        return struct.pack("!HH", kind, len(body)) + body
    host = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name.encode()
    share = struct.pack("!HH", 0x11EC, size) + os.urandom(size)
    more = extension(0, host) + extension(51, struct.pack("!H", len(share)) + share)
    body = b"\3\3" + os.urandom(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack("!H", len(more)) + more
    return b"\1" + len(body).to_bytes(3, "big") + body


class Flow:
    """A source port. What it says and hears."""

    def __init__(self):
        self.s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.s.connect((address, 443))
        self.id = os.urandom(8)

    def say(self, *datagrams, patience=10):
        """Sends, and waits for all to come back. Where nothing should, less patience will do."""
        time.sleep(0.005)  # the gateway sends one ICMP error a millisecond at most
        out = list(datagrams)
        try:
            for d in out:
                self.s.send(d)
            end = time.monotonic() + patience
            while out and time.monotonic() < end:
                self.s.settimeout(max(0.01, end - time.monotonic()))
                back = self.s.recv(4096)
                if back not in out:
                    return "lies"
                out.remove(back)
        except ConnectionRefusedError:
            return "refused"
        except socket.timeout:
            pass
        return "echo" if not out else "none" if len(out) == len(datagrams) else "some"

    def begin(self, name=ALLOWED, **more):
        return self.say(initial(self.id, crypto(hello(name)), **more))


def two(name, turned=False):
    """A hello in two Initials, as post-quantum keys make it."""
    f, h = Flow(), hello(name, 1200)
    parts = [initial(f.id, crypto(h, 0, 900), 0), initial(f.id, crypto(h, 900), 1)]
    if turned:
        parts.reverse()
    first = f.say(parts[0], patience=0.5)
    try:
        f.s.send(parts[1])
        got = []
        f.s.settimeout(10)
        while len(got) < 2:
            got.append(f.s.recv(4096))
        return [first, "echo" if got == parts else "lies"]
    except ConnectionRefusedError:
        return [first, "refused"]
    except socket.timeout:
        return [first, "none"]


def later(*what):
    """An allowed flow, and what comes then: functions of the flow."""
    f = Flow()
    return [f.begin()] + [w(f) for w in what]


def short(f):
    return f.say(b"\x40" + f.id + os.urandom(60))


def coalesced():
    """Two connections in one datagram."""
    f = Flow()
    return [f.say(initial(f.id, crypto(hello(ALLOWED)), size=500) +
                  initial(os.urandom(8), crypto(hello(OTHER)), size=700))]


def behind_handshake():
    f = Flow()
    front = struct.pack("!BIB", 0xE3, V1, 8) + f.id + b"\0" + varint(30) + os.urandom(30)
    return [f.say(front + initial(f.id, crypto(hello(OTHER))))]


def broken():
    """An Initial whose tag is wrong begins nothing, and does no harm."""
    f = Flow()
    packet = bytearray(initial(f.id, crypto(hello(ALLOWED))))
    packet[-1] ^= 1
    return [f.say(bytes(packet), patience=0.5), f.begin()]


def same_id(f):
    return f.say(initial(f.id, crypto(hello(OTHER)), 1))


def second_hello(f):
    """Another name behind the first hello, of which the server has had no byte but in our copy."""
    h = hello(ALLOWED)
    return f.say(initial(f.id, crypto(h + hello(OTHER))))


SCENARIOS = {
    "allowed": lambda: [Flow().begin()],
    "other": lambda: [Flow().begin(OTHER)],
    "no-name": lambda: [Flow().begin("")],
    "upper-case": lambda: [Flow().begin(ALLOWED.upper())],
    "two": lambda: two(ALLOWED),
    "two-turned": lambda: two(ALLOWED, True),
    "two-other": lambda: two(OTHER),
    "version-2": lambda: [Flow().begin(version=V2)],
    "version-2-other": lambda: [Flow().begin(OTHER, version=V2)],
    "version-unknown": lambda: [Flow().begin(version=0x1A2A3A4A)],
    "version-0": lambda: [Flow().begin(version=0)],
    "garbage": lambda: [Flow().say(b"x" * 1200)],
    "garbage-long": lambda: [Flow().say(b"\xc0" + os.urandom(1199))],
    "short-first": lambda: [short(Flow())],
    "empty": lambda: [Flow().say(b"\xc3")],
    "broken": broken,
    "coalesced": coalesced,
    "behind-handshake": behind_handshake,
    "later-short": lambda: later(short, short),
    "later-other": lambda: later(lambda f: f.say(initial(os.urandom(8), crypto(hello(OTHER)))), short),
    "later-other-version": lambda: later(lambda f: f.begin(OTHER, version=V2)),
    "later-unknown-version": lambda: later(lambda f: f.begin(version=0x1A2A3A4A)),
    "later-allowed": lambda: later(lambda f: f.say(initial(os.urandom(8), crypto(hello(ALLOWED)))), short),
    "later-of-the-connection": lambda: later(
        lambda f: f.say(initial(os.urandom(8), b"\2\0\0\0\0", 1, key_id=f.id)), short),
    "later-same-id-other": lambda: later(same_id, short),
    "later-second-hello": lambda: later(second_hello),
}


def repeated():
    """A client repeats its hello in a new packet."""
    f, h = Flow(), hello(ALLOWED)
    return [f.say(initial(f.id, crypto(h), n)) for n in range(3)]


SCENARIOS["repeated"] = repeated


def main():
    for name in sys.argv[4:] or SCENARIOS:
        print(name, *SCENARIOS[name](), flush=True)


if __name__ == "__main__":
    main()
