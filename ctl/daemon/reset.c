// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reset.c -- ends the server's side of a connection whose client was refused.
 */
#include "daemon/reset.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/rawip.h"

struct dbx_reset {
	struct dbx_rawip raw;
};

size_t dbx_reset_build(const struct dbx_flow_key *k, uint32_t seq, uint8_t out[DBX_RESET_BYTES])
{
	bool v4 = dbx_rawip_is_v4(k);
	size_t n_ip = dbx_rawip_put_head(out, k->src, k->dst, v4, IPPROTO_TCP, 64, 20);
	uint8_t *tcp = out + n_ip;

	memset(tcp, 0, 20);
	dbx_rawip_put16(tcp, k->sport);
	dbx_rawip_put16(tcp + 2, k->dport);
	dbx_rawip_put32(tcp + 4, seq);
	tcp[12] = 5 << 4;
	tcp[13] = 0x04; /* RST */
	dbx_rawip_put16(tcp + 16, dbx_rawip_checksum_behind(out, v4, IPPROTO_TCP, tcp, 20));
	return n_ip + 20;
}

struct dbx_reset *dbx_reset_new(void)
{
	struct dbx_reset *r = calloc(1, sizeof(*r));

	if (r)
		dbx_rawip_open(&r->raw, false);
	return r;
}

void dbx_reset_free(struct dbx_reset **r)
{
	if (!*r)
		return;
	dbx_rawip_close(&(*r)->raw);
	free(*r);
	*r = NULL;
}

int dbx_reset_send(struct dbx_reset *r, const struct dbx_flow_key *k, uint32_t mark, uint32_t seq)
{
	uint8_t packet[DBX_RESET_BYTES];
	size_t n = dbx_reset_build(k, seq, packet);

	return dbx_rawip_send(&r->raw, packet, n, mark);
}
