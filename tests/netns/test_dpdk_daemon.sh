#!/bin/bash
# test_dpdk_daemon.sh -- the tests of the daemon, its ends, updates and records, with dbx-egress-dpdk in the
# place of the kernel program.
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 600
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/tap.sh
. tests/netns/lib.sh

for why in "$(lab_lacks)" "$(dpdk_lacks)"; do
	[ -z "$why" ] || skip_all "$why"
done
# The longest first. Of reasons, those of fragments want a driver that hands them over as they are.
dpdk_suite af_packet updates
dpdk_suite af_packet daemon_links
dpdk_suite pcap reasons
dpdk_suite af_packet outlives OUTLIVES_ROUNDS=10
for suite in monitor usage records unused; do
	dpdk_suite af_packet $suite
done
dpdk_suites_end
done_testing
