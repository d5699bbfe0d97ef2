// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_explain_flow.c -- names through DNS, address and hello: each verdict with the steps that lead to it,
 * offline and with what a daemon has learned.
 */
#include <errno.h>
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

#define TCP 6
#define UDP 17

/* Workspace 1 restricts, 2 is in dry-run, 3 has FULL_ACCESS, 4 has no policy. JSON with ' for ". */
static const char gateway[] =
	"{'gateway':{'workspaces':["
	"{'workspace_id':1,'sources':[{'prefix':'10.1.0.0/24'},{'prefix':'fd00:1::/64'}]},"
	"{'workspace_id':2,'sources':[{'prefix':'10.2.0.0/24'}]},"
	"{'workspace_id':3,'sources':[{'prefix':'10.3.0.0/24'}]},"
	"{'workspace_id':4,'sources':[{'prefix':'10.4.0.0/24'}]}],"
	"'dns':{'upstreams':['192.0.2.53']},"
	"'names':{'unverified_ports':[{'protocol':'tcp','ports':[22]}]%s},"
	"'platform_sets':[{'label':'control','prefixes':['203.0.113.0/28'],"
	"'names':['*.update.example.com']}],"
	"'blocked_destinations':[{'label':'bad','prefixes':['203.0.113.66/32'],"
	"'names':['*.bad.example.net']}]}}";
static const char *const docs[] = {
	"{'network_policy_id':'np','egress':{'network_access':{'restriction_mode':"
	"'RESTRICTED_ACCESS','allowed_internet_destinations':["
	"{'destination':'api.example.com','internet_destination_type':'DNS_NAME'},"
	"{'destination':'*.example.org','internet_destination_type':'DNS_NAME'}],"
	"'allowed_storage_destinations':[{'storage_destination_type':'AZURE_STORAGE',"
	"'azure_storage_account':'contosolake','azure_storage_service':'dfs'}]}}}",
	"{'network_policy_id':'np-dry','egress':{'network_access':{'restriction_mode':"
	"'RESTRICTED_ACCESS','allowed_internet_destinations':["
	"{'destination':'api.example.com','internet_destination_type':'DNS_NAME'}],"
	"'policy_enforcement':{'enforcement_mode':'DRY_RUN'}}}}",
	("{'network_policy_id':'np-full','egress':{'network_access':{"
	 "'restriction_mode':'FULL_ACCESS'}}}"),
	"{'workspace_id':1,'network_policy_id':'np'}",
	"{'workspace_id':2,'network_policy_id':'np-dry'}",
	"{'workspace_id':3,'network_policy_id':'np-full'}",
};

static struct vec_world world;

static void add(const char *name, const char *text)
{
	char json[4096];
	size_t n = (size_t)snprintf(json, sizeof(json), "%s", text);

	for (size_t i = 0; i < n; i++)
		json[i] = json[i] == '\'' ? '"' : json[i];
	if (!vec_world_add(&world, name, json, n))
		return;
	vec_findings_print(&world.diag);
	fail_msg("%s", text);
}

/* names: more members of the gateway document's "names". */
static void begin(const char *names)
{
	char text[4096], name[32];

	assert_int_equal(vec_world_init(&world), 0);
	snprintf(text, sizeof(text), gateway, names);
	add("gw.json", text);
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
		snprintf(name, sizeof(name), "%zu.json", i);
		add(name, docs[i]);
	}
	if (vec_world_build(&world)) {
		vec_findings_print(&world.diag);
		fail();
	}
}

static int setup(void **state)
{
	(void)state;
	begin("");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vec_world_fini(&world);
	return 0;
}

/* What the daemon knows: two names at one address, names at others. */
#define LEARNED_MAX 8
static struct dbx_explain_learned learned[LEARNED_MAX];
static size_t n_learned;

static void learn(const char *name, const char *addr, uint64_t seconds)
{
	struct dbx_explain_learned *l = &learned[n_learned++];

	assert_true(n_learned <= LEARNED_MAX);
	l->name = (char *)(uintptr_t)name; /* only read */
	assert_int_equal(dbx_addr_parse(addr, &l->addr), 0);
	l->expires_in_s = seconds;
}

static void learn_some(void)
{
	n_learned = 0;
	learn("api.example.com", "203.0.113.100", 55);
	learn("api.example.com", "2001:db8::100", 55);
	learn("a.example.org", "203.0.113.100", 7);
	learn("b.example.org", "203.0.113.101", 9);
	learn("c.example.org", "203.0.113.66", 9); /* a blocked address */
	learn("d.example.org", "203.0.113.5", 9);  /* a listed one */
	learn("e.example.org", "10.2.0.9", 9);     /* another workspace's */
}

