#!/bin/bash
# test_replay_wire.sh -- a capture sent over a wire, and replayed: the same packets meet the same reasons.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2317 # wait_for calls functions
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

# "VERDICT REASON" and packets, a line each, in order.
counted() {
	ctl --json stats | "$PYTHON" -c '
import collections, json, sys
n = collections.Counter()
for r in json.load(sys.stdin)["rows"]:
    n[r["verdict"], r["reason"]] += r["packets"]
for k in sorted(n):
    print(*k, n[k])'
}
# The same of lines that joined before and after.
grown() { # BEFORE AFTER
	awk 'FILENAME == ARGV[1] { had[$1 " " $2] = $3; next } $3 - had[$1 " " $2] { print $1, $2, $3 - had[$1 " " $2] }' "$@"
}
sum() { awk '{ n += $3 } END { print n + 0 }'; }
all_counted() { # BEFORE WANTED
	counted >"$lab/after"
	[ "$(grown "$1" "$lab/after" | sum)" -ge "$2" ]
}
quiet() {
	counted >"$lab/one"
	sleep 1
	counted >"$lab/two"
	cmp -s "$lab/one" "$lab/two"
}

lab_begin
mkdir "$lab/rules"
cp rules/demo/before/*.json "$lab/rules"
daemon_start || { not_ok "the daemon starts"; done_testing; }
exits "apply" 0 ctl apply "$lab/rules" rules/feeds/azure-public.json.gz
# Nobody but the test sends.
for ns in ws1 ws2; do
	in_ns $ns sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	in_ns $ns ip link set eth0 arp off
done
wait_for 20 quiet || not_ok "the wire is quiet"

# net_pcap has room for 32 frames, and says nothing of what it loses: it gets fewer of them, 16 at a time.
# (All captures go through its files: test_dpdk_replay.)
[ -z "${LAB_DPDK:-}" ] || DBX_DATA=
mapfile -t captures < <(find tests/data/pcap tests/data/dns ${DBX_DATA:+"$DBX_DATA"} -name '*.pcap' | sort)
n=$("$PYTHON" tests/netns/replay_frames.py gather "$lab/all.pcap" \
	10.66.1.10 fd66:1::10 203.0.113.10 2001:db8:a::10 "${captures[@]}")
[ "$n" -gt 300 ] || not_ok "the captures have frames" "$n"
counted >"$lab/before"
is "all are sent" "$(in_ns ws1 "$PYTHON" tests/netns/replay_frames.py send eth0 "$lab/all.pcap" \
	${LAB_DPDK:+16 "$lab/socket"})" "$n"
wait_for 20 all_counted "$lab/before" "$n"
grown "$lab/before" "$lab/after" >"$lab/wire"

"$build/dbx-egressctl" replay --json "$lab/all.pcap" \
	--policy "$lab/rules" --policy rules/feeds/azure-public.json.gz >"$lab/replay.json"
"$PYTHON" -c '
import json, sys
for k in sorted((r["verdict"], r["reason"], r["packets"]) for r in json.load(sys.stdin)["counts"]["by_reason"]):
    print(*k)' <"$lab/replay.json" >"$lab/paper"
sed 's/^/# /' "$lab/paper"
is "each packet is counted once" "$(sum <"$lab/wire")" "$n"
is "replay judges them all" "$(sum <"$lab/paper")" "$n"
is "verdicts and reasons on the wire and in replay" "$(cat "$lab/wire")" "$(cat "$lab/paper")"
like "something passes" "$(cat "$lab/wire")" '^PASS listed-prefix '
done_testing
