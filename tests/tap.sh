# tap.sh -- how test scripts say what they found: TAP, as tests/run.sh reads it.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Source it, call the checks, end with done_testing: without its plan the runner counts the script
# as cut off. A check never ends the script; each returns 0 when it passed.

tap_n=0
tap_failed=0

ok() { # WHAT [STATUS]
	if [ "${2:-0}" != 0 ]; then
		not_ok "$1" "status $2"
		return
	fi
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1"
}

not_ok() { # WHAT [DETAIL]
	tap_n=$((tap_n + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_n - $1"
	[ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/#   /'
	return 1
}

skip() { # WHAT WHY
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

skip_all() { # WHY
	echo "1..0 # SKIP $1"
	exit 0
}

is() { # WHAT GOT WANTED
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "got    $2"$'\n'"wanted $3"
	fi
}

like() { # WHAT TEXT EXTENDED_REGEX
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then
		ok "$1"
	else
		not_ok "$1" "no line of this matches /$3/:"$'\n'"$2"
	fi
}

unlike() { # WHAT TEXT EXTENDED_REGEX
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then
		not_ok "$1" "a line of this matches /$3/:"$'\n'"$2"
	else
		ok "$1"
	fi
}

# Runs a command and compares its exit status; what it printed (both streams) is left in $out.
# shellcheck disable=SC2034 # out is for the caller
exits() { # WHAT STATUS COMMAND...
	local what=$1 want=$2 got
	shift 2
	out=$("$@" 2>&1)
	got=$?
	if [ $got -eq "$want" ]; then
		ok "$what"
	else
		not_ok "$what" "$* exited with $got, wanted $want"$'\n'"$out"
	fi
}

# ok when nothing was printed: for checks that list offenders.
none() { # WHAT TEXT
	if [ -z "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "$2"
	fi
}

done_testing() {
	echo "1..$tap_n"
	[ $tap_failed -eq 0 ]
	exit
}
