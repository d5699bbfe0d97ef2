// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check_paths.c -- paths, isolation, clusters and tunnels that contradict themselves.
 */
#include "test_check.h"

#define NCC(id)                                                                       \
	"{\"network_connectivity_config_id\": \"" id "\", \"name\": \"ncc-" id "\", " \
	"\"region\": \"eastus2\"}"
#define BIND(ncc) "{\"workspace_id\": 1, \"network_connectivity_config_id\": \"" ncc "\"}"
#define WS(inside, more)                                                          \
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": [" \
	"{\"workspace_id\": 1" inside "}]" more "}}"
#define SOURCES(list)    ", \"sources\": [" list "]"
#define SOURCE(p, more)  "{\"prefix\": \"" p "\"" more "}"
#define PATHS(list)      ", \"paths\": [" list "]"
#define PATH(name, more) "{\"path\": \"" name "\", \"interface\": \"up0\"" more "}"
#define OF(ids)          ", \"ncc_ids\": [" ids "]"
#define TUNNEL(remote)   ", \"tunnels\": [{\"type\": \"vxlan\", \"remotes\": [\"" remote "\"]}]"
#define OWN(address)     ", \"gateway_addresses\": [\"" address "\"]"

static void test_isolated_without_firewall(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, WS(", \"isolated\": true", PATHS(PATH("nat", ""))));
	expect(&d, "isolated-without-firewall", DBX_SEV_ERROR, "a.json",
	       "/gateway/workspaces/0/isolated", "{\"path\": \"firewall\"");
	dbx_diag_fini(&d);
	CHECK(&d, 0, WS(", \"isolated\": true", PATHS(PATH("firewall", ""))));
	assert_int_equal(count_findings(&d, "isolated-without-firewall"), 0);
	dbx_diag_fini(&d);
	CHECK(&d, 0, WS(", \"isolated\": false", ""));
	assert_int_equal(count_findings(&d, "isolated-without-firewall"), 0);
	dbx_diag_fini(&d);
}

/* A firewall of another NCC is none. */
static void test_isolated_by_ncc(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, WS(", \"isolated\": true", PATHS(PATH("firewall", OF("\"n2\"")))), NCC("n1"),
	      NCC("n2"), BIND("n1"));
	expect(&d, "isolated-without-firewall", DBX_SEV_ERROR, "a.json",
	       "/gateway/workspaces/0/isolated", "no firewall for NCC n1");
	dbx_diag_fini(&d);
	CHECK(&d, 0, WS(", \"isolated\": true", PATHS(PATH("firewall", OF("\"n2\"")))), NCC("n1"),
	      NCC("n2"), BIND("n2"));
	assert_int_equal(count_findings(&d, "isolated-without-firewall"), 0);
	dbx_diag_fini(&d);
}

static void test_path_twice(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, WS("", PATHS(PATH("nat", "") "," PATH("firewall", "") "," PATH("nat", ""))));
	expect(&d, "path-twice", DBX_SEV_ERROR, "a.json", "/gateway/paths/2",
	       "for every NCC has a way already, at /gateway/paths/0");
	dbx_diag_fini(&d);
	CHECK(&d, 0, WS("", PATHS(PATH("nat", OF("\"n1\"")) "," PATH("nat", OF("\"n2\", \"n1\"")))),
	      NCC("n1"), NCC("n2"));
	expect(&d, "path-twice", DBX_SEV_ERROR, "a.json", "/gateway/paths/1/ncc_ids/1",
	       "of NCC n1 has a way already, at /gateway/paths/0");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      WS("", PATHS(PATH("nat", OF("\"n1\"")) "," PATH("nat", "") "," PATH(
			     "private_endpoint", OF("\"n1\"")))),
	      NCC("n1"));
	assert_int_equal(count_findings(&d, "path-twice"), 0);
	dbx_diag_fini(&d);
}

static void test_clusters(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0,
	      WS(SOURCES(SOURCE("10.1.0.0/24", ", \"cluster\": \"c1\"") "," SOURCE(
			 "10.1.1.0/24", "")) ", \"separate_clusters\": true",
		 ""));
	expect(&d, "no-cluster", DBX_SEV_WARNING, "a.json", "/gateway/workspaces/0/sources/1",
	       "says none");
	assert_int_equal(count_findings(&d, "clusters-not-separated"), 0);
	dbx_diag_fini(&d);
	CHECK(&d, 0, WS(SOURCES(SOURCE("10.1.0.0/24", ", \"cluster\": \"c1\"")), ""));
	expect(&d, "clusters-not-separated", DBX_SEV_INFO, "a.json",
	       "/gateway/workspaces/0/sources/0", "separate_clusters");
	dbx_diag_fini(&d);
}

static void test_tunnels(void **state)
{
	struct dbx_diag d;

	(void)state;
	CHECK(&d, 0, WS(SOURCES(SOURCE("10.1.0.0/24", ", \"vni\": 7")), ""));
	expect(&d, "no-tunnel", DBX_SEV_WARNING, "a.json", "/gateway/workspaces/0/sources/0",
	       "\"tunnels\" is empty");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      WS(SOURCES(SOURCE("10.1.0.0/24", ", \"vni\": 7")),
		 OWN("2001:db8::1") TUNNEL("192.0.2.0/24")));
	expect(&d, "no-gateway-address", DBX_SEV_ERROR, "a.json", "/gateway/tunnels/0",
	       "IPv4 addresses");
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      WS(SOURCES(SOURCE("10.1.0.0/24", ", \"vni\": 7")),
		 OWN("192.0.2.1") TUNNEL("0.0.0.0/0")),
	      POLICY(RESTRICTED ALLOWED(NAME("a.example.com"))), OPTION("1", "np"));
	expect(&d, "any-remote", DBX_SEV_WARNING, "a.json", "/gateway/tunnels/0/remotes/0",
	       "anybody");
	expect(&d, "names-in-tunnel", DBX_SEV_WARNING, "a.json", "/gateway/workspaces/0/sources/0",
	       "tunnel-name");
	assert_int_equal(count_findings(&d, "no-tunnel"), 0);
	dbx_diag_fini(&d);
	CHECK(&d, 0,
	      WS(SOURCES(SOURCE("10.1.0.0/24", ", \"vni\": 7")),
		 OWN("192.0.2.1") TUNNEL("192.0.2.0/24")),
	      POLICY(RESTRICTED ALLOWED(RANGE("192.0.2.0/24"))), OPTION("1", "np"));
	assert_int_equal(count_findings(&d, "names-in-tunnel"), 0);
	dbx_diag_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_isolated_without_firewall),
		cmocka_unit_test(test_isolated_by_ncc),
		cmocka_unit_test(test_path_twice),
		cmocka_unit_test(test_clusters),
		cmocka_unit_test(test_tunnels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
