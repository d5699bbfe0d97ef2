// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_sinks.c -- log files over kill -9, a full disk and rotation; the journal.
 *
 * Every line carries an id of its own, so that what is lost, torn or doubled shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "lib/file.h"
#include "lib/hash.h"
#include "unit/sinkcase.h"

static char dir[32], path[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/dbx-sinks.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/d.jsonl", dir);
	return 0;
}

static int remove_dir(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static struct dbx_log_file options(void)
{
	return (struct dbx_log_file){
		.has = true, .path = path, .rotate_bytes = 100 << 20, .rotate_s = 0, .keep = 1000};
}

/* A line of 60 to 900 bytes; it says which it is. */
static size_t line_of(unsigned int round, unsigned int i, char out[1024])
{
	int pad = (int)((round * 131 + i * 7919) % 840);
	int n = snprintf(out, 1024, "{\"event_id\":\"%08x-%08x\",\"pad\":\"%0*d\"}\n", round, i,
			 pad + 1, 0);

	return (size_t)n - 1;
}

static int put(struct dbx_sink *s, unsigned int round, unsigned int i)
{
	static const struct dbx_record none;
	char line[1024];
	size_t len = line_of(round, i, line);

	return s->ops->write(s, &none, line, len);
}

/* Lines of all files, by id; each one whole. */
static void read_all(struct dbx_strmap *ids)
{
	char name[128], want[1024], *text, *line, *end;
	unsigned int round, i;
	size_t len;

	dbx_strmap_init(ids);
	for (int n = 0; n <= 1000; n++) {
		snprintf(name, sizeof(name), n ? "%s.%d" : "%s", path, n);
		if (access(name, F_OK))
			continue;
		assert_int_equal(dbx_file_read(name, 0, &text, &len), 0);
		for (line = text; line < text + len; line = end + 1) {
			end = strchr(line, '\n');
			if (!end)
				fail_msg("%s ends with the torn line %.80s", name, line);
			if (sscanf(line, "{\"event_id\":\"%8x-%8x\"", &round, &i) != 2)
				fail_msg("%s: %.80s", name, line);
			line_of(round, i, want);
			if (strncmp(line, want, (size_t)(end - line) + 1))
				fail_msg("%s: torn: %.80s", name, line);
			snprintf(want, sizeof(want), "%08x-%08x", round, i);
			if (dbx_strmap_put(ids, want, 1))
				fail_msg("%s is there twice", want);
		}
		free(text);
	}
}

/* ---- the file ---- */

static void test_torn_tails(void **state)
{
	static const struct {
		const char *before, *after;
		int repaired;
	} cases[] = {
		{"", "", 0},
		{"{\"a\":1}\n", "{\"a\":1}\n", 0},
		{"{\"a\":1}\n{\"b\"", "{\"a\":1}\n", 1},
		{"{\"a\":1}\n{\"b\":2}", "{\"a\":1}\n", 1},
		{"{\"a\"", "", 1},
	};
	struct dbx_log_file o = options();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_sink *s;
		char *text;
		size_t len;

		assert_int_equal(
			dbx_file_write(path, cases[i].before, strlen(cases[i].before), 0600), 0);
		s = dbx_sink_file_open(&o, 0);
		assert_non_null(s);
		assert_int_equal(s->ops->tick(s, 1), 0);
		assert_int_equal(number(s, "repaired"), cases[i].repaired);
		assert_int_equal(number(s, "bytes"), strlen(cases[i].after));
		s->ops->close(s);
		assert_int_equal(dbx_file_read(path, 0, &text, &len), 0);
		assert_string_equal(text, cases[i].after);
		free(text);
	}
}

/* A path that somebody got wrong must not cost them a file, nor stop the daemon. */
static void test_what_is_refused(void **state)
{
	struct dbx_log_file o = options();
	struct dbx_sink *s, *second;
	char *text, *big = malloc(200000);
	size_t len;

	(void)state;
	assert_int_equal(dbx_file_write(path, "root:x:0:0", 10, 0600), 0);
	s = dbx_sink_file_open(&o, 0);
	assert_int_equal(s->ops->tick(s, 1), -EBADMSG);
	assert_non_null(strstr(s->error, "no log of records"));
	assert_int_equal(put(s, 1, 1), -EBADMSG);
	assert_int_equal(dbx_file_read(path, 0, &text, &len), 0);
	assert_string_equal(text, "root:x:0:0");
	free(text);
	/* No line break where one must be. */
	memset(big, '{', 200000);
	assert_int_equal(dbx_file_write(path, big, 200000, 0600), 0);
	assert_int_equal(s->ops->tick(s, 2), -EBADMSG);
	free(big);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(s->ops->tick(s, 3) < 0);
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(s->ops->tick(s, 4), -ELOOP);
	unlink(path);
	/* It is there again: goes on. A second writer is refused. */
	assert_int_equal(put(s, 1, 1), 0);
	second = dbx_sink_file_open(&o, 0);
	assert_int_equal(put(second, 1, 2), -EAGAIN);
	second->ops->close(second);
	s->ops->close(s);
}

