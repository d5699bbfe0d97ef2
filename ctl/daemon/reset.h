/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reset.h -- ends the server's side of a connection whose client was refused.
 */
#ifndef DBX_DAEMON_RESET_H
#define DBX_DAEMON_RESET_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/names.h"

#define DBX_RESET_BYTES 60

/* The packet: from the client's address, as if it had given up. Returns its length. */
size_t dbx_reset_build(const struct dbx_flow_key *k, uint32_t seq, uint8_t out[DBX_RESET_BYTES]);

struct dbx_reset; /* raw sockets of both families */
struct dbx_reset *
dbx_reset_new(void); /* NULL: out of memory; what cannot be opened sends nothing */
void dbx_reset_free(struct dbx_reset **r);
int dbx_reset_send(struct dbx_reset *r, const struct dbx_flow_key *k, uint32_t mark, uint32_t seq);

#endif
