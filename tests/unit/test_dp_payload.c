// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_payload.c -- flows that the daemon judges (HTTP, QUIC): handed over, decided by an order,
 * let through as decided; name events; QUIC that is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "common/flowrun.h"
#include "common/hellos.h"
#include "dbx/program.h"

static struct flowrun f;
static struct ring_buffer *ring;
static struct dbx_name_event last;
static size_t n_events;

static int take(void *arg, void *data, size_t size)
{
	const struct dbx_name_event *e = data;

	(void)arg;
	assert_true(size >= offsetof(struct dbx_name_event, payload) + e->n_payload);
	memcpy(&last, data, size < sizeof(last) ? size : sizeof(last));
	n_events++;
	return 0;
}

/* Number of name events since the last call; the last one is in `last`. */
static size_t events(void)
{
	n_events = 0;
	assert_true(ring_buffer__consume(ring) >= 0);
	return n_events;
}

static int setup(void **state)
{
	const struct flowrun_opts o = {.kind = *(enum dbx_name_port *)*state};

	if (flowrun_open(&f, &o) || flowrun_learn(&f, FLOWRUN_POLICY, "a.example", 3600))
		return -1;
	ring = ring_buffer__new(bpfrun_map_fd(f.r, DBX_MAP_NAME_EVENTS), take, NULL, NULL);
	return ring ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ring_buffer__free(ring);
	flowrun_close(&f);
	return 0;
}

#define assert_reason(want)                                                 \
	do {                                                                \
		if (f.res.reason != DBX_REASON_##want)                      \
			fail_msg("reason %u, not %s", f.res.reason, #want); \
	} while (0)

static uint32_t order(const struct dbx_flow *v)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct dbx_flow_order o;

	memset(&o, 0, sizeof(o));
	flowrun_key(&f, &o.key);
	o.flow = *v;
	opts.data_in = &o;
	opts.data_size_in = sizeof(o);
	assert_int_equal(bpf_prog_test_run_opts(bpfrun_program(f.r, "egress_note"), &opts), 0);
	return opts.retval;
}

static struct dbx_flow_cut cut_at(const void *bytes, uint32_t n)
{
	struct dbx_flow_cut c = {n, {{0, 0}}};
	uint32_t i;

	for (i = 0; i < n; i++)
		dbx_hash_byte(&c.hash, &f.secret, ((const uint8_t *)bytes)[i]);
	return c;
}

static const char request[] = "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n";

/* What the daemon makes of the request: allowed, up to its head and a body of five bytes. */
static struct dbx_flow allowed(void)
{
	struct dbx_flow v;

	assert_true(flowrun_get(&f, &v));
	v.state = DBX_FLOW_ALLOWED;
	v.rule_uid = FLOWRUN_RULE;
	v.name = 77;
	v.n_hello = v.n_seen = sizeof(request) - 1;
	v.n_body = 5;
	v.cuts[0] = cut_at(request, 20);
	v.cuts[1] = cut_at(request, sizeof(request) - 1);
	v.n_cuts = 2;
	return v;
}

static uint64_t hits(const struct dbx_flow *v)
{
	struct dbx_bound_key k = {.policy_uid = FLOWRUN_POLICY, .name = v->name};
	struct dbx_flow_key flow;
	struct dbx_bound b;

	flowrun_key(&f, &flow);
	memcpy(k.addr, flow.dst, sizeof(k.addr));
	assert_int_equal(bpf_map_lookup_elem(bpfrun_map_fd(f.r, DBX_MAP_BOUND), &k, &b), 0);
	return b.hits;
}

/* The name that lets a flow through is counted, once for the flow. */
static void test_hits(void **state)
{
	static const char name[] = "a.example";
	struct dbx_flow_cut c = cut_at(name, sizeof(name) - 1);
	struct dbx_flow v;

	(void)state;
	assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, name, 60), 0);
	for (uint64_t n = 0; n < 3; n++) {
		flowrun_next(&f);
		flowrun_begin(&f);
		assert_false(flowrun_send(&f, ACK, 0, request, sizeof(request) - 1));
		v = allowed();
		v.name = dbx_hash_value(&c.hash);
		assert_int_equal(hits(&v), n);
		assert_int_equal(order(&v), DBX_ORDER_DONE);
		assert_int_equal(hits(&v), n + 1);
		assert_int_equal(order(&v), DBX_ORDER_DONE); /* nothing new */
		assert_int_equal(hits(&v), n + 1);
		v.state = DBX_FLOW_DENIED;
		assert_int_equal(order(&v), DBX_ORDER_DONE);
		assert_int_equal(hits(&v), n + 1);
	}
	events();
}

