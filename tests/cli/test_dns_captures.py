#!/usr/bin/env python3
# test_dns_captures.py -- every DNS message of the captures reads as tshark says, or as explained.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/data/dns, and with DBX_DATA=DIR also DIR/pcap. Messages are taken out of the packets here and
# read by tests/tools/dnsread, which is our parsers. See tests/data/dns/README.md.
import collections
import csv
import os
import struct
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "common"))
import dns_pcap  # noqa: E402

tool = os.path.join(os.environ.get("DBX_BUILD", os.path.join(root, "build")), "tests", "tools", "dnsread")
n_tests = n_failed = 0
csv.field_size_limit(1 << 30)


def check(what, problems):
    global n_tests, n_failed
    n_tests += 1
    print("%s %d - %s" % ("not ok" if problems else "ok", n_tests, what))
    for p in problems[:20]:
        print("#   " + p[:400])
    n_failed += bool(problems)


def table(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def fields(line):
    """What is compared: names in lower case, since DNS has no other."""
    f = line.split("\t")[:11]
    if len(f) == 11:
        f[2], f[7] = f[2].lower(), f[7].lower()
    return f


def wanted(row):
    return fields("\t".join(["r" if row["is_response"] == "1" else "q", row["id"], row["qname"],
                             row["qtype"], row["rcode"] or "0", row["tc"] or "0",
                             row["answers"] or "0", row["cname"], row["a"], row["aaaa"], row["ttl"]]))


def split_row(row):
    """tshark puts all messages of one frame that have no records in one line."""
    ids = row["id"].split(",")
    if len(ids) == 1 or row["a"] or row["aaaa"] or row["cname"] or row["ttl"]:
        return [row]
    parts = {k: row[k].split(",") for k in ("id", "qname", "qtype")}
    if any(len(v) != len(ids) for v in parts.values()):
        return [row]
    return [dict(row, tc="0", answers="0", **{k: v[i] for k, v in parts.items()})
            for i in range(len(ids))]


def read_all(path):
    """Lines of dnsread by (frame, transport)."""
    got = collections.defaultdict(list)
    found = list(dns_pcap.messages(path))
    run = subprocess.run([tool], input=b"".join(struct.pack(">H", len(m)) + m for _, _, m in found),
                         capture_output=True, check=False)
    lines = run.stdout.decode(errors="replace").splitlines()
    if run.returncode or len(lines) != len(found):
        raise RuntimeError("%s: dnsread exited with %d after %d of %d messages: %s" % (
            path, run.returncode, len(lines), len(found), run.stderr.decode(errors="replace")[-2000:]))
    for (number, transport, _), line in zip(found, lines):
        got[number, transport].append(line)
    return got


def compare(path, rows):
    """How many rows there are, how many differ and how, examples of each."""
    got = read_all(path)
    n, kinds, examples = 0, collections.Counter(), {}
    for row in (r for whole in rows for r in split_row(whole)):
        n += 1
        have = got[int(row["frame"]), row["transport"]]
        line = have.pop(0) if have else None
        if line is None:
            kind = "absent"
        elif line.endswith("!"):
            kind = "disagrees with ldns"
        elif line.startswith("-"):
            kind = "refused"
        elif fields(line) != wanted(row):
            kind = "differs"
        else:
            continue
        kinds[kind] += 1
        examples.setdefault(kind, "frame %s: %r, wanted %r" % (row["frame"], line, wanted(row)))
    return n, kinds, examples


def run(directory, strip):
    explained = {}
    for r in table(os.path.join(root, "tests/data/dns/differences.tsv")):
        explained[r["file"], r["how"]] = int(r["messages"])
    by_file = collections.defaultdict(list)
    for row in table(os.path.join(directory, "expected-dns.tsv")):
        by_file[row["file"]].append(row)
    total = same = 0
    for name, rows in sorted(by_file.items()):
        path = os.path.join(directory, name[4:] if strip else name)
        try:
            n, kinds, examples = compare(path, rows)
        except RuntimeError as e:
            check(name, str(e).splitlines())
            continue
        total += n
        same += n - sum(kinds.values())
        problems = ["%d %s, explained are %d; %s" % (c, k, explained.get((name, k), 0), examples[k])
                    for k, c in kinds.items() if explained.get((name, k), 0) != c]
        problems += ["%d explained as %s, but none is" % (c, k)
                     for (f, k), c in explained.items() if f == name and k not in kinds]
        check("%s: %d of %d messages as tshark says, the rest as explained"
              % (name, n - sum(kinds.values()), n), problems)
    print("# %s: %d messages, %d as tshark says" % (os.path.basename(directory), total, same))


run(os.path.join(root, "tests", "data", "dns"), True)
if os.environ.get("DBX_DATA"):
    run(os.path.join(os.environ["DBX_DATA"], "pcap"), False)
print("1..%d" % n_tests)
sys.exit(n_failed > 0)
