// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_sink_kafka.c -- records to librdkafka's mock cluster: brokers that go and come back, a
 * queue that is full, options that are wrong.
 *
 * Nothing here is timed: what takes its time is waited for, up to PATIENCE_S.
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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "unit/sinkcase.h"

#ifndef DBX_NO_RDKAFKA
#include "common/mockkafka.h"

#define TOPIC      "egress.denials"
#define PATIENCE_S 60
#define WORKSPACES 5
#define RECORDS    2000

static struct mock_kafka mock;
static char dir[32], file[64];

static int begin(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/dbx-kafka.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/kafka.conf", dir);
	return mock_kafka_start(&mock, TOPIC);
}

static int end(void **state)
{
	(void)state;
	mock_kafka_stop(&mock);
	unlink(file);
	return rmdir(dir);
}

static struct dbx_sink *open_sink(struct dbx_kafka_option *options, size_t n, char *options_file)
{
	char *brokers = strdup(mock.brokers);
	struct dbx_log_kafka k = {.has = true,
				  .brokers = &brokers,
				  .n_brokers = 1,
				  .topic = (char *)TOPIC,
				  .options = options,
				  .n_options = n,
				  .options_file = options_file};
	struct dbx_sink *s = dbx_sink_kafka_open(&k);

	free(brokers);
	assert_non_null(s);
	return s;
}

/* As sinks.c does it. */
static int put(struct dbx_sink *s, unsigned int i)
{
	const struct dbx_record r = {.event = {.workspace_id = 1000 + i % WORKSPACES}};
	char line[64];
	int n = snprintf(line, sizeof(line), "{\"event_id\":\"%u\"}\n", i);
	int rc = s->ops->write(s, &r, line, (size_t)n - 1);

	s->written += !rc;
	s->lost += rc != 0;
	return rc;
}

/* Ticks until the condition holds; rc is that of the last tick. */
#define WAIT_UNTIL(s, rc, condition)                                                               \
	do {                                                                                       \
		time_t end_ = time(NULL) + PATIENCE_S;                                             \
                                                                                                   \
		while ((rc) = (s)->ops->tick((s), 1), !(condition)) {                              \
			if (time(NULL) > end_)                                                     \
				fail_msg("not within %d s: %s; error: %s", PATIENCE_S, #condition, \
					 (s)->error);                                              \
			usleep(20000);                                                             \
		}                                                                                  \
	} while (0)

/* Exactly the records 0 to n - 1 arrived, each once, and those of a workspace in their order. */
static void arrived(unsigned int n)
{
	rd_kafka_t *rk = mock_kafka_reader(mock.brokers, TOPIC);
	unsigned int last[WORKSPACES] = {0}, count = 0, id;
	char *seen = calloc(n, 1);
	time_t until = time(NULL) + PATIENCE_S;

	assert_non_null(rk);
	while (count < n && time(NULL) < until) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 1000);

		if (!m)
			continue;
		if (!m->err) {
			char key[32];

			assert_int_equal(sscanf(m->payload, "{\"event_id\":\"%u\"}", &id), 1);
			assert_true(id < n && !seen[id]++);
			assert_int_equal(((char *)m->payload)[m->len - 1], '}');
			snprintf(key, sizeof(key), "%u", 1000 + id % WORKSPACES);
			assert_int_equal(m->key_len, strlen(key));
			assert_memory_equal(m->key, key, m->key_len);
			assert_true(id >= last[id % WORKSPACES]);
			last[id % WORKSPACES] = id;
			count++;
		}
		rd_kafka_message_destroy(m);
	}
	assert_int_equal(count, n);
	mock_kafka_reader_close(rk);
	free(seen);
}

static void test_delivered(void **state)
{
	struct dbx_sink *s = open_sink(NULL, 0, NULL);
	int rc;

	(void)state;
	for (unsigned int i = 0; i < RECORDS; i++)
		assert_int_equal(put(s, i), 0);
	WAIT_UNTIL(s, rc, number(s, "delivered") == RECORDS && number(s, "brokers_up") > 0);
	assert_int_equal(rc, 0);
	assert_int_equal(s->written, RECORDS);
	assert_int_equal(s->lost, 0);
	assert_int_equal(number(s, "queued"), 0);
	s->ops->close(s);
	dbx_sink_kafka_wait();
	arrived(RECORDS);
}

