#!/usr/bin/env python3
# reasons.py -- reaches reasons of a verdict on the wire, and looks at all that is said of each.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: reasons.py STAGE		with the lab in the environment, as test_reasons.sh sets it

Prints a line for each verdict and reason that the stage shall reach: "VERDICT REASON", a tab, and what
is wrong with it, or nothing. Looked at, of each that has a record:
  - the counter of its verdict and reason, which grew
  - the record: its columns, in the stream, in the log file (once), and kept for `explain`
  - `explain EVENT_ID`: what was recorded, and what the daemon says of the same flow now
  - `explain -` of the line, offline, against the same documents
  - the line that `monitor` showed to people
"""
import collections
import json
import os
import re
import subprocess
import sys
import time

import reasons_act
import reasons_rows

CTL, LAB = os.environ["REASONS_CTL"], os.environ["REASONS_LAB"]
SECONDS = 30  # a bound, not a wait
PRODUCTS = {"DBSQL", "General Compute", "MLServing", "ML Build", "Apps"}


def table():
    """slug -> (kind, sentence), as the program has it."""
    text = open("include/dbx/reasons.def", encoding="ascii").read()
    rows = re.findall(r'^DBX_REASON\(\w+, (\w+), "([a-z0-9-]+)",\s+"([^"]+)"\)', text, re.M)
    return {slug: (kind, sentence) for kind, slug, sentence in rows}


def ctl(*words, stdin=None):
    done = subprocess.run([CTL, "-s", LAB + "/socket", *words], input=stdin, capture_output=True,
                          text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def offline(*words, stdin=None):
    """The same program where there is no daemon."""
    environment = dict(os.environ, DBX_EGRESS_SOCKET="/nonexistent/socket")
    done = subprocess.run([CTL, *words], input=stdin, capture_output=True, text=True, check=False,
                          timeout=60, env=environment)
    return done.returncode, done.stdout, done.stderr


# ---- counters -----------------------------------------------------------------------------------


def counters():
    """(verdict, reason) -> packets or, of the resolver, questions; by both sums of packets."""
    done = subprocess.run(["curl", "-sm", "20", "--unix-socket", LAB + "/socket", "http://localhost/metrics"],
                          capture_output=True, text=True, check=True)
    by_row, judged, resolver = collections.Counter(), collections.Counter(), collections.Counter()
    for line in done.stdout.splitlines():
        m = re.match(r'dbx_egress_(packets|judged_packets)_total\{.*?verdict="(\w+)",reason="([a-z0-9-]+)".*\} (\d+)', line)
        if m:
            (by_row if m[1] == "packets" else judged)[m[2], m[3]] += int(m[4])
        m = re.match(r'dbx_egress_dns_refused_total\{reason="([a-z0-9-]+)"\} (\d+)', line)
        if m:
            resolver["DROP", m[1]] += int(m[2])
    return by_row, judged, resolver


def counted(row, before):
    """What is wrong with the counters of a reason, or nothing."""
    now = counters()
    key = row.verdict, row.reason
    if row.is_dns:
        return "" if now[2][key] > before[2][key] else "not counted by the resolver"
    if now[1][key] <= before[1][key]:
        return "no packet counted"
    if row.reason in reasons_rows.SUM_ALONE:
        return f"{now[0][key]} packets by workspace" if now[0][key] else ""
    if now[0][key] - now[1][key] != before[0][key] - before[1][key]:
        return f"{now[0][key]} packets by workspace, {now[1][key]} in sum"
    return ""


# ---- records ------------------------------------------------------------------------------------


class Stream:
    """What the two monitors printed since the stage began."""

    def __init__(self):
        self.files = {name: open(f"{LAB}/{name}", encoding="utf-8") for name in ("monitor.json", "monitor.out")}
        self.records, self.lines = [], []
        for f in self.files.values():
            f.seek(0, os.SEEK_END)

    def read(self):
        for name, out in (("monitor.json", self.records), ("monitor.out", self.lines)):
            f = self.files[name]
            while True:
                where = f.tell()
                line = f.readline()
                if not line.endswith("\n"):
                    f.seek(where)
                    break
                out.append((line.rstrip("\n"), json.loads(line)) if name == "monitor.json" else line.rstrip("\n"))


def fits(record, row):
    x = record["x_dbx_egress"]
    return (x["reason"] == row.reason and x["verdict"] == row.verdict
            and (row.workspace is None or str(record["workspace_id"]) == str(row.workspace or None)))


def ended(stream, row):
    """The record of a row: its line, and it; or nothing in time."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        stream.read()
        for line, record in stream.records:
            if fits(record, row) and not record["x_dbx_egress"].get("open"):
                return line, record
        time.sleep(0.05)
    return None, None


def in_files(event_id):
    """How often it is in the log files; None: none is written."""
    names = [n for n in os.listdir(LAB + "/log")] if os.path.isdir(LAB + "/log") else []
    if not names:
        return None
    return sum(open(f"{LAB}/log/{n}", encoding="utf-8").read().count(f'"event_id":"{event_id}"') for n in names)


