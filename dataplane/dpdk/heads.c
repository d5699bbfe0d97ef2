// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * heads.c -- the headers of a burst's packets.
 *
 * Most frames are TCP or UDP, whole, without tags and options. These are read without a branch, since what
 * they are is as random as packets are, and where the processor can, 16 at a time. The rest is left to the
 * parser itself; test_dpdk_look.c holds all of it against that.
 */
#include "dataplane/dpdk/heads.h"

#include <string.h>

#include <rte_branch_prediction.h>

#include "dataplane/dpdk/lanes.h"
#include "dbx/classify.h"

/* Bytes as they lie: cheaper than to put them in order where only zeros are asked for, or constants. */
static inline uint16_t raw16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t raw32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Any frame, by the parser itself. */
static __attribute__((noinline)) bool read_any(struct dpk_looks *l, unsigned int i)
{
	struct dbx_pkt pkt;

	if (dbx_parse(l->frame[i], l->frame[i] + l->bytes[i], &pkt) != DBX_PARSE_GO_ON ||
	    pkt.frag != DBX_FRAG_NONE || !(pkt.flags & DBX_PKT_F_PORTS) || pkt.n_tags ||
	    (pkt.flags & DBX_PKT_F_PROTO_UNKNOWN))
		return false;
	l->port[i] = (uint32_t)pkt.proto << 16 | pkt.dport;
	if (pkt.flags & DBX_PKT_F_IPV6) {
		l->is_v6 |= 1ull << i;
		for (unsigned int w = 1; w < 4; w++) {
			l->addr[0][w][i] = pkt.src[w];
			l->addr[1][w][i] = pkt.dst[w];
		}
	}
	l->addr[0][0][i] = pkt.src[0];
	l->addr[1][0][i] = pkt.dst[0];
	return true;
}

/*
 * TCP and UDP as dbx_parse_l4() has them. h: 8 bytes are there; left: bytes of the packet from there on, all
 * of which are in the frame.
 */
static inline bool read_l4(struct dpk_looks *l, unsigned int i, uint8_t proto, const uint8_t *h,
			   uint32_t left)
{
	uint32_t is_tcp = proto == DBX_PROTO_TCP, least, fits, len, is_right;

	DBX_OPAQUE(is_tcp);
	least = 8 + 12 * is_tcp;
	fits = left >= least;
	len = dbx_rd16(h + 4 + 8 * (is_tcp & fits));
	len = len >> 12 * is_tcp << 2 * is_tcp;
	is_right = is_tcp | (proto == DBX_PROTO_UDP);
	is_right &= fits;
	is_right &= len >= least;
	is_right &= len <= left;
	l->port[i] = (uint32_t)proto << 16 | dbx_rd16(h + 2);
	return is_right;
}

static inline bool is_head4(const uint8_t *frame, uint32_t n)
{
	return n >= 14 + 20 + 8 && (raw32(frame + 12) & 0xffffff) == 0x450008;
}

static inline bool is_head6(const uint8_t *frame, uint32_t n)
{
	return n >= 14 + 40 + 8 && (raw32(frame + 12) & 0xf0ffff) == 0x60dd86;
}

static inline bool read_head(struct dpk_looks *l, unsigned int i)
{
	const uint8_t *p = l->frame[i], *h = p + 14;
	const uint32_t n = l->bytes[i];
	uint32_t size;

	if (is_head4(p, n)) {
		size = dbx_rd16(h + 2);
		l->addr[0][0][i] = dbx_rd32(h + 12);
		l->addr[1][0][i] = dbx_rd32(h + 16);
		size = size < 20 || size > n - 14 ? 0 : size - 20;
		return read_l4(l, i, h[9], h + 20, size) && !(raw16(h + 6) & 0xff3f);
	}
	if (!is_head6(p, n))
		return false;
	size = dbx_rd16(h + 4);
	for (unsigned int w = 0; w < 4; w++) {
		l->addr[0][w][i] = dbx_rd32(h + 8 + 4 * w);
		l->addr[1][w][i] = dbx_rd32(h + 24 + 4 * w);
	}
	if (!read_l4(l, i, h[6], h + 40, size > n - 14 - 40 ? 0 : size))
		return false;
	l->is_v6 |= 1ull << i;
	return true;
}

static uint64_t read_each(struct dpk_looks *l, uint64_t lanes)
{
	uint64_t is_read = 0;

	dpk_for_each(i, lanes)
		is_read |= (uint64_t)(likely(read_head(l, (unsigned int)i)) ||
				      read_any(l, (unsigned int)i))
			   << i;
	return is_read;
}

