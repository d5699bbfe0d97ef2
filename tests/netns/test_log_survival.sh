#!/bin/bash
# test_log_survival.sh -- records under load over rotation, kill -9 and full disks: none torn, none twice.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 400
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

ROUNDS=8
ALLOWED=203.0.113.10

# ---- what is in the files -----------------------------------------------------------------------

# "records torn": lines of all files that are whole, of which no two have one event_id; and whether the
# file that is written ends in a torn one. Anything else is an error.
in_files() {
	"$PYTHON" - "$lab/disk" <<-'PY'
		import json, os, sys
		ids, torn = set(), 0
		for name in sorted(os.listdir(sys.argv[1])):
		    if not name.startswith("d.jsonl"):
		        continue
		    lines = open(os.path.join(sys.argv[1], name), "rb").read().split(b"\n")
		    if lines.pop():
		        torn += 1
		        assert name == "d.jsonl", f"{name} ends in a torn line"
		    for n, line in enumerate(lines):
		        try:
		            event_id = json.loads(line)["event_id"]
		        except ValueError:
		            sys.exit(f"{name}:{n + 1}: torn: {line[:80]}")
		        if event_id in ids:
		            sys.exit(f"{name}:{n + 1}: {event_id} is there twice")
		        ids.add(event_id)
		print(len(ids), torn)
	PY
}

is_stopped() {
	grep -q '^State:.*T' "/proc/$daemon_pid/status"
}

# The daemon holds still meanwhile, or files would get other names while they are read.
whole() { # WHAT
	local got
	kill -STOP "$daemon_pid"
	wait_for 20 is_stopped
	got=$(in_files 2>&1)
	kill -CONT "$daemon_pid"
	like "$1: every line whole, no event_id twice" "$got" '^[1-9][0-9]* 0$'
}

# ---- what the daemon says of them ---------------------------------------------------------------

log_of() { # EXPRESSION on l, the log's status, and s, the file's
	ctl --json status | "$PYTHON" -c 'import json, sys
l = json.load(sys.stdin)["log"]
s = l["sinks"][0]
print(eval(sys.argv[1]))' "$1"
}

log_is() { # EXPRESSION
	[ "$(log_of "bool($1)" 2>/dev/null)" = True ]
}

comes() { # WHAT EXPRESSION
	if wait_for 60 log_is "$2"; then
		ok "$1"
	else
		not_ok "$1" "$(ctl --json status | jq_py 'd["log"]'; tail -5 "$lab/daemon.log")"
	fi
}

adds_up() { # WHAT
	is "$1: each record is written or lost, kept or not" \
		"$(log_of 's["written"] + s["lost"] == l["records"] == l["kept"] + l["not_kept"]')" True
}

# ---- load ---------------------------------------------------------------------------------------

# Each port is a flow, which is a record every second.
load() {
	in_ns_background ws1 "$PYTHON" -c '
import itertools, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in itertools.count():
    try:
        s.sendto(b"x", ("198.51.100.66", 1 + i % 60000))
    except OSError:
        pass
    if i % 10 == 0:
        time.sleep(0.02)'
}

denied() { # packets so far
	ctl --json stats --workspace 1001 | jq_py 'sum(r["packets"] for r in d["rows"] if r["verdict"] == "DROP")'
}

more_denied() { # THAN
	[ "$(denied)" -gt "$1" ]
}

# The data plane is what it was: what is allowed passes, what is not does not, and it is counted.
undisturbed() { # WHAT
	local before
	before=$(denied)
	is "$1: what is allowed passes" "$(in_ns ws1 ping -c 20 -i 0.02 -W 5 -q $ALLOWED | grep -o '[0-9]* received')" "20 received"
	is "$1: what is not is denied" "$(in_ns ws1 ping -c 2 -i 0.1 -W 0.3 -q 198.51.100.66 | grep -o '[0-9]* received')" "0 received"
	if wait_for 20 more_denied "$before"; then
		ok "$1: and counted"
	else
		not_ok "$1: and counted" "$before before, $(denied) now"
	fi
}

# ---- disks --------------------------------------------------------------------------------------

disk() { # FOLDER SIZE
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2" tmpfs "$1"
}

fill() { # FOLDER
	dd if=/dev/zero of="$1/ballast" bs=64k 2>/dev/null
	dd if=/dev/zero of="$1/ballast2" bs=512 2>/dev/null
}

drain() { # FOLDER
	rm -f "$1/ballast" "$1/ballast2"
}

disks_end() {
	lab_end 2>/dev/null
	umount "$lab/disk" "$lab/state" 2>/dev/null
	rm -rf "$lab"
}

# ---- tests --------------------------------------------------------------------------------------

rotation() {
	comes "rotated while records come in" 's["rotations"] >= 20 and s["error"] is None'
	adds_up "rotation"
	whole "rotation"
}

