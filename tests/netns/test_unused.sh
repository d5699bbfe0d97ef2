#!/bin/bash
# test_unused.sh -- which allow entries packets passed by, and when last: over swaps of policies and ends of the daemon.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

# Members of the entry whose text ends with a destination: "packets last_time rule_uid".
entry() { # DESTINATION MEMBER...
	rest GET /dbx-egress/entries | "$PYTHON" -c '
import json, sys
v = [e for e in json.load(sys.stdin)["entries"] if e["rule"].endswith(" " + sys.argv[1])]
print(*[v[0][k] for k in sys.argv[2:]] if len(v) == 1 else ["%d entries" % len(v)])' "$@"
}

unused() { # ARGUMENTS: the destinations, sorted
	ctl --json unused "$@" | jq_py '" ".join(sorted(e["rule"].split()[-1] for e in d["unused"]))'
}

send() { # WHERE DESTINATION COUNT: so many packets pass
	in_ns "$1" ping -q -c "$3" -i 0.02 -W 2 "$2" >>"$lab/ping.log" 2>&1
}

# The time of a second that is later than all that was written down so far.
later() {
	local now
	now=$(date +%s)
	while [ "$(date +%s)" -le "$now" ]; do
		sleep 0.05
	done
	date -u +%Y-%m-%dT%H:%M:%SZ
}

never_hit() {
	exits "unused" 0 ctl unused
	like "no packet yet: all of them, with place and age" "$out" \
		'^np-one +allowed address range 203\.0\.113\.10/32 +20[-0-9T:]+Z +0 +never +.*policy-one\.json +/egress/network_access/allowed_internet_destinations/0$'
	like "and a count" "$out" '^3 of 3 allow entries without a packet$'
	is "the same for programs" "$(unused)" "2001:db8:a::10/128 203.0.113.10/32 203.0.113.10/32"
	exits "--since that is no time" 2 ctl unused --since soon
	like "is named" "$out" "'soon'"
}

hit() {
	local first
	send ws1 203.0.113.10 5
	send ws1 203.0.113.20 3 # denied
	is "packets of an entry, exact" "$(entry 203.0.113.10/32 packets)" "2 entries"
	is "the other policy's entry says the same, and has none" "$(unused)" "2001:db8:a::10/128 203.0.113.10/32"
	send ws1 2001:db8:a::10 2
	is "IPv6" "$(entry 2001:db8:a::10/128 packets)" 2
	is "left is the other policy's" "$(ctl --json unused | jq_py '[e["policy"] for e in d["unused"]]')" "['np-two']"
	# From here on each destination is there once.
	np np-two "$(ip_ranges 192.88.99.1/32)" >"$lab/two.json"
	exits "another policy for the other workspace" 0 ctl apply "$lab/two.json"
	is "packets over that swap" "$(entry 203.0.113.10/32 packets)" 5
	first=$(entry 203.0.113.10/32 last_time)
	like "when the last one passed" "$first" '^20[-0-9T:]+Z$'
	is "asking again moves nothing" "$(entry 203.0.113.10/32 last_time)" "$first"
}

swapped() {
	local uid
	uid=$(entry 203.0.113.10/32 rule_uid)
	# The entry is another place in a longer list now.
	np np-one "$(ip_ranges 203.0.113.20/32 2001:db8:a::10/128 203.0.113.10/32 203.0.113.66/32)" >"$lab/a.json"
	exits "a policy with more entries, in another order" 0 ctl apply "$lab/a.json"
	is "the entry's packets are still its own" "$(entry 203.0.113.10/32 packets rule_uid)" "5 $uid"
	is "at its new place" "$(entry 203.0.113.10/32 pointer)" \
		/egress/network_access/allowed_internet_destinations/2
	send ws1 203.0.113.10 4
	send ws1 203.0.113.20 3
	is "it counts on" "$(entry 203.0.113.10/32 packets)" 9
	is "the new entry begins" "$(entry 203.0.113.20/32 packets)" 3
	is "unused: what was not needed" "$(unused)" "192.88.99.1/32 203.0.113.66/32"
}

since() {
	local t
	t=$(later)
	is "--since now: nothing has passed since" "$(unused --since "$t")" \
		"192.88.99.1/32 2001:db8:a::10/128 203.0.113.10/32 203.0.113.20/32 203.0.113.66/32"
	send ws1 203.0.113.10 1
	is "--since now, and a packet" "$(unused --since "$t")" \
		"192.88.99.1/32 2001:db8:a::10/128 203.0.113.20/32 203.0.113.66/32"
	is "--since 1h" "$(unused --since 1h)" "192.88.99.1/32 203.0.113.66/32"
	np np-one "$(ip_ranges 203.0.113.10/32 203.0.113.20/32 198.51.100.7/32)" >"$lab/b.json"
	exits "an entry that is new" 0 ctl apply "$lab/b.json"
	exits "unused --since" 0 ctl unused --since "$t"
	like "the new entry is marked" "$out" 'range 198\.51\.100\.7/32 +20[-0-9T:]+Z \(later\) +0 +never '
	like "an old one is not" "$out" 'range 203\.0\.113\.20/32 +20[-0-9T:]+Z +3 +20[-0-9T:]+Z '
	like "and counted" "$out" '^3 of 4 allow entries without a packet since then, 1 of them in force only later$'
	exits "from before times were written down" 0 ctl unused --since 2020-01-01
	like "says so" "$out" 'on record since 20[-0-9T:]+Z only'
	is "then all of them are in force only later" "$(ctl unused --since 2020-01-01 2>/dev/null | grep -c '(later)')" 2
}

