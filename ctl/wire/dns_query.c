// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_query.c -- what a workload asks: header, one question, at most one OPT, and nothing else.
 */
#include "wire/dns_priv.h"

#include <stdio.h>
#include <string.h>

static bool is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* One label in lower case behind q->name; octets that host names do not have are escaped. */
static void add_label(struct dbx_dns_query *q, const uint8_t *label, uint8_t len)
{
	char *to = q->name + q->n_name;

	for (uint8_t i = 0; i < len; i++) {
		uint8_t c = label[i];

		if (is_plain(c)) {
			*to++ = (char)c;
			continue;
		}
		q->is_plain = false;
		*to++ = '\\';
		*to++ = (char)('0' + c / 100);
		*to++ = (char)('0' + c / 10 % 10);
		*to++ = (char)('0' + c % 10);
	}
	*to = '\0';
	q->n_name = (uint16_t)(to - q->name);
}

/* The qname at 12: labels only, since nothing in front of it could be pointed at. */
static bool read_name(const uint8_t *msg, size_t n, struct dbx_dns_query *q)
{
	const uint8_t *at = msg + DBX_DNS_HEADER_BYTES;
	size_t room = n - DBX_DNS_HEADER_BYTES, i = 0;

	q->is_plain = true;
	q->n_name = 0;
	if (room > DBX_DNS_WIRE_MAX)
		room = DBX_DNS_WIRE_MAX;
	while (i < room) {
		uint8_t len = at[i];

		q->wire[i] = q->lower[i] = len;
		if (!len)
			break;
		if (len > 63 || i + 1u + len >= room)
			return false;
		for (size_t k = i + 1; k <= i + len; k++) {
			q->wire[k] = at[k];
			q->lower[k] = dns_lower(at[k]);
		}
		if (i)
			q->name[q->n_name++] = '.';
		add_label(q, q->lower + i + 1, len);
		i += 1u + len;
	}
	if (i >= room)
		return false;
	if (!i) {
		strcpy(q->name, ".");
		q->n_name = 1;
		q->is_plain = false;
	}
	q->n_wire = (uint8_t)(i + 1);
	return true;
}

/* Options that fill their record exactly, RFC 6891 section 6.1.2. */
static bool options_fit(const uint8_t *p, size_t n)
{
	while (n >= 4) {
		size_t len = 4u + dns_rd16(p + 2);

		if (len > n)
			return false;
		p += len;
		n -= len;
	}
	return n == 0;
}

/* The OPT that is all of the additional section. */
static enum dbx_dns_read read_opt(const uint8_t *p, size_t n, struct dbx_dns_query *q)
{
	uint16_t udp_bytes;

	if (n < 1 + DNS_RR_FIXED || p[0] || dns_rd16(p + 1) != DBX_DNS_OPT ||
	    dns_rd16(p + 9) != n - 1 - DNS_RR_FIXED || !options_fit(p + 11, n - 11))
		return DBX_DNS_READ_FORMERR;
	q->has_edns = true;
	udp_bytes = dns_rd16(p + 3);
	if (udp_bytes > DBX_DNS_UDP_MAX)
		udp_bytes = DBX_DNS_UDP_MAX;
	if (udp_bytes > q->udp_bytes)
		q->udp_bytes = udp_bytes;
	q->want_dnssec = dns_rd16(p + 7) & DNS_EDNS_DO;
	return p[6] ? DBX_DNS_READ_BADVERS : DBX_DNS_READ_OK;
}

enum dbx_dns_read dbx_dns_query_read(const void *data, size_t n, struct dbx_dns_query *q)
{
	const uint8_t *msg = data;
	uint16_t flags;
	size_t at;

