// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check.c -- what is doubtful or refused in a model that reads well: modes, bindings, limits.
 *
 * Lists are looked at in check_lists.c, private endpoints in check_ncc.c and check_private.c, the
 * gateway document in check_gateway.c and check_paths.c, updates in check_update.c. The numbers of the vendor's limits are those of
 * egress-model 2.7; they are warnings, because none of them limits this gateway.
 */
#include "policy/check_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/strbuf.h"

#define MAX_POLICIES_PER_ACCOUNT 1000
#define MAX_DESTINATIONS         2500
#define MAX_ALLOWED_NAMES        100
#define MAX_BLOCKED_NAMES        100
#define MAX_STORAGE              100

/* At a place below where->ptr. */
static void say(struct dbx_check_ctx *c, enum dbx_severity sev, const char *code,
		const struct dbx_where *where, const char *middle, const char *leaf,
		const char *fmt, va_list ap)
{
	struct dbx_strbuf ptr, text;

	dbx_strbuf_init(&ptr);
	dbx_strbuf_init(&text);
	dbx_strbuf_addf(&ptr, "%s%s%s", where->ptr ? where->ptr : "", middle, leaf);
	dbx_strbuf_addv(&text, fmt, ap);
	dbx_diag_add(c->d, sev, code, dbx_model_doc_name(c->m, where), ptr.s, "%s", text.s);
	dbx_strbuf_fini(&ptr);
	dbx_strbuf_fini(&text);
}

void dbx_check_say_access(struct dbx_check_ctx *c, enum dbx_severity sev, const char *code,
			  const struct dbx_policy *p, const char *member, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, sev, code, &p->where,
	    member[0] ? "/egress/network_access/" : "/egress/network_access", member, fmt, ap);
	va_end(ap);
}

void dbx_check_say_leaf(struct dbx_check_ctx *c, enum dbx_severity sev, const char *code,
			const struct dbx_where *where, const char *leaf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, sev, code, where, "", leaf, fmt, ap);
	va_end(ap);
}

static void say_limit(struct dbx_check_ctx *c, const struct dbx_where *where, const char *what,
		      size_t n, size_t max)
{
	if (n > max)
		DBX_SAY(c, DBX_SEV_WARNING, "vendor-limit", where,
			"%zu %s; the vendor's service takes at most %zu", n, what, max);
}

static size_t count_names(const struct dbx_internet_dest *v, size_t n)
{
	size_t i, n_names = 0;

	for (i = 0; i < n; i++)
		n_names += v[i].type == DBX_DEST_DNS_NAME;
	return n_names;
}

static void say_access_limit(struct dbx_check_ctx *c, const struct dbx_policy *p,
			     const char *member, const char *what, size_t n, size_t max)
{
	if (n > max)
		dbx_check_say_access(c, DBX_SEV_WARNING, "vendor-limit", p, member,
				     "%zu %s; the vendor's service takes at most %zu", n, what,
				     max);
}

static void check_limits(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	say_access_limit(c, p, "", "destinations in one policy",
			 p->n_allowed + p->n_storage + p->n_workspaces + p->n_blocked,
			 MAX_DESTINATIONS);
	say_access_limit(c, p, "allowed_internet_destinations", "allowed names in one policy",
			 count_names(p->allowed, p->n_allowed), MAX_ALLOWED_NAMES);
	say_access_limit(c, p, "blocked_internet_destinations", "blocked names in one policy",
			 count_names(p->blocked, p->n_blocked), MAX_BLOCKED_NAMES);
	say_access_limit(c, p, "allowed_storage_destinations", "storage destinations in one policy",
			 p->n_storage, MAX_STORAGE);
}

static void check_full_access(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	size_t n = p->n_allowed + p->n_storage;

	dbx_check_say_access(
		c, DBX_SEV_INFO, "full-access", p, "restriction_mode",
		"policy %s is FULL_ACCESS: everything leaves but what is blocked or isolated",
		p->id);
	if (n)
		dbx_check_say_access(
			c, DBX_SEV_WARNING, "ignored-list", p,
			p->n_allowed ? "allowed_internet_destinations"
				     : "allowed_storage_destinations",
			"policy %s lists %zu allowed destinations, which count only under "
			"RESTRICTED_ACCESS; with FULL_ACCESS they change nothing",
			p->id, n);
}

static void check_mode(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	if (!p->has_access)
		DBX_SAY(c, DBX_SEV_WARNING, "no-egress", &p->where,
			"policy %s has no egress.network_access: it denies everything; say "
			"restriction_mode RESTRICTED_ACCESS or FULL_ACCESS",
			p->id);
	else if (p->mode == DBX_MODE_UNSPECIFIED)
		dbx_check_say_access(c, DBX_SEV_WARNING, "no-egress", p, "restriction_mode",
				     "policy %s has restriction_mode %s: it denies everything; say "
				     "RESTRICTED_ACCESS or FULL_ACCESS",
				     p->id,
				     p->mode_text ? p->mode_text : "RESTRICTION_MODE_UNSPECIFIED");
	else if (p->mode == DBX_MODE_FULL_ACCESS)
		check_full_access(c, p);
}

