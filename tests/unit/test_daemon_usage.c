// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_usage.c -- usage is what the counters grew by: never less, never twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/dbox.h"
#include "daemon/log.h"
#include "daemon/usage.h"

#define HOUR 3600
#define DAY  86400
#define NOW  (20000 * (int64_t)DAY) /* midnight */

/* ---- a data plane that has counters, and a store ---- */

static struct dbx_dp_counter counters[16];
static size_t n_counters;
static uint64_t counters_id;

static int fake_counters(struct dbx_dp *dp, dbx_dp_counter_fn fn, void *arg)
{
	int rc = 0;

	(void)dp;
	for (size_t i = 0; i < n_counters && !rc; i++)
		rc = fn(arg, &counters[i]);
	return rc;
}

static int fake_state(struct dbx_dp *dp, struct dbx_dp_state *state)
{
	(void)dp;
	*state = (struct dbx_dp_state){.counters_id = counters_id};
	return 0;
}

static const struct dbx_dp_ops ops = {.counters = fake_counters, .state = fake_state};

static char dir[64], db[96];
static struct dbx_store *store;
static struct dbx_usage *usage;

static void open_usage(void)
{
	struct dbx_fail f;

	assert_int_equal(dbx_store_open(&store, db, &f), 0);
	assert_int_equal(dbx_usage_open(&usage, store, &ops, NULL, &f), 0);
}

static void close_usage(void)
{
	dbx_usage_close(&usage);
	dbx_store_close(&store);
}

