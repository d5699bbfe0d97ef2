/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_dest.h -- private to the gateway reader: workspaces, destination sets, ports.
 */
#ifndef DBX_POLICY_READ_DEST_H
#define DBX_POLICY_READ_DEST_H

#include "policy/read_json.h"

#define DBX_GATEWAY_LIST_MAX 65535 /* items of one list */

/* struct dbx_dest_set: an item of platform_sets and workspace_storage; of the two lists per policy. */
int dbx_rd_platform_set(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);
int dbx_rd_policy_set(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

/* struct dbx_workspace of the gateway document */
int dbx_rd_gateway_workspace(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst);

/* uint16_t: a protocol's name or number. */
int dbx_rd_protocol(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

/* struct dbx_port_range: a port, or "lo-hi" */
int dbx_rd_port(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

/* "ports" or "types" of an object, as its protocol asks for. */
int dbx_rd_ports(struct dbx_rd *r, const json_t *o, const struct dbx_rd_at *at, uint16_t proto,
		 struct dbx_port_range **ports, size_t *n);

/* struct dbx_prefix_ref */
int dbx_rd_prefix_ref(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

/* char *: the name of a network interface */
int dbx_rd_ifname(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

/* struct dbx_addr */
int dbx_rd_addr(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst);

#endif
