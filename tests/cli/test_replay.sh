#!/bin/bash
# test_replay.sh -- replay: verdicts of a capture, learned names, other formats, diff, annotations, damage.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

ctl=$(realpath "${DBX_BUILD:-build}/dbx-egressctl")
python=${PYTHON:-python3}
work=$(mktemp -d "${TMPDIR:-/tmp}/dbx-replay.XXXXXX")
trap 'rm -rf "$work"' EXIT
data=$PWD/tests/data/replay
policy=$data/policy
export DBX_EGRESS_SOCKET=/nonexistent/socket
make_pcap() { "$python" tests/common/make_replay_pcap.py "$@"; }

# jq in small: a line a flow, "port-of-source port-of-destination verdict reason name".
flows() { # ARGUMENTS of replay
	timeout 120 "$ctl" replay --json "$@" | "$python" -c '
import json, sys
for f in json.load(sys.stdin)["flows"]:
    print(f["src_port"], f["dst_port"], f["verdict"], f["reason"], f["name"] or "-")'
}
count() { # KEY ARGUMENTS
	local key=$1
	shift
	timeout 120 "$ctl" replay --json "$@" 2>/dev/null | "$python" -c '
import json, sys
print(json.load(sys.stdin)["counts"][sys.argv[1]])' "$key"
}

# ---- verdicts ----

make_pcap "$work/a.pcap"
want='4001 53 PASS dns-steered shop.example.com
4002 53 DROP dns-denied evil.example.net
5001 443 PASS listed-name shop.example.com
5002 443 DROP name-mismatch evil.example.net
5003 443 DROP name-not-learned -
6000 123 PASS listed-prefix -
6000 124 DROP port-not-listed -
6000 123 DROP unknown-source -
0 0 DROP truncated -'
is "each flow's verdict" "$(flows "$work/a.pcap" --policy "$policy")" "$want"
text=$(timeout 60 "$ctl" replay "$work/a.pcap" --policy "$policy")
like "the table names rule and document" "$text" \
	'10.200.0.5 > 203.0.113.7:443 +tcp +shop.example.com +PASS +listed-name +[0-9]+ +.*policy.json:/egress/network_access/allowed_internet_destinations/1'
like "the summary counts" "$text" '25 packets: 18 judged \([0-9]+ passed, [0-9]+ dropped, 0 dry-run denials\), 7 to workloads'
is "judged, to workloads and foreign packets add up" \
	"$(($(count judged "$work/a.pcap" --policy "$policy") + $(count to_workloads "$work/a.pcap" --policy "$policy")))" \
	"$(count packets "$work/a.pcap" --policy "$policy")"

# ---- names that the daemon reads ----

make_pcap "$work/web" web
cp -r "$policy" "$work/inspect"
sed -i 's/"interfaces":/"names": {"quic": "inspect"}, &/' "$work/inspect/gateway.json"
is "HTTP and QUIC: each flow's verdict" "$(flows "$work/web" --policy "$work/inspect")" '7001 80 PASS listed-name shop.example.com
7002 80 DROP name-mismatch evil.example.net
7003 80 DROP http-next-request shop.example.com
7004 80 DROP not-http -
7005 80 PASS listed-name shop.example.com
7006 80 DROP name-missing 203.0.113.7
7007 80 PASS listed-name Shop.Example.com
7008 80 DROP hello-held -
8001 443 PASS listed-name shop.example.com
8002 443 DROP name-mismatch evil.example.net
8003 443 PASS listed-name shop.example.com
8004 443 DROP quic-refused -'
is "QUIC that is not looked into" "$(flows "$work/web" --policy "$policy" | grep -c 'quic-refused -')" 4
sed -i 's/"egress": {/&"policy_enforcement": {"enforcement_mode": "DRY_RUN"},/; s/"network_access": {/&"policy_enforcement": {"enforcement_mode": "DRY_RUN"},/' "$work/inspect/policy.json"
like "dry-run: what is refused passes, recorded" "$(flows "$work/web" --policy "$work/inspect")" '7002 80 DRY_RUN_DENIAL name-mismatch evil.example.net'
like "dry-run: QUIC" "$(flows "$work/web" --policy "$work/inspect")" '8002 443 DRY_RUN_DENIAL name-mismatch evil.example.net'

# ---- formats ----

for how in gz ng; do
	make_pcap "$work/$how" $how
	is "$how: the same" "$(flows "$work/$how" --policy "$policy")" "$want"
done
is "standard input: the same" "$(flows - --policy "$policy" <"$work/gz")" "$want"
make_pcap "$work/raw" raw
is "raw IP: the same" "$(flows "$work/raw" --policy "$policy" | grep -v truncated)" "$(grep -v truncated <<<"$want")"
make_pcap "$work/cut" cut
is "cut packets are judged as they are" "$(count cut "$work/cut" --policy "$policy")" 12
like "and an answer that is cut teaches nothing" "$(flows "$work/cut" --policy "$policy")" '5001 443 DROP name-not-learned -'

# ---- captures of others ----

like "a hello in three segments, named by itself" \
	"$(flows "$data/suricata-tls-ch-3seg.pcap" --policy "$policy" -w 1001)" '[0-9]+ 443 PASS listed-name www.google.com'
like "an SNI that is an address is no name" \
	"$(flows "$data/tls-fragmented-handshake.pcap.gz" --policy "$policy" -w 1001)" '[0-9]+ 4433 DROP name-not-learned -'
is "PPP" "$(count judged "$data/icmp-rfc5837.pcap" --policy "$policy" -w 1001)" 1
like "null, IPv6" "$(flows "$data/connect-with-header.pcap" --policy "$policy" -w 1001)" '[0-9]+ [0-9]+ DROP '
like "without --workspace strangers are strangers" \
	"$(flows "$data/suricata-tls-ch-3seg.pcap" --policy "$policy")" 'DROP unknown-source'
