// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * look.c -- what the image says of the packets of a burst, looked up for all of them at a time.
 *
 * The look-ups of classify.h hang on each other: root, run, owner, binding, profile; root, run, class,
 * cell, rule set, outcome. One packet alone would wait for memory at each. Here all packets of a burst
 * take a step together, through the tables that were made of the image (view.h, walk.c). Where these have
 * no answer (a tag, a table that is full), the program asks the image, packet by packet.
 *
 * Nothing is decided here. What is found are functions of image and tuple: test_dpdk_look.c holds them
 * against lookup.h and classify.h.
 */
#include "dataplane/dpdk/look.h"

#include "dataplane/dpdk/heads.h"
#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/walk.h"

const struct dpk_walker *dpk_walker = &dpk_walker_any;

void dpk_look_up(const struct dpk_image *image, uint64_t port, struct dpk_looks *l, unsigned int n)
{
	uint64_t lanes, found = 0;

	l->view = image ? image->view : NULL;
	l->n = n;
	l->is_v6 = l->looked = l->astray = l->ways = l->wants = l->passes = l->told = 0;
	if (!l->view)
		return;
	l->way = dpk_view_way(l->view, port);
	lanes = dpk_heads(l);
	if (lanes & ~l->is_v6)
		found = dpk_walker->walk(l, false, lanes & ~l->is_v6);
	if (lanes & l->is_v6)
		found |= dpk_walker->walk(l, true, lanes & l->is_v6);
	dpk_walker->ports(l, found);
	dpk_walker->verdicts(l, found);
}

bool dpk_look_wide(bool on)
{
	const struct dpk_walker *wide = on ? dpk_walker_wide() : NULL;
	const bool has_heads = dpk_heads_wide(on);

	dpk_walker = wide ? wide : &dpk_walker_any;
	return has_heads || wide;
}
