#!/bin/bash
# test_dpdk_names.sh -- the tests of names, with dbx-egress-dpdk in the place of the kernel program.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 600
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh
. tests/netns/names.sh

for why in "$(lab_lacks)" "$(dpdk_lacks)" "$(names_lack)"; do
	[ -z "$why" ] || skip_all "$why"
done
# Two lcores and two queues of each device: packets of a flow and the answers to them part ways.
for suite in names retry race; do
	dpdk_suite af_packet $suite LAB_DPDK_LCORES=2
done
for suite in private clients companion capture quic http; do
	dpdk_suite af_packet $suite
done
dpdk_suites_end
done_testing
