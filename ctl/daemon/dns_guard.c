// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_guard.c -- the public addresses of resources that may only be reached privately.
 *
 * Nobody asks for them: workloads are told the private address. So the resolver looks them up itself,
 * when documents change and again when their TTL ends, and teaches them as guarded. It also listens to
 * what others were answered: the same name is public for a workspace of another NCC. A look-up that
 * fails is repeated, later each time; what was known stays guarded meanwhile (namer_guard.c).
 *
 * Few are out at a time, and a look-up is repeated the later the more names there are, so that however
 * many rules there are, upstreams are asked some hundred questions a second and clients never wait.
 */
#include "daemon/dns_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/vec.h"

#define NAMES_MAX  8192u
#define SCOPES_MAX 65536u /* (name, scope) */
#define OUT_MAX    32u
#define A_SECOND   100u /* names looked up in a second, at most, on an average */
#define TTL_MAX_S  3600u
#define NONE_MIN_S 30u /* to the next look-up of what has no address */
#define NONE_MAX_S 300u
#define BACKOFF    6u /* doublings of a second */
#define SECOND_NS  1000000000ull
#define FOREVER    UINT64_MAX

struct lookup {
	uint64_t next_ns; /* FOREVER: it is out */
	unsigned int n_failed;
};

struct guarded {
	char *name;
	size_t first, n;     /* of scopes */
	struct lookup of[2]; /* A, AAAA */
};

struct scope {
	char *name;
	uint64_t policy_uid, rule_uid;
};

struct dns_guards {
	struct event *timer;
	struct dbx_strmap by_name; /* -> index into names */
	DBX_VEC(struct guarded) names;
	DBX_VEC(struct scope) scopes; /* by name */
	size_t n_out, n_over;
	bool is_stale; /* not what the view says: memory was short */
	int err;
};

/* ---- which ---- */

static void forget(struct dns_guards *g)
{
	dbx_vec_for_each(&g->scopes, s)
		free(s->name);
	dbx_vec_fini(&g->scopes);
	dbx_vec_fini(&g->names);
	dbx_strmap_fini(&g->by_name);
	dbx_strmap_init(&g->by_name);
	g->n_over = 0;
	g->err = 0;
}

static void add_scope(void *arg, uint64_t policy_uid, uint64_t rule_uid, const char *name)
{
	struct dns_guards *g = arg;
	struct scope s = {NULL, policy_uid, rule_uid};

	if (g->scopes.n >= SCOPES_MAX) {
		g->n_over++;
		return;
	}
	s.name = strdup(name);
	if (s.name && !dbx_vec_push(&g->scopes, s))
		return;
	free(s.name);
	g->err = -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct scope *)a)->name, ((const struct scope *)b)->name);
}

static int add_names(struct dns_guards *g)
{
	int rc = g->err;

	if (g->scopes.n)
		qsort(g->scopes.v, g->scopes.n, sizeof(g->scopes.v[0]), by_name);
	for (size_t i = 0; i < g->scopes.n && !rc; i++) {
		struct guarded v = {.name = g->scopes.v[i].name, .first = i, .n = 1};

		if (i && !strcmp(v.name, g->scopes.v[i - 1].name)) {
			g->names.v[g->names.n - 1].n++;
			continue;
		}
		if (g->names.n == NAMES_MAX) {
			g->n_over += g->scopes.n - i;
			break;
		}
		rc = dbx_strmap_put(&g->by_name, v.name, g->names.n);
		if (!rc)
			rc = dbx_vec_push(&g->names, v);
	}
	return rc;
}

static void wake(struct dns_guards *g, uint64_t in_ns)
{
	struct timeval tv = {(time_t)(in_ns / SECOND_NS), (suseconds_t)(in_ns % SECOND_NS / 1000)};

	evtimer_add(g->timer, &tv);
}

void dns_guards_take(struct dbx_dns *d)
{
	struct dns_guards *g = d->guards;

	forget(g);
	if (d->view && d->options && d->o.hooks->each_guard)
		d->o.hooks->each_guard(d->view, add_scope, g);
	g->is_stale = add_names(g);
	if (g->is_stale)
		forget(g);
	DNS_SET(d, guards, g->names.n);
	DNS_SET(d, guards_over, g->n_over);
	if (g->is_stale)
		wake(g, SECOND_NS);
	else if (g->names.n)
		wake(g, 0);
	else
		evtimer_del(g->timer);
}

/* ---- what became of a look-up ---- */

static struct guarded *find(struct dns_guards *g, const struct dbx_dns_query *q,
			    struct lookup **out)
{
	uint64_t at;

	if ((q->qtype != DBX_DNS_A && q->qtype != DBX_DNS_AAAA) ||
	    !dbx_strmap_get(&g->by_name, q->name, &at))
		return NULL;
	*out = &g->names.v[at].of[q->qtype == DBX_DNS_AAAA];
	return &g->names.v[at];
}

static void failed(struct dbx_dns *d, struct lookup *l)
{
	DNS_COUNT(d, guard_failures);
	l->next_ns = d->now_ns + (SECOND_NS << (l->n_failed < BACKOFF ? l->n_failed : BACKOFF));
	l->n_failed++;
}

