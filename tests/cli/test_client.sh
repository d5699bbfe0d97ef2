#!/bin/bash
# test_client.sh -- dbx-egressctl and the daemon's socket: requests, answers, and bad answers.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/cli/lib.sh

cd "$work" || exit 2
esc=$(printf '\033')

serve() { # MODE
	daemon_stop
	rm -f log
	daemon_start fake_daemon.py "$1" "$work/log"
}

echo '{"network_policy_id":"np","egress":{"network_access":{"restriction_mode":"FULL_ACCESS"}}}' >np.json
printf '\xef\xbb\xbf{"workspace_id": 9007199254740993, "network_policy_id": "np"}\r\n' >opt.json

# ---- no daemon ----

exits "no socket: exit 3" 3 "$ctl" status
like "no socket: the message names it" "$out" "^dbx-egressctl: cannot show the status: no connection to the daemon at $work/sock: No such file.*dbx-egressd running"
exits "--socket wins over the environment" 3 "$ctl" --socket /nonexistent/s status
like "--socket wins: named" "$out" "/nonexistent/s"
exits "a socket path that is too long: exit 2" 2 "$ctl" --socket "/$(printf 'x%.0s' {1..120})" status
echo >plain
exits "a file that is no socket: exit 3" 3 "$ctl" --socket plain status
exits "a bad document is refused before the daemon is asked" 1 "$ctl" apply gone.json
like "a bad document: the message" "$out" '^error: gone.json: does not exist'
exits "a good document, no daemon: exit 3" 3 "$ctl" apply np.json

# ---- a good daemon ----

serve ok
exits "apply" 0 "$ctl" apply -m 'we "say" why' --force np.json opt.json
like "apply: an added object" "$out" '^\+ network-policy np'
like "apply: a changed field" "$out" '^~ gateway gw /name "a" -> "b"$'
like "apply: the feed's delta" "$out" '^~ feed Public 397 -> 398: 57 tags changed, 0 added, 0 removed; 309 entries added, 635 removed$'
like "apply: generations" "$out" '^generation 4 -> 5, revision 7$'
like "apply: time until enforced" "$out" '^enforced after [0-9]+ ms \(daemon 200: read 100, check 5, compile 40, build and flip 44.4, store 9\)$'
like "apply: warnings" "$out" '^warning: np.json: policy np is in dry-run \[dry-run\]$'
unlike "apply: of other documents only the number is told" "$out" 'policy old|a note'
like "apply: the number" "$out" '^1 finding about other documents in force'
unlike "apply: no escape character of the daemon reaches the terminal" "$out" "$esc"
like "apply: the escape is shown instead" "$out" 'np\\x1b\]0;owned\\x07'
like "apply: documents travel as they were written" "$(cat log)" \
	'"source":"opt.json","document":\{"workspace_id": 9007199254740993, "network_policy_id": "np"\}'
like "apply: options in the request" "$(cat log)" '"dry_run":false,"force":true,"message":"we \\"say\\" why"'
request=$(sed 's/^POST [^ ]* //' log)
exits "apply: the request is valid JSON" 0 "${PYTHON:-python3}" -c 'import json,sys; json.loads(sys.argv[1])' "$request"
out=$("$ctl" apply --json np.json 2>&1 | "${PYTHON:-python3}" -c 'import json,sys; print(json.load(sys.stdin)["generation"])')
is "apply --json" "$out" 5
exits "apply --verbose" 0 "$ctl" apply --verbose np.json
like "apply --verbose: all findings" "$out" '^warning: old.json: policy old is in dry-run'
like "apply --verbose: notes" "$out" '^info: np.json: a note'
out=$("$ctl" apply - <np.json 2>&1 | tail -n 2 | head -n 1)
is "apply from standard input" "$out" "generation 4 -> 5, revision 7"
like "apply: standard input is named" "$(cat log)" '"source":"<stdin>"'
exits "diff against the daemon" 0 "$ctl" diff np.json
like "diff: the feed's delta" "$out" '57 tags changed'

for c in status stats history denials list unused 'unused --since 1h' 'list network-policy' 'stats -w 1001 -r no-match'; do
	# shellcheck disable=SC2086 # words
	exits "$c" 0 "$ctl" $c
	unlike "$c: no escape character" "$out" "$esc"
	# shellcheck disable=SC2086
	out=$("$ctl" --json $c | "${PYTHON:-python3}" -c 'import json,sys; json.load(sys.stdin); print("ok")')
	is "$c --json is JSON" "$out" ok
