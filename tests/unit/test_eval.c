// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_eval.c -- the evaluator's decision order over tuples, and what it scans with.
 *
 * The packet vectors compare it with the classifier; here it is held against expectations that were
 * written by hand, so that an error that both share is still seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/vec_world.h"
#include "policy/eval_impl.h"
#include "policy/explain.h"

#define TCP      6
#define UDP      17
#define NO_PORTS (-1)

static struct vec_world world;

static int setup(void **state)
{
	(void)state;
	return vec_world_load(&world, "tests/vectors/policy");
}

static int teardown(void **state)
{
	(void)state;
	vec_world_fini(&world);
	return 0;
}

static struct dbx_addr addr(const char *s)
{
	struct dbx_addr a;

	if (dbx_addr_parse(s, &a))
		fail_msg("not an address: %s", s);
	return a;
}

static void eval(const char *src, const char *dst, uint8_t proto, int port,
		 struct dbx_eval_result *res)
{
	struct dbx_eval_tuple t = {
		.src = addr(src),
		.dst = addr(dst),
		.proto = proto,
		.has_ports = port != NO_PORTS,
		.dport = port == NO_PORTS ? 0 : (uint16_t)port,
	};

	dbx_eval_tuple(world.m, &t, res);
}

struct row {
	const char *src, *dst;
	uint8_t proto;
	int port;
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	enum dbx_path path;
	const char *rule; /* pointer of the rule, NULL = none */
};

#define DROP(reason, rule)       DBX_VERDICT_DROP, DBX_REASON_##reason, DBX_PATH_NONE, rule
#define PASS(reason, path, rule) DBX_VERDICT_PASS, DBX_REASON_##reason, DBX_PATH_##path, rule
#define DRY(reason, path, rule)  DBX_VERDICT_DRY_RUN, DBX_REASON_##reason, DBX_PATH_##path, rule
#define INTERNET                 "/egress/network_access/allowed_internet_destinations/"
#define GW                       "/gateway/"

