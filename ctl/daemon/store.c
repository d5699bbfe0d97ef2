// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * store.c -- the daemon's memory: documents, revisions and rule names in one SQLite file.
 *
 * Invariants: at most one row of documents per (kind, id) has to_rev NULL, and those rows are the
 * current set; revision numbers only grow; blobs and revisions are never changed.
 */
#include "daemon/store_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x44425845 /* "DBXE" */

static const char schema_learned[] = /* new in schema 2 */
	"CREATE TABLE learned(policy_uid INTEGER NOT NULL, addr TEXT NOT NULL, name TEXT NOT NULL,"
	" PRIMARY KEY(policy_uid, addr, name)) WITHOUT ROWID;";

static const char schema_usage[] = /* new in schema 3 */
	"CREATE TABLE usage(start_s INTEGER NOT NULL, span_s INTEGER NOT NULL,"
	" workspace_id INTEGER NOT NULL, path INTEGER NOT NULL, packets INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, PRIMARY KEY(start_s, span_s, workspace_id, path)) WITHOUT ROWID;"
	"CREATE TABLE usage_base(workspace_id INTEGER NOT NULL, rule_uid INTEGER NOT NULL,"
	" reason INTEGER NOT NULL, verdict INTEGER NOT NULL, path INTEGER NOT NULL,"
	" packets INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" PRIMARY KEY(workspace_id, rule_uid, reason, verdict, path)) WITHOUT ROWID;"
	"CREATE TABLE usage_epoch(epoch TEXT NOT NULL);";

static const char schema_hits[] = /* new in schema 4 */
	"CREATE TABLE rule_hits(rule_uid INTEGER PRIMARY KEY, last_s INTEGER NOT NULL);"
	"CREATE TABLE rule_hits_begin(begin_s INTEGER NOT NULL);"
	"INSERT INTO rule_hits_begin(begin_s) VALUES(CAST(strftime('%s', 'now') AS INTEGER));"
	"ALTER TABLE rules ADD COLUMN first_s INTEGER NOT NULL DEFAULT 0;";

static const char schema[] =
	"CREATE TABLE blobs(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL,"
	" n_bytes INTEGER NOT NULL, packed INTEGER NOT NULL, body BLOB NOT NULL);"
	"CREATE INDEX blobs_by_hash ON blobs(hash);"
	"CREATE TABLE revisions(rev INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, generation INTEGER NOT NULL, content_hash INTEGER NOT NULL,"
	" n_documents INTEGER NOT NULL, message TEXT NOT NULL);"
	"CREATE TABLE documents(kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,"
	" blob INTEGER NOT NULL REFERENCES blobs(id), from_rev INTEGER NOT NULL, to_rev INTEGER,"
	" PRIMARY KEY(kind, id, from_rev)) WITHOUT ROWID;"
	"CREATE UNIQUE INDEX documents_now ON documents(kind, id) WHERE to_rev IS NULL;"
	"CREATE TABLE rules(uid INTEGER PRIMARY KEY, policy TEXT NOT NULL, doc TEXT NOT NULL,"
	" ptr TEXT NOT NULL, text TEXT NOT NULL);";

#define REVISION_COLUMNS "rev, time_ms, uid, generation, content_hash, n_documents, message"

