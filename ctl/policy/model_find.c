/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model_find.c -- look-ups by id, and what follows from bindings.
 *
 * A configuration may have 65,535 workspaces, each with an option and a binding, so a scan per
 * look-up would cost minutes; the index makes each one a hash probe. Where an id was given twice
 * (an error that resolving reports) the first one counts, with and without the index.
 */
#include "policy/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/hash.h"
#include "policy/model_index.h"

#define NAME_SIZE 256 /* longest tag name that the index knows; longer ones are scanned for */

struct dbx_model_index {
	struct dbx_strmap policies, nccs, pe_rules, workspaces, options, bindings;
	struct dbx_strmap rule_nccs; /* id of an NCC -> its first rule */
	struct dbx_strmap *tags;     /* one a feed: name in lower case -> index */
	size_t n_tags;
};

static bool lower(const char *s, char out[NAME_SIZE])
{
	size_t i;

	for (i = 0; s[i]; i++) {
		if (i == NAME_SIZE - 1)
			return false;
		out[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' + 'a') : s[i];
	}
	out[i] = '\0';
	return true;
}

static int put_name(struct dbx_strmap *map, const char *key, size_t i)
{
	int rc = dbx_strmap_put(map, key, i);

	return rc == -EEXIST ? 0 : rc;
}

static int put_id(struct dbx_strmap *map, int64_t id, size_t i)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRId64, id);
	return put_name(map, key, i);
}

static int index_tags(struct dbx_model_index *ix, const struct dbx_model *m)
{
	char key[NAME_SIZE];
	int rc = 0;

	if (!m->n_feeds)
		return 0;
	ix->tags = calloc(m->n_feeds, sizeof(ix->tags[0]));
	if (!ix->tags)
		return -ENOMEM;
	ix->n_tags = m->n_feeds;
	for (size_t f = 0; f < m->n_feeds; f++) {
		dbx_strmap_init(&ix->tags[f]);
		for (size_t i = 0; i < m->feeds[f].n_tags && !rc; i++) {
			if (lower(m->feeds[f].tags[i].name, key))
				rc = put_name(&ix->tags[f], key, i);
		}
	}
	return rc;
}

static int index_all(struct dbx_model_index *ix, const struct dbx_model *m)
{
	int rc = 0;

	for (size_t i = 0; i < m->n_policies && !rc; i++)
		rc = put_name(&ix->policies, m->policies[i].id, i);
	for (size_t i = 0; i < m->n_nccs && !rc; i++)
		rc = put_name(&ix->nccs, m->nccs[i].id, i);
	for (size_t i = 0; i < m->n_pe_rules && !rc; i++)
		rc = put_name(&ix->pe_rules, m->pe_rules[i].rule_id, i);
	for (size_t i = 0; i < m->n_pe_rules && !rc; i++)
		rc = m->pe_rules[i].ncc_id ? put_name(&ix->rule_nccs, m->pe_rules[i].ncc_id, i) : 0;
	for (size_t i = 0; i < m->gateway.n_workspaces && !rc; i++)
		rc = put_id(&ix->workspaces, m->gateway.workspaces[i].id, i);
	for (size_t i = 0; i < m->n_options && !rc; i++)
		rc = put_id(&ix->options, m->options[i].workspace_id, i);
	for (size_t i = 0; i < m->n_bindings && !rc; i++)
		rc = put_id(&ix->bindings, m->bindings[i].workspace_id, i);
	return rc ? rc : index_tags(ix, m);
}

int dbx_model_index_make(struct dbx_model *m)
{
	struct dbx_model_index *ix = calloc(1, sizeof(*ix));
	int rc;

	dbx_model_index_free(m);
	if (!ix)
		return -ENOMEM;
	dbx_strmap_init(&ix->policies);
	dbx_strmap_init(&ix->nccs);
	dbx_strmap_init(&ix->pe_rules);
	dbx_strmap_init(&ix->workspaces);
	dbx_strmap_init(&ix->options);
	dbx_strmap_init(&ix->bindings);
	dbx_strmap_init(&ix->rule_nccs);
	m->index = ix;
	rc = index_all(ix, m);
	if (rc)
		dbx_model_index_free(m);
	return rc;
}

