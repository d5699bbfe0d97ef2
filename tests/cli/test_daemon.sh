#!/bin/bash
# test_daemon.sh -- dbx-egressctl and dbx-egressd together, without a data plane (--dp mem).
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

build=$(realpath "${DBX_BUILD:-build}")
[ -x "$build/dbx-egressd" ] || skip_all "dbx-egressd is not built"
docs=$PWD/tests/golden
feeds=$PWD/rules/feeds
. tests/cli/lib.sh
cd "$work" || exit 2
cp -r "$docs/old" "$docs/new" .
# Warnings of the documents are a matter of the goldens.
ctl_out() { "$ctl" "$@" 2>/dev/null; }
json() { # EXPRESSION ON d: of the JSON on standard input
	"$python" -c "import json,sys; d=json.load(sys.stdin); print($1)"
}

start() {
	"$build/dbx-egressd" --socket "$work/sock" --state-dir "$work/state" --dp mem >>daemon.log 2>&1 &
	daemon=$!
	for _ in $(seq 100); do
		"$ctl" status >/dev/null 2>&1 && return
		sleep 0.1
	done
	echo "# the daemon does not answer"
	sed 's/^/# /' daemon.log
}
stop() { # SIGNAL
	kill "-$1" "$daemon"
	wait "$daemon" 2>/dev/null
}

start
exits "status before anything is applied" 0 "$ctl" status
is "generation before anything is applied" "$(ctl_out status --json | json 'd["generation"], d["revision"]')" '0 0'
exits "image dump before anything is applied: exit 1" 1 "$ctl" image dump
exits "get gateway before anything is applied: exit 1" 1 "$ctl" get gateway

# ---- apply ----

exits "apply --dry-run" 0 "$ctl" apply --dry-run old
like "apply --dry-run: said" "$out" '^dry run: nothing was changed, generation 0 stays in force$'
is "apply --dry-run: nothing is stored" "$(ctl_out list)" ''
out=$(ctl_out apply -m 'the first' old)
like "apply: what is new" "$out" '^\+ network-policy np-prod$'
like "apply: the range file" "$out" '^\+ feed Public 41: .*4 entries added'
like "apply: generations" "$out" '^generation 0 -> 1, revision 1$'
like "apply: how long" "$out" '^enforced after [0-9]+ ms \(daemon [0-9]+: read .* build and flip [0-9.]+, store'
like "apply again: no change" "$(ctl_out apply old)" '^no change: generation 1 stays in force$'
like "diff: what a second apply would change" "$(ctl_out diff new)" '^~ feed Public 41 -> 42: 2 tags changed'
out=$(ctl_out apply new)
like "apply of an update" "$out" '^generation 1 -> 2, revision 2$'
is "apply --json" "$(ctl_out apply --json new | json 'd["changed"], d["generation"]')" 'False 2'

# ---- what is refused changes nothing ----

image() { # the image in force, byte by byte
	curl -s --unix-socket sock http://localhost/api/2.0/dbx-egress/image | sha256sum
}
before=$(image)
mkdir bad
echo '{"network_policy_id":"np-prod","egress":{"network_access":{"restriction_mode":"X"}}}' >bad/mode.json
echo '{"workspace_id":1001,"network_policy_id":"gone"}' >bad/option.json
sed 's|10.66.1.0/24|10.66.1.1/24|' new/gateway.json >bad/host-bits.json
sed 's|\[443\]|[70000]|' new/gateway.json >bad/port.json
sed 's|"workspace_id": 1001|"workspace_id": 1003|; s|"workspaces": \[|&{"workspace_id":1001,"sources":[{"prefix":"10.66.1.0/24"}]},|' \
	old/gateway.json >bad/claimed.json
