// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * trie.c -- tables made of an image's runs: of addresses, and of ports.
 *
 * The image may be damaged (tests have such): every read is bounded, and what makes no sense is left out.
 */
#include "dataplane/dpdk/trie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/tables.h"
#include "dataplane/dpdk/view.h"
#include "dbx/classify.h"

#define ROOT_BYTES (DBX_ROOT_ENTRIES * sizeof(uint32_t))
#define PARTS_MAX  64u /* of a range, for each of its spans */

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
	struct dpk_trie *t; /* NULL: ports */
	struct dpk_nodes *nodes;
	bool is_src, is_v6;
	uint32_t *made; /* by word and run: the entry that leads to it, 0 = none yet */
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

/* ---- what a run says of a word ---- */

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

/* Where the image says to go on, though no word is behind this one. */
static uint32_t dead_end(const struct maker *m)
{
	return m->t ? DBX_LEAF : DPK_TRIE_ABSENT;
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
			rc = add_span(s, at, is_last ? dead_end(m) : value & DBX_REF_MASK);
	}
	return rc;
}

/* Else nothing is made of them: what a search finds there is the image's to say. */
static bool is_sorted(const struct spans *s)
{
	for (uint32_t i = 1; i < s->n; i++)
		if (s->v[i].start <= s->v[i - 1].start)
			return false;
	return true;
}

/* ---- nodes ---- */

/* As many again. */
static bool grow(void **v, uint32_t n, size_t item)
{
	void *more;

	if (n & (n - 1))
		return true;
	more = realloc(*v, (n ? 2 * (size_t)n : 1) * item);
	if (more)
		*v = more;
	return more != NULL;
}

/* 0: there is no room. Node 0 is not used. */
static uint32_t new_node(struct dpk_nodes *nodes)
{
	if (nodes->n == DPK_NODES_MAX || !grow((void **)&nodes->v, nodes->n, sizeof(*nodes->v)))
		return 0;
	memset(&nodes->v[nodes->n], 0, sizeof(*nodes->v));
	return nodes->n++;
}

/* n cells in a row, n_cells where they begin. */
static bool new_cells(struct dpk_nodes *nodes, uint32_t n)
{
	if (n > DPK_CELLS_MAX - nodes->n_cells)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!grow((void **)&nodes->cells, nodes->n_cells, sizeof(*nodes->cells)))
			return false;
		nodes->cells[nodes->n_cells++] = DPK_TRIE_ABSENT;
	}
	return true;
}

static bool new_range(struct dpk_nodes *nodes, struct dpk_range r)
{
	r.first = nodes->n_cells;
	if (!grow((void **)&nodes->ranges, nodes->n_ranges, sizeof(*nodes->ranges)) ||
	    !new_cells(nodes, r.n + 1))
		return false;
	nodes->ranges[nodes->n_ranges++] = r;
	return true;
}

static uint32_t next_word(struct maker *m, uint32_t ref, unsigned int word);
static uint32_t run_of(struct maker *m, const struct span *v, uint32_t n, unsigned int word);

static uint32_t value_of(struct maker *m, uint32_t value, unsigned int word)
{
	return value & DBX_LEAF ? value : next_word(m, value, word + 1);
}

/* With others below where the spans do not fit in one. */
static uint32_t node_of(struct maker *m, const struct span *v, uint32_t n, unsigned int word)
{
	uint32_t k = new_node(m->nodes), step = 1;

	if (!k)
		return DPK_TRIE_ABSENT;
	while ((uint64_t)step * DPK_NODE_KEYS < n)
		step *= DPK_NODE_KEYS;
	for (uint32_t i = 0, at = 0, entry; i < DPK_NODE_KEYS; i++) {
		if (at < n) {
			entry = run_of(m, v + at, n - at < step ? n - at : step, word);
			m->nodes->v[k].start[i] = i ? v[at].start : 0;
			m->nodes->v[k].value[i] = entry; /* whose making may move the nodes */
			at += n - at < step ? n - at : step;
		} else {
			m->nodes->v[k].start[i] = m->nodes->v[k].start[i - 1];
			m->nodes->v[k].value[i] = m->nodes->v[k].value[i - 1];
		}
	}
	return DPK_NODE | word << DPK_NODE_SHIFT | k;
}