static int setup(void **state)
{
	(void)state;
	dbx_log_init(DBX_LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/dbx-usage.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(db, sizeof(db), "%s/state.db", dir);
	n_counters = 0;
	counters_id = 1;
	open_usage();
	return 0;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	close_usage();
	for (int i = 0; i < 3; i++) {
		static const char *const tails[] = {"", "-wal", "-shm"};

		snprintf(path, sizeof(path), "%s%s", db, tails[i]);
		unlink(path);
	}
	return rmdir(dir);
}

/* Packets of 100 bytes, as the kernel program would count them. */
static void pass(uint64_t workspace, uint64_t rule, enum dbx_path path, uint64_t packets)
{
	const struct dbx_counter_key k = {workspace, rule, 0, DBX_VERDICT_PASS, (uint8_t)path, 0};
	size_t i;

	for (i = 0; i < n_counters && memcmp(&counters[i].key, &k, sizeof(k)) != 0; i++)
		;
	if (i == n_counters)
		counters[n_counters++] = (struct dbx_dp_counter){.key = k};
	counters[i].value.packets += packets;
	counters[i].value.bytes += packets * 100;
}

static void forget(uint64_t rule)
{
	size_t kept = 0;

	for (size_t i = 0; i < n_counters; i++) {
		if (counters[i].key.rule_uid != rule)
			counters[kept++] = counters[i];
	}
	n_counters = kept;
}

static void sample(int64_t at)
{
	struct dbx_fail f;

	assert_int_equal(dbx_usage_sample(usage, at, &f), 0);
}

struct text {
	char s[512];
	size_t n;
};

static int add_row(void *arg, const struct dbx_usage_row *r)
{
	struct text *t = arg;

	assert_true(r->counter.bytes == r->counter.packets * 100);
	t->n += (size_t)snprintf(t->s + t->n, sizeof(t->s) - t->n, "%s%llu/%d=%llu",
				 t->n ? " " : "", (unsigned long long)r->workspace_id, r->path,
				 (unsigned long long)r->counter.packets);
	return 0;
}

/* "workspace/path=packets ..." */
static const char *show(int64_t since, uint64_t workspace)
{
	static struct text t;
	struct dbx_fail f;

	t = (struct text){.n = 0};
	assert_int_equal(dbx_store_usage(store, since, workspace, add_row, &t, &f), 0);
	return t.s;
}

/* ---- tests ---- */

static void test_growth_counts_once(void **state)
{
	(void)state;
	sample(NOW);
	assert_string_equal(show(0, 0), "");
	pass(1, 10, DBX_PATH_NAT, 3);
	pass(1, 11, DBX_PATH_NAT, 4);
	pass(1, 12, DBX_PATH_PRIVATE_ENDPOINT, 1);
	pass(2, 10, DBX_PATH_NAT, 5);
	pass(0, 0, DBX_PATH_LOCAL, 9); /* nobody's */
	sample(NOW);
	sample(NOW);
	assert_string_equal(show(0, 0), "1/2=1 1/4=7 2/4=5");
	pass(2, 10, DBX_PATH_NAT, 1);
	counters[0].key.verdict = DBX_VERDICT_DROP; /* the row of rule 10 is one of denials now */
	sample(NOW + 60);
	assert_string_equal(show(0, 2), "2/4=6");
	assert_string_equal(show(0, 0), "1/2=1 1/4=7 2/4=6");
	pass(1, 99, DBX_PATH_FIREWALL, 2);
	counters[n_counters - 1].key.verdict = DBX_VERDICT_DRY_RUN;
	sample(NOW + 60);
	assert_string_equal(show(0, 1), "1/2=1 1/4=7 1/5=2");
}

static void test_restart(void **state)
{
	(void)state;
	pass(1, 10, DBX_PATH_NAT, 3);
	sample(NOW);
	close_usage();
	pass(1, 10, DBX_PATH_NAT, 2); /* while nobody looked */
	open_usage();
	sample(NOW + 100);
	assert_string_equal(show(0, 0), "1/4=5");
	close_usage(); /* without a sample: as after a kill */
	open_usage();
	sample(NOW + 200);
	assert_string_equal(show(0, 0), "1/4=5");
}

static void test_counters_begin_anew(void **state)
{
	(void)state;
	pass(1, 10, DBX_PATH_NAT, 3);
	sample(NOW);
	n_counters = 0;
	counters_id = 2; /* more than before, and still another 7 */
	pass(1, 10, DBX_PATH_NAT, 7);
	sample(NOW);
	assert_string_equal(show(0, 0), "1/4=10");
	close_usage();
	n_counters = 0;
	counters_id = 3;
	pass(1, 10, DBX_PATH_NAT, 7);
	open_usage();
	sample(NOW);
	assert_string_equal(show(0, 0), "1/4=17");
}

static void test_rows_are_swept(void **state)
{
	(void)state;
	pass(1, 10, DBX_PATH_NAT, 30);
	pass(1, 11, DBX_PATH_NAT, 1);
	sample(NOW);
	forget(10);
	pass(1, 11, DBX_PATH_NAT, 1);
	sample(NOW);
	assert_string_equal(show(0, 0), "1/4=32");
	pass(1, 10, DBX_PATH_NAT, 40); /* more than it had, and all of it new */
	sample(NOW);
	assert_string_equal(show(0, 0), "1/4=72");
	forget(10);
	pass(1, 10, DBX_PATH_NAT, 5); /* swept and back between two samples */
	sample(NOW);
	assert_string_equal(show(0, 0), "1/4=77");
}

static void test_full_disk_loses_nothing(void **state)
{
	struct dbx_fail f;

	(void)state;
	sample(NOW);
	assert_int_equal(dbx_store_set_max_pages(store, 1), 0);
	for (int i = 0; i < 16; i++)
		pass((uint64_t)i + 1, 10, DBX_PATH_NAT, 1);
	while (dbx_usage_sample(usage, NOW, &f) == 0) { /* pages may have room left */
		n_counters = 0;
		counters_id++;
		for (int i = 0; i < 16; i++)
			pass(counters_id * 100 + (uint64_t)i, 10, DBX_PATH_NAT, 1);
		assert_true(counters_id < 1000);
	}
	assert_string_not_equal(dbx_usage_error(usage), "");
	dbx_store_set_max_pages(store, 1000000);
	pass(counters[3].key.workspace_id, 10, DBX_PATH_NAT, 2);
	sample(NOW);
	assert_string_equal(dbx_usage_error(usage), "");
	assert_non_null(strstr(show(0, counters[3].key.workspace_id), "/4=3"));
}

static void test_since(void **state)
{
	(void)state;
	pass(1, 10, DBX_PATH_NAT, 1);
	sample(NOW + 59);
	pass(1, 10, DBX_PATH_NAT, 2);
	sample(NOW + 60);
	assert_string_equal(show(NOW, 0), "1/4=3");
	assert_string_equal(show(NOW + 59, 0), "1/4=3"); /* its minute is counted whole */
	assert_string_equal(show(NOW + 60, 0), "1/4=2");
	assert_string_equal(show(NOW + 119, 0), "1/4=2");
	assert_string_equal(show(NOW + 120, 0), "");
}

/* What is found when a minute has just begun is of the one before. */
static void test_minutes(void **state)
{
	(void)state;
	for (int64_t s = 0; s < 60; s++)
		dbx_usage_second(usage, NOW + s);
	pass(1, 10, DBX_PATH_NAT, 1);
	dbx_usage_second(usage, NOW + 60);
	assert_string_equal(show(NOW, 0), "1/4=1");
	assert_string_equal(show(NOW + 60, 0), "");
	pass(1, 10, DBX_PATH_NAT, 1);
	for (int64_t s = 61; s <= 70; s++)
		dbx_usage_second(usage, NOW + s);
	assert_string_equal(show(NOW + 60, 0), "1/4=1");
	/* The clock was put back: it goes on. */
	pass(1, 10, DBX_PATH_NAT, 1);
	dbx_usage_second(usage, NOW - DAY);
	assert_string_equal(show(0, 0), "1/4=3");
}

static int count_rows(void *arg, const struct dbx_usage_row *r)
{
	*(int64_t *)arg += r->to_s - r->from_s;
	return 0;
}

static void test_rolling_up(void **state)
{
	int64_t span = 0;
	struct dbx_fail f;

	(void)state;
	for (int m = 0; m < 120; m += 10) {
		pass(1, 10, DBX_PATH_NAT, 1);
		pass(2, 10, DBX_PATH_NAT, 2);
		sample(NOW + HOUR + m * 60);
	}
	assert_string_equal(show(0, 0), "1/4=12 2/4=24");
	dbx_usage_second(usage, NOW + 2 * DAY + HOUR + 1800); /* within the first hour: not yet */
	assert_string_equal(show(NOW + HOUR + 1800, 1), "1/4=9");
	dbx_usage_second(usage, NOW + 2 * DAY + 2 * HOUR + 1800);
	assert_string_equal(show(NOW + HOUR + 1800, 1), "1/4=12"); /* hours are counted whole */
	assert_string_equal(show(0, 0), "1/4=12 2/4=24");
	assert_int_equal(dbx_store_usage(store, 0, 1, count_rows, &span, &f), 0);
	assert_int_equal(span, HOUR + 50 * 60 + 60);
	dbx_usage_second(usage, NOW + 3 * DAY);        /* and the second */
	dbx_usage_second(usage, NOW + 3 * DAY + HOUR); /* what is rolled up stays so */
	assert_string_equal(show(0, 0), "1/4=12 2/4=24");
	dbx_usage_second(usage, NOW + DBX_USAGE_KEPT_S + 2 * HOUR);
	assert_string_equal(show(0, 0), "1/4=6 2/4=12");
	dbx_usage_second(usage, NOW + DBX_USAGE_KEPT_S + 4 * HOUR);
	assert_string_equal(show(0, 0), "");
}

static int64_t hit(uint64_t rule)
{
	struct dbx_fail f;
	int64_t at;

	assert_int_equal(dbx_store_hit(store, rule, &at, &f), 0);
	return at;
}

/* When a packet passed by a rule last: over other paths, restarts, swept and new counters. */
static void test_hits(void **state)
{
	(void)state;
	pass(1, 10, DBX_PATH_NAT, 1);
	pass(1, 11, DBX_PATH_NAT, 1);
	pass(1, 0, DBX_PATH_NAT, 1); /* by no rule */
	pass(1, 12, DBX_PATH_NAT, 1);
	counters[n_counters - 1].key.verdict = DBX_VERDICT_DRY_RUN;
	sample(NOW + 5);
	assert_true(hit(10) == NOW + 5 && hit(11) == NOW + 5);
	assert_true(hit(0) == 0 && hit(12) == 0); /* a dry run is no hit */
	pass(1, 10, DBX_PATH_FIREWALL, 1);
	sample(NOW + 65);
	assert_true(hit(10) == NOW + 65 && hit(11) == NOW + 5);
	close_usage();
	pass(2, 11, DBX_PATH_NAT, 1); /* while nobody looked: of when it is seen */
	open_usage();
	sample(NOW + 100);
	assert_true(hit(10) == NOW + 65 && hit(11) == NOW + 100);
	forget(11);
	sample(NOW + 200);
	assert_true(hit(11) == NOW + 100);
	n_counters = 0;
	counters_id = 2; /* a reboot */
	sample(NOW + 300);
	assert_true(hit(10) == NOW + 65 && hit(11) == NOW + 100);
	pass(1, 11, DBX_PATH_NAT, 1);
	sample(NOW + 400);
	assert_true(hit(10) == NOW + 65 && hit(11) == NOW + 400);
}

/* Entries in force, with the packets of the program and the times of the state. */
static void test_entries(void **state)
{
	struct dbx_event e = {.workspace_id = 1001,
			      .frame_bytes = 60,
			      .verdict = DBX_VERDICT_PASS,
			      .path = DBX_PATH_NAT};
	char *body = dbox_envelope(NULL, "gw.json", dbox_gateway, "np.json", dbox_policy,
				   "opt.json", dbox_option, NULL);
	struct dbox b;

	(void)state;
	dbox_open(&b);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/entries", NULL), 409);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/apply", body), 200);
	free(body);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/entries", NULL), 200);
	assert_string_equal(dbox_get(&b, "generation"), "1");
	assert_string_equal(dbox_get(&b, "error"), "");
	assert_string_equal(dbox_get(&b, "entries"), "1");
	assert_string_equal(dbox_get(&b, "entries.0.policy"), ""); /* the gateway's */
	assert_string_equal(dbox_get(&b, "entries.0.document"), "gw.json");
	assert_string_equal(dbox_get(&b, "entries.0.pointer"), "/gateway/allowed_destinations/0");
	assert_string_equal(dbox_get(&b, "entries.0.packets"), "0");
	assert_string_equal(dbox_get(&b, "entries.0.last_time"), "");
	assert_int_equal(strlen(dbox_get(&b, "entries.0.first_time")), 20);
	assert_int_equal(strlen(dbox_get(&b, "known_since")), 20);
	e.rule_uid = strtoull(dbox_get(&b, "entries.0.rule_uid"), NULL, 16);
	assert_true(e.rule_uid != 0);
	dbx_dp_mem_packet(&e);
	e.verdict = DBX_VERDICT_DRY_RUN;
	dbx_dp_mem_packet(&e);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/entries", NULL), 200);
	assert_string_equal(dbox_get(&b, "entries.0.packets"), "1");
	assert_string_equal(dbox_get(&b, "entries.0.bytes"), "60");
	assert_int_equal(strlen(dbox_get(&b, "entries.0.last_time")), 20);
	dbox_close(&b);
}

