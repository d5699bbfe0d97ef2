// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_task.c -- a question put to the upstreams until one answers it or time is up.
 *
 * Clients with the same question share one task: a flood of them is one question upstream, and a
 * forger gets one to guess at. Earlier attempts stay open while later ones are tried, so an upstream
 * that is slow is heard all the same. Letters of the qname go out in random case (draft-vixie-dnsext
 * -dns0x20) and must come back so; if they do not, or too many wrong answers come, TCP decides.
 */
#include "daemon/dns_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS     4096u
#define FORGERIES   8u /* answers to nothing, then TCP */
#define TIMEOUT_MS  4000u
#define ATTEMPT_MS  800u
#define MIN_WAIT_MS 10u

struct dbx_dns_task {
	LIST_ENTRY(dbx_dns_task) by_hash;
	struct dbx_dns *d;
	uint64_t hash, deadline_ns;
	struct dbx_dns_query q;
	struct dns_asks asks;
	struct dns_upstreams *u;
	struct event *timer;
	size_t n_attempts, n_forged;
	struct dns_attempt *attempts[DNS_ATTEMPTS_MAX];
	int last;         /* upstream of the latest attempt */
	size_t n_refused; /* upstreams that said they will not or cannot */
	uint8_t sent[DBX_DNS_UPSTREAM_QUERY_MAX];
	size_t n_sent;
};

LIST_HEAD(task_bucket, dbx_dns_task);
struct dns_tasks {
	struct task_bucket buckets[BUCKETS];
};

int dns_tasks_init(struct dbx_dns *d)
{
	d->tasks = calloc(1, sizeof(*d->tasks));
	return d->tasks ? 0 : -ENOMEM;
}

static void task_free(struct dbx_dns_task *t)
{
	LIST_REMOVE(t, by_hash);
	for (size_t i = 0; i < t->n_attempts; i++)
		dns_attempt_end(&t->attempts[i]);
	event_free(t->timer);
	dns_upstreams_put(&t->u);
	free(t);
}

void dns_tasks_fini(struct dbx_dns *d)
{
	struct dbx_dns_task *t;
	struct dns_ask *ask;

	for (size_t i = 0; d->tasks && i < BUCKETS; i++) {
		while ((t = LIST_FIRST(&d->tasks->buckets[i]))) {
			while ((ask = LIST_FIRST(&t->asks))) {
				LIST_REMOVE(ask, by_task);
				dns_ask_drop(d, ask);
			}
			task_free(t);
		}
	}
	free(d->tasks);
	d->tasks = NULL;
}

/* All who wait get e, or a failure; the task is over. */
static void finish(struct dbx_dns_task *t, struct dns_entry *e)
{
	struct dbx_dns *d = t->d;
	struct dns_asks asks = t->asks;
	struct dns_ask *ask;

	if (!LIST_EMPTY(&asks))
		LIST_FIRST(&asks)->by_task.le_prev = &asks.lh_first;
	task_free(t);
	while ((ask = LIST_FIRST(&asks))) {
		LIST_REMOVE(ask, by_task);
		dns_ask_finish(d, ask, e);
	}
}

/* Random case for every letter. */
static void shuffle_case(struct dbx_dns_task *t)
{
	uint8_t wire[DBX_DNS_WIRE_MAX], bits[DBX_DNS_WIRE_MAX / 8 + 1];

	dns_random(bits, sizeof(bits));
	for (size_t i = 0; i < t->q.n_wire; i++) {
		uint8_t c = t->q.lower[i];

		wire[i] = c >= 'a' && c <= 'z' && bits[i / 8] >> i % 8 & 1 ? (uint8_t)(c - 32) : c;
	}
	t->n_sent = dbx_dns_upstream_write(&t->q, 0, wire, t->sent);
}

