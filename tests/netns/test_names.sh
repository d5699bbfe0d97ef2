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

# An address expires within two seconds: looked up and tried until the hello is what is judged.
passes() { # ADDRESS A|AAAA
	names_address ws1 good.test "$2" >/dev/null
	[ "$(names_get ws1 good.test "$1")" = good.test ]
}

refused() {
	names_address ws1 good.test >/dev/null
	names_get ws1 other.test $NAMES_SHARED
	[ $? -eq 35 ]
}

refused_by_v6() {
	names_address ws1 good.test AAAA >/dev/null
	names_get ws1 other.test "[$NAMES_SHARED6]"
	[ $? -eq 35 ]
}

wan_v6() {
	tcpdump -nr "$lab/wan.pcap" "ip6 and dst host $NAMES_SHARED6" 2>/dev/null
}

told_v6() {
	wan_v6 | grep -q 'Flags \[R'
}

tls_v6() {
	wait_for 20 refused_by_v6
	ok "by IPv6 another name is refused as well" $?
	wait_for 10 told_v6
	ok "the server was told" $?
	unlike "and had no byte of it" "$(wan_v6)" 'length [1-9]'
}

tls() {
	wait_for 20 passes $NAMES_SHARED A
	ok "an allowed name passes" $?
	wait_for 20 passes "[$NAMES_SHARED6]" AAAA
	ok "and by IPv6" $?
	in_ns_background gw tcpdump -ni wan -s 0 -U -w "$lab/wan.pcap" tcp port 443
	sleep 1
	wait_for 20 refused
	ok "another name at the same address is refused at once: by a reset" $?
	sleep 1
	unlike "no ClientHello has left" "$(tcpdump -nr "$lab/wan.pcap" -A 2>/dev/null)" 'other\.test'
	unlike "no byte of it" "$(tcpdump -nr "$lab/wan.pcap" "dst host $NAMES_SHARED" 2>/dev/null)" \
		'length [1-9]'
	like "the server was told" "$(tcpdump -nr "$lab/wan.pcap" "dst host $NAMES_SHARED" 2>/dev/null)" 'Flags \[R'
	like "the denial says why" "$(ctl denials)" 'name-mismatch.*other\.test'
	tls_v6
	names_get ws1 good.test $NAMES_FAR -m 2 >/dev/null
	is "an address that was not learned, with a listed name" $? 28
	like "it is not known" "$(ctl denials --reason name-not-learned)" "$NAMES_FAR"
	names_address ws1 good.test >/dev/null
	like "names lists what was learned" "$(ctl names)" "np-one +good.test +$NAMES_SHARED "
	explains
}

# A name expires within two seconds, and the machine may be slow: looked up and asked until both fit.
explains_learned() { # LINE ARGUMENTS OF EXPLAIN
	local line=$1
	shift
	names_address ws1 good.test >/dev/null
	ctl explain -w 1001 -p 443 "$@" >"$lab/explain.out" 2>&1
	grep -Eq "$line" "$lab/explain.out"
}

explains() {
	wait_for 20 explains_learned "^learned +$NAMES_SHARED for good.test, [0-9]+ s more\$" -d good.test
	ok "explain tells the address" $?
	like "an allowed, learned name passes" "$(cat "$lab/explain.out")" '^PASS  listed-name'
	like "by its entry" "$(cat "$lab/explain.out")" \
		'^rule +allowed name good\.test \(.*: /egress/network_access/allowed_internet_destinations/0\)'
	like "for which the ClientHello must name it" "$(cat "$lab/explain.out")" '^tls +allow .*good\.test'
	wait_for 20 explains_learned '^DROP  name-mismatch' -d $NAMES_SHARED --name other.test
	ok "another name at its address does not" $?
	wait_for 20 explains_learned '^PASS  listed-name' -d $NAMES_SHARED --name good.test
	ok "it does at its address" $?
	wait_for 20 explains_learned '^DROP  quic-refused' -d $NAMES_SHARED -P udp
	ok "nor does QUIC" $?
	like "explain says what the resolver says" "$(ctl explain -w 1001 -d other.test -p 443)" \
		'^dns +DROP  dns-denied'
	like "a name that nobody has looked up" "$(ctl explain -w 1001 -d far.test -p 443)" \
		'^address +continue .*a lookup of far\.test has to come first'
	is "and for programs" "$(ctl explain --json -w 1001 -d far.test -p 443 |
		"$PYTHON" -c 'import json, sys
e = json.load(sys.stdin)
print(e["verdict"], e["reason"], e["dns"]["reason"], e["is_live"], e["needs_lookup"], e["learned"])')" \
		"PASS listed-name listed-name True True []"
}

