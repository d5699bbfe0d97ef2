/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_check.h -- documents as text, checked; and what the findings must say.
 */
#ifndef DBX_TESTS_UNIT_TEST_CHECK_H
#define DBX_TESTS_UNIT_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/check.h"
#include "policy/read.h"

/* A network policy "np" with the inside of network_access. */
#define POLICY(access) \
	"{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {" access "}}}"
#define RESTRICTED         "\"restriction_mode\": \"RESTRICTED_ACCESS\""
#define NAME(name)         "{\"destination\": \"" name "\", \"internet_destination_type\": \"DNS_NAME\"}"
#define RANGE(range)       "{\"destination\": \"" range "\", \"internet_destination_type\": \"IP_RANGE\"}"
#define ALLOWED(...)       ", \"allowed_internet_destinations\": [" __VA_ARGS__ "]"
#define BLOCKED(...)       ", \"blocked_internet_destinations\": [" __VA_ARGS__ "]"
#define OPTION(id, policy) "{\"workspace_id\": " id ", \"network_policy_id\": \"" policy "\"}"
#define GATEWAY(inside)                                                            \
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": ["  \
	"{\"workspace_id\": 1, \"network_source_type\": \"DBSQL\", \"sources\": [" \
	"{\"prefix\": \"10.66.1.0/24\", \"interface\": \"ws1\"}]}]" inside "}}"
#define TAG(name, region, prefixes)                                        \
	"{\"name\": \"" name "\", \"id\": \"" name "\", \"properties\": {" \
	"\"changeNumber\": 1, \"region\": \"" region "\", \"addressPrefixes\": [" prefixes "]}}"
#define AZURE(number, values) \
	"{\"changeNumber\": " number ", \"cloud\": \"Public\", \"values\": [" values "]}"

static inline void add_doc(struct dbx_model *m, const char *name, const char *text)
{
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (dbx_read(m, name, text, strlen(text), DBX_DOC_UNKNOWN, &d))
		fail_msg("%s is refused: %s: %s", name, d.n ? d.v[0].ptr : "",
			 d.n ? d.v[0].text : "?");
	dbx_diag_fini(&d);
}

/* The documents a.json, b.json, ... up to a NULL. */
static inline struct dbx_model *read_docs(const char *const *docs)
{
	struct dbx_model *m = dbx_model_new();
	char name[] = "a.json";

	assert_non_null(m);
	for (; *docs; docs++, name[0]++)
		add_doc(m, name, *docs);
	return m;
}

static inline void check_docs(const char *const *docs, int64_t now_ms, struct dbx_diag *d)
{
	struct dbx_model *m = read_docs(docs);

	dbx_diag_init(d);
	assert_int_equal(dbx_check(m, now_ms, d), 0);
	dbx_model_free(&m);
}

/* The only finding of a code, which must exist; the diag keeps it. */
static inline const struct dbx_finding *the_finding(const struct dbx_diag *d, const char *code)
{
	const struct dbx_finding *found = NULL;

	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->v[i].code, code) != 0)
			continue;
		if (found)
			fail_msg("two findings %s: %s; %s", code, found->text, d->v[i].text);
		found = &d->v[i];
	}
	if (!found)
		fail_msg("no finding %s among %zu", code, d->n);
	return found;
}

static inline size_t count_findings(const struct dbx_diag *d, const char *code)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += strcmp(d->v[i].code, code) == 0;
	return n;
}

static inline void expect(const struct dbx_diag *d, const char *code, enum dbx_severity severity,
			  const char *doc, const char *ptr, const char *text_part)
{
	const struct dbx_finding *f = the_finding(d, code);

	assert_int_equal(f->severity, severity);
	assert_string_equal(f->doc, doc);
	assert_string_equal(f->ptr, ptr);
	if (!strstr(f->text, text_part))
		fail_msg("\"%s\" does not say \"%s\"", f->text, text_part);
}

#define CHECK(d, now_ms, ...) check_docs((const char *const[]){__VA_ARGS__, NULL}, (now_ms), (d))

#endif
