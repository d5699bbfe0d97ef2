// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * warm.c -- what a burst is going to read of the image is looked up ahead, level by level.
 *
 * The look-ups of classify.h hang on each other: root, run, owner, binding; root, run, class, cell, rule
 * set, outcome. One packet alone would wait for memory at each, and for each step of a search. Here all
 * packets of a burst take a step together, and the next step begins when the memory of the first is
 * there.
 *
 * Owner and class are kept as hints: they are functions of image and address, the program takes them
 * for the same address in the same burst (program.c), and test_dpdk_warm.c holds them against lookup.h.
 * The rest is fetched into the cache, and looked up again.
 */
#include <rte_prefetch.h>

#include "dataplane/dpdk/pipe.h"

/* A search of a run that is under way. */
struct search {
	const void *run; /* the chunk that it lies in; NULL: there is nothing to search */
	uint32_t lo, n, key;
};

struct work {
	struct dpk_hint *hint;
	struct search src, dst;
	const struct dbx_binding *b;
	const struct dbx_profile *p;
	const uint16_t *cell;
	const uint32_t *set;
};

#define MASK32 ((1u << DBX_RUN32_SHIFT) - 1)
#define MASK4  ((1u << DBX_RUN4_SHIFT) - 1)

/* Addresses of an IPv4 frame with at most two tags; another frame is looked up by the program alone. */
static bool peek(const struct dpk_frame *f, struct dpk_hint *h)
{
	const uint8_t *p = f->data + 12;

	h->is_set = false;
	if (f->data_end - f->data < 14 + 8 + 20)
		return false;
	for (int i = 0; i < 2 && (dbx_rd16(p) == 0x8100 || dbx_rd16(p) == 0x88a8); i++)
		p += 4;
	if (dbx_rd16(p) != 0x0800)
		return false;
	h->src = dbx_rd32(p + 2 + 12);
	h->dst = dbx_rd32(p + 2 + 16);
	return true;
}

static void fetch_item(const struct dbx_env *env, const struct dbx_section *sec, uint32_t index,
		       uint32_t shift, uint32_t bytes)
{
	const void *p = dbx_item(env, sec, index, shift, bytes);

	if (p)
		rte_prefetch0(p);
}

static void step_roots(const struct dbx_env *env, const struct dbx_image_header *hdr,
		       const struct work *w)
{
	const uint32_t *src = dbx_env_chunk(env, hdr->sec[DBX_SEC_SRC4_ROOT].chunk);
	const uint32_t *dst = dbx_env_chunk(env, hdr->sec[DBX_SEC_DST4_ROOT].chunk);

	if (src)
		rte_prefetch0(&src[w->hint->src >> 16]);
	if (dst)
		rte_prefetch0(&dst[w->hint->dst >> 16]);
}

/* As dbx_src_owner() and dbx_dst4_class() begin: a leaf, or the run to be searched. */
static void step_runs(const struct dbx_env *env, const struct dbx_image_header *hdr, struct work *w)
{
	const struct dbx_section *runs = &hdr->sec[DBX_SEC_RUNS32];
	const struct dbx_section *runs4 = &hdr->sec[DBX_SEC_DST4_RUNS];
	struct dpk_hint *h = w->hint;
	uint32_t v = dbx_root(env, &hdr->sec[DBX_SEC_SRC4_ROOT], h->src >> 16);

	w->src = (struct search){.key = h->src};
	h->owner = v & DBX_LEAF ? v & DBX_VALUE_MASK : 0;
	if (!(v & DBX_LEAF) && (v & DBX_REF_MASK) < runs->n_items) {
		v &= DBX_REF_MASK;
		w->src.run = dbx_env_chunk(env, runs->chunk + (v >> DBX_RUN32_SHIFT));
		w->src.lo = v & MASK32;
		if (w->src.run)
			rte_prefetch0((const struct dbx_run32 *)w->src.run + w->src.lo);
	}
	v = dbx_root(env, &hdr->sec[DBX_SEC_DST4_ROOT], h->dst >> 16);
	w->dst = (struct search){.key = h->dst & 0xffff};
	h->class_id = v & DBX_LEAF ? v & DBX_VALUE_MASK : 0;
	if (!(v & DBX_LEAF) && v < runs4->n_items) {
		w->dst.run = dbx_env_chunk(env, runs4->chunk + (v >> DBX_RUN4_SHIFT));
		w->dst.lo = v & MASK4;
		if (w->dst.run)
			rte_prefetch0((const struct dbx_run4 *)w->dst.run + w->dst.lo);
	}
}

/* Searched where there is nothing to search: one entry, of which no half is taken. */
static const struct dbx_run32 no_run32[1];
static const struct dbx_run4 no_run4[1];

/* The first entry of a run has its length. */
static void step_lengths(struct work *w, uint32_t *longest, uint32_t *longest4)
{
	struct search *s = &w->src, *d = &w->dst;

	if (!s->run) {
		s->run = no_run32;
		s->lo = 0;
	}
	s->n = ((const struct dbx_run32 *)s->run)[s->lo].start + 1;
	if (!d->run) {
		d->run = no_run4;
		d->lo = 0;
	}
	d->n = ((const struct dbx_run4 *)d->run)[d->lo].start + 1u;
	*longest = s->n > *longest ? s->n : *longest;
	*longest4 = d->n > *longest4 ? d->n : *longest4;
}

/*
 * Halvings, one of each packet's at a time, and no more than lookup.h does; of a run that is done,
 * nothing changes.
 */
