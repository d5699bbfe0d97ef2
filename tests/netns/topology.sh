#!/bin/bash
# topology.sh -- the lab: two workspaces, a gateway and an internet, of network namespaces or hosts.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: topology.sh up|down PREFIX
#        topology.sh role compute|gateway|internet DEVICE...
#
#	PREFIX-ws1 eth0 ---- ws1 |            |
#	                         | PREFIX-gw  | wan ---- eth0 PREFIX-net (many addresses)
#	PREFIX-ws2 eth0 ---- ws2 |            |
#
# `up` makes namespaces and veths and then does in each what `role` does on a host of the lab in
# vagrant/. Both may be called again; `down` of what is not there is fine. Sourced, it only defines
# its functions and the address plan below, which the tests, the demo and rules/demo share.
#
# Tagged frames are injected whole by tests (inject.py): not every kernel has VLAN devices, and those
# put the tag beside the frame, where an XDP program on a veth cannot see it.

# ---- address plan: workspace N is 10.66.N.0/24 and fd66:N::/64, gateway .1, host .10 -------------

TOPO_WAN_GW4=192.0.2.1 TOPO_WAN_NET4=192.0.2.2
TOPO_WAN_GW6=fd66:ff::1 TOPO_WAN_NET6=fd66:ff::2

# Hosts of the internet: name, IPv4, IPv6. The first three lie in the service tags of their names
# (Azure's file of 27 April 2026), the others in ranges reserved for documentation (RFC 5737, 3849).
TOPO_HOSTS='storage-eastus2 13.77.112.20 2603:1030:40f::20
storage-westus 13.83.72.20 2603:1030:a0a::20
control-plane 4.149.98.121 2603:1000:4::161
partner-api 203.0.113.10 2001:db8:a::10
package-index 203.0.113.20 2001:db8:a::20
paste-site 203.0.113.66 2001:db8:a::66
exfil 198.51.100.66 2001:db8:bad::66
private-lake 10.9.0.4 fd66:9::4
metadata 169.254.169.254 fd00:ec2::254'

topo_host4() { # NAME
	awk -v n="$1" '$1 == n { print $2 }' <<<"$TOPO_HOSTS"
}

topo_host6() { # NAME
	awk -v n="$1" '$1 == n { print $3 }' <<<"$TOPO_HOSTS"
}

# ---- one host: each function works where $in_ns takes it ----------------------------------------

# Runs a command in a namespace; "" is the host itself. `ip netns exec` would hide bpffs.
topo_in() { # NAMESPACE COMMAND...
	local ns=$1
	shift
	if [ -n "$ns" ]; then
		nsenter --net="/run/netns/$ns" "$@"
	else
		"$@"
	fi
}

# No duplicate address detection (tests would wait for it), no autoconfiguration, no reverse path
# filter: the classifier is what judges sources here.
topo_sysctls() { # NAMESPACE
	topo_in "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0
	topo_in "$1" ip link set lo up
}

topo_link_up() { # NAMESPACE DEVICE
	topo_in "$1" sysctl -qw "net/ipv6/conf/$2/accept_dad=0" "net/ipv4/conf/$2/rp_filter=0"
	topo_in "$1" ip link set "$2" up
}

topo_addr() { # NAMESPACE DEVICE ADDRESS/LEN...
	local ns=$1 dev=$2 a
	shift 2
	for a in "$@"; do
		case $a in
		*:*) topo_in "$ns" ip -6 addr replace "$a" dev "$dev" nodad ;;
		*) topo_in "$ns" ip addr replace "$a" dev "$dev" ;;
		esac
	done
}

topo_compute() { # NAMESPACE DEVICE WORKSPACE_NUMBER
	topo_sysctls "$1"
	topo_link_up "$1" "$2"
	topo_addr "$1" "$2" "10.66.$3.10/24" "fd66:$3::10/64"
	topo_in "$1" ip route replace default via "10.66.$3.1"
	topo_in "$1" ip -6 route replace default via "fd66:$3::1"
}

