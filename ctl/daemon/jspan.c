// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * jspan.c -- where the parts of a JSON text lie, without building a tree.
 */
#include "daemon/jspan.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct dbx_jspan dbx_jspan_trim(const char *s, size_t len)
{
	if (len >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
		s += 3;
		len -= 3;
	}
	while (len && is_space(*s)) {
		s++;
		len--;
	}
	while (len && is_space(s[len - 1]))
		len--;
	return (struct dbx_jspan){s, len};
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* p is at the opening quote; returns past the closing one, or NULL. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '\\') {
			if (++p == end)
				return NULL;
		} else if (*p == '"') {
			return p + 1;
		}
	}
	return NULL;
}

static const char *skip_nested(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
			if (!p)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if ((*p == '}' || *p == ']') && --depth == 0)
			return p + 1;
		p++;
	}
	return NULL;
}

static const char *skip_value(const char *p, const char *end)
{
	const char *start = p;

	if (p == end)
		return NULL;
	if (*p == '"')
		return skip_string(p, end);
	if (*p == '{' || *p == '[')
		return skip_nested(p, end);
	while (p < end && !is_space(*p) && !strchr(",:{}[]\"", *p))
		p++;
	return p > start ? p : NULL;
}

static int walk(struct dbx_jwalk *w, struct dbx_jspan v, char open, char close)
{
	v = dbx_jspan_trim(v.s, v.len);
	if (v.len < 2 || v.s[0] != open || v.s[v.len - 1] != close)
		return -EINVAL;
	*w = (struct dbx_jwalk){.p = v.s + 1, .end = v.s + v.len, .close = close};
	return 0;
}

int dbx_jwalk_object(struct dbx_jwalk *w, struct dbx_jspan v)
{
	return walk(w, v, '{', '}');
}

int dbx_jwalk_array(struct dbx_jwalk *w, struct dbx_jspan v)
{
	return walk(w, v, '[', ']');
}

/* Past the separator: 1 when a value follows, 0 at the end. */
static int separator(struct dbx_jwalk *w)
{
	w->p = skip_space(w->p, w->end);
	if (w->p == w->end)
		return -EINVAL;
	if (*w->p == w->close)
		return w->p + 1 == w->end ? 0 : -EINVAL;
	if (w->started) {
		if (*w->p != ',')
			return -EINVAL;
		w->p = skip_space(w->p + 1, w->end);
	}
	w->started = true;
	return 1;
}

int dbx_jwalk_next(struct dbx_jwalk *w, struct dbx_jspan *key, struct dbx_jspan *value)
{
	const char *q;
	int rc = separator(w);

	if (rc <= 0)
		return rc;
	if (w->close == '}') {
		if (w->p == w->end || *w->p != '"')
			return -EINVAL;
		q = skip_string(w->p, w->end);
		if (!q)
			return -EINVAL;
		*key = (struct dbx_jspan){w->p, (size_t)(q - w->p)};
		w->p = skip_space(q, w->end);
		if (w->p == w->end || *w->p != ':')
			return -EINVAL;
		w->p = skip_space(w->p + 1, w->end);
	}
	q = skip_value(w->p, w->end);
	if (!q)
		return -EINVAL;
	*value = (struct dbx_jspan){w->p, (size_t)(q - w->p)};
	w->p = q;
	return 1;
}

bool dbx_jspan_is(struct dbx_jspan quoted, const char *text)
{
	size_t n = strlen(text);
	char *decoded;
	bool same;

	if (quoted.len < 2 || quoted.s[0] != '"')
		return false;
	if (!memchr(quoted.s, '\\', quoted.len))
		return quoted.len == n + 2 && memcmp(quoted.s + 1, text, n) == 0;
	decoded = dbx_jspan_text(quoted);
	same = decoded && strcmp(decoded, text) == 0;
	free(decoded);
	return same;
}

bool dbx_jspan_find(struct dbx_jspan object, const char *key, struct dbx_jspan *value)
{
	struct dbx_jspan k, v, hit = {0};
	struct dbx_jwalk w;

	if (dbx_jwalk_object(&w, object))
		return false;
	while (dbx_jwalk_next(&w, &k, &v) > 0) {
		if (dbx_jspan_is(k, key))
			hit = v;
	}
	if (!hit.s)
		return false;
	*value = hit;
	return true;
}

char *dbx_jspan_text(struct dbx_jspan v)
{
	json_t *j;
	char *s;

	if (v.len == 0)
		return NULL;
	if (v.s[0] == '-' || (v.s[0] >= '0' && v.s[0] <= '9'))
		return strndup(v.s, v.len);
	if (v.s[0] != '"')
		return NULL;
	j = json_loadb(v.s, v.len, JSON_DECODE_ANY, NULL);
	s = json_is_string(j) ? strdup(json_string_value(j)) : NULL;
	json_decref(j);
	return s;
}
