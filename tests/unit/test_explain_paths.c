// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_explain_paths.c -- what explain tells of private endpoint rules over time, routes, clusters,
 * isolated workspaces, quotas and answers to denials.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/vec_world.h"
#include "dbx/image.h"
#include "policy/explain.h"

#define TCP    6
#define UDP    17
#define DAY_MS INT64_C(86400000)
#define BASE   INT64_C(1785578400000) /* 2026-08-01 10:00 UTC */

static const char gateway[] =
	"{\"gateway\": {\"name\": \"gw\", \"interfaces\": [{\"name\": \"ws1\"}],"
	"\"workspaces\": ["
	" {\"workspace_id\": 1, \"separate_clusters\": true, \"sources\": ["
	"  {\"prefix\": \"10.1.0.0/24\", \"cluster\": \"prod\"},"
	"  {\"prefix\": \"10.1.1.0/24\", \"cluster\": \"dev\"},"
	"  {\"prefix\": \"10.1.2.0/24\", \"vlan\": 7, \"cluster\": \"dev\"},"
	"  {\"prefix\": \"10.1.2.0/24\", \"vlan\": 8, \"cluster\": \"prod\"},"
	"  {\"prefix\": \"2001:db8:1::/64\"}]},"
	" {\"workspace_id\": 2, \"isolated\": true, \"sources\": [{\"prefix\": \"10.2.0.0/24\"}],"
	"  \"quota\": {\"bytes_per_second\": 5000, \"burst_ms\": 20}},"
	" {\"workspace_id\": 3, \"sources\": [{\"prefix\": \"10.3.0.0/24\"}]}],"
	"\"private_endpoints\": ["
	" {\"rule_id\": \"pe-ok\", \"addresses\": [\"10.9.0.1\"]},"
	" {\"rule_id\": \"pe-pending\", \"addresses\": [\"10.9.0.2\"]},"
	" {\"rule_id\": \"pe-rejected\", \"addresses\": [\"10.9.0.3\"]},"
	" {\"rule_id\": \"pe-gone\", \"addresses\": [\"10.9.0.4\"]},"
	" {\"rule_id\": \"pe-off\", \"addresses\": [\"10.9.0.5\"]},"
	" {\"rule_id\": \"pe-public\", \"addresses\": [\"10.9.0.6\"], \"private_required\": false},"
	" {\"rule_id\": \"pe-far\", \"addresses\": [\"10.9.0.7\"]}],"
	"\"paths\": ["
	" {\"path\": \"nat\", \"interface\": \"up0\", \"next_hops\": [\"192.0.2.1\"],"
	"  \"source_addresses\": [\"203.0.113.5\", \"2001:db8:5::5\"]},"
	" {\"path\": \"private_endpoint\", \"interface\": \"up3\", \"ncc_ids\": [\"ncc\"]},"
	" {\"path\": \"firewall\", \"interface\": \"fw0\", \"next_hops\": [\"192.0.2.3\"]}],"
	"\"reject\": {\"policy_ids\": [\"np\"], \"per_second\": 50},"
	"\"default_quota\": {\"new_flows_per_second\": 10, \"bytes_per_second\": 1000}}}";

static const char policy[] =
	"{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {"
	"\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_internet_destinations\": ["
	"{\"destination\": \"198.51.100.0/24\", \"internet_destination_type\": \"IP_RANGE\"},"
	"{\"destination\": \"2001:db8:100::/48\", \"internet_destination_type\": \"IP_RANGE\"},"
	"{\"destination\": \"*.internal.example\", \"internet_destination_type\": \"DNS_NAME\"}]}}}";

static const char full[] = "{\"network_policy_id\": \"np-full\", \"egress\": {\"network_access\": "
			   "{\"restriction_mode\": \"FULL_ACCESS\"}}}";

#define RULE(id, name, rest)                                                                \
	"{\"rule_id\": \"" id "\", \"network_connectivity_config_id\": \"ncc\", "           \
	"\"resource_id\": \"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/" \
	"privateLinkServices/" id "\", \"domain_names\": [\"" name ".internal.example\"], " \
	"\"creation_time\": 1785578400000, " rest "}"

