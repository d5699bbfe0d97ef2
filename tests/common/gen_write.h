/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_write.h -- what the generators of documents share: a text that grows, and prefixes in it.
 */
#ifndef DBX_TESTS_GEN_WRITE_H
#define DBX_TESTS_GEN_WRITE_H

#include "common/gen.h"
#include "lib/strbuf.h"

#define GEN_POLICIES 4
#define GEN_RULES    5 /* private endpoint rules of an NCC */
#define GEN_FIRST_ID 1001

#define PICK(r, a) ((a)[gen_below((r), sizeof(a) / sizeof(*(a)))])

struct gen_writer {
	struct gen_rand *r;
	struct gen_model *m;
	struct dbx_strbuf b;
};

extern const char *const gen_tags[];
extern const size_t gen_n_tags;

__attribute__((format(printf, 2, 3))) void gen_out(struct gen_writer *w, const char *fmt, ...);
void gen_document_end(struct gen_writer *w, const char *name); /* what was written is one */
void gen_document_gateway(struct gen_writer *w, uint32_t n_workspaces, uint32_t n_nccs);

/* Parts of the gateway document, each with a leading comma: of a workspace, and of the whole. */
void gen_out_workspace_limits(struct gen_writer *w);
void gen_out_paths(struct gen_writer *w, uint32_t n_nccs);

void gen_clear_host_bits(struct gen_prefix *p);
/* A prefix that is near one that something else uses already, every other time. */
struct gen_prefix gen_related_prefix(struct gen_writer *w);
/* Quoted, separated by commas; each is noted in the model. */
void gen_out_prefix(struct gen_writer *w, const struct gen_prefix *p, bool is_bare);
void gen_out_prefixes(struct gen_writer *w, uint32_t n);
void gen_out_addresses(struct gen_writer *w, uint32_t n);

#endif
