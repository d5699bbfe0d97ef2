// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_apply.c -- an apply is all or nothing, whatever fails, and a restart agrees with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbox.h"
#include "daemon/store_impl.h"

#define APPLY DBOX_OURS "/apply"

static int apply(struct dbox *b, const char *options, const char *policy)
{
	char *body = dbox_envelope(options, "gw.json", dbox_gateway, "np.json", policy, "opt.json",
				   dbox_option, NULL);
	int status = dbox_call(b, DBX_POST, APPLY, body);

	free(body);
	return status;
}

static int apply_one(struct dbox *b, const char *name, const char *document)
{
	char *body = dbox_envelope(NULL, name, document, NULL);
	int status = dbox_call(b, DBX_POST, APPLY, body);

	free(body);
	return status;
}

static void test_first_and_same_again(void **state)
{
	struct dbox b;
	uint32_t sum;

	(void)state;
	dbox_open(&b);
	assert_int_equal(b.d.core.generation, 0);
	assert_int_equal(apply(&b, "\"message\":\"first\"", dbox_policy), 200);
	assert_string_equal(dbox_get(&b, "generation"), "1");
	assert_string_equal(dbox_get(&b, "generation_before"), "0");
	assert_string_equal(dbox_get(&b, "revision"), "1");
	assert_string_equal(dbox_get(&b, "changed"), "true");
	assert_string_not_equal(dbox_get(&b, "stats.rules"), "");
	sum = dbox_image_sum();
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	assert_string_equal(dbox_get(&b, "changed"), "false");
	assert_string_equal(dbox_get(&b, "generation"), "1");
	assert_string_equal(dbox_get(&b, "revision"), "1");
	assert_int_equal(dbox_image_sum(), sum);
	assert_int_equal(dbx_dp_mem_calls(DBX_DP_MEM_COMMIT), 1);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/history", NULL), 200);
	assert_string_equal(dbox_get(&b, "revisions"), "1");
	assert_string_equal(dbox_get(&b, "revisions.0.message"), "first");
	dbox_close(&b);
}

static void test_dry_run_changes_nothing(void **state)
{
	struct dbox b;
	uint32_t sum;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	assert_int_equal(apply(&b, "\"dry_run\":true", dbox_open_policy), 200);
	assert_string_equal(dbox_get(&b, "changed"), "true");
	assert_string_equal(dbox_get(&b, "dry_run"), "true");
	assert_string_equal(dbox_get(&b, "generation"), "1");
	assert_string_not_equal(dbox_get(&b, "changes"), "0");
	assert_int_equal(dbox_image_sum(), sum);
	assert_int_equal(b.d.core.head.rev, 1);
	dbox_close(&b);
}

/* The same generation, image and documents as before. */
static void assert_unchanged(struct dbox *b, uint32_t sum)
{
	assert_int_equal(dbox_image_sum(), sum);
	assert_int_equal(b->d.core.generation, 1);
	assert_int_equal(dbox_call(b, DBX_GET, DBOX_OURS "/documents/network-policy/np-a", NULL),
			 200);
	assert_string_equal(dbox_get(b, "document.egress.network_access.restriction_mode"),
			    "RESTRICTED_ACCESS");
}

static void test_faults(void **state)
{
	static const struct {
		enum dbx_dp_mem_call call;
		int rc, status;
	} faults[] = {
		{DBX_DP_MEM_PREPARE, -EIO, 500},     {DBX_DP_MEM_PREPARE, -E2BIG, 413},
		{DBX_DP_MEM_COMMIT, -EIO, 500},      {DBX_DP_MEM_PREPARE, -ENOTCONN, 503},
		{DBX_DP_MEM_COMMIT, -ENOTCONN, 503},
	};
	struct dbox b;
	uint32_t sum;
	size_t i;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		dbx_dp_mem_fail(faults[i].call, 1, faults[i].rc);
		assert_int_equal(apply(&b, NULL, dbox_open_policy), faults[i].status);
		assert_non_null(strstr(dbox_get(&b, "message"), "generation 1 stays in force"));
		assert_unchanged(&b, sum);
	}
	/* Flips that failed after the store's commit leave a trace each: the revision and its undoing. */
	assert_int_equal(b.d.core.head.rev, 5);
	dbox_reopen(&b);
	assert_string_equal(b.d.core.degraded, "");
	assert_unchanged(&b, sum);
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 200);
	assert_string_equal(dbox_get(&b, "generation"), "2");
	assert_string_equal(dbox_get(&b, "revision"), "6");
	dbox_close(&b);
}

static void test_full_disk(void **state)
{
	char big[40000], *policy;
	struct dbox b;
	uint32_t sum;
	size_t i;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	/* Does not compress well: the file has to grow. */
	for (i = 0; i < sizeof(big) - 1; i++)
		big[i] = (char)('a' + (i * i * 2654435761u >> 13) % 26);
	big[sizeof(big) - 1] = '\0';
	assert_true(asprintf(&policy, "%.*s,\"x-note\":\"%s\"}", (int)strlen(dbox_open_policy) - 1,
			     dbox_open_policy, big) > 0);
	dbx_store_set_max_pages(b.d.core.store, 1); /* that is: as large as it is */
	assert_int_equal(apply(&b, NULL, policy), 500);
	assert_non_null(strstr(dbox_get(&b, "message"), "full"));
	assert_unchanged(&b, sum);
	dbx_store_set_max_pages(b.d.core.store, 100000);
	assert_int_equal(apply(&b, NULL, policy), 200);
	assert_string_equal(dbox_get(&b, "generation"), "2");
	free(policy);
	dbox_close(&b);
}

