#!/bin/bash
# provision.sh -- sets up one host of the lab: its packages and programs, then its network.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# usage: provision.sh install|network compute|gateway|internet
# Addresses and routes are those of tests/netns/topology.sh. Both steps may be run again.
set -eu

verb=${1:-} role=${2:-}
src=${DBX_SRC:-/opt/dbx-egress}

# The lab's cards: all but the one with the default route, in the order that Vagrant added them.
lab_cards() {
	local own card
	own=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n1)
	for card in /sys/class/net/*/device; do
		card=${card%/device}
		[ "${card##*/}" = "$own" ] || echo "$(cat "$card/ifindex") ${card##*/}"
	done | sort -n | cut -d' ' -f2
}

install_role() {
	export DEBIAN_FRONTEND=noninteractive
	case $role in
	gateway)
		apt-get -qq update && apt-get -qq install -y make >/dev/null
		make -C "$src" deps
		make -C "$src" all install
		systemctl daemon-reload
		systemctl enable --now dbx-egressd
		;;
	compute | internet)
		apt-get -qq update
		apt-get -qq install -y --no-install-recommends iproute2 iputils-ping curl \
			netcat-openbsd nginx-light python3 procps >/dev/null
		systemctl disable --now nginx 2>/dev/null || true
		;;
	esac
}

# Servers as in the namespace lab, as long as the host is up.
serve() {
	# shellcheck source=tests/netns/lib.sh
	(cd "$src" && . tests/netns/lib.sh && lab=/run/dbx-lab && mkdir -p $lab &&
		nginx_config net $SERVER_PORTS | sed 's/daemon off;//' >$lab/net.conf &&
		{ [ ! -e $lab/net.pid ] || kill "$(cat $lab/net.pid)" 2>/dev/null || true; } &&
		sleep 1 && nginx -q -p $lab -e $lab/net.log -c $lab/net.conf)
}

case $verb:$role in
install:compute | install:gateway | install:internet)
	install_role
	;;
network:compute | network:gateway | network:internet)
	# shellcheck disable=SC2046 # a list of names
	"$src/tests/netns/topology.sh" role "$role" $(lab_cards)
	[ "$role" != internet ] || serve
	;;
*)
	echo "usage: provision.sh install|network compute|gateway|internet" >&2
	exit 2
	;;
esac
