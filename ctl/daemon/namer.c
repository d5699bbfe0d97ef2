/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer.c -- learned names: learning, listing, the view that queries are judged by.
 *
 * What happens when policies change, and what time does, is in namer_swap.c and namer_sweep.c; what
 * outlives the daemon in namer_state.c.
 */
#include "daemon/namer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/namer_impl.h"
#include "wire/said.h"

uint64_t dbx_namer_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void dbx_namer_key(uint64_t policy_uid, const struct dbx_addr *addr, uint64_t name,
		   struct dbx_bound_key *key)
{
	const uint8_t *a = addr->a;

	memset(key, 0, sizeof(*key));
	key->policy_uid = policy_uid;
	key->name = name;
	if (!addr->is_v6) {
		key->addr[2] = 0xffff;
		key->addr[3] = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 |
			       a[3];
		return;
	}
	for (int i = 0; i < 4; i++, a += 4)
		key->addr[i] = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 |
			       a[3];
}

void dbx_namer_addr(const struct dbx_bound_key *key, struct dbx_addr *addr)
{
	bool is_v4 = !key->addr[0] && !key->addr[1] && key->addr[2] == 0xffff;

	memset(addr, 0, sizeof(*addr));
	addr->is_v6 = !is_v4;
	for (int i = is_v4 ? 3 : 0, at = 0; i < 4; i++)
		for (int shift = 24; shift >= 0; shift -= 8)
			addr->a[at++] = (uint8_t)(key->addr[i] >> shift);
}

uint64_t dbx_namer_hash(const struct dbx_namer *n, const char *name)
{
	return dbx_said_hash(&n->secret, name);
}

/* ---- the lock ---- */

#define SLICE   32     /* entries between two looks at the clock */
#define HOLD_NS 300000 /* the lock is had for so long and a slice while the resolver waits */

static void lock_at_once(struct dbx_namer *n)
{
	atomic_fetch_add(&n->n_waiting, 1);
	pthread_mutex_lock(&n->lock);
	atomic_fetch_sub(&n->n_waiting, 1);
}

/*
 * A mutex is not fair: without a rest, its owner takes it again before another has woken up. On a
 * machine that is busy a rest may last for milliseconds, so there are only as many as there must be.
 */
void dbx_namer_pause(struct dbx_namer *n, uint64_t *since_ns)
{
	const struct timespec rest = {.tv_nsec = 20000};

	if (!atomic_load(&n->n_waiting) || dbx_namer_now() - *since_ns < HOLD_NS)
		return;
	pthread_mutex_unlock(&n->lock);
	nanosleep(&rest, NULL);
	pthread_mutex_lock(&n->lock);
	*since_ns = dbx_namer_now();
}

int dbx_namer_walk(struct dbx_namer *n, int (*fn)(void *arg, struct dbx_lesson_entry *e), void *arg)
{
	uint64_t since_ns;
	size_t at = 0;
	int rc;

	pthread_mutex_lock(&n->lock);
	since_ns = dbx_namer_now();
	rc = dbx_lessons_some(&n->table, &at, SLICE, fn, arg);
	while (!rc && at < n->table.n_buckets) {
		dbx_namer_pause(n, &since_ns);
		rc = dbx_lessons_some(&n->table, &at, SLICE, fn, arg);
	}
	pthread_mutex_unlock(&n->lock);
	return rc;
}

/* ---- life ---- */

int dbx_namer_new(struct dbx_namer **out, const struct dbx_namer_opts *o)
{
	struct dbx_namer *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return -ENOMEM;
	n->ops = o->ops;
	n->dp = o->dp;
	n->bound_max = o->bound_max ? o->bound_max : DBX_BOUND_MAX;
	rc = n->ops->secret(n->dp, &n->secret);
	if (rc) {
		free(n);
		return rc;
	}
	pthread_mutex_init(&n->lock, NULL);
	*out = n;
	return 0;
}

static void view_unref(struct view *v)
{
	if (!v || --v->refs)
		return;
	v->parts.release(&v->parts);
	free(v);
}

void dbx_namer_free(struct dbx_namer **namer)
{
	struct dbx_namer *n = *namer;

	if (!n)
		return;
	view_unref(n->view);
	dbx_lessons_fini(&n->table);
	dbx_lessons_fini(&n->looked_up);
	pthread_mutex_destroy(&n->lock);
	free(n);
	*namer = NULL;
}

/* ---- views ---- */

const struct dbx_view *dbx_namer_view_get(struct dbx_namer *n)
{
	struct view *v;

	lock_at_once(n);
	v = n->view;
	if (v)
		v->refs++;
	pthread_mutex_unlock(&n->lock);
	return v ? &v->view : NULL;
}

void dbx_namer_view_put(struct dbx_namer *n, const struct dbx_view *view)
{
	lock_at_once(n);
	view_unref((struct view *)view); /* its first member */
	pthread_mutex_unlock(&n->lock);
}

int dbx_namer_set_view(struct dbx_namer *n, struct dbx_view_parts *parts)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->refs = 1;
	v->parts = *parts;
	v->view.names = parts->names;
	v->view.img = parts->img;
	v->view.model = parts->model;
	v->view.generation = parts->generation;
	v->view.serial = ++n->serial;
	view_unref(n->view);
	n->view = v;
	return 0;
}

/* ---- learning ---- */

int dbx_namer_bind(struct dbx_namer *n, const struct dbx_bound_key *key, uint64_t rule_uid,
		   uint64_t expires_ns)
{
	struct dbx_bound b = {.expires_ns = expires_ns, .rule_uid = rule_uid};

	return n->ops->learn(n->dp, key, &b);
}

