/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * readcase.h -- tables of documents with the one finding that each must give.
 *
 * JSON is written with ' for ", so that it stays readable inside C strings.
 */
#ifndef DBX_TESTS_UNIT_READCASE_H
#define DBX_TESTS_UNIT_READCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "policy/read.h"

struct read_case {
	const char *json;
	enum dbx_severity severity;
	const char *code, *ptr;
	const char *says; /* part of the text, or NULL */
};

static inline char *json_of(const char *quoted)
{
	char *s = strdup(quoted);

	assert_non_null(s);
	for (char *c = s; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return s;
}

static inline void print_findings(const struct dbx_diag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *s = dbx_finding_format(&d->v[i]);

		print_error("  %s %s %s\n", dbx_severity_name(d->v[i].severity), d->v[i].code, s);
		free(s);
	}
}

static inline int read_quoted(struct dbx_model *m, const char *name, const char *quoted,
			      struct dbx_diag *d)
{
	char *text = json_of(quoted);
	int rc = dbx_read(m, name, text, strlen(text), DBX_DOC_UNKNOWN, d);

	free(text);
	return rc;
}

/* A document that must read without a finding; the caller frees the model. */
static inline struct dbx_model *read_clean(const char *quoted)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	assert_non_null(m);
	dbx_diag_init(&d);
	if (read_quoted(m, "doc", quoted, &d) || d.n) {
		print_findings(&d);
		fail_msg("not clean: %s", quoted);
	}
	dbx_diag_fini(&d);
	return m;
}

static inline const struct dbx_finding *find_finding(const struct dbx_diag *d, const char *code,
						     const char *ptr)
{
	for (size_t i = 0; i < d->n; i++) {
		if (!strcmp(d->v[i].code, code) && !strcmp(d->v[i].ptr, ptr))
			return &d->v[i];
	}
	return NULL;
}

/* Exactly this one finding, nothing beside it, and a return code that goes with it. */
static inline void expect_finding(const struct read_case *c, int rc, const struct dbx_diag *d)
{
	const struct dbx_finding *f = find_finding(d, c->code, c->ptr);

	if (d->n != 1 || !f || f->severity != c->severity || strcmp(f->doc, "doc") ||
	    (c->says && !strstr(f->text, c->says)) ||
	    rc != (c->severity == DBX_SEV_ERROR ? -EINVAL : 0)) {
		print_error(
			"document: %s\nrc %d; expected: %s %s at \"%s\" saying \"%s\"; found:\n",
			c->json, rc, dbx_severity_name(c->severity), c->code, c->ptr,
			c->says ? c->says : "");
		print_findings(d);
		fail();
	}
}

static inline void run_cases(const struct read_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct dbx_model *m = dbx_model_new();
		struct dbx_diag d;

		dbx_diag_init(&d);
		expect_finding(&cases[i], read_quoted(m, "doc", cases[i].json, &d), &d);
		dbx_diag_fini(&d);
		dbx_model_free(&m);
		assert_null(m);
	}
}

#define RUN_CASES(cases) run_cases((cases), sizeof(cases) / sizeof((cases)[0]))

/* A file below the top of the tree, which is where tests run. */
static inline void read_file_into(struct dbx_model *m, const char *path, struct dbx_diag *d)
{
	char *text;
	size_t len;
	int rc = dbx_file_read(path, 0, &text, &len);

	if (rc)
		fail_msg("%s %s", path, dbx_file_why(rc));
	rc = dbx_read(m, path, text, len, DBX_DOC_UNKNOWN, d);
	free(text);
	if (rc) {
		print_findings(d);
		fail_msg("%s does not read", path);
	}
}

#endif
