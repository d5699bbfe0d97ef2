#!/bin/bash
# test_dpdk.sh -- dbx-egress-dpdk and the daemon, each without the other: what was in force stays so.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
LAB_DPDK=1
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

why=$(names_lack)
[ -z "$why" ] || skip_all "$why"

process() { # EXPRESSION ON p
	ctl --json status | jq_py "(lambda p: $1)(d['process'])"
}

answers() { [ "$(process 'p["answers"]')" = True ]; }

allowed() { names_get ws1 good.test $NAMES_SHARED; }

refused() { # NAME
	names_address ws1 good.test >/dev/null
	names_get ws1 "$1" $NAMES_SHARED >/dev/null
	echo $?
}

verdicts() { # WHEN
	is "$1: an allowed name" "$(names_address ws1 good.test >/dev/null; allowed)" good.test
	is "$1: another name at its address" "$(refused other.test)" 35
	like "$1: a name that is not listed" "$(in_ns ws1 dig +time=3 +tries=1 @198.51.100.53 other.test)" \
		'status: NXDOMAIN'
	is "$1: an address that is not listed" "$(probe tcp ws1 198.51.100.66 443)" denied
	is "$1: the other workspace" "$(probe tcp ws1 10.66.2.10 8080)" denied
	is "$1: the gateway" "$(probe icmp ws1 10.66.1.1)" passed
}

# What is kept in the process alone: policies of the addresses, which need no resolver.
verdicts_alone() { # WHEN
	is "$1: a listed range" "$(probe http ws2 203.0.113.20 80)" passed
	is "$1: an address that is not listed" "$(probe tcp ws2 198.51.100.66 443)" denied
	is "$1: the other workspace" "$(probe icmp ws2 10.66.1.10)" denied
}


names_address_is_there() { [ -n "$(names_address ws1 good.test)" ]; }

documents() {
	names_documents
	sed -i 's/"grace_s": 1/"grace_s": 60/' "$lab/docs/gateway.json"
	names_policy np-two good.test |
		sed 's|\("allowed_internet_destinations":\[\)|\1{"destination":"203.0.113.20/32","internet_destination_type":"IP_RANGE"},|' \
			>"$lab/docs/np-two.json"
}

# Requests without end while things go wrong; each line is the code of one.
load_start() {
	(
		while :; do
			in_ns ws2 curl -so /dev/null -m 2 http://203.0.113.20:80/
			echo "$?" >>"$lab/load"
			in_ns ws2 curl -so /dev/null -m 0.2 http://198.51.100.66:80/ && echo leak >>"$lab/load"
		done
	) 2>/dev/null &
	lab_pids+=($!)
}

served() { [ "$(grep -c '^0$' "$lab/load")" -gt "$1" ]; }
served_again() { # WHAT
	local before
	before=$(grep -c '^0$' "$lab/load")
	wait_for 20 served "$before"
	ok "$1" $?
}

