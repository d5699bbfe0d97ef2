/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parse.h -- an Ethernet frame to the tuple that is judged, or to the reason why it is refused.
 *
 * One walk for the kernel program, the host tools and DPDK. Every read is bounded by the frame and
 * by the lengths that the packet itself states; a packet that contradicts itself is refused, never
 * guessed at. Bytes after the stated length are padding. Order of the checks is part of the contract:
 *
 *   Ethernet   14 bytes; at most two tags 0x8100 or 0x88a8 (a lone tag with id 0 is a priority tag)
 *   ARP        28 bytes, passes
 *   IPv4       RFC 791: version, IHL, total length, options (source routes refused), fragment fields
 *   IPv6       RFC 8200: payload length, at most 8 extension headers, routing, fragment (RFC 5722)
 *   transport  the fixed header must be whole, stated lengths must fit (RFC 9293, 768, 9260, 3828,
 *              4340, 792, 4443); a first fragment that cuts it is refused (RFC 1858)
 *   ND         RFC 4861: hop limit 255, on-link destinations; never from a fragment (RFC 6980)
 *
 * A tunnel packet is walked twice: its outside, and from dbx_tunnel_read() on the frame inside, which
 * has no tags and ends where the packet does.
 */
#ifndef DBX_PARSE_H
#define DBX_PARSE_H

#include "abi.h"

#define DBX_EXT_HEADERS_MAX 8
#define DBX_IP_OPTIONS_MAX  40 /* bytes */

enum dbx_frag_kind {
	DBX_FRAG_NONE,
	DBX_FRAG_FIRST, /* offset 0 and more to come */
	DBX_FRAG_LATER,
};

#define DBX_PKT_F_IPV6          1
#define DBX_PKT_F_TUPLE         2  /* addresses are valid */
#define DBX_PKT_F_PORTS         4  /* ports (or ICMP type and code in dport) are valid */
#define DBX_PKT_F_PROTO_UNKNOWN 8  /* a later IPv6 fragment whose transport is in the first */
#define DBX_PKT_F_NO_MAC        16 /* there is no frame: a MAC binding is not checked */

/* Everything in host byte order; an IPv4 address is word 0, the other words zero. */
struct dbx_pkt {
	dbx_u32 src[4];
	dbx_u32 dst[4];
	dbx_u32 domain;
	dbx_u32 frag_id;
	dbx_u16 sport;
	dbx_u16 dport; /* ICMP, ICMPv6: type << 8 | code; 0 for protocols without ports */
	dbx_u8 proto;
	dbx_u8 frag; /* enum dbx_frag_kind */
	dbx_u8 flags;
	dbx_u8 n_tags;
	dbx_u8 mac[6];     /* source address of the frame */
	dbx_u16 l4_offset; /* of the transport header, from the frame's start; 0 unless PORTS */
	dbx_u16 l4_bytes;  /* from there to the end of the IP packet */
	dbx_u8 zero2[2];
};

#define DBX_PARSE_GO_ON (-1)

#define DBX_PROTO_ICMP     1
#define DBX_PROTO_TCP      6
#define DBX_PROTO_UDP      17
#define DBX_PROTO_DCCP     33
#define DBX_PROTO_ROUTING  43
#define DBX_PROTO_FRAGMENT 44
#define DBX_PROTO_AH       51
#define DBX_PROTO_ICMPV6   58
#define DBX_PROTO_NONE     59
#define DBX_PROTO_DSTOPTS  60
#define DBX_PROTO_SCTP     132
#define DBX_PROTO_MOBILITY 135
#define DBX_PROTO_UDPLITE  136
#define DBX_PROTO_HIP      139
#define DBX_PROTO_SHIM6    140

/* Where the walk stands. left: bytes of the IP packet from p on, by its own length fields. */
struct dbx_cursor {
	const dbx_u8 *p;
	const dbx_u8 *end; /* of the frame */
	dbx_u32 left;
};

static __always_inline dbx_u16 dbx_rd16(const dbx_u8 *p)
{
#ifdef __bpf__
	return __builtin_bswap16(*(const dbx_u16 *)p);
#else
	return (dbx_u16)(p[0] << 8 | p[1]);
#endif
}

