#!/bin/bash
# test_outlives.sh -- a daemon killed at any moment changes no verdict, and the next one carries on.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 400
#
# What the kernel holds is read with bpftool, what dbx-egress-dpdk does from itself: neither is asked of
# the daemon. OUTLIVES_ROUNDS and OUTLIVES_SEED choose how often, and when, it is killed in the middle of an
# apply.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

rounds=${OUTLIVES_ROUNDS:-30}
seed=${OUTLIVES_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}

# ---- what the kernel has ------------------------------------------------------------------------

# Ids of the link, its program and its interface; then the program's maps. With dbx-egress-dpdk, the link
# and the process: the program in the link only takes over from that, and each daemon puts its own there.
kernel_ids() { # INTERFACE
	if [ -n "${LAB_DPDK:-}" ]; then
		bpftool -j link show pinned "$lab/bpf/dbx-egress/link_$1" | jq_py '"link", d["id"]'
		in_ns gw ip -j link show "$1" | jq_py '"attached", d[0]["ifindex"], "xdp" in d[0]'
		dpdk_state pid counters_id has_secret
		return
	fi
	bpftool -j link show pinned "$lab/bpf/dbx-egress/link_$1" |
		jq_py '"link", d["id"], "program", d["prog_id"]'
	bpftool -j prog show pinned "$lab/bpf/dbx-egress/prog" |
		jq_py '"program", d["id"], "maps", sorted(d["map_ids"])'
	in_ns gw ip -j link show "$1" | jq_py '"attached", d[0]["ifindex"], d[0]["xdp"]["prog"]["id"]'
}

# "GENERATION CONTENT_HASH" of the active image: the header is at the start of its first chunk.
kernel_image() {
	local id
	[ -z "${LAB_DPDK:-}" ] || { dpdk_state generation content_hash && return; }
	id=$(bpftool -j map lookup pinned "$lab/bpf/dbx-egress/map_images" key 0 0 0 0 |
		jq_py 'd["inner_map_id"] if "inner_map_id" in d else int.from_bytes(bytes(int(x, 16) for x in d["value"]), "little")')
	bpftool -j map lookup id "$id" key 0 0 0 0 | "$PYTHON" -c '
import json, struct, sys
d = json.load(sys.stdin)
generation, _, content = struct.unpack_from("<QQQ", bytes(int(x, 16) for x in d["value"][:64]), 8)
print(generation, "%016x" % content)'
}

# ---- traffic that lasts -------------------------------------------------------------------------

summary() { # LOG: "sent received" of a ping
	sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$1"
}

# One TCP connection that carries LINES lines, one each 20 ms, to the internet.
stream_start() { # LINES
	in_ns_background net sh -c "exec nc -lN 203.0.113.10 5201 >'$lab/stream'"
	wait_for 5 in_ns net sh -c 'ss -ltnH | grep -q 203.0.113.10:5201'
	{
		for i in $(seq 1 "$1"); do
			echo "$i"
			sleep 0.02
		done
	} | in_ns ws1 nc -N 203.0.113.10 5201 &
	stream_pid=$!
}

# ---- one death ----------------------------------------------------------------------------------

