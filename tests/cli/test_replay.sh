#!/bin/bash
# test_replay.sh -- replay: verdicts of a capture, learned names, other formats, diff, annotations, damage.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 600
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
8004 443 DROP quic-refused -
8005 443 PASS listed-name shop.example.com
7009 80 PASS name-handshake -'
is "QUIC that is not looked into" "$(flows "$work/web" --policy "$policy" | grep -c 'quic-refused -')" 5
sed -i 's/"egress": {/&"policy_enforcement": {"enforcement_mode": "DRY_RUN"},/; s/"network_access": {/&"policy_enforcement": {"enforcement_mode": "DRY_RUN"},/' "$work/inspect/policy.json"
like "dry-run: what is refused passes, recorded" "$(flows "$work/web" --policy "$work/inspect")" '7002 80 DRY_RUN_DENIAL name-mismatch evil.example.net'
like "dry-run: QUIC" "$(flows "$work/web" --policy "$work/inspect")" '8002 443 DRY_RUN_DENIAL name-mismatch evil.example.net'

# ---- formats ----

for how in gz ng swapped nano; do
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
if command -v capinfos >/dev/null; then
	exits "capinfos opens it" 0 capinfos -M -c -I "$work/an.pcapng"
	like "25 packets" "$out" 'Number of packets: +25$'
	like "of two interfaces that have names" "$(tr '\n' ' ' <<<"$out")" 'Name = passed.*Name = denied'
else
	skip "capinfos opens it" "capinfos is not installed"
fi
if command -v tshark >/dev/null; then
	exits "tshark opens it" 0 tshark -r "$work/an.pcapng" -T fields -e frame.interface_name -e frame.comment
	is "drops, and they alone, are on the interface of their own" \
		"$(grep -c '^denied	DROP ' <<<"$out") $(grep -c 'DROP ' <<<"$out") $(grep -c '^denied' <<<"$out")" "10 10 10"
	is "a display filter finds one reason" \
		"$(tshark -r "$work/an.pcapng" -Y 'frame.comment contains "name-mismatch"' 2>/dev/null | wc -l)" 2
else
	skip "tshark opens it" "tshark is not installed"
fi
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
cp "$work/a.pcap" "$work/sparse"
truncate -s 10G "$work/sparse"
refused "a capture with a hole of 10 GB" "$work/sparse" 'sparse ends before its end: packet 26: nothing but zeros'
rm "$work/sparse"
head -c 300 "$work/gz" >"$work/short.gz"
refused "a gzip file that ends early" "$work/short.gz" 'gzip: the stream ends before its end'
while read -r what pattern; do
	make_pcap "$work/bad" "bad:$what"
	refused "bad: $what" "$work/bad" "$pattern"
done <<'EOF'
magic cannot read the capture .*: unknown file format
version cannot read the capture .*: unsupported pcap savefile version 99.4
head cannot read the capture .*: truncated dump file
link its link type is not known \(147\); Ethernet
length packet 4: invalid packet capture length 2147483647
record packet 3: truncated dump file
zeros packet 4: nothing but zeros
gzip-torn packet [0-9]+: gzip: the stream ends before its end
gzip-trailer packet 1001: gzip: the stream ends before its end
gzip-sum cannot read the capture .*: gzip: incorrect data check
gzip-damaged packet 34: invalid packet capture length
gzip-empty cannot read the capture .*: truncated dump file
gzip-foreign cannot read the capture .*: unknown file format
ng-head cannot read the capture .*: truncated pcapng dump file
ng-magic cannot read the capture .*: unknown file format
ng-no-interface packet block before any Interface Description Block
ng-short-block packet 4: block in pcapng dump file has a length of 8
ng-huge-block packet 4: pcapng block size 2147483632 > maximum
ng-interface packet 4: a packet arrived on interface 9
ng-two-links packet 4: an interface has a type 101 different
ng-length packet 4: block of type 6 in pcapng dump file is too short
ng-torn packet 3: truncated pcapng dump file
EOF
exits "an unknown workspace" 1 "$ctl" replay "$work/a.pcap" --policy "$policy" -w 4711
like "says so" "$out" 'no document has workspace 4711'
exits "a workspace that is no number" 2 "$ctl" replay "$work/a.pcap" --policy "$policy" -w some
exits "documents that are not there" 1 "$ctl" replay "$work/a.pcap" --policy "$work/gone"
exits "no capture" 2 "$ctl" replay --policy "$policy"

# ---- size ----

# The most memory that replay had, in KiB, goes to $work/used.
measured() { # ARGUMENTS of replay
	timeout 250 "$python" - "$work/used" "$ctl" replay "$@" <<'EOF'
import resource
import subprocess
import sys

code = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE).returncode
with open(sys.argv[1], "w") as f:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=f)
sys.exit(code)
EOF
}
bounded() { # WHAT KIB ARGUMENTS: replay has less
	local what=$1 most=$2 used=no
	shift 2
	case ${DBX_BUILD:-} in
	*asan*) skip "$what: in bounded memory" "a sanitizer keeps what is freed" && return ;;
	esac
	if measured "$@" && read -r used <"$work/used" && [ "$used" -lt "$most" ]; then
		ok "$what: in bounded memory"
	else
		not_ok "$what: in bounded memory" "$used KiB, not $most"
	fi
}
case ${DBX_BUILD:-} in
*asan*) n=100200 ;;
*) n=1000200 ;;
esac
make_pcap "$work/many" many=$n
is "$n packets" "$(count judged "$work/many" --policy "$policy")" $n
bounded "$n packets" 32768 "$work/many" --policy "$policy"
make_pcap "$work/many" streams=$n
is "$n packets of a hundred connections" "$(count packets "$work/many" --policy "$policy")" $((n + 501))
bounded "$n packets of a hundred connections" 32768 "$work/many" --policy "$policy"
n=$((n * 3 / 10))
make_pcap "$work/many" flows=$n
is "more flows than are listed: all are judged" "$(count judged "$work/many" --policy "$policy" --limit 1)" $n
is "and counted" "$(count of_unlisted_flows "$work/many" --policy "$policy" --limit 1)" $((n > 262144 ? n - 262144 : 0))
bounded "more flows than are listed" 262144 "$work/many" --policy "$policy" --limit 10
done_testing
