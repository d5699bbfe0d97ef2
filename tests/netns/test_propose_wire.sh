#!/bin/bash
# test_propose_wire.sh -- workloads in dry-run, propose, apply enforced: the same pass, anything else is denied.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

# Names that are used, and neighbours of theirs that nobody asks for in dry-run; all at one address.
TLS_NAMES='pypi.example.org lake.s3.eu-west-1.amazonaws.com contosolake.dfs.core.windows.net
	contoso-models.storage.googleapis.com'
HTTP_NAME=web.example.org
OTHER_NAMES='other.example.org sub.pypi.example.org other.s3.eu-west-1.amazonaws.com
	lake.s3.us-east-1.amazonaws.com contosolake.blob.core.windows.net otherlake.dfs.core.windows.net
	other.storage.googleapis.com'

# Takes the place of that in names.sh: addresses that are learned stay for the whole test.
names_unbound_config() {
	local name
	echo "server:"
	echo " chroot: \"\""
	echo " username: \"\""
	echo " directory: \"$lab\""
	echo " pidfile: \"$lab/unbound.pid\""
	echo " logfile: \"$lab/unbound.log\""
	echo " use-syslog: no"
	echo " interface: $NAMES_SERVER"
	echo " access-control: 0.0.0.0/0 allow"
	echo " do-daemonize: no"
	echo " local-zone: \".\" static"
	for name in good.test $TLS_NAMES $HTTP_NAME $OTHER_NAMES; do
		echo " local-data: \"$name. 300 IN A $NAMES_SHARED\""
		echo " local-data: \"$name. 300 IN AAAA $NAMES_SHARED6\""
	done
	echo "remote-control:"
	echo " control-enable: no"
}

services_start() {
	names_servers_start || return 1
	nginx_config more 5432 5433 >"$lab/more.conf"
	in_ns_background net nginx -q -p "$lab" -e "$lab/more.log" -c "$lab/more.conf"
	in_ns_background net "$PYTHON" tests/netns/udp_echo.py 9999 203.0.113.20
	in_ns_background net "$PYTHON" tests/netns/udp_echo.py 9998 203.0.113.20
	wait_for 20 in_ns net curl -sm 2 http://127.0.0.1:5433/ &&
		wait_for 20 in_ns net sh -c 'ss -lunH | grep -q ":9999 "' &&
		wait_for 20 in_ns net sh -c 'ss -lunH | grep -q ":9998 "'
}

# ---- what workloads do: each prints "passed" or "denied" -----------------------------------------

