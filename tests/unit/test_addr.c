// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_addr.c -- addresses and prefixes: what is accepted, order, containment, arithmetic.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct dbx_addr addr(const char *s)
{
	struct dbx_addr a;

	if (dbx_addr_parse(s, &a))
		fail_msg("%s is no address", s);
	return a;
}

static struct dbx_prefix prefix(const char *s)
{
	struct dbx_prefix p;

	if (dbx_prefix_parse(s, DBX_PREFIX_BARE_OK, &p))
		fail_msg("%s is no prefix", s);
	return p;
}

static void accepted_addresses(void **state)
{
	/* written, as printed (RFC 5952 section 4) */
	static const char *const t[][2] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"192.0.2.1", "192.0.2.1"},
		{"::", "::"},
		{"::1", "::1"},
		{"2001:DB8::A", "2001:db8::a"},
		{"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
	};
	char buf[DBX_ADDR_STRLEN];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(t); i++) {
		struct dbx_addr a = addr(t[i][0]);

		assert_string_equal(dbx_addr_format(&a, buf), t[i][1]);
		assert_int_equal(a.is_v6, strchr(t[i][0], ':') != NULL);
	}
}

static void refused_addresses(void **state)
{
	static const char *const t[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"256.0.0.1",
		"1.2.3.04",
		"01.2.3.4",
		"0x1.2.3.4",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.4\n",
		"1..2.3",
		".1.2.3.4",
		"-1.2.3.4",
		"1.2.3.4/32",
		"localhost",
		":",
		":::",
		"1::2::3",
		"12345::",
		"::1%eth0",
		"fe80::1%1",
		"[::1]",
		"::1.2.3",
		"1:2:3:4:5",
		"g::",
		"::ffff:1.2.3.04",
		"1:2:3:4:5:6:7:8:9",
		"2001:db8::/32",
		"1:2:3:4:5:6:7:",
		":1:2:3:4:5:6:7",
	};
	struct dbx_addr a, before;
	size_t i;

	(void)state;
	memset(&a, 0x5a, sizeof(a));
	before = a;
	for (i = 0; i < N_OF(t); i++) {
		if (dbx_addr_parse(t[i], &a) != -EINVAL)
			fail_msg("\"%s\" was accepted", t[i]);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void prefixes_parse(void **state)
{
	static const struct {
		const char *s;
		unsigned int flags;
		int rc;
		const char *printed;
	} t[] = {
		{"10.0.0.0/8", 0, 0, "10.0.0.0/8"},
		{"0.0.0.0/0", 0, 0, "0.0.0.0/0"},
		{"::/0", 0, 0, "::/0"},
		{"2001:db8::/32", 0, 0, "2001:db8::/32"},
		{"2001:db8::1/128", 0, 0, "2001:db8::1/128"},
		{"192.0.2.1/32", 0, 0, "192.0.2.1/32"},
		{"192.0.2.1", 0, DBX_PREFIX_NO_LEN, NULL},
		{"192.0.2.1", DBX_PREFIX_BARE_OK, 0, "192.0.2.1/32"},
		{"2001:db8::1", DBX_PREFIX_BARE_OK, 0, "2001:db8::1/128"},
		{"10.0.0.1/8", 0, DBX_PREFIX_HOST_BITS, NULL},
		{"10.0.0.1/8", DBX_PREFIX_CLEAR_HOST_BITS, 0, "10.0.0.0/8"},
		{"10.255.255.255/9", DBX_PREFIX_CLEAR_HOST_BITS, 0, "10.128.0.0/9"},
		{"1.2.3.4/0", DBX_PREFIX_CLEAR_HOST_BITS, 0, "0.0.0.0/0"},
		{"2001:db8::1/127", 0, DBX_PREFIX_HOST_BITS, NULL},
		{"2001:db8::ffff/113", DBX_PREFIX_CLEAR_HOST_BITS, 0, "2001:db8::8000/113"},
		{"10.0.0.0/33", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"::/129", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/08", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/ 8", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/+8", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/-1", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/8/8", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/4294967304", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10.0.0.0/255.0.0.0", 0, DBX_PREFIX_BAD_LEN, NULL},
		{"10/8", 0, DBX_PREFIX_NOT_ADDR, NULL},
		{"/8", 0, DBX_PREFIX_NOT_ADDR, NULL},
		{"", DBX_PREFIX_BARE_OK, DBX_PREFIX_NOT_ADDR, NULL},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/1", 0, DBX_PREFIX_NOT_ADDR,
		 NULL},
	};
	char buf[DBX_PREFIX_STRLEN];
	struct dbx_prefix p;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(t); i++) {
		int rc = dbx_prefix_parse(t[i].s, t[i].flags, &p);

		if (rc != t[i].rc)
			fail_msg("%s: %d, wanted %d", t[i].s, rc, t[i].rc);
		if (!rc)
			assert_string_equal(dbx_prefix_format(&p, buf), t[i].printed);
	}
}

static void endpoints(void **state)
{
	char buf[DBX_ENDPOINT_STRLEN];
	struct dbx_addr v4 = addr("192.0.2.1");
	struct dbx_addr v6 = addr("1111:2222:3333:4444:5555:6666:7777:8888");

	(void)state;
	assert_string_equal(dbx_endpoint_format(&v4, 53, buf), "192.0.2.1:53");
	assert_string_equal(dbx_endpoint_format(&v6, 65535, buf),
			    "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

static void every_error_has_its_sentence(void **state)
{
	static const int errs[] = {DBX_PREFIX_NOT_ADDR, DBX_PREFIX_BAD_LEN, DBX_PREFIX_NO_LEN,
				   DBX_PREFIX_HOST_BITS, 0};
	size_t i, k;

	(void)state;
	for (i = 0; i < N_OF(errs); i++) {
		for (k = 0; k < i; k++)
			assert_string_not_equal(dbx_prefix_why(errs[i]), dbx_prefix_why(errs[k]));
	}
}

static void order(void **state)
{
	static const char *const sorted[] = {
		"0.0.0.0/0",          "0.0.0.0/1",     "9.255.255.255/32", "10.0.0.0/8",
		"10.0.0.0/9",         "10.0.0.0/32",   "10.0.0.1/32",      "128.0.0.0/1",
		"255.255.255.255/32", "::/0",          "::/128",           "::1/128",
		"2001:db8::/32",      "2001:db8::/33", "ffff::/16",
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < N_OF(sorted); i++) {
		for (k = 0; k < N_OF(sorted); k++) {
			struct dbx_prefix x = prefix(sorted[i]), y = prefix(sorted[k]);
			int d = dbx_prefix_cmp(&x, &y);

			assert_int_equal((d > 0) - (d < 0), (i > k) - (i < k));
		}
	}
}

static void containment(void **state)
{
	struct dbx_prefix ten = prefix("10.0.0.0/8"), half = prefix("10.128.0.0/9");
	struct dbx_prefix all4 = prefix("0.0.0.0/0"), all6 = prefix("::/0");
	struct dbx_prefix doc = prefix("2001:db8::/33"), one = prefix("10.0.0.0/32");
	struct dbx_addr a;

	(void)state;
	a = addr("10.255.255.255");
	assert_true(dbx_prefix_contains(&ten, &a) && dbx_prefix_contains(&half, &a));
	assert_true(dbx_prefix_contains(&all4, &a));
	assert_false(dbx_prefix_contains(&all6, &a));
	a = addr("11.0.0.0");
	assert_false(dbx_prefix_contains(&ten, &a));
	a = addr("10.127.255.255");
	assert_false(dbx_prefix_contains(&half, &a));
	a = addr("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
	assert_true(dbx_prefix_contains(&doc, &a));
	a = addr("2001:db8:8000::");
	assert_false(dbx_prefix_contains(&doc, &a));
	assert_true(dbx_prefix_covers(&ten, &half) && !dbx_prefix_covers(&half, &ten));
	assert_true(dbx_prefix_covers(&ten, &ten) && dbx_prefix_covers(&ten, &one));
	assert_true(dbx_prefix_overlaps(&half, &ten) && dbx_prefix_overlaps(&ten, &half));
	assert_false(dbx_prefix_overlaps(&half, &one) || dbx_prefix_overlaps(&all4, &all6));
}

static void ends_of_prefixes(void **state)
{
	static const char *const t[][3] = {
		{"10.0.0.0/8", "10.0.0.0", "10.255.255.255"},
		{"192.0.2.1/32", "192.0.2.1", "192.0.2.1"},
		{"0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
		{"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"},
		{"2001:db8::8/125", "2001:db8::8", "2001:db8::f"},
		{"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char buf[DBX_ADDR_STRLEN];
	struct dbx_addr a;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(t); i++) {
		struct dbx_prefix p = prefix(t[i][0]);

		a = dbx_prefix_first(&p);
		assert_string_equal(dbx_addr_format(&a, buf), t[i][1]);
		a = dbx_prefix_last(&p);
		assert_string_equal(dbx_addr_format(&a, buf), t[i][2]);
	}
}

static void neighbours(void **state)
{
	static const char *const t[][2] = {
		{"10.0.0.255", "10.0.1.0"},
		{"0.0.0.0", "0.0.0.1"},
		{"255.255.255.254", "255.255.255.255"},
		{"2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::"},
		{"::", "::1"},
	};
	struct dbx_addr a, b, got;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(t); i++) {
		a = addr(t[i][0]);
		b = addr(t[i][1]);
		assert_true(dbx_addr_next(&a, &got) && dbx_addr_cmp(&got, &b) == 0);
		assert_true(dbx_addr_prev(&b, &got) && dbx_addr_cmp(&got, &a) == 0);
	}
	got = a = addr("255.255.255.255");
	assert_false(dbx_addr_next(&a, &got));
	assert_int_equal(dbx_addr_cmp(&a, &got), 0);
	a = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_false(dbx_addr_next(&a, &got));
	a = addr("0.0.0.0");
	assert_false(dbx_addr_prev(&a, &got));
	a = addr("::");
	assert_false(dbx_addr_prev(&a, &got));
}

static void numbers(void **state)
{
	struct dbx_u128 one = {0, 1}, top = {UINT64_MAX, UINT64_MAX}, n;
	struct dbx_addr a = addr("192.0.2.1"), b;

	(void)state;
	n = dbx_addr_to_u128(&a);
	assert_true(n.hi == 0 && n.lo == 0xc0000201u);
	b = dbx_addr_from_u128(n, false);
	assert_int_equal(dbx_addr_cmp(&a, &b), 0);
	b = dbx_addr_v4(0xc0000201u);
	assert_memory_equal(&a, &b, sizeof(a));
	a = addr("102:304:506:708:90a:b0c:d0e:f10");
	n = dbx_addr_to_u128(&a);
	assert_true(n.hi == 0x0102030405060708u && n.lo == 0x090a0b0c0d0e0f10u);
	b = dbx_addr_from_u128(n, true);
	assert_memory_equal(&a, &b, sizeof(a));
	n = dbx_u128_add(top, one);
	assert_true(n.hi == 0 && n.lo == 0);
	n = dbx_u128_sub(n, one);
	assert_int_equal(dbx_u128_cmp(n, top), 0);
	n = dbx_u128_add((struct dbx_u128){0, UINT64_MAX}, one);
	assert_true(n.hi == 1 && n.lo == 0);
	assert_int_equal(dbx_u128_low_bits(0).lo, 0);
	assert_true(dbx_u128_low_bits(64).lo == UINT64_MAX && dbx_u128_low_bits(64).hi == 0);
	assert_true(dbx_u128_low_bits(65).hi == 1);
	assert_int_equal(dbx_u128_cmp(dbx_u128_low_bits(128), top), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_addresses),
		cmocka_unit_test(refused_addresses),
		cmocka_unit_test(prefixes_parse),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(every_error_has_its_sentence),
		cmocka_unit_test(order),
		cmocka_unit_test(containment),
		cmocka_unit_test(ends_of_prefixes),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
