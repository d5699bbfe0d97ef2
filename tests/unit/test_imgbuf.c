/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_imgbuf.c -- lookup tables against a plain scan of the intervals, and how runs are laid out.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dbx/classify.h"
#include "policy/image.h"
#include "policy/imgbuf.h"

static uint64_t seed = 20240817;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int cmp_interval(const void *x, const void *y)
{
	const struct dbx_interval *a = x, *b = y;

	return a->first < b->first ? -1 : a->first > b->first;
}

/* Random boundaries, crowded around a few places so that every level of a table is cut. */
static size_t make_intervals(struct dbx_interval *v, size_t n, int is_v6)
{
	const int bits = is_v6 ? 128 : 32;
	size_t out = 1;

	for (size_t i = 1; i < n; i++) {
		dbx_wide a = (dbx_wide)rnd() << 64 | rnd();
		int keep = (int)(rnd() % (unsigned int)bits);
		dbx_wide base = (dbx_wide)0x20010db8u << 96;

		if (!is_v6) {
			a &= 0xffffffffu;
			base = 0x0a000000u;
		}
		if (rnd() & 1) /* near the base: only low bits differ */
			a = base | (a & (((dbx_wide)1 << keep) - 1));
		if (rnd() % 8 == 0)
			a = rnd() & 1 ? a | (((dbx_wide)1 << (bits / 2)) - 1) : a >> 16 << 16;
		v[i].first = a;
	}
	if (n > 2) /* the very last address is an interval of its own */
		v[1].first = is_v6 ? ~(dbx_wide)0 : 0xffffffffu;
	v[0].first = 0;
	qsort(v, n, sizeof(*v), cmp_interval);
	for (size_t i = 1; i < n; i++)
		if (v[i].first != v[out - 1].first)
			v[out++] = v[i];
	for (size_t i = 0; i < out; i++)
		v[i].value = (uint32_t)(i % 60000);
	return out;
}

static uint32_t scan(const struct dbx_interval *v, size_t n, dbx_wide a)
{
	size_t lo = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].first <= a)
			lo = i;
	return v[lo].value;
}

static uint32_t look_up(const struct dbx_env *env, dbx_wide a, int is_v6)
{
	const struct dbx_image_header *hdr = dbx_classify_header(env);
	uint32_t w[4] = {(uint32_t)a};

	if (is_v6)
		for (int i = 0; i < 4; i++)
			w[i] = (uint32_t)(a >> (96 - 32 * i));
	return dbx_dst_class(env, hdr, w, is_v6);
}

static void *build(struct dbx_imgbuf *b, struct dbx_env *env, uint32_t n_classes)
{
	size_t n, kernel;
	void *image;

	assert_int_equal(dbx_imgbuf_finish(b, 1, n_classes, &image, &n, &kernel), 0);
	env->base = image;
	env->n_chunks = (uint32_t)(kernel >> DBX_CHUNK_SHIFT);
	dbx_imgbuf_fini(b);
	return image;
}

static void check_tables(size_t n, int is_v6)
{
	struct dbx_interval *v = calloc(n, sizeof(*v));
	dbx_wide end = is_v6 ? ~(dbx_wide)0 : 0xffffffffu;
	struct dbx_imgbuf b;
	struct dbx_env env = {0};
	void *image;

	assert_non_null(v);
	n = make_intervals(v, n, is_v6);
	assert_int_equal(dbx_imgbuf_init(&b), 0);
	if (is_v6)
		dbx_imgbuf_table(&b, DBX_SEC_DST6_ROOT, 1, v, n);
	else
		dbx_imgbuf_dst4(&b, v, n);
	image = build(&b, &env, 60000);
	for (size_t i = 0; i < n; i++) {
		dbx_wide first = v[i].first, last = i + 1 < n ? v[i + 1].first - 1 : end;

		assert_int_equal(look_up(&env, first, is_v6), v[i].value);
		assert_int_equal(look_up(&env, last, is_v6), v[i].value);
		assert_int_equal(look_up(&env, first + (last - first) / 2, is_v6), v[i].value);
	}
	for (int i = 0; i < 2000; i++) {
		dbx_wide a = ((dbx_wide)rnd() << 64 | rnd()) & end;

		assert_int_equal(look_up(&env, a, is_v6), scan(v, n, a));
	}
	free(image);
	free(v);
}

