#!/bin/bash
# test_lint.sh -- the house rules that a program can check.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 900
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

FUNCTION_MAX_LINES=60
FILE_MAX_LINES=600

# Tracked files and new ones; in an unpacked release there is no git.
files() { # GLOB...
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -- "$@" | while read -r f; do
			[ ! -f "$f" ] || echo "$f"
		done
	else
		find . -type f ! -path './build*' | sed 's|^\./||' | while read -r f; do
			for g in "$@"; do
				# shellcheck disable=SC2254 # a pattern is meant
				case $f in $g) echo "$f" && break ;; esac
			done
		done
	fi | sort -u
}

c_files=$(files '*.c' '*.h')
scripts=$(files '*.sh' '.ci/run')
code=$(files '*.c' '*.h' '*.def' '*.sh' '*.py' '*.mk' Makefile .ci/run '*.service' .clang-format \
	.clang-tidy Vagrantfile '*/Vagrantfile')
# Data of others is not ours to tidy.
texts=$(files '*' | grep -Ev '^(LICENSES|rules/feeds|tests/(data|pcap|golden|fuzz/corpus))/|\.(gz|pcap|pcapng|bin|img|png)$')

each_lacks() { # REGEX N_LINES FILES: those without the pattern in their first lines
	local f
	for f in $3; do
		head -n "$2" "$f" | grep -Eq -- "$1" || echo "$f"
	done
}

check_format() {
	local bad
	# shellcheck disable=SC2086 # lists of files
	bad=$(clang-format --dry-run -Werror $c_files 2>&1 | grep 'error:' | cut -d: -f1,2 | head -n 20)
	none "C is in the house format (make fmt)" "$bad"
}

check_heads() {
	local f bad=
	none "each source file has its SPDX line" \
		"$(each_lacks 'SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause' 4 "$code")"
	for f in $(printf '%s\n' "$code" | grep -Ev '(^|/)(\.clang-|Vagrantfile)|\.service$'); do
		head -n 6 "$f" | grep -Fq -- "${f##*/} -- " || bad="$bad$f"$'\n'
	done
	none "each source file opens with \"name -- what it is.\"" "$bad"
}

# The patterns are split so that this file does not match itself.
check_words() {
	local mark="TO""DO|FIX""ME|X""XX"
	local place="(^|[^a-z.])/wo""rk/|\.\./sha""red|/ro""ot/|/ho""me/[a-z]"
	local list="$texts"
	# shellcheck disable=SC2086
	none "no unfinished marks" "$(grep -nEw -- "$mark" $list)"
	# shellcheck disable=SC2086
	none "no paths of one machine" "$(grep -nE -- "$place" $list)"
	# shellcheck disable=SC2086
	none "no lists to be kept in step by hand" "$(grep -niE -- "keep(ing)? (this )?in sy""nc" $list)"
}

check_text() {
	# shellcheck disable=SC2086
	none "no blanks at line ends" "$(grep -nE '[[:blank:]]+$' $texts | cut -c1-120)"
	# shellcheck disable=SC2086
	none "no carriage returns" "$(grep -lP '\r$' $texts)"
	none "each text file ends with a newline" "$(for f in $texts; do
		[ ! -s "$f" ] || [ -z "$(tail -c1 "$f")" ] || echo "$f"
	done)"
}

check_lengths() {
	# shellcheck disable=SC2086
	none "no function is longer than $FUNCTION_MAX_LINES lines" "$(awk -v max=$FUNCTION_MAX_LINES '
		FNR == 1 { start = 0 }
		/^{/ { start = FNR; name = last }
		/^}/ && start {
			if (FNR - start - 1 > max)
				printf "%s:%d: %d lines: %s\n", FILENAME, start, FNR - start - 1, name
			start = 0
		}
		/^[A-Za-z]/ { last = $0 }' $c_files)"
	# shellcheck disable=SC2086
	none "no file is longer than $FILE_MAX_LINES lines" "$(wc -l $c_files $scripts |
		awk -v max=$FILE_MAX_LINES '$1 > max && $2 != "total" && $2 !~ /vectors/')"
}

check_scripts() {
	local f bad=
	for f in $scripts; do
		bash -n "$f" 2>/dev/null || bad="$bad$f"$'\n'
	done
	none "shell scripts have good syntax" "$bad"
	if command -v shellcheck >/dev/null; then
		# shellcheck disable=SC2086
		none "shellcheck has no complaint" "$(shellcheck -S warning -e SC1090,SC1091,SC2154 -f gcc $scripts | head -n 40)"
	else
		skip "shellcheck has no complaint" "shellcheck is not installed"
	fi
	bad=
	for f in $(files '*.py'); do
		bad="$bad$("${PYTHON:-python3}" -c '
import ast, sys
try:
    ast.parse(open(sys.argv[1]).read())
except SyntaxError as e:
    print(f"{sys.argv[1]}: {e}")' "$f")"
	done
	none "Python scripts have good syntax" "$bad"
	bad=
	for f in $(printf '%s\n' "$scripts" | grep -Ev '/(lib|tap|[a-z_]*\.lib)\.sh$'); do
		[ -x "$f" ] || bad="$bad$f"$'\n'
	done
	none "scripts may be executed" "$(for f in $bad; do head -n1 "$f" | grep -q '^#!' && echo "$f"; done)"
}

check_cppcheck() {
	local bad dirs
	dirs=$(for d in ctl dataplane tests/common tests/tools; do [ ! -d $d ] || echo $d; done)
	# shellcheck disable=SC2086
	bad=$(cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppressions-list=tests/lint/cppcheck.txt -j "$(nproc)" \
		-D__GNUC__ -Iinclude -Ictl -I. --template='{file}:{line}: {id}: {message}' $dirs 2>&1)
	none "cppcheck has no complaint" "$bad"
}

check_tidy() {
	local flags=(-std=gnu11 -D_GNU_SOURCE '-DDBX_VERSION="0"' '-DDBX_LIBDIR="/"' -DDBX_HAVE_PCAP
		-I. -Iinclude -Ictl)
	# shellcheck disable=SC2207 # a list of words
	flags+=($(pkg-config --cflags libnl-3.0 jansson libevent sqlite3 libsystemd 2>/dev/null))
	none "clang-tidy has no complaint" "$(files 'ctl/*.c' 'dataplane/*.c' |
		grep -v '^dataplane/dpdk/' |
		xargs -P "$(nproc)" -I{} clang-tidy --quiet {} -- "${flags[@]}" 2>/dev/null |
		grep -E 'error:|warning:' | sort -u | head -n 60)"
}

check_format
check_heads
check_words
check_text
check_lengths
check_scripts
check_cppcheck
check_tidy
done_testing
