// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_daemon_namer_guard.c -- guarded addresses over time, look-ups, changes of documents, restarts.
 */
#include "unit/readcase.h"

#include <errno.h>

#include "daemon/namer_impl.h"
#include "dataplane/dp_mem.h"

static struct dbx_dp *dp;
static struct dbx_namer *namer;

static struct dbx_addr addr(const char *text)
{
	struct dbx_addr a;

	assert_int_equal(dbx_addr_parse(text, &a), 0);
	return a;
}

static void release(struct dbx_view_parts *p)
{
	dbx_names_free(&p->names);
	dbx_model_free(&p->model);
}

/*
 * Workspace 1 has policy np-a, which lists both names, and, when ncc is not NULL, that NCC; ncc-a and
 * ncc-b have a rule for x.example.com in that state.
 */
static struct dbx_view_parts parts(const char *ncc, const char *state)
{
	struct dbx_view_parts p = {.release = release, .model = dbx_model_new()};
	char text[600];
	struct dbx_diag d;

	dbx_diag_init(&d);
	read_quoted(p.model, "np",
		    "{'network_policy_id':'np-a','egress':{'network_access':{"
		    "'restriction_mode':'RESTRICTED_ACCESS','allowed_internet_destinations':["
		    "{'destination':'x.example.com','internet_destination_type':'DNS_NAME'},"
		    "{'destination':'y.example.com','internet_destination_type':'DNS_NAME'}]}}}",
		    &d);
	for (char c = 'a'; c <= 'b'; c++) {
		snprintf(text, sizeof(text),
			 "{'network_connectivity_config_id':'ncc-%c','name':'ncc','region':'eu',"
			 "'egress_config':{'target_rules':{'azure_private_endpoint_rules':["
			 "{'rule_id':'r-%c','network_connectivity_config_id':'ncc-%c',"
			 "'resource_id':'/s/privateLinkServices/p','domain_names':["
			 "'x.example.com'],'connection_state':'%s'}]}}}",
			 c, c, c, state);
		assert_int_equal(read_quoted(p.model, "ncc", text, &d), 0);
	}
	read_quoted(p.model, "gw",
		    "{'gateway':{'workspaces':[{'workspace_id':1,'sources':["
		    "{'prefix':'10.0.0.0/24'}]}],'private_endpoints':["
		    "{'rule_id':'r-a','addresses':['10.9.0.4']},"
		    "{'rule_id':'r-b','addresses':['10.9.0.5']}]}}",
		    &d);
	read_quoted(p.model, "option", "{'workspace_id':1,'network_policy_id':'np-a'}", &d);
	if (ncc) {
		snprintf(text, sizeof(text),
			 "{'workspace_id':1,'network_connectivity_config_id':'%s'}", ncc);
		assert_int_equal(read_quoted(p.model, "binding", text, &d), 0);
	}
	assert_int_equal(dbx_model_resolve(p.model, &d), 0);
	assert_int_equal(dbx_names_new(p.model, &p.names), 0);
	dbx_diag_fini(&d);
	return p;
}

static void settle_as(const char *ncc, const char *state)
{
	struct dbx_view_parts p = parts(ncc, state);

	assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
	dbx_namer_settle(namer, &p);
}

static void open_namer(void)
{
	const struct dbx_dp_opts none = {.pin_dir = NULL};
	struct dbx_namer_opts o = {.ops = &dbx_dp_mem, .bound_max = 640};
	struct dbx_dp_state state;
	struct dbx_dp_error e;

	assert_int_equal(dbx_dp_mem.open(&dp, &none, &state, &e), 0);
	o.dp = dp;
	assert_int_equal(dbx_namer_new(&namer, &o), 0);
}

static int begin(void **state)
{
	(void)state;
	dbx_dp_mem_reset();
	open_namer();
	settle_as("ncc-a", "ESTABLISHED");
	return 0;
}

static int end(void **state)
{
	(void)state;
	dbx_namer_free(&namer);
	dbx_dp_mem.close(&dp);
	return 0;
}

static int teach(enum dbx_lesson_kind kind, const char *ncc, const char *name, uint32_t ttl_s,
		 const char *a)
{
	struct dbx_addr v = a ? addr(a) : (struct dbx_addr){0};
	struct dbx_lesson l = {.policy_uid = dbx_scope_uid("np-a", ncc),
			       .rule_uid = 7,
			       .name = name,
			       .addrs = &v,
			       .n_addrs = a ? 1 : 0,
			       .ttl_s = ttl_s,
			       .kind = kind};

	return dbx_namer_learn(namer, &l);
}

static int guard(uint32_t ttl_s, const char *a)
{
	return teach(DBX_LESSON_GUARD_V4, "ncc-a", "x.example.com", ttl_s, a);
}

