/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_dns_resolver.c -- the order that the resolver keeps, with this program as client, as
 * upstream, and as whoever judges and learns.
 *
 * Real sockets on loopback; the upstream answers exactly when a test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/dns_resolver.h"
#include "policy/model.h"
#include "wire/dns.h"

struct lab {
	/* read and written by both threads */
	int allowed, learn_error, n_learned, has_view, has_source, generation;
	int n_guards, n_guarded4, n_guarded6, is_private;
	int up, client; /* sockets */
	struct dbx_upstream upstream;
	struct dbx_dns_options options;
	struct dbx_view view;
	struct dbx_dns *d;
	uint16_t port;
	int last_reason;
	int swaps, allowed_next;
	struct dbx_addr private[2];
};

#define GET(x)    __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define PUT(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)

static struct lab *lab; /* of the running test */

static const struct dbx_view *view_get(void *arg)
{
	struct lab *l = arg;

	l->view.generation = (uint64_t)GET(l->generation);
	return GET(l->has_view) ? &l->view : NULL;
}

static void view_put(void *arg, const struct dbx_view *v)
{
	(void)arg, (void)v;
}

static bool source(const struct dbx_view *v, const struct dbx_addr *src, struct dbx_dns_source *out)
{
	(void)v, (void)src;
	out->workspace_id = 1;
	out->product = 0;
	return GET(lab->has_source);
}

static void decide(const struct dbx_view *v, const struct dbx_dns_source *s, const char *name,
		   struct dbx_name_decision *out)
{
	bool good = GET(lab->allowed) && !strncmp(name, "good", 4);

	(void)v, (void)s;
	memset(out, 0, sizeof(*out));
	out->policy_id = out->rule_text = out->rule_doc = out->rule_ptr = "";
	out->verdict = good ? DBX_VERDICT_PASS : DBX_VERDICT_DROP;
	out->reason = good ? DBX_REASON_LISTED_NAME : DBX_REASON_DNS_DENIED;
	out->policy_uid = 5;
	out->needs_learning = true;
	out->cname = "";
	if (GET(lab->is_private) && !strncmp(name, "good", 4)) {
		out->is_private = true;
		out->needs_learning = false;
		out->reason = DBX_REASON_PRIVATE_ENDPOINT;
		out->addrs = lab->private;
		out->n_addrs = 2;
		out->cname = "good.privatelink.test";
	}
}

static const struct dbx_dns_options *options(const struct dbx_view *v)
{
	(void)v;
	return &lab->options;
}

static int learn(void *arg, const struct dbx_lesson *l)
{
	struct lab *w = arg;
	char text[DBX_ADDR_STRLEN];

	if (GET(w->learn_error))
		return GET(w->learn_error);
	if (l->generation != (uint64_t)GET(w->generation))
		return -ESTALE;
	if (l->kind == DBX_LESSON_GUARD_V4 && l->n_addrs == 1)
		PUT(w->n_guarded4, GET(w->n_guarded4) + 1);
	if (l->kind == DBX_LESSON_GUARD_V6 && !l->n_addrs)
		PUT(w->n_guarded6, GET(w->n_guarded6) + 1);
	if (l->kind != DBX_LESSON_NAME)
		return 0;
	if (GET(w->swaps)) { /* the policies change at the very moment */
		PUT(w->swaps, GET(w->swaps) - 1);
		PUT(w->generation, GET(w->generation) + 1);
		PUT(w->allowed, GET(w->allowed_next));
		return -ESTALE;
	}
	usleep(30000); /* an answer that did not wait would be seen */
	if (l->n_addrs == 1 && !strcmp(dbx_addr_format(&l->addrs[0], text), "192.0.2.1"))
		PUT(w->n_learned, GET(w->n_learned) + 1);
	return 0;
}

static void on_record(void *arg, const struct dbx_dns_record *r)
{
	PUT(((struct lab *)arg)->last_reason, (int)r->decision.reason);
}

static void each_guard(const struct dbx_view *v,
		       void (*fn)(void *arg, uint64_t policy_uid, uint64_t rule_uid,
				  const char *name),
		       void *arg)
{
	(void)v;
	for (int i = 0; i < GET(lab->n_guards); i++)
		fn(arg, 5 + (uint64_t)i, 9, "guarded.test"); /* one name, of several scopes */
}

