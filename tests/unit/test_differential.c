/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_differential.c -- random gateways and packets: classifier on the host against the evaluator.
 *
 * One million (policy, packet) pairs from a fixed seed, and as many from a fresh one, which is
 * printed; DBX_SEED=... repeats it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/gen.h"
#include "common/gen_diff.h"

#ifdef __SANITIZE_ADDRESS__
#define MODELS 25
#else
#define MODELS 1000
#endif

static const struct gen_pair pair = {
	.name = {"host", "eval"},
	.judge = {gen_judge_host, gen_judge_eval},
};

static void test_fixed_seed(void **state)
{
	(void)state;
	assert_int_equal(gen_diff_run(&pair, 20260821, MODELS), 0);
}

static void test_fresh_seed(void **state)
{
	(void)state;
	assert_int_equal(gen_diff_run(&pair, gen_seed("test_differential"), MODELS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_seed),
		cmocka_unit_test(test_fresh_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
