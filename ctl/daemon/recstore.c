// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recstore.c -- the latest records by event id, in an SQLite file of their own.
 *
 * Rows are numbered; a commit deletes those that are more than max behind the newest. What passed has a
 * table of its own, so that many records of it push no denial out.
 */
#include "daemon/recstore.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	ADD,
	ADD_ALLOWED,
	TRIM,
	TRIM_ALLOWED,
	GET,
	SPAN,
	EACH,
	N_STATEMENTS
};

static const char *const sql[N_STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[ADD] = "INSERT INTO records(event_id, last_ms, line) VALUES(?1, ?2, ?3)",
	[ADD_ALLOWED] = "INSERT INTO allowed(event_id, last_ms, line) VALUES(?1, ?2, ?3)",
	[TRIM_ALLOWED] = "DELETE FROM allowed WHERE seq <= (SELECT max(seq) FROM allowed) - ?1",
	[TRIM] = "DELETE FROM records WHERE seq <= (SELECT max(seq) FROM records) - ?1",
	[GET] = ("SELECT line FROM records WHERE event_id = ?1"
		 " UNION ALL SELECT line FROM allowed WHERE event_id = ?1"),
	/* Not min(seq): with another column beside it, that reads every row. */
	[SPAN] = ("SELECT seq, last_ms, (SELECT max(seq) FROM records) FROM records"
		  " ORDER BY seq LIMIT 1"),
	[EACH] = "SELECT seq, line FROM records WHERE seq > ?1 AND last_ms >= ?2 ORDER BY seq",
};

/* Loss of power may cost the last seconds; the file stays whole (write-ahead log). */
static const char setup[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;"
	"PRAGMA cache_size=-1024; PRAGMA journal_size_limit=4194304;"
	"CREATE TABLE IF NOT EXISTS records(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
	" event_id TEXT NOT NULL UNIQUE, last_ms INTEGER NOT NULL, line TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS allowed(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
	" event_id TEXT NOT NULL UNIQUE, last_ms INTEGER NOT NULL, line TEXT NOT NULL)";

struct dbx_recstore {
	sqlite3 *db;
	sqlite3_stmt *stmt[N_STATEMENTS];
	size_t max;
	bool in_transaction;
	uint64_t n_pending, n_undone; /* of the transaction; of those that were rolled back */
};

static int failed(const struct dbx_recstore *s, struct dbx_fail *f, const char *what)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	int err = code == SQLITE_FULL ? -ENOSPC : code == SQLITE_NOMEM ? -ENOMEM : -EIO;

	return dbx_fail_set(f, err, DBX_FAIL_INTERNAL, "%s the records kept for explain: %s", what,
			    s->db ? sqlite3_errmsg(s->db) : "out of memory");
}

static int run(struct dbx_recstore *s, enum statement which, struct dbx_fail *f, const char *what)
{
	int rc = sqlite3_step(s->stmt[which]) == SQLITE_DONE ? 0 : failed(s, f, what);

	sqlite3_reset(s->stmt[which]);
	sqlite3_clear_bindings(s->stmt[which]);
	return rc;
}

/* ---- opening ---- */

static void shut(struct dbx_recstore *s)
{
	for (int i = 0; i < N_STATEMENTS; i++) {
		sqlite3_finalize(s->stmt[i]);
		s->stmt[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

static int open_db(struct dbx_recstore *s, const char *path, struct dbx_fail *f)
{
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ||
	    sqlite3_busy_timeout(s->db, 100) || sqlite3_exec(s->db, setup, NULL, NULL, NULL))
		return failed(s, f, "opening");
	for (int i = 0; i < N_STATEMENTS; i++) {
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i],
				       NULL))
			return failed(s, f, "opening");
	}
	return 0;
}

static void remove_files(const char *path)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	char name[4200];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, endings[i]);
		unlink(name);
	}
}

int dbx_recstore_open(struct dbx_recstore **out, const char *path, size_t max, struct dbx_fail *f)
{
	struct dbx_recstore *s = calloc(1, sizeof(*s));
	int rc, code;

	if (!s)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	s->max = max;
	rc = open_db(s, path, f);
	code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	if (rc && (code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_ERROR)) {
		shut(s);
		remove_files(path);
		rc = open_db(s, path, f);
	}
	if (rc)
		dbx_recstore_close(&s);
	*out = s;
	return rc;
}

