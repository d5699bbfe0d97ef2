/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns_route.h -- the rule and the routes by which the kernel delivers steered queries here.
 *
 * A query is marked and given its socket when it comes in, but is still addressed to somebody else;
 * without these it would be forwarded, which drops a packet that has a socket.
 */
#ifndef DBX_DAEMON_DNS_ROUTE_H
#define DBX_DAEMON_DNS_ROUTE_H

#include "daemon/fail.h"

/* Makes what is missing; nothing when all is there. */
int dbx_dns_route_add(struct dbx_fail *f);
/* Removes all of it, or what is left. */
int dbx_dns_route_remove(struct dbx_fail *f);

#endif
