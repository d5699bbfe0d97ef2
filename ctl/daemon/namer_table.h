/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer_table.h -- learned names in memory: found by key, walked in no order, never evicted.
 */
#ifndef DBX_DAEMON_NAMER_TABLE_H
#define DBX_DAEMON_NAMER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/names.h"

struct dbx_lesson_entry {
	struct dbx_lesson_entry *next; /* in its bucket */
	struct dbx_bound_key key;
	uint64_t rule_uid;
	uint64_t expires_ns;
	bool is_saved; /* the state has its text */
	bool is_gone;  /* the data plane has forgotten it; a silent flow still has said it */
	bool is_guard; /* DBX_BOUND_F_PRIVATE */
	char name[];   /* "" = not known: see dbx_namer_restore_rest() */
};

struct dbx_lesson_table { /* all zero is empty */
	struct dbx_lesson_entry **buckets;
	size_t n, n_buckets;
};

struct dbx_lesson_entry *dbx_lessons_find(const struct dbx_lesson_table *t,
					  const struct dbx_bound_key *key);
/* The entry of key, made when there is none; NULL: out of memory. *is_new may be NULL. */
struct dbx_lesson_entry *dbx_lessons_add(struct dbx_lesson_table *t,
					 const struct dbx_bound_key *key, const char *name,
					 int *is_new);
/* Gives an entry without a text its own: in a new place, or NULL and e stays. */
struct dbx_lesson_entry *dbx_lessons_name(struct dbx_lesson_table *t, struct dbx_lesson_entry *e,
					  const char *name);
void dbx_lessons_remove(struct dbx_lesson_table *t, struct dbx_lesson_entry *e);
void dbx_lessons_fini(struct dbx_lesson_table *t);

/* fn may remove the entry that it is given, and nothing else. Stops at what is not 0. */
int dbx_lessons_each(struct dbx_lesson_table *t, int (*fn)(void *arg, struct dbx_lesson_entry *e),
		     void *arg);
/*
 * Some of them: about n_max more, from *at (0 to begin with) on, which is n_buckets after the last. In
 * between entries may be added and removed: each that is there all the time is given at least once.
 */
int dbx_lessons_some(struct dbx_lesson_table *t, size_t *at, size_t n_max,
		     int (*fn)(void *arg, struct dbx_lesson_entry *e), void *arg);

#endif
