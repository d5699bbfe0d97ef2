#!/bin/bash
# test_bad_input.sh -- every bad input: one clear message with file and pointer, exit code 1.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-bad.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
export DBX_EGRESS_SOCKET=/nonexistent/socket

np() { # ID ACCESS
	echo "{\"network_policy_id\":\"$1\",\"egress\":{\"network_access\":{\"restriction_mode\":\"RESTRICTED_ACCESS\"$2}}}"
}
gw() { # WORKSPACES [MORE]
	echo "{\"gateway\":{\"workspaces\":[$1]${2:-}}}"
}
ws() { # ID PREFIX
	echo "{\"workspace_id\":$1,\"sources\":[{\"prefix\":\"$2\"}]}"
}
nest() { # DEPTH
	printf '%*s' "$1" '' | tr ' ' '['
	printf '%*s' "$1" '' | tr ' ' ']'
}

: >empty.json
printf ' \n\t\r\n' >blank.json
printf '{"network_policy_id":"a\xff","egress":{}}' >utf8.json
printf '{"network_policy_id":"np","egress":{"network_access":' >truncated.json
echo '{"network_policy_id":"np","egress":[]}' >type-object.json
echo '{"network_policy_id":7}' >type-string.json
np np ',"allowed_internet_destinations":{"a":1}' >type-list.json
np np '' >np.json
np np '' >np-again.json
echo '{"network_policy_id":"np","egress":{"network_access":{"restriction_mode":"RESTRICTED"}}}' >mode.json
nest 10000 >deep.json
echo "{\"network_policy_id\":\"np\",\"x\":$(nest 10000)}" >deep-inside.json
truncate -s 300M huge.json
head -c 80000000 /dev/zero | tr '\0' ' ' | gzip -1 >bomb.json.gz
gzip -c np.json | head -c 40 >cut.json.gz
gw "$(ws 1 10.0.0.1/8)" >host-bits.json
gw "$(ws 1 10.0.0.0/8)" ',"allowed_destinations":[{"label":"x","prefixes":["192.0.2.0/24"],"protocol":"tcp","ports":[70000]}]' >port.json
gw "$(ws 1 10.0.0.0/8),$(ws 2 10.0.0.0/8)" >claimed.json
gw "$(ws 1 10.0.0.0/8)" >gateway.json
gw "$(ws 1 10.0.0.0/8),$(ws 1 10.1.0.0/16)" >workspace-twice.json
echo '{"workspace_id":1,"network_policy_id":"gone"}' >option.json
echo '{"name":"x","rules":[{"action":"ALLOW","destination":"0.0.0.0/0"}]}' >foreign.json
echo '"just a string"' >string.json
echo 'not json' >words.json
np np ',"allowed_internet_destinations":[{"destination":"https://x.org/a","internet_destination_type":"DNS_NAME"}]' >url.json
# An NCC, by region and rules; a rule for a lake, by id, name and state; what the gateway adds.
ncc() { # REGION RULES [DEFAULTS]
	echo "{\"network_connectivity_config_id\":\"n1\",\"name\":\"ncc-one\",\"region\":\"$1\",\"egress_config\":{\"default_rules\":{${3:-}},\"target_rules\":{$2}}}"
}
lake() { # ID NAME STATE
	echo "{\"rule_id\":\"$1\",\"resource_id\":\"/subscriptions/s/storageAccounts/$2\",\"group_id\":\"dfs\",\"connection_state\":\"$3\"}"
}
azure() { # RULES
	echo "\"azure_private_endpoint_rules\":[$1]"
}
private() { # ENTRIES
	echo ",\"private_endpoints\":[$1]"
}
ws1=$(ws 1 10.0.0.0/8)
ncc eastus2 "$(azure "$(lake r1 one ESTABLISHED)")" >ncc.json
ncc eastus2 "$(azure "$(lake r1 one ESTABLISHED),$(lake r2 two ESTABLISHED)")" >ncc-two.json
ncc eastus2 "$(azure "$(lake r1 one ESTABLISHED),$(lake r2 one ESTABLISHED)")" >ncc-same.json
ncc us-east-2 '"aws_private_endpoint_rules":[{"rule_id":"r1","endpoint_service":"com.amazonaws.us-east-1.s3","resource_names":["bucket"],"connection_state":"PENDING"}]' >ncc-s3.json
ncc eastus2 '' '"azure_service_endpoint_rule":{"target_region":"westus","subnets":[],"target_services":[]}' >ncc-target.json
gw "$ws1" "$(private '{"rule_id":"r1","addresses":["192.0.2.4","192.0.2.5"]},{"rule_id":"r2","addresses":["192.0.2.5"]}')" >two-rules.json
gw "$ws1" "$(private '{"rule_id":"r1","addresses":["fd00::4","10.1.2.3"]}')" >in-workload.json
gw "$ws1" "$(private '{"rule_id":"r1","addresses":["192.0.2.4"]},{"rule_id":"r2","addresses":["192.0.2.5"]}')" >endpoints.json
gw "$ws1" ',"paths":[{"path":"nat","interface":"up0","ncc_ids":["gone"]}]' >path-ncc.json
gw "$ws1" ',"paths":[{"path":"nat","interface":"up0"},{"path":"nat","interface":"up1"}]' >path-twice.json
gw '{"workspace_id":1,"isolated":true}' ',"paths":[{"path":"nat","interface":"up0"}]' >isolated.json
gw '{"workspace_id":1,"quota":{"new_flows_per_second":0}}' >quota.json
gw "$ws1" ',"tunnels":[{"type":"geneve","remotes":["192.0.2.1"]},{"type":"geneve","remotes":["192.0.2.2"]}]' >tunnel-twice.json
gw "$ws1" ',"tunnels":[{"type":"vxlan","remotes":["2001:db8::/32"]}]' >tunnel-v6.json
gw "$ws1" ',"reject":{"policy_ids":["gone"]}' >reject.json
echo '{"workspace_id":1,"network_connectivity_config_id":"gone"}' >binding.json
mkdir no-documents no-permission
echo hello >no-documents/README.md
ln -s loop.json loop.json
mkfifo fifo.json

