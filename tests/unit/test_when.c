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
#include <time.h>

#include "lib/when.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define NOW     INT64_C(1795255200000) /* 2026-11-21T10:00:00Z */

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

/* The machine's own time zone does not matter. */
static void zone(void **state)
{
	int64_t ms;

	(void)state;
	setenv("TZ", "America/New_York", 1);
	tzset();
	assert_int_equal(dbx_time_parse("2026-11-21T10:00:00", &ms), 0);
	assert_true(ms == NOW);
	assert_int_equal(dbx_time_parse("2026-07-21", &ms), 0);
	assert_true(ms % 86400000 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(spans),
		cmocka_unit_test(neither),
		cmocka_unit_test(zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
