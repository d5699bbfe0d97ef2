#!/bin/bash
# test_paths.sh -- each path leaves by its own uplink with its own address, and stays so.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
#
# PATHS_MB: megabytes that go over each path each way (50).
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh
. tests/netns/paths.sh

for tool in tcpdump nft ethtool; do
	command -v $tool >/dev/null || skip_all "no $tool; make deps installs it"
done

# ---- what the kernel has ------------------------------------------------------------------------

table() { in_ns gw nft -s list table inet dbx_egress 2>&1; }
rules() { in_ns gw sh -c 'ip rule show; ip -6 rule show' | grep 'proto 219'; }
routes() {
	in_ns gw sh -c 'ip route show table all proto 219; ip -6 route show table all proto 219' | sort
}
foreign_table() { in_ns gw nft -s list table inet operator 2>&1; }
# All but ours: rules, routes of the host's tables, tables of others.
foreign() {
	foreign_table
	in_ns gw sh -c 'ip rule show; ip -6 rule show' | grep -v 'proto 219'
	in_ns gw sh -c 'ip route show table all; ip -6 route show table all' | grep -v 'proto 219' |
		grep -Ev '^(local|broadcast|multicast|anycast|ff00|fe80|unreachable default dev lo)' | sort
}

is_as() { # FUNCTION FILE
	[ "$("$1")" = "$(cat "$2")" ]
}

back() { # WHAT FUNCTION: comes back to what it was
	if wait_for 20 is_as "$2" "$lab/good.$2"; then
		ok "$1"
	else
		not_ok "$1" "$(diff <("$2") "$lab/good.$2"; tail -n 5 "$lab/daemon.log")"
	fi
}

apply() { # WHAT FILE...
	local what=$1
	shift
	exits "$what" 0 ctl apply "$@"
}

answers() { # WHAT WHERE ADDRESS WANTED
	# The first packet may meet a neighbour that is still being resolved.
	wait_for 10 eval "[ \"\$(paths_asks $2 $3)\" = '$4' ]"
	is "$1" "$(paths_asks "$2" "$3")" "$4"
}

# ---- captures -----------------------------------------------------------------------------------

capture_pids=()
capture_start() {
	local p
	capture_pids=()
	for p in $PATHS; do
		: >"$lab/$p.cap.err"
		(exec nsenter --net="/run/netns/$lab_prefix-$p" tcpdump -nnli eth0 --immediate-mode -Q in \
			'not icmp6 and (ip or ip6)') >"$lab/$p.cap" 2>"$lab/$p.cap.err" &
		capture_pids+=($!)
	done
	for p in $PATHS; do
		wait_for 20 grep -q 'listening on' "$lab/$p.cap.err"
	done
}

capture_stop() {
	local pid
	for pid in "${capture_pids[@]}"; do
		kill -INT "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
}

# Sources that came in at a far side: "IP 203.0.113.101.4711 > ..." and the same with IP6.
sources() { # PATH
	awk '$2 == "IP" { sub(/\.[0-9]+$/, "", $3); print $3 } $2 == "IP6" { sub(/\.[0-9]+$/, "", $3); print $3 }' \
		"$lab/$1.cap" | sort -u | paste -sd' '
}

# ---- the lab ------------------------------------------------------------------------------------

lab_begin
paths_up || { not_ok "the uplinks are there"; done_testing; }
paths_servers_start || { not_ok "the servers start" "$(cat "$lab"/*.log)"; done_testing; }
paths_documents "$lab/docs"
# What an operator may have: a table of the same hooks, a masquerade, rules and a table of their own.
in_ns gw nft -f - <<'END'
table inet operator {
	set seen { type ipv4_addr; elements = { 192.0.2.77 } }
	chain after { type nat hook postrouting priority srcnat; policy accept; oifname "up-*" masquerade; }
	chain through { type filter hook forward priority filter; policy accept; ip saddr @seen counter drop; }
}
END
in_ns gw ip rule add fwmark 0x77 table 77 prio 54
in_ns gw ip route add 192.0.2.128/25 via $TOPO_WAN_NET4 table 77
foreign >"$lab/good.foreign"

