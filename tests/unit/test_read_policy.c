/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_policy.c -- network policies and bindings: every field, every refusal with its pointer.
 */
#include "unit/readcase.h"

#include <jansson.h>

/* A policy with this inside network_access, behind the mode. */
#define ACCESS(rest)                                                               \
	"{'network_policy_id':'p','egress':{'network_access':{'restriction_mode':" \
	"'RESTRICTED_ACCESS'," rest "}}}"
#define INTERNET(items) ACCESS("'allowed_internet_destinations':[" items "]")
#define BLOCKED(items)  ACCESS("'blocked_internet_destinations':[" items "]")
#define STORAGE(items)  ACCESS("'allowed_storage_destinations':[" items "]")
#define OTHERS(items)   ACCESS("'allowed_databricks_destinations':[" items "]")
#define ENFORCE(o)      ACCESS("'policy_enforcement':" o)
#define NA              "/egress/network_access"

static void test_policy_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{'egress':{}}", DBX_SEV_ERROR, "missing-key", "", "\"network_policy_id\""},
		{"{'network_policy_id':null,'egress':{}}", DBX_SEV_ERROR, "missing-key", "", NULL},
		{"{'network_policy_id':''}", DBX_SEV_ERROR, "bad-id", "/network_policy_id",
		 "1 to 32"},
		{"{'network_policy_id':'a b'}", DBX_SEV_ERROR, "bad-id", "/network_policy_id",
		 "\"a b\""},
		{"{'network_policy_id':'123456789012345678901234567890123'}", DBX_SEV_ERROR,
		 "bad-id", "/network_policy_id", NULL},
		{"{'network_policy_id':7}", DBX_SEV_ERROR, "wrong-type", "/network_policy_id",
		 "a number"},
		{"{'network_policy_id':'a','account_id':1}", DBX_SEV_ERROR, "wrong-type",
		 "/account_id", NULL},
		{"{'network_policy_id':'a','egress':[]}", DBX_SEV_ERROR, "wrong-type", "/egress",
		 "a list"},
		{"{'network_policy_id':'a','ingress':[]}", DBX_SEV_ERROR, "wrong-type", "/ingress",
		 NULL},
		{"{'network_policy_id':'a','x':1}", DBX_SEV_WARNING, "unknown-key", "/x", "kept"},
		{"{'network_policy_id':'a','egress':{'policy_enforcement':{}}}", DBX_SEV_WARNING,
		 "unknown-key", "/egress/policy_enforcement", "NOT ENFORCED"},
		{"{'network_policy_id':'a','egress':{'network_access':{}}}", DBX_SEV_ERROR,
		 "missing-key", NA, "\"restriction_mode\""},
		{"{'network_policy_id':'a','egress':{'network_access':{'restriction_mode':'OPEN'}}}",
		 DBX_SEV_ERROR, "unknown-mode", NA "/restriction_mode",
		 "FULL_ACCESS, RESTRICTED_ACCESS"},
		{"{'network_policy_id':'a','egress':{'network_access':{'restriction_mode':"
		 "'full_access'}}}",
		 DBX_SEV_ERROR, "unknown-mode", NA "/restriction_mode", NULL},
		{"{'network_policy_id':'a','egress':{'network_access':{'restriction_mode':2}}}",
		 DBX_SEV_ERROR, "wrong-type", NA "/restriction_mode", NULL},
		{ACCESS("'allowed_new_destinations':[]"), DBX_SEV_WARNING, "unknown-key",
		 NA "/allowed_new_destinations", "ATTENTION"},
		{ACCESS("'allowed_internet_destinations':{}"), DBX_SEV_ERROR, "wrong-type",
		 NA "/allowed_internet_destinations", "a list"},
		{"{'name':'x','rules':[{'action':'ALLOW'}]}", DBX_SEV_ERROR, "unsupported-shape",
		 "/rules", "restriction_mode"},
		{"{'network_policy':{'egress_network_policy':{}}}", DBX_SEV_ERROR,
		 "unsupported-shape", "/network_policy/egress_network_policy", "clean rooms"},
		{"{'network_policy_id':'a','egress':{'internet_access':{}}}", DBX_SEV_ERROR,
		 "unsupported-shape", "/egress/internet_access", NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_internet_findings(void **state)
{
	static const struct read_case cases[] = {
		{INTERNET("{'internet_destination_type':'DNS_NAME'}"), DBX_SEV_ERROR, "missing-key",
		 NA "/allowed_internet_destinations/0", "\"destination\""},
		{INTERNET("{'destination':'x.org','internet_destination_type':'URL'}"),
		 DBX_SEV_ERROR, "unknown-value",
		 NA "/allowed_internet_destinations/0/internet_destination_type", "IP_RANGE"},
		{INTERNET("{'destination':'x.org'}"), DBX_SEV_WARNING, "unspecified-type",
		 NA "/allowed_internet_destinations/0", "allows nothing"},
		{INTERNET("{'destination':'x.org','internet_destination_type':"
			  "'INTERNET_DESTINATION_TYPE_UNSPECIFIED'}"),
		 DBX_SEV_WARNING, "unspecified-type", NA "/allowed_internet_destinations/0", NULL},
		/* an allow that is not understood allows nothing; a denial must not be lost */
		{BLOCKED("{'destination':'x.org'}"), DBX_SEV_ERROR, "unspecified-type",
		 NA "/blocked_internet_destinations/0", "must not be ignored"},
		{INTERNET("{'destination':'https://x.org','internet_destination_type':'DNS_NAME'}"),
		 DBX_SEV_ERROR, "bad-name", NA "/allowed_internet_destinations/0/destination",
		 "scheme"},
		{INTERNET("{'destination':'x.org:443','internet_destination_type':'DNS_NAME'}"),
		 DBX_SEV_ERROR, "bad-name", NA "/allowed_internet_destinations/0/destination",
		 "port"},
		{INTERNET("{'destination':'com','internet_destination_type':'DNS_NAME'}"),
		 DBX_SEV_ERROR, "bad-name", NA "/allowed_internet_destinations/0/destination",
		 NULL},
		{INTERNET("{'destination':'10.0.0.1','internet_destination_type':'DNS_NAME'}"),
		 DBX_SEV_ERROR, "bad-name", NA "/allowed_internet_destinations/0/destination",
		 NULL},
		{BLOCKED("{'destination':'10.0.0.1/8','internet_destination_type':'IP_RANGE'}"),
		 DBX_SEV_ERROR, "host-bits", NA "/blocked_internet_destinations/0/destination",
		 "host bits are set; write 10.0.0.0/8"},
		{BLOCKED("{'destination':'10.0.0.0/33','internet_destination_type':'IP_RANGE'}"),
		 DBX_SEV_ERROR, "bad-prefix", NA "/blocked_internet_destinations/0/destination",
		 NULL},
		{INTERNET(
			 "{'destination':'pypi.org','internet_destination_type':'DNS_NAME','port':443}"),
		 DBX_SEV_WARNING, "unknown-key", NA "/allowed_internet_destinations/0/port",
		 "ATTENTION"},
		{INTERNET("null"), DBX_SEV_ERROR, "wrong-type",
		 NA "/allowed_internet_destinations/0", NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_storage_findings(void **state)
{
#define AT NA "/allowed_storage_destinations/0"
	static const struct read_case cases[] = {
		{STORAGE("{'storage_destination_type':'HDFS'}"), DBX_SEV_ERROR, "unknown-value",
		 AT "/storage_destination_type", "AWS_S3"},
		{STORAGE("{'bucket_name':'b'}"), DBX_SEV_WARNING, "unspecified-type", AT,
		 "allows nothing"},
		{STORAGE("{'storage_destination_type':'CLOUDFLARE_R2','bucket_name':'b'}"),
		 DBX_SEV_WARNING, "unspecified-type", AT, "CLOUDFLARE_R2"},
		{STORAGE("{'storage_destination_type':'AWS_S3','region':'us-east-1'}"),
		 DBX_SEV_ERROR, "missing-key", AT, "\"bucket_name\""},
		{STORAGE("{'storage_destination_type':'AWS_S3','bucket_name':'b'}"),
		 DBX_SEV_WARNING, "missing-key", AT, "\"region\""},
		{STORAGE("{'storage_destination_type':'AWS_S3','bucket_name':'b/c','region':'r'}"),
		 DBX_SEV_ERROR, "bad-value", AT "/bucket_name", "path"},
		{STORAGE("{'storage_destination_type':'AWS_S3','bucket_name':'b','region':'*'}"),
		 DBX_SEV_ERROR, "bad-value", AT "/region", NULL},
		{STORAGE("{'storage_destination_type':'AZURE_STORAGE','azure_storage_service':'dfs'}"),
		 DBX_SEV_ERROR, "missing-key", AT, "\"azure_storage_account\""},
		{STORAGE("{'storage_destination_type':'AZURE_STORAGE','azure_storage_account':'a'}"),
		 DBX_SEV_ERROR, "missing-key", AT, "\"azure_storage_service\""},
		{STORAGE("{'storage_destination_type':'AZURE_STORAGE','azure_storage_account':'a',"
			 "'azure_storage_service':'adls'}"),
		 DBX_SEV_WARNING, "unknown-value", AT "/azure_storage_service", "blob, dfs"},
		{STORAGE("{'storage_destination_type':'GOOGLE_CLOUD_STORAGE','bucket_name':''}"),
		 DBX_SEV_ERROR, "missing-key", AT, NULL},
		{STORAGE("{'storage_destination_type':'GOOGLE_CLOUD_STORAGE','bucket_name':'b',"
			 "'allowed_paths':['/x']}"),
		 DBX_SEV_WARNING, "unknown-key", AT "/allowed_paths", "ATTENTION"},
	};
#undef AT

	(void)state;
	RUN_CASES(cases);
}

static void test_other_findings(void **state)
{
	static const struct read_case cases[] = {
		{OTHERS("{'workspace_ids':[0]}"), DBX_SEV_ERROR, "bad-id",
		 NA "/allowed_databricks_destinations/0/workspace_ids/0", NULL},
		{OTHERS("{'workspace_ids':['12x']}"), DBX_SEV_ERROR, "bad-number",
		 NA "/allowed_databricks_destinations/0/workspace_ids/0", "\"12x\""},
		{OTHERS("{'workspace_ids':[1.5]}"), DBX_SEV_ERROR, "wrong-type",
		 NA "/allowed_databricks_destinations/0/workspace_ids/0", NULL},
		{OTHERS("{'workspace_ids':['9223372036854775808']}"), DBX_SEV_ERROR, "bad-number",
		 NA "/allowed_databricks_destinations/0/workspace_ids/0", NULL},
		{OTHERS("{'workspace_ids':[' 1']}"), DBX_SEV_ERROR, "bad-number",
		 NA "/allowed_databricks_destinations/0/workspace_ids/0", NULL},
		{OTHERS("{'workspace_ids':[]}"), DBX_SEV_WARNING, "empty-entry",
		 NA "/allowed_databricks_destinations/0", NULL},
		{OTHERS("{}"), DBX_SEV_ERROR, "missing-key",
		 NA "/allowed_databricks_destinations/0", NULL},
		{OTHERS("{'workspace_ids':[1],'scope':'x'}"), DBX_SEV_WARNING, "unknown-key",
		 NA "/allowed_databricks_destinations/0/scope", "ATTENTION"},
		{ACCESS("'allowed_databricks_destinations':7"), DBX_SEV_ERROR, "wrong-type",
		 NA "/allowed_databricks_destinations", NULL},
		{ENFORCE("{'enforcement_mode':'OFF'}"), DBX_SEV_ERROR, "unknown-value",
		 NA "/policy_enforcement/enforcement_mode", "DRY_RUN"},
		/* ignored, the filter would be empty: dry-run for everything */
		{ENFORCE("{'enforcement_mode':'DRY_RUN','dry_run_mode_product_filter':['APPS']}"),
		 DBX_SEV_ERROR, "unknown-value",
		 NA "/policy_enforcement/dry_run_mode_product_filter/0", "DBSQL, ML_SERVING"},
		{ENFORCE("{'enforcement_mode':'DRY_RUN','dry_run_mode_product_filter':'DBSQL'}"),
		 DBX_SEV_ERROR, "wrong-type", NA "/policy_enforcement/dry_run_mode_product_filter",
		 NULL},
		{ENFORCE("{'enforcement_mode':'ENFORCED','dry_run_mode_product_filter':['DBSQL']}"),
		 DBX_SEV_WARNING, "ignored-filter",
		 NA "/policy_enforcement/dry_run_mode_product_filter", "everything is enforced"},
		{ENFORCE("{'grace':1}"), DBX_SEV_WARNING, "unknown-key",
		 NA "/policy_enforcement/grace", "ATTENTION"},
		{ENFORCE("true"), DBX_SEV_ERROR, "wrong-type", NA "/policy_enforcement",
		 "a boolean"},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_binding_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{'workspace_id':-5,'network_policy_id':'p'}", DBX_SEV_ERROR, "bad-id",
		 "/workspace_id", NULL},
		{"{'workspace_id':null,'network_policy_id':'p'}", DBX_SEV_ERROR, "missing-key", "",
		 "\"workspace_id\""},
		{"{'workspace_id':null,'network_connectivity_config_id':'n'}", DBX_SEV_ERROR,
		 "missing-key", "", "\"workspace_id\""},
		{"{'workspace_id':1,'network_policy_id':null}", DBX_SEV_ERROR, "missing-key", "",
		 "\"network_policy_id\""},
		{"{'workspace_id':'x','network_policy_id':'p'}", DBX_SEV_ERROR, "bad-number",
		 "/workspace_id", NULL},
		{"{'workspace_id':1,'network_policy_id':2}", DBX_SEV_ERROR, "wrong-type",
		 "/network_policy_id", NULL},
		{"{'workspace_id':1,'network_policy_id':'p','x':1}", DBX_SEV_WARNING, "unknown-key",
		 "/x", NULL},
		{"{'workspace_id':1,'network_connectivity_config_id':[]}", DBX_SEV_ERROR,
		 "wrong-type", "/network_connectivity_config_id", NULL},
		{"{'workspace_id':null,'workspace_network_option':{"
		 "'network_policy_id':'p'}}",
		 DBX_SEV_ERROR, "missing-key", "/workspace_network_option", NULL},
		{"{'workspace_id':1,'workspace_network_option':{'workspace_id':2,'network_policy_id':'p'}}",
		 DBX_SEV_ERROR, "id-mismatch", "/workspace_network_option/workspace_id", NULL},
		{"{'workspace_id':1,'workspace':{}}", DBX_SEV_ERROR, "missing-key", "/workspace",
		 "\"network_connectivity_config_id\""},
		{"{'workspace_id':1,'workspace_network_option':null,'workspace':null}",
		 DBX_SEV_ERROR, "missing-key", "", "binds nothing"},
		{"{'workspace_id':1,'workspace':{'network_connectivity_config_id':'n'},'x':1}",
		 DBX_SEV_WARNING, "unknown-key", "/x", "ignored"},
	};

	(void)state;
	RUN_CASES(cases);
}

static bool is_utf8(const char *s)
{
	json_t *v = json_string(s);

	json_decref(v);
	return v != NULL;
}

/* What was refused is quoted: cut when long, never inside a character, and safe to show. */
static void test_quoted_values(void **state)
{
	char id[300], text[400];
	struct dbx_diag d;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		struct dbx_model *m = dbx_model_new();

		dbx_diag_init(&d);
		memset(id, 'x', shift);
		for (size_t i = shift; i + 4 < sizeof(id); i += 4)
			memcpy(id + i, "\xf0\x9f\x98\x80", 5); /* U+1F600 */
		snprintf(text, sizeof(text), "{\"network_policy_id\":\"%s\"}", id);
		assert_int_equal(read_quoted(m, "doc", text, &d), -EINVAL);
		assert_true(is_utf8(d.v[0].text));
		assert_non_null(strstr(d.v[0].text, "\xf0\x9f\x98\x80...\": accepted"));
		assert_true(strlen(d.v[0].text) < 250);
		dbx_diag_fini(&d);
		dbx_model_free(&m);
	}
}

static void test_quoted_control_characters(void **state)
{
	static const struct read_case cases[] = {
		{"{'network_policy_id':'a\\u001b[2J\\u009b\\n'}", DBX_SEV_ERROR, "bad-id",
		 "/network_policy_id", "\"a?[2J??\""},
	};

	(void)state;
	RUN_CASES(cases);
}

/* Every field of the example in egress-model 9.1. */
static void test_example_policy(void **state)
{
	struct dbx_model *m = dbx_model_new();
	const struct dbx_policy *p;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/policy-restricted.json", &d);
	assert_int_equal(d.n, 0);
	p = dbx_model_policy(m, "np-prod-restricted");
	assert_non_null(p);
	assert_string_equal(p->account_id, "7c1e2c52-90a1-4b7e-9f0e-3d2b6a8f1c44");
	assert_true(p->has_egress && p->has_access);
	assert_int_equal(p->mode, DBX_MODE_RESTRICTED_ACCESS);
	assert_int_equal(p->n_allowed, 2);
	assert_string_equal(p->allowed[1].name, "files.pythonhosted.org");
	assert_string_equal(p->allowed[1].where.ptr, NA "/allowed_internet_destinations/1");
	assert_int_equal(p->n_storage, 4);
	assert_int_equal(p->storage[0].type, DBX_STORAGE_AZURE);
	assert_string_equal(p->storage[0].azure_service, "dfs");
	assert_string_equal(p->storage[2].bucket_name, "contoso-partner-drop");
	assert_string_equal(p->storage[3].region, "us-east4");
	assert_string_equal(p->storage[3].where.ptr, NA "/allowed_storage_destinations/3");
	assert_int_equal(p->n_workspaces, 2);
	assert_true(p->workspaces[1].workspace_id == 5541098273645013);
	assert_int_equal(p->workspaces[1].group, 0);
	assert_string_equal(p->workspaces[1].where.ptr, NA "/allowed_databricks_destinations/0");
	assert_int_equal(p->n_blocked, 1);
	assert_string_equal(p->blocked[0].name, "paste.example.org");
	assert_int_equal(p->enforcement, DBX_DRY_RUN);
	assert_int_equal(p->dry_run_filter, DBX_FILTER_ML_SERVING);
	assert_non_null(strstr(p->ingress, "ALLOW_ALL_REGISTERED_ENDPOINTS"));
	assert_null(p->ingress_dry_run);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

/* egress-model 1.10: null lists, *_UNSPECIFIED, ids as strings, names in any case. */
static void test_tolerated(void **state)
{
	struct dbx_model *m = read_clean(
		"{'network_policy_id':'p','account_id':null,'egress':{'network_access':{"
		"'restriction_mode':'RESTRICTION_MODE_UNSPECIFIED','allowed_internet_destinations':null,"
		"'allowed_storage_destinations':null,'blocked_internet_destinations':[{'destination':"
		"'*.Bad.EXAMPLE.','internet_destination_type':'DNS_NAME'},{'destination':'2001:db8::1',"
		"'internet_destination_type':'IP_RANGE'}],'allowed_databricks_destinations':[{"
		"'workspace_ids':['9223372036854775807',7]}],'policy_enforcement':{'enforcement_mode':"
		"'ENFORCEMENT_MODE_UNSPECIFIED','dry_run_mode_product_filter':null}}},'ingress':null}");
	const struct dbx_policy *p = &m->policies[0];

	(void)state;
	assert_null(p->account_id);
	assert_int_equal(p->mode, DBX_MODE_UNSPECIFIED);
	assert_string_equal(p->mode_text, "RESTRICTION_MODE_UNSPECIFIED");
	assert_int_equal(p->n_allowed + p->n_storage, 0);
	assert_string_equal(p->blocked[0].name, "*.bad.example");
	assert_string_equal(p->blocked[0].destination, "*.Bad.EXAMPLE.");
	assert_int_equal(p->blocked[1].prefix.len, 128);
	assert_null(p->blocked[1].name);
	assert_true(p->workspaces[0].workspace_id == INT64_MAX);
	assert_true(p->has_enforcement);
	assert_int_equal(p->enforcement, DBX_ENFORCED);
	dbx_model_free(&m);

	m = read_clean("{'network_policy_id':'p','egress':{'network_access':null}}");
	assert_true(m->policies[0].has_egress);
	assert_false(m->policies[0].has_access);
	assert_int_equal(m->policies[0].mode, DBX_MODE_UNSPECIFIED);
	dbx_model_free(&m);
}

static void test_unknown_keys_are_kept(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	const struct dbx_policy *p;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(
		read_quoted(
			m, "doc",
			"{'network_policy_id':'p','z':{'b':1,'a':[2]},'y':null,'egress':{'e':1,"
			"'network_access':{'restriction_mode':'FULL_ACCESS','n':2,"
			"'policy_enforcement':{'f':3},'blocked_internet_destinations':[{"
			"'destination':'x.org','internet_destination_type':'DNS_NAME','i':4}]}}}",
			&d),
		0);
	p = &m->policies[0];
	assert_string_equal(p->extra, "{\"y\":null,\"z\":{\"a\":[2],\"b\":1}}");
	assert_string_equal(p->extra_egress, "{\"e\":1}");
	assert_string_equal(p->extra_access, "{\"n\":2}");
	assert_string_equal(p->extra_enforcement, "{\"f\":3}");
	assert_string_equal(p->blocked[0].extra, "{\"i\":4}");
	assert_int_equal(d.n, 6);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_example_workspace(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/workspace.json", &d);
	assert_int_equal(d.n, 0);
	assert_int_equal(m->n_options, 1);
	assert_int_equal(m->n_bindings, 1);
	assert_true(m->options[0].workspace_id == 6182736450912837);
	assert_true(m->bindings[0].workspace_id == 6182736450912837);
	assert_string_equal(m->options[0].policy_id, "np-prod-restricted");
	assert_string_equal(m->options[0].where.ptr, "/workspace_network_option");
	assert_string_equal(m->bindings[0].ncc_id, "d2c7f0a1-5b7e-4f43-8f5a-0c9a7b1e2d30");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy_findings),
		cmocka_unit_test(test_internet_findings),
		cmocka_unit_test(test_storage_findings),
		cmocka_unit_test(test_other_findings),
		cmocka_unit_test(test_binding_findings),
		cmocka_unit_test(test_quoted_values),
		cmocka_unit_test(test_quoted_control_characters),
		cmocka_unit_test(test_example_policy),
		cmocka_unit_test(test_tolerated),
		cmocka_unit_test(test_unknown_keys_are_kept),
		cmocka_unit_test(test_example_workspace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
