// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_dpdk_hostile.c -- a process that answers what it must not, or not at all, harms nobody: the
 * request fails, the next connection works, and no descriptor is left behind. And its events, and its
 * routes by the thousand.
 */
#include "dpdkcase.h"

#include <time.h>

static void wait_until_left(void)
{
	for (uint32_t role = 1; role < DBX_WIRE_ROLE_MAX; role++)
		must_lose_role(role);
}

static int learn(void)
{
	const struct dbx_bound_key k = {.policy_uid = 7, .name = 1};
	const struct dbx_bound v = {.expires_ns = 1};

	return ops->learn(dp, &k, &v);
}

static int walk_none(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v)
{
	(void)arg, (void)k, (void)v;
	return 0;
}

static int walk(void)
{
	return ops->flows_each(dp, walk_none, NULL);
}

/* Every way to be wrong, in answers that have a body and in those that have none. */
static void test_evil_answers(void **state)
{
	static const struct {
		enum dbx_wire_type type;
		int (*ask)(void);
		bool has_body;
	} asks[] = {
		{DBX_WIRE_TOTALS, ask_totals, true},
		{DBX_WIRE_LEARN, learn, false},
		{DBX_WIRE_EACH, walk, true},
	};
	size_t i, before;
	int evil, rc;

	(void)state;
	must_recover();
	before = n_fds();
	for (i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		for (evil = FAKE_GOOD + 1; evil < FAKE_EVIL_MAX; evil++) {
			bool is_harmless = evil == FAKE_FDS ||
					   (evil == FAKE_SHORT && !asks[i].has_body);

			must_recover();
			be_evil(asks[i].type, (enum fake_evil)evil);
			rc = asks[i].ask();
			/* An answer of another length may be one, but not a page of what it says. */
			if (asks[i].type == DBX_WIRE_EACH && evil == FAKE_LONG && rc == -EPROTO)
				continue;
			if (rc != (is_harmless ? 0 : -ENOTCONN))
				fail_msg("request %zu, evil %d: %d", i, evil, rc);
			must_recover();
			assert_int_equal(asks[i].ask(), 0);
		}
	}
	must_have_fds(before);
}

/* The same while the two meet: tried again until it is right. */
static void test_evil_meetings(void **state)
{
	static const enum dbx_wire_type types[] = {DBX_WIRE_HELLO, DBX_WIRE_SECRET_GET,
						   DBX_WIRE_EACH, DBX_WIRE_STEER, DBX_WIRE_STATE};
	size_t i, before;
	int evil;

	(void)state;
	must_recover();
	before = n_fds();
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (evil = FAKE_GOOD + 1; evil < FAKE_EVIL_MAX; evil++) {
			be_evil(types[i], (enum fake_evil)evil);
			pthread_mutex_lock(&dp->lock);
			dp_wire_lost(dp);
			pthread_mutex_unlock(&dp->lock);
			must_recover();
			assert_int_equal(learn(), 0);
		}
	}
	must_have_fds(before);
}

/* Images that are not what they are said to be are not taken over. */
static void test_evil_image(void **state)
{
	struct dbx_wire_image lie = {.n_bytes = 1u << 20, .generation = 5, .checksum = 6};
	size_t before;

	(void)state;
	ops->close(&dp);
	wait_until_left();
	before = n_fds();
	fake.state.has_image = 1;
	fake.state.generation = 5;
	fake.state.checksum = 6;
	fake.image = lie;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), -ENOENT); /* it has none after all */
	fake.image_fd = dup(fake.listen_fd);                         /* no file, no seals */
	assert_int_equal(ops->open(&dp, &opts, &st, &err), -EPROTO);
	assert_non_null(strstr(err.text, "another image"));
	assert_null(dp);
	close(fake.image_fd);
	fake.image_fd = -1;
	must_have_fds(before);
	fake.state.has_image = 0;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
}