/* 'g' guarded, 'n' allowed, '-' neither. */
static int what(const char *ncc, const char *name, const char *a)
{
	struct dbx_addr v = addr(a);
	struct dbx_bound_key k;
	struct dbx_bound b;

	dbx_namer_key(dbx_scope_uid("np-a", ncc), &v, dbx_namer_hash(namer, name), &k);
	if (dbx_dp_mem.bound_get(dp, &k, &b))
		return '-';
	return b.flags & DBX_BOUND_F_PRIVATE ? 'g' : 'n';
}

static int add_flags(void *arg, const struct dbx_learned_key *k, const struct dbx_learned *v)
{
	(void)k;
	*(int *)arg = *(int *)arg * 10 + 1 + (v->flags & DBX_LEARNED_F_GUARD ? 1 : 0);
	return 0;
}

/* A digit for each address that is known: 1 learned, 2 guarded. */
static int addresses(void)
{
	int n = 0;

	dbx_dp_mem.learned_each(dp, add_flags, &n);
	return n;
}

static void add_flow(const char *ncc, const char *name)
{
	struct dbx_addr a = addr("192.0.2.1");
	struct dbx_flow_key k = {.sport = 1000, .dport = 443, .proto = 6};
	struct dbx_bound_key b;
	struct dbx_flow f = {
		.policy_uid = {dbx_scope_uid("np-a", ncc), 0},
		.workspace_id = 1,
		.start_ns = 1,
		.last_ns = dbx_namer_now(),
		.state = DBX_FLOW_ALLOWED,
		.kind = DBX_NAME_PORT_TLS,
	};

	dbx_namer_key(f.policy_uid[0], &a, dbx_namer_hash(namer, name), &b);
	f.name = b.name;
	memcpy(k.dst, b.addr, sizeof(k.dst));
	dbx_dp_mem_flow(&k, &f);
}

static int count(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *f)
{
	(void)k, (void)f;
	++*(int *)arg;
	return 0;
}

static int n_flows(void)
{
	int n = 0;

	dbx_dp_mem.flows_each(dp, count, &n);
	return n;
}

/* Time alone, and look-ups that fail, end nothing; one that finds other addresses does. */
static void test_time(void **state)
{
	(void)state;
	assert_int_equal(guard(0, "192.0.2.1"), 0);
	dbx_namer_sweep(namer);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
	assert_int_equal(teach(DBX_LESSON_GUARD_V6, "ncc-a", "x.example.com", 0, NULL), 0);
	dbx_namer_sweep(namer); /* nothing was said of the other family */
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
	assert_int_equal(guard(600, "192.0.2.2"), 0);
	dbx_namer_sweep(namer);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), '-');
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.2"), 'g');
	assert_int_equal(guard(600, NULL), 0); /* its TTL has not ended */
	dbx_namer_sweep(namer);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.2"), 'g');
	assert_int_equal(addresses(), 2);
}

/* An address that is guarded for one name may be another's. */
static void test_shared_address(void **state)
{
	struct dbx_namer_stats s;

	(void)state;
	assert_int_equal(guard(600, "192.0.2.1"), 0);
	assert_int_equal(teach(DBX_LESSON_NAME, "ncc-a", "y.example.com", 600, "192.0.2.1"), 0);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
	assert_int_equal(what("ncc-a", "y.example.com", "192.0.2.1"), 'n');
	assert_int_equal(addresses(), 2);
	dbx_namer_stats(namer, &s);
	assert_int_equal(s.n_bound, 2);
	assert_int_equal(s.n_guards, 1);
	settle_as(NULL, "ESTABLISHED"); /* another scope: the guard stays behind, the name comes */
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), '-');
	assert_int_equal(what(NULL, "x.example.com", "192.0.2.1"), '-');
	assert_int_equal(what(NULL, "y.example.com", "192.0.2.1"), 'n');
	assert_int_equal(addresses(), 1);
}

/* The rule goes, and nothing else: the address is no longer guarded, and its other name works on. */
static void test_rule_goes(void **state)
{
	struct dbx_view_parts p;

	(void)state;
	assert_int_equal(guard(600, "192.0.2.1"), 0);
	assert_int_equal(teach(DBX_LESSON_NAME, "ncc-a", "y.example.com", 600, "192.0.2.1"), 0);
	p = parts("ncc-a", "ESTABLISHED");
	p.model->gateway.private_endpoints[0].has_private_required = true;
	p.model->gateway.private_endpoints[0].private_required = false;
	dbx_names_free(&p.names);
	assert_int_equal(dbx_names_new(p.model, &p.names), 0);
	assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g'); /* until the flip */
	dbx_namer_settle(namer, &p);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), '-');
	assert_int_equal(what("ncc-a", "y.example.com", "192.0.2.1"), 'n');
	assert_int_equal(addresses(), 1);
}

