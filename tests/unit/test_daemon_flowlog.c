// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_flowlog.c -- packets added up to flows, and flows ended as records, by a clock of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/flowlog.h"
#include "lib/hash.h"

#define MAX 64

struct seen {
	struct dbx_record r;
	char name[256], policy[64], interface[16];
};

struct log {
	struct seen v[4 * MAX];
	size_t n;
	struct dbx_strmap ids;
	uint64_t packets, bytes;
};

static void on_record(void *arg, const struct dbx_record *r, const char *line, size_t len)
{
	struct log *l = arg;
	struct seen *s = &l->v[l->n++];

	assert_true(l->n <= sizeof(l->v) / sizeof(l->v[0]));
	assert_int_equal(line[len], '\n');
	assert_int_equal(line[len + 1], '\0');
	assert_true(line[0] == '{' && line[len - 1] == '}');
	assert_non_null(strstr(line, r->event_id));
	s->r = *r;
	snprintf(s->name, sizeof(s->name), "%s", r->name);
	snprintf(s->policy, sizeof(s->policy), "%s", r->policy_id);
	snprintf(s->interface, sizeof(s->interface), "%s", r->interface);
	if (!r->is_open) {
		assert_int_equal(dbx_strmap_put(&l->ids, r->event_id, 1), 0);
		l->packets += r->packets;
		l->bytes += r->bytes;
	}
}

static void describe(void *arg, struct dbx_record *r)
{
	(void)arg;
	r->interface = "ws1";
}

static struct dbx_event event(uint8_t host, uint16_t dport)
{
	return (struct dbx_event){
		.workspace_id = 1001,
		.src = {10, 0, 0, 1},
		.dst = {192, 0, 2, host},
		.sport = 4000,
		.dport = dport,
		.frame_bytes = 100,
		.reason = DBX_REASON_NO_MATCH,
		.proto = IPPROTO_TCP,
		.flags = DBX_EVENT_F_HAS_TUPLE | DBX_EVENT_F_HAS_PORTS,
	};
}

static void add(struct dbx_flowlog *l, const struct dbx_event *e, const char *name, int64_t ms)
{
	const struct dbx_flow_note n = {.event = e,
					.policy_id = "np",
					.name = name,
					.rcode = DBX_RECORD_RCODE_NONE,
					.time_ms = 1000000 + ms};

	dbx_flowlog_add(l, &n, ms);
}

static void begin(struct dbx_flowlog **l, struct log *log, unsigned int what)
{
	memset(log, 0, sizeof(*log));
	dbx_strmap_init(&log->ids);
	*l = dbx_flowlog_new(MAX, describe, NULL);
	assert_non_null(*l);
	assert_int_equal(dbx_flowlog_subscribe(*l, what, on_record, log), 0);
}

static void end(struct dbx_flowlog **l, struct log *log)
{
	dbx_flowlog_free(l);
	assert_null(*l);
	dbx_strmap_fini(&log->ids);
}

static void test_one_flow_one_record(void **state)
{
	struct dbx_event e = event(1, 443);
	struct dbx_flowlog *l;
	struct log log;

	(void)state;
	begin(&l, &log, DBX_FLOWLOG_ENDED);
	add(l, &e, NULL, 0);
	e.sport = 4001; /* the client tries again */
	e.frame_bytes = 50;
	add(l, &e, NULL, 3000);
	dbx_flowlog_tick(l, 9999);
	assert_int_equal(log.n, 0);
	dbx_flowlog_tick(l, 10000);
	assert_int_equal(log.n, 1);
	assert_int_equal(log.v[0].r.packets, 2);
	assert_int_equal(log.v[0].r.bytes, 150);
	assert_int_equal(log.v[0].r.first_ms, 1000000);
	assert_int_equal(log.v[0].r.last_ms, 1003000);
	assert_int_equal(log.v[0].r.event.sport, 4001);
	assert_string_equal(log.v[0].policy, "np");
	assert_string_equal(log.v[0].interface, "ws1");
	assert_string_equal(log.v[0].name, "");
	assert_false(log.v[0].r.is_open);
	/* The next packet begins another one, with another id (on_record sees to that). */
	add(l, &e, NULL, 10001);
	dbx_flowlog_tick(l, 20000);
	assert_int_equal(log.n, 1);
	dbx_flowlog_tick(l, 20001);
	assert_int_equal(log.n, 2);
	end(&l, &log);
}

