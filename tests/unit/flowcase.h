/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flowcase.h -- what the tests of TLS flows share: a server that is filled from what passed, and the
 * checks of an answer.
 */
#ifndef DBX_TESTS_FLOWCASE_H
#define DBX_TESTS_FLOWCASE_H

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

static inline int setup(void **state)
{
	(void)state;
	if (flowrun_open(&f, &tls))
		return -1;
	return flowrun_learn(&f, FLOWRUN_POLICY, GOOD, 3600);
}

static inline int teardown(void **state)
{
	(void)state;
	flowrun_close(&f);
	return 0;
}

static inline void fresh(void)
{
	memset(got, 0, sizeof(got));
	flowrun_next(&f);
	flowrun_begin(&f);
}

/* The server answers what it has up to `ack` of the stream. */
static inline void answer(size_t ack, bool retry)
{
	uint8_t b[FLOWRUN_ANSWER];

	flowrun_server_hello(b, retry);
	assert_true(flowrun_answer(&f, (uint32_t)ack, 0, b, sizeof(b)));
}

/* Sends a segment; what passes reaches the server. */
static inline bool segment(const struct hello *h, size_t from, size_t to)
{
	bool passed = flowrun_send(&f, ACK | PSH, (uint32_t)from, h->b + from, to - from);

	if (passed) {
		memcpy(server + from, h->b + from, to - from);
		memset(got + from, 1, to - from);
	}
	return passed;
}

static inline bool server_has(const struct hello *h)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		if (!got[i] || server[i] != h->b[i])
			return false;
	}
	return true;
}

static inline size_t server_bytes(void)
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

static inline uint32_t rd32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint16_t sum16(const uint8_t *p, size_t n, uint32_t sum)
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
static inline const uint8_t *reply_ip(void)
{
	const struct dbx_meta *m = (const void *)f.out;

	assert_true(f.n_out > sizeof(*m));
	assert_true(m->what & DBX_META_REPLY);
	assert_memory_equal(f.out + sizeof(*m), f.sent.b + 6, 6);
	assert_memory_equal(f.out + sizeof(*m) + 6, f.sent.b, 6);
	assert_memory_equal(f.out + sizeof(*m) + 12, f.sent.b + 12, f.o.vlan ? 6 : 2);
	return f.out + sizeof(*m) + (f.o.vlan ? 18 : 14);
}

static inline void assert_reply(void)
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

static inline void two_segments(const struct hello *h, size_t cut)
{
	fresh();
	assert_false(segment(h, 0, cut));
	assert_held();
	assert_true(segment(h, cut, h->n));
	assert_reason(LISTED_NAME);
	assert_true(segment(h, 0, cut));
	assert_reason(LISTED_NAME);
	assert_true(server_has(h));
	assert_false(flowrun_send(&f, ACK, (uint32_t)h->n, "later", 5));
	answer(h->n, false);
	assert_true(flowrun_send(&f, ACK, (uint32_t)h->n, "later", 5));
}

static inline void denied_whole(const struct hello *h, unsigned int reason)
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

static inline void denied(const struct hello_opts *o, unsigned int reason)
{
	struct hello h;

	hello_make(&h, o);
	if (h.n > 1400)
		h.n = 1400;
	denied_whole(&h, reason);
}

#endif
