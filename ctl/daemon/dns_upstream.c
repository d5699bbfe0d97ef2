// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_upstream.c -- the configured upstreams: which of them lives, and the sockets to them.
 *
 * Each upstream has a pool of connected UDP sockets on ports that the kernel picks at random; a
 * question goes out by a random one of them under a random id. A socket is replaced after some use.
 */
#include "daemon/dns_upstream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCK_USES 256u
#define SOCK_BAD  32u /* answers to nothing, then the port is given up: somebody guesses at it */
#define READS     64u

struct dns_upstreams *dns_upstreams_get(struct dns_upstreams *u)
{
	u->n_refs++;
	return u;
}

void dns_upstreams_put(struct dns_upstreams **up)
{
	struct dns_upstreams *u = *up;

	*up = NULL;
	if (!u || --u->n_refs)
		return;
	for (size_t i = 0; i < u->n; i++) {
		for (size_t k = 0; k < DNS_POOL; k++)
			dns_sock_close(&u->v[i].socks[k]);
	}
	free(u);
}

int dns_upstreams_new(struct dbx_dns *d, const struct dbx_dns_options *o,
		      struct dns_upstreams **out)
{
	struct dns_upstreams *u = calloc(1, sizeof(*u) + o->n_upstreams * sizeof(u->v[0]));

	if (!u)
		return -ENOMEM;
	u->d = d;
	u->n_refs = 1;
	u->n = o->n_upstreams;
	for (size_t i = 0; i < u->n; i++) {
		struct dns_upstream *v = &u->v[i];

		v->addr = o->upstreams[i].addr;
		v->port = o->upstreams[i].port;
		v->n_sa = dns_sockaddr_of(&v->addr, v->port, &v->sa);
		for (size_t k = 0; k < DNS_POOL; k++) {
			v->socks[k].fd = -1;
			v->socks[k].u = u;
			v->socks[k].upstream = i;
			LIST_INIT(&v->socks[k].attempts);
		}
	}
	*out = u;
	return 0;
}

bool dns_upstreams_same(const struct dns_upstreams *u, const struct dbx_dns_options *o)
{
	if (u->n != o->n_upstreams)
		return false;
	for (size_t i = 0; i < u->n; i++) {
		if (u->v[i].port != o->upstreams[i].port ||
		    dbx_addr_cmp(&u->v[i].addr, &o->upstreams[i].addr))
			return false;
	}
	return true;
}

size_t dns_upstreams_count(const struct dns_upstreams *u)
{
	return u->n;
}

size_t dns_upstreams_pick(const struct dns_upstreams *u, int after, uint64_t now_ns)
{
	size_t first = (size_t)(after + 1) % u->n;

	for (size_t k = 0; k < u->n; k++) {
		size_t i = (first + k) % u->n;

		if (u->v[i].dead_until_ns <= now_ns)
			return i;
	}
	return first;
}

void dns_upstream_refused(struct dns_upstreams *u, size_t i, uint64_t now_ns)
{
	u->v[i].dead_until_ns = now_ns + DNS_DEAD_MS * 1000000ull;
	u->v[i].n_missed = 0;
}

void dns_upstream_missed(struct dns_upstreams *u, size_t i, uint64_t now_ns)
{
	DNS_COUNT(u->d, upstream_timeouts);
	if (++u->v[i].n_missed >= DNS_DEAD_AFTER)
		dns_upstream_refused(u, i, now_ns);
}

void dns_upstream_heard(struct dns_upstreams *u, size_t i)
{
	u->v[i].n_missed = 0;
	u->v[i].dead_until_ns = 0;
}

/* ---- the pool ---- */

