#!/bin/bash
# test_updates.sh -- what an update says, what it changes, and what packets see of it: one generation
# or the other, and never neither.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

old=rules/feeds/azure-public-20260420.json.gz # change number 397
new=rules/feeds/azure-public-20260427.json.gz # 398
PAIR='57 tags changed, 0 added, 0 removed; 309 entries added, 635 removed$'
PAIR_JSON='[(f["version_before"], f["version_after"], f["tags_changed"], f["tags_added"], f["tags_removed"], f["entries_added"], f["entries_removed"]) for f in d["feeds"]]'
PAIR_WANTED="[('397', '398', 57, 0, 0, 309, 635)]"

# ---- a range file and the next one --------------------------------------------------------------

azure_pair() {
	exits "the range file before" 0 ctl apply rules/demo/before $old
	like "diff of the pair" "$(ctl diff $new)" "^~ feed Public 397 -> 398: $PAIR"
	is "diff of the pair, JSON" "$(ctl --json diff $new | jq_py "$PAIR_JSON")" "$PAIR_WANTED"
	is "it lists each of the tags" "$(ctl --json diff $new | jq_py 'len(d["tags"])')" 57
	snapshot "$lab/good"
	exits "--dry-run" 0 ctl apply --dry-run $new
	like "--dry-run says so" "$out" '^dry run: nothing was changed, generation [0-9]+ stays in force$'
	like "--dry-run tells the change" "$out" "$PAIR"
	is "--dry-run, JSON" "$(ctl --json apply --dry-run $new | jq_py \
		'd["dry_run"], d["generation"] == d["generation_before"], d["feeds"][0]["tags_changed"]')" \
		'(True, True, 57)'
	none "--dry-run changes nothing" "$(changes)"
	local before after
	before=$(status_of generation)
	exits "the next range file is applied" 0 ctl apply -m 'weekly ranges' $new
	like "apply of the pair" "$out" "^~ feed Public 397 -> 398: $PAIR"
	like "apply tells generations and time" "$out" "^generation $before -> $((before + 1)), revision [0-9]+"
	like "apply tells how long it took" "$out" 'enforced after [0-9]+ ms .*build and flip [0-9.]+'
	snapshot "$lab/good"
	exits "going back is refused" 1 ctl apply $old
	like "going back is refused: why" "$out" '^error: .*20260420.json.gz: /changeNumber: .*398 to 397.*--force'
	none "going back is refused: nothing changes" "$(changes)"
	ctl --json apply --force $old >"$lab/out" 2>/dev/null
	is "--force goes back" "$? $(jq_py 'd["changed"], [(f["version_before"], f["version_after"], f["entries_added"], f["entries_removed"]) for f in d["feeds"]]' <"$lab/out")" \
		"0 (True, [('398', '397', 635, 309)])"
	is "and forth again, JSON" "$(ctl --json apply $new 2>/dev/null | jq_py "$PAIR_JSON")" "$PAIR_WANTED"
	after=$(status_of generation)
	is "each of the three was one generation" $((after - before)) 3
}

# ---- what is no change --------------------------------------------------------------------------

no_change() {
	snapshot "$lab/good"
	is "the same again is no change" "$(ctl --json apply $new rules/demo/before 2>/dev/null | jq_py \
		'd["changed"], d["changes"], d["feeds"], d["generation"] == d["generation_before"]')" \
		'(False, [], [], True)'
	none "the same again makes no revision" "$(changes)"
	like "the same again, text" "$(ctl apply $new 2>&1)" '^no change: generation [0-9]+ stays in force$'
	like "diff with the same" "$(ctl diff rules/demo/before $new)" '^no change$'
}

all_or_nothing() {
	np np-bad '' SOME_ACCESS >"$lab/bad.json"
	snapshot "$lab/good"
	exits "a bad document among good ones" 1 ctl apply rules/demo/after "$lab/bad.json"
	none "none of them is applied" "$(changes)"
	# What only the daemon can know: the tool reads this one well.
	echo '{"workspace_id":1002,"network_policy_id":"np-gone"}' >"$lab/dangling.json"
	exits "a dangling one among good ones" 1 ctl apply rules/demo/after "$lab/dangling.json"
	none "none of them is applied either" "$(changes)"
	is "on the wire nothing has moved" "$(probe icmp ws1 203.0.113.10)$(probe icmp ws1 203.0.113.20)" \
		passeddenied
}

