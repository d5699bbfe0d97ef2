/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * denials.h -- the denials of late, one entry for all packets of a kind.
 *
 * Bounded: when full, the entry that was seen least recently goes. Exact numbers are in the
 * counters; this is for people who ask what is being refused right now.
 */
#ifndef DBX_DAEMON_DENIALS_H
#define DBX_DAEMON_DENIALS_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/abi.h"

#define DBX_DENIALS_MAX 4096

struct dbx_denial {
	struct dbx_event event;    /* of the latest packet */
	char policy[64];           /* id, "" = none or unknown */
	int64_t first_ms, last_ms; /* wall clock */
	uint64_t packets, bytes;
	char name[256]; /* that was asked for or offered, "" = none */
};

struct dbx_denials;

struct dbx_denials *dbx_denials_new(size_t max); /* NULL: out of memory */
void dbx_denials_free(struct dbx_denials **d);
/* policy: id in the image of the event's generation, or ""; name may be NULL. */
void dbx_denials_add(struct dbx_denials *d, const struct dbx_event *e, const char *policy,
		     const char *name, int64_t time_ms);
/* Latest first; a negative return of fn ends the walk. */
typedef int (*dbx_denial_fn)(void *arg, const struct dbx_denial *entry);
void dbx_denials_walk(const struct dbx_denials *d, dbx_denial_fn fn, void *arg);

#endif