void dbx_recstore_close(struct dbx_recstore **s)
{
	struct dbx_fail f;

	if (!*s)
		return;
	if ((*s)->in_transaction)
		dbx_recstore_commit(*s, &f);
	shut(*s);
	free(*s);
	*s = NULL;
}

/* ---- records ---- */

static void undo(struct dbx_recstore *s)
{
	s->n_undone += s->n_pending;
	s->n_pending = 0;
}

uint64_t dbx_recstore_undone(const struct dbx_recstore *s)
{
	return s->n_undone;
}

int dbx_recstore_add(struct dbx_recstore *s, const struct dbx_recstore_row *r, struct dbx_fail *f)
{
	enum statement which = r->is_allowed ? ADD_ALLOWED : ADD;
	int rc = 0;

	if (!s->in_transaction)
		rc = run(s, BEGIN, f, "writing");
	if (rc)
		return rc;
	s->in_transaction = true;
	sqlite3_bind_text(s->stmt[which], 1, r->event_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->stmt[which], 2, r->last_ms);
	sqlite3_bind_text(s->stmt[which], 3, r->line, (int)r->len, SQLITE_STATIC);
	rc = run(s, which, f, "writing");
	s->n_pending += !rc;
	/* A full disk may have ended the transaction by itself. */
	s->in_transaction = !sqlite3_get_autocommit(s->db);
	if (!s->in_transaction)
		undo(s);
	return rc;
}

int dbx_recstore_commit(struct dbx_recstore *s, struct dbx_fail *f)
{
	struct dbx_fail ignored;
	int rc;

	if (!s->in_transaction)
		return 0;
	sqlite3_bind_int64(s->stmt[TRIM], 1, (sqlite3_int64)s->max);
	sqlite3_bind_int64(s->stmt[TRIM_ALLOWED], 1, (sqlite3_int64)s->max);
	rc = run(s, TRIM, f, "writing");
	if (!rc)
		rc = run(s, TRIM_ALLOWED, f, "writing");
	if (!rc)
		rc = run(s, COMMIT, f, "writing");
	if (rc && !sqlite3_get_autocommit(s->db))
		run(s, ROLLBACK, &ignored, "writing");
	if (rc)
		undo(s);
	s->n_pending = 0;
	s->in_transaction = false;
	return rc;
}

int dbx_recstore_get(struct dbx_recstore *s, const char *event_id, char **line, struct dbx_fail *f)
{
	sqlite3_stmt *st = s->stmt[GET];
	const char *text;
	int step, rc = 0;

	sqlite3_bind_text(st, 1, event_id, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		*line = text ? strdup(text) : NULL;
		if (!*line)
			rc = dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	} else if (step == SQLITE_DONE) {
		rc = dbx_fail_set(f, -ENOENT, DBX_FAIL_NOT_FOUND,
				  "there is no record %.64s: the latest %zu are kept; a line of a "
				  "log file can be explained by \"explain -\"",
				  event_id, s->max);
	} else {
		rc = failed(s, f, "reading");
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int dbx_recstore_span(struct dbx_recstore *s, struct dbx_recstore_span *out, struct dbx_fail *f)
{
	sqlite3_stmt *st = s->stmt[SPAN];
	int step = sqlite3_step(st), rc = 0;

	*out = (struct dbx_recstore_span){0};
	if (step == SQLITE_ROW) {
		out->first = sqlite3_column_int64(st, 0);
		out->first_ms = sqlite3_column_int64(st, 1);
		out->last = sqlite3_column_int64(st, 2);
	} else if (step != SQLITE_DONE) {
		rc = failed(s, f, "reading");
	}
	sqlite3_reset(st);
	return rc;
}

int dbx_recstore_each(struct dbx_recstore *s, int64_t after, int64_t since_ms, dbx_recstore_fn fn,
		      void *arg, struct dbx_fail *f)
{
	sqlite3_stmt *st = s->stmt[EACH];
	bool goes_on = true;
	int step, rc = 0;

	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, since_ms);
	while (goes_on && (step = sqlite3_step(st)) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(st, 1);

		goes_on = fn(arg, sqlite3_column_int64(st, 0), line ? line : "",
			     (size_t)sqlite3_column_bytes(st, 1));
	}
	if (goes_on && step != SQLITE_DONE)
		rc = failed(s, f, "reading");
	sqlite3_reset(st);
	return rc;
}
