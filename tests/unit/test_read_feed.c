/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_feed.c -- range feeds: the clouds' own files unmodified, small ones field by field.
 *
 * The real files lie in rules/feeds; their numbers were counted with Python's ipaddress, not with
 * this reader.
 */
#include "unit/readcase.h"

#define AZURE(values) "{'changeNumber':7,'cloud':'Public','values':[" values "]}"
#define TAG(name, p)  "{'name':'" name "','id':'" name "','properties':{" p "}}"
#define AWS(v4, v6) \
	"{'syncToken':'5','createDate':'d','prefixes':[" v4 "],'ipv6_prefixes':[" v6 "]}"
#define GOOGLE(rows) "{'syncToken':'5','creationTime':'t','prefixes':[" rows "]}"
#define BRICKS(rows) "{'timestampSeconds':5,'schemaVersion':'1.0','prefixes':[" rows "]}"
#define AWS_ROW(p)   "{'ip_prefix':'" p "','region':'r','service':'S3','network_border_group':'r'}"
#define BRICKS_ROW(p)                                                                               \
	"{'platform':'aws','region':'r','service':'Databricks','type':'inbound','ipv4Prefixes':[" p \
	"]}"

static void test_azure_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{'cloud':'Public','values':[" TAG("A", "'addressPrefixes':['10.0.0.0/8']") "]}",
		 DBX_SEV_ERROR, "missing-key", "", "\"changeNumber\""},
		{"{'changeNumber':1,'values':[" TAG("A", "'addressPrefixes':['10.0.0.0/8']") "]}",
		 DBX_SEV_ERROR, "missing-key", "", "\"cloud\""},
		{"{'changeNumber':-1,'cloud':'P','values':[" TAG(
			 "A", "'addressPrefixes':['10.0.0.0/8']") "]}",
		 DBX_SEV_ERROR, "bad-number", "/changeNumber", "below 0"},
		{AZURE(""), DBX_SEV_ERROR, "empty-feed", "", "no prefixes"},
		{AZURE(TAG("A", "'addressPrefixes':[]")), DBX_SEV_ERROR, "empty-feed", "", NULL},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8']") "," TAG(
			 "A", "'addressPrefixes':['11.0.0.0/8']")),
		 DBX_SEV_ERROR, "duplicate-id", "/values/1/name", "\"A\""},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8']") "," TAG(
			 "a", "'addressPrefixes':['11.0.0.0/8']")),
		 DBX_SEV_ERROR, "duplicate-id", "/values/1/name", "\"a\""},
		{"{'changeNumber':1,'cloud':'','values':[" TAG(
			 "A", "'addressPrefixes':['10.0.0.0/8']") "]}",
		 DBX_SEV_ERROR, "bad-value", "/cloud", NULL},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8','10.0.0.1/8']")), DBX_SEV_ERROR,
		 "host-bits", "/values/0/properties/addressPrefixes/1", "write 10.0.0.0/8"},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8',null]")), DBX_SEV_ERROR,
		 "wrong-type", "/values/0/properties/addressPrefixes/1", NULL},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8'],'region':3")), DBX_SEV_ERROR,
		 "wrong-type", "/values/0/properties/region", NULL},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8']") ",5"), DBX_SEV_ERROR,
		 "wrong-type", "/values/1", NULL},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8']") ",{'name':'B'}"), DBX_SEV_ERROR,
		 "missing-key", "/values/1/properties", NULL},
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8']") ",{'properties':{}}"),
		 DBX_SEV_ERROR, "missing-key", "/values/1", "\"name\""},
		/* told once, not for every tag */
		{AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8'],'new':1") "," TAG(
			 "B", "'addressPrefixes':['10.0.0.0/8'],'new':1")),
		 DBX_SEV_WARNING, "unknown-key", "/values/0/properties/new", "every other row"},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_ranges_findings(void **state)
{
	static const struct read_case cases[] = {
		{"{'createDate':'d','prefixes':[" AWS_ROW("10.0.0.0/8") "]}", DBX_SEV_ERROR,
		 "missing-key", "", "\"syncToken\""},
		{AWS("", ""), DBX_SEV_ERROR, "empty-feed", "", NULL},
		{AWS(AWS_ROW("10.0.0.0/8") "," AWS_ROW("10.0.0.0"), "{}"), DBX_SEV_ERROR,
		 "missing-key", "/ipv6_prefixes/0", "\"service\""},
		{AWS(AWS_ROW("10.0.0.256/32") "," AWS_ROW("10.0.0.0/8"), ""), DBX_SEV_ERROR,
		 "bad-prefix", "/prefixes/0/ip_prefix", NULL},
		{AWS(AWS_ROW("10.0.0.0/8") ",{'service':'S3','region':'r'}", ""), DBX_SEV_ERROR,
		 "missing-key", "/prefixes/1", "\"ip_prefix\""},
		{AWS(AWS_ROW("10.0.0.0/8") ",{'ip_prefix':'10.0.0.0/8','service':'a/b','region':'r'}",
		     ""),
		 DBX_SEV_ERROR, "bad-value", "/prefixes/1/service", "'/'"},
		{AWS(AWS_ROW("10.0.0.0/8") ",{'ip_prefix':'10.0.0.0/8','service':'a','region':''}",
		     ""),
		 DBX_SEV_ERROR, "bad-value", "/prefixes/1/region", NULL},
		{"{'syncToken':'x','createDate':'d','prefixes':[" AWS_ROW("10.0.0.0/8") "]}",
		 DBX_SEV_ERROR, "bad-number", "/syncToken", NULL},
		{GOOGLE("{'ipv4Prefix':'10.0.0.0/8','service':'G','scope':'s'},{'service':'G','scope':'s'}"),
		 DBX_SEV_ERROR, "missing-key", "/prefixes/1", "ipv6Prefix"},
		{GOOGLE("{'ipv4Prefix':'10.0.0.0/8','service':'G','scope':'s'},7"), DBX_SEV_ERROR,
		 "wrong-type", "/prefixes/1", NULL},
		{GOOGLE("{'ipv4Prefix':'10.0.0.1/8','service':'G','scope':'s'},{'ipv4Prefix':'10.0.0.0/8'}"),
		 DBX_SEV_ERROR, "host-bits", "/prefixes/0/ipv4Prefix", NULL},
		{GOOGLE("{'ipv4Prefix':'10.0.0.0/8','service':'G'}"), DBX_SEV_ERROR, "missing-key",
		 "/prefixes/0", "\"scope\""},
		{BRICKS(BRICKS_ROW("'10.0.0.0/8'") ",{'platform':'aws'}"), DBX_SEV_ERROR,
		 "missing-key", "/prefixes/1", NULL},
		{BRICKS(BRICKS_ROW("'10.0.0.0/8','x'")), DBX_SEV_ERROR, "bad-prefix",
		 "/prefixes/0/ipv4Prefixes/1", NULL},
		{"{'timestampSeconds':5,'schemaVersion':'1.0'}", DBX_SEV_ERROR, "unknown-kind", "",
		 NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_model *m = dbx_model_new();
		struct dbx_diag d;
		int rc;

		dbx_diag_init(&d);
		rc = read_quoted(m, "doc", cases[i].json, &d);
		assert_int_equal(rc, -EINVAL);
		/* rows without several keys say so for each of them, and leave the feed empty */
		if (!find_finding(&d, cases[i].code, cases[i].ptr)) {
			print_error("%s\n", cases[i].json);
			print_findings(&d);
			fail();
		}
		dbx_diag_fini(&d);
		dbx_model_free(&m);
	}
}

static const struct dbx_tag *tag_of(const struct dbx_feed *f, const char *name)
{
	for (size_t i = 0; i < f->n_tags; i++) {
		if (!strcmp(f->tags[i].name, name))
			return &f->tags[i];
	}
	fail_msg("no tag %s", name);
	return NULL;
}

static void expect_prefixes(const struct dbx_feed *f, const char *tag, const char *const *want)
{
	const struct dbx_tag *t = tag_of(f, tag);
	char text[DBX_PREFIX_STRLEN];
	uint32_t i;

	for (i = 0; i < t->n; i++) {
		assert_non_null(want[i]);
		assert_string_equal(dbx_prefix_format(&f->prefixes[t->first + i].prefix, text),
				    want[i]);
	}
	assert_null(want[i]);
}

#define EXPECT(f, tag, ...) expect_prefixes(f, tag, (const char *const[]){__VA_ARGS__, NULL})

static void test_azure_small(void **state)
{
	struct dbx_model *m = dbx_model_new();
	const struct dbx_feed *f;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/azure-small.json", &d);
	f = &m->feeds[0];
	assert_int_equal(d.n, 0);
	assert_string_equal(f->cloud, "Public");
	assert_string_equal(f->version, "5");
	assert_true(f->change_number == 5);
	assert_int_equal(f->n_tags, 2);
	/* listed twice in the file, kept once */
	EXPECT(f, "Storage.EastUS2", "20.38.96.0/23", "2603:1030:40c::/48");
	assert_string_equal(f->tags[0].region, "eastus2");
	assert_int_equal(f->tags[0].change_number, 2);
	assert_int_equal(f->prefixes[1].item, 2);
	assert_string_equal(f->tags[1].region, "");
	assert_int_equal(f->tags[1].n, 0);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_ranges_small(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	struct dbx_feed *f;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/aws-small.json", &d);
	read_file_into(m, "tests/fuzz/corpus/read/google-small.json", &d);
	read_file_into(m, "tests/fuzz/corpus/read/goog-small.json", &d);
	read_file_into(m, "tests/fuzz/corpus/read/databricks-small.json", &d);
	assert_int_equal(d.n, 0);
	f = &m->feeds[0];
	assert_string_equal(f->cloud, "AWS");
	assert_string_equal(f->version, "2026-08-22-15-17-05");
	assert_true(f->change_number == 1787411825);
	EXPECT(f, "S3/us-east-1", "3.5.0.0/19", "2600:1fa0::/40");
	EXPECT(f, "AMAZON/us-east-1", "3.5.0.0/19");
	EXPECT(f, "S3/GLOBAL", "52.0.0.0/15");
	assert_string_equal(tag_of(f, "S3/us-east-1")->region, "us-east-1");
	assert_string_equal(tag_of(f, "S3/GLOBAL")->region, "");
	f = &m->feeds[1];
	assert_string_equal(f->cloud, "Google");
	assert_string_equal(f->version, "2026-05-05T19:04:08.194918");
	assert_true(f->change_number == 1778033048194);
	EXPECT(f, "GoogleCloud/africa-south1", "34.1.208.0/20");
	EXPECT(f, "GoogleCloud/global", "2600:1900:8000::/44");
	assert_string_equal(f->tags[0].region, "africa-south1");
	assert_string_equal(f->tags[1].region, "");
	f = &m->feeds[2]; /* goog.json does not stand in the way of cloud.json */
	assert_string_equal(f->cloud, "Goog");
	EXPECT(f, "Google", "8.8.4.0/24", "2001:4860::/32");
	f = &m->feeds[3];
	assert_string_equal(f->cloud, "Databricks");
	assert_string_equal(f->version, "1770871875");
	EXPECT(f, "Databricks/azure/eastus2/outbound", "20.1.2.0/28");
	EXPECT(f, "Databricks/aws/us-east-1/inbound", "3.4.5.6/32");
	assert_string_equal(f->tags[0].region, "eastus2");
	assert_int_equal(dbx_model_resolve(m, &d), 0);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static uint64_t hash_of(const char *quoted)
{
	struct dbx_model *m = read_clean(quoted);
	uint64_t hash = m->feeds[0].content_hash;

	dbx_model_free(&m);
	return hash;
}

/* Version fields lie, so the hash is of the content alone. */
static void test_content_hash(void **state)
{
	uint64_t h =
		hash_of(AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8','11.0.0.0/8']") "," TAG(
			"B", "'addressPrefixes':['fd00::/8']")));

	(void)state;
	/* another order, another number, a repeat */
	assert_true(
		h ==
		hash_of("{'changeNumber':8,'cloud':'Public','values':[" TAG("B", "'changeNumber':3,'addressPrefixes':['fd00::/8']") "," TAG(
			"A", "'addressPrefixes':['11.0.0.0/8','10.0.0.0/8','11.0.0.0/8']") "]}"));
	/* another prefix, length, tag, region, an empty tag more, the prefix in the other tag */
	assert_true(h !=
		    hash_of(AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8','12.0.0.0/8']") "," TAG(
			    "B", "'addressPrefixes':['fd00::/8']"))));
	assert_true(h !=
		    hash_of(AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8','11.0.0.0/9']") "," TAG(
			    "B", "'addressPrefixes':['fd00::/8']"))));
	assert_true(h !=
		    hash_of(AZURE(TAG("C", "'addressPrefixes':['10.0.0.0/8','11.0.0.0/8']") "," TAG(
			    "B", "'addressPrefixes':['fd00::/8']"))));
	assert_true(
		h !=
		hash_of(AZURE(
			TAG("A", "'region':'r','addressPrefixes':['10.0.0.0/8','11.0.0.0/8']") "," TAG(
				"B", "'addressPrefixes':['fd00::/8']"))));
	assert_true(
		h !=
		hash_of(AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8','11.0.0.0/8']") "," TAG(
			"B", "'addressPrefixes':['fd00::/8']") "," TAG("E",
								       "'addressPrefixes':[]"))));
	assert_true(h != hash_of(AZURE(TAG("A", "'addressPrefixes':['10.0.0.0/8']") "," TAG(
				 "B", "'addressPrefixes':['fd00::/8','11.0.0.0/8']"))));
}

