// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_when.c -- times and spans as they are written, and what is none.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/when.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define NOW     INT64_C(1795255200000)   /* 2026-11-21T10:00:00Z */
#define END     INT64_C(253402300800000) /* 10000-01-01, the first that has no four digits */

static void times(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} t[] = {
		{"1970-01-01", 0},
		{"2026-11-21", NOW - 36000000},
		{"2026-11-21T10:00:00", NOW},
		{"2026-11-21T10:00:00Z", NOW},
		{"2026-11-21T10:00:00.5", NOW + 500},
		{"2026-11-21T10:00:00.123Z", NOW + 123},
		{"2026-11-21T10:00:00.123999Z", NOW + 123},
		{"2024-02-29T23:59:59.001", INT64_C(1709251199001)},
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		ms = -1;
		if (dbx_time_parse(t[i].s, &ms) || ms != t[i].ms)
			fail_msg("%s: %lld", t[i].s, (long long)ms);
		assert_int_equal(dbx_since_parse(t[i].s, 5, &ms), 0);
		assert_true(ms == t[i].ms);
	}
}

static void spans(void **state)
{
	static const struct {
		const char *s;
		int64_t span_s;
	} t[] = {{"0s", 0},    {"90s", 90},    {"15m", 900},
		 {"1h", 3600}, {"7d", 604800}, {"4w", 2419200}};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		assert_int_equal(dbx_since_parse(t[i].s, NOW, &ms), 0);
		assert_true(ms == NOW - t[i].span_s * 1000);
	}
	assert_int_equal(dbx_since_parse("9000w", NOW, &ms), 0);
	assert_true(ms == 0); /* before 1970 there are no records */
	assert_int_equal(dbx_since_parse("9223372036854775s", NOW, &ms), 0);
	assert_true(ms == 0);
	assert_int_equal(dbx_since_parse("9223372036854775807w", NOW, &ms), 0);
	assert_true(ms == 0);
}

static void neither(void **state)
{
	static const char *const bad[] = {
		"",
		"h",
		"7",
		"7D",
		"7 d",
		"7dd",
		"-1d",
		"+1d",
		"0x1h",

		"soon",
		"2026-13-01",
		"2026-11-21Z",
		"2026-11-21x",
		"2026-11-21T10:00:00.",
		"99999999999999999999s",
		"2026-11-21T10:00:00.Z",
		"2026-11-21T10:00:00+01:00",
		"1969-12-31",
		"2026-11-21T10:00",
	};
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++) {
		if (dbx_since_parse(bad[i], NOW, &ms) != -EINVAL || ms != 7)
			fail_msg("'%s': %lld", bad[i], (long long)ms);
	}
	assert_int_equal(dbx_time_parse("7d", &ms), -EINVAL);
}

static void written(void **state)
{
	static const struct {
		int64_t ms;
		const char *s[4]; /* by form */
	} t[] = {
		{0,
		 {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000",
		  "1970-01-01 00:00 UTC"}},
		{1,
		 {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001",
		  "1970-01-01 00:00 UTC"}},
		{NOW + 123,
		 {"2026-11-21T10:00:00Z", "2026-11-21T10:00:00.123Z", "2026-11-21T10:00:00.123",
		  "2026-11-21 10:00 UTC"}},
		{INT64_C(1709251199999),
		 {"2024-02-29T23:59:59Z", "2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999",
		  "2024-02-29 23:59 UTC"}},
		{END - 1,
		 {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999",
		  "9999-12-31 23:59 UTC"}},
	};
	char out[DBX_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		for (enum dbx_time_form f = DBX_TIME_S; f <= DBX_TIME_MINUTE; f++) {
			assert_ptr_equal(dbx_time_format(t[i].ms, f, out), out);
			assert_string_equal(out, t[i].s[f]);
		}
	}
}

/* Each day of two times 400 years, after which the calendar begins anew. */
static void written_and_read(void **state)
{
	char out[DBX_TIME_SIZE];
	int64_t ms, read;

	(void)state;
	for (int day = 0; day < 2 * 146097; day++) {
		ms = day * INT64_C(86400000) + day * INT64_C(7919) % 86400000;
		if (dbx_time_parse(dbx_time_format(ms, DBX_TIME_MS, out), &read) || read != ms)
			fail_msg("%lld: %s", (long long)ms, out);
	}
}

static void out_of_range(void **state)
{
	static const int64_t none[] = {
		INT64_MIN, INT64_MIN + 1, -1000, -1, END, END + 1, INT64_MAX - 1, INT64_MAX,
	};
	char out[DBX_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < N_OF(none); i++) {
		for (enum dbx_time_form f = DBX_TIME_S; f <= DBX_TIME_MINUTE; f++) {
			memset(out, 'x', sizeof(out));
			assert_string_equal(dbx_time_format(none[i], f, out), "");
		}
	}
}

/* The machine's own time zone does not matter. */
static void zone(void **state)
{
	char out[DBX_TIME_SIZE];
	int64_t ms;

	(void)state;
	setenv("TZ", "America/New_York", 1);
	tzset();
	assert_int_equal(dbx_time_parse("2026-11-21T10:00:00", &ms), 0);
	assert_true(ms == NOW);
	assert_int_equal(dbx_time_parse("2026-07-21", &ms), 0);
	assert_true(ms % 86400000 == 0);
	assert_string_equal(dbx_time_format(NOW, DBX_TIME_S, out), "2026-11-21T10:00:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(spans),
		cmocka_unit_test(neither),
		cmocka_unit_test(written),
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(out_of_range),
		cmocka_unit_test(zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
