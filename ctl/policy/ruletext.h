/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ruletext.h -- what a rule says, in one line, and the stable id that follows from it.
 *
 * The compiler and the index of names must agree on both: counters are kept by the id.
 */
#ifndef DBX_POLICY_RULETEXT_H
#define DBX_POLICY_RULETEXT_H

#include <stdint.h>

#include "lib/strbuf.h"
#include "policy/model.h"

enum dbx_dest_list {
	DBX_LIST_BLOCKED,
	DBX_LIST_PLATFORM,
	DBX_LIST_STORAGE,
	DBX_LIST_ALLOWED,
};

/* Hash of policy id ("" = the gateway's) and text; never 0. */
uint64_t dbx_rule_uid(const char *policy_id, const char *text);

/* Each replaces what b holds. */
void dbx_ruletext_policy(struct dbx_strbuf *b, const struct dbx_policy *p);
void dbx_ruletext_internet(struct dbx_strbuf *b, const struct dbx_internet_dest *d, bool blocked);
void dbx_ruletext_storage(struct dbx_strbuf *b, const struct dbx_storage_dest *d);
void dbx_ruletext_service(struct dbx_strbuf *b, const struct dbx_service *s);
void dbx_ruletext_dest(struct dbx_strbuf *b, enum dbx_dest_list list, const struct dbx_dest_set *s);

#endif
