#!/bin/bash
# test_daemon_rest.sh -- the daemon's socket with a plain HTTP client: every verb, who may use them,
# and callers that do not keep to the rules.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
cd "$(dirname "$0")/../.." && . tests/tap.sh && . tests/netns/lib.sh

account=7c1e2c52-90a1-4b7e-9f0e-3d2b6a8f1c44
vendor=/api/2.0/accounts/$account
ours=/api/2.0/dbx-egress
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

# Prints the HTTP status; the body is in $lab/answer.
rest() { # METHOD PATH [BODY]
	local body=()
	[ $# -lt 3 ] || body=(--data-binary "$3")
	curl -sm 20 --unix-socket "$lab/socket" -X "$1" -H 'Expect:' -o "$lab/answer" -w '%{http_code}' \
		"${body[@]}" "http://localhost$2"
}

# Value at a path like items.0.name of the last answer.
at() { # PATH
	"$PYTHON" - "$lab/answer" "$1" <<'PY'
import json, sys
v = json.load(open(sys.argv[1]))
for part in sys.argv[2].split("."):
    v = v[int(part)] if isinstance(v, list) else v.get(part)
print(v)
PY
}

restricted='{"egress": {"network_access": {"restriction_mode": "RESTRICTED_ACCESS"}}}'
open='{"egress": {"network_access": {"restriction_mode": "FULL_ACCESS"}}}'

lab_begin
chmod 711 "$lab" # others reach the socket and are stopped by what it is
daemon_start || { not_ok "the daemon starts"; done_testing; }

# ---- the vendor's verbs, seen on the wire -------------------------------------------------------

is "PUT gateway" "$(rest PUT $ours/gateway '{"gateway": {"account_id": "'$account'",
	"interfaces": [{"name": "ws1"}], "workspaces": [{"workspace_id": 1001,
	"sources": [{"prefix": "10.66.1.0/24", "interface": "ws1"}]}]}}')" 200
is "POST network policy" \
	"$(rest POST $vendor/network-policies '{"network_policy_id": "np-1", '"${restricted#\{}")" 200
is "its answer is the object" "$(at network_policy_id) $(at account_id)" "np-1 $account"
is "POST of the same id" "$(rest POST $vendor/network-policies '{"network_policy_id": "np-1"}')" 409
is "PUT workspace option" \
	"$(rest PUT $vendor/workspaces/1001/network '{"network_policy_id": "np-1"}')" 200
is "restricted: denied" "$(probe icmp ws1 203.0.113.10)" denied
is "PUT network policy" "$(rest PUT $vendor/network-policies/np-1 "$open")" 200
is "full access: passed" "$(probe icmp ws1 203.0.113.10)" passed
is "GET one" "$(rest GET $vendor/network-policies/np-1) $(at egress.network_access.restriction_mode)" \
	"200 FULL_ACCESS"
is "GET all" "$(rest GET $vendor/network-policies) $(at items.0.network_policy_id)" "200 np-1"
is "DELETE while attached" "$(rest DELETE $vendor/network-policies/np-1) $(at error_code)" \
	"409 RESOURCE_CONFLICT"
is "GET option" "$(rest GET $vendor/workspaces/1001/network) $(at network_policy_id)" "200 np-1"
is "POST NCC" "$(rest POST $vendor/network-connectivity-configs \
	'{"name": "ncc-one", "region": "eastus2"}')" 200
ncc=$(at network_connectivity_config_id)
is "POST rule" "$(rest POST "$vendor/network-connectivity-configs/$ncc/private-endpoint-rules" \
	'{"resource_id": "/subscriptions/0/x/storageAccounts/lake", "group_id": "dfs"}')" 200
is "it waits for its owner" "$(at connection_state)" PENDING
rule=$(at rule_id)
is "PATCH workspace" "$(rest PATCH \
	"$vendor/workspaces/1001?update_mask=network_connectivity_config_id" \
	'{"network_connectivity_config_id": "'"$ncc"'"}')" 200
approve() {
	rest PATCH "$vendor/network-connectivity-configs/$ncc/private-endpoint-rules/$rule" \
		'{"connection_state": "ESTABLISHED"}'
}
is "PATCH rule that has no address" "$(approve) $(at error_code)" "400 INVALID_PARAMETER_VALUE"
is "PUT gateway with its address" "$(rest PUT $ours/gateway '{"gateway": {"account_id": "'$account'",
	"interfaces": [{"name": "ws1"}], "workspaces": [{"workspace_id": 1001,
	"sources": [{"prefix": "10.66.1.0/24", "interface": "ws1"}]}],
	"private_endpoints": [{"rule_id": "'"$rule"'", "addresses": ["10.9.0.4"]}]}}')" 200
