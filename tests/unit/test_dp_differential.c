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

#include <stdio.h>
#include <string.h>

#include "common/bpfrun.h"
#include "common/gen.h"
#include "common/gen_diff.h"

#ifdef __SANITIZE_ADDRESS__
#define MODELS 25
#else
#define MODELS 202 /* a little more, since the kernel takes no frame shorter than 14 bytes */
#endif

static struct bpfrun *kernel;

static void kernel_begin(void *arg, struct vec_world *w)
{
	(void)arg;
	assert_int_equal(bpfrun_set_image(kernel, w->image, w->image_bytes), 0);
}

static void kernel_forget(void *arg, struct vec_world *w)
{
	(void)arg;
	(void)w;
	assert_int_equal(bpfrun_forget_fragments(kernel), 0);
}

static bool kernel_judge(void *arg, struct vec_world *w, const char *interface, const void *frame,
			 size_t n_bytes, struct vec_result *r)
{
	struct dbx_result res;
	uint32_t action;

	(void)arg;
	if (n_bytes < BPFRUN_FRAME_MIN || n_bytes > BPFRUN_FRAME_MAX)
		return false;
	assert_int_equal(
		bpfrun_frame(kernel, frame, n_bytes, dbx_port_hash(interface), &res, NULL, &action),
		0);
	/* XDP_DROP is 1, XDP_PASS is 2. */
	assert_int_equal(action, res.verdict == DBX_VERDICT_DROP ? 1 : 2);
	vec_result_of(&w->img, &res, r);
	return true;
}

static const struct gen_pair pair = {
	.name = {"kernel", "host"},
	.judge = {kernel_judge, gen_judge_host},
	.begin = kernel_begin,
	.forget = kernel_forget,
};

static void test_fixed_seed(void **state)
{
	(void)state;
	assert_int_equal(gen_diff_run(&pair, 20260822, MODELS), 0);
}

static void test_fresh_seed(void **state)
{
	(void)state;
	assert_int_equal(gen_diff_run(&pair, gen_seed("test_dp_differential"), MODELS), 0);
}

static int setup(void **state)
{
	(void)state;
	return bpfrun_open(&kernel, NULL);
}

static int teardown(void **state)
{
	(void)state;
	bpfrun_close(&kernel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_seed),
		cmocka_unit_test(test_fresh_seed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
