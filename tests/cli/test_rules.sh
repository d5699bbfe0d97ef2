#!/bin/bash
# test_rules.sh -- the example sets of rules/ hold: they check, compile, and judge as they say.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=${DBX_BUILD:-build}/dbx-egressctl
feed=rules/feeds/azure-public.json.gz
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check_feed_sums() {
	none "rules/feeds is unmodified" "$(cd rules/feeds && while read -r sum name; do
		[ "$(gunzip -c "$name.gz" | sha256sum | cut -d' ' -f1)" = "$sum" ] || echo "$name"
	done <SHA256SUMS)"
	none "every feed has its sum" "$(cd rules/feeds && for f in *.json.gz; do
		[ -L "$f" ] || grep -q "  ${f%.gz}\$" SHA256SUMS || echo "$f"
	done)"
}

# The feed with the tags alone that the sets name: 90 packets need not read 4 MB each.
cut_feed() { # OUTPUT
	"$PYTHON" - $feed rules/*/gateway.json rules/*/*/gateway.json >"$1" <<-'PY'
		import gzip, json, sys
		named = set()
		for path in sys.argv[2:]:
		    gateway = json.load(open(path))["gateway"]
		    for key in "platform_sets", "workspace_storage", "allowed_destinations":
		        for item in gateway.get(key, []):
		            for tag in item.get("service_tags", []):
		                named.add(tag if isinstance(tag, str) else tag["tag"])
		feed = json.loads(gzip.open(sys.argv[1]).read())
		feed["values"] = [v for v in feed["values"] if v["name"] in named]
		json.dump(feed, sys.stdout)
	PY
}

# Each line of expected.tsv against `explain --json`; prints those that differ.
judge_all() { # EXPECTED DOCUMENTS...
	local table=$1 ws src dst proto port want got packet
	shift
	while IFS=$'\t' read -r ws src dst proto port want; do
		[[ $ws != \#* ]] || continue
		packet=(--workspace "$ws" --dst "$dst" --proto "$proto")
		[ "$port" = - ] || packet+=(--port "$port")
		[ "$src" = - ] || packet+=(--src "$src")
		got=$("$ctl" explain --json "${packet[@]}" --policy "$@" 2>&1 | "$PYTHON" -c '
import json, sys
text = sys.stdin.read()
try:
    d = json.loads(text)
    print(d["verdict"], d["reason"], d["path"], sep="\t")
except Exception:
    print(text.strip() or "no output")')
		[ "$got" = "$want" ] ||
			echo "$ws $src -> $dst $proto $port: $got, wanted $want" | tr '\t' ' '
	done <"$table"
}

check_set() { # NAME DOCUMENTS...
	local name=$1 table
	shift
	exits "$name: check accepts it" 0 "$ctl" check "$@" "$feed"
	exits "$name: compile accepts it" 0 "$ctl" compile -o "$tmp/image" "$@" "$feed"
	exits "$name: compile again" 0 "$ctl" compile -o "$tmp/again" "$@" "$feed"
	exits "$name: its image can be shown" 0 "$ctl" image dump "$tmp/image"
	none "$name: the same documents give the same bytes" "$(cmp "$tmp/image" "$tmp/again" 2>&1)"
	table=rules/$name/expected.tsv
	if [ -s "$table" ]; then
		none "$name: $(grep -c '^[0-9]' "$table") packets are judged as expected.tsv says" \
			"$(judge_all "$table" "$@" "$tmp/feed.json")"
	else
		not_ok "$name: has an expected.tsv"
	fi
}

check_feed_sums
if [ ! -x "$ctl" ]; then
	not_ok "there is a tool to test" "$ctl was not built"
	done_testing
fi
: "${PYTHON:=python3}"
cut_feed "$tmp/feed.json"
for dir in rules/*/; do
	name=$(basename "$dir")
	case $name in
	schema | feeds) ;;
	demo)
		check_set demo/start rules/demo/start
		check_set demo/before rules/demo/before
		;;
	*) check_set "$name" "$dir" ;;
	esac
done

# demo/after replaces documents of before, as apply does.
mkdir "$tmp/after"
cp rules/demo/before/*.json "$tmp/after/"
cp rules/demo/after/*.json "$tmp/after/"
check_set demo/after "$tmp/after"

for f in rules/feeds/*.json.gz; do
	exits "${f##*/} is read as it is" 0 "$ctl" check "$f"
done
done_testing
