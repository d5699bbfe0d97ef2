// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * eval_frame.c -- the evaluator's own packet parser, and its memory of fragmented datagrams.
 *
 * A frame is read through a cursor that knows how many bytes are there; each header either moves it
 * or ends with the reason for the drop. Written from the RFCs named below, apart from the parser of
 * the packet path, which it is there to check. What is in a tunnel is read as a frame of its own.
 */
#include "policy/eval_impl.h"

#include <stdlib.h>
#include <string.h>

#include "lib/vec.h"

enum {
	ETH_BYTES = 14,
	TAG_BYTES = 4,
	TAGS_MAX = 2,
	ARP_BYTES = 28,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	EXT_HEADERS_MAX = 8,
	DATAGRAM_MAX = 65535,
};

enum {
	TYPE_IP4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IP6 = 0x86dd,
	TYPE_QINQ = 0x88a8,
};

enum {
	P_HOP_BY_HOP = 0,
	P_ICMP = 1,
	P_TCP = 6,
	P_UDP = 17,
	P_DCCP = 33,
	P_ROUTING = 43,
	P_FRAGMENT = 44,
	P_AH = 51,
	P_ICMP6 = 58,
	P_DEST_OPTS = 60,
	P_SCTP = 132,
	P_MOBILITY = 135,
	P_UDPLITE = 136,
	P_HIP = 139,
	P_SHIM6 = 140,
};

/* DONE: packet.reason says what becomes of the frame, nothing more is to be judged. */
enum outcome { GO_ON, DONE };

struct packet {
	const uint8_t *p; /* next header */
	size_t left;      /* bytes from there to the end of frame or datagram */
	enum dbx_reason reason;
	struct dbx_eval_tuple t;
	bool is_first, is_later; /* fragment that others follow, or that follows */
	bool has_proto;          /* false: the transport of a later fragment is not known */
	bool is_inside;          /* of a tunnel, which gives the domain */
	uint8_t hop_limit;
	uint32_t frag_id;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static enum outcome fail(struct packet *k, enum dbx_reason reason)
{
	k->reason = reason;
	return DONE;
}

static void skip(struct packet *k, size_t n)
{
	k->p += n;
	k->left -= n;
}

/* IEEE 802.1Q; the EtherType after the tags goes to *type. */
static enum outcome read_link(struct packet *k, uint16_t *type)
{
	uint32_t vid[TAGS_MAX];
	int n = 0;

	if (k->left < ETH_BYTES)
		return fail(k, DBX_REASON_TRUNCATED);
	memcpy(k->t.mac, k->p + 6, 6);
	k->t.has_mac = true;
	*type = be16(k->p + 12);
	skip(k, ETH_BYTES);
	for (; *type == TYPE_VLAN || *type == TYPE_QINQ; n++) {
		if (n == TAGS_MAX || k->is_inside)
			return fail(k, DBX_REASON_VLAN_DEPTH);
		if (k->left < TAG_BYTES)
			return fail(k, DBX_REASON_TRUNCATED);
		vid[n] = be16(k->p) & 0x0fffu;
		*type = be16(k->p + 2);
		skip(k, TAG_BYTES);
	}
	if (n == 1)
		k->t.domain = vid[0]; /* 0 is a priority tag: as untagged */
	else if (n == 2)
		k->t.domain = DBX_DOMAIN_QINQ | vid[0] << 12 | vid[1];
	return GO_ON;
}

/* RFC 791 section 3.1: one-byte options 0 and 1, all others with a length that counts itself. */
static enum outcome read_options4(struct packet *k, size_t n_bytes)
{
	const uint8_t *o = k->p + IP4_BYTES;
	size_t left = n_bytes - IP4_BYTES;

