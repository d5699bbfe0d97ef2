/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.h -- what look-ups ask of an image, laid out for bursts: made once, when the image comes.
 *
 * An image is small, so that the kernel can hold many; a process that judges bursts has memory to
 * spend on fewer steps. Everything here is a function of the image, and says what lookup.h says.
 */
#ifndef DBX_DPDK_VIEW_H
#define DBX_DPDK_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/dpdk/trie.h"
#include "dbx/image.h"

struct dpk_image;

/* A binding and its profile, as far as most packets need them. By the binding's index. */
struct dpk_source {
	uint64_t workspace_id;
	uint64_t port;
	const struct dbx_binding *b;
	const struct dbx_profile *p; /* NULL: cannot be used, the program sees for itself */
	uint64_t product;
	uint8_t flags; /* DBX_BINDING_F_* */
	uint8_t zero[23];
};

/* What dbx_result_outcome() makes of an outcome, and what hangs on it. */
struct dpk_verdict {
	uint64_t rule_uid;
	uint64_t key; /* the last word of a counter's key: reason, verdict, path */
};

/* Of a source, or of a verdict: DPK_B_*; its part of a counter's key: dpk_hash_workspace(), dpk_hash_rest(). */
struct dpk_hint {
	uint32_t bits, hash;
};

/*
 * Bits of a source and of a verdict. A packet of which nothing but the verdict is wanted has none of
 * DPK_B_WANTED in both.
 */
#define DPK_B_DRY 1u /* of a source: in dry-run, the number of a verdict's form */
#define DPK_B_MARK(k) \
	(0x10u << (k))      /* a source: has a mark of this kind, 0 .. 2; a verdict: needs it */
#define DPK_B_REJECT 0x100u /* a source: denials may be answered; a verdict: is a denial */
#define DPK_B_QUOTA  0x200u /* a source: has one; each verdict */
#define DPK_B_MORE   0x400u /* each source; a verdict: is not done when that is known */
#define DPK_B_WANTED \
	(DPK_B_MARK(0) | DPK_B_MARK(1) | DPK_B_MARK(2) | DPK_B_REJECT | DPK_B_QUOTA | DPK_B_MORE)
#define DPK_B_WAY     0x800u  /* a source: the way of its frames is not all in its number */
#define DPK_B_PASSES  0x1000u /* a verdict: it does; so does one of dry-run */
#define DPK_B_IS_TOLD 0x2000u /* a verdict: people hear of it, unless the image is quiet */
#define DPK_B_NUMBER \
	16 /* from here on: a source: of the interface by which its frames come; a verdict: its total */

/* Numbers of interfaces: 0: of no source, or of a source, that it may be any. */
#define DPK_WAYS_MAX 0xfffeu
#define DPK_ANY_WAY  0xffffu /* of frames, that it is not asked */

#define DPK_NO_ROW    0xffffffffu
#define DPK_RULES_MAX (1ull << 28) /* 1 GiB */

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
	struct dpk_hint *source_hints;
	uint32_t *rows; /* of these: rules[row + class]; DPK_NO_ROW: cannot be used */
	/* of each profile and class: DBX_LEAF | outcome; DPK_NODE | where its ports are; 0: none */
	uint32_t *rules;
	size_t n_rules;
	struct dpk_nodes ports; /* keys: protocol << 16 | port */
	/* of outcome o: 2 * o, and 2 * o + 1 where the source is in dry-run */
	struct dpk_verdict *verdicts;
	struct dpk_hint *verdict_hints;
	uint64_t *ways; /* by number - 1, sorted: dbx_port_hash() of an interface */
	uint32_t n_ways;
	/*
	 * Of this view alone: in it, two counters whose keys differ differ in their pair of hashes. 0: they may
	 * not.
	 */
	uint64_t serial;
	/* index + 1 of the binding that an address has in domain 0, 0 = none; class of an address */
	struct dpk_trie by_src4, by_dst4, by_src6, by_dst6;
	/* for these more than the image is asked; where there is none, what no packet has */
	uint32_t dns_port;   /* of any protocol */
	uint32_t tunnels[2]; /* as keys of ports: frames are inside */
};

/* 0 or -ENOMEM. *view: NULL when nothing can be looked up by it: the image is not one of this program. */
int dpk_view_make(struct dpk_view **view, const struct dpk_image *image);
void dpk_view_free(struct dpk_view **view);
static inline const struct dpk_trie *dpk_view_src(const struct dpk_view *v, bool is_v6)
{
	return is_v6 ? &v->by_src6 : &v->by_src4;
}

static inline const struct dpk_trie *dpk_view_dst(const struct dpk_view *v, bool is_v6)
{
	return is_v6 ? &v->by_dst6 : &v->by_dst4;
}

/* The number of an interface by its dbx_port_hash(), or DPK_ANY_WAY for DBX_PORT_ANY. */
uint32_t dpk_view_way(const struct dpk_view *v, uint64_t port);

#endif
