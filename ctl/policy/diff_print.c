// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * diff_print.c -- a diff as lines for people and as JSON for programs.
 *
 *	+ network-policy np-lab {...}
 *	~ network-policy np-prod /egress/network_access/restriction_mode "FULL_ACCESS" -> "..."
 *	~ feed Public 397 -> 398: 57 tags changed, 0 added, 0 removed; 309 entries added, 635 removed
 */
#include "policy/diff.h"

#include <string.h>

#include "lib/strbuf.h"

#define VALUE_MAX 200 /* bytes of a value that a line for people shows */

static const struct op_name {
	char sign;
	const char *name;
} ops[] = {
	[DBX_CHANGE_ADD] = {'+', "add"},
	[DBX_CHANGE_REMOVE] = {'-', "remove"},
	[DBX_CHANGE_MODIFY] = {'~', "modify"},
};

static void add_value(struct dbx_strbuf *s, const char *value, bool verbose)
{
	size_t n = strlen(value);

	if (verbose || n <= VALUE_MAX) {
		dbx_strbuf_add(s, value);
		return;
	}
	for (n = VALUE_MAX; n > 0 && ((unsigned char)value[n] & 0xc0) == 0x80; n--)
		; /* do not cut inside a UTF-8 sequence */
	dbx_strbuf_addn(s, value, n);
	dbx_strbuf_add(s, "...");
}

static void add_change(struct dbx_strbuf *s, const struct dbx_change *c, bool verbose)
{
	dbx_strbuf_addf(s, "%c %s", ops[c->op].sign, c->object);
	if (c->field[0])
		dbx_strbuf_addf(s, " %s", c->field);
	if (c->op == DBX_CHANGE_MODIFY || c->field[0] || verbose) {
		dbx_strbuf_addc(s, ' ');
		if (c->op != DBX_CHANGE_ADD)
			add_value(s, c->before, verbose);
		if (c->op == DBX_CHANGE_MODIFY)
			dbx_strbuf_add(s, " -> ");
		if (c->op != DBX_CHANGE_REMOVE)
			add_value(s, c->after, verbose);
	}
	dbx_strbuf_addc(s, '\n');
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void add_feed(struct dbx_strbuf *s, const struct dbx_feed_delta *f)
{
	if (!f->version_before[0])
		dbx_strbuf_addf(s, "+ feed %s %s: %zu tag%s, %zu entries\n", f->cloud,
				f->version_after, f->n_tags_added, plural(f->n_tags_added),
				f->n_entries_added);
	else if (!f->version_after[0])
		dbx_strbuf_addf(s, "- feed %s %s: %zu tag%s, %zu entries\n", f->cloud,
				f->version_before, f->n_tags_removed, plural(f->n_tags_removed),
				f->n_entries_removed);
	else
		dbx_strbuf_addf(s,
				"~ feed %s %s -> %s: %zu tag%s changed, %zu added, %zu removed; "
				"%zu entries added, %zu removed\n",
				f->cloud, f->version_before, f->version_after, f->n_tags_changed,
				plural(f->n_tags_changed), f->n_tags_added, f->n_tags_removed,
				f->n_entries_added, f->n_entries_removed);
}

char *dbx_diff_text(const struct dbx_diff *d, bool verbose)
{
	struct dbx_strbuf s;
	size_t i;

	dbx_strbuf_init(&s);
	for (i = 0; i < d->n_changes; i++)
		add_change(&s, &d->changes[i], verbose);
	for (i = 0; i < d->n_feeds; i++)
		add_feed(&s, &d->feeds[i]);
	for (i = 0; verbose && i < d->n_tags; i++)
		dbx_strbuf_addf(&s, "%c tag %s %s: +%zu -%zu\n", ops[d->tags[i].op].sign,
				d->tags[i].cloud, d->tags[i].tag, d->tags[i].n_added,
				d->tags[i].n_removed);
	if (dbx_diff_is_empty(d))
		dbx_strbuf_add(&s, "no change\n");
	return dbx_strbuf_steal(&s);
}

static void add_string(struct dbx_strbuf *s, const char *key, const char *value)
{
	dbx_strbuf_addf(s, "\"%s\":\"", key);
	dbx_strbuf_add_json_escaped(s, value, strlen(value));
	dbx_strbuf_addc(s, '"');
}

static void add_json_change(struct dbx_strbuf *s, const struct dbx_change *c)
{
	dbx_strbuf_addf(s, "{\"op\":\"%s\",", ops[c->op].name);
	add_string(s, "object", c->object);
	dbx_strbuf_addc(s, ',');
	add_string(s, "field", c->field);
	/* the values are JSON already */
	dbx_strbuf_addf(s, ",\"before\":%s", c->before[0] ? c->before : "null");
	dbx_strbuf_addf(s, ",\"after\":%s}", c->after[0] ? c->after : "null");
}

static void add_json_feed(struct dbx_strbuf *s, const struct dbx_feed_delta *f)
{
	dbx_strbuf_addc(s, '{');
	add_string(s, "cloud", f->cloud);
	dbx_strbuf_addc(s, ',');
	add_string(s, "version_before", f->version_before);
	dbx_strbuf_addc(s, ',');
	add_string(s, "version_after", f->version_after);
	dbx_strbuf_addf(s,
			",\"tags_added\":%zu,\"tags_removed\":%zu,\"tags_changed\":%zu,"
			"\"entries_added\":%zu,\"entries_removed\":%zu}",
			f->n_tags_added, f->n_tags_removed, f->n_tags_changed, f->n_entries_added,
			f->n_entries_removed);
}

static void add_json_tag(struct dbx_strbuf *s, const struct dbx_tag_delta *t)
{
	dbx_strbuf_addf(s, "{\"op\":\"%s\",", ops[t->op].name);
	add_string(s, "cloud", t->cloud);
	dbx_strbuf_addc(s, ',');
	add_string(s, "tag", t->tag);
	dbx_strbuf_addf(s, ",\"entries_added\":%zu,\"entries_removed\":%zu}", t->n_added,
			t->n_removed);
}

char *dbx_diff_json(const struct dbx_diff *d)
{
	struct dbx_strbuf s;
	size_t i;

	dbx_strbuf_init(&s);
	dbx_strbuf_add(&s, "{\"changes\":[");
	for (i = 0; i < d->n_changes; i++) {
		dbx_strbuf_add(&s, i ? "," : "");
		add_json_change(&s, &d->changes[i]);
	}
	dbx_strbuf_add(&s, "],\"feeds\":[");
	for (i = 0; i < d->n_feeds; i++) {
		dbx_strbuf_add(&s, i ? "," : "");
		add_json_feed(&s, &d->feeds[i]);
	}
	dbx_strbuf_add(&s, "],\"tags\":[");
	for (i = 0; i < d->n_tags; i++) {
		dbx_strbuf_add(&s, i ? "," : "");
		add_json_tag(&s, &d->tags[i]);
	}
	dbx_strbuf_add(&s, "]}");
	return dbx_strbuf_steal(&s);
}
