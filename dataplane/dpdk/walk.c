// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * walk.c -- the packets of a burst through the tables of a view.
 *
 * Which of them has reached a leaf is as random as the addresses are, so that no branch hangs on it: bits
 * say who goes on. Where the processor has AVX-512, 16 packets take a step with one instruction, and one
 * comparison searches a node.
 */
#include "dataplane/dpdk/walk.h"

#include <rte_prefetch.h>

#include "dataplane/dpdk/climb.h"

_Static_assert(DBX_LEAF == 1u << 31, "the sign");

#define LEVELS 2u /* of blocks behind the root */

static inline const struct dpk_trie *src_of(const struct dpk_view *v, bool is_v6)
{
	return is_v6 ? &v->by_src6 : &v->by_src4;
}

static inline const struct dpk_trie *dst_of(const struct dpk_view *v, bool is_v6)
{
	return is_v6 ? &v->by_dst6 : &v->by_dst4;
}

/* ---- any processor ---- */

/* Whether it goes on in a block. */
static inline uint32_t is_block(uint32_t value)
{
	return !(value & (DBX_LEAF | DPK_NODE));
}

static uint32_t step(const struct dpk_trie *t, const uint32_t *addr, uint32_t *found,
		     uint32_t lanes, unsigned int shift)
{
	const uint32_t *at[DPK_BURST];
	uint32_t left = 0;

	dpk_for_each(i, lanes) {
		at[i] = &t->blocks[found[i]][addr[i] >> shift & 255];
		rte_prefetch0(at[i]);
	}
	dpk_for_each(i, lanes) {
		found[i] = *at[i];
		left |= is_block(found[i]) << i;
	}
	return left;
}

/* Returns those that go on in nodes. */
static struct nodes first_word(const struct dpk_trie *t, const uint32_t *addr, uint32_t *found,
			       uint32_t lanes)
{
	uint32_t left = 0;

	dpk_for_each(i, lanes)
		rte_prefetch0(&t->root[addr[i] >> 16]);
	dpk_for_each(i, lanes) {
		found[i] = t->root[addr[i] >> 16];
		left |= is_block(found[i]) << i;
	}
	for (unsigned int shift = 8 * (LEVELS - 1); left; shift -= 8)
		left = step(t, addr, found, left, shift);
	return nodes_among(found, lanes);
}

/* Where the rule set for a source and class is: one that says "none" if nowhere. */
static inline const uint32_t *rules_at(const struct dpk_view *v, uint32_t source, uint32_t class_id)
{
	static const uint32_t none;
	uint32_t row = source < v->n_bindings ? v->rows[source] : DPK_NO_ROW;

	return row != DPK_NO_ROW && class_id < v->hdr->n_classes ? &v->rules[row + class_id]
								 : &none;
}

static uint32_t find_rules(struct dpk_looks *l, uint32_t lanes)
{
	const uint32_t *at[DPK_BURST];
	uint32_t has = 0;

	dpk_for_each(i, lanes) {
		l->source[i] = (l->found[i] & DBX_VALUE_MASK) - 1;
		l->class_id[i] = l->found[DPK_BURST + i] & DBX_VALUE_MASK;
		at[i] = rules_at(l->view, l->source[i], l->class_id[i]);
		rte_prefetch0(at[i]);
	}
	dpk_for_each(i, lanes) {
		l->set[i] = *at[i];
		has |= (uint32_t)(l->set[i] != 0) << i;
	}
	return has;
}

/* For who counts. */
static inline void fetch_sources(const struct dpk_looks *l, uint32_t lanes)
{
	dpk_for_each(i, lanes)
		rte_prefetch0(&l->view->sources[l->source[i]]);
}

static uint32_t walk(struct dpk_looks *l, bool is_v6, uint32_t lanes)
{
	struct nodes src = first_word(src_of(l->view, is_v6), l->addr[0], l->found, lanes);
	struct nodes dst =
		first_word(dst_of(l->view, is_v6), l->addr[1], l->found + DPK_BURST, lanes);

	climb(l, src, dst, find);
	return find_rules(l, lanes);
}

