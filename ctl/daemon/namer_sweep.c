/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer_sweep.c -- what time does to learned names and to flows.
 *
 * A binding that has expired stays as long as a flow that spoke its name is alive; an address stays
 * as long as one of its bindings does; a flow goes when it has been silent for longer than its state
 * warrants. Of a flow that has long been silent only the text of its name is kept, so that a change of
 * policies can tell whether it may go on. Keys to be removed are gathered first: the kernel's walks and
 * removals do not mix. The resolver learns meanwhile, and is never kept waiting for more than a few
 * entries: thousands may expire within a second.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/namer_impl.h"
#include "lib/vec.h"

#define SECOND_NS 1000000000ull
#define HELLO_S   30
#define DENIED_S  30
#define CLOSING_S 60
#define IDLE_S    7200
#define ALIVE_S   120 /* a flow that was silent for longer keeps no name */

struct flows {
	uint64_t now;
	DBX_VEC(struct dbx_flow_key) dead;
	struct dbx_lesson_table alive; /* what flows said; is_gone: only silent ones did */
	int err;
};

static uint64_t patience_s(const struct dbx_flow *f)
{
	if (f->flags & DBX_FLOW_F_CLOSING)
		return CLOSING_S;
	switch (f->state) {
	case DBX_FLOW_ALLOWED:
		return IDLE_S;
	case DBX_FLOW_DENIED:
		return DENIED_S;
	default:
		return HELLO_S;
	}
}

static int look_at_flow(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *f)
{
	struct flows *w = arg;
	uint64_t silent = w->now > f->last_ns ? w->now - f->last_ns : 0;
	struct dbx_bound_key key = {.policy_uid = f->policy_uid[0], .name = f->name};
	bool is_silent = silent > ALIVE_S * SECOND_NS;
	struct dbx_lesson_entry *e;
	int is_new;

	if (silent > patience_s(f) * SECOND_NS) {
		w->err |= dbx_vec_push(&w->dead, *k);
		return 0;
	}
	if (f->state != DBX_FLOW_ALLOWED || !f->name)
		return 0;
	memcpy(key.addr, k->dst, sizeof(key.addr));
	e = dbx_lessons_add(&w->alive, &key, "", &is_new);
	if (!e)
		w->err = 1;
	else
		e->is_gone = is_silent && (is_new || e->is_gone);
	return 0;
}

struct sweep {
	struct dbx_namer *n;
	struct flows *flows;
};

static int look_at_lesson(void *arg, struct dbx_lesson_entry *e)
{
	struct sweep *s = arg;
	uint64_t later = s->flows->now + 30 * SECOND_NS;
	const struct dbx_lesson_entry *flow;

	if (e->is_guard) {
		if (dbx_namer_guard_is_over(s->n, e, s->flows->now)) {
			dbx_namer_drop(s->n, e);
			s->n->stats.swept++;
		}
		return 0;
	}
	if (e->expires_ns > s->flows->now)
		return 0;
	flow = dbx_lessons_find(&s->flows->alive, &e->key);
	if (flow && flow->is_gone) {
		dbx_namer_hide(s->n, e);
		return 0;
	}
	if (flow) {
		if (!e->is_gone && !dbx_namer_bind(s->n, &e->key, e->rule_uid, later))
			e->expires_ns = later;
		return 0;
	}
	/* Its address has expired with the last of its bindings, see forget_expired(). */
	s->n->ops->unlearn(s->n->dp, &e->key);
	dbx_lessons_remove(&s->n->table, e);
	s->n->stats.swept++;
	return 0;
}

struct expired {
	uint64_t now;
	DBX_VEC(struct dbx_learned_key) keys;
	int err;
};

struct addrs {
	struct dbx_lesson_table bound; /* (policy, address) that a binding has; name 0 */
	struct dbx_lesson_table again; /* those that were guarded and are not */
	DBX_VEC(struct dbx_learned_key) dead;
	struct dbx_namer *n;
	int err;
};

