#!/bin/bash
# test_kafka.sh -- denials on the wire become messages of a Kafka topic, over brokers that go and come.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

TOPIC=egress.denials

# A cluster in the gateway's namespace; what arrives there is in $lab/kafka.out.
cluster_start() {
	mkfifo "$lab/kafka.in"
	exec 7<>"$lab/kafka.in"
	(exec nsenter --net="/run/netns/$lab_prefix-gw" "$build/tests/tools/daemon_kafka" $TOPIC \
		<"$lab/kafka.in" >"$lab/kafka.out" 2>>"$lab/background.log") &
	lab_pids+=($!)
	wait_for 20 test -s "$lab/kafka.out"
}

# The small world with this "kafka", or none.
documents() { # [MEMBERS OF kafka]
	local brokers
	brokers=$(head -1 "$lab/kafka.out" | sed 's/,/","/g')
	small_world "$lab"
	world_gateway "$lab" "g['log'] = {'interval_s': 1, 'file': {'path': '$lab/log/d.jsonl'}}"
	[ $# = 0 ] || world_gateway "$lab" "g['log']['kafka'] = {'brokers': [\"$brokers\"], 'topic': '$TOPIC', $1}"
}

# Evaluates an expression: k, [(key, record)] of the topic; f, records of the file; and their ids.
seen() { # EXPRESSION
	"$PYTHON" - "$lab/kafka.out" "$lab/log/d.jsonl" "$1" <<-'PY'
		import json, sys
		k = [line.split(" ", 1) for line in list(open(sys.argv[1]))[1:] if line.endswith("\n")]
		k = [(key, json.loads(value)) for key, value in k]
		f = [json.loads(line) for line in open(sys.argv[2])]
		k_ids, f_ids = [r["event_id"] for _, r in k], [r["event_id"] for r in f]
		to = lambda dst: [r for _, r in k if r["x_dbx_egress"]["dst_ip"] == dst]
		print(eval(sys.argv[3]))
	PY
}

has() { # EXPRESSION
	[ "$(seen "bool($1)" 2>/dev/null)" = True ]
}

comes() { # WHAT EXPRESSION
	if wait_for 40 has "$2"; then
		ok "$1"
	else
		not_ok "$1" "$(tail -3 "$lab/kafka.out"; ctl status; tail -5 "$lab/daemon.log")"
	fi
}

sink() { # EXPRESSION ON s, the sink in the status
	ctl --json status | jq_py "[($1) for s in d['log']['sinks'] if s['sink'] == 'kafka']"
}

sink_is() { # EXPRESSION
	[ "$(sink "bool($1)")" = "[True]" ]
}

deny() { # ADDRESS
	in_ns ws1 ping -c 3 -i 0.05 -W 0.1 "$1" >/dev/null
}

delivered() {
	deny 198.51.100.66
	comes "a denial arrives in the topic" 'to("198.51.100.66")'
	is "its key is the workspace" "$(seen '{key == r["workspace_id"] == "1001" for key, r in k}')" "{True}"
	comes "the message is the line of the file" \
		'any(r == to("198.51.100.66")[0] for r in f)'
	like "status shows the topic" "$(ctl status)" "^ +kafka $TOPIC: [1-9][0-9]* written"
	is "no error, nothing lost" "$(sink 's["error"], s["lost"]')" "[(None, 0)]"
}

down_and_back() {
	echo down >&7
	if wait_for 40 sink_is 's["error"] and "no broker of" in s["error"]'; then
		ok "brokers that are gone: status says so"
	else
		not_ok "brokers that are gone: status says so" "$(sink s)"
	fi
	like "and the log" "$(cat "$lab/daemon.log")" 'records to the sink kafka: no broker of'
	deny 198.51.100.67
	if wait_for 20 sink_is 's["queued"] > 0'; then
		ok "records wait"
	else
		not_ok "records wait" "$(sink s)"
	fi
	is "none of them is lost" "$(sink 's["lost"]')" "[0]"
	metric "the metrics say so too" '^dbx_egress_sink_error\{sink="kafka"\} 1$'
	echo up >&7
	comes "they arrive when brokers are back" 'to("198.51.100.67")'
	if wait_for 40 sink_is 's["error"] is None and s["queued"] == 0'; then
		ok "status is well again"
	else
		not_ok "status is well again" "$(sink s)"
	fi
	metric "and the metrics" '^dbx_egress_sink_error\{sink="kafka"\} 0$'
	comes "file and topic have the same records, each once" \
		'sorted(k_ids) == sorted(f_ids) and len(set(k_ids)) == len(k_ids)'
}

metric() { # WHAT REGEX
	like "$1" "$(curl -sm 20 --unix-socket "$lab/socket" http://localhost/metrics)" "$2"
}

# Documents change: a sink that is taken out, one with a wrong option, the right one again.
changed() {
	documents
	exits "apply without Kafka" 0 ctl apply "$lab/world"
	is "the sink is gone" "$(sink s)" "[]"
	documents "'options': {'lingerr.ms': '5'}"
	exits "apply with an option that there is not" 0 ctl apply "$lab/world"
	wait_for 20 sink_is 's["error"]'
	like "status names it" "$(sink 's["error"]')" 'lingerr\.ms'
	documents "'options': {'sasl.password': 'x'}"
	exits "apply with a secret in the document" 1 ctl apply "$lab/world"
	like "is refused" "$out" 'options_file'
}

# What waits when the daemon ends is delivered: here all of it does, for a minute.
ended() {
	documents "'options': {'linger.ms': '60000'}"
	exits "apply with a long wait" 0 ctl apply "$lab/world"
	deny 198.51.100.68
	wait_for 20 sink_is 's["queued"] > 0'
	daemon_stop
	comes "what waits is delivered when the daemon ends" 'to("198.51.100.68")'
	comes "and the topic has nothing that the file has not" 'not set(k_ids) - set(f_ids)'
}

lab_begin
"$build/tests/tools/daemon_kafka" >/dev/null 2>&1 </dev/null
[ $? != 77 ] || skip_all "built without librdkafka"
mkdir "$lab/log"
cluster_start || { sed 's/^/# /' "$lab/background.log"; exit 1; }
documents "'options': {'reconnect.backoff.max.ms': '500'}"
daemon_start || exit 1
exits "apply with Kafka" 0 ctl apply "$lab/world"
delivered
down_and_back
changed
ended
[ -z "${KEEP:-}" ] || cat "$lab/kafka.out" "$lab/daemon.log"
done_testing