static void tables_agree_with_a_scan(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 10, 100, 1000, 20000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int round = 0; round < 3; round++) {
			check_tables(sizes[i], 0);
			check_tables(sizes[i], 1);
		}
}

/* More than 32768 neighbours in one block: the run is split, and found all the same. */
static void long_runs_are_split(void **state)
{
	const size_t n = 100000;
	struct dbx_run32 *v = calloc(n, sizeof(*v));
	struct dbx_imgbuf b;
	struct dbx_env env = {0};
	const struct dbx_image_header *hdr;
	uint32_t ref;
	void *image;

	(void)state;
	assert_non_null(v);
	assert_int_equal(dbx_imgbuf_init(&b), 0);
	for (size_t i = 0; i < n; i++)
		v[i] = (struct dbx_run32){(uint32_t)i * 3, DBX_LEAF | (uint32_t)i};
	ref = dbx_imgbuf_run32(&b, v, n);
	assert_false(ref & DBX_LEAF);
	image = build(&b, &env, 1);
	hdr = dbx_classify_header(&env);
	for (uint32_t i = 0; i < n; i++) {
		const struct dbx_section *s = &hdr->sec[DBX_SEC_RUNS32];

		assert_int_equal(dbx_run32_find(&env, s, ref, i * 3), DBX_LEAF | i);
		assert_int_equal(dbx_run32_find(&env, s, ref, i * 3 + 2), DBX_LEAF | i);
	}
	assert_int_equal(dbx_run32_find(&env, &hdr->sec[DBX_SEC_RUNS32], ref, UINT32_MAX),
			 DBX_LEAF | (n - 1));
	free(image);
	free(v);
}

static void runs_never_cross_a_chunk(void **state)
{
	const uint32_t chunk = 1u << DBX_RUN32_SHIFT;
	struct dbx_run32 v[1000];
	struct dbx_imgbuf b;

	(void)state;
	assert_int_equal(dbx_imgbuf_init(&b), 0);
	for (uint32_t i = 0; i < 1000; i++)
		v[i] = (struct dbx_run32){i, DBX_LEAF | i};
	for (int i = 0; i < 200; i++) {
		size_t n = 2 + rnd() % 998;
		uint32_t ref = dbx_imgbuf_run32(&b, v, n);

		assert_true((ref & (chunk - 1)) + n <= chunk);
	}
	dbx_imgbuf_fini(&b);
}

static void strings_are_kept_once(void **state)
{
	struct dbx_imgbuf b;

	(void)state;
	assert_int_equal(dbx_imgbuf_init(&b), 0);
	assert_int_equal(dbx_imgbuf_string(&b, NULL), 0);
	assert_int_equal(dbx_imgbuf_string(&b, ""), 0);
	assert_int_equal(dbx_imgbuf_string(&b, "one"), 1);
	assert_int_equal(dbx_imgbuf_string(&b, "two"), 5);
	assert_int_equal(dbx_imgbuf_string(&b, "one"), 1);
	dbx_imgbuf_fini(&b);
}

static void a_section_that_does_not_fit_is_refused(void **state)
{
	struct dbx_imgbuf b;
	size_t n, kernel;
	void *image = NULL;

	(void)state;
	assert_int_equal(dbx_imgbuf_init(&b), 0);
	assert_int_equal(dbx_imgbuf_add(&b, DBX_SEC_CELLS, NULL, (size_t)DBX_REF_MASK + 1), 0);
	assert_int_equal(b.err, -E2BIG);
	assert_string_equal(b.what_full, "cells");
	assert_int_equal(dbx_imgbuf_finish(&b, 1, 1, &image, &n, &kernel), -E2BIG);
	assert_null(image);
	dbx_imgbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_agree_with_a_scan),
		cmocka_unit_test(long_runs_are_split),
		cmocka_unit_test(runs_never_cross_a_chunk),
		cmocka_unit_test(strings_are_kept_once),
		cmocka_unit_test(a_section_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