struct case_of {
	int64_t workspace;
	const char *dst, *name;
	uint8_t proto;
	uint16_t port;
	char live; /* 'o' offline, 'l' live */
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	const char *steps; /* "name:result ...", after source */
	const char *ptr;   /* of the rule, "" = none */
	const char *has;   /* in the text of some step; NULL = any */
	const char *advice;
};

static void explain(const struct case_of *c, struct dbx_explanation *e)
{
	struct dbx_explain_query q = {.workspace_id = c->workspace,
				      .dst = c->dst,
				      .name = c->name,
				      .proto = c->proto,
				      .port = c->port,
				      .product = -1};
	struct dbx_diag d;

	if (c->live == 'l') {
		q.is_live = true;
		q.learned = learned;
		q.n_learned = n_learned;
	}
	dbx_diag_init(&d);
	if (dbx_explain(world.m, &world.img, &q, e, &d) || d.n)
		fail_msg("%s %s: %s", c->dst, c->name ? c->name : "", d.n ? d.v[0].text : "?");
	dbx_diag_fini(&d);
}

static void check(const struct case_of *c)
{
	struct dbx_explanation e;
	char steps[512] = "";
	bool has = !c->has;
	size_t n_deciding = 0;

	explain(c, &e);
	for (size_t i = 1; i < e.n_steps; i++) {
		const struct dbx_explain_step *s = &e.steps[i];

		snprintf(steps + strlen(steps), sizeof(steps) - strlen(steps), "%s%s:%s",
			 i > 1 ? " " : "", s->name, s->result);
		has = has || strstr(s->text, c->has);
		n_deciding += !strcmp(s->result, "allow") || !strcmp(s->result, "deny") ||
			      !strcmp(s->result, "dry-run");
	}
	if (e.verdict != c->verdict || e.reason != c->reason || strcmp(steps, c->steps) || !has ||
	    n_deciding != 1 || strcmp(e.rule_ptr, c->ptr) ||
	    (c->advice[0] ? !strstr(e.advice, c->advice) : e.advice[0] != '\0')) {
		for (size_t i = 0; i < e.n_steps; i++)
			fprintf(stderr, "  %s: %s: %s\n", e.steps[i].name, e.steps[i].result,
				e.steps[i].text);
		fail_msg("%s %s %u (%c): %s %s, %s, rule %s, advice \"%s\"", c->dst,
			 c->name ? c->name : "", c->port, c->live, dbx_verdict_name(e.verdict),
			 dbx_reason_slug(e.reason), steps, e.rule_ptr, e.advice);
	}
	assert_int_equal(e.path == DBX_PATH_NONE, e.verdict == DBX_VERDICT_DROP);
	dbx_explanation_fini(&e);
}

#define CHECK(cases)                                                       \
	for (size_t i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++) \
	check(&(cases)[i_])

#define LIST       "/egress/network_access/allowed_internet_destinations/"
#define PASS       DBX_VERDICT_PASS
#define DROP       DBX_VERDICT_DROP
#define DRY        DBX_VERDICT_DRY_RUN
#define NAME_STEPS "isolation:continue mode:continue dns:"

static void test_allowed_names(void **state)
{
	static const struct case_of cases[] = {
		{1, "API.example.com.", NULL, TCP, 443, 'l', PASS, DBX_REASON_LISTED_NAME,
		 NAME_STEPS "match address:match tls:allow path:nat", LIST "0",
		 "learned for api.example.com: 203.0.113.100 (55 s), 2001:db8::100 (55 s)", ""},
		{1, "api.example.com", NULL, TCP, 443, 'o', PASS, DBX_REASON_LISTED_NAME,
		 NAME_STEPS "match address:continue tls:allow path:nat", LIST "0",
		 "would be learned from the DNS answer", ""},
		{1, "z.example.org", NULL, TCP, 443, 'l', PASS, DBX_REASON_LISTED_NAME,
		 NAME_STEPS "match address:continue tls:allow path:nat", LIST "1",
		 "a lookup of z.example.org has to come first", ""},
		{1, "api.example.com", NULL, TCP, 80, 'l', PASS, DBX_REASON_LISTED_NAME,
		 NAME_STEPS "match address:match http:allow path:nat", LIST "0",
		 "the Host of its only request must be api.example.com", ""},
		{1, "a.update.example.com", NULL, TCP, 443, 'o', PASS, DBX_REASON_LISTED_NAME,
		 NAME_STEPS "match address:continue tls:allow path:nat", "/gateway/platform_sets/0",
		 "platform", ""},
		{1, "contosolake.dfs.core.windows.net", NULL, TCP, 443, 'o', PASS,
		 DBX_REASON_LISTED_NAME, NAME_STEPS "match address:continue tls:allow path:nat",
		 "/egress/network_access/allowed_storage_destinations/0", NULL, ""},
		{2, "api.example.com", NULL, TCP, 443, 'o', PASS, DBX_REASON_LISTED_NAME,
		 NAME_STEPS "match address:continue tls:allow path:nat", LIST "0", NULL, ""},
	};

	(void)state;
	learn_some();
	CHECK(cases);
}

