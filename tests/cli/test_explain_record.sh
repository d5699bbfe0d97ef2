#!/bin/bash
# test_explain_record.sh -- explain of a line of the log, offline: right ones, poor ones, and no records.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
rules=$PWD/tests/golden/new
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-record.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
export DBX_EGRESS_SOCKET=/nonexistent/socket

record() { # WORKSPACE DESTINATION_MEMBERS
	echo '{"workspace_id":'"$1"',"event_id":"0f5f3a4e-6a0b-4f57-9c0e-0b6d0a7f9e11","access_type":"DROP",
		"network_source_type":"General Compute","dns_event":null,
		"x_dbx_egress":{"reason":"no-match","generation":4,"packets":3,"bytes":180,"src_ip":null,'"$2"'}}'
}
explain() { # EXIT_CODE [OPTIONS...]; the line on standard input
	local code=$1
	shift
	"$ctl" explain - --policy "$rules" "$@" >out 2>&1
	is "exit code" $? "$code"
	out=$(cat out)
}

record '"1001"' '"dst_ip":"192.0.2.77","dst_port":443,"ip_proto":6,"name":null' >line
explain 0 <line
like "what was recorded" "$out" '^recorded +DROP  no-match: '
like "the flow" "$out" '^flow .*> 192\.0\.2\.77 port 443, protocol 6'
like "how much of it" "$out" ': 3 packets, 180 bytes$'
like "what it is now" "$out" '^as of now +DROP  [a-z-]+: '
like "with its steps" "$out" '^default +deny'
"$ctl" --json explain - --policy "$rules" <line >both.json
is "as JSON: both" "$("${PYTHON:-python3}" -c 'import json
d = json.load(open("both.json"))
print(d["record"]["x_dbx_egress"]["packets"], d["explanation"]["verdict"], d["explanation"]["workspace_id"])')" '3 DROP 1001'

record '"1001"' '"dst_ip":"192.0.2.77","dst_port":443,"ip_proto":6,"name":"exfil.example.net\u001b[2J"' >line
explain 1 <line
unlike "a name cannot move the cursor" "$out" "$(printf '\033')"
record '"1001"' '"dst_ip":"192.0.2.77","dst_port":443,"ip_proto":6,"name":"exfil.example.net"' >line
explain 0 <line
like "a name is the destination" "$out" '^name +exfil\.example\.net$'
record null '"dst_ip":"192.0.2.77","dst_port":443,"ip_proto":6,"name":null' >line
explain 0 <line
like "no workspace: said" "$out" '^as of now +not explained: .*before its workspace was known$'
record '"1001"' '"dst_ip":null,"name":null' >line
explain 0 <line
like "no destination: said" "$out" 'before its destination was known$'
record '"4711"' '"dst_ip":"192.0.2.77","dst_port":443,"ip_proto":6,"name":null' >line
explain 1 <line
like "a workspace that is gone: recorded all the same" "$out" '^recorded +DROP  no-match'
like "and said" "$out" '4711'

explain 1 </dev/null
like "nothing on standard input" "$out" 'standard input is empty'
explain 1 <<<'{"event_id":'
like "not JSON" "$out" 'not one JSON record'
explain 1 <<<'[]'
like "not a record" "$out" 'no record of dbx-egress'
explain 1 <<<'{"event_id":7,"x_dbx_egress":{}}'
like "an id of another type" "$out" 'no record of dbx-egress'
record '"1001"' '"name":null' | sed p >two
explain 1 <two
like "two lines" "$out" 'not one JSON record'
head -c 100000 /dev/zero | tr '\0' '{' >long
explain 1 <long
like "too long" "$out" 'longer than a record'
exits "an id without a daemon" 3 "$ctl" explain 0f5f3a4e-6a0b-4f57-9c0e-0b6d0a7f9e11
done_testing
