/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_json.h -- private to the printers: building JSON with one look at the end for failures.
 */
#ifndef DBX_POLICY_PRINT_JSON_H
#define DBX_POLICY_PRINT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/model.h"

/* The first failure (out of memory) sticks; what is built afterwards is thrown away. */
struct dbx_pr {
	bool failed;
};

/* A new object that begins with the unknown keys that were kept; extra may be NULL. */
json_t *dbx_pr_object(struct dbx_pr *p, const char *extra);
json_t *dbx_pr_array(struct dbx_pr *p);

/* All of them take over value; a NULL value is a failure. */
void dbx_pr_set(struct dbx_pr *p, json_t *o, const char *key, json_t *value);
void dbx_pr_push(struct dbx_pr *p, json_t *a, json_t *value);

/* Nothing is set for NULL, and for a list without items. */
void dbx_pr_text(struct dbx_pr *p, json_t *o, const char *key, const char *s);
void dbx_pr_texts(struct dbx_pr *p, json_t *o, const char *key, char *const *v, size_t n);
void dbx_pr_raw(struct dbx_pr *p, json_t *o, const char *key, const char *json);
void dbx_pr_time(struct dbx_pr *p, json_t *o, const char *key, int64_t ms); /* 0: nothing */

json_t *dbx_pr_prefix(struct dbx_pr *p, const struct dbx_prefix *prefix);

/* The text of root, which is freed; NULL after a failure. */
char *dbx_pr_finish(struct dbx_pr *p, json_t *root);

json_t *dbx_pr_rule(struct dbx_pr *p, const struct dbx_pe_rule *r);

#endif
