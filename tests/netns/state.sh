# state.sh -- what a gateway has in force, to the byte: for tests that compare before and after.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154
#
# Source it after lib.sh; it asks the daemon of the lab.

API=http://localhost/api/2.0
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

rest() { # METHOD PATH [CURL ARGUMENTS]
	curl -sm 60 --unix-socket "$lab/socket" -X "$1" -H 'Expect:' "${@:3}" "$API$2"
}

# Evaluates an expression on d, the JSON document on standard input.
jq_py() { # EXPRESSION
	"$PYTHON" -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

status_of() { # KEY...
	ctl --json status | "$PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
print(*[d[k] for k in sys.argv[1:]])' "$@"
}

# Files NAME.image, .documents, .history and .status.
snapshot() { # NAME
	rest GET /dbx-egress/image >"$1.image"
	rest GET /dbx-egress/documents >"$1.documents"
	rest GET /dbx-egress/history >"$1.history"
	ctl --json status | grep -E '"(generation|revision|content_hash|program|degraded|state)"' \
		>"$1.status"
}

# Prints what differs from snapshot "good", which is brought up to date: a change is told once.
changes() {
	local part
	snapshot "$lab/now"
	for part in image documents history status; do
		cmp "$lab/good.$part" "$lab/now.$part" 2>&1
		mv "$lab/now.$part" "$lab/good.$part"
	done
	kill -0 "$daemon_pid" 2>&1
}

# ---- documents of two small worlds: no service tags, so that an apply takes milliseconds ----------

np() { # ID [MORE IN network_access [MODE]]
	echo "{\"network_policy_id\":\"$1\",\"egress\":{\"network_access\":{\"restriction_mode\":\"${3:-RESTRICTED_ACCESS}\"${2:-}}}}"
}

ip_ranges() { # PREFIX...
	local p list=
	for p; do
		list="$list${list:+,}{\"destination\":\"$p\",\"internet_destination_type\":\"IP_RANGE\"}"
	done
	echo ",\"allowed_internet_destinations\":[$list]"
}

# world/: both workspaces restricted. 203.0.113.10 (partner-api) is always allowed to workspace 1001,
# 198.51.100.66 (exfil) never; a.json also allows .20 (package-index), b.json .66 (paste-site).
small_world() { # FOLDER
	mkdir -p "$1/world"
	cp rules/demo/start/gateway.json "$1/world/"
	echo '{"workspace_id":1001,"network_policy_id":"np-one"}' >"$1/world/option-1001.json"
	echo '{"workspace_id":1002,"network_policy_id":"np-two"}' >"$1/world/option-1002.json"
	np np-two "$(ip_ranges 203.0.113.10/32)" >"$1/world/policy-two.json"
	np np-one "$(ip_ranges 203.0.113.10/32 2001:db8:a::10/128)" >"$1/world/policy-one.json"
	np np-one "$(ip_ranges 203.0.113.10/32 2001:db8:a::10/128 203.0.113.20/32)" >"$1/a.json"
	np np-one "$(ip_ranges 203.0.113.10/32 2001:db8:a::10/128 203.0.113.66/32)" >"$1/b.json"
}

# Runs a statement on g, the gateway of the small world, and writes the document back.
world_gateway() { # FOLDER STATEMENT
	"$PYTHON" - "$1/world/gateway.json" "$2" <<-'PY'
		import json, sys
		d = json.load(open(sys.argv[1]))
		exec(sys.argv[2], {"g": d["gateway"], "ws": d["gateway"]["workspaces"]})
		json.dump(d, open(sys.argv[1], "w"))
	PY
}
