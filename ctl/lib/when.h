/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * when.h -- points in time as people and logs write them: UTC, in milliseconds since 1970.
 */
#ifndef DBX_LIB_WHEN_H
#define DBX_LIB_WHEN_H

#include <stdint.h>

/* For messages. */
#define DBX_WHEN_ACCEPTED                                                         \
	"is a span (90s, 15m, 1h, 7d, 4w), a date (2026-11-21) or a time in UTC " \
	"(2026-11-21T10:00:00Z)"

/* "2026-11-21T10:00:00.123", with or without fraction and Z, or a date alone. 0 or -EINVAL. */
int dbx_time_parse(const char *s, int64_t *ms);
/* The same, or a span that ended at now_ms: "15m". 0 or -EINVAL; 1970 is the earliest. */
int dbx_since_parse(const char *s, int64_t now_ms, int64_t *ms);

enum dbx_time_form {
	DBX_TIME_S,          /* 2026-11-21T10:00:00Z */
	DBX_TIME_MS,         /* 2026-11-21T10:00:00.123Z */
	DBX_TIME_MS_NO_ZONE, /* 2026-11-21T10:00:00.123, as in the vendor's records */
	DBX_TIME_MINUTE      /* 2026-11-21 10:00 UTC, for people */
};
#define DBX_TIME_SIZE 25 /* with the zero */

/* Writes the time to out, which it returns; "": it is before 1970 or after 9999, which none can read. */
const char *dbx_time_format(int64_t ms, enum dbx_time_form form, char out[DBX_TIME_SIZE]);

#endif
