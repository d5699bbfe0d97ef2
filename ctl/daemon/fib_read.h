/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fib_read.h -- routes, rules and neighbours as the kernel has them.
 */
#ifndef DBX_DAEMON_FIB_READ_H
#define DBX_DAEMON_FIB_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/wire_dpdk.h"

struct nl_sock;

/* A route of the tables local, main and default; r.kind HOST where it is not a plain one. */
struct fib_row {
	struct dbx_wire_route r;
	uint32_t table;
	uint32_t metric;
	bool is_odd; /* TOS or source: HOST even where a better one is beside it */
};

struct fib_rows {
	struct fib_row *v;
	size_t n, cap;
	size_t max;
	int err;
};

struct fib_neighs {
	struct dbx_wire_neigh *v;
	size_t n, cap;
	size_t max;
	int err;
};

/* 0 or -errno; -E2BIG: more than max. What was there stays in place. */
int fib_read_routes(struct nl_sock *s, struct fib_rows *out);
int fib_read_neighs(struct nl_sock *s, struct fib_neighs *out);
/* Whether a packet without a mark goes by local, main, default, in this order, and by nothing else. */
int fib_read_rules(struct nl_sock *s, bool is_plain[2]);
bool fib_is_forwarding(int which); /* 0 IPv4, 1 IPv6 */

#endif
