// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reclog.c -- records from logs, line by line, or from the daemon, page by page.
 */
#include "cli/reclog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/hash.h"
#include "lib/when.h"
#include "policy/explain.h"

#define LINE_MAX_BYTES 65536
#define SEEN_MAX       (1u << 20) /* event ids that are remembered, to take each once */

struct reader {
	dbx_reclog_fn fn;
	void *arg;
	struct dbx_reclog_stats *stats;
	int64_t since_ms;
	struct dbx_strmap seen;
	size_t n_seen;
	char *line;
};

static int read_since(const struct dbx_cli *cli, int64_t *since_ms)
{
	const char *text = cli->opt[DBX_OPT_SINCE];

	*since_ms = INT64_MIN;
	if (!text || !dbx_since_parse(text, dbx_offline_now_ms(), since_ms))
		return DBX_EXIT_DONE;
	return dbx_cli_usage(cli->cmd, "--since '%s': --since " DBX_WHEN_ACCEPTED, text);
}

/* -1: none, or not to be read. */
static int64_t time_of(const json_t *o, const char *key)
{
	int64_t ms = -1;

	return dbx_time_parse(dbx_json_str(o, key), &ms) ? -1 : ms;
}

/* ---- lines ---- */

static enum dbx_reason reason_of(const char *slug)
{
	for (int i = 0; i < DBX_REASON_MAX; i++) {
		if (!strcmp(slug, dbx_reason_slug((enum dbx_reason)i)))
			return (enum dbx_reason)i;
	}
	return DBX_REASON_MAX;
}

static uint64_t number(const json_t *o, const char *key)
{
	long long n = dbx_json_int(o, key);

	return n > 0 ? (uint64_t)n : 0;
}

static int take_record(struct reader *r, const json_t *j)
{
	const json_t *x = json_object_get(j, "x_dbx_egress");
	const char *id = dbx_json_str(j, "event_id");
	struct dbx_reclog_entry e = {.record = j,
				     .first_ms = time_of(x, "first_time"),
				     .last_ms = time_of(x, "last_time"),
				     .packets = number(x, "packets"),
				     .bytes = number(x, "bytes"),
				     .reason = reason_of(dbx_json_str(x, "reason"))};
	int rc;

	if (e.first_ms < 0)
		e.first_ms = time_of(j, "event_time");
	if (e.last_ms < e.first_ms)
		e.last_ms = e.first_ms;
	if (!*id || !json_is_object(x) || e.first_ms < 0) {
		r->stats->bad++;
		return 0;
	}
	if (dbx_json_true(x, "open"))
		return 0;
	if (e.last_ms < r->since_ms) {
		r->stats->older++;
		return 0;
	}
	rc = r->n_seen < SEEN_MAX ? dbx_strmap_put(&r->seen, id, 1) : 0;
	if (rc == -EEXIST)
		r->stats->twice++;
	if (rc)
		return rc == -EEXIST ? 0 : rc;
	r->n_seen++;
	r->stats->records++;
	return r->fn(r->arg, &e);
}

static int take_line(struct reader *r, size_t n)
{
	json_t *j = json_loadb(r->line, n, 0, NULL);
	int rc = 0;

	r->stats->lines++;
	if (json_is_object(j))
		rc = take_record(r, j);
	else
		r->stats->bad++;
	json_decref(j);
	return rc;
}

/* A line that is too long counts as one that is no record, and is not kept in memory. */
static int take_lines(struct reader *r, FILE *f)
{
	size_t n = 0;
	bool is_long = false;
	int c, rc = 0;

	do {
		c = getc_unlocked(f);
		if (c != '\n' && c != EOF) {
			is_long = is_long || n == LINE_MAX_BYTES;
			if (!is_long)
				r->line[n++] = (char)c;
			continue;
		}
		if (is_long) {
			r->stats->lines++;
			r->stats->bad++;
		} else if (n) {
			rc = take_line(r, n);
		}
		n = 0;
		is_long = false;
	} while (c != EOF && !rc);
	return rc;
}