/* Spans of the keys from `lo` to `hi`, the first of which may begin before: from *at on. */
static uint32_t spans_of(const struct span *v, uint32_t n, uint64_t lo, uint64_t hi, uint32_t *at)
{
	uint32_t end;

	while (*at + 1 < n && v[*at + 1].start <= lo)
		++*at;
	for (end = *at + 1; end < n && v[end].start < hi; end++)
		;
	return end - *at;
}

static bool fits_nodes(const struct span *v, uint32_t n, const struct dpk_range *r)
{
	uint32_t first = 1;

	for (uint32_t i = 1; i < n - 1; i++) {
		if ((v[i].start - r->base) >> r->shift != (v[first].start - r->base) >> r->shift)
			first = i;
		if (i - first + 2 > DPK_NODE_KEYS)
			return false;
	}
	return true;
}

/*
 * For n > 2 spans: as few parts as have no more spans each than fit in a node, but not many times as many as
 * there are spans.
 */
static struct dpk_range find_range(const struct span *v, uint32_t n)
{
	const uint32_t lo = v[1].start, hi = v[n - 1].start;
	struct dpk_range r = {0};
	uint32_t shift = 0;

	while ((hi - lo) >> shift > n)
		shift++;
	do {
		r.shift = shift;
		r.base = lo >> shift << shift;
		r.n = ((hi - 1 - r.base) >> shift) + 1;
	} while (!fits_nodes(v, n, &r) && shift-- && (hi - lo) >> shift <= (uint64_t)PARTS_MAX * n);
	return r;
}

/* What is before a range, and what is behind it. */
static uint32_t ends_of(struct maker *m, const struct span *v, uint32_t n, unsigned int word)
{
	const struct span ends[2] = {v[0], v[n - 1]};

	return run_of(m, ends, ends[0].value == ends[1].value ? 1 : 2, word);
}

static uint32_t range_of(struct maker *m, const struct span *v, uint32_t n, unsigned int word)
{
	const uint32_t k = m->nodes->n_ranges;
	struct dpk_range r = find_range(v, n);
	uint32_t at = 0, entry;

	r.first = m->nodes->n_cells;
	if (k > DPK_NODE_INDEX || !new_range(m->nodes, r))
		return node_of(m, v, n, word);
	for (uint32_t i = 0; i < r.n; i++) {
		uint64_t lo = r.base + ((uint64_t)i << r.shift), hi = lo + (1ull << r.shift);
		uint32_t n_spans = spans_of(v, n, lo, hi, &at);

		/* all in one part: no range parts them */
		entry = n_spans == n ? node_of(m, v, n, word) : run_of(m, v + at, n_spans, word);
		m->nodes->cells[r.first + i] = entry; /* whose making may move the cells */
	}
	entry = ends_of(m, v, n, word);
	m->nodes->cells[r.first + r.n] = entry;
	return DPK_NODE | DPK_NODE_TABLE | word << DPK_NODE_SHIFT | k;
}

/* n > 0 spans of a word: a value, or what it is searched in. */
static uint32_t run_of(struct maker *m, const struct span *v, uint32_t n, unsigned int word)
{
	if (n == 1)
		return value_of(m, v->value, word);
	return n > DPK_NODE_KEYS ? range_of(m, v, n, word) : node_of(m, v, n, word);
}

/* 0: there is no room. */
static uint32_t copy_node(struct dpk_nodes *nodes, uint32_t ref, uint32_t other)
{
	uint32_t k = new_node(nodes);

	if (!k)
		return 0;
	nodes->v[k] = nodes->v[ref & DPK_NODE_INDEX];
	nodes->v[k].start[0] = other;
	return k;
}

