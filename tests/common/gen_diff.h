/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_diff.h -- random models and packets through two engines, that must agree in everything.
 *
 * A difference in verdict, reason, path, workspace, policy or rule is shown with the documents and
 * the frame, and whether the frame alone shows it or only behind the fragments before it.
 */
#ifndef DBX_TESTS_GEN_DIFF_H
#define DBX_TESTS_GEN_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/vec_world.h"

#define GEN_PACKETS_PER_MODEL 1000

/* False: this engine cannot be given such a frame. */
typedef bool (*gen_judge_fn)(void *arg, struct vec_world *w, const char *interface,
			     const void *frame, size_t n_bytes, struct vec_result *r);

struct gen_pair {
	const char *name[2];
	gen_judge_fn judge[2];
	void (*begin)(void *arg, struct vec_world *w);  /* another model; may be NULL */
	void (*forget)(void *arg, struct vec_world *w); /* fragments; may be NULL */
	void *arg;
};

bool gen_judge_host(void *arg, struct vec_world *w, const char *interface, const void *frame,
		    size_t n_bytes, struct vec_result *r);
bool gen_judge_eval(void *arg, struct vec_world *w, const char *interface, const void *frame,
		    size_t n_bytes, struct vec_result *r);

/*
 * n_models models from seed on, GEN_PACKETS_PER_MODEL packets each; DBX_ROUNDS of the environment
 * overrides n_models. Returns how many packets the two disagreed on (it stops after a few), prints
 * what was met, and complains when in many models some reason was never met.
 */
size_t gen_diff_run(const struct gen_pair *p, uint64_t seed, size_t n_models);

/* The same with documents that are there: packets that aim at what they name. */
size_t gen_diff_world(const struct gen_pair *p, struct vec_world *w, uint64_t seed,
		      size_t n_packets);

#endif
