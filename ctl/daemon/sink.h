/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sink.h -- where records go: one table of functions for each kind, and the set that is in use.
 *
 * A sink never fails its caller: a record that it cannot take is counted as lost, with the reason, and
 * the next one is tried again.
 */
#ifndef DBX_DAEMON_SINK_H
#define DBX_DAEMON_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/record.h"
#include "lib/strbuf.h"
#include "policy/model.h"

struct dbx_sink;

struct dbx_sink_ops {
	const char *name;
	/* Writing only queues: it is the tick that knows how it goes, of good news too. */
	bool is_queue;
	/* line[len] is '\n'. 0, or -errno: the record is lost. */
	int (*write)(struct dbx_sink *s, const struct dbx_record *r, const char *line, size_t len);
	int (*tick)(struct dbx_sink *s, int64_t now_ms); /* once a second; 0 or -errno */
	void (*status)(const struct dbx_sink *s, struct dbx_strbuf *b); /* ,"key":value ... */
	void (*close)(struct dbx_sink *s);
};

struct dbx_sink { /* begins each sink's own */
	const struct dbx_sink_ops *ops;
	uint64_t written, lost;
	char error[512]; /* of what fails now, "" = nothing */
	bool is_failing;
};

/* NULL: out of memory. What else fails is tried again at each tick. */
struct dbx_sink *dbx_sink_file_open(const struct dbx_log_file *o, int64_t now_ms);
#define DBX_JOURNAL_SOCKET "/run/systemd/journal/socket"
struct dbx_sink *dbx_sink_journal_open(const char *socket_path);

/* Without librdkafka in the build: a sink that loses all and says so. */
struct dbx_sink *dbx_sink_kafka_open(const struct dbx_log_kafka *o);
void dbx_sink_kafka_wait(void); /* for what closed ones still deliver, a few seconds */

/* ---- the set ---- */

#define DBX_SINKS_MAX 3 /* one of each kind: file, journal, Kafka */

struct dbx_sinks {
	struct dbx_sink *v[DBX_SINKS_MAX];
	size_t n;
	struct {
		struct dbx_sink *sink;
		char *key; /* the options that made it; NULL: not in use */
	} of[DBX_SINKS_MAX];
};

/* Opens and closes what the options ask for; what they leave alone stays open. */
void dbx_sinks_configure(struct dbx_sinks *s, const struct dbx_log_options *o, int64_t now_ms);
void dbx_sinks_write(struct dbx_sinks *s, const struct dbx_record *r, const char *line, size_t len);
void dbx_sinks_tick(struct dbx_sinks *s, int64_t now_ms);
void dbx_sinks_status(const struct dbx_sinks *s, struct dbx_strbuf *b); /* a JSON list */
void dbx_sinks_close(struct dbx_sinks *s);

#endif
