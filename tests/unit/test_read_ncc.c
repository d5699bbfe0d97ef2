/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_ncc.c -- NCCs and private endpoint rules: fields, flavours, refusals.
 */
#include "unit/readcase.h"

#define RULE(rest) "{'rule_id':'r','network_connectivity_config_id':'n'," rest "}"
#define NCC(rest)  "{'network_connectivity_config_id':'n','egress_config':{" rest "}}"

static void test_ncc_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{'name':'n','region':'r'}", DBX_SEV_ERROR, "missing-key", "",
		 "\"network_connectivity_config_id\""},
		{"{'network_connectivity_config_id':''}", DBX_SEV_ERROR, "bad-id",
		 "/network_connectivity_config_id", NULL},
		{"{'network_connectivity_config_id':'n','creation_time':'soon'}", DBX_SEV_ERROR,
		 "bad-number", "/creation_time", "\"soon\""},
		{"{'network_connectivity_config_id':'n','x':1}", DBX_SEV_WARNING, "unknown-key",
		 "/x", NULL},
		{NCC("'default_rules':{'aws_stable_ip_rule':{'cidr_blocks':['10.0.0.1/8']}}"),
		 DBX_SEV_ERROR, "host-bits",
		 "/egress_config/default_rules/aws_stable_ip_rule/cidr_blocks/0", "10.0.0.0/8"},
		{NCC("'default_rules':{'azure_service_endpoint_rule':{'subnets':'x'}}"),
		 DBX_SEV_ERROR, "wrong-type",
		 "/egress_config/default_rules/azure_service_endpoint_rule/subnets", NULL},
		{NCC("'default_rules':{'gcp_rule':{}}"), DBX_SEV_WARNING, "unknown-key",
		 "/egress_config/default_rules/gcp_rule", NULL},
		{NCC("'target_rules':{'gcp_private_endpoint_rules':[]}"), DBX_SEV_WARNING,
		 "unknown-key", "/egress_config/target_rules/gcp_private_endpoint_rules", NULL},
		{NCC("'target_rules':{'aws_private_endpoint_rules':{}}"), DBX_SEV_ERROR,
		 "wrong-type", "/egress_config/target_rules/aws_private_endpoint_rules", NULL},
		{NCC("'target_rules':{'azure_private_endpoint_rules':[{'resource_id':'x'}]}"),
		 DBX_SEV_ERROR, "missing-key",
		 "/egress_config/target_rules/azure_private_endpoint_rules/0", "\"rule_id\""},
		{NCC("'target_rules':{'azure_private_endpoint_rules':[{'rule_id':'r','resource_id':'x',"
		     "'network_connectivity_config_id':'other'}]}"),
		 DBX_SEV_ERROR, "id-mismatch",
		 "/egress_config/target_rules/azure_private_endpoint_rules/0/"
		 "network_connectivity_config_id",
		 "\"other\""},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_rule_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{'rule_id':'r','resource_id':'x'}", DBX_SEV_ERROR, "missing-key", "",
		 "\"network_connectivity_config_id\""},
		{"{'rule_id':'','network_connectivity_config_id':'n','resource_id':'x'}",
		 DBX_SEV_ERROR, "bad-id", "/rule_id", NULL},
		{RULE("'group_id':'dfs'"), DBX_SEV_ERROR, "rule-shape", "", "no target"},
		{RULE("'resource_id':'x','endpoint_service':'y'"), DBX_SEV_ERROR, "rule-shape", "",
		 "several targets"},
		{RULE("'gcp_endpoint':{},'endpoint_service':'y'"), DBX_SEV_ERROR, "rule-shape", "",
		 NULL},
		{RULE("'resource_id':'x','domain_names':['*.example.com']"), DBX_SEV_ERROR,
		 "bad-name", "/domain_names/0", "wildcard"},
		{RULE("'resource_id':'x','domain_names':['a.example.com',3]"), DBX_SEV_ERROR,
		 "wrong-type", "/domain_names/1", NULL},
		{RULE("'resource_id':'x','connection_state':'APPROVED'"), DBX_SEV_WARNING,
		 "unknown-value", "/connection_state", "not effective"},
		{RULE("'resource_id':'x','deactivated':'yes'"), DBX_SEV_ERROR, "wrong-type",
		 "/deactivated", "true or false"},
		{RULE("'endpoint_service':'com.amazonaws.r.s3','enabled':1"), DBX_SEV_ERROR,
		 "wrong-type", "/enabled", NULL},
		{RULE("'gcp_endpoint':'x'"), DBX_SEV_ERROR, "wrong-type", "/gcp_endpoint", NULL},
		{RULE("'resource_id':'x','shiny':1"), DBX_SEV_WARNING, "unknown-key", "/shiny",
		 NULL},
		{"{'items':[{'rule_id':'r','network_connectivity_config_id':'n'}]}", DBX_SEV_ERROR,
		 "rule-shape", "/items/0", NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_flavours(void **state)
{
	static const struct {
		const char *json;
		enum dbx_pe_flavour flavour;
	} cases[] = {
		{RULE("'resource_id':'/x','group_id':'dfs'"), DBX_PE_AZURE_RESOURCE},
		{RULE("'resource_id':'/x','group_id':'sites','domain_names':['a.example.com']"),
		 DBX_PE_AZURE_RESOURCE},
		{RULE("'resource_id':'/x','domain_names':['a.example.com']"), DBX_PE_AZURE_SERVICE},
		{RULE("'resource_id':'/x','group_id':'','domain_names':['a.example.com']"),
		 DBX_PE_AZURE_SERVICE},
		{RULE("'endpoint_service':'com.amazonaws.us-east-1.s3','resource_names':['b']"),
		 DBX_PE_AWS_S3},
		{RULE("'endpoint_service':'com.amazonaws.us-east-1.s3'"), DBX_PE_AWS_S3},
		{RULE("'endpoint_service':'com.amazonaws.vpce.us-east-1.vpce-svc-0','domain_names':["
		      "'a.example.com']"),
		 DBX_PE_AWS_SERVICE},
		{RULE("'gcp_endpoint':{'service_attachment':'s'}"), DBX_PE_GCP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_model *m = read_clean(cases[i].json);

		assert_int_equal(m->pe_rules[0].flavour, cases[i].flavour);
		dbx_model_free(&m);
	}
}

static void test_effective(void **state)
{
	static const struct {
		const char *json;
		bool effective;
	} cases[] = {
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'ESTABLISHED'"),
		 true},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'ESTABLISHED',"
		      "'deactivated':true"),
		 false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'ESTABLISHED',"
		      "'enabled':false"),
		 true},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'PENDING'"), false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'REJECTED'"), false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'DISCONNECTED'"),
		 false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'EXPIRED'"), false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'INIT'"), false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'CREATING'"), false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':'CREATE_FAILED'"),
		 false},
		{RULE("'resource_id':'/x','group_id':'dfs','connection_state':"
		      "'CONNECTION_STATE_UNSPECIFIED'"),
		 false},
		{RULE("'resource_id':'/x','group_id':'dfs'"), false},
		{RULE("'endpoint_service':'com.amazonaws.r.s3','connection_state':'ESTABLISHED'"),
		 false},
		{RULE("'endpoint_service':'com.amazonaws.r.s3','connection_state':'ESTABLISHED',"
		      "'enabled':false"),
		 false},
		{RULE("'endpoint_service':'com.amazonaws.r.s3','connection_state':'ESTABLISHED',"
		      "'enabled':true"),
		 true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_model *m = read_clean(cases[i].json);

		if (dbx_pe_rule_is_effective(&m->pe_rules[0]) != cases[i].effective)
			fail_msg("%s", cases[i].json);
		dbx_model_free(&m);
	}
}

