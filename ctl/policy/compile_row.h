/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_row.h -- one profile while its row of cells is made.
 */
#ifndef DBX_POLICY_COMPILE_ROW_H
#define DBX_POLICY_COMPILE_ROW_H

#include "policy/compile_outcome.h"
#include "policy/compile_priv.h"

struct dbx_row {
	struct compiler *c;
	struct dbx_outcomes o;
	const struct dbx_policy *policy; /* or NULL */
	const struct dbx_ncc *ncc;       /* or NULL */
	uint32_t policy_index;
	bool is_isolated;
	uint32_t base;  /* first rule set of this profile */
	bool has_names; /* names that may yet be learned could allow something */
	bool must_look; /* dry-run lets a denied flow go, but not one that guards refuse */
	uint32_t *mark; /* [set]: stamp when it matters to this profile */
	uint32_t stamp;
	uint32_t *list; /* projection of the class at hand */
	size_t n_list;
	uint16_t *cells;
	struct dbx_idmap known;        /* hash of a projection -> cell */
	DBX_VEC(uint32_t) model_class; /* of each cell: a class that it was made for */
	DBX_VEC(const struct user *) users;
};

/* The set is for every policy, or for this one (NULL: none). */
bool dbx_compile_lists_policy(const struct dbx_dest_set *s, const struct dbx_policy *p);

/*
 * Outcome for the addresses of a private endpoint (egress-model 2.4, 3.3); first is one of the users
 * of the projection that speaks for one.
 */
uint32_t dbx_compile_pe(struct dbx_row *r, const struct user *first);

#endif
