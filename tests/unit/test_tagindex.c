// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tagindex.c -- address to names: tags, platform sets by prefix and by tag, private endpoints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/file.h"
#include "policy/read.h"
#include "policy/tagindex.h"

static const char feed[] =
	"{\"changeNumber\": 1, \"cloud\": \"Public\", \"values\": ["
	"{\"name\": \"Storage\", \"id\": \"Storage\", \"properties\": {\"changeNumber\": 1, "
	"\"region\": \"\", \"addressPrefixes\": [\"20.0.0.0/16\", \"2603:1000::/24\"]}},"
	"{\"name\": \"Storage.EastUS2\", \"id\": \"Storage.EastUS2\", \"properties\": "
	"{\"changeNumber\": 1, \"region\": \"eastus2\", \"addressPrefixes\": [\"20.0.1.0/24\"]}}]}";
static const char gateway[] =
	"{\"gateway\": {\"workspaces\": [{\"workspace_id\": 1, \"network_source_type\": \"DBSQL\", "
	"\"sources\": [{\"prefix\": \"20.0.1.64/26\"}]}], "
	"\"private_endpoints\": [{\"rule_id\": \"r1\", \"addresses\": [\"10.9.0.4\"]}], "
	"\"platform_sets\": [{\"label\": \"control-plane\", \"prefixes\": [\"203.0.113.0/24\"], "
	"\"service_tags\": [\"storage.eastus2\"]}, "
	"{\"label\": \"artifacts\", \"service_tags\": [\"Storage.EastUS2\"]}], "
	"\"allowed_destinations\": [{\"label\": \"not-told\", \"prefixes\": [\"198.51.100.0/24\"]}]}}";

static void add_text(struct dbx_model *m, const char *name, const char *text, size_t len)
{
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (dbx_read(m, name, text, len, DBX_DOC_UNKNOWN, &d))
		fail_msg("%s is refused: %s", name, d.n ? d.v[0].text : "?");
	dbx_diag_fini(&d);
}

static struct dbx_tagindex *index_of(struct dbx_model *m)
{
	struct dbx_tagindex *t = NULL;
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (dbx_tagindex_new(m, &t, &d))
		fail_msg("no index: %s", d.n ? d.v[0].text : "?");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
	return t;
}

static const char *names_of(struct dbx_tagindex *t, const char *addr)
{
	struct dbx_addr a;

	assert_int_equal(dbx_addr_parse(addr, &a), 0);
	return dbx_tagindex_names(t, &a);
}

static void test_tags_are_sorted(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_tagindex *t;

	(void)state;
	add_text(m, "feed.json", feed, strlen(feed));
	t = index_of(m);
	assert_string_equal(names_of(t, "20.0.0.255"), "Storage");
	assert_string_equal(names_of(t, "20.0.1.0"), "Storage\tStorage.EastUS2");
	assert_string_equal(names_of(t, "20.0.1.255"), "Storage\tStorage.EastUS2");
	assert_string_equal(names_of(t, "20.0.2.0"), "Storage");
	assert_string_equal(names_of(t, "19.255.255.255"), "");
	assert_string_equal(names_of(t, "20.1.0.0"), "");
	assert_string_equal(names_of(t, "2603:10ff:ffff::1"), "Storage");
	assert_string_equal(names_of(t, "2603:1100::"), "");
	/* reserved addresses have classes of their own, but no names */
	assert_string_equal(names_of(t, "127.0.0.1"), "");
	dbx_tagindex_free(&t);
	assert_null(t);
}

static void test_gateway_names(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_tagindex *t;

	(void)state;
	add_text(m, "feed.json", feed, strlen(feed));
	add_text(m, "gateway.json", gateway, strlen(gateway));
	t = index_of(m);
	assert_string_equal(names_of(t, "203.0.113.7"), "control-plane");
	assert_string_equal(names_of(t, "10.9.0.4"), "r1");
	/* platform sets by tag; the workspace that sits there changes nothing */
	assert_string_equal(names_of(t, "20.0.1.1"),
			    "Storage\tStorage.EastUS2\tartifacts\tcontrol-plane");
	assert_string_equal(names_of(t, "20.0.1.65"),
			    "Storage\tStorage.EastUS2\tartifacts\tcontrol-plane");
	assert_string_equal(names_of(t, "198.51.100.1"), "");
	/* the same line again, from the cache */
	assert_ptr_equal(names_of(t, "20.0.1.1"), names_of(t, "20.0.1.65"));
	dbx_tagindex_free(&t);
}

static void test_missing_tag_is_refused(void **state)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_tagindex *t = NULL;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	add_text(m, "gateway.json", gateway, strlen(gateway));
	assert_int_equal(dbx_tagindex_new(m, &t, &d), -EINVAL);
	assert_null(t);
	assert_string_equal(d.v[0].code, "missing-tag");
	assert_string_equal(d.v[0].ptr, "/gateway/platform_sets/0/service_tags/0");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

/* Every thousandth prefix of the real file, its first and its last address, against a scan. */
static void test_real_file(void **state)
{
	struct dbx_model *m = dbx_model_new(), *copy = dbx_model_new();
	struct dbx_tagindex *t;
	char *text;
	size_t len, i, k;

	(void)state;
	assert_int_equal(dbx_file_read("rules/feeds/azure-public.json.gz", 0, &text, &len), 0);
	add_text(m, "azure.json", text, len);
	add_text(copy, "azure.json", text, len);
	free(text);
	t = index_of(m);
	for (i = 0; i < copy->feeds[0].n_prefixes; i += 1009) {
		struct dbx_addr last = dbx_prefix_last(&copy->feeds[0].prefixes[i].prefix);
		const char *names = dbx_tagindex_names(t, &last);
		size_t n_scan = 0, n_names = names[0] != '\0';

		for (k = 0; names[k]; k++)
			n_names += names[k] == '\t';
		for (k = 0; k < copy->feeds[0].n_tags; k++) {
			const struct dbx_tag *tag = &copy->feeds[0].tags[k];
			uint32_t p = 0;

			while (p < tag->n &&
			       !dbx_prefix_contains(&copy->feeds[0].prefixes[tag->first + p].prefix,
						    &last))
				p++;
			if (p == tag->n)
				continue;
			n_scan++;
			assert_non_null(strstr(names, tag->name));
		}
		assert_int_equal(n_names, n_scan);
	}
	dbx_model_free(&copy);
	dbx_tagindex_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags_are_sorted),
		cmocka_unit_test(test_gateway_names),
		cmocka_unit_test(test_missing_tag_is_refused),
		cmocka_unit_test(test_real_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