static const char ncc[] =
	"{\"network_connectivity_config_id\": \"ncc\", \"name\": \"ncc\", \"region\": \"eastus2\","
	"\"egress_config\": {\"target_rules\": {\"azure_private_endpoint_rules\": [" //
	RULE("pe-ok", "ok", "\"connection_state\": \"ESTABLISHED\"") ","             //
	RULE("pe-pending", "pending",
	     "\"connection_state\": \"PENDING\", \"updated_time\": 1785582000000") "," //
	RULE("pe-rejected", "rejected",
	     "\"connection_state\": \"REJECTED\", \"updated_time\": 1786010400000, "
	     "\"error_message\": \"no\"") "," //
	RULE("pe-gone", "gone",
	     "\"connection_state\": \"ESTABLISHED\", \"deactivated\": true, "
	     "\"deactivated_at\": 1785664800000") ","                        //
	RULE("pe-off", "off", "\"connection_state\": \"EXPIRED\"") ","       //
	RULE("pe-public", "public", "\"connection_state\": \"PENDING\"") "," //
	RULE("pe-far", "far",
	     "\"connection_state\": \"REJECTED\", \"updated_time\": 9223372036854775807") "," //
	RULE("pe-nowhere", "nowhere", "\"connection_state\": \"CREATING\"") "]}}}";

#define BIND(ws, np)                                                                      \
	"{\"workspace_id\": " ws ", \"workspace_network_option\": {\"workspace_id\": " ws \
	", \"network_policy_id\": \"" np "\"}, \"workspace\": "                           \
	"{\"network_connectivity_config_id\": \"ncc\"}}"

static const char ws1[] = BIND("1", "np"), ws2[] = BIND("2", "np-full"), ws3[] = BIND("3", "np");

static struct vec_world world;

static int setup(void **state)
{
	const struct {
		const char *name, *text;
	} docs[] = {{"gw.json", gateway}, {"np.json", policy}, {"full.json", full},
		    {"ncc.json", ncc},    {"ws1.json", ws1},   {"ws2.json", ws2},
		    {"ws3.json", ws3}};

	(void)state;
	if (vec_world_init(&world))
		return -1;
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
		if (vec_world_add(&world, docs[i].name, docs[i].text, strlen(docs[i].text)))
			break;
	}
	if (!vec_world_build(&world))
		return 0;
	vec_findings_print(&world.diag);
	return -1;
}

static int teardown(void **state)
{
	(void)state;
	vec_world_fini(&world);
	return 0;
}

/* Nothing disagrees; the caller frees. */
static void explain(int64_t ws, const char *dst, uint8_t proto, uint16_t port, int64_t now_ms,
		    struct dbx_explanation *e)
{
	struct dbx_explain_query q = {.workspace_id = ws,
				      .dst = dst,
				      .proto = proto,
				      .port = port,
				      .product = -1,
				      .now_ms = now_ms};
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (dbx_explain(world.m, &world.img, &q, e, &d) || d.n)
		fail_msg("explain %s: %s", dst, d.n ? d.v[0].text : "?");
	dbx_diag_fini(&d);
}

static const char *text_of(const struct dbx_explanation *e, const char *name)
{
	for (size_t i = 0; i < e->n_steps; i++) {
		if (strcmp(e->steps[i].name, name) == 0)
			return e->steps[i].text;
	}
	return "";
}

static void has(const struct dbx_explanation *e, const char *step, const char *text)
{
	if (!strstr(text_of(e, step), text))
		fail_msg("%s: step %s says \"%s\", not \"%s\"", e->dst, step, text_of(e, step),
			 text);
}

