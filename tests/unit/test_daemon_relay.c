// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_relay.c -- a datagram that goes on as its client sent it, and the ICMP error to a client:
 * their bytes, and that real sockets take them.
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
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/relay.h"
#include "unit/rawcase.h"

static const uint8_t udp4[] = {
	0x45, 0,  0, 31, 0,   0, 0x40, 0,  63,   17,   0, 0, /* its checksum is looked at apart */
	10,   66, 1, 10, 203, 0, 113,  10, 0x9c, 0x40, 1, 0xbb, 0, 11, 0, 0, 'a', 'b', 'c',
};

static void test_datagram(void **state)
{
	struct dbx_flow_key k = key_of(IPPROTO_UDP, "10.66.1.10", 40000, "203.0.113.10", 443);
	uint8_t p[DBX_RELAY_BYTES];

	(void)state;
	assert_int_equal(dbx_relay_build(&k, (const uint8_t *)"abc", 3, p), sizeof(udp4));
	assert_memory_equal(p, udp4, 10);
	assert_memory_equal(p + 12, udp4 + 12, 14);
	assert_memory_equal(p + 28, udp4 + 28, 3);
	assert_int_equal(ones(p, 20, 0), 0xffff);
	assert_int_equal(ones(p + 20, 11, ones(p + 12, 8, 17 + 11)), 0xffff);
}

static void test_lengths(void **state)
{
	static uint8_t data[DBX_QUIC_BYTES + 1];
	struct dbx_flow_key v[2] = {
		key_of(IPPROTO_UDP, "10.66.1.10", 40000, "203.0.113.10", 443),
		key_of(IPPROTO_UDP, "fd66:1::10", 40000, "2001:db8:a::10", 443)};
	uint8_t p[DBX_RELAY_BYTES];
	size_t n, i;

	(void)state;
	for (n = 0; n < sizeof(data); n++)
		data[n] = (uint8_t)(n * 7 + 1);
	for (i = 0; i < 2; i++) {
		size_t n_ip = i ? 40 : 20, at = i ? 8 : 12, n_addr = i ? 32 : 8;

		for (n = 0; n <= DBX_QUIC_BYTES; n++) {
			uint32_t len = (uint32_t)n + 8;

			assert_int_equal(dbx_relay_build(&v[i], data, n, p), n_ip + 8 + n);
			assert_int_equal(ones(p + n_ip, 8 + n, ones(p + at, n_addr, 17 + len)),
					 0xffff);
			assert_memory_equal(p + n_ip + 8, data, n);
			assert_true(p[n_ip + 6] || p[n_ip + 7]); /* zero would be none: RFC 768 */
		}
		assert_int_equal(dbx_relay_build(&v[i], data, n, p), 0);
		assert_int_equal(dbx_relay_build_refusal(&v[i], data, n, p), 0);
	}
}

static void test_refusal(void **state)
{
	static const uint8_t data[1200] = {0xc3};
	struct dbx_flow_key k = key_of(IPPROTO_UDP, "10.66.1.10", 40000, "203.0.113.10", 443);
	uint8_t p[DBX_RELAY_BYTES], whole[DBX_RELAY_BYTES];
	size_t quoted = 28 + DBX_RELAY_QUOTE;

	(void)state;
	dbx_relay_build(&k, data, sizeof(data), whole);
	assert_int_equal(dbx_relay_build_refusal(&k, data, sizeof(data), p), 28 + quoted);
	assert_memory_equal(p + 12, whole + 16, 4);
	assert_memory_equal(p + 16, whole + 12, 4);
	assert_int_equal(p[9], IPPROTO_ICMP);
	assert_memory_equal(p + 20, "\3\3", 2);
	assert_memory_equal(p + 28, whole, quoted);
	assert_int_equal(ones(p, 20, 0), 0xffff);
	assert_int_equal(ones(p + 20, 8 + quoted, 0), 0xffff);
	k = key_of(IPPROTO_UDP, "fd66:1::10", 40000, "2001:db8:a::10", 443);
	dbx_relay_build(&k, data, 10, whole);
	assert_int_equal(dbx_relay_build_refusal(&k, data, 10, p), 48 + 58);
	assert_memory_equal(p + 40, "\1\4", 2);
	assert_memory_equal(p + 48, whole, 58);
	assert_int_equal(ones(p + 40, 66, ones(p + 8, 32, 58 + 66)), 0xffff);
}

/* ---- on the loopback ---- */

static int bound(const char *text, struct sockaddr_storage *sa, socklen_t *n)
{
	struct sockaddr_in *in = (void *)sa;
	struct sockaddr_in6 *in6 = (void *)sa;
	bool v6 = strchr(text, ':');
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);

	memset(sa, 0, sizeof(*sa));
	sa->ss_family = v6 ? AF_INET6 : AF_INET;
	inet_pton(v6 ? AF_INET6 : AF_INET, text,
		  v6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr);
	*n = v6 ? sizeof(*in6) : sizeof(*in);
	if (fd < 0 || bind(fd, (void *)sa, *n) || getsockname(fd, (void *)sa, n))
		return -1;
	return fd;
}

static uint16_t port_of(const struct sockaddr_storage *sa)
{
	return ntohs(sa->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)sa)->sin6_port
					       : ((const struct sockaddr_in *)sa)->sin_port);
}

static void real(const char *client, const char *server)
{
	struct sockaddr_storage c, s, from;
	socklen_t n_c, n_s, n_from = sizeof(from);
	int fd_c = bound(client, &c, &n_c), fd_s = bound(server, &s, &n_s);
	struct pollfd v[2] = {{fd_s, POLLIN, 0}, {fd_c, 0, 0}};
	struct dbx_relay *r = dbx_relay_new();
	struct dbx_flow_key k = key_of(IPPROTO_UDP, client, port_of(&c), server, port_of(&s));
	char buf[64];

	assert_true(fd_c >= 0 && fd_s >= 0 && r);
	assert_int_equal(connect(fd_c, (void *)&s, n_s), 0);
	assert_int_equal(dbx_relay_send(r, &k, 0, (const uint8_t *)"hello", 5), 0);
	assert_int_equal(poll(v, 1, 20000), 1);
	assert_int_equal(recvfrom(fd_s, buf, sizeof(buf), 0, (void *)&from, &n_from), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(n_from, n_c);
	assert_memory_equal(&from, &c, n_c);
	assert_int_equal(dbx_relay_refuse(r, &k, (const uint8_t *)"hello", 5), 0);
	assert_int_equal(poll(v + 1, 1, 20000), 1);
	assert_int_equal(recv(fd_c, buf, sizeof(buf), MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNREFUSED);
	dbx_relay_free(&r);
	assert_null(r);
	close(fd_c);
	close(fd_s);
}

static void test_real_sockets(void **state)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	(void)state;
	if (fd < 0)
		skip(); /* not root */
	close(fd);
	real("127.0.0.2", "127.0.0.3");
	real("::1", "::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_real_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
