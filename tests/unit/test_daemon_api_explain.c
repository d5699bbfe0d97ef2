// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_api_explain.c -- POST explain with what the daemon has learned: only of the workspace's own
 * policy, only what has not expired.
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
#include "daemon/namer.h"

static const char gateway[] =
	"{\"gateway\":{\"name\":\"gw\",\"dns\":{\"upstreams\":[\"192.0.2.53\"],\"grace_s\":0},"
	"\"workspaces\":[{\"workspace_id\":1,\"sources\":[{\"prefix\":\"10.1.0.0/24\"}]},"
	"{\"workspace_id\":2,\"sources\":[{\"prefix\":\"10.2.0.0/24\"}]}]}}";
#define NP(id)                                                                           \
	"{\"network_policy_id\":\"" id "\",\"egress\":{\"network_access\":{"             \
	"\"restriction_mode\":\"RESTRICTED_ACCESS\",\"allowed_internet_destinations\":[" \
	"{\"destination\":\"*.example.com\",\"internet_destination_type\":\"DNS_NAME\"}]}}}"

static void start(struct dbox *b)
{
	char *body = dbox_envelope(NULL, "gw.json", gateway, "a.json", NP("np-a"), "b.json",
				   NP("np-b"), "o1.json",
				   "{\"workspace_id\":1,\"network_policy_id\":\"np-a\"}", "o2.json",
				   "{\"workspace_id\":2,\"network_policy_id\":\"np-b\"}", NULL);

	dbox_open(b);
	assert_int_equal(dbox_call(b, DBX_POST, DBOX_OURS "/apply", body), 200);
	free(body);
}

static void learn_as(struct dbox *b, enum dbx_lesson_kind kind, const char *policy,
		     const char *name, const char *addr, uint32_t ttl_s)
{
	struct dbx_addr a;
	struct dbx_lesson l = {.policy_uid = dbx_policy_uid(policy),
			       .rule_uid = 7,
			       .name = name,
			       .addrs = &a,
			       .n_addrs = 1,
			       .ttl_s = ttl_s,
			       .kind = kind};

	assert_int_equal(dbx_addr_parse(addr, &a), 0);
	assert_int_equal(dbx_namer_learn(b->d.core.namer, &l), 0);
}

static void learn(struct dbox *b, const char *policy, const char *name, const char *addr,
		  uint32_t ttl_s)
{
	learn_as(b, DBX_LESSON_NAME, policy, name, addr, ttl_s);
}

static void explain(struct dbox *b, int workspace, const char *dst, const char *name)
{
	char body[512], said[300] = "";

	if (name)
		snprintf(said, sizeof(said), ",\"name\":\"%s\"", name);
	snprintf(body, sizeof(body), "{\"workspace_id\":%d,\"dst\":\"%s\",\"port\":443%s}",
		 workspace, dst, said);
	assert_int_equal(dbox_call(b, DBX_POST, DBOX_OURS "/explain", body), 200);
}

static void test_learned(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	learn(&b, "np-a", "api.example.com", "203.0.113.10", 3000);
	learn(&b, "np-a", "api.example.com", "203.0.113.9", 0); /* expired at once */
	learn(&b, "np-a", "other.example.com", "203.0.113.11", 3000);
	explain(&b, 1, "API.example.com", NULL);
	assert_string_equal(dbox_get(&b, "verdict"), "PASS");
	assert_string_equal(dbox_get(&b, "reason"), "listed-name");
	assert_string_equal(dbox_get(&b, "rule"), "allowed name *.example.com");
	assert_string_equal(dbox_get(&b, "rule_doc"), "a.json");
	assert_string_equal(dbox_get(&b, "dns.reason"), "listed-name");
	assert_string_equal(dbox_get(&b, "learned.0.address"), "203.0.113.10");
	assert_string_equal(dbox_get(&b, "learned.0.name"), "api.example.com");
	assert_string_equal(dbox_get(&b, "learned.1.address"), "");
	assert_string_equal(dbox_get(&b, "needs_lookup"), "false");
	/* the other policy knows nothing of it */
	explain(&b, 2, "api.example.com", NULL);
	assert_string_equal(dbox_get(&b, "verdict"), "PASS");
	assert_string_equal(dbox_get(&b, "learned.0.address"), "");
	assert_string_equal(dbox_get(&b, "needs_lookup"), "true");
	explain(&b, 2, "203.0.113.10", NULL);
	assert_string_equal(dbox_get(&b, "reason"), "name-not-learned");
	dbox_close(&b);
}

