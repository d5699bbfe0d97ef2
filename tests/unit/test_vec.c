// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_vec.c -- the growable array: growth, order, refusal of sizes that cannot exist.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/vec.h"

struct pair {
	uint32_t a;
	uint64_t b;
};

static void elements_keep_their_order(void **state)
{
	DBX_VEC(struct pair) v = {0};
	uint32_t i;

	(void)state;
	for (i = 0; i < 5000; i++)
		assert_int_equal(dbx_vec_push(&v, (struct pair){.a = i, .b = (uint64_t)i << 32}),
				 0);
	assert_int_equal(v.n, 5000);
	assert_true(v.cap >= v.n);
	i = 0;
	dbx_vec_for_each(&v, p) {
		assert_int_equal(p->a, i);
		assert_true(p->b == (uint64_t)i << 32);
		i++;
	}
	assert_int_equal(i, 5000);
	dbx_vec_fini(&v);
	assert_null(v.v);
	assert_int_equal(v.n + v.cap, 0);
}

static void an_empty_array_is_walked_not_at_all(void **state)
{
	DBX_VEC(int) v = {0};
	int n = 0;

	(void)state;
	dbx_vec_for_each(&v, p)
		n += *p + 1;
	assert_int_equal(n, 0);
	dbx_vec_fini(&v);
}

static void reserve_does_not_shrink_or_add(void **state)
{
	DBX_VEC(uint16_t) v = {0};
	size_t cap;

	(void)state;
	assert_int_equal(dbx_vec_reserve(&v, 100), 0);
	assert_true(v.cap >= 100 && v.n == 0);
	cap = v.cap;
	assert_int_equal(dbx_vec_reserve(&v, 1), 0);
	assert_int_equal(v.cap, cap);
	dbx_vec_fini(&v);
}

static void impossible_sizes_are_refused(void **state)
{
	DBX_VEC(struct pair) v = {0};

	(void)state;
	assert_int_equal(dbx_vec_push(&v, (struct pair){.a = 7}), 0);
	assert_int_equal(dbx_vec_reserve(&v, SIZE_MAX), -ENOMEM);
	assert_int_equal(dbx_vec_reserve(&v, SIZE_MAX / sizeof(struct pair)), -ENOMEM);
	assert_true(v.n == 1 && v.v[0].a == 7);
	dbx_vec_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_keep_their_order),
		cmocka_unit_test(an_empty_array_is_walked_not_at_all),
		cmocka_unit_test(reserve_does_not_shrink_or_add),
		cmocka_unit_test(impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
