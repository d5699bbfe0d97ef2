// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cli_load.c -- files and directories to documents: order, what is left out, what is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/load.h"

struct world {
	char dir[64];
	struct dbx_load load;
	struct dbx_diag diag;
};

static struct world w;

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(w.dir, sizeof(w.dir), "/tmp/dbx-test-load.XXXXXX");
	if (!mkdtemp(w.dir) || chdir(w.dir))
		return -1;
	w.load = (struct dbx_load){0};
	dbx_diag_init(&w.diag);
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	dbx_load_fini(&w.load);
	dbx_diag_fini(&w.diag);
	snprintf(command, sizeof(command), "rm -rf %s", w.dir);
	return chdir("/") || system(command) ? -1 : 0;
}

static int add(const char *path)
{
	return dbx_load_add(&w.load, &path, 1, &w.diag);
}

static void assert_finding(size_t i, const char *code, const char *doc)
{
	assert_true(i < w.diag.n);
	assert_string_equal(w.diag.v[i].code, code);
	assert_string_equal(w.diag.v[i].doc, doc);
}

static void a_directory_in_order(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755) | mkdir("d/sub", 0755) | mkdir("d/.git", 0755), 0);
	write_file("d/b.json", "{\"b\":1}");
	write_file("d/a.json", "{\"a\":1}");
	write_file("d/B.json", "{\"B\":1}");
	write_file("d/sub/c.json", "{\"c\":1}");
	write_file("d/.hidden.json", "{");
	write_file("d/.git/x.json", "{");
	write_file("d/x.schema.json", "{");
	write_file("d/README.md", "text");
	write_file("d/a.json~", "{");
	assert_int_equal(add("d"), 0);
	assert_int_equal(w.load.n, 4);
	assert_string_equal(w.load.v[0].name, "d/B.json");
	assert_string_equal(w.load.v[1].name, "d/a.json");
	assert_string_equal(w.load.v[2].name, "d/b.json");
	assert_string_equal(w.load.v[3].name, "d/sub/c.json");
	assert_string_equal(w.load.v[1].text, "{\"a\":1}");
	assert_int_equal(w.load.v[1].len, 7);
}

static void trailing_slash(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	write_file("d/a.json", "{}");
	assert_int_equal(add("d/"), 0);
	assert_string_equal(w.load.v[0].name, "d/a.json");
}

static void link_loops_end(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755) | mkdir("d/e", 0755), 0);
	write_file("d/a.json", "{}");
	assert_int_equal(symlink("..", "d/e/up") | symlink(".", "d/self"), 0);
	assert_int_equal(add("d"), 0);
	assert_int_equal(w.load.n, 1);
	assert_int_equal(w.diag.n, 0);
}

static void too_deep_is_refused(void **state)
{
	char path[128] = "d";
	int i;

	(void)state;
	for (i = 0; i <= DBX_LOAD_DEPTH_MAX; i++) {
		assert_int_equal(mkdir(path, 0755), 0);
		strcat(path, "/d");
	}
	assert_int_equal(add("d"), -EINVAL);
	assert_string_equal(w.diag.v[0].code, "too-deep");
}

static void dangling_link_in_a_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	write_file("d/a.json", "{}");
	assert_int_equal(symlink("gone", "d/b.json") | symlink("gone", "d/note"), 0);
	assert_int_equal(add("d"), -EINVAL);
	assert_int_equal(w.diag.n, 1);
	assert_finding(0, "unreadable", "d/b.json");
}

static void no_documents(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	write_file("d/x.schema.json", "{}");
	assert_int_equal(add("d"), -EINVAL);
	assert_finding(0, "no-documents", "d");
	assert_int_equal(add("gone"), -EINVAL);
	assert_finding(1, "unreadable", "gone");
}

static void each_empty_directory_is_told(void **state)
{
	static const char *const paths[] = {"bad", "d"};

	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(dbx_load_add(&w.load, paths, 2, &w.diag), -EINVAL);
	assert_int_equal(w.diag.n, 2);
	assert_finding(1, "no-documents", "d");
}

