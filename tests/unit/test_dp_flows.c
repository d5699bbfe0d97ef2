// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_flows.c -- TLS flows through the kernel program: hellos in every cut, and every way to say
 * one name to the gateway and another to the server.
 *
 * "The server" is an array of bytes that is filled from what passed; nothing else ever gets there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "common/flowrun.h"
#include "common/hellos.h"
#include "dbx/hello.h"
#include "dbx/program.h"

#define GOOD "shop.example.com"
#define EVIL "evil.example.com"

static struct flowrun f;
static const struct flowrun_opts tls = {.kind = DBX_NAME_PORT_TLS};

static uint8_t server[HELLO_MAX];
static bool got[HELLO_MAX];

static int setup(void **state)
{
	(void)state;
	if (flowrun_open(&f, &tls))
		return -1;
	return flowrun_learn(&f, FLOWRUN_POLICY, GOOD, 3600);
}

static int teardown(void **state)
{
	(void)state;
	flowrun_close(&f);
	return 0;
}

static void fresh(void)
{
	memset(got, 0, sizeof(got));
	flowrun_next(&f);
	flowrun_begin(&f);
}

/* Sends a segment; what passes reaches the server. */
static bool segment(const struct hello *h, size_t from, size_t to)
{
	bool passed = flowrun_send(&f, ACK | PSH, (uint32_t)from, h->b + from, to - from);

	if (passed) {
		memcpy(server + from, h->b + from, to - from);
		memset(got + from, 1, to - from);
	}
	return passed;
}

static bool server_has(const struct hello *h)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		if (!got[i] || server[i] != h->b[i])
			return false;
	}
	return true;
}

static size_t server_bytes(void)
{
	size_t i, n = 0;

	for (i = 0; i < sizeof(got); i++)
		n += got[i];
	return n;
}