static void test_http(void **state)
{
	const uint32_t n = sizeof(request) - 1;
	struct dbx_flow v;

	(void)state;
	flowrun_next(&f);
	flowrun_begin(&f);
	assert_false(flowrun_send(&f, ACK, 0, request, 20));
	assert_reason(HELLO_HELD);
	assert_int_equal(events(), 1);
	assert_int_equal(last.kind, DBX_NAME_PORT_HTTP);
	assert_int_equal(last.n_payload, 20);
	assert_memory_equal(last.payload, request, 20);
	assert_int_equal(last.seq, FLOWRUN_ISN);
	assert_int_equal(last.isn, FLOWRUN_ISN);
	assert_true(last.policy_uid == FLOWRUN_POLICY);
	assert_int_equal(last.event.reason, DBX_REASON_HELLO_HELD);
	assert_false(flowrun_send(&f, ACK, 20, request + 20, n - 20));
	assert_int_equal(events(), 1);
	assert_int_equal(last.seq, FLOWRUN_ISN + 20);
	v = allowed();
	assert_true(v.start_ns == last.start_ns);
	assert_int_equal(order(&v), DBX_ORDER_DONE);
	assert_true(flowrun_send(&f, ACK, 0, request, 20));
	assert_reason(LISTED_NAME);
	assert_true(f.res.rule_uid == FLOWRUN_RULE);
	assert_true(flowrun_send(&f, ACK, 20, request + 20, n - 20));
	assert_true(flowrun_send(&f, ACK, 0, request, n));
	assert_false(flowrun_send(&f, ACK, 0, "GET /y ", 7));
	assert_reason(REPEAT_DIFFERS);
	assert_true(flowrun_send(&f, ACK, n, "body", 4));
	assert_true(flowrun_send(&f, ACK, n + 4, ".", 1));
	assert_false(flowrun_send(&f, ACK, n + 5, "GET /z", 6));
	assert_reason(HTTP_NEXT_REQUEST);
	assert_int_equal(f.action, XDP_PASS); /* the RST */
	assert_int_equal(events(), 1);
	assert_int_equal(last.event.reason, DBX_REASON_HTTP_NEXT_REQUEST);
	assert_int_equal(last.seq, FLOWRUN_ISN + n + 5);
	assert_false(flowrun_send(&f, ACK, n + 5, NULL, 0));
	assert_reason(HTTP_NEXT_REQUEST);
}

static void test_orders(void **state)
{
	struct dbx_flow v = {.start_ns = 1}, now;

	(void)state;
	flowrun_next(&f);
	assert_int_equal(order(&v), DBX_ORDER_NONE);
	flowrun_begin(&f);
	v = allowed();
	v.start_ns--;
	assert_int_equal(order(&v), DBX_ORDER_STALE);
	assert_true(flowrun_get(&f, &now));
	assert_int_equal(now.state, DBX_FLOW_HELLO);
	/* policies alone */
	v = now;
	v.policy_uid[1] = 5;
	assert_int_equal(order(&v), DBX_ORDER_DONE);
	v = allowed();
	v.state = DBX_FLOW_DENIED;
	v.reason = DBX_REASON_NOT_HTTP;
	assert_int_equal(order(&v), DBX_ORDER_DONE);
	assert_false(flowrun_send(&f, ACK, 0, request, 20));
	assert_reason(NOT_HTTP);
	/* an old copy does not bring a flow back */
	v.state = DBX_FLOW_ALLOWED;
	v.policy_uid[1] = 6;
	assert_int_equal(order(&v), DBX_ORDER_STALE);
	assert_true(flowrun_get(&f, &now));
	assert_int_equal(now.state, DBX_FLOW_DENIED);
	assert_int_equal(now.policy_uid[1], 6);
}

