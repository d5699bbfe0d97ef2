/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * companion.h -- the programs at clsact of a workload-facing interface.
 *
 * egress_tc (ingress) carries out what XDP cannot: gives DNS queries to the resolver's sockets, sends
 * answers back, and drops what XDP judged without seeing a VLAN tag that the interface had hidden.
 * Without it the stack drops queries and marked packets (they are sealed), and answers (they are not
 * for this host).
 * egress_back (egress) sees what servers answer, and notes in the flow what only they can prove.
 */
#ifndef DBX_EBPF_COMPANION_H
#define DBX_EBPF_COMPANION_H

#include <linux/pkt_cls.h>

#include "answer.h"

#define TCP_STATE_LISTEN 10
#define IS_TAG(type)     ((type) == 0x8100 || (type) == 0x88a8)

/*
 * Dropped here, and recorded as any denial: of the packet no more is said than its interface, since
 * what XDP read of it was without the tag, or is not handed over. XDP has counted it as passed.
 */
__attribute__((noinline)) int shot(struct __sk_buff *skb, __u32 reason)
{
	__u32 slot = 0;
	struct dbx_env env = {.image = NULL};
	const struct dbx_image_header *hdr;
	struct dbx_result res;
	struct dbx_pkt pkt;

	env.image = bpf_map_lookup_elem(&images, &slot);
	__builtin_memset(&pkt, 0, sizeof(pkt));
	hdr = dbx_classify_start(&env, &res);
	dbx_result_deny(&res, (__u8)reason);
	if (reason == DBX_REASON_HELLO_HELD) /* its sender repeats it, as with those of clients */
		record_counts(&res, skb->len);
	else
		record_packet(&res, &pkt, hdr ? hdr->name_flags : 0, skb->ifindex, skb->len);
	return TC_ACT_SHOT;
}

/* Where another program judges, `totals` and `dns_socks` are all that is there. */
static __always_inline int shot_alone(struct __sk_buff *skb, __u32 reason)
{
	record_total(DBX_TOTAL_REASON_BASE + reason * DBX_VERDICT_MAX + DBX_VERDICT_DROP, skb->len);
	return TC_ACT_SHOT;
}

/* Tags that are still in the frame: 0, 1, 2 = two or more. *tci: of the first two. */
static __always_inline __u32 tags_in_frame(struct __sk_buff *skb, __u16 tci[2])
{
	__u8 h[10] __attribute__((aligned(8)));

	tci[0] = tci[1] = 0;
	if (bpf_skb_load_bytes(skb, 12, h, sizeof(h)))
		return 0;
	if (!IS_TAG(dbx_rd16(h)))
		return 0;
	tci[0] = dbx_rd16(h + 2);
	if (!IS_TAG(dbx_rd16(h + 4)))
		return 1;
	tci[1] = dbx_rd16(h + 6);
	return IS_TAG(dbx_rd16(h + 8)) ? 3 : 2;
}

/* Whether XDP saw each tag that the packet has. */
static __always_inline int tags_were_seen(struct __sk_buff *skb, const struct dbx_meta *m)
{
	__u32 n_seen = m->what & DBX_META_TAGGED ? m->n_tags : 0, n;
	__u16 tci[2];

	if (!skb->vlan_present && !n_seen)
		return 1;
	n = tags_in_frame(skb, tci);
	if (!skb->vlan_present)
		return n == n_seen && tci[0] == m->tci;
	return n + 1 == n_seen && (skb->vlan_tci & 0xffff) == m->tci;
}

static __always_inline int meta_read(struct __sk_buff *skb, struct dbx_meta *m)
{
	void *data = (void *)(long)skb->data;
	struct dbx_meta *in = (void *)(long)skb->data_meta;

	__builtin_memset(m, 0, sizeof(*m));
	if ((void *)(in + 1) > data || (in->what & 0xffff0000) != DBX_META_MAGIC)
		return 0;
	*m = *in;
	return 1;
}

static __always_inline int tuple_read(struct __sk_buff *skb, const struct dbx_meta *m,
				      struct bpf_sock_tuple *t)
{
	__u32 gone = (m->what & DBX_META_TAGGED) && skb->vlan_present ? 4 : 0;
	__u32 l4 = m->l4_offset - gone, l3 = 14 + (m->n_tags * 4 - gone);

	if (m->is_v6)
		return bpf_skb_load_bytes(skb, l3 + 8, t->ipv6.saddr, 32) ||
		       bpf_skb_load_bytes(skb, l4, &t->ipv6.sport, 4);
	return bpf_skb_load_bytes(skb, l3 + 12, &t->ipv4.saddr, 8) ||
	       bpf_skb_load_bytes(skb, l4, &t->ipv4.sport, 4);
}

