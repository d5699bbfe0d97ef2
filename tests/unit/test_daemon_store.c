// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_store.c -- the store keeps whole revisions, through crashes too, and refuses what is
 * not its own.
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
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/store_impl.h"

static char dir[64], db[96];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/dbx-store.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(db, sizeof(db), "%s/state.db", dir);
	return 0;
}

static int remove_dir(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", db, suffixes[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct dbx_store *open_store(void)
{
	struct dbx_store *s = NULL;
	struct dbx_fail f = {0};

	if (dbx_store_open(&s, db, &f))
		fail_msg("%s", f.text);
	return s;
}

static struct dbx_document policy(const char *id, const char *text)
{
	return (struct dbx_document){
		.kind = DBX_DOC_NETWORK_POLICY,
		.id = (char *)id,
		.name = (char *)"file.json",
		.text = (char *)text,
		.len = strlen(text),
	};
}

static void add_revision(struct dbx_store *s, int64_t rev)
{
	const struct dbx_revision r = {
		.rev = rev,
		.time_ms = 1000 * rev,
		.uid = 7,
		.generation = UINT64_MAX - 5,
		.content_hash = 0xfedcba9876543210ull,
		.n_documents = 1,
		.message = "why",
	};
	struct dbx_fail f;

	assert_int_equal(dbx_store_add_revision(s, &r, &f), 0);
}

static void put(struct dbx_store *s, int64_t rev, const char *id, const char *text)
{
	struct dbx_document doc = policy(id, text);
	struct dbx_fail f;

	assert_int_equal(dbx_store_put(s, rev, &doc, &f), 0);
}

/* "id=text ..." of a revision, sorted. */
static const char *show(struct dbx_store *s, int64_t rev)
{
	static char out[512];
	struct dbx_docset set = {0};
	struct dbx_fail f;
	size_t i, n = 0, len;
	char *text;

	assert_int_equal(dbx_store_load(s, rev, &set, &f), 0);
	dbx_docset_sort(&set);
	out[0] = '\0';
	for (i = 0; i < set.n; i++) {
		assert_int_equal(dbx_store_text(s, set.v[i].blob, &text, &len, &f), 0);
		assert_int_equal(len, strlen(text));
		assert_int_equal(len, set.v[i].len);
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s=%.8s", n ? " " : "",
				      set.v[i].id, text);
		free(text);
	}
	dbx_docset_fini(&set);
	return out;
}

static void commit(struct dbx_store *s)
{
	struct dbx_fail f;

	assert_int_equal(dbx_store_commit(s, &f), 0);
}

static void begin(struct dbx_store *s)
{
	struct dbx_fail f;

	assert_int_equal(dbx_store_begin(s, &f), 0);
}

static void test_revisions(void **state)
{
	struct dbx_store *s = open_store();
	struct dbx_revision r;
	struct dbx_fail f;

	(void)state;
	assert_int_equal(dbx_store_head(s, &r, &f), 0);
	assert_int_equal(r.rev, 0);
	begin(s);
	add_revision(s, 1);
	put(s, 1, "a", "one");
	put(s, 1, "b", "two");
	commit(s);
	begin(s);
	add_revision(s, 2);
	put(s, 2, "a", "three");
	assert_int_equal(dbx_store_remove(s, 2, DBX_DOC_NETWORK_POLICY, "b", &f), 0);
	commit(s);
	begin(s);
	add_revision(s, 3);
	put(s, 3, "b", "two");
	put(s, 3, "b", "twice");
	commit(s);
	assert_string_equal(show(s, 1), "a=one b=two");
	assert_string_equal(show(s, 2), "a=three");
	assert_string_equal(show(s, 3), "a=three b=twice");
	dbx_store_close(&s);
	s = open_store();
	assert_int_equal(dbx_store_head(s, &r, &f), 0);
	assert_int_equal(r.rev, 3);
	assert_true(r.generation == UINT64_MAX - 5);
	assert_true(r.content_hash == 0xfedcba9876543210ull);
	assert_string_equal(r.message, "why");
	assert_string_equal(show(s, 1), "a=one b=two");
	assert_int_equal(dbx_store_revision(s, 4, &r, &f), -ENOENT);
	assert_int_equal(f.kind, DBX_FAIL_NOT_FOUND);
	dbx_store_close(&s);
}

