// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_pipe.c -- the packet vectors, whole, in pieces and in bursts, through the pipeline of
 * dbx-egress-dpdk: what it makes of each frame is what the host makes of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "common/dpdkbox.h"
#include "common/vec.h"
#include "common/vec_world.h"
#include "dataplane/dpdk/pipe.h"
#include "dataplane/dpdk/view.h"
#include "dbx/shim.h"

#define VECTORS_DIR "tests/vectors"
#define IFINDEX     7u
#define SMALL_ROOM  64u /* of a frame in one piece of the small pool */
#define SMALL_PIECE 40u

static struct vec_table table;
static struct vec_world world;
static struct rte_mempool *pool, *small_pool;
static struct dpk_pipe *pipe_;
static struct dpk_core *core;
static uint64_t now = 1000000;

static void use_image(const void *image, uint32_t n_chunks)
{
	struct dpk_image *img = NULL;

	if (image)
		assert_int_equal(dpk_image_wrap(&img, image, n_chunks), 0);
	assert_int_equal(dpk_pipe_set_image(pipe_, img), 0);
}

static void begin(void)
{
	struct dpk_pipe_opts o = {.n_cores = 1, .counters_max = 4096};

	assert_int_equal(dpk_pipe_open(&pipe_, &o), 0);
	core = dpk_pipe_core(pipe_, 0);
	dpk_pipe_join(core);
	dpk_pipe_shared(pipe_)->steer = 1;
	use_image(world.image, world.img.hdr->n_kernel_chunks);
}

static void end(void)
{
	dpk_pipe_leave(core);
	dpk_pipe_close(&pipe_);
}

static void forget(void)
{
	dpk_recent_clear(dpk_pipe_shared(pipe_)->frags);
	vec_world_forget(&world);
}

/* In pieces of at most n_piece bytes. */
static struct rte_mbuf *frame_of_pool(struct rte_mempool *from, const uint8_t *frame, size_t n,
				      size_t n_piece)
{
	struct rte_mbuf *head = NULL;

	do {
		size_t k = n < n_piece ? n : n_piece;
		struct rte_mbuf *m = rte_pktmbuf_alloc(from);

		assert_non_null(m);
		if (k)
			memcpy(rte_pktmbuf_append(m, (uint16_t)k), frame, k);
		frame += k;
		n -= k;
		if (!head)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	} while (n);
	return head;
}

static struct rte_mbuf *frame_in_pieces(const uint8_t *frame, size_t n, size_t n_piece)
{
	return frame_of_pool(pool, frame, n, n_piece);
}

static void judge_pieces(const struct vec_step *s, size_t n_piece, struct dpk_seen *seen,
			 struct dpk_out *out)
{
	struct rte_mbuf *m = frame_in_pieces(s->frame, s->n_bytes, n_piece);

	memset(seen, 0, sizeof(*seen));
	dpk_pipe_burst(core, IFINDEX, dbx_port_hash(s->interface), now += 1000, &m, 1, out, seen);
	rte_pktmbuf_free(m);
}

static void to_vec(const struct dpk_seen *seen, const struct dpk_out *out, struct vec_result *r)
{
	vec_result_of(&world.img, &seen->res, r);
	r->mark = out->has_meta && (out->meta.what & DBX_META_MARK) ? out->meta.mark : 0;
}

static size_t run_vectors(size_t n_piece, size_t *n_steps)
{
	size_t n_bad = 0;

	for (size_t i = 0; i < table.n; i++) {
		const struct vec *v = &table.v[i];

		forget();
		for (size_t j = 0; j < v->n_steps; j++) {
			const struct vec_step *s = &v->steps[j];
			struct vec_result r, host;
			struct dpk_seen seen;
			struct dpk_out out;

			vec_world_host(&world, s->interface, s->frame, s->n_bytes, &host);
			judge_pieces(s, n_piece, &seen, &out);
			to_vec(&seen, &out, &r);
			(*n_steps)++;
			if (vec_step_meets(&world, s, &r) && vec_result_equal(&r, &host) &&
			    (out.way == DPK_DROP) == (r.verdict == DBX_VERDICT_DROP))
				continue;
			vec_step_print(v, s);
			vec_result_print("pipeline", &r);
			vec_result_print("host", &host);
			n_bad++;
		}
	}
	return n_bad;
}

