// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fail.c -- what went wrong, for a caller who may be a person: a class and a sentence.
 */
#include "daemon/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum dbx_fail_kind dbx_fail_of_dp(int rc)
{
	switch (rc) {
	case -E2BIG:
		return DBX_FAIL_TOO_LARGE;
	case -ENOTCONN:
		return DBX_FAIL_AWAY;
	default:
		return DBX_FAIL_INTERNAL;
	}
}

int dbx_fail_set(struct dbx_fail *f, int err, enum dbx_fail_kind kind, const char *fmt, ...)
{
	va_list ap;

	f->kind = kind;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return err;
}
