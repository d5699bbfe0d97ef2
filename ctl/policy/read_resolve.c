/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_resolve.c -- what no single document can tell: ids given twice, references to nothing,
 * sources that two workspaces claim.
 */
#include "policy/read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/hash.h"
#include "policy/model_index.h"
#include "policy/read_resolve.h"

void dbx_resolve_tell(struct dbx_resolver *rs, enum dbx_severity sev, const struct dbx_where *w,
		      const char *leaf, const char *code, const char *fmt, ...)
{
	char *text = NULL, *ptr = NULL;
	va_list ap;

	rs->n_errors += sev == DBX_SEV_ERROR;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (asprintf(&ptr, "%s%s", w->ptr ? w->ptr : "", leaf) < 0)
		ptr = NULL;
	dbx_diag_add(rs->d, sev, code, dbx_model_doc_name(rs->m, w), ptr, "%s",
		     text ? text : "(out of memory)");
	free(text);
	free(ptr);
}

const char *dbx_resolve_place(const struct dbx_resolver *rs, const struct dbx_where *w,
			      char buf[2 * RD_QUOTE_SIZE])
{
	char q[RD_QUOTE_SIZE];

	dbx_rd_quote(dbx_model_doc_name(rs->m, w), q);
	snprintf(buf, 2 * RD_QUOTE_SIZE, "%s%s%.100s", q, w->ptr && w->ptr[0] ? " at " : "",
		 w->ptr ? w->ptr : "");
	return buf;
}

/* ---- ids given twice ---- */

int dbx_resolve_see(struct dbx_strmap *seen, const char *key, size_t i, bool *again,
		    uint64_t *first)
{
	int rc = key ? dbx_strmap_put(seen, key, i) : 0;

	*again = rc == -EEXIST && dbx_strmap_get(seen, key, first);
	return rc == -EEXIST ? 0 : rc;
}

static const char *policy_key(const void *v, char buf[RD_QUOTE_SIZE])
{
	(void)buf;
	return ((const struct dbx_policy *)v)->id;
}

static const char *ncc_key(const void *v, char buf[RD_QUOTE_SIZE])
{
	(void)buf;
	return ((const struct dbx_ncc *)v)->id;
}

static const char *option_key(const void *v, char buf[RD_QUOTE_SIZE])
{
	snprintf(buf, RD_QUOTE_SIZE, "%" PRId64, ((const struct dbx_ws_option *)v)->workspace_id);
	return buf;
}

static const char *binding_key(const void *v, char buf[RD_QUOTE_SIZE])
{
	snprintf(buf, RD_QUOTE_SIZE, "%" PRId64, ((const struct dbx_ncc_binding *)v)->workspace_id);
	return buf;
}

static const char *feed_key(const void *v, char buf[RD_QUOTE_SIZE])
{
	const struct dbx_feed *f = v;

	snprintf(buf, RD_QUOTE_SIZE, "%s %.60s", dbx_doc_kind_name(f->kind), f->cloud);
	for (char *c = buf; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	return buf;
}

/* One array of objects that have an id, seen without their type. */
struct id_list {
	const char *v; /* n objects of `size` bytes, their struct dbx_where at `where` */
	size_t n, size, where;
	const char *(*key)(const void *v, char buf[RD_QUOTE_SIZE]);
	const char *what, *leaf, *advice; /* of the message */
};

static int check_list(struct dbx_resolver *rs, const struct id_list *l)
{
	char at[2 * RD_QUOTE_SIZE], q[RD_QUOTE_SIZE], buf[RD_QUOTE_SIZE];
	struct dbx_strmap seen;
	uint64_t first;
	bool again;
	int rc = 0;

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < l->n && !rc; i++) {
		const char *key = l->key(l->v + i * l->size, buf);

		rc = dbx_resolve_see(&seen, key, i, &again, &first);
		if (rc || !again)
			continue;
		dbx_resolve_tell(rs, DBX_SEV_ERROR, (const void *)(l->v + i * l->size + l->where),
				 l->leaf, "duplicate-id", "read %s %s: given before in %s; %s",
				 l->what, dbx_rd_quote(key, q),
				 dbx_resolve_place(
					 rs, (const void *)(l->v + first * l->size + l->where), at),
				 l->advice);
	}
	dbx_strmap_fini(&seen);
	return rc;
}

#define ID_LIST(array, count, key_, what_, leaf_, advice_)                                      \
	{                                                                                       \
		.v = (const char *)(array), .n = (count), .size = sizeof(*(array)),             \
		.where = offsetof(__typeof__(*(array)), where), .key = (key_), .what = (what_), \
		.leaf = (leaf_), .advice = (advice_)                                            \
	}

