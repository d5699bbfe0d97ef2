#!/bin/bash
# test_forward.sh -- packets that are redirected past the host's stack arrive as if it had forwarded them.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

for tool in tcpdump nft ethtool; do
	command -v $tool >/dev/null || skip_all "no $tool; make deps installs it"
done

A4=203.0.113.10 A6=2001:db8:a::10

# Packets of workloads that the stack forwarded so far.
by_stack() {
	in_ns gw nft list chain inet look through | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'
}

sends() { # ADDRESS MEGABYTES
	in_ns ws1 "$PYTHON" tests/netns/transfer.py send "$1" 9000 "$2"
}

# Sends and says how much of it went through the stack: "few" is what neighbours or timers may cause.
sends_past_stack() { # ADDRESS
	local before n
	before=$(by_stack)
	[ "$(sends "$1" 5)" = intact ] || { echo spoiled; return; }
	n=$(($(by_stack) - before))
	if [ $n -le 20 ]; then echo few; else echo "$n"; fi
}

# Once the neighbour is known, and whoever forwards has been told.
is_fast() { [ "$(sends_past_stack "$1")" = few ]; }

apply() { # WHAT STATEMENT
	world_gateway "$lab" "$2"
	exits "$1" 0 ctl apply "$lab/world"
}

lab_begin
in_ns gw nft -f - <<'END'
table inet look {
	chain through { type filter hook forward priority 0; policy accept; iifname "ws1" counter; }
}
END
# A veth takes redirected frames when the other end polls (NAPI).
in_ns net ethtool -K eth0 gro on || skip_all "no veth here takes redirected frames"
# A frame of a network has its checksum; one that came over a veth from this very kernel may not yet,
# and only the stack would know.
in_ns ws1 ethtool -K eth0 tx off >/dev/null
in_ns_background net "$PYTHON" tests/netns/transfer.py serve 9000
wait_for 10 in_ns net sh -c 'ss -ltnH | grep -q :9000'
small_world "$lab"
daemon_start || { not_ok "the daemon starts"; done_testing; }
apply "without fast forward" 'g.pop("fast_forward", None)'
is "bytes arrive intact" "$(sends $A4 1)" intact
unlike "through the stack" "$(by_stack)" '^[0-9]$'

apply "with it" 'g["fast_forward"] = {"interfaces": ["wan", "ghost"]}'
like "status tells of it" "$(ctl --json status | jq_py 'd["fast_forward"]["interfaces"]')" "'wan', 'ifindex': [1-9].*'ghost', 'ifindex': 0"
if ! wait_for 20 is_fast $A4; then
	not_ok "packets go past the stack" "$(sends_past_stack $A4) $(tail -n 3 "$lab/daemon.log")"
	done_testing
fi
is "5 MB arrive intact, past the stack" "$(sends_past_stack $A4)" few
wait_for 20 is_fast $A6
is "over IPv6 too" "$(sends_past_stack $A6)" few
is "what is denied stays so" "$(probe icmp ws1 198.51.100.66)" denied

(exec nsenter --net="/run/netns/$lab_prefix-net" tcpdump -nnvli eth0 --immediate-mode -Q in \
	'icmp or icmp6[0] = 128') >"$lab/net.cap" 2>"$lab/net.err" &
lab_pids+=($!)
wait_for 20 grep -q 'listening on' "$lab/net.err"
in_ns ws1 ping -c 1 -W 3 -t 9 $A4 >/dev/null
in_ns ws1 ping -c 1 -W 3 -t 9 $A6 >/dev/null
if wait_for 20 eval 'grep -q "ttl 8," "$lab/net.cap" && grep -q "hlim 8," "$lab/net.cap"'; then
	ok "with one hop less to go"
else
	not_ok "with one hop less to go" "$(cat "$lab/net.cap")"
fi
like "the last hop is told by the stack" "$(in_ns ws1 ping -c 1 -W 3 -t 1 $A4)" 'From 10.66.1.1 .*Time to live exceeded'

in_ns gw ip link set wan mtu 1400
is "a narrow way out: the stack tells" "$(sends $A4 2)" intact
is "over IPv6 too" "$(sends $A6 2)" intact
like "by path MTU discovery" "$(in_ns ws1 ip route get $A4)" 'mtu 1400'
like "of both families" "$(in_ns ws1 ip -6 route get $A6)" 'mtu 1400'
wait_for 20 is_fast $A4
is "and then packets go past the stack again" "$(sends_past_stack $A4)" few
in_ns gw ip link set wan mtu 1500

apply "no fast forward any more" 'del g["fast_forward"]'
unlike "the stack has them again" "$(sends_past_stack $A4)" 'few|spoiled'
done_testing
