/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * core_names.c -- the part of a generation that the resolver sees.
 */
#include "daemon/core_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "lib/vec.h"

static void release(struct dbx_view_parts *p)
{
	dbx_names_free(&p->names);
	dbx_model_free(&p->model);
	free(p->image);
	memset(p, 0, sizeof(*p));
}

/* The options alone: what the resolver may read of the gateway document. */
static int copy_options(const struct dbx_gateway *from, struct dbx_gateway *to)
{
	const struct dbx_dns_options *dns = &from->dns;

	to->dns = *dns;
	to->dns.upstreams = NULL;
	to->dns.n_upstreams = 0;
	to->dns.extra = NULL;
	to->dns.where.ptr = NULL;
	to->names.quic = from->names.quic;
	to->names.ech_deny = from->names.ech_deny;
	if (!dns->n_upstreams)
		return 0;
	to->dns.upstreams = calloc(dns->n_upstreams, sizeof(*dns->upstreams));
	if (!to->dns.upstreams)
		return -ENOMEM;
	to->dns.n_upstreams = dns->n_upstreams;
	for (size_t i = 0; i < dns->n_upstreams; i++) {
		to->dns.upstreams[i] = dns->upstreams[i];
		to->dns.upstreams[i].where.ptr = NULL;
	}
	return 0;
}

static int copy_image(const struct dbx_built *b, struct dbx_view_parts *out)
{
	size_t n = (size_t)b->img.hdr->n_kernel_chunks << DBX_CHUNK_SHIFT;

	out->image = malloc(n);
	if (!out->image)
		return -ENOMEM;
	memcpy(out->image, b->mem, n);
	out->img = (struct dbx_image){out->image, n, out->image};
	out->generation = b->img.hdr->generation;
	return 0;
}

int dbx_core_view_build(const struct dbx_model *m, const struct dbx_built *b,
			struct dbx_view_parts *out, struct dbx_fail *f)
{
	struct dbx_view_parts p = {.release = release, .model = dbx_model_new()};
	int rc = p.model ? copy_options(&m->gateway, &p.model->gateway) : -ENOMEM;

	if (!rc)
		p.model->has_gateway = m->has_gateway;
	if (!rc)
		rc = dbx_names_new(m, &p.names);
	if (!rc)
		rc = copy_image(b, &p);
	if (rc) {
		release(&p);
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "building the index of names: %s",
				    strerror(-rc));
	}
	*out = p;
	return 0;
}

/* ---- start ---- */

int dbx_core_names_open(struct dbx_core *c, struct dbx_fail *f)
{
	const struct dbx_namer_opts o = {.ops = c->ops, .dp = c->dp};
	int rc;

	if (!c->ops->secret)
		return 0;
	rc = dbx_namer_new(&c->namer, &o);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "reading the secret of names: %s",
				    strerror(-rc));
	return 0;
}

struct row {
	uint64_t policy_uid;
	struct dbx_addr addr;
	char *name;
};

struct rows {
	struct dbx_namer *namer;
	DBX_VEC(struct row) v;
	size_t n_known;
	int err;
};

static void rows_fini(struct rows *r)
{
	dbx_vec_for_each(&r->v, e)
		free(e->name);
	dbx_vec_fini(&r->v);
}

static void rows_add(struct rows *r, uint64_t policy_uid, const struct dbx_addr *addr,
		     const char *name)
{
	struct row row = {policy_uid, *addr, strdup(name)};

	if (row.name && !dbx_vec_push(&r->v, row))
		return;
	free(row.name);
	r->err = -ENOMEM;
}

/* Rows that the data plane no longer knows are gathered, to be removed. */
static int restore_row(void *arg, uint64_t policy_uid, const struct dbx_addr *addr,
		       const char *name)
{
	struct rows *r = arg;

	if (dbx_namer_restore(r->namer, policy_uid, addr, name))
		rows_add(r, policy_uid, addr, name);
	else
		r->n_known++;
	return 0;
}

static int check_row(void *arg, uint64_t policy_uid, const struct dbx_addr *addr, const char *name)
{
	struct rows *r = arg;

	if (!dbx_namer_has(r->namer, policy_uid, addr, name))
		rows_add(r, policy_uid, addr, name);
	return 0;
}

static int write_rows(struct dbx_core *c, const struct rows *fresh, const struct rows *stale,
		      struct dbx_fail *f)
{
	int rc;

	if (!fresh->v.n && !stale->v.n)
		return 0;
	rc = dbx_store_begin(c->store, f);
	if (rc)
		return rc;
	for (size_t i = 0; i < stale->v.n && !rc; i++)
		rc = dbx_store_remove_learned(c->store, stale->v.v[i].policy_uid,
					      &stale->v.v[i].addr, stale->v.v[i].name, f);
	for (size_t i = 0; i < fresh->v.n && !rc; i++)
		rc = dbx_store_put_learned(c->store, fresh->v.v[i].policy_uid, &fresh->v.v[i].addr,
					   fresh->v.v[i].name, f);
	if (!rc)
		rc = dbx_store_commit(c->store, f);
	if (rc)
		dbx_store_abort(c->store);
	return rc;
}

int dbx_core_names_restore(struct dbx_core *c, struct dbx_fail *f)
{
	struct rows none = {.err = 0}, stale = {.namer = c->namer};
	struct dbx_view_parts parts;
	int rc;

	if (!c->namer)
		return 0;
	rc = dbx_store_each_learned(c->store, restore_row, &stale, f);
	if (!rc)
		rc = dbx_namer_restore_rest(c->namer);
	if (!rc)
		rc = dbx_core_view_build(c->model, &c->now, &parts, f);
	if (!rc) {
		parts.generation = c->generation;
		dbx_namer_settle(c->namer, &parts);
		dbx_log_info("%zu learned names are known from before", stale.n_known);
	}
	if (!rc && write_rows(c, &none, &stale, f))
		dbx_log_warning("forgetting learned names: %s", f->text);
	rows_fini(&stale);
	return rc;
}

/* ---- saving ---- */

static int gather_unsaved(void *arg, const struct dbx_learned_name *l)
{
	struct rows *r = arg;

	rows_add(r, l->policy_uid, &l->addr, l->name);
	return r->err;
}

int dbx_core_names_save(struct dbx_core *c, bool all, struct dbx_fail *f)
{
	struct rows fresh = {.namer = c->namer}, stale = {.namer = c->namer};
	int rc = 0;

	if (!c->namer)
		return 0;
	dbx_namer_take_unsaved(c->namer, gather_unsaved, &fresh);
	if (all)
		rc = dbx_store_each_learned(c->store, check_row, &stale, f);
	if (!rc)
		rc = write_rows(c, &fresh, &stale, f);
	if (rc || fresh.err)
		dbx_namer_unsave(c->namer);
	rows_fini(&fresh);
	rows_fini(&stale);
	return rc;
}
