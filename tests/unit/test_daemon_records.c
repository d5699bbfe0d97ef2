// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_records.c -- from events to records in the daemon: every reason, rules and policies by
 * name, the options of the gateway document, and what the API says of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/dbox.h"
#include "daemon/log.h"
#include "daemon/records.h"
#include "daemon/recstore.h"
#include "lib/file.h"
#include "policy/explain.h"

struct fixture {
	struct dbox box;
	char ids[2 * DBX_REASON_MAX + 8][DBX_UUID_SIZE];
	uint16_t reasons[2 * DBX_REASON_MAX + 8];
	size_t n;
};

static void on_record(void *arg, const struct dbx_record *r, const char *line, size_t len)
{
	struct fixture *f = arg;

	(void)line;
	(void)len;
	assert_true(f->n < sizeof(f->ids) / sizeof(f->ids[0]));
	f->reasons[f->n] = r->event.reason;
	memcpy(f->ids[f->n++], r->event_id, DBX_UUID_SIZE);
}

static void apply(struct fixture *f, const char *gateway)
{
	char *body = dbox_envelope(NULL, "g", gateway, "p", dbox_policy, "o", dbox_option, NULL);

	assert_int_equal(dbox_call(&f->box, DBX_POST, DBOX_OURS "/apply", body), 200);
	free(body);
	dbx_records_change(f->box.d.records);
}

static int open_box(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[128];

	assert_non_null(f);
	dbox_open(&f->box);
	snprintf(path, sizeof(path), "%s/records.db", f->box.dir);
	assert_int_equal(dbx_records_open(&f->box.d.records, &f->box.d.core, path), 0);
	dbx_flowlog_subscribe(dbx_records_flowlog(f->box.d.records), DBX_FLOWLOG_ENDED, on_record,
			      f);
	apply(f, dbox_gateway);
	*state = f;
	return 0;
}

static int close_box(void **state)
{
	struct fixture *f = *state;

	dbx_records_close(&f->box.d.records);
	dbox_close(&f->box);
	free(f);
	return 0;
}

static struct dbx_event event_of(const struct fixture *f, enum dbx_reason reason)
{
	return (struct dbx_event){
		.generation = f->box.d.core.generation,
		.workspace_id = 1001,
		.src = {10, 66, 1, 10},
		.dst = {203, 0, 113, 9},
		.dport = 443,
		.reason = (uint16_t)reason,
		.proto = IPPROTO_TCP,
		.frame_bytes = 60,
		.flags = DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS,
	};
}

static void add(struct fixture *f, const struct dbx_event *e, const char *name)
{
	const struct dbx_flow_note n = {
		.event = e, .name = name, .rcode = DBX_RECORD_RCODE_NONE, .time_ms = dbx_now_ms()};

	dbx_records_add(f->box.d.records, &n);
}

static const char *get_record(struct fixture *f, const char *id, const char *path)
{
	char url[128];

	snprintf(url, sizeof(url), DBOX_OURS "/records/%s", id);
	assert_int_equal(dbox_call(&f->box, DBX_GET, url, NULL), 200);
	assert_non_null(f->box.json);
	return dbox_get(&f->box, path);
}