#define assert_reason(want)                                                 \
	do {                                                                \
		if (f.res.reason != DBX_REASON_##want)                      \
			fail_msg("reason %u, not %s", f.res.reason, #want); \
	} while (0)

#define assert_held()                                              \
	do {                                                       \
		assert_int_equal(f.action, XDP_DROP);              \
		assert_int_equal(f.res.verdict, DBX_VERDICT_DROP); \
		assert_reason(HELLO_HELD);                         \
	} while (0)

/* Denied: answered by a RST that goes back, and nothing else leaves. */
#define assert_denied(want)                                        \
	do {                                                       \
		assert_reason(want);                               \
		assert_int_equal(f.res.verdict, DBX_VERDICT_DROP); \
		assert_int_equal(f.action, XDP_PASS);              \
		assert_reply();                                    \
	} while (0)

/* ---- the answer ---- */

static uint32_t rd32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint16_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The frame behind the word to the companion; its IP header. */
static const uint8_t *reply_ip(void)
{
	const struct dbx_meta *m = (const void *)f.out;

	assert_true(f.n_out > sizeof(*m));
	assert_true(m->what & DBX_META_REPLY);
	assert_memory_equal(f.out + sizeof(*m), f.sent.b + 6, 6);
	assert_memory_equal(f.out + sizeof(*m) + 6, f.sent.b, 6);
	assert_memory_equal(f.out + sizeof(*m) + 12, f.sent.b + 12, f.o.vlan ? 6 : 2);
	return f.out + sizeof(*m) + (f.o.vlan ? 18 : 14);
}

static void assert_reply(void)
{
	const uint8_t *ip = reply_ip(), *in = f.sent.b + (f.o.vlan ? 18 : 14), *tcp, *was;
	size_t n_ip = f.o.is_v6 ? 40 : 20, n_addr = f.o.is_v6 ? 16 : 4, at = f.o.is_v6 ? 8 : 12;

	assert_int_equal(f.n_out, (size_t)(ip - f.out) + n_ip + 20);
	tcp = ip + n_ip;
	was = in + n_ip;
	assert_memory_equal(ip + at, in + at + n_addr, n_addr);
	assert_memory_equal(ip + at + n_addr, in + at, n_addr);
	if (!f.o.is_v6)
		assert_int_equal(sum16(ip, 20, 0), 0xffff);
	assert_int_equal(sum16(tcp, 20, sum16(ip + at, 2 * n_addr, 6 + 20)), 0xffff);
	assert_memory_equal(tcp, was + 2, 2);
	assert_memory_equal(tcp + 2, was, 2);
	if (was[13] & ACK) {
		assert_int_equal(tcp[13], RST);
		assert_int_equal(rd32(tcp + 4), rd32(was + 8));
	} else {
		assert_int_equal(tcp[13], RST | ACK);
		assert_int_equal(rd32(tcp + 4), 0);
	}
}

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
	/* later data, and the same again */
	assert_true(flowrun_send(&f, ACK, (uint32_t)h.n, "later", 5));
	assert_reason(LISTED_NAME);
	assert_true(segment(&h, 0, h.n));
	assert_true(flowrun_send(&f, ACK | FIN, (uint32_t)h.n + 5, NULL, 0));
	assert_true(flowrun_send(&f, RST, (uint32_t)h.n + 5, NULL, 0));
	assert_true(flowrun_get(&f, &flow));
	assert_true(flow.flags & DBX_FLOW_F_CLOSING);
}

static void two_segments(const struct hello *h, size_t cut)
{
	fresh();
	assert_false(segment(h, 0, cut));
	assert_held();
	assert_true(segment(h, cut, h->n));
	assert_reason(LISTED_NAME);
	assert_true(segment(h, 0, cut));
	assert_reason(LISTED_NAME);
	assert_true(server_has(h));
	assert_true(flowrun_send(&f, ACK, (uint32_t)h->n, "later", 5));
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

static void denied_whole(const struct hello *h, unsigned int reason)
{
	struct dbx_flow flow;

	fresh();
	assert_false(segment(h, 0, h->n));
	if (f.res.reason != reason)
		fail_msg("reason %u, not %u", f.res.reason, reason);
	assert_int_equal(f.action, XDP_PASS);
	assert_reply();
	assert_int_equal(server_bytes(), 0);
	assert_true(flowrun_get(&f, &flow));
	assert_int_equal(flow.state, DBX_FLOW_DENIED);
	assert_int_equal(flow.reason, reason);
	/* whatever comes then */
	assert_false(segment(h, 0, h->n));
	assert_reply();
	assert_false(flowrun_send(&f, ACK, 77, "x", 1));
	assert_reply();
	assert_false(flowrun_send(&f, ACK, 0, NULL, 0));
	assert_reply();
	assert_false(flowrun_send(&f, RST | ACK, 0, NULL, 0));
	assert_int_equal(f.action, XDP_DROP);
	assert_int_equal(server_bytes(), 0);
}

static void denied(const struct hello_opts *o, unsigned int reason)
{
	struct hello h;

	hello_make(&h, o);
	if (h.n > 1400)
		h.n = 1400;
	denied_whole(&h, reason);
}

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
	/* until the server has it all: then nobody cares */
	flowrun_back(&f, ACK, 700);
	assert_false(segment(&evil, 0, 700));
	flowrun_back(&f, ACK, (uint32_t)h.n);
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
	assert_true(flowrun_send(&f, ACK | URG, (uint32_t)h.n, "x", 1));
	assert_false(flowrun_send(&f, ACK, (uint32_t)-1, "x", 1));
	assert_reason(REPEAT_DIFFERS);
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
	assert_true(flowrun_send(&f, SYN, 0, NULL, 0)); /* a late copy changes nothing */
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
		T(test_repeated_with_other_bytes),
		T(test_the_server_must_agree_on_the_beginning),
		T(test_segments_that_play_tricks),
		T(test_dry_run),
		T(test_tables_full),
		T(test_lost_hello_is_read_again),
		T(test_policies),
		T(test_a_new_connection_with_the_same_port),
		T(test_ipv6_and_vlan),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
