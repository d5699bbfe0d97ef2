/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read.c -- text to documents: what is no JSON, which kind it is, wrappers and lists.
 */
#include "unit/readcase.h"

static void read_bytes(const char *bytes, size_t len, const struct read_case *c)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char *exact = malloc(len ? len : 1); /* no NUL behind it */

	dbx_diag_init(&d);
	memcpy(exact, bytes, len);
	expect_finding(c, dbx_read(m, "doc", exact, len, DBX_DOC_UNKNOWN, &d), &d);
	free(exact);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_not_json(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *code, *says;
	} cases[] = {
		{"", 0, "empty-document", "nothing but blanks"},
		{" \n\t\r\n", 5, "empty-document", NULL},
		{"\xef\xbb\xbf", 3, "empty-document", NULL},
		{"{\"network_policy_id\": \"a", 24, "truncated", "line 1"},
		{"{\"egress\": {", 12, "truncated", NULL},
		{"{\"a\":\n  1,}", 11, "json-syntax", "line 2"},
		{"{\"a\": 1} x", 10, "json-syntax", NULL},
		{"nothing", 7, "json-syntax", NULL},
		{"{\"a\": \"\xff\xfe\"}", 11, "not-utf8", NULL},
		{"{\"a\": \"\xc0\x80\"}", 11, "not-utf8", NULL},
		{"\xff\xfe{\0}\0", 6, "not-utf8", "UTF-16"},
		{"{\"a\": \"\\u0000\"}", 15, "json-syntax", NULL},
		{"{\"a\": \0 1}", 10, "json-syntax", "NUL byte"},
		{"\0\0\0\0", 4, "json-syntax", NULL},
		{"{\"a\": 1, \"a\": 2}", 16, "duplicate-key", "\"a\""},
		{"{\"a\": 99999999999999999999}", 27, "json-syntax", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct read_case c = {cases[i].bytes, DBX_SEV_ERROR, cases[i].code, "",
				      cases[i].says};

		read_bytes(cases[i].bytes, cases[i].len, &c);
	}
}

static void test_nesting_is_bounded(void **state)
{
	static const struct read_case c = {"(nested)", DBX_SEV_ERROR, "too-deep", "",
					   "line 1, column 101"};
	static const struct read_case other = {"(in a string)", DBX_SEV_ERROR, "unknown-kind", "",
					       NULL};
	static const struct read_case filled = {"(nested, with siblings)", DBX_SEV_ERROR,
						"too-deep", "", "line 1, column 401"};
	static const struct read_case siblings = {"(siblings)", DBX_SEV_ERROR, "json-syntax", "",
						  NULL};
	enum { N = 100000 };
	char *text = malloc(N + 8);

	(void)state;
	memset(text, '[', N);
	read_bytes(text, N, &c);
	memset(text, '{', N);
	read_bytes(text, N, &c);
	/* what stands between the brackets does not matter, what was closed does not count */
	for (size_t i = 0; i < N; i += 4)
		memcpy(text + i, i % 8 ? "{},[" : "[],[", 4);
	read_bytes(text, N, &filled);
	for (size_t i = 0; i < N; i += 4)
		memcpy(text + i, "[],0", 4);
	text[0] = '{';
	read_bytes(text, N, &siblings);
	/* brackets inside of a string are no nesting */
	memset(text, '[', N);
	memcpy(text, "{\"k\":\"\\\"", 8);
	memcpy(text + N - 2, "\"}", 2);
	read_bytes(text, N, &other);
	free(text);
}

static void test_values_are_bounded(void **state)
{
	static const struct read_case c = {"(many values)", DBX_SEV_ERROR, "limit", "",
					   "4,000,000"};
	enum { N = 8000002 };
	char *text = malloc(N);

	(void)state;
	memset(text, ',', N);
	for (size_t i = 0; i < N; i += 2)
		text[i] = '0';
	text[0] = '[';
	read_bytes(text, N, &c);
	free(text);
}

