// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * relay.c -- datagrams that were held go on; refused ones are answered.
 */
#include "daemon/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

struct dbx_relay {
	int fd4, fd6;
};

/* ---- packets ---- */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static bool is_v4(const struct dbx_flow_key *k)
{
	return !k->dst[0] && !k->dst[1] && k->dst[2] == 0xffff;
}

/* RFC 1071. */
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
	for (int i = v4 ? 3 : 0; i < 4; i++, p += 4) {
		put16(p, a[i] >> 16);
		put16(p + 2, a[i]);
	}
	return p;
}

/* The IP header in front of n bytes; its length. The TTL is that of one who forwarded it. */
static size_t put_ip(uint8_t *ip, const uint32_t src[4], const uint32_t dst[4], bool v4,
		     uint8_t proto, size_t n)
{
	memset(ip, 0, v4 ? 20 : 40);
	if (v4) {
		ip[0] = 0x45;
		put16(ip + 2, (uint32_t)(20 + n));
		put16(ip + 6, 0x4000); /* QUIC is never fragmented: RFC 9000 section 14 */
		ip[8] = 63;
		ip[9] = proto;
		put_addr(put_addr(ip + 12, src, true), dst, true);
		put16(ip + 10, fold(sum(ip, 20, 0)));
		return 20;
	}
	ip[0] = 0x60;
	put16(ip + 4, (uint32_t)n);
	ip[6] = proto;
	ip[7] = 63;
	put_addr(put_addr(ip + 8, src, false), dst, false);
	return 40;
}

/* Of what lies behind the IP header. */
static uint16_t checksum(const uint8_t *ip, bool v4, uint8_t proto, const uint8_t *p, size_t n)
{
	uint32_t pseudo = v4 ? sum(ip + 12, 8, 0) : sum(ip + 8, 32, 0);

	return fold(sum(p, n, pseudo + proto + (uint32_t)n));
}

size_t dbx_relay_build(const struct dbx_flow_key *k, const uint8_t *payload, size_t n,
		       uint8_t out[DBX_RELAY_BYTES])
{
	bool v4 = is_v4(k);
	size_t n_ip;
	uint8_t *udp;
	uint16_t c;

	if (n > DBX_QUIC_BYTES)
		return 0;
	n_ip = put_ip(out, k->src, k->dst, v4, IPPROTO_UDP, 8 + n);
	udp = out + n_ip;
	put16(udp, k->sport);
	put16(udp + 2, k->dport);
	put16(udp + 4, (uint32_t)(8 + n));
	put16(udp + 6, 0);
	memcpy(udp + 8, payload, n);
	c = checksum(out, v4, IPPROTO_UDP, udp, 8 + n);
	put16(udp + 6, c ? c : 0xffff);
	return n_ip + 8 + n;
}

size_t dbx_relay_build_refusal(const struct dbx_flow_key *k, const uint8_t *payload, size_t n,
			       uint8_t out[DBX_RELAY_BYTES])
{
	bool v4 = is_v4(k);
	uint8_t proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, *icmp;
	uint8_t quoted[DBX_RELAY_BYTES];
	size_t n_quoted = dbx_relay_build(k, payload, n, quoted), n_ip = v4 ? 20 : 40;

	if (!n_quoted)
		return 0;
	if (n_quoted > n_ip + 8 + DBX_RELAY_QUOTE)
		n_quoted = n_ip + 8 + DBX_RELAY_QUOTE;
	put_ip(out, k->dst, k->src, v4, proto, 8 + n_quoted);
	icmp = out + n_ip;
	memset(icmp, 0, 8);
	icmp[0] = v4 ? 3 : 1; /* destination unreachable */
	icmp[1] = v4 ? 3 : 4; /* port */
	memcpy(icmp + 8, quoted, n_quoted);
	put16(icmp + 2, v4 ? fold(sum(icmp, 8 + n_quoted, 0))
			   : checksum(out, false, proto, icmp, 8 + n_quoted));
	return n_ip + 8 + n_quoted;
}

/* ---- sockets ---- */

struct dbx_relay *dbx_relay_new(void)
{
	struct dbx_relay *r = calloc(1, sizeof(*r));
	int one = 1;

	if (!r)
		return NULL;
	/* IPPROTO_RAW: we write the whole header. Transparent: with an address that is not ours. */
	r->fd4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	r->fd6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (r->fd4 >= 0)
		setsockopt(r->fd4, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
	if (r->fd6 >= 0)
		setsockopt(r->fd6, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
	return r;
}

void dbx_relay_free(struct dbx_relay **r)
{
	if (!*r)
		return;
	if ((*r)->fd4 >= 0)
		close((*r)->fd4);
	if ((*r)->fd6 >= 0)
		close((*r)->fd6);
	free(*r);
	*r = NULL;
}

/* The source is also said to the routing, for hosts that route by it. */
static int send_packet(struct dbx_relay *r, uint8_t *packet, size_t n, bool v4, uint32_t mark)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {.b = {0}};
	struct iovec iov = {packet, n};
	struct msghdr m = {v4 ? (void *)&in : (void *)&in6,
			   v4 ? sizeof(in) : sizeof(in6),
			   &iov,
			   1,
			   control.b,
			   v4 ? CMSG_SPACE(sizeof(struct in_pktinfo)) : sizeof(control.b),
			   0};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct in_pktinfo info4 = {.ipi_ifindex = 0};
	struct in6_pktinfo info6 = {.ipi6_ifindex = 0};
	int fd;

	if (!n)
		return -EMSGSIZE;
	memcpy(&in.sin_addr, packet + 16, 4);
	memcpy(&in6.sin6_addr, packet + 24, 16);
	memcpy(&info4.ipi_spec_dst, packet + 12, 4);
	memcpy(&info6.ipi6_addr, packet + 8, 16);
	c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = v4 ? CMSG_LEN(sizeof(info4)) : CMSG_LEN(sizeof(info6));
	if (v4)
		memcpy(CMSG_DATA(c), &info4, sizeof(info4));
	else
		memcpy(CMSG_DATA(c), &info6, sizeof(info6));
	fd = v4 ? r->fd4 : r->fd6;
	/* without the mark of its path it would leave by another */
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return -errno;
	return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

int dbx_relay_send(struct dbx_relay *r, const struct dbx_flow_key *k, uint32_t mark,
		   const uint8_t *payload, size_t n)
{
	uint8_t packet[DBX_RELAY_BYTES];

	return send_packet(r, packet, dbx_relay_build(k, payload, n, packet), is_v4(k), mark);
}

int dbx_relay_refuse(struct dbx_relay *r, const struct dbx_flow_key *k, const uint8_t *payload,
		     size_t n)
{
	uint8_t packet[DBX_RELAY_BYTES];

	return send_packet(r, packet, dbx_relay_build_refusal(k, payload, n, packet), is_v4(k), 0);
}
