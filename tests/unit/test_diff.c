// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_diff.c -- what changes between two models: objects by id, lists by element, feeds by content.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/gen.h"
#include "lib/file.h"
#include "policy/diff.h"
#include "policy/read.h"

#define POLICY(mode, lists)                                                  \
	"{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {" \
	"\"restriction_mode\": \"" mode "\"" lists "}}}"
#define NAMES(...) ", \"allowed_internet_destinations\": [" __VA_ARGS__ "]"
#define NAME(name) "{\"destination\": \"" name "\", \"internet_destination_type\": \"DNS_NAME\"}"
#define AZURE(number, values) \
	"{\"changeNumber\": " number ", \"cloud\": \"Public\", \"values\": [" values "]}"
#define TAG(name, prefixes)                                                                     \
	"{\"name\": \"" name "\", \"id\": \"" name "\", \"properties\": {\"changeNumber\": 1, " \
	"\"region\": \"\", \"regionId\": 0, \"platform\": \"Azure\", \"systemService\": \"\", " \
	"\"addressPrefixes\": [" prefixes "], \"networkFeatures\": null}}"

static void add_text(struct dbx_model *m, const char *name, const char *text)
{
	struct dbx_diag d;

	dbx_diag_init(&d);
	if (dbx_read(m, name, text, strlen(text), DBX_DOC_UNKNOWN, &d))
		fail_msg("%s is refused: %s", name, d.n ? d.v[0].text : "?");
	dbx_diag_fini(&d);
}

/* Up to three documents, NULL = no more. */
static struct dbx_model *model(const char *a, const char *b, const char *c)
{
	struct dbx_model *m = dbx_model_new();

	assert_non_null(m);
	if (a)
		add_text(m, "a.json", a);
	if (b)
		add_text(m, "b.json", b);
	if (c)
		add_text(m, "c.json", c);
	return m;
}

static void diff_of(struct dbx_model *before, struct dbx_model *after, struct dbx_diff *d)
{
	assert_int_equal(dbx_diff_models(before, after, d), 0);
	dbx_model_free(&before);
	dbx_model_free(&after);
}

static void test_equal_models(void **state)
{
	static const char text[] = POLICY("RESTRICTED_ACCESS", NAMES(NAME("a.example.com")));
	struct dbx_diff d;
	char *s;

	(void)state;
	diff_of(model(text, NULL, NULL), model(text, NULL, NULL), &d);
	assert_true(dbx_diff_is_empty(&d));
	s = dbx_diff_text(&d, false);
	assert_string_equal(s, "no change\n");
	free(s);
	dbx_diff_fini(&d);
}

static void test_object_added_and_removed(void **state)
{
	static const char text[] = POLICY("FULL_ACCESS", "");
	struct dbx_diff d;
	char *s;

	(void)state;
	diff_of(model(NULL, NULL, NULL), model(text, NULL, NULL), &d);
	assert_int_equal(d.n_changes, 1);
	assert_int_equal(d.changes[0].op, DBX_CHANGE_ADD);
	assert_string_equal(d.changes[0].object, "network-policy np");
	assert_string_equal(d.changes[0].field, "");
	assert_string_equal(d.changes[0].before, "");
	assert_non_null(strstr(d.changes[0].after, "FULL_ACCESS"));
	s = dbx_diff_text(&d, false);
	assert_string_equal(s, "+ network-policy np\n");
	free(s);
	dbx_diff_fini(&d);

	diff_of(model(text, NULL, NULL), model(NULL, NULL, NULL), &d);
	assert_int_equal(d.n_changes, 1);
	assert_int_equal(d.changes[0].op, DBX_CHANGE_REMOVE);
	dbx_diff_fini(&d);
}

static void test_field_modified(void **state)
{
	struct dbx_diff d;
	char *s;

	(void)state;
	diff_of(model(POLICY("FULL_ACCESS", ""), NULL, NULL),
		model(POLICY("RESTRICTED_ACCESS", ""), NULL, NULL), &d);
	assert_int_equal(d.n_changes, 1);
	s = dbx_diff_text(&d, false);
	assert_string_equal(s, "~ network-policy np /egress/network_access/restriction_mode "
			       "\"FULL_ACCESS\" -> \"RESTRICTED_ACCESS\"\n");
	free(s);
	dbx_diff_fini(&d);
}

