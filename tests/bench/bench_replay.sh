#!/bin/bash
# bench_replay.sh -- packets a second that replay judges on one core, and the memory that it takes.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# PACKETS (3,000,000) of each kind; the counts are checked. "datagrams": three flows, of which two are
# denied. "streams": a hundred TLS connections that said their name and go on, six bytes a segment and
# an acknowledgement. From standard input the capture is looked at once; a file is looked at twice,
# first for the names that flows say. Bar, in processor time of one core: 2,000,000 packets a second,
# both looks of a file together.
set -u
cd "$(dirname "$0")/../.." || exit 2
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

ctl=$(realpath -m "${DBX_BUILD:-build}")/dbx-egressctl
N=${PACKETS:-3000000} BAR=${BAR:-2000000}
[ -x "$ctl" ] || { echo "no $ctl; run make first" >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-bench-replay.XXXXXX")
trap 'rm -rf "$work"' EXIT
N=$((N / 600 * 600))
"$PYTHON" tests/common/make_replay_pcap.py "$work/datagrams" "many=$N" || exit 2
"$PYTHON" tests/common/make_replay_pcap.py "$work/streams" "streams=$N" || exit 2

"$PYTHON" - "$ctl" "$work" "$N" "$BAR" <<'PY'
import json
import os
import resource
import subprocess
import sys

ctl, work, n, bar = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
want = {
    "datagrams": {("PASS", "listed-prefix"): n // 3, ("DROP", "port-not-listed"): n // 3,
                  ("DROP", "unknown-source"): n // 3},
    "streams": {("PASS", "name-handshake"): 200, ("PASS", "listed-name"): n // 2 + 100},
}


def seconds():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


rates = []
for kind in want:
    for what, name in ("standard input", "-"), ("a file", f"{work}/{kind}"):
        before = seconds()
        with open(f"{work}/{kind}", "rb") as f:
            out = subprocess.run([ctl, "replay", "--json", name, "--policy", "tests/data/replay/policy"],
                                 stdin=f, stdout=subprocess.PIPE, check=True, timeout=600)
        took = seconds() - before
        counts = json.loads(out.stdout)["counts"]
        by = {(r["verdict"], r["reason"]): r["packets"] for r in counts["by_reason"]}
        if by != want[kind]:
            sys.exit(f"INVALID: {counts}")
        rates.append(counts["packets"] / took)
        print(f"{kind}, {what}: {counts['packets']:,} packets, {took:.2f} s of one core: {rates[-1]:,.0f} packets/s")
print(f"at most {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MiB")
sys.exit(min(rates) < bar)
PY
