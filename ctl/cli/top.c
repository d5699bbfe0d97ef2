// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * top.c -- counters of the daemon as rows, with what they grew by since the sample before.
 *
 * A counter that went back began anew: its rate is what it has counted since.
 */
#include "cli/top.h"
#include "cli/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const section_names[DBX_TOP_SECTIONS] = {
	[DBX_TOP_WORKSPACES] = "workspaces",
	[DBX_TOP_REASONS] = "reasons",
	[DBX_TOP_NAMES] = "denied names",
	[DBX_TOP_ADDRESSES] = "denied addresses",
};

static const char *const sort_names[DBX_TOP_SORTS] = {
	[DBX_TOP_BY_RATE] = "rate",     [DBX_TOP_BY_DENIED] = "denied",
	[DBX_TOP_BY_PASSED] = "passed", [DBX_TOP_BY_BYTES] = "bytes",
	[DBX_TOP_BY_NAME] = "name",
};

const char *dbx_top_section_name(enum dbx_top_section s)
{
	return section_names[s];
}

const char *dbx_top_sort_name(enum dbx_top_sort by)
{
	return sort_names[by];
}

bool dbx_top_sort_find(const char *name, enum dbx_top_sort *by)
{
	for (int i = 0; i < DBX_TOP_SORTS; i++) {
		if (!strcasecmp(name, sort_names[i])) {
			*by = (enum dbx_top_sort)i;
			return true;
		}
	}
	return false;
}

void dbx_top_init(struct dbx_top *t)
{
	*t = (struct dbx_top){.n_samples = 0};
}

void dbx_top_fini(struct dbx_top *t)
{
	for (int i = 0; i < DBX_TOP_SECTIONS; i++)
		dbx_vec_fini(&t->rows[i]);
}

/* ---- rows of one sample ---- */

static int by_name(const void *x, const void *y)
{
	return strcmp(((const struct dbx_top_row *)x)->name, ((const struct dbx_top_row *)y)->name);
}

static int add(struct dbx_top_rows *rows, const char *name, const struct dbx_top_counts *n)
{
	struct dbx_top_row r = {.n = *n};
	size_t len = strlen(name);

	/* Cut, a name is not another one: the daemon's are no longer than 255. */
	memcpy(r.name, name, len < sizeof(r.name) ? len : sizeof(r.name) - 1);
	return dbx_vec_push(rows, r);
}

/* One row for each name. */
static void join(struct dbx_top_rows *rows)
{
	size_t i, n = 0;

	if (rows->n)
		qsort(rows->v, rows->n, sizeof(*rows->v), by_name);
	for (i = 0; i < rows->n; i++) {
		if (n && !strcmp(rows->v[n - 1].name, rows->v[i].name)) {
			rows->v[n - 1].n.denied += rows->v[i].n.denied;
			rows->v[n - 1].n.passed += rows->v[i].n.passed;
			rows->v[n - 1].n.bytes += rows->v[i].n.bytes;
		} else {
			rows->v[n++] = rows->v[i];
		}
	}
	rows->n = n;
}

static uint64_t count_of(const json_t *j, const char *key)
{
	long long n = dbx_json_int(j, key);

	return n > 0 ? (uint64_t)n : 0;
}

/* What is held back is no denial: its sender repeats it. */
static bool is_held(const json_t *row)
{
	return !strcmp(dbx_json_str(row, "reason"), "hello-held");
}

static int take_stats(struct dbx_top *t, const json_t *stats)
{
	const json_t *row;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(stats, "rows"), i, row) {
		const char *verdict = dbx_json_str(row, "verdict");
		bool passed = !strcmp(verdict, "PASS");
		uint64_t packets = count_of(row, "packets");
		struct dbx_top_counts n = {.denied = passed ? 0 : packets,
					   .passed = passed ? packets : 0,
					   .bytes = count_of(row, "bytes")};
		long long id = dbx_json_int(row, "workspace_id");
		char text[24] = "(none)";

		rc = rc ? rc : add(&t->rows[DBX_TOP_REASONS], dbx_json_str(row, "reason"), &n);
		if (is_held(row))
			n.denied = 0;
		if (id)
			snprintf(text, sizeof(text), "%lld", id);
		rc = rc ? rc : add(&t->rows[DBX_TOP_WORKSPACES], text, &n);
		t->all.n.denied += n.denied;
		t->all.n.passed += n.passed;
		t->all.n.bytes += n.bytes;
		t->dry_run += strcmp(verdict, "DRY_RUN_DENIAL") ? 0 : packets;
	}
	return rc;
}

