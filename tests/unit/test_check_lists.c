// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check_lists.c -- the lists of one policy against each other.
 */
#include "test_check.h"

#include <time.h>

#include "lib/strbuf.h"

#define LIST(n)  "/egress/network_access/allowed_internet_destinations/" n
#define BLOCK(n) "/egress/network_access/blocked_internet_destinations/" n

static void test_name_allowed_and_blocked(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(NAME("a.example.com") "," NAME("B.example.com"))
			     BLOCKED(NAME("b.example.com."))));
	expect(&d, "contradiction", DBX_SEV_ERROR, "a.json", LIST("1"), BLOCK("0"));
	assert_int_equal(count_findings(&d, "deny-wider-than-allow"), 0);
	dbx_diag_fini(&d);
}

static void test_block_wider_than_allow(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(NAME("a.b.example.com")) BLOCKED(NAME("*.example.com"))));
	expect(&d, "deny-wider-than-allow", DBX_SEV_ERROR, "a.json", LIST("0"), "*.example.com");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(NAME("*.b.example.com")) BLOCKED(NAME("*.example.com"))));
	expect(&d, "deny-wider-than-allow", DBX_SEV_ERROR, "a.json", LIST("0"), "*.example.com");
	dbx_diag_fini(&d);
}

/* "*.x" is not x itself, and a block inside a wider allow is what blocks are for. */
static void test_blocks_that_are_fine(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(
		      NAME("example.com") "," NAME("*.example.org") "," RANGE("198.51.100.0/24"))
			     BLOCKED(NAME("*.example.com") "," NAME("bad.example.org") "," RANGE(
				     "198.51.100.64/26"))));
	assert_false(dbx_diag_has_errors(&d));
	assert_int_equal(count_findings(&d, "shadowed"), 0);
	dbx_diag_fini(&d);
}

static void test_names_shadowed(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, POLICY(RESTRICTED ALLOWED(NAME("a.example.com") "," NAME("a.example.com."))));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json", LIST("1"), LIST("0"));
	dbx_diag_fini(&d);
	CHECK(&d, 0, POLICY(RESTRICTED ALLOWED(NAME("a.example.com") "," NAME("*.example.com"))));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json", LIST("0"), "part of *.example.com");
	dbx_diag_fini(&d);
	CHECK(&d, 0, POLICY(RESTRICTED BLOCKED(NAME("a.example.com") "," NAME("a.example.com"))));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json", BLOCK("1"), BLOCK("0"));
	dbx_diag_fini(&d);
}

static void test_ranges(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(RANGE("198.51.100.0/24")) BLOCKED(RANGE("198.51.0.0/16"))));
	expect(&d, "deny-wider-than-allow", DBX_SEV_ERROR, "a.json", LIST("0"), "198.51.0.0/16");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(RANGE("198.51.100.0/24"))
			     BLOCKED(RANGE("198.51.100.0/24"))));
	expect(&d, "contradiction", DBX_SEV_ERROR, "a.json", LIST("0"), BLOCK("0"));
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(RANGE("198.51.100.7/32") "," RANGE("198.51.100.0/24"))));
	expect(&d, "shadowed", DBX_SEV_WARNING, "a.json", LIST("0"), LIST("1"));
	dbx_diag_fini(&d);
}

/* An allow inside an allow inside a deny: the deny is what matters. */
static void test_nested_ranges(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(RANGE("10.1.0.0/16") "," RANGE("10.1.2.0/24"))
			     BLOCKED(RANGE("10.1.2.0/23"))));
	expect(&d, "deny-wider-than-allow", DBX_SEV_ERROR, "a.json", LIST("1"), "10.1.2.0/23");
	dbx_diag_fini(&d);
}

static void test_shared_names(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      POLICY(RESTRICTED ALLOWED(
		      NAME("*.blob.core.windows.net") "," NAME("mine.blob.core.windows.net"))));
	expect(&d, "shared-name", DBX_SEV_WARNING, "a.json", LIST("0"), "everybody's");
	dbx_diag_fini(&d);
	CHECK(&d, 0, POLICY(RESTRICTED ALLOWED(NAME("s3.us-east-1.amazonaws.com"))));
	expect(&d, "shared-name", DBX_SEV_WARNING, "a.json", LIST("0"), "everybody's");
	dbx_diag_fini(&d);
	CHECK(&d, 0, POLICY(RESTRICTED ALLOWED(NAME("mine.s3.us-east-1.amazonaws.com"))));
	assert_int_equal(count_findings(&d, "shared-name"), 0);
	dbx_diag_fini(&d);
}

/* 60,000 names and 60,000 ranges: the time of a sort, not of all pairs (3.6e9 of them). */
static void test_long_lists(void **state)
{
	struct dbx_strbuf s;
	struct dbx_diag d;
	clock_t start;
	int i;

	(void)state;
	dbx_strbuf_init(&s);
	dbx_strbuf_add(
		&s, "{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {" RESTRICTED
		    ", \"allowed_internet_destinations\": [");
	for (i = 0; i < 60000; i++) {
		dbx_strbuf_addf(&s, "%s" NAME("n%d.example.com"), i ? "," : "", i);
		dbx_strbuf_addf(&s, "," RANGE("10.%d.%d.0/24"), i >> 8, i & 255);
	}
	dbx_strbuf_add(&s, "]" BLOCKED(NAME("n59999.example.com") "," RANGE("10.9.8.0/23")) "}}}");
	start = clock();
	CHECK(&d, 0, s.s);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
	assert_int_equal(count_findings(&d, "contradiction"), 1);
	assert_int_equal(count_findings(&d, "deny-wider-than-allow"), 2);
	dbx_diag_fini(&d);
	dbx_strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_allowed_and_blocked),
		cmocka_unit_test(test_block_wider_than_allow),
		cmocka_unit_test(test_blocks_that_are_fine),
		cmocka_unit_test(test_names_shadowed),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_nested_ranges),
		cmocka_unit_test(test_shared_names),
		cmocka_unit_test(test_long_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