/* A connection that the resolver has accepted, or its listener, or its UDP socket. */
static __always_inline int steer_query(struct __sk_buff *skb, const struct dbx_meta *m)
{
	int is_tcp = m->proto == DBX_PROTO_TCP;
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = 0;
	__u32 which = (m->is_v6 ? DBX_DNS_SOCK_UDP6 : DBX_DNS_SOCK_UDP4) + !!is_tcp;
	long rc;

	if (tuple_read(skb, m, &t))
		return -1;
	if (is_tcp) {
		if (m->is_v6)
			sk = bpf_skc_lookup_tcp(skb, &t, sizeof(t.ipv6), BPF_F_CURRENT_NETNS, 0);
		else
			sk = bpf_skc_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
		if (sk && sk->state == TCP_STATE_LISTEN) {
			bpf_sk_release(sk);
			sk = 0;
		}
	}
	if (!sk)
		sk = bpf_map_lookup_elem(&dns_socks, &which);
	if (!sk)
		return -1;
	rc = bpf_sk_assign(skb, sk, 0);
	bpf_sk_release(sk);
	if (rc)
		return -1;
	skb->mark = DBX_MARK_DNS;
	return 0;
}

/*
 * Takes the seal off (seal() in scratch.h): the kernel has put it beside the frame, and puts the
 * frame's own outer tag there in its place. When it is not there, the interface had hidden a tag.
 */
static __always_inline int unseal(struct __sk_buff *skb)
{
	if (!skb->vlan_present || (skb->vlan_tci & 0xffff) != DBX_SEAL_TCI)
		return -1;
	return bpf_skb_vlan_pop(skb) ? -1 : 0;
}

/* *why: the reason to drop it, or 0. */
static __always_inline int carry_out(struct __sk_buff *skb, __u32 *why)
{
	struct dbx_meta m;
	int told = meta_read(skb, &m);

	*why = DBX_REASON_VLAN_HIDDEN;
	if ((m.what & (DBX_META_DNS | DBX_META_MARK)) && unseal(skb))
		return TC_ACT_SHOT;
	if (!tags_were_seen(skb, &m))
		return TC_ACT_SHOT;
	*why = 0;
	if (!told)
		return TC_ACT_UNSPEC;
	if (m.what & DBX_META_REPLY)
		return bpf_redirect(skb->ifindex, 0);
	if (m.what & DBX_META_MARK)
		skb->mark = m.mark;
	if (!(m.what & DBX_META_DNS))
		return TC_ACT_UNSPEC;
	if (!steer_query(skb, &m))
		return TC_ACT_OK;
	*why = DBX_REASON_DNS_NOT_READY;
	return TC_ACT_SHOT;
}

SEC("tc")
int egress_tc(struct __sk_buff *skb)
{
	__u32 why;
	int rc = carry_out(skb, &why);

	return why ? shot(skb, why) : rc;
}

/* In its place with dbx-egress-dpdk; a program of its own, since shot() wants maps of the one that judges. */
SEC("?tc")
int egress_tc_host(struct __sk_buff *skb)
{
	__u32 why;
	int rc = carry_out(skb, &why);

	return why ? shot_alone(skb, why) : rc;
}

/* ---- the way back ---- */

static __always_inline __u32 domain_of(struct __sk_buff *skb, __u32 n, const __u16 tci[2])
{
	__u32 v[2] = {tci[0] & 0xfffu, tci[1] & 0xfffu};

	if (skb->vlan_present) {
		v[1] = v[0];
		v[0] = skb->vlan_tci & 0xfff;
		n++;
	}
	return n == 2 ? DBX_DOMAIN_QINQ | v[0] << 12 | v[1] : n == 1 ? v[0] : 0;
}

/* Addresses, with source and destination as the workload sees them. Returns the offset of TCP. */
static __always_inline __u32 back_ip(struct __sk_buff *skb, __u32 l3, struct back *b)
{
	__u8 h[40] __attribute__((aligned(8)));
	int i;

	if (bpf_skb_load_bytes(skb, l3, h, 20))
		return 0;
	if (h[0] >> 4 == 4) {
		if (h[9] != DBX_PROTO_TCP || (dbx_rd16(h + 6) & 0x1fff))
			return 0;
		b->key.src[2] = b->key.dst[2] = 0xffff;
		b->key.dst[3] = dbx_rd32(h + 12);
		b->key.src[3] = dbx_rd32(h + 16);
		b->end = l3 + dbx_rd16(h + 2);
		return l3 + (h[0] & 15) * 4;
	}
	if (h[6] != DBX_PROTO_TCP || bpf_skb_load_bytes(skb, l3, h, 40))
		return 0;
	for (i = 0; i < 4; i++) {
		b->key.dst[i] = dbx_rd32(h + 8 + i * 4);
		b->key.src[i] = dbx_rd32(h + 24 + i * 4);
	}
	b->end = l3 + 40 + dbx_rd16(h + 4);
	return l3 + 40;
}