def columns(record, row):
    """What is wrong with the columns of a record."""
    x, wrong = record["x_dbx_egress"], []
    allowed = row.verdict == "PASS"
    if record["access_type"] != ("ALLOW" if allowed else row.verdict):
        wrong.append(f"access_type {record['access_type']}")
    if x["packets"] < 1 or (x["bytes"] < 1 and not row.is_dns):
        wrong.append("without packets")
    if record["workspace_id"] and record["network_source_type"] not in PRODUCTS:
        wrong.append(f"network_source_type {record['network_source_type']}")
    if record["destination_type"] == "IP" and record["destination"] != x["dst_ip"]:
        wrong.append(f"destination {record['destination']}, dst_ip {x['dst_ip']}")
    if record["destination_type"] != "IP" and record["dns_event"]["domain_name"] != x["name"]:
        wrong.append(f"domain_name {record['dns_event']['domain_name']}, name {x['name']}")
    if row.name and x["name"] != row.name:
        wrong.append(f"name {x['name']}, not {row.name}")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", record["event_time"]):
        wrong.append(f"event_time {record['event_time']}")
    return wrong


# ---- explain and monitor ------------------------------------------------------------------------


def explained(text, row, sentence):
    """What is wrong with the text of explain of a record: what was recorded, then what holds now."""
    lines = text.splitlines()
    wrong = []
    access = "ALLOW" if row.verdict == "PASS" else row.verdict
    if not lines or lines[0] != f"recorded    {access}  {row.reason}: {sentence}":
        wrong.append(f"explain says \"{lines[0] if lines else ''}\"")
    now = [line for line in lines if line.startswith("as of now   ")]
    if not now:
        wrong.append("explain says nothing of now")
    elif row.now == "same" and not now[0].startswith(f"as of now   {row.verdict}  {row.reason}: {sentence}"):
        wrong.append(f"explain of now: \"{now[0]}\"")
    elif row.now == "unknown" and not re.match(r"as of now   not explained: .* before its (workspace|destination) was known", now[0]):
        wrong.append(f"explain of now: \"{now[0]}\"")
    elif row.now not in ("same", "unknown") and not re.match("as of now   " + row.now, now[0]):
        wrong.append(f"explain of now: \"{now[0]}\"")
    return wrong


def monitored(stream, record, row):
    """The line for people of this record's flow."""
    x = record["x_dbx_egress"]
    end = {"src": x["src_ip"] or "?", "dst": x["dst_ip"] or "?"}
    end = {k: f"[{v}]" if ":" in v else v for k, v in end.items()}
    wanted = re.compile(rf"\d\d:\d\d:\d\d\.\d{{3}} {row.verdict} {row.reason} ws {record['workspace_id'] or '-'} "
                        rf"{re.escape(end['src'])}(:\d+)? > {re.escape(end['dst'])}(:\d+)?( |$)")
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        stream.read()
        if any(wanted.match(line) and (not x["name"] or f" {x['name']}" in line) for line in stream.lines):
            return ""
        time.sleep(0.05)
    return "monitor did not show it"


def look(stream, row, before, reasons):
    """Everything that is said of one verdict and reason; a list of what is wrong."""
    kind, sentence = reasons[row.reason]
    wrong = [counted(row, before)]
    if not row.has_record:
        wrong += reasons_act.explain_alone(row, sentence, ctl, offline)
        stream.read()
        if any(fits(r, row) for _, r in stream.records):
            wrong.append("it has a record, which it shall not have")
        return wrong
    line, record = ended(stream, row)
    if record is None:
        return wrong + ["no record"]
    wrong += columns(record, row)
    if in_files(record["event_id"]) not in (None, 1):
        wrong.append(f"{in_files(record['event_id'])} times in the log files")
    code, text, err = ctl("explain", record["event_id"])
    wrong += explained(text, row, sentence) + ([f"explain: exit {code}: {err}"] if code else [])
    _, text, _ = ctl("--json", "explain", record["event_id"])
    if json.loads(text or "{}").get("record") != record:
        wrong.append("what is kept is not what was sent")
    if row.documents:
        code, text, err = offline("explain", "-", "--policy", row.documents, stdin=line)
        wrong += [f"offline: {w}" for w in explained(text, row, sentence)] + ([f"offline: exit {code}: {err}"] if code else [])
    wrong.append(monitored(stream, record, row))
    if (kind == "PASS") != (row.verdict == "PASS"):
        wrong.append(f"{row.verdict} for a reason of kind {kind}")
    return wrong


def main():
    reasons = table()
    rows = reasons_rows.of_stage(sys.argv[1])
    stream = Stream()
    before = counters()
    reasons_act.run(sys.argv[1], rows)
    for row in rows:
        wrong = [w for w in look(stream, row, before, reasons) if w]
        print(f"{row.verdict} {row.reason}\t{'; '.join(wrong)}", flush=True)


if __name__ == "__main__":
    main()
