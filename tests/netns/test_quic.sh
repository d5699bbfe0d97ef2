#!/bin/bash
# test_quic.sh -- QUIC on the wire: refused so that clients fall back at once, or inspected.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
#
# A real client and server (ngtcp2's, with GnuTLS) for what must work; quic_client.py and an echo for
# what a hostile workload may send. The internet's side is recorded: what was refused is not in it.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
"$PYTHON" -c 'import cryptography' 2>/dev/null || skip_all "no python3-cryptography; make deps installs it"

# Names live as long as the test.
eval "$(declare -f names_unbound_config | sed 's/test\. 1 IN/test. 900 IN/')"

gateway() { # "names" OF THE GATEWAY DOCUMENT
	names_gateway "\"names\": $1" >"$lab/docs/gateway.json"
	ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || not_ok "apply" "$(cat "$lab/apply.out")"
	learn
}

learn() {
	local name
	for name in good.test far.test; do
		wait_for 20 names_address ws1 $name
	done
	names_address ws1 good.test AAAA >/dev/null
}

# What was denied, once it has come through the ring.
denied() { # WHAT EXTENDED_REGEX
	wait_for 20 sh -c "'$build/dbx-egressctl' --socket '$lab/socket' denials | grep -Eq '$2'"
	like "$1" "$(ctl denials)" "$2"
}

# ---- the real client ----------------------------------------------------------------------------

# It takes the name from the URL alone, and the address from the resolver: a hosts file of its own.
real_get() { # NAME ADDRESS [ARGUMENTS OF gtlsclient]
	local name=$1
	printf '%s %s\n' "$2" "$1" >"$lab/hosts"
	shift 2
	rm -f "$lab/page"
	# shellcheck disable=SC2016 # for the inner shell
	in_ns ws1 unshare -m sh -c 'mount --bind "$1/hosts" /etc/hosts && shift && exec "$@"' sh "$lab" \
		timeout 20 gtlsclient -q --no-http-dump --no-quic-dump --exit-on-all-streams-close \
		--download="$lab" "$@" "$name" 443 "https://$name/page" >"$lab/gtls.log" 2>&1
	cat "$lab/page" 2>/dev/null
}

real_server_start() {
	mkdir -p "$lab/quic"
	echo "a page over QUIC" >"$lab/quic/page"
	in_ns_background net gtlsserver -q -d "$lab/quic" $NAMES_SHARED 443 "$lab/tls.key" "$lab/tls.crt"
	# This one lets each client prove its address first, by a Retry.
	in_ns_background net gtlsserver -q -V -d "$lab/quic" $NAMES_SHARED6 443 "$lab/tls.key" "$lab/tls.crt"
	wait_for 20 sh -c "[ \$(nsenter --net=/run/netns/$lab_prefix-net ss -lunH | grep -c ':443 ') -ge 2 ]"
}

real() {
	if ! command -v gtlsclient >/dev/null || ! command -v gtlsserver >/dev/null; then
		skip "a real client" "no ngtcp2-client or ngtcp2-server; make deps installs them"
		return
	fi
	real_server_start
	is "a real client gets its page by an allowed name" "$(real_get good.test $NAMES_SHARED)" \
		"a page over QUIC"
	local session="--session-file=$lab/session --tp-file=$lab/tp"
	# shellcheck disable=SC2086 # two words
	is "a session for later" "$(real_get good.test $NAMES_SHARED $session)" "a page over QUIC"
	[ -s "$lab/session" ]
	is "was given" $? 0
	# shellcheck disable=SC2086
	is "with early data" "$(real_get good.test $NAMES_SHARED $session)" "a page over QUIC"
	is "by IPv6, after a Retry" "$(real_get good.test $NAMES_SHARED6)" "a page over QUIC"
	is "another name at the same address does not" \
		"$(real_get other.test $NAMES_SHARED --handshake-timeout=2s)" ""
	denied "the denial has it" 'name-mismatch.* udp +443 +other\.test'
	is "and an allowed one still does" "$(real_get good.test $NAMES_SHARED)" "a page over QUIC"
	is "a version that nobody has" \
		"$(real_get good.test $NAMES_SHARED --version=0x1a2a3a4a --handshake-timeout=2s)" ""
	denied "is refused" "quic-refused.* $NAMES_SHARED +udp"
}

# ---- the client that does what it likes ---------------------------------------------------------

