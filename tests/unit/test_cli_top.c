// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cli_top.c -- rows, rates and order of `top`, and lines that fit any screen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/top.h"

static json_t *parse(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);

	assert_non_null(j);
	return j;
}

static void take(struct dbx_top *t, const char *rows, const char *denials, double time_s)
{
	char text[2048];
	json_t *s, *d, *st = parse("{\"events_lost\":4}");

	snprintf(text, sizeof(text), "{\"generation\":3,\"rows\":[%s]}", rows);
	s = parse(text);
	snprintf(text, sizeof(text), "{\"denials\":[%s]}", denials);
	d = parse(text);
	assert_int_equal(dbx_top_take(t, s, d, st, time_s), 0);
	json_decref(s);
	json_decref(d);
	json_decref(st);
}

#define ROW(ws, reason, verdict, packets, bytes)                                     \
	"{\"workspace_id\":" #ws ",\"reason\":\"" reason "\",\"verdict\":\"" verdict \
	"\",\"packets\":" #packets ",\"bytes\":" #bytes "}"
#define DENIAL(name, dst, packets)                                                                \
	"{\"name\":\"" name "\",\"dst\":\"" dst "\",\"packets\":" #packets ",\"bytes\":" #packets \
	"}"

static const struct dbx_top_row *row(const struct dbx_top *t, enum dbx_top_section s,
				     const char *name)
{
	for (size_t i = 0; i < t->rows[s].n; i++) {
		if (!strcmp(t->rows[s].v[i].name, name))
			return &t->rows[s].v[i];
	}
	fail_msg("no row %s", name);
	return NULL;
}

static bool is(double x, double y)
{
	return x > y - 1e-9 && x < y + 1e-9;
}

static void test_rates(void **state)
{
	const struct dbx_top_row *r;
	struct dbx_top t;

	(void)state;
	dbx_top_init(&t);
	take(&t, ROW(1, "no-match", "DROP", 10, 1000) "," ROW(1, "platform", "PASS", 5, 500),
	     DENIAL("a.test", "192.0.2.1", 4), 100);
	r = row(&t, DBX_TOP_WORKSPACES, "1");
	assert_true(r->n.denied == 10 && r->n.passed == 5 && r->n.bytes == 1500);
	assert_true(is(r->denied_s, 0) && is(r->passed_s, 0));
	assert_int_equal(t.events_lost, 4);
	assert_int_equal(t.generation, 3);
	take(&t,
	     ROW(2, "no-match", "DRY_RUN_DENIAL", 8, 80) "," ROW(
		     1, "no-match", "DROP", 30, 3000) "," ROW(1, "platform", "PASS", 1, 100),
	     DENIAL("a.test", "192.0.2.1", 6) "," DENIAL("b.test", "192.0.2.1", 2), 104);
	r = row(&t, DBX_TOP_WORKSPACES, "1");
	assert_true(is(r->denied_s, 5));
	assert_true(is(r->passed_s, 0.25));   /* a counter that went back began anew */
	r = row(&t, DBX_TOP_WORKSPACES, "2"); /* one that was not there began at 0 */
	assert_true(is(r->denied_s, 2) && is(r->bytes_s, 20));
	assert_true(is(row(&t, DBX_TOP_NAMES, "a.test")->denied_s, 0.5));
	r = row(&t, DBX_TOP_ADDRESSES, "192.0.2.1");
	assert_true(r->n.denied == 8 && is(r->denied_s, 1));
	assert_true(t.all.n.denied == 38 && is(t.all.denied_s, 7));
	assert_true(t.dry_run == 8 && is(t.dry_run_s, 2));
	dbx_top_fini(&t);
}

static void test_what_is_held_is_no_denial(void **state)
{
	struct dbx_top t;

	(void)state;
	dbx_top_init(&t);
	take(&t, ROW(1, "hello-held", "DROP", 9, 900), "", 1);
	assert_int_equal(t.all.n.denied, 0);
	assert_int_equal(row(&t, DBX_TOP_WORKSPACES, "1")->n.denied, 0);
	assert_int_equal(row(&t, DBX_TOP_REASONS, "hello-held")->n.denied, 9);
	dbx_top_fini(&t);
}

static void test_order(void **state)
{
	static const char rows[] = ROW(1, "a", "DROP", 10, 1) "," ROW(
		2, "b", "DROP", 20, 5) "," ROW(3, "c", "PASS", 7, 9);
	static const struct {
		enum dbx_top_sort by;
		const char *first, *last;
	} cases[] = {
		{DBX_TOP_BY_RATE, "1", "3"},   {DBX_TOP_BY_DENIED, "2", "3"},
		{DBX_TOP_BY_PASSED, "3", "2"}, {DBX_TOP_BY_BYTES, "3", "1"},
		{DBX_TOP_BY_NAME, "1", "3"},
	};
	struct dbx_top t;
	enum dbx_top_sort by;

	(void)state;
	dbx_top_init(&t);
	take(&t, ROW(2, "b", "DROP", 20, 5), "", 1);
	take(&t, rows, "", 2); /* 1 grew by 10, 2 not at all */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dbx_top_sort(&t, cases[i].by, false);
		assert_string_equal(t.rows[DBX_TOP_WORKSPACES].v[0].name, cases[i].first);
		assert_string_equal(t.rows[DBX_TOP_WORKSPACES].v[2].name, cases[i].last);
		dbx_top_sort(&t, cases[i].by, true);
		assert_string_equal(t.rows[DBX_TOP_WORKSPACES].v[0].name, cases[i].last);
		assert_true(dbx_top_sort_find(dbx_top_sort_name(cases[i].by), &by));
		assert_int_equal(by, cases[i].by);
	}
	assert_false(dbx_top_sort_find("rat", &by));
	take(&t, rows, "", 3); /* in whatever order the one before was left */
	assert_true(is(row(&t, DBX_TOP_WORKSPACES, "1")->denied_s, 0));
	dbx_top_fini(&t);
}

