#!/bin/bash
# test_dpdk_operator.sh -- dbx-egress-dpdk as who runs it meets it: its errors, its status, dpdk-telemetry.py,
# huge pages.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

PAGES=256 # of 2 MiB, for the part with huge pages

for why in "$(lab_lacks)" "$(dpdk_lacks)"; do
	[ -z "$why" ] || skip_all "$why"
done
export LAB_DPDK=1

# ---- a process that is started wrongly ----------------------------------------------------------

process() { # OPTIONS BEHIND --
	timeout 30 "$build/dbx-egress-dpdk" --no-huge --no-pci --no-shconf --no-telemetry --log-level=4 \
		--file-prefix="$lab_prefix-wrong" --lcores='0@0' --vdev=net_null0,no-rx=1 --vdev=net_null1,no-rx=1 \
		-- --socket "$lab/wrong.sock" "$@"
}

refused() { # WHAT REGEX OPTIONS
	exits "$1: refused" 1 process "${@:3}"
	like "$1: it says why" "$out" "^dbx-egress-dpdk: $2"
	is "$1: in one line" "$(grep -c . <<<"$out")" 1
}

wrong_options() {
	local form='form: NAME=DEVICE\[,host=DEVICE\]$'
	refused "no port" 'no ports: give --workload NAME=DEVICE behind --$'
	refused "a port without a device" "--workload ws1: $form" --workload ws1
	refused "a port with an empty device" "--workload ws1=: $form" --workload ws1=
	refused "a word that is not host=" "--workload ws1=net_null0,hots=net_null1: $form" \
		--workload ws1=net_null0,hots=net_null1
	refused "a device that is not there" \
		'device net_null7: no such DPDK device; there are: net_null0, net_null1$' --workload ws1=net_null7
	refused "a device of two ports" 'device net_null0: given twice; each needs one of its own$' \
		--workload ws1=net_null0 --workload ws2=net_null0
	refused "a device of both sides, by name and by number" 'device 0: given twice;' \
		--workload ws1=net_null0,host=0
	refused "a name of two ports" '--workload ws1=net_null1: the name is given twice$' \
		--workload ws1=net_null0 --workload ws1=net_null1
	refused "a number that is none" '--idle-us fast: a number from 0 to 10000 is needed$' \
		--workload ws1=net_null0 --idle-us fast
	refused "more frames than there is memory" 'no memory for 1000000 frames of 2048 bytes: give more with -m' \
		--workload ws1=net_null0 --mbufs 1000000
	refused "no image" '.*/none: policy image: the file cannot be read$' \
		--workload ws1=net_null0 --image "$lab/none"
	head -c 1000000 /dev/zero >"$lab/zero.image"
	refused "a file that is no image" '.*/zero.image: policy image: the magic number is another one$' \
		--workload ws1=net_null0 --image "$lab/zero.image"
	refused "a socket where there is no folder" '.*/a/b.sock: it cannot be listened on: No such file or directory$' \
		--workload ws1=net_null0 --socket "$lab/no/a/b.sock"
	refused "a second process on the same socket" '.*/dpdk.sock: another process is served there' \
		--workload ws1=net_null0 --socket "$lab/dpdk.sock"
	exits "an option that there is not: refused" 1 process --workload ws1=net_null0 --nonsense
	like "and named" "$out" "^dbx-egress-dpdk: unrecognized option '--nonsense'"
	exits "no huge pages, and not told to do without" 1 timeout 30 "$build/dbx-egress-dpdk" --no-pci \
		--no-shconf --file-prefix="$lab_prefix-wrong" --huge-dir "$lab/none" --vdev=net_null0 -- \
		--workload ws1=net_null0 --socket "$lab/wrong.sock"
	like "it says what to do" "$out" '^dbx-egress-dpdk: the EAL does not start .*--no-huge$'
	rmdir "/var/run/dpdk/$lab_prefix-wrong" 2>/dev/null
}

# ---- who may speak with it ----------------------------------------------------------------------

wire() { # AS_UID ARGUMENTS OF dpdk_wire.py
	local as=$1
	shift
	timeout 30 setpriv --reuid "$as" --clear-groups "$PYTHON" tests/netns/dpdk_wire.py "$@" 2>&1
}