# Policies are swapped while packets pass: each packet is counted once, by the entry that is in both.
under_load() {
	local before sent pid i
	before=$(entry 203.0.113.10/32 packets)
	(exec nsenter --net="/run/netns/$lab_prefix-ws1" ping -q -i 0.002 203.0.113.10) >"$lab/load.log" 2>&1 &
	pid=$!
	lab_pids+=("$pid")
	wait_for 20 passed_more "$before"
	for i in 1 2 3 4 5 6; do
		before=$(entry 203.0.113.10/32 packets)
		ctl apply "$lab/a.json" >/dev/null 2>&1 && wait_for 20 passed_more "$before"
		ok "swap $i: it counts on in a longer list" $?
		before=$(entry 203.0.113.10/32 packets)
		ctl apply "$lab/b.json" >/dev/null 2>&1 && wait_for 20 passed_more "$before"
		ok "swap $i: and in the other one" $?
	done
	kill -INT "$pid"
	wait "$pid"
	sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$lab/load.log")
	wait_for 20 passed_all "$sent"
	is "each packet that was sent is counted, once" "$(entry 203.0.113.10/32 packets)" "$((10 + sent))"
}

passed_more() { # THAN
	[ "$(entry 203.0.113.10/32 packets)" -gt "$1" ]
}

passed_all() { # SENT
	[ "$(entry 203.0.113.10/32 packets)" -ge "$((10 + $1))" ]
}

# Out of force and back: what passed by it is still on record.
gone_and_back() {
	exits "a policy without the entry" 0 ctl apply "$lab/without.json"
	is "it is no entry any more" "$(entry 203.0.113.10/32 packets)" "0 entries"
	send ws1 203.0.113.10 2 # denied
	exits "back again" 0 ctl apply "$lab/b.json"
	is "with what it had" "$(entry 203.0.113.10/32 packets)" "$1"
}

ended() {
	local t last had=$1
	send ws1 203.0.113.10 2
	last=$(entry 203.0.113.10/32 last_time)
	t=$(later)
	daemon_kill
	send ws1 203.0.113.10 3
	daemon_start || return
	is "kill -9: packets go on while nobody looks" "$(entry 203.0.113.10/32 packets)" $((had + 5))
	is "and were seen" "$(unused --since "$t")" "192.88.99.1/32 198.51.100.7/32 203.0.113.20/32"
	daemon_stop
	daemon_start || return
	is "a stop and a start" "$(entry 203.0.113.10/32 packets)" $((had + 5))
	unlike "the time went on" "$(entry 203.0.113.10/32 last_time)" "^$last\$"
	is "packets of the entry are those of stats" "$(ctl --json stats | jq_py \
		'sum(r["packets"] for r in d["rows"] if r["verdict"] == "PASS" and str(r["rule"]).endswith(" 203.0.113.10/32"))')" $((had + 5))
}

# Everything in the kernel, and in the process, is lost, as by a reboot: counters begin at nothing, times are kept.
rebooted() {
	local last
	last=$(entry 203.0.113.10/32 last_time)
	daemon_stop
	rm -rf "$lab/bpf/dbx-egress"
	dpdk_end KILL
	daemon_start || return
	wait_for 20 ctl unused
	is "after a reboot there is no packet" "$(entry 203.0.113.10/32 packets)" 0
	is "but the time of the last one" "$(entry 203.0.113.10/32 last_time)" "$last"
	is "so that the entry is not unused" "$(unused)" "192.88.99.1/32 198.51.100.7/32"
	send ws1 203.0.113.10 1
	is "and it counts again" "$(entry 203.0.113.10/32 packets)" 1
}

lab_begin
daemon_start || { not_ok "the daemon starts"; done_testing; }
small_world "$lab"
exits "unused before the first apply" 1 ctl unused
like "says so" "$out" 'nothing has been applied'
exits "apply" 0 ctl apply "$lab/world"
np np-one "$(ip_ranges 203.0.113.20/32)" >"$lab/without.json"
never_hit
hit
swapped
since
under_load
had=$(entry 203.0.113.10/32 packets)
gone_and_back "$had"
ended "$had"
rebooted
[ -z "${KEEP:-}" ] || { ctl unused; cat "$lab/daemon.log" "$lab/ping.log"; }
done_testing
