#!/usr/bin/env python3
# lookup_naive.py -- what one writes without the product: range files to tags of an address.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: lookup_naive.py scan|bisect FEED.gz... <ADDRESSES

scan    asks each network in turn whether it holds the address (module ipaddress)
bisect  cuts the address space at all ends of networks and looks for the piece by bisection

Prints lines like `dbx-egressctl lookup`; on standard error "read SECONDS answer SECONDS". Shares no
code with the product: it is also what its answers are compared with.
"""
import bisect
import gzip
import ipaddress
import json
import socket
import sys
import time


def rows(feed):
    """(tag, prefix) of a range file of any of the four clouds."""
    if "values" in feed:
        for v in feed["values"]:
            for p in v["properties"]["addressPrefixes"]:
                yield v["name"], p
    elif "createDate" in feed:
        for r in feed["prefixes"]:
            yield f'{r["service"]}/{r["region"]}', r["ip_prefix"]
        for r in feed["ipv6_prefixes"]:
            yield f'{r["service"]}/{r["region"]}', r["ipv6_prefix"]
    elif "creationTime" in feed:
        for r in feed["prefixes"]:
            name = r["service"].replace(" ", "") + "/" + r["scope"]
            yield name, r.get("ipv4Prefix") or r["ipv6Prefix"]
    else:
        for r in feed["prefixes"]:
            name = "/".join((r["service"], r["platform"], r["region"], r["type"]))
            for p in r["ipv4Prefixes"] + r["ipv6Prefixes"]:
                yield name, p


def number(text):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return family == socket.AF_INET6, int.from_bytes(socket.inet_pton(family, text), "big")


class Scan:
    def __init__(self, pairs):
        self.nets = [(ipaddress.ip_network(p), tag) for tag, p in pairs]

    def tags(self, text):
        a = ipaddress.ip_address(text)
        return sorted({tag for net, tag in self.nets if a in net})


class Bisect:
    def __init__(self, pairs):
        self.starts, self.names = ([], []), ([], [])
        ends = ([], [])
        for tag, p in pairs:
            text, _, length = p.partition("/")
            six, first = number(text)
            bits = 128 if six else 32
            ends[six].append((first, 1, tag))
            ends[six].append((first + (1 << bits - int(length or bits)), -1, tag))
        for six in (False, True):
            self.cut(sorted(ends[six], key=lambda e: e[0]), self.starts[six], self.names[six])

    @staticmethod
    def cut(ends, starts, names):
        inside = {}
        starts.append(0)
        names.append([])
        for at, change, tag in ends:
            inside[tag] = inside.get(tag, 0) + change
            if not inside[tag]:
                del inside[tag]
            if starts[-1] != at:
                starts.append(at)
                names.append(None)
            names[-1] = inside.copy()
        names[:] = [sorted(n) for n in names]

    def tags(self, text):
        six, a = number(text)
        return self.names[six][bisect.bisect_right(self.starts[six], a) - 1]


began = time.monotonic()
feeds = [json.loads(gzip.open(name).read().decode("utf-8-sig")) for name in sys.argv[2:]]
tool = {"scan": Scan, "bisect": Bisect}[sys.argv[1]]([pair for feed in feeds for pair in rows(feed)])
loaded = time.monotonic()
for line in sys.stdin:
    address = line.strip()
    print(address, *tool.tags(address), sep="\t")
print(f"read {loaded - began:.3f} answer {time.monotonic() - loaded:.3f}", file=sys.stderr)
