# daemon_api.py -- the daemon's API over its socket, for scripts of tests.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
import http.client
import json
import socket
import sys

OURS = "/api/2.0/dbx-egress"


class Daemon(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)

    def ask(self, due, method, path, body=None):
        self.request(method, path, body)
        answer = self.getresponse()
        text = answer.read()
        if answer.status != due:
            sys.exit(f"{method} {path}: {answer.status}, due was {due}: {text[:500]}")
        return json.loads(text) if answer.getheader("Content-Type") == "application/json" else text
