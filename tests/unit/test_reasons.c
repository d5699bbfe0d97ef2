// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_reasons.c -- names of reasons, verdicts and paths are there, unique and well formed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/explain.h"

static void test_slugs_are_unique_and_well_formed(void **state)
{
	int i, j;

	(void)state;
	for (i = 0; i < DBX_REASON_MAX; i++) {
		const char *s = dbx_reason_slug((enum dbx_reason)i);

		assert_true(strlen(s) > 2);
		assert_int_equal(strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(s));
		for (j = 0; j < i; j++)
			assert_string_not_equal(s, dbx_reason_slug((enum dbx_reason)j));
	}
}

static void test_texts_are_sentences_without_full_stop(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < DBX_REASON_MAX; i++) {
		const char *s = dbx_reason_text((enum dbx_reason)i);

		assert_true(strlen(s) > 5);
		assert_true(s[strlen(s) - 1] != '.');
	}
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(dbx_reason_kind(DBX_REASON_NO_IMAGE), DBX_KIND_DROP);
	assert_int_equal(dbx_reason_kind(DBX_REASON_BLOCKED), DBX_KIND_DROP);
	assert_int_equal(dbx_reason_kind(DBX_REASON_ARP), DBX_KIND_PASS);
	assert_int_equal(dbx_reason_kind(DBX_REASON_LISTED_TAG), DBX_KIND_PASS);
	assert_int_equal(dbx_reason_kind(DBX_REASON_NO_MATCH), DBX_KIND_SOFT);
	assert_int_equal(dbx_reason_kind(DBX_REASON_PORT_NOT_LISTED), DBX_KIND_SOFT);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(dbx_reason_slug(DBX_REASON_NO_IMAGE), "no-image");
	assert_string_equal(dbx_reason_slug(DBX_REASON_NO_MATCH), "no-match");
	assert_string_equal(dbx_verdict_name(DBX_VERDICT_DROP), "DROP");
	assert_string_equal(dbx_verdict_name(DBX_VERDICT_PASS), "PASS");
	assert_string_equal(dbx_verdict_name(DBX_VERDICT_DRY_RUN), "DRY_RUN_DENIAL");
	assert_string_equal(dbx_path_name(DBX_PATH_NONE), "none");
	assert_string_equal(dbx_path_name(DBX_PATH_PRIVATE_ENDPOINT), "private-endpoint");
	assert_string_equal(dbx_path_name(DBX_PATH_NAT), "nat");
}

static void test_numbers_of_another_version_deny(void **state)
{
	(void)state;
	assert_string_equal(dbx_reason_slug((enum dbx_reason)DBX_REASON_MAX), "unknown");
	assert_string_equal(dbx_reason_slug((enum dbx_reason) - 1), "unknown");
	assert_int_equal(dbx_reason_kind((enum dbx_reason)250), DBX_KIND_DROP);
	assert_string_equal(dbx_verdict_name((enum dbx_verdict)9), "unknown");
	assert_string_equal(dbx_path_name((enum dbx_path)9), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slugs_are_unique_and_well_formed),
		cmocka_unit_test(test_texts_are_sentences_without_full_stop),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers_of_another_version_deny),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
