/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * forward.h -- tells the data plane to which interfaces packets may be redirected past the stack.
 */
#ifndef DBX_DAEMON_FORWARD_H
#define DBX_DAEMON_FORWARD_H

#include "daemon/core.h"
#include "daemon/fail.h"

/*
 * By the gateway document; again whenever interfaces came or went, since the kernel takes one that
 * goes out of the table by itself. Without a gateway document nothing is changed.
 */
int dbx_forward_sync(struct dbx_core *c, struct dbx_fail *f);

#endif
