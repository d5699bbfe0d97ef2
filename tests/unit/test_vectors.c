/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_vectors.c -- the table of packet vectors through the classifier on the host and the evaluator.
 *
 * The kernel program runs the same table in test_dp_vectors.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pkt.h"
#include "common/vec.h"
#include "common/vec_world.h"

#define VECTORS_DIR "tests/vectors"

static struct vec_table table;
static struct vec_world world;

typedef void (*engine_fn)(struct vec_world *w, const char *interface, const void *frame,
			  size_t n_bytes, struct vec_result *r);

static size_t run_table(const char *who, engine_fn engine)
{
	size_t n_bad = 0;

	for (size_t i = 0; i < table.n; i++) {
		const struct vec *v = &table.v[i];

		vec_world_forget(&world);
		for (size_t j = 0; j < v->n_steps; j++) {
			const struct vec_step *s = &v->steps[j];
			struct vec_result r;

			engine(&world, s->interface, s->frame, s->n_bytes, &r);
			if (vec_step_meets(&world, s, &r))
				continue;
			vec_step_print(v, s);
			vec_result_print(who, &r);
			n_bad++;
		}
	}
	return n_bad;
}

static void test_host_classifier(void **state)
{
	(void)state;
	assert_int_equal(run_table("host", vec_world_host), 0);
}

static void test_evaluator(void **state)
{
	(void)state;
	assert_int_equal(run_table("eval", vec_world_eval), 0);
}

/* Also in what the table leaves unsaid. */
static void test_engines_agree_in_everything(void **state)
{
	size_t n_bad = 0;

	(void)state;
	for (size_t i = 0; i < table.n; i++) {
		const struct vec *v = &table.v[i];

		vec_world_forget(&world);
		for (size_t j = 0; j < v->n_steps; j++) {
			const struct vec_step *s = &v->steps[j];
			struct vec_result host, eval;

			vec_world_host(&world, s->interface, s->frame, s->n_bytes, &host);
			vec_world_eval(&world, s->interface, s->frame, s->n_bytes, &eval);
			if (vec_result_equal(&host, &eval))
				continue;
			vec_step_print(v, s);
			vec_result_print("host", &host);
			vec_result_print("eval", &eval);
			n_bad++;
		}
	}
	assert_int_equal(n_bad, 0);
}

/*
 * A frame that arrives cut anywhere never passes as something that the whole one is not. Bytes behind
 * the datagram of a tunnel are what is wrong with some: without them they are right.
 */
static void test_every_cut_agrees_and_is_safe(void **state)
{
	size_t n_bad = 0;

	(void)state;
	for (size_t i = 0; i < table.n; i++) {
		const struct vec_step *s = &table.v[i].steps[0];

		for (size_t n = 0; n < s->n_bytes; n++) {
			uint8_t *cut = malloc(n ? n : 1);
			struct vec_result host, eval, whole;

			assert_non_null(cut);
			memcpy(cut, s->frame, n);
			vec_world_forget(&world);
			vec_world_host(&world, s->interface, cut, n, &host);
			vec_world_eval(&world, s->interface, cut, n, &eval);
			vec_world_host(&world, s->interface, s->frame, s->n_bytes, &whole);
			free(cut);
			if (vec_result_equal(&host, &eval) &&
			    (host.verdict == DBX_VERDICT_DROP || vec_result_equal(&host, &whole) ||
			     (whole.reason == DBX_REASON_BAD_TUNNEL && n + 1 == s->n_bytes)))
				continue;
			vec_step_print(&table.v[i], s);
			fprintf(stderr, "  cut to %zu bytes\n", n);
			vec_result_print("host", &host);
			vec_result_print("eval", &eval);
			n_bad++;
		}
	}
	assert_int_equal(n_bad, 0);
}

static void test_no_image_denies_everything(void **state)
{
	(void)state;
	for (size_t i = 0; i < table.n; i++) {
		const struct vec_step *s = &table.v[i].steps[0];
		struct dbx_result r;

		dbx_judge_frame(NULL, NULL, s->frame, s->n_bytes, DBX_PORT_ANY, NULL, &r);
		assert_int_equal(r.verdict, DBX_VERDICT_DROP);
		assert_int_equal(r.reason, DBX_REASON_NO_IMAGE);
		assert_int_equal(r.path, DBX_PATH_NONE);
	}
}