static void test_other_ports(void **state)
{
	static const struct case_of cases[] = {
		{1, "api.example.com", NULL, TCP, 8443, 'l', DROP, DBX_REASON_NAME_PORT,
		 NAME_STEPS "match address:match port:deny", "", "tcp 8443 carries no name",
		 "add 8443 to tls_ports"},
		{1, "api.example.com", NULL, UDP, 9000, 'o', DROP, DBX_REASON_NAME_PORT,
		 NAME_STEPS "match address:continue port:deny", "", NULL,
		 "add {\"protocol\": \"udp\", \"ports\": [9000]} to unverified_ports"},
		{1, "api.example.com", NULL, TCP, 22, 'l', PASS, DBX_REASON_NAME_UNVERIFIED,
		 NAME_STEPS "match address:match port:allow path:nat", LIST "0",
		 "unverified_ports has tcp 22", ""},
		{1, "api.example.com", NULL, UDP, 443, 'l', DROP, DBX_REASON_QUIC_REFUSED,
		 NAME_STEPS "match address:match quic:deny", "", "fall back to TCP",
		 "\"quic\": \"inspect\""},
		{2, "api.example.com", NULL, UDP, 443, 'o', DRY, DBX_REASON_QUIC_REFUSED,
		 NAME_STEPS "match address:continue quic:dry-run path:nat", "", NULL, "inspect"},
		{1, "api.example.com", NULL, UDP, 53, 'l', PASS, DBX_REASON_DNS_STEERED,
		 "dns:allow path:local", "", "the gateway's resolver answers it", ""},
		{1, "8.8.8.8", NULL, TCP, 53, 'o', PASS, DBX_REASON_DNS_STEERED,
		 "dns:allow path:local", "", NULL, ""},
	};

	(void)state;
	learn_some();
	CHECK(cases);
}

static void test_quic_inspect(void **state)
{
	static const struct case_of inspected = {
		1,
		"api.example.com",
		NULL,
		UDP,
		443,
		'o',
		PASS,
		DBX_REASON_LISTED_NAME,
		NAME_STEPS "match address:continue quic:allow path:nat",
		LIST "0",
		"held until the ClientHello in its Initial names api.example.com",
		""};
	static const struct case_of off = {1,
					   "api.example.com",
					   NULL,
					   UDP,
					   443,
					   'o',
					   DROP,
					   DBX_REASON_NAME_PORT,
					   NAME_STEPS "match address:continue port:deny",
					   "",
					   NULL,
					   "unverified_ports"};

	vec_world_fini(&world);
	begin(",'quic':'off'");
	check(&off);
	vec_world_fini(&world);
	begin(",'quic':'inspect'");
	check(&inspected);
	vec_world_fini(&world);
	setup(state);
}

