#!/bin/bash
# test_race.sh -- lookup, then connect at once: an allowed name is never too early, another never passes.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 900
#
# Upstream is unbound, before an authority whose every answer has 8 other addresses of 4,000 and a TTL
# of 1 s; the internet owns all of them. DBX_TRIALS says how many trials (5,000; 100,000 take about
# two minutes). Beside them, other clients try what must not pass, from a source of its own under the same
# policy and from another workspace, and policies are replaced by equal ones all the time.
#
# What passed is what the server saw; what was refused, what the gateway counted: so a lost segment, or
# a machine that is busy with other things, says nothing either way.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

TRIALS=${DBX_TRIALS:-5000}
THREADS=12
AUTHORITY=127.0.0.1 AUTHORITY_PORT=5300 UPSTREAM=203.0.113.20
ASKED4=198.51.100.53 ASKED6=2001:db8:53::53

unbound_config() {
	cat <<-END
	server:
	  chroot: ""
	  username: ""
	  directory: "$lab"
	  pidfile: "$lab/unbound.pid"
	  logfile: "$lab/unbound.log"
	  use-syslog: no
	  do-daemonize: no
	  interface: $UPSTREAM
	  access-control: 0.0.0.0/0 allow
	  module-config: "iterator"
	  local-zone: "test." nodefault
	  do-not-query-localhost: no
	  qname-minimisation: no
	  so-rcvbuf: 4m
	  outgoing-range: 4096
	forward-zone:
	  name: "test."
	  forward-addr: $AUTHORITY@$AUTHORITY_PORT
	remote-control:
	  control-enable: no
	END
}

# Workspace 1003 is the second source: the policy of 1001, and its own counters.
gateway() {
	cat <<-END
	{"gateway": {"name": "gw-race", "interfaces": [{"name": "ws1"}, {"name": "ws2"}],
	 "gateway_addresses": ["10.66.1.1", "10.66.2.1", "fd66:1::1", "fd66:2::1"],
	 "dns": {"upstreams": ["$UPSTREAM"], "grace_s": 1},
	 "workspaces": [
	  {"workspace_id": 1001, "name": "good", "network_source_type": "General Compute", "sources":
	   [{"prefix": "10.66.1.0/26", "interface": "ws1"}, {"prefix": "fd66:1::/122", "interface": "ws1"}]},
	  {"workspace_id": 1003, "name": "bad", "network_source_type": "General Compute", "sources":
	   [{"prefix": "10.66.1.64/26", "interface": "ws1"}, {"prefix": "fd66:1::40/122", "interface": "ws1"}]},
	  {"workspace_id": 1002, "name": "foreign", "network_source_type": "General Compute", "sources":
	   [{"prefix": "10.66.2.0/24", "interface": "ws2"}, {"prefix": "fd66:2::/64", "interface": "ws2"}]}]}}
	END
}

policy() { # ID NAME...
	local id=$1 name list=
	shift
	for name; do
		list="$list${list:+,}{\"destination\":\"$name\",\"internet_destination_type\":\"DNS_NAME\"}"
	done
	np "$id" ",\"allowed_internet_destinations\":[$list]"
}

documents() { # FOLDER MORE NAMES...
	local folder=$1 id
	shift
	mkdir -p "$folder"
	gateway >"$folder/gateway.json"
	# shellcheck disable=SC2046 # words
	policy np-race '*.race.test' $(printf 'e%d.exact.test\n' {0..399}) "$@" >"$folder/np-race.json"
	policy np-foreign '*.foreign.test' >"$folder/np-foreign.json"
	for id in 1001 1003; do
		echo "{\"workspace_id\":$id,\"network_policy_id\":\"np-race\"}" >"$folder/option-$id.json"
	done
	echo '{"workspace_id":1002,"network_policy_id":"np-foreign"}' >"$folder/option-1002.json"
}

world() {
	topo_in "$lab_prefix-ws1" ip addr add 10.66.1.66/24 dev eth0
	topo_in "$lab_prefix-ws1" ip -6 addr add fd66:1::66/64 dev eth0 nodad
	topo_in "$lab_prefix-net" ip route add local 198.18.0.0/15 dev lo
	topo_in "$lab_prefix-net" ip -6 route add local 2001:db8:18::/64 dev lo
	unbound_config >"$lab/unbound.conf"
	in_ns_background net "$PYTHON" tests/netns/race_dns.py $AUTHORITY $AUTHORITY_PORT
	in_ns_background net unbound -d -c "$lab/unbound.conf"
	wait_for 20 sh -c "nsenter --net=/run/netns/$lab_prefix-net dig +short +time=1 +tries=1 \
		@$UPSTREAM w1.race.test | grep -q '^198[.]18[.]'"
}

server_start() {
	(exec nsenter --net="/run/netns/$lab_prefix-net" "$build/tests/tools/race_server" 900) \
		>"$lab/server.log" 2>&1 &
	server=$!
	lab_pids+=("$server")
	wait_for 20 sh -c "nsenter --net=/run/netns/$lab_prefix-net ss -ltnH | grep -q ':443 '"
}

