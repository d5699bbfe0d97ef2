/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer_state.c -- learned names over a restart: the data plane keeps hashes, the state their texts.
 */
#include <errno.h>
#include <string.h>

#include "daemon/namer_impl.h"

#define SAVE_MAX 8192 /* names written at a time */

/* The next look-up of its name says whether it stays. */
static void keep_guard(struct dbx_lesson_entry *e, const struct dbx_bound *b)
{
	e->is_guard = b->flags & DBX_BOUND_F_PRIVATE;
	if (e->is_guard)
		e->expires_ns = dbx_namer_now();
}

int dbx_namer_restore(struct dbx_namer *n, uint64_t policy_uid, const struct dbx_addr *addr,
		      const char *name)
{
	struct dbx_lesson_entry *e;
	struct dbx_bound_key key;
	struct dbx_bound bound;
	int rc;

	dbx_namer_key(policy_uid, addr, dbx_namer_hash(n, name), &key);
	rc = n->ops->bound_get(n->dp, &key, &bound);
	if (rc)
		return rc;
	pthread_mutex_lock(&n->lock);
	e = dbx_lessons_add(&n->table, &key, name, NULL);
	if (e) {
		e->rule_uid = bound.rule_uid;
		e->expires_ns = bound.expires_ns;
		e->is_saved = true;
		keep_guard(e, &bound);
	} else {
		rc = -ENOMEM;
	}
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static int keep_anonymous(void *arg, const struct dbx_bound_key *k, const struct dbx_bound *v)
{
	struct dbx_namer *n = arg;
	struct dbx_lesson_entry *e;
	int is_new;

	e = dbx_lessons_add(&n->table, k, "", &is_new);
	if (!e)
		return -ENOMEM;
	if (is_new) {
		e->rule_uid = v->rule_uid;
		e->expires_ns = v->expires_ns;
		e->is_saved = true;
		keep_guard(e, v);
	}
	return 0;
}

int dbx_namer_restore_rest(struct dbx_namer *n)
{
	int rc;

	pthread_mutex_lock(&n->lock);
	rc = n->ops->bound_each(n->dp, keep_anonymous, n);
	n->addrs_stale = true;
	pthread_mutex_unlock(&n->lock);
	return rc;
}

bool dbx_namer_has(struct dbx_namer *n, uint64_t policy_uid, const struct dbx_addr *addr,
		   const char *name)
{
	struct dbx_bound_key key;
	bool has;

	dbx_namer_key(policy_uid, addr, dbx_namer_hash(n, name), &key);
	pthread_mutex_lock(&n->lock);
	has = dbx_lessons_find(&n->table, &key);
	pthread_mutex_unlock(&n->lock);
	return has;
}

struct unsaved {
	int (*fn)(void *arg, const struct dbx_learned_name *l);
	void *arg;
	size_t n;
};

static int take(void *arg, struct dbx_lesson_entry *e)
{
	struct unsaved *u = arg;
	struct dbx_learned_name l = {.policy_uid = e->key.policy_uid, .name = e->name};

	if (e->is_saved || !e->name[0])
		return 0;
	if (u->n++ == SAVE_MAX)
		return 1;
	dbx_namer_addr(&e->key, &l.addr);
	e->is_saved = true;
	return u->fn(u->arg, &l);
}

void dbx_namer_take_unsaved(struct dbx_namer *n,
			    int (*fn)(void *arg, const struct dbx_learned_name *l), void *arg)
{
	struct unsaved u = {fn, arg, 0};
	size_t before;

	pthread_mutex_lock(&n->lock);
	before = n->n_unsaved;
	pthread_mutex_unlock(&n->lock);
	if (!before || dbx_namer_walk(n, take, &u))
		return;
	pthread_mutex_lock(&n->lock);
	n->n_unsaved -= before; /* what came meanwhile may not have been met */
	pthread_mutex_unlock(&n->lock);
}

static int unsave(void *arg, struct dbx_lesson_entry *e)
{
	(void)arg;
	e->is_saved = false;
	return 0;
}

void dbx_namer_unsave(struct dbx_namer *n)
{
	pthread_mutex_lock(&n->lock);
	dbx_lessons_each(&n->table, unsave, NULL);
	n->n_unsaved = n->table.n;
	pthread_mutex_unlock(&n->lock);
}
