/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_paths.c -- by which marks a profile's packets leave, whether resources of its NCC may only be
 * reached privately, and what a workspace's sources have in common: quota, answers, clusters.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_row.h"

void dbx_compile_marks(struct compiler *c, const struct profile *p, uint32_t marks[3])
{
	const char *ncc = p->ncc == NONE ? NULL : c->m->nccs[p->ncc].id;
	const enum dbx_path paths[3] = {
		DBX_PATH_PRIVATE_ENDPOINT,
		p->is_isolated ? DBX_PATH_FIREWALL : DBX_PATH_SERVICE_ENDPOINT,
		p->is_isolated ? DBX_PATH_FIREWALL : DBX_PATH_NAT,
	};

	for (int i = 0; i < 3; i++)
		marks[i] = dbx_model_route_mark(c->m, dbx_model_route(c->m, paths[i], ncc));
}

/* ---- guards ---- */

bool dbx_compile_has_guards(const struct compiler *c, const struct dbx_ncc *ncc)
{
	const struct dbx_model *m = c->m;

	for (size_t i = 0; ncc && i < m->n_pe_rules; i++) {
		if (dbx_model_pe_guards(m, &m->pe_rules[i], ncc))
			return true;
	}
	return false;
}

/* ---- workspaces ---- */

uint32_t dbx_compile_quota(struct compiler *c, const struct dbx_workspace *w)
{
	const struct dbx_quota_limits *q = w->quota.has ? &w->quota : &c->m->gateway.default_quota;
	struct dbx_quota out = {
		.workspace_id = (uint64_t)w->id,
		.bytes_per_s = q->bytes_per_s,
		.flows_per_s = q->flows_per_s,
		.burst_ms = q->burst_ms,
	};

	if (!q->has || (!q->bytes_per_s && !q->flows_per_s))
		return 0;
	return dbx_imgbuf_add(&c->b, DBX_SEC_QUOTAS, &out, 1) + 1;
}

bool dbx_compile_is_rejected(const struct compiler *c, const struct dbx_policy *p)
{
	const struct dbx_reject *r = &c->m->gateway.reject;

	if (!r->has || !r->n_policy_ids)
		return r->has;
	for (size_t i = 0; p && i < r->n_policy_ids; i++)
		if (!strcmp(r->policy_ids[i], p->id))
			return true;
	return false;
}

static int cmp_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

int dbx_compile_clusters(const struct dbx_workspace *w, struct dbx_clusters *out)
{
	const char **v = calloc(w->n_sources + 1, sizeof(*v));
	size_t n = 0, n_unique = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i].cluster)
			v[n++] = w->sources[i].cluster;
	if (n)
		qsort(v, n, sizeof(*v), cmp_name);
	for (size_t i = 0; i < n; i++)
		if (!n_unique || strcmp(v[n_unique - 1], v[i]))
			v[n_unique++] = v[i];
	*out = (struct dbx_clusters){v, n_unique};
	return 0;
}

uint32_t dbx_compile_cluster(const struct dbx_clusters *k, const char *name)
{
	const char **at = NULL;

	if (name && k->n)
		at = bsearch(&name, k->v, k->n, sizeof(*k->v), cmp_name);
	return at ? (uint32_t)(at - k->v) + 1 : 0;
}

void dbx_compile_limits(struct compiler *c)
{
	const struct dbx_gateway *g = &c->m->gateway;

	c->b.hdr.reject_per_s = g->reject.has ? g->reject.per_second : 0;
	if (g->forward.has && g->forward.n_interfaces)
		c->b.hdr.name_flags |= DBX_IMAGE_F_FORWARD;
	if (g->log.denied_off)
		c->b.hdr.name_flags |= DBX_IMAGE_F_QUIET;
	if (g->log.allowed == DBX_LOG_ALLOWED_FIRST)
		c->b.hdr.name_flags |= DBX_IMAGE_F_FIRST;
	if (g->log.allowed != DBX_LOG_ALLOWED_SAMPLED)
		return;
	c->b.hdr.name_flags |= DBX_IMAGE_F_SAMPLED;
	c->b.hdr.sample_per_million = g->log.sample_per_million;
}
