#!/usr/bin/env python3
# test_schemas.py -- the JSON Schemas accept every example and feed, and refuse what is wrong.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# variants: plain
"""Prints TAP. The kind of an example follows from its file name."""
import copy
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "rules"
CTL = ROOT / os.environ.get("DBX_BUILD", "build") / "dbx-egressctl"

KINDS = [
    ("policy", "network-policy"),
    ("default-policy", "network-policy"),
    ("ncc", "ncc"),
    ("private-endpoint-rules", "private-endpoint-rules"),
    ("workspace-", "workspace"),
    ("gateway", "gateway"),
    ("azure-", "azure-service-tags"),
    ("aws", "aws-ip-ranges"),
    ("google-", "google-ip-ranges"),
    ("databricks", "databricks-ip-ranges"),
]

# What is right in a gateway document and no example has.
RIGHT = [
    ("/gateway/tunnels", [{"type": "vxlan", "port": 8472, "remotes": ["192.0.2.0/24"]},
                          {"type": "geneve", "remotes": ["192.0.2.9"]}]),
    ("/gateway/fast_forward", {"interfaces": ["up0", "up1"]}),
    ("/gateway/log", {"interval_s": 5, "journald": True,
                      "file": {"path": "/var/log/d.jsonl", "rotate_bytes": 65536, "rotate_s": 0, "keep": 3}}),
    ("/gateway/log", {"kafka": {"brokers": ["kafka1.example.com:9092", "[2001:db8::9]:9092"], "topic": "egress.denials",
                                "options": {"linger.ms": "50"}, "options_file": "/etc/dbx-egress/kafka.conf"}}),
    ("/gateway/metrics", {"listen": "127.0.0.1:9479"}),
    ("/gateway/metrics", {"listen": "[2001:db8::1]:9479"}),
    ("/gateway/paths/0/next_hops", ["2001:db8::1"]),
    ("/gateway/names", {"tls_ports": [443, "8443-8445"], "quic": "inspect", "ech": "deny",
                        "unverified_ports": [{"protocol": "tcp", "ports": [22]}]}),
    ("/gateway/dns", {"upstreams": ["192.0.2.53", {"address": "2001:db8::53", "port": 5353}], "ptr": "forward"}),
]

