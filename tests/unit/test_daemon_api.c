// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_api.c -- every path of the REST interface: the vendor's shapes, ours, and refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbox.h"
#include "daemon/denials.h"
#include "daemon/route.h"

#define POLICIES DBOX_VENDOR "/network-policies"
#define NCCS     DBOX_VENDOR "/network-connectivity-configs"

static void start(struct dbox *b)
{
	char *body = dbox_envelope(NULL, "gw.json", dbox_gateway, "np.json", dbox_policy,
				   "opt.json", dbox_option, "ncc.json", dbox_ncc, NULL);

	dbox_open(b);
	assert_int_equal(dbox_call(b, DBX_POST, DBOX_OURS "/apply", body), 200);
	free(body);
}

static void test_routes(void **state)
{
	static const struct {
		enum dbx_method method;
		const char *path;
		int status;
		const char *code;
	} rows[] = {
		{DBX_GET, "/", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, "", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, "//", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, DBOX_OURS, 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, DBOX_OURS "/status/", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, DBOX_OURS "/statusx", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, DBOX_OURS "/apply", 405, "METHOD_NOT_ALLOWED"},
		{DBX_PUT, POLICIES, 405, "METHOD_NOT_ALLOWED"},
		{DBX_OTHER_METHOD, DBOX_OURS "/status", 405, "METHOD_NOT_ALLOWED"},
		{DBX_GET, "/api/2.0/accounts/other/network-policies", 404,
		 "RESOURCE_DOES_NOT_EXIST"},
		{DBX_GET, "/api/2.0/accounts/%00/network-policies", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, "/api/2.0/accounts/%zz/network-policies", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, "/api/2.0/accounts//network-policies", 404, "ENDPOINT_NOT_FOUND"},
		{DBX_GET, POLICIES "/np%2Da", 200, ""},
		{DBX_GET, POLICIES "/a%2fb", 404, "RESOURCE_DOES_NOT_EXIST"},
		{DBX_GET, DBOX_OURS "/documents/what/x", 404, "RESOURCE_DOES_NOT_EXIST"},
		{DBX_GET, DBOX_OURS "/documents/network-policy/x", 404, "RESOURCE_DOES_NOT_EXIST"},
		{DBX_GET, DBOX_OURS "/history?limit=0", 400, "INVALID_PARAMETER_VALUE"},
		{DBX_GET, DBOX_OURS "/history?limit=1&limit=x", 200, ""},
		{DBX_GET, DBOX_OURS "/stats?workspace=-1", 400, "INVALID_PARAMETER_VALUE"},
		{DBX_GET, DBOX_OURS "/stats?reason=nope", 400, "INVALID_PARAMETER_VALUE"},
		{DBX_GET, DBOX_OURS "/stats?workspace=1001&reason=no-match", 200, ""},
		{DBX_GET, DBOX_OURS "/denials?limit=99999", 400, "INVALID_PARAMETER_VALUE"},
		{DBX_GET, DBOX_OURS "/service-tags/Public", 404, "RESOURCE_DOES_NOT_EXIST"},
	};
	char longer[3000];
	struct dbox b;
	size_t i;

	(void)state;
	start(&b);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = dbox_call(&b, rows[i].method, rows[i].path, NULL);

		if (status != rows[i].status || !b.json)
			fail_msg("%s: %d %s", rows[i].path, status, b.answer);
		assert_string_equal(dbox_get(&b, "error_code"), rows[i].code);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	memcpy(longer, POLICIES "/", strlen(POLICIES "/"));
	assert_int_equal(dbox_call(&b, DBX_GET, longer, NULL), 404);
	dbox_close(&b);
}

