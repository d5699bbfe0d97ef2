#!/bin/bash
# test_http.sh -- plain HTTP on the wire, what both ends see of a refusal, and dry-run of names.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 400
#
# curl and http_client.py against nginx. Both sides of the gateway are recorded all the time: what was
# refused must not be in the server's recording, and both must have been reset.
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

learn() {
	local name
	for name in good.test far.test; do
		wait_for 20 names_address ws1 $name
	done
	wait_for 20 names_address ws1 good.test AAAA
}

denied() { # WHAT EXTENDED_REGEX: once it has come through the ring
	wait_for 20 sh -c "'$build/dbx-egressctl' --socket '$lab/socket' denials | grep -Eq '$2'"
	like "$1" "$(ctl denials)" "$2"
}

# ---- recordings ---------------------------------------------------------------------------------

n_marks=0

record() {
	in_ns_background net tcpdump --immediate-mode -ni eth0 -s 0 -U -w "$lab/server.pcap"
	in_ns_background ws1 tcpdump --immediate-mode -ni eth0 -s 0 -U -w "$lab/client.pcap"
	wait_for 20 test -s "$lab/server.pcap" && wait_for 20 test -s "$lab/client.pcap"
}

# A mark from the gateway to either side: when it is recorded, all that was sent before it is.
flush() {
	n_marks=$((n_marks + 1))
	local side mark
	mark=$(printf '%*s' $((100 + n_marks)) '')
	in_ns gw bash -c 'printf "%s" "$1" >/dev/udp/10.66.1.10/9; printf "%s" "$1" >"/dev/udp/$2/9"' bash "$mark" \
		$TOPO_WAN_NET4
	for side in server client; do
		wait_for 20 sh -c "tcpdump -nr '$lab/$side.pcap' 'udp dst port 9' 2>/dev/null | grep -q 'length ${#mark}\$'"
	done
}

seen() { # server|client FILTER
	tcpdump -nr "$lab/$1.pcap" "$2" 2>/dev/null
}

# The connection from this port (of the client) of which not a byte may have reached the server.
refused_both_ways() { # WHAT PORT ADDRESS
	flush
	local from="tcp src port $2 and dst host $3" to="tcp dst port $2 and src host $3"
	none "$1: not one byte has left" "$(seen server "$from" | grep -E 'length [1-9]')"
	like "$1: the server was reset" "$(seen server "$from")" 'Flags \[R'
	is "$1: with the number that it waits for" \
		"$(seen server "$from" | sed -n 's/.*Flags \[R\.*\], seq \([0-9]*\).*/\1/p' | head -1)" \
		"$(seen server "$to" | sed -n 's/.*Flags \[S\.\], .* ack \([0-9]*\),.*/\1/p' | head -1)"
	like "$1: the client was reset, by the server's address" "$(seen client "$to")" 'Flags \[R'
	is "$1: nothing was sent to either behind its RST" \
		"$(seen server "$from" | sed -n '/Flags \[R/,$p' | grep -vc 'Flags \[R')" 0
}

# ---- curl ---------------------------------------------------------------------------------------

