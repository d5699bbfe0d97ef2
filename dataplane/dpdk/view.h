/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.h -- what look-ups ask of an image, laid out for bursts: made once, when the image comes.
 *
 * An image is small, so that the kernel can hold many; a process that judges bursts has memory to
 * spend on fewer steps. Everything here is a function of the image, and says what lookup.h says.
 */
#ifndef DBX_DPDK_VIEW_H
#define DBX_DPDK_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/image.h"

struct dpk_image;

/* A binding and its profile, as far as most packets need them. By the binding's index. */
struct dpk_source {
	const struct dbx_binding *b;
	const struct dbx_profile *p; /* NULL: cannot be used, the program sees for itself */
	uint64_t workspace_id;
	uint64_t port;
	uint32_t marks[4]; /* by dpk_verdict.mark_at */
	uint8_t flags;     /* DBX_BINDING_F_* */
	uint8_t product;
	uint8_t is_dry;  /* 1: in dry-run */
	uint8_t rejects; /* 0xff: denials may be answered */
	bool has_quota;
	uint8_t zero[3];
};

/* What dbx_result_outcome() makes of an outcome, and what hangs on it; masks, so that no branch does. */
struct dpk_verdict {
	uint64_t rule_uid;
	uint64_t key;             /* the last word of a counter's key */
	uint32_t total;           /* index into the totals */
	uint8_t needs_more;       /* not done when that is known: DBX_OUTCOME_F_* */
	uint8_t mark_at;          /* 3: none */
	uint8_t if_pass, if_drop; /* 0xff: it is one; DRY_RUN passes */
	uint8_t verdict, reason, path;
	uint8_t is_told; /* 1: unless the image is quiet */
	uint8_t zero[4];
};

#define DPK_NO_ROW    0xffffffffu
#define DPK_RULES_MAX (1ull << 28) /* 1 GiB */

/*
 * A table of addresses: the first 16 bits choose an entry of the root, then each 8 bits one of a block.
 * DBX_LEAF | value, or the number of the next block. Block 0 is not used. DPK_TRIE_ABSENT: the table has
 * no room, see the image.
 */
#define DPK_TRIE_ABSENT     (DBX_LEAF | DBX_VALUE_MASK)
#define DPK_TRIE_BLOCKS_MAX 131072u /* 128 MiB */
struct dpk_trie {
	uint32_t *root;
	uint32_t (*blocks)[256];
	uint32_t n_blocks;
};

/*
 * Sections as arrays: an item never crosses a chunk, and what lies in a chunk fills it, so that items
 * which follow each other do so in memory too. n: those that there are.
 */
struct dpk_view {
	const struct dbx_image_header *hdr;
	const uint32_t *src4, *dst4, *src6, *dst6; /* roots */
	const struct dbx_run32 *runs;
	const struct dbx_run4 *runs4;
	const struct dbx_binding *bindings;
	const struct dbx_profile *profiles;
	const struct dbx_outcome *outcomes;
	uint32_t n_runs, n_runs4, n_bindings, n_profiles, n_outcomes;
	struct dpk_source *sources; /* n_bindings of them */
	uint32_t *rows;             /* of these: rules[row + class]; DPK_NO_ROW: cannot be used */
	uint32_t *rules;            /* the rule set of each profile and class; 0: none */
	size_t n_rules;
	struct dpk_verdict (*verdicts)[2]; /* by outcome, and whether the source is in dry-run */
	/* index + 1 of the binding that an address has in domain 0, 0 = none; class of an address */
	struct dpk_trie by_src4, by_dst4, by_src6, by_dst6;
};

/* 0 or -ENOMEM. *view: NULL when nothing can be looked up by it: the image is not one of this program. */
int dpk_view_make(struct dpk_view **view, const struct dpk_image *image);
void dpk_view_free(struct dpk_view **view);

#endif
