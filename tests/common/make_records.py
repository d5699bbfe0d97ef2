#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""make_records.py -- lines of a log of records from a short list on standard input.

One line each: ACCESS REASON POLICY WORKSPACE NAME|- ADDR|- PROTO PORT PACKETS TIME [RDATA,...]
"""
import json
import sys
import uuid

for n, line in enumerate(sys.stdin):
    f = line.split()
    if not f:
        continue
    access, reason, policy, workspace, name, addr, proto, port, packets, time = f[:10]
    name, addr = [None if v == "-" else v for v in (name, addr)]
    rdata = f[10].split(",") if len(f) > 10 else [addr]
    print(json.dumps({
        "account_id": None, "workspace_id": workspace,
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, "%s %d" % (line, n))),
        "destination_type": "DNS" if name else "IP", "destination": name or addr,
        "dns_event": name and {"domain_name": name, "rcode": 0 if len(f) > 10 else None, "rdata": rdata},
        "ip_event": None if name else {"ip_address": addr}, "storage_event": None,
        "event_time": time, "access_type": access, "network_source_type": "General Compute",
        "x_dbx_egress": {
            "network_policy_id": policy, "generation": 1, "reason": reason, "verdict": access,
            "path": "nat", "rule": None, "src_ip": "10.66.2.10", "dst_ip": addr, "src_port": 40000,
            "dst_port": None if port == "-" else int(port), "ip_proto": int(proto), "domain": None,
            "interface": "ws2", "name": name, "fragment": False, "packets": int(packets),
            "bytes": 100 * int(packets), "first_time": time + "Z", "last_time": time + "Z"}}))
