// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_docs.c -- taking JSON apart by position, and documents into single objects.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/docs.h"
#include "daemon/jspan.h"

static struct dbx_jspan span(const char *s)
{
	return dbx_jspan_trim(s, strlen(s));
}

static void test_find(void **state)
{
	struct dbx_jspan v;
	char *s;

	(void)state;
	assert_true(dbx_jspan_find(
		span(" {\"a\": 1, \"b\" : [1,{\"c\":\"]}\"}] , \"d\":\"x\\\"y\"}\n"), "b", &v));
	assert_int_equal(v.len, strlen("[1,{\"c\":\"]}\"}]"));
	assert_true(dbx_jspan_find(span("{\"a\":1,\"a\":2}"), "a", &v));
	assert_int_equal(v.s[0], '2');
	assert_true(dbx_jspan_find(span("{\"\\u0061b\":3}"), "ab", &v));
	assert_true(dbx_jspan_find(span("{\"d\":\"x\\\"y\"}"), "d", &v));
	s = dbx_jspan_text(v);
	assert_string_equal(s, "x\"y");
	free(s);
	s = dbx_jspan_text(span("-12"));
	assert_string_equal(s, "-12");
	free(s);
	assert_null(dbx_jspan_text(span("true")));
	assert_null(dbx_jspan_text(span("\"\\ud800\"")));
	assert_false(dbx_jspan_find(span("[1]"), "a", &v));
	assert_false(dbx_jspan_find(span("{\"ab\":1}"), "a", &v));
}

static int walk_all(const char *text)
{
	struct dbx_jspan k, v;
	struct dbx_jwalk w;
	int rc;

	if (dbx_jwalk_object(&w, span(text)) && dbx_jwalk_array(&w, span(text)))
		return -EINVAL;
	while ((rc = dbx_jwalk_next(&w, &k, &v)) > 0)
		;
	return rc;
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"",           "{",          "}",         "[",    "{\"a\"}",     "{\"a\":}",
		"{\"a\":1,}", "{,\"a\":1}", "{a:1}",     "[1,]", "[,1]",        "[1 2]",
		"{\"a\":1}}", "[1]]",       "[\"a]",     "[[1]", "{\"a\":\"b}", "[\"\\\"]",
		"{\"a\" 1}",  "[1}",        "{\"a\":1]",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (walk_all(bad[i]) == 0)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(walk_all("{}"), 0);
	assert_int_equal(walk_all("[]"), 0);
	assert_int_equal(walk_all(" [ 1 , \"a\" , {} ] "), 0);
}

/* Every cut of a document, and a million brackets: never out of bounds, never recursive. */
static void test_hostile(void **state)
{
	static const char doc[] =
		"{\"items\":[{\"a\":\"\\\\\",\"b\":[1,2]},{\"c\":null}],\"d\":-1e5}";
	struct dbx_jspan v;
	char *copy, *deep;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(doc); i++) {
		copy = malloc(i ? i : 1);
		memcpy(copy, doc, i);
		dbx_jspan_find(dbx_jspan_trim(copy, i), "d", &v);
		free(copy);
	}
	deep = malloc(1000000);
	memset(deep, '[', 1000000);
	assert_false(dbx_jspan_find(dbx_jspan_trim(deep, 1000000), "a", &v));
	assert_int_equal(walk_all("[{{{{"), -EINVAL);
	free(deep);
}

static int split(struct dbx_docset *out, struct dbx_diag *d, const char *name, const char *text)
{
	return dbx_docs_split(out, name, text, strlen(text), DBX_DOC_UNKNOWN, d);
}

#define POLICY(id) "{\"network_policy_id\":\"" id "\",\"egress\":{}}"

