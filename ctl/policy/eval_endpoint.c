// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * eval_endpoint.c -- the evaluator's scans for private endpoints: whose an address is, who may use it.
 */
#include "policy/eval_impl.h"

#include <string.h>

#include "lib/name.h"

static bool endpoint_has(const struct dbx_gateway *g, const char *rule_id, const struct dbx_addr *a)
{
	size_t i, k;

	for (i = 0; i < g->n_private_endpoints; i++) {
		const struct dbx_pe_address *pe = &g->private_endpoints[i];

		if (rule_id && strcmp(pe->rule_id, rule_id) != 0)
			continue;
		for (k = 0; k < pe->n_addrs; k++) {
			if (pe->addrs[k].is_v6 == a->is_v6 &&
			    memcmp(pe->addrs[k].a, a->a, sizeof(a->a)) == 0)
				return true;
		}
	}
	return false;
}

bool dbx_eval_endpoint(const struct dbx_model *m, const struct dbx_ncc *ncc,
		       const struct dbx_addr *a, const struct dbx_pe_rule **rule, bool *is_own)
{
	const struct dbx_pe_rule *own = NULL, *foreign = NULL;
	size_t i;

	if (!m->has_gateway || !endpoint_has(&m->gateway, NULL, a))
		return false;
	for (i = 0; i < m->n_pe_rules; i++) {
		const struct dbx_pe_rule *r = &m->pe_rules[i];

		if (!endpoint_has(&m->gateway, r->rule_id, a))
			continue;
		if (!ncc || !r->ncc_id || strcmp(r->ncc_id, ncc->id) != 0)
			foreign = foreign ? foreign : r;
		else if (!own || (!dbx_pe_rule_is_effective(own) && dbx_pe_rule_is_effective(r)))
			own = r;
	}
	*rule = own ? own : foreign;
	*is_own = own != NULL;
	return true;
}

struct probe {
	const struct dbx_model *m;
	const struct dbx_pe_rule *rule;
	const char *region;
	const char *pattern;
};

static int name_allows(void *arg, const char *name)
{
	const struct probe *p = arg;
	size_t n = strlen(p->pattern), len = strlen(name);

	if (dbx_name_match(p->pattern, name))
		return 1;
	return p->m->gateway.dns.bare_suffix_match && len > n && name[len - n - 1] == '.' &&
	       strcmp(name + len - n, p->pattern) == 0;
}

/* Does the pattern stand for a name of the rule? */
static int pattern_allows(void *arg, const char *pattern)
{
	struct probe p = *(const struct probe *)arg;

	p.pattern = pattern;
	return dbx_pe_rule_names(p.rule, p.region, name_allows, &p);
}

static const struct dbx_where *naming_set(struct probe *probe, const struct dbx_dest_set *sets,
					  size_t n, const struct dbx_policy *p)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < sets[i].n_names && dbx_eval_set_applies(&sets[i], p); k++) {
			if (pattern_allows(probe, sets[i].names[k].name) == 1)
				return &sets[i].where;
		}
	}
	return NULL;
}

static const struct dbx_where *naming_entry(struct probe *probe, const struct dbx_policy *p)
{
	size_t i;

	for (i = 0; i < p->n_allowed; i++) {
		if (p->allowed[i].type == DBX_DEST_DNS_NAME && p->allowed[i].name &&
		    pattern_allows(probe, p->allowed[i].name) == 1)
			return &p->allowed[i].where;
	}
	for (i = 0; i < p->n_storage; i++) {
		if (dbx_storage_names(&p->storage[i], pattern_allows, probe) == 1)
			return &p->storage[i].where;
	}
	return NULL;
}

/* In the order of the lists: platform, workspace storage, the policy's own, the gateway's. */
const struct dbx_where *dbx_eval_endpoint_entry(const struct dbx_model *m,
						const struct dbx_policy *p,
						const struct dbx_pe_rule *r, const char *region)
{
	const struct dbx_gateway *g = &m->gateway;
	struct probe probe = {.m = m, .rule = r, .region = region};
	const struct dbx_where *w = naming_set(&probe, g->platform, g->n_platform, p);

	if (!w)
		w = naming_set(&probe, g->storage, g->n_storage, p);
	if (!w)
		w = naming_entry(&probe, p);
	if (!w)
		w = naming_set(&probe, g->allowed, g->n_allowed, p);
	return w;
}