/* One name put in front is one change, not one for every name behind it. */
static void test_list_elements_are_matched(void **state)
{
	struct dbx_diff d;

	(void)state;
	diff_of(model(POLICY("RESTRICTED_ACCESS",
			     NAMES(NAME("a.example.com") "," NAME("b.example.com"))),
		      NULL, NULL),
		model(POLICY("RESTRICTED_ACCESS",
			     NAMES(NAME("new.example.com") "," NAME("a.example.com") "," NAME(
				     "b.example.com"))),
		      NULL, NULL),
		&d);
	assert_int_equal(d.n_changes, 1);
	assert_int_equal(d.changes[0].op, DBX_CHANGE_ADD);
	assert_string_equal(d.changes[0].field,
			    "/egress/network_access/allowed_internet_destinations/0");
	dbx_diff_fini(&d);
}

/* The order of a list decides which entry a verdict names, so it is told. */
static void test_list_order(void **state)
{
	struct dbx_diff d;

	(void)state;
	diff_of(model(POLICY("RESTRICTED_ACCESS",
			     NAMES(NAME("a.example.com") "," NAME("b.example.com"))),
		      NULL, NULL),
		model(POLICY("RESTRICTED_ACCESS",
			     NAMES(NAME("b.example.com") "," NAME("a.example.com"))),
		      NULL, NULL),
		&d);
	assert_int_equal(d.n_changes, 1);
	assert_int_equal(d.changes[0].op, DBX_CHANGE_MODIFY);
	assert_string_equal(d.changes[0].field,
			    "/egress/network_access/allowed_internet_destinations");
	dbx_diff_fini(&d);
}

static void test_server_only_fields(void **state)
{
	static const char ncc[] =
		"{\"network_connectivity_config_id\": \"n1\", \"name\": \"ncc-one\", "
		"\"region\": \"eastus2\", \"creation_time\": %s, \"updated_time\": %s}";
	char before[400], after[400];
	struct dbx_diff d;

	(void)state;
	snprintf(before, sizeof(before), ncc, "1754300000000", "1754300000000");
	snprintf(after, sizeof(after), ncc, "1754300000000", "1755700000000");
	diff_of(model(before, NULL, NULL), model(after, NULL, NULL), &d);
	assert_true(dbx_diff_is_empty(&d));
	dbx_diff_fini(&d);
}

/* A rule that its NCC echoes is one object: its change is told once. */
static void test_rules_are_told_once(void **state)
{
	static const char ncc[] =
		"{\"network_connectivity_config_id\": \"n1\", \"name\": \"ncc-one\", "
		"\"region\": \"eastus2\", \"egress_config\": {\"target_rules\": "
		"{\"azure_private_endpoint_rules\": [{\"rule_id\": \"r1\", \"resource_id\": "
		"\"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/"
		"storageAccounts/acct\", \"group_id\": \"blob\", \"connection_state\": \"%s\"}]}}}";
	char before[600], after[600];
	struct dbx_diff d;

	(void)state;
	snprintf(before, sizeof(before), ncc, "PENDING");
	snprintf(after, sizeof(after), ncc, "ESTABLISHED");
	diff_of(model(before, NULL, NULL), model(after, NULL, NULL), &d);
	assert_int_equal(d.n_changes, 1);
	assert_string_equal(d.changes[0].object, "private-endpoint-rule r1");
	assert_string_equal(d.changes[0].field, "/connection_state");
	assert_string_equal(d.changes[0].before, "\"PENDING\"");
	assert_string_equal(d.changes[0].after, "\"ESTABLISHED\"");
	dbx_diff_fini(&d);
}

static void test_unknown_keys_count(void **state)
{
	struct dbx_diff d;

	(void)state;
	diff_of(model(POLICY("FULL_ACCESS", ", \"new/key\": 1"), NULL, NULL),
		model(POLICY("FULL_ACCESS", ", \"new/key\": 2"), NULL, NULL), &d);
	assert_int_equal(d.n_changes, 1);
	assert_string_equal(d.changes[0].field, "/egress/network_access/new~1key");
	dbx_diff_fini(&d);
}

