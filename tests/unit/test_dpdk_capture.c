// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_capture.c -- copies of packets that dbx-egress-dpdk makes: which, how many, for whom, and what
 * ends it. The thread of control serves while this one judges.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_mbuf.h>

#include "common/dpdkbox.h"
#include "common/tinyimg.h"
#include "controlcase.h"
#include "dataplane/dpdk/control.h"

#define SECOND     1000000000ull
#define IFINDEX    7u
#define N_BYTES    200u /* of a frame */
#define GENERATION 8u
#define ALL_REASONS                        \
	{                                  \
		~0ull, ~0ull, ~0ull, ~0ull \
	}

static struct rte_mempool *pool;
static struct dpk_ports ports;
static struct dpk_lcores lcores = {.ports = &ports, .n = 1};
static struct dpk_core *core;
static struct dpk_control *control;
static pthread_t thread;
static void *images[2];
static size_t image_bytes[2];

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- packets ---- */

static void write_frame(uint8_t *f, uint16_t dport)
{
	for (size_t i = 0; i < N_BYTES; i++)
		f[i] = (uint8_t)(i * 7);
	memcpy(f + 12, "\x08\x00\x45\x00", 4);
	f[16] = 0;
	f[17] = N_BYTES - 14;
	memset(f + 18, 0, 4);
	memcpy(f + 22, "\x40\x11\x00\x00\x0a\x42\x01\x0a\xc6\x33\x64\x07\x04\x00", 14);
	f[36] = (uint8_t)(dport >> 8);
	f[37] = (uint8_t)dport;
	f[38] = 0;
	f[39] = N_BYTES - 34;
	f[40] = f[41] = 0;
}

/* n of them, at a time of their own. */
static void judge_at(uint64_t now, unsigned int n, uint16_t dport)
{
	struct rte_mbuf *m[DPK_BURST];
	struct dpk_out ways[DPK_BURST];

	while (n) {
		unsigned int k = n < DPK_BURST ? n : DPK_BURST;

		for (unsigned int i = 0; i < k; i++) {
			m[i] = rte_pktmbuf_alloc(pool);
			assert_non_null(m[i]);
			write_frame((uint8_t *)rte_pktmbuf_append(m[i], N_BYTES), dport);
		}
		dpk_pipe_burst(core, IFINDEX, dbx_port_hash("ws1"), now, m, k, ways, NULL);
		for (unsigned int i = 0; i < k; i++)
			assert_int_equal(ways[i].way, DPK_DROP);
		rte_pktmbuf_free_bulk(m, k);
		n -= k;
	}
}

static void judge(unsigned int n, uint16_t dport)
{
	judge_at(now_ns(), n, dport);
}

/* Nothing is judged meanwhile, so nobody waits for this thread. */
static void use_image(int fd, unsigned int which)
{
	dpk_pipe_leave(core);
	assert_int_equal(send_image(fd, images[which], image_bytes[which], SEALS), 0);
	assert_int_equal(commit(fd, GENERATION + which), 0);
	dpk_pipe_join(core);
}

/* ---- captures ---- */

static struct dbx_capture denied(void)
{
	return (struct dbx_capture){
		.until_ns = now_ns() + 3600 * SECOND,
		.reasons = ALL_REASONS,
		.verdicts = 1u << DBX_VERDICT_DROP,
		.snap_bytes = DBX_CAPTURE_SNAP_MAX,
		.per_s = DBX_CAPTURE_RATE_MAX,
	};
}

static struct {
	unsigned int n;
	struct dbx_sample last;
	uint8_t bytes[DBX_CAPTURE_SNAP_MAX];
} seen;

/* The samples of one message, each of which is whole. */
static void take_message(int fd)
{
	size_t n = await(fd), at = sizeof(*got), one;
	unsigned int count = 0;

	assert_true(n > sizeof(*got));
	assert_int_equal(got->type, DBX_WIRE_SAMPLE);
	assert_int_equal(got->n_bytes, n);
	for (; at < n; at += one, count++) {
		assert_true(n - at >= sizeof(seen.last));
		memcpy(&seen.last, in + at, sizeof(seen.last));
		one = DBX_WIRE_SAMPLE_BYTES(seen.last.n_bytes);
		assert_true(seen.last.n_bytes <= sizeof(seen.bytes) && one <= n - at);
		memcpy(seen.bytes, in + at + sizeof(seen.last), seen.last.n_bytes);
	}
	assert_true(count <= DBX_WIRE_BATCH);
	seen.n += count;
}

static void take(int fd, unsigned int n)
{
	while (seen.n < n)
		take_message(fd);
	assert_int_equal(seen.n, n);
	seen.n = 0;
}