	while (left > 0 && o[0] != 0) {
		size_t len = 1;

		if (o[0] == 131 || o[0] == 137) /* loose and strict source route */
			return fail(k, DBX_REASON_SOURCE_ROUTED);
		if (o[0] != 1) {
			if (left < 2 || o[1] < 2 || o[1] > left)
				return fail(k, DBX_REASON_BAD_IPV4);
			len = o[1];
		}
		o += len;
		left -= len;
	}
	return GO_ON;
}

/* offset and more are those of the header; the cursor stands on the datagram's payload. */
static enum outcome check_fragment4(struct packet *k, uint16_t offset, bool more)
{
	k->is_first = more && offset == 0;
	k->is_later = offset != 0;
	if (offset != 0 && offset * 8u + k->left > DATAGRAM_MAX)
		return fail(k, DBX_REASON_BAD_IPV4);
	if (more && (k->left % 8 != 0 || k->left == 0))
		return fail(k, DBX_REASON_BAD_IPV4);
	if (offset == 1 && k->t.proto == P_TCP) /* over the flags of the first: RFC 3128 */
		return fail(k, DBX_REASON_FRAGMENT_TINY);
	return GO_ON;
}

static enum outcome read_ip4(struct packet *k)
{
	const uint8_t *h = k->p;
	size_t header, total;

	if (k->left < IP4_BYTES)
		return fail(k, DBX_REASON_TRUNCATED);
	header = (h[0] & 15u) * 4;
	total = be16(h + 2);
	if (h[0] >> 4 != 4 || header < IP4_BYTES)
		return fail(k, DBX_REASON_BAD_IPV4);
	if (header > k->left)
		return fail(k, DBX_REASON_TRUNCATED);
	if (total < header)
		return fail(k, DBX_REASON_BAD_IPV4);
	if (total > k->left)
		return fail(k, DBX_REASON_TRUNCATED);
	if (read_options4(k, header) == DONE)
		return DONE;
	memcpy(k->t.src.a, h + 12, 4);
	memcpy(k->t.dst.a, h + 16, 4);
	k->t.proto = h[9];
	k->has_proto = true;
	k->frag_id = be16(h + 4);
	k->left = total; /* what follows is padding of the link */
	skip(k, header);
	return check_fragment4(k, be16(h + 6) & 0x1fff, be16(h + 6) & 0x2000);
}

static bool is_extension(uint8_t proto)
{
	return proto == P_HOP_BY_HOP || proto == P_ROUTING || proto == P_FRAGMENT ||
	       proto == P_AH || proto == P_DEST_OPTS || proto == P_MOBILITY || proto == P_HIP ||
	       proto == P_SHIM6;
}

/* RFC 8200 section 4.5. */
static enum outcome read_fragment6(struct packet *k, bool *had_one)
{
	uint16_t field = be16(k->p + 2);
	uint32_t offset = field >> 3;
	bool more = field & 1;

	if (*had_one)
		return fail(k, DBX_REASON_BAD_IPV6);
	*had_one = true;
	k->frag_id = be32(k->p + 4);
	k->is_first = more && offset == 0;
	k->is_later = offset != 0;
	if (more && ((k->left - 8) % 8 != 0 || k->left == 8))
		return fail(k, DBX_REASON_BAD_IPV6);
	if (offset * 8 + (k->left - 8) > DATAGRAM_MAX)
		return fail(k, DBX_REASON_BAD_IPV6);
	if (offset == 1 && k->p[0] == P_TCP) /* as in IPv4: over the flags of the first */
		return fail(k, DBX_REASON_FRAGMENT_TINY);
	return GO_ON;
}

/* One extension header at the cursor: checked, passed over; k->t.proto becomes the next one. */
static enum outcome read_extension(struct packet *k, bool *had_fragment)
{
	enum dbx_reason cut = k->is_first ? DBX_REASON_FRAGMENT_TINY : DBX_REASON_BAD_IPV6;
	uint8_t proto = k->t.proto;
	size_t n;

	if (k->left < 8)
		return fail(k, cut);
	if (proto == P_FRAGMENT)
		n = 8;
	else if (proto == P_AH) /* RFC 4302 section 2.2: in words of four bytes, minus two */
		n = (k->p[1] + 2u) * 4;
	else
		n = (k->p[1] + 1u) * 8;
	if (n > k->left)
		return fail(k, cut);
	if (proto == P_ROUTING && k->p[3] != 0)
		return fail(k, DBX_REASON_SOURCE_ROUTED);
	if (proto == P_FRAGMENT && read_fragment6(k, had_fragment) == DONE)
		return DONE;
	k->t.proto = k->p[0];
	skip(k, n);
	return GO_ON;
}

static enum outcome read_extensions(struct packet *k)
{
	bool had_fragment = false;
	int n;

