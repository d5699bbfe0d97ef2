/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model_index.h -- private to the model: what its own files share, and the index behind look-ups.
 *
 * dbx_model_resolve() makes the index; a further dbx_read() drops it. Without an index every
 * look-up is a scan, with the same answers.
 */
#ifndef DBX_POLICY_MODEL_INDEX_H
#define DBX_POLICY_MODEL_INDEX_H

#include "policy/model.h"

int dbx_model_index_make(struct dbx_model *m); /* 0 or -ENOMEM; replaces an older one */
void dbx_model_index_free(struct dbx_model *m);

void dbx_pe_rule_fini(struct dbx_pe_rule *r);

#endif