/* Whatever tells two denials apart makes two records. */
static void test_what_parts_flows(void **state)
{
	struct dbx_event v[10];
	struct dbx_flowlog *l;
	struct log log;

	(void)state;
	begin(&l, &log, DBX_FLOWLOG_ENDED);
	for (size_t i = 0; i < 10; i++)
		v[i] = event(1, 443);
	v[1].workspace_id = 1002;
	v[2].dst[3] = 2;
	v[3].src[3] = 2;
	v[4].dport = 80;
	v[5].proto = IPPROTO_UDP;
	v[6].reason = DBX_REASON_PORT_NOT_LISTED;
	v[7].verdict = DBX_VERDICT_DRY_RUN;
	v[8].domain = 7;
	v[9].rule_uid = 9;
	for (size_t k = 0; k < 3; k++) {
		for (size_t i = 0; i < 10; i++)
			add(l, &v[i], NULL, 0);
		add(l, &v[0], "a.example.com", 0);
		add(l, &v[0], "b.example.com", 0);
	}
	dbx_flowlog_flush(l);
	assert_int_equal(log.n, 12);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(log.v[i].r.packets, 3);
	assert_string_equal(log.v[10].name, "a.example.com");
	assert_string_equal(log.v[11].name, "b.example.com");
	end(&l, &log);
}

static void test_opened_and_ended(void **state)
{
	struct dbx_event e = event(1, 443);
	struct dbx_flowlog *l;
	struct log log;

	(void)state;
	begin(&l, &log, DBX_FLOWLOG_OPENED | DBX_FLOWLOG_ENDED);
	add(l, &e, "a.example.com", 0);
	assert_int_equal(log.n, 1);
	assert_true(log.v[0].r.is_open && log.v[0].r.packets == 1);
	add(l, &e, "a.example.com", 1);
	assert_int_equal(log.n, 1);
	dbx_flowlog_flush(l);
	assert_int_equal(log.n, 2);
	assert_string_equal(log.v[0].r.event_id, log.v[1].r.event_id);
	assert_int_equal(log.v[1].r.packets, 2);
	dbx_flowlog_unsubscribe(l, on_record, &log);
	add(l, &e, NULL, 2);
	dbx_flowlog_flush(l);
	assert_int_equal(log.n, 2);
	end(&l, &log);
}

/* By its id, as it is now; once it has ended it is somebody else's to know. */
static void test_line_of_an_open_flow(void **state)
{
	struct dbx_event e = event(1, 443), other = event(2, 443);
	char id[DBX_UUID_SIZE], *line = NULL;
	struct dbx_flowlog *l;
	struct log log;

	(void)state;
	begin(&l, &log, DBX_FLOWLOG_OPENED);
	for (int i = 0; i < 3; i++)
		add(l, &e, "a.example.com", i);
	add(l, &other, "b.example.com", 3);
	assert_int_equal(log.n, 2);
	memcpy(id, log.v[1].r.event_id, sizeof(id));
	assert_int_equal(dbx_flowlog_line(l, log.v[0].r.event_id, &line), 0);
	assert_non_null(strstr(line, log.v[0].r.event_id));
	assert_non_null(strstr(line, "\"dst_ip\":\"192.0.2.1\""));
	assert_non_null(strstr(line, "\"name\":\"a.example.com\""));
	assert_non_null(strstr(line, "\"packets\":3,\"bytes\":300"));
	assert_non_null(strstr(line, "\"interface\":\"ws1\""));
	assert_non_null(strstr(line, "\"open\":true"));
	assert_int_equal(line[strlen(line) - 1], '}');
	free(line);
	line = NULL;
	dbx_flowlog_tick(l, 10002); /* the first is due, the second not */
	assert_int_equal(dbx_flowlog_line(l, log.v[0].r.event_id, &line), -ENOENT);
	assert_int_equal(dbx_flowlog_line(l, "", &line), -ENOENT);
	assert_null(line);
	assert_int_equal(dbx_flowlog_line(l, id, &line), 0);
	assert_non_null(strstr(line, "b.example.com"));
	free(line);
	assert_int_equal(log.n, 2); /* nobody was told anything */
	end(&l, &log);
}

