/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * walk.h -- the packets of a burst through the tables of a view, all of them a step at a time.
 *
 * lanes: bits of the packets; of others nothing is read, and what is written of them means nothing.
 */
#ifndef DBX_DPDK_WALK_H
#define DBX_DPDK_WALK_H

#include <stdbool.h>

#include "dataplane/dpdk/look.h"
#include "dataplane/dpdk/view.h"

/* Packets of one family. Returns those with a source and rules: l->source, l->class_id, l->set. */
uint32_t dpk_walk(struct dpk_looks *l, bool is_v6, uint32_t lanes);
/* What l->set says for the packet's port: DBX_LEAF | outcome. */
void dpk_walk_ports(struct dpk_looks *l, uint32_t lanes);
/* l->verdict, l->looked and what it is said of there. */
void dpk_walk_verdicts(struct dpk_looks *l, uint32_t lanes);

/*
 * Packets of `lanes` that have one total, which is *total: their bits, and their bytes. Some of `lanes` must
 * be there, and all of them in l->looked.
 */
uint32_t dpk_walk_total(const struct dpk_looks *l, uint32_t lanes, uint32_t *total,
			uint64_t *bytes);

/* For tests: false: as on a processor without AVX-512; returns what holds from now on. */
bool dpk_walk_wide(bool on);

#endif
