/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_feed.h -- private to the feed readers: from rows in any order to a feed of tags.
 */
#ifndef DBX_POLICY_READ_FEED_H
#define DBX_POLICY_READ_FEED_H

#include "lib/hash.h"
#include "lib/vec.h"
#include "policy/read_json.h"

struct dbx_feed_row {
	struct dbx_prefix prefix;
	uint32_t tag;
	uint32_t item;
};

struct dbx_feed_builder {
	struct dbx_rd *r;
	struct dbx_feed feed; /* head fields and tags; prefixes come last */
	struct dbx_strmap by_name;
	struct dbx_strmap told; /* unknown keys that were warned about */
	DBX_VEC(struct dbx_feed_row) rows;
};

int dbx_feed_begin(struct dbx_feed_builder *b, struct dbx_rd *r, const struct dbx_rd_at *at,
		   enum dbx_doc_kind kind, const char *cloud);

/* The tag of that name, made when new. *is_new may be NULL. */
int dbx_feed_tag(struct dbx_feed_builder *b, const char *name, const char *region, uint32_t *tag,
		 bool *is_new);

/* One prefix of a tag; text that is none is reported. */
int dbx_feed_prefix(struct dbx_feed_builder *b, uint32_t tag, const json_t *text, uint32_t item,
		    const struct dbx_rd_at *at);

/* Warns once per feed of a key that is not in known[] (NULL at its end). */
int dbx_feed_check_keys(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			const char *const *known);

/* The text of a required key, or NULL after an error. */
const char *dbx_feed_text(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			  const char *key);
/* The same for a part of a tag's name: not empty, and without the '/' that separates the parts. */
const char *dbx_feed_label(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			   const char *key);
/* A required non-negative number, as a number or its digits. */
void dbx_feed_number(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
		     const char *key, uint64_t *out);
/* A required list, or NULL after an error. */
const json_t *dbx_feed_list(struct dbx_feed_builder *b, const json_t *o, const struct dbx_rd_at *at,
			    const char *key);

/* Adds the feed to the model, or frees everything when rc is not 0; returns rc or -ENOMEM. */
int dbx_feed_end(struct dbx_feed_builder *b, const struct dbx_rd_at *at, int rc);

#endif