# ---- history and rollback -----------------------------------------------------------------------

texts() { # the stored documents without revisions
	rest GET /dbx-egress/documents | "$PYTHON" -c '
import hashlib, json, sys
for d in json.load(sys.stdin)["documents"]:
    print(d["kind"], d["id"], hashlib.sha256(json.dumps(d["document"]).encode()).hexdigest())'
}

rollback() {
	local revision hash generation image
	read -r revision hash <<<"$(status_of revision content_hash)"
	texts >"$lab/texts"
	rest GET /dbx-egress/image >"$lab/before.image"
	exits "another policy" 0 ctl apply -m 'second thoughts' rules/demo/after
	isnt "has another content hash" "$(status_of content_hash)" "$hash"
	is "and is seen on the wire" "$(probe icmp ws1 203.0.113.10)$(probe icmp ws1 203.0.113.20)" deniedpassed
	snapshot "$lab/good"
	exits "rollback --dry-run" 0 ctl rollback --dry-run "$revision"
	none "rollback --dry-run changes nothing" "$(changes)"
	generation=$(status_of generation)
	exits "rollback" 0 ctl rollback -m 'as it was' "$revision"
	is "rollback restores the content hash" "$(status_of content_hash)" "$hash"
	is "rollback is a new generation" "$(status_of generation)" $((generation + 1))
	is "rollback is a new revision" "$(status_of revision)" $((revision + 2))
	is "rollback restores every document" "$(texts)" "$(cat "$lab/texts")"
	rest GET /dbx-egress/image >"$lab/after.image"
	# Generation (8 bytes) and the sum over all (8 bytes) are in the header.
	image=$(cmp -l "$lab/before.image" "$lab/after.image" | wc -l)
	[ "$image" -le 16 ] && [ "$(stat -c %s "$lab/before.image")" = "$(stat -c %s "$lab/after.image")" ] &&
		ok "rollback makes the same image but for number and sum: $image bytes differ" ||
		not_ok "rollback makes the same image but for number and sum" "$image bytes differ"
	is "rollback is seen on the wire" "$(probe icmp ws1 203.0.113.10)$(probe icmp ws1 203.0.113.20)" passeddenied
	is "the history tells both, newest first" "$(ctl --json history | jq_py \
		'[r["message"] for r in d["revisions"][:2]]')" \
		"['rollback to revision $revision: as it was', 'second thoughts']"
	is "revisions of the history fall one by one" "$(ctl --json history | jq_py \
		'all(a["revision"] == b["revision"] + 1 for a, b in zip(d["revisions"], d["revisions"][1:]))')" True
	snapshot "$lab/good"
	exits "rollback to what is in force" 0 ctl rollback "$((revision + 2))"
	none "rollback to what is in force changes nothing" "$(changes)"
}

isnt() { # WHAT GOT UNWANTED
	[ "$2" != "$3" ] && ok "$1" || not_ok "$1" "got $2"
}

deletion() {
	np np-spare >"$lab/spare.json"
	exits "a policy that nobody uses" 0 ctl apply "$lab/spare.json"
	exits "is deleted" 0 ctl delete network-policy np-spare
	unlike "and gone" "$(ctl list network-policy)" np-spare
	is "workspace 1002 may reach the internet" "$(probe icmp ws2 198.51.100.66)" passed
	exits "its binding is deleted" 0 ctl delete workspace-option 1002
	is "without a policy it may not" "$(probe icmp ws2 198.51.100.66)" denied
	like "and the reason says so" "$(ctl explain -w 1002 -d 198.51.100.66 -P icmp)" 'no-policy'
	exits "now its policy can be deleted" 0 ctl delete network-policy np-engineering
	exits "a rollback brings both back" 0 ctl rollback "$(($(status_of revision) - 2))"
	is "and the verdict" "$(probe icmp ws2 198.51.100.66)" passed
}

