#!/bin/bash
# test_dpdk_packets.sh -- the tests of packets, with dbx-egress-dpdk in the place of the kernel program.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 900
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh

for why in "$(lab_lacks)" "$(dpdk_lacks)"; do
	[ -z "$why" ] || skip_all "$why"
done
# Fragments, tags, hidden tunnels: drivers that hand frames over as they are.
for suite in wire tunnel reject; do
	dpdk_suite pcap $suite
done
dpdk_suite af_xdp wire
for suite in quota paths usage; do
	dpdk_suite af_packet $suite
done
LAB_DPDK=uplink dpdk_suite af_packet forward
exits "make demo-dpdk: what is seen on the wire is what the policies say" 0 \
	env LAB_DPDK=1 tests/netns/demo.sh
done_testing