/* No room: counted, and what is open is not touched. Room again: taken. */
static void test_bounded(void **state)
{
	struct dbx_flowlog_stats s;
	struct dbx_flowlog *l;
	struct log log;

	(void)state;
	begin(&l, &log, DBX_FLOWLOG_ENDED);
	for (int i = 0; i < MAX + 5; i++) {
		struct dbx_event e = event(1, (uint16_t)(1000 + i));
		const struct dbx_flow_note n = {
			.event = &e, .rcode = DBX_RECORD_RCODE_NONE, .packets = 3, .bytes = 30};

		dbx_flowlog_add(l, &n, i);
	}
	dbx_flowlog_stats(l, &s);
	assert_int_equal(s.open, MAX);
	assert_int_equal(s.lost_events, 5);
	assert_int_equal(s.lost_packets, 15);
	dbx_flowlog_tick(l, 10000 + 9); /* the first ten are due */
	assert_int_equal(log.n, 10);
	for (int i = 0; i < 10; i++) {
		struct dbx_event e = event(2, (uint16_t)(1000 + i));

		assert_int_equal(log.v[i].r.event.dport, 1000 + i);
		add(l, &e, NULL, 11000);
	}
	dbx_flowlog_flush(l);
	dbx_flowlog_stats(l, &s);
	assert_int_equal(s.open, 0);
	assert_int_equal(s.lost_events, 5);
	assert_int_equal(s.records, MAX + 10);
	assert_int_equal(s.packets, MAX * 3 + 10);
	assert_int_equal(log.packets, s.packets);
	assert_int_equal(log.bytes, MAX * 30 + 10 * 100);
	end(&l, &log);
}

/* A clock at random: every packet is in exactly one record. */
static void test_nothing_lost_or_twice(void **state)
{
	uint64_t packets = 0;
	struct dbx_flowlog_stats s;
	struct dbx_flowlog *l;
	unsigned int seed = 7;
	struct log log;
	int64_t ms = 0;

	(void)state;
	begin(&l, &log, DBX_FLOWLOG_ENDED);
	dbx_flowlog_set_interval(l, 1);
	for (int i = 0; i < 20000; i++) {
		struct dbx_event e = event((uint8_t)(rand_r(&seed) % 8), 443);

		add(l, &e, rand_r(&seed) % 2 ? "a.example.com" : NULL, ms);
		packets++;
		ms += rand_r(&seed) % 3;
		if (!(rand_r(&seed) % 16))
			dbx_flowlog_tick(l, ms);
		if (log.n > 3 * MAX) /* looked at, and forgotten but for ids and sums */
			log.n = 0;
	}
	dbx_flowlog_flush(l);
	dbx_flowlog_stats(l, &s);
	assert_int_equal(s.lost_events, 0);
	assert_int_equal(log.packets, packets);
	assert_int_equal(log.ids.n, s.records);
	end(&l, &log);
}

static void test_rdata_and_subscribers(void **state)
{
	struct dbx_addr rdata[DBX_RECORD_RDATA_MAX + 2];
	struct dbx_event e = event(1, 53);
	struct dbx_flow_note n = {.event = &e,
				  .name = "x.example.net",
				  .rcode = 3,
				  .rdata = rdata,
				  .n_rdata = DBX_RECORD_RDATA_MAX + 2};
	struct dbx_flowlog *l;
	struct log log;
	int i;

	(void)state;
	begin(&l, &log, DBX_FLOWLOG_ENDED);
	for (i = 0; i < DBX_RECORD_RDATA_MAX + 2; i++)
		rdata[i] = dbx_addr_v4(0xc0000200u + (unsigned int)i);
	dbx_flowlog_add(l, &n, 0);
	n.rcode = 0; /* the same question, answered otherwise: another flow */
	dbx_flowlog_add(l, &n, 0);
	dbx_flowlog_flush(l);
	assert_int_equal(log.n, 2);
	assert_int_equal(log.v[0].r.rcode, 3);
	assert_int_equal(log.v[1].r.rcode, 0);
	assert_int_equal(log.v[0].r.n_rdata, DBX_RECORD_RDATA_MAX);
	assert_memory_equal(log.v[0].r.rdata, rdata, DBX_RECORD_RDATA_MAX * sizeof(*rdata));
	for (i = 1; i < DBX_FLOWLOG_SUBSCRIBERS; i++)
		assert_int_equal(dbx_flowlog_subscribe(l, DBX_FLOWLOG_ENDED, on_record, &log), 0);
	assert_int_equal(dbx_flowlog_subscribe(l, DBX_FLOWLOG_ENDED, on_record, &log), -ENOSPC);
	end(&l, &log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_flow_one_record),
		cmocka_unit_test(test_what_parts_flows),
		cmocka_unit_test(test_opened_and_ended),
		cmocka_unit_test(test_line_of_an_open_flow),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_nothing_lost_or_twice),
		cmocka_unit_test(test_rdata_and_subscribers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
