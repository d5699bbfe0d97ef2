#!/usr/bin/env python3
# many_applies.py -- one client that keeps a daemon busy: applies and everything between them.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: many_applies.py SOCKET PID APPLIES WORLD FEED.gz

WORLD is the folder of small_world() in state.sh. Prints a line "applies N fds N rss_kb N generation N"
every hundredth apply, and one on standard error, ending with 1, for the first answer that is not the
one that was due. Every hundredth apply is the range file, which is deleted again, so that it is not
read anew by all the others.
"""
import gzip
import json
import os
import sys
import time

from daemon_api import OURS, Daemon

VENDOR = "/api/2.0/accounts/7c1e2c52-90a1-4b7e-9f0e-3d2b6a8f1c44"


def read(path):
    with open(path) as f:
        return f.read()


def envelope(documents, **options):
    """Documents go as they are written; options are keys of the request."""
    items = ",".join('{"source":"%s","document":%s}' % (n, t) for n, t in documents)
    rest = "".join(',"%s":%s' % (k, json.dumps(v)) for k, v in options.items())
    return '{"documents":[%s]%s}' % (items, rest)


def between(d, i, sets):
    """One other call after each apply, in turn."""
    explain = {"workspace_id": 1001, "dst": "203.0.113.20", "port": 443, "protocol": "tcp"}
    bad = [("bad.json", '{"network_policy_id":"np-one","egress":{"network_access":{"restriction_mode":"X"}}}')]
    calls = [
        (200, "GET", OURS + "/status", None),
        (200, "GET", OURS + "/stats", None),
        (200, "POST", OURS + "/explain", json.dumps(explain)),
        (200, "GET", OURS + "/denials", None),
        (200, "GET", OURS + "/history?limit=20", None),
        (200, "GET", OURS + "/documents", None),
        (200, "GET", OURS + "/image", None),
        (200, "POST", OURS + "/diff", envelope(sets[(i + 1) % 2])),
        (200, "POST", OURS + "/apply", envelope(sets[(i + 1) % 2], dry_run=True)),
        (400, "POST", OURS + "/apply", envelope(bad)),
        (400, "POST", OURS + "/apply", '{"documents":['),
        (404, "GET", OURS + "/documents/network-policy/np-gone", None),
        (409, "DELETE", VENDOR + "/network-policies/np-one", None),
        (200, "GET", VENDOR + "/network-policies", None),
        (200, "PUT", VENDOR + "/network-policies/np-two", read_two),
        (200, "POST", OURS + "/rollback", json.dumps({"revision": d.revision, "dry_run": True})),
    ]
    return calls[i % len(calls)]


def measure(pid):
    with open(f"/proc/{pid}/status") as f:
        rss = [line.split()[1] for line in f if line.startswith("VmRSS")][0]
    return len(os.listdir(f"/proc/{pid}/fd")), int(rss)


path, pid, n, world, feed = sys.argv[1:]
world_docs = [(name, read(f"{world}/world/{name}")) for name in sorted(os.listdir(f"{world}/world"))]
read_two = read(f"{world}/world/policy-two.json")
feed_text = gzip.open(feed).read().decode("utf-8-sig")
sets = [[("a.json", read(f"{world}/a.json"))], [("b.json", read(f"{world}/b.json"))]]
daemon = Daemon(path)
answer = daemon.ask(200, "POST", OURS + "/apply", envelope(world_docs, force=True))
generation = answer["generation"]
for i in range(1, int(n) + 1):
    if i % 100 == 0:
        daemon.ask(200, "POST", OURS + "/apply", envelope([(feed, feed_text)] + sets[i % 2], force=True))
        answer = daemon.ask(200, "DELETE", OURS + "/documents/azure-tags/Public")
    else:
        answer = daemon.ask(200, "POST", OURS + "/apply", envelope(sets[i % 2]))
        if not answer["changed"] or answer["generation"] != generation + 1:
            sys.exit(f"apply {i}: generation {generation} became {answer['generation']}")
    generation = answer["generation"]
    daemon.revision = answer["revision"]
    daemon.ask(*between(daemon, i, sets))
    generation = daemon.ask(200, "GET", OURS + "/status")["generation"]
    if i % 50 == 0:
        daemon.close()  # others come and go
        time.sleep(0.02)
    if i % 100 == 0:
        fds, rss = measure(pid)
        print(f"applies {i} fds {fds} rss_kb {rss} generation {generation}", flush=True)