void dbx_model_index_free(struct dbx_model *m)
{
	struct dbx_model_index *ix = m->index;

	if (!ix)
		return;
	dbx_strmap_fini(&ix->policies);
	dbx_strmap_fini(&ix->nccs);
	dbx_strmap_fini(&ix->pe_rules);
	dbx_strmap_fini(&ix->workspaces);
	dbx_strmap_fini(&ix->options);
	dbx_strmap_fini(&ix->bindings);
	dbx_strmap_fini(&ix->rule_nccs);
	for (size_t i = 0; i < ix->n_tags; i++)
		dbx_strmap_fini(&ix->tags[i]);
	free(ix->tags);
	free(ix);
	m->index = NULL;
}

/* The element of an array whose key field is what is looked for, by index or by scan. */
#define FIND_NAME(m, map, array, n, field, key)                                                    \
	do {                                                                                       \
		uint64_t at_;                                                                      \
		if ((m)->index)                                                                    \
			return dbx_strmap_get(&(m)->index->map, key, &at_) ? &(array)[at_] : NULL; \
		for (size_t i_ = 0; i_ < (n); i_++) {                                              \
			if (!strcmp((array)[i_].field, key))                                       \
				return &(array)[i_];                                               \
		}                                                                                  \
		return NULL;                                                                       \
	} while (0)

#define FIND_ID(m, map, array, n, field, id)                                                \
	do {                                                                                \
		uint64_t at_;                                                               \
		char key_[24];                                                              \
		snprintf(key_, sizeof(key_), "%" PRId64, id);                               \
		if ((m)->index)                                                             \
			return dbx_strmap_get(&(m)->index->map, key_, &at_) ? &(array)[at_] \
									    : NULL;         \
		for (size_t i_ = 0; i_ < (n); i_++) {                                       \
			if ((array)[i_].field == (id))                                      \
				return &(array)[i_];                                        \
		}                                                                           \
		return NULL;                                                                \
	} while (0)

const struct dbx_policy *dbx_model_policy(const struct dbx_model *m, const char *id)
{
	FIND_NAME(m, policies, m->policies, m->n_policies, id, id);
}

const struct dbx_ncc *dbx_model_ncc(const struct dbx_model *m, const char *id)
{
	FIND_NAME(m, nccs, m->nccs, m->n_nccs, id, id);
}

const struct dbx_pe_rule *dbx_model_pe_rule(const struct dbx_model *m, const char *rule_id)
{
	FIND_NAME(m, pe_rules, m->pe_rules, m->n_pe_rules, rule_id, rule_id);
}

const struct dbx_workspace *dbx_model_workspace(const struct dbx_model *m, int64_t id)
{
	FIND_ID(m, workspaces, m->gateway.workspaces, m->gateway.n_workspaces, id, id);
}

static const struct dbx_ws_option *find_option(const struct dbx_model *m, int64_t workspace_id)
{
	FIND_ID(m, options, m->options, m->n_options, workspace_id, workspace_id);
}

static const struct dbx_ncc_binding *find_binding(const struct dbx_model *m, int64_t workspace_id)
{
	FIND_ID(m, bindings, m->bindings, m->n_bindings, workspace_id, workspace_id);
}

const char *dbx_model_doc_name(const struct dbx_model *m, const struct dbx_where *w)
{
	return w->doc < m->n_docs ? m->docs[w->doc].name : "";
}

const struct dbx_policy *dbx_model_policy_of(const struct dbx_model *m, int64_t workspace_id,
					     const char **explicit_id)
{
	const struct dbx_ws_option *o = find_option(m, workspace_id);

	if (explicit_id)
		*explicit_id = o ? o->policy_id : NULL;
	return dbx_model_policy(m, o ? o->policy_id : "default-policy");
}

