/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_route.c -- the route of a path and an NCC, and the marks: kept, and never two alike.
 */
#include "unit/readcase.h"

#include "dbx/image.h"
#include "lib/strbuf.h"

#define GW(paths)         "{'gateway':{'paths':[" paths "]}}"
#define ROUTE(path, more) "{'path':'" path "','interface':'up0'" more "}"
#define OF(ids)           ",'ncc_ids':[" ids "]"

static size_t index_of(const struct dbx_model *m, enum dbx_path path, const char *ncc)
{
	const struct dbx_path_route *r = dbx_model_route(m, path, ncc);

	return r ? (size_t)(r - m->gateway.routes) : 99;
}

static void test_route(void **state)
{
	struct dbx_model *m =
		read_clean(GW(ROUTE("nat", "") "," ROUTE("nat", OF("'n1','n2'")) "," ROUTE(
			"firewall", OF("'n2'")) "," ROUTE("service_endpoint", "") "," ROUTE("nat",
											    "")));

	(void)state;
	assert_int_equal(index_of(m, DBX_PATH_NAT, NULL), 0);
	assert_int_equal(index_of(m, DBX_PATH_NAT, "n1"), 1); /* though the general one is first */
	assert_int_equal(index_of(m, DBX_PATH_NAT, "n2"), 1);
	assert_int_equal(index_of(m, DBX_PATH_NAT, "n3"), 0);
	assert_int_equal(index_of(m, DBX_PATH_FIREWALL, NULL), 99);
	assert_int_equal(index_of(m, DBX_PATH_FIREWALL, "n1"), 99);
	assert_int_equal(index_of(m, DBX_PATH_FIREWALL, "n2"), 2);
	assert_int_equal(index_of(m, DBX_PATH_SERVICE_ENDPOINT, "n1"), 3);
	assert_int_equal(index_of(m, DBX_PATH_PRIVATE_ENDPOINT, "n1"), 99);
	assert_int_equal(dbx_model_route_mark(m, NULL), 0);
	dbx_model_free(&m);
}

static uint32_t mark(const struct dbx_model *m, size_t i)
{
	uint32_t n = dbx_model_route_mark(m, &m->gateway.routes[i]);

	assert_int_equal(n & DBX_MARK_PATH_MASK, DBX_MARK_PATH);
	assert_int_not_equal(n & ~DBX_MARK_PATH_MASK, 0);
	return n;
}

/* The same way has the same mark: elsewhere in the list, for other NCCs, in another order. */
static void test_mark_is_kept(void **state)
{
	struct dbx_model *m = read_clean(GW(ROUTE(
		"nat", ",'next_hops':['192.0.2.1','2001:db8::1']") "," ROUTE("firewall", "")));
	struct dbx_model *later =
		read_clean(GW(ROUTE("nat", OF("'n9'")) "," ROUTE("firewall", OF("'n1'")) "," ROUTE(
			"nat", OF("'n1'") ",'next_hops':['2001:db8::1','192.0.2.1']")));

	(void)state;
	assert_int_equal(mark(m, 0), mark(later, 2));
	assert_int_equal(mark(m, 1), mark(later, 1));
	dbx_model_free(&m);
	dbx_model_free(&later);
}

/* Every field that says where packets go makes another mark. */
static void test_mark_follows_what_is_said(void **state)
{
	static const char *const ways[] = {
		"{'path':'nat','interface':'up0'}",
		"{'path':'firewall','interface':'up0'}",
		"{'path':'nat','interface':'up1'}",
		"{'path':'nat','interface':'up0','next_hops':['192.0.2.1']}",
		"{'path':'nat','interface':'up0','next_hops':['192.0.2.2']}",
		"{'path':'nat','interface':'up0','next_hops':['2001:db8::1']}",
		"{'path':'nat','interface':'up0','source_addresses':['192.0.2.1']}",
		("{'path':'nat','interface':'up0','next_hops':['192.0.2.1'],"
		 "'source_addresses':['192.0.2.1']}"),
	};
	uint32_t marks[8];
	char text[256];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct dbx_model *m;

		snprintf(text, sizeof(text), GW("%s"), ways[i]);
		m = read_clean(text);
		marks[i] = mark(m, 0);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(marks[i], marks[k]);
		dbx_model_free(&m);
	}
}

