/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read.h -- JSON documents into the model, and back.
 */
#ifndef DBX_POLICY_READ_H
#define DBX_POLICY_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/diag.h"
#include "policy/model.h"

/*
 * Reads one document (text need not be NUL-terminated) into m. The kind is detected, or forced when
 * not UNKNOWN. name is used in messages. Returns 0; -EINVAL when errors were added to d (m then is
 * unusable for anything but freeing); -ENOMEM.
 * Every problem is reported, not only the first: a reader goes on after a bad entry.
 *
 * Codes of errors: empty-document, not-utf8, json-syntax, truncated, duplicate-key, too-deep, limit
 * (the text); unknown-kind, mixed-kinds, unsupported-shape (the document); wrong-type, missing-key,
 * bad-{id,number,name,prefix,address,port,protocol,vlan,mac,interface,value,path,broker,topic,
 * option}, host-bits, too-many, unknown-{mode,value,key}, unspecified-type, rule-shape, id-mismatch, duplicate-id, empty-feed.
 * Of warnings: unknown-key, unknown-value, unspecified-type, missing-key, ignored-filter,
 * empty-entry, empty-list, partial-list.
 */
int dbx_read(struct dbx_model *m, const char *name, const char *text, size_t len,
	     enum dbx_doc_kind kind, struct dbx_diag *d);

/* Kind of a document without reading it whole into a model; UNKNOWN when it is none of ours. */
enum dbx_doc_kind dbx_read_detect(const char *text, size_t len);

/*
 * Checks that span documents, after the last read: references that point nowhere (policy of a
 * workspace, NCC of a binding, rule of a private address), two workspaces claiming one source, ids
 * given twice. Rules that both an NCC and a rule list tell are merged; objects are sorted by id, so
 * the order of reading does not matter. Errors go to d; returns 0, -EINVAL or -ENOMEM. A model of
 * which a read failed is only refused.
 *
 * Codes of errors: duplicate-id, id-mismatch, no-such-{policy,ncc,rule}, source-claimed-twice. Of
 * warnings: unknown-workspace, unknown-interface, no-such-ncc (of a rule that nobody can use).
 */
int dbx_model_resolve(struct dbx_model *m, struct dbx_diag *d);

/*
 * The same objects as JSON text (sorted keys, two blanks of indent), malloc'ed; NULL when out of
 * memory. Reading it back gives an equal model. Feeds print in their own vendor shape.
 */
char *dbx_print_policy(const struct dbx_policy *p);
char *dbx_print_ncc(const struct dbx_model *m, const struct dbx_ncc *n); /* rules inside, as GET */
char *dbx_print_pe_rule(const struct dbx_pe_rule *r);
char *dbx_print_option(const struct dbx_ws_option *o);
char *dbx_print_ncc_binding(const struct dbx_ncc_binding *b);
char *dbx_print_gateway(const struct dbx_gateway *g);
char *dbx_print_feed(const struct dbx_feed *f);

/* Equal in everything but names of documents and pointers. */
bool dbx_model_equal(const struct dbx_model *a, const struct dbx_model *b);

#endif