static void test_every_reason(void **state)
{
	struct fixture *f = *state;
	size_t n = 0;

	for (int r = 0; r < DBX_REASON_MAX; r++) {
		struct dbx_event e = event_of(f, (enum dbx_reason)r);

		if (dbx_reason_kind((enum dbx_reason)r) == DBX_KIND_PASS)
			continue; /* an allowed packet has no event */
		add(f, &e, NULL);
		n++;
		if (dbx_reason_kind((enum dbx_reason)r) != DBX_KIND_SOFT)
			continue;
		e.verdict = DBX_VERDICT_DRY_RUN;
		add(f, &e, NULL);
		n++;
	}
	dbx_flowlog_flush(dbx_records_flowlog(f->box.d.records));
	assert_int_equal(f->n, n);
	for (size_t i = 0; i < n; i++) {
		const char *slug = dbx_reason_slug((enum dbx_reason)f->reasons[i]);

		assert_string_equal(get_record(f, f->ids[i], "x_dbx_egress.reason"), slug);
		assert_string_equal(dbox_get(&f->box, "event_id"), f->ids[i]);
		assert_string_equal(dbox_get(&f->box, "workspace_id"), "1001");
		assert_string_equal(dbox_get(&f->box, "account_id"), DBOX_ACCOUNT);
	}
	assert_int_equal(dbox_call(&f->box, DBX_GET, DBOX_OURS "/status", NULL), 200);
	assert_int_equal(atoi(dbox_get(&f->box, "log.records")), (int)n);
	assert_int_equal(atoi(dbox_get(&f->box, "log.kept")), (int)n);
	assert_string_equal(dbox_get(&f->box, "log.lost_events"), "0");
}

static void on_open(void *arg, const struct dbx_record *r, const char *line, size_t len)
{
	(void)line;
	(void)len;
	memcpy(arg, r->event_id, DBX_UUID_SIZE);
}

/* monitor shows the id before there is a record: it can be asked for all the same. */
static void test_open_flow(void **state)
{
	struct fixture *f = *state;
	struct dbx_event e = event_of(f, DBX_REASON_NO_MATCH);
	struct dbx_flowlog *flows = dbx_records_flowlog(f->box.d.records);
	char id[DBX_UUID_SIZE] = "";

	dbx_flowlog_subscribe(flows, DBX_FLOWLOG_OPENED, on_open, id);
	add(f, &e, NULL);
	add(f, &e, NULL);
	assert_int_equal(f->n, 0);
	assert_string_equal(get_record(f, id, "event_id"), id);
	assert_string_equal(dbox_get(&f->box, "x_dbx_egress.open"), "true");
	assert_string_equal(dbox_get(&f->box, "x_dbx_egress.packets"), "2");
	assert_string_equal(dbox_get(&f->box, "x_dbx_egress.reason"), "no-match");
	assert_string_equal(dbox_get(&f->box, "account_id"), DBOX_ACCOUNT);
	add(f, &e, NULL);
	dbx_flowlog_flush(flows);
	assert_string_equal(get_record(f, id, "x_dbx_egress.packets"), "3");
	assert_string_equal(dbox_get(&f->box, "x_dbx_egress.open"), "");
	dbx_flowlog_unsubscribe(flows, on_open, id);
}

static void take_rule(const struct fixture *f, struct dbx_event *e, const char **text)
{
	const struct dbx_image *img = &f->box.d.core.now.img;
	const struct dbx_img_rule *rules;
	uint32_t n;

	rules = dbx_image_section(img, DBX_SEC_RULES, &n);
	for (uint32_t i = 0; i < n; i++) {
		*text = dbx_image_string(img, rules[i].text);
		e->rule_uid = rules[i].uid;
		if (e->rule_uid && **text)
			return;
	}
	fail_msg("the image names no rule");
}

/* The rule by its text and place, also after it is gone. */
static void test_rule_by_name(void **state)
{
	struct fixture *f = *state;
	struct dbx_event e = event_of(f, DBX_REASON_BLOCKED);
	const char *text = "";
	char *was;

	take_rule(f, &e, &text);
	was = strdup(text);
	add(f, &e, NULL);
	assert_int_equal(dbox_call(&f->box, DBX_PUT, DBOX_OURS "/gateway",
				   "{\"gateway\":{\"account_id\":\"" DBOX_ACCOUNT "\"}}"),
			 200);
	dbx_records_change(f->box.d.records);
	dbx_flowlog_flush(dbx_records_flowlog(f->box.d.records));
	assert_int_equal(f->n, 1);
	assert_string_equal(get_record(f, f->ids[0], "x_dbx_egress.rule.text"), was);
	assert_true(*dbox_get(&f->box, "x_dbx_egress.rule.document"));
	free(was);
}

