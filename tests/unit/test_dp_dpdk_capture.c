// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_dpdk_capture.c -- captures through the driver of dbx-egress-dpdk: samples as they came, and a
 * process that sends what is none, or leaves.
 */
#include "dpdkcase.h"

static const struct dbx_capture want = {
	.until_ns = ~0ull, .verdicts = 1, .snap_bytes = 100, .per_s = 7};

/* ---- samples ---- */

static struct {
	size_t n, n_bytes;
	struct dbx_event event;
	uint8_t frame[DBX_CAPTURE_SNAP_MAX + 4];
} got;

static void take(void *arg, const struct dbx_event *e, const uint8_t *frame, size_t n_bytes)
{
	assert_ptr_equal(arg, &got);
	assert_true(n_bytes <= sizeof(got.frame));
	got.n++;
	got.n_bytes = n_bytes;
	got.event = *e;
	memcpy(got.frame, frame, n_bytes);
}

static uint8_t message[DBX_WIRE_MAX];
static size_t n_message;

static struct dbx_sample *add(uint32_t n_bytes, uint32_t flags)
{
	struct dbx_sample *s = (struct dbx_sample *)(message + n_message);

	memset(s, 0, DBX_WIRE_SAMPLE_BYTES(n_bytes));
	s->n_bytes = n_bytes;
	s->flags = flags;
	s->event.frame_bytes = n_bytes;
	for (uint32_t i = 0; i < n_bytes; i++)
		((uint8_t *)(s + 1))[i] = (uint8_t)i;
	n_message += DBX_WIRE_SAMPLE_BYTES(n_bytes);
	return s;
}

static void send_it(enum dbx_wire_type type, uint32_t n_fake)
{
	fakedpdk_event(&fake, DBX_WIRE_ROLE_SAMPLES, type, message, n_message, n_fake);
	n_message = 0;
}

/* What poll returns when something is there: a message, or the end. */
static int await(void)
{
	struct pollfd p = {ops->capture_fd(dp), POLLIN, 0};

	assert_int_equal(poll(&p, 1, 20000), 1);
	return ops->capture_poll(dp, take, &got);
}

static void begin(void)
{
	memset(&got, 0, sizeof(got));
	n_message = 0;
	assert_int_equal(ops->capture_start(dp, &want, &err), 0);
	assert_true(ops->capture_fd(dp) >= 0);
}

static void must_be_off(void)
{
	must_lose_role(DBX_WIRE_ROLE_SAMPLES);
	assert_int_equal(ops->capture_fd(dp), -1);
}

