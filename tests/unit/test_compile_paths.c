/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_compile_paths.c -- what the image says beyond verdicts: marks, clusters, quotas, answers to
 * denials, tunnels, guards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/vec_world.h"

#define GATEWAY(rest) "{\"gateway\": {" rest "}}"
#define WORKSPACE(id, prefix, rest) \
	"{\"workspace_id\": " id ", \"sources\": [{\"prefix\": \"" prefix "\"}]" rest "}"
#define OPTION(ws, np) "{\"workspace_id\": " ws ", \"network_policy_id\": \"" np "\"}"
#define BIND(ws, np, ncc)                                                                 \
	"{\"workspace_id\": " ws ", \"workspace_network_option\": {\"workspace_id\": " ws \
	", \"network_policy_id\": \"" np "\"}, \"workspace\": "                           \
	"{\"network_connectivity_config_id\": \"" ncc "\"}}"
#define FULL(id)                                                                \
	"{\"network_policy_id\": \"" id "\", \"egress\": {\"network_access\": " \
	"{\"restriction_mode\": \"FULL_ACCESS\"}}}"
#define NCC(id, rules)                                                        \
	"{\"network_connectivity_config_id\": \"" id "\", \"name\": \"" id    \
	"\", \"region\": \"eastus2\", \"egress_config\": {\"target_rules\": " \
	"{\"azure_private_endpoint_rules\": [" rules "]}}}"
#define RULE(id, ncc, rest)                                                                 \
	"{\"rule_id\": \"" id "\", \"network_connectivity_config_id\": \"" ncc "\", "       \
	"\"resource_id\": \"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/" \
	"privateLinkServices/p\"" rest "}"
#define NAMED(state) ", \"domain_names\": [\"p.example.org\"], \"connection_state\": \"" state "\""

static void build(struct vec_world *w, const char *const *docs)
{
	char name[32];

	assert_int_equal(vec_world_init(w), 0);
	for (size_t i = 0; docs[i]; i++) {
		snprintf(name, sizeof(name), "%zu.json", i);
		if (vec_world_add(w, name, docs[i], strlen(docs[i]))) {
			vec_findings_print(&w->diag);
			fail_msg("%s", docs[i]);
		}
	}
	if (vec_world_build(w)) {
		vec_findings_print(&w->diag);
		fail();
	}
}

static const struct dbx_binding *binding(const struct vec_world *w, const char *addr,
					 uint32_t domain)
{
	const struct dbx_binding *b;
	struct dbx_addr a;

	assert_int_equal(dbx_addr_parse(addr, &a), 0);
	b = dbx_judge_source(&w->img, &a, domain);
	assert_non_null(b);
	return b;
}

static const struct dbx_profile *profile(const struct vec_world *w, const char *addr)
{
	const struct dbx_profile *p = dbx_image_section(&w->img, DBX_SEC_PROFILES, NULL);

	return &p[binding(w, addr, 0)->profile];
}

static uint32_t mark(const struct vec_world *w, size_t route)
{
	uint32_t m = dbx_model_route_mark(w->m, &w->m->gateway.routes[route]);

	assert_int_equal(m & DBX_MARK_PATH_MASK, DBX_MARK_PATH);
	return m;
}

static void has_marks(const struct vec_world *w, const char *addr, uint32_t pe, uint32_t se,
		      uint32_t nat)
{
	const struct dbx_profile *p = profile(w, addr);

	assert_int_equal(p->marks[0], pe);
	assert_int_equal(p->marks[1], se);
	assert_int_equal(p->marks[2], nat);
}