socket_of_root() {
	is "the socket is root's alone" "$(stat -c '%a %u' "$lab/dpdk.sock")" '600 0'
	chmod 755 "$lab"
	like "another user cannot open it" "$(wire 65534 hello "$lab/dpdk.sock" 1)" 'Permission denied|Errno 13'
	chmod 666 "$lab/dpdk.sock"
	is "one who can, since somebody opened it to all, is not served" \
		"$(wire 65534 hello "$lab/dpdk.sock" 1)" 'the connection ended'
	chmod 600 "$lab/dpdk.sock"
	like "a daemon of another version is told so" "$(wire 0 hello "$lab/dpdk.sock" 1)" \
		'^-93 this process is of another ABI than the daemon: restart it'
}

# ---- a daemon that is started wrongly -----------------------------------------------------------

daemon() { # OPTIONS
	mkdir -p "$lab/other-state"
	in_ns gw timeout 60 "$build/dbx-egressd" --socket "$lab/other" --state-dir "$lab/other-state" \
		--pin-dir "$lab/bpf/other" --object "$build/egress_xdp.bpf.o" "$@"
}

wrong_daemons() {
	exits "a data plane that there is not: refused" 2 daemon --data-plane dpkd
	like "it says which there are" "$out" 'dpkd.*xdp.*dpdk'
	exits "no process: the daemon does not come up" 1 daemon --data-plane dpdk --dpdk-socket "$lab/nobody.sock"
	like "it says where it looked" "$out" 'the DPDK process at .*/nobody.sock: No such file or directory'
	in_ns_background gw "$PYTHON" tests/netns/dpdk_wire.py pretend "$lab/old.sock" 3
	wait_for 20 test -S "$lab/old.sock"
	exits "a process of another version: the daemon does not come up" 1 \
		daemon --data-plane dpdk --dpdk-socket "$lab/old.sock"
	like "it says so" "$out" 'the DPDK process speaks ABI 3, this daemon [0-9]+; install both of one version'
	in_ns_background gw setpriv --reuid 65534 --clear-groups "$PYTHON" tests/netns/dpdk_wire.py \
		pretend "$lab/theirs/x.sock" 4
	wait_for 20 test -S "$lab/theirs/x.sock"
	exits "a process of another user: the daemon does not come up" 1 \
		daemon --data-plane dpdk --dpdk-socket "$lab/theirs/x.sock"
	like "it says who must" "$out" 'uid 65534 listens there; root'
}

# ---- status and telemetry -----------------------------------------------------------------------

telemetry() { # COMMAND: one answer of dpdk-telemetry.py
	echo "$1" | timeout 20 dpdk-telemetry.py -f "$lab_prefix" 2>&1
}

# The same by hand: its first message says who answers.
telemetry_raw() { # COMMAND
	timeout 20 "$PYTHON" - "/var/run/dpdk/$lab_prefix/dpdk_telemetry.v2" "$1" <<-'PY'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.connect(sys.argv[1])
		n = json.loads(s.recv(1024))["max_output_len"]
		s.send(sys.argv[2].encode())
		print(s.recv(n).decode())
	PY
}

of_telemetry() { # HOW COMMAND EXPRESSION ON d
	"$1" "$2" | jq_py "(lambda d: ($3))(d['$2'])" 2>&1
}

telemetry_by() { # HOW
	is "$1: /dbx/status: the image in force" \
		"$(of_telemetry "$1" /dbx/status 'd["has_image"], d["generation"], d["lcores"], d["ports"]')" \
		"(1, $(status_of generation), 1, 2)"
	is "$1: /dbx/status: what was dropped is what was judged and did not pass" \
		"$(of_telemetry "$1" /dbx/status '0 < d["dropped"] < d["packets"]')" True
	is "$1: /dbx/lcores: lcore 0 has four queues, and took time" \
		"$(of_telemetry "$1" /dbx/lcores '(list(d), d["0"]["queues"], 0 < d["0"]["busy_cycles"] < d["0"]["total_cycles"], d["0"]["cycles_per_packet"] > 0)')" \
		"(['0'], 4, True, True)"
	is "$1: /dbx/counters: those that passed, and those that did not" \
		"$(of_telemetry "$1" /dbx/counters 'd["pass_listed_prefix"], d["drop_no_match"]')" "(3, 5)"
	is "$1: /dbx/ports: both, with their devices" \
		"$(of_telemetry "$1" /dbx/ports '{n: (p["device"], p["ifindex"] > 0) for n, p in d.items()}')" \
		"{'ws1': ('net_af_packet_ws1_net', True), 'ws2': ('net_af_packet_ws2_net', True)}"
}

