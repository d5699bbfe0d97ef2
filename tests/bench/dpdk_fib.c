// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dpdk_fib.c -- rivals of bench_dpdk_packets: workspace and class of the destination by rte_fib or
 * rte_fib6, the verdict by rte_hash of policy, class and port, or by an array of policy and class.
 *
 * A class is what lines have the same destination: prefixes with the same set of rules share one. Ports
 * are looked up in an array of all ports, so that a range is one key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_hash.h>
#include <rte_prefetch.h>

#include "bench/dpdk_bench.h"
#include "common/bench.h"

#define ROUTES_MAX 65536u
#define SET_WORDS  ((DPB_POLICIES * DPB_RULES + 63) / 64)
#define RANGES_MAX 8u /* of ports */

struct key { /* of 16 bytes: rte_hash compares these in one step */
	uint32_t policy, class_id, ports, zero;
};

struct set {
	uint64_t bits[SET_WORDS];
};

struct dpb_counts dpb_hash_counts, dpb_array_counts;

static struct rte_fib *src4, *dst4;
static struct rte_fib6 *src6, *dst6;
static struct rte_hash *verdicts;
static struct set *sets; /* by class */
static uint32_t n_classes = 1;
static uint8_t *cells;                  /* [class][policy]: a bit for each rule */
static uint8_t ports_of[256][1u << 16]; /* [protocol][port]: a bit for each range that holds it */
static uint8_t ranges_of[DPB_POLICIES][DPB_RULES];
static uint8_t rules_of[DPB_POLICIES][1u << RANGES_MAX]; /* which have one of these ranges */

/* ---- building ---- */

static void read_ports(const struct dpb_side *s)
{
	static struct dpb_line ranges[RANGES_MAX];
	static unsigned int n;

	for (size_t i = 0; i < s->n_lines; i++) {
		const struct dpb_line *l = &s->lines[i];
		unsigned int r = 0;

		while (r < n && (ranges[r].proto != l->proto || ranges[r].lo != l->lo ||
				 ranges[r].hi != l->hi))
			r++;
		dpb_need(r < RANGES_MAX, "ranges of ports");
		ranges_of[l->policy][l->rule] |= (uint8_t)(1u << r);
		if (r < n)
			continue;
		ranges[n++] = *l;
		for (uint32_t p = l->lo; p <= l->hi; p++)
			ports_of[l->proto][p] |= (uint8_t)(1u << r);
	}
}

static void read_rules(void)
{
	for (unsigned int p = 0; p < DPB_POLICIES; p++)
		for (unsigned int rule = 0; rule < DPB_RULES; rule++)
			for (unsigned int mask = 0; mask < 1u << RANGES_MAX; mask++)
				if (mask & ranges_of[p][rule])
					rules_of[p][mask] |= (uint8_t)(1u << rule);
}

static int cmp_line(const void *x, const void *y)
{
	const struct dpb_line *a = x, *b = y;

	if (a->to.addr != b->to.addr)
		return a->to.addr < b->to.addr ? -1 : 1;
	return (int)a->to.len - (int)b->to.len;
}

static bool holds(const struct dpb_prefix *p, const struct dpb_prefix *q, bool is_v6)
{
	return !((p->addr ^ q->addr) & ~dpb_rest(p->len, is_v6));
}

static uint32_t class_of(const struct set *s)
{
	uint32_t i = 0;

	while (i < n_classes && memcmp(&sets[i], s, sizeof(*s)) != 0)
		i++;
	if (i == n_classes)
		sets[n_classes++] = *s;
	return i;
}

static void add_route(const struct dpb_prefix *p, uint64_t hop, bool is_v6, bool is_src)
{
	uint8_t a[16];
	int rc;

	for (unsigned int i = 0; i < 16; i++)
		a[i] = (uint8_t)(p->addr >> (120 - 8 * i));
	rc = is_v6 ? rte_fib6_add(is_src ? src6 : dst6, a, p->len, hop)
		   : rte_fib_add(is_src ? src4 : dst4, (uint32_t)p->addr, p->len, hop);
	dpb_need(!rc, "rte_fib_add");
}

