// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_update.c -- whether a model may take the place of another: feeds that go back, shrink, or
 * lose a tag that a policy names.
 *
 * Version fields are not trusted (one number was seen with two contents, and seen to fall): what
 * counts is the content; the number only says that something may be wrong.
 */
#include "policy/check_impl.h"

#include <inttypes.h>
#include <string.h>

#define SHRINK_PERCENT 20 /* when the gateway document does not say */

struct update {
	struct dbx_check_ctx c; /* of the new model */
	const struct dbx_model *before;
	enum dbx_severity severity; /* of what --force may override */
};

static const char *how(const struct update *u)
{
	return u->severity == DBX_SEV_ERROR ? "; --force applies it all the same" : " (forced)";
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

/* Where a kind of range file says its number, and where its ranges are. */
static const struct {
	const char *number, *ranges;
} pointers[DBX_DOC_KIND_MAX] = {
	[DBX_DOC_AZURE_TAGS] = {"/changeNumber", "/values"},
	[DBX_DOC_AWS_RANGES] = {"/syncToken", "/prefixes"},
	[DBX_DOC_GOOGLE_RANGES] = {"/syncToken", "/prefixes"},
	[DBX_DOC_DATABRICKS_RANGES] = {"/timestampSeconds", "/prefixes"},
};

static void check_number(struct update *u, const struct dbx_feed *old, const struct dbx_feed *new)
{
	const struct dbx_where at = {new->where.doc, (char *)pointers[new->kind].number};
	bool same = old->content_hash == new->content_hash;

	if (new->change_number < old->change_number)
		DBX_SAY(&u->c, u->severity, "feed-number-falls", &at,
			"the range file of %s goes back from %s to %s%s", new->cloud, old->version,
			new->version, how(u));
	else if (new->change_number == old->change_number && !same)
		DBX_SAY(&u->c, DBX_SEV_INFO, "feed-same-number", &at,
			"the range file of %s has another content under the same number %s",
			new->cloud, new->version);
	else if (new->change_number != old->change_number && same)
		DBX_SAY(&u->c, DBX_SEV_INFO, "feed-same-content", &at,
			"the range file of %s went from %s to %s without a change of content",
			new->cloud, old->version, new->version);
}

static void check_size(struct update *u, const struct dbx_feed *old, const struct dbx_feed *new)
{
	const struct dbx_where at = {new->where.doc, (char *)pointers[new->kind].ranges};
	uint32_t percent = u->c.m->gateway.feed_max_shrink_percent;
	uint64_t lost;

	percent = percent ? percent : SHRINK_PERCENT;
	if (new->n_prefixes >= old->n_prefixes)
		return;
	lost = old->n_prefixes - new->n_prefixes;
	if (lost * 100 > (uint64_t)old->n_prefixes * percent)
		DBX_SAY(&u->c, u->severity, "feed-shrinks", &at,
			"the range file of %s shrinks from %zu to %zu entries, by more than %" PRIu32
			" %% (feed_max_shrink_percent)%s",
			new->cloud, old->n_prefixes, new->n_prefixes, percent, how(u));
}

static int count_prefixes(void *arg, const struct dbx_feed *feed, const struct dbx_tag *tag)
{
	(void)feed;
	*(uint64_t *)arg += tag->n;
	return 0;
}

static void check_tag(struct update *u, const struct dbx_tag_ref *t)
{
	uint64_t n_before = 0, n_after = 0;

	if (dbx_model_find_tags(u->before, t->tag, t->cloud, count_prefixes, &n_before) <= 0 ||
	    n_before == 0)
		return; /* it was not there before either: not this update's doing */
	/* One that is gone altogether is an error of dbx_check(), which no force overrides. */
	if (dbx_model_find_tags(u->c.m, t->tag, t->cloud, count_prefixes, &n_after) > 0 &&
	    n_after == 0)
		DBX_SAY(&u->c, u->severity, "missing-tag", &t->where,
			"service tag %s, which is named here, has no prefixes in the new range "
			"files%s",
			t->tag, how(u));
}

static void check_tags(struct update *u, const struct dbx_dest_set *sets, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < sets[i].n_tags; k++)
			check_tag(u, &sets[i].tags[k]);
	}
}

int dbx_check_update(const struct dbx_model *before, const struct dbx_model *after, bool force,
		     struct dbx_diag *d)
{
	struct update u = {
		.c = {.m = after, .d = d},
		.before = before,
		.severity = force ? DBX_SEV_WARNING : DBX_SEV_ERROR,
	};
	const struct dbx_gateway *g = &after->gateway;
	size_t i;

	for (i = 0; i < after->n_feeds; i++) {
		const struct dbx_feed *old = find_feed(before, &after->feeds[i]);

		if (!old)
			continue;
		check_number(&u, old, &after->feeds[i]);
		check_size(&u, old, &after->feeds[i]);
	}
	check_tags(&u, g->platform, g->n_platform);
	check_tags(&u, g->storage, g->n_storage);
	check_tags(&u, g->allowed, g->n_allowed);
	check_tags(&u, g->blocked, g->n_blocked);
	return 0;
}