# ---- counters -----------------------------------------------------------------------------------

# Packets of workspace 1001 by verdict, over all reasons and rules.
packets() { # VERDICT
	ctl --json stats --workspace 1001 | jq_py \
		"sum(r['packets'] for r in d['rows'] if r['verdict'] == '$1')"
}

# Every row that was there has at least as much.
fallen() { # BEFORE AFTER
	"$PYTHON" - "$1" "$2" <<'PY'
import json, sys
def rows(name):
    return {(r["workspace_id"], r["reason"], r["verdict"], r["path"], r["rule_uid"]): (r["packets"], r["bytes"])
            for r in json.load(open(name))["rows"]}
a, b = rows(sys.argv[1]), rows(sys.argv[2])
for key, (packets, bytes) in a.items():
    now = b.get(key, (0, 0))
    if now[0] < packets or now[1] < bytes:
        print(key, "fell from", packets, bytes, "to", *now)
PY
}

counters() {
	local passed denied i said=
	passed=$(packets PASS)
	denied=$(packets DROP)
	ctl --json stats >"$lab/stats.0"
	for i in $(seq 1 10); do
		ctl apply "$lab/$([ $((i % 2)) = 0 ] && echo a || echo b).json" >/dev/null 2>&1
		in_ns ws1 ping -qc 20 -i 0.002 -W 1 203.0.113.10 >/dev/null
		in_ns ws1 ping -qc 20 -i 0.002 -W 0.1 198.51.100.66 >/dev/null
		ctl --json stats >"$lab/stats.$i"
		said=$said$(fallen "$lab/stats.$((i - 1))" "$lab/stats.$i")
	done
	none "no counter falls over ten applies" "$said"
	is "and each packet that passed is counted" $(($(packets PASS) - passed)) 200
	is "and each that was denied" $(($(packets DROP) - denied)) 200
}

# ---- twenty at once -----------------------------------------------------------------------------

concurrent() {
	local i pids=() failed=0
	for i in $(seq 1 20); do
		np np-one "$(ip_ranges 203.0.113.10/32 "192.0.2.$((100 + i))/32")" >"$lab/np.$i.json"
	done
	for i in $(seq 1 20); do
		ctl --json apply "$lab/np.$i.json" >"$lab/answer.$i" 2>/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || failed=$((failed + 1))
	done
	is "of twenty at once none fails" $failed 0
	none "they follow each other, one generation each" "$("$PYTHON" - "$lab" <<'PY'
import json, sys
a = sorted((json.load(open(f"{sys.argv[1]}/answer.{i}")) for i in range(1, 21)), key=lambda d: d["revision"])
for x, y in zip(a, a[1:]):
    if (y["revision"], y["generation_before"], y["generation"]) != (x["revision"] + 1, x["generation"], x["generation"] + 1):
        print(x["revision"], x["generation"], "then", y["revision"], y["generation_before"], y["generation"])
PY
	)"
	i=$("$PYTHON" -c '
import json, sys
print(max(range(1, 21), key=lambda i: json.load(open(f"{sys.argv[1]}/answer.{i}"))["revision"]))' "$lab")
	is "what the last one wrote is in force" "$(ctl get network-policy np-one | jq_py \
		'd["egress"]["network_access"]["allowed_internet_destinations"][1]["destination"]')" \
		"192.0.2.$((100 + i))/32"
	is "and decides" "$(ctl --json explain -w 1001 -d "192.0.2.$((100 + i))" -p 443 | jq_py 'd["verdict"]')" PASS
	is "the stored generation is the one in force" "$(ctl --json history | jq_py 'd["revisions"][0]["generation"]')" \
		"$(status_of generation)"
}

# ---- packets meanwhile --------------------------------------------------------------------------

summary() { # LOG: "sent received" of a ping
	sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$1"
}