static void test_refused_lookups(void **state)
{
	static const struct case_of cases[] = {
		{1, "other.example.com", NULL, TCP, 443, 'l', DROP, DBX_REASON_DNS_DENIED,
		 NAME_STEPS "deny", "", "NXDOMAIN", "{\"destination\": \"other.example.com\""},
		{1, "example.org", NULL, TCP, 443, 'o', DROP, DBX_REASON_DNS_DENIED,
		 NAME_STEPS "deny", "", "asks nobody", "example.org"},
		{1, "x.bad.example.net", NULL, TCP, 443, 'l', DROP, DBX_REASON_DNS_BLOCKED,
		 NAME_STEPS "deny", "/gateway/blocked_destinations/0", NULL,
		 "remove or narrow the blocked destination at gw.json"},
		{2, "x.bad.example.net", NULL, TCP, 443, 'l', DROP, DBX_REASON_DNS_BLOCKED,
		 NAME_STEPS "deny", "/gateway/blocked_destinations/0", NULL, "remove"},
		{3, "x.bad.example.net", NULL, TCP, 443, 'l', DROP, DBX_REASON_DNS_BLOCKED,
		 NAME_STEPS "deny", "/gateway/blocked_destinations/0",
		 "under FULL_ACCESS that is all", "remove"},
		{4, "x.bad.example.net", NULL, TCP, 443, 'l', DROP, DBX_REASON_DNS_BLOCKED,
		 "isolation:continue dns:deny", "/gateway/blocked_destinations/0", NULL, "remove"},
		{4, "api.example.com", NULL, TCP, 443, 'o', DROP, DBX_REASON_NO_POLICY,
		 "isolation:continue dns:deny", "", NULL, "bind workspace 4"},
		{1, "s3.us-east-1.amazonaws.com", NULL, TCP, 443, 'o', DROP,
		 DBX_REASON_DNS_PATH_STYLE, NAME_STEPS "deny", "", "every bucket",
		 "BUCKET.s3.REGION.amazonaws.com"},
		{1, "ap.s3-accesspoint.us-east-1.amazonaws.com", NULL, TCP, 443, 'o', DROP,
		 DBX_REASON_DNS_ACCESS_POINT, NAME_STEPS "deny", "", NULL, "BUCKET.s3."},
		{1, "storage.googleapis.com", NULL, TCP, 443, 'o', DROP,
		 DBX_REASON_DNS_BARE_STORAGE, NAME_STEPS "deny", "", NULL,
		 "BUCKET.storage.googleapis.com"},
		{2, "other.example.com", NULL, TCP, 443, 'l', DRY, DBX_REASON_NAME_NOT_LEARNED,
		 NAME_STEPS "continue address:dry-run path:nat", "", "nothing is learned",
		 "{\"destination\": \"other.example.com\""},
		{3, "anything.example.net", NULL, TCP, 25, 'l', PASS, DBX_REASON_FULL_ACCESS,
		 NAME_STEPS "continue address:allow path:nat", "", "nothing need be learned", ""},
	};

	(void)state;
	learn_some();
	CHECK(cases);
}

/* A name is allowed, but its answer is an address that something else decides on. */
static void test_address_decides(void **state)
{
	static const struct case_of cases[] = {
		{1, "c.example.org", NULL, TCP, 443, 'l', DROP, DBX_REASON_BLOCKED,
		 NAME_STEPS "match address:match address:deny", "/gateway/blocked_destinations/0",
		 "packets to 203.0.113.66 are judged as blocked", "remove"},
		{1, "d.example.org", NULL, TCP, 443, 'l', PASS, DBX_REASON_PLATFORM,
		 NAME_STEPS "match address:match address:allow path:nat",
		 "/gateway/platform_sets/0", "whatever name they say", ""},
		{1, "e.example.org", NULL, TCP, 443, 'l', DROP, DBX_REASON_WORKSPACE_ISOLATION,
		 NAME_STEPS "match address:match address:deny", "", NULL, "workspace_ids"},
		{1, "203.0.113.5", "api.example.com", TCP, 443, 'l', PASS, DBX_REASON_PLATFORM,
		 "source:match isolation:continue blocked:no match mode:continue "
		 "private-endpoint:no match implicit:allow path:nat",
		 "/gateway/platform_sets/0", NULL, ""},
	};

	(void)state;
	learn_some();
	CHECK(cases);
}

#define ADDR_STEPS                                                                                 \
	"isolation:continue blocked:no match mode:continue private-endpoint:no match implicit:no " \
	"match listed:no match default:"

