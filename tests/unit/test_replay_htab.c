// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_replay_htab.c -- the table that stands in for a kernel's map: against a plain array, at random.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/gen.h"
#include "replay/htab.h"

#define KEYS 4096u

struct key {
	uint32_t number;
	uint8_t odd[3]; /* not a multiple of a word */
};

static struct key key_of(uint32_t n)
{
	struct key k;

	memset(&k, 0, sizeof(k));
	k.number = n;
	k.odd[0] = (uint8_t)(n * 7);
	return k;
}

static uint64_t model[KEYS];
static bool there[KEYS];
static uint32_t n_there;

static void change(struct dbx_htab *t, struct gen_rand *r)
{
	uint32_t n = gen_below(r, KEYS);
	struct key k = key_of(n);
	uint64_t v = gen_below(r, 1u << 30);
	bool must_be_new = gen_percent(r, 30);

	if (gen_percent(r, 55)) {
		int want = there[n] && must_be_new ? -EEXIST : 0;

		assert_int_equal(dbx_htab_put(t, &k, &v, must_be_new), want);
		if (want)
			return;
		n_there += !there[n];
		there[n] = true;
		model[n] = v;
	} else {
		assert_int_equal(dbx_htab_del(t, &k), there[n] ? 0 : -ENOENT);
		n_there -= there[n];
		there[n] = false;
	}
}

static void compare(struct dbx_htab *t)
{
	assert_int_equal(t->n, n_there);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct key k = key_of(i);
		uint64_t *v = dbx_htab_get(t, &k);

		assert_int_equal(v != NULL, there[i]);
		if (v)
			assert_int_equal(*v, model[i]);
	}
}

static int take_out_odd(void *arg, const void *key, void *value)
{
	const struct key *k = key;

	(void)value;
	(*(uint32_t *)arg)++;
	if (!(k->number & 1))
		return 0;
	there[k->number] = false;
	n_there--;
	return 1;
}

static void random_changes(void **state)
{
	struct gen_rand r = {.state = gen_seed("test_replay_htab")};
	struct dbx_htab t;
	uint32_t n_seen = 0, n_before;

	(void)state;
	dbx_htab_init(&t, sizeof(struct key), sizeof(uint64_t), KEYS, false);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 2000; i++)
			change(&t, &r);
		compare(&t);
	}
	n_before = t.n;
	dbx_htab_each(&t, take_out_odd, &n_seen);
	assert_int_equal(n_seen, n_before);
	compare(&t);
	dbx_htab_fini(&t);
	assert_int_equal(t.n, 0);
}

static void values_stay_where_they_are(void **state)
{
	struct key first = key_of(0);
	struct dbx_htab t;
	uint64_t v = 42, *kept;

	(void)state;
	dbx_htab_init(&t, sizeof(struct key), sizeof(uint64_t), KEYS, false);
	assert_int_equal(dbx_htab_put(&t, &first, &v, true), 0);
	kept = dbx_htab_get(&t, &first);
	for (uint32_t i = 1; i < KEYS; i++) {
		struct key k = key_of(i);

		assert_int_equal(dbx_htab_put(&t, &k, &v, true), 0);
	}
	assert_ptr_equal(dbx_htab_get(&t, &first), kept);
	assert_int_equal(*kept, 42);
	dbx_htab_fini(&t);
}

static void full(void **state)
{
	struct dbx_htab t;
	uint64_t v = 1;

	(void)state;
	dbx_htab_init(&t, sizeof(struct key), sizeof(v), 10, false);
	for (uint32_t i = 0; i < 12; i++) {
		struct key k = key_of(i);

		assert_int_equal(dbx_htab_put(&t, &k, &v, false), i < 10 ? 0 : -ENOSPC);
	}
	dbx_htab_fini(&t);
	dbx_htab_init(&t, sizeof(struct key), sizeof(v), 10, true);
	for (uint32_t i = 0; i < 1000; i++) {
		struct key k = key_of(i);

		assert_int_equal(dbx_htab_put(&t, &k, &v, false), 0);
		assert_non_null(dbx_htab_get(&t, &k));
		assert_true(t.n <= 10);
	}
	dbx_htab_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes),
		cmocka_unit_test(values_stay_where_they_are),
		cmocka_unit_test(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