static struct dbx_store *store_to_break;

static void break_store(const char *pragma)
{
	assert_int_equal(sqlite3_exec(store_to_break->db, pragma, NULL, NULL, NULL), SQLITE_OK);
}

static int commit_and_break(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	(void)dp;
	break_store("PRAGMA query_only=ON");
	snprintf(err->text, sizeof(err->text), "no luck");
	return -EIO;
}

/* The flip fails and the documents cannot be taken back: said, and mended by the next apply. */
static void test_stranded_revision(void **state)
{
	struct dbx_dp_ops ops = dbx_dp_mem;
	struct dbox b;
	uint32_t sum;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	store_to_break = b.d.core.store;
	ops.commit = commit_and_break;
	b.d.core.ops = &ops;
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 500);
	b.d.core.ops = &dbx_dp_mem;
	assert_int_equal(b.d.core.stranded_rev, 2);
	assert_string_not_equal(b.d.core.degraded, "");
	assert_unchanged(&b, sum);
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 500);
	assert_unchanged(&b, sum);
	break_store("PRAGMA query_only=OFF");
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	assert_string_equal(dbox_get(&b, "changed"), "false");
	assert_string_equal(b.d.core.degraded, "");
	assert_int_equal(b.d.core.head.rev, 3);
	assert_unchanged(&b, sum);
	dbox_reopen(&b);
	assert_unchanged(&b, sum);
	dbox_close(&b);
}

/* The same, but the daemon dies: the stored documents are what counts at the next start. */
static void test_stranded_then_killed(void **state)
{
	struct dbx_dp_ops ops = dbx_dp_mem;
	struct dbox b;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	store_to_break = b.d.core.store;
	ops.commit = commit_and_break;
	b.d.core.ops = &ops;
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 500);
	b.d.core.ops = &dbx_dp_mem;
	dbox_reopen(&b);
	assert_string_equal(b.d.core.degraded, "");
	assert_int_equal(b.d.core.generation, 2);
	assert_int_equal(b.d.core.head.rev, 2);
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 200);
	assert_string_equal(dbox_get(&b, "changed"), "false");
	dbox_close(&b);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *document, *code;
	} bad[] = {
		{"{\"network_policy_id\":\"np-a\",\"egress\":{\"network_access\":"
		 "{\"restriction_mode\":\"SOMETIMES\"}}}",
		 NULL},
		{"{\"workspace_id\":1002,\"network_policy_id\":\"np-none\"}", "no-such-policy"},
		{"{\"gateway\":{\"workspaces\":[{\"workspace_id\":1001,\"sources\":"
		 "[{\"prefix\":\"10.0.0.1/8\"}]}]}}",
		 "host-bits"},
		{"{\"what\":\"ever\"}", "unknown-kind"},
		{"[1, 2", "json-syntax"},
		{"{\"network_policy_id\":\"\",\"egress\":{}}", "bad-id"},
	};
	struct dbox b;
	uint32_t sum;
	size_t i;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(apply_one(&b, "bad.json", bad[i].document), 400);
		assert_string_equal(dbox_get(&b, "error_code"), "INVALID_PARAMETER_VALUE");
		if (bad[i].code && bad[i].code[0] != 'j')
			assert_string_equal(dbox_get(&b, "findings.0.code"), bad[i].code);
		assert_unchanged(&b, sum);
	}
	dbox_close(&b);
}

static void test_every_error_is_reported(void **state)
{
	struct dbox b;
	char *body;

	(void)state;
	dbox_open(&b);
	body = dbox_envelope(NULL, "a.json", "{\"what\":1}", "list.json",
			     "{\"items\":[{\"network_policy_id\":\"x\",\"egress\":7},"
			     "{\"network_policy_id\":\"x\",\"egress\":{}}]}",
			     NULL);
	assert_int_equal(dbox_call(&b, DBX_POST, APPLY, body), 400);
	assert_string_equal(dbox_get(&b, "findings.0.doc"), "a.json");
	assert_string_equal(dbox_get(&b, "findings.1.code"), "duplicate-id");
	assert_string_equal(dbox_get(&b, "findings.1.doc"), "list.json");
	assert_string_equal(dbox_get(&b, "findings.1.ptr"), "/items/1/network_policy_id");
	assert_string_equal(dbox_get(&b, "findings.2.doc"), "list.json");
	assert_string_equal(dbox_get(&b, "findings.2.ptr"), "/items/0/egress");
	free(body);
	dbox_close(&b);
}

