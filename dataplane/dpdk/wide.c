// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wide.c -- what walk.c does, with AVX-512: 16 packets take a step with one instruction, and one comparison
 * searches a node.
 */
#include "dataplane/dpdk/lanes.h"
#include "dataplane/dpdk/walk.h"

#include "dbx/abi.h"
#include "dbx/classify.h"
#include "dbx/program.h"

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx512f,avx512dq,bmi,bmi2")))
#define PAIR 2u /* groups that go through the first word together */

/* The groups that have some of `lanes`: m of them, from `at` on. */
#define for_each_group(at, m, lanes)                               \
	for (unsigned int at = 0; at < DPK_BURST; at += DPK_LANES) \
		for (__mmask16 m = (__mmask16)((lanes) >> at); m; m = 0)

_Static_assert(DBX_LEAF == 1u << 31, "the sign");
_Static_assert(DPK_BURST % (PAIR * DPK_LANES) == 0, "whole steps");
_Static_assert(DPK_NODE_KEYS == DPK_LANES, "a node is searched by one comparison");

/* Of these, as a whole: what is read of it next would wait for a store of parts. */
static WIDE inline void put_of(uint32_t *v, __mmask16 lanes, __m512i x)
{
	dpk_put(v, _mm512_mask_mov_epi32(dpk_get(v), lanes, x));
}

static WIDE inline __mmask16 in_blocks(__m512i value)
{
	return _mm512_testn_epi32_mask(value, dpk_all_of(DBX_LEAF | DPK_NODE));
}

