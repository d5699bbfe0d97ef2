// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * diff.c -- what changes between two models: each kind of object matched by its id.
 *
 * Objects are compared as the JSON that they print as, so whatever a document can say is compared,
 * keys that this version does not know included. Changes come in the order of the old model, then
 * what is new in the order of the new one.
 */
#include "policy/diff_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "policy/read.h"

#define OBJECT_STRLEN 320

/* One kind of object: how many a model has, what identifies the i-th, and how it prints. */
struct kind {
	const char *noun;
	size_t (*count)(const struct dbx_model *m);
	void (*id)(const struct dbx_model *m, size_t i, char out[OBJECT_STRLEN]);
	char *(*print)(const struct dbx_model *m, size_t i);
};

static size_t count_policies(const struct dbx_model *m)
{
	return m->n_policies;
}

static void id_policy(const struct dbx_model *m, size_t i, char out[OBJECT_STRLEN])
{
	snprintf(out, OBJECT_STRLEN, "%s", m->policies[i].id);
}

static char *print_policy(const struct dbx_model *m, size_t i)
{
	return dbx_print_policy(&m->policies[i]);
}

static size_t count_nccs(const struct dbx_model *m)
{
	return m->n_nccs;
}

static void id_ncc(const struct dbx_model *m, size_t i, char out[OBJECT_STRLEN])
{
	snprintf(out, OBJECT_STRLEN, "%s", m->nccs[i].id);
}

static char *print_ncc(const struct dbx_model *m, size_t i)
{
	return dbx_print_ncc(m, &m->nccs[i]);
}

static size_t count_rules(const struct dbx_model *m)
{
	return m->n_pe_rules;
}

static void id_rule(const struct dbx_model *m, size_t i, char out[OBJECT_STRLEN])
{
	snprintf(out, OBJECT_STRLEN, "%s", m->pe_rules[i].rule_id);
}

static char *print_rule(const struct dbx_model *m, size_t i)
{
	return dbx_print_pe_rule(&m->pe_rules[i]);
}

static size_t count_options(const struct dbx_model *m)
{
	return m->n_options;
}

static void id_option(const struct dbx_model *m, size_t i, char out[OBJECT_STRLEN])
{
	snprintf(out, OBJECT_STRLEN, "%" PRId64, m->options[i].workspace_id);
}

static char *print_option(const struct dbx_model *m, size_t i)
{
	return dbx_print_option(&m->options[i]);
}

static size_t count_bindings(const struct dbx_model *m)
{
	return m->n_bindings;
}

static void id_binding(const struct dbx_model *m, size_t i, char out[OBJECT_STRLEN])
{
	snprintf(out, OBJECT_STRLEN, "%" PRId64, m->bindings[i].workspace_id);
}

static char *print_binding(const struct dbx_model *m, size_t i)
{
	return dbx_print_ncc_binding(&m->bindings[i]);
}

static size_t count_gateway(const struct dbx_model *m)
{
	return m->has_gateway ? 1 : 0;
}

static void id_gateway(const struct dbx_model *m, size_t i, char out[OBJECT_STRLEN])
{
	(void)m;
	(void)i;
	out[0] = '\0';
}

static char *print_gateway(const struct dbx_model *m, size_t i)
{
	(void)i;
	return dbx_print_gateway(&m->gateway);
}

