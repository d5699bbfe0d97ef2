#!/bin/bash
# test_tunnel.sh -- the same private prefix in different VLANs, VXLAN and Geneve networks is not the same.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# VXLAN by the kernel's devices, with real connections. VLANs and Geneve by frames made by hand, which
# are counted: not every kernel has devices for them.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

ONE=203.0.113.10 TWO=203.0.113.20 # what workspace 1001 may reach, and what 1002 may

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
	wait_for 10 eval '[ $(($(counted '"$ws $verdict $reason"') - '"$before"')) -ge 7 ]'
	is "$what" $(($(counted "$ws" "$verdict" "$reason") - before)) 7
}

documents() {
	small_world "$lab"
	np np-one "$(ip_ranges $ONE/32 2001:db8:a::10/128)" >"$lab/world/policy-one.json"
	np np-two "$(ip_ranges $TWO/32 2001:db8:a::20/128)" >"$lab/world/policy-two.json"
	world_gateway "$lab" '
for i in (0, 1):
    ws[i]["sources"] += [{"prefix": "10.50.0.0/24", "vni": 100 + 100 * i},
                         {"prefix": "fd66:50::/64", "vni": 100 + 100 * i},
                         {"prefix": "10.51.0.0/24", "vlan": 100 + 100 * i, "interface": "ws1"},
                         {"prefix": "fd66:51::/64", "vlan": 100 + 100 * i, "interface": "ws1"},
                         {"prefix": "10.51.0.0/24", "vlan": 300, "inner_vlan": 100 + 100 * i}]
g["dns"] = {"upstreams": ["203.0.113.20"]}
g["tunnels"] = [{"type": "vxlan", "remotes": ["10.66.0.0/16"]},
                {"type": "geneve", "remotes": ["10.66.1.10/32"]}]'
}

# Network N of the gateway and its workload: VNI, same addresses, each in its own namespace.
vxlan() { # N VNI
	in_ns "ws$1" ip link add vx type vxlan id "$2" local "10.66.$1.10" remote "10.66.$1.1" dstport 4789 dev eth0 &&
		in_ns gw ip link add "vx$2" type vxlan id "$2" local "10.66.$1.1" remote "10.66.$1.10" dstport 4789 dev "ws$1" ||
		return 1
	topo_link_up "$lab_prefix-ws$1" vx
	topo_link_up "$lab_prefix-gw" "vx$2"
	topo_addr "$lab_prefix-ws$1" vx 10.50.0.10/24 fd66:50::10/64
	topo_addr "$lab_prefix-gw" "vx$2" 10.50.0.1/24 fd66:50::1/64
	in_ns "ws$1" ip route add 203.0.113.0/24 via 10.50.0.1 dev vx
	in_ns "ws$1" ip -6 route add 2001:db8:a::/48 via fd66:50::1 dev vx
}

# The way back to two networks that look alike goes by who answers.
way_back() { # FROM4 FROM6 VNI
	in_ns gw ip rule add from "$1" lookup "$3"
	in_ns gw ip -6 rule add from "$2" lookup "$3"
	in_ns gw ip route add 10.50.0.0/24 dev "vx$3" table "$3"
	in_ns gw ip -6 route add fd66:50::/64 dev "vx$3" table "$3"
}

lab_begin
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
in_ns net ip route add 10.50.0.0/24 via $TOPO_WAN_GW4
in_ns net ip -6 route add fd66:50::/64 via $TOPO_WAN_GW6 2>/dev/null
documents
daemon_start || { not_ok "the daemon starts"; done_testing; }
exits "apply" 0 ctl apply "$lab/world"
gw_mac=$(in_ns gw ip -o link show ws1 | sed 's/.*ether \([^ ]*\).*/\1/')

# ---- VXLAN, real connections --------------------------------------------------------------------

