/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fail.h -- what went wrong, for a caller who may be a person: a class and a sentence.
 *
 * Functions that fill one return 0 or -errno as well; the class is what the REST layer turns into
 * an HTTP status and an error_code.
 */
#ifndef DBX_DAEMON_FAIL_H
#define DBX_DAEMON_FAIL_H

enum dbx_fail_kind {
	DBX_FAIL_NONE,
	DBX_FAIL_INVALID, /* the caller's documents or parameters */
	DBX_FAIL_NOT_FOUND,
	DBX_FAIL_EXISTS,   /* creating what is there */
	DBX_FAIL_CONFLICT, /* removing what others need */
	DBX_FAIL_DENIED,
	DBX_FAIL_TOO_LARGE, /* does not fit, or over a limit */
	DBX_FAIL_AWAY,      /* the data plane does not answer: later it may */
	DBX_FAIL_INTERNAL,
};

struct dbx_fail {
	enum dbx_fail_kind kind;
	char text[1024];
};

/* Of what a function of the data plane (dp.h) returned, not 0. */
enum dbx_fail_kind dbx_fail_of_dp(int rc);

/* Fills *f and returns err, so that a caller can return in one line. */
__attribute__((format(printf, 4, 5))) int
dbx_fail_set(struct dbx_fail *f, int err, enum dbx_fail_kind kind, const char *fmt, ...);

#endif
