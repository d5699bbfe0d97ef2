/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_outcome.h -- outcomes, the rules that they name, and rule sets over protocol and port.
 */
#ifndef DBX_POLICY_COMPILE_OUTCOME_H
#define DBX_POLICY_COMPILE_OUTCOME_H

#include "policy/compile_priv.h"

/* A rule set in the making: the first entry that has a key gives its outcome. */
struct dbx_outcomes {
	struct compiler *c;
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

/* Makes the rule set of the entries, with `otherwise` where none speaks, and forgets them. */
uint32_t dbx_outcomes_ruleset(struct dbx_outcomes *o, uint32_t otherwise);

uint32_t dbx_compile_policy_rule(struct compiler *c, const struct dbx_policy *p);
/* All that tells it from its neighbours: "AZURE_STORAGE lake dfs"; into buf. */
const char *dbx_compile_storage_text(const struct dbx_storage_dest *d, char *buf, size_t size);
/* " tcp 443,8443-8451" or "", into buf; long lists end in "...". */
const char *dbx_compile_ports_text(uint16_t proto, const struct dbx_port_range *ports,
				   size_t n_ports, char *buf, size_t size);

#endif