# An example, the JSON pointer of one value in it, and what that value must not be.
WRONG = [
    ("hardened-connectivity/policy-analytics.json", "/network_policy_id", "has blanks"),
    ("hardened-connectivity/policy-analytics.json", "/network_policy_id", "x" * 33),
    ("hardened-connectivity/policy-analytics.json", "/egress/network_access/restriction_mode", "RESTRICTED"),
    ("hardened-connectivity/policy-analytics.json",
     "/egress/network_access/allowed_internet_destinations/0/destination", "https://pypi.org/"),
    ("hardened-connectivity/policy-analytics.json",
     "/egress/network_access/allowed_internet_destinations/2/destination", "203.0.113.0/33"),
    ("hardened-connectivity/policy-analytics.json",
     "/egress/network_access/allowed_storage_destinations/0", {"storage_destination_type": "AZURE_STORAGE"}),
    ("dry-run/policy-all-dry-run.json", "/egress/network_access/policy_enforcement/enforcement_mode", "dry-run"),
    ("hardened-connectivity/ncc.json",
     "/egress_config/target_rules/azure_private_endpoint_rules/0/connection_state", "READY"),
    ("hardened-connectivity/ncc.json", "/region", 7),
    ("hardened-connectivity/workspace-1001.json", "/workspace_id", "ws-1"),
    ("hardened-connectivity/gateway.json", "/gateway/workspaces/0/sources/0/prefix", "10.66.1.0/240"),
    ("hardened-connectivity/gateway.json", "/gateway/workspaces/0/sources/0/vlan", 4095),
    ("hardened-connectivity/gateway.json", "/gateway/workspaces/0/sources/0/inner_vlan", 7),
    ("hardened-connectivity/gateway.json", "/gateway/workspaces/0/network_source_type", "Notebooks"),
    ("hardened-connectivity/gateway.json", "/gateway/allowed_destinations/0/ports/0", 70000),
    ("hardened-connectivity/gateway.json", "/gateway/allowed_destinations/0/protocol", "http"),
    ("hardened-connectivity/gateway.json", "/gateway/interfaces/0/name", "a-name-too-long-for-linux"),
    ("hardened-connectivity/gateway.json", "/gateway/gateway_addresses/0", "10.66.1.0/24"),
    ("hardened-connectivity/gateway.json", "/gateway/log", {"interval_s": 0}),
    ("hardened-connectivity/gateway.json", "/gateway/log", {"file": {}}),
    ("hardened-connectivity/gateway.json", "/gateway/log", {"file": {"path": "denials.jsonl"}}),
    ("hardened-connectivity/gateway.json", "/gateway/log", {"kafka": {"brokers": ["k:1"]}}),
    ("hardened-connectivity/gateway.json", "/gateway/log", {"kafka": {"brokers": [], "topic": "t"}}),
    ("hardened-connectivity/gateway.json", "/gateway/log", {"kafka": {"brokers": ["k:1,l:1"], "topic": "t"}}),
    ("hardened-connectivity/gateway.json", "/gateway/log", {"kafka": {"brokers": ["k:1"], "topic": ".."}}),
    ("hardened-connectivity/gateway.json", "/gateway/log",
     {"kafka": {"brokers": ["k:1"], "topic": "t", "options": {"sasl.password": "x"}}}),
    ("hardened-connectivity/gateway.json", "/gateway/log",
     {"kafka": {"brokers": ["k:1"], "topic": "t", "options": {"linger.ms": 50}}}),
    ("hardened-connectivity/gateway.json", "/gateway/metrics", {}),
    ("hardened-connectivity/gateway.json", "/gateway/metrics", {"listen": "::1:9479"}),
    ("hardened-connectivity/gateway.json", "/gateway/metrics", {"listen": "127.0.0.1:0"}),
    ("private-endpoints/gateway.json", "/gateway/paths/0/path", "vpn"),
    ("private-endpoints/gateway.json", "/gateway/paths/0/interface", "a/b"),
    ("private-endpoints/gateway.json", "/gateway/paths/0/ncc_ids", []),
    ("private-endpoints/gateway.json", "/gateway/paths/0/next_hops", ["192.0.2.1", "192.0.2.2"]),
    ("private-endpoints/gateway.json", "/gateway/paths/0/next_hops", ["2001:db8::1", "2001:db8::2"]),
    ("private-endpoints/gateway.json", "/gateway/paths/0/source_addresses", "203.0.113.5"),
    ("private-endpoints/gateway.json", "/gateway/tunnels", [{"type": "gre", "remotes": ["192.0.2.1"]}]),
    ("private-endpoints/gateway.json", "/gateway/tunnels", [{"type": "vxlan", "remotes": ["2001:db8::1"]}]),
    ("private-endpoints/gateway.json", "/gateway/tunnels", [{"type": "vxlan"}]),
    ("private-endpoints/gateway.json", "/gateway/reject/per_second", 0),
    ("private-endpoints/gateway.json", "/gateway/reject/policy_ids/0", "has blanks"),
    ("private-endpoints/gateway.json", "/gateway/fast_forward", {"interfaces": []}),
    ("private-endpoints/gateway.json", "/gateway/fast_forward", {"interfaces": ["up0", "up0"]}),
    ("private-endpoints/gateway.json", "/gateway/default_quota/bytes_per_second", 0),
    ("private-endpoints/gateway.json", "/gateway/default_quota", {"burst_ms": 100}),
    ("private-endpoints/gateway.json", "/gateway/workspaces/1/quota/new_flows_per_second", "many"),
    ("private-endpoints/gateway.json", "/gateway/workspaces/1/quota/burst_ms", 20000),
    ("private-endpoints/gateway.json", "/gateway/workspaces/0/isolated", "yes"),
    ("private-endpoints/gateway.json", "/gateway/workspaces/0/separate_clusters", 1),
    ("private-endpoints/gateway.json", "/gateway/workspaces/0/sources/0/cluster", ""),
    ("private-endpoints/gateway.json", "/gateway/dns", {"upstreams": []}),
    ("private-endpoints/gateway.json", "/gateway/dns/ptr", "maybe"),
    ("private-endpoints/gateway.json", "/gateway/names", {"quic": "maybe"}),
]


class Tap:
    n = 0

    def result(self, passed, what, detail=""):
        self.n += 1
        print(f"{'ok' if passed else 'not ok'} {self.n} - {what}")
        for line in detail.splitlines():
            print(f"#   {line}")


