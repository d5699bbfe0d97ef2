/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_judge.h -- egress_flow: a packet to a learned address, on a port whose flows say a name.
 */
#ifndef DBX_EBPF_FLOW_JUDGE_H
#define DBX_EBPF_FLOW_JUDGE_H

#include "flow.h"

#define QUIC_LONG    0x80u /* RFC 9000 section 17.2 */
#define PAYLOADS_MAX 64    /* of one flow that the daemon is given before it must decide */

/* Fields of the TCP header, which dbx_parse() found whole. */
static __always_inline int tcp_read(struct xdp_md *ctx, struct scratch *s)
{
	__u32 off = s->pkt.l4_offset & 0x7fff, hlen;
	__u8 *p = frame_start(ctx);

	p += off;
	if (p + 20 > (__u8 *)frame_end(ctx))
		return -1;
	s->seq = dbx_rd32(p + 4);
	s->ack = dbx_rd32(p + 8);
	s->flags = p[13];
	hlen = (p[12] >> 4) * 4;
	if (hlen < 20 || hlen > s->pkt.l4_bytes)
		return -1;
	s->at = off + hlen;
	s->len = s->pkt.l4_bytes - hlen;
	return 0;
}

/* A QUIC datagram: its payload; QUIC_LONG in flags, where TCP has its own, for a long header. */
static __always_inline void quic_read(struct xdp_md *ctx, struct scratch *s)
{
	__u32 off = (s->pkt.l4_offset & 0x7fff) + 8;
	__u8 *p = frame_start(ctx);

	s->at = off;
	s->len = s->pkt.l4_bytes > 8 ? s->pkt.l4_bytes - 8 : 0;
	s->seq = s->ack = s->flags = 0;
	p += off;
	if (s->len && p + 1 <= (__u8 *)frame_end(ctx))
		s->flags = p[0] & QUIC_LONG;
}

/* The packet leaves: as the name allows it, or, where all but a resource is allowed, as it was. */
static __always_inline void pass(struct scratch *s, __u8 reason)
{
	if (s->res.guarded)
		s->res = s->was;
	else
		dbx_result_set(&s->res, DBX_VERDICT_PASS, reason, s->res.name_path);
}

/* A SYN begins a flow, or repeats the one that did. */
static __always_inline void judge_syn(struct scratch *s, struct dbx_flow_slot *slot)
{
	if (s->flags & TCP_ACK) {
		refuse(s, DBX_REASON_FLOW_UNKNOWN);
		return;
	}
	if (s->len || (s->flags & (TCP_FIN | TCP_RST | TCP_URG))) {
		dbx_result_deny(&s->res, DBX_REASON_HELLO_HELD);
		return;
	}
	if (slot && flow_fits(s, slot) && slot->flow.isn == s->seq + 1) {
		if (slot->flow.state == DBX_FLOW_HELLO) {
			slot->flow.last_ns = s->now;
			pass(s, DBX_REASON_NAME_HANDSHAKE);
			return;
		}
		/* A late copy, or another connection after a RST, with a hello to be judged. */
		if (slot->flow.state == DBX_FLOW_ALLOWED &&
		    !(slot->flow.flags & DBX_FLOW_F_CLOSING)) {
			dbx_result_deny(&s->res, DBX_REASON_HELLO_HELD);
			return;
		}
	}
	flow_template(s);
	if (slot ? flow_restart(s, slot) : flow_new(s))
		return;
	pass(s, DBX_REASON_NAME_HANDSHAKE);
}

/* Where the segment at `off` begins to repeat: 0 and cut, hash; or -1 when no cut is there. */
static __always_inline int find_cut(struct scratch *s, __u32 off)
{
	struct dbx_flow *f = &s->flow;
	__u32 i;

	s->pos = off;
	s->done = 0;
	s->differs = 0;
	s->on_cut = 1;
	s->cut = 0;
	s->hash.h[0] = 0;
	s->hash.h[1] = 0;
	if (!off)
		return 0;
	for (i = 0; i < DBX_HELLO_CUTS; i++) {
		if (i >= f->n_cuts)
			break;
		if (f->cuts[i].end != off)
			continue;
		s->hash = f->cuts[i].hash;
		s->cut = i + 1;
		return 0;
	}
	return -1;
}

