// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * walk.c -- the addresses of a burst through the tables of a view.
 *
 * Which keys have reached a leaf is as random as the addresses are, so that no branch hangs on it: a key
 * that has goes on by block 0, and what it finds there is not taken. Where the processor has AVX-512, 16
 * keys take a step with one instruction.
 */
#include "dataplane/dpdk/walk.h"

#include <rte_prefetch.h>

_Static_assert(DBX_LEAF == 1u << 31, "the sign");

/* The 8 bits of a key that choose an entry in step `level`; 0 is the first behind the root. */
static inline unsigned int word_of(unsigned int level)
{
	return (level + 2) / 4;
}

static inline unsigned int shift_of(unsigned int level)
{
	return 24 - 8 * ((level + 2) % 4);
}

static inline const struct dpk_trie *src_of(const struct dpk_view *v, bool is_v6)
{
	return is_v6 ? &v->by_src6 : &v->by_src4;
}

static inline const struct dpk_trie *dst_of(const struct dpk_view *v, bool is_v6)
{
	return is_v6 ? &v->by_dst6 : &v->by_dst4;
}

static inline unsigned int levels_of(bool is_v6)
{
	return is_v6 ? 14 : 2;
}

static inline uint32_t leaf_mask(uint32_t value)
{
	uint32_t mask = (uint32_t)((int32_t)value >> 31);

	DBX_OPAQUE(mask);
	return mask;
}

/* ---- any processor ---- */

static void top(const struct dpk_trie *t, struct dpk_walk *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(&t->root[w->key[0][i] >> 16]);
}

static void take_top(const struct dpk_trie *t, struct dpk_walk *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		w->value[i] = t->root[w->key[0][i] >> 16];
}

static void fetch(const struct dpk_trie *t, const struct dpk_walk *w, unsigned int level,
		  const uint32_t **at, unsigned int n)
{
	const uint32_t *key = w->key[word_of(level)];
	const unsigned int shift = shift_of(level);

	for (unsigned int i = 0; i < n; i++) {
		uint32_t block = w->value[i] & ~leaf_mask(w->value[i]);

		at[i] = &t->blocks[block][key[i] >> shift & 255];
		rte_prefetch0(at[i]);
	}
}

static uint32_t take(struct dpk_walk *w, const uint32_t *const *at, unsigned int n)
{
	uint32_t leaves = DBX_LEAF;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t mask = leaf_mask(w->value[i]);

		w->value[i] = (w->value[i] & mask) | (*at[i] & ~mask);
		leaves &= w->value[i];
	}
	return leaves;
}

/* Entry i of the sources, and where its rule set for the class is: one that says "none" if nowhere. */
static void fetch_rules(const struct dpk_view *v, const struct dpk_walk *src,
			const struct dpk_walk *dst, const uint32_t **at, unsigned int n)
{
	static const uint32_t none;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t source = (src->value[i] & DBX_VALUE_MASK) - 1;
		uint32_t class_id = dst->value[i] & DBX_VALUE_MASK;
		uint32_t row = source < v->n_bindings ? v->rows[source] : DPK_NO_ROW;

		at[i] = row != DPK_NO_ROW && class_id < v->hdr->n_classes
				? &v->rules[row + class_id]
				: &none;
		rte_prefetch0(at[i]);
	}
}

static void find_rules(const struct dpk_view *v, const struct dpk_walk *src,
		       const struct dpk_walk *dst, uint32_t *rules, unsigned int n)
{
	const uint32_t *at[DPK_BURST];

	fetch_rules(v, src, dst, at, n);
	for (unsigned int i = 0; i < n; i++)
		rules[i] = *at[i];
}

static void walk(const struct dpk_view *v, bool is_v6, struct dpk_walk *by_src,
		 struct dpk_walk *by_dst, uint32_t *rules, unsigned int n)
{
	const struct dpk_trie *src = src_of(v, is_v6), *dst = dst_of(v, is_v6);
	const unsigned int n_levels = levels_of(is_v6);
	const uint32_t *at[2][DPK_BURST];
	uint32_t leaves = 0;

	top(src, by_src, n);
	top(dst, by_dst, n);
	take_top(src, by_src, n);
	take_top(dst, by_dst, n);
	for (unsigned int level = 0; level < n_levels && !leaves; level++) {
		fetch(src, by_src, level, at[0], n);
		fetch(dst, by_dst, level, at[1], n);
		leaves = take(by_src, at[0], n);
		leaves &= take(by_dst, at[1], n);
	}
	find_rules(v, by_src, by_dst, rules, n);
}

/* ---- 16 keys at a time ---- */

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE  __attribute__((target("avx512f")))
#define LANES 16u
_Static_assert(DPK_BURST % LANES == 0, "whole steps");

static WIDE inline __m512i key_of(const struct dpk_walk *w, unsigned int word, unsigned int at)
{
	return _mm512_load_si512((const void *)&w->key[word][at]);
}

