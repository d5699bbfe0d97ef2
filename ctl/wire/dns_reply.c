// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_reply.c -- messages that we write: refusals, stored answers, queries to upstreams.
 *
 * Everything here is made for each packet, so it copies and patches and allocates nothing.
 */
#include "wire/dns_priv.h"

#include <string.h>
#include <strings.h>

static void write_header(uint8_t *out, const struct dbx_dns_query *q, unsigned int rcode,
			 unsigned int more_flags)
{
	unsigned int flags = DNS_QR | DNS_RA | (unsigned int)q->opcode << 11 | (rcode & 15);

	flags |= (q->rd ? DNS_RD : 0) | (q->cd ? DNS_CD : 0) | more_flags;
	memset(out, 0, DBX_DNS_HEADER_BYTES);
	dns_wr16(out, q->id);
	dns_wr16(out + 2, flags);
}

static size_t write_question(uint8_t *out, const struct dbx_dns_query *q)
{
	size_t at = DBX_DNS_HEADER_BYTES;

	if (!q->has_question)
		return at;
	dns_wr16(out + 4, 1);
	memcpy(out + at, q->wire, q->n_wire);
	at += q->n_wire;
	dns_wr16(out + at, q->qtype);
	dns_wr16(out + at + 2, q->qclass);
	return at + 4;
}

/* RFC 6891 section 6.1.2; the extended error of RFC 8914 section 2 is its only option. */
static size_t write_opt(uint8_t *p, const struct dbx_dns_query *q, unsigned int rcode, int ede,
			const char *text)
{
	size_t n_text = ede >= 0 && text ? strlen(text) : 0, n_option = 0;

	if (n_text > 200)
		n_text = 200;
	if (ede >= 0) {
		n_option = 6 + n_text;
		dns_wr16(p + 11, DNS_OPTION_EDE);
		dns_wr16(p + 13, (unsigned int)(2 + n_text));
		dns_wr16(p + 15, (unsigned int)ede);
		memcpy(p + 17, text ? text : "", n_text);
	}
	p[0] = 0;
	dns_wr16(p + 1, DBX_DNS_OPT);
	dns_wr16(p + 3, DBX_DNS_UDP_MAX);
	p[5] = (uint8_t)(rcode >> 4);
	p[6] = 0;
	dns_wr16(p + 7, q->want_dnssec ? DNS_EDNS_DO : 0);
	dns_wr16(p + 9, (unsigned int)n_option);
	return 1 + DNS_RR_FIXED + n_option;
}

size_t dbx_dns_error_write(const struct dbx_dns_query *q, unsigned int rcode, int ede,
			   const char *text, uint8_t *out, size_t cap)
{
	size_t n;

	(void)cap; /* 12 + 259 + 217 at most */
	write_header(out, q, rcode, 0);
	n = write_question(out, q);
	if (q->has_edns) {
		n += write_opt(out + n, q, rcode, ede, text);
		dns_wr16(out + 10, 1);
	}
	return n;
}

size_t dbx_dns_upstream_write(const struct dbx_dns_query *q, uint16_t id, const uint8_t *wire,
			      uint8_t out[DBX_DNS_UPSTREAM_QUERY_MAX])
{
	size_t n = DBX_DNS_HEADER_BYTES + q->n_wire;

	memset(out, 0, DBX_DNS_HEADER_BYTES);
	dns_wr16(out, id);
	dns_wr16(out + 2, DNS_RD | DNS_AD | (q->cd ? DNS_CD : 0));
	dns_wr16(out + 4, 1);
	dns_wr16(out + 10, 1);
	memcpy(out + DBX_DNS_HEADER_BYTES, wire, q->n_wire);
	dns_wr16(out + n, q->qtype);
	dns_wr16(out + n + 2, q->qclass);
	n += 4;
	return n + write_opt(out + n, q, 0, DBX_DNS_EDE_NONE, NULL);
}

enum dbx_dns_match dbx_dns_match(const void *data, size_t n, const uint8_t *sent, size_t n_sent)
{
	const uint8_t *msg = data;
	size_t n_question = n_sent - DBX_DNS_HEADER_BYTES - 1 - DNS_RR_FIXED;
	bool is_same = true;

	if (n < DBX_DNS_HEADER_BYTES + n_question || memcmp(msg, sent, 2))
		return DBX_DNS_MATCH_NO;
	if (!(dns_rd16(msg + 2) & DNS_QR) || dns_rd16(msg + 2) >> 11 & 15 || dns_rd16(msg + 4) != 1)
		return DBX_DNS_MATCH_NO;
	for (size_t i = DBX_DNS_HEADER_BYTES; i < DBX_DNS_HEADER_BYTES + n_question; i++) {
		if (msg[i] == sent[i])
			continue;
		is_same = false;
		if (dns_lower(msg[i]) != dns_lower(sent[i]))
			return DBX_DNS_MATCH_NO;
	}
	return is_same ? DBX_DNS_MATCH_YES : DBX_DNS_MATCH_CASE;
}

bool dbx_dns_is_truncated(const void *msg)
{
	return dns_rd16((const uint8_t *)msg + 2) & DNS_TC;
}

unsigned int dbx_dns_rcode(const void *msg)
{
	return ((const uint8_t *)msg)[3] & 15;
}

/* Of a message that cannot be given whole: the client asks again over TCP. */
static size_t write_truncated(const struct dbx_dns_answer *a, const struct dbx_dns_query *q,
			      uint8_t *out)
{
	size_t n;

	write_header(out, q, a->rcode, DNS_TC);
	n = write_question(out, q);
	if (q->has_edns) {
		n += write_opt(out + n, q, a->rcode, DBX_DNS_EDE_NONE, NULL);
		dns_wr16(out + 10, 1);
	}
	return n;
}

size_t dbx_dns_answer_write(const struct dbx_dns_answer *a, const struct dbx_dns_query *q,
			    uint32_t age_s, uint8_t *out, size_t cap)
{
	size_t n = a->n_wire, n_opt = q->has_edns ? 1 + DNS_RR_FIXED : 0;
	bool is_ad = a->is_authentic && (q->ad || q->want_dnssec);

	if (n + n_opt > cap)
		return write_truncated(a, q, out);
	memcpy(out, a->wire, n);
	dns_wr16(out, q->id);
	dns_wr16(out + 2, DNS_QR | DNS_RA | (q->rd ? DNS_RD : 0) | (q->cd ? DNS_CD : 0) |
				  (is_ad ? DNS_AD : 0) | (a->rcode & 15u));
	memcpy(out + DBX_DNS_HEADER_BYTES, q->wire, q->n_wire);
	for (size_t i = 0; age_s && i < a->n_ttls; i++) {
		uint32_t ttl = dns_rd32(out + a->ttl_at[i]);

		dns_wr32(out + a->ttl_at[i], ttl > age_s ? ttl - age_s : 0);
	}
	if (n_opt) {
		write_opt(out + n, q, a->rcode, DBX_DNS_EDE_NONE, NULL);
		dns_wr16(out + 10, 1);
	}
	return n + n_opt;
}
