// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_upstream_tcp.c -- a question to an upstream over TCP: after a truncated answer, or when
 * datagrams came that look like guesses.
 *
 * One question a connection. What is read is bounded by the length prefix: 64 KiB.
 */
#include "daemon/dns_upstream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

static void on_read(struct bufferevent *bev, void *arg)
{
	struct dns_attempt *a = arg;
	struct dbx_dns *d = a->u->d;
	struct evbuffer *in = bufferevent_get_input(bev);
	uint8_t prefix[2], *all;
	size_t n;

	if (evbuffer_copyout(in, prefix, 2) < 2)
		return;
	n = (size_t)(prefix[0] << 8 | prefix[1]);
	if (evbuffer_get_length(in) < n + 2)
		return;
	evbuffer_drain(in, 2);
	all = malloc(n + 1);
	if (!all)
		return; /* the task's timer ends it */
	evbuffer_remove(in, all, n);
	dbx_dns_enter(d);
	dns_task_heard(a->task, a, all, n);
	dbx_dns_leave(d);
	free(all);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct dns_attempt *a = arg;
	struct dbx_dns *d = a->u->d;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		return;
	dbx_dns_enter(d);
	dns_task_lost(a->task, a);
	dbx_dns_leave(d);
}

int dns_attempt_tcp(struct dns_upstreams *u, size_t i, struct dbx_dns_task *t, uint8_t *msg,
		    size_t n, struct dns_attempt **out)
{
	const uint8_t prefix[2] = {(uint8_t)(n >> 8), (uint8_t)n};
	struct dns_attempt *a;

	if (u->d->n_upstream_tcp >= DNS_UPSTREAM_TCP_MAX)
		return -EMFILE;
	a = dns_attempt_new(u, i, t);
	if (!a)
		return -ENOMEM;
	dns_random(msg, 2);
	a->id = (uint16_t)(msg[0] << 8 | msg[1]);
	a->bev = bufferevent_socket_new(u->d->base, -1,
					BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (!a->bev) {
		dns_attempt_end(&a);
		return -ENOMEM;
	}
	u->d->n_upstream_tcp++;
	DNS_COUNT(u->d, upstream_tcp);
	bufferevent_setcb(a->bev, on_read, NULL, on_event, a);
	bufferevent_setwatermark(a->bev, EV_READ, 0, 2 + DBX_DNS_MSG_MAX);
	bufferevent_enable(a->bev, EV_READ | EV_WRITE);
	bufferevent_write(a->bev, prefix, 2);
	bufferevent_write(a->bev, msg, n);
	if (bufferevent_socket_connect(a->bev, &u->v[i].sa.sa, (int)u->v[i].n_sa)) {
		dns_attempt_end(&a);
		return -ECONNREFUSED;
	}
	*out = a;
	return 0;
}

void dns_attempt_tcp_end(struct dns_attempt *a)
{
	if (!a->bev)
		return;
	a->u->d->n_upstream_tcp--;
	bufferevent_free(a->bev);
	a->bev = NULL;
}
