#!/usr/bin/env python3
# test_quic_captures.py -- every QUIC ClientHello of the captures reads as tshark says.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# With DBX_DATA=DIR: DIR/pcap/expected-sni.tsv. What is read by nobody but tshark, because it is of a
# version that has no fixed keys or comes by another way than UDP in IP, is counted in EXPLAINED.
import collections
import csv
import os
import struct
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "common"))
import dns_pcap  # noqa: E402

tool = os.path.join(os.environ.get("DBX_BUILD", os.path.join(root, "build")), "tests", "tools", "quicread")
EXPLAINED = {
    "dns/doq.pcapng": 1,  # a draft, ff000020
    "mixed/mercury-emix.pcap": 1,  # after the server's answer: the keys are not those of its own id
    "quic/quic_0RTT.pcap": 1,  # a draft, ff00001c
    "quic/quic_interop_V.pcapng": 63,  # 0a0a0a0a: asks for a version negotiation
}


def payloads(path):
    """(frame, flow, UDP payload) of packets with a long header."""
    reader, flows = dns_pcap.Reader(), {}
    for number, link, b in dns_pcap.frames(path):
        packet = dns_pcap.ip_of(link, b)
        for src, dst, proto, load in reader.ip(packet) if packet else ():
            if proto == 17 and len(load) > 13 and load[8] & 0x80:
                flow = flows.setdefault((src, dst, load[:4]), len(flows) & 0xFFFF)
                yield number, flow, load[8:struct.unpack(">H", load[4:6])[0] or None]


def names(path):
    """Names by frame in which the hello became whole."""
    found = list(payloads(path))
    stream = b"".join(struct.pack(">IH", flow, len(p)) + p for _, flow, p in found)
    run = subprocess.run([tool], input=stream, capture_output=True, check=False)
    lines = run.stdout.decode(errors="replace").splitlines()
    if run.returncode or len(lines) != len(found):
        sys.exit("quicread: exit %d, %d of %d: %s" % (run.returncode, len(lines), len(found),
                                                    run.stderr.decode(errors="replace")[-2000:]))
    got = {}
    for (number, _, _), line in zip(found, lines):
        if line.startswith("done\t"):
            got[number] = line[5:]
    return got


def main():
    directory = os.path.join(os.environ.get("DBX_DATA", "/nonexistent"), "pcap")
    table = os.path.join(directory, "expected-sni.tsv")
    if not os.path.exists(table):
        print("1..0 # SKIP no captures: DBX_DATA does not name them")
        return 0
    by_file = collections.defaultdict(list)
    with open(table, newline="") as f:
        for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["transport"] == "quic":
                by_file[row["file"]].append(row)
    failed = 0
    for n, (name, rows) in enumerate(sorted(by_file.items()), 1):
        got = names(os.path.join(directory, name))
        wrong = ["frame %s: %r, tshark says %r" % (r["frame"], got.get(int(r["frame"])), r["sni"])
                 for r in rows if got.get(int(r["frame"])) != r["sni"]]
        good = len(wrong) == EXPLAINED.get(name, 0)
        failed += not good
        print("%s %d - %s: %d of %d" % ("ok" if good else "not ok", n, name, len(rows) - len(wrong), len(rows)))
        for w in wrong[:10]:
            print("#   " + w)
    print("1..%d" % len(by_file))
    return 1 if failed else 0


sys.exit(main())