/* ---- 16 frames at a time ---- */

#if defined(__x86_64__)
#define WIDE   __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi,bmi2")))
#define BEFORE 12u /* bytes of a frame, which are not read: addresses of Ethernet */
#define NO     0   /* no byte: zero, by the masks below */

/*
 * What is read of a frame, as numbers; a byte's place is behind BEFORE. IPv4: Ethernet's type with the first
 * byte of the header; length; fragment and protocol; source; destination; destination port; UDP's length
 * and TCP's of its header.
 */
static const uint8_t places4[64] __attribute__((aligned(64))) = {
	0,  1,  2,  3,  5,  4,  NO, NO, 8,  9,  11, NO, 17, 16, 15, 14,
	21, 20, 19, 18, 25, 24, NO, NO, 27, 26, 34, NO, NO, NO, NO, NO,
};
#define PLACES4 0x073ff73full
enum { TYPE4, SIZE4, PROTO4, SRC4, DST4, PORT4, LENGTH4, WORDS4 = 8 };

/* IPv6: type; length and protocol; source; destination; as for IPv4. */
static const uint8_t places6[64] __attribute__((aligned(64))) = {
	0,  1,  2,  3,  7,  6,  8,  NO, 13, 12, 11, 10, 17, 16, 15, 14,
	21, 20, 19, 18, 25, 24, 23, 22, 29, 28, 27, 26, 33, 32, 31, 30,
	37, 36, 35, 34, 41, 40, 39, 38, 45, 44, NO, NO, 47, 46, 54, NO,
};
#define PLACES6 0x73ffffffff7full
enum { TYPE6, SIZE6, SRC6, DST6 = SRC6 + 4, PORT6 = DST6 + 4, LENGTH6, WORDS6 = 16 };

/* No byte behind the frame is touched. */
static WIDE inline __m512i words_of(const struct dpk_looks *l, unsigned int i, uint64_t places,
				    __m512i order)
{
	const uint32_t n = l->bytes[i], end = n < BEFORE + 64 ? n : BEFORE + 64;
	const __mmask64 is_there = _bzhi_u64(~0ull, end < BEFORE ? 0 : end - BEFORE);

	return _mm512_maskz_permutexvar_epi8(
		places, order, _mm512_maskz_loadu_epi8(is_there, l->frame[i] + BEFORE));
}

/*
 * n registers, 8 or 16, of 16 words each. In: word w of packet i at i * n + w of all of them. Out: v[w] has
 * it at i. In each step a bit of the register's number changes places with one of the word's.
 */
static WIDE inline __attribute__((always_inline)) void turn(__m512i *v, unsigned int n)
{
#pragma GCC unroll 4
	for (unsigned int bit = 1; bit < n; bit *= 2)
#pragma GCC unroll 16
		for (unsigned int i = 0; i < n; i++) {
			const __m512i a = v[i];

			if (i & bit)
				continue;
			v[i] = dpk_even_of(a, v[i | bit]);
			v[i | bit] = dpk_odd_of(a, v[i | bit]);
		}
}

/* As read_l4(). length: of UDP in the lower half, of TCP's header above. */
static WIDE inline __mmask16 l4_wide(__mmask16 m, __m512i proto, __m512i length, __m512i left)
{
	const __mmask16 is_tcp = _mm512_mask_cmpeq_epi32_mask(m, proto, dpk_all_of(DBX_PROTO_TCP));
	const __mmask16 is_udp = _mm512_mask_cmpeq_epi32_mask(m, proto, dpk_all_of(DBX_PROTO_UDP));
	const __m512i least = _mm512_mask_mov_epi32(dpk_all_of(8), is_tcp, dpk_all_of(20));
	__m512i len = _mm512_and_si512(length, dpk_all_of(0xffff));

	len = _mm512_mask_and_epi32(len, is_tcp, _mm512_srli_epi32(length, 18), dpk_all_of(0x3c));
	m = _mm512_mask_cmpge_epu32_mask(is_tcp | is_udp, len, least);
	return _mm512_mask_cmple_epu32_mask(m, len, left);
}

static WIDE inline __m512i port_of(__m512i proto, __m512i port)
{
	return _mm512_or_si512(_mm512_slli_epi32(proto, 16), port);
}

static WIDE inline __mmask16 has_type(__mmask16 m, __m512i type, uint32_t bits, uint32_t value)
{
	return _mm512_mask_cmpeq_epi32_mask(m, _mm512_and_si512(type, dpk_all_of(bits)),
					    dpk_all_of(value));
}

