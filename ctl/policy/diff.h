/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff.h -- what changes between two models, in the operators' words.
 */
#ifndef DBX_POLICY_DIFF_H
#define DBX_POLICY_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/model.h"

enum dbx_change_op { DBX_CHANGE_ADD, DBX_CHANGE_REMOVE, DBX_CHANGE_MODIFY };

struct dbx_change {
	enum dbx_change_op op;
	char *object;         /* "network-policy np-prod", "feed Public", "workspace 1001", ... */
	char *field;          /* JSON pointer inside the object, or "" = the whole object */
	char *before, *after; /* compact JSON or "" */
};

struct dbx_feed_delta {
	char *cloud;
	char *version_before, *version_after;                /* "" = absent */
	size_t n_tags_added, n_tags_removed, n_tags_changed; /* changed: other prefixes */
	size_t n_entries_added, n_entries_removed;           /* (tag, prefix) pairs */
};

struct dbx_diff {
	struct dbx_change *changes; /* documents other than feeds */
	size_t n_changes;
	struct dbx_feed_delta *feeds;
	size_t n_feeds;
	/* per-tag lines for --verbose: one per tag that was added, removed or changed */
	struct dbx_tag_delta {
		char *cloud, *tag;
		enum dbx_change_op op;
		size_t n_added, n_removed;
	} * tags;
	size_t n_tags;
};

/* Server-only fields (creation_time, updated_time, ...) do not count. 0 or -ENOMEM. */
int dbx_diff_models(const struct dbx_model *before, const struct dbx_model *after,
		    struct dbx_diff *out);
void dbx_diff_fini(struct dbx_diff *d);
bool dbx_diff_is_empty(const struct dbx_diff *d);
char *dbx_diff_text(const struct dbx_diff *d, bool verbose); /* malloc'ed */
char *dbx_diff_json(const struct dbx_diff *d);

#endif
