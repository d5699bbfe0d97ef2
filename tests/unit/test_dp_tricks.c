// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_tricks.c -- TLS flows through the kernel program: every way to say one name to the gateway
 * and another to the server, and what else may become of a flow.
 */
#include "flowcase.h"

/* ---- one name to the gateway, another to the server ---- */

static void test_repeated_with_other_bytes(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 1216};
	struct hello h, evil;
	size_t i;

	(void)state;
	hello_make(&h, &o);
	o.sni = EVIL;
	hello_make(&evil, &o);
	assert_int_equal(h.n, evil.n);
	fresh();
	assert_false(segment(&h, 0, 700));
	assert_false(segment(&evil, 0, 700)); /* while undecided */
	assert_reason(REPEAT_DIFFERS);
	assert_true(segment(&h, 700, h.n));
	assert_false(segment(&evil, 0, 700));
	assert_reason(REPEAT_DIFFERS);
	assert_false(segment(&evil, 0, h.n));
	assert_reason(REPEAT_DIFFERS);
	assert_true(segment(&h, 0, 700));
	/* any one byte */
	for (i = 0; i < 700; i += 3) {
		h.b[i] ^= 1;
		assert_false(segment(&h, 0, 700));
		assert_reason(REPEAT_DIFFERS);
		h.b[i] ^= 1;
	}
	assert_true(server_has(&h));
	/* until the server has it all and has answered: then nobody cares */
	flowrun_back(&f, ACK, 700);
	assert_false(segment(&evil, 0, 700));
	flowrun_back(&f, ACK, (uint32_t)h.n);
	assert_false(segment(&evil, 0, 700));
	answer(h.n, false);
	assert_true(flowrun_send(&f, ACK, 0, evil.b, 700));
}

/* A second SYN that the server does not take would move the beginning of the stream. */
static void test_the_server_must_agree_on_the_beginning(void **state)
{
	struct hello_opts o = {.sni = GOOD};
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	flowrun_next(&f);
	assert_true(flowrun_send(&f, SYN, 0, NULL, 0));
	assert_false(segment(&h, 0, h.n));
	assert_held();
	flowrun_back(&f, SYN | ACK, 100); /* of another beginning */
	assert_false(segment(&h, 0, h.n));
	flowrun_back(&f, ACK, 0); /* no SYN */
	assert_false(segment(&h, 0, h.n));
	flowrun_back(&f, SYN | ACK, 0);
	f.isn -= 50;
	assert_true(flowrun_send(&f, SYN, 0, NULL, 0));
	flowrun_back(&f, ACK, 50); /* the server's challenge */
	assert_false(segment(&h, 0, h.n));
	assert_held();
	assert_false(flowrun_send(&f, ACK, 50, h.b, h.n));
	f.isn += 50;
	assert_true(flowrun_send(&f, SYN, 0, NULL, 0));
	assert_false(segment(&h, 0, h.n));
	flowrun_back(&f, SYN | ACK, 0);
	assert_true(segment(&h, 0, h.n));
}

static void test_segments_that_play_tricks(void **state)
{
	struct hello_opts o = {.sni = GOOD};
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	flowrun_next(&f);
	assert_false(flowrun_send(&f, SYN, 0, h.b, h.n));
	assert_held();
	assert_false(flowrun_send(&f, SYN | ACK, 0, NULL, 0));
	assert_reason(FLOW_UNKNOWN);
	assert_false(flowrun_send(&f, SYN | FIN, 0, NULL, 0));
	assert_false(flowrun_send(&f, ACK, 0, NULL, 0));
	assert_reason(FLOW_UNKNOWN);
	fresh();
	assert_false(flowrun_send(&f, ACK | RST, 0, h.b, h.n));
	assert_held();
	assert_false(flowrun_send(&f, ACK, (uint32_t)-4, h.b, h.n));
	assert_held();
	assert_false(flowrun_send(&f, ACK | URG, 0, NULL, 0));
	assert_denied(NOT_TLS);
	fresh();
	assert_false(flowrun_send(&f, ACK | URG, 0, h.b, h.n));
	assert_denied(NOT_TLS);
	fresh();
	assert_true(segment(&h, 0, h.n));
	assert_false(flowrun_send(&f, ACK | URG, 0, h.b, h.n));
	assert_reason(REPEAT_DIFFERS);
	assert_false(flowrun_send(&f, ACK | URG, (uint32_t)h.n, "x", 1));
	assert_held();
	assert_false(flowrun_send(&f, ACK, (uint32_t)-1, "x", 1));
	assert_held();
	answer(h.n, false);
	assert_true(flowrun_send(&f, ACK | URG, (uint32_t)h.n, "x", 1));
}

