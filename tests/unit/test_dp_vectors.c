/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_dp_vectors.c -- the table of packet vectors through the kernel program (BPF_PROG_TEST_RUN).
 *
 * Needs root. Frames shorter than an Ethernet header cannot be given to the kernel this way; the
 * host runs them in test_vectors.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bpfrun.h"
#include "common/vec.h"
#include "common/vec_world.h"

#define VECTORS_DIR "tests/vectors"
#define XDP_DROP    1
#define XDP_PASS    2

static struct vec_table table;
static struct vec_world world;
static struct bpfrun *kernel;

static bool can_run(const struct vec_step *s)
{
	return s->n_bytes >= BPFRUN_FRAME_MIN && s->n_bytes <= BPFRUN_FRAME_MAX;
}

static void judge(const struct vec_step *s, struct vec_result *r)
{
	struct dbx_result res;
	uint32_t action;

	assert_int_equal(bpfrun_frame(kernel, s->frame, s->n_bytes, dbx_port_hash(s->interface),
				      &res, NULL, &action),
			 0);
	assert_int_equal(action, res.verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS);
	vec_result_of(&world.img, &res, r);
}

static void test_kernel_program(void **state)
{
	size_t n_bad = 0, n_short = 0;

	(void)state;
	assert_int_equal(bpfrun_set_image(kernel, world.image, world.image_bytes), 0);
	for (size_t i = 0; i < table.n; i++) {
		const struct vec *v = &table.v[i];

		vec_world_forget(&world);
		assert_int_equal(bpfrun_forget_fragments(kernel), 0);
		for (size_t j = 0; j < v->n_steps; j++) {
			const struct vec_step *s = &v->steps[j];
			struct vec_result r, host;

			vec_world_host(&world, s->interface, s->frame, s->n_bytes, &host);
			if (!can_run(s)) {
				n_short++;
				continue;
			}
			judge(s, &r);
			if (vec_step_meets(&world, s, &r) && vec_result_equal(&r, &host))
				continue;
			vec_step_print(v, s);
			vec_result_print("kernel", &r);
			vec_result_print("host", &host);
			n_bad++;
		}
	}
	printf("%zu vectors, %zu frames too short for the kernel\n", table.n, n_short);
	assert_int_equal(n_bad, 0);
	assert_true(n_short < 10);
}

/* The program that is attached in production, not the one that tests read the result of. */
static void test_enforcing_program_acts_accordingly(void **state)
{
	(void)state;
	assert_int_equal(bpfrun_set_image(kernel, world.image, world.image_bytes), 0);
	for (size_t i = 0; i < table.n; i++) {
		const struct vec *v = &table.v[i];

		assert_int_equal(bpfrun_forget_fragments(kernel), 0);
		for (size_t j = 0; j < v->n_steps; j++) {
			const struct vec_step *s = &v->steps[j];
			uint32_t action;

			if (!can_run(s))
				continue;
			assert_int_equal(bpfrun_enforce(kernel, s->frame, s->n_bytes,
							dbx_port_hash(s->interface), 1, &action,
							NULL),
					 0);
			if (action == (s->verdict == DBX_VERDICT_DROP ? XDP_DROP : XDP_PASS))
				continue;
			vec_step_print(v, s);
			fail_msg("the action is %u", action);
		}
	}
}

static void all_denied(enum dbx_reason want)
{
	for (size_t i = 0; i < table.n; i++) {
		const struct vec_step *s = &table.v[i].steps[0];
		struct dbx_result res;
		uint32_t action;

		if (!can_run(s))
			continue;
		assert_int_equal(bpfrun_frame(kernel, s->frame, s->n_bytes, 1, &res, NULL, &action),
				 0);
		assert_int_equal(action, XDP_DROP);
		assert_int_equal(res.verdict, DBX_VERDICT_DROP);
		assert_int_equal(res.reason, want);
	}
}

static void test_no_image_denies_everything(void **state)
{
	(void)state;
	assert_int_equal(bpfrun_set_image(kernel, NULL, 0), 0);
	all_denied(DBX_REASON_NO_IMAGE);
}

static void test_bad_image_denies_everything(void **state)
{
	struct dbx_image_header *hdr = malloc(world.image_bytes);

	(void)state;
	assert_non_null(hdr);
	memcpy(hdr, world.image, world.image_bytes);
	hdr->magic ^= 1;
	assert_int_equal(bpfrun_set_image(kernel, hdr, world.image_bytes), 0);
	all_denied(DBX_REASON_BAD_IMAGE);
	hdr->magic ^= 1;
	hdr->abi++;
	assert_int_equal(bpfrun_set_image(kernel, hdr, world.image_bytes), 0);
	all_denied(DBX_REASON_BAD_IMAGE);
	free(hdr);
}

static int setup(void **state)
{
	(void)state;
	if (vec_read_dir(&table, VECTORS_DIR) || vec_world_load(&world, VECTORS_DIR "/policy"))
		return -1;
	return bpfrun_open(&kernel, NULL);
}

static int teardown(void **state)
{
	(void)state;
	bpfrun_close(&kernel);
	vec_fini(&table);
	vec_world_fini(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_program),
		cmocka_unit_test(test_enforcing_program_acts_accordingly),
		cmocka_unit_test(test_no_image_denies_everything),
		cmocka_unit_test(test_bad_image_denies_everything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
