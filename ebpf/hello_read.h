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
		if (h->status == DBX_HELLO_MORE) {
			dbx_hello_feed(h, byte);
			if (h->status == DBX_HELLO_DONE && h->rec_left)
				h->status = DBX_HELLO_BAD; /* another message in its record */
		} else if (h->status == DBX_HELLO_DONE || h->status == DBX_HELLO_BETWEEN) {
			dbx_hello_between(h, byte);
		}
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
		flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn + s->flow.n_hello);
		return;
	}
	if (bpf_map_update_elem(&hellos, &s->key, h, BPF_ANY)) {
		flow_release(s);
		refuse(s, DBX_REASON_FLOW_TABLE_FULL);
		return;
	}
	if (s->watch)
		s->flow.watch |= DBX_WATCH_PART;
	flow_commit(s);
}

/* Keeps where the reading behind the first hello stands. -1: no room for it. */
static __always_inline int keep_part(struct scratch *s, struct dbx_hello *h)
{
	s->flow.watch &= ~DBX_WATCH_PART;
	if (!h->n_hdr && !h->rec_left)
		return 0;
	h->status = DBX_HELLO_BETWEEN;
	h->n = h->want = 0;
	if (bpf_map_update_elem(&hellos, &s->key, h, BPF_ANY))
		return -1;
	s->flow.watch |= DBX_WATCH_PART;
	return 0;
}

/* Records that say no name leave at once, as early data must; more of them wait for the server. */
static __always_inline void settle_between(struct scratch *s, struct dbx_hello *h)
{
	held(s);
	if (add_cut(s)) {
		if (s->watch & DBX_WATCH_AGAIN)
			flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn + s->flow.n_hello);
		else
			flow_release(s);
		return;
	}
	s->flow.n_hello = s->pos;
	if (keep_part(s, h)) {
		flow_release(s);
		refuse(s, DBX_REASON_FLOW_TABLE_FULL);
		return;
	}
	if (flow_commit(s))
		return;
	if ((s->watch & DBX_WATCH_PART) && !(s->flow.watch & DBX_WATCH_PART))
		bpf_map_delete_elem(&hellos, &s->key);
	pass(s, DBX_REASON_LISTED_NAME);
}

/* Behind the first hello. 0: the second one goes on as the first did. */
static __always_inline int settle_watched(struct scratch *s, struct dbx_hello *h)
{
	if (s->pos <= s->flow.n_hello) {
		flow_release(s);
		settle_repeat(s);
		return 1;
	}
	if (h->status == DBX_HELLO_BETWEEN && s->pos > s->n_known) {
		settle_between(s, h);
		return 1;
	}
	if (!(s->watch & DBX_WATCH_ANSWER))
		return 0;
	/* A message of the handshake: before the server's answer nobody knows which it may be. */
	held(s);
	flow_release(s);
	return 1;
}

/*
 * The flow is allowed; its first pos bytes must stay what they are. watch: it may have to say its name
 * again; what stands behind it in the segment has been looked at.
 */
static __always_inline void flow_allow(struct scratch *s, struct dbx_hello *h, __u64 name,
				       __u64 rule_uid, __u8 watch)
{
	s->flow.watch = watch;
	if (watch && keep_part(s, h)) {
		flow_release(s);
		refuse(s, DBX_REASON_FLOW_TABLE_FULL);
		return;
	}
	s->flow.state = DBX_FLOW_ALLOWED;
	s->flow.name = name;
	s->flow.rule_uid = rule_uid;
	s->flow.n_hello = s->pos;
	if (flow_commit(s)) {
		held(s);
		return;
	}
	if (s->n_known && !(s->flow.watch & DBX_WATCH_PART))
		bpf_map_delete_elem(&hellos, &s->key);
	s->res.rule_uid = rule_uid;
	pass(s, DBX_REASON_LISTED_NAME);
	if ((s->way.image_flags & DBX_IMAGE_F_FIRST) && !s->watch && !s->res.guarded)
		name_event(s, 0, 0);
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
static __always_inline void settle_bad(struct scratch *s, struct dbx_hello *h)
{
	if (!s->res.guarded || s->watch || is_like_tls(h))
		flow_deny(s, DBX_REASON_NOT_TLS, s->flow.isn + s->flow.n_hello);
	else if (add_cut(s))
		flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn);
	else
		flow_allow(s, h, 0, 0, 0);
}

static __always_inline enum step settle(struct scratch *s, struct dbx_hello *h)
{
	if (s->flow.state == DBX_FLOW_ALLOWED && !s->watch) {
		settle_repeat(s);
		return STEP_END;
	}
	if (s->differs || s->done < s->len) {
		flow_release(s);
		dbx_result_deny(&s->res, DBX_REASON_REPEAT_DIFFERS);
		return STEP_END;
	}
	if (s->watch && settle_watched(s, h))
		return STEP_END;
	if (h->status == DBX_HELLO_MORE) {
		settle_more(s, h);
		return STEP_END;
	}
	if (h->status == DBX_HELLO_BAD) {
		settle_bad(s, h);
		return STEP_END;
	}
	if (h->status == DBX_HELLO_LONG || s->pos <= s->n_known || add_cut(s)) {
		flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn + s->flow.n_hello);
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

static __always_inline void decide(struct scratch *s, struct dbx_hello *h)
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
	if (!reason && s->watch) {
		rule_uid = s->flow.rule_uid;
		reason = name == s->flow.name ? 0 : DBX_REASON_NAME_MISMATCH;
	} else if (!reason) {
		reason = find_bound(s, name, &rule_uid);
	}
	if (reason) {
		flow_deny(s, reason, s->flow.isn + s->flow.n_hello);
		return;
	}
	if (s->watch || (s->res.dry_run && !s->res.guarded))
		flow_allow(s, h, name, rule_uid, 0);
	else
		flow_allow(s, h, name, rule_uid, DBX_WATCH_ANSWER);
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
