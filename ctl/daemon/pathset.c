// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pathset.c -- the routes of a generation as the host's routing and NAT need them: by mark.
 */
#include "daemon/pathset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbx/image.h"
#include "lib/vec.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:@%+="

void dbx_pathset_fini(struct dbx_pathset *s)
{
	dbx_vec_fini(s);
}

const struct dbx_path_entry *dbx_pathset_find(const struct dbx_pathset *s, uint32_t mark)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].mark == mark)
			return &s->v[mid];
		if (s->v[mid].mark < mark)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool is_same_addr(bool has_a, const struct dbx_addr *a, bool has_b, const struct dbx_addr *b)
{
	return has_a == has_b && (!has_a || dbx_addr_cmp(a, b) == 0);
}

static bool is_same(const struct dbx_path_entry *a, const struct dbx_path_entry *b)
{
	for (int f = 0; f < 2; f++) {
		if (!is_same_addr(a->has_hop[f], &a->hop[f], b->has_hop[f], &b->hop[f]) ||
		    !is_same_addr(a->has_src[f], &a->src[f], b->has_src[f], &b->src[f]))
			return false;
	}
	return a->mark == b->mark && a->is_barred == b->is_barred &&
	       strcmp(a->ifname, b->ifname) == 0;
}

bool dbx_pathset_equal(const struct dbx_pathset *a, const struct dbx_pathset *b)
{
	size_t i;

	for (i = 0; i < a->n && i < b->n; i++) {
		if (!is_same(&a->v[i], &b->v[i]))
			return false;
	}
	return a->n == b->n;
}

/* ---- building ---- */

/* At most one address of each family: the reader refuses more. */
static void take_addrs(const struct dbx_addr *v, size_t n, bool has[2], struct dbx_addr out[2])
{
	for (size_t i = 0; i < n; i++) {
		out[v[i].is_v6] = v[i];
		has[v[i].is_v6] = true;
	}
}

static int add_route(struct dbx_pathset *s, const struct dbx_path_route *r, uint32_t mark)
{
	struct dbx_path_entry e = {.mark = mark};

	if (r->interface)
		snprintf(e.ifname, sizeof(e.ifname), "%s", r->interface);
	/* nft reads a '*' as a pattern, and has no way to write a quote. */
	e.is_barred = !e.ifname[0] || strspn(e.ifname, NAME_CHARS) != strlen(e.ifname);
	take_addrs(r->next_hops, r->n_next_hops, e.has_hop, e.hop);
	take_addrs(r->source_addresses, r->n_source_addresses, e.has_src, e.src);
	return dbx_vec_push(s, e);
}

static int by_mark(const void *a, const void *b)
{
	const struct dbx_path_entry *x = a, *y = b;

	return x->mark < y->mark ? -1 : x->mark > y->mark;
}

static void sort(struct dbx_pathset *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_mark);
}

int dbx_pathset_build(const struct dbx_model *m, struct dbx_pathset *out)
{
	struct dbx_pathset s = {NULL, 0, 0};
	const struct dbx_gateway *g = &m->gateway;
	size_t i, kept = 0;
	int rc = 0;

	for (i = 0; i < g->n_routes && !rc; i++)
		rc = add_route(&s, &g->routes[i], dbx_model_route_mark(m, &g->routes[i]));
	if (rc) {
		dbx_pathset_fini(&s);
		return rc;
	}
	sort(&s);
	/* Routes that say the same may share a mark. */
	for (i = 0; i < s.n; i++) {
		if (kept && s.v[kept - 1].mark == s.v[i].mark)
			s.v[kept - 1].is_barred |= !is_same(&s.v[kept - 1], &s.v[i]);
		else
			s.v[kept++] = s.v[i];
	}
	s.n = kept;
	*out = s;
	return 0;
}

int dbx_pathset_union(const struct dbx_pathset *a, const struct dbx_pathset *b,
		      struct dbx_pathset *out)
{
	struct dbx_pathset s = {NULL, 0, 0};
	const struct dbx_path_entry *other;
	size_t i;
	int rc = 0;

	for (i = 0; i < a->n && !rc; i++) {
		rc = dbx_vec_push(&s, a->v[i]);
		other = dbx_pathset_find(b, a->v[i].mark);
		if (!rc && other && !is_same(other, &a->v[i]))
			s.v[s.n - 1].is_barred = true;
	}
	for (i = 0; i < b->n && !rc; i++) {
		if (!dbx_pathset_find(a, b->v[i].mark))
			rc = dbx_vec_push(&s, b->v[i]);
	}
	if (rc) {
		dbx_pathset_fini(&s);
		return rc;
	}
	sort(&s);
	*out = s;
	return 0;
}

int dbx_pathset_copy(const struct dbx_pathset *from, struct dbx_pathset *out)
{
	static const struct dbx_pathset none;

	return dbx_pathset_union(from, &none, out);
}

/* ---- nftables ---- */

/*
 * One chain for what is not ours to forward, one that gives source addresses, one that lets nothing
 * leave by another interface or with another address: connection tracking translates nothing that it
 * finds invalid, and a connection keeps the address that it began with.
 *
 * Look-ups by mark, so that a packet costs the same whatever the number of routes. snat stands before
 * the usual priority (100): a masquerade of the host's, which names no mark, would come first else.
 */