static uint32_t copy_range(struct dpk_nodes *nodes, uint32_t ref, uint32_t other)
{
	struct dpk_range r = nodes->ranges[ref & DPK_NODE_INDEX];

	if (nodes->n_ranges > DPK_NODE_INDEX ||
	    !grow((void **)&nodes->ranges, nodes->n_ranges, sizeof(r)))
		return 0;
	r.other = other;
	nodes->ranges[nodes->n_ranges] = r;
	return nodes->n_ranges++;
}

/*
 * "0 goes on there, all others are this" is common between the network's half of an address and the
 * number of a host: the node of the next word can say it. Returns entry where it is something else.
 */
static uint32_t join_zero(struct maker *m, const struct spans *s, uint32_t entry, unsigned int word)
{
	uint32_t next, k;

	if (s->n != 2 || s->v[1].start != 1 || (s->v[0].value & DBX_LEAF) ||
	    !(s->v[1].value & DBX_LEAF))
		return entry;
	next = next_word(m, s->v[0].value, word + 1); /* which is made already */
	if ((next & DBX_LEAF) || (next & DPK_NODE_ZERO))
		return entry;
	k = next & DPK_NODE_TABLE ? copy_range(m->nodes, next, s->v[1].value)
				  : copy_node(m->nodes, next, s->v[1].value);
	return k ? (next & ~DPK_NODE_INDEX) | DPK_NODE_ZERO | k : entry;
}

/* Many words may lead to one run. NULL: there is no such run. */
static uint32_t *made_of(const struct maker *m, uint32_t ref, unsigned int word)
{
	return ref < m->v->n_runs ? &m->made[(size_t)(word - 1) * m->v->n_runs + ref] : NULL;
}

/* The run of a whole word. */
static uint32_t next_word(struct maker *m, uint32_t ref, unsigned int word)
{
	uint32_t *made = made_of(m, ref & DBX_REF_MASK, word), entry = made ? *made : 0;
	struct spans s = {0};

	if (entry)
		return entry;
	m->is_out_of_memory |= read_run32(m, ref, 0, false, word == 3, &s) != 0;
	entry = DPK_TRIE_ABSENT;
	if (!m->is_out_of_memory && is_sorted(&s))
		entry = join_zero(m, &s, run_of(m, s.v, s.n, word), word);
	free(s.v);
	if (made)
		*made = entry;
	return entry;
}

/* ---- the first word of an address ---- */

/* 0: there is no room. */
static uint32_t new_block(struct dpk_trie *t)
{
	if (t->n_blocks == DPK_TRIE_BLOCKS_MAX ||
	    !grow((void **)&t->blocks, t->n_blocks, sizeof(*t->blocks)))
		return 0;
	return t->n_blocks++;
}

/*
 * The entry for the 2^bits keys from base on. j: the last span that is known to begin at or before base.
 */
static uint32_t entry_of(struct maker *m, const struct spans *s, uint32_t j, uint32_t base,
			 unsigned int bits)
{
	uint64_t end = base + (1ull << bits);
	uint32_t k;

	while (j + 1 < s->n && s->v[j + 1].start <= base)
		j++;
	if (j + 1 >= s->n || s->v[j + 1].start >= end || !bits)
		return value_of(m, s->v[j].value, 0);
	k = new_block(m->t);
	if (!k)
		return DPK_TRIE_ABSENT;
	bits -= 8;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t at = base + (i << bits), entry;

		while (j + 1 < s->n && s->v[j + 1].start <= at)
			j++;
		entry = entry_of(m, s, j, at, bits);
		m->t->blocks[k][i] = entry; /* which the call may have moved */
	}
	return k;
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
	new_node(&t->nodes);
	if (!t->n_blocks || !t->nodes.n)
		return -ENOMEM;
	memset(t->blocks[0], 0, sizeof(*t->blocks));
	for (uint32_t i = 0; i < DBX_ROOT_ENTRIES && !rc; i++) {
		s.n = 0;
		rc = read_entry(m, root[i], i << 16, &s);
		if (!rc)
			t->root[i] = is_sorted(&s) ? entry_of(m, &s, 0, i << 16, 16)
						   : DPK_TRIE_ABSENT;
	}
	free(s.v);
	return m->is_out_of_memory ? -ENOMEM : rc;
}

