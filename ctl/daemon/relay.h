/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * relay.h -- sends datagrams that were held on to their server, as the client wrote them, and tells a
 * client whose datagram was refused.
 *
 * A QUIC client never repeats an Initial byte by byte, so a repetition could not be compared with what
 * was judged; what leaves is therefore the very datagram that was.
 */
#ifndef DBX_DAEMON_RELAY_H
#define DBX_DAEMON_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/names.h"

#define DBX_RELAY_BYTES (40 + 8 + DBX_QUIC_BYTES)
#define DBX_RELAY_QUOTE 64u /* bytes of the payload that an ICMP error quotes */

struct dbx_relay;

struct dbx_relay *dbx_relay_new(void);
void dbx_relay_free(struct dbx_relay **r);
/* From the client's address to the server's; mark: of its path (image.h), 0 = none. 0 or -errno. */
int dbx_relay_send(struct dbx_relay *r, const struct dbx_flow_key *k, uint32_t mark,
		   const uint8_t *payload, size_t n);
/* Port unreachable (RFC 792, RFC 4443), from the server's address to the client's. */
int dbx_relay_refuse(struct dbx_relay *r, const struct dbx_flow_key *k, const uint8_t *payload,
		     size_t n);

/* The packets, without an Ethernet header; their length, 0 = too long. */
size_t dbx_relay_build(const struct dbx_flow_key *k, const uint8_t *payload, size_t n,
		       uint8_t out[DBX_RELAY_BYTES]);
size_t dbx_relay_build_refusal(const struct dbx_flow_key *k, const uint8_t *payload, size_t n,
			       uint8_t out[DBX_RELAY_BYTES]);

#endif
