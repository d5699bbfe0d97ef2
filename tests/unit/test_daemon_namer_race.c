/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_namer_race.c -- names are learned while others expire: what was learned is there until it
 * expires, whatever the sweep is at, and what has expired goes.
 *
 * Addresses are learned anew at about the moment at which they expire, so that both want the same entry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "daemon/namer_impl.h"
#include "dataplane/dp_mem.h"

#define ADDRS     2000u
#define ROUNDS    4
#define SECOND_NS 1000000000ull
#define POLICY    7

static struct dbx_dp *dp;
static struct dbx_namer *namer;
static uint64_t until[ADDRS];
static atomic_uint n_lost;
static atomic_bool is_over;

static int begin(void **state)
{
	const struct dbx_dp_opts none = {.pin_dir = NULL};
	struct dbx_namer_opts o = {.ops = &dbx_dp_mem};
	struct dbx_dp_state s;
	struct dbx_dp_error e;

	(void)state;
	dbx_dp_mem_reset();
	assert_int_equal(dbx_dp_mem.open(&dp, &none, &s, &e), 0);
	o.dp = dp;
	return dbx_namer_new(&namer, &o);
}

static int end(void **state)
{
	(void)state;
	dbx_namer_free(&namer);
	dbx_dp_mem.close(&dp);
	return 0;
}

static struct dbx_addr addr_of(unsigned int i)
{
	return (struct dbx_addr){.a = {10, 1, (uint8_t)(i >> 8), (uint8_t)i}};
}

/* Both records are there, unless the address may have expired meanwhile. */
static void check(unsigned int i)
{
	struct dbx_addr a = addr_of(i);
	struct dbx_learned_key lk = {.policy_uid = POLICY};
	struct dbx_learned l = {0};
	struct dbx_bound_key key;
	struct dbx_bound b = {0};
	bool good;

	dbx_namer_key(POLICY, &a, dbx_namer_hash(namer, "good.test"), &key);
	memcpy(lk.addr, key.addr, sizeof(lk.addr));
	good = !dbx_dp_mem.bound_get(dp, &key, &b) && b.expires_ns >= until[i] &&
	       !dbx_dp_mem.learned_get(dp, &lk, &l) && l.expires_ns >= until[i];
	if (dbx_namer_now() < until[i] && !good)
		atomic_fetch_add(&n_lost, 1);
}

static void learn(unsigned int i)
{
	struct dbx_addr a = addr_of(i);
	struct dbx_lesson l = {
		.policy_uid = POLICY, .name = "good.test", .addrs = &a, .n_addrs = 1, .ttl_s = 1};
	uint64_t before = dbx_namer_now();

	if (dbx_namer_learn(namer, &l)) {
		atomic_fetch_add(&n_lost, 1);
		return;
	}
	until[i] = before + SECOND_NS;
}

static void *resolver(void *arg)
{
	const struct timespec step = {.tv_nsec = 300000};

	(void)arg;
	for (unsigned int i = 0; i < ADDRS * ROUNDS; i++) {
		/* One that expires about now, so that the sweep is at it. */
		while (dbx_namer_now() + 1000000 < until[i % ADDRS])
			nanosleep(&step, NULL);
		learn(i % ADDRS);
		check(i % ADDRS);
		if (i >= 50)
			check((i - 50) % ADDRS);
		if (i < ADDRS)
			nanosleep(&step, NULL);
	}
	atomic_store(&is_over, true);
	return NULL;
}

static int count_unsaved(void *arg, const struct dbx_learned_name *l)
{
	*(unsigned int *)arg += !strcmp(l->name, "good.test");
	return 0;
}

static int count_addr(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v)
{
	(void)k, (void)v;
	++*(unsigned int *)arg;
	return 0;
}

static void count_name(void *arg, const struct dbx_learned_name *l)
{
	(void)l;
	++*(unsigned int *)arg;
}

static void test_learned_while_swept(void **state)
{
	const struct timespec rest = {.tv_nsec = 20000000};
	struct dbx_namer_stats s;
	unsigned int n_saved = 0, n_addrs = 0, n_names = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, resolver, NULL), 0);
	while (!atomic_load(&is_over)) {
		dbx_namer_sweep(namer);
		dbx_namer_take_unsaved(namer, count_unsaved, &n_saved);
	}
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&n_lost), 0);
	dbx_namer_stats(namer, &s);
	assert_int_equal(s.learned, ADDRS * ROUNDS);
	assert_true(s.swept > 0); /* else nothing was raced */
	while (dbx_namer_now() < until[ADDRS - 1] + SECOND_NS / 10)
		nanosleep(&rest, NULL);
	dbx_namer_take_unsaved(namer, count_unsaved, &n_saved);
	assert_true(n_saved >= ADDRS && n_saved <= ADDRS * ROUNDS);
	dbx_namer_sweep(namer);
	dbx_dp_mem.learned_each(dp, count_addr, &n_addrs);
	dbx_namer_each(namer, count_name, &n_names);
	assert_int_equal(n_addrs, 0);
	assert_int_equal(n_names, 0);
}

/* Slices of a table that grows between them miss nothing that was there before. */
static int mark(void *arg, struct dbx_lesson_entry *e)
{
	(void)arg;
	e->rule_uid = 1;
	return 0;
}

static int count_marked(void *arg, struct dbx_lesson_entry *e)
{
	*(unsigned int *)arg += e->rule_uid == 1;
	return 0;
}

static void test_slices(void **state)
{
	struct dbx_lesson_table t = {NULL, 0, 0};
	struct dbx_bound_key key = {.policy_uid = POLICY};
	unsigned int n = 0;
	size_t at = 0;

	(void)state;
	for (key.name = 0; key.name < 5000; key.name++)
		assert_non_null(dbx_lessons_add(&t, &key, "x", NULL));
	while (at < t.n_buckets) {
		assert_int_equal(dbx_lessons_some(&t, &at, 100, mark, NULL), 0);
		for (int i = 0; i < 300; i++, key.name++)
			assert_non_null(dbx_lessons_add(&t, &key, "x", NULL));
		if (key.name > 40000)
			break;
	}
	assert_int_equal(dbx_lessons_some(&t, &at, SIZE_MAX, mark, NULL), 0);
	assert_int_equal(at, t.n_buckets);
	for (key.name = 0; key.name < 5000; key.name++)
		assert_int_equal(dbx_lessons_find(&t, &key)->rule_uid, 1);
	dbx_lessons_each(&t, count_marked, &n);
	assert_true(n >= 5000);
	dbx_lessons_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices),
		cmocka_unit_test_setup_teardown(test_learned_while_swept, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
