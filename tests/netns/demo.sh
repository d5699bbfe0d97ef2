#!/bin/bash
# demo.sh -- policies seen at work: real clients, real packets, before, under and after a change.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: DBX_BUILD=build tests/netns/demo.sh	(as root; `make demo` builds first)
# Two workspaces, a gateway and an internet of several hosts, all in namespaces of their own that are
# gone afterwards. Exit status 1 when anything seen on the wire differs from what the policy says.
# DEMO_RULES names another folder than rules/demo: the test of the demo spoils a copy.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh

# shellcheck disable=SC2034 # lib.sh reads it
PROBE_SECONDS=1
n_wrong=0
rules=${DEMO_RULES:-rules/demo}
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

title() { # TEXT
	if [ -t 1 ]; then
		printf '\n\033[1m%s\033[0m\n' "$1"
	else
		printf '\n%s\n' "$1"
	fi
}

# A command as the operator would type it, then what it prints.
show() { # COMMAND OF dbx-egressctl...
	echo "\$ dbx-egressctl $*"
	ctl "$@" 2>&1 | sed 's/^/  /'
	[ "${PIPESTATUS[0]}" -eq 0 ] || { echo "demo: that was refused" >&2 && exit 1; }
}

# Host name of the plan, or one of ours, to an address.
address_of() { # NAME 4|6 WORKSPACE_NUMBER
	case $1 in
	gateway) [ "$2" = 4 ] && echo "10.66.$3.1" || echo "fd66:$3::1" ;;
	workspace-1) [ "$2" = 4 ] && echo 10.66.1.10 || echo fd66:1::10 ;;
	workspace-2) [ "$2" = 4 ] && echo 10.66.2.10 || echo fd66:2::10 ;;
	*) "topo_host$2" "$1" ;;
	esac
}

# Reads rows "workspace client host family port verdict reason", runs all clients at once, and has
# demo_table.py compare what was seen with what the kernel recorded and what `explain` says.
play() {
	local n=0 ws client host family port verdict reason number address
	: >"$lab/rows"
	while read -r ws client host family port verdict reason; do
		n=$((n + 1))
		number=1
		[ "$ws" = analytics ] || number=2
		address=$(address_of "$host" "$family" $number)
		printf '%s\t' $n "$ws" $((1000 + number)) "$client" "$host" "$address" "$port" "$verdict" \
			"$reason" "$(probe_command "$client" "$address" "$port")" >>"$lab/rows"
		echo >>"$lab/rows"
		probe "$client" ws$number "$address" "$port" >"$lab/seen.$n" &
		lab_probes+=($!)
	done
	wait "${lab_probes[@]}"
	lab_probes=()
	echo
	"$PYTHON" tests/netns/demo_table.py "$build/dbx-egressctl" "$lab" || n_wrong=$((n_wrong + 1))
}
lab_probes=()

lab_begin
servers_start || { cat "$lab"/*.log && exit 1; }
t_begin=$SECONDS
title "dbx-egress: two workspaces (1001 analytics, 1002 engineering), one gateway, an internet"

daemon_start || exit 1
title "1. The gateway knows its workspaces, and no policy has been applied: nothing leaves."
show apply "$rules/start"
play <<'ROWS'
analytics http partner-api 4 80 DROP no-policy
analytics icmp storage-eastus2 6 - DROP no-policy
engineering http exfil 4 443 DROP no-policy
engineering http control-plane 6 443 DROP no-policy
engineering icmp gateway 4 - PASS gateway-service
ROWS

title "2. Policies, private endpoints, gateway document, and Azure's own service tags."
show apply "$rules/before" rules/feeds/azure-public.json.gz
play <<'ROWS'
analytics http partner-api 4 80 PASS listed-prefix
analytics http partner-api 6 443 PASS listed-prefix
analytics icmp partner-api 4 - PASS listed-prefix
analytics http storage-eastus2 4 443 PASS workspace-storage
analytics http storage-eastus2 6 443 PASS workspace-storage
analytics http storage-eastus2 4 80 DROP port-not-listed
analytics http storage-westus 4 443 DROP name-not-learned
analytics tcp control-plane 4 443 PASS platform
analytics tcp control-plane 6 22 DROP port-not-listed
analytics http private-lake 4 443 PASS private-endpoint
analytics http package-index 4 443 DROP name-not-learned
analytics udp exfil 4 9999 DROP name-not-learned
analytics icmp exfil 6 - DROP name-not-learned
analytics http metadata 4 80 DROP metadata
analytics http workspace-2 4 8080 DROP workspace-isolation
analytics icmp gateway 4 - PASS gateway-service
analytics tcp gateway 6 22 DROP gateway-address
engineering http exfil 4 443 PASS full-access
engineering udp exfil 6 9999 PASS full-access
engineering http paste-site 4 80 DROP blocked
engineering icmp paste-site 6 - DROP blocked
engineering http workspace-1 6 8080 DROP workspace-isolation
ROWS

title "3. Two policies change; what was allowed is denied at once, and the other way round."
show apply "$rules/after"
play <<'ROWS'
analytics http partner-api 4 80 DROP name-not-learned
analytics http package-index 4 443 PASS listed-prefix
analytics http package-index 6 443 PASS listed-prefix
analytics http workspace-2 4 8080 PASS listed-workspace
analytics http storage-eastus2 4 443 PASS workspace-storage
engineering http partner-api 6 443 PASS listed-prefix
engineering http exfil 4 443 DRY_RUN_DENIAL no-match
engineering udp exfil 6 9999 DRY_RUN_DENIAL no-match
engineering http paste-site 4 80 DROP blocked
ROWS

title "Why, for one of them:"
show explain --workspace 1001 --dst "$(topo_host4 storage-westus)" --port 443

if [ -n "${LAB_DPDK:-}" ]; then
	title "And who judged:"
	echo "\$ dbx-egressctl status"
	"$build/dbx-egressctl" --socket "$lab/socket" status | sed -n '/^process/,/^feed/{/^feed/!s/^/  /p}'
fi

echo
if [ $n_wrong -eq 0 ]; then
	echo "Everything seen on the wire is what the policies say. $((SECONDS - t_begin)) s"
else
	echo "demo: something seen on the wire is not what the policies say" >&2
	exit 1
fi
