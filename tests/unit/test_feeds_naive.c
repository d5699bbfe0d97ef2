/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_feeds_naive.c -- the real range files: what the image says of an address, against a plain scan.
 *
 * For every prefix of every file the addresses just before, first, last and just after: the tags in
 * the image's class, and the line of `lookup`, must be those that the scan finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/naive.h"
#include "common/vec_world.h"
#include "lib/file.h"
#include "policy/compile.h"
#include "policy/read.h"
#include "policy/tagindex.h"

#define FEEDS "rules/feeds/"

#ifdef __SANITIZE_ADDRESS__
#define STEP 23
#else
#define STEP 1
#endif

struct subject {
	struct naive_feeds naive;
	struct dbx_model *m;
	struct dbx_diag diag;
	void *image;
	struct dbx_image img;
	struct dbx_tagindex *index;
	size_t n_asked, n_v6, n_bad;
};

static void subject_add(struct subject *s, const char *path)
{
	char *text;
	size_t len;

	assert_int_equal(dbx_file_read(path, 0, &text, &len), 0);
	if (dbx_read(s->m, path, text, len, DBX_DOC_UNKNOWN, &s->diag)) {
		vec_findings_print(&s->diag);
		fail_msg("%s is not read", path);
	}
	assert_int_equal(naive_add(&s->naive, text, len), 0);
	free(text);
}

static const uint32_t *all_refs; /* for the comparison below */

static int compare_classes(const void *x, const void *y)
{
	const struct dbx_img_class *a = x, *b = y;

	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return memcmp(all_refs + a->first, all_refs + b->first, a->n * sizeof(*all_refs));
}

/* Equal sets share a class: the rows of every policy are as long as there are classes. */
static void check_classes_differ(const struct dbx_image *img)
{
	uint32_t n, n_refs;
	const struct dbx_img_class *classes = dbx_image_section(img, DBX_SEC_CLASSES, &n);
	struct dbx_img_class *sorted = malloc(n * sizeof(*sorted));

	assert_non_null(sorted);
	all_refs = dbx_image_section(img, DBX_SEC_CLASS_SETS, &n_refs);
	memcpy(sorted, classes, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_classes);
	for (uint32_t i = 1; i < n; i++)
		assert_true(compare_classes(&sorted[i - 1], &sorted[i]) < 0);
	free(sorted);
}

static void subject_build(struct subject *s)
{
	struct dbx_compile_opts opts = {.generation = 1, .all_tags = true};
	struct dbx_compile_stats stats;
	const char *why = "";
	size_t n_bytes;

	assert_int_equal(dbx_model_resolve(s->m, &s->diag), 0);
	assert_int_equal(dbx_compile(s->m, &opts, &s->image, &n_bytes, &stats, &s->diag), 0);
	if (dbx_image_open(&s->img, s->image, n_bytes, &why))
		fail_msg("dbx_image_open: %s", why);
	check_classes_differ(&s->img);
	assert_int_equal(dbx_tagindex_new(s->m, &s->index, &s->diag), 0);
}

static int compare_names(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Names of the tags in the class of an address, sorted, without duplicates. */
static size_t image_tags(const struct dbx_image *img, const struct dbx_addr *a, const char **names,
			 size_t cap)
{
	uint32_t n_classes, n_refs, n_sets, class_id = dbx_image_class(img, a);
	const struct dbx_img_class *classes = dbx_image_section(img, DBX_SEC_CLASSES, &n_classes);
	const uint32_t *refs = dbx_image_section(img, DBX_SEC_CLASS_SETS, &n_refs);
	const struct dbx_img_set *sets = dbx_image_section(img, DBX_SEC_SETS, &n_sets);
	size_t n = 0, kept = 0;

	assert_true(class_id < n_classes);
	for (uint32_t i = 0; i < classes[class_id].n; i++) {
		const struct dbx_img_set *set = &sets[refs[classes[class_id].first + i]];

		assert_true(!i || refs[classes[class_id].first + i - 1] <
					  refs[classes[class_id].first + i]);
		if (set->kind != DBX_SET_TAG)
			continue;
		assert_true(n < cap);
		names[n++] = dbx_image_string(img, set->name);
	}
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 0; i < n; i++) {
		if (!kept || strcmp(names[kept - 1], names[i]))
			names[kept++] = names[i];
	}
	return kept;
}

