/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_priv.h -- what the parts of the compiler share.
 *
 * The way: sets.c turns every entry of the documents that holds addresses into a set, notes who uses
 * it, and sweeps the sets into classes; sources.c does the same for source prefixes; rules.c decides
 * each (profile, class) once for every distinct combination of sets that matter to the profile.
 */
#ifndef DBX_POLICY_COMPILE_PRIV_H
#define DBX_POLICY_COMPILE_PRIV_H

#include "lib/idmap.h"
#include "lib/strbuf.h"
#include "lib/vec.h"
#include "policy/compile.h"
#include "policy/image.h"
#include "policy/imgbuf.h"

#define NONE UINT32_MAX

/* The decision order of egress-model 3.3: a user of a set speaks at its stage. */
enum stage {
	ST_SERVICE_ENDPOINT, /* decides the path only */
	ST_BLOCKED_POLICY,
	ST_BLOCKED_GATEWAY,
	ST_PRIVATE_ENDPOINT,
	ST_PLATFORM,
	ST_STORAGE,
	ST_ALLOWED_POLICY,
	ST_ALLOWED_GATEWAY,
};

/* Part of the space proto << 16 | port. */
struct keyrange {
	uint32_t lo, hi;
};

struct user {
	uint32_t set;
	enum stage stage;
	uint32_t order; /* within the stage */
	bool by_tag;
	uint32_t policy; /* model index of the only policy that it is for, or NONE: see dest */
	union {
		const struct dbx_internet_dest *internet;
		const struct dbx_dest_set *dest;
		const struct dbx_pe_address *pe;
		const struct dbx_ncc *ncc;
	};
	const struct keyrange *keys; /* sorted, apart; n_keys 0: everything */
	size_t n_keys;
};

/* Addresses first..last belong to `value` (a set, or a binding). */
struct span {
	dbx_wide first, last;
	uint32_t value;
};

struct spans {
	struct span *v;
	size_t n, cap;
};
struct intervals {
	struct dbx_interval *v;
	size_t n, cap;
};

struct profile {
	uint32_t policy;  /* model index or NONE */
	uint32_t ncc;     /* model index or NONE */
	bool is_isolated; /* its workspaces go to the firewall instead of the internet */
};

/* Names of a workspace's clusters, in order; the number of one is its place, from 1 on. */
struct dbx_clusters {
	const char **v; /* malloc'ed */
	size_t n;
};

struct compiler {
	const struct dbx_model *m;
	const struct dbx_compile_opts *opts;
	struct dbx_compile_stats *stats;
	struct dbx_diag *d;
	struct dbx_imgbuf b;
	struct dbx_strbuf text; /* of the rule at hand */
	int err;                /* first failure: -EINVAL, -E2BIG (told in d), -ENOMEM */

	/* sets.c */
	DBX_VEC(struct dbx_img_set) sets;
	DBX_VEC(struct user) users; /* sorted by set */
	uint32_t *users_of;         /* of each set: first user; n_sets + 1 entries */
	uint32_t **tag_set;         /* [feed][tag]: set + 1 */
	struct spans spans[2];      /* by family */
	struct intervals intervals[2];
	DBX_VEC(struct dbx_img_class) classes;
	DBX_VEC(uint32_t) class_sets;
	struct dbx_idmap class_step;     /* (class, set) -> class */
	struct dbx_idmap class_list;     /* hash of a list -> class */
	DBX_VEC(struct keyrange *) keys; /* owned */

	/* sources.c */
	DBX_VEC(struct profile) profiles;
	struct dbx_idmap profile_of; /* (policy, ncc, isolated) -> profile */

	/* rules.c */
	struct dbx_idmap rule_of;    /* struct dbx_where * -> rule */
	struct dbx_idmap outcome_of; /* hash -> outcome */
	struct dbx_idmap row_of;     /* hash -> cell index of a row */
};

/* Notes the first failure; returns it. */
int dbx_compile_fail(struct compiler *c, int err);

/*
 * The intervals that the spans (prefixes: nested or apart) divide the address space into. step()
 * gives the value of a span inside one of value `outer`; outside all spans it is 0. Sorts spans.
 */
typedef uint32_t (*dbx_sweep_step)(void *arg, uint32_t outer, uint32_t span_value);
int dbx_compile_sweep(struct compiler *c, struct spans *spans, dbx_sweep_step step, void *arg,
		      struct intervals *out);

struct span dbx_compile_span(const struct dbx_prefix *p, uint32_t value);

int dbx_compile_sets(struct compiler *c);       /* sets, users, classes, destination tables */
int dbx_compile_sources(struct compiler *c);    /* profiles, bindings, source tables */
int dbx_compile_name_ports(struct compiler *c); /* header: how flows prove their names */
int dbx_compile_rules(struct compiler *c);      /* rules, outcomes, rule sets, cells, profiles */
int dbx_compile_tunnels(struct compiler *c);    /* header: whose packets are looked into */
void dbx_compile_limits(struct compiler *c);    /* header: answers to denials, redirection */

/* compile_paths.c: what profiles and bindings say beyond the verdict. */
void dbx_compile_marks(struct compiler *c, const struct profile *p, uint32_t marks[3]);
/* Some resource of the NCC may only be reached over its private endpoint. ncc NULL: none may. */
bool dbx_compile_has_guards(const struct compiler *c, const struct dbx_ncc *ncc);
uint32_t dbx_compile_quota(struct compiler *c,
			   const struct dbx_workspace *w); /* index + 1, 0 = none */
bool dbx_compile_is_rejected(const struct compiler *c, const struct dbx_policy *p); /* p or NULL */
int dbx_compile_clusters(const struct dbx_workspace *w, struct dbx_clusters *out);
uint32_t dbx_compile_cluster(const struct dbx_clusters *k, const char *name); /* NULL: 0 */

/*
 * The part of proto << 16 | port that a protocol and its ports are, sorted and merged; NULL and
 * *n = 0: all of it. Lives as long as the compiler.
 */
const struct keyrange *dbx_compile_keys(struct compiler *c, uint16_t proto,
					const struct dbx_port_range *ports, size_t n_ports,
					size_t *n);

/* Rule number (index + 1) of what is written at where; made on first use. */
uint32_t dbx_compile_rule(struct compiler *c, const struct dbx_where *where, const char *policy_id,
			  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
uint64_t dbx_compile_rule_uid(struct compiler *c, uint32_t rule);

#endif
