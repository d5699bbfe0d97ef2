#!/bin/bash
# test_leaks.sh -- a thousand applies, and everything else between them, leave nothing behind.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 400
#
# LeakSanitizer's word for the memory that nobody points to; descriptors, RSS and the kernel's maps for
# the rest.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/state.sh

feed=rules/feeds/azure-public-20260427.json.gz
plain=$build
RSS_SLACK_KB=4096 # of 1,000 applies; one leaked model of this world would be 10 MB by then

busy() { # APPLIES NAME
	"$PYTHON" tests/netns/many_applies.py "$lab/socket" "$daemon_pid" "$1" "$lab" "$feed" \
		>"$lab/$2.busy" 2>"$lab/$2.err"
	is "$2: $1 applies, and each answer is the one that is due" "$? $(cat "$lab/$2.err")" "0 "
}

column() { # FILE NAME: its values
	sed -n "s/.* $2 \([0-9]*\).*/\1/p" "$1"
}

# The daemon ends by itself when asked to, and the sanitizer has nothing to say.
leave_cleanly() { # NAME
	local pid=$daemon_pid
	kill -TERM "$pid"
	wait "$pid"
	is "$1: SIGTERM ends it with exit status 0" $? 0
	daemon_pid=
	unlike "$1: no sanitizer report" "$(cat "$lab/daemon.log")" 'Sanitizer|runtime error|ERROR:'
}

flat() { # NAME
	local fds first last
	fds=$(column "$lab/$1.busy" fds | sort -u | tr '\n' ' ')
	is "$1: as many descriptors after each hundred ($fds)" "$(wc -w <<<"$fds")" 1
	first=$(column "$lab/$1.busy" rss_kb | sed -n 2p)
	last=$(column "$lab/$1.busy" rss_kb | tail -n1)
	[ "$last" -le $((first + RSS_SLACK_KB)) ] &&
		ok "$1: RSS is flat: $first kB after 200, $last kB at the end" ||
		not_ok "$1: RSS is flat" "$(cat "$lab/$1.busy")"
}

isnt_there() { # WHAT COMMAND THAT FAILS THEN...
	local what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		not_ok "$what" "$* finds it"
	else
		ok "$what"
	fi
}

state_anew() {
	rm -rf "$lab/state" && mkdir "$lab/state"
	: >"$lab/daemon.log"
}

image_map() { # id of the map that holds the image in force
	bpftool -j map lookup pinned "$lab/bpf/dbx-egress/map_images" key 0 0 0 0 |
		jq_py 'd["inner_map_id"] if "inner_map_id" in d else int.from_bytes(bytes(int(x, 16) for x in d["value"]), "little")'
}

in_memory_asan() {
	if [ ! -x "$plain/asan/dbx-egressd" ]; then
		skip "1,000 applies under AddressSanitizer" "no $plain/asan/dbx-egressd; make asan builds it"
		return
	fi
	build=$plain/asan
	state_anew
	daemon_start --dp mem || not_ok "the daemon starts under AddressSanitizer"
	busy 1000 asan
	is "asan: as many descriptors after each hundred" \
		"$(column "$lab/asan.busy" fds | sort -u | wc -l)" 1
	leave_cleanly asan
	state_anew
	daemon_start --object "$plain/egress_xdp.bpf.o" ||
		not_ok "the daemon starts under AddressSanitizer, with the kernel"
	busy 100 asan-xdp
	leave_cleanly asan-xdp
	build=$plain
}

in_kernel() {
	local pins image
	state_anew
	daemon_start || not_ok "the daemon starts"
	busy 100 warm-up
	pins=$(find "$lab/bpf" | sort)
	image=$(image_map)
	busy 500 xdp
	flat xdp
	is "xdp: the same pins as before" "$(find "$lab/bpf" | sort)" "$pins"
	isnt_there "xdp: the kernel has let go of an image of long ago" bpftool map show id "$image"
	exits "xdp: and has the one in force" 0 bpftool map show id "$(image_map)"
	in_ns ws1 ping -qc 1 -W 1 203.0.113.10 >/dev/null
	is "xdp: it still judges" "$(probe icmp ws1 203.0.113.10)$(probe icmp ws1 198.51.100.66)" passeddenied
	leave_cleanly xdp
	sed 's/^/# /' "$lab/xdp.busy" | sed -n '1p;$p'
}

lab_begin
command -v bpftool >/dev/null || skip_all "no bpftool; make deps installs it"
small_world "$lab"
in_kernel
in_memory_asan
done_testing
