#!/usr/bin/env python3
# test_http_captures.py -- every HTTP request of the captures has the host that tshark says, or as explained.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/data/tcp, and with DBX_DATA=DIR also DIR/pcap. Streams are put together here and read by
# tests/tools/streamread, which is the daemon's reader. Requests by UDP (SSDP: no TCP port) are none. See tests/data/tcp/README.md.
import os
import re
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "common"))
import tcp_pcap  # noqa: E402
import tcp_compare  # noqa: E402

REQUEST = re.compile(rb"[A-Z]{3,16} ")


def requests(path):
    """What was read, by port, address and method: a head is where a segment or another's body ends."""
    found, done = [], set()
    fresh = [(s, at) for s in tcp_pcap.streams(path) for at in {0, *s.starts}]
    while fresh:
        fresh = [(s, at) for s, at in fresh if (id(s), at) not in done and REQUEST.match(s.data, at)]
        done.update((id(s), at) for s, at in fresh)
        lines = tcp_pcap.read(tcp_compare.tool, "http", [bytes(s.data[at:at + 8192]) for s, at in fresh])
        found += [(s, at, line) for (s, at), line in zip(fresh, lines)]
        fresh = [(s, at + int(line[1]) + int(line[2])) for (s, at), line in zip(fresh, lines)
                 if line[0] == "done"]
    got = {}
    for s, at, line in sorted(found, key=lambda f: f[1]):
        method = bytes(s.data[at:at + 16]).split(b" ")[0].decode()
        frames = {s.frame_of(at + 1), s.frame_of(at + int(line[1])),
                  s.frame_of(at + int(line[1]) + int(line[2]))}
        if line[0] != "done":  # tshark says where it ends
            frames = {frame for end, frame in s.ends if end > at}
        got.setdefault((s.port, tcp_compare.text(s.dst), method), []).append((frames, line))
    return got


def judge(row, got):
    """None, or how a request differs and an example."""
    all_of = got.get((int(row["port_dst"]), row["ip_dst"].split(",")[-1], row["method"]), [])
    lines = [x for x in all_of if int(row["frame"]) in x[0]]
    if not lines:
        return "absent", ""
    all_of.remove(lines[0])
    status, _, _, host = lines[0][1]
    if status != "done":
        return ("refused" if status != "long" else "long"), host
    if host != re.sub(r":\d+$", "", row["host"]):
        return "differs", host
    return None


tcp_compare.main("http", "expected-http.tsv", lambda r: r["port_dst"], requests, judge)
