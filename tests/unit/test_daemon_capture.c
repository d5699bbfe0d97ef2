// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_capture.c -- the parameters of GET capture, who may ask for it, and the data plane in
 * memory under it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbox.h"
#include "daemon/capture.h"

static bool has_reason(const struct dbx_capture *c, enum dbx_reason r)
{
	return c->reasons[r / 64] >> r % 64 & 1;
}

static void test_defaults(void **state)
{
	struct dbx_capture_want w;
	struct dbx_fail f;

	(void)state;
	assert_int_equal(dbx_capture_parse(NULL, &w, &f), 0);
	assert_true(w.packets == 1000 && w.seconds == 60 && w.bytes == 64u << 20);
	assert_int_equal(w.filter.verdicts, 1u << DBX_VERDICT_DROP | 1u << DBX_VERDICT_DRY_RUN);
	for (int i = 0; i < DBX_REASON_MAX; i++)
		assert_int_equal(has_reason(&w.filter, (enum dbx_reason)i),
				 i != DBX_REASON_HELLO_HELD);
	assert_int_equal(w.filter.until_ns, 0);
	assert_int_equal(w.filter.flags, 0);
	assert_int_equal(w.filter.snap_bytes, DBX_CAPTURE_SNAP_MAX);
	assert_int_equal(w.filter.per_s, 1000);
}

static void test_all_parameters(void **state)
{
	struct dbx_capture_want w;
	struct dbx_fail f;
	const struct dbx_capture *c = &w.filter;

	(void)state;
	assert_int_equal(
		dbx_capture_parse(
			"packets=5&seconds=7&bytes=900&snap=64&rate=3&workspace=1001&proto="
			"6&port=443&verdict=pass,drop&reason=hello-held,no-match&dst="
			"192.0.2.77/26",
			&w, &f),
		0);
	assert_true(w.packets == 5 && w.seconds == 7 && w.bytes == 900);
	assert_true(c->snap_bytes == 64 && c->per_s == 3 && c->workspace_id == 1001);
	assert_true(c->proto == 6 && c->dport == 443);
	assert_int_equal(c->flags, DBX_CAPTURE_F_DST | DBX_CAPTURE_F_PROTO | DBX_CAPTURE_F_DPORT);
	assert_int_equal(c->verdicts, 1u << DBX_VERDICT_DROP | 1u << DBX_VERDICT_PASS);
	assert_true(has_reason(c, DBX_REASON_HELLO_HELD) && has_reason(c, DBX_REASON_NO_MATCH));
	assert_false(has_reason(c, DBX_REASON_BLOCKED));
	assert_int_equal(c->dst[0], 0xc0000240);
	assert_int_equal(c->mask[0], 0xffffffc0);
	assert_true(!c->mask[1] && !c->mask[3]);
	assert_int_equal(dbx_capture_parse("dst=2001:db8::1&verdict=ALL", &w, &f), 0);
	assert_int_equal(c->flags, DBX_CAPTURE_F_DST | DBX_CAPTURE_F_IPV6);
	assert_int_equal(c->dst[0], 0x20010db8);
	assert_int_equal(c->dst[3], 1);
	assert_true(c->mask[0] == 0xffffffff && c->mask[3] == 0xffffffff);
	assert_int_equal(c->verdicts, 7);
	assert_int_equal(dbx_capture_parse("dst=0.0.0.0/0", &w, &f), 0);
	assert_true(c->mask[0] == 0 && (c->flags & DBX_CAPTURE_F_DST));
}

static void test_what_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{"packets=0", "packets is a number from 1 to 10000000"},
		{"packets=10000001", "packets is"},
		{"packets=x", "packets is"},
		{"packets=-1", "packets is"},
		{"packets=18446744073709551617", "packets is"},
		{"seconds=86401", "seconds is a number from 1 to 86400"},
		{"bytes=0", "bytes is"},
		{"snap=13", "snap is a number from 14 to 9216"},
		{"snap=9217", "snap is"},
		{"rate=0", "rate is"},
		{"workspace=0", "workspace is"},
		{"proto=256", "proto is"},
		{"port=65536", "port is"},
		{"verdict=", "verdict is DROP, DRY_RUN_DENIAL, PASS or ALL"},
		{"verdict=DROP,", "verdict is"},
		{"reason=no-match,no-mach", "reason is"},
		{"dst=example.com", "dst is an address or a prefix"},
		{"dst=10.0.0.0/33", "dst is"},
		{"packets=1&dst=x&rate=0", "rate is"},
	};
	struct dbx_capture_want w;
	struct dbx_fail f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f.text[0] = '\0';
		assert_int_equal(dbx_capture_parse(bad[i][0], &w, &f), -EINVAL);
		assert_int_equal(f.kind, DBX_FAIL_INVALID);
		if (strncmp(f.text, bad[i][1], strlen(bad[i][1])) != 0)
			fail_msg("%s: %s", bad[i][0], f.text);
	}
}

