/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reply.h -- egress_reply: the denied packet becomes the answer to it, and goes back.
 *
 * A TCP segment becomes a RST (RFC 9293 section 3.10.7.1), a datagram an ICMP port unreachable that
 * quotes it (RFC 792, RFC 4443). It is sent by egress_tc on the same interface; XDP_TX would be lost
 * where the other end of a veth pair has no XDP and no GRO. A driver that carries no metadata: XDP_TX.
 */
#ifndef DBX_EBPF_REPLY_H
#define DBX_EBPF_REPLY_H

#include "flow_judge.h"

#define ICMP_EACH_NS 1000000ull /* per CPU: at most one a millisecond */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} icmp_last SEC(".maps");

static __always_inline void wr16(__u8 *p, __u32 v)
{
	*(frame_u16 *)p = __builtin_bswap16((__u16)v);
}

static __always_inline void wr32(__u8 *p, __u32 v)
{
	*(frame_u32 *)p = __builtin_bswap32(v);
}

/* Internet checksum of sums of 16-bit words in host byte order (RFC 1071). */
static __always_inline __u32 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(__u32)sum & 0xffff;
}

static __always_inline __u64 sum_words(const __u32 *a, int n)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < n; i++)
		sum += (a[i] >> 16) + (a[i] & 0xffff);
	return sum;
}

/* Bytes of Ethernet and tags; the frame has them. */
static __always_inline __u32 ether_bytes(const __u8 *p)
{
	__u32 type = dbx_rd16(p + 12);

	if (type != 0x8100 && type != 0x88a8)
		return 14;
	type = dbx_rd16(p + 16);
	return type == 0x8100 || type == 0x88a8 ? 22 : 18;
}

static __always_inline void swap_macs(__u8 *p)
{
	__u8 t;
	int i;

	for (i = 0; i < 6; i++) {
		t = p[i];
		p[i] = p[6 + i];
		p[6 + i] = t;
	}
}

/* An IPv4 header without options, back to the sender. */
static __always_inline void put_ip4(__u8 *h, const struct dbx_pkt *pkt, __u8 proto, __u32 total)
{
	__u64 sum = 0x4500 + total + 0x4000 + (0x4000 | proto);

	sum += sum_words(pkt->src, 1) + sum_words(pkt->dst, 1);
	wr16(h, 0x4500);
	wr16(h + 2, total);
	wr16(h + 4, 0);
	wr16(h + 6, 0x4000);
	h[8] = 64;
	h[9] = proto;
	wr16(h + 10, sum_fold(sum));
	wr32(h + 12, pkt->dst[0]);
	wr32(h + 16, pkt->src[0]);
}

static __always_inline void put_ip6(__u8 *h, const struct dbx_pkt *pkt, __u8 next, __u32 payload)
{
	int i;

	wr32(h, 0x60000000);
	wr16(h + 4, payload);
	h[6] = next;
	h[7] = 64;
	for (i = 0; i < 4; i++) {
		wr32(h + 8 + i * 4, pkt->dst[i]);
		wr32(h + 24 + i * 4, pkt->src[i]);
	}
}

/* RFC 9293 section 3.10.7.1. */
static __always_inline void put_rst(__u8 *h, const struct scratch *s, int is_v6)
{
	int has_ack = s->flags & TCP_ACK;
	__u32 n = is_v6 ? 4 : 1, w[5];
	__u64 sum = DBX_PROTO_TCP + 20;

	w[0] = (__u32)s->pkt.dport << 16 | s->pkt.sport;
	w[1] = has_ack ? s->ack : 0;
	w[2] = has_ack ? 0 : s->seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
	w[3] = 5u << 28 | (has_ack ? TCP_RST : TCP_RST | TCP_ACK) << 16;
	w[4] = 0;
	sum += sum_words(w, 5) + sum_words(s->pkt.src, n) + sum_words(s->pkt.dst, n);
	wr32(h, w[0]);
	wr32(h + 4, w[1]);
	wr32(h + 8, w[2]);
	wr32(h + 12, w[3]);
	wr32(h + 16, sum_fold(sum) << 16);
}

static __always_inline int make_rst(struct xdp_md *ctx, struct scratch *s, int is_v6)
{
	__u32 l3, want, need = is_v6 ? 60 : 40;
	__u8 *p = frame_start(ctx), *end = frame_end(ctx);

	if (p + 22 > end)
		return -1;
	l3 = ether_bytes(p);
	want = l3 + need;
	if (bpf_xdp_adjust_tail(ctx, (int)want - (int)s->frame))
		return -1;
	p = frame_start(ctx);
	end = frame_end(ctx);
	if (p + 22 > end)
		return -1;
	swap_macs(p);
	p += l3;
	if (p + need > end)
		return -1;
	if (is_v6)
		put_ip6(p, &s->pkt, DBX_PROTO_TCP, 20);
	else
		put_ip4(p, &s->pkt, DBX_PROTO_TCP, 40);
	put_rst(p + (is_v6 ? 40 : 20), s, is_v6);
	return 0;
}

