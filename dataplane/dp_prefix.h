/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_prefix.h -- the order of routes: the daemon finds the best of a prefix by it, and a driver what is
 * another than before.
 */
#ifndef DBX_DATAPLANE_DP_PREFIX_H
#define DBX_DATAPLANE_DP_PREFIX_H

#include <string.h>

#include "dbx/wire_dpdk.h"

static inline int dbx_dp_compare_prefix(const struct dbx_wire_route *x,
					const struct dbx_wire_route *y)
{
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->prefix_len != y->prefix_len)
		return x->prefix_len < y->prefix_len ? -1 : 1;
	return memcmp(x->dst, y->dst, sizeof(x->dst));
}

#endif
