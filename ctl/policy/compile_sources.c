/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_sources.c -- source prefixes to bindings, and addresses to the bindings that hold them.
 *
 * An owner is the list of (domain, binding) pairs of an address: in each domain the longest prefix
 * has it. Owners are interned like classes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_priv.h"

#define CLUSTER_NOBODY  UINT32_MAX
#define BINDING_GATEWAY UINT32_MAX /* no binding: the gateway's own address, in every domain */

struct owned {
	uint32_t domain, binding;
};

struct owners {
	struct compiler *c;
	DBX_VEC(struct owned) pairs;
	DBX_VEC(struct dbx_img_class) lists; /* first, n: into pairs. Owner 0 is empty */
	DBX_VEC(uint32_t) refs;              /* of each owner: its run */
	struct dbx_idmap step, list;
	DBX_VEC(const struct dbx_source *) sources; /* of each binding */
	DBX_VEC(uint32_t) workspaces;               /* of each binding */
};

/* What the sources of a workspace have in common. */
struct shared {
	struct dbx_img_workspace iw;
	struct dbx_clusters clusters;
	uint64_t policy_uid;
	uint32_t quota;
	uint8_t flags; /* DBX_BINDING_F_* */
};

static uint32_t profile_of(struct compiler *c, uint32_t policy, uint32_t ncc, bool is_isolated)
{
	struct profile p = {policy, ncc, is_isolated};
	/* NONE becomes 0; an index of a model has fewer than 31 bits */
	uint64_t key = (uint64_t)(policy + 1) << 33 | (uint64_t)(ncc + 1) << 1 | is_isolated;
	uint32_t id;

	if (dbx_idmap_get(&c->profile_of, key, &id))
		return id;
	id = (uint32_t)c->profiles.n;
	if (dbx_vec_push(&c->profiles, p) || dbx_idmap_set(&c->profile_of, key, id))
		dbx_compile_fail(c, -ENOMEM);
	return id;
}

/* Egress-model 1.6: dry-run for every product, or for those of the filter. */
static bool is_dry_run(const struct dbx_policy *p, int product)
{
	if (!p || p->enforcement != DBX_DRY_RUN)
		return false;
	if (!p->dry_run_filter)
		return true;
	return (product == DBX_PRODUCT_DBSQL && (p->dry_run_filter & DBX_FILTER_DBSQL)) ||
	       (product == DBX_PRODUCT_ML_SERVING && (p->dry_run_filter & DBX_FILTER_ML_SERVING));
}

static void add_binding(struct owners *o, const struct dbx_workspace *w, uint32_t index,
			const struct shared *all, const struct dbx_source *s)
{
	const struct dbx_img_workspace *iw = &all->iw;
	struct compiler *c = o->c;
	int product = s->product >= 0 ? s->product : (int)w->product;
	struct dbx_binding b = {
		.workspace_id = (uint64_t)w->id,
		.workspace = index,
		.profile = iw->profile,
		.policy = iw->policy,
		.domain = s->domain,
		.port = s->interface ? dbx_port_hash(s->interface) : 0,
		.product = (uint8_t)product,
		.flags = all->flags,
		.policy_uid = all->policy_uid,
		.quota = all->quota,
		.cluster = dbx_compile_cluster(&all->clusters, s->cluster),
	};

	if (iw->policy != NONE && is_dry_run(&c->m->policies[iw->policy], product))
		b.flags |= DBX_BINDING_F_DRY_RUN;
	if (s->has_mac) {
		b.flags |= DBX_BINDING_F_MAC;
		memcpy(b.mac, s->mac, sizeof(b.mac));
	}
	dbx_imgbuf_add(&c->b, DBX_SEC_BINDINGS, &b, 1);
	if (dbx_vec_push(&o->sources, s) || dbx_vec_push(&o->workspaces, index))
		dbx_compile_fail(c, -ENOMEM);
}

static void add_workspaces(struct owners *o)
{
	struct compiler *c = o->c;
	const struct dbx_gateway *g = &c->m->gateway;

	for (size_t i = 0; i < g->n_workspaces; i++) {
		const struct dbx_workspace *w = &g->workspaces[i];
		const struct dbx_policy *p = dbx_model_policy_of(c->m, w->id, NULL);
		const struct dbx_ncc *n = dbx_model_ncc_of(c->m, w->id);
		struct shared all = {
			.iw.id = (uint64_t)w->id,
			.iw.name = dbx_imgbuf_string(&c->b, w->name),
			.iw.policy = p ? (uint32_t)(p - c->m->policies) : NONE,
			.iw.ncc = n ? (uint32_t)(n - c->m->nccs) : NONE,
			.policy_uid = p ? dbx_scope_uid(p->id, dbx_model_scope_ncc(c->m, n)) : 0,
			.quota = dbx_compile_quota(c, w),
			.flags = (dbx_compile_is_rejected(c, p) ? DBX_BINDING_F_REJECT : 0) |
				 (w->separate_clusters ? DBX_BINDING_F_CLUSTER : 0),
		};

		all.iw.profile = profile_of(c, all.iw.policy, all.iw.ncc, w->isolated);
		dbx_imgbuf_add(&c->b, DBX_SEC_WORKSPACES, &all.iw, 1);
		if (dbx_compile_clusters(w, &all.clusters))
			dbx_compile_fail(c, -ENOMEM);
		for (size_t k = 0; k < w->n_sources; k++)
			add_binding(o, w, (uint32_t)i, &all, &w->sources[k]);
		free(all.clusters.v);
	}
}