static WIDE inline __m512i root_wide(const struct dpk_trie *t, __m512i addr, __mmask16 m)
{
	return _mm512_mask_i32gather_epi32(dpk_all_of(DBX_LEAF), m, _mm512_srli_epi32(addr, 16),
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
	byte = _mm512_and_si512(_mm512_srli_epi32(addr, shift), dpk_all_of(255));
	index = _mm512_add_epi32(_mm512_slli_epi32(value, 8), byte);
	return _mm512_mask_i32gather_epi32(value, left, index, t->blocks, 4);
}

/* Both sides and groups together: what they wait for, they wait for at once. */
static WIDE inline void first_words_wide(struct dpk_looks *l, const struct dpk_trie *const t[2],
					 unsigned int at, uint64_t lanes)
{
	__m512i addr[2][PAIR], value[2][PAIR];

	for (unsigned int side = 0; side < 2; side++)
		for (unsigned int g = 0; g < PAIR; g++) {
			addr[side][g] = dpk_get(&l->addr[side][0][at + g * DPK_LANES]);
			value[side][g] = root_wide(t[side], addr[side][g],
						   (__mmask16)(lanes >> (at + g * DPK_LANES)));
		}
	for (unsigned int level = 1; level <= DPK_TRIE_LEVELS; level++)
		for (unsigned int side = 0; side < 2; side++)
			for (unsigned int g = 0; g < PAIR; g++)
				value[side][g] = step_wide(t[side], value[side][g], addr[side][g],
							   8 * (DPK_TRIE_LEVELS - level));
	for (unsigned int side = 0; side < 2; side++)
		for (unsigned int g = 0; g < PAIR; g++)
			dpk_put(&l->found[side][at + g * DPK_LANES], value[side][g]);
}

/* ---- nodes and ranges ---- */

static WIDE inline __mmask16 at_nodes(__m512i value, __mmask16 lanes)
{
	__m512i kind = _mm512_and_si512(value, dpk_all_of(DBX_LEAF | DPK_NODE));

	return _mm512_mask_cmpeq_epi32_mask(lanes, kind, dpk_all_of(DPK_NODE));
}

static WIDE inline uint32_t find_wide(const struct dpk_node *node, uint32_t key)
{
	__mmask16 le = _mm512_mask_cmple_epu32_mask(0xfffe, dpk_get(node->start), dpk_all_of(key));

	return node->value[(uint32_t)__builtin_popcount(le)];
}

/* Who takes a step: those at nodes and at ranges, and of both those whose word before is not what it must be. */
struct asked {
	uint64_t nodes, tables, miss;
};

/* Of 16 from `at` on, whose references are `value`. */
static WIDE inline void add_asked(struct asked *a, unsigned int at, __m512i value, __mmask16 lanes,
				  __mmask16 miss)
{
	const __mmask16 tables =
		_mm512_mask_test_epi32_mask(lanes, value, dpk_all_of(DPK_NODE_TABLE));

	a->nodes |= (uint64_t)(uint16_t)(lanes & ~tables & ~miss) << at;
	a->tables |= (uint64_t)(uint16_t)(tables & ~miss) << at;
	a->miss |= (uint64_t)miss << at;
}

/*
 * The step. Each search hangs on nothing but its own reference and key, so that the processor has many of
 * them under way; gathers are slower. How many there are of a kind is as random as packets are, and a loop's
 * end that was not foreseen costs as much as several searches: so a loop for all of a burst.
 */
static WIDE void take_step(const struct dpk_nodes *t, const struct asked *a, const uint32_t *key,
			   uint32_t *found)
{
	dpk_for_each(i, a->nodes)
		found[i] = find_wide(dpk_node_at(t, found[i]), key[i]);
	dpk_for_each(i, a->tables)
		found[i] = *dpk_cell_of(t, dpk_range_at(t, found[i]), key[i]);
	dpk_for_each(i, a->miss)
		found[i] = found[i] & DPK_NODE_TABLE ? dpk_range_at(t, found[i])->other
						     : dpk_node_at(t, found[i])->start[0];
}

/* What 16 of a side need for their next step, from `at` on. */
static WIDE inline void ask_step(const struct dpk_looks *l, unsigned int side, unsigned int at,
				 __mmask16 lanes, struct asked *a, uint32_t *keys)
{
	const __m512i value = dpk_get(&l->found[side][at]),
		      third = dpk_all_of(3u << DPK_NODE_SHIFT);
	const __m512i word = _mm512_and_si512(value, third);
	const __m512i second = dpk_get(&l->addr[side][2][at]);
	__m512i key = dpk_get(&l->addr[side][1][at]), before;
	__mmask16 is_second, is_third, miss;

	lanes = at_nodes(value, lanes);
	is_second = _mm512_cmpeq_epi32_mask(word, dpk_all_of(2u << DPK_NODE_SHIFT));
	is_third = _mm512_cmpeq_epi32_mask(word, third);
	before = _mm512_mask_mov_epi32(key, is_third, second);
	key = _mm512_mask_mov_epi32(key, is_second, second);
	key = _mm512_mask_mov_epi32(key, is_third, dpk_get(&l->addr[side][3][at]));
	miss = _mm512_mask_test_epi32_mask(lanes, value, dpk_all_of(DPK_NODE_ZERO));
	miss = _mm512_mask_test_epi32_mask(miss, before, before);
	dpk_put(&keys[at], key);
	add_asked(a, at, value, lanes, miss);
}

/* IPv6, behind the first word. */
static WIDE void climb_wide(struct dpk_looks *l, unsigned int side, const struct dpk_nodes *t,
			    uint64_t lanes)
{
	uint32_t keys[DPK_BURST] __attribute__((aligned(64)));

	for (;;) {
		struct asked a = {0, 0, 0};

		for_each_group(at, m, lanes)
			ask_step(l, side, at, m, &a, keys);
		lanes = a.nodes | a.tables | a.miss;
		if (!lanes)
			return;
		take_step(t, &a, keys, l->found[side]);
	}
}

/* As find_rules(), of 16 from `at` on. What is found of packets of the other family stays. */
static WIDE inline __mmask16 rules_wide(struct dpk_looks *l, unsigned int at, __mmask16 lanes)
{
	const struct dpk_view *v = l->view;
	const __m512i mask = dpk_all_of(DBX_VALUE_MASK), no_row = dpk_all_of(DPK_NO_ROW);
	__m512i source = _mm512_and_si512(dpk_get(&l->found[0][at]), mask);
	__m512i class_id = _mm512_and_si512(dpk_get(&l->found[1][at]), mask), row, set;
	__mmask16 has = lanes;

	source = _mm512_sub_epi32(source, dpk_all_of(1));
	has &= _mm512_cmplt_epu32_mask(source, dpk_all_of(v->n_bindings));
	has &= _mm512_cmplt_epu32_mask(class_id, dpk_all_of(v->hdr->n_classes));
	row = _mm512_mask_i32gather_epi32(no_row, has, source, v->rows, 4);
	has &= _mm512_cmpneq_epi32_mask(row, no_row);
	set = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), has,
					  _mm512_add_epi32(row, class_id), v->rules, 4);
	put_of(&l->source[at], lanes, source);
	put_of(&l->class_id[at], lanes, class_id);
	put_of(&l->set[at], lanes, set);
	return _mm512_test_epi32_mask(set, set);
}

