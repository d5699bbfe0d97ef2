#!/bin/bash
# test_daemon_process.sh -- dbx-egressd as a process: options, systemd's protocol, signals, locks,
# what it leaves behind, and its unit file.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

egressd=$(realpath "${DBX_BUILD:-build}/dbx-egressd")
[ -x "$egressd" ] || skip_all "dbx-egressd is not built"
unit=$PWD/packaging/dbx-egressd.service
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-process.XXXXXX")
pids=()
finish() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
cd "$work" || exit 2
[ -x "${PYTHON:=/usr/bin/python3}" ] || PYTHON=python3

# What systemd would be told, a line each, in the file notes.
"$PYTHON" -c '
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("notify")
while True:
    with open("notes", "ab") as f:
        f.write(s.recv(4096) + b"\n")' &
pids+=($!)

wait_for() { # COMMAND...
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	return 1
}

told() { # EXTENDED_REGEX
	if wait_for grep -Eq -- "$1" notes; then
		ok "systemd is told $1"
	else
		not_ok "systemd is told $1" "$(cat notes)"
	fi
}

start() { # STATE [VARIABLE=VALUE...]
	env "${@:2}" "$egressd" --dp mem --socket "$work/run/sock" --state-dir "$work/$1" \
		>>daemon.log 2>&1 &
	daemon=$!
	pids+=("$daemon")
	wait_for curl -sf --unix-socket run/sock http://x/api/2.0/dbx-egress/status
}

rest() { # METHOD PATH [BODY]: the body, then the status
	curl -sm 20 --unix-socket run/sock -X "$1" -d "${3:-}" -w ' %{http_code}' \
		"http://x/api/2.0/dbx-egress$2"
}

wait_for test -S notify

# ---- options ------------------------------------------------------------------------------------

exits "--version" 0 "$egressd" --version
like "says it" "$out" '^dbx-egressd [0-9]+\.[0-9]+\.[0-9]+$'
exits "--help" 0 "$egressd" --help
for option in socket state-dir pin-dir object dp log-level uninstall version help; do
	like "--help names --$option" "$out" "^  --$option"
done
exits "an unknown option" 2 "$egressd" --what
exits "an unknown driver" 2 "$egressd" --dp dpdk9
exits "an unknown level" 2 "$egressd" --log-level loud
exits "an argument" 2 "$egressd" policy.json
exits "a socket's path that is too long" 1 "$egressd" --dp mem --state-dir "$work/s" \
	--socket "$work/$(printf 'a%.0s' $(seq 200))"
like "is told" "$out" 'a path of 1 to [0-9]+ bytes is accepted'
echo data >file
exits "a file where the socket should be" 1 "$egressd" --dp mem --state-dir "$work/s" \
	--socket "$work/file"
is "is left alone" "$(cat file)" data
exits "a file where the state should be" 1 "$egressd" --dp mem --state-dir "$work/file/x" \
	--socket "$work/sock"
mkdir odd && echo 'not a database, but long enough to be looked at as one' >odd/state.db
exits "a state that is no database" 1 "$egressd" --dp mem --state-dir "$work/odd" --socket "$work/sock"
like "is told" "$out" 'state database failed: file is not a database'

# ---- a life under systemd -----------------------------------------------------------------------

start state NOTIFY_SOCKET="$work/notify" WATCHDOG_USEC=400000
told '^READY=1'
told '^STATUS=no policy applied yet'
told '^WATCHDOG=1'
is "the state is for root alone" "$(stat -c %a state state/state.db state/lock | xargs)" "700 600 600"
is "so is the socket" "$(stat -c %a run/sock)" 600
kill -HUP $daemon
told '^RELOADING=1'
told '^MONOTONIC_USEC=[0-9]+'
like "a policy" "$(rest PUT /gateway '{"gateway": {"workspaces": [{"workspace_id": 7, "sources": [
	{"prefix": "10.0.7.0/24"}]}]}}')" ' 200$'
told '^STATUS=generation 1: 1 workspaces, 0 policies'
exits "a second daemon on this state" 1 "$egressd" --dp mem --state-dir "$work/state" --socket "$work/sock2"
exits "a second daemon on this socket" 1 "$egressd" --dp mem --state-dir "$work/state2" \
	--socket "$work/run/sock"
like "is told" "$out" 'another daemon listens on .*--socket'
like "the first one still answers" "$(rest GET /status)" ' 200$'
kill -TERM $daemon
wait $daemon
is "it ends well on SIGTERM" $? 0
told '^STOPPING=1'
[ ! -e run/sock ] && ok "and takes its socket along" || not_ok "and takes its socket along"

# ---- the log, as the journal reads it -----------------------------------------------------------

: >daemon.log
start state JOURNAL_STREAM=1:2
like "levels are those of sd-daemon(3)" "$(cat daemon.log)" '^<6>version '
kill -KILL $daemon
wait $daemon 2>/dev/null
[ -S run/sock ] && ok "kill -9 leaves the socket's file" || not_ok "kill -9 leaves the socket's file"
start state
like "which does not stop the next one" "$(rest GET /status)" ' 200$'

# ---- many changes: under ASan, the exit tells of leaks ------------------------------------------

for i in $(seq 100); do
	rest PUT /gateway '{"gateway": {"workspaces": [{"workspace_id": 7, "sources": [
		{"prefix": "10.0.'"$i"'.0/24"}]}], "allowed_destinations": [{"label": "a", "prefixes": [
		"192.0.2.0/24"], "protocol": "tcp", "ports": ['"$i"']}]}}' >/dev/null
	rest PUT /gateway '{"gateway": {"workspaces": ['"$i"']}}' >/dev/null
	rest POST /explain '{"workspace_id": 7, "dst": "192.0.2.1", "port": 443}' >/dev/null
	rest GET "/stats?workspace=$i" >/dev/null
done
like "after 100 of them" "$(rest GET /history?limit=1)" '"generation":101,.* 200$'
kill -TERM $daemon
wait $daemon
is "it ends well, and leaked nothing" $? 0

# ---- the unit -----------------------------------------------------------------------------------

if command -v systemd-analyze >/dev/null; then
	mkdir -p prefix/sbin && cp "$egressd" prefix/sbin/
	sed "s|@PREFIX@|$work/prefix|" "$unit" >dbx-egressd.service
	exits "the unit is sound" 0 systemd-analyze verify "$work/dbx-egressd.service"
	none "and systemd has nothing to say about it" "$(grep dbx-egressd <<<"$out")"
else
	skip "the unit is sound" "no systemd-analyze"
fi
done_testing
