// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_flows.c -- TLS flows through the kernel program: hellos in every cut, allowed and denied.
 *
 * "The server" is an array of bytes that is filled from what passed; nothing else ever gets there.
 */
#include "flowcase.h"

/* ---- allowed, in every cut ---- */

static void test_whole(void **state)
{
	struct hello_opts o = {.sni = "Shop.EXAMPLE.com."};
	struct dbx_flow flow;
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	fresh();
	assert_reason(NAME_HANDSHAKE);
	assert_true(segment(&h, 0, h.n));
	assert_reason(LISTED_NAME);
	assert_true(f.res.rule_uid == FLOWRUN_RULE);
	assert_int_equal(f.res.path, DBX_PATH_NAT);
	assert_true(server_has(&h));
	assert_true(flowrun_get(&f, &flow));
	assert_int_equal(flow.state, DBX_FLOW_ALLOWED);
	assert_int_equal(flow.n_hello, h.n);
	/* the same again, and later data */
	assert_true(segment(&h, 0, h.n));
	answer(h.n, false);
	assert_true(segment(&h, 0, h.n));
	assert_true(flowrun_send(&f, ACK, (uint32_t)h.n, "later", 5));
	assert_reason(LISTED_NAME);
	assert_true(flowrun_send(&f, ACK | FIN, (uint32_t)h.n + 5, NULL, 0));
	assert_true(flowrun_send(&f, RST, (uint32_t)h.n + 5, NULL, 0));
	assert_true(flowrun_get(&f, &flow));
	assert_true(flow.flags & DBX_FLOW_F_CLOSING);
}

static void test_cut_at_every_offset(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 1216};
	struct hello h;
	size_t cut;

	(void)state;
	hello_make(&h, &o);
	for (cut = 1; cut < h.n; cut++)
		two_segments(&h, cut);
	o.record = 200;
	hello_make(&h, &o);
	for (cut = 1; cut < h.n; cut += 7)
		two_segments(&h, cut);
}

static void in_pieces(const struct hello *h, size_t n_pieces)
{
	size_t i;

	fresh();
	for (i = 0; i + 1 < n_pieces; i++) {
		assert_false(segment(h, h->n * i / n_pieces, h->n * (i + 1) / n_pieces));
		assert_held();
	}
	assert_int_equal(server_bytes(), 0);
	assert_true(segment(h, h->n * i / n_pieces, h->n));
	for (i = 0; i + 1 < n_pieces; i++)
		assert_true(segment(h, h->n * i / n_pieces, h->n * (i + 1) / n_pieces));
	assert_true(server_has(h));
}

static void test_in_up_to_16_pieces(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 1216};
	struct hello h;
	size_t n;

	(void)state;
	hello_make(&h, &o);
	for (n = 2; n <= DBX_HELLO_CUTS; n++)
		in_pieces(&h, n);
	/* repetitions that join pieces, as a sender may make them */
	in_pieces(&h, 4);
	assert_true(segment(&h, 0, h.n / 4 * 0 + h.n * 3 / 4));
	assert_true(segment(&h, h.n / 4, h.n));
	assert_true(segment(&h, 0, h.n));
	assert_false(segment(&h, 1, h.n));
	assert_reason(REPEAT_DIFFERS);
	assert_false(segment(&h, 0, h.n / 4 + 1));
	assert_reason(REPEAT_DIFFERS);
}

static void test_seventeen_pieces(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 1216};
	struct hello h;
	size_t i;

	(void)state;
	hello_make(&h, &o);
	fresh();
	for (i = 0; i < 16; i++) {
		assert_false(segment(&h, h.n * i / 17, h.n * (i + 1) / 17));
		assert_held();
	}
	assert_false(segment(&h, h.n * i / 17, h.n));
	assert_denied(HELLO_TOO_LONG);
	assert_int_equal(server_bytes(), 0);
}

static void test_record_fragments(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 100};
	struct hello h;

	(void)state;
	for (o.record = 1; o.record < 300; o.record += o.record < 20 ? 1 : 7) {
		hello_make(&h, &o);
		fresh();
		assert_true(segment(&h, 0, h.n));
		two_segments(&h, h.n / 2);
	}
}

