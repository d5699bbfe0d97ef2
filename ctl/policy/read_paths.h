/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_paths.h -- private to readers and printers: by which way traffic leaves, and how much of it.
 */
#ifndef DBX_POLICY_READ_PATHS_H
#define DBX_POLICY_READ_PATHS_H

#include "policy/read_json.h"

#define DBX_REJECT_PER_S     1000 /* default of "per_second" */
#define DBX_QUOTA_BURST_MS   100  /* default of "burst_ms" */
#define DBX_VXLAN_PORT       4789 /* RFC 7348 section 5 */
#define DBX_GENEVE_PORT      6081 /* RFC 8926 section 3.3 */
#define DBX_CLUSTER_NAME_MAX 64

int dbx_rd_paths(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		 void *dst); /* struct dbx_gateway */
int dbx_rd_tunnels(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		   void *dst); /* struct dbx_gateway */
int dbx_rd_reject(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		  void *dst); /* struct dbx_reject */
int dbx_rd_forward(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		   void *dst); /* struct dbx_forward */
int dbx_rd_quota(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		 void *dst); /* struct dbx_quota_limits */

#endif