static void test_feed_tags(void **state)
{
	struct dbx_diff d;
	char *s;

	(void)state;
	diff_of(model(AZURE("5",
			    TAG("A", "\"1.0.0.0/24\",\"1.0.1.0/24\"") "," TAG(
				    "Gone", "\"9.0.0.0/24\"") "," TAG("Same", "\"8.0.0.0/24\"")),
		      NULL, NULL),
		model(AZURE("6",
			    TAG("A", "\"1.0.1.0/24\",\"2001:db8::/32\"") "," TAG(
				    "Same", "\"8.0.0.0/24\"") "," TAG("New", "\"7.0.0.0/24\"")),
		      NULL, NULL),
		&d);
	assert_int_equal(d.n_changes, 0);
	assert_int_equal(d.n_feeds, 1);
	assert_string_equal(d.feeds[0].cloud, "Public");
	assert_string_equal(d.feeds[0].version_before, "5");
	assert_string_equal(d.feeds[0].version_after, "6");
	assert_int_equal(d.feeds[0].n_tags_changed, 1);
	assert_int_equal(d.feeds[0].n_tags_added, 1);
	assert_int_equal(d.feeds[0].n_tags_removed, 1);
	assert_int_equal(d.feeds[0].n_entries_added, 2);
	assert_int_equal(d.feeds[0].n_entries_removed, 2);
	assert_int_equal(d.n_tags, 3);
	s = dbx_diff_text(&d, true);
	assert_non_null(strstr(s, "~ tag Public A: +1 -1\n"));
	assert_non_null(strstr(s, "+ tag Public New: +1 -0\n"));
	free(s);
	dbx_diff_fini(&d);
}

#define GATEWAY(more) "{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}]" more "}}"
#define NAT(ncc, hop)                                                              \
	"{\"path\": \"nat\", \"interface\": \"up0\", \"ncc_ids\": [\"" ncc "\"], " \
	"\"next_hops\": [\"" hop "\"]}"
#define ANY_NAT "{\"path\": \"nat\", \"interface\": \"up0\"}"

/* A path is the one of its NCCs, wherever it stands; a tunnel the one of its type. */
static void test_paths_and_tunnels(void **state)
{
	struct dbx_diff d;

	(void)state;
	diff_of(model(GATEWAY(", \"paths\": [" NAT("n1", "192.0.2.1") ", " ANY_NAT "]"), NULL,
		      NULL),
		model(GATEWAY(", \"paths\": [" NAT("n2", "192.0.2.9") ", " NAT(
			      "n1", "192.0.2.2") ", " ANY_NAT "]"),
		      NULL, NULL),
		&d);
	assert_int_equal(d.n_changes, 3);
	assert_string_equal(d.changes[0].field, "/paths/1/next_hops/0");
	assert_string_equal(d.changes[0].before, "\"192.0.2.1\"");
	assert_string_equal(d.changes[2].field, "/paths/0");
	assert_int_equal(d.changes[2].op, DBX_CHANGE_ADD);
	dbx_diff_fini(&d);
	diff_of(model(GATEWAY(", \"tunnels\": [{\"type\": \"vxlan\", \"remotes\": [\"192.0.2.1\"]}]"),
		      NULL, NULL),
		model(GATEWAY(", \"tunnels\": [{\"type\": \"geneve\", \"remotes\": [\"192.0.2.1\"]}, "
			      "{\"type\": \"vxlan\", \"remotes\": [\"192.0.2.1\"], \"port\": 7}]"),
		      NULL, NULL),
		&d);
	assert_int_equal(d.n_changes, 2);
	assert_string_equal(d.changes[0].field, "/tunnels/1/port");
	assert_string_equal(d.changes[1].field, "/tunnels/0");
	dbx_diff_fini(&d);
}

static void test_quota_and_isolation(void **state)
{
	static const char before[] = GATEWAY(", \"workspaces\": [{\"workspace_id\": 1, \"quota\": {"
					     "\"bytes_per_second\": 7}}]");
	static const char after[] =
		GATEWAY(", \"workspaces\": [{\"workspace_id\": 1, \"isolated\": "
			"true, \"quota\": {\"bytes_per_second\": 8}}]");
	struct dbx_diff d;

	(void)state;
	diff_of(model(before, NULL, NULL), model(after, NULL, NULL), &d);
	assert_int_equal(d.n_changes, 2);
	assert_string_equal(d.changes[0].field, "/workspaces/0/quota/bytes_per_second");
	assert_string_equal(d.changes[0].after, "8");
	assert_string_equal(d.changes[1].field, "/workspaces/0/isolated");
	dbx_diff_fini(&d);
}

