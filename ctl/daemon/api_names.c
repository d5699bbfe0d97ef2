// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_names.c -- GET names: what was learned, for whom, until when, and how often it was used; and
 * what is guarded.
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/namer_impl.h"
#include "lib/vec.h"

struct entry {
	uint64_t policy_uid, rule_uid, expires_ns;
	struct dbx_addr addr;
	char *name;
	bool is_guard;
	const char *policy, *ncc; /* ids, of the view */
};

struct entries {
	struct dbx_daemon *d;
	const struct dbx_view *view; /* or NULL */
	const char *policy, *name;   /* filters, "" = any */
	DBX_VEC(struct entry) v;
	int err;
};

static void collect(void *arg, const struct dbx_learned_name *l)
{
	struct entries *es = arg;
	struct entry e = {
		.policy_uid = l->policy_uid,
		.rule_uid = l->rule_uid,
		.expires_ns = l->expires_ns,
		.addr = l->addr,
		.is_guard = l->is_guard,
		.policy = "",
		.ncc = "",
	};

	if (es->view)
		dbx_names_scope(es->view->names, l->policy_uid, &e.policy, &e.ncc);
	if ((es->policy[0] && strcmp(es->policy, e.policy)) ||
	    (es->name[0] && strcmp(es->name, l->name)))
		return;
	e.name = strdup(l->name);
	if (e.name && !dbx_vec_push(&es->v, e))
		return;
	free(e.name);
	es->err = -ENOMEM;
}

static int by_name(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int c = strcmp(a->policy, b->policy);

	if (!c)
		c = strcmp(a->ncc, b->ncc);
	if (!c)
		c = strcmp(a->name, b->name);
	return c ? c : dbx_addr_cmp(&a->addr, &b->addr);
}

static void out_rule(void *arg, const struct dbx_rule_name *r)
{
	dbx_out_string(arg, "rule", r->text);
}

static void out_entry(struct dbx_daemon *d, struct dbx_strbuf *b, const struct entry *e)
{
	uint64_t now = dbx_namer_now();
	char text[DBX_ADDR_STRLEN];
	struct dbx_bound_key key;
	struct dbx_bound bound = {.hits = 0};

	dbx_namer_key(e->policy_uid, &e->addr, dbx_namer_hash(d->core.namer, e->name), &key);
	d->core.ops->bound_get(d->core.dp, &key, &bound);
	dbx_strbuf_addc(b, '{');
	dbx_out_string(b, "policy", e->policy[0] ? e->policy : NULL);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "ncc", e->ncc[0] ? e->ncc : NULL);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "kind", e->is_guard ? "guard" : "name");
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "name", e->name[0] ? e->name : NULL);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "address", dbx_addr_format(&e->addr, text));
	dbx_strbuf_addf(b, ",\"expires_in_s\":%" PRIu64 ",\"hits\":%" PRIu64 ",",
			e->expires_ns > now ? (e->expires_ns - now) / 1000000000u : 0,
			(uint64_t)bound.hits);
	if (dbx_store_rule(d->core.store, e->rule_uid, out_rule, b))
		dbx_strbuf_add(b, "\"rule\":null");
	dbx_strbuf_addc(b, '}');
}

void dbx_api_names(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	char policy[256] = "", name[256] = "";
	struct entries es = {.d = d, .policy = policy, .name = name};
	struct dbx_strbuf *b = &reply->body;

	dbx_query_get(req->query, "policy", policy, sizeof(policy));
	dbx_query_get(req->query, "name", name, sizeof(name));
	if (d->core.namer) {
		es.view = dbx_namer_view_get(d->core.namer);
		dbx_namer_each(d->core.namer, collect, &es);
	}
	if (es.v.n)
		qsort(es.v.v, es.v.n, sizeof(*es.v.v), by_name);
	dbx_strbuf_add(b, "{\"names\":[");
	for (size_t i = 0; i < es.v.n; i++) {
		dbx_strbuf_add(b, i ? "," : "");
		out_entry(d, b, &es.v.v[i]);
	}
	dbx_strbuf_add(b, "]}");
	if (es.view)
		dbx_namer_view_put(d->core.namer, es.view);
	if (es.err)
		b->err = es.err;
	dbx_vec_for_each(&es.v, e)
		free(e->name);
	dbx_vec_fini(&es.v);
}
