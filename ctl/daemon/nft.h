/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nft.h -- the daemon's nftables table: written in one transaction, read back, watched.
 */
#ifndef DBX_DAEMON_NFT_H
#define DBX_DAEMON_NFT_H

#include <stdbool.h>

#include "daemon/fail.h"
#include "daemon/pathset.h"

/* Replaces the table by what the set needs (an empty set: removes it), or changes nothing. */
int dbx_nft_set(const struct dbx_pathset *s, struct dbx_fail *f);
/* Replaces the table by what dbx_nft_list() gave. */
int dbx_nft_put_back(const char *listing, struct dbx_fail *f);
/* The table as nft lists it, without counters; malloc'ed. NULL: it is not there, or unreadable. */
char *dbx_nft_list(void);

/* A socket on which the kernel tells of changes of tables; -1: it cannot. */
int dbx_nft_watch(void);
/* Reads what it told; true when our table may be another now. Never blocks. */
bool dbx_nft_changed(int fd);

#endif
