// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * view.c -- what look-ups ask of an image, laid out for bursts.
 *
 * The image may be damaged (tests have such): every read is bounded, and what makes no sense is left out.
 * What runs say is in trie.c.
 */
#include "dataplane/dpdk/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dpdk/counters.h"
#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/tables.h"
#include "dbx/classify.h"

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

/* The rule sets of the image, as rules[] has them. */
static int make_sets(const struct dpk_image *m, struct dpk_view *v, uint32_t **sets, uint32_t *n)
{
	const uint32_t *from = array(m, DBX_SEC_RULESETS, DBX_RULESET_SHIFT, n);

	*sets = malloc((*n + 1u) * sizeof(**sets));
	if (!*sets)
		return -ENOMEM;
	if (*n)
		memcpy(*sets, from, *n * sizeof(**sets));
	return dpk_ports_make(&v->ports, v, *sets, *n);
}

/* Those of a profile, in the order of classes. false: the image lacks its row. */
static bool fill_rules(const struct dpk_image *m, const struct dpk_view *v,
		       const struct dbx_profile *p, const uint32_t *sets, uint32_t n_sets,
		       uint32_t *out)
{
	uint32_t n_cells;
	const uint16_t *cells = array(m, DBX_SEC_CELLS, DBX_CELL_SHIFT, &n_cells);

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
	uint32_t *sets = NULL, n_sets;
	int rc;

	if (n > DPK_RULES_MAX)
		return -E2BIG;
	v->n_rules = n;
	v->rules = dpk_memory_get((n + 1) * sizeof(*v->rules));
	rc = v->rules ? make_sets(m, v, &sets, &n_sets) : -ENOMEM;
	for (uint32_t i = 0; i < v->n_profiles && !rc; i++) {
		rows[i] = i * v->hdr->n_classes;
		if (!fill_rules(m, v, &v->profiles[i], sets, n_sets, v->rules + rows[i]))
			rows[i] = DPK_NO_ROW;
	}
	free(sets);
	return rc;
}

/* ---- sources ---- */

static void fill_source(const struct dpk_view *v, const struct dbx_binding *b, uint32_t row,
			struct dpk_source *s)
{
	s->b = b;
	if (row == DPK_NO_ROW)
		return;
	s->p = &v->profiles[b->profile];
	s->workspace_id = b->workspace_id;
	s->port = b->port;
	s->flags = b->flags;
	s->product = b->product;
}

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Each once; returns how many there are. */
static uint32_t sort_u64(uint64_t *v, uint32_t n)
{
	uint32_t k = 0;

	qsort(v, n, sizeof(*v), cmp_u64);
	for (uint32_t i = 0; i < n; i++)
		if (!k || v[k - 1] != v[i])
			v[k++] = v[i];
	return k;
}

static int make_ways(struct dpk_view *v)
{
	v->ways = malloc((v->n_bindings + 1u) * sizeof(*v->ways));
	if (!v->ways)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->n_bindings; i++)
		if (v->bindings[i].port)
			v->ways[v->n_ways++] = v->bindings[i].port;
	v->n_ways = sort_u64(v->ways, v->n_ways);
	return 0;
}

uint32_t dpk_view_way(const struct dpk_view *v, uint64_t port)
{
	const uint64_t *at;

	if (port == DBX_PORT_ANY)
		return DPK_ANY_WAY;
	at = bsearch(&port, v->ways, v->n_ways, sizeof(port), cmp_u64);
	return at && at < v->ways + DPK_WAYS_MAX ? (uint32_t)(at - v->ways) + 1 : 0;
}

static uint32_t bits_of_source(const struct dpk_view *v, const struct dpk_source *s)
{
	const uint32_t way = s->port ? dpk_view_way(v, s->port) : 0;
	uint32_t bits = DPK_B_MORE;

	for (unsigned int k = 0; s->p && k < 3; k++)
		bits |= s->p->marks[k] ? DPK_B_MARK(k) : 0;
	return bits | (s->flags & DBX_BINDING_F_DRY_RUN ? DPK_B_DRY : 0) |
	       (s->flags & DBX_BINDING_F_REJECT ? DPK_B_REJECT : 0) |
	       ((s->flags & DBX_BINDING_F_MAC) || (s->port && !way) ? DPK_B_WAY : 0) |
	       (s->b->quota ? DPK_B_QUOTA : 0) | way << DPK_B_NUMBER;
}

static int make_sources(const struct dpk_image *m, struct dpk_view *v)
{
	uint32_t *rows = calloc(v->n_profiles + 1u, sizeof(*rows));
	int rc = rows ? make_rules(m, v, rows) : -ENOMEM;

	v->sources = dpk_memory_get((v->n_bindings + 1u) * sizeof(*v->sources));
	v->rows = dpk_memory_get((v->n_bindings + 1u) * sizeof(*v->rows));
	v->source_hints = dpk_memory_get((v->n_bindings + 1u) * sizeof(*v->source_hints));
	if (!rc && (!v->sources || !v->rows || !v->source_hints || make_ways(v)))
		rc = -ENOMEM;
	for (uint32_t i = 0; i < v->n_bindings && !rc; i++) {
		const struct dbx_binding *b = &v->bindings[i];

		v->rows[i] = b->profile < v->n_profiles ? rows[b->profile] : DPK_NO_ROW;
		fill_source(v, b, v->rows[i], &v->sources[i]);
		v->source_hints[i].bits = bits_of_source(v, &v->sources[i]);
		v->source_hints[i].hash = dpk_hash_workspace(v->sources[i].workspace_id);
	}
	free(rows);
	return rc;
}

