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
	v->outcomes = array(m, DBX_SEC_OUTCOMES, DBX_OUTCOME_SHIFT, &v->n_outcomes);
	return v->src4 && v->dst4 && v->src6 && v->dst6;
}

/* ---- rules ---- */

/* The rule sets of a profile, in the order of classes. false: the image lacks its row. */
static bool fill_rules(const struct dpk_image *m, const struct dpk_view *v,
		       const struct dbx_profile *p, uint32_t *out)
{
	uint32_t n_cells, n_sets;
	const uint16_t *cells = array(m, DBX_SEC_CELLS, DBX_CELL_SHIFT, &n_cells);
	const uint32_t *sets = array(m, DBX_SEC_RULESETS, DBX_RULESET_SHIFT, &n_sets);

	if ((uint64_t)p->row + v->hdr->n_classes > n_cells)
		return false;
	for (uint32_t i = 0; i < v->hdr->n_classes; i++) {
		uint32_t at = p->rulesets + cells[p->row + i];

		out[i] = at < n_sets ? sets[at] : 0;
	}
	return true;
}

/* rows: by profile. */
static int make_rules(const struct dpk_image *m, struct dpk_view *v, uint32_t *rows)
{
	const uint64_t n = (uint64_t)v->n_profiles * v->hdr->n_classes;

	if (n > DPK_RULES_MAX)
		return -E2BIG;
	v->n_rules = n;
	v->rules = dpk_memory_get((n + 1) * sizeof(*v->rules));
	if (!v->rules)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->n_profiles; i++) {
		rows[i] = i * v->hdr->n_classes;
		if (!fill_rules(m, v, &v->profiles[i], v->rules + rows[i]))
			rows[i] = DPK_NO_ROW;
	}
	return 0;
}

/* ---- sources ---- */

static void fill_source(const struct dpk_view *v, const struct dbx_binding *b, uint32_t row,
			struct dpk_source *s)
{
	const struct dbx_profile *p = row != DPK_NO_ROW ? &v->profiles[b->profile] : NULL;

	s->b = b;
	if (!p)
		return;
	s->p = p;
	s->workspace_id = b->workspace_id;
	s->port = b->port;
	memcpy(s->marks, p->marks, sizeof(p->marks));
	s->flags = b->flags;
	s->is_dry = !!(b->flags & DBX_BINDING_F_DRY_RUN);
	s->rejects = b->flags & DBX_BINDING_F_REJECT ? 0xff : 0;
	s->product = b->product;
	s->has_quota = b->quota != 0;
}

static int make_sources(const struct dpk_image *m, struct dpk_view *v)
{
	uint32_t *rows = calloc(v->n_profiles + 1u, sizeof(*rows));
	int rc = rows ? make_rules(m, v, rows) : -ENOMEM;

	v->sources = dpk_memory_get((v->n_bindings + 1u) * sizeof(*v->sources));
	v->rows = dpk_memory_get((v->n_bindings + 1u) * sizeof(*v->rows));
	if (!rc && (!v->sources || !v->rows))
		rc = -ENOMEM;
	for (uint32_t i = 0; i < v->n_bindings && !rc; i++) {
		const struct dbx_binding *b = &v->bindings[i];

		v->rows[i] = b->profile < v->n_profiles ? rows[b->profile] : DPK_NO_ROW;
		fill_source(v, b, v->rows[i], &v->sources[i]);
	}
	free(rows);
	return rc;
}

/* ---- outcomes ---- */

