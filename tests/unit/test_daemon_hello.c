// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_hello.c -- flows that the daemon judges: a request in every cut, order and overlap; who is
 * allowed, who is refused and why; what the flow and the log are told.
 */
#include "unit/hellocase.h"

/* The flow of `stream`: allowed up to its head, with a cut at each of these ends that lie in it. */
static void check_allowed(const char *stream, size_t n_head, uint32_t n_body, const size_t *ends,
			  size_t n_ends)
{
	struct dbx_flow v = flow();
	size_t n_cuts = 0;

	assert_int_equal(v.state, DBX_FLOW_ALLOWED);
	assert_int_equal(v.reason, 0);
	assert_int_equal(v.flags, 0);
	assert_int_equal(v.n_hello, n_head);
	assert_int_equal(v.n_seen, n_head);
	assert_int_equal(v.n_body, n_body);
	assert_int_equal(v.isn, ISN);
	assert_int_equal(v.workspace_id, WS);
	assert_true(v.rule_uid == RULE);
	assert_true(v.name == dbx_namer_hash(namer, "good.test"));
	for (size_t i = 0; i <= n_ends; i++) {
		size_t at = i < n_ends && ends[i] < n_head ? ends[i] : n_head;
		struct dbx_hash want = hash_of(stream, at);

		assert_true(n_cuts < v.n_cuts);
		assert_int_equal(v.cuts[n_cuts].end, at);
		assert_memory_equal(&v.cuts[n_cuts].hash, &want, sizeof(want));
		n_cuts++;
		if (at == n_head)
			break;
	}
	assert_int_equal(v.n_cuts, n_cuts);
	assert_int_equal(n_told, 0);
}

static void check_waits(void)
{
	assert_int_equal(flow().state, DBX_FLOW_HELLO);
	assert_int_equal(n_told, 0);
}

/* ---- requests, cut ---- */

static const char stream[] = HEAD BODY NEXT;
#define N_HEAD   (sizeof(HEAD) - 1)
#define N_BODY   (sizeof(BODY) - 1)
#define N_STREAM (sizeof(stream) - 1)

/* One segment: the head alone, the head with a part of the body, with all of it, with more. */
static void test_one_segment(void **state)
{
	uint64_t n = 0;

	(void)state;
	for (size_t len = 1; len <= N_STREAM; len++) {
		open_flow("np-a", DBX_NAME_PORT_HTTP);
		give(0, stream, len);
		if (len < N_HEAD) {
			check_waits();
		} else {
			check_allowed(stream, N_HEAD, N_BODY, &len, 1);
			n++;
		}
		close_flow();
	}
	assert_true(hits("np-a", "good.test", "192.0.2.1") == n);
}

static void test_each_cut(void **state)
{
	uint64_t n = 0;

	(void)state;
	for (size_t a = 1; a < N_STREAM; a++) {
		for (size_t b = a + 1; b <= N_STREAM; b++) {
			size_t ends[] = {a, b, N_STREAM};

			open_flow("np-a", DBX_NAME_PORT_HTTP);
			for (size_t i = 0, at = 0; i < 3 && at < N_STREAM; at = ends[i++]) {
				if (at < N_HEAD)
					check_waits();
				give((uint32_t)at, stream + at, ends[i] - at);
			}
			check_allowed(stream, N_HEAD, N_BODY, ends, 3);
			close_flow();
			n++;
		}
	}
	assert_true(hits("np-a", "good.test", "192.0.2.1") == n);
}

