/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer_impl.h -- what the parts of the namer share. Everything but `ops`, `dp` and `secret`, which
 * never change, is guarded by `lock`.
 */
#ifndef DBX_DAEMON_NAMER_IMPL_H
#define DBX_DAEMON_NAMER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/namer.h"
#include "daemon/namer_table.h"

#define DBX_LESSON_ADDRS \
	512 /* addresses of one answer: what 64 KB can hold is more than is learned */

struct view {
	struct dbx_view view; /* first: what users hold */
	struct dbx_view_parts parts;
	unsigned int refs;
};

struct dbx_namer {
	const struct dbx_dp_ops *ops;
	struct dbx_dp *dp;
	struct dbx_secret secret;
	pthread_mutex_t lock;
	atomic_uint n_waiting; /* the resolver's, for the lock */
	uint32_t bound_max;
	struct dbx_lesson_table table;
	struct dbx_lesson_table
		looked_up; /* (scope, family, name) -> when guards were last looked up */
	struct view *view;
	uint64_t serial;  /* of the last view */
	size_t n_unsaved; /* an upper bound */
	bool addrs_stale; /* some address may have lost its last binding, or guard */
	struct dbx_namer_stats stats;
};

uint64_t dbx_namer_now(void); /* CLOCK_MONOTONIC, ns */
void dbx_namer_key(uint64_t policy_uid, const struct dbx_addr *addr, uint64_t name,
		   struct dbx_bound_key *key);
void dbx_namer_addr(const struct dbx_bound_key *key, struct dbx_addr *addr);
int dbx_namer_bind(struct dbx_namer *n, const struct dbx_bound_key *key, uint64_t rule_uid,
		   uint64_t expires_ns);
int dbx_namer_bind_guard(struct dbx_namer *n, const struct dbx_bound_key *key, uint64_t rule_uid);
int dbx_namer_bind_again(struct dbx_namer *n, const struct dbx_lesson_entry *e);
/* ---- namer_guard.c ---- */
void dbx_namer_looked_up(struct dbx_namer *n, uint64_t policy_uid, enum dbx_lesson_kind kind,
			 uint64_t name, uint64_t now);
/* It expired, and a later look-up did not find it. */
bool dbx_namer_guard_is_over(struct dbx_namer *n, const struct dbx_lesson_entry *e, uint64_t now);
/* Makes an entry a guard, or gives a guard its rule; -errno: it is what it was. */
int dbx_namer_guard_set(struct dbx_namer *n, struct dbx_lesson_entry *e, uint64_t rule_uid);
void dbx_namer_drop(struct dbx_namer *n, struct dbx_lesson_entry *e);
/* Of one that has expired: all but its text goes. */
void dbx_namer_hide(struct dbx_namer *n, struct dbx_lesson_entry *e);
/* All entries, a few at a time: the resolver waits for some of them, never for all. */
int dbx_namer_walk(struct dbx_namer *n, int (*fn)(void *arg, struct dbx_lesson_entry *e),
		   void *arg);
/* Lets the resolver have the lock, which the caller has had since then, if it waits long for it. */
void dbx_namer_pause(struct dbx_namer *n, uint64_t *since_ns);
int dbx_namer_set_view(struct dbx_namer *n, struct dbx_view_parts *parts);
void dbx_namer_sweep_addrs(struct dbx_namer *n); /* forgets addresses without a binding */

#endif