static void test_who_may(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	assert_int_equal(dbox_call_as(&b, false, false, DBX_GET, DBOX_OURS "/status", NULL), 403);
	assert_string_equal(dbox_get(&b, "error_code"), "PERMISSION_DENIED");
	assert_int_equal(dbox_call_as(&b, true, false, DBX_GET, DBOX_OURS "/status", NULL), 200);
	assert_int_equal(dbox_call_as(&b, true, false, DBX_POST, DBOX_OURS "/apply", "{}"), 403);
	assert_int_equal(dbox_call_as(&b, true, false, DBX_DELETE, POLICIES "/np-a", NULL), 403);
	dbox_close(&b);
}

static void test_policy_life(void **state)
{
	static const char made[] =
		"{\"network_policy\":{\"network_policy_id\":\"np-b\",\"egress\":{\"network_access\":"
		"{\"restriction_mode\":\"FULL_ACCESS\",\"x-later\":[1]}}}}";
	struct dbox b;

	(void)state;
	start(&b);
	assert_int_equal(dbox_call(&b, DBX_POST, POLICIES, made), 200);
	assert_string_equal(dbox_get(&b, "network_policy_id"), "np-b");
	assert_string_equal(dbox_get(&b, "account_id"), DBOX_ACCOUNT);
	assert_string_equal(dbox_get(&b, "egress.network_access.x-later.0"), "1");
	assert_int_equal(dbox_call(&b, DBX_POST, POLICIES, made), 409);
	assert_string_equal(dbox_get(&b, "error_code"), "RESOURCE_ALREADY_EXISTS");
	assert_int_equal(dbox_call(&b, DBX_POST, POLICIES, "{\"name\":\"x\",\"rules\":[]}"), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, POLICIES, "[]"), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, POLICIES, "{"), 400);
	assert_string_equal(dbox_get(&b, "error_code"), "MALFORMED_REQUEST");
	assert_int_equal(dbox_call(&b, DBX_GET, POLICIES, NULL), 200);
	assert_string_equal(dbox_get(&b, "items"), "2");
	/* A full replacement: what is left out is lost. */
	assert_int_equal(dbox_call(&b, DBX_PUT, POLICIES "/np-b",
				   "{\"egress\":{\"network_access\":"
				   "{\"restriction_mode\":\"RESTRICTED_ACCESS\"}}}"),
			 200);
	assert_string_equal(dbox_get(&b, "egress.network_access.restriction_mode"),
			    "RESTRICTED_ACCESS");
	assert_string_equal(dbox_get(&b, "egress.network_access.x-later"), "");
	assert_int_equal(
		dbox_call(&b, DBX_PUT, POLICIES "/np-b", "{\"network_policy_id\":\"np-c\"}"), 400);
	assert_int_equal(dbox_call(&b, DBX_PUT, POLICIES "/np-b", "{\"account_id\":\"other\"}"),
			 400);
	assert_int_equal(dbox_call(&b, DBX_PUT, POLICIES "/np-c", "{\"egress\":{}}"), 404);
	assert_int_equal(dbox_call(&b, DBX_DELETE, POLICIES "/np-b", NULL), 200);
	assert_string_equal(b.answer, "{}");
	assert_int_equal(dbox_call(&b, DBX_DELETE, POLICIES "/np-b", NULL), 404);
	assert_int_equal(dbox_call(&b, DBX_GET, POLICIES "/np-b", NULL), 404);
	dbox_close(&b);
}

static void test_deletes_that_are_refused(void **state)
{
	struct dbox b;
	uint32_t sum;

	(void)state;
	start(&b);
	assert_int_equal(dbox_call(&b, DBX_PUT, POLICIES "/default-policy", dbox_policy), 400);
	assert_int_equal(dbox_call(&b, DBX_PUT, POLICIES "/default-policy", "{\"egress\":{}}"),
			 200);
	sum = dbox_image_sum();
	assert_int_equal(dbox_call(&b, DBX_DELETE, POLICIES "/np-a", NULL), 409);
	assert_string_equal(dbox_get(&b, "error_code"), "RESOURCE_CONFLICT");
	assert_non_null(strstr(dbox_get(&b, "message"), "1001"));
	assert_int_equal(
		dbox_call(&b, DBX_DELETE, DBOX_OURS "/documents/network-policy/np-a", NULL), 409);
	assert_int_equal(dbox_call(&b, DBX_DELETE, POLICIES "/default-policy", NULL), 400);
	assert_int_equal(dbox_call(&b, DBX_DELETE, DBOX_OURS "/documents/gateway/gateway", NULL),
			 409);
	assert_int_equal(dbox_image_sum(), sum);
	/* Once nobody has it. */
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_VENDOR "/workspaces/1001/network",
				   "{\"network_policy_id\":\"default-policy\"}"),
			 200);
	assert_int_equal(dbox_call(&b, DBX_DELETE, POLICIES "/np-a", NULL), 200);
	dbox_close(&b);
}

