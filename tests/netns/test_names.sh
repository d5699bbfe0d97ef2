#!/bin/bash
# test_names.sh -- names end to end: DNS, TLS and addresses decide together, on real sockets.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

dns() {
	like "an allowed name is answered" "$(names_address ws1 good.test)" "^$NAMES_SHARED\$"
	like "by TCP too" "$(in_ns ws1 dig +tcp +short +time=3 +tries=1 @198.51.100.53 good.test)" \
		"^$NAMES_SHARED\$"
	like "by IPv6 too" "$(in_ns ws1 dig +short +time=3 +tries=1 @2001:db8:53::53 good.test)" \
		"^$NAMES_SHARED\$"
	like "and its IPv6 address" "$(names_address ws1 good.test AAAA)" "^$NAMES_SHARED6\$"
	local answer
	answer=$(in_ns ws1 dig +time=3 +tries=1 @198.51.100.53 other.test)
	like "a name that is not listed: NXDOMAIN" "$answer" 'status: NXDOMAIN'
	like "with the reason" "$answer" 'EDE: 17 \(Filtered\)'
	unlike "and upstream heard nothing of it" "$(cat "$lab/unbound.log")" 'other\.test'
	like "the denial has the name" "$(sleep 0.5 && ctl denials)" 'dns-denied.*other\.test'
}

tls() {
	like "an allowed name passes" "$(names_get ws1 good.test $NAMES_SHARED)" '^good\.test$'
	like "and by IPv6" "$(names_get ws1 good.test "[$NAMES_SHARED6]")" '^good\.test$'
	in_ns_background gw tcpdump -ni wan -s 0 -U -w "$lab/wan.pcap" tcp port 443
	sleep 1
	local t0=$SECONDS
	names_get ws1 other.test $NAMES_SHARED >/dev/null
	is "another name at the same address is refused" $? 35
	[ $((SECONDS - t0)) -le 1 ]
	ok "at once" $?
	sleep 1
	unlike "no ClientHello has left" "$(tcpdump -nr "$lab/wan.pcap" -A 2>/dev/null)" 'other\.test'
	unlike "no byte of it" "$(tcpdump -nr "$lab/wan.pcap" "dst host $NAMES_SHARED" 2>/dev/null)" \
		'length [1-9]'
	like "the server was told" "$(tcpdump -nr "$lab/wan.pcap" "dst host $NAMES_SHARED" 2>/dev/null)" 'Flags \[R'
	like "the denial says why" "$(ctl denials)" 'name-mismatch.*other\.test'
	names_get ws1 good.test $NAMES_FAR -m 2 >/dev/null
	is "an address that was not learned, with a listed name" $? 28
	like "it is not known" "$(ctl denials --reason name-not-learned)" "$NAMES_FAR"
	like "names lists what was learned" "$(ctl names)" "np-one +good.test +$NAMES_SHARED "
}

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
names_documents
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || sed 's/^/# /' "$lab/apply.out"
dns
tls
[ -z "${KEEP:-}" ] || { ctl status; ctl stats; ctl denials; cat "$lab/daemon.log"; }
done_testing
