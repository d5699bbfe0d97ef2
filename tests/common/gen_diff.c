/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_diff.c -- random models and packets through two engines, that must agree in everything.
 */
#include "common/gen_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen.h"
#include "common/vec.h"

#define FORGET_EVERY 50 /* packets: as if time had passed */
#define BAD_MAX      5

struct tally {
	size_t n_packets, n_skipped, n_bad;
	size_t by_reason[DBX_REASON_MAX], by_verdict[DBX_VERDICT_MAX];
};

struct run {
	const struct gen_pair *pair;
	const struct gen_model *model;
	struct vec_world *world;
	uint64_t seed;
	bool is_shown; /* the documents, once a model */
	struct tally t;
};

bool gen_judge_host(void *arg, struct vec_world *w, const char *interface, const void *frame,
		    size_t n_bytes, struct vec_result *r)
{
	(void)arg;
	vec_world_host(w, interface, frame, n_bytes, r);
	return true;
}

bool gen_judge_eval(void *arg, struct vec_world *w, const char *interface, const void *frame,
		    size_t n_bytes, struct vec_result *r)
{
	(void)arg;
	vec_world_eval(w, interface, frame, n_bytes, r);
	return true;
}

static void show_model(struct run *u)
{
	if (u->is_shown)
		return;
	u->is_shown = true;
	for (size_t i = 0; i < u->model->n_docs; i++)
		fprintf(stderr, "--- %s\n%s", u->model->docs[i].name, u->model->docs[i].text);
	fprintf(stderr, "--- of DBX_SEED=%llu DBX_ROUNDS=1\n", (unsigned long long)u->seed);
}

/* Models are made to be accepted: a refusal counts as a disagreement. */
static bool build(struct run *u)
{
	struct vec_world *w = u->world;
	int rc = vec_world_init(w);

	for (size_t i = 0; i < u->model->n_docs && !rc; i++)
		rc = vec_world_add(w, u->model->docs[i].name, u->model->docs[i].text,
				   u->model->docs[i].len);
	if (!rc)
		rc = vec_world_build(w);
	if (!rc)
		return true;
	show_model(u);
	vec_findings_print(&w->diag);
	fprintf(stderr, "the model is refused: %s\n", strerror(-rc));
	u->t.n_bad++;
	return false;
}

static void forget(struct run *u)
{
	vec_world_forget(u->world);
	if (u->pair->forget)
		u->pair->forget(u->pair->arg, u->world);
}

static bool judge(struct run *u, const char *interface, const uint8_t *b, size_t n,
		  struct vec_result r[2])
{
	const struct gen_pair *p = u->pair;

	return p->judge[0](p->arg, u->world, interface, b, n, &r[0]) &&
	       p->judge[1](p->arg, u->world, interface, b, n, &r[1]);
}

static void report(struct run *u, const char *interface, const uint8_t *b, size_t n,
		   const struct vec_result r[2])
{
	struct vec_result alone[2];

	show_model(u);
	fprintf(stderr, "  frame  %s ", interface);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "%02x", b[i]);
	fputc('\n', stderr);
	vec_result_print(u->pair->name[0], &r[0]);
	vec_result_print(u->pair->name[1], &r[1]);
	forget(u);
	if (judge(u, interface, b, n, alone) && vec_result_equal(&alone[0], &alone[1]))
		fprintf(stderr, "  only behind the fragments before it\n");
}

static void one_packet(struct run *u, struct gen_rand *rand)
{
	struct vec_result r[2];
	struct pkt p;
	const char *interface = gen_packet(rand, u->model, &p);
	uint8_t *exact = malloc(p.n ? p.n : 1); /* so that ASan sees a read past its end */

	if (!exact)
		abort();
	memcpy(exact, p.b, p.n);
	if (!judge(u, interface, exact, p.n, r)) {
		u->t.n_skipped++;
	} else {
		u->t.n_packets++;
		u->t.by_reason[r[0].reason]++;
		u->t.by_verdict[r[0].verdict]++;
		if (!vec_result_equal(&r[0], &r[1])) {
			report(u, interface, exact, p.n, r);
			u->t.n_bad++;
		}
	}
	free(exact);
}

static void packets(struct run *u, struct gen_rand *rand, size_t n)
{
	if (u->pair->begin)
		u->pair->begin(u->pair->arg, u->world);
	for (size_t i = 0; i < n && u->t.n_bad < BAD_MAX; i++) {
		if (i % FORGET_EVERY == 0)
			forget(u);
		one_packet(u, rand);
	}
}

static void one_model(struct run *u)
{
	struct gen_rand rand = {.state = u->seed};
	struct gen_model model;
	struct vec_world world;

	u->is_shown = false;
	u->model = &model;
	u->world = &world;
	gen_model(&rand, &model);
	if (build(u))
		packets(u, &rand, GEN_PACKETS_PER_MODEL);
	vec_world_fini(&world);
	gen_model_fini(&model);
}

static void print_tally(const struct tally *t)
{
	printf("%zu packets (%zu more not judged): %zu PASS, %zu DROP, %zu DRY_RUN", t->n_packets,
	       t->n_skipped, t->by_verdict[DBX_VERDICT_PASS], t->by_verdict[DBX_VERDICT_DROP],
	       t->by_verdict[DBX_VERDICT_DRY_RUN]);
	for (int i = 0; i < DBX_REASON_MAX; i++)
		printf("%s%s %zu", i % 6 ? ", " : "\n  ", vec_reason_slug((enum dbx_reason)i),
		       t->by_reason[i]);
	putchar('\n');
	fflush(stdout);
}

/*
 * A reason that is never met means that the generator, or an engine, has gone blind. The reasons from
 * VLAN_HIDDEN on are of flows, DNS and quotas, which have tests of their own, but for a few.
 */
static size_t count_unmet(const struct tally *t)
{
	size_t n = 0;

	for (int i = 0; i < DBX_REASON_MAX; i++) {
		if (i >= DBX_REASON_VLAN_HIDDEN && i != DBX_REASON_CLUSTER_ISOLATION &&
		    i != DBX_REASON_TUNNEL_REMOTE && i != DBX_REASON_BAD_TUNNEL)
			continue;
		if (i == DBX_REASON_NO_IMAGE || i == DBX_REASON_BAD_IMAGE || t->by_reason[i])
			continue;
		fprintf(stderr, "no packet met %s\n", vec_reason_slug((enum dbx_reason)i));
		n++;
	}
	return n;
}

size_t gen_diff_run(const struct gen_pair *p, uint64_t seed, size_t n_models)
{
	const char *rounds = getenv("DBX_ROUNDS");
	struct run u = {.pair = p};

	if (rounds && *rounds)
		n_models = strtoull(rounds, NULL, 10);
	for (size_t i = 0; i < n_models && u.t.n_bad < BAD_MAX; i++) {
		u.seed = seed + i;
		one_model(&u);
	}
	print_tally(&u.t);
	return u.t.n_bad ? u.t.n_bad : n_models >= 200 ? count_unmet(&u.t) : 0;
}

size_t gen_diff_world(const struct gen_pair *p, struct vec_world *w, uint64_t seed,
		      size_t n_packets)
{
	struct run u = {.pair = p, .world = w, .seed = seed, .is_shown = true};
	struct gen_rand rand = {.state = seed};
	struct gen_model model;

	while (u.t.n_packets + u.t.n_skipped < n_packets && u.t.n_bad < BAD_MAX) {
		gen_sample(&rand, w->m, &model);
		u.model = &model;
		packets(&u, &rand, 200);
	}
	print_tally(&u.t);
	return u.t.n_bad;
}
