/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * process.h -- how the process of the data plane is (dbx-egress-dpdk), for people.
 */
#ifndef DBX_DAEMON_PROCESS_H
#define DBX_DAEMON_PROCESS_H

#include "daemon/api.h"

/* Once a second: says when the process has gone, and when it is back. */
void dbx_process_watch(struct dbx_daemon *d);
/* "process":{...}; null where the data plane is in the kernel. */
void dbx_out_process(struct dbx_daemon *d, struct dbx_strbuf *b);

/* Why a request to the data plane failed, for people. */
const char *dbx_process_why(int rc);

#endif
