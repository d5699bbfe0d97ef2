/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_peers.c -- what other egress filters get wrong: named regression tests, in user space.
 *
 * Each case of common/vec_peers.c through the classifier on the host and the evaluator, and what is
 * wrong with documents rather than with frames. The kernel's half is test_dp_peers.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pkt.h"
#include "common/vec.h"
#include "common/vec_peers.h"
#include "common/vec_world.h"
#include "lib/strbuf.h"
#include "policy/compile.h"
#include "policy/read.h"

static struct vec_world world;

static void expect(struct vec_world *w, const char *interface, const char *text,
		   enum dbx_verdict verdict, enum dbx_reason reason)
{
	struct vec_result host, eval;
	const char *why;
	struct pkt p;

	if (vec_frame(&p, text, &why))
		fail_msg("%s: %s", text, why);
	vec_world_host(w, interface, p.b, p.n, &host);
	vec_world_eval(w, interface, p.b, p.n, &eval);
	if (host.verdict == verdict && host.reason == reason && vec_result_equal(&host, &eval))
		return;
	fprintf(stderr, "  frame  %s\n  want   %s %s\n", text, vec_verdict_name(verdict),
		vec_reason_slug(reason));
	vec_result_print("host", &host);
	vec_result_print("eval", &eval);
	fail();
}

static void test_case(void **state)
{
	const struct peer_case *c = *state;

	vec_world_forget(&world);
	for (size_t i = 0; i < PEER_FRAMES_MAX && c->frames[i].frame; i++)
		expect(&world, c->frames[i].interface, c->frames[i].frame, c->frames[i].verdict,
		       c->frames[i].reason);
}

/* ---- documents ---- */

#define POLICY                                                                          \
	"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": " \
	"{\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}"

/* A gateway with one workspace, 10.0.0.0/8, and the given allowed destinations. */
static int gateway(struct vec_world *w, const char *allowed)
{
	struct dbx_strbuf b;
	int rc = vec_world_init(w);

	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], "
			   "\"workspaces\": [{\"workspace_id\": 1, \"sources\": "
			   "[{\"prefix\": \"10.0.0.0/8\"}]}], \"allowed_destinations\": [");
	dbx_strbuf_add(&b, allowed);
	dbx_strbuf_add(&b, "]}}");
	assert_int_equal(b.err, 0);
	if (!rc)
		rc = vec_world_add(w, "default-policy.json", POLICY, strlen(POLICY));
	if (!rc)
		rc = vec_world_add(w, "gateway.json", b.s, b.len);
	if (!rc)
		rc = vec_world_build(w);
	dbx_strbuf_fini(&b);
	return rc;
}

/* npa#609, and Azure's and AWS's own files, which nest: both entries count, in any order. */
static void test_overlapping_prefixes_are_no_error(void **state)
{
	static const char wide[] = "{\"label\": \"wide\", \"prefixes\": [\"192.0.0.0/16\", "
				   "\"192.0.2.0/24\"], \"protocol\": \"tcp\", \"ports\": [443]}";
	static const char narrow[] = "{\"label\": \"narrow\", \"prefixes\": [\"192.0.2.7/32\", "
				     "\"192.0.2.0/24\"], \"protocol\": \"tcp\", \"ports\": [80]}";
	char both[512];

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		struct vec_world w;

		snprintf(both, sizeof(both), "%s, %s", turn ? wide : narrow, turn ? narrow : wide);
		assert_int_equal(gateway(&w, both), 0);
		expect(&w, "ws1", "ip4 10.0.0.1 192.0.2.7 tcp 1 443", DBX_VERDICT_PASS,
		       DBX_REASON_LISTED_PREFIX);
		expect(&w, "ws1", "ip4 10.0.0.1 192.0.2.7 tcp 1 80", DBX_VERDICT_PASS,
		       DBX_REASON_LISTED_PREFIX);
		expect(&w, "ws1", "ip4 10.0.0.1 192.0.2.8 tcp 1 80", DBX_VERDICT_PASS,
		       DBX_REASON_LISTED_PREFIX);
		expect(&w, "ws1", "ip4 10.0.0.1 192.0.3.8 tcp 1 443", DBX_VERDICT_PASS,
		       DBX_REASON_LISTED_PREFIX);
		expect(&w, "ws1", "ip4 10.0.0.1 192.0.3.8 tcp 1 80", DBX_VERDICT_DROP,
		       DBX_REASON_PORT_NOT_LISTED);
		expect(&w, "ws1", "ip4 10.0.0.1 192.1.0.0 tcp 1 443", DBX_VERDICT_DROP,
		       DBX_REASON_NO_MATCH);
		vec_world_fini(&w);
	}
}