outlive_one() {
	local allowed4 allowed6 denied before
	exits "a gateway document is in force" 0 ctl apply "$lab/world"
	exits "a policy is in force" 0 ctl apply "$lab/a.json"
	wait_for 5 in_ns gw sh -c 'ip link show ws1 | grep -q xdp'
	kernel_ids ws1 >"$lab/ids"
	kernel_image >"$lab/kernel"
	is "the kernel's generation is the daemon's" "$(cat "$lab/kernel")" "$(status_of generation content_hash)"
	snapshot "$lab/good"
	in_ns ws1 ping -q -i 0.004 -c 1500 203.0.113.10 >"$lab/ping4" 2>&1 &
	allowed4=$!
	in_ns ws1 ping -q -i 0.004 -c 1500 2001:db8:a::10 >"$lab/ping6" 2>&1 &
	allowed6=$!
	in_ns ws1 ping -q -i 0.004 -c 1500 -W 0.1 198.51.100.66 >"$lab/ping-denied" 2>&1 &
	denied=$!
	stream_start 200
	sleep 1
	daemon_kill
	kernel_ids ws1 >"$lab/ids-dead"
	is "dead: link, program and maps are the same" "$(cat "$lab/ids-dead")" "$(cat "$lab/ids")"
	is "dead: the image is the same" "$(kernel_image)" "$(cat "$lab/kernel")"
	is "dead: what is allowed passes, TCP" "$(probe http ws1 203.0.113.10 443)" passed
	is "dead: what is denied does not, TCP" "$(probe tcp ws1 198.51.100.66 443)" denied
	is "dead: nor to the other workspace" "$(probe icmp ws1 10.66.2.10)" denied
	exits "dead: the tool says so" 3 ctl status
	daemon_start || not_ok "it starts again"
	is "alive: adopted, nothing amiss" "$(status_of adopted degraded)" 'True None'
	is "alive: link, program and maps are the same" "$(kernel_ids ws1)" "$(cat "$lab/ids")"
	is "alive: no new generation" "$(kernel_image)" "$(cat "$lab/kernel")"
	none "alive: image, documents, history and status as before" "$(changes)"
	wait $allowed4 $allowed6 $denied $stream_pid
	is "IPv4 that is allowed: nothing is lost" "$(summary "$lab/ping4")" '1500 1500'
	is "IPv6 that is allowed: nothing is lost" "$(summary "$lab/ping6")" '1500 1500'
	is "what is denied: nothing passes" "$(summary "$lab/ping-denied")" '1500 0'
	is "a TCP connection lives through it" "$(wc -l <"$lab/stream") $(tail -n1 "$lab/stream")" '200 200'
	before=$(status_of generation)
	exits "the next apply works" 0 ctl apply "$lab/b.json"
	is "and is the next generation" "$(kernel_image)" "$((before + 1)) $(status_of content_hash)"
	is "and on the wire" "$(probe icmp ws1 203.0.113.66)$(probe icmp ws1 203.0.113.20)" passeddenied
}

# The rest of the counters' life: they are maps of the kernel.
counters() {
	local dropped
	dropped=$(ctl --json stats | jq_py 'd["totals"]["drop"]')
	daemon_kill
	in_ns ws1 ping -qc 50 -i 0.004 -W 0.1 198.51.100.66 >/dev/null
	daemon_start || not_ok "it starts again"
	is "what was denied meanwhile is counted" "$(($(ctl --json stats | jq_py 'd["totals"]["drop"]') - dropped))" 50
}

# ---- killed in the middle of an apply -----------------------------------------------------------

# What both hold must agree, and packets with them.
disagreements() { # ROUND
	local stored yes no
	stored=$(ctl --json history | jq_py 'd["revisions"][0]["generation"], d["revisions"][0]["content_hash"]' | tr -d "(),'")
	[ "$(kernel_image)" = "$stored" ] || echo "$1: kernel $(kernel_image), stored $stored"
	[ "$(status_of generation content_hash degraded)" = "$stored None" ] ||
		echo "$1: status $(status_of generation content_hash degraded), stored $stored"
	case $(ctl get network-policy np-one) in
	*203.0.113.20/32*) yes=203.0.113.20 no=203.0.113.66 ;;
	*203.0.113.66/32*) yes=203.0.113.66 no=203.0.113.20 ;;
	*) echo "$1: the stored policy is neither" && return ;;
	esac
	in_ns ws1 ping -qc 1 -W 0.5 $yes >/dev/null || echo "$1: stored $yes, and it is denied"
	! in_ns ws1 ping -qc 1 -W 0.05 $no >/dev/null || echo "$1: $no passes, which is not stored"
}

