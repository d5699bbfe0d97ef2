// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_explain_private.c -- names of private endpoints through the resolver: the private answer, the
 * refusal while a rule waits, and the public addresses at which such a name is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/vec_world.h"
#include "dbx/image.h"
#include "policy/explain.h"

#define TCP            6
#define UDP            17
#define NOW_MS         INT64_C(1786528800000) /* 2026-08-12 10:00 UTC */
#define RES            "'resource_id':'/subscriptions/s/resourceGroups/g/providers/Microsoft."
#define RULE(id, more) "{'rule_id':'" id "','network_connectivity_config_id':'ncc'," more "}"
#define PLS(id, name, more) \
	RULE(id, RES "Network/privateLinkServices/" id "','domain_names':['" name "']," more)
#define OPEN           "'restriction_mode':'FULL_ACCESS'"
#define NARROW         "'restriction_mode':'RESTRICTED_ACCESS','allowed_internet_destinations':["
#define NP(id, access) "{'network_policy_id':'" id "','egress':{'network_access':{" access "}}}"
#define BIND(ws, np)                                                                    \
	"{'workspace_id':" ws ",'workspace_network_option':{'workspace_id':" ws         \
	",'network_policy_id':'" np "'},'workspace':{'network_connectivity_config_id':" \
	"'ncc'}}"

/* Workspace 1 restricts, 2 has FULL_ACCESS, 3 is in dry-run and lists nothing, 4 is in a tunnel. */
static const char *const docs[] = {
	"{'gateway':{'dns':{'upstreams':['192.0.2.53']},"
	"'names':{'unverified_ports':[{'protocol':'tcp','ports':[22]}],'quic':'inspect'},"
	"'workspaces':["
	"{'workspace_id':1,'sources':[{'prefix':'10.1.0.0/24'}]},"
	"{'workspace_id':2,'sources':[{'prefix':'10.2.0.0/24'}]},"
	"{'workspace_id':3,'sources':[{'prefix':'10.3.0.0/24'}]},"
	"{'workspace_id':4,'sources':[{'prefix':'10.4.0.0/24','vni':7}]},"
	"{'workspace_id':5,'sources':[{'prefix':'fd00:5::/64'}]}],"
	"'tunnels':[{'type':'vxlan','remotes':['192.0.2.0/28']}],"
	"'paths':[{'path':'private_endpoint','interface':'up3'}],"
	"'reject':{'per_second':50},"
	"'private_endpoints':[{'rule_id':'pe-lake','addresses':['10.9.0.4']},"
	"{'rule_id':'pe-wait','addresses':['10.9.0.5']},"
	"{'rule_id':'pe-open','addresses':['10.9.0.6'],'private_required':false}]}}",
	"{'network_connectivity_config_id':'ncc','name':'ncc','region':'eastus2',"
	"'egress_config':{'target_rules':{'azure_private_endpoint_rules':[" RULE(
		"pe-lake", RES
		"Storage/storageAccounts/lake','group_id':'dfs',"
		"'connection_state':'ESTABLISHED'") "," PLS("pe-wait", "wait.example.net",
							    "'connection_state':'PENDING','creation_time':1785578400000,"
							    "'updated_time':1785582000000") "," PLS("pe-open",
												    "open.example.net",
												    "'connection_state':'PENDING'") "]}}}",
	NP("np",
	   NARROW "{'destination':'*.example.net','internet_destination_type':'DNS_NAME'},"
		  "{'destination':'198.51.100.0/24','internet_destination_type':'IP_RANGE'}],"
		  "'allowed_storage_destinations':[{'storage_destination_type':'AZURE_STORAGE',"
		  "'azure_storage_account':'lake','azure_storage_service':'dfs'}]"),
	NP("np-full", OPEN),
	NP("np-dry", NARROW "],'policy_enforcement':{'enforcement_mode':'DRY_RUN'}"),
	BIND("1", "np"),
	BIND("2", "np-full"),
	BIND("3", "np-dry"),
	BIND("4", "np"),
	BIND("5", "np"),
};

static struct vec_world world;