	for (n = 0; is_extension(k->t.proto); n++) {
		if (k->is_later) { /* what follows is data, whatever it looks like */
			k->has_proto = false;
			return GO_ON;
		}
		if (n == EXT_HEADERS_MAX)
			return fail(k, DBX_REASON_EXT_HEADER_LIMIT);
		if (n > 0 && k->t.proto == P_HOP_BY_HOP)
			return fail(k, DBX_REASON_BAD_IPV6);
		if (read_extension(k, &had_fragment) == DONE)
			return DONE;
	}
	return GO_ON;
}

static enum outcome read_ip6(struct packet *k)
{
	const uint8_t *h = k->p;
	size_t payload;

	if (k->left < IP6_BYTES)
		return fail(k, DBX_REASON_TRUNCATED);
	if (h[0] >> 4 != 6)
		return fail(k, DBX_REASON_BAD_IPV6);
	payload = be16(h + 4);
	if (payload > k->left - IP6_BYTES)
		return fail(k, DBX_REASON_TRUNCATED);
	if (payload == 0 && h[6] == P_HOP_BY_HOP) /* jumbogram, RFC 2675 */
		return fail(k, DBX_REASON_BAD_IPV6);
	k->t.src.is_v6 = k->t.dst.is_v6 = 1;
	memcpy(k->t.src.a, h + 8, 16);
	memcpy(k->t.dst.a, h + 24, 16);
	k->t.proto = h[6];
	k->has_proto = true;
	k->hop_limit = h[7];
	k->left = IP6_BYTES + payload;
	skip(k, IP6_BYTES);
	return read_extensions(k);
}

/* Bytes that the transport's header has at least; 0 = a protocol without ports. */
static size_t transport_bytes(const struct packet *k)
{
	switch (k->t.proto) {
	case P_TCP:
		return 20;
	case P_UDP:
	case P_UDPLITE:
		return 8;
	case P_SCTP:
	case P_DCCP:
		return 12;
	case P_ICMP:
		return k->t.src.is_v6 ? 0 : 8;
	case P_ICMP6:
		return k->t.src.is_v6 ? 4 : 0;
	default:
		return 0;
	}
}

static enum outcome check_lengths(struct packet *k)
{
	if (k->t.proto == P_TCP) {
		size_t n = (k->p[12] >> 4) * 4u;

		if (n < 20)
			return fail(k, DBX_REASON_BAD_L4);
		if (n > k->left)
			return fail(k, k->is_first ? DBX_REASON_FRAGMENT_TINY : DBX_REASON_BAD_L4);
	}
	if (k->t.proto == P_UDP) {
		size_t n = be16(k->p + 4);

		if (n < 8 || (n > k->left && !k->is_first))
			return fail(k, DBX_REASON_BAD_L4);
	}
	return GO_ON;
}

static enum outcome read_transport(struct packet *k)
{
	size_t need = transport_bytes(k);

	k->t.has_ports = true;
	if (need == 0)
		return GO_ON;
	if (k->left < need)
		return fail(k, k->is_first ? DBX_REASON_FRAGMENT_TINY : DBX_REASON_BAD_L4);
	if (check_lengths(k) == DONE)
		return DONE;
	if (k->t.proto == P_ICMP || k->t.proto == P_ICMP6) {
		k->t.dport = be16(k->p); /* type and code */
		return GO_ON;
	}
	k->t.sport = be16(k->p);
	k->t.dport = be16(k->p + 2);
	return GO_ON;
}

/* RFC 4861 sections 4, 6.1 and 7.1: on the link only, hop limit 255, code 0; never in fragments
 * (RFC 6980 section 5). */
static enum outcome check_neighbour_discovery(struct packet *k)
{
	uint8_t type = (uint8_t)(k->t.dport >> 8), code = (uint8_t)k->t.dport;
	const uint8_t *d = k->t.dst.a;
	bool on_link = (d[0] == 0xfe && (d[1] & 0xc0) == 0x80) || (d[0] == 0xff && d[1] == 0x02);

	if (!k->t.src.is_v6 || k->t.proto != P_ICMP6 || !k->t.has_ports)
		return GO_ON;
	if (type == 134 || type == 137) /* router advertisement, redirect */
		return fail(k, DBX_REASON_BAD_ND);
	if ((type != 133 && type != 135 && type != 136) || !on_link)
		return GO_ON;
	if (k->hop_limit != 255 || code != 0 || k->is_first)
		return fail(k, DBX_REASON_BAD_ND);
	return fail(k, DBX_REASON_NEIGHBOUR_DISCOVERY);
}

/* GO_ON: the tuple is filled and asks for a judgement. DONE: k->reason says it all. */
static enum outcome parse(struct packet *k)
{
	uint16_t type;