static void endpoint_says(const char *dst, int64_t now_ms, const char *text, const char *advice)
{
	struct dbx_explanation e;

	explain(1, dst, TCP, 443, now_ms, &e);
	if (e.reason != DBX_REASON_PRIVATE_ENDPOINT_INACTIVE || e.verdict != DBX_VERDICT_DROP)
		fail_msg("%s: %s", dst, dbx_reason_slug(e.reason));
	has(&e, "private-endpoint", text);
	if (!strstr(e.advice, advice))
		fail_msg("%s: advice \"%s\"", dst, e.advice);
	dbx_explanation_fini(&e);
}

static void test_a_rule_waits(void **state)
{
	const char *approve =
		"have the owner of the resource approve private endpoint rule pe-pending";

	(void)state;
	endpoint_says("10.9.0.2", 0,
		      "(PENDING since 2026-08-01 11:00 UTC, expires 2026-08-15 10:00 UTC)",
		      approve);
	endpoint_says("10.9.0.2", BASE, "14 of 14 days left, until 2026-08-15 10:00 UTC", approve);
	endpoint_says("10.9.0.2", BASE + 1, "14 of 14 days left", approve);
	endpoint_says("10.9.0.2", BASE + DAY_MS, "13 of 14 days left", approve);
	endpoint_says("10.9.0.2", BASE + 14 * DAY_MS - 1, "1 of 14 days left", approve);
	endpoint_says("10.9.0.2", BASE + 14 * DAY_MS, "its 14 days were over 2026-08-15 10:00 UTC",
		      approve);
}

static void test_a_rule_does_not_work(void **state)
{
	(void)state;
	endpoint_says("10.9.0.3", BASE + 6 * DAY_MS,
		      "(REJECTED since 2026-08-06 10:00 UTC, 13 of 14 days left, until 2026-08-20 "
		      "10:00 UTC, \"no\")",
		      "delete private endpoint rule pe-rejected, which is REJECTED, and create it "
		      "again, and have the owner");
	endpoint_says("10.9.0.4", BASE, "(deactivated, ESTABLISHED since 2026-08-02 10:00 UTC)",
		      "create private endpoint rule pe-gone anew");
	endpoint_says("10.9.0.5", BASE, "(EXPIRED since 2026-08-01 10:00 UTC)",
		      "delete private endpoint rule pe-off");
	/* A time that no calendar has is not said, nor are 14 days added to it. */
	endpoint_says("10.9.0.7", BASE, "(REJECTED)", "delete private endpoint rule pe-far");
}

/* The resolver refuses the name, with or without a private address to judge at. */
static void test_names_of_rules(void **state)
{
	struct dbx_explanation e;

	(void)state;
	endpoint_says("pending.internal.example", BASE, "rule pe-pending (PENDING since",
		      "\"private_required\": false for rule pe-pending");
	endpoint_says("nowhere.internal.example", BASE,
		      "the resolver refuses the name until the rule is effective",
		      "wait until private endpoint rule pe-nowhere");
	explain(1, "ok.internal.example", TCP, 443, BASE, &e);
	assert_int_equal(e.reason, DBX_REASON_PRIVATE_ENDPOINT);
	has(&e, "private-endpoint", "(ESTABLISHED)");
	has(&e, "private-endpoint", "its public addresses are refused");
	dbx_explanation_fini(&e);
	explain(1, "public.internal.example", TCP, 443, BASE, &e);
	assert_int_equal(e.reason, DBX_REASON_NAME_NOT_LEARNED); /* as any other name */
	has(&e, "private-endpoint", "no private endpoint rule");
	dbx_explanation_fini(&e);
	explain(2, "nowhere.internal.example", TCP, 443, BASE, &e);
	assert_int_equal(e.reason, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE); /* FULL_ACCESS or not */
	assert_int_equal(e.path, DBX_PATH_NONE);
	dbx_explanation_fini(&e);
}