void dns_sock_close(struct dns_sock *s)
{
	if (s->event)
		event_free(s->event);
	s->event = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static struct dns_attempt *find_attempt(struct dns_sock *s, uint16_t id)
{
	struct dns_attempt *a;

	LIST_FOREACH(a, &s->attempts, by_sock)
	{
		if (a->id == id)
			return a;
	}
	return NULL;
}

/* The upstream's port is closed, or it cannot be reached: all that wait on it know at once. */
static void sock_lost(struct dns_sock *s)
{
	struct dns_attempts lost = s->attempts;
	struct dns_attempt *a;

	dns_upstream_refused(s->u, s->upstream, s->u->d->now_ns);
	LIST_INIT(&s->attempts);
	if (!LIST_EMPTY(&lost))
		LIST_FIRST(&lost)->by_sock.le_prev = &lost.lh_first;
	while ((a = LIST_FIRST(&lost)))
		dns_task_lost(a->task, a);
}

static void sock_bad(struct dns_sock *s)
{
	DNS_COUNT(s->u->d, upstream_bad);
	if (++s->n_bad >= SOCK_BAD)
		s->n_uses = SOCK_USES;
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct dns_sock *s = arg;
	struct dns_upstreams *u = dns_upstreams_get(s->u); /* the last task may let it go */
	struct dbx_dns *d = u->d;
	uint8_t *msg = d->udp_buf;

	(void)what;
	dbx_dns_enter(d);
	for (unsigned int i = 0; i < READS && s->fd == fd; i++) {
		ssize_t n = recv(fd, msg, sizeof(d->udp_buf), MSG_DONTWAIT);
		struct dns_attempt *a;

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			break;
		if (n < 0) {
			sock_lost(s);
			break;
		}
		a = n < 2 ? NULL : find_attempt(s, (uint16_t)(msg[0] << 8 | msg[1]));
		if (a)
			dns_task_heard(a->task, a, msg, (size_t)n);
		else
			sock_bad(s);
	}
	dns_upstreams_put(&u);
	dbx_dns_leave(d);
}

static int sock_open(struct dns_sock *s)
{
	struct dns_upstream *v = &s->u->v[s->upstream];
	int rc = 0;

	s->n_uses = s->n_bad = 0;
	s->fd = socket(v->sa.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	if (connect(s->fd, &v->sa.sa, v->n_sa))
		rc = -errno;
	if (!rc) {
		s->event = event_new(s->u->d->base, s->fd, EV_READ | EV_PERSIST, on_read, s);
		if (!s->event || event_add(s->event, NULL))
			rc = -ENOMEM;
	}
	if (rc)
		dns_sock_close(s);
	return rc;
}

static bool is_worn(const struct dns_sock *s)
{
	return s->fd >= 0 && s->n_uses >= SOCK_USES;
}

/* A random socket of the pool; one that was used enough gets a new port when nothing waits on it. */
static int pick_sock(struct dns_upstreams *u, size_t i, struct dns_sock **out)
{
	uint32_t r;
	struct dns_sock *s;
	int rc = 0;

	dns_random(&r, sizeof(r));
	s = &u->v[i].socks[r % DNS_POOL];
	for (size_t k = 0; k < DNS_POOL && is_worn(s) && !LIST_EMPTY(&s->attempts); k++)
		s = &u->v[i].socks[(r + k) % DNS_POOL];
	if (is_worn(s) && LIST_EMPTY(&s->attempts))
		dns_sock_close(s);
	if (s->fd < 0)
		rc = sock_open(s);
	*out = s;
	return rc;
}

struct dns_attempt *dns_attempt_new(struct dns_upstreams *u, size_t i, struct dbx_dns_task *t)
{
	struct dns_attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->u = dns_upstreams_get(u);
	a->upstream = i;
	a->task = t;
	DNS_COUNT(u->d, upstream_queries);
	return a;
}

int dns_attempt_udp(struct dns_upstreams *u, size_t i, struct dbx_dns_task *t, uint8_t *msg,
		    size_t n, struct dns_attempt **out)
{
	struct dns_attempt *a;
	struct dns_sock *s;
	uint16_t id;
	int rc = pick_sock(u, i, &s);

	if (rc)
		return rc;
	do
		dns_random(&id, sizeof(id));
	while (find_attempt(s, id)); /* asks are far fewer than ids */
	memcpy(msg, (uint8_t[]){(uint8_t)(id >> 8), (uint8_t)id}, 2);
	s->n_uses++;
	if (send(s->fd, msg, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		return -errno;
	a = dns_attempt_new(u, i, t);
	if (!a)
		return -ENOMEM;
	a->id = id;
	a->sock = s;
	LIST_INSERT_HEAD(&s->attempts, a, by_sock);
	*out = a;
	return 0;
}

void dns_attempt_end(struct dns_attempt **ap)
{
	struct dns_attempt *a = *ap;

	*ap = NULL;
	if (!a)
		return;
	if (a->sock)
		LIST_REMOVE(a, by_sock);
	dns_attempt_tcp_end(a);
	dns_upstreams_put(&a->u);
	free(a);
}

size_t dns_attempt_upstream(const struct dns_attempt *a)
{
	return a->upstream;
}

bool dns_attempt_is_tcp(const struct dns_attempt *a)
{
	return !a->sock;
}

uint16_t dns_attempt_id(const struct dns_attempt *a)
{
	return a->id;
}
