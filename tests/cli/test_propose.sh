#!/bin/bash
# test_propose.sh -- propose: a round trip from records to documents and verdicts; report: the page in a browser.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
python=${PYTHON:-python3}
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-propose.XXXXXX")
trap 'rm -rf "$work"' EXIT
export DBX_EGRESS_SOCKET=/nonexistent/socket
docs=$work/docs
mkdir "$docs"
cp rules/dry-run/*.json "$docs/"
sed -i 's/"interfaces":/"dns": {"upstreams": ["192.0.2.53"]}, &/' "$docs/gateway.json"
cp rules/feeds/azure-public-20260427.json.gz "$docs/ranges.json.gz"
verdict() { # DST PORT [DOCS]
	timeout 60 "$ctl" explain --json -w 1002 -d "$1" -p "$2" --policy "${3:-$docs}" 2>/dev/null |
		"$python" -c 'import json,sys; d=json.load(sys.stdin); print(d["verdict"], d["reason"])'
}

p=np-all-dry-run
"$python" tests/common/make_records.py >"$work/log" <<EOF
DRY_RUN_DENIAL dns-denied $p 1002 pypi.example.org 10.66.2.1 17 53 1 2026-11-20T10:00:00.000 198.51.100.130
DRY_RUN_DENIAL no-match $p 1002 - 198.51.100.130 6 443 9 2026-11-20T10:00:01.000
DRY_RUN_DENIAL no-match $p 1002 - 198.51.100.7 6 5432 4 2026-11-20T11:00:00.000
DRY_RUN_DENIAL no-match $p 1002 - 198.51.100.7 6 5432 4 2026-11-21T11:00:00.000
DRY_RUN_DENIAL no-match $p 1002 - 2001:db8::7 17 123 4 2026-11-20T11:00:00.000
DRY_RUN_DENIAL dns-denied $p 1002 lake.s3.eu-west-1.amazonaws.com 10.66.2.1 17 53 2 2026-11-20T12:00:00.000
DRY_RUN_DENIAL dns-denied $p 1002 contosolake.dfs.core.windows.net 10.66.2.1 17 53 2 2026-11-20T12:00:00.000
DRY_RUN_DENIAL dns-path-style $p 1002 s3.eu-west-1.amazonaws.com 10.66.2.1 17 53 3 2026-11-20T12:00:00.000
DRY_RUN_DENIAL no-match $p 1002 - 127.0.0.1 6 443 3 2026-11-20T12:00:00.000
DRY_RUN_DENIAL no-match $p 1002 - 203.0.113.10 6 443 3 2026-11-20T12:00:00.000
DROP metadata $p 1002 - 169.254.169.254 6 80 3 2026-11-20T12:00:00.000
DROP no-match $p 1002 - 198.51.100.8 6 443 3 2026-11-20T12:00:00.000
EOF
echo '{"torn' >>"$work/log"

# ---- the round trip ----

is "before: denied by dry-run only" "$(verdict 198.51.100.7 5432)" "DRY_RUN_DENIAL no-match"
exits "propose" 0 "$ctl" propose --from-log "$work/log" --policy "$docs" --enforce -o "$work/out"
like "counts, first and last seen" "$out" \
	"$p +address +198.51.100.7 tcp 5432 +2 +8 +2026-11-20T11:00:00Z +2026-11-21T11:00:00Z +no-match"
like "a name stands for the flow to its address" "$out" "$p +name +pypi.example.org +2 +10 "
unlike "which is not proposed" "$out" '198\.51\.100\.130'
like "S3" "$out" ' storage +s3 lake eu-west-1 '
like "Azure storage" "$out" ' storage +azure contosolake dfs '
like "loopback is left out" "$out" ' left out +127.0.0.1 tcp 443 .* is loopback, reserved'
like "what opens every bucket is left out" "$out" ' left out +s3.eu-west-1.amazonaws.com .* would open every bucket'
like "what is allowed is left out" "$out" ' left out +203.0.113.10 tcp 443 .* is already allowed'
unlike "what was dropped is not looked at" "$out" '198\.51\.100\.8 '
like "a line that is no record is told" "$out" '1 of 13 lines are no records'

rm "$docs/policy-all-dry-run.json" "$docs/gateway.json"
cp "$work/out"/*.json "$docs/"
exits "the documents check" 0 "$ctl" check "$docs"
exits "and compile" 0 "$ctl" compile -o "$work/image" "$docs"
is "an address passes" "$(verdict 198.51.100.7 5432)" "PASS listed-prefix"
like "another port of it does not" "$(verdict 198.51.100.7 5433)" "^DROP port-not-listed"
for name in pypi.example.org lake.s3.eu-west-1.amazonaws.com contosolake.dfs.core.windows.net; do
	is "$name passes" "$(verdict $name 443)" "PASS listed-name"
done
is "what was allowed before passes" "$(verdict 203.0.113.10 443)" "PASS listed-prefix"
for dst in other.example.org sub.pypi.example.org other.s3.eu-west-1.amazonaws.com s3.eu-west-1.amazonaws.com \
	198.51.100.8 198.51.100.66 169.254.169.254 127.0.0.1; do
	like "$dst is denied" "$(verdict $dst 443)" "^DROP"
done
exits "propose again" 0 "$ctl" propose --from-log "$work/log" --policy "$docs"
like "proposes nothing" "$out" ': 0 entries, '

exits "propose --denied" 0 "$ctl" propose --from-log "$work/log" --denied
like "metadata is left out" "$out" ' left out +169.254.169.254 tcp 80 .* refused in every mode'
like "what was dropped is proposed" "$out" ' address +198.51.100.8 tcp 443 '
exits "--since" 0 "$ctl" propose --from-log "$work/log" --since 2026-11-21
like "leaves out what is older" "$out" '^1 records, 1 of them'
exits "--since that is no time" 2 "$ctl" propose --from-log "$work/log" --since never
exits "no such log" 1 "$ctl" propose --from-log "$work/none"
exits "a log that is none" 1 "$ctl" propose --from-log rules/README.md

# A log as rotation, crashes and other writers leave it.
"$python" - "$work/log" "$work/mixed" <<'PY'
import json, sys
lines = open(sys.argv[1]).read().splitlines()[:3]
first = json.loads(lines[0])
opened = dict(first, event_id="opened", x_dbx_egress=dict(first["x_dbx_egress"], open=True))
long = dict(first, event_id="long", account_id="x" * 70000)
with open(sys.argv[2], "wb") as f:
    f.write((lines[0] + "\r\n\n" + lines[0] + "\n" + json.dumps(opened) + "\n" + json.dumps(long) + "\n").encode())
    f.write(b"\x00\xff\n[1]\n{}\n" + lines[1].encode() + b"\n" + lines[2].encode()[:90])
PY
exits "a log with all that goes wrong" 0 "$ctl" propose --from-log "$work/mixed" "$work/mixed" --from-log - <"$work/mixed"
like "each record once, and none that is only opened" "$out" '^2 records, 2 of them denials'
like "what is none is counted" "$out" '15 of 27 lines are no records'

for n in a b c; do
	echo "DRY_RUN_DENIAL dns-denied ../../$p 1002 $n.cdn.example.net 10.66.2.1 17 53 1 2026-11-20T10:00:00.000"
done | "$python" tests/common/make_records.py >"$work/wild"
unlike "names stay as they are" "$(timeout 60 "$ctl" propose --from-log "$work/wild")" '\*\.'
like "--wildcards 4: too few" "$(timeout 60 "$ctl" propose --from-log "$work/wild" --wildcards 4)" ' a.cdn.example.net '
exits "--wildcards 3" 0 "$ctl" propose --from-log "$work/wild" --wildcards 3 -o "$work/wild.d"
like "become one" "$out" ' name +\*\.cdn\.example\.net +3 +3 '
is "an id that is a path stays in the directory" "$(cd "$work" && find wild.d -type f | wc -l)" 1

# ---- the page ----

i=0
while [ $i -lt 120 ]; do
	echo "DROP no-match np-prod 1001 - 203.0.113.$((i % 7)) 6 443 $i 2026-11-20T$(printf %02d $((i / 6))):10:00.000"
	echo "DRY_RUN_DENIAL dns-denied $p 1002 host$((i % 15)).example.net 10.66.2.1 17 53 2 2026-11-20T$(printf %02d $((i / 8))):10:00.000"
	i=$((i + 1))
done >"$work/list"
for i in $(seq 30); do
	echo "DROP no-match <script>document.title='owned'</script> 1001 <img/src=x/onerror=alert(1)> 203.0.113.9 6 443 2 2026-11-20T10:$i:00.000"
done >>"$work/list"
"$python" tests/common/make_records.py <"$work/list" >"$work/log2"
exits "report" 0 "$ctl" report --from-log "$work/log2" -o "$work/report.html"
page=$(cat "$work/report.html")
like "coverage: of a policy that drops" "$page" '<td>np-prod</td>.*class="m4" style="width:100.00%".*>120</td><td class="r">0</td><td class="r">100 %'
like "coverage: of one in dry-run" "$page" "<td>$p</td>.*class=\"m2\" style=\"width:100.00%\".*>0</td><td class=\"r\">120</td><td class=\"r\">0 %"
unlike "coverage: nothing of entries, which a log does not have" "$page" 'in use|ws-enforced'
unlike "hostile names make no markup" "$page" '<(script|img)'
like "and are shown" "$page" '&lt;img/src=x/onerror=alert\(1\)&gt;'
unlike "nothing is loaded" "$page" 'https?:|url\(|<(link|iframe)'
like "the time of the page is that of the log" "$page" '>2026-11-20 00:10 to 2026-11-20 19:10 UTC<'
exits "report --since" 0 "$ctl" report --from-log "$work/log2" --since 2026-11-20T12:00:00Z -o "$work/since.html"
like "has what is not older" "$(cat "$work/since.html")" 'id="dropped">48<'
like "from then on" "$(cat "$work/since.html")" '>2026-11-20 12:00 to 20[0-9-]+ [0-9:]+ UTC<'
exits "a report into no directory" 1 "$ctl" report --from-log "$work/log2" -o "$work/none/report.html"
like "names it" "$out" "cannot write report $work/none/report.html: No such file"
exits "a report needs -o" 2 "$ctl" report --from-log "$work/log2"

browser=$(command -v chromium || true)
if [ -z "$browser" ]; then
	skip "the page in a browser" "no chromium"
	done_testing
	exit
fi
# Without these it looks up its maker's hosts at every start.
look() { # ARGUMENTS
	timeout 90 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
		--disable-extensions --disable-default-apps --host-resolver-rules='MAP * ~NOTFOUND' \
		--user-data-dir="$work/profile" --window-size=1160,1400 "$@" "file://$work/report.html" 2>/dev/null
}
dom=$(look --dump-dom)
like "the browser has the drops" "$dom" 'id="dropped">150<'
like "the dry-run denials" "$dom" 'id="dry-run">120<'
like "the destinations" "$dom" 'id="n-destinations">23<'
like "the hostile name as text" "$dom" '&lt;img/src=x/onerror=alert\(1\)&gt;'
like "the coverage" "$dom" 'id="coverage">'
like "its own title" "$dom" '<title>Egress denials</title>'
look --screenshot="$work/report.png" >/dev/null
is "a picture of the page" "$(head -c 8 "$work/report.png" 2>/dev/null | od -An -tx1 | tr -d ' \n')" 89504e470d0a1a0a
done_testing
