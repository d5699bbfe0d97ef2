/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jspan.h -- where the parts of a JSON text lie, without building a tree.
 *
 * The daemon takes requests apart and stores each document exactly as its author wrote it, so it
 * needs the byte ranges of values. Only the level that is walked is looked at; what is inside a
 * value is for the reader of that document to judge. Never recursive, whatever the input.
 */
#ifndef DBX_DAEMON_JSPAN_H
#define DBX_DAEMON_JSPAN_H

#include <stdbool.h>
#include <stddef.h>

struct dbx_jspan {
	const char *s;
	size_t len;
};

/* A walk over one object or array. */
struct dbx_jwalk {
	const char *p, *end;
	char close;   /* '}' or ']' */
	bool started; /* past the first value */
};

/* Without white space and byte order mark around it. */
struct dbx_jspan dbx_jspan_trim(const char *s, size_t len);

/* 0, or -EINVAL when v is not an object (array). */
int dbx_jwalk_object(struct dbx_jwalk *w, struct dbx_jspan v);
int dbx_jwalk_array(struct dbx_jwalk *w, struct dbx_jspan v);

/*
 * 1 with the next value (and key, quotes included, of an object: NULL for an array), 0 at the end,
 * -EINVAL when the text is malformed at this level.
 */
int dbx_jwalk_next(struct dbx_jwalk *w, struct dbx_jspan *key, struct dbx_jspan *value);

/* Compares a key or string value, escapes decoded. */
bool dbx_jspan_is(struct dbx_jspan quoted, const char *text);

/* Value of a member; the last one when the key is given twice, as JSON parsers do. */
bool dbx_jspan_find(struct dbx_jspan object, const char *key, struct dbx_jspan *value);

/* A string decoded, or a number as written, malloc'ed; NULL when v is neither (or no memory). */
char *dbx_jspan_text(struct dbx_jspan v);

#endif
