/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec.h -- the table of packet vectors: tests/vectors/NAME.vec, read into frames and expectations.
 *
 * A vector is a sequence of frames, each with what is expected of it; engines forget everything
 * between two vectors. tests/vectors/README.md describes the text.
 */
#ifndef DBX_TESTS_VEC_H
#define DBX_TESTS_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/abi.h"

#define VEC_STEPS_MAX 12

struct vec_step {
	int line;
	char interface[16];
	uint8_t *frame; /* malloc'ed with its exact size, so that ASan sees a read past its end */
	size_t n_bytes;
	enum dbx_verdict verdict;
	enum dbx_reason reason;
	enum dbx_path path;
	int64_t workspace_id; /* -1 = not stated */
	char *policy;         /* NULL = not stated, "" = none */
	char *rule;           /* "document:pointer"; NULL = not stated, "" = none */
	char *via; /* interface of its route; NULL = not stated, "" = the host's routing */
};

struct vec {
	const char *file;
	char name[64];
	struct vec_step steps[VEC_STEPS_MAX];
	size_t n_steps;
};

struct vec_table {
	struct vec *v;
	size_t n, cap;
	char **files;
	size_t n_files;
};

/* Adds the vectors of one file. 0, or -1 with the mistake and its line on standard error. */
int vec_read(struct vec_table *t, const char *path);
/* Adds every *.vec of a directory, in the order of their names. */
int vec_read_dir(struct vec_table *t, const char *dir);
void vec_fini(struct vec_table *t);

/* One frame from its text, e.g. "ip4 10.0.0.1 10.0.0.2 tcp 1 2"; -1 and *why when it is none. */
struct pkt;
int vec_frame(struct pkt *p, const char *text, const char **why);

const char *vec_reason_slug(enum dbx_reason r);
const char *vec_verdict_name(enum dbx_verdict v);
const char *vec_path_name(enum dbx_path p);

#endif
