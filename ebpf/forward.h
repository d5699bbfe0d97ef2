/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * forward.h -- the fast way: an allowed packet goes from one interface to another, past the stack.
 *
 * Only what a router does to a packet and nothing else is done here: whatever is not plain (options,
 * a hop limit that ends, a frame that is too long, a neighbour that is not known, a route that is not
 * a plain one) is left to the stack, which also writes the ICMP errors. All is checked before the
 * first byte is changed.
 */
#ifndef DBX_EBPF_FORWARD_H
#define DBX_EBPF_FORWARD_H

#include "scratch.h"

#define AF_INET  2
#define AF_INET6 10

/* Fills in what the route depends on; -1: not a plain packet. */
static __always_inline int route_of_ip4(const __u8 *h, const __u8 *end, struct bpf_fib_lookup *fib)
{
	if (h + 20 > end || h[0] != 0x45 || h[8] <= 1)
		return -1;
	fib->family = AF_INET;
	fib->tos = h[1];
	fib->l4_protocol = h[9];
	fib->tot_len = dbx_rd16(h + 2);
	fib->ipv4_src = *(const frame_u32 *)(h + 12);
	fib->ipv4_dst = *(const frame_u32 *)(h + 16);
	return 0;
}

static __always_inline int route_of_ip6(const __u8 *h, const __u8 *end, struct bpf_fib_lookup *fib)
{
	int i;

	/* a hop-by-hop header is for every router to read (RFC 8200 section 4.3) */
	if (h + 40 > end || !h[6] || h[7] <= 1)
		return -1;
	fib->family = AF_INET6;
	fib->flowinfo = *(const frame_u32 *)h & __builtin_bswap32(0x0fffffff);
	fib->l4_protocol = h[6];
	fib->tot_len = dbx_rd16(h + 4) + 40;
	for (i = 0; i < 4; i++) {
		fib->ipv6_src[i] = *(const frame_u32 *)(h + 8 + i * 4);
		fib->ipv6_dst[i] = *(const frame_u32 *)(h + 24 + i * 4);
	}
	return 0;
}

/* RFC 1624: the checksum goes up by what the field goes down. */
static __always_inline void lower_ttl(__u8 *h)
{
	__u32 sum = dbx_rd16(h + 10) + 0x0100;

	sum = (sum & 0xffff) + (sum >> 16);
	*(frame_u16 *)(h + 10) = __builtin_bswap16((__u16)sum);
	h[8]--;
}

static __always_inline int send_on(struct xdp_md *ctx, const struct bpf_fib_lookup *fib, int is_v6)
{
	__u8 *p = frame_start(ctx), *end = frame_end(ctx);

	if (p + 14 + 20 > end)
		return XDP_PASS;
	if (is_v6)
		p[14 + 7]--;
	else
		lower_ttl(p + 14);
	__builtin_memcpy(p, fib->dmac, 6);
	__builtin_memcpy(p + 6, fib->smac, 6);
	return bpf_redirect_map(&forward, fib->ifindex, 0);
}

/* A frame that needs no mark. XDP_PASS: it is the stack's. */
static __always_inline int fast_forward(struct xdp_md *ctx, const struct dbx_pkt *pkt)
{
	__u8 *p = frame_start(ctx), *end = frame_end(ctx);
	int is_v6 = !!(pkt->flags & DBX_PKT_F_IPV6);
	struct scratch *s = scratch_get();
	struct bpf_fib_lookup *fib;
	__u32 out;

	if (!s)
		return XDP_PASS;
	fib = &s->fib;
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->ifindex = ctx->ingress_ifindex;
	if (p + 14 > end || (p[0] & 1) || pkt->n_tags)
		return XDP_PASS;
	if (is_v6 ? route_of_ip6(p + 14, end, fib) : route_of_ip4(p + 14, end, fib))
		return XDP_PASS;
	if (dbx_proto_has_ports(pkt->proto)) {
		fib->sport = __builtin_bswap16(pkt->sport);
		fib->dport = __builtin_bswap16(pkt->dport);
	}
	if (bpf_fib_lookup(ctx, fib, sizeof(*fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return XDP_PASS;
	out = fib->ifindex;
	if (out == ctx->ingress_ifindex || !bpf_map_lookup_elem(&forward, &out))
		return XDP_PASS;
	return send_on(ctx, fib, is_v6);
}

#endif
