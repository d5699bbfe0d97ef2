/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * records.h -- denials of packet program and resolver to records: flows, sinks, and what is kept for
 * explain. The daemon's side of flowlog.h.
 */
#ifndef DBX_DAEMON_RECORDS_H
#define DBX_DAEMON_RECORDS_H

#include "daemon/core.h"
#include "daemon/flowlog.h"
#include "daemon/recstore.h"

struct dbx_records;
struct dbx_sinks;

/* path: of the kept records; that they cannot be kept is said, and not fatal. 0 or -ENOMEM. */
int dbx_records_open(struct dbx_records **r, struct dbx_core *core, const char *path);
void dbx_records_close(struct dbx_records **r); /* flows that are open end as records */
void dbx_records_change(struct dbx_records *r); /* other documents are in force */
/* Once a second, when all that happened has been added; between, a few times: ends flows due by then. */
void dbx_records_second(struct dbx_records *r);
void dbx_records_tick(struct dbx_records *r);

/* NULL is a records too: nothing happens. policy_id of n: "" or NULL is looked up by the event. */
void dbx_records_add(struct dbx_records *r, const struct dbx_flow_note *n);

struct dbx_flowlog *dbx_records_flowlog(struct dbx_records *r); /* to subscribe to */
const struct dbx_sinks *dbx_records_sinks(const struct dbx_records *r);
/* "log":{...} */
void dbx_records_status(struct dbx_records *r, struct dbx_strbuf *b);
/* One that is kept, or of a flow that is still open, as it is now. */
int dbx_records_get(struct dbx_records *r, const char *event_id, char **line, struct dbx_fail *f);
/* NULL, with f: none are kept. */
struct dbx_recstore *dbx_records_kept(struct dbx_records *r, struct dbx_fail *f);

#endif