/* Three segments in every order, each twice: what has a gap in front of it is taken when it comes again. */
static void test_each_order(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					{1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (size_t a = 1; a < N_HEAD; a += 3) {
		for (size_t b = a + 1; b < N_HEAD; b += 2) {
			const size_t ends[] = {0, a, b, N_HEAD};

			for (size_t o = 0; o < 6; o++) {
				open_flow("np-a", DBX_NAME_PORT_HTTP);
				for (int i = 0; i < 9 && flow().state == DBX_FLOW_HELLO; i++) {
					int s = orders[o][i % 3];

					give((uint32_t)ends[s], stream + ends[s],
					     ends[s + 1] - ends[s]);
				}
				check_allowed(stream, N_HEAD, N_BODY, ends + 1, 3);
				close_flow();
			}
		}
	}
}

/* Segments that overlap count by what they add; what the first said stays. */
static void test_overlap(void **state)
{
	size_t ends[] = {10, 30, N_HEAD};
	char other[N_STREAM];

	(void)state;
	memset(other, 'x', sizeof(other));
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	give(0, stream, 10);
	give(0, other, 10);            /* a repetition, other bytes: the kernel refuses those */
	give(4, stream + 4, 26);       /* adds 20 */
	give(12, stream + 12, 5);      /* within */
	give(0xfffffff0u, stream, 20); /* in front of the beginning */
	give(31, stream + 31, 10);     /* a gap */
	check_waits();
	memcpy(other + 20, stream + 30, N_HEAD - 30);
	give(10, other, 20 + N_HEAD - 30);
	check_allowed(stream, N_HEAD, N_BODY, ends, 3);
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	for (uint32_t i = 0; i < DBX_HELLO_CUTS - 1; i++) {
		give(i, stream + i, 1);
		check_waits();
	}
	give(DBX_HELLO_CUTS - 1, stream + DBX_HELLO_CUTS - 1, 1); /* the last that is looked at */
	assert_int_equal(flow().state, DBX_FLOW_DENIED);
	assert_int_equal(flow().reason, DBX_REASON_HELLO_TOO_LONG);
	assert_int_equal(n_told, 1);
}

static void test_as_many_cuts_as_there_are(void **state)
{
	size_t ends[DBX_HELLO_CUTS];

	(void)state;
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	for (size_t i = 0; i < DBX_HELLO_CUTS; i++) {
		size_t at = i ? ends[i - 1] : 0;

		ends[i] = i == DBX_HELLO_CUTS - 1 ? N_HEAD : i + 1;
		check_waits();
		give((uint32_t)at, stream + at, ends[i] - at);
	}
	check_allowed(stream, N_HEAD, N_BODY, ends, DBX_HELLO_CUTS);
}

/* Heads around the longest that is looked at; n counts all of it. */
static void give_long(size_t n)
{
	static char head[8192];
	size_t fixed = (size_t)sprintf(head, "GET / HTTP/1.1\r\nHost: good.test\r\nX: ");

	open_flow("np-a", DBX_NAME_PORT_HTTP);
	memset(head + fixed, 'x', n - fixed - 4);
	memcpy(head + n - 4, "\r\n\r\n", 4);
	for (size_t at = 0; at < n && flow().state == DBX_FLOW_HELLO; at += 1448)
		give((uint32_t)at, head + at, n - at < 1448 ? n - at : 1448);
}

static void test_long_heads(void **state)
{
	(void)state;
	for (size_t n = DBX_HELLO_BYTES - 3; n <= DBX_HELLO_BYTES; n++) {
		give_long(n);
		assert_int_equal(flow().state, DBX_FLOW_ALLOWED);
		assert_int_equal(flow().n_hello, n);
		assert_int_equal(flow().n_body, 0);
		close_flow();
	}
	for (size_t n = DBX_HELLO_BYTES + 1; n < DBX_HELLO_BYTES + 8; n++) {
		give_long(n);
		assert_int_equal(flow().state, DBX_FLOW_DENIED);
		assert_int_equal(flow().reason, DBX_REASON_HELLO_TOO_LONG);
		close_flow();
	}
}

/* ---- verdicts ---- */

#define GET(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"

static void test_refusals(void **state)
{
	static const struct {
		const char *text;
		enum dbx_reason reason;
		const char *name; /* as told */
	} cases[] = {
		{GET("Other.Test"), DBX_REASON_NAME_MISMATCH, "Other.Test"},
		{GET("also.test"), DBX_REASON_NAME_MISMATCH, "also.test"}, /* not at this address */
		{GET("x.good.test"), DBX_REASON_NAME_MISMATCH, "x.good.test"},
		{GET("good.test:x"), DBX_REASON_NOT_HTTP, "good.test:x"},
		{GET("192.0.2.1"), DBX_REASON_NAME_MISSING, "192.0.2.1"},
		{GET("[2001:db8::1]"), DBX_REASON_NAME_MISSING, "[2001:db8::1]"},
		{GET("localhost"), DBX_REASON_NAME_MISSING, "localhost"},
		{GET(""), DBX_REASON_NAME_MISSING, ""},
		{GET("good.test\r\nHost: good.test"), DBX_REASON_NOT_HTTP, "good.test"},
		{GET("good.test\r\nTransfer-Encoding: chunked"), DBX_REASON_NOT_HTTP, "good.test"},
		{"GET http://other.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n", DBX_REASON_NOT_HTTP,
		 "good.test"},
		{"CONNECT good.test:80 HTTP/1.1\r\nHost: good.test\r\n\r\n", DBX_REASON_NOT_HTTP,
		 ""},
		{"\x16\x03\x01\x02", DBX_REASON_NOT_HTTP, ""}, /* TLS where HTTP is expected */
		{"SSH-2.0-x\r\n\r\n", DBX_REASON_NOT_HTTP, ""},
		{"\r\n", DBX_REASON_NOT_HTTP, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct dbx_flow *v;
		struct dbx_flow f;

		n_told = 0;
		open_flow("np-a", DBX_NAME_PORT_HTTP);
		give(0, cases[i].text, strlen(cases[i].text));
		f = flow();
		v = &f;
		if (v->state != DBX_FLOW_DENIED || v->reason != cases[i].reason)
			fail_msg("%s: state %u, reason %u", cases[i].text, v->state, v->reason);
		assert_true(!v->name && !v->rule_uid && !v->n_hello && !v->n_cuts);
		assert_int_equal(n_told, 1);
		assert_int_equal(last.event.reason, cases[i].reason);
		assert_int_equal(last.event.verdict, DBX_VERDICT_DROP);
		assert_true(last.event.rule_uid == 0);
		assert_int_equal(last.seq, ISN); /* the server has nothing yet */
		if (last.n_name != strlen(cases[i].name) ||
		    memcmp(last.name, cases[i].name, last.n_name))
			fail_msg("%s: told %.*s", cases[i].text, last.n_name, (char *)last.name);
		close_flow();
	}
	assert_true(hits("np-a", "good.test", "192.0.2.1") == 0);
}

static void test_dry_run(void **state)
{
	static const char text[] = GET("other.test");

	(void)state;
	settle("np-dry");
	learn("np-dry", "good.test", "192.0.2.1");
	for (int dry = 0; dry < 2; dry++) {
		n_told = 0;
		open_flow("np-dry", DBX_NAME_PORT_HTTP);
		event.event.product = dry ? DBX_PRODUCT_DBSQL : DBX_PRODUCT_ML_SERVING;
		give(0, text, sizeof(text) - 1);
		assert_int_equal(flow().state, dry ? DBX_FLOW_ALLOWED : DBX_FLOW_DENIED);
		assert_int_equal(flow().flags, dry ? DBX_FLOW_F_DRY_RUN : 0);
		assert_int_equal(flow().reason, DBX_REASON_NAME_MISMATCH);
		assert_int_equal(n_told, 1);
		assert_int_equal(last.event.verdict, dry ? DBX_VERDICT_DRY_RUN : DBX_VERDICT_DROP);
		close_flow();
	}
	assert_true(hits("np-dry", "good.test", "192.0.2.1") == 0);
}

/* The binding decides by its time, and it may be gone. */
static void test_binding(void **state)
{
	static const char text[] = GET("good.test");
	struct dbx_bound_key k;
	struct dbx_bound b;
	struct dbx_addr a;

	(void)state;
	assert_int_equal(dbx_addr_parse("192.0.2.1", &a), 0);
	dbx_namer_key(dbx_policy_uid("np-a"), &a, dbx_namer_hash(namer, "good.test"), &k);
	assert_int_equal(dbx_dp_mem.bound_get(dp, &k, &b), 0);
	b.expires_ns = dbx_namer_now();
	assert_int_equal(dbx_dp_mem.learn(dp, &k, &b), 0);
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	give(0, text, sizeof(text) - 1);
	assert_int_equal(flow().reason, DBX_REASON_NAME_MISMATCH);
	close_flow();
	dbx_dp_mem.unlearn(dp, &k);
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	give(0, text, sizeof(text) - 1);
	assert_int_equal(flow().reason, DBX_REASON_NAME_MISMATCH);
}

/* The packet was of the policy before; the name is the next one's by now, and so the flow becomes. */
static void test_policies_change(void **state)
{
	static const char text[] = GET("good.test");
	struct dbx_flow v;

	(void)state;
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	give(0, text, 20);
	settle("np-b");
	give(20, text + 20, sizeof(text) - 21);
	v = flow();
	assert_int_equal(v.state, DBX_FLOW_ALLOWED);
	assert_true(v.policy_uid[0] == dbx_policy_uid("np-b"));
	assert_true(hits("np-b", "good.test", "192.0.2.1") == 1);
}

/* Another flow in the same place, begun anew: nothing of the one before is mixed in. */
static void test_restart(void **state)
{
	static const char text[] = GET("good.test");
	size_t n = sizeof(text) - 1;

	(void)state;
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	give(0, text, 10);
	event.start_ns++;
	give(10, text + 10, n - 10);
	check_waits();
	event.start_ns--;
	give(10, text + 10, n - 10);
	check_allowed(text, n, 0, (size_t[]){10}, 1);
}

/* What is decided twice, since it was repeated before the answer, changes nothing and is not counted. */
static void test_repeated_before_the_answer(void **state)
{
	static const char good[] = GET("good.test"), bad[] = GET("other.test");

	(void)state;
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	give(0, good, sizeof(good) - 1);
	give(0, good, sizeof(good) - 1);
	check_allowed(good, sizeof(good) - 1, 0, NULL, 0);
	assert_true(hits("np-a", "good.test", "192.0.2.1") == 1);
	give(0, bad, sizeof(bad) - 1); /* two stories: it was held, so the other one has not left */
	assert_int_equal(flow().state, DBX_FLOW_DENIED);
	close_flow();
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	give(0, bad, sizeof(bad) - 1);
	give(0, good, sizeof(good) - 1);
	assert_int_equal(flow().state, DBX_FLOW_DENIED);
}

/* ---- many at a time ---- */

/* More flows wait than are kept: the oldest gives way, and its client begins anew. */
static void test_many_wait(void **state)
{
	static const char text[] = GET("good.test");
	size_t n = sizeof(text) - 1;

	(void)state;
	open_flow("np-a", DBX_NAME_PORT_HTTP);
	for (uint64_t i = 0; i <= 1024; i++) {
		event.start_ns = START_NS + i;
		give(0, text, 10);
	}
	event.start_ns = START_NS; /* pushed out */
	give(10, text + 10, n - 10);
	check_waits();
	give(0, text, 10);
	give(10, text + 10, n - 10);
	check_allowed(text, n, 0, (size_t[]){10}, 1);
	dbx_hellos_sweep(hellos); /* none of them is old */
}

static void test_counters(void **state)
{
	static const char good[] = GET("good.test"), bad[] = GET("other.test");
	uint64_t n[4];

	(void)state;
	for (int i = 0; i < 5; i++) {
		open_flow("np-a", DBX_NAME_PORT_HTTP);
		if (i < 3)
			give(0, good, sizeof(good) - 1);
		else
			give(0, bad, sizeof(bad) - 1);
		close_flow();
	}
	open_flow("np-a", DBX_NAME_PORT_QUIC);
	give(0, "\x40 no Initial", 12);
	assert_int_equal(flow().state, DBX_FLOW_DENIED);
	assert_int_equal(flow().reason, DBX_REASON_QUIC_REFUSED);
	dbx_hellos_stats(hellos, &n[0], &n[1], &n[2], &n[3]);
	assert_int_equal(n[0], 3);
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 0);
	assert_int_equal(n[3], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_one_segment),
		T(test_each_cut),
		T(test_each_order),
		T(test_overlap),
		T(test_byte_by_byte),
		T(test_as_many_cuts_as_there_are),
		T(test_long_heads),
		T(test_refusals),
		T(test_dry_run),
		T(test_binding),
		T(test_policies_change),
		T(test_restart),
		T(test_repeated_before_the_answer),
		T(test_many_wait),
		T(test_counters),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
