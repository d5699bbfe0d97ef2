// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * top_lines.c -- rows of `top` as lines that fit a screen of any size, and as JSON.
 *
 * Names are of others: control characters are written out (out.h), and what is not ASCII as "?", so
 * that each byte of a line is one column.
 */
#include "cli/top.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1024
#define NAME_WIDTH_MIN 16
#define NUMBERS_WIDTH  55 /* of the columns behind the name */
#define HEAD_LINES     3

struct writer {
	const struct dbx_top *t;
	const struct dbx_top_view *v;
	dbx_top_line_fn fn;
	void *arg;
	unsigned int n; /* lines so far */
};

static void put(struct writer *w, enum dbx_top_style style, const char *text)
{
	size_t max = w->v->width && w->v->width < LINE_MAX_BYTES ? w->v->width : LINE_MAX_BYTES - 1;
	char line[LINE_MAX_BYTES];

	if (w->v->height && w->n >= w->v->height)
		return;
	snprintf(line, max + 1, "%s", text);
	w->n++;
	w->fn(w->arg, style, line);
}

/* ---- numbers that fit their columns ---- */

static void short_number(double n, char out[12])
{
	static const char units[] = " kMGTPE";
	size_t i = 0;

	while (n >= 99999.5 && i + 1 < sizeof(units) - 1) {
		n /= 1000;
		i++;
	}
	if (i)
		snprintf(out, 12, "%.*f%c", n < 100 ? 1 : 0, n, units[i]);
	else
		snprintf(out, 12, "%.*f", n < 100 && n != (double)(long)n ? 1 : 0, n);
}

/* Before the second sample there is no rate to tell. */
static void rate_text(const struct dbx_top *t, double n, char out[12])
{
	if (t->n_samples > 1)
		short_number(n, out);
	else
		snprintf(out, 12, "-");
}

/* ---- rows ---- */

static void safe_name(const char *name, size_t width, char *out)
{
	struct dbx_strbuf b;
	size_t i;

	dbx_strbuf_init(&b);
	dbx_escape_add(&b, name, strlen(name), false);
	for (i = 0; i < b.len && i < width; i++)
		out[i] = (unsigned char)b.s[i] < 0x80 ? b.s[i] : '?';
	if (b.len > width)
		out[width - 1] = '>'; /* there is more of it */
	out[i] = '\0';
	dbx_strbuf_fini(&b);
}

static bool is_shown(const struct dbx_top_view *v, const struct dbx_top_row *r)
{
	return !v->filter || !*v->filter || strcasestr(r->name, v->filter);
}

static size_t name_width(const struct dbx_top_view *v)
{
	if (!v->width)
		return 48;
	if (v->width < NUMBERS_WIDTH + NAME_WIDTH_MIN)
		return NAME_WIDTH_MIN;
	return v->width - NUMBERS_WIDTH < 80 ? v->width - NUMBERS_WIDTH : 80;
}

static void put_row(struct writer *w, const struct dbx_top_row *r)
{
	char line[LINE_MAX_BYTES], name[DBX_TOP_NAME_MAX], n[6][12];
	size_t width = name_width(w->v);

	safe_name(r->name, width, name);
	rate_text(w->t, r->denied_s, n[0]);
	rate_text(w->t, r->passed_s, n[1]);
	rate_text(w->t, r->bytes_s, n[2]);
	short_number((double)r->n.denied, n[3]);
	short_number((double)r->n.passed, n[4]);
	short_number((double)r->n.bytes, n[5]);
	snprintf(line, sizeof(line), "%-*s %8s %8s %8s %8s %8s %8s", (int)width, name, n[0], n[1],
		 n[2], n[3], n[4], n[5]);
	put(w, DBX_TOP_TEXT, line);
}

static size_t count_shown(const struct dbx_top_view *v, const struct dbx_top_rows *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++)
		n += is_shown(v, &rows->v[i]);
	return n;
}

/* n_lines: at most, with the title; 0 = no bound. */
static void put_section(struct writer *w, enum dbx_top_section s, size_t from, size_t n_lines)
{
	const struct dbx_top_rows *rows = &w->t->rows[s];
	size_t n = 0, max = n_lines ? n_lines - 1 : SIZE_MAX;
	char line[LINE_MAX_BYTES], title[64];

	if (w->v->limit && max > w->v->limit)
		max = w->v->limit;
	snprintf(title, sizeof(title), "%s (%zu)", dbx_top_section_name(s),
		 count_shown(w->v, rows));
	snprintf(line, sizeof(line), "%-*s %8s %8s %8s %8s %8s %8s", (int)name_width(w->v), title,
		 "denied/s", "passed/s", "bytes/s", "denied", "passed", "bytes");
	put(w, DBX_TOP_TITLE, line);
	for (size_t i = 0; i < rows->n && n < from + max; i++) {
		if (is_shown(w->v, &rows->v[i]) && n++ >= from)
			put_row(w, &rows->v[i]);
	}
}

