/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * top.h -- what `top` shows: counters of the daemon, by workspace, reason, denied name and denied
 * address, with what they grew by; and the lines that say so.
 */
#ifndef DBX_CLI_TOP_H
#define DBX_CLI_TOP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"

enum dbx_top_section {
	DBX_TOP_WORKSPACES,
	DBX_TOP_REASONS,
	DBX_TOP_NAMES,     /* that denied flows said or asked for */
	DBX_TOP_ADDRESSES, /* that denied packets were for */
	DBX_TOP_SECTIONS,
};

enum dbx_top_sort {
	DBX_TOP_BY_RATE,
	DBX_TOP_BY_DENIED,
	DBX_TOP_BY_PASSED,
	DBX_TOP_BY_BYTES,
	DBX_TOP_BY_NAME,
	DBX_TOP_SORTS
};

#define DBX_TOP_NAME_MAX 256

/* Packets and bytes; denied: dropped or let pass by a dry run. */
struct dbx_top_counts {
	uint64_t denied, passed, bytes;
};

struct dbx_top_row {
	char name[DBX_TOP_NAME_MAX];
	struct dbx_top_counts n;
	double denied_s, passed_s, bytes_s; /* since the sample before; 0 in the first */
};

struct dbx_top_rows {
	struct dbx_top_row *v;
	size_t n, cap;
};

struct dbx_top {
	struct dbx_top_rows rows[DBX_TOP_SECTIONS];
	struct dbx_top_row all; /* of the gateway */
	uint64_t dry_run;       /* of all.n.denied */
	double dry_run_s;
	long long generation, events_lost;
	unsigned int n_samples;
	double time_s; /* of the latest, monotonic */
};

void dbx_top_init(struct dbx_top *t);
void dbx_top_fini(struct dbx_top *t);
/*
 * Takes answers of the daemon to /stats, /denials and /status at time_s. 0 or -ENOMEM, *t is then as
 * it was.
 */
int dbx_top_take(struct dbx_top *t, const json_t *stats, const json_t *denials,
		 const json_t *status, double time_s);
/* Ties by name, so that rows do not dance. */
void dbx_top_sort(struct dbx_top *t, enum dbx_top_sort by, bool reversed);
const char *dbx_top_sort_name(enum dbx_top_sort by);
/* By its name; false: none is called so. */
bool dbx_top_sort_find(const char *name, enum dbx_top_sort *by);
const char *dbx_top_section_name(enum dbx_top_section s);

/* ---- lines ---- */

struct dbx_top_view {
	unsigned int width, height; /* 0 = no bound */
	enum dbx_top_sort sort;
	const char *filter; /* only names that have it in them, in any case; NULL or "" = all */
	int zoom;           /* the only section, -1 = all */
	size_t from;        /* first row of it */
	size_t limit;       /* rows of a section, 0 = as many as there is room for */
	const char *clock;  /* what time it is */
	const char *state;  /* "paused", or what is wrong; NULL = nothing */
	double interval_s;
};

enum dbx_top_style { DBX_TOP_TEXT, DBX_TOP_HEAD, DBX_TOP_TITLE, DBX_TOP_STATE };

/* line: printable ASCII, no longer than the view is wide. */
typedef void (*dbx_top_line_fn)(void *arg, enum dbx_top_style style, const char *line);
void dbx_top_lines(const struct dbx_top *t, const struct dbx_top_view *v, dbx_top_line_fn fn,
		   void *arg);
/* The same for programs. The caller's, NULL = out of memory. */
json_t *dbx_top_json(const struct dbx_top *t, const struct dbx_top_view *v);

#endif
