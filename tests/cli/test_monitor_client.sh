#!/bin/bash
# test_monitor_client.sh -- monitor, propose and report against a daemon that sends records well and badly.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/cli/lib.sh

esc=$(printf '\033')

serve() { # MODE
	daemon_stop
	rm -f "$work/log"
	daemon_start fake_records.py "$1" "$work/log" "$work/kept"
}

monitor() { # EXIT WHAT ARGUMENTS: standard output in $shown, errors in $out
	local want=$1 what=$2 got
	shift 2
	timeout 100 "$ctl" monitor "$@" >"$work/shown" 2>"$work/errors"
	got=$?
	shown=$(tr -d '\0' <"$work/shown")
	out=$(cat "$work/errors")
	is "$what: exit $want" "$got" "$want"
}

# ---- filters that are none: told before anything is asked ----

names_it() { # OPTION AND VALUE: in $out
	like "monitor $1: it is named" "$(grep -Fe "${1##* }" <<<"$out")" .
}

set -f # "*.x" is a name here
for bad in '--verdict NO' '--reason no-mach' '--port 70000' '--port https' '--proto tpc' '--proto 256' '--count 0' \
	'--count -1' '--workspace one' '--dst 10.0.0.0/40' '--dst 1.2.3.4.5:6' '--dst a..b' '--dst sp@ce' '--name a..b' \
	'--name x/y' '--name *.*.x' '--nmae x' --product 'stray'; do
	# shellcheck disable=SC2086 # words
	exits "monitor $bad" 2 "$ctl" monitor $bad
	names_it "$bad"
done
exits "a name as long as none is" 2 "$ctl" monitor --name "$(printf 'a%.0s' {1..300})"

# ---- good streams ----

: >"$work/kept"
serve good
monitor 3 "a stream that ends"
is "one line a flow, when it is first seen" "$(wc -l <"$work/shown")" 4
is "at a glance" "$(head -n 1 "$work/shown")" \
	'10:00:00.000 DROP no-match ws 1001 10.66.1.10:40000 > 203.0.113.0:443 tcp host0.example.net  policy np'
is "IPv6, UDP, dry-run" "$(tail -n 1 "$work/shown")" \
	'10:00:00.003 DRY_RUN_DENIAL no-match ws 1001 10.66.1.10:40003 > [2001:db8::7]:53 udp host3.example.net  policy np'
like "it is told that the daemon ended it" "$out" '^dbx-egressctl: cannot watch flows any more: the daemon ended the stream$'
monitor 3 "--json" --json
is "--json: both lines of each flow, as they came" "$(wc -l <"$work/shown")" 8
monitor 0 "--count" --count 2
is "--count: so many" "$(wc -l <"$work/shown")" 2
while IFS='|' read -r want arguments; do
	# shellcheck disable=SC2086 # words
	monitor 3 "$arguments" $arguments
	is "$arguments: what is left" "$(sed 's/.*\(host[0-9]\).*/\1/' "$work/shown" | tr '\n' ' ')" "${want:+$want }"
done <<'END'
host0 host1 host2 host3|--workspace 1001
host0 host1 host2 host3|--workspace 01001
|--workspace 1002
host3|--verdict DRY_RUN_DENIAL
host0 host1 host2|--verdict drop
host0 host1 host2 host3|--reason no-match
|--reason blocked
host1|--dst 203.0.113.1
host0 host1|--dst 203.0.113.0/31
host3|--dst 2001:db8::/32
host2|--dst host2.example.net
host2|--name HOST2.example.NET.
host0 host1 host2 host3|--name *.example.net
host0 host1 host2 host3|--name .example.net
host0 host1 host2 host3|--name *.net
|--name *.org
|--name *.host1.example.net
|--name xample.net
host3|--port 53
host3|--proto udp
host0 host1 host2|--proto 6
host1|--proto tcp --port 443 --dst 203.0.113.0/24 --name host1.example.net
END
timeout 100 "$ctl" monitor 2>/dev/null | head -n 1 >"$work/shown"
is "into a pipe that closes" "$(wc -l <"$work/shown")" 1

# ---- bad ones ----

serve torn
monitor 3 "torn"
is "torn: the lines that are whole" "$(grep -c 'host[01].example.net' "$work/shown") of $(wc -l <"$work/shown")" "2 of 2"
like "torn: told" "$out" 'closed the connection|did not answer in HTTP|ended the stream'
serve slow
monitor 3 "slow, with beats" --timeout 30
is "slow: the line" "$(wc -l <"$work/shown")" 1
serve silent
monitor 3 "silent for longer than --timeout" --timeout 1
is "silent: what came before" "$(wc -l <"$work/shown")" 1
like "silent: told" "$out" 'did not answer within 1 s'
serve huge
monitor 1 "a line without an end"
is "huge: what came before" "$(wc -l <"$work/shown")" 1
like "huge: told" "$out" 'larger than 1 MiB'
serve long
monitor 3 "a long line"
is "long: it and the next" "$(wc -l <"$work/shown")" 2
serve flood
monitor 0 "a flood" --count 20000
is "flood: none is left out" "$(sed 's/.*host\([0-9]*\)\..*/\1/' "$work/shown" | awk '$1 != NR - 1' | wc -l) $(wc -l <"$work/shown")" \
	"0 20000"
serve closed
monitor 3 "closed at once"
is "closed: nothing" "$shown" ""
serve odd
monitor 3 "lines that are no records"
like "odd: those that are" "$shown" 'host9.example.net'
unlike "odd: no escape character" "$shown$out" "$esc"
unlike "odd: no name writes a line of its own" "$shown" '^DROP forged'
is "odd: no more than flows that were opened" "$(wc -l <"$work/shown")" 4
serve full
monitor 1 "no room for one more"
like "full: told" "$out" 'too many streams of events are open'
serve html
monitor 3 "another server"
is "html: nothing" "$shown" ""

# ---- kept records, page by page ----

for i in $(seq -w 0 19); do
	echo "DRY_RUN_DENIAL dns-denied np 1002 host$i.example.net 10.66.2.1 17 53 1 2026-11-20T10:$i:00.000"
done | "$python" tests/common/make_records.py >"$work/kept"
serve good
exits "propose, asked of the daemon" 0 "$ctl" propose
like "all records of all pages" "$out" '^20 records, 20 of them denials to propose for: 20 entries'
is "page after page" "$(grep -o 'records?after=[0-9]*' "$work/log" | tr '\n' ' ')" "records?after=0 records?after=7 records?after=14 "
like "and the documents in force" "$(cat "$work/log")" '/documents$'
exits "the same from the file" 0 "$ctl" propose --from-log "$work/kept"
like "has the same" "$out" '^20 records, 20 of them denials to propose for: 20 entries'
exits "propose --since" 0 "$ctl" propose --since 2026-11-20T10:12:00Z
like "--since: what is older is left out here too" "$out" '^8 records, 8 of them'
like "--since: the daemon is asked for no more" "$(cat "$work/log")" 'records\?after=0&since=2026-11-20T10:12:00Z$'
exits "--since that is no time" 2 "$ctl" propose --since never
like "it is named" "$out" "'never'.*7d"
exits "report, asked of the daemon" 0 "$ctl" report --since 2026-11-20 -o "$work/report.html"
like "the page has them all" "$(cat "$work/report.html")" 'id="dry-run">20<'
serve dropped
exits "what is not kept any more" 0 "$ctl" propose
like "is told, with what to do" "$out" 'before 2026-11-20T10:03:00.000Z are not kept by the daemon any more: --from-log'
exits "but not where nobody asked for it" 0 "$ctl" propose --since 2026-11-20T10:05:00Z
unlike "no word" "$out" 'not kept'
serve same
exits "pages that do not go on" 1 "$ctl" propose
like "same: told" "$out" 'does not go on'
serve growing
exits "records that come faster than they are read" 0 "$ctl" propose
serve odd
exits "an answer without records" 1 "$ctl" propose
like "odd: told" "$out" 'has no list of records'
serve junk
exits "records that are none" 1 "$ctl" propose
like "junk: told" "$out" 'no line of the log is a record'
serve broken
exits "cut off on the second page" 3 "$ctl" propose
rm "$work/kept"
: >"$work/kept"
serve good
exits "no records" 0 "$ctl" propose
like "nothing to propose" "$out" '^0 records'
exits "a report of nothing" 0 "$ctl" report -o "$work/report.html"
like "says so" "$(cat "$work/report.html")" 'No denials'
exits "no daemon" 3 "$ctl" --socket "$work/none" propose
done_testing