static void test_addresses(void **state)
{
	static const struct case_of cases[] = {
		{1, "203.0.113.100", NULL, TCP, 443, 'l', PASS, DBX_REASON_NAME_HANDSHAKE,
		 ADDR_STEPS "continue address:match tls:allow path:nat", "",
		 "203.0.113.100 is learned for api.example.com (55 s), a.example.org (7 s)", ""},
		{1, "203.0.113.100", NULL, TCP, 8443, 'l', DROP, DBX_REASON_NAME_PORT,
		 ADDR_STEPS "continue address:match port:deny", "", NULL, "8443"},
		{1, "203.0.113.100", "a.example.org", TCP, 443, 'l', PASS, DBX_REASON_LISTED_NAME,
		 ADDR_STEPS "continue dns:match address:match tls:allow path:nat", LIST "1", NULL,
		 ""},
		{1, "203.0.113.100", "b.example.org", TCP, 443, 'l', DROP, DBX_REASON_NAME_MISMATCH,
		 ADDR_STEPS "continue dns:match address:match tls:deny", "",
		 "b.example.org was not", "connect to an address that the lookup"},
		{1, "203.0.113.100", "evil.example.net", TCP, 443, 'l', DROP,
		 DBX_REASON_NAME_MISMATCH,
		 ADDR_STEPS "continue dns:no match address:match tls:deny", "",
		 "teaches nothing: dns-denied", "{\"destination\": \"evil.example.net\""},
		{1, "203.0.113.100", "evil.example.net", TCP, 80, 'l', DROP,
		 DBX_REASON_NAME_MISMATCH,
		 ADDR_STEPS "continue dns:no match address:match http:deny", "", NULL, "evil"},
		{1, "198.51.100.1", "api.example.com", TCP, 443, 'l', DROP,
		 DBX_REASON_NAME_NOT_LEARNED, ADDR_STEPS "continue dns:match address:deny", "",
		 "a lookup whose answer has it must come first",
		 "look up api.example.com through the gateway first"},
		{1, "198.51.100.1", "evil.example.net", TCP, 443, 'l', DROP,
		 DBX_REASON_NAME_NOT_LEARNED, ADDR_STEPS "continue dns:no match address:deny", "",
		 NULL, "{\"destination\": \"evil.example.net\""},
		{1, "198.51.100.1", "api.example.com", TCP, 443, 'o', PASS, DBX_REASON_LISTED_NAME,
		 ADDR_STEPS "continue dns:match address:continue tls:allow path:nat", LIST "0",
		 "would be learned from the DNS answer for api.example.com, if that has "
		 "198.51.100.1",
		 ""},
		{1, "198.51.100.1", "evil.example.net", TCP, 443, 'o', DROP,
		 DBX_REASON_NAME_NOT_LEARNED, ADDR_STEPS "continue dns:no match address:deny", "",
		 NULL, "evil.example.net"},
		{1, "198.51.100.1", NULL, TCP, 443, 'l', DROP, DBX_REASON_NAME_NOT_LEARNED,
		 ADDR_STEPS "deny", "", NULL, "198.51.100.1/32"},
		{2, "203.0.113.100", "evil.example.net", TCP, 443, 'l', DRY,
		 DBX_REASON_NAME_MISMATCH,
		 ADDR_STEPS "continue dns:no match address:match tls:dry-run path:nat", "", NULL,
		 "evil.example.net"},
		{1, "2001:db8::100", "api.example.com", TCP, 443, 'l', PASS, DBX_REASON_LISTED_NAME,
		 ADDR_STEPS "continue dns:match address:match tls:allow path:nat", LIST "0", NULL,
		 ""},
	};

	(void)state;
	learn_some();
	CHECK(cases);
}

/* A lookup of one name, and then another one is said at its address. */
static void test_another_name_is_said(void **state)
{
	static const struct case_of cases[] = {
		{1, "api.example.com", "a.example.org", TCP, 443, 'l', PASS, DBX_REASON_LISTED_NAME,
		 NAME_STEPS "match address:match tls:allow path:nat", LIST "1", NULL, ""},
		{1, "api.example.com", "b.example.org", TCP, 443, 'l', DROP,
		 DBX_REASON_NAME_MISMATCH, NAME_STEPS "match address:match tls:deny", "", NULL,
		 "b.example.org"},
		{1, "api.example.com", "evil.example.net", TCP, 443, 'o', DROP,
		 DBX_REASON_NAME_MISMATCH, NAME_STEPS "match address:continue tls:deny", "", NULL,
		 "evil.example.net"},
		{1, "evil.example.net", "api.example.com", TCP, 443, 'l', DROP,
		 DBX_REASON_DNS_DENIED, NAME_STEPS "deny", "", NULL, "evil.example.net"},
	};

	(void)state;
	learn_some();
	CHECK(cases);
}

