// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_mbufs.c -- hostile frames in hostile mbufs: chains, no room around them, lengths that are
 * wrong, stacks of tags, tags that the device took out.
 *
 * What the pipeline makes of each is what the classifier on the host makes of the bytes that are in one
 * piece. Every piece is malloc'ed with its exact size, so that ASan sees a read or write beside it.
 * DBX_ROUNDS=N: N gateways of 1,000 packets; DBX_SEED=... repeats a seed that was printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/gen.h"
#include "unit/dpdkrun.h"

#ifdef __SANITIZE_ADDRESS__
#define MODELS 8
#else
#define MODELS 20
#endif
#define FRAME_MAX  8192u
#define PIECES_MAX 12u
#define ROOM_MIN   (sizeof(struct dbx_meta) + 4) /* and a tag that was hidden */

static struct dpdkrun run;
static struct rte_mempool
	*direct; /* mbufs with room of their own: a tag is put back into these only */
static struct gen_rand rnd;
static struct {
	size_t chained, in_one, cut, tags, mutated, stripped, no_room;
} tally;

/* What the pipeline has to judge: of the frame that was made last. */
static struct {
	uint8_t b[FRAME_MAX];
	size_t n;
} is, expected;

static void put_in(size_t at, const void *bytes, size_t n)
{
	if (is.n < at || is.n + n > sizeof(is.b))
		return;
	memmove(is.b + at + n, is.b + at, is.n - at);
	memcpy(is.b + at, bytes, n);
	is.n += n;
}

static void stack_tags(void)
{
	static const uint16_t types[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x8100};
	uint32_t n = gen_below(&rnd, 6);

	for (uint32_t i = 0; i < n; i++) {
		uint16_t type = types[gen_below(&rnd, 5)], tci = (uint16_t)gen_next(&rnd);
		uint8_t tag[4] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(tci >> 8),
				  (uint8_t)tci};

		put_in(12, tag, sizeof(tag));
	}
	tally.tags += n > 0;
}

/* Bytes of the headers: types, lengths, offsets, flags; a bit, a byte, or an edge. */
static void mutate(void)
{
	static const uint8_t edges[] = {0, 1, 4, 5, 0x0f, 0x40, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xff};
	uint32_t n = 1 + gen_below(&rnd, 4);

	for (uint32_t i = 0; i < n && is.n; i++) {
		size_t at = gen_below(&rnd, is.n < 96 ? (uint32_t)is.n : 96);

		if (gen_percent(&rnd, 40))
			is.b[at] ^= (uint8_t)(1u << gen_below(&rnd, 8));
		else if (gen_percent(&rnd, 50))
			is.b[at] = (uint8_t)gen_next(&rnd);
		else
			is.b[at] = edges[gen_below(&rnd, sizeof(edges))];
	}
	tally.mutated++;
}

static void spoil(const void *frame, size_t n)
{
	is.n = n < FRAME_MAX - 64 ? n : FRAME_MAX - 64;
	memcpy(is.b, frame, is.n);
	if (gen_percent(&rnd, 25))
		stack_tags();
	if (gen_percent(&rnd, 60))
		mutate();
	if (gen_percent(&rnd, 15))
		is.n = gen_below(&rnd, (uint32_t)is.n + 1);
}

/* Rooms of all sizes, none among them. */
static size_t some_room(void)
{
	return gen_percent(&rnd, 40) ? 0 : gen_below(&rnd, gen_percent(&rnd, 50) ? 16 : 256);
}

static struct rte_mbuf *in_one(void)
{
	struct rte_mbuf *m = dpdkrun_piece(&run, is.b, is.n, some_room(), some_room());

	expected = is;
	if (gen_percent(&rnd, 10)) /* a device that says another length of the whole */
		m->pkt_len = gen_below(&rnd, 70000);
	tally.in_one++;
	return m;
}

static struct rte_mbuf *in_a_chain(void)
{
	uint32_t n_pieces = 2 + gen_below(&rnd, PIECES_MAX - 1);
	size_t at = gen_below(&rnd, gen_percent(&rnd, 50) ? 40 : (uint32_t)is.n + 1), n;
	size_t tail = gen_percent(&rnd, 50) ? is.n : some_room();
	struct rte_mbuf *head;

	if (at > is.n)
		at = is.n;
	head = dpdkrun_piece(&run, is.b, at, some_room(), tail);
	expected = is;
	if (is.n - at > tail) {
		expected.n = at;
		tally.cut++;
	}
	for (uint32_t i = 1; i < n_pieces; i++, at += n) {
		n = i == n_pieces - 1 ? is.n - at : gen_below(&rnd, (uint32_t)(is.n - at) + 1);
		assert_int_equal(rte_pktmbuf_chain(head, dpdkrun_piece(&run, is.b + at, n,
								       some_room(), some_room())),
				 0);
	}
	if (gen_percent(&rnd, 10))
		head->pkt_len = gen_below(&rnd, 70000);
	tally.chained++;
	return head;
}

