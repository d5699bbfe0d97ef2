/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_resolve.h -- private: what the files of resolving share.
 */
#ifndef DBX_POLICY_READ_RESOLVE_H
#define DBX_POLICY_READ_RESOLVE_H

#include "lib/hash.h"
#include "policy/read_json.h"

struct dbx_resolver {
	struct dbx_model *m;
	struct dbx_diag *d;
	size_t n_errors;
};

/* A finding at w, or at the member leaf ("" or "/key") of what stands there. */
__attribute__((format(printf, 6, 7))) void
dbx_resolve_tell(struct dbx_resolver *rs, enum dbx_severity sev, const struct dbx_where *w,
		 const char *leaf, const char *code, const char *fmt, ...);

/* "file at /pointer", for the second half of a sentence. Returns buf. */
const char *dbx_resolve_place(const struct dbx_resolver *rs, const struct dbx_where *w,
			      char buf[2 * RD_QUOTE_SIZE]);

/* 0 or -ENOMEM; *first is the index of the earlier one when key was seen before. NULL is never. */
int dbx_resolve_see(struct dbx_strmap *seen, const char *key, size_t i, bool *again,
		    uint64_t *first);

/* The echo in the parent NCC and the rule call's answer become one rule. 0 or -ENOMEM. */
int dbx_resolve_merge_rules(struct dbx_resolver *rs);

/* By id, so that the order in which documents were read changes nothing behind the model. */
void dbx_resolve_sort(struct dbx_model *m);

#endif
