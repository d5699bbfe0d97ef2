/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hello_read.h -- egress_hello: reads a segment's payload, in blocks; egress_name: decides.
 *
 * Bytes that were read before are hashed and compared at the cuts; new ones go to the parser. Both in
 * the same loop, byte by byte, with all state in memory: the verifier walks each block once.
 */
#ifndef DBX_EBPF_HELLO_READ_H
#define DBX_EBPF_HELLO_READ_H

#include "flow_judge.h"

#define HELLO_BLOCK 256

static __always_inline void read_byte(struct scratch *s, struct dbx_hello *h, __u8 byte)
{
	struct dbx_flow *f = &s->flow;
	__u32 cut = s->cut & (DBX_HELLO_CUTS - 1), pos = s->pos;

	dbx_hash_byte(&s->hash, &s->secret, byte);
	s->on_cut = 0;
	s->pos = pos + 1;
	s->done++;
	if (pos >= s->n_known) {
		if (h->status == DBX_HELLO_MORE)
			dbx_hello_feed(h, byte);
	} else if (pos + 1 == f->cuts[cut].end) {
		s->differs |= (f->cuts[cut].hash.h[0] ^ s->hash.h[0]) |
			      (f->cuts[cut].hash.h[1] ^ s->hash.h[1]);
		s->cut++;
		s->on_cut = 1;
	}
}

static __always_inline void read_block(struct xdp_md *ctx, struct scratch *s, struct dbx_hello *h)
{
	__u32 i, off = (s->at + s->done) & 0x3fff;
	__u8 *p = frame_start(ctx), *end = frame_end(ctx);

	p += off;
	for (i = 0; i < HELLO_BLOCK; i++) {
		DBX_IN_MEMORY();
		if (s->done >= s->len || p + i + 1 > end)
			break;
		read_byte(s, h, p[i]);
	}
}

/* Notes that the stream up to pos is known by its hash. -1: in more pieces than are looked at. */
static __always_inline int add_cut(struct scratch *s)
{
	struct dbx_flow *f = &s->flow;
	__u32 n = f->n_cuts;

	if (n >= DBX_HELLO_CUTS)
		return -1;
	f->cuts[n & (DBX_HELLO_CUTS - 1)].end = s->pos;
	f->cuts[n & (DBX_HELLO_CUTS - 1)].hash = s->hash;
	f->n_cuts = n + 1;
	f->n_seen = s->pos;
	return 0;
}

/* A repeated segment of an allowed flow. */
static __always_inline void settle_repeat(struct scratch *s)
{
	if (s->differs || s->done < s->len || (s->pos < s->n_known && !s->on_cut)) {
		dbx_result_deny(&s->res, DBX_REASON_REPEAT_DIFFERS);
		return;
	}
	pass(s, DBX_REASON_LISTED_NAME);
}

/* More is to come: what was read is kept. */
static __always_inline void settle_more(struct scratch *s, struct dbx_hello *h)
{
	held(s);
	if (s->pos <= s->n_known) {
		flow_release(s);
		return;
	}
	if (add_cut(s)) {
		flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn);
		return;
	}
	if (bpf_map_update_elem(&hellos, &s->key, h, BPF_ANY)) {
		flow_release(s);
		refuse(s, DBX_REASON_FLOW_TABLE_FULL);
		return;
	}
	flow_commit(s);
}

/* The flow is allowed; its first pos bytes must stay what they are. */
static __always_inline void flow_allow(struct scratch *s, __u64 name, __u64 rule_uid)
{
	s->flow.state = DBX_FLOW_ALLOWED;
	s->flow.name = name;
	s->flow.rule_uid = rule_uid;
	s->flow.n_hello = s->pos;
	if (flow_commit(s)) {
		held(s);
		return;
	}
	if (s->n_known)
		bpf_map_delete_elem(&hellos, &s->key);
	s->res.rule_uid = rule_uid;
	pass(s, DBX_REASON_LISTED_NAME);
}

/*
 * What a server might take for TLS all the same: a record of any kind in front of the hello, of a
 * version that nobody has, or SSLv2's form of a hello (RFC 5246 appendix E.2).
 */
static __always_inline int is_like_tls(const struct dbx_hello *h)
{
	__u8 first = h->hdr[0];

	return h->n || (first >= 20 && first <= 24) || (first & 0x80);
}

/* No hello. Where all but a resource is allowed, a flow that is not TLS cannot name the resource. */
static __always_inline void settle_bad(struct scratch *s, const struct dbx_hello *h)
{
	if (!s->res.guarded || is_like_tls(h))
		flow_deny(s, DBX_REASON_NOT_TLS, s->flow.isn);
	else if (add_cut(s))
		flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn);
	else
		flow_allow(s, 0, 0);
}

