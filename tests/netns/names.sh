# names.sh -- the lab's name server and TLS server, for tests of names.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154
#
# Source it after lib.sh. One address has the names good.test, other.test and moved.test; another has
# far.test. The name server is at 203.0.113.20; its log is $lab/unbound.log.

NAMES_SHARED=203.0.113.10 NAMES_SHARED6=2001:db8:a::10 NAMES_FAR=203.0.113.66
NAMES_SERVER=203.0.113.20

names_lack() {
	local tool
	for tool in unbound dig openssl tcpdump; do
		command -v $tool >/dev/null || { echo "no $tool; make deps installs it" && return; }
	done
}

names_unbound_config() {
	echo "server:"
	echo " chroot: \"\""
	echo " username: \"\""
	echo " directory: \"$lab\""
	echo " pidfile: \"$lab/unbound.pid\""
	echo " logfile: \"$lab/unbound.log\""
	echo " use-syslog: no"
	echo " log-queries: yes"
	echo " interface: $NAMES_SERVER"
	echo " access-control: 0.0.0.0/0 allow"
	echo " do-daemonize: no"
	echo " local-zone: \"test.\" static"
	local name
	for name in good other moved; do
		echo " local-data: \"$name.test. 1 IN A $NAMES_SHARED\""
		echo " local-data: \"$name.test. 1 IN AAAA $NAMES_SHARED6\""
	done
	echo " local-data: \"far.test. 1 IN A $NAMES_FAR\""
	echo "remote-control:"
	echo " control-enable: no"
}

names_nginx_config() {
	echo "daemon off; user root; worker_processes 1; pid $lab/tls.pid; error_log $lab/tls.log;"
	echo "events { worker_connections 256; }"
	echo "http { access_log $lab/tls-access.log combined;"
	echo "client_body_temp_path $lab/tls.tmp; proxy_temp_path $lab/tls.tmp;"
	echo "fastcgi_temp_path $lab/tls.tmp; uwsgi_temp_path $lab/tls.tmp; scgi_temp_path $lab/tls.tmp;"
	echo "ssl_certificate $lab/tls.crt; ssl_certificate_key $lab/tls.key;"
	echo "server { listen 443 ssl; listen [::]:443 ssl ipv6only=on; listen 80; listen [::]:80 ipv6only=on;"
	echo 'location = /big { root '"$lab"'/www; limit_rate 200k; }'
	echo 'location / { return 200 "$host\n"; } } }'
}

names_servers_start() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -keyout "$lab/tls.key" \
		-out "$lab/tls.crt" 2>/dev/null || return 1
	mkdir -p "$lab/www"
	head -c 20000000 /dev/zero >"$lab/www/big"
	chmod 755 "$lab" "$lab/www"
	names_unbound_config >"$lab/unbound.conf"
	names_nginx_config >"$lab/tls.conf"
	in_ns_background net unbound -d -c "$lab/unbound.conf"
	in_ns_background net nginx -q -p "$lab" -e "$lab/tls.log" -c "$lab/tls.conf"
	wait_for 10 in_ns net dig +short +time=1 +tries=1 @$NAMES_SERVER good.test &&
		wait_for 10 in_ns net curl -skm 2 https://127.0.0.1/
}

# ---- documents ----------------------------------------------------------------------------------

# shellcheck disable=SC2120 # the argument is for some callers
names_gateway() { # MORE MEMBERS
	cat <<-END
	{"gateway": {"name": "gw-names", "interfaces": [{"name": "ws1"}, {"name": "ws2"}],
	 "gateway_addresses": ["10.66.1.1", "10.66.2.1", "fd66:1::1", "fd66:2::1"],
	 "gateway_services": [{"protocol": "icmp", "types": [8]}],
	 "dns": {"upstreams": ["$NAMES_SERVER"], "grace_s": 1}${1:+,$1},
	 "workspaces": [
	  {"workspace_id": 1001, "name": "one", "network_source_type": "General Compute", "sources":
	   [{"prefix": "10.66.1.0/24", "interface": "ws1"}, {"prefix": "fd66:1::/64", "interface": "ws1"}]},
	  {"workspace_id": 1002, "name": "two", "network_source_type": "General Compute", "sources":
	   [{"prefix": "10.66.2.0/24", "interface": "ws2"}, {"prefix": "fd66:2::/64", "interface": "ws2"}]}]}}
	END
}

names_policy() { # ID NAME...
	local id=$1 sep=''
	shift
	echo '{"network_policy_id":"'"$id"'","egress":{"network_access":{"restriction_mode":"RESTRICTED_ACCESS",'
	echo '"allowed_internet_destinations":['
	local name
	for name; do
		echo "$sep"'{"destination":"'"$name"'","internet_destination_type":"DNS_NAME"}'
		sep=,
	done
	echo ']}}}'
}

names_option() { # WORKSPACE POLICY
	echo '{"workspace_id":'"$1"',"network_policy_id":"'"$2"'"}'
}

names_documents() {
	mkdir -p "$lab/docs"
	names_gateway >"$lab/docs/gateway.json"
	names_policy np-one good.test far.test >"$lab/docs/np-one.json"
	names_policy np-two good.test moved.test >"$lab/docs/np-two.json"
	names_policy np-none moved.test >"$lab/docs/np-none.json"
	names_option 1001 np-one >"$lab/docs/option-1001.json"
	names_option 1002 np-two >"$lab/docs/option-1002.json"
}

# ---- probes -------------------------------------------------------------------------------------

# The workload's own resolver settings would be the machine's: dig, then curl to what it said.
names_address() { # WHERE NAME [TYPE]
	in_ns "$1" dig +short +time=3 +tries=1 @198.51.100.53 "$2" "${3:-A}" | head -1
}

names_get() { # WHERE NAME ADDRESS [CURL ARGUMENTS]
	local where=$1 name=$2 address=$3 url=(--url "https://$2/")
	shift 3
	[[ " $* " != *" --url "* ]] || url=()
	in_ns "$where" curl -skm 5 --resolve "$name:443:$address" --resolve "$name:80:$address" \
		"$@" "${url[@]}"
}