static int setup(void **state)
{
	char json[8192], name[32];

	(void)state;
	if (vec_world_init(&world))
		return -1;
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
		size_t n = (size_t)snprintf(json, sizeof(json), "%s", docs[i]);

		for (size_t k = 0; k < n; k++)
			json[k] = json[k] == '\'' ? '"' : json[k];
		snprintf(name, sizeof(name), "%zu.json", i);
		if (vec_world_add(&world, name, json, n))
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

#define LAKE  "lake.dfs.core.windows.net"
#define ALIAS "lake.privatelink.dfs.core.windows.net"

/* The public addresses of two resources; the first is shared with a name that is allowed. */
static struct dbx_explain_learned learned[] = {
	{.name = (char[]){LAKE}, .is_guard = true},
	{.name = (char[]){"a.example.net"}, .expires_in_s = 30},
	{.name = (char[]){"wait.example.net"}, .is_guard = true},
};
static const char *const at[] = {"203.0.113.1", "203.0.113.1", "198.51.100.9"};

struct case_of {
	int64_t workspace;
	const char *dst, *name;
	uint8_t proto;
	uint16_t port;
	char live; /* 'o' offline, 'l' live */
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	const char *steps;  /* the last of them, "name:result ..." */
	const char *has;    /* in the text of some step */
	const char *rule;   /* "" = none */
	const char *advice; /* part of it, "" = none */
};

static void explain(const struct case_of *c, struct dbx_explanation *e)
{
	struct dbx_explain_query q = {.workspace_id = c->workspace,
				      .dst = c->dst,
				      .name = c->name,
				      .proto = c->proto,
				      .port = c->port,
				      .product = -1,
				      .now_ms = NOW_MS};
	struct dbx_diag d;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(dbx_addr_parse(at[i], &learned[i].addr), 0);
	q.is_live = c->live == 'l';
	q.learned = learned;
	q.n_learned = q.is_live ? 3 : 0;
	dbx_diag_init(&d);
	if (dbx_explain(world.m, &world.img, &q, e, &d) || d.n)
		fail_msg("%s: %s", c->dst, d.n ? d.v[0].text : "?");
	dbx_diag_fini(&d);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && !strcmp(s + n - k, end);
}

static void check(const struct case_of *c)
{
	struct dbx_explanation e;
	char steps[512] = "";
	size_t n_deciding = 0;
	bool has = false;

	explain(c, &e);
	for (size_t i = 0; i < e.n_steps; i++) {
		const struct dbx_explain_step *s = &e.steps[i];

		snprintf(steps + strlen(steps), sizeof(steps) - strlen(steps), " %s:%s", s->name,
			 s->result);
		has = has || strstr(s->text, c->has);
		n_deciding += !strcmp(s->result, "allow") || !strcmp(s->result, "deny") ||
			      !strcmp(s->result, "dry-run");
	}
	if (e.verdict != c->verdict || e.reason != c->reason || !ends_with(steps, c->steps) ||
	    !has || n_deciding != 1 || strcmp(e.rule, c->rule) ||
	    (c->advice[0] ? !strstr(e.advice, c->advice) : e.advice[0] != '\0')) {
		for (size_t i = 0; i < e.n_steps; i++)
			fprintf(stderr, "  %s: %s: %s\n", e.steps[i].name, e.steps[i].result,
				e.steps[i].text);
		fail_msg("%" PRId64 " %s %s %u (%c): %s %s,%s, rule %s, advice \"%s\"",
			 c->workspace, c->dst, c->name ? c->name : "", c->port, c->live,
			 dbx_verdict_name(e.verdict), dbx_reason_slug(e.reason), steps, e.rule,
			 e.advice);
	}
	dbx_explanation_fini(&e);
}

#define CHECK(cases)                                                       \
	for (size_t i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++) \
	check(&(cases)[i_])

#define PASS  DBX_VERDICT_PASS
#define DROP  DBX_VERDICT_DROP
#define DRY   DBX_VERDICT_DRY_RUN
#define PE    "private endpoint rule pe-lake"
#define ENTRY "allowed storage destination AZURE_STORAGE lake dfs"

static void test_private_answer(void **state)
{
	static const struct case_of cases[] = {
		{1, LAKE, NULL, TCP, 443, 'o', PASS, DBX_REASON_PRIVATE_ENDPOINT,
		 "dns:match private-endpoint:allow path:private-endpoint",
		 "answers with the private address 10.9.0.4 (alias " ALIAS ")", ENTRY, ""},
		{1, LAKE, NULL, TCP, 443, 'l', PASS, DBX_REASON_PRIVATE_ENDPOINT,
		 "dns:match private-endpoint:allow path:private-endpoint",
		 "10.9.0.4 is the address of " PE " (ESTABLISHED)", ENTRY, ""},
		{1, ALIAS, NULL, TCP, 443, 'o', PASS, DBX_REASON_PRIVATE_ENDPOINT,
		 "dns:match private-endpoint:allow path:private-endpoint",
		 "answers with the private address 10.9.0.4, by", ENTRY, ""},
		{2, LAKE, NULL, UDP, 9000, 'o', PASS, DBX_REASON_FULL_ACCESS,
		 "dns:match private-endpoint:allow path:private-endpoint", "mark 0x0db6",
		 "network policy np-full (FULL_ACCESS)", ""},
		{3, LAKE, NULL, TCP, 443, 'o', DRY, DBX_REASON_PRIVATE_ENDPOINT_NAME,
		 "dns:continue private-endpoint:dry-run path:private-endpoint",
		 "dns-denied: the policy does not allow this name; the resolver answers with the "
		 "private address 10.9.0.4",
		 PE, "{\"destination\": \"" LAKE "\""},
		{5, LAKE, NULL, TCP, 443, 'o', DROP, DBX_REASON_NAME_NOT_LEARNED,
		 "dns:match address:deny reject:info", "none of them IPv6", "",
		 "add an IPv6 address to rule pe-lake in private_endpoints"},
		{4, LAKE, NULL, TCP, 443, 'o', DROP, DBX_REASON_TUNNEL_NAME,
		 "mode:continue dns:deny", "inside a tunnel", "", "neither resolved nor checked"},
		{4, "10.9.0.4", NULL, TCP, 53, 'o', DROP, DBX_REASON_TUNNEL_NAME,
		 "source:match dns:deny", "inside a tunnel", "", "neither resolved nor checked"},
	};

	(void)state;
	CHECK(cases);
}

#define WAIT "private endpoint rule pe-wait"

static void test_inactive(void **state)
{
	static const struct case_of cases[] = {
		{1, "wait.example.net", NULL, TCP, 443, 'o', DROP,
		 DBX_REASON_PRIVATE_ENDPOINT_INACTIVE, "mode:continue dns:deny",
		 "rule pe-wait is PENDING since 2026-08-01 11:00 UTC, 3 of 14 days left", WAIT,
		 "approve " WAIT},
		{2, "wait.example.net", NULL, TCP, 443, 'l', DROP,
		 DBX_REASON_PRIVATE_ENDPOINT_INACTIVE, "mode:continue dns:deny", "NXDOMAIN", WAIT,
		 "\"private_required\": false for rule pe-wait"},
		{3, "wait.example.net", NULL, TCP, 443, 'o', DROP,
		 DBX_REASON_PRIVATE_ENDPOINT_INACTIVE, "mode:continue dns:deny", "NXDOMAIN", WAIT,
		 "approve"},
		/* not required: as if the rule were not there */
		{1, "open.example.net", NULL, TCP, 443, 'o', PASS, DBX_REASON_LISTED_NAME,
		 "dns:match address:continue tls:allow path:nat", "would be learned",
		 "allowed name *.example.net", ""},
	};

	(void)state;
	CHECK(cases);
}

static void test_public_addresses(void **state)
{
	static const struct case_of cases[] = {
		{1, "203.0.113.1", LAKE, TCP, 443, 'l', DROP, DBX_REASON_PRIVATE_REQUIRED,
		 "default:continue dns:match address:match tls:deny",
		 LAKE " (refused here), a.example.net (30 s)", PE, "look up " LAKE},
		{1, "203.0.113.1", "a.example.net", TCP, 443, 'l', PASS, DBX_REASON_LISTED_NAME,
		 "dns:match address:match tls:allow path:nat", "as here",
		 "allowed name *.example.net", ""},
		{1, "a.example.net", LAKE, TCP, 80, 'l', DROP, DBX_REASON_PRIVATE_REQUIRED,
		 "address:match http:deny", "must not be " LAKE, PE, "look up"},
		{1, "203.0.113.1", NULL, TCP, 22, 'l', DROP, DBX_REASON_PRIVATE_REQUIRED,
		 "address:match port:deny reject:info", "unverified_ports has it", PE, "look up"},
		{1, "203.0.113.1", LAKE, UDP, 443, 'l', DROP, DBX_REASON_PRIVATE_REQUIRED,
		 "address:match quic:deny", "must not name " LAKE, PE, "look up"},
		/* an address that is listed: looked at only because it is guarded */
		{1, "198.51.100.9", "wait.example.net", TCP, 443, 'l', DROP,
		 DBX_REASON_PRIVATE_REQUIRED, "listed:continue dns:no match address:match tls:deny",
		 "must not name wait.example.net", WAIT, "approve " WAIT},
		{1, "198.51.100.9", LAKE, TCP, 443, 'l', PASS, DBX_REASON_LISTED_PREFIX,
		 "listed:allow path:nat", LAKE " is not what is refused at this address",
		 "allowed address range 198.51.100.0/24", ""},
		{1, "198.51.100.9", NULL, TCP, 443, 'l', PASS, DBX_REASON_LISTED_PREFIX,
		 "listed:allow path:nat guard:info", "a public address of wait.example.net",
		 "allowed address range 198.51.100.0/24", ""},
		{1, "198.51.100.8", "wait.example.net", TCP, 443, 'l', PASS,
		 DBX_REASON_LISTED_PREFIX, "listed:allow path:nat", "is not looked at",
		 "allowed address range 198.51.100.0/24", ""},
		{2, "198.51.100.9", "wait.example.net", TCP, 443, 'l', DROP,
		 DBX_REASON_PRIVATE_REQUIRED, "address:match tls:deny", "must not name", WAIT,
		 "approve"},
		{2, "198.51.100.9", "wait.example.net", TCP, 22, 'l', PASS, DBX_REASON_FULL_ACCESS,
		 "mode:allow path:nat", "is not looked at", "network policy np-full (FULL_ACCESS)",
		 ""},
		/* offline: the address is taken for one of the name's, but not its private one */
		{2, "203.0.113.7", LAKE, TCP, 443, 'o', DROP, DBX_REASON_PRIVATE_REQUIRED,
		 "dns:match address:continue tls:deny",
		 "would be guarded, if it is a public address of " LAKE, PE, "look up " LAKE},
		{3, "203.0.113.7", LAKE, TCP, 443, 'o', DROP, DBX_REASON_PRIVATE_REQUIRED,
		 "address:continue tls:deny", "must not name " LAKE, PE, "look up"},
		{2, "10.9.0.4", LAKE, TCP, 443, 'o', PASS, DBX_REASON_FULL_ACCESS,
		 "private-endpoint:allow path:private-endpoint", "is not looked at",
		 "network policy np-full (FULL_ACCESS)", ""},
		{2, "203.0.113.7", NULL, TCP, 443, 'o', PASS, DBX_REASON_FULL_ACCESS,
		 "mode:allow path:nat guard:info", "rule pe-lake, for one",
		 "network policy np-full (FULL_ACCESS)", ""},
		{2, "203.0.113.7", "open.example.net", TCP, 443, 'o', PASS, DBX_REASON_FULL_ACCESS,
		 "mode:allow path:nat", "is not looked at", "network policy np-full (FULL_ACCESS)",
		 ""},
	};

	(void)state;
	CHECK(cases);
}

static const char *text_at(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "?";
}

static void test_json(void **state)
{
	const struct case_of c = {
		.workspace = 1, .dst = LAKE, .proto = TCP, .port = 443, .live = 'l'};
	struct dbx_explanation e;
	const json_t *dns, *guarded;
	json_t *j;
	char *text;

	(void)state;
	explain(&c, &e);
	assert_string_equal(e.via, "up3");
	assert_int_equal(e.mark & DBX_MARK_PATH_MASK, DBX_MARK_PATH);
	text = dbx_explanation_json(&e);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	dns = json_object_get(j, "dns");
	assert_string_equal(text_at(dns, "reason"), "private-endpoint");
	assert_string_equal(text_at(dns, "alias"), ALIAS);
	assert_int_equal(json_array_size(json_object_get(dns, "answer")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(dns, "answer"), 0)),
			    "10.9.0.4");
	assert_int_equal(json_array_size(json_object_get(j, "learned")), 1);
	guarded = json_object_get(j, "guarded");
	assert_int_equal(json_array_size(guarded), 2);
	assert_string_equal(text_at(json_array_get(guarded, 0), "name"), LAKE);
	assert_string_equal(text_at(json_array_get(guarded, 0), "address"), "203.0.113.1");
	json_decref(j);
	free(text);
	dbx_explanation_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private_answer),
		cmocka_unit_test(test_inactive),
		cmocka_unit_test(test_public_addresses),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
