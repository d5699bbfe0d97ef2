#!/usr/bin/env python3
# http_client.py -- plain HTTP as curl does not send it: in pieces, pipelined, with a body apart.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: http_client.py ADDRESS NAME OTHER SCENARIO...

Prints a line for each scenario: its name, then for each answer its status, "reset" when the connection
was, "none" when nothing came.
"""
import socket
import sys
import time

address, NAME, OTHER = sys.argv[1:4]


class Flow:
    def __init__(self):
        self.s = socket.create_connection((address, 80), 10)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.settimeout(20)
        self.got = b""

    def send(self, *pieces):
        """Each leaves as a segment of its own."""
        for piece in pieces:
            self.s.sendall(piece)
        return self

    def answer(self):
        """The status of the next answer; nginx's have a length."""
        try:
            while b"\r\n\r\n" not in self.got:
                self.more()
            head, self.got = self.got.split(b"\r\n\r\n", 1)
            fields = dict(x.lower().split(b": ", 1) for x in head.split(b"\r\n")[1:])
            length = int(fields[b"content-length"])
            while len(self.got) < length:
                self.more()
            self.got = self.got[length:]
            return head.split()[1].decode()
        except (ConnectionResetError, BrokenPipeError):
            return "reset"
        except (socket.timeout, EOFError):
            return "none"

    def more(self):
        data = self.s.recv(65536)
        if not data:
            raise EOFError
        self.got += data


def get(path="/", host=NAME, more=""):
    return ("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, host, more)).encode()


def post(body, path="/"):
    return ("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (path, NAME, len(body))).encode()


def pieces(data, n):
    return [data[len(data) * i // n:len(data) * (i + 1) // n] for i in range(n)]


def split(data, n):
    """
    In n segments. Held ones are not acknowledged: when the sender's timer ends (200 ms) before the
    last one was sent, it sends the first again and no more. Then this machine was too slow: once more.
    """
    while True:
        f, start = Flow(), time.monotonic()
        f.send(*pieces(data, n))
        if time.monotonic() - start < 0.15:
            return [f.answer()]
        f.s.close()


def late():
    """The second request comes when the first has been answered."""
    f = Flow().send(get("/first"))
    first = f.answer()
    try:
        f.send(get("/second-marker"))
    except OSError:
        pass
    return [first, f.answer()]


def body_apart(n):
    """The body follows the head, in segments of its own; a short one has a mark."""
    body = b"x" * n if n > 1000 else b"body-marker" + b"x" * (n - 11)
    f = Flow().send(post(body))
    return [f.send(body).answer()]


SCENARIOS = {
    "whole": lambda: [Flow().send(get()).answer()],
    "in-2": lambda: split(get(), 2),
    "in-5": lambda: split(get(), 5),
    "in-10": lambda: split(get(), 10),  # as many as Linux sends before the first is acknowledged
    "other-in-3": lambda: split(get("/other-marker", OTHER), 3),
    "two-segments-long": lambda: [Flow().send(get(more="X-Long: %s\r\n" % ("l" * 2000))).answer()],
    "too-long": lambda: [Flow().send(get(more="X-Long: %s\r\n" % ("l" * 5000))).answer()],
    "post": lambda: [Flow().send(post(b"small body-marker") + b"small body-marker").answer()],
    "post-apart": lambda: body_apart(300),
    "post-large": lambda: body_apart(300000),
    "second": late,
    "pipelined": lambda: [Flow().send(get("/first") + get("/second-marker")).answer()],
    "behind-body": lambda: [Flow().send(post(b"12345") + b"12345" + get("/second-marker", OTHER)).answer()],
    "not-http": lambda: [Flow().send(b"\x16\x03\x01\x00\x20" + b"other-marker" + b"\0" * 20).answer()],
    "no-host": lambda: [Flow().send(b"GET /other-marker HTTP/1.0\r\n\r\n").answer()],
    "chunked": lambda: [Flow().send(("POST / HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "c\r\nother-marker\r\n0\r\n\r\n" % NAME).encode()).answer()],
}


def main():
    for name in sys.argv[4:]:
        print(name, *SCENARIOS[name](), flush=True)


if __name__ == "__main__":
    main()
