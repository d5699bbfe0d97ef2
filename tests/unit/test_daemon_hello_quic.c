// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_hello_quic.c -- which datagrams of a QUIC flow wait, decide, go on or end it.
 *
 * What goes on is seen by a socket on the loopback, where the test may send raw packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/hello_quic.h"
#include "quiccase.h"

static struct dbx_quics *q;
static struct dbx_quic_conn *conn;
static struct dbx_name_event e;
static uint8_t hello[128], frames[300];
static size_t n_hello;
static int server = -1;

static int begin(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000003)};
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	socklen_t n = sizeof(sa);

	(void)state;
	memset(&e, 0, sizeof(e));
	e.start_ns = 1;
	e.kind = DBX_NAME_PORT_QUIC;
	e.key = (struct dbx_flow_key){.src = {0, 0, 0xffff, 0x7f000002},
				      .dst = {0, 0, 0xffff, 0x7f000003},
				      .sport = 40000,
				      .proto = IPPROTO_UDP};
	server = raw < 0 ? -1 : socket(AF_INET, SOCK_DGRAM, 0);
	if (raw >= 0)
		close(raw);
	if (server >= 0 && (bind(server, (void *)&sa, n) || getsockname(server, (void *)&sa, &n)))
		return -1;
	e.key.dport = ntohs(sa.sin_port);
	n_hello = make_hello(hello);
	q = dbx_quics_new();
	return q ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	dbx_quics_free(&q);
	if (server >= 0)
		close(server);
	return 0;
}

static enum dbx_quics_step give(void)
{
	conn = NULL;
	return dbx_quics_add(q, &e, &conn);
}

static enum dbx_quics_step give_frames(const struct known *k, const void *data, size_t n)
{
	e.n_payload = (uint16_t)protect(k, data, n, e.payload);
	return give();
}

/* The bytes from `from` to `to` of the hello, in a packet of their own. */
static enum dbx_quics_step give_part(const struct known *k, size_t from, size_t to)
{
	return give_frames(k, frames, add_crypto(frames, hello, from, to - from));
}

static void assert_sent(const void *data, size_t n)
{
	uint8_t buf[2000];

	if (server < 0)
		return; /* not root: what is decided is tested all the same */
	assert_int_equal(recv(server, buf, sizeof(buf), 0), n);
	assert_memory_equal(buf, data, n);
}

static void assert_nothing_sent(void)
{
	uint8_t buf[1];

	if (server >= 0)
		assert_int_equal(recv(server, buf, 1, MSG_DONTWAIT), -1);
}

static void test_whole(void **state)
{
	(void)state;
	assert_int_equal(give_part(&v1, 0, n_hello), DBX_QUICS_DECIDE);
	assert_int_equal(dbx_quics_hello(conn)->n, n_hello);
	assert_nothing_sent();
	dbx_quics_allow(q, &e, conn);
	assert_sent(e.payload, e.n_payload);
	/* repeated, in whole and in part; then an ACK alone */
	assert_int_equal(give_part(&v1, 0, n_hello), DBX_QUICS_PASS);
	assert_sent(e.payload, e.n_payload);
	assert_int_equal(give_part(&v1, 20, 40), DBX_QUICS_PASS);
	assert_sent(e.payload, e.n_payload);
	assert_int_equal(give_frames(&v1, "\2\0\0\0\0", 5), DBX_QUICS_PASS);
	assert_sent(e.payload, e.n_payload);
	/* another flow: a new port, or the same one later */
	e.key.sport++;
	assert_int_equal(give_part(&v1, 0, n_hello), DBX_QUICS_DECIDE);
	e.key.sport--;
	e.start_ns++;
	assert_int_equal(give_part(&v1, 0, n_hello), DBX_QUICS_DECIDE);
	assert_nothing_sent();
}

static void test_in_parts(void **state)
{
	static uint8_t parts[3][DBX_QUIC_BYTES];
	size_t n[3], i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(give_part(&v2, n_hello * i / 3, n_hello * (i + 1) / 3),
				 i < 2 ? DBX_QUICS_HELD : DBX_QUICS_DECIDE);
		n[i] = e.n_payload;
		memcpy(parts[i], e.payload, n[i]);
	}
	assert_nothing_sent();
	dbx_quics_allow(q, &e, conn);
	for (i = 0; i < 3; i++)
		assert_sent(parts[i], n[i]);
	assert_nothing_sent();
}