daemon_start || { not_ok "the daemon starts"; done_testing; }
apply "paths of the gateway document are put in force" "$lab/docs"

# ---- each by its own uplink, with its own address -------------------------------------------------

capture_start
for p in $PATHS; do
	answers "$p: over IPv4 by its uplink, with its address" "$(paths_from "$p")" "${PATHS_V4[$p]}" \
		"$p $(paths_src4 "$p")"
	answers "$p: over IPv6" "$(paths_from "$p")" "${PATHS_V6[$p]}" "$p $(paths_src6 "$p")"
done
mb=${PATHS_MB:-50}
sum=$(sha256sum <"$lab/www/big")
for p in $PATHS; do
	from=$(paths_from "$p")
	is "$p: $mb MB go out intact" \
		"$(in_ns "$from" "$PYTHON" tests/netns/transfer.py send "${PATHS_V4[$p]}" 9000 "$mb")" intact
	is "$p: $mb MB come back intact, over IPv6" \
		"$(in_ns "$from" curl -sm 120 "$(url "${PATHS_V6[$p]}" 80)big" | sha256sum)" "$sum"
done
capture_stop
for p in $PATHS; do
	is "$p: on the far side no other address was seen" "$(sources "$p")" \
		"$(printf '%s\n%s\n' "$(paths_src6 "$p")" "$(paths_src4 "$p")" | sort | paste -sd' ')"
done
like "status names the paths" "$(ctl status)" "nat .*up-nat .*$(paths_src4 nat).* up +up"
like "and warns of an address that no interface has" "$(ctl status)" "no interface has .*$(paths_src4 pe)"

# ---- path MTU -----------------------------------------------------------------------------------

is "a link that is narrow further on: the ICMP error finds its way back" \
	"$(in_ns ws1 "$PYTHON" tests/netns/transfer.py send $PATHS_BEYOND 9000 1)" intact
is "over IPv6 too" "$(in_ns ws1 "$PYTHON" tests/netns/transfer.py send $PATHS_BEYOND6 9000 1)" intact
like "by path MTU discovery" "$(in_ns ws1 ip route get $PATHS_BEYOND)" 'mtu 1300'
like "of both families" "$(in_ns ws1 ip -6 route get $PATHS_BEYOND6)" 'mtu 1300'
in_ns gw ip link set up-nat mtu 1400
is "an uplink that is narrow: the gateway says so" \
	"$(in_ns ws1 "$PYTHON" tests/netns/transfer.py send "${PATHS_V4[nat]}" 9000 1)" intact
like "by path MTU discovery" "$(in_ns ws1 ip route get "${PATHS_V4[nat]}")" 'mtu 1400'
in_ns gw ip link set up-nat mtu 1500

# ---- others meddle ------------------------------------------------------------------------------

for what in table rules routes; do
	$what >"$lab/good.$what"
done
in_ns gw nft delete table inet dbx_egress
back "the table comes back when it is deleted" table
in_ns gw nft add rule inet dbx_egress sources meta mark set 0
back "and when a rule is added to it" table
in_ns gw nft flush chain inet dbx_egress leave
back "and when a chain is flushed" table
in_ns gw ip rule del fwmark 0x0db60000/0xffff0000 prio 55
back "a rule comes back" rules
in_ns gw sh -c 'ip route flush table all proto 219; ip -6 route flush table all proto 219'
back "routes come back" routes
answers "and all works as before" ws1 "${PATHS_V4[nat]}" "nat $(paths_src4 nat)"
like "it is told how often" "$(ctl --json status | jq_py 'd["paths"]["restored"] >= 5')" True
is "rules, routes and tables of others are as they were" "$(foreign)" "$(cat "$lab/good.foreign")"

