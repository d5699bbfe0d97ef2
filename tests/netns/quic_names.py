#!/usr/bin/env python3
# quic_names.py -- the names in the QUIC ClientHellos of a capture, read by our parser (quicread).
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: quic_names.py CAPTURE   (DBX_BUILD: where tests/tools/quicread is)

Each datagram is also looked at alone, so that one hello does not hide another.
"""
import os
import struct
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "common"))
import dns_pcap  # noqa: E402


def main():
    flows, stream, n, alone = {}, b"", 0, 65535
    reader = dns_pcap.Reader()
    for _, link, frame in dns_pcap.frames(sys.argv[1]):
        packet = dns_pcap.ip_of(link, frame)
        for src, dst, proto, load in reader.ip(packet) if packet else ():
            if proto != 17 or load[2:4] != struct.pack("!H", 443) or len(load) < 22 or not load[8] & 0x80:
                continue
            flow = flows.setdefault((src, dst, load[:2], load[9:22]), len(flows))
            for number in (flow, alone):
                stream += struct.pack("!IH", number, len(load) - 8) + load[8:]
                n += 1
            alone -= 1
    tool = os.path.join(os.environ.get("DBX_BUILD", os.path.join(root, "build")), "tests", "tools", "quicread")
    lines = subprocess.run([tool], input=stream, capture_output=True, check=True).stdout.decode().splitlines()
    if len(lines) != n:
        sys.exit("quicread: %d lines for %d datagrams" % (len(lines), n))
    for line in lines:
        if line.startswith("done\t"):
            print(line[5:].lower())


if __name__ == "__main__":
    main()
