#!/bin/bash
# test_clients.sh -- real TLS clients: an allowed name passes, another one at the same address never arrives.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 400
#
# curl, OpenSSL, GnuTLS, Go and Chromium, each as Debian has it, to nginx at one address that has both
# names. What the server was sent is read from a capture on its side. The recorded hellos of all of them
# (tests/data/hellos) are sent as well, so that one that is not installed is tested too.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh
. tests/netns/state.sh

GOOD=shop.example.com OTHER=evil.example.com # as long as each other: see hello_with
seen=0 mark=7000

# names.sh's servers, with two names more; nginx says "served NAME".
eval "$(declare -f names_unbound_config | sed '1s/names/stock/')"
eval "$(declare -f names_nginx_config | sed '1s/names/stock/')"
names_unbound_config() {
	stock_unbound_config | sed "/^remote-control/i\\
 local-zone: \"example.com.\" static\\
 local-data: \"$GOOD. 60 IN A $NAMES_SHARED\"\\
 local-data: \"$OTHER. 60 IN A $NAMES_SHARED\""
}

names_nginx_config() {
	stock_nginx_config | sed 's/return 200 "/return 200 "served /'
}

# ---- clients: what each prints of the server's answer --------------------------------------------

curl_get() { # NAME
	in_ns ws1 curl -skm 20 --resolve "$1:443:$NAMES_SHARED" "https://$1/"
}

openssl_get() { # NAME
	printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" | in_ns ws1 timeout 20 \
		openssl s_client -quiet -connect $NAMES_SHARED:443 -servername "$1" 2>&1
}

gnutls_get() { # NAME
	printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" | in_ns ws1 timeout 20 \
		gnutls-cli --insecure --sni-hostname "$1" $NAMES_SHARED -p 443 2>&1
}

go_build() {
	mkdir -p "$lab/go"
	cp tests/netns/tls_client.go "$lab/go/main.go"
	printf 'module client\n\ngo 1.19\n' >"$lab/go/go.mod"
	(cd "$lab/go" && HOME=$lab/go GOCACHE=$lab/go/cache GOPROXY=off GOFLAGS=-mod=mod \
		CGO_ENABLED=0 timeout 240 go build -o client main.go)
}

go_get() { # NAME
	in_ns ws1 timeout 20 "$lab/go/client" $NAMES_SHARED:443 "$1" 2>&1
}

# It is told the address, asks no resolver, and there is nothing else that it could reach.
chromium_get() { # NAME
	in_ns ws1 env HOME="$lab/chromium" timeout -k 5 60 chromium --headless --no-sandbox --disable-gpu \
		--disable-quic --no-first-run --disable-background-networking --disable-component-update \
		--disable-sync --disable-default-apps --disable-dev-shm-usage --ignore-certificate-errors \
		--user-data-dir="$lab/chromium" --dump-dom \
		--host-resolver-rules="MAP $GOOD $NAMES_SHARED, MAP $OTHER $NAMES_SHARED, MAP * ~NOTFOUND" \
		"https://$1/" 2>/dev/null
}

# ---- what the server was sent ---------------------------------------------------------------------

arrived() { # good|other: connections that brought bytes, with a hello for $GOOD or without one
	"$PYTHON" - "$1" $GOOD "$lab/server.pcap" <<-'END'
		import sys
		sys.path.insert(0, "tests/common")
		import tcp_pcap
		good = [sys.argv[2].encode() in s.data for s in tcp_pcap.streams(sys.argv[3]) if s.port == 443]
		print(good.count(sys.argv[1] == "good"))
	END
}

captured() { # PORT: a SYN to it lies in the capture
	tcpdump -nr "$lab/server.pcap" "dst port $1" 2>/dev/null | grep -q .
}

# All that came before is in the capture: a packet of ours was written behind it.
settle() {
	mark=$((mark + 1))
	in_ns gw nc -zw 1 $NAMES_SHARED $mark
	wait_for 20 captured $mark || not_ok "the capture goes on"
}