static void test_rollback(void **state)
{
	struct dbox b;
	uint32_t sum;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 200);
	assert_int_equal(apply_one(&b, "opt2.json",
				   "{\"workspace_id\":1002,\"network_policy_id\":\"np-a\"}"),
			 200);
	assert_int_not_equal(dbox_image_sum(), sum);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/rollback", "{\"revision\":9}"), 404);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/rollback", "{\"revision\":0}"), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/rollback", "{}"), 400);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/rollback", "{\"revision\":1}"), 200);
	assert_string_equal(dbox_get(&b, "revision"), "4");
	assert_string_equal(dbox_get(&b, "generation"), "4");
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/documents/workspace-option/1002", NULL),
			 404);
	assert_int_equal(dbox_call(&b, DBX_POST, DBOX_OURS "/rollback", "{\"revision\":3}"), 200);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/documents/workspace-option/1002", NULL),
			 200);
	assert_string_equal(dbox_get(&b, "source"), "opt2.json");
	dbox_close(&b);
}

static void test_restart_adopts(void **state)
{
	struct dbox b;
	uint32_t sum;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	dbox_reopen(&b);
	assert_int_equal(dbx_dp_mem_calls(DBX_DP_MEM_COMMIT), 1);
	assert_int_equal(dbox_image_sum(), sum);
	assert_true(b.d.core.dp_state.adopted);
	assert_int_equal(b.d.core.generation, 1);
	/* After a reboot the documents are put in force again, under the same number. */
	dbx_core_close(&b.d.core);
	dbx_dp_mem_reset();
	dbox_reopen(&b);
	assert_int_equal(dbox_image_sum(), sum);
	assert_int_equal(b.d.core.generation, 1);
	assert_int_equal(b.d.core.head.rev, 1);
	dbox_close(&b);
}

/* The state directory was put back from a copy: a generation number is never used twice. */
static void test_restart_behind(void **state)
{
	char copy[128], command[512];
	struct dbox b;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	snprintf(copy, sizeof(copy), "%s/copy", b.dir);
	dbx_core_close(&b.d.core);
	snprintf(command, sizeof(command), "cp %s %s", b.db, copy);
	assert_int_equal(system(command), 0);
	dbox_reopen(&b);
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 200);
	dbx_core_close(&b.d.core);
	snprintf(command, sizeof(command), "mv %s %s", copy, b.db);
	assert_int_equal(system(command), 0);
	dbox_reopen(&b);
	assert_int_equal(b.d.core.generation, 3);
	assert_int_equal(b.d.core.head.rev, 2);
	assert_int_equal(b.d.core.head.generation, 3);
	dbox_reopen(&b);
	assert_int_equal(b.d.core.generation, 3);
	assert_int_equal(b.d.core.head.rev, 2);
	dbox_close(&b);
}

static void test_lost_state_keeps_enforcing(void **state)
{
	struct dbox b;
	uint32_t sum;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	sum = dbox_image_sum();
	dbx_core_close(&b.d.core);
	snprintf(b.db, sizeof(b.db), "%s/other.db", b.dir);
	dbox_reopen(&b);
	assert_int_equal(dbox_image_sum(), sum);
	assert_int_equal(b.d.core.generation, 1);
	assert_int_equal(b.d.core.head.rev, 0);
	assert_int_equal(apply(&b, NULL, dbox_open_policy), 200);
	assert_string_equal(dbox_get(&b, "generation"), "2");
	dbox_close(&b);
}

/* The flip at start fails: what is pinned stays in force, and status says why. */
static void test_restore_fails(void **state)
{
	struct dbox b;

	(void)state;
	dbox_open(&b);
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	dbx_core_close(&b.d.core);
	dbx_dp_mem_reset();
	dbx_dp_mem_fail(DBX_DP_MEM_PREPARE, 1, -ENOMEM);
	dbox_reopen(&b);
	assert_int_equal(b.d.core.generation, 0);
	assert_int_equal(dbox_call(&b, DBX_GET, DBOX_OURS "/status", NULL), 200);
	assert_string_not_equal(dbox_get(&b, "degraded"), "");
	assert_int_equal(apply(&b, NULL, dbox_policy), 200);
	assert_string_equal(dbox_get(&b, "generation"), "2");
	assert_string_equal(b.d.core.degraded, "");
	assert_int_not_equal(dbox_image_sum(), 0);
	dbox_close(&b);
}

static void test_thousand_applies(void **state)
{
	struct dbox b;
	int i;

	(void)state;
	dbox_open(&b);
	for (i = 0; i < 1000; i++)
		assert_int_equal(apply(&b, NULL, i % 2 ? dbox_policy : dbox_open_policy), 200);
	assert_string_equal(dbox_get(&b, "generation"), "1000");
	dbox_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_and_same_again),
		cmocka_unit_test(test_dry_run_changes_nothing),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_stranded_revision),
		cmocka_unit_test(test_stranded_then_killed),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_every_error_is_reported),
		cmocka_unit_test(test_rollback),
		cmocka_unit_test(test_restart_adopts),
		cmocka_unit_test(test_restart_behind),
		cmocka_unit_test(test_lost_state_keeps_enforcing),
		cmocka_unit_test(test_restore_fails),
		cmocka_unit_test(test_thousand_applies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
