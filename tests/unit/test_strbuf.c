// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_strbuf.c -- the growable string: adding, failing, JSON escapes for any bytes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"

static void adding(void **state)
{
	struct dbx_strbuf b;
	char *s;
	int i;

	(void)state;
	dbx_strbuf_init(&b);
	assert_string_equal(b.s, "");
	assert_int_equal(dbx_strbuf_add(&b, ""), 0);
	assert_int_equal(dbx_strbuf_add(&b, "one"), 0);
	assert_int_equal(dbx_strbuf_addc(&b, ' '), 0);
	assert_int_equal(dbx_strbuf_addf(&b, "%d-%s", 2, "three"), 0);
	assert_int_equal(dbx_strbuf_addn(&b, "\0x", 2), 0);
	assert_int_equal(b.len, 13);
	assert_memory_equal(b.s, "one 2-three\0x", 14);
	dbx_strbuf_reset(&b);
	assert_string_equal(b.s, "");
	for (i = 0; i < 10000; i++)
		dbx_strbuf_addf(&b, "%04d", i);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, 40000);
	assert_memory_equal(b.s + 4 * 1234, "1234", 4);
	s = dbx_strbuf_steal(&b);
	assert_int_equal(strlen(s), 40000);
	free(s);
	assert_int_equal(b.len, 0);
	s = dbx_strbuf_steal(&b);
	assert_string_equal(s, "");
	free(s);
	dbx_strbuf_fini(&b);
	dbx_strbuf_fini(&b);
}

static void the_first_failure_sticks(void **state)
{
	struct dbx_strbuf b;

	(void)state;
	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "kept");
	/* Too long to exist: refused before the bytes are looked at. */
	assert_int_equal(dbx_strbuf_addn(&b, "", (size_t)PTRDIFF_MAX), -ENOMEM);
	assert_int_equal(dbx_strbuf_add(&b, "more"), -ENOMEM);
	assert_string_equal(b.s, "kept");
	assert_null(dbx_strbuf_steal(&b));
	assert_int_equal(dbx_strbuf_add(&b, "again"), 0);
	dbx_strbuf_addn(&b, "", (size_t)PTRDIFF_MAX);
	dbx_strbuf_reset(&b);
	assert_int_equal(dbx_strbuf_add(&b, "fresh"), 0);
	assert_string_equal(b.s, "fresh");
	dbx_strbuf_fini(&b);
}

static void json_escapes(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		const char *out;
	} t[] = {
		{"plain /text", 11, "plain /text"},
		{"\"\\", 2, "\\\"\\\\"},
		{"\n\r\t", 3, "\\n\\r\\t"},
		{"\0\x01\x1f", 3, "\\u0000\\u0001\\u001f"},
		{"\x7f", 1, "\\u007f"},
		{"\xc3\xa9", 2, "\xc3\xa9"},
		{"\xe2\x82\xac", 3, "\xe2\x82\xac"},
		{"\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80"},
		/* not UTF-8: stray, cut off, over-long, surrogate, past the end (Unicode table 3-7) */
		{"\x80", 1, "\xef\xbf\xbd"},
		{"a\xc3", 2, "a\xef\xbf\xbd"},
		{"\xc3(", 2, "\xef\xbf\xbd("},
		{"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe0\x80\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xff", 1, "\xef\xbf\xbd"},
		{"", 0, ""},
	};
	struct dbx_strbuf b;
	size_t i;

	(void)state;
	dbx_strbuf_init(&b);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		dbx_strbuf_reset(&b);
		assert_int_equal(dbx_strbuf_add_json_escaped(&b, t[i].in, t[i].n), 0);
		assert_string_equal(b.s, t[i].out);
	}
	dbx_strbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adding),
		cmocka_unit_test(the_first_failure_sticks),
		cmocka_unit_test(json_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
