/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * strbuf.h -- a growable, always NUL-terminated string.
 *
 * The first failure sticks in err (-ENOMEM, or -EINVAL for a bad format) and makes every later add
 * a no-op, so a caller may add many times and look once. s is never NULL after init.
 */
#ifndef DBX_LIB_STRBUF_H
#define DBX_LIB_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct dbx_strbuf {
	char *s;    /* NUL-terminated; points at a constant "" until the first add */
	size_t len; /* bytes before the NUL */
	size_t cap; /* bytes allocated, 0 while s is the constant */
	int err;    /* 0 or the first failure */
};

void dbx_strbuf_init(struct dbx_strbuf *b);
void dbx_strbuf_fini(struct dbx_strbuf *b);
void dbx_strbuf_reset(struct dbx_strbuf *b); /* empty again, memory kept, err cleared */

/* Each returns b->err. */
int dbx_strbuf_add(struct dbx_strbuf *b, const char *s);
int dbx_strbuf_addn(struct dbx_strbuf *b, const void *s, size_t n);
int dbx_strbuf_addc(struct dbx_strbuf *b, char c);
int dbx_strbuf_addf(struct dbx_strbuf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int dbx_strbuf_addv(struct dbx_strbuf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/*
 * The inside of a JSON string (RFC 8259 section 7), without the quotes. Control characters, quote
 * and backslash are escaped; a byte that is not part of valid UTF-8 becomes U+FFFD, so the output
 * is valid JSON for any input.
 */
int dbx_strbuf_add_json_escaped(struct dbx_strbuf *b, const char *s, size_t n);

/* The string, now the caller's to free(), or NULL when err is set. b is as after init. */
char *dbx_strbuf_steal(struct dbx_strbuf *b);

#endif
