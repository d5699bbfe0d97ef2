// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_explain_random.c -- over random gateways the steps always tell the verdict that was given.
 *
 * DBX_SEED repeats a run. A step that decides twice, not at all, or otherwise than the classifier is
 * a failure, and so is any disagreement with the evaluator. Every second gateway has a resolver.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/gen.h"
#include "common/vec_world.h"
#include "lib/name.h"
#include "policy/explain.h"

#define MODELS  40
#define QUERIES 250

static void build(struct vec_world *w, const struct gen_model *g, bool has_dns)
{
	assert_int_equal(vec_world_init(w), 0);
	for (size_t i = 0; i < g->n_docs; i++)
		assert_int_equal(vec_world_add(w, g->docs[i].name, g->docs[i].text, g->docs[i].len),
				 0);
	w->m->gateway.dns.has = has_dns;
	assert_int_equal(vec_world_build(w), 0);
}

static int keep_name(void *arg, const char *name)
{
	snprintf(arg, DBX_NAME_SIZE, "%s", name);
	return 1;
}

/* A name of a private endpoint rule, sometimes the one in the private zone; NULL: it has none. */
static const char *pick_private_name(struct gen_rand *r, const struct dbx_model *m)
{
	static char name[DBX_NAME_SIZE], alias[DBX_NAME_SIZE];
	const struct dbx_pe_rule *rule = &m->pe_rules[gen_below(r, (uint32_t)m->n_pe_rules)];

	if (dbx_pe_rule_names(rule, "eastus2", keep_name, name) != 1)
		return NULL;
	return gen_percent(r, 20) && dbx_pe_rule_private_name(rule, name, alias) ? alias : name;
}

/* A name that some list of the documents has, else one that none has. */
static const char *pick_name(struct gen_rand *r, const struct dbx_model *m)
{
	const struct dbx_policy *p;
	const char *name;

	name = m->n_pe_rules && gen_percent(r, 40) ? pick_private_name(r, m) : NULL;
	if (name)
		return name;
	if (!m->n_policies)
		return "nobody.example.com";
	p = &m->policies[gen_below(r, (uint32_t)m->n_policies)];
	if (p->n_allowed && gen_percent(r, 60))
		name = p->allowed[gen_below(r, (uint32_t)p->n_allowed)].name;
	else if (p->n_blocked)
		name = p->blocked[gen_below(r, (uint32_t)p->n_blocked)].name;
	else
		name = NULL;
	if (!name)
		return "nobody.example.com";
	return name[0] == '*' ? name + 2 : name;
}

static void pick_query(struct gen_rand *r, const struct gen_model *g, const struct dbx_model *m,
		       char dst[DBX_ADDR_STRLEN], struct dbx_explain_query *q)
{
	static const uint8_t protos[] = {6, 6, 17, 1, 58, 132, 47};
	const struct gen_source *s = &g->sources[gen_below(r, (uint32_t)g->n_sources)];
	struct dbx_addr a = {0};
	struct pkt_addr at;

	at = g->n_prefixes && gen_percent(r, 80)
		     ? gen_addr_at(r, &g->prefixes[gen_below(r, (uint32_t)g->n_prefixes)])
		     : gen_addr(r, gen_percent(r, 50));
	a.is_v6 = at.is_v6;
	memcpy(a.a, at.a, at.is_v6 ? 16 : 4);
	*q = (struct dbx_explain_query){
		.workspace_id = s->workspace_id,
		.dst = gen_percent(r, 15) ? pick_name(r, m) : dbx_addr_format(&a, dst),
		.proto = protos[gen_below(r, sizeof(protos))],
		.port = gen_port(r),
		.product = -1,
	};
}

/* Live, or not; a name that is said; an address that was learned for it, for another one, or for none. */
static void pick_state(struct gen_rand *r, const struct dbx_model *m, struct dbx_explain_learned *l,
		       struct dbx_explain_query *q)
{
	static char other[] = "other.example.net";
	bool is_addr = dbx_addr_parse(q->dst, &l->addr) == 0;

