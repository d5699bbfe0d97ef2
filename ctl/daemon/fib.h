/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fib.h -- the host's routes and neighbours, read from the kernel for a data plane that does not use
 * the kernel's own.
 *
 * What cannot be said in a few words (several next hops, rules of other selectors, encapsulation,
 * forwarding that is off) is left to the kernel: the data plane is told that the packet is the
 * stack's. So a wrong guess here costs time, never a way that the kernel would not have taken.
 */
#ifndef DBX_DAEMON_FIB_H
#define DBX_DAEMON_FIB_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/fail.h"
#include "dataplane/dp.h"

struct dbx_fib;

struct dbx_fib_stats {
	size_t n_routes, n_neighs; /* as told last */
	bool is_plain[2];          /* IPv4, IPv6: rules and settings are such that routes count */
};

/* *fib NULL where the driver needs none. Told for the first time by dbx_fib_sync(). */
int dbx_fib_open(struct dbx_fib **fib, const struct dbx_dp_ops *ops, struct dbx_dp *dp,
		 struct dbx_fail *f);
void dbx_fib_close(struct dbx_fib **fib);
int dbx_fib_fd(const struct dbx_fib *fib);
bool dbx_fib_told(struct dbx_fib *fib); /* the socket is readable: whether to sync */
int dbx_fib_sync(struct dbx_fib *fib, struct dbx_fail *f);
void dbx_fib_stats(const struct dbx_fib *fib, struct dbx_fib_stats *out);

#endif
