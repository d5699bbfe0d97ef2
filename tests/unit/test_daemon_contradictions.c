// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_contradictions.c -- documents about paths and private endpoints that contradict each
 * other are refused by apply with a pointer, and leave documents, image and generation as they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/dbox.h"

#define RESOURCE(name) \
	"/subscriptions/0/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/" name
#define RULE(id, name, state)                                                          \
	"{\"rule_id\":\"" id                                                           \
	"\",\"network_connectivity_config_id\":\"ncc-1\",\"resource_id\":\"" RESOURCE( \
		name) "\",\"group_id\":\"dfs\",\"connection_state\":\"" state "\"}"
#define RULES(list) "{\"items\":[" list "]}"
#define BIND(ncc)   "{\"workspace_id\":1001,\"network_connectivity_config_id\":\"" ncc "\"}"
#define NCC(region, egress)                                                                       \
	"{\"network_connectivity_config_id\":\"ncc-2\",\"name\":\"ncc-two\",\"region\":\"" region \
	"\",\"egress_config\":{" egress "}}"
#define GATEWAY(workspace, more)                                                                 \
	"{\"gateway\":{\"interfaces\":[{\"name\":\"dbxnone1\"}],\"workspaces\":["                \
	"{\"workspace_id\":1001,\"sources\":[{\"prefix\":\"10.66.1.0/24\"}]" workspace "}]" more \
	"}}"
#define ENDPOINTS(list)      ",\"private_endpoints\":[" list "]"
#define HAS(rule, addresses) "{\"rule_id\":\"" rule "\",\"addresses\":[" addresses "]}"
#define ISOLATED             ",\"isolated\":true"
#define PATHS(list)          ",\"paths\":[" list "]"

/* Applied on top of dbox_gateway_private, dbox_policy, dbox_option and dbox_ncc; b may be NULL. */
static const struct {
	const char *a, *b;
	const char *code, *ptr;
} bad[] = {
	{RULES(RULE("r-2", "other", "ESTABLISHED")), NULL, "rule-without-address", "/items/0"},
	{GATEWAY("", ""), RULES(RULE("r-1", "lake", "ESTABLISHED")), "rule-without-address",
	 "/items/0"},
	{GATEWAY("", ENDPOINTS(HAS("r-1", "\"10.9.0.4\"") "," HAS("r-2", "\"10.9.0.4\""))),
	 RULES(RULE("r-2", "other", "ESTABLISHED")), "address-in-two-rules",
	 "/gateway/private_endpoints/1/addresses/0"},
	{GATEWAY("", ENDPOINTS(HAS("r-1", "\"fd00::4\",\"10.66.1.4\""))), NULL,
	 "address-in-workload", "/gateway/private_endpoints/0/addresses/1"},
	{GATEWAY("", ENDPOINTS(HAS("r-9", "\"10.9.0.4\""))), NULL, "no-such-rule",
	 "/gateway/private_endpoints/0/rule_id"},
	{BIND("ncc-9"), NULL, "no-such-ncc", "/network_connectivity_config_id"},
	{GATEWAY("", PATHS("{\"path\":\"nat\",\"interface\":\"up0\",\"ncc_ids\":[\"ncc-1\","
			   "\"ncc-9\"]}")),
	 NULL, "no-such-ncc", "/gateway/paths/0/ncc_ids/1"},
	{NCC("eastus2", "\"default_rules\":{\"azure_service_endpoint_rule\":{\"target_region\":"
			"\"westus\",\"subnets\":[],\"target_services\":[]}}"),
	 NULL, "region-mismatch",
	 "/egress_config/default_rules/azure_service_endpoint_rule/target_region"},
	{NCC("us-east-2", "\"target_rules\":{\"aws_private_endpoint_rules\":[{\"rule_id\":\"r-3\","
			  "\"endpoint_service\":\"com.amazonaws.us-east-1.s3\",\"resource_names\":["
			  "\"bucket\"],\"connection_state\":\"PENDING\"}]}"),
	 NULL, "region-mismatch",
	 "/egress_config/target_rules/aws_private_endpoint_rules/0/endpoint_service"},
	{RULES(RULE("r-1", "lake", "ESTABLISHED") "," RULE("r-2", "lake", "ESTABLISHED")),
	 GATEWAY("", ENDPOINTS(HAS("r-1", "\"10.9.0.4\"") "," HAS("r-2", "\"10.9.0.5\""))),
	 "name-in-two-rules", "/items/1"},
	{GATEWAY(ISOLATED, ""), NULL, "isolated-without-firewall",
	 "/gateway/workspaces/0/isolated"},
	{GATEWAY(",\"quota\":{\"bytes_per_second\":0}", ""), NULL, "bad-quota",
	 "/gateway/workspaces/0/quota/bytes_per_second"},
	{GATEWAY("", ",\"tunnels\":[{\"type\":\"vxlan\",\"remotes\":[\"192.0.2.1\"]},"
		     "{\"type\":\"vxlan\",\"remotes\":[\"192.0.2.2\"]}]"),
	 NULL, "duplicate-id", "/gateway/tunnels/1/type"},
	{GATEWAY("", ",\"tunnels\":[{\"type\":\"vxlan\",\"remotes\":[\"2001:db8::1\"]}]"), NULL,
	 "bad-address", "/gateway/tunnels/0/remotes/0"},
	{GATEWAY("", PATHS("{\"path\":\"nat\",\"interface\":\"up0\"},"
			   "{\"path\":\"nat\",\"interface\":\"up1\"}")),
	 NULL, "path-twice", "/gateway/paths/1"},
	{GATEWAY("", ",\"reject\":{\"policy_ids\":[\"np-none\"]}"), NULL, "no-such-policy",
	 "/gateway/reject/policy_ids/0"},
};

