// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_namer.c -- learned names over lessons, full tables, time, changes of policy, restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/namer_impl.h"
#include "dataplane/dp_mem.h"
#include "policy/read.h"

#define SECOND_NS 1000000000ull

static struct dbx_dp *dp;
static struct dbx_namer *namer;

static struct dbx_addr addr(const char *text)
{
	struct dbx_addr a;

	assert_int_equal(dbx_addr_parse(text, &a), 0);
	return a;
}

static void read_one(struct dbx_model *m, const char *text)
{
	struct dbx_diag d;

	dbx_diag_init(&d);
	assert_int_equal(dbx_read(m, "x.json", text, strlen(text), DBX_DOC_UNKNOWN, &d), 0);
	dbx_diag_fini(&d);
}

static void release(struct dbx_view_parts *p)
{
	dbx_names_free(&p->names);
	dbx_model_free(&p->model);
}

/* Workspace 1 has policy `of`; np-a lists good.test and other.test, np-b good.test, np-c nothing. */
static struct dbx_view_parts parts(const char *of)
{
#define NP(id, names)                                                                          \
	"{\"network_policy_id\":\"" id "\",\"egress\":{\"network_access\":{"                   \
	"\"restriction_mode\":\"RESTRICTED_ACCESS\",\"allowed_internet_destinations\":[" names \
	"]}}}"
#define NAME(n) "{\"destination\":\"" n "\",\"internet_destination_type\":\"DNS_NAME\"}"
	struct dbx_view_parts p = {.release = release, .model = dbx_model_new()};
	struct dbx_diag d;
	char text[256];

	read_one(p.model, NP("np-a", NAME("good.test") "," NAME("other.test")));
	read_one(p.model, NP("np-b", NAME("good.test")));
	read_one(p.model, NP("np-c", ""));
	read_one(p.model, "{\"gateway\":{\"workspaces\":[{\"workspace_id\":1,\"sources\":["
			  "{\"prefix\":\"10.0.0.0/24\"}]}]}}");
	snprintf(text, sizeof(text), "{\"workspace_id\":1,\"network_policy_id\":\"%s\"}", of);
	read_one(p.model, text);
	dbx_diag_init(&d);
	assert_int_equal(dbx_model_resolve(p.model, &d), 0);
	dbx_diag_fini(&d);
	assert_int_equal(dbx_names_new(p.model, &p.names), 0);
	return p;
}

static void settle(const char *of, int prepared)
{
	struct dbx_view_parts p = parts(of);

	if (prepared)
		assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
	dbx_namer_settle(namer, &p);
}

static void open_namer(void)
{
	const struct dbx_dp_opts none = {.pin_dir = NULL};
	struct dbx_namer_opts o = {.ops = &dbx_dp_mem};
	struct dbx_dp_state state;
	struct dbx_dp_error e;

	assert_int_equal(dbx_dp_mem.open(&dp, &none, &state, &e), 0);
	o.dp = dp;
	assert_int_equal(dbx_namer_new(&namer, &o), 0);
}