by_name() { # WHERE NAME SCHEME [ADDRESS]: looked up at the gateway, unless the address is given
	local address=${4:-}
	[ -n "$address" ] || address=$(names_address "$1" "$2")
	[ -n "$address" ] || { echo denied && return; }
	[ "$(names_get "$1" "$2" "$address" --url "$3://$2/" -m "$patience")" = "$2" ] && echo passed || echo denied
}

by_tcp() { # WHERE ADDRESS PORT
	in_ns "$1" curl -gsm "$patience" -o /dev/null "$(url "$2" "$3")" && echo passed || echo denied
}

by_udp() { # WHERE ADDRESS PORT
	in_ns "$1" "$PYTHON" - "$2" "$3" "$patience" <<-'PY'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(float(sys.argv[3]))
		s.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
		try:
		    print("passed" if s.recv(100) == b"hello" else "denied")
		except OSError:
		    print("denied")
	PY
}

by_icmp() { # WHERE ADDRESS
	in_ns "$1" ping -q -c 1 -W "$patience" "$2" >/dev/null 2>&1 && echo passed || echo denied
}

workloads() { # WHERE WANTED WHAT
	local name
	for name in $TLS_NAMES; do
		is "$3: TLS $name" "$(by_name "$1" "$name" https)" "$2"
	done
	is "$3: HTTP $HTTP_NAME" "$(by_name "$1" $HTTP_NAME http)" "$2"
	is "$3: TCP 198.51.100.66 5432" "$(by_tcp "$1" 198.51.100.66 5432)" "$2"
	is "$3: TCP 2001:db8:a::66 5432" "$(by_tcp "$1" 2001:db8:a::66 5432)" "$2"
	is "$3: UDP 203.0.113.20 9999" "$(by_udp "$1" 203.0.113.20 9999)" "$2"
	is "$3: ICMP 203.0.113.20" "$(by_icmp "$1" 203.0.113.20)" "$2"
	is "$3: ICMPv6 2001:db8:a::20" "$(by_icmp "$1" 2001:db8:a::20)" "$2"
}

others() { # WHERE: nobody did this in dry-run
	local name
	for name in $OTHER_NAMES; do
		is "denied: $name" "$(by_name "$1" "$name" https)" denied
		is "denied: $name at an address that is allowed for its neighbour" \
			"$(by_name "$1" "$name" https $NAMES_SHARED)" denied
	done
	is "denied: another Host" "$(by_name "$1" other.example.org http $NAMES_SHARED)" denied
	is "denied: the address without a name" "$(by_tcp "$1" $NAMES_SHARED 443)" denied
	is "denied: another port of it" "$(by_tcp "$1" $NAMES_SHARED 5432)" denied
	is "denied: another TCP port" "$(by_tcp "$1" 198.51.100.66 5433)" denied
	is "denied: another TCP port, IPv6" "$(by_tcp "$1" 2001:db8:a::66 5433)" denied
	is "denied: another UDP port" "$(by_udp "$1" 203.0.113.20 9998)" denied
	is "denied: another protocol" "$(by_icmp "$1" 198.51.100.66)" denied
	is "denied: another protocol, IPv6" "$(by_icmp "$1" 2001:db8:a::66)" denied
	is "denied: another address" "$(by_tcp "$1" 203.0.113.20 5432)" denied
	is "denied: what the policy blocks" "$(by_tcp "$1" 203.0.113.66 5432)" denied
}

# ---- the proposal -------------------------------------------------------------------------------

# Destinations, each as one word, sorted.
proposed() { # ARGUMENTS OF propose
	ctl --json propose "$@" 2>"$lab/propose.err" | "$PYTHON" -c '
import json, sys
d = json.load(sys.stdin)
out = []
for p in d["policies"]:
    a = p["egress"]["network_access"]
    out += [v["destination"] for v in a.get("allowed_internet_destinations", [])]
    out += [v.get("bucket_name") or v["azure_storage_account"] for v in a.get("allowed_storage_destinations", [])]
for v in ((d["gateway"] or {}).get("gateway") or {}).get("allowed_destinations", []):
    out.append("/".join([v["prefixes"][0], v["protocol"], str(v.get("ports", v.get("types"))[0])]))
print(*sorted(out))'
}

WANTED='198.51.100.66/tcp/5432 2001:db8:a::20/icmpv6/128 2001:db8:a::66/tcp/5432 203.0.113.20/icmp/8 203.0.113.20/udp/9999 contoso-models contosolake good.test lake pypi.example.org web.example.org'

has_all() {
	[ "$(proposed --since 1h)" = "$WANTED" ]
}

round_trip() {
	wait_for 30 has_all
	is "propose: each destination once, names for their addresses" "$(proposed --since 1h)" "$WANTED"
	exits "propose --enforce -o" 0 ctl propose --since 1h --enforce -o "$lab/out"
	unlike "what is blocked is not in it" "$out" '203\.0\.113\.66'
	like "first and last seen" "$out" ' storage +s3 lake eu-west-1 +[1-9][0-9]* +[1-9][0-9]* +20[-0-9T:]+Z +20[-0-9T:]+Z '
	unlike "only of the policy in dry-run" "$(ls "$lab/out"; cat "$lab/out"/*)" 'np-two'
	exits "the documents check" 0 ctl check "$lab/out" "$lab/docs/option-1001.json" "$lab/docs/option-1002.json" "$lab/docs/np-two.json"
	is "before it is applied, a neighbour still passes" "$(by_tcp ws1 198.51.100.66 5433)" passed
	exits "apply" 0 ctl apply "$lab/out"
}

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
services_start || { sed 's/^/# /' "$lab/background.log" "$lab"/*.log; exit 1; }
mkdir "$lab/docs"
names_gateway '"log": {"interval_s": 1}' >"$lab/docs/gateway.json"
np np-one ',"allowed_internet_destinations":[{"destination":"good.test","internet_destination_type":"DNS_NAME"}],
	"blocked_internet_destinations":[{"destination":"203.0.113.66/32","internet_destination_type":"IP_RANGE"}],
	"policy_enforcement":{"enforcement_mode":"DRY_RUN"}' >"$lab/docs/np-one.json"
np np-two >"$lab/docs/np-two.json"
names_option 1001 np-one >"$lab/docs/option-1001.json"
names_option 1002 np-two >"$lab/docs/option-1002.json"
daemon_start || { not_ok "the daemon starts"; done_testing; }
exits "apply in dry-run" 0 ctl apply "$lab/docs"
like "nothing happened yet: nothing to propose" "$(ctl propose)" ': 0 entries, 0 left out'
patience=10
workloads ws1 passed "dry-run"
patience=1
is "what the policy blocks is denied in dry-run too" "$(by_tcp ws1 203.0.113.66 5432)" denied
is "the workspace beside it is enforced" "$(by_tcp ws2 198.51.100.66 5432)" denied
round_trip
patience=10
workloads ws1 passed "enforced"
patience=1
others ws1
workloads ws2 denied "the other workspace"
exits "propose again, after enforcement" 0 ctl propose --since 1h
like "has what came in between" "$out" ' address +198\.51\.100\.66 tcp 5433 '
like "and else nothing: it is allowed already" "$out" ': 1 entry, 10 left out'
exits "a report of all this" 0 ctl report --since 1h -o "$lab/report.html"
page=$(cat "$lab/report.html")
like "with what was denied in dry-run and dropped" "$page" 'id="dry-run">[1-9]'
like "both workspaces are enforced now" "$page" 'id="ws-enforced">2</b>.*id="ws-dry-run">0</b>'
# All entries but good.test, which nobody asked for.
like "entries of the policy in use" "$page" '<td>np-one</td>.*class="u0".*class="u1".*>5 of 6</td>'
like "and of the gateway" "$page" '<td>\(gateway\)</td>.*class="u0" style="width:100.00%".*>5 of 5</td>'
is "report and unused agree" "$(ctl --json unused | jq_py 'len(d["unused"])')" 1
[ -z "${KEEP:-}" ] || { ctl propose --since 1h; cat "$lab/out"/*; cat "$lab/daemon.log"; }
done_testing