static int count_rows(struct dbx_store *s, const char *table)
{
	sqlite3_stmt *st;
	char sql[64];
	int n;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	assert_int_equal(sqlite3_prepare_v2(s->db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return n;
}

static void test_texts_are_kept_once(void **state)
{
	struct dbx_store *s = open_store();
	struct dbx_docset set = {0};
	char *big = malloc(100001), *text;
	struct dbx_fail f;
	size_t len;

	(void)state;
	memset(big, 'x', 100000);
	big[100000] = '\0';
	begin(s);
	add_revision(s, 1);
	put(s, 1, "a", big);
	put(s, 1, "b", big);
	commit(s);
	assert_int_equal(count_rows(s, "blobs"), 1);
	assert_int_equal(dbx_store_load(s, 1, &set, &f), 0);
	assert_int_equal(dbx_store_text(s, set.v[0].blob, &text, &len, &f), 0);
	assert_int_equal(len, 100000);
	assert_string_equal(text, big);
	free(text);
	/* A text that does not unpack to what was stored is an error, not a shorter document. */
	assert_int_equal(sqlite3_exec(s->db, "UPDATE blobs SET n_bytes = 99999", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(dbx_store_text(s, set.v[0].blob, &text, &len, &f), -EIO);
	assert_int_equal(dbx_store_text(s, 77, &text, &len, &f), -EIO);
	dbx_docset_fini(&set);
	free(big);
	dbx_store_close(&s);
}

/* A process that dies inside the transaction leaves the last commit, as does one that gives up. */
static void test_crash_in_transaction(void **state)
{
	struct dbx_store *s = open_store();
	int status;
	pid_t pid;

	(void)state;
	begin(s);
	add_revision(s, 1);
	put(s, 1, "a", "one");
	commit(s);
	begin(s);
	add_revision(s, 2);
	put(s, 2, "a", "lost");
	dbx_store_abort(s);
	dbx_store_abort(s);
	assert_string_equal(show(s, 2), "a=one");
	dbx_store_close(&s);
	pid = fork();
	if (pid == 0) {
		s = open_store();
		begin(s);
		add_revision(s, 2);
		put(s, 2, "a", "lost");
		put(s, 2, "b", "lost");
		_exit(0); /* no close, no rollback */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	s = open_store();
	assert_string_equal(show(s, 2), "a=one");
	assert_int_equal(count_rows(s, "revisions"), 1);
	dbx_store_close(&s);
}

static void exec_raw(const char *sql)
{
	sqlite3 *raw;

	assert_int_equal(sqlite3_open(db, &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
}

static void test_what_is_not_ours(void **state)
{
	struct dbx_store *s = open_store();
	struct dbx_fail f;
	FILE *file;

	(void)state;
	dbx_store_close(&s);
	exec_raw("PRAGMA user_version=99");
	assert_int_equal(dbx_store_open(&s, db, &f), -EPROTO);
	assert_non_null(strstr(f.text, "schema 99"));
	exec_raw("PRAGMA user_version=2; PRAGMA application_id=5");
	assert_int_equal(dbx_store_open(&s, db, &f), -EPROTO);
	assert_non_null(strstr(f.text, "another program"));
	unlink(db);
	exec_raw("CREATE TABLE t(a)");
	assert_int_equal(dbx_store_open(&s, db, &f), -EPROTO);
	file = fopen(db, "w");
	assert_non_null(file);
	fputs("this is no database at all, whatever its name says; it is left alone by us", file);
	fclose(file);
	assert_int_equal(dbx_store_open(&s, db, &f), -EIO);
	assert_null(s);
	unlink(db);
	assert_int_equal(dbx_store_open(&s, "/nonexistent/dir/state.db", &f), -EIO);
}

static int count_learned(void *arg, uint64_t policy_uid, const struct dbx_addr *addr,
			 const char *name)
{
	char text[DBX_ADDR_STRLEN];

	assert_true(policy_uid == UINT64_MAX);
	assert_string_equal(dbx_addr_format(addr, text), *(int *)arg ? "2001:db8::1" : "192.0.2.1");
	assert_string_equal(name, "good.test");
	++*(int *)arg;
	return 0;
}

/* A database of the release before is brought up to date, with all that is in it. */
/* From the newest schema back to what was before a table came. */
#define WITHOUT_HITS                                        \
	"DROP TABLE rule_hits; DROP TABLE rule_hits_begin;" \
	"ALTER TABLE rules DROP COLUMN first_s;"
#define WITHOUT_USAGE "DROP TABLE usage; DROP TABLE usage_base; DROP TABLE usage_epoch;"

static void test_older_schema(void **state)
{
	struct dbx_store *s = open_store();
	struct dbx_addr addr;
	struct dbx_fail f;
	int n = 0;

	(void)state;
	begin(s);
	add_revision(s, 1);
	put(s, 1, "a", "one");
	assert_int_equal(dbx_store_commit(s, &f), 0);
	dbx_store_close(&s);
	exec_raw(WITHOUT_HITS WITHOUT_USAGE "DROP TABLE learned; PRAGMA user_version=1");
	s = open_store();
	assert_string_equal(show(s, 1), "a=one");
	begin(s);
	dbx_addr_parse("192.0.2.1", &addr);
	assert_int_equal(dbx_store_put_learned(s, UINT64_MAX, &addr, "good.test", &f), 0);
	assert_int_equal(dbx_store_put_learned(s, UINT64_MAX, &addr, "good.test", &f), 0);
	dbx_addr_parse("2001:db8::1", &addr);
	assert_int_equal(dbx_store_put_learned(s, UINT64_MAX, &addr, "good.test", &f), 0);
	assert_int_equal(dbx_store_commit(s, &f), 0);
	dbx_store_close(&s);
	s = open_store();
	assert_int_equal(dbx_store_each_learned(s, count_learned, &n, &f), 0);
	assert_int_equal(n, 2);
	begin(s);
	assert_int_equal(dbx_store_remove_learned(s, UINT64_MAX, &addr, "good.test", &f), 0);
	assert_int_equal(dbx_store_commit(s, &f), 0);
	n = 0;
	assert_int_equal(dbx_store_each_learned(s, count_learned, &n, &f), 0);
	assert_int_equal(n, 1);
	dbx_store_close(&s);
}

static int count_usage(void *arg, const struct dbx_usage_row *r)
{
	*(uint64_t *)arg += r->counter.bytes;
	return 0;
}

/* The schema that had learned names, but no usage. */
static void test_schema_2(void **state)
{
	const struct dbx_usage_row row = {7, DBX_PATH_NAT, {1, UINT64_MAX / 4}, 0, 0};
	struct dbx_store *s = open_store();
	struct dbx_addr addr;
	struct dbx_fail f;
	uint64_t bytes = 0;
	int n = 0;

	(void)state;
	begin(s);
	dbx_addr_parse("192.0.2.1", &addr);
	assert_int_equal(dbx_store_put_learned(s, UINT64_MAX, &addr, "good.test", &f), 0);
	commit(s);
	dbx_store_close(&s);
	exec_raw(WITHOUT_HITS WITHOUT_USAGE "PRAGMA user_version=2");
	s = open_store();
	assert_int_equal(dbx_store_each_learned(s, count_learned, &n, &f), 0);
	assert_int_equal(n, 1);
	begin(s);
	assert_int_equal(dbx_store_add_usage(s, 60, 60, &row, &f), 0);
	assert_int_equal(dbx_store_add_usage(s, 60, 60, &row, &f), 0);
	commit(s);
	assert_int_equal(dbx_store_usage(s, 0, 0, count_usage, &bytes, &f), 0);
	assert_true(bytes == UINT64_MAX / 4 * 2);
	dbx_store_close(&s);
}

static int count(void *arg, const struct dbx_revision *r)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

static void take_first(void *arg, const struct dbx_rule_name *r)
{
	*(int64_t *)arg = r->first_s;
}

/* The schema that had usage, but no hits: rules are kept, since when is not known. */
static void test_schema_3(void **state)
{
	struct dbx_rule_name rule = {7, "np", "d", "/x", "text", 1000};
	struct dbx_store *s = open_store();
	struct dbx_fail f;
	int64_t at;

	(void)state;
	begin(s);
	assert_int_equal(dbx_store_put_rule(s, &rule, &f), 0);
	commit(s);
	dbx_store_close(&s);
	exec_raw(WITHOUT_HITS "PRAGMA user_version=3");
	s = open_store();
	assert_int_equal(dbx_store_rule(s, 7, take_first, &at), 0);
	assert_true(at == 0);
	begin(s);
	assert_int_equal(dbx_store_put_rule(s, &rule, &f), 0); /* still in force: it is not new */
	rule.uid = 8;
	assert_int_equal(dbx_store_put_rule(s, &rule, &f), 0);
	rule.first_s = 2000;
	assert_int_equal(dbx_store_put_rule(s, &rule, &f), 0);
	commit(s);
	assert_int_equal(dbx_store_rule(s, 7, take_first, &at), 0);
	assert_true(at == 0);
	assert_int_equal(dbx_store_rule(s, 8, take_first, &at), 0);
	assert_true(at == 1000);
	assert_int_equal(dbx_store_hits_begin(s, &at, &f), 0);
	assert_true(at > 1700000000);
	dbx_store_close(&s);
}

static void test_hits(void **state)
{
	struct dbx_store *s = open_store();
	struct dbx_fail f;
	int64_t at = 5, begun;

	(void)state;
	assert_int_equal(dbx_store_hits_begin(s, &begun, &f), 0);
	assert_int_equal(dbx_store_hit(s, 1, &at, &f), 0);
	assert_true(at == 0);
	begin(s);
	assert_int_equal(dbx_store_put_hit(s, UINT64_MAX, 100, &f), 0);
	assert_int_equal(dbx_store_put_hit(s, UINT64_MAX, 300, &f), 0);
	assert_int_equal(dbx_store_put_hit(s, UINT64_MAX, 200, &f), 0); /* a clock set back */
	assert_int_equal(dbx_store_put_hit(s, 1, 100, &f), 0);
	commit(s);
	dbx_store_close(&s);
	s = open_store();
	assert_int_equal(dbx_store_hit(s, UINT64_MAX, &at, &f), 0);
	assert_true(at == 300);
	begin(s);
	assert_int_equal(dbx_store_drop_hits(s, 101, &f), 0);
	commit(s);
	assert_int_equal(dbx_store_hit(s, 1, &at, &f), 0);
	assert_true(at == 0);
	assert_int_equal(dbx_store_hit(s, UINT64_MAX, &at, &f), 0);
	assert_true(at == 300);
	assert_int_equal(dbx_store_hits_begin(s, &at, &f), 0);
	assert_true(at == begun);
	dbx_store_close(&s);
}

static void check_rule(void *arg, const struct dbx_rule_name *r)
{
	assert_string_equal(r->text, arg);
	assert_string_equal(r->policy, "np");
}

static void test_history_and_rules(void **state)
{
	struct dbx_rule_name rule = {.uid = UINT64_MAX, .policy = "np", .doc = "d", .ptr = "/x"};
	struct dbx_store *s = open_store();
	struct dbx_fail f;
	int i, n = 0;

	(void)state;
	begin(s);
	for (i = 1; i <= 20; i++)
		add_revision(s, i);
	rule.text = "old";
	assert_int_equal(dbx_store_put_rule(s, &rule, &f), 0);
	rule.text = "new";
	assert_int_equal(dbx_store_put_rule(s, &rule, &f), 0);
	commit(s);
	assert_int_equal(dbx_store_history(s, 5, count, &n, &f), 0);
	assert_int_equal(n, 5);
	assert_int_equal(dbx_store_rule(s, UINT64_MAX, check_rule, (void *)"new"), 0);
	assert_int_equal(dbx_store_rule(s, 1, check_rule, (void *)"new"), -ENOENT);
	dbx_store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_revisions, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_texts_are_kept_once, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_crash_in_transaction, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_what_is_not_ours, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_older_schema, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_schema_2, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_schema_3, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_hits, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_history_and_rules, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
