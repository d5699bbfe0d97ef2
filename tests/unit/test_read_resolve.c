/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_resolve.c -- what spans documents: references, duplicates, claims, merged rules, order.
 */
#include "unit/readcase.h"

#define MAX_DOCS 6

struct resolve_case {
	const char *docs[MAX_DOCS]; /* named doc0, doc1, ... */
	int rc;
	enum dbx_severity severity;
	const char *code, *doc, *ptr, *says; /* code NULL: no finding */
};

static struct dbx_model *read_docs(const char *const *docs, struct dbx_diag *d)
{
	struct dbx_model *m = dbx_model_new();
	char name[24];

	for (int i = 0; i < MAX_DOCS && docs[i]; i++) {
		snprintf(name, sizeof(name), "doc%d", i);
		if (read_quoted(m, name, docs[i], d)) {
			print_findings(d);
			fail_msg("%s", docs[i]);
		}
	}
	return m;
}

static void run_case(const struct resolve_case *c)
{
	const struct dbx_finding *f;
	struct dbx_model *m;
	struct dbx_diag d;
	int rc;

	dbx_diag_init(&d);
	m = read_docs(c->docs, &d);
	rc = dbx_model_resolve(m, &d);
	f = c->code ? find_finding(&d, c->code, c->ptr) : NULL;
	if (rc != c->rc || d.n != (c->code != NULL) ||
	    (c->code && (!f || f->severity != c->severity || strcmp(f->doc, c->doc) ||
			 (c->says && !strstr(f->text, c->says))))) {
		print_error("%s\nrc %d; expected %s %s at %s %s; found:\n", c->docs[0], rc,
			    dbx_severity_name(c->severity), c->code, c->doc, c->ptr);
		print_findings(&d);
		fail();
	}
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

#define POLICY(id)   "{'network_policy_id':'" id "'}"
#define OPTION(w, p) "{'workspace_id':" w ",'network_policy_id':'" p "'}"
#define NCC(id)      "{'network_connectivity_config_id':'" id "','egress_config':{}}"
#define BIND(w, n)   "{'workspace_id':" w ",'network_connectivity_config_id':'" n "'}"
#define RULE(id, n) \
	"{'rule_id':'" id "','network_connectivity_config_id':'" n "','resource_id':'/x'}"
#define GW(rest) "{'gateway':{" rest "}}"
#define FEED(cloud)                                                                  \
	"{'changeNumber':7,'cloud':'" cloud "','values':[{'name':'A','properties':{" \
	"'addressPrefixes':['10.0.0.0/8']}}]}"

static const struct resolve_case reference_cases[] = {
	{{POLICY("p"), OPTION("1", "p")}, 0, 0, NULL, NULL, NULL, NULL},
	{{OPTION("1", "p"), POLICY("p")}, 0, 0, NULL, NULL, NULL, NULL},
	{{POLICY("p"), OPTION("1", "q")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-policy",
	 "doc1",
	 "/network_policy_id",
	 "\"q\""},
	{{OPTION("1", "default-policy")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-policy",
	 "doc0",
	 "/network_policy_id",
	 NULL},
	{{NCC("n"), BIND("1", "n")}, 0, 0, NULL, NULL, NULL, NULL},
	{{NCC("n"), BIND("1", "m")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-ncc",
	 "doc1",
	 "/network_connectivity_config_id",
	 "\"m\""},
	{{NCC("n"), RULE("r", "n")}, 0, 0, NULL, NULL, NULL, NULL},
	{{RULE("r", "n")}, 0, DBX_SEV_WARNING, "no-such-ncc", "doc0", "", "\"n\""},
	{{GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1']}]")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-rule",
	 "doc0",
	 "/gateway/private_endpoints/0/rule_id",
	 "\"r\""},
	{{GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1']}]"), NCC("n"),
	  RULE("r", "n")},
	 0,
	 0,
	 NULL,
	 NULL,
	 NULL,
	 NULL},
	{{GW("'allowed_destinations':[{'label':'l','prefixes':['10.0.0.0/8'],"
	     "'network_policy_ids':['p','q']}]"),
	  POLICY("p")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-policy",
	 "doc0",
	 "/gateway/allowed_destinations/0/network_policy_ids/1",
	 "\"q\""},
	{{GW("'blocked_destinations':[{'label':'l','prefixes':['10.0.0.0/8'],"
	     "'network_policy_ids':['p']}]")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-policy",
	 "doc0",
	 "/gateway/blocked_destinations/0/network_policy_ids/0",
	 NULL},
	{{GW("'paths':[{'path':'nat','interface':'up0','ncc_ids':['n','m']}]"), NCC("n")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-ncc",
	 "doc0",
	 "/gateway/paths/0/ncc_ids/1",
	 "give a path to NCC \"m\""},
	{{GW("'paths':[{'path':'nat','interface':'up0','ncc_ids':['n']},"
	     "{'path':'nat','interface':'up0'}]"),
	  NCC("n")},
	 0,
	 0,
	 NULL,
	 NULL,
	 NULL,
	 NULL},
	{{GW("'reject':{'policy_ids':['p','q']}"), POLICY("p")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "no-such-policy",
	 "doc0",
	 "/gateway/reject/policy_ids/1",
	 "\"q\""},
	/* operators export the whole account */
	{{GW("'workspaces':[{'workspace_id':2}]"), POLICY("p"), OPTION("1", "p")},
	 0,
	 DBX_SEV_WARNING,
	 "unknown-workspace",
	 "doc2",
	 "",
	 "workspace 1"},
	{{GW("'workspaces':[{'workspace_id':2}]"), NCC("n"), BIND("1", "n")},
	 0,
	 DBX_SEV_WARNING,
	 "unknown-workspace",
	 "doc2",
	 "",
	 NULL},
	{{GW("'workspaces':[{'workspace_id':1}]"), POLICY("p"), OPTION("1", "p")},
	 0,
	 0,
	 NULL,
	 NULL,
	 NULL,
	 NULL},
	/* a tag that no feed has is for the check */
	{{GW("'allowed_destinations':[{'label':'l','service_tags':['Nowhere']}]")},
	 0,
	 0,
	 NULL,
	 NULL,
	 NULL,
	 NULL},
};

static void test_references(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reference_cases) / sizeof(reference_cases[0]); i++)
		run_case(&reference_cases[i]);
}

static const struct resolve_case twice_cases[] = {
	{{POLICY("p"), POLICY("p")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "duplicate-id",
	 "doc1",
	 "/network_policy_id",
	 "\"doc0\""},
	{{"[" POLICY("p") "," POLICY("p") "]"},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "duplicate-id",
	 "doc0",
	 "/1/network_policy_id",
	 "\"doc0\" at /0"},
	{{POLICY("p"), POLICY("P")}, 0, 0, NULL, NULL, NULL, NULL},
	{{NCC("n"), NCC("n")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "duplicate-id",
	 "doc1",
	 "/network_connectivity_config_id",
	 NULL},
	{{POLICY("p"), OPTION("1", "p"), OPTION("'1'", "p")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "duplicate-id",
	 "doc2",
	 "",
	 "\"1\""},
	{{NCC("n"), BIND("1", "n"), BIND("1", "n")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "duplicate-id",
	 "doc2",
	 "",
	 NULL},
	{{FEED("Public"), FEED("China")}, 0, 0, NULL, NULL, NULL, NULL},
	{{FEED("Public"), FEED("public")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "duplicate-id",
	 "doc1",
	 "",
	 "azure-tags public"},
	{{NCC("n"), "[" RULE("r", "n") "," RULE("r", "n") "]"},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "duplicate-id",
	 "doc1",
	 "/1/rule_id",
	 "\"r\""},
	{{NCC("n"), NCC("m"), RULE("r", "n"), RULE("r", "m")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "id-mismatch",
	 "doc3",
	 "/network_connectivity_config_id",
	 "\"doc2\""},
};

static void test_given_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(twice_cases) / sizeof(twice_cases[0]); i++)
		run_case(&twice_cases[i]);
}

#define TWO(a, b)                                                                       \
	GW("'interfaces':[{'name':'e'}],'workspaces':[{'workspace_id':1,'sources':[{" a \
	   "}]},{'workspace_id':2,'sources':[{" b "}]}]")
#define CLAIM "/gateway/workspaces/1/sources/0"

static const struct resolve_case source_cases[] = {
	{{TWO("'prefix':'10.0.0.0/24'", "'prefix':'10.0.0.0/24'")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "source-claimed-twice",
	 "doc0",
	 CLAIM,
	 "10.0.0.0/24 to workspace 2: workspace 1 has it"},
	{{TWO("'prefix':'10.0.0.5'", "'prefix':'10.0.0.5/32','interface':'e'")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "source-claimed-twice",
	 "doc0",
	 CLAIM,
	 NULL},
	{{TWO("'prefix':'fd00::/64','vlan':7", "'prefix':'fd00:0::/64','vlan':7")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "source-claimed-twice",
	 "doc0",
	 CLAIM,
	 NULL},
	/* the domain tells them apart; nested prefixes are fine */
	{{TWO("'prefix':'10.0.0.0/24','vlan':7", "'prefix':'10.0.0.0/24','vlan':8")},
	 0,
	 0,
	 NULL,
	 NULL,
	 NULL,
	 NULL},
	{{TWO("'prefix':'10.0.0.0/24','vlan':7", "'prefix':'10.0.0.0/24','vni':7")},
	 0,
	 0,
	 NULL,
	 NULL,
	 NULL,
	 NULL},
	{{TWO("'prefix':'10.0.0.0/24'", "'prefix':'10.0.0.0/25'")}, 0, 0, NULL, NULL, NULL, NULL},
	{{GW("'workspaces':[{'workspace_id':1,'sources':[{'prefix':'10.0.0.0/24'},{'prefix':"
	     "'10.0.0.0/24'}]}]")},
	 -EINVAL,
	 DBX_SEV_ERROR,
	 "source-claimed-twice",
	 "doc0",
	 "/gateway/workspaces/0/sources/1",
	 NULL},
	{{TWO("'prefix':'10.0.0.0/24'", "'prefix':'10.1.0.0/24','interface':'f'")},
	 0,
	 DBX_SEV_WARNING,
	 "unknown-interface",
	 "doc0",
	 CLAIM "/interface",
	 "\"f\""},
};

static void test_sources(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(source_cases) / sizeof(source_cases[0]); i++)
		run_case(&source_cases[i]);
}

#define ECHO(fields)                                                              \
	"{'network_connectivity_config_id':'n','egress_config':{'target_rules':{" \
	"'aws_private_endpoint_rules':[{'rule_id':'r',"                           \
	"'endpoint_service':'com.amazonaws.us-east-1.s3'," fields "}]}}}"
#define CALL(fields)                                                     \
	"{'items':[{'rule_id':'r','network_connectivity_config_id':'n'," \
	"'endpoint_service':'com.amazonaws.us-east-1.s3'," fields "}]}"

static struct dbx_model *merged(const char *a, const char *b)
{
	const char *docs[MAX_DOCS] = {a, b};
	struct dbx_model *m;
	struct dbx_diag d;

	dbx_diag_init(&d);
	m = read_docs(docs, &d);
	assert_int_equal(dbx_model_resolve(m, &d), 0);
	assert_int_equal(d.n, 0);
	assert_int_equal(m->n_pe_rules, 1);
	dbx_diag_fini(&d);
	return m;
}

static void expect_merge(const char *a, const char *b, enum dbx_pe_state want)
{
	struct dbx_model *m = merged(a, b);

	assert_int_equal(m->pe_rules[0].state, want);
	dbx_model_free(&m);
	m = merged(b, a); /* the order of reading must not matter */
	assert_int_equal(m->pe_rules[0].state, want);
	dbx_model_free(&m);
}

/* Rules echo inside the parent NCC: one rule, the newer state. */
static void test_merge(void **state)
{
	struct dbx_model *m;

	(void)state;
	expect_merge(ECHO("'connection_state':'PENDING','updated_time':1"),
		     CALL("'connection_state':'ESTABLISHED','updated_time':2"), DBX_PE_ESTABLISHED);
	expect_merge(ECHO("'connection_state':'REJECTED','updated_time':3"),
		     CALL("'connection_state':'ESTABLISHED','updated_time':2"), DBX_PE_REJECTED);
	expect_merge(ECHO("'connection_state':'REJECTED'"),
		     CALL("'connection_state':'ESTABLISHED'"), DBX_PE_ESTABLISHED);
	expect_merge(ECHO("'connection_state':'REJECTED','updated_time':3"),
		     CALL("'connection_state':'ESTABLISHED'"), DBX_PE_ESTABLISHED);
	expect_merge(ECHO("'connection_state':'ESTABLISHED'"), CALL("'enabled':true"),
		     DBX_PE_ESTABLISHED);

	m = merged(ECHO("'vpc_endpoint_id':'v','resource_names':['b'],'deactivated':true,"
			"'deactivated_at':'9','creation_time':'0','updated_time':1"),
		   CALL("'enabled':true,'updated_time':2"));
	assert_string_equal(m->pe_rules[0].vpc_endpoint_id, "v");
	assert_int_equal(m->pe_rules[0].n_resource_names, 1);
	assert_true(m->pe_rules[0].enabled);
	assert_true(m->pe_rules[0].deactivated);
	assert_true(m->pe_rules[0].deactivated_at_ms == 9);
	assert_string_equal(dbx_model_doc_name(m, &m->pe_rules[0].where), "doc1");
	assert_string_equal(m->pe_rules[0].where.ptr, "/items/0");
	dbx_model_free(&m);
}

static void test_order_of_reading(void **state)
{
	static const char *const one[MAX_DOCS] = {POLICY("b"), POLICY("a"),     NCC("z"),
						  NCC("y"),    RULE("r2", "y"), RULE("r1", "z")};
	static const char *const other[MAX_DOCS] = {RULE("r1", "z"), NCC("y"), POLICY("a"),
						    RULE("r2", "y"), NCC("z"), POLICY("b")};
	struct dbx_model *m, *n;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	m = read_docs(one, &d);
	n = read_docs(other, &d);
	assert_false(dbx_model_equal(m, n));
	assert_int_equal(dbx_model_resolve(m, &d), 0);
	assert_int_equal(dbx_model_resolve(n, &d), 0);
	assert_true(dbx_model_equal(m, n));
	assert_string_equal(m->policies[0].id, "a");
	assert_string_equal(m->pe_rules[1].rule_id, "r2");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
	dbx_model_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),       cmocka_unit_test(test_given_twice),
		cmocka_unit_test(test_sources),          cmocka_unit_test(test_merge),
		cmocka_unit_test(test_order_of_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
