/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tagindex.h -- address to the names of everything that contains it: `dbx-egressctl lookup`.
 *
 * An image compiled with all_tags holds the answer; this turns a class into sorted names. Fast for
 * many addresses: the line of each class is made once.
 */
#ifndef DBX_POLICY_TAGINDEX_H
#define DBX_POLICY_TAGINDEX_H

#include "policy/diag.h"
#include "policy/model.h"

struct dbx_tagindex;

/* 0, -EINVAL or -E2BIG (errors in d), -ENOMEM. The model may be freed afterwards. */
int dbx_tagindex_new(const struct dbx_model *m, struct dbx_tagindex **out, struct dbx_diag *d);
void dbx_tagindex_free(struct dbx_tagindex **t);

/* Names that contain addr, sorted, joined by tabs, "" = none. Owned by the index. */
const char *dbx_tagindex_names(struct dbx_tagindex *t, const struct dbx_addr *addr);

#endif