# ---- the same message from every command that reads documents ----

refused() { # NAME FILES REGEX
	local name=$1 files=$2 regex=$3 c n
	for c in check 'compile -o out.image' 'apply' 'diff --from np.json' 'explain -w 1 -d 192.0.2.1 -p 443 --policy'; do
		[[ $name != *across* || $c != apply ]] || continue # only the daemon knows the rest
		[[ $name != *across* || $c != diff* ]] || continue
		# what reads well and is refused as a whole: explain still tells what it would do
		[[ $name != *together* || $c == check || $c == compile* ]] || continue
		rm -f out.image
		# shellcheck disable=SC2086 # words
		"$ctl" $c $files >out 2>err
		is "$name: ${c%% *} exits with 1" $? 1
		like "$name: ${c%% *} tells the file, the place and the reason" "$(cat err)" "$regex"
		n=$(grep -c '^error: ' err)
		is "$name: ${c%% *} tells it once" "$n" 1
		[ ! -e out.image ] || not_ok "$name: no image is written" "out.image is there"
	done
}

refused "missing file" gone.json '^error: gone.json: does not exist'
refused "empty file" empty.json '^error: empty.json: is empty'
refused "blank file" blank.json '^error: blank.json: is empty'
refused "invalid UTF-8" utf8.json '^error: utf8.json: .*line 1, column [0-9]+.*UTF-8'
refused "truncated JSON" truncated.json '^error: truncated.json: .*line 1, column'
refused "no JSON" words.json '^error: words.json: .*line 1'
refused "a list for an object" type-object.json '^error: type-object.json: /egress: .*object is expected'
refused "a number for a string" type-string.json '^error: type-string.json: /network_policy_id: .*string is expected'
refused "an object for a list" type-list.json '^error: type-list.json: /egress/network_access/allowed_internet_destinations: .*list is expected'
refused "a string for a document" string.json '^error: string.json: '
refused "duplicate id" 'np.json np-again.json' '^error: np-again.json: /network_policy_id: .*"np".*np.json'
refused "unknown restriction_mode" mode.json '^error: mode.json: /egress/network_access/restriction_mode: .*"RESTRICTED".*FULL_ACCESS, RESTRICTED_ACCESS'
refused "10,000 deep" deep.json '^error: deep.json: .*nested deeper'
refused "10,000 deep inside a policy" deep-inside.json '^error: deep-inside.json: .*nested deeper'
refused "300 MB" huge.json '^error: huge.json: has 314572800 bytes; a document may have up to 64 MiB'
refused "a gzip bomb" bomb.json.gz '^error: bomb.json.gz: is larger than a document may be, 64 MiB unpacked'
refused "a cut gzip file" cut.json.gz '^error: cut.json.gz: .*gzip'
refused "host bits" host-bits.json '^error: host-bits.json: /gateway/workspaces/0/sources/0/prefix: .*"10.0.0.1/8".*write 10.0.0.0/8'
refused "port 70000" port.json '^error: port.json: /gateway/allowed_destinations/0/ports/0: .*70000.*65535'
refused "a URL for a name" url.json '^error: url.json: /egress/network_access/allowed_internet_destinations/0/destination: '
refused "a document of nobody" foreign.json '^error: foreign.json: '
refused "a directory without documents" no-documents '^error: no-documents: the directory has no documents'
refused "a link to itself" loop.json '^error: loop.json: '
refused "across documents: a policy that does not exist" 'option.json gateway.json' '^error: option.json: /network_policy_id: .*workspace 1 .*"gone"'
refused "two workspaces, one source" claimed.json '^error: claimed.json: /gateway/workspaces/1/sources/0.*: .*10.0.0.0/8.*workspace 1'
refused "a workspace twice" workspace-twice.json '^error: workspace-twice.json: /gateway/workspaces/1'

# ---- private endpoints, paths and quotas that contradict each other ----

