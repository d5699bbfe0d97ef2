#!/bin/bash
# test_monitor.sh -- denied flows as they come, and metrics that promtool and Prometheus read.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

api() { # PATH
	curl -sS --max-time 20 --unix-socket "$lab/socket" "http://localhost$1"
}

# Starts a monitor, and waits until the daemon has taken it.
watch() { # FILE ARGUMENTS
	local before
	before=$(streams)
	"$build/dbx-egressctl" --socket "$lab/socket" monitor "${@:2}" >"$lab/$1" 2>&1 &
	watcher=$!
	lab_pids+=("$watcher")
	wait_for 20 more_streams "$before"
}

# Connections that the daemon has on its socket.
streams() {
	ss -xH state connected "src $lab/socket" | wc -l
}

more_streams() { # THAN
	[ "$(streams)" -gt "$1" ]
}

holds() { # FILE REGEX
	grep -Eq "$2" "$lab/$1"
}

ended() { # PID
	! kill -0 "$1" 2>/dev/null
}

watched() {
	watch all.out
	watch one.out --dst 198.51.100.66 --proto icmp --count 1
	one=$watcher
	watch json.out --json --workspace 1001 --dst 198.51.100.64/30 --count 2
	json=$watcher
	watch none.out --workspace 999
	watch name.out --name '*.test' --verdict DROP
	in_ns ws1 ping -c 3 -i 0.05 -W 0.1 198.51.100.77 >/dev/null
	in_ns ws1 ping -c 3 -i 0.05 -W 0.1 198.51.100.66 >/dev/null
	names_address ws1 good.test >/dev/null
	in_ns ws1 dig +short +time=3 +tries=1 @198.51.100.53 other.test >/dev/null
	line='^[0-9:.]{12} DROP (no-match|name-not-learned) ws 1001 10\.66\.1\.[0-9]+ > 198\.51\.100\.'
	wait_for 20 holds all.out "$line""77 icmp"
	like "monitor: a flow" "$(cat "$lab/all.out")" "$line""77 icmp"
	wait_for 20 holds name.out other.test
	like "monitor --name: the flow" "$(cat "$lab/name.out")" '^[0-9:.]{12} DROP dns-denied ws 1001 .*:53 udp other\.test'
	unlike "monitor --name: no other" "$(cat "$lab/name.out")" icmp
	wait_for 20 ended "$one"
	wait "$one"
	is "monitor --count ends" $? 0
	like "monitor --dst --proto: the flow" "$(cat "$lab/one.out")" "$line""66 icmp"
	is "monitor --count 1 --dst: one line" "$(wc -l <"$lab/one.out")" 1
	wait_for 20 ended "$json"
	is "monitor --json: first seen, then its sums, with one id" "$("$PYTHON" - "$lab/json.out" <<-'PY'
		import json, sys
		r = [json.loads(line) for line in open(sys.argv[1])]
		x = [v["x_dbx_egress"] for v in r]
		print(len(r), len({v["event_id"] for v in r}), x[0].get("open"), x[1].get("open"), x[1]["packets"])
	PY
	)" "2 1 True None 3"
	is "monitor of a workspace without flows" "$(cat "$lab/none.out")" ""
}

usage() {
	exits "monitor: a verdict that is none" 2 "$build/dbx-egressctl" monitor --verdict NO
	exits "monitor: a reason that is none" 2 "$build/dbx-egressctl" monitor --reason no-mach
	exits "monitor: a port that is none" 2 "$build/dbx-egressctl" monitor --port 70000
	exits "monitor: a count of nothing" 2 "$build/dbx-egressctl" monitor --count 0
	exits "monitor: no daemon" 3 "$build/dbx-egressctl" -s "$lab/none" monitor
}

metrics() {
	api /metrics >"$lab/metrics"
	like "packets by workspace, verdict, reason, path" "$(cat "$lab/metrics")" \
		'^dbx_egress_packets_total\{workspace="1001",verdict="DROP",reason="[a-z-]+",path="none"\} [1-9]'
	for outcome in answered refused; do
		like "queries that were $outcome, by time" "$(cat "$lab/metrics")" \
			'^dbx_egress_dns_latency_seconds_bucket\{outcome="'$outcome'",le="\+Inf"\} [1-9]'
	done
	is "the generation is that of status" "$(sed -n 's/^dbx_egress_generation //p' "$lab/metrics")" \
		"$(ctl --json status | jq_py 'd["generation"]')"
	is "rows of packets and totals are one sum" "$(sum judged_packets)" "$(sum packets)"
	if command -v promtool >/dev/null; then
		exits "promtool check metrics" 0 promtool check metrics <"$lab/metrics"
		is "and it says nothing" "$out" ""
		exits "promtool check rules" 0 promtool check rules packaging/prometheus/alerts.yml
	else
		ok "promtool check metrics # SKIP no promtool"
	fi
	"$PYTHON" tests/netns/metric_names.py "$lab/metrics" packaging/prometheus/alerts.yml \
		packaging/grafana/dashboard.json >"$lab/names.out" 2>&1
	is "alerts and dashboard use metrics that there are" "$(cat "$lab/names.out")" ""
}

scrape() { # [CURL ARGUMENTS]
	in_ns gw curl -sS --max-time 20 "$@"
}

listens() { # ON
	[ "$(ctl --json status | jq_py 'd["metrics"] and d["metrics"]["listening"] and d["metrics"]["listen"]')" = "$1" ]
}

