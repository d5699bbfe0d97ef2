#!/bin/bash
# test_capture_client.sh -- capture against a daemon that sends packets well and badly.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/cli/lib.sh

serve() { # MODE
	daemon_start fake_packets.py "$1"
}

# Each block of the file, whole, by its type; then how many packets, interfaces, and the longest comment.
blocks() { # FILE
	"$python" - "$1" <<-'PY'
		import struct, sys
		b = open(sys.argv[1], "rb").read()
		at, packets, interfaces, longest = 0, 0, 0, 0
		while at < len(b):
		    kind, n = struct.unpack_from("<II", b, at)
		    assert n % 4 == 0 and at + n <= len(b) and struct.unpack_from("<I", b, at + n - 4)[0] == n
		    interfaces += kind == 1
		    if kind == 6:
		        packets += 1
		        cap = struct.unpack_from("<I", b, at + 20)[0]
		        opt = at + 28 + (cap + 3) // 4 * 4
		        code, length = struct.unpack_from("<HH", b, opt)
		        assert code == 1
		        longest = max(longest, length)
		        b[opt + 4:opt + 4 + length].decode()
		    at += n
		print(packets, interfaces, longest < 4096)
	PY
}

capture() { # WHAT EXIT ARGUMENTS
	local what=$1 want=$2
	shift 2
	exits "$what" "$want" timeout 60 "$ctl" capture -o "$work/x.pcapng" "$@"
}

serve good
capture "packets of three interfaces" 0
is "all are there" "$(blocks "$work/x.pcapng")" "300 3 True"
like "what is not there is told: the rate" "$out" '^dbx-egressctl: 2 more were beyond the rate'
like "what is not there is told: the loss" "$out" '^dbx-egressctl: 5 more were lost'
capture "--json" 0 --json
is "the counts" "$("$python" -c 'import json, sys; print(json.load(sys.stdin)["end"])' <<<"$out")" packets
"$ctl" capture -o - 2>/dev/null >"$work/pipe"
is "to a pipe: the same file" "$(cmp "$work/pipe" "$work/x.pcapng" 2>&1)" ""
exits "a disk that is full" 1 "$ctl" capture -o /dev/full
like "is told" "$out" 'cannot write /dev/full: No space left on device'
if command -v tshark >/dev/null; then
	is "tshark: interfaces" "$(tshark -n -r "$work/x.pcapng" -T fields -e frame.interface_name 2>/dev/null |
		sort | uniq -c | awk '{ print $2 "=" $1 }' | tr '\n' ' ')" "ws0=100 ws1=100 ws2=100 "
	is "tshark: nanoseconds" "$(tshark -n -r "$work/x.pcapng" -T fields -e frame.time_epoch -c 2 2>/dev/null |
		tail -1)" 1795271267.000000001
else
	skip "tshark reads it" "no tshark; make deps installs it"
fi

serve hostile
capture "names that are hostile, texts that are long, values of other types" 0
is "the file is whole" "$(blocks "$work/x.pcapng")" "2 2 True"
unlike "the terminal is left alone" "$out" $'\x1b'

serve interfaces
capture "more interfaces than a gateway has" 1
is "the file has the first" "$(blocks "$work/x.pcapng")" "256 256 True"

serve program
capture "another program" 1
like "is told" "$out" 'the gateway changed its packet program: begin anew'

serve closed
capture "a daemon that goes" 3
is "the file has what came" "$(blocks "$work/x.pcapng")" "1 1 True"

for mode in not-json not-base64 long shorter-than-it-is negative nowhere no-object; do
	serve $mode
	capture "$mode" 1
	like "$mode: told" "$out" 'the daemon sent what this version does not know'
	is "$mode: the file has what came before" "$(blocks "$work/x.pcapng")" "1 1 True"
done
done_testing
