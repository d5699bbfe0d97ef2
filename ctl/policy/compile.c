/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile.c -- model to policy image: the passes, and the sweep that they share.
 */
#include "policy/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_outcome.h"

int dbx_compile_fail(struct compiler *c, int err)
{
	if (!c->err)
		c->err = err;
	return c->err;
}

static dbx_wide wide(const struct dbx_addr *a)
{
	struct dbx_u128 n = dbx_addr_to_u128(a);

	return (dbx_wide)n.hi << 64 | n.lo;
}

struct span dbx_compile_span(const struct dbx_prefix *p, uint32_t value)
{
	struct dbx_addr last = dbx_prefix_last(p);

	return (struct span){wide(&p->addr), wide(&last), value};
}

/* ---- sweep ---- */

/* A container before what it contains; equal spans by value, so that the result is always the same. */
static int cmp_span(const void *x, const void *y)
{
	const struct span *a = x, *b = y;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return a->value < b->value ? -1 : a->value > b->value;
}

static void sort_spans(struct spans *s)
{
	for (size_t i = 1; i < s->n; i++) {
		if (cmp_span(&s->v[i - 1], &s->v[i]) > 0) {
			qsort(s->v, s->n, sizeof(*s->v), cmp_span);
			return;
		}
	}
}

struct open_span {
	dbx_wide last;
	uint32_t value;
};

/* From `first` on the value is this one; a boundary that changes nothing is left out. */
static int mark(struct intervals *out, dbx_wide first, uint32_t value)
{
	if (out->n && out->v[out->n - 1].first == first)
		out->n--;
	if (out->n && out->v[out->n - 1].value == value)
		return 0;
	return dbx_vec_push(out, (struct dbx_interval){first, value});
}

int dbx_compile_sweep(struct compiler *c, struct spans *spans, dbx_sweep_step step, void *arg,
		      struct intervals *out)
{
	struct open_span open[130]; /* lengths 0..128 nest, and equal ones replace their place */
	size_t depth = 0;
	int rc;

	sort_spans(spans);
	rc = mark(out, 0, 0);
	for (size_t i = 0; i <= spans->n && !rc && !c->err; i++) {
		const struct span *s = i < spans->n ? &spans->v[i] : NULL;
		uint32_t value;

		while (depth && !rc && (!s || open[depth - 1].last < s->first)) {
			dbx_wide next = open[--depth].last + 1;

			/* next is 0 past the end of IPv6; past that of IPv4 nobody asks */
			if (next)
				rc = mark(out, next, depth ? open[depth - 1].value : 0);
		}
		if (!s || rc)
			continue;
		value = step(arg, depth ? open[depth - 1].value : 0, s->value);
		if (!depth || open[depth - 1].last != s->last)
			depth++;
		open[depth - 1] = (struct open_span){s->last, value};
		rc = mark(out, s->first, value);
	}
	return rc ? dbx_compile_fail(c, rc) : c->err;
}

/* ---- tables for people ---- */

static void put_interfaces(struct compiler *c)
{
	const struct dbx_gateway *g = &c->m->gateway;

	for (size_t i = 0; i < g->n_interfaces; i++) {
		struct dbx_img_interface e = {
			.name = dbx_imgbuf_string(&c->b, g->interfaces[i].name)};

		dbx_imgbuf_add(&c->b, DBX_SEC_INTERFACES, &e, 1);
	}
}

static uint32_t count_names(const struct dbx_policy *p)
{
	size_t n = p->n_storage;

	for (size_t i = 0; i < p->n_allowed; i++)
		n += p->allowed[i].type == DBX_DEST_DNS_NAME;
	for (size_t i = 0; i < p->n_blocked; i++)
		n += p->blocked[i].type == DBX_DEST_DNS_NAME;
	return (uint32_t)n;
}

/* Entries that decide by name alone: the rules that their flows are counted by. */
static void put_name_rules(struct compiler *c)
{
	const struct dbx_gateway *g = &c->m->gateway;

	for (size_t i = 0; i < c->m->n_policies; i++) {
		const struct dbx_policy *p = &c->m->policies[i];

		for (size_t k = 0; k < p->n_allowed; k++)
			if (p->allowed[k].type == DBX_DEST_DNS_NAME)
				dbx_compile_internet_rule(c, p, &p->allowed[k], false);
		for (size_t k = 0; k < p->n_blocked; k++)
			if (p->blocked[k].type == DBX_DEST_DNS_NAME)
				dbx_compile_internet_rule(c, p, &p->blocked[k], true);
		for (size_t k = 0; k < p->n_storage; k++)
			dbx_compile_storage_rule(c, p, &p->storage[k]);
	}
	for (size_t i = 0; i < g->n_platform; i++)
		if (g->platform[i].n_names)
			dbx_compile_dest_rule(c, DBX_LIST_PLATFORM, &g->platform[i]);
	for (size_t i = 0; i < g->n_storage; i++)
		if (g->storage[i].n_names)
			dbx_compile_dest_rule(c, DBX_LIST_STORAGE, &g->storage[i]);
	for (size_t i = 0; i < g->n_allowed; i++)
		if (g->allowed[i].n_names)
			dbx_compile_dest_rule(c, DBX_LIST_ALLOWED, &g->allowed[i]);
	for (size_t i = 0; i < g->n_blocked; i++)
		if (g->blocked[i].n_names)
			dbx_compile_dest_rule(c, DBX_LIST_BLOCKED, &g->blocked[i]);
}

