/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dns_priv.h -- what the files of the DNS rules share.
 */
#ifndef DBX_WIRE_DNS_PRIV_H
#define DBX_WIRE_DNS_PRIV_H

#include <stdbool.h> /* before ldns, which else makes a bool of its own */
#include <ldns/ldns.h>

#include "wire/dns.h"

#define DNS_QR 0x8000u
#define DNS_AA 0x0400u
#define DNS_TC 0x0200u
#define DNS_RD 0x0100u
#define DNS_RA 0x0080u
#define DNS_AD 0x0020u
#define DNS_CD 0x0010u

#define DNS_EDNS_DO    0x8000u
#define DNS_OPTION_EDE 15u
#define DNS_RR_FIXED   10u  /* type, class, TTL and length of a record */
#define DNS_JUMPS_MAX  127u /* a name has no more labels than this */

static inline uint16_t dns_rd16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t dns_rd32(const uint8_t *p)
{
	return (uint32_t)dns_rd16(p) << 16 | dns_rd16(p + 2);
}

static inline void dns_wr16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void dns_wr32(uint8_t *p, uint32_t v)
{
	dns_wr16(p, v >> 16);
	dns_wr16(p + 2, v & 0xffff);
}

static inline uint8_t dns_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* A name at *at, moved behind it. Pointers lead backwards only, and few. */
bool dbx_dns_name_skip(const uint8_t *msg, size_t n, size_t *at);

/* A record at *at, moved behind it. */
struct dbx_dns_rr {
	uint16_t type, rr_class;
	size_t ttl_at, rdata_at;
	uint16_t n_rdata;
};
bool dbx_dns_rr_skip(const uint8_t *msg, size_t n, size_t *at, struct dbx_dns_rr *rr);

/* That ldns may read it: every name bounded, every record inside, one question at most. */
bool dbx_dns_scan(const uint8_t *msg, size_t n);

/* Scan, then ldns. 0, -EBADMSG or -ENOMEM. */
int dbx_dns_parse(const uint8_t *msg, size_t n, ldns_pkt **out);

/*
 * Removes address hints, and ECH keys unless keep_ech, from an SVCB or HTTPS record. 0; -ENOENT: the
 * record must go (it cannot be read, or insists on what was removed); -ENOMEM.
 */
int dbx_dns_svcb_strip(ldns_rr *rr, bool keep_ech);

#endif
