// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * when.c -- points in time as people and logs write them: UTC, in milliseconds since 1970.
 */
#include "lib/when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_MS      INT64_C(86400000)
#define DAYS_OF_ERA 146097                   /* 400 years */
#define END_MS      INT64_C(253402300800000) /* 10000-01-01 */

/* ".5" -> 500; digits past milliseconds are cut off. The end, or NULL: no digit. */
static const char *parse_fraction(const char *s, int64_t *ms)
{
	int scale = 100;

	if (*++s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++, scale /= 10)
		*ms += (*s - '0') * scale;
	return s;
}

int dbx_time_parse(const char *s, int64_t *ms)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {.tm_isdst = 0};
		const char *end = strptime(s, forms[i], &tm);
		int64_t at, fraction = 0;

		if (end && i == 0 && *end == '.')
			end = parse_fraction(end, &fraction);
		if (!end)
			continue;
		end += i == 0 && *end == 'Z';
		at = (int64_t)timegm(&tm);
		if (*end || at < 0)
			return -EINVAL;
		*ms = at * 1000 + fraction;
		return 0;
	}
	return -EINVAL;
}

/* "15m" -> milliseconds, or -1. */
static int64_t parse_span(const char *s)
{
	static const char letters[] = "smhdw";
	static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
	const char *letter;
	int64_t n;
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno || !end[0] || end[1])
		return -1;
	letter = strchr(letters, *end);
	if (!letter)
		return -1;
	return __builtin_mul_overflow(n, seconds[letter - letters] * 1000, &n) ? INT64_MAX : n;
}

int dbx_since_parse(const char *s, int64_t now_ms, int64_t *ms)
{
	int64_t span = parse_span(s);

	if (span < 0)
		return dbx_time_parse(s, ms);
	*ms = span < now_ms ? now_ms - span : 0;
	return 0;
}

/* Year, month and day of the n-th day since 1970-01-01, by years that begin on a first of March. */
static void civil(int day, int *year, int *month, int *dom)
{
	int z = day + 719468, era = z / DAYS_OF_ERA, doe = z % DAYS_OF_ERA;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / (DAYS_OF_ERA - 1)) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;

	*dom = doy - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

/* Not by gmtime_r(), which reads the file of the time zone. */
const char *dbx_time_format(int64_t ms, enum dbx_time_form form, char out[DBX_TIME_SIZE])
{
	int year, month, dom, left = (int)(ms % DAY_MS);
	int minutes = left / 60000, seconds = left / 1000 % 60, rest = left % 1000;
	size_t n;

	out[0] = '\0';
	if (ms < 0 || ms >= END_MS)
		return out;
	civil((int)(ms / DAY_MS), &year, &month, &dom);
	n = (size_t)snprintf(out, DBX_TIME_SIZE, "%04d-%02d-%02d%c%02d:%02d", year, month, dom,
			     form == DBX_TIME_MINUTE ? ' ' : 'T', minutes / 60, minutes % 60);
	if (form == DBX_TIME_MINUTE)
		snprintf(out + n, DBX_TIME_SIZE - n, " UTC");
	else if (form == DBX_TIME_S)
		snprintf(out + n, DBX_TIME_SIZE - n, ":%02dZ", seconds);
	else
		snprintf(out + n, DBX_TIME_SIZE - n, ":%02d.%03d%s", seconds, rest,
			 form == DBX_TIME_MS ? "Z" : "");
	return out;
}