static int take_denials(struct dbx_top *t, const json_t *denials)
{
	const json_t *row;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(denials, "denials"), i, row) {
		const struct dbx_top_counts n = {.denied = count_of(row, "packets"),
						 .bytes = count_of(row, "bytes")};
		const char *name = dbx_json_str(row, "name"), *dst = dbx_json_str(row, "dst");

		if (*name)
			rc = rc ? rc : add(&t->rows[DBX_TOP_NAMES], name, &n);
		if (*dst)
			rc = rc ? rc : add(&t->rows[DBX_TOP_ADDRESSES], dst, &n);
	}
	return rc;
}

/* ---- what they grew by ---- */

static double rate(uint64_t before, uint64_t now, double span_s)
{
	uint64_t grown = now >= before ? now - before : now;

	return span_s > 0 ? (double)grown / span_s : 0;
}

static void set_rates(struct dbx_top_row *now, const struct dbx_top_row *before, double span_s)
{
	static const struct dbx_top_row none;

	if (!before)
		before = &none;
	now->denied_s = rate(before->n.denied, now->n.denied, span_s);
	now->passed_s = rate(before->n.passed, now->n.passed, span_s);
	now->bytes_s = rate(before->n.bytes, now->n.bytes, span_s);
}

/* Both by name. */
static void compare(struct dbx_top_rows *now, const struct dbx_top_rows *before, double span_s)
{
	size_t i, k = 0;

	for (i = 0; i < now->n; i++) {
		while (k < before->n && strcmp(before->v[k].name, now->v[i].name) < 0)
			k++;
		set_rates(&now->v[i],
			  k < before->n && !strcmp(before->v[k].name, now->v[i].name)
				  ? &before->v[k]
				  : NULL,
			  span_s);
	}
}

int dbx_top_take(struct dbx_top *t, const json_t *stats, const json_t *denials,
		 const json_t *status, double time_s)
{
	double span_s = t->n_samples ? time_s - t->time_s : 0;
	struct dbx_top now;
	int i, rc;

	dbx_top_init(&now);
	now.generation = dbx_json_int(stats, "generation");
	now.events_lost = dbx_json_int(status, "events_lost");
	now.n_samples = t->n_samples + 1;
	now.time_s = time_s;
	rc = take_stats(&now, stats);
	if (!rc)
		rc = take_denials(&now, denials);
	if (rc) {
		dbx_top_fini(&now);
		return rc;
	}
	for (i = 0; i < DBX_TOP_SECTIONS; i++) {
		join(&now.rows[i]);
		if (t->rows[i].n)
			qsort(t->rows[i].v, t->rows[i].n, sizeof(*t->rows[i].v), by_name);
		compare(&now.rows[i], &t->rows[i], span_s);
	}
	set_rates(&now.all, &t->all, span_s);
	now.dry_run_s = rate(t->dry_run, now.dry_run, span_s);
	dbx_top_fini(t);
	*t = now;
	return 0;
}

/* ---- order ---- */

#define ORDER(name, field)                                                                    \
	static int name(const void *x, const void *y)                                         \
	{                                                                                     \
		const struct dbx_top_row *a = x, *b = y;                                      \
                                                                                              \
		return a->field != b->field ? (a->field > b->field ? -1 : 1) : by_name(x, y); \
	}

ORDER(by_denied, n.denied)
ORDER(by_passed, n.passed)
ORDER(by_bytes, n.bytes)

/* What is denied now, then what was. */
static int by_rate(const void *x, const void *y)
{
	const struct dbx_top_row *a = x, *b = y;

	return a->denied_s != b->denied_s ? (a->denied_s > b->denied_s ? -1 : 1) : by_denied(x, y);
}

void dbx_top_sort(struct dbx_top *t, enum dbx_top_sort by, bool reversed)
{
	static int (*const orders[DBX_TOP_SORTS])(const void *, const void *) = {
		[DBX_TOP_BY_RATE] = by_rate,     [DBX_TOP_BY_DENIED] = by_denied,
		[DBX_TOP_BY_PASSED] = by_passed, [DBX_TOP_BY_BYTES] = by_bytes,
		[DBX_TOP_BY_NAME] = by_name,
	};

	for (int i = 0; i < DBX_TOP_SECTIONS; i++) {
		struct dbx_top_rows *rows = &t->rows[i];

		if (rows->n)
			qsort(rows->v, rows->n, sizeof(*rows->v), orders[by]);
		for (size_t k = 0; reversed && k < rows->n / 2; k++) {
			struct dbx_top_row swap = rows->v[k];

			rows->v[k] = rows->v[rows->n - 1 - k];
			rows->v[rows->n - 1 - k] = swap;
		}
	}
}
