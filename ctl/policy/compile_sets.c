/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_sets.c -- every entry that holds addresses becomes a set, and knows who uses it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/compile_priv.h"

static uint32_t new_set(struct compiler *c, enum dbx_set_kind kind, const char *name,
			const struct dbx_where *where)
{
	struct dbx_img_set s = {.kind = kind, .name = dbx_imgbuf_string(&c->b, name)};

	if (where) {
		s.doc = dbx_imgbuf_string(&c->b, dbx_model_doc_name(c->m, where));
		s.ptr = dbx_imgbuf_string(&c->b, where->ptr);
	}
	if (dbx_vec_push(&c->sets, s))
		dbx_compile_fail(c, -ENOMEM);
	return (uint32_t)c->sets.n - 1;
}

static void add_prefix(struct compiler *c, uint32_t set, const struct dbx_prefix *p)
{
	if (dbx_vec_push(&c->spans[p->addr.is_v6], dbx_compile_span(p, set)))
		dbx_compile_fail(c, -ENOMEM);
}

static void add_user(struct compiler *c, const struct user *u)
{
	if (dbx_vec_push(&c->users, *u))
		dbx_compile_fail(c, -ENOMEM);
}

/* ---- what no document names ---- */

static const struct {
	enum dbx_set_kind kind;
	const char *prefix;
} builtins[] = {
	{DBX_SET_MARTIAN, "0.0.0.0/8"},
	{DBX_SET_MARTIAN, "127.0.0.0/8"},
	{DBX_SET_MARTIAN, "240.0.0.0/4"},
	{DBX_SET_MARTIAN, "::/96"}, /* unspecified, loopback, IPv4-compatible */
	{DBX_SET_MARTIAN, "::ffff:0:0/96"},
	{DBX_SET_MARTIAN, "100::/64"},
	{DBX_SET_MULTICAST, "224.0.0.0/4"},
	{DBX_SET_MULTICAST, "255.255.255.255/32"},
	{DBX_SET_MULTICAST, "ff00::/8"},
	{DBX_SET_LINK_LOCAL, "169.254.0.0/16"},
	{DBX_SET_LINK_LOCAL, "fe80::/10"},
	{DBX_SET_METADATA, "169.254.169.254/32"},
	{DBX_SET_METADATA, "169.254.170.2/32"},
	{DBX_SET_METADATA, "168.63.129.16/32"},
	{DBX_SET_METADATA, "fd00:ec2::254/128"},
	{DBX_SET_METADATA, "fd20:ce::254/128"},
};

static const char *const builtin_names[] = {"martian", "multicast", "link-local", "metadata"};

const char *dbx_isolated_kind(const struct dbx_addr *a)
{
	const char *kind = NULL;
	struct dbx_prefix p;

	/* The last one that has it: metadata services are written after the ranges they lie in. */
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
		if (!dbx_prefix_parse(builtins[i].prefix, 0, &p) && dbx_prefix_contains(&p, a))
			kind = builtin_names[builtins[i].kind];
	}
	return kind;
}

static void add_builtins(struct compiler *c)
{
	struct dbx_prefix p;

	for (uint32_t kind = DBX_SET_MARTIAN; kind <= DBX_SET_METADATA; kind++)
		new_set(c, kind, builtin_names[kind], NULL); /* set number = kind */
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
		if (dbx_prefix_parse(builtins[i].prefix, 0, &p))
			dbx_compile_fail(c, -EINVAL);
		else
			add_prefix(c, builtins[i].kind, &p);
	}
}

