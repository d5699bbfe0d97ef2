// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_capture.c -- copies of packets from the program in the kernel: which ones, how much of them,
 * how many a second, and what ends a capture.
 */
#include "dp_box.h"

#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define SECOND 1000000000ull
#define ETH    14u

struct got {
	size_t n;
	struct dbx_event event; /* of the latest */
	uint8_t frame[DBX_CAPTURE_SNAP_MAX];
	size_t n_bytes;
};

static void take(void *arg, const struct dbx_event *e, const uint8_t *frame, size_t n_bytes)
{
	struct got *g = arg;

	assert_true(n_bytes <= sizeof(g->frame));
	g->n++;
	g->event = *e;
	memcpy(g->frame, frame, n_bytes);
	g->n_bytes = n_bytes;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static struct dbx_capture all_denied(void)
{
	struct dbx_capture c = {
		.until_ns = now_ns() + 3600 * SECOND,
		.verdicts = 1u << DBX_VERDICT_DROP,
		.snap_bytes = DBX_CAPTURE_SNAP_MAX,
		.per_s = 1000,
	};

	c.reasons[DBX_REASON_NO_MATCH / 64] |= 1ull << DBX_REASON_NO_MATCH % 64;
	return c;
}

static struct dbx_dp *begin(const struct tinyimg *image)
{
	struct dbx_dp_state st;
	struct dbx_dp *dp = NULL;

	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_ok(ops->attach(dp, nsbox_ifindex("ws1"), "ws1", &err));
	commit(dp, image);
	return dp;
}

/* What one denied echo leaves. The copies are there before the program has returned. */
static struct got one_echo(struct dbx_dp *dp, const struct dbx_capture *c)
{
	struct got g = {.n = 0};

	assert_ok(ops->capture_start(dp, c, &err));
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->capture_poll(dp, take, &g));
	ops->capture_stop(dp);
	return g;
}

/* Only what is for 10.66.1.1, so that nothing the workload's stack does by itself is in the way. */
static struct dbx_capture to_gateway(void)
{
	struct dbx_capture c = all_denied();

	c.flags = DBX_CAPTURE_F_DST | DBX_CAPTURE_F_PROTO;
	c.dst[0] = 0x0a420101;
	c.mask[0] = 0xffffffff;
	c.proto = 1;
	return c;
}

static void test_a_denied_packet(void **state)
{
	struct dbx_dp *dp = begin(&drop_all);
	struct dbx_capture c = to_gateway();
	struct dbx_dp_loss loss = {9, 9};
	struct got g = {.n = 0};

	(void)state;
	assert_int_equal(ops->capture_fd(dp), -1);
	assert_ok(ops->capture_start(dp, &c, &err));
	assert_true(ops->capture_fd(dp) >= 0);
	assert_int_equal(ops->capture_start(dp, &c, &err), -EBUSY);
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->capture_poll(dp, take, &g));
	assert_true(g.n >= 1);
	assert_int_equal(g.event.reason, DBX_REASON_NO_MATCH);
	assert_int_equal(g.event.verdict, DBX_VERDICT_DROP);
	assert_int_equal(g.event.workspace_id, TINYIMG_WORKSPACE);
	assert_int_equal(g.event.rule_uid, TINYIMG_RULE_UID);
	assert_int_equal(g.event.generation, 8);
	assert_int_equal(g.event.ifindex, nsbox_ifindex("ws1"));
	assert_int_equal(g.n_bytes, g.event.frame_bytes);
	assert_true(g.n_bytes > ETH + 28);
	assert_memory_equal(g.frame + 12, "\x08\x00\x45", 3);
	assert_memory_equal(g.frame + ETH + 12, "\x0a\x42\x01\x0a\x0a\x42\x01\x01", 8);
	assert_int_equal(g.frame[ETH + 20], 8); /* an echo request */
	assert_ok(ops->capture_loss(dp, &loss));
	assert_true(loss.limited == 0 && loss.lost == 0);
	ops->capture_stop(dp);
	assert_int_equal(ops->capture_fd(dp), -1);
	g.n = 0;
	assert_true(nsbox_no_ping("w1", 1));
	assert_ok(ops->capture_poll(dp, take, &g));
	assert_int_equal(g.n, 0);
	g = one_echo(dp, &c); /* and anew */
	assert_true(g.n >= 1);
	ops->close(&dp);
}