static void judge_damaged(struct dbx_image_header *hdr, enum dbx_reason want)
{
	struct dbx_image img = {
		.base = (const uint8_t *)hdr, .n_bytes = world.image_bytes, .hdr = hdr};

	for (size_t i = 0; i < table.n; i++) {
		const struct vec_step *s = &table.v[i].steps[0];
		struct dbx_result r;

		dbx_judge_frame(&img, NULL, s->frame, s->n_bytes, DBX_PORT_ANY, NULL, &r);
		assert_int_equal(r.verdict, DBX_VERDICT_DROP);
		assert_int_equal(r.reason, want);
	}
}

static void test_bad_image_denies_everything(void **state)
{
	uint8_t *copy = malloc(world.image_bytes);
	struct dbx_image_header *hdr = (struct dbx_image_header *)copy;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, world.image, world.image_bytes);
	hdr->magic ^= 1;
	judge_damaged(hdr, DBX_REASON_BAD_IMAGE);
	hdr->magic ^= 1;
	hdr->abi++;
	judge_damaged(hdr, DBX_REASON_BAD_IMAGE);
	free(copy);
}

static void test_the_table_is_complete(void **state)
{
	size_t seen[DBX_REASON_MAX] = {0};

	(void)state;
	assert_true(table.n >= 200);
	for (size_t i = 0; i < table.n; i++) {
		for (size_t j = 0; j < table.v[i].n_steps; j++)
			seen[table.v[i].steps[j].reason]++;
	}
	/* These two need no packet: see the tests above. */
	seen[DBX_REASON_NO_IMAGE]++;
	seen[DBX_REASON_BAD_IMAGE]++;
	/* Most from VLAN_HIDDEN on need state that one frame has not: test_dp_{flows,tricks,live}. */
	for (int r = 0; r < DBX_REASON_MAX; r++) {
		if (r >= DBX_REASON_VLAN_HIDDEN && r != DBX_REASON_CLUSTER_ISOLATION &&
		    r != DBX_REASON_TUNNEL_REMOTE && r != DBX_REASON_BAD_TUNNEL)
			continue;
		if (!seen[r])
			fprintf(stderr, "no vector expects %s\n", vec_reason_slug(r));
		assert_true(seen[r]);
	}
}

/* The one workspace of the table without a policy gets the default one, once there is any. */
static void test_default_policy_covers_the_unassigned(void **state)
{
	static const char text[] =
		"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": "
		"{\"restriction_mode\": \"FULL_ACCESS\"}}}";
	struct vec_result host, eval;
	struct vec_world w;
	const char *why;
	struct pkt p;

	(void)state;
	assert_int_equal(vec_world_read(&w, VECTORS_DIR "/policy"), 0);
	assert_int_equal(vec_world_add(&w, "default-policy.json", text, strlen(text)), 0);
	assert_int_equal(vec_world_build(&w), 0);
	assert_int_equal(vec_frame(&p, "ip4 10.66.6.5 192.0.2.200 tcp 1 443", &why), 0);
	vec_world_host(&w, "ws1", p.b, p.n, &host);
	vec_world_eval(&w, "ws1", p.b, p.n, &eval);
	assert_true(vec_result_equal(&host, &eval));
	assert_int_equal(host.reason, DBX_REASON_FULL_ACCESS);
	assert_string_equal(host.policy, "default-policy");
	assert_string_equal(host.rule_doc, "default-policy.json");
	vec_world_fini(&w);
}

static int setup(void **state)
{
	(void)state;
	if (vec_read_dir(&table, VECTORS_DIR) || vec_world_load(&world, VECTORS_DIR "/policy"))
		return -1;
	printf("%zu vectors\n", table.n);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vec_fini(&table);
	vec_world_fini(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_classifier),
		cmocka_unit_test(test_evaluator),
		cmocka_unit_test(test_engines_agree_in_everything),
		cmocka_unit_test(test_every_cut_agrees_and_is_safe),
		cmocka_unit_test(test_no_image_denies_everything),
		cmocka_unit_test(test_bad_image_denies_everything),
		cmocka_unit_test(test_default_policy_covers_the_unassigned),
		cmocka_unit_test(test_the_table_is_complete),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