both_say() {
	local tool=telemetry_raw
	telemetry_by telemetry_raw
	if command -v dpdk-telemetry.py >/dev/null; then
		tool=telemetry
		telemetry_by telemetry
		like "telemetry: the commands are listed" "$(telemetry /)" '"/dbx/counters", "/dbx/lcores", "/dbx/ports", "/dbx/status"'
	else
		skip "dpdk-telemetry.py" "it is not here; make deps installs it"
	fi
	is "status says what telemetry says" \
		"$(ctl --json status | jq_py '[(l["lcore"], l["queues"], l["dropped"] > 0) for l in d["process"]["lcores"]]')" \
		"$($tool /dbx/lcores | jq_py '[(int(n), l["queues"], l["dropped"] > 0) for n, l in d["/dbx/lcores"].items()]')"
	out=$(ctl status)
	like "status: lcores, queues, packets, drops, cycles" "$out" '^ +0 +4 +[1-9][0-9]* +[1-9][0-9]* +0 +[1-9][0-9]* +[0-9.]+ %$'
	like "status: a port" "$out" '^ws1 +net_af_packet_ws1_net +net_af_packet_ws1_host +up +1 +[1-9]'
}

judged() { # WHEN: three packets pass and five do not
	is "$1: what is listed passes" "$(in_ns ws1 ping -qc 3 -i 0.05 -W 5 203.0.113.10 | grep -c ' 0% packet loss')" 1
	in_ns ws1 ping -qc 5 -i 0.05 -W 0.2 198.51.100.66 >/dev/null
	is "$1: what is not does not" $? 1
}

with_pages_or_not() {
	dpdk_start && daemon_start || { not_ok "both start" && done_testing; }
	exits "apply" 0 ctl apply "$lab/world"
	wait_for 20 in_ns ws1 ping -qc 1 -W 1 10.66.1.1
}

# ---- huge pages ---------------------------------------------------------------------------------

pages() { # Total|Free
	awk -v k="HugePages_$1:" '$1 == k { print $2 }' /proc/meminfo
}

pages_give_back() {
	[ -z "${pages_before:-}" ] || echo "$pages_before" >/proc/sys/vm/nr_hugepages
	pages_before=
}

huge_pages() {
	local taken
	pages_before=$(cat /proc/sys/vm/nr_hugepages 2>/dev/null)
	if [ -z "$pages_before" ] || [ "$(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo)" != 2048 ]; then
		skip "huge pages" "this kernel has none of 2 MiB"
		return
	fi
	trap 'lab_end; pages_give_back' EXIT
	echo $((pages_before + PAGES)) >/proc/sys/vm/nr_hugepages
	if [ "$(pages Free)" -lt $PAGES ]; then
		pages_give_back
		skip "huge pages" "no memory for $PAGES of 2 MiB"
		return
	fi
	free=$(pages Free)
	LAB_DPDK_HUGE=1 with_pages_or_not
	taken=$((free - $(pages Free)))
	[ $taken -ge 16 ]
	ok "huge pages: /proc/meminfo shows $taken in use" $?
	like "the process has them mapped" "$(grep -c "$lab/huge/" "/proc/$dpdk_pid/maps")" '^[1-9]'
	judged "huge pages"
	daemon_stop
	dpdk_end TERM
	is "when it ends they are free again" "$(pages Free)" "$free"
	pages_give_back
	is "and given back" "$(pages Free)" "$((free - PAGES))"
}

lab_begin
small_world "$lab"
mkdir "$lab/theirs" && chown 65534 "$lab/theirs"
with_pages_or_not
judged "--no-huge"
both_say
socket_of_root
wrong_options
wrong_daemons
is "through all of it the first process served the first daemon" \
	"$(ctl --json status | jq_py 'd["process"]["answers"], d["process"]["reconnects"]')" "(True, 0)"
daemon_stop
exits "the daemon is away: the tool says so" 3 ctl status
like "and where it looked" "$out" "no connection to the daemon at $lab/socket.*is dbx-egressd running"
dpdk_end TERM
rm -rf "$lab/bpf/dbx-egress" "$lab"/state/*
huge_pages
done_testing
