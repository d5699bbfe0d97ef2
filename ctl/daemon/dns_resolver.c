// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_resolver.c -- the resolver's thread: its loop, what is in force, and its end.
 */
#include "daemon/dns_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/hash.h"

uint16_t *dns_share(struct dbx_dns *d, const struct dbx_addr *src)
{
	return &d->shares[dbx_hash64(src, sizeof(*src), d->seed) % DNS_SHARES];
}

/* Upstreams, limits and rules follow the document; answers made by other ones are forgotten. */
static void take_options(struct dbx_dns *d)
{
	const struct dbx_dns_options *o = d->options;
	struct dns_upstreams *u;

	if (!o) {
		dns_cache_limit(d->cache, 0);
		dns_upstreams_put(&d->upstreams);
		return;
	}
	if (o->min_ttl_s != d->rules.min_ttl_s || o->max_ttl_s != d->rules.max_ttl_s ||
	    o->keep_ech != d->rules.keep_ech)
		dns_cache_limit(d->cache, 0);
	d->rules = (struct dbx_dns_rules){o->min_ttl_s, o->max_ttl_s, o->keep_ech};
	if (!d->upstreams || !dns_upstreams_same(d->upstreams, o)) {
		dns_cache_limit(d->cache, 0);
		if (dns_upstreams_new(d, o, &u))
			return; /* out of memory: tried again with the next generation */
		dns_upstreams_put(&d->upstreams);
		d->upstreams = u;
	}
	dns_cache_limit(d->cache, o->cache_entries);
}

static void take_view(struct dbx_dns *d)
{
	uint64_t generation, serial;

	d->view = d->o.hooks->view_get(d->o.hooks_arg);
	d->options = d->view ? d->o.hooks->options(d->view) : NULL;
	generation = d->view ? d->view->generation : 0;
	serial = d->view ? d->view->serial : 0;
	d->options_stale |= generation != d->generation || serial != d->serial;
	d->generation = generation;
	d->serial = serial;
}

static void put_view(struct dbx_dns *d)
{
	if (d->view)
		d->o.hooks->view_put(d->o.hooks_arg, d->view);
	d->view = NULL;
	d->options = NULL;
}

void dbx_dns_enter(struct dbx_dns *d)
{
	d->now_ns = dns_now_ns();
	take_view(d);
	if (!d->options_stale)
		return;
	d->options_stale = false;
	take_options(d);
	dns_guards_take(d);
}

void dbx_dns_look_again(struct dbx_dns *d)
{
	put_view(d);
	take_view(d);
}

void dbx_dns_leave(struct dbx_dns *d)
{
	size_t n, n_bytes;
	uint64_t evictions;

	dns_tcp_resume(d->tcp);
	dns_udp_flush(d->udp4);
	dns_udp_flush(d->udp6);
	dns_cache_stats(d->cache, &n, &n_bytes, &evictions);
	DNS_SET(d, cache_entries, n);
	DNS_SET(d, cache_bytes, n_bytes);
	DNS_SET(d, cache_evictions, evictions);
	put_view(d);
}

uint8_t *dns_reply_begin(struct dbx_dns *d, const struct dns_client *c, size_t *cap)
{
	if (c->is_tcp) {
		*cap = DBX_DNS_MSG_MAX;
		return d->tcp_buf + 2;
	}
	*cap = DBX_DNS_UDP_MAX;
	return dns_udp_begin(c->src.is_v6 ? d->udp6 : d->udp4);
}

void dns_reply_end(struct dbx_dns *d, const struct dns_client *c, size_t n)
{
	DNS_COUNT(d, answered);
	if (c->is_tcp)
		dns_conn_write(c->conn, d->tcp_buf, n);
	else
		dns_udp_end(c->src.is_v6 ? d->udp6 : d->udp4, c, n);
}

enum { WAKE_CHANGE = 'c', WAKE_STOP = 's' };

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct dbx_dns *d = arg;
	char v[64];
	ssize_t n = read(fd, v, sizeof(v));

	(void)what;
	if (n > 0 && memchr(v, WAKE_STOP, (size_t)n)) {
		event_base_loopbreak(d->base);
		return;
	}
	dbx_dns_enter(d);
	dbx_dns_leave(d);
}

