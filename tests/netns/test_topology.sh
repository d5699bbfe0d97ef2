#!/bin/bash
# test_topology.sh -- the lab: everything reaches everything before a daemon is there, both ways of
# setting it up, and nothing is left of it.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh

# So that "denied" in other tests is the policy's doing.
check_reachable() {
	local name v4 v6 a bad=''
	while read -r name v4 v6; do
		for a in $v4 $v6; do
			[ "$(probe icmp ws1 "$a")" = passed ] || bad="$bad$name $a"$'\n'
		done
	done <<<"$TOPO_HOSTS"
	none "every host of the internet answers workspace 1" "$bad"
	is "HTTP over IPv4" "$(probe http ws1 203.0.113.10 80)" passed
	is "HTTP over IPv6" "$(probe http ws2 2001:db8:a::10 443)" passed
	is "TCP to a port with a server" "$(probe tcp ws2 203.0.113.10 22)" passed
	is "TCP to a port without one" "$(probe tcp ws2 203.0.113.10 23)" denied
	is "UDP over IPv4" "$(probe udp ws1 203.0.113.10 9999)" passed
	is "UDP over IPv6" "$(probe udp ws1 2001:db8:a::10 9999)" passed
	is "UDP to a port without a server" "$(probe udp ws1 203.0.113.10 9998)" denied
	is "workspace to workspace" "$(probe http ws1 10.66.2.10 8080)" passed
	is "no such address" "$(probe icmp ws1 203.0.113.77)" denied
}

# As on the hosts of vagrant/: cards with other names, roles that find them. The private mount keeps
# the names ws1 and ws2, which the role gives, out of the machine's own list.
check_roles() {
	local t=tests/netns/topology.sh
	out=$(unshare -m bash -eu -c '
		mount -t tmpfs none /run/netns
		for h in compute gateway internet; do ip netns add $h; done
		in_h() { nsenter --net=/run/netns/$1 "${@:2}"; }
		ip link add enp1 netns compute type veth peer name ens1 netns gateway
		ip link add enp2 netns compute type veth peer name ens2 netns gateway
		ip link add ens3 netns gateway type veth peer name enp1 netns internet
		for twice in 1 2; do
			in_h compute '$t' role compute enp1 enp2
			in_h gateway '$t' role gateway ens1 ens2 ens3
			in_h internet '$t' role internet enp1
		done
		in_h ws1 ping -qc1 -W2 13.77.112.20 && in_h ws2 ping -qc1 -W2 2001:db8:a::10
		in_h ws1 ping -qc1 -W2 fd66:2::10
	' 2>&1)
	is "the three roles make the same lab of three hosts" $? 0 || echo "$out" | sed 's/^/#   /'
}

lab_begin
topo_up "$lab_prefix" || not_ok "setting up what is set up changes nothing"
servers_start || not_ok "the servers start" "$(cat "$lab"/*.log)"
check_reachable
check_roles
kept=$lab
lab_end
trap - EXIT
none "nothing is left of the lab" "$(ip netns list | grep "^$lab_prefix"; ls -d "$kept" 2>/dev/null)"
done_testing