static void test_marks_by_policy_ncc_and_isolation(void **state)
{
	static const char *const docs[] = {
		GATEWAY("\"workspaces\": [" WORKSPACE("1", "10.1.0.0/24", "") ","  //
			WORKSPACE("2", "10.2.0.0/24", "") ","                      //
			WORKSPACE("3", "10.3.0.0/24", ", \"isolated\": true") ","  //
			WORKSPACE("4", "10.4.0.0/24", ", \"isolated\": false") "," //
			WORKSPACE(
				"5", "10.5.0.0/24",
				"") "], \"paths\": ["
				    "{\"path\": \"nat\", \"interface\": \"up0\"},"
				    "{\"path\": \"nat\", \"interface\": \"up1\", \"ncc_ids\": [\"b\"]},"
				    "{\"path\": \"service_endpoint\", \"interface\": \"up2\", \"ncc_ids\": [\"a\"]},"
				    "{\"path\": \"private_endpoint\", \"interface\": \"up3\"},"
				    "{\"path\": \"firewall\", \"interface\": \"fw\"}]"),
		FULL("np"),
		NCC("a", ""),
		NCC("b", ""),
		BIND("1", "np", "a"),
		BIND("2", "np", "b"),
		BIND("3", "np", "a"),
		BIND("4", "np", "a"),
		OPTION("5", "np"),
		NULL,
	};
	struct vec_world w;

	(void)state;
	build(&w, docs);
	has_marks(&w, "10.1.0.1", mark(&w, 3), mark(&w, 2), mark(&w, 0));
	has_marks(&w, "10.2.0.1", mark(&w, 3), 0, mark(&w, 1));
	has_marks(&w, "10.3.0.1", mark(&w, 3), mark(&w, 4), mark(&w, 4));
	has_marks(&w, "10.5.0.1", mark(&w, 3), 0, mark(&w, 0));
	/* what fares alike shares a profile; isolation is part of that */
	assert_ptr_equal(profile(&w, "10.1.0.1"), profile(&w, "10.4.0.1"));
	assert_ptr_not_equal(profile(&w, "10.1.0.1"), profile(&w, "10.3.0.1"));
	assert_int_equal(w.img.hdr->name_flags & DBX_IMAGE_F_FORWARD, 0);
	assert_int_equal(w.img.hdr->reject_per_s, 0);
	assert_int_equal(w.img.hdr->sec[DBX_SEC_QUOTAS].n_items, 0);
	vec_world_fini(&w);
}

static void test_clusters_are_numbered_by_name(void **state)
{
	static const char *const docs[] = {
		GATEWAY("\"workspaces\": [{\"workspace_id\": 1, \"separate_clusters\": true, \"sources\": ["
			"{\"prefix\": \"10.1.0.0/24\", \"cluster\": \"z\"},"
			"{\"prefix\": \"10.1.1.0/24\", \"cluster\": \"a\"},"
			"{\"prefix\": \"10.1.2.0/24\"},"
			"{\"prefix\": \"10.1.3.0/24\", \"cluster\": \"m\"},"
			"{\"prefix\": \"10.1.4.0/24\", \"cluster\": \"a\"},"
			"{\"prefix\": \"10.1.5.0/24\", \"vlan\": 1, \"cluster\": \"a\"},"
			"{\"prefix\": \"10.1.5.0/24\", \"vlan\": 2, \"cluster\": \"m\"}]},"
			"{\"workspace_id\": 2, \"sources\": [{\"prefix\": \"10.2.0.0/24\", "
			"\"cluster\": \"z\"}]}]"),
		NULL,
	};
	struct vec_world w;

	(void)state;
	build(&w, docs);
	assert_int_equal(binding(&w, "10.1.0.1", 0)->cluster, 3);
	assert_int_equal(binding(&w, "10.1.1.1", 0)->cluster, 1);
	assert_int_equal(binding(&w, "10.1.2.1", 0)->cluster, 0);
	assert_int_equal(binding(&w, "10.1.3.1", 0)->cluster, 2);
	assert_int_equal(binding(&w, "10.1.4.1", 0)->cluster, 1);
	assert_int_equal(binding(&w, "10.1.5.1", 1)->cluster, 1);
	assert_int_equal(binding(&w, "10.1.5.1", 2)->cluster, 2);
	assert_int_equal(binding(&w, "10.1.5.1", 0)->cluster, UINT32_MAX); /* of both: nobody's */
	assert_int_equal(binding(&w, "10.1.5.1", 0)->workspace_id, 1);
	assert_true(binding(&w, "10.1.0.1", 0)->flags & DBX_BINDING_F_CLUSTER);
	assert_int_equal(binding(&w, "10.2.0.1", 0)->cluster, 1);
	assert_false(binding(&w, "10.2.0.1", 0)->flags & DBX_BINDING_F_CLUSTER);
	vec_world_fini(&w);
}

static void test_quotas(void **state)
{
	static const char *const docs[] = {
		GATEWAY("\"default_quota\": {\"new_flows_per_second\": 100, \"burst_ms\": 250}, "
			"\"workspaces\": [" WORKSPACE("1", "10.1.0.0/24", "") "," //
			WORKSPACE("2", "10.2.0.0/24",
				  ", \"quota\": {\"bytes_per_second\": 1000000000000}") "]"),
		NULL,
	};
	static const char *const none[] = {
		GATEWAY("\"workspaces\": [" WORKSPACE("1", "10.1.0.0/24", "") "," //
			WORKSPACE("2", "10.2.0.0/24",
				  ", \"quota\": {\"new_flows_per_second\": 1}") "]"),
		NULL,
	};
	const struct dbx_quota *q;
	struct vec_world w;

	(void)state;
	build(&w, docs);
	q = dbx_image_section(&w.img, DBX_SEC_QUOTAS, NULL);
	q += binding(&w, "10.1.0.1", 0)->quota - 1;
	assert_true(q->workspace_id == 1 && q->flows_per_s == 100 && q->bytes_per_s == 0);
	assert_int_equal(q->burst_ms, 250);
	q = dbx_image_section(&w.img, DBX_SEC_QUOTAS, NULL);
	q += binding(&w, "10.2.0.1", 0)->quota - 1;
	assert_true(q->workspace_id == 2 && q->flows_per_s == 0);
	assert_true(q->bytes_per_s == DBX_QUOTA_BYTES_MAX);
	assert_int_equal(q->burst_ms, 100);
	vec_world_fini(&w);
	build(&w, none);
	assert_int_equal(binding(&w, "10.1.0.1", 0)->quota, 0);
	assert_int_equal(binding(&w, "10.2.0.1", 0)->quota, 1);
	vec_world_fini(&w);
}

