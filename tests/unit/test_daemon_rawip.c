// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_rawip.c -- headers and checksums of packets that the daemon writes, and its raw sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/rawip.h"
#include "unit/rawcase.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static void test_put(void **state)
{
	uint8_t p[6] = {9, 9, 9, 9, 9, 9};

	(void)state;
	dbx_rawip_put16(p, 0xab1234);
	assert_memory_equal(p, "\x12\x34\x09", 3);
	dbx_rawip_put32(p + 1, 0xdeadbeef);
	assert_memory_equal(p, "\x12\xde\xad\xbe\xef\x09", 6);
}

static void test_checksum(void **state)
{
	static const struct {
		const char *data;
		size_t n;
		uint16_t sum;
	} v[] = {
		{"", 0, 0xffff},
		{"\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8, 0x220d}, /* RFC 1071 section 3 */
		{"\x00\x01\xf2", 3, 0x0dfe},                     /* as if a zero followed */
		{"\xff\xff", 2, 0},
		{"\xff\xff\xff\xff\x00\x01", 6, 0xfffe}, /* carries twice */
	};

	(void)state;
	for (size_t i = 0; i < N_OF(v); i++)
		assert_int_equal(dbx_rawip_checksum((const uint8_t *)v[i].data, v[i].n), v[i].sum);
}

/* No byte of them is left as it was. */
static void test_head(void **state)
{
	static const uint8_t want4[] = {0x45, 0, 0, 120, 0, 0, 0x40, 0};
	static const uint8_t want6[] = {0x60, 0, 0, 0, 0, 100, IPPROTO_UDP, 9};
	struct dbx_flow_key k4 = key_of(IPPROTO_UDP, "192.0.2.1", 1, "198.51.100.7", 2);
	struct dbx_flow_key k6 = key_of(IPPROTO_UDP, "2001:db8::1", 1, "2001:db8:ffff::7", 2);
	uint8_t p[41], addr[16];

	(void)state;
	assert_true(dbx_rawip_is_v4(&k4));
	assert_false(dbx_rawip_is_v4(&k6));
	memset(p, 0xa5, sizeof(p));
	assert_int_equal(dbx_rawip_put_head(p, k4.src, k4.dst, true, IPPROTO_UDP, 9, 100), 20);
	assert_memory_equal(p, want4, sizeof(want4));
	assert_int_equal(p[8], 9);
	assert_int_equal(p[9], IPPROTO_UDP);
	assert_memory_equal(p + 12, "\xc0\0\x02\x01\xc6\x33\x64\x07\xa5", 9);
	assert_int_equal(ones(p, 20, 0), 0xffff);
	memset(p, 0xa5, sizeof(p));
	assert_int_equal(dbx_rawip_put_head(p, k6.src, k6.dst, false, IPPROTO_UDP, 9, 100), 40);
	assert_memory_equal(p, want6, sizeof(want6));
	inet_pton(AF_INET6, "2001:db8::1", addr);
	assert_memory_equal(p + 8, addr, 16);
	inet_pton(AF_INET6, "2001:db8:ffff::7", addr);
	assert_memory_equal(p + 24, addr, 16);
	assert_int_equal(p[40], 0xa5);
}

/* What a receiver adds up over the pseudo-header and data, of every length. */
static void test_checksum_behind(void **state)
{
	struct dbx_flow_key v[2] = {key_of(IPPROTO_UDP, "192.0.2.1", 1, "198.51.100.7", 2),
				    key_of(IPPROTO_UDP, "2001:db8::1", 1, "2001:db8::2", 2)};
	uint8_t p[40 + 64];

	(void)state;
	for (int i = 0; i < 2; i++) {
		size_t at = i ? 8 : 12, n_addrs = i ? 32 : 8;

		for (size_t n = 2; n <= 64; n++) {
			size_t head = dbx_rawip_put_head(p, v[i].src, v[i].dst, !i, 200, 64, n);
			uint16_t sum;

			for (size_t b = 0; b < n; b++)
				p[head + b] = (uint8_t)(b * 37 + n);
			dbx_rawip_put16(p + head, 0);
			sum = dbx_rawip_checksum_behind(p, !i, 200, p + head, n);
			dbx_rawip_put16(p + head, sum);
			assert_int_equal(
				ones(p + head, n, ones(p + at, n_addrs, 200 + (uint32_t)n)),
				0xffff);
		}
	}
}

/* Without sockets nothing is sent, and that is said. */
static void test_no_socket(void **state)
{
	struct dbx_rawip r = {.fd4 = -1, .fd6 = -1};
	uint8_t p[40] = {0x45};

	(void)state;
	assert_int_equal(dbx_rawip_send(&r, p, 20, 0), -EBADF);
	p[0] = 0x60;
	assert_int_equal(dbx_rawip_send(&r, p, 40, 0), -EBADF);
	dbx_rawip_close(&r);
}

/* From an address of the loopback to another, with and without the source told. */
static void test_sockets(void **state)
{
	struct dbx_flow_key v[2] = {key_of(254, "127.0.0.2", 0, "127.0.0.3", 0),
				    key_of(254, "::1", 0, "::1", 0)}; /* 254: RFC 3692 */
	struct timeval patience = {.tv_sec = 20};

	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct dbx_flow_key *k = &v[i % 2];
		bool v4 = i % 2 == 0;
		int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_RAW, 254);
		uint8_t p[48], got[64];
		struct dbx_rawip r;
		size_t n;

		if (fd < 0)
			skip(); /* not root */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		n = dbx_rawip_put_head(p, k->src, k->dst, v4, 254, 64, 8);
		memset(p + n, 'a' + i, 8);
		dbx_rawip_open(&r, i / 2);
		assert_true(r.fd4 >= 0 && r.fd6 >= 0);
		assert_int_equal(dbx_rawip_send(&r, p, n + 8, 0), 0);
		/* A raw socket of IPv4 has the header too: raw(7). */
		assert_int_equal(recv(fd, got, sizeof(got), 0), v4 ? 28 : 8);
		assert_memory_equal(got + (v4 ? 20 : 0), p + n, 8);
		if (v4)
			assert_memory_equal(got + 12, p + 12, 8);
		dbx_rawip_close(&r);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),       cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_head),      cmocka_unit_test(test_checksum_behind),
		cmocka_unit_test(test_no_socket), cmocka_unit_test(test_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