static __always_inline dbx_u32 dbx_rd32(const dbx_u8 *p)
{
#ifdef __bpf__
	return __builtin_bswap32(*(const dbx_u32 *)p);
#else
	return (dbx_u32)p[0] << 24 | (dbx_u32)p[1] << 16 | (dbx_u32)p[2] << 8 | p[3];
#endif
}

static __always_inline int dbx_proto_has_ports(dbx_u8 proto)
{
	return proto == DBX_PROTO_TCP || proto == DBX_PROTO_UDP || proto == DBX_PROTO_SCTP ||
	       proto == DBX_PROTO_DCCP || proto == DBX_PROTO_UDPLITE;
}

/* By bits rather than by comparisons: each branch here would be walked by the verifier 16 times. */
static __always_inline int dbx_proto_is_ext_header(dbx_u8 proto)
{
	const dbx_u64 low = 1ull << 0 | 1ull << DBX_PROTO_ROUTING | 1ull << DBX_PROTO_FRAGMENT |
			    1ull << DBX_PROTO_AH | 1ull << DBX_PROTO_DSTOPTS;
	const dbx_u64 high = 1ull << (DBX_PROTO_MOBILITY - 128) | 1ull << (DBX_PROTO_HIP - 128) |
			     1ull << (DBX_PROTO_SHIM6 - 128);
	dbx_u64 set = proto & 0x40 ? 0 : proto & 0x80 ? high : low;

	return set >> (proto & 63) & 1;
}

/* Ethernet and tags. *type: the ethertype behind them. */
static __always_inline int dbx_parse_ether(struct dbx_cursor *c, struct dbx_pkt *pkt, dbx_u16 *type)
{
	dbx_u32 vid[2] = {0, 0};
	dbx_u16 t;
	int i;

	if (c->p + 14 > c->end)
		return DBX_REASON_TRUNCATED;
	for (i = 0; i < 6; i++)
		pkt->mac[i] = c->p[6 + i];
	t = dbx_rd16(c->p + 12);
	c->p += 14;
	for (i = 0; i < 2; i++) {
		if (t != 0x8100 && t != 0x88a8)
			break;
		pkt->n_tags++;
		if (c->p + 4 > c->end)
			return DBX_REASON_TRUNCATED;
		vid[i] = dbx_rd16(c->p) & 0x0fff;
		t = dbx_rd16(c->p + 2);
		c->p += 4;
	}
	if (t == 0x8100 || t == 0x88a8)
		return DBX_REASON_VLAN_DEPTH;
	pkt->domain = pkt->n_tags == 2 ? DBX_DOMAIN_QINQ | vid[0] << 12 | vid[1] : vid[0];
	*type = t;
	return DBX_PARSE_GO_ON;
}

/*
 * RFC 791 section 3.1: options are n bytes at p; both source routes name another destination. The
 * loop goes by byte, not by option, so that the verifier sees constant offsets: walked by option,
 * it alone costs 600,000 steps.
 */
static __always_inline int dbx_parse_ipv4_options(const dbx_u8 *p, const dbx_u8 *end, dbx_u32 n)
{
	dbx_u32 k, len, next = 0;

	for (k = 0; k < DBX_IP_OPTIONS_MAX; k++) {
		if (k >= n)
			break;
		if (k != next)
			continue;
		if (p + k + 1 > end)
			return DBX_REASON_TRUNCATED;
		if (p[k] == 0)
			break;
		next = k + 1;
		if (p[k] == 1)
			continue;
		if (p[k] == 131 || p[k] == 137)
			return DBX_REASON_SOURCE_ROUTED;
		if (k + 2 > n || p + k + 2 > end)
			return DBX_REASON_BAD_IPV4;
		len = p[k + 1];
		next = k + len;
		if (len < 2 || next > n)
			return DBX_REASON_BAD_IPV4;
	}
	return DBX_PARSE_GO_ON;
}