if [ -d "${DBX_DATA:-}/pcap" ]; then
	bad=
	n=0
	while read -r f; do
		n=$((n + 1))
		timeout 60 "$ctl" replay --json "$f" -w 1001 --policy "$policy" >"$work/out" 2>"$work/err"
		code=$?
		[ $code -eq 0 ] || { [ $code -eq 1 ] && grep -q 'dbx-egressctl: ' "$work/err"; } || bad="$bad $f:$code"
	done < <(find "$DBX_DATA/pcap" -type f -name '*.pcap*')
	is "every capture ($n) is read, or refused with a sentence" "$bad" ""
else
	skip "every capture" "DBX_DATA does not name the folder of captures"
fi

# ---- diff ----

text=$(timeout 60 "$ctl" replay "$data/suricata-tls-ch-3seg.pcap" -w 1001 --diff "$policy" "$data/policy-new")
like "diff: what breaks" "$text" 'breaks +1001 .*www.google.com +PASS listed-name +DROP name-not-learned'
like "diff: counts" "$text" '1 flows: 1 break, 0 open, 0 fare alike for another reason, 0 are the same'
like "diff: what opens" \
	"$(timeout 60 "$ctl" replay "$data/suricata-tls-ch-3seg.pcap" -w 1001 --diff "$data/policy-new" "$policy")" \
	'1 flows: 0 break, 1 open'
like "diff: nothing" "$(timeout 60 "$ctl" replay "$work/a.pcap" --diff "$policy" "$policy")" \
	'9 flows: 0 break, 0 open, 0 fare alike for another reason, 9 are the same'
exits "diff takes two" 2 "$ctl" replay "$work/a.pcap" --diff "$policy"
exits "diff reads twice" 2 "$ctl" replay - --diff "$policy" "$policy"
exits "one of --policy and --diff" 2 "$ctl" replay "$work/a.pcap"

# ---- annotations ----

exits "annotate" 0 "$ctl" replay "$work/a.pcap" --policy "$policy" --annotate "$work/an.pcapng"
is "all packets are there" "$(tcpdump -nr "$work/an.pcapng" 2>/dev/null | wc -l)" 25
is "comments say verdict and reason" "$(grep -ao 'DROP name-mismatch: the flow speaks a name' "$work/an.pcapng" | wc -l)" 2
is "and the path" "$(grep -ao 'PASS listed-name: an allowed name, at an address learned for it; path: nat; rule:' "$work/an.pcapng" | wc -l)" 2
cp -r "$policy" "$work/paths"
sed -i 's/"interfaces":/"paths": [{"path": "nat", "interface": "up0"}], &/' "$work/paths/gateway.json"
exits "annotate, with a route" 0 "$ctl" replay "$work/a.pcap" --policy "$work/paths" --annotate "$work/path.pcapng"
like "and the mark of the route" "$(grep -ao 'PASS listed-name: [a-z ,]*; path: nat, mark 0x[0-9a-f]*; rule' "$work/path.pcapng")" 'mark 0x0*[1-9a-f]'
is "interfaces part what was denied" "$("$python" - "$work/an.pcapng" <<'EOF'
import struct, sys
d = open(sys.argv[1], "rb").read()
at, n = 0, {0: 0, 1: 0}
while at < len(d):
    kind, size = struct.unpack_from("<II", d, at)
    if kind == 6:
        n[struct.unpack_from("<I", d, at + 8)[0]] += b"DROP " in d[at:at + size]
    at += size
print(n[0], n[1] > 5)
EOF
)" "0 True"
exits "where it cannot be written" 1 "$ctl" replay "$work/a.pcap" --policy "$policy" --annotate /nonexistent/an.pcapng
exits "a full disk" 1 "$ctl" replay "$work/a.pcap" --policy "$policy" --annotate /dev/full

# ---- damage ----

refused() { # WHAT FILE PATTERN
	exits "$1" 1 timeout 60 "$ctl" replay "$2" --policy "$policy"
	like "$1: says so" "$(timeout 60 "$ctl" replay "$2" --policy "$policy" 2>&1 >/dev/null)" "$3"
}
make_pcap "$work/torn" torn
refused "a torn capture" "$work/torn" 'torn ends before its end: packet 25: truncated'
like "what came before it is told" "$(flows "$work/torn" --policy "$policy" 2>/dev/null)" '5001 443 PASS listed-name'
: >"$work/empty"
refused "an empty file" "$work/empty" 'cannot read the capture .*empty: truncated dump file'
refused "a foreign file" tests/tap.sh 'cannot read the capture tests/tap.sh: unknown file format'
refused "a file that is not there" "$work/gone" 'cannot read the capture .*gone: No such file'
refused "a directory" "$work" 'cannot read the capture'
make_pcap "$work/usb" usb
refused "another link type" "$work/usb" 'its link type is USB_LINUX \(189\); Ethernet, raw IP, null, loop, PPP and Linux cooked'
truncate -s 10G "$work/sparse"
refused "10 GB of nothing" "$work/sparse" 'unknown file format'
head -c 300 "$work/gz" >"$work/short.gz"
refused "a gzip file that ends early" "$work/short.gz" 'ends before its end|cannot read'

# ---- size ----

make_pcap "$work/many" many=300000
is "300,000 packets" "$(count judged "$work/many" --policy "$policy")" 300000
case ${DBX_BUILD:-} in
*asan*) skip "in bounded memory" "a sanitizer maps terabytes" ;;
*) exits "in bounded memory" 0 bash -c 'ulimit -v 400000; exec timeout 100 "$@" >/dev/null' x "$ctl" replay "$work/many" --policy "$policy" ;;
esac
done_testing