static void verdicts(struct dpk_looks *l, uint32_t lanes)
{
	const struct dpk_view *v = l->view;

	dpk_for_each(i, lanes) {
		uint32_t outcome = l->set[i] & DBX_VALUE_MASK, port = l->port[i], s, b;

		if (!(l->set[i] & DBX_LEAF) || outcome >= v->n_outcomes ||
		    (port & 0xffff) == v->dns_port || port == v->tunnels[0] ||
		    port == v->tunnels[1])
			continue;
		s = v->source_bits[l->source[i]];
		l->verdict[i] = 2 * outcome + (s & DPK_B_DRY);
		b = v->verdict_bits[l->verdict[i]];
		l->bits[i] = b;
		l->looked |= 1u << i;
		l->ways |= (uint32_t)((s & DPK_B_WAY) != 0) << i;
		l->wants |= (uint32_t)((s & b & DPK_B_WANTED) != 0) << i;
		l->passes |= (uint32_t)((b & DPK_B_PASSES) != 0) << i;
		l->told |= (uint32_t)((b & DPK_B_IS_TOLD) != 0) << i;
	}
}

static uint32_t lanes_of_total(const struct dpk_looks *l, uint32_t lanes, uint32_t total,
			       uint64_t *bytes)
{
	uint32_t same = 0;

	dpk_for_each(i, lanes) {
		uint32_t is_same = l->bits[i] >> DPK_B_TOTAL == total;

		same |= is_same << i;
		*bytes += l->bytes[i] & -is_same;
	}
	return same;
}

/* ---- 16 packets at a time ---- */

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE   __attribute__((target("avx512f,bmi,bmi2")))
#define LANES  16u
#define HALVES (DPK_BURST / LANES)
_Static_assert(DPK_BURST % LANES == 0, "whole steps");
_Static_assert(DPK_NODE_KEYS == LANES, "a node is searched by one comparison");

static WIDE inline __m512i all_of(uint32_t v)
{
	return _mm512_set1_epi32((int)v);
}

static WIDE inline __m512i get(const uint32_t *v)
{
	return _mm512_load_si512((const void *)v);
}

static WIDE inline void put(uint32_t *v, __m512i x)
{
	_mm512_store_si512((void *)v, x);
}

/* Of these, as a whole: what is read of it next would wait for a store of parts. */
static WIDE inline void put_of(uint32_t *v, __mmask16 lanes, __m512i x)
{
	put(v, _mm512_mask_mov_epi32(get(v), lanes, x));
}

static WIDE inline uint32_t find_wide(const struct dpk_node *node, uint32_t key)
{
	__mmask16 le = _mm512_mask_cmple_epu32_mask(0xfffe, get(node->start), all_of(key));

	return node->value[__builtin_popcount(le)];
}

static WIDE inline __mmask16 in_blocks(__m512i value)
{
	return _mm512_testn_epi32_mask(value, all_of(DBX_LEAF | DPK_NODE));
}

static WIDE inline __m512i root_wide(const struct dpk_trie *t, __m512i addr, __mmask16 m)
{
	return _mm512_mask_i32gather_epi32(all_of(DBX_LEAF), m, _mm512_srli_epi32(addr, 16),
					   t->root, 4);
}

/* Often all of a side are at a leaf: a gather of none would take as long as one of all. */
static WIDE inline __m512i step_wide(const struct dpk_trie *t, __m512i value, __m512i addr,
				     unsigned int shift)
{
	__mmask16 left = in_blocks(value);
	__m512i byte, index;

	if (!left)
		return value;
	byte = _mm512_and_si512(_mm512_srli_epi32(addr, shift), all_of(255));
	index = _mm512_add_epi32(_mm512_slli_epi32(value, 8), byte);
	return _mm512_mask_i32gather_epi32(value, left, index, t->blocks, 4);
}

