#!/bin/bash
# test_bad_input.sh -- bad input against a running gateway: one clear message with file and place,
# exit code 1, and the generation in force stays as it was, to the byte.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Each case goes three ways: through the tool, which reads documents before it sends them; to the
# tool with --json; and straight to the socket, as a program would that reads nothing.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

account=7c1e2c52-90a1-4b7e-9f0e-3d2b6a8f1c44

# ---- one case -----------------------------------------------------------------------------------

# The faults of a refusal by the tool; its streams are in $lab/out and $lab/err.
faults_of() { # STATUS REGEX
	[ "$1" -eq 1 ] || echo "exit status $1"
	[ ! -s "$lab/out" ] || echo "on standard output: $(head -c 300 "$lab/out")"
	grep -Eq -- "$2" "$lab/err" || echo "no line matches /$2/: $(head -c 2000 "$lab/err")"
	[ "$(grep -Ec '^(error|dbx-egressctl): ' "$lab/err")" -eq 1 ] ||
		echo "not one message: $(head -c 2000 "$lab/err")"
	changes
}

# Standard output of --json is the refusal itself, for programs.
json_faults() { # STATUS
	[ "$1" -eq 1 ] || echo "--json: exit status $1"
	"$PYTHON" - "$lab/out" 2>&1 <<'PY'
import json, sys
said = json.load(open(sys.argv[1]))
if not said.get("error_code") or not said.get("message") or "generation" in said or "revision" in said:
    print("--json:", said)
PY
}

refused() { # WHAT REGEX ARGUMENTS OF dbx-egressctl...
	local what=$1 regex=$2
	shift 2
	none "$what" "$({
		ctl "$@" >"$lab/out" 2>"$lab/err"
		faults_of $? "$regex"
		ctl --json "$@" >"$lab/out" 2>/dev/null
		json_faults $?
	})"
}

# The same document in a request of its own. An error must name the document and the place in it.
sent() { # WHAT HTTP_STATUS POINTER_REGEX FILE...
	local what=$1 status=$2 pointer=$3 f sep='' got
	shift 3
	{
		printf '{"documents":['
		for f; do
			printf '%s{"source":"%s","document":' "$sep" "$f"
			case $f in
			*.gz) zcat "$f" ;;
			*) cat "$f" ;;
			esac
			printf '}'
			sep=,
		done
		printf ']}'
	} >"$lab/body"
	got=$(rest POST /dbx-egress/apply -o "$lab/out" -w '%{http_code}' --data-binary "@$lab/body")
	none "$what, straight to the socket" "$({
		[ "$got" = "$status" ] || echo "HTTP $got, wanted $status"
		answer_faults "$pointer" "$@"
		changes
	})"
}

# "-" as pointer: the request itself cannot be read, so no document can be named.
answer_faults() { # POINTER_REGEX FILES...
	"$PYTHON" - "$lab/out" "$@" 2>&1 <<'PY'
import json, re, sys
said = json.load(open(sys.argv[1]))
pointer, files = sys.argv[2], sys.argv[3:]
errors = [f for f in said.get("findings", []) if f["severity"] == "error"]
if not said.get("error_code") or not said.get("message") or "generation" in said:
    print("no refusal:", str(said)[:1000])
elif pointer == "-":
    if errors:
        print("findings:", errors)
elif len(errors) != 1 or errors[0]["doc"] not in files or not re.fullmatch(pointer, errors[0]["ptr"]):
    print("wanted one error at", pointer, "of", files, "and got", str(errors)[:2000])
PY
}

# Through the tool and to the socket.
both() { # WHAT POINTER TEXT_REGEX FILES...
	refused "$1" "^error: ${4//./\\.}: $2: .*$3" apply "${@:4}"
	sent "$1" 400 "$2" "${@:4}"
}

# ---- the documents ------------------------------------------------------------------------------

nest() { # DEPTH
	head -c "$1" /dev/zero | tr '\0' '['
	head -c "$1" /dev/zero | tr '\0' ']'
}

