#!/bin/bash
# test_dns.sh -- the resolver between a workload and upstreams, real and hostile.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# variants: plain asan
# timeout: 240
#
# The resolver alone (tests/tools/daemon_dns), in the gateway's namespace on the gateway's address;
# unbound and an upstream that lies in the internet's; dig and a client that sends garbage in the
# workload's. Steering by the kernel, and real policies, are other tests' subject.
set -u
cd "$(dirname "$0")/../.." && . tests/tap.sh && . tests/netns/lib.sh

for tool in unbound dig; do
	command -v $tool >/dev/null || skip_all "no $tool; make deps installs it"
done
[ -x "$build/tests/tools/daemon_dns" ] || skip_all "tests/tools/daemon_dns is not built"
lab_begin

resolver='' log=''
resolver_start() { # UPSTREAMS NAME...; settings from the environment
	log=$lab/resolver.$RANDOM.log
	(exec nsenter --net="/run/netns/$lab_prefix-gw" env DNS_LISTEN4="${listen4-10.66.1.1}" \
		DNS_LISTEN6="${listen6-fd66:1::1}" "$build/tests/tools/daemon_dns" 53 "$@") >"$log" 2>&1 &
	resolver=$!
	lab_pids+=("$resolver")
	wait_for 10 grep -q '^ready' "$log" || not_ok "the resolver starts" "$(cat "$log")"
}

resolver_stop() { # leaves its counters in the log
	kill "$resolver"
	wait "$resolver"
	resolver_status=$?
}

counter() { # NAME, after the resolver ended
	sed -n "s/^$1=//p" "$log" | tail -n1
}

ask() { # ARGUMENT...: dig from the workload
	in_ns ws1 dig +tries=1 +time=6 @10.66.1.1 "$@"
}

status() { # ARGUMENT...: the status and extended error of an answer
	ask +noall +comments "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p; s/^; EDE: \([0-9]*\).*/EDE \1/p' |
		paste -sd' '
}

# ---- upstreams ----------------------------------------------------------------------------------

many=$(for i in $(seq 1 60); do echo "  local-data: \"many.allowed.test. 60 IN A 198.18.0.$i\""; done)
cat >"$lab/unbound.conf" <<EOF
server:
  directory: "$lab"
  chroot: ""
  username: ""
  pidfile: "$lab/unbound.pid"
  use-syslog: no
  do-daemonize: no
  interface: 192.0.2.2
  interface: fd66:ff::2
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  log-queries: yes
  logfile: "$lab/unbound.log"
  local-zone: "test." static
  local-data: "www.allowed.test. 60 IN A 203.0.113.10"
  local-data: "www.allowed.test. 60 IN AAAA 2001:db8:a::10"
  local-data: "short.allowed.test. 1 IN A 203.0.113.11"
  local-data: 'text.allowed.test. 60 IN TXT "hello"'
  local-data: "dead.allowed.test. 60 IN A 203.0.113.12"
  local-data: "svc.allowed.test. 60 IN HTTPS 1 . alpn=h2 ipv4hint=203.0.113.9 ech=aGVsbG8="
  local-data: "secret.denied.test. 60 IN A 203.0.113.66"
  local-data: "4.3.2.1.in-addr.arpa. 60 IN PTR www.allowed.test."
$many
remote-control:
  control-enable: no
EOF
in_ns_background net unbound -c "$lab/unbound.conf"
in_ns_background net python3 tests/netns/dns_hostile.py 203.0.113.20 53
in_ns_background net python3 tests/netns/dns_hostile.py 2001:db8:a::20 53
wait_for 10 in_ns gw dig +time=1 +tries=1 @192.0.2.2 www.allowed.test ||
	not_ok "unbound answers" "$(cat "$lab/background.log")"
: >"$lab/unbound.log"

# ---- a real upstream ----------------------------------------------------------------------------

