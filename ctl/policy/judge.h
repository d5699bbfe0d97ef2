/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * judge.h -- the classifier of include/dbx on the host, over an image in memory.
 *
 * The same code as the wire: explain, replay and the tests judge with it.
 */
#ifndef DBX_POLICY_JUDGE_H
#define DBX_POLICY_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/classify.h"
#include "policy/image.h"

/* Memory of first fragments: bounded, the oldest entry goes first. */
struct dbx_frags;
struct dbx_frags *dbx_frags_new(size_t max); /* NULL: out of memory */
void dbx_frags_free(struct dbx_frags **f);
void dbx_frags_clear(struct dbx_frags *f);

/*
 * Judges a whole Ethernet frame. img NULL: no image. frags NULL: no memory of first fragments.
 * port: dbx_port_hash() of the receiving interface, or DBX_PORT_ANY. pkt may be NULL.
 */
void dbx_judge_frame(const struct dbx_image *img, struct dbx_frags *frags, const void *frame,
		     size_t n_bytes, uint64_t port, struct dbx_pkt *pkt, struct dbx_result *res);

/* Judges a tuple: pkt as dbx_parse() leaves it; no fragment memory, MAC unchecked. */
void dbx_judge_tuple(const struct dbx_image *img, const struct dbx_pkt *pkt, uint64_t port,
		     struct dbx_result *res);

/* The same, should this be known of the destination: DBX_ENV_LEARNED, with DBX_ENV_GUARDED. */
void dbx_judge_learned(const struct dbx_image *img, const struct dbx_pkt *pkt, uint64_t port,
		       int learned, struct dbx_result *res);

/*
 * The binding of a source address in a domain, or, in none, that of its sole owner whatever the
 * domain (DBX_DOMAIN_ANY); NULL: no workspace has it, or img is NULL. Part of the image.
 */
const struct dbx_binding *dbx_judge_source(const struct dbx_image *img, const struct dbx_addr *addr,
					   uint32_t domain);
/* The same, of words as struct dbx_pkt holds them. */
const struct dbx_binding *dbx_judge_source_words(const struct dbx_image *img,
						 const uint32_t words[4], bool is_v6,
						 uint32_t domain);

/* How a flow to this port says its name, enum dbx_name_port. */
uint32_t dbx_judge_name_kind(const struct dbx_image *img, uint8_t proto, uint16_t port);

/* Mark that a packet with this result leaves with, 0 = none. */
uint32_t dbx_judge_mark(const struct dbx_image *img, const struct dbx_result *res);

/* Host order words of an address, as struct dbx_pkt holds them. */
void dbx_judge_addr(const struct dbx_addr *addr, uint32_t words[4]);

#endif