static __always_inline int back_read(struct __sk_buff *skb, struct back *b)
{
	__u16 tci[2];
	__u32 n = tags_in_frame(skb, tci), l4;
	__u8 h[14] __attribute__((aligned(8)));

	__builtin_memset(b, 0, sizeof(*b));
	l4 = n > 2 ? 0 : back_ip(skb, 14 + n * 4, b);
	if (!l4 || bpf_skb_load_bytes(skb, l4, h, sizeof(h)))
		return -1;
	b->key.proto = DBX_PROTO_TCP;
	b->key.dport = dbx_rd16(h);
	b->key.sport = dbx_rd16(h + 2);
	b->key.domain = domain_of(skb, n, tci);
	b->seq = dbx_rd32(h + 4);
	b->ack = dbx_rd32(h + 8);
	b->flags = h[13];
	b->at = l4 + (h[12] >> 4) * 4;
	return 0;
}

/* What the server's packet proves: that it took isn, that it has the hello. */
static __always_inline __u8 back_proves(const struct dbx_flow *f, const struct back *b)
{
	__u32 got = b->ack - f->isn;

	if (!(b->flags & TCP_ACK) || got >= 1u << 31)
		return 0;
	if ((b->flags & TCP_SYN) && f->state == DBX_FLOW_HELLO)
		return got == 0 ? DBX_FLOW_F_CONFIRMED : 0;
	if (f->state == DBX_FLOW_ALLOWED && !f->watch && f->n_hello && got >= f->n_hello)
		return DBX_FLOW_F_DELIVERED;
	return 0;
}

static __always_inline void back_note(struct dbx_flow_slot *slot, const struct back *b, __u8 proves)
{
	bpf_spin_lock(&slot->lock);
	if (proves == DBX_FLOW_F_CONFIRMED) {
		if (slot->flow.isn == b->ack && slot->flow.state == DBX_FLOW_HELLO) {
			slot->flow.flags |= proves;
			if (slot->flow.kind == DBX_NAME_PORT_TLS)
				slot->flow.server_next = b->seq + 1;
		}
	} else if (b->ack - slot->flow.isn >= slot->flow.n_hello && !slot->flow.watch &&
		   slot->flow.state == DBX_FLOW_ALLOWED) {
		slot->flow.flags |= proves;
	}
	bpf_spin_unlock(&slot->lock);
}

/* Nothing new: the same SYN-ACK again, or another acknowledgement. */
static __always_inline int is_noted(const struct dbx_flow *f, const struct back *b, __u8 proves)
{
	return !proves || ((f->flags & proves) &&
			   (proves != DBX_FLOW_F_CONFIRMED || f->kind != DBX_NAME_PORT_TLS ||
			    f->server_next == b->seq + 1));
}

SEC("tc")
int egress_back(struct __sk_buff *skb)
{
	struct dbx_flow_slot *slot;
	struct back b;
	__u8 proves;

	if (back_read(skb, &b))
		return TC_ACT_UNSPEC;
	slot = bpf_map_lookup_elem(&flows, &b.key);
	if (!slot)
		return TC_ACT_UNSPEC;
	if (b.flags & TCP_RST)
		flow_flag(slot, DBX_FLOW_F_CLOSING);
	if ((slot->flow.watch & DBX_WATCH_ANSWER) && !(b.flags & TCP_SYN) && b.end > b.at &&
	    answer_read(skb, slot, &b))
		return shot(skb, DBX_REASON_HELLO_HELD);
	proves = back_proves(&slot->flow, &b);
	if (!is_noted(&slot->flow, &b, proves))
		back_note(slot, &b, proves);
	return TC_ACT_UNSPEC;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DBX_PROG_TC_MAX);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} progs_tc SEC(".maps") = {
	.values =
		{
			[DBX_PROG_TC_IN] = (void *)&egress_tc,
			[DBX_PROG_TC_OUT] = (void *)&egress_back,
		},
};

#endif