/* ---- */

/* What lcores read is moved to where huge pages are; of nothing, nothing is left. */
static int settle(void **at, size_t n_bytes)
{
	void *v = n_bytes ? dpk_memory_get(n_bytes) : NULL;

	if (v)
		memcpy(v, *at, n_bytes);
	free(*at);
	*at = v;
	return v || !n_bytes ? 0 : -ENOMEM;
}

static int settle_nodes(struct dpk_nodes *nodes)
{
	int rc = settle((void **)&nodes->v, nodes->n * sizeof(*nodes->v));

	rc |= settle((void **)&nodes->ranges, nodes->n_ranges * sizeof(*nodes->ranges));
	rc |= settle((void **)&nodes->cells, nodes->n_cells * sizeof(*nodes->cells));
	return rc ? -ENOMEM : 0;
}

/* Before they are settled. */
static void drop_nodes(struct dpk_nodes *nodes)
{
	free(nodes->v);
	free(nodes->ranges);
	free(nodes->cells);
	*nodes = (struct dpk_nodes){0};
}

int dpk_trie_make(struct dpk_trie *t, const struct dpk_image *image, const struct dpk_view *v,
		  const uint32_t *root)
{
	struct maker m = {
		.v = v,
		.env = {.base = image->base, .n_chunks = image->n_chunks},
		.t = t,
		.nodes = &t->nodes,
		.is_src = root == v->src4 || root == v->src6,
		.is_v6 = root == v->src6 || root == v->dst6,
		.made = calloc(v->n_runs + 1u, 3 * sizeof(*m.made)),
	};
	int rc;

	t->root = dpk_memory_get(ROOT_BYTES);
	rc = t->root && m.made ? fill_trie(&m, root) : -ENOMEM;
	free(m.made);
	if (rc) {
		free(t->blocks);
		t->blocks = NULL;
		drop_nodes(&t->nodes);
		return rc;
	}
	rc = settle((void **)&t->blocks, t->n_blocks * sizeof(*t->blocks));
	return settle_nodes(&t->nodes) ? -ENOMEM : rc;
}

void dpk_trie_free(struct dpk_trie *t)
{
	dpk_memory_put(t->root, ROOT_BYTES);
	dpk_memory_put(t->blocks, t->n_blocks * sizeof(*t->blocks));
	dpk_nodes_free(&t->nodes);
}

int dpk_ports_make(struct dpk_nodes *nodes, const struct dpk_view *v, uint32_t *sets, uint32_t n)
{
	struct maker m = {
		.v = v,
		.nodes = nodes,
		.made = calloc(v->n_runs + 1u, 3 * sizeof(*m.made)),
	};

	new_node(nodes);
	m.is_out_of_memory = !m.made || !nodes->n;
	for (uint32_t i = 0; i < n && !m.is_out_of_memory; i++)
		if (!(sets[i] & DBX_LEAF))
			sets[i] = next_word(&m, sets[i], 3);
	free(m.made);
	if (!m.is_out_of_memory)
		return settle_nodes(nodes);
	drop_nodes(nodes);
	return -ENOMEM;
}

void dpk_nodes_free(struct dpk_nodes *nodes)
{
	dpk_memory_put(nodes->v, nodes->n * sizeof(*nodes->v));
	dpk_memory_put(nodes->ranges, nodes->n_ranges * sizeof(*nodes->ranges));
	dpk_memory_put(nodes->cells, nodes->n_cells * sizeof(*nodes->cells));
}
