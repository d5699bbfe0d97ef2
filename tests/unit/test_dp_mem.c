// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_mem.c -- the data plane in memory keeps the promises of dp.h, and fails when asked to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/tinyimg.h"
#include "dataplane/dp_mem.h"

static const struct dbx_dp_ops *const ops = &dbx_dp_mem;
static const struct dbx_dp_opts opts = {.object_path = "", .pin_dir = ""};
static struct dbx_dp_error err;

static int reset(void **state)
{
	(void)state;
	dbx_dp_mem_reset();
	return 0;
}

static int commit_generation(struct dbx_dp *dp, uint64_t generation)
{
	struct tinyimg t = {.generation = generation, .verdict = DBX_VERDICT_PASS};
	size_t n;
	void *image = tinyimg_new(&t, &n);
	int rc = ops->prepare(dp, image, n, &err);

	free(image);
	return rc ? rc : ops->commit(dp, &err);
}

static void test_transaction_and_adoption(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL, *second = NULL;
	size_t n;

	(void)state;
	assert_int_equal(ops->probe(&opts, &err), 0);
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_false(st.has_image || st.adopted);
	assert_null(dbx_dp_mem_image(&n));
	assert_int_equal(ops->open(&second, &opts, &st, &err), -EBUSY);
	assert_int_equal(ops->commit(dp, &err), -EINVAL);
	assert_int_equal(commit_generation(dp, 3), 0);
	assert_int_equal(ops->commit(dp, &err), -EINVAL);
	ops->close(&dp);
	ops->close(&dp);
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_true(st.has_image && st.adopted);
	assert_int_equal(st.generation, 3);
	assert_non_null(dbx_dp_mem_image(&n));
	ops->close(&dp);
}

static void test_faults_change_nothing(void **state)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	dbx_dp_mem_fail(DBX_DP_MEM_OPEN, 1, -EPERM);
	assert_int_equal(ops->open(&dp, &opts, &st, &err), -EPERM);
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_int_equal(commit_generation(dp, 1), 0);
	dbx_dp_mem_fail(DBX_DP_MEM_PREPARE, 2, -ENOSPC);
	assert_int_equal(commit_generation(dp, 2), 0);
	assert_int_equal(commit_generation(dp, 3), -ENOSPC);
	assert_non_null(strstr(err.text, "injected"));
	dbx_dp_mem_fail(DBX_DP_MEM_COMMIT, 1, -EIO);
	assert_int_equal(commit_generation(dp, 4), -EIO);
	ops->abort(dp);
	assert_int_equal(ops->state(dp, &st), 0);
	assert_int_equal(st.generation, 2);
	assert_int_equal(dbx_dp_mem_calls(DBX_DP_MEM_PREPARE), 4);
	assert_int_equal(dbx_dp_mem_calls(DBX_DP_MEM_COMMIT), 3);
	ops->close(&dp);
}

static void test_damaged_image_is_refused(void **state)
{
	struct tinyimg t = {.generation = 1};
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	uint8_t *image;
	size_t n;

	(void)state;
	image = tinyimg_new(&t, &n);
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	image[n / 2] ^= 4;
	assert_int_equal(ops->prepare(dp, image, n, &err), -EBADMSG);
	assert_int_equal(ops->prepare(dp, image, n / 2, &err), -EINVAL);
	free(image);
	ops->close(&dp);
}

static void test_links(void **state)
{
	struct dbx_dp_link v[4];
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	size_t n;

	(void)state;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_int_equal(ops->attach(dp, 5, "ws1", &err), 0);
	assert_int_equal(ops->attach(dp, 6, "ws1", &err), 0);
	dbx_dp_mem_fail(DBX_DP_MEM_ATTACH, 1, -EBUSY);
	assert_int_equal(ops->attach(dp, 7, "ws2", &err), -EBUSY);
	assert_int_equal(ops->attach(dp, 0, "ws2", &err), -EINVAL);
	assert_int_equal(ops->attach(dp, 7, "a-name-of-sixteen", &err), -EINVAL);
	assert_int_equal(ops->links(dp, v, 4, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(v[0].ifindex, 6);
	assert_int_equal(ops->detach(dp, "ws2", &err), -ENOENT);
	assert_int_equal(ops->forget(dp, "ws2"), 0);
	assert_int_equal(ops->detach(dp, "ws1", &err), 0);
	assert_int_equal(ops->links(dp, v, 4, &n), 0);
	assert_int_equal(n, 0);
	ops->close(&dp);
}

static void count_event(void *arg, const struct dbx_event *e)
{
	(void)e;
	++*(unsigned int *)arg;
}

static int count_packets(void *arg, const struct dbx_dp_counter *c)
{
	*(uint64_t *)arg += c->value.packets;
	return 0;
}

static void test_counts_stay_exact_when_events_are_lost(void **state)
{
	struct dbx_event e = {.workspace_id = 1,
			      .reason = DBX_REASON_NO_MATCH,
			      .verdict = DBX_VERDICT_DROP,
			      .frame_bytes = 60};
	struct dbx_counter totals[DBX_TOTAL_MAX];
	struct pollfd ready = {.events = POLLIN};
	unsigned int i, n_events = 0;
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	uint64_t n_packets = 0;

	(void)state;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	ready.fd = ops->event_fd(dp);
	assert_int_equal(poll(&ready, 1, 0), 0);
	dbx_dp_mem_ring(10);
	for (i = 0; i < 25; i++)
		dbx_dp_mem_packet(&e);
	e.verdict = DBX_VERDICT_PASS;
	dbx_dp_mem_packet(&e);
	assert_int_equal(poll(&ready, 1, 0), 1);
	assert_int_equal(ops->poll_events(dp, count_event, &n_events), 0);
	assert_int_equal(n_events, 10);
	assert_int_equal(poll(&ready, 1, 0), 0);
	assert_int_equal(ops->totals(dp, totals), 0);
	assert_int_equal(totals[DBX_TOTAL_EVENTS].packets, 10);
	assert_int_equal(totals[DBX_TOTAL_EVENTS_LOST].packets, 15);
	assert_int_equal(totals[DBX_REASON_NO_MATCH * DBX_VERDICT_MAX + DBX_VERDICT_DROP].packets,
			 25);
	assert_int_equal(ops->counters(dp, count_packets, &n_packets), 0);
	assert_int_equal(n_packets, 26);
	ops->close(&dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_transaction_and_adoption, reset, reset),
		cmocka_unit_test_setup_teardown(test_faults_change_nothing, reset, reset),
		cmocka_unit_test_setup_teardown(test_damaged_image_is_refused, reset, reset),
		cmocka_unit_test_setup_teardown(test_links, reset, reset),
		cmocka_unit_test_setup_teardown(test_counts_stay_exact_when_events_are_lost, reset,
						reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