static WIDE uint64_t walk(struct dpk_looks *l, bool is_v6, uint64_t lanes)
{
	const struct dpk_trie *const t[2] = {dpk_view_src(l->view, is_v6),
					     dpk_view_dst(l->view, is_v6)};
	uint64_t has = 0;

	for (unsigned int at = 0; at < l->n; at += PAIR * DPK_LANES)
		first_words_wide(l, t, at, lanes);
	for (unsigned int side = 0; side < 2 && is_v6; side++)
		climb_wide(l, side, &t[side]->nodes, lanes);
	for_each_group(at, m, lanes)
		has |= (uint64_t)rules_wide(l, at, m) << at;
	return has;
}

static WIDE void ports(struct dpk_looks *l, uint64_t lanes)
{
	for (;;) {
		struct asked a = {0, 0, 0};

		for_each_group(at, m, lanes) {
			const __m512i value = dpk_get(&l->set[at]);

			add_asked(&a, at, value, at_nodes(value, m), 0);
		}
		lanes = a.nodes | a.tables;
		if (!lanes)
			return;
		take_step(&l->view->ports, &a, l->port, l->set);
	}
}

/* Those whose outcome is all that there is to be asked. */
static WIDE inline __mmask16 plain_wide(const struct dpk_view *v, __m512i set, __m512i outcome,
					__m512i port, __mmask16 m)
{
	m = _mm512_mask_test_epi32_mask(m, set, dpk_all_of(DBX_LEAF));
	m = _mm512_mask_cmplt_epu32_mask(m, outcome, dpk_all_of(v->n_outcomes));
	m = _mm512_mask_cmpneq_epi32_mask(m, _mm512_and_si512(port, dpk_all_of(0xffff)),
					  dpk_all_of(v->dns_port));
	m = _mm512_mask_cmpneq_epi32_mask(m, port, dpk_all_of(v->tunnels[0]));
	return _mm512_mask_cmpneq_epi32_mask(m, port, dpk_all_of(v->tunnels[1]));
}

/* The hints of 16, which are two numbers each; of others than m: zeros. [0]: of the first 8. */
static WIDE inline void hints_wide(const struct dpk_hint *hints, __m512i index, __mmask16 m,
				   __m512i out[2])
{
	out[0] = _mm512_mask_i32gather_epi64(_mm512_setzero_si512(), (__mmask8)m,
					     _mm512_castsi512_si256(index), hints, 8);
	out[1] = _mm512_mask_i32gather_epi64(_mm512_setzero_si512(), (__mmask8)(m >> 8),
					     _mm512_extracti64x4_epi64(index, 1), hints, 8);
}

static WIDE inline __m512i bits_of(const __m512i hints[2])
{
	return dpk_even_of(hints[0], hints[1]);
}

static WIDE inline __m512i hashes_of(const __m512i hints[2])
{
	return dpk_odd_of(hints[0], hints[1]);
}

/* Which row counts it. */
static WIDE inline void put_rows(struct dpk_looks *l, unsigned int at, const __m512i source[2],
				 const __m512i verdict[2])
{
	const __m512i upper = _mm512_set1_epi64((long long)0xffffffff00000000);

	dpk_put(&l->row[at], _mm512_xor_si512(hashes_of(source), hashes_of(verdict)));
	for (unsigned int i = 0; i < 2; i++)
		_mm512_store_si512(&l->tag[at + 8 * i],
				   _mm512_or_si512(_mm512_srli_epi64(source[i], 32),
						   _mm512_and_si512(verdict[i], upper)));
}

/* Of sources by their bits: whose frames must come by another interface than these did. */
static WIDE inline __mmask16 astray_wide(const struct dpk_looks *l, __m512i bits)
{
	const __m512i way = _mm512_srli_epi32(bits, DPK_B_NUMBER);
	const __mmask16 asked = l->way == DPK_ANY_WAY ? 0 : _mm512_test_epi32_mask(way, way);

	return _mm512_mask_cmpneq_epi32_mask(asked, way, dpk_all_of(l->way));
}