lying() { # SCENARIO...: "SCENARIO result..." lines
	in_ns ws1 "$PYTHON" tests/netns/quic_client.py $NAMES_FAR far.test other.test "$@" 2>&1
}

expect() { # scenario, results | what: from standard input
	local wanted what all
	all=$(lying)
	while IFS='|' read -r wanted what; do
		is "$what" "$(grep "^${wanted%% *} " <<<"$all")" "$wanted"
	done
	unlike "no scenario failed" "$all" 'Traceback|Error'
}

inspected() {
	expect <<-'END'
	allowed echo|an allowed name passes
	upper-case echo|however it is written
	other refused|another is refused at once
	no-name refused|none is refused
	two none echo|a hello in two Initials: held, then both go on in their order
	two-turned none echo|the other way round
	two-other none refused|another name in two Initials
	version-2 echo|version 2
	version-2-other refused|another name in version 2
	version-unknown refused|a version that is not known
	version-0 refused|a version negotiation, from a client
	garbage refused|garbage
	garbage-long refused|garbage with a long header
	short-first refused|a connection whose beginning was not seen
	empty refused|one octet
	broken none echo|an Initial that does not open is dropped, the next one counts
	repeated echo echo echo|a hello that is repeated in other packets passes
	coalesced refused|two connections in one datagram
	behind-handshake refused|another name behind a packet of another type
	later-short echo echo echo|what follows passes
	later-of-the-connection echo echo echo|and Initials of the connection
	later-allowed echo echo echo|and another connection to the same name, by the same port
	later-other echo refused refused|one to another name is refused, and ends the flow
	later-other-version echo refused|by version 2 too
	later-unknown-version echo refused|a version that is not known is refused then, too
	later-same-id-other echo refused refused|another hello under the id of the allowed one
	later-second-hello echo refused|another hello behind it
	END
	denied "denials have the name" "name-mismatch.* $NAMES_FAR +udp +443 +other\.test"
	denied "no name has its reason" "name-missing.* $NAMES_FAR +udp +443"
}

# Nothing is refused, all is recorded, and the first datagram gets through, too.
dry() {
	names_policy np-one good.test far.test |
		sed 's/"network_access":{/&"policy_enforcement":{"enforcement_mode":"DRY_RUN"},/' >"$lab/docs/np-one.json"
	gateway '{"quic": "inspect"}'
	is "dry-run: all passes" "$(lying allowed other two-other garbage later-other)" \
		$'allowed echo\nother echo\ntwo-other none echo\ngarbage echo\nlater-other echo echo echo'
	denied "recorded with the name" "DRY_RUN_DENIAL +name-mismatch.* $NAMES_FAR +udp +443 +other\.test"
	denied "and what is no QUIC" "DRY_RUN_DENIAL +quic-refused.* $NAMES_FAR +udp"
	gateway '{}'
	is "dry-run of the default" "$(lying allowed garbage)" $'allowed echo\ngarbage echo'
}

# Initials of the recording, opened: which names the internet was told.
names_out() {
	"$PYTHON" tests/netns/quic_names.py "$lab/wan.pcap" | sort -u
}

lab_files() {
	names_documents
	names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
	in_ns_background net python3 tests/netns/udp_echo.py 443 $NAMES_FAR
	wait_for 20 sh -c "nsenter --net=/run/netns/$lab_prefix-net ss -lunH | grep -q '$NAMES_FAR:443 '"
}

lab_files
daemon_start || exit 1

# The default: refused, whatever it says, so that clients fall back to TLS at once.
gateway '{}'
is "by default QUIC is refused at once, whatever the name" "$(lying allowed other garbage)" \
	$'allowed refused\nother refused\ngarbage refused'
denied "with its reason" "quic-refused.* $NAMES_FAR +udp"

gateway '{"quic": "inspect"}'
in_ns_background gw tcpdump --immediate-mode -ni wan -s 0 -U -w "$lab/wan.pcap" udp port 443
wait_for 20 test -s "$lab/wan.pcap"
inspected
real
wait_for 20 sh -c "tcpdump -nr '$lab/wan.pcap' 2>/dev/null | grep -q $NAMES_SHARED"
is "the internet was told no other name" "$(names_out)" $'far.test\ngood.test'
like "hits are counted" "$(ctl names)" "np-one +far.test +$NAMES_FAR +allowed +- +[0-9]+ s +[1-9]"
dry
[ -z "${KEEP:-}" ] || { ctl status; ctl names; ctl denials; cat "$lab/daemon.log" "$lab/background.log"; }
done_testing