def load(path):
    if path.suffix == ".gz":
        return json.loads(gzip.decompress(path.read_bytes()))
    return json.loads(path.read_text())


def kind_of(path):
    for prefix, kind in KINDS:
        if path.name.startswith(prefix):
            return kind
    return None


def with_value(document, pointer, value):
    """A copy of the document in which the pointer leads to the value; a missing key is added."""
    document = copy.deepcopy(document)
    *path, last = [int(p) if p.isdigit() else p for p in pointer.split("/")[1:]]
    at = document
    for step in path:
        at = at[step]
    at[last] = value
    return document


def check_says(name, document):
    """What `dbx-egressctl check` makes of a set in which one document is another: status, output."""
    path = pathlib.Path(name)
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copytree(RULES / path.parent, tmp, dirs_exist_ok=True)
        (pathlib.Path(tmp) / path.name).write_text(json.dumps(document))
        feed = RULES / "feeds" / "azure-public.json.gz"
        done = subprocess.run([CTL, "check", tmp, feed], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def reader_keys():
    """The keys in the field tables of the gateway document's readers."""
    files = [ROOT / "ctl/policy" / f"read_{part}.c" for part in ("gateway", "source", "dest", "names", "paths")]
    return {key for path in files for key in re.findall(r'\{"(\w+)", (?:0|RD_REQUIRED), ', path.read_text())}


def schema_keys(schema):
    """The names of all properties, however deep."""
    if isinstance(schema, list):
        return set().union(*map(schema_keys, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})).union(*map(schema_keys, schema.values()))


def main():
    tap = Tap()
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        print("1..0 # SKIP python3-jsonschema is not installed")
        return
    schemas = {}
    for path in sorted((RULES / "schema").glob("*.schema.json")):
        schema = load(path)
        Draft202012Validator.check_schema(schema)
        schemas[path.name.removesuffix(".schema.json")] = Draft202012Validator(schema)
    tap.result(set(schemas) == {kind for _, kind in KINDS}, "there is one schema for each kind of document")

    used = set()
    for path in sorted(RULES.rglob("*.json")) + sorted(RULES.rglob("*.json.gz")):
        if path.name.endswith(".schema.json") or path.is_symlink():
            continue
        kind = kind_of(path)
        used.add(kind)
        name = path.relative_to(RULES)
        if kind is None:
            tap.result(False, f"{name} has a name that tells its kind")
            continue
        errors = [f"/{'/'.join(map(str, e.path))}: {e.message[:300]}" for e in schemas[kind].iter_errors(load(path))]
        tap.result(not errors, f"{name} is a {kind}", "\n".join(errors[:5]))
    tap.result(used == set(schemas), "every schema has an example")

    for name, pointer, value in WRONG:
        path = RULES / name
        document = with_value(load(path), pointer, value)
        what = f"{pointer} of {json.dumps(value)[:40]}"
        tap.result(not schemas[kind_of(path)].is_valid(document), f"{what} is refused")
        status, said = check_says(name, document)
        # A state that is not known yet is taken as not effective, with a warning: the vendor adds some.
        told = status == 1 or "[unknown-value]" in said
        tap.result(told and path.name in said, f"{what} is not taken by the tool either", said)
    missing = sorted(reader_keys() - schema_keys(schemas["gateway"].schema))
    tap.result(len(reader_keys()) > 40 and not missing, "the gateway's schema has every key that is read",
               " ".join(missing))
    for pointer, value in RIGHT:
        name = "private-endpoints/gateway.json"
        document = with_value(load(RULES / name), pointer, value)
        what = f"{pointer} of {json.dumps(value)[:40]}"
        errors = [e.message[:300] for e in schemas["gateway"].iter_errors(document)]
        tap.result(not errors, f"{what} is accepted", "\n".join(errors))
        status, said = check_says(name, document)
        tap.result(status == 0 and "[unknown-key]" not in said, f"{what} is taken by the tool too", said)
    for a, b in (("network-policy", "gateway"), ("gateway", "network-policy"), ("ncc", "workspace")):
        examples = [p for p in RULES.rglob("*.json") if kind_of(p) == a and p.parent.name != "schema"]
        tap.result(not any(schemas[b].is_valid(load(p)) for p in examples), f"a {a} is no {b}")
    print(f"1..{tap.n}")


if __name__ == "__main__":
    main()
