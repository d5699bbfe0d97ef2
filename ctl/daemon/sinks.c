// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sinks.c -- the set of sinks that the gateway document asks for.
 */
#include "daemon/sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

static void close_all(struct dbx_sinks *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->v[i]->ops->close(s->v[i]);
	s->n = 0;
	free(s->path);
	s->path = NULL;
}

static bool is_same(const struct dbx_sinks *s, const struct dbx_log_options *o)
{
	const struct dbx_log_file *a = &s->in.file, *b = &o->file;

	return s->in.journald == o->journald && a->has == b->has &&
	       (!a->has ||
		(s->path && !strcmp(s->path, b->path) && a->rotate_bytes == b->rotate_bytes &&
		 a->rotate_s == b->rotate_s && a->keep == b->keep));
}

static void add(struct dbx_sinks *s, struct dbx_sink *sink)
{
	if (sink)
		s->v[s->n++] = sink;
	else
		dbx_log_error("opening a sink of records: out of memory");
}

void dbx_sinks_configure(struct dbx_sinks *s, const struct dbx_log_options *o, int64_t now_ms)
{
	if (is_same(s, o))
		return;
	close_all(s);
	s->in = *o;
	if (o->file.has) {
		s->path = strdup(o->file.path);
		add(s, dbx_sink_file_open(&o->file, now_ms));
	}
	if (o->journald)
		add(s, dbx_sink_journal_open(DBX_JOURNAL_SOCKET));
}

/* Said once when it begins and once when it ends, not for each record. */
static void note(struct dbx_sink *s, int rc)
{
	if (rc && !s->is_failing)
		dbx_log_error("records to the %s: %s; they are counted as lost", s->ops->name,
			      s->error);
	else if (!rc && s->is_failing)
		dbx_log_info("records go to the %s again", s->ops->name);
	s->is_failing = rc;
	if (!rc)
		s->error[0] = '\0';
}

void dbx_sinks_write(struct dbx_sinks *s, const struct dbx_record *r, const char *line, size_t len)
{
	for (size_t i = 0; i < s->n; i++) {
		int rc = s->v[i]->ops->write(s->v[i], r, line, len);

		s->v[i]->written += !rc;
		s->v[i]->lost += rc != 0;
		note(s->v[i], rc);
	}
}

void dbx_sinks_tick(struct dbx_sinks *s, int64_t now_ms)
{
	for (size_t i = 0; i < s->n; i++) {
		int rc = s->v[i]->ops->tick(s->v[i], now_ms);

		/* A tick that does well says nothing of writing: that is known at the next record. */
		if (rc)
			note(s->v[i], rc);
	}
}

void dbx_sinks_status(const struct dbx_sinks *s, struct dbx_strbuf *b)
{
	dbx_strbuf_addc(b, '[');
	for (size_t i = 0; i < s->n; i++) {
		const struct dbx_sink *k = s->v[i];

		dbx_strbuf_addf(b, "%s{\"sink\":\"%s\",\"written\":%" PRIu64 ",\"lost\":%" PRIu64,
				i ? "," : "", k->ops->name, k->written, k->lost);
		if (k->error[0]) {
			dbx_strbuf_add(b, ",\"error\":\"");
			dbx_strbuf_add_json_escaped(b, k->error, strlen(k->error));
			dbx_strbuf_addc(b, '"');
		} else {
			dbx_strbuf_add(b, ",\"error\":null");
		}
		k->ops->status(k, b);
		dbx_strbuf_addc(b, '}');
	}
	dbx_strbuf_addc(b, ']');
}

void dbx_sinks_close(struct dbx_sinks *s)
{
	close_all(s);
	s->in = (struct dbx_log_options){.has = false};
}