/* 256 routes; alike: that say the same for NCCs of their own. */
static struct dbx_model *many(bool alike, uint32_t seed)
{
	struct dbx_strbuf b;
	struct dbx_model *m;

	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "{'gateway':{'paths':[");
	for (unsigned int i = 0; i < DBX_ROUTES_MAX; i++)
		dbx_strbuf_addf(&b,
				"%s{'path':'nat','interface':'u%u','ncc_ids':['n%u'],'next_hops':["
				"'10.0.%u.1']}",
				i ? "," : "", seed, i, alike ? 0 : i);
	dbx_strbuf_add(&b, "]}}");
	m = read_clean(b.s);
	dbx_strbuf_fini(&b);
	return m;
}

/* How many have another mark than alone; fails when two marks are alike. */
static size_t count_moved(const struct dbx_model *m)
{
	const struct dbx_gateway *g = &m->gateway;
	uint32_t marks[DBX_ROUTES_MAX];
	size_t n_moved = 0;

	for (size_t i = 0; i < g->n_routes; i++) {
		struct dbx_model alone = {.gateway = {.routes = &g->routes[i], .n_routes = 1}};

		marks[i] = mark(m, i);
		n_moved += marks[i] != mark(&alone, 0);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(marks[i], marks[k]);
	}
	return n_moved;
}

/* 256 of 65,535 numbers meet about every other time; entries that say the same always do. */
static void test_no_two_alike(void **state)
{
	size_t n_moved = 0;
	struct dbx_model *m;

	(void)state;
	for (uint32_t seed = 0; seed < 20; seed++) {
		m = many(false, seed);
		n_moved += count_moved(m);
		dbx_model_free(&m);
	}
	assert_in_range(n_moved, 1, 40); /* the fixed seeds have some, and only those move */
	m = many(true, 0);
	assert_int_equal(count_moved(m), DBX_ROUTES_MAX - 1);
	dbx_model_free(&m);
}

static void test_too_many(void **state)
{
	struct read_case c = {"(257 paths)", DBX_SEV_ERROR, "limit", "/gateway/paths",
			      "257 items; at most 256"};
	struct dbx_model *m = dbx_model_new();
	struct dbx_strbuf b;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "{'gateway':{'paths':[");
	for (int i = 0; i < 257; i++)
		dbx_strbuf_addf(&b, "%s{'path':'nat','interface':'u%d'}", i ? "," : "", i);
	dbx_strbuf_add(&b, "]}}");
	expect_finding(&c, read_quoted(m, "doc", b.s, &d), &d);
	dbx_strbuf_fini(&b);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_scope_ncc(void **state)
{
	static const char docs[] =
		"[{'network_connectivity_config_id':'n1','egress_config':{'target_rules':"
		"{'azure_private_endpoint_rules':[{'rule_id':'r','resource_id':'/x',"
		"'connection_state':'PENDING'}]}}},"
		"{'network_connectivity_config_id':'n2','egress_config':{}}]";
	struct dbx_model *m = read_clean(docs);
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	for (int resolved = 0; resolved < 2; resolved++) {
		assert_null(dbx_model_scope_ncc(m, NULL));
		assert_string_equal(dbx_model_scope_ncc(m, dbx_model_ncc(m, "n1")), "n1");
		assert_null(dbx_model_scope_ncc(m, dbx_model_ncc(m, "n2")));
		assert_int_equal(dbx_model_resolve(m, &d), 0);
	}
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_mark_is_kept),
		cmocka_unit_test(test_mark_follows_what_is_said),
		cmocka_unit_test(test_no_two_alike),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_scope_ncc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
