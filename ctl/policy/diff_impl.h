/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_impl.h -- what the files of diff share.
 */
#ifndef DBX_POLICY_DIFF_IMPL_H
#define DBX_POLICY_DIFF_IMPL_H

#include <jansson.h>

#include "lib/vec.h"
#include "policy/diff.h"

/* A diff under construction; its arrays become those of struct dbx_diff. */
struct dbx_diff_build {
	DBX_VEC(struct dbx_change) changes;
	DBX_VEC(struct dbx_feed_delta) feeds;
	DBX_VEC(struct dbx_tag_delta) tags;
};

/* All return 0 or -ENOMEM. before or after NULL: the object, or the feed, is new or gone. */
int dbx_diff_json_values(struct dbx_diff_build *b, const char *object, const json_t *before,
			 const json_t *after);
int dbx_diff_feed(struct dbx_diff_build *b, const struct dbx_feed *before,
		  const struct dbx_feed *after);

/* The pointer of a member: RFC 6901 escapes "~" and "/". malloc'ed, NULL = no memory. */
char *dbx_diff_ptr_add(const char *ptr, const char *key);

#endif
