# paths.sh -- a lab with an uplink for each path, and documents by which each path is taken.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154
#
# Source it after lib.sh.
#
#	ws1, ws2 ---- gw ---- up-nat  nat: the internet by stable addresses
#	              |  '--- up-se   se:  storage of the region by its service endpoint
#	              |  '--- up-pe   pe:  private endpoints
#	              |  '--- up-fw   fw:  the firewall of workspaces that are isolated
#	              '------ wan     net: where the host's own routing leads
#
# Every far side has every address, so that only the way decides who answers. Uplink N is
# 198.18.N.0/30 and fd66:f<N>::/64, .1 the gateway; its stable addresses end in 10N.

PATHS='nat se pe fw'
declare -A PATHS_N=([nat]=1 [se]=2 [pe]=3 [fw]=4)

# Where a packet to it goes by each path.
declare -A PATHS_V4=([nat]=203.0.113.10 [se]=198.51.100.20 [pe]=10.9.0.4 [fw]=203.0.113.10)
declare -A PATHS_V6=([nat]=2001:db8:a::10 [se]=2001:db8:b::20 [pe]=fd66:9::4 [fw]=2001:db8:a::10)
PATHS_BEYOND=203.0.113.20 PATHS_BEYOND6=2001:db8:a::20 # behind a narrow link of nat

paths_src4() { echo "203.0.113.10${PATHS_N[$1]}"; }    # PATH
paths_src6() { echo "2001:db8:5::10${PATHS_N[$1]}"; }  # PATH
paths_from() { [ "$1" = fw ] && echo ws2 || echo ws1; } # PATH: who takes it

paths_far() { # NAME: addresses and routes of a far side
	local name=$1 n=${PATHS_N[$1]} p
	topo_addr "$lab_prefix-$name" eth0 "198.18.$n.2/30" "fd66:f$n::2/64"
	topo_addr "$lab_prefix-gw" "up-$name" "198.18.$n.1/30" "fd66:f$n::1/64"
	in_ns "$name" ip route add "$(paths_src4 "$name")" via "198.18.$n.1"
	in_ns "$name" ip -6 route add "$(paths_src6 "$name")" via "fd66:f$n::1"
	for p in $PATHS; do
		topo_addr "$lab_prefix-$name" lo "${PATHS_V4[$p]}/32" "${PATHS_V6[$p]}/128"
	done
	# What leaves the gateway in one frame shall come here as one.
	in_ns "$name" ethtool -K eth0 gro off >/dev/null 2>&1
}

# A second hop behind nat, over a link of 1,300 bytes.
paths_beyond() {
	topo_pair "$lab_prefix-nat" eth1 "$lab_prefix-net" nat0
	topo_link_up "$lab_prefix-nat" eth1
	topo_link_up "$lab_prefix-net" nat0
	in_ns nat ip link set eth1 mtu 1300
	in_ns net ip link set nat0 mtu 1300
	topo_addr "$lab_prefix-nat" eth1 198.18.9.1/30 fd66:f9::1/64
	topo_addr "$lab_prefix-net" nat0 198.18.9.2/30 fd66:f9::2/64
	in_ns nat sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	in_ns nat ip route add $PATHS_BEYOND via 198.18.9.2
	in_ns nat ip -6 route add $PATHS_BEYOND6 via fd66:f9::2
	# Its servers do not say that their link is narrow: only an ICMP error tells.
	in_ns net ip route add "$(paths_src4 nat)" via 198.18.9.1 advmss 1460
	in_ns net ip -6 route add "$(paths_src6 nat)" via fd66:f9::1 advmss 1440
}

paths_up() {
	local p
	for p in $PATHS; do
		lab_uplink "$p" && paths_far "$p" || return 1
	done
	for p in nat se fw; do # that of pe is on no interface: told as a warning
		topo_addr "$lab_prefix-gw" lo "$(paths_src4 $p)/32" "$(paths_src6 $p)/128"
	done
	paths_beyond
}

paths_servers_start() {
	local p
	mkdir -p "$lab/www"
	chmod 755 "$lab" "$lab/www"
	head -c "$((${PATHS_MB:-50} * 1000000))" /dev/urandom >"$lab/www/big"
	for p in $PATHS net; do
		{
			echo "daemon off; user root; worker_processes 1; pid $lab/p-$p.pid; error_log $lab/p-$p.log;"
			echo "events { worker_connections 256; } http { access_log off; client_max_body_size 0;"
			echo "client_body_temp_path $lab/p.tmp; proxy_temp_path $lab/p.tmp; fastcgi_temp_path $lab/p.tmp;"
			echo "uwsgi_temp_path $lab/p.tmp; scgi_temp_path $lab/p.tmp;"
			echo "server { listen 80; listen [::]:80 ipv6only=on; root $lab/www;"
			echo "location = / { default_type text/plain; return 200 \"$p \$remote_addr\\n\"; } } }"
		} >"$lab/p-$p.conf"
		in_ns_background "$p" nginx -q -p "$lab" -e "$lab/p-$p.log" -c "$lab/p-$p.conf"
		in_ns_background "$p" "$PYTHON" tests/netns/transfer.py serve 9000
	done
	for p in $PATHS net; do
		wait_for 10 in_ns "$p" curl -s http://127.0.0.1/ &&
			wait_for 10 in_ns "$p" sh -c 'ss -ltnH | grep -q :9000' || return 1
	done
}

