// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_names.c -- what a policy says on a name: patterns, forms of writing, storage hosts, lists, modes.
 */
#include "unit/namescase.h"

/* ---- patterns ---- */

static void test_exact(void **state)
{
	(void)state;
	begin_policy(POLICY("np", ALLOWED(NAME("api.example.com"))));
	PASSES("api.example.com");
	DENIED("example.com");
	DENIED("x.api.example.com");
	DENIED("xapi.example.com");
	DENIED("api.example.co");
	DENIED("api.example.comm");
	DENIED("api.example.com.example.net");
	DENIED("api-example.com");
	end();
}

static void test_wildcard(void **state)
{
	(void)state;
	begin_policy(POLICY("np", ALLOWED(NAME("*.example.com"))));
	PASSES("a.example.com");
	PASSES("a.b.c.d.e.example.com");
	PASSES("_x.example.com");
	DENIED("example.com");
	DENIED("aexample.com");
	DENIED("a.example.com.evil.example");
	DENIED("com");
	DENIED("a.example.org");
	end();
}

/* The entry that is told is the most exact one: a plain name, then the longest suffix. */
static void test_most_exact_entry(void **state)
{
	static const struct {
		const char *name, *ptr;
	} cases[] = {
		{"a.b.example.com", "/egress/network_access/allowed_internet_destinations/2"},
		{"c.b.example.com", "/egress/network_access/allowed_internet_destinations/1"},
		{"b.example.com", "/egress/network_access/allowed_internet_destinations/0"},
	};

	(void)state;
	begin_policy(
		POLICY("np", ALLOWED(NAME("*.example.com") "," NAME("*.b.example.com") "," NAME(
				     "a.b.example.com") "," NAME("a.b.example.com"))));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_name_decision d = ask(cases[i].name);

		assert_string_equal(d.rule_ptr, cases[i].ptr);
		assert_string_equal(d.rule_doc, "1.json");
		assert_string_equal(d.policy_id, "np");
		assert_true(d.rule_uid == dbx_rule_uid("np", d.rule_text));
	}
	end();
}

#define WITH_DNS(more) GATEWAY(",\"dns\":{\"upstreams\":[\"192.0.2.53\"]" more "}")

static void test_bare_suffix(void **state)
{
	const char *docs[] = {WITH_DNS(",\"bare_suffix_match\":true"),
			      POLICY("np", ALLOWED(NAME("example.com") "," NAME("*.example.net"))
						   BLOCKED(NAME("bad.example.com"))),
			      OPTION("1", "np"), NULL};

	(void)state;
	begin(docs);
	PASSES("example.com");
	PASSES("a.example.com");
	PASSES("a.b.example.com");
	DENIED("xexample.com");
	PASSES("a.example.net");
	DENIED("example.net"); /* the switch is about plain entries */
	is_denied("bad.example.com", DBX_REASON_DNS_BLOCKED, __LINE__);
	is_denied("a.bad.example.com", DBX_REASON_DNS_BLOCKED, __LINE__);
	end();
	docs[0] = WITH_DNS("");
	begin(docs);
	PASSES("example.com");
	DENIED("a.example.com");
	DENIED("a.bad.example.com"); /* a plain block is of that name alone */
	is_denied("bad.example.com", DBX_REASON_DNS_BLOCKED, __LINE__);
	end();
}

/* ---- forms of writing ---- */

static void test_forms(void **state)
{
	static const char nul[] = "api.example.com\0.evil.example", nul_end[] = "api.example.com\0";

	(void)state;
	begin_policy(
		POLICY("np", ALLOWED(NAME("API.Example.COM.") "," NAME("xn--bcher-kva.example"))));
	PASSES("api.example.com");
	PASSES("API.EXAMPLE.COM");
	PASSES("aPi.eXample.cOm.");
	DENIED("api.example.com..");
	DENIED(".api.example.com");
	DENIED("api..example.com");
	DENIED("api.example.com ");
	DENIED(" api.example.com");
	DENIED("api.example.com:443");
	DENIED("");
	DENIED(".");
	PASSES("xn--bcher-kva.example");
	PASSES("XN--BCHER-KVA.example");
	DENIED("b\xc3\xbc"
	       "cher.example"); /* the U-label in UTF-8 */
	DENIED("b\xfc"
	       "cher.example"); /* in Latin-1 */
	DENIED("bu\xcc\x88"
	       "cher.example"); /* decomposed */
	DENIED("xn--bcher-kva\xe3\x80\x82"
	       "example"); /* ideographic full stop, RFC 3490 3.1 */
	DENIED("api\xef\xbc\x8e"
	       "example.com");                /* full-width full stop */
	DENIED("\xef\xbd\x81pi.example.com"); /* full-width a */
	assert_int_equal(ask_n(nul, sizeof(nul) - 1).reason, DBX_REASON_DNS_DENIED);
	assert_int_equal(ask_n(nul_end, sizeof(nul_end) - 1).reason, DBX_REASON_DNS_DENIED);
	assert_int_equal(ask_n("\0api.example.com", 16).reason, DBX_REASON_DNS_DENIED);
	end();
}