static void all_vectors(void **state)
{
	size_t n_steps = 0;

	(void)state;
	begin();
	assert_int_equal(run_vectors(SIZE_MAX, &n_steps), 0);
	assert_true(n_steps > 500);
	end();
}

static void all_vectors_in_pieces(void **state)
{
	size_t n_steps = 0;

	(void)state;
	begin();
	assert_int_equal(run_vectors(64, &n_steps), 0);
	assert_int_equal(run_vectors(13, &n_steps), 0);
	end();
}

/* What does not fit in one piece is judged, and leaves, as if it ended where the first one does. */
static void what_cannot_be_joined_is_cut(void **state)
{
	size_t n_cut = 0, n_bad = 0;

	(void)state;
	begin();
	for (size_t i = 0; i < table.n; i++) {
		const struct vec_step *s = &table.v[i].steps[0];
		struct vec_result r, host;
		struct dpk_seen seen;
		struct rte_mbuf *m;
		struct dpk_out out;

		if (s->n_bytes <= SMALL_ROOM)
			continue;
		forget();
		m = frame_of_pool(small_pool, s->frame, s->n_bytes, SMALL_PIECE);
		memset(&seen, 0, sizeof(seen));
		dpk_pipe_burst(core, IFINDEX, dbx_port_hash(s->interface), now += 1000, &m, 1, &out,
			       &seen);
		vec_world_forget(&world);
		vec_world_host(&world, s->interface, s->frame, SMALL_PIECE, &host);
		to_vec(&seen, &out, &r);
		n_bad += !vec_result_equal(&r, &host) || m->nb_segs != 1 ||
			 m->pkt_len != m->data_len || m->data_len > SMALL_PIECE + 4;
		n_cut++;
		rte_pktmbuf_free(m);
	}
	assert_true(n_cut > 10);
	assert_int_equal(n_bad, 0);
	assert_int_equal(rte_mempool_in_use_count(small_pool), 0);
	end();
}

/* Whole bursts: what is prefetched for one packet changes nothing for another. */
static void vectors_in_bursts(void **state)
{
	struct rte_mbuf *m[DPK_BURST];
	struct dpk_seen seen[DPK_BURST];
	struct dpk_out out[DPK_BURST];
	size_t n_bad = 0;

	(void)state;
	begin();
	for (size_t i = 0; i + DPK_BURST <= table.n; i += DPK_BURST / 2) {
		const char *interface = table.v[i].steps[0].interface;

		forget();
		for (size_t j = 0; j < DPK_BURST; j++)
			m[j] = frame_in_pieces(table.v[i + j].steps[0].frame,
					       table.v[i + j].steps[0].n_bytes, SIZE_MAX);
		dpk_pipe_burst(core, IFINDEX, dbx_port_hash(interface), now += 1000, m, DPK_BURST,
			       out, seen);
		for (size_t j = 0; j < DPK_BURST; j++) {
			const struct vec_step *s = &table.v[i + j].steps[0];
			struct vec_result r, host;

			vec_world_host(&world, interface, s->frame, s->n_bytes, &host);
			to_vec(&seen[j], &out[j], &r);
			if (!vec_result_equal(&r, &host)) {
				vec_step_print(&table.v[i + j], s);
				vec_result_print("pipeline", &r);
				vec_result_print("host", &host);
				n_bad++;
			}
			rte_pktmbuf_free(m[j]);
		}
	}
	assert_int_equal(n_bad, 0);
	end();
}

/* What the rows must come to: of each verdict that was seen. */
static struct {
	struct dbx_counter_key key;
	struct dbx_counter value;
} sums[1024];
static size_t n_sums;

