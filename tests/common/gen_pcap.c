/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_pcap.c -- real captures through two engines, that must agree in everything.
 */
#include "common/gen_pcap.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/vec.h"
#include "lib/addr.h"
#include "lib/file.h"
#include "lib/strbuf.h"

#define SOURCES_MAX 200
#define FRAME_MAX   (300u << 10)

/* ---- pcap and pcapng ---- */

struct capture {
	char *bytes;
	size_t n, first, at; /* at: the next record or block */
	bool is_swapped, is_ng;
	size_t n_link; /* bytes of Ethernet header to put in front */
	uint8_t frame[FRAME_MAX];
	size_t n_frame;
};

static uint32_t word(const struct capture *c, size_t at)
{
	uint32_t v;

	memcpy(&v, c->bytes + at, 4);
	return c->is_swapped ? __builtin_bswap32(v) : v;
}

/* 1: Ethernet; 12, 14, 101, 228, 229: IP without a link header. */
static int link_set(struct capture *c, uint32_t link)
{
	if (link != 1)
		c->n_link = 14;
	return link == 1 || link == 12 || link == 14 || link == 101 || link == 228 || link == 229
		       ? 0
		       : 1;
}

/* A section header, then the interface whose link type goes for all of the file. */
static int open_ng(struct capture *c)
{
	uint32_t link;
	size_t n_section;

	c->is_ng = true;
	c->is_swapped = word(c, 8) != 0x1a2b3c4d;
	n_section = word(c, 4);
	if (n_section > c->n - 20 || word(c, n_section) != 1)
		return 1;
	c->at = c->first = n_section;
	link = word(c, n_section + 8);
	return link_set(c, c->is_swapped ? link >> 16 : link & 0xffff);
}

/* 1: not a capture that is understood. */
static int capture_open(struct capture *c, const char *path)
{
	uint32_t magic;

	memset(c, 0, sizeof(*c));
	if (dbx_file_read(path, 0, &c->bytes, &c->n))
		return -1;
	if (c->n < 32)
		return 1;
	magic = word(c, 0);
	if (magic == 0x0a0d0d0a)
		return open_ng(c);
	c->is_swapped = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1;
	if (!c->is_swapped && magic != 0xa1b2c3d4 && magic != 0xa1b23c4d)
		return 1;
	c->at = c->first = 24;
	return link_set(c, word(c, 20) & 0xffff);
}

/* Offset of the next frame's bytes, 0 at the end. An enhanced packet block is of type 6. */
static size_t next_record(struct capture *c, size_t *n)
{
	size_t at = c->at, n_block;

	if (!c->is_ng) {
		if (at + 16 > c->n || word(c, at + 8) > c->n - at - 16)
			return 0;
		*n = word(c, at + 8);
		c->at += 16 + *n;
		return at + 16;
	}
	for (; at + 12 <= c->n; at += n_block) {
		n_block = word(c, at + 4);
		if (n_block < 12 || n_block > c->n - at)
			return 0;
		if (word(c, at) != 6 || n_block < 32 || word(c, at + 20) > n_block - 32)
			continue;
		*n = word(c, at + 20);
		c->at = at + n_block;
		return at + 28;
	}
	return 0;
}

static bool capture_next(struct capture *c)
{
	size_t n, at = next_record(c, &n);
	uint8_t version;

	if (!at || n + c->n_link > FRAME_MAX)
		return false;
	memcpy(c->frame + c->n_link, c->bytes + at, n);
	c->n_frame = n + c->n_link;
	if (c->n_link) {
		version = n ? c->frame[14] >> 4 : 0;
		memcpy(c->frame, "\2\0\0\0\0\xfe\2\0\0\0\0\1", 12);
		memcpy(c->frame + 12, version == 6 ? "\x86\xdd" : "\x08\x00", 2);
	}
	return true;
}

/* ---- the gateway of a capture ---- */

struct speaker {
	struct dbx_addr addr;
	uint32_t domain;
};

struct cast {
	struct speaker sources[SOURCES_MAX];
	size_t n_sources;
	struct dbx_addr spoken_to[SOURCES_MAX * 4];
	size_t n_spoken_to;
};

static struct dbx_addr address_of(const uint32_t words[4], bool is_v6)
{
	struct dbx_addr a = {.is_v6 = is_v6};