static const struct dbx_dns_hooks hooks = {view_get, view_put, source,    decide,
					   options,  learn,    each_guard};

static int bound(uint16_t *port, int type)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(sa);
	struct timeval wait = {.tv_sec = 2};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	*port = ntohs(sa.sin_port);
	return fd;
}

static int dial(const struct lab *l, int which, int type)
{
	int fds[4], fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct timeval wait = {.tv_sec = 2};
	struct sockaddr_in sa;
	socklen_t n = sizeof(sa);

	dbx_dns_fds(l->d, &fds[0], &fds[1], &fds[2], &fds[3]);
	assert_int_equal(getsockname(fds[which], (struct sockaddr *)&sa, &n), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, n), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static int setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct dbx_dns_opts o = {.hooks = &hooks, .hooks_arg = l, .log = on_record, .log_arg = l};
	struct dbx_fail f;

	l->allowed = l->has_view = l->has_source = l->generation = 1;
	dbx_addr_parse("10.9.0.4", &l->private[0]);
	dbx_addr_parse("fd00:9::4", &l->private[1]);
	l->up = bound(&l->upstream.port, SOCK_DGRAM);
	dbx_addr_parse("127.0.0.1", &l->upstream.addr);
	l->options = (struct dbx_dns_options){
		.has = true,
		.upstreams = &l->upstream,
		.n_upstreams = 1,
		.timeout_ms = 1500,
		.attempt_ms = 1500,
		.cache_entries = 100,
		.max_ttl_s = 3600,
	};
	lab = l;
	assert_int_equal(dbx_dns_start(&l->d, &o, &f), 0);
	l->client = dial(l, 0, SOCK_DGRAM);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct lab *l = *state;

	dbx_dns_stop(&l->d);
	assert_null(l->d);
	close(l->up);
	close(l->client);
	free(l);
	return 0;
}

static size_t question(uint8_t *msg, uint16_t id, const char *label)
{
	size_t n = strlen(label);

	memcpy(msg, "\0\0\1\0\0\1\0\0\0\0\0\0", 12);
	msg[0] = (uint8_t)(id >> 8);
	msg[1] = (uint8_t)id;
	msg[12] = (uint8_t)n;
	memcpy(msg + 13, label, n);
	memcpy(msg + 13 + n, "\4test\0\0\1\0\1", 10);
	return 23 + n;
}

static void ask(const struct lab *l, uint16_t id, const char *label)
{
	uint8_t msg[300];
	size_t n = question(msg, id, label);

	assert_int_equal(send(l->client, msg, n, 0), n);
}

/* rcode of the reply to id; -1: none came. */
static int reply(const struct lab *l, uint16_t id)
{
	uint8_t msg[2000];
	ssize_t n = recv(l->client, msg, sizeof(msg), 0);

	if (n < 12)
		return -1;
	assert_int_equal(msg[0] << 8 | msg[1], id);
	return msg[3] & 15;
}

/*
 * As upstream: the next question, A answered by 192.0.2.1 with that TTL, all else by nothing; false:
 * none came.
 */
static bool answer(const struct lab *l, uint8_t ttl)
{
	static const uint8_t record[] = "\xc0\xc\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1";
	uint8_t msg[2000];
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);
	ssize_t n = recvfrom(l->up, msg, sizeof(msg), 0, (struct sockaddr *)&from, &n_from);

	if (n < 27)
		return false;
	n -= 11; /* without its OPT */
	msg[2] |= 0x80;
	msg[7] = msg[n - 3] == 1; /* its type: A */
	msg[11] = 0;
	memcpy(msg + n, record, 16);
	msg[n + 9] = ttl;
	sendto(l->up, msg, (size_t)n + (msg[7] ? 16 : 0), 0, (struct sockaddr *)&from, n_from);
	return true;
}

/* Polled: another thread gets there. */
static bool becomes(const int *what, int value)
{
	for (int i = 0; i < 2000 && GET(*what) != value; i++)
		usleep(10000);
	return GET(*what) == value;
}

static bool upstream_is_idle(const struct lab *l)
{
	uint8_t msg[64];

	usleep(50000);
	return recv(l->up, msg, sizeof(msg), MSG_DONTWAIT) < 0;
}

