/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_print.c -- what is printed reads back as the same model; equality sees every key.
 */
#include "unit/readcase.h"

#include <jansson.h>

#include "common/gen.h"
#include "unit/roundtrip.h"

#define SEEDS "tests/fuzz/corpus/read"

/* The seeds of the fuzzer: an example of every kind of document. */
static size_t list_seeds(char ***paths)
{
	size_t n;

	assert_int_equal(dbx_file_list(SEEDS, paths, &n), 0);
	assert_true(n >= 18);
	return n;
}

static void expect_roundtrip(const struct dbx_model *m, const char *what)
{
	struct dbx_model *again = dbx_model_new();
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (roundtrip_model(m, again, &d)) {
		print_findings(&d);
		fail_msg("%s: what was printed does not read", what);
	}
	if (!dbx_model_equal(m, again))
		fail_msg("%s: what was printed reads as something else", what);
	assert_true(dbx_model_equal(again, m));
	dbx_diag_fini(&d);
	dbx_model_free(&again);
}

/* Documents that go together; the others stand alone. */
static void test_examples_together(void **state)
{
	static const char *const names[] = {
		"policy-wrapper", "policy-restricted", "ncc-azure",  "workspace",
		"ncc-aws",        "rules-list",        "gateway",    "azure-small",
		"aws-small",      "google-small",      "goog-small", "databricks-small"};
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char path[200];

	(void)state;
	dbx_diag_init(&d);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), SEEDS "/%s.json", names[i]);
		read_file_into(m, path, &d);
	}
	if (dbx_model_resolve(m, &d)) {
		print_findings(&d);
		fail();
	}
	expect_roundtrip(m, "all examples");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

/* One document alone, so without resolving: everything that stands in it must come back. */
static void roundtrip_alone(const char *path)
{
	struct dbx_model *m = dbx_model_new(), *again = dbx_model_new();
	struct dbx_diag d;

	dbx_diag_init(&d);
	read_file_into(m, path, &d);
	roundtrip_model(m, again, &d); /* resolving may fail: references lead elsewhere */
	if (again->broken || !dbx_model_equal(m, again))
		fail_msg("%s: what was printed reads as something else", path);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
	dbx_model_free(&again);
}

static void test_examples_alone(void **state)
{
	char **paths;
	size_t n = list_seeds(&paths);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		/* sorted by resolving, and read in another order */
		if (!strstr(paths[i], "rules-list"))
			roundtrip_alone(paths[i]);
	}
	dbx_file_list_free(paths, n);
}

static void test_real_feeds(void **state)
{
	char **paths;
	size_t n;

	(void)state;
	assert_int_equal(dbx_file_list("rules/feeds", &paths, &n), 0);
	assert_true(n >= 10);
	for (size_t i = 0; i < n; i++)
		roundtrip_alone(paths[i]);
	dbx_file_list_free(paths, n);
}

/* Everything that the generators write, resolved, so that all of it is printed in one go. */
static void test_random_documents(void **state)
{
	struct gen_rand r = {gen_seed("test_print")};

	(void)state;
	for (int i = 0; i < 150; i++) {
		struct dbx_model *m = dbx_model_new();
		struct gen_model docs;
		struct dbx_diag d;
		char what[64];

		snprintf(what, sizeof(what), "random documents number %d", i);
		dbx_diag_init(&d);
		gen_model(&r, &docs);
		for (size_t k = 0; k < docs.n_docs; k++)
			assert_int_equal(dbx_read(m, docs.docs[k].name, docs.docs[k].text,
						  docs.docs[k].len, DBX_DOC_UNKNOWN, &d),
					 0);
		if (dbx_model_resolve(m, &d)) {
			print_findings(&d);
			fail_msg("%s", what);
		}
		expect_roundtrip(m, what);
		gen_model_fini(&docs);
		dbx_diag_fini(&d);
		dbx_model_free(&m);
	}
}

/* ---- equality sees every key ---- */

/* What no verdict depends on: read past, not kept (print_feed.c), or an alias of what is kept. */
static bool is_ignored(const char *key)
{
	static const char *const keys[] = {
		"id",
		"regionId",
		"platform",
		"systemService",
		"networkFeatures",
		"network_border_group",
		"schemaVersion",
		"next_page_token",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(keys[i], key))
			return true;
	}
	return false;
}

/* What means the same as nothing at all. */
static bool is_default(const char *key, const json_t *v)
{
	const char *s = json_string_value(v);

	if (json_is_null(v) || (json_is_array(v) && !json_array_size(v)))
		return true;
	return s && ((!strcmp(key, "network_source_type") && !strcmp(s, "General Compute")) ||
		     (!strcmp(key, "region") && !s[0]));
}

