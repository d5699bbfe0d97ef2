/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hello_quic.h -- QUIC connections whose hello is read: which datagrams wait, which may go on.
 *
 * The kernel program lets none pass that has a long header; each comes here. An Initial that its own
 * connection id opens begins a connection, and is judged by its hello, on an allowed flow too. One that
 * it does not open begins none at any server, and neither does a packet of another type.
 */
#ifndef DBX_DAEMON_HELLO_QUIC_H
#define DBX_DAEMON_HELLO_QUIC_H

#include "daemon/relay.h"
#include "dbx/names.h"
#include "wire/quic.h"

struct dbx_quics;
struct dbx_quic_conn;

enum dbx_quics_step {
	DBX_QUICS_HELD,   /* nothing to do */
	DBX_QUICS_PASS,   /* of a connection that is allowed: sent on already */
	DBX_QUICS_DECIDE, /* the hello is whole: say what is decided */
	DBX_QUICS_BAD,    /* not QUIC that can be read, or one that contradicts itself */
	DBX_QUICS_LONG,
};

struct dbx_quics *dbx_quics_new(void);
void dbx_quics_free(struct dbx_quics **q);
/* conn: with DECIDE; valid until the next call. */
enum dbx_quics_step dbx_quics_add(struct dbx_quics *q, const struct dbx_name_event *e,
				  struct dbx_quic_conn **conn);
const struct dbx_hello *dbx_quics_hello(const struct dbx_quic_conn *conn);
/* What was held of it goes on, and what will come; without a connection (dry-run), the event's datagram. */
void dbx_quics_allow(struct dbx_quics *q, const struct dbx_name_event *e,
		     struct dbx_quic_conn *conn);
/* All connections of the event's flow are forgotten; the client is told. */
void dbx_quics_deny(struct dbx_quics *q, const struct dbx_name_event *e);
void dbx_quics_sweep(struct dbx_quics *q); /* once a second */

#endif
