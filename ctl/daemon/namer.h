/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer.h -- the learned names: who may reach which address by which name, and until when.
 *
 * The resolver learns from its thread, the loop applies policies, lists and sweeps from the daemon's;
 * one lock, held for memory and map updates only. The kernel's maps are the truth for packets; the
 * table here adds what they cannot hold: the name as text.
 *
 * A live entry is never evicted: when a table is full, learning fails (-ENOSPC) and is counted.
 */
#ifndef DBX_DAEMON_NAMER_H
#define DBX_DAEMON_NAMER_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "lib/addr.h"
#include "policy/image.h"
#include "policy/names.h"

struct dbx_namer;

/* What the resolver needs to judge a query by: of one generation, taken and given back. */
struct dbx_view {
	const struct dbx_names *names;
	struct dbx_image img;
	const struct dbx_model *model; /* dns and names sections of the gateway document */
	uint64_t generation;
};
const struct dbx_view *dbx_namer_view_get(struct dbx_namer *n); /* NULL before the first policy */
void dbx_namer_view_put(struct dbx_namer *n, const struct dbx_view *v);

struct dbx_lesson {
	uint64_t policy_uid;
	uint64_t rule_uid;
	const char *name; /* canonical qname: what the workload asked for */
	const struct dbx_addr *addrs;
	size_t n_addrs;
	uint32_t ttl_s; /* smallest of the chain; grace is added here */
};

/* All of a lesson or nothing. 0: committed to the data plane; -ENOSPC; or what the driver says. */
int dbx_namer_learn(struct dbx_namer *n, const struct dbx_lesson *l);

#endif
