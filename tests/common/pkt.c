/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pkt.c -- frames for tests, built layer by layer.
 *
 * A frame that would outgrow the buffer is a mistake of the test and aborts it.
 */
#include "common/pkt.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *at, unsigned int v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

/* Room for n zero bytes at the end of the frame. */
static uint8_t *grow(struct pkt *p, size_t n)
{
	uint8_t *at = p->b + p->n;

	if (p->n + n > PKT_MAX)
		abort();
	memset(at, 0, n);
	p->n += n;
	return at;
}

/* The layer that starts now says what it is in the layer before it. */
static void announce_type(struct pkt *p, unsigned int type)
{
	if (p->at_type)
		put16(p->b + p->at_type, type);
	p->at_type = 0;
}

static void announce_proto(struct pkt *p, uint8_t proto)
{
	if (p->at_proto)
		p->b[p->at_proto] = proto;
	p->at_proto = 0;
}

bool pkt_addr_parse(const char *s, struct pkt_addr *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, s, out->a) == 1)
		return true;
	out->is_v6 = true;
	return inet_pton(AF_INET6, s, out->a) == 1;
}

void pkt_begin(struct pkt *p)
{
	memset(p, 0, sizeof(*p));
}

void pkt_raw(struct pkt *p, const void *bytes, size_t n)
{
	uint8_t *at = grow(p, n);

	if (n)
		memcpy(at, bytes, n);
}

void pkt_fill(struct pkt *p, size_t n)
{
	uint8_t *at = grow(p, n);

	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(0xa5 ^ i);
}

void pkt_eth(struct pkt *p, const uint8_t dst[6], const uint8_t src[6], int type)
{
	uint8_t *at = grow(p, 14);

	memcpy(at, dst, 6);
	memcpy(at + 6, src, 6);
	if (type == PKT_AUTO)
		p->at_type = p->n - 2;
	else
		put16(at + 12, (unsigned int)type);
}

void pkt_vlan(struct pkt *p, uint16_t tpid, uint16_t tci, int type)
{
	uint8_t *at = grow(p, 4);

	announce_type(p, tpid);
	put16(at, tci);
	if (type == PKT_AUTO)
		p->at_type = p->n - 2;
	else
		put16(at + 2, (unsigned int)type);
}

void pkt_arp(struct pkt *p)
{
	static const uint8_t request[28] = {0, 1, 8, 0, 6, 4, 0, 1};

	announce_type(p, 0x0806);
	pkt_raw(p, request, sizeof(request));
}

void pkt_ip4(struct pkt *p, const struct pkt_ip4 *h)
{
	size_t n_options = (h->n_options + 3) & ~(size_t)3;
	size_t at_header = p->n;
	uint8_t *at = grow(p, 20 + n_options);
	int ihl = h->ihl == PKT_AUTO ? (int)(20 + n_options) / 4 : h->ihl;

	announce_type(p, 0x0800);
	announce_proto(p, 4);
	at[0] = (uint8_t)(h->version << 4 | ihl);
	if (h->total_len != PKT_AUTO)
		put16(at + 2, (unsigned int)h->total_len);
	put16(at + 4, h->id);
	put16(at + 6, (h->dont_fragment ? 0x4000u : 0) | (h->more_fragments ? 0x2000u : 0) |
			      (h->offset & 0x1fffu));
	at[8] = (uint8_t)h->ttl;
	if (h->proto != PKT_AUTO)
		at[9] = (uint8_t)h->proto;
	else
		p->at_proto = at_header + 9;
	memcpy(at + 12, h->src.a, 4);
	memcpy(at + 16, h->dst.a, 4);
	if (h->n_options)
		memcpy(at + 20, h->options, h->n_options);
	if (!p->at_ip4 && !p->at_ip6) {
		p->at_ip4 = at_header;
		p->fix_ip4_len = h->total_len == PKT_AUTO;
	}
}

void pkt_ip6(struct pkt *p, const struct pkt_ip6 *h)
{
	size_t at_header = p->n;
	uint8_t *at = grow(p, 40);

	announce_type(p, 0x86dd);
	announce_proto(p, 41);
	at[0] = (uint8_t)(h->version << 4);
	if (h->payload_len != PKT_AUTO)
		put16(at + 4, (unsigned int)h->payload_len);
	if (h->next != PKT_AUTO)
		at[6] = (uint8_t)h->next;
	else
		p->at_proto = at_header + 6;
	at[7] = (uint8_t)h->hop_limit;
	memcpy(at + 8, h->src.a, 16);
	memcpy(at + 24, h->dst.a, 16);
	if (!p->at_ip4 && !p->at_ip6) {
		p->at_ip6 = at_header;
		p->fix_ip6_len = h->payload_len == PKT_AUTO;
	}
}

void pkt_ext(struct pkt *p, uint8_t kind, int next, int len, const uint8_t *body, size_t n_body)
{
	size_t unit = kind == PKT_AH ? 4 : 8;
	size_t n = (2 + n_body + unit - 1) / unit * unit;
	size_t at_header = p->n;
	uint8_t *at;

	if (kind == PKT_AH && n < 12)
		n = 12;
	at = grow(p, n);
	announce_proto(p, kind);
	if (next != PKT_AUTO)
		at[0] = (uint8_t)next;
	else
		p->at_proto = at_header;
	/* AH counts 4-byte words minus two (RFC 4302), the others 8-byte units minus one. */
	if (len != PKT_AUTO)
		at[1] = (uint8_t)len;
	else
		at[1] = (uint8_t)(kind == PKT_AH ? n / 4 - 2 : n / 8 - 1);
	if (n_body)
		memcpy(at + 2, body, n_body);
	else if (kind == PKT_HOP_BY_HOP || kind == PKT_DST_OPTS)
		at[2] = 1, at[3] = (uint8_t)(n - 4); /* PadN */
}

