/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec_frame.c -- one frame of the vector table: from a line of layers to bytes.
 *
 * A line is a list of layers; a layer is its name, its plain arguments, and key=value arguments for
 * what should differ from the right value. An Ethernet header comes first unless the line has one.
 */
#include "common/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pkt.h"

#define ARGS_MAX 16

struct layer_args {
	char *pos[ARGS_MAX];
	size_t n_pos;
	char *key[ARGS_MAX], *value[ARGS_MAX];
	bool is_used[ARGS_MAX];
	size_t n_keys;
	bool is_bad;
};

struct frame {
	struct pkt *p;
	size_t cut;
	bool has_cut;
	size_t trailer; /* bytes behind everything */
};

static const char *arg_text(struct layer_args *a, const char *key)
{
	for (size_t i = 0; i < a->n_keys; i++) {
		if (!strcmp(a->key[i], key)) {
			a->is_used[i] = true;
			return a->value[i];
		}
	}
	return NULL;
}

static long number(struct layer_args *a, const char *s)
{
	char *end;
	long v = strtol(s, &end, 0);

	if (!*s || *end)
		a->is_bad = true;
	return v;
}

static int arg_int(struct layer_args *a, const char *key, int otherwise)
{
	const char *s = arg_text(a, key);

	return s ? (int)number(a, s) : otherwise;
}

static long pos_int(struct layer_args *a, size_t i, long otherwise)
{
	return i < a->n_pos ? number(a, a->pos[i]) : otherwise;
}

static size_t hex(struct layer_args *a, const char *s, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (; s && s[0]; s += 2) {
		unsigned int byte;

		if (n == cap || !s[1] || sscanf(s, "%2x", &byte) != 1) {
			a->is_bad = true;
			return 0;
		}
		out[n++] = (uint8_t)byte;
	}
	return n;
}

static void mac(struct layer_args *a, const char *key, const char *otherwise, uint8_t out[6])
{
	const char *s = arg_text(a, key);

	if (sscanf(s ? s : otherwise, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &out[0], &out[1],
		   &out[2], &out[3], &out[4], &out[5]) != 6)
		a->is_bad = true;
}

static void layer_eth(struct frame *f, struct layer_args *a)
{
	uint8_t dst[6], src[6];

	mac(a, "dst", "02:00:00:00:00:fe", dst);
	mac(a, "src", "02:00:00:00:00:01", src);
	pkt_eth(f->p, dst, src, arg_int(a, "type", PKT_AUTO));
}

static void layer_vlan(struct frame *f, struct layer_args *a)
{
	int tci = (int)pos_int(a, 0, 0) | arg_int(a, "prio", 0) << 13;

	pkt_vlan(f->p, (uint16_t)arg_int(a, "tpid", 0x8100), (uint16_t)tci,
		 arg_int(a, "type", PKT_AUTO));
}

static void layer_arp(struct frame *f, struct layer_args *a)
{
	(void)a;
	pkt_arp(f->p);
}

static void address(struct layer_args *a, size_t i, bool is_v6, struct pkt_addr *out)
{
	if (i >= a->n_pos || !pkt_addr_parse(a->pos[i], out) || out->is_v6 != is_v6)
		a->is_bad = true;
}

static void layer_ip4(struct frame *f, struct layer_args *a)
{
	struct pkt_ip4 h = PKT_IP4_INIT;
	uint8_t options[64];

	address(a, 0, false, &h.src);
	address(a, 1, false, &h.dst);
	h.proto = arg_int(a, "proto", PKT_AUTO);
	h.ttl = arg_int(a, "ttl", 64);
	h.ihl = arg_int(a, "ihl", PKT_AUTO);
	h.version = arg_int(a, "version", 4);
	h.total_len = arg_int(a, "len", PKT_AUTO);
	h.id = (uint16_t)arg_int(a, "id", 0);
	h.dont_fragment = arg_int(a, "df", 0);
	h.more_fragments = arg_int(a, "mf", 0);
	h.offset = (uint16_t)arg_int(a, "off", 0);
	h.n_options = hex(a, arg_text(a, "opt"), options, sizeof(options));
	h.options = options;
	pkt_ip4(f->p, &h);
}

static void layer_ip6(struct frame *f, struct layer_args *a)
{
	struct pkt_ip6 h = PKT_IP6_INIT;

	address(a, 0, true, &h.src);
	address(a, 1, true, &h.dst);
	h.next = arg_int(a, "next", PKT_AUTO);
	h.hop_limit = arg_int(a, "hop", 64);
	h.version = arg_int(a, "version", 6);
	h.payload_len = arg_int(a, "len", PKT_AUTO);
	pkt_ip6(f->p, &h);
}