static void test_out_of_order_and_lost(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 1216};
	struct hello h;
	size_t a, b;

	(void)state;
	hello_make(&h, &o);
	a = h.n / 3;
	b = h.n * 2 / 3;
	fresh();
	assert_false(segment(&h, b, h.n));
	assert_held();
	assert_false(segment(&h, 0, a));
	assert_false(segment(&h, 0, a));
	assert_held();
	assert_false(segment(&h, b, h.n));
	assert_held();
	assert_false(segment(&h, a, b));
	assert_held();
	assert_true(segment(&h, b, h.n));
	assert_true(segment(&h, a, b));
	assert_true(segment(&h, 0, a));
	assert_true(server_has(&h));
	/* joined: what was seen, and more */
	fresh();
	assert_false(segment(&h, 0, a));
	assert_false(segment(&h, 0, b));
	assert_held();
	assert_true(segment(&h, a, h.n));
	assert_true(segment(&h, 0, a));
	assert_true(server_has(&h));
}

/* ---- denied ---- */

static void raw(const char *text, size_t n, unsigned int reason)
{
	struct hello h;

	memcpy(h.b, text, n);
	h.n = n;
	denied_whole(&h, reason);
}

static void test_denied(void **state)
{
	(void)state;
	denied(&(struct hello_opts){.sni = EVIL}, DBX_REASON_NAME_MISMATCH);
	denied(&(struct hello_opts){.sni = "x." GOOD}, DBX_REASON_NAME_MISMATCH);
	denied(&(struct hello_opts){.sni = NULL}, DBX_REASON_NAME_MISSING);
	denied(&(struct hello_opts){.sni = "203.0.113.7"}, DBX_REASON_NAME_MISSING);
	denied(&(struct hello_opts){.sni = GOOD "\0.x", .n_sni = sizeof(GOOD) + 2},
	       DBX_REASON_NAME_MISSING);
	denied(&(struct hello_opts){.sni = GOOD, .second_sni = EVIL}, DBX_REASON_NOT_TLS);
	denied(&(struct hello_opts){.sni = GOOD, .padding = 5000, .record = 1000},
	       DBX_REASON_HELLO_TOO_LONG);
	raw("GET / HTTP/1.1\r\n", 16, DBX_REASON_NOT_TLS);
	raw("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", 11, DBX_REASON_NOT_TLS);
	raw("\x16\x03\x01\x00\x00\x16\x03\x01", 8, DBX_REASON_NOT_TLS);
	raw("\x17\x03\x03\x00\x20zzzzzz", 11, DBX_REASON_NOT_TLS);
}

static void test_ech(void **state)
{
	struct hello_opts o = {.sni = GOOD, .ech = true};
	struct flowrun_opts deny = tls;
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	fresh();
	assert_true(segment(&h, 0, h.n));
	deny.name_flags = DBX_NAMES_F_ECH_DENY;
	assert_int_equal(flowrun_image(&f, &deny, FLOWRUN_POLICY), 0);
	denied(&o, DBX_REASON_NAME_ENCRYPTED);
}

static void test_denied_in_pieces(void **state)
{
	struct hello_opts o = {.sni = EVIL, .padding = 1216};
	struct hello h;
	size_t cut;

	(void)state;
	hello_make(&h, &o);
	for (cut = 1; cut < h.n; cut += 13) {
		fresh();
		assert_false(segment(&h, 0, cut));
		assert_held();
		assert_false(segment(&h, cut, h.n));
		assert_denied(NAME_MISMATCH);
		assert_false(segment(&h, 0, cut));
		assert_int_equal(server_bytes(), 0);
	}
}

static void test_bindings(void **state)
{
	struct hello_opts o = {.sni = "old.example.com"};

	(void)state;
	assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, "old.example.com", -1), 0);
	denied(&o, DBX_REASON_NAME_MISMATCH);
	o.sni = "other.example.com";
	assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY + 1, "other.example.com", 3600), 0);
	denied(&o, DBX_REASON_NAME_MISMATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_whole),
		T(test_cut_at_every_offset),
		T(test_in_up_to_16_pieces),
		T(test_seventeen_pieces),
		T(test_record_fragments),
		T(test_out_of_order_and_lost),
		T(test_denied),
		T(test_ech),
		T(test_denied_in_pieces),
		T(test_bindings),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