static void test_said(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	learn(&b, "np-a", "api.example.com", "203.0.113.10", 3000);
	learn(&b, "np-a", "other.example.com", "203.0.113.11", 3000);
	explain(&b, 1, "203.0.113.10", NULL);
	assert_string_equal(dbox_get(&b, "reason"), "name-handshake");
	explain(&b, 1, "203.0.113.10", "Api.Example.com.");
	assert_string_equal(dbox_get(&b, "reason"), "listed-name");
	explain(&b, 1, "203.0.113.10", "other.example.com");
	assert_string_equal(dbox_get(&b, "reason"), "name-mismatch");
	assert_string_equal(dbox_get(&b, "verdict"), "DROP");
	explain(&b, 1, "api.example.com", "other.example.com");
	assert_string_equal(dbox_get(&b, "reason"), "name-mismatch");
	explain(&b, 1, "203.0.113.12", "api.example.com");
	assert_string_equal(dbox_get(&b, "reason"), "name-not-learned");
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain",
				   "{\"workspace_id\":1,\"dst\":\"203.0.113.10\",\"port\":443,"
				   "\"name\":7}"),
			 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/explain",
				   "{\"workspace_id\":1,\"dst\":\"203.0.113.10\",\"port\":443,"
				   "\"name\":\"a b\"}"),
			 400);
	dbox_close(&b);
}

/* What a name is refused at is not learned for it; it stays until the resolver has looked again. */
static void test_guards(void **state)
{
	struct dbox b;

	(void)state;
	start(&b);
	learn(&b, "np-a", "api.example.com", "203.0.113.10", 3000);
	learn_as(&b, DBX_LESSON_GUARD_V4, "np-a", "lake.example.com", "203.0.113.10", 0);
	explain(&b, 1, "203.0.113.10", "lake.example.com");
	assert_string_equal(dbox_get(&b, "verdict"), "DROP");
	assert_string_equal(dbox_get(&b, "reason"), "private-required");
	assert_string_equal(dbox_get(&b, "learned.0.name"), "api.example.com");
	assert_string_equal(dbox_get(&b, "learned.1.name"), "");
	assert_string_equal(dbox_get(&b, "guarded.0.name"), "lake.example.com");
	assert_string_equal(dbox_get(&b, "guarded.0.address"), "203.0.113.10");
	explain(&b, 1, "lake.example.com", NULL);
	assert_string_equal(dbox_get(&b, "learned.0.name"), "");
	assert_string_equal(dbox_get(&b, "needs_lookup"), "true");
	assert_string_equal(dbox_get(&b, "guarded.0.address"), "203.0.113.10");
	explain(&b, 1, "203.0.113.10", "api.example.com");
	assert_string_equal(dbox_get(&b, "reason"), "listed-name");
	explain(&b, 2, "203.0.113.10", "lake.example.com"); /* the other policy's is not guarded */
	assert_string_equal(dbox_get(&b, "reason"), "name-not-learned");
	assert_string_equal(dbox_get(&b, "guarded.0.name"), "");
	dbox_close(&b);
}

#define LAKE "lake.dfs.core.windows.net"

/* The resolver's own answer, with a policy and an NCC that waits for nothing. */
static void test_private(void **state)
{
	struct dbox b;
	char *body = dbox_envelope(
		NULL, "gw.json",
		"{\"gateway\":{\"name\":\"gw\",\"dns\":{\"upstreams\":[\"192.0.2.53\"]},"
		"\"workspaces\":[{\"workspace_id\":1,\"sources\":[{\"prefix\":"
		"\"10.1.0.0/24\"}]}],\"private_endpoints\":[{\"rule_id\":\"pe\","
		"\"addresses\":[\"10.9.0.4\"]}]}}",
		"np.json",
		"{\"network_policy_id\":\"np\",\"egress\":{\"network_access\":{"
		"\"restriction_mode\":\"FULL_ACCESS\"}}}",
		"ncc.json",
		"{\"network_connectivity_config_id\":\"ncc\",\"name\":\"ncc\",\"region\":"
		"\"eastus2\",\"egress_config\":{\"target_rules\":{"
		"\"azure_private_endpoint_rules\":[{\"rule_id\":\"pe\",\"group_id\":\"dfs\","
		"\"network_connectivity_config_id\":\"ncc\",\"connection_state\":"
		"\"ESTABLISHED\",\"resource_id\":\"/subscriptions/s/resourceGroups/g/providers/"
		"Microsoft.Storage/storageAccounts/lake\"}]}}}",
		"ws.json",
		"{\"workspace_id\":1,\"workspace_network_option\":{\"workspace_id\":1,"
		"\"network_policy_id\":\"np\"},\"workspace\":{"
		"\"network_connectivity_config_id\":\"ncc\"}}",
		NULL);

	(void)state;
	dbox_open(&b);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/apply", body), 200);
	free(body);
	explain(&b, 1, LAKE, NULL);
	assert_string_equal(dbox_get(&b, "path"), "private-endpoint");
	assert_string_equal(dbox_get(&b, "dns.reason"), "private-endpoint");
	assert_string_equal(dbox_get(&b, "dns.alias"), "lake.privatelink.dfs.core.windows.net");
	assert_string_equal(dbox_get(&b, "dns.answer.0"), "10.9.0.4");
	assert_string_equal(dbox_get(&b, "dns.answer.1"), "");
	assert_string_equal(dbox_get(&b, "needs_lookup"), "false");
	dbox_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learned),
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_guards),
		cmocka_unit_test(test_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
