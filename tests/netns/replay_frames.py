#!/usr/bin/env python3
# replay_frames.py -- frames of captures, gathered into one capture and sent out of a device.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: replay_frames.py gather OUT SOURCE4 SOURCE6 DEST4 DEST6 CAPTURE...
       replay_frames.py send DEVICE CAPTURE [ROOM SOCKET]

gather takes the Ethernet captures, each frame as it is, once more from the given source address, and
from there to the given destination; prints how many there are. Frames that the device would not take
are left out. send waits behind each ROOM frames until the daemon whose socket this is has counted them
all, and prints how many it has sent.
"""
import ipaddress
import os
import socket
import struct
import sys
import time

from daemon_api import OURS, Daemon

FRAME_MIN, FRAME_MAX = 14, 1514


def frames(path):
    """Frames of a pcap file of Ethernet, else none."""
    data = open(path, "rb").read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    at = 24
    if not order or struct.unpack_from(order + "I", data, 20)[0] != 1:
        return
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def changed(frame, source, dest):
    """The frame with another source address and, unless None, destination; None: it has none."""
    v6 = frame[12:14] == b"\x86\xdd"
    at, n = (22, 16) if v6 else (26, 4)
    if not (v6 or frame[12:14] == b"\x08\x00") or len(frame) < at + 2 * n:
        return None
    return frame[:at] + source[v6] + (dest[v6] if dest else frame[at + n:at + 2 * n]) + frame[at + 2 * n:]


def gather(out, source4, source6, dest4, dest6, *paths):
    source = [ipaddress.ip_address(a).packed for a in (source4, source6)]
    dest = [ipaddress.ip_address(a).packed for a in (dest4, dest6)]
    n = 0
    with open(out, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for path in paths:
            own = [x for x in frames(path) if FRAME_MIN <= len(x) <= FRAME_MAX]
            for x in own + [changed(x, source, None) for x in own] + [changed(x, source, dest) for x in own]:
                if x:
                    f.write(struct.pack("<IIII", 1700000000, n, len(x), len(x)) + x)
                    n += 1
    print(n)


def counted(api):
    """Packets that the daemon behind this socket says were judged."""
    return sum(r["packets"] for r in Daemon(api).ask(200, "GET", f"{OURS}/stats")["rows"])


def send(device, path, room="0", api=None):
    """room: no more frames than this on their way to being counted."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one queue: in order
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((device, 0))
    before = counted(api) if api else 0
    n = 0
    for x in frames(path):
        n += s.send(x) == len(x)
        end = time.monotonic() + 10
        while api and n % int(room) == 0 and counted(api) < before + n and time.monotonic() < end:
            time.sleep(0.002)
    print(n)


if __name__ == "__main__":
    {"gather": gather, "send": send}[sys.argv[1]](*sys.argv[2:])
