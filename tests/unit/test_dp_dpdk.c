// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dp_dpdk.c -- the driver of dbx-egress-dpdk keeps the promises of dp.h: what the process was
 * told, it is told again when another one takes its place.
 */
#include "dpdkcase.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/tinyimg.h"

static void open_it(void)
{
	assert_int_equal(ops->probe(&opts, &err), 0);
	assert_int_equal(ops->open(&dp, &opts, &st, &err), 0);
}

/* What the event loop does, until the condition holds; false after 20 s. */
#define EVENTUALLY(condition)                               \
	({                                                  \
		bool ok_ = false;                           \
		for (int i_ = 0; i_ < 2000 && !ok_; i_++) { \
			turn_events();                      \
			pthread_mutex_lock(&fake.lock);     \
			ok_ = (condition);                  \
			pthread_mutex_unlock(&fake.lock);   \
		}                                           \
		ok_;                                        \
	})

/* The fake is asked, which must not be locked then. */
static bool eventually_connected(void)
{
	int i;

	for (i = 0; i < 2000 && ask_totals(); i++)
		turn_events();
	return i < 2000;
}

static struct dbx_bound_key key_of(uint32_t i)
{
	return (struct dbx_bound_key){.policy_uid = 7, .addr = {0, 0, 0xffff, i}, .name = i * 3u};
}

static int learn(uint32_t i)
{
	struct dbx_bound v = {.expires_ns = 1000u + i, .rule_uid = 5};
	struct dbx_bound_key k = key_of(i);

	return ops->learn(dp, &k, &v);
}

static int apply(uint64_t generation)
{
	struct tinyimg t = {.generation = generation, .verdict = DBX_VERDICT_PASS};

	return tinyimg_apply(&t, ops, dp, &err);
}

static size_t fake_bound(void)
{
	size_t n;

	pthread_mutex_lock(&fake.lock);
	n = fake.n_bound;
	pthread_mutex_unlock(&fake.lock);
	return n;
}

static void refuse(enum dbx_wire_type type, int rc, const char *text)
{
	pthread_mutex_lock(&fake.lock);
	fake.refuse_type = type;
	fake.refuse_text = text;
	fake.refuse = rc;
	pthread_mutex_unlock(&fake.lock);
}

/* ---- transactions ---- */

static void test_transaction(void **state)
{
	struct tinyimg t = {.generation = 3, .verdict = DBX_VERDICT_PASS};
	size_t n;
	void *image = tinyimg_new(&t, &n);

	(void)state;
	open_it();
	assert_false(st.has_image || st.adopted);
	assert_true(st.counters_id != 0);
	assert_int_equal(ops->commit(dp, &err), -EINVAL);
	assert_int_equal(ops->prepare(dp, image, n, &err), 0);
	assert_int_equal(ops->state(dp, &st), 0);
	assert_false(st.has_image);
	ops->abort(dp);
	assert_int_equal(ops->commit(dp, &err), -EINVAL);
	assert_int_equal(ops->prepare(dp, image, n, &err), 0);
	assert_int_equal(ops->commit(dp, &err), 0);
	assert_int_equal(ops->state(dp, &st), 0);
	assert_true(st.has_image);
	assert_int_equal(st.generation, 3);
	assert_int_equal(st.checksum, ((const struct dbx_image_header *)image)->checksum);
	assert_true(fake.is_sealed);
	assert_int_equal(fake.image.n_bytes, n);
	((struct dbx_image_header *)image)->abi++;
	assert_int_equal(ops->prepare(dp, image, n, &err), -EINVAL);
	free(image);
}

static void test_refusal_says_why(void **state)
{
	(void)state;
	open_it();
	assert_int_equal(apply(1), 0);
	refuse(DBX_WIRE_IMAGE, -EINVAL, "checksum \x1b[2J is wrong");
	assert_int_equal(apply(2), -EINVAL);
	assert_non_null(strstr(err.text, "checksum ?[2J is wrong"));
	refuse(DBX_WIRE_COMMIT, -ENOMEM, NULL);
	assert_int_equal(apply(2), -ENOMEM);
	ops->abort(dp);
	assert_int_equal(ops->state(dp, &st), 0);
	assert_int_equal(st.generation, 1);
	assert_int_equal(apply(2), 0);
}