static bool rejects(const struct vec_world *w, const char *addr)
{
	return binding(w, addr, 0)->flags & DBX_BINDING_F_REJECT;
}

static void test_answers_to_denials(void **state)
{
#define THREE                                                                \
	"\"workspaces\": [" WORKSPACE("1", "10.1.0.0/24", "") "," WORKSPACE( \
		"2", "10.2.0.0/24", "") "," WORKSPACE("3", "10.3.0.0/24", "") "]"
	static const char *const some[] = {
		GATEWAY("\"reject\": {\"policy_ids\": [\"np-b\"], \"per_second\": 7}, " THREE),
		FULL("np-a"),
		FULL("np-b"),
		OPTION("1", "np-a"),
		OPTION("2", "np-b"),
		NULL,
	};
	static const char *const all[] = {
		GATEWAY("\"reject\": {}, \"fast_forward\": {\"interfaces\": [\"up0\"]}, " THREE),
		FULL("np-a"),
		OPTION("1", "np-a"),
		NULL,
	};
	struct vec_world w;

	(void)state;
	build(&w, some);
	assert_int_equal(w.img.hdr->reject_per_s, 7);
	assert_false(rejects(&w, "10.1.0.1"));
	assert_true(rejects(&w, "10.2.0.1"));
	assert_false(rejects(&w, "10.3.0.1")); /* it has no policy */
	vec_world_fini(&w);
	build(&w, all);
	assert_int_equal(w.img.hdr->reject_per_s, 1000);
	assert_true(rejects(&w, "10.1.0.1") && rejects(&w, "10.3.0.1"));
	assert_true(w.img.hdr->name_flags & DBX_IMAGE_F_FORWARD);
	vec_world_fini(&w);
}

/* What the kernel program tells of, and what of it the header then says. */
static void test_log(void **state)
{
	static const struct {
		const char *log;
		uint32_t flags, sample;
	} rows[] = {
		{"\"interval_s\": 5", 0, 0},
		{"\"denied\": \"all\", \"allowed\": \"off\", \"sample_per_million\": 7", 0, 0},
		{"\"denied\": \"off\"", DBX_IMAGE_F_QUIET, 0},
		{"\"allowed\": \"first\"", DBX_IMAGE_F_FIRST, 0},
		{"\"allowed\": \"sampled\"", DBX_IMAGE_F_SAMPLED, 1000},
		{"\"denied\": \"off\", \"allowed\": \"sampled\", \"sample_per_million\": 1000000",
		 DBX_IMAGE_F_QUIET | DBX_IMAGE_F_SAMPLED, 1000000},
	};
	char gateway[512];
	const char *docs[] = {gateway, FULL("np-a"), OPTION("1", "np-a"), NULL};
	struct vec_world w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(gateway, sizeof(gateway), GATEWAY("\"log\": {%s}, " THREE), rows[i].log);
		build(&w, docs);
		assert_int_equal(w.img.hdr->name_flags & (DBX_IMAGE_F_QUIET | DBX_IMAGE_F_FIRST |
							  DBX_IMAGE_F_SAMPLED),
				 rows[i].flags);
		assert_int_equal(w.img.hdr->sample_per_million, rows[i].sample);
		vec_world_fini(&w);
	}
}

