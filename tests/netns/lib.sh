# lib.sh -- what tests in namespaces share: the lab, the daemon in its gateway, servers and probes.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
#	cd "$(dirname "$0")/../.." && . tests/tap.sh && . tests/netns/lib.sh
#	lab_begin			# namespaces, a private bpffs, clean-up at exit
#	daemon_start && ctl apply rules/demo/before rules/feeds/azure-public.json.gz
#	is "..." "$(probe tcp ws1 203.0.113.10 443)" passed
#	done_testing
#
# Each lab has its own prefix, folder ($lab), socket, state and pins: labs do not meet each other or
# what the machine itself runs. Processes are started here, known by their number, and ended by it.

. tests/netns/topology.sh
. tests/netns/dpdk.sh

build=$(realpath -m "${DBX_BUILD:-build}")
lab=
lab_prefix=
lab_pids=()
lab_namespaces=()
lab_daemon_args=()
daemon_pid=

# Why a lab cannot be made here, or nothing.
lab_lacks() {
	local tool
	[ "$(id -u)" -eq 0 ] || { echo "not root" && return; }
	for tool in ip nsenter curl nc ping nginx python3; do
		command -v $tool >/dev/null || { echo "no $tool; make deps installs it" && return; }
	done
	ip netns add "dbx-probe-$$" 2>/dev/null || { echo "no network namespaces" && return; }
	ip netns del "dbx-probe-$$"
}

lab_begin() {
	local why
	why=$(lab_lacks)
	if [ -n "$why" ]; then
		skip_all "$why"
	fi
	lab=$(mktemp -d "${TMPDIR:-/tmp}/dbx-lab.XXXXXX")
	lab_prefix=dbx$$
	trap lab_end EXIT
	trap 'exit 130' INT TERM
	mkdir "$lab/bpf" "$lab/state"
	# Private: unmounting it takes every pin, program and link along.
	mount -t bpf bpf "$lab/bpf" || exit 1
	topo_up "$lab_prefix" || exit 1
	[ -z "${LAB_DPDK:-}" ] || dpdk_begin || exit 1
}

lab_end() {
	local pid ns
	for pid in "$daemon_pid" "$dpdk_pid" "${lab_pids[@]}"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	for ns in "${lab_namespaces[@]}"; do
		ip netns del "$lab_prefix-$ns"
	done
	topo_down "$lab_prefix"
	[ -z "${LAB_DPDK:-}" ] || rm -rf "/var/run/dpdk/$lab_prefix"
	umount "$lab/bpf" 2>/dev/null
	rm -rf "$lab"
}

# More namespaces, linked to the gateway: its device up-NAME is eth0 of namespace NAME.
lab_uplink() { # NAME
	ip netns add "$lab_prefix-$1" || return 1
	lab_namespaces+=("$1")
	topo_sysctls "$lab_prefix-$1"
	topo_pair "$lab_prefix-$1" eth0 "$lab_prefix-gw" "up-$1" || return 1
	topo_link_up "$lab_prefix-$1" eth0
	topo_link_up "$lab_prefix-gw" "up-$1"
}

# Runs a command in ws1, ws2, gw or net.
in_ns() { # WHERE COMMAND...
	topo_in "$lab_prefix-$1" "${@:2}"
}

# Starts a command there for as long as the lab lasts. exec, so that the number is the command's.
in_ns_background() { # WHERE COMMAND...
	(exec nsenter --net="/run/netns/$lab_prefix-$1" "${@:2}") >>"$lab/background.log" 2>&1 &
	lab_pids+=($!)
}

wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# ---- the daemon ---------------------------------------------------------------------------------

ctl() { # ARGUMENTS OF dbx-egressctl
	"$build/dbx-egressctl" --socket "$lab/socket" "$@"
}