bare() { # ADDRESS: as in URLs
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

curls() {
	local address port=41000
	for address in $NAMES_SHARED $NAMES_SHARED6; do
		is "an allowed Host passes at $address" "$(names_get ws1 good.test "$(bare "$address")" --url http://good.test/)" good.test
		port=$((port + 1))
		names_get ws1 other.test "$(bare "$address")" --local-port $port --url http://other.test/ >/dev/null
		is "another Host does not" $? 56
		refused_both_ways "HTTP to $address" $port "$address"
		denied "the denial has its name" "name-mismatch.* $address +tcp +80 +other\.test"
		port=$((port + 1))
		names_get ws1 other.test "$(bare "$address")" --local-port $port >/dev/null
		is "TLS by another name does not" $? 35
		refused_both_ways "TLS to $address" $port "$address"
		denied "the denial has its name" "name-mismatch.* $address +tcp +443 +other\.test"
	done
	is "two pages by one curl: the second by a new connection" \
		"$(names_get ws1 good.test $NAMES_SHARED --url http://good.test/1 --url http://good.test/2)" \
		$'good.test\ngood.test'
	denied "because of one request a connection" "http-next-request.* $NAMES_SHARED +tcp +80"
	is "a POST" "$(names_get ws1 good.test $NAMES_SHARED -d body --url http://good.test/)" good.test
	is "a port in the Host" \
		"$(names_get ws1 good.test $NAMES_SHARED -H 'Host: good.test:80' --url http://good.test/)" good.test
}

# ---- the other client ---------------------------------------------------------------------------

expect() { # scenario, results | what: from standard input
	local wanted what all names
	local -a lines
	mapfile -t lines
	names=$(printf '%s\n' "${lines[@]}" | sed 's/ .*//')
	# shellcheck disable=SC2086 # a list of names
	all=$(in_ns ws1 "$PYTHON" tests/netns/http_client.py $NAMES_SHARED good.test other.test $names 2>&1)
	for wanted in "${lines[@]}"; do
		what=${wanted#*|} wanted=${wanted%%|*}
		is "$what" "$(grep "^${wanted%% *} " <<<"$all")" "$wanted"
	done
	unlike "no scenario failed" "$all" 'Traceback|Error'
}

requests() {
	expect <<-'END'
	whole 200|a request
	in-2 200|in two segments
	in-5 200|in five
	in-10 200|in ten
	two-segments-long 200|a long one
	too-long reset|one that is too long
	other-in-3 reset|another name in three segments
	post 200|a body in the same segment
	post-apart 200|a body apart
	post-large 200|a large one
	second 200 reset|a second request, when the first is answered
	pipelined reset|a second request in the same segment
	behind-body reset|a second request behind a body
	not-http reset|TLS on this port
	no-host reset|no Host
	chunked reset|a body without a length
	END
	denied "too long: the reason" "hello-too-long.* +tcp +80"
	denied "not HTTP: the reason" "not-http.* +tcp +80"
	flush
	local got
	got=$(tcpdump -nr "$lab/server.pcap" -A "dst port 80" 2>/dev/null)
	is "bodies have come to the server" "$(grep -c 'body-marker' <<<"$got")" 2
	is "the large one to its end" "$(seen server 'tcp src port 80' |
		awk '{ for (i = 1; i < NF; i++) if ($i == "ack" && $(i + 1) + 0 > 300000) n = 1 } END { print n + 0 }')" 1
	none "nothing else has" "$(grep -E 'second-marker|other-marker|other\.test' <<<"$got")"
}

# ---- dry-run ------------------------------------------------------------------------------------

dry() {
	names_policy np-one good.test far.test |
		sed 's/"network_access":{/&"policy_enforcement":{"enforcement_mode":"DRY_RUN"},/' \
			>"$lab/docs/np-one.json"
	ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || not_ok "apply" "$(cat "$lab/apply.out")"
	learn
	like "dry-run: a name that is not listed is answered" "$(names_address ws1 other.test)" "^$NAMES_SHARED\$"
	denied "and recorded" 'DRY_RUN_DENIAL +dns-denied.* other\.test'
	is "TLS by another name passes" "$(names_get ws1 other.test $NAMES_SHARED)" other.test
	denied "and is recorded with the name" "DRY_RUN_DENIAL +name-mismatch.* $NAMES_SHARED +tcp +443 +other\.test"
	is "HTTP passes" "$(names_get ws1 other.test $NAMES_SHARED --url http://other.test/)" other.test
	denied "and is recorded" "DRY_RUN_DENIAL +name-mismatch.* $NAMES_SHARED +tcp +80 +other\.test"
	is "over IPv6 too" "$(names_get ws1 other.test "[$NAMES_SHARED6]" --url http://other.test/)" other.test
	is "what is allowed passes as ever" "$(names_get ws1 good.test $NAMES_SHARED)" good.test
	is "also by HTTP" "$(names_get ws1 good.test $NAMES_SHARED --url http://good.test/)" good.test
	is "a second request passes" \
		"$(in_ns ws1 "$PYTHON" tests/netns/http_client.py $NAMES_SHARED good.test other.test second)" "second 200 200"
	denied "and is recorded" "DRY_RUN_DENIAL +http-next-request.* +tcp +80"
	names_policy np-one good.test far.test >"$lab/docs/np-one.json"
	ctl apply "$lab/docs" >"$lab/apply.out" 2>&1
	learn
	names_get ws1 other.test $NAMES_SHARED >/dev/null
	is "no dry-run any more: refused" $? 35
	like "a name that is not listed has no answer" "$(in_ns ws1 dig +time=3 +tries=1 @198.51.100.53 other.test)" NXDOMAIN
}

names_documents
names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || not_ok "apply" "$(cat "$lab/apply.out")"
learn
record
curls
requests
dry
[ -z "${KEEP:-}" ] || { ctl status; ctl names; ctl denials; cat "$lab/daemon.log" "$lab/background.log"; }
done_testing
