// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_replay_sim.c -- the kernel program as a process runs it: the packet vectors, and flows whose
 * names are checked.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/vec.h"
#include "common/vec_world.h"
#include "replay/sim.h"

#define VECTORS_DIR "tests/vectors"

static const struct dbx_secret secret = {{12345, 67890}};
static struct vec_table table;
static struct vec_world world;

static void begin(void)
{
	assert_int_equal(dbx_sim_open(&secret), 0);
	dbx_sim_image(world.image, world.img.hdr->n_kernel_chunks, true);
}

static void all_vectors(void **state)
{
	size_t n_bad = 0, n_steps = 0;

	(void)state;
	for (size_t i = 0; i < table.n; i++) {
		const struct vec *v = &table.v[i];

		vec_world_forget(&world);
		begin();
		for (size_t j = 0; j < v->n_steps; j++) {
			const struct vec_step *s = &v->steps[j];
			struct dbx_sim_verdict sim;
			struct vec_result r, host;

			vec_world_host(&world, s->interface, s->frame, s->n_bytes, &host);
			dbx_sim_packet(1000 + j, dbx_port_hash(s->interface), s->frame, s->n_bytes,
				       &sim);
			vec_result_of(&world.img, &sim.res, &r);
			r.mark = sim.mark;
			n_steps++;
			if (vec_result_equal(&r, &host) &&
			    (sim.action == DBX_SIM_DROP) == (r.verdict == DBX_VERDICT_DROP))
				continue;
			vec_step_print(v, s);
			vec_result_print("simulation", &r);
			vec_result_print("host", &host);
			n_bad++;
		}
	}
	assert_int_equal(n_bad, 0);
	assert_true(n_steps > 500);
}

static void without_an_image_all_is_denied(void **state)
{
	const struct vec_step *s = &table.v[0].steps[0];
	struct dbx_sim_verdict sim;

	(void)state;
	assert_int_equal(dbx_sim_open(&secret), 0);
	dbx_sim_packet(1, 1, s->frame, s->n_bytes, &sim);
	assert_int_equal(sim.action, DBX_SIM_DROP);
	assert_int_equal(sim.res.reason, DBX_REASON_NO_IMAGE);
}

static int setup(void **state)
{
	(void)state;
	if (vec_read_dir(&table, VECTORS_DIR))
		return -1;
	return vec_world_load(&world, VECTORS_DIR "/policy");
}

static int teardown(void **state)
{
	(void)state;
	dbx_sim_close();
	vec_fini(&table);
	vec_world_fini(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_vectors),
		cmocka_unit_test(without_an_image_all_is_denied),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