static bool has_finding(const struct dbx_diag *d, const char *code)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].severity == DBX_SEV_ERROR && !strcmp(d->v[i].code, code))
			return true;
	}
	return false;
}

/* The other half of npa#609: 10.1.2.3/16 silently took the place of 10.1.0.0/16. */
static void test_prefix_with_host_bits_is_refused(void **state)
{
	struct vec_world w;

	(void)state;
	assert_int_equal(gateway(&w, "{\"label\": \"a\", \"prefixes\": [\"192.0.2.1/24\"]}"),
			 -EINVAL);
	assert_true(has_finding(&w.diag, "host-bits"));
	vec_world_fini(&w);
}

/* The agent keeps 24 port entries a prefix, and drops the rest. */
static void test_many_ports_of_one_prefix(void **state)
{
	struct dbx_strbuf b;
	struct vec_world w;
	char frame[64];

	(void)state;
	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "{\"label\": \"a\", \"prefixes\": [\"192.0.2.0/24\"], "
			   "\"protocol\": \"tcp\", \"ports\": [");
	for (int i = 0; i < 500; i++)
		dbx_strbuf_addf(&b, "%s%d", i ? ", " : "", 1000 + i * 100);
	dbx_strbuf_add(&b, "]}");
	assert_int_equal(gateway(&w, b.s), 0);
	for (int i = 0; i < 500; i++) {
		snprintf(frame, sizeof(frame), "ip4 10.0.0.1 192.0.2.7 tcp 1 %d", 1000 + i * 100);
		expect(&w, "ws1", frame, DBX_VERDICT_PASS, DBX_REASON_LISTED_PREFIX);
		snprintf(frame, sizeof(frame), "ip4 10.0.0.1 192.0.2.7 tcp 1 %d", 1001 + i * 100);
		expect(&w, "ws1", frame, DBX_VERDICT_DROP, DBX_REASON_PORT_NOT_LISTED);
	}
	vec_world_fini(&w);
	dbx_strbuf_fini(&b);
}

/* n entries of one address each: every one is a class of its own. */
static void add_many(struct dbx_strbuf *b, const char *key, uint32_t first, int n)
{
	dbx_strbuf_addf(b, "\"%s\": [", key);
	for (int i = 0; i < n; i++) {
		uint32_t a = first + (uint32_t)i;

		dbx_strbuf_addf(b, "%s{\"label\": \"%s-%d\", \"prefixes\": [\"%u.%u.%u.%u/32\"]}",
				i ? ", " : "", key, i, a >> 24, a >> 16 & 255, a >> 8 & 255,
				a & 255);
	}
	dbx_strbuf_add(b, "]");
}

/* Cilium's policy and ipcache maps overflow: entries are lost, and the rest is enforced. */
static void test_policy_that_does_not_fit_is_refused_whole(void **state)
{
	struct dbx_compile_opts opts = {.generation = 1};
	struct dbx_compile_stats stats;
	struct dbx_strbuf b;
	struct vec_world w;
	void *image = &w;
	size_t n_bytes = 12345;

	(void)state;
	assert_int_equal(vec_world_init(&w), 0);
	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "{\"gateway\": {\"interfaces\": [], \"workspaces\": [], ");
	add_many(&b, "platform_sets", 0x14000000, 40000);
	dbx_strbuf_add(&b, ", ");
	add_many(&b, "allowed_destinations", 0x15000000, 40000);
	dbx_strbuf_add(&b, "}}");
	assert_int_equal(vec_world_add(&w, "gateway.json", b.s, b.len), 0);
	assert_int_equal(dbx_model_resolve(w.m, &w.diag), 0);
	assert_int_equal(dbx_compile(w.m, &opts, &image, &n_bytes, &stats, &w.diag), -E2BIG);
	/* Nothing was handed out, and the finding says how many there were. */
	assert_ptr_equal(image, &w);
	assert_int_equal(n_bytes, 12345);
	assert_true(dbx_diag_has_errors(&w.diag));
	assert_non_null(strpbrk(w.diag.v[w.diag.n - 1].text, "0123456789"));
	printf("%s\n", w.diag.v[w.diag.n - 1].text);
	vec_world_fini(&w);
	dbx_strbuf_fini(&b);
}