static __always_inline int dbx_parse_ipv4_fragment(struct dbx_cursor *c, struct dbx_pkt *pkt,
						   dbx_u16 field)
{
	dbx_u32 offset = field & 0x1fff;
	int more = !!(field & 0x2000);

	if (offset * 8 + c->left > 65535)
		return DBX_REASON_BAD_IPV4;
	if (more && (!c->left || (c->left & 7)))
		return DBX_REASON_BAD_IPV4;
	if (offset == 1 && pkt->proto == DBX_PROTO_TCP)
		return DBX_REASON_FRAGMENT_TINY; /* RFC 3128: would rewrite the flags */
	pkt->frag = offset ? DBX_FRAG_LATER : more ? DBX_FRAG_FIRST : DBX_FRAG_NONE;
	return DBX_PARSE_GO_ON;
}

static __always_inline int dbx_parse_ipv4(struct dbx_cursor *c, struct dbx_pkt *pkt)
{
	const dbx_u8 *h = c->p;
	dbx_u32 have = (dbx_u32)(c->end - h);
	dbx_u32 hlen, total;
	int rc;

	if (h + 20 > c->end)
		return DBX_REASON_TRUNCATED;
	hlen = (h[0] & 0x0fu) * 4;
	if (h[0] >> 4 != 4 || hlen < 20)
		return DBX_REASON_BAD_IPV4;
	pkt->src[0] = dbx_rd32(h + 12);
	pkt->dst[0] = dbx_rd32(h + 16);
	pkt->proto = h[9];
	pkt->frag_id = dbx_rd16(h + 4);
	pkt->flags |= DBX_PKT_F_TUPLE;
	total = dbx_rd16(h + 2);
	if (hlen > have)
		return DBX_REASON_TRUNCATED;
	if (total < hlen)
		return DBX_REASON_BAD_IPV4;
	if (total > have)
		return DBX_REASON_TRUNCATED;
	if (hlen > 20) {
		rc = dbx_parse_ipv4_options(h + 20, c->end, hlen - 20);
		if (rc != DBX_PARSE_GO_ON)
			return rc;
	}
	c->left = total - hlen;
	c->p = h + hlen;
	return dbx_parse_ipv4_fragment(c, pkt, dbx_rd16(h + 6));
}

/* A header runs past the payload: in a first fragment the sender cut it, else it is a lie. */
static __always_inline int dbx_parse_ipv6_short(const struct dbx_pkt *pkt)
{
	return pkt->frag == DBX_FRAG_FIRST ? DBX_REASON_FRAGMENT_TINY : DBX_REASON_BAD_IPV6;
}

/* RFC 8200 section 4.5; h is the fragment header, c stands behind it. */
static __always_inline int dbx_parse_ipv6_fragment(struct dbx_cursor *c, struct dbx_pkt *pkt,
						   dbx_u16 field, dbx_u32 id)
{
	dbx_u32 offset = field >> 3;
	int more = field & 1;

	if (offset * 8 + c->left > 65535)
		return DBX_REASON_BAD_IPV6;
	if (more && (!c->left || (c->left & 7)))
		return DBX_REASON_BAD_IPV6;
	if (offset == 1 && pkt->proto == DBX_PROTO_TCP)
		return DBX_REASON_FRAGMENT_TINY;
	pkt->frag_id = id;
	pkt->frag = offset ? DBX_FRAG_LATER : more ? DBX_FRAG_FIRST : DBX_FRAG_NONE;
	return DBX_PARSE_GO_ON;
}

/* One extension header, whose type is pkt->proto; afterwards pkt->proto is the next one's. */
static __always_inline int dbx_parse_ipv6_ext(struct dbx_cursor *c, struct dbx_pkt *pkt, int i,
					      int *had_fragment)
{
	const dbx_u8 *h = c->p;
	dbx_u8 type = pkt->proto;
	dbx_u32 hlen;

	if (type == 0 && i > 0)
		return DBX_REASON_BAD_IPV6;
	if (c->left < 8 || h + 8 > c->end)
		return dbx_parse_ipv6_short(pkt);
	if (type == DBX_PROTO_FRAGMENT)
		hlen = 8;
	else if (type == DBX_PROTO_AH)
		hlen = (h[1] + 2u) * 4;
	else
		hlen = (h[1] + 1u) * 8;
	if (hlen > c->left)
		return dbx_parse_ipv6_short(pkt);
	if (type == DBX_PROTO_ROUTING && h[3])
		return DBX_REASON_SOURCE_ROUTED;
	pkt->proto = h[0];
	c->left -= hlen;
	c->p = h + hlen;
	if (type != DBX_PROTO_FRAGMENT)
		return DBX_PARSE_GO_ON;
	if (*had_fragment)
		return DBX_REASON_BAD_IPV6;
	*had_fragment = 1;
	return dbx_parse_ipv6_fragment(c, pkt, dbx_rd16(h + 2), dbx_rd32(h + 4));
}