/* What waits when the daemon ends, or documents change, is delivered all the same. */
static void test_close_delivers(void **state)
{
	struct dbx_sink *s = open_sink(NULL, 0, NULL);

	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		assert_int_equal(put(s, i), 0);
	s->ops->close(s);
	dbx_sink_kafka_wait();
	arrived(500);
}

static void test_down_and_back(void **state)
{
	struct dbx_kafka_option options[] = {{(char *)"reconnect.backoff.max.ms", (char *)"200"}};
	struct dbx_sink *s = open_sink(options, 1, NULL);
	int rc;

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(put(s, i), 0);
	WAIT_UNTIL(s, rc, number(s, "delivered") == 100);
	mock_kafka_set(&mock, 0);
	for (unsigned int i = 100; i < 200; i++)
		assert_int_equal(put(s, i), 0); /* they wait */
	WAIT_UNTIL(s, rc, rc < 0);
	assert_non_null(strstr(s->error, "no broker of"));
	assert_int_equal(number(s, "queued"), 100);
	assert_int_equal(s->lost, 0);
	mock_kafka_set(&mock, 1);
	WAIT_UNTIL(s, rc, !rc && number(s, "delivered") == 200);
	assert_int_equal(s->written, 200);
	assert_int_equal(s->lost, 0);
	s->ops->close(s);
	dbx_sink_kafka_wait();
	arrived(200);
}

/* A connection alone ends the complaint, though nothing is written. */
static void test_down_and_back_in_silence(void **state)
{
	struct dbx_kafka_option options[] = {{(char *)"reconnect.backoff.max.ms", (char *)"200"}};
	struct dbx_sink *s = open_sink(options, 1, NULL);
	int rc;

	(void)state;
	WAIT_UNTIL(s, rc, number(s, "brokers_up") > 0);
	mock_kafka_set(&mock, 0);
	WAIT_UNTIL(s, rc, rc < 0 && number(s, "brokers_up") == 0);
	mock_kafka_set(&mock, 1);
	WAIT_UNTIL(s, rc, !rc && number(s, "brokers_up") > 0);
	s->ops->close(s);
	dbx_sink_kafka_wait();
}

static void test_lost_after_its_time(void **state)
{
	struct dbx_kafka_option options[] = {{(char *)"message.timeout.ms", (char *)"500"},
					     {(char *)"reconnect.backoff.max.ms", (char *)"200"}};
	struct dbx_sink *s = open_sink(options, 2, NULL);
	int rc;

	(void)state;
	mock_kafka_set(&mock, 0);
	for (unsigned int i = 0; i < 50; i++)
		assert_int_equal(put(s, i), 0);
	assert_int_equal(s->written + s->lost, 50);
	WAIT_UNTIL(s, rc, s->lost == 50);
	assert_int_equal(s->written, 0);
	assert_int_equal(number(s, "queued"), 0);
	assert_int_equal(number(s, "delivered"), 0);
	assert_true(rc < 0);
	/* of the message, or of the brokers, whichever was heard of last */
	assert_true(strstr(s->error, "timed out") || strstr(s->error, "can be reached"));
	mock_kafka_set(&mock, 1);
	WAIT_UNTIL(s, rc, put(s, 0) == 0 && number(s, "delivered") > 0);
	WAIT_UNTIL(s, rc, number(s, "queued") == 0);
	assert_int_equal(s->written, number(s, "delivered"));
	s->ops->close(s);
	dbx_sink_kafka_wait();
}

