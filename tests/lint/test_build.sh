#!/bin/bash
# test_build.sh -- what `make` would build with libdpdk and without it (make -n; nothing is built).
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
real=$(command -v pkg-config)
unset MAKEFLAGS MFLAGS MAKELEVEL # of a `make check` above

# A pkg-config that knows libdpdk, or does not, whatever is installed.
fake() { # ANSWER
	cat >"$tmp/pkg-config" <<-SH
		#!/bin/sh
		case " \$* " in
		*" libdpdk "*) $1 ;;
		esac
		exec $real "\$@"
	SH
	chmod +x "$tmp/pkg-config"
}

would() { # TARGET
	make -n O="$tmp/build" PKG_CONFIG="$tmp/pkg-config" "$1" 2>&1
}

# What is compiled or linked of DPDK's; the driver (dp_dpdk*.c) is the daemon's, and needs nothing of it.
of_dpdk() {
	grep -oE 'dataplane/dpdk/[a-z]+\.c|/dbx-egress-dpdk|libdbxdpdk\.a|tests/(unit/test_dpdk_|bench/(bench_)?dpdk_)[a-z]+\.c|-lrte_[a-z]+' |
		sort -u
}

fake 'exit 1'
without=$(would all)
none "without libdpdk nothing of it is built" "$(printf '%s\n' "$without" | of_dpdk)"
like "and make says so" "$without" 'left out: dbx-egress-dpdk \(no libdpdk here\)'
for what in dbx-egressd dbx-egressctl egress_xdp.bpf.o tests/test_dp_dpdk libdbxdp.a; do
	like "without libdpdk: $what is built" "$without" "[-]o [^ ]*/build/$what( |\$)|/build/${what}[ ;]"
done
for target in asan demo-dpdk install; do
	none "without libdpdk: nothing of it in make $target" "$(would $target | of_dpdk)"
done

fake 'echo -lrte_eal; exit 0'
with=$(would all)
unlike "with libdpdk nothing is left out" "$with" 'left out'
for what in dbx-egress-dpdk tests/test_dpdk_pipe libdbxdpdk.a; do
	like "with libdpdk: $what is built" "$with" "/build/$what( |\$)"
done
like "with libdpdk: make demo-dpdk makes the process" "$(would demo-dpdk)" '/build/dbx-egress-dpdk( |$)'
done_testing