static __always_inline enum step settle(struct scratch *s, struct dbx_hello *h)
{
	if (s->flow.state == DBX_FLOW_ALLOWED) {
		settle_repeat(s);
		return STEP_END;
	}
	if (s->differs || s->done < s->len) {
		flow_release(s);
		dbx_result_deny(&s->res, DBX_REASON_REPEAT_DIFFERS);
		return STEP_END;
	}
	if (h->status == DBX_HELLO_MORE) {
		settle_more(s, h);
		return STEP_END;
	}
	if (h->status == DBX_HELLO_BAD) {
		settle_bad(s, h);
		return STEP_END;
	}
	if (h->status == DBX_HELLO_LONG || add_cut(s)) {
		flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn);
		return STEP_END;
	}
	return STEP_NAME;
}

SEC("xdp")
int egress_hello(struct xdp_md *ctx)
{
	struct scratch *s = scratch_get();
	struct dbx_hello *h = work_get();
	__u32 before;

	if (!s || !h)
		return XDP_DROP;
	before = s->done;
	read_block(ctx, s, h);
	if (s->done < s->len && s->done != before)
		bpf_tail_call(ctx, &progs, DBX_PROG_HELLO);
	if (settle(s, h) == STEP_NAME) {
		bpf_tail_call(ctx, &progs, DBX_PROG_NAME);
		held(s);
	}
	return finish(ctx, s);
}

/* DBX_NAMES_F_* of the active image. */
static __always_inline __u32 image_name_flags(void)
{
	__u32 slot = 0;
	struct dbx_env env = {.image = bpf_map_lookup_elem(&images, &slot)};
	const struct dbx_image_header *hdr = dbx_classify_header(&env);

	return hdr ? hdr->name_flags : 0;
}

/* The entry by which the flow may say this name at this address; its rule, or the reason against. */
static __always_inline __u8 find_bound(struct scratch *s, __u64 name, __u64 *rule_uid)
{
	struct dbx_bound_key key = {.policy_uid = s->res.policy_uid, .name = name};
	struct dbx_bound *b;
	int i;

	for (i = 0; i < 4; i++)
		key.addr[i] = s->key.dst[i];
	b = bpf_map_lookup_elem(&bound, &key);
	if (!b || b->expires_ns <= s->now)
		return s->res.guarded ? 0 : DBX_REASON_NAME_MISMATCH;
	b->hits++;
	if (b->flags & DBX_BOUND_F_PRIVATE)
		return DBX_REASON_PRIVATE_REQUIRED;
	*rule_uid = b->rule_uid;
	return 0;
}

static __always_inline void decide(struct scratch *s, const struct dbx_hello *h)
{
	struct dbx_said *said = &s->said;
	__u64 name, rule_uid = 0;
	__u8 reason;

	__builtin_memset(said, 0, offsetof(struct dbx_said, name));
	dbx_hello_name(h, &s->secret, said);
	reason = said->reason;
	if (said->has_ech && reason != DBX_REASON_NOT_TLS &&
	    (image_name_flags() & DBX_NAMES_F_ECH_DENY))
		reason = DBX_REASON_NAME_ENCRYPTED;
	__builtin_memcpy(s->event.name, said->name, sizeof(said->name));
	s->event.n_name = said->n_name;
	name = dbx_hash_value(&said->hash);
	if (!reason)
		reason = find_bound(s, name, &rule_uid);
	if (reason) {
		flow_deny(s, reason, s->flow.isn);
		return;
	}
	flow_allow(s, name, rule_uid);
}

SEC("xdp")
int egress_name(struct xdp_md *ctx)
{
	struct scratch *s = scratch_get();
	struct dbx_hello *h = work_get();

	if (!s || !h)
		return XDP_DROP;
	decide(s, h);
	return finish(ctx, s);
}

/* Held packets that the daemon judges: the payload goes with the name event. */
SEC("xdp")
int egress_payload(struct xdp_md *ctx)
{
	struct scratch *s = scratch_get();
	__u8 *p = frame_start(ctx), *end = frame_end(ctx);
	__u32 i;

	if (!s)
		return XDP_DROP;
	p += s->at & 0x3fff;
	s->done = 0;
	for (i = 0; i < DBX_QUIC_BYTES; i++) {
		DBX_IN_MEMORY();
		if (i >= s->len || p + i + 1 > end)
			break;
		s->event.payload[i] = p[i];
		s->done = i + 1;
	}
	s->event.n_name = 0;
	name_event(s, s->seq, s->done);
	return finish(ctx, s);
}

#endif
