/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pathset.h -- the routes of a generation as the host's routing and NAT need them: by mark.
 *
 * Pure: built from a model and independent of it afterwards. paths.c puts sets into the kernel.
 */
#ifndef DBX_DAEMON_PATHSET_H
#define DBX_DAEMON_PATHSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/strbuf.h"
#include "policy/model.h"

/* Of one family, by what the kernel has. All but UP: packets of the mark are refused. */
enum dbx_path_state {
	DBX_PATH_UNKNOWN,
	DBX_PATH_UP,
	DBX_PATH_NO_INTERFACE,
	DBX_PATH_DOWN,
	DBX_PATH_NO_HOP,    /* next hops are given, but none of this family */
	DBX_PATH_FAILED,    /* the kernel took no route */
	DBX_PATH_NO_FAMILY, /* this host has no IPv6 */
};

/* Arrays of two: IPv4, IPv6. */
struct dbx_path_entry {
	uint32_t mark;
	char ifname[16];
	bool has_hop[2];
	struct dbx_addr hop[2];
	bool has_src[2]; /* else packets keep the address that the workload sent with */
	struct dbx_addr src[2];
	/* Two generations mean different routes by this mark: nothing leaves by it meanwhile. */
	bool is_barred;
	enum dbx_path_state state[2]; /* by the last look */
	char why[2][96];              /* of FAILED */
};

struct dbx_pathset {
	struct dbx_path_entry *v; /* by mark */
	size_t n, cap;
};

/* 0 or -ENOMEM. out is empty or untouched on failure. */
int dbx_pathset_build(const struct dbx_model *m, struct dbx_pathset *out);
int dbx_pathset_union(const struct dbx_pathset *a, const struct dbx_pathset *b,
		      struct dbx_pathset *out);
int dbx_pathset_copy(const struct dbx_pathset *from, struct dbx_pathset *out);
void dbx_pathset_fini(struct dbx_pathset *s);
/* By what they say, not by states. */
bool dbx_pathset_equal(const struct dbx_pathset *a, const struct dbx_pathset *b);
const struct dbx_path_entry *dbx_pathset_find(const struct dbx_pathset *s, uint32_t mark);

/* True when packets of the family have a way: a next hop, or the link itself. */
static inline bool dbx_path_leads(const struct dbx_path_entry *e, int family)
{
	return e->has_hop[family] || !e->has_hop[!family];
}

#define DBX_NFT_TABLE "dbx_egress"

/* Commands that replace the table by what the set needs; an empty set: that remove it. */
void dbx_pathset_nft(const struct dbx_pathset *s, struct dbx_strbuf *b);

#endif
