// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_differential.c -- random gateways and packets: the pipeline of dbx-egress-dpdk against the
 * classifier on the host and against the evaluator.
 *
 * 10,000 (policy, packet) pairs against each; DBX_ROUNDS=500 makes them a million together. A fresh
 * seed is printed; DBX_SEED=... repeats it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/gen.h"
#include "common/gen_big.h"
#include "unit/dpdkrun.h"

#ifdef __SANITIZE_ADDRESS__
#define MODELS      4
#define BIG_PACKETS 400
#else
#define MODELS      10
#define BIG_PACKETS 4000
#endif

static struct dpdkrun run;

static bool judge(void *arg, struct vec_world *w, const char *interface, const void *frame,
		  size_t n_bytes, struct vec_result *v)
{
	struct dpdkrun *r = arg;
	struct rte_mbuf *m = dpdkrun_piece(r, frame, n_bytes, RTE_PKTMBUF_HEADROOM, 0);
	struct dpk_seen seen;
	struct dpk_out out;

	dpdkrun_burst(r, interface, &m, 1, &out, &seen);
	dpdkrun_result(w, &seen, &out, v);
	rte_pktmbuf_free(m);
	return true;
}

static const struct gen_pair with_host = {
	.name = {"pipeline", "host"},
	.judge = {judge, gen_judge_host},
	.begin = dpdkrun_begin,
	.forget = dpdkrun_forget,
	.arg = &run,
};

static const struct gen_pair with_eval = {
	.name = {"pipeline", "eval"},
	.judge = {judge, gen_judge_eval},
	.begin = dpdkrun_begin,
	.forget = dpdkrun_forget,
	.arg = &run,
};

static void with_the_host_from_a_fixed_seed(void **state)
{
	(void)state;
	assert_int_equal(gen_diff_run(&with_host, 20261121, MODELS), 0);
}

static void with_the_evaluator_from_a_fresh_seed(void **state)
{
	(void)state;
	assert_int_equal(gen_diff_run(&with_eval, gen_seed("test_dpdk_differential"), MODELS), 0);
}

static void run_big(int (*make)(struct vec_world *w), uint64_t seed)
{
	struct vec_world w;

	assert_int_equal(make(&w), 0);
	assert_int_equal(gen_diff_world(&with_host, &w, seed, BIG_PACKETS), 0);
	vec_world_fini(&w);
}

static void real_feeds(void **state)
{
	(void)state;
	run_big(gen_big_feeds, 398);
}

static void runs_at_the_edge_of_the_layout(void **state)
{
	(void)state;
	run_big(gen_big_runs, 65536);
}

static int setup(void **state)
{
	(void)state;
	return dpdkbox_start() || dpdkrun_open(&run) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	dpdkrun_close(&run);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_the_host_from_a_fixed_seed),
		cmocka_unit_test(with_the_evaluator_from_a_fresh_seed),
		cmocka_unit_test(real_feeds),
		cmocka_unit_test(runs_at_the_edge_of_the_layout),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