static void test_full_queue(void **state)
{
	struct dbx_kafka_option options[] = {
		{(char *)"queue.buffering.max.messages", (char *)"10"}};
	struct dbx_sink *s = open_sink(options, 1, NULL);
	int rc;

	(void)state;
	mock_kafka_set(&mock, 0);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(put(s, i), i < 10 ? 0 : -ENOBUFS);
	assert_int_equal(s->written, 10);
	assert_int_equal(s->lost, 990);
	assert_int_equal(number(s, "queued"), 10);
	assert_non_null(strstr(s->error, "Queue full"));
	rc = s->ops->tick(s, 1);
	assert_true(rc < 0);
	mock_kafka_set(&mock, 1);
	WAIT_UNTIL(s, rc, !rc && number(s, "delivered") == 10);
	assert_int_equal(put(s, 10), 0);
	s->ops->close(s);
	dbx_sink_kafka_wait();
	arrived(11);
}

/* Closing does not wait for brokers that are gone, and the wait at the end has one. */
static void test_close_while_down(void **state)
{
	struct dbx_sink *s = open_sink(NULL, 0, NULL);

	(void)state;
	mock_kafka_set(&mock, 0);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(put(s, i), 0);
	s->ops->close(s);
	for (int i = 0; i < 10; i++)
		dbx_sink_kafka_wait(); /* a busy machine may take longer than one */
}

static void test_wrong_options(void **state)
{
	struct dbx_kafka_option unknown[] = {{(char *)"lingerr.ms", (char *)"1"}};
	struct dbx_kafka_option value[] = {{(char *)"linger.ms", (char *)"soon"}};
	struct dbx_sink *s;

	(void)state;
	s = open_sink(unknown, 1, NULL);
	assert_true(put(s, 0) < 0);
	assert_true(s->ops->tick(s, 1) < 0);
	assert_non_null(strstr(s->error, "lingerr.ms"));
	assert_int_equal(s->lost, 1);
	s->ops->close(s);
	s = open_sink(value, 1, NULL);
	assert_true(s->ops->tick(s, 1) < 0);
	assert_non_null(strstr(s->error, "linger.ms"));
	s->ops->close(s);
}

static void write_file(const char *text, mode_t mode)
{
	assert_int_equal(dbx_file_write(file, text, strlen(text), mode), 0);
	assert_int_equal(chmod(file, mode), 0);
}

static void test_options_file(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *says;
	} wrong[] = {
		{"linger.ms=1\n", 0644, "chmod 600"},
		{"linger.ms=1\n", 0620, "chmod 600"},
		{"linger.ms=1\nnot so\n", 0600, "line 2: key=value"},
		{"plugin.library.paths=/x\n", 0600, "line 1: it runs code"},
		{"sasl.password=hunter2\nsasl.mechanismus=PLAIN\n", 0600, "sasl.mechanismus"},
	};
	struct dbx_sink *s;
	int rc;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write_file(wrong[i].text, wrong[i].mode);
		s = open_sink(NULL, 0, file);
		assert_true(s->ops->tick(s, 1) < 0);
		if (!strstr(s->error, wrong[i].says) || strstr(s->error, "hunter2"))
			fail_msg("%zu: %s", i, s->error);
		s->ops->close(s);
	}
	unlink(file);
	s = open_sink(NULL, 0, file);
	WAIT_UNTIL(s, rc, rc < 0);
	assert_non_null(strstr(s->error, "No such file"));
	/* It is there now: used without a word from anybody. */
	write_file("# ours\n\n  linger.ms = 5 \r\nsasl.password=hunter2", 0600);
	WAIT_UNTIL(s, rc, !rc);
	assert_int_equal(put(s, 0), 0);
	WAIT_UNTIL(s, rc, number(s, "delivered") == 1);
	s->ops->close(s);
	dbx_sink_kafka_wait();
}

