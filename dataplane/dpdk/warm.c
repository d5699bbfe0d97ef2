// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * warm.c -- what a burst is going to read of the image is fetched ahead, level by level.
 *
 * The look-ups of classify.h hang on each other: root, run, owner, binding; root, run, class, cell, rule
 * set, outcome. One packet alone would wait for memory at each. Here all packets of a burst take a step
 * together, and the next step begins when the memory of the first is there. Nothing of it is kept: the
 * program looks all of it up again, bounded and checked, and finds it in the cache. What is read wrong
 * here costs time, never a verdict.
 */
#include <rte_prefetch.h>

#include "dataplane/dpdk/pipe.h"

struct hint {
	const struct dbx_pkt *pkt;
	uint32_t src, dst, key;
	uint32_t at_src, at_dst; /* what the roots said */
	uint32_t owner, class_id;
	const struct dbx_binding *b;
	const struct dbx_profile *p;
	const uint16_t *cell;
	const uint32_t *set;
	bool is_v4;
};

/* Addresses of an IPv4 frame with at most two tags; another frame is looked up cold. */
static void peek(const struct dpk_frame *f, struct hint *h)
{
	const uint8_t *p = f->data + 12;

	h->is_v4 = false;
	if (f->data_end - f->data < 14 + 8 + 20)
		return;
	for (int i = 0; i < 2 && (dbx_rd16(p) == 0x8100 || dbx_rd16(p) == 0x88a8); i++)
		p += 4;
	if (dbx_rd16(p) != 0x0800 || p[2] != 0x45)
		return;
	h->is_v4 = true;
	h->src = dbx_rd32(p + 2 + 12);
	h->dst = dbx_rd32(p + 2 + 16);
	h->key = (uint32_t)p[2 + 9] << 16 |
		 (uint32_t)(f->data_end - p < 2 + 24 ? 0 : dbx_rd16(p + 24));
}

static void fetch_item(const struct dbx_env *env, const struct dbx_section *sec, uint32_t index,
		       uint32_t shift, uint32_t bytes)
{
	const void *p = dbx_item(env, sec, index, shift, bytes);

	if (p)
		rte_prefetch0(p);
}

static void step_roots(const struct dbx_env *env, const struct dbx_image_header *hdr,
		       const struct hint *h)
{
	const uint32_t *src = dbx_env_chunk(env, hdr->sec[DBX_SEC_SRC4_ROOT].chunk);
	const uint32_t *dst = dbx_env_chunk(env, hdr->sec[DBX_SEC_DST4_ROOT].chunk);

	if (src)
		rte_prefetch0(&src[h->src >> 16]);
	if (dst)
		rte_prefetch0(&dst[h->dst >> 16]);
}

static void step_runs(const struct dbx_env *env, const struct dbx_image_header *hdr, struct hint *h)
{
	h->at_src = dbx_root(env, &hdr->sec[DBX_SEC_SRC4_ROOT], h->src >> 16);
	h->at_dst = dbx_root(env, &hdr->sec[DBX_SEC_DST4_ROOT], h->dst >> 16);
	if (!(h->at_src & DBX_LEAF))
		fetch_item(env, &hdr->sec[DBX_SEC_RUNS32], h->at_src, DBX_RUN32_SHIFT,
			   sizeof(struct dbx_run32));
	if (!(h->at_dst & DBX_LEAF))
		fetch_item(env, &hdr->sec[DBX_SEC_DST4_RUNS], h->at_dst, DBX_RUN4_SHIFT,
			   sizeof(struct dbx_run4));
}

static void step_found(const struct dbx_env *env, const struct dbx_image_header *hdr,
		       struct hint *h)
{
	if (h->at_src & DBX_LEAF)
		h->owner = h->at_src & DBX_VALUE_MASK;
	else
		h->owner = dbx_run32_find(env, &hdr->sec[DBX_SEC_RUNS32], h->at_src, h->src) &
			   DBX_VALUE_MASK;
	h->class_id = dbx_dst4_class(env, hdr, h->dst);
	if (h->owner)
		fetch_item(env, &hdr->sec[DBX_SEC_RUNS32], h->owner, DBX_RUN32_SHIFT,
			   sizeof(struct dbx_run32));
}

static void step_binding(const struct dbx_env *env, const struct dbx_image_header *hdr,
			 struct hint *h)
{
	h->b = dbx_owner_binding(env, hdr, h->owner, 0);
	if (h->b)
		rte_prefetch0(h->b);
}

static void step_profile(const struct dbx_env *env, const struct dbx_image_header *hdr,
			 struct hint *h)
{
	h->p = h->b ? dbx_item(env, &hdr->sec[DBX_SEC_PROFILES], h->b->profile, DBX_PROFILE_SHIFT,
			       sizeof(*h->p))
		    : NULL;
	if (h->p)
		rte_prefetch0(h->p);
}

static void step_cell(const struct dbx_env *env, const struct dbx_image_header *hdr, struct hint *h)
{
	h->cell = h->p ? dbx_item(env, &hdr->sec[DBX_SEC_CELLS], h->p->row + h->class_id,
				  DBX_CELL_SHIFT, sizeof(*h->cell))
		       : NULL;
	if (h->cell)
		rte_prefetch0(h->cell);
}

static void step_set(const struct dbx_env *env, const struct dbx_image_header *hdr, struct hint *h)
{
	h->set = h->cell ? dbx_item(env, &hdr->sec[DBX_SEC_RULESETS], h->p->rulesets + *h->cell,
				    DBX_RULESET_SHIFT, sizeof(*h->set))
			 : NULL;
	if (h->set)
		rte_prefetch0(h->set);
}

static void step_outcome(const struct dbx_env *env, const struct dbx_image_header *hdr,
			 struct hint *h)
{
	if (!h->set)
		return;
	if (*h->set & DBX_LEAF)
		fetch_item(env, &hdr->sec[DBX_SEC_OUTCOMES], *h->set & DBX_VALUE_MASK,
			   DBX_OUTCOME_SHIFT, sizeof(struct dbx_outcome));
	else
		fetch_item(env, &hdr->sec[DBX_SEC_RUNS32], *h->set, DBX_RUN32_SHIFT,
			   sizeof(struct dbx_run32));
}

#define EACH(step)                                      \
	do {                                            \
		for (unsigned int i_ = 0; i_ < k; i_++) \
			step(&env, hdr, &h[i_]);        \
	} while (0)

void dpk_warm(const struct dpk_image *image, const struct dpk_frame *f, unsigned int n)
{
	const struct dbx_image_header *hdr = dpk_image_header(image);
	struct dbx_env env = {.base = image ? image->base : NULL,
			      .n_chunks = image ? image->n_chunks : 0};
	struct hint h[DPK_BURST];
	unsigned int k = 0;

	if (!hdr || n < 2)
		return;
	for (unsigned int i = 0; i < n; i++) {
		peek(&f[i], &h[k]);
		k += h[k].is_v4;
	}
	EACH(step_roots);
	EACH(step_runs);
	EACH(step_found);
	EACH(step_binding);
	EACH(step_profile);
	EACH(step_cell);
	EACH(step_set);
	EACH(step_outcome);
}