resolver_start 192.0.2.2,fd66:ff::2 '*.allowed.test' '!bad.allowed.test'
is "an allowed name over UDP" "$(ask +short www.allowed.test)" 203.0.113.10
is "over TCP" "$(ask +short +tcp www.allowed.test)" 203.0.113.10
is "AAAA" "$(ask +short www.allowed.test AAAA)" 2001:db8:a::10
is "over IPv6" "$(in_ns ws1 dig +short +tries=1 @fd66:1::1 www.allowed.test)" 203.0.113.10
is "over IPv6 and TCP" "$(in_ns ws1 dig +short +tcp +tries=1 @fd66:1::1 www.allowed.test)" 203.0.113.10
is "TXT" "$(ask +short text.allowed.test TXT)" '"hello"'
is "HTTPS without hints and keys" "$(ask +short svc.allowed.test HTTPS)" '1 . alpn="h2"'
is "60 addresses: truncated, then over TCP" "$(ask +short many.allowed.test | wc -l)" 60
is "an allowed name that does not exist" "$(status none.allowed.test)" NXDOMAIN
is "a name that is not allowed" "$(status secret.denied.test)" "NXDOMAIN EDE 17"
is "a blocked name" "$(status bad.allowed.test)" "NXDOMAIN EDE 17"
is "PTR" "$(status -x 1.2.3.4)" "NXDOMAIN EDE 17"
is "ANY" "$(status www.allowed.test ANY +notcp)" "REFUSED EDE 17"
is "AXFR" "$(ask +short allowed.test AXFR | head -n1)" "; Transfer failed."
is "with DO" "$(ask +short +dnssec www.allowed.test)" 203.0.113.10
is "without EDNS" "$(ask +short +noedns www.allowed.test)" 203.0.113.10
is "with a cookie and client subnet" \
	"$(ask +short +cookie +subnet=192.0.2.0/24 www.allowed.test)" 203.0.113.10
for i in 1 2; do
	is "a TTL of one second, $i" "$(ask +short short.allowed.test)" 203.0.113.11
	sleep 1.1
done
resolver_stop
is "it ends cleanly" $resolver_status 0
is "a cached answer is learned once" "$(grep -c '^learned www.allowed.test 203' "$log")" 2 # DO is another
is "an expired one again" "$(grep -c '^learned short' "$log")" 2
is "commits came before answers: none failed" "$(counter commit_failures)" 0
like "a denial is recorded" "$(cat "$log")" \
	'^denied dns-denied secret.denied.test A rcode 3 from 10.66.1.10 at 10.66.1.1 udp'
like "a blocked name is recorded as such" "$(cat "$log")" '^denied dns-blocked bad.allowed.test A'
unlike "nothing that is denied reached the upstream" "$(tr '[:upper:]' '[:lower:]' <"$lab/unbound.log")" \
	'denied.test|bad.allowed|arpa|axfr| any '
like "names went out in mixed case" "$(cat "$lab/unbound.log")" '[a-z][A-Z]|[A-Z][a-z]'

# ---- commits that fail, dry-run -----------------------------------------------------------------

DNS_LEARN_FAILS=1 resolver_start 192.0.2.2 '*.allowed.test'
is "no commit, no answer" "$(status www.allowed.test)" "SERVFAIL EDE 0"
is "but for what has no address" "$(ask +short text.allowed.test TXT)" '"hello"'
resolver_stop
is "and it is counted" "$(counter commit_failures)" 1

resolver_start 192.0.2.2 '*.allowed.test' '~' '!bad.allowed.test'
is "dry-run answers what is not allowed" "$(ask +short secret.denied.test)" 203.0.113.66
is "and not what is blocked" "$(status bad.allowed.test)" "NXDOMAIN EDE 17"
resolver_stop
like "records it" "$(cat "$log")" '^dry-run dns-denied secret.denied.test A rcode 0'
unlike "and learns nothing" "$(cat "$log")" '^learned'

# ---- upstreams that are down --------------------------------------------------------------------

resolver_start 203.0.113.20,192.0.2.2@5999,192.0.2.2 '*.allowed.test'
is "an upstream that is silent, one that refuses, one that answers" \
	"$(ask +short dead.allowed.test)" 203.0.113.12
resolver_stop
DNS_TIMEOUT_MS=1000 DNS_ATTEMPT_MS=300 resolver_start 203.0.113.20 '*.allowed.test'
t0=$(date +%s%N)
is "all upstreams silent" "$(status dead.allowed.test)" "SERVFAIL EDE 23"
ms=$((($(date +%s%N) - t0) / 1000000))
if [ $ms -ge 900 ] && [ $ms -lt 2500 ]; then
	ok "after its time, $ms ms"
