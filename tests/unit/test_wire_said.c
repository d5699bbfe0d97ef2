// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_wire_said.c -- what a flow says of its name and what becomes of it: streams that wait, segments in
 * any order, the name looked up, dry-run. The same over a data plane: test_daemon_hello.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "wire/said.h"

#define ISN 0xfffffff0u /* wraps within the head */
static const struct dbx_secret secret = {{1, 2}};
static const char head[] = "GET / HTTP/1.1\r\nHost: Good.Test.\r\n\r\n";
#define N_HEAD (sizeof(head) - 1)

static struct dbx_name_event event(uint64_t start_ns, uint16_t sport, size_t at, size_t n)
{
	struct dbx_name_event e;

	memset(&e, 0, sizeof(e));
	e.key.sport = sport;
	e.start_ns = start_ns;
	e.kind = DBX_NAME_PORT_HTTP;
	e.isn = ISN;
	e.seq = ISN + (uint32_t)at;
	e.n_payload = (uint16_t)n;
	memcpy(e.payload, head + at, n);
	return e;
}

static void test_streams(void **state)
{
	static struct dbx_streams s;
	struct dbx_name_event a = event(1, 1, 0, 0), b = event(2, 1, 0, 0);
	struct dbx_stream **w = dbx_streams_find(&s, &a, 5), *first = *w;

	(void)state;
	assert_ptr_equal(dbx_streams_find(&s, &a, 6), w);
	assert_ptr_not_equal(dbx_streams_find(&s, &b, 6), w); /* begun anew: another flow */
	for (uint16_t i = 2; i < DBX_STREAMS_MAX; i++) {
		struct dbx_name_event e = event(1, i, 0, 0);

		assert_non_null(*dbx_streams_find(&s, &e, 7));
	}
	assert_ptr_equal(dbx_streams_find(&s, &a, 8), w);
	assert_ptr_equal(*w, first);
	a.key.sport = 9999; /* one too many: the oldest gives way */
	assert_ptr_equal(dbx_streams_find(&s, &a, 8), w);
	assert_int_equal((*w)->key.sport, 9999);
	dbx_streams_sweep(&s, 18, 11);
	for (size_t i = 0; i < DBX_STREAMS_MAX; i++)
		assert_true(!s.v[i] || s.v[i]->since_ns >= 7);
	dbx_streams_fini(&s);
	for (size_t i = 0; i < DBX_STREAMS_MAX; i++)
		assert_null(s.v[i]);
}

/* Every way to cut the head in two, and its parts given twice and out of order. */
static void test_http_cut(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < N_HEAD; cut++) {
		struct dbx_stream w = {.n = 0};
		struct dbx_read_name f = {.reason = 0};
		struct dbx_name_event one = event(1, 1, 0, cut);
		struct dbx_name_event two = event(1, 1, cut, N_HEAD - cut);

		assert_false(dbx_said_http(&w, &two, &secret, &f)); /* ahead: not taken */
		assert_int_equal(w.n, 0);
		assert_false(dbx_said_http(&w, &one, &secret, &f));
		assert_false(dbx_said_http(&w, &one, &secret, &f));
		assert_true(dbx_said_http(&w, &two, &secret, &f));
		assert_int_equal(f.reason, 0);
		assert_int_equal(f.n_hello, N_HEAD);
		assert_true(f.name == dbx_said_hash(&secret, "good.test"));
		assert_int_equal(w.n_cuts, 2);
	}
}

static void test_http_refused(void **state)
{
	struct dbx_stream w = {.n = 0};
	struct dbx_read_name f = {.reason = 0};
	struct dbx_name_event e = event(1, 1, 0, N_HEAD);

	(void)state;
	memset(e.payload, 0, N_HEAD);
	assert_true(dbx_said_http(&w, &e, &secret, &f));
	assert_int_equal(f.reason, DBX_REASON_NOT_HTTP);
	w = (struct dbx_stream){.n = 0};
	f = (struct dbx_read_name){.reason = 0};
	for (size_t i = 0; i < DBX_HELLO_CUTS; i++) {
		e = event(1, 1, i, 1);
		assert_int_equal(dbx_said_http(&w, &e, &secret, &f), i + 1 == DBX_HELLO_CUTS);
	}
	assert_int_equal(f.reason, DBX_REASON_HELLO_TOO_LONG);
}

static void test_look_up(void **state)
{
	struct dbx_name_event e = event(1, 1, 0, 0);
	struct dbx_bound b = {.expires_ns = 10, .rule_uid = 7};
	struct dbx_read_name f = {.reason = 0};

	(void)state;
	dbx_said_look_up(&f, &e, &b, 9);
	assert_int_equal(f.reason, 0);
	assert_int_equal(f.rule_uid, 7);
	f.rule_uid = 0;
	dbx_said_look_up(&f, &e, &b, 10); /* expired */
	assert_int_equal(f.reason, DBX_REASON_NAME_MISMATCH);
	assert_int_equal(f.rule_uid, 0);
	assert_false(dbx_said_is_hard(&f, &e));
	f.reason = 0;
	b.flags = DBX_BOUND_F_PRIVATE;
	dbx_said_look_up(&f, &e, &b, 9);
	assert_int_equal(f.reason, DBX_REASON_PRIVATE_REQUIRED);
	assert_true(dbx_said_is_hard(&f, &e));
	f.reason = 0;
	e.event.flags =
		DBX_EVENT_F_GUARDED; /* only looked at for the guard: another name may pass */
	dbx_said_look_up(&f, &e, NULL, 9);
	assert_int_equal(f.reason, 0);
	f.reason = DBX_REASON_NOT_HTTP; /* stays */
	dbx_said_look_up(&f, &e, NULL, 9);
	assert_int_equal(f.reason, DBX_REASON_NOT_HTTP);
	assert_true(dbx_said_is_hard(&f, &e));
}

static void test_flow(void **state)
{
	struct dbx_name_event e = event(3, 1, 0, N_HEAD);
	struct dbx_read_name f = {.reason = DBX_REASON_NAME_MISMATCH};
	struct dbx_stream w = {.n = 0};
	struct dbx_flow v = {.state = 0};

	(void)state;
	e.event.workspace_id = 5;
	dbx_said_flow(&f, &e, NULL, &secret, false, &v);
	assert_int_equal(v.state, DBX_FLOW_DENIED);
	assert_int_equal(v.reason, DBX_REASON_NAME_MISMATCH);
	assert_int_equal(v.workspace_id, 5);
	assert_true(v.start_ns == 3 && v.isn == ISN && v.kind == DBX_NAME_PORT_HTTP);
	dbx_said_flow(&f, &e, NULL, &secret, true, &v);
	assert_int_equal(v.state, DBX_FLOW_ALLOWED);
	assert_int_equal(v.flags, DBX_FLOW_F_DRY_RUN);
	assert_int_equal(v.n_hello, 0);
	f = (struct dbx_read_name){.rule_uid = 7};
	v = (struct dbx_flow){.state = 0};
	assert_true(dbx_said_http(&w, &e, &secret, &f));
	dbx_said_flow(&f, &e, &w, &secret, false, &v);
	assert_int_equal(v.state, DBX_FLOW_ALLOWED);
	assert_true(v.rule_uid == 7 && v.name == f.name);
	assert_int_equal(v.n_hello, N_HEAD);
	assert_int_equal(v.n_cuts, 1);
	assert_int_equal(v.cuts[0].end, N_HEAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),      cmocka_unit_test(test_http_cut),
		cmocka_unit_test(test_http_refused), cmocka_unit_test(test_look_up),
		cmocka_unit_test(test_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