	if (read_link(k, &type) == DONE)
		return DONE;
	if (type == TYPE_ARP)
		return fail(k, k->left < ARP_BYTES ? DBX_REASON_TRUNCATED : DBX_REASON_ARP);
	if (type != TYPE_IP4 && type != TYPE_IP6)
		return fail(k, DBX_REASON_NOT_IP);
	if ((type == TYPE_IP4 ? read_ip4(k) : read_ip6(k)) == DONE)
		return DONE;
	if (k->is_later)
		return GO_ON;
	if (read_transport(k) == DONE)
		return DONE;
	return check_neighbour_discovery(k);
}

/* ---- tunnels ---- */

/* The tunnel that the datagram would belong to, by where it goes; NULL = none. */
static const struct dbx_tunnel *tunnel_of(const struct dbx_model *m, const struct packet *k)
{
	const struct dbx_gateway *g = &m->gateway;
	size_t i, n;

	if (k->t.domain != 0 || k->t.src.is_v6 || k->t.proto != P_UDP || k->is_later)
		return NULL;
	for (i = 0; i < g->n_tunnels; i++) {
		if (g->tunnels[i].port != k->t.dport)
			continue;
		for (n = 0; n < g->n_addresses; n++) {
			if (dbx_eval_in_prefix(&g->addresses[n].prefix, &k->t.dst))
				return &g->tunnels[i];
		}
	}
	return NULL;
}

static bool is_remote(const struct dbx_tunnel *t, const struct dbx_addr *a)
{
	size_t i;

	for (i = 0; i < t->n_remotes; i++) {
		if (dbx_eval_in_prefix(&t->remotes[i].prefix, a))
			return true;
	}
	return false;
}

/* RFC 7348 section 5: the I flag alone, reserved bits zero. */
static bool read_vxlan(struct packet *k)
{
	const uint8_t *h = k->p;

	if (k->left < 8 || h[0] != 0x08 || h[1] || h[2] || h[3] || h[7])
		return false;
	k->t.domain = DBX_DOMAIN_VNI | be32(h + 4) >> 8;
	skip(k, 8);
	return true;
}

/*
 * RFC 8926 section 3.5: class, type, length in words. None is known here: a critical one, which the
 * type's first bit tells, is refused, and so is a list that does not end where the header says.
 */
static bool read_geneve_options(const uint8_t *o, size_t n)
{
	size_t len;

	while (n > 0) {
		if (n < 4 || o[2] >= 0x80)
			return false;
		len = 4u * (1u + o[3] % 32u);
		if (len > n)
			return false;
		o += len;
		n -= len;
	}
	return true;
}

/* RFC 8926 section 3.4: version, options in words, O and C bits, protocol, VNI. */
static bool read_geneve(struct packet *k)
{
	const uint8_t *h = k->p;
	size_t n;

	if (k->left < 8)
		return false;
	n = 8 + (h[0] & 63u) * 4u;
	if (h[0] >> 6 != 0 || (h[1] & 0x80) || (h[1] & 0x40) || be16(h + 2) != 0x6558 ||
	    n > k->left || !read_geneve_options(h + 8, n - 8))
		return false;
	k->t.domain = DBX_DOMAIN_VNI | be32(h + 4) >> 8;
	skip(k, n);
	return true;
}

/* k is the outside and stands at its UDP header; becomes the inside. A frame ends with its datagram. */
static enum outcome enter_tunnel(const struct dbx_tunnel *t, struct packet *k,
				 const uint8_t *frame_end)
{
	struct packet in = {.is_inside = true, .t.interface = k->t.interface};

	if (!is_remote(t, &k->t.src))
		return fail(k, DBX_REASON_TUNNEL_REMOTE);
	if (k->is_first || k->p + k->left != frame_end || be16(k->p + 4) != k->left)
		return fail(k, DBX_REASON_BAD_TUNNEL);
	in.p = k->p + 8;
	in.left = k->left - 8;
	if (!(t->type == DBX_TUNNEL_GENEVE ? read_geneve(&in) : read_vxlan(&in)))
		return fail(k, DBX_REASON_BAD_TUNNEL);
	*k = in;
	return parse(k);
}

static bool same_addr(const struct dbx_addr *x, const struct dbx_addr *y)
{
	return x->is_v6 == y->is_v6 && memcmp(x->a, y->a, sizeof(x->a)) == 0;
}

static struct dbx_eval_frag frag_key(const struct packet *k)
{
	return (struct dbx_eval_frag){
		.src = k->t.src,
		.dst = k->t.dst,
		.domain = k->t.domain,
		.id = k->frag_id,
		/* v6: the fragment header of a later one may name another header than the first's */
		.key_proto = k->t.src.is_v6 ? 0 : k->t.proto,
		.proto = k->t.proto,
		.sport = k->t.sport,
		.dport = k->t.dport,
	};
}

static struct dbx_eval_frag *find_frag(struct dbx_eval *e, const struct dbx_eval_frag *key)
{
	size_t i;

