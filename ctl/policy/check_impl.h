/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * check_impl.h -- what the files of check share.
 */
#ifndef DBX_POLICY_CHECK_IMPL_H
#define DBX_POLICY_CHECK_IMPL_H

#include "policy/check.h"

struct dbx_check_ctx {
	const struct dbx_model *m;
	int64_t now_ms; /* 0: unknown */
	struct dbx_diag *d;
};

/* A finding at a place of the model. */
#define DBX_SAY(c, sev, code, where, ...)                                        \
	dbx_diag_add((c)->d, (sev), (code), dbx_model_doc_name((c)->m, (where)), \
		     (where)->ptr ? (where)->ptr : "", __VA_ARGS__)

/* The same inside egress.network_access of a policy: member "" is network_access itself. */
__attribute__((format(printf, 6, 7))) void
dbx_check_say_access(struct dbx_check_ctx *c, enum dbx_severity sev, const char *code,
		     const struct dbx_policy *p, const char *member, const char *fmt, ...);

/* The same at a member of what stands at where: "/addresses/0". */
__attribute__((format(printf, 6, 7))) void
dbx_check_say_leaf(struct dbx_check_ctx *c, enum dbx_severity sev, const char *code,
		   const struct dbx_where *where, const char *leaf, const char *fmt, ...);

/* Each looks at one part of the model; 0 or -ENOMEM. */
int dbx_check_policy_lists(struct dbx_check_ctx *c, const struct dbx_policy *p);
int dbx_check_nccs(struct dbx_check_ctx *c);
int dbx_check_gateway(struct dbx_check_ctx *c);
int dbx_check_private(struct dbx_check_ctx *c);
int dbx_check_paths(struct dbx_check_ctx *c);

/* check_cover.c: which entries of a list can never decide, because another one contains them. */
struct dbx_cover_item {
	struct dbx_prefix prefix;
	bool is_deny;
	uint16_t proto; /* or DBX_PROTO_ANY */
	const struct dbx_port_range *ports;
	size_t n_ports;
	const struct dbx_dest_set *set; /* NULL: an entry of a policy */
	const struct dbx_where *where;
	size_t order; /* place in the documents: of equal ones, the earlier covers the later */
};
/*
 * Calls found() with an item and one that covers it, denies before allows and outermost first, until
 * it returns true. Of equal items a deny covers an allow. The items are left sorted.
 */
typedef bool (*dbx_cover_fn)(void *arg, const struct dbx_cover_item *inner,
			     const struct dbx_cover_item *outer);
void dbx_check_cover(struct dbx_cover_item *items, size_t n, dbx_cover_fn found, void *arg);

#endif