static void add_own(struct compiler *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	uint32_t set;

	set = new_set(c, DBX_SET_GATEWAY, "gateway", &g->where);
	for (size_t i = 0; i < g->n_addresses; i++)
		add_prefix(c, set, &g->addresses[i].prefix);
	set = new_set(c, DBX_SET_WORKSPACE, "workspaces", &g->where);
	for (size_t i = 0; i < g->n_workspaces; i++)
		for (size_t k = 0; k < g->workspaces[i].n_sources; k++)
			add_prefix(c, set, &g->workspaces[i].sources[k].prefix);
	for (size_t i = 0; i < g->n_private_endpoints; i++) {
		const struct dbx_pe_address *pe = &g->private_endpoints[i];
		struct user u = {.stage = ST_PRIVATE_ENDPOINT, .order = (uint32_t)i, .pe = pe};

		u.policy = NONE;
		u.set = new_set(c, DBX_SET_PRIVATE_ENDPOINT, pe->rule_id, &pe->where);
		add_user(c, &u);
		for (size_t k = 0; k < pe->n_addrs; k++) {
			struct dbx_prefix p = {pe->addrs[k], dbx_addr_bits(&pe->addrs[k])};

			add_prefix(c, u.set, &p);
		}
	}
}

/* ---- policies ---- */

static void add_internet(struct compiler *c, uint32_t policy, enum stage stage,
			 const struct dbx_internet_dest *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct user u = {.stage = stage, .order = (uint32_t)i, .policy = policy};

		if (v[i].type != DBX_DEST_IP_RANGE)
			continue;
		u.internet = &v[i];
		u.set = new_set(c, DBX_SET_PREFIXES, v[i].destination, &v[i].where);
		add_user(c, &u);
		add_prefix(c, u.set, &v[i].prefix);
	}
}

/* ---- feeds ---- */

struct tag_use {
	struct compiler *c;
	struct user *u; /* NULL: only make the set */
};

static int add_tag(void *arg, const struct dbx_feed *feed, const struct dbx_tag *tag)
{
	struct tag_use *t = arg;
	struct compiler *c = t->c;
	uint32_t *slot = &c->tag_set[feed - c->m->feeds][tag - feed->tags];

	if (!*slot) {
		*slot = new_set(c, DBX_SET_TAG, tag->name, &feed->where) + 1;
		for (uint32_t i = 0; i < tag->n; i++)
			add_prefix(c, *slot - 1, &feed->prefixes[tag->first + i].prefix);
	}
	if (t->u) {
		t->u->set = *slot - 1;
		add_user(c, t->u);
	}
	return 0;
}

static void make_tag_slots(struct compiler *c)
{
	c->tag_set = calloc(c->m->n_feeds + 1, sizeof(*c->tag_set));
	if (!c->tag_set) {
		dbx_compile_fail(c, -ENOMEM);
		return;
	}
	for (size_t i = 0; i < c->m->n_feeds; i++) {
		const struct dbx_feed *f = &c->m->feeds[i];

		c->tag_set[i] = calloc(f->n_tags + 1, sizeof(**c->tag_set));
		if (!c->tag_set[i])
			dbx_compile_fail(c, -ENOMEM);
	}
}

static void add_all_tags(struct compiler *c)
{
	struct tag_use t = {c, NULL};

	for (size_t i = 0; i < c->m->n_feeds; i++)
		for (size_t k = 0; k < c->m->feeds[i].n_tags; k++)
			add_tag(&t, &c->m->feeds[i], &c->m->feeds[i].tags[k]);
}

/* Regional storage tags of Azure are what a service endpoint reaches (egress-model 3.4). */
static void add_service_endpoints(struct compiler *c)
{
	for (size_t i = 0; i < c->m->n_nccs; i++) {
		const struct dbx_ncc *ncc = &c->m->nccs[i];
		struct user u = {.stage = ST_SERVICE_ENDPOINT, .policy = NONE, .ncc = ncc};
		struct tag_use t = {c, &u};
		bool has_storage = false;

		for (size_t k = 0; k < ncc->n_target_services; k++)
			has_storage |= !strcmp(ncc->target_services[k], "AZURE_BLOB_STORAGE");
		if (!ncc->has_service_endpoint || !has_storage || !ncc->target_region)
			continue;
		for (size_t f = 0; f < c->m->n_feeds; f++) {
			const struct dbx_feed *feed = &c->m->feeds[f];

			for (size_t k = 0; feed->kind == DBX_DOC_AZURE_TAGS && k < feed->n_tags;
			     k++)
				if (!strncasecmp(feed->tags[k].name, "Storage.", 8) &&
				    !strcasecmp(feed->tags[k].region, ncc->target_region))
					add_tag(&t, feed, &feed->tags[k]);
		}
	}
}

