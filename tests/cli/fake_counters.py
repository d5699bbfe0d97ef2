#!/usr/bin/env python3
# fake_counters.py -- a daemon for tests of top: counters that grow by the same with each request.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: fake_counters.py SOCKET LOG
# Prints "ready" and serves until killed. The nth answer to /stats has n times the packets below;
# LOG gets a line "PATH" for each request.
import json
import os
import socketserver
import sys

ESC = "\x1b]0;owned\x07"
ROWS = [  # workspace, reason, verdict, packets, bytes
    (1001, "no-match", "DROP", 30, 3000),
    (1001, "listed-prefix", "PASS", 500, 50000),
    (1002, "no-match", "DRY_RUN_DENIAL", 7, 700),
    (1002, "hello-held", "DROP", 11, 1100),
    (0, "unknown-source", "DROP", 2, 128),
]
DENIALS = [  # workspace, name, address, packets
    (1001, "api.example.com", "192.0.2.10", 20),
    (1001, "api.example.com", "192.0.2.11", 5),
    (1001, None, "198.51.100.7", 5),
    (1002, "evil" + ESC + "\u202e.example", "2001:db8::7", 7),
    (1002, "www.example.org", "192.0.2.10", 1),
] + [(1003, f"host{i:03}.example.net", f"203.0.113.{i}", 0) for i in range(100)]


def stats(n, workspace):
    rows = [{"workspace_id": w, "reason": r, "verdict": v, "path": "none", "packets": p * n, "bytes": b * n}
            for w, r, v, p, b in ROWS if workspace in ("", str(w))]
    return {"generation": 5, "rows": rows, "totals": {}, "unkeyed_packets": 0}


def denials(n, workspace):
    return {"denials": [{"workspace_id": w, "name": name, "dst": dst, "packets": p * n, "bytes": 60 * p * n}
                        for w, name, dst, p in DENIALS if workspace in ("", str(w))]}


class Handler(socketserver.StreamRequestHandler):
    n = 0

    def handle(self):
        path = self.rfile.readline().decode().split(" ")[1].removeprefix("/api/2.0/dbx-egress")
        while self.rfile.readline().strip():
            pass
        with open(sys.argv[2], "a", encoding="utf-8") as f:
            print(path, file=f)
        what, _, query = path.partition("?")
        workspace = dict(v.split("=") for v in query.split("&") if v).get("workspace", "")
        if what == "/stats":
            Handler.n += 1
            body = stats(Handler.n, workspace)
        elif what == "/denials":
            body = denials(Handler.n, workspace)
        else:
            body = {"generation": 5, "events_lost": 3}
        text = json.dumps(body).encode()
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
                         + text)


if os.path.exists(sys.argv[1]):
    os.unlink(sys.argv[1])
with socketserver.UnixStreamServer(sys.argv[1], Handler) as server:
    print("ready", flush=True)
    server.serve_forever()
