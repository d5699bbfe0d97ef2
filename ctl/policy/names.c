/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names.c -- the index of names: what policies say on a DNS name.
 *
 * Every list of names becomes a table from name to the first entry that has it: plain names by
 * themselves, "*.x" by its suffix. A name is looked up once whole and once for each of its suffixes,
 * so the cost follows its labels and not the lists. The order is that of egress-model 3.3.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/names_impl.h"
#include "policy/ruletext.h"

static void table_init(struct dbx_names_table *t)
{
	dbx_strmap_init(&t->exact);
	dbx_strmap_init(&t->suffix);
}

static void table_fini(struct dbx_names_table *t)
{
	dbx_strmap_fini(&t->exact);
	dbx_strmap_fini(&t->suffix);
}

void dbx_names_note(struct dbx_names *n, int rc)
{
	if (rc && rc != -EEXIST && !n->err)
		n->err = rc;
}

char *dbx_names_copy(struct dbx_names *n, const char *s)
{
	char *c = strdup(s ? s : "");

	if (!c)
		dbx_names_note(n, -ENOMEM);
	return c;
}

uint32_t dbx_names_add_rule(struct dbx_names *n, const struct dbx_model *m,
			    const struct dbx_where *where, const char *policy_id,
			    const struct dbx_strbuf *text)
{
	struct dbx_names_rule r = {
		.uid = dbx_rule_uid(policy_id, text->s),
		.text = dbx_names_copy(n, text->s),
		.doc = dbx_names_copy(n, dbx_model_doc_name(m, where)),
		.ptr = dbx_names_copy(n, where->ptr),
	};

	dbx_names_note(n, text->err);
	if (dbx_vec_push(&n->rules, r)) {
		dbx_names_note(n, -ENOMEM);
		free(r.text);
		free(r.doc);
		free(r.ptr);
		return 0;
	}
	return (uint32_t)n->rules.n - 1;
}

static void add_name(struct dbx_names *n, struct dbx_names_table *t, const char *pattern,
		     uint32_t rule, enum dbx_reason reason)
{
	uint64_t value = (uint64_t)rule << 8 | (uint64_t)reason;

	if (!strncmp(pattern, "*.", 2)) {
		dbx_names_note(n, dbx_strmap_put(&t->suffix, pattern + 2, value));
		return;
	}
	dbx_names_note(n, dbx_strmap_put(&t->exact, pattern, value));
	if (n->bare_suffix)
		dbx_names_note(n, dbx_strmap_put(&t->suffix, pattern, value));
}

/* ---- building ---- */

static bool applies(const struct dbx_dest_set *s, const char *policy_id)
{
	if (!s->n_policy_ids)
		return true;
	for (size_t i = 0; i < s->n_policy_ids; i++)
		if (policy_id && !strcmp(s->policy_ids[i], policy_id))
			return true;
	return false;
}

static void add_dests(struct dbx_names *n, const struct dbx_model *m, struct dbx_names_table *t,
		      enum dbx_dest_list list, const struct dbx_dest_set *v, size_t n_v,
		      const char *policy_id, enum dbx_reason reason)
{
	struct dbx_strbuf text;

	dbx_strbuf_init(&text);
	for (size_t i = 0; i < n_v; i++) {
		uint32_t rule;

		if (!v[i].n_names || !applies(&v[i], policy_id))
			continue;
		dbx_ruletext_dest(&text, list, &v[i]);
		rule = dbx_names_add_rule(n, m, &v[i].where, "", &text);
		for (size_t k = 0; k < v[i].n_names; k++)
			add_name(n, t, v[i].names[k].name, rule, reason);
	}
	dbx_strbuf_fini(&text);
}

struct storage_use {
	struct dbx_names *n;
	struct dbx_names_table *t;
	uint32_t rule;
};

static int add_storage_name(void *arg, const char *name)
{
	struct storage_use *u = arg;

	add_name(u->n, u->t, name, u->rule, DBX_REASON_LISTED_NAME);
	return 0;
}

static void add_own_names(struct dbx_names *n, const struct dbx_model *m,
			  const struct dbx_policy *p, struct dbx_names_policy *out)
{
	struct dbx_strbuf text;

	dbx_strbuf_init(&text);
	for (size_t i = 0; i < p->n_allowed; i++) {
		if (!p->allowed[i].name)
			continue;
		dbx_ruletext_internet(&text, &p->allowed[i], false);
		add_name(n, &out->allowed, p->allowed[i].name,
			 dbx_names_add_rule(n, m, &p->allowed[i].where, p->id, &text),
			 DBX_REASON_LISTED_NAME);
	}
	for (size_t i = 0; i < p->n_storage; i++) {
		struct storage_use u = {n, &out->allowed, 0};

		dbx_ruletext_storage(&text, &p->storage[i]);
		u.rule = dbx_names_add_rule(n, m, &p->storage[i].where, p->id, &text);
		dbx_storage_names(&p->storage[i], add_storage_name, &u);
	}
	for (size_t i = 0; i < p->n_blocked; i++) {
		if (!p->blocked[i].name)
			continue;
		dbx_ruletext_internet(&text, &p->blocked[i], true);
		add_name(n, &out->blocked, p->blocked[i].name,
			 dbx_names_add_rule(n, m, &p->blocked[i].where, p->id, &text),
			 DBX_REASON_DNS_BLOCKED);
	}
	dbx_strbuf_fini(&text);
}