/* Said twice in these documents: an id that is also the parent's. */
static bool is_redundant(const char *path, const char *key, long n)
{
	return (strstr(path, "/ncc-azure") && !strcmp(key, "network_connectivity_config_id") &&
		n) ||
	       (strstr(path, "/workspace.json") && !strcmp(key, "workspace_id"));
}

struct cut {
	long n; /* keys still to pass before the one to be cut */
	char key[64];
	bool done, harmless;
};

static void cut_key(json_t *v, struct cut *c)
{
	json_t *item;
	const char *key;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, item) {
			if (!c->done)
				cut_key(item, c);
		}
	}
	if (!json_is_object(v))
		return;
	json_object_foreach(v, key, item) {
		if (c->done)
			return;
		if (c->n-- == 0) {
			snprintf(c->key, sizeof(c->key), "%s", key);
			c->harmless = is_ignored(key) || is_default(key, item);
			c->done = true;
			json_object_del(v, c->key);
			return;
		}
		cut_key(item, c);
	}
}

/* Without its n-th key the document is refused, or another one. False after the last key. */
static bool check_cut(const struct dbx_model *whole, const char *text, long n, const char *path)
{
	json_t *root = json_loads(text, 0, NULL);
	struct cut c = {.n = n};
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char *less;

	assert_non_null(root);
	cut_key(root, &c);
	if (c.done && !c.harmless && !is_redundant(path, c.key, n)) {
		less = json_dumps(root, 0);
		dbx_diag_init(&d);
		if (!dbx_read(m, path, less, strlen(less), DBX_DOC_UNKNOWN, &d) &&
		    dbx_model_equal(whole, m))
			fail_msg("%s: equal without its key number %ld, \"%s\"", path, n, c.key);
		dbx_diag_fini(&d);
		free(less);
	}
	json_decref(root);
	dbx_model_free(&m);
	return c.done;
}

static void test_equality_sees_every_key(void **state)
{
	size_t n_paths, len;
	long n_keys = 0;
	char **paths;

	(void)state;
	n_paths = list_seeds(&paths);
	for (size_t i = 0; i < n_paths; i++) {
		struct dbx_model *whole = dbx_model_new();
		struct dbx_diag d;
		char *text;
		long n = 0;

		dbx_diag_init(&d);
		read_file_into(whole, paths[i], &d);
		assert_int_equal(dbx_file_read(paths[i], 0, &text, &len), 0);
		while (check_cut(whole, text, n, paths[i]))
			n++;
		n_keys += n;
		free(text);
		dbx_diag_fini(&d);
		dbx_model_free(&whole);
	}
	assert_true(n_keys > 300);
	dbx_file_list_free(paths, n_paths);
}

#define ACCESS(rest)                                                                                  \
	"{'network_policy_id':'p','egress':{'network_access':{'restriction_mode':'FULL_ACCESS'," rest \
	"}}}"
#define INTERNET(rest)                                                                                               \
	ACCESS("'blocked_internet_destinations':[{'destination':'a.org','internet_destination_type':'DNS_NAME'" rest \
	       "}]")
#define STORAGE(rest)                                                                                                      \
	ACCESS("'allowed_storage_destinations':[{'storage_destination_type':'GOOGLE_CLOUD_STORAGE','bucket_name':'b'" rest \
	       "}]")
#define OTHERS(rest) ACCESS("'allowed_databricks_destinations':[{'workspace_ids':[1]" rest "}]")
#define NCC(rest)    "{'network_connectivity_config_id':'n','egress_config':{" rest "}}"
#define RULE(rest)   "{'rule_id':'r','network_connectivity_config_id':'n','resource_id':'/x'" rest "}"
#define GW(rest)     "{'gateway':{" rest "}}"
#define WS(rest)     GW("'workspaces':[{'workspace_id':1" rest "}]")
#define SET(rest)    GW("'platform_sets':[{'label':'a','prefixes':['10.0.0.0/8']" rest "}]")
#define PATH(rest)   GW("'paths':[{'path':'nat','interface':'a'" rest "}]")
#define TUNNEL(rest) GW("'tunnels':[{'type':'vxlan','remotes':['192.0.2.1']" rest "}]")
#define QUOTA(rest)  GW("'default_quota':{'bytes_per_second':7," rest "}")
/* The same object with an unknown key of another value. */
#define EXTRA(object)                              \
	{                                          \
		object(",'x':1"), object(",'x':2") \
	}