pe=/gateway/private_endpoints rules=/egress_config/target_rules
refused "together: an effective rule without an address" 'ncc.json gateway.json' \
	"^error: ncc.json: $rules/azure_private_endpoint_rules/0: .*r1 is effective.*write .*\"addresses\".*private_endpoints"
refused "together: an address of two rules" 'ncc-two.json two-rules.json' \
	"^error: two-rules.json: $pe/1/addresses/0: .*192.0.2.5 of rule r2 is also that of rule r1, at $pe/0"
refused "together: a private address among the sources" 'ncc.json in-workload.json' \
	"^error: in-workload.json: $pe/0/addresses/1: .*10.1.2.3 lies in 10.0.0.0/8, a source of workspace 1"
refused "together: a name of two effective rules" 'ncc-same.json endpoints.json' \
	"^error: ncc-same.json: $rules/azure_private_endpoint_rules/1: .*one.dfs.core.windows.net is also a name of rule r1"
refused "across documents: a binding to an NCC that does not exist" 'binding.json gateway.json' \
	'^error: binding.json: /network_connectivity_config_id: .*workspace 1 .*"gone"'
refused "across documents: a path of an NCC that does not exist" path-ncc.json \
	'^error: path-ncc.json: /gateway/paths/0/ncc_ids/0: .*"gone"'
refused "together: an S3 rule of another region" ncc-s3.json \
	"^error: ncc-s3.json: $rules/aws_private_endpoint_rules/0/endpoint_service: .*us-east-1.*us-east-2"
refused "together: service endpoints of another region" ncc-target.json \
	'^error: ncc-target.json: /egress_config/default_rules/azure_service_endpoint_rule/target_region: .*westus.*write eastus2'
refused "together: an isolated workspace without a firewall" isolated.json \
	'^error: isolated.json: /gateway/workspaces/0/isolated: .*no firewall.*"path": "firewall"'
refused "together: a path given twice" path-twice.json \
	'^error: path-twice.json: /gateway/paths/1: .*at /gateway/paths/0'
refused "across documents: answers for a policy that does not exist" reject.json \
	'^error: reject.json: /gateway/reject/policy_ids/0: .*"gone"'
refused "a quota of 0" quota.json \
	'^error: quota.json: /gateway/workspaces/0/quota/new_flows_per_second: .*0: accepted are .*1 to '
refused "a type of tunnel twice" tunnel-twice.json \
	'^error: tunnel-twice.json: /gateway/tunnels/1/type: '
refused "a tunnel over IPv6" tunnel-v6.json \
	'^error: tunnel-v6.json: /gateway/tunnels/0/remotes/0: .*2001:db8::/32.*IPv4'

# ---- all of them are told, the good ones notwithstanding ----

out=$("$ctl" check np.json gone.json mode.json host-bits.json 2>&1 >/dev/null | grep -c '^error: ')
is "each of several bad files is told" "$out" 3
exits "the same file twice is read once" 0 "$ctl" check np.json ./np.json
like "the same file twice: told" "$out" '^warning: ./np.json: is the same file as np.json; it is read once'
exits "standard input twice is refused" 1 "$ctl" check - - <np.json
like "standard input twice: told" "$out" '^error: <stdin>: standard input is given twice'
out=$("$ctl" check --json mode.json 2>&1 | "${PYTHON:-python3}" -c 'import json,sys; f=json.load(sys.stdin)[0]; print(*sorted(f), f["severity"], f["ptr"])')
is "check --json is an array of findings" "$out" 'code doc ptr severity text error /egress/network_access/restriction_mode'
out=$("$ctl" compile --json -o x.image mode.json 2>/dev/null | "${PYTHON:-python3}" -c 'import json,sys; d=json.load(sys.stdin); print(d["error_code"], len(d["findings"]))')
is "compile --json refuses with the daemon's object" "$out" 'INVALID_PARAMETER_VALUE 1'

# ---- hostile names ----

esc=$(printf '\033')
mkdir hostile
cp mode.json "hostile/$(printf 'x\033[2J\n.json')"
printf '{"network_policy_id":"np","egress":{"network_access":{"restriction_mode":"\\u001b[2J\\u202egnp"}}}' >hostile/b.json
out=$("$ctl" check hostile 2>&1)
unlike "no escape character of a name reaches the terminal" "$out" "$esc|$(printf '\xe2\x80\xae')"
like "a hostile file name is shown" "$out" '^error: hostile/x\\x1b\[2J\\n.json: '
out=$("$ctl" check --json hostile 2>/dev/null)
unlike "nor in JSON" "$out" "$esc|$(printf '\xe2\x80\xae')"

# ---- output that cannot be written ----

exits "an image into a folder that is not there" 1 "$ctl" compile -o gone/x.image np.json
like "an image into a folder that is not there: told" "$out" '^dbx-egressctl: cannot write image gone/x.image: No such file'
if [ -e /dev/full ]; then
	"$ctl" check np.json >/dev/full 2>err
	is "a full disk behind standard output: exit 1" $? 1
	like "a full disk: told" "$(cat err)" 'cannot write to standard output: No space left'
else
	skip "a full disk behind standard output" "no /dev/full"
fi

done_testing