/* Every field of the example in egress-model 9.2. */
static void test_example_azure(void **state)
{
#define RULES "/egress_config/target_rules/azure_private_endpoint_rules/"
	struct dbx_model *m = dbx_model_new();
	const struct dbx_pe_rule *r;
	const struct dbx_ncc *n;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/ncc-azure.json", &d);
	assert_int_equal(d.n, 0);
	n = dbx_model_ncc(m, "d2c7f0a1-5b7e-4f43-8f5a-0c9a7b1e2d30");
	assert_non_null(n);
	assert_string_equal(n->name, "ncc-eastus2-prod");
	assert_string_equal(n->region, "eastus2");
	assert_true(n->creation_time_ms == 1754300000000 && n->updated_time_ms == 1755700000000);
	assert_true(n->has_service_endpoint);
	assert_string_equal(n->target_region, "eastus2");
	assert_int_equal(n->n_target_services, 1);
	assert_string_equal(n->target_services[0], "AZURE_BLOB_STORAGE");
	assert_int_equal(n->n_subnets, 1);
	assert_int_equal(m->n_pe_rules, 3);
	r = &m->pe_rules[0];
	assert_string_equal(r->ncc_id, n->id);
	assert_string_equal(r->group_id, "dfs");
	assert_int_equal(r->state, DBX_PE_ESTABLISHED);
	assert_true(r->has_deactivated && !r->deactivated && !r->has_enabled);
	assert_string_equal(r->endpoint_name, "databricks-d2c7f0a1-pe-1b0f6b0e");
	assert_string_equal(r->where.ptr, RULES "0");
	r = &m->pe_rules[2];
	assert_int_equal(r->flavour, DBX_PE_AZURE_SERVICE);
	assert_string_equal(r->domain_names[0], "orders.contoso-internal.example");
	assert_true(r->deactivated && r->deactivated_at_ms == 1755690000000);
	assert_string_equal(r->error_message, "connection removed by the resource owner");
	assert_string_equal(r->where.ptr, RULES "2");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_example_aws(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/ncc-aws.json", &d);
	assert_int_equal(m->nccs[0].n_stable_ips, 1);
	assert_int_equal(m->nccs[0].stable_ips[0].len, 28);
	assert_string_equal(m->nccs[0].extra_stable, "{\"x\":1}");
	assert_false(m->nccs[0].has_service_endpoint);
	assert_int_equal(m->n_pe_rules, 2);
	assert_string_equal(m->pe_rules[0].ncc_id, "ncc-aws"); /* from the parent */
	assert_true(m->pe_rules[0].has_enabled && m->pe_rules[0].enabled);
	assert_string_equal(m->pe_rules[0].resource_names[0], "contoso-partner-drop");
	assert_string_equal(m->pe_rules[0].vpc_endpoint_id, "vpce-0a1b2c3d4e5f67890");
	assert_int_equal(m->pe_rules[1].state, DBX_PE_EXPIRED);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ncc_findings),  cmocka_unit_test(test_rule_findings),
		cmocka_unit_test(test_flavours),      cmocka_unit_test(test_effective),
		cmocka_unit_test(test_example_azure), cmocka_unit_test(test_example_aws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
