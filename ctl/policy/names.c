/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names.c -- what each workspace's policy says on a DNS name.
 *
 * Every list of names becomes a table from name to the first entry that has it: plain names by
 * themselves, "*.x" by its suffix. A name is looked up once whole and once for each of its suffixes,
 * so the cost follows its labels and not the lists. The order is that of egress-model 3.3.
 */
#include "policy/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/hash.h"
#include "lib/idmap.h"
#include "lib/name.h"
#include "lib/vec.h"
#include "policy/ruletext.h"

struct rule {
	uint64_t uid;
	char *text, *doc, *ptr;
};

/* value: rule << 8 | reason; the first entry of a name stays. */
struct table {
	struct dbx_strmap exact, suffix;
};

struct policy {
	char *id;
	uint64_t uid;
	enum dbx_restriction_mode mode;
	bool is_dry_run;
	unsigned int filter;
	uint32_t rule;
	struct table allowed, blocked;
};

struct dbx_names {
	DBX_VEC(struct rule) rules;
	DBX_VEC(struct policy) policies;
	struct dbx_idmap policy_of_workspace; /* id -> policy index */
	struct dbx_idmap policy_by_uid;
	struct table
		blocked_everywhere; /* gateway lists that name no policy: workspaces without one */
	bool bare_suffix;
	int err;
};

static void table_init(struct table *t)
{
	dbx_strmap_init(&t->exact);
	dbx_strmap_init(&t->suffix);
}

static void table_fini(struct table *t)
{
	dbx_strmap_fini(&t->exact);
	dbx_strmap_fini(&t->suffix);
}

static void note(struct dbx_names *n, int rc)
{
	if (rc && rc != -EEXIST && !n->err)
		n->err = rc;
}

static char *copy(struct dbx_names *n, const char *s)
{
	char *c = strdup(s ? s : "");

	if (!c)
		note(n, -ENOMEM);
	return c;
}

static uint32_t add_rule(struct dbx_names *n, const struct dbx_model *m,
			 const struct dbx_where *where, const char *policy_id,
			 const struct dbx_strbuf *text)
{
	struct rule r = {
		.uid = dbx_rule_uid(policy_id, text->s),
		.text = copy(n, text->s),
		.doc = copy(n, dbx_model_doc_name(m, where)),
		.ptr = copy(n, where->ptr),
	};

	note(n, text->err);
	if (dbx_vec_push(&n->rules, r)) {
		note(n, -ENOMEM);
		free(r.text);
		free(r.doc);
		free(r.ptr);
		return 0;
	}
	return (uint32_t)n->rules.n - 1;
}

static void add_name(struct dbx_names *n, struct table *t, const char *pattern, uint32_t rule,
		     enum dbx_reason reason)
{
	uint64_t value = (uint64_t)rule << 8 | (uint64_t)reason;

	if (!strncmp(pattern, "*.", 2)) {
		note(n, dbx_strmap_put(&t->suffix, pattern + 2, value));
		return;
	}
	note(n, dbx_strmap_put(&t->exact, pattern, value));
	if (n->bare_suffix)
		note(n, dbx_strmap_put(&t->suffix, pattern, value));
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

static void add_dests(struct dbx_names *n, const struct dbx_model *m, struct table *t,
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
		rule = add_rule(n, m, &v[i].where, "", &text);
		for (size_t k = 0; k < v[i].n_names; k++)
			add_name(n, t, v[i].names[k].name, rule, reason);
	}
	dbx_strbuf_fini(&text);
}

struct storage_use {
	struct dbx_names *n;
	struct table *t;
	uint32_t rule;
};

static int add_storage_name(void *arg, const char *name)
{
	struct storage_use *u = arg;

	add_name(u->n, u->t, name, u->rule, DBX_REASON_LISTED_NAME);
	return 0;
}

