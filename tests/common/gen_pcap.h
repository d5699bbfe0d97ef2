/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_pcap.h -- real captures through two engines, that must agree in everything.
 *
 * A gateway is made up for each capture: whoever speaks before being spoken to is a workspace, and
 * the usual ports are open. Files of other links than Ethernet and raw IP are left out.
 */
#ifndef DBX_TESTS_GEN_PCAP_H
#define DBX_TESTS_GEN_PCAP_H

#include "common/gen_diff.h"

struct gen_pcap_tally {
	size_t n_files, n_left_out, n_frames, n_not_judged, n_bad;
	size_t by_verdict[DBX_VERDICT_MAX], by_reason[DBX_REASON_MAX];
};

/* Every *.pcap and *.pcapng in dir and below. 0, or -1 when there is none or one cannot be read. */
int gen_pcap_run(const struct gen_pair *p, const char *dir, struct gen_pcap_tally *t);
void gen_pcap_print(const struct gen_pcap_tally *t);

#endif
