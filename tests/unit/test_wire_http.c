/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_wire_http.c -- the host of a request: found in every cut, and refused where readers differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http.h"

#define GET "GET / HTTP/1.1\r\n"

/* In memory of exactly that size, so that a read beyond it is seen. */
static enum dbx_http_status read_n(const char *text, size_t n, struct dbx_http_head *out,
				   char host[256])
{
	uint8_t *p = malloc(n ? n : 1);
	enum dbx_http_status s;

	memcpy(p, text, n);
	s = dbx_http_read(p, n, out);
	snprintf(host, 256, "%.*s", (int)out->n_host, out->n_host ? out->host : "");
	free(p);
	return s;
}

static void good(const char *text, const char *host, uint32_t n_body)
{
	const char *end = strstr(text, "\r\n\r\n");
	struct dbx_http_head h;
	size_t n = strlen(text);
	char got[256];

	assert_int_equal(read_n(text, n, &h, got), DBX_HTTP_DONE);
	assert_string_equal(got, host);
	assert_int_equal(h.n_body, n_body);
	assert_int_equal(h.n_head, end + 4 - text);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(read_n(text, i, &h, got),
				 i < (size_t)(end + 4 - text) ? DBX_HTTP_MORE : DBX_HTTP_DONE);
}

static void bad(const char *text)
{
	struct dbx_http_head h;
	char got[256];

	if (read_n(text, strlen(text), &h, got) != DBX_HTTP_BAD)
		fail_msg("taken: %s", text);
}

static void test_good(void **state)
{
	(void)state;
	good(GET "Host: good.test\r\n\r\n", "good.test", 0);
	good(GET "hOsT:good.test:8080 \t\r\nAccept: */*\r\n\r\n", "good.test", 0);
	good("POST /x HTTP/1.0\r\nHost: a.b\r\nContent-Length: 10\r\n\r\n0123456789", "a.b", 10);
	good("GET http://a.b/x?y HTTP/1.1\r\nHost: A.B\r\n\r\n", "A.B", 0);
	good("GET http://a.b:80 HTTP/1.1\r\nHost: a.b\r\n\r\n", "a.b", 0);
	good("OPTIONS * HTTP/1.1\r\nHost: a.b\r\n\r\n", "a.b", 0);
}

static void test_bad(void **state)
{
	(void)state;
	bad(GET "\r\n");
	bad(GET "Host: a.b\r\nHost: a.b\r\n\r\n");
	bad(GET "Host : a.b\r\n\r\n");
	bad(GET " Host: a.b\r\n\r\n");
	bad(GET "Host: a.b\r\n c.d\r\n\r\n");
	bad(GET "X: \r\n\tHost: c.d\r\nHost: a.b\r\n\r\n");
	bad("GET / HTTP/1.1\nHost: a.b\n\n");
	bad(GET "Host: a.b\rHost: c.d\r\n\r\n");
	bad(GET "Host: a\001b\r\n\r\n");
	bad(GET "Host: a.b\r\nTransfer-Encoding: chunked\r\n\r\n");
	bad(GET "Host: a.b\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
	bad(GET "Host: a.b\r\nContent-Length: +1\r\n\r\n");
	bad(GET "Host: a.b\r\nContent-Length: 99999999999\r\n\r\n");
	bad(GET "Host: a.b\r\nContent-Length: 4294967295\r\n\r\n");
	bad(GET "Host: a.b:x\r\n\r\n");
	bad("CONNECT a.b:443 HTTP/1.1\r\nHost: a.b\r\n\r\n");
	bad("GET http://c.d/ HTTP/1.1\r\nHost: a.b\r\n\r\n");
	bad("GET http://a.b@c.d/ HTTP/1.1\r\nHost: a.b\r\n\r\n");
	bad("GET https://a.b/ HTTP/1.1\r\nHost: a.b\r\n\r\n");
	bad("GET a.b HTTP/1.1\r\nHost: a.b\r\n\r\n");
	bad("GET  / HTTP/1.1\r\nHost: a.b\r\n\r\n");
	bad("GET / HTTP/1.1 \r\nHost: a.b\r\n\r\n");
	bad("GET / HTTP/2.0\r\nHost: a.b\r\n\r\n");
	bad("GET /\r\nHost: a.b\r\n\r\n");
	bad("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	bad("\r\nGET / HTTP/1.1\r\nHost: a.b\r\n\r\n");
	bad("\x16\x03\x01\x02");
}

static void test_nul(void **state)
{
	static const char text[] = GET "Host: a.b\0.c\r\n\r\n";
	struct dbx_http_head h;
	char got[256];

	(void)state;
	assert_int_equal(read_n(text, sizeof(text) - 1, &h, got), DBX_HTTP_BAD);
}

static void test_long(void **state)
{
	size_t n = 2 * DBX_HTTP_HEAD_MAX;
	char *text = malloc(n), got[256];
	struct dbx_http_head h;

	(void)state;
	memset(text, 'x', n);
	memcpy(text, GET "X: ", strlen(GET "X: "));
	assert_int_equal(read_n(text, DBX_HTTP_HEAD_MAX - 1, &h, got), DBX_HTTP_MORE);
	assert_int_equal(read_n(text, DBX_HTTP_HEAD_MAX, &h, got), DBX_HTTP_LONG);
	assert_int_equal(read_n(text, n, &h, got), DBX_HTTP_LONG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
