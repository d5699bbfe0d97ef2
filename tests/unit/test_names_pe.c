/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_names_pe.c -- what an NCC's private endpoints make of names: the answer, the refusal, the guards;
 * for each policy that uses it, and not for those that use another.
 */
#include "unit/readcase.h"

#include "policy/names.h"
#include "policy/ruletext.h"

#define RES "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake"

/* Rules of NCC ncc-a: blob of lake; orders.example.com; a bucket; one that waits. */
static const char ncc_a[] =
	"{'network_connectivity_config_id':'ncc-a','name':'ncc-a','region':'eastus2',"
	"'egress_config':{'target_rules':{'azure_private_endpoint_rules':["
	"{'rule_id':'r-blob','network_connectivity_config_id':'ncc-a','resource_id':'" RES "',"
	"'group_id':'blob','connection_state':'ESTABLISHED'},"
	"{'rule_id':'r-dfs','network_connectivity_config_id':'ncc-a','resource_id':'" RES "',"
	"'group_id':'dfs','connection_state':'PENDING'},"
	"{'rule_id':'r-queue','network_connectivity_config_id':'ncc-a','resource_id':'" RES "',"
	"'group_id':'queue','connection_state':'PENDING'},"
	"{'rule_id':'r-table','network_connectivity_config_id':'ncc-a','resource_id':'" RES "',"
	"'group_id':'table','connection_state':'ESTABLISHED'},"
	"{'rule_id':'r-orders-old','network_connectivity_config_id':'ncc-a',"
	"'resource_id':'/s/providers/Microsoft.Network/privateLinkServices/old',"
	"'domain_names':['orders.example.com'],'connection_state':'REJECTED'},"
	"{'rule_id':'r-orders','network_connectivity_config_id':'ncc-a',"
	"'resource_id':'/s/providers/Microsoft.Network/privateLinkServices/pls',"
	"'domain_names':['orders.example.com'],'connection_state':'ESTABLISHED'}]}}}";
static const char ncc_b[] =
	"{'network_connectivity_config_id':'ncc-b','name':'ncc-b','region':'eastus2'}";
static const char gateway[] =
	"{'gateway':{'workspaces':["
	"{'workspace_id':1,'sources':[{'prefix':'10.1.0.0/24'}]},"
	"{'workspace_id':2,'sources':[{'prefix':'10.2.0.0/24'}]},"
	"{'workspace_id':3,'sources':[{'prefix':'10.3.0.0/24'}]},"
	"{'workspace_id':4,'sources':[{'prefix':'10.4.0.0/24'}]},"
	"{'workspace_id':5,'sources':[{'prefix':'10.5.0.0/24'}]}],"
	"'private_endpoints':["
	"{'rule_id':'r-blob','addresses':['10.9.0.4','fd00:9::4']},"
	"{'rule_id':'r-queue','addresses':['10.9.0.6'],'private_required':false},"
	"{'rule_id':'r-table','addresses':['10.9.0.7'],'private_required':false},"
	"{'rule_id':'r-orders','addresses':['10.9.0.5']}]}}";

#define NP(id, more, allowed, blocked)                                                             \
	"{'network_policy_id':'" id "','egress':{'network_access':{" more                          \
	",'allowed_internet_destinations':[" allowed "],'blocked_internet_destinations':[" blocked \
	"]}}}"
#define NAME(n)    "{'destination':'" n "','internet_destination_type':'DNS_NAME'}"
#define RESTRICTED "'restriction_mode':'RESTRICTED_ACCESS'"

/*
 * Workspaces 1 (listed names), 2 (full access), 3 (dry-run, nothing listed), 5 (blocked) have ncc-a;
 * 4 has the policy of 1 and ncc-b.
 */
static struct dbx_names *begin(void)
{
	static const char *const policies[] = {
		NP("np-list", RESTRICTED,
		   NAME("lake.blob.core.windows.net") "," NAME("lake.dfs.core.windows.net") "," NAME(
			   "lake.queue.core.windows.net") "," NAME("lake.table.core.windows.net"),
		   ""),
		NP("np-full", "'restriction_mode':'FULL_ACCESS'", "", ""),
		NP("np-dry",
		   RESTRICTED ",'policy_enforcement':{'enforcement_mode':'DRY_RUN',"
			      "'dry_run_mode_product_filter':[]}",
		   "", ""),
		NP("np-block", RESTRICTED, NAME("lake.blob.core.windows.net"),
		   NAME("lake.blob.core.windows.net")),
	};
	static const char *const uses[] = {"np-list", "np-full", "np-dry", "np-list", "np-block"};
	struct dbx_model *m = dbx_model_new();
	struct dbx_names *n;
	struct dbx_diag d;
	char text[200];

