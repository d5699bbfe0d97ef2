#!/usr/bin/env python3
# fake_daemon.py -- a daemon for tests of the client: canned answers, and every way to answer badly.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: fake_daemon.py SOCKET MODE [LOG]
# Prints "ready" and serves until killed. LOG gets a line "METHOD PATH BODY" for each request.
import json
import os
import socketserver
import sys
import time

ESC = "\x1b]0;owned\x07"
FINDING = {"severity": "error", "code": "no-such-policy", "doc": "opt.json",
           "ptr": "/network_policy_id", "text": "bind workspace 1: no such policy" + ESC}
POLICY = {"network_policy_id": "np",
          "egress": {"network_access": {"restriction_mode": "FULL_ACCESS"}}}
FEED = {"changeNumber": 1, "cloud": "Public", "values": [
    {"name": "Storage", "id": "Storage", "properties": {
        "changeNumber": 1, "region": "", "regionId": 0, "platform": "Azure", "systemService": "",
        "addressPrefixes": ["20.60.0.0/16"], "networkFeatures": None}}]}
APPLIED = {
    "revision": 7, "generation_before": 4, "generation": 5, "changed": True, "dry_run": False,
    "changes": [
        {"op": "add", "object": "network-policy np" + ESC, "field": "", "before": "",
         "after": "{}"},
        {"op": "modify", "object": "gateway gw", "field": "/name", "before": "a", "after": "b"}],
    "feeds": [{"cloud": "Public", "version_before": "397", "version_after": "398", "tags_added": 0,
               "tags_removed": 0, "tags_changed": 57, "entries_added": 309,
               "entries_removed": 635}],
    "findings": [{"severity": "warning", "code": "dry-run", "doc": "np.json", "ptr": "",
                  "text": "policy np is in dry-run"},
                 {"severity": "warning", "code": "dry-run", "doc": "old.json", "ptr": "",
                  "text": "policy old is in dry-run"},
                 {"severity": "info", "code": "note", "doc": "np.json", "ptr": "",
                  "text": "a note"}],
    "timing_ms": {"read": 100.2, "check": 5, "compile": 40, "build_and_flip": 44.4, "store": 9,
                  "total": 200}}
ANSWERS = {
    "/status": {
        "version": "0.1.0", "generation": 5, "revision": 7, "uptime_s": 3700, "adopted": True,
        "interfaces": [{"name": "ws1" + ESC, "state": "attached", "ifindex": 3, "error": ""},
                       {"name": "ws2", "state": "failed", "ifindex": 0, "error": "no such device"}],
        "feeds": [{"cloud": "Public", "version": "398", "tags": 3041, "prefixes": 95823,
                   "age_s": 60}],
        "process": {
            "answers": False, "pid": 7, "reconnects": 1, "version": "DPDK 1" + ESC,
            "tsc_hz": 1, "routes": {"told": 30, "neighbours": 4, "error": "too long"},
            "lcores": [{"lcore": 3, "queues": 2, "packets": 70, "dropped": 5, "tx_dropped": 0,
                        "cycles_per_packet": 123.4, "busy_percent": 12.5},
                       {"lcore": 4, "queues": 2, "packets": 0, "cycles_per_packet": None}],
            "ports": [{"name": "ws1" + ESC, "device": "net_a", "host": None, "link": "up",
                       "queues": 2, "rx_packets": 71, "rx_missed": 1, "rx_nombuf": 2,
                       "host_packets": 60, "host_dropped": 4, "fast_packets": 6}]},
        "log": {"records": 9, "open_flows": 1, "sinks": [
            {"sink": "file", "path": "/var/log/d.jsonl", "written": 9, "lost": 0, "error": None},
            {"sink": "kafka", "topic": "egress" + ESC, "written": 5, "lost": 4, "queued": 3,
             "error": "no broker of k1:9092 can be reached" + ESC}]},
        "metrics": {"listen": "127.0.0.1:9479", "listening": False, "scrapes": 6,
                    "error": "listening on 127.0.0.1:9479: Address already in use"},
        "events": 10, "events_lost": 2, "dry_run_policies": ["np-dry"]},
    "/stats": {
        "generation": 5, "unkeyed_packets": 0,
        "totals": {"packets": 12, "bytes": 1200, "pass": 10, "drop": 2, "dry_run": 0,
                   "by_reason": {"no-match": {"packets": 2, "bytes": 200},
                                 "blocked": {"packets": 0, "bytes": 0}}},
        "rows": [{"workspace_id": 1001, "reason": "no-match", "verdict": "DROP", "path": "none",
                  "rule_uid": "1", "rule": "policy np" + ESC, "rule_doc": "np.json",
                  "rule_ptr": "", "policy": "np", "packets": 2, "bytes": 200}]},
    "/history": {"revisions": [{"revision": 7, "time_ms": 1755700000000, "generation": 5,
                                "documents": 3, "uid": 0, "message": "why" + ESC}]},
    "/denials": {"denials": [{"time": "2026-08-21T09:14:03Z", "workspace_id": 1001,
                              "policy": "np" + ESC, "reason": "no-match", "verdict": "DROP",
                              "rule": "", "src": "10.0.0.1", "dst": "192.0.2.1", "proto": "tcp",
                              "port": 443, "packets": 3, "bytes": 180}]},
    "/documents": {"documents": [
        {"kind": "network-policy", "id": "np" + ESC, "document": POLICY, "revision": 7},
        {"kind": "azure-tags", "id": "Public", "document": FEED, "revision": 6}]},
    "/documents/network-policy/np%20x": {"kind": "network-policy", "id": "np x",
                                         "document": POLICY, "revision": 7},
    "/explain": {"verdict": "DROP", "reason": "no-match", "workspace_id": 1001, "policy": "np",
                 "rule": "policy np" + ESC, "rule_doc": "np.json", "rule_ptr": "", "path": "none",
                 "tags": ["Storage", "x\nPASS forged"],
                 "advice": "add it to allowed_destinations\nDROP forged",
                 "steps": [{"name": "default", "result": "deny", "text": "nothing matches",
                            "doc": "", "ptr": ""}]},
    "/entries": {"generation": 5, "known_since": "2026-08-01T00:00:00Z", "error": None, "entries": [
        {"rule_uid": "1", "policy": "np" + ESC, "rule": "allowed name x" + ESC, "document": "np.json",
         "pointer": "/a", "packets": 0, "bytes": 0, "first_time": "2026-08-20T00:00:00Z", "last_time": None},
        {"rule_uid": "2", "policy": None, "rule": "used", "document": "gw.json", "pointer": "/b",
         "packets": 0, "bytes": 0, "first_time": None, "last_time": "2026-08-21T00:00:00Z"},
        {"rule_uid": "3", "policy": None, "rule": "counted", "document": "gw.json", "pointer": "/c",
         "packets": 9, "bytes": 900, "first_time": None, "last_time": None}]},
    "/apply": APPLIED, "/diff": APPLIED, "/rollback": APPLIED,
    "/image": b"not an image",
}


