// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_warm.c -- what a burst has looked up ahead is what lookup.h says, on images of real size and
 * with runs that are as long as they may be.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/gen_big.h"
#include "dataplane/dpdk/pipe.h"

#define BURSTS 4000

static uint8_t frames[DPK_BURST][64];

static void make_frame(uint8_t *p, unsigned int n_tags, uint32_t src, uint32_t dst)
{
	memset(p, 0, 64);
	p += 12;
	for (unsigned int i = 0; i < n_tags; i++, p += 4)
		p[0] = 0x81;
	p[0] = 0x08;
	p[2] = 0x45;
	for (int i = 0; i < 4; i++) {
		p[14 + i] = (uint8_t)(src >> (24 - 8 * i));
		p[18 + i] = (uint8_t)(dst >> (24 - 8 * i));
	}
}

/* An address on either side of where a run of the image changes, or any. */
static uint32_t some_addr(const struct dbx_env *env, const struct dbx_image_header *hdr,
			  bool is_src)
{
	const struct dbx_section *s = &hdr->sec[is_src ? DBX_SEC_RUNS32 : DBX_SEC_DST4_RUNS];
	uint32_t any = (uint32_t)rand() << 16 ^ (uint32_t)rand(), i;
	const struct dbx_run32 *r32;
	const struct dbx_run4 *r4;

	if (rand() % 4 == 0 || !s->n_items)
		return any;
	i = any % s->n_items;
	if (is_src) {
		r32 = dbx_item(env, s, i, DBX_RUN32_SHIFT, sizeof(*r32));
		return r32->start - (uint32_t)(rand() % 2);
	}
	r4 = dbx_item(env, s, i, DBX_RUN4_SHIFT, sizeof(*r4));
	return (any & 0xffff0000u) | (uint16_t)(r4->start - rand() % 2);
}

static size_t compare(const struct vec_world *w, size_t *n_owned)
{
	struct dbx_env env = {.base = w->image, .n_chunks = w->img.hdr->n_kernel_chunks};
	struct dpk_image img = {.base = w->image, .n_chunks = env.n_chunks, .fd = -1};
	const struct dbx_image_header *hdr = w->img.hdr;
	struct dpk_frame f[DPK_BURST];
	struct dpk_hint hints[DPK_BURST];
	size_t n_bad = 0;

	for (int b = 0; b < BURSTS; b++) {
		unsigned int n = 2 + (unsigned int)rand() % (DPK_BURST - 1);

		for (unsigned int i = 0; i < n; i++) {
			make_frame(frames[i], (unsigned int)rand() % 3, some_addr(&env, hdr, true),
				   some_addr(&env, hdr, false));
			f[i] = (struct dpk_frame){.data = frames[i], .data_end = frames[i] + 64};
		}
		dpk_warm(&img, f, n, hints);
		for (unsigned int i = 0; i < n; i++) {
			uint32_t src[4] = {hints[i].src}, owner = dbx_src_owner(&env, hdr, src, 0);

			n_bad += !hints[i].is_set || hints[i].owner != owner ||
				 hints[i].class_id != dbx_dst4_class(&env, hdr, hints[i].dst);
			*n_owned += !!owner;
		}
	}
	return n_bad;
}

static void check(int (*make)(struct vec_world *w), size_t n_owned_min)
{
	struct vec_world w;
	size_t n_owned = 0;

	assert_int_equal(make(&w), 0);
	srand(1);
	assert_int_equal(compare(&w, &n_owned), 0);
	assert_true(n_owned >= n_owned_min);
	vec_world_fini(&w);
}

static void real_feeds(void **state)
{
	(void)state;
	check(gen_big_feeds, 0);
}

static void longest_runs(void **state)
{
	(void)state;
	check(gen_big_runs, 1000);
}

static void other_frames_have_no_hints(void **state)
{
	struct dpk_frame f[2] = {{.data = frames[0], .data_end = frames[0] + 64},
				 {.data = frames[1], .data_end = frames[1] + 41}};
	struct dpk_hint hints[2];

	(void)state;
	make_frame(frames[0], 3, 1, 2);
	make_frame(frames[1], 0, 1, 2);
	memset(hints, 0xff, sizeof(hints));
	dpk_warm(NULL, f, 2, hints);
	assert_false(hints[0].is_set);
	assert_false(hints[1].is_set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_feeds),
		cmocka_unit_test(longest_runs),
		cmocka_unit_test(other_frames_have_no_hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
