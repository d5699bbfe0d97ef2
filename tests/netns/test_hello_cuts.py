#!/usr/bin/env python3
# test_hello_cuts.py -- real ClientHellos, cut at every offset and in any records, have one verdict each.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 600
#
# tests/data/hellos and the captures of tests/data/tcp, and with DBX_DATA=DIR those of DIR/pcap, through
# the kernel program (tests/tools/hellocut, as root).
import collections
import csv
import glob
import os
import struct
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "common"))
import tcp_pcap  # noqa: E402

build = os.path.abspath(os.environ.get("DBX_BUILD", os.path.join(root, "build")))
tool = os.path.join(build, "tests", "tools", "hellocut")


def recorded():
    for path in sorted(glob.glob(os.path.join(root, "tests/data/hellos/*.bin"))):
        with open(path, "rb") as f:
            yield os.path.basename(path), [f.read()]


def captured(folder, is_flat):
    """The first bytes of every stream that begins with a TLS record, by file; equal ones once."""
    with open(os.path.join(folder, "expected-sni.tsv"), newline="") as f:
        rows = csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)
        files = sorted({r["file"] for r in rows if r["transport"] == "tcp"})
    for name in files:
        path = os.path.join(folder, os.path.basename(name) if is_flat else name)
        found = [bytes(s.data[:12000]) for s in tcp_pcap.streams(path)]
        found = [b for b in found if b[:2] == b"\x16\x03" and b[5:6] == b"\x01"]
        if found:
            yield name, list(dict.fromkeys(found))


def main():
    if os.geteuid():
        print("1..0 # SKIP not root")
        return 0
    sets = list(recorded()) + list(captured(os.path.join(root, "tests", "data", "tcp"), True))
    if os.environ.get("DBX_DATA"):
        sets += captured(os.path.join(os.environ["DBX_DATA"], "pcap"), False)
    failed = 0
    for n, (name, hellos) in enumerate(sets, 1):
        stream = b"".join(struct.pack(">I", len(h)) + h for h in hellos)
        run = subprocess.run([tool], input=stream, capture_output=True, check=False,
                             env=dict(os.environ, DBX_BUILD=build))
        lines = run.stdout.decode(errors="replace").splitlines()
        good = run.returncode == 0 and len(lines) == len(hellos)
        failed += not good
        verdicts = collections.Counter(line.split("\t")[0] for line in lines)
        flows = sum(int(line.split("\t")[2]) for line in lines if "\t" in line)
        print("%s %d - %s: %s, in %d cuts" % ("ok" if good else "not ok", n, name, ", ".join(
            "%d %s" % (c, v) for v, c in sorted(verdicts.items())), flows))
        if not good:
            print("#   status %d: %s" % (run.returncode, run.stderr.decode(errors="replace")[-400:]))
            for line in lines[-2:]:
                print("#   " + line)
    print("1..%d" % len(sets))
    return 1 if failed else 0


sys.exit(main())
