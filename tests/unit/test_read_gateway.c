/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_read_gateway.c -- the gateway document: every field, every refusal with its pointer.
 */
#include "unit/readcase.h"

#include <netinet/in.h>

#define GW(rest)       "{'gateway':{" rest "}}"
#define WS(rest)       GW("'workspaces':[{'workspace_id':1," rest "}]")
#define SOURCE(rest)   WS("'sources':[{'prefix':'10.0.0.0/24'," rest "}]")
#define PLATFORM(rest) GW("'platform_sets':[{'label':'l'," rest "}]")
#define ALLOWED(rest)  GW("'allowed_destinations':[{'label':'l'," rest "}]")
#define P0             "/gateway/platform_sets/0"
#define S0             "/gateway/workspaces/0/sources/0"

static void test_gateway_findings(void **state)
{
	static const struct read_case cases[] = {
		{GW("'later':{}"), DBX_SEV_WARNING, "unknown-key", "/gateway/later", "kept"},
		{GW("'dns':{}"), DBX_SEV_ERROR, "missing-key", "/gateway/dns", NULL},
		{GW("'dns':{'upstreams':[]}"), DBX_SEV_ERROR, "bad-value", "/gateway/dns/upstreams",
		 "empty"},
		{GW("'dns':{'upstreams':['x']}"), DBX_SEV_ERROR, "bad-address",
		 "/gateway/dns/upstreams/0", "192.0.2.53"},
		{GW("'dns':{'upstreams':[{'address':'::1','port':0}]}"), DBX_SEV_ERROR, "bad-port",
		 "/gateway/dns/upstreams/0/port", "1 to 65535"},
		{GW("'dns':{'upstreams':['::1'],'grace_s':4000}"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/dns/grace_s", "3600"},
		{GW("'dns':{'upstreams':['::1'],'ptr':'x'}"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/dns/ptr", "forward"},
		{GW("'names':{'quic':'maybe'}"), DBX_SEV_ERROR, "bad-value", "/gateway/names/quic",
		 "inspect"},
		{GW("'names':{'tls_ports':[70000]}"), DBX_SEV_ERROR, "bad-port",
		 "/gateway/names/tls_ports/0", "65535"},
		{GW("'names':{'unverified_ports':[{'protocol':'tcp'}]}"), DBX_SEV_ERROR,
		 "missing-key", "/gateway/names/unverified_ports/0", NULL},
		{"{'interfaces':[],'later':{}}", DBX_SEV_WARNING, "unknown-key", "/later", NULL},
		{GW("'name':1"), DBX_SEV_ERROR, "wrong-type", "/gateway/name", NULL},
		{GW("'interfaces':[{}]"), DBX_SEV_ERROR, "missing-key", "/gateway/interfaces/0",
		 "\"name\""},
		{GW("'interfaces':[{'name':'a-name-of-16-chr'}]"), DBX_SEV_ERROR, "bad-interface",
		 "/gateway/interfaces/0/name", "1 to 15"},
		{GW("'interfaces':[{'name':'a b'}]"), DBX_SEV_ERROR, "bad-interface",
		 "/gateway/interfaces/0/name", NULL},
		{GW("'interfaces':[{'name':'../x'}]"), DBX_SEV_ERROR, "bad-interface",
		 "/gateway/interfaces/0/name", NULL},
		{GW("'interfaces':[{'name':'a'},{'name':'a'}]"), DBX_SEV_ERROR, "duplicate-id",
		 "/gateway/interfaces/1/name", "given before at /gateway/interfaces/0"},
		{GW("'interfaces':[{'name':'a','mtu':1}]"), DBX_SEV_WARNING, "unknown-key",
		 "/gateway/interfaces/0/mtu", "ATTENTION"},
		{GW("'gateway_addresses':['10.0.0.0/24']"), DBX_SEV_ERROR, "bad-address",
		 "/gateway/gateway_addresses/0", "prefix"},
		{GW("'gateway_addresses':['10.0.0.256']"), DBX_SEV_ERROR, "bad-prefix",
		 "/gateway/gateway_addresses/0", NULL},
		{GW("'gateway_services':[{}]"), DBX_SEV_ERROR, "missing-key",
		 "/gateway/gateway_services/0", "\"protocol\""},
		{GW("'feed_max_shrink_percent':0"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/feed_max_shrink_percent", "1 to 100"},
		{GW("'feed_max_shrink_percent':101"), DBX_SEV_ERROR, "bad-value",
		 "/gateway/feed_max_shrink_percent", NULL},
		{GW("'private_endpoints':[{'rule_id':'r'}]"), DBX_SEV_ERROR, "missing-key",
		 "/gateway/private_endpoints/0", "\"addresses\""},
		{GW("'private_endpoints':[{'rule_id':'r','addresses':[]}]"), DBX_SEV_ERROR,
		 "bad-value", "/gateway/private_endpoints/0/addresses", "empty"},
		{GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.0/24']}]"),
		 DBX_SEV_ERROR, "bad-address", "/gateway/private_endpoints/0/addresses/0", NULL},
		{GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1']},{'rule_id':'r',"
		    "'addresses':['10.0.0.2']}]"),
		 DBX_SEV_ERROR, "duplicate-id", "/gateway/private_endpoints/1/rule_id", "\"r\""},
		{GW("'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1'],'private_required':1}]"),
		 DBX_SEV_ERROR, "wrong-type", "/gateway/private_endpoints/0/private_required",
		 NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_workspace_findings(void **state)
{
	static const struct read_case cases[] = {
		{GW("'workspaces':[{'name':'x'}]"), DBX_SEV_ERROR, "missing-key",
		 "/gateway/workspaces/0", "\"workspace_id\""},
		{GW("'workspaces':[{'workspace_id':1},{'workspace_id':'1'}]"), DBX_SEV_ERROR,
		 "duplicate-id", "/gateway/workspaces/1/workspace_id", NULL},
		{WS("'network_source_type':'Jobs'"), DBX_SEV_ERROR, "unknown-value",
		 "/gateway/workspaces/0/network_source_type", "General Compute, DBSQL"},
		{WS("'source':[]"), DBX_SEV_WARNING, "unknown-key", "/gateway/workspaces/0/source",
		 "ATTENTION"},
		{WS("'sources':[{}]"), DBX_SEV_ERROR, "missing-key", S0, "\"prefix\""},
		{WS("'sources':[{'prefix':'10.0.0.1/8'}]"), DBX_SEV_ERROR, "host-bits",
		 S0 "/prefix", "read prefix \"10.0.0.1/8\": host bits are set; write 10.0.0.0/8"},
		{WS("'sources':[{'prefix':'10.0.0.0/33'}]"), DBX_SEV_ERROR, "bad-prefix",
		 S0 "/prefix", "0 to 32"},
		{WS("'sources':[{'prefix':'fd00::1/64'}]"), DBX_SEV_ERROR, "host-bits",
		 S0 "/prefix", "write fd00::/64"},
		{WS("'sources':[{'prefix':'010.0.0.0/8'}]"), DBX_SEV_ERROR, "bad-prefix",
		 S0 "/prefix", NULL},
		{SOURCE("'vlan':0"), DBX_SEV_ERROR, "bad-vlan", S0 "/vlan", "1 to 4094"},
		{SOURCE("'vlan':4095"), DBX_SEV_ERROR, "bad-vlan", S0 "/vlan", NULL},
		{SOURCE("'vlan':'7'"), DBX_SEV_ERROR, "wrong-type", S0 "/vlan", NULL},
		{SOURCE("'inner_vlan':7"), DBX_SEV_ERROR, "bad-vlan", S0 "/inner_vlan", "outer"},
		{SOURCE("'vlan':7,'vni':7"), DBX_SEV_ERROR, "bad-vlan", S0 "/vni", "not both"},
		{SOURCE("'vni':16777216"), DBX_SEV_ERROR, "bad-vlan", S0 "/vni", "0 to 16777215"},
		{SOURCE("'mac':'02:00:00:00:00'"), DBX_SEV_ERROR, "bad-mac", S0 "/mac", NULL},
		{SOURCE("'mac':'02-00-00-00-00-01'"), DBX_SEV_ERROR, "bad-mac", S0 "/mac", NULL},
		{SOURCE("'mac':'ff:ff:ff:ff:ff:ff'"), DBX_SEV_ERROR, "bad-mac", S0 "/mac",
		 "one station"},
		{SOURCE("'mac':'00:00:00:00:00:00'"), DBX_SEV_ERROR, "bad-mac", S0 "/mac", NULL},
		{SOURCE("'mac':'02:00:00:00:00:010'"), DBX_SEV_ERROR, "bad-mac", S0 "/mac", NULL},
		{SOURCE("'network_source_type':''"), DBX_SEV_ERROR, "unknown-value",
		 S0 "/network_source_type", NULL},
		{SOURCE("'if':'eth0'"), DBX_SEV_WARNING, "unknown-key", S0 "/if", "ATTENTION"},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_set_findings(void **state)
{
	static const struct read_case cases[] = {
		{GW("'platform_sets':[{'prefixes':['10.0.0.0/8']}]"), DBX_SEV_ERROR, "missing-key",
		 P0, "\"label\""},
		{GW("'platform_sets':[{'label':'','prefixes':['10.0.0.0/8']}]"), DBX_SEV_ERROR,
		 "bad-value", P0 "/label", NULL},
		{GW("'platform_sets':[{'label':'l'}]"), DBX_SEV_WARNING, "empty-entry", P0, NULL},
		{GW("'platform_sets':[{'label':'l','prefixes':['10.0.0.0/8']},{'label':'l','prefixes':["
		    "'10.0.0.0/8']}]"),
		 DBX_SEV_ERROR, "duplicate-id", "/gateway/platform_sets/1/label", "\"l\""},
		{PLATFORM("'prefixes':['10.0.0.0/8'],'network_policy_ids':['p']"), DBX_SEV_ERROR,
		 "bad-value", P0 "/network_policy_ids", "allowed_destinations"},
		{ALLOWED("'prefixes':['10.0.0.0/8'],'network_policy_ids':[]"), DBX_SEV_ERROR,
		 "bad-value", "/gateway/allowed_destinations/0/network_policy_ids", "every policy"},
		{PLATFORM("'prefixes':['10.0.0.0/8'],'port':443"), DBX_SEV_WARNING, "unknown-key",
		 P0 "/port", "ATTENTION"},
		{PLATFORM("'prefixes':['x']"), DBX_SEV_ERROR, "bad-prefix", P0 "/prefixes/0", NULL},
		{PLATFORM("'service_tags':[7]"), DBX_SEV_ERROR, "wrong-type", P0 "/service_tags/0",
		 NULL},
		{PLATFORM("'service_tags':['']"), DBX_SEV_ERROR, "bad-value", P0 "/service_tags/0",
		 NULL},
		{PLATFORM("'service_tags':[{'cloud':'Public'}]"), DBX_SEV_ERROR, "missing-key",
		 P0 "/service_tags/0", "\"tag\""},
		{PLATFORM("'service_tags':[{'tag':'Storage','region':'eastus'}]"), DBX_SEV_ERROR,
		 "unknown-key", P0 "/service_tags/0/region", "more would be allowed"},
		{PLATFORM("'names':['http://x.org']"), DBX_SEV_ERROR, "bad-name", P0 "/names/0",
		 "scheme"},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_port_findings(void **state)
{
#define PORTS(rest) PLATFORM("'prefixes':['10.0.0.0/8']," rest)
	static const struct read_case cases[] = {
		{PORTS("'protocol':'tcp','ports':[70000]"), DBX_SEV_ERROR, "bad-port",
		 P0 "/ports/0", "read port 70000: accepted are whole numbers of 0 to 65535"},
		{PORTS("'protocol':'tcp','ports':[443,-1]"), DBX_SEV_ERROR, "bad-port",
		 P0 "/ports/1", NULL},
		{PORTS("'protocol':'tcp','ports':['9-8']"), DBX_SEV_ERROR, "bad-port",
		 P0 "/ports/0", NULL},
		{PORTS("'protocol':'tcp','ports':['1-70000']"), DBX_SEV_ERROR, "bad-port",
		 P0 "/ports/0", NULL},
		{PORTS("'protocol':'tcp','ports':['http']"), DBX_SEV_ERROR, "bad-port",
		 P0 "/ports/0", NULL},
		{PORTS("'protocol':'tcp','ports':['1-2-3']"), DBX_SEV_ERROR, "bad-port",
		 P0 "/ports/0", NULL},
		{PORTS("'protocol':'tcp','ports':[' 1']"), DBX_SEV_ERROR, "bad-port", P0 "/ports/0",
		 NULL},
		{PORTS("'protocol':'tcp','ports':['4294967297']"), DBX_SEV_ERROR, "bad-port",
		 P0 "/ports/0", NULL},
		{PORTS("'protocol':'tcp','ports':[1.5]"), DBX_SEV_ERROR, "wrong-type",
		 P0 "/ports/0", NULL},
		{PORTS("'protocol':'tcp','ports':443"), DBX_SEV_ERROR, "wrong-type", P0 "/ports",
		 "a list"},
		{PORTS("'protocol':'tcp','ports':[]"), DBX_SEV_ERROR, "bad-value", P0 "/ports",
		 "empty"},
		{PORTS("'ports':[443]"), DBX_SEV_ERROR, "bad-port", P0 "/ports", "\"tcp\""},
		{PORTS("'protocol':47,'ports':[443]"), DBX_SEV_ERROR, "bad-port", P0 "/ports",
		 NULL},
		{PORTS("'protocol':'icmp','ports':[8]"), DBX_SEV_ERROR, "bad-port", P0 "/ports",
		 "types"},
		{PORTS("'protocol':'tcp','types':[8]"), DBX_SEV_ERROR, "bad-port", P0 "/types",
		 NULL},
		{PORTS("'protocol':'icmp','types':[256]"), DBX_SEV_ERROR, "bad-port", P0 "/types/0",
		 "255"},
		{PORTS("'protocol':'ip'"), DBX_SEV_ERROR, "bad-protocol", P0 "/protocol",
		 "tcp, udp"},
		{PORTS("'protocol':'TCP','ports':[443]"), DBX_SEV_ERROR, "bad-protocol",
		 P0 "/protocol", NULL},
		{PORTS("'protocol':256"), DBX_SEV_ERROR, "bad-protocol", P0 "/protocol", "256"},
		{PORTS("'protocol':'256'"), DBX_SEV_ERROR, "bad-protocol", P0 "/protocol", NULL},
		{PORTS("'protocol':-1"), DBX_SEV_ERROR, "bad-protocol", P0 "/protocol", NULL},
		{PORTS("'protocol':['tcp']"), DBX_SEV_ERROR, "wrong-type", P0 "/protocol", NULL},
	};

	(void)state;
	RUN_CASES(cases);
}

static void test_limit(void **state)
{
	enum { N = 65536 };
	struct dbx_model *m = dbx_model_new();
	char *text = malloc(N * 20 + 100), *p = text;
	struct read_case c = {"(65,536 interfaces)", DBX_SEV_ERROR, "limit", "/gateway/interfaces",
			      "65536 items; at most 65535"};
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	p += sprintf(p, "{\"gateway\":{\"interfaces\":[");
	for (int i = 0; i < N; i++)
		p += sprintf(p, "%s{\"name\":\"i%d\"}", i ? "," : "", i);
	p += sprintf(p, "]}}");
	expect_finding(&c, dbx_read(m, "doc", text, (size_t)(p - text), DBX_DOC_UNKNOWN, &d), &d);
	free(text);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_two_gateways(void **state)
{
	struct dbx_model *m = read_clean("{'gateway':{}}");
	struct read_case c = {"(a second one)", DBX_SEV_ERROR, "duplicate-id", "/gateway",
			      "\"doc\""};
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	expect_finding(&c, read_quoted(m, "doc", "{'gateway':{}}", &d), &d);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void check_example_workspaces(const struct dbx_gateway *g)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	const struct dbx_source *s = g->workspaces[0].sources;

	assert_int_equal(g->n_workspaces, 2);
	assert_true(g->workspaces[0].id == 1001 && g->workspaces[1].id == 1002);
	assert_string_equal(g->workspaces[0].name, "analytics");
	assert_int_equal(g->workspaces[0].product, DBX_PRODUCT_GENERAL_COMPUTE);
	assert_int_equal(g->workspaces[0].n_sources, 3);
	assert_int_equal(s[0].prefix.len, 24);
	assert_string_equal(s[0].interface, "ws1");
	assert_true(s[0].domain == (DBX_DOMAIN_QINQ | 100 << 12 | 7));
	assert_true(s[0].has_mac && !memcmp(s[0].mac, mac, 6));
	assert_int_equal(s[0].product, DBX_PRODUCT_DBSQL);
	assert_string_equal(s[0].where.ptr, "/gateway/workspaces/0/sources/0");
	assert_true(s[1].domain == (DBX_DOMAIN_VNI | 5000));
	assert_null(s[1].interface);
	assert_int_equal(s[1].product, -1);
	assert_true(s[2].domain == 100);
	assert_int_equal(g->workspaces[1].sources[0].prefix.len, 32);
	assert_true(g->workspaces[1].sources[0].domain == 0);
}

static void check_example_sets(const struct dbx_gateway *g)
{
	const struct dbx_dest_set *s = &g->platform[0];

	assert_string_equal(s->label, "control-plane");
	assert_int_equal(s->proto, IPPROTO_TCP);
	assert_int_equal(s->n_ports, 2);
	assert_true(s->ports[0].lo == 443 && s->ports[0].hi == 443);
	assert_true(s->ports[1].lo == 8443 && s->ports[1].hi == 8451);
	assert_int_equal(s->n_tags, 2);
	assert_true(!s->tags[0].as_object && !s->tags[0].cloud && s->tags[1].as_object);
	assert_string_equal(s->tags[1].cloud, "Public");
	assert_string_equal(s->names[0].name, "x.example.com");
	assert_string_equal(s->names[0].where.ptr, P0 "/names/0");
	assert_string_equal(s->where.ptr, P0);
	assert_int_equal(g->storage[0].proto, IPPROTO_UDP);
	assert_true(g->storage[0].ports[0].lo == 1 && g->storage[0].ports[0].hi == 2);
	assert_int_equal(g->n_allowed, 3);
	assert_int_equal(g->allowed[0].proto, DBX_PROTO_ANY);
	assert_string_equal(g->allowed[0].policy_ids[0], "default-policy");
	assert_true(g->allowed[1].ports[0].lo == 128 << 8);
	assert_true(g->allowed[1].ports[0].hi == (128 << 8 | 255));
	assert_int_equal(g->allowed[1].prefixes[0].prefix.len, 0);
	assert_int_equal(g->allowed[2].proto, 47);
	assert_int_equal(g->blocked[0].proto, IPPROTO_SCTP);
	assert_true(g->blocked[0].n_ports == 1 && g->blocked[0].ports[0].hi == 0);
}

static void test_example(void **state)
{
	struct dbx_model *m = dbx_model_new();
	const struct dbx_gateway *g = &m->gateway;
	struct dbx_diag d;

	(void)state;
	dbx_diag_init(&d);
	read_file_into(m, "tests/fuzz/corpus/read/gateway.json", &d);
	assert_int_equal(d.n, 0);
	assert_true(g->dns.has);
	assert_int_equal(g->dns.n_upstreams, 1);
	assert_int_equal(g->dns.upstreams[0].port, 53);
	assert_int_equal(g->dns.grace_s, 60);
	assert_false(g->names.has);
	assert_true(m->has_gateway);
	assert_string_equal(g->name, "gw-1");
	assert_int_equal(g->n_interfaces, 2);
	assert_int_equal(g->n_addresses, 2);
	assert_int_equal(g->addresses[1].prefix.len, 128);
	assert_int_equal(g->n_services, 3);
	assert_int_equal(g->services[0].n_ports, 0);
	assert_true(g->services[2].ports[1].lo == 133 << 8);
	assert_true(g->services[2].ports[1].hi == (137 << 8 | 255));
	check_example_workspaces(g);
	assert_int_equal(g->private_endpoints[0].n_addrs, 2);
	assert_true(g->private_endpoints[0].addrs[1].is_v6);
	assert_true(g->private_endpoints[0].has_private_required);
	assert_false(g->private_endpoints[0].private_required);
	check_example_sets(g);
	assert_int_equal(g->feed_max_shrink_percent, 20);
	dbx_diag_fini(&d);
	dbx_model_free(&m);
}

static void test_defaults(void **state)
{
	struct dbx_model *m = read_clean(
		"{'gateway':{'interfaces':[{'name':'a-name-of-15chr'}],"
		"'private_endpoints':[{'rule_id':'r','addresses':['10.0.0.1']}],"
		"'workspaces':[{'workspace_id':1,'network_source_type':'ML_SERVING','sources':[{'prefix':"
		"'10.0.0.0/8','mac':'0a:AF:09:f0:9a:fA'}]}],"
		"'allowed_destinations':[{'label':'l','prefixes':['10.0.0.0/8'],'protocol':'any'},"
		"{'label':'m','prefixes':['10.0.0.0/8'],'protocol':'136','ports':['7','9-99',0,65535]}]}}");
	static const uint8_t mac[6] = {0x0a, 0xaf, 0x09, 0xf0, 0x9a, 0xfa};
	const struct dbx_gateway *g = &m->gateway;

	(void)state;
	assert_memory_equal(g->workspaces[0].sources[0].mac, mac, 6);
	assert_true(g->private_endpoints[0].private_required);
	assert_false(g->private_endpoints[0].has_private_required);
	assert_int_equal(g->workspaces[0].product, DBX_PRODUCT_ML_SERVING);
	assert_int_equal(g->allowed[0].proto, DBX_PROTO_ANY);
	assert_int_equal(g->allowed[1].proto, 136);
	assert_int_equal(g->allowed[1].n_ports, 4);
	assert_true(g->allowed[1].ports[1].lo == 9 && g->allowed[1].ports[1].hi == 99);
	assert_true(g->allowed[1].ports[2].hi == 0 && g->allowed[1].ports[3].lo == 65535);
	assert_int_equal(g->feed_max_shrink_percent, 0);
	dbx_model_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateway_findings),
		cmocka_unit_test(test_workspace_findings),
		cmocka_unit_test(test_set_findings),
		cmocka_unit_test(test_port_findings),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_two_gateways),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