/* Both sides and halves together: what they wait for, they wait for at once. */
static WIDE void first_words_wide(struct dpk_looks *l, bool is_v6, uint32_t lanes)
{
	const struct dpk_trie *t[2] = {src_of(l->view, is_v6), dst_of(l->view, is_v6)};
	__m512i addr[2][HALVES], value[2][HALVES];

	for (unsigned int side = 0; side < 2; side++)
		for (unsigned int h = 0; h < HALVES; h++) {
			addr[side][h] = get(&l->addr[side][h * LANES]);
			value[side][h] =
				root_wide(t[side], addr[side][h], (__mmask16)(lanes >> h * LANES));
		}
	for (unsigned int level = 1; level <= LEVELS; level++)
		for (unsigned int side = 0; side < 2; side++)
			for (unsigned int h = 0; h < HALVES; h++)
				value[side][h] = step_wide(t[side], value[side][h], addr[side][h],
							   8 * (LEVELS - level));
	for (unsigned int side = 0; side < 2; side++)
		for (unsigned int h = 0; h < HALVES; h++)
			put(&l->found[side * DPK_BURST + h * LANES], value[side][h]);
}

static WIDE inline struct nodes nodes_of(const uint32_t *found, uint32_t lanes)
{
	struct nodes n = {0, 0};

	for (unsigned int at = 0; at < DPK_BURST; at += LANES) {
		__m512i value = get(&found[at]);
		__m512i kind = _mm512_and_si512(value, all_of(DBX_LEAF | DPK_NODE));

		n.lanes |= (uint32_t)_mm512_cmpeq_epi32_mask(kind, all_of(DPK_NODE)) << at;
		n.tables |= (uint32_t)_mm512_test_epi32_mask(value, all_of(DPK_NODE_TABLE)) << at;
	}
	n.lanes &= lanes;
	return n;
}

/* As find_rules(), of 16 from `at` on. What is found of packets of the other family stays. */
static WIDE inline __mmask16 rules_wide(struct dpk_looks *l, unsigned int at, __mmask16 lanes)
{
	const struct dpk_view *v = l->view;
	const __m512i mask = all_of(DBX_VALUE_MASK), no_row = all_of(DPK_NO_ROW);
	__m512i source = _mm512_and_si512(get(&l->found[at]), mask);
	__m512i class_id = _mm512_and_si512(get(&l->found[DPK_BURST + at]), mask), row, set;
	__mmask16 has = lanes;

	source = _mm512_sub_epi32(source, all_of(1));
	has &= _mm512_cmplt_epu32_mask(source, all_of(v->n_bindings));
	has &= _mm512_cmplt_epu32_mask(class_id, all_of(v->hdr->n_classes));
	row = _mm512_mask_i32gather_epi32(no_row, has, source, v->rows, 4);
	has &= _mm512_cmpneq_epi32_mask(row, no_row);
	set = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), has,
					  _mm512_add_epi32(row, class_id), v->rules, 4);
	put_of(&l->source[at], lanes, source);
	put_of(&l->class_id[at], lanes, class_id);
	put_of(&l->set[at], lanes, set);
	return _mm512_test_epi32_mask(set, set);
}

static WIDE uint32_t walk_wide(struct dpk_looks *l, bool is_v6, uint32_t lanes)
{
	uint32_t has = 0;

	first_words_wide(l, is_v6, lanes);
	if (is_v6)
		climb(l, nodes_of(l->found, lanes), nodes_of(l->found + DPK_BURST, lanes),
		      find_wide);
	for (unsigned int at = 0; at < DPK_BURST; at += LANES)
		has |= (uint32_t)rules_wide(l, at, (__mmask16)(lanes >> at)) << at;
	fetch_sources(l, has);
	return has;
}

static WIDE void ports_wide(struct dpk_looks *l, uint32_t lanes)
{
	climb_ports(l, nodes_of(l->set, lanes), find_wide);
}

/* Those whose outcome is all that there is to be asked. */
static WIDE inline __mmask16 plain_wide(const struct dpk_view *v, __m512i set, __m512i outcome,
					__m512i port, __mmask16 m)
{
	m = _mm512_mask_test_epi32_mask(m, set, all_of(DBX_LEAF));
	m = _mm512_mask_cmplt_epu32_mask(m, outcome, all_of(v->n_outcomes));
	m = _mm512_mask_cmpneq_epi32_mask(m, _mm512_and_si512(port, all_of(0xffff)),
					  all_of(v->dns_port));
	m = _mm512_mask_cmpneq_epi32_mask(m, port, all_of(v->tunnels[0]));
	return _mm512_mask_cmpneq_epi32_mask(m, port, all_of(v->tunnels[1]));
}

