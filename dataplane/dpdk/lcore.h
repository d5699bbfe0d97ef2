/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lcore.h -- what an lcore does: takes bursts from its queues, has them judged, sends what passes.
 */
#ifndef DBX_DPDK_LCORE_H
#define DBX_DPDK_LCORE_H

#include <rte_common.h>

#include "dataplane/dpdk/pipe.h"
#include "dataplane/dpdk/port.h"

/* Odd while the lcore has packets in hand that it has not sent yet. */
struct dpk_turns {
	uint64_t n;
} __rte_cache_aligned;

struct dpk_lcores {
	struct dpk_pipe *pipe;
	struct dpk_ports *ports;
	unsigned int n;
	unsigned int lcore_id[DPK_CORES_MAX]; /* of the EAL, by our own number */
	unsigned int n_queues[DPK_CORES_MAX];
	uint32_t idle_us;       /* sleep when there is nothing to do; 0 = never */
	uint32_t until_idle_ms; /* stop when nothing has come for so long; 0 = never */
	volatile int must_stop;
	struct dpk_turns turns[DPK_CORES_MAX];
};

/* The loop of lcore number `index`, until must_stop. */
void dpk_lcore_run(struct dpk_lcores *l, unsigned int index);

#endif
