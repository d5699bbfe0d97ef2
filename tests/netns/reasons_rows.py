# reasons_rows.py -- every reason of reasons.def: the stage that reaches it, and what is to be said of it.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A row is a verdict and a reason of a stage. `now` is what explain says of a record's flow afterwards:
"same" verdict and reason as recorded; "unknown", since the record has no workspace or destination; else a
regular expression."""
import collections
import os
import re
import subprocess

Row = collections.namedtuple("Row", "verdict reason workspace now documents name is_dns has_record vector explain")

LAKE = "contosolake.blob.core.windows.net"
ANY = r"(PASS|DROP|DRY_RUN_DENIAL)  [a-z-]+: "
# Of the packet itself: its source was not looked at.
BEFORE_SOURCE = {"truncated", "not-ip", "vlan-depth", "bad-ipv4", "bad-ipv6", "bad-l4", "ext-header-limit",
                 "source-routed", "fragment-tiny", "bad-nd", "unknown-source", "tunnel-remote", "bad-tunnel"}
# Explain is told neither the interface and MAC of a packet, nor that it is a fragment.
NOT_ASKED = {"spoofed-source", "fragment-no-first"}
# Allowed packets that are no use of anything allowed: counted only (ebpf/conclude.h).
COUNTED = {"arp", "neighbour-discovery", "dns-steered", "name-handshake"}
# Dropped where the stack takes over from dbx-egress-dpdk: counted by reason alone, of no workspace.
SUM_ALONE = {"not-judged"}


def row(verdict, reason, workspace=None, now="same", name=None, is_dns=False, has_record=True, vector=None,
        explain=(), documents=None):
    return Row(verdict, reason, workspace, now, documents, name, is_dns, has_record, vector, explain)


# ---- the packet vectors: one for each verdict and reason that they reach ------------------------


def vectors():
    """Name -> its frames, as tests/tools/vecframes prints them."""
    out = collections.OrderedDict()
    text = subprocess.run([os.environ["REASONS_VECFRAMES"], "tests/vectors"], capture_output=True, text=True,
                          check=True).stdout
    for line in text.splitlines():
        words = line.split()
        out.setdefault(words[0], []).append(words[1:])
    return out


# Private addresses that test_reasons.sh moves or takes away, since two rules had them.
MOVED = {"10.9.0.8", "10.9.0.10", "10.9.0.11", "10.9.0.13", "10.9.0.14"}


def can_be_sent(frames):
    return not MOVED & {f[5] for f in frames} and all(f[0] in ("ws1", "ws2") and 28 <= len(f[-1]) <= 2 * 1514 for f in frames)


def asked(frame):
    """The words of explain for an allowed packet."""
    _, _, _, workspace, source, destination, protocol, port, _ = frame
    if workspace in ("-", "0") or destination == "-":
        return ()
    words = ["--workspace", workspace, "--src", source, "--dst", destination, "--proto", protocol]
    return tuple(words + (["--port", port] if port != "-" and protocol not in ("1", "58") else []))


def of_vectors():
    """Prefers vectors of one frame whose workspace is stated."""
    found = collections.OrderedDict()
    every = vectors()
    for name, frames in sorted(every.items(), key=lambda v: (len(v[1]), v[1][-1][3] == "-")):
        verdict, reason, workspace = frames[-1][1:4]
        verdict = "DRY_RUN_DENIAL" if verdict == "DRY_RUN" else verdict
        if (verdict, reason) in found or not can_be_sent(frames):
            continue
        now = "unknown" if reason in BEFORE_SOURCE else ANY if reason in NOT_ASKED else "same"
        found[verdict, reason] = row(verdict, reason, None if workspace == "-" else int(workspace), now,
                                     vector=frames, has_record=reason not in COUNTED,
                                     explain=asked(frames[-1]) if verdict == "PASS" else ())
    return list(found.values())


# ---- what needs more than a frame ---------------------------------------------------------------

STAGES = {
    "empty": lambda: [row("DROP", "no-image", None, "unknown")],
    "vectors": of_vectors,
    "driver": lambda: [row("DROP", "mark-lost", 1001, ANY)],
    "broken": lambda: [row("DROP", "bad-image", None, "unknown")],
    "not-ready": lambda: [row("DROP", "dns-not-ready", 1001, ANY)],
    "names": lambda: [
        row("PASS", "dns-steered", 1001, has_record=False),
        row("PASS", "name-handshake", 1001, has_record=False),
        row("PASS", "listed-name", 1001, ANY, name="good.test"),
        row("PASS", "name-unverified", 1001, ANY),
        row("DROP", "name-mismatch", 1001, ANY, name="other.test"),
        row("DROP", "name-missing", 1001, ANY),
        row("DROP", "name-encrypted", 1001, ANY, name="good.test"),
        row("DROP", "not-tls", 1001, ANY),
        row("DROP", "not-http", 1001, ANY),
        row("DROP", "http-next-request", 1001, ANY),
        row("DROP", "hello-held", 1001, ANY, has_record=False),
        row("DROP", "hello-too-long", 1001, ANY),
        row("DROP", "repeat-differs", 1001, ANY),
        row("DROP", "name-port", 1001, ANY),
        row("DROP", "name-fragment", 1001, ANY),
        row("DROP", "quic-refused", 1001, ANY),
        row("DROP", "flow-unknown", 1001, ANY),
        row("DROP", "private-required", 1001, ANY, name=LAKE),
        row("DROP", "quota-flows", 1002, ANY),
        row("DROP", "quota-bytes", 1002, ANY),
        row("DROP", "tunnel-name", 1001, ANY),
        row("DROP", "dns-denied", 1001, ANY, name="other.test", is_dns=True),
        row("DROP", "dns-blocked", 1001, ANY, name="blocked.test", is_dns=True),
        row("DROP", "dns-path-style", 1001, ANY, name="s3.us-east-1.amazonaws.com", is_dns=True),
        row("DROP", "dns-access-point", 1001, ANY, is_dns=True,
            name="ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com"),
        row("DROP", "dns-bare-storage", 1001, ANY, name="storage.googleapis.com", is_dns=True),
        row("DROP", "dns-type", 1001, ANY, name="good.test", is_dns=True),
        row("DROP", "dns-no-identity", 0, "unknown", name="good.test", is_dns=True),
        row("DROP", "dns-failed", 1001, ANY, name="far.test", is_dns=True),
    ],
    "full": lambda: [row("DROP", "flow-table-full", 1001, ANY)],
    "hidden": lambda: [row("DROP", "vlan-hidden", None, "unknown")],
    "unjudged": lambda: [row("DROP", "not-judged", None, "unknown", has_record=False)],
}
DOCUMENTS = {"empty": None, "vectors": "vectors", "driver": "vectors", "broken": "vectors"}


def of_stage(stage):
    documents = DOCUMENTS.get(stage, "names")
    where = os.environ["REASONS_LAB"] + "/" + documents if documents else None
    return [r._replace(documents=where) for r in STAGES[stage]()]


def every_reason():
    """The slugs of reasons.def that no stage has a row for."""
    slugs = re.findall(r'^DBX_REASON\(\w+, \w+, "([a-z0-9-]+)"', open("include/dbx/reasons.def", encoding="ascii").read(), re.M)
    have = {r.reason for rows in STAGES.values() for r in rows()}
    return [s for s in slugs if s not in have], sorted(have - set(slugs))


if __name__ == "__main__":
    for slug in sum(every_reason(), []):
        print(slug)
