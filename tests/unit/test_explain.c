// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_explain.c -- verdict, rule, steps and advice, for addresses and names, over the documents of
 * the packet vectors.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/vec_world.h"
#include "policy/explain.h"

#define TCP          6
#define UDP          17
#define NUM_PATH_ANY DBX_PATH_MAX

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

static struct dbx_explain_query query(int64_t workspace, const char *dst, uint8_t proto,
				      uint16_t port)
{
	return (struct dbx_explain_query){
		.workspace_id = workspace, .dst = dst, .proto = proto, .port = port, .product = -1};
}

/* An explanation that nothing disagrees with. */
static void explain(const struct dbx_explain_query *q, struct dbx_explanation *e)
{
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (dbx_explain(world.m, &world.img, q, e, &d))
		fail_msg("explain %s: %s", q->dst, d.n ? d.v[0].text : "?");
	if (d.n)
		fail_msg("explain %s: %s", q->dst, d.v[0].text);
	dbx_diag_fini(&d);
}

static const struct dbx_explain_step *step(const struct dbx_explanation *e, const char *name)
{
	for (size_t i = 0; i < e->n_steps; i++) {
		if (strcmp(e->steps[i].name, name) == 0)
			return &e->steps[i];
	}
	fail_msg("no step %s", name);
	return NULL;
}