static void test_unknown_id(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dbox_call(&f->box, DBX_GET, DBOX_OURS "/records/nobody", NULL), 404);
	assert_non_null(strstr(f->box.answer, "explain -"));
	assert_int_equal(dbox_call(&f->box, DBX_POST, DBOX_OURS "/records/nobody", "{}"), 405);
	assert_int_equal(
		dbox_call_as(&f->box, false, false, DBX_GET, DBOX_OURS "/records/nobody", NULL),
		403);
}

/* Only the log's options differ: that is a change, and takes effect at once. */
static void test_options_take_effect(void **state)
{
	struct fixture *f = *state;
	struct dbx_event e = event_of(f, DBX_REASON_NO_MATCH);
	char gateway[8192], path[128], *text;
	size_t len;

	snprintf(path, sizeof(path), "%s/d.jsonl", f->box.dir);
	assert_true(strlen(dbox_gateway) < sizeof(gateway) - 256);
	/* Into the object, in front of its first key. */
	text = strchr(strstr(dbox_gateway, "\"gateway\""), '{') + 1;
	snprintf(gateway, sizeof(gateway), "%.*s\"log\":{\"file\":{\"path\":\"%s\"}},%s",
		 (int)(text - dbox_gateway), dbox_gateway, path, text);
	assert_int_equal(dbox_call(&f->box, DBX_PUT, DBOX_OURS "/gateway", gateway), 200);
	assert_true(f->box.d.core.model->gateway.log.file.has);
	dbx_records_change(f->box.d.records);
	add(f, &e, "exfil.example.net");
	dbx_flowlog_flush(dbx_records_flowlog(f->box.d.records));
	assert_int_equal(dbx_file_read(path, 0, &text, &len), 0);
	assert_non_null(strstr(text, f->ids[0]));
	assert_non_null(strstr(text, "\"network_policy_id\":\""));
	free(text);
	assert_int_equal(dbox_call(&f->box, DBX_GET, DBOX_OURS "/status", NULL), 200);
	assert_string_equal(dbox_get(&f->box, "log.sinks.0.sink"), "file");
	assert_string_equal(dbox_get(&f->box, "log.sinks.0.path"), path);
	assert_string_equal(dbox_get(&f->box, "log.sinks.0.written"), "1");
	/* Taken out again: closed. */
	assert_int_equal(dbox_call(&f->box, DBX_PUT, DBOX_OURS "/gateway", dbox_gateway), 200);
	dbx_records_change(f->box.d.records);
	add(f, &e, "exfil.example.net");
	dbx_flowlog_flush(dbx_records_flowlog(f->box.d.records));
	assert_int_equal(f->n, 2);
	assert_int_equal(dbx_file_read(path, 0, &text, &len), 0);
	assert_null(strstr(text, f->ids[1]));
	free(text);
	unlink(path);
}

static void test_kept_over_a_restart(void **state)
{
	struct fixture *f = *state;
	struct dbx_event e = event_of(f, DBX_REASON_NO_MATCH);
	char path[128];

	snprintf(path, sizeof(path), "%s/records.db", f->box.dir);
	add(f, &e, NULL);
	dbx_records_close(&f->box.d.records); /* ends what is open */
	assert_int_equal(f->n, 1);
	assert_int_equal(dbx_records_open(&f->box.d.records, &f->box.d.core, path), 0);
	assert_string_equal(get_record(f, f->ids[0], "x_dbx_egress.reason"), "no-match");
	assert_string_equal(dbox_get(&f->box, "x_dbx_egress.dst_ip"), "203.0.113.9");
}

static int put(struct dbx_recstore *s, const char *id, int64_t last_ms, const char *line,
	       struct dbx_fail *f)
{
	const struct dbx_recstore_row row = {id, line, strlen(line), last_ms, false};