const struct dbx_ncc *dbx_model_ncc_of(const struct dbx_model *m, int64_t workspace_id)
{
	const struct dbx_ncc_binding *b = find_binding(m, workspace_id);

	return b ? dbx_model_ncc(m, b->ncc_id) : NULL;
}

const char *dbx_model_scope_ncc(const struct dbx_model *m, const struct dbx_ncc *ncc)
{
	if (!ncc)
		return NULL;
	if (m->index)
		return dbx_strmap_get(&m->index->rule_nccs, ncc->id, NULL) ? ncc->id : NULL;
	for (size_t i = 0; i < m->n_pe_rules; i++) {
		if (m->pe_rules[i].ncc_id && !strcmp(m->pe_rules[i].ncc_id, ncc->id))
			return ncc->id;
	}
	return NULL;
}

bool dbx_pe_rule_is_effective(const struct dbx_pe_rule *r)
{
	return r->state == DBX_PE_ESTABLISHED && !r->deactivated &&
	       (r->flavour != DBX_PE_AWS_S3 || r->enabled);
}

const struct dbx_pe_address *dbx_model_pe_address(const struct dbx_model *m, const char *rule_id)
{
	const struct dbx_gateway *g = &m->gateway;

	for (size_t i = 0; i < g->n_private_endpoints; i++) {
		if (!strcmp(g->private_endpoints[i].rule_id, rule_id))
			return &g->private_endpoints[i];
	}
	return NULL;
}

bool dbx_pe_address_is_required(const struct dbx_pe_address *a)
{
	return !a || !a->has_private_required || a->private_required;
}

/* "S3" is every "S3/<region>" of an AWS feed. */
static bool is_service_of(const struct dbx_feed *f, const struct dbx_tag *t, const char *name,
			  size_t len)
{
	return f->kind == DBX_DOC_AWS_RANGES && !strncasecmp(t->name, name, len) &&
	       t->name[len] == '/';
}

/* What add() returned when negative, else how many tags of this feed were named. */
static int scan_tags(const struct dbx_feed *f, const char *name, dbx_tag_fn add, void *arg)
{
	bool whole_service = f->kind == DBX_DOC_AWS_RANGES && !strchr(name, '/');
	size_t len = strlen(name);
	int n = 0, rc;

	for (size_t i = 0; i < f->n_tags; i++) {
		const struct dbx_tag *t = &f->tags[i];

		if (strcasecmp(t->name, name) && !(whole_service && is_service_of(f, t, name, len)))
			continue;
		rc = add ? add(arg, f, t) : 0;
		if (rc < 0)
			return rc;
		n++;
	}
	return n;
}

static int feed_tags(const struct dbx_model *m, size_t feed, const char *name, dbx_tag_fn add,
		     void *arg)
{
	const struct dbx_feed *f = &m->feeds[feed];
	char key[NAME_SIZE];
	uint64_t at;
	int rc;

	if (!m->index || feed >= m->index->n_tags || !lower(name, key) ||
	    (f->kind == DBX_DOC_AWS_RANGES && !strchr(name, '/')))
		return scan_tags(f, name, add, arg);
	if (!dbx_strmap_get(&m->index->tags[feed], key, &at))
		return 0;
	rc = add ? add(arg, f, &f->tags[at]) : 0;
	return rc < 0 ? rc : 1;
}

int dbx_model_find_tags(const struct dbx_model *m, const char *name, const char *cloud,
			dbx_tag_fn add, void *arg)
{
	int n = 0, rc;

	for (size_t i = 0; i < m->n_feeds; i++) {
		if (cloud && strcasecmp(m->feeds[i].cloud, cloud))
			continue;
		rc = feed_tags(m, i, name, add, arg);
		if (rc < 0)
			return rc;
		n += rc;
	}
	return n;
}

int dbx_model_count_clouds(const struct dbx_model *m, const char *name)
{
	int n = 0;

	for (size_t i = 0; i < m->n_feeds; i++)
		n += feed_tags(m, i, name, NULL, NULL) > 0;
	return n;
}