static void test_moved_away(void **state)
{
	struct dbx_log_file o = options();
	struct dbx_sink *s = dbx_sink_file_open(&o, 0);
	char other[128];
	struct stat st;

	(void)state;
	assert_int_equal(put(s, 1, 1), 0);
	snprintf(other, sizeof(other), "%s.1", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(s->ops->tick(s, 1), 0);
	assert_int_equal(put(s, 1, 2), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(s->ops->tick(s, 2), 0);
	assert_int_equal(put(s, 1, 3), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 0);
	s->ops->close(s);
}

static void test_rotation_by_age(void **state)
{
	struct dbx_log_file o = options();
	struct dbx_strmap ids;
	struct dbx_sink *s;

	(void)state;
	o.rotate_s = 60;
	o.keep = 2;
	s = dbx_sink_file_open(&o, 0);
	assert_int_equal(s->ops->tick(s, 1000000), 0); /* empty: nothing to rotate */
	assert_int_equal(number(s, "rotations"), 0);
	for (unsigned int i = 0; i < 5; i++) {
		int64_t now = 2000000 + i * 60000;

		assert_int_equal(s->ops->tick(s, now), 0);
		assert_int_equal(put(s, 1, i), 0);
		assert_int_equal(s->ops->tick(s, now + 59999), 0);
		assert_int_equal(number(s, "rotations"), i); /* not before its time */
	}
	s->ops->close(s);
	read_all(&ids); /* two are kept beside the one that is written */
	assert_int_equal(ids.n, 3);
	assert_true(dbx_strmap_get(&ids, "00000001-00000004", NULL));
	dbx_strmap_fini(&ids);
}

static void test_rotation_under_load(void **state)
{
	struct dbx_log_file o = options();
	struct dbx_strmap ids;
	struct dbx_sink *s;
	struct stat st;

	(void)state;
	o.rotate_bytes = 65536;
	s = dbx_sink_file_open(&o, 0);
	for (unsigned int i = 0; i < 20000; i++)
		assert_int_equal(put(s, 1, i), 0);
	assert_true(number(s, "rotations") > 100);
	assert_true(number(s, "bytes") <= 65536);
	s->ops->close(s);
	read_all(&ids);
	assert_int_equal(ids.n, 20000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640 & ~(int)umask(umask(0)));
	dbx_strmap_fini(&ids);
}

/* ---- kill -9 ---- */

static uint64_t bytes_of_all(void)
{
	uint64_t sum = 0;
	char name[128];
	struct stat st;

	for (int n = 0; n < 1000; n++) {
		snprintf(name, sizeof(name), n ? "%s.%d" : "%s", path, n);
		if (!stat(name, &st))
			sum += (uint64_t)st.st_size;
	}
	return sum;
}

/* The child writes until it is killed, wherever that is; rotating all the time. */
static void write_until_killed(unsigned int round)
{
	struct dbx_log_file o = options();
	pid_t child;
	uint64_t from = bytes_of_all();
	int status;

	o.rotate_bytes = 65536;
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct dbx_sink *s = dbx_sink_file_open(&o, 0);

		for (unsigned int i = 0; i < 60000; i++) {
			if (put(s, round, i))
				_exit(1);
		}
		pause();
	}
	for (int i = 0; i < 20000 && bytes_of_all() < from + 100000 + round * 17000; i++)
		usleep(1000);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* By its last byte: a kill between two pages of a write tears a line as a loss of power does. */
static bool is_torn(void)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = '\n';

	if (fd < 0)
		return false;
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(!st.st_size || pread(fd, &c, 1, st.st_size - 1) == 1);
	close(fd);
	return c != '\n';
}

static void test_kill_9(void **state)
{
	struct dbx_log_file o = options();
	unsigned int seed = 11;
	bool expected;
	struct dbx_strmap ids;
	struct dbx_sink *s;
	struct stat st;

	(void)state;
	for (unsigned int round = 1; round <= 12; round++) {
		write_until_killed(round);
		/* What a loss of power does besides: the end of the file is not there. */
		assert_true(!stat(path, &st) || errno == ENOENT);
		if (round % 2 && !stat(path, &st) && st.st_size > 200)
			assert_int_equal(truncate(path, st.st_size - 2 - rand_r(&seed) % 50), 0);
		expected = is_torn();
		s = dbx_sink_file_open(&o, 0);
		assert_int_equal(put(s, round, 70000), 0);
		assert_int_equal(number(s, "repaired"), expected);
		s->ops->close(s);
	}
	read_all(&ids);
	/* Of each round all lines up to the last, but for one that was torn. */
	for (unsigned int round = 1; round <= 12; round++) {
		unsigned int n = 0, last = 0;
		char id[32];

		for (unsigned int i = 0; i < 60000; i++) {
			snprintf(id, sizeof(id), "%08x-%08x", round, i);
			if (dbx_strmap_get(&ids, id, NULL)) {
				n++;
				last = i;
			}
		}
		assert_true(n > 50);
		assert_int_equal(n, last + 1);
		snprintf(id, sizeof(id), "%08x-%08x", round, 70000);
		assert_true(dbx_strmap_get(&ids, id, NULL));
	}
	dbx_strmap_fini(&ids);
}

/* ---- a full disk ---- */

static int fill(const char *name)
{
	static const char block[4096];
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n = 1;

	while (fd >= 0 && n > 0)
		n = write(fd, block, sizeof(block));
	return fd < 0 ? -1 : close(fd);
}

/* In a mount namespace of a child: nothing of it is left behind, however the test ends. */
static int full_disk_child(void)
{
	struct dbx_log_file o = options();
	struct dbx_sinks sinks = {.n = 0};
	struct dbx_log_options l = {.has = true, .file = o};
	struct dbx_record none = {.account_id = ""};
	struct dbx_strmap ids;
	struct dbx_strbuf b;
	char line[1024], other[128];
	unsigned int i, lost = 0;

	snprintf(other, sizeof(other), "%s/other", dir);
	dbx_sinks_configure(&sinks, &l, 0);
	for (i = 0; i < 200; i++)
		dbx_sinks_write(&sinks, &none, line, line_of(1, i, line));
	assert_int_equal(sinks.v[0]->written, 200);
	assert_int_equal(fill(other), 0);
	for (; i < 500; i++)
		dbx_sinks_write(&sinks, &none, line, line_of(1, i, line));
	lost = (unsigned int)sinks.v[0]->lost;
	assert_true(lost > 200); /* what the last page still took aside */
	assert_int_equal(sinks.v[0]->written + lost, 500);
	dbx_strbuf_init(&b);
	dbx_sinks_status(&sinks, &b);
	assert_non_null(strstr(b.s, "No space left on device"));
	dbx_sinks_tick(&sinks, 1);
	assert_int_equal(unlink(other), 0);
	for (; i < 600; i++)
		dbx_sinks_write(&sinks, &none, line, line_of(1, i, line));
	assert_int_equal(sinks.v[0]->lost, lost);
	dbx_strbuf_reset(&b);
	dbx_sinks_status(&sinks, &b);
	assert_non_null(strstr(b.s, "\"error\":null"));
	dbx_strbuf_fini(&b);
	dbx_sinks_close(&sinks);
	read_all(&ids);
	assert_int_equal(ids.n, 600 - lost);
	dbx_strmap_fini(&ids);
	return 0;
}

static void test_full_disk(void **state)
{
	int status, out[2];
	pid_t child;
	char c = 'n';

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("tmpfs", dir, "tmpfs", 0, "size=512k"))
			_exit(77);
		full_disk_child();
		if (write(out[1], "y", 1) != 1)
			_exit(1);
		_exit(0);
	}
	close(out[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		close(out[0]);
		print_message("no mount namespace: not tested\n");
		skip();
	}
	assert_int_equal(read(out[0], &c, 1), 1); /* an assertion of the child never gets here */
	close(out[0]);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* ---- the set ---- */

static void test_options_change(void **state)
{
	struct dbx_log_options l = {.has = true, .file = options()};
	struct dbx_record none = {.account_id = ""};
	struct dbx_sinks s = {.n = 0};
	const struct dbx_sink *was;
	char line[1024], second[128];

	(void)state;
	dbx_sinks_configure(&s, &l, 0);
	assert_int_equal(s.n, 1);
	dbx_sinks_write(&s, &none, line, line_of(1, 1, line));
	was = s.v[0];
	l.interval_s = 77; /* nothing to a sink */
	dbx_sinks_configure(&s, &l, 0);
	assert_ptr_equal(s.v[0], was);
	assert_int_equal(s.v[0]->written, 1);
	snprintf(second, sizeof(second), "%s/second", dir);
	l.file.path = second;
	dbx_sinks_configure(&s, &l, 0);
	dbx_sinks_write(&s, &none, line, line_of(1, 2, line));
	assert_int_equal(s.v[0]->written, 1);
	assert_int_equal(access(second, F_OK), 0);
	l = (struct dbx_log_options){.journald = true};
	dbx_sinks_configure(&s, &l, 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.v[0]->ops->name, "journal");
	l.journald = false;
	dbx_sinks_configure(&s, &l, 0);
	assert_int_equal(s.n, 0);
	dbx_sinks_close(&s);
}

/* ---- the journal: a socket stands in for it ---- */

/* Value of a field in a datagram of the native protocol; NULL: none. */
static const char *field(const char *b, size_t n, const char *key, size_t *len)
{
	size_t at = 0, n_key = strlen(key);

	while (at < n) {
		const char *nl = memchr(b + at, '\n', n - at);
		uint64_t size = 0;

		assert_non_null(nl);
		for (int i = 0; i < 8; i++)
			size |= (uint64_t)(unsigned char)nl[1 + i] << (8 * i);
		assert_true((size_t)(nl - b) + 9 + size + 1 <= n);
		assert_int_equal(nl[9 + size], '\n');
		*len = (size_t)size;
		if ((size_t)(nl - b) - at == n_key && !memcmp(b + at, key, n_key))
			return nl + 9;
		at = (size_t)(nl - b) + 9 + size + 1;
	}
	return NULL;
}

static void field_is(const char *b, size_t n, const char *key, const char *value)
{
	size_t len = 0;
	const char *v = field(b, n, key, &len);

	if (!v || len != strlen(value) || memcmp(v, value, len))
		fail_msg("%s is not %s", key, value);
}

static void test_journal(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct dbx_record r = {.event_id = "0f5f3a4e-6a0b-4f57-9c0e-0b6d0a7f9e11",
			       .event = {.workspace_id = 1001,
					 .reason = DBX_REASON_NAME_MISMATCH,
					 .proto = 6,
					 .dport = 443,
					 .dst = {192, 0, 2, 1},
					 .flags = DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS},
			       .account_id = "acc",
			       .policy_id = "np",
			       .name = "a\nPRIORITY=0\nb.example.com",
			       .rule_text = "",
			       .rule_doc = "",
			       .rule_ptr = "",
			       .interface = "ws1",
			       .packets = 7};
	char socket_path[96], buf[8192];
	struct dbx_sink *s;
	ssize_t n;
	int fd, rc = 0, i;

	(void)state;
	snprintf(socket_path, sizeof(socket_path), "%s/journal", dir);
	s = dbx_sink_journal_open(socket_path);
	assert_int_equal(s->ops->write(s, &r, "{}\n", 2), -ENOENT); /* no journal: no success */
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", socket_path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(s->ops->write(s, &r, "{\"x\":1}\n", 7), 0);
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	assert_true(n > 0);
	field_is(buf, (size_t)n, "DBX_RECORD", "{\"x\":1}");
	field_is(buf, (size_t)n, "SYSLOG_IDENTIFIER", "dbx-egress");
	field_is(buf, (size_t)n, "PRIORITY", "4");
	field_is(buf, (size_t)n, "DBX_WORKSPACE_ID", "1001");
	field_is(buf, (size_t)n, "DBX_REASON", "name-mismatch");
	field_is(buf, (size_t)n, "DBX_NAME", r.name); /* and not a field of its own */
	field_is(buf, (size_t)n, "DBX_DST_PORT", "443");
	field_is(buf, (size_t)n, "DBX_PACKETS", "7");
	field_is(buf, (size_t)n, "DBX_EVENT_ID", r.event_id);
	/* Nobody reads: never waited for. */
	for (i = 0; i < 100000 && !rc; i++)
		rc = s->ops->write(s, &r, "{}\n", 2);
	assert_int_equal(rc, -EAGAIN);
	s->ops->close(s);
	close(fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_torn_tails),      TEST(test_what_is_refused),     TEST(test_moved_away),
		TEST(test_rotation_by_age), TEST(test_rotation_under_load), TEST(test_kill_9),
		TEST(test_full_disk),       TEST(test_options_change),      TEST(test_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