	for (i = 0; i < e->n_frags; i++) {
		struct dbx_eval_frag *f = &e->frags[i];

		if (f->id == key->id && f->domain == key->domain &&
		    f->key_proto == key->key_proto && same_addr(&f->src, &key->src) &&
		    same_addr(&f->dst, &key->dst))
			return f;
	}
	return NULL;
}

/* Without memory it is forgotten, and the fragments that follow are denied. */
static void remember(struct dbx_eval *e, const struct packet *k)
{
	struct dbx_eval_frag frag = frag_key(k), *f = find_frag(e, &frag);
	void *v = e->frags;

	if (f) {
		*f = frag;
		return;
	}
	if (dbx_vec_grow(&v, &e->cap, e->n_frags + 1, sizeof(frag)))
		return;
	e->frags = v;
	e->frags[e->n_frags++] = frag;
}

static bool source_is_known(const struct dbx_eval_result *res)
{
	return res->reason != DBX_REASON_UNKNOWN_SOURCE && res->reason != DBX_REASON_SPOOFED_SOURCE;
}

/* A fragment after the first: judged by what its first said, today, with today's model. */
static void judge_later(struct dbx_eval *e, const struct dbx_model *m, struct packet *k,
			struct dbx_eval_result *res)
{
	struct dbx_eval_frag key = frag_key(k);
	const struct dbx_eval_frag *f = find_frag(e, &key);

	if (f) {
		k->t.has_ports = true;
		k->t.proto = f->proto;
		k->t.sport = f->sport;
		k->t.dport = f->dport;
	}
	dbx_eval_tuple(m, &k->t, res);
	if (f || k->has_proto || !source_is_known(res))
		return;
	res->verdict = DBX_VERDICT_DROP;
	res->reason = DBX_REASON_FRAGMENT_NO_FIRST;
	res->path = DBX_PATH_NONE;
	res->rule = NULL;
	res->mark = 0;
}

void dbx_eval_frame(struct dbx_eval *e, const struct dbx_model *m, const uint8_t *frame,
		    size_t n_bytes, const char *interface, struct dbx_eval_result *res)
{
	struct packet k = {.p = frame, .left = n_bytes, .t.interface = interface};
	enum outcome o = parse(&k);
	const struct dbx_tunnel *tunnel = o == GO_ON ? tunnel_of(m, &k) : NULL;

	if (tunnel)
		o = enter_tunnel(tunnel, &k, frame + n_bytes);
	if (o == DONE) {
		bool is_pass = k.reason == DBX_REASON_ARP ||
			       k.reason == DBX_REASON_NEIGHBOUR_DISCOVERY;

		*res = (struct dbx_eval_result){
			.reason = k.reason,
			.verdict = is_pass ? DBX_VERDICT_PASS : DBX_VERDICT_DROP,
			.path = is_pass ? DBX_PATH_LOCAL : DBX_PATH_NONE,
		};
		return;
	}
	if (k.is_later) {
		judge_later(e, m, &k, res);
		return;
	}
	dbx_eval_tuple(m, &k.t, res);
	if (k.is_first && source_is_known(res))
		remember(e, &k);
}

void dbx_eval_fini(struct dbx_eval *e)
{
	free(e->frags);
	*e = (struct dbx_eval){0};
}
