// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_view.c -- what a view says of an image beside what is looked up by it, which test_dpdk_look has:
 * short forms of keys, numbers of interfaces.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/gen_big.h"
#include "dataplane/dpdk/counters.h"
#include "dataplane/dpdk/image.h"
#include "dataplane/dpdk/view.h"

static struct vec_world w;

static struct dbx_binding *binding(uint32_t i)
{
	struct dbx_env env = {.base = w.image, .n_chunks = w.img.hdr->n_kernel_chunks};
	void *b = (void *)dbx_item(&env, &w.img.hdr->sec[DBX_SEC_BINDINGS], i, DBX_BINDING_SHIFT,
				   sizeof(struct dbx_binding));

	assert_non_null(b);
	return b;
}

static uint32_t any32(void)
{
	return (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

/* Of two workspaces, by search: two of some 100,000 numbers are expected to be. */
static void find_twins(uint64_t twins[2])
{
	const size_t n = 1u << 22;
	uint64_t *first = calloc(n, sizeof(*first));

	assert_non_null(first);
	for (int i = 0; i < 10000000 && !twins[0]; i++) {
		uint64_t id = (uint64_t)any32() << 32 | any32();
		uint64_t *at = &first[dpk_hash_workspace(id) % n];

		if (*at && *at != id && dpk_hash_workspace(*at) == dpk_hash_workspace(id)) {
			twins[0] = *at;
			twins[1] = id;
		}
		*at = id;
	}
	free(first);
}

static struct dpk_image *wrap(void)
{
	struct dpk_image *img = NULL;

	assert_int_equal(dpk_image_wrap(&img, w.image, w.img.hdr->n_kernel_chunks), 0);
	assert_non_null(img->view);
	return img;
}

static uint64_t serial_of(void)
{
	struct dpk_image *img = wrap();
	uint64_t serial = img->view->serial;

	dpk_image_free(img);
	return serial;
}

/* A short form of keys is another one in each view; where two keys would have the same, there is none. */
static void serial_numbers(void **state)
{
	uint64_t twins[2] = {0, 0}, serial = serial_of();

	(void)state;
	assert_int_not_equal(serial, 0);
	assert_true(serial_of() > serial);
	find_twins(twins);
	assert_true(twins[0] != twins[1]);
	binding(0)->workspace_id = binding(3)->workspace_id = twins[0];
	assert_int_not_equal(serial_of(), 0);
	binding(3)->workspace_id = twins[1];
	assert_int_equal(serial_of(), 0);
}

/* Interfaces have numbers, each one, and sources those of theirs. */
static void interfaces(void **state)
{
	static const uint64_t ports[] = {9, 0, 5, 9, ~1ull, 5};
	static const uint32_t numbers[] = {2, 0, 1, 2, 3, 1};
	struct dpk_image *img;

	(void)state;
	for (uint32_t i = 0; i < 6; i++)
		binding(i)->port = ports[i];
	binding(1)->flags |= DBX_BINDING_F_MAC;
	img = wrap();
	assert_int_equal(img->view->n_ways, 3);
	for (uint32_t i = 0; i < 6; i++) {
		const uint32_t bits = img->view->source_hints[i].bits;

		assert_int_equal(bits >> DPK_B_NUMBER, numbers[i]);
		assert_int_equal(!!(bits & DPK_B_WAY), i == 1);
		assert_int_equal(dpk_view_way(img->view, ports[i]), numbers[i]);
	}
	assert_int_equal(dpk_view_way(img->view, 6), 0);
	assert_int_equal(dpk_view_way(img->view, DBX_PORT_ANY), DPK_ANY_WAY);
	dpk_image_free(img);
}

/* More interfaces than there are numbers: the rest is asked for frame by frame, not let through. */
static void too_many_interfaces(void **state)
{
	struct dpk_image *img = wrap();
	const uint32_t n = img->view->n_bindings;
	uint32_t n_numbered = 0;

	(void)state;
	dpk_image_free(img);
	assert_true(n > DPK_WAYS_MAX);
	for (uint32_t i = 0; i < n; i++)
		binding(i)->port = 1000 + i;
	img = wrap();
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t bits = img->view->source_hints[i].bits, way = bits >> DPK_B_NUMBER;

		assert_int_equal(dpk_view_way(img->view, 1000 + i), way);
		assert_int_equal(!!(bits & DPK_B_WAY), !way);
		assert_int_not_equal(way, DPK_ANY_WAY);
		n_numbered += way != 0;
	}
	assert_int_equal(n_numbered, DPK_WAYS_MAX);
	dpk_image_free(img);
}

static int setup(void **state)
{
	(void)state;
	return gen_big_runs(&w);
}

static int teardown(void **state)
{
	(void)state;
	vec_world_fini(&w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(serial_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(interfaces, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_interfaces, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
