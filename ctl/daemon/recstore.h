/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recstore.h -- the latest records by event id, in an SQLite file of their own.
 *
 * Apart from the state, so that neither its size nor its faults touch documents. What is in it can be
 * lost: a file that cannot be read is begun anew.
 */
#ifndef DBX_DAEMON_RECSTORE_H
#define DBX_DAEMON_RECSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/fail.h"

#define DBX_RECSTORE_MAX 65536

struct dbx_recstore;

int dbx_recstore_open(struct dbx_recstore **s, const char *path, size_t max, struct dbx_fail *f);
void dbx_recstore_close(struct dbx_recstore **s); /* what is added is kept */
struct dbx_recstore_row {
	const char *event_id, *line;
	size_t len;
	int64_t last_ms; /* of the record's last packet */
	bool is_allowed; /* of what passed */
};

/* Kept on disk from the next commit on, found at once. */
int dbx_recstore_add(struct dbx_recstore *s, const struct dbx_recstore_row *r, struct dbx_fail *f);
int dbx_recstore_commit(struct dbx_recstore *s, struct dbx_fail *f); /* and drops the oldest */
/* Records that were added, and are not kept: what they were part of could not be committed. */
uint64_t dbx_recstore_undone(const struct dbx_recstore *s);
/* malloc'ed, NUL-terminated. -ENOENT: there is none (any more). */
int dbx_recstore_get(struct dbx_recstore *s, const char *event_id, char **line, struct dbx_fail *f);

struct dbx_recstore_span {
	int64_t first, last; /* numbers of the oldest and the newest denial, 0 = there is none */
	int64_t first_ms;    /* last_ms of the oldest */
};
/* Numbers only grow, by one each: first above 1 says that older denials were dropped. */
int dbx_recstore_span(struct dbx_recstore *s, struct dbx_recstore_span *out, struct dbx_fail *f);
/* fn is called in order with each denial whose number is above after; until it says false. */
typedef bool (*dbx_recstore_fn)(void *arg, int64_t number, const char *line, size_t len);
int dbx_recstore_each(struct dbx_recstore *s, int64_t after, int64_t since_ms, dbx_recstore_fn fn,
		      void *arg, struct dbx_fail *f);

#endif