static int check_twice(struct dbx_resolver *rs)
{
	static const char once[] = "write each one once";
	const struct dbx_model *m = rs->m;
	const struct id_list lists[] = {
		ID_LIST(m->policies, m->n_policies, policy_key, "network policy",
			"/network_policy_id", once),
		ID_LIST(m->nccs, m->n_nccs, ncc_key, "NCC", "/network_connectivity_config_id",
			once),
		ID_LIST(m->options, m->n_options, option_key, "the network option of workspace", "",
			once),
		ID_LIST(m->bindings, m->n_bindings, binding_key, "the NCC binding of workspace", "",
			once),
		ID_LIST(m->feeds, m->n_feeds, feed_key, "range file", "",
			"there is one of each cloud: leave the older one out"),
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !rc; i++)
		rc = check_list(rs, &lists[i]);
	return rc;
}

/* ---- references ---- */

static void check_known_workspace(struct dbx_resolver *rs, const struct dbx_where *w, int64_t id,
				  const char *what)
{
	if (rs->m->has_gateway && !dbx_model_workspace(rs->m, id))
		dbx_resolve_tell(rs, DBX_SEV_WARNING, w, "", "unknown-workspace",
				 "bind workspace %" PRId64
				 " to its %s: the gateway document has no sources for "
				 "it, so nothing of it is seen here",
				 id, what);
}

static void check_bindings(struct dbx_resolver *rs)
{
	const struct dbx_model *m = rs->m;
	char q[RD_QUOTE_SIZE];

	for (size_t i = 0; i < m->n_options; i++) {
		const struct dbx_ws_option *o = &m->options[i];

		check_known_workspace(rs, &o->where, o->workspace_id, "policy");
		if (!dbx_model_policy(m, o->policy_id))
			dbx_resolve_tell(
				rs, DBX_SEV_ERROR, &o->where, "/network_policy_id",
				"no-such-policy",
				"bind workspace %" PRId64 " to network policy %s: there is no such "
				"policy; add its document, or write the id of one that there is",
				o->workspace_id, dbx_rd_quote(o->policy_id, q));
	}
	for (size_t i = 0; i < m->n_bindings; i++) {
		const struct dbx_ncc_binding *b = &m->bindings[i];

		check_known_workspace(rs, &b->where, b->workspace_id, "NCC");
		if (!dbx_model_ncc(m, b->ncc_id))
			dbx_resolve_tell(rs, DBX_SEV_ERROR, &b->where,
					 "/network_connectivity_config_id", "no-such-ncc",
					 "bind workspace %" PRId64
					 " to NCC %s: there is no such NCC; add its "
					 "document, or write the id of one that there is",
					 b->workspace_id, dbx_rd_quote(b->ncc_id, q));
	}
}

static void check_rules(struct dbx_resolver *rs)
{
	const struct dbx_model *m = rs->m;
	char q[RD_QUOTE_SIZE];

	for (size_t i = 0; i < m->n_pe_rules; i++) {
		const struct dbx_pe_rule *r = &m->pe_rules[i];

		if (!dbx_model_ncc(m, r->ncc_id))
			dbx_resolve_tell(
				rs, DBX_SEV_WARNING, &r->where, "", "no-such-ncc",
				"use a private endpoint rule: its NCC %s has no document here, so no "
				"workspace can be bound to it",
				dbx_rd_quote(r->ncc_id, q));
	}
	for (size_t i = 0; i < m->gateway.n_private_endpoints; i++) {
		const struct dbx_pe_address *p = &m->gateway.private_endpoints[i];

		if (!dbx_model_pe_rule(m, p->rule_id))
			dbx_resolve_tell(
				rs, DBX_SEV_ERROR, &p->where, "/rule_id", "no-such-rule",
				"give addresses to private endpoint rule %s: there is no such rule; add "
				"the NCC or rule document that has it, or remove this entry",
				dbx_rd_quote(p->rule_id, q));
	}
}

static void check_set_policies(struct dbx_resolver *rs, const struct dbx_dest_set *sets, size_t n)
{
	char leaf[48], q[RD_QUOTE_SIZE];

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sets[i].n_policy_ids; k++) {
			if (dbx_model_policy(rs->m, sets[i].policy_ids[k]))
				continue;
			snprintf(leaf, sizeof(leaf), "/network_policy_ids/%zu", k);
			dbx_resolve_tell(
				rs, DBX_SEV_ERROR, &sets[i].where, leaf, "no-such-policy",
				"apply a destination set to network policy %s: there is no such policy; "
				"add its document, or write the id of one that there is",
				dbx_rd_quote(sets[i].policy_ids[k], q));
		}
	}
}