else
	not_ok "after its time" "$ms ms"
fi
resolver_stop

# ---- upstreams that lie -------------------------------------------------------------------------

DNS_TIMEOUT_MS=2000 DNS_ATTEMPT_MS=400 resolver_start 203.0.113.20 '*.h.test'
lies() { # STATUS ANSWER LABEL...
	local want=$1 answer=$2 label
	shift 2
	for label in "$@"; do
		is "upstream: $label" "$(status "$label.h.test" | cut -d' ' -f1) $(ask +short "$label.h.test" |
			grep -v '\.test\.$' | paste -sd' ')" "$want $answer"
	done
}
ask +short +tries=1 dead.h.test >/dev/null & # others are not held up by it
lies NOERROR 192.0.2.10 honest wrongid wrongname wrongtype case forged tc chain poison slow hugettl \
	maxttl zerottl
lies SERVFAIL "" wrongidonly tcclose tcwrong many loop longchain garbage pointer cut servfail dead
lies NXDOMAIN "" nxpoison
lies REFUSED "" refused
is "upstream: 64 KB over TCP" "$(ask +short +tcp big.h.test TXT | wc -l)" 235
resolver_stop
unlike "no lie was learned" "$(cat "$log")" '^learned .* 203\.0\.113'
is "and nothing is left behind" "$(counter outstanding)" 0

DNS_ATTEMPT_MS=300 resolver_start 2001:db8:a::20,192.0.2.2 '*.h.test' '*.allowed.test'
is "an upstream over IPv6" "$(ask +short honest.h.test)" 192.0.2.10
is "one that says SERVFAIL: the next is asked" "$(status servfail.h.test)" NXDOMAIN

# ---- any address is answered, from that address --------------------------------------------------

# What the kernel program does in the product, nftables does here: packets meet the socket unchanged.
steer() {
	in_ns gw nft -f - <<-EOF && in_ns gw ip rule add fwmark 0x0db50053 lookup 5353 &&
		table inet steer {
			chain pre {
				type filter hook prerouting priority mangle
				iifname "ws1" meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 tproxy ip to 127.83.53.53:53 meta mark set 0x0db50053 accept
				iifname "ws1" meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 tproxy ip6 to [fd00:6462:7864:6e73::53]:53 meta mark set 0x0db50053 accept
			}
		}
	EOF
		in_ns gw ip route add local default dev lo table 5353 &&
		in_ns gw ip -6 rule add fwmark 0x0db50053 lookup 5353 &&
		in_ns gw ip -6 route add local default dev lo table 5353
}

resolver_stop
if why=$(steer 2>&1); then
	listen4='' listen6='' DNS_TRANSPARENT=1 resolver_start 203.0.113.20 '*.h.test'
	for server in 203.0.113.66 8.8.8.8 10.66.1.1 2001:db8:a::66 2620:fe::fe; do
		for by in +notcp +tcp; do
			# dig takes an answer from the address that it asked, and from no other
			is "a query to $server, $by" \
				"$(in_ns ws1 dig +short +time=2 +tries=1 $by @$server honest.h.test)" 192.0.2.10
		done
	done
	is "transparent sockets are not reachable by themselves" \
		"$(in_ns net dig +short +time=1 +tries=1 @192.0.2.1 honest.h.test | grep -c 192.0.2.10)" 0
	resolver_stop
	in_ns gw nft flush ruleset
else
	skip "queries to any address" "nftables cannot do this here: $(head -n1 <<<"$why")"
fi
resolver_start 2001:db8:a::20 '*.h.test'

# ---- clients that lie ---------------------------------------------------------------------------

for server in 10.66.1.1 fd66:1::1; do
	client=$(in_ns ws1 python3 tests/netns/dns_client.py $server 53 honest.h.test)
	none "$(grep -c '^ok' <<<"$client") checks of a hostile client, $server" \
		"$(grep -A1 -v '^ok' <<<"$client")"
done
resolver_stop
is "the resolver ends cleanly after that" $resolver_status 0
done_testing