daemon_start() { # [ARGUMENTS]
	[ -z "${LAB_DPDK:-}" ] || [ -n "$dpdk_pid" ] || dpdk_start || return 1
	(exec nsenter --net="/run/netns/$lab_prefix-gw" "$build/dbx-egressd" \
		--socket "$lab/socket" --state-dir "$lab/state" --pin-dir "$lab/bpf/dbx-egress" \
		--object "$build/egress_xdp.bpf.o" "${lab_daemon_args[@]}" "$@") >>"$lab/daemon.log" 2>&1 &
	daemon_pid=$!
	wait_for 60 ctl status && return 0 # a bound, not a wait: a busy machine takes its time
	echo "# the daemon did not come up:"
	sed 's/^/#   /' "$lab/daemon.log"
	return 1
}

daemon_end() { # SIGNAL
	[ -n "$daemon_pid" ] || return 0
	kill "-$1" "$daemon_pid" 2>/dev/null
	wait "$daemon_pid" 2>/dev/null
	daemon_pid=
}

daemon_stop() {
	daemon_end TERM
}

daemon_kill() {
	daemon_end KILL
}

# ---- servers ------------------------------------------------------------------------------------

# HTTP on these ports of every address of the internet, and UDP echo on 9999; HTTP on 8080 in both
# workspaces.
SERVER_PORTS='22 25 80 443 1433 3306 8080 8443 9093'

nginx_config() { # NAME PORTS...
	local port name=$1
	shift
	echo "daemon off; user root; worker_processes 1; pid $lab/$name.pid; error_log $lab/$name.log;"
	echo "events { worker_connections 256; }"
	echo "http { access_log off; client_body_temp_path $lab/$name.tmp; proxy_temp_path $lab/$name.tmp;"
	echo "fastcgi_temp_path $lab/$name.tmp; uwsgi_temp_path $lab/$name.tmp; scgi_temp_path $lab/$name.tmp;"
	echo "server {"
	for port; do
		echo "listen $port; listen [::]:$port ipv6only=on;"
	done
	echo 'return 200 "$server_addr port $server_port\n"; } }'
}

servers_start() {
	local name
	# shellcheck disable=SC2086 # a list of ports
	nginx_config net $SERVER_PORTS >"$lab/net.conf"
	nginx_config ws1 8080 >"$lab/ws1.conf"
	nginx_config ws2 8080 >"$lab/ws2.conf"
	for name in net ws1 ws2; do
		in_ns_background $name nginx -q -p "$lab" -e "$lab/$name.log" -c "$lab/$name.conf"
	done
	# shellcheck disable=SC2046 # a list of addresses
	in_ns_background net python3 tests/netns/udp_echo.py 9999 $(awk '{ print $2, $3 }' <<<"$TOPO_HOSTS")
	wait_for 10 in_ns net curl -s http://127.0.0.1:80/ &&
		wait_for 10 in_ns ws2 curl -s http://127.0.0.1:8080/ &&
		wait_for 10 in_ns ws1 curl -s http://127.0.0.1:8080/ &&
		wait_for 10 in_ns net sh -c 'ss -lunH | grep -q "]:9999 "'
}

# ---- probes: a real client, and whether it got an answer ----------------------------------------

PROBE_SECONDS=2

url() { # ADDRESS PORT
	case $1 in
	*:*) echo "http://[$1]:$2/" ;;
	*) echo "http://$1:$2/" ;;
	esac
}

# The client's command line, as a person would type it.
probe_command() { # http|tcp|udp|icmp ADDRESS PORT
	case $1 in
	http) echo "curl -sm $PROBE_SECONDS $(url "$2" "$3")" ;;
	tcp) echo "nc -zw $PROBE_SECONDS $2 $3" ;;
	udp) echo "nc -uW 1 -w $PROBE_SECONDS $2 $3" ;;
	icmp) echo "ping -c 1 -W $PROBE_SECONDS $2" ;;
	esac
}

# "passed" or "denied".
probe() { # http|tcp|udp|icmp WHERE ADDRESS [PORT]
	local command
	command=$(probe_command "$1" "$3" "${4:-}")
	# shellcheck disable=SC2086 # words
	if [ "$1" = udp ]; then
		[ "$(echo hello | in_ns "$2" $command 2>/dev/null)" = hello ]
	else
		in_ns "$2" $command >/dev/null 2>&1
	fi && echo passed || echo denied
}