static void add_own_names(struct dbx_names *n, const struct dbx_model *m,
			  const struct dbx_policy *p, struct policy *out)
{
	struct dbx_strbuf text;

	dbx_strbuf_init(&text);
	for (size_t i = 0; i < p->n_allowed; i++) {
		if (!p->allowed[i].name)
			continue;
		dbx_ruletext_internet(&text, &p->allowed[i], false);
		add_name(n, &out->allowed, p->allowed[i].name,
			 add_rule(n, m, &p->allowed[i].where, p->id, &text),
			 DBX_REASON_LISTED_NAME);
	}
	for (size_t i = 0; i < p->n_storage; i++) {
		struct storage_use u = {n, &out->allowed, 0};

		dbx_ruletext_storage(&text, &p->storage[i]);
		u.rule = add_rule(n, m, &p->storage[i].where, p->id, &text);
		dbx_storage_names(&p->storage[i], add_storage_name, &u);
	}
	for (size_t i = 0; i < p->n_blocked; i++) {
		if (!p->blocked[i].name)
			continue;
		dbx_ruletext_internet(&text, &p->blocked[i], true);
		add_name(n, &out->blocked, p->blocked[i].name,
			 add_rule(n, m, &p->blocked[i].where, p->id, &text),
			 DBX_REASON_DNS_BLOCKED);
	}
	dbx_strbuf_fini(&text);
}

static void add_policy(struct dbx_names *n, const struct dbx_model *m, const struct dbx_policy *p)
{
	const struct dbx_gateway *g = &m->gateway;
	struct policy out = {
		.id = copy(n, p->id),
		.uid = dbx_policy_uid(p->id),
		.mode = p->mode,
		.is_dry_run = p->enforcement == DBX_DRY_RUN,
		.filter = p->dry_run_filter,
	};
	struct dbx_strbuf text;

	table_init(&out.allowed);
	table_init(&out.blocked);
	dbx_strbuf_init(&text);
	dbx_ruletext_policy(&text, p);
	out.rule = add_rule(n, m, &p->where, p->id, &text);
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
		note(n, -ENOMEM);
		table_fini(&out.allowed);
		table_fini(&out.blocked);
		free(out.id);
		return;
	}
	note(n, dbx_idmap_set(&n->policy_by_uid, out.uid, (uint32_t)n->policies.n - 1));
}

static void build(struct dbx_names *n, const struct dbx_model *m)
{
	const struct dbx_gateway *g = &m->gateway;

	for (size_t i = 0; i < m->n_policies; i++)
		add_policy(n, m, &m->policies[i]);
	for (size_t i = 0; i < g->n_workspaces; i++) {
		const struct dbx_policy *p = dbx_model_policy_of(m, g->workspaces[i].id, NULL);

		if (p)
			note(n,
			     dbx_idmap_set(&n->policy_of_workspace, (uint64_t)g->workspaces[i].id,
					   (uint32_t)(p - m->policies)));
	}
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
	dbx_vec_fini(&n->rules);
	dbx_vec_fini(&n->policies);
	dbx_idmap_fini(&n->policy_of_workspace);
	dbx_idmap_fini(&n->policy_by_uid);
	table_fini(&n->blocked_everywhere);
	free(n);
	*names = NULL;
}

/* ---- asking ---- */

/* A plain entry wins over "*.x", a longer suffix over a shorter one. */
static bool find(const struct table *t, const char *name, uint64_t *value)
{
	if (dbx_strmap_get(&t->exact, name, value))
		return true;
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		if (dbx_strmap_get(&t->suffix, dot + 1, value))
			return true;
	return false;
}

static void set_rule(const struct dbx_names *n, uint32_t rule, struct dbx_name_decision *out)
{
	const struct rule *r = &n->rules.v[rule];

	out->rule_uid = r->uid;
	out->rule_text = r->text;
	out->rule_doc = r->doc;
	out->rule_ptr = r->ptr;
}

static void set_entry(const struct dbx_names *n, uint64_t value, enum dbx_verdict verdict,
		      struct dbx_name_decision *out)
{
	out->verdict = verdict;
	out->reason = (enum dbx_reason)(value & 0xff);
	set_rule(n, (uint32_t)(value >> 8), out);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n >= s && !strcmp(name + n - s, suffix);
}

/* "s3" or "s3-..." as a whole label, at the dot or the beginning. */
static bool is_s3_label(const char *label)
{
	return !strncmp(label, "s3.", 3) || !strncmp(label, "s3-", 3);
}

/* "b.s3.us-east-1...", and also a bucket that is called "s3-b": behind it the service comes again. */
static bool has_bucket(const char *name)
{
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		if (is_s3_label(dot + 1))
			return true;
	return false;
}