static int take_file(struct reader *r, const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	bool failed;
	int rc, err;

	if (!f) {
		dbx_err("cannot read log %s: %s", path, strerror(errno));
		return DBX_EXIT_REFUSED;
	}
	rc = take_lines(r, f);
	failed = ferror(f);
	err = errno;
	if (f != stdin)
		fclose(f);
	if (rc)
		return dbx_err_memory();
	if (failed) {
		dbx_err("cannot read log %s: %s", path, strerror(err));
		return DBX_EXIT_REFUSED;
	}
	return DBX_EXIT_DONE;
}

/* ---- the daemon ---- */

static int refuse_page(const char *why)
{
	dbx_err("cannot read records: the daemon's answer %s", why);
	return DBX_EXIT_REFUSED;
}

/* What the daemon has dropped of what was asked for: people should not take it for all. */
static void say_gap(const struct reader *r, const json_t *page, int64_t after)
{
	int64_t first = dbx_json_int(page, "first"), first_ms = time_of(page, "first_time");

	if (first <= after + 1 || (!after && first_ms < r->since_ms))
		return;
	dbx_err("records from before %s are not kept by the daemon any more: --from-log reads them "
		"from a log",
		dbx_json_str(page, "first_time"));
}

static int get_page(const struct dbx_cli *cli, const struct reader *r, int64_t after, json_t **page)
{
	char path[128], since[DBX_TIME_SIZE];
	int n = snprintf(path, sizeof(path), "/records?after=%" PRId64, after);

	/* To the second: take_record() looks closer. */
	if (r->since_ms > 0)
		snprintf(path + n, sizeof(path) - (size_t)n, "&since=%s",
			 dbx_time_format(r->since_ms, DBX_TIME_S, since));
	return dbx_client_get(cli, path, "read records", page);
}

static int take_page(struct reader *r, const json_t *page)
{
	const json_t *list = json_object_get(page, "records"), *v;
	size_t i;

	if (!json_is_array(list))
		return refuse_page("has no list of records");
	json_array_foreach(list, i, v) {
		r->stats->lines++;
		if (take_record(r, v))
			return dbx_err_memory();
	}
	return DBX_EXIT_DONE;
}

/* Up to what was the newest record when it began: others may come faster than they are read. */
static int take_daemon(struct reader *r, const struct dbx_cli *cli)
{
	int64_t after = 0, last = INT64_MAX;
	int code;

	for (;;) {
		json_t *page = NULL;
		int64_t next;

		code = get_page(cli, r, after, &page);
		if (!code) {
			say_gap(r, page, after);
			code = take_page(r, page);
		}
		next = dbx_json_int(page, "next");
		if (!after)
			last = dbx_json_int(page, "last");
		json_decref(page);
		if (code || !next || next >= last)
			return code;
		if (next <= after)
			return refuse_page(
				"does not go on: its \"next\" is not past what was read");
		after = next;
	}
}

int dbx_reclog_read(const struct dbx_cli *cli, dbx_reclog_fn fn, void *arg,
		    struct dbx_reclog_stats *stats)
{
	const struct dbx_words *files = &cli->list[DBX_OPT_FROM_LOG];
	struct reader r = {.fn = fn, .arg = arg, .stats = stats};
	int code = read_since(cli, &r.since_ms);

	*stats = (struct dbx_reclog_stats){.since_ms = r.since_ms > 0 ? r.since_ms : 0};
	if (code)
		return code;
	r.line = malloc(LINE_MAX_BYTES);
	if (!r.line)
		return dbx_err_memory();
	dbx_strmap_init(&r.seen);
	if (!files->n)
		code = take_daemon(&r, cli);
	for (size_t i = 0; i < files->n && !code; i++)
		code = take_file(&r, files->v[i]);
	dbx_strmap_fini(&r.seen);
	free(r.line);
	if (!code && stats->lines && stats->bad == stats->lines) {
		dbx_err("no line of the log is a record of dbx-egress");
		code = DBX_EXIT_REFUSED;
	}
	return code;
}

void dbx_reclog_say(const struct dbx_reclog_stats *s)
{
	if (s->bad)
		dbx_err("%" PRIu64 " of %" PRIu64 " lines are no records and were skipped", s->bad,
			s->lines);
}
