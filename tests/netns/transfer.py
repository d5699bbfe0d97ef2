#!/usr/bin/env python3
# transfer.py -- sends many bytes over one TCP connection, and says whether they came as they went.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: transfer.py serve PORT | send ADDRESS PORT MEGABYTES

serve answers each connection with the SHA-256 of what it sent; send prints "intact" or what is wrong.
"""
import hashlib
import os
import socket
import sys
import threading

BLOCK = 1 << 16


def answer(conn):
    digest = hashlib.sha256()
    with conn:
        while data := conn.recv(BLOCK):
            digest.update(data)
        conn.sendall(digest.hexdigest().encode())


def serve(port):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    while True:
        conn, _ = s.accept()
        threading.Thread(target=answer, args=(conn,), daemon=True).start()


def send(address, port, megabytes):
    digest, block = hashlib.sha256(), os.urandom(BLOCK)
    with socket.create_connection((address, port), timeout=20) as s:
        left = megabytes * 1000000
        while left:
            part = block[:left]
            s.sendall(part)
            digest.update(part)
            left -= len(part)
            block = block[1:] + block[:1]  # no block is as the one before
        s.shutdown(socket.SHUT_WR)
        got = s.recv(64).decode()
    print("intact" if got == digest.hexdigest() else f"spoiled: {got}")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