static const struct row rows[] = {
	/* 0: the source */
	{"10.99.0.1", "203.0.113.1", TCP, 443, DROP(UNKNOWN_SOURCE, NULL)},
	{"10.99.0.1", "127.0.0.1", TCP, 443, DROP(UNKNOWN_SOURCE, NULL)},
	/* 1: what no policy opens, and which of several names it */
	{"10.66.4.1", "0.1.2.3", TCP, 443, DROP(MARTIAN, NULL)},
	{"10.66.4.1", "127.255.255.255", TCP, 443, DROP(MARTIAN, NULL)},
	{"10.66.4.1", "240.0.0.1", TCP, 443, DROP(MARTIAN, NULL)},
	{"10.66.4.1", "255.255.255.254", TCP, 443, DROP(MARTIAN, NULL)},
	{"10.66.4.1", "255.255.255.255", UDP, 67, DROP(MULTICAST, NULL)},
	{"10.66.4.1", "239.255.255.255", UDP, 1, DROP(MULTICAST, NULL)},
	{"10.66.4.1", "169.254.0.1", UDP, 1, DROP(LINK_LOCAL, NULL)},
	{"10.66.4.1", "169.254.169.254", TCP, 80, DROP(METADATA, NULL)},
	{"10.66.4.1", "168.63.129.16", TCP, 80, DROP(METADATA, NULL)},
	{"fd66:4::1", "::1", TCP, 80, DROP(MARTIAN, NULL)},
	{"fd66:4::1", "::ffff:1.2.3.4", TCP, 80, DROP(MARTIAN, NULL)},
	{"fd66:4::1", "100::1", TCP, 80, DROP(MARTIAN, NULL)},
	{"fd66:4::1", "fe80::1", TCP, 80, DROP(LINK_LOCAL, NULL)},
	{"fd66:4::1", "ff02::1", TCP, 80, DROP(MULTICAST, NULL)},
	{"fd66:4::1", "fd00:ec2::254", TCP, 80, DROP(METADATA, NULL)},
	/* 2: the gateway itself, which lies in a workspace's prefix here */
	{"10.66.1.9", "10.66.1.1", UDP, 53, PASS(GATEWAY_SERVICE, LOCAL, GW "gateway_services/2")},
	{"10.66.1.9", "10.66.1.1", UDP, 54, DROP(GATEWAY_ADDRESS, NULL)},
	{"10.66.1.9", "10.66.1.1", 1, 8 << 8,
	 PASS(GATEWAY_SERVICE, LOCAL, GW "gateway_services/0")},
	{"10.66.1.9", "10.66.1.1", 112, 0, PASS(GATEWAY_SERVICE, LOCAL, GW "gateway_services/4")},
	{"fd66:1::9", "fd66::1", 58, 135 << 8, PASS(NEIGHBOUR_DISCOVERY, LOCAL, NULL)},
	{"fd66:1::9", "fd66::1", 58, 134 << 8, DROP(GATEWAY_ADDRESS, NULL)},
	/* 3: other workspaces; blocked destinations deny inside as well */
	{"10.66.1.9", "10.66.1.10", TCP, 22, PASS(SAME_WORKSPACE, LOCAL, NULL)},
	{"10.66.1.9", "10.66.1.66", TCP, 22, DROP(BLOCKED, GW "blocked_destinations/4")},
	{"10.66.1.9", "10.66.1.130", TCP, 22, DROP(WORKSPACE_ISOLATION, NULL)},
	{"10.66.1.9", "10.66.4.1", TCP, 22,
	 PASS(LISTED_WORKSPACE, LOCAL, "/egress/network_access/allowed_databricks_destinations/0")},
	{"10.66.8.1", "10.66.1.9", TCP, 22, DROP(WORKSPACE_ISOLATION, NULL)},
	/* on another link only: its one owner is known all the same */
	{"10.66.1.9", "10.66.31.1", TCP, 22, PASS(SAME_WORKSPACE, LOCAL, NULL)},
	/* 10.66.30.0/24 is two workspaces', on two VLANs: nobody's from here */
	{"10.66.1.9", "10.66.30.1", TCP, 22, DROP(WORKSPACE_ISOLATION, NULL)},
	/* 4: blocked, in every mode */
	{"10.66.1.9", "198.51.100.128", TCP, 443,
	 DROP(BLOCKED, "/egress/network_access/blocked_internet_destinations/0")},
	{"10.66.1.9", "203.0.113.200", TCP, 443,
	 DROP(BLOCKED, "/egress/network_access/blocked_internet_destinations/2")},
	{"10.66.2.1", "198.51.100.66", TCP, 443, DROP(BLOCKED, GW "blocked_destinations/0")},
	{"10.66.4.1", "198.51.100.67", TCP, 25, DROP(BLOCKED, GW "blocked_destinations/1")},
	{"10.66.4.1", "198.51.100.68", TCP, 25, DROP(BLOCKED, GW "blocked_destinations/2")},
	/* 5: no policy, or none that says its mode */
	{"10.66.6.1", "203.0.113.1", TCP, 443, DROP(NO_POLICY, NULL)},
	{"10.66.6.1", "10.66.6.2", TCP, 443, PASS(SAME_WORKSPACE, LOCAL, NULL)},
	{"10.66.6.1", "198.51.100.66", TCP, 443, DROP(BLOCKED, GW "blocked_destinations/0")},
	{"10.66.5.1", "203.0.113.1", TCP, 443, DROP(MODE_UNSPECIFIED, "")},
	/* 6: private endpoints */
	{"10.66.1.9", "10.9.0.4", TCP, 443,
	 PASS(PRIVATE_ENDPOINT, PRIVATE_ENDPOINT,
	      "/egress/network_access/allowed_storage_destinations/0")},
	/* 8, 9: sets, first match names the rule; prefixes before tags */
	{"10.66.1.9", "203.0.113.1", TCP, 8451, PASS(PLATFORM, NAT, GW "platform_sets/0")},
	{"10.66.1.9", "203.0.113.123", UDP, 123, PASS(PLATFORM, NAT, GW "platform_sets/2")},
	{"10.66.1.9", "198.18.0.1", TCP, 443,
	 PASS(WORKSPACE_STORAGE, NAT, GW "workspace_storage/0")},
	{"10.66.1.9", "100.127.255.255", UDP, 1, PASS(LISTED_PREFIX, NAT, INTERNET "0")},
	{"10.66.1.9", "198.51.100.1", UDP, 1, PASS(LISTED_PREFIX, NAT, INTERNET "1")},
	{"10.66.8.1", "198.51.100.1", UDP, 1,
	 PASS(LISTED_PREFIX, NAT, GW "allowed_destinations/0")},
	{"10.66.8.1", "192.0.2.63", 47, 0, PASS(LISTED_PREFIX, NAT, GW "allowed_destinations/8")},
	/* 10: the default, and why */
	{"10.66.1.9", "203.0.113.1", TCP, 8452, DROP(PORT_NOT_LISTED, GW "platform_sets/0")},
	{"10.66.1.9", "198.18.0.1", UDP, 443, DROP(PORT_NOT_LISTED, GW "workspace_storage/0")},
	{"10.66.1.9", "8.8.8.8", TCP, 443, DROP(NAME_NOT_LEARNED, NULL)},
	{"10.66.11.1", "8.8.8.8", TCP, 443, DROP(NAME_NOT_LEARNED, NULL)},
	{"10.66.8.1", "8.8.8.8", TCP, 443, DROP(NO_MATCH, "")},
	{"10.66.2.1", "8.8.8.8", TCP, 443, DRY(NO_MATCH, NAT, "/network_policy")},
	{"10.66.2.1", "203.0.113.1", TCP, 1, DRY(PORT_NOT_LISTED, NAT, GW "platform_sets/0")},
	/* a later fragment whose ports nobody knows */
	{"10.66.1.9", "203.0.113.1", TCP, NO_PORTS, DROP(FRAGMENT_NO_FIRST, NULL)},
	{"10.66.1.9", "203.0.113.1", 47, NO_PORTS, DROP(PORT_NOT_LISTED, GW "platform_sets/0")},
	{"10.66.1.9", "8.8.8.8", TCP, NO_PORTS, DROP(NAME_NOT_LEARNED, NULL)},
	{"10.66.1.9", "198.18.1.1", TCP, NO_PORTS,
	 PASS(WORKSPACE_STORAGE, NAT, GW "workspace_storage/1")},
	{"10.66.8.1", "192.0.2.65", UDP, NO_PORTS,
	 PASS(LISTED_PREFIX, NAT, GW "allowed_destinations/10")},
	/* a range that says every port leaves nothing to the port */
	{"10.66.8.1", "192.0.2.66", TCP, NO_PORTS,
	 PASS(LISTED_PREFIX, NAT, GW "allowed_destinations/11")},
	{"10.66.8.1", "127.0.0.1", TCP, NO_PORTS, DROP(MARTIAN, NULL)},
	{"10.66.8.1", "198.51.100.67", TCP, NO_PORTS, DROP(FRAGMENT_NO_FIRST, NULL)},
	{"10.99.0.1", "203.0.113.1", TCP, NO_PORTS, DROP(UNKNOWN_SOURCE, NULL)},
};

