// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_proto.c -- names of IP protocols, numbers of those that have none, and back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/proto.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* IANA's registry of protocol numbers. */
static const struct {
	int number;
	const char *name;
} known[] = {{1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "icmpv6"}, {132, "sctp"}};

static void by_number(void **state)
{
	const char *expected[256] = {NULL};

	(void)state;
	for (size_t i = 0; i < N_OF(known); i++)
		expected[known[i].number] = known[i].name;
	for (unsigned int n = 0; n < 256; n++) {
		char buf[DBX_PROTO_SIZE] = "?", number[8];
		const char *text = dbx_proto_text((uint8_t)n, buf);

		snprintf(number, sizeof(number), "%u", n);
		if (expected[n]) {
			assert_string_equal(dbx_proto_name(n), expected[n]);
			assert_string_equal(text, expected[n]);
			assert_string_equal(buf, "?");
		} else {
			assert_null(dbx_proto_name(n));
			assert_ptr_equal(text, buf);
			assert_string_equal(text, number);
		}
	}
}

/* What came out of JSON is no protocol because its last byte is one. */
static void no_protocol(void **state)
{
	static const int64_t none[] = {
		-1,        -6,        256, 256 + 6, -256 + 6, 65536 + 17, INT64_C(0x100000006),
		INT64_MIN, INT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < N_OF(none); i++)
		assert_null(dbx_proto_name(none[i]));
}

static void by_name(void **state)
{
	static const char *const none[] = {"",    "t", "tc", "tcp ",  " tcp", "tcpp",
					   "any", "6", "ip", "icmp6", "dccp", "icmpv"};

	(void)state;
	for (size_t i = 0; i < N_OF(known); i++)
		assert_int_equal(dbx_proto_number(known[i].name), known[i].number);
	assert_int_equal(dbx_proto_number("TCP"), 6);
	assert_int_equal(dbx_proto_number("ICMPv6"), 58);
	for (size_t i = 0; i < N_OF(none); i++)
		assert_int_equal(dbx_proto_number(none[i]), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_number),
		cmocka_unit_test(no_protocol),
		cmocka_unit_test(by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
