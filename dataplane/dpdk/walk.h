/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * walk.h -- the addresses of a burst through the tables of a view, all of them a step at a time.
 */
#ifndef DBX_DPDK_WALK_H
#define DBX_DPDK_WALK_H

#include <stdbool.h>

#include "dataplane/dpdk/look.h"
#include "dataplane/dpdk/view.h"

/* Addresses of one family through one table. */
struct dpk_walk {
	uint32_t key[4][DPK_BURST]; /* words, host byte order; of IPv4 the first one alone */
	uint32_t value[DPK_BURST];  /* what is found: DBX_LEAF | value, DPK_TRIE_ABSENT */
} __attribute__((aligned(64)));

/*
 * n <= DPK_BURST keys of one family in both. rules[i]: the rule set that decides, 0 = none. Keys behind
 * them are read too, and mean nothing.
 */
void dpk_walk(const struct dpk_view *v, bool is_v6, struct dpk_walk *by_src,
	      struct dpk_walk *by_dst, uint32_t rules[DPK_BURST], unsigned int n);

/* For tests: false: as on a processor without AVX-512; returns what holds from now on. */
bool dpk_walk_wide(bool on);

#endif
