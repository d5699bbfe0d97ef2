/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * event.h -- what people are told of packets: an event for the first of a flow, then one for all that
 * follow, each time that the daemon sweeps (egress_note, once a second).
 *
 * Each packet that is told of is in one event, waits in a slot of `noted`, or is counted as lost: none
 * is in two of these places, and none in neither. Packets that find no slot are told of by themselves;
 * those beyond the pace of their CPU (DBX_PACE_EVENTS between two sweeps), or that find the ring full,
 * are lost.
 *
 * The tag of a slot, 16 bits of its flow's hash and never 0, lies in `pace`. Where another one stands,
 * the slot holds another flow or none, or is about to be taken or freed: it is not looked at, and a
 * packet of its flow is told of by itself. The tag is a hint: the slot says whose it is.
 *
 * No locks, since each field of a slot has one writer at a time. The slots of a CPU are used by the
 * packets of that CPU; `packets` and `bytes` only ever grow. The sweep alone writes told_*, by how much
 * of them was told, and frees a slot (hash 0) when nothing followed since the last one. The CPU alone
 * takes a slot that is free, when nothing waits in it: a packet may have come while it was being freed.
 */
#ifndef DBX_EBPF_EVENT_H
#define DBX_EBPF_EVENT_H

#include <stddef.h>

#include "record.h"

/* 0: a host that runs this program (ctl/replay), and reads the verdicts. */
#ifndef DBX_TELLS
#define DBX_TELLS 1
#endif

static __always_inline __u8 event_flags(const struct dbx_pkt *pkt)
{
	return (pkt->flags & DBX_PKT_F_IPV6 ? DBX_EVENT_F_IPV6 : 0) |
	       (pkt->flags & DBX_PKT_F_TUPLE ? DBX_EVENT_F_HAS_TUPLE : 0) |
	       (pkt->flags & DBX_PKT_F_PORTS ? DBX_EVENT_F_HAS_PORTS : 0) |
	       (pkt->frag != DBX_FRAG_NONE ? DBX_EVENT_F_FRAGMENT : 0);
}

/* IPv4: the first four bytes. The rest stays zero. */
static __always_inline void event_addr(__u8 out[16], const __u32 a[4])
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
	event_addr(e->src, pkt->src);
	event_addr(e->dst, pkt->dst);
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
	e->flags = event_flags(pkt);
	e->zero = 0;
	e->more_packets = 0;
	e->more_bytes = 0;
}

/* reason, verdict, path, proto, product, flags as they lie in the event (little endian, as the image) */
static __always_inline __u64 event_what(const struct dbx_result *res, const struct dbx_pkt *pkt)
{
	_Static_assert(offsetof(struct dbx_event, zero) - offsetof(struct dbx_event, reason) == 7,
		       "one word");
	return (__u64)res->reason | (__u64)res->verdict << 16 | (__u64)res->path << 24 |
	       (__u64)pkt->proto << 32 | (__u64)res->product << 40 | (__u64)event_flags(pkt) << 48;
}

/* Packets of a flow, for people: as the daemon joins them (flowlog.c), of one generation and interface. */
static __always_inline int event_is_of(const struct dbx_event *e, const struct dbx_result *res,
				       const struct dbx_pkt *pkt, __u32 ifindex, __u64 what)
{
	const __u32 *src = (const __u32 *)e->src, *dst = (const __u32 *)e->dst;
	__u32 differs = (src[0] ^ __builtin_bswap32(pkt->src[0])) |
			(dst[0] ^ __builtin_bswap32(pkt->dst[0])) | (e->domain ^ pkt->domain) |
			(e->ifindex ^ ifindex) | (__u32)(e->dport ^ pkt->dport);
	__u64 has;
	int i;

	__builtin_memcpy(&has, (const __u8 *)e + offsetof(struct dbx_event, reason), sizeof(has));
	if (pkt->flags & DBX_PKT_F_IPV6) {
		for (i = 1; i < 4; i++)
			differs |= (src[i] ^ __builtin_bswap32(pkt->src[i])) |
				   (dst[i] ^ __builtin_bswap32(pkt->dst[i]));
	}
	return !differs && has == what && e->generation == res->generation &&
	       e->workspace_id == res->workspace_id && e->rule_uid == res->rule_uid;
}

/* Not keyed: flows that are made to meet in a slot are told of packet by packet, at the same pace. */
static __always_inline __u32 event_hash(const struct dbx_pkt *pkt, __u64 what)
{
	__u64 h = (__u64)pkt->src[0] << 32 | pkt->dst[0];

	if (pkt->flags & DBX_PKT_F_IPV6) {
		h ^= ((__u64)pkt->dst[3] << 32 | pkt->src[3]) * 0x9e3779b97f4a7c15ull;
		h ^= ((__u64)pkt->dst[1] << 32 | pkt->dst[2]) * 0xc2b2ae3d27d4eb4full;
	}
	h ^= (what ^ (__u64)pkt->dport << 40) * 0x165667b19e3779f9ull;
	h *= 0x9e3779b97f4a7c15ull;
	return h >> 32 ? h >> 32 : 1; /* never that of a free slot */
}