# The gateway document of the example with one thing changed, in Python.
gateway() { # FILE STATEMENT ON g
	"$PYTHON" - "$1" "$2" <<'PY'
import json, sys
d = json.load(open("rules/demo/before/gateway.json"))
g = d["gateway"]
exec(sys.argv[2])
json.dump(d, open(sys.argv[1], "w"))
PY
}

# The NCC of the example with one thing changed.
ncc() { # FILE STATEMENT ON n AND ITS RULES r
	"$PYTHON" - "$1" "$2" <<'PY'
import json, sys
n = json.load(open("rules/demo/before/ncc.json"))
r = n["egress_config"]["target_rules"]["azure_private_endpoint_rules"]
exec(sys.argv[2])
json.dump(n, open(sys.argv[1], "w"))
PY
}

# Azure's file with one thing changed.
feed() { # FILE STATEMENT ON f
	"$PYTHON" - "$1" "$2" <<'PY'
import gzip, json, sys
f = json.load(gzip.open("rules/feeds/azure-public-20260427.json.gz"))
exec(sys.argv[2])
json.dump(f, open(sys.argv[1], "w"))
PY
}

no_json() {
	local d=$lab/bad
	refused "a file that is not there" "^error: $d/gone.json: does not exist" apply "$d/gone.json"
	: >"$d/empty.json"
	refused "an empty file" "^error: $d/empty.json: is empty" apply "$d/empty.json"
	ln -s /proc/self/mem "$d/unreadable.json"
	refused "a file that cannot be read" "^error: $d/unreadable.json: .*(error|cannot)" \
		apply "$d/unreadable.json"
	mkdir "$d/nothing"
	echo text >"$d/nothing/README.md"
	refused "a directory without documents" "^error: $d/nothing: the directory has no documents" \
		apply "$d/nothing"
	truncate -s 300M "$d/huge.json"
	refused "300 MB" "^error: $d/huge.json: has 314572800 bytes; a document may have up to" \
		apply "$d/huge.json"
	printf '{"network_policy_id":"a\xff","egress":{}}' >"$d/utf8.json"
	refused "invalid UTF-8" "^error: $d/utf8.json: .*line 1, column [0-9]+.*UTF-8" \
		apply "$d/utf8.json"
	sent "invalid UTF-8" 400 '' "$d/utf8.json"
	np np-x | head -c 60 >"$d/cut.json"
	refused "truncated JSON" "^error: $d/cut.json: .*line 1, column [0-9]+" apply "$d/cut.json"
	sent "truncated JSON" 400 - "$d/cut.json"
	{ np np-x | head -c 20 && printf '\0' && np np-x | tail -c +21; } >"$d/nul.json"
	refused "a NUL byte inside" "^error: $d/nul.json: .*line 1, column [0-9]+.*NUL" \
		apply "$d/nul.json"
	sent "a NUL byte inside" 400 '' "$d/nul.json"
	{ np np-x && echo '{}'; } >"$d/trailing.json"
	refused "something after the document" "^error: $d/trailing.json: .*line [12], column [0-9]+" \
		apply "$d/trailing.json"
	sent "something after the document" 400 - "$d/trailing.json"
	echo '{"network_policy_id":"np-x","network_policy_id":"np-y","egress":{}}' >"$d/keys.json"
	refused "a key twice" "^error: $d/keys.json: .*line 1, column [0-9]+.*network_policy_id" \
		apply "$d/keys.json"
	sent "a key twice" 400 '' "$d/keys.json"
	nest 10000 >"$d/deep.json"
	refused "nested 10,000 deep" "^error: $d/deep.json: .*nested deeper" apply "$d/deep.json"
	sent "nested 10,000 deep" 400 '.*' "$d/deep.json"
	np np-x ",\"x\":$(nest 10000)" >"$d/deep-inside.json"
	refused "nested 10,000 deep in a policy" "^error: $d/deep-inside.json: .*nested deeper" \
		apply "$d/deep-inside.json"
	sent "nested 10,000 deep in a policy" 400 '' "$d/deep-inside.json"
	nest 5000000 >"$d/deepest.json"
	sent "nested 5,000,000 deep" 400 '.*' "$d/deepest.json"
}