static void test_byte_order_mark(void **state)
{
	static const char text[] = "\xef\xbb\xbf{\"network_policy_id\": \"a\"}\r\n";
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(dbx_read(m, "doc", text, sizeof(text) - 1, DBX_DOC_UNKNOWN, &d), 0);
	assert_int_equal(d.n, 0);
	assert_string_equal(m->policies[0].id, "a");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static enum dbx_doc_kind detect(const char *quoted)
{
	char *text = json_of(quoted);
	enum dbx_doc_kind kind = dbx_read_detect(text, strlen(text));

	free(text);
	return kind;
}

static void test_detect(void **state)
{
	static const struct {
		const char *json;
		enum dbx_doc_kind kind;
	} cases[] = {
		{"{'network_policy_id':'a'}", DBX_DOC_NETWORK_POLICY},
		{"{'egress':{}}", DBX_DOC_NETWORK_POLICY},
		{"{'ingress':{}}", DBX_DOC_NETWORK_POLICY},
		{"{'ingress_dry_run':{}}", DBX_DOC_NETWORK_POLICY},
		{"{'network_policy':{}}", DBX_DOC_NETWORK_POLICY},
		{"{'network_policies':[]}", DBX_DOC_NETWORK_POLICY},
		{"{'items':[{'network_policy_id':'a'}]}", DBX_DOC_NETWORK_POLICY},
		{"[{'network_policy_id':'a'}]", DBX_DOC_NETWORK_POLICY},
		{"{'name':'x','rules':[]}", DBX_DOC_NETWORK_POLICY},
		{"{'network_connectivity_config_id':'n'}", DBX_DOC_NCC},
		{"{'name':'n','region':'r'}", DBX_DOC_NCC},
		{"{'network_connectivity_config_id':'n','egress_config':{}}", DBX_DOC_NCC},
		{"{'items':[{'network_connectivity_config_id':'n'}]}", DBX_DOC_NCC},
		{"{'rule_id':'r','network_connectivity_config_id':'n'}",
		 DBX_DOC_PRIVATE_ENDPOINT_RULES},
		{"{'items':[{'rule_id':'r'}]}", DBX_DOC_PRIVATE_ENDPOINT_RULES},
		{"{'private_endpoint_rules':[]}", DBX_DOC_PRIVATE_ENDPOINT_RULES},
		{"{'workspace_id':1,'network_policy_id':'a'}", DBX_DOC_WORKSPACE_OPTION},
		{"{'workspace_id':1,'network_connectivity_config_id':'a'}", DBX_DOC_NCC_BINDING},
		{"{'workspace_id':1,'workspace_network_option':{}}", DBX_DOC_WORKSPACE},
		{"{'workspace_id':1,'workspace':{}}", DBX_DOC_WORKSPACE},
		{"{'gateway':{}}", DBX_DOC_GATEWAY},
		{"{'workspaces':[]}", DBX_DOC_GATEWAY},
		{"{'interfaces':[]}", DBX_DOC_GATEWAY},
		{"{'changeNumber':1,'values':[]}", DBX_DOC_AZURE_TAGS},
		{"{'syncToken':'1','prefixes':[],'ipv6_prefixes':[]}", DBX_DOC_AWS_RANGES},
		{"{'prefixes':[{'ip_prefix':'1.2.3.4/32'}]}", DBX_DOC_AWS_RANGES},
		{"{'syncToken':'1','creationTime':'t','prefixes':[]}", DBX_DOC_GOOGLE_RANGES},
		{"{'prefixes':[{'ipv6Prefix':'::/0'}]}", DBX_DOC_GOOGLE_RANGES},
		{"{'timestampSeconds':1,'prefixes':[]}", DBX_DOC_DATABRICKS_RANGES},
		{"{'schemaVersion':'1.0','prefixes':[]}", DBX_DOC_DATABRICKS_RANGES},
		{"{'prefixes':[{'ipv4Prefixes':[]}]}", DBX_DOC_DATABRICKS_RANGES},
		{"{'createDate':'d','prefixes':[]}", DBX_DOC_AWS_RANGES},
		{"{'prefixes':[],'ipv6_prefixes':[]}", DBX_DOC_AWS_RANGES},
		{"{'creationTime':'t','prefixes':[]}", DBX_DOC_GOOGLE_RANGES},
		{"{'prefixes':[{'ipv4Prefix':'10.0.0.0/8'}]}", DBX_DOC_GOOGLE_RANGES},
		{"{'workspace_id':1,'network_policy_id':'a','network_connectivity_config_id':'n'}",
		 DBX_DOC_UNKNOWN},
		{"{'workspace_id':1}", DBX_DOC_UNKNOWN},
		{"{}", DBX_DOC_UNKNOWN},
		{"[]", DBX_DOC_UNKNOWN},
		{"[1]", DBX_DOC_UNKNOWN},
		{"{'items':3}", DBX_DOC_UNKNOWN},
		{"{'prefixes':[]}", DBX_DOC_UNKNOWN},
		{"not json", DBX_DOC_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum dbx_doc_kind kind = detect(cases[i].json);

		if (kind != cases[i].kind)
			fail_msg("%s: %s", cases[i].json, dbx_doc_kind_name(kind));
	}
}

static void test_document_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{}", DBX_SEV_ERROR, "unknown-kind", "", "network policy"},
		{"{'domains':{}}", DBX_SEV_ERROR, "unknown-kind", "", NULL},
		{"{'workspace_id':1,'network_policy_id':'a','network_connectivity_config_id':'n'}",
		 DBX_SEV_ERROR, "unknown-kind", "", NULL},
		{"{'items':[]}", DBX_SEV_WARNING, "empty-list", "/items", NULL},
		{"[]", DBX_SEV_WARNING, "empty-list", "", NULL},
		{"{'network_policies':[]}", DBX_SEV_WARNING, "empty-list", "/network_policies",
		 NULL},
		{"{'items':[{'network_policy_id':'a'}],'next_page_token':'t'}", DBX_SEV_WARNING,
		 "partial-list", "/next_page_token", "more pages"},
		{"{'items':[{'network_policy_id':'a'},{'rule_id':'r','resource_id':'x'}]}",
		 DBX_SEV_ERROR, "mixed-kinds", "/items/1", "private-endpoint-rules"},
		{"[{'network_policy_id':'a'},3]", DBX_SEV_ERROR, "wrong-type", "/1", "a number"},
		{"{'network_policy':{'network_policy_id':'a'},'x/y~':1}", DBX_SEV_WARNING,
		 "unknown-key", "/x~1y~0", "\"x/y~\""},
		{"{'network_policy':[]}", DBX_SEV_ERROR, "wrong-type", "/network_policy", "a list"},
		{"{'gateway':null}", DBX_SEV_ERROR, "wrong-type", "/gateway", "null"},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_forms_of_one_document(void **state)
{
	static const char *const forms[] = {
		"{'network_policy_id':'a'}",
		"{'network_policy':{'network_policy_id':'a'}}",
		"{'items':[{'network_policy_id':'a'}]}",
		"{'items':[{'network_policy':{'network_policy_id':'a'}}],'next_page_token':''}",
		"{'network_policies':[{'network_policy_id':'a'}]}",
		"[{'network_policy_id':'a'}]",
	};
	static const char *const where[] = {
		"",
		"/network_policy",
		"/items/0",
		"/items/0/network_policy",
		"/network_policies/0",
		"/0",
	};
	struct dbx_model *first = read_clean(forms[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct dbx_model *m = read_clean(forms[i]);

		assert_true(dbx_model_equal(first, m));
		assert_string_equal(m->policies[0].where.ptr, where[i]);
		assert_string_equal(dbx_model_doc_name(m, &m->policies[0].where), "doc");
		assert_int_equal(m->docs[0].kind, DBX_DOC_NETWORK_POLICY);
		dbx_model_free(&m);
	}
	dbx_model_free(&first);
}

/* The kind may be forced: the text is then read as that kind or refused. */
static void test_forced_kind(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(dbx_read(m, "doc", "{}", 2, DBX_DOC_GATEWAY, &d), 0);
	assert_true(m->has_gateway);
	assert_int_equal(dbx_read(m, "doc", "{}", 2, DBX_DOC_AWS_RANGES, &d), -EINVAL);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

/* All that is wrong is told, not only the first, and a broken model is refused afterwards. */
static void test_goes_on_after_errors(void **state)
{
	static const char text[] =
		"{'network_policy_id':'a b','egress':{'network_access':{'restriction_mode':'X',"
		"'allowed_internet_destinations':[{'destination':'http://x','internet_destination_type':"
		"'DNS_NAME'},{'destination':'10.0.0.1/8','internet_destination_type':'IP_RANGE'},{}]}}}";
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	assert_int_equal(read_quoted(m, "doc", text, &d), -EINVAL);
	assert_int_equal(d.n, 5);
	assert_non_null(find_finding(&d, "bad-id", "/network_policy_id"));
	assert_non_null(
		find_finding(&d, "unknown-mode", "/egress/network_access/restriction_mode"));
#define LIST "/egress/network_access/allowed_internet_destinations/"
	assert_non_null(find_finding(&d, "bad-name", LIST "0/destination"));
	assert_non_null(find_finding(&d, "host-bits", LIST "1/destination"));
	assert_non_null(find_finding(&d, "missing-key", LIST "2"));
	assert_int_equal(dbx_model_resolve(m, &d), -EINVAL);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_findings_stay_bounded(void **state)
{
	enum { N = 5000 };
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char *text = malloc(N * 4 + 200), *p = text;

	(void)state;
	dbx_diag_init(&d);
	p += sprintf(
		p,
		"{\"network_policy_id\":\"a\",\"egress\":{\"network_access\":{\"restriction_mode\":"
		"\"RESTRICTED_ACCESS\",\"allowed_internet_destinations\":[0");
	for (int i = 1; i < N; i++)
		p += sprintf(p, ",1");
	p += sprintf(p, "]}}}");
	assert_int_equal(dbx_read(m, "doc", text, (size_t)(p - text), DBX_DOC_UNKNOWN, &d),
			 -EINVAL);
	assert_int_equal(d.n, DBX_DIAG_MAX);
	assert_int_equal(d.n_by_severity[DBX_SEV_ERROR], N);
	free(text);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_json),
		cmocka_unit_test(test_nesting_is_bounded),
		cmocka_unit_test(test_values_are_bounded),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_detect),
		cmocka_unit_test(test_document_findings),
		cmocka_unit_test(test_forms_of_one_document),
		cmocka_unit_test(test_forced_kind),
		cmocka_unit_test(test_goes_on_after_errors),
		cmocka_unit_test(test_findings_stay_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
