#!/bin/bash
# test_top.sh -- top: as text, and on a terminal (tmux holds it and says what is on the screen).
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 480
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/cli/lib.sh

mux= # socket of the tmux that runs
n_mux=0
finish_top() {
	[ -z "$mux" ] || tmux -S "$mux" kill-server 2>/dev/null
	finish
}
trap finish_top EXIT

serve() {
	daemon_start fake_counters.py "$work/log"
}

# ---- text ----

text() {
	exits "--once" 0 "$ctl" top --once
	like "the head" "$out" '^dbx-egress top - [0-9:]{8}, generation 5, every 2 s, by rate$'
	like "no rates yet, lost events" "$out" '^packets/s: - passed, - denied \(- in dry run\); bytes/s: -; events lost: 3$'
	like "a workspace" "$out" '^1001 +- +- +- +30 +500 +53000$'
	like "what is held back is not denied" "$out" '^1002 +- +- +- +7 +0 +1800$'
	like "packets of nobody" "$out" '^\(none\) +- +- +- +2 +0 +128$'
	like "reasons" "$out" '^no-match +- +- +- +37 +0 +3700$'
	like "a name of two addresses" "$out" '^api\.example\.com +- +- +- +25 +0 +1500$'
	like "an address of two names" "$out" '^192\.0\.2\.10 +- +- +- +21 +0 +1260$'
	unlike "no name moves the cursor" "$out" $'\x1b'
	like "it is written out" "$out" '^evil\\x1b\]0;owned\\x07\\u\{202e\}\.example +- '
	like "names are counted, ten are shown" "$(grep -c '^host' <<<"$out")/$(grep '^denied names' <<<"$out")" \
		'^7/denied names \(103\)'
	exits "--limit, --filter, --sort" 0 "$ctl" top --once --limit 3 --filter HOST --sort name
	is "only such rows, in order" "$(grep -o '^host[0-9]*' <<<"$out" | tr '\n' ' ')" "host000 host001 host002 "
	exits "--workspace" 0 "$ctl" top --once --workspace 1002
	unlike "only its rows" "$out" '^(1001|api) '
	exits "two tables" 0 "$ctl" top --batch --count 2 --interval 1
	like "the second has rates" "$(grep '^1001' <<<"$out" | tail -1)" '^1001 +[0-9.]+ +[0-9.]+k? +[0-9.]+k? +[0-9]+ '
	is "JSON: a line each, and rates are what it grew by in that time" "$("$ctl" top --batch --count 3 -i 1 --json |
		"$python" -c '
import json, sys
r = [json.loads(line) for line in sys.stdin]
w = [next(v for v in s["workspaces"] if v["name"] == "1001") for s in r]
grown = [b["denied"] - a["denied"] for a, b in zip(w, w[1:])]
print(len(r), grown, "denied_per_s" in w[0], all(0 < v["denied_per_s"] for v in w[1:]),
      abs(w[1]["passed_per_s"] / w[1]["denied_per_s"] - 500 / 30) < 1e-6, r[0]["denied_names"][0]["name"])')" \
		"3 [30, 30] False True True api.example.com"
}

usage() { # REGEX ARGUMENT...
	local regex=$1
	shift
	exits "usage error: $*" 2 "$ctl" top "$@" </dev/null
	like "usage error: $*: the message" "$out" "$regex"
}

# ---- the screen ----

in_tmux() { # WIDTH HEIGHT COMMAND: its exit code goes to $work/code, the terminal's state to $work/stty
	rm -f "$work/code" "$work/stty"
	mux=$work/tmux$((++n_mux))
	tmux -S "$mux" -f /dev/null new-session -d -x "$1" -y "$2" \
		"$3 2>$work/errors; echo \$? >$work/code; stty -a >$work/stty; exec sleep 60"
	tmux -S "$mux" set-option -g status off
	tmux -S "$mux" resize-window -x "$1" -y "$2"
}

end_tmux() {
	tmux -S "$mux" kill-server 2>/dev/null
}

screen() {
	tmux -S "$mux" capture-pane -p
}

press() {
	tmux -S "$mux" send-keys "$@"
}

shows() { # REGEX
	screen | grep -Eq "$1"
}

hides() { # REGEX
	! screen | grep -Eq "$1"
}

sees() { # WHAT REGEX
	if wait_for shows "$2"; then ok "$1"; else not_ok "$1" "no line matches $2:"$'\n'"$(screen)"; fi
}

sees_no() { # WHAT REGEX
	if wait_for hides "$2"; then ok "$1"; else not_ok "$1" "a line matches $2:"$'\n'"$(screen)"; fi
}

requests() {
	grep -c /stats "$work/log"
}

more_requests() { # THAN
	[ "$(requests)" -gt "$1" ]
}

begins_and_ends() {
	in_tmux 110 40 "$ctl top --interval 1"
	sees "the head" '^dbx-egress top - [0-9:]{8}, generation 5, every 1 s, by rate'
	sees "rates, after a while" '^packets/s: [0-9.]+ passed, [0-9.]+ denied \([0-9.]+ in dry run\)'
	for line in '^workspaces \(3\) +denied/s' '^reasons \(4\)' '^denied names \(103\)' '^denied addresses \(104\)' \
		'^1001 ' '^no-match ' '^api\.example\.com ' '^192\.0\.2\.10 ' '^q quit'; do
		sees "on the screen: $line" "$line"
	done
	sees "a hostile name is written out" '^evil\\x1b'
	n=$(requests)
	wait_for more_requests $((n + 1))
	more_requests $((n + 1)) && ok "it renews itself" || not_ok "it renews itself" "$(cat "$work/log")"
	press q
	wait_for test -s "$work/stty"
	is "q ends it" "$(cat "$work/code" 2>&1)" 0
	like "the terminal is as it was" "$(cat "$work/stty")" '[^-]icanon.*'
	like "and echoes" "$(cat "$work/stty")" '( |^)echo '
	end_tmux
}