/* Answers that are no answers: nothing is shown, nothing breaks. */
static void test_what_makes_no_sense(void **state)
{
	static const char *const bad[] = {
		"{}", "{\"rows\":7}", "{\"rows\":[3,null,{}]}",
		"{\"rows\":[{\"packets\":-5,\"bytes\":\"x\",\"workspace_id\":[]}]}"};
	struct dbx_top t;
	json_t *j;

	(void)state;
	dbx_top_init(&t);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		j = parse(bad[i]);
		assert_int_equal(dbx_top_take(&t, j, j, j, (double)i), 0);
		assert_true(t.all.n.denied == 0 && t.all.n.bytes == 0);
		json_decref(j);
	}
	dbx_top_fini(&t);
}

struct seen {
	unsigned int n, widest, titles;
	char text[65536];
};

static void see(void *arg, enum dbx_top_style style, const char *line)
{
	struct seen *s = arg;
	size_t n = strlen(line), had = strlen(s->text);

	for (size_t i = 0; i < n; i++)
		assert_in_range(line[i], ' ', '~');
	s->n++;
	s->titles += style == DBX_TOP_TITLE;
	if (n > s->widest)
		s->widest = (unsigned int)n;
	snprintf(s->text + had, sizeof(s->text) - had, "%s\n", line);
}

static void test_lines_fit_every_screen(void **state)
{
	struct dbx_top_view v = {.zoom = -1, .clock = "12:00:00", .filter = "", .interval_s = 2};
	static struct seen s;
	struct dbx_top t;

	(void)state;
	dbx_top_init(&t);
	take(&t,
	     ROW(1, "no-match", "DROP", 123456789012345,
		 9000000000000000000) "," ROW(0, "unknown-source", "DROP", 1, 1),
	     DENIAL("\\u001b]0;x\\u0007\\u202e\\u00e4.test", "2001:db8::1", 4) "," DENIAL(
		     "a-name-that-is-rather-long-and-goes-on-and-on.example.com", "192.0.2.1", 3),
	     1);
	for (v.zoom = -1; v.zoom < DBX_TOP_SECTIONS; v.zoom++) {
		for (v.width = 1; v.width < 220; v.width += 3) {
			for (v.height = 1; v.height < 40; v.height++) {
				memset(&s, 0, sizeof(s));
				v.state = v.height % 2 ? "cannot \x1b[2J" : NULL;
				dbx_top_lines(&t, &v, see, &s);
				assert_in_range(s.n, 1, v.height);
				assert_in_range(s.widest, 1, v.width);
			}
		}
	}
	v = (struct dbx_top_view){.zoom = -1, .clock = "12:00:00", .interval_s = 2};
	memset(&s, 0, sizeof(s));
	dbx_top_lines(&t, &v, see, &s);
	assert_int_equal(s.titles, DBX_TOP_SECTIONS);
	assert_non_null(strstr(s.text, "\\x1b]0;x\\x07\\u{202e}??.test"));
	assert_non_null(strstr(s.text, "and-on.e>"));
	assert_non_null(strstr(s.text, "  123T"));
	dbx_top_fini(&t);
}

static void test_filter_and_scrolling(void **state)
{
	struct dbx_top_view v = {.zoom = DBX_TOP_NAMES, .clock = "x", .width = 100, .height = 5};
	static struct seen s;
	struct dbx_top t;
	json_t *j;

	(void)state;
	dbx_top_init(&t);
	take(&t, "",
	     DENIAL("a.test", "192.0.2.1", 9) "," DENIAL("b.test", "192.0.2.2", 8) "," DENIAL(
		     "c.TEST", "192.0.2.3", 7) "," DENIAL("other", "192.0.2.4", 6),
	     1);
	dbx_top_sort(&t, DBX_TOP_BY_DENIED, false);
	v.filter = "Test";
	v.from = 1;
	dbx_top_lines(&t, &v, see, &s);
	assert_non_null(strstr(s.text, "denied names (3)"));
	assert_non_null(strstr(s.text, "\nb.test"));
	assert_null(strstr(s.text, "a.test"));
	assert_null(strstr(s.text, "c.TEST")); /* no room: three lines of head, one title */
	v.limit = 2;
	j = dbx_top_json(&t, &v);
	assert_int_equal(json_array_size(json_object_get(j, "denied_names")), 2);
	assert_int_equal(json_array_size(json_object_get(j, "denied_addresses")), 0);
	json_decref(j);
	dbx_top_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_what_is_held_is_no_denial),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_what_makes_no_sense),
		cmocka_unit_test(test_lines_fit_every_screen),
		cmocka_unit_test(test_filter_and_scrolling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
