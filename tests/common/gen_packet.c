/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_packet.c -- random packets: mostly well formed and mostly from a known source, each part of
 * them wrong now and then.
 */
#include "common/gen.h"

#include <string.h>

static const char *const interfaces[] = {"wsX", "ws1", "ws2"};

struct plan {
	const struct gen_source *source; /* NULL = nobody's */
	struct pkt_addr src, dst;
	bool is_v6;
	uint8_t proto;
	bool is_fragment, more;
	uint16_t offset, id;
};

static void pick_source(struct gen_rand *r, const struct gen_model *m, struct plan *k)
{
	if (m->n_sources && gen_percent(r, 95)) {
		k->source = &m->sources[gen_below(r, (uint32_t)m->n_sources)];
		k->src = gen_percent(r, 75) ? gen_addr_in(r, &k->source->prefix)
					    : gen_addr_at(r, &k->source->prefix);
	} else {
		k->src = gen_addr(r, gen_percent(r, 40));
	}
	k->is_v6 = k->src.is_v6;
}

static void pick_destination(struct gen_rand *r, const struct gen_model *m, struct plan *k)
{
	for (int tries = 0; tries < 8; tries++) {
		if (m->n_prefixes && gen_percent(r, 75))
			k->dst =
				gen_addr_at(r, &m->prefixes[gen_below(r, (uint32_t)m->n_prefixes)]);
		else if (m->n_sources && gen_percent(r, 50))
			k->dst = gen_addr_at(
				r, &m->sources[gen_below(r, (uint32_t)m->n_sources)].prefix);
		else
			k->dst = gen_addr(r, k->is_v6);
		if (k->dst.is_v6 == k->is_v6)
			return;
	}
	k->dst = gen_addr(r, k->is_v6);
}

static uint8_t pick_proto(struct gen_rand *r, bool is_v6)
{
	static const uint8_t protos[] = {6,  6,   6,  6,  17, 17, 17, 132,
					 33, 136, 47, 50, 51, 59, 0,  255};

	if (gen_percent(r, 20))
		return is_v6 != gen_percent(r, 5) ? 58 : 1;
	if (gen_percent(r, 2))
		return (uint8_t)gen_next(r);
	return protos[gen_below(r, sizeof(protos))];
}

static void put_link(struct gen_rand *r, struct pkt *p, const struct plan *k)
{
	uint8_t dst[6] = {2, 0, 0, 0, 0, 0xfe}, src[6] = {2, 0, 0, 0, 0, 1};
	uint16_t vlan = k->source ? k->source->vlan : 0, inner = k->source ? k->source->inner : 0;
	bool is_odd = gen_percent(r, 6);

	if (k->source && k->source->mac && !gen_percent(r, 10))
		src[5] = (uint8_t)k->source->mac;
	pkt_eth(p, dst, src, PKT_AUTO);
	if (is_odd && gen_percent(r, 30))
		vlan = (uint16_t)gen_below(r, 5);
	if (is_odd && gen_percent(r, 30))
		inner = (uint16_t)gen_below(r, 3);
	if (vlan || (is_odd && gen_percent(r, 30)))
		pkt_vlan(p, gen_percent(r, 30) ? 0x88a8 : 0x8100,
			 (uint16_t)(vlan | (gen_percent(r, 20) ? 0xe000 : 0)), PKT_AUTO);
	if (inner || (is_odd && gen_percent(r, 20)))
		pkt_vlan(p, 0x8100, inner, PKT_AUTO);
	if (is_odd && gen_percent(r, 10))
		pkt_vlan(p, 0x8100, 1, PKT_AUTO);
}

static void put_outer_ip(struct gen_rand *r, const struct gen_model *m, struct pkt *p)
{
	static const uint8_t nops[40] = {1, 1, 1, 1}; /* and the end of the list */
	struct pkt_ip4 h = PKT_IP4_INIT;

	pkt_addr_parse("192.0.2.9", &h.src);
	pkt_addr_parse("10.99.0.1", &h.dst);
	if (gen_percent(r, 10))
		pkt_addr_parse(gen_percent(r, 50) ? "198.51.100.7" : "198.51.100.8", &h.src);
	for (int tries = 0; tries < 6 && m->n_gateways && !gen_percent(r, 5); tries++) {
		h.dst = m->gateways[gen_below(r, (uint32_t)m->n_gateways)];
		if (!h.dst.is_v6)
			break;
	}
	h.dst.is_v6 = false;
	h.dont_fragment = gen_percent(r, 50);
	if (gen_percent(r, 2))
		h.more_fragments = true;
	if (gen_percent(r, 1))
		h.offset = (uint16_t)gen_below(r, 200);
	if (gen_percent(r, 5)) {
		h.n_options = 4 * (1 + gen_below(r, 10));
		h.options = nops;
	}
	pkt_ip4(p, &h);
}