quic() {
	names_address ws1 good.test >/dev/null
	# A socket that is connected hears of the ICMP error.
	is "QUIC is refused by ICMP" "$(in_ns ws1 "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect((sys.argv[1], 443))
s.send(b"x" * 1200)
try:
    s.recv(100)
except ConnectionRefusedError:
    print("refused")
except socket.timeout:
    print("nothing")' $NAMES_SHARED)" refused
}

# ---- a download, and what becomes of it ---------------------------------------------------------

download() { # WHERE: in the background, its end in $lab/download.end
	rm -f "$lab/download" "$lab/download.end"
	names_address "$1" good.test >/dev/null
	(
		names_get "$1" good.test $NAMES_SHARED -m 60 -o "$lab/download" -w '' --url https://good.test/big >/dev/null
		echo "$? $(date +%s%N)" >"$lab/download.end"
	) &
	lab_pids+=($!)
	sleep 1
}

grows() {
	local before
	before=$(stat -c %s "$lab/download")
	sleep 1.5
	[ "$(stat -c %s "$lab/download")" -gt "$before" ] && [ ! -e "$lab/download.end" ] && echo yes || echo no
}

downloads() {
	download ws1
	is "a download runs" "$(grows)" yes
	sleep 3
	is "it outlives its TTL" "$(grows)" yes
	like "and its name is kept" "$(ctl names)" "np-one +good.test +$NAMES_SHARED "
	daemon_stop
	is "it outlives the daemon" "$(grows)" yes
	daemon_start
	is "and its start" "$(grows)" yes
	like "which knows the name again" "$(ctl names)" "np-one +good.test +$NAMES_SHARED "
	is "and a new flow may use it" "$(names_get ws1 good.test $NAMES_SHARED)" good.test
	daemon_kill
	daemon_start
	like "a crash too" "$(ctl names)" "np-one +good.test +$NAMES_SHARED "
	is "with the download" "$(grows)" yes
	names_option 1001 np-two >"$lab/docs/option-1001.json"
	ctl apply "$lab/docs" >/dev/null
	is "another policy that allows the name does not interrupt it" "$(grows)" yes
	like "the name is that policy's now" "$(ctl names)" "np-two +good.test +$NAMES_SHARED "
	is "and new flows pass at once" "$(names_get ws1 good.test $NAMES_SHARED)" good.test
	names_option 1001 np-none >"$lab/docs/option-1001.json"
	ctl apply "$lab/docs" >/dev/null
	local size
	sleep 1
	size=$(stat -c %s "$lab/download")
	sleep 1.5
	is "one that does not stops it within a second" "$(stat -c %s "$lab/download")" "$size"
	unlike "and forgets the name" "$(ctl names)" "np-none +good.test"
	names_get ws1 good.test $NAMES_SHARED -m 2 >/dev/null
	is "new flows are refused" $? 28
	names_option 1001 np-one >"$lab/docs/option-1001.json"
	ctl apply "$lab/docs" >/dev/null
}

name_hits() {
	ctl names --json | "$PYTHON" -c 'import json, sys
print(sum(n["hits"] for n in json.load(sys.stdin)["names"] if n["name"] == "good.test"))'
}

# One more than before; a name that expired meanwhile has none, and is tried again.
http_counts() {
	local before
	names_address ws1 good.test >/dev/null
	before=$(name_hits)
	names_get ws1 good.test $NAMES_SHARED --url http://good.test/ || return 1
	[ "$(name_hits)" -eq $((before + 1)) ]
}

http() {
	names_address ws1 good.test >/dev/null
	is "plain HTTP: an allowed Host passes" \
		"$(names_get ws1 good.test $NAMES_SHARED -H 'Connection: close' --url http://good.test/ -o /dev/null -w '%{http_code}' | tail -c 3)" 200
	wait_for 20 http_counts
	ok "and counts as a hit of its name" $?
	in_ns ws1 curl -sm 3 -H 'Host: other.test' "http://$NAMES_SHARED/" >/dev/null
	is "another Host does not" $? 56
	like "and the denial has its name" "$(sleep 0.5; ctl denials)" 'name-mismatch.*other\.test'
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
quic
downloads
http
[ -z "${KEEP:-}" ] || { ctl status; ctl stats; ctl denials; cat "$lab/daemon.log"; }
done_testing