/* More datagrams before the decision than are kept: the rest is for the client to repeat. */
static void test_more_than_are_held(void **state)
{
	(void)state;
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(give_part(&v1, i, i + 1), DBX_QUICS_HELD);
	assert_int_equal(give_part(&v1, 20, n_hello), DBX_QUICS_DECIDE);
	dbx_quics_allow(q, &e, conn);
	for (size_t i = 0; server >= 0 && i < 4; i++)
		assert_true(recv(server, frames, 1, 0) == 1);
	assert_nothing_sent();
	assert_int_equal(give_part(&v1, 20, n_hello), DBX_QUICS_PASS);
	assert_sent(e.payload, e.n_payload);
}

/* What its own id does not open begins nothing: it goes on where the flow is allowed. */
static void test_what_begins_nothing(void **state)
{
	(void)state;
	e.n_payload = (uint16_t)protect(&v1, frames, 100, e.payload);
	e.payload[e.n_payload - 1] ^= 1;
	assert_int_equal(give(), DBX_QUICS_HELD);
	assert_nothing_sent();
	e.seq = 1;
	assert_int_equal(give(), DBX_QUICS_PASS);
	assert_sent(e.payload, e.n_payload);
	dbx_quics_allow(q, &e, NULL);
	assert_sent(e.payload, e.n_payload);
	/* 0-RTT of a connection whose hello is not whole waits for it, even then */
	assert_int_equal(give_part(&v1, 0, 30), DBX_QUICS_HELD);
	memmove(e.payload, "\xd3\0\0\0\1\x8\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\4abcd", 20);
	e.n_payload = 20;
	assert_int_equal(give(), DBX_QUICS_HELD);
	assert_nothing_sent();
	assert_int_equal(give_part(&v1, 30, n_hello), DBX_QUICS_DECIDE);
	dbx_quics_allow(q, &e, conn);
	for (size_t i = 0; server >= 0 && i < 3; i++)
		assert_true(recv(server, frames, 1, 0) == 1);
	assert_nothing_sent();
}

static void test_an_allowed_flow_may_not_say_another_name(void **state)
{
	(void)state;
	assert_int_equal(give_part(&v1, 0, n_hello), DBX_QUICS_DECIDE);
	dbx_quics_allow(q, &e, conn);
	assert_sent(e.payload, e.n_payload);
	e.seq = 1;
	assert_int_equal(give_part(&v2, 0, n_hello), DBX_QUICS_DECIDE); /* another connection */
	assert_nothing_sent();
	hello[62] ^= 1;
	assert_int_equal(give_part(&v1, 60, n_hello), DBX_QUICS_BAD); /* other bytes under its id */
	dbx_quics_deny(q, &e);
	hello[62] ^= 1;
	assert_int_equal(give_part(&v1, 60, n_hello), DBX_QUICS_HELD); /* forgotten with the flow */
	assert_int_equal(give_part(&v2, 60, n_hello), DBX_QUICS_HELD);
	assert_nothing_sent();
}

static void test_bad(void **state)
{
	(void)state;
	memset(e.payload, 'x', 1200);
	e.n_payload = 1200;
	assert_int_equal(give(), DBX_QUICS_BAD);
	e.n_payload = 0;
	assert_int_equal(give(), DBX_QUICS_BAD);
	e.payload[0] = 0xc0;
	e.n_payload = 1200;
	e.seq = 1; /* in an allowed flow too */
	assert_int_equal(give(), DBX_QUICS_BAD);
	assert_int_equal(give_frames(&v1, "\6\x80\0\x10\0\1x", 7), DBX_QUICS_LONG);
	assert_int_equal(give_frames(&v1, "\x8", 1), DBX_QUICS_BAD);
	assert_nothing_sent();
}

/* Never more than so many: the one that was silent longest is forgotten. */
static void test_bounded(void **state)
{
	(void)state;
	assert_int_equal(give_part(&v1, 0, 30), DBX_QUICS_HELD);
	for (e.start_ns = 2; e.start_ns < 2000; e.start_ns++)
		assert_int_equal(give_part(&v1, 0, 30), DBX_QUICS_HELD);
	e.start_ns = 1999;
	assert_int_equal(give_part(&v1, 30, n_hello), DBX_QUICS_DECIDE);
	e.start_ns = 1;
	assert_int_equal(give_part(&v1, 30, n_hello), DBX_QUICS_HELD);
	dbx_quics_sweep(q);
	assert_int_equal(give_part(&v1, 0, 30), DBX_QUICS_DECIDE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_whole),
		T(test_in_parts),
		T(test_more_than_are_held),
		T(test_what_begins_nothing),
		T(test_an_allowed_flow_may_not_say_another_name),
		T(test_bad),
		T(test_bounded),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