/* ---- dry-run, tables, policies ---- */

static void test_dry_run(void **state)
{
	struct hello_opts o = {.sni = EVIL, .padding = 800};
	struct flowrun_opts dry = tls;
	struct dbx_flow flow;
	struct hello h;

	(void)state;
	dry.dry_run = true;
	assert_int_equal(flowrun_image(&f, &dry, FLOWRUN_POLICY), 0);
	hello_make(&h, &o);
	fresh();
	assert_false(segment(&h, 0, 400));
	assert_held();
	assert_true(segment(&h, 400, h.n));
	assert_reason(NAME_MISMATCH);
	assert_int_equal(f.res.verdict, DBX_VERDICT_DRY_RUN);
	assert_true(segment(&h, 0, 400));
	assert_reason(NAME_MISMATCH);
	assert_int_equal(f.res.verdict, DBX_VERDICT_DRY_RUN);
	assert_true(server_has(&h));
	assert_true(flowrun_get(&f, &flow));
	assert_true(flow.flags & DBX_FLOW_F_DRY_RUN);
	/* a flow that was there before anybody looked goes on */
	flowrun_next(&f);
	assert_true(flowrun_send(&f, ACK, 0, "data", 4));
	assert_reason(FLOW_UNKNOWN);
	assert_int_equal(f.res.verdict, DBX_VERDICT_DRY_RUN);
	/* and when dry-run ends, so does the flow */
	f.sport--;
	assert_int_equal(flowrun_image(&f, &tls, FLOWRUN_POLICY), 0);
	assert_false(segment(&h, 0, 400));
	assert_denied(NAME_MISMATCH);
}

static void test_tables_full(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 800};
	int fd = bpfrun_map_fd(f.r, DBX_MAP_FLOWS), hellos = bpfrun_map_fd(f.r, DBX_MAP_HELLOS);
	static struct dbx_flow_slot slot;
	static struct dbx_hello none;
	struct dbx_flow_key key = {.domain = 7};
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	for (;; key.src[3]++) {
		if (bpf_map_update_elem(hellos, &key, &none, 0))
			break;
	}
	assert_true(key.src[3] >= DBX_HELLOS_MAX);
	fresh();
	assert_false(segment(&h, 0, 400));
	assert_reason(FLOW_TABLE_FULL);
	assert_true(segment(&h, 0, h.n)); /* whole, it needs no room */
	for (;; key.src[3]++) {
		if (bpf_map_update_elem(fd, &key, &slot, 0))
			break;
	}
	flowrun_next(&f);
	assert_false(flowrun_send(&f, SYN, 0, NULL, 0));
	assert_reason(FLOW_TABLE_FULL);
	assert_int_equal(f.action, XDP_DROP);
	flowrun_forget(&f);
	fresh();
	assert_true(segment(&h, 0, h.n));
}

/* A hello that was lost from the table (it was swept) is read again from its beginning. */
static void test_lost_hello_is_read_again(void **state)
{
	struct hello_opts o = {.sni = GOOD, .padding = 800};
	struct dbx_flow_key key;
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	fresh();
	assert_false(segment(&h, 0, 400));
	flowrun_key(&f, &key);
	assert_int_equal(bpf_map_delete_elem(bpfrun_map_fd(f.r, DBX_MAP_HELLOS), &key), 0);
	assert_false(segment(&h, 400, h.n));
	assert_held();
	assert_false(segment(&h, 0, 400));
	assert_held();
	assert_true(segment(&h, 400, h.n));
	assert_true(segment(&h, 0, 400));
	assert_true(server_has(&h));
	assert_int_equal(bpf_map_lookup_elem(bpfrun_map_fd(f.r, DBX_MAP_HELLOS), &key, h.b), -2);
}