static int begin(void **state)
{
	(void)state;
	dbx_dp_mem_reset();
	open_namer();
	settle("np-a", 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	dbx_namer_free(&namer);
	dbx_dp_mem.close(&dp);
	return 0;
}

static int learn(const char *policy, const char *name, uint32_t ttl_s, const char *a, const char *b)
{
	struct dbx_addr v[2] = {addr(a), addr(b ? b : a)};
	struct dbx_lesson l = {.policy_uid = dbx_policy_uid(policy),
			       .rule_uid = 7,
			       .name = name,
			       .addrs = v,
			       .n_addrs = b ? 2 : 1,
			       .ttl_s = ttl_s};

	return dbx_namer_learn(namer, &l);
}

static struct dbx_bound_key key_of(const char *policy, const char *name, const char *a)
{
	struct dbx_addr v = addr(a);
	struct dbx_bound_key k;

	dbx_namer_key(dbx_policy_uid(policy), &v, dbx_namer_hash(namer, name), &k);
	return k;
}

static int is_bound(const char *policy, const char *name, const char *a)
{
	struct dbx_bound_key k = key_of(policy, name, a);
	struct dbx_bound b;

	return !dbx_dp_mem.bound_get(dp, &k, &b);
}

static int add_one(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v)
{
	(void)k, (void)v;
	++*(int *)arg;
	return 0;
}

static int n_addrs(void)
{
	int n = 0;

	dbx_dp_mem.learned_each(dp, add_one, &n);
	return n;
}

/* A flow of workspace 1 that said good.test at 192.0.2.1, silent for so long. */
static struct dbx_flow_key add_flow(const char *policy, uint64_t silent_s)
{
	struct dbx_bound_key b = key_of(policy, "good.test", "192.0.2.1");
	struct dbx_flow_key k = {.sport = 1000, .dport = 443, .proto = 6};
	struct dbx_flow f = {
		.policy_uid = {dbx_policy_uid(policy), 0},
		.name = b.name,
		.workspace_id = 1,
		.start_ns = 1,
		.last_ns = dbx_namer_now() - silent_s * SECOND_NS,
		.state = DBX_FLOW_ALLOWED,
		.kind = DBX_NAME_PORT_TLS,
	};

	memcpy(k.dst, b.addr, sizeof(k.dst));
	dbx_dp_mem_flow(&k, &f);
	return k;
}

static int get_flow(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *f)
{
	(void)k;
	*(struct dbx_flow *)arg = *f;
	return 0;
}

static struct dbx_flow flow(void)
{
	struct dbx_flow f = {.state = DBX_FLOW_NONE};

	dbx_dp_mem.flows_each(dp, get_flow, &f);
	return f;
}

static void test_all_or_nothing(void **state)
{
	struct dbx_namer_stats s;

	(void)state;
	assert_int_equal(learn("np-a", "good.test", 5, "192.0.2.1", "2001:db8::1"), 0);
	assert_true(is_bound("np-a", "good.test", "192.0.2.1"));
	assert_true(is_bound("np-a", "good.test", "2001:db8::1"));
	dbx_dp_mem_names_max(3, 3, 10);
	assert_int_equal(learn("np-a", "other.test", 5, "192.0.2.2", "192.0.2.3"), -ENOSPC);
	assert_false(is_bound("np-a", "other.test", "192.0.2.2"));
	assert_true(is_bound("np-a", "good.test", "192.0.2.1"));
	assert_int_equal(learn("np-a", "good.test", 50, "192.0.2.1", NULL),
			 0); /* known: no room needed */
	dbx_namer_stats(namer, &s);
	assert_int_equal(s.n_bound, 2);
	assert_int_equal(s.refused_full, 1);
	dbx_namer_sweep(namer);
	assert_int_equal(n_addrs(), 2);
}

static void test_time(void **state)
{
	struct dbx_flow_key k;

	(void)state;
	assert_int_equal(learn("np-a", "good.test", 0, "192.0.2.1", "192.0.2.2"), 0);
	assert_int_equal(learn("np-a", "other.test", 50, "192.0.2.2", NULL), 0);
	k = add_flow("np-a", 0);
	dbx_namer_sweep(namer);
	assert_true(is_bound("np-a", "good.test", "192.0.2.1")); /* a flow lives by it */
	assert_false(is_bound("np-a", "good.test", "192.0.2.2"));
	assert_int_equal(n_addrs(), 2); /* 192.0.2.2 by the other name */
	assert_int_equal(dbx_dp_mem.flow_del(dp, &k), 0);
	assert_int_equal(learn("np-a", "other.test", 0, "192.0.2.3", NULL), 0);
	add_flow("np-a", 8000); /* dead long since */
	dbx_namer_sweep(namer);
	assert_int_equal(flow().state, DBX_FLOW_NONE);
	assert_int_equal(n_addrs(), 2);
}

/* Silent for minutes: its name may not be spoken anew, but it goes on over a change that allows it. */
static void test_silent_flow(void **state)
{
	(void)state;
	assert_int_equal(learn("np-a", "good.test", 0, "192.0.2.1", NULL), 0);
	add_flow("np-a", 600);
	dbx_namer_sweep(namer);
	assert_false(is_bound("np-a", "good.test", "192.0.2.1"));
	assert_int_equal(n_addrs(), 0);
	settle("np-b", 1);
	assert_true(flow().policy_uid[0] == dbx_policy_uid("np-b"));
	assert_false(is_bound("np-b", "good.test", "192.0.2.1"));
	assert_int_equal(learn("np-b", "good.test", 50, "192.0.2.1", NULL), 0);
	assert_true(is_bound("np-b", "good.test", "192.0.2.1"));
	settle("np-c", 1);
	assert_int_equal(flow().state, DBX_FLOW_NONE);
}

static void test_policy_that_allows(void **state)
{
	(void)state;
	assert_int_equal(learn("np-a", "good.test", 50, "192.0.2.1", NULL), 0);
	assert_int_equal(learn("np-a", "other.test", 50, "192.0.2.2", NULL), 0);
	add_flow("np-a", 0);
	struct dbx_view_parts p = parts("np-b");

	assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
	assert_true(is_bound("np-a", "good.test", "192.0.2.1")); /* both, until it is settled */
	assert_true(is_bound("np-b", "good.test", "192.0.2.1"));
	assert_false(is_bound("np-b", "other.test", "192.0.2.2"));
	assert_true(flow().policy_uid[1] == dbx_policy_uid("np-b"));
	dbx_namer_settle(namer, &p);
	assert_true(is_bound("np-b", "good.test", "192.0.2.1"));
	assert_true(flow().policy_uid[0] == dbx_policy_uid("np-b"));
	assert_true(flow().policy_uid[1] == 0);
}

static void test_policy_that_forbids(void **state)
{
	(void)state;
	assert_int_equal(learn("np-a", "good.test", 50, "192.0.2.1", NULL), 0);
	add_flow("np-a", 0);
	settle("np-c", 1);
	assert_false(is_bound("np-c", "good.test", "192.0.2.1"));
	assert_int_equal(flow().state, DBX_FLOW_NONE);
}

static void test_flip_that_failed(void **state)
{
	struct dbx_view_parts p = parts("np-b");

	(void)state;
	assert_int_equal(learn("np-a", "good.test", 50, "192.0.2.1", NULL), 0);
	add_flow("np-a", 0);
	assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
	p.release(&p);
	dbx_namer_revert(namer);
	assert_true(is_bound("np-a", "good.test", "192.0.2.1"));
	assert_true(flow().policy_uid[0] == dbx_policy_uid("np-a"));
	assert_true(flow().policy_uid[1] == 0);
}

static void test_restart(void **state)
{
	struct dbx_addr one = addr("192.0.2.1"), two = addr("192.0.2.2");

	(void)state;
	assert_int_equal(learn("np-a", "good.test", 50, "192.0.2.1", "192.0.2.2"), 0);
	add_flow("np-a", 0);
	dbx_namer_free(&namer);
	dbx_dp_mem.close(&dp);
	open_namer();
	assert_int_equal(dbx_namer_restore(namer, dbx_policy_uid("np-a"), &one, "good.test"), 0);
	assert_int_equal(dbx_namer_restore(namer, dbx_policy_uid("np-a"), &one, "gone.test"),
			 -ENOENT);
	assert_int_equal(dbx_namer_restore_rest(namer), 0); /* of .2 the text was lost */
	settle("np-a", 0);
	assert_true(dbx_namer_has(namer, dbx_policy_uid("np-a"), &one, "good.test"));
	assert_true(is_bound("np-a", "good.test", "192.0.2.2"));
	assert_int_equal(flow().state, DBX_FLOW_ALLOWED);
	settle("np-a", 1); /* what has no text does not outlive a change */
	assert_false(dbx_namer_has(namer, dbx_policy_uid("np-a"), &two, "good.test"));
	assert_true(is_bound("np-a", "good.test", "192.0.2.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_or_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_time, begin, end),
		cmocka_unit_test_setup_teardown(test_silent_flow, begin, end),
		cmocka_unit_test_setup_teardown(test_policy_that_allows, begin, end),
		cmocka_unit_test_setup_teardown(test_policy_that_forbids, begin, end),
		cmocka_unit_test_setup_teardown(test_flip_that_failed, begin, end),
		cmocka_unit_test_setup_teardown(test_restart, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
