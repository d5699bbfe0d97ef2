#!/usr/bin/env python3
# fake_records.py -- a daemon that has only records: kept ones in pages, and a stream of events; good and bad.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: fake_records.py SOCKET MODE LOG [KEPT]
# Prints "ready" and serves until killed. LOG gets a line for each request. KEPT has lines of records.
# MODE says how events come, see the functions stream_MODE, or how pages do, see page_MODE.
import json
import os
import socketserver
import sys
import time
import urllib.parse

SOCKET, MODE, LOG = sys.argv[1:4]
KEPT = []
if len(sys.argv) > 4:
    with open(sys.argv[4], encoding="utf-8") as kept:
        KEPT = [line.strip() for line in kept if line.strip()]
PAGE = 7  # records at most, whatever is asked for


def record(n, is_open=True, **more):
    x = {"reason": "no-match", "verdict": "DROP", "src_ip": "10.66.1.10", "dst_ip": "203.0.113.%d" % (n % 250),
         "src_port": 40000 + n % 20000, "dst_port": 443, "ip_proto": 6, "name": "host%d.example.net" % n,
         "rule": {"text": "policy np"}}
    if is_open:
        x["open"] = True
    x.update(more)
    return json.dumps({"event_id": "id-%d" % n, "event_time": "2026-11-21T10:00:00.%03d" % (n % 1000),
                       "workspace_id": "1001", "x_dbx_egress": x}).encode()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        _, url, _ = self.rfile.readline().decode().split(" ", 2)
        while self.rfile.readline().strip():
            pass
        with open(LOG, "a", encoding="utf-8") as f:
            print(url, file=f)
        path, _, query = url.removeprefix("/api/2.0/dbx-egress").partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if path == "/events":
            getattr(self, "stream_" + MODE)()
        elif path == "/records":
            getattr(self, "page_" + MODE, self.page_good)(int(query.get("after", 0)))
        elif path == "/documents":
            self.send(200, {"documents": []})
        else:
            self.send(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no " + path})

    def send(self, status, body):
        body = json.dumps(body).encode()
        self.wfile.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                         % (status, len(body), body))

    # ---- pages ----

    def page(self, after, first=1, **more):
        numbered = [(n, line) for n, line in enumerate(KEPT, 1) if n > after and n >= first]
        page = numbered[:PAGE]
        answer = {"records": [json.loads(line) for _, line in page],
                  "next": page[-1][0] if len(numbered) > PAGE else None,
                  "first": first if KEPT else None, "last": len(KEPT) or None,
                  "first_time": json.loads(KEPT[first - 1])["x_dbx_egress"]["last_time"] if KEPT else None}
        answer.update(more)
        self.send(200, answer)

    def page_good(self, after):
        self.page(after)

    def page_dropped(self, after):
        self.page(after, first=4)

    def page_same(self, after):  # the same page again and again
        self.page(0, next=PAGE, last=1000000)

    def page_growing(self, after):  # more records come than are read
        KEPT.extend([KEPT[0]] * (2 * PAGE))
        self.page(after)

    def page_odd(self, _):
        self.send(200, {"records": {"a": 1}, "next": "x", "first": [], "last": 1.5})

    def page_junk(self, _):
        self.send(200, {"records": [1, None, "x", {}, {"event_id": 7}], "next": None, "first": 1, "last": 5})

    def page_broken(self, after):
        if after:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"records\":[")
        else:
            self.page(after)

    # ---- the stream ----

    def begin(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end(self):
        self.wfile.write(b"0\r\n\r\n")

    def stream_good(self):
        self.begin()
        self.chunk(b"\n")
        for n in range(3):
            self.chunk(record(n) + b"\n")
        self.chunk(record(3, verdict="DRY_RUN_DENIAL", dst_ip="2001:db8::7", ip_proto=17, dst_port=53) + b"\n")
        for n in range(4):
            self.chunk(record(n, is_open=False, packets=n) + b"\n")
        self.end()

    def stream_torn(self):  # one byte each; the last line is cut off
        self.begin()
        for n in range(2):
            for byte in record(n) + b"\n":
                self.chunk(bytes([byte]))
        self.chunk(record(2)[:100])

    def stream_slow(self):  # silent between beats, but not for as long as the client waits
        self.begin()
        for _ in range(4):
            self.chunk(b"\n")
            time.sleep(0.5)
        self.chunk(record(0) + b"\n")
        self.end()

    def stream_silent(self):
        self.begin()
        self.chunk(record(0) + b"\n")
        time.sleep(60)

    def stream_huge(self):  # a line without an end
        self.begin()
        self.chunk(record(0) + b"\n")
        try:
            for _ in range(4096):
                self.chunk(b"x" * (1 << 20))
        except OSError:
            pass

    def stream_long(self):  # long, and still a line
        self.begin()
        self.chunk(record(0, name="a" * 900000) + b"\n" + record(1) + b"\n")
        self.end()

    def stream_flood(self):
        self.begin()
        n = 0
        try:
            while True:
                self.chunk(b"".join(record(n + i) + b"\n" for i in range(500)))
                n += 500
        except OSError:
            pass

    def stream_closed(self):
        self.begin()

    def stream_odd(self):
        self.begin()
        for line in (b"not json", b"[1,2]", b"7", b"null", b"{}", b"{\"x_dbx_egress\":3}", b"\xff\xfe\x00",
                     b"{\"x_dbx_egress\":{\"open\":true}}",
                     b"{\"workspace_id\":7,\"event_time\":[],\"x_dbx_egress\":{\"open\":true,\"verdict\":{},"
                     b"\"reason\":1,\"ip_proto\":\"x\",\"dst_port\":1.5,\"rule\":[],\"name\":{}}}",
                     b"[" * 100000,
                     record(8, name="\x1b]0;owned\x07\x9b2J\nDROP forged", reason="x\x1b[2J")):
            self.chunk(line + b"\n")
        self.chunk(record(9) + b"\n")
        self.end()

    def stream_full(self):
        self.send(429, {"error_code": "RESOURCE_EXHAUSTED", "message": "too many streams of events are open"})

    def stream_html(self):
        body = b"<html>\x1b[2Jhello</html>\n"
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


if os.path.exists(SOCKET):
    os.unlink(SOCKET)
with Server(SOCKET, Handler) as server:
    print("ready", flush=True)
    server.serve_forever()