static __always_inline int secret_get(struct scratch *s)
{
	__u32 zero = 0;
	struct dbx_secret *k = bpf_map_lookup_elem(&secrets, &zero);

	if (!k || !k->point[0] || !k->point[1])
		return -1;
	s->secret = *k;
	return 0;
}

/* What was read of the hello before goes into `work`; nothing, when this is its beginning. */
static __always_inline int hello_load(struct scratch *s)
{
	struct dbx_hello *h = work_get(), *had;
	__u32 zero = 0;

	if (!h)
		return -1;
	h->n = h->want = 0;
	h->rec_left = 0;
	h->n_hdr = 0;
	h->status = s->watch ? DBX_HELLO_BETWEEN : DBX_HELLO_MORE;
	if (s->watch ? !(s->watch & DBX_WATCH_PART) : !s->flow.n_seen)
		return 0;
	had = bpf_map_lookup_elem(&hellos, &s->key);
	return had ? bpf_map_update_elem(&work, &zero, had, BPF_ANY) : -1;
}

static __always_inline void held(struct scratch *s)
{
	dbx_result_deny(&s->res, DBX_REASON_HELLO_HELD);
}

/* Where the stream begins is not known yet. In dry-run nothing shall wait for it. */
static __always_inline int unconfirmed(const struct scratch *s, const struct dbx_flow_slot *slot)
{
	if (slot->flow.flags & DBX_FLOW_F_CONFIRMED)
		return 0;
	return !s->res.dry_run || s->res.guarded;
}

/* Data of a flow that has not said its name. */
static __always_inline enum step judge_hello(struct scratch *s, struct dbx_flow_slot *slot)
{
	__u32 off = s->seq - slot->flow.isn;

	held(s);
	if (unconfirmed(s, slot))
		return STEP_END;
	if (s->flags & TCP_RST || secret_get(s))
		return STEP_END;
	if (flow_take(s, slot, 1))
		return STEP_END;
	s->n_known = s->flow.n_seen;
	if (s->flow.state != DBX_FLOW_HELLO)
		goto release;
	if (s->flags & TCP_URG) {
		flow_deny(s, DBX_REASON_NOT_TLS, s->flow.isn);
		return STEP_END;
	}
	if (!s->len || off > s->n_known || find_cut(s, off))
		goto release;
	if (hello_load(s)) {
		/* lost: nothing has left, so it can be read again from its beginning */
		s->flow.n_seen = 0;
		s->flow.n_cuts = 0;
		flow_commit(s);
		return STEP_END;
	}
	return STEP_HELLO;
release:
	flow_release(s);
	return STEP_END;
}

/* Data that the daemon judges: HTTP, QUIC. n_cuts counts what it was given. */
static __always_inline enum step judge_payload(struct scratch *s, struct dbx_flow_slot *slot)
{
	held(s);
	if (s->pkt.proto == DBX_PROTO_TCP) {
		if (unconfirmed(s, slot))
			return STEP_END;
		if (!s->len || (s->flags & TCP_RST))
			return STEP_END;
	}
	if (flow_take(s, slot, 1))
		return STEP_END;
	if (s->flow.state != DBX_FLOW_HELLO) {
		flow_release(s);
		return STEP_END;
	}
	if (s->flow.kind == DBX_NAME_PORT_HTTP && (s->flags & TCP_URG)) {
		flow_deny(s, DBX_REASON_NOT_HTTP, s->flow.isn);
		return STEP_END;
	}
	if (s->len > DBX_QUIC_BYTES || s->flow.n_cuts >= PAYLOADS_MAX) {
		flow_deny(s, DBX_REASON_HELLO_TOO_LONG, s->flow.isn);
		return STEP_END;
	}
	s->flow.n_cuts++;
	if (flow_commit(s))
		return STEP_END;
	return STEP_PAYLOAD;
}

static __always_inline void judge_denied(struct scratch *s, struct dbx_flow_slot *slot)
{
	s->res.rule_uid = 0;
	refuse(s, slot->flow.reason);
	if (s->res.verdict == DBX_VERDICT_DROP && !(s->flags & TCP_RST))
		s->reply = s->pkt.proto == DBX_PROTO_TCP ? REPLY_RST : REPLY_ICMP;
}

