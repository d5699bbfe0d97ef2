/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_pe.c -- what is decided for the address of a private endpoint.
 */
#include <string.h>

#include "lib/name.h"
#include "policy/compile_row.h"

struct name_search {
	const char *pattern; /* of the policy */
	bool bare_suffix;    /* a plain name stands for every name below it too */
	bool found;
};

static int match_pattern(void *arg, const char *name)
{
	struct name_search *s = arg;
	char below[DBX_NAME_SIZE + 2] = "*.";

	s->found |= dbx_name_match(s->pattern, name);
	if (s->bare_suffix && s->pattern[0] != '*') {
		strcpy(below + 2, s->pattern);
		s->found |= dbx_name_match(below, name);
	}
	return 0;
}

struct pe_search {
	const struct dbx_pe_rule *rule;
	const char *region;
	bool bare_suffix;
	bool found;
};

static int match_rule_names(void *arg, const char *pattern)
{
	struct pe_search *s = arg;
	struct name_search n = {.pattern = pattern, .bare_suffix = s->bare_suffix};

	dbx_pe_rule_names(s->rule, s->region, match_pattern, &n);
	s->found |= n.found;
	return 0;
}

/* Number of the first set of the gateway that applies and names the resource, 0 = none. */
static uint32_t naming_set(const struct dbx_row *r, struct pe_search *s, enum dbx_dest_list list,
			   const struct dbx_dest_set *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!v[i].n_names || !dbx_compile_lists_policy(&v[i], r->policy))
			continue;
		for (size_t k = 0; k < v[i].n_names && !s->found; k++)
			match_rule_names(s, v[i].names[k].name);
		if (s->found)
			return dbx_compile_dest_rule(r->c, list, &v[i]);
	}
	return 0;
}

static uint32_t naming_entry(const struct dbx_row *r, struct pe_search *s)
{
	const struct dbx_policy *p = r->policy;

	for (size_t i = 0; i < p->n_allowed; i++) {
		if (p->allowed[i].type != DBX_DEST_DNS_NAME || !p->allowed[i].name)
			continue;
		match_rule_names(s, p->allowed[i].name);
		if (s->found)
			return dbx_compile_internet_rule(r->c, p, &p->allowed[i], false);
	}
	for (size_t i = 0; i < p->n_storage; i++) {
		dbx_storage_names(&p->storage[i], match_rule_names, s);
		if (s->found)
			return dbx_compile_storage_rule(r->c, p, &p->storage[i]);
	}
	return 0;
}

/* Number of the first entry that allows a name of the rule, in the order of names.c; 0 = none. */
static uint32_t allowing_entry(const struct dbx_row *r, const struct dbx_pe_rule *rule)
{
	const struct dbx_gateway *g = &r->c->m->gateway;
	struct pe_search s = {
		.rule = rule,
		.region = r->ncc ? r->ncc->region : NULL,
		.bare_suffix = g->dns.bare_suffix_match,
	};
	uint32_t n = naming_set(r, &s, DBX_LIST_PLATFORM, g->platform, g->n_platform);

	if (!n)
		n = naming_set(r, &s, DBX_LIST_STORAGE, g->storage, g->n_storage);
	if (!n)
		n = naming_entry(r, &s);
	if (!n)
		n = naming_set(r, &s, DBX_LIST_ALLOWED, g->allowed, g->n_allowed);
	return n;
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
	uint32_t number, entry;

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
	entry = rule->n_domain_names ? number : allowing_entry(r, rule);
	if (entry)
		return dbx_outcomes_add(&r->o, DBX_REASON_PRIVATE_ENDPOINT, path, entry);
	return dbx_outcomes_add(&r->o, DBX_REASON_PRIVATE_ENDPOINT_NAME, path, number);
}