	return dbx_recstore_add(s, &row, f);
}

/* Kept by id, the latest; a file that cannot be read is begun anew. */
static void test_kept_records(void **state)
{
	const struct fixture *fix = *state;
	struct dbx_recstore *s;
	struct dbx_fail f;
	char db[128], id[40], *line;

	snprintf(db, sizeof(db), "%s/kept.db", fix->box.dir);
	assert_int_equal(dbx_recstore_open(&s, db, 100, &f), 0);
	for (int i = 0; i < 250; i++) {
		snprintf(id, sizeof(id), "id-%d", i);
		assert_int_equal(put(s, id, 1000 * i, id, &f), 0);
		if (i % 20 == 19)
			assert_int_equal(dbx_recstore_commit(s, &f), 0);
	}
	assert_int_equal(dbx_recstore_get(s, "id-249", &line, &f), 0); /* before it is on disk */
	assert_string_equal(line, "id-249");
	free(line);
	dbx_recstore_close(&s);
	assert_int_equal(dbx_recstore_open(&s, db, 100, &f), 0);
	assert_int_equal(dbx_recstore_get(s, "id-150", &line, &f), 0);
	free(line);
	assert_int_equal(dbx_recstore_get(s, "id-149", &line, &f), -ENOENT);
	assert_int_equal(f.kind, DBX_FAIL_NOT_FOUND);
	assert_int_equal(put(s, "id-200", 0, "x", &f), -EIO); /* ids are unique */
	assert_int_equal(dbx_recstore_commit(s, &f), 0);
	dbx_recstore_close(&s);
	/* Not to be read any more: begun anew. */
	assert_int_equal(dbx_file_write(db, "this is no database, is it? no, it is not.", 42, 0600),
			 0);
	assert_int_equal(dbx_recstore_open(&s, db, 100, &f), 0);
	assert_int_equal(dbx_recstore_get(s, "id-249", &line, &f), -ENOENT);
	assert_int_equal(put(s, "id-1", 0, "{}", &f), 0);
	dbx_recstore_close(&s);
}

/* Records of what passed are found by id, and have room of their own. */
static void test_kept_allowed(void **state)
{
	const struct fixture *fix = *state;
	struct dbx_recstore_row row = {.line = "{}", .len = 2, .is_allowed = true};
	struct dbx_recstore_span span;
	struct dbx_recstore *s;
	struct dbx_fail f;
	char db[128], id[40], *line;

	snprintf(db, sizeof(db), "%s/allowed.db", fix->box.dir);
	assert_int_equal(dbx_recstore_open(&s, db, 10, &f), 0);
	assert_int_equal(put(s, "denied-1", 1000, "{}", &f), 0);
	row.event_id = id;
	for (int i = 1; i <= 50; i++) {
		snprintf(id, sizeof(id), "allowed-%d", i);
		assert_int_equal(dbx_recstore_add(s, &row, &f), 0);
	}
	assert_int_equal(put(s, "denied-2", 2000, "{}", &f), 0);
	assert_int_equal(dbx_recstore_commit(s, &f), 0);
	assert_int_equal(dbx_recstore_get(s, "denied-1", &line, &f), 0);
	free(line);
	assert_int_equal(dbx_recstore_get(s, "allowed-41", &line, &f), 0);
	free(line);
	assert_int_equal(dbx_recstore_get(s, "allowed-40", &line, &f), -ENOENT);
	assert_int_equal(dbx_recstore_span(s, &span, &f), 0);
	assert_true(span.first == 1 && span.last == 2 && span.first_ms == 1000);
	dbx_recstore_close(&s);
}

