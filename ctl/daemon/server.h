/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * server.h -- HTTP/1.1 over a Unix socket; who may do what is decided by the peer's credentials.
 */
#ifndef DBX_DAEMON_SERVER_H
#define DBX_DAEMON_SERVER_H

#include "daemon/api.h"
#include "daemon/fail.h"

struct event_base;
struct dbx_server;

#define DBX_SOCKET_GROUP "dbx-egress"

/* What open() would refuse because of who else listens there; removes a file left behind. */
int dbx_server_may_listen(const char *path, struct dbx_fail *f);

/*
 * Listens on path: mode 0660 and group dbx-egress when there is such a group, else 0600. A socket
 * file that nobody listens on is replaced; one that somebody does is refused (-EADDRINUSE).
 */
int dbx_server_open(struct dbx_server **s, struct event_base *base, const char *path,
		    struct dbx_daemon *d, struct dbx_fail *f);
void dbx_server_close(struct dbx_server **s); /* removes the socket file */

#endif
