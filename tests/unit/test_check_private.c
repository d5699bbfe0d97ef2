// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check_private.c -- private endpoints that contradict each other, the workspaces or their NCC.
 */
#include "test_check.h"

#define STORAGE(name) \
	"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/" name
#define AZURE_RULE(id, account, group)                                          \
	"{\"rule_id\": \"" id                                                   \
	"\", \"resource_id\": \"" STORAGE(account) "\", \"group_id\": \"" group \
						   "\", \"connection_state\": \"ESTABLISHED\"}"
#define SERVICE_RULE(id, domain, state)                                               \
	"{\"rule_id\": \"" id "\", \"resource_id\": \"/x/privateLinkServices/pls-" id \
	"\", \"domain_names\": [\"" domain "\"], \"connection_state\": \"" state "\"}"
#define AWS_RULE(id, service, more)                                              \
	"{\"rule_id\": \"" id "\", \"endpoint_service\": \"" service "\", " more \
	", \"connection_state\": \"PENDING\"}"
#define NCC(id, region, flavour, rules)                         \
	"{\"network_connectivity_config_id\": \"" id            \
	"\", \"name\": \"ncc-one\", \"region\": \"" region      \
	"\", \"egress_config\": {\"target_rules\": {\"" flavour \
	"_private_endpoint_rules\": [" rules "]}}}"
#define TARGET(region, target)                                                                      \
	"{\"network_connectivity_config_id\": \"n1\", \"name\": \"ncc-one\", \"region\": \"" region \
	"\", \"egress_config\": {\"default_rules\": {\"azure_service_endpoint_rule\": "             \
	"{\"target_region\": \"" target "\", \"target_services\": [], \"subnets\": []}}}}"
#define ADDRESSES(list)    GATEWAY(", \"private_endpoints\": [" list "]")
#define HAS(id, addresses) "{\"rule_id\": \"" id "\", \"addresses\": [" addresses "]}"
#define AZURE_PTR(n)       "/egress_config/target_rules/azure_private_endpoint_rules/" #n
#define AWS_PTR(n)         "/egress_config/target_rules/aws_private_endpoint_rules/" #n
#define PE_PTR(n)          "/gateway/private_endpoints/" #n

static size_t count_errors(const struct dbx_diag *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].severity == DBX_SEV_ERROR;
	return n;
}

static void test_address_in_two_rules(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      ADDRESSES(HAS("r1", "\"10.9.0.4\", \"fd00::4\"") "," HAS(
		      "r2", "\"10.9.0.5\", \"fd00:0::4\"")));
	expect(&d, "address-in-two-rules", DBX_SEV_ERROR, "a.json", PE_PTR(1) "/addresses/1",
	       "fd00::4 of rule r2 is also that of rule r1, at /gateway/private_endpoints/0");
	dbx_diag_fini(&d);
	CHECK(&d, 0, ADDRESSES(HAS("r1", "\"10.9.0.4\", \"10.9.0.4\"")));
	expect(&d, "address-in-two-rules", DBX_SEV_ERROR, "a.json", PE_PTR(0) "/addresses/1",
	       "given twice");
	dbx_diag_fini(&d);
	CHECK(&d, 0, ADDRESSES(HAS("r1", "\"10.9.0.4\"") "," HAS("r2", "\"10.9.0.5\"")));
	assert_int_equal(count_errors(&d), 0);
	dbx_diag_fini(&d);
}

static void test_address_in_a_workload_prefix(void **state)
{
	static const char *const inside[] = {"10.66.1.0", "10.66.1.255", "10.66.1.9"};
	static const char *const outside[] = {"10.66.0.255",     "10.66.2.0", "::10.66.1.9",
					      "255.255.255.255", "0.0.0.0",   "fd66:1::"};
	struct dbx_diag d;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), ADDRESSES(HAS("r1", "\"10.9.0.4\", \"%s\"")),
			 inside[i]);
		CHECK(&d, 0, text);
		expect(&d, "address-in-workload", DBX_SEV_ERROR, "a.json", PE_PTR(0) "/addresses/1",
		       "10.66.1.0/24, a source of workspace 1, at /gateway/workspaces/0/sources/0");
		dbx_diag_fini(&d);
	}
	for (size_t i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), ADDRESSES(HAS("r1", "\"10.9.0.4\", \"%s\"")),
			 outside[i]);
		CHECK(&d, 0, text);
		assert_int_equal(count_findings(&d, "address-in-workload"), 0);
		dbx_diag_fini(&d);
	}
}

