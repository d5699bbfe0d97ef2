// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cli_out.c -- output: hostile text is disarmed, tables line up, JSON is always valid.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/out.h"

static void assert_escaped(const char *in, size_t n, bool keep_lines, const char *want)
{
	struct dbx_strbuf b;

	dbx_strbuf_init(&b);
	assert_int_equal(dbx_escape_add(&b, in, n, keep_lines), 0);
	assert_string_equal(b.s, want);
	dbx_strbuf_fini(&b);
}

#define ESCAPED(in, want) assert_escaped(in, sizeof(in) - 1, false, want)

static void hostile_text_is_disarmed(void **state)
{
	(void)state;
	ESCAPED("plain \\ text", "plain \\ text");
	ESCAPED("\033]0;owned\007", "\\x1b]0;owned\\x07");
	ESCAPED("a\033[2Jb", "a\\x1b[2Jb");
	ESCAPED("a\rb\nc\td\bz\177", "a\\x0db\\nc\\td\\x08z\\x7f");
	ESCAPED("nul\0inside", "nul\\x00inside");
	ESCAPED("csi\xc2\x9b"
		"2J",
		"csi\\x9b2J"); /* C1, as UTF-8 */
	ESCAPED("raw\x9b"
		"2J",
		"raw\\x9b2J"); /* and as a byte */
	ESCAPED("rtl\xe2\x80\xae"
		"gpj.exe",
		"rtl\\u{202e}gpj.exe");
	ESCAPED("zero\xe2\x80\x8bwidth\xef\xbb\xbf", "zero\\u{200b}width\\u{feff}");
	ESCAPED("b\xc3\xbc"
		"cher \xe2\x82\xac \xf0\x9f\x94\x92",
		"b\xc3\xbc"
		"cher \xe2\x82\xac \xf0\x9f\x94\x92");
	assert_escaped("a\n\tb\033", 5, true, "a\n\tb\\x1b");
}

static void bytes_that_are_not_utf8(void **state)
{
	(void)state;
	ESCAPED("\xc0\xaf", "\\xc0\\xaf");                   /* overlong */
	ESCAPED("\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* overlong */
	ESCAPED("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
	ESCAPED("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* over U+10FFFF */
	ESCAPED("cut\xe2\x82", "cut\\xe2\\x82");
	ESCAPED("\xff\xfe", "\\xff\\xfe");
}

static char *table_text(const struct dbx_table *t)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_int_equal(dbx_table_print(t, f), DBX_EXIT_DONE);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void tables_line_up(void **state)
{
	static const struct dbx_column cols[] = {
		{"name", false}, {"packets", true}, {"rule", false}};
	struct dbx_table t;
	char *text;

	(void)state;
	dbx_table_init(&t, cols, 3);
	text = table_text(&t);
	assert_string_equal(text, "");
	free(text);
	dbx_table_cell(&t, DBX_RED, "a");
	dbx_table_cell(&t, DBX_PLAIN, "%d", 7);
	dbx_table_cell(&t, DBX_PLAIN, "x\ny");
	dbx_table_cell(&t, DBX_PLAIN,
		       "b\xc3\xbc"
		       "cher");
	dbx_table_cell(&t, DBX_PLAIN, "%d", 12345678);
	dbx_table_cell(&t, DBX_PLAIN, "%s", "");
	text = table_text(&t);
	assert_string_equal(text, "name     packets  rule\n"
				  "a              7  x\\ny\n"
				  "b\xc3\xbc"
				  "cher  12345678\n");
	free(text);
	dbx_table_fini(&t);
}

static void json_text_is_always_valid(void **state)
{
	json_t *j = dbx_json_text("ok \xc3\xbc");

	(void)state;
	assert_string_equal(json_string_value(j), "ok \xc3\xbc");
	json_decref(j);
	j = dbx_json_text("bad\xff\033");
	assert_string_equal(json_string_value(j), "bad\xef\xbf\xbd\033");
	json_decref(j);
}

static void json_values_of_a_wrong_type_are_absent(void **state)
{
	json_t *j = json_loads("{\"s\":\"x\",\"i\":7,\"r\":2.5,\"b\":true,\"n\":null,\"a\":[1]}", 0,
			       NULL);
	char *word;

	(void)state;
	assert_string_equal(dbx_json_str(j, "s"), "x");
	assert_string_equal(dbx_json_str(j, "i"), "");
	assert_string_equal(dbx_json_str(j, "gone"), "");
	assert_string_equal(dbx_json_str(NULL, "s"), "");
	assert_int_equal(dbx_json_int(j, "i"), 7);
	assert_int_equal(dbx_json_int(j, "r"), 2);
	assert_int_equal(dbx_json_int(j, "s"), 0);
	assert_true(dbx_json_true(j, "b"));
	assert_false(dbx_json_true(j, "i"));
	word = dbx_json_word(json_object_get(j, "a"));
	assert_string_equal(word, "[1]");
	free(word);
	word = dbx_json_word(json_object_get(j, "n"));
	assert_string_equal(word, "");
	free(word);
	json_decref(j);
}

static void findings_as_json(void **state)
{
	struct dbx_diag d;
	json_t *all, *f;

	(void)state;
	dbx_diag_init(&d);
	dbx_diag_add(&d, DBX_SEV_ERROR, "host-bits", "a\xff.json", "/p/0", "%s", "10.0.0.1/8");
	dbx_diag_add(&d, DBX_SEV_WARNING, "unknown-key", "b.json", "", "x");
	all = dbx_findings_json(&d);
	assert_int_equal(json_array_size(all), 2);
	assert_int_equal(dbx_findings_count(all, "error"), 1);
	assert_int_equal(dbx_findings_count(all, "info"), 0);
	f = json_array_get(all, 0);
	assert_string_equal(dbx_json_str(f, "severity"), "error");
	assert_string_equal(dbx_json_str(f, "code"), "host-bits");
	assert_string_equal(dbx_json_str(f, "doc"), "a\xef\xbf\xbd.json");
	assert_string_equal(dbx_json_str(f, "ptr"), "/p/0");
	assert_string_equal(dbx_json_str(f, "text"), "10.0.0.1/8");
	assert_int_equal(json_object_size(f), 5);
	assert_int_equal(dbx_findings_count(NULL, "error"), 0);
	json_decref(all);
	dbx_diag_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_text_is_disarmed),
		cmocka_unit_test(bytes_that_are_not_utf8),
		cmocka_unit_test(tables_line_up),
		cmocka_unit_test(json_text_is_always_valid),
		cmocka_unit_test(json_values_of_a_wrong_type_are_absent),
		cmocka_unit_test(findings_as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
