#!/bin/bash
# test_fuzz.sh -- each fuzz target survives its seed corpus and a few seconds of its own ideas.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `make fuzz` does it for longer. FUZZ_SMOKE_SECONDS changes how long (5).
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

build=${DBX_BUILD:-build}
found=
for f in tests/fuzz/fuzz_*.c; do
	[ -e "$f" ] || continue
	found=1
	name=$(basename "$f" .c)
	if [ ! -x "$build/fuzz/$name" ]; then
		not_ok "$name" "$build/fuzz/$name was not built; run make fuzz-build"
		continue
	fi
	out=$(DBX_BUILD=$build tests/fuzz/run.sh "$name" "${FUZZ_SMOKE_SECONDS:-5}" 2>&1)
	status=$?
	runs=$(printf '%s\n' "$out" | sed -n 's/^stat::number_of_executed_units: *//p')
	if [ $status -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
		ok "$name: $runs inputs"
	else
		not_ok "$name ended with status $status" "$(printf '%s\n' "$out" | tail -n 40)"
	fi
done
[ -n "$found" ] || skip_all "no fuzz target"
done_testing
