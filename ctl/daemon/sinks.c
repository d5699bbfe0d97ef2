// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sinks.c -- the set of sinks that the gateway document asks for.
 */
#include "daemon/sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

/* ---- what the options ask for: a text that says all of it, NULL when it is not asked for ---- */

static char *file_key(const struct dbx_log_options *o)
{
	const struct dbx_log_file *f = &o->file;
	struct dbx_strbuf b;

	if (!f->has)
		return NULL;
	dbx_strbuf_init(&b);
	dbx_strbuf_addf(&b, "%s %" PRIu64 " %" PRIu32 " %" PRIu32, f->path, f->rotate_bytes,
			f->rotate_s, f->keep);
	return dbx_strbuf_steal(&b);
}

static struct dbx_sink *file_open(const struct dbx_log_options *o, int64_t now_ms)
{
	return dbx_sink_file_open(&o->file, now_ms);
}

static char *journal_key(const struct dbx_log_options *o)
{
	return o->journald ? strdup(DBX_JOURNAL_SOCKET) : NULL;
}

static struct dbx_sink *journal_open(const struct dbx_log_options *o, int64_t now_ms)
{
	(void)o, (void)now_ms;
	return dbx_sink_journal_open(DBX_JOURNAL_SOCKET);
}

static char *kafka_key(const struct dbx_log_options *o)
{
	const struct dbx_log_kafka *k = &o->kafka;
	struct dbx_strbuf b;

	if (!k->has)
		return NULL;
	dbx_strbuf_init(&b);
	dbx_strbuf_addf(&b, "%s\n%s", k->topic, k->options_file ? k->options_file : "");
	for (size_t i = 0; i < k->n_brokers; i++)
		dbx_strbuf_addf(&b, "\n%s", k->brokers[i]);
	for (size_t i = 0; i < k->n_options; i++)
		dbx_strbuf_addf(&b, "\n%s=%s", k->options[i].key, k->options[i].value);
	return dbx_strbuf_steal(&b);
}

static struct dbx_sink *kafka_open(const struct dbx_log_options *o, int64_t now_ms)
{
	(void)now_ms;
	return dbx_sink_kafka_open(&o->kafka);
}

static const struct kind {
	char *(*key)(const struct dbx_log_options *o);
	struct dbx_sink *(*open)(const struct dbx_log_options *o, int64_t now_ms);
} kinds[DBX_SINKS_MAX] = {
	{file_key, file_open},
	{journal_key, journal_open},
	{kafka_key, kafka_open},
};

/* ---- the set ---- */

static void close_kind(struct dbx_sinks *s, size_t k)
{
	if (s->of[k].sink)
		s->of[k].sink->ops->close(s->of[k].sink);
	free(s->of[k].key);
	s->of[k].sink = NULL;
	s->of[k].key = NULL;
}

static void list(struct dbx_sinks *s)
{
	s->n = 0;
	for (size_t k = 0; k < DBX_SINKS_MAX; k++) {
		if (s->of[k].sink)
			s->v[s->n++] = s->of[k].sink;
	}
}

void dbx_sinks_configure(struct dbx_sinks *s, const struct dbx_log_options *o, int64_t now_ms)
{
	for (size_t k = 0; k < DBX_SINKS_MAX; k++) {
		char *key = kinds[k].key(o);

		if (key && s->of[k].key && strcmp(key, s->of[k].key) == 0) {
			free(key);
			continue;
		}
		/* First: a file that only gets other bounds has a lock. */
		close_kind(s, k);
		s->of[k].key = key;
		s->of[k].sink = key ? kinds[k].open(o, now_ms) : NULL;
		if (key && !s->of[k].sink)
			dbx_log_error("opening a sink of records: out of memory");
	}
	list(s);
}

/* Said once when it begins and once when it ends, not for each record. */
static void note(struct dbx_sink *s, int rc)
{
	if (rc && !s->is_failing)
		dbx_log_error("records to the sink %s: %s; %s counted as lost", s->ops->name,
			      s->error,
			      s->ops->is_queue ? "what waits for too long is" : "they are");
	else if (!rc && s->is_failing)
		dbx_log_info("records go to the sink %s again", s->ops->name);
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
		if (rc || !s->v[i]->ops->is_queue)
			note(s->v[i], rc);
	}
}

void dbx_sinks_tick(struct dbx_sinks *s, int64_t now_ms)
{
	for (size_t i = 0; i < s->n; i++) {
		int rc = s->v[i]->ops->tick(s->v[i], now_ms);

		/* A tick that does well says nothing of writing: that is known at the next record. */
		if (rc || s->v[i]->ops->is_queue)
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
	for (size_t k = 0; k < DBX_SINKS_MAX; k++)
		close_kind(s, k);
	s->n = 0;
	dbx_sink_kafka_wait();
}
