/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_outcome.h -- outcomes, the rules that they name, and rule sets over protocol and port.
 */
#ifndef DBX_POLICY_COMPILE_OUTCOME_H
#define DBX_POLICY_COMPILE_OUTCOME_H

#include "policy/compile_priv.h"
#include "policy/ruletext.h"

/* A rule set in the making: the first entry that has a key gives its outcome. */
struct dbx_outcomes {
	struct compiler *c;
	bool names_may_allow; /* marks the soft outcomes that are added */
	bool has_guards;      /* marks those that pass to public addresses */
	DBX_VEC(struct dbx_entry {
		const struct keyrange *keys;
		size_t n_keys; /* 0: every key */
		uint32_t outcome;
	})
	entries;
	DBX_VEC(uint32_t) cuts;
};

void dbx_outcomes_fini(struct dbx_outcomes *o);

/* Index of the outcome; verdict and softness follow from the reason. Equal ones are kept once. */
uint32_t dbx_outcomes_add(struct dbx_outcomes *o, enum dbx_reason reason, uint8_t path,
			  uint32_t rule);
/* The outcome that sends the packet to profile.workspaces; blocked: rule set, 0 = none. */
uint32_t dbx_outcomes_workspace(struct dbx_outcomes *o, uint32_t blocked);

/* Entries are kept until dbx_outcomes_ruleset(); keys must live until then. */
void dbx_outcomes_entry(struct dbx_outcomes *o, const struct keyrange *keys, size_t n_keys,
			uint32_t outcome);

/* LEAF | outcome, or the run of the entries, with `otherwise` where none speaks. */
uint32_t dbx_outcomes_value(struct dbx_outcomes *o, uint32_t otherwise);
/* Makes the rule set of the entries, with `otherwise` where none speaks, and forgets them. */
uint32_t dbx_outcomes_ruleset(struct dbx_outcomes *o, uint32_t otherwise);

/* Rule numbers of what the documents say; see dbx_compile_rule(). */
uint32_t dbx_compile_policy_rule(struct compiler *c, const struct dbx_policy *p);
uint32_t dbx_compile_internet_rule(struct compiler *c, const struct dbx_policy *p,
				   const struct dbx_internet_dest *d, bool blocked);
uint32_t dbx_compile_storage_rule(struct compiler *c, const struct dbx_policy *p,
				  const struct dbx_storage_dest *d);
uint32_t dbx_compile_service_rule(struct compiler *c, const struct dbx_service *s);
uint32_t dbx_compile_dest_rule(struct compiler *c, enum dbx_dest_list list,
			       const struct dbx_dest_set *s);

#endif