static const char *const sql[DBX_SQL_MAX] = {
	[DBX_SQL_BEGIN] = "BEGIN IMMEDIATE",
	[DBX_SQL_COMMIT] = "COMMIT",
	[DBX_SQL_ROLLBACK] = "ROLLBACK",
	[DBX_SQL_HEAD] = "SELECT " REVISION_COLUMNS " FROM revisions ORDER BY rev DESC LIMIT 1",
	[DBX_SQL_REVISION] = "SELECT " REVISION_COLUMNS " FROM revisions WHERE rev = ?1",
	[DBX_SQL_HISTORY] = "SELECT " REVISION_COLUMNS " FROM revisions ORDER BY rev DESC LIMIT ?1",
	[DBX_SQL_LOAD] =
		"SELECT kind, documents.id, name, blob, n_bytes, from_rev FROM documents JOIN blobs"
		" ON blobs.id = blob WHERE from_rev <= ?1 AND (to_rev IS NULL OR to_rev > ?1)",
	[DBX_SQL_TEXT] = "SELECT n_bytes, packed, body FROM blobs WHERE id = ?1",
	[DBX_SQL_FIND_BLOB] = "SELECT id FROM blobs WHERE hash = ?1 AND n_bytes = ?2",
	[DBX_SQL_ADD_BLOB] =
		"INSERT INTO blobs(hash, n_bytes, packed, body) VALUES(?1, ?2, ?3, ?4)",
	[DBX_SQL_ADD_REVISION] = "INSERT INTO revisions(" REVISION_COLUMNS ")"
				 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[DBX_SQL_CLOSE_DOCUMENT] = "UPDATE documents SET to_rev = ?1"
				   " WHERE kind = ?2 AND id = ?3 AND to_rev IS NULL",
	[DBX_SQL_DROP_SAME] = "DELETE FROM documents WHERE kind = ?2 AND id = ?3 AND from_rev = ?1",
	[DBX_SQL_ADD_DOCUMENT] = "INSERT INTO documents(kind, id, name, blob, from_rev)"
				 " VALUES(?2, ?3, ?4, ?5, ?1)",
	[DBX_SQL_PUT_RULE] =
		"INSERT INTO rules(uid, policy, doc, ptr, text, first_s)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(uid) DO UPDATE SET policy = ?2, doc = ?3, ptr = ?4, text = ?5"
		" WHERE policy <> ?2 OR doc <> ?3 OR ptr <> ?4 OR text <> ?5",
	[DBX_SQL_PUT_LEARNED] =
		"INSERT OR IGNORE INTO learned(policy_uid, addr, name) VALUES(?1, ?2, ?3)",
	[DBX_SQL_REMOVE_LEARNED] =
		"DELETE FROM learned WHERE policy_uid = ?1 AND addr = ?2 AND name = ?3",
	[DBX_SQL_EACH_LEARNED] = "SELECT policy_uid, addr, name FROM learned",
	[DBX_SQL_ADD_USAGE] =
		"INSERT INTO usage(start_s, span_s, workspace_id, path, packets, bytes)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"
		" packets = packets + ?5, bytes = bytes + ?6",
	[DBX_SQL_ROLL_USAGE] =
		"INSERT INTO usage(start_s, span_s, workspace_id, path, packets, bytes)"
		" SELECT start_s - start_s % 3600 AS hour, 3600, workspace_id, path, sum(packets),"
		" sum(bytes) FROM usage WHERE span_s = 60 AND start_s < ?1"
		" GROUP BY hour, workspace_id, path ON CONFLICT DO UPDATE SET"
		" packets = packets + excluded.packets, bytes = bytes + excluded.bytes",
	[DBX_SQL_DROP_MINUTES] = "DELETE FROM usage WHERE span_s = 60 AND start_s < ?1",
	[DBX_SQL_DROP_USAGE] = "DELETE FROM usage WHERE start_s < ?1",
	[DBX_SQL_GET_USAGE] = "SELECT workspace_id, path, sum(packets), sum(bytes), min(start_s),"
			      " max(start_s + span_s) FROM usage WHERE start_s + span_s > ?1"
			      " AND start_s > ?1 - 3600 AND (?2 = 0 OR workspace_id = ?2)"
			      " GROUP BY workspace_id, path ORDER BY workspace_id, path",
	[DBX_SQL_GET_EPOCH] = "SELECT epoch FROM usage_epoch",
	[DBX_SQL_DROP_EPOCH] = "DELETE FROM usage_epoch",
	[DBX_SQL_DROP_BASES] = "DELETE FROM usage_base",
	[DBX_SQL_SET_EPOCH] = "INSERT INTO usage_epoch(epoch) VALUES(?1)",
	[DBX_SQL_PUT_BASE] =
		"INSERT OR REPLACE INTO usage_base(workspace_id, rule_uid, reason, verdict, path,"
		" packets, bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[DBX_SQL_REMOVE_BASE] = "DELETE FROM usage_base WHERE workspace_id = ?1 AND rule_uid = ?2"
				" AND reason = ?3 AND verdict = ?4 AND path = ?5",
	[DBX_SQL_EACH_BASE] = "SELECT workspace_id, rule_uid, reason, verdict, path, packets, bytes"
			      " FROM usage_base",
	[DBX_SQL_GET_RULE] = "SELECT policy, doc, ptr, text, first_s FROM rules WHERE uid = ?1",
	[DBX_SQL_PUT_HIT] = "INSERT INTO rule_hits(rule_uid, last_s) VALUES(?1, ?2)"
			    " ON CONFLICT DO UPDATE SET last_s = max(last_s, ?2)",
	[DBX_SQL_DROP_HITS] = "DELETE FROM rule_hits WHERE last_s < ?1",
	[DBX_SQL_GET_HIT] = "SELECT last_s FROM rule_hits WHERE rule_uid = ?1",
	[DBX_SQL_HITS_BEGIN] = "SELECT begin_s FROM rule_hits_begin",
};

