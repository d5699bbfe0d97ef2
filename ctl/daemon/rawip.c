// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rawip.c -- packets that the daemon writes from the IP header on, and sends from another's address.
 */
#include "daemon/rawip.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

/* ---- bytes ---- */

void dbx_rawip_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void dbx_rawip_put32(uint8_t *p, uint32_t v)
{
	dbx_rawip_put16(p, v >> 16);
	dbx_rawip_put16(p + 2, v);
}

bool dbx_rawip_is_v4(const struct dbx_flow_key *k)
{
	return !k->dst[0] && !k->dst[1] && k->dst[2] == 0xffff;
}

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static uint8_t *put_addr(uint8_t *p, const uint32_t a[4], bool v4)
{
	for (int i = v4 ? 3 : 0; i < 4; i++, p += 4)
		dbx_rawip_put32(p, a[i]);
	return p;
}

size_t dbx_rawip_put_head(uint8_t *ip, const uint32_t src[4], const uint32_t dst[4], bool v4,
			  uint8_t proto, uint8_t ttl, size_t n)
{
	memset(ip, 0, v4 ? 20 : 40);
	if (v4) {
		ip[0] = 0x45;
		dbx_rawip_put16(ip + 2, (uint32_t)(20 + n));
		dbx_rawip_put16(ip + 6, 0x4000); /* do not fragment */
		ip[8] = ttl;
		ip[9] = proto;
		put_addr(put_addr(ip + 12, src, true), dst, true);
		dbx_rawip_put16(ip + 10, dbx_rawip_checksum(ip, 20));
		return 20;
	}
	ip[0] = 0x60;
	dbx_rawip_put16(ip + 4, (uint32_t)n);
	ip[6] = proto;
	ip[7] = ttl;
	put_addr(put_addr(ip + 8, src, false), dst, false);
	return 40;
}

uint16_t dbx_rawip_checksum(const uint8_t *p, size_t n)
{
	return fold(sum(p, n, 0));
}

/* The pseudo-headers of RFC 768 and of RFC 8200 section 8.1. */
uint16_t dbx_rawip_checksum_behind(const uint8_t *ip, bool v4, uint8_t proto, const uint8_t *p,
				   size_t n)
{
	uint32_t pseudo = v4 ? sum(ip + 12, 8, 0) : sum(ip + 8, 32, 0);

	return fold(sum(p, n, pseudo + proto + (uint32_t)n));
}

/* ---- sockets ---- */

void dbx_rawip_open(struct dbx_rawip *r, bool tells_source)
{
	int one = 1;

	/* IPPROTO_RAW: we write the whole header. */
	r->fd4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	r->fd6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	r->tells_source = tells_source;
	/* Transparent: the routing takes an address that is not ours. */
	if (tells_source && r->fd4 >= 0)
		setsockopt(r->fd4, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
	if (tells_source && r->fd6 >= 0)
		setsockopt(r->fd6, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
}

void dbx_rawip_close(struct dbx_rawip *r)
{
	if (r->fd4 >= 0)
		close(r->fd4);
	if (r->fd6 >= 0)
		close(r->fd6);
}

static void tell_source(struct msghdr *m, const uint8_t *packet, bool v4)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct in_pktinfo info4 = {.ipi_ifindex = 0};
	struct in6_pktinfo info6 = {.ipi6_ifindex = 0};

	memcpy(&info4.ipi_spec_dst, packet + 12, 4);
	memcpy(&info6.ipi6_addr, packet + 8, 16);
	c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = v4 ? CMSG_LEN(sizeof(info4)) : CMSG_LEN(sizeof(info6));
	if (v4)
		memcpy(CMSG_DATA(c), &info4, sizeof(info4));
	else
		memcpy(CMSG_DATA(c), &info6, sizeof(info6));
}

int dbx_rawip_send(const struct dbx_rawip *r, const uint8_t *packet, size_t n, uint32_t mark)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {.b = {0}};
	struct iovec iov = {(void *)packet, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	bool v4 = packet[0] >> 4 == 4;
	int fd = v4 ? r->fd4 : r->fd6;

	memcpy(&in.sin_addr, packet + 16, 4);
	memcpy(&in6.sin6_addr, packet + 24, v4 ? 0 : 16);
	m.msg_name = v4 ? (void *)&in : (void *)&in6;
	m.msg_namelen = v4 ? sizeof(in) : sizeof(in6);
	if (r->tells_source) {
		m.msg_control = control.b;
		m.msg_controllen = v4 ? CMSG_SPACE(sizeof(struct in_pktinfo)) : sizeof(control.b);
		tell_source(&m, packet, v4);
	}
	/* without the mark of its path it would leave by another */
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return -errno;
	return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}
