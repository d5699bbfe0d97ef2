/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * look.h -- what the image says of the packets of a burst, looked up for all of them at a time.
 */
#ifndef DBX_DPDK_LOOK_H
#define DBX_DPDK_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "dbx/classify.h"

struct dpk_image;
struct dpk_source;
struct dpk_verdict;

#define DPK_BURST 32u

/* A search of a run that is under way; see lookup.h for what it looks for. */
struct dpk_search {
	const void *at; /* the entry that is the best so far; before, the run's first one */
	uint32_t room;  /* entries from the first one to the end of its chunk */
	uint32_t key;
	uint32_t value;   /* what was found so far */
	uint16_t n_words; /* of the key behind this one, with which the search goes on */
	bool is_again;    /* in the second part of a long run */
	const uint8_t *word;
};

/*
 * A packet that needs no more than these for its verdict: IP, whole, with ports, no query to the
 * resolver, no tunnel. Whether its frame came by the way that the binding asks for was not looked at.
 */
struct dpk_look {
	const struct dpk_verdict *verdict; /* NULL: nothing here holds, the program sees for itself */
	const struct dbx_outcome *o;
	const struct dpk_source *s;
	const uint8_t *frame;
	uint16_t frame_bytes;
	uint16_t dport;
	uint8_t proto;
	uint8_t flags; /* DBX_PKT_F_* */
	uint8_t n_tags;
	uint8_t addr_at; /* of the source address in the frame; the destination is behind it */
	uint32_t domain;
	uint32_t class_id;
	struct dpk_search src, dst;
};

/* n frames, whose bytes are there; n <= DPK_BURST. image: NULL: none, and nothing is looked up. */
void dpk_look_up(const struct dpk_image *image, struct dpk_look *v, unsigned int n);

#endif
