// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_counters.c -- packets are counted once: in the row of their key, or, when there are as many
 * rows as may be, as unkeyed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/dpdk/counters.h"

#define ROWS 2u
#define KEYS 5u

static struct dpk_rows rows;
static struct dpk_owing owing;
static struct dbx_counter unkeyed;

static struct dbx_counter_key key_of(uint64_t workspace_id)
{
	return (struct dbx_counter_key){.workspace_id = workspace_id};
}

/* Of each key, as the program does, and as quick.h does. */
static void count_all(uint64_t bytes)
{
	for (uint64_t i = 0; i < KEYS; i++) {
		struct dbx_counter_key key = key_of(i);
		struct dbx_counter *c = dpk_rows_owe(&rows, &owing, &unkeyed, &key);

		c->packets++;
		c->bytes += bytes;
	}
	dpk_rows_pay(&rows, &owing, &unkeyed);
	for (uint64_t i = 0; i < KEYS; i++) {
		struct dpk_owed o = {.key = {i}, .value = {1, bytes}};

		o.hash = dpk_row_hash(o.key);
		dpk_rows_put(&rows, &unkeyed, &o);
	}
}

static void rows_take_what_they_can_and_no_more(void **state)
{
	struct dbx_counter_key key;
	struct dbx_counter value;
	uint32_t at = 0, n = 0;

	(void)state;
	count_all(100);
	count_all(1);
	for (; dpk_rows_next(&rows, &at, &key, &value); n++) {
		assert_int_equal(key.workspace_id < ROWS, 1);
		assert_int_equal(value.packets, 4);
		assert_int_equal(value.bytes, 202);
	}
	assert_int_equal(n, ROWS);
	assert_int_equal(unkeyed.packets, 4 * (KEYS - ROWS));
	assert_int_equal(unkeyed.bytes, 202 * (KEYS - ROWS));
}

/* More than a burst may owe: what is owed is paid on the way. */
static void none_is_lost_when_much_is_owed(void **state)
{
	const uint64_t none[DPK_KEY_WORDS] = {0};
	struct dbx_counter_key key = key_of(0);

	(void)state;
	for (uint32_t i = 0; i < 3 * DPK_OWED_MAX + 1; i++)
		dpk_rows_owe(&rows, &owing, &unkeyed, &key)->packets++;
	dpk_rows_pay(&rows, &owing, &unkeyed);
	assert_int_equal(dpk_row_of(&rows, none, dpk_row_hash(none))->value.packets,
			 3 * DPK_OWED_MAX + 1);
	assert_int_equal(unkeyed.packets, 0);
}

/* A tag says which row, as long as nobody else has its serial number. */
static void a_tag_stands_for_a_key(void **state)
{
	struct dpk_owed o = {.key = {1}, .value = {1, 100}};
	struct dpk_row *r;

	(void)state;
	o.hash = dpk_row_hash(o.key);
	assert_false(dpk_rows_hit(&rows, o.hash, 7, 5, 10));
	r = dpk_rows_put(&rows, &unkeyed, &o);
	assert_non_null(r);
	assert_false(dpk_rows_hit(&rows, o.hash, 7, 5, 10));
	r->serial = 7;
	r->tag = 5;
	assert_true(dpk_rows_hit(&rows, o.hash, 7, 5, 10));
	assert_false(dpk_rows_hit(&rows, o.hash, 8, 5, 10));
	assert_false(dpk_rows_hit(&rows, o.hash, 7, 6, 10));
	assert_false(dpk_rows_hit(&rows, o.hash + 1, 7, 5, 10));
	assert_int_equal(r->value.packets, 2);
	assert_int_equal(r->value.bytes, 110);
}

/* Where there is no row, there is none to have a tag. */
static void no_row_no_tag(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < KEYS; i++) {
		struct dpk_owed o = {.key = {i}, .value = {1, 1}};

		o.hash = dpk_row_hash(o.key);
		assert_int_equal(dpk_rows_put(&rows, &unkeyed, &o) != NULL, i < ROWS);
	}
}

static int setup(void **state)
{
	(void)state;
	unkeyed = (struct dbx_counter){0, 0};
	return dpk_rows_open(&rows, ROWS);
}

static int teardown(void **state)
{
	(void)state;
	dpk_rows_close(&rows);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_take_what_they_can_and_no_more, setup,
						teardown),
		cmocka_unit_test_setup_teardown(none_is_lost_when_much_is_owed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_tag_stands_for_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(no_row_no_tag, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
