#!/usr/bin/env python3
# udp_echo.py -- answers each datagram with itself, from the address that it was sent to.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: udp_echo.py PORT ADDRESS...  (one socket each: a wildcard socket answers from any address)"""
import selectors
import socket
import sys


def main():
    port, addresses = int(sys.argv[1]), sys.argv[2:]
    waiting = selectors.DefaultSelector()
    for address in addresses:
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, port))
        waiting.register(s, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            data, peer = key.fileobj.recvfrom(65535)
            key.fileobj.sendto(data, peer)


if __name__ == "__main__":
    main()
