# dpdk.sh -- the lab with dbx-egress-dpdk in front of the gateway's stack; sourced by lib.sh.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154
#
#	PREFIX-ws1 eth0 ---- ws1-net | PREFIX-dp       | ws1-host ---- ws1 | PREFIX-gw
#	                             | dbx-egress-dpdk |                   |
#
# LAB_DPDK=1 makes any lab like this: the workloads' links end at the process, in a namespace of its
# own whose stack forwards nothing, and what passes goes on to the gateway's ws1 and ws2 as before.
# LAB_DPDK_LCORES=2 has two lcores, each with its queues (af_packet).
# LAB_DPDK=uplink puts the process before `wan` too, for packets that go past the stack.
# LAB_DPDK_MORE has names of more ports, with nothing behind them.
# LAB_DPDK_HUGE=1 takes huge pages, of which enough must be free.

dpdk_pid=

dpdk_lacks() {
	[ -x "$build/dbx-egress-dpdk" ] || { echo "no dbx-egress-dpdk: libdpdk-dev is needed to build it" && return; }
	command -v ethtool >/dev/null || echo "no ethtool; make deps installs it"
}

# A device of the gateway becomes the process's; in its place comes a pair that leads there.
dpdk_take() { # NAME MTU ADDRESS/LEN...
	local name=$1 mtu=$2
	shift 2
	ip -n "$lab_prefix-gw" link set "$name" netns "$lab_prefix-dp" name "$name-net" || return 1
	ip link add "$name" netns "$lab_prefix-gw" mtu "$mtu" type veth \
		peer name "$name-host" netns "$lab_prefix-dp" mtu "$mtu" || return 1
	# Nobody fills in checksums or cuts frames behind a packet socket.
	topo_in "$lab_prefix-gw" ethtool -K "$name" tx off gso off tso off >/dev/null 2>&1
	topo_in "$lab_prefix-dp" ip link set "$name-net" up
	topo_in "$lab_prefix-dp" ip link set "$name-host" up
	topo_link_up "$lab_prefix-gw" "$name"
	topo_addr "$lab_prefix-gw" "$name" "$@"
}

dpdk_begin() {
	local n why
	why=$(dpdk_lacks)
	[ -z "$why" ] || skip_all "$why"
	ip netns add "$lab_prefix-dp" || return 1
	lab_namespaces+=(dp)
	topo_in "$lab_prefix-dp" sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv4.ip_forward=0
	for n in 1 2; do
		topo_in "$lab_prefix-ws$n" ethtool -K eth0 tx off gso off tso off >/dev/null 2>&1
		# Room for the shim (include/dbx/shim.h), which only goes this way.
		dpdk_take ws$n 1540 "10.66.$n.1/24" "fd66:$n::1/64" || return 1
	done
	[ "$LAB_DPDK" != uplink ] || dpdk_take_wan || return 1
	# shellcheck disable=SC2034 # lib.sh reads it
	lab_daemon_args=(--data-plane dpdk --dpdk-socket "$lab/dpdk.sock")
}

dpdk_take_wan() {
	topo_in "$lab_prefix-net" ethtool -K eth0 tx off gso off tso off >/dev/null 2>&1
	dpdk_take wan 1500 "$TOPO_WAN_GW4/30" "$TOPO_WAN_GW6/64" || return 1
	topo_gateway_default "$lab_prefix-gw"
}

# The packet socket of net_af_packet puts IPv4 fragments together (PACKET_FANOUT_FLAG_DEFRAG), which no
# interface can then send: LAB_DPDK_DRIVER=pcap or af_xdp for labs with fragments.
dpdk_vdevs() {
	local dev driver=${LAB_DPDK_DRIVER:-af_packet}
	for dev in ws1-net ws1-host ws2-net ws2-host ${1:+wan-net wan-host}; do
		case $driver in
		pcap) echo "--vdev=net_pcap_${dev/-/_},rx_iface_in=$dev,tx_iface=$dev" ;;
		af_packet) echo "--vdev=net_${driver}_${dev/-/_},iface=$dev,qpairs=${LAB_DPDK_LCORES:-1}" ;;
		*) echo "--vdev=net_${driver}_${dev/-/_},iface=$dev" ;;
		esac
	done
}