# The request as a whole, to the socket.
no_request() {
	local got
	# With "Expect: 100-continue" the daemon answers before the body comes, and closes: a client that
	# was about to write may see the end of the connection (000) in place of the answer, then again.
	for _ in 1 2 3 4 5; do
		got=$(rest POST /dbx-egress/apply -o "$lab/out" -w '%{http_code}' \
			-H 'Expect: 100-continue' --expect100-timeout 10 -T "$lab/bad/huge.json")
		[ "$got" = 000 ] || break
	done
	none "a request of 300 MB" "$({
		[ "$got" = 413 ] || echo "HTTP $got, wanted 413"
		changes
	})"
	# Without it, the connection is closed on who goes on sending.
	rest POST /dbx-egress/apply -T "$lab/bad/huge.json" >"$lab/out"
	none "a request of 300 MB, unasked" "$({
		[ $? -ne 0 ] || grep -q '"error_code"\|413' "$lab/out" || head -c 300 "$lab/out"
		changes
		awk '/VmHWM/ && $2 > 200000 { print "the daemon took", $2, "kB" }' "/proc/$daemon_pid/status"
	})"
	for body in '' '[]' '{}' '{"documents":[]}' '{"documents":{}}' '{"documents":[1]}' '{"documents":[' \
		'{"documents":[{"document":{}}],"force":"yes"}' '{"documents":[{"source":7,"document":{}}]}' \
		'{"documents":[{"document":{}}],"more":1}' "$(printf '\377\376')"; do
		got=$(rest POST /dbx-egress/apply -o "$lab/out" -w '%{http_code}' --data-binary "$body")
		none "the request ${body@Q}" "$({
			[ "$got" = 400 ] || echo "HTTP $got, wanted 400"
			grep -q '"error_code"' "$lab/out" || cat "$lab/out"
			changes
		})"
	done
}

bad_shapes() {
	local d=$lab/bad
	echo '{"network_policy_id":"np-x","egress":[]}' >"$d/list.json"
	both "a list for an object" /egress 'object is expected' "$d/list.json"
	echo '{"network_policy_id":7,"egress":{}}' >"$d/number.json"
	both "a number for a string" /network_policy_id 'string is expected' "$d/number.json"
	np np-x ',"allowed_internet_destinations":"pypi.org"' >"$d/string.json"
	both "a string for a list" /egress/network_access/allowed_internet_destinations \
		'list is expected' "$d/string.json"
	np np-x '' RESTRICTED >"$d/mode.json"
	both "an unknown restriction_mode" /egress/network_access/restriction_mode \
		'"RESTRICTED".*FULL_ACCESS, RESTRICTED_ACCESS' "$d/mode.json"
	echo '{"name":"x","rules":[{"action":"ALLOW"}]}' >"$d/foreign.json"
	both "a policy of another product" /rules 'network_policy_id' "$d/foreign.json"
	echo '{"colour":"blue"}' >"$d/unknown.json"
	refused "a document of no known kind" "^error: $d/unknown.json: .*kind" apply "$d/unknown.json"
	sent "a document of no known kind" 400 '' "$d/unknown.json"
	echo "[$(np np-x), 7]" >"$d/array.json"
	refused "a list with something else in it" "^error: $d/array.json: /1: " apply "$d/array.json"
	sent "a list with something else in it" 400 /1 "$d/array.json"
	echo '"text"' >"$d/text.json"
	refused "a string for a document" "^error: $d/text.json: .*line 1, column" apply "$d/text.json"
	sent "a string for a document" 400 '' "$d/text.json"
	echo '{"workspace_id":1e400,"network_policy_id":"np-analytics"}' >"$d/huge-number.json"
	refused "a number past all bounds" "^error: $d/huge-number.json: .*(line 1, column|/workspace_id)" \
		apply "$d/huge-number.json"
	sent "a number past all bounds" 400 '|/workspace_id' "$d/huge-number.json"
	echo '{"workspace_id":99999999999999999999,"network_policy_id":"np-analytics"}' >"$d/big-number.json"
	refused "a number past 64 bits" "^error: $d/big-number.json: .*(line 1, column|/workspace_id)" \
		apply "$d/big-number.json"
	sent "a number past 64 bits" 400 '|/workspace_id' "$d/big-number.json"
}

