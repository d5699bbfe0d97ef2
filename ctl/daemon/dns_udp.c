// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_udp.c -- queries and replies over UDP, many in one system call.
 *
 * The reply comes from the address that was asked, which the kernel tells with each datagram.
 */
#include "daemon/dns_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH   64u
#define BATCHES 8u /* in one turn of the loop, so that other sockets get theirs */
#define IN_SIZE (DBX_DNS_QUERY_MAX + 1) /* longer is seen to be longer */
#define CONTROL CMSG_SPACE(sizeof(struct in6_pktinfo))

struct in {
	struct mmsghdr h[BATCH];
	struct iovec iov[BATCH];
	union dns_sockaddr peer[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL];
	uint8_t data[BATCH][IN_SIZE];
};

struct out {
	struct mmsghdr h[BATCH];
	struct iovec iov[BATCH];
	union dns_sockaddr peer[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL];
	uint8_t data[BATCH][DBX_DNS_UDP_MAX];
};

struct dns_udp {
	struct dbx_dns *d;
	int fd;
	bool is_v6;
	struct event *event;
	unsigned int n_out;
	struct in in;
	struct out out;
};

static void rearm(struct dns_udp *u)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		struct msghdr *m = &u->in.h[i].msg_hdr;

		u->in.iov[i] = (struct iovec){u->in.data[i], IN_SIZE};
		m->msg_iov = &u->in.iov[i];
		m->msg_iovlen = 1;
		m->msg_name = &u->in.peer[i];
		m->msg_namelen = sizeof(u->in.peer[i]);
		m->msg_control = u->in.control[i];
		m->msg_controllen = CONTROL;
	}
}

/* The address that was asked; false: the kernel did not say. */
static bool read_server(struct msghdr *m, struct dns_client *c)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *p = (const void *)CMSG_DATA(h);

			memset(&c->server, 0, sizeof(c->server));
			memcpy(c->server.a, &p->ipi_addr, 4);
			c->ifindex = (uint32_t)p->ipi_ifindex;
			return true;
		}
		if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *p = (const void *)CMSG_DATA(h);

			c->server.is_v6 = 1;
			memcpy(c->server.a, &p->ipi6_addr, 16);
			c->ifindex = p->ipi6_ifindex;
			return true;
		}
	}
	return false;
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct dns_udp *u = arg;
	int n = BATCH;

	(void)what;
	dbx_dns_enter(u->d);
	for (unsigned int k = 0; k < BATCHES && n == (int)BATCH; k++) {
		rearm(u);
		n = recvmmsg(fd, u->in.h, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			struct dns_client c = {.peer = u->in.peer[i]};

			dns_addr_of(&c.peer, &c.src);
			if (read_server(&u->in.h[i].msg_hdr, &c))
				dns_query_handle(u->d, &c, u->in.data[i], u->in.h[i].msg_len);
		}
	}
	dbx_dns_leave(u->d);
}

uint8_t *dns_udp_begin(struct dns_udp *u)
{
	if (u->n_out == BATCH)
		dns_udp_flush(u);
	return u->out.data[u->n_out];
}

static void put_source(struct msghdr *m, const struct dns_client *c)
{
	struct cmsghdr *h = m->msg_control;

	if (c->server.is_v6) {
		struct in6_pktinfo *p = (void *)CMSG_DATA(h);

		h->cmsg_level = IPPROTO_IPV6;
		h->cmsg_type = IPV6_PKTINFO;
		h->cmsg_len = CMSG_LEN(sizeof(*p));
		memcpy(&p->ipi6_addr, c->server.a, 16);
		p->ipi6_ifindex = IN6_IS_ADDR_LINKLOCAL(&p->ipi6_addr) ? c->ifindex : 0;
		m->msg_controllen = CMSG_SPACE(sizeof(*p));
	} else {
		struct in_pktinfo *p = (void *)CMSG_DATA(h);

		h->cmsg_level = IPPROTO_IP;
		h->cmsg_type = IP_PKTINFO;
		h->cmsg_len = CMSG_LEN(sizeof(*p));
		memset(p, 0, sizeof(*p));
		memcpy(&p->ipi_spec_dst, c->server.a, 4);
		m->msg_controllen = CMSG_SPACE(sizeof(*p));
	}
}

void dns_udp_end(struct dns_udp *u, const struct dns_client *c, size_t n)
{
	unsigned int i = u->n_out++;
	struct msghdr *m = &u->out.h[i].msg_hdr;

	memset(m, 0, sizeof(*m));
	u->out.peer[i] = c->peer;
	u->out.iov[i] = (struct iovec){u->out.data[i], n};
	m->msg_name = &u->out.peer[i];
	m->msg_namelen = u->is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	m->msg_iov = &u->out.iov[i];
	m->msg_iovlen = 1;
	m->msg_control = u->out.control[i];
	put_source(m, c);
}

void dns_udp_flush(struct dns_udp *u)
{
	unsigned int at = 0;

	while (at < u->n_out) {
		int n = sendmmsg(u->fd, u->out.h + at, u->n_out - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n <= 0) { /* this one cannot be sent: the client asks again */
			DNS_COUNT(u->d, send_failures);
			n = 1;
		}
		at += (unsigned int)n;
	}
	u->n_out = 0;
}

int dns_udp_open(struct dbx_dns *d, int fd, bool is_v6, struct dns_udp **out)
{
	struct dns_udp *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->d = d;
	u->fd = fd;
	u->is_v6 = is_v6;
	u->event = event_new(d->base, fd, EV_READ | EV_PERSIST, on_read, u);
	if (!u->event || event_add(u->event, NULL)) {
		dns_udp_close(&u);
		return -ENOMEM;
	}
	*out = u;
	return 0;
}

void dns_udp_close(struct dns_udp **u)
{
	if (!*u)
		return;
	if ((*u)->event)
		event_free((*u)->event);
	free(*u);
	*u = NULL;
}
