/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * loop.h -- the event loop: requests, links, denial events, signals, systemd's watchdog.
 */
#ifndef DBX_DAEMON_LOOP_H
#define DBX_DAEMON_LOOP_H

#include "daemon/api.h"
#include "daemon/fail.h"

/* Serves until SIGTERM or SIGINT. 0, or -errno with f when it could not start. */
int dbx_loop_run(struct dbx_daemon *d, const char *socket_path, struct dbx_fail *f);

#endif