static void test_decision_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct dbx_eval_result res;
		const char *rule;

		eval(r->src, r->dst, r->proto, r->port, &res);
		rule = res.rule ? res.rule->ptr : NULL;
		if (res.verdict != r->verdict || res.reason != r->reason || res.path != r->path ||
		    (rule == NULL) != (r->rule == NULL) || (rule && strcmp(rule, r->rule) != 0))
			fail_msg("%s -> %s proto %u port %d: %s %s path %s rule %s", r->src, r->dst,
				 r->proto, r->port, dbx_verdict_name(res.verdict),
				 dbx_reason_slug(res.reason), dbx_path_name(res.path),
				 rule ? rule : "none");
	}
}

static void test_who_is_counted(void **state)
{
	struct dbx_eval_result res;

	(void)state;
	eval("10.99.0.1", "203.0.113.1", TCP, 443, &res);
	assert_int_equal(res.workspace_id, 0);
	assert_null(res.policy_id);
	eval("10.66.1.9", "127.0.0.1", TCP, 443, &res);
	assert_int_equal(res.workspace_id, 1001);
	assert_string_equal(res.policy_id, "np-restricted");
	/* a longer prefix inside another workspace's */
	eval("10.66.1.130", "127.0.0.1", TCP, 443, &res);
	assert_int_equal(res.workspace_id, 1007);
	eval("10.66.6.1", "127.0.0.1", TCP, 443, &res);
	assert_int_equal(res.workspace_id, 1006);
	assert_null(res.policy_id);
}

