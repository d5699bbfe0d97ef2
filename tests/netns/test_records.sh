#!/bin/bash
# test_records.sh -- a denial on the wire becomes one record, in the file and for explain.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

# Evaluates an expression on r, the list of records of all log files; none of them may be torn.
records() { # EXPRESSION
	"$PYTHON" - "$lab/log" "$1" <<-'PY'
		import glob, json, sys
		r = [json.loads(line) for f in sorted(glob.glob(sys.argv[1] + "/*")) for line in open(f)]
		x = lambda key, value: [v for v in r if v["x_dbx_egress"][key] == value]
		assert len({v["event_id"] for v in r}) == len(r), "an event id is there twice"
		print(eval(sys.argv[2]))
	PY
}

has() { # EXPRESSION
	[ "$(records "bool($1)" 2>/dev/null)" = True ]
}

comes() { # WHAT EXPRESSION
	if wait_for 20 has "$2"; then
		ok "$1"
	else
		not_ok "$1" "$(cat "$lab"/log/* 2>&1 | tail -5; ctl status)"
	fi
}

# Of a name: row type DNS, by the resolver and by the flow that says it.
of_names() {
	in_ns ws1 dig +short +time=3 +tries=1 @198.51.100.53 other.test >/dev/null
	comes "a refused question is recorded" 'x("reason", "dns-denied")'
	is "its columns" "$(records '[(v["workspace_id"], v["destination_type"], v["destination"],
		v["dns_event"], v["ip_event"], v["access_type"], v["network_source_type"])
		for v in x("reason", "dns-denied")][0]')" \
		"('1001', 'DNS', 'other.test', {'domain_name': 'other.test', 'rcode': 3, 'rdata': []}, None, 'DROP', 'General Compute')"
	names_address ws1 good.test >/dev/null
	names_get ws1 other.test $NAMES_SHARED >/dev/null
	comes "a refused ClientHello is recorded" 'x("reason", "name-mismatch")'
	is "its columns" "$(records '[(v["destination"], v["dns_event"]["rdata"],
		v["x_dbx_egress"]["dst_port"], v["x_dbx_egress"]["network_policy_id"])
		for v in x("reason", "name-mismatch")][0]')" "('other.test', ['$NAMES_SHARED'], 443, 'np-one')"
}

# Of an address: type IP, with rule, document and interface; all packets of it.
of_addresses() {
	in_ns ws1 ping -c 5 -i 0.05 -W 0.1 198.51.100.66 >/dev/null
	comes "a refused address is recorded" 'x("dst_ip", "198.51.100.66")'
	comes "with all of its packets" 'sum(v["x_dbx_egress"]["packets"] for v in x("dst_ip", "198.51.100.66")) == 5'
	is "its columns" "$(records '[(v["destination_type"], v["destination"], v["dns_event"], v["ip_event"],
		v["x_dbx_egress"]["interface"], v["x_dbx_egress"]["icmp_type"], v["x_dbx_egress"]["verdict"])
		for v in x("dst_ip", "198.51.100.66")][0]')" \
		"('IP', '198.51.100.66', None, {'ip_address': '198.51.100.66'}, 'ws1', 8, 'DROP')"
}

explained() {
	local id line
	id=$(records 'x("dst_ip", "198.51.100.66")[0]["event_id"]')
	out=$(ctl explain "$id")
	like "explain of the event id: what was recorded" "$out" '^recorded +DROP  (no-match|name-not-learned)'
	like "explain: the flow" "$out" '^flow +10\.66\.1\.[0-9]+ > 198\.51\.100\.66'
	like "explain: what it is now" "$out" '^as of now +DROP'
	like "explain: what would allow it" "$out" '^to allow it:'
	is "explain --json: both" "$(ctl --json explain "$id" |
		jq_py 'd["record"]["event_id"], d["explanation"]["verdict"]')" "('$id', 'DROP')"
	line=$(grep -h other.test "$lab"/log/* | head -1)
	out=$(ctl explain - <<<"$line")
	like "explain of a line: as recorded" "$out" '^recorded +DROP  '
	like "explain of a line: the resolver's word, now" "$out" '^dns +DROP  dns-denied'
	exits "explain of an id that nobody has" 1 "$ctl_bin" -s "$lab/socket" explain 00000000-0000-4000-8000-000000000000
	like "and it says what to do" "$out" 'explain -'
}

counted() {
	like "status shows the sink" "$(ctl status)" "^sinks +file $lab/log/d.jsonl: [1-9][0-9]* written\$"
	is "nothing is lost" "$(ctl --json status | jq_py 'd["log"]["lost_events"], d["log"]["not_kept"], d["log"]["sinks"][0]["lost"]')" \
		'(0, 0, 0)'
}

# Killed in the middle of it, and the last line torn by hand: repaired, and goes on.
killed() {
	local before
	in_ns_background ws1 ping -q -i 0.01 198.51.100.67
	comes "records while packets are denied" 'x("dst_ip", "198.51.100.67")'
	daemon_kill
	before=$(records 'len(r)')
	truncate -s -7 "$lab/log/d.jsonl"
	daemon_start || return
	comes "after a kill -9 records go on" "len(r) > $before"
	is "the torn line was repaired" "$(ctl --json status | jq_py 'd["log"]["sinks"][0]["repaired"]')" 1
}

# Of what is allowed, where the document asks for it: the hello of a flow, with the name that it said.
allowed() {
	names_gateway '"log": {"interval_s": 1, "allowed": "first", "file": {"path": "'"$lab"'/log/d.jsonl"}}' \
		>"$lab/docs/gateway.json"
	ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || not_ok "apply with allowed" "$(cat "$lab/apply.out")"
	names_address ws1 good.test >/dev/null
	names_get ws1 good.test $NAMES_SHARED >/dev/null
	comes "an allowed flow is recorded, by its name" '[v for v in r if v["access_type"] == "ALLOW"]'
	is "its columns" "$(records '[(v["destination"], v["x_dbx_egress"]["reason"], v["x_dbx_egress"]["verdict"],
		v["x_dbx_egress"]["dst_ip"], v["x_dbx_egress"]["rule"] is not None)
		for v in r if v["access_type"] == "ALLOW"][0]')" "('good.test', 'listed-name', 'PASS', '$NAMES_SHARED', True)"
	is "and it is no denial" "$(ctl --json denials | grep -c '"PASS"')" 0
}

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
mkdir "$lab/log"
ctl_bin=$build/dbx-egressctl
names_documents
names_gateway '"log": {"interval_s": 1, "file": {"path": "'"$lab"'/log/d.jsonl", "rotate_bytes": 65536}}' >"$lab/docs/gateway.json"
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || sed 's/^/# /' "$lab/apply.out"
of_names
of_addresses
explained
counted
allowed
killed
[ -z "${KEEP:-}" ] || { ctl status; cat "$lab/log/d.jsonl" "$lab/daemon.log"; }
done_testing