/* One list that is too long is refused by the reader, with its length. */
static void test_list_that_is_too_long_is_refused_whole(void **state)
{
	struct dbx_strbuf b;
	struct vec_world w;

	(void)state;
	assert_int_equal(vec_world_init(&w), 0);
	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "{\"gateway\": {\"interfaces\": [], \"workspaces\": [], ");
	add_many(&b, "allowed_destinations", 0x15000000, 65536);
	dbx_strbuf_add(&b, "}}");
	assert_int_equal(vec_world_add(&w, "gateway.json", b.s, b.len), -EINVAL);
	assert_true(has_finding(&w.diag, "limit"));
	vec_world_fini(&w);
	dbx_strbuf_fini(&b);
}

#define ONE_PORT                                                                       \
	"{\"label\": \"a\", \"prefixes\": [\"192.0.2.0/24\"], \"protocol\": \"tcp\", " \
	"\"ports\": [443]}"

/* A first fragment that was allowed does not carry its datagram over an update that denies it. */
static void test_remembered_fragment_outlives_its_rule(void **state)
{
	struct vec_world before, after;
	struct dbx_result r;
	const char *why;
	struct pkt p;

	(void)state;
	assert_int_equal(gateway(&before, ONE_PORT), 0);
	assert_int_equal(gateway(&after, ""), 0);
	assert_int_equal(vec_frame(&p, "ip4 10.0.0.1 192.0.2.1 id=9 mf=1 tcp 1 443 fill 4", &why),
			 0);
	dbx_judge_frame(&before.img, before.frags, p.b, p.n, DBX_PORT_ANY, NULL, &r);
	assert_int_equal(r.verdict, DBX_VERDICT_PASS);
	assert_int_equal(vec_frame(&p, "ip4 10.0.0.1 192.0.2.1 id=9 off=3 proto=6 fill 8", &why),
			 0);
	dbx_judge_frame(&before.img, before.frags, p.b, p.n, DBX_PORT_ANY, NULL, &r);
	assert_int_equal(r.verdict, DBX_VERDICT_PASS);
	dbx_judge_frame(&after.img, before.frags, p.b, p.n, DBX_PORT_ANY, NULL, &r);
	assert_int_equal(r.verdict, DBX_VERDICT_DROP);
	assert_int_equal(r.reason, DBX_REASON_NO_MATCH);
	vec_world_fini(&after);
	vec_world_fini(&before);
}

/* ---- ids of rules: what counters are kept by ---- */

#define UID_GATEWAY(services)                                                                    \
	"{\"gateway\": {\"gateway_addresses\": [\"10.0.0.1\"], \"gateway_services\": [" services \
	"], \"workspaces\": [{\"workspace_id\": 1, \"sources\": "                                \
	"[{\"prefix\": \"10.0.0.0/8\"}]}], \"private_endpoints\": ["                             \
	"{\"rule_id\": \"pe-dfs\", \"addresses\": [\"192.168.9.1\"]}, "                          \
	"{\"rule_id\": \"pe-blob\", \"addresses\": [\"192.168.9.2\"]}]}}"
#define ICMP "{\"protocol\": \"icmp\"}"
#define DNS  "{\"protocol\": \"udp\", \"ports\": [53]}"
#define UID_STORAGE(service)                                 \
	"{\"storage_destination_type\": \"AZURE_STORAGE\", " \
	"\"azure_storage_account\": \"lake\", \"azure_storage_service\": \"" service "\"}"
