// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * diff_feed.c -- what changes between two versions of a range feed, tag by tag.
 *
 * Contents are compared, never numbers: a number was seen with two contents. An entry is a prefix in
 * a tag; a prefix that is listed twice in a tag is one entry.
 */
#include "policy/diff_impl.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

struct prefixes {
	struct dbx_prefix *v; /* sorted, each once */
	size_t n;
};

static int cmp_prefixes(const void *x, const void *y)
{
	return dbx_prefix_cmp(x, y);
}

/* tag NULL: no prefixes. */
static int prefixes_of(const struct dbx_feed *f, const struct dbx_tag *tag, struct prefixes *out)
{
	size_t i, n = tag ? tag->n : 0;

	out->n = 0;
	out->v = malloc((n + 1) * sizeof(out->v[0]));
	if (!out->v)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		out->v[i] = f->prefixes[tag->first + i].prefix;
	qsort(out->v, n, sizeof(out->v[0]), cmp_prefixes);
	for (i = 0; i < n; i++) {
		if (i == 0 || dbx_prefix_cmp(&out->v[i], &out->v[out->n - 1]) != 0)
			out->v[out->n++] = out->v[i];
	}
	return 0;
}

static void count_changes(const struct prefixes *x, const struct prefixes *y, size_t *n_added,
			  size_t *n_removed)
{
	size_t i = 0, k = 0;

	*n_added = *n_removed = 0;
	while (i < x->n || k < y->n) {
		int d = i == x->n ? 1 : k == y->n ? -1 : dbx_prefix_cmp(&x->v[i], &y->v[k]);

		*n_removed += d < 0;
		*n_added += d > 0;
		i += d <= 0;
		k += d >= 0;
	}
}

static int add_tag(struct dbx_diff_build *b, const struct dbx_feed_delta *delta, const char *name,
		   enum dbx_change_op op, size_t n_added, size_t n_removed)
{
	struct dbx_tag_delta t = {
		.cloud = strdup(delta->cloud),
		.tag = strdup(name),
		.op = op,
		.n_added = n_added,
		.n_removed = n_removed,
	};

	if (t.cloud && t.tag && dbx_vec_push(&b->tags, t) == 0)
		return 0;
	free(t.cloud);
	free(t.tag);
	return -ENOMEM;
}

/* Most tags of a new file are as they were, down to the order. */
static bool same_list(const struct dbx_feed *feed_x, const struct dbx_tag *x,
		      const struct dbx_feed *feed_y, const struct dbx_tag *y)
{
	uint32_t i;

	if (x->n != y->n)
		return false;
	for (i = 0; i < x->n; i++) {
		if (dbx_prefix_cmp(&feed_x->prefixes[x->first + i].prefix,
				   &feed_y->prefixes[y->first + i].prefix) != 0)
			return false;
	}
	return true;
}

/* x or y may be NULL: the tag is new, or gone. */
static int diff_tag(struct dbx_diff_build *b, struct dbx_feed_delta *delta, const char *name,
		    const struct dbx_feed *feed_x, const struct dbx_tag *x,
		    const struct dbx_feed *feed_y, const struct dbx_tag *y)
{
	enum dbx_change_op op = !x ? DBX_CHANGE_ADD : !y ? DBX_CHANGE_REMOVE : DBX_CHANGE_MODIFY;
	struct prefixes px = {0}, py = {0};
	size_t n_added, n_removed;
	int rc = -ENOMEM;

	if (x && y && same_list(feed_x, x, feed_y, y))
		return 0;
	if (prefixes_of(feed_x, x, &px) || prefixes_of(feed_y, y, &py))
		goto out;
	rc = 0;
	count_changes(&px, &py, &n_added, &n_removed);
	if (x && y && n_added == 0 && n_removed == 0)
		goto out;
	delta->n_tags_added += op == DBX_CHANGE_ADD;
	delta->n_tags_removed += op == DBX_CHANGE_REMOVE;
	delta->n_tags_changed += op == DBX_CHANGE_MODIFY;
	delta->n_entries_added += n_added;
	delta->n_entries_removed += n_removed;
	rc = add_tag(b, delta, name, op, n_added, n_removed);
out:
	free(px.v);
	free(py.v);
	return rc;
}

static int index_tags(const struct dbx_feed *f, struct dbx_strmap *map)
{
	size_t i;
	int rc = 0;

	dbx_strmap_init(map);
	for (i = 0; f && !rc && i < f->n_tags; i++) {
		rc = dbx_strmap_put(map, f->tags[i].name, i);
		if (rc == -EEXIST) /* the reader has said so */
			rc = 0;
	}
	return rc;
}

static int diff_tags(struct dbx_diff_build *b, struct dbx_feed_delta *delta,
		     const struct dbx_feed *before, const struct dbx_feed *after)
{
	struct dbx_strmap old, new;
	uint64_t at;
	size_t i;
	int rc = index_tags(before, &old), rc_new = index_tags(after, &new);

	rc = rc ? rc : rc_new;
	for (i = 0; before && !rc && i < old.n; i++) {
		const struct dbx_tag *kept = NULL;

		if (after && dbx_strmap_get(&new, old.v[i].key, &at))
			kept = &after->tags[at];
		rc = diff_tag(b, delta, old.v[i].key, before, &before->tags[old.v[i].value], after,
			      kept);
	}
	for (i = 0; after && !rc && i < new.n; i++) {
		if (!dbx_strmap_get(&old, new.v[i].key, NULL))
			rc = diff_tag(b, delta, new.v[i].key, before, NULL, after,
				      &after->tags[new.v[i].value]);
	}
	dbx_strmap_fini(&old);
	dbx_strmap_fini(&new);
	return rc;
}

static bool is_nothing(const struct dbx_feed_delta *d)
{
	return !d->n_tags_added && !d->n_tags_removed && !d->n_tags_changed &&
	       strcmp(d->version_before, d->version_after) == 0;
}

int dbx_diff_feed(struct dbx_diff_build *b, const struct dbx_feed *before,
		  const struct dbx_feed *after)
{
	struct dbx_feed_delta d = {
		.cloud = strdup((before ? before : after)->cloud),
		.version_before = strdup(before ? before->version : ""),
		.version_after = strdup(after ? after->version : ""),
	};
	int rc = -ENOMEM;

	if (d.cloud && d.version_before && d.version_after)
		rc = diff_tags(b, &d, before, after);
	if (!rc && (!before || !after || !is_nothing(&d)))
		rc = dbx_vec_push(&b->feeds, d);
	else
		goto drop;
	if (!rc)
		return 0;
drop:
	free(d.cloud);
	free(d.version_before);
	free(d.version_after);
	return rc;
}