static void check_path_refs(struct dbx_resolver *rs)
{
	const struct dbx_gateway *g = &rs->m->gateway;
	char leaf[48], q[RD_QUOTE_SIZE];

	for (size_t i = 0; i < g->n_routes; i++) {
		const struct dbx_path_route *r = &g->routes[i];

		for (size_t k = 0; k < r->n_ncc_ids; k++) {
			if (dbx_model_ncc(rs->m, r->ncc_ids[k].ncc_id))
				continue;
			dbx_resolve_tell(rs, DBX_SEV_ERROR, &r->ncc_ids[k].where, "", "no-such-ncc",
					 "give a path to NCC %s: there is no such NCC; add its "
					 "document, or write the id of one that there is",
					 dbx_rd_quote(r->ncc_ids[k].ncc_id, q));
		}
	}
	for (size_t k = 0; k < g->reject.n_policy_ids; k++) {
		if (dbx_model_policy(rs->m, g->reject.policy_ids[k]))
			continue;
		snprintf(leaf, sizeof(leaf), "/policy_ids/%zu", k);
		dbx_resolve_tell(
			rs, DBX_SEV_ERROR, &g->reject.where, leaf, "no-such-policy",
			"answer denials of network policy %s: there is no such policy; add "
			"its document, or write the id of one that there is",
			dbx_rd_quote(g->reject.policy_ids[k], q));
	}
}

/* ---- sources ---- */

struct claim {
	const struct dbx_workspace *ws;
	const struct dbx_source *source;
	size_t order;
};

static int claim_cmp(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int d = dbx_prefix_cmp(&x->source->prefix, &y->source->prefix);

	if (d)
		return d;
	if (x->source->domain != y->source->domain)
		return x->source->domain < y->source->domain ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool same_claim(const struct claim *x, const struct claim *y)
{
	return x->source->domain == y->source->domain &&
	       !dbx_prefix_cmp(&x->source->prefix, &y->source->prefix);
}

static void check_interfaces(struct dbx_resolver *rs, const struct dbx_source *s,
			     const struct dbx_strmap *names)
{
	char q[RD_QUOTE_SIZE];

	if (s->interface && !dbx_strmap_get(names, s->interface, NULL))
		dbx_resolve_tell(
			rs, DBX_SEV_WARNING, &s->where, "/interface", "unknown-interface",
			"bind a source to interface %s: the gateway's \"interfaces\" do not list it, so "
			"nothing is judged there",
			dbx_rd_quote(s->interface, q));
}

static void tell_claims(struct dbx_resolver *rs, const struct claim *claims, size_t n)
{
	char p[DBX_PREFIX_STRLEN], at[2 * RD_QUOTE_SIZE];

	for (size_t i = 1, first = 0; i < n; i++) {
		if (!same_claim(&claims[first], &claims[i])) {
			first = i;
			continue;
		}
		dbx_resolve_tell(rs, DBX_SEV_ERROR, &claims[i].source->where, "",
				 "source-claimed-twice",
				 "bind source %s to workspace %" PRId64 ": workspace %" PRId64
				 " has it already, in %s; a source belongs to one workspace, once",
				 dbx_prefix_format(&claims[i].source->prefix, p), claims[i].ws->id,
				 claims[first].ws->id,
				 dbx_resolve_place(rs, &claims[first].source->where, at));
	}
}

static int check_sources(struct dbx_resolver *rs)
{
	const struct dbx_gateway *g = &rs->m->gateway;
	struct dbx_strmap names;
	struct claim *claims;
	size_t total = 0, n = 0;
	int rc = 0;

	for (size_t i = 0; i < g->n_workspaces; i++)
		total += g->workspaces[i].n_sources;
	claims = calloc(total + 1, sizeof(claims[0]));
	if (!claims)
		return -ENOMEM;
	dbx_strmap_init(&names);
	for (size_t i = 0; i < g->n_interfaces && !rc; i++)
		rc = dbx_strmap_set(&names, g->interfaces[i].name, i);
	for (size_t i = 0; i < g->n_workspaces && !rc; i++) {
		for (size_t k = 0; k < g->workspaces[i].n_sources; k++, n++) {
			claims[n] = (struct claim){.ws = &g->workspaces[i],
						   .source = &g->workspaces[i].sources[k],
						   .order = n};
			check_interfaces(rs, claims[n].source, &names);
		}
	}
	if (!rc) {
		qsort(claims, n, sizeof(claims[0]), claim_cmp);
		tell_claims(rs, claims, n);
	}
	dbx_strmap_fini(&names);
	free(claims);
	return rc;
}

int dbx_model_resolve(struct dbx_model *m, struct dbx_diag *d)
{
	struct dbx_resolver rs = {.m = m, .d = d};
	int rc;

	if (m->broken)
		return -EINVAL;
	dbx_model_index_free(m);
	rc = dbx_resolve_merge_rules(&rs);
	if (!rc)
		rc = check_twice(&rs);
	if (rc)
		return rc;
	dbx_resolve_sort(m);
	rc = dbx_model_index_make(m);
	if (rc)
		return rc;
	check_bindings(&rs);
	check_rules(&rs);
	check_set_policies(&rs, m->gateway.allowed, m->gateway.n_allowed);
	check_set_policies(&rs, m->gateway.blocked, m->gateway.n_blocked);
	check_path_refs(&rs);
	rc = check_sources(&rs);
	if (rc)
		return rc;
	return rs.n_errors ? -EINVAL : 0;
}
