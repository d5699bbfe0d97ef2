#!/bin/bash
# bench_lookup.sh -- how many addresses a second `dbx-egressctl lookup` answers from standard input.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Two million addresses, most of them inside the clouds' ranges, against all range files at once.
# Fails below 1,000,000 addresses a second.
set -eu
cd "$(dirname "$0")/../.."

ctl=${DBX_BUILD:-build}/dbx-egressctl
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-bench-lookup.XXXXXX")
trap 'rm -rf "$work"' EXIT
feeds="rules/feeds/azure-public.json.gz rules/feeds/aws.json.gz rules/feeds/google-cloud.json.gz"
n=2000000

awk -v n=$n 'BEGIN {
	srand(1)
	split("20 40 52 13 104 8 3 34 35 18", first, " ")
	for (i = 0; i < n; i++) {
		if (i % 10 < 7)
			printf "%d.%d.%d.%d\n", first[1 + int(rand() * 10)], rand() * 256, rand() * 256, rand() * 256
		else
			printf "2603:10%02x:%x:%x::%x\n", rand() * 96, rand() * 4096, rand() * 65536, rand() * 65536
	}
}' >"$work/many"

ms() { # FILE: milliseconds for the addresses in it
	local t0 t1
	t0=$(date +%s%N)
	# shellcheck disable=SC2086 # a list of files
	"$ctl" lookup --feeds $feeds - <"$1" >"$work/out"
	t1=$(date +%s%N)
	echo $(((t1 - t0) / 1000000))
}

echo 20.60.0.1 >"$work/one"
load=$(ms "$work/one")
all=$(ms "$work/many")
answers=$(wc -l <"$work/out")
rate=$((n * 1000 / (all > load ? all - load : 1)))
echo "range files read and compiled in $load ms; $answers addresses in $((all - load)) ms: $rate a second"
[ "$answers" -eq $n ]
[ $rate -ge 1000000 ]