static void add_seen(const struct dbx_result *res, size_t n_bytes)
{
	const struct dbx_counter_key key = {
		.workspace_id = res->workspace_id,
		.rule_uid = res->rule_uid,
		.reason = res->reason,
		.verdict = res->verdict,
		.path = res->path,
	};
	size_t i = 0;

	while (i < n_sums && memcmp(&sums[i].key, &key, sizeof(key)) != 0)
		i++;
	assert_true(i < sizeof(sums) / sizeof(sums[0]));
	if (i == n_sums)
		sums[n_sums++].key = key;
	sums[i].value.packets++;
	sums[i].value.bytes += n_bytes;
}

static void add_bursts(void)
{
	struct rte_mbuf *m[DPK_BURST];
	struct dpk_seen seen[DPK_BURST];
	struct dpk_out out[DPK_BURST];

	for (size_t i = 0; i + DPK_BURST <= table.n; i += DPK_BURST) {
		forget();
		for (size_t j = 0; j < DPK_BURST; j++)
			m[j] = frame_in_pieces(table.v[i + j].steps[0].frame,
					       table.v[i + j].steps[0].n_bytes, SIZE_MAX);
		dpk_pipe_burst(core, IFINDEX, DBX_PORT_ANY, now += 1000, m, DPK_BURST, out, seen);
		for (size_t j = 0; j < DPK_BURST; j++) {
			add_seen(&seen[j].res, table.v[i + j].steps[0].n_bytes);
			rte_pktmbuf_free(m[j]);
		}
	}
}

static size_t compare_rows(void)
{
	struct dbx_counter_key key;
	struct dbx_counter value;
	size_t n_right = 0;
	uint32_t at = 0;

	while (dpk_counters_next(core, &at, &key, &value))
		for (size_t i = 0; i < n_sums; i++)
			n_right += !memcmp(&sums[i].key, &key, sizeof(key)) &&
				   sums[i].value.packets == value.packets &&
				   sums[i].value.bytes == value.bytes;
	return n_right;
}

/* Rows outlive images, and what stands for their keys does not: nor is there always something that does. */
static void rows_are_those_of_verdicts(void **state)
{
	(void)state;
	begin();
	n_sums = 0;
	for (int image = 0; image < 4; image++) {
		use_image(world.image, world.img.hdr->n_kernel_chunks);
		if (image == 2)
			dpk_pipe_shared(pipe_)->image->view->serial = 0;
		add_bursts();
		add_bursts();
		assert_int_equal(compare_rows(), n_sums);
	}
	assert_true(n_sums > 50);
	end();
}

static void expect_all_denied(enum dbx_reason reason)
{
	for (size_t i = 0; i < table.n; i++) {
		struct dpk_seen seen;
		struct dpk_out out;

		judge_pieces(&table.v[i].steps[0], SIZE_MAX, &seen, &out);
		assert_int_equal(out.way, DPK_DROP);
		assert_int_equal(seen.res.reason, reason);
	}
}

static void without_an_image_all_is_denied(void **state)
{
	struct dbx_counter totals[DBX_TOTAL_MAX] = {{0, 0}};

	(void)state;
	begin();
	use_image(NULL, 0);
	expect_all_denied(DBX_REASON_NO_IMAGE);
	dpk_totals_add(core, totals);
	assert_int_equal(totals[DBX_REASON_NO_IMAGE * DBX_VERDICT_MAX].packets, table.n);
	end();
}

static void with_a_damaged_image_all_is_denied(void **state)
{
	uint8_t *copy = malloc(world.image_bytes);
	struct dbx_image_header *hdr = (struct dbx_image_header *)copy;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, world.image, world.image_bytes);
	begin();
	hdr->magic ^= 1;
	use_image(copy, hdr->n_kernel_chunks);
	expect_all_denied(DBX_REASON_BAD_IMAGE);
	end();
	free(copy);
}

