/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_pe.c -- what is decided for the address of a private endpoint.
 */
#include <string.h>

#include "lib/name.h"
#include "policy/compile_row.h"

struct name_search {
	const char *pattern; /* of the policy */
	bool found;
};

static int match_pattern(void *arg, const char *name)
{
	struct name_search *s = arg;

	s->found |= dbx_name_match(s->pattern, name);
	return 0;
}

struct pe_search {
	const struct dbx_pe_rule *rule;
	const char *region;
	bool found;
};

static int match_rule_names(void *arg, const char *pattern)
{
	struct pe_search *s = arg;
	struct name_search n = {.pattern = pattern};

	dbx_pe_rule_names(s->rule, s->region, match_pattern, &n);
	s->found |= n.found;
	return 0;
}

/* The policy's first entry that allows a name of the rule. */
static const struct dbx_where *allowing_entry(const struct dbx_row *r,
					      const struct dbx_pe_rule *rule, uint32_t *number)
{
	struct pe_search s = {.rule = rule, .region = r->ncc ? r->ncc->region : NULL};
	const struct dbx_policy *p = r->policy;

	for (size_t i = 0; i < p->n_allowed; i++) {
		if (p->allowed[i].type != DBX_DEST_DNS_NAME || !p->allowed[i].name)
			continue;
		match_rule_names(&s, p->allowed[i].name);
		if (!s.found)
			continue;
		*number = dbx_compile_internet_rule(r->c, p, &p->allowed[i], false);
		return &p->allowed[i].where;
	}
	for (size_t i = 0; i < p->n_storage; i++) {
		dbx_storage_names(&p->storage[i], match_rule_names, &s);
		if (!s.found)
			continue;
		*number = dbx_compile_storage_rule(r->c, p, &p->storage[i]);
		return &p->storage[i].where;
	}
	return NULL;
}

/*
 * Of the rules whose address this is: the first effective one of this NCC, else its first, else
 * NULL. *foreign is then the first of them all. The order is that of the model.
 */
static const struct dbx_pe_rule *pe_rule(const struct dbx_row *r,
					 const struct dbx_pe_rule **foreign)
{
	const struct dbx_pe_rule *best = NULL;

	*foreign = NULL;
	dbx_vec_for_each(&r->users, u) {
		const struct dbx_pe_rule *rule;

		if ((*u)->stage != ST_PRIVATE_ENDPOINT)
			continue;
		rule = dbx_model_pe_rule(r->c->m, (*u)->pe->rule_id);
		if (rule && (!*foreign || rule < *foreign))
			*foreign = rule;
		if (!rule || !r->ncc || !rule->ncc_id || strcmp(rule->ncc_id, r->ncc->id))
			continue;
		if (!best || dbx_pe_rule_is_effective(rule) > dbx_pe_rule_is_effective(best) ||
		    (dbx_pe_rule_is_effective(rule) == dbx_pe_rule_is_effective(best) &&
		     rule < best))
			best = rule;
	}
	return best;
}

uint32_t dbx_compile_pe(struct dbx_row *r, const struct user *first)
{
	const struct dbx_pe_rule *foreign, *rule = pe_rule(r, &foreign);
	const uint8_t path = DBX_PATH_PRIVATE_ENDPOINT;
	uint32_t number;

	if (!rule) {
		number = dbx_compile_rule(r->c, foreign ? &foreign->where : &first->pe->where, "",
					  "private endpoint rule %s",
					  foreign ? foreign->rule_id : first->pe->rule_id);
		return dbx_outcomes_add(&r->o, DBX_REASON_PRIVATE_ENDPOINT_FOREIGN, path, number);
	}
	number =
		dbx_compile_rule(r->c, &rule->where, "", "private endpoint rule %s", rule->rule_id);
	if (!dbx_pe_rule_is_effective(rule))
		return dbx_outcomes_add(&r->o, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE, path, number);
	if (r->policy->mode == DBX_MODE_FULL_ACCESS)
		return dbx_outcomes_add(&r->o, DBX_REASON_FULL_ACCESS, path,
					dbx_compile_policy_rule(r->c, r->policy));
	if (rule->n_domain_names || allowing_entry(r, rule, &number))
		return dbx_outcomes_add(&r->o, DBX_REASON_PRIVATE_ENDPOINT, path, number);
	return dbx_outcomes_add(&r->o, DBX_REASON_PRIVATE_ENDPOINT_NAME, path, number);
}
