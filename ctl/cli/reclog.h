/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reclog.h -- records from logs or from the daemon: what propose and report work from.
 *
 * A log may be torn, mixed with other lines, or written by somebody else: a line that is no record is
 * counted and skipped. The line that tells that a flow was just seen ("open") is not a record yet.
 */
#ifndef DBX_CLI_RECLOG_H
#define DBX_CLI_RECLOG_H

#include <jansson.h>

#include "cli/cli.h"
#include "dbx/abi.h"

struct dbx_reclog_stats {
	uint64_t lines, records; /* records: handed out */
	uint64_t bad, older,
		twice;    /* no record; before --since; an event_id that was there already */
	int64_t since_ms; /* of --since, 0 = none */
};

struct dbx_reclog_entry {
	const json_t *record;
	int64_t first_ms, last_ms;
	uint64_t packets, bytes;
	enum dbx_reason reason; /* DBX_REASON_MAX: of another version */
};

/* 0, or -ENOMEM to stop. What entry points to is valid during the call. */
typedef int (*dbx_reclog_fn)(void *arg, const struct dbx_reclog_entry *e);

/*
 * The files of --from-log ("-": standard input), or without them what the daemon keeps, from --since
 * on; an enum dbx_exit, told why.
 */
int dbx_reclog_read(const struct dbx_cli *cli, dbx_reclog_fn fn, void *arg,
		    struct dbx_reclog_stats *stats);

/* What was not taken, as an error line or none. */
void dbx_reclog_say(const struct dbx_reclog_stats *stats);

#endif
