# lib.sh -- what tests of dbx-egressctl and a daemon share: a folder, a socket, and one that poses as the daemon.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
#	cd "$(dirname "$0")/../.." && . tests/tap.sh && . tests/cli/lib.sh
#	daemon_start fake_daemon.py ok "$work/log"	# at $DBX_EGRESS_SOCKET
#	exits "..." 0 "$ctl" status
#	done_testing
#
# Who has more to clean up sets a trap of its own, which ends with finish. $daemon is the process that
# finish ends, "" = none.

# shellcheck disable=SC2034 # for the caller
ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
python=${PYTHON:-python3}
here=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-cli.XXXXXX")
daemon=
export DBX_EGRESS_SOCKET=$work/sock

finish() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

wait_for() { # COMMAND...
	local end=$((SECONDS + 30))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

daemon_stop() {
	[ -n "$daemon" ] || return 0
	kill "$daemon"
	wait "$daemon" 2>/dev/null
	daemon=
}

# A script of tests/cli in place of the one that runs; it prints a line when it listens.
daemon_start() { # SCRIPT ARGUMENT...
	daemon_stop
	rm -f "$work/ready"
	"$python" "$here/tests/cli/$1" "$work/sock" "${@:2}" >"$work/ready" &
	daemon=$!
	wait_for test -s "$work/ready"
}
