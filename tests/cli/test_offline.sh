#!/bin/bash
# test_offline.sh -- compile, image dump, diff and lookup on whole files: what the goldens do not pin.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-offline.XXXXXX")
trap 'rm -rf "$work"' EXIT
docs=$PWD/tests/golden
feeds=$PWD/rules/feeds
cd "$work" || exit 2
export DBX_EGRESS_SOCKET=/nonexistent/socket
tab=$(printf '\t')

# ---- compile ----

exits "compile" 0 "$ctl" compile -o a.image "$docs/old"
exits "compile again" 0 "$ctl" compile -o b.image "$docs/old"
exits "the same documents give the same bytes" 0 cmp a.image b.image
exits "compile another generation" 0 "$ctl" compile -g 9 -o c.image "$docs/old"
exits "the generation is in the image" 1 cmp -s a.image c.image
out=$("$ctl" compile --json -g 9 -o c.image "$docs/old" 2>/dev/null |
	"${PYTHON:-python3}" -c 'import json,sys; d=json.load(sys.stdin); print(d["generation"], d["workspaces"], d["image_bytes"])')
is "compile --json" "$out" "9 2 $(stat -c %s c.image)"
exits "compile to standard output's device" 0 "$ctl" compile -o /dev/null "$docs/old"
echo keep >d.image
"$ctl" compile -o d.image gone.json 2>/dev/null
is "a refused compile leaves the old image" "$(cat d.image)" keep
gzip -c "$docs/old/feed.json" >feed.json.gz
mkdir packed
cp "$docs"/old/*.json packed/
rm packed/feed.json
mv feed.json.gz packed/
exits "gzipped documents are read" 0 "$ctl" compile -o e.image packed
"$ctl" image dump e.image | sed -n '/^workspaces/,$p' >e.txt # what is before tells lengths of paths
"$ctl" image dump a.image | sed -n '/^workspaces/,$p' >a.txt
exits "and mean the same" 0 cmp e.txt a.txt

# ---- image dump ----

out=$("$ctl" image dump --json c.image | "${PYTHON:-python3}" -c 'import json,sys; d=json.load(sys.stdin); print(d["generation"], d["sections"]["workspaces"]["items"])')
is "image dump --json" "$out" '9 2'
exits "image dump from standard input" 0 "$ctl" image dump - <a.image
head -c 100000 a.image >cut.image
cp a.image bent.image
printf '\x55' | dd of=bent.image bs=1 seek=300000 conv=notrunc status=none
head -c 4096 /dev/urandom >noise.image
for f in cut bent noise; do
	exits "a $f image is refused" 1 "$ctl" image dump $f.image
	like "a $f image: the message" "$out" "^dbx-egressctl: cannot dump image $f.image: "
done
: >empty.image
exits "an empty image is refused" 1 "$ctl" image dump empty.image
exits "an image that is not there" 1 "$ctl" image dump gone.image

# ---- diff of the clouds' own files ----

old=$feeds/azure-public-20260420.json.gz new=$feeds/azure-public-20260427.json.gz
out=$("$ctl" diff --from "$old" "$new" 2>&1)
is "the Azure update, 397 to 398" "$out" \
	'~ feed Public 397 -> 398: 57 tags changed, 0 added, 0 removed; 309 entries added, 635 removed'
out=$("$ctl" diff --verbose --from "$old" "$new" | grep -c '^~ tag Public ')
is "a line for each tag that changed" "$out" 57
out=$("$ctl" diff --from "$new" "$new")
is "no change is said" "$out" 'no change'
exits "going back is refused by check" 1 "$ctl" check --from "$new" "$old"
like "going back: why" "$out" 'goes back from 398 to 397.*feed-number-falls'
exits "going back is accepted with --force" 0 "$ctl" check --force --from "$new" "$old"
exits "going forward is no error" 0 "$ctl" check --from "$old" "$new"
exits "diff tells the mistakes of both sides" 1 "$ctl" diff --from gone1.json gone2.json
is "both are named" "$(printf '%s\n' "$out" | grep -c '^error: gone[12].json')" 2

# ---- lookup ----

out=$("$ctl" lookup --feeds "$new" "$feeds/aws.json.gz" -- 20.60.0.1 52.216.0.1)
like "lookup in two clouds: Azure" "$out" "^20.60.0.1${tab}AzureCloud${tab}AzureCloud.eastus${tab}Storage${tab}Storage.EastUS$"
like "lookup in two clouds: AWS" "$out" "^52.216.0.1${tab}.*S3/us-east-1"
printf '20.60.0.1\n\n  20.60.0.2 \r\nnot-an-address\n300.1.1.1\n2603:1030:40c::1\n1.1.1.1/32\n10.0.0.1' >list
"$ctl" lookup --feeds "$new" - <list >out 2>err
is "bad lines make the exit code 1" $? 1
is "the good lines are answered, in order" "$(cut -f1 out | paste -sd' ')" '20.60.0.1 20.60.0.2 2603:1030:40c::1 10.0.0.1'
is "bad lines are told with their number" "$(grep -o "line [0-9]*: '[^']*'" err | paste -sd' ')" \
	"line 4: 'not-an-address' line 5: '300.1.1.1' line 7: '1.1.1.1/32'"
exits "a bad operand" 1 "$ctl" lookup --feeds "$new" 20.60.0.1 300.1.1.1
like "a bad operand: the others are answered" "$out" "^20.60.0.1${tab}"
like "a bad operand: the message" "$out" "cannot look up '300.1.1.1': not an IP address"
{
	head -c 1000000 /dev/zero | tr '\0' '1'
	printf '\n20.60.0.1\n1.1.1.1\0\n\033[2J\n'
} >long
"$ctl" lookup --feeds "$new" - <long >out 2>err
is "a line without end: exit code 1" $? 1
is "and the next ones are answered" "$(cut -f1 out)" 20.60.0.1
unlike "no escape character of a line reaches the terminal" "$(cat err)" "$(printf '\033')"
is "its message is short" "$(awk 'length > 200' err)" ''
seq 0 99999 | awk '{ printf "20.%d.%d.%d\n", 60 + $1 / 65536, ($1 / 256) % 256, $1 % 256 }' >many
"$ctl" lookup --feeds "$new" - <many | cut -f1 >out
exits "100,000 addresses, one line each, in order" 0 cmp out many
out=$("$ctl" lookup --json --feeds "$new" - <many | "${PYTHON:-python3}" -c 'import json,sys; print(len(json.load(sys.stdin)))')
is "lookup --json of many is one array" "$out" 100000
exits "lookup in a part of a configuration" 0 "$ctl" lookup --policy "$docs/old/gateway.json" -- 203.0.113.5
like "lookup in a part: the answer" "$out" "^203.0.113.5${tab}control-plane$"
exits "lookup in a feed that is none" 1 "$ctl" lookup --feeds "$docs/test_golden.sh" -- 1.1.1.1
exits "lookup without an address" 2 "$ctl" lookup --feeds "$new"

done_testing