static void test_filters(void **state)
{
	struct dbx_dp *dp = begin(&drop_all);
	struct dbx_capture c = to_gateway();

	(void)state;
	c.workspace_id = TINYIMG_WORKSPACE;
	c.mask[0] = 0xffffff00;
	c.dst[0] = 0x0a420100;
	assert_true(one_echo(dp, &c).n >= 1);
	c.dst[0] = 0x0a420200;
	assert_int_equal(one_echo(dp, &c).n, 0);
	c = to_gateway();
	c.flags |= DBX_CAPTURE_F_IPV6;
	assert_int_equal(one_echo(dp, &c).n, 0);
	c = to_gateway();
	c.workspace_id = TINYIMG_WORKSPACE + 1;
	assert_int_equal(one_echo(dp, &c).n, 0);
	c = to_gateway();
	c.proto = 6;
	assert_int_equal(one_echo(dp, &c).n, 0);
	c = to_gateway();
	c.flags |= DBX_CAPTURE_F_DPORT;
	c.dport = 8 << 8;
	assert_true(one_echo(dp, &c).n >= 1);
	c.dport = 443;
	assert_int_equal(one_echo(dp, &c).n, 0);
	c = to_gateway();
	c.verdicts = 1u << DBX_VERDICT_PASS | 1u << DBX_VERDICT_DRY_RUN;
	assert_int_equal(one_echo(dp, &c).n, 0);
	c = to_gateway();
	memset(c.reasons, 0xff, sizeof(c.reasons));
	c.reasons[DBX_REASON_NO_MATCH / 64] &= ~(1ull << DBX_REASON_NO_MATCH % 64);
	assert_int_equal(one_echo(dp, &c).n, 0);
	c = to_gateway();
	c.until_ns = now_ns();
	assert_int_equal(one_echo(dp, &c).n, 0);
	ops->close(&dp);
}

static void test_what_passes_is_copied_when_asked_for(void **state)
{
	struct dbx_dp *dp = begin(&pass_all);
	struct dbx_capture c = to_gateway();
	struct got g = {.n = 0};

	(void)state;
	c.verdicts = 1u << DBX_VERDICT_PASS;
	memset(c.reasons, 0xff, sizeof(c.reasons));
	assert_ok(ops->capture_start(dp, &c, &err));
	assert_true(nsbox_ping("w1", 1));
	assert_ok(ops->capture_poll(dp, take, &g));
	assert_true(g.n >= 1);
	assert_int_equal(g.event.reason, DBX_REASON_FULL_ACCESS);
	assert_int_equal(g.event.verdict, DBX_VERDICT_PASS);
	ops->close(&dp); /* stops it too */
}

static void test_no_more_bytes_than_asked_for(void **state)
{
	struct dbx_dp *dp = begin(&drop_all);
	struct dbx_capture c = to_gateway();
	struct got g;

	(void)state;
	c.snap_bytes = 34;
	g = one_echo(dp, &c);
	assert_true(g.n >= 1);
	assert_int_equal(g.n_bytes, 34);
	assert_true(g.event.frame_bytes > 34);
	assert_memory_equal(g.frame + ETH + 16, "\x0a\x42\x01\x01", 4);
	ops->close(&dp);
}

/* Each packet that was wanted is copied, limited or lost. */
static void test_the_rate_and_its_sum(void **state)
{
	struct dbx_dp *dp = begin(&drop_all);
	struct dbx_capture c = all_denied();
	struct dbx_dp_loss loss;
	struct got g = {.n = 0};
	uint64_t before, after;

	(void)state;
	c.per_s = 3;
	assert_ok(ops->capture_start(dp, &c, &err));
	before = total_of(dp, DBX_REASON_NO_MATCH, DBX_VERDICT_DROP);
	nsbox_try("ip netns exec w1 ping -q -f -c 200 -W 1 10.66.1.1");
	nsbox_must("ip netns exec w1 ip link set eth0 down");
	after = total_of(dp, DBX_REASON_NO_MATCH, DBX_VERDICT_DROP);
	assert_ok(ops->capture_poll(dp, take, &g));
	assert_ok(ops->capture_loss(dp, &loss));
	assert_true(after - before >= 200);
	assert_true(g.n >= 3);
	assert_true(loss.limited > 0);
	assert_int_equal(loss.lost, 0);
	/* The workload may have said something between the start and the first look at the totals. */
	assert_in_range(g.n + loss.limited, after - before, after - before + 20);
	ops->close(&dp);
}

