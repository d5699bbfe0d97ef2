#!/usr/bin/env python3
# test_hello_captures.py -- every ClientHello over TCP of the captures reads as tshark says, or as explained.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/data/tcp, and with DBX_DATA=DIR also DIR/pcap. Streams are put together here and read by
# tests/tools/streamread, which is the reader of the kernel program. See tests/data/tcp/README.md.
import os
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "common"))
import tcp_pcap  # noqa: E402
import tcp_compare  # noqa: E402

CHANGE_CIPHER_SPEC = b"\x14\x03\x03\0\x01\x01"


def candidates(s):
    """Where a hello may begin: at the beginning, and with a later segment (a second one does)."""
    for at in sorted({0, *s.starts}):
        if s.data.startswith(CHANGE_CIPHER_SPEC, at):
            at += len(CHANGE_CIPHER_SPEC)
        if at == 0 or s.data.startswith(b"\x16\x03", at):
            yield at


def hellos(path):
    """What was read, by (frame, port, address): of the beginning of a stream first."""
    found = []
    for s in tcp_pcap.streams(path):
        found += [(s, at, bytes(s.data[at:at + 20000])) for at in candidates(s)]
    got = {}
    for (s, at, _), line in zip(found, tcp_pcap.read(tcp_compare.tool, "hello", [f[2] for f in found])):
        frames = [s.frame_of(at + int(line[1]))]
        if line[0] != "done":  # tshark says where it ends
            frames = sorted({frame for end, frame in s.ends if end > at})
        for frame in frames:
            got.setdefault((frame, s.port, tcp_compare.text(s.dst)), []).append((at, line))
    return got


def judge(row, got):
    """None, or how a hello differs and an example."""
    lines = got.get((int(row["frame"]), int(row["port_dst"]), row["ip_dst"].split(",")[-1]))
    if not lines:
        return "absent", ""
    lines.sort(key=lambda x: x[1][0] != "done")
    at, (status, _, length, ech, reason, name) = lines.pop(0)
    if status != "done" or reason == "not-tls":
        return "refused" if status != "long" else "long", status + " " + reason
    if name != row["sni"] or length != row["clienthello_len"]:
        return "differs", "%s, %s bytes" % (name, length)
    is_name = "." in name and not name.replace(".", "").isdigit()
    if (ech == "1") != ("65037" in row["ext_types"].split(",")) or (not reason) != is_name:
        return "differs", "ech %s, %s" % (ech, reason)
    return ("later", "") if at else None


tcp_compare.main("hello", "expected-sni.tsv", lambda r: r["transport"] == "tcp", hellos, judge)
