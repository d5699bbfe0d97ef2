/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_dns_resolver.c -- the order that the resolver keeps: committed, then answered.
 */
#include "resolvercase.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