class Handler(socketserver.StreamRequestHandler):
    def request_line(self):
        method, path, _ = self.rfile.readline().decode().split(" ", 2)
        length = 0
        while (line := self.rfile.readline().strip()):
            key, value = line.decode().split(":", 1)
            if key.lower() == "content-length":
                length = int(value)
        return method, path, self.rfile.read(length).decode()

    def send(self, status, body, extra=""):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.wfile.write((f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n"
                          f"Connection: close\r\n{extra}\r\n").encode() + body)

    def handle(self):
        method, path, body = self.request_line()
        if LOG:
            with open(LOG, "a", encoding="utf-8") as f:
                print(method, path, body, file=f)
        getattr(self, "mode_" + MODE)(path.removeprefix("/api/2.0/dbx-egress"))

    def mode_ok(self, path):
        answer = ANSWERS.get(path.split("?")[0])
        if answer is None:
            self.send(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no {path}"})
        else:
            self.send(200, answer)

    def mode_refuse(self, _):
        self.send(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "1 error",
                        "findings": [FINDING]})

    def mode_forbid(self, _):
        self.send(403, {"error_code": "PERMISSION_DENIED", "message": "only root may write" + ESC})

    def mode_slow(self, _):
        time.sleep(20)

    def mode_trickle(self, _):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            self.wfile.write(b"{")
            time.sleep(0.1)

    def mode_close(self, _):
        pass

    def mode_partial(self, _):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"a\":")

    def mode_garbage(self, _):
        self.wfile.write(b"\x00\xff\x1b[2Jnot http at all\r\n\r\n")

    def mode_notjson(self, _):
        self.send(200, b"<html>\x1b[2Jhello</html>")

    def mode_list(self, _):
        self.send(200, [1, 2])

    def mode_empty(self, _):
        self.send(200, b"")

    def mode_deep(self, _):
        self.send(200, b"[" * 100000)

    def mode_odd(self, _):  # right outside, wrong types inside
        self.send(200, {"changes": 7, "feeds": [1, None, "x"], "documents": {"a": 1},
                        "interfaces": [[], 3], "rows": "none", "totals": [], "steps": 1,
                        "tags": [None, 3], "findings": [7], "revisions": [None], "denials": [1], "entries": [1, None, {"last_time": 7}],
                        "verdict": 9, "timing_ms": "soon"})

    def mode_error500(self, _):
        self.send(500, b"\x1b[31minternal\n error")

    def mode_toolarge(self, _):
        self.send(413, b"<html>too large</html>")

    def mode_redirect(self, _):
        self.send(302, b"", "Location: http://localhost/other\r\n")

    def mode_huge(self, _):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            for _ in range(1 << 12):
                self.wfile.write(b" " * (1 << 20))
        except OSError:
            pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


SOCKET, MODE = sys.argv[1:3]
LOG = sys.argv[3] if len(sys.argv) > 3 else None
if os.path.exists(SOCKET):
    os.unlink(SOCKET)
with Server(SOCKET, Handler) as server:
    print("ready", flush=True)
    server.serve_forever()