/* Nobody takes the copies: the buffer fills, and the program counts what it could not put there. */
static void test_a_buffer_that_is_full(void **state)
{
	struct dbx_dp *dp = begin(&drop_all);
	struct dbx_capture c = to_gateway();
	struct dbx_dp_loss loss;
	struct got g = {.n = 0};
	uint64_t before, sent;

	(void)state;
	c.per_s = DBX_CAPTURE_RATE_MAX;
	before = total_of(dp, DBX_REASON_NO_MATCH, DBX_VERDICT_DROP);
	assert_ok(ops->capture_start(dp, &c, &err));
	/* each sends 100 a second at most when nobody answers */
	nsbox_try("ip netns exec w1 sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do "
		  "ping -q -f -s 1400 -c 200 -W 1 10.66.1.1 & done; wait'");
	sent = total_of(dp, DBX_REASON_NO_MATCH, DBX_VERDICT_DROP) - before;
	assert_ok(ops->capture_poll(dp, take, &g));
	assert_ok(ops->capture_loss(dp, &loss));
	assert_true(sent >= 2000);
	assert_true(loss.lost > 0);
	assert_int_equal(loss.limited, 0);
	assert_in_range(g.n + loss.lost, 2000, sent);
	ops->close(&dp);
}

/* A larger image brings another program: the capture of the old one is over, and that is told. */
static void test_another_program_ends_it(void **state)
{
	const struct tinyimg large = {.generation = 9,
				      .verdict = DBX_VERDICT_DROP,
				      .reason = DBX_REASON_NO_MATCH,
				      .n_extra_chunks = DBX_IMAGE_CHUNKS};
	struct dbx_dp *dp = begin(&drop_all);
	struct dbx_capture c = to_gateway();
	struct got g = {.n = 0};

	(void)state;
	assert_ok(ops->capture_start(dp, &c, &err));
	commit(dp, &drop_all);
	assert_ok(ops->capture_poll(dp, take, &g)); /* another image alone does not matter */
	commit(dp, &large);
	assert_int_equal(ops->capture_fd(dp), -1);
	assert_int_equal(ops->capture_poll(dp, take, &g), -ENODEV);
	ops->capture_stop(dp);
	assert_int_equal(ops->capture_poll(dp, take, &g), 0);
	assert_true(one_echo(dp, &c).n >= 1);
	ops->close(&dp);
}

/* A daemon that died in a capture: the next one switches it off. */
static void test_one_that_was_left_on(void **state)
{
	struct dbx_capture c = all_denied(), now;
	struct dbx_dp *dp = begin(&drop_all);
	struct dbx_dp_state st;
	uint32_t zero = 0;
	int fd;

	(void)state;
	ops->close(&dp);
	fd = bpf_obj_get(PINS "/map_capture_on");
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &zero, &c, BPF_ANY), 0);
	assert_true(nsbox_no_ping("w1", 1)); /* no reader: no harm */
	assert_ok(ops->open(&dp, &opts, &st, &err));
	assert_true(st.adopted);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &now), 0);
	assert_int_equal(now.until_ns, 0);
	close(fd);
	ops->close(&dp);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_denied_packet),
		T(test_filters),
		T(test_what_passes_is_copied_when_asked_for),
		T(test_no_more_bytes_than_asked_for),
		T(test_the_rate_and_its_sum),
		T(test_a_buffer_that_is_full),
		T(test_another_program_ends_it),
		T(test_one_that_was_left_on),
	};

	if (box_enter())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
