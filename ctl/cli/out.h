/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * out.h -- what the tool prints: text, colours, tables, JSON, and its own errors.
 *
 * Names come from documents and from the daemon and may be hostile: whatever is printed for people
 * goes through dbx_escape_add first, so that no name can move the cursor, change a title or turn
 * the order of letters around.
 */
#ifndef DBX_CLI_OUT_H
#define DBX_CLI_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/strbuf.h"

enum dbx_colour {
	DBX_PLAIN,
	DBX_BOLD,
	DBX_DIM,
	DBX_RED,
	DBX_GREEN,
	DBX_YELLOW,
	DBX_CYAN,
	DBX_COLOUR_MAX,
};

/* Once the command line is known. Colours: on a terminal, unless no_colour, NO_COLOR, TERM=dumb. */
void dbx_out_init(bool json, bool no_colour);
bool dbx_out_is_json(void);
/* Flushes standard output; returns code, or DBX_EXIT_REFUSED when that was not possible. */
int dbx_out_finish(int code);

/*
 * Adds s with control characters (C0, DEL, C1), marks that reorder or hide text, and bytes that are
 * not UTF-8 written as \xNN or \u{NNNN}; a backslash stays. keep_lines leaves newlines and tabs.
 */
int dbx_escape_add(struct dbx_strbuf *b, const char *s, size_t n, bool keep_lines);

/*
 * Text to standard output, escaped after formatting, newlines kept: what comes from a document or
 * the daemon goes through dbx_say_in or a table instead.
 */
__attribute__((format(printf, 1, 2))) void dbx_say(const char *fmt, ...);
/* The same in a colour, without newlines kept: for one word or name. */
__attribute__((format(printf, 3, 4))) void dbx_say_in(FILE *f, enum dbx_colour c, const char *fmt,
						      ...);
/* "dbx-egressctl: ..." and a newline to standard error, escaped. */
__attribute__((format(printf, 1, 2))) void dbx_err(const char *fmt, ...);
/* While buf is not NULL, messages go there, the latest one stays; for who draws on the screen. */
void dbx_err_hold(char *buf, size_t n);
/* Tells that memory is out; returns DBX_EXIT_REFUSED. */
int dbx_err_memory(void);

/* Pretty JSON, ASCII only, and a newline to standard output. NULL is told as out of memory. */
int dbx_out_json(const json_t *j);
/* Text as a JSON string; what is not UTF-8 becomes U+FFFD. NULL when out of memory. */
json_t *dbx_json_text(const char *s);

/* Strings and numbers of an object that came over the wire: a wrong type is as good as absent. */
const char *dbx_json_str(const json_t *obj, const char *key); /* "" when absent */
long long dbx_json_int(const json_t *obj, const char *key);   /* 0 when absent */
bool dbx_json_true(const json_t *obj, const char *key);
/* A value as a word: strings as they are, numbers and the rest as compact JSON; caller frees. */
char *dbx_json_word(const json_t *value);

/* ---- tables: columns as wide as their widest cell ---- */

struct dbx_cell {
	char *text;
	enum dbx_colour colour;
};

struct dbx_column {
	const char *title;
	bool is_number; /* right-aligned */
};

struct dbx_table {
	const struct dbx_column *cols;
	size_t n_cols;
	struct dbx_cell *v;
	size_t n, cap;
	int err;
};

void dbx_table_init(struct dbx_table *t, const struct dbx_column *cols, size_t n_cols);
void dbx_table_fini(struct dbx_table *t);
/* Cells in reading order. */
__attribute__((format(printf, 3, 4))) void dbx_table_cell(struct dbx_table *t, enum dbx_colour c,
							  const char *fmt, ...);
/* The title line only when there are rows. Out of memory is told and returned. */
int dbx_table_print(const struct dbx_table *t, FILE *f);

#endif