# ---- documents ----------------------------------------------------------------------------------

paths_route() { # PATH NAME
	local n=${PATHS_N[$2]}
	echo "{\"path\":\"$1\",\"interface\":\"up-$2\",\"next_hops\":[\"198.18.$n.2\",\"fd66:f$n::2\"],"
	echo "\"source_addresses\":[\"$(paths_src4 "$2")\",\"$(paths_src6 "$2")\"]}"
}

PATHS_NCC=5a3d1c9e-2222-4444-8888-0123456789ab
PATHS_RULE=1b0f6b0e-7a55-4d0b-8a36-0f6f4a1f9a01

# shellcheck disable=SC2120 # the arguments are for some callers
paths_gateway() { # [MORE MEMBERS [PATHS]]
	local routes=${2-"$(paths_route nat nat),$(paths_route service_endpoint se),$(paths_route private_endpoint pe),$(paths_route firewall fw)"}
	cat <<-END
	{"gateway": {"name": "gw-paths", "interfaces": [{"name": "ws1"}, {"name": "ws2"}],
	 "gateway_addresses": ["10.66.1.1", "10.66.2.1", "fd66:1::1", "fd66:2::1"],
	 "gateway_services": [{"protocol": "icmp", "types": [8]}, {"protocol": "icmpv6", "types": [128]}],
	 "private_endpoints": [{"rule_id": "$PATHS_RULE", "addresses": ["${PATHS_V4[pe]}", "${PATHS_V6[pe]}"]}],
	 "paths": [$routes]${1:+,$1},
	 "workspaces": [
	  {"workspace_id": 1001, "name": "one", "network_source_type": "General Compute", "sources":
	   [{"prefix": "10.66.1.0/24", "interface": "ws1"}, {"prefix": "fd66:1::/64", "interface": "ws1"}]},
	  {"workspace_id": 1002, "name": "two", "network_source_type": "General Compute",
	   ${PATHS_TWO-"\"isolated\": true,"} "sources":
	   [{"prefix": "10.66.2.0/24", "interface": "ws2"}, {"prefix": "fd66:2::/64", "interface": "ws2"}]}]}}
	END
}

paths_ncc() {
	cat <<-END
	{"network_connectivity_config_id": "$PATHS_NCC", "name": "ncc-eastus2", "region": "eastus2",
	 "egress_config": {
	  "default_rules": {"azure_service_endpoint_rule": {"target_region": "eastus2",
	   "target_services": ["AZURE_BLOB_STORAGE"], "subnets": []}},
	  "target_rules": {"azure_private_endpoint_rules": [{"rule_id": "$PATHS_RULE",
	   "network_connectivity_config_id": "$PATHS_NCC", "connection_state": "ESTABLISHED",
	   "resource_id": "/subscriptions/00000000-0000-0000-0000-0000000000aa/resourceGroups/rg/providers/Microsoft.Network/privateLinkServices/pls",
	   "domain_names": ["lake.contoso-internal.example"]}]}}}
	END
}

paths_tags() {
	cat <<-END
	{"changeNumber": 1, "cloud": "Public", "values": [{"name": "Storage.EastUS2", "id": "Storage.EastUS2",
	 "properties": {"changeNumber": 1, "region": "eastus2", "regionId": 0, "platform": "Azure",
	 "systemService": "AzureStorage", "addressPrefixes": ["198.51.100.0/24", "2001:db8:b::/48"]}}]}
	END
}

paths_documents() { # FOLDER
	local ws
	mkdir -p "$1"
	paths_gateway >"$1/gateway.json"
	paths_ncc >"$1/ncc.json"
	paths_tags >"$1/tags.json"
	np np-paths "$(ip_ranges 203.0.113.0/24 198.51.100.0/24 2001:db8:a::/48 2001:db8:b::/48)" \
		>"$1/policy.json"
	for ws in 1001 1002; do
		echo "{\"workspace_id\":$ws,\"workspace_network_option\":{\"workspace_id\":$ws,\"network_policy_id\":\"np-paths\"},\"workspace\":{\"network_connectivity_config_id\":\"$PATHS_NCC\"}}" \
			>"$1/workspace-$ws.json"
	done
}

# Who answers, and what it sees as the sender.
paths_asks() { # WHERE ADDRESS
	in_ns "$1" curl -sm 5 "$(url "$2" 80)"
}