bad_values() {
	local d=$lab/bad g=/gateway
	gateway "$d/host-bits.json" 'g["workspaces"][0]["sources"][0]["prefix"] = "10.0.0.1/8"'
	both "a prefix with host bits" $g/workspaces/0/sources/0/prefix \
		'"10.0.0.1/8".*write 10.0.0.0/8' "$d/host-bits.json"
	np np-analytics "$(ip_ranges 10.0.0.1/8)" >"$d/np-host-bits.json"
	both "a prefix with host bits in a policy" \
		/egress/network_access/allowed_internet_destinations/0/destination \
		'10.0.0.1/8.*10.0.0.0/8' "$d/np-host-bits.json"
	gateway "$d/port.json" 'g["platform_sets"][0]["ports"] = [443, 70000]'
	both "port 70000" $g/platform_sets/0/ports/1 '70000.*65535' "$d/port.json"
	gateway "$d/negative.json" 'g["platform_sets"][0]["ports"] = [-1]'
	both "port -1" $g/platform_sets/0/ports/0 '-1' "$d/negative.json"
	gateway "$d/reversed.json" 'g["platform_sets"][0]["ports"] = ["9000-8000"]'
	both "a range of ports that falls" $g/platform_sets/0/ports/0 '9000-8000' "$d/reversed.json"
	gateway "$d/half.json" 'g["platform_sets"][0]["ports"] = [443.5]'
	both "port 443.5" $g/platform_sets/0/ports/0 'number' "$d/half.json"
	gateway "$d/vlan.json" 'g["workspaces"][0]["sources"][0]["vlan"] = 4095'
	both "VLAN 4095" $g/workspaces/0/sources/0/vlan '4095.*4094|1.*4094' "$d/vlan.json"
	gateway "$d/mac.json" 'g["workspaces"][0]["sources"][0]["mac"] = "02:00:00:00:01"'
	both "a MAC address of five bytes" $g/workspaces/0/sources/0/mac '02:00:00:00:01' "$d/mac.json"
	gateway "$d/protocol.json" 'g["platform_sets"][0]["protocol"] = "tpc"'
	both "a protocol that is none" $g/platform_sets/0/protocol 'tpc' "$d/protocol.json"
	gateway "$d/icmp-port.json" 'g["platform_sets"][0]["protocol"] = "icmp"'
	both "ports with ICMP" "$g/platform_sets/0/ports" 'types' "$d/icmp-port.json"
	gateway "$d/prefix.json" 'g["workspaces"][0]["sources"][0]["prefix"] = "10.66.1.0/33"'
	both "a prefix of 33 bits" $g/workspaces/0/sources/0/prefix '10.66.1.0/33' "$d/prefix.json"
	gateway "$d/tag.json" 'g["platform_sets"][0]["service_tags"] = ["AzureDatabrick"]'
	both "a service tag that no range file has" $g/platform_sets/0/service_tags/0 \
		'AzureDatabrick' "$d/tag.json"
	np np-analytics ',"allowed_internet_destinations":[{"destination":"https://x.org/a","internet_destination_type":"DNS_NAME"}]' \
		>"$d/url.json"
	both "a URL for a name" /egress/network_access/allowed_internet_destinations/0/destination \
		'https://x.org/a' "$d/url.json"
}

