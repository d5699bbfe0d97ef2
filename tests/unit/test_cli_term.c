// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cli_term.c -- terminals that terminfo knows and does not know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cli/term.h"

static bool knows(const char *name)
{
	assert_int_equal(setenv("TERM", name, 1), 0);
	return dbx_term_is_known();
}

static void test_known(void **state)
{
	(void)state;
	assert_true(knows("xterm"));
	assert_true(knows("linux"));
	assert_false(knows("nonsense"));
	assert_false(knows(""));
	assert_false(knows("../../etc/passwd"));
	assert_int_equal(unsetenv("TERM"), 0);
	assert_false(dbx_term_is_known());
	assert_true(knows("xterm")); /* again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
