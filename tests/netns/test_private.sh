#!/bin/bash
# test_private.sh -- private endpoints end to end: one account, its private and its public address.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
#
# Two servers with certificates of their own, told apart by what they say; workspace 1001 has the NCC
# with the endpoint, 1002 the same policy and another NCC. Names come from dig, as the lab's
# namespaces share the machine's resolver settings.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh

LAKE=contosolake.blob.core.windows.net
ALIAS=contosolake.privatelink.blob.core.windows.net
OTHER=partner.example.org # at the account's public address
PRIVATE4=$(topo_host4 private-lake) PRIVATE6=$(topo_host6 private-lake)
PUBLIC4=$(topo_host4 storage-eastus2) PUBLIC6=$(topo_host6 storage-eastus2)
MOVED4=$(topo_host4 storage-westus)

# ---- servers ------------------------------------------------------------------------------------

certificate() { # FILE NAME...
	local file=$1 name san=''
	shift
	for name; do
		san="$san${san:+,}DNS:$name"
	done
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$lab/$file.key" \
		-out "$lab/$file.csr" 2>/dev/null &&
		openssl x509 -req -days 2 -in "$lab/$file.csr" -CA "$lab/ca.crt" -CAkey "$lab/ca.key" \
			-CAcreateserial -extfile <(echo "subjectAltName=$san") -out "$lab/$file.crt" 2>/dev/null
}

server() { # FILE ADDRESS...
	local address file=$1
	shift
	echo "server {"
	for address; do
		echo "listen $address:443 ssl; listen $address:80;"
	done
	echo "ssl_certificate $lab/$file.crt; ssl_certificate_key $lab/$file.key;"
	echo "location = /big { root $lab/www; limit_rate 200k; }"
	echo "location / { default_type text/plain; return 200 \"$file \$host\\n\"; } }"
}

nginx_private_config() {
	echo "daemon off; user root; worker_processes 1; pid $lab/tls.pid; error_log $lab/tls.log;"
	echo "events { worker_connections 256; }"
	echo "http { access_log off; client_body_temp_path $lab/tls.tmp; proxy_temp_path $lab/tls.tmp;"
	echo "fastcgi_temp_path $lab/tls.tmp; uwsgi_temp_path $lab/tls.tmp; scgi_temp_path $lab/tls.tmp;"
	server private "$PRIVATE4" "[$PRIVATE6]"
	server public "$PUBLIC4" "[$PUBLIC6]" "$MOVED4"
	echo "}"
}

unbound_private_config() { # PUBLIC_ADDRESS
	names_unbound_config | sed '/^remote-control/,$d'
	echo " local-zone: \"core.windows.net.\" static"
	echo " local-zone: \"example.org.\" static"
	echo " local-data: \"$LAKE. 1 IN A $1\""
	echo " local-data: \"$LAKE. 1 IN AAAA $PUBLIC6\""
	echo " local-data: \"$OTHER. 1 IN A $1\""
	echo "remote-control:"
	echo " control-enable: no"
}

upstream_is() { # PUBLIC_ADDRESS
	[ "$(in_ns net dig +short +time=1 +tries=1 @$NAMES_SERVER $LAKE)" = "$1" ]
}

upstream_start() { # PUBLIC_ADDRESS
	unbound_private_config "$1" >"$lab/unbound.conf"
	in_ns_background net unbound -d -c "$lab/unbound.conf"
	upstream_pid=${lab_pids[-1]}
	wait_for 20 upstream_is "$1"
}

upstream_stop() {
	kill "$upstream_pid"
	wait "$upstream_pid" 2>/dev/null
}

private_servers_start() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=lab authority" \
		-keyout "$lab/ca.key" -out "$lab/ca.crt" 2>/dev/null || return 1
	certificate private $LAKE && certificate public $LAKE $OTHER || return 1
	mkdir -p "$lab/www"
	head -c 20000000 /dev/zero >"$lab/www/big"
	chmod 755 "$lab" "$lab/www"
	nginx_private_config >"$lab/tls.conf"
	in_ns_background net nginx -q -p "$lab" -e "$lab/tls.log" -c "$lab/tls.conf"
	upstream_start "$PUBLIC4" &&
		wait_for 20 in_ns net curl -skm 2 "https://$PRIVATE4/" &&
		wait_for 20 in_ns net curl -skm 2 "https://$PUBLIC4/"
}