/* 253 characters are 255 octets on the wire, RFC 1035 section 2.3.4. */
static void fill_long(char *out, size_t n, const char *tail)
{
	size_t n_tail = strlen(tail), at = 0;

	while (at < n - n_tail) {
		size_t left = n - n_tail - at, label = left > 64 ? 63 : left - 1;

		if (left > 64 && left - 64 < 2)
			label = 62; /* a last label of no characters is none */
		memset(out + at, 'a', label);
		at += label;
		out[at++] = '.';
	}
	memcpy(out + at, tail, n_tail + 1);
}

static void test_long_names(void **state)
{
	char name[300], *policy = NULL;

	(void)state;
	begin_policy(POLICY("np", ALLOWED(NAME("*.example.com"))));
	for (size_t n = 20; n <= 280; n++) {
		fill_long(name, n, "example.com");
		assert_int_equal(strlen(name), n);
		if (n <= DBX_NAME_MAX)
			PASSES(name);
		else
			DENIED(name);
	}
	memset(name, 'a', 64);
	strcpy(name + 64, ".example.com"); /* a label of 64 */
	DENIED(name);
	PASSES(name + 1);
	end();
	fill_long(name, DBX_NAME_MAX, "example.com");
	assert_true(asprintf(&policy, POLICY("np", ALLOWED(NAME("%s"))), name) > 0);
	begin_policy(policy);
	PASSES(name);
	name[0] = 'b';
	DENIED(name);
	end();
	free(policy);
}

/* ---- storage ---- */

#define S3(b, r) \
	"{\"storage_destination_type\":\"AWS_S3\",\"bucket_name\":\"" b "\",\"region\":\"" r "\"}"
#define AZ(a, s)                                                                         \
	"{\"storage_destination_type\":\"AZURE_STORAGE\",\"azure_storage_account\":\"" a \
	"\",\"azure_storage_service\":\"" s "\"}"
#define GCS(b) "{\"storage_destination_type\":\"GOOGLE_CLOUD_STORAGE\",\"bucket_name\":\"" b "\"}"

