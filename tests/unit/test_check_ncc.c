// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check_ncc.c -- private endpoint rules: why they are not effective, and what leads to them.
 */
#include "test_check.h"

#include "lib/strbuf.h"

#define DAY_MS   (24 * 3600 * INT64_C(1000))
#define RULE_PTR "/egress_config/target_rules/azure_private_endpoint_rules/0"
#define ACCOUNT  "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct"
#define AZURE_RULE(more)                                                                       \
	"\"azure_private_endpoint_rules\": [{\"rule_id\": \"r1\", \"resource_id\": \"" ACCOUNT \
	"\", \"group_id\": \"blob\", \"creation_time\": 864000000" more "}]"
#define NCC(rules)                                                             \
	"{\"network_connectivity_config_id\": \"n1\", \"name\": \"ncc-one\", " \
	"\"region\": \"eastus2\", \"egress_config\": {\"target_rules\": {" rules "}}}"

static void test_pending_rule(void **state)
{
	struct dbx_diag d;

	(void)state;
	/* created on day 10, now day 15: 9 of 14 left */
	CHECK(&d, 15 * DAY_MS, NCC(AZURE_RULE(", \"connection_state\": \"PENDING\"")));
	expect(&d, "rule-not-effective", DBX_SEV_WARNING, "a.json", RULE_PTR,
	       "not approved it yet; 9 of 14 days left");
	dbx_diag_fini(&d);
	CHECK(&d, 30 * DAY_MS, NCC(AZURE_RULE(", \"connection_state\": \"PENDING\"")));
	expect(&d, "rule-not-effective", DBX_SEV_WARNING, "a.json", RULE_PTR, "14 days are over");
	dbx_diag_fini(&d);
	CHECK(&d, 0, NCC(AZURE_RULE(", \"connection_state\": \"PENDING\"")));
	assert_null(strstr(the_finding(&d, "rule-not-effective")->text, "days left"));
	dbx_diag_fini(&d);
}

static void test_reasons_of_states(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      NCC(AZURE_RULE(
		      ", \"connection_state\": \"DISCONNECTED\", \"error_message\": \"gone\"")));
	expect(&d, "rule-not-effective", DBX_SEV_WARNING, "a.json", RULE_PTR,
	       "delete the rule: gone;");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      NCC(AZURE_RULE(", \"connection_state\": \"ESTABLISHED\", \"deactivated\": true")));
	expect(&d, "rule-not-effective", DBX_SEV_WARNING, "a.json", RULE_PTR, "deactivated");
	dbx_diag_fini(&d);
}

static void test_s3_rule_not_enabled(void **state)
{
	static const char rule[] =
		"\"aws_private_endpoint_rules\": [{\"rule_id\": \"r1\", \"endpoint_service\": "
		"\"com.amazonaws.us-east-1.s3\", \"resource_names\": [\"bucket-one\"], "
		"\"connection_state\": \"ESTABLISHED\"}]";
	struct dbx_strbuf s;
	struct dbx_diag d;

	(void)state;
	dbx_strbuf_init(&s);
	dbx_strbuf_addf(&s, NCC("%s"), rule);
	CHECK(&d, 0, s.s);
	expect(&d, "rule-not-effective", DBX_SEV_WARNING, "a.json",
	       "/egress_config/target_rules/aws_private_endpoint_rules/0", "enabled = true");
	dbx_diag_fini(&d);
	dbx_strbuf_fini(&s);
}

static void test_effective_rule(void **state)
{
	static const char addresses[] =
		GATEWAY(", \"private_endpoints\": [{\"rule_id\": \"r1\", \"addresses\": "
			"[\"10.9.0.4\"]}]");
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, NCC(AZURE_RULE(", \"connection_state\": \"ESTABLISHED\"")), GATEWAY(""));
	assert_int_equal(count_findings(&d, "rule-not-effective"), 0);
	expect(&d, "rule-without-address", DBX_SEV_ERROR, "a.json", RULE_PTR,
	       "write {\"rule_id\": \"r1\", \"addresses\": [...]} into its \"private_endpoints\"");
	dbx_diag_fini(&d);
	CHECK(&d, 0, NCC(AZURE_RULE(", \"connection_state\": \"ESTABLISHED\"")), addresses);
	assert_int_equal(count_findings(&d, "rule-without-address"), 0);
	assert_int_equal(count_findings(&d, "rule-without-names"), 0);
	dbx_diag_fini(&d);
}

static void test_rule_without_names(void **state)
{
	static const char rule[] =
		"\"azure_private_endpoint_rules\": [{\"rule_id\": \"r1\", \"resource_id\": "
		"\"/subscriptions/s/resourceGroups/g/providers/X/y/z\", \"group_id\": \"unheard-of\", "
		"\"connection_state\": \"ESTABLISHED\"}]";
	struct dbx_strbuf s;
	struct dbx_diag d;

	(void)state;
	dbx_strbuf_init(&s);
	dbx_strbuf_addf(&s, NCC("%s"), rule);
	CHECK(&d, 0, s.s);
	expect(&d, "rule-without-names", DBX_SEV_INFO, "a.json", RULE_PTR, "domain_names");
	dbx_diag_fini(&d);
	dbx_strbuf_fini(&s);
}

static void test_limits(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char text[256];
	int i;

	(void)state;
	for (i = 0; i < 11; i++) {
		snprintf(text, sizeof(text),
			 "{\"network_connectivity_config_id\": \"n%d\", \"name\": \"ncc-%d\", "
			 "\"region\": \"eastus2\"}",
			 i, i);
		add_doc(m, "ncc.json", text);
	}
	for (i = 0; i < 51; i++) {
		snprintf(text, sizeof(text),
			 "{\"workspace_id\": %d, \"network_connectivity_config_id\": \"n0\"}",
			 i + 1);
		add_doc(m, "binding.json", text);
	}
	dbx_diag_init(&d);
	assert_int_equal(dbx_check(m, 0, &d), 0);
	assert_int_equal(count_findings(&d, "vendor-limit"), 2);
	assert_non_null(strstr(d.v[0].text, "more than 10 NCCs in region eastus2"));
	assert_non_null(strstr(d.v[1].text, "more than 50 workspaces bound to NCC n0"));
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_service_endpoint_region(void **state)
{
	static const char ncc[] =
		"{\"network_connectivity_config_id\": \"n1\", \"name\": \"ncc-one\", \"region\": "
		"\"eastus2\", \"egress_config\": {\"default_rules\": {\"azure_service_endpoint_rule\": "
		"{\"target_region\": \"EastUS2\", \"target_services\": [\"AZURE_BLOB_STORAGE\"], "
		"\"subnets\": []}}}}";
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, ncc, AZURE("1", TAG("Storage.EastUS2", "eastus2", "\"1.0.0.0/24\"")));
	assert_int_equal(count_findings(&d, "no-service-endpoint"), 0);
	dbx_diag_fini(&d);
	CHECK(&d, 0, ncc, AZURE("1", TAG("Storage.WestUS", "westus", "\"1.0.0.0/24\"")));
	expect(&d, "no-service-endpoint", DBX_SEV_INFO, "a.json", "", "EastUS2");
	dbx_diag_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pending_rule),
		cmocka_unit_test(test_reasons_of_states),
		cmocka_unit_test(test_s3_rule_not_enabled),
		cmocka_unit_test(test_effective_rule),
		cmocka_unit_test(test_rule_without_names),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_service_endpoint_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