/* A prefix allows what the prefixes around it allow too: a FIB finds the longest alone. */
static size_t add_routes(bool is_v6)
{
	const struct dpb_side *s = &dpb_sides[is_v6];
	struct dpb_line *v = calloc(s->n_lines + 1, sizeof(*v));
	const struct dpb_line *around[129];
	size_t depth = 0, n = 0;
	struct set set[129];

	dpb_need(v, "memory");
	memcpy(v, s->lines, s->n_lines * sizeof(*v));
	qsort(v, s->n_lines, sizeof(*v), cmp_line);
	for (size_t i = 0; i < s->n_lines; i++) {
		unsigned int bit = v[i].policy * DPB_RULES + v[i].rule;

		while (depth && !holds(&around[depth - 1]->to, &v[i].to, is_v6))
			depth--;
		if (!depth || around[depth - 1]->to.len != v[i].to.len) {
			set[depth] = depth ? set[depth - 1] : (struct set){{0}};
			around[depth++] = &v[i];
		}
		set[depth - 1].bits[bit / 64] |= 1ull << bit % 64;
		if (i + 1 < s->n_lines && !cmp_line(&v[i], &v[i + 1]))
			continue;
		add_route(&v[i].to, class_of(&set[depth - 1]), is_v6, false);
		n++;
	}
	free(v);
	return n;
}

static void add_sources(bool is_v6)
{
	for (unsigned int ws = 0; ws < DPB_WORKSPACES; ws++) {
		const struct dpb_prefix p = {dpb_source(ws, is_v6), is_v6 ? 64 : 24};

		add_route(&p, 1 + ws, is_v6, true);
	}
}

static void open_fibs(void)
{
	struct rte_fib_conf c4 = {.type = RTE_FIB_DIR24_8,
				  .max_routes = ROUTES_MAX,
				  .dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = 16384}};
	struct rte_fib6_conf c6 = {.type = RTE_FIB6_TRIE,
				   .max_routes = ROUTES_MAX,
				   .trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = 32767}};

	src4 = rte_fib_create("src4", SOCKET_ID_ANY, &c4);
	dst4 = rte_fib_create("dst4", SOCKET_ID_ANY, &c4);
	src6 = rte_fib6_create("src6", SOCKET_ID_ANY, &c6);
	dst6 = rte_fib6_create("dst6", SOCKET_ID_ANY, &c6);
	dpb_need(src4 && dst4 && src6 && dst6, "rte_fib");
}

/* Of rules of a policy that hold the same the first counts, so it is put last. */
static uint32_t put_verdicts(bool is_counted)
{
	static const unsigned int n_masks = 1u << RANGES_MAX;
	static bool is_used[1u << RANGES_MAX];
	uint32_t n = 0;

	for (unsigned int p = 0; p < 256; p++)
		for (unsigned int port = 0; port < 1u << 16; port++)
			is_used[ports_of[p][port]] = true;
	for (uint32_t c = 1; c < n_classes; c++)
		for (unsigned int bit = DPB_POLICIES * DPB_RULES; bit--;) {
			unsigned int p = bit / DPB_RULES, rule = bit % DPB_RULES;

			if (!(sets[c].bits[bit / 64] >> bit % 64 & 1))
				continue;
			cells[c * DPB_POLICIES + p] |= (uint8_t)(1u << rule);
			for (unsigned int mask = 1; mask < n_masks; mask++) {
				const struct key k = {p, c, mask, 0};

				if (!is_used[mask] || !(mask & ranges_of[p][rule]))
					continue;
				n++;
				dpb_need(is_counted || !rte_hash_add_key_data(
							       verdicts, &k,
							       (void *)(uintptr_t)(rule + 1)),
					 "rte_hash_add_key_data");
			}
		}
	return n;
}

void dpb_fib_open(void)
{
	struct rte_hash_parameters h = {
		.name = "verdicts", .key_len = sizeof(struct key), .socket_id = SOCKET_ID_ANY};
	size_t n4, n6, before = dpb_memory();

	sets = calloc(2 * ROUTES_MAX, sizeof(*sets));
	dpb_need(sets, "memory");
	open_fibs();
	n4 = add_routes(false);
	n6 = add_routes(true);
	add_sources(false);
	add_sources(true);
	read_ports(&dpb_sides[0]);
	read_ports(&dpb_sides[1]);
	read_rules();
	cells = calloc(n_classes, DPB_POLICIES);
	dpb_need(cells, "memory");
	h.entries = put_verdicts(true) * 2;
	verdicts = rte_hash_create(&h);
	dpb_need(verdicts, "rte_hash");
	put_verdicts(false);
	printf("# rte_fib: %zu routes, rte_fib6: %zu routes, %u classes; rte_hash: %d verdicts; "
	       "%.1f MB with the sources\n",
	       n4, n6, n_classes - 1, rte_hash_count(verdicts),
	       (double)(dpb_memory() - before) / 1e6);
}