/* ---- destinations of the gateway document ---- */

static void add_dest(struct compiler *c, enum stage stage, uint32_t order,
		     const struct dbx_dest_set *s)
{
	struct user u = {.stage = stage, .order = order, .policy = NONE, .dest = s};
	struct tag_use t = {c, &u};

	u.keys = dbx_compile_keys(c, s->proto, s->ports, s->n_ports, &u.n_keys);
	if (s->n_prefixes) {
		u.set = new_set(c, DBX_SET_PREFIXES, s->label, &s->where);
		add_user(c, &u);
		for (size_t i = 0; i < s->n_prefixes; i++)
			add_prefix(c, u.set, &s->prefixes[i].prefix);
	}
	u.by_tag = true;
	for (size_t i = 0; i < s->n_tags; i++) {
		const struct dbx_tag_ref *r = &s->tags[i];

		if (dbx_model_find_tags(c->m, r->tag, r->cloud, add_tag, &t) > 0)
			continue;
		dbx_diag_add(
			c->d, DBX_SEV_ERROR, "missing-tag", dbx_model_doc_name(c->m, &r->where),
			r->where.ptr,
			"no loaded service-tag file has the tag \"%s\"%s%s; load the file that "
			"has it, or correct the name",
			r->tag, r->cloud ? " of cloud " : "", r->cloud ? r->cloud : "");
		dbx_compile_fail(c, -EINVAL);
	}
}

static void add_dests(struct compiler *c, enum stage stage, const struct dbx_dest_set *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_dest(c, stage, (uint32_t)i, &v[i]);
}

static void collect(struct compiler *c)
{
	const struct dbx_gateway *g = &c->m->gateway;

	add_builtins(c);
	add_own(c);
	for (size_t i = 0; i < c->m->n_policies; i++) {
		const struct dbx_policy *p = &c->m->policies[i];

		add_internet(c, (uint32_t)i, ST_BLOCKED_POLICY, p->blocked, p->n_blocked);
		add_internet(c, (uint32_t)i, ST_ALLOWED_POLICY, p->allowed, p->n_allowed);
	}
	make_tag_slots(c);
	if (c->err)
		return;
	add_dests(c, ST_BLOCKED_GATEWAY, g->blocked, g->n_blocked);
	add_dests(c, ST_PLATFORM, g->platform, g->n_platform);
	add_dests(c, ST_STORAGE, g->storage, g->n_storage);
	add_dests(c, ST_ALLOWED_GATEWAY, g->allowed, g->n_allowed);
	add_service_endpoints(c);
	if (c->opts->all_tags)
		add_all_tags(c);
}

static int cmp_user(const void *x, const void *y)
{
	const struct user *a = x, *b = y;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->stage != b->stage)
		return a->stage < b->stage ? -1 : 1;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->by_tag - b->by_tag;
}

static void index_users(struct compiler *c)
{
	size_t u = 0;

	if (c->users.n)
		qsort(c->users.v, c->users.n, sizeof(*c->users.v), cmp_user);
	c->users_of = calloc(c->sets.n + 1, sizeof(*c->users_of));
	if (!c->users_of) {
		dbx_compile_fail(c, -ENOMEM);
		return;
	}
	for (size_t s = 0; s <= c->sets.n; s++) {
		while (u < c->users.n && c->users.v[u].set < s)
			u++;
		c->users_of[s] = (uint32_t)u;
	}
}

/* ---- classes ---- */

static bool list_is(const struct compiler *c, uint32_t class_id, const uint32_t *list, size_t n)
{
	const struct dbx_img_class *k = &c->classes.v[class_id];

	return k->n == n && (!n || !memcmp(c->class_sets.v + k->first, list, n * sizeof(*list)));
}