static const char *const storage_passing[] = {
	"contoso-drop.s3.us-east-1.amazonaws.com",
	"contoso-drop.s3.dualstack.us-east-1.amazonaws.com",
	"contoso-drop.s3-us-east-1.amazonaws.com",
	"contoso-drop.s3.amazonaws.com",
	"s3-contoso.s3.eu-west-1.amazonaws.com",
	"contoso-cn.s3.cn-north-1.amazonaws.com.cn",
	"contosolake.dfs.core.windows.net",
	"contosolake.blob.core.windows.net",
	"contoso-gcs.storage.googleapis.com",
};
static const struct {
	const char *name;
	enum dbx_reason reason;
} storage_denied[] = {
	{"other.s3.us-east-1.amazonaws.com", DBX_REASON_DNS_DENIED},
	{"contoso-drop.s3.eu-west-1.amazonaws.com", DBX_REASON_DNS_DENIED},
	{"x.contoso-drop.s3.us-east-1.amazonaws.com", DBX_REASON_DNS_DENIED},
	{"contoso-cn.s3.amazonaws.com.cn", DBX_REASON_DNS_DENIED},
	{"s3-other.s3.eu-west-1.amazonaws.com", DBX_REASON_DNS_DENIED},
	{"s3-other.s3-us-west-2.amazonaws.com", DBX_REASON_DNS_DENIED},
	{"s3.us-east-1.amazonaws.com", DBX_REASON_DNS_PATH_STYLE},
	{"s3.dualstack.us-east-1.amazonaws.com", DBX_REASON_DNS_PATH_STYLE},
	{"s3-us-west-2.amazonaws.com", DBX_REASON_DNS_PATH_STYLE},
	{"s3-fips.us-east-1.amazonaws.com", DBX_REASON_DNS_PATH_STYLE},
	{"s3-accelerate.amazonaws.com", DBX_REASON_DNS_PATH_STYLE},
	{"s3.amazonaws.com", DBX_REASON_DNS_PATH_STYLE},
	{"S3.AMAZONAWS.COM.", DBX_REASON_DNS_PATH_STYLE},
	{"s3.cn-north-1.amazonaws.com.cn", DBX_REASON_DNS_PATH_STYLE},
	{"s3.example.com", DBX_REASON_DNS_DENIED},
	{"s3.amazonaws.com.example.net", DBX_REASON_DNS_DENIED},
	{"ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com", DBX_REASON_DNS_ACCESS_POINT},
	{"ap-1.s3-accesspoint.dualstack.us-east-1.amazonaws.com", DBX_REASON_DNS_ACCESS_POINT},
	{"ap-1.s3-accesspoint-fips.us-east-1.amazonaws.com", DBX_REASON_DNS_ACCESS_POINT},
	{"ap-1.s3-accesspoint.cn-north-1.amazonaws.com.cn", DBX_REASON_DNS_ACCESS_POINT},
	{"s3-contoso.s3-accesspoint.us-east-1.amazonaws.com", DBX_REASON_DNS_ACCESS_POINT},
	{"mrap.accesspoint.s3-global.amazonaws.com", DBX_REASON_DNS_ACCESS_POINT},
	{"ap-1.s3-accesspoint.example.com", DBX_REASON_DNS_DENIED},
	{"contosolake.queue.core.windows.net", DBX_REASON_DNS_DENIED},
	{"otherlake.dfs.core.windows.net", DBX_REASON_DNS_DENIED},
	{"contosolake-secondary.dfs.core.windows.net", DBX_REASON_DNS_DENIED},
	{"dfs.core.windows.net", DBX_REASON_DNS_DENIED},
	{"other.storage.googleapis.com", DBX_REASON_DNS_DENIED},
	{"storage.googleapis.com", DBX_REASON_DNS_BARE_STORAGE},
	{"storage.mtls.googleapis.com", DBX_REASON_DNS_BARE_STORAGE},
	{"www.googleapis.com", DBX_REASON_DNS_DENIED},
};

static void test_storage(void **state)
{
	(void)state;
	begin_policy(POLICY(
		"np",
		STORAGE(S3("contoso-drop", "us-east-1") "," S3("s3-contoso", "eu-west-1") "," S3(
			"contoso-cn",
			"cn-north-1") "," AZ("ContosoLake",
					     "dfs") "," AZ("contosolake",
							   "blob") "," GCS("contoso-gcs"))));
	for (size_t i = 0; i < sizeof(storage_passing) / sizeof(storage_passing[0]); i++)
		PASSES(storage_passing[i]);
	for (size_t i = 0; i < sizeof(storage_denied) / sizeof(storage_denied[0]); i++)
		is_denied(storage_denied[i].name, storage_denied[i].reason, __LINE__);
	assert_string_equal(ask("contosolake.blob.core.windows.net").rule_ptr,
			    "/egress/network_access/allowed_storage_destinations/4");
	end();
}

/* Who lists a shared host by its name takes the risk: it is allowed, as any listed name. */
static void test_shared_host_that_is_listed(void **state)
{
	(void)state;
	begin_policy(POLICY("np", ALLOWED(NAME("s3.us-east-1.amazonaws.com") "," NAME(
					  "storage.googleapis.com"))));
	PASSES("s3.us-east-1.amazonaws.com");
	PASSES("storage.googleapis.com");
	is_denied("s3.eu-west-1.amazonaws.com", DBX_REASON_DNS_PATH_STYLE, __LINE__);
	end();
}

/* ---- blocks and modes ---- */

static void test_blocked_wins(void **state)
{
	struct dbx_name_decision d;

	(void)state;
	begin_policy(POLICY("np",
			    ALLOWED(NAME("a.example.com") "," NAME("x.bad.example.com"))
				    BLOCKED(NAME("a.example.com") "," NAME("*.bad.example.com"))));
	d = ask("a.example.com");
	assert_int_equal(d.reason, DBX_REASON_DNS_BLOCKED);
	assert_int_equal(d.verdict, DBX_VERDICT_DROP);
	assert_string_equal(d.rule_ptr, "/egress/network_access/blocked_internet_destinations/0");
	is_denied("x.bad.example.com", DBX_REASON_DNS_BLOCKED, __LINE__);
	DENIED("bad.example.com");
	end();
}

