/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_feed.c -- what the four feeds have in common: rows in any order become tags with their
 * prefixes side by side, in the order of the file; a prefix that a tag lists twice is kept once.
 *
 * The content hash is a sum over tags and (tag, prefix) pairs, so it depends on neither order nor
 * duplicates nor the feed's number: version fields lie (egress-model 5.4), content does not.
 */
#include "policy/read_feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dbx_feed_begin(struct dbx_feed_builder *b, struct dbx_rd *r, const struct dbx_rd_at *at,
		   enum dbx_doc_kind kind, const char *cloud)
{
	*b = (struct dbx_feed_builder){.r = r, .feed.kind = kind};
	dbx_strmap_init(&b->by_name);
	dbx_strmap_init(&b->told);
	b->feed.cloud = strdup(cloud);
	return b->feed.cloud ? dbx_rd_where(r, at, &b->feed.where) : -ENOMEM;
}

static int add_tag(struct dbx_feed_builder *b, const char *name, const char *region,
		   const char *key)
{
	struct dbx_tag *t = dbx_rd_append(&b->feed.tags, &b->feed.n_tags);

	if (!t)
		return -ENOMEM;
	t->name = strdup(name);
	t->region = strdup(region);
	if (!t->name || !t->region)
		return -ENOMEM;
	return dbx_strmap_put(&b->by_name, key, b->feed.n_tags - 1);
}

/* Tags are compared without case everywhere (egress-model 5.1), so a name in another case is the
 * same tag. */
int dbx_feed_tag(struct dbx_feed_builder *b, const char *name, const char *region, uint32_t *tag,
		 bool *is_new)
{
	char *key = strdup(name);
	uint64_t known = b->feed.n_tags;
	bool found;
	int rc = 0;

	if (!key)
		return -ENOMEM;
	for (char *c = key; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	found = dbx_strmap_get(&b->by_name, key, &known);
	if (!found)
		rc = add_tag(b, name, region, key);
	free(key);
	*tag = (uint32_t)known;
	if (is_new)
		*is_new = !found;
	return rc;
}

int dbx_feed_prefix(struct dbx_feed_builder *b, uint32_t tag, const json_t *text, uint32_t item,
		    const struct dbx_rd_at *at)
{
	struct dbx_feed_row row = {.tag = tag, .item = item};
	const char *s = json_string_value(text);
	int rc;

	if (!s) {
		dbx_rd_text(b->r, text, at, "a prefix such as \"10.0.0.0/8\"");
		return 0;
	}
	rc = dbx_prefix_parse(s, DBX_PREFIX_BARE_OK, &row.prefix);
	if (rc) {
		dbx_rd_prefix_error(b->r, at, s, rc);
		return 0;
	}
	return dbx_vec_push(&b->rows, row);
}

int dbx_feed_check_keys(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			const char *const *known)
{
	char q[RD_QUOTE_SIZE];
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)o, key, value) {
		const char *const *k = known;
		int rc;

		while (*k && strcmp(*k, key))
			k++;
		if (*k)
			continue;
		rc = dbx_strmap_put(&b->told, key, 0);
		if (rc == -EEXIST)
			continue;
		if (rc)
			return rc;
		dbx_rd_warn(
			b->r, RD_KEY(at, key), "unknown-key",
			"read a feed: key %s is not known; ignored, here and in every other row",
			dbx_rd_quote(key, q));
	}
	return 0;
}

static const json_t *need(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			  const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (v && !json_is_null(v))
		return v;
	dbx_rd_error(b->r, at, "missing-key", "read a feed: \"%s\" is missing; it is required",
		     key);
	return NULL;
}

const char *dbx_feed_text(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			  const char *key)
{
	const json_t *v = need(b, o, at, key);

	return v ? dbx_rd_text(b->r, v, RD_KEY(at, key), "a string") : NULL;
}

const char *dbx_feed_label(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			   const char *key)
{
	const char *s = dbx_feed_text(b, o, at, key);
	char q[RD_QUOTE_SIZE];

	if (!s || (s[strspn(s, " ")] && !strchr(s, '/')))
		return s;
	dbx_rd_error(b->r, RD_KEY(at, key), "bad-value",
		     "read %s %s: it is part of a tag's name, so it may be neither empty nor have "
		     "a '/'",
		     key, dbx_rd_quote(s, q));
	return NULL;
}

void dbx_feed_number(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
		     const char *key, uint64_t *out)
{
	const json_t *v = need(b, o, at, key);
	size_t errors = b->r->n_errors;
	int64_t n = 0;

	if (!v)
		return;
	dbx_rd_int64(b->r, v, RD_KEY(at, key), &n);
	if (n < 0)
		dbx_rd_error(b->r, RD_KEY(at, key), "bad-number",
			     "read %s %" PRId64 ": it is below 0", key, n);
	else if (b->r->n_errors == errors)
		*out = (uint64_t)n;
}