/* As an earlier release kept them, without times: begun anew. */
static void test_kept_of_before(void **state)
{
	const struct fixture *fix = *state;
	struct dbx_recstore_span span;
	struct dbx_recstore *s;
	struct dbx_fail f;
	sqlite3 *raw;
	char db[128];

	snprintf(db, sizeof(db), "%s/before.db", fix->box.dir);
	assert_int_equal(sqlite3_open(db, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw,
				      "CREATE TABLE records(seq INTEGER PRIMARY KEY AUTOINCREMENT,"
				      " event_id TEXT NOT NULL UNIQUE, line TEXT NOT NULL);"
				      "INSERT INTO records(event_id, line) VALUES('x', '{}')",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(raw);
	assert_int_equal(dbx_recstore_open(&s, db, 100, &f), 0);
	assert_int_equal(dbx_recstore_span(s, &span, &f), 0);
	assert_true(span.first == 0);
	assert_int_equal(put(s, "x", 5, "{}", &f), 0);
	dbx_recstore_close(&s);
	assert_int_equal(dbx_recstore_open(&s, db, 100, &f), 0);
	assert_int_equal(dbx_recstore_span(s, &span, &f), 0);
	assert_true(span.first == 1 && span.first_ms == 5);
	dbx_recstore_close(&s);
}

/* ---- pages ---- */

struct seen {
	int64_t first, last;
	size_t n, stop;
};

static bool see(void *arg, int64_t number, const char *line, size_t len)
{
	struct seen *s = arg;
	char want[40];

	assert_true(!s->n || number > s->last);
	snprintf(want, sizeof(want), "id-%d", (int)number - 1);
	assert_string_equal(line, want);
	assert_int_equal(len, strlen(want));
	s->first = s->n++ ? s->first : number;
	s->last = number;
	return s->n != s->stop;
}

/* Numbers go on over what is dropped, and over a restart. */
static void test_kept_in_order(void **state)
{
	const struct fixture *fix = *state;
	struct dbx_recstore_span span;
	struct dbx_recstore *s;
	struct seen seen = {0};
	struct dbx_fail f;
	char db[128], id[40];

	snprintf(db, sizeof(db), "%s/order.db", fix->box.dir);
	assert_int_equal(dbx_recstore_open(&s, db, 100, &f), 0);
	assert_int_equal(dbx_recstore_span(s, &span, &f), 0);
	assert_true(!span.first && !span.last);
	assert_int_equal(dbx_recstore_each(s, 0, 0, see, &seen, &f), 0);
	assert_int_equal(seen.n, 0);
	for (int i = 0; i < 150; i++) {
		snprintf(id, sizeof(id), "id-%d", i);
		assert_int_equal(put(s, id, 1000 * i, id, &f), 0);
	}
	dbx_recstore_close(&s);
	assert_int_equal(dbx_recstore_open(&s, db, 100, &f), 0);
	assert_int_equal(dbx_recstore_span(s, &span, &f), 0);
	assert_true(span.first == 51 && span.last == 150 && span.first_ms == 50000);
	assert_int_equal(dbx_recstore_each(s, 0, 0, see, &seen, &f), 0);
	assert_true(seen.n == 100 && seen.first == 51 && seen.last == 150);
	seen = (struct seen){.stop = 7};
	assert_int_equal(dbx_recstore_each(s, 60, 0, see, &seen, &f), 0);
	assert_true(seen.n == 7 && seen.first == 61 && seen.last == 67);
	seen = (struct seen){.n = 0};
	assert_int_equal(dbx_recstore_each(s, 60, 140000, see, &seen, &f), 0);
	assert_true(seen.n == 10 && seen.first == 141);
	seen = (struct seen){.n = 0};
	assert_int_equal(dbx_recstore_each(s, 150, 0, see, &seen, &f), 0);
	assert_int_equal(seen.n, 0);
	dbx_recstore_close(&s);
}

static int get_page(struct fixture *f, const char *query)
{
	char path[256];

	snprintf(path, sizeof(path), DBOX_OURS "/records%s", query);
	return dbox_call(&f->box, DBX_GET, path, NULL);
}

/* Each record is on exactly one page, whole and in order, also when more come in between. */
static void test_pages(void **state)
{
	struct fixture *f = *state;
	struct dbx_event e = event_of(f, DBX_REASON_NO_MATCH);
	char query[64], next[32] = "0";
	size_t n = 0, first_n;

	assert_int_equal(get_page(f, ""), 200);
	assert_string_equal(dbox_get(&f->box, "records"), "0");
	assert_string_equal(dbox_get(&f->box, "next"), "");
	assert_string_equal(dbox_get(&f->box, "first"), "");
	assert_string_equal(dbox_get(&f->box, "first_time"), "");
	for (int i = 0; i < 25; i++) {
		e.dport = (uint16_t)(1000 + i);
		add(f, &e, NULL);
	}
	dbx_flowlog_flush(dbx_records_flowlog(f->box.d.records));
	assert_int_equal(f->n, 25);
	first_n = f->n;
	while (*next) {
		snprintf(query, sizeof(query), "?limit=10&after=%s", next);
		assert_int_equal(get_page(f, query), 200);
		for (size_t i = 0; i < 10 && n < f->n; i++, n++) {
			snprintf(query, sizeof(query), "records.%zu.event_id", i);
			assert_string_equal(dbox_get(&f->box, query), f->ids[n]);
		}
		snprintf(next, sizeof(next), "%s", dbox_get(&f->box, "next"));
		if (f->n == first_n) { /* behind what is read */
			e.dport = 2000;
			add(f, &e, NULL);
			dbx_flowlog_flush(dbx_records_flowlog(f->box.d.records));
		}
	}
	assert_int_equal(n, 26);
	assert_string_equal(dbox_get(&f->box, "records"), "6");
	assert_string_equal(dbox_get(&f->box, "last"), "26");
	assert_int_equal(get_page(f, "?limit=26"), 200); /* just all */
	assert_string_equal(dbox_get(&f->box, "next"), "");
	assert_int_equal(get_page(f, "?since=1h"), 200);
	assert_string_equal(dbox_get(&f->box, "records"), "26");
	assert_int_equal(get_page(f, "?since=9999-01-01"), 200);
	assert_string_equal(dbox_get(&f->box, "records"), "0");
	assert_string_equal(dbox_get(&f->box, "first"), "1");
}

static void test_bad_pages(void **state)
{
	static const char *const bad[] = {
		"?limit=0",
		"?limit=10001",
		"?limit=x",
		"?limit=-1",
		"?after=-1",
		"?after=1x",
		"?since=soon",
		"?since=7x",
		"?after=9223372036854775808",
		"?limit=99999999999999999999",
	};
	struct fixture *f = *state;
	char db[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (get_page(f, bad[i]) != 400)
			fail_msg("%s: %s", bad[i], f->box.answer);
		assert_string_equal(dbox_get(&f->box, "error_code"), "INVALID_PARAMETER_VALUE");
	}
	assert_int_equal(get_page(f, "?after=9223372036854775807"), 200);
	/* Nowhere to keep them: said, and no empty list. */
	dbx_records_close(&f->box.d.records);
	snprintf(db, sizeof(db), "%s/no/such/place", f->box.dir);
	assert_int_equal(dbx_records_open(&f->box.d.records, &f->box.d.core, db), 0);
	assert_int_equal(get_page(f, ""), 404);
	assert_string_equal(dbox_get(&f->box, "error_code"), "RESOURCE_DOES_NOT_EXIST");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_box, close_box)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_reason),
		TEST(test_open_flow),
		TEST(test_rule_by_name),
		TEST(test_unknown_id),
		TEST(test_options_take_effect),
		TEST(test_kept_over_a_restart),
		TEST(test_kept_records),
		TEST(test_kept_allowed),
		TEST(test_kept_of_before),
		TEST(test_kept_in_order),
		TEST(test_pages),
		TEST(test_bad_pages),
	};

	dbx_log_init(DBX_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