static __always_inline void event_told(__u64 packets, __u64 bytes)
{
	__u32 sent = DBX_TOTAL_EVENTS, told = DBX_TOTAL_TOLD;
	struct dbx_counter *c = bpf_map_lookup_elem(&totals, &sent);

	if (c)
		c->packets++;
	c = bpf_map_lookup_elem(&totals, &told);
	if (!c)
		return;
	c->packets += packets;
	c->bytes += bytes;
}

static __always_inline struct dbx_pace *pace_of(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&pace, &cpu);
}

static __always_inline __u32 event_slot(__u32 hash)
{
	return hash % DBX_NOTED_SLOTS;
}

static __always_inline __u16 event_tag(__u32 hash)
{
	return hash >> 16 | 1;
}

/*
 * Room for one more event. To wake the reader for each would cost more than all the rest (an interrupt to
 * oneself): that is done 20 times a second, by the clock of ticks. It looks by itself too.
 */
static __always_inline struct dbx_event *event_take(struct dbx_pace *p, __u64 *wake)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	p->n++;
	*wake = BPF_RB_NO_WAKEUP;
	if (now - p->woken_ns >= DBX_PACE_WAKE_NS) {
		p->woken_ns = now;
		*wake = 0;
	}
	return bpf_ringbuf_reserve(&events, sizeof(struct dbx_event), 0);
}

static __always_inline struct dbx_noted *noted_at(__u32 hash)
{
	__u32 index = bpf_get_smp_processor_id() * DBX_NOTED_SLOTS + event_slot(hash);

	return bpf_map_lookup_elem(&noted, &index);
}

/* Whether it is of the flow in the slot, n or none: then it waits there. */
static __always_inline int event_waits(struct dbx_noted *n, __u32 hash,
				       const struct dbx_result *res, const struct dbx_pkt *pkt,
				       __u32 ifindex, __u64 what, __u32 bytes)
{
	if (!n || n->hash != hash || !event_is_of(&n->event, res, pkt, ifindex, what))
		return 0;
	n->bytes += bytes;
	n->packets++;
	return 1;
}

/*
 * 0: the packet waits in its flow's slot, or there is no more to be told of now; else the hash of its
 * flow, to be given to event_tell(). In a flood of flows nearly all packets end without a look at a slot.
 * Functions of their own: the verifier walks each once, and both would take too much of the stack.
 */
__attribute__((noinline)) int event_join(const struct dbx_result *res, const struct dbx_pkt *pkt,
					 __u32 ifindex, __u32 bytes)
{
	struct dbx_pace *p = pace_of();
	struct dbx_noted *n;
	__u64 what;
	__u32 hash;

	if (!res || !pkt)
		return 0;
	what = event_what(res, pkt);
	hash = event_hash(pkt, what);
	n = p && p->tags[event_slot(hash)] == event_tag(hash) ? noted_at(hash) : 0;
	if (event_waits(n, hash, res, pkt, ifindex, what, bytes))
		return 0;
	if (p && p->n - p->base < DBX_PACE_EVENTS)
		return hash;
	record_total(DBX_TOTAL_EVENTS_LOST, bytes);
	return 0;
}

__attribute__((noinline)) int event_tell(const struct dbx_result *res, const struct dbx_pkt *pkt,
					 __u32 ifindex, __u32 bytes, __u32 hash)
{
	struct dbx_pace *p = pace_of();
	struct dbx_event *e;
	struct dbx_noted *n;
	__u64 wake = 0;

	if (!res || !pkt || !p)
		return 0;
	/* Asked once: the verifier of 6.1 does not know that a record, once found, is not null. */
	e = event_take(p, &wake);
	if (!e) {
		record_total(DBX_TOTAL_EVENTS_LOST, bytes);
		return 0;
	}
	record_fill(e, res, pkt, ifindex, bytes);
	n = noted_at(hash);
	if (n && !n->hash && n->packets == n->told_packets && n->bytes == n->told_bytes) {
		n->event = *e;
		barrier();
		n->hash = hash;
		p->tags[event_slot(hash)] = event_tag(hash);
	}
	bpf_ringbuf_submit(e, wake);
	event_told(1, bytes);
	return 0;
}

static __always_inline void event_note(const struct dbx_result *res, const struct dbx_pkt *pkt,
				       __u32 ifindex, __u32 bytes)
{
	__u32 hash = event_join(res, pkt, ifindex, bytes);

	if (hash)
		event_tell(res, pkt, ifindex, bytes, hash);
}

/* Counted, and told of when it is a denial. */
static __always_inline void record_packet(const struct dbx_result *res, const struct dbx_pkt *pkt,
					  __u32 image_flags, __u32 ifindex, __u32 bytes)
{
	record_counts(res, bytes);
	if (DBX_TELLS && res->verdict != DBX_VERDICT_PASS && !(image_flags & DBX_IMAGE_F_QUIET))
		event_note(res, pkt, ifindex, bytes);
}

#endif
