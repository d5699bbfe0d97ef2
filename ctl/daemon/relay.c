// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * relay.c -- datagrams that were held go on; refused ones are answered.
 */
#include "daemon/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/rawip.h"

#define TTL 63 /* that of one who forwarded it */

struct dbx_relay {
	struct dbx_rawip raw;
};

/* ---- packets ---- */

size_t dbx_relay_build(const struct dbx_flow_key *k, const uint8_t *payload, size_t n,
		       uint8_t out[DBX_RELAY_BYTES])
{
	bool v4 = dbx_rawip_is_v4(k);
	size_t n_ip;
	uint8_t *udp;
	uint16_t c;

	if (n > DBX_QUIC_BYTES)
		return 0;
	/* RFC 9000 section 14: QUIC is never fragmented, nor is it here. */
	n_ip = dbx_rawip_put_head(out, k->src, k->dst, v4, IPPROTO_UDP, TTL, 8 + n);
	udp = out + n_ip;
	dbx_rawip_put16(udp, k->sport);
	dbx_rawip_put16(udp + 2, k->dport);
	dbx_rawip_put16(udp + 4, (uint32_t)(8 + n));
	dbx_rawip_put16(udp + 6, 0);
	memcpy(udp + 8, payload, n);
	c = dbx_rawip_checksum_behind(out, v4, IPPROTO_UDP, udp, 8 + n);
	dbx_rawip_put16(udp + 6, c ? c : 0xffff);
	return n_ip + 8 + n;
}

size_t dbx_relay_build_refusal(const struct dbx_flow_key *k, const uint8_t *payload, size_t n,
			       uint8_t out[DBX_RELAY_BYTES])
{
	bool v4 = dbx_rawip_is_v4(k);
	uint8_t proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, *icmp;
	uint8_t quoted[DBX_RELAY_BYTES];
	size_t n_quoted = dbx_relay_build(k, payload, n, quoted), n_ip = v4 ? 20 : 40;

	if (!n_quoted)
		return 0;
	if (n_quoted > n_ip + 8 + DBX_RELAY_QUOTE)
		n_quoted = n_ip + 8 + DBX_RELAY_QUOTE;
	dbx_rawip_put_head(out, k->dst, k->src, v4, proto, TTL, 8 + n_quoted);
	icmp = out + n_ip;
	memset(icmp, 0, 8);
	icmp[0] = v4 ? 3 : 1; /* destination unreachable */
	icmp[1] = v4 ? 3 : 4; /* port */
	memcpy(icmp + 8, quoted, n_quoted);
	dbx_rawip_put16(icmp + 2,
			v4 ? dbx_rawip_checksum(icmp, 8 + n_quoted)
			   : dbx_rawip_checksum_behind(out, false, proto, icmp, 8 + n_quoted));
	return n_ip + 8 + n_quoted;
}

/* ---- sockets ---- */

struct dbx_relay *dbx_relay_new(void)
{
	struct dbx_relay *r = calloc(1, sizeof(*r));

	if (r)
		dbx_rawip_open(&r->raw, true);
	return r;
}

void dbx_relay_free(struct dbx_relay **r)
{
	if (!*r)
		return;
	dbx_rawip_close(&(*r)->raw);
	free(*r);
	*r = NULL;
}

int dbx_relay_send(struct dbx_relay *r, const struct dbx_flow_key *k, uint32_t mark,
		   const uint8_t *payload, size_t n)
{
	uint8_t packet[DBX_RELAY_BYTES];
	size_t n_packet = dbx_relay_build(k, payload, n, packet);

	return n_packet ? dbx_rawip_send(&r->raw, packet, n_packet, mark) : -EMSGSIZE;
}

int dbx_relay_refuse(struct dbx_relay *r, const struct dbx_flow_key *k, const uint8_t *payload,
		     size_t n)
{
	uint8_t packet[DBX_RELAY_BYTES];
	size_t n_packet = dbx_relay_build_refusal(k, payload, n, packet);

	return n_packet ? dbx_rawip_send(&r->raw, packet, n_packet, 0) : -EMSGSIZE;
}
