#!/bin/bash
# test_capture.sh -- denied packets of the running data plane as pcapng, read back by tshark and tcpdump:
# the same bytes as the workload sent, with the reason in words, within the bounds.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 480
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

# Unbuffered: a stream is read while it goes on.
api() { # PATH
	curl -sSN --max-time 20 --unix-socket "$lab/socket" "http://localhost/api/2.0/dbx-egress$1"
}

# Starts a capture to $lab/NAME.pcapng, and waits until the daemon has begun it.
begin() { # NAME ARGUMENTS
	rm -f "$lab/$1.pcapng"
	"$build/dbx-egressctl" --socket "$lab/socket" capture -o "$lab/$1.pcapng" "${@:2}" \
		>"$lab/$1.out" 2>"$lab/$1.err" &
	capture=$!
	lab_pids+=("$capture")
	wait_for 20 test -s "$lab/$1.pcapng"
}

# Waits until the capture has ended by itself; its exit code in $code.
finish() {
	wait_for 60 ended "$capture" || echo "# the capture goes on"
	wait "$capture"
	code=$?
}

ended() { # PID
	! kill -0 "$1" 2>/dev/null
}

# Fields of each packet, by tshark alone.
fields() { # NAME FIELD...
	local f args=()
	for f in "${@:2}"; do args+=(-e "$f"); done
	tshark -n -r "$lab/$1.pcapng" -T fields -E separator='|' "${args[@]}" 2>/dev/null
}

udp() { # WHERE ADDRESS FIRST LAST [BYTES]: one datagram to each port
	in_ns "$1" "$PYTHON" - "${@:2}" <<-'PY'
		import socket, sys
		to, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		n = int(sys.argv[4]) if len(sys.argv) > 4 else 20
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for port in range(first, last + 1):
		    s.sendto(b"%d:" % port + b"x" * n, (to, port))
	PY
}

denied() {
	begin denied --count 5 --proto udp
	udp ws1 198.51.100.77 7001 7005
	finish
	is "a capture ends after --count" "$code" 0
	like "and says so" "$(cat "$lab/denied.err")" 'denied.pcapng: 5 packets, [0-9]+ bytes: as many as'
	is "its packets, in order" "$(fields denied ip.src ip.dst udp.dstport | tr '\n' ' ')" \
		"$(for p in 7001 7002 7003 7004 7005; do printf '%s|198.51.100.77|%s ' "$(address ws1)" $p; done)"
	like "the comment: verdict, reason, workspace, policy" "$(fields denied frame.comment | head -1)" \
		'^DROP name-not-learned: no allowed name has been learned for this address; workspace: 1001; policy: np-one; path: none'
	is "the interface" "$(fields denied frame.interface_name | sort -u)" ws1
	is "the payload" "$(fields denied udp.payload | head -1 |
		"$PYTHON" -c 'print(bytes.fromhex(input()).decode())')" \
		"7001:$(printf 'x%.0s' $(seq 20))"
	is "no checksum is wrong" "$(tshark -n -r "$lab/denied.pcapng" -o ip.check_checksum:TRUE \
		-Y 'ip.checksum.status == 0' 2>/dev/null | wc -l)" 0
	is "tcpdump reads it" "$(tcpdump -nr "$lab/denied.pcapng" 2>/dev/null | grep -c ' > 198.51.100.77.700')" 5
	is "the file is its owner's" "$(stat -c %a "$lab/denied.pcapng")" 600
	like "times are of now" "$(($(date +%s) - $(fields denied frame.time_epoch | head -1 | cut -d. -f1)))" \
		'^[0-9]{1,2}$'
}

address() { # WHERE
	in_ns "$1" ip -4 -o addr show dev eth0 | awk '{ split($4, a, "/"); print a[1]; exit }'
}