static void test_workspaces(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_VENDOR "/workspaces/1001/network", NULL), 200);
	assert_string_equal(dbox_get(&b, "network_policy_id"), "np-a");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_VENDOR "/workspaces/1002/network", NULL), 200);
	assert_string_equal(dbox_get(&b, "network_policy_id"), "default-policy");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_VENDOR "/workspaces/9/network", NULL), 404);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_VENDOR "/workspaces/x/network", NULL), 400);
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_VENDOR "/workspaces/1002/network",
				   "{\"workspace_network_option\":{\"workspace_id\":\"1002\","
				   "\"network_policy_id\":\"np-a\"}}"),
			 200);
	assert_string_equal(dbox_get(&b, "network_policy_id"), "np-a");
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_VENDOR "/workspaces/1002/network",
				   "{\"network_policy_id\":\"np-none\"}"),
			 400);
	assert_string_equal(dbox_get(&b, "findings.0.code"), "no-such-policy");
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_VENDOR "/workspaces/1002/network",
				   "{\"workspace_id\":1001,\"network_policy_id\":\"np-a\"}"),
			 400);
	assert_int_equal(dbox_call(&b, DBX_PATCH,
				   DBOX_VENDOR "/workspaces/1002?update_mask="
					       "network_connectivity_config_id",
				   "{\"network_connectivity_config_id\":\"ncc-1\"}"),
			 200);
	assert_string_equal(dbox_get(&b, "network_connectivity_config_id"), "ncc-1");
	assert_int_equal(dbox_call(&b, DBX_PATCH, DBOX_VENDOR "/workspaces/1002", "{}"), 400);
	assert_int_equal(
		dbox_call(&b, DBX_PATCH, DBOX_VENDOR "/workspaces/1002?update_mask=name", "{}"),
		400);
	assert_int_equal(dbox_call(&b, DBX_DELETE, NCCS "/ncc-1", NULL), 409);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_VENDOR "/workspaces/1001", NULL), 200);
	assert_string_equal(dbox_get(&b, "workspace_name"), "one");
	assert_int_equal(dbox_call(&b, DBX_DELETE, DBOX_OURS "/documents/ncc-binding/1002", NULL),
			 200);
	assert_int_equal(dbox_call(&b, DBX_DELETE, NCCS "/ncc-1", NULL), 200);
	dbox_close(&b);
}

/* The gateway document with a private address for a rule. */
static void put_address(struct dbox *b, const char *rule)
{
	struct dbx_strbuf s;

	dbx_strbuf_init(&s);
	dbx_strbuf_addf(&s,
			"%.*s,\"private_endpoints\":[{\"rule_id\":\"%s\",\"addresses\":["
			"\"10.9.0.9\"]}]}}",
			(int)strlen(dbox_gateway) - 2, dbox_gateway, rule);
	assert_int_equal(dbox_call(b, DBX_PUT, DBOX_OURS "/gateway", s.s), 200);
	dbx_strbuf_fini(&s);
}