# By TCP in the gateway's namespace, where the document says so, and nothing but the metrics.
by_tcp() {
	local at=127.0.0.1:9479
	is "without \"metrics\" nothing listens" "$(in_ns gw ss -Hltn 'sport = 9479')" ""
	in_ns_background gw socat -u TCP-LISTEN:9479,bind=127.0.0.1,reuseaddr,fork OPEN:/dev/null
	occupant=${lab_pids[-1]}
	wait_for 20 in_ns gw bash -c '[ -n "$(ss -Hltn "sport = 9479")" ]'
	names_gateway '"log": {"interval_s": 1}, "metrics": {"listen": "'$at'"}' >"$lab/docs/gateway.json"
	exits "apply with an address that is in use" 0 ctl apply "$lab/docs"
	like "status says so" "$(ctl status)" "^metrics +$at: 0 scrapes, listening on $at: Address already in use"
	kill "$occupant"
	wait "$occupant" 2>/dev/null
	if wait_for 20 listens $at; then
		ok "it listens as soon as the address is free"
	else
		not_ok "it listens as soon as the address is free" "$(ctl status; tail -3 "$lab/daemon.log")"
	fi
	scrape "http://$at/metrics" >"$lab/metrics.tcp"
	is "the same metrics as on the socket" "$(grep '^# TYPE' "$lab/metrics.tcp")" "$(api /metrics | grep '^# TYPE')"
	is "no other path" "$(scrape -o "$lab/other" -w '%{http_code}' "http://$at/api/2.0/dbx-egress/status")" 404
	is "no other method" "$(scrape -o "$lab/other" -w '%{http_code}' -d x "http://$at/metrics")" 405
}

# A change of documents moves it, and takes it away.
moved() {
	names_gateway '"log": {"interval_s": 1}, "metrics": {"listen": "[::1]:9480"}' >"$lab/docs/gateway.json"
	exits "apply with another address" 0 ctl apply "$lab/docs"
	if wait_for 20 listens '[::1]:9480'; then
		ok "metrics are served there"
	else
		not_ok "metrics are served there" "$(ctl status)"
	fi
	like "by IPv6" "$(scrape 'http://[::1]:9480/metrics')" '^dbx_egress_generation [1-9]'
	is "and no more where they were" "$(in_ns gw ss -Hltn 'sport = 9479')" ""
	daemon_stop
	daemon_start || return
	if wait_for 20 listens '[::1]:9480'; then
		ok "a daemon that starts listens there at once"
	else
		not_ok "a daemon that starts listens there at once" "$(ctl status)"
	fi
	names_gateway '"log": {"interval_s": 1}' >"$lab/docs/gateway.json"
	exits "apply without metrics" 0 ctl apply "$lab/docs"
	is "nothing listens any more" "$(in_ns gw ss -Hltn 'sport = 9480')" ""
}

# Prometheus itself, in the gateway's namespace; it speaks TCP only.
scraped() {
	if ! command -v prometheus >/dev/null; then
		ok "Prometheus scrapes # SKIP no prometheus"
		return
	fi
	cat >"$lab/prometheus.yml" <<-'YML'
		scrape_configs:
		  - job_name: gateway
		    scrape_interval: 1s
		    scrape_timeout: 1s
		    static_configs: [{targets: ["127.0.0.1:9479"]}]
	YML
	in_ns_background gw prometheus --config.file="$lab/prometheus.yml" \
		--storage.tsdb.path="$lab/tsdb" --web.listen-address=127.0.0.1:9490
	wait_for 40 query_is dbx_egress_generation
	like "Prometheus scrapes and stores" "$(query dbx_egress_generation)" \
		'"value":\[[0-9.]+,"'"$(status_of generation)"'"\]'
	is "and finds nothing wrong" "$(in_ns gw curl -sS --max-time 5 http://127.0.0.1:9490/api/v1/targets |
		jq_py '[(t["health"], t["lastError"]) for t in d["data"]["activeTargets"]]')" "[('up', '')]"
}

query() { # EXPRESSION
	in_ns gw curl -sS --max-time 5 "http://127.0.0.1:9490/api/v1/query?query=$1"
}

query_is() { # EXPRESSION
	query "$1" | grep -q '"value"'
}

sum() { # METRIC
	awk -v m="dbx_egress_$1_total{" 'index($0, m) == 1 { n += $NF } END { print n }' "$lab/metrics"
}

# A reader that is gone leaves no trace.
daemon_lives() {
	kill -9 "$watcher"
	exits "a reader that is killed leaves the daemon alone" 0 ctl status
}

# One that stops reading is cut off, while another goes on.
slow_is_cut() {
	watch slow.out
	kill -STOP "$watcher"
	in_ns ws1 "$PYTHON" - <<-'PY'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for port in range(1, 8001):
		    s.sendto(b"x", ("198.51.100.88", port))
	PY
	if wait_for 20 holds daemon.log 'too slow: it is cut off'; then
		ok "a reader that stops is cut off"
	else
		not_ok "a reader that stops is cut off" "$(tail -3 "$lab/daemon.log"; tail -1 "$lab/all.out")"
	fi
	wait_for 20 holds all.out '198\.51\.100\.88:'
	like "others are served" "$(tail -1 "$lab/all.out")" '198\.51\.100\.88:'
	kill -CONT "$watcher"
	wait_for 20 ended "$watcher"
	wait "$watcher"
	is "it is told so" $? 3
}

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
names_documents
names_gateway '"log": {"interval_s": 1}' >"$lab/docs/gateway.json"
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || sed 's/^/# /' "$lab/apply.out"
usage
watched
metrics
by_tcp
scraped
daemon_lives
slow_is_cut
moved
[ -z "${KEEP:-}" ] || { cat "$lab/all.out" "$lab/metrics" "$lab/daemon.log"; }
done_testing