static void test_routes(void **state)
{
	struct dbx_explanation e;
	char *json, mark[32];

	(void)state;
	explain(3, "198.51.100.1", TCP, 443, 0, &e);
	has(&e, "path", "leaves by NAT: up0, next hop 192.0.2.1, from 203.0.113.5, mark 0x0db6");
	assert_string_equal(e.via, "up0");
	assert_int_equal(e.mark & DBX_MARK_PATH_MASK, DBX_MARK_PATH);
	json = dbx_explanation_json(&e);
	snprintf(mark, sizeof(mark), "\"mark\":%u", e.mark);
	assert_non_null(strstr(json, "\"via\":\"up0\""));
	assert_non_null(strstr(json, mark));
	free(json);
	dbx_explanation_fini(&e);
	explain(1, "2001:db8:100::1", TCP, 443, 0, &e);
	has(&e, "path", "up0, on the link, from 2001:db8:5::5");
	dbx_explanation_fini(&e);
	explain(1, "10.9.0.1", TCP, 443, 0, &e);
	has(&e, "path", "to the private endpoint: up3, on the link, with its own source address");
	assert_string_equal(e.via, "up3");
	dbx_explanation_fini(&e);
	explain(2, "198.51.100.1", TCP, 443, 0, &e);
	assert_int_equal(e.path, DBX_PATH_FIREWALL);
	has(&e, "path",
	    "to the firewall, since the workspace is isolated: fw0, next hop 192.0.2.3");
	dbx_explanation_fini(&e);
	explain(3, "192.0.2.200", TCP, 443, 0, &e);
	assert_string_equal(e.via, "");
	assert_int_equal(e.mark, 0);
	dbx_explanation_fini(&e);
}

static void test_clusters(void **state)
{
	struct dbx_explanation e;

	(void)state;
	explain(1, "10.1.1.9", TCP, 22, 0, &e);
	assert_int_equal(e.reason, DBX_REASON_CLUSTER_ISOLATION);
	has(&e, "isolation", "in cluster dev, and the source in cluster prod; separate_clusters");
	assert_non_null(strstr(e.advice, "set separate_clusters to false, in workspace 1"));
	dbx_explanation_fini(&e);
	explain(1, "10.1.2.9", TCP, 22, 0, &e);
	assert_int_equal(e.reason, DBX_REASON_CLUSTER_ISOLATION);
	has(&e, "isolation", "one or several others on other links");
	dbx_explanation_fini(&e);
	explain(1, "10.1.0.9", TCP, 22, 0, &e);
	assert_int_equal(e.reason, DBX_REASON_SAME_WORKSPACE);
	dbx_explanation_fini(&e);
}

static void test_what_is_added(void **state)
{
	struct dbx_explanation e;

	(void)state;
	explain(3, "198.51.100.1", TCP, 443, 0, &e);
	has(&e, "quota", "within 10 new flows a second and 1000 bytes a second (bursts of 100 ms)");
	assert_string_equal(text_of(&e, "guard"), ""); /* no resolver, nothing is guarded */
	assert_string_equal(text_of(&e, "reject"), "");
	dbx_explanation_fini(&e);
	explain(2, "198.51.100.1", TCP, 443, 0, &e);
	has(&e, "quota", "within 5000 bytes a second (bursts of 20 ms)");
	dbx_explanation_fini(&e);
	explain(3, "192.0.2.200", TCP, 443, 0, &e);
	has(&e, "reject", "the sender is told, by a TCP reset, at most 50 times a second");
	assert_string_equal(text_of(&e, "quota"), "");
	assert_string_equal(text_of(&e, "guard"), "");
	dbx_explanation_fini(&e);
	explain(3, "192.0.2.200", UDP, 443, 0, &e);
	has(&e, "reject", "by ICMP administratively prohibited");
	dbx_explanation_fini(&e);
	explain(2, "169.254.169.254", TCP, 80, 0, &e); /* of a policy that is not answered for */
	assert_string_equal(text_of(&e, "reject"), "");
	dbx_explanation_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_rule_waits),   cmocka_unit_test(test_a_rule_does_not_work),
		cmocka_unit_test(test_names_of_rules), cmocka_unit_test(test_routes),
		cmocka_unit_test(test_clusters),       cmocka_unit_test(test_what_is_added),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