/* A VLAN's or a tunnel's sources count as well: a private address is reached from everywhere. */
static void test_address_among_nested_sources(void **state)
{
	static const char text[] =
		"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": ["
		"{\"workspace_id\": 1, \"sources\": [{\"prefix\": \"10.8.0.0/16\", \"vlan\": 7}]},"
		"{\"workspace_id\": 2, \"sources\": [{\"prefix\": \"10.8.4.0/24\", \"vni\": 9},"
		"{\"prefix\": \"fd66:2::/64\"}]}], \"private_endpoints\": [" HAS("r1", "\"10.8.4.4\"") "," HAS(
			"r2",
			"\"10.8.5.4\"") "," HAS("r3",
						"\"fd66:2::9\"") "," HAS("r4",
									 "\"10.9.4.4\"") "], \"paths\": [{\"path\": \"nat\", \"interface\": "
											 "\"up0\", \"source_addresses\": [\"10.8.255.255\", \"fd66:3::1\"]}]}}";
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, text);
	assert_int_equal(count_findings(&d, "address-in-workload"), 4);
	assert_int_equal(count_errors(&d), 4);
	for (size_t i = 0, n = 0; i < d.n; i++) {
		static const char *const ptrs[] = {
			PE_PTR(0) "/addresses/0", PE_PTR(1) "/addresses/0",
			PE_PTR(2) "/addresses/0", "/gateway/paths/0/source_addresses/0"};

		if (d.v[i].severity == DBX_SEV_ERROR)
			assert_string_equal(d.v[i].ptr, ptrs[n++]);
	}
	dbx_diag_fini(&d);
}

static void test_name_in_two_rules(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      NCC("n1", "eastus2", "azure",
		  SERVICE_RULE("r1", "orders.example.com", "ESTABLISHED") "," SERVICE_RULE(
			  "r2", "Orders.example.com.", "ESTABLISHED")));
	expect(&d, "name-in-two-rules", DBX_SEV_ERROR, "a.json", AZURE_PTR(1),
	       "orders.example.com is also a name of rule r1, at " AZURE_PTR(0) " of a.json");
	dbx_diag_fini(&d);
	/* a resource's own name, by group and by domain_names */
	CHECK(&d, 0,
	      NCC("n1", "eastus2", "azure",
		  AZURE_RULE("r1", "acct", "blob") "," SERVICE_RULE(
			  "r2", "acct.blob.core.windows.net", "ESTABLISHED")));
	expect(&d, "name-in-two-rules", DBX_SEV_ERROR, "a.json", AZURE_PTR(1),
	       "acct.blob.core.windows.net");
	dbx_diag_fini(&d);
}

static void test_name_in_two_rules_that_do_not_meet(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, /* one is not effective; another resource; another NCC */
	      NCC("n1", "eastus2", "azure",
		  SERVICE_RULE("r1", "orders.example.com", "ESTABLISHED") "," SERVICE_RULE(
			  "r2", "orders.example.com",
			  "PENDING") "," AZURE_RULE("r3", "acct",
						    "blob") "," AZURE_RULE("r4", "acct", "dfs")),
	      NCC("n2", "eastus2", "azure",
		  SERVICE_RULE("r5", "orders.example.com", "ESTABLISHED")));
	assert_int_equal(count_findings(&d, "name-in-two-rules"), 0);
	assert_int_equal(count_errors(&d), 0);
	dbx_diag_fini(&d);
}