done
like "stats: filters are in the query" "$(cat log)" '^GET /api/2.0/dbx-egress/stats\?workspace=1001&reason=no-match '
exits "unused" 0 "$ctl" unused
like "unused: an entry" "$out" '^np.* +allowed name x.* +2026-08-20T00:00:00Z +0 +never +np\.json +/a$'
like "unused: neither what was counted nor what was hit before a reboot" "$out" '^1 of 3 allow entries without a packet$'
exits "unused --since a time before hits were written down" 0 "$ctl" unused --since 2026-07-01
like "unused: it is told" "$out" 'on record since 2026-08-01T00:00:00Z only'
like "unused: what is younger" "$out" '^1 of 3 .*, 1 of them in force only later$'
exits "unused --since a time after" 0 "$ctl" unused --since 2026-08-20T12:00:00Z
like "unused: a count without a time is older" "$out" '^2 of 3 '
exits "unused --since a time after all" 0 "$ctl" unused --since 2026-08-22
like "unused: all" "$out" '^3 of 3 '
exits "status" 0 "$ctl" status
like "status: a failed interface and why" "$out" '^ws2 +failed +0 +no such device$'
like "status: lost events" "$out" '^events +10, 2 lost'
like "status: a process that does not answer" "$out" '^process +DPDK 1.*, pid 7, does not answer'
like "status: its routes" "$out" '^routes told +30, and 4 neighbours, too long$'
like "status: its lcores" "$out" '^ +3 +2 +70 +5 +0 +123 +12\.5 %$'
like "status: one that has judged nothing" "$out" '^ +4 +2 +0 +0 +0 +- +0\.0 %$'
like "status: its ports" "$out" '^ws1.* +net_a +up +2 +71 +3 +60 +4 +6$'
like "status: a sink" "$out" '^sinks +file /var/log/d\.jsonl: 9 written$'
like "status: a topic whose brokers are gone" "$out" \
	'^ +kafka egress.*: 5 written \(3 wait\), 4 lost, no broker of k1:9092 can be reached'
like "status: metrics that cannot be served" "$out" \
	'^metrics +127\.0\.0\.1:9479: 6 scrapes, listening on 127\.0\.0\.1:9479: Address already in use$'
exits "stats" 0 "$ctl" stats
like "stats: totals" "$out" '^generation 5: 12 packets, 1200 bytes; 10 passed, 2 dropped, 0 in dry run$'
like "stats: a row" "$out" '^ +1001 +DROP +no-match +none +2 +200 +np +policy np.* \(np.json\)$'
unlike "stats: reasons without packets are left out" "$out" 'blocked'
exits "an unknown reason is a usage error" 2 "$ctl" stats -r no-mach
like "an unknown reason: a guess" "$out" "did you mean 'no-match'"
exits "denials with filters" 0 "$ctl" denials -w 1001 -l 5
like "denials: filters are in the query" "$(tail -n 1 log)" '/denials\?workspace=1001&limit=5 '
exits "history with a limit" 0 "$ctl" history --limit 3
like "history: the limit is in the query" "$(tail -n 1 log)" '/history\?limit=3 '
exits "a limit that is no number" 2 "$ctl" history --limit all
like "list leaves the texts to get" "$(grep documents log)" '/documents\?brief=true '
exits "get" 0 "$ctl" get network-policy 'np x'
like "get: the document alone" "$out" '^  "network_policy_id"'
exits "get: what is not there" 1 "$ctl" get network-policy none
like "get: the daemon's words" "$out" '^dbx-egressctl: cannot get document: no /documents/network-policy/none \[RESOURCE_DOES_NOT_EXIST\]$'
exits "get: an id cannot leave its place in the path" 1 "$ctl" get network-policy '../../status?x'
like "get: the id is escaped" "$(tail -n 1 log)" 'network-policy/..%2F..%2Fstatus%3Fx '
exits "get: a kind that is none" 2 "$ctl" get polcy np
exits "get: a kind that is nearly one" 2 "$ctl" get network-polcy np
like "get: a guess" "$out" "did you mean 'network-policy'"
exits "get: an id is needed" 2 "$ctl" get network-policy
exits "delete: what is not there" 1 "$ctl" delete network-policy gone
like "delete: the method" "$(tail -n 1 log)" '^DELETE '
exits "rollback" 0 "$ctl" rollback -n -m why 3
like "rollback: the request" "$(tail -n 1 log)" '"revision":3,"dry_run":true,"message":"why"'
exits "rollback: not a number" 2 "$ctl" rollback x
exits "explain, asked of the daemon" 0 "$ctl" explain -w 1001 -d 20.60.0.1 -p 443 -P udp --src 10.0.0.1 --product ml_serving
like "explain: the request" "$(tail -n 1 log)" '"workspace_id":1001,"port":443,"protocol":17,"dst":"20.60.0.1","src":"10.0.0.1","product":"MLServing"'
like "explain: verdict and reason" "$out" '^DROP  no-match: no entry of the policy allows'
like "explain: advice" "$out" '^to allow it: add it to allowed_destinations\\nDROP forged$'
unlike "explain: no name writes a line of its own" "$out" '^(PASS|DROP) forged'
unlike "explain: no escape character" "$out" "$esc"
exits "lookup in the daemon's documents" 0 "$ctl" lookup 20.60.0.1 192.0.2.1
is "lookup: its answer" "$out" "$(printf '20.60.0.1\tStorage\n192.0.2.1')"
exits "image dump of what is no image" 1 "$ctl" image dump
like "image dump: why" "$out" 'cannot dump image of the daemon'