static void test_full_access(void **state)
{
	struct dbx_name_decision d;

	(void)state;
	begin_policy(POLICY_IN("np", "FULL_ACCESS", BLOCKED(NAME("*.bad.example.com"))));
	d = ask("anything.example.com");
	assert_int_equal(d.verdict, DBX_VERDICT_PASS);
	assert_int_equal(d.reason, DBX_REASON_FULL_ACCESS);
	assert_false(d.needs_learning);
	assert_string_equal(d.policy_id, "np");
	assert_string_equal(d.rule_doc, "1.json");
	assert_true(d.rule_uid);
	assert_int_equal(ask("s3.amazonaws.com").reason, DBX_REASON_FULL_ACCESS);
	is_denied("a.bad.example.com", DBX_REASON_DNS_BLOCKED, __LINE__);
	end();
}

static void test_without_policy(void **state)
{
	static const char *const docs[] = {
		GATEWAY(",\"blocked_destinations\":[{\"label\":\"all\",\"names\":[\"bad.example.com\"]},"
			"{\"label\":\"some\",\"names\":[\"worse.example.com\"],"
			"\"network_policy_ids\":[\"np\"]}]"),
		POLICY("np", ALLOWED(NAME("a.example.com"))),
		OPTION("1", "np"),
		NULL,
	};
	struct dbx_name_decision d;

	(void)state;
	begin(docs);
	for (int64_t ws = 2; ws < 4; ws++) { /* one without a policy, one that nobody knows */
		dbx_names_decide(names, ws, ANY, "a.example.com", &d);
		assert_int_equal(d.verdict, DBX_VERDICT_DROP);
		assert_int_equal(d.reason, DBX_REASON_NO_POLICY);
		assert_true(!d.policy_uid && !d.rule_uid && !d.policy_id[0]);
		dbx_names_decide(names, ws, ANY, "bad.example.com", &d);
		assert_int_equal(d.reason, DBX_REASON_DNS_BLOCKED);
		dbx_names_decide(names, ws, ANY, "worse.example.com", &d);
		assert_int_equal(d.reason, DBX_REASON_NO_POLICY);
		assert_true(dbx_names_policy_of(names, ws) == 0);
	}
	is_denied("worse.example.com", DBX_REASON_DNS_BLOCKED, __LINE__);
	is_denied("bad.example.com", DBX_REASON_DNS_BLOCKED, __LINE__);
	assert_true(dbx_names_policy_of(names, 1) == dbx_policy_uid("np"));
	end();
}

static void test_mode_unspecified(void **state)
{
	static const char policy[] =
		"{\"network_policy_id\":\"np\",\"egress\":{\"network_access\":{"
		"\"restriction_mode\":\"RESTRICTION_MODE_UNSPECIFIED\"" ALLOWED(
			NAME("a.example.com")) "}}}";
	struct dbx_name_decision d;

	(void)state;
	begin_policy(policy);
	d = ask("a.example.com");
	assert_int_equal(d.verdict, DBX_VERDICT_DROP);
	assert_int_equal(d.reason, DBX_REASON_MODE_UNSPECIFIED);
	assert_true(d.rule_uid);
	end();
}

#define DRY_RUN(filter) ",\"policy_enforcement\":{\"enforcement_mode\":\"DRY_RUN\"" filter "}"
#define FILTER(p)       ",\"dry_run_mode_product_filter\":[" p "]"

static void check_dry_run(const char *what, const char *policy, unsigned int dry_products)
{
	static const char *const soft[] = {"b.example.com", "s3.amazonaws.com", NO_NAME,
					   "storage.googleapis.com"};
	struct dbx_name_decision d;

	begin_policy(policy);
	for (int p = 0; p < DBX_PRODUCT_MAX; p++) {
		bool is_dry = dry_products & 1u << p;

		for (size_t i = 0; i < sizeof(soft) / sizeof(soft[0]); i++) {
			dbx_names_decide(names, WS, p, soft[i], &d);
			if (d.verdict != (is_dry ? DBX_VERDICT_DRY_RUN : DBX_VERDICT_DROP))
				fail_msg("%s: product %d, %s: verdict %d", what, p, soft[i],
					 d.verdict);
			assert_false(d.needs_learning);
		}
		dbx_names_decide(names, WS, p, "a.example.com", &d);
		assert_int_equal(d.verdict, DBX_VERDICT_PASS);
		dbx_names_decide(names, WS, p, "bad.example.com", &d);
		assert_int_equal(d.verdict, DBX_VERDICT_DROP); /* never softened */
		assert_int_equal(d.reason, DBX_REASON_DNS_BLOCKED);
	}
	dbx_names_decide_policy(names, dbx_policy_uid("np"), "b.example.com", &d);
	assert_int_equal(d.verdict, DBX_VERDICT_DROP); /* is it allowed? dry-run does not matter */
	end();
}