filters() {
	begin one --dst 198.51.100.66 --proto udp --port 7102 --workspace 1001 --verdict DROP --count 1
	udp ws2 198.51.100.66 7102 7102
	udp ws1 198.51.100.65 7102 7102
	udp ws1 198.51.100.66 7101 7103
	finish
	is "filters: the one packet" "$(fields one ip.src ip.dst udp.dstport)" "$(address ws1)|198.51.100.66|7102"
	begin other --workspace 1002 --proto udp --count 1
	udp ws1 198.51.100.66 7201 7201
	udp ws2 198.51.100.66 7202 7202
	finish
	is "filters: the other workspace" "$(fields other ip.src udp.dstport)" "$(address ws2)|7202"
	begin reason --reason spoofed-source --count 1
	in_ns ws1 ip addr add 10.66.2.77/32 dev lo
	udp ws1 198.51.100.66 7301 7301
	in_ns ws1 "$PYTHON" - <<-'PY'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("10.66.2.77", 0))
		s.sendto(b"x", ("198.51.100.66", 7302))
	PY
	finish
	is "filters: the reason" "$(fields reason ip.src udp.dstport)" "10.66.2.77|7302"
	like "and its comment" "$(fields reason frame.comment)" '^DROP spoofed-source: '
}

# What leaves sealed for the companion is shown as the workload sent it.
passed() {
	begin dns --verdict PASS --reason dns-steered --count 1
	names_address ws1 good.test >/dev/null
	finish
	is "a query: no seal, no tag" "$(fields dns vlan.id dns.qry.name udp.dstport | head -1)" "|good.test|53"
	like "the comment" "$(fields dns frame.comment)" '^PASS dns-steered: .*workspace: 1001;'
	begin all --verdict ALL --proto tcp --port 443 --count 1
	in_ns ws1 curl -sk --max-time 5 --resolve "good.test:443:$(names_address ws1 good.test | head -1)" \
		https://good.test/ >/dev/null
	finish
	like "what passes: the handshake" "$(fields all tcp.flags.syn frame.comment)" '^(1|True)\|PASS name-handshake: '
}

bounds() {
	begin snap --snap 42 --count 1 --proto udp
	udp ws1 198.51.100.77 7401 7401 900
	finish
	is "--snap: bytes of the copy, and of the packet" "$(fields snap frame.cap_len frame.len)" "42|947"
	begin bytes --bytes 2500 --proto udp
	udp ws1 198.51.100.77 7501 7520 900
	finish
	is "--bytes: as many packets as fit" "$(fields bytes frame.len | wc -l)" 2
	like "and says why it ended" "$(cat "$lab/bytes.err")" 'no room for the next'
	begin seconds --seconds 1 --proto udp
	finish
	is "--seconds: ends by itself" "$code" 0
	like "--seconds: with what it has" "$(cat "$lab/seconds.err")" ': 0 packets, 0 bytes: the time is over'
	is "a capture without packets is one" "$(tcpdump -nr "$lab/seconds.pcapng" 2>&1 | grep -c length)" 0
	begin rate --rate 4 --seconds 3 --proto udp --json
	udp ws1 198.51.100.77 8001 8400
	finish
	is "--rate: each packet is there, or counted" "$("$PYTHON" - "$lab/rate.out" <<-'PY'
		import json, sys
		c = json.load(open(sys.argv[1]))
		n = c["packets"] + c["limited"] + c["lost"] + c["unsent"]
		print(n, 4 <= c["packets"] < 400, c["limited"] > 0, c["end"])
	PY
	)" "400 True True seconds"
	is "--rate: the file has what was counted" "$(fields rate frame.len | wc -l)" \
		"$(jq_py 'd["packets"]' <"$lab/rate.out")"
}

# An interrupt leaves a whole file; the daemon is free for the next.
interrupted() {
	begin stopped --proto udp
	udp ws1 198.51.100.77 7601 7603
	wait_for 20 holds stopped 3
	kill -INT "$capture"
	finish
	is "an interrupt ends it" "$code" 0
	like "and is told" "$(cat "$lab/stopped.err")" ': 3 packets, [0-9]+ bytes: interrupted'
	is "the file is whole" "$(fields stopped udp.dstport | tr '\n' ' ')" "7601 7602 7603 "
	wait_for 20 is_free
	begin killed --proto udp
	udp ws1 198.51.100.77 7611 7612
	wait_for 20 holds killed 2
	kill -KILL "$capture"
	wait_for 20 ended "$capture"
	wait "$capture" 2>/dev/null
	is "killed, the file has what there was" "$(fields killed udp.dstport | tr '\n' ' ')" "7611 7612 "
	wait_for 20 is_free
	begin again --count 1 --proto udp
	udp ws1 198.51.100.77 7621 7621
	finish
	is "the next one goes on" "$(fields again udp.dstport)" 7621
}

