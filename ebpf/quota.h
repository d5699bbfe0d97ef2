/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * quota.h -- what a workspace may use: new flows and bytes a second, answers to denied packets.
 *
 * A bucket is kept as the time at which it will be full again (GCRA, ITU-T I.371): exact at any rate,
 * because the rest of each division is kept too. A limit that was lowered and raised again is in
 * force at once: what the bucket owes is cut to what the limit of now can owe.
 */
#ifndef DBX_EBPF_QUOTA_H
#define DBX_EBPF_QUOTA_H

#include "scratch.h"

#define SECOND_NS      1000000000ull
#define RATE_MAX       (1ull << 40) /* keeps the arithmetic within 64 bits */
#define BYTES_LEAST    65535ull     /* that a bucket of bytes holds */
#define REPLY_BURST_NS 100000000ull

static __always_inline void draw_init(struct draw *d, __u64 rate, __u64 n, __u64 n_least,
				      __u64 burst_ns)
{
	__u64 least;

	d->rate = n ? rate : 0;
	if (d->rate > RATE_MAX)
		d->rate = RATE_MAX;
	d->cost = n * SECOND_NS;
	least = d->rate ? n_least * SECOND_NS / d->rate : 0;
	d->at = burst_ns > least ? burst_ns : least;
}

/* 0: there is enough, and d says how the bucket then stands. Nothing is taken yet. */
static __always_inline int draw_try(struct draw *d, __u64 now, struct dbx_bucket *b,
				    enum dbx_limit limit)
{
	__u64 room = d->at, owed = b->full_ns[limit], t;

	if (!d->rate)
		return 0;
	owed = owed > now ? owed - now : 0;
	if (owed > room) {
		owed = room;
		b->full_ns[limit] = now + room;
	}
	d->cost += b->rest[limit] % d->rate;
	t = d->cost / d->rate;
	d->cost -= t * d->rate;
	d->at = now + owed + t;
	/* a bucket that is full has its least, whatever rounding says */
	return owed && owed + t > room ? -1 : 0;
}

static __always_inline struct dbx_bucket *bucket_of(__u64 workspace_id)
{
	struct dbx_bucket *b = bpf_map_lookup_elem(&buckets, &workspace_id);
	struct scratch *s = b ? 0 : scratch_get();

	if (!s)
		return b;
	/* Another CPU may win the race to insert: look again, whatever this returns. */
	bpf_map_update_elem(&buckets, &workspace_id, s->full, BPF_NOEXIST);
	return bpf_map_lookup_elem(&buckets, &workspace_id);
}

/* Whether the segment begins a connection; pkt says that its header is whole. */
static __always_inline int is_syn(const __u8 *frame, const __u8 *end, const struct dbx_pkt *pkt)
{
	const __u8 *p = frame + (pkt->l4_offset & 0x7fff);

	return p + 14 <= end && (p[13] & 0x12) == 0x02;
}

/* 1: the tuple was not seen for a while. */
static __always_inline int recent_is_new(const struct dbx_flow_key *key, __u64 now)
{
	__u64 *seen = bpf_map_lookup_elem(&recent, key);

	if (!seen || now - *seen >= DBX_QUOTA_IDLE_NS)
		return 1;
	if (now - *seen > SECOND_NS)
		*seen = now;
	return 0;
}

/* Both limits are drawn on, or neither. Returns 0, or the reason of a denial. */
static __always_inline __u8 quota_draw(struct dbx_bucket *b, struct draw *flow, struct draw *byte,
				       __u64 now)
{
	__u8 reason = 0;

	bpf_spin_lock(&b->lock);
	if (draw_try(flow, now, b, DBX_LIMIT_FLOWS)) {
		reason = DBX_REASON_QUOTA_FLOWS;
	} else if (draw_try(byte, now, b, DBX_LIMIT_BYTES)) {
		reason = DBX_REASON_QUOTA_BYTES;
	} else {
		if (flow->rate) {
			b->full_ns[DBX_LIMIT_FLOWS] = flow->at;
			b->rest[DBX_LIMIT_FLOWS] = flow->cost;
		}
		if (byte->rate) {
			b->full_ns[DBX_LIMIT_BYTES] = byte->at;
			b->rest[DBX_LIMIT_BYTES] = byte->cost;
		}
	}
	bpf_spin_unlock(&b->lock);
	return reason;
}

/* What a new flow is to quotas, and to who is told of allowed flows (image.h, DBX_QUOTA_IDLE_NS). */
static __always_inline int flow_is_new(const __u8 *frame, const __u8 *end,
				       const struct dbx_pkt *pkt, __u64 now)
{
	struct scratch *s = scratch_get();

	if (pkt->proto == DBX_PROTO_TCP)
		return pkt->frag != DBX_FRAG_LATER && is_syn(frame, end, pkt);
	if (!s)
		return 0;
	flow_key(pkt, &s->recent);
	return recent_is_new(&s->recent, now);
}

/* 0, or the reason why the packet does not leave. No room for a bucket: it does not. */
static __always_inline __u8 quota_judge(__u32 bytes, __u64 workspace_id, const struct way *q,
					__u64 now)
{
	struct dbx_bucket *b = bucket_of(workspace_id);
	__u64 burst_ns = q->burst_ms * 1000000ull;
	struct scratch *s = scratch_get();

	if (!b || !s)
		return q->flows_per_s ? DBX_REASON_QUOTA_FLOWS : DBX_REASON_QUOTA_BYTES;
	draw_init(&s->draw[DBX_LIMIT_FLOWS], q->flows_per_s, q->is_new, 1, burst_ns);
	draw_init(&s->draw[DBX_LIMIT_BYTES], q->bytes_per_s, bytes, BYTES_LEAST, burst_ns);
	return quota_draw(b, &s->draw[DBX_LIMIT_FLOWS], &s->draw[DBX_LIMIT_BYTES], now);
}

/* A packet that would leave: 0, or the reason why it does not. way->is_new is known after it. */
static __always_inline __u8 quota_pass(const __u8 *frame, const __u8 *end,
				       const struct dbx_pkt *pkt, __u64 workspace_id,
				       struct way *way)
{
	__u64 now = bpf_ktime_get_ns();
	struct scratch *s;
	__u8 reason = 0;

	if (way->flows_per_s || (way->image_flags & DBX_IMAGE_F_FIRST))
		way->is_new = flow_is_new(frame, end, pkt, now);
	if (way->flows_per_s || way->bytes_per_s)
		reason = quota_judge(end - frame, workspace_id, way, now);
	s = way->is_new && pkt->proto != DBX_PROTO_TCP ? scratch_get() : 0;
	if (s && !reason)
		bpf_map_update_elem(&recent, &s->recent, &now, BPF_ANY);
	return reason;
}

/* Whether the workspace may have one more answer to a denied packet. */
static __always_inline int reply_allowed(__u64 workspace_id, __u32 per_s)
{
	struct dbx_bucket *b = per_s ? bucket_of(workspace_id) : 0;
	struct scratch *s = scratch_get();
	__u64 now = bpf_ktime_get_ns();
	struct draw *d;
	int rc;

	if (!b || !s)
		return 0;
	d = &s->draw[0];
	draw_init(d, per_s, 1, 1, REPLY_BURST_NS);
	bpf_spin_lock(&b->lock);
	rc = draw_try(d, now, b, DBX_LIMIT_REPLIES);
	if (!rc) {
		b->full_ns[DBX_LIMIT_REPLIES] = d->at;
		b->rest[DBX_LIMIT_REPLIES] = d->cost;
	}
	bpf_spin_unlock(&b->lock);
	return !rc;
}

#endif
