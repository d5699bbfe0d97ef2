/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fib.h -- where a packet goes that may pass by the host's stack: routes, neighbours, interfaces.
 *
 * A struct dpk_fib never changes; for each change a new one is made of all that the daemon has told,
 * and takes its place (pipe.h). Routes of a gateway are few: cut into ranges and searched by halves
 * they stay in the cache, where a table of 2^24 entries (rte_fib, rte_lpm: 32 MB and more a family)
 * would not.
 */
#ifndef DBX_DPDK_FIB_H
#define DBX_DPDK_FIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/wire_dpdk.h"

struct dpk_fib;

struct dpk_hop {
	uint32_t ifindex;
	uint8_t dst[6], src[6];
};

/*
 * The next hop of an address in network byte order, for an IP packet of n_bytes. 0, or -1: it is the
 * stack's. fib may be NULL.
 */
int dpk_fib_find(const struct dpk_fib *fib, bool is_v6, const void *addr, uint32_t n_bytes,
		 struct dpk_hop *hop);
bool dpk_fib_may_forward(const struct dpk_fib *fib, uint32_t ifindex);

/* What the daemon has told. */
struct dpk_fib_told {
	struct dbx_wire_route *routes, *new_routes; /* new_*: between BEGIN and END */
	struct dbx_wire_neigh *neighs, *new_neighs;
	size_t n_routes, n_neighs, n_new_routes, n_new_neighs;
	bool is_whole; /* between BEGIN and END */
	struct dbx_wire_iface ifaces[DBX_WIRE_BATCH];
	uint32_t n_ifaces;
};

/* 0, -EINVAL: a record is none (then nothing has changed), -E2BIG, -ENOMEM. */
int dpk_fib_tell(struct dpk_fib_told *told, const struct dbx_wire_fib *head,
		 const struct dbx_wire_route *routes, const struct dbx_wire_neigh *neighs);
void dpk_fib_forget(struct dpk_fib_told *told);
/* 0 or -ENOMEM. */
int dpk_fib_make(const struct dpk_fib_told *told, struct dpk_fib **fib);
void dpk_fib_free(struct dpk_fib *fib);

#endif