#define QUOTE_MAX 512 /* bytes of the packet that are quoted; even */

/* Sum of the n bytes at p, n even and at most QUOTE_MAX. */
static __always_inline __u64 sum_quote(const __u8 *p, const __u8 *end, __u32 n)
{
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < QUOTE_MAX; i += 2) {
		if (i >= n || p + i + 2 > end)
			break;
		sum += dbx_rd16(p + i);
	}
	return sum;
}

/* Type and code: port unreachable; administratively prohibited (RFC 1812 section 5.2.7.1, RFC 4443). */
static __always_inline __u32 icmp_type(const struct scratch *s, int is_v6)
{
	if (s->reply == REPLY_REJECT)
		return is_v6 ? 0x0101 : 0x030d;
	return is_v6 ? 0x0104 : 0x0303;
}

/*
 * head: of IP and ICMP that go in front of the quoted packet. Ethernet and tags move to the new
 * front; the frame is cut behind the quote.
 */
static __always_inline int make_icmp(struct xdp_md *ctx, struct scratch *s, int is_v6)
{
	const __u32 ip = is_v6 ? 40 : 20, head = ip + 8;
	__u32 l3, quote, type = icmp_type(s, is_v6);
	__u8 ether[22], *p = frame_start(ctx), *end = frame_end(ctx);
	__u64 sum;
	int i;

	if (p + 22 > end)
		return -1;
	for (i = 0; i < 22; i++)
		ether[i] = p[i];
	l3 = ether_bytes(p);
	if (s->frame <= l3)
		return -1;
	quote = (s->frame - l3) & ~1u;
	if (quote > QUOTE_MAX)
		quote = QUOTE_MAX;
	if (bpf_xdp_adjust_tail(ctx, (int)(l3 + quote) - (int)s->frame) ||
	    bpf_xdp_adjust_head(ctx, -(int)head))
		return -1;
	p = frame_start(ctx);
	end = frame_end(ctx);
	if (p + 22 + head > end)
		return -1;
	for (i = 0; i < 22; i++)
		p[i] = ether[i];
	swap_macs(p);
	p += l3;
	if (p + head > end)
		return -1;
	if (is_v6)
		put_ip6(p, &s->pkt, DBX_PROTO_ICMPV6, 8 + quote);
	else
		put_ip4(p, &s->pkt, DBX_PROTO_ICMP, ip + 8 + quote);
	sum = type + sum_quote(p + head, end, quote);
	if (is_v6)
		sum += sum_words(s->pkt.src, 4) + sum_words(s->pkt.dst, 4) + DBX_PROTO_ICMPV6 + 8 +
		       quote;
	wr32(p + ip, type << 16 | sum_fold(sum));
	wr32(p + ip + 4, 0);
	return 0;
}

static __always_inline int icmp_allowed(const struct scratch *s)
{
	__u32 zero = 0;
	__u64 *last = bpf_map_lookup_elem(&icmp_last, &zero);

	if (!last || (*last && s->now - *last < ICMP_EACH_NS))
		return 0;
	*last = s->now;
	return 1;
}

/* What answers a denied packet of a policy that has its denials answered; REPLY_NONE: nothing. */
static __always_inline enum reply reject_with(struct xdp_md *ctx, struct scratch *s)
{
	__u8 *p = frame_start(ctx);

	/* RFC 1122 section 3.2.2: nothing that came as a link broadcast or multicast */
	if (p + 14 > (__u8 *)frame_end(ctx) || (p[0] & 1))
		return REPLY_NONE;
	/* of a first fragment the length is not known, which a RST would have to acknowledge */
	if (s->pkt.proto != DBX_PROTO_TCP || s->pkt.frag != DBX_FRAG_NONE)
		return REPLY_ICMP;
	return tcp_read(ctx, s) || (s->flags & TCP_RST) ? REPLY_NONE : REPLY_RST;
}

SEC("xdp")
int egress_reply(struct xdp_md *ctx)
{
	struct scratch *s = scratch_get();
	enum reply kind;
	int rc, is_v6;

	if (!s)
		return XDP_DROP;
	is_v6 = s->pkt.flags & DBX_PKT_F_IPV6;
	kind = s->reply;
	if (kind == REPLY_REJECT) /* conclude() has seen to the rate */
		kind = reject_with(ctx, s);
	else if (kind == REPLY_ICMP && !icmp_allowed(s))
		kind = REPLY_NONE;
	if (kind == REPLY_RST)
		rc = is_v6 ? make_rst(ctx, s, 1) : make_rst(ctx, s, 0);
	else if (kind == REPLY_ICMP)
		rc = is_v6 ? make_icmp(ctx, s, 1) : make_icmp(ctx, s, 0);
	else
		rc = -1;
	if (rc)
		return XDP_DROP;
	return tell_companion(ctx, &s->pkt, DBX_META_REPLY, 0) ? XDP_TX : XDP_PASS;
}

#endif
