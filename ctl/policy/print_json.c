/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_json.c -- what the printers share.
 */
#include "policy/print_json.h"

#include <string.h>

static json_t *checked(struct dbx_pr *p, json_t *v)
{
	if (!v)
		p->failed = true;
	return v;
}

json_t *dbx_pr_object(struct dbx_pr *p, const char *extra)
{
	if (!extra || !extra[0])
		return checked(p, json_object());
	return checked(p, json_loads(extra, 0, NULL));
}

json_t *dbx_pr_array(struct dbx_pr *p)
{
	return checked(p, json_array());
}

void dbx_pr_set(struct dbx_pr *p, json_t *o, const char *key, json_t *value)
{
	if (json_object_set_new(o, key, value))
		p->failed = true;
}

void dbx_pr_push(struct dbx_pr *p, json_t *a, json_t *value)
{
	if (json_array_append_new(a, value))
		p->failed = true;
}

void dbx_pr_text(struct dbx_pr *p, json_t *o, const char *key, const char *s)
{
	if (s)
		dbx_pr_set(p, o, key, json_string(s));
}

void dbx_pr_texts(struct dbx_pr *p, json_t *o, const char *key, char *const *v, size_t n)
{
	json_t *list;

	if (!n)
		return;
	list = dbx_pr_array(p);
	for (size_t i = 0; i < n; i++)
		dbx_pr_push(p, list, json_string(v[i]));
	dbx_pr_set(p, o, key, list);
}

void dbx_pr_raw(struct dbx_pr *p, json_t *o, const char *key, const char *json)
{
	if (json)
		dbx_pr_set(p, o, key, json_loads(json, 0, NULL));
}

void dbx_pr_time(struct dbx_pr *p, json_t *o, const char *key, int64_t ms)
{
	if (ms)
		dbx_pr_set(p, o, key, json_integer(ms));
}

json_t *dbx_pr_prefix(struct dbx_pr *p, const struct dbx_prefix *prefix)
{
	char text[DBX_PREFIX_STRLEN];

	return checked(p, json_string(dbx_prefix_format(prefix, text)));
}

char *dbx_pr_finish(struct dbx_pr *p, json_t *root)
{
	char *text = p->failed ? NULL : json_dumps(root, JSON_SORT_KEYS | JSON_INDENT(2));

	json_decref(root);
	return text;
}