	if (n < DBX_DNS_HEADER_BYTES || msg[2] & (DNS_QR >> 8))
		return DBX_DNS_READ_DROP;
	flags = dns_rd16(msg + 2);
	q->id = dns_rd16(msg);
	q->opcode = flags >> 11 & 15;
	q->rd = flags & DNS_RD;
	q->ad = flags & DNS_AD;
	q->cd = flags & DNS_CD;
	q->has_question = q->has_edns = q->want_dnssec = false;
	q->udp_bytes = DBX_DNS_UDP_PLAIN;
	if (q->opcode)
		return DBX_DNS_READ_NOTIMP;
	if (n > DBX_DNS_QUERY_MAX || dns_rd16(msg + 4) != 1 || dns_rd16(msg + 6) ||
	    dns_rd16(msg + 8) || dns_rd16(msg + 10) > 1 || flags & (DNS_TC | 15))
		return DBX_DNS_READ_FORMERR;
	if (!read_name(msg, n, q))
		return DBX_DNS_READ_FORMERR;
	at = DBX_DNS_HEADER_BYTES + q->n_wire;
	if (at + 4 > n)
		return DBX_DNS_READ_FORMERR;
	q->qtype = dns_rd16(msg + at);
	q->qclass = dns_rd16(msg + at + 2);
	q->has_question = true;
	at += 4;
	if (dns_rd16(msg + 10))
		return read_opt(msg + at, n - at, q);
	return at == n ? DBX_DNS_READ_OK : DBX_DNS_READ_FORMERR;
}

static const struct type_row {
	uint16_t type;
	uint8_t rule; /* enum dbx_dns_type_rule */
	const char *name;
} types[] = {
	{DBX_DNS_A, DBX_DNS_TYPE_FORWARD, "A"},
	{DBX_DNS_AAAA, DBX_DNS_TYPE_FORWARD, "AAAA"},
	{DBX_DNS_HTTPS, DBX_DNS_TYPE_FORWARD, "HTTPS"},
	{DBX_DNS_SVCB, DBX_DNS_TYPE_FORWARD, "SVCB"},
	{DBX_DNS_CNAME, DBX_DNS_TYPE_FORWARD, "CNAME"},
	{DBX_DNS_MX, DBX_DNS_TYPE_FORWARD, "MX"},
	{DBX_DNS_NS, DBX_DNS_TYPE_FORWARD, "NS"},
	{DBX_DNS_SOA, DBX_DNS_TYPE_FORWARD, "SOA"},
	{DBX_DNS_TXT, DBX_DNS_TYPE_FORWARD, "TXT"},
	{DBX_DNS_SRV, DBX_DNS_TYPE_FORWARD, "SRV"},
	{DBX_DNS_CAA, DBX_DNS_TYPE_FORWARD, "CAA"},
	{DBX_DNS_DS, DBX_DNS_TYPE_FORWARD, "DS"},
	{DBX_DNS_DNSKEY, DBX_DNS_TYPE_FORWARD, "DNSKEY"},
	{DBX_DNS_RRSIG, DBX_DNS_TYPE_FORWARD, "RRSIG"},
	{DBX_DNS_NAPTR, DBX_DNS_TYPE_FORWARD, "NAPTR"},
	{DBX_DNS_PTR, DBX_DNS_TYPE_PTR, "PTR"},
	{DBX_DNS_ANY, DBX_DNS_TYPE_REFUSED, "ANY"},
	{DBX_DNS_AXFR, DBX_DNS_TYPE_REFUSED, "AXFR"},
	{DBX_DNS_IXFR, DBX_DNS_TYPE_REFUSED, "IXFR"},
};

static const struct type_row *row_of(uint16_t qtype)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].type == qtype)
			return &types[i];
	}
	return NULL;
}

enum dbx_dns_type_rule dbx_dns_type_rule(uint16_t qtype)
{
	const struct type_row *r = row_of(qtype);

	return r ? r->rule : DBX_DNS_TYPE_NOTIMP;
}

const char *dbx_dns_type_name(uint16_t qtype, char buf[16])
{
	const struct type_row *r = row_of(qtype);

	if (r)
		return r->name;
	snprintf(buf, 16, "TYPE%u", qtype);
	return buf;
}
