#!/bin/bash
# bench_lookup.sh -- how many addresses a second `dbx-egressctl lookup` answers from standard input,
# beside a script that does it without the product.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A million random addresses, most of them inside the clouds' ranges, v4 and v6, against the range files
# of all four clouds. A sample of the answers is compared with those of lookup_naive.py: a difference
# makes the run INVALID. Bar: 1,000,000 addresses a second, once the files are read.
set -u
cd "$(dirname "$0")/../.." || exit 2
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

ctl=${DBX_BUILD:-build}/dbx-egressctl
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-bench-lookup.XXXXXX")
trap 'rm -rf "$work"' EXIT
feeds='rules/feeds/azure-public.json.gz rules/feeds/aws.json.gz rules/feeds/google-cloud.json.gz
	rules/feeds/databricks.json.gz'
N=1000000 N_BISECT=100000 N_SCAN=50
BAR=1000000

# Seven of ten are v4; addresses are written as inet_ntop() writes them.
"$PYTHON" - $N >"$work/many" <<'PY'
import ipaddress, random, sys
random.seed(1)
first = [20, 40, 52, 13, 104, 8, 3, 34, 35, 18]
for i in range(int(sys.argv[1])):
    if i % 10 < 7:
        print(f"{random.choice(first)}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}")
    else:
        high = random.choice([0x26031000, 0x26030000, 0x26001f00, 0x2a05d000, 0x26001900])
        print(ipaddress.IPv6Address(high + random.randrange(96) << 96 | random.getrandbits(96)))
PY

product() { # FILE OUT: milliseconds
	local t0 t1
	t0=$(date +%s%N)
	# shellcheck disable=SC2086 # a list of files
	"$ctl" lookup --feeds $feeds - <"$1" >"$2"
	t1=$(date +%s%N)
	echo $(((t1 - t0) / 1000000))
}

median() {
	sort -n | sed -n 3p
}

head -n1 "$work/many" >"$work/one"
load_ms=$(for _ in 1 2 3 4 5; do product "$work/one" "$work/out"; done | median)
all_ms=$(for _ in 1 2 3 4 5; do product "$work/many" "$work/out"; done | median)
answers=$(wc -l <"$work/out")
net_ms=$((all_ms > load_ms ? all_ms - load_ms : 1))
rate=$((N * 1000 / net_ms))

invalid=
row() { # TOOL N READ_S ANSWER_S
	awk -v t="$1" -v n="$2" -v r="$3" -v a="$4" -v mine=$rate 'BEGIN {
		printf "  %-34s %9d %9.2f s %9.3f s %12.0f", t, n, r, a, n / a
		if (mine * a / n > 1.5)
			printf "   %.0f times slower", mine * a / n
		print "" }'
}

naive() { # MODE N
	local read_s answer_s
	head -n "$2" "$work/many" >"$work/some"
	# shellcheck disable=SC2086 # a list of files
	"$PYTHON" tests/bench/lookup_naive.py "$1" $feeds <"$work/some" >"$work/naive" 2>"$work/times"
	read -r _ read_s _ answer_s <"$work/times"
	head -n "$2" "$work/out" | cmp -s - "$work/naive" || invalid="$invalid $1"
	row "python3, $1" "$2" "$read_s" "$answer_s"
}

printf '  %-34s %9s %11s %11s %12s\n' tool addresses 'read files' answer 'a second'
row 'dbx-egressctl lookup' $N "$(awk "BEGIN { print $load_ms / 1000 }")" "$(awk "BEGIN { print $net_ms / 1000 }")"
naive bisect $N_BISECT
naive scan $N_SCAN
tagged=$(grep -c "$(printf '\t')" "$work/out")
echo "$tagged of $answers have a tag; the first $N_BISECT answers are compared line by line"
[ "$answers" -eq $N ] || invalid="$invalid count"
[ "$tagged" -gt $((N / 4)) ] || invalid="$invalid traffic"
if [ -n "$invalid" ]; then
	echo "INVALID: answers differ:$invalid"
	exit 1
fi
if [ $rate -ge $BAR ]; then
	echo "PASS  $rate addresses a second, at least $BAR"
else
	echo "FAIL  $rate addresses a second, fewer than $BAR"
	exit 1
fi