static void test_dry_run(void **state)
{
#define LISTS ALLOWED(NAME("a.example.com")) BLOCKED(NAME("bad.example.com"))
	(void)state;
	check_dry_run("enforced", POLICY("np", LISTS), 0);
	check_dry_run("dry-run", POLICY("np", LISTS DRY_RUN("")), (1u << DBX_PRODUCT_MAX) - 1);
	check_dry_run("of DBSQL", POLICY("np", LISTS DRY_RUN(FILTER("\"DBSQL\""))),
		      1u << DBX_PRODUCT_DBSQL);
	check_dry_run("of serving", POLICY("np", LISTS DRY_RUN(FILTER("\"ML_SERVING\""))),
		      1u << DBX_PRODUCT_ML_SERVING);
	check_dry_run("of both", POLICY("np", LISTS DRY_RUN(FILTER("\"DBSQL\",\"ML_SERVING\""))),
		      1u << DBX_PRODUCT_DBSQL | 1u << DBX_PRODUCT_ML_SERVING);
}

/* ---- lists of the gateway document ---- */

static void test_gateway_lists(void **state)
{
	static const char *const docs[] = {
		GATEWAY(",\"platform_sets\":[{\"label\":\"updates\",\"names\":[\"*.update.example.com\","
			"\"shared.example.com\"]}],\"workspace_storage\":[{\"label\":\"root\","
			"\"names\":[\"root.dfs.example.com\"]}],"
			"\"allowed_destinations\":[{\"label\":\"extra\",\"names\":[\"extra.example.com\"],"
			"\"network_policy_ids\":[\"np\",\"np-other\"]},{\"label\":\"other\","
			"\"names\":[\"other.example.com\"],\"network_policy_ids\":[\"np-other\"]},"
			"{\"label\":\"both\",\"names\":[\"both.example.com\"]}],"
			"\"blocked_destinations\":[{\"label\":\"bad\",\"names\":[\"*.bad.example.com\"]},"
			"{\"label\":\"mine\",\"names\":[\"both.example.com\"],"
			"\"network_policy_ids\":[\"np-other\"]}]"),
		POLICY("np", ALLOWED(NAME("shared.example.com") "," NAME("x.bad.example.com"))),
		POLICY("np-other", ""),
		OPTION("1", "np"),
		OPTION("2", "np-other"),
		NULL,
	};
	static const struct {
		const char *name;
		enum dbx_reason reason[2]; /* for workspaces 1 and 2 */
		const char *ptr;
	} cases[] = {
		{"a.update.example.com",
		 {DBX_REASON_PLATFORM, DBX_REASON_PLATFORM},
		 "/gateway/platform_sets/0"},
		{"shared.example.com",
		 {DBX_REASON_PLATFORM, DBX_REASON_PLATFORM},
		 "/gateway/platform_sets/0"},
		{"update.example.com", {DBX_REASON_DNS_DENIED, DBX_REASON_DNS_DENIED}, ""},
		{"root.dfs.example.com",
		 {DBX_REASON_WORKSPACE_STORAGE, DBX_REASON_WORKSPACE_STORAGE},
		 "/gateway/workspace_storage/0"},
		{"extra.example.com",
		 {DBX_REASON_LISTED_NAME, DBX_REASON_LISTED_NAME},
		 "/gateway/allowed_destinations/0"},
		{"other.example.com", {DBX_REASON_DNS_DENIED, DBX_REASON_LISTED_NAME}, NULL},
		{"both.example.com",
		 {DBX_REASON_LISTED_NAME, DBX_REASON_DNS_BLOCKED},
		 "/gateway/allowed_destinations/2"},
		{"x.bad.example.com",
		 {DBX_REASON_DNS_BLOCKED, DBX_REASON_DNS_BLOCKED},
		 "/gateway/blocked_destinations/0"},
	};
	struct dbx_name_decision d;

	(void)state;
	begin(docs);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int ws = 1; ws <= 2; ws++) {
			dbx_names_decide(names, ws, ANY, cases[i].name, &d);
			if (d.reason != cases[i].reason[ws - 1])
				fail_msg("%s for %d: reason %d", cases[i].name, ws, d.reason);
			if (ws == 1 && cases[i].ptr)
				assert_string_equal(d.rule_ptr, cases[i].ptr);
		}
	}
	end();
}