static const struct kind kinds[] = {
	{"network-policy", count_policies, id_policy, print_policy},
	{"ncc", count_nccs, id_ncc, print_ncc},
	{"private-endpoint-rule", count_rules, id_rule, print_rule},
	{"workspace-option", count_options, id_option, print_option},
	{"ncc-binding", count_bindings, id_binding, print_binding},
	{"gateway", count_gateway, id_gateway, print_gateway},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Ids of one kind -> index. Of an id given twice (the reader has said so) the first counts. */
static int index_kind(const struct dbx_model *m, const struct kind *k, struct dbx_strmap *map)
{
	char id[OBJECT_STRLEN];
	size_t i, n = k->count(m);
	int rc = 0;

	dbx_strmap_init(map);
	for (i = 0; !rc && i < n; i++) {
		k->id(m, i, id);
		rc = dbx_strmap_put(map, id, i);
		if (rc == -EEXIST)
			rc = 0;
	}
	return rc;
}

/* Object x of one model against object y of the other; SIZE_MAX = it is not there. */
static int diff_object(struct dbx_diff_build *b, const struct kind *k, const char *id,
		       const struct dbx_model *before, size_t x, const struct dbx_model *after,
		       size_t y)
{
	char *old = x == SIZE_MAX ? NULL : k->print(before, x);
	char *new = y == SIZE_MAX ? NULL : k->print(after, y);
	char object[OBJECT_STRLEN + 32];
	int rc = 0;

	snprintf(object, sizeof(object), "%s%s%s", k->noun, id[0] ? " " : "", id);
	if ((!old && x != SIZE_MAX) || (!new &&y != SIZE_MAX))
		rc = -ENOMEM;
	else if (!old || !new || strcmp(old, new) != 0)
		rc = dbx_json_diff(b, object, old, new);
	free(old);
	free(new);
	return rc;
}

static int diff_kind(struct dbx_diff_build *b, const struct kind *k, const struct dbx_model *before,
		     const struct dbx_model *after)
{
	struct dbx_strmap old, new;
	int rc = index_kind(before, k, &old), rc_new = index_kind(after, k, &new);
	uint64_t at;
	size_t i;

	rc = rc ? rc : rc_new;
	for (i = 0; !rc && i < old.n; i++) {
		at = SIZE_MAX;
		dbx_strmap_get(&new, old.v[i].key, &at);
		rc = diff_object(b, k, old.v[i].key, before, old.v[i].value, after, at);
	}
	for (i = 0; !rc && i < new.n; i++) {
		if (!dbx_strmap_get(&old, new.v[i].key, NULL))
			rc = diff_object(b, k, new.v[i].key, before, SIZE_MAX, after,
					 new.v[i].value);
	}
	dbx_strmap_fini(&old);
	dbx_strmap_fini(&new);
	return rc;
}

static const struct dbx_feed *find_feed(const struct dbx_model *m, const struct dbx_feed *like)
{
	size_t i;

	for (i = 0; i < m->n_feeds; i++) {
		if (m->feeds[i].kind == like->kind && strcmp(m->feeds[i].cloud, like->cloud) == 0)
			return &m->feeds[i];
	}
	return NULL;
}

static int diff_feeds(struct dbx_diff_build *b, const struct dbx_model *before,
		      const struct dbx_model *after)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < before->n_feeds; i++)
		rc = dbx_diff_feed(b, &before->feeds[i], find_feed(after, &before->feeds[i]));
	for (i = 0; !rc && i < after->n_feeds; i++) {
		if (!find_feed(before, &after->feeds[i]))
			rc = dbx_diff_feed(b, NULL, &after->feeds[i]);
	}
	return rc;
}

int dbx_diff_models(const struct dbx_model *before, const struct dbx_model *after,
		    struct dbx_diff *out)
{
	struct dbx_diff_build b = {0};
	struct dbx_diff d;
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < N_KINDS; i++)
		rc = diff_kind(&b, &kinds[i], before, after);
	if (!rc)
		rc = diff_feeds(&b, before, after);
	d = (struct dbx_diff){
		.changes = b.changes.v,
		.n_changes = b.changes.n,
		.feeds = b.feeds.v,
		.n_feeds = b.feeds.n,
		.tags = b.tags.v,
		.n_tags = b.tags.n,
	};
	if (rc)
		dbx_diff_fini(&d);
	else
		*out = d;
	return rc;
}

void dbx_diff_fini(struct dbx_diff *d)
{
	size_t i;

	for (i = 0; i < d->n_changes; i++) {
		free(d->changes[i].object);
		free(d->changes[i].field);
		free(d->changes[i].before);
		free(d->changes[i].after);
	}
	for (i = 0; i < d->n_feeds; i++) {
		free(d->feeds[i].cloud);
		free(d->feeds[i].version_before);
		free(d->feeds[i].version_after);
	}
	for (i = 0; i < d->n_tags; i++) {
		free(d->tags[i].cloud);
		free(d->tags[i].tag);
	}
	free(d->changes);
	free(d->feeds);
	free(d->tags);
	*d = (struct dbx_diff){0};
}

bool dbx_diff_is_empty(const struct dbx_diff *d)
{
	return d->n_changes == 0 && d->n_feeds == 0;
}