static void test_api(void **state)
{
	const struct dbx_event e = {
		.workspace_id = 1001,
		.frame_bytes = 60,
		.verdict = DBX_VERDICT_PASS,
		.path = DBX_PATH_NAT,
	};
	static const char *const bad[] = {"since=yesterday",  "since=1",   "since=1y",
					  "since=2026-13-01", "since=-1h", "workspace=x",
					  "workspace=0"};
	static const char *const good[] = {"since=1h", "since=0s", "since=2000-01-01",
					   "since=2000-01-01T00:00:00Z", "since=99999999999w"};
	char path[128];
	struct dbox b;

	(void)state;
	dbox_open(&b);
	dbx_dp_mem_packet(&e);
	dbx_dp_mem_packet(&e);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/usage", NULL), 200);
	assert_string_equal(dbox_get(&b, "rows.0.workspace_id"), "1001");
	assert_string_equal(dbox_get(&b, "rows.0.path"), "nat");
	assert_string_equal(dbox_get(&b, "rows.0.packets"), "2");
	assert_string_equal(dbox_get(&b, "rows.0.bytes"), "120");
	dbox_reopen(&b);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/usage?workspace=1001&since=1h", NULL),
			 200);
	assert_string_equal(dbox_get(&b, "rows.0.packets"), "2");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/usage?workspace=1002", NULL), 200);
	assert_string_equal(dbox_get(&b, "rows.0.packets"), "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(path, sizeof(path), DBOX_OURS "/usage?%s", bad[i]);
		if (dbox_call(&b, DBX_GET, path, NULL) != 400)
			fail_msg("%s: %s", bad[i], b.answer);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(path, sizeof(path), DBOX_OURS "/usage?%s", good[i]);
		if (dbox_call(&b, DBX_GET, path, NULL) != 200)
			fail_msg("%s: %s", good[i], b.answer);
		assert_string_equal(dbox_get(&b, "rows.0.packets"), "2");
	}
	dbox_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_growth_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters_begin_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows_are_swept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_since, setup, teardown),
		cmocka_unit_test_setup_teardown(test_minutes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rolling_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hits, setup, teardown),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_api),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