contradictions() {
	local d=$lab/bad g=/gateway
	np np-x >"$d/one.json"
	np np-x ',"x":1' >"$d/two.json"
	refused "the same policy twice" "^error: $d/two.json: /network_policy_id: .*\"np-x\".*$d/one.json" \
		apply "$d/one.json" "$d/two.json"
	sent "the same policy twice" 400 /network_policy_id "$d/one.json" "$d/two.json"
	gateway "$d/workspace.json" 'g["workspaces"].append(dict(g["workspaces"][0], sources=[]))'
	both "a workspace twice" "$g/workspaces/2.*" '1001' "$d/workspace.json"
	gateway "$d/label.json" 'g["platform_sets"].append(g["platform_sets"][0])'
	both "a label twice" "$g/platform_sets/1.*" 'control-plane' "$d/label.json"
	gateway "$d/claimed.json" 'g["workspaces"][1]["sources"][0]["prefix"] = "10.66.1.0/24"'
	both "two workspaces, one source" "$g/workspaces/1/sources/0.*" '10.66.1.0/24.*1001' \
		"$d/claimed.json"
	echo '{"workspace_id":1001,"network_policy_id":"gone"}' >"$d/option.json"
	both "a workspace with a policy that is not there" /network_policy_id '"gone"' "$d/option.json"
	echo '{"workspace_id":1001,"network_connectivity_config_id":"gone"}' >"$d/binding.json"
	both "a workspace with an NCC that is not there" /network_connectivity_config_id '"gone"' \
		"$d/binding.json"
	{
		np np-x
		np np-y '' NONE
	} | split -l 1 -d -a 1 --additional-suffix=.json - "$d/mixed-"
	refused "a good document beside a bad one" "^error: $d/mixed-1.json: .*restriction_mode" \
		apply "$d/mixed-0.json" "$d/mixed-1.json"
	sent "a good document beside a bad one" 400 /egress/network_access/restriction_mode \
		"$d/mixed-0.json" "$d/mixed-1.json"
}

# Private endpoints, paths and quotas that contradict each other.
endpoints() {
	local d=$lab/bad g=/gateway r=/egress_config/target_rules/azure_private_endpoint_rules
	local pe=/gateway/private_endpoints
	gateway "$d/no-address.json" 'g["private_endpoints"] = []'
	both "an effective rule without an address" $r/0 'is effective.*private_endpoints' \
		rules/demo/before/ncc.json "$d/no-address.json"
	gateway "$d/address-twice.json" 'g["private_endpoints"][0]["addresses"].append("10.9.0.4")'
	both "a private address twice" $pe/0/addresses/2 'given twice' "$d/address-twice.json"
	ncc "$d/other.json" 'r.append(dict(r[0], rule_id="other", group_id="blob"))'
	gateway "$d/two-rules.json" 'g["private_endpoints"].append({"rule_id": "other", "addresses": ["10.9.0.4"]})'
	both "a private address of two rules" $pe/1/addresses/0 "10.9.0.4 of rule other is also .* at $pe/0" \
		"$d/two-rules.json" "$d/other.json"
	gateway "$d/in-workload.json" 'g["private_endpoints"][0]["addresses"].append("10.66.1.77")'
	both "a private address among the sources" $pe/0/addresses/2 \
		'10.66.1.77 lies in 10.66.1.0/24.*1001' "$d/in-workload.json"
	gateway "$d/no-rule.json" 'g["private_endpoints"].append({"rule_id": "gone", "addresses": ["10.9.77.7"]})'
	both "an address of a rule that is not there" $pe/1/rule_id '"gone"' "$d/no-rule.json"
	ncc "$d/name.json" 'r.append(dict(r[0], rule_id="again"))'
	gateway "$d/name-gw.json" 'g["private_endpoints"].append({"rule_id": "again", "addresses": ["10.9.77.7"]})'
	both "a name of two effective rules" $r/1 'contosolake.dfs.core.windows.net is also a name of rule' \
		"$d/name.json" "$d/name-gw.json"
	ncc "$d/region.json" 'n["egress_config"]["default_rules"]["azure_service_endpoint_rule"]["target_region"] = "westus"'
	both "service endpoints of another region" \
		/egress_config/default_rules/azure_service_endpoint_rule/target_region 'write eastus2' \
		"$d/region.json"
	ncc "$d/s3.json" 'n["egress_config"]["target_rules"]["aws_private_endpoint_rules"] = [{"rule_id": "s3", "endpoint_service": "com.amazonaws.us-east-1.s3", "resource_names": ["b"], "connection_state": "PENDING"}]'
	both "an S3 rule of another region" \
		/egress_config/target_rules/aws_private_endpoint_rules/0/endpoint_service 'us-east-1' "$d/s3.json"
	gateway "$d/path-ncc.json" 'g["paths"] = [{"path": "nat", "interface": "up0", "ncc_ids": ["gone"]}]'
	both "a path of an NCC that is not there" $g/paths/0/ncc_ids/0 '"gone"' "$d/path-ncc.json"
	gateway "$d/path-twice.json" 'g["paths"] = [{"path": "nat", "interface": i} for i in ("up0", "up1")]'
	both "a path twice" $g/paths/1 "$g/paths/0" "$d/path-twice.json"
	gateway "$d/isolated.json" 'g["workspaces"][1]["isolated"] = True'
	both "an isolated workspace without a firewall" $g/workspaces/1/isolated 'firewall' "$d/isolated.json"
	gateway "$d/quota.json" 'g["workspaces"][0]["quota"] = {"bytes_per_second": 0}'
	both "a quota of 0" $g/workspaces/0/quota/bytes_per_second '1 to' "$d/quota.json"
	gateway "$d/tunnels.json" 'g["tunnels"] = [{"type": "vxlan", "remotes": ["192.0.2.1"]}] * 2'
	both "a type of tunnel twice" $g/tunnels/1/type 'vxlan' "$d/tunnels.json"
}

