/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fakedpdk_priv.h -- what the two halves of fakedpdk share.
 */
#ifndef DBX_TESTS_FAKEDPDK_PRIV_H
#define DBX_TESTS_FAKEDPDK_PRIV_H

#include "common/fakedpdk.h"

/* An answer as it is made. */
struct fake_answer {
	int rc;
	char body[DBX_WIRE_MAX] __attribute__((aligned(8)));
	size_t n;
	int fd; /* -1: none */
};

void fake_give(struct fake_answer *a, const void *v, size_t n);
/* Does what a request asks for; fd came along, -1 = none. */
void fake_carry_out(struct fakedpdk *f, enum dbx_wire_type type, const void *body, size_t n, int fd,
		    struct fake_answer *a);

#endif