/* Plain HTTP: whether the segment has bytes behind the request. */
static __always_inline int next_request(struct scratch *s, const struct dbx_flow *f)
{
	__u32 off = s->seq - f->isn;

	if (f->kind != DBX_NAME_PORT_HTTP || !s->len || (f->flags & DBX_FLOW_F_DRY_RUN))
		return 0;
	return (__u64)off + s->len > (__u64)f->n_hello + f->n_body;
}

/* The second request ends the flow; the server has all that is before this segment. */
static __always_inline void judge_next_request(struct scratch *s, struct dbx_flow_slot *slot)
{
	int was_allowed;

	bpf_spin_lock(&slot->lock);
	s->flow = slot->flow;
	was_allowed = slot->flow.state == DBX_FLOW_ALLOWED && s->flow.start_ns;
	if (was_allowed) {
		slot->flow.reason = DBX_REASON_HTTP_NEXT_REQUEST;
		if (s->res.dry_run && !s->res.guarded)
			slot->flow.flags |= DBX_FLOW_F_DRY_RUN | DBX_FLOW_F_DELIVERED;
		else
			slot->flow.state = DBX_FLOW_DENIED;
	}
	bpf_spin_unlock(&slot->lock);
	if (!was_allowed) {
		held(s);
		return;
	}
	s->res.rule_uid = s->flow.rule_uid;
	refuse(s, DBX_REASON_HTTP_NEXT_REQUEST);
	if (s->res.verdict == DBX_VERDICT_DROP)
		s->reply = REPLY_RST;
	name_event(s, s->seq, 0);
}

/*
 * A QUIC packet with a long header in an allowed flow: it may begin another connection, with another
 * name. The daemon sends on what does not; a client has no more to send so than this bound, a second.
 */
static __always_inline enum step judge_long(struct scratch *s, struct dbx_flow_slot *slot)
{
	held(s);
	if (flow_take(s, slot, 0) || s->flow.state != DBX_FLOW_ALLOWED || s->len > DBX_QUIC_BYTES ||
	    s->flow.n_cuts >= PAYLOADS_MAX)
		return STEP_END;
	slot->flow.n_cuts = s->flow.n_cuts + 1;
	s->seq = 1;
	return STEP_PAYLOAD;
}

/*
 * Data of a flow that has said a name, and might say another one (DBX_WATCH_*). It is read on from
 * where the first hello ended, in order, as that was.
 */
static __always_inline enum step judge_watched(struct scratch *s, struct dbx_flow_slot *slot)
{
	__u32 off = s->seq - slot->flow.isn;

	held(s);
	if (off < slot->flow.n_hello)
		dbx_result_deny(&s->res, DBX_REASON_REPEAT_DIFFERS);
	if ((s->flags & (TCP_URG | TCP_RST)) || secret_get(s) || flow_take(s, slot, 1))
		return STEP_END;
	s->n_known = s->flow.n_seen;
	if (s->flow.state != DBX_FLOW_ALLOWED || !s->flow.watch || off > s->n_known ||
	    find_cut(s, off) || hello_load(s)) {
		flow_release(s);
		return STEP_END;
	}
	return STEP_HELLO;
}

/* In dry-run nothing is held: the name of a second hello is not looked at. */
static __always_inline int is_watched(const struct scratch *s, const struct dbx_flow *f)
{
	return f->watch && !(s->res.dry_run && !s->res.guarded);
}

/* An allowed flow: only what might say its hello again, differently, is looked at. */
static __always_inline enum step judge_allowed(struct scratch *s, struct dbx_flow_slot *slot)
{
	const struct dbx_flow *f = &slot->flow;
	__u32 off = s->seq - f->isn;

	if (f->flags & DBX_FLOW_F_DRY_RUN) {
		judge_denied(s, slot);
		return STEP_END;
	}
	if (next_request(s, f)) {
		judge_next_request(s, slot);
		return STEP_END;
	}
	s->res.rule_uid = f->rule_uid;
	if (s->pkt.proto == DBX_PROTO_UDP && (s->flags & QUIC_LONG))
		return judge_long(s, slot);
	if (is_watched(s, f) && (s->len || (s->flags & TCP_URG)))
		return judge_watched(s, slot);
	if (s->pkt.proto != DBX_PROTO_TCP || (f->flags & DBX_FLOW_F_DELIVERED) ||
	    (off >= f->n_hello && off < 1u << 31) || (!s->len && !(s->flags & TCP_URG))) {
		pass(s, DBX_REASON_LISTED_NAME);
		return STEP_END;
	}
	dbx_result_deny(&s->res, DBX_REASON_REPEAT_DIFFERS);
	if ((s->flags & (TCP_URG | TCP_RST)) || flow_take(s, slot, 0) || secret_get(s) ||
	    find_cut(s, off))
		return STEP_END;
	s->n_known = s->flow.n_hello;
	s->watch = 0; /* a repetition, and nothing else: dry-run may have begun meanwhile */
	return STEP_HELLO;
}

