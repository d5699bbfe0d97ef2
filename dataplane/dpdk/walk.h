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

/* On any processor, and with AVX-512: NULL where there is none. */
struct dpk_walker {
	/* Packets of one family. Returns those with a source and rules: l->source, l->class_id, l->set. */
	uint64_t (*walk)(struct dpk_looks *l, bool is_v6, uint64_t lanes);
	/* What l->set says for the packet's port: DBX_LEAF | outcome. */
	void (*ports)(struct dpk_looks *l, uint64_t lanes);
	/* l->verdict, l->looked and what it is said of there. */
	void (*verdicts)(struct dpk_looks *l, uint64_t lanes);
	/*
	 * Of packets in l->looked, of which there must be some: those that have one total, which is *which;
	 * their bytes.
	 */
	uint64_t (*total)(const struct dpk_looks *l, uint64_t lanes, uint32_t *which,
			  uint64_t *bytes);
	/* l->flow of packets in l->looked. false: it was not done, and is to be done one by one. */
	bool (*flows)(struct dpk_looks *l, uint64_t lanes);
	/* Behind that: those whose flow's tag (ebpf/event.h) is among the DBX_NOTED_SLOTS. */
	uint64_t (*tagged)(const struct dpk_looks *l, uint64_t lanes, const uint16_t *tags);
	uint64_t (*bytes)(const struct dpk_looks *l, uint64_t lanes);
};

extern const struct dpk_walker dpk_walker_any;
const struct dpk_walker *dpk_walker_wide(void);

/* The one that is used: dpk_look_wide(). */
extern const struct dpk_walker *dpk_walker;

#endif