/* ---- outcomes ---- */

static uint32_t fill_verdict(const struct dbx_outcome *o, int dry_run, struct dpk_verdict *v)
{
	struct dbx_result res = {0};
	uint32_t mark, total, bits = DPK_B_QUOTA;

	dbx_result_outcome(&res, o, dry_run);
	v->rule_uid = res.rule_uid;
	v->key = dpk_key_word(res.reason, res.verdict, res.path);
	total = DBX_TOTAL_REASON_BASE + (uint32_t)res.reason * DBX_VERDICT_MAX + res.verdict;
	mark = res.verdict == DBX_VERDICT_DROP ? 3 : dbx_mark_index(&res);
	if (mark < 3)
		bits |= DPK_B_MARK(mark);
	bits |= res.verdict == DBX_VERDICT_DROP ? DPK_B_REJECT : DPK_B_PASSES;
	if (res.verdict != DBX_VERDICT_PASS)
		bits |= DPK_B_IS_TOLD;
	/* the last one: an image that cannot be */
	if ((o->flags & (DBX_OUTCOME_F_WORKSPACE | DBX_OUTCOME_F_NAMES | DBX_OUTCOME_F_GUARD)) ||
	    total >= DBX_TOTAL_MAX)
		bits |= DPK_B_MORE;
	return bits | total << DPK_B_NUMBER;
}

static int make_verdicts(struct dpk_view *v)
{
	const size_t n = 2 * (v->n_outcomes + (size_t)1);

	v->verdicts = dpk_memory_get(n * sizeof(*v->verdicts));
	v->verdict_hints = dpk_memory_get(n * sizeof(*v->verdict_hints));
	if (!v->verdicts || !v->verdict_hints)
		return -ENOMEM;
	for (uint32_t i = 0; i < 2 * v->n_outcomes; i++) {
		struct dpk_verdict *is = &v->verdicts[i];

		v->verdict_hints[i].bits = fill_verdict(&v->outcomes[i / 2], i & 1, is);
		v->verdict_hints[i].hash = dpk_hash_rest(is->rule_uid, is->key);
	}
	return 0;
}

/* ---- short forms of keys ---- */

/* A key, or part of one, and its hash. */
struct hashed {
	uint32_t hash;
	uint64_t word[2];
};

static int cmp_hashed(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Whether what has the same hash is the same. */
static bool is_told_apart(struct hashed *h, size_t n)
{
	qsort(h, n, sizeof(*h), cmp_hashed);
	for (size_t i = 1; i < n; i++)
		if (h[i].hash == h[i - 1].hash &&
		    memcmp(h[i].word, h[i - 1].word, sizeof(h[i].word)))
			return false;
	return true;
}

static int make_serial(struct dpk_view *v)
{
	static uint64_t n_made;
	const size_t n_verdicts = 2 * (size_t)v->n_outcomes;
	const size_t n = n_verdicts > v->n_bindings ? n_verdicts : v->n_bindings;
	struct hashed *h = malloc((n + 1) * sizeof(*h));
	bool is_apart;

	if (!h)
		return -ENOMEM;
	for (size_t i = 0; i < v->n_bindings; i++)
		h[i] = (struct hashed){v->source_hints[i].hash, {v->sources[i].workspace_id, 0}};
	is_apart = is_told_apart(h, v->n_bindings);
	for (size_t i = 0; i < n_verdicts; i++)
		h[i] = (struct hashed){v->verdict_hints[i].hash,
				       {v->verdicts[i].rule_uid, v->verdicts[i].key}};
	is_apart = is_told_apart(h, n_verdicts) && is_apart;
	free(h);
	v->serial = is_apart ? __atomic_add_fetch(&n_made, 1, __ATOMIC_RELAXED) : 0;
	return 0;
}

static void find_special(struct dpk_view *v)
{
	const uint32_t udp = (uint32_t)DBX_PROTO_UDP << 16;

	v->dns_port = v->hdr->name_flags & DBX_NAMES_F_DNS ? 53 : 0x10000;
	v->tunnels[0] = v->hdr->vxlan_port ? udp | v->hdr->vxlan_port : ~0u;
	v->tunnels[1] = v->hdr->geneve_port ? udp | v->hdr->geneve_port : ~0u;
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
	find_special(v);
	rc = make_sources(image, v);
	rc = rc ? rc : make_verdicts(v);
	rc = rc ? rc : make_serial(v);
	rc = rc ? rc : dpk_trie_make(&v->by_src4, image, v, v->src4);
	rc = rc ? rc : dpk_trie_make(&v->by_dst4, image, v, v->dst4);
	rc = rc ? rc : dpk_trie_make(&v->by_src6, image, v, v->src6);
	rc = rc ? rc : dpk_trie_make(&v->by_dst6, image, v, v->dst6);
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
	dpk_memory_put(v->source_hints, (v->n_bindings + 1u) * sizeof(*v->source_hints));
	dpk_memory_put(v->verdicts, 2 * (v->n_outcomes + (size_t)1) * sizeof(*v->verdicts));
	dpk_memory_put(v->verdict_hints,
		       2 * (v->n_outcomes + (size_t)1) * sizeof(*v->verdict_hints));
	free(v->ways);
	dpk_nodes_free(&v->ports);
	dpk_trie_free(&v->by_src4);
	dpk_trie_free(&v->by_dst4);
	dpk_trie_free(&v->by_src6);
	dpk_trie_free(&v->by_dst6);
	free(v);
	*vp = NULL;
}