static void test_too_much(void **state)
{
	static uint8_t big[2000];
	int i;

	(void)state;
	flowrun_next(&f);
	flowrun_begin(&f);
	assert_false(flowrun_send(&f, ACK, 0, big, 1501));
	assert_reason(HELLO_TOO_LONG);
	flowrun_next(&f);
	flowrun_begin(&f);
	for (i = 0; i < 64; i++) {
		assert_false(flowrun_send(&f, ACK, 0, big, 1500));
		assert_reason(HELLO_HELD);
	}
	assert_false(flowrun_send(&f, ACK, 0, big, 1500));
	assert_reason(HELLO_TOO_LONG);
}

/*
 * In an allowed flow: what has a long header might begin another connection, and goes to the daemon,
 * so many a second; the rest passes.
 */
static void later_datagrams(uint8_t *initial, size_t n)
{
	struct timespec second = {1, 50000000};
	int i;

	assert_true(flowrun_udp(&f, "x", 1));
	assert_reason(LISTED_NAME);
	assert_true(f.res.rule_uid == FLOWRUN_RULE);
	assert_true(flowrun_udp(&f, NULL, 0));
	assert_false(flowrun_udp(&f, initial, n));
	assert_reason(HELLO_HELD);
	assert_int_equal(events(), 1);
	assert_int_equal(last.seq, 1);
	assert_int_equal(last.n_payload, n);
	assert_memory_equal(last.payload, initial, n);
	assert_false(flowrun_udp(&f, "\x80", 1));
	assert_int_equal(events(), 1);
	assert_false(flowrun_udp(&f, initial, 1501));
	assert_int_equal(events(), 0);
	for (i = 0; i < 100; i++)
		assert_false(flowrun_udp(&f, initial, 40));
	assert_in_range(events(), 1, 62 + 64); /* a second may pass meanwhile */
	nanosleep(&second, NULL);
	assert_false(flowrun_udp(&f, initial, 40));
	assert_int_equal(events(), 1);
	assert_true(flowrun_udp(&f, "\x40", 1));
	assert_int_equal(events(), 0);
}

static void test_quic(void **state)
{
	static uint8_t initial[1501];
	struct dbx_flow v;

	(void)state;
	memset(initial, 0xc3, sizeof(initial));
	flowrun_next(&f);
	assert_false(flowrun_udp(&f, initial, 1200));
	assert_reason(HELLO_HELD);
	assert_int_equal(events(), 1);
	assert_int_equal(last.seq, 0);
	assert_int_equal(last.kind, DBX_NAME_PORT_QUIC);
	assert_int_equal(last.n_payload, 1200);
	assert_memory_equal(last.payload, initial, 1200);
	assert_true(flowrun_get(&f, &v));
	assert_true(v.start_ns == last.start_ns);
	v.state = DBX_FLOW_ALLOWED;
	v.rule_uid = FLOWRUN_RULE;
	assert_int_equal(order(&v), DBX_ORDER_DONE);
	later_datagrams(initial, 1200);
	flowrun_next(&f);
	assert_false(flowrun_udp(&f, initial, 1200));
	assert_true(flowrun_get(&f, &v));
	v.state = DBX_FLOW_DENIED;
	v.reason = DBX_REASON_NAME_MISMATCH;
	assert_int_equal(order(&v), DBX_ORDER_DONE);
	assert_false(flowrun_udp(&f, initial, 1200));
	assert_reason(NAME_MISMATCH);
	assert_int_equal(f.action, XDP_PASS); /* the ICMP */
}