static void test_ncc_and_rules(void **state)
{
	char path[512], ncc[256], id[64], rule[64];
	struct dbox b;

	(void)state;
	start(&b);
	assert_int_equal(dbox_call(&b, DBX_POST, NCCS, "{\"name\":\"ncc-new\"}"), 400);
	assert_int_equal(
		dbox_call(&b, DBX_POST, NCCS, "{\"name\":\"ncc-new\",\"region\":\"us-east-1\"}"),
		200);
	snprintf(id, sizeof(id), "%s", dbox_get(&b, "network_connectivity_config_id"));
	assert_int_equal(strlen(id), 36);
	assert_string_not_equal(dbox_get(&b, "creation_time"), "");
	snprintf(path, sizeof(path), NCCS "/%s/private-endpoint-rules", id);
	assert_int_equal(dbox_call(&b, DBX_POST, path, "{}"), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, path,
				   "{\"endpoint_service\":\"com.amazonaws.us-east-1.s3\","
				   "\"resource_names\":[\"bucket\"],\"enabled\":true}"),
			 200);
	assert_string_equal(dbox_get(&b, "connection_state"), "PENDING");
	assert_string_equal(dbox_get(&b, "enabled"), "false");
	assert_string_equal(dbox_get(&b, "network_connectivity_config_id"), id);
	snprintf(rule, sizeof(rule), "%s", dbox_get(&b, "rule_id"));
	assert_int_equal(strlen(rule), 36);
	assert_int_equal(dbox_call(&b, DBX_GET, path, NULL), 200);
	assert_string_equal(dbox_get(&b, "items"), "1");
	snprintf(path, sizeof(path), NCCS "/%s/private-endpoint-rules/%s", id, rule);
	assert_int_equal(dbox_call(&b, DBX_PATCH, path, "{\"enabled\":true}"), 400);
	assert_int_equal(dbox_call(&b, DBX_PATCH, path, "{\"endpoint_service\":\"x\"}"), 400);
	/* a rule that comes into force needs its private address first */
	assert_int_equal(dbox_call(&b, DBX_PATCH, path,
				   "{\"connection_state\":\"ESTABLISHED\",\"enabled\":true}"),
			 400);
	assert_non_null(strstr(dbox_error(&b, "rule-without-address"), rule));
	assert_int_equal(dbox_call(&b, DBX_GET, path, NULL), 200);
	assert_string_equal(dbox_get(&b, "connection_state"), "PENDING");
	put_address(&b, rule);
	assert_int_equal(dbox_call(&b, DBX_PATCH, path,
				   "{\"connection_state\":\"ESTABLISHED\",\"enabled\":true}"),
			 200);
	assert_string_equal(dbox_get(&b, "enabled"), "true");
	strcat(path, "?update_mask=resource_names");
	assert_int_equal(dbox_call(&b, DBX_PATCH, path, "{\"resource_names\":[\"b2\",\"b3\"]}"),
			 200);
	assert_string_equal(dbox_get(&b, "resource_names"), "2");
	assert_string_equal(dbox_get(&b, "enabled"), "true");
	/* In force: deactivated first, then removed; the NCC goes when no rule is in force. */
	*strchr(path, '?') = '\0';
	snprintf(ncc, sizeof(ncc), NCCS "/%s", id);
	assert_int_equal(dbox_call(&b, DBX_DELETE, ncc, NULL), 409);
	assert_int_equal(dbox_call(&b, DBX_DELETE, path, NULL), 200);
	assert_string_equal(dbox_get(&b, "deactivated"), "true");
	assert_int_equal(dbox_call(&b, DBX_GET, path, NULL), 200);
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_OURS "/gateway", dbox_gateway), 200);
	assert_int_equal(dbox_call(&b, DBX_DELETE, path, NULL), 200);
	assert_int_equal(dbox_call(&b, DBX_GET, path, NULL), 404);
	assert_int_equal(dbox_call(&b, DBX_DELETE, ncc, NULL), 200);
	assert_int_equal(dbox_call(&b, DBX_GET, ncc, NULL), 404);
	dbox_close(&b);
}

