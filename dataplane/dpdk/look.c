// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * look.c -- what the image says of the packets of a burst, looked up for all of them at a time.
 *
 * The look-ups of classify.h hang on each other: root, run, owner, binding, profile; root, run, class,
 * cell, rule set, outcome. One packet alone would wait for memory at each. Here all packets of a burst
 * take a step together, through the tables that were made of the image (view.h, walk.c). Where these have
 * no answer (a tag, a table that is full), the program asks the image, packet by packet.
 *
 * Nothing is decided here. What is found are functions of image and tuple: test_dpdk_look.c holds them
 * against lookup.h and classify.h.
 */
#include "dataplane/dpdk/look.h"

#include <stdbool.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/walk.h"
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

static inline uint64_t rd64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static inline void put_addr6(struct dpk_looks *l, unsigned int i, uint64_t s0, uint64_t s1,
			     uint64_t d0, uint64_t d1)
{
	l->addr6[i][0] = (union dpk_addr6){{s0, s1}};
	l->addr6[i][1] = (union dpk_addr6){{d0, d1}};
	l->addr[0][i] = (uint32_t)(s0 >> 32);
	l->addr[1][i] = (uint32_t)(d0 >> 32);
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
		l->is_v6 |= 1u << i;
		put_addr6(l, i, (uint64_t)pkt.src[0] << 32 | pkt.src[1],
			  (uint64_t)pkt.src[2] << 32 | pkt.src[3],
			  (uint64_t)pkt.dst[0] << 32 | pkt.dst[1],
			  (uint64_t)pkt.dst[2] << 32 | pkt.dst[3]);
	} else {
		l->addr[0][i] = pkt.src[0];
		l->addr[1][i] = pkt.dst[0];
	}
	return true;
}

/*
 * TCP and UDP as dbx_parse_l4() has them, whose order is as random as packets are: no branch. h: 8 bytes
 * are there; left: bytes of the packet from there on, all of which are in the frame.
 */
static inline uint32_t read_l4(struct dpk_looks *l, unsigned int i, uint8_t proto, const uint8_t *h,
			       uint32_t left)
{
	const uint32_t is_tcp = proto == DBX_PROTO_TCP, is_udp = proto == DBX_PROTO_UDP;
	const uint32_t least = is_tcp ? 20 : 8, fits = left >= least;
	uint32_t len = dbx_rd16(h + ((is_tcp & fits) ? 12 : 4)), is_whole;

	len = is_tcp ? len >> 12 << 2 : len;
	is_whole = len >= least;
	is_whole &= len <= left;
	l->port[i] = (uint32_t)proto << 16 | dbx_rd16(h + 2);
	return (is_tcp | is_udp) & fits & is_whole;
}

/* Most frames: no tags, no options, no fragment, TCP or UDP; the rest is left to read_any(). */
static inline bool read_frame(struct dpk_looks *l, unsigned int i)
{
	const uint8_t *p = l->frame[i], *h = p + 14;
	const uint32_t n = l->bytes[i];
	uint32_t size;

	if (likely(n >= 14 + 20 + 8 && (raw32(p + 12) & 0xffffff) == 0x450008)) {
		size = dbx_rd16(h + 2);
		l->addr[0][i] = dbx_rd32(h + 12);
		l->addr[1][i] = dbx_rd32(h + 16);
		rte_prefetch0(&l->view->by_dst4.root[l->addr[1][i] >> 16]);
		size = size < 20 || size > n - 14 ? 0 : size - 20;
		return read_l4(l, i, h[9], h + 20, size) && !(raw16(h + 6) & 0xff3f);
	}
	if (n >= 14 + 40 + 8 && (raw32(p + 12) & 0xf0ffff) == 0x60dd86) {
		size = dbx_rd16(h + 4);
		put_addr6(l, i, rd64(h + 8), rd64(h + 16), rd64(h + 24), rd64(h + 32));
		rte_prefetch0(&l->view->by_dst6.root[l->addr[1][i] >> 16]);
		l->is_v6 |= 1u << i;
		return read_l4(l, i, h[6], h + 40, size > n - 14 - 40 ? 0 : size);
	}
	return false;
}

/* Those that have what is looked up. */
static uint32_t read_frames(struct dpk_looks *l, unsigned int n)
{
	uint32_t lanes = 0;

	for (unsigned int i = 0; i < n; i++) {
		bool is_read = read_frame(l, i);

		if (unlikely(!is_read)) {
			l->is_v6 &= ~(1u << i);
			is_read = read_any(l, i);
		}
		lanes |= (uint32_t)is_read << i;
	}
	return lanes;
}

void dpk_look_up(const struct dpk_image *image, struct dpk_looks *l, unsigned int n)
{
	uint32_t lanes, found = 0;

	l->view = image ? image->view : NULL;
	l->is_v6 = l->looked = l->ways = l->wants = l->passes = l->told = 0;
	if (!l->view)
		return;
	lanes = read_frames(l, n);
	if (lanes & ~l->is_v6)
		found = dpk_walk(l, false, lanes & ~l->is_v6);
	if (lanes & l->is_v6)
		found |= dpk_walk(l, true, lanes & l->is_v6);
	dpk_walk_ports(l, found);
	dpk_walk_verdicts(l, found);
}