/* The device took the outermost tag out of the frame, and says so. */
static struct rte_mbuf *without_its_tag(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(direct);
	uint8_t tag[4] = {0x81, 0, 0, 0};

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)is.n), is.b, is.n);
	m->vlan_tci = (uint16_t)gen_next(&rnd);
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	tag[2] = (uint8_t)(m->vlan_tci >> 8);
	tag[3] = (uint8_t)m->vlan_tci;
	put_in(12, tag, sizeof(tag));
	expected = is;
	tally.stripped++;
	return m;
}

static struct rte_mbuf *make(void)
{
	uint32_t how = gen_below(&rnd, 100);

	if (how < 10 && is.n >= 14)
		return without_its_tag();
	return how < 60 ? in_a_chain() : in_one();
}

/* What has to tell the stack something, and has no room in front for it, does not pass. */
static bool has_no_room(struct vec_world *w, const char *interface, size_t room,
			const struct vec_result *v)
{
	struct vec_result host;

	if (room >= ROOM_MIN ||
	    (v->reason != DBX_REASON_MARK_LOST && v->reason != DBX_REASON_VLAN_HIDDEN))
		return false;
	vec_world_host(w, interface, expected.b, expected.n, &host);
	assert_int_not_equal(host.verdict, DBX_VERDICT_DROP);
	assert_int_equal(v->verdict, DBX_VERDICT_DROP);
	tally.no_room++;
	return true;
}

static bool judge(void *arg, struct vec_world *w, const char *interface, const void *frame,
		  size_t n_bytes, struct vec_result *v)
{
	size_t room;
	struct dpk_seen seen;
	struct dpk_out out;
	struct rte_mbuf *m;

	spoil(frame, n_bytes);
	m = make();
	room = rte_pktmbuf_headroom(m);
	dpdkrun_burst(arg, interface, &m, 1, &out, &seen);
	dpdkrun_result(w, &seen, &out, v);
	assert_int_equal(m->nb_segs, 1);
	assert_null(m->next);
	assert_true(m->data_off + m->data_len <= m->buf_len);
	if (out.way != DPK_DROP)
		assert_int_equal(m->pkt_len, m->data_len);
	rte_pktmbuf_free(m);
	return !has_no_room(w, interface, room, v);
}

static bool judge_the_same(void *arg, struct vec_world *w, const char *interface, const void *frame,
			   size_t n_bytes, struct vec_result *v)
{
	uint8_t *exact = malloc(expected.n ? expected.n : 1);

	(void)arg;
	(void)frame;
	(void)n_bytes;
	assert_non_null(exact);
	memcpy(exact, expected.b, expected.n);
	vec_world_host(w, interface, exact, expected.n, v);
	free(exact);
	return true;
}

static const struct gen_pair pair = {
	.name = {"pipeline", "host"},
	.judge = {judge, judge_the_same},
	.begin = dpdkrun_begin,
	.forget = dpdkrun_forget,
	.arg = &run,
};

static void fuzz(uint64_t seed)
{
	rnd.state = seed;
	memset(&tally, 0, sizeof(tally));
	assert_int_equal(gen_diff_run(&pair, seed, MODELS), 0);
	printf("%zu in one piece, %zu in chains (%zu cut), %zu tags taken out, %zu with tags put "
	       "in, %zu mutated, %zu without room for a word\n",
	       tally.in_one, tally.chained, tally.cut, tally.stripped, tally.tags, tally.mutated,
	       tally.no_room);
	assert_true(tally.in_one && tally.chained > tally.cut && tally.cut && tally.stripped);
	assert_true(tally.tags && tally.mutated && tally.no_room);
	assert_int_equal(rte_mempool_in_use_count(run.pool), 0);
	assert_int_equal(rte_mempool_in_use_count(direct), 0);
}

static void frames_from_a_fixed_seed(void **state)
{
	(void)state;
	fuzz(1121);
}

static void frames_from_a_fresh_seed(void **state)
{
	(void)state;
	fuzz(gen_seed("test_dpdk_mbufs"));
}

static int setup(void **state)
{
	(void)state;
	if (dpdkbox_start() || dpdkrun_open(&run))
		return -1;
	direct = rte_pktmbuf_pool_create("direct", 63, 0, 0, FRAME_MAX + RTE_PKTMBUF_HEADROOM,
					 SOCKET_ID_ANY);
	return direct ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dpdkrun_close(&run);
	rte_mempool_free(direct);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_from_a_fixed_seed),
		cmocka_unit_test(frames_from_a_fresh_seed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