static void test_region_of_a_service(void **state)
{
	static const char s3[] = "\"resource_names\": [\"bucket-one\"]";
	static const char vpce[] = "\"domain_names\": [\"git.example.com\"]";
	static const struct {
		const char *service, *region, *more, *says;
	} cases[] = {
		{"com.amazonaws.us-east-1.s3", "us-east-1", s3, NULL},
		{"com.amazonaws.us-east-1.s3", "US-EAST-1", s3, NULL},
		{"com.amazonaws.us-east-1.s3", "us-east-2", s3, "for region us-east-1"},
		{"com.amazonaws.us-east-1.s3", "us-east-11", s3, "its NCC n1 is in us-east-11"},
		{"cn.com.amazonaws.cn-north-1.s3", "us-east-1", s3, "cn-north-1"},
		{"com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0", "us-east-1", vpce,
		 NULL},
		{"com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0", "eu-west-1", vpce,
		 "for region us-east-1"},
		{"something.else", "eu-west-1", vpce, NULL},
	};
	struct dbx_diag d;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), NCC("n1", "%s", "aws", AWS_RULE("r1", "%s", "%s")),
			 cases[i].region, cases[i].service, cases[i].more);
		CHECK(&d, 0, text);
		if (cases[i].says)
			expect(&d, "region-mismatch", DBX_SEV_ERROR, "a.json",
			       AWS_PTR(0) "/endpoint_service", cases[i].says);
		else
			assert_int_equal(count_findings(&d, "region-mismatch"), 0);
		dbx_diag_fini(&d);
	}
}

static void test_target_region(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, TARGET("eastus2", "westus"));
	expect(&d, "region-mismatch", DBX_SEV_ERROR, "a.json",
	       "/egress_config/default_rules/azure_service_endpoint_rule/target_region",
	       "write eastus2");
	dbx_diag_fini(&d);
	CHECK(&d, 0, TARGET("eastus2", "EastUS2"));
	assert_int_equal(count_errors(&d), 0);
	dbx_diag_fini(&d);
	CHECK(&d, 0, TARGET("eastus2", ""));
	assert_int_equal(count_errors(&d), 0);
	dbx_diag_fini(&d);
}

/* Two documents: the rule, and the gateway with its private address. */
static size_t count_without_dns(const char *state, const char *more, const char *dns)
{
	struct dbx_diag d;
	char ncc[1024], gateway[1024];
	size_t n;

	snprintf(ncc, sizeof(ncc), NCC("n1", "eastus2", "azure", "%s\"%s\"}"),
		 "{\"rule_id\": \"r1\", \"resource_id\": \"" STORAGE(
			 "lake") "\", \"group_id\": \"blob\", \"connection_state\": ",
		 state);
	snprintf(gateway, sizeof(gateway),
		 GATEWAY(", \"private_endpoints\": [{\"rule_id\": \"r1\", \"addresses\": "
			 "[\"10.9.0.4\"]%s}]%s"),
		 more, dns);
	CHECK(&d, 0, ncc, gateway);
	n = count_findings(&d, "private-without-dns");
	if (n)
		expect(&d, "private-without-dns", DBX_SEV_WARNING, "b.json", PE_PTR(0),
		       "add \"dns\"");
	dbx_diag_fini(&d);
	return n;
}

static void test_private_required_without_a_resolver(void **state)
{
	static const char dns[] = ", \"dns\": {\"upstreams\": [\"192.0.2.53\"]}";

	(void)state;
	assert_int_equal(count_without_dns("ESTABLISHED", "", ""), 1);
	assert_int_equal(count_without_dns("ESTABLISHED", ", \"private_required\": true", ""), 1);
	assert_int_equal(count_without_dns("ESTABLISHED", ", \"private_required\": false", ""), 0);
	assert_int_equal(count_without_dns("PENDING", "", ""), 0);
	assert_int_equal(count_without_dns("ESTABLISHED", "", dns), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_in_two_rules),
		cmocka_unit_test(test_address_in_a_workload_prefix),
		cmocka_unit_test(test_address_among_nested_sources),
		cmocka_unit_test(test_name_in_two_rules),
		cmocka_unit_test(test_name_in_two_rules_that_do_not_meet),
		cmocka_unit_test(test_region_of_a_service),
		cmocka_unit_test(test_target_region),
		cmocka_unit_test(test_private_required_without_a_resolver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
