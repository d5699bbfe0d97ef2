/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names_impl.h -- the index of names, as its parts share it: names.c builds what policies say,
 * names_pe.c what NCCs say, names_ask.c answers.
 */
#ifndef DBX_POLICY_NAMES_IMPL_H
#define DBX_POLICY_NAMES_IMPL_H

#include "lib/hash.h"
#include "lib/idmap.h"
#include "lib/strbuf.h"
#include "lib/vec.h"
#include "policy/names.h"

#define DBX_NAMES_NO_NCC UINT32_MAX

struct dbx_names_rule {
	uint64_t uid;
	char *text, *doc, *ptr;
};

/* value: rule << 8 | reason; the first entry of a name stays. */
struct dbx_names_table {
	struct dbx_strmap exact, suffix;
};

struct dbx_names_policy {
	char *id;
	enum dbx_restriction_mode mode;
	bool is_dry_run;
	unsigned int filter;
	uint32_t rule;
	struct dbx_names_table allowed, blocked;
};

/* A name that a private endpoint rule stands for, and what becomes of it. */
struct dbx_names_pe {
	char *name;  /* as clients ask */
	char *alias; /* the same in the private zone, "" = none */
	struct dbx_addr *addrs;
	size_t n_addrs;
	uint32_t rule;
	bool is_effective, is_required;
	bool is_implied; /* of domain_names: needs no entry in the policy */
};

struct dbx_names_ncc {
	char *id;
	struct dbx_strmap by_name; /* name or alias -> index into v */
	DBX_VEC(struct dbx_names_pe) v;
};

/* What names are learned under: see dbx_scope_uid(). */
struct dbx_names_scope {
	uint64_t uid;
	uint32_t policy;
	uint32_t ncc; /* or DBX_NAMES_NO_NCC */
};

struct dbx_names {
	DBX_VEC(struct dbx_names_rule) rules;
	DBX_VEC(struct dbx_names_policy) policies;
	DBX_VEC(struct dbx_names_ncc) nccs;
	DBX_VEC(struct dbx_names_scope) scopes;
	struct dbx_idmap scope_of_workspace; /* id -> scope index */
	struct dbx_idmap scope_by_uid;
	struct dbx_names_table
		blocked_everywhere; /* gateway lists that name no policy: workspaces without one */
	bool bare_suffix;
	int err;
};

void dbx_names_note(struct dbx_names *n, int rc); /* the first failure stays */
char *dbx_names_copy(struct dbx_names *n, const char *s);
uint32_t dbx_names_add_rule(struct dbx_names *n, const struct dbx_model *m,
			    const struct dbx_where *where, const char *policy_id,
			    const struct dbx_strbuf *text);

/* Index of the NCC's table, made when it is not there. */
uint32_t dbx_names_add_ncc(struct dbx_names *n, const struct dbx_model *m,
			   const struct dbx_ncc *ncc);
void dbx_names_ncc_fini(struct dbx_names_ncc *c);
/* NULL: no rule of the scope's NCC has this name. */
const struct dbx_names_pe *dbx_names_find_pe(const struct dbx_names *n,
					     const struct dbx_names_scope *s, const char *name);

#endif