static void a_port_that_is_not_known_passes_nothing(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < table.n; i++) {
		const struct vec_step *s = &table.v[i].steps[0];
		struct rte_mbuf *m = frame_in_pieces(s->frame, s->n_bytes, SIZE_MAX);
		struct dpk_out out;

		dpk_pipe_burst(core, 0, dbx_port_hash(s->interface), now += 1000, &m, 1, &out,
			       NULL);
		assert_int_equal(out.way, DPK_DROP);
		rte_pktmbuf_free(m);
	}
	end();
}

/* What the stack gets begins with the shim, and goes on with the frame as the program left it. */
static void the_stack_gets_a_shim(void **state)
{
	size_t n_passed = 0;

	(void)state;
	begin();
	for (size_t i = 0; i < table.n; i++) {
		const struct vec_step *s = &table.v[i].steps[0];
		struct rte_mbuf *m = frame_in_pieces(s->frame, s->n_bytes, SIZE_MAX);
		const struct dbx_shim *shim;
		struct dpk_out out;
		uint32_t n;

		forget();
		dpk_pipe_burst(core, IFINDEX, dbx_port_hash(s->interface), now += 1000, &m, 1, &out,
			       NULL);
		if (out.way == DPK_HOST) {
			n = m->data_len;
			assert_int_equal(dpk_pipe_shim(m, &out), 0);
			assert_int_equal(m->data_len, n + sizeof(*shim));
			assert_int_equal(m->pkt_len, m->data_len);
			shim = rte_pktmbuf_mtod(m, const struct dbx_shim *);
			assert_int_equal(shim->type[0] << 8 | shim->type[1], DBX_SHIM_TYPE);
			assert_int_equal(shim->magic, DBX_SHIM_MAGIC);
			assert_int_equal(shim->n_meta[1], out.has_meta ? sizeof(shim->meta) : 0);
			assert_memory_equal(shim->dst, s->frame, 12);
			if (!out.has_meta)
				assert_memory_equal(shim + 1, s->frame, s->n_bytes);
			n_passed++;
		}
		rte_pktmbuf_free(m);
	}
	assert_true(n_passed > 50);
	end();
}

static void images_are_retired_when_nobody_uses_them(void **state)
{
	const struct vec_step *s = &table.v[0].steps[0];
	struct dpk_seen seen;
	struct dpk_out out;

	(void)state;
	begin();
	judge_pieces(s, SIZE_MAX, &seen, &out);
	for (int i = 0; i < 100; i++)
		use_image(world.image, world.img.hdr->n_kernel_chunks);
	assert_int_equal(dpk_pipe_reap(pipe_), 100);
	judge_pieces(s, SIZE_MAX, &seen, &out);
	assert_int_equal(dpk_pipe_reap(pipe_), 0);
	end();
}

static int setup(void **state)
{
	(void)state;
	if (dpdkbox_start())
		return -1;
	pool = rte_pktmbuf_pool_create("frames", 2047, 0, 0, 16384, SOCKET_ID_ANY);
	small_pool = rte_pktmbuf_pool_create("pieces", 1023, 0, 0,
					     RTE_PKTMBUF_HEADROOM + SMALL_ROOM, SOCKET_ID_ANY);
	if (!pool || !small_pool || vec_read_dir(&table, VECTORS_DIR))
		return -1;
	return vec_world_load(&world, VECTORS_DIR "/policy");
}

static int teardown(void **state)
{
	(void)state;
	vec_fini(&table);
	vec_world_fini(&world);
	rte_mempool_free(pool);
	rte_mempool_free(small_pool);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_vectors),
		cmocka_unit_test(all_vectors_in_pieces),
		cmocka_unit_test(what_cannot_be_joined_is_cut),
		cmocka_unit_test(vectors_in_bursts),
		cmocka_unit_test(rows_are_those_of_verdicts),
		cmocka_unit_test(without_an_image_all_is_denied),
		cmocka_unit_test(with_a_damaged_image_all_is_denied),
		cmocka_unit_test(a_port_that_is_not_known_passes_nothing),
		cmocka_unit_test(the_stack_gets_a_shim),
		cmocka_unit_test(images_are_retired_when_nobody_uses_them),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
