/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store_impl.h -- what the two halves of the store share: its statements.
 */
#ifndef DBX_DAEMON_STORE_IMPL_H
#define DBX_DAEMON_STORE_IMPL_H

#include <sqlite3.h>

#include "daemon/store.h"

enum dbx_store_statement {
	DBX_SQL_BEGIN,
	DBX_SQL_COMMIT,
	DBX_SQL_ROLLBACK,
	DBX_SQL_HEAD,
	DBX_SQL_REVISION,
	DBX_SQL_HISTORY,
	DBX_SQL_LOAD,
	DBX_SQL_TEXT,
	DBX_SQL_FIND_BLOB,
	DBX_SQL_ADD_BLOB,
	DBX_SQL_ADD_REVISION,
	DBX_SQL_CLOSE_DOCUMENT,
	DBX_SQL_DROP_SAME,
	DBX_SQL_ADD_DOCUMENT,
	DBX_SQL_PUT_RULE,
	DBX_SQL_GET_RULE,
	DBX_SQL_PUT_LEARNED,
	DBX_SQL_REMOVE_LEARNED,
	DBX_SQL_EACH_LEARNED,
	DBX_SQL_ADD_USAGE,
	DBX_SQL_ROLL_USAGE,
	DBX_SQL_DROP_MINUTES,
	DBX_SQL_DROP_USAGE,
	DBX_SQL_GET_USAGE,
	DBX_SQL_GET_EPOCH,
	DBX_SQL_DROP_EPOCH,
	DBX_SQL_DROP_BASES,
	DBX_SQL_SET_EPOCH,
	DBX_SQL_PUT_BASE,
	DBX_SQL_REMOVE_BASE,
	DBX_SQL_EACH_BASE,
	DBX_SQL_PUT_HIT,
	DBX_SQL_DROP_HITS,
	DBX_SQL_GET_HIT,
	DBX_SQL_HITS_BEGIN,
	DBX_SQL_MAX,
};

struct dbx_store {
	sqlite3 *db;
	sqlite3_stmt *stmt[DBX_SQL_MAX];
};

int dbx_store_fail(const struct dbx_store *s, struct dbx_fail *f, const char *what);
/* Binds by letters: i int64, s string. Strings must live until the statement is reset. */
sqlite3_stmt *dbx_store_bind(struct dbx_store *s, enum dbx_store_statement which, const char *types,
			     ...);
/* Runs a statement that gives no rows. */
int dbx_store_run(struct dbx_store *s, sqlite3_stmt *st, struct dbx_fail *f, const char *what);
/* The row of a text: that of an equal one if there is, else a new one. */
int dbx_store_add_text(struct dbx_store *s, const char *text, size_t len, int64_t *blob,
		       struct dbx_fail *f);

#endif