int dbx_namer_bind_again(struct dbx_namer *n, const struct dbx_lesson_entry *e)
{
	return e->is_guard ? dbx_namer_bind_guard(n, &e->key, e->rule_uid)
			   : dbx_namer_bind(n, &e->key, e->rule_uid, e->expires_ns);
}

/* Room is kept for guards: a table full of names must not open what is guarded. */
static bool has_room(const struct dbx_namer *n, const struct dbx_lesson *l)
{
	uint32_t kept = l->kind == DBX_LESSON_NAME ? n->bound_max / 64 : 0;

	return n->table.n < n->bound_max - kept;
}

static void name_it(struct dbx_namer *n, struct dbx_lesson_entry *e, const char *name)
{
	if (e->name[0])
		return;
	e = dbx_lessons_name(&n->table, e, name);
	if (!e)
		return; /* goes on without */
	e->is_saved = false;
	n->n_unsaved++;
}

static int learn_one(struct dbx_namer *n, const struct dbx_bound_key *key,
		     const struct dbx_lesson *l, uint64_t expires_ns,
		     struct dbx_lesson_entry **added)
{
	struct dbx_lesson_entry *e = dbx_lessons_find(&n->table, key);
	bool is_guard = l->kind != DBX_LESSON_NAME;
	int is_new, rc;

	*added = NULL;
	if (e && e->expires_ns >= expires_ns && e->rule_uid == l->rule_uid &&
	    e->is_guard == is_guard && e->name[0])
		return 0;
	if (!e && !has_room(n, l))
		return -ENOSPC;
	e = dbx_lessons_add(&n->table, key, l->name, &is_new);
	if (!e)
		return -ENOMEM;
	if (expires_ns < e->expires_ns)
		expires_ns = e->expires_ns;
	rc = is_guard ? dbx_namer_guard_set(n, e, l->rule_uid)
		      : dbx_namer_bind(n, key, l->rule_uid, expires_ns);
	if (rc) {
		if (is_new)
			dbx_lessons_remove(&n->table, e);
		return rc;
	}
	n->addrs_stale |= e->is_guard && !is_guard;
	e->is_guard = is_guard;
	e->rule_uid = l->rule_uid;
	e->expires_ns = expires_ns;
	e->is_gone = false;
	if (is_new) {
		*added = e;
		n->n_unsaved++;
	}
	name_it(n, e, l->name);
	return 0;
}

int dbx_namer_learn(struct dbx_namer *n, const struct dbx_lesson *l)
{
	uint64_t now = dbx_namer_now();
	uint64_t expires_ns = now + (uint64_t)l->ttl_s * 1000000000u;
	uint64_t hash = dbx_namer_hash(n, l->name);
	struct dbx_lesson_entry *added[DBX_LESSON_ADDRS];
	size_t i = 0;
	int rc = 0;

	if (l->n_addrs > DBX_LESSON_ADDRS)
		return -E2BIG;
	lock_at_once(n);
	if (l->generation && n->view && n->view->view.generation != l->generation)
		rc = -ESTALE; /* settle() has been over the table: this would stay behind */
	if (n->view)
		expires_ns += (uint64_t)n->view->parts.model->gateway.dns.grace_s * 1000000000u;
	for (; !rc && i < l->n_addrs; i++) {
		struct dbx_bound_key key;

		dbx_namer_key(l->policy_uid, &l->addrs[i], hash, &key);
		rc = learn_one(n, &key, l, expires_ns, &added[i]);
	}
	while (rc && i--)
		if (added[i])
			dbx_namer_drop(n, added[i]);
	if (!rc && l->kind != DBX_LESSON_NAME)
		dbx_namer_looked_up(n, l->policy_uid, l->kind, hash, now);
	n->stats.learned += !rc;
	n->stats.refused_full += rc == -ENOSPC;
	n->stats.failed += rc && rc != -ENOSPC && rc != -ESTALE;
	pthread_mutex_unlock(&n->lock);
	return rc;
}

/* The binding goes; the address with the last one, which the sweep finds out. */
void dbx_namer_drop(struct dbx_namer *n, struct dbx_lesson_entry *e)
{
	n->ops->unlearn(n->dp, &e->key);
	dbx_lessons_remove(&n->table, e);
	n->addrs_stale = true;
}

void dbx_namer_hide(struct dbx_namer *n, struct dbx_lesson_entry *e)
{
	if (e->is_gone)
		return;
	n->ops->unlearn(n->dp, &e->key);
	e->is_gone = true;
}

/* ---- looking ---- */

struct each {
	void (*fn)(void *arg, const struct dbx_learned_name *l);
	void *arg;
};

static int tell(void *arg, struct dbx_lesson_entry *e)
{
	struct dbx_learned_name l = {
		.policy_uid = e->key.policy_uid,
		.rule_uid = e->rule_uid,
		.expires_ns = e->expires_ns,
		.name = e->name,
		.is_guard = e->is_guard,
	};
	struct each *x = arg;

	if (e->is_gone)
		return 0;
	dbx_namer_addr(&e->key, &l.addr);
	x->fn(x->arg, &l);
	return 0;
}

void dbx_namer_each(struct dbx_namer *n, void (*fn)(void *arg, const struct dbx_learned_name *l),
		    void *arg)
{
	struct each x = {fn, arg};

	dbx_namer_walk(n, tell, &x);
}

static int count_guard(void *arg, struct dbx_lesson_entry *e)
{
	*(size_t *)arg += e->is_guard;
	return 0;
}

void dbx_namer_stats(struct dbx_namer *n, struct dbx_namer_stats *out)
{
	pthread_mutex_lock(&n->lock);
	*out = n->stats;
	dbx_lessons_each(&n->table, count_guard, &out->n_guards);
	out->n_bound = n->table.n;
	out->bound_max = n->bound_max;
	pthread_mutex_unlock(&n->lock);
}