int dbx_store_fail(const struct dbx_store *s, struct dbx_fail *f, const char *what)
{
	int code = sqlite3_errcode(s->db);
	int err = code == SQLITE_FULL ? -ENOSPC : code == SQLITE_NOMEM ? -ENOMEM : -EIO;

	return dbx_fail_set(f, err, DBX_FAIL_INTERNAL, "%s the state database failed: %s", what,
			    sqlite3_errmsg(s->db));
}

/* ---- opening ---- */

static int pragma_int(struct dbx_store *s, const char *text, int *out)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(s->db, text, -1, &st, NULL) != SQLITE_OK)
		return -EIO;
	rc = sqlite3_step(st) == SQLITE_ROW ? 0 : -EIO;
	if (!rc)
		*out = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return rc;
}

static int create(struct dbx_store *s, struct dbx_fail *f)
{
	char text[128];

	snprintf(text, sizeof(text), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
		 APPLICATION_ID, DBX_STORE_SCHEMA);
	if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, schema, NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, schema_learned, NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, schema_usage, NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, schema_hits, NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, text, NULL, NULL, NULL))
		return dbx_store_fail(s, f, "creating");
	return 0;
}

/* One transaction: a crash leaves the older schema whole. */
static int upgrade(struct dbx_store *s, int from, struct dbx_fail *f)
{
	char text[64];

	snprintf(text, sizeof(text), "PRAGMA user_version=%d; COMMIT", DBX_STORE_SCHEMA);
	if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ||
	    (from < 2 && sqlite3_exec(s->db, schema_learned, NULL, NULL, NULL)) ||
	    (from < 3 && sqlite3_exec(s->db, schema_usage, NULL, NULL, NULL)) ||
	    sqlite3_exec(s->db, schema_hits, NULL, NULL, NULL) ||
	    sqlite3_exec(s->db, text, NULL, NULL, NULL)) {
		int rc = dbx_store_fail(s, f, "upgrading");

		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		return rc;
	}
	return 0;
}

static int check_schema(struct dbx_store *s, const char *path, struct dbx_fail *f)
{
	int version, app, n_tables;

	if (pragma_int(s, "PRAGMA user_version", &version) ||
	    pragma_int(s, "PRAGMA application_id", &app) ||
	    pragma_int(s, "SELECT count(*) FROM sqlite_master", &n_tables))
		return dbx_store_fail(s, f, "reading");
	if (version == 0 && app == 0 && n_tables == 0)
		return create(s, f);
	if (app != APPLICATION_ID)
		return dbx_fail_set(f, -EPROTO, DBX_FAIL_INTERNAL,
				    "%s is a database of another program; it is left alone", path);
	if (version >= 1 && version < DBX_STORE_SCHEMA)
		return upgrade(s, version, f);
	if (version != DBX_STORE_SCHEMA)
		return dbx_fail_set(
			f, -EPROTO, DBX_FAIL_INTERNAL,
			"%s has schema %d, this daemon knows schema %d: it was written by "
			"another release; start that one, or use another --state-dir",
			path, version, DBX_STORE_SCHEMA);
	return 0;
}

/* FULL: a commit that was answered survives loss of power. */
static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			      "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
			      "PRAGMA wal_autocheckpoint=256; PRAGMA cache_size=-2048;"
			      "PRAGMA journal_size_limit=4194304";

