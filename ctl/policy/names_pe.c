/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names_pe.c -- which names private endpoint rules stand for, by NCC.
 *
 * A rule that is not effective and not required is as if it were not there; one that is required and
 * not effective refuses its names. The name in the private zone leads to the same resource, so it is
 * answered, and guarded, like the public one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/name.h"
#include "policy/names_impl.h"

struct adding {
	struct dbx_names *n;
	struct dbx_names_ncc *c;
	const struct dbx_pe_rule *rule;
	const struct dbx_pe_address *at; /* or NULL */
	uint32_t number;
	bool is_effective, is_required;
};

static void pe_fini(struct dbx_names_pe *pe)
{
	free(pe->name);
	free(pe->alias);
	free(pe->addrs);
}

void dbx_names_ncc_fini(struct dbx_names_ncc *c)
{
	dbx_vec_for_each(&c->v, pe)
		pe_fini(pe);
	dbx_vec_fini(&c->v);
	dbx_strmap_fini(&c->by_name);
	free(c->id);
}

static bool is_domain_of(const struct dbx_pe_rule *r, const char *name)
{
	char canon[DBX_NAME_SIZE];

	for (size_t i = 0; i < r->n_domain_names; i++)
		if (!dbx_name_canon(r->domain_names[i], canon, NULL) && !strcmp(canon, name))
			return true;
	return false;
}

static int copy_addrs(const struct dbx_pe_address *at, struct dbx_names_pe *pe)
{
	if (!at || !at->n_addrs)
		return 0;
	pe->addrs = malloc(at->n_addrs * sizeof(*pe->addrs));
	if (!pe->addrs)
		return -ENOMEM;
	memcpy(pe->addrs, at->addrs, at->n_addrs * sizeof(*pe->addrs));
	pe->n_addrs = at->n_addrs;
	return 0;
}

/* Of two rules with one name an effective one wins, then a required one, then the first. */
static bool is_better(const struct dbx_names_pe *a, const struct dbx_names_pe *b)
{
	if (a->is_effective != b->is_effective)
		return a->is_effective;
	return a->is_required && !b->is_required;
}

static int put(struct adding *a, struct dbx_names_pe *pe)
{
	struct dbx_names_ncc *c = a->c;
	uint64_t at;
	int rc;

	if (dbx_strmap_get(&c->by_name, pe->name, &at) && !strcmp(c->v.v[at].name, pe->name)) {
		if (is_better(pe, &c->v.v[at])) {
			struct dbx_names_pe old = c->v.v[at];

			c->v.v[at] = *pe;
			*pe = old;
		}
		pe_fini(pe);
		rc = 0;
	} else {
		rc = dbx_vec_push(&c->v, *pe);
		if (rc) {
			pe_fini(pe);
			return rc;
		}
		at = c->v.n - 1;
		rc = dbx_strmap_set(&c->by_name, c->v.v[at].name, at); /* whoever's alias it was */
	}
	if (!rc && c->v.v[at].alias[0])
		rc = dbx_strmap_put(&c->by_name, c->v.v[at].alias, at);
	return rc == -EEXIST ? 0 : rc;
}

static int add_name(void *arg, const char *name)
{
	struct adding *a = arg;
	char alias[DBX_NAME_SIZE] = "";
	struct dbx_names_pe pe = {
		.rule = a->number,
		.is_effective = a->is_effective,
		.is_required = a->is_required,
		.is_implied = is_domain_of(a->rule, name),
	};
	int rc;

	dbx_pe_rule_private_name(a->rule, name, alias);
	pe.name = dbx_names_copy(a->n, name);
	pe.alias = dbx_names_copy(a->n, alias);
	rc = pe.name && pe.alias ? copy_addrs(a->at, &pe) : -ENOMEM;
	if (rc) {
		pe_fini(&pe);
		return rc;
	}
	return put(a, &pe);
}

static void add_pe_rule(struct dbx_names *n, const struct dbx_model *m, struct dbx_names_ncc *c,
			const struct dbx_ncc *ncc, const struct dbx_pe_rule *r)
{
	const struct dbx_pe_address *at = dbx_model_pe_address(m, r->rule_id);
	struct adding a = {
		.n = n,
		.c = c,
		.rule = r,
		.at = at,
		.is_effective = dbx_pe_rule_is_effective(r),
		.is_required = dbx_pe_address_is_required(at),
	};
	struct dbx_strbuf text;

	if (!a.is_effective && !a.is_required)
		return;
	dbx_strbuf_init(&text);
	dbx_strbuf_addf(&text, "private endpoint rule %s", r->rule_id);
	a.number = dbx_names_add_rule(n, m, &r->where, "", &text);
	dbx_strbuf_fini(&text);
	dbx_names_note(n, dbx_pe_rule_names(r, ncc->region, add_name, &a));
}

uint32_t dbx_names_add_ncc(struct dbx_names *n, const struct dbx_model *m,
			   const struct dbx_ncc *ncc)
{
	struct dbx_names_ncc c = {.id = NULL};

	for (size_t i = 0; i < n->nccs.n; i++)
		if (!strcmp(n->nccs.v[i].id, ncc->id))
			return (uint32_t)i;
	c.id = dbx_names_copy(n, ncc->id);
	if (!c.id)
		return DBX_NAMES_NO_NCC;
	dbx_strmap_init(&c.by_name);
	for (size_t i = 0; i < m->n_pe_rules && !n->err; i++) {
		const struct dbx_pe_rule *r = &m->pe_rules[i];

		if (r->ncc_id && !strcmp(r->ncc_id, ncc->id))
			add_pe_rule(n, m, &c, ncc, r);
	}
	if (dbx_vec_push(&n->nccs, c)) {
		dbx_names_ncc_fini(&c);
		dbx_names_note(n, -ENOMEM);
		return DBX_NAMES_NO_NCC;
	}
	return (uint32_t)n->nccs.n - 1;
}

const struct dbx_names_pe *dbx_names_find_pe(const struct dbx_names *n,
					     const struct dbx_names_scope *s, const char *name)
{
	const struct dbx_names_ncc *c;
	uint64_t at;

	if (!s || s->ncc == DBX_NAMES_NO_NCC)
		return NULL;
	c = &n->nccs.v[s->ncc];
	return dbx_strmap_get(&c->by_name, name, &at) ? &c->v.v[at] : NULL;
}
