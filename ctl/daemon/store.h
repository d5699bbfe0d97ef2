/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store.h -- the daemon's memory: documents, revisions and rule names in one SQLite file.
 *
 * A document row is valid from one revision until another, so every past set can be read back
 * exactly, and an apply writes only what it changes. Texts are kept once per content, deflated.
 * All changes happen inside begin .. commit; a crash at any point leaves the last commit.
 */
#ifndef DBX_DAEMON_STORE_H
#define DBX_DAEMON_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/docs.h"
#include "daemon/fail.h"
#include "dataplane/dp.h"
#include "lib/addr.h"

#define DBX_STORE_SCHEMA 4 /* an older one is brought up to date when it is opened */

struct dbx_store;

struct dbx_revision {
	int64_t rev; /* 0: nothing was ever applied */
	int64_t time_ms;
	uint32_t uid;
	uint64_t generation;
	uint64_t content_hash; /* of the image */
	uint32_t n_documents;
	char message[256];
};

struct dbx_rule_name {
	uint64_t uid;
	const char *policy, *doc, *ptr, *text;
	int64_t first_s; /* first in force; put: for a rule that is new. 0 = not known */
};

/* A newer schema is refused: -EPROTO. f says what failed for all functions. */
int dbx_store_open(struct dbx_store **s, const char *path, struct dbx_fail *f);
void dbx_store_close(struct dbx_store **s);

int dbx_store_head(struct dbx_store *s, struct dbx_revision *out, struct dbx_fail *f);
/* -ENOENT when there is no such revision. */
int dbx_store_revision(struct dbx_store *s, int64_t rev, struct dbx_revision *out,
		       struct dbx_fail *f);
/* The set as of a revision, without texts; adds to out. */
int dbx_store_load(struct dbx_store *s, int64_t rev, struct dbx_docset *out, struct dbx_fail *f);
/* malloc'ed, NUL-terminated. */
int dbx_store_text(struct dbx_store *s, int64_t blob, char **text, size_t *len, struct dbx_fail *f);

typedef int (*dbx_revision_fn)(void *arg, const struct dbx_revision *r);
/* Newest first, at most limit. */
int dbx_store_history(struct dbx_store *s, size_t limit, dbx_revision_fn fn, void *arg,
		      struct dbx_fail *f);

int dbx_store_begin(struct dbx_store *s, struct dbx_fail *f);
int dbx_store_add_revision(struct dbx_store *s, const struct dbx_revision *r, struct dbx_fail *f);
/* Replaces what is stored under the same kind and id. The text comes from doc, or its blob. */
int dbx_store_put(struct dbx_store *s, int64_t rev, const struct dbx_document *doc,
		  struct dbx_fail *f);
int dbx_store_remove(struct dbx_store *s, int64_t rev, enum dbx_doc_kind kind, const char *id,
		     struct dbx_fail *f);
int dbx_store_put_rule(struct dbx_store *s, const struct dbx_rule_name *r, struct dbx_fail *f);
int dbx_store_commit(struct dbx_store *s, struct dbx_fail *f);
void dbx_store_abort(struct dbx_store *s);

/* fn gets the rule's name, valid during the call. -ENOENT: unknown uid. */
typedef void (*dbx_rule_fn)(void *arg, const struct dbx_rule_name *r);
int dbx_store_rule(struct dbx_store *s, uint64_t uid, dbx_rule_fn fn, void *arg);

/* Texts of learned names, by policy and address. Changes are made inside begin .. commit. */
int dbx_store_put_learned(struct dbx_store *s, uint64_t policy_uid, const struct dbx_addr *addr,
			  const char *name, struct dbx_fail *f);
int dbx_store_remove_learned(struct dbx_store *s, uint64_t policy_uid, const struct dbx_addr *addr,
			     const char *name, struct dbx_fail *f);
typedef int (*dbx_learned_fn)(void *arg, uint64_t policy_uid, const struct dbx_addr *addr,
			      const char *name);
int dbx_store_each_learned(struct dbx_store *s, dbx_learned_fn fn, void *arg, struct dbx_fail *f);

/* ---- usage: what left, by workspace and path; changes are made inside begin .. commit ---- */

struct dbx_usage_row {
	uint64_t workspace_id;
	uint8_t path;               /* enum dbx_path */
	struct dbx_counter counter; /* packets, bytes */
	int64_t from_s, to_s;       /* get: time that the counted buckets span */
};

/* Adds to the bucket of span_s seconds that begins at start_s. */
int dbx_store_add_usage(struct dbx_store *s, int64_t start_s, int64_t span_s,
			const struct dbx_usage_row *r, struct dbx_fail *f);
/* Minutes before minutes_s become hours; what began before all_s goes. */
int dbx_store_roll_usage(struct dbx_store *s, int64_t minutes_s, int64_t all_s, struct dbx_fail *f);
typedef int (*dbx_usage_fn)(void *arg, const struct dbx_usage_row *r);
/* Sums of the buckets that end after since_s, by workspace and path. workspace_id 0: all. */
int dbx_store_usage(struct dbx_store *s, int64_t since_s, uint64_t workspace_id, dbx_usage_fn fn,
		    void *arg, struct dbx_fail *f);

/* The counters as they were when usage was added last, and which counters those were. */
int dbx_store_usage_epoch(struct dbx_store *s, char out[64], struct dbx_fail *f); /* "" = none */
int dbx_store_set_usage_epoch(struct dbx_store *s, const char *epoch, struct dbx_fail *f);
int dbx_store_put_usage_base(struct dbx_store *s, const struct dbx_dp_counter *c,
			     struct dbx_fail *f);
int dbx_store_remove_usage_base(struct dbx_store *s, const struct dbx_counter_key *k,
				struct dbx_fail *f);
int dbx_store_each_usage_base(struct dbx_store *s, dbx_dp_counter_fn fn, void *arg,
			      struct dbx_fail *f);

/* ---- when packets passed by a rule last; changes are made inside begin .. commit ---- */

int dbx_store_put_hit(struct dbx_store *s, uint64_t rule_uid, int64_t at_s, struct dbx_fail *f);
int dbx_store_drop_hits(struct dbx_store *s, int64_t before_s, struct dbx_fail *f);
/* 0 when there is none on record; a rule that is not in force may have one. */
int dbx_store_hit(struct dbx_store *s, uint64_t rule_uid, int64_t *last_s, struct dbx_fail *f);
/* Since when hits are on record. */
int dbx_store_hits_begin(struct dbx_store *s, int64_t *begin_s, struct dbx_fail *f);

/* For tests: a bound on the file, in pages, so that a full disk can be had. */
int dbx_store_set_max_pages(struct dbx_store *s, unsigned int n_pages);

#endif