/* As verdicts(). */
static WIDE void verdicts_wide(struct dpk_looks *l, uint32_t lanes)
{
	const struct dpk_view *v = l->view;

	for (unsigned int at = 0; at < DPK_BURST; at += LANES) {
		__m512i set = get(&l->set[at]), outcome, s, b;
		__mmask16 m = (__mmask16)(lanes >> at);

		outcome = _mm512_and_si512(set, all_of(DBX_VALUE_MASK));
		m = plain_wide(v, set, outcome, get(&l->port[at]), m);
		s = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), m, get(&l->source[at]),
						v->source_bits, 4);
		outcome = _mm512_add_epi32(_mm512_slli_epi32(outcome, 1),
					   _mm512_and_si512(s, all_of(DPK_B_DRY)));
		b = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), m, outcome, v->verdict_bits,
						4);
		put(&l->verdict[at], outcome);
		put(&l->bits[at], b);
		l->looked |= (uint32_t)m << at;
		l->ways |= (uint32_t)_mm512_test_epi32_mask(s, all_of(DPK_B_WAY)) << at;
		s = _mm512_and_si512(s, b);
		l->wants |= (uint32_t)_mm512_test_epi32_mask(s, all_of(DPK_B_WANTED)) << at;
		l->passes |= (uint32_t)_mm512_test_epi32_mask(b, all_of(DPK_B_PASSES)) << at;
		l->told |= (uint32_t)_mm512_test_epi32_mask(b, all_of(DPK_B_IS_TOLD)) << at;
	}
}

static WIDE uint32_t total_wide(const struct dpk_looks *l, uint32_t lanes, uint32_t total,
				uint64_t *bytes)
{
	uint32_t same = 0;

	for (unsigned int at = 0; at < DPK_BURST; at += LANES) {
		__m512i of = _mm512_srli_epi32(get(&l->bits[at]), DPK_B_TOTAL);
		__mmask16 m =
			_mm512_mask_cmpeq_epi32_mask((__mmask16)(lanes >> at), of, all_of(total));

		same |= (uint32_t)m << at;
		*bytes += (uint32_t)_mm512_mask_reduce_add_epi32(m, get(&l->bytes[at]));
	}
	return same;
}

static bool can_be_wide(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("bmi2");
}
#else
#define walk_wide     walk
#define verdicts_wide verdicts
#define total_wide    lanes_of_total

static void ports_wide(struct dpk_looks *l, uint32_t lanes)
{
	climb_ports(l, nodes_among(l->set, lanes), find);
}

static bool can_be_wide(void)
{
	return false;
}
#endif

/* ---- */

static bool is_wide;

bool dpk_walk_wide(bool on)
{
	is_wide = on && can_be_wide();
	return is_wide;
}

uint32_t dpk_walk(struct dpk_looks *l, bool is_v6, uint32_t lanes)
{
	return is_wide ? walk_wide(l, is_v6, lanes) : walk(l, is_v6, lanes);
}

void dpk_walk_ports(struct dpk_looks *l, uint32_t lanes)
{
	if (is_wide)
		ports_wide(l, lanes);
	else
		climb_ports(l, nodes_among(l->set, lanes), find);
}

void dpk_walk_verdicts(struct dpk_looks *l, uint32_t lanes)
{
	if (is_wide)
		verdicts_wide(l, lanes);
	else
		verdicts(l, lanes);
}

uint32_t dpk_walk_total(const struct dpk_looks *l, uint32_t lanes, uint32_t *total, uint64_t *bytes)
{
	*total = l->bits[dpk_lowest(lanes)] >> DPK_B_TOTAL;
	*bytes = 0;
	return is_wide ? total_wide(l, lanes, *total, bytes)
		       : lanes_of_total(l, lanes, *total, bytes);
}
