// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_guard.c -- guards: public addresses at which the name of a private endpoint is refused.
 *
 * The resolver finds them by itself, so what is guarded is live state. Without it, an address that is
 * asked about together with the name of a required rule is taken for one of that name's.
 */
#include "policy/explain_impl.h"

#include <string.h>

static const struct dbx_explain_learned *find_guard(const struct dbx_explain_ctx *c,
						    const char *name)
{
	size_t i;

	for (i = 0; i < c->q->n_learned; i++) {
		const struct dbx_explain_learned *l = &c->q->learned[i];

		if (l->is_guard && (!name || strcmp(l->name, name) == 0) &&
		    dbx_addr_cmp(&l->addr, &c->t.dst) == 0)
			return l;
	}
	return NULL;
}

/* What the resolver would find, if dst is one of the name's public addresses. */
static bool would_guard(const struct dbx_explain_ctx *c)
{
	const struct dbx_pe_rule *rule;
	bool is_own;

	return !c->q->is_live && !c->is_name && c->m->gateway.dns.has &&
	       !dbx_eval_endpoint(c->m, c->ncc, &c->t.dst, &rule, &is_own) &&
	       dbx_names_is_guarded(c->names, c->saying.policy_uid, c->said, NULL);
}

bool dbx_explain_says_guard(const struct dbx_explain_ctx *c)
{
	return c->said[0] && (find_guard(c, c->said) || would_guard(c));
}

const char *dbx_explain_guard(const struct dbx_explain_ctx *c)
{
	const struct dbx_explain_learned *l;

	if (dbx_explain_says_guard(c))
		return c->said;
	l = find_guard(c, NULL);
	return l ? l->name : NULL;
}

void dbx_explain_guard_refuses(struct dbx_explain_ctx *c, const char *step, const char *must)
{
	const char *name = dbx_explain_guard(c);

	dbx_explain_conclude(c, DBX_VERDICT_DROP, DBX_REASON_PRIVATE_REQUIRED, DBX_PATH_NONE);
	c->pe = dbx_explain_pe_of(c, name);
	dbx_explain_say(c, step, "deny", c->pe ? &c->pe->where : NULL, "%s %s: %s", must, name,
			dbx_reason_text(DBX_REASON_PRIVATE_REQUIRED));
}

/* An effective one first. */
static const struct dbx_pe_rule *guarding_rule(const struct dbx_explain_ctx *c)
{
	const struct dbx_pe_rule *found = NULL;
	size_t i;

	for (i = 0; c->ncc && i < c->m->n_pe_rules; i++) {
		const struct dbx_pe_rule *r = &c->m->pe_rules[i];

		if (dbx_model_pe_guards(c->m, r, c->ncc) &&
		    (!found || (!dbx_pe_rule_is_effective(found) && dbx_pe_rule_is_effective(r))))
			found = r;
	}
	return found;
}

static void tell_live(struct dbx_explain_ctx *c)
{
	const char *name = dbx_explain_guard(c);
	const struct dbx_pe_rule *r = name ? dbx_explain_pe_of(c, name) : NULL;

	if (name)
		dbx_explain_say(c, "guard", "info", r ? &r->where : NULL,
				"a public address of %s, which has a private endpoint: a flow that "
				"names it is refused: %s",
				name, dbx_reason_slug(DBX_REASON_PRIVATE_REQUIRED));
}

/* Of an address that passes whatever is said, but for such names. */
void dbx_explain_guard_step(struct dbx_explain_ctx *c)
{
	const struct dbx_pe_rule *r;

	if (c->out->path < DBX_PATH_SERVICE_ENDPOINT || c->is_name || c->said[0])
		return;
	if (c->q->is_live) {
		tell_live(c);
		return;
	}
	r = c->m->gateway.dns.has ? guarding_rule(c) : NULL; /* the resolver finds the addresses */
	if (r)
		dbx_explain_say(c, "guard", "info", &r->where,
				"should it be the public address of a resource with a private "
				"endpoint (rule %s, for one), a flow that names the resource is "
				"refused: %s",
				r->rule_id, dbx_reason_slug(DBX_REASON_PRIVATE_REQUIRED));
}