static const char *const different[][2] = {
	EXTRA(INTERNET),
	EXTRA(STORAGE),
	EXTRA(OTHERS),
	EXTRA(RULE),
	EXTRA(WS),
	EXTRA(SET),
	{INTERNET(""),
	 ACCESS("'blocked_internet_destinations':[{'destination':'b.org','internet_destination_type':'DNS_NAME'}]")},
	{ACCESS("'x':1"), ACCESS("'x':2")},
	{ACCESS("'policy_enforcement':{'x':1}"), ACCESS("'policy_enforcement':{'x':2}")},
	{"{'network_policy_id':'p','egress':{'x':1}}",
	 "{'network_policy_id':'p','egress':{'x':2}}"},
	{NCC("'x':1"), NCC("'x':2")},
	{NCC("'default_rules':{'x':1}"), NCC("'default_rules':{'x':2}")},
	{NCC("'default_rules':{'aws_stable_ip_rule':{'x':1}}"),
	 NCC("'default_rules':{'aws_stable_ip_rule':{'x':2}}")},
	{NCC("'default_rules':{'azure_service_endpoint_rule':{'x':1}}"),
	 NCC("'default_rules':{'azure_service_endpoint_rule':{'x':2}}")},
	{NCC("'target_rules':{'x':1}"), NCC("'target_rules':{'x':2}")},
	{"{'workspace_id':1,'network_policy_id':'p','x':1}",
	 "{'workspace_id':1,'network_policy_id':'p','x':2}"},
	{"{'workspace_id':1,'network_connectivity_config_id':'p','x':1}",
	 "{'workspace_id':1,'network_connectivity_config_id':'p','x':2}"},
	{GW("'x':1"), GW("'x':2")},
	{GW("'interfaces':[{'name':'a'}]"), GW("'interfaces':[{'name':'b'}]")},
	{GW("'interfaces':[{'name':'a','x':1}]"), GW("'interfaces':[{'name':'a','x':2}]")},
	{GW("'gateway_services':[{'protocol':'tcp','x':1}]"),
	 GW("'gateway_services':[{'protocol':'tcp','x':2}]")},
	{GW("'gateway_addresses':['10.0.0.1']"), GW("'gateway_addresses':['10.0.0.2']")},
	{WS(",'sources':[{'prefix':'10.0.0.0/8','x':1}]"),
	 WS(",'sources':[{'prefix':'10.0.0.0/8','x':2}]")},
	{WS(",'sources':[{'prefix':'10.0.0.0/8','mac':'02:00:00:00:00:01'}]"),
	 WS(",'sources':[{'prefix':'10.0.0.0/8','mac':'02:00:00:00:00:02'}]")},
	{WS(",'sources':[{'prefix':'10.0.0.0/8'}]"),
	 WS(",'sources':[{'prefix':'10.0.0.0/8','network_source_type':'General Compute'}]")},
	{GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1'],'x':1}]"),
	 GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1'],'x':2}]")},
	{GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1']}]"),
	 GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.2']}]")},
	{SET(",'names':['a.org']"), SET(",'names':['b.org']")},
	{PATH(",'x':1"), PATH(",'x':2")},
	{PATH(",'ncc_ids':['a']"), PATH(",'ncc_ids':['b']")},
	{PATH(",'next_hops':['192.0.2.1']"), PATH(",'next_hops':['192.0.2.2']")},
	{PATH(",'source_addresses':['192.0.2.1']"), PATH(",'source_addresses':['192.0.2.2']")},
	{GW("'paths':[{'path':'nat','interface':'a'}]"),
	 GW("'paths':[{'path':'nat','interface':'b'}]")},
	{GW("'paths':[{'path':'nat','interface':'a'}]"),
	 GW("'paths':[{'path':'firewall','interface':'a'}]")},
	{TUNNEL(",'x':1"), TUNNEL(",'x':2")},
	{TUNNEL(""), TUNNEL(",'port':4789")},
	{GW("'tunnels':[{'type':'vxlan','remotes':['192.0.2.1']}]"),
	 GW("'tunnels':[{'type':'vxlan','remotes':['192.0.2.2']}]")},
	{GW("'tunnels':[{'type':'vxlan','remotes':['192.0.2.1'],'port':7}]"),
	 GW("'tunnels':[{'type':'geneve','remotes':['192.0.2.1'],'port':7}]")},
	{GW("'reject':{'x':1}"), GW("'reject':{'x':2}")},
	{GW("'reject':{'policy_ids':['a']}"), GW("'reject':{'policy_ids':['b']}")},
	{GW("'reject':{}"), GW("'reject':{'per_second':1000}")},
	{GW("'reject':{'per_second':1}"), GW("'reject':{'per_second':2}")},
	{GW("'fast_forward':{'interfaces':['a'],'x':1}"),
	 GW("'fast_forward':{'interfaces':['a'],'x':2}")},
	{GW("'fast_forward':{'interfaces':['a']}"), GW("'fast_forward':{'interfaces':['b']}")},
	{QUOTA("'x':1"), QUOTA("'x':2")},
	{QUOTA("'new_flows_per_second':1"), QUOTA("'new_flows_per_second':2")},
	{QUOTA("'burst_ms':1"), QUOTA("'burst_ms':2")},
	{GW("'default_quota':{'bytes_per_second':1}"),
	 GW("'default_quota':{'bytes_per_second':2}")},
	{WS(",'quota':{'bytes_per_second':1}"), WS(",'quota':{'bytes_per_second':2}")},
	{WS(",'isolated':true"), WS(",'isolated':false")},
	{WS(""), WS(",'separate_clusters':false")},
	{WS(",'sources':[{'prefix':'10.0.0.0/8','cluster':'a'}]"),
	 WS(",'sources':[{'prefix':'10.0.0.0/8','cluster':'b'}]")},
	{"{'network_policy_id':'p'}", "{'network_policy_id':'q'}"},
	{"{'network_policy_id':'p'}", "{'network_policy_id':'p','egress':{}}"},
	{"{'network_policy_id':'p','egress':{}}",
	 "{'network_policy_id':'p','egress':{'network_access':{'restriction_mode':"
	 "'RESTRICTION_MODE_UNSPECIFIED'}}}"},
	{"{'network_policy_id':'p','ingress':{'a':1}}",
	 "{'network_policy_id':'p','ingress':{'a':2}}"},
	{"{'network_policy_id':'p','x':1}", "{'network_policy_id':'p','x':'1'}"},
	{"{'gateway':{}}", "{'network_policy_id':'p'}"},
	{"{'gateway':{'platform_sets':[{'label':'a','prefixes':['10.0.0.0/8','11.0.0.0/8']}]}}",
	 "{'gateway':{'platform_sets':[{'label':'a','prefixes':['10.0.0.0/8','11.0.0.0/9']}]}}"},
	{"{'gateway':{'platform_sets':[{'label':'a','prefixes':['10.0.0.0/8'],'protocol':'tcp'}]}}",
	 "{'gateway':{'platform_sets':[{'label':'a','prefixes':['10.0.0.0/8'],'protocol':'udp'}]}}"},
	{"{'gateway':{'platform_sets':[{'label':'a','service_tags':['A']}]}}",
	 "{'gateway':{'platform_sets':[{'label':'a','service_tags':[{'tag':'A'}]}]}}"},
	{"{'gateway':{'gateway_services':[{'protocol':'tcp','ports':[1]}]}}",
	 "{'gateway':{'gateway_services':[{'protocol':'tcp','ports':['1-2']}]}}"},
	{"{'gateway':{'workspaces':[{'workspace_id':1,'sources':[{'prefix':'10.0.0.0/8','vlan':7}]}]}}",
	 "{'gateway':{'workspaces':[{'workspace_id':1,'sources':[{'prefix':'10.0.0.0/8','vni':7}]}]}}"},
	{"{'gateway':{'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1']}]}}",
	 "{'gateway':{'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1'],'private_required':"
	 "true}]}}"},
};

static void test_equality_sees_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
		struct dbx_model *m[2];
		struct dbx_diag d;

		dbx_diag_init(&d);
		for (int k = 0; k < 2; k++) {
			m[k] = dbx_model_new();
			assert_int_equal(read_quoted(m[k], "doc", different[i][k], &d), 0);
		}
		if (dbx_model_equal(m[0], m[1]))
			fail_msg("equal: %s and %s", different[i][0], different[i][1]);
		assert_true(dbx_model_equal(m[0], m[0]));
		dbx_diag_fini(&d);
		dbx_model_free(&m[0]);
		dbx_model_free(&m[1]);
	}
}