	dbx_diag_init(&d);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(read_quoted(m, "np", policies[i], &d), 0);
	assert_int_equal(read_quoted(m, "ncc-a", ncc_a, &d), 0);
	assert_int_equal(read_quoted(m, "ncc-b", ncc_b, &d), 0);
	assert_int_equal(read_quoted(m, "gw", gateway, &d), 0);
	for (int i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "{'workspace_id':%d,'network_policy_id':'%s'}", i + 1,
			 uses[i]);
		assert_int_equal(read_quoted(m, "option", text, &d), 0);
		snprintf(text, sizeof(text),
			 "{'workspace_id':%d,'network_connectivity_config_id':'ncc-%c'}", i + 1,
			 i == 3 ? 'b' : 'a');
		assert_int_equal(read_quoted(m, "binding", text, &d), 0);
	}
	assert_int_equal(dbx_model_resolve(m, &d), 0);
	assert_int_equal(dbx_names_new(m, &n), 0);
	dbx_diag_fini(&d);
	dbx_model_free(&m); /* the index does not need it */
	return n;
}

static struct dbx_name_decision ask(const struct dbx_names *n, int64_t workspace, const char *name)
{
	struct dbx_name_decision d;

	dbx_names_decide(n, workspace, DBX_PRODUCT_GENERAL_COMPUTE, name, &d);
	return d;
}

static uint64_t pe_uid(const char *rule_id)
{
	char text[100];

	snprintf(text, sizeof(text), "private endpoint rule %s", rule_id);
	return dbx_rule_uid("", text);
}

static void test_scopes(void **state)
{
	struct dbx_names *n = begin();
	const char *policy, *ncc;

	(void)state;
	assert_true(dbx_names_policy_of(n, 1) == dbx_scope_uid("np-list", "ncc-a"));
	assert_true(dbx_names_policy_of(n, 4) ==
		    dbx_policy_uid("np-list")); /* ncc-b has no rules */
	assert_true(dbx_names_policy_of(n, 9) == 0);
	assert_true(dbx_names_scope(n, dbx_scope_uid("np-list", "ncc-a"), &policy, &ncc));
	assert_string_equal(policy, "np-list");
	assert_string_equal(ncc, "ncc-a");
	assert_true(dbx_names_scope(n, dbx_policy_uid("np-full"), &policy, &ncc));
	assert_string_equal(ncc, "");
	assert_false(dbx_names_scope(n, 77, &policy, &ncc));
	dbx_names_free(&n);
}

static void test_effective(void **state)
{
	struct dbx_names *n = begin();
	struct dbx_name_decision d = ask(n, 1, "lake.blob.core.windows.net");
	char text[DBX_ADDR_STRLEN];

	(void)state;
	assert_int_equal(d.verdict, DBX_VERDICT_PASS);
	assert_int_equal(d.reason, DBX_REASON_PRIVATE_ENDPOINT);
	assert_true(d.is_private);
	assert_false(d.needs_learning);
	assert_string_equal(d.cname, "lake.privatelink.blob.core.windows.net");
	assert_int_equal(d.n_addrs, 2);
	assert_string_equal(dbx_addr_format(&d.addrs[0], text), "10.9.0.4");
	assert_string_equal(dbx_addr_format(&d.addrs[1], text), "fd00:9::4");
	assert_true(d.rule_uid &&
		    d.rule_uid != pe_uid("r-blob")); /* the policy's entry allows it */
	assert_true(d.policy_uid == dbx_scope_uid("np-list", "ncc-a"));

	/* Asked for by the name in the private zone: no alias of itself. */
	d = ask(n, 1, "lake.privatelink.blob.core.windows.net");
	assert_int_equal(d.reason, DBX_REASON_PRIVATE_ENDPOINT);
	assert_string_equal(d.cname, "");
	assert_int_equal(d.n_addrs, 2);

	/* The same policy by way of another NCC: public. */
	d = ask(n, 4, "lake.blob.core.windows.net");
	assert_int_equal(d.reason, DBX_REASON_LISTED_NAME);
	assert_true(d.needs_learning && !d.is_private && !d.n_addrs);

	d = ask(n, 2, "lake.blob.core.windows.net");
	assert_int_equal(d.reason, DBX_REASON_PRIVATE_ENDPOINT);
	assert_true(d.rule_uid == pe_uid("r-blob"));
	d = ask(n, 2, "www.example.org");
	assert_int_equal(d.reason, DBX_REASON_FULL_ACCESS);

	/* domain_names need no entry; of two rules the effective one counts */
	d = ask(n, 1, "orders.example.com");
	assert_int_equal(d.reason, DBX_REASON_PRIVATE_ENDPOINT);
	assert_true(d.rule_uid == pe_uid("r-orders"));
	assert_string_equal(d.cname, "");
	dbx_names_free(&n);
}

