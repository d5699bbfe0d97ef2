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
	names_get ws1 other.test $NAMES_SHARED >/dev/null
	is "another name at the same address is refused at once: by a reset" $? 35
	sleep 1
	unlike "no ClientHello has left" "$(tcpdump -nr "$lab/wan.pcap" -A 2>/dev/null)" 'other\.test'
	unlike "no byte of it" "$(tcpdump -nr "$lab/wan.pcap" "dst host $NAMES_SHARED" 2>/dev/null)" \
		'length [1-9]'
	like "the server was told" "$(tcpdump -nr "$lab/wan.pcap" "dst host $NAMES_SHARED" 2>/dev/null)" 'Flags \[R'
	like "the denial says why" "$(ctl denials)" 'name-mismatch.*other\.test'
	names_get ws1 good.test $NAMES_FAR -m 2 >/dev/null
	is "an address that was not learned, with a listed name" $? 28
	like "it is not known" "$(ctl denials --reason name-not-learned)" "$NAMES_FAR"
	names_address ws1 good.test >/dev/null
	like "names lists what was learned" "$(ctl names)" "np-one +good.test +$NAMES_SHARED "
	names_address ws1 good.test >/dev/null
	like "explain tells the address" "$(ctl explain -w 1001 -d good.test -p 443)" \
		"^(learned)? +$NAMES_SHARED\$"
	like "and what the resolver says" "$(ctl explain -w 1001 -d other.test -p 443)" "^dns +DROP  dns-denied"
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

http() {
	names_address ws1 good.test >/dev/null
	is "plain HTTP: an allowed Host passes" \
		"$(names_get ws1 good.test $NAMES_SHARED -H 'Connection: close' --url http://good.test/ -o /dev/null -w '%{http_code}' | tail -c 3)" 200
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
