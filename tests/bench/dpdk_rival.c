// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dpdk_rival.c -- what all rivals of bench_dpdk_packets do before and after their lookups: headers, and
 * counters by workspace and rule or reason.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>

#include "bench/dpdk_bench.h"

static struct rte_rcu_qsbr *users; /* of the tables, which nothing changes here */

void dpb_rivals_open(bool with_acl, bool with_whole)
{
	users = rte_zmalloc("users", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	dpb_need(users && !rte_rcu_qsbr_init(users, 1) && !rte_rcu_qsbr_thread_register(users, 0),
		 "rte_rcu_qsbr");
	rte_rcu_qsbr_thread_online(users, 0);
	dpb_fib_open();
	if (with_acl)
		dpb_acl_open(with_whole);
}

size_t dpb_memory(void)
{
	struct rte_malloc_socket_stats s;

	return rte_malloc_get_socket_stats(0, &s) ? 0 : s.heap_allocsz_bytes;
}

static inline uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_32(v);
}

/* Of IPv6 what is behind the ports is in the second cache line. */
static inline void fetch(struct rte_mbuf **m, bool is_v6)
{
	for (unsigned int i = 0; i < DPB_BURST; i++)
		rte_prefetch0(m[i]);
	for (unsigned int i = 0; i < DPB_BURST; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned int i = 0; i < DPB_BURST && is_v6; i++)
		rte_prefetch0(rte_pktmbuf_mtod_offset(m[i], void *, RTE_CACHE_LINE_SIZE));
}

/* ---- bare ---- */

static inline void bare4(const struct rte_mbuf *m, struct dpb_keys *k, unsigned int i)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	bool fits = m->data_len >= 42 && be16(p + 12) == 0x0800 && p[14] == 0x45 &&
		    !((p[20] & 0x3f) | p[21]);

	k->src4[i] = be32(p + 26);
	k->dst4[i] = be32(p + 30);
	k->dport[i] = (uint16_t)be16(p + 36);
	k->proto[i] = fits ? p[23] : 0;
}

static inline void bare6(const struct rte_mbuf *m, struct dpb_keys *k, unsigned int i)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	bool fits = m->data_len >= 62 && be16(p + 12) == 0x86dd;

	memcpy(k->src6[i], p + 22, 16);
	memcpy(k->dst6[i], p + 38, 16);
	k->dport[i] = (uint16_t)be16(p + 56);
	k->proto[i] = fits ? p[20] : 0;
}

void dpb_read_bare(struct rte_mbuf **m, struct dpb_keys *k, bool is_v6)
{
	fetch(m, false);
	if (is_v6)
		for (unsigned int i = 0; i < DPB_BURST; i++)
			bare6(m[i], k, i);
	else
		for (unsigned int i = 0; i < DPB_BURST; i++)
			bare4(m[i], k, i);
}

/* ---- the whole job ---- */

/* Ports of TCP and UDP, which are all that any rule here names. */
static inline uint8_t read_ports(const uint8_t *p, uint32_t n, struct dpb_keys *k, unsigned int i)
{
	if (k->proto[i] == 6) {
		if (n < 20 || (p[12] >> 4) < 5 || (uint32_t)(p[12] >> 4) * 4 > n)
			return DPB_BROKEN;
	} else if (k->proto[i] == 17) {
		if (n < 8 || be16(p + 4) < 8 || be16(p + 4) > n)
			return DPB_BROKEN;
	} else {
		k->proto[i] = 0;
		return DPB_NO_RULE;
	}
	k->dport[i] = (uint16_t)be16(p + 2);
	return DPB_NO_RULE;
}

static inline uint8_t read4(const uint8_t *p, uint32_t n, struct dpb_keys *k, unsigned int i)
{
	uint32_t n_header = (p[0] & 15u) * 4, total;

	if (n < 20 || p[0] >> 4 != 4 || n_header < 20)
		return DPB_BROKEN;
	total = be16(p + 2);
	if (total > n || total < n_header)
		return DPB_BROKEN;
	k->src4[i] = be32(p + 12);
	k->dst4[i] = be32(p + 16);
	if (be16(p + 6) & 0x3fff)
		return DPB_FRAGMENT;
	k->proto[i] = p[9];
	return read_ports(p + n_header, total - n_header, k, i);
}

static inline uint8_t read6(const uint8_t *p, uint32_t n, struct dpb_keys *k, unsigned int i)
{
	uint32_t at = 40, end;
	uint8_t next;

	if (n < 40 || p[0] >> 4 != 6)
		return DPB_BROKEN;
	end = 40 + be16(p + 4);
	if (end > n)
		return DPB_BROKEN;
	memcpy(k->src6[i], p + 8, 16);
	memcpy(k->dst6[i], p + 24, 16);
	next = p[6];
	while (next == 0 || next == 43 || next == 60) { /* RFC 8200: 4.3, 4.4, 4.6 */
		if (at + 8 > end)
			return DPB_BROKEN;
		next = p[at];
		at += 8 + p[at + 1] * 8u;
		if (at > end)
			return DPB_BROKEN;
	}
	if (next == 44)
		return DPB_FRAGMENT;
	k->proto[i] = next;
	return read_ports(p + at, end - at, k, i);
}

static inline uint8_t read_frame(const struct rte_mbuf *m, struct dpb_keys *k, unsigned int i,
				 bool is_v6)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t n = m->data_len, at = 14, type;

	k->proto[i] = 0;
	k->dport[i] = 0;
	k->bytes[i] = m->pkt_len;
	k->src4[i] = k->dst4[i] = 0;
	memset(k->src6[i], 0, 16);
	if (m->nb_segs > 1 || n < 14)
		return DPB_BROKEN;
	type = be16(p + 12);
	while ((type == 0x8100 || type == 0x88a8) && at <= 18) {
		if (n < at + 4)
			return DPB_BROKEN;
		type = be16(p + at + 2);
		at += 4;
	}
	if (type != (is_v6 ? 0x86dd : 0x0800) || n - at < 20)
		return DPB_BROKEN;
	return is_v6 ? read6(p + at, n - at, k, i) : read4(p + at, n - at, k, i);
}

void dpb_read_job(struct rte_mbuf **m, struct dpb_keys *k, bool is_v6)
{
	fetch(m, is_v6);
	if (is_v6)
		for (unsigned int i = 0; i < DPB_BURST; i++)
			k->why[i] = read_frame(m[i], k, i, true);
	else
		for (unsigned int i = 0; i < DPB_BURST; i++)
			k->why[i] = read_frame(m[i], k, i, false);
	for (unsigned int i = 0; i < DPB_BURST; i++)
		k->proto[i] = k->why[i] == DPB_NO_RULE ? k->proto[i] : 0;
}

void dpb_count(struct dpb_counts *c, const struct dpb_keys *k, const uint64_t *hop)
{
	for (unsigned int i = 0; i < DPB_BURST; i++)
		rte_prefetch0(&c->by[hop[i]][k->why[i]]);
	for (unsigned int i = 0; i < DPB_BURST; i++) {
		unsigned int why = hop[i] ? k->why[i] : DPB_NO_SOURCE;

		c->by[hop[i]][why].packets++;
		c->by[hop[i]][why].bytes += k->bytes[i];
		c->total[why].packets++;
		c->total[why].bytes += k->bytes[i];
	}
	rte_rcu_qsbr_quiescent(users, 0);
}