const char *dpb_fib_select(unsigned int number)
{
	static const struct {
		const char *name;
		enum rte_fib_lookup_type v4;
		enum rte_fib6_lookup_type v6;
	} v[] = {{"scalar", RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO, RTE_FIB6_LOOKUP_TRIE_SCALAR},
		 {"AVX-512", RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512,
		  RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512}};

	if (number >= sizeof(v) / sizeof(v[0]) || rte_fib_select_lookup(src4, v[number].v4) ||
	    rte_fib_select_lookup(dst4, v[number].v4) ||
	    rte_fib6_select_lookup(src6, v[number].v6) ||
	    rte_fib6_select_lookup(dst6, v[number].v6))
		return NULL;
	return v[number].name;
}

/* ---- a burst ---- */

void dpb_fib_source(const struct dpb_keys *k, uint64_t *hop, bool is_v6)
{
	if (is_v6)
		rte_fib6_lookup_bulk(src6, (uint8_t(*)[16])k->src6, hop, DPB_BURST);
	else
		rte_fib_lookup_bulk(src4, (uint32_t *)k->src4, hop, DPB_BURST);
}

static __rte_always_inline void find(struct rte_mbuf **m, struct dpb_keys *k, uint64_t *src,
				     uint64_t *dst, bool is_v6, bool is_job)
{
	dpb_read(m, k, is_v6, is_job);
	dpb_fib_source(k, src, is_v6);
	if (is_v6)
		rte_fib6_lookup_bulk(dst6, k->dst6, dst, DPB_BURST);
	else
		rte_fib_lookup_bulk(dst4, k->dst4, dst, DPB_BURST);
}

static __rte_always_inline uint64_t by_hash(struct rte_mbuf **m, bool is_v6, bool is_job)
{
	uint64_t src[DPB_BURST], dst[DPB_BURST], hits = 0;
	struct key key[DPB_BURST];
	const void *at[DPB_BURST];
	void *rule[DPB_BURST];
	struct dpb_keys k;

	find(m, &k, src, dst, is_v6, is_job);
	for (unsigned int i = 0; i < DPB_BURST; i++) {
		key[i] = (struct key){src[i] ? dpb_policy_of((unsigned int)src[i] - 1) : ~0u,
				      (uint32_t)dst[i], ports_of[k.proto[i]][k.dport[i]], 0};
		at[i] = &key[i];
	}
	rte_hash_lookup_bulk_data(verdicts, at, DPB_BURST, &hits, rule);
	if (is_job) {
		for (unsigned int i = 0; i < DPB_BURST; i++)
			k.why[i] = hits >> i & 1 ? (uint8_t)(uintptr_t)rule[i] : k.why[i];
		dpb_count(&dpb_hash_counts, &k, src);
	}
	return hits;
}

DPB_BURST_BY(dpb_fib_hash, by_hash)

static __rte_always_inline uint64_t by_array(struct rte_mbuf **m, bool is_v6, bool is_job)
{
	uint64_t src[DPB_BURST], dst[DPB_BURST];
	const uint8_t *cell[DPB_BURST];
	struct dpb_keys k;
	uint64_t pass = 0;

	find(m, &k, src, dst, is_v6, is_job);
	for (unsigned int i = 0; i < DPB_BURST; i++) {
		unsigned int policy = dpb_policy_of((unsigned int)src[i] - 1) % DPB_POLICIES;

		cell[i] = &cells[src[i] ? dst[i] * DPB_POLICIES + policy : 0];
		rte_prefetch0(cell[i]);
	}
	for (unsigned int i = 0; i < DPB_BURST; i++) {
		unsigned int policy = dpb_policy_of((unsigned int)src[i] - 1) % DPB_POLICIES;
		uint32_t rules = *cell[i] & rules_of[policy][ports_of[k.proto[i]][k.dport[i]]];

		if (is_job && rules)
			k.why[i] = (uint8_t)(1 + __builtin_ctz(rules));
		pass |= (uint64_t)(rules != 0) << i;
	}
	if (is_job)
		dpb_count(&dpb_array_counts, &k, src);
	return pass;
}

DPB_BURST_BY(dpb_fib_array, by_array)