static void test_interface_and_mac(void **state)
{
	struct dbx_eval_tuple t = {.src = addr("10.66.23.1"),
				   .dst = addr("203.0.113.1"),
				   .proto = TCP,
				   .has_ports = true,
				   .dport = 443,
				   .interface = "ws2",
				   .has_mac = true,
				   .mac = {2, 0, 0, 0, 0, 0x23}};
	struct dbx_eval_result res;

	(void)state;
	dbx_eval_tuple(world.m, &t, &res);
	assert_int_equal(res.reason, DBX_REASON_PLATFORM);
	t.interface = "ws1";
	dbx_eval_tuple(world.m, &t, &res);
	assert_int_equal(res.reason, DBX_REASON_SPOOFED_SOURCE);
	assert_int_equal(res.workspace_id, 1001);
	t.interface = NULL; /* not checked */
	dbx_eval_tuple(world.m, &t, &res);
	assert_int_equal(res.reason, DBX_REASON_PLATFORM);
	t.mac[5] = 0x24;
	dbx_eval_tuple(world.m, &t, &res);
	assert_int_equal(res.reason, DBX_REASON_SPOOFED_SOURCE);
	t.has_mac = false;
	dbx_eval_tuple(world.m, &t, &res);
	assert_int_equal(res.reason, DBX_REASON_PLATFORM);
}

static void test_domains(void **state)
{
	struct dbx_eval_tuple t = {.src = addr("10.66.30.1"),
				   .dst = addr("8.8.8.8"),
				   .proto = TCP,
				   .has_ports = true,
				   .dport = 443};
	static const struct {
		uint32_t domain;
		int64_t workspace;
	} want[] = {{0, 0}, {100, 1001}, {101, 1002}, {102, 0}};
	struct dbx_eval_result res;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		t.domain = want[i].domain;
		dbx_eval_tuple(world.m, &t, &res);
		assert_int_equal(res.workspace_id, want[i].workspace);
	}
	t.src = addr("10.66.31.1");
	t.domain = DBX_DOMAIN_QINQ | 200 << 12 | 7;
	dbx_eval_tuple(world.m, &t, &res);
	assert_int_equal(res.workspace_id, 1001);
	t.src = addr("10.66.33.1");
	t.domain = DBX_DOMAIN_VNI | 5000;
	dbx_eval_tuple(world.m, &t, &res);
	assert_int_equal(res.workspace_id, 1001);
}

static bool in_prefix(const char *prefix, const char *a)
{
	struct dbx_addr x = addr(a);
	struct dbx_prefix p;

	assert_int_equal(dbx_prefix_parse(prefix, 0, &p), 0);
	return dbx_eval_in_prefix(&p, &x);
}

static void test_in_prefix(void **state)
{
	(void)state;
	assert_true(in_prefix("0.0.0.0/0", "255.255.255.255"));
	assert_false(in_prefix("0.0.0.0/0", "::"));
	assert_true(in_prefix("10.0.0.0/9", "10.127.255.255"));
	assert_false(in_prefix("10.0.0.0/9", "10.128.0.0"));
	assert_true(in_prefix("10.1.2.3/32", "10.1.2.3"));
	assert_false(in_prefix("10.1.2.3/32", "10.1.2.2"));
	assert_true(in_prefix("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(in_prefix("2001:db8::/33", "2001:db8:8000::"));
	assert_false(in_prefix("::/0", "0.0.0.0"));
}

static void test_dry_run_filter(void **state)
{
	struct dbx_policy p = {.enforcement = DBX_DRY_RUN};

	(void)state;
	assert_true(dbx_eval_is_dry_run(&p, DBX_PRODUCT_APPS));
	p.dry_run_filter = DBX_FILTER_DBSQL;
	assert_true(dbx_eval_is_dry_run(&p, DBX_PRODUCT_DBSQL));
	assert_false(dbx_eval_is_dry_run(&p, DBX_PRODUCT_ML_SERVING));
	assert_false(dbx_eval_is_dry_run(&p, DBX_PRODUCT_GENERAL_COMPUTE));
	p.dry_run_filter |= DBX_FILTER_ML_SERVING;
	assert_true(dbx_eval_is_dry_run(&p, DBX_PRODUCT_ML_SERVING));
	assert_false(dbx_eval_is_dry_run(&p, DBX_PRODUCT_ML_BUILD));
	p.enforcement = DBX_ENFORCED; /* the filter means nothing then */
	assert_false(dbx_eval_is_dry_run(&p, DBX_PRODUCT_DBSQL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decision_order),    cmocka_unit_test(test_who_is_counted),
		cmocka_unit_test(test_interface_and_mac), cmocka_unit_test(test_domains),
		cmocka_unit_test(test_in_prefix),         cmocka_unit_test(test_dry_run_filter),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