int dbx_store_open(struct dbx_store **out, const char *path, struct dbx_fail *f)
{
	struct dbx_store *s = calloc(1, sizeof(*s));
	int i, rc;

	if (!s)
		return dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL)) {
		rc = dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL, "opening %s failed: %s", path,
				  s->db ? sqlite3_errmsg(s->db) : "out of memory");
		goto out;
	}
	sqlite3_busy_timeout(s->db, 2000);
	rc = check_schema(s, path, f);
	if (rc)
		goto out;
	if (sqlite3_exec(s->db, pragmas, NULL, NULL, NULL)) {
		rc = dbx_store_fail(s, f, "setting up");
		goto out;
	}
	for (i = 0; i < DBX_SQL_MAX; i++) {
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i],
				       NULL)) {
			rc = dbx_store_fail(s, f, "preparing a statement of");
			goto out;
		}
	}
	*out = s;
	return 0;
out:
	dbx_store_close(&s);
	return rc;
}

void dbx_store_close(struct dbx_store **s)
{
	int i;

	if (!*s)
		return;
	for (i = 0; i < DBX_SQL_MAX; i++)
		sqlite3_finalize((*s)->stmt[i]);
	sqlite3_close((*s)->db);
	free(*s);
	*s = NULL;
}

int dbx_store_set_max_pages(struct dbx_store *s, unsigned int n_pages)
{
	char text[64];

	snprintf(text, sizeof(text), "PRAGMA max_page_count=%u", n_pages);
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) ? -EIO : 0;
}

/* ---- statements ---- */

sqlite3_stmt *dbx_store_bind(struct dbx_store *s, enum dbx_store_statement which, const char *types,
			     ...)
{
	sqlite3_stmt *st = s->stmt[which];
	va_list ap;
	int i;

	sqlite3_reset(st);
	va_start(ap, types);
	for (i = 0; types[i]; i++) {
		if (types[i] == 'i')
			sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
		else
			sqlite3_bind_text(st, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
	}
	va_end(ap);
	return st;
}

int dbx_store_run(struct dbx_store *s, sqlite3_stmt *st, struct dbx_fail *f, const char *what)
{
	int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : dbx_store_fail(s, f, what);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

static const char *column(sqlite3_stmt *st, int i)
{
	const char *t = (const char *)sqlite3_column_text(st, i);

	return t ? t : "";
}

/* ---- revisions ---- */

static void read_revision(sqlite3_stmt *st, struct dbx_revision *r)
{
	r->rev = sqlite3_column_int64(st, 0);
	r->time_ms = sqlite3_column_int64(st, 1);
	r->uid = (uint32_t)sqlite3_column_int64(st, 2);
	r->generation = (uint64_t)sqlite3_column_int64(st, 3);
	r->content_hash = (uint64_t)sqlite3_column_int64(st, 4);
	r->n_documents = (uint32_t)sqlite3_column_int64(st, 5);
	snprintf(r->message, sizeof(r->message), "%s", column(st, 6));
}

int dbx_store_head(struct dbx_store *s, struct dbx_revision *out, struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_HEAD, "");
	int step = sqlite3_step(st), rc = 0;

	if (step == SQLITE_ROW)
		read_revision(st, out);
	else if (step == SQLITE_DONE)
		*out = (struct dbx_revision){0};
	else
		rc = dbx_store_fail(s, f, "reading");
	sqlite3_reset(st);
	return rc;
}

int dbx_store_revision(struct dbx_store *s, int64_t rev, struct dbx_revision *out,
		       struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_REVISION, "i", rev);
	int step = sqlite3_step(st), rc = 0;

	if (step == SQLITE_ROW)
		read_revision(st, out);
	else if (step == SQLITE_DONE)
		rc = dbx_fail_set(f, -ENOENT, DBX_FAIL_NOT_FOUND, "there is no revision %lld",
				  (long long)rev);
	else
		rc = dbx_store_fail(s, f, "reading");
	sqlite3_reset(st);
	return rc;
}

