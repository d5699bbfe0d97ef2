#!/bin/bash
# test_reasons.sh -- every reason of reasons.def on the wire: counter, record, explain and monitor.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 600
#
# reasons_rows.py says what is reached in which stage, reasons_act.py how, reasons.py what is looked at.
# Some are the kernel program's alone, since the stage works on its maps; one is that of dbx-egress-dpdk.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

LAKE=contosolake.blob.core.windows.net
export PYTHONDONTWRITEBYTECODE=1

log_member() {
	echo '"log": {"interval_s": 1, "allowed": "first", "file": {"path": "'"$lab"'/log/d.jsonl", "rotate_bytes": 65536}}'
}

# ---- documents ----------------------------------------------------------------------------------

# Those of the vectors, but for what `apply` refuses: tables that contradict themselves on purpose.
vector_documents() {
	cp -r tests/vectors/policy "$lab/vectors"
	"$PYTHON" - "$lab/vectors" "{$(log_member)}" <<-'PY'
		import json, sys
		gateway, east = (sys.argv[1] + name for name in ("/gateway.json", "/ncc-east.json"))
		d = json.load(open(gateway))
		g = d["gateway"]
		g.update(json.loads(sys.argv[2]))
		taken = {"10.9.0.8": "10.9.0.18", "10.9.0.13": "10.9.0.19", "10.9.0.14": "10.9.0.21"}
		for e in g["private_endpoints"]:
		    if e["rule_id"] in ("pe-shared-2", "pe-rejected", "pe-foreign"):
		        e["addresses"] = [taken.get(a, a) for a in e["addresses"]]
		g["private_endpoints"] = [e for e in g["private_endpoints"] if "pe-s3" not in e["rule_id"]]
		g["paths"] = [p for p in g["paths"] if p["interface"] != "up9"]
		json.dump(d, open(gateway, "w"))
		d = json.load(open(east))
		del d["egress_config"]["target_rules"]["aws_private_endpoint_rules"]
		json.dump(d, open(east, "w"))
	PY
}

names_world() {
	names_documents
	mv "$lab/docs" "$lab/names"
	names_gateway "$(log_member)"',
	 "names": {"ech": "deny", "quic": "deny", "unverified_ports": [{"protocol": "tcp", "ports": [2222]}]},
	 "blocked_destinations": [{"label": "bad-name", "names": ["blocked.test"]}],
	 "tunnels": [{"type": "vxlan", "remotes": ["10.66.1.10/32"]}],
	 "private_endpoints": [{"rule_id": "rule-lake", "addresses": ["10.9.0.4"], "private_required": true}]' |
		"$PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
d["gateway"]["dns"]["grace_s"] = 600
one, two = d["gateway"]["workspaces"]
one["sources"].append({"prefix": "10.50.0.0/24", "vni": 100})
two["quota"] = {"new_flows_per_second": 10, "bytes_per_second": 20000, "burst_ms": 1000}
json.dump(d, sys.stdout)' >"$lab/names/gateway.json"
	names_policy np-one good.test far.test $LAKE >"$lab/names/np-one.json"
	np np-two "$(ip_ranges 198.51.100.66/32)" >"$lab/names/np-two.json"
	ncc >"$lab/names/ncc-lake.json"
	echo '{"workspace_id": 1001, "network_connectivity_config_id": "ncc-lake"}' >"$lab/names/ncc-1001.json"
}

# More of the lab's servers than names.sh has: a public address of the lake, another port.
eval "$(declare -f names_unbound_config | sed '1s/.*/plain_unbound_config ()/')"
names_unbound_config() {
	plain_unbound_config | sed "s|^ local-zone: .*|&\n local-zone: \"core.windows.net.\" static\n local-data: \"$LAKE. 1 IN A 13.77.112.20\"|"
}
eval "$(declare -f names_nginx_config | sed '1s/.*/plain_nginx_config ()/')"
names_nginx_config() {
	plain_nginx_config | sed 's/listen 80;/& listen 2222;/'
}

ncc() {
	local day=86400000 now
	now=$(date +%s000)
	cat <<-END
	{"network_connectivity_config_id": "ncc-lake", "name": "ncc-lake", "region": "eastus2",
	 "egress_config": {"target_rules": {"azure_private_endpoint_rules": [
	  {"rule_id": "rule-lake", "network_connectivity_config_id": "ncc-lake",
	   "resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/contosolake",
	   "group_id": "blob", "endpoint_name": "pe-lake", "connection_state": "ESTABLISHED",
	   "creation_time": $((now - day)), "updated_time": $((now - day / 2))}]}}}
	END
}

# ---- stages -------------------------------------------------------------------------------------

in_force() { # DOCUMENTS
	exits "apply $1" 0 ctl apply "$lab/$1" && return
	done_testing
}

