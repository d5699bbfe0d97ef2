#!/usr/bin/env python3
# metric_names.py -- tells which metrics the alerts and the dashboard use and the daemon does not give.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: metric_names.py METRICS ALERTS DASHBOARD
import json
import re
import sys

metrics, alerts, dashboard = (open(p, encoding="utf-8").read() for p in sys.argv[1:4])
have = set(re.findall(r"^# TYPE (\S+)", metrics, re.M))
have |= {n + end for n in set(have) for end in ("_bucket", "_sum", "_count")}
targets = [t["expr"] for p in json.loads(dashboard)["panels"] for t in p["targets"]]
if len(targets) < 8:
    print("the dashboard has", len(targets), "queries")
for where, text in (("alerts", alerts), ("dashboard", "\n".join(targets))):
    used = set(re.findall(r"\bdbx_egress_\w+", text))
    if not used:
        print(where, "uses no metric")
    for name in sorted(used - have):
        print(where, "uses", name)