static void add_policy(struct dbx_names *n, const struct dbx_model *m, const struct dbx_policy *p)
{
	const struct dbx_gateway *g = &m->gateway;
	struct dbx_names_policy out = {
		.id = dbx_names_copy(n, p->id),
		.mode = p->mode,
		.is_dry_run = p->enforcement == DBX_DRY_RUN,
		.filter = p->dry_run_filter,
	};
	struct dbx_strbuf text;

	table_init(&out.allowed);
	table_init(&out.blocked);
	dbx_strbuf_init(&text);
	dbx_ruletext_policy(&text, p);
	out.rule = dbx_names_add_rule(n, m, &p->where, p->id, &text);
	dbx_strbuf_fini(&text);
	add_dests(n, m, &out.allowed, DBX_LIST_PLATFORM, g->platform, g->n_platform, p->id,
		  DBX_REASON_PLATFORM);
	add_dests(n, m, &out.allowed, DBX_LIST_STORAGE, g->storage, g->n_storage, p->id,
		  DBX_REASON_WORKSPACE_STORAGE);
	add_own_names(n, m, p, &out);
	add_dests(n, m, &out.allowed, DBX_LIST_ALLOWED, g->allowed, g->n_allowed, p->id,
		  DBX_REASON_LISTED_NAME);
	add_dests(n, m, &out.blocked, DBX_LIST_BLOCKED, g->blocked, g->n_blocked, p->id,
		  DBX_REASON_DNS_BLOCKED);
	if (dbx_vec_push(&n->policies, out)) {
		dbx_names_note(n, -ENOMEM);
		table_fini(&out.allowed);
		table_fini(&out.blocked);
		free(out.id);
		return;
	}
}

/* Scope of a policy, which is the model's so manieth, and an NCC (NULL: none, or one without rules). */
static void add_scope(struct dbx_names *n, const struct dbx_model *m, uint32_t policy,
		      const struct dbx_ncc *ncc, uint32_t *out)
{
	struct dbx_names_scope s = {
		.uid = dbx_scope_uid(m->policies[policy].id, ncc ? ncc->id : NULL),
		.policy = policy,
		.ncc = DBX_NAMES_NO_NCC,
	};

	if (dbx_idmap_get(&n->scope_by_uid, s.uid, out))
		return;
	if (ncc)
		s.ncc = dbx_names_add_ncc(n, m, ncc);
	*out = (uint32_t)n->scopes.n;
	if (dbx_vec_push(&n->scopes, s))
		dbx_names_note(n, -ENOMEM);
	else
		dbx_names_note(n, dbx_idmap_set(&n->scope_by_uid, s.uid, *out));
}

static void add_workspace(struct dbx_names *n, const struct dbx_model *m, int64_t id)
{
	const struct dbx_policy *p = dbx_model_policy_of(m, id, NULL);
	const struct dbx_ncc *ncc = dbx_model_ncc_of(m, id);
	uint32_t scope;

	if (!p)
		return;
	if (!dbx_model_scope_ncc(m, ncc))
		ncc = NULL;
	add_scope(n, m, (uint32_t)(p - m->policies), ncc, &scope);
	dbx_names_note(n, dbx_idmap_set(&n->scope_of_workspace, (uint64_t)id, scope));
}

static void build(struct dbx_names *n, const struct dbx_model *m)
{
	const struct dbx_gateway *g = &m->gateway;
	uint32_t scope;

	for (size_t i = 0; i < m->n_policies && !n->err; i++)
		add_policy(n, m, &m->policies[i]);
	for (size_t i = 0; i < m->n_policies && !n->err; i++)
		add_scope(n, m, (uint32_t)i, NULL, &scope);
	for (size_t i = 0; i < g->n_workspaces && !n->err; i++)
		add_workspace(n, m, g->workspaces[i].id);
	add_dests(n, m, &n->blocked_everywhere, DBX_LIST_BLOCKED, g->blocked, g->n_blocked, NULL,
		  DBX_REASON_DNS_BLOCKED);
}

int dbx_names_new(const struct dbx_model *m, struct dbx_names **out)
{
	struct dbx_names *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return -ENOMEM;
	table_init(&n->blocked_everywhere);
	n->bare_suffix = m->gateway.dns.bare_suffix_match;
	build(n, m);
	rc = n->err;
	if (rc)
		dbx_names_free(&n);
	else
		*out = n;
	return rc;
}

void dbx_names_free(struct dbx_names **names)
{
	struct dbx_names *n = *names;

	if (!n)
		return;
	dbx_vec_for_each(&n->rules, r) {
		free(r->text);
		free(r->doc);
		free(r->ptr);
	}
	dbx_vec_for_each(&n->policies, p) {
		table_fini(&p->allowed);
		table_fini(&p->blocked);
		free(p->id);
	}
	dbx_vec_for_each(&n->nccs, c)
		dbx_names_ncc_fini(c);
	dbx_vec_fini(&n->rules);
	dbx_vec_fini(&n->policies);
	dbx_vec_fini(&n->nccs);
	dbx_vec_fini(&n->scopes);
	dbx_idmap_fini(&n->scope_of_workspace);
	dbx_idmap_fini(&n->scope_by_uid);
	table_fini(&n->blocked_everywhere);
	free(n);
	*names = NULL;
}