# A line for each verdict and reason that the stage reaches, checked.
stage() { # NAME
	local what wrong status
	"$PYTHON" tests/netns/reasons.py "$1" >"$lab/stage.out" 2>"$lab/stage.err"
	status=$?
	is "stage $1 is gone through" "$status $(cat "$lab/stage.err")" "0 "
	while IFS=$'\t' read -r what wrong; do
		is "$1: $what" "$wrong" ""
		echo "${what#* }" >>"$lab/reached"
	done <"$lab/stage.out"
}

watch_all() {
	"$build/dbx-egressctl" --socket "$lab/socket" monitor --json >"$lab/monitor.json" 2>"$lab/monitor.err" &
	lab_pids+=($!)
	"$build/dbx-egressctl" --socket "$lab/socket" monitor >"$lab/monitor.out" 2>>"$lab/monitor.err" &
	lab_pids+=($!)
	wait_for 20 watched
}

# A gateway that knows nothing yet.
begin() {
	daemon_stop
	dpdk_end TERM
	rm -rf "$lab/bpf/dbx-egress" "$lab"/state/* "$lab/log"
	mkdir "$lab/log"
	daemon_start --interface ws1 --interface ws2 || exit 1
	watch_all || not_ok "monitors" "$(cat "$lab/monitor.err")"
}

watched() {
	[ "$(ss -xH state connected "src $lab/socket" | wc -l)" -ge 2 ]
}

port_53_is_taken() {
	in_ns_background gw "$PYTHON" -c 'import socket, time
s = [socket.socket(f, k) for f in (socket.AF_INET, socket.AF_INET6) for k in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for x in s:
    if x.family == socket.AF_INET6:
        x.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    x.bind(("::" if x.family == socket.AF_INET6 else "0.0.0.0", 53))
s[1].listen(), s[3].listen()
time.sleep(600)'
	taker=${lab_pids[-1]}
	wait_for 20 in_ns gw sh -c '[ $(ss -lunH "sport = 53" | wc -l) -ge 2 ]'
}

resolver_runs() {
	[ "$(ctl --json status | jq_py 'd["dns"]["running"]')" = True ]
}

opened() {
	event_id=$(sed -n 's/.*"event_id":"\([^"]*\)".*"dst_ip":"198\.51\.100\.77".*"open":true.*/\1/p' "$lab/monitor.json" | head -n1)
	[ -n "$event_id" ]
}

# monitor shows an event_id before there is a record: explain knows it all the same.
still_open() {
	sed -i 's/"interval_s": 1\b/"interval_s": 300/' "$lab/names/gateway.json"
	in_force names
	in_ns ws1 ping -c 4 -i 0.05 -W 0.1 198.51.100.77 >/dev/null
	wait_for 20 opened || not_ok "monitor shows the flow" "$(tail -3 "$lab/monitor.json")"
	wait_for 20 eval 'ctl explain "$event_id" | grep -q ": 4 packets"'
	exits "explain of a flow that is open" 0 ctl explain "$event_id"
	like "what was recorded so far" "$out" '^recorded +DROP  (no-match|name-not-learned): '
	like "and that it goes on" "$out" ': 4 packets, [0-9]+ bytes so far: the flow goes on$'
	is "it is in no file yet" "$(grep -c "$event_id" "$lab"/log/d.jsonl)" 0
	daemon_stop
	is "and is when the daemon ends" "$(grep -c "$event_id" "$lab"/log/d.jsonl)" 1
}

none "every reason has a row, and every row a reason" \
	"$(REASONS_LAB=/ REASONS_VECFRAMES=$build/tests/tools/vecframes "$PYTHON" tests/netns/reasons_rows.py 2>&1)"
lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
export REASONS_LAB=$lab REASONS_PREFIX=$lab_prefix REASONS_CTL=$build/dbx-egressctl
export REASONS_VECFRAMES=$build/tests/tools/vecframes
names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
REASONS_UPSTREAM=$(cat "$lab/unbound.pid")
export REASONS_UPSTREAM
vector_documents
names_world
begin
stage empty
in_force vectors
stage vectors
if [ -z "${LAB_DPDK:-}" ]; then
	stage driver
	stage broken
fi
begin
port_53_is_taken
in_force names
stage not-ready
kill "$taker"
wait_for 30 resolver_runs || not_ok "the resolver runs when its port is free" "$(ctl status)"
stage names
if [ -z "${LAB_DPDK:-}" ]; then
	stage full
	stage hidden
else
	stage unjudged
fi
still_open
[ -z "${KEEP:-}" ] || { cat "$lab/monitor.out" "$lab/daemon.log" "$lab/background.log"; }
done_testing