static void arm(struct dbx_dns_task *t)
{
	uint64_t now = t->d->now_ns;
	uint64_t ms = t->deadline_ns > now ? (t->deadline_ns - now) / 1000000 : 0;
	uint32_t attempt_ms = t->d->options && t->d->options->attempt_ms ? t->d->options->attempt_ms
									 : ATTEMPT_MS;
	struct timeval tv;

	if (ms > attempt_ms)
		ms = attempt_ms;
	if (ms < MIN_WAIT_MS)
		ms = MIN_WAIT_MS;
	tv = (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
	evtimer_add(t->timer, &tv);
}

/* One more attempt, at upstream i. */
static int send_to(struct dbx_dns_task *t, size_t i, bool by_tcp)
{
	struct dns_attempt *a;
	int rc;

	if (t->n_attempts >= DNS_ATTEMPTS_MAX || t->d->now_ns >= t->deadline_ns)
		return -ETIMEDOUT;
	t->last = (int)i;
	rc = by_tcp ? dns_attempt_tcp(t->u, i, t, t->sent, t->n_sent, &a)
		    : dns_attempt_udp(t->u, i, t, t->sent, t->n_sent, &a);
	if (rc)
		return rc;
	t->attempts[t->n_attempts++] = a;
	arm(t);
	return 0;
}

/* The next upstream that can be sent to; none, or no time: everybody is told. */
static void try_next(struct dbx_dns_task *t)
{
	for (size_t k = 0; k < dns_upstreams_count(t->u); k++) {
		size_t i = dns_upstreams_pick(t->u, t->last, t->d->now_ns);
		int rc = send_to(t, i, false);

		if (!rc)
			return;
		if (rc == -ETIMEDOUT)
			break;
		dns_upstream_refused(t->u, i, t->d->now_ns);
	}
	finish(t, NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dbx_dns_task *t = arg;
	struct dbx_dns *d = t->d;

	(void)fd, (void)what;
	dbx_dns_enter(d);
	dns_upstream_missed(t->u, (size_t)t->last, d->now_ns);
	try_next(t);
	dbx_dns_leave(d);
}

static void drop_attempt(struct dbx_dns_task *t, struct dns_attempt *a)
{
	for (size_t i = 0; i < t->n_attempts; i++) {
		if (t->attempts[i] == a)
			dns_attempt_end(&t->attempts[i]);
	}
}

static bool has_attempts(const struct dbx_dns_task *t)
{
	for (size_t i = 0; i < t->n_attempts; i++) {
		if (t->attempts[i])
			return true;
	}
	return false;
}

void dns_task_lost(struct dbx_dns_task *t, struct dns_attempt *a)
{
	bool is_latest = dns_attempt_upstream(a) == (size_t)t->last;

	drop_attempt(t, a);
	if (++t->n_refused >= dns_upstreams_count(t->u) && !has_attempts(t))
		finish(t, NULL);
	else if (is_latest)
		try_next(t);
}

static void accept_answer(struct dbx_dns_task *t, struct dbx_dns_answer *a)
{
	struct dbx_dns *d = t->d;
	struct dns_key k = dns_cache_key(d->cache, &t->q);
	struct dns_entry *e = a->may_keep ? dns_cache_put(d->cache, &k, a, d->now_ns) : NULL;
	struct dns_entry once = {.read_ns = d->now_ns};

	if (e) {
		dns_guards_heard(d, &t->q, e);
		finish(t, e);
		return;
	}
	once.a = *a;
	dns_guards_heard(d, &t->q, &once);
	finish(t, &once);
	dbx_dns_answer_fini(&once.a);
}

/* An upstream that says it cannot: another may. */
static bool is_refusal(unsigned int rcode)
{
	return rcode == DBX_DNS_SERVFAIL || rcode == DBX_DNS_REFUSED || rcode == DBX_DNS_NOTIMP ||
	       rcode == DBX_DNS_FORMERR;
}

static void over_tcp(struct dbx_dns_task *t, size_t upstream)
{
	if (send_to(t, upstream, true))
		try_next(t);
}

static void read_answer(struct dbx_dns_task *t, const uint8_t *msg, size_t n)
{
	struct dbx_dns_answer a;
	int rc;

	if (is_refusal(dbx_dns_rcode(msg)) && ++t->n_refused < dns_upstreams_count(t->u)) {
		try_next(t);
		return;
	}
	rc = dbx_dns_answer_read(msg, n, &t->q, &t->d->rules, &a);
	if (!rc) {
		accept_answer(t, &a);
		return;
	}
	DNS_COUNT(t->d, upstream_bad);
	if (++t->n_refused < dns_upstreams_count(t->u))
		try_next(t);
	else
		finish(t, NULL);
}

void dns_task_heard(struct dbx_dns_task *t, struct dns_attempt *a, const uint8_t *msg, size_t n)
{
	size_t upstream = dns_attempt_upstream(a);
	bool is_tcp = dns_attempt_is_tcp(a);
	enum dbx_dns_match m;

	memcpy(t->sent, (uint8_t[]){(uint8_t)(dns_attempt_id(a) >> 8), (uint8_t)dns_attempt_id(a)},
	       2);
	m = dbx_dns_match(msg, n, t->sent, t->n_sent);
	if (m == DBX_DNS_MATCH_NO || (m == DBX_DNS_MATCH_CASE && !is_tcp)) {
		DNS_COUNT(t->d, upstream_bad);
		if (is_tcp)
			dns_task_lost(t, a);
		else if (m == DBX_DNS_MATCH_CASE || ++t->n_forged == FORGERIES)
			over_tcp(t, upstream);
		return;
	}
	dns_upstream_heard(t->u, upstream);
	drop_attempt(t, a);
	if (dbx_dns_is_truncated(msg) && !is_tcp)
		over_tcp(t, upstream);
	else
		read_answer(t, msg, n);
}

static struct dbx_dns_task *find(struct dbx_dns *d, const struct dns_key *k)
{
	struct dbx_dns_task *t;

	LIST_FOREACH(t, &d->tasks->buckets[k->hash % BUCKETS], by_hash)
	{
		struct dns_key have;

		if (t->hash != k->hash || t->u != d->upstreams)
			continue;
		have = dns_cache_key(d->cache, &t->q);
		if (have.qtype == k->qtype && have.flags == k->flags && have.n_wire == k->n_wire &&
		    !memcmp(have.lower, k->lower, k->n_wire))
			return t;
	}
	return NULL;
}

int dns_task_join(struct dbx_dns *d, const struct dns_key *k, struct dns_ask *ask)
{
	struct dbx_dns_task *t = find(d, k);
	uint32_t timeout_ms = d->options->timeout_ms ? d->options->timeout_ms : TIMEOUT_MS;

	if (t) {
		LIST_INSERT_HEAD(&t->asks, ask, by_task);
		return 0;
	}
	if (!d->upstreams || !dns_upstreams_count(d->upstreams))
		return -EDESTADDRREQ;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->timer = evtimer_new(d->base, on_timer, t);
	if (!t->timer) {
		free(t);
		return -ENOMEM;
	}
	t->d = d;
	t->hash = k->hash;
	t->deadline_ns = d->now_ns + timeout_ms * 1000000ull;
	t->q = ask->q;
	t->u = dns_upstreams_get(d->upstreams);
	t->last = -1;
	LIST_INSERT_HEAD(&t->asks, ask, by_task);
	LIST_INSERT_HEAD(&d->tasks->buckets[k->hash % BUCKETS], t, by_hash);
	shuffle_case(t);
	try_next(t);
	return 0;
}
