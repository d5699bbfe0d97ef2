/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.h -- flows to learned addresses: found, begun, changed under their lock.
 *
 * What must hold against a client that wants to reach another name at an allowed address:
 *   - the first n_hello bytes of the stream are the same in every segment that leaves (cuts);
 *   - they begin where the server thinks that the stream begins: data is looked at only when the
 *     server's SYN-ACK has named isn (CONFIRMED, companion.h), and a new SYN begins anew;
 *   - no urgent pointer takes a byte out of them;
 *   - once the server has them all (DELIVERED) nothing of this matters any more;
 *   - the flow is free when the server has answered with a ServerHello (watch). Until then only records
 *     that say no name leave behind the hello; after a HelloRetryRequest a second hello, which is held
 *     until it is whole as the first, and must say the same name (RFC 8446 section 4.1.2);
 *   - a SYN passes only where its flow begins anew: none reopens, on the server, what is free here.
 */
#ifndef DBX_EBPF_FLOW_H
#define DBX_EBPF_FLOW_H

#include "conclude.h"

/*
 * A denial of the flow's. Where names decide it is as soft as the policy; of a guarded resource never,
 * and where all but a guarded resource is allowed, neither is what keeps its name from being seen.
 */
static __always_inline int is_hard(const struct scratch *s, __u8 reason)
{
	return s->res.guarded || reason == DBX_REASON_PRIVATE_REQUIRED;
}

static __always_inline void refuse(struct scratch *s, __u8 reason)
{
	if (is_hard(s, reason))
		dbx_result_deny(&s->res, reason);
	else
		dbx_result_soft(&s->res, reason, s->res.name_path);
}

static __always_inline int flow_fits(const struct scratch *s, const struct dbx_flow_slot *slot)
{
	__u64 uid = s->res.policy_uid;

	return uid && (slot->flow.policy_uid[0] == uid || slot->flow.policy_uid[1] == uid);
}

/* A flow as it is when its SYN was seen. */
static __always_inline void flow_template(struct scratch *s)
{
	__builtin_memset(&s->flow, 0, sizeof(s->flow));
	s->lock = 0;
	s->zero = 0;
	s->lease = 0;
	s->flow.policy_uid[0] = s->res.policy_uid;
	s->flow.workspace_id = s->res.workspace_id;
	s->flow.start_ns = s->now;
	s->flow.last_ns = s->now;
	s->flow.isn = s->seq + 1;
	s->flow.state = DBX_FLOW_HELLO;
	s->flow.kind = s->res.flow;
}

/* Puts the template in the table. 0, or the verdict is in s->res. */
static __always_inline int flow_new(struct scratch *s)
{
	long rc = bpf_map_update_elem(&flows, &s->key, &s->lock, BPF_NOEXIST);

	if (!rc)
		return 0;
	if (rc == -17) /* EEXIST: another CPU was faster; the sender repeats */
		dbx_result_deny(&s->res, DBX_REASON_HELLO_HELD);
	else
		refuse(s, DBX_REASON_FLOW_TABLE_FULL);
	return -1;
}

/* Begins a flow anew in its slot, in place: an element that is replaced might serve another flow. */
static __always_inline int flow_restart(struct scratch *s, struct dbx_flow_slot *slot)
{
	int busy;

	bpf_spin_lock(&slot->lock);
	busy = slot->lease && s->now - slot->lease < DBX_FLOW_LEASE_NS;
	if (!busy) {
		slot->flow = s->flow;
		slot->lease = 0;
	}
	bpf_spin_unlock(&slot->lock);
	if (busy)
		dbx_result_deny(&s->res, DBX_REASON_HELLO_HELD);
	else
		bpf_map_delete_elem(&hellos, &s->key);
	return busy ? -1 : 0;
}

/* A consistent copy in s->flow, and the lease when it is wanted and free. */
static __always_inline int flow_take(struct scratch *s, struct dbx_flow_slot *slot, int lease)
{
	__u64 token = s->now ? s->now : 1;
	int busy = 0;

	bpf_spin_lock(&slot->lock);
	if (lease) {
		busy = slot->lease && s->now - slot->lease < DBX_FLOW_LEASE_NS;
		if (!busy)
			slot->lease = token;
	}
	s->flow = slot->flow;
	bpf_spin_unlock(&slot->lock);
	s->watch = s->flow.watch;
	s->token = lease && !busy ? token : 0;
	return busy ? -1 : 0;
}

/*
 * What was read, and perhaps decided, goes into the table; the lease ends. -1: the flow is not the
 * one that was read any more, and the packet must not leave by what was decided.
 */
