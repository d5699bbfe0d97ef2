// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_reset.c -- the RST to a server: its bytes, its checksums, and that a real server takes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/gen.h"
#include "daemon/reset.h"
#include "unit/rawcase.h"

/* RFC 9293 section 3.1 and RFC 8200 section 8.1: pseudo-header, then the segment. */
static uint16_t tcp_sum(const uint8_t *packet, bool v6)
{
	uint8_t pseudo[40] = {0};
	size_t n = v6 ? 40 : 12;

	if (v6) {
		memcpy(pseudo, packet + 8, 32);
		pseudo[35] = 20; /* upper-layer packet length */
		pseudo[39] = IPPROTO_TCP;
	} else {
		memcpy(pseudo, packet + 12, 8);
		pseudo[9] = IPPROTO_TCP;
		pseudo[11] = 20;
	}
	return ones(packet + (v6 ? 40 : 20), 20, ones(pseudo, n, 0));
}

/* Header with its checksum; addresses; ports, sequence number; no ACK, RST alone, checksum. */
static const char want4[] = "\x45\0\0\x28\0\0\x40\0\x40\x06\x4e\x94"
			    "\xc0\0\x02\x01\xc6\x33\x64\x07"
			    "\xc0\0\x01\xbb\xde\xad\xbe\xef"
			    "\0\0\0\0\x50\x04\0\0\x64\x4b\0";

static void test_v4(void **state)
{
	struct dbx_flow_key k = key_of(IPPROTO_TCP, "192.0.2.1", 49152, "198.51.100.7", 443);
	uint8_t p[DBX_RESET_BYTES];

	(void)state;
	memset(p, 0xa5, sizeof(p)); /* nothing of it may stay */
	assert_int_equal(dbx_reset_build(&k, 0xdeadbeef, p), 40);
	assert_int_equal(sizeof(want4), 40);
	assert_memory_equal(p, want4, sizeof(want4));
	assert_int_equal(ones(p, 20, 0), 0xffff);
	assert_int_equal(tcp_sum(p, false), 0xffff);
}

static void test_v6(void **state)
{
	struct dbx_flow_key k = key_of(IPPROTO_TCP, "2001:db8::1", 49152, "2001:db8:ffff::7", 8443);
	uint8_t p[DBX_RESET_BYTES], addr[16];

	(void)state;
	memset(p, 0xa5, sizeof(p));
	assert_int_equal(dbx_reset_build(&k, 1, p), 60);
	assert_int_equal(p[0], 0x60); /* version 6, no class, no label */
	assert_int_equal(p[1] | p[2] | p[3] | p[4], 0);
	assert_int_equal(p[5], 20);
	assert_int_equal(p[6], IPPROTO_TCP);
	assert_int_equal(p[7], 64);
	inet_pton(AF_INET6, "2001:db8::1", addr);
	assert_memory_equal(p + 8, addr, 16);
	inet_pton(AF_INET6, "2001:db8:ffff::7", addr);
	assert_memory_equal(p + 24, addr, 16);
	assert_memory_equal(p + 40, "\xc0\0\x20\xfb\0\0\0\x01\0\0\0\0\x50\x04\0\0", 16);
	assert_int_equal(tcp_sum(p, true), 0xffff);
}

/* Sums that carry more than once, and those of all ones, are where a checksum goes wrong. */
static void test_checksums(void **state)
{
	static const uint32_t words[] = {0, 1, 0xffff, 0x10000, 0xffff0000, 0xffffffff};
	struct gen_rand r = {.state = 9293};
	uint8_t p[DBX_RESET_BYTES];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct dbx_flow_key k = {.proto = IPPROTO_TCP};
		bool v6 = i % 2;
		uint32_t *a[2] = {k.src, k.dst}, seq;

		for (int n = 0; n < 2; n++) {
			for (int w = 0; w < 4; w++)
				a[n][w] = i < 4000 ? words[gen_below(&r, 6)]
						   : gen_below(&r, 0xffffffff);
			if (v6)
				a[n][0] |= 0x20000000;
			else
				a[n][0] = a[n][1] = 0, a[n][2] = 0xffff;
		}
		k.sport = (uint16_t)gen_below(&r, 65536);
		k.dport = (uint16_t)gen_below(&r, 65536);
		seq = i < 4000 ? words[gen_below(&r, 6)] : gen_below(&r, 0xffffffff);
		assert_int_equal(dbx_reset_build(&k, seq, p), v6 ? 60 : 40);
		if (!v6)
			assert_int_equal(ones(p, 20, 0), 0xffff);
		assert_int_equal(tcp_sum(p, v6), 0xffff);
	}
}

