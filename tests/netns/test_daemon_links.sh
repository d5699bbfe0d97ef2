#!/bin/bash
# test_daemon_links.sh -- interfaces that come and go, and a daemon that does, with traffic running.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
cd "$(dirname "$0")/../.." && . tests/tap.sh && . tests/netns/lib.sh

policy_free='{"network_policy_id": "np-free", "egress": {"network_access": {"restriction_mode": "FULL_ACCESS"}}}'
option_free='{"workspace_id": 1001, "network_policy_id": "np-free"}'

gateway() { # INTERFACE...
	local name list=
	for name; do
		list="$list${list:+, }{\"name\": \"$name\"}"
	done
	echo "{\"gateway\": {\"interfaces\": [$list], \"gateway_addresses\": [\"10.66.1.1\"],
		\"workspaces\": [{\"workspace_id\": 1001, \"sources\": [{\"prefix\": \"10.66.1.0/24\"}]}]}}"
}

# "attached 7", "waiting 0", ...
state_of() { # INTERFACE
	ctl --json status | python3 -c '
import json, sys
for i in json.load(sys.stdin)["interfaces"]:
    if i["name"] == sys.argv[1]:
        print(i["state"], i["ifindex"])' "$1"
}

index_of() { # INTERFACE
	in_ns gw cat "/sys/class/net/$1/ifindex" 2>/dev/null ||
		in_ns gw ip -o link show "$1" 2>/dev/null | cut -d: -f1
}

is_attached() { # INTERFACE
	[ "$(state_of "$1")" = "attached $(index_of "$1")" ] && has_program "$1"
}

has_program() { # INTERFACE: as the kernel says
	in_ns gw ip link show "$1" | grep -q 'prog/xdp'
}

is_waiting() { # INTERFACE
	[ "$(state_of "$1")" = "waiting 0" ]
}

check() { # WHAT COMMAND...
	local what=$1
	shift
	if wait_for 10 "$@"; then
		ok "$what"
	else
		not_ok "$what" "$(ctl status 2>&1)"
	fi
}

apply() { # FILE...
	ctl apply "$@" >"$lab/apply.log" 2>&1 || not_ok "apply $*" "$(cat "$lab/apply.log")"
}

# With dbx-egress-dpdk, an interface can be attached where the process has a port of that name.
[ -z "${LAB_DPDK:-}" ] || export LAB_DPDK_MORE=ghost
lab_begin
echo "$policy_free" >"$lab/np.json"
echo "$option_free" >"$lab/opt.json"
gateway ws1 ghost >"$lab/gw.json"

# ---- attached from the start --------------------------------------------------------------------

daemon_start --interface ws1 || { not_ok "the daemon starts"; done_testing; }
check "an interface of the command line is attached without any document" is_attached ws1
is "and before the first policy everything is denied" "$(probe icmp ws1 203.0.113.10)" denied
like "with its reason" "$(ctl stats)" 'no-image'
daemon_stop
is "with the daemon gone too" "$(probe icmp ws1 203.0.113.10)" denied
exits "uninstall ends it" 0 \
	in_ns gw "$build/dbx-egressd" --uninstall --state-dir "$lab/state" --pin-dir "$lab/bpf/dbx-egress"
daemon_start || { not_ok "the daemon starts"; done_testing; }

# ---- attached by the document -------------------------------------------------------------------

if [ -z "${LAB_DPDK:-}" ]; then
	is "nothing is judged before a document or an option names an interface" \
		"$(probe icmp ws1 203.0.113.10)" passed
else
	is "nothing passes before a document or an option names a port" "$(probe icmp ws1 203.0.113.10)" denied
fi
gateway ws1 >"$lab/gw1.json"
apply "$lab/gw1.json"
check "an interface is attached though there is no policy yet" is_attached ws1
is "without a policy everything is denied" "$(probe icmp ws1 203.0.113.10)" denied
apply "$lab/gw.json" "$lab/np.json" "$lab/opt.json"
is "with one that allows everything it passes" "$(probe icmp ws1 203.0.113.10)" passed
check "an interface that is not there is waited for" is_waiting ghost

# ---- come, gone, come again ---------------------------------------------------------------------