/* An idempotent producer that the cluster refuses is of no more use: another one takes over. */
static void test_fatal_error(void **state)
{
	struct dbx_kafka_option options[] = {{(char *)"enable.idempotence", (char *)"true"},
					     {(char *)"enable.gapless.guarantee", (char *)"true"}};
	struct dbx_sink *s = open_sink(options, 2, NULL);
	uint64_t delivered;
	int rc;

	(void)state;
	assert_int_equal(put(s, 0), 0);
	WAIT_UNTIL(s, rc, number(s, "delivered") == 1);
	rd_kafka_mock_push_request_errors(mock.cluster, 0 /* Produce */, 1,
					  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(put(s, 1), 0);
	WAIT_UNTIL(s, rc, s->lost == 1);
	assert_non_null(strstr(s->error, "is started anew"));
	WAIT_UNTIL(s, rc, !rc);
	delivered = number(s, "delivered");
	assert_int_equal(put(s, 2), 0);
	WAIT_UNTIL(s, rc, number(s, "delivered") == delivered + 1);
	assert_int_equal(s->written, delivered + 1);
	s->ops->close(s);
	dbx_sink_kafka_wait();
}

/* One word when it begins to fail and one when it is over, whatever is written meanwhile. */
static void test_set(void **state)
{
	char *brokers = strdup(mock.brokers);
	struct dbx_log_options l = {
		.has = true,
		.kafka = {
			.has = true, .brokers = &brokers, .n_brokers = 1, .topic = (char *)TOPIC}};
	const struct dbx_record r = {.account_id = ""};
	struct dbx_sinks s = {.n = 0};
	const struct dbx_sink *was;
	struct dbx_strbuf b;
	time_t until = time(NULL) + PATIENCE_S;

	(void)state;
	dbx_sinks_configure(&s, &l, 0);
	assert_int_equal(s.n, 1);
	was = s.v[0];
	mock_kafka_set(&mock, 0);
	while (!s.v[0]->is_failing && time(NULL) < until) {
		dbx_sinks_tick(&s, 0);
		usleep(20000);
	}
	assert_true(s.v[0]->is_failing);
	dbx_sinks_write(&s, &r, "{}\n", 2);
	assert_true(s.v[0]->is_failing); /* that it was queued is no good news */
	assert_int_equal(s.v[0]->written, 1);
	l.journald = true; /* another one comes: this one stays */
	dbx_sinks_configure(&s, &l, 0);
	assert_int_equal(s.n, 2);
	assert_ptr_equal(s.v[1], was);
	dbx_strbuf_init(&b);
	dbx_sinks_status(&s, &b);
	assert_non_null(
		strstr(b.s, "{\"sink\":\"kafka\",\"written\":1,\"lost\":0,\"error\":\"no broker"));
	dbx_strbuf_fini(&b);
	mock_kafka_set(&mock, 1);
	while (s.v[1]->is_failing && time(NULL) < until) {
		dbx_sinks_tick(&s, 0);
		usleep(20000);
	}
	assert_false(s.v[1]->is_failing);
	assert_string_equal(s.v[1]->error, "");
	dbx_sinks_close(&s);
	assert_int_equal(s.n, 0);
	free(brokers);
}

#define KAFKA_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KAFKA_TEST(test_delivered),
		KAFKA_TEST(test_close_delivers),
		KAFKA_TEST(test_down_and_back),
		KAFKA_TEST(test_down_and_back_in_silence),
		KAFKA_TEST(test_lost_after_its_time),
		KAFKA_TEST(test_full_queue),
		KAFKA_TEST(test_close_while_down),
		KAFKA_TEST(test_wrong_options),
		KAFKA_TEST(test_options_file),
		KAFKA_TEST(test_fatal_error),
		KAFKA_TEST(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* The build has none: that is said, and nothing is taken for written. */
static void test_without(void **state)
{
	const struct dbx_log_kafka k = {.has = true, .topic = (char *)"t"};
	const struct dbx_record r = {.account_id = ""};
	struct dbx_sink *s = dbx_sink_kafka_open(&k);

	(void)state;
	assert_int_equal(s->ops->write(s, &r, "{}\n", 2), -EOPNOTSUPP);
	assert_int_equal(s->ops->tick(s, 1), -EOPNOTSUPP);
	assert_non_null(strstr(s->error, "without librdkafka"));
	s->ops->close(s);
	dbx_sink_kafka_wait();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_without)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
