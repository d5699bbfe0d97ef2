#!/bin/bash
# test_golden.sh -- what the offline commands print for the documents beside it, word by word.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Each case is a line "NAME EXIT COMMAND..."; its output (both streams, standard error last) is in
# NAME.out. DBX_UPDATE=1 writes the files anew; read the difference before committing it.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-golden.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd tests/golden || exit 2
export SOURCE_DATE_EPOCH=1755700000

cases='
check               0 check old
check-json          0 check --json old
check-update        1 check --from new old
check-force         0 check --force --from new old
diff                0 diff --from old new
diff-verbose        0 diff --verbose --from old new
diff-json           0 diff --json --from old new
diff-same           0 diff --from old old
compile             0 compile --generation 7 -o IMAGE old
image-dump          0 image dump IMAGE
image-dump-full     0 image dump --full IMAGE
explain-pass        0 explain -w 1001 -d 198.51.100.7 -p 443 --policy old
explain-tag         0 explain -w 1001 -d 20.60.80.1 -p 443 --policy old
explain-feeds       0 explain -w 1001 -d 20.150.2.1 -p 443 --policy old/gateway.json old/np-prod.json old/np-lab.json old/ncc.json old/workspace-1001.json --feeds new/feed.json
explain-port        0 explain -w 1001 -d 20.60.80.1 -p 80 --policy old
explain-blocked     0 explain -w 1001 -d 198.51.100.66 -p 443 --policy old
explain-endpoint    0 explain -w 1001 -d 10.9.0.5 -p 443 --policy old
explain-dry-run     0 explain -w 1002 -d 192.0.2.1 -p 53 -P udp --policy old
explain-product     1 explain -w 1002 -d 192.0.2.1 -p 53 -P udp --product Apps --policy old
explain-workspace   0 explain -w 1001 -d 10.66.2.9 -p 22 --policy old
explain-name        0 explain -w 1001 -d pypi.org -p 443 --policy old
explain-allowed     0 explain -w 1001 -d api.example.com -p 443 --policy names
explain-says        0 explain -w 1001 -d 198.51.100.9 -p 443 --name other.example.net --policy names
explain-denied      0 explain -w 1001 -d s3.us-east-1.amazonaws.com -p 443 --policy names
explain-quic        0 explain -w 1001 -d api.example.com -p 443 -P udp --policy names
explain-name-json   0 explain --json -w 1001 -d api.example.com -p 8443 --policy names
explain-icmp        0 explain -w 1001 -d 10.66.0.1 -P icmp --policy old
explain-json        0 explain --json -w 1001 -d 20.60.80.1 -p 443 --policy old
explain-gateway     0 explain -w 1001 -d 198.51.100.7 -p 443 --src 10.66.0.1 --policy old
explain-unknown     1 explain -w 9 -d 192.0.2.1 -p 443 --policy old
paths-check         0 check paths
paths-compile       0 compile --generation 3 -o IMAGE paths
paths-image-full    0 image dump --full IMAGE
paths-route         0 explain -w 2001 -d 198.51.100.7 -p 443 --policy paths
paths-isolated      0 explain -w 2002 -d 198.51.100.7 -p 443 --policy paths
paths-cluster       0 explain -w 2001 -d 10.70.2.9 -p 22 --policy paths
paths-denied        0 explain -w 2001 -d 192.0.2.200 -p 443 --policy paths
paths-pending       0 explain -w 2001 -d orders.contoso.example -p 443 --policy paths
paths-rejected      0 explain -w 2001 -d 10.9.0.6 -p 443 --policy paths
paths-json          0 explain --json -w 2001 -d 10.9.0.4 -p 443 --policy paths
lookup              0 lookup --policy old -- 20.60.80.1 20.60.0.1 2603:1030:40c:2::9 203.0.113.5 10.9.0.4 192.0.2.1
lookup-json         0 lookup --json --policy old -- 20.60.80.1 192.0.2.1
'

# The image stands in a new folder each time; what the compiler may lay out otherwise is left open.
plain() {
	sed -E "s|$work/||g; s/(content hash|content|checksum) +[0-9a-f]{8,16}/\1 HASH/g; s/ uid [0-9a-f]+/ uid HASH/g"
}

while read -r name code command; do
	[ -n "$name" ] || continue
	# shellcheck disable=SC2086 # words
	"$ctl" ${command//IMAGE/$work/x.image} >"$work/out" 2>"$work/err"
	got=$?
	plain <"$work/out" >"$work/all"
	plain <"$work/err" >>"$work/all"
	is "$name: exit code" $got "$code"
	[ -z "${DBX_UPDATE:-}" ] || cp "$work/all" "$name.out"
	if text=$(diff -u "$name.out" "$work/all" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "$text"
	fi
done <<<"$cases"

done_testing