in_ns gw ip link add ghost type veth peer name ghost-peer
check "it is attached when it appears" is_attached ghost
in_ns gw ip link del ghost
check "its end is noticed" is_waiting ghost
like "and said" "$(cat "$lab/daemon.log")" 'ghost .* is gone'
in_ns gw ip link add ghost type veth peer name ghost-peer
check "it is attached when it is made again" is_attached ghost
index=$(index_of ghost)
in_ns gw sh -c "ip link del ghost; ip link add ghost index $index type veth peer name ghost-peer"
check "and when it is made again under the same index" is_attached ghost
for _ in 1 2 3 4 5 6 7 8 9 10; do
	in_ns gw ip link del ghost
	in_ns gw ip link add ghost type veth peer name ghost-peer
done
check "and after ten times in a row" is_attached ghost
# The daemon sleeps, and more is told than its socket holds: the removal among it.
index=$(index_of ghost)
kill -STOP "$daemon_pid"
in_ns gw ip link del ghost
for _ in $(seq 1500); do
	echo "link add flood type veth peer name flood-peer"
	echo "link del flood"
done | in_ns gw ip -batch -
in_ns gw ip link add ghost index "$index" type veth peer name ghost-peer
kill -CONT "$daemon_pid"
check "and when the messages about it were lost" is_attached ghost
like "which was noticed" "$(cat "$lab/daemon.log")" 'netlink: .*looking at every interface again'
in_ns gw ip link set ghost down
in_ns gw ip link set ghost name moved
sleep 0.3
if has_program moved; then
	ok "under another name it is still judged"
else
	not_ok "under another name it is still judged" "$(in_ns gw ip link show moved)"
fi
in_ns gw ip link set moved name ghost
check "and has its name back" is_attached ghost
apply "$lab/gw1.json"
if has_program ghost; then
	not_ok "what the document no longer names is let go"
else
	ok "what the document no longer names is let go"
fi

# ---- the daemon ends, enforcement does not ------------------------------------------------------

generation=$(ctl --json status | python3 -c 'import json, sys; print(json.load(sys.stdin)["generation"])')
in_ns ws1 ping -i 0.01 -c 600 -q 203.0.113.10 >"$lab/ping.log" 2>&1 &
ping_pid=$!
sleep 1
daemon_kill
sleep 1
if has_program ws1; then
	ok "kill -9 leaves the program attached"
else
	not_ok "kill -9 leaves the program attached"
fi
daemon_start --log-level debug
is "the next one adopts what is pinned" "$(ctl --json status | python3 -c '
import json, sys
s = json.load(sys.stdin)
print(s["adopted"], s["generation"], s["degraded"])')" "True $generation None"
is "and commits nothing" "$(grep -c 'was put in force' "$lab/daemon.log")" 0
check "its interfaces are those" is_attached ws1
daemon_stop
daemon_start
wait $ping_pid
like "a ping every 10 ms through kill, start, stop and start loses nothing" \
	"$(cat "$lab/ping.log")" '600 packets transmitted, 600 received'

# ---- two of them --------------------------------------------------------------------------------

exits "a second daemon on the same state is refused" 1 \
	in_ns gw "$build/dbx-egressd" --socket "$lab/other" --state-dir "$lab/state" \
	--pin-dir "$lab/bpf/dbx-egress" --object "$build/egress_xdp.bpf.o"
like "and says what to do" "$out" 'another daemon uses .*state-dir'
exits "a second daemon on the same socket is refused" 1 \
	in_ns gw "$build/dbx-egressd" --socket "$lab/socket" --state-dir "$lab/other-state" \
	--pin-dir "$lab/bpf/other" --object "$build/egress_xdp.bpf.o"
exits "the first one still answers" 0 ctl status
exits "uninstall is refused while a daemon runs" 1 \
	in_ns gw "$build/dbx-egressd" --uninstall --state-dir "$lab/state" --pin-dir "$lab/bpf/dbx-egress"
daemon_stop
exits "uninstall ends enforcement" 0 \
	in_ns gw "$build/dbx-egressd" --uninstall --state-dir "$lab/state" --pin-dir "$lab/bpf/dbx-egress"
if has_program ws1; then
	not_ok "nothing is attached after it"
else
	ok "nothing is attached after it"
fi
daemon_start
check "the documents are still there: the next start puts them in force" is_attached ws1
is "with the same verdicts" "$(probe icmp ws1 203.0.113.10)" passed
done_testing