static bool line_equals(const char *line, const char *const *tags, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(tags[i]);

		if (strncmp(line, tags[i], len) || line[len] != (i + 1 < n ? '\t' : '\0'))
			return false;
		line += len + 1;
	}
	return n || !*line;
}

static void complain(struct subject *s, const struct dbx_addr *a, const char *const *tags, size_t n,
		     const char *const *image, size_t n_image)
{
	char text[DBX_ADDR_STRLEN];

	if (s->n_bad++ > 10)
		return;
	fprintf(stderr, "%s\n  scan:  ", dbx_addr_format(a, text));
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %s", tags[i]);
	fprintf(stderr, "\n  image: ");
	for (size_t i = 0; i < n_image; i++)
		fprintf(stderr, " %s", image[i]);
	fprintf(stderr, "\n  lookup: %s\n", dbx_tagindex_names(s->index, a));
}

static int compare_one(void *arg, const struct naive_addr *at, const char *const *tags, size_t n)
{
	struct subject *s = arg;
	struct dbx_addr a = {.is_v6 = at->is_v6};
	const char *image[256];
	size_t n_image;
	bool is_same;

	memcpy(a.a, at->a, at->is_v6 ? 16 : 4);
	n_image = image_tags(&s->img, &a, image, 256);
	is_same = n == n_image && line_equals(dbx_tagindex_names(s->index, &a), tags, n);
	for (size_t i = 0; i < n && is_same; i++)
		is_same = !strcmp(tags[i], image[i]);
	if (!is_same)
		complain(s, &a, tags, n, image, n_image);
	s->n_asked++;
	s->n_v6 += at->is_v6;
	return 0;
}

static void check_files(const char *const *paths, size_t n)
{
	struct subject s = {.m = dbx_model_new()};

	assert_non_null(s.m);
	dbx_diag_init(&s.diag);
	for (size_t i = 0; i < n; i++)
		subject_add(&s, paths[i]);
	subject_build(&s);
	naive_visit(&s.naive, STEP, compare_one, &s);
	printf("%s%s: %zu entries, %zu addresses (%zu IPv6)\n", paths[0],
	       n > 1 ? " and others" : "", s.naive.n, s.n_asked, s.n_v6);
	assert_true(s.n_asked > 0);
	assert_int_equal(s.n_bad, 0);
	dbx_tagindex_free(&s.index);
	free(s.image);
	dbx_diag_fini(&s.diag);
	dbx_model_free(&s.m);
	naive_fini(&s.naive);
}

static void check_file(const char *path)
{
	check_files(&path, 1);
}

static void test_azure_public(void **state)
{
	(void)state;
	check_file(FEEDS "azure-public-20260427.json.gz");
}

static void test_azure_public_before(void **state)
{
	(void)state;
	check_file(FEEDS "azure-public-20260420.json.gz");
}

static void test_azure_china(void **state)
{
	(void)state;
	check_file(FEEDS "azure-china-20260720.json.gz");
}

static void test_azure_government_crlf(void **state)
{
	(void)state;
	check_file(FEEDS "azure-government-20260323-crlf.json.gz");
}

static void test_azure_government_empty_tag(void **state)
{
	(void)state;
	check_file(FEEDS "azure-government-20200601-empty-tag.json.gz");
}

static void test_aws(void **state)
{
	(void)state;
	check_file(FEEDS "aws-20260822.json.gz");
}

static void test_google(void **state)
{
	(void)state;
	check_file(FEEDS "google-cloud-20260506.json.gz");
}

static void test_databricks(void **state)
{
	(void)state;
	check_file(FEEDS "databricks-20260504.json.gz");
}

static void test_all_clouds_together(void **state)
{
	static const char *const paths[] = {FEEDS "azure-public-20260427.json.gz",
					    FEEDS "azure-china-20260720.json.gz",
					    FEEDS "azure-government-20260323-crlf.json.gz",
					    FEEDS "aws-20260822.json.gz",
					    FEEDS "google-cloud-20260506.json.gz",
					    FEEDS "databricks-20260504.json.gz"};

	(void)state;
	check_files(paths, sizeof(paths) / sizeof(*paths));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_azure_public),
		cmocka_unit_test(test_azure_public_before),
		cmocka_unit_test(test_azure_china),
		cmocka_unit_test(test_azure_government_crlf),
		cmocka_unit_test(test_azure_government_empty_tag),
		cmocka_unit_test(test_aws),
		cmocka_unit_test(test_google),
		cmocka_unit_test(test_databricks),
		cmocka_unit_test(test_all_clouds_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
