/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lanes.h -- 16 numbers of 32 bits at a time, for functions that are compiled for AVX-512.
 */
#ifndef DBX_DPDK_LANES_H
#define DBX_DPDK_LANES_H

#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define DPK_LANES    16u
#define DPK_LANES_FN static inline __attribute__((always_inline, target("avx512f")))

DPK_LANES_FN __m512i dpk_all_of(uint32_t v)
{
	return _mm512_set1_epi32((int)v);
}

/* Both at a multiple of 64 bytes. */
DPK_LANES_FN __m512i dpk_get(const uint32_t *v)
{
	return _mm512_load_si512((const void *)v);
}

DPK_LANES_FN void dpk_put(uint32_t *v, __m512i x)
{
	_mm512_store_si512((void *)v, x);
}

/* Every other number of a and then of b: those at even places, those at odd ones. */
DPK_LANES_FN __m512i dpk_even_of(__m512i a, __m512i b)
{
	const __m512i even =
		_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);

	return _mm512_permutex2var_epi32(a, even, b);
}

DPK_LANES_FN __m512i dpk_odd_of(__m512i a, __m512i b)
{
	const __m512i odd =
		_mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);

	return _mm512_permutex2var_epi32(a, odd, b);
}
#endif

#endif
