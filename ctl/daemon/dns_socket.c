// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_socket.c -- the four sockets that queries come in by.
 *
 * A transparent socket is bound to an address that nobody sends to: queries reach it because the
 * kernel program assigns them to it, whatever address they are for, and by no other way. So it does
 * not meet a resolver of the host itself, and is not one for the world.
 */
#include "daemon/dns_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TRANSPARENT4  "127.83.53.53"
#define TRANSPARENT6  "fd00:6462:7864:6e73::53" /* ours alone: RFC 4193 */
#define RECEIVE_BYTES (4 << 20)

uint64_t dns_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void dns_random(void *to, size_t n)
{
	uint8_t *p = to;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got <= 0)
			continue; /* interrupted; nothing else can go wrong */
		p += got;
		n -= (size_t)got;
	}
}

void dns_addr_of(const union dns_sockaddr *sa, struct dbx_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->is_v6 = sa->sa.sa_family == AF_INET6;
	if (out->is_v6)
		memcpy(out->a, &sa->in6.sin6_addr, 16);
	else
		memcpy(out->a, &sa->in.sin_addr, 4);
}

socklen_t dns_sockaddr_of(const struct dbx_addr *a, uint16_t port, union dns_sockaddr *out)
{
	memset(out, 0, sizeof(*out));
	if (a->is_v6) {
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = htons(port);
		memcpy(&out->in6.sin6_addr, a->a, 16);
		return sizeof(out->in6);
	}
	out->in.sin_family = AF_INET;
	out->in.sin_port = htons(port);
	memcpy(&out->in.sin_addr, a->a, 4);
	return sizeof(out->in);
}

static void bound_address(const struct dbx_dns_opts *o, bool is_v6, struct dbx_addr *a)
{
	const struct dbx_addr *given = is_v6 ? o->listen6 : o->listen4;

	if (given)
		*a = *given;
	else if (o->transparent)
		dbx_addr_parse(is_v6 ? TRANSPARENT6 : TRANSPARENT4, a);
	else
		dbx_addr_parse(is_v6 ? "::1" : "127.0.0.1", a);
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

static int prepare(int fd, const struct dbx_dns_opts *o, bool is_v6, bool is_tcp)
{
	int level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int rc = set(fd, SOL_SOCKET, SO_REUSEADDR, is_tcp);

	if (!rc && is_v6)
		rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!rc && o->transparent)
		rc = set(fd, level, is_v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1);
	if (!rc && !is_tcp)
		rc = set(fd, level, is_v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
	if (!rc && !is_tcp && set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES))
		set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES); /* as much as is allowed */
	return rc;
}

int dns_socket_open(const struct dbx_dns_opts *o, bool is_v6, bool is_tcp, struct dbx_fail *f)
{
	int type = (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, rc;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, type, 0);
	char text[DBX_ADDR_STRLEN];
	union dns_sockaddr sa;
	struct dbx_addr addr;
	socklen_t n;

	bound_address(o, is_v6, &addr);
	if (fd < 0)
		return dbx_fail_set(f, -errno, DBX_FAIL_INTERNAL,
				    "resolver: no socket for IPv%d: %s", is_v6 ? 6 : 4,
				    strerror(errno));
	n = dns_sockaddr_of(&addr, (uint16_t)o->listen_port, &sa);
	rc = prepare(fd, o, is_v6, is_tcp);
	if (!rc && bind(fd, &sa.sa, n))
		rc = -errno;
	if (!rc && is_tcp && listen(fd, 512))
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL,
			    "resolver: cannot listen on %s port %d (%s): %s",
			    dbx_addr_format(&addr, text), o->listen_port, is_tcp ? "TCP" : "UDP",
			    strerror(-rc));
}