static void test_another_abi(void **state)
{
	(void)state;
	fake.state.abi++;
	assert_int_equal(ops->open(&dp, &opts, &st, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "ABI"));
	assert_null(dp);
}

/* ---- a daemon that comes back; a process that comes back ---- */

static void test_daemon_takes_over(void **state)
{
	struct dbx_secret before, after;
	uint32_t i;

	(void)state;
	open_it();
	assert_int_equal(ops->secret(dp, &before), 0);
	assert_true(before.point[0] && before.point[1] && before.point[0] < DBX_HASH_P);
	assert_int_equal(apply(9), 0);
	for (i = 0; i < 300; i++)
		assert_int_equal(learn(i), 0);
	ops->close(&dp);
	open_it();
	assert_true(st.has_image && st.adopted);
	assert_int_equal(st.generation, 9);
	assert_int_equal(ops->secret(dp, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	/* Taken over means: the next process gets it from this daemon, which never saw it made. */
	fakedpdk_again(&fake);
	assert_true(EVENTUALLY(fake.n_bound == 300 && fake.state.has_image));
	assert_int_equal(fake.image.generation, 9);
	assert_memory_equal(&fake.secret, &before, sizeof(before));
}

static void test_process_is_told_all(void **state)
{
	const uint32_t lo = if_nametoindex("lo");
	const struct dbx_wire_route route = {
		DBX_WIRE_PUT, 4, 24, DBX_WIRE_ROUTE_LINK, .ifindex = lo, .dst = {10, 1, 2}};
	const struct dbx_wire_neigh neigh = {DBX_WIRE_PUT, 4, .ifindex = lo, .addr = {10, 1, 2, 3}};
	struct dbx_secret secret;
	uint64_t counters_id;

	(void)state;
	open_it();
	counters_id = st.counters_id;
	assert_int_equal(apply(4), 0);
	assert_int_equal(learn(1), 0);
	assert_int_equal(ops->attach(dp, lo, "lo", &err), 0);
	assert_int_equal(ops->forward(dp, &lo, 1, &err), 0);
	assert_int_equal(ops->fib(dp, &route, 1, &neigh, 1, &err), 0);
	assert_int_equal(ops->steer(dp, 0, -1, -1, -1, &err), 0);
	assert_int_equal(ops->secret(dp, &secret), 0);
	fakedpdk_kill(&fake);
	assert_int_equal(learn(2), -ENOTCONN);
	assert_int_equal(apply(5), -ENOTCONN);
	assert_int_equal(ops->state(dp, &st), -ENOTCONN);
	fakedpdk_again(&fake);
	assert_true(EVENTUALLY(fake.n_ports == 1));
	assert_true(fake.is_steered);
	assert_memory_equal(&fake.secret, &secret, sizeof(secret));
	assert_int_equal(fake.image.generation, 4);
	assert_int_equal(fake.n_bound, 1);
	assert_int_equal(fake.ports[0].ifindex, lo);
	assert_string_equal(fake.ports[0].name, "lo");
	assert_int_equal(fake.n_forward, 1);
	assert_int_equal(fake.n_routes, 1);
	assert_int_equal(fake.n_neighs, 1);
	assert_int_equal(ops->state(dp, &st), 0);
	assert_true(st.counters_id != counters_id);
	assert_int_equal(learn(2), 0);
	assert_int_equal(apply(5), 0);
}

static uint64_t inode_of(int fd)
{
	struct stat s;

	assert_int_equal(fstat(fd, &s), 0);
	return s.st_ino;
}

/* The file of the process before, once; the next one's own is held from then on. */
static void test_flows_go_on(void **state)
{
	uint64_t first, second;

	(void)state;
	open_it();
	first = inode_of(fake.flows_fd);
	assert_int_equal(fake.n_asked[DBX_WIRE_FLOWS_TAKE], 0);
	be_evil(DBX_WIRE_STATE, FAKE_GONE); /* the same process again */
	assert_int_equal(ops->state(dp, &st), -ENOTCONN);
	assert_true(eventually_connected());
	assert_int_equal(fake.n_asked[DBX_WIRE_FLOWS_TAKE], 0);
	fakedpdk_again(&fake);
	assert_true(EVENTUALLY(fake.n_asked[DBX_WIRE_FLOWS_GET] == 1));
	assert_true(eventually_connected());
	assert_int_equal(fake.flows_ino, first);
	second = inode_of(fake.flows_fd);
	fakedpdk_again(&fake);
	refuse(DBX_WIRE_FLOWS_TAKE, -EINVAL, "of another version"); /* no failure */
	assert_true(EVENTUALLY(fake.n_asked[DBX_WIRE_FLOWS_GET] == 1));
	assert_true(eventually_connected());
	assert_int_equal(fake.n_asked[DBX_WIRE_FLOWS_TAKE], 1);
	assert_true(second != first && inode_of(fake.flows_fd) != second);
	/* One that leaves in the middle is asked again, with the same file. */
	second = inode_of(fake.flows_fd);
	fakedpdk_again(&fake);
	be_evil(DBX_WIRE_FLOWS_TAKE, FAKE_GONE);
	assert_true(EVENTUALLY(fake.n_asked[DBX_WIRE_FLOWS_GET] == 1));
	assert_true(eventually_connected());
	assert_int_equal(fake.flows_ino, second);
}

/* While it was away the resolver left, the interface too: what is told is how things are now. */
static void test_changes_while_away(void **state)
{
	const uint32_t lo = if_nametoindex("lo");
	const struct dbx_wire_route route = {DBX_WIRE_PUT, 4, 8, DBX_WIRE_ROUTE_HOST, .dst = {10}};

	(void)state;
	open_it();
	assert_int_equal(ops->attach(dp, lo, "lo", &err), 0);
	assert_int_equal(ops->steer(dp, 0, -1, -1, -1, &err), 0);
	fakedpdk_kill(&fake);
	assert_int_equal(ops->steer(dp, -1, -1, -1, -1, &err), 0);
	assert_int_equal(ops->forward(dp, &lo, 1, &err), 0);
	assert_int_equal(ops->fib(dp, &route, 1, NULL, 0, &err), 0);
	fakedpdk_again(&fake);
	assert_true(EVENTUALLY(fake.n_ports == 1));
	assert_false(fake.is_steered);
	assert_int_equal(fake.n_forward, 1);
	assert_int_equal(fake.n_routes, 1);
}

/* A process that has another image than ours, because the answer to a commit was lost. */
static void test_lost_commit(void **state)
{
	(void)state;
	open_it();
	assert_int_equal(apply(1), 0);
	be_evil(DBX_WIRE_COMMIT, FAKE_DONE_GONE);
	assert_int_equal(apply(2), -ENOTCONN);
	ops->abort(dp);
	assert_true(EVENTUALLY(fake.state.generation == 1));
	assert_true(eventually_connected());
	assert_int_equal(ops->state(dp, &st), 0);
	assert_int_equal(st.generation, 1);
}

/* Said to have failed, so it must not stay. */
static void test_lost_lesson(void **state)
{
	(void)state;
	open_it();
	assert_int_equal(learn(1), 0);
	be_evil(DBX_WIRE_LEARN, FAKE_DONE_GONE);
	assert_int_equal(learn(2), -ENOTCONN);
	assert_int_equal(fake_bound(), 2);
	assert_true(EVENTUALLY(fake.n_bound == 1));
	assert_int_equal(fake.bound[0].key.addr[3], 1);
}

static void *start_late(void *arg)
{
	(void)arg;
	poll(NULL, 0, 300);
	fakedpdk_again(&fake);
	return NULL;
}

static void test_open_waits(void **state)
{
	pthread_t late;

	(void)state;
	fakedpdk_kill(&fake);
	assert_int_equal(pthread_create(&late, NULL, start_late, NULL), 0);
	open_it();
	pthread_join(late, NULL);
	assert_false(st.has_image);
}

/* ---- names and flows ---- */

static int count_bound(void *arg, const struct dbx_bound_key *k, const struct dbx_bound *v)
{
	int *left = arg;

	(void)k, (void)v;
	return --*left ? 0 : 42;
}

static void test_names(void **state)
{
	struct dbx_bound_key k = key_of(5), none = key_of(99);
	struct dbx_learned_key lk = {.policy_uid = 7};
	struct dbx_learned learned;
	struct dbx_bound v;
	uint32_t i;
	int left = 1000;

	(void)state;
	open_it();
	for (i = 0; i < 270; i++)
		assert_int_equal(learn(i), 0);
	assert_int_equal(ops->bound_get(dp, &k, &v), 0);
	assert_int_equal(v.expires_ns, 1005);
	assert_int_equal(ops->bound_get(dp, &none, &v), 0);
	assert_int_equal(ops->unlearn(dp, &none), 0);
	assert_int_equal(ops->bound_get(dp, &none, &v), -ENOENT);
	assert_int_equal(ops->learned_get(dp, &lk, &learned), -ENOENT);
	assert_int_equal(ops->forget_addr(dp, &lk), 0);
	assert_int_equal(ops->bound_each(dp, count_bound, &left), 0);
	assert_int_equal(left, 1000 - 269);
	left = 200;
	assert_int_equal(ops->bound_each(dp, count_bound, &left), 42);
	refuse(DBX_WIRE_LEARN, -ENOSPC, NULL);
	assert_int_equal(learn(600), -ENOSPC);
	/* What was refused is not told to the next process, nor what was taken back. */
	fakedpdk_again(&fake);
	assert_true(EVENTUALLY(fake.n_bound == 269));
	assert_int_equal(fake.n_asked[DBX_WIRE_LEARN], 3);
}

static void test_flows(void **state)
{
	const struct dbx_flow_key k = {.sport = 5, .proto = 6};
	const struct dbx_flow v = {.start_ns = 77, .state = DBX_FLOW_ALLOWED};

	(void)state;
	open_it();
	assert_int_equal(ops->flow_set(dp, &k, &v), 0);
	assert_memory_equal(&fake.flow.key, &k, sizeof(k));
	assert_memory_equal(&fake.flow.flow, &v, sizeof(v));
	refuse(DBX_WIRE_FLOW_SET, -ESTALE, NULL);
	assert_int_equal(ops->flow_set(dp, &k, &v), -ESTALE);
	assert_int_equal(ops->flow_del(dp, &k), 0);
	assert_false(fake.has_flow);
}

static int count_flow(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v)
{
	(void)k, (void)v;
	++*(int *)arg;
	return 0;
}

static void test_walks_end(void **state)
{
	int n = 0;

	(void)state;
	open_it();
	fake.endless = true;
	assert_int_equal(ops->flows_each(dp, count_flow, &n), -ELOOP);
	assert_int_equal(n, 0);
	fake.endless = false;
	fake.page_n = DBX_WIRE_BATCH + 1;
	assert_int_equal(ops->flows_each(dp, count_flow, &n), -EPROTO);
	fake.page_n = 1; /* and has none */
	assert_int_equal(ops->flows_each(dp, count_flow, &n), -EPROTO);
	fake.page_n = 0;
	assert_int_equal(ops->flows_each(dp, count_flow, &n), 0);
	assert_int_equal(n, 0);
}

/* ---- interfaces ---- */

static void test_ports(void **state)
{
	const uint32_t lo = if_nametoindex("lo");
	struct dbx_dp_link v[4];
	size_t n;

	(void)state;
	open_it();
	assert_int_equal(ops->attach(dp, lo, "unknown", &err), -ENODEV);
	assert_non_null(strstr(err.text, "--workload unknown="));
	assert_int_equal(ops->attach(dp, 0, "lo", &err), -EINVAL);
	assert_int_equal(ops->attach(dp, 1u << 30, "gone", &err), -ENODEV);
	assert_int_equal(ops->attach(dp, lo, "lo", &err), 0);
	assert_int_equal(ops->attach(dp, lo, "lo", &err), 0);
	assert_int_equal(ops->links(dp, v, 4, &n), 0);
	assert_int_equal(n, 1);
	assert_true(v[0].is_attached);
	assert_int_equal(v[0].ifindex, lo);
	assert_int_equal(ops->detach(dp, "lo", &err), 0);
	assert_int_equal(fake.n_ports, 0);
	assert_int_equal(ops->detach(dp, "lo", &err), -ENOENT);
	assert_int_equal(ops->attach(dp, lo, "lo", &err), 0);
	assert_int_equal(ops->forget(dp, "lo"), 0);
	assert_int_equal(ops->links(dp, v, 4, &n), 0);
	assert_int_equal(n, 0);
}

/* Asked for every few seconds, told when it changes. */
static void test_forward_once(void **state)
{
	const uint32_t v[2] = {if_nametoindex("lo"), 1u << 30};

	(void)state;
	open_it();
	assert_int_equal(ops->forward(dp, v, 2, &err), 0);
	assert_int_equal(ops->forward(dp, v, 2, &err), 0);
	assert_int_equal(fake.n_asked[DBX_WIRE_FORWARD], 1);
	assert_int_equal(fake.n_forward, 1);
	assert_int_equal(ops->forward(dp, v, 0, &err), 0);
	assert_int_equal(fake.n_forward, 0);
}

/* ---- how it is ---- */

static void test_process(void **state)
{
	struct dbx_dp_process *p = calloc(1, sizeof(*p));
	struct dbx_counter totals[DBX_TOTAL_MAX];
	size_t i;

	(void)state;
	open_it();
	assert_int_equal(ops->process(dp, p), 0);
	assert_true(p->is_there);
	assert_int_equal(p->pid, 4711);
	assert_int_equal(p->n_lcores, 2);
	assert_int_equal(p->lcores[1].busy_cycles, 500);
	assert_int_equal(p->n_ports, 1);
	for (i = 0; i < 15; i++)
		assert_int_equal(p->ports[0].name[i], '?');
	assert_int_equal(p->ports[0].name[15], '\0');
	assert_int_equal(ops->totals(dp, totals), 0);
	assert_int_equal(totals[DBX_TOTAL_EVENTS].packets, 77);
	fakedpdk_kill(&fake);
	assert_int_equal(ops->process(dp, p), 0);
	assert_false(p->is_there);
	assert_int_equal(p->pid, 4711);
	assert_int_equal(p->n_lcores, 0);
	free(p);
}

/* ---- the mirror against a table that is too simple to be wrong ---- */

static void test_mirror(void **state)
{
	enum { N = 4000 };
	static bool is_there[N];
	struct dp_mirror m = {0};
	struct dbx_bound v = {.rule_uid = 1};
	uint32_t i, seed = 1, n = 0;

	(void)state;
	memset(is_there, 0, sizeof(is_there));
	for (i = 0; i < 100000; i++) {
		uint32_t at = (seed = seed * 1664525u + 1013904223u) >> 8;
		struct dbx_bound_key k = key_of(at % N);

		if (at & 1u << 20) {
			assert_int_equal(dp_mirror_put(&m, &k, &v), 0);
			n += !is_there[at % N];
			is_there[at % N] = true;
		} else {
			dp_mirror_del(&m, &k);
			n -= is_there[at % N];
			is_there[at % N] = false;
		}
		assert_int_equal(m.n, n);
	}
	for (i = 0; i < N; i++) {
		struct dbx_bound_key k = key_of(i);

		assert_int_equal(dp_mirror_has(&m, &k), is_there[i]);
	}
	v.rule_uid = 2;
	assert_int_equal(dp_mirror_put(&m, &(struct dbx_bound_key){.name = 3}, &v), -EINVAL);
	dp_mirror_fini(&m);
	assert_false(dp_mirror_has(&m, &(struct dbx_bound_key){.policy_uid = 1}));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up_closed, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_transaction),
		T(test_refusal_says_why),
		T(test_another_abi),
		T(test_daemon_takes_over),
		T(test_process_is_told_all),
		T(test_flows_go_on),
		T(test_changes_while_away),
		T(test_lost_commit),
		T(test_lost_lesson),
		T(test_open_waits),
		T(test_names),
		T(test_flows),
		T(test_walks_end),
		T(test_ports),
		T(test_forward_once),
		T(test_process),
		cmocka_unit_test(test_mirror),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