static void search_src(struct work *w, unsigned int k, uint32_t longest)
{
	for (unsigned int bits = 0; longest > 1 && bits < DBX_RUN32_SHIFT; bits++) {
		for (unsigned int i = 0; i < k; i++) {
			struct search *s = &w[i].src;
			const struct dbx_run32 *r = s->run;
			uint32_t half = s->n >> 1;
			uint32_t more = r[(s->lo + half) & MASK32].start <= s->key ? half : 0;

			DBX_OPAQUE(more);
			s->lo += more;
			s->n -= half;
		}
		longest -= longest >> 1;
	}
}

static void search_dst(struct work *w, unsigned int k, uint32_t longest)
{
	for (unsigned int bits = 0; longest > 1 && bits < DBX_RUN4_SHIFT; bits++) {
		for (unsigned int i = 0; i < k; i++) {
			struct search *s = &w[i].dst;
			const struct dbx_run4 *r = s->run;
			uint32_t half = s->n >> 1;
			uint32_t more = r[(s->lo + half) & MASK4].start <= s->key ? half : 0;

			DBX_OPAQUE(more);
			s->lo += more;
			s->n -= half;
		}
		longest -= longest >> 1;
	}
}

static void step_found(const struct dbx_env *env, const struct dbx_image_header *hdr,
		       struct work *w)
{
	struct dpk_hint *h = w->hint;
	uint32_t v;

	if (w->src.run != no_run32) {
		v = ((const struct dbx_run32 *)w->src.run)[w->src.lo & MASK32].value;
		if (!(v & DBX_LEAF) && (v & DBX_SAME)) /* the run is longer than a chunk */
			v = dbx_run32_find(env, &hdr->sec[DBX_SEC_RUNS32], v & DBX_REF_MASK,
					   h->src);
		h->owner = v & DBX_LEAF ? v & DBX_VALUE_MASK : 0;
	}
	if (w->dst.run != no_run4)
		h->class_id = ((const struct dbx_run4 *)w->dst.run)[w->dst.lo & MASK4].class_id;
	h->is_set = true;
	if (h->owner)
		fetch_item(env, &hdr->sec[DBX_SEC_RUNS32], h->owner, DBX_RUN32_SHIFT,
			   sizeof(struct dbx_run32));
}

static void step_binding(const struct dbx_env *env, const struct dbx_image_header *hdr,
			 struct work *w)
{
	w->b = dbx_owner_binding(env, hdr, w->hint->owner, 0);
	if (w->b)
		rte_prefetch0(w->b);
}

static void step_profile(const struct dbx_env *env, const struct dbx_image_header *hdr,
			 struct work *w)
{
	w->p = w->b ? dbx_item(env, &hdr->sec[DBX_SEC_PROFILES], w->b->profile, DBX_PROFILE_SHIFT,
			       sizeof(*w->p))
		    : NULL;
	if (w->p)
		rte_prefetch0(w->p);
}

static void step_cell(const struct dbx_env *env, const struct dbx_image_header *hdr, struct work *w)
{
	w->cell = w->p ? dbx_item(env, &hdr->sec[DBX_SEC_CELLS], w->p->row + w->hint->class_id,
				  DBX_CELL_SHIFT, sizeof(*w->cell))
		       : NULL;
	if (w->cell)
		rte_prefetch0(w->cell);
}

static void step_set(const struct dbx_env *env, const struct dbx_image_header *hdr, struct work *w)
{
	w->set = w->cell ? dbx_item(env, &hdr->sec[DBX_SEC_RULESETS], w->p->rulesets + *w->cell,
				    DBX_RULESET_SHIFT, sizeof(*w->set))
			 : NULL;
	if (w->set)
		rte_prefetch0(w->set);
}

static void step_outcome(const struct dbx_env *env, const struct dbx_image_header *hdr,
			 struct work *w)
{
	if (!w->set)
		return;
	if (*w->set & DBX_LEAF)
		fetch_item(env, &hdr->sec[DBX_SEC_OUTCOMES], *w->set & DBX_VALUE_MASK,
			   DBX_OUTCOME_SHIFT, sizeof(struct dbx_outcome));
	else
		fetch_item(env, &hdr->sec[DBX_SEC_RUNS32], *w->set, DBX_RUN32_SHIFT,
			   sizeof(struct dbx_run32));
}

#define EACH(step)                                      \
	do {                                            \
		for (unsigned int i_ = 0; i_ < k; i_++) \
			step(&env, hdr, &w[i_]);        \
	} while (0)

void dpk_warm(const struct dpk_image *image, const struct dpk_frame *f, unsigned int n,
	      struct dpk_hint *hints)
{
	const struct dbx_image_header *hdr = dpk_image_header(image);
	struct dbx_env env = {.base = image ? image->base : NULL,
			      .n_chunks = image ? image->n_chunks : 0};
	uint32_t longest = 0, longest4 = 0;
	struct work w[DPK_BURST];
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		w[k].hint = &hints[i];
		k += peek(&f[i], &hints[i]) && hdr && n > 1;
	}
	EACH(step_roots);
	EACH(step_runs);
	for (unsigned int i = 0; i < k; i++)
		step_lengths(&w[i], &longest, &longest4);
	search_src(w, k, longest);
	search_dst(w, k, longest4);
	EACH(step_found);
	EACH(step_binding);
	EACH(step_profile);
	EACH(step_cell);
	EACH(step_set);
	EACH(step_outcome);
}