static bool is_silent(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

static struct dbx_wire_loss loss(int fd)
{
	struct dbx_wire_loss w;

	assert_int_equal(ask(fd, DBX_WIRE_LOSS, NULL, 0), 0);
	memcpy(&w, answer, sizeof(w));
	return w;
}

static void stop(int fd)
{
	const struct dbx_capture off = {.until_ns = 0};

	assert_int_equal(ask(fd, DBX_WIRE_CAPTURE, &off, sizeof(off)), 0);
}

static bool is_on(void)
{
	return __atomic_load_n(&dpk_pipe_shared(lcores.pipe)->capture, __ATOMIC_ACQUIRE);
}

static void must_end(void)
{
	for (int i = 0; i < 2000 && is_on(); i++)
		usleep(10000);
	assert_false(is_on());
}

struct both {
	int fd, samples;
};

static struct both open_both(void)
{
	return (struct both){greet(DBX_WIRE_ROLE_CONTROL), greet(DBX_WIRE_ROLE_SAMPLES)};
}

static void close_both(struct both b)
{
	stop(b.fd);
	close(b.samples);
	close(b.fd);
}

static void start(struct both b, const struct dbx_capture *c)
{
	seen.n = 0;
	assert_int_equal(ask(b.fd, DBX_WIRE_CAPTURE, c, sizeof(*c)), 0);
	assert_true(is_on());
}

/* ---- tests ---- */

static void a_denied_packet_is_copied(void **state)
{
	struct dbx_capture c = denied();
	struct both b = open_both();
	uint8_t frame[N_BYTES];

	(void)state;
	judge(1, 1111); /* before: nobody wants it */
	start(b, &c);
	judge(3, 4444);
	take(b.samples, 3);
	write_frame(frame, 4444);
	assert_int_equal(seen.last.n_bytes, N_BYTES);
	assert_memory_equal(seen.bytes, frame, N_BYTES);
	assert_int_equal(seen.last.flags, 0);
	assert_int_equal(seen.last.event.frame_bytes, N_BYTES);
	assert_int_equal(seen.last.event.reason, DBX_REASON_NO_MATCH);
	assert_int_equal(seen.last.event.verdict, DBX_VERDICT_DROP);
	assert_int_equal(seen.last.event.workspace_id, TINYIMG_WORKSPACE);
	assert_int_equal(seen.last.event.generation, GENERATION);
	assert_int_equal(seen.last.event.ifindex, IFINDEX);
	assert_int_equal(seen.last.event.dport, 4444);
	stop(b.fd);
	assert_false(is_on());
	judge(3, 5555);
	assert_int_equal(loss(b.fd).lost, 0);
	assert_true(is_silent(b.samples));
	close_both(b);
}

static void only_what_is_asked_for(void **state)
{
	struct dbx_capture c = denied();
	struct both b = open_both();

	(void)state;
	c.flags = DBX_CAPTURE_F_DPORT | DBX_CAPTURE_F_PROTO;
	c.proto = 17;
	c.dport = 99;
	c.snap_bytes = 42;
	start(b, &c);
	judge(5, 98);
	judge(1, 99);
	judge(5, 100);
	take(b.samples, 1);
	assert_int_equal(seen.last.event.dport, 99);
	assert_int_equal(seen.last.n_bytes, 42);
	assert_int_equal(seen.last.event.frame_bytes, N_BYTES);
	c.verdicts = 1u << DBX_VERDICT_PASS; /* another, in its place */
	c.flags = 0;
	start(b, &c);
	judge(5, 99);
	stop(b.fd);
	assert_true(is_silent(b.samples));
	close_both(b);
}

static void each_packet_is_there_or_counted(void **state)
{
	const unsigned int many = 40000;
	struct dbx_capture c = denied();
	struct both b = open_both();
	uint64_t now = now_ns();

	(void)state;
	c.per_s = 2;
	start(b, &c);
	judge_at(now, 10, 1);
	judge_at(now + 2 * SECOND, 10, 1);
	take(b.samples, 4);
	assert_int_equal(loss(b.fd).limited, 16);
	assert_int_equal(loss(b.fd).lost, 0);
	c.per_s = DBX_CAPTURE_RATE_MAX;
	start(b, &c);
	assert_int_equal(loss(b.fd).limited, 0); /* from nothing again */
	judge(many, 2);                          /* and nobody reads */
	assert_true(loss(b.fd).lost > 0 && loss(b.fd).lost < many);
	while (seen.n + loss(b.fd).lost < many)
		take_message(b.samples);
	assert_int_equal(seen.n + loss(b.fd).lost, many);
	assert_true(is_silent(b.samples));
	judge(1, 3);
	seen.n = 0;
	take(b.samples, 1);
	assert_int_equal(seen.last.event.dport, 3);
	close_both(b);
}

/* Each copy bears the generation by which it was judged. */
static void an_image_that_changes_ends_nothing(void **state)
{
	struct dbx_capture c = denied();
	struct both b = open_both();

	(void)state;
	start(b, &c);
	for (unsigned int i = 0; i < 100; i++) {
		use_image(b.fd, i & 1);
		judge(1, 1);
		take(b.samples, 1);
		assert_int_equal(seen.last.event.generation, GENERATION + (i & 1));
	}
	use_image(b.fd, 0);
	assert_true(is_on());
	close_both(b);
}

static void what_ends_it(void **state)
{
	struct dbx_capture c = denied();
	struct both b = open_both();
	int next;

	(void)state;
	start(b, &c);
	close(b.samples);
	must_end();
	assert_int_equal(ask(b.fd, DBX_WIRE_CAPTURE, &c, sizeof(c)), -ENOTCONN);
	b.samples = greet(DBX_WIRE_ROLE_SAMPLES);
	start(b, &c);
	next = greet(DBX_WIRE_ROLE_SAMPLES); /* of a daemon that takes over */
	must_end();
	assert_int_equal(await(b.samples), 0);
	close(b.samples);
	b.samples = next;
	start(b, &c);
	head_of(DBX_WIRE_LOSS, NULL, 0);
	send_raw(b.samples, sizeof(*sent), -1); /* it asks nothing */
	must_end();
	assert_int_equal(await(b.samples), 0);
	close(b.samples);
	b.samples = greet(DBX_WIRE_ROLE_SAMPLES);
	c.until_ns = now_ns() + SECOND / 5;
	assert_int_equal(ask(b.fd, DBX_WIRE_CAPTURE, &c, sizeof(c)), 0);
	must_end();
	judge(3, 1);
	assert_true(is_silent(b.samples));
	c = denied();
	start(b, &c);
	judge(3, 1);
	take(b.samples, 3);
	close_both(b);
}

/* What waits of one capture is none of the next. */
static void nothing_of_the_former_one(void **state)
{
	struct dbx_capture c = denied();
	struct both b = open_both();

	(void)state;
	start(b, &c);
	judge(20000, 1);
	stop(b.fd);
	close(b.samples);
	b.samples = greet(DBX_WIRE_ROLE_SAMPLES);
	start(b, &c);
	assert_int_equal(loss(b.fd).lost, 0);
	judge(2, 2);
	take(b.samples, 2);
	assert_int_equal(seen.last.event.dport, 2);
	close_both(b);
}

static void what_is_wrong_is_refused(void **state)
{
	struct both b = open_both();

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct dbx_capture c = denied();

		c.snap_bytes = i == 0 ? 0 : i == 1 ? DBX_CAPTURE_SNAP_MAX + 1 : i == 2 ? ~0u : 64;
		c.per_s = i == 3 ? 0 : i == 4 ? DBX_CAPTURE_RATE_MAX + 1 : 1;
		c.flags = i == 5 ? 16 : 0;
		c.zero = i == 6;
		c.zero2 = i == 7;
		c.verdicts = i == 8 ? 1u << DBX_VERDICT_MAX : 1;
		assert_int_equal(ask(b.fd, DBX_WIRE_CAPTURE, &c, sizeof(c)), -EINVAL);
		assert_false(is_on());
		assert_int_equal(ask(b.fd, DBX_WIRE_CAPTURE, &c, sizeof(c) - 1), -EINVAL);
		assert_int_equal(ask(b.fd, DBX_WIRE_CAPTURE, NULL, 0), -EINVAL);
	}
	assert_int_equal(ask(b.fd, DBX_WIRE_SAMPLE, NULL, 0), -EOPNOTSUPP);
	close_both(b);
}

