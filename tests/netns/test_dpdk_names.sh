#!/bin/bash
# test_dpdk_names.sh -- the tests of names, with dbx-egress-dpdk in the place of the kernel program.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 900
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh

for why in "$(lab_lacks)" "$(dpdk_lacks)" "$(names_lack)"; do
	[ -z "$why" ] || skip_all "$why"
done
for suite in private http quic capture; do
	dpdk_suite af_packet $suite
done
# Two lcores and two queues of each device: packets of a flow and the answers to them part ways.
for suite in names retry race; do
	LAB_DPDK_LCORES=2 dpdk_suite af_packet $suite
done
done_testing
