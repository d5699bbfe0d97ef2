# tcp_compare.py -- a table of tshark's beside what our readers say, by file; what differs is explained.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/data/tcp/differences.tsv has the explanations: table, file, how, how many, why. One that is not
# needed, or is for another count, fails as one that is missing does.
import collections
import csv
import os
import socket
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
tool = os.path.join(os.environ.get("DBX_BUILD", os.path.join(root, "build")), "tests", "tools", "streamread")


def text(address):
    return socket.inet_ntop(socket.AF_INET6 if len(address) == 16 else socket.AF_INET, address)


def table(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def compare(path, rows, read, judge):
    """(how: count), and an example of each."""
    got = read(path)
    kinds, examples = collections.Counter(), {}
    for row in rows:
        wrong = judge(row, got)
        if wrong:
            kinds[wrong[0]] += 1
            examples.setdefault(wrong[0], "frame %s: %s, tshark: %s" % (
                row["frame"], wrong[1], row.get("sni", row.get("host"))))
    return kinds, examples


def main(what, expected, chosen, read, judge):
    explained = collections.defaultdict(dict)
    for r in table(os.path.join(root, "tests/data/tcp/differences.tsv")):
        if r["table"] == what:
            explained[r["file"]][r["how"]] = int(r["count"])
    n = failed = 0
    folders = [(os.path.join(root, "tests", "data", "tcp"), True)]
    if os.environ.get("DBX_DATA"):
        folders.append((os.path.join(os.environ["DBX_DATA"], "pcap"), False))
    for folder, is_flat in folders:
        by_file = collections.defaultdict(list)
        for row in table(os.path.join(folder, expected)):
            if chosen(row):
                by_file[row["file"]].append(row)
        total = same = 0
        for name, rows in sorted(by_file.items()):
            path = os.path.join(folder, os.path.basename(name) if is_flat else name)
            kinds, examples = compare(path, rows, read, judge)
            good = kinds == collections.Counter(explained[name])
            n += 1
            failed += not good
            total += len(rows)
            same += len(rows) - sum(kinds.values())
            print("%s %d - %s: %d of %d as tshark says, the rest as explained" % (
                "ok" if good else "not ok", n, name, len(rows) - sum(kinds.values()), len(rows)))
            if not good:
                print("#   explained: %s" % explained[name])
                for kind, count in kinds.items():
                    print("#   %d %s, such as %s" % (count, kind, examples[kind]))
        print("# %s: %d, %d as tshark says" % (os.path.basename(folder), total, same))
    print("1..%d" % n)
    sys.exit(failed > 0)