for f in bad/*.json old; do
	exits "refused: $f" 1 "$ctl" apply "$f"
	like "refused: $f: told with its file" "$out" "^error: $f"
done
is "the image in force is the same, byte by byte" "$(image)" "$before"
is "so is the generation" "$(ctl_out status --json | json 'd["generation"], d["revision"]')" '2 2'
exits "going back with --force" 0 "$ctl" apply --force old/feed.json
exits "and forth" 0 "$ctl" apply new/feed.json

# ---- questions ----

is "explain" "$(ctl_out explain --json -w 1001 -d 20.60.80.1 -p 443 | json 'd["verdict"], d["reason"], d["policy"], d["path"], d["rule_ptr"]')" \
	'PASS listed-tag np-prod service-endpoint /gateway/allowed_destinations/0'
offline=$(ctl_out explain --json -w 1001 -d 20.60.80.1 -p 443 --policy new old/np-lab.json old/workspace-1002.json | json '[s["result"] for s in d["steps"]]')
is "explain: the same steps as offline" "$(ctl_out explain --json -w 1001 -d 20.60.80.1 -p 443 | json '[s["result"] for s in d["steps"]]')" "$offline"
exits "explain of an unknown workspace" 1 "$ctl" explain -w 77 -d 1.1.1.1 -p 1
is "lookup" "$(ctl_out lookup 20.60.80.1 10.9.0.4)" "$(printf '20.60.80.1\tStorage\tStorage.EastUS2\n10.9.0.4\tpe-lake')"
is "get gives back what was applied" "$(ctl_out get ncc ncc-east | json 'd["region"]')" eastus2
ctl_out get gateway >new/gateway.json
like "and it can be applied again" "$(ctl_out apply new/gateway.json)" '^no change|generation [0-9]+ stays in force'
like "list" "$(ctl_out list network-policy)" '^network-policy +np-prod +2 '
like "list: JSON" "$(ctl_out list --json | json 'len(d) > 5 and sorted(d[0])[:3]')" 'bytes'
like "history" "$(ctl_out history)" '^ +1  .* the first$'
is "history: at most so many" "$(ctl_out history --json --limit 2 | json 'len(d["revisions"])')" 2
exits "stats" 0 "$ctl" stats --workspace 1001 --reason no-match
exits "denials" 0 "$ctl" denials --workspace 1001
like "image dump" "$(ctl_out image dump)" '^policy image: abi [0-9]+, generation [0-9]+'

# ---- delete, rollback ----

exits "a policy that is attached is not deleted" 1 "$ctl" delete network-policy np-prod
like "who uses it is told" "$out" 'in use by 1 workspace \(1001\)'
exits "an NCC that is attached is not deleted" 1 "$ctl" delete ncc ncc-east
exits "what is not there is not deleted" 1 "$ctl" delete network-policy gone
exits "default-policy is not deleted" 1 "$ctl" delete network-policy default-policy
exits "a binding can go" 0 "$ctl" delete workspace-option 1002
exits "and its policy then" 0 "$ctl" delete network-policy np-lab
like "rollback --dry-run" "$(ctl_out rollback --dry-run 1)" '^dry run'
like "rollback" "$(ctl_out rollback -m back 1)" '^generation [0-9]+ -> [0-9]+, revision [0-9]+$'
is "everything of that revision is back" "$(ctl_out diff old)" 'no change'
exits "rollback to what never was" 1 "$ctl" rollback 999

# ---- the real thing, and a daemon that is killed ----

out=$(ctl_out apply "$feeds/azure-public-20260420.json.gz")
like "the Azure file" "$out" '^generation [0-9]+ -> [0-9]+'
like "its update" "$(ctl_out apply "$feeds/azure-public-20260427.json.gz")" \
	'^~ feed Public 397 -> 398: 57 tags changed, 0 added, 0 removed; 309 entries added, 635 removed$'
exits "going back is refused" 1 "$ctl" apply "$feeds/azure-public-20260420.json.gz"
like "going back: why" "$out" 'goes back from 398 to 397.*feed-number-falls'
before=$(ctl_out status --json | json 'd["revision"], d["content_hash"]')
stop KILL
exits "no daemon: exit 3" 3 "$ctl" status
start
is "after kill -9 the documents are in force again" "$(ctl_out status --json | json 'd["revision"], d["content_hash"]')" "$before"
stop TERM
daemon=

done_testing
