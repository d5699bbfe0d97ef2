// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_hash.c -- the checksums against published values, and the string map.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

/* RFC 3720 appendix B.4, and the check value of the CRC catalogue. */
static void crc32c_of_published_inputs(void **state)
{
	unsigned char b[32];
	int i;

	(void)state;
	assert_int_equal(dbx_crc32c(0, "123456789", 9), 0xe3069283u);
	memset(b, 0, sizeof(b));
	assert_int_equal(dbx_crc32c(0, b, sizeof(b)), 0x8a9136aau);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(dbx_crc32c(0, b, sizeof(b)), 0x62a8ab43u);
	for (i = 0; i < 32; i++)
		b[i] = (unsigned char)i;
	assert_int_equal(dbx_crc32c(0, b, sizeof(b)), 0x46dd794eu);
	for (i = 0; i < 32; i++)
		b[i] = (unsigned char)(31 - i);
	assert_int_equal(dbx_crc32c(0, b, sizeof(b)), 0x113fdb5cu);
	assert_int_equal(dbx_crc32c(0, b, 0), 0);
}

static void crc32c_in_parts_is_crc32c_at_once(void **state)
{
	unsigned char b[257];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(b); i++)
		b[i] = (unsigned char)(i * 7 + 3);
	for (i = 0; i <= sizeof(b); i++) {
		uint32_t crc = dbx_crc32c(0, b, i);

		crc = dbx_crc32c(crc, b + i, sizeof(b) - i);
		assert_int_equal(crc, dbx_crc32c(0, b, sizeof(b)));
	}
}

static void hash64_is_stable(void **state)
{
	uint64_t h = dbx_hash64("Storage.EastUS2", 15, 0);

	(void)state;
	/* Written into files, so these values may never change. */
	assert_true(dbx_hash64("", 0, 0) == 0xefd01f60ba992926ull);
	assert_true(dbx_hash64("a", 1, 0) == 0x82a2a958a9bece5bull);
	assert_true(h == dbx_hash64("Storage.EastUS2", 15, 0));
	assert_true(h != dbx_hash64("Storage.EastUS2", 15, 1));
	assert_true(h != dbx_hash64("Storage.EastUS3", 15, 0));
}

static void map_keeps_what_is_put(void **state)
{
	struct dbx_strmap m;
	uint64_t v = 42;
	char key[16];
	uint64_t i;

	(void)state;
	dbx_strmap_init(&m);
	assert_false(dbx_strmap_get(&m, "none", &v));
	assert_int_equal(v, 42);
	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%u", (unsigned int)i);
		assert_int_equal(dbx_strmap_put(&m, key, i), 0);
	}
	assert_int_equal(m.n, 20000);
	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%u", (unsigned int)i);
		assert_true(dbx_strmap_get(&m, key, &v));
		assert_int_equal(v, i);
		assert_string_equal(m.v[i].key, key); /* insertion order */
	}
	assert_false(dbx_strmap_get(&m, "k20000", NULL));
	assert_true(dbx_strmap_get(&m, "k0", NULL));
	dbx_strmap_fini(&m);
	assert_int_equal(m.n, 0);
	dbx_strmap_fini(&m);
}

static void put_refuses_and_set_replaces(void **state)
{
	struct dbx_strmap m;
	uint64_t v;
	int x;

	(void)state;
	dbx_strmap_init(&m);
	assert_int_equal(dbx_strmap_put(&m, "a", 1), 0);
	assert_int_equal(dbx_strmap_put(&m, "a", 2), -EEXIST);
	assert_true(dbx_strmap_get(&m, "a", &v) && v == 1);
	assert_int_equal(dbx_strmap_set(&m, "a", 3), 0);
	assert_true(dbx_strmap_get(&m, "a", &v) && v == 3 && m.n == 1);
	assert_int_equal(dbx_strmap_set(&m, "", 4), 0);
	assert_true(dbx_strmap_get(&m, "", &v) && v == 4 && m.n == 2);
	assert_null(dbx_strmap_get_ptr(&m, "p"));
	assert_int_equal(dbx_strmap_put_ptr(&m, "p", &x), 0);
	assert_ptr_equal(dbx_strmap_get_ptr(&m, "p"), &x);
	dbx_strmap_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_of_published_inputs),
		cmocka_unit_test(crc32c_in_parts_is_crc32c_at_once),
		cmocka_unit_test(hash64_is_stable),
		cmocka_unit_test(map_keeps_what_is_put),
		cmocka_unit_test(put_refuses_and_set_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
