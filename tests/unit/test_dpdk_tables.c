// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_tables.c -- tables that lcores read without a lock: what they hold, refuse and forget.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "common/dpdkbox.h"
#include "dataplane/dpdk/tables.h"

#define MAX 512u

static struct rte_rcu_qsbr *qsbr;
static struct dpk_table *t;

struct key {
	uint64_t a, b, c;
};

struct value {
	uint64_t n, again;
};

static struct key key_of(uint64_t i)
{
	return (struct key){i * 7919, ~i, i << 32};
}

static int put(uint64_t i, uint64_t n, int is_new)
{
	struct key k = key_of(i);
	struct value v = {n, n};

	return dpk_table_put(t, &k, &v, is_new);
}

static struct value *get(uint64_t i)
{
	struct key k = key_of(i);

	return dpk_table_get(t, &k);
}

static int del(uint64_t i)
{
	struct key k = key_of(i);

	return dpk_table_del(t, &k);
}

static int begin(void **state)
{
	static int n;
	char name[24];

	(void)state;
	snprintf(name, sizeof(name), "t%d", n++);
	return dpk_table_open(&t, name, sizeof(struct key), sizeof(struct value), MAX, qsbr);
}

static int end(void **state)
{
	(void)state;
	dpk_table_close(&t);
	return 0;
}

static void what_is_put_is_found(void **state)
{
	(void)state;
	assert_null(get(1));
	assert_int_equal(del(1), -ENOENT);
	assert_int_equal(put(1, 10, 1), 0);
	assert_int_equal(get(1)->n, 10);
	assert_int_equal(put(1, 11, 1), -EEXIST);
	assert_int_equal(get(1)->n, 10);
	assert_int_equal(put(1, 12, 0), 0);
	assert_int_equal(get(1)->n, 12);
	assert_int_equal(del(1), 0);
	assert_null(get(1));
	assert_int_equal(del(1), -ENOENT);
}

/* Exactly as many as were asked for, again and again. */
static void it_takes_all_and_no_more(void **state)
{
	(void)state;
	for (int turn = 0; turn < 5; turn++) {
		for (uint64_t i = 0; i < MAX; i++)
			assert_int_equal(put(i, i, 1), 0);
		assert_int_equal(put(MAX, 0, 1), -E2BIG);
		assert_int_equal(put(3, 33, 0), 0);
		for (uint64_t i = 0; i < MAX; i++)
			assert_int_equal(get(i)->n, i == 3 ? 33 : i);
		for (uint64_t i = 0; i < MAX; i++)
			assert_int_equal(del(i), 0);
	}
}