static void fill_verdict(const struct dbx_outcome *o, int dry_run, struct dpk_verdict *v)
{
	struct dbx_result res = {0};
	uint32_t which;

	dbx_result_outcome(&res, o, dry_run);
	which = res.verdict == DBX_VERDICT_DROP ? 3 : dbx_mark_index(&res);
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

/* ---- what a run says of a word of the address ---- */

/* From start on. value: DBX_LEAF | what the table has, or the run that the next word is searched in. */
struct span {
	uint32_t start, value;
};

struct spans {
	struct span *v;
	uint32_t n, max;
};

struct maker {
	const struct dpk_view *v;
	struct dbx_env env;
	struct dpk_trie *t;
	bool is_src, is_v6;
	uint32_t *made; /* by run: the entry that leads to it, 0 = none yet */
	bool is_out_of_memory;
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
	v[s->n++] = (struct span){start, value};
	return 0;
}

/* Of an owner: index + 1 of its binding in domain 0. */
static uint32_t leaf_of(const struct maker *m, uint32_t value)
{
	const struct dbx_binding *b;

	value &= DBX_VALUE_MASK;
	if (!m->is_src)
		return DBX_LEAF | value;
	b = dbx_owner_binding(&m->env, m->v->hdr, value, 0);
	return DBX_LEAF | (b ? (uint32_t)(b - m->v->bindings) + 1 : 0);
}

/* Entries of the run at ref, no more than its chunk has. */
static uint32_t entries(uint32_t ref, uint32_t n_items, uint32_t shift, uint32_t last)
{
	uint32_t room = (1u << shift) - (ref & ((1u << shift) - 1));

	if (room > n_items - ref)
		room = n_items - ref;
	return last < room ? last + 1 : room;
}

static int read_run4(const struct maker *m, uint32_t ref, uint32_t base, struct spans *s)
{
	const struct dbx_run4 *r = m->v->runs4 + ref;
	uint32_t n;
	int rc = 0;

	if (ref >= m->v->n_runs4)
		return add_span(s, base, DBX_LEAF);
	n = entries(ref, m->v->n_runs4, DBX_RUN4_SHIFT, r->start);
	for (uint32_t i = 0; i < n && !rc; i++)
		rc = add_span(s, i ? base | r[i].start : base, leaf_of(m, r[i].class_id));
	return rc;
}

/* again: the second part of a long run, which begins at start. is_last: no word is behind this one. */
static int read_run32(const struct maker *m, uint32_t ref, uint32_t start, bool is_again,
		      bool is_last, struct spans *s)
{
	const struct dbx_run32 *r;
	uint32_t n;
	int rc = 0;

	ref &= DBX_REF_MASK;
	if (ref >= m->v->n_runs)
		return add_span(s, start, DBX_LEAF);
	r = &m->v->runs[ref];
	n = entries(ref, m->v->n_runs, DBX_RUN32_SHIFT, r->start);
	for (uint32_t i = 0; i < n && !rc; i++) {
		uint32_t value = r[i].value, at = i ? r[i].start : start;

		if (value & DBX_LEAF)
			rc = add_span(s, at, leaf_of(m, value));
		else if ((value & DBX_SAME) && !is_again)
			rc = read_run32(m, value, at, true, is_last, s);
		else
			rc = add_span(s, at, is_last ? DBX_LEAF : value & DBX_REF_MASK);
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

static uint32_t next_word(struct maker *m, uint32_t ref, unsigned int word);

/* Whatever the other `bits` of this word are, the next one is searched in the run. */
static uint32_t skip_to(struct maker *m, uint32_t ref, unsigned int word, unsigned int bits)
{
	uint32_t entry = next_word(m, ref, word + 1);

	for (; bits && !(entry & DBX_LEAF); bits -= 8) {
		uint32_t k = new_block(m->t);

		if (!k)
			return DPK_TRIE_ABSENT;
		for (unsigned int i = 0; i < 256; i++)
			m->t->blocks[k][i] = entry;
		entry = k;
	}
	return entry;
}

/*
 * The entry for the 2^bits keys from base on. j: the last span that is known to begin at or before base.
 * Each call goes 8 bits on, or to the next word: at most 14 deep.
 */
static uint32_t entry_of(struct maker *m, const struct spans *s, uint32_t j, uint32_t base,
			 unsigned int bits, unsigned int word)
{
	uint64_t end = base + (1ull << bits);
	uint32_t k;

	while (j + 1 < s->n && s->v[j + 1].start <= base)
		j++;
	if (j + 1 >= s->n || s->v[j + 1].start >= end || !bits)
		return s->v[j].value & DBX_LEAF ? s->v[j].value
						: skip_to(m, s->v[j].value, word, bits);
	k = new_block(m->t);
	if (!k)
		return DPK_TRIE_ABSENT;
	bits -= 8;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t at = base + (i << bits), entry;

		while (j + 1 < s->n && s->v[j + 1].start <= at)
			j++;
		entry = entry_of(m, s, j, at, bits, word);
		m->t->blocks[k][i] = entry; /* which the call may have moved */
	}
	return k;
}

/* The run of a whole word; many words may lead to one run. */
static uint32_t next_word(struct maker *m, uint32_t ref, unsigned int word)
{
	struct spans s = {0};
	uint32_t entry;

	if (ref < m->v->n_runs && m->made[ref])
		return m->made[ref];
	if (read_run32(m, ref, 0, false, word == 3, &s)) {
		m->is_out_of_memory = true;
		entry = DPK_TRIE_ABSENT;
	} else {
		entry = entry_of(m, &s, 0, 0, 32, word);
	}
	free(s.v);
	if (ref < m->v->n_runs)
		m->made[ref] = entry;
	return entry;
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

/* What the root's entry says of its 65,536 keys. */
static int read_entry(const struct maker *m, uint32_t value, uint32_t base, struct spans *s)
{
	if (value & DBX_LEAF)
		return add_span(s, base, leaf_of(m, value));
	if (!m->is_src && !m->is_v6)
		return read_run4(m, value, base, s);
	return read_run32(m, value, base, false, !m->is_v6, s);
}

static int fill_trie(struct maker *m, const uint32_t *root)
{
	struct dpk_trie *t = m->t;
	struct spans s = {0};
	int rc = 0;

	new_block(t); /* 0, which nothing refers to, and which is read where there is no next one */
	if (!t->n_blocks)
		return -ENOMEM;
	memset(t->blocks[0], 0, sizeof(*t->blocks));
	for (uint32_t i = 0; i < DBX_ROOT_ENTRIES && !rc; i++) {
		s.n = 0;
		rc = read_entry(m, root[i], i << 16, &s);
		if (!rc)
			t->root[i] = entry_of(m, &s, 0, i << 16, 16, 0);
	}
	free(s.v);
	return m->is_out_of_memory ? -ENOMEM : rc;
}

static int make_trie(struct dpk_trie *t, const struct dpk_image *image, const struct dpk_view *v,
		     const uint32_t *root, bool is_src)
{
	struct maker m = {
		.v = v,
		.env = {.base = image->base, .n_chunks = image->n_chunks},
		.t = t,
		.is_src = is_src,
		.is_v6 = root == v->src6 || root == v->dst6,
		.made = calloc(v->n_runs + 1u, sizeof(*m.made)),
	};
	int rc;

	t->root = dpk_memory_get(ROOT_BYTES);
	rc = t->root && m.made ? fill_trie(&m, root) : -ENOMEM;
	free(m.made);
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
	rc = make_sources(image, v);
	rc = rc ? rc : make_verdicts(v);
	rc = rc ? rc : make_trie(&v->by_src4, image, v, v->src4, true);
	rc = rc ? rc : make_trie(&v->by_dst4, image, v, v->dst4, false);
	rc = rc ? rc : make_trie(&v->by_src6, image, v, v->src6, true);
	rc = rc ? rc : make_trie(&v->by_dst6, image, v, v->dst6, false);
	if (rc)
		dpk_view_free(&v);
	*out = v;
	return rc == -E2BIG ? 0 : rc; /* too large: all is judged by the image itself */
}

void dpk_view_free(struct dpk_view **vp)
{
	struct dpk_view *v = *vp;

	if (!v)
		return;
	dpk_memory_put(v->rules, (v->n_rules + 1) * sizeof(*v->rules));
	dpk_memory_put(v->rows, (v->n_bindings + 1u) * sizeof(*v->rows));
	dpk_memory_put(v->sources, (v->n_bindings + 1u) * sizeof(*v->sources));
	dpk_memory_put(v->verdicts, (v->n_outcomes + 1) * sizeof(*v->verdicts));
	free_trie(&v->by_src4);
	free_trie(&v->by_dst4);
	free_trie(&v->by_src6);
	free_trie(&v->by_dst6);
	free(v);
	*vp = NULL;
}