static uint32_t new_class(struct compiler *c, const uint32_t *list, size_t n)
{
	struct dbx_img_class k = {(uint32_t)c->class_sets.n, (uint32_t)n};

	if (c->classes.n >= DBX_CLASSES_MAX) {
		if (!c->err)
			dbx_diag_add(c->d, DBX_SEV_ERROR, "does-not-fit", "", "",
				     "the documents divide the address space into more than %u "
				     "classes (combinations of named destinations); use fewer "
				     "distinct ranges: %zu destinations are named",
				     DBX_CLASSES_MAX, c->sets.n);
		dbx_compile_fail(c, -E2BIG);
		return 0;
	}
	if (dbx_vec_reserve(&c->class_sets, c->class_sets.n + n) || dbx_vec_push(&c->classes, k)) {
		dbx_compile_fail(c, -ENOMEM);
		return 0;
	}
	if (n)
		memcpy(c->class_sets.v + c->class_sets.n, list, n * sizeof(*list));
	c->class_sets.n += n;
	return (uint32_t)c->classes.n - 1;
}

static uint32_t intern_class(struct compiler *c, const uint32_t *list, size_t n)
{
	uint32_t id;
	uint64_t h;

	for (uint64_t seed = 0;; seed++) {
		h = dbx_hash64(list, n * sizeof(*list), seed);
		if (!dbx_idmap_get(&c->class_list, h, &id))
			break;
		if (list_is(c, id, list, n))
			return id;
	}
	id = new_class(c, list, n);
	if (!c->err && dbx_idmap_set(&c->class_list, h, id))
		dbx_compile_fail(c, -ENOMEM);
	return id;
}

/* The class of addresses of `outer` that also belong to the set. */
static uint32_t class_step(void *arg, uint32_t outer, uint32_t set)
{
	struct compiler *c = arg;
	uint64_t key = (uint64_t)outer << 32 | set;
	uint32_t id, *list;
	size_t n, at = 0;

	if (dbx_idmap_get(&c->class_step, key, &id))
		return id;
	n = c->classes.v[outer].n;
	list = malloc((n + 1) * sizeof(*list));
	if (!list) {
		dbx_compile_fail(c, -ENOMEM);
		return 0;
	}
	if (n)
		memcpy(list, c->class_sets.v + c->classes.v[outer].first, n * sizeof(*list));
	while (at < n && list[at] < set)
		at++;
	if (at == n || list[at] != set) {
		memmove(list + at + 1, list + at, (n - at) * sizeof(*list));
		list[at] = set;
		n++;
	}
	id = intern_class(c, list, n);
	free(list);
	if (!c->err && dbx_idmap_set(&c->class_step, key, id))
		dbx_compile_fail(c, -ENOMEM);
	return id;
}

static void put_sections(struct compiler *c)
{
	dbx_imgbuf_add(&c->b, DBX_SEC_SETS, c->sets.v, c->sets.n);
	dbx_imgbuf_add(&c->b, DBX_SEC_CLASSES, c->classes.v, c->classes.n);
	if (c->class_sets.n)
		dbx_imgbuf_add(&c->b, DBX_SEC_CLASS_SETS, c->class_sets.v, c->class_sets.n);
	dbx_imgbuf_dst4(&c->b, c->intervals[0].v, c->intervals[0].n);
	dbx_imgbuf_table(&c->b, DBX_SEC_DST6_ROOT, 1, c->intervals[1].v, c->intervals[1].n);
}

int dbx_compile_sets(struct compiler *c)
{
	collect(c);
	if (!c->err)
		index_users(c);
	if (!c->err)
		intern_class(c, NULL, 0); /* class 0: in no set */
	for (int f = 0; f < 2 && !c->err; f++)
		dbx_compile_sweep(c, &c->spans[f], class_step, c, &c->intervals[f]);
	if (c->err)
		return c->err;
	put_sections(c);
	c->stats->n_sets = (uint32_t)c->sets.n;
	c->stats->n_classes = (uint32_t)c->classes.n;
	c->stats->n_intervals4 = (uint32_t)c->intervals[0].n;
	c->stats->n_intervals6 = (uint32_t)c->intervals[1].n;
	return c->err;
}
