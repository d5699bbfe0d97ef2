// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_base64.c -- the vectors of RFC 4648 section 10, every length, and what is no base64.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"

static void test_vectors(void **state)
{
	static const char *const v[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};
	struct dbx_strbuf b;
	char out[8];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		dbx_strbuf_init(&b);
		assert_int_equal(dbx_base64_add(&b, v[i][0], strlen(v[i][0])), 0);
		assert_string_equal(b.s, v[i][1]);
		dbx_strbuf_fini(&b);
		assert_int_equal(dbx_base64_decode(v[i][1], strlen(v[i][1]), out, 8, &n), 0);
		assert_int_equal(n, strlen(v[i][0]));
		assert_memory_equal(out, v[i][0], n);
	}
}

static void test_round_trip_of_every_length(void **state)
{
	uint8_t in[300], out[300];
	struct dbx_strbuf b;
	size_t i, n, k;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 151 + 3);
	for (k = 0; k <= sizeof(in); k++) {
		dbx_strbuf_init(&b);
		assert_int_equal(dbx_base64_add(&b, in, k), 0);
		assert_int_equal(b.len, (k + 2) / 3 * 4);
		assert_int_equal(dbx_base64_decode(b.s, b.len, out, k, &n), 0);
		assert_int_equal(n, k);
		assert_memory_equal(in, out, k);
		if (k)
			assert_int_equal(dbx_base64_decode(b.s, b.len, out, k - 1, &n), -ENOSPC);
		dbx_strbuf_fini(&b);
	}
}

static void test_what_is_none(void **state)
{
	static const char *const bad[] = {
		"Z",    "Zg",       "Zg=",  "Zg=a", "=g==",     "Z===", "====",
		"Zm9-", "Zm9v Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm\n="};
	size_t i, n = 77;
	char out[16];

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dbx_base64_decode(bad[i], strlen(bad[i]), out, sizeof(out), &n),
				 -EINVAL);
	assert_int_equal(dbx_base64_decode("Zm\0v", 4, out, sizeof(out), &n), -EINVAL);
	assert_int_equal(n, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_round_trip_of_every_length),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