feeds() {
	local d=$lab/bad old=rules/feeds/azure-public-20260420.json.gz
	both "a range file that goes back" /changeNumber '398 to 397' "$old"
	feed "$d/shrunk.json" 'f["changeNumber"] = 399; [v["properties"].update(addressPrefixes=v["properties"]["addressPrefixes"][:9]) for v in f["values"]]'
	both "a range file that shrinks too much" /values '101516 to [0-9]+ entries' "$d/shrunk.json"
	feed "$d/lost.json" 'f["changeNumber"] = 399; f["values"] = [v for v in f["values"] if v["name"] != "Storage.EastUS2"]'
	refused "a range file without a tag that is named" \
		'^error: rules/demo/before/gateway.json: /gateway/workspace_storage/0/service_tags/0.*: .*Storage.EastUS2' \
		apply "$d/lost.json"
	feed "$d/feed-prefix.json" 'f["changeNumber"] = 399; f["values"][7]["properties"]["addressPrefixes"][0] = "10.0.0.1/8"'
	both "a range file with host bits" /values/7/properties/addressPrefixes/0 '10.0.0.1/8' \
		"$d/feed-prefix.json"
	feed "$d/feed-number.json" 'f["changeNumber"] = "many"'
	both "a range file whose number is a word" /changeNumber '"many"' "$d/feed-number.json"
	feed "$d/feed-twice.json" 'f["changeNumber"] = 399; f["values"].append(f["values"][0])'
	both "a range file with a tag twice" "/values/3136.*" "" "$d/feed-twice.json"
}

# ---- deletion -----------------------------------------------------------------------------------

deleted() { # WHAT HTTP_STATUS PATH TEXT_REGEX
	local got
	got=$(rest DELETE "$3" -o "$lab/out" -w '%{http_code}')
	none "$1, by the API" "$({
		[ "$got" = "$2" ] || echo "HTTP $got, wanted $2"
		grep -Eq "\"error_code\":\"[A-Z_]+\".*$4" "$lab/out" || cat "$lab/out"
		changes
	})"
}