static void check_enforcement(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	const char *who = "every product";

	if (p->enforcement == DBX_ENFORCED)
		return;
	if (p->dry_run_filter == DBX_FILTER_DBSQL)
		who = "DBSQL; every other product is enforced";
	else if (p->dry_run_filter == DBX_FILTER_ML_SERVING)
		who = "ML_SERVING; every other product is enforced";
	else if (p->dry_run_filter)
		who = "DBSQL and ML_SERVING; every other product is enforced";
	dbx_check_say_access(
		c, DBX_SEV_WARNING, "dry-run", p, "policy_enforcement/enforcement_mode",
		"policy %s is in dry-run: denials are recorded but leave, for %s", p->id, who);
}

static void check_names_waiting(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	size_t n_allowed = count_names(p->allowed, p->n_allowed) + p->n_storage;
	size_t n_blocked = count_names(p->blocked, p->n_blocked);

	if (c->m->gateway.dns.has)
		return; /* the resolver learns them */
	if (p->mode == DBX_MODE_RESTRICTED_ACCESS && n_allowed)
		dbx_check_say_access(
			c, DBX_SEV_WARNING, "waiting-for-names", p,
			count_names(p->allowed, p->n_allowed) ? "allowed_internet_destinations"
							      : "allowed_storage_destinations",
			"policy %s allows %zu destination%s by name; names are compiled and wait "
			"for name learning (\"dns\" of the gateway document), and until then are "
			"denied as name-not-learned",
			p->id, n_allowed, n_allowed == 1 ? "" : "s");
	if (n_blocked)
		dbx_check_say_access(
			c, DBX_SEV_WARNING, "waiting-for-names", p, "blocked_internet_destinations",
			"policy %s blocks %zu name%s; names are compiled and wait for name "
			"learning, and until then an address that is allowed otherwise is not "
			"blocked by its name",
			p->id, n_blocked, n_blocked == 1 ? "" : "s");
}

static void check_listed_workspaces(struct dbx_check_ctx *c, const struct dbx_policy *p)
{
	size_t i;

	for (i = 0; c->m->has_gateway && i < p->n_workspaces; i++) {
		if (!dbx_model_workspace(c->m, p->workspaces[i].workspace_id))
			DBX_SAY(c, DBX_SEV_INFO, "workspace-elsewhere", &p->workspaces[i].where,
				"workspace %" PRId64 " is not of this gateway: its addresses are "
				"judged as any others",
				p->workspaces[i].workspace_id);
	}
}

static int check_policies(struct dbx_check_ctx *c)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < c->m->n_policies; i++) {
		const struct dbx_policy *p = &c->m->policies[i];

		check_mode(c, p);
		check_enforcement(c, p);
		check_limits(c, p);
		check_names_waiting(c, p);
		check_listed_workspaces(c, p);
		rc = dbx_check_policy_lists(c, p);
	}
	if (i > MAX_POLICIES_PER_ACCOUNT)
		say_limit(c, &c->m->policies[0].where, "policies", i, MAX_POLICIES_PER_ACCOUNT);
	return rc;
}

/* Policies that some workspace of the gateway uses, and workspaces that have none. */
static int check_bindings(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	struct dbx_strmap used;
	size_t i;
	int rc = 0;

	dbx_strmap_init(&used);
	for (i = 0; !rc && i < g->n_workspaces; i++) {
		const struct dbx_workspace *w = &g->workspaces[i];
		const struct dbx_policy *p = dbx_model_policy_of(c->m, w->id, NULL);

		if (p)
			rc = dbx_strmap_set(&used, p->id, 1);
		else
			DBX_SAY(c, DBX_SEV_WARNING, "unbound-workspace", &w->where,
				"workspace %" PRId64 " has no network policy and there is no "
				"default-policy: it is denied everything",
				w->id);
		if (w->n_sources == 0)
			DBX_SAY(c, DBX_SEV_WARNING, "no-sources", &w->where,
				"workspace %" PRId64 " has no source prefix: no packet is ever its",
				w->id);
	}
	for (i = 0; !rc && c->m->has_gateway && i < c->m->n_policies; i++) {
		const struct dbx_policy *p = &c->m->policies[i];

		if (!dbx_strmap_get(&used, p->id, NULL) && strcmp(p->id, "default-policy") != 0)
			DBX_SAY(c, DBX_SEV_INFO, "unused-policy", &p->where,
				"policy %s is used by no workspace of this gateway", p->id);
	}
	dbx_strmap_fini(&used);
	return rc;
}

static void check_options(struct dbx_check_ctx *c)
{
	size_t i;

	for (i = 0; c->m->has_gateway && i < c->m->n_options; i++) {
		const struct dbx_ws_option *o = &c->m->options[i];

		if (!dbx_model_workspace(c->m, o->workspace_id))
			DBX_SAY(c, DBX_SEV_INFO, "workspace-elsewhere", &o->where,
				"workspace %" PRId64 " has a policy but no source prefix in the "
				"gateway document",
				o->workspace_id);
	}
}

int dbx_check(const struct dbx_model *m, int64_t now_ms, struct dbx_diag *d)
{
	struct dbx_check_ctx c = {.m = m, .now_ms = now_ms, .d = d};
	int rc;

	rc = check_policies(&c);
	if (!rc)
		rc = check_bindings(&c);
	check_options(&c);
	if (!rc)
		rc = dbx_check_nccs(&c);
	if (!rc)
		rc = dbx_check_gateway(&c);
	if (!rc)
		rc = dbx_check_private(&c);
	if (!rc)
		rc = dbx_check_paths(&c);
	return rc;
}