# Starts the process, and returns when it listens.
dpdk_start() { # [OPTIONS]
	local vdevs cpus n lcores='' extra_ports=() net=net_${LAB_DPDK_DRIVER:-af_packet} run=() memory=(--no-huge)
	mapfile -t vdevs < <(dpdk_vdevs "$([ "$LAB_DPDK" = uplink ] && echo yes)")
	[ "$LAB_DPDK" != uplink ] || extra_ports=(--uplink "wan=${net}_wan_net,host=${net}_wan_host")
	for n in ${LAB_DPDK_MORE:-}; do
		vdevs+=("--vdev=net_null_$n,no-rx=1")
		extra_ports+=(--workload "$n=net_null_$n")
	done
	if [ -n "${LAB_DPDK_HUGE:-}" ]; then
		mkdir -p "$lab/huge"
		# Mounted where nobody else sees it; it ends with the process.
		# shellcheck disable=SC2016 # for the inner shell
		run=(unshare -m sh -c 'mount -t hugetlbfs -o pagesize=2M none "$0" && exec "$@"' "$lab/huge")
		memory=(--huge-dir "$lab/huge")
	fi
	# Any lcore may run on any CPU: there are few, and others use them.
	cpus=$(nproc --all)
	for n in $(seq 0 $((${LAB_DPDK_LCORES:-1} - 1))); do
		lcores=${lcores:+$lcores,}"$n@(0-$((cpus - 1)))"
	done
	rm -f "$lab/dpdk.sock"
	(exec nsenter --net="/run/netns/$lab_prefix-dp" "${run[@]}" "$build/dbx-egress-dpdk" "${memory[@]}" \
		--no-pci --no-shconf --file-prefix="$lab_prefix" --lcores="$lcores" "${vdevs[@]}" -- \
		--workload "ws1=${net}_ws1_net,host=${net}_ws1_host" \
		--workload "ws2=${net}_ws2_net,host=${net}_ws2_host" \
		"${extra_ports[@]}" --socket "$lab/dpdk.sock" "$@") >>"$lab/dpdk.log" 2>&1 &
	dpdk_pid=$!
	wait_for 60 test -S "$lab/dpdk.sock" && return 0
	echo "# the process did not come up:"
	sed 's/^/#   /' "$lab/dpdk.log"
	return 1
}

dpdk_state() { # NAME...: what the process says of itself, not the daemon
	"${PYTHON:-python3}" tests/netns/dpdk_wire.py state "$lab/dpdk.sock" |
		awk -F= -v names="$*" '
		{ v[$1] = $2 }
		END { n = split(names, k, " "); for (i = 1; i <= n; i++) printf "%s%s", v[k[i]], i < n ? " " : "\n" }'
}

dpdk_end() { # SIGNAL
	[ -n "$dpdk_pid" ] || return 0
	kill "-$1" "$dpdk_pid" 2>/dev/null
	wait "$dpdk_pid" 2>/dev/null
	dpdk_pid=
}

# ---- other tests of this folder, in such a lab ---------------------------------------------------

DPDK_JOBS=${DPDK_JOBS:-3} # they mostly wait

dpdk_suites=()
dpdk_outputs=

# Starts one, when there is room.
dpdk_suite() { # DRIVER NAME [VARIABLE=VALUE...]
	[ -n "$dpdk_outputs" ] || dpdk_outputs=$(mktemp -d "${TMPDIR:-/tmp}/dbx-suites.XXXXXX") || exit 1
	trap 'rm -rf "$dpdk_outputs"' EXIT
	while [ "$(jobs -rp | wc -l)" -ge "$DPDK_JOBS" ]; do
		wait -n
	done
	{
		local begin=$SECONDS
		env LAB_DPDK="${LAB_DPDK:-1}" LAB_DPDK_DRIVER="$1" "${@:3}" "tests/netns/test_$2.sh"
		echo "# $((SECONDS - begin)) seconds"
	} >"$dpdk_outputs/${#dpdk_suites[@]}" 2>&1 &
	dpdk_suites+=("test_$2.sh over net_$1${3:+ ${*:3}}")
}

# Waits for those that were started; one result for all of each.
dpdk_suites_end() {
	local i
	wait
	for i in "${!dpdk_suites[@]}"; do
		dpdk_suite_result "${dpdk_suites[i]}" "$(cat "$dpdk_outputs/$i")"
	done
	dpdk_suites=()
}

dpdk_suite_result() { # WHAT OUTPUT
	local n why
	n=$(printf '%s\n' "$2" | grep -c '^ok ')
	if printf '%s\n' "$2" | grep -q '^1\.\.0'; then
		skip "$1" "$(printf '%s\n' "$2" | sed -n 's/^1\.\.0 # SKIP //p')"
	elif printf '%s\n' "$2" | grep -q '^not ok' || [ "$n" -eq 0 ] ||
		! printf '%s\n' "$2" | grep -q "^1\.\.$n\$"; then
		not_ok "$1" "$(printf '%s\n' "$2" | grep -A 12 '^not ok' | head -80; printf '%s\n' "$2" | tail -5)"
	else
		ok "$1: $n as with the kernel program, $(printf '%s\n' "$2" | sed -n '$s/^# //p')"
		while IFS='#' read -r n why; do
			skip "$1: ${n#ok * - }" "${why# SKIP }"
		done < <(printf '%s\n' "$2" | grep '^ok .* # SKIP ')
	fi
}