deletions() {
	local a=/accounts/$account
	refused "deleting a policy that is attached" 'np-analytics.*1001.*RESOURCE_CONFLICT' \
		delete network-policy np-analytics
	deleted "deleting a policy that is attached" 409 $a/network-policies/np-analytics 'np-analytics.*1001'
	refused "deleting default-policy" 'default-policy.*cannot be deleted' \
		delete network-policy default-policy
	deleted "deleting default-policy" 400 $a/network-policies/default-policy 'cannot be deleted'
	refused "deleting an NCC that is attached" 'd2c7f0a1.*1001.*RESOURCE_CONFLICT' \
		delete ncc d2c7f0a1-5b7e-4f43-8f5a-0c9a7b1e2d30
	deleted "deleting an NCC that is attached" 409 \
		$a/network-connectivity-configs/d2c7f0a1-5b7e-4f43-8f5a-0c9a7b1e2d30 'in use.*1001'
	refused "deleting the gateway document" 'gateway.*RESOURCE_CONFLICT' delete gateway
	# Two tags are named: two messages.
	exits "deleting a range file that is named" 1 ctl delete azure-tags Public
	like "deleting a range file that is named: told" "$out" \
		'^error: rules/demo/before/gateway.json: /gateway/platform_sets/0/service_tags/0: .*AzureDatabricks'
	none "deleting a range file that is named: nothing changes" "$(changes)"
	refused "deleting what is not there" 'np-gone.*RESOURCE_DOES_NOT_EXIST' \
		delete network-policy np-gone
	refused "rolling back to what never was" '999.*RESOURCE_DOES_NOT_EXIST' rollback 999
}

# ---- the vendor's paths -------------------------------------------------------------------------

vendor() { # WHAT METHOD PATH HTTP_STATUS BODY
	local got
	got=$(rest "$2" "/accounts/$account$3" -o "$lab/out" -w '%{http_code}' -d "$5")
	none "the vendor's $2 $3: $1" "$({
		[ "$got" = "$4" ] || echo "HTTP $got, wanted $4: $(cat "$lab/out")"
		grep -q '"error_code":"[A-Z_]*","message":"..*"' "$lab/out" || cat "$lab/out"
		changes
	})"
}

vendor_calls() {
	vendor "an unknown mode" POST /network-policies 400 "$(np np-x '' SOME_ACCESS)"
	vendor "no id" POST /network-policies 400 '{"egress":{}}'
	vendor "one that is there" POST /network-policies 409 "$(np np-analytics)"
	vendor "no JSON" POST /network-policies 400 '{'
	vendor "another id than the path's" PUT /network-policies/np-analytics 400 "$(np np-other)"
	vendor "host bits" PUT /network-policies/np-analytics 400 "$(np np-analytics "$(ip_ranges 10.0.0.1/8)")"
	vendor "one that is not there" PUT /network-policies/np-gone 404 "$(np np-gone)"
	vendor "a policy that is not there" PUT /workspaces/1001/network 400 '{"network_policy_id":"gone"}'
	vendor "no number" PUT /workspaces/x/network 400 '{"network_policy_id":"np-analytics"}'
	vendor "an NCC that is not there" PATCH /workspaces/1001 400 '{"network_connectivity_config_id":"gone"}'
}

lab_begin
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
mkdir "$lab/bad"
daemon_start || not_ok "the daemon starts"
# The default policy is there to be deleted.
{ cat rules/managed-security/default-policy.json; } >"$lab/default-policy.json"
exits "an example is applied" 0 ctl apply rules/demo/before rules/feeds/azure-public-20260427.json.gz \
	"$lab/default-policy.json"
snapshot "$lab/good"
is "an image is in force" "$(head -c 4 "$lab/good.image" | wc -c)" 4

no_json
no_request
bad_shapes
bad_values
contradictions
endpoints
feeds
deletions
vendor_calls

is "on the wire: what was allowed still is" "$(probe http ws1 203.0.113.10 80)" passed
is "on the wire: what was denied still is" "$(probe http ws1 198.51.100.66 80)" denied
unlike "nothing of it was more than a warning to the daemon" "$(cat "$lab/daemon.log")" 'error: |ERROR|Assertion'
exits "the next good apply works" 0 ctl apply rules/demo/after
daemon_stop
done_testing