static void start(struct dbox *b)
{
	char *body = dbox_envelope(NULL, "gw.json", dbox_gateway_private, "np.json", dbox_policy,
				   "opt.json", dbox_option, "ncc.json", dbox_ncc, NULL);

	dbox_open(b);
	assert_int_equal(dbox_call(b, DBX_POST, DBOX_OURS "/apply", body), 200);
	free(body);
}

static char *all_documents(struct dbox *b)
{
	char *text;

	assert_int_equal(dbox_call(b, DBX_GET, DBOX_OURS "/documents", NULL), 200);
	text = json_dumps(b->json, JSON_SORT_KEYS);
	assert_non_null(text);
	return text;
}

static void test_refused_and_nothing_changes(void **state)
{
	char *before, *after, *body;
	struct dbox b;
	uint32_t sum;

	(void)state;
	start(&b);
	sum = dbox_image_sum();
	before = all_documents(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t n = strlen(bad[i].ptr);
		const char *error;

		body = bad[i].b ? dbox_envelope(NULL, "a.json", bad[i].a, "b.json", bad[i].b, NULL)
				: dbox_envelope(NULL, "a.json", bad[i].a, NULL);
		assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/apply", body), 400);
		assert_string_equal(dbox_get(&b, "error_code"), "INVALID_PARAMETER_VALUE");
		error = dbox_error(&b, bad[i].code);
		if (strncmp(error, bad[i].ptr, n) != 0 || error[n] != ':')
			fail_msg("%zu: wanted %s at %s, got \"%s\"", i, bad[i].code, bad[i].ptr,
				 error);
		free(body);
		after = all_documents(&b);
		assert_string_equal(after, before);
		free(after);
		assert_int_equal(dbox_image_sum(), sum);
		assert_int_equal(b.d.core.generation, 1);
		assert_int_equal(dbx_dp_mem_calls(DBX_DP_MEM_COMMIT), 1);
	}
	free(before);
	dbox_close(&b);
}

/* --force is for range files that shrink; it opens none of these. */
static void test_force_does_not_help(void **state)
{
	struct dbox b;
	char *body;

	(void)state;
	start(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		body = bad[i].b ? dbox_envelope("\"force\":true", "a.json", bad[i].a, "b.json",
						bad[i].b, NULL)
				: dbox_envelope("\"force\":true", "a.json", bad[i].a, NULL);
		assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/apply", body), 400);
		free(body);
	}
	assert_int_equal(b.d.core.generation, 1);
	dbox_close(&b);
}

/* The same documents without their mistake are taken: it is the mistake that was refused. */
static void test_what_is_right_is_taken(void **state)
{
	static const char *const good[] = {
		RULES(RULE("r-1", "lake", "ESTABLISHED")),
		GATEWAY(ISOLATED, ENDPOINTS(HAS("r-1", "\"fd00::4\",\"10.9.0.4\"")) PATHS(
					  "{\"path\":\"nat\",\"interface\":\"up0\",\"ncc_ids\":["
					  "\"ncc-1\"]},{\"path\":\"firewall\",\"interface\":"
					  "\"up1\"}")),
		NCC("us-east-1", "\"target_rules\":{\"aws_private_endpoint_rules\":[{\"rule_id\":"
				 "\"r-3\",\"endpoint_service\":\"com.amazonaws.us-east-1.s3\","
				 "\"resource_names\":[\"bucket\"],\"connection_state\":"
				 "\"PENDING\"}]}"),
		GATEWAY(",\"quota\":{\"bytes_per_second\":1}",
			ENDPOINTS(HAS(
				"r-1",
				"\"10.9.0.4\"")) ",\"gateway_addresses\":["
						 "\"192.0.2.254\"],\"reject\":{\"policy_ids\":[\"np-a\"]},\"tunnels\":[{"
						 "\"type\":\"vxlan\",\"remotes\":[\"192.0.2.1\"]},{\"type\":\"geneve\","
						 "\"remotes\":[\"192.0.2.1\"]}]"),
		BIND("ncc-2"),
	};
	struct dbox b;
	char *body;

	(void)state;
	start(&b);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		body = dbox_envelope(NULL, "a.json", good[i], NULL);
		if (dbox_call(&b, DBX_POST, DBOX_OURS "/apply", body) != 200)
			fail_msg("%zu: %s", i, dbox_get(&b, "message"));
		free(body);
		assert_int_equal(b.d.core.generation, i + 2);
	}
	dbox_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_and_nothing_changes),
		cmocka_unit_test(test_force_does_not_help),
		cmocka_unit_test(test_what_is_right_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
