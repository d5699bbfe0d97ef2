/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * check.h -- doubtful or refused things in a model that reads well: findings, no changes.
 *
 * Codes: contradiction (same name allowed and blocked), shadowed, deny-wider-than-allow (error:
 * egress-model 1.3), vendor-limit, rule-not-effective (why, days left of 14), waiting-for-names,
 * missing-tag (error), full-access, dry-run, no-egress, unused-policy, unbound-workspace, ...
 */
#ifndef DBX_POLICY_CHECK_H
#define DBX_POLICY_CHECK_H

#include "policy/diag.h"
#include "policy/model.h"

/* now_ms: epoch milliseconds for "days left"; 0 = do not compute. */
int dbx_check(const struct dbx_model *m, int64_t now_ms, struct dbx_diag *d);

/*
 * Checks of an update: a feed whose change number falls (feed-number-falls), that shrinks by more
 * than the gateway's share (feed-shrinks), a named tag that lost its prefixes (missing-tag; one that
 * is gone is an error of dbx_check()). With force they are warnings, else errors. Same content under another number, and the reverse, are told as info.
 */
int dbx_check_update(const struct dbx_model *before, const struct dbx_model *after, bool force,
		     struct dbx_diag *d);

#endif
