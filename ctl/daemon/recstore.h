/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recstore.h -- the latest records by event id, in an SQLite file of their own.
 *
 * Apart from the state, so that neither its size nor its faults touch documents. What is in it can be
 * lost: a file that cannot be read is begun anew.
 */
#ifndef DBX_DAEMON_RECSTORE_H
#define DBX_DAEMON_RECSTORE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/fail.h"

#define DBX_RECSTORE_MAX 65536

struct dbx_recstore;

int dbx_recstore_open(struct dbx_recstore **s, const char *path, size_t max, struct dbx_fail *f);
void dbx_recstore_close(struct dbx_recstore **s); /* what is added is kept */
/* Kept on disk from the next commit on, found at once. */
int dbx_recstore_add(struct dbx_recstore *s, const char *event_id, const char *line, size_t len,
		     struct dbx_fail *f);
int dbx_recstore_commit(struct dbx_recstore *s, struct dbx_fail *f); /* and drops the oldest */
/* malloc'ed, NUL-terminated. -ENOENT: there is none (any more). */
int dbx_recstore_get(struct dbx_recstore *s, const char *event_id, char **line, struct dbx_fail *f);

#endif
