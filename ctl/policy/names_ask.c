/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names_ask.c -- what each workspace's policy, and its NCC, say on a DNS name.
 *
 * Whether a name is allowed is the policy's to say; by which address it is reached then, the NCC's. So
 * an effective private endpoint changes the answer and never what is allowed, but for the names that
 * its rule lists itself.
 */
#include <string.h>

#include "policy/names_impl.h"

/* A plain entry wins over "*.x", a longer suffix over a shorter one. */
static bool find(const struct dbx_names_table *t, const char *name, uint64_t *value)
{
	if (dbx_strmap_get(&t->exact, name, value))
		return true;
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		if (dbx_strmap_get(&t->suffix, dot + 1, value))
			return true;
	return false;
}

/* By the name asked for, or, of the name in the private zone, by the public one. */
static bool find_either(const struct dbx_names_table *t, const char *name,
			const struct dbx_names_pe *pe, uint64_t *value)
{
	return find(t, name, value) || (pe && find(t, pe->name, value));
}

static void set_rule(const struct dbx_names *n, uint32_t rule, struct dbx_name_decision *out)
{
	const struct dbx_names_rule *r = &n->rules.v[rule];

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

static void answer_privately(const struct dbx_names_pe *pe, const char *name,
			     struct dbx_name_decision *out)
{
	out->is_private = true;
	out->addrs = pe->addrs;
	out->n_addrs = pe->n_addrs;
	out->cname = strcmp(name, pe->alias) ? pe->alias : "";
}

/* What the policy says of a name that an effective endpoint answers; out: nothing allows it yet. */
static void decide_private(const struct dbx_names *n, const struct dbx_names_policy *p,
			   const struct dbx_names_pe *pe, const char *name,
			   struct dbx_name_decision *out)
{
	uint64_t value;

	answer_privately(pe, name, out);
	if (p->mode == DBX_MODE_FULL_ACCESS || pe->is_implied)
		set_rule(n, pe->rule, out);
	else if (find_either(&p->allowed, name, pe, &value))
		set_rule(n, (uint32_t)(value >> 8), out);
	else
		return;
	out->verdict = DBX_VERDICT_PASS;
	out->reason = DBX_REASON_PRIVATE_ENDPOINT;
}

static void decide_public(const struct dbx_names *n, const struct dbx_names_policy *p,
			  const char *name, struct dbx_name_decision *out)
{
	uint64_t value;

	if (p->mode == DBX_MODE_FULL_ACCESS) {
		out->verdict = DBX_VERDICT_PASS;
		out->reason = DBX_REASON_FULL_ACCESS;
		set_rule(n, p->rule, out);
	} else if (find(&p->allowed, name, &value)) {
		set_entry(n, value, DBX_VERDICT_PASS, out);
		out->needs_learning = true;
	}
}

static void decide(const struct dbx_names *n, const struct dbx_names_scope *s, const char *name,
		   struct dbx_name_decision *out)
{
	const struct dbx_names_policy *p = s ? &n->policies.v[s->policy] : NULL;
	const struct dbx_names_pe *pe = dbx_names_find_pe(n, s, name);
	uint64_t value;

	*out = (struct dbx_name_decision){.verdict = DBX_VERDICT_DROP, .policy_id = p ? p->id : ""};
	out->rule_text = out->rule_doc = out->rule_ptr = out->cname = "";
	out->policy_uid = s ? s->uid : 0;
	if (find_either(p ? &p->blocked : &n->blocked_everywhere, name, pe, &value)) {
		set_entry(n, value, DBX_VERDICT_DROP, out);
		return;
	}
	if (!p) {
		out->reason = DBX_REASON_NO_POLICY;
		return;
	}
	if (p->mode != DBX_MODE_FULL_ACCESS && p->mode != DBX_MODE_RESTRICTED_ACCESS) {
		out->reason = DBX_REASON_MODE_UNSPECIFIED;
		set_rule(n, p->rule, out);
		return;
	}
	if (pe && !pe->is_effective) {
		out->reason = DBX_REASON_PRIVATE_ENDPOINT_INACTIVE;
		set_rule(n, pe->rule, out);
		return;
	}
	out->reason = denied_reason(name);
	if (pe)
		decide_private(n, p, pe, name, out);
	else
		decide_public(n, p, name, out);
}

static bool is_dry_run(const struct dbx_names_policy *p, int product)
{
	if (!p->is_dry_run || !p->filter)
		return p->is_dry_run;
	return (product == DBX_PRODUCT_DBSQL && (p->filter & DBX_FILTER_DBSQL)) ||
	       (product == DBX_PRODUCT_ML_SERVING && (p->filter & DBX_FILTER_ML_SERVING));
}

static bool is_softened(enum dbx_reason r)
{
	return r != DBX_REASON_DNS_BLOCKED && r != DBX_REASON_PRIVATE_ENDPOINT_INACTIVE;
}

static const struct dbx_names_scope *scope_of(const struct dbx_names *n, const struct dbx_idmap *m,
					      uint64_t key)
{
	uint32_t index;

	return dbx_idmap_get(m, key, &index) ? &n->scopes.v[index] : NULL;
}

void dbx_names_decide(const struct dbx_names *n, int64_t workspace_id, int product,
		      const char *name, struct dbx_name_decision *out)
{
	const struct dbx_names_scope *s =
		scope_of(n, &n->scope_of_workspace, (uint64_t)workspace_id);
	const struct dbx_names_policy *p = s ? &n->policies.v[s->policy] : NULL;

	decide(n, s, name, out);
	if (p && out->verdict == DBX_VERDICT_DROP && p->mode == DBX_MODE_RESTRICTED_ACCESS &&
	    is_softened(out->reason) && is_dry_run(p, product))
		out->verdict = DBX_VERDICT_DRY_RUN;
}

void dbx_names_decide_policy(const struct dbx_names *n, uint64_t policy_uid, const char *name,
			     struct dbx_name_decision *out)
{
	decide(n, scope_of(n, &n->scope_by_uid, policy_uid), name, out);
}

bool dbx_names_is_guarded(const struct dbx_names *n, uint64_t policy_uid, const char *name,
			  uint64_t *rule_uid)
{
	const struct dbx_names_pe *pe =
		dbx_names_find_pe(n, scope_of(n, &n->scope_by_uid, policy_uid), name);

	if (!pe || !pe->is_required)
		return false;
	if (rule_uid)
		*rule_uid = n->rules.v[pe->rule].uid;
	return true;
}

bool dbx_names_scope(const struct dbx_names *n, uint64_t policy_uid, const char **policy_id,
		     const char **ncc_id)
{
	const struct dbx_names_scope *s = scope_of(n, &n->scope_by_uid, policy_uid);

	if (!s)
		return false;
	*policy_id = n->policies.v[s->policy].id;
	*ncc_id = s->ncc == DBX_NAMES_NO_NCC ? "" : n->nccs.v[s->ncc].id;
	return true;
}

uint64_t dbx_names_policy_of(const struct dbx_names *n, int64_t workspace_id)
{
	const struct dbx_names_scope *s =
		scope_of(n, &n->scope_of_workspace, (uint64_t)workspace_id);

	return s ? s->uid : 0;
}

/* ---- walks ---- */

void dbx_names_each_workspace(const struct dbx_names *n,
			      void (*fn)(void *arg, int64_t workspace_id, uint64_t policy_uid),
			      void *arg)
{
	for (size_t i = 0; i < n->scope_of_workspace.n_slots; i++) {
		const struct dbx_idmap_slot *s = &n->scope_of_workspace.v[i];

		if (s->value_plus_1)
			fn(arg, (int64_t)s->key, n->scopes.v[s->value_plus_1 - 1].uid);
	}
}

void dbx_names_each_guard(const struct dbx_names *n,
			  void (*fn)(void *arg, uint64_t policy_uid, uint64_t rule_uid,
				     const char *name),
			  void *arg)
{
	dbx_vec_for_each(&n->scopes, s) {
		const struct dbx_names_ncc *c = s->ncc == DBX_NAMES_NO_NCC ? NULL
									   : &n->nccs.v[s->ncc];

		for (size_t i = 0; c && i < c->v.n; i++) {
			const struct dbx_names_pe *pe = &c->v.v[i];
			uint64_t rule_uid = n->rules.v[pe->rule].uid;

			if (!pe->is_required)
				continue;
			fn(arg, s->uid, rule_uid, pe->name);
			if (pe->alias[0])
				fn(arg, s->uid, rule_uid, pe->alias);
		}
	}
}
