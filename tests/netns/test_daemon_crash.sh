#!/bin/bash
# test_daemon_crash.sh -- the daemon is killed at any moment of an apply: the next one finds documents
# and data plane that agree, one policy or the other and never a mix, and no packet went unjudged.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
cd "$(dirname "$0")/../.." && . tests/tap.sh && . tests/netns/lib.sh

ROUNDS=25
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

# Two sets that differ in what they allow: each only one of two addresses.
documents() { # ADDRESS
	cat <<-JSON
		{"documents": [
		{"source": "gw.json", "document": {"gateway": {"interfaces": [{"name": "ws1"}],
		 "workspaces": [{"workspace_id": 1001, "sources": [{"prefix": "10.66.1.0/24"}]}],
		 "allowed_destinations": [{"label": "one", "prefixes": ["$1"]}]}}},
		{"source": "np.json", "document": {"network_policy_id": "np", "egress": {"network_access":
		 {"restriction_mode": "RESTRICTED_ACCESS"}}}},
		{"source": "opt.json", "document": {"workspace_id": 1001, "network_policy_id": "np"}}]}
	JSON
}

post() { # FILE
	curl -sm 20 --unix-socket "$lab/socket" --data-binary "@$1" -H 'Expect:' \
		http://localhost/api/2.0/dbx-egress/apply
}

# "generation revision degraded" and the address that the stored documents allow.
state() {
	ctl --json status | "$PYTHON" -c '
import json, sys
s = json.load(sys.stdin)
print(s["generation"], s["revision"], s["degraded"])'
}
stored() {
	ctl --json get gateway | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["gateway"]["allowed_destinations"][0]["prefixes"][0])'
}

# What the wire says: the address that passes, or both, or none.
on_the_wire() {
	local a passed=
	for a in 203.0.113.10 203.0.113.20; do
		in_ns ws1 ping -c 1 -W 0.5 -q $a >/dev/null 2>&1 && passed="$passed$a"
	done
	echo "$passed"
}

lab_begin
documents 203.0.113.10 >"$lab/a.json"
documents 203.0.113.20 >"$lab/b.json"
daemon_start || { not_ok "the daemon starts"; done_testing; }
post "$lab/a.json" >/dev/null
is "one of the two is allowed" "$(on_the_wire)" 203.0.113.10

# All the while: a third address, which no policy allows.
(exec nsenter --net="/run/netns/$lab_prefix-ws1" ping -i 0.005 -q 203.0.113.66) >"$lab/denied.log" 2>&1 &
denied_pid=$!
lab_pids+=("$denied_pid")

bad='' last=0 taken=0
for i in $(seq $ROUNDS); do
	file=$lab/a.json
	[ "$(stored)" != 203.0.113.10 ] || file=$lab/b.json
	before=$(stored)
	post "$file" >/dev/null &
	# Anywhere from before the request is read to after it is answered.
	sleep "0.0$((i * 3 % 10))$((RANDOM % 10))"
	daemon_kill
	wait $! 2>/dev/null
	wire=$(on_the_wire)
	daemon_start >/dev/null || bad="$bad round $i: no start"$'\n'
	now=$(stored)
	read -r generation revision degraded <<<"$(state)"
	[ "$now" = "$before" ] || taken=$((taken + 1))
	[ "$wire" = 203.0.113.10 ] || [ "$wire" = 203.0.113.20 ] || bad="$bad round $i: passes: $wire"$'\n'
	[ "$(on_the_wire)" = "$now" ] || bad="$bad round $i: stored $now, enforced $(on_the_wire)"$'\n'
	[ "$degraded" = None ] || bad="$bad round $i: degraded: $degraded"$'\n'
	[ "$generation" -ge "$last" ] || bad="$bad round $i: generation fell to $generation"$'\n'
	[ "$revision" -ge 1 ] || bad="$bad round $i: revision $revision"$'\n'
	last=$generation
done
none "$ROUNDS times killed in an apply: documents and data plane agree" "$bad"
echo "# $taken of $ROUNDS applies had been taken over when the daemon was killed"
kill -INT "$denied_pid"
wait "$denied_pid"
like "what no policy allows was denied all the while" "$(cat "$lab/denied.log")" ' 0 received'
documents 203.0.113.10 >"$lab/a.json"
post "$lab/a.json" >/dev/null
is "and an apply works as ever" "$(on_the_wire)" 203.0.113.10
done_testing