static void empty_files(void **state)
{
	(void)state;
	write_file("a.json", "");
	write_file("b.json", " \r\n\t");
	write_file("c.json", "\xef\xbb\xbf");
	assert_int_equal(add("a.json"), -EINVAL);
	assert_int_equal(add("b.json"), -EINVAL);
	assert_int_equal(add("c.json"), -EINVAL);
	assert_finding(0, "empty", "a.json");
	assert_finding(1, "empty", "b.json");
	assert_finding(2, "empty", "c.json");
	assert_int_equal(w.load.n, 0);
}

static void byte_order_mark_is_dropped(void **state)
{
	(void)state;
	write_file("a.json", "\xef\xbb\xbf{}");
	assert_int_equal(add("a.json"), 0);
	assert_string_equal(w.load.v[0].text, "{}");
	assert_int_equal(w.load.v[0].len, 2);
}

static void a_huge_file_is_not_read(void **state)
{
	(void)state;
	write_file("big.json", "{}");
	assert_int_equal(truncate("big.json", (off_t)300 << 20), 0);
	assert_int_equal(add("big.json"), -EINVAL);
	assert_finding(0, "too-large", "big.json");
	assert_non_null(strstr(w.diag.v[0].text, "314572800"));
	assert_non_null(strstr(w.diag.v[0].text, "64 MiB"));
}

static void the_same_file_twice(void **state)
{
	static const char *const paths[] = {"a.json", "./a.json", "b.json"};

	(void)state;
	write_file("a.json", "{}");
	assert_int_equal(link("a.json", "b.json"), 0);
	assert_int_equal(dbx_load_add(&w.load, paths, 3, &w.diag), 0);
	assert_int_equal(w.load.n, 1);
	assert_int_equal(w.diag.n, 2);
	assert_int_equal(w.diag.v[0].severity, DBX_SEV_WARNING);
	assert_finding(0, "given-twice", "./a.json");
	assert_finding(1, "given-twice", "b.json");
}

static void standard_input_twice(void **state)
{
	static const char *const paths[] = {"-", "-"};
	int saved = dup(STDIN_FILENO);

	(void)state;
	write_file("a.json", "{}");
	assert_non_null(freopen("a.json", "r", stdin));
	assert_int_equal(dbx_load_add(&w.load, paths, 2, &w.diag), -EINVAL);
	assert_int_equal(w.load.n, 1);
	assert_finding(0, "given-twice", "<stdin>");
	assert_true(dup2(saved, STDIN_FILENO) >= 0);
	close(saved);
}

static void one_bad_document_hides_no_other(void **state)
{
	struct dbx_model *m = NULL;

	(void)state;
	write_file("a.json", "{\"network_policy_id\": 7}");
	write_file("b.json", "[");
	write_file("c.json", "{\"what\": 1}");
	assert_int_equal(add("a.json"), 0);
	assert_int_equal(add("b.json"), 0);
	assert_int_equal(add("c.json"), 0);
	assert_int_equal(dbx_load_model(&w.load, &m, &w.diag), -EINVAL);
	assert_null(m);
	assert_true(w.diag.n_by_severity[DBX_SEV_ERROR] >= 3);
	assert_string_equal(w.diag.v[0].doc, "a.json");
	assert_string_equal(w.diag.v[w.diag.n - 1].doc, "c.json");
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(a_directory_in_order),
		IN_DIR(trailing_slash),
		IN_DIR(link_loops_end),
		IN_DIR(too_deep_is_refused),
		IN_DIR(dangling_link_in_a_directory),
		IN_DIR(no_documents),
		IN_DIR(each_empty_directory_is_told),
		IN_DIR(empty_files),
		IN_DIR(byte_order_mark_is_dropped),
		IN_DIR(a_huge_file_is_not_read),
		IN_DIR(the_same_file_twice),
		IN_DIR(standard_input_twice),
		IN_DIR(one_bad_document_hides_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
