/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * record.h -- what a judged packet leaves behind: totals, counters, and an event when it is denied.
 *
 * Totals count every packet, exactly. A counter row that finds the table full is counted as unkeyed,
 * an event that finds the ring full as lost: neither changes a verdict or a total.
 */
#ifndef DBX_EBPF_RECORD_H
#define DBX_EBPF_RECORD_H

#include "maps.h"
#include "dbx/classify.h"

/* A host that runs this program (ctl/replay) wants to know what became of each packet. */
#ifndef DBX_ON_VERDICT
#define DBX_ON_VERDICT(pkt, res)
#endif

static __always_inline void record_total(__u32 index, __u32 bytes)
{
	struct dbx_counter *c = bpf_map_lookup_elem(&totals, &index);

	if (!c)
		return;
	c->packets++;
	c->bytes += bytes;
}

static __always_inline void record_counter(const struct dbx_result *res, __u32 bytes)
{
	struct dbx_counter_key key = {
		.workspace_id = res->workspace_id,
		.rule_uid = res->rule_uid,
		.reason = res->reason,
		.verdict = res->verdict,
		.path = res->path,
	};
	struct dbx_counter *c = bpf_map_lookup_elem(&counters, &key);

	if (!c) {
		struct dbx_counter none = {0, 0};

		/* Another CPU may win the race to insert: look again, whatever this returns. */
		bpf_map_update_elem(&counters, &key, &none, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&counters, &key);
	}
	if (!c) {
		record_total(DBX_TOTAL_UNKEYED, bytes);
		return;
	}
	c->packets++;
	c->bytes += bytes;
}

/* IPv4: the first four bytes. The rest stays zero. */
static __always_inline void record_addr(__u8 out[16], const __u32 a[4])
{
	__u32 *w = (__u32 *)out;
	int i;

	for (i = 0; i < 4; i++)
		w[i] = __builtin_bswap32(a[i]);
}

static __always_inline void record_fill(struct dbx_event *e, const struct dbx_result *res,
					const struct dbx_pkt *pkt, __u32 ifindex, __u32 bytes)
{
	e->time_ns = bpf_ktime_get_ns();
	e->generation = res->generation;
	e->workspace_id = res->workspace_id;
	e->rule_uid = res->rule_uid;
	record_addr(e->src, pkt->src);
	record_addr(e->dst, pkt->dst);
	e->domain = pkt->domain;
	e->ifindex = ifindex;
	e->rule = res->rule;
	e->policy = res->policy;
	e->frame_bytes = bytes;
	e->sport = pkt->sport;
	e->dport = pkt->dport;
	e->reason = res->reason;
	e->verdict = res->verdict;
	e->path = res->path;
	e->proto = pkt->proto;
	e->product = res->product;
	e->flags = (pkt->flags & DBX_PKT_F_IPV6 ? DBX_EVENT_F_IPV6 : 0) |
		   (pkt->flags & DBX_PKT_F_TUPLE ? DBX_EVENT_F_HAS_TUPLE : 0) |
		   (pkt->flags & DBX_PKT_F_PORTS ? DBX_EVENT_F_HAS_PORTS : 0) |
		   (pkt->frag != DBX_FRAG_NONE ? DBX_EVENT_F_FRAGMENT : 0);
	e->zero = 0;
}

static __always_inline void record_event(const struct dbx_result *res, const struct dbx_pkt *pkt,
					 __u32 ifindex, __u32 bytes)
{
	struct dbx_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		record_total(DBX_TOTAL_EVENTS_LOST, bytes);
		return;
	}
	record_fill(e, res, pkt, ifindex, bytes);
	bpf_ringbuf_submit(e, 0);
	record_total(DBX_TOTAL_EVENTS, bytes);
}

/* Totals and counters alone. */
static __always_inline void record_counts(const struct dbx_result *res, __u32 bytes)
{
	record_total(DBX_TOTAL_REASON_BASE + (__u32)res->reason * DBX_VERDICT_MAX + res->verdict,
		     bytes);
	record_counter(res, bytes);
}

static __always_inline void record_packet(const struct dbx_result *res, const struct dbx_pkt *pkt,
					  __u32 ifindex, __u32 bytes)
{
	record_counts(res, bytes);
	if (res->verdict != DBX_VERDICT_PASS)
		record_event(res, pkt, ifindex, bytes);
}

#endif