const json_t *dbx_feed_list(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			    const char *key)
{
	const json_t *v = need(b, o, at, key);
	void *none = NULL;
	size_t n = 0;

	if (!v || json_is_array(v))
		return v;
	dbx_rd_items(b->r, v, RD_KEY(at, key), 1, 0, dbx_rd_skip, &none, &n);
	return NULL;
}

/* ---- the end ---- */

static uint64_t hash_row(const struct dbx_feed_row *row, uint64_t seed)
{
	uint8_t key[18];

	key[0] = row->prefix.addr.is_v6;
	key[1] = row->prefix.len;
	memcpy(key + 2, row->prefix.addr.a, 16);
	return dbx_hash64(key, sizeof(key), seed);
}

static bool same_row(const struct dbx_feed_row *x, const struct dbx_feed_row *y)
{
	return x->tag == y->tag && !dbx_prefix_cmp(&x->prefix, &y->prefix);
}

/* Marks rows that repeat an earlier one (tag UINT32_MAX), and sums up the content hash. */
static int drop_repeats(struct dbx_feed_builder *b)
{
	size_t n_slots = 16, mask;
	uint64_t *seeds;
	uint32_t *slots;

	while (n_slots < 2 * b->rows.n)
		n_slots *= 2;
	mask = n_slots - 1;
	seeds = calloc(b->feed.n_tags + 1, sizeof(seeds[0]));
	slots = calloc(n_slots, sizeof(slots[0])); /* row + 1, 0 = free */
	if (!seeds || !slots) {
		free(seeds);
		free(slots);
		return -ENOMEM;
	}
	for (size_t i = 0; i < b->feed.n_tags; i++) {
		const struct dbx_tag *t = &b->feed.tags[i];

		seeds[i] = dbx_hash64(t->name, strlen(t->name), 1);
		b->feed.content_hash += dbx_hash64(t->region, strlen(t->region), seeds[i]);
	}
	for (size_t i = 0; i < b->rows.n; i++) {
		struct dbx_feed_row *row = &b->rows.v[i];
		uint64_t hash = hash_row(row, seeds[row->tag]);
		size_t s = hash & mask;

		while (slots[s] && !same_row(&b->rows.v[slots[s] - 1], row))
			s = (s + 1) & mask;
		if (slots[s]) {
			row->tag = UINT32_MAX;
			continue;
		}
		slots[s] = (uint32_t)i + 1;
		b->feed.content_hash += hash;
	}
	free(seeds);
	free(slots);
	return 0;
}

/* Counting sort by tag; stable, so each tag keeps the order of the file. */
static int place_rows(struct dbx_feed_builder *b)
{
	struct dbx_feed *f = &b->feed;
	uint32_t at = 0;

	f->prefixes = calloc(b->rows.n + 1, sizeof(f->prefixes[0]));
	if (!f->prefixes)
		return -ENOMEM;
	for (size_t i = 0; i < b->rows.n; i++) {
		if (b->rows.v[i].tag != UINT32_MAX)
			f->tags[b->rows.v[i].tag].n++;
	}
	for (size_t i = 0; i < f->n_tags; i++) {
		f->tags[i].first = at;
		at += f->tags[i].n;
		f->tags[i].n = 0;
	}
	f->n_prefixes = at;
	for (size_t i = 0; i < b->rows.n; i++) {
		const struct dbx_feed_row *row = &b->rows.v[i];
		struct dbx_tag *t;

		if (row->tag == UINT32_MAX)
			continue;
		t = &f->tags[row->tag];
		f->prefixes[t->first + t->n++] =
			(struct dbx_feed_prefix){.prefix = row->prefix, .item = row->item};
	}
	return 0;
}

static int finish(struct dbx_feed_builder *b, const struct dbx_rd_at *at)
{
	int rc;

	if (b->rows.n >= UINT32_MAX) {
		dbx_rd_error(b->r, at, "limit", "read a feed: it has %zu prefixes; too many",
			     b->rows.n);
		return 0;
	}
	if (!b->rows.n)
		dbx_rd_error(b->r, at, "empty-feed",
			     "read a feed: it has no prefixes at all; such a file would silently "
			     "empty every list that names its tags");
	rc = drop_repeats(b);
	return rc ? rc : place_rows(b);
}

int dbx_feed_end(struct dbx_feed_builder *b, const struct dbx_rd_at *at, int rc)
{
	struct dbx_feed *f = NULL;

	if (!rc)
		rc = finish(b, at);
	f = dbx_rd_append(&b->r->m->feeds, &b->r->m->n_feeds);
	if (f) /* even after a failure: freeing the model frees it */
		*f = b->feed;
	dbx_strmap_fini(&b->by_name);
	dbx_strmap_fini(&b->told);
	dbx_vec_fini(&b->rows);
	if (!f) {
		struct dbx_feed left = b->feed;

		for (size_t i = 0; i < left.n_tags; i++) {
			free(left.tags[i].name);
			free(left.tags[i].region);
		}
		free(left.tags);
		free(left.prefixes);
		free(left.cloud);
		free(left.version);
		free(left.where.ptr);
		return -ENOMEM;
	}
	return rc;
}
