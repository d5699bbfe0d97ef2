#!/bin/bash
# test_reject.sh -- denials that are answered: at once, not too often, and to nobody but the sender.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

command -v tcpdump >/dev/null || skip_all "no tcpdump; make deps installs it"

DENIED4=198.51.100.66 DENIED6=2001:db8:bad::66

# Exit status of curl, and whether it took less than a second: 7 is "refused".
curl_says() { # WHERE ADDRESS PORT
	local text
	text=$(in_ns "$1" curl -so /dev/null -m 3 -w '%{time_total}' "$(url "$2" "$3")")
	echo "$? $("$PYTHON" -c 'import sys; print("soon" if float(sys.argv[1]) < 1 else "late")' "$text")"
	echo "# curl to $2 port $3: $text s" >&2
}

refused() { # WHAT WHERE ADDRESS PORT
	# Once again where the machine was busy elsewhere: a timeout never becomes a refusal by that.
	wait_for 10 eval "[ \"\$(curl_says $2 $3 $4 2>/dev/null)\" = '7 soon' ]"
	is "$1" "$(curl_says "$2" "$3" "$4")" "7 soon"
}

# What a connected UDP socket is told.
udp_says() { # WHERE ADDRESS
	in_ns "$1" "$PYTHON" -c '
import errno, socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect((sys.argv[1], 9999))
s.send(b"hello")
try:
    s.recv(99)
    print("answered")
except TimeoutError:
    print("silence")
except OSError as e:
    print(errno.errorcode[e.errno])' "$2"
}

unreachables() { # WHERE: ICMP "unreachable" that came in so far
	in_ns "$1" awk '$1 == "Icmp:" && !n { for (i = 2; i <= NF; i++) if ($i == "InDestUnreachs") n = i; next }
		$1 == "Icmp:" { print $n }' /proc/net/snmp
}

# Sends COUNT datagrams to a denied address; prints the seconds that it took.
flood() { # WHERE COUNT
	in_ns "$1" "$PYTHON" -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t = time.monotonic()
for i in range(int(sys.argv[2])):
    try:
        s.sendto(b"x", (sys.argv[1], 1024 + i % 60000))
    except OSError:
        pass
print(time.monotonic() - t)' "$DENIED4" "$2"
}

capture_start() { # WHERE...
	local w
	for w; do
		(exec nsenter --net="/run/netns/$lab_prefix-$w" tcpdump -nnli eth0 --immediate-mode -Q in \
			'icmp or icmp6[0] < 128 or tcp') >"$lab/$w.cap" 2>"$lab/$w.err" &
		lab_pids+=($!)
		wait_for 20 grep -q 'listening on' "$lab/$w.err"
	done
}

apply() { # WHAT STATEMENT
	world_gateway "$lab" "$2"
	exits "$1" 0 ctl apply "$lab/world"
}

lab_begin
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
small_world "$lab"
daemon_start || { not_ok "the daemon starts"; done_testing; }
apply "denials of one policy are answered" 'g["reject"] = {"policy_ids": ["np-one"], "per_second": 1000}'

# ---- at once ------------------------------------------------------------------------------------

is "what is allowed is not touched" "$(probe http ws1 203.0.113.10 80)" passed
refused "TCP is refused at once" ws1 $DENIED4 443
refused "over IPv6 too" ws1 $DENIED6 443
refused "and to an address that nobody has" ws1 192.88.99.9 80
is "UDP is told by ICMP: administratively prohibited" "$(udp_says ws1 $DENIED4)" EHOSTUNREACH
is "by ICMPv6 too" "$(udp_says ws1 $DENIED6)" EACCES
like "so is an echo request" "$(in_ns ws1 ping -c 1 -W 3 $DENIED4)" 'Packet filtered'
like "and one of ICMPv6" "$(in_ns ws1 ping -c 1 -W 3 $DENIED6)" 'Administratively prohibited'
is "a policy that is not named stays silent" "$(in_ns ws2 curl -sm 1 "$(url $DENIED4 443)"; echo $?)" 28
is "to UDP as well" "$(udp_says ws2 $DENIED4)" silence
like "the counters have the denials, not the answers" "$(ctl stats --workspace 1001)" 'DROP +no-match'

# ---- to nobody but the sender -------------------------------------------------------------------

gw_mac=$(in_ns gw ip -o link show ws1 | sed 's/.*ether \([^ ]*\).*/\1/')
inject() { in_ns ws1 tests/netns/inject.py eth0 --dst-mac "$gw_mac" "$@"; }
capture_start ws1 ws2 net
for source in 10.66.2.10 203.0.113.77 127.0.0.1; do
	for proto in tcp udp icmp; do
		inject --src $source --dst $DENIED4 --proto $proto --count 20
	done
done
inject --src fd66:2::10 --dst $DENIED6 --proto tcp --count 20
inject --src 10.66.1.10 --dst 224.0.0.251 --count 20
inject --src 10.66.1.10 --dst 255.255.255.255 --count 20
# The last one is answered: what came before it was dealt with by then.
inject --src 10.66.1.10 --dst $DENIED4 --proto tcp --port 4444
if wait_for 20 grep -q "$DENIED4.4444 > 10.66.1.10.40000: Flags \[R" "$lab/ws1.cap"; then
	ok "a SYN is answered with a reset"
else
	not_ok "a SYN is answered with a reset" "$(cat "$lab/ws1.cap")"
fi
is "spoofed sources and groups get no answer, and nobody else does" \
	"$(cat "$lab/ws1.cap" "$lab/ws2.cap" "$lab/net.cap" | grep -vc "$DENIED4.4444 > 10.66.1.10.40000")" 0
like "the reset acknowledges the SYN and the ten bytes that came with it" "$(cat "$lab/ws1.cap")" \
	'Flags \[R\.\], seq 0, ack 12,'

# ---- not too often ------------------------------------------------------------------------------

apply "a limit of 100 a second" 'g["reject"] = {"per_second": 100}'
before=$(unreachables ws1) t0=$(date +%s%N)
flood ws1 20000 >/dev/null
refused "nobody else's answers are used up" ws2 $DENIED4 443
t1=$(date +%s%N) n=$(($(unreachables ws1) - before))
# The limit is over the time that passed, and what a bucket holds beside it (a tenth of a second).
most=$((((t1 - t0) / 1000000 + 1000) * 100 / 1000))
if [ $n -gt 10 ] && [ $n -le $most ]; then
	ok "of 20,000 denials in a flood no more are answered than the limit says"
else
	not_ok "of 20,000 denials in a flood no more are answered than the limit says" "$n answers, at most $most"
fi
refused "once it is over, answers are given again" ws1 $DENIED4 443
apply "without reject" 'del g["reject"]'
is "nothing is answered" "$(udp_says ws1 $DENIED4)" silence
done_testing
