#!/bin/bash
# test_wire.sh -- frames that a workload makes by hand, and big ones: judged on the wire as on paper.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh

[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

# Packets counted for a workspace, verdict and reason so far.
counted() { # WORKSPACE VERDICT REASON
	ctl --json stats | "$PYTHON" -c '
import json, sys
ws, verdict, reason = sys.argv[1:]
print(sum(r["packets"] for r in json.load(sys.stdin)["rows"]
          if (str(r["workspace_id"]), r["verdict"], r["reason"]) == (ws, verdict, reason)))' "$@"
}

# Sends 7 frames out of ws1 and wants them counted once each, as given.
judged() { # WHAT WORKSPACE VERDICT REASON ARGUMENTS OF inject.py...
	local what=$1 ws=$2 verdict=$3 reason=$4 before
	shift 4
	before=$(counted "$ws" "$verdict" "$reason")
	in_ns ws1 tests/netns/inject.py eth0 --dst-mac "$gw_mac" --count 7 "$@"
	wait_for 5 eval '[ $(($(counted '"$ws $verdict $reason"') - '"$before"')) -ge 7 ]'
	is "$what" $(($(counted "$ws" "$verdict" "$reason") - before)) 7
}

# A datagram of 3000 bytes goes in three fragments; "passed" when it comes back whole.
big_datagram() { # ADDRESS PORT
	in_ns ws1 "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.sendto(bytes(3000), (sys.argv[1], int(sys.argv[2])))
try:
    print("passed" if s.recv(65535) == bytes(3000) else "spoiled")
except OSError:
    print("denied")' "$@"
}

# The demo's gateway, with port rules for UDP and the range of workspace 1 once more behind a VLAN.
documents() {
	mkdir "$lab/rules" && cp rules/demo/before/*.json "$lab/rules/" &&
		"$PYTHON" - "$lab/rules/gateway.json" <<-'PY'
			import json, sys
			d = json.load(open(sys.argv[1]))
			g = d["gateway"]
			g["workspaces"][1]["sources"] += [
			    {"prefix": "10.66.1.0/24", "interface": "ws1", "vlan": 100},
			    {"prefix": "10.66.1.0/24", "interface": "ws1", "vlan": 100, "inner_vlan": 7}]
			g["allowed_destinations"] = [{"label": "echo", "prefixes": ["203.0.113.20/32", "2001:db8:a::20/128"],
			                              "protocol": "udp", "ports": [9999], "network_policy_ids": ["np-analytics"]}]
			json.dump(d, open(sys.argv[1], "w"))
		PY
}

lab_begin
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
documents
daemon_start || { not_ok "the daemon starts"; done_testing; }
exits "apply" 0 ctl apply "$lab/rules" rules/feeds/azure-public.json.gz
gw_mac=$(in_ns gw ip -o link show ws1 | sed 's/.*ether \([^ ]*\).*/\1/')

own="--src 10.66.1.10 --dst 203.0.113.10"
# shellcheck disable=SC2086 # words
{
	judged "its own address, a listed range" 1001 PASS listed-prefix $own
	judged "the other workspace's address" 1002 DROP spoofed-source --src 10.66.2.10 --dst 203.0.113.10
	judged "the other's IPv6 address" 1002 DROP spoofed-source --src fd66:2::10 --dst 2001:db8:a::10
	judged "nobody's address" 0 DROP unknown-source --src 10.99.0.1 --dst 203.0.113.10
	judged "the gateway's address" 0 DROP unknown-source --src 192.0.2.1 --dst 203.0.113.10
	judged "in VLAN 100 the range is workspace 1002's" 1002 PASS full-access $own --vlan 100
	judged "and so are its blocks" 1002 DROP blocked --src 10.66.1.10 --dst 203.0.113.66 --vlan 100
	judged "under 100 and 7, 802.1ad outside" 1002 PASS full-access $own --vlan 100 --vlan 7 --qinq
	judged "under 100 and 7, 802.1Q outside" 1002 PASS full-access $own --vlan 100 --vlan 7
	judged "in VLAN 101 it is nobody's" 0 DROP unknown-source $own --vlan 101
	judged "under 100 and 8 it is nobody's" 0 DROP unknown-source $own --vlan 100 --vlan 8 --qinq
	judged "three tags" 0 DROP vlan-depth $own --vlan 100 --vlan 7 --vlan 1
	judged "a frame that ends inside a header" 0 DROP truncated \
		--hex "${gw_mac//:/}0200000000010800450000"
	judged "neither IP nor ARP" 0 DROP not-ip --hex "${gw_mac//:/}02000000000188cc$(printf '%092d' 0)"
}

is "a ping of 3000 bytes over IPv4" "$(in_ns ws1 ping -qc1 -W2 -s 3000 203.0.113.10 >/dev/null && echo passed)" passed
is "a ping of 3000 bytes over IPv6" "$(in_ns ws1 ping -qc1 -W2 -s 3000 2001:db8:a::10 >/dev/null && echo passed)" passed
is "fragments to a listed port over IPv4" "$(big_datagram 203.0.113.20 9999)" passed
is "fragments to a listed port over IPv6" "$(big_datagram 2001:db8:a::20 9999)" passed
before=$(counted 1001 DROP port-not-listed)
is "fragments to another port" "$(big_datagram 203.0.113.20 9998)" denied
[ $(($(counted 1001 DROP port-not-listed) - before)) -ge 1 ] && ok "the first of them is denied for its port" ||
	not_ok "the first of them is denied for its port" "$(ctl stats)"

in_ns_background net iperf3 -s
exits "a listening iperf3" 0 wait_for 5 in_ns net sh -c 'ss -ltn | grep -q :5201'
out=$(in_ns ws1 iperf3 -c 203.0.113.10 -n 50M -J 2>&1)
is "50 MB of TCP in segments as large as the kernel makes them" "$(printf '%s' "$out" | "$PYTHON" -c '
import json, sys
end = json.load(sys.stdin).get("end", {})
print(end.get("sum_sent", {}).get("bytes", 0) >= 50 << 20)')" True
done_testing