static void test_not_allowed(void **state)
{
	struct dbx_names *n = begin();
	struct dbx_name_decision d = ask(n, 5, "lake.blob.core.windows.net");

	(void)state;
	assert_int_equal(d.reason, DBX_REASON_DNS_BLOCKED);
	assert_false(d.is_private);
	d = ask(n, 5, "lake.privatelink.blob.core.windows.net"); /* no way around */
	assert_int_equal(d.reason, DBX_REASON_DNS_BLOCKED);
	dbx_names_decide_policy(n, dbx_scope_uid("np-dry", "ncc-a"), "lake.blob.core.windows.net",
				&d);
	assert_int_equal(d.verdict, DBX_VERDICT_DROP);
	assert_int_equal(d.reason, DBX_REASON_DNS_DENIED);
	d = ask(n, 3, "lake.blob.core.windows.net"); /* dry-run: not by the public path either */
	assert_int_equal(d.verdict, DBX_VERDICT_DRY_RUN);
	assert_int_equal(d.reason, DBX_REASON_DNS_DENIED);
	assert_true(d.is_private && d.n_addrs == 2);
	dbx_names_free(&n);
}

static void test_not_effective(void **state)
{
	struct dbx_names *n = begin();
	struct dbx_name_decision d;

	(void)state;
	for (int64_t workspace = 1; workspace <= 3; workspace++) { /* in dry-run too */
		d = ask(n, workspace, "lake.dfs.core.windows.net");
		assert_int_equal(d.verdict, DBX_VERDICT_DROP);
		assert_int_equal(d.reason, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE);
		assert_true(d.rule_uid == pe_uid("r-dfs"));
		assert_string_equal(d.rule_text, "private endpoint rule r-dfs");
		assert_false(d.is_private);
	}
	/* private_required false: as if there were no rule; effective, it still answers */
	d = ask(n, 1, "lake.queue.core.windows.net");
	assert_int_equal(d.reason, DBX_REASON_LISTED_NAME);
	assert_true(d.needs_learning);
	d = ask(n, 1, "lake.table.core.windows.net");
	assert_int_equal(d.reason, DBX_REASON_PRIVATE_ENDPOINT);
	dbx_names_free(&n);
}

static void add_guard(void *arg, uint64_t policy_uid, uint64_t rule_uid, const char *name)
{
	assert_true(rule_uid != 0);
	if (policy_uid == dbx_scope_uid("np-list", "ncc-a"))
		snprintf((char *)arg + strlen(arg), 1000 - strlen(arg), "%s ", name);
}

static void test_guards(void **state)
{
	struct dbx_names *n = begin();
	uint64_t scope = dbx_scope_uid("np-list", "ncc-a"), rule = 0;
	char text[1000] = "";

	(void)state;
	dbx_names_each_guard(n, add_guard, text);
	assert_string_equal(text,
			    "lake.blob.core.windows.net lake.privatelink.blob.core.windows.net "
			    "lake.dfs.core.windows.net lake.privatelink.dfs.core.windows.net "
			    "orders.example.com ");
	assert_true(dbx_names_is_guarded(n, scope, "orders.example.com", &rule));
	assert_true(rule == pe_uid("r-orders"));
	assert_true(dbx_names_is_guarded(n, scope, "lake.privatelink.dfs.core.windows.net", NULL));
	assert_false(dbx_names_is_guarded(n, scope, "lake.table.core.windows.net", &rule));
	assert_false(
		dbx_names_is_guarded(n, dbx_policy_uid("np-list"), "orders.example.com", NULL));
	assert_false(dbx_names_is_guarded(n, 77, "orders.example.com", NULL));
	dbx_names_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scopes),      cmocka_unit_test(test_effective),
		cmocka_unit_test(test_not_allowed), cmocka_unit_test(test_not_effective),
		cmocka_unit_test(test_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