/* What a reader found stays what it is until the reader has been quiescent; then it is used again. */
static void values_outlive_their_readers(void **state)
{
	struct value *v;

	(void)state;
	rte_rcu_qsbr_thread_register(qsbr, 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	for (uint64_t i = 0; i < MAX; i++)
		assert_int_equal(put(i, i, 1), 0);
	v = get(5);
	for (uint64_t i = 0; i < MAX; i++)
		assert_int_equal(del(i), 0);
	for (uint64_t i = 0; i < MAX; i++)
		assert_int_equal(put(1000 + i, 1000 + i, 1), -E2BIG);
	assert_int_equal(v->n, 5);
	rte_rcu_qsbr_quiescent(qsbr, 0);
	for (uint64_t i = 0; i < MAX; i++)
		assert_int_equal(put(1000 + i, 1000 + i, 1), 0);
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	rte_rcu_qsbr_thread_unregister(qsbr, 0);
}

static void a_walk_sees_all(void **state)
{
	uint64_t sum = 0, n = 0;
	const void *key;
	void *value;
	uint32_t at = 0;

	(void)state;
	for (uint64_t i = 0; i < MAX; i++)
		assert_int_equal(put(i, i, 1), 0);
	while (dpk_table_next(t, &key, &value, &at)) {
		sum += ((struct value *)value)->n;
		n++;
	}
	assert_int_equal(n, MAX);
	assert_int_equal(sum, (uint64_t)MAX * (MAX - 1) / 2);
	dpk_table_clear(t);
	at = 0;
	assert_int_equal(dpk_table_next(t, &key, &value, &at), 0);
}

static volatile int must_stop;
static uint64_t n_torn, n_seen;

/* Both halves of a value were written together, whichever key it is for. */
static void *read_on(void *arg)
{
	(void)arg;
	rte_rcu_qsbr_thread_register(qsbr, 1);
	rte_rcu_qsbr_thread_online(qsbr, 1);
	while (!must_stop) {
		for (uint64_t i = 0; i < 64; i++) {
			const struct value *v = get(i);

			if (!v)
				continue;
			n_seen++;
			n_torn += v->n != v->again || v->n % 64 != i;
		}
		rte_rcu_qsbr_quiescent(qsbr, 1);
	}
	rte_rcu_qsbr_thread_offline(qsbr, 1);
	rte_rcu_qsbr_thread_unregister(qsbr, 1);
	return NULL;
}

static void readers_and_a_writer(void **state)
{
	pthread_t thread;

	(void)state;
	must_stop = 0;
	n_torn = n_seen = 0;
	assert_int_equal(pthread_create(&thread, NULL, read_on, NULL), 0);
	for (uint64_t i = 0; i < 300000 || (n_seen < 1000 && i < 1u << 31); i++) {
		int rc = put(i % 64, i, 1);

		assert_true(rc == 0 || rc == -EEXIST || rc == -E2BIG);
		if (rc == -EEXIST)
			del(i % 64);
		/* on one CPU the reader would else run only when nothing more can be put, and nothing is there */
		if (i % 97 == 0)
			sched_yield();
	}
	must_stop = 1;
	pthread_join(thread, NULL);
	assert_true(n_seen > 0);
	assert_int_equal(n_torn, 0);
}

static void the_recent_table_forgets_the_oldest(void **state)
{
	struct dpk_recent *r;
	uint8_t key[44] = {0};
	uint64_t v, n = 0;

	(void)state;
	assert_int_equal(dpk_recent_open(&r, 20, 64), -EINVAL);
	assert_int_equal(dpk_recent_open(&r, sizeof(key), 64), 0);
	assert_int_equal(dpk_recent_get(r, key, &v), 0);
	for (uint32_t i = 0; i < 10000; i++) {
		memcpy(key, &i, sizeof(i));
		dpk_recent_put(r, key, i);
		assert_int_equal(dpk_recent_get(r, key, &v), 1);
		assert_int_equal(v, i);
		dpk_recent_put(r, key, i + 1);
		assert_int_equal(*dpk_recent_at(r, key), i + 1);
	}
	for (uint32_t i = 0; i < 10000; i++) {
		memcpy(key, &i, sizeof(i));
		n += (uint64_t)dpk_recent_get(r, key, &v);
	}
	assert_int_equal(n, 64);
	dpk_recent_clear(r);
	assert_int_equal(dpk_recent_get(r, key, &v), 0);
	assert_null(dpk_recent_at(r, key));
	dpk_recent_close(&r);
}

static int setup(void **state)
{
	(void)state;
	if (dpdkbox_start())
		return -1;
	qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(4), RTE_CACHE_LINE_SIZE);
	return qsbr ? rte_rcu_qsbr_init(qsbr, 4) : -1;
}

static int teardown(void **state)
{
	(void)state;
	rte_free(qsbr);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_put_is_found, begin, end),
		cmocka_unit_test_setup_teardown(it_takes_all_and_no_more, begin, end),
		cmocka_unit_test_setup_teardown(values_outlive_their_readers, begin, end),
		cmocka_unit_test_setup_teardown(a_walk_sees_all, begin, end),
		cmocka_unit_test_setup_teardown(readers_and_a_writer, begin, end),
		cmocka_unit_test(the_recent_table_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
