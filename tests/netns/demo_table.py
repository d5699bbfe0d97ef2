#!/usr/bin/env python3
# demo_table.py -- the demo's table: what a client saw beside what the gateway says about it.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""usage: demo_table.py CTL LAB

LAB/rows has a line a probe: number, workspace, its id, client, host, address, port, wanted verdict,
wanted reason, command, parted by tabs; LAB/seen.N has "passed" or "denied". A row is right when
four things agree: what is wanted, what was seen, what `explain` says, and, for a denial, what the
kernel program recorded. Exit status 1 when a row is not.
"""
import ipaddress
import json
import pathlib
import subprocess
import sys
import time

PROTO = {"http": "tcp", "tcp": "tcp", "udp": "udp"}
SEEN_WHEN = {"PASS": "passed", "DRY_RUN_DENIAL": "passed", "DROP": "denied"}
COLOURS = {"PASS": "32", "DROP": "31", "DRY_RUN_DENIAL": "33"}


class Gateway:
    """The daemon, asked through its tool."""

    def __init__(self, ctl, lab):
        self.command = [ctl, "--socket", str(lab / "socket")]

    def ask(self, *args):
        """The JSON answer, or None when the tool refuses."""
        done = subprocess.run(self.command + [*args, "--json"], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def explain(self, row):
        words = ["--workspace", row["id"], "--dst", row["address"], "--proto", row["proto"]]
        if row["port"] != "-":
            words += ["--port", row["port"]]
        return self.ask("explain", *words)

    def denial(self, row, known):
        """The latest record of this packet; records trail packets by a moment."""
        for _ in range(40):
            for d in (self.ask("denials") or {}).get("denials", []):
                if matches(d, row) and d.get("reason") == row["reason"] and known.get(key(d)) != d["packets"]:
                    return d
            time.sleep(0.05)
        return None


def key(denial):
    return tuple(str(denial.get(k)) for k in ("workspace_id", "dst", "proto", "port", "reason"))


def matches(denial, row):
    same = ipaddress.ip_address(denial["dst"]) == ipaddress.ip_address(row["address"])
    if not same or denial["proto"] not in (row["proto"], row["number"]):
        return False
    return row["port"] == "-" or str(denial["port"]) == row["port"]


def read_rows(lab):
    names = ["n", "workspace", "id", "client", "host", "address", "port", "verdict", "reason", "command"]
    for line in (lab / "rows").read_text().splitlines():
        row = dict(zip(names, line.split("\t")))
        v6 = ":" in row["address"]
        row["proto"] = PROTO.get(row["client"], "icmpv6" if v6 else "icmp")
        row["number"] = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}[row["proto"]]
        row["seen"] = (lab / f"seen.{row['n']}").read_text().strip()
        yield row


def judge(gateway, row, known):
    """Fills in rule; returns what disagrees, as a list of words."""
    wrong = []
    if row["seen"] != SEEN_WHEN[row["verdict"]]:
        wrong.append(f"wanted {SEEN_WHEN[row['verdict']]}")
    said = gateway.explain(row)
    row["rule"] = said["rule"] if said else "-"
    if not said:
        wrong.append("explain says nothing")
    elif (said["verdict"], said["reason"]) != (row["verdict"], row["reason"]):
        wrong.append(f"explain says {said['verdict']} {said['reason']}")
    if row["verdict"] != "PASS":
        record = gateway.denial(row, known)
        if record is None:
            wrong.append("no record of the denial")
    return wrong


def paint(text, verdict):
    return f"\033[{COLOURS[verdict]}m{text}\033[0m" if sys.stdout.isatty() else text


def print_table(rows):
    columns = ["workspace", "client", "to", "seen", "verdict", "reason", "rule"]
    cells = [columns]
    for r in rows:
        cells.append([r["workspace"], r["command"], r["host"], r["seen"], r["verdict"], r["reason"], r["rule"] or "-"])
    widths = [max(len(c[i]) for c in cells) for i in range(len(columns))]
    for i, c in enumerate(cells):
        padded = [text.ljust(w) for text, w in zip(c, widths)]
        if i:
            verdict = rows[i - 1]["verdict"]
            padded[3], padded[4] = paint(padded[3], verdict), paint(padded[4], verdict)
        wrong = f"   <-- WRONG: {', '.join(rows[i - 1]['wrong'])}" if i and rows[i - 1]["wrong"] else ""
        print(("  " + "  ".join(padded)).rstrip() + wrong)


def main():
    lab = pathlib.Path(sys.argv[2])
    gateway = Gateway(sys.argv[1], lab)
    memory = lab / "denials.known"
    known = {tuple(k): n for k, n in json.loads(memory.read_text())} if memory.exists() else {}
    rows = list(read_rows(lab))
    for row in rows:
        row["wrong"] = judge(gateway, row, known)
    print_table(rows)
    records = (gateway.ask("denials") or {}).get("denials", [])
    memory.write_text(json.dumps([[key(d), d["packets"]] for d in records]))
    sys.exit(1 if any(row["wrong"] for row in rows) else 0)


if __name__ == "__main__":
    main()