static void test_commit_then_answer(void **state)
{
	struct lab *l = *state;
	struct dbx_dns_stats s;

	ask(l, 1, "good");
	assert_true(answer(l, 60));
	assert_int_equal(reply(l, 1), 0);
	assert_int_equal(GET(l->n_learned), 1);
	ask(l, 2, "GOOD"); /* cached, and committed before */
	assert_int_equal(reply(l, 2), 0);
	assert_int_equal(GET(l->n_learned), 1);
	PUT(l->generation, 2); /* policies changed: what was learned may be gone */
	ask(l, 3, "good");
	assert_int_equal(reply(l, 3), 0);
	assert_int_equal(GET(l->n_learned), 2);
	assert_true(upstream_is_idle(l));
	dbx_dns_stats(l->d, &s);
	assert_int_equal(s.queries, 3);
	assert_int_equal(s.cache_hits, 2);
	assert_int_equal(s.commits, 2);
	assert_int_equal(s.answered, 3);
}

static void test_commit_fails(void **state)
{
	struct lab *l = *state;
	struct dbx_dns_stats s;

	PUT(l->learn_error, -ENOSPC);
	ask(l, 1, "good");
	assert_true(answer(l, 60));
	assert_int_equal(reply(l, 1), DBX_DNS_SERVFAIL);
	ask(l, 2, "good");
	assert_int_equal(reply(l, 2), DBX_DNS_SERVFAIL);
	assert_int_equal(GET(l->last_reason), DBX_REASON_DNS_FAILED);
	PUT(l->learn_error, 0); /* there is room again */
	ask(l, 3, "good");
	assert_int_equal(reply(l, 3), 0);
	assert_int_equal(GET(l->n_learned), 1);
	dbx_dns_stats(l->d, &s);
	assert_int_equal(s.commit_failures, 2);
	assert_int_equal(s.servfail, 2);
}

static uint64_t timed(struct lab *l, enum dbx_dns_outcome o)
{
	struct dbx_dns_stats s;
	uint64_t n = 0;

	dbx_dns_stats(l->d, &s);
	for (size_t i = 0; i < DBX_DNS_LATENCY_BUCKETS; i++)
		n += s.latency[o][i];
	return n;
}

/* Each answer is timed once, among its like; what waits for an upstream takes as long as that does. */
static void test_latency(void **state)
{
	struct lab *l = *state;
	struct dbx_dns_stats s;

	ask(l, 1, "evil");
	assert_int_equal(reply(l, 1), DBX_DNS_NXDOMAIN);
	assert_int_equal(timed(l, DBX_DNS_IS_REFUSED), 1);
	assert_int_equal(timed(l, DBX_DNS_IS_ANSWERED), 0);
	ask(l, 2, "good");
	usleep(20000);
	assert_true(answer(l, 60));
	assert_int_equal(reply(l, 2), 0);
	ask(l, 3, "good"); /* cached */
	assert_int_equal(reply(l, 3), 0);
	assert_int_equal(timed(l, DBX_DNS_IS_ANSWERED), 2);
	PUT(l->learn_error, -ENOSPC);
	PUT(l->generation, 2);
	ask(l, 4, "good");
	assert_int_equal(reply(l, 4), DBX_DNS_SERVFAIL);
	assert_int_equal(timed(l, DBX_DNS_IS_FAILED), 1);
	assert_int_equal(timed(l, DBX_DNS_IS_ANSWERED), 2);
	assert_int_equal(timed(l, DBX_DNS_IS_REFUSED), 1);
	dbx_dns_stats(l->d, &s);
	assert_true(s.latency_us[DBX_DNS_IS_ANSWERED] >= 20000);
}

static void test_denied_costs_nothing(void **state)
{
	struct lab *l = *state;

	ask(l, 1, "evil");
	assert_int_equal(reply(l, 1), DBX_DNS_NXDOMAIN);
	assert_int_equal(GET(l->last_reason), DBX_REASON_DNS_DENIED);
	assert_true(upstream_is_idle(l));
}

static void test_policy_changes_while_waiting(void **state)
{
	struct lab *l = *state;

	ask(l, 1, "good");
	usleep(50000); /* the question is out */
	PUT(l->allowed, 0);
	PUT(l->generation, 2);
	assert_true(answer(l, 60));
	assert_int_equal(reply(l, 1), DBX_DNS_NXDOMAIN);
	assert_int_equal(GET(l->n_learned), 0);
}