/* A pipe that is full of changes wakes as well; to the end of a thread it must not come. */
static void wake(struct dbx_dns *d, char what)
{
	struct pollfd p = {.fd = d->wake[1], .events = POLLOUT};

	while (write(d->wake[1], &what, 1) < 0 && what == WAKE_STOP &&
	       (errno == EAGAIN || errno == EINTR))
		poll(&p, 1, 100);
}

void dbx_dns_change(struct dbx_dns *d)
{
	wake(d, WAKE_CHANGE);
}

static void *run(void *arg)
{
	struct dbx_dns *d = arg;

	event_base_dispatch(d->base);
	return NULL;
}

static int open_sockets(struct dbx_dns *d, struct dbx_fail *f)
{
	for (int i = 0; i < 4; i++) {
		d->fds[i] = dns_socket_open(&d->o, i >= 2, i % 2, f);
		if (d->fds[i] < 0)
			return d->fds[i];
	}
	return 0;
}

static int open_parts(struct dbx_dns *d)
{
	int rc;

	d->base = event_base_new();
	d->cache = dns_cache_new(d->seed);
	if (!d->base || !d->cache)
		return -ENOMEM;
	if (pipe2(d->wake, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	d->wake_event = event_new(d->base, d->wake[0], EV_READ | EV_PERSIST, on_wake, d);
	if (!d->wake_event || event_add(d->wake_event, NULL))
		return -ENOMEM;
	rc = dns_tasks_init(d);
	if (!rc)
		rc = dns_guards_init(d);
	if (!rc)
		rc = dns_udp_open(d, d->fds[0], false, &d->udp4);
	if (!rc)
		rc = dns_udp_open(d, d->fds[2], true, &d->udp6);
	return rc ? rc : dns_tcp_open(d, d->fds[1], d->fds[3], &d->tcp);
}

/* Signals are the daemon's loop's. */
static int start_thread(struct dbx_dns *d)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = -pthread_create(&d->thread, NULL, run, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	d->has_thread = !rc;
	if (!rc)
		pthread_setname_np(d->thread, "dbx-dns");
	return rc;
}

int dbx_dns_start(struct dbx_dns **out, const struct dbx_dns_opts *o, struct dbx_fail *f)
{
	struct dbx_dns *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "resolver: out of memory");
	d->o = *o;
	d->generation = UINT64_MAX; /* none was seen yet */
	memset(d->fds, -1, sizeof(d->fds));
	memset(d->wake, -1, sizeof(d->wake));
	dns_random(&d->seed, sizeof(d->seed));
	rc = open_sockets(d, f);
	if (!rc) {
		rc = open_parts(d);
		if (!rc)
			rc = start_thread(d);
		if (rc)
			dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "resolver: cannot start: %s",
				     strerror(-rc));
	}
	if (rc) {
		dbx_dns_stop(&d);
		return rc;
	}
	*out = d;
	return 0;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

void dbx_dns_stop(struct dbx_dns **dp)
{
	struct dbx_dns *d = *dp;

	if (!d)
		return;
	if (d->has_thread) {
		wake(d, WAKE_STOP);
		pthread_join(d->thread, NULL);
	}
	dns_tasks_fini(d);
	dns_guards_fini(d);
	dns_tcp_close(&d->tcp);
	dns_udp_close(&d->udp4);
	dns_udp_close(&d->udp6);
	dns_upstreams_put(&d->upstreams);
	if (d->cache)
		dns_cache_free(&d->cache);
	if (d->wake_event)
		event_free(d->wake_event);
	if (d->base)
		event_base_free(d->base);
	close_all(d->wake, 2);
	close_all(d->fds, 4);
	free(d);
	*dp = NULL;
}

void dbx_dns_fds(const struct dbx_dns *d, int *udp4, int *tcp4, int *udp6, int *tcp6)
{
	*udp4 = d->fds[0];
	*tcp4 = d->fds[1];
	*udp6 = d->fds[2];
	*tcp6 = d->fds[3];
}

void dbx_dns_stats(const struct dbx_dns *d, struct dbx_dns_stats *out)
{
	const uint64_t *from = (const uint64_t *)&d->stats;
	uint64_t *to = (uint64_t *)out;

	_Static_assert(sizeof(*out) % sizeof(*to) == 0, "counters only");
	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