# What a kill leaves, what a loss of power besides, and what the next daemon makes of it.
kills() {
	local i got bad='' torn=0 repaired=0 before=0
	for i in $(seq $ROUNDS); do
		wait_for 60 log_is 's["written"] > 300' || bad="$bad round $i: nothing written"$'\n'
		daemon_kill
		got=$(in_files 2>&1)
		[[ $got =~ ^[0-9]+\ [01]$ ]] || bad="$bad round $i, killed: $got"$'\n'
		[ "${got% *}" -gt "$before" ] || bad="$bad round $i: $before records before, $got now"$'\n'
		before=${got% *}
		if [ $((i % 2)) -eq 0 ] && [ "$(stat -c %s "$lab/disk/d.jsonl" 2>/dev/null || echo 0)" -gt 100 ]; then
			truncate -s -9 "$lab/disk/d.jsonl"
			torn=$((torn + 1))
			[ "${got#* }" = 1 ] || before=$((before - 1))
		fi
		rows_before=$(rows)
		daemon_start >/dev/null || bad="$bad round $i: no start"$'\n'
		repaired=$((repaired + $(log_of 's["repaired"]')))
	done
	none "killed $ROUNDS times: at most the last line torn, and nothing before it lost" "$bad"
	is "each torn line was repaired" "$((repaired >= torn && torn > 0)) of $torn" "1 of $torn"
	comes "and records go on" 's["written"] > 300'
	whole "kill -9"
	adds_up "kill -9"
}

full_log() {
	local written
	fill "$lab/disk"
	comes "a full disk is said" 's["lost"] > 0 and "No space left" in (s["error"] or "")'
	undisturbed "full disk"
	like "status says it to people" "$(ctl status)" 'No space left on device'
	exits "apply works all the same" 0 ctl apply "$lab/b.json"
	comes "and what is lost is counted" 's["lost"] > 500'
	adds_up "full disk"
	written=$(log_of 's["written"]')
	drain "$lab/disk"
	comes "room again: records are written" "s['written'] > $written + 300 and s['error'] is None"
	whole "full disk"
	adds_up "room again"
	is "said once when it began, once when it ended" \
		"$(grep -c 'records to .*No space left' "$lab/daemon.log") $(grep -c 'records go to .* again' "$lab/daemon.log")" "1 1"
}

# The disk of the state: documents are safe, explain goes without, the log file goes on.
full_state() {
	local written generation
	fill "$lab/state"
	comes "a full disk of the state is said" 'l["not_kept"] > 0 and l["kept_error"]'
	undisturbed "full state"
	written=$(log_of 's["written"]')
	comes "the log file goes on" "s['written'] > $written + 300 and s['error'] is None"
	adds_up "full state"
	generation=$(status_of generation)
	exits "a change that cannot be stored is refused" 1 ctl apply "$lab/a.json"
	like "and it says why" "$out" 'full|space'
	is "what is in force is what was" "$(status_of generation)" "$generation"
	drain "$lab/state"
	comes "room again: records are kept" 'l["kept_error"] is None'
	if wait_for 20 last_is_explained; then
		ok "and explained"
	else
		not_ok "and explained" "$(tail -1 "$lab/disk/d.jsonl")"
	fi
	exits "and changes are taken" 0 ctl apply "$lab/a.json"
	whole "full state"
}

# Without load: what status calls kept is what is there.
kept_is_there() {
	kill "$load_pid"
	if wait_for 60 rows_are_kept; then
		ok "what is counted as kept is kept"
	else
		not_ok "what is counted as kept is kept" "$(rows) rows, $rows_before at the start; $(log_of l)"
	fi
}

rows() {
	"$PYTHON" - "$lab/state/records.db" <<-'PY'
		import sqlite3, sys
		print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute("SELECT max(seq) FROM records").fetchone()[0])
	PY
}

rows_are_kept() {
	log_is "l['open_flows'] == 0 and l['kept'] == $(rows) - $rows_before"
}

last_is_explained() {
	ctl explain "$(tail -1 "$lab/disk/d.jsonl" | jq_py 'd["event_id"]')" | grep -q '^recorded '
}

lab_begin
trap disks_end EXIT
disk "$lab/disk" 96m && disk "$lab/state" 96m || exit 1
in_ns_background net "$PYTHON" -c 'import time; time.sleep(1000)'
small_world "$lab"
world_gateway "$lab" 'g["log"] = {"interval_s": 1, "file": {"path": "'"$lab"'/disk/d.jsonl", "rotate_bytes": 65536, "keep": 1000}}'
daemon_start || exit 1
exits "apply" 0 ctl apply "$lab/world" || done_testing
load
load_pid=${lab_pids[-1]}
rotation
kills
full_log
full_state
kept_is_there
[ -z "${KEEP:-}" ] || cat "$lab/daemon.log"
done_testing