/* A rule that is written inside its NCC can be changed; a newer NCC document wins again. */
static void test_embedded_rule(void **state)
{
	static const char path[] = NCCS "/ncc-1/private-endpoint-rules/r-1";
	struct dbox b;
	char *body;

	(void)state;
	start(&b);
	assert_int_equal(dbox_call(&b, DBX_GET, NCCS "/ncc-2/private-endpoint-rules/r-1", NULL),
			 404);
	assert_int_equal(dbox_call(&b, DBX_PATCH, path, "{\"connection_state\":\"REJECTED\"}"),
			 200);
	assert_string_equal(dbox_get(&b, "connection_state"), "REJECTED");
	assert_string_equal(dbox_get(&b, "group_id"), "dfs");
	assert_int_equal(dbox_call(&b, DBX_GET, NCCS "/ncc-1/private-endpoint-rules", NULL), 200);
	assert_string_equal(dbox_get(&b, "items"), "1");
	assert_int_equal(dbox_call(&b, DBX_DELETE, path, NULL), 200);
	assert_string_equal(dbox_get(&b, "deactivated"), "true");
	assert_int_equal(dbox_call(&b, DBX_GET, NCCS "/ncc-1", NULL), 200);
	assert_string_equal(dbox_get(&b,
				     "egress_config.target_rules.azure_private_endpoint_rules.0."
				     "deactivated"),
			    "true");
	body = dbox_envelope(
		"\"force\":true", "ncc.json",
		"{\"network_connectivity_config\":"
		"{\"network_connectivity_config_id\":\"ncc-1\",\"name\":\"ncc-one\","
		"\"region\":\"eastus2\",\"egress_config\":{\"target_rules\":"
		"{\"azure_private_endpoint_rules\":[{\"rule_id\":\"r-1\",\"resource_id\":"
		"\"/x/lake\",\"group_id\":\"blob\",\"connection_state\":"
		"\"ESTABLISHED\"}]}}}}",
		"gw.json", dbox_gateway_private, NULL);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/apply", body), 200);
	assert_int_equal(dbox_call(&b, DBX_GET, path, NULL), 200);
	assert_string_equal(dbox_get(&b, "group_id"), "blob");
	assert_string_equal(dbox_get(&b, "connection_state"), "ESTABLISHED");
	free(body);
	dbox_close(&b);
}

static void test_envelopes(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"nonsense",
		"{\"documents\":[]}",
		"{\"documents\":{}}",
		"{\"documents\":[1]}",
		"{\"documents\":[{\"source\":\"a\"}]}",
		"{\"documents\":[{\"source\":7,\"document\":{}}]}",
		"{\"documents\":[{\"source\":\"\\ud800\",\"document\":{}}]}",
		"{\"documents\":[{\"document\":{}}],\"documents\":[{\"document\":{}}]}",
		"{\"documents\":[{\"document\":{}}],\"dry_run\":1}",
		"{\"documents\":[{\"document\":{}}],\"message\":[]}",
		"{\"documents\":[{\"document\":{}}],\"what\":1}",
		"{\"documents\":[{\"document\":{}}],\"revision\":1}",
		"{\"documents\":[{\"document\":{}}]}}",
		"{\"documents\":[{\"document\":{}}",
		"{\"documents\":[{\"document\":[[[[}]}",
	};
	struct dbox b;
	size_t i;

	(void)state;
	dbox_open(&b);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (dbox_call(&b, DBX_POST, DBOX_OURS "/apply", bad[i]) != 400 || !b.json)
			fail_msg("%s: %s", bad[i], b.answer);
	}
	assert_int_equal(b.d.core.head.rev, 0);
	dbox_close(&b);
}

