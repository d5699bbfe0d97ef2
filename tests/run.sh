#!/bin/bash
# run.sh -- runs every test suite and counts: what `make check` ends with.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: tests/run.sh [-k] [WORD...]
# WORDs choose suites whose "kind name variant" contains one; -k keeps the logs. DBX_BUILD names the
# build folder (build).
#
# A suite is a program or a script that prints TAP: "ok N - what", "not ok N - what", "# SKIP why"
# behind either, and a plan "1..N" before or after. Suites:
#	$DBX_BUILD/tests/test_*, and the same below $DBX_BUILD/asan
#	tests/{lint,cli,golden,netns,fuzz,vm}/test_*.{sh,py}
# Comment lines in a script's head may say
#	# timeout: SECONDS	instead of its kind's
#	# variants: plain asan	which builds it runs against (cli and golden: both; others: plain)
#	# alone			nothing else runs beside it (netns, vm and fuzz: always)
# A suite that crashes, is cut off, prints no result, or fewer than it planned, counts as a failure.
# Every line but the last is for people; the last is "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 2

keep=
if [ "${1:-}" = -k ]; then
	keep=1
	shift
fi
words=("$@")
build=$(realpath -m "${DBX_BUILD:-build}")
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-tests.XXXXXX")
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export CMOCKA_MESSAGE_OUTPUT=TAP
# Debian's own: the one that python3-jsonschema is installed for.
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3
export PYTHON
n_jobs=$(nproc)
# More captures, where they lie beside the tree; DBX_DATA= (empty) does without.
for d in ../*/data/pcap; do
	[ -n "${DBX_DATA+set}" ] || [ ! -d "$d" ] || DBX_DATA=$(realpath "${d%/pcap}")
done
export DBX_DATA=${DBX_DATA:-}

# timeout hands a signal on to all of its suite, which then cleans up after itself.
finish() {
	local f
	for f in "$work"/*.pid; do
		[ ! -e "$f" ] || kill "$(cat "$f")" 2>/dev/null
	done
	wait
	[ -n "$keep" ] || rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---- the list of suites: id, kind, name, variant, timeout in seconds, shared|alone, command ------

n_suites=0
add() { # KIND NAME VARIANT TIMEOUT_S WHERE COMMAND
	local w chosen=
	for w in "${words[@]}"; do
		[[ "$1 $2 $3" != *"$w"* ]] || chosen=1
	done
	[ ${#words[@]} -eq 0 ] || [ -n "$chosen" ] || return 0
	n_suites=$((n_suites + 1))
	printf '%03d\t%s\t%s\t%s\t%s\t%s\t%s\n' $n_suites "$@" >>"$work/list"
}

add_units() { # VARIANT DIR TIMEOUT_S
	local f where
	for f in tests/unit/test_*.c; do
		[ -e "$f" ] || continue
		f=${f##*/}
		# make leaves them out, and says so
		[[ $f != test_dpdk_* ]] || pkg-config --exists libdpdk 2>/dev/null || continue
		where=shared
		# Those with namespaces count packets of a steady stream.
		! grep -q nsbox "tests/unit/$f" || where=alone
		add unit "${f%.c}" "$1" "$3" $where "$2/tests/${f%.c}"
	done
}

head_says() { # FILE KEY: the value of "# KEY: value" in the head of the file
	sed -n "1,30s/^# $2: *//p" "$1" | head -n1
}

add_scripts() { # KIND TIMEOUT_S WHERE VARIANTS
	local f v variants limit where
	for f in "tests/$1"/test_*.sh "tests/$1"/test_*.py; do
		[ -e "$f" ] || continue
		variants=$(head_says "$f" variants)
		limit=$(head_says "$f" timeout)
		where=$3
		! sed -n '1,30p' "$f" | grep -qx '# alone' || where=alone
		for v in ${variants:-$4}; do
			add "$1" "${f##*/}" "$v" "${limit:-$2}" "$where" "$PWD/$f"
		done
	done
}

add_scripts lint 300 shared plain
add_units plain "$build" 300
add_units asan "$build/asan" 900
add_scripts cli 300 shared 'plain asan'
add_scripts golden 300 shared 'plain asan'
add_scripts netns 600 alone plain
add_scripts fuzz 600 alone plain
add_scripts vm 900 alone plain

# ---- running one --------------------------------------------------------------------------------