/* ---- owners ---- */

static uint32_t intern_owner(struct owners *o, const struct owned *v, size_t n)
{
	struct dbx_img_class k = {(uint32_t)o->pairs.n, (uint32_t)n};
	uint32_t id;
	uint64_t h;

	for (uint64_t seed = 0;; seed++) {
		const struct dbx_img_class *l;

		h = dbx_hash64(v, n * sizeof(*v), seed);
		if (!dbx_idmap_get(&o->list, h, &id))
			break;
		l = &o->lists.v[id];
		if (l->n == n && (!n || !memcmp(o->pairs.v + l->first, v, n * sizeof(*v))))
			return id;
	}
	id = (uint32_t)o->lists.n;
	if (dbx_vec_reserve(&o->pairs, o->pairs.n + n) || dbx_vec_push(&o->lists, k) ||
	    dbx_idmap_set(&o->list, h, id)) {
		dbx_compile_fail(o->c, -ENOMEM);
		return 0;
	}
	if (n)
		memcpy(o->pairs.v + o->pairs.n, v, n * sizeof(*v));
	o->pairs.n += n;
	return id;
}

static void claimed_twice(struct owners *o, uint32_t a, uint32_t b)
{
	const struct dbx_gateway *g = &o->c->m->gateway;
	char text[DBX_PREFIX_STRLEN];

	dbx_diag_add(o->c->d, DBX_SEV_ERROR, "source-claimed-twice",
		     dbx_model_doc_name(o->c->m, &o->sources.v[b]->where),
		     o->sources.v[b]->where.ptr,
		     "source %s is claimed by workspace %lld and by workspace %lld in the same "
		     "domain; a source belongs to one",
		     dbx_prefix_format(&o->sources.v[b]->prefix, text),
		     (long long)g->workspaces[o->workspaces.v[a]].id,
		     (long long)g->workspaces[o->workspaces.v[b]].id);
	dbx_compile_fail(o->c, -EINVAL);
}

/* The owner of addresses of `outer` that also belong to the (longer) prefix of a binding. */
static uint32_t owner_step(void *arg, uint32_t outer, uint32_t binding)
{
	struct owners *o = arg;
	struct compiler *c = o->c;
	uint64_t key = (uint64_t)outer << 32 | binding;
	size_t n = o->lists.v[outer].n, at = 0;
	struct owned mine, *v;
	uint32_t id;

	if (binding == BINDING_GATEWAY)
		return 0;
	mine = (struct owned){o->sources.v[binding]->domain, binding};
	if (dbx_idmap_get(&o->step, key, &id))
		return id;
	v = malloc((n + 1) * sizeof(*v));
	if (!v) {
		dbx_compile_fail(c, -ENOMEM);
		return 0;
	}
	if (n)
		memcpy(v, o->pairs.v + o->lists.v[outer].first, n * sizeof(*v));
	while (at < n && v[at].domain < mine.domain)
		at++;
	if (at < n && v[at].domain == mine.domain) {
		if (!dbx_prefix_cmp(&o->sources.v[v[at].binding]->prefix,
				    &o->sources.v[binding]->prefix))
			claimed_twice(o, v[at].binding, binding);
	} else {
		memmove(v + at + 1, v + at, (n - at) * sizeof(*v));
		n++;
	}
	v[at] = mine;
	id = intern_owner(o, v, n);
	free(v);
	if (!c->err && dbx_idmap_set(&o->step, key, id))
		dbx_compile_fail(c, -ENOMEM);
	return id;
}

/*
 * Binding + 1 of a sole owner, seen from a domain where nobody has the address; 0: there are several.
 * When clusters that are kept apart have the address, it is in none that anybody is in.
 */