# Expects devices called ws1, ws2 and wan.
topo_gateway() { # NAMESPACE
	topo_sysctls "$1"
	topo_link_up "$1" ws1
	topo_link_up "$1" ws2
	topo_link_up "$1" wan
	topo_addr "$1" ws1 10.66.1.1/24 fd66:1::1/64
	topo_addr "$1" ws2 10.66.2.1/24 fd66:2::1/64
	topo_addr "$1" wan $TOPO_WAN_GW4/30 $TOPO_WAN_GW6/64
	topo_in "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# A host keeps its own default route: it installs packages by it.
topo_gateway_routes() { # NAMESPACE
	local v4 v6
	while read -r _ v4 v6; do
		topo_in "$1" ip route replace "$v4" via $TOPO_WAN_NET4
		topo_in "$1" ip -6 route replace "$v6" via $TOPO_WAN_NET6
	done <<<"$TOPO_HOSTS"
}

topo_gateway_default() { # NAMESPACE
	topo_in "$1" ip route replace default via $TOPO_WAN_NET4
	topo_in "$1" ip -6 route replace default via $TOPO_WAN_NET6
}

topo_internet() { # NAMESPACE DEVICE
	local v4 v6
	topo_sysctls "$1"
	topo_link_up "$1" "$2"
	topo_addr "$1" "$2" $TOPO_WAN_NET4/30 $TOPO_WAN_NET6/64
	while read -r _ v4 v6; do
		topo_addr "$1" lo "$v4/32" "$v6/128"
	done <<<"$TOPO_HOSTS"
	topo_in "$1" ip route replace 10.66.0.0/16 via $TOPO_WAN_GW4
	topo_in "$1" ip -6 route replace fd66::/28 via $TOPO_WAN_GW6
}

# ---- all of it in namespaces --------------------------------------------------------------------

topo_pair() { # NAMESPACE DEVICE NAMESPACE DEVICE
	nsenter --net="/run/netns/$1" ip link show "$2" >/dev/null 2>&1 ||
		ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
}

topo_up() { # PREFIX
	local p=$1 ns
	for ns in ws1 ws2 gw net; do
		[ -e "/run/netns/$p-$ns" ] || ip netns add "$p-$ns" || return 1
	done
	topo_pair "$p-ws1" eth0 "$p-gw" ws1 || return 1
	topo_pair "$p-ws2" eth0 "$p-gw" ws2 || return 1
	topo_pair "$p-net" eth0 "$p-gw" wan || return 1
	topo_compute "$p-ws1" eth0 1 && topo_compute "$p-ws2" eth0 2 || return 1
	topo_gateway "$p-gw" && topo_gateway_default "$p-gw" && topo_internet "$p-net" eth0
}

topo_down() { # PREFIX
	local ns
	for ns in ws1 ws2 gw net; do
		[ ! -e "/run/netns/$1-$ns" ] || ip netns del "$1-$ns"
	done
}

topo_has_link() { # DEVICE
	ip link show "$1" >/dev/null 2>&1
}

topo_rename_link() { # FROM TO
	topo_has_link "$2" || { ip link set "$1" down && ip link set "$1" name "$2"; }
}

# Devices are named in the order of the picture; those that moved or were renamed before are left.
topo_role() { # ROLE DEVICE...
	local n
	case $1 in
	compute) # each workspace is a namespace of its own with one of the two cards
		for n in 1 2; do
			shift
			[ -e "/run/netns/ws$n" ] || ip netns add "ws$n" || return 1
			! topo_has_link "${1:-}" || ip link set "$1" netns "ws$n" name eth0 || return 1
			topo_compute "ws$n" eth0 $n || return 1
		done
		;;
	gateway)
		for n in ws1 ws2 wan; do
			shift
			topo_rename_link "${1:-}" $n || return 1
		done
		topo_gateway "" && topo_gateway_routes ""
		;;
	internet) topo_internet "" "$2" ;;
	*) echo "topology: $1 is no role; compute, gateway and internet are" >&2 && return 2 ;;
	esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	case ${1:-} in
	up) topo_up "$2" ;;
	down) topo_down "$2" ;;
	role) topo_role "${@:2}" ;;
	*) sed -n 's/^# \(usage: .*\)/\1/p; s/^#\( *topology.sh role .*\)/\1/p' "$0" >&2 && exit 2 ;;
	esac
fi