static __always_inline int flow_commit(struct scratch *s)
{
	struct dbx_flow_slot *slot = bpf_map_lookup_elem(&flows, &s->key);
	int ours;

	if (!slot)
		return -1;
	s->flow.last_ns = s->now;
	bpf_spin_lock(&slot->lock);
	ours = slot->lease == s->token && slot->flow.start_ns == s->flow.start_ns &&
	       slot->flow.watch == s->watch &&
	       (slot->flow.state == DBX_FLOW_HELLO ||
		(slot->flow.state == DBX_FLOW_ALLOWED && s->watch));
	if (ours) {
		s->flow.policy_uid[0] = slot->flow.policy_uid[0];
		s->flow.policy_uid[1] = slot->flow.policy_uid[1];
		s->flow.flags |= slot->flow.flags;
		s->flow.server_next = slot->flow.server_next;
		s->flow.n_answer = slot->flow.n_answer;
		slot->flow = s->flow;
		slot->lease = 0;
	}
	bpf_spin_unlock(&slot->lock);
	return ours ? 0 : -1;
}

static __always_inline void flow_release(struct scratch *s)
{
	struct dbx_flow_slot *slot = bpf_map_lookup_elem(&flows, &s->key);

	if (!slot)
		return;
	bpf_spin_lock(&slot->lock);
	if (slot->lease == s->token)
		slot->lease = 0;
	bpf_spin_unlock(&slot->lock);
}

static __always_inline void flow_flag(struct dbx_flow_slot *slot, __u8 flag)
{
	if (slot->flow.flags & flag)
		return;
	bpf_spin_lock(&slot->lock);
	slot->flow.flags |= flag;
	bpf_spin_unlock(&slot->lock);
}

static __always_inline void flow_touch(struct scratch *s, struct dbx_flow_slot *slot)
{
	if (s->now - slot->flow.last_ns > 1000000000ull) {
		slot->flow.last_ns = s->now;
		if (slot->flow.kind == DBX_NAME_PORT_QUIC && slot->flow.state == DBX_FLOW_ALLOWED)
			slot->flow.n_cuts = 0; /* payloads for the daemon: so many a second */
	}
	if (s->flags & (TCP_FIN | TCP_RST))
		flow_flag(slot, DBX_FLOW_F_CLOSING);
}

/* The name event, all but its payload; n_payload bytes of that are there already. */
static __always_inline void name_event(struct scratch *s, __u32 seq, __u32 n_payload)
{
	struct dbx_name_event *e = &s->event;
	__u64 n = n_payload > DBX_QUIC_BYTES ? DBX_QUIC_BYTES : n_payload;

	record_fill(&e->event, &s->res, &s->pkt, s->ifindex, s->frame);
	if (s->res.guarded)
		e->event.flags |= DBX_EVENT_F_GUARDED;
	e->key = s->key;
	e->isn = s->flow.isn;
	e->policy_uid = s->res.policy_uid;
	e->start_ns = s->flow.start_ns;
	e->seq = seq;
	e->ack = s->ack;
	e->mark = s->way.mark;
	e->kind = s->flow.kind;
	e->n_payload = n;
	if (bpf_ringbuf_output(&name_events, e, offsetof(struct dbx_name_event, payload) + n, 0)) {
		record_total(DBX_TOTAL_NAMES_LOST, s->frame);
	} else if (!n_payload) {
		event_told(1, s->frame);
		s->way.event_out = 1;
	}
}

/*
 * The flow is denied: for reason, or but for dry-run. Needs the lease, or a flow of which no hello is
 * read here. What it said goes to the daemon, which resets the server's side.
 */
static __always_inline void flow_deny(struct scratch *s, __u8 reason, __u32 server_seq)
{
	s->flow.reason = reason;
	s->flow.watch = 0;
	if (s->res.dry_run && !is_hard(s, reason)) {
		s->flow.state = DBX_FLOW_ALLOWED;
		s->flow.flags |= DBX_FLOW_F_DRY_RUN | DBX_FLOW_F_DELIVERED;
	} else {
		s->flow.state = DBX_FLOW_DENIED;
	}
	s->res.rule_uid = 0;
	if (flow_commit(s)) {
		dbx_result_deny(&s->res, DBX_REASON_HELLO_HELD);
		return;
	}
	refuse(s, reason);
	if (s->res.verdict == DBX_VERDICT_DROP)
		s->reply = s->pkt.proto == DBX_PROTO_TCP ? REPLY_RST : REPLY_ICMP;
	if (s->n_known)
		bpf_map_delete_elem(&hellos, &s->key);
	name_event(s, server_seq, 0);
}

#endif
