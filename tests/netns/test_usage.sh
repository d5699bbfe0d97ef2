#!/bin/bash
# test_usage.sh -- usage is what the far side's interfaces counted, to the byte, whatever the daemon does.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh
. tests/netns/paths.sh

for tool in ethtool nft; do
	command -v $tool >/dev/null || skip_all "no $tool; make deps installs it"
done

# "packets bytes" that came in at a far side.
counted() { # PATH
	in_ns "$1" awk '$1 == "eth0:" { print $3, $2 }' /proc/net/dev
}

grew() { # PATH: since the lab was quiet
	local p b q c
	read -r p b <"$lab/$1.before"
	read -r q c <<<"$(counted "$1")"
	echo "$((q - p)) $((c - b))"
}

usage_of() { # WORKSPACE PATH [ARGUMENTS]
	ctl --json usage --workspace "$1" "${@:3}" | "$PYTHON" -c '
import json, sys
rows = [r for r in json.load(sys.stdin)["rows"] if r["path"] == sys.argv[1]]
print(*([rows[0]["packets"], rows[0]["bytes"]] if rows else [0, 0]))' "$2"
}

declare -A NAMES=([nat]=nat [se]=service-endpoint [pe]=private-endpoint [fw]=firewall)

agrees() { # PATH
	local ws=1001
	[ "$1" != fw ] || ws=1002
	[ "$(usage_of $ws "${NAMES[$1]}")" = "$(grew "$1")" ]
}

# What was sent may still be under way, or in a queue.
all_agree() { # WHAT
	local p
	for p in $PATHS; do
		if wait_for 20 agrees "$p"; then
			ok "$1: $p: the same packets and bytes on both sides"
		else
			not_ok "$1: $p" "usage $(usage_of 1001 "${NAMES[$p]}") / $(usage_of 1002 "${NAMES[$p]}"), far side $(grew "$p")"
		fi
	done
}

traffic() { # MEGABYTES
	local p from
	for p in $PATHS; do
		from=$(paths_from "$p")
		in_ns "$from" "$PYTHON" tests/netns/transfer.py send "${PATHS_V4[$p]}" 9000 "$1" >/dev/null
		in_ns "$from" "$PYTHON" tests/netns/transfer.py send "${PATHS_V6[$p]}" 9000 "$1" >/dev/null
		in_ns "$from" ping -c 3 -i 0.01 -W 1 "${PATHS_V4[$p]}" >/dev/null
		# Denied, and so nobody's usage.
		in_ns "$from" ping -c 1 -W 0.1 192.88.99.9 >/dev/null
	done
}

mac_of() { # WHERE DEVICE
	in_ns "$1" ip -o link show "$2" | sed 's/.*ether \([^ ]*\).*/\1/'
}

# Nothing but forwarded packets may come in at the far sides: neighbours are told, not asked for.
quiet_uplink() { # PATH
	local n=${PATHS_N[$1]} gw far
	gw=$(mac_of gw "up-$1")
	far=$(mac_of "$1" eth0)
	in_ns gw ip neigh replace "198.18.$n.2" lladdr "$far" nud permanent dev "up-$1"
	in_ns gw ip neigh replace "fd66:f$n::2" lladdr "$far" nud permanent dev "up-$1"
	in_ns "$1" ip neigh replace "198.18.$n.1" lladdr "$gw" nud permanent dev eth0
	in_ns "$1" ip neigh replace "fd66:f$n::1" lladdr "$gw" nud permanent dev eth0
	in_ns gw nft add rule inet quiet out oifname "up-$1" icmpv6 type '{ 130, 131, 132, 133, 134, 135, 136, 143 }' drop
}

is_quiet() { # no far side counts for a second
	local p a=
	for p in $PATHS; do a="$a $(counted "$p")"; done
	sleep 1
	for p in $PATHS; do a="${a# "$(counted "$p")"}"; done
	[ -z "$a" ]
}

lab_begin
paths_up || { not_ok "the uplinks are there"; done_testing; }
paths_servers_start || { not_ok "the servers start" "$(cat "$lab"/*.log)"; done_testing; }
paths_documents "$lab/docs"
# Frames are forwarded as they came in, not glued together.
for ws in ws1 ws2; do
	in_ns gw ethtool -K $ws gro off >/dev/null 2>&1
done
in_ns gw nft -f - <<'END'
table inet quiet {
	chain out { type filter hook output priority 0; policy accept; }
}
END
for p in $PATHS; do
	quiet_uplink "$p"
done
daemon_start || { not_ok "the daemon starts"; done_testing; }
exits "apply" 0 ctl apply "$lab/docs"
wait_for 20 is_quiet
like "nothing was used yet" "$(ctl --json usage | jq_py '[r for r in d["rows"] if r["path"] != "local"]')" '^\[\]$'
for p in $PATHS; do
	counted "$p" >"$lab/$p.before"
done

traffic 2
all_agree "what passed"
traffic 1
daemon_kill
traffic 1
daemon_start
traffic 1
all_agree "over kill -9 and a start"
daemon_stop
traffic 1
daemon_start
all_agree "over a stop and a start"
np np-paths "$(ip_ranges 203.0.113.0/25 198.51.100.0/24 2001:db8:a::/48 2001:db8:b::/48)" >"$lab/policy.json"
exits "another generation, whose rules are others" 0 ctl apply "$lab/policy.json"
traffic 1
all_agree "over another generation"
is "asking again adds nothing" "$(usage_of 1001 nat)" "$(usage_of 1001 nat)"
is "the last hour is all there is" "$(usage_of 1001 nat --since 1h)" "$(grew nat)"
is "a time says the same" "$(usage_of 1001 nat --since "$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%SZ)")" "$(grew nat)"
is "nothing is from tomorrow" \
	"$(ctl --json usage --since "$(date -u -d '+1 day' +%F)" | jq_py 'd["rows"]')" "[]"
exits "a span that is none is refused" 1 ctl usage --since yesterday
like "with what is accepted" "$out" '15m.*2026-11-21'
like "people get a table" "$(ctl usage)" '1002 +firewall +[0-9]+ +[0-9]+'
done_testing