/* As verdicts(), of 16. */
static WIDE inline void verdicts_of(struct dpk_looks *l, unsigned int at, __mmask16 m)
{
	const struct dpk_view *v = l->view;
	__m512i outcome = _mm512_and_si512(dpk_get(&l->set[at]), dpk_all_of(DBX_VALUE_MASK)), s, b;
	__m512i source[2], verdict[2];

	m = plain_wide(v, dpk_get(&l->set[at]), outcome, dpk_get(&l->port[at]), m);
	hints_wide(v->source_hints, dpk_get(&l->source[at]), m, source);
	s = bits_of(source);
	outcome = _mm512_add_epi32(_mm512_slli_epi32(outcome, 1),
				   _mm512_and_si512(s, dpk_all_of(DPK_B_DRY)));
	hints_wide(v->verdict_hints, outcome, m, verdict);
	b = bits_of(verdict);
	dpk_put(&l->verdict[at], outcome);
	dpk_put(&l->bits[at], b);
	put_rows(l, at, source, verdict);
	l->looked |= (uint64_t)m << at;
	l->astray |= (uint64_t)astray_wide(l, s) << at;
	l->ways |= (uint64_t)_mm512_test_epi32_mask(s, dpk_all_of(DPK_B_WAY)) << at;
	s = _mm512_and_si512(s, b);
	l->wants |= (uint64_t)_mm512_test_epi32_mask(s, dpk_all_of(DPK_B_WANTED)) << at;
	l->passes |= (uint64_t)_mm512_test_epi32_mask(b, dpk_all_of(DPK_B_PASSES)) << at;
	l->told |= (uint64_t)_mm512_test_epi32_mask(b, dpk_all_of(DPK_B_IS_TOLD)) << at;
}

static WIDE void verdicts(struct dpk_looks *l, uint64_t lanes)
{
	for_each_group(at, m, lanes)
		verdicts_of(l, at, m);
}

/* ---- sums ---- */

static WIDE uint64_t sum_bytes(const struct dpk_looks *l, uint64_t lanes)
{
	uint64_t sum = 0;

	for (unsigned int at = 0; at < l->n; at += DPK_LANES)
		sum += (uint32_t)_mm512_mask_reduce_add_epi32((__mmask16)(lanes >> at),
							      dpk_get(&l->bytes[at]));
	return sum;
}

static WIDE uint64_t total(const struct dpk_looks *l, uint64_t lanes, uint32_t *which,
			   uint64_t *bytes)
{
	uint64_t same = 0;

	*which = l->bits[dpk_lowest(lanes)] >> DPK_B_NUMBER;
	for (unsigned int at = 0; at < l->n; at += DPK_LANES) {
		__m512i of = _mm512_srli_epi32(dpk_get(&l->bits[at]), DPK_B_NUMBER);

		same |= (uint64_t)_mm512_cmpeq_epi32_mask(of, dpk_all_of(*which)) << at;
	}
	*bytes = sum_bytes(l, same & lanes);
	return same & lanes;
}

/* ---- flows ---- */

/* Two numbers of 8 each, as one of 64 bits. */
static WIDE inline __m512i wide_of(const uint32_t *upper, const uint32_t *lower)
{
	const __m256i u = _mm256_load_si256((const void *)upper);
	const __m256i v = _mm256_load_si256((const void *)lower);

	return _mm512_or_si512(_mm512_slli_epi64(_mm512_cvtepu32_epi64(u), 32),
			       _mm512_cvtepu32_epi64(v));
}

static WIDE inline __m512i times(__m512i v, uint64_t by)
{
	return _mm512_mullo_epi64(v, _mm512_set1_epi64((long long)by));
}