#define PRIORITY_FORWARD "-1"
#define PRIORITY_SNAT    "99"
#define PRIORITY_LEAVE   "101"

static const char *const families[] = {"ip", "ip6"};

struct list { /* "a, b, c" */
	struct dbx_strbuf *b;
	const char *open, *close;
	size_t n;
};

static struct dbx_strbuf *next(struct list *l)
{
	dbx_strbuf_add(l->b, l->n++ ? ", " : l->open);
	return l->b;
}

static void end(struct list *l)
{
	if (l->n)
		dbx_strbuf_add(l->b, l->close);
}

static void out_addr(struct dbx_strbuf *b, const struct dbx_addr *a)
{
	char text[DBX_ADDR_STRLEN];

	dbx_strbuf_add(b, dbx_addr_format(a, text));
}

/* Ends the chain for all marks but ours, and drops those of ours that no route has. */
static void out_known(const struct dbx_pathset *s, struct dbx_strbuf *b)
{
	struct list l = {b, "\t\tmeta mark != { ", " } counter drop\n", 0};

	dbx_strbuf_addf(b, "\t\tmeta mark & 0x%08x != 0x%08x accept\n", DBX_MARK_PATH_MASK,
			DBX_MARK_PATH);
	dbx_vec_for_each(s, e) {
		if (!e->is_barred)
			dbx_strbuf_addf(next(&l), "0x%08x", e->mark);
	}
	end(&l);
	if (!l.n)
		dbx_strbuf_add(b, "\t\tcounter drop\n");
}

static void out_snat(const struct dbx_pathset *s, int f, struct dbx_strbuf *b)
{
	struct list l = {b, "", " }\n", 0};
	char open[64];

	snprintf(open, sizeof(open), "\t\tmeta nfproto ipv%d snat %s to meta mark map { ",
		 f ? 6 : 4, families[f]);
	l.open = open;
	dbx_vec_for_each(s, e) {
		if (!e->has_src[f] || e->is_barred)
			continue;
		dbx_strbuf_addf(next(&l), "0x%08x : ", e->mark);
		out_addr(b, &e->src[f]);
	}
	end(&l);
}

static void out_leave_by(const struct dbx_pathset *s, struct dbx_strbuf *b)
{
	struct list l = {b, "\t\tmeta mark . oifname != { ", " } counter drop\n", 0};

	dbx_vec_for_each(s, e) {
		if (!e->is_barred)
			dbx_strbuf_addf(next(&l), "0x%08x . \"%s\"", e->mark, e->ifname);
	}
	end(&l);
}

static void out_leave_as(const struct dbx_pathset *s, int f, struct dbx_strbuf *b)
{
	struct list marks = {b, "", " } ", 0}, pairs = {b, "", " } counter drop\n", 0};
	char open[64], open_pairs[64];

	snprintf(open, sizeof(open), "\t\tmeta nfproto ipv%d meta mark { ", f ? 6 : 4);
	snprintf(open_pairs, sizeof(open_pairs), "meta mark . %s saddr != { ", families[f]);
	marks.open = open;
	pairs.open = open_pairs;
	dbx_vec_for_each(s, e) {
		if (e->has_src[f] && !e->is_barred)
			dbx_strbuf_addf(next(&marks), "0x%08x", e->mark);
	}
	end(&marks);
	dbx_vec_for_each(s, e) {
		if (!e->has_src[f] || e->is_barred)
			continue;
		dbx_strbuf_addf(next(&pairs), "0x%08x . ", e->mark);
		out_addr(b, &e->src[f]);
	}
	end(&pairs);
}

static void open_chain(struct dbx_strbuf *b, const char *name, const char *type, const char *hook,
		       const char *priority)
{
	dbx_strbuf_addf(b, "\tchain %s {\n\t\ttype %s hook %s priority %s; policy accept;\n", name,
			type, hook, priority);
}

void dbx_pathset_nft(const struct dbx_pathset *s, struct dbx_strbuf *b)
{
	/* Adding first makes deleting what is not there no error; all of it is one transaction. */
	dbx_strbuf_add(b,
		       "add table inet " DBX_NFT_TABLE "\ndelete table inet " DBX_NFT_TABLE "\n");
	if (!s->n)
		return;
	dbx_strbuf_add(b, "table inet " DBX_NFT_TABLE " {\n");
	open_chain(b, "known", "filter", "forward", PRIORITY_FORWARD);
	out_known(s, b);
	dbx_strbuf_add(b, "\t}\n");
	open_chain(b, "sources", "nat", "postrouting", PRIORITY_SNAT);
	out_snat(s, 0, b);
	out_snat(s, 1, b);
	dbx_strbuf_add(b, "\t}\n");
	open_chain(b, "leave", "filter", "postrouting", PRIORITY_LEAVE);
	out_known(s, b);
	out_leave_by(s, b);
	out_leave_as(s, 0, b);
	out_leave_as(s, 1, b);
	/* Should the interface be a tunnel, then what it sends has another way to go. */
	dbx_strbuf_add(b, "\t\tmeta mark set 0\n\t}\n}\n");
}