static void test_policies(void **state)
{
	struct hello_opts o = {.sni = GOOD};
	struct dbx_flow_slot slot;
	struct dbx_flow_key key;
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	fresh();
	assert_true(segment(&h, 0, h.n));
	answer(h.n, false);
	assert_int_equal(flowrun_learn(&f, 99, GOOD, 3600), 0);
	assert_int_equal(flowrun_image(&f, &tls, 99), 0);
	assert_false(flowrun_send(&f, ACK, (uint32_t)h.n, "later", 5));
	assert_reason(FLOW_UNKNOWN);
	flowrun_key(&f, &key);
	assert_int_equal(bpf_map_lookup_elem(bpfrun_map_fd(f.r, DBX_MAP_FLOWS), &key, &slot), 0);
	slot.flow.policy_uid[1] = 99;
	assert_int_equal(bpf_map_update_elem(bpfrun_map_fd(f.r, DBX_MAP_FLOWS), &key, &slot, 0), 0);
	assert_true(flowrun_send(&f, ACK, (uint32_t)h.n, "later", 5));
	assert_reason(LISTED_NAME);
	fresh();
	assert_true(segment(&h, 0, h.n));
}

static void test_a_new_connection_with_the_same_port(void **state)
{
	struct hello_opts o = {.sni = EVIL};
	struct hello h, good;

	(void)state;
	hello_make(&h, &o);
	o.sni = GOOD;
	hello_make(&good, &o);
	fresh();
	assert_true(segment(&good, 0, good.n));
	assert_false(flowrun_send(&f, SYN, 0, NULL, 0)); /* a late copy changes nothing */
	assert_held();
	answer(good.n, false);
	assert_true(flowrun_send(&f, ACK, (uint32_t)good.n, "later", 5));
	f.isn += 100000;
	flowrun_begin(&f);
	assert_reason(NAME_HANDSHAKE);
	assert_false(segment(&h, 0, h.n));
	assert_denied(NAME_MISMATCH);
	f.isn += 100000;
	flowrun_begin(&f);
	assert_true(segment(&good, 0, good.n));
}

/* The server forgets a connection that is reset; the next one with the same numbers has its own hello. */
static void test_the_same_numbers_after_a_reset(void **state)
{
	struct hello_opts o = {.sni = EVIL};
	struct hello evil, good;

	(void)state;
	hello_make(&evil, &o);
	o.sni = GOOD;
	hello_make(&good, &o);
	fresh();
	assert_true(segment(&good, 0, good.n));
	answer(good.n, false);
	assert_true(segment(&evil, 0, evil.n)); /* the server has other bytes there */
	assert_true(flowrun_send(&f, RST, (uint32_t)good.n, NULL, 0));
	assert_true(flowrun_send(&f, SYN, 0, NULL, 0));
	assert_reason(NAME_HANDSHAKE);
	assert_false(segment(&evil, 0, evil.n));
	assert_held();
	flowrun_back(&f, SYN | ACK, 0);
	assert_false(segment(&evil, 0, evil.n));
	assert_denied(NAME_MISMATCH);
	flowrun_next(&f);
	flowrun_begin(&f);
	assert_true(segment(&good, 0, good.n));
	answer(good.n, false);
	flowrun_back(&f, RST, (uint32_t)good.n);
	flowrun_begin(&f);
	assert_false(segment(&evil, 0, evil.n));
	assert_denied(NAME_MISMATCH);
}

static void test_ipv6_and_vlan(void **state)
{
	struct flowrun_opts o = tls;
	struct hello_opts ho = {.sni = GOOD, .padding = 1216};
	struct hello h, evil;
	int i;

	(void)state;
	hello_make(&h, &ho);
	ho.sni = EVIL;
	hello_make(&evil, &ho);
	for (i = 1; i < 4; i++) {
		o.is_v6 = i & 1;
		o.vlan = i & 2 ? 100 : 0;
		assert_int_equal(flowrun_image(&f, &o, FLOWRUN_POLICY), 0);
		assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, GOOD, 3600), 0);
		two_segments(&h, 900);
		denied_whole(&evil, DBX_REASON_NAME_MISMATCH);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_repeated_with_other_bytes),
		T(test_the_server_must_agree_on_the_beginning),
		T(test_segments_that_play_tricks),
		T(test_dry_run),
		T(test_tables_full),
		T(test_lost_hello_is_read_again),
		T(test_policies),
		T(test_a_new_connection_with_the_same_port),
		T(test_the_same_numbers_after_a_reset),
		T(test_ipv6_and_vlan),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