/* ---- all of it ---- */

static void *serve(void *arg)
{
	dpk_control_run(arg);
	return NULL;
}

static int setup(void **state)
{
	struct dpk_pipe_opts o = {.n_cores = 1, .counters_max = 1024};
	int fd;

	(void)state;
	snprintf(controlcase_path, sizeof(controlcase_path), "/tmp/dbx-capture-%d.sock",
		 (int)getpid());
	for (unsigned int i = 0; i < 2; i++) {
		struct tinyimg t = {.generation = GENERATION + i,
				    .verdict = DBX_VERDICT_DROP,
				    .reason = DBX_REASON_NO_MATCH};

		images[i] = tinyimg_new(&t, &image_bytes[i]);
	}
	if (dpdkbox_start() || dpk_pipe_open(&lcores.pipe, &o) ||
	    dpk_control_open(&control, &lcores, controlcase_path))
		return -1;
	pool = rte_pktmbuf_pool_create("capture", 255, 0, 0, 2048, SOCKET_ID_ANY);
	core = dpk_pipe_core(lcores.pipe, 0);
	dpk_pipe_join(core);
	if (!pool || pthread_create(&thread, NULL, serve, control))
		return -1;
	fd = greet(DBX_WIRE_ROLE_CONTROL);
	use_image(fd, 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lcores.must_stop = 1;
	dpk_control_wake(control);
	pthread_join(thread, NULL);
	dpk_pipe_leave(core);
	dpk_control_close(&control);
	dpk_pipe_close(&lcores.pipe);
	rte_mempool_free(pool);
	free(images[0]);
	free(images[1]);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_denied_packet_is_copied),
		cmocka_unit_test(only_what_is_asked_for),
		cmocka_unit_test(each_packet_is_there_or_counted),
		cmocka_unit_test(an_image_that_changes_ends_nothing),
		cmocka_unit_test(what_ends_it),
		cmocka_unit_test(nothing_of_the_former_one),
		cmocka_unit_test(what_is_wrong_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