/* Storage hosts whose name does not tell the bucket (egress-model section 6). */
static enum dbx_reason denied_reason(const char *name)
{
	bool aws = ends_with(name, ".amazonaws.com") || ends_with(name, ".amazonaws.com.cn");

	if (aws && (strstr(name, ".s3-accesspoint") || strstr(name, ".accesspoint.s3-global.")))
		return DBX_REASON_DNS_ACCESS_POINT;
	if (aws && is_s3_label(name) && !has_bucket(name))
		return DBX_REASON_DNS_PATH_STYLE;
	if (!strcmp(name, "storage.googleapis.com") || !strcmp(name, "storage.mtls.googleapis.com"))
		return DBX_REASON_DNS_BARE_STORAGE;
	return DBX_REASON_DNS_DENIED;
}

static void decide(const struct dbx_names *n, const struct policy *p, const char *name,
		   struct dbx_name_decision *out)
{
	uint64_t value;

	*out = (struct dbx_name_decision){.verdict = DBX_VERDICT_DROP, .policy_id = p ? p->id : ""};
	out->rule_text = out->rule_doc = out->rule_ptr = "";
	out->policy_uid = p ? p->uid : 0;
	if (find(p ? &p->blocked : &n->blocked_everywhere, name, &value)) {
		set_entry(n, value, DBX_VERDICT_DROP, out);
		return;
	}
	if (!p) {
		out->reason = DBX_REASON_NO_POLICY;
		return;
	}
	if (p->mode == DBX_MODE_FULL_ACCESS) {
		out->verdict = DBX_VERDICT_PASS;
		out->reason = DBX_REASON_FULL_ACCESS;
		set_rule(n, p->rule, out);
		return;
	}
	if (p->mode != DBX_MODE_RESTRICTED_ACCESS) {
		out->reason = DBX_REASON_MODE_UNSPECIFIED;
		set_rule(n, p->rule, out);
		return;
	}
	if (find(&p->allowed, name, &value)) {
		set_entry(n, value, DBX_VERDICT_PASS, out);
		out->needs_learning = true;
		return;
	}
	out->reason = denied_reason(name);
}

static bool is_dry_run(const struct policy *p, int product)
{
	if (!p->is_dry_run || !p->filter)
		return p->is_dry_run;
	return (product == DBX_PRODUCT_DBSQL && (p->filter & DBX_FILTER_DBSQL)) ||
	       (product == DBX_PRODUCT_ML_SERVING && (p->filter & DBX_FILTER_ML_SERVING));
}

void dbx_names_decide(const struct dbx_names *n, int64_t workspace_id, int product,
		      const char *name, struct dbx_name_decision *out)
{
	const struct policy *p = NULL;
	uint32_t index;

	if (dbx_idmap_get(&n->policy_of_workspace, (uint64_t)workspace_id, &index))
		p = &n->policies.v[index];
	decide(n, p, name, out);
	if (p && out->verdict == DBX_VERDICT_DROP && p->mode == DBX_MODE_RESTRICTED_ACCESS &&
	    out->reason != DBX_REASON_DNS_BLOCKED && is_dry_run(p, product))
		out->verdict = DBX_VERDICT_DRY_RUN;
}

void dbx_names_decide_policy(const struct dbx_names *n, uint64_t policy_uid, const char *name,
			     struct dbx_name_decision *out)
{
	uint32_t index;

	decide(n,
	       dbx_idmap_get(&n->policy_by_uid, policy_uid, &index) ? &n->policies.v[index] : NULL,
	       name, out);
}

uint64_t dbx_names_policy_of(const struct dbx_names *n, int64_t workspace_id)
{
	uint32_t index;

	if (!dbx_idmap_get(&n->policy_of_workspace, (uint64_t)workspace_id, &index))
		return 0;
	return n->policies.v[index].uid;
}

void dbx_names_each_workspace(const struct dbx_names *n,
			      void (*fn)(void *arg, int64_t workspace_id, uint64_t policy_uid),
			      void *arg)
{
	for (size_t i = 0; i < n->policy_of_workspace.n_slots; i++) {
		const struct dbx_idmap_slot *s = &n->policy_of_workspace.v[i];

		if (s->value_plus_1)
			fn(arg, (int64_t)s->key, n->policies.v[s->value_plus_1 - 1].uid);
	}
}
