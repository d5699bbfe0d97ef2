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

	return tinyimg_apply(&t, ops, dp, &err);
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

static void test_forward_replaces(void **state)
{
	const uint32_t v[2] = {7, 9};
	const uint32_t *has;
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	size_t n;

	(void)state;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_int_equal(ops->forward(dp, v, 2, &err), 0);
	has = dbx_dp_mem_forward(&n);
	assert_int_equal(n, 2);
	assert_memory_equal(has, v, sizeof(v));
	dbx_dp_mem_fail(DBX_DP_MEM_FORWARD, 1, -EIO);
	assert_int_equal(ops->forward(dp, v, 1, &err), -EIO);
	dbx_dp_mem_forward(&n);
	assert_int_equal(n, 2);
	assert_int_equal(ops->forward(dp, NULL, 0, &err), 0);
	dbx_dp_mem_forward(&n);
	assert_int_equal(n, 0);
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
	assert_int_equal(totals[DBX_TOTAL_TOLD].packets, 10);
	assert_int_equal(totals[DBX_TOTAL_EVENTS_LOST].packets, 15);
	assert_int_equal(totals[DBX_REASON_NO_MATCH * DBX_VERDICT_MAX + DBX_VERDICT_DROP].packets,
			 25);
	assert_int_equal(ops->counters(dp, count_packets, &n_packets), 0);
	assert_int_equal(n_packets, 26);
	ops->close(&dp);
}

/* ---- names ---- */

struct seen {
	size_t n;
	uint64_t expires_ns;
};

static int see_learned(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v)
{
	struct seen *s = arg;

	assert_int_equal(k->policy_uid, 1);
	s->n++;
	s->expires_ns = v->expires_ns;
	return 0;
}

static int see_bound(void *arg, const struct dbx_bound_key *k, const struct dbx_bound *v)
{
	struct seen *s = arg;

	(void)k;
	s->n++;
	s->expires_ns = v->expires_ns;
	return 0;
}

static struct seen learned_seen(struct dbx_dp *dp)
{
	struct seen s = {0, 0};

	assert_int_equal(ops->learned_each(dp, see_learned, &s), 0);
	return s;
}

static struct seen bound_seen(struct dbx_dp *dp)
{
	struct seen s = {0, 0};

	assert_int_equal(ops->bound_each(dp, see_bound, &s), 0);
	return s;
}

static void test_names_are_learned_whole_or_not(void **state)
{
	struct dbx_bound_key k = {.policy_uid = 1, .addr = {0, 0, 0xffff, 1}, .name = 7};
	struct dbx_learned_key addr = {.policy_uid = 1, .addr = {0, 0, 0xffff, 1}};
	struct dbx_bound b = {.expires_ns = 100, .rule_uid = 3};
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_int_equal(ops->learn(dp, &k, &b), 0);
	b.expires_ns = 50;
	k.name = 8;
	assert_int_equal(ops->learn(dp, &k, &b), 0);
	assert_int_equal(learned_seen(dp).n, 1);
	assert_int_equal(learned_seen(dp).expires_ns, 100); /* the later of the two */
	assert_int_equal(bound_seen(dp).n, 2);
	dbx_dp_mem_names_max(1, 100, 100);
	k.addr[3] = 2;
	assert_int_equal(ops->learn(dp, &k, &b), -ENOSPC);
	assert_int_equal(bound_seen(dp).n, 2);
	dbx_dp_mem_fail(DBX_DP_MEM_LEARN, 1, -EIO);
	k.addr[3] = 1;
	assert_int_equal(ops->learn(dp, &k, &b), -EIO);
	assert_int_equal(ops->unlearn(dp, &k), 0);
	assert_int_equal(ops->unlearn(dp, &k), 0);
	assert_int_equal(bound_seen(dp).n, 1);
	assert_int_equal(ops->forget_addr(dp, &addr), 0);
	assert_int_equal(learned_seen(dp).n, 0);
	ops->close(&dp);
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_int_equal(bound_seen(dp).n, 1); /* as the kernel keeps it */
	ops->close(&dp);
}

static int see_flow(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v)
{
	(void)k;
	*(struct dbx_flow *)arg = *v;
	return 0;
}

static void test_flows_are_changed_as_in_the_kernel(void **state)
{
	struct dbx_flow f = {.start_ns = 5, .state = DBX_FLOW_HELLO, .kind = DBX_NAME_PORT_TLS},
			now;
	struct dbx_flow_key k = {.sport = 1};
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	(void)state;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	dbx_dp_mem_flow(&k, &f);
	f.policy_uid[1] = 9;
	f.isn = 1; /* not the daemon's to say */
	assert_int_equal(ops->flow_set(dp, &k, &f), 0);
	assert_int_equal(ops->flows_each(dp, see_flow, &now), 0);
	assert_true(now.policy_uid[1] == 9 && now.isn == 0);
	f.state = DBX_FLOW_ALLOWED; /* of TLS, packets alone decide that */
	assert_int_equal(ops->flow_set(dp, &k, &f), -ESTALE);
	f.state = DBX_FLOW_DENIED;
	f.start_ns = 4;
	assert_int_equal(ops->flow_set(dp, &k, &f), -ESTALE);
	f.start_ns = 5;
	assert_int_equal(ops->flow_set(dp, &k, &f), 0);
	assert_int_equal(ops->flows_each(dp, see_flow, &now), 0);
	assert_int_equal(now.state, DBX_FLOW_DENIED);
	assert_int_equal(ops->flow_del(dp, &k), 0);
	ops->close(&dp);
}

static void count_name_event(void *arg, const struct dbx_name_event *e)
{
	(void)e;
	++*(int *)arg;
}

static void test_steering_and_name_events(void **state)
{
	struct dbx_name_event e = {.n_name = 3};
	struct dbx_secret one, two;
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;
	struct pollfd p = {.events = POLLIN};
	int n = 0;

	(void)state;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
	assert_int_equal(ops->secret(dp, &one), 0);
	assert_int_equal(ops->secret(dp, &two), 0);
	assert_memory_equal(&one, &two, sizeof(one));
	assert_true(one.point[0] && one.point[1]);
	assert_int_equal(dbx_dp_mem_socks()[0], -1);
	assert_int_equal(ops->steer(dp, 3, 4, 5, 6, &err), 0);
	assert_int_equal(dbx_dp_mem_socks()[3], 6);
	dbx_dp_mem_fail(DBX_DP_MEM_STEER, 1, -EPERM);
	assert_int_equal(ops->steer(dp, -1, -1, -1, -1, &err), -EPERM);
	p.fd = ops->name_event_fd(dp);
	assert_int_equal(poll(&p, 1, 0), 0);
	dbx_dp_mem_name_event(&e);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(ops->poll_name_events(dp, count_name_event, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	ops->close(&dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_transaction_and_adoption, reset, reset),
		cmocka_unit_test_setup_teardown(test_forward_replaces, reset, reset),
		cmocka_unit_test_setup_teardown(test_faults_change_nothing, reset, reset),
		cmocka_unit_test_setup_teardown(test_damaged_image_is_refused, reset, reset),
		cmocka_unit_test_setup_teardown(test_links, reset, reset),
		cmocka_unit_test_setup_teardown(test_counts_stay_exact_when_events_are_lost, reset,
						reset),
		cmocka_unit_test_setup_teardown(test_names_are_learned_whole_or_not, reset, reset),
		cmocka_unit_test_setup_teardown(test_flows_are_changed_as_in_the_kernel, reset,
						reset),
		cmocka_unit_test_setup_teardown(test_steering_and_name_events, reset, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