/* Learned while it was public, or elsewhere: guarded from the change on, and its flows end. */
static void test_name_becomes_guarded(void **state)
{
	(void)state;
	settle_as(NULL, "ESTABLISHED");
	assert_int_equal(teach(DBX_LESSON_NAME, NULL, "x.example.com", 600, "192.0.2.1"), 0);
	assert_int_equal(teach(DBX_LESSON_NAME, NULL, "y.example.com", 600, "192.0.2.1"), 0);
	add_flow(NULL, "x.example.com");
	settle_as("ncc-b", "ESTABLISHED");
	assert_int_equal(what("ncc-b", "x.example.com", "192.0.2.1"), 'g');
	assert_int_equal(what("ncc-b", "y.example.com", "192.0.2.1"), 'n');
	assert_int_equal(n_flows(), 0);
	add_flow("ncc-b", "y.example.com");
	settle_as("ncc-a", "ESTABLISHED"); /* a rule of another NCC: guarded there too */
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
	assert_int_equal(n_flows(), 1);
	settle_as("ncc-a", "DISCONNECTED"); /* required all the same */
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
}

/* A flow that passed because all but the resource does: it lives as long as that is so. */
static void test_flow_without_an_entry(void **state)
{
	struct dbx_view_parts p;

	(void)state;
	assert_int_equal(guard(600, "192.0.2.1"), 0);
	for (int full = 1; full >= 0; full--) {
		for (int is_named = 0; is_named < 2; is_named++) {
			add_flow("ncc-a", is_named ? "x.example.com" : "z.example.com");
			p = parts("ncc-a", "ESTABLISHED");
			if (full)
				p.model->policies[0].mode = DBX_MODE_FULL_ACCESS;
			dbx_names_free(&p.names);
			assert_int_equal(dbx_names_new(p.model, &p.names), 0);
			assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
			dbx_namer_settle(namer, &p);
			assert_int_equal(n_flows(), full && !is_named);
			settle_as("ncc-a", "ESTABLISHED"); /* it lists no such name */
			assert_int_equal(n_flows(), 0);
		}
	}
}

static void test_flip_that_failed(void **state)
{
	struct dbx_view_parts p = parts("ncc-b", "ESTABLISHED");

	(void)state;
	assert_int_equal(guard(600, "192.0.2.1"), 0);
	assert_int_equal(dbx_namer_prepare(namer, p.names), 0);
	assert_int_equal(what("ncc-b", "x.example.com", "192.0.2.1"), 'g'); /* before the flip */
	p.release(&p);
	dbx_namer_revert(namer);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
	assert_int_equal(what("ncc-b", "x.example.com", "192.0.2.1"), '-');
}

static void test_restart(void **state)
{
	struct dbx_addr one = addr("192.0.2.1");
	uint64_t scope = dbx_scope_uid("np-a", "ncc-a");
	struct dbx_view_parts p = parts("ncc-a", "ESTABLISHED");

	(void)state;
	assert_int_equal(guard(600, "192.0.2.1"), 0);
	assert_int_equal(guard(600, "192.0.2.2"), 0);
	dbx_namer_free(&namer);
	dbx_dp_mem.close(&dp);
	open_namer();
	assert_int_equal(dbx_namer_restore(namer, scope, &one, "x.example.com"), 0);
	assert_int_equal(dbx_namer_restore_rest(namer), 0); /* of .2 the text was lost */
	dbx_namer_settle(namer, &p);
	dbx_namer_sweep(namer);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.2"), 'g');
	assert_int_equal(guard(600, "192.0.2.2"), 0); /* it has a text again */
	dbx_namer_sweep(namer);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), '-');
	settle_as("ncc-a", "ESTABLISHED");
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.2"), 'g');
}

/* However many names workloads have learned, there is room for a guard. */
static void test_room(void **state)
{
	char text[20];
	int i, rc = 0;

	(void)state;
	for (i = 0; i < 640 && !rc; i++) {
		snprintf(text, sizeof(text), "198.18.%d.%d", i / 250, i % 250 + 1);
		rc = teach(DBX_LESSON_NAME, "ncc-a", "y.example.com", 600, text);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(i, 640 - 640 / 64 + 1);
	assert_int_equal(guard(600, "192.0.2.1"), 0);
	assert_int_equal(what("ncc-a", "x.example.com", "192.0.2.1"), 'g');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_time),
		TEST(test_shared_address),
		TEST(test_rule_goes),
		TEST(test_name_becomes_guarded),
		TEST(test_flow_without_an_entry),
		TEST(test_flip_that_failed),
		TEST(test_restart),
		TEST(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