# While nobody is there: one generation or the other on the wire, whole.
half_judged() { # ROUND
	local a=denied b=denied
	in_ns ws1 ping -qc 1 -W 0.2 203.0.113.20 >/dev/null && a=passed
	in_ns ws1 ping -qc 1 -W 0.2 203.0.113.66 >/dev/null && b=passed
	[ $a != $b ] || echo "$1: while dead, one is $a and the other is $b"
}

kill_in_apply() {
	local i which feed ms took_ms t0 apply_pid ping_pid code wrong='' n_done=0 n_lost=0
	RANDOM=$seed
	t0=$(date +%s%N)
	ctl apply "$lab/a.json" rules/feeds/azure-public-20260420.json.gz >/dev/null 2>&1
	took_ms=$((($(date +%s%N) - t0) / 1000000))
	# exec, so that the number is ping's own: it must get the signal that ends it.
	(exec nsenter --net="/run/netns/$lab_prefix-ws1" ping -q -i 0.02 203.0.113.10) >"$lab/ping4" 2>&1 &
	ping_pid=$!
	lab_pids+=($!)
	for i in $(seq 1 "$rounds"); do
		which=a feed=20260420
		[ $((i % 2)) = 0 ] || which=b feed=20260427
		ctl apply --force "$lab/$which.json" "rules/feeds/azure-public-$feed.json.gz" \
			>/dev/null 2>&1 &
		apply_pid=$!
		# Anywhere in it, and every other time in the part where it is stored and flipped.
		ms=$((RANDOM % (took_ms + 20)))
		[ $((i % 2)) = 0 ] || ms=$((took_ms - took_ms / 4 + RANDOM % (took_ms / 3)))
		sleep "$(printf '0.%03d' $((ms < 999 ? ms : 999)))"
		daemon_kill
		wait $apply_pid
		code=$?
		[ $code = 0 ] && n_done=$((n_done + 1)) || n_lost=$((n_lost + 1))
		wrong=$wrong$(half_judged "$i")
		daemon_start >"$lab/out" || wrong="$wrong$i: $(cat "$lab/out")"$'\n'
		wrong=$wrong$(disagreements "$i")
		# Whoever was told that it is done must find it done.
		[ $code != 0 ] || ctl get network-policy np-one | cmp -s - <(ctl_normal "$lab/$which.json") ||
			wrong="$wrong$i: apply said that it was done, and it is not"$'\n'
	done
	kill -INT $ping_pid
	wait $ping_pid
	echo "# seed $seed: $n_done applies were answered before the kill, $n_lost were not; an apply takes $took_ms ms"
	none "$rounds times killed in an apply: kernel, store and packets agree" "$wrong"
	# The last one may be under way when ping ends.
	is "and nothing that is allowed is lost" "$(summary "$lab/ping4" | awk '{ print $1 - $2 <= 1 }')" 1
	exits "and the next apply works" 0 ctl apply "$lab/a.json"
	unlike "no generation fell" "$(ctl --json history | jq_py \
		'[r["generation"] for r in d["revisions"]] == sorted((r["generation"] for r in d["revisions"]), reverse=True)')" False
	is "the database is whole" "$("$PYTHON" -c '
import glob, sqlite3, sys
for f in glob.glob(sys.argv[1] + "/*.db") + glob.glob(sys.argv[1] + "/*.sqlite*"):
    print(sqlite3.connect(f).execute("pragma integrity_check").fetchone()[0])' "$lab/state" | sort -u)" ok
}

# A document as `get` prints it.
ctl_normal() { # FILE
	"$PYTHON" -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1])), indent=2))' "$1"
}

lab_begin
command -v bpftool >/dev/null || skip_all "no bpftool; make deps installs it"
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
small_world "$lab"
daemon_start || not_ok "the daemon starts"
outlive_one
counters
kill_in_apply
daemon_stop
done_testing