static void test_our_documents(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/documents", NULL), 200);
	assert_string_equal(dbox_get(&b, "documents"), "4");
	assert_string_equal(dbox_get(&b, "documents.0.document.network_policy_id"), "np-a");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/documents?brief=true", NULL), 200);
	assert_string_equal(dbox_get(&b, "documents.0.document.network_policy_id"), "");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/gateway", NULL), 200);
	assert_string_equal(dbox_get(&b, "document.gateway.name"), "gw");
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_OURS "/gateway", dbox_policy), 400);
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_OURS "/gateway", dbox_gateway), 200);
	assert_int_equal(dbox_call(&b, DBX_PUT, DBOX_OURS "/service-tags/Public",
				   "{\"changeNumber\":1,\"cloud\":\"AzureChina\",\"values\":[]}"),
			 400);
	assert_int_equal(
		dbox_call(&b, DBX_PUT, DBOX_OURS "/service-tags/Public",
			  "{\"changeNumber\":1,\"cloud\":\"Public\",\"values\":[{\"name\":\"S\","
			  "\"id\":\"S\",\"properties\":{\"changeNumber\":1,\"region\":\"\","
			  "\"addressPrefixes\":[\"20.0.0.0/8\"]}}]}"),
		200);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/service-tags/Public", NULL), 200);
	assert_string_equal(dbox_get(&b, "document.changeNumber"), "1");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/status", NULL), 200);
	assert_string_equal(dbox_get(&b, "feeds.0.cloud"), "Public");
	assert_string_equal(dbox_get(&b, "workspaces"), "2");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/image", NULL), 200);
	assert_memory_equal(b.answer, "DBXI", 4);
	dbox_close(&b);
}

static void test_diff_and_explain(void **state)
{
	struct dbox b;
	char *body;

	(void)state;
	start(&b);
	body = dbox_envelope(NULL, "np.json", dbox_open_policy, NULL);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/diff", body), 200);
	assert_string_equal(dbox_get(&b, "changes.0.op"), "modify");
	assert_int_equal(b.d.core.head.rev, 1);
	free(body);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain",
				   "{\"workspace_id\":1001,\"dst\":\"203.0.113.9\",\"port\":443,"
				   "\"protocol\":\"tcp\"}"),
			 200);
	assert_string_equal(dbox_get(&b, "verdict"), "PASS");
	assert_string_equal(dbox_get(&b, "reason"), "listed-prefix");
	assert_string_equal(dbox_get(&b, "rule_doc"), "gw.json");
	assert_int_equal(
		dbox_call(&b, DBX_POST, DBOX_OURS "/explain",
			  "{\"workspace_id\":\"1001\",\"dst\":\"203.0.113.9\",\"port\":\"80\","
			  "\"product\":\"ML_SERVING\",\"protocol\":6,\"src\":\"10.66.1.9\"}"),
		200);
	assert_string_equal(dbox_get(&b, "verdict"), "DROP");
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain", "{"), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain", "[]"), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain", "{\"workspace_id\":1001}"),
			 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain",
				   "{\"workspace_id\":1001,\"dst\":\"1.1.1.1\",\"port\":70000}"),
			 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain",
				   "{\"workspace_id\":4,\"dst\":\"1.1.1.1\",\"port\":70}"),
			 400);
	dbox_close(&b);
}

static struct dbx_event event_of(struct dbox *b, uint16_t port)
{
	struct dbx_event e = {
		.generation = b->d.core.generation,
		.workspace_id = 1001,
		.frame_bytes = 100,
		.reason = DBX_REASON_NO_MATCH,
		.proto = 6,
		.dport = port,
		.flags = DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS,
		.src = {10, 66, 1, 9},
		.dst = {192, 0, 2, 1},
	};

	return e;
}

