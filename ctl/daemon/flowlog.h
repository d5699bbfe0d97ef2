/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flowlog.h -- denied packets added up to flows, and each flow ended as a record after an interval.
 *
 * Bounded and never waiting: a flow that finds no room is counted as lost. Source ports are not part
 * of a flow, since a client that tries again has another one each time.
 */
#ifndef DBX_DAEMON_FLOWLOG_H
#define DBX_DAEMON_FLOWLOG_H

#include "daemon/record.h"

#define DBX_FLOWLOG_MAX         65536
#define DBX_FLOWLOG_INTERVAL_S  10
#define DBX_FLOWLOG_SUBSCRIBERS 8

struct dbx_flowlog;

/* One event that was read; strings may be NULL. */
struct dbx_flow_note {
	const struct dbx_event *event;
	const char *policy_id;
	const char *name;
	int rcode; /* DBX_RECORD_RCODE_NONE: not from the resolver */
	const struct dbx_addr *rdata;
	size_t n_rdata;
	uint64_t packets, bytes; /* instead of the event's; 0 packets: as the event says */
	int64_t time_ms;         /* wall clock */
};

/* Fills account_id, rule_* and interface of a record; what it leaves alone is "". */
typedef void (*dbx_flowlog_describe_fn)(void *arg, struct dbx_record *r);

/* NULL: out of memory. describe may be NULL. */
struct dbx_flowlog *dbx_flowlog_new(size_t max_flows, dbx_flowlog_describe_fn describe, void *arg);
void dbx_flowlog_free(struct dbx_flowlog **l); /* what is open is dropped: see _flush */
void dbx_flowlog_set_interval(struct dbx_flowlog *l, uint32_t seconds);

/* mono_ms: a clock that never goes back. */
void dbx_flowlog_add(struct dbx_flowlog *l, const struct dbx_flow_note *n, int64_t mono_ms);
void dbx_flowlog_tick(struct dbx_flowlog *l, int64_t mono_ms); /* ends what is due */
void dbx_flowlog_flush(struct dbx_flowlog *l);                 /* ends every flow */

/*
 * Of a flow that is still open, by the event_id that its record will have: that record as it would be
 * now, is_open, as one malloc'ed line without a newline. -ENOENT or -ENOMEM. Looks through all flows,
 * which takes milliseconds when there are DBX_FLOWLOG_MAX of them: for a person's question.
 */
int dbx_flowlog_line(struct dbx_flowlog *l, const char *event_id, char **line);

/*
 * Who is told of records: OPENED at once when a flow is first seen (is_open, same event_id as the
 * record to come), ENDED at the end of its interval. Called on the event loop; record and line are
 * valid during the call; line[len] is '\n', line[len + 1] is NUL. fn must not block, and must not
 * subscribe or unsubscribe.
 */
#define DBX_FLOWLOG_OPENED 1u
#define DBX_FLOWLOG_ENDED  2u
typedef void (*dbx_flowlog_fn)(void *arg, const struct dbx_record *r, const char *line, size_t len);
int dbx_flowlog_subscribe(struct dbx_flowlog *l, unsigned int what, dbx_flowlog_fn fn, void *arg);
void dbx_flowlog_unsubscribe(struct dbx_flowlog *l, dbx_flowlog_fn fn, void *arg);

struct dbx_flowlog_stats {
	size_t open, max;
	uint64_t records, packets; /* ended, and the packets in them */
	uint64_t lost_events;      /* events that found no room */
	uint64_t lost_packets;     /* that those stood for */
};
void dbx_flowlog_stats(const struct dbx_flowlog *l, struct dbx_flowlog_stats *out);

#endif
