// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * view.c -- what look-ups ask of an image, laid out for bursts.
 *
 * The image may be damaged (tests have such): every read is bounded, and what makes no sense is left out.
 */
#include "dataplane/dpdk/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dpdk/counters.h"
#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/tables.h"
#include "dbx/classify.h"

#define ROOT_BYTES (DBX_ROOT_ENTRIES * sizeof(uint32_t))

/* ---- sections ---- */

#define FILLS(type, shift) \
	_Static_assert(sizeof(type) << (shift) == DBX_CHUNK_BYTES, "as many as fill a chunk")
FILLS(struct dbx_run32, DBX_RUN32_SHIFT);
FILLS(struct dbx_run4, DBX_RUN4_SHIFT);
FILLS(struct dbx_binding, DBX_BINDING_SHIFT);
FILLS(struct dbx_profile, DBX_PROFILE_SHIFT);
FILLS(uint16_t, DBX_CELL_SHIFT);
FILLS(uint32_t, DBX_RULESET_SHIFT);
FILLS(struct dbx_outcome, DBX_OUTCOME_SHIFT);

static const void *array(const struct dpk_image *image, enum dbx_section_id id, uint32_t shift,
			 uint32_t *n)
{
	const struct dbx_section *s = &dpk_image_header(image)->sec[id];
	uint64_t max;

	*n = 0;
	if (s->chunk >= image->n_chunks)
		return NULL;
	max = (uint64_t)(image->n_chunks - s->chunk) << shift;
	*n = s->n_items < max ? s->n_items : (uint32_t)max;
	return image->base + ((uint64_t)s->chunk << DBX_CHUNK_SHIFT);
}

static const uint32_t *root(const struct dpk_image *image, enum dbx_section_id id)
{
	uint32_t n;

	return array(image, id, 0, &n);
}

static bool open_sections(struct dpk_view *v, const struct dpk_image *m)
{
	v->hdr = dpk_image_header(m);
	if (!v->hdr || !m->n_chunks || v->hdr->magic != DBX_IMAGE_MAGIC ||
	    v->hdr->abi != DBX_ABI_VERSION)
		return false;
	v->src4 = root(m, DBX_SEC_SRC4_ROOT);
	v->dst4 = root(m, DBX_SEC_DST4_ROOT);
	v->src6 = root(m, DBX_SEC_SRC6_ROOT);
	v->dst6 = root(m, DBX_SEC_DST6_ROOT);
	v->runs = array(m, DBX_SEC_RUNS32, DBX_RUN32_SHIFT, &v->n_runs);
	v->runs4 = array(m, DBX_SEC_DST4_RUNS, DBX_RUN4_SHIFT, &v->n_runs4);
	v->bindings = array(m, DBX_SEC_BINDINGS, DBX_BINDING_SHIFT, &v->n_bindings);
	v->profiles = array(m, DBX_SEC_PROFILES, DBX_PROFILE_SHIFT, &v->n_profiles);
	v->cells = array(m, DBX_SEC_CELLS, DBX_CELL_SHIFT, &v->n_cells);
	v->sets = array(m, DBX_SEC_RULESETS, DBX_RULESET_SHIFT, &v->n_sets);
	v->outcomes = array(m, DBX_SEC_OUTCOMES, DBX_OUTCOME_SHIFT, &v->n_outcomes);
	return v->src4 && v->dst4 && v->src6 && v->dst6;
}

/* ---- sources ---- */

static void fill_source(const struct dpk_view *v, const struct dbx_binding *b, struct dpk_source *s)
{
	const struct dbx_profile *p = b->profile < v->n_profiles ? &v->profiles[b->profile] : NULL;

	s->b = b;
	if (!p || (uint64_t)p->row + v->hdr->n_classes > v->n_cells)
		return;
	s->p = p;
	s->workspace_id = b->workspace_id;
	s->port = b->port;
	s->row = p->row;
	s->sets = p->rulesets;
	memcpy(s->marks, p->marks, sizeof(p->marks));
	s->flags = b->flags;
	s->is_dry = !!(b->flags & DBX_BINDING_F_DRY_RUN);
	s->rejects = b->flags & DBX_BINDING_F_REJECT ? 0xff : 0;
	s->product = b->product;
	s->has_quota = b->quota != 0;
}

static int make_sources(struct dpk_view *v)
{
	v->sources = dpk_memory_get((v->n_bindings + 1) * sizeof(*v->sources));
	if (!v->sources)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->n_bindings; i++)
		fill_source(v, &v->bindings[i], &v->sources[i]);
	return 0;
}

/* ---- outcomes ---- */