/* Options that fill n bytes, mostly; some are critical, or longer than what is left. */
static void put_options(struct gen_rand *r, uint8_t *out, size_t n)
{
	size_t at = 0, room;

	while (at + 4 <= n) {
		room = (n - at) / 4;
		out[at] = 1;
		out[at + 2] = (uint8_t)(gen_below(r, 128) | (gen_percent(r, 2) ? 0x80 : 0));
		out[at + 3] = (uint8_t)gen_below(r, room < 32 ? (uint32_t)room : 32);
		if (gen_percent(r, 1))
			out[at + 3] = (uint8_t)gen_below(r, 256);
		at += 4 + (out[at + 3] & 31u) * 4;
	}
}

static void put_tunnel_header(struct gen_rand *r, struct pkt *p, bool is_geneve, uint32_t vni)
{
	uint8_t options[252] = {0};
	uint32_t words = gen_percent(r, 30) ? gen_below(r, 64) : 0;
	uint32_t bits = gen_percent(r, 4) ? 1u << gen_below(r, 32) : 0;

	if (!is_geneve) {
		pkt_vxlan(p, 0x08000000u ^ bits, vni, gen_percent(r, 2) ? 1 : 0);
		return;
	}
	put_options(r, options, words * 4);
	pkt_geneve(p, (uint16_t)((words << 8) ^ (bits & 0xffff)),
		   gen_percent(r, 3) ? 0x0800 : 0x6558, vni, options,
		   gen_percent(r, 97) ? words * 4 : gen_below(r, 253));
}

/* The outside, for a source that has a VNI, and for some that have none. */
static bool put_tunnel(struct gen_rand *r, const struct gen_model *m, struct pkt *p,
		       const struct plan *k)
{
	static const uint8_t dst[6] = {2, 0, 0, 0, 0, 0xfe}, src[6] = {2, 0, 0, 0, 0, 9};
	uint32_t vni = k->source && k->source->vni ? k->source->vni : gen_below(r, 100);
	struct gen_tunnel t = {.port = 4789};

	if (!gen_percent(r, k->source && k->source->vni ? 95 : 3))
		return false;
	if (m->n_tunnels)
		t = m->tunnels[gen_below(r, (uint32_t)m->n_tunnels)];
	pkt_eth(p, dst, src, PKT_AUTO);
	if (gen_percent(r, 3))
		pkt_vlan(p, 0x8100, (uint16_t)gen_below(r, 3), PKT_AUTO);
	put_outer_ip(r, m, p);
	pkt_udp(p, 17, (uint16_t)(49152 + gen_below(r, 16384)), t.port, PKT_AUTO);
	put_tunnel_header(r, p, t.is_geneve, gen_percent(r, 3) ? vni ^ 1 : vni);
	return true;
}

static size_t some_options(struct gen_rand *r, uint8_t out[40])
{
	static const uint8_t kinds[] = {0, 1, 1, 7, 68, 130, 131, 137, 148, 1};
	size_t n = 0, want = 4u * (1 + gen_below(r, 10));

	while (n < want) {
		uint8_t kind = kinds[gen_below(r, sizeof(kinds))];
		size_t len = 2 + gen_below(r, 8);

		if (kind > 1 && gen_percent(r, 60))
			kind = 7;
		out[n++] = kind;
		if (kind < 2 || n == want)
			continue;
		if (n - 1 + len > want && !gen_percent(r, 10))
			len = want - (n - 1);
		out[n++] = (uint8_t)(gen_percent(r, 3) ? gen_below(r, 3) : len);
		while (n < want && len-- > 2)
			out[n++] = (uint8_t)gen_next(r);
	}
	return want;
}

static void put_ip4(struct gen_rand *r, struct pkt *p, const struct plan *k)
{
	struct pkt_ip4 h = PKT_IP4_INIT;
	uint8_t options[40];

	h.src = k->src;
	h.dst = k->dst;
	h.id = k->id;
	h.more_fragments = k->more;
	h.offset = k->offset;
	h.dont_fragment = gen_percent(r, 20);
	if (gen_percent(r, 12)) {
		h.n_options = some_options(r, options);
		h.options = options;
	}
	if (gen_percent(r, 1))
		h.version = (int)gen_below(r, 16);
	if (gen_percent(r, 1))
		h.ihl = (int)gen_below(r, 16);
	if (gen_percent(r, 2))
		h.total_len = (int)gen_below(r, 120);
	pkt_ip4(p, &h);
}

static void put_extension(struct gen_rand *r, struct pkt *p, bool is_first)
{
	static const uint8_t kinds[] = {PKT_DST_OPTS, PKT_ROUTING,  PKT_AH,    PKT_DST_OPTS,
					PKT_MOBILITY, PKT_DST_OPTS, PKT_SHIM6, PKT_HIP};
	uint8_t kind = kinds[gen_below(r, sizeof(kinds))], body[30] = {0};
	size_t n = gen_below(r, 3) * 8 + 6;

	if (is_first ? gen_percent(r, 30) : gen_percent(r, 2))
		kind = PKT_HOP_BY_HOP;
	if (kind == PKT_ROUTING)
		body[1] = gen_percent(r, 15);
	else
		for (size_t i = 0; i < n; i++)
			body[i] = (uint8_t)gen_next(r);
	pkt_ext(p, kind, PKT_AUTO, gen_percent(r, 3) ? (int)gen_below(r, 20) : PKT_AUTO, body, n);
}