# ---- bad daemons ----

serve refuse
exits "refused: exit 1" 1 "$ctl" apply np.json
is "refused: one message, disarmed" "$out" \
	'error: opt.json: /network_policy_id: bind workspace 1: no such policy\x1b]0;owned\x07 [no-such-policy]'
out=$("$ctl" apply --json np.json 2>err | "${PYTHON:-python3}" -c 'import json,sys; print(json.load(sys.stdin)["findings"][0]["code"])')
is "refused --json: the daemon's object" "$out" no-such-policy
serve forbid
exits "forbidden: exit 1" 1 "$ctl" delete network-policy np
like "forbidden: the message" "$out" 'only root may write\\x1b.*PERMISSION_DENIED'

serve slow
exits "no answer in time: exit 3" 3 "$ctl" --timeout 1 apply np.json
like "no answer in time: the message" "$out" 'did not answer within 1 s; whether it took effect is not known'
exits "no answer in time to a question: exit 3" 3 "$ctl" --timeout 1 status
unlike "a question has no effect to wonder about" "$out" 'took effect'
serve trickle
exits "a trickle: exit 3" 3 "$ctl" --timeout 1 status
exits "--timeout 0 is refused" 2 "$ctl" --timeout 0 status
exits "--timeout soon is refused" 2 "$ctl" --timeout soon status
for mode in close partial; do
	serve $mode
	exits "$mode: exit 3" 3 "$ctl" status
	like "$mode: the message" "$out" 'closed the connection before it had answered'
done
serve garbage
exits "garbage: exit 3" 3 "$ctl" status
like "garbage: the message" "$out" 'did not answer in HTTP'
unlike "garbage: no escape character" "$out" "$esc"
for mode in notjson list empty deep; do
	serve $mode
	exits "$mode: exit 1" 1 "$ctl" status
	like "$mode: the message" "$out" "the daemon's answer is no JSON object"
	unlike "$mode: no escape character" "$out" "$esc"
done
serve error500
exits "HTTP 500 in plain text: exit 1" 1 "$ctl" status
is "HTTP 500: the message" "$out" 'dbx-egressctl: cannot show the status: the daemon answered HTTP 500: \x1b[31minternal\n error'
serve toolarge
exits "HTTP 413: exit 1" 1 "$ctl" apply np.json
like "HTTP 413: what to do" "$out" 'a request of 0 MiB is larger than the daemon takes; give fewer'
serve redirect
exits "a redirect is not followed" 1 "$ctl" status
like "a redirect: the message" "$out" 'HTTP 302'
serve huge
exits "an endless answer: exit 1" 1 "$ctl" status
like "an endless answer: the message" "$out" 'larger than 64 MiB'
serve odd
for c in 'apply np.json' 'diff np.json' status unused 'unused --since 1h' 'report -o page.html' stats list history denials 'get gateway' \
	'explain -w 1 -d 1.1.1.1 -p 1' 'rollback 1' 'lookup 1.1.1.1'; do
	# shellcheck disable=SC2086 # words
	out=$("$ctl" $c 2>&1)
	code=$?
	if [ $code -le 1 ]; then
		ok "wrong types in the answer: $c"
	else
		not_ok "wrong types in the answer: $c" "exit $code"$'\n'"$out"
	fi
done

done_testing