static void test_tunnels(void **state)
{
	static const char *const docs[] = {
		GATEWAY("\"gateway_addresses\": [\"10.0.0.1\", \"fd00::1\", \"255.255.255.254\"], "
			"\"tunnels\": [{\"type\": \"vxlan\", \"remotes\": [\"192.0.2.0/24\", "
			"\"255.255.255.255/32\", \"0.0.0.0/32\"]},"
			"{\"type\": \"geneve\", \"port\": 6082, \"remotes\": [\"192.0.2.128/25\"]}]"),
		NULL,
	};
	static const char *const none[] = {GATEWAY("\"gateway_addresses\": [\"10.0.0.1\"]"), NULL};
	static const struct {
		uint32_t addr, flags;
	} remotes[] = {{0, 1},          {1, 0},
		       {0xc00001ff, 0}, {0xc0000200, 1},
		       {0xc000027f, 1}, {0xc0000280, 3},
		       {0xc00002ff, 3}, {0xc0000300, 0},
		       {UINT32_MAX, 1}, {UINT32_MAX - 1, 0}};
	const struct dbx_section *runs;
	struct dbx_env env;
	struct vec_world w;

	(void)state;
	build(&w, docs);
	env = (struct dbx_env){.base = w.img.base, .n_chunks = w.img.hdr->n_kernel_chunks};
	runs = &w.img.hdr->sec[DBX_SEC_RUNS32];
	assert_int_equal(w.img.hdr->vxlan_port, 4789);
	assert_int_equal(w.img.hdr->geneve_port, 6082);
	for (size_t i = 0; i < sizeof(remotes) / sizeof(remotes[0]); i++)
		assert_int_equal(
			dbx_run32_find(&env, runs, w.img.hdr->tunnel_remotes, remotes[i].addr),
			DBX_LEAF | remotes[i].flags);
	assert_int_equal(dbx_run32_find(&env, runs, w.img.hdr->tunnel_local, 0x0a000001),
			 DBX_LEAF | 1);
	assert_int_equal(dbx_run32_find(&env, runs, w.img.hdr->tunnel_local, 0x0a000002), DBX_LEAF);
	assert_int_equal(dbx_run32_find(&env, runs, w.img.hdr->tunnel_local, UINT32_MAX - 1),
			 DBX_LEAF | 1);
	assert_int_equal(dbx_run32_find(&env, runs, w.img.hdr->tunnel_local, UINT32_MAX), DBX_LEAF);
	vec_world_fini(&w);
	build(&w, none);
	assert_int_equal(w.img.hdr->vxlan_port | w.img.hdr->geneve_port, 0);
	assert_int_equal(w.img.hdr->tunnel_local, DBX_LEAF);
	assert_int_equal(w.img.hdr->tunnel_remotes, DBX_LEAF);
	vec_world_fini(&w);
}

/* Outcomes that pass to public addresses, with and without the flag. */
static void count_guards(const struct vec_world *w, size_t *with, size_t *without)
{
	uint32_t n;
	const struct dbx_outcome *o = dbx_image_section(&w->img, DBX_SEC_OUTCOMES, &n);

	*with = *without = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (o[i].flags & DBX_OUTCOME_F_GUARD) {
			assert_int_equal(o[i].verdict, DBX_VERDICT_PASS);
			assert_true(o[i].path >= DBX_PATH_SERVICE_ENDPOINT);
			++*with;
		} else if (o[i].verdict == DBX_VERDICT_PASS && o[i].path == DBX_PATH_NAT) {
			++*without;
		}
	}
}

static void guards(const char *rule, const char *endpoint, bool want)
{
	char gw[512], ncc[768];
	const char *const docs[] = {gw, FULL("np"), ncc, BIND("1", "np", "a"), NULL};
	size_t with, without;
	struct vec_world w;

	snprintf(gw, sizeof(gw),
		 GATEWAY("\"workspaces\": [" WORKSPACE(
			 "1", "10.1.0.0/24",
			 "") "], "
			     "\"private_endpoints\": [{\"rule_id\": \"pe\", \"addresses\": "
			     "[\"10.9.0.1\"]%s}]"),
		 endpoint);
	snprintf(ncc, sizeof(ncc), NCC("a", "%s"), rule);
	build(&w, docs);
	count_guards(&w, &with, &without);
	if ((with != 0) != want || (without != 0) == want)
		fail_msg("%s %s: %zu guarded, %zu not", rule, endpoint, with, without);
	vec_world_fini(&w);
}

static void test_who_is_guarded(void **state)
{
	(void)state;
	guards(RULE("pe", "a", NAMED("ESTABLISHED")), "", true);
	guards(RULE("pe", "a", NAMED("ESTABLISHED")), ", \"private_required\": true", true);
	guards(RULE("pe", "a", NAMED("ESTABLISHED")), ", \"private_required\": false", false);
	guards(RULE("pe", "a", NAMED("PENDING")), "", true); /* else its public path were open */
	guards(RULE("pe", "a", NAMED("PENDING")), ", \"private_required\": false", false);
	guards(RULE("pe", "a", NAMED("ESTABLISHED") ", \"deactivated\": true"), "", true);
	/* no name follows from it */
	guards(RULE("pe", "a", ", \"group_id\": \"odd\", \"connection_state\": \"ESTABLISHED\""),
	       "", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_by_policy_ncc_and_isolation),
		cmocka_unit_test(test_clusters_are_numbered_by_name),
		cmocka_unit_test(test_quotas),
		cmocka_unit_test(test_answers_to_denials),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_who_is_guarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