static void extension(struct frame *f, struct layer_args *a, uint8_t kind)
{
	uint8_t body[256];
	size_t n = hex(a, arg_text(a, "body"), body, sizeof(body));

	pkt_ext(f->p, kind, arg_int(a, "next", PKT_AUTO), arg_int(a, "len", PKT_AUTO), body, n);
}

static void layer_hbh(struct frame *f, struct layer_args *a)
{
	extension(f, a, PKT_HOP_BY_HOP);
}

static void layer_dstopts(struct frame *f, struct layer_args *a)
{
	extension(f, a, PKT_DST_OPTS);
}

static void layer_ah(struct frame *f, struct layer_args *a)
{
	extension(f, a, PKT_AH);
}

static void layer_ext(struct frame *f, struct layer_args *a)
{
	extension(f, a, (uint8_t)pos_int(a, 0, 0));
}

/* Type and segments left, then room for one address. */
static void layer_routing(struct frame *f, struct layer_args *a)
{
	uint8_t body[22] = {(uint8_t)arg_int(a, "type", 0), (uint8_t)arg_int(a, "left", 0)};

	pkt_ext(f->p, PKT_ROUTING, arg_int(a, "next", PKT_AUTO), arg_int(a, "len", PKT_AUTO), body,
		sizeof(body));
}

static void layer_frag(struct frame *f, struct layer_args *a)
{
	pkt_frag6(f->p, arg_int(a, "next", PKT_AUTO), (uint16_t)arg_int(a, "off", 0),
		  arg_int(a, "mf", 0), (uint32_t)arg_int(a, "id", 0));
}

static void layer_tcp(struct frame *f, struct layer_args *a)
{
	pkt_tcp(f->p, (uint16_t)pos_int(a, 0, 40000), (uint16_t)pos_int(a, 1, 443),
		arg_int(a, "doff", PKT_AUTO), (uint8_t)arg_int(a, "flags", 2));
}

static void udp(struct frame *f, struct layer_args *a, uint8_t proto)
{
	pkt_udp(f->p, proto, (uint16_t)pos_int(a, 0, 40000), (uint16_t)pos_int(a, 1, 53),
		arg_int(a, "len", PKT_AUTO));
}

static void layer_udp(struct frame *f, struct layer_args *a)
{
	udp(f, a, 17);
}

static void layer_udplite(struct frame *f, struct layer_args *a)
{
	udp(f, a, 136);
}

static void layer_sctp(struct frame *f, struct layer_args *a)
{
	pkt_sctp(f->p, (uint16_t)pos_int(a, 0, 40000), (uint16_t)pos_int(a, 1, 2905));
}

static void layer_dccp(struct frame *f, struct layer_args *a)
{
	pkt_dccp(f->p, (uint16_t)pos_int(a, 0, 40000), (uint16_t)pos_int(a, 1, 5004));
}

static void layer_icmp(struct frame *f, struct layer_args *a)
{
	pkt_icmp(f->p, (uint8_t)pos_int(a, 0, 8), (uint8_t)pos_int(a, 1, 0));
}

static void layer_icmp6(struct frame *f, struct layer_args *a)
{
	pkt_icmp6(f->p, (uint8_t)pos_int(a, 0, 128), (uint8_t)pos_int(a, 1, 0));
}

static void layer_proto(struct frame *f, struct layer_args *a)
{
	pkt_proto(f->p, (uint8_t)pos_int(a, 0, 255));
}

static void layer_raw(struct frame *f, struct layer_args *a)
{
	uint8_t bytes[512];
	size_t n = a->n_pos ? hex(a, a->pos[0], bytes, sizeof(bytes)) : 0;

	pkt_raw(f->p, bytes, n);
}

static void layer_fill(struct frame *f, struct layer_args *a)
{
	pkt_fill(f->p, (size_t)pos_int(a, 0, 0));
}

static void layer_pad(struct frame *f, struct layer_args *a)
{
	pkt_pad(f->p, (size_t)pos_int(a, 0, 60));
}

/* flags: the whole first word; last: the reserved byte behind the VNI. */
static void layer_vxlan(struct frame *f, struct layer_args *a)
{
	pkt_vxlan(f->p, (uint32_t)arg_int(a, "flags", 0x08000000), (uint32_t)pos_int(a, 0, 0),
		  (uint8_t)arg_int(a, "last", 0));
}

