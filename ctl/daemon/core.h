/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * core.h -- what the daemon stands for: the stored documents, the model and image made of them, and
 * the data plane that enforces it. Knows nothing of HTTP, sockets or the event loop.
 *
 * Invariant: between calls, model and image are those of revision head, and the data plane enforces
 * the image, unless `degraded` says in a sentence why not.
 */
#ifndef DBX_DAEMON_CORE_H
#define DBX_DAEMON_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/docs.h"
#include "daemon/fail.h"
#include "daemon/store.h"
#include "dataplane/dp.h"
#include "policy/compile.h"
#include "policy/diag.h"
#include "policy/diff.h"
#include "policy/image.h"
#include "policy/model.h"

/* An image and the memory that it lies in; mem NULL: none. */
struct dbx_built {
	void *mem;
	struct dbx_image img;
};

struct dbx_namer;
struct dbx_paths;
struct dbx_paths_ops;
struct dbx_usage;

struct dbx_core {
	struct dbx_store *store;
	const struct dbx_dp_ops *ops;
	struct dbx_dp *dp;
	struct dbx_dp_state dp_state; /* as found at start */
	struct dbx_namer *namer;      /* NULL: the driver knows no names */
	struct dbx_paths *paths;      /* NULL: nothing carries out what marks ask for (tests) */
	struct dbx_usage *usage;
	struct dbx_revision head;
	struct dbx_model *model; /* never NULL after open */
	struct dbx_built now;
	struct dbx_built prev; /* of the generation before: late events name its rules */
	struct dbx_compile_stats stats;
	uint64_t generation;          /* that the data plane enforces, 0 = none */
	char degraded[1024];          /* "" = all is well */
	int64_t stranded_rev;         /* stored, not in force, still to be taken back; 0 = none */
	void (*on_change)(void *arg); /* after another generation or document set took over */
	void *on_change_arg;
};

struct dbx_core_opts {
	const char *state_path; /* of the database */
	const struct dbx_dp_ops *ops;
	struct dbx_dp_opts dp;
	const struct dbx_paths_ops *paths; /* NULL: the host's routing is left alone */
};

/*
 * Opens store and data plane and makes them agree. Documents that cannot be compiled any more leave
 * the pinned generation in force, and `degraded` set.
 */
int dbx_core_open(struct dbx_core *c, const struct dbx_core_opts *o, struct dbx_fail *f);
void dbx_core_close(struct dbx_core *c); /* lets go: enforcement goes on */

void dbx_built_fini(struct dbx_built *b);

/* ---- apply ---- */

struct dbx_input { /* one text as handed in; not owned */
	const char *name;
	const char *text;
	size_t len;
	enum dbx_doc_kind kind; /* UNKNOWN: to be detected */
};

struct dbx_object_ref {
	enum dbx_doc_kind kind;
	const char *id;
};

struct dbx_apply_req {
	const struct dbx_input *inputs;
	size_t n_inputs;
	const struct dbx_object_ref *removals;
	size_t n_removals;
	int64_t rollback_to; /* 0 = no; else inputs and removals are empty */
	bool dry_run, force;
	uint32_t uid;
	const char *message;
};

struct dbx_apply_times { /* milliseconds */
	double read, check, compile, build_and_flip, store, total;
};

struct dbx_apply_result {
	int64_t revision;
	uint64_t generation_before, generation;
	bool changed; /* dry_run: would have changed */
	struct dbx_diff diff;
	struct dbx_diag diag;
	struct dbx_apply_times ms;
	struct dbx_compile_stats stats;
	struct dbx_fail fail;
};

/*
 * One transaction: read, resolve, check, compile, prepare, store, flip. 0, or -errno with res->fail
 * and everything as it was. res is initialised here; free it with _fini in both cases.
 */
int dbx_apply(struct dbx_core *c, const struct dbx_apply_req *req, struct dbx_apply_result *res);
void dbx_apply_result_fini(struct dbx_apply_result *res);

/* ---- parts of it that opening needs too ---- */

/* A stored or wanted set read into a new model. Texts that were fetched are let go again. */
int dbx_core_read(struct dbx_core *c, struct dbx_docset *set, struct dbx_model **out,
		  struct dbx_diag *d, struct dbx_fail *f);
int dbx_core_compile(const struct dbx_model *m, uint64_t generation, struct dbx_built *out,
		     struct dbx_compile_stats *stats, struct dbx_diag *d, struct dbx_fail *f);
/* Prepares and commits in one go: at start, and to undo. */
int dbx_core_enforce(struct dbx_core *c, const struct dbx_built *b, struct dbx_fail *f);
/* Inside a store transaction: the names of an image's rules, so that old counters keep theirs. */
int dbx_core_store_rules(struct dbx_core *c, const struct dbx_built *b, struct dbx_fail *f);
/* The first error of d as a sentence. */
int dbx_core_fail_from_diag(const struct dbx_diag *d, struct dbx_fail *f);
int64_t dbx_now_ms(void); /* wall clock */
double dbx_monotonic_ms(void);
/* Id of the policy that judged a packet, "" = none, or not known any more. */
const char *dbx_core_policy_of(const struct dbx_core *c, const struct dbx_event *e);

#endif
