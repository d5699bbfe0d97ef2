/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_idmap.c -- numbers by 64-bit keys: growth, replacement, clearing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/idmap.h"

static void empty_map_has_nothing(void **state)
{
	struct dbx_idmap m = {0};
	uint32_t v = 7;

	(void)state;
	assert_false(dbx_idmap_get(&m, 0, &v));
	assert_int_equal(v, 7);
	dbx_idmap_clear(&m);
	dbx_idmap_fini(&m);
}

static void keeps_what_was_set(void **state)
{
	struct dbx_idmap m = {0};
	uint32_t v;

	(void)state;
	for (uint64_t i = 0; i < 50000; i++)
		assert_int_equal(dbx_idmap_set(&m, i << 32 | (i & 3), (uint32_t)i), 0);
	assert_int_equal(m.n, 50000);
	for (uint64_t i = 0; i < 50000; i++) {
		assert_true(dbx_idmap_get(&m, i << 32 | (i & 3), &v));
		assert_int_equal(v, i);
		assert_false(dbx_idmap_get(&m, i << 32 | 4, &v));
	}
	dbx_idmap_fini(&m);
}

static void replaces_and_clears(void **state)
{
	struct dbx_idmap m = {0};
	uint32_t v = 0;

	(void)state;
	assert_int_equal(dbx_idmap_set(&m, UINT64_MAX, 1), 0);
	assert_int_equal(dbx_idmap_set(&m, UINT64_MAX, UINT32_MAX - 1), 0);
	assert_int_equal(m.n, 1);
	assert_true(dbx_idmap_get(&m, UINT64_MAX, &v));
	assert_int_equal(v, UINT32_MAX - 1);
	dbx_idmap_clear(&m);
	assert_false(dbx_idmap_get(&m, UINT64_MAX, &v));
	dbx_idmap_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map_has_nothing),
		cmocka_unit_test(keeps_what_was_set),
		cmocka_unit_test(replaces_and_clears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
