// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check_gateway.c -- tags, prefixes and interfaces of the gateway document.
 */
#include "test_check.h"

#define SETS(list, ...)    GATEWAY(", \"" list "\": [" __VA_ARGS__ "]")
#define SET(label, inside) "{\"label\": \"" label "\", " inside "}"
#define AT(list, n)        "/gateway/" list "/" n

static void test_missing_tag(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, SETS("platform_sets", SET("p", "\"service_tags\": [\"a\", \"Nope\"]")),
	      AZURE("1", TAG("A", "", "\"1.0.0.0/24\"")));
	expect(&d, "missing-tag", DBX_SEV_ERROR, "a.json", AT("platform_sets", "0/service_tags/1"),
	       "Nope");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      SETS("blocked_destinations",
		   SET("b", "\"service_tags\": [{\"tag\": \"A\", \"cloud\": \"AzureChina\"}]")),
	      AZURE("1", TAG("A", "", "\"1.0.0.0/24\"")));
	expect(&d, "missing-tag", DBX_SEV_ERROR, "a.json",
	       AT("blocked_destinations", "0/service_tags/0"), "of cloud AzureChina");
	dbx_diag_fini(&d);
}

static void test_empty_and_ambiguous_tags(void **state)
{
	static const char china[] =
		"{\"changeNumber\": 1, \"cloud\": \"AzureChina\", \"values\": [" TAG(
			"A", "", "\"2.0.0.0/24\"") "]}";
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, SETS("workspace_storage", SET("s", "\"service_tags\": [\"E\", \"A\"]")),
	      AZURE("1", TAG("A", "", "\"1.0.0.0/24\"") "," TAG("E", "", "")), china);
	expect(&d, "empty-tag", DBX_SEV_WARNING, "a.json",
	       AT("workspace_storage", "0/service_tags/0"), "E");
	expect(&d, "ambiguous-tag", DBX_SEV_WARNING, "a.json",
	       AT("workspace_storage", "0/service_tags/1"), "\"cloud\"");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      SETS("workspace_storage",
		   SET("s", "\"service_tags\": [{\"tag\": \"A\", \"cloud\": \"Public\"}]")),
	      AZURE("1", TAG("A", "", "\"1.0.0.0/24\"")), china);
	assert_int_equal(count_findings(&d, "ambiguous-tag"), 0);
	dbx_diag_fini(&d);
}

static void test_shadowed_prefixes(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      SETS("allowed_destinations",
		   SET("wide", "\"prefixes\": [\"20.0.0.0/8\"]") "," SET(
			   "in", "\"prefixes\": [\"20.1.0.0/16\"], \"protocol\": \"tcp\", "
				 "\"ports\": [443]")));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json",
	       AT("allowed_destinations", "1/prefixes/0"), "20.0.0.0/8");
	dbx_diag_fini(&d);
	/* the wide one is for one port, or for another policy: both entries matter */
	CHECK(&d, 0,
	      SETS("allowed_destinations",
		   SET("wide", "\"prefixes\": [\"20.0.0.0/8\"], \"protocol\": \"tcp\", "
			       "\"ports\": [80]") "," SET("in", "\"prefixes\": [\"20.1.0.0/16\"], "
								"\"protocol\": \"tcp\", "
								"\"ports\": [443]")));
	assert_int_equal(count_findings(&d, "shadowed"), 0);
	dbx_diag_fini(&d);
	CHECK(&d, 0, POLICY(RESTRICTED), OPTION("1", "np"),
	      SETS("allowed_destinations",
		   SET("wide", "\"prefixes\": [\"20.0.0.0/8\"], \"network_policy_ids\": [\"np\"]") "," SET(
			   "in", "\"prefixes\": [\"20.1.0.0/16\"]")));
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
}

static void test_blocked_around_allowed(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      GATEWAY(", \"allowed_destinations\": [" SET(
		      "a",
		      "\"prefixes\": [\"20.1.0.0/16\"]") "], "
							 "\"blocked_destinations\": [" SET(
								 "b",
								 "\"prefixes\": [\"20.0.0.0/8\"]") "]"));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json",
	       AT("allowed_destinations", "0/prefixes/0"), "blocks");
	dbx_diag_fini(&d);
	/* a hole in an allow is what blocks are for */
	CHECK(&d, 0,
	      GATEWAY(", \"allowed_destinations\": [" SET(
		      "a",
		      "\"prefixes\": [\"20.0.0.0/8\"]") "], "
							"\"blocked_destinations\": [" SET(
								"b",
								"\"prefixes\": [\"20.1.0.0/16\"]") "]"));
	assert_int_equal(count_findings(&d, "shadowed"), 0);
	dbx_diag_fini(&d);
}

static void test_reserved_prefixes(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      SETS("allowed_destinations",
		   SET("a",
		       "\"prefixes\": [\"169.254.169.254/32\", \"168.0.0.0/8\", \"0.0.0.0/1\"]")));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json",
	       AT("allowed_destinations", "0/prefixes/0"), "metadata");
	dbx_diag_fini(&d);
}

