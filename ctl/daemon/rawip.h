/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rawip.h -- packets that the daemon writes from the IP header on, and sends from another's address.
 */
#ifndef DBX_DAEMON_RAWIP_H
#define DBX_DAEMON_RAWIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbx/names.h"

/* ---- bytes ---- */

void dbx_rawip_put16(uint8_t *p, uint32_t v); /* big endian */
void dbx_rawip_put32(uint8_t *p, uint32_t v);

bool dbx_rawip_is_v4(const struct dbx_flow_key *k);
/* The header in front of n bytes, never to be fragmented; its length, 20 or 40. */
size_t dbx_rawip_put_head(uint8_t *ip, const uint32_t src[4], const uint32_t dst[4], bool v4,
			  uint8_t proto, uint8_t ttl, size_t n);
uint16_t dbx_rawip_checksum(const uint8_t *p, size_t n); /* RFC 1071 */
/* Of what lies behind the header, which has to be there: with the addresses, proto and n. */
uint16_t dbx_rawip_checksum_behind(const uint8_t *ip, bool v4, uint8_t proto, const uint8_t *p,
				   size_t n);

/* ---- sockets ---- */

struct dbx_rawip {
	int fd4, fd6; /* below zero: nothing is sent by it */
	bool tells_source;
};

/* tells_source: to the routing too, for hosts that route by it. What cannot be opened sends nothing. */
void dbx_rawip_open(struct dbx_rawip *r, bool tells_source);
void dbx_rawip_close(struct dbx_rawip *r);
/* A whole packet, to the address in it; mark: of its path (image.h), 0 = none. 0 or -errno. */
int dbx_rawip_send(const struct dbx_rawip *r, const uint8_t *packet, size_t n, uint32_t mark);

#endif
