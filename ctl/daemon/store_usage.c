// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * store_usage.c -- usage in buckets of time, the counters that it was taken from, and hits of rules.
 */
#include "daemon/store_impl.h"

#include <stdio.h>

#define HOUR_S 3600

int dbx_store_add_usage(struct dbx_store *s, int64_t start_s, int64_t span_s,
			const struct dbx_usage_row *r, struct dbx_fail *f)
{
	return dbx_store_run(s,
			     dbx_store_bind(s, DBX_SQL_ADD_USAGE, "iiiiii", start_s, span_s,
					    (int64_t)r->workspace_id, (int64_t)r->path,
					    (int64_t)r->counter.packets, (int64_t)r->counter.bytes),
			     f, "writing usage to");
}

int dbx_store_roll_usage(struct dbx_store *s, int64_t minutes_s, int64_t all_s, struct dbx_fail *f)
{
	int64_t hour = minutes_s - minutes_s % HOUR_S; /* whole hours */
	int rc;

	rc = dbx_store_run(s, dbx_store_bind(s, DBX_SQL_ROLL_USAGE, "i", hour), f,
			   "rolling up usage in");
	if (!rc)
		rc = dbx_store_run(s, dbx_store_bind(s, DBX_SQL_DROP_MINUTES, "i", hour), f,
				   "rolling up usage in");
	if (!rc)
		rc = dbx_store_run(s, dbx_store_bind(s, DBX_SQL_DROP_USAGE, "i", all_s), f,
				   "rolling up usage in");
	return rc;
}

int dbx_store_usage(struct dbx_store *s, int64_t since_s, uint64_t workspace_id, dbx_usage_fn fn,
		    void *arg, struct dbx_fail *f)
{
	sqlite3_stmt *st =
		dbx_store_bind(s, DBX_SQL_GET_USAGE, "ii", since_s, (int64_t)workspace_id);
	int step, rc = 0;

	while (!rc && (step = sqlite3_step(st)) == SQLITE_ROW) {
		const struct dbx_usage_row r = {
			.workspace_id = (uint64_t)sqlite3_column_int64(st, 0),
			.path = (uint8_t)sqlite3_column_int(st, 1),
			.counter.packets = (uint64_t)sqlite3_column_int64(st, 2),
			.counter.bytes = (uint64_t)sqlite3_column_int64(st, 3),
			.from_s = sqlite3_column_int64(st, 4),
			.to_s = sqlite3_column_int64(st, 5),
		};

		rc = fn(arg, &r);
	}
	if (!rc && step != SQLITE_DONE)
		rc = dbx_store_fail(s, f, "reading usage from");
	sqlite3_reset(st);
	return rc;
}

/* ---- the base ---- */

int dbx_store_usage_epoch(struct dbx_store *s, char out[64], struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_GET_EPOCH, "");
	int step = sqlite3_step(st), rc = 0;
	const char *text;

	out[0] = '\0';
	if (step == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		snprintf(out, 64, "%s", text ? text : "");
	} else if (step != SQLITE_DONE) {
		rc = dbx_store_fail(s, f, "reading usage from");
	}
	sqlite3_reset(st);
	return rc;
}

int dbx_store_set_usage_epoch(struct dbx_store *s, const char *epoch, struct dbx_fail *f)
{
	int rc;

	rc = dbx_store_run(s, dbx_store_bind(s, DBX_SQL_DROP_BASES, ""), f, "writing usage to");
	if (!rc)
		rc = dbx_store_run(s, dbx_store_bind(s, DBX_SQL_DROP_EPOCH, ""), f,
				   "writing usage to");
	if (!rc)
		rc = dbx_store_run(s, dbx_store_bind(s, DBX_SQL_SET_EPOCH, "s", epoch), f,
				   "writing usage to");
	return rc;
}

int dbx_store_put_usage_base(struct dbx_store *s, const struct dbx_dp_counter *c,
			     struct dbx_fail *f)
{
	const struct dbx_counter_key *k = &c->key;

	return dbx_store_run(s,
			     dbx_store_bind(s, DBX_SQL_PUT_BASE, "iiiiiii",
					    (int64_t)k->workspace_id, (int64_t)k->rule_uid,
					    (int64_t)k->reason, (int64_t)k->verdict,
					    (int64_t)k->path, (int64_t)c->value.packets,
					    (int64_t)c->value.bytes),
			     f, "writing usage to");
}

int dbx_store_remove_usage_base(struct dbx_store *s, const struct dbx_counter_key *k,
				struct dbx_fail *f)
{
	return dbx_store_run(s,
			     dbx_store_bind(s, DBX_SQL_REMOVE_BASE, "iiiii",
					    (int64_t)k->workspace_id, (int64_t)k->rule_uid,
					    (int64_t)k->reason, (int64_t)k->verdict,
					    (int64_t)k->path),
			     f, "writing usage to");
}

int dbx_store_each_usage_base(struct dbx_store *s, dbx_dp_counter_fn fn, void *arg,
			      struct dbx_fail *f)
{
	sqlite3_stmt *st = dbx_store_bind(s, DBX_SQL_EACH_BASE, "");
	int step, rc = 0;

	while (!rc && (step = sqlite3_step(st)) == SQLITE_ROW) {
		const struct dbx_dp_counter c = {
			.key.workspace_id = (uint64_t)sqlite3_column_int64(st, 0),
			.key.rule_uid = (uint64_t)sqlite3_column_int64(st, 1),
			.key.reason = (uint16_t)sqlite3_column_int(st, 2),
			.key.verdict = (uint8_t)sqlite3_column_int(st, 3),
			.key.path = (uint8_t)sqlite3_column_int(st, 4),
			.value.packets = (uint64_t)sqlite3_column_int64(st, 5),
			.value.bytes = (uint64_t)sqlite3_column_int64(st, 6),
		};

		rc = fn(arg, &c);
	}
	if (!rc && step != SQLITE_DONE)
		rc = dbx_store_fail(s, f, "reading usage from");
	sqlite3_reset(st);
	return rc;
}

/* ---- hits of rules ---- */

int dbx_store_put_hit(struct dbx_store *s, uint64_t rule_uid, int64_t at_s, struct dbx_fail *f)
{
	return dbx_store_run(s, dbx_store_bind(s, DBX_SQL_PUT_HIT, "ii", (int64_t)rule_uid, at_s),
			     f, "writing hits to");
}

int dbx_store_drop_hits(struct dbx_store *s, int64_t before_s, struct dbx_fail *f)
{
	return dbx_store_run(s, dbx_store_bind(s, DBX_SQL_DROP_HITS, "i", before_s), f,
			     "dropping hits from");
}

static int get_time(struct dbx_store *s, sqlite3_stmt *st, int64_t *out, struct dbx_fail *f)
{
	int step = sqlite3_step(st);
	int rc = step == SQLITE_ROW || step == SQLITE_DONE
			 ? 0
			 : dbx_store_fail(s, f, "reading hits from");

	if (!rc)
		*out = step == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	return rc;
}

int dbx_store_hit(struct dbx_store *s, uint64_t rule_uid, int64_t *last_s, struct dbx_fail *f)
{
	return get_time(s, dbx_store_bind(s, DBX_SQL_GET_HIT, "i", (int64_t)rule_uid), last_s, f);
}

int dbx_store_hits_begin(struct dbx_store *s, int64_t *begin_s, struct dbx_fail *f)
{
	return get_time(s, dbx_store_bind(s, DBX_SQL_HITS_BEGIN, ""), begin_s, f);
}