static void succeeded(struct dbx_dns *d, struct lookup *l, size_t n_addrs, uint32_t ttl_s)
{
	uint32_t min_s = 1 + (uint32_t)(2 * d->guards->names.n / A_SECOND), max_s = TTL_MAX_S;

	if (!n_addrs) {
		min_s = min_s > NONE_MIN_S ? min_s : NONE_MIN_S;
		max_s = NONE_MAX_S;
	}
	if (ttl_s > max_s)
		ttl_s = max_s;
	if (ttl_s < min_s)
		ttl_s = min_s;
	l->next_ns = d->now_ns + ttl_s * SECOND_NS;
	l->n_failed = 0;
}

/* For all scopes of the name, or it has failed; the same lesson again does no harm. */
static int teach(struct dbx_dns *d, const struct guarded *v, const struct dns_entry *e, bool is_v6,
		 uint32_t ttl_s)
{
	int rc = 0;

	for (size_t i = v->first; i < v->first + v->n && !rc; i++) {
		const struct scope *s = &d->guards->scopes.v[i];
		const struct dbx_lesson lesson = {
			.policy_uid = s->policy_uid,
			.rule_uid = s->rule_uid,
			.name = v->name,
			.addrs = e->a.addrs,
			.n_addrs = e->a.n_addrs,
			.ttl_s = ttl_s,
			.generation = d->generation,
			.kind = is_v6 ? DBX_LESSON_GUARD_V6 : DBX_LESSON_GUARD_V4,
		};

		rc = d->o.hooks->learn(d->o.hooks_arg, &lesson);
	}
	if (rc && rc != -ESTALE)
		DNS_COUNT(d, commit_failures);
	return rc;
}

static void hear(struct dbx_dns *d, const struct guarded *v, struct lookup *l,
		 const struct dns_entry *e)
{
	uint32_t age_s = (uint32_t)((d->now_ns - e->read_ns) / SECOND_NS);
	uint32_t ttl_s = e->a.ttl_s > age_s ? e->a.ttl_s - age_s : 0;
	bool is_v6 = l == &v->of[1];

	if ((e->a.rcode != DBX_DNS_NOERROR && e->a.rcode != DBX_DNS_NXDOMAIN) ||
	    teach(d, v, e, is_v6, ttl_s))
		failed(d, l);
	else
		succeeded(d, l, e->a.n_addrs, ttl_s);
}

void dns_guards_heard(struct dbx_dns *d, const struct dbx_dns_query *q, const struct dns_entry *e)
{
	struct lookup *l;
	struct guarded *v = find(d->guards, q, &l);

	if (v)
		hear(d, v, l, e);
}

void dns_guards_done(struct dbx_dns *d, const struct dbx_dns_query *q, const struct dns_entry *e)
{
	struct lookup *l;

	d->guards->n_out--;
	if (!e && find(d->guards, q, &l))
		failed(d, l);
	wake(d->guards, 0);
}

/* ---- looking up ---- */

static void look_up(struct dbx_dns *d, struct guarded *v, bool is_v6)
{
	struct lookup *l = &v->of[is_v6];
	struct dns_ask *ask = calloc(1, sizeof(*ask));
	struct dns_entry *e;
	struct dns_key k;

	if (!ask) {
		failed(d, l);
		return;
	}
	ask->is_guard = true;
	ask->start_ns = d->now_ns;
	dbx_dns_query_make(&ask->q, v->name, is_v6 ? DBX_DNS_AAAA : DBX_DNS_A);
	k = dns_cache_key(d->cache, &ask->q);
	e = dns_cache_get(d->cache, &k, d->now_ns);
	if (e) {
		hear(d, v, l, e);
		free(ask);
		return;
	}
	DNS_COUNT(d, guard_lookups);
	l->next_ns = FOREVER;
	d->guards->n_out++;
	if (dns_task_join(d, &k, ask))
		dns_ask_finish(d, ask, NULL);
}

static void run(struct dbx_dns *d)
{
	struct dns_guards *g = d->guards;
	uint64_t next_ns = FOREVER;

	for (size_t i = 0; i < 2 * g->names.n; i++) {
		struct guarded *v = &g->names.v[i / 2];
		struct lookup *l = &v->of[i % 2];

		if (l->next_ns <= d->now_ns && g->n_out < OUT_MAX)
			look_up(d, v, i % 2);
		if (l->next_ns < next_ns)
			next_ns = l->next_ns;
	}
	if (next_ns == FOREVER || g->n_out >= OUT_MAX)
		return; /* the next that is done wakes us */
	wake(g, next_ns > d->now_ns ? next_ns - d->now_ns : 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dbx_dns *d = arg;

	(void)fd, (void)what;
	dbx_dns_enter(d);
	if (d->guards->is_stale)
		dns_guards_take(d);
	else if (d->options)
		run(d);
	dbx_dns_leave(d);
}

/* ---- life ---- */

int dns_guards_init(struct dbx_dns *d)
{
	d->guards = calloc(1, sizeof(*d->guards));
	if (!d->guards)
		return -ENOMEM;
	dbx_strmap_init(&d->guards->by_name);
	d->guards->timer = evtimer_new(d->base, on_timer, d);
	return d->guards->timer ? 0 : -ENOMEM;
}

void dns_guards_fini(struct dbx_dns *d)
{
	if (!d->guards)
		return;
	forget(d->guards);
	dbx_strmap_fini(&d->guards->by_name);
	if (d->guards->timer)
		event_free(d->guards->timer);
	free(d->guards);
	d->guards = NULL;
}
