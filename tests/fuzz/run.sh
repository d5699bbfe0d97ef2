#!/bin/sh
# run.sh -- runs one fuzz target on its seed corpus and then on what it makes up.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: DBX_BUILD=build tests/fuzz/run.sh fuzz_NAME SECONDS
# Seeds lie in tests/fuzz/corpus/NAME/, a dictionary in tests/fuzz/NAME.dict; what is found to be
# new goes to $DBX_BUILD/fuzz/corpus/, a crashing input to $DBX_BUILD/fuzz/.
set -eu

target=$1
seconds=$2
name=${target#fuzz_}
here=$(dirname "$0")
out=${DBX_BUILD:-build}/fuzz

mkdir -p "$out/corpus/$name"
set -- "$out/corpus/$name"
[ ! -d "$here/corpus/$name" ] || set -- "$@" "$here/corpus/$name"
[ ! -f "$here/$name.dict" ] || set -- "$@" "-dict=$here/$name.dict"
echo "== $target, $seconds s"
exec "$out/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
	-verbosity=0 -artifact_prefix="$out/$name-" "$@"
