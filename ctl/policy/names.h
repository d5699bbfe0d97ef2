/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names.h -- what each workspace's policy says on a DNS name.
 *
 * Built from a model and independent of it afterwards; never changed, so any thread may ask. The same
 * answer serves the resolver, the name check of flows, and explain.
 */
#ifndef DBX_POLICY_NAMES_H
#define DBX_POLICY_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/abi.h"
#include "policy/model.h"

struct dbx_names;

struct dbx_name_decision {
	enum dbx_verdict verdict; /* DRY_RUN: not allowed, but this product is in dry-run */
	enum dbx_reason reason; /* LISTED_NAME, PLATFORM, WORKSPACE_STORAGE, FULL_ACCESS, DNS_* ... */
	const char *policy_id; /* "" = none. All strings live as long as the index */
	uint64_t policy_uid;   /* dbx_scope_uid(), as every policy_uid here; 0 = none */
	uint64_t rule_uid;     /* as in the image's rule table; 0 = none */
	const char *rule_text, *rule_doc, *rule_ptr; /* "" = none */
	bool needs_learning; /* the answer's addresses must be committed before it is given */
	/*
	 * An effective private endpoint has the name: the answer, instead of what upstreams say, should
	 * one be given. No address of a family: no record. Lives as long as the index.
	 */
	bool is_private;
	const struct dbx_addr *addrs;
	size_t n_addrs;
	const char *cname; /* "" = none; else the name in the private zone that has the addresses */
};

int dbx_names_new(const struct dbx_model *m, struct dbx_names **out); /* 0 or -ENOMEM */
void dbx_names_free(struct dbx_names **n);

/* name: canonical (lib/name.h). product: enum dbx_product. Unknown workspace: NO_POLICY, denied. */
void dbx_names_decide(const struct dbx_names *n, int64_t workspace_id, int product,
		      const char *name, struct dbx_name_decision *out);

/* The same for a policy, whoever uses it, without dry-run: is this name still allowed by it? */
void dbx_names_decide_policy(const struct dbx_names *n, uint64_t policy_uid, const char *name,
			     struct dbx_name_decision *out);

void dbx_names_each_workspace(const struct dbx_names *n,
			      void (*fn)(void *arg, int64_t workspace_id, uint64_t policy_uid),
			      void *arg);

/*
 * Names whose public addresses are to be guarded (DBX_BOUND_F_PRIVATE), by scope: those of required
 * rules, effective or not, and the same in the private zone.
 */
void dbx_names_each_guard(const struct dbx_names *n,
			  void (*fn)(void *arg, uint64_t policy_uid, uint64_t rule_uid,
				     const char *name),
			  void *arg);

/* Is it one of them? rule_uid may be NULL. */
bool dbx_names_is_guarded(const struct dbx_names *n, uint64_t policy_uid, const char *name,
			  uint64_t *rule_uid);

/* What a scope is of; false: of nothing that is there. ncc_id: "" = none. */
bool dbx_names_scope(const struct dbx_names *n, uint64_t policy_uid, const char **policy_id,
		     const char **ncc_id);

/* Scope of a workspace, 0 = none. */
uint64_t dbx_names_policy_of(const struct dbx_names *n, int64_t workspace_id);

#endif