static WIDE inline __m512i root_of(const struct dpk_trie *t, const struct dpk_walk *w,
				   unsigned int at)
{
	return _mm512_i32gather_epi32(_mm512_srli_epi32(key_of(w, 0, at), 16), t->root, 4);
}

/* Of those that have not reached a leaf, whose bits are in *left. */
static WIDE inline __m512i step(const struct dpk_trie *t, __m512i value, __m512i byte,
				__mmask16 left)
{
	__m512i index = _mm512_add_epi32(_mm512_slli_epi32(value, 8), byte);

	return _mm512_mask_i32gather_epi32(value, left, index, t->blocks, 4);
}

static WIDE inline __mmask16 left_of(__m512i value)
{
	return _mm512_testn_epi32_mask(value, _mm512_set1_epi32((int)DBX_LEAF));
}

static WIDE inline __m512i byte_of(const struct dpk_walk *w, unsigned int level, unsigned int at)
{
	__m512i word = key_of(w, word_of(level), at);

	return _mm512_and_si512(_mm512_srl_epi32(word, _mm_cvtsi32_si128((int)shift_of(level))),
				_mm512_set1_epi32(255));
}

/* As fetch_rules() and find_rules(). */
static WIDE inline void rules_wide(const struct dpk_view *v, __m512i source, __m512i class_id,
				   uint32_t *rules)
{
	const __m512i mask = _mm512_set1_epi32((int)DBX_VALUE_MASK);
	const __m512i no_row = _mm512_set1_epi32((int)DPK_NO_ROW);
	__m512i row, rule;
	__mmask16 has;

	source = _mm512_sub_epi32(_mm512_and_si512(source, mask), _mm512_set1_epi32(1));
	class_id = _mm512_and_si512(class_id, mask);
	has = _mm512_cmplt_epu32_mask(source, _mm512_set1_epi32((int)v->n_bindings)) &
	      _mm512_cmplt_epu32_mask(class_id, _mm512_set1_epi32((int)v->hdr->n_classes));
	row = _mm512_mask_i32gather_epi32(no_row, has, source, v->rows, 4);
	has &= _mm512_cmpneq_epi32_mask(row, no_row);
	rule = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), has,
					   _mm512_add_epi32(row, class_id), v->rules, 4);
	_mm512_storeu_si512(rules, rule);
}

/* All of both tables a step at a time: what they wait for, they wait for together. */
static WIDE void walk_wide(const struct dpk_view *v, bool is_v6, struct dpk_walk *by_src,
			   struct dpk_walk *by_dst, uint32_t *rules)
{
	const struct dpk_trie *src = src_of(v, is_v6), *dst = dst_of(v, is_v6);
	const unsigned int n_levels = levels_of(is_v6);
	__m512i s0 = root_of(src, by_src, 0), s1 = root_of(src, by_src, LANES);
	__m512i d0 = root_of(dst, by_dst, 0), d1 = root_of(dst, by_dst, LANES);

	for (unsigned int level = 0; level < n_levels; level++) {
		__mmask16 ls0 = left_of(s0), ls1 = left_of(s1), ld0 = left_of(d0),
			  ld1 = left_of(d1);

		if (!(ls0 | ls1 | ld0 | ld1))
			break;
		if (ls0)
			s0 = step(src, s0, byte_of(by_src, level, 0), ls0);
		if (ls1)
			s1 = step(src, s1, byte_of(by_src, level, LANES), ls1);
		if (ld0)
			d0 = step(dst, d0, byte_of(by_dst, level, 0), ld0);
		if (ld1)
			d1 = step(dst, d1, byte_of(by_dst, level, LANES), ld1);
	}
	_mm512_store_si512((void *)&by_src->value[0], s0);
	_mm512_store_si512((void *)&by_src->value[LANES], s1);
	_mm512_store_si512((void *)&by_dst->value[0], d0);
	_mm512_store_si512((void *)&by_dst->value[LANES], d1);
	rules_wide(v, s0, d0, rules);
	rules_wide(v, s1, d1, rules + LANES);
}

static bool can_be_wide(void)
{
	return __builtin_cpu_supports("avx512f");
}
#else
static void walk_wide(const struct dpk_view *v, bool is_v6, struct dpk_walk *by_src,
		      struct dpk_walk *by_dst, uint32_t *rules)
{
	walk(v, is_v6, by_src, by_dst, rules, DPK_BURST);
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

void dpk_walk(const struct dpk_view *v, bool is_v6, struct dpk_walk *by_src,
	      struct dpk_walk *by_dst, uint32_t rules[DPK_BURST], unsigned int n)
{
	if (is_wide)
		walk_wide(v, is_v6, by_src, by_dst, rules);
	else
		walk(v, is_v6, by_src, by_dst, rules, n);
}