holds() { # NAME PACKETS
	[ "$(fields "$1" frame.number | wc -l)" -ge "$2" ]
}

is_free() {
	"$build/dbx-egressctl" --socket "$lab/socket" capture --seconds 1 -o "$lab/free.pcapng"
}

refusals() {
	begin first --seconds 30
	echo before >"$lab/second.pcapng"
	exits "one at a time" 1 ctl capture -o "$lab/second.pcapng"
	like "and is told" "$out" 'another one is running'
	is "an older file stays as it is" "$(cat "$lab/second.pcapng")" before
	kill -INT "$capture"
	finish
	exits "a verdict that is none" 2 ctl capture -o "$lab/x" --verdict NO
	exits "a reason that is none" 2 ctl capture -o "$lab/x" --reason no-mach
	exits "a destination that is none" 2 ctl capture -o "$lab/x" --dst example.com
	exits "no file" 2 ctl capture
	wait_for 20 is_free
	exits "a bound that is too far" 1 ctl capture -o "$lab/x" --seconds 100000
	like "and which would do" "$out" 'seconds is a number from 1 to 86400'
	exits "a file that cannot be" 1 ctl capture -o "$lab/no/such" --seconds 1
	exits "no daemon" 3 "$build/dbx-egressctl" -s "$lab/none" capture -o "$lab/x"
	is "and nothing was made" "$([ -e "$lab/x" ] || echo none)" none
	like "a query that is wrong" "$(api '/capture?reason=no-match,no-mach')" 'INVALID_PARAMETER_VALUE.*a reason'
}

# The stream itself, as any program may read it.
stream() {
	local reader
	wait_for 20 is_free
	api "/capture?packets=2&seconds=20&proto=17&reason=no-match,name-not-learned" >"$lab/stream" &
	reader=$!
	lab_pids+=("$reader")
	wait_for 20 grep -q counts "$lab/stream"
	udp ws1 198.51.100.77 7701 7702
	wait_for 20 ended "$reader"
	is "JSON lines" "$("$PYTHON" - "$lab/stream" <<-'PY'
		import base64, json, sys
		r = [json.loads(line) for line in open(sys.argv[1])]
		p = [v["packet"] for v in r if "packet" in v]
		print(len(p), p[0]["reason"], p[0]["workspace_id"], p[0]["frame_bytes"] == len(base64.b64decode(p[0]["data"])),
		      r[0]["end"], r[-1]["end"], r[-1]["counts"]["packets"])
	PY
	)" "2 name-not-learned 1001 True None packets 2"
}

# A policy that is changed meanwhile does not end it; each packet bears its own generation's verdict.
over_an_apply() {
	begin apply --count 2 --proto udp
	udp ws1 198.51.100.77 7801 7801
	names_gateway '"log": {"interval_s": 2}' >"$lab/docs/gateway.json"
	exits "an apply while packets are captured" 0 ctl apply "$lab/docs"
	udp ws1 198.51.100.77 7802 7802
	finish
	is "over an apply" "$(fields apply udp.dstport | tr '\n' ' ')" "7801 7802 "
}

daemon_that_dies() {
	begin dies --proto udp
	udp ws1 198.51.100.77 7901 7901
	wait_for 20 holds dies 1
	daemon_kill
	finish
	is "a daemon that dies: told" "$code" 3
	is "a daemon that dies: the file is whole" "$(fields dies udp.dstport)" 7901
	udp ws1 198.51.100.77 7902 7902
	daemon_start || return
	begin next --count 1 --proto udp
	udp ws1 198.51.100.77 7903 7903
	finish
	is "its successor captures" "$(fields next udp.dstport)" 7903
}

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
for tool in tshark tcpdump; do
	command -v $tool >/dev/null || skip_all "no $tool; make deps installs it"
done
names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
names_documents
names_gateway '"log": {"interval_s": 1}' >"$lab/docs/gateway.json"
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || sed 's/^/# /' "$lab/apply.out"
denied
filters
passed
bounds
interrupted
refusals
stream
over_an_apply
daemon_that_dies
[ -z "${KEEP:-}" ] || { cat "$lab"/*.err "$lab/daemon.log"; }
done_testing