server_stop() {
	kill "$server"
	wait "$server"
}

saw() { # NAME: a count of the server
	sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" "$lab/server.log"
}

told() { # CLIENT NAME: a count of a client
	sed -n "s/.*\b$2=\([0-9]*\).*/\1/p" "$lab/$1.log"
}

client() { # LOG WHERE good|bad|foreign TRIALS THREADS HOST4 HOST6
	in_ns "$2" "$build/tests/tools/race" "$3" "$4" "$5" "$6" "$7" $ASKED4 $ASKED6 >"$lab/$1.log" 2>&1
}

# What the gateway dropped of a workspace, "REASON COUNT" each; held segments are no refusal.
refusals() { # WORKSPACE
	rest GET "/dbx-egress/stats?workspace=$1" | "$PYTHON" -c 'import json, sys
for r in json.load(sys.stdin)["rows"]:
    if r["verdict"] == "DROP" and r["reason"] != "hello-held":
        print(r["reason"], r["packets"])' || echo "the counters could not be read"
}

# Two documents that allow the same, in turn: every flow and name meets some of the changes.
churn() {
	local n=0
	while [ ! -e "$lab/over" ]; do
		n=$((n + 1))
		ctl apply "$lab/docs$((n % 2))" >"$lab/apply.log" 2>&1 || break
		echo $n >"$lab/applies"
	done
}

race() {
	local bad=$((TRIALS / 10))
	rm -f "$lab/over"
	churn &
	local churner=$!
	client bad ws1 bad $bad 8 10.66.1.66 fd66:1::66 &
	local bads=$!
	client foreign ws2 foreign $bad 24 10.66.2.10 fd66:2::10 &
	local foreigns=$!
	client good ws1 good "$TRIALS" $THREADS 10.66.1.10 fd66:1::10
	wait $bads $foreigns
	touch "$lab/over"
	wait $churner
}

findings() {
	sed 's/^/# good: /' "$lab/good.log"
	sed 's/^/# bad: /' "$lab/bad.log"
	sed 's/^/# foreign: /' "$lab/foreign.log"
	sed 's/^/# server: /' "$lab/server.log"
	echo "# policies replaced $(cat "$lab/applies") times: $(tail -n1 "$lab/apply.log")"
	refusals 1001 | sed 's/^/# refused of the good: /'
}

checks() {
	is "every trial came to its end" "$(told good trials) $(told bad trials) $(told foreign trials)" \
		"$TRIALS $((TRIALS / 10)) $((TRIALS / 10))"
	is "no allowed connection was refused" "$(told good failed)" 0
	none "and the gateway dropped nothing of them" "$(refusals 1001)"
	is "the server saw them all" "$(($(saw allowed) >= TRIALS))" 1
	like "of the others, names were refused" "$(refusals 1003)" '^name-mismatch [1-9]'
	like "and addresses" "$(refusals 1003)" '^name-not-learned [1-9]'
	like "in the other workspace too" "$(refusals 1002)" '^name-not-learned [1-9]'
	is "barred names do not exist" "$(told bad failed) $(told foreign failed)" "0 0"
	is "no other name arrived" "$(saw unknown_name)" 0
	is "nothing at an address without a name" "$(saw unknown_addr)" 0
	is "no byte from those who may send none" "$(saw unknown_source)" 0
	is "and no half hello" "$(saw stray)" 0
	unlike "upstream was not asked for barred names" "$(cat "$lab/background.log")" 'barred name'
	is "while policies were replaced" "$(($(cat "$lab/applies") >= 2))" 1
}

# The same trials where one of the names is allowed: the server would have seen it.
control() {
	documents "$lab/docs2" '*.barred.test'
	ctl apply "$lab/docs2" >"$lab/apply.log" 2>&1 || sed 's/^/# /' "$lab/apply.log"
	server_start
	in_ns ws1 dig +short +time=5 +tries=2 @$ASKED4 x1.barred.test >"$lab/barred"
	in_ns ws1 curl -sm 5 -b 10.66.1.66 --interface 10.66.1.66 -k --resolve \
		"x1.barred.test:443:$(head -n1 "$lab/barred")" https://x1.barred.test/ >/dev/null
	server_stop
	is "the server knows what it should not see" "$(saw unknown_name) $(saw unknown_source)" "1 1"
}

for tool in unbound dig; do
	command -v $tool >/dev/null || skip_all "no $tool; make deps installs it"
done
lab_begin
world || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
documents "$lab/docs0"
documents "$lab/docs1" other.exact.test
daemon_start || exit 1
ctl apply "$lab/docs0" >"$lab/apply.log" 2>&1 || sed 's/^/# /' "$lab/apply.log"
server_start
race
server_stop
findings
checks
control
[ -z "${KEEP:-}" ] || { ctl status; ctl stats; ctl denials; cat "$lab/daemon.log"; }
done_testing
