#!/bin/bash
# test_quota.sh -- what passes under a quota is what the quota says, within 5 % over ten seconds.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

BYTES_PER_S=1000000 FLOWS_PER_S=200

# Sends datagrams for ever, faster than any quota here: to one port, or each to another.
sender() { # WHERE one|many
	in_ns_background "$1" "$PYTHON" -c '
import itertools, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
size = 1000 if sys.argv[1] == "one" else 10
for i in itertools.count():
    port = 5000
    if sys.argv[1] == "many":
        port = 1024 + i % 64000
        if port == 1024:
            s.close()
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.sendto(bytes(size), ("203.0.113.10", port))
    except OSError:
        pass
    if i % 20 == 0:
        time.sleep(0.002)' "$2"
}

# "packets bytes nanoseconds": what passed so far, and when that was read.
passed() { # WORKSPACE
	ctl --json stats --workspace "$1" | "$PYTHON" -c '
import json, sys, time
t = time.monotonic_ns()
rows = [r for r in json.load(sys.stdin)["rows"] if r["verdict"] == "PASS" and r["path"] == "nat"]
print(sum(r["packets"] for r in rows), sum(r["bytes"] for r in rows), t)'
}

# Measures both for ten seconds; true when both are within 5 %.
measure() {
	local p1 b1 t1 p2 b2 t2 q1 c1 u1 q2 c2 u2
	read -r p1 b1 t1 <<<"$(passed 1001)"
	read -r q1 c1 u1 <<<"$(passed 1002)"
	sleep 10
	read -r p2 b2 t2 <<<"$(passed 1001)"
	read -r q2 c2 u2 <<<"$(passed 1002)"
	bytes=$(((b2 - b1) * 1000000 / ((t2 - t1) / 1000)))
	flows=$(((q2 - q1) * 1000000000 / ((u2 - u1) / 1000)))
	: "$p1 $p2 $c1 $c2"
	echo "# $bytes bytes/s, $((flows / 1000)).$((flows % 1000)) flows/s"
	within $bytes $BYTES_PER_S && within $flows $((FLOWS_PER_S * 1000))
}

within() { # GOT WANTED
	[ "$1" -ge $(($2 * 95 / 100)) ] && [ "$1" -le $(($2 * 105 / 100)) ]
}

dropped_by() { # WORKSPACE: the reasons
	ctl --json stats --workspace "$1" |
		jq_py '" ".join(sorted({r["reason"] for r in d["rows"] if r["verdict"] == "DROP"}))'
}

lab_begin
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
small_world "$lab"
world_gateway "$lab" 'ws[0]["quota"] = {"bytes_per_second": '$BYTES_PER_S', "burst_ms": 100}
g["default_quota"] = {"new_flows_per_second": '$FLOWS_PER_S', "burst_ms": 100}'
daemon_start || { not_ok "the daemon starts"; done_testing; }
exits "apply" 0 ctl apply "$lab/world"
is "under its quota everything passes" "$(probe http ws1 203.0.113.10 80)" passed
is "for the default quota too" "$(probe http ws2 203.0.113.10 80)" passed
sender ws1 one
sender ws1 one
sender ws2 many
wait_for 20 eval 'ctl stats --workspace 1001 | grep -q quota-bytes'
wait_for 20 eval 'ctl stats --workspace 1002 | grep -q quota-flows'
# A quota gives what was not taken for a tenth of a second, no longer: a machine that does not let
# the senders run gets less through it. So it may be measured again; over it, nothing ever is.
bytes=0 flows=0
if measure || measure || measure; then
	ok "bytes and new flows are within 5 % of their quotas over 10 s"
else
	not_ok "bytes and new flows are within 5 % of their quotas over 10 s" "$bytes bytes/s, $flows flows/1000 s"
fi
is "what is over a quota of bytes has that reason alone" "$(dropped_by 1001)" quota-bytes
is "what is over one of flows has its own" "$(dropped_by 1002)" quota-flows
like "and is among the denials" "$(ctl denials --workspace 1001)" 'quota-bytes'
done_testing
