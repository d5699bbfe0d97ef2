/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_daemon_dns_namer.c -- documents in, and the resolver's questions answered by what is in force:
 * who a source is, what its policy says to a name, and that an allowed one is learned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/core_names.h"
#include "daemon/dns_resolver.h"
#include "policy/read.h"

static const char gateway[] =
	"{\"gateway\":{\"name\":\"gw\",\"interfaces\":[{\"name\":\"ws1\"}],"
	"\"dns\":{\"upstreams\":[\"192.0.2.53\",{\"address\":\"2001:db8::53\",\"port\":5353}],"
	"\"attempt_ms\":500},"
	"\"workspaces\":[{\"workspace_id\":1001,\"name\":\"a\",\"sources\":["
	"{\"prefix\":\"10.66.1.0/24\",\"interface\":\"ws1\"},{\"prefix\":\"fd66:1::/64\"}]},"
	"{\"workspace_id\":1002,\"name\":\"b\",\"sources\":[{\"prefix\":\"10.66.2.0/24\","
	"\"vlan\":100}]}]}}";
static const char policy[] =
	"{\"network_policy_id\":\"np-a\",\"egress\":{\"network_access\":{"
	"\"restriction_mode\":\"RESTRICTED_ACCESS\",\"allowed_internet_destinations\":["
	"{\"destination\":\"*.example.com\",\"internet_destination_type\":\"DNS_NAME\"}]}}}";
static const char option[] = "{\"workspace_id\":1001,\"network_policy_id\":\"np-a\"}";

struct lab {
	struct dbx_model *m;
	struct dbx_diag diag;
	struct dbx_built built;
	struct dbx_dp *dp;
	struct dbx_namer *namer;
};

static void read_text(struct lab *l, const char *name, const char *text)
{
	if (!dbx_read(l->m, name, text, strlen(text), DBX_DOC_UNKNOWN, &l->diag))
		return;
	for (size_t i = 0; i < l->diag.n; i++)
		print_error("%s %s: %s\n", l->diag.v[i].code, l->diag.v[i].ptr, l->diag.v[i].text);
	fail();
}

static void enforce(struct lab *l, uint64_t generation)
{
	struct dbx_compile_stats stats;
	struct dbx_view_parts parts;
	struct dbx_fail f;

	dbx_built_fini(&l->built);
	assert_int_equal(dbx_core_compile(l->m, generation, &l->built, &stats, &l->diag, &f), 0);
	assert_int_equal(dbx_core_view_build(l->m, &l->built, &parts, &f), 0);
	dbx_namer_settle(l->namer, &parts);
}

static void begin(struct lab *l)
{
	struct dbx_dp_opts o = {0};
	struct dbx_dp_state state;
	struct dbx_dp_error err;

	memset(l, 0, sizeof(*l));
	l->m = dbx_model_new();
	dbx_diag_init(&l->diag);
	read_text(l, "gateway.json", gateway);
	read_text(l, "policy.json", policy);
	read_text(l, "option.json", option);
	assert_int_equal(dbx_dp_mem.open(&l->dp, &o, &state, &err), 0);
	assert_int_equal(
		dbx_namer_new(&l->namer, &(struct dbx_namer_opts){.ops = &dbx_dp_mem, .dp = l->dp}),
		0);
}

static void end(struct lab *l)
{
	struct dbx_dp_opts o = {0};

	dbx_namer_free(&l->namer);
	dbx_dp_mem.close(&l->dp);
	dbx_dp_mem.uninstall(&o, &(struct dbx_dp_error){""});
	dbx_built_fini(&l->built);
	dbx_diag_fini(&l->diag);
	dbx_model_free(&l->m);
}

static bool source_of(const struct dbx_view *v, const char *text, struct dbx_dns_source *s)
{
	struct dbx_addr a;

	assert_int_equal(dbx_addr_parse(text, &a), 0);
	return dbx_dns_namer_hooks.source(v, &a, s);
}

static void test_questions(void **state)
{
	const struct dbx_dns_hooks *h = &dbx_dns_namer_hooks;
	const struct dbx_dns_options *o;
	struct dbx_name_decision d;
	struct dbx_dns_source s;
	const struct dbx_view *v;
	struct lab l;

	(void)state;
	begin(&l);
	assert_null(h->view_get(l.namer));
	enforce(&l, 4);
	v = h->view_get(l.namer);
	assert_non_null(v);
	assert_int_equal(v->generation, 4);
	o = h->options(v);
	assert_non_null(o);
	assert_int_equal(o->n_upstreams, 2);
	assert_int_equal(o->upstreams[0].port, 53);
	assert_int_equal(o->upstreams[1].port, 5353);
	assert_int_equal(o->attempt_ms, 500);
	assert_true(o->timeout_ms && o->cache_entries && o->max_ttl_s);
	assert_true(source_of(v, "10.66.1.10", &s));
	assert_int_equal(s.workspace_id, 1001);
	assert_true(source_of(v, "fd66:1::10", &s));
	assert_int_equal(s.workspace_id, 1001);
	assert_false(source_of(v, "10.66.3.1", &s));
	assert_false(source_of(v, "fd66:3::1", &s));
	assert_true(source_of(v, "10.66.2.9", &s)); /* nobody else has it, on whatever VLAN */
	assert_int_equal(s.workspace_id, 1002);
	h->decide(v, &s, "www.example.com", &d);
	assert_int_equal(d.reason, DBX_REASON_NO_POLICY);
	s.workspace_id = 1001;
	h->decide(v, &s, "www.example.com", &d);
	assert_int_equal(d.verdict, DBX_VERDICT_PASS);
	assert_true(d.needs_learning && d.policy_uid && d.rule_uid);
	h->decide(v, &s, "example.com", &d);
	assert_int_equal(d.verdict, DBX_VERDICT_DROP);
	h->decide(v, &s, "\\", &d); /* what the resolver asks for names that no entry can be */
	assert_int_equal(d.reason, DBX_REASON_DNS_DENIED);
	h->view_put(l.namer, v);
	end(&l);
}

static void test_learning(void **state)
{
	const struct dbx_dns_hooks *h = &dbx_dns_namer_hooks;
	struct dbx_addr a = dbx_addr_v4(0xc0000201);
	struct dbx_dns_source s = {.workspace_id = 1001};
	struct dbx_name_decision d;
	struct dbx_namer_stats stats;
	const struct dbx_view *v;
	struct dbx_lesson lesson;
	struct lab l;

	(void)state;
	begin(&l);
	enforce(&l, 1);
	v = h->view_get(l.namer);
	h->decide(v, &s, "www.example.com", &d);
	lesson = (struct dbx_lesson){
		.policy_uid = d.policy_uid,
		.rule_uid = d.rule_uid,
		.name = "www.example.com",
		.addrs = &a,
		.n_addrs = 1,
		.ttl_s = 60,
		.generation = v->generation,
	};
	h->view_put(l.namer, v);
	assert_int_equal(h->learn(l.namer, &lesson), 0);
	enforce(&l, 2);
	assert_int_equal(h->learn(l.namer, &lesson), -ESTALE); /* judged by generation 1 */
	dbx_namer_stats(l.namer, &stats);
	assert_int_equal(stats.n_bound, 1);
	lesson.generation = 2;
	assert_int_equal(h->learn(l.namer, &lesson), 0);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_learning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