capture_starts() {
	in_ns gw nc -zw 1 $NAMES_SHARED 7000
	captured 7000
}

refused() { # how often the other name was denied
	rest GET '/dbx-egress/denials?workspace=1001&reason=name-mismatch&limit=1000' |
		jq_py "sum(r['packets'] for r in d['denials'] if r['name'] == '$OTHER')"
}

refused_since() { # COUNT
	[ "$(refused)" -gt "$1" ]
}

# ---- the checks -----------------------------------------------------------------------------------

client() { # NAME, which has NAME_get
	local before
	names_address ws1 $GOOD >/dev/null
	like "$1: an allowed name passes" "$("$1_get" $GOOD)" "served $GOOD"
	settle
	is "$1: and its hello has arrived" "$(($(arrived good) > seen))" 1
	seen=$(arrived good)
	before=$(refused)
	unlike "$1: another name gets no answer" "$("$1_get" $OTHER)" "served"
	wait_for 20 refused_since "$before"
	is "$1: the denial has its name" $? 0
	settle
	is "$1: the server was sent nothing of it" "$(arrived other)" 0
}

clients() {
	client curl
	client openssl
	client gnutls
	if ! command -v go >/dev/null; then
		skip "go" "no go; make deps installs it"
	elif go_build >"$lab/go.log" 2>&1; then
		client go
	else
		not_ok "go: the client is built" "$(cat "$lab/go.log")"
	fi
	if command -v chromium >/dev/null; then
		client chromium
	else
		skip "chromium" "no chromium; make deps installs it"
	fi
}

# A recorded hello for that name: both have as many letters.
hello_with() { # FILE NAME
	"$PYTHON" -c 'import sys
b = open(sys.argv[1], "rb").read()
assert b.count(sys.argv[2].encode()) == 1
sys.stdout.buffer.write(b.replace(sys.argv[2].encode(), sys.argv[3].encode()))' "$1" $GOOD "$2"
}

# The first octet of what comes back, or how it ended. 16: a handshake record, the ServerHello.
replay() { # FILE NAME
	hello_with "$1" "$2" | in_ns ws1 "$PYTHON" -c 'import socket, sys
try:
    s = socket.create_connection((sys.argv[1], 443), 20)
    s.sendall(sys.stdin.buffer.read())
    print(s.recv(1).hex())
except OSError as e:
    print(type(e).__name__)' $NAMES_SHARED
}

recordings() {
	local f name
	for f in tests/data/hellos/*.bin; do
		name=$(basename "$f" .bin)
		names_address ws1 $GOOD >/dev/null
		is "recorded $name: an allowed name is answered" "$(replay "$f" $GOOD)" 16
		is "recorded $name: another is reset" "$(replay "$f" $OTHER)" ConnectionResetError
	done
	settle
	is "and nothing of the others has arrived" "$(arrived other)" 0
}

# The same name from the gateway itself, where nobody looks: the capture shows it.
control() {
	in_ns gw curl -skm 20 --resolve "$OTHER:443:$NAMES_SHARED" "https://$OTHER/" >/dev/null
	settle
	is "what arrives is seen" "$(arrived other)" 1
}

lab_begin
why=$(names_lack)
[ -z "$why" ] || skip_all "$why"
command -v gnutls-cli >/dev/null || skip_all "no gnutls-cli; make deps installs it"
names_servers_start || { sed 's/^/# /' "$lab/background.log" "$lab/unbound.log"; exit 1; }
in_ns_background net tcpdump -ni eth0 -s 0 -U -w "$lab/server.pcap" 'tcp port 443 or tcp portrange 7000-7999'
wait_for 20 capture_starts || exit 1
names_documents
names_policy np-one $GOOD >"$lab/docs/np-one.json"
daemon_start || exit 1
ctl apply "$lab/docs" >"$lab/apply.out" 2>&1 || sed 's/^/# /' "$lab/apply.out"
clients
recordings
control
[ -z "${KEEP:-}" ] || { ctl status; ctl stats; ctl denials; cat "$lab/daemon.log"; }
done_testing