static uint32_t sole_owner(struct owners *o, const struct owned *v, size_t n)
{
	struct dbx_imgbuf *b = &o->c->b;
	struct dbx_binding first, other;
	bool has_several = false;

	if (!n || o->c->err || b->err)
		return 0;
	memcpy(&first, dbx_imgbuf_at(b, DBX_SEC_BINDINGS, v[0].binding), sizeof(first));
	for (size_t i = 1; i < n; i++) {
		memcpy(&other, dbx_imgbuf_at(b, DBX_SEC_BINDINGS, v[i].binding), sizeof(other));
		if (other.workspace != first.workspace)
			return 0;
		has_several |= other.cluster != first.cluster;
	}
	if (!has_several || !(first.flags & DBX_BINDING_F_CLUSTER))
		return v[0].binding + 1;
	first.cluster = CLUSTER_NOBODY;
	return dbx_imgbuf_add(b, DBX_SEC_BINDINGS, &first, 1) + 1;
}

/* The run of an owner: domain -> binding + 1, and at DBX_DOMAIN_ANY the sole owner's. */
static uint32_t owner_run(struct owners *o, const struct owned *v, size_t n)
{
	struct dbx_run32 *run = malloc((2 * n + 2) * sizeof(*run));
	uint32_t any = sole_owner(o, v, n), ref;
	size_t k = 0;

	if (!run) {
		dbx_compile_fail(o->c, -ENOMEM);
		return 0;
	}
	if (!n || v[0].domain)
		run[k++] = (struct dbx_run32){0, DBX_LEAF};
	for (size_t i = 0; i < n; i++) {
		run[k++] = (struct dbx_run32){v[i].domain, DBX_LEAF | (v[i].binding + 1)};
		if (i + 1 == n || v[i + 1].domain != v[i].domain + 1)
			run[k++] = (struct dbx_run32){v[i].domain + 1, DBX_LEAF};
	}
	run[k++] = (struct dbx_run32){DBX_DOMAIN_ANY, DBX_LEAF | any};
	ref = dbx_imgbuf_run32(&o->c->b, run, k);
	free(run);
	return ref;
}

static void make_runs(struct owners *o)
{
	for (size_t i = 0; i < o->lists.n && !o->c->err; i++) {
		const struct dbx_img_class *l = &o->lists.v[i];
		uint32_t ref = l->n ? owner_run(o, o->pairs.v + l->first, l->n) : 0;

		if (dbx_vec_push(&o->refs, ref))
			dbx_compile_fail(o->c, -ENOMEM);
	}
}

/*
 * Each address has a span, which comes behind those of all prefixes that it is in, its own length's
 * too: what a workload sends in the gateway's name is nobody's.
 */
static void cut_gateway(struct owners *o, struct spans spans[2])
{
	const struct dbx_gateway *g = &o->c->m->gateway;

	for (size_t i = 0; i < g->n_addresses; i++) {
		const struct dbx_prefix *p = &g->addresses[i].prefix;

		if (dbx_vec_push(&spans[p->addr.is_v6], dbx_compile_span(p, BINDING_GATEWAY)))
			dbx_compile_fail(o->c, -ENOMEM);
	}
}

static void make_tables(struct owners *o)
{
	static const enum dbx_section_id roots[] = {DBX_SEC_SRC4_ROOT, DBX_SEC_SRC6_ROOT};
	struct compiler *c = o->c;
	struct intervals iv[2] = {0};
	struct spans spans[2] = {0};

	for (uint32_t i = 0; i < o->sources.n; i++) {
		const struct dbx_prefix *p = &o->sources.v[i]->prefix;

		if (dbx_vec_push(&spans[p->addr.is_v6], dbx_compile_span(p, i)))
			dbx_compile_fail(c, -ENOMEM);
	}
	cut_gateway(o, spans);
	intern_owner(o, NULL, 0);
	for (int f = 0; f < 2 && !c->err; f++)
		dbx_compile_sweep(c, &spans[f], owner_step, o, &iv[f]);
	if (!c->err)
		make_runs(o);
	for (int f = 0; f < 2 && !c->err; f++) {
		for (size_t i = 0; i < iv[f].n; i++)
			iv[f].v[i].value = o->refs.v[iv[f].v[i].value];
		dbx_imgbuf_table(&c->b, roots[f], f, iv[f].v, iv[f].n);
	}
	for (int f = 0; f < 2; f++) {
		dbx_vec_fini(&spans[f]);
		dbx_vec_fini(&iv[f]);
	}
}

int dbx_compile_sources(struct compiler *c)
{
	struct owners o = {.c = c};

	add_workspaces(&o);
	if (!c->err)
		make_tables(&o);
	c->stats->n_sources = (uint32_t)o.sources.n;
	c->stats->n_workspaces = (uint32_t)c->m->gateway.n_workspaces;
	c->stats->n_profiles = (uint32_t)c->profiles.n;
	dbx_vec_fini(&o.pairs);
	dbx_vec_fini(&o.lists);
	dbx_vec_fini(&o.refs);
	dbx_vec_fini(&o.sources);
	dbx_vec_fini(&o.workspaces);
	dbx_idmap_fini(&o.step);
	dbx_idmap_fini(&o.list);
	return c->err;
}