/* ---- a real server ---- */

struct pair {
	int client, server;
	struct dbx_flow_key key;
};

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t n = sizeof(a);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	return ntohs(a.sin6_port); /* where sin_port is, too */
}

static struct pair connect_pair(bool v6)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *a = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
	socklen_t n = v6 ? sizeof(in6) : sizeof(in);
	int listener = socket(a->sa_family, SOCK_STREAM, 0);
	struct pair p = {.client = socket(a->sa_family, SOCK_STREAM, 0)};

	assert_true(listener >= 0 && p.client >= 0);
	assert_int_equal(bind(listener, a, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	in.sin_port = in6.sin6_port = htons(port_of(listener));
	assert_int_equal(connect(p.client, a, n), 0);
	p.server = accept(listener, NULL, NULL);
	assert_true(p.server >= 0);
	p.key = key_of(IPPROTO_TCP, v6 ? "::1" : "127.0.0.1", port_of(p.client),
		       v6 ? "::1" : "127.0.0.1", port_of(listener));
	close(listener);
	return p;
}

/* Where the client's stream stands: what TCP_QUEUE_SEQ says while the socket is in repair. */
static bool next_seq(int fd, uint32_t *seq)
{
	const int tcp_repair = 19, tcp_repair_queue = 20, tcp_queue_seq = 21, send_queue = 2;
	int on = 1, off = -1; /* -1: out of repair without a window probe */
	socklen_t n = sizeof(*seq);
	bool ok;

	if (setsockopt(fd, IPPROTO_TCP, tcp_repair, &on, sizeof(on)))
		return false;
	ok = !setsockopt(fd, IPPROTO_TCP, tcp_repair_queue, &send_queue, sizeof(send_queue)) &&
	     !getsockopt(fd, IPPROTO_TCP, tcp_queue_seq, seq, &n);
	return !setsockopt(fd, IPPROTO_TCP, tcp_repair, &off, sizeof(off)) && ok;
}

/* What the server's socket is told within the time: an error, or 0. */
static int error_of(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	if (poll(&p, 1, timeout_ms) != 1 || recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		return 0;
	return errno;
}

/* RFC 5961 section 3.2: only the exact next sequence number ends the connection at once. */
static void check_server(bool v6)
{
	struct dbx_reset *r = dbx_reset_new();
	struct pair p = connect_pair(v6);
	uint32_t seq;
	int rc;

	assert_non_null(r);
	if (!next_seq(p.client, &seq)) {
		print_message("no CAP_NET_ADMIN: not tried\n");
		skip();
	}
	rc = dbx_reset_send(r, &p.key, 0, seq);
	if (rc == -EBADF)
		skip(); /* no CAP_NET_RAW */
	assert_int_equal(rc, 0);
	assert_int_equal(error_of(p.server, 20000), ECONNRESET);
	close(p.client);
	close(p.server);
	p = connect_pair(v6);
	assert_true(next_seq(p.client, &seq));
	assert_int_equal(dbx_reset_send(r, &p.key, 0, seq - 1),
			 0); /* outside the window: nothing */
	assert_int_equal(write(p.client, "x", 1), 1);
	assert_int_equal(error_of(p.server, 20000), 0); /* it reads the byte */
	dbx_reset_free(&r);
	assert_null(r);
	close(p.client);
	close(p.server);
}

static void test_server_v4(void **state)
{
	(void)state;
	check_server(false);
}

static void test_server_v6(void **state)
{
	(void)state;
	check_server(true);
}

static void test_free_of_nothing(void **state)
{
	struct dbx_reset *r = NULL;

	(void)state;
	dbx_reset_free(&r);
	assert_null(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),        cmocka_unit_test(test_v6),
		cmocka_unit_test(test_checksums), cmocka_unit_test(test_server_v4),
		cmocka_unit_test(test_server_v6), cmocka_unit_test(test_free_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