/* A process that hangs: bounded, and the others of its requests fail at once. */
static void test_silence(void **state)
{
	(void)state;
	must_recover();
	pthread_mutex_lock(&fake.lock);
	assert_int_equal(ask_totals(), -ENOTCONN);
	assert_int_equal(learn(), -ENOTCONN);
	pthread_mutex_unlock(&fake.lock);
	must_recover();
	assert_int_equal(learn(), 0);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * One that takes connections and says nothing: the event loop, which calls us, waits for it now and
 * then, not all the time. Counted, since a clock says nothing on a busy machine.
 */
static void test_silence_does_not_starve(void **state)
{
	double began = now_s(), longest = 0;
	int n_turns = 0;

	(void)state;
	must_recover();
	pthread_mutex_lock(&fake.lock);
	assert_int_equal(ask_totals(), -ENOTCONN);
	began = now_s();
	while (now_s() - began < 4) {
		double t = now_s();

		assert_int_equal(ops->poll_events(dp, take_event, NULL), 0);
		longest = now_s() - t > longest ? now_s() - t : longest;
		assert_int_equal(ask_totals(), -ENOTCONN);
		n_turns++;
	}
	pthread_mutex_unlock(&fake.lock);
	assert_true(longest > 0.5);  /* it was tried */
	assert_true(n_turns > 1000); /* and given up for a while */
	must_recover();
	assert_int_equal(learn(), 0);
}

/* ---- events ---- */

static void send_events(const void *body, size_t n, uint32_t n_fake)
{
	fakedpdk_event(&fake, DBX_WIRE_ROLE_EVENTS, DBX_WIRE_EVENT, body, n, n_fake);
}

static void send_name(const void *body, size_t n)
{
	fakedpdk_event(&fake, DBX_WIRE_ROLE_NAME_EVENTS, DBX_WIRE_NAME_EVENT, body, n, 0);
}

static void wait_for(const size_t *count, size_t want)
{
	int i;

	for (i = 0; i < 2000 && *count < want; i++)
		turn();
	assert_int_equal(*count, want);
}

static void test_events(void **state)
{
	static struct dbx_event v[DBX_WIRE_BATCH + 1];
	static char junk[40000];
	size_t i;

	(void)state;
	must_recover();
	n_events = 0;
	for (i = 0; i < DBX_WIRE_BATCH; i++)
		v[i].workspace_id = i;
	send_events(v, 3 * sizeof(v[0]), 0);
	send_events(v, DBX_WIRE_BATCH * sizeof(v[0]), 0);
	wait_for(&n_events, 3 + DBX_WIRE_BATCH);
	assert_int_equal(last_event.workspace_id, DBX_WIRE_BATCH - 1);

	/* Each of these ends the connection, and says nothing; the next one works. */
	send_events(v, sizeof(v[0]) - 1, 0);
	must_recover();
	send_events(v, sizeof(v), 0);
	must_recover();
	send_events(v, 0, 0);
	must_recover();
	send_events(v, sizeof(v[0]), 7);
	must_recover();
	send_events(junk, sizeof(junk), 0);
	must_recover();
	fakedpdk_event(&fake, DBX_WIRE_ROLE_EVENTS, DBX_WIRE_NAME_EVENT, v, sizeof(v[0]), 0);
	must_recover();
	assert_int_equal(n_events, 3 + DBX_WIRE_BATCH);
	send_events(v, sizeof(v[0]), 0);
	wait_for(&n_events, 4 + DBX_WIRE_BATCH);
}

static void test_name_events(void **state)
{
	static struct dbx_name_event e;
	const size_t bare = offsetof(struct dbx_name_event, payload);

	(void)state;
	must_recover();
	n_names = 0;
	e.n_payload = 10;
	send_name(&e, bare + 10);
	send_name(&e, sizeof(e));
	wait_for(&n_names, 2);
	send_name(&e, bare + 9);
	must_recover();
	send_name(&e, bare - 1);
	must_recover();
	e.n_payload = DBX_QUIC_BYTES + 1;
	send_name(&e, sizeof(e));
	must_recover();
	assert_int_equal(n_names, 2);
	e.n_payload = 0;
	send_name(&e, bare);
	wait_for(&n_names, 3);
}

/* ---- routes ---- */

static struct dbx_wire_route route_of(uint32_t i)
{
	return (struct dbx_wire_route){
		.op = DBX_WIRE_PUT,
		.family = 4,
		.prefix_len = 24,
		.kind = DBX_WIRE_ROUTE_LINK,
		.ifindex = 1,
		.dst = {10, (uint8_t)(i >> 8), (uint8_t)i},
	};
}

static struct dbx_wire_neigh neigh_of(uint32_t i)
{
	return (struct dbx_wire_neigh){
		.op = DBX_WIRE_PUT,
		.family = 4,
		.ifindex = 1,
		.mac = {2, 0, 0, 0, 0, 1},
		.addr = {10, 0, (uint8_t)(i >> 8), (uint8_t)i},
	};
}

static void test_fib(void **state)
{
	enum { N_ROUTES = 5000, N_NEIGHS = 1500 };
	struct dbx_wire_route *r = calloc(N_ROUTES, sizeof(*r));
	struct dbx_wire_neigh *n = calloc(N_NEIGHS, sizeof(*n));
	uint32_t i, asked;

	(void)state;
	for (i = 0; i < N_ROUTES; i++)
		r[N_ROUTES - 1 - i] = route_of(i); /* in no order */
	for (i = 0; i < N_NEIGHS; i++)
		n[i] = neigh_of(i);
	assert_int_equal(ops->fib(dp, r, N_ROUTES, n, N_NEIGHS, &err), 0);
	assert_int_equal(fake.n_routes, N_ROUTES);
	assert_int_equal(fake.n_neighs, N_NEIGHS);
	asked = fake.n_asked[DBX_WIRE_FIB];
	assert_int_equal(asked, 5 + 2);

	/* The same again: nothing is said. */
	assert_int_equal(ops->fib(dp, r, N_ROUTES, n, N_NEIGHS, &err), 0);
	assert_int_equal(fake.n_asked[DBX_WIRE_FIB], asked);

	/* One goes, one changes, a neighbour too. */
	fake.n_put = fake.n_del = 0;
	r[17].kind = DBX_WIRE_ROUTE_HOST;
	n[3].mac[0] = 4;
	assert_int_equal(ops->fib(dp, r, N_ROUTES - 1, n, N_NEIGHS, &err), 0);
	assert_int_equal(fake.n_put, 2);
	assert_int_equal(fake.n_del, 1);
	assert_int_equal(fake.n_routes, N_ROUTES - 1);

	/* A change that is refused: then the whole. */
	fake.refuse_type = DBX_WIRE_FIB;
	fake.refuse = -ENOMEM;
	assert_int_equal(ops->fib(dp, r, 10, n, 5, &err), 0);
	assert_int_equal(fake.n_routes, 10);
	assert_int_equal(fake.n_neighs, 5);

	/* Another process, and what it knew before it met us goes. */
	fakedpdk_again(&fake);
	fake.routes[0] = route_of(6000);
	fake.n_routes = 1;
	must_recover();
	assert_int_equal(fake.n_routes, 10);
	assert_int_equal(ops->fib(dp, r, DBX_WIRE_ROUTE_MAX + 1, n, 5, &err), -E2BIG);
	free(r);
	free(n);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_evil_answers),
		T(test_evil_meetings),
		T(test_evil_image),
		T(test_silence),
		T(test_silence_does_not_starve),
		T(test_events),
		T(test_name_events),
		T(test_fib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