# ---- documents ----------------------------------------------------------------------------------

gateway() { # PRIVATE_REQUIRED
	names_gateway "\"private_endpoints\": [{\"rule_id\": \"rule-lake\",
	 \"addresses\": [\"$PRIVATE4\", \"$PRIVATE6\"], \"private_required\": $1}]" \
		>"$lab/docs/gateway.json"
}

# The state of its only rule, for which the owner has 14 days from yesterday on.
ncc() { # STATE
	local day=86400000 now
	now=$(date +%s000)
	cat >"$lab/docs/ncc-lake.json" <<-END
	{"network_connectivity_config_id": "ncc-lake", "name": "ncc-lake", "region": "eastus2",
	 "egress_config": {"target_rules": {"azure_private_endpoint_rules": [
	  {"rule_id": "rule-lake", "network_connectivity_config_id": "ncc-lake",
	   "resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/contosolake",
	   "group_id": "blob", "endpoint_name": "pe-lake", "connection_state": "$1",
	   "creation_time": $((now - day)), "updated_time": $((now - day / 2))}]}}}
	END
}

documents() {
	mkdir -p "$lab/docs"
	gateway true
	ncc ESTABLISHED
	echo '{"network_connectivity_config_id": "ncc-plain", "name": "ncc-plain", "region": "eastus2"}' \
		>"$lab/docs/ncc-plain.json"
	echo '{"workspace_id": 1001, "network_connectivity_config_id": "ncc-lake"}' >"$lab/docs/ncc-1001.json"
	echo '{"workspace_id": 1002, "network_connectivity_config_id": "ncc-plain"}' >"$lab/docs/ncc-1002.json"
	names_policy np-one $LAKE $OTHER >"$lab/docs/np-one.json"
	echo '{"network_policy_id":"np-full","egress":{"network_access":{"restriction_mode":"FULL_ACCESS"}}}' \
		>"$lab/docs/np-full.json"
	names_option 1001 np-one >"$lab/docs/option-1001.json"
	names_option 1002 np-one >"$lab/docs/option-1002.json"
}

apply() {
	ctl apply "$lab/docs" >"$lab/apply.log" 2>&1 || not_ok "apply" "$(cat "$lab/apply.log")"
}

# ---- probes -------------------------------------------------------------------------------------

get() { # WHERE NAME ADDRESS [CURL ARGUMENTS]: what the server says, its certificate checked
	local where=$1 name=$2 address=$3
	shift 3
	in_ns "$where" curl -sm 5 --cacert "$lab/ca.crt" --resolve "$name:443:$address" \
		--resolve "$name:80:$address" "$@" "https://$name/"
}

by_name() { # WHERE NAME: resolved as its workspace is told
	get "$1" "$2" "$(in_ns "$1" dig +short +time=3 +tries=2 @198.51.100.53 "$2" A | tail -1)"
}

answer() { # WHERE NAME TYPE
	in_ns "$1" dig +short +time=3 +tries=2 @198.51.100.53 "$2" "$3" | paste -sd' '
}

guards() { # ADDRESS [POLICY]
	ctl names | grep -Eq "^${2:-np-one} +$LAKE +$1 +private-required +ncc-lake "
}

no_guards() { # ADDRESS
	! ctl names | grep -q " $1 .*private-required"
}

has_denial() { # REASON PATTERN
	ctl denials --reason "$1" | grep -q "$2"
}

status_of() { # WHERE NAME: of the answer, and its extended error
	in_ns "$1" dig +time=3 +tries=2 @198.51.100.53 "$2" |
		sed -n 's/.*status: \([A-Z]*\),.*/\1/p; s/^; EDE: [0-9]* ([A-Za-z ]*): (\(.*\))$/\1/p' | paste -sd' '
}