	if (gen_percent(r, 40))
		q->name = pick_name(r, m);
	q->is_live = gen_percent(r, 60);
	if (!q->is_live || gen_percent(r, 40))
		return;
	l->name = gen_percent(r, 30) ? other : (char *)(uintptr_t)(q->name ? q->name : q->dst);
	if (!is_addr)
		l->addr = dbx_addr_v4(gen_below(r, 0xffffffff));
	l->expires_in_s = gen_below(r, 100);
	l->is_guard = gen_percent(r, 40);
	q->learned = l;
	q->n_learned = 1;
}

static bool decides(const char *result)
{
	return !strcmp(result, "allow") || !strcmp(result, "deny") || !strcmp(result, "dry-run");
}

static void check_steps(const struct dbx_explanation *e)
{
	static const char *const want[] = {
		[DBX_VERDICT_DROP] = "deny",
		[DBX_VERDICT_PASS] = "allow",
		[DBX_VERDICT_DRY_RUN] = "dry-run",
	};
	size_t n_deciding = 0;
	const char *result = "";

	for (size_t i = 0; i < e->n_steps; i++) {
		if (!decides(e->steps[i].result))
			continue;
		n_deciding++;
		result = e->steps[i].result;
	}
	if (n_deciding == 1 && strcmp(result, want[e->verdict]) == 0 &&
	    (e->advice[0] == '\0') == (e->verdict == DBX_VERDICT_PASS))
		return;
	for (size_t i = 0; i < e->n_steps; i++)
		fprintf(stderr, "  %s: %s: %s\n", e->steps[i].name, e->steps[i].result,
			e->steps[i].text);
	fail_msg("%" PRId64 " -> %s: %s %s, advice \"%s\", %zu steps decide", e->workspace_id,
		 e->dst, dbx_verdict_name(e->verdict), dbx_reason_slug(e->reason), e->advice,
		 n_deciding);
}

static void check_output(const struct dbx_explanation *e)
{
	char *json = dbx_explanation_json(e), *text = dbx_explanation_text(e);
	json_t *j = json_loads(json, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(j);
	assert_int_equal(json_array_size(json_object_get(j, "steps")), e->n_steps);
	assert_non_null(strstr(text, dbx_reason_slug(e->reason)));
	json_decref(j);
	free(json);
	free(text);
}

/* True when the question could be answered. */
static bool ask(const struct vec_world *w, const struct dbx_explain_query *q)
{
	struct dbx_explanation e;
	struct dbx_diag d;
	int rc;

	dbx_diag_init(&d);
	rc = dbx_explain(w->m, &w->img, q, &e, &d);
	if (!rc && d.n)
		fail_msg("%s: %s", q->dst, d.v[0].text);
	if (rc && strcmp(d.v[0].code, "no-source") != 0)
		fail_msg("%s: %s", q->dst, d.v[0].text);
	dbx_diag_fini(&d);
	if (rc)
		return false;
	check_steps(&e);
	check_output(&e);
	dbx_explanation_fini(&e);
	return true;
}

static void run(uint64_t seed)
{
	size_t n_answered = 0;

	for (uint64_t i = 0; i < MODELS; i++) {
		struct gen_rand r = {.state = seed + i};
		struct dbx_explain_learned l = {.name = NULL};
		struct dbx_explain_query q;
		char dst[DBX_ADDR_STRLEN];
		struct gen_model g;
		struct vec_world w;

		gen_model(&r, &g);
		build(&w, &g, i % 2);
		for (int k = 0; k < QUERIES && g.n_sources; k++) {
			pick_query(&r, &g, w.m, dst, &q);
			pick_state(&r, w.m, &l, &q);
			n_answered += ask(&w, &q);
		}
		vec_world_fini(&w);
		gen_model_fini(&g);
	}
	assert_true(n_answered > MODELS * QUERIES / 4);
}

static void test_fixed_seed(void **state)
{
	(void)state;
	run(20260821);
}

static void test_fresh_seed(void **state)
{
	(void)state;
	run(gen_seed("test_explain_random"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_seed),
		cmocka_unit_test(test_fresh_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
