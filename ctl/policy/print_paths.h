/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_paths.h -- private to the printers: by which way traffic leaves, and how much of it.
 */
#ifndef DBX_POLICY_PRINT_PATHS_H
#define DBX_POLICY_PRINT_PATHS_H

#include "policy/print_json.h"

/* "paths", "tunnels", "reject", "fast_forward" and "default_quota", those that g has. */
void dbx_pr_paths(struct dbx_pr *p, json_t *o, const struct dbx_gateway *g);

json_t *dbx_pr_quota(struct dbx_pr *p, const struct dbx_quota_limits *q);
json_t *dbx_pr_prefix_refs(struct dbx_pr *p, const struct dbx_prefix_ref *v, size_t n);
json_t *dbx_pr_addrs(struct dbx_pr *p, const struct dbx_addr *v, size_t n);

#endif