void pkt_frag6(struct pkt *p, int next, uint16_t offset, bool more, uint32_t id)
{
	size_t at_header = p->n;
	uint8_t *at = grow(p, 8);

	announce_proto(p, PKT_FRAGMENT);
	if (next != PKT_AUTO)
		at[0] = (uint8_t)next;
	else
		p->at_proto = at_header;
	put16(at + 2, (unsigned int)offset << 3 | (more ? 1 : 0));
	put32(at + 4, id);
}

void pkt_tcp(struct pkt *p, uint16_t sport, uint16_t dport, int doff, uint8_t flags)
{
	uint8_t *at = grow(p, 20);

	announce_proto(p, 6);
	put16(at, sport);
	put16(at + 2, dport);
	put32(at + 4, 0x01020304);
	at[12] = (uint8_t)((doff == PKT_AUTO ? 5 : doff) << 4);
	at[13] = flags;
	put16(at + 14, 0xffff);
}

void pkt_udp(struct pkt *p, uint8_t proto, uint16_t sport, uint16_t dport, int len)
{
	size_t at_header = p->n;
	uint8_t *at = grow(p, 8);

	announce_proto(p, proto);
	put16(at, sport);
	put16(at + 2, dport);
	if (len != PKT_AUTO)
		put16(at + 4, (unsigned int)len);
	p->at_udp = at_header;
	p->fix_udp_len = len == PKT_AUTO;
}

void pkt_sctp(struct pkt *p, uint16_t sport, uint16_t dport)
{
	uint8_t *at = grow(p, 12);

	announce_proto(p, 132);
	put16(at, sport);
	put16(at + 2, dport);
}

void pkt_dccp(struct pkt *p, uint16_t sport, uint16_t dport)
{
	uint8_t *at = grow(p, 16);

	announce_proto(p, 33);
	put16(at, sport);
	put16(at + 2, dport);
	at[4] = 4; /* data offset in words */
	at[8] = 1; /* X: long sequence numbers */
}

void pkt_icmp(struct pkt *p, uint8_t type, uint8_t code)
{
	uint8_t *at = grow(p, 8);

	announce_proto(p, 1);
	at[0] = type;
	at[1] = code;
}

/* 24 bytes: room for the target address of neighbour discovery (RFC 4861 section 4.3). */
void pkt_icmp6(struct pkt *p, uint8_t type, uint8_t code)
{
	uint8_t *at = grow(p, type >= 133 && type <= 137 ? 24 : 8);

	announce_proto(p, 58);
	at[0] = type;
	at[1] = code;
}

void pkt_proto(struct pkt *p, uint8_t proto)
{
	announce_proto(p, proto);
}

/* What comes is inside: its headers are not the outside's. */
static void go_inside(struct pkt *p)
{
	p->outside = (struct pkt_outside){p->at_ip4,      p->at_ip6,      p->at_udp,
					  p->fix_ip4_len, p->fix_ip6_len, p->fix_udp_len};
	p->at_type = p->at_proto = p->at_ip4 = p->at_ip6 = p->at_udp = 0;
}

void pkt_vxlan(struct pkt *p, uint32_t flags, uint32_t vni, uint8_t last)
{
	uint8_t *at = grow(p, 8);

	put32(at, flags);
	put32(at + 4, vni << 8 | last);
	go_inside(p);
}

void pkt_geneve(struct pkt *p, uint16_t flags, uint16_t type, uint32_t vni, const uint8_t *options,
		size_t n_options)
{
	uint8_t *at = grow(p, 8);

	put16(at, flags);
	put16(at + 2, type);
	put32(at + 4, vni << 8);
	pkt_raw(p, options, n_options);
	go_inside(p);
}

void pkt_pad(struct pkt *p, size_t n_frame)
{
	p->n_unpadded = p->n;
	if (n_frame > p->n)
		grow(p, n_frame - p->n);
}

static uint16_t checksum(const uint8_t *b, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void fill_in(struct pkt *p, size_t end)
{
	size_t n_header;

	if (p->at_udp && p->fix_udp_len)
		put16(p->b + p->at_udp + 4, (unsigned int)(end - p->at_udp));
	if (p->at_ip6 && p->fix_ip6_len)
		put16(p->b + p->at_ip6 + 4, (unsigned int)(end - p->at_ip6 - 40));
	/* An IP header without a next layer announces none (RFC 8200), or 255, reserved, in IPv4. */
	if (p->at_proto)
		p->b[p->at_proto] = p->at_ip6 ? PKT_NO_NEXT : 255;
	p->at_proto = 0;
	if (!p->at_ip4)
		return;
	if (p->fix_ip4_len)
		put16(p->b + p->at_ip4 + 2, (unsigned int)(end - p->at_ip4));
	n_header = (size_t)(p->b[p->at_ip4] & 15) * 4;
	if (n_header >= 20 && p->at_ip4 + n_header <= p->n)
		put16(p->b + p->at_ip4 + 10, checksum(p->b + p->at_ip4, n_header));
}

void pkt_end(struct pkt *p)
{
	const struct pkt_outside *o = &p->outside;

	fill_in(p, p->n_unpadded ? p->n_unpadded : p->n);
	p->at_ip4 = o->at_ip4;
	p->at_ip6 = o->at_ip6;
	p->at_udp = o->at_udp;
	p->fix_ip4_len = o->fix_ip4_len;
	p->fix_ip6_len = o->fix_ip6_len;
	p->fix_udp_len = o->fix_udp_len;
	fill_in(p, p->n); /* the padding of what is inside is part of the datagram */
}

void pkt_cut(struct pkt *p, size_t n_frame)
{
	if (n_frame < p->n)
		p->n = n_frame;
}
