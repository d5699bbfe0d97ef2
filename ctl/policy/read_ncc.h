/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_ncc.h -- private: private endpoint rules, for the NCC reader and for resolving.
 */
#ifndef DBX_POLICY_READ_NCC_H
#define DBX_POLICY_READ_NCC_H

#include "policy/read_json.h"

/* A rule that the NCC of this id echoes; the rule's own id of its NCC must agree when given. */
int dbx_rd_pe_rule_of(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		      const char *ncc_id);

#endif
