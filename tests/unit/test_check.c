// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check.c -- modes, dry-run, names that wait, bindings and limits of policies.
 */
#include "test_check.h"

#include "lib/strbuf.h"

#define ACCESS "/egress/network_access"

static void test_a_good_set_has_nothing_to_say(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, POLICY(RESTRICTED), OPTION("1", "np"), GATEWAY(""));
	if (d.n)
		fail_msg("%s: %s", d.v[0].code, d.v[0].text);
	dbx_diag_fini(&d);
}

static void test_full_access(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY("\"restriction_mode\": \"FULL_ACCESS\"" ALLOWED(NAME("a.example.com"))));
	expect(&d, "full-access", DBX_SEV_INFO, "a.json", ACCESS "/restriction_mode",
	       "FULL_ACCESS");
	expect(&d, "ignored-list", DBX_SEV_WARNING, "a.json",
	       ACCESS "/allowed_internet_destinations", "1 allowed");
	assert_int_equal(count_findings(&d, "waiting-for-names"), 0);
	dbx_diag_fini(&d);
}

static void test_no_egress(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, "{\"network_policy_id\": \"np\"}");
	expect(&d, "no-egress", DBX_SEV_WARNING, "a.json", "", "denies everything");
	dbx_diag_fini(&d);
	CHECK(&d, 0, POLICY("\"restriction_mode\": \"RESTRICTION_MODE_UNSPECIFIED\""));
	expect(&d, "no-egress", DBX_SEV_WARNING, "a.json", ACCESS "/restriction_mode",
	       "RESTRICTION_MODE_UNSPECIFIED");
	dbx_diag_fini(&d);
}

static void test_dry_run(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ", \"policy_enforcement\": {\"enforcement_mode\": \"DRY_RUN\"}"));
	expect(&d, "dry-run", DBX_SEV_WARNING, "a.json",
	       ACCESS "/policy_enforcement/enforcement_mode", "every product");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      POLICY(RESTRICTED ", \"policy_enforcement\": {\"enforcement_mode\": \"DRY_RUN\", "
				"\"dry_run_mode_product_filter\": [\"ML_SERVING\"]}"));
	expect(&d, "dry-run", DBX_SEV_WARNING, "a.json",
	       ACCESS "/policy_enforcement/enforcement_mode", "ML_SERVING; every other");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      POLICY(RESTRICTED ", \"policy_enforcement\": {\"enforcement_mode\": \"ENFORCED\"}"));
	assert_int_equal(count_findings(&d, "dry-run"), 0);
	dbx_diag_fini(&d);
}

static void test_names_wait(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(NAME("a.example.com") "," NAME(
		      "b.example.com")) ", \"allowed_storage_destinations\": [{\"storage_destination_type\": "
					"\"AZURE_STORAGE\", \"azure_storage_account\": \"acct\", "
					"\"azure_storage_service\": \"blob\"}]"));
	expect(&d, "waiting-for-names", DBX_SEV_WARNING, "a.json",
	       ACCESS "/allowed_internet_destinations", "3 destinations by name");
	dbx_diag_fini(&d);
	CHECK(&d, 0, POLICY(RESTRICTED BLOCKED(NAME("bad.example.com"))));
	expect(&d, "waiting-for-names", DBX_SEV_WARNING, "a.json",
	       ACCESS "/blocked_internet_destinations", "blocks 1 name;");
	dbx_diag_fini(&d);
}

static void test_bindings(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, GATEWAY(""), POLICY(RESTRICTED));
	expect(&d, "unbound-workspace", DBX_SEV_WARNING, "a.json", "/gateway/workspaces/0",
	       "workspace 1");
	expect(&d, "unused-policy", DBX_SEV_INFO, "b.json", "", "policy np");
	dbx_diag_fini(&d);
	CHECK(&d, 0, GATEWAY(""), POLICY(RESTRICTED), OPTION("1", "np"), OPTION("77", "np"));
	assert_int_equal(count_findings(&d, "unbound-workspace"), 0);
	assert_int_equal(count_findings(&d, "unused-policy"), 0);
	expect(&d, "workspace-elsewhere", DBX_SEV_INFO, "d.json", "", "workspace 77");
	dbx_diag_fini(&d);
}

/* default-policy holds for whoever has no option. */
static void test_default_policy(void **state)
{
	static const char text[] =
		"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": "
		"{\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}";
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, GATEWAY(""), text);
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
}

static void test_listed_workspaces(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, GATEWAY(""), OPTION("1", "np"),
	      POLICY(RESTRICTED
		     ", \"allowed_databricks_destinations\": [{\"workspace_ids\": [1, 55]}]"));
	expect(&d, "workspace-elsewhere", DBX_SEV_INFO, "c.json",
	       "/egress/network_access/allowed_databricks_destinations/0", "workspace 55");
	dbx_diag_fini(&d);
}

static void test_vendor_limits(void **state)
{
	struct dbx_strbuf s;
	struct dbx_diag d;
	int i;

	(void)state;
	dbx_strbuf_init(&s);
	dbx_strbuf_add(
		&s, "{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {" RESTRICTED
		    ", \"allowed_internet_destinations\": [");
	for (i = 0; i < 101; i++)
		dbx_strbuf_addf(&s,
				"%s{\"destination\": \"n%d.example.com\", "
				"\"internet_destination_type\": \"DNS_NAME\"}",
				i ? "," : "", i);
	dbx_strbuf_add(&s, "]}}}");
	CHECK(&d, 0, s.s);
	expect(&d, "vendor-limit", DBX_SEV_WARNING, "a.json",
	       ACCESS "/allowed_internet_destinations", "101 allowed names");
	dbx_diag_fini(&d);
	dbx_strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_set_has_nothing_to_say),
		cmocka_unit_test(test_full_access),
		cmocka_unit_test(test_no_egress),
		cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_names_wait),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_default_policy),
		cmocka_unit_test(test_listed_workspaces),
		cmocka_unit_test(test_vendor_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