eventually() { # WHAT COMMAND...
	if wait_for 30 "${@:2}"; then
		ok "$1"
	else
		not_ok "$1" "not within 30 seconds: ${*:2}"$'\n'"$(ctl names)"$'\n'"$(ctl denials | tail -5)"
	fi
}

# ---- tests --------------------------------------------------------------------------------------

established() {
	is "the answer is private, through the private zone" "$(answer ws1 $LAKE A)" "$ALIAS. $PRIVATE4"
	is "by IPv6 too" "$(answer ws1 $LAKE AAAA)" "$ALIAS. $PRIVATE6"
	is "and by TCP" "$(in_ns ws1 dig +tcp +short +time=3 +tries=2 @198.51.100.53 $LAKE | paste -sd' ')" \
		"$ALIAS. $PRIVATE4"
	is "the name in the private zone has the address itself" "$(answer ws1 $ALIAS A)" "$PRIVATE4"
	like "no service record leads around it" "$(in_ns ws1 dig +time=3 +tries=2 @198.51.100.53 $LAKE HTTPS)" \
		'status: NOERROR'
	unlike "but for the alias it is empty" "$(answer ws1 $LAKE TYPE65)" '[0-9]\.[0-9]|ipv4hint'
	is "by name, the private server answers" "$(by_name ws1 $LAKE)" "private $LAKE"
	is "by IPv6 too" "$(get ws1 $LAKE "[$PRIVATE6]")" "private $LAKE"
	eventually "the public address is guarded, though nobody asked for it" guards "$PUBLIC4"
	eventually "and the IPv6 one" guards "$PUBLIC6"
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "by its public address it is refused" $? 35
	get ws1 $LAKE "[$PUBLIC6]" >/dev/null
	is "by IPv6 too" $? 35
	eventually "the denial says why" has_denial private-required "$PUBLIC4.*$LAKE"
	is "another NCC: the answer is public, at the same time" "$(answer ws2 $LAKE A)" "$PUBLIC4"
	is "and the public server answers" "$(by_name ws2 $LAKE)" "public $LAKE"
	is "while it is private here" "$(by_name ws1 $LAKE)" "private $LAKE"
	is "another name at the public address passes" "$(by_name ws1 $OTHER)" "public $OTHER"
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "and does not open it for the account" $? 35
	like "explain tells the answer" "$(ctl --json explain -w 1001 -d $LAKE -p 443 | tr -d ' \n')" \
		"\"alias\":\"$ALIAS\",\"answer\":\[\"$PRIVATE4\",\"$PRIVATE6\"\]"
	like "and what is guarded" "$(ctl --json explain -w 1001 -d $LAKE -p 443 | tr -d ' \n')" \
		"\"guarded\":\[[^]]*\"$PUBLIC4\""
	get ws2 $LAKE "$PRIVATE4" -m 2 >/dev/null
	is "the private address is no other NCC's" $? 28
	like "names tells both kinds apart" "$(ctl names)" "^np-one +$LAKE +$PUBLIC4 +allowed +- "
}

# A connection that is open: whether bytes go on coming after what is done.
download_start() {
	get ws1 $LAKE "$PRIVATE4" -m 100 -o "$lab/download" --url "https://$LAKE/big" -o /dev/null >/dev/null &
	lab_pids+=($!)
}

stalls() {
	local before
	before=$(stat -c %s "$lab/download")
	sleep 2
	[ "$(stat -c %s "$lab/download")" = "$before" ]
}