# Two connections over the death of the process: one whose name was judged, one that had not said it yet.
hold() {
	in_ns ws1 "$PYTHON" - $NAMES_SHARED "$lab" >"$lab/held.out" 2>&1 <<-'PY' &
		import os, socket, ssl, sys, time
		address, lab = sys.argv[1:]
		context = ssl._create_unverified_context()
		def ask(s):
		    s.sendall(b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")
		    return s.recv(4096).split(b"\r\n")[-1].decode().strip() or s.recv(4096).decode().strip()
		judged = context.wrap_socket(socket.create_connection((address, 443), 20), server_hostname="good.test")
		print("before", ask(judged), flush=True)
		silent = socket.create_connection((address, 443), 20)
		open(lab + "/held", "w").close()
		while not os.path.exists(lab + "/go"):
		    time.sleep(0.1)
		try:
		    print("after", ask(judged), flush=True)
		except OSError as e:
		    print("after", e, flush=True)
		try:
		    silent.settimeout(3)
		    context.wrap_socket(silent, server_hostname="good.test")
		    print("silent goes on")
		except OSError as e:
		    print("silent fails")
	PY
	holder=$!
	lab_pids+=("$holder")
	wait_for 20 test -e "$lab/held"
}

counted() { # REASON
	rest GET /dbx-egress/stats |
		jq_py "d['totals']['by_reason'].get('$1', {}).get('packets', 0)"
}

lab_begin
names_servers_start || { not_ok "the servers start" "$(cat "$lab"/*.log)" && done_testing; }
documents
daemon_start || { not_ok "the daemon starts" && done_testing; }

is "the process answers" "$(process 'p["answers"]')" True
is "nothing is in force, and nothing leaves" "$(probe http ws1 203.0.113.20 80)" denied
exits "apply" 0 ctl apply "$lab/docs"
# The first query may wait for an address of the gateway that nobody answered for until now.
wait_for 20 names_address_is_there
verdicts "at first"
out=$(ctl status)
like "status: the process" "$out" 'process +[0-9.]+ DPDK .*answers'
like "status: lcores" "$out" 'lcore +queues +packets +drops +no room +cycles/packet +busy'
like "status: cycles a packet" "$out" '^ +0 +[1-9] +[1-9][0-9]* +[1-9][0-9]* +[0-9]+ +[1-9][0-9]* +[0-9.]+ %'
like "status: ports" "$out" '^ws1 +net_af_packet_ws1_net +net_af_packet_ws1_host +up'
unlike "no routes were refused" "$(process 'p["routes"]["error"]')" '.[a-z]* [a-z]'

load_start
wait_for 20 served 3
ok "under load" $?

generation=$(status_of generation)
daemon_kill
verdicts_alone "without the daemon"
served_again "without the daemon: what is allowed is served"
daemon_start || { not_ok "the daemon comes back" && done_testing; }
is "the daemon takes over what is in force" "$(status_of adopted generation)" "True $generation"
verdicts "the daemon again"

hold
kill -9 "$dpdk_pid"
wait "$dpdk_pid" 2>/dev/null
dpdk_pid=
is "without the process nothing leaves" "$(probe http ws2 203.0.113.20 80)" denied
wait_for 20 eval '[ "$(process "p[\"answers\"]")" = False ]'
ok "status says that it does not answer" $?
wait_for 20 eval 'curl -sm 10 --unix-socket "$lab/socket" http://localhost/metrics |
	grep -qx "dbx_egress_data_plane_answers 0"'
ok "and so do the metrics" $?
exits "counters cannot be read" 1 ctl stats
like "and it says why" "$out" 'reading the counters: the DPDK process does not answer'
sed 's/good/moved/' "$lab/docs/np-one.json" >"$lab/np-one.json"
exits "nothing can be applied" 1 ctl apply "$lab/np-one.json"
like "and it says why, and that it may be otherwise later" "$out" 'DPDK process.*TEMPORARILY_UNAVAILABLE'
is "the generation is the old one" "$(status_of generation)" "$generation"
dpdk_start || { not_ok "the process comes back" && done_testing; }
wait_for 20 answers
ok "the process is back" $?
wait_for 20 eval '[ "$(probe http ws2 203.0.113.20 80)" = passed ]'
ok "it was told what is in force" $?
touch "$lab/go"
wait "$holder"
is "a connection whose name was judged goes on, one that had not said it does not" \
	"$(paste -sd, "$lab/held.out")" "before good.test,after good.test,silent fails"
is "and that one has its own reason" "$([ "$(counted flow-unknown)" -gt 0 ] && echo counted)" counted
verdicts "the process again"
like "the daemon said so" "$(cat "$lab/daemon.log")" 'does not answer'
served_again "the process again: what is allowed is served"
exits "another policy" 0 ctl apply "$lab/np-one.json"
names_address ws1 moved.test >/dev/null
is "is in force" "$(names_get ws1 moved.test $NAMES_SHARED)" moved.test
is "and the old one is not" "$(refused good.test)" 35

daemon_kill
kill -9 "$dpdk_pid"
wait "$dpdk_pid" 2>/dev/null
dpdk_pid=
daemon_start || { not_ok "both come back" && done_testing; }
is "both again: the generation" "$(status_of generation)" $((generation + 1))
verdicts_alone "both again"
served_again "both again: what is allowed is served"
is "through all of it nothing leaked" "$(grep -c leak "$lab/load")" 0

is "all that the stack had was judged" "$(counted not-judged)" 0
# What the stack gets without having been judged is dropped there.
mac=$(in_ns gw ip -br link show ws1 | awk '{ print $3 }')
topo_in "$lab_prefix-dp" tests/netns/inject.py ws1-host --dst-mac "$mac" --count 5 \
	--src 10.66.1.10 --dst 203.0.113.20
wait_for 20 eval '[ "$(counted not-judged)" = 5 ]'
ok "frames without a shim are dropped, and counted" $?
done_testing