static __always_inline enum step judge_known(struct scratch *s, struct dbx_flow_slot *slot)
{
	__u8 state = slot->flow.state;
	int is_tls = slot->flow.kind == DBX_NAME_PORT_TLS;

	flow_touch(s, slot);
	if (state == DBX_FLOW_ALLOWED)
		return judge_allowed(s, slot);
	if (state == DBX_FLOW_DENIED) {
		judge_denied(s, slot);
		return STEP_END;
	}
	if (!s->len && s->pkt.proto == DBX_PROTO_TCP && !(s->flags & TCP_URG)) {
		pass(s, DBX_REASON_NAME_HANDSHAKE);
		return STEP_END;
	}
	return is_tls ? judge_hello(s, slot) : judge_payload(s, slot);
}

/* QUIC that the daemon decrypts: the first packet begins the flow. */
static __always_inline enum step judge_datagram(struct scratch *s, struct dbx_flow_slot *slot)
{
	if (slot && flow_fits(s, slot))
		return judge_known(s, slot);
	flow_template(s);
	s->flow.isn = 0;
	if (slot ? flow_restart(s, slot) : flow_new(s))
		return STEP_END;
	slot = bpf_map_lookup_elem(&flows, &s->key);
	if (!slot) {
		held(s);
		return STEP_END;
	}
	return judge_payload(s, slot);
}

static __always_inline enum step judge_flow(struct xdp_md *ctx, struct scratch *s)
{
	struct dbx_flow_slot *slot;

	flow_key(&s->pkt, &s->key);
	if (s->res.guarded)
		s->was = s->res;
	s->now = bpf_ktime_get_ns();
	if (s->res.flow == DBX_NAME_PORT_QUIC_DENY) {
		s->reply = REPLY_ICMP;
		return STEP_END;
	}
	slot = bpf_map_lookup_elem(&flows, &s->key);
	if (s->res.flow == DBX_NAME_PORT_QUIC && s->pkt.proto == DBX_PROTO_UDP) {
		quic_read(ctx, s);
		return judge_datagram(s, slot);
	}
	if (s->res.flow == DBX_NAME_PORT_QUIC || s->pkt.proto != DBX_PROTO_TCP) {
		refuse(s, DBX_REASON_NAME_PORT);
		return STEP_END;
	}
	if (tcp_read(ctx, s)) {
		dbx_result_deny(&s->res, DBX_REASON_BAD_L4);
		return STEP_END;
	}
	if (s->flags & TCP_SYN) {
		judge_syn(s, slot);
		return STEP_END;
	}
	if (!slot || !flow_fits(s, slot)) {
		refuse(s, DBX_REASON_FLOW_UNKNOWN);
		if (s->res.guarded && !(s->flags & TCP_RST))
			s->reply = REPLY_RST; /* it was allowed until now: the client begins anew */
		return STEP_END;
	}
	return judge_known(s, slot);
}

SEC("xdp")
int egress_flow(struct xdp_md *ctx)
{
	struct scratch *s = scratch_get();
	enum step step;

	if (!s)
		return XDP_DROP;
	step = judge_flow(ctx, s);
	if (step == STEP_HELLO) {
		bpf_tail_call(ctx, &progs, DBX_PROG_HELLO);
		dbx_result_deny(&s->res, DBX_REASON_HELLO_HELD);
	} else if (step == STEP_PAYLOAD) {
		bpf_tail_call(ctx, &progs, DBX_PROG_PAYLOAD);
	}
	return finish(ctx, s);
}

#endif
