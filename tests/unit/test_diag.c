/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_diag.c -- the list of findings: order, bound, and that errors are never crowded out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "policy/diag.h"

static void test_add_and_format(void **state)
{
	struct dbx_diag d;
	char *s;

	(void)state;
	dbx_diag_init(&d);
	assert_false(dbx_diag_has_errors(&d));
	dbx_diag_add(&d, DBX_SEV_WARNING, "w", "a.json", "/x/0", "number %d", 7);
	assert_false(dbx_diag_has_errors(&d));
	dbx_diag_add(&d, DBX_SEV_ERROR, "e", NULL, NULL, "bad");
	assert_true(dbx_diag_has_errors(&d));
	assert_int_equal(d.n, 2);
	assert_string_equal(d.v[0].code, "w");
	assert_string_equal(d.v[1].doc, "");
	s = dbx_finding_format(&d.v[0]);
	assert_string_equal(s, "a.json: /x/0: number 7");
	free(s);
	s = dbx_finding_format(&d.v[1]);
	assert_string_equal(s, "bad");
	free(s);
	dbx_diag_fini(&d);
	assert_int_equal(d.n, 0);
}

/* Keys of a hostile document stand in pointers: they must not reach a terminal as they are. */
static void test_format_is_safe_to_show(void **state)
{
	struct dbx_diag d;
	char *s;

	(void)state;
	dbx_diag_init(&d);
	dbx_diag_add(&d, DBX_SEV_INFO, "i", "a\nb", "/\x1b[2J", "tab\there \xc3\xa9");
	s = dbx_finding_format(&d.v[0]);
	assert_string_equal(s, "a?b: /?[2J: tab?here \xc3\xa9");
	free(s);
	dbx_diag_fini(&d);
}

static void test_bounded_and_counted(void **state)
{
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	for (int i = 0; i < DBX_DIAG_MAX + 500; i++)
		dbx_diag_add(&d, DBX_SEV_WARNING, "w", "", "", "%d", i);
	assert_int_equal(d.n, DBX_DIAG_MAX);
	assert_int_equal(d.n_by_severity[DBX_SEV_WARNING], DBX_DIAG_MAX + 500);
	assert_string_equal(d.v[0].text, "0");
	assert_string_equal(d.v[DBX_DIAG_MAX - 1].text, "999");
	dbx_diag_fini(&d);
}

static void test_error_gets_in_when_full(void **state)
{
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	for (int i = 0; i < DBX_DIAG_MAX; i++)
		dbx_diag_add(&d, i == 5 ? DBX_SEV_INFO : DBX_SEV_WARNING, "w", "", "", "%d", i);
	dbx_diag_add(&d, DBX_SEV_ERROR, "e1", "", "", "first");  /* drops the info */
	dbx_diag_add(&d, DBX_SEV_ERROR, "e2", "", "", "second"); /* drops the last warning */
	assert_int_equal(d.n, DBX_DIAG_MAX);
	assert_string_equal(d.v[5].text, "6");
	assert_string_equal(d.v[DBX_DIAG_MAX - 1].code, "e2");
	assert_string_equal(d.v[DBX_DIAG_MAX - 2].code, "e1");
	assert_string_equal(d.v[DBX_DIAG_MAX - 3].text, "998");
	dbx_diag_add(&d, DBX_SEV_WARNING, "w", "", "", "late"); /* nothing weaker to drop */
	assert_string_equal(d.v[DBX_DIAG_MAX - 1].code, "e2");
	assert_int_equal(d.n_by_severity[DBX_SEV_ERROR], 2);
	dbx_diag_fini(&d);
}

static void test_severity_names(void **state)
{
	(void)state;
	assert_string_equal(dbx_severity_name(DBX_SEV_INFO), "info");
	assert_string_equal(dbx_severity_name(DBX_SEV_WARNING), "warning");
	assert_string_equal(dbx_severity_name(DBX_SEV_ERROR), "error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_format),
		cmocka_unit_test(test_format_is_safe_to_show),
		cmocka_unit_test(test_bounded_and_counted),
		cmocka_unit_test(test_error_gets_in_when_full),
		cmocka_unit_test(test_severity_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