static void fill_verdict(const struct dbx_outcome *o, int dry_run, struct dpk_verdict *v)
{
	struct dbx_result res = {0};
	uint32_t which;

	dbx_result_outcome(&res, o, dry_run);
	which = dbx_mark_index(&res);
	*v = (struct dpk_verdict){
		.rule_uid = res.rule_uid,
		.key = dpk_key_word(res.reason, res.verdict, res.path),
		.total = DBX_TOTAL_REASON_BASE + (uint32_t)res.reason * DBX_VERDICT_MAX +
			 res.verdict,
		.needs_more = o->flags &
			      (DBX_OUTCOME_F_WORKSPACE | DBX_OUTCOME_F_NAMES | DBX_OUTCOME_F_GUARD),
		.mark_at = which > 2 ? 3 : (uint8_t)which,
		.if_pass = res.verdict == DBX_VERDICT_DROP ? 0 : 0xff,
		.if_drop = res.verdict == DBX_VERDICT_DROP ? 0xff : 0,
		.verdict = res.verdict,
		.reason = res.reason,
		.path = res.path,
		.is_told = res.verdict != DBX_VERDICT_PASS,
	};
	if (v->total >= DBX_TOTAL_MAX) /* an image that cannot be */
		v->needs_more = DBX_OUTCOME_F_WORKSPACE;
}

static int make_verdicts(struct dpk_view *v)
{
	v->verdicts = dpk_memory_get((v->n_outcomes + 1) * sizeof(*v->verdicts));
	if (!v->verdicts)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->n_outcomes; i++) {
		fill_verdict(&v->outcomes[i], 0, &v->verdicts[i][0]);
		fill_verdict(&v->outcomes[i], 1, &v->verdicts[i][1]);
	}
	return 0;
}

/* ---- what a run says of the 65,536 addresses of a root's entry ---- */

struct span {
	uint32_t start; /* the low 16 bits, of the address */
	uint32_t value;
};

struct spans {
	struct span *v;
	uint32_t n, max;
};

static int add_span(struct spans *s, uint32_t start, uint32_t value)
{
	struct span *v = s->v;

	if (s->n == s->max) {
		v = realloc(v, (s->max + 1024) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		s->v = v;
		s->max += 1024;
	}
	v[s->n++] = (struct span){start & 0xffff, value};
	return 0;
}

/* Entries of the run at ref, no more than its chunk has. */
static uint32_t entries(uint32_t ref, uint32_t n_items, uint32_t shift, uint32_t last)
{
	uint32_t room = (1u << shift) - (ref & ((1u << shift) - 1));

	if (room > n_items - ref)
		room = n_items - ref;
	return last < room ? last + 1 : room;
}

static int read_run4(const struct dpk_view *v, uint32_t ref, struct spans *s)
{
	const struct dbx_run4 *r = &v->runs4[ref];
	uint32_t n;
	int rc = 0;

	if (ref >= v->n_runs4)
		return add_span(s, 0, 0);
	n = entries(ref, v->n_runs4, DBX_RUN4_SHIFT, r->start);
	for (uint32_t i = 0; i < n && !rc; i++)
		rc = add_span(s, i ? r[i].start : 0, r[i].class_id);
	return rc;
}

/* Index + 1 of an owner's binding in domain 0. */
static uint32_t binding_of(const struct dbx_env *env, const struct dpk_view *v, uint32_t owner)
{
	const struct dbx_binding *b = dbx_owner_binding(env, v->hdr, owner, 0);

	return b ? (uint32_t)(b - v->bindings) + 1 : 0;
}

/* again: the second part of a long run, which begins at start. */
static int read_run32(const struct dbx_env *env, const struct dpk_view *v, uint32_t ref,
		      uint32_t start, bool is_again, struct spans *s)
{
	const struct dbx_run32 *r = &v->runs[ref & DBX_REF_MASK];
	uint32_t n;
	int rc = 0;

	ref &= DBX_REF_MASK;
	if (ref >= v->n_runs)
		return add_span(s, start, 0);
	n = entries(ref, v->n_runs, DBX_RUN32_SHIFT, r->start);
	for (uint32_t i = 0; i < n && !rc; i++) {
		uint32_t value = r[i].value, at = i ? r[i].start : start;

		if (value & DBX_LEAF)
			rc = add_span(s, at, binding_of(env, v, value & DBX_VALUE_MASK));
		else if ((value & DBX_SAME) && !is_again)
			rc = read_run32(env, v, value, at, true, s);
		else
			rc = add_span(s, at, 0);
	}
	return rc;
}

/* ---- tries ---- */

/* 0: there is no room. */
static uint32_t new_block(struct dpk_trie *t)
{
	uint32_t n = t->n_blocks;

	if (n == DPK_TRIE_BLOCKS_MAX)
		return 0;
	if (!(n & (n - 1))) { /* as many again */
		void *v = realloc(t->blocks, (n ? 2 * (size_t)n : 1) * sizeof(*t->blocks));

		if (!v)
			return 0;
		t->blocks = v;
	}
	t->n_blocks++;
	return n;
}

/* The last span that begins at or before `at`; those before *j do not. */
static uint32_t value_at(const struct spans *s, uint32_t *j, uint32_t at)
{
	while (*j + 1 < s->n && s->v[*j + 1].start <= at)
		(*j)++;
	return DBX_LEAF | s->v[*j].value;
}

/* The 256 addresses from `at` on. */
static uint32_t last_block(struct dpk_trie *t, const struct spans *s, uint32_t j, uint32_t at)
{
	uint32_t k = new_block(t);

	if (!k)
		return DPK_TRIE_ABSENT;
	for (uint32_t i = 0; i < 256; i++)
		t->blocks[k][i] = value_at(s, &j, at + i);
	return k;
}

static uint32_t middle_block(struct dpk_trie *t, const struct spans *s)
{
	uint32_t k = new_block(t), j = 0;

	if (!k)
		return DPK_TRIE_ABSENT;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = value_at(s, &j, i << 8);
		bool is_one = j + 1 == s->n || s->v[j + 1].start > (i << 8 | 255);

		if (!is_one)
			value = last_block(t, s, j, i << 8);
		t->blocks[k][i] = value;
	}
	return k;
}

