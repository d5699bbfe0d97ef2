/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hello.h -- flows whose name the daemon reads: HTTP request heads and QUIC Initials.
 *
 * The kernel program holds the packets and hands a copy of each here; once the name is known, the
 * flow is told. An HTTP client's repetition then passes or is refused; QUIC datagrams that were held
 * are sent on from here (hello_quic.h).
 */
#ifndef DBX_DAEMON_HELLO_H
#define DBX_DAEMON_HELLO_H

#include "daemon/core.h"
#include "dbx/names.h"

struct dbx_hellos;

/*
 * denied: called for each flow that is refused, or would be but for dry-run; the event says why, which
 * name was said, and what the server expects next.
 */
struct dbx_hellos *dbx_hellos_new(struct dbx_core *core,
				  void (*denied)(void *arg, const struct dbx_name_event *e),
				  void *arg);
void dbx_hellos_free(struct dbx_hellos **h);
void dbx_hellos_event(struct dbx_hellos *h, const struct dbx_name_event *e);
void dbx_hellos_sweep(struct dbx_hellos *h); /* once a second: what was not finished goes */
void dbx_hellos_stats(const struct dbx_hellos *h, uint64_t *http_allowed, uint64_t *http_denied,
		      uint64_t *quic_allowed, uint64_t *quic_denied);

#endif
