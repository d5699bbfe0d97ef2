// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_scan.c -- a bounded walk over a message before ldns reads it.
 *
 * ldns follows up to 65,535 pointers for each name, wherever they lead: a message of 64 KiB could
 * keep it busy for seconds. Here a pointer must lead to before the name that holds it began, which
 * is what RFC 1035 section 4.1.4 means by a prior occurrence, so a walk ends by itself.
 */
#include "wire/dns_priv.h"

#include <errno.h>

bool dbx_dns_name_skip(const uint8_t *msg, size_t n, size_t *at)
{
	size_t i = *at, start = i, end = 0;
	unsigned int n_jumps = 0, n_octets = 1;

	while (i < n) {
		uint8_t len = msg[i];

		if (len >= 0xc0) {
			size_t to;

			if (i + 2 > n || ++n_jumps > DNS_JUMPS_MAX)
				return false;
			to = dns_rd16(msg + i) & 0x3fff;
			if (to >= start)
				return false;
			if (!end)
				end = i + 2;
			i = start = to;
			continue;
		}
		if (len > 63)
			return false;
		if (!len) {
			*at = end ? end : i + 1;
			return true;
		}
		n_octets += len + 1u;
		if (n_octets > DBX_DNS_WIRE_MAX)
			return false;
		i += len + 1u;
	}
	return false;
}

bool dbx_dns_rr_skip(const uint8_t *msg, size_t n, size_t *at, struct dbx_dns_rr *rr)
{
	size_t i = *at;

	if (!dbx_dns_name_skip(msg, n, &i) || i + DNS_RR_FIXED > n)
		return false;
	rr->type = dns_rd16(msg + i);
	rr->rr_class = dns_rd16(msg + i + 2);
	rr->ttl_at = i + 4;
	rr->n_rdata = dns_rd16(msg + i + 8);
	rr->rdata_at = i + DNS_RR_FIXED;
	if (rr->rdata_at + rr->n_rdata > n)
		return false;
	*at = rr->rdata_at + rr->n_rdata;
	return true;
}

/* Octets of a field of fixed size; -1: of another. */
static int field_size(ldns_rdf_type t)
{
	switch (t) {
	case LDNS_RDF_TYPE_INT8:
	case LDNS_RDF_TYPE_ALG:
		return 1;
	case LDNS_RDF_TYPE_INT16:
	case LDNS_RDF_TYPE_TYPE:
	case LDNS_RDF_TYPE_CLASS:
	case LDNS_RDF_TYPE_CERT_ALG:
		return 2;
	case LDNS_RDF_TYPE_INT32:
	case LDNS_RDF_TYPE_TIME:
	case LDNS_RDF_TYPE_PERIOD:
	case LDNS_RDF_TYPE_A:
		return 4;
	case LDNS_RDF_TYPE_TSIGTIME:
		return 6;
	case LDNS_RDF_TYPE_AAAA:
		return 16;
	default:
		return -1;
	}
}

/* The names that ldns will look for in the record's data, by its own table. */
static bool rdata_names(const uint8_t *msg, const struct dbx_dns_rr *rr)
{
	const ldns_rr_descriptor *desc = ldns_rr_descript(rr->type);
	size_t i = rr->rdata_at, end = i + rr->n_rdata;

	for (size_t k = 0; i < end; k++) {
		ldns_rdf_type t;
		int size;

		if (k >= desc->_maximum && desc->_variable == LDNS_RDF_TYPE_NONE)
			return false; /* more data than fields; asking for the type would abort */
		t = ldns_rr_descriptor_field_type(desc, k);
		size = field_size(t);
		if (t == LDNS_RDF_TYPE_DNAME) {
			if (!dbx_dns_name_skip(msg, end, &i))
				return false;
		} else if (t == LDNS_RDF_TYPE_STR) {
			i += 1u + msg[i];
		} else if (size > 0) {
			i += (size_t)size;
		} else {
			return true;
		}
	}
	return i == end;
}

bool dbx_dns_scan(const uint8_t *msg, size_t n)
{
	size_t at = DBX_DNS_HEADER_BYTES, n_records;
	struct dbx_dns_rr rr;
	uint16_t n_questions;

	if (n < DBX_DNS_HEADER_BYTES || n > DBX_DNS_MSG_MAX)
		return false;
	n_questions = dns_rd16(msg + 4);
	if (n_questions > 1)
		return false;
	if (n_questions) {
		if (!dbx_dns_name_skip(msg, n, &at) || at + 4 > n)
			return false;
		at += 4;
	}
	n_records = (size_t)dns_rd16(msg + 6) + dns_rd16(msg + 8) + dns_rd16(msg + 10);
	for (size_t k = 0; k < n_records; k++) {
		if (!dbx_dns_rr_skip(msg, n, &at, &rr) || !rdata_names(msg, &rr))
			return false;
	}
	return true;
}

int dbx_dns_parse(const uint8_t *msg, size_t n, ldns_pkt **out)
{
	ldns_status s;

	if (!dbx_dns_scan(msg, n))
		return -EBADMSG;
	s = ldns_wire2pkt(out, msg, n);
	if (s == LDNS_STATUS_MEM_ERR)
		return -ENOMEM;
	return s == LDNS_STATUS_OK ? 0 : -EBADMSG;
}
