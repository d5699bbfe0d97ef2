/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * note.h -- egress_note: what the daemon changes in a flow, under the flow's lock; and the sweep of
 * packets that wait to be told of.
 *
 * Run by the driver (BPF_PROG_TEST_RUN) with an order as its frame; attached nowhere. Written from
 * user space, a whole flow or slot would overwrite what packets have changed since the daemon read it.
 */
#ifndef DBX_EBPF_NOTE_H
#define DBX_EBPF_NOTE_H

#include "flow.h"

/* A decision is taken while the flow waits for one, or when it is to be denied. */
static __always_inline int note_decides(const struct dbx_flow *f, const struct dbx_flow *want)
{
	if (want->state == DBX_FLOW_DENIED)
		return 1;
	return want->state == DBX_FLOW_ALLOWED && f->state == DBX_FLOW_HELLO &&
	       f->kind != DBX_NAME_PORT_TLS;
}

/* The name let a flow through: counted where it is bound, as find_bound() does for TLS. */
static __always_inline void note_hit(const struct scratch *s)
{
	struct dbx_bound_key key = {.policy_uid = s->flow.policy_uid[0], .name = s->flow.name};
	struct dbx_bound *b;
	int i;

	for (i = 0; i < 4; i++)
		key.addr[i] = s->key.dst[i];
	b = bpf_map_lookup_elem(&bound, &key);
	if (b)
		__sync_fetch_and_add(&b->hits, 1);
}

static __always_inline void sweep_told(__u64 packets, __u64 bytes)
{
	__u32 sent = DBX_TOTAL_EVENTS, told = DBX_TOTAL_TOLD;
	struct dbx_counter *c = bpf_map_lookup_elem(&totals, &sent);

	/* Where packets do not interrupt each other, they may interrupt this. */
	if (c)
		__sync_fetch_and_add(&c->packets, 1);
	c = bpf_map_lookup_elem(&totals, &told);
	if (!c)
		return;
	__sync_fetch_and_add(&c->packets, packets);
	__sync_fetch_and_add(&c->bytes, bytes);
}

/*
 * What waits in a slot goes on the ring; nothing came since the last time: the slot is free. -1: there
 * is no room. bytes are read after packets, and may be ahead of them: what is told adds up all the same.
 */
static __always_inline int sweep_slot(struct dbx_noted *n, __u16 *tag, __u64 now)
{
	__u64 packets = n->packets - n->told_packets, bytes;
	struct dbx_event *e;

	barrier();
	bytes = n->bytes - n->told_bytes;
	if (!packets) {
		*tag = 0;
		barrier();
		n->hash = 0;
		return 0;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return -1;
	*e = n->event;
	e->time_ns = now;
	e->frame_bytes = bytes / packets;
	e->more_packets = packets - 1;
	e->more_bytes = bytes - e->frame_bytes;
	bpf_ringbuf_submit(e, 0);
	barrier();
	n->told_packets += packets;
	n->told_bytes += bytes;
	sweep_told(packets, bytes);
	return 0;
}

static __always_inline int sweep(struct dbx_sweep_order *o)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 i, at = o->at, cpu = at / DBX_NOTED_SLOTS; /* of all slots of a step */
	struct dbx_pace *p = bpf_map_lookup_elem(&pace, &cpu);

	if (!p)
		return DBX_ORDER_NONE;
	p->base = p->n;
	for (i = 0; i < DBX_SWEEP_STEP; i++) {
		__u32 index = at + i;
		struct dbx_noted *n = bpf_map_lookup_elem(&noted, &index);

		if (!n)
			break;
		if ((n->hash || n->packets != n->told_packets) &&
		    sweep_slot(n, &p->tags[index % DBX_NOTED_SLOTS], now))
			o->n_left++;
	}
	o->at = at + DBX_SWEEP_STEP;
	return DBX_ORDER_DONE;
}

SEC("xdp")
int egress_note(struct xdp_md *ctx)
{
	struct dbx_flow_order *o = frame_start(ctx);
	struct dbx_sweep_order *sweeps = frame_start(ctx);
	struct scratch *s = scratch_get();
	struct dbx_flow_slot *slot;
	int rc = DBX_ORDER_STALE, is_let_through = 0;

	if ((void *)(sweeps + 1) <= frame_end(ctx) && sweeps->magic == DBX_SWEEP_MAGIC)
		return sweep(sweeps);
	if (!s || (void *)(o + 1) > frame_end(ctx))
		return DBX_ORDER_STALE;
	s->key = o->key;
	s->flow = o->flow;
	slot = bpf_map_lookup_elem(&flows, &s->key);
	if (!slot)
		return DBX_ORDER_NONE;
	bpf_spin_lock(&slot->lock);
	if (slot->flow.start_ns == s->flow.start_ns) {
		rc = DBX_ORDER_DONE;
		slot->flow.policy_uid[0] = s->flow.policy_uid[0];
		slot->flow.policy_uid[1] = s->flow.policy_uid[1];
		if (note_decides(&slot->flow, &s->flow)) {
			s->flow.flags |= slot->flow.flags;
			s->flow.isn = slot->flow.isn;
			s->flow.last_ns = slot->flow.last_ns;
			slot->flow = s->flow;
			is_let_through = s->flow.state == DBX_FLOW_ALLOWED && s->flow.name;
		} else if (slot->flow.state != s->flow.state) {
			rc = DBX_ORDER_STALE;
		}
	}
	bpf_spin_unlock(&slot->lock);
	if (is_let_through)
		note_hit(s);
	return rc;
}

#endif
