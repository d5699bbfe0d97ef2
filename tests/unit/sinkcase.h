/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sinkcase.h -- what tests of sinks share: a number of what a sink says of itself.
 */
#ifndef DBX_TESTS_SINKCASE_H
#define DBX_TESTS_SINKCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sink.h"

static inline uint64_t number(const struct dbx_sink *s, const char *key)
{
	struct dbx_strbuf b;
	char quoted[64];
	const char *at;
	uint64_t n;

	dbx_strbuf_init(&b);
	s->ops->status(s, &b);
	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(b.s, quoted);
	assert_non_null(at);
	n = strtoull(at + strlen(quoted), NULL, 10);
	dbx_strbuf_fini(&b);
	return n;
}

#endif