	for (int i = 0; i < (is_v6 ? 16 : 4); i++)
		a.a[i] = (uint8_t)(words[i / 4] >> (24 - i % 4 * 8));
	return a;
}

static bool is_known(const struct cast *k, const struct dbx_addr *a, uint32_t domain)
{
	for (size_t i = 0; i < k->n_spoken_to; i++) {
		if (!dbx_addr_cmp(&k->spoken_to[i], a))
			return true;
	}
	for (size_t i = 0; i < k->n_sources; i++) {
		if (!dbx_addr_cmp(&k->sources[i].addr, a) && k->sources[i].domain == domain)
			return true;
	}
	return false;
}

static void cast_frame(struct cast *k, const struct capture *c)
{
	struct dbx_result res;
	struct dbx_pkt pkt;
	struct dbx_addr src, dst;

	dbx_judge_frame(NULL, NULL, c->frame, c->n_frame, DBX_PORT_ANY, &pkt, &res);
	if (!(pkt.flags & DBX_PKT_F_TUPLE))
		return;
	src = address_of(pkt.src, pkt.flags & DBX_PKT_F_IPV6);
	dst = address_of(pkt.dst, pkt.flags & DBX_PKT_F_IPV6);
	if (k->n_sources < SOURCES_MAX && !is_known(k, &src, pkt.domain))
		k->sources[k->n_sources++] = (struct speaker){src, pkt.domain};
	if (k->n_spoken_to < SOURCES_MAX * 4)
		k->spoken_to[k->n_spoken_to++] = dst;
}

static void out_source(struct dbx_strbuf *b, const struct speaker *s, const char *comma)
{
	char text[DBX_ADDR_STRLEN];
	uint32_t d = s->domain;

	dbx_strbuf_addf(b, "%s{\"prefix\": \"%s\"", comma, dbx_addr_format(&s->addr, text));
	if (d & DBX_DOMAIN_QINQ)
		dbx_strbuf_addf(b, ", \"vlan\": %u, \"inner_vlan\": %u", d >> 12 & 0xfff,
				d & 0xfff);
	else if (d)
		dbx_strbuf_addf(b, ", \"vlan\": %u", d);
	dbx_strbuf_add(b, "}");
}

static bool is_expressible(uint32_t d)
{
	uint32_t inner = d & 0xfff, outer = d >> 12 & 0xfff;

	if (!(d & DBX_DOMAIN_QINQ))
		return d <= 4094;
	return inner >= 1 && inner <= 4094 && outer >= 1 && outer <= 4094;
}