static void test_policy_changes_at_commit(void **state)
{
	struct lab *l = *state;

	PUT(l->allowed_next, 1);
	PUT(l->swaps, 3);
	ask(l, 1, "good");
	assert_true(answer(l, 60));
	assert_int_equal(reply(l, 1), 0);
	assert_int_equal(GET(l->n_learned), 1);
	PUT(l->allowed_next, 0);
	PUT(l->generation, 90); /* to be committed again */
	PUT(l->swaps, 1);
	ask(l, 2, "good");
	assert_int_equal(reply(l, 2), DBX_DNS_NXDOMAIN);
	assert_int_equal(GET(l->n_learned), 1);
	PUT(l->allowed, 1);
	PUT(l->allowed_next, 1);
	PUT(l->swaps, 1000); /* without end: no answer */
	ask(l, 3, "good");
	assert_int_equal(reply(l, 3), DBX_DNS_SERVFAIL);
	PUT(l->swaps, 0);
	ask(l, 4, "good");
	assert_int_equal(reply(l, 4), 0);
}

static void test_same_question_is_asked_once(void **state)
{
	struct lab *l = *state;

	for (uint16_t i = 0; i < 20; i++)
		ask(l, 7, "good");
	assert_true(answer(l, 60));
	for (int i = 0; i < 20; i++)
		assert_int_equal(reply(l, 7), 0);
	assert_true(upstream_is_idle(l));
	assert_int_equal(GET(l->n_learned), 1);
}

static void test_ttl_ends(void **state)
{
	struct lab *l = *state;

	for (uint16_t i = 0; i < 2; i++) {
		ask(l, i, "good");
		assert_true(answer(l, 1));
		assert_int_equal(reply(l, i), 0);
		usleep(1050000);
	}
	assert_int_equal(GET(l->n_learned), 2);
}