static bool has_step(const struct dbx_explanation *e, const char *name)
{
	for (size_t i = 0; i < e->n_steps; i++) {
		if (strcmp(e->steps[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

/* One question and what is to be said; NULL: not looked at. */
struct case_of {
	int64_t workspace;
	const char *dst;
	uint8_t proto;
	uint16_t port;
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	enum dbx_path path;
	const char *decisive; /* name of the step that decides */
	const char *ptr;      /* of that step */
	const char *advice;   /* part of it; "" = none at all */
};

static const struct case_of cases[] = {
	{1001, "198.51.100.7", TCP, 443, DBX_VERDICT_PASS, DBX_REASON_LISTED_PREFIX, DBX_PATH_NAT,
	 "listed", "/egress/network_access/allowed_internet_destinations/1", ""},
	{1001, "203.0.113.5", TCP, 443, DBX_VERDICT_PASS, DBX_REASON_PLATFORM, DBX_PATH_NAT,
	 "implicit", "/gateway/platform_sets/0", ""},
	{1001, "203.0.113.5", TCP, 80, DBX_VERDICT_DROP, DBX_REASON_PORT_NOT_LISTED, DBX_PATH_NONE,
	 "default", "",
	 "add \"protocol\": \"tcp\", \"ports\": [80] to the entry at gateway.json "
	 "/gateway/platform_sets/0"},
	{1001, "198.18.0.1", TCP, 443, DBX_VERDICT_PASS, DBX_REASON_WORKSPACE_STORAGE, DBX_PATH_NAT,
	 "implicit", "/gateway/workspace_storage/0", ""},
	{1001, "169.254.169.254", TCP, 80, DBX_VERDICT_DROP, DBX_REASON_METADATA, DBX_PATH_NONE,
	 "isolation", "", "no document opens"},
	{1001, "10.66.1.1", UDP, 53, DBX_VERDICT_PASS, DBX_REASON_GATEWAY_SERVICE, DBX_PATH_LOCAL,
	 "isolation", "/gateway/gateway_services/2", ""},
	{1001, "10.66.1.1", TCP, 22, DBX_VERDICT_DROP, DBX_REASON_GATEWAY_ADDRESS, DBX_PATH_NONE,
	 "isolation", "/gateway/gateway_addresses/1",
	 "add {\"protocol\": \"tcp\", \"ports\": [22]} to gateway_services"},
	{1001, "10.66.3.9", TCP, 22, DBX_VERDICT_DROP, DBX_REASON_WORKSPACE_ISOLATION,
	 DBX_PATH_NONE, "isolation", "/gateway/workspaces/2",
	 "{\"workspace_ids\": [1003]} to allowed_databricks_destinations of policy np-restricted"},
	{1001, "10.66.2.9", TCP, 22, DBX_VERDICT_PASS, DBX_REASON_LISTED_WORKSPACE, DBX_PATH_LOCAL,
	 "listed", "/egress/network_access/allowed_databricks_destinations/0", ""},
	{1001, "10.66.1.9", TCP, 22, DBX_VERDICT_PASS, DBX_REASON_SAME_WORKSPACE, DBX_PATH_LOCAL,
	 "listed", "", ""},
	{1001, "10.66.1.66", TCP, 22, DBX_VERDICT_DROP, DBX_REASON_BLOCKED, DBX_PATH_NONE,
	 "blocked", "/gateway/blocked_destinations/4",
	 "gateway.json /gateway/blocked_destinations/4"},
	{1001, "198.51.100.130", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_BLOCKED, DBX_PATH_NONE,
	 "blocked", "/egress/network_access/blocked_internet_destinations/0", "np-restricted.json"},
	{1006, "203.0.113.5", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_NO_POLICY, DBX_PATH_NONE,
	 "mode", "", "bind workspace 1006"},
	{1005, "203.0.113.5", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_MODE_UNSPECIFIED,
	 DBX_PATH_NONE, "mode", NULL, "restriction_mode"},
	{1004, "8.8.8.8", TCP, 443, DBX_VERDICT_PASS, DBX_REASON_FULL_ACCESS, NUM_PATH_ANY, "mode",
	 NULL, ""},
	{1001, "10.9.0.4", TCP, 443, DBX_VERDICT_PASS, DBX_REASON_PRIVATE_ENDPOINT,
	 DBX_PATH_PRIVATE_ENDPOINT, "private-endpoint",
	 "/egress_config/target_rules/azure_private_endpoint_rules/0", ""},
	{1001, "10.9.0.5", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE,
	 DBX_PATH_NONE, "private-endpoint", NULL, "approve private endpoint rule pe-pending"},
	{1001, "10.9.0.6", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE,
	 DBX_PATH_NONE, "private-endpoint", NULL, "pe-deactivated anew"},
	{1001, "10.9.0.11", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE,
	 DBX_PATH_NONE, "private-endpoint", NULL, "set enabled to true"},
	{1001, "10.9.1.4", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_PRIVATE_ENDPOINT_FOREIGN,
	 DBX_PATH_NONE, "private-endpoint", NULL, "bind workspace 1001 to NCC ncc-west"},
	{1008, "8.8.8.8", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_NO_MATCH, DBX_PATH_NONE, "default",
	 "",
	 "{\"label\": \"...\", \"prefixes\": [\"8.8.8.8/32\"], \"protocol\": \"tcp\", \"ports\": "
	 "[443], \"network_policy_ids\": [\"np-bare\"]} to allowed_destinations"},
	{1009, "8.8.8.8", TCP, 443, DBX_VERDICT_DROP, DBX_REASON_NAME_NOT_LEARNED, DBX_PATH_NONE,
	 "default", "", "8.8.8.8/32"},
	{1002, "8.8.8.8", TCP, 443, DBX_VERDICT_DRY_RUN, DBX_REASON_NO_MATCH, DBX_PATH_NAT,
	 "default", NULL, "8.8.8.8/32"},
	{1002, "2001:db8:9::1", 47, 0, DBX_VERDICT_DRY_RUN, DBX_REASON_NO_MATCH, DBX_PATH_NAT,
	 "default", NULL, "\"protocol\": 47, "},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct case_of *c = &cases[i];
		struct dbx_explain_query q = query(c->workspace, c->dst, c->proto, c->port);
		const struct dbx_explain_step *s;
		struct dbx_explanation e;

		explain(&q, &e);
		if (e.verdict != c->verdict || e.reason != c->reason)
			fail_msg("%s: %s %s", c->dst, dbx_verdict_name(e.verdict),
				 dbx_reason_slug(e.reason));
		if (c->path != NUM_PATH_ANY)
			assert_int_equal(e.path, c->path);
		s = step(&e, c->decisive);
		if (c->ptr && strcmp(s->ptr, c->ptr) != 0)
			fail_msg("%s: step %s points to %s", c->dst, s->name, s->ptr);
		if (c->advice[0] ? !strstr(e.advice, c->advice) : e.advice[0] != '\0')
			fail_msg("%s: advice \"%s\"", c->dst, e.advice);
		assert_int_equal(has_step(&e, "path"), e.path != DBX_PATH_NONE);
		dbx_explanation_fini(&e);
	}
}

static void test_steps_name_what_contains(void **state)
{
	struct dbx_explain_query q = query(1001, "203.0.113.5", TCP, 443);
	struct dbx_explanation e;

	(void)state;
	explain(&q, &e);
	assert_string_equal(step(&e, "implicit")->text,
			    "platform_sets \"control-plane\" contains it, by prefix "
			    "203.0.113.0/24, for tcp 443");
	dbx_explanation_fini(&e);
	q.port = 80;
	explain(&q, &e);
	assert_string_equal(step(&e, "implicit")->text,
			    "platform_sets \"control-plane\" contains it, by prefix "
			    "203.0.113.0/24, but not for tcp 80");
	dbx_explanation_fini(&e);
	q = query(1001, "20.60.0.9", TCP, 443);
	explain(&q, &e);
	assert_int_equal(e.reason, DBX_REASON_LISTED_TAG);
	assert_int_equal(e.path, DBX_PATH_SERVICE_ENDPOINT);
	assert_non_null(strstr(step(&e, "listed")->text, " of service tag Storage (Public 12, "));
	assert_int_equal(e.n_tags, 2);
	assert_string_equal(e.tags[1], "Storage.EastUS2");
	dbx_explanation_fini(&e);
}

static bool decides(const struct dbx_explain_step *s)
{
	return strcmp(s->result, "allow") == 0 || strcmp(s->result, "deny") == 0 ||
	       strcmp(s->result, "dry-run") == 0;
}

/* One step decides, it is the last but the path and what is added, and it says what the verdict says. */
static void check_consistent(const struct dbx_explanation *e)
{
	static const char *const want[] = {
		[DBX_VERDICT_DROP] = "deny",
		[DBX_VERDICT_PASS] = "allow",
		[DBX_VERDICT_DRY_RUN] = "dry-run",
	};
	size_t n = e->n_steps, n_deciding = 0;

	while (n && !strcmp(e->steps[n - 1].result, "info"))
		n--;
	n -= e->path != DBX_PATH_NONE;

	for (size_t i = 0; i < n; i++)
		n_deciding += decides(&e->steps[i]);
	if (n_deciding != 1 || strcmp(e->steps[n - 1].result, want[e->verdict]) != 0)
		fail_msg("%" PRId64 " -> %s %u: %s %s, last step %s %s, %zu deciding",
			 e->workspace_id, e->dst, e->port, dbx_verdict_name(e->verdict),
			 dbx_reason_slug(e->reason), e->steps[n - 1].name, e->steps[n - 1].result,
			 n_deciding);
	assert_int_equal(e->advice[0] == '\0', e->verdict == DBX_VERDICT_PASS);
}

static void test_steps_tell_the_verdict(void **state)
{
	static const char *const dsts[] = {
		"203.0.113.5",   "198.18.0.9",    "198.18.1.9",    "198.51.100.7",
		"198.51.100.66", "198.51.100.67", "198.51.100.68", "198.51.101.1",
		"192.0.2.53",    "192.0.2.60",    "192.0.2.63",    "20.80.0.1",
		"100.64.3.4",    "10.9.0.4",      "10.9.0.5",      "10.9.0.7",
		"10.9.0.8",      "10.9.0.9",      "10.9.0.10",     "10.9.0.12",
		"10.9.1.4",      "10.66.0.1",     "10.66.1.5",     "10.66.1.200",
		"10.66.33.1",    "127.0.0.1",     "224.0.0.1",     "255.255.255.255",
		"8.8.8.8",       "168.63.129.16", "203.0.113.123", "198.51.102.9",
	};
	static const uint8_t protos[] = {TCP, UDP, 1, 132, 47};
	static const uint16_t ports[] = {0, 25, 53, 443, 1433, 2048, 2905, 8450};
	size_t n_asked = 0;

	(void)state;
	for (int64_t ws = 1001; ws <= 1011; ws++) {
		for (size_t i = 0; i < sizeof(dsts) / sizeof(dsts[0]); i++) {
			for (size_t k = 0; k < sizeof(protos) * 8; k++) {
				struct dbx_explain_query q =
					query(ws, dsts[i], protos[k / 8], ports[k % 8]);
				struct dbx_explanation e;

				explain(&q, &e);
				check_consistent(&e);
				dbx_explanation_fini(&e);
				n_asked++;
			}
		}
	}
	assert_int_equal(n_asked, 11 * 32 * 40);
}

static void test_allowed_name_without_a_resolver(void **state)
{
	struct dbx_explain_query q = query(1001, "API.contoso.example.", TCP, 443);
	struct dbx_explanation e;

	(void)state;
	explain(&q, &e);
	assert_int_equal(e.verdict, DBX_VERDICT_DROP);
	assert_int_equal(e.reason, DBX_REASON_NAME_NOT_LEARNED);
	assert_string_equal(e.policy, "np-restricted");
	assert_string_equal(e.dst, "api.contoso.example");
	assert_string_equal(e.rule, "name api.contoso.example");
	assert_string_equal(e.rule_doc, "np-restricted.json");
	assert_string_equal(e.rule_ptr, "/egress/network_access/allowed_internet_destinations/3");
	assert_string_equal(step(&e, "listed")->result, "match");
	assert_string_equal(step(&e, "default")->result, "deny");
	assert_non_null(strstr(step(&e, "default")->text, "no dns object"));
	assert_non_null(strstr(e.advice, "add a dns object"));
	assert_false(e.has_dns);
	dbx_explanation_fini(&e);
}

static void test_unlisted_name(void **state)
{
	struct dbx_explain_query q = query(1001, "elsewhere.example.com", TCP, 443);
	struct dbx_explanation e;

	(void)state;
	explain(&q, &e);
	assert_int_equal(e.verdict, DBX_VERDICT_DROP);
	assert_string_equal(step(&e, "listed")->result, "no match");
	assert_string_equal(e.rule, "");
	assert_non_null(strstr(e.advice, "{\"destination\": \"elsewhere.example.com\""));
	dbx_explanation_fini(&e);
	/* of a policy without any name the reason is the plain one */
	q.workspace_id = 1008;
	explain(&q, &e);
	assert_int_equal(e.reason, DBX_REASON_NO_MATCH);
	dbx_explanation_fini(&e);
}

/* A small world of its own: a storage destination without a private endpoint, and sets by name. */
static void small_world(struct vec_world *w)
{
	static const char gateway[] =
		"{\"gateway\": {\"workspaces\": [{\"workspace_id\": 1, \"sources\": [{\"prefix\": "
		"\"10.1.0.0/16\"}]}], \"platform_sets\": [{\"label\": \"updates\", \"names\": "
		"[\"*.update.example.com\"], \"protocol\": \"tcp\", \"ports\": [443]}], "
		"\"blocked_destinations\": [{\"label\": \"bad\", \"names\": "
		"[\"bad.example.net\"]}]}}";
	static const char policy[] =
		"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": "
		"{\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_storage_destinations\": "
		"[{\"storage_destination_type\": \"AWS_S3\", \"bucket_name\": \"drop\", "
		"\"region\": \"us-east-1\"}]}}}";

	assert_int_equal(vec_world_init(w), 0);
	assert_int_equal(vec_world_add(w, "gw.json", gateway, strlen(gateway)), 0);
	assert_int_equal(vec_world_add(w, "np.json", policy, strlen(policy)), 0);
	assert_int_equal(vec_world_build(w), 0);
}

static void explain_in(const struct vec_world *w, const struct dbx_explain_query *q,
		       struct dbx_explanation *e)
{
	struct dbx_diag d;

	dbx_diag_init(&d);
	assert_int_equal(dbx_explain(w->m, &w->img, q, e, &d), 0);
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
}

static void test_names_of_lists(void **state)
{
	struct dbx_explain_query q = query(1, "drop.s3.us-east-1.amazonaws.com", TCP, 443);
	struct dbx_explanation e;
	struct vec_world w;

	(void)state;
	small_world(&w);
	explain_in(&w, &q, &e);
	assert_int_equal(e.reason, DBX_REASON_NAME_NOT_LEARNED);
	assert_string_equal(step(&e, "listed")->result, "match");
	assert_string_equal(e.rule_ptr, "/egress/network_access/allowed_storage_destinations/0");
	dbx_explanation_fini(&e);

	q.dst = "a.update.example.com";
	explain_in(&w, &q, &e);
	assert_string_equal(step(&e, "implicit")->result, "match");
	assert_string_equal(e.rule_ptr, "/gateway/platform_sets/0");
	assert_string_equal(e.tags[0], "updates");
	dbx_explanation_fini(&e);

	q.port = 80;
	explain_in(&w, &q, &e);
	assert_string_equal(step(&e, "implicit")->result, "no match");
	assert_non_null(strstr(step(&e, "implicit")->text, "not for this protocol and port"));
	dbx_explanation_fini(&e);

	q.dst = "bad.example.net";
	explain_in(&w, &q, &e);
	assert_string_equal(step(&e, "blocked")->result, "match");
	assert_string_equal(step(&e, "blocked")->ptr, "/gateway/blocked_destinations/0");
	assert_int_equal(e.verdict, DBX_VERDICT_DROP);
	dbx_explanation_fini(&e);
	vec_world_fini(&w);
}

static void test_name_of_a_private_endpoint(void **state)
{
	struct dbx_explain_query q = query(1001, "contosolake.dfs.core.windows.net", TCP, 443);
	struct dbx_explanation e;

	(void)state;
	explain(&q, &e);
	assert_int_equal(e.verdict, DBX_VERDICT_PASS);
	assert_int_equal(e.reason, DBX_REASON_PRIVATE_ENDPOINT);
	assert_int_equal(e.path, DBX_PATH_PRIVATE_ENDPOINT);
	assert_non_null(strstr(step(&e, "private-endpoint")->text, "10.9.0.4"));
	assert_int_equal(e.n_tags, 1);
	assert_string_equal(e.tags[0], "pe-dfs");
	dbx_explanation_fini(&e);
}

static void test_name_with_full_access(void **state)
{
	struct dbx_explain_query q = query(1004, "anything.example.com", TCP, 443);
	struct dbx_explanation e;

	(void)state;
	explain(&q, &e);
	assert_int_equal(e.verdict, DBX_VERDICT_PASS);
	assert_int_equal(e.reason, DBX_REASON_FULL_ACCESS);
	assert_string_equal(step(&e, "mode")->result, "allow");
	dbx_explanation_fini(&e);
}

static void test_product_chooses_the_source(void **state)
{
	struct dbx_explain_query q = query(1003, "8.8.8.8", TCP, 443);
	struct dbx_explanation e;
	struct dbx_diag d;

	(void)state;
	q.product = DBX_PRODUCT_ML_SERVING;
	explain(&q, &e);
	assert_string_equal(e.src, "10.66.3.64");
	dbx_explanation_fini(&e);
	q.product = DBX_PRODUCT_GENERAL_COMPUTE;
	explain(&q, &e);
	assert_string_equal(e.src, "10.66.3.128");
	assert_int_equal(e.verdict, DBX_VERDICT_DROP);
	dbx_explanation_fini(&e);
	q.product = DBX_PRODUCT_APPS;
	dbx_diag_init(&d);
	assert_int_equal(dbx_explain(world.m, &world.img, &q, &e, &d), -EINVAL);
	assert_string_equal(d.v[0].code, "no-source-of-product");
	dbx_diag_fini(&d);
}

/* A source that is given: its own domain, nobody's, or another workspace's. */
static void test_given_source(void **state)
{
	struct dbx_explain_query q = query(1001, "203.0.113.5", TCP, 443);
	struct dbx_explanation e;
	struct dbx_diag d;

	(void)state;
	q.has_src = true;
	assert_int_equal(dbx_addr_parse("10.66.30.7", &q.src), 0); /* on VLAN 100 */
	explain(&q, &e);
	assert_string_equal(e.src, "10.66.30.7");
	assert_string_equal(step(&e, "source")->ptr, "/gateway/workspaces/0/sources/6");
	dbx_explanation_fini(&e);
	assert_int_equal(dbx_addr_parse("172.16.0.1", &q.src), 0);
	explain(&q, &e);
	assert_int_equal(e.reason, DBX_REASON_UNKNOWN_SOURCE);
	assert_string_equal(step(&e, "source")->result, "deny");
	assert_int_equal(e.n_steps, 1);
	assert_non_null(strstr(e.advice, "\"172.16.0.1/32\""));
	dbx_explanation_fini(&e);
	/* inside 10.66.1.0/24, but a longer prefix is workspace 1007's */
	assert_int_equal(dbx_addr_parse("10.66.1.130", &q.src), 0);
	dbx_diag_init(&d);
	assert_int_equal(dbx_explain(world.m, &world.img, &q, &e, &d), -EINVAL);
	assert_non_null(strstr(d.v[0].text, "another workspace"));
	dbx_diag_fini(&d);
}

static void test_bad_queries(void **state)
{
	static const struct {
		int64_t workspace;
		const char *dst, *code;
	} bad[] = {
		{1, "8.8.8.8", "unknown-workspace"}, {1001, "", "bad-query"},
		{1001, "10.0.0.0/8", "bad-query"},   {1001, "https://x.example.com", "bad-query"},
		{1001, "localhost", "bad-query"},    {1005, "2001:db8::1", "no-source"},
	};
	struct dbx_explanation e;
	struct dbx_diag d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dbx_explain_query q = query(bad[i].workspace, bad[i].dst, TCP, 443);

		dbx_diag_init(&d);
		assert_int_equal(dbx_explain(world.m, &world.img, &q, &e, &d), -EINVAL);
		assert_int_equal(d.n, 1);
		assert_string_equal(d.v[0].code, bad[i].code);
		dbx_diag_fini(&d);
	}
}

/* Another image than that of the documents: the verdict is the image's, and the difference told. */
static void test_disagreement_is_told(void **state)
{
	struct dbx_explain_query q = query(1001, "198.51.100.7", TCP, 443);
	struct dbx_explanation e;
	struct vec_world other;
	struct dbx_diag d;

	(void)state;
	assert_int_equal(vec_world_load(&other, "tests/vectors/policy"), 0);
	dbx_model_free(&other.m);
	other.m = dbx_model_new();
	dbx_diag_init(&d);
	/* the same documents, but with the policy of the workspace in another mode */
	for (size_t i = 0; i < world.m->n_policies; i++) {
		if (strcmp(world.m->policies[i].id, "np-restricted") == 0)
			world.m->policies[i].mode = DBX_MODE_UNSPECIFIED;
	}
	assert_int_equal(dbx_explain(world.m, &other.img, &q, &e, &d), 0);
	for (size_t i = 0; i < world.m->n_policies; i++) {
		if (strcmp(world.m->policies[i].id, "np-restricted") == 0)
			world.m->policies[i].mode = DBX_MODE_RESTRICTED_ACCESS;
	}
	assert_int_equal(e.verdict, DBX_VERDICT_PASS);
	assert_int_equal(d.n, 1);
	assert_string_equal(d.v[0].code, "disagreement");
	dbx_explanation_fini(&e);
	dbx_diag_fini(&d);
	vec_world_fini(&other);
}

static void test_json(void **state)
{
	static const char *const strings[] = {"verdict", "reason",   "reason_text", "policy",
					      "rule",    "rule_doc", "rule_ptr",    "path",
					      "src",     "dst",      "protocol",    "advice"};
	struct dbx_explain_query q = query(1001, "203.0.113.5", TCP, 443);
	struct dbx_explanation e;
	json_t *j, *s;
	char *text;

	(void)state;
	explain(&q, &e);
	text = dbx_explanation_json(&e);
	j = json_loads(text, 0, NULL);
	assert_non_null(j);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		assert_true(json_is_string(json_object_get(j, strings[i])));
	assert_string_equal(json_string_value(json_object_get(j, "verdict")), "PASS");
	assert_string_equal(json_string_value(json_object_get(j, "protocol")), "tcp");
	assert_int_equal(json_integer_value(json_object_get(j, "port")), 443);
	assert_int_equal(json_integer_value(json_object_get(j, "workspace_id")), 1001);
	assert_int_equal(json_integer_value(json_object_get(j, "generation")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(j, "tags"), 0)),
			    "control-plane");
	s = json_array_get(json_object_get(j, "steps"), 0);
	assert_string_equal(json_string_value(json_object_get(s, "name")), "source");
	assert_true(ends_with(json_string_value(json_object_get(s, "doc")), "gateway.json"));
	json_decref(j);
	free(text);
	dbx_explanation_fini(&e);
}

static void test_text(void **state)
{
	struct dbx_explain_query q = query(1001, "203.0.113.5", TCP, 80);
	struct dbx_explanation e;
	char *text;

	(void)state;
	explain(&q, &e);
	text = dbx_explanation_text(&e);
	assert_non_null(strstr(text, "DROP  port-not-listed: "));
	assert_non_null(strstr(text, "packet     10.66.1.0 -> 203.0.113.5 tcp 80\n"));
	assert_non_null(strstr(text, "policy     np-restricted\n"));
	assert_non_null(strstr(text, "to allow it: add "));
	free(text);
	dbx_explanation_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_steps_name_what_contains),
		cmocka_unit_test(test_steps_tell_the_verdict),
		cmocka_unit_test(test_allowed_name_without_a_resolver),
		cmocka_unit_test(test_unlisted_name),
		cmocka_unit_test(test_names_of_lists),
		cmocka_unit_test(test_name_of_a_private_endpoint),
		cmocka_unit_test(test_name_with_full_access),
		cmocka_unit_test(test_product_chooses_the_source),
		cmocka_unit_test(test_given_source),
		cmocka_unit_test(test_bad_queries),
		cmocka_unit_test(test_disagreement_is_told),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