#define UID_PE(service)                                                                            \
	"{\"rule_id\": \"pe-" service "\", \"group_id\": \"" service "\", \"resource_id\": "       \
	"\"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake\", " \
	"\"connection_state\": \"ESTABLISHED\"}"

static void uid_world(struct vec_world *w, const char *gateway)
{
	static const char *const others[] = {
		"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": "
		"{\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_storage_destinations\": "
		"[" UID_STORAGE("dfs") ", " UID_STORAGE("blob") "]}}}",
		"{\"network_connectivity_config_id\": \"ncc\", \"name\": \"ncc\", \"region\": "
		"\"eastus2\", \"egress_config\": {\"target_rules\": "
		"{\"azure_private_endpoint_rules\": [" UID_PE("dfs") ", " UID_PE("blob") "]}}}",
		"{\"workspace_id\": 1, \"network_connectivity_config_id\": \"ncc\"}"};

	assert_int_equal(vec_world_init(w), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(vec_world_add(w, "other.json", others[i], strlen(others[i])), 0);
	assert_int_equal(vec_world_add(w, "gateway.json", gateway, strlen(gateway)), 0);
	assert_int_equal(vec_world_build(w), 0);
}

static uint64_t uid_of(struct vec_world *w, const char *text)
{
	struct dbx_result r;
	const char *why;
	struct pkt p;

	assert_int_equal(vec_frame(&p, text, &why), 0);
	dbx_judge_frame(&w->img, w->frags, p.b, p.n, DBX_PORT_ANY, NULL, &r);
	assert_int_equal(r.verdict, DBX_VERDICT_PASS);
	assert_true(r.rule_uid);
	return r.rule_uid;
}

static void test_rule_ids_say_what_not_where(void **state)
{
	static const char ping[] = "ip4 10.0.0.5 10.0.0.1 icmp 8 0",
			  dns[] = "ip4 10.0.0.5 10.0.0.1 udp 1 53";
	struct vec_world a, b;

	(void)state;
	uid_world(&a, UID_GATEWAY(ICMP ", " DNS));
	uid_world(&b, UID_GATEWAY(DNS ", " ICMP));
	assert_int_equal(uid_of(&a, ping), uid_of(&b, ping));
	assert_int_equal(uid_of(&a, dns), uid_of(&b, dns));
	assert_true(uid_of(&a, ping) != uid_of(&a, dns));
	/* blob and dfs of one account are two entries. */
	assert_true(uid_of(&a, "ip4 10.0.0.5 192.168.9.1 tcp 1 443") !=
		    uid_of(&a, "ip4 10.0.0.5 192.168.9.2 tcp 1 443"));
	vec_world_fini(&a);
	vec_world_fini(&b);
}

static int setup(void **state)
{
	(void)state;
	return vec_world_load(&world, "tests/vectors/policy");
}

static int teardown(void **state)
{
	(void)state;
	vec_world_fini(&world);
	return 0;
}

#define N_FIXED 7

int main(void)
{
	const struct CMUnitTest fixed[N_FIXED] = {
		cmocka_unit_test(test_overlapping_prefixes_are_no_error),
		cmocka_unit_test(test_prefix_with_host_bits_is_refused),
		cmocka_unit_test(test_many_ports_of_one_prefix),
		cmocka_unit_test(test_policy_that_does_not_fit_is_refused_whole),
		cmocka_unit_test(test_list_that_is_too_long_is_refused_whole),
		cmocka_unit_test(test_remembered_fragment_outlives_its_rule),
		cmocka_unit_test(test_rule_ids_say_what_not_where),
	};
	struct CMUnitTest tests[64];
	size_t n = 0;

	for (size_t i = 0; i < n_peer_cases; i++)
		tests[n++] = (struct CMUnitTest){.name = peer_cases[i].name,
						 .test_func = test_case,
						 .initial_state = (void *)&peer_cases[i]};
	for (size_t i = 0; i < N_FIXED; i++)
		tests[n++] = fixed[i];
	return _cmocka_run_group_tests("test_peers", tests, n, setup, teardown);
}