static int note_addr(void *arg, struct dbx_lesson_entry *e)
{
	struct addrs *a = arg;
	struct dbx_bound_key key = e->key;
	struct dbx_lesson_entry *at;

	if (e->is_gone)
		return 0;
	key.name = 0;
	at = dbx_lessons_add(&a->bound, &key, "", NULL);
	if (at)
		at->is_guard |= e->is_guard;
	else
		a->err = 1;
	return 0;
}

/* An address expires no sooner than any of its bindings: dp.h, learn. */
static int is_expired(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v)
{
	struct expired *x = arg;

	if (v->expires_ns <= x->now)
		x->err |= dbx_vec_push(&x->keys, *k);
	return 0;
}

static void forget_expired(struct dbx_namer *n, uint64_t now)
{
	struct expired x = {.now = now};
	struct dbx_learned v;
	uint64_t since_ns;

	n->ops->learned_each(n->dp, is_expired, &x);
	pthread_mutex_lock(&n->lock);
	since_ns = dbx_namer_now();
	for (size_t i = 0; i < x.keys.n; i++) {
		/* It may have been learned again since. */
		if (!n->ops->learned_get(n->dp, &x.keys.v[i], &v) && v.expires_ns <= now)
			n->ops->forget_addr(n->dp, &x.keys.v[i]);
		if (i % 32 == 31)
			dbx_namer_pause(n, &since_ns);
	}
	pthread_mutex_unlock(&n->lock);
	dbx_vec_fini(&x.keys);
}

static int look_at_addr(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v)
{
	struct addrs *a = arg;
	struct dbx_bound_key key = {.policy_uid = k->policy_uid};

	const struct dbx_lesson_entry *e;

	memcpy(key.addr, k->addr, sizeof(key.addr));
	e = dbx_lessons_find(&a->bound, &key);
	if (e && (e->is_guard || !(v->flags & DBX_LEARNED_F_GUARD)))
		return 0;
	a->err |= dbx_vec_push(&a->dead, *k);
	if (e && !dbx_lessons_add(&a->again, &key, "", NULL))
		a->err = 1;
	return 0;
}

static int bind_again(void *arg, struct dbx_lesson_entry *e)
{
	struct addrs *a = arg;
	struct dbx_bound_key key = e->key;

	key.name = 0;
	if (!e->is_gone && dbx_lessons_find(&a->again, &key))
		dbx_namer_bind_again(a->n, e);
	return 0;
}

void dbx_namer_sweep_addrs(struct dbx_namer *n)
{
	struct addrs a = {.n = n};

	dbx_lessons_each(&n->table, note_addr, &a);
	if (!a.err)
		n->ops->learned_each(n->dp, look_at_addr, &a);
	for (size_t i = 0; i < a.dead.n && !a.err; i++)
		n->ops->forget_addr(n->dp, &a.dead.v[i]);
	if (a.again.n && !a.err)
		dbx_lessons_each(&n->table, bind_again, &a);
	n->addrs_stale = a.err;
	dbx_vec_fini(&a.dead);
	dbx_lessons_fini(&a.bound);
	dbx_lessons_fini(&a.again);
}

void dbx_namer_sweep(struct dbx_namer *n)
{
	struct flows w = {.now = dbx_namer_now()};
	struct sweep s = {n, &w};

	n->ops->flows_each(n->dp, look_at_flow, &w);
	for (size_t i = 0; i < w.dead.n; i++)
		n->ops->flow_del(n->dp, &w.dead.v[i]);
	if (!w.err)
		dbx_namer_walk(n, look_at_lesson, &s);
	forget_expired(n, w.now);
	pthread_mutex_lock(&n->lock);
	if (n->addrs_stale)
		dbx_namer_sweep_addrs(n);
	pthread_mutex_unlock(&n->lock);
	dbx_vec_fini(&w.dead);
	dbx_lessons_fini(&w.alive);
}