static void layer_geneve(struct frame *f, struct layer_args *a)
{
	uint8_t options[252];
	size_t n = hex(a, arg_text(a, "opt"), options, sizeof(options));
	int words = arg_int(a, "words", (int)(n / 4)), flags = arg_int(a, "flags", 0);

	pkt_geneve(f->p, (uint16_t)(arg_int(a, "version", 0) << 14 | words << 8 | flags),
		   (uint16_t)arg_int(a, "type", 0x6558), (uint32_t)pos_int(a, 0, 0), options, n);
}

static void layer_trailer(struct frame *f, struct layer_args *a)
{
	f->trailer = (size_t)pos_int(a, 0, 1);
}

static void layer_cut(struct frame *f, struct layer_args *a)
{
	f->has_cut = true;
	f->cut = (size_t)pos_int(a, 0, 0);
}

static const struct layer {
	const char *name;
	void (*add)(struct frame *f, struct layer_args *a);
	size_t n_pos_max;
} layers[] = {
	{"eth", layer_eth, 0},         {"vlan", layer_vlan, 1},       {"arp", layer_arp, 0},
	{"ip4", layer_ip4, 2},         {"ip6", layer_ip6, 2},         {"hbh", layer_hbh, 0},
	{"dstopts", layer_dstopts, 0}, {"routing", layer_routing, 0}, {"frag", layer_frag, 0},
	{"ah", layer_ah, 0},           {"ext", layer_ext, 1},         {"tcp", layer_tcp, 2},
	{"udp", layer_udp, 2},         {"udplite", layer_udplite, 2}, {"sctp", layer_sctp, 2},
	{"dccp", layer_dccp, 2},       {"icmp", layer_icmp, 2},       {"icmp6", layer_icmp6, 2},
	{"proto", layer_proto, 1},     {"raw", layer_raw, 1},         {"fill", layer_fill, 1},
	{"pad", layer_pad, 1},         {"cut", layer_cut, 1},         {"vxlan", layer_vxlan, 1},
	{"geneve", layer_geneve, 1},   {"trailer", layer_trailer, 1},
};

static const struct layer *layer_find(const char *name)
{
	for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++) {
		if (!strcmp(layers[i].name, name))
			return &layers[i];
	}
	return NULL;
}

/* The arguments up to the next layer's name. *tok is left at that name, or NULL at the end. */
static void args_read(struct layer_args *a, char **tok, char **save)
{
	memset(a, 0, sizeof(*a));
	while ((*tok = strtok_r(NULL, " \t", save)) && !layer_find(*tok)) {
		char *eq = strchr(*tok, '=');

		if (a->n_pos == ARGS_MAX || a->n_keys == ARGS_MAX) {
			a->is_bad = true;
			return;
		}
		if (!eq) {
			a->pos[a->n_pos++] = *tok;
			continue;
		}
		*eq = '\0';
		a->key[a->n_keys] = *tok;
		a->value[a->n_keys++] = eq + 1;
	}
}

static bool layer_add(struct frame *f, const struct layer *l, struct layer_args *a)
{
	if (a->is_bad || a->n_pos > l->n_pos_max)
		return false;
	l->add(f, a);
	for (size_t i = 0; i < a->n_keys; i++) {
		if (!a->is_used[i])
			return false;
	}
	return !a->is_bad;
}

int vec_frame(struct pkt *p, const char *text, const char **why)
{
	struct frame f = {.p = p};
	char copy[1024], *save, *tok;
	int rc = -1;

	*why = "the line is too long";
	if (strlen(text) >= sizeof(copy))
		return -1;
	strcpy(copy, text);
	pkt_begin(p);
	tok = strtok_r(copy, " \t", &save);
	*why = "a layer name is expected";
	if (!tok || !layer_find(tok))
		return -1;
	if (strcmp(tok, "eth") && strcmp(tok, "raw"))
		layer_eth(&f, &(struct layer_args){0});
	while (tok) {
		const struct layer *l = layer_find(tok);
		struct layer_args a;

		args_read(&a, &tok, &save);
		*why = l->name;
		if (!layer_add(&f, l, &a))
			return rc;
	}
	pkt_end(p);
	pkt_fill(p, f.trailer);
	if (f.has_cut)
		pkt_cut(p, f.cut);
	return 0;
}
