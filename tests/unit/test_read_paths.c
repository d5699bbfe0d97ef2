/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_paths.c -- paths, tunnels, answers to denials, fast forwarding, quotas, clusters.
 */
#include "unit/readcase.h"

#define GW(rest)     "{'gateway':{" rest "}}"
#define WS(rest)     GW("'workspaces':[{'workspace_id':1," rest "}]")
#define PATH(rest)   GW("'paths':[{'path':'nat','interface':'up0'," rest "}]")
#define TUNNEL(rest) GW("'tunnels':[{'type':'vxlan'," rest "}]")
#define QUOTA(rest)  GW("'default_quota':{" rest "}")
#define P0           "/gateway/paths/0"
#define T0           "/gateway/tunnels/0"

static void test_path_findings(void **state)
{
	static const struct read_case cases[] = {
		{GW("'paths':[{'interface':'up0'}]"), DBX_SEV_ERROR, "missing-key", P0, "\"path\""},
		{GW("'paths':[{'path':'nat'}]"), DBX_SEV_ERROR, "missing-key", P0, "\"interface\""},
		{GW("'paths':[{'path':'NAT','interface':'up0'}]"), DBX_SEV_ERROR, "bad-value",
		 P0 "/path", "private_endpoint, service_endpoint, nat, firewall"},
		{GW("'paths':[{'path':'nat','interface':'up 0'}]"), DBX_SEV_ERROR, "bad-interface",
		 P0 "/interface", "1 to 15"},
		{PATH("'ncc_ids':[]"), DBX_SEV_ERROR, "bad-value", P0 "/ncc_ids", "every NCC"},
		{PATH("'ncc_ids':[7]"), DBX_SEV_ERROR, "wrong-type", P0 "/ncc_ids/0", NULL},
		{PATH("'next_hops':[]"), DBX_SEV_ERROR, "bad-value", P0 "/next_hops", "empty"},
		{PATH("'next_hops':['192.0.2.0/24']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/next_hops/0", NULL},
		{PATH("'next_hops':['192.0.2.1','192.0.2.2']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/next_hops/1", "a second IPv4 address"},
		{PATH("'source_addresses':['2001:db8::1','192.0.2.1','2001:db8::2']"),
		 DBX_SEV_ERROR, "bad-address", P0 "/source_addresses/2", "a second IPv6 address"},
		{PATH("'next_hops':['0.0.0.0']"), DBX_SEV_ERROR, "bad-address", P0 "/next_hops/0",
		 "one host"},
		{PATH("'next_hops':['224.0.0.1']"), DBX_SEV_ERROR, "bad-address", P0 "/next_hops/0",
		 "one host"},
		{PATH("'next_hops':['255.255.255.255']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/next_hops/0", NULL},
		{PATH("'source_addresses':['127.0.0.1']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/source_addresses/0", NULL},
		{PATH("'source_addresses':['::']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/source_addresses/0", NULL},
		{PATH("'source_addresses':['::1']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/source_addresses/0", NULL},
		{PATH("'source_addresses':['ff02::1']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/source_addresses/0", NULL},
		{PATH("'source_addresses':['::ffff:192.0.2.1']"), DBX_SEV_ERROR, "bad-address",
		 P0 "/source_addresses/0", NULL},
		{PATH("'metric':7"), DBX_SEV_WARNING, "unknown-key", P0 "/metric", "ATTENTION"},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_tunnel_findings(void **state)
{
	static const struct read_case cases[] = {
		{GW("'tunnels':[{'remotes':['192.0.2.0/24']}]"), DBX_SEV_ERROR, "missing-key", T0,
		 "\"type\""},
		{GW("'tunnels':[{'type':'gre','remotes':['192.0.2.0/24']}]"), DBX_SEV_ERROR,
		 "bad-value", T0 "/type", "vxlan, geneve"},
		{GW("'tunnels':[{'type':'vxlan'}]"), DBX_SEV_ERROR, "missing-key", T0,
		 "\"remotes\""},
		{TUNNEL("'remotes':[]"), DBX_SEV_ERROR, "bad-value", T0 "/remotes", "empty"},
		{TUNNEL("'remotes':['2001:db8::/32']"), DBX_SEV_ERROR, "bad-address",
		 T0 "/remotes/0", "tunnels over IPv6 are not taken"},
		{TUNNEL("'remotes':['192.0.2.1/24']"), DBX_SEV_ERROR, "host-bits", T0 "/remotes/0",
		 NULL},
		{TUNNEL("'remotes':['192.0.2.0/24'],'port':0"), DBX_SEV_ERROR, "bad-port",
		 T0 "/port", "1 to 65535"},
		{TUNNEL("'remotes':['192.0.2.0/24'],'port':65536"), DBX_SEV_ERROR, "bad-port",
		 T0 "/port", NULL},
		{TUNNEL("'remotes':['192.0.2.0/24'],'vni':7"), DBX_SEV_WARNING, "unknown-key",
		 T0 "/vni", "ATTENTION"},
		{GW("'tunnels':[{'type':'geneve','remotes':['192.0.2.0/24']},{'type':'geneve',"
		    "'remotes':['192.0.3.0/24'],'port':7}]"),
		 DBX_SEV_ERROR, "duplicate-id", "/gateway/tunnels/1/type", "second tunnel"},
		{GW("'tunnels':[{'type':'vxlan','remotes':['192.0.2.0/24']},{'type':'geneve',"
		    "'remotes':['192.0.2.0/24']},{'type':'vxlan','remotes':['192.0.2.0/24']}]"),
		 DBX_SEV_ERROR, "duplicate-id", "/gateway/tunnels/2/type", NULL},
		{GW("'tunnels':[{'type':'vxlan','remotes':['192.0.2.0/24'],'port':6081},"
		    "{'type':'geneve','remotes':['192.0.2.0/24']}]"),
		 DBX_SEV_ERROR, "bad-port", "/gateway/tunnels/1", "cannot be told apart"},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_reject_and_forward_findings(void **state)
{
	static const struct read_case cases[] = {
		{GW("'reject':true"), DBX_SEV_ERROR, "wrong-type", "/gateway/reject", "an object"},
		{GW("'reject':{'policy_ids':[]}"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/reject/policy_ids", "every policy"},
		{GW("'reject':{'per_second':0}"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/reject/per_second", "1 to 1000000"},
		{GW("'reject':{'per_second':1000001}"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/reject/per_second", NULL},
		{GW("'reject':{'policies':['p']}"), DBX_SEV_WARNING, "unknown-key",
		 "/gateway/reject/policies", "ATTENTION"},
		{GW("'fast_forward':{}"), DBX_SEV_ERROR, "missing-key", "/gateway/fast_forward",
		 "\"interfaces\""},
		{GW("'fast_forward':{'interfaces':[]}"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/fast_forward/interfaces", "empty"},
		{GW("'fast_forward':{'interfaces':['a/b']}"), DBX_SEV_ERROR, "bad-interface",
		 "/gateway/fast_forward/interfaces/0", NULL},
		{GW("'fast_forward':{'interfaces':['a','b','a']}"), DBX_SEV_ERROR, "duplicate-id",
		 "/gateway/fast_forward/interfaces/2", "\"a\""},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_quota_findings(void **state)
{
	static const struct read_case cases[] = {
		{QUOTA(""), DBX_SEV_ERROR, "bad-quota", "/gateway/default_quota",
		 "it limits nothing"},
		{QUOTA("'burst_ms':100"), DBX_SEV_ERROR, "bad-quota", "/gateway/default_quota",
		 "bytes_per_second"},
		{QUOTA("'new_flows_per_second':0"), DBX_SEV_ERROR, "bad-quota",
		 "/gateway/default_quota/new_flows_per_second",
		 "read new_flows_per_second 0: accepted are whole numbers of 1 to 1000000000"},
		{QUOTA("'bytes_per_second':0"), DBX_SEV_ERROR, "bad-quota",
		 "/gateway/default_quota/bytes_per_second", "1 to 1000000000000"},
		{QUOTA("'bytes_per_second':1000000000001"), DBX_SEV_ERROR, "bad-quota",
		 "/gateway/default_quota/bytes_per_second", NULL},
		{QUOTA("'bytes_per_second':-1"), DBX_SEV_ERROR, "bad-quota",
		 "/gateway/default_quota/bytes_per_second", NULL},
		{QUOTA("'bytes_per_second':1,'burst_ms':0"), DBX_SEV_ERROR, "bad-quota",
		 "/gateway/default_quota/burst_ms", "1 to 10000"},
		{QUOTA("'bytes_per_second':1.5"), DBX_SEV_ERROR, "wrong-type",
		 "/gateway/default_quota/bytes_per_second", NULL},
		{QUOTA("'bytes_per_second':1,'flows_per_second':1"), DBX_SEV_WARNING, "unknown-key",
		 "/gateway/default_quota/flows_per_second", "NOT ENFORCED"},
		{WS("'quota':{'bytes_per_second':0}"), DBX_SEV_ERROR, "bad-quota",
		 "/gateway/workspaces/0/quota/bytes_per_second", NULL},
		{WS("'isolated':'yes'"), DBX_SEV_ERROR, "wrong-type",
		 "/gateway/workspaces/0/isolated", NULL},
		{WS("'separate_clusters':1"), DBX_SEV_ERROR, "wrong-type",
		 "/gateway/workspaces/0/separate_clusters", NULL},
		{WS("'sources':[{'prefix':'10.0.0.0/8','cluster':''}]"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/workspaces/0/sources/0/cluster", "1 to 64 bytes"},
		{WS("'sources':[{'prefix':'10.0.0.0/8','cluster':7}]"), DBX_SEV_ERROR, "wrong-type",
		 "/gateway/workspaces/0/sources/0/cluster", NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

/* ---- what is read ---- */

static void expect_addr(const struct dbx_addr *a, const char *want)
{
	char text[DBX_ADDR_STRLEN];

	assert_string_equal(dbx_addr_format(a, text), want);
}

static void test_paths(void **state)
{
	struct dbx_model *m = dbx_model_new();
	const struct dbx_path_route *r;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/gateway.json", &d);
	r = m->gateway.routes;
	assert_int_equal(d.n, 0);
	assert_int_equal(m->gateway.n_routes, 4);
	assert_int_equal(r[0].path, DBX_PATH_PRIVATE_ENDPOINT);
	assert_int_equal(r[0].n_ncc_ids, 1);
	assert_string_equal(r[0].ncc_ids[0].where.ptr, "/gateway/paths/0/ncc_ids/0");
	assert_string_equal(r[0].interface, "up0");
	assert_int_equal(r[0].n_next_hops, 2);
	expect_addr(&r[0].next_hops[0], "192.0.2.1");
	expect_addr(&r[0].next_hops[1], "2001:db8::1");
	expect_addr(&r[0].source_addresses[1], "2001:db8:5::5");
	assert_int_equal(r[1].path, DBX_PATH_SERVICE_ENDPOINT);
	assert_int_equal(r[1].n_ncc_ids, 0);
	expect_addr(&r[1].next_hops[0], "fe80::1");
	assert_int_equal(r[1].n_source_addresses, 0);
	assert_int_equal(r[2].path, DBX_PATH_NAT);
	assert_int_equal(r[3].path, DBX_PATH_FIREWALL);
	assert_string_equal(r[3].where.ptr, "/gateway/paths/3");
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void check_workspaces(const struct dbx_gateway *g)
{
	const struct dbx_workspace *w = g->workspaces;

	assert_true(w[0].isolated && w[0].has_isolated && w[0].separate_clusters);
	assert_true(w[0].quota.has && w[0].quota.flows_per_s == 100);
	assert_true(w[0].quota.bytes_per_s == 1000000 && w[0].quota.burst_ms == 250);
	assert_string_equal(w[0].quota.where.ptr, "/gateway/workspaces/0/quota");
	assert_string_equal(w[0].sources[0].cluster, "c1");
	assert_null(w[0].sources[1].cluster);
	assert_string_equal(w[0].sources[2].cluster, "c2");
	assert_true(!w[1].isolated && w[1].has_isolated && !w[1].has_separate_clusters);
	assert_true(w[1].quota.flows_per_s == 0 && w[1].quota.bytes_per_s == 1);
	assert_int_equal(w[1].quota.burst_ms, 100);
}

static void test_the_rest(void **state)
{
	struct dbx_model *m = dbx_model_new();
	const struct dbx_gateway *g = &m->gateway;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/gateway.json", &d);
	check_workspaces(g);
	assert_int_equal(g->n_tunnels, 2);
	assert_true(g->tunnels[0].type == DBX_TUNNEL_VXLAN && g->tunnels[0].port == 8472);
	assert_int_equal(g->tunnels[0].n_remotes, 2);
	assert_int_equal(g->tunnels[0].remotes[1].prefix.len, 32);
	assert_true(g->tunnels[1].type == DBX_TUNNEL_GENEVE && g->tunnels[1].port == 6081);
	assert_false(g->tunnels[1].has_port);
	assert_true(g->reject.has && g->reject.per_second == 500);
	assert_string_equal(g->reject.policy_ids[0], "default-policy");
	assert_true(g->forward.has && g->forward.n_interfaces == 2);
	assert_string_equal(g->forward.interfaces[1].name, "up1");
	assert_true(g->default_quota.has && g->default_quota.flows_per_s == 50);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_defaults(void **state)
{
	struct dbx_model *m = read_clean(GW("'tunnels':[{'type':'vxlan','remotes':['192.0.2.1']}],"
					    "'reject':{},'workspaces':[{'workspace_id':1}]"));
	const struct dbx_gateway *g = &m->gateway;

	(void)state;
	assert_int_equal(g->tunnels[0].port, 4789);
	assert_true(g->reject.has && g->reject.per_second == 1000 && !g->reject.n_policy_ids);
	assert_false(g->forward.has);
	assert_false(g->default_quota.has);
	assert_false(g->workspaces[0].quota.has);
	assert_false(g->workspaces[0].isolated);
	assert_int_equal(g->n_routes, 0);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_findings),
		cmocka_unit_test(test_tunnel_findings),
		cmocka_unit_test(test_reject_and_forward_findings),
		cmocka_unit_test(test_quota_findings),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