/* What lcores read is moved to where huge pages are. */
static int settle(struct dpk_trie *t)
{
	size_t n_bytes = t->n_blocks * sizeof(*t->blocks);
	void *v = dpk_memory_get(n_bytes);

	if (v)
		memcpy(v, t->blocks, n_bytes);
	free(t->blocks);
	t->blocks = v;
	return v ? 0 : -ENOMEM;
}

typedef int (*read_fn)(const struct dbx_env *env, const struct dpk_view *v, uint32_t top,
		       struct spans *s);

static int read_src(const struct dbx_env *env, const struct dpk_view *v, uint32_t top,
		    struct spans *s)
{
	uint32_t value = v->src4[top];

	if (value & DBX_LEAF)
		return add_span(s, 0, binding_of(env, v, value & DBX_VALUE_MASK));
	return read_run32(env, v, value, 0, false, s);
}

static int read_dst(const struct dbx_env *env, const struct dpk_view *v, uint32_t top,
		    struct spans *s)
{
	uint32_t value = v->dst4[top];

	(void)env;
	if (value & DBX_LEAF)
		return add_span(s, 0, value & DBX_VALUE_MASK);
	return read_run4(v, value, s);
}

static int make_trie(struct dpk_trie *t, const struct dpk_image *m, const struct dpk_view *v,
		     read_fn read)
{
	const struct dbx_env env = {.base = m->base, .n_chunks = m->n_chunks};
	struct spans s = {0};
	int rc = 0;

	t->root = dpk_memory_get(ROOT_BYTES);
	if (!t->root)
		return -ENOMEM;
	new_block(t); /* 0, which nothing refers to, and which is read where there is no next one */
	if (!t->n_blocks)
		return -ENOMEM;
	memset(t->blocks[0], 0, sizeof(*t->blocks));
	for (uint32_t i = 0; i < DBX_ROOT_ENTRIES && !rc; i++) {
		s.n = 0;
		rc = read(&env, v, i, &s);
		if (!rc)
			t->root[i] = s.n == 1 ? DBX_LEAF | s.v[0].value : middle_block(t, &s);
	}
	free(s.v);
	if (!rc)
		return settle(t);
	free(t->blocks);
	t->blocks = NULL;
	return rc;
}

static void free_trie(struct dpk_trie *t)
{
	dpk_memory_put(t->root, ROOT_BYTES);
	dpk_memory_put(t->blocks, t->n_blocks * sizeof(*t->blocks));
}

/* ---- */

int dpk_view_make(struct dpk_view **out, const struct dpk_image *image)
{
	struct dpk_view *v = calloc(1, sizeof(*v));
	int rc;

	*out = NULL;
	if (!v)
		return -ENOMEM;
	if (!open_sections(v, image)) {
		free(v);
		return 0;
	}
	rc = make_sources(v);
	rc = rc ? rc : make_verdicts(v);
	rc = rc ? rc : make_trie(&v->by_src, image, v, read_src);
	rc = rc ? rc : make_trie(&v->by_dst, image, v, read_dst);
	if (rc)
		dpk_view_free(&v);
	*out = v;
	return rc;
}

void dpk_view_free(struct dpk_view **vp)
{
	struct dpk_view *v = *vp;

	if (!v)
		return;
	dpk_memory_put(v->sources, (v->n_bindings + 1) * sizeof(*v->sources));
	dpk_memory_put(v->verdicts, (v->n_outcomes + 1) * sizeof(*v->verdicts));
	free_trie(&v->by_src);
	free_trie(&v->by_dst);
	free(v);
	*vp = NULL;
}
