// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * store_names.c -- the names of rules and the texts of learned names.
 */
#include "daemon/store_impl.h"

#include <errno.h>

static const char *column(sqlite3_stmt *st, int i)
{
	const char *t = (const char *)sqlite3_column_text(st, i);

	return t ? t : "";
}

/* ---- rule names ---- */

int dbx_store_put_rule(struct dbx_store *s, const struct dbx_rule_name *r, struct dbx_fail *f)
{
	return dbx_store_run(s,
			     dbx_store_bind(s, DBX_SQL_PUT_RULE, "issssi", (int64_t)r->uid,
					    r->policy, r->doc, r->ptr, r->text, r->first_s),
			     f, "writing to");
}

int dbx_store_rule(struct dbx_store *s, uint64_t uid, dbx_rule_fn fn, void *arg)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_GET_RULE, "i", (int64_t)uid);
	int rc = -ENOENT;

	if (sqlite3_step(st) == SQLITE_ROW) {
		const struct dbx_rule_name r = {
			.uid = uid,
			.policy = column(st, 0),
			.doc = column(st, 1),
			.ptr = column(st, 2),
			.text = column(st, 3),
			.first_s = sqlite3_column_int64(st, 4),
		};

		fn(arg, &r);
		rc = 0;
	}
	sqlite3_reset(st);
	return rc;
}

/* ---- learned names ---- */

static int learned(struct dbx_store *s, enum dbx_store_statement which, uint64_t policy_uid,
		   const struct dbx_addr *addr, const char *name, struct dbx_fail *f)
{
	char text[DBX_ADDR_STRLEN];

	return dbx_store_run(s,
			     dbx_store_bind(s, which, "iss", (int64_t)policy_uid,
					    dbx_addr_format(addr, text), name),
			     f, "writing to");
}

int dbx_store_put_learned(struct dbx_store *s, uint64_t policy_uid, const struct dbx_addr *addr,
			  const char *name, struct dbx_fail *f)
{
	return learned(s, DBX_SQL_PUT_LEARNED, policy_uid, addr, name, f);
}

int dbx_store_remove_learned(struct dbx_store *s, uint64_t policy_uid, const struct dbx_addr *addr,
			     const char *name, struct dbx_fail *f)
{
	return learned(s, DBX_SQL_REMOVE_LEARNED, policy_uid, addr, name, f);
}

int dbx_store_each_learned(struct dbx_store *s, dbx_learned_fn fn, void *arg, struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_EACH_LEARNED, "");
	struct dbx_addr addr;
	int step, rc = 0;

	while (!rc && (step = sqlite3_step(st)) == SQLITE_ROW) {
		if (!dbx_addr_parse(column(st, 1), &addr))
			rc = fn(arg, (uint64_t)sqlite3_column_int64(st, 0), &addr, column(st, 2));
	}
	if (!rc && step != SQLITE_DONE)
		rc = dbx_store_fail(s, f, "reading");
	sqlite3_reset(st);
	return rc;
}
