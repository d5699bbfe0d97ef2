/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_impl.h -- what the files of diff share.
 */
#ifndef DBX_POLICY_DIFF_IMPL_H
#define DBX_POLICY_DIFF_IMPL_H

#include "lib/vec.h"
#include "policy/diff.h"

/* A diff under construction; its arrays become those of struct dbx_diff. */
struct dbx_diff_build {
	DBX_VEC(struct dbx_change) changes;
	DBX_VEC(struct dbx_feed_delta) feeds;
	DBX_VEC(struct dbx_tag_delta) tags;
};

/* Both return 0 or -ENOMEM; before or after NULL: the object, or the feed, is new or gone. */
int dbx_json_diff(struct dbx_diff_build *b, const char *object, const char *before,
		  const char *after);
int dbx_diff_feed(struct dbx_diff_build *b, const struct dbx_feed *before,
		  const struct dbx_feed *after);

#endif