static __always_inline int dbx_parse_ipv6(struct dbx_cursor *c, struct dbx_pkt *pkt, dbx_u8 *hops)
{
	const dbx_u8 *h = c->p;
	int i, rc, had_fragment = 0;

	if (h + 40 > c->end)
		return DBX_REASON_TRUNCATED;
	if (h[0] >> 4 != 6)
		return DBX_REASON_BAD_IPV6;
	for (i = 0; i < 4; i++) {
		pkt->src[i] = dbx_rd32(h + 8 + i * 4);
		pkt->dst[i] = dbx_rd32(h + 24 + i * 4);
	}
	pkt->flags |= DBX_PKT_F_TUPLE | DBX_PKT_F_IPV6;
	pkt->proto = h[6];
	*hops = h[7];
	c->left = dbx_rd16(h + 4);
	c->p = h + 40;
	if (c->left > (dbx_u32)(c->end - h) - 40)
		return DBX_REASON_TRUNCATED;
	if (!c->left && !pkt->proto)
		return DBX_REASON_BAD_IPV6; /* RFC 2675 jumbogram */
	for (i = 0; i < DBX_EXT_HEADERS_MAX; i++) {
		if (!dbx_proto_is_ext_header(pkt->proto))
			return DBX_PARSE_GO_ON;
		rc = dbx_parse_ipv6_ext(c, pkt, i, &had_fragment);
		if (rc != DBX_PARSE_GO_ON)
			return rc;
		if (pkt->frag == DBX_FRAG_LATER) {
			if (dbx_proto_is_ext_header(pkt->proto))
				pkt->flags |= DBX_PKT_F_PROTO_UNKNOWN;
			return DBX_PARSE_GO_ON;
		}
	}
	return dbx_proto_is_ext_header(pkt->proto) ? DBX_REASON_EXT_HEADER_LIMIT : DBX_PARSE_GO_ON;
}

/* Bytes that the transport's fixed header needs; 0: nothing in it is looked at. */
static __always_inline dbx_u32 dbx_l4_min(dbx_u8 proto, dbx_u8 flags)
{
	if (proto == DBX_PROTO_TCP)
		return 20;
	if (proto == DBX_PROTO_UDP || proto == DBX_PROTO_UDPLITE)
		return 8;
	if (proto == DBX_PROTO_SCTP || proto == DBX_PROTO_DCCP)
		return 12;
	if (proto == DBX_PROTO_ICMP && !(flags & DBX_PKT_F_IPV6))
		return 8;
	if (proto == DBX_PROTO_ICMPV6 && (flags & DBX_PKT_F_IPV6))
		return 4;
	return 0;
}

static __always_inline int dbx_parse_l4(struct dbx_cursor *c, struct dbx_pkt *pkt)
{
	dbx_u32 min = dbx_l4_min(pkt->proto, pkt->flags);
	int first = pkt->frag == DBX_FRAG_FIRST;
	const dbx_u8 *h = c->p;
	dbx_u32 len;

	pkt->flags |= DBX_PKT_F_PORTS;
	if (!min)
		return DBX_PARSE_GO_ON;
	if (c->left < min || h + 4 > c->end)
		return first ? DBX_REASON_FRAGMENT_TINY : DBX_REASON_BAD_L4;
	if (!dbx_proto_has_ports(pkt->proto)) {
		pkt->dport = dbx_rd16(h); /* type and code */
		return DBX_PARSE_GO_ON;
	}
	pkt->sport = dbx_rd16(h);
	pkt->dport = dbx_rd16(h + 2);
	if (pkt->proto == DBX_PROTO_TCP) {
		if (h + 13 > c->end)
			return DBX_REASON_BAD_L4;
		len = (dbx_u32)(h[12] >> 4) * 4;
		if (len < 20)
			return DBX_REASON_BAD_L4;
		if (len > c->left)
			return first ? DBX_REASON_FRAGMENT_TINY : DBX_REASON_BAD_L4;
	} else if (pkt->proto == DBX_PROTO_UDP) {
		if (h + 8 > c->end)
			return DBX_REASON_BAD_L4;
		len = dbx_rd16(h + 4);
		if (len < 8 || (len > c->left && !first))
			return DBX_REASON_BAD_L4;
	}
	return DBX_PARSE_GO_ON;
}