static const char policy[] =
	"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": {"
	"\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_internet_destinations\": ["
	"{\"destination\": \"10.0.0.0/8\", \"internet_destination_type\": \"IP_RANGE\"}, "
	"{\"destination\": \"2001:db8::/32\", \"internet_destination_type\": \"IP_RANGE\"}]}}}";

static const char services[] =
	"\"allowed_destinations\": ["
	"{\"label\": \"dns\", \"prefixes\": [\"0.0.0.0/0\", \"::/0\"], \"protocol\": \"udp\", "
	"\"ports\": [53, 443, \"6000-6100\"]},"
	"{\"label\": \"web\", \"prefixes\": [\"0.0.0.0/1\", \"2000::/3\"], \"protocol\": \"tcp\", "
	"\"ports\": [80, 443]},"
	"{\"label\": \"ping\", \"prefixes\": [\"0.0.0.0/0\"], \"protocol\": \"icmp\", \"types\": [8]},"
	"{\"label\": \"ping6\", \"prefixes\": [\"::/0\"], \"protocol\": \"icmpv6\", "
	"\"types\": [128]}],"
	"\"blocked_destinations\": ["
	"{\"label\": \"mail\", \"prefixes\": [\"0.0.0.0/0\", \"::/0\"], \"protocol\": \"tcp\", "
	"\"ports\": [25]}]}}";

static int world_for(struct vec_world *w, const struct cast *k)
{
	const char *comma = "";
	struct dbx_strbuf b;
	int rc = vec_world_init(w);

	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b,
		       "{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": [");
	for (size_t i = 0; i < k->n_sources; i++) {
		if (!is_expressible(k->sources[i].domain))
			continue;
		dbx_strbuf_addf(&b, "%s{\"workspace_id\": %zu, \"sources\": [", comma, 1 + i);
		out_source(&b, &k->sources[i], "");
		dbx_strbuf_add(&b, "]}");
		comma = ", ";
	}
	dbx_strbuf_add(&b, "], ");
	dbx_strbuf_add(&b, services);
	if (!rc)
		rc = b.err;
	if (!rc)
		rc = vec_world_add(w, "default-policy.json", policy, strlen(policy));
	if (!rc)
		rc = vec_world_add(w, "gateway.json", b.s, b.len);
	if (!rc)
		rc = vec_world_build(w);
	if (rc)
		vec_findings_print(&w->diag);
	dbx_strbuf_fini(&b);
	return rc;
}

/* ---- the run ---- */

static void judge_frame(const struct gen_pair *p, struct vec_world *w, const char *path, size_t i,
			const struct capture *c, struct gen_pcap_tally *t)
{
	struct vec_result r[2];
	uint8_t *exact = malloc(c->n_frame ? c->n_frame : 1);

	if (!exact)
		abort();
	memcpy(exact, c->frame, c->n_frame);
	if (!p->judge[0](p->arg, w, "ws1", exact, c->n_frame, &r[0]) ||
	    !p->judge[1](p->arg, w, "ws1", exact, c->n_frame, &r[1])) {
		t->n_not_judged++;
	} else {
		t->n_frames++;
		t->by_verdict[r[0].verdict]++;
		t->by_reason[r[0].reason]++;
		if (!vec_result_equal(&r[0], &r[1])) {
			fprintf(stderr, "%s: frame %zu\n", path, i + 1);
			vec_result_print(p->name[0], &r[0]);
			vec_result_print(p->name[1], &r[1]);
			t->n_bad++;
		}
	}
	free(exact);
}

static int judge_file(const struct gen_pair *p, const char *path, struct capture *c,
		      struct gen_pcap_tally *t)
{
	struct cast *k = calloc(1, sizeof(*k));
	struct vec_world w;
	int rc;

	if (!k)
		abort();
	while (capture_next(c))
		cast_frame(k, c);
	rc = world_for(&w, k);
	if (!rc && p->begin)
		p->begin(p->arg, &w);
	if (!rc && p->forget)
		p->forget(p->arg, &w);
	c->at = c->first;
	for (size_t i = 0; !rc && capture_next(c); i++)
		judge_frame(p, &w, path, i, c, t);
	vec_world_fini(&w);
	free(k);
	return rc;
}

/* nftw() gives its callback no argument. */
static const struct gen_pair *walk_pair;
static struct gen_pcap_tally *walk_tally;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static struct capture c; /* too big for the stack */
	const char *dot = strrchr(path, '.');
	int rc;

	(void)st;
	(void)ftw;
	if (type != FTW_F || !dot || (strcmp(dot, ".pcap") && strcmp(dot, ".pcapng")))
		return 0;
	rc = capture_open(&c, path);
	if (rc == 1)
		walk_tally->n_left_out++;
	if (!rc) {
		walk_tally->n_files++;
		rc = judge_file(walk_pair, path, &c, walk_tally);
	}
	free(c.bytes);
	if (rc < 0)
		fprintf(stderr, "%s: cannot be judged\n", path);
	return rc < 0 ? -1 : 0;
}

int gen_pcap_run(const struct gen_pair *p, const char *dir, struct gen_pcap_tally *t)
{
	memset(t, 0, sizeof(*t));
	walk_pair = p;
	walk_tally = t;
	return nftw(dir, visit, 8, FTW_PHYS) || !t->n_files ? -1 : 0;
}

void gen_pcap_print(const struct gen_pcap_tally *t)
{
	printf("%zu captures (%zu left out), %zu frames (%zu not judged): %zu PASS, %zu DROP;",
	       t->n_files, t->n_left_out, t->n_frames, t->n_not_judged,
	       t->by_verdict[DBX_VERDICT_PASS], t->by_verdict[DBX_VERDICT_DROP]);
	for (int i = 0; i < DBX_REASON_MAX; i++) {
		if (t->by_reason[i])
			printf(" %s %zu", vec_reason_slug((enum dbx_reason)i), t->by_reason[i]);
	}
	putchar('\n');
}
