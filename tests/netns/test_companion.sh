#!/bin/bash
# test_companion.sh -- somebody removes what carries queries to the resolver: none of them gets past it.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
#
# A workload asks an outside server that would answer, all the time, by UDP and TCP, IPv4 and IPv6.
# What a hostile root could remove from the gateway is removed, and given back by the daemon alone. A
# query that got past the resolver would be seen on the wire to the outside, or by the server.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"

# One that would answer whatever reaches it, at addresses that the queries are sent to.
OUTSIDE4=198.51.100.66 OUTSIDE6=2001:db8:bad::66

ask() { # UDP|TCP ADDRESS: the resolver's answer, or nothing
	local more=+notcp
	[ "$1" = UDP ] || more=+tcp
	in_ns ws1 dig +short +time=1 +tries=1 "$more" "@$2" good.test 2>/dev/null | grep -E '^[0-9.]+$'
}

all_ask() {
	[ "$(ask UDP $OUTSIDE4)" = $NAMES_SHARED ] && [ "$(ask TCP $OUTSIDE4)" = $NAMES_SHARED ] &&
		[ "$(ask UDP $OUTSIDE6)" = $NAMES_SHARED ] && [ "$(ask TCP $OUTSIDE6)" = $NAMES_SHARED ]
}

queries_start() { # a steady stream, for as long as the lab lasts
	in_ns_background ws1 python3 tests/netns/dns_stream.py good.test "$lab/asked" $OUTSIDE4 $OUTSIDE6
}

asked() {
	cat "$lab/asked" 2>/dev/null || echo 0
}

more_asked() { # SINCE: 200 more have been sent
	[ "$(asked)" -ge $(($1 + 200)) ]
}

escaped() { # packets to the outside server that a workload sent
	tcpdump -nr "$lab/wan.pcap" "src net 10.66.0.0/16 or src net fd66:1::/64 or src net fd66:2::/64" 2>/dev/null
}

# Removes it under the stream, again and again, so that there is always a while without; then it
# must come back, by itself.
removed() { # WHAT COMMAND...
	local what=$1 since
	shift
	since=$(asked)
	"$@"
	ok "$what: removed" $?
	local n=0
	until more_asked "$since"; do
		"$@" 2>/dev/null
		sleep 0.02
		n=$((n + 1))
		[ $n -lt 1500 ] || break
	done
	more_asked "$since"
	is "$what: queries went on" $? 0
	none "$what: not one got past the resolver" "$(escaped | head -5)"
	wait_for 30 all_ask
	is "$what: the daemon gives it back" $? 0
	none "$what: nor meanwhile" "$(escaped | head -5)"
}

no_clsact() { in_ns gw tc qdisc del dev ws1 clsact; }
no_ingress() { in_ns gw tc filter del dev ws1 ingress; }
no_rule() {
	in_ns gw ip rule del fwmark 0x0db50053 && in_ns gw ip -6 rule del fwmark 0x0db50053
}
no_table() {
	in_ns gw ip route flush table 3509 && in_ns gw ip -6 route flush table 3509
}

# The XDP link of ws1: another number means that it was off for a while.
link_id() {
	bpftool link show pinned "$lab"/bpf/dbx-egress/*ws1 | sed -n 's/^\([0-9]*\): xdp.*/\1/p'
}

names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
names_documents
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || sed 's/^/# /' "$lab/apply.out"
in_ns_background net unbound -d -c <(names_unbound_config |
	sed "s/interface: .*/interface: $OUTSIDE4\n interface: $OUTSIDE6\n access-control: ::\/0 allow/; s/unbound\.\(pid\|log\)/outside.\1/")
wait_for 20 in_ns net dig +short +time=1 +tries=1 @$OUTSIDE4 good.test
wait_for 20 in_ns net dig +short +time=1 +tries=1 @$OUTSIDE6 good.test
is "the outside server would answer" $? 0
: >"$lab/outside.log"
wait_for 20 all_ask
is "the resolver answers in its place" $? 0
in_ns_background gw tcpdump -ni wan -s 128 -U -w "$lab/wan.pcap" \
	"host $OUTSIDE4 or host $OUTSIDE6"
wait_for 10 test -s "$lab/wan.pcap"
queries_start
wait_for 20 more_asked 0
is "queries are under way" $? 0
link=$(link_id)
like "XDP is linked" "$link" '^[0-9]+$'
removed "the clsact qdisc" no_clsact
removed "the filter" no_ingress
removed "the rule" no_rule
removed "its table" no_table
is "XDP was on all the time" "$(link_id)" "$link"
wait_for 20 in_ns gw dig +time=1 +tries=1 @$OUTSIDE4 good.test
wait_for 10 sh -c "tcpdump -nr '$lab/wan.pcap' src host 192.0.2.1 2>/dev/null | grep -q good.test"
is "the capture sees what does go out: the gateway's own query" $? 0
is "the outside server has heard nothing else" "$(grep -cE ' (10\.66|fd66)[^ ]* good.test' "$lab/outside.log")" 0
like "but the gateway" "$(cat "$lab/outside.log")" '192\.0\.2\.1 good\.test'
[ "$(in_ns ws1 dig +short +time=1 +tries=1 @$OUTSIDE4 good.test | head -1)" = $NAMES_SHARED ]
is "and in the end all is as before" $? 0
[ -z "${KEEP:-}" ] || { ctl status; ctl stats; cat "$lab/daemon.log" "$lab/background.log"; }
done_testing