wire() {
	local i=0 wrong='' ping4 ping6 denied
	exits "world a" 0 ctl apply "$lab/a.json"
	in_ns ws1 ping -q -i 0.002 -c 2500 203.0.113.10 >"$lab/ping4" 2>&1 &
	ping4=$!
	in_ns ws1 ping -q -i 0.002 -c 2500 2001:db8:a::10 >"$lab/ping6" 2>&1 &
	ping6=$!
	in_ns ws1 ping -q -i 0.002 -c 2500 -W 0.1 198.51.100.66 >"$lab/ping-denied" 2>&1 &
	denied=$!
	while [ $i -lt 200 ] || kill -0 $ping4 2>/dev/null; do
		i=$((i + 1))
		ctl apply "$lab/$([ $((i % 2)) = 0 ] && echo a || echo b).json" >/dev/null 2>"$lab/err" ||
			wrong="$wrong$(cat "$lab/err")"$'\n'
		# The verdict holds when apply returns: no waiting for it.
		if [ $((i % 20)) -lt 2 ]; then
			local yes=203.0.113.20 no=203.0.113.66
			[ $((i % 2)) = 0 ] || yes=203.0.113.66 no=203.0.113.20
			in_ns ws1 ping -qc 1 -W 0.5 $yes >/dev/null || wrong="$wrong$i: $yes is denied"$'\n'
			in_ns ws1 ping -qc 1 -W 0.05 $no >/dev/null && wrong="$wrong$i: $no passes"$'\n'
		fi
	done
	wait $ping4 $ping6 $denied
	none "$i applies: each is on the wire as soon as it is said to be" "$wrong"
	is "IPv4 that both generations allow: nothing is lost" "$(summary "$lab/ping4")" '2500 2500'
	is "IPv6 that both generations allow: nothing is lost" "$(summary "$lab/ping6")" '2500 2500'
	is "what neither allows: nothing passes" "$(summary "$lab/ping-denied")" '2500 0'
}

# The big image, with a range file in it, takes longer to fill and to retire.
wire_big() {
	local i ping4
	exits "a big image" 0 ctl apply rules/demo/before $new
	in_ns ws1 ping -q -i 0.002 -c 1000 203.0.113.10 >"$lab/ping4" 2>&1 &
	ping4=$!
	for i in 1 2 3 4; do
		ctl apply --force $old >/dev/null 2>&1
		ctl apply $new >/dev/null 2>&1
	done
	wait $ping4
	is "eight updates of Azure's file: nothing is lost" "$(summary "$lab/ping4")" '1000 1000'
}

# ---- a full disk --------------------------------------------------------------------------------

disk_full() {
	mkdir "$lab/small"
	mount -t tmpfs -o size=2m none "$lab/small" || { skip "a full disk" "no tmpfs"; return; }
	trap 'umount "$lab/small"; lab_end' EXIT
	daemon_start --state-dir "$lab/small" || not_ok "the daemon starts on a small disk"
	ctl apply "$lab/world" >/dev/null 2>&1
	exits "a small disk has room" 0 ctl apply "$lab/a.json"
	dd if=/dev/zero of="$lab/small/fill" bs=1k count=4096 2>/dev/null
	snapshot "$lab/good"
	exits "a full one refuses an apply" 1 ctl apply "$lab/b.json"
	like "and says why" "$out" 'disk is full'
	none "nothing changes" "$(changes)"
	is "nor on the wire" "$(probe icmp ws1 203.0.113.20)$(probe icmp ws1 203.0.113.66)" passeddenied
	rm "$lab/small/fill"
	exits "with room again it works" 0 ctl apply "$lab/b.json"
	is "and is on the wire" "$(probe icmp ws1 203.0.113.20)$(probe icmp ws1 203.0.113.66)" deniedpassed
	daemon_stop
	umount "$lab/small"
	trap lab_end EXIT
}

lab_begin
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
small_world "$lab"
daemon_start || not_ok "the daemon starts"
azure_pair
no_change
all_or_nothing
rollback
deletion
wire_big

# From here on the small world, in a daemon without the big one's documents.
daemon_stop
rm -rf "$lab/state" && mkdir "$lab/state"
daemon_start || not_ok "the daemon starts"
exits "the small world" 0 ctl apply "$lab/world"
counters
concurrent
wire
daemon_stop
disk_full
done_testing
