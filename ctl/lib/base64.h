/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * base64.h -- bytes as text and back (RFC 4648 section 4, with padding).
 */
#ifndef DBX_LIB_BASE64_H
#define DBX_LIB_BASE64_H

#include <stddef.h>

#include "lib/strbuf.h"

/* Returns b->err. */
int dbx_base64_add(struct dbx_strbuf *b, const void *data, size_t n);
/* 0 and *n_out; -EINVAL for any other character, length or padding; -ENOSPC for more than cap. */
int dbx_base64_decode(const char *s, size_t n, void *out, size_t cap, size_t *n_out);

#endif