struct real_feed {
	const char *path, *cloud, *version;
	uint64_t number;
	size_t n_tags, n_entries, n_v4, n_empty;
};

static void check_real(const struct real_feed *want)
{
	struct dbx_model *m = dbx_model_new();
	size_t n_v4 = 0, n_empty = 0;
	const struct dbx_feed *f;
	struct dbx_diag d;

	dbx_diag_init(&d);
	read_file_into(m, want->path, &d);
	print_findings(&d);
	assert_int_equal(d.n, 0);
	f = &m->feeds[0];
	assert_string_equal(f->cloud, want->cloud);
	assert_string_equal(f->version, want->version);
	assert_true(f->change_number == want->number);
	assert_int_equal(f->n_tags, want->n_tags);
	assert_int_equal(f->n_prefixes, want->n_entries);
	for (size_t i = 0; i < f->n_prefixes; i++)
		n_v4 += !f->prefixes[i].prefix.addr.is_v6;
	for (size_t i = 0; i < f->n_tags; i++)
		n_empty += !f->tags[i].n;
	assert_int_equal(n_v4, want->n_v4);
	assert_int_equal(n_empty, want->n_empty);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_real_files(void **state)
{
	static const struct real_feed feeds[] = {
#include "unit/real_feeds.inc"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(feeds) / sizeof(feeds[0]); i++)
		check_real(&feeds[i]);
}

static void test_real_azure_tag(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "rules/feeds/azure-public-20260427.json.gz", &d);
	assert_int_equal(tag_of(&m->feeds[0], "AzureDatabricks")->n, 651);
	assert_int_equal(tag_of(&m->feeds[0], "AzureCloud")->n, 14129);
	assert_string_equal(tag_of(&m->feeds[0], "Storage.EastUS2")->region, "eastus2");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_azure_findings), cmocka_unit_test(test_ranges_findings),
		cmocka_unit_test(test_azure_small),    cmocka_unit_test(test_ranges_small),
		cmocka_unit_test(test_content_hash),   cmocka_unit_test(test_real_files),
		cmocka_unit_test(test_real_azure_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
