/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_dp_differential.c -- random gateways and packets: the kernel program against the classifier
 * on the host, which test_differential.c compares with the evaluator.
 *
 * 200,000 (policy, packet) pairs from a fixed seed, and as many from a fresh one, which is printed;
 * DBX_SEED=... repeats it. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/gen.h"
#include "common/gen_big.h"
#include "common/gen_kernel.h"
#include "unit/runcase.h"

#ifdef __SANITIZE_ADDRESS__
#define MODELS       25
#define FEED_PACKETS 1000
#define RUN_PACKETS  200
#else
#define MODELS       202 /* a little more, since the kernel takes no frame shorter than 14 bytes */
#define FEED_PACKETS 20000
#define RUN_PACKETS  20000
#endif

static void test_fixed_seed(void **state)
{
	struct gen_pair pair = gen_kernel_pair(prog);

	(void)state;
	assert_int_equal(gen_diff_run(&pair, 20260822, MODELS), 0);
}

static void test_fresh_seed(void **state)
{
	struct gen_pair pair = gen_kernel_pair(prog);

	(void)state;
	assert_int_equal(gen_diff_run(&pair, gen_seed("test_dp_differential"), MODELS), 0);
}

static void run_big(int (*make)(struct vec_world *w), uint64_t seed, size_t n)
{
	struct gen_pair pair = gen_kernel_pair(prog);
	struct vec_world w;

	assert_int_equal(make(&w), 0);
	assert_int_equal(gen_diff_world(&pair, &w, seed, n), 0);
	vec_world_fini(&w);
}

static void test_real_feeds(void **state)
{
	(void)state;
	run_big(gen_big_feeds, 398, FEED_PACKETS);
}

static void test_runs_at_the_edge_of_the_layout(void **state)
{
	(void)state;
	run_big(gen_big_runs, 65536, RUN_PACKETS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_seed),
		cmocka_unit_test(test_fresh_seed),
		cmocka_unit_test(test_real_feeds),
		cmocka_unit_test(test_runs_at_the_edge_of_the_layout),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
