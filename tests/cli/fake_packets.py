#!/usr/bin/env python3
# fake_packets.py -- a daemon for tests of capture: lines of packets, well and badly.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: fake_packets.py SOCKET MODE
# Prints "ready" and serves until killed.
import base64
import json
import os
import socketserver
import sys
import time

MODE = sys.argv[2]
FRAME = bytes.fromhex("0200000000020200000000010800") + bytes(50)


def packet(**changes):
    p = {"time_ns": 1795271267123456789, "verdict": "DROP", "reason": "no-match", "path": "none",
         "workspace_id": 1001, "generation": 3, "frame_bytes": 64, "interface": "ws1", "policy": "np",
         "rule": {"text": "policy np", "document": "np.json", "pointer": "/a"},
         "data": base64.b64encode(FRAME).decode()}
    p.update(changes)
    return {"packet": p}


def counts(end, n):
    return {"counts": {"packets": n, "bytes": 64 * n, "limited": 2, "lost": 1, "unsent": 4}, "end": end}


def lines():
    yield counts(None, 0)
    if MODE == "good":
        for i in range(300):
            yield packet(interface=f"ws{i % 3}", time_ns=1795271267000000000 + i)
        yield counts("packets", 300)
    elif MODE == "hostile":
        yield packet(interface="\x1b]0;x\x07", policy="p" * 5000, reason="\u202e" + "r" * 3000,
                     rule={"text": "t" * 9000, "document": 7, "pointer": None})
        yield packet(rule=None, policy=None, workspace_id=0, reason="of-tomorrow")
        yield counts("packets", 2)
    elif MODE == "interfaces":
        for i in range(400):
            yield packet(interface=f"if{i}")
    elif MODE == "program":
        yield packet()
        yield counts("program", 1)
    elif MODE == "closed":
        yield packet()
    elif MODE in BAD:
        yield packet()
        yield BAD[MODE]
        time.sleep(60)


BAD = {
    "not-json": b"{\"packet\":\n",
    "not-base64": packet(data="Zm9v!"),
    "long": packet(data=base64.b64encode(bytes(20000)).decode(), frame_bytes=20000),
    "shorter-than-it-is": packet(frame_bytes=10),
    "negative": packet(frame_bytes=-1),
    "nowhere": packet(interface=""),
    "no-object": {"packet": 7},
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        try:
            for line in lines():
                text = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
                # in two chunks: a line comes in any pieces
                for part in (text[:7], text[7:]):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            pass


if os.path.exists(sys.argv[1]):
    os.unlink(sys.argv[1])
with socketserver.UnixStreamServer(sys.argv[1], Handler) as server:
    print("ready", flush=True)
    server.serve_forever()
