/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer.h -- the learned names: who may reach which address by which name, and until when.
 *
 * The resolver learns from its thread, the loop applies policies, lists and sweeps from the daemon's;
 * one lock, held for memory and map updates only. The kernel's maps are the truth for packets; the
 * table here adds what they cannot hold: the name as text.
 *
 * A live entry is never evicted: when a table is full, learning fails (-ENOSPC) and is counted.
 */
#ifndef DBX_DAEMON_NAMER_H
#define DBX_DAEMON_NAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "lib/addr.h"
#include "policy/image.h"
#include "policy/names.h"

struct dbx_namer;

struct dbx_namer_opts {
	const struct dbx_dp_ops *ops;
	struct dbx_dp *dp;  /* outlives the namer */
	uint32_t bound_max; /* 0 = DBX_BOUND_MAX */
};

int dbx_namer_new(struct dbx_namer **out, const struct dbx_namer_opts *o);
void dbx_namer_free(struct dbx_namer **n); /* the data plane keeps what it knows */

/*
 * A generation takes over: prepare() before the flip copies what the changed policies still allow,
 * settle() after it (or revert() instead) takes the new view and removes what they do not. The view's
 * parts are the caller's to fill; the namer owns it afterwards, release() frees them.
 */
struct dbx_view_parts {
	struct dbx_names *names;
	struct dbx_model *model;
	void *image; /* memory of img */
	struct dbx_image img;
	uint64_t generation;
	void (*release)(struct dbx_view_parts *p);
};
int dbx_namer_prepare(struct dbx_namer *n, const struct dbx_names *next);
void dbx_namer_settle(struct dbx_namer *n, struct dbx_view_parts *parts); /* takes parts over */
void dbx_namer_revert(struct dbx_namer *n); /* the flip did not come: what prepare() did is undone */

/* Once a second: what has expired goes, unless a flow that spoke the name lives. */
void dbx_namer_sweep(struct dbx_namer *n);

struct dbx_namer_stats {
	size_t n_bound, bound_max, n_guards; /* guards are among those that are bound */
	uint64_t learned, refused_full, failed, swept, revoked_flows;
};
void dbx_namer_stats(struct dbx_namer *n, struct dbx_namer_stats *out);

/* Every learned name, maybe one twice, under the lock: fn must not call back. */
struct dbx_learned_name {
	uint64_t policy_uid, rule_uid, expires_ns;
	const char *name;
	struct dbx_addr addr;
	bool is_guard; /* refused at this address; expires_ns: when it was to be looked up again */
};
void dbx_namer_each(struct dbx_namer *n, void (*fn)(void *arg, const struct dbx_learned_name *l),
		    void *arg);

/* Canonical name to its keyed hash. */
uint64_t dbx_namer_hash(const struct dbx_namer *n, const char *name);

/* Back from the state at start: an entry that the data plane still has. Others are ignored. */
int dbx_namer_restore(struct dbx_namer *n, uint64_t policy_uid, const struct dbx_addr *addr,
		      const char *name);
/*
 * After the last of them: what the data plane knows and the state does not, because it was learned in
 * the last second before a crash, is kept without a text until it expires or policies change.
 */
int dbx_namer_restore_rest(struct dbx_namer *n);
bool dbx_namer_has(struct dbx_namer *n, uint64_t policy_uid, const struct dbx_addr *addr,
		   const char *name);
/* What was learned since the last call, some thousands at most, with the lock held; != 0 stops. */
void dbx_namer_take_unsaved(struct dbx_namer *n,
			    int (*fn)(void *arg, const struct dbx_learned_name *l), void *arg);
void dbx_namer_unsave(struct dbx_namer *n); /* it could not be written: give all again */

/* What the resolver needs to judge a query by: of one generation, taken and given back. */
struct dbx_view {
	const struct dbx_names *names;
	struct dbx_image img;
	const struct dbx_model *model; /* for the options of its gateway document */
	uint64_t generation;
	uint64_t serial; /* another one for each settle(): options may change and the image not */
};
const struct dbx_view *dbx_namer_view_get(struct dbx_namer *n); /* NULL before the first policy */
void dbx_namer_view_put(struct dbx_namer *n, const struct dbx_view *v);

/*
 * Guards: the name may be reached over its private endpoint only, and the addresses, which are public,
 * are all that it has of one family. A guard ends when its name is not guarded any more, or when a
 * later look-up of the same family no longer finds the address; never because look-ups fail.
 */
enum dbx_lesson_kind { DBX_LESSON_NAME, DBX_LESSON_GUARD_V4, DBX_LESSON_GUARD_V6 };

struct dbx_lesson {
	uint64_t policy_uid;
	uint64_t rule_uid;
	const char *name; /* canonical qname: what the workload asked for */
	const struct dbx_addr *addrs;
	size_t n_addrs;
	uint32_t ttl_s; /* smallest of the chain; grace is added here */
	/* Of the view that allowed it; when another is in force: -ESTALE, judge anew. 0: any. */
	uint64_t generation;
	enum dbx_lesson_kind kind;
};

/* All of a lesson or nothing. 0: committed to the data plane; -ENOSPC; or what the driver says. */
int dbx_namer_learn(struct dbx_namer *n, const struct dbx_lesson *l);

#endif
