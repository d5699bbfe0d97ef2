// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reset.c -- ends the server's side of a connection whose client was refused.
 */
#include "daemon/reset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dbx_reset {
	int fd4, fd6;
};

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static bool is_v4(const struct dbx_flow_key *k)
{
	return !k->dst[0] && !k->dst[1] && k->dst[2] == 0xffff;
}

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void put_addr(uint8_t *p, const uint32_t a[4], bool v4)
{
	for (int i = v4 ? 3 : 0; i < 4; i++, p += 4)
		put32(p, a[i]);
}

size_t dbx_reset_build(const struct dbx_flow_key *k, uint32_t seq, uint8_t out[DBX_RESET_BYTES])
{
	bool v4 = is_v4(k);
	uint8_t *ip = out, *tcp = out + (v4 ? 20 : 40);
	uint8_t *addrs = ip + (v4 ? 12 : 8);
	size_t n_addr = v4 ? 4 : 16;

	memset(out, 0, DBX_RESET_BYTES);
	ip[0] = v4 ? 0x45 : 0x60;
	if (v4) {
		put16(ip + 2, 40);
		put16(ip + 6, 0x4000); /* do not fragment */
		ip[8] = 64;
		ip[9] = IPPROTO_TCP;
	} else {
		put16(ip + 4, 20);
		ip[6] = IPPROTO_TCP;
		ip[7] = 64;
	}
	put_addr(addrs, k->src, v4);
	put_addr(addrs + n_addr, k->dst, v4);
	if (v4)
		put16(ip + 10, fold(sum(ip, 20, 0)));
	put16(tcp, k->sport);
	put16(tcp + 2, k->dport);
	put32(tcp + 4, seq);
	tcp[12] = 5 << 4;
	tcp[13] = 0x04; /* RST */
	put16(tcp + 16, fold(sum(tcp, 20, sum(addrs, 2 * n_addr, IPPROTO_TCP + 20))));
	return v4 ? 40 : 60;
}

struct dbx_reset *dbx_reset_new(void)
{
	struct dbx_reset *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	/* IPPROTO_RAW: we write the whole header, with the client's address as source. */
	r->fd4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	r->fd6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	return r;
}

void dbx_reset_free(struct dbx_reset **r)
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

int dbx_reset_send(struct dbx_reset *r, const struct dbx_flow_key *k, uint32_t mark, uint32_t seq)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	uint8_t packet[DBX_RESET_BYTES];
	size_t n = dbx_reset_build(k, seq, packet);
	bool v4 = is_v4(k);
	ssize_t sent;
	int fd = v4 ? r->fd4 : r->fd6;

	memcpy(&in.sin_addr, packet + 16, 4);
	memcpy(&in6.sin6_addr, packet + 24, 16);
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return -errno;
	sent = sendto(fd, packet, n, 0, v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6,
		      v4 ? sizeof(in) : sizeof(in6));
	return sent < 0 ? -errno : 0;
}