/* The number alone is a change of the document, but of no tag. */
static void test_feed_number_only(void **state)
{
	struct dbx_diff d;

	(void)state;
	diff_of(model(AZURE("5", TAG("A", "\"1.0.0.0/24\"")), NULL, NULL),
		model(AZURE("6", TAG("A", "\"1.0.0.0/24\"")), NULL, NULL), &d);
	assert_int_equal(d.n_feeds, 1);
	assert_int_equal(d.feeds[0].n_tags_changed, 0);
	assert_int_equal(d.n_tags, 0);
	assert_false(dbx_diff_is_empty(&d));
	dbx_diff_fini(&d);
}

static void test_json(void **state)
{
	struct dbx_diff d;
	json_t *j;
	char *s;

	(void)state;
	diff_of(model(POLICY("FULL_ACCESS", ""), AZURE("5", TAG("A", "\"1.0.0.0/24\"")), NULL),
		model(POLICY("RESTRICTED_ACCESS", ""), NULL, NULL), &d);
	s = dbx_diff_json(&d);
	j = json_loads(s, 0, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(j, "changes"), 0), "before")),
			    "FULL_ACCESS");
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(j, "feeds"), 0), "tags_removed")),
			 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(j, "feeds"), 0),
						  "version_after")),
		"");
	json_decref(j);
	free(s);
	dbx_diff_fini(&d);
}

static struct dbx_model *feed_model(const char *path)
{
	struct dbx_model *m = dbx_model_new();
	struct dbx_diag d;
	char *text;
	size_t len;

	dbx_diag_init(&d);
	assert_int_equal(dbx_file_read(path, 0, &text, &len), 0);
	assert_int_equal(dbx_read(m, path, text, len, DBX_DOC_UNKNOWN, &d), 0);
	free(text);
	dbx_diag_fini(&d);
	return m;
}

/* The pair of real files, counted independently when they were chosen (see rules/feeds/README.md). */
static void test_azure_pair(void **state)
{
	struct dbx_diff d;
	char *s;

	(void)state;
	diff_of(feed_model("rules/feeds/azure-public-20260420.json.gz"),
		feed_model("rules/feeds/azure-public-20260427.json.gz"), &d);
	assert_int_equal(d.n_feeds, 1);
	s = dbx_diff_text(&d, false);
	assert_string_equal(s, "~ feed Public 397 -> 398: 57 tags changed, 0 added, 0 removed; "
			       "309 entries added, 635 removed\n");
	free(s);
	assert_int_equal(d.n_tags, 57);
	dbx_diff_fini(&d);
}

static struct dbx_model *random_model(uint64_t seed)
{
	struct gen_rand r = {.state = seed};
	struct dbx_model *m = dbx_model_new();
	struct gen_model g;

	gen_model(&r, &g);
	for (size_t i = 0; i < g.n_docs; i++)
		add_text(m, g.docs[i].name, g.docs[i].text);
	gen_model_fini(&g);
	return m;
}

/* A model is as itself, differs from another, and both outputs are well formed. */
static void test_random_models(void **state)
{
	struct dbx_diff d;
	json_t *j;
	char *s;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		diff_of(random_model(seed), random_model(seed), &d);
		assert_true(dbx_diff_is_empty(&d));
		dbx_diff_fini(&d);
		diff_of(random_model(seed), random_model(seed + 1000), &d);
		assert_false(dbx_diff_is_empty(&d));
		s = dbx_diff_json(&d);
		j = json_loads(s, 0, NULL);
		assert_non_null(j);
		assert_int_equal(json_array_size(json_object_get(j, "changes")), d.n_changes);
		json_decref(j);
		free(s);
		dbx_diff_fini(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_models),
		cmocka_unit_test(test_object_added_and_removed),
		cmocka_unit_test(test_field_modified),
		cmocka_unit_test(test_list_elements_are_matched),
		cmocka_unit_test(test_list_order),
		cmocka_unit_test(test_server_only_fields),
		cmocka_unit_test(test_rules_are_told_once),
		cmocka_unit_test(test_unknown_keys_count),
		cmocka_unit_test(test_feed_tags),
		cmocka_unit_test(test_paths_and_tunnels),
		cmocka_unit_test(test_quota_and_isolation),
		cmocka_unit_test(test_feed_number_only),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_azure_pair),
		cmocka_unit_test(test_random_models),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
