/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_dns_private.c -- answers of private endpoints, and the names that are guarded for them.
 */
#include "resolvercase.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_private_answer),
		TEST(test_private_while_waiting),
		TEST(test_guards),
		TEST(test_guards_are_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