# ---- an uplink goes: what it would carry is refused, and takes no other way ---------------------------

is_denied() { ! paths_asks "$1" "$2" >/dev/null; }

in_ns gw ip link set up-pe down
wait_for 20 eval '[ "$(ctl --json status | jq_py "d[\"paths\"][\"routes\"][2][\"ipv4\"]")" = down ]'
is "an uplink that is down is reported" \
	"$(ctl --json status | jq_py '[r["ipv4"] for r in d["paths"]["routes"]]')" "['up', 'up', 'down', 'up']"
exits "what would leave by it is refused at once, though the host has a default route" 7 \
	in_ns ws1 curl -sm 5 "$(url "${PATHS_V4[pe]}" 80)"
in_ns gw ip link set up-pe up
topo_addr "$lab_prefix-gw" up-pe fd66:f3::1/64 # went with the link
back "when it is up again its routes are there" routes
answers "and lead there" ws1 "${PATHS_V4[pe]}" "pe $(paths_src4 pe)"
if in_ns gw ip link del up-se && wait_for 20 is_denied ws1 "${PATHS_V4[se]}"; then
	ok "an uplink that is gone carries nothing"
else
	not_ok "an uplink that is gone carries nothing" "$(paths_asks ws1 "${PATHS_V4[se]}")"
fi
topo_pair "$lab_prefix-se" eth0 "$lab_prefix-gw" up-se
topo_link_up "$lab_prefix-se" eth0
topo_link_up "$lab_prefix-gw" up-se
paths_far se 2>/dev/null
answers "and works again when it is made again" ws1 "${PATHS_V4[se]}" "se $(paths_src4 se)"

# ---- another generation -------------------------------------------------------------------------

in_ns ws1 ping -i 0.02 -c 400 -q "${PATHS_V4[se]}" >"$lab/ping.log" 2>&1 &
ping_pid=$!
paths_gateway '' "$(paths_route service_endpoint se),$(paths_route private_endpoint pe),$(paths_route firewall fw),$(paths_route nat pe)" \
	>"$lab/moved.json"
apply "the NAT path is given the other uplink" "$lab/moved.json"
answers "new connections leave by that" ws1 "${PATHS_V4[nat]}" "pe $(paths_src4 pe)"
apply "and its own again" "$lab/docs/gateway.json"
answers "and come back" ws1 "${PATHS_V4[nat]}" "nat $(paths_src4 nat)"
wait $ping_pid
like "a path that was not changed lost nothing over both" "$(cat "$lab/ping.log")" \
	'400 packets transmitted, 400 received'
table >"$lab/good.table"
routes >"$lab/good.routes"
bad=$(jq_py 'json.dumps([d["gateway"]["paths"][0].update(next_hops=["203.0.113.1", "203.0.113.2"]), d][1])' <"$lab/docs/gateway.json")
echo "$bad" >"$lab/bad.json"
exits "a document with two next hops of a family is refused" 1 ctl apply "$lab/bad.json"
is "and changes nothing" "$(table; routes)" "$(cat "$lab/good.table" "$lab/good.routes")"

# ---- the daemon ends, paths do not ----------------------------------------------------------------

daemon_kill
answers "with the daemon gone each path works" ws1 "${PATHS_V4[nat]}" "nat $(paths_src4 nat)"
daemon_start
is "the next one leaves all as it is" "$(table; routes)" "$(cat "$lab/good.table" "$lab/good.routes")"
answers "and each path works" ws2 "${PATHS_V6[fw]}" "fw $(paths_src6 fw)"
daemon_stop
exits "uninstall ends it" 0 \
	in_ns gw "$build/dbx-egressd" --uninstall --state-dir "$lab/state" --pin-dir "$lab/bpf/dbx-egress"
like "our table is gone" "$(table)" 'No such file'
is "so are rules and routes" "$(rules; routes)" ""
is "what others made is as it was" "$(foreign)" "$(cat "$lab/good.foreign")"
done_testing