/* ---- the whole ---- */

static void put_head(struct writer *w)
{
	const struct dbx_top *t = w->t;
	const struct dbx_top_view *v = w->v;
	char line[LINE_MAX_BYTES], filter[64] = "", n[4][12];

	if (v->filter && *v->filter)
		safe_name(v->filter, sizeof(filter) - 1, filter);
	snprintf(line, sizeof(line), "dbx-egress top - %s, generation %lld, every %g s, by %s%s%s",
		 v->clock, t->generation, v->interval_s, dbx_top_sort_name(v->sort),
		 *filter ? ", filter: " : "", filter);
	put(w, DBX_TOP_HEAD, line);
	rate_text(t, t->all.passed_s, n[0]);
	rate_text(t, t->all.denied_s, n[1]);
	rate_text(t, t->dry_run_s, n[2]);
	rate_text(t, t->all.bytes_s, n[3]);
	snprintf(line, sizeof(line),
		 "packets/s: %s passed, %s denied (%s in dry run); bytes/s: %s; events lost: %lld",
		 n[0], n[1], n[2], n[3], t->events_lost);
	put(w, DBX_TOP_TEXT, line);
	safe_name(v->state ? v->state : "", sizeof(line) - 1, line);
	put(w, *line ? DBX_TOP_STATE : DBX_TOP_TEXT, line);
}

void dbx_top_lines(const struct dbx_top *t, const struct dbx_top_view *v, dbx_top_line_fn fn,
		   void *arg)
{
	struct writer w = {.t = t, .v = v, .fn = fn, .arg = arg};
	size_t left, share;

	put_head(&w);
	if (v->zoom >= 0) {
		put_section(&w, (enum dbx_top_section)v->zoom, v->from,
			    v->height > HEAD_LINES ? v->height - HEAD_LINES : 0);
		return;
	}
	for (int s = 0; s < DBX_TOP_SECTIONS; s++) {
		left = v->height > w.n ? v->height - w.n : 0;
		/* An equal part of what is left; what one section does not need is the next one's. */
		share = left / (size_t)(DBX_TOP_SECTIONS - s);
		if (!v->height || share)
			put_section(&w, (enum dbx_top_section)s, 0, share);
	}
}

static json_t *row_json(const struct dbx_top *t, const struct dbx_top_row *r)
{
	json_t *j = json_pack("{s:o?, s:I, s:I, s:I}", "name", dbx_json_text(r->name), "denied",
			      (json_int_t)r->n.denied, "passed", (json_int_t)r->n.passed, "bytes",
			      (json_int_t)r->n.bytes);

	if (j && t->n_samples > 1) {
		json_object_set_new(j, "denied_per_s", json_real(r->denied_s));
		json_object_set_new(j, "passed_per_s", json_real(r->passed_s));
		json_object_set_new(j, "bytes_per_s", json_real(r->bytes_s));
	}
	return j;
}

json_t *dbx_top_json(const struct dbx_top *t, const struct dbx_top_view *v)
{
	static const char *const keys[DBX_TOP_SECTIONS] = {
		[DBX_TOP_WORKSPACES] = "workspaces",
		[DBX_TOP_REASONS] = "reasons",
		[DBX_TOP_NAMES] = "denied_names",
		[DBX_TOP_ADDRESSES] = "denied_addresses",
	};
	json_t *all = row_json(t, &t->all), *rows;

	if (!all)
		return NULL;
	json_object_del(all, "name");
	json_object_set_new(all, "time", json_string(v->clock));
	json_object_set_new(all, "generation", json_integer(t->generation));
	json_object_set_new(all, "events_lost", json_integer(t->events_lost));
	json_object_set_new(all, "dry_run", json_integer((json_int_t)t->dry_run));
	for (int s = 0; s < DBX_TOP_SECTIONS; s++) {
		size_t n = 0;

		rows = json_array();
		for (size_t i = 0; i < t->rows[s].n && (!v->limit || n < v->limit); i++) {
			if (!is_shown(v, &t->rows[s].v[i]))
				continue;
			json_array_append_new(rows, row_json(t, &t->rows[s].v[i]));
			n++;
		}
		json_object_set_new(all, keys[s], rows);
	}
	return all;
}