# Reads a suite's output; prints "passed failed skipped", then a line for each skip.
count() { # STATUS LOG
	awk -v status="$1" '
	/^1\.\.[0-9]+/ { planned += substr($1, 4); has_plan = 1; if ($1 == "1..0") all = $0 }
	/^(not )?ok [0-9]+/ {
		n++
		if (match($0, /# *[Ss][Kk][Ii][Pp]/)) {
			skipped++
			text = $0
			sub(/^(not )?ok [0-9]+ *-? */, "", text)
			sub(/# *[Ss][Kk][Ii][Pp] */, "# ", text)
			if (/^not/ && note != "")
				text = text ": " note
			why[skipped] = text
		} else if (/^not/)
			failed++
		else
			passed++
	}
	{ note = /^# / ? substr($0, 3) : "" }
	END {
		if (!n && has_plan && all != "" && status == 0) {
			skipped++
			sub(/^1\.\.0 *#? *([Ss][Kk][Ii][Pp])? */, "", all)
			why[skipped] = "all: " all
		} else if (!n || (has_plan && n < planned) || (status != 0 && !failed) ||
			   status == 124 || status == 137)
			failed++
		printf "%d %d %d\n", passed, failed, skipped
		for (i = 1; i <= skipped; i++)
			print why[i]
	}' "$2"
}

run_one() { # ID KIND NAME VARIANT TIMEOUT_S COMMAND
	local id=$1 kind=$2 name=$3 variant=$4 limit=$5 command=$6 dir=$build t0 t1 status
	[ "$variant" != asan ] || dir=$build/asan
	[[ $command != *.py ]] || command="$PYTHON $command"
	t0=$(date +%s%N)
	# shellcheck disable=SC2086 # "PYTHON FILE" is two words
	DBX_BUILD=$dir DBX_VARIANT=$variant timeout -k 20 "$limit" $command >"$work/$id.log" 2>&1 \
		</dev/null &
	echo $! >"$work/$id.pid"
	wait $!
	status=$?
	rm -f "$work/$id.pid"
	t1=$(date +%s%N)
	count $status "$work/$id.log" >"$work/$id.count"
	report "$id" "$kind" "$name" "$variant" "$status" $(((t1 - t0) / 1000000)) "$limit"
}

# How a status is said; empty for the ordinary ones.
say_status() { # STATUS LIMIT_S
	case $1 in
	0 | 1) ;;
	124) echo ", cut off after $2 s" ;;
	99) echo ", stopped by a sanitizer" ;;
	126 | 127) echo ", could not be run" ;;
	129 | 13? | 14?) echo ", killed by signal $(($1 - 128))" ;;
	*) echo ", exit status $1" ;;
	esac
}

report() { # ID KIND NAME VARIANT STATUS MILLISECONDS LIMIT_S
	local passed failed skipped mark=ok text
	read -r passed failed skipped <"$work/$1.count"
	[ "$failed" -eq 0 ] || mark=FAIL
	text="$passed passed"
	[ "$failed" -eq 0 ] || text="$text, $failed failed"
	[ "$skipped" -eq 0 ] || text="$text, $skipped skipped"
	text="$text$(say_status "$5" "$7")"
	{
		printf '%-4s  %-6s %-28s %-5s %4d.%d s  %s\n' $mark "$2" "$3" "$4" $(($6 / 1000)) \
			$(($6 % 1000 / 100)) "$text"
		if [ $mark = FAIL ]; then
			grep 'SEED=' "$work/$1.log" | sed 's/^/      | /'
			grep -n -A 8 '^not ok' "$work/$1.log" | grep -v '[0-9][:-]ok ' |
				head -n 60 | sed 's/^/      | /'
			echo "      | last lines of the output:"
			tail -n 30 "$work/$1.log" | sed 's/^/      | /'
		fi
	} >"$work/$1.text"
	cat "$work/$1.text"
}

# ---- all of them --------------------------------------------------------------------------------

run_all() { # shared|alone JOBS
	local id kind name variant limit where command
	while IFS=$'\t' read -r id kind name variant limit where command; do
		[ "$where" = "$1" ] || continue
		while [ "$(jobs -rp | wc -l)" -ge "$2" ]; do
			wait -n
		done
		run_one "$id" "$kind" "$name" "$variant" "$limit" "$command" &
	done <"$work/list"
	wait
}

if [ $n_suites -eq 0 ]; then
	echo "no suite is called ${words[*]}" >&2
	exit 2
fi
t_begin=$SECONDS
run_all shared "$n_jobs"
run_all alone 1

passed=0 failed=0 skipped=0 n_bad=0
while IFS=$'\t' read -r id kind name variant _; do
	if ! read -r p f s 2>/dev/null <"$work/$id.count"; then
		p=0 f=1 s=0
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	[ "$f" -eq 0 ] || n_bad=$((n_bad + 1))
	[ "$s" -eq 0 ] || sed "1d; s|^|skipped: $kind $name ($variant): |" "$work/$id.count"
done <"$work/list"
[ -z "$keep" ] || echo "logs: $work"
echo "$n_suites suites, $n_bad with failures, $((SECONDS - t_begin)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