/* RFC 4861 sections 4 and 6.1, 7.1: what may be said on the link, and what only a router may say. */
static __always_inline int dbx_parse_nd(const struct dbx_pkt *pkt, dbx_u8 hops)
{
	dbx_u8 type = (dbx_u8)(pkt->dport >> 8);
	int on_link = (pkt->dst[0] & 0xffc00000u) == 0xfe800000u ||
		      (pkt->dst[0] & 0xffff0000u) == 0xff020000u;

	if (pkt->proto != DBX_PROTO_ICMPV6 || type < 133 || type > 137)
		return DBX_PARSE_GO_ON;
	if (type == 134 || type == 137)
		return DBX_REASON_BAD_ND;
	if (!on_link)
		return DBX_PARSE_GO_ON;
	if (hops != 255 || (pkt->dport & 0xff) || pkt->frag != DBX_FRAG_NONE)
		return DBX_REASON_BAD_ND;
	return DBX_REASON_NEIGHBOUR_DISCOVERY;
}

/*
 * Fills pkt from the frame that begins at `offset` of data..end. Returns DBX_PARSE_GO_ON, or the reason
 * that already decides: a DROP, or ARP and NEIGHBOUR_DISCOVERY, which pass. pkt is valid as far as its
 * flags say.
 */
static __always_inline int dbx_parse_at(const void *data, const void *end, dbx_u32 offset,
					struct dbx_pkt *pkt)
{
	struct dbx_cursor c = {.p = (const dbx_u8 *)data + offset, .end = end};
	dbx_u16 type = 0;
	dbx_u8 hops = 0;
	int rc;

	__builtin_memset(pkt, 0, sizeof(*pkt));
	rc = dbx_parse_ether(&c, pkt, &type);
	if (rc != DBX_PARSE_GO_ON)
		return rc;
	if (type == 0x0806)
		return c.p + 28 > c.end ? DBX_REASON_TRUNCATED : DBX_REASON_ARP;
	if (type == 0x0800)
		rc = dbx_parse_ipv4(&c, pkt);
	else if (type == 0x86dd)
		rc = dbx_parse_ipv6(&c, pkt, &hops);
	else
		return DBX_REASON_NOT_IP;
	if (rc != DBX_PARSE_GO_ON || pkt->frag == DBX_FRAG_LATER)
		return rc;
	pkt->l4_offset = (dbx_u16)(c.p - (const dbx_u8 *)data);
	pkt->l4_bytes = (dbx_u16)c.left;
	rc = dbx_parse_l4(&c, pkt);
	if (rc != DBX_PARSE_GO_ON || !(pkt->flags & DBX_PKT_F_IPV6))
		return rc;
	return dbx_parse_nd(pkt, hops);
}

static __always_inline int dbx_parse(const void *data, const void *end, struct dbx_pkt *pkt)
{
	return dbx_parse_at(data, end, 0, pkt);
}

/* ---- tunnels ---- */

/* The frame inside a tunnel packet: where it begins, and its domain. offset 0: there is none. */
struct dbx_inner {
	dbx_u32 offset;
	dbx_u32 domain;
	dbx_u32 n_options; /* bytes of them before offset, not read yet: see dbx_tunnel_options() */
};

/* Bounds of what follows from an IPv4 header with at most a priority tag before it. */
#define DBX_OUTER_L4_MAX       127u /* of the outside's UDP header */
#define DBX_INNER_MAX          511u /* of dbx_inner.offset */
#define DBX_TUNNEL_OPTIONS_MAX 255u /* of dbx_inner.n_options */

