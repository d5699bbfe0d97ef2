/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns_upstream.h -- a set of upstreams from inside: its sockets and the attempts on them.
 */
#ifndef DBX_DAEMON_DNS_UPSTREAM_H
#define DBX_DAEMON_DNS_UPSTREAM_H

#include "daemon/dns_priv.h"

struct bufferevent;

#define DNS_POOL 32u /* UDP sockets of an upstream */

/* A question that was sent to one upstream, and may be answered. */
struct dns_attempt {
	LIST_ENTRY(dns_attempt) by_sock;
	struct dns_upstreams *u;
	size_t upstream;
	struct dbx_dns_task *task;
	struct dns_sock *sock;   /* UDP */
	struct bufferevent *bev; /* TCP */
	uint16_t id;
};

LIST_HEAD(dns_attempts, dns_attempt);

struct dns_sock {
	int fd; /* -1: not open */
	struct event *event;
	struct dns_upstreams *u;
	size_t upstream;
	unsigned int n_uses, n_bad;
	struct dns_attempts attempts;
};

struct dns_upstream {
	struct dbx_addr addr;
	uint16_t port;
	union dns_sockaddr sa;
	socklen_t n_sa;
	unsigned int n_missed; /* timeouts since it was last heard */
	uint64_t dead_until_ns;
	struct dns_sock socks[DNS_POOL];
};

struct dns_upstreams {
	struct dbx_dns *d;
	unsigned int n_refs;
	size_t n;
	struct dns_upstream v[];
};

void dns_sock_close(struct dns_sock *s);
struct dns_attempt *dns_attempt_new(struct dns_upstreams *u, size_t i, struct dbx_dns_task *t);
void dns_attempt_tcp_end(struct dns_attempt *a);

#endif