static void test_stats(void **state)
{
	const struct dbx_img_rule *rules;
	struct dbx_event e;
	struct dbox b;
	uint32_t n;

	(void)state;
	start(&b);
	rules = dbx_image_section(&b.d.core.now.img, DBX_SEC_RULES, &n);
	assert_true(n > 0);
	e = event_of(&b, 443);
	e.rule_uid = rules[0].uid;
	dbx_dp_mem_packet(&e);
	dbx_dp_mem_packet(&e);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/stats", NULL), 200);
	assert_string_equal(dbox_get(&b, "totals.drop"), "2");
	assert_string_equal(dbox_get(&b, "totals.by_reason.no-match.bytes"), "200");
	assert_string_equal(dbox_get(&b, "rows.0.packets"), "2");
	assert_string_not_equal(dbox_get(&b, "rows.0.rule"), "");
	/* Another policy: the old rule's counter keeps its name. */
	assert_int_equal(dbox_call(&b, DBX_PUT, POLICIES "/np-a",
				   "{\"egress\":{\"network_access\":"
				   "{\"restriction_mode\":\"FULL_ACCESS\"}}}"),
			 200);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/stats?workspace=1001", NULL), 200);
	assert_string_not_equal(dbox_get(&b, "rows.0.rule"), "");
	assert_string_equal(dbox_get(&b, "rows"), "1");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/stats?workspace=1002", NULL), 200);
	assert_string_equal(dbox_get(&b, "rows"), "0");
	dbox_close(&b);
}

static void test_denials(void **state)
{
	struct dbx_event e;
	struct dbox b;
	int i;

	(void)state;
	start(&b);
	b.d.denials = dbx_denials_new(4);
	for (i = 0; i < 10; i++) {
		e = event_of(&b, (uint16_t)(i / 2));
		dbx_denials_add(b.d.denials, &e, "np-a", NULL, 1000 + i);
	}
	e = event_of(&b, 1);
	dbx_denials_add(b.d.denials, &e, "np-a", NULL, 1755767643512);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/denials", NULL), 200);
	assert_string_equal(dbox_get(&b, "denials"), "4");
	assert_string_equal(dbox_get(&b, "denials.0.time"), "2025-08-21T09:14:03.512Z");
	assert_string_equal(dbox_get(&b, "denials.0.port"), "1");
	assert_string_equal(dbox_get(&b, "denials.0.packets"), "3");
	assert_string_equal(dbox_get(&b, "denials.1.port"), "4");
	assert_string_equal(dbox_get(&b, "denials.0.policy"), "np-a");
	assert_string_equal(dbox_get(&b, "denials.0.dst"), "192.0.2.1");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/denials?limit=2", NULL), 200);
	assert_string_equal(dbox_get(&b, "denials"), "2");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/denials?reason=blocked", NULL), 200);
	assert_string_equal(dbox_get(&b, "denials"), "0");
	dbx_denials_free(&b.d.denials);
	dbox_close(&b);
}

/* Against a plain list: the same entries in the same order, whatever comes and goes. */
static int check_order(void *arg, const struct dbx_denial *n)
{
	uint16_t **p = arg;

	assert_int_equal(n->event.dport, **p);
	(*p)++;
	return 0;
}

static void test_denials_against_a_list(void **state)
{
	struct dbx_denials *d = dbx_denials_new(7);
	uint16_t list[8], *p;
	size_t n = 0, j;
	unsigned int x = 1, i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		struct dbx_event e = {0};

		x = x * 1103515245u + 12345u;
		e.dport = (uint16_t)(x >> 16 & 15);
		dbx_denials_add(d, &e, "", NULL, i);
		for (j = 0; j < n && list[j] != e.dport; j++)
			;
		if (j == n)
			n++;
		memmove(list + 1, list, j * sizeof(list[0]));
		list[0] = e.dport;
		n = n > 7 ? 7 : n;
		p = list;
		dbx_denials_walk(d, check_order, &p);
		assert_int_equal(p - list, n);
	}
	dbx_denials_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_who_may),
		cmocka_unit_test(test_policy_life),
		cmocka_unit_test(test_deletes_that_are_refused),
		cmocka_unit_test(test_workspaces),
		cmocka_unit_test(test_ncc_and_rules),
		cmocka_unit_test(test_embedded_rule),
		cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_our_documents),
		cmocka_unit_test(test_diff_and_explain),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_denials),
		cmocka_unit_test(test_denials_against_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