static uint16_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (; n > 1; n -= 2, p += 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	sum += n ? (uint32_t)p[0] << 8 : 0;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* RFC 792, RFC 4443: type, code, checksums, and the packet behind them. */
static void refused(size_t n)
{
	static uint8_t data[1400];
	size_t l2 = f.o.vlan ? 18 : 14, l3 = f.o.is_v6 ? 40 : 20, quoted;
	const uint8_t *ip = f.out + sizeof(struct dbx_meta) + l2;
	struct timespec pause = {0, 2000000};
	int i;

	nanosleep(&pause, NULL);
	assert_false(flowrun_udp(&f, data, n));
	assert_reason(QUIC_REFUSED);
	assert_int_equal(f.action, XDP_PASS);
	assert_memory_equal(f.out + sizeof(struct dbx_meta), f.sent.b + 6, 6);
	quoted = f.n_out - (size_t)(ip - f.out) - l3 - 8;
	assert_memory_equal(ip + l3 + 8, f.sent.b + l2, quoted);
	assert_true(quoted >= l3 + 8 && quoted <= 512);
	if (f.o.is_v6) {
		assert_memory_equal(ip + l3, "\x01\x04", 2);
		assert_int_equal(
			sum16(ip + l3, 8 + quoted, sum16(ip + 8, 32, 58 + 8 + (uint32_t)quoted)),
			0xffff);
	} else {
		assert_memory_equal(ip + l3, "\x03\x03", 2);
		assert_int_equal(sum16(ip, 20, 0), 0xffff);
		assert_int_equal(sum16(ip + l3, 8 + quoted, 0), 0xffff);
	}
	/* one within a millisecond of the last: refused in silence; a slow machine has to try again */
	for (i = 0; i < 2000 && f.action != XDP_DROP; i++)
		assert_false(flowrun_udp(&f, data, n));
	assert_int_equal(f.action, XDP_DROP);
}

static void test_quic_refused(void **state)
{
	struct flowrun_opts o = f.o;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		o.is_v6 = i & 1;
		o.vlan = i & 2 ? 7 : 0;
		assert_int_equal(flowrun_image(&f, &o, FLOWRUN_POLICY), 0);
		assert_int_equal(flowrun_learn(&f, FLOWRUN_POLICY, "a.example", 3600), 0);
		refused(1200);
		refused(1);
		refused(1201);
	}
	o.dry_run = true;
	assert_int_equal(flowrun_image(&f, &o, FLOWRUN_POLICY), 0);
	assert_true(flowrun_udp(&f, "x", 1));
	assert_int_equal(f.res.verdict, DBX_VERDICT_DRY_RUN);
}

static void test_denial_names_what_was_offered(void **state)
{
	struct hello_opts o = {.sni = "Evil.Example.COM"};
	struct hello h;

	(void)state;
	hello_make(&h, &o);
	flowrun_next(&f);
	flowrun_begin(&f);
	assert_int_equal(events(), 0);
	assert_false(flowrun_send(&f, ACK, 0, h.b, h.n));
	assert_reason(NAME_MISMATCH);
	assert_int_equal(events(), 1);
	assert_int_equal(last.n_payload, 0);
	assert_int_equal(last.n_name, 16);
	assert_memory_equal(last.name, "Evil.Example.COM", 16);
	assert_int_equal(last.seq, FLOWRUN_ISN);
	assert_int_equal(last.ack, f.ack);
	assert_int_equal(last.event.reason, DBX_REASON_NAME_MISMATCH);
	assert_int_equal(last.event.sport, f.sport);
	assert_false(flowrun_send(&f, ACK, 0, h.b, h.n));
	assert_int_equal(events(), 0); /* one a flow */
}

int main(void)
{
	static enum dbx_name_port http = DBX_NAME_PORT_HTTP, quic = DBX_NAME_PORT_QUIC,
				  deny = DBX_NAME_PORT_QUIC_DENY, tls = DBX_NAME_PORT_TLS;
	const struct CMUnitTest tests[] = {
#define T(name, kind) cmocka_unit_test_prestate_setup_teardown(name, setup, teardown, &(kind))
		T(test_http, http),
		T(test_hits, http),
		T(test_orders, http),
		T(test_too_much, http),
		T(test_quic, quic),
		T(test_quic_refused, deny),
		T(test_denial_names_what_was_offered, tls),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