is "PATCH rule" "$(approve) $(at connection_state)" "200 ESTABLISHED"
is "DELETE NCC in use" "$(rest DELETE "$vendor/network-connectivity-configs/$ncc")" 409
is "GET history" "$(rest GET "$ours/history?limit=1") $(at revisions.0.revision)" "200 9"
is "POST rollback" "$(rest POST $ours/rollback '{"revision": 3}') $(at changed)" "200 True"
is "as it was: denied" "$(probe icmp ws1 203.0.113.10)" denied
is "GET stats" "$(rest GET "$ours/stats?workspace=1001") $(at totals.by_reason.no-match.packets)" \
	"200 2"
is "with the rule's name" "$(at rows.0.policy)" np-1
wait_for 5 sh -c "curl -s --unix-socket $lab/socket http://x$ours/denials | grep -q 203.0.113.10"
is "GET denials" "$(rest GET $ours/denials) $(at denials.0.dst) $(at denials.0.proto) $(
	at denials.0.reason) $(at denials.0.policy)" "200 203.0.113.10 icmp no-match np-1"
is "GET image" "$(rest GET $ours/image) $(head -c 4 "$lab/answer")" "200 DBXI"
is "wrong method" "$(rest DELETE $ours/status) $(at error_code)" "405 METHOD_NOT_ALLOWED"
is "wrong path" "$(rest GET /nowhere) $(at error_code)" "404 ENDPOINT_NOT_FOUND"
is "another account" "$(rest GET /api/2.0/accounts/x/network-policies) $(at error_code)" \
	"404 RESOURCE_DOES_NOT_EXIST"

# ---- callers that do not keep to the rules ------------------------------------------------------

