// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * strbuf.c -- a growable, always NUL-terminated string.
 */
#include "lib/strbuf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Never written to: every add goes through reserve, which replaces it. */
static char empty[1];

void dbx_strbuf_init(struct dbx_strbuf *b)
{
	*b = (struct dbx_strbuf){.s = empty};
}

void dbx_strbuf_fini(struct dbx_strbuf *b)
{
	if (b->cap)
		free(b->s);
	dbx_strbuf_init(b);
}

void dbx_strbuf_reset(struct dbx_strbuf *b)
{
	if (b->cap)
		b->s[0] = '\0';
	b->len = 0;
	b->err = 0;
}

/* Room for more bytes and the NUL. */
static int reserve(struct dbx_strbuf *b, size_t more)
{
	size_t want, next = b->cap ? b->cap : 64;
	char *s;

	if (b->err)
		return b->err;
	if (__builtin_add_overflow(b->len, more, &want) || want >= PTRDIFF_MAX / 2)
		return b->err = -ENOMEM;
	want++;
	if (want <= b->cap)
		return 0;
	while (next < want)
		next *= 2;
	s = realloc(b->cap ? b->s : NULL, next);
	if (!s)
		return b->err = -ENOMEM;
	s[b->len] = '\0';
	b->s = s;
	b->cap = next;
	return 0;
}

int dbx_strbuf_addn(struct dbx_strbuf *b, const void *s, size_t n)
{
	if (n == 0 || reserve(b, n))
		return b->err;
	memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
	return 0;
}

int dbx_strbuf_add(struct dbx_strbuf *b, const char *s)
{
	return dbx_strbuf_addn(b, s, strlen(s));
}

int dbx_strbuf_addc(struct dbx_strbuf *b, char c)
{
	return dbx_strbuf_addn(b, &c, 1);
}

int dbx_strbuf_addv(struct dbx_strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return b->err ? b->err : (b->err = -EINVAL);
	if (reserve(b, (size_t)n))
		return b->err;
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int dbx_strbuf_addf(struct dbx_strbuf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = dbx_strbuf_addv(b, fmt, ap);
	va_end(ap);
	return rc;
}

/* Bytes of the well-formed UTF-8 sequence at s (Unicode 15 table 3-7), 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len, i;

	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (n < len)
		return 0;
	if (s[0] == 0xe0)
		lo = 0xa0; /* over-long */
	else if (s[0] == 0xed)
		hi = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		lo = 0x90; /* over-long */
	else if (s[0] == 0xf4)
		hi = 0x8f; /* past U+10FFFF */
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (i = 2; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static void add_escape(struct dbx_strbuf *b, unsigned char c)
{
	switch (c) {
	case '"':
		dbx_strbuf_addn(b, "\\\"", 2);
		break;
	case '\\':
		dbx_strbuf_addn(b, "\\\\", 2);
		break;
	case '\n':
		dbx_strbuf_addn(b, "\\n", 2);
		break;
	case '\r':
		dbx_strbuf_addn(b, "\\r", 2);
		break;
	case '\t':
		dbx_strbuf_addn(b, "\\t", 2);
		break;
	default:
		dbx_strbuf_addf(b, "\\u%04x", c);
		break;
	}
}

int dbx_strbuf_add_json_escaped(struct dbx_strbuf *b, const char *str, size_t n)
{
	const unsigned char *s = (const unsigned char *)str;
	size_t i = 0, plain = 0, len;

	while (i < n) {
		if (s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\') {
			i++;
			continue;
		}
		len = s[i] >= 0x80 ? utf8_len(s + i, n - i) : 0;
		if (len) {
			i += len;
			continue;
		}
		dbx_strbuf_addn(b, s + plain, i - plain);
		if (s[i] >= 0x80)
			dbx_strbuf_addn(b, "\xef\xbf\xbd", 3);
		else
			add_escape(b, s[i]);
		plain = ++i;
	}
	return dbx_strbuf_addn(b, s + plain, i - plain);
}

char *dbx_strbuf_steal(struct dbx_strbuf *b)
{
	char *s = NULL;

	if (!reserve(b, 0))
		s = b->s;
	else if (b->cap)
		free(b->s);
	dbx_strbuf_init(b);
	return s;
}