static void test_no_policy_no_source(void **state)
{
	struct lab *l = *state;
	struct timeval wait = {.tv_usec = 200000};
	uint8_t msg[302];
	size_t n = question(msg + 2, 9, "good");
	int tcp = dial(l, 1, SOCK_STREAM);

	PUT(l->has_view, 0);
	ask(l, 1, "good");
	assert_int_equal(reply(l, 1), DBX_DNS_SERVFAIL);
	PUT(l->has_view, 1);
	PUT(l->has_source, 0);
	setsockopt(l->client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	ask(l, 2, "good");
	assert_int_equal(reply(l, 2), -1);
	assert_int_equal(GET(l->last_reason), DBX_REASON_DNS_NO_IDENTITY);
	msg[0] = 0;
	msg[1] = (uint8_t)n;
	assert_int_equal(send(tcp, msg, n + 2, 0), n + 2);
	assert_int_equal(recv(tcp, msg, sizeof(msg), 0), n + 2);
	assert_int_equal(msg[5] & 15, DBX_DNS_REFUSED);
	assert_true(upstream_is_idle(l));
	close(tcp);
}

static void test_no_upstream_answers(void **state)
{
	struct lab *l = *state;

	ask(l, 1, "good");
	assert_int_equal(reply(l, 1), DBX_DNS_SERVFAIL); /* after 1.5 s */
	assert_int_equal(GET(l->last_reason), DBX_REASON_DNS_FAILED);
	close(l->up); /* now its port is closed */
	l->up = -1;
	ask(l, 2, "good");
	assert_int_equal(reply(l, 2), DBX_DNS_SERVFAIL);
}

/* One source may not fill the table; what it asked in vain is counted. */
static void test_share_of_a_source(void **state)
{
	struct lab *l = *state;
	struct dbx_dns_stats s;
	char label[16];

	for (unsigned int i = 0; i < 1200; i++) {
		snprintf(label, sizeof(label), "good%u", i);
		ask(l, (uint16_t)i, label);
		if (i % 64 == 63)
			usleep(2000);
	}
	usleep(200000);
	dbx_dns_stats(l->d, &s);
	assert_int_equal(s.outstanding, 1024);
	assert_int_equal(s.over_limit, 1200 - 1024);
	/* and it ends while they are out, leaking nothing */
}

static void test_upstream_is_replaced(void **state)
{
	struct lab *l = *state;
	int old = l->up;

	ask(l, 1, "good");
	assert_true(answer(l, 60));
	assert_int_equal(reply(l, 1), 0);
	l->up = bound(&l->upstream.port, SOCK_DGRAM);
	PUT(l->generation, 2);
	ask(l, 2, "good"); /* what the old one said is not the new one's answer */
	assert_true(answer(l, 60));
	assert_int_equal(reply(l, 2), 0);
	close(old);
}

static void test_private_answer(void **state)
{
	struct lab *l = *state;
	uint8_t msg[600];
	struct dbx_dns_stats s;
	ssize_t n;

	PUT(l->is_private, 1);
	ask(l, 1, "good");
	n = recv(l->client, msg, sizeof(msg), 0);
	assert_true(n > 12);
	assert_int_equal(msg[3] & 15, 0);
	assert_int_equal(msg[7], 2); /* the alias, and the one address that is IPv4 */
	assert_memory_equal(msg + n - 4, "\12\11\0\4", 4);
	assert_int_equal(GET(l->n_learned), 0);
	assert_true(upstream_is_idle(l));
	dbx_dns_stats(l->d, &s);
	assert_int_equal(s.answered_privately, 1);
	assert_int_equal(s.upstream_queries, 0);
}

/* The rule became effective while the question was out: the public answer is not given. */
static void test_private_while_waiting(void **state)
{
	struct lab *l = *state;
	struct dbx_dns_stats s = {.queries = 0};
	uint8_t msg[600];
	ssize_t n;

	ask(l, 1, "good");
	for (int i = 0; i < 2000 && !s.upstream_queries; i++) {
		usleep(1000);
		dbx_dns_stats(l->d, &s);
	}
	PUT(l->is_private, 1);
	PUT(l->generation, 2);
	assert_true(answer(l, 60));
	n = recv(l->client, msg, sizeof(msg), 0);
	assert_true(n > 16);
	assert_memory_equal(msg + n - 4, "\12\11\0\4", 4);
	assert_int_equal(GET(l->n_learned), 0);
}

static void test_guards(void **state)
{
	struct lab *l = *state;
	struct dbx_dns_stats s;

	PUT(l->n_guards, 3);
	dbx_dns_change(l->d); /* nobody asks anything */
	assert_true(answer(l, 60) && answer(l, 60));
	assert_true(becomes(&l->n_guarded4, 3)); /* every scope, by one question */
	assert_true(becomes(&l->n_guarded6, 3)); /* and that there is no IPv6 address */
	PUT(l->generation, 2);
	dbx_dns_change(l->d);
	assert_true(becomes(&l->n_guarded4, 6)); /* from the cache */
	PUT(l->n_guards, 0);
	PUT(l->generation, 3);
	dbx_dns_change(l->d);
	ask(l, 1, "evil");
	assert_int_equal(reply(l, 1), DBX_DNS_NXDOMAIN);
	dbx_dns_stats(l->d, &s);
	assert_int_equal(s.guards, 0);
	assert_int_equal(s.guard_failures, 0);
}

/* An upstream that says nothing, then something: tried again, and nobody had to ask. */
static void test_guards_are_tried_again(void **state)
{
	struct lab *l = *state;
	struct dbx_dns_stats s;

	l->options.timeout_ms = l->options.attempt_ms = 200;
	PUT(l->n_guards, 1);
	PUT(l->generation, 2);
	dbx_dns_change(l->d);
	for (int i = 0; i < 2000; i++) {
		dbx_dns_stats(l->d, &s);
		if (s.guard_failures >= 2)
			break;
		usleep(10000);
	}
	assert_true(s.guard_failures >= 2);
	assert_int_equal(GET(l->n_guarded4), 0);
	for (int i = 0; i < 100 && !GET(l->n_guarded4); i++)
		answer(l, 60);
	assert_true(GET(l->n_guarded4) >= 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commit_then_answer),
		TEST(test_commit_fails),
		TEST(test_latency),
		TEST(test_denied_costs_nothing),
		TEST(test_policy_changes_while_waiting),
		TEST(test_policy_changes_at_commit),
		TEST(test_same_question_is_asked_once),
		TEST(test_ttl_ends),
		TEST(test_no_policy_no_source),
		TEST(test_no_upstream_answers),
		TEST(test_share_of_a_source),
		TEST(test_upstream_is_replaced),
		TEST(test_private_answer),
		TEST(test_private_while_waiting),
		TEST(test_guards),
		TEST(test_guards_are_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