hostile() { # CASE
	"$PYTHON" - "$lab/socket" "$1" <<'PY'
import socket, sys

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(sys.argv[1])
    return s

def ask(data):
    s = connect()
    try:
        s.sendall(data)
        return s.recv(4096)[:12].decode("latin1")
    except (BrokenPipeError, ConnectionResetError):
        return "closed"

case = sys.argv[2]
put = b"PUT /api/2.0/dbx-egress/gateway HTTP/1.1\r\nHost: x\r\n"
if case == "garbage":
    print(ask(b"\x00\xff\x16\x03\x01\r\n\r\n"))
elif case == "header":
    print(ask(b"GET / HTTP/1.1\r\nX: " + b"a" * 100000 + b"\r\n\r\n"))
elif case == "length":
    print(ask(put + b"Content-Length: 314572800\r\n\r\n"))
elif case == "negative":
    print(ask(put + b"Content-Length: -1\r\n\r\n{}"))
elif case == "chunks":
    s = connect()
    try:
        s.sendall(put + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(300):
            s.sendall(b"100000\r\n" + b"[" * 0x100000 + b"\r\n")
        print(s.recv(4096)[:12].decode("latin1"))
    except (BrokenPipeError, ConnectionResetError):
        print("closed")
elif case == "deep":
    body = b"[" * 10_000_000
    print(ask(put + b"Content-Length: %d\r\n\r\n" % len(body) + body))
elif case == "many":
    all_ = []
    for _ in range(300):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(sys.argv[1])
        except BlockingIOError:
            pass
        all_.append(s)
elif case == "cap":  # those that are over it wait; when others go, they are served
    idle = [connect() for _ in range(64)]
    late = connect()
    late.settimeout(1)
    late.sendall(b"GET /api/2.0/dbx-egress/status HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        print(late.recv(4096)[:12].decode("latin1"), end=" ")
    except socket.timeout:
        print("waits", end=" ")
    for s in idle:
        s.close()
    late.settimeout(5)
    print(late.recv(4096)[:12].decode("latin1"))
elif case == "cut":
    for i in range(1, 60):
        s = connect()
        s.sendall((put + b"Content-Length: 100\r\n\r\n" + b"{" * 40)[:i])
        s.close()
PY
}

like "bytes that are no HTTP" "$(hostile garbage)" '^(HTTP/1.. 400|closed|)$'
like "a header of 100 kB" "$(hostile header)" '^(HTTP/1.. 4..|closed|)$'
like "300 MB announced" "$(hostile length)" '^HTTP/1.. 413$'
like "a length below zero" "$(hostile negative)" '^(HTTP/1.. 4..|closed|)$'
like "300 MB in chunks" "$(hostile chunks)" '^(HTTP/1.. 4..|closed|)$'
like "ten million brackets" "$(hostile deep)" '^HTTP/1.. 400$'
is "over 64 connections, callers wait for their turn" "$(hostile cap)" "waits HTTP/1.1 200"
hostile cut
hostile many
# Those that are gone have to be taken off the queue first.
wait_for 10 ctl status
is "after 300 connections at once it answers" "$(rest GET $ours/status)" 200
like "and is small again" "$(awk '/VmRSS/ { print ($2 < 150000) ? "small" : $2 }' \
	"/proc/$daemon_pid/status")" '^small$'
is "no revision came of any of it" "$(rest GET "$ours/history?limit=1") $(at revisions.0.revision)" \
	"200 10"

# ---- who may ------------------------------------------------------------------------------------

as_nobody() { # GROUP COMMAND...
	setpriv --reuid=65534 --regid=65534 --groups="$1" "${@:2}"
}

nobody_rest() { # GROUP METHOD PATH
	as_nobody "$1" curl -sm 5 --unix-socket "$lab/socket" -X "$2" -d '{}' -o /dev/null \
		-w '%{http_code}' "http://localhost$3"
}

is "others cannot connect" "$(nobody_rest 65534 GET $ours/status)" 000
chmod 666 "$lab/socket"
is "nor, with the socket forced open, read" "$(nobody_rest 65534 GET $ours/status)" 403
is "nor write" "$(nobody_rest 65534 POST $ours/apply)" 403
daemon_stop

# The group is made in a copy of /etc/group that only this daemon sees.
reader_gid=4242424
{ cat /etc/group && echo "dbx-egress:x:$reader_gid:"; } >"$lab/group"
(exec unshare -m sh -c 'mount --bind "$1" /etc/group && shift && exec nsenter "$@"' - "$lab/group" \
	--net="/run/netns/$lab_prefix-gw" "$build/dbx-egressd" --socket "$lab/socket" \
	--state-dir "$lab/state" --pin-dir "$lab/bpf/dbx-egress" \
	--object "$build/egress_xdp.bpf.o") >>"$lab/daemon.log" 2>&1 &
daemon_pid=$!
wait_for 20 ctl status
is "with group dbx-egress the socket is its" "$(stat -c '%a %g' "$lab/socket")" "660 $reader_gid"
is "a member may read" "$(nobody_rest $reader_gid GET $ours/status)" 200
is "a member may not write" "$(nobody_rest $reader_gid POST $ours/apply)" 403
is "others still cannot connect" "$(nobody_rest 65534 GET $ours/status)" 000
done_testing