/* What event_hash() asks beside the addresses: event_what(), with the port. */
static WIDE inline __m512i what_of(const struct dpk_looks *l, unsigned int at, __mmask8 m,
				   __mmask8 is_v6)
{
	const uint32_t flags = DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS;
	const __m256i verdict = _mm256_load_si256((const void *)&l->verdict[at]);
	const __m256i source = _mm256_load_si256((const void *)&l->source[at]);
	const __m512i zero = _mm512_setzero_si512(), low = _mm512_set1_epi64(0xffff);
	__m512i key, product, port, proto, more;

	_Static_assert(sizeof(struct dpk_verdict) == 16 && sizeof(struct dpk_source) == 64,
		       "strides");
	key = _mm512_mask_i32gather_epi64(zero, m, _mm256_slli_epi32(verdict, 1),
					  &l->view->verdicts->key, 8);
	product = _mm512_mask_i32gather_epi64(zero, m, _mm256_slli_epi32(source, 3),
					      &l->view->sources->product, 8);
	port = _mm512_cvtepu32_epi64(_mm256_load_si256((const void *)&l->port[at]));
	proto = _mm512_srli_epi64(port, 16);
	more = _mm512_mask_mov_epi64(_mm512_set1_epi64(flags), is_v6,
				     _mm512_set1_epi64(flags | DBX_EVENT_F_IPV6));
	key = _mm512_or_si512(key, _mm512_slli_epi64(proto, 32));
	key = _mm512_or_si512(key, _mm512_slli_epi64(product, 40));
	key = _mm512_or_si512(key, _mm512_slli_epi64(more, 48));
	return _mm512_xor_si512(key, _mm512_slli_epi64(_mm512_and_si512(port, low), 40));
}

/* event_hash() of 8. */
static WIDE inline __m256i flow_of(const struct dpk_looks *l, unsigned int at, __mmask8 m)
{
	const __mmask8 is_v6 = (__mmask8)(l->is_v6 >> at);
	const uint32_t(*const a)[4][DPK_BURST] = l->addr;
	__m512i h = wide_of(&a[0][0][at], &a[1][0][at]);
	__m256i hash;

	if (is_v6) {
		__m512i tail = times(wide_of(&a[1][3][at], &a[0][3][at]), 0x9e3779b97f4a7c15);
		__m512i mid = times(wide_of(&a[1][1][at], &a[1][2][at]), 0xc2b2ae3d27d4eb4f);

		h = _mm512_mask_xor_epi64(h, is_v6, h, _mm512_xor_si512(tail, mid));
	}
	h = _mm512_xor_si512(h, times(what_of(l, at, m, is_v6), 0x165667b19e3779f9));
	h = times(h, 0x9e3779b97f4a7c15);
	hash = _mm512_cvtepi64_epi32(_mm512_srli_epi64(h, 32));
	return _mm256_max_epu32(hash, _mm256_set1_epi32(1)); /* never that of a free slot */
}

static WIDE bool flows(struct dpk_looks *l, uint64_t lanes)
{
	for (unsigned int at = 0; at < l->n; at += 8)
		_mm256_store_si256((void *)&l->flow[at], flow_of(l, at, (__mmask8)(lanes >> at)));
	return true;
}

static WIDE uint64_t tagged(const struct dpk_looks *l, uint64_t lanes, const uint16_t *tags)
{
	const __m512i low = dpk_all_of(0xffff), one = dpk_all_of(1);
	uint64_t has = 0;

	for (unsigned int at = 0; at < l->n; at += DPK_LANES) {
		const __m512i flow = dpk_get(&l->flow[at]);
		const __m512i slot = _mm512_and_si512(flow, dpk_all_of(DBX_NOTED_SLOTS - 1));
		const __mmask16 is_odd = _mm512_test_epi32_mask(slot, one);
		__m512i tag = _mm512_or_si512(_mm512_srli_epi32(flow, 16), one), pair;

		/* two tags at a time, so that none is read that is not there */
		pair = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), (__mmask16)(lanes >> at),
						   _mm512_srli_epi32(slot, 1), tags, 4);
		pair = _mm512_mask_srli_epi32(pair, is_odd, pair, 16);
		pair = _mm512_and_si512(pair, low);
		has |= (uint64_t)_mm512_cmpeq_epi32_mask(pair, tag) << at;
	}
	return has & lanes;
}

const struct dpk_walker *dpk_walker_wide(void)
{
	static const struct dpk_walker wide = {
		.walk = walk,
		.ports = ports,
		.verdicts = verdicts,
		.total = total,
		.flows = flows,
		.tagged = tagged,
		.bytes = sum_bytes,
	};

	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
			       __builtin_cpu_supports("bmi2")
		       ? &wide
		       : NULL;
}
#else
const struct dpk_walker *dpk_walker_wide(void)
{
	return NULL;
}
#endif
