/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uuid.h -- random UUIDs (RFC 4122 version 4) for objects that the server names.
 */
#ifndef DBX_DAEMON_UUID_H
#define DBX_DAEMON_UUID_H

#define DBX_UUID_SIZE 37

int dbx_uuid(char out[DBX_UUID_SIZE]); /* 0 or -EIO */

#endif
