/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec_world.h -- a model with its image, and the two judges of user space over it.
 *
 * Results of every engine come in one form, so that "equal" means equal in verdict, reason, path,
 * workspace, policy, rule and mark.
 */
#ifndef DBX_TESTS_VEC_WORLD_H
#define DBX_TESTS_VEC_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/diag.h"
#include "policy/eval.h"
#include "policy/image.h"
#include "policy/judge.h"
#include "policy/model.h"

struct vec_result {
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	enum dbx_path path;
	int64_t workspace_id;
	const char *policy;   /* "" = none; owned by the world */
	const char *rule_doc; /* "" = none */
	const char *rule_ptr;
	uint32_t mark; /* that it leaves with; 0 = none */
};

struct vec_world {
	struct dbx_model *m;
	struct dbx_diag diag;
	void *image; /* malloc'ed with its exact size */
	size_t image_bytes;
	struct dbx_image img;
	struct dbx_frags *frags;
	struct dbx_eval eval;
};

/* Documents one after another, then vec_world_build(). 0, or -errno with the findings in diag. */
int vec_world_init(struct vec_world *w);
int vec_world_add(struct vec_world *w, const char *name, const char *text, size_t len);
int vec_world_build(struct vec_world *w);
/* The *.json of a directory. */
int vec_world_read(struct vec_world *w, const char *dir);
/* Read and built; findings go to standard error. */
int vec_world_load(struct vec_world *w, const char *dir);
void vec_world_fini(struct vec_world *w);

/* Both engines forget all fragments. */
void vec_world_forget(struct vec_world *w);

/* interface "-": not checked. */
void vec_world_host(struct vec_world *w, const char *interface, const void *frame, size_t n_bytes,
		    struct vec_result *r);
void vec_world_eval(struct vec_world *w, const char *interface, const void *frame, size_t n_bytes,
		    struct vec_result *r);
/* A result as the classifier gives it, with its indices looked up in the image. */
void vec_result_of(const struct dbx_image *img, const struct dbx_result *in, struct vec_result *r);

struct vec;
struct vec_step;
bool vec_step_meets(const struct vec_world *w, const struct vec_step *s,
		    const struct vec_result *r);
void vec_step_print(const struct vec *v, const struct vec_step *s); /* name, frame, expectation */

bool vec_result_equal(const struct vec_result *x, const struct vec_result *y);
void vec_result_print(const char *who, const struct vec_result *r);
void vec_findings_print(const struct dbx_diag *d);

#endif
