// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_tcp.c -- queries over TCP: pipelined, answered in any order (RFC 7766), within limits.
 *
 * A connection that has too much outstanding, or does not read its answers, is not read from until
 * it has caught up. One that is idle is closed.
 */
#include "daemon/dns_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS 64

struct dbx_dns_conn {
	TAILQ_ENTRY(dbx_dns_conn) link;
	struct dns_tcp *t;
	struct bufferevent *bev;
	struct dns_client client;
	struct dns_asks asks;
	size_t n_asks;
	uint8_t *share;
	bool is_paused; /* not read from */
	bool is_eof;    /* the client sends no more: closed when all is answered */
};

TAILQ_HEAD(conns, dbx_dns_conn);

struct dns_tcp {
	struct dbx_dns *d;
	struct event *accept[2];
	struct event *again; /* accepting goes on: there were no descriptors */
	struct conns conns;
	size_t n;
	bool has_paused;
	uint8_t shares[DNS_SHARES];
};

static size_t unsent(const struct dbx_dns_conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

static void conn_free(struct dbx_dns_conn *c)
{
	struct dns_tcp *t = c->t;

	while (!LIST_EMPTY(&c->asks))
		dns_conn_ask_remove(LIST_FIRST(&c->asks));
	TAILQ_REMOVE(&t->conns, c, link);
	t->n--;
	--*c->share;
	DNS_SET(t->d, tcp_open, t->n);
	bufferevent_free(c->bev);
	free(c);
}

static bool must_pause(const struct dbx_dns_conn *c)
{
	return c->n_asks >= DNS_CONN_ASKS_MAX || unsent(c) > DNS_CONN_OUT_BYTES;
}

/* Whole messages of what has come in; false: the client is no resolver's client. */
static bool read_messages(struct dbx_dns_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	uint8_t prefix[2], msg[DBX_DNS_QUERY_MAX];

	while (!must_pause(c)) {
		size_t n;

		if (evbuffer_copyout(in, prefix, 2) < 2)
			return true;
		n = (size_t)(prefix[0] << 8 | prefix[1]);
		if (n < DBX_DNS_HEADER_BYTES || n > DBX_DNS_QUERY_MAX)
			return false;
		if (evbuffer_get_length(in) < n + 2)
			return true;
		evbuffer_drain(in, 2);
		evbuffer_remove(in, msg, n);
		dns_query_handle(c->t->d, &c->client, msg, n);
	}
	c->is_paused = c->t->has_paused = true;
	bufferevent_disable(c->bev, EV_READ);
	return true;
}

static bool is_done(const struct dbx_dns_conn *c)
{
	return c->is_eof && !c->n_asks && !unsent(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct dbx_dns_conn *c = arg;
	struct dbx_dns *d = c->t->d;

	(void)bev;
	dbx_dns_enter(d);
	if (!read_messages(c))
		conn_free(c);
	dbx_dns_leave(d);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct dbx_dns_conn *c = arg;
	struct dns_tcp *t = c->t;

	(void)bev;
	if (is_done(c)) {
		conn_free(c);
	} else if (c->is_paused) {
		dbx_dns_enter(t->d);
		dbx_dns_leave(t->d); /* resumes */
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct dbx_dns_conn *c = arg;

	if (what & BEV_EVENT_EOF && !c->is_eof && (c->n_asks || unsent(c))) {
		c->is_eof = true;
		bufferevent_disable(bev, EV_READ);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT && what & BEV_EVENT_READING && c->n_asks) {
		bufferevent_enable(bev, EV_READ); /* it waits for us */
		return;
	}
	conn_free(c);
}

void dns_tcp_resume(struct dns_tcp *t)
{
	struct dbx_dns_conn *c, *next;

	if (!t->has_paused)
		return;
	t->has_paused = false;
	for (c = TAILQ_FIRST(&t->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->is_paused)
			continue;
		if (must_pause(c)) {
			t->has_paused = true;
			continue;
		}
		c->is_paused = false;
		if (!c->is_eof)
			bufferevent_enable(c->bev, EV_READ);
		if (!read_messages(c))
			conn_free(c);
	}
}

void dns_conn_ask_add(struct dbx_dns_conn *c, struct dns_ask *ask)
{
	LIST_INSERT_HEAD(&c->asks, ask, by_conn);
	c->n_asks++;
}

void dns_conn_ask_remove(struct dns_ask *ask)
{
	LIST_REMOVE(ask, by_conn);
	ask->client.conn->n_asks--;
	ask->client.conn = NULL;
}

void dns_conn_write(struct dbx_dns_conn *c, uint8_t *framed, size_t n)
{
	framed[0] = (uint8_t)(n >> 8);
	framed[1] = (uint8_t)n;
	bufferevent_write(c->bev, framed, n + 2);
}

static struct dbx_dns_conn *conn_new(struct dns_tcp *t, int fd, const struct dns_client *client,
				     uint8_t *share)
{
	static const struct timeval idle = {.tv_sec = DNS_CONN_IDLE_S};
	struct dbx_dns_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->bev = bufferevent_socket_new(t->d->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev) {
		free(c);
		return NULL;
	}
	c->t = t;
	c->client = *client;
	c->client.conn = c;
	LIST_INIT(&c->asks);
	c->share = share;
	++*share;
	t->n++;
	TAILQ_INSERT_TAIL(&t->conns, c, link);
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, 2 * (DBX_DNS_QUERY_MAX + 2));
	bufferevent_set_timeouts(c->bev, &idle, &idle);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	return c;
}

static void take(struct dns_tcp *t, int fd, const union dns_sockaddr *peer)
{
	struct dns_client client = {.peer = *peer, .is_tcp = true};
	union dns_sockaddr server;
	socklen_t n = sizeof(server);
	uint8_t *share;

	dns_addr_of(peer, &client.src);
	share = &t->shares[dns_share(t->d, &client.src) - t->d->shares];
	if (t->n >= DNS_CONNS_MAX || *share >= DNS_CONNS_SOURCE_MAX ||
	    getsockname(fd, &server.sa, &n)) {
		DNS_COUNT(t->d, tcp_refused);
		close(fd);
		return;
	}
	dns_addr_of(&server, &client.server);
	if (!conn_new(t, fd, &client, share)) {
		close(fd);
		return;
	}
	DNS_COUNT(t->d, tcp_accepted);
	DNS_SET(t->d, tcp_open, t->n);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = {.tv_usec = 200000};
	struct dns_tcp *t = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS; i++) {
		union dns_sockaddr peer;
		socklen_t n = sizeof(peer);
		int conn = accept4(fd, &peer.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn >= 0) {
			take(t, conn, &peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			event_del(t->accept[0]);
			event_del(t->accept[1]);
			evtimer_add(t->again, &pause);
		}
		return;
	}
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct dns_tcp *t = arg;

	(void)fd, (void)what;
	event_add(t->accept[0], NULL);
	event_add(t->accept[1], NULL);
}

int dns_tcp_open(struct dbx_dns *d, int fd4, int fd6, struct dns_tcp **out)
{
	struct dns_tcp *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->d = d;
	TAILQ_INIT(&t->conns);
	t->accept[0] = event_new(d->base, fd4, EV_READ | EV_PERSIST, on_accept, t);
	t->accept[1] = event_new(d->base, fd6, EV_READ | EV_PERSIST, on_accept, t);
	t->again = evtimer_new(d->base, on_again, t);
	if (!t->accept[0] || !t->accept[1] || !t->again || event_add(t->accept[0], NULL) ||
	    event_add(t->accept[1], NULL)) {
		dns_tcp_close(&t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void dns_tcp_close(struct dns_tcp **tp)
{
	struct dns_tcp *t = *tp;

	if (!t)
		return;
	while (!TAILQ_EMPTY(&t->conns))
		conn_free(TAILQ_FIRST(&t->conns));
	for (int i = 0; i < 2; i++) {
		if (t->accept[i])
			event_free(t->accept[i]);
	}
	if (t->again)
		event_free(t->again);
	free(t);
	*tp = NULL;
}