keys() {
	in_tmux 110 40 "$ctl top -i 1"
	sees "by rate" ', by rate'
	press s
	sees "s: the next order" ', by denied'
	press s s s
	sees "s: by name" ', by name'
	sees "by name: the first" '^host000'
	press r
	sees "r: reversed, the last one first" '^www\.example\.org'
	press p
	sees "p pauses" '^paused'
	n=$(requests)
	press 3
	sees "a key while it pauses: one section" '^denied names'
	sees_no "and only that" '^(workspaces|reasons|denied addresses)'
	press s s s s s
	sleep 2.5 # longer than the interval: what must not come has had its time
	is "nothing is asked meanwhile" "$(requests)" "$n"
	press p
	wait_for more_requests "$n"
	sees_no "p goes on" '^paused'
	press r
	sees "more rows than in all" '^host05[0-9]|^host02[0-9]'
	press / h o s t 0 4 2
	sees "/: what is typed" '^filter: host042'
	press Enter
	sees "the filter is told" 'filter: host042'
	sees "the row is there" '^host042\.example\.net'
	sees_no "others are not" '^host041'
	press / x Escape
	sees "escape takes it back" 'by name, filter: host042$'
	press / BSpace BSpace BSpace BSpace BSpace BSpace BSpace Enter
	sees_no "no filter" 'filter: host'
	press 0
	sees "0: all sections" '^reasons'
	press Tab
	sees_no "Tab: the first alone" '^reasons'
	press 3
	sees "from the top" '^api\.example\.com'
	press NPage
	sees_no "a page on" '^api\.example\.com'
	press Home
	sees "and back" '^api\.example\.com'
	press Down
	sees_no "a line on" '^api\.example\.com'
	press +
	sees "+: a longer interval" 'every 2 s'
	press - - -
	sees "-: a shorter one, 1 at least" 'every 1 s'
	press q
	wait_for test -s "$work/stty"
	is "q ends it" "$(cat "$work/code" 2>&1)" 0
	end_tmux
}

sizes() {
	in_tmux 110 40 "$ctl top -i 1"
	sees "wide" 'denied/s passed/s  bytes/s   denied   passed    bytes'
	tmux -S "$mux" resize-window -x 50 -y 12
	sees "smaller: the last line" '^q quit  p pause  s sort'
	wait_for fits 12
	is "each line fits" "$(screen | awk 'length > 50' | wc -l)" 0
	is "the first line is there" "$(screen | grep -c '^dbx-egress top')" 1
	for size in '20 3' '1 1' '10 2' '200 60'; do
		# shellcheck disable=SC2086 # two numbers
		set -- $size
		tmux -S "$mux" resize-window -x "$1" -y "$2"
		n=$(requests)
		wait_for more_requests "$n"
		more_requests "$n" && ok "$1 x $2: it lives" || not_ok "$1 x $2: it lives" "$(screen)"
	done
	sees "large again: all of it" '^denied addresses \(104\)'
	press q
	wait_for test -s "$work/stty"
	is "and ends" "$(cat "$work/code" 2>&1)" 0
	end_tmux
}

fits() { # LINES
	[ "$(screen | wc -l)" -le "$1" ]
}

daemon_comes_and_goes() {
	in_tmux 110 40 "$ctl top -i 1"
	sees "with a daemon" '^1001 '
	daemon_stop
	sees "without: told" '^cannot show counters: no connection to the daemon'
	sees "what was known stays" '^1001 '
	serve
	sees_no "it is back" '^cannot show'
	press q
	wait_for test -s "$work/stty"
	end_tmux
}

signals() {
	for signal in INT TERM; do
		in_tmux 80 24 "sh -c 'echo \$\$ >$work/pid; exec $ctl top'"
		sees "before SIG$signal" '^dbx-egress top'
		kill "-$signal" "$(cat "$work/pid")"
		wait_for test -s "$work/stty"
		is "SIG$signal ends it" "$(cat "$work/code" 2>&1)" 0
		like "SIG$signal: the terminal is as it was" "$(cat "$work/stty")" '( |^)echo '
		end_tmux
	done
}

no_screen() {
	in_tmux 80 24 "TERM=nonsense $ctl top"
	wait_for test -s "$work/stty"
	is "a terminal that nobody knows" "$(cat "$work/code" 2>&1)" 1
	like "is told" "$(cat "$work/errors")" 'cannot draw on this terminal \(TERM=nonsense\): --batch'
	end_tmux
	in_tmux 80 24 "$ctl -s $work/none top"
	wait_for test -s "$work/stty"
	is "no daemon at the start" "$(cat "$work/code" 2>&1)" 3
	end_tmux
}

serve
text
usage "no terminal: --batch or --once"
usage "--count 0: not a number of 1" --batch --count 0
usage "--interval 0: not a number of 1-3600" --batch --interval 0
usage "--sort 'x': not rate, denied" --once --sort x
usage "unknown reason 'no-mach'; did you mean 'no-match'" --once --reason no-mach
exits "no daemon" 3 "$ctl" -s "$work/none" top --once
if command -v tmux >/dev/null; then
	begins_and_ends
	keys
	sizes
	daemon_comes_and_goes
	signals
	no_screen
else
	skip "the screen" "no tmux; make deps installs it"
fi
done_testing