if vxlan 1 100 && vxlan 2 200; then
	way_back $ONE 2001:db8:a::10 100
	way_back $TWO 2001:db8:a::20 200
	wait_for 20 eval "[ \$(probe http ws1 $ONE 80) = passed ]"
	wait_for 20 eval "[ \$(probe http ws2 $TWO 80) = passed ]"
	is "VNI 100 reaches what its workspace may" "$(probe http ws1 $ONE 80)" passed
	is "over IPv6" "$(probe http ws1 2001:db8:a::10 80)" passed
	is "and not what the other may" "$(probe http ws1 $TWO 80)" denied
	is "VNI 200 reaches what its workspace may, from the same address" "$(probe http ws2 $TWO 80)" passed
	is "over IPv6 as well" "$(probe http ws2 2001:db8:a::20 80)" passed
	is "and not what the other may, by IPv6 either" "$(probe http ws2 2001:db8:a::10 80)" denied
	like "the denials are each workspace's own" "$(ctl denials --workspace 1002)" '10.50.0.10|fd66:50::10'
	is "many bytes in many tunnel packets come as they went" "$(in_ns net "$PYTHON" -c '
import socket
s = socket.create_server(("", 9001))
print("listening", flush=True)
c, _ = s.accept()
n = 0
while d := c.recv(65536):
    n += len(d)
print(n)' >"$lab/sink" &
		wait_for 10 grep -q listening "$lab/sink"
		head -c 5000000 /dev/zero | in_ns ws1 nc -Nw 10 $ONE 9001
		wait
		tail -n 1 "$lab/sink")" 5000000
else
	skip "VXLAN by the kernel's devices" "this kernel has none"
fi

# ---- VXLAN and Geneve, by hand ------------------------------------------------------------------

outer="--outer-src 10.66.1.10 --outer-dst 10.66.1.1"
# shellcheck disable=SC2086 # words
for type in vxlan geneve; do
	judged "$type: VNI 100 is one workspace" 1001 PASS listed-prefix --tunnel $type $outer --vni 100 --src 10.50.0.10 --dst $ONE
	judged "$type: VNI 200 is the other, to which that is denied" 1002 DROP no-match --tunnel $type $outer --vni 200 --src 10.50.0.10 --dst $ONE
	judged "$type: and what it may reach is allowed" 1002 PASS listed-prefix --tunnel $type $outer --vni 200 --src fd66:50::10 --dst 2001:db8:a::20
	judged "$type: a VNI that nobody has" 0 DROP unknown-source --tunnel $type $outer --vni 300 --src 10.50.0.10 --dst $ONE
	judged "$type: an end that is not listed" 0 DROP tunnel-remote --tunnel $type --outer-src 198.18.0.9 --outer-dst 10.66.1.1 --vni 100 --src 10.50.0.10 --dst $ONE
	judged "$type: DNS in a tunnel is not answered, and so not passed" 1001 DROP tunnel-name --tunnel $type $outer --vni 100 --src 10.50.0.10 --dst $ONE --port 53
done
# shellcheck disable=SC2086
{
	judged "geneve: each type has its own remotes" 0 DROP tunnel-remote --tunnel geneve --outer-src 10.66.1.11 --outer-dst 10.66.1.1 --vni 100 --src 10.50.0.10 --dst $ONE
	judged "geneve: an option that must be understood" 0 DROP bad-tunnel --tunnel geneve $outer --options 0102800100000000 --vni 100 --src 10.50.0.10 --dst $ONE
	judged "the same address without a tunnel is nobody's" 0 DROP unknown-source --src 10.50.0.10 --dst $ONE
}

# ---- VLANs --------------------------------------------------------------------------------------

judged "VLAN 100 is one workspace" 1001 PASS listed-prefix --vlan 100 --src 10.51.0.10 --dst $ONE
judged "VLAN 200 is the other, to which that is denied" 1002 DROP no-match --vlan 200 --src 10.51.0.10 --dst $ONE
judged "and what it may reach is allowed" 1002 PASS listed-prefix --vlan 200 --src fd66:51::10 --dst 2001:db8:a::20
judged "two tags: the inner one decides" 1001 PASS listed-prefix --vlan 300 --vlan 100 --qinq --src 10.51.0.10 --dst $ONE
judged "as the other" 1002 DROP no-match --vlan 300 --vlan 200 --qinq --src 10.51.0.10 --dst $ONE
judged "a VLAN that nobody has" 0 DROP unknown-source --vlan 400 --src 10.51.0.10 --dst $ONE
judged "no tag at all" 0 DROP unknown-source --src 10.51.0.10 --dst $ONE
done_testing
