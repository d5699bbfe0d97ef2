// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_private.c -- questions and answers that are the gateway's own: of private endpoints.
 */
#include "wire/dns_priv.h"

#include <string.h>

#define RR_BYTES (2 + DNS_RR_FIXED) /* of a record whose owner is a pointer */

/* A canonical name as labels. */
static size_t write_name(uint8_t *out, const char *name)
{
	size_t at = 0;

	for (;;) {
		size_t n = strcspn(name, ".");

		out[at] = (uint8_t)n;
		memcpy(out + at + 1, name, n);
		at += 1 + n;
		if (!name[n])
			break;
		name += n + 1;
	}
	out[at] = 0;
	return at + 1;
}

void dbx_dns_query_make(struct dbx_dns_query *q, const char *name, uint16_t qtype)
{
	memset(q, 0, sizeof(*q));
	q->rd = q->has_question = q->is_plain = true;
	q->udp_bytes = DBX_DNS_UDP_MAX;
	q->qtype = qtype;
	q->qclass = DBX_DNS_CLASS_IN;
	q->n_name = (uint16_t)strlen(name);
	memcpy(q->name, name, q->n_name + 1u);
	q->n_wire = (uint8_t)write_name(q->wire, name);
	memcpy(q->lower, q->wire, q->n_wire);
}

/* Header and owner of a record; its data is the caller's to write. */
static uint8_t *write_rr(uint8_t *p, size_t owner, uint16_t type, uint32_t ttl_s, size_t n_rdata)
{
	dns_wr16(p, 0xc000u | (unsigned int)owner);
	dns_wr16(p + 2, type);
	dns_wr16(p + 4, DBX_DNS_CLASS_IN);
	dns_wr32(p + 6, ttl_s);
	dns_wr16(p + 10, (unsigned int)n_rdata);
	return p + RR_BYTES;
}

struct answer {
	uint8_t *out;
	size_t n, cap;
	uint32_t ttl_s;
	size_t owner; /* offset of the name that the next record is of */
	unsigned int n_rr;
};

static bool add_cname(struct answer *a, const char *cname)
{
	uint8_t name[DBX_DNS_WIRE_MAX + 1];
	size_t n = write_name(name, cname);

	if (a->n + RR_BYTES + n > a->cap)
		return false;
	memcpy(write_rr(a->out + a->n, a->owner, DBX_DNS_CNAME, a->ttl_s, n), name, n);
	a->owner = a->n + RR_BYTES;
	a->n += RR_BYTES + n;
	a->n_rr++;
	return true;
}

static bool add_addr(struct answer *a, const struct dbx_addr *addr)
{
	size_t n = addr->is_v6 ? 16 : 4;

	if (a->n + RR_BYTES + n > a->cap)
		return false;
	memcpy(write_rr(a->out + a->n, a->owner, addr->is_v6 ? DBX_DNS_AAAA : DBX_DNS_A, a->ttl_s,
			n),
	       addr->a, n);
	a->n += RR_BYTES + n;
	a->n_rr++;
	return true;
}

size_t dbx_dns_private_write(const struct dbx_dns_query *q, const char *cname,
			     const struct dbx_addr *addrs, size_t n_addrs, uint32_t ttl_s,
			     uint8_t *out, size_t cap)
{
	struct answer a = {
		.out = out,
		.n = dbx_dns_error_write(q, DBX_DNS_NOERROR, DBX_DNS_EDE_NONE, NULL, out, cap),
		.cap = cap,
		.ttl_s = ttl_s,
		.owner = DBX_DNS_HEADER_BYTES,
	};
	size_t n_opt = q->has_edns ? 1 + DNS_RR_FIXED : 0;
	uint8_t opt[1 + DNS_RR_FIXED];
	bool fits;

	a.n -= n_opt; /* it goes last */
	a.cap -= n_opt;
	memcpy(opt, out + a.n, n_opt);
	fits = !cname[0] || add_cname(&a, cname);
	for (size_t i = 0; fits && i < n_addrs; i++)
		if (q->qtype == (addrs[i].is_v6 ? DBX_DNS_AAAA : DBX_DNS_A))
			fits = add_addr(&a, &addrs[i]);
	if (!fits) {
		dbx_dns_error_write(q, DBX_DNS_NOERROR, DBX_DNS_EDE_NONE, NULL, out, cap);
		dns_wr16(out + 2, dns_rd16(out + 2) | DNS_TC);
		return DBX_DNS_HEADER_BYTES + q->n_wire + 4u + n_opt;
	}
	memcpy(out + a.n, opt, n_opt);
	dns_wr16(out + 6, a.n_rr);
	return a.n + n_opt;
}
