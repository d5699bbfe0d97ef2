#!/bin/bash
# test_dpdk_packets.sh -- the tests of packets, with dbx-egress-dpdk in the place of the kernel program.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 600
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh

for why in "$(lab_lacks)" "$(dpdk_lacks)"; do
	[ -z "$why" ] || skip_all "$why"
done
# Fragments, tags, hidden tunnels: drivers that hand frames over as they are.
for suite in tunnel replay_wire reject wire; do
	dpdk_suite pcap $suite
done
dpdk_suite af_xdp wire
for suite in paths quota; do
	dpdk_suite af_packet $suite
done
dpdk_suite af_packet forward LAB_DPDK=uplink
dpdk_suites_end
exits "make demo-dpdk: what is seen on the wire is what the policies say" 0 \
	env LAB_DPDK=1 tests/netns/demo.sh
done_testing