static void test_bad_name(void **state)
{
	struct dbx_explain_query q = {.workspace_id = 1,
				      .dst = "198.51.100.1",
				      .name = "a b",
				      .proto = TCP,
				      .product = -1};
	struct dbx_explanation e;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(dbx_explain(world.m, &world.img, &q, &e, &d), -EINVAL);
	assert_string_equal(d.v[0].code, "bad-query");
	assert_non_null(strstr(d.v[0].text, "explain name \"a b\""));
	dbx_diag_fini(&d);
}

/* Where a workspace or a block has every address, there is none that stands for a name. */
static void test_no_address_is_free(void **state)
{
	static const char *const gateways[] = {
		"{'gateway':{'workspaces':[{'workspace_id':1,'sources':[{'prefix':'10.1.0.0/24'}]},"
		"{'workspace_id':2,'sources':[{'prefix':'0.0.0.0/0'}]}]}}",
		"{'gateway':{'workspaces':[{'workspace_id':1,'sources':[{'prefix':'10.1.0.0/24'}]}],"
		"'blocked_destinations':[{'label':'all','prefixes':['0.0.0.0/0']}]}}",
		"{'gateway':{'workspaces':[{'workspace_id':1,'sources':[{'prefix':'0.0.0.0/0'}]}]}}",
	};
	static const struct case_of cases[] = {
		{1, "x.example.net", NULL, TCP, 443, 'o', DROP, DBX_REASON_WORKSPACE_ISOLATION,
		 "isolation:deny", "", NULL, "workspace_ids"},
		{1, "x.example.net", NULL, TCP, 443, 'o', DROP, DBX_REASON_BLOCKED,
		 "isolation:continue blocked:no match mode:continue address:deny",
		 "/gateway/blocked_destinations/0", NULL, "remove"},
		{1, "x.example.net", NULL, TCP, 443, 'o', PASS, DBX_REASON_SAME_WORKSPACE,
		 "isolation:allow path:local", "", NULL, ""},
	};

	for (size_t i = 0; i < 3; i++) {
		vec_world_fini(&world);
		assert_int_equal(vec_world_init(&world), 0);
		add("gw.json", gateways[i]);
		add("full.json", docs[2]);
		add("option.json", "{'workspace_id':1,'network_policy_id':'np-full'}");
		assert_int_equal(vec_world_build(&world), 0);
		check(&cases[i]);
	}
	vec_world_fini(&world);
	setup(state);
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "?";
}

static void test_json(void **state)
{
	struct case_of c = {
		.workspace = 1, .dst = "API.example.com", .proto = TCP, .port = 443, .live = 'l'};
	struct dbx_explanation e;
	const json_t *l;
	json_t *j;
	char *text;

	(void)state;
	learn_some();
	explain(&c, &e);
	text = dbx_explanation_json(&e);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_string_equal(text_of(j, "name"), "api.example.com");
	assert_string_equal(text_of(json_object_get(j, "dns"), "verdict"), "PASS");
	assert_string_equal(text_of(json_object_get(j, "dns"), "reason"), "listed-name");
	assert_string_equal(text_of(json_object_get(j, "dns"), "rule"),
			    "allowed name api.example.com");
	assert_string_equal(text_of(json_object_get(j, "dns"), "rule_ptr"), LIST "0");
	assert_true(json_is_true(json_object_get(j, "is_live")));
	assert_true(json_is_false(json_object_get(j, "needs_lookup")));
	assert_int_equal(json_array_size(json_object_get(j, "learned")), n_learned);
	l = json_array_get(json_object_get(j, "learned"), 1);
	assert_string_equal(text_of(l, "name"), "api.example.com");
	assert_string_equal(text_of(l, "address"), "2001:db8::100");
	assert_int_equal(json_integer_value(json_object_get(l, "expires_in_s")), 55);
	json_decref(j);
	free(text);
	dbx_explanation_fini(&e);
	n_learned = 0;
	explain(&c, &e);
	assert_true(e.needs_lookup && e.is_live && e.has_dns);
	assert_int_equal(e.verdict, DBX_VERDICT_PASS); /* of the flow that follows the lookup */
	dbx_explanation_fini(&e);
	c.dst = "198.51.100.1";
	explain(&c, &e);
	assert_true(!e.needs_lookup && !e.has_dns && !e.said[0]);
	dbx_explanation_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed_names),
		cmocka_unit_test(test_other_ports),
		cmocka_unit_test(test_quic_inspect),
		cmocka_unit_test(test_refused_lookups),
		cmocka_unit_test(test_address_decides),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_another_name_is_said),
		cmocka_unit_test(test_no_address_is_free),
		cmocka_unit_test(test_bad_name),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