static void test_names_wait(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, SETS("platform_sets", SET("p", "\"names\": [\"x.example.com\"]")));
	expect(&d, "waiting-for-names", DBX_SEV_WARNING, "a.json", AT("platform_sets", "0"),
	       "name-not-learned");
	dbx_diag_fini(&d);
	CHECK(&d, 0, SETS("blocked_destinations", SET("p", "\"names\": [\"x.example.com\"]")));
	expect(&d, "waiting-for-names", DBX_SEV_WARNING, "a.json", AT("blocked_destinations", "0"),
	       "block nothing");
	dbx_diag_fini(&d);
}

static void test_interfaces(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      "{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": ["
	      "{\"workspace_id\": 1, \"network_source_type\": \"DBSQL\", \"sources\": ["
	      "{\"prefix\": \"10.66.1.0/24\", \"interface\": \"ws1\"}, "
	      "{\"prefix\": \"10.66.2.0/24\", \"interface\": \"ws9\"}]}]}}");
	expect(&d, "unknown-interface", DBX_SEV_WARNING, "a.json",
	       "/gateway/workspaces/0/sources/1", "ws9");
	dbx_diag_fini(&d);
	CHECK(&d, 0, "{\"gateway\": {\"workspaces\": []}}");
	expect(&d, "no-interfaces", DBX_SEV_WARNING, "a.json", "/gateway", "nothing is enforced");
	dbx_diag_fini(&d);
}

static void test_services_without_address(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, GATEWAY(", \"gateway_services\": [{\"protocol\": \"icmp\"}]"));
	expect(&d, "no-gateway-address", DBX_SEV_WARNING, "a.json", "/gateway/gateway_services/0",
	       "gateway_addresses");
	dbx_diag_fini(&d);
}

#define METRICS(listen, services)                                                                   \
	GATEWAY(", \"gateway_addresses\": [\"10.66.1.1\", \"fd66::1\"], \"metrics\": {\"listen\": " \
		"\"" listen "\"}, \"gateway_services\": [" services "]")

/* Metrics that workloads could read are told of; others are not. */
static void test_metrics(void **state)
{
	static const struct {
		const char *doc;
		bool is_exposed;
	} t[] = {
#define TCP(ports) "{\"protocol\": \"tcp\"" ports "}"
		{METRICS("10.66.1.1:9479", TCP(", \"ports\": [443, \"9000-9500\"]")), true},
		{METRICS("0.0.0.0:9479", TCP("")), true},
		{METRICS("[::]:9479", TCP(", \"ports\": [9479]")), true},
		{METRICS("[fd66::1]:9479", TCP(", \"ports\": [9479]")), true},
		{METRICS("10.66.1.1:9479", TCP(", \"ports\": [443, \"9480-9500\"]")), false},
		{METRICS("10.66.1.1:9479", "{\"protocol\": \"udp\", \"ports\": [9479]}"), false},
		{METRICS("10.66.1.1:9479", ""), false},
		{METRICS("127.0.0.1:9479", TCP("")), false},
		{METRICS("127.9.9.9:9479", TCP("")), false},
		{METRICS("[::1]:9479", TCP("")), false},
		{METRICS("192.0.2.1:9479", ""), true}, /* not the gateway's own, for all it knows */
		{METRICS("[2001:db8::1]:9479", ""), true},
		{METRICS("0.0.0.0:9479", ""), true},
		{METRICS("[::]:9479", ""), true},
#undef TCP
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *docs[] = {t[i].doc, NULL};
		struct dbx_model *m = read_docs(docs);
		struct dbx_diag d;
		size_t n = 0;

		dbx_diag_init(&d);
		assert_int_equal(dbx_check(m, 0, &d), 0);
		for (size_t k = 0; k < d.n; k++) {
			if (strcmp(d.v[k].code, "metrics-exposed") == 0) {
				assert_string_equal(d.v[k].ptr, "/gateway/metrics");
				assert_int_equal(d.v[k].severity, DBX_SEV_WARNING);
				n++;
			}
		}
		if (n != (t[i].is_exposed ? 1 : 0))
			fail_msg("%zu findings for %s", n, t[i].doc);
		dbx_diag_fini(&d);
		dbx_model_free(&m);
	}
}

static void test_endpoint_address_that_is_special(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      GATEWAY(", \"private_endpoints\": [{\"rule_id\": \"r1\", \"addresses\": "
		      "[\"169.254.169.254\", \"10.9.0.4\"]}]"));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json", "/gateway/private_endpoints/0",
	       "169.254.169.254");
	dbx_diag_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_tag),
		cmocka_unit_test(test_empty_and_ambiguous_tags),
		cmocka_unit_test(test_shadowed_prefixes),
		cmocka_unit_test(test_blocked_around_allowed),
		cmocka_unit_test(test_reserved_prefixes),
		cmocka_unit_test(test_names_wait),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_services_without_address),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_endpoint_address_that_is_special),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
