// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_names.c -- names and flows through the XDP driver: learned, walked, changed, and kept over
 * a restart, an upgrade and lost pins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "common/nsbox.h"
#include "dataplane/dp_xdp.h"

#define PINS NSBOX_BPFFS "/dbx-egress"

static char object_path[PATH_MAX];
static struct dbx_dp_opts opts = {.object_path = object_path, .pin_dir = PINS};
static const struct dbx_dp_ops *const ops = &dbx_dp_xdp;
static struct dbx_dp_error err;
static struct dbx_dp_state st;
static struct dbx_dp *dp;

#define assert_ok(call)                                               \
	do {                                                          \
		err.text[0] = '\0';                                   \
		int rc_ = (call);                                     \
		if (rc_)                                              \
			fail_msg("%s: %d: %s", #call, rc_, err.text); \
	} while (0)

static int setup(void **state)
{
	(void)state;
	return ops->open(&dp, &opts, &st, &err);
}

static int teardown(void **state)
{
	(void)state;
	ops->close(&dp);
	return ops->uninstall(&opts, &err);
}

static void reopen(const struct dbx_dp_opts *o)
{
	ops->close(&dp);
	assert_ok(ops->open(&dp, o, &st, &err));
	assert_true(st.adopted);
}

struct seen {
	size_t n;
	struct dbx_learned learned;
	struct dbx_bound bound;
	struct dbx_flow flow;
};

static int see_learned(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v)
{
	struct seen *s = arg;

	(void)k;
	s->n++;
	s->learned = *v;
	return 0;
}

static int see_bound(void *arg, const struct dbx_bound_key *k, const struct dbx_bound *v)
{
	struct seen *s = arg;

	(void)k;
	s->n++;
	s->bound = *v;
	return 0;
}

static int see_flow(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v)
{
	struct seen *s = arg;

	(void)k;
	s->n++;
	s->flow = *v;
	return 0;
}

static struct seen see(int which)
{
	struct seen s;

	memset(&s, 0, sizeof(s));
	if (which == 0)
		assert_ok(ops->learned_each(dp, see_learned, &s));
	else if (which == 1)
		assert_ok(ops->bound_each(dp, see_bound, &s));
	else
		assert_ok(ops->flows_each(dp, see_flow, &s));
	return s;
}

static struct dbx_bound_key key_of(uint32_t addr, uint64_t name)
{
	struct dbx_bound_key k = {.policy_uid = 1, .addr = {0, 0, 0xffff, addr}, .name = name};

	return k;
}

static void test_learn_and_forget(void **state)
{
	struct dbx_learned_key addr = {.policy_uid = 1, .addr = {0, 0, 0xffff, 5}};
	struct dbx_bound b = {.expires_ns = 1000, .rule_uid = 3};
	struct dbx_bound_key k = key_of(5, 1);
	uint32_t i;

	(void)state;
	assert_ok(ops->learn(dp, &k, &b));
	b.expires_ns = 500;
	k = key_of(5, 2);
	assert_ok(ops->learn(dp, &k, &b));
	assert_int_equal(see(0).n, 1);
	assert_int_equal(see(0).learned.expires_ns, 1000);
	assert_int_equal(see(1).n, 2);
	assert_ok(ops->unlearn(dp, &k));
	assert_ok(ops->unlearn(dp, &k));
	assert_int_equal(see(1).n, 1);
	assert_int_equal(see(1).bound.rule_uid, 3);
	assert_ok(ops->forget_addr(dp, &addr));
	assert_ok(ops->forget_addr(dp, &addr));
	assert_int_equal(see(0).n, 0);
	/* more than one call of the kernel's batches */
	for (i = 0; i < 5000; i++) {
		k = key_of(i, 9);
		assert_ok(ops->learn(dp, &k, &b));
	}
	assert_int_equal(see(0).n, 5000);
	assert_int_equal(see(1).n, 5001);
}

/* An address is guarded from the first binding that says so, and stays it when others are learned. */
static void test_a_private_binding_guards_the_address(void **state)
{
	struct dbx_bound b = {.expires_ns = 1000, .rule_uid = 3};
	struct dbx_bound_key k = key_of(5, 1);

	(void)state;
	assert_ok(ops->learn(dp, &k, &b));
	assert_int_equal(see(0).learned.flags, 0);
	/* it ends sooner than what is known: the address does not, but is guarded */
	b.expires_ns = 500;
	b.flags = DBX_BOUND_F_PRIVATE;
	k = key_of(5, 2);
	assert_ok(ops->learn(dp, &k, &b));
	assert_int_equal(see(0).learned.flags, DBX_LEARNED_F_GUARD);
	assert_int_equal(see(0).learned.expires_ns, 1000);
	b.expires_ns = 2000;
	b.flags = 0;
	k = key_of(5, 3);
	assert_ok(ops->learn(dp, &k, &b));
	assert_int_equal(see(0).learned.flags, DBX_LEARNED_F_GUARD);
	assert_int_equal(see(0).learned.expires_ns, 2000);
	assert_int_equal(see(0).n, 1);
}

/* The table of addresses is full: nothing of the lesson stays. */
static void test_full(void **state)
{
	struct dbx_bound b = {.expires_ns = 1000, .rule_uid = 3};
	struct dbx_bound_key k;
	uint32_t i;
	int rc = 0;

	(void)state;
	for (i = 0; !rc; i++) {
		k = key_of(i, 1);
		rc = ops->learn(dp, &k, &b);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(see(0).n, i - 1);
	assert_int_equal(see(1).n, i - 1);
	assert_true(i - 1 >= DBX_LEARNED_MAX);
	k = key_of(3, 1); /* what is known may be renewed */
	b.expires_ns = 2000;
	assert_ok(ops->learn(dp, &k, &b));
	k = key_of(3, 2);
	assert_ok(ops->learn(dp, &k, &b));
}

static void test_flows(void **state)
{
	struct dbx_flow f = {.start_ns = 7, .state = DBX_FLOW_HELLO, .kind = DBX_NAME_PORT_HTTP};
	struct dbx_flow_key k = {.sport = 4};

	(void)state;
	assert_ok(ops->flow_set(dp, &k, &f));
	assert_int_equal(see(2).n, 1);
	f.state = DBX_FLOW_ALLOWED;
	f.rule_uid = 8;
	f.start_ns = 6;
	assert_int_equal(ops->flow_set(dp, &k, &f), -ESTALE);
	f.start_ns = 7;
	assert_ok(ops->flow_set(dp, &k, &f));
	assert_int_equal(see(2).flow.rule_uid, 8);
	f.rule_uid = 9; /* decided already: policies alone are taken */
	f.policy_uid[1] = 5;
	assert_ok(ops->flow_set(dp, &k, &f));
	assert_int_equal(see(2).flow.rule_uid, 8);
	assert_int_equal(see(2).flow.policy_uid[1], 5);
	assert_ok(ops->flow_del(dp, &k));
	assert_ok(ops->flow_del(dp, &k));
	assert_int_equal(see(2).n, 0);
}

static void test_kept_over_restart_upgrade_and_lost_pins(void **state)
{
	struct dbx_flow f = {.start_ns = 7, .state = DBX_FLOW_HELLO};
	struct dbx_bound b = {.expires_ns = 1000, .rule_uid = 3};
	struct dbx_bound_key k = key_of(5, 1);
	struct dbx_flow_key fk = {.sport = 4};
	struct dbx_dp_opts other = opts;
	struct dbx_secret secret, now;

	(void)state;
	other.object_path = "/run/nsbox/other.o";
	nsbox_must("cp %s %s && printf x >>%s", object_path, other.object_path, other.object_path);
	assert_ok(ops->secret(dp, &secret));
	assert_true(secret.point[0] && secret.point[1] && secret.point[0] != secret.point[1]);
	assert_ok(ops->learn(dp, &k, &b));
	assert_ok(ops->flow_set(dp, &fk, &f));
	reopen(&opts);
	assert_false(st.upgraded);
	assert_ok(ops->secret(dp, &now));
	assert_memory_equal(&secret, &now, sizeof(now));
	assert_ok(ops->flow_set(dp, &fk, &f)); /* by the program that was found again */
	reopen(&other);
	assert_true(st.upgraded || st.adopted);
	assert_ok(ops->secret(dp, &now));
	assert_memory_equal(&secret, &now, sizeof(now));
	assert_int_equal(see(0).n, 1);
	assert_int_equal(see(1).n, 1);
	assert_int_equal(see(2).n, 1);
	/* the kernel empties program arrays without a pin; they are made again */
	ops->close(&dp);
	nsbox_must("rm %s/map_progs %s/map_progs_tc %s/prog_*", PINS, PINS, PINS);
	nsbox_must("sleep 0.2");
	assert_ok(ops->open(&dp, &other, &st, &err));
	assert_ok(ops->flow_set(dp, &fk, &f));
	assert_int_equal(see(2).n, 1);
	nsbox_must("test -e %s/map_progs && test -e %s/prog_tc", PINS, PINS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_learn_and_forget),
		T(test_a_private_binding_guards_the_address),
		T(test_full),
		T(test_flows),
		T(test_kept_over_restart_upgrade_and_lost_pins),
#undef T
	};

	if (nsbox_object(object_path) || nsbox_enter())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
