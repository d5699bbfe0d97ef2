#!/bin/bash
# bench_apply.sh -- from `apply` of Azure's range file to packets judged by it: the tool's wall clock,
# the daemon's parts of it, and the memory that it takes.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Ten times into an empty daemon, ten times as an update of the week before, both with the demo's
# policies, in namespaces with native XDP. After each apply the kernel's generation, the counts, and a
# packet that only this content allows are checked: a round where one is off makes the run INVALID.
# Bars: wall clock under 1 s, build and flip under 100 ms, RSS under 150 MB (the peak, too).
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

ROUNDS=10
BAR_WALL_MS=1000 BAR_FLIP_MS=100 BAR_RSS_KB=153600
old=rules/feeds/azure-public-20260420.json.gz # 101,842 entries
new=rules/feeds/azure-public-20260427.json.gz # 101,516
invalid='' failed=0

median() { # FILE
	sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.1f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

worst() { # FILE
	sort -n "$1" | tail -n1 | awk '{ printf "%.1f", $1 }'
}

verdict() { # WHAT VALUE BAR UNIT
	if awk "BEGIN { exit !($2 < $3) }"; then
		echo "PASS  $1: $2 $4, under $3 $4"
	else
		echo "FAIL  $1: $2 $4, not under $3 $4"
		failed=1
	fi
}

# One apply; WHAT names the files that its figures go to.
round() { # WHAT ENTRIES FILE...
	local what=$1 entries=$2 before t0 t1
	shift 2
	before=$(status_of generation)
	t0=$(date +%s%N)
	ctl --json apply --force "$@" >"$lab/answer" 2>"$lab/err"
	t1=$(date +%s%N)
	echo $(((t1 - t0) / 1000)) | awk '{ print $1 / 1000 }' >>"$lab/$what.wall"
	"$PYTHON" - "$lab/answer" "$lab/$what" "$before" <<'PY' || invalid="$invalid $what:answer"
import json, sys
d = json.load(open(sys.argv[1]))
for part, ms in d["timing_ms"].items():
    print(ms, file=open(f"{sys.argv[2]}.{part}", "a"))
before = int(sys.argv[3])
sys.exit(not d["changed"] or d["generation_before"] != before or d["generation"] != before + 1)
PY
	[ "$(ctl --json status | jq_py '[(f["tags"], f["prefixes"]) for f in d["feeds"]]')" = "[(3136, $entries)]" ] ||
		invalid="$invalid $what:entries"
	# A server in Storage.EastUS2, which the demo's gateway document names.
	in_ns ws1 curl -sm 2 -o "$lab/page" "http://$(topo_host4 storage-eastus2):443/" ||
		invalid="$invalid $what:packet"
	! in_ns ws1 nc -zw 1 "$(topo_host4 storage-westus)" 443 || invalid="$invalid $what:packet"
}

figures() { # WHAT TITLE
	local part
	printf '%s\n' "$2: median of $(wc -l <"$lab/$1.wall") (worst)"
	printf '  %-44s %8s ms (%s)\n' 'wall clock of dbx-egressctl apply' "$(median "$lab/$1.wall")" "$(worst "$lab/$1.wall")"
	for part in total read check compile build_and_flip store; do
		printf '  %-44s %8s ms (%s)\n' "daemon, $part" "$(median "$lab/$1.$part")" "$(worst "$lab/$1.$part")"
	done
	verdict "$2, wall clock" "$(median "$lab/$1.wall")" $BAR_WALL_MS ms
	verdict "$2, build and flip" "$(median "$lab/$1.build_and_flip")" $BAR_FLIP_MS ms
}

memory() { # KEY OF /proc/PID/status
	awk -v k="$1:" '$1 == k { print $2 }' "/proc/$daemon_pid/status"
}

lab_begin
servers_start || { echo "INVALID: the servers do not start" && exit 1; }
for i in $(seq 1 $ROUNDS); do
	rm -rf "$lab/state" && mkdir "$lab/state"
	daemon_start || exit 1
	round first 101516 rules/demo/before $new
	[ "$i" = $ROUNDS ] || daemon_stop
done
for i in $(seq 1 $((ROUNDS / 2))); do
	round update 101842 $old
	round update 101516 $new
done
figures first "into an empty daemon"
figures update "as an update"
echo "memory of the daemon with the file: RSS $(memory VmRSS) kB, peak $(memory VmHWM) kB"
verdict "RSS" "$(memory VmRSS)" $BAR_RSS_KB kB
verdict "peak RSS" "$(memory VmHWM)" $BAR_RSS_KB kB
daemon_stop
if [ -n "$invalid" ]; then
	echo "INVALID: $invalid"
	exit 1
fi
exit $failed
