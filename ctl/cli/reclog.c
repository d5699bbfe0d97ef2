// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reclog.c -- logs of records, line by line.
 */
#include "cli/reclog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/offline.h"
#include "cli/out.h"
#include "lib/hash.h"
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

/* ---- times ---- */

/* "2026-11-21T10:00:00.123", with or without fraction and Z, or the date alone; -1. */
static int64_t parse_time(const char *s)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"};
	int64_t ms = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {.tm_isdst = 0};
		const char *end = strptime(s, forms[i], &tm);

		if (!end)
			continue;
		if (i == 0 && *end == '.') {
			int scale = 100;

			for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
				ms += (*end - '0') * scale;
		}
		end += *end == 'Z';
		return *end ? -1 : (int64_t)timegm(&tm) * 1000 + ms;
	}
	return -1;
}

/* "15m", "7d" -> milliseconds, or -1. */
static int64_t parse_span(const char *s)
{
	static const char letters[] = "smhdw";
	static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
	const char *letter;
	int64_t n;
	char *end;

	errno = 0;
	n = *s >= '0' && *s <= '9' ? strtoll(s, &end, 10) : -1;
	if (n < 0 || errno || !end[0] || end[1])
		return -1;
	letter = strchr(letters, *end);
	return letter && !__builtin_mul_overflow(n, seconds[letter - letters] * 1000, &n) ? n : -1;
}

static int read_since(const struct dbx_cli *cli, int64_t *since_ms)
{
	const char *text = cli->opt[DBX_OPT_SINCE];
	int64_t span = text ? parse_span(text) : -1;

	*since_ms = INT64_MIN;
	if (!text)
		return DBX_EXIT_DONE;
	*since_ms = span >= 0 ? dbx_offline_now_ms() - span : parse_time(text);
	if (span >= 0 || *since_ms >= 0)
		return DBX_EXIT_DONE;
	return dbx_cli_usage(cli->cmd,
			     "--since is a span (90s, 15m, 1h, 7d, 4w), a date (2026-11-21) or a "
			     "time in UTC (2026-11-21T10:00:00Z)");
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
				     .first_ms = parse_time(dbx_json_str(x, "first_time")),
				     .last_ms = parse_time(dbx_json_str(x, "last_time")),
				     .packets = number(x, "packets"),
				     .bytes = number(x, "bytes"),
				     .reason = reason_of(dbx_json_str(x, "reason"))};
	int rc;

	if (e.first_ms < 0)
		e.first_ms = parse_time(dbx_json_str(j, "event_time"));
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

int dbx_reclog_read(const struct dbx_cli *cli, dbx_reclog_fn fn, void *arg,
		    struct dbx_reclog_stats *stats)
{
	const struct dbx_words *files = &cli->list[DBX_OPT_FROM_LOG];
	struct reader r = {.fn = fn, .arg = arg, .stats = stats};
	int code = read_since(cli, &r.since_ms);

	*stats = (struct dbx_reclog_stats){0};
	if (code)
		return code;
	r.line = malloc(LINE_MAX_BYTES);
	if (!r.line)
		return dbx_err_memory();
	dbx_strmap_init(&r.seen);
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