int dbx_store_history(struct dbx_store *s, size_t limit, dbx_revision_fn fn, void *arg,
		      struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_HISTORY, "i", (int64_t)limit);
	struct dbx_revision r;
	int step, rc = 0;

	while (!rc && (step = sqlite3_step(st)) == SQLITE_ROW) {
		read_revision(st, &r);
		rc = fn(arg, &r);
	}
	if (!rc && step != SQLITE_DONE)
		rc = dbx_store_fail(s, f, "reading");
	sqlite3_reset(st);
	return rc;
}

/* ---- documents ---- */

int dbx_store_load(struct dbx_store *s, int64_t rev, struct dbx_docset *out, struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_LOAD, "i", rev);
	int step, rc = 0;

	while (!rc && (step = sqlite3_step(st)) == SQLITE_ROW) {
		struct dbx_document doc = {
			.kind = dbx_doc_kind_parse(column(st, 0)),
			.id = (char *)column(st, 1),
			.name = (char *)column(st, 2),
			.blob = sqlite3_column_int64(st, 3),
			.len = (size_t)sqlite3_column_int64(st, 4),
			.revision = sqlite3_column_int64(st, 5),
		};

		if (doc.kind == DBX_DOC_UNKNOWN)
			rc = dbx_fail_set(
				f, -EPROTO, DBX_FAIL_INTERNAL,
				"the state database holds a document of kind \"%s\", which "
				"this release does not know",
				column(st, 0));
		else if (dbx_docset_add(out, &doc))
			rc = dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory");
	}
	if (!rc && step != SQLITE_DONE)
		rc = dbx_store_fail(s, f, "reading");
	sqlite3_reset(st);
	return rc;
}

int dbx_store_remove(struct dbx_store *s, int64_t rev, enum dbx_doc_kind kind, const char *id,
		     struct dbx_fail *f)
{
	return dbx_store_run(
		s,
		dbx_store_bind(s, DBX_SQL_CLOSE_DOCUMENT, "iss", rev, dbx_doc_kind_name(kind), id),
		f, "writing to");
}

int dbx_store_put(struct dbx_store *s, int64_t rev, const struct dbx_document *doc,
		  struct dbx_fail *f)
{
	const char *kind = dbx_doc_kind_name(doc->kind);
	int64_t blob = doc->blob;
	int rc = 0;

	if (!blob)
		rc = dbx_store_add_text(s, doc->text, doc->len, &blob, f);
	if (!rc)
		rc = dbx_store_remove(s, rev, doc->kind, doc->id, f);
	/* Put twice in one revision: the last one counts. */
	if (!rc)
		rc = dbx_store_run(s,
				   dbx_store_bind(s, DBX_SQL_DROP_SAME, "iss", rev, kind, doc->id),
				   f, "writing to");
	if (!rc)
		rc = dbx_store_run(s,
				   dbx_store_bind(s, DBX_SQL_ADD_DOCUMENT, "isssi", rev, kind,
						  doc->id, doc->name, blob),
				   f, "writing to");
	return rc;
}

/* ---- the transaction ---- */

int dbx_store_begin(struct dbx_store *s, struct dbx_fail *f)
{
	return dbx_store_run(s, dbx_store_bind(s, DBX_SQL_BEGIN, ""), f,
			     "starting a transaction of");
}

int dbx_store_add_revision(struct dbx_store *s, const struct dbx_revision *r, struct dbx_fail *f)
{
	return dbx_store_run(s,
			     dbx_store_bind(s, DBX_SQL_ADD_REVISION, "iiiiiis", r->rev, r->time_ms,
					    (int64_t)r->uid, (int64_t)r->generation,
					    (int64_t)r->content_hash, (int64_t)r->n_documents,
					    r->message),
			     f, "writing to");
}

int dbx_store_commit(struct dbx_store *s, struct dbx_fail *f)
{
	return dbx_store_run(s, dbx_store_bind(s, DBX_SQL_COMMIT, ""), f, "committing to");
}

void dbx_store_abort(struct dbx_store *s)
{
	struct dbx_fail ignored;

	/* A failed COMMIT may have ended the transaction already. */
	if (!sqlite3_get_autocommit(s->db))
		dbx_store_run(s, dbx_store_bind(s, DBX_SQL_ROLLBACK, ""), &ignored, "rolling back");
}