static void test_a_capture(void **state)
{
	struct dbx_dp_loss loss = {9, 9};

	(void)state;
	assert_int_equal(ops->capture_fd(dp), -1);
	assert_int_equal(ops->capture_poll(dp, take, &got), 0);
	assert_int_equal(ops->capture_loss(dp, &loss), 0);
	assert_true(loss.limited == 0 && loss.lost == 0);
	begin();
	assert_memory_equal(&fake.capture, &want, sizeof(want));
	assert_int_equal(ops->capture_start(dp, &want, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another one is running"));
	assert_int_equal(ops->capture_poll(dp, take, &got), 0);
	assert_int_equal(got.n, 0);
	add(60, 0);
	add(0, 0);
	add(61, 0)->event.reason = 5;
	send_it(DBX_WIRE_SAMPLE, 0);
	assert_int_equal(await(), 0);
	assert_int_equal(got.n, 3);
	assert_int_equal(got.n_bytes, 61);
	assert_int_equal(got.event.reason, 5);
	assert_int_equal(got.frame[60], 60);
	assert_int_equal(ops->capture_loss(dp, &loss), 0);
	assert_true(loss.limited == 3 && loss.lost == 4);
	ops->capture_stop(dp);
	assert_int_equal(fake.capture.until_ns, 0);
	must_be_off();
	assert_int_equal(ops->capture_poll(dp, take, &got), 0);
	begin();
	ops->capture_stop(dp);
	must_be_off();
}

/* As the packet came: without the tag that only the companion was to see. */
static void test_a_sealed_packet(void **state)
{
	(void)state;
	begin();
	add(64, DBX_SAMPLE_F_SEALED);
	send_it(DBX_WIRE_SAMPLE, 0);
	assert_int_equal(await(), 0);
	assert_int_equal(got.n_bytes, 60);
	assert_int_equal(got.frame[11], 11);
	assert_int_equal(got.frame[12], 16);
	assert_int_equal(got.frame[59], 63);
	add(15, DBX_SAMPLE_F_SEALED); /* cut short of it */
	add(DBX_CAPTURE_SNAP_MAX + 4, DBX_SAMPLE_F_SEALED);
	send_it(DBX_WIRE_SAMPLE, 0);
	assert_int_equal(await(), 0);
	assert_int_equal(got.n, 3);
	assert_int_equal(got.n_bytes, DBX_CAPTURE_SNAP_MAX);
	ops->capture_stop(dp);
}

/* Whatever is wrong with a message ends the capture, and says nothing of any packet. */
static void test_what_is_no_sample(void **state)
{
	size_t before;

	(void)state;
	must_recover();
	before = n_fds();
	for (int i = 0; i < 9; i++) {
		begin();
		if (i != 1)
			add(60, 0);
		if (i == 0)
			n_message -= 1; /* torn */
		else if (i == 2)
			n_message += sizeof(struct dbx_sample) - 1; /* a piece of one behind it */
		else if (i == 3)
			add(10, 0)->n_bytes = 100;
		else if (i == 4)
			add(10, 0)->n_bytes = ~0u;
		else if (i == 5)
			add(DBX_CAPTURE_SNAP_MAX + 5, 0);
		for (int j = 0; i == 6 && j < (int)DBX_WIRE_BATCH; j++)
			add(1, 0);
		send_it(i == 7 ? DBX_WIRE_EVENT : DBX_WIRE_SAMPLE, i == 8 ? 30 : 0);
		assert_int_equal(await(), -ENODEV);
		assert_true(got.n == 0 || (i == 5 && got.n == 1));
		assert_int_equal(ops->capture_poll(dp, take, &got), -ENODEV);
		must_be_off();
		ops->capture_stop(dp);
		assert_int_equal(ops->capture_poll(dp, take, &got), 0);
	}
	must_have_fds(before);
}

static void test_the_process_leaves(void **state)
{
	size_t before;

	(void)state;
	must_recover();
	before = n_fds();
	begin();
	add(60, 0);
	send_it(DBX_WIRE_SAMPLE, 0);
	fakedpdk_kill(&fake);
	assert_int_equal(await(), -ENODEV);
	assert_int_equal(got.n, 1); /* what it said before */
	assert_int_equal(ops->capture_poll(dp, take, &got), -ENODEV);
	assert_int_equal(ops->capture_start(dp, &want, &err), -ENOTCONN);
	assert_int_equal(ops->capture_fd(dp), -1);
	fakedpdk_again(&fake);
	must_recover();
	assert_int_equal(fake.capture.until_ns, 0); /* it began for the former one */
	begin();
	assert_int_equal(fake.capture.per_s, want.per_s);
	ops->capture_stop(dp);
	must_be_off();
	must_have_fds(before);
}

static void test_it_is_refused(void **state)
{
	size_t before;

	(void)state;
	must_recover();
	before = n_fds();
	fake.refuse_type = DBX_WIRE_CAPTURE;
	fake.refuse = -ENOMEM;
	fake.refuse_text = "no memory \x1b[2J";
	assert_int_equal(ops->capture_start(dp, &want, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "no memory ?[2J"));
	must_be_off();
	for (int evil = FAKE_GOOD + 1; evil < FAKE_EVIL_MAX; evil++) {
		bool is_harmless = evil == FAKE_FDS || evil == FAKE_SHORT;

		must_recover();
		be_evil(DBX_WIRE_CAPTURE, (enum fake_evil)evil);
		assert_int_equal(ops->capture_start(dp, &want, &err), is_harmless ? 0 : -ENOTCONN);
		ops->capture_stop(dp);
		must_be_off();
	}
	must_recover();
	must_have_fds(before);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_capture),          T(test_a_sealed_packet), T(test_what_is_no_sample),
		T(test_the_process_leaves), T(test_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
