/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_feed.h -- private to explain: where a service tag's range comes from.
 */
#ifndef DBX_POLICY_EXPLAIN_FEED_H
#define DBX_POLICY_EXPLAIN_FEED_H

#include "policy/model.h"

#define DBX_FEED_STRLEN 320

/*
 * "20.60.80.0/24 of service tag Storage.EastUS2 (Public 398, azure-public.json.gz)": the longest range
 * that contains a, and which edition of which file says so; long names are cut. Returns buf, "" when
 * no range of the tag contains a.
 */
const char *dbx_explain_feed(const struct dbx_model *m, const struct dbx_tag_ref *t,
			     const struct dbx_addr *a, char buf[DBX_FEED_STRLEN]);

#endif
