// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * base64.c -- bytes as text and back (RFC 4648 section 4, with padding).
 */
#include "lib/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int dbx_base64_add(struct dbx_strbuf *b, const void *data, size_t n)
{
	const uint8_t *p = data;
	char out[4];

	for (; n; p += 3, n -= n < 3 ? n : 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
			     (n > 2 ? p[2] : 0);

		out[0] = digits[v >> 18];
		out[1] = digits[v >> 12 & 63];
		out[2] = n > 1 ? digits[v >> 6 & 63] : '=';
		out[3] = n > 2 ? digits[v & 63] : '=';
		dbx_strbuf_addn(b, out, sizeof(out));
	}
	return b->err;
}

static bool value_of(char c, uint32_t *v)
{
	const char *at = c ? strchr(digits, c) : NULL;

	*v = at ? (uint32_t)(at - digits) : 0;
	return at != NULL;
}

/* Four characters to `n` bytes in the high part of 24 bits; bits beyond them must be zero (3.5). */
static bool read_four(const char *s, size_t n, uint32_t *out)
{
	uint32_t v = 0, digit;
	size_t i;

	for (i = 0; i < 4; i++) {
		if (i <= n ? !value_of(s[i], &digit) : s[i] != '=')
			return false;
		v = v << 6 | (i <= n ? digit : 0);
	}
	*out = v;
	return n == 3 || !(v & (n == 2 ? 0xffu : 0xffffu));
}

int dbx_base64_decode(const char *s, size_t n, void *out, size_t cap, size_t *n_out)
{
	size_t n_pad = 0, n_bytes, i;
	uint8_t *p = out;

	if (n % 4)
		return -EINVAL;
	if (n)
		n_pad = (size_t)(s[n - 1] == '=') + (s[n - 1] == '=' && s[n - 2] == '=');
	n_bytes = n / 4 * 3 - n_pad;
	if (n_bytes > cap)
		return -ENOSPC;
	for (i = 0; i < n; i += 4) {
		size_t here = i + 4 == n ? 3 - n_pad : 3, k;
		uint32_t v;

		if (!read_four(s + i, here, &v))
			return -EINVAL;
		for (k = 0; k < here; k++)
			*p++ = (uint8_t)(v >> (16 - 8 * k));
	}
	*n_out = n_bytes;
	return 0;
}