not_effective() {
	download_start
	eventually "a download from the private address runs" test -s "$lab/download"
	ncc DISCONNECTED
	apply
	get ws1 $LAKE "$PRIVATE4" -m 2 >/dev/null
	is "disconnected: the next packet to it is refused" $? 28
	eventually "the denial says why" has_denial private-endpoint-inactive "$PRIVATE4"
	eventually "and the download ends: no acknowledgement leaves" stalls
	is "before it was whole" "$(($(stat -c %s "$lab/download") < 20000000))" 1
	like "the name is refused with the reason" "$(status_of ws1 $LAKE)" 'NXDOMAIN.*private-endpoint-inactive'
	wait_for 20 guards "$PUBLIC4"
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "the public path stays closed" $? 35
	ncc PENDING
	apply
	like "pending: the name is refused" "$(status_of ws1 $LAKE)" 'NXDOMAIN.*private-endpoint-inactive'
	unlike "explain gives no answer" "$(ctl --json explain -w 1001 -d $LAKE -p 443)" '"answer"'
	like "explain tells the state" "$(ctl explain -w 1001 -d $LAKE -p 443)" 'PENDING'
	like "and for the address" "$(ctl explain -w 1001 -d "$PRIVATE4" -p 443)" 'private-endpoint-inactive'
	is "the other workspace does not notice" "$(by_name ws2 $LAKE)" "public $LAKE"
	ncc ESTABLISHED
	apply
	is "established again: it is private" "$(by_name ws1 $LAKE)" "private $LAKE"
}

not_required() {
	gateway false
	ncc PENDING
	apply
	eventually "not required: nothing is guarded" no_guards "$PUBLIC4"
	is "not effective: as if there were no rule" "$(by_name ws1 $LAKE)" "public $LAKE"
	ncc ESTABLISHED
	apply
	is "effective: the answer is private" "$(by_name ws1 $LAKE)" "private $LAKE"
	gateway true
	apply
	# Whether it was learned while it was public or has expired since: no look-up has to come first.
	is "required again: the public path is closed at once" "$(get ws1 $LAKE "$PUBLIC4" -m 2)" ''
}

grows() {
	local before
	before=$(stat -c %s "$lab/public")
	sleep 1
	[ "$(stat -c %s "$lab/public")" -gt "$before" ]
}

full_access() {
	names_option 1001 np-full >"$lab/docs/option-1001.json"
	apply
	eventually "full access: the public address is guarded too" guards "$PUBLIC4" np-full
	is "the answer is private" "$(by_name ws1 $LAKE)" "private $LAKE"
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "the public address refuses the account" $? 35
	is "and not another name" "$(by_name ws1 $OTHER)" "public $OTHER"
	is "plain HTTP is looked at as well" \
		"$(in_ns ws1 curl -sm 3 -o /dev/null -w '%{http_code}' --resolve "$LAKE:80:$PUBLIC4" "http://$LAKE/")" 000
	is "and passes for another name" \
		"$(in_ns ws1 curl -sm 5 --resolve "$OTHER:80:$PUBLIC4" "http://$OTHER/")" "public $OTHER"
	get ws1 $OTHER "$PUBLIC4" -m 100 -o "$lab/public" --url "https://$OTHER/big" -o /dev/null >/dev/null &
	lab_pids+=($!)
	eventually "a download of another name from there runs" test -s "$lab/public"
	ncc DISCONNECTED
	apply
	eventually "the rule's end does not interrupt it" grows
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "nor open the public path" $? 35
	like "the name is refused" "$(status_of ws1 $LAKE)" 'NXDOMAIN.*private-endpoint-inactive'
	ncc ESTABLISHED
	apply
	eventually "nor does its return" grows
}

outlives() {
	daemon_kill
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "without a daemon the public address refuses the account" $? 35
	daemon_start
	eventually "and it is known to be guarded afterwards" guards "$PUBLIC4" np-full
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "as it was" $? 35
	upstream_stop
	sleep 4 # its TTL and grace are 2 s
	get ws1 $LAKE "$PUBLIC4" >/dev/null
	is "without an upstream it stays guarded" $? 35
	upstream_start "$MOVED4"
	eventually "an address that is new is found" guards "$MOVED4" np-full
	get ws1 $LAKE "$MOVED4" >/dev/null
	is "and guarded" $? 35
	eventually "the old one is let go" no_guards "$PUBLIC4"
}

lab_begin
[ -z "$(names_lack)" ] || skip_all "$(names_lack)"
if ! private_servers_start; then
	not_ok "the servers start" "$(cat "$lab/background.log" "$lab/tls.log")"
	done_testing
	exit
fi
documents
daemon_start || exit 1
apply
established
not_effective
not_required
full_access
outlives
done_testing