static void put_policies(struct compiler *c)
{
	for (size_t i = 0; i < c->m->n_policies; i++) {
		const struct dbx_policy *p = &c->m->policies[i];
		struct dbx_img_policy e = {
			.id = dbx_imgbuf_string(&c->b, p->id),
			.mode = p->mode,
			.enforcement = p->enforcement,
			.n_names = count_names(p),
		};

		c->stats->n_names += e.n_names;
		dbx_imgbuf_add(&c->b, DBX_SEC_POLICIES, &e, 1);
	}
	for (size_t i = 0; i < c->m->n_nccs; i++) {
		struct dbx_img_ncc e = {
			.id = dbx_imgbuf_string(&c->b, c->m->nccs[i].id),
			.name = dbx_imgbuf_string(&c->b, c->m->nccs[i].name),
		};

		dbx_imgbuf_add(&c->b, DBX_SEC_NCCS, &e, 1);
	}
	c->stats->n_policies = (uint32_t)c->m->n_policies;
}

/* ---- all of it ---- */

static void fini(struct compiler *c)
{
	for (size_t i = 0; i < c->keys.n; i++)
		free(c->keys.v[i]);
	dbx_vec_fini(&c->keys);
	for (size_t i = 0; c->tag_set && i < c->m->n_feeds; i++)
		free(c->tag_set[i]);
	free(c->tag_set);
	free(c->users_of);
	dbx_vec_fini(&c->sets);
	dbx_vec_fini(&c->users);
	for (int f = 0; f < 2; f++) {
		dbx_vec_fini(&c->spans[f]);
		dbx_vec_fini(&c->intervals[f]);
	}
	dbx_vec_fini(&c->classes);
	dbx_vec_fini(&c->class_sets);
	dbx_vec_fini(&c->profiles);
	dbx_idmap_fini(&c->class_step);
	dbx_idmap_fini(&c->class_list);
	dbx_idmap_fini(&c->profile_of);
	dbx_idmap_fini(&c->rule_of);
	dbx_idmap_fini(&c->outcome_of);
	dbx_idmap_fini(&c->row_of);
	dbx_strbuf_fini(&c->text);
	dbx_imgbuf_fini(&c->b);
}

static int finish(struct compiler *c, void **image, size_t *n_bytes)
{
	int rc = dbx_imgbuf_finish(&c->b, c->opts->generation, (uint32_t)c->classes.n, image,
				   n_bytes, &c->stats->kernel_bytes);

	c->stats->image_bytes = rc ? 0 : *n_bytes;
	if (rc == -E2BIG)
		dbx_diag_add(c->d, DBX_SEV_ERROR, "does-not-fit", "", "",
			     "the documents need more %s than a policy image can hold (%u)",
			     c->b.what_full, DBX_REF_MASK);
	return rc;
}

int dbx_compile(const struct dbx_model *m, const struct dbx_compile_opts *opts, void **image,
		size_t *n_bytes, struct dbx_compile_stats *stats, struct dbx_diag *d)
{
	struct dbx_compile_stats none;
	struct compiler c = {.m = m, .opts = opts, .stats = stats ? stats : &none, .d = d};
	int rc;

	memset(c.stats, 0, sizeof(*c.stats));
	dbx_strbuf_init(&c.text);
	rc = dbx_imgbuf_init(&c.b);
	if (!rc)
		rc = dbx_compile_sets(&c);
	if (!rc)
		rc = dbx_compile_sources(&c);
	if (!rc)
		rc = dbx_compile_rules(&c);
	if (!rc) {
		put_interfaces(&c);
		put_policies(&c);
		put_name_rules(&c);
		dbx_compile_limits(&c);
		rc = dbx_compile_name_ports(&c);
	}
	if (!rc)
		rc = dbx_compile_tunnels(&c);
	if (!rc)
		rc = finish(&c, image, n_bytes);
	fini(&c);
	return rc;
}