static void put_ip6(struct gen_rand *r, struct pkt *p, const struct plan *k)
{
	struct pkt_ip6 h = PKT_IP6_INIT;
	uint32_t n_before = gen_percent(r, 20) ? gen_below(r, 5) : 0;

	h.src = k->src;
	h.dst = k->dst;
	h.hop_limit = gen_percent(r, 60) ? 255 : 64;
	if (gen_percent(r, 1))
		h.version = (int)gen_below(r, 16);
	if (gen_percent(r, 2))
		h.payload_len = (int)gen_below(r, 120);
	pkt_ip6(p, &h);
	if (gen_percent(r, 1))
		n_before += 6;
	for (uint32_t i = 0; i < n_before; i++)
		put_extension(r, p, i == 0);
	if (k->is_fragment || gen_percent(r, 2))
		pkt_frag6(p, PKT_AUTO, k->offset, k->more, k->id);
	if (k->is_fragment && gen_percent(r, 15))
		put_extension(r, p, false);
}

/* Of a fragment that is not the last, the payload is a multiple of eight bytes, mostly. */
static void put_payload(struct gen_rand *r, struct pkt *p, size_t at_payload, bool more)
{
	uint32_t n = gen_below(r, 24);

	if (more && !gen_percent(r, 5))
		n = (uint32_t)((8 - (p->n - at_payload) % 8) % 8 + 8 * gen_below(r, 3));
	pkt_fill(p, n);
}

static void put_transport(struct gen_rand *r, struct pkt *p, const struct plan *k)
{
	static const uint8_t types[] = {0, 3, 7, 8, 9, 128, 129, 133, 134, 135, 136, 137, 143};
	uint8_t type = types[gen_below(r, sizeof(types))], code = gen_percent(r, 85) ? 0 : 1;
	bool is_odd = gen_percent(r, 4);

	switch (k->proto) {
	case 1:
		pkt_icmp(p, type, code);
		break;
	case 6:
		pkt_tcp(p, gen_port(r), gen_port(r), is_odd ? (int)gen_below(r, 16) : PKT_AUTO, 2);
		break;
	case 17:
	case 136:
		pkt_udp(p, k->proto, gen_port(r), gen_port(r),
			is_odd ? (int)gen_below(r, 40) : PKT_AUTO);
		break;
	case 33:
		pkt_dccp(p, gen_port(r), gen_port(r));
		break;
	case 58:
		pkt_icmp6(p, type, code);
		break;
	case 132:
		pkt_sctp(p, gen_port(r), gen_port(r));
		break;
	default:
		pkt_proto(p, k->proto);
	}
}

static void pick_fragment(struct gen_rand *r, struct plan *k)
{
	static const uint16_t offsets[] = {0, 0, 0, 1, 2, 3, 4, 185, 8191};

	if (!gen_percent(r, 22))
		return;
	k->is_fragment = true;
	k->id = (uint16_t)gen_below(r, 3);
	k->offset = offsets[gen_below(r, sizeof(offsets) / sizeof(*offsets))];
	k->more = k->offset ? gen_percent(r, 50) : gen_percent(r, 92);
}

static void damage(struct gen_rand *r, struct pkt *p)
{
	if (gen_percent(r, 6)) {
		for (uint32_t i = 1 + gen_below(r, 3); i > 0; i--)
			p->b[gen_below(r, (uint32_t)p->n)] ^= (uint8_t)(1u << gen_below(r, 8));
	}
	if (gen_percent(r, 2))
		p->b[gen_below(r, (uint32_t)p->n)] = (uint8_t)gen_next(r);
	if (gen_percent(r, 4))
		pkt_cut(p, gen_below(r, (uint32_t)p->n + 1));
}

const char *gen_packet(struct gen_rand *r, const struct gen_model *m, struct pkt *p)
{
	struct plan k = {0};
	size_t at_payload;
	bool is_inside;

	pkt_begin(p);
	pick_source(r, m, &k);
	pick_destination(r, m, &k);
	k.proto = pick_proto(r, k.is_v6);
	pick_fragment(r, &k);
	is_inside = put_tunnel(r, m, p, &k);
	put_link(r, p, &k);
	if (gen_percent(r, 1))
		pkt_arp(p);
	else if (k.is_v6)
		put_ip6(r, p, &k);
	else
		put_ip4(r, p, &k);
	at_payload = p->n;
	if (k.offset)
		pkt_proto(p, k.proto);
	else
		put_transport(r, p, &k);
	put_payload(r, p, at_payload, k.more);
	if (gen_percent(r, 10))
		pkt_pad(p, p->n + gen_below(r, 40));
	pkt_end(p);
	if (is_inside && gen_percent(r, 2))
		pkt_fill(p, 1 + gen_below(r, 8));
	damage(r, p);
	if (k.source && k.source->interface && !gen_percent(r, 10))
		return interfaces[k.source->interface];
	return interfaces[gen_below(r, 3)];
}