static void test_split(void **state)
{
	struct dbx_docset s = {0};
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(split(&s, &d, "one", "\xef\xbb\xbf " POLICY("a") "\r\n"), 0);
	assert_int_equal(split(&s, &d, "two", "{\"network_policy\":" POLICY("b") "}"), 0);
	assert_int_equal(split(&s, &d, "list", "{\"items\":[" POLICY("c") "," POLICY("d") "]}"), 0);
	assert_int_equal(split(&s, &d, "bare", "[" POLICY("e") "]"), 0);
	assert_int_equal(split(&s, &d, "none", "{\"items\":[]}"), 0);
	assert_int_equal(split(&s, &d, "ws",
			       "{\"workspace_id\":\"7\",\"workspace_network_option\":"
			       "{\"workspace_id\":7,\"network_policy_id\":\"a\"},"
			       "\"workspace\":{\"network_connectivity_config_id\":\"n\"}}"),
			 0);
	assert_int_equal(s.n, 7);
	assert_string_equal(s.v[0].text, POLICY("a"));
	assert_string_equal(s.v[1].id, "b");
	assert_string_equal(s.v[3].name, "list#/items/1");
	assert_string_equal(s.v[4].name, "bare#/0");
	assert_non_null(dbx_docset_find(&s, DBX_DOC_WORKSPACE_OPTION, "7"));
	assert_non_null(dbx_docset_find(&s, DBX_DOC_NCC_BINDING, "7"));
	assert_false(dbx_diag_has_errors(&d));
	assert_int_equal(split(&s, &d, "again", POLICY("a")), 0);
	assert_int_equal(dbx_docset_check_twice(&s, &d), -EINVAL);
	assert_int_equal(s.n, 7);
	assert_string_equal(d.v[d.n - 1].code, "duplicate-id");
	assert_string_equal(d.v[d.n - 1].doc, "again");
	assert_int_equal(split(&s, &d, "noid", "{\"egress\":{}}"), -EINVAL);
	assert_string_equal(d.v[d.n - 1].code, "missing-key");
	dbx_diag_fini(&d);
	dbx_docset_fini(&s);
}

static void test_feeds(void **state)
{
	static const char row[] = "{\"name\":\"Storage\",\"id\":\"Storage\",\"properties\":{}}";
	struct dbx_docset s = {0};
	struct dbx_diag d;
	char *big;
	size_t i, n;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(split(&s, &d, "g",
			       "{\"syncToken\":\"1\",\"creationTime\":\"x\",\"prefixes\":"
			       "[{\"ipv4Prefix\":\"8.8.8.0/24\"}]}"),
			 0);
	assert_int_equal(split(&s, &d, "c",
			       "{\"syncToken\":\"1\",\"creationTime\":\"x\",\"prefixes\":"
			       "[{\"ipv4Prefix\":\"8.8.8.0/24\",\"scope\":\"x\"}]}"),
			 0);
	assert_string_equal(s.v[0].id, "Goog");
	assert_string_equal(s.v[1].id, "Google");
	/* Large enough to be told by its keys alone. */
	big = malloc(200000);
	n = (size_t)sprintf(big, "{\"changeNumber\":1,\"cloud\":\"AzureChina\",\"values\":[%s",
			    row);
	for (i = 0; i < 2000; i++)
		n += (size_t)sprintf(big + n, ",%s", row);
	strcpy(big + n, "]}");
	assert_int_equal(split(&s, &d, "az", big), 0);
	assert_int_equal(s.v[2].kind, DBX_DOC_AZURE_TAGS);
	assert_string_equal(s.v[2].id, "AzureChina");
	free(big);
	dbx_diag_fini(&d);
	dbx_docset_fini(&s);
}

static int note(void *arg, const char *id)
{
	strcat(strcat(arg, id), " ");
	return 0;
}

static void test_embedded_rules(void **state)
{
	static const char text[] =
		"{\"egress_config\":{\"target_rules\":{\"azure_private_endpoint_rules\":"
		"[{\"rule_id\":\"a\"},{\"rule_id\":\"b\"},{}],\"aws_private_endpoint_rules\":"
		"[{\"rule_id\":\"c\"}],\"x\":7}}}";
	const struct dbx_document doc = {.text = (char *)text, .len = sizeof(text) - 1};
	char got[64] = "";

	(void)state;
	assert_int_equal(dbx_docs_embedded_rules(&doc, note, got), 0);
	assert_string_equal(got, "a b c ");
}

static void check_place(const char *name, const char *ptr, const char *file, const char *full)
{
	char *f, *p;

	assert_int_equal(dbx_docs_place(name, ptr, &f, &p), 0);
	assert_string_equal(f, file);
	assert_string_equal(p, full);
	free(f);
	free(p);
}

static void test_place(void **state)
{
	(void)state;
	check_place("a.json", "/egress", "a.json", "/egress");
	check_place("a.json#/items/3", "/egress", "a.json", "/items/3/egress");
	check_place("a#/b.json#/0", "", "a#/b.json", "/0");
	check_place("a#b", "/x", "a#b", "/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),    cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_split),
		cmocka_unit_test(test_feeds),   cmocka_unit_test(test_embedded_rules),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