/* RFC 7348 section 5. As Linux: a reserved bit that is set is an extension that nobody asked for. */
static __always_inline int dbx_tunnel_vxlan(const dbx_u8 *h, struct dbx_inner *inner)
{
	if (dbx_rd32(h) != 0x08000000 || h[7])
		return DBX_REASON_BAD_TUNNEL;
	inner->offset = 16;
	inner->n_options = 0;
	inner->domain = DBX_DOMAIN_VNI | dbx_rd32(h + 4) >> 8;
	return DBX_PARSE_GO_ON;
}

/*
 * RFC 8926 section 3.4: version 0, Ethernet inside; neither a control packet (O) nor one with options
 * that must be understood (C): none is understood here, so that C alone decides, as the RFC has it.
 */
static __always_inline int dbx_tunnel_geneve(const dbx_u8 *h, struct dbx_inner *inner)
{
	if (h[0] >> 6 || (h[1] & 0xc0) || dbx_rd16(h + 2) != 0x6558)
		return DBX_REASON_BAD_TUNNEL;
	inner->n_options = (h[0] & 0x3fu) * 4;
	inner->offset = 16 + inner->n_options;
	inner->domain = DBX_DOMAIN_VNI | dbx_rd32(h + 4) >> 8;
	return DBX_PARSE_GO_ON;
}

/*
 * Reads the header behind UDP of a tunnel packet, whose outside dbx_parse() read to pkt: untagged
 * IPv4, UDP, no fragment. The smallest such frame is longer than what Ethernet pads to, so that bytes
 * behind the datagram are refused, and all that is in the frame is in the tunnel.
 */
static __always_inline int dbx_tunnel_read(const void *data, const void *end,
					   const struct dbx_pkt *pkt, int is_geneve,
					   struct dbx_inner *inner)
{
	const dbx_u8 *udp = (const dbx_u8 *)data + (pkt->l4_offset & DBX_OUTER_L4_MAX);
	dbx_u32 bytes = (dbx_u32)((const dbx_u8 *)end - (const dbx_u8 *)data);
	struct dbx_inner at;
	int rc;

	if (pkt->l4_offset > DBX_OUTER_L4_MAX || udp + 16 > (const dbx_u8 *)end)
		return DBX_REASON_BAD_TUNNEL;
	if (dbx_rd16(udp + 4) != pkt->l4_bytes || pkt->l4_offset + (dbx_u32)pkt->l4_bytes != bytes)
		return DBX_REASON_BAD_TUNNEL;
	rc = is_geneve ? dbx_tunnel_geneve(udp + 8, &at) : dbx_tunnel_vxlan(udp + 8, &at);
	if (rc != DBX_PARSE_GO_ON)
		return rc;
	inner->offset = pkt->l4_offset + at.offset;
	inner->domain = at.domain;
	inner->n_options = at.n_options;
	return inner->offset > bytes ? DBX_REASON_BAD_TUNNEL : DBX_PARSE_GO_ON;
}

/*
 * RFC 8926 section 3.5, of n bytes of options from offset on: a critical one that the header does not
 * tell of is refused all the same, and so are options whose lengths do not add up.
 */
static __always_inline int dbx_tunnel_options(const void *data, const void *end, dbx_u32 offset,
					      dbx_u32 n)
{
	const dbx_u8 *o;
	dbx_u32 at = 0;
	int i;

	for (i = 0; i < 63 && at < n; i++) {
		o = (const dbx_u8 *)data + offset + at;
		if (o + 4 > (const dbx_u8 *)end || (o[2] & 0x80))
			return DBX_REASON_BAD_TUNNEL;
		at += 4 + (o[3] & 0x1fu) * 4;
	}
	return at == n ? DBX_PARSE_GO_ON : DBX_REASON_BAD_TUNNEL;
}

/* The inside was parsed to pkt, and stop returned: what now holds. Tags inside are one too many. */
static __always_inline int dbx_tunnel_enter(const struct dbx_inner *inner, int stop,
					    struct dbx_pkt *pkt)
{
	pkt->domain = inner->domain;
	return pkt->n_tags ? DBX_REASON_VLAN_DEPTH : stop;
}

static __always_inline int dbx_domain_is_tunnel(dbx_u32 domain)
{
	return domain >> 24 == DBX_DOMAIN_VNI >> 24;
}

_Static_assert(sizeof(struct dbx_pkt) == 60, "packet tuple");

#endif
