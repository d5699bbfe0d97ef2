// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check_update.c -- feeds that go back, shrink, or lose a tag that is named.
 */
#include "test_check.h"

#include "lib/file.h"

#define NAMED(tag) \
	GATEWAY(", \"allowed_destinations\": [{\"label\": \"l\", \"service_tags\": [\"" tag "\"]}]")
#define TEN(last)                                                                     \
	"\"1.0.0.0/24\",\"1.0.1.0/24\",\"1.0.2.0/24\",\"1.0.3.0/24\",\"1.0.4.0/24\"," \
	"\"1.0.5.0/24\",\"1.0.6.0/24\",\"1.0.7.0/24\",\"1.0.8.0/24\",\"1.0." last ".0/24\""

static void update(const char *const *before, const char *const *after, bool force,
		   struct dbx_diag *d)
{
	struct dbx_model *x = read_docs(before), *y = read_docs(after);

	dbx_diag_init(d);
	assert_int_equal(dbx_check_update(x, y, force, d), 0);
	dbx_model_free(&x);
	dbx_model_free(&y);
}

#define DOCS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_first_feed(void **state)
{
	struct dbx_diag d;

	(void)state;
	update(DOCS(GATEWAY("")), DOCS(AZURE("5", TAG("A", "", TEN("9"))), NAMED("A")), false, &d);
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
}

static void test_number_falls(void **state)
{
	struct dbx_diag d;

	(void)state;
	update(DOCS(AZURE("6", TAG("A", "", TEN("9")))), DOCS(AZURE("5", TAG("A", "", TEN("10")))),
	       false, &d);
	expect(&d, "feed-number-falls", DBX_SEV_ERROR, "a.json", "/changeNumber", "from 6 to 5");
	dbx_diag_fini(&d);
	update(DOCS(AZURE("6", TAG("A", "", TEN("9")))), DOCS(AZURE("5", TAG("A", "", TEN("10")))),
	       true, &d);
	expect(&d, "feed-number-falls", DBX_SEV_WARNING, "a.json", "/changeNumber", "forced");
	dbx_diag_fini(&d);
}

static void test_numbers_and_contents(void **state)
{
	struct dbx_diag d;

	(void)state;
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")))), DOCS(AZURE("5", TAG("A", "", TEN("10")))),
	       false, &d);
	expect(&d, "feed-same-number", DBX_SEV_INFO, "a.json", "/changeNumber", "another content");
	dbx_diag_fini(&d);
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")))), DOCS(AZURE("6", TAG("A", "", TEN("9")))),
	       false, &d);
	expect(&d, "feed-same-content", DBX_SEV_INFO, "a.json", "/changeNumber", "from 5 to 6");
	dbx_diag_fini(&d);
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")))), DOCS(AZURE("6", TAG("A", "", TEN("10")))),
	       false, &d);
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
}

static void test_shrinks(void **state)
{
	struct dbx_diag d;

	(void)state;
	/* ten to eight is 20 %: not more than the default */
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")))),
	       DOCS(AZURE("6", TAG("A", "",
				   "\"1.0.0.0/24\",\"1.0.1.0/24\",\"1.0.2.0/24\",\"1.0.3.0/24\","
				   "\"1.0.4.0/24\",\"1.0.5.0/24\",\"1.0.6.0/24\",\"1.0.7.0/24\""))),
	       false, &d);
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")))),
	       DOCS(AZURE("6", TAG("A", "", "\"1.0.0.0/24\",\"1.0.1.0/24\""))), false, &d);
	expect(&d, "feed-shrinks", DBX_SEV_ERROR, "a.json", "/values", "from 10 to 2");
	dbx_diag_fini(&d);
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")))),
	       DOCS(AZURE("6", TAG("A", "", "\"1.0.0.0/24\",\"1.0.1.0/24\"")),
		    GATEWAY(", \"feed_max_shrink_percent\": 90")),
	       false, &d);
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
}

static void test_named_tag_vanishes(void **state)
{
	struct dbx_diag d;

	(void)state;
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")) "," TAG("B", "", "\"2.0.0.0/24\"")),
		    NAMED("b")),
	       DOCS(AZURE("6", TAG("A", "", TEN("9"))), NAMED("b")), false, &d);
	assert_int_equal(count_findings(&d, "missing-tag"), 0); /* dbx_check() says it, once */
	dbx_diag_fini(&d);
	/* a tag that stays without a prefix is gone as well */
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")) "," TAG("B", "", "\"2.0.0.0/24\"")),
		    NAMED("B")),
	       DOCS(AZURE("6", TAG("A", "", TEN("9")) "," TAG("B", "", "")), NAMED("B")), true, &d);
	expect(&d, "missing-tag", DBX_SEV_WARNING, "b.json",
	       "/gateway/allowed_destinations/0/service_tags/0", "no prefixes");
	dbx_diag_fini(&d);
	/* nobody names it */
	update(DOCS(AZURE("5", TAG("A", "", TEN("9")) "," TAG("B", "", "\"2.0.0.0/24\""))),
	       DOCS(AZURE("6", TAG("A", "", TEN("9"))), NAMED("A")), false, &d);
	assert_int_equal(count_findings(&d, "missing-tag"), 0);
	dbx_diag_fini(&d);
}

static struct dbx_model *feed_file(const char *path)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char *text;
	size_t len;

	dbx_diag_init(&d);
	assert_int_equal(dbx_file_read(path, 0, &text, &len), 0);
	assert_int_equal(dbx_read(m, path, text, len, DBX_DOC_UNKNOWN, &d), 0);
	free(text);
	dbx_diag_fini(&d);
	return m;
}

static void test_azure_pair(void **state)
{
	struct dbx_model *old = feed_file("rules/feeds/azure-public-20260420.json.gz");
	struct dbx_model *new = feed_file("rules/feeds/azure-public-20260427.json.gz");
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	dbx_check_update(old, new, false, &d);
	assert_int_equal(d.n, 0);
	dbx_check_update(new, old, false, &d);
	assert_int_equal(the_finding(&d, "feed-number-falls")->severity, DBX_SEV_ERROR);
	assert_true(dbx_diag_has_errors(&d));
	dbx_diag_fini(&d);
	dbx_diag_init(&d);
	dbx_check_update(new, old, true, &d);
	assert_false(dbx_diag_has_errors(&d));
	dbx_diag_fini(&d);
	dbx_model_free(&old);
	dbx_model_free(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_feed),           cmocka_unit_test(test_number_falls),
		cmocka_unit_test(test_numbers_and_contents), cmocka_unit_test(test_shrinks),
		cmocka_unit_test(test_named_tag_vanishes),   cmocka_unit_test(test_azure_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
