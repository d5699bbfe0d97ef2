/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model.c -- look-ups with and without the index, bindings, tags, names of enums.
 */
#include "unit/readcase.h"

static struct dbx_model *world(bool resolved)
{
	static const char *const docs[] = {
		"[{'network_policy_id':'default-policy'},{'network_policy_id':'p'}]",
		"{'network_connectivity_config_id':'n','egress_config':{}}",
		"{'rule_id':'r','network_connectivity_config_id':'n','resource_id':'/x'}",
		"{'workspace_id':1,'workspace_network_option':{'network_policy_id':'p'},'workspace':{"
		"'network_connectivity_config_id':'n'}}",
		"{'gateway':{'workspaces':[{'workspace_id':1},{'workspace_id':2}]}}",
		"{'changeNumber':1,'cloud':'Public','values':[{'name':'Storage','properties':{"
		"'addressPrefixes':['10.0.0.0/8']}},{'name':'Storage.EastUS2','properties':{"
		"'addressPrefixes':['10.1.0.0/16']}}]}",
		"{'changeNumber':1,'cloud':'China','values':[{'name':'Storage','properties':{"
		"'addressPrefixes':['11.0.0.0/8']}}]}",
		"{'syncToken':'5','createDate':'d','prefixes':[{'ip_prefix':'3.0.0.0/8','service':'S3',"
		"'region':'us-east-1'},{'ip_prefix':'4.0.0.0/8','service':'S3','region':'GLOBAL'},{"
		"'ip_prefix':'4.0.0.0/8','service':'S3X','region':'eu'},{'ip_prefix':'5.0.0.0/8',"
		"'service':'Storage','region':'eu'}]}",
	};
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	dbx_diag_init(&d);
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++)
		assert_int_equal(read_quoted(m, "doc", docs[i], &d), 0);
	if (resolved)
		assert_int_equal(dbx_model_resolve(m, &d), 0);
	assert_int_equal(d.n, 0);
	dbx_diag_fini(&d);
	assert_true((m->index != NULL) == resolved);
	return m;
}

static void check_lookups(const struct dbx_model *m)
{
	const char *id = "untouched";

	assert_string_equal(dbx_model_policy(m, "p")->id, "p");
	assert_null(dbx_model_policy(m, "P"));
	assert_null(dbx_model_policy(m, ""));
	assert_string_equal(dbx_model_ncc(m, "n")->id, "n");
	assert_null(dbx_model_ncc(m, "r"));
	assert_string_equal(dbx_model_pe_rule(m, "r")->rule_id, "r");
	assert_null(dbx_model_pe_rule(m, "n"));
	assert_true(dbx_model_workspace(m, 2)->id == 2);
	assert_null(dbx_model_workspace(m, 3));
	assert_string_equal(dbx_model_policy_of(m, 1, &id)->id, "p");
	assert_string_equal(id, "p");
	assert_string_equal(dbx_model_policy_of(m, 2, &id)->id, "default-policy");
	assert_null(id);
	assert_string_equal(dbx_model_ncc_of(m, 1)->id, "n");
	assert_null(dbx_model_ncc_of(m, 2));
}

static void test_lookups(void **state)
{
	struct dbx_model *m = world(false);
	struct dbx_diag d;

	(void)state;
	check_lookups(m);
	dbx_model_free(&m);
	m = world(true);
	check_lookups(m);
	/* a further document drops the index: nothing stale is found */
	dbx_diag_init(&d);
	assert_int_equal(read_quoted(m, "doc", "{'network_policy_id':'late'}", &d), 0);
	assert_null(m->index);
	assert_string_equal(dbx_model_policy(m, "late")->id, "late");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
	dbx_model_free(&m); /* NULL by now */
	dbx_model_free(NULL);
}

static void test_no_default_policy(void **state)
{
	struct dbx_model *m = read_clean("{'network_policy_id':'p'}");

	(void)state;
	assert_null(dbx_model_policy_of(m, 1, NULL));
	dbx_model_free(&m);
}

struct found {
	char text[200];
	int stop_after; /* 0 = never */
};

static int add_tag(void *arg, const struct dbx_feed *feed, const struct dbx_tag *tag)
{
	struct found *f = arg;
	size_t n = strlen(f->text);

	snprintf(f->text + n, sizeof(f->text) - n, "%s:%s ", feed->cloud, tag->name);
	return f->stop_after && --f->stop_after == 0 ? -E2BIG : 0;
}

static void check_tags(const struct dbx_model *m)
{
	static const struct {
		const char *name, *cloud, *want;
		int n;
	} cases[] = {
		{"storage.eastus2", NULL, "Public:Storage.EastUS2 ", 1},
		{"STORAGE", "china", "China:Storage ", 1},
		{"Storage", "Public", "Public:Storage ", 1},
		{"s3", NULL, "AWS:S3/us-east-1 AWS:S3/GLOBAL ", 2},
		{"S3/us-east-1", NULL, "AWS:S3/us-east-1 ", 1},
		{"S3/", NULL, "", 0},
		{"S3", "Public", "", 0},
		{"Nothing", NULL, "", 0},
		{"", NULL, "", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct found f = {{0}, 0};

		assert_int_equal(dbx_model_find_tags(m, cases[i].name, cases[i].cloud, add_tag, &f),
				 cases[i].n);
		assert_string_equal(f.text, cases[i].want);
	}
	/* in both Azure clouds, and an AWS service of the same name */
	assert_int_equal(dbx_model_find_tags(m, "Storage", NULL, NULL, NULL), 3);
	assert_int_equal(dbx_model_count_clouds(m, "Storage"), 3);
	assert_int_equal(dbx_model_count_clouds(m, "S3"), 1);
	assert_int_equal(dbx_model_count_clouds(m, "Nothing"), 0);
}

static void test_tags(void **state)
{
	struct found f = {{0}, 1};
	struct dbx_model *m = world(false);
	char longer[400];

	(void)state;
	check_tags(m);
	dbx_model_free(&m);
	m = world(true);
	check_tags(m);
	assert_int_equal(dbx_model_find_tags(m, "S3", NULL, add_tag, &f), -E2BIG);
	assert_string_equal(f.text, "AWS:S3/us-east-1 ");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(dbx_model_find_tags(m, longer, NULL, NULL, NULL), 0);
	dbx_model_free(&m);
}

static void test_enum_names(void **state)
{
	(void)state;
	for (int k = DBX_DOC_UNKNOWN + 1; k < DBX_DOC_KIND_MAX; k++)
		assert_string_not_equal(dbx_doc_kind_name((enum dbx_doc_kind)k), "unknown");
	assert_string_equal(dbx_doc_kind_name(DBX_DOC_KIND_MAX), "unknown");
	assert_string_equal(dbx_product_name(DBX_PRODUCT_ML_SERVING), "MLServing");
	assert_string_equal(dbx_product_name(DBX_PRODUCT_GENERAL_COMPUTE), "General Compute");
	assert_string_equal(dbx_pe_state_name(DBX_PE_CREATE_FAILED), "CREATE_FAILED");
	assert_string_equal(dbx_mode_name(DBX_MODE_UNSPECIFIED), "RESTRICTION_MODE_UNSPECIFIED");
	assert_string_equal(dbx_mode_name((enum dbx_restriction_mode)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_no_default_policy),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_enum_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