/* Packets are for root: who may read counters may not read payloads. */
static void test_who_may(void **state)
{
	struct dbx_request req = {.method = DBX_GET,
				  .path = DBOX_OURS "/capture",
				  .query = "packets=2",
				  .body = "",
				  .may_read = true};
	struct dbx_reply reply;
	struct dbox b;

	(void)state;
	dbox_open(&b);
	assert_int_equal(dbox_call_as(&b, true, false, DBX_GET, DBOX_OURS "/capture", NULL), 403);
	assert_string_equal(dbox_get(&b, "error_code"), "PERMISSION_DENIED");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/capture?packets=0", NULL), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/capture", "{}"), 405);
	req.may_write = true;
	dbx_reply_init(&reply);
	dbx_api_handle(&b.d, &req, &reply);
	assert_true(reply.is_stream);
	assert_non_null(reply.capture);
	assert_int_equal(reply.capture->packets, 2);
	dbx_reply_fini(&reply);
	dbox_close(&b);
}

struct got {
	unsigned int n;
	size_t n_bytes;
	struct dbx_event event;
};

static void take(void *arg, const struct dbx_event *e, const uint8_t *frame, size_t n_bytes)
{
	struct got *g = arg;

	assert_memory_equal(frame, "0123456789", n_bytes < 10 ? n_bytes : 10);
	g->n++;
	g->n_bytes = n_bytes;
	g->event = *e;
}

static void test_the_data_plane_in_memory(void **state)
{
	struct dbx_event e = {.reason = DBX_REASON_NO_MATCH, .workspace_id = 5, .frame_bytes = 10};
	const struct dbx_dp_ops *ops = &dbx_dp_mem;
	struct dbx_capture_want w;
	struct dbx_dp_error err = {""};
	struct dbx_dp_loss loss;
	struct dbx_fail f;
	struct got g = {.n = 0};
	struct dbox b;
	struct dbx_dp *dp;

	(void)state;
	dbox_open(&b);
	dp = b.d.core.dp;
	assert_int_equal(dbx_capture_parse("workspace=5&snap=14", &w, &f), 0);
	w.filter.until_ns = 1;
	w.filter.snap_bytes = 8;
	dbx_dp_mem_sample(&e, "0123456789", 10); /* before it began */
	dbx_dp_mem_fail(DBX_DP_MEM_CAPTURE, 1, -EPERM);
	assert_int_equal(ops->capture_start(dp, &w.filter, &err), -EPERM);
	assert_int_equal(ops->capture_start(dp, &w.filter, &err), 0);
	assert_int_equal(ops->capture_start(dp, &w.filter, &err), -EBUSY);
	assert_int_equal(dbx_dp_mem_capture()->workspace_id, 5);
	e.workspace_id = 6;
	dbx_dp_mem_sample(&e, "0123456789", 10);
	e.workspace_id = 5;
	for (int i = 0; i < 70; i++)
		dbx_dp_mem_sample(&e, "0123456789", 10);
	assert_int_equal(ops->capture_poll(dp, take, &g), 0);
	assert_true(g.n == 64 && g.n_bytes == 8 && g.event.workspace_id == 5);
	assert_int_equal(ops->capture_loss(dp, &loss), 0);
	assert_int_equal(loss.lost, 6);
	dbx_dp_mem_capture_end();
	assert_int_equal(ops->capture_poll(dp, take, &g), -ENODEV);
	ops->capture_stop(dp);
	assert_null(dbx_dp_mem_capture());
	assert_int_equal(ops->capture_fd(dp), -1);
	dbox_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_parameters),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_who_may),
		cmocka_unit_test(test_the_data_plane_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