/* ---- the walk over workspaces, and a policy by its id ---- */

static void sum_workspaces(void *arg, int64_t workspace_id, uint64_t policy_uid)
{
	int64_t *sum = arg;

	assert_true(policy_uid == dbx_policy_uid(workspace_id == 1 ? "np" : "default-policy"));
	*sum += workspace_id;
}

static void test_policies(void **state)
{
	static const char *const docs[] = {
		GATEWAY(""), POLICY("np", ALLOWED(NAME("a.example.com"))),
		POLICY("default-policy", ALLOWED(NAME("b.example.com"))), OPTION("1", "np"), NULL};
	struct dbx_name_decision d;
	int64_t sum = 0;

	(void)state;
	begin(docs);
	dbx_names_each_workspace(names, sum_workspaces, &sum);
	assert_int_equal(sum, 3);
	dbx_names_decide(names, 2, ANY, "b.example.com", &d);
	assert_int_equal(d.verdict, DBX_VERDICT_PASS);
	assert_string_equal(d.policy_id, "default-policy");
	dbx_names_decide_policy(names, dbx_policy_uid("np"), "a.example.com", &d);
	assert_int_equal(d.verdict, DBX_VERDICT_PASS);
	dbx_names_decide_policy(names, dbx_policy_uid("np"), "b.example.com", &d);
	assert_int_equal(d.verdict, DBX_VERDICT_DROP);
	dbx_names_decide_policy(names, 12345, "a.example.com", &d);
	assert_int_equal(d.reason, DBX_REASON_NO_POLICY);
	end();
}

/* The tables against a walk over the entries with dbx_name_match(), over random lists and names. */
static const char *random_name(struct gen_rand *r, char out[64], bool pattern)
{
	static const char *const labels[] = {"a", "b", "a-b", "xn--a", "com", "example"};
	uint32_t n = 2 + gen_below(r, 3);

	out[0] = '\0';
	if (pattern && gen_percent(r, 40))
		strcat(out, "*.");
	for (uint32_t i = 0; i < n; i++) {
		strcat(out, i ? "." : "");
		strcat(out, labels[gen_below(r, 6)]);
	}
	return out;
}

static void test_against_a_walk(void **state)
{
	struct gen_rand r = {.state = 20261121};
	char list[4096], pattern[64], name[64], *policy = NULL;
	size_t n_passed = 0;

	(void)state;
	for (int round = 0; round < 40; round++) {
		list[0] = '\0';
		for (uint32_t i = 0, n = 1 + gen_below(&r, 12); i < n; i++)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s" NAME("%s"),
				 i ? "," : "", random_name(&r, pattern, true));
		assert_true(asprintf(&policy, POLICY("np", ALLOWED("%s")), list) > 0);
		begin_policy(policy);
		for (int i = 0; i < 500; i++) {
			const struct dbx_policy *p = dbx_model_policy(world.m, "np");
			bool want = false;

			random_name(&r, name, false);
			for (size_t k = 0; k < p->n_allowed; k++)
				want |= dbx_name_match(p->allowed[k].name, name);
			if ((ask(name).verdict == DBX_VERDICT_PASS) != want)
				fail_msg("%s: %s: wanted %d", list, name, want);
			n_passed += want;
		}
		end();
		free(policy);
	}
	assert_in_range(n_passed, 500, 19500); /* else nothing was compared */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_wildcard),
		cmocka_unit_test(test_most_exact_entry),
		cmocka_unit_test(test_bare_suffix),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_storage),
		cmocka_unit_test(test_shared_host_that_is_listed),
		cmocka_unit_test(test_blocked_wins),
		cmocka_unit_test(test_full_access),
		cmocka_unit_test(test_without_policy),
		cmocka_unit_test(test_mode_unspecified),
		cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_gateway_lists),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_against_a_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