/* Those of `lanes`, from `at` on, that read_head() would read as IPv4. */
static WIDE __mmask16 heads4(struct dpk_looks *l, unsigned int at, __mmask16 lanes)
{
	const __m512i order = _mm512_load_si512(places4), n = _mm512_load_si512(&l->bytes[at]);
	__m512i v[WORDS4], proto;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < WORDS4; i++)
		v[i] = _mm512_inserti64x4(
			words_of(l, at + 2 * i, PLACES4, order),
			_mm512_castsi512_si256(words_of(l, at + 2 * i + 1, PLACES4, order)), 1);
	turn(v, WORDS4);
	dpk_put(&l->addr[0][0][at], v[SRC4]);
	dpk_put(&l->addr[1][0][at], v[DST4]);
	proto = _mm512_srli_epi32(v[PROTO4], 16);
	dpk_put(&l->port[at], port_of(proto, v[PORT4]));
	lanes = _mm512_mask_cmpge_epu32_mask(lanes, n, dpk_all_of(14 + 20 + 8));
	lanes = has_type(lanes, v[TYPE4], 0xffffff, 0x450008);
	lanes = has_type(lanes, v[PROTO4], 0xff3f, 0);
	lanes = _mm512_mask_cmpge_epu32_mask(lanes, v[SIZE4], dpk_all_of(20));
	lanes = _mm512_mask_cmple_epu32_mask(lanes, v[SIZE4], _mm512_sub_epi32(n, dpk_all_of(14)));
	return l4_wide(lanes, proto, v[LENGTH4], _mm512_sub_epi32(v[SIZE4], dpk_all_of(20)));
}

/* As IPv6. */
static WIDE __mmask16 heads6(struct dpk_looks *l, unsigned int at, __mmask16 lanes)
{
	const __m512i order = _mm512_load_si512(places6), n = _mm512_load_si512(&l->bytes[at]);
	__m512i v[WORDS6], proto, size;

#pragma GCC unroll 16
	for (unsigned int i = 0; i < WORDS6; i++)
		v[i] = words_of(l, at + i, PLACES6, order);
	turn(v, WORDS6);
#pragma GCC unroll 4
	for (unsigned int w = 0; w < 4; w++) {
		dpk_put(&l->addr[0][w][at], v[SRC6 + w]);
		dpk_put(&l->addr[1][w][at], v[DST6 + w]);
	}
	proto = _mm512_srli_epi32(v[SIZE6], 16);
	size = _mm512_and_si512(v[SIZE6], dpk_all_of(0xffff));
	dpk_put(&l->port[at], port_of(proto, v[PORT6]));
	lanes = _mm512_mask_cmpge_epu32_mask(lanes, n, dpk_all_of(14 + 40 + 8));
	lanes = has_type(lanes, v[TYPE6], 0xf0ffff, 0x60dd86);
	lanes = _mm512_mask_cmple_epu32_mask(lanes, size, _mm512_sub_epi32(n, dpk_all_of(14 + 40)));
	return l4_wide(lanes, proto, v[LENGTH6], size);
}

/* Frames of a burst are mostly of one family, which the first one tells. */
static WIDE uint64_t read_wide(struct dpk_looks *l, uint64_t lanes)
{
	uint64_t is_read = 0;

	for (unsigned int at = 0; at < l->n; at += DPK_LANES) {
		const bool is_v6 = is_head6(l->frame[at], l->bytes[at]);
		uint64_t some;

		for (unsigned int i = l->n; i < at + DPK_LANES; i++) {
			l->bytes[i] = 0; /* no frame */
			l->frame[i] = l->frame[at];
		}
		some = (uint64_t)(is_v6 ? heads6(l, at, (__mmask16)(lanes >> at))
					: heads4(l, at, (__mmask16)(lanes >> at)))
		       << at;
		is_read |= some;
		l->is_v6 |= is_v6 ? some : 0;
	}
	return is_read;
}

static bool can_be_wide(void)
{
	return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("bmi2");
}
#else
static uint64_t read_wide(struct dpk_looks *l, uint64_t lanes)
{
	(void)l;
	(void)lanes;
	return 0;
}

static bool can_be_wide(void)
{
	return false;
}
#endif

/* ---- */

static bool is_wide;

bool dpk_heads_wide(bool on)
{
	is_wide = on && can_be_wide();
	return is_wide;
}

uint64_t dpk_heads(struct dpk_looks *l)
{
	const uint64_t all = dpk_first(l->n);
	const uint64_t done = is_wide ? read_wide(l, all) : 0;

	return done | read_each(l, all & ~done);
}
