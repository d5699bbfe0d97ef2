#!/bin/bash
# test_retry.sh -- HelloRetryRequest on the wire: real clients pass, a second name is refused.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
#
# OpenSSL's server wants P-256 and its clients offer X25519 first, so each connection has two hellos. The
# server writes down the name of every hello that it gets. It serves one certificate to good.test and
# another to other.test, at one address.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"

# Names live as long as the test.
eval "$(declare -f names_unbound_config | sed 's/test\. 1 IN/test. 900 IN/')"

tls_servers() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other.test -keyout "$lab/tls.key" \
		-out "$lab/tls.crt" 2>/dev/null || return 1
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=good.test -keyout "$lab/good.key" \
		-out "$lab/good.crt" 2>/dev/null || return 1
	names_unbound_config >"$lab/unbound.conf"
	in_ns_background net unbound -d -c "$lab/unbound.conf"
	in_ns_background net stdbuf -oL openssl s_server -accept "$NAMES_SHARED:443" -groups P-256 -www \
		-cert "$lab/tls.crt" -key "$lab/tls.key" -servername good.test \
		-cert2 "$lab/good.crt" -key2 "$lab/good.key"
	# One that takes early data reads from its input for as long as it lives.
	mkfifo "$lab/input" && exec 9<>"$lab/input"
	in_ns_background net sh -c "exec openssl s_server -accept $NAMES_FAR:443 -early_data \
		-cert '$lab/tls.crt' -key '$lab/tls.key' -groups P-256:X25519 <'$lab/input'"
	wait_for 10 in_ns net dig +short +time=1 +tries=1 @$NAMES_SERVER good.test &&
		wait_for 10 in_ns net curl -skm 2 "https://$NAMES_SHARED/"
}

names_heard() { # SINCE: the names that the server was told behind that line of its words
	tail -n "+$(($1 + 1))" "$lab/background.log" | sed -n 's/^Hostname in TLS extension: "\(.*\)"$/\1/p'
}

lines() {
	wc -l <"$lab/background.log"
}

hears() { # SINCE EXPECTED
	[ "$(names_heard "$1" | tr '\n' ' ')" = "$2" ]
}

# What OpenSSL's server does without a gateway; or else the rest proves nothing.
control() {
	local n
	n=$(lines)
	is "without a gateway the server takes a second name" \
		"$(in_ns net "$PYTHON" tests/netns/two_hellos.py $NAMES_SHARED good.test other.test)" hello
	wait_for 20 hears "$n" "good.test other.test "
	is "and hears both" "$(names_heard "$n" | tr '\n' ' ')" "good.test other.test "
}

honest() {
	like "curl gets its page, with two hellos" \
		"$(in_ns ws1 curl -skm 20 --resolve "good.test:443:$NAMES_SHARED" https://good.test/)" \
		'TLSv1\.3'
	in_ns ws1 timeout 30 openssl s_client -connect "$NAMES_SHARED:443" -servername good.test \
		-groups X25519:P-256 -msg </dev/null >"$lab/client" 2>&1
	is "OpenSSL's client said two" "$(grep -c '^>>> .*ClientHello' "$lab/client")" 2
	like "and was served" "$(cat "$lab/client")" 'subject=CN = good\.test'
	in_ns ws1 timeout 30 openssl s_client -connect "$NAMES_SHARED:443" -servername good.test \
		-groups P-256 -msg </dev/null >"$lab/client" 2>&1
	is "with the right share it says one" "$(grep -c '^>>> .*ClientHello' "$lab/client")" 1
	like "and is served" "$(cat "$lab/client")" 'subject=CN = good\.test'
	in_ns ws1 timeout 30 openssl s_client -connect "$NAMES_SHARED:443" -servername good.test \
		-tls1_2 -msg </dev/null >"$lab/client" 2>&1
	like "TLS 1.2 passes as ever" "$(cat "$lab/client")" 'Verify return code'
	like "by 1.2" "$(cat "$lab/client")" 'New, TLSv1\.2'
}

# A ticket of the server's, which comes behind the handshake: the client ends when it has it.
session() {
	rm -f "$lab/session"
	(
		wait_for 20 test -s "$lab/session"
	) | in_ns ws1 timeout 30 openssl s_client -connect "$NAMES_FAR:443" -servername far.test \
		-groups X25519 -sess_out "$lab/session" >"$lab/client" 2>&1
	test -s "$lab/session"
}

# Resumed with early data; with the groups of the second, the server asks again and drops the data.
early() {
	echo "early words" >"$lab/early"
	session
	ok "the server gave a session" $?
	in_ns ws1 timeout 30 openssl s_client -connect "$NAMES_FAR:443" -servername far.test \
		-groups X25519 -sess_in "$lab/session" -early_data "$lab/early" -msg </dev/null \
		>"$lab/client" 2>&1
	like "early data passes" "$(cat "$lab/client")" 'Early data was accepted'
	session
	in_ns ws1 timeout 30 openssl s_client -connect "$NAMES_FAR:443" -servername far.test \
		-groups P-384:X25519 -sess_in "$lab/session" -early_data "$lab/early" -msg </dev/null \
		>"$lab/client" 2>&1
	is "with early data in front, two hellos" "$(grep -c '^>>> .*ClientHello' "$lab/client")" 2
	like "the data was dropped" "$(cat "$lab/client")" 'Early data was rejected'
	like "and the handshake went on" "$(cat "$lab/client")" '^(New|Reused), TLSv1\.3'
}

hostile() {
	local n how
	for how in '' early; do
		n=$(lines)
		is "a second name is refused ${how:+behind a ChangeCipherSpec}" \
			"$(in_ns ws1 "$PYTHON" tests/netns/two_hellos.py $NAMES_SHARED good.test other.test $how)" reset
		wait_for 20 hears "$n" "good.test "
		is "the server never hears it" "$(names_heard "$n" | tr '\n' ' ')" "good.test "
	done
	n=$(lines)
	is "the same name is not" \
		"$(in_ns ws1 "$PYTHON" tests/netns/two_hellos.py $NAMES_SHARED good.test good.test)" hello
	wait_for 20 sh -c "'$build/dbx-egressctl' --socket '$lab/socket' denials | grep -q 'name-mismatch.*other.test'"
	like "the denial has the second name" "$(ctl denials)" 'name-mismatch.*other\.test'
	unlike "which is nowhere on the wire" "$(tcpdump -nr "$lab/wan.pcap" -A 2>/dev/null)" 'other\.test'
	like "and the server was told" \
		"$(tcpdump -nr "$lab/wan.pcap" "dst host $NAMES_SHARED" 2>/dev/null)" 'Flags \[R'
}

tls_servers || { sed 's/^/# /' "$lab/background.log"; exit 1; }
control
names_documents
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || sed 's/^/# /' "$lab/apply.out"
wait_for 20 names_address ws1 good.test
wait_for 20 names_address ws1 far.test
honest
early
in_ns_background gw tcpdump --immediate-mode -ni wan -s 0 -U -w "$lab/wan.pcap" tcp port 443
wait_for 10 test -s "$lab/wan.pcap"
hostile
[ -z "${KEEP:-}" ] || { ctl status; ctl denials; cat "$lab/daemon.log" "$lab/background.log"; }
done_testing