/* ---- the text itself ---- */

static void test_policy_text(void **state)
{
	static const char want[] = "{\n"
				   "  \"egress\": {\n"
				   "    \"network_access\": {\n"
				   "      \"blocked_internet_destinations\": [\n"
				   "        {\n"
				   "          \"destination\": \"X.org\",\n"
				   "          \"internet_destination_type\": \"DNS_NAME\",\n"
				   "          \"why\": \"kept\"\n"
				   "        }\n"
				   "      ],\n"
				   "      \"restriction_mode\": \"FULL_ACCESS\"\n"
				   "    }\n"
				   "  },\n"
				   "  \"network_policy_id\": \"p\"\n"
				   "}";
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char *text;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(
		read_quoted(
			m, "doc",
			"{'network_policy':{'network_policy_id':'p','egress':{'network_access':{"
			"'restriction_mode':'FULL_ACCESS','blocked_internet_destinations':[{'why':"
			"'kept','destination':'X.org','internet_destination_type':'DNS_NAME'}]}}}}",
			&d),
		0);
	text = dbx_print_policy(&m->policies[0]);
	assert_string_equal(text, want);
	free(text);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_feed_text(void **state)
{
	static const char want[] = "{\n"
				   "  \"changeNumber\": 5,\n"
				   "  \"cloud\": \"Public\",\n"
				   "  \"values\": [\n"
				   "    {\n"
				   "      \"id\": \"A\",\n"
				   "      \"name\": \"A\",\n"
				   "      \"properties\": {\n"
				   "        \"addressPrefixes\": [\n"
				   "          \"10.0.0.0/8\"\n"
				   "        ],\n"
				   "        \"changeNumber\": 2,\n"
				   "        \"region\": \"eastus\"\n"
				   "      }\n"
				   "    }\n"
				   "  ]\n"
				   "}";
	struct dbx_model *m = read_clean(
		"{'changeNumber':5,'cloud':'Public','values':[{'name':'A','id':'A','properties':{"
		"'changeNumber':2,'region':'eastus','addressPrefixes':['10.0.0.0/8']}}]}");
	char *text = dbx_print_feed(&m->feeds[0]);

	(void)state;
	assert_string_equal(text, want);
	free(text);
	dbx_model_free(&m);
}

/* "Google Cloud" is written with its blank, which the tag's name leaves out. */
static void test_google_text(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char *text;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, SEEDS "/google-small.json", &d);
	text = dbx_print_feed(&m->feeds[0]);
	assert_non_null(strstr(text, "\"service\": \"Google Cloud\""));
	assert_non_null(strstr(text, "\"scope\": \"africa-south1\""));
	assert_non_null(strstr(text, "\"syncToken\": \"1778033048194\""));
	free(text);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

/* Each cloud's rules under its own key; Google's have no place in the parent object. */
static void test_ncc_rules_by_cloud(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	json_t *root, *target;
	char *text;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(
		read_quoted(
			m, "doc",
			"[{'rule_id':'s3','network_connectivity_config_id':'n','endpoint_service':"
			"'com.amazonaws.r.s3'},{'rule_id':'vpce','network_connectivity_config_id':'n',"
			"'endpoint_service':'vpce'},{'rule_id':'az','network_connectivity_config_id':"
			"'n','resource_id':'/x'},{'rule_id':'g','network_connectivity_config_id':'n',"
			"'gcp_endpoint':{}},{'rule_id':'other','network_connectivity_config_id':'o',"
			"'resource_id':'/x'}]",
			&d),
		0);
	assert_int_equal(read_quoted(m, "doc", "{'network_connectivity_config_id':'n'}", &d), 0);
	text = dbx_print_ncc(m, &m->nccs[0]);
	root = json_loads(text, 0, NULL);
	target = json_object_get(json_object_get(root, "egress_config"), "target_rules");
	assert_int_equal(json_array_size(json_object_get(target, "aws_private_endpoint_rules")), 2);
	assert_int_equal(json_array_size(json_object_get(target, "azure_private_endpoint_rules")),
			 1);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(target, "azure_private_endpoint_rules"), 0),
			"rule_id")),
		"az");
	assert_null(strstr(text, "\"g\""));
	assert_null(strstr(text, "\"other\""));
	json_decref(root);
	free(text);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples_together),
		cmocka_unit_test(test_examples_alone),
		cmocka_unit_test(test_real_feeds),
		cmocka_unit_test(test_random_documents),
		cmocka_unit_test(test_equality_sees_every_key),
		cmocka_unit_test(test_equality_sees_values),
		cmocka_unit_test(test_policy_text),
		cmocka_unit_test(test_feed_text),
		cmocka_unit_test(test_ncc_rules_by_cloud),
		cmocka_unit_test(test_google_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
