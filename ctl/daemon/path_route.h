/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * path_route.h -- the rules and routes that lead marked packets to their uplinks.
 *
 * Each mark has a table of the same number: a default route by the path's next hop, and behind it
 * one that refuses, so that no packet with a mark ever falls through to the host's own routing. Ours
 * are known by their protocol number; nothing else is touched.
 */
#ifndef DBX_DAEMON_PATH_ROUTE_H
#define DBX_DAEMON_PATH_ROUTE_H

#include <stdbool.h>

#include "daemon/fail.h"
#include "daemon/pathset.h"

#define DBX_PATH_PROTOCOL 219 /* rtm_protocol and FRA_PROTOCOL of ours: 0xdb */

/*
 * Makes what is missing and, when exact, removes what the set does not have. Sets the states of the
 * entries: a path whose interface is not there is no failure, but refuses. *n_changed, if not NULL:
 * how many rules and routes had to be made or removed.
 */
int dbx_path_route_sync(struct dbx_pathset *s, bool exact, size_t *n_changed, struct dbx_fail *f);

/* A socket on which the kernel tells of links, routes and rules; -1: it cannot. */
int dbx_path_route_watch(void);
/* Reads what it told; true when ours may be others now. Never blocks. */
bool dbx_path_route_changed(int fd);

#endif
