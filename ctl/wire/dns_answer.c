// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_answer.c -- an upstream's answer, reduced to what may be given and what is learned from it.
 *
 * Only the chain from the question counts: whatever else an upstream adds is not looked at and not
 * passed on. The addresses' TTL is the smallest of the chain, and the client is told the same, so
 * that nobody keeps an address for longer than it was learned for.
 */
#include "wire/dns_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEGATIVE_TTL_MAX_S 300u

struct chain {
	ldns_rdf *names[DBX_DNS_CHAIN_MAX + 1]; /* qname first; owned by the packet but for that */
	size_t n;
	uint32_t ttl_s;
};

static bool in_chain(const struct chain *c, const ldns_rdf *name)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!ldns_dname_compare(c->names[i], name))
			return true;
	}
	return false;
}

static ldns_rr *find_cname(const ldns_rr_list *l, const ldns_rdf *owner)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(l); i++) {
		ldns_rr *rr = ldns_rr_list_rr(l, i);

		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME && ldns_rr_rd_count(rr) == 1 &&
		    !ldns_dname_compare(ldns_rr_owner(rr), owner))
			return rr;
	}
	return NULL;
}

/* 0; -EBADMSG: it loops or is too long. */
static int follow(const ldns_rr_list *answers, uint16_t qtype, struct chain *c)
{
	c->ttl_s = UINT32_MAX;
	c->n = 1;
	while (qtype != DBX_DNS_CNAME) {
		ldns_rr *rr = find_cname(answers, c->names[c->n - 1]);

		if (!rr)
			break;
		if (c->n > DBX_DNS_CHAIN_MAX || in_chain(c, ldns_rr_rdf(rr, 0)))
			return -EBADMSG;
		if (ldns_rr_ttl(rr) < c->ttl_s)
			c->ttl_s = ldns_rr_ttl(rr);
		c->names[c->n++] = ldns_rr_rdf(rr, 0);
	}
	return 0;
}

static bool is_type(const ldns_rr *rr, unsigned int type)
{
	return (unsigned int)ldns_rr_get_type(rr) == type;
}

static unsigned int covered(const ldns_rr *rr)
{
	if (!is_type(rr, DBX_DNS_RRSIG) || !ldns_rr_rd_count(rr))
		return 0;
	return (unsigned int)ldns_rdf2rr_type(ldns_rr_rdf(rr, 0));
}

/* A DNAME stands above a name of the chain, and the CNAME made of it is there too. */
static bool is_dname_of(const struct chain *c, const ldns_rr *rr)
{
	if (!is_type(rr, LDNS_RR_TYPE_DNAME) && covered(rr) != LDNS_RR_TYPE_DNAME)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		if (ldns_dname_is_subdomain(c->names[i], ldns_rr_owner(rr)))
			return true;
	}
	return false;
}

static bool keep_answer(const struct chain *c, uint16_t qtype, const ldns_rr *rr)
{
	const ldns_rdf *end = c->names[c->n - 1];
	unsigned int type = is_type(rr, DBX_DNS_RRSIG) && qtype != DBX_DNS_RRSIG
				    ? covered(rr)
				    : (unsigned int)ldns_rr_get_type(rr);

	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return false;
	if (is_dname_of(c, rr))
		return true;
	if (type == qtype && !ldns_dname_compare(end, ldns_rr_owner(rr)))
		return true;
	return type == LDNS_RR_TYPE_CNAME && in_chain(c, ldns_rr_owner(rr));
}

/* What proves that there is nothing (RFC 2308, RFC 4035), or that a zone is signed. */
static bool keep_authority(const ldns_rr *rr)
{
	unsigned int type = is_type(rr, DBX_DNS_RRSIG) ? covered(rr)
						       : (unsigned int)ldns_rr_get_type(rr);

	return ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
	       (type == LDNS_RR_TYPE_SOA || type == LDNS_RR_TYPE_NSEC ||
		type == LDNS_RR_TYPE_NSEC3 || type == LDNS_RR_TYPE_DS);
}

static int add_addr(struct dbx_dns_answer *a, const ldns_rr *rr)
{
	const ldns_rdf *f = ldns_rr_rdf(rr, 0);
	struct dbx_addr addr = {.is_v6 = is_type(rr, DBX_DNS_AAAA)};
	size_t n = addr.is_v6 ? 16 : 4;

	if (a->n_addrs >= DBX_DNS_ADDRS_MAX || ldns_rr_rd_count(rr) != 1 || ldns_rdf_size(f) != n)
		return -EBADMSG;
	memcpy(addr.a, ldns_rdf_data(f), n);
	a->addrs[a->n_addrs++] = addr;
	return 0;
}

/* RFC 2308 section 5: the smaller of the SOA's TTL and its last field. */
static uint32_t negative_ttl(const ldns_rr_list *authority)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(authority, i);
		uint32_t ttl;

		if (!is_type(rr, DBX_DNS_SOA) || ldns_rr_rd_count(rr) != 7)
			continue;
		ttl = ldns_rdf2native_int32(ldns_rr_rdf(rr, 6));
		if (ldns_rr_ttl(rr) < ttl)
			ttl = ldns_rr_ttl(rr);
		return ttl < NEGATIVE_TTL_MAX_S ? ttl : NEGATIVE_TTL_MAX_S;
	}
	return 0;
}

static uint32_t clamp(uint32_t ttl, const struct dbx_dns_rules *r)
{
	if (ttl & 0x80000000u) /* RFC 2181 section 8 */
		ttl = 0;
	if (ttl > r->max_ttl_s)
		ttl = r->max_ttl_s;
	return ttl < r->min_ttl_s ? r->min_ttl_s : ttl;
}

/* Moves the records that stay from one section of in to the same of out, whose packet owns them. */
static int take_answers(const ldns_rr_list *from, struct chain *c, uint16_t qtype,
			const struct dbx_dns_rules *rules, ldns_rr_list *to,
			struct dbx_dns_answer *a)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(from); i++) {
		ldns_rr *rr = ldns_rr_list_rr(from, i);
		int rc = 0;

		if (!keep_answer(c, qtype, rr))
			continue;
		if (is_type(rr, DBX_DNS_A) || is_type(rr, DBX_DNS_AAAA))
			rc = add_addr(a, rr);
		else if (is_type(rr, DBX_DNS_HTTPS) || is_type(rr, DBX_DNS_SVCB))
			rc = dbx_dns_svcb_strip(rr, rules->keep_ech);
		if (rc == -ENOENT)
			continue;
		if (rc)
			return rc;
		if (ldns_rr_ttl(rr) < c->ttl_s)
			c->ttl_s = ldns_rr_ttl(rr);
		if (!ldns_rr_list_push_rr(to, rr))
			return -ENOMEM;
	}
	return 0;
}

static int take_authority(const ldns_rr_list *from, ldns_rr_list *to, uint32_t ttl_s)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(from); i++) {
		ldns_rr *rr = ldns_rr_list_rr(from, i);

		if (!keep_authority(rr))
			continue;
		if (ldns_rr_ttl(rr) > ttl_s)
			ldns_rr_set_ttl(rr, ttl_s);
		if (!ldns_rr_list_push_rr(to, rr))
			return -ENOMEM;
	}
	return 0;
}

static int note_ttls(struct dbx_dns_answer *a, size_t n_records)
{
	size_t at = DBX_DNS_HEADER_BYTES;
	struct dbx_dns_rr rr;

	a->ttl_at = malloc((n_records + 1) * sizeof(a->ttl_at[0]));
	if (!a->ttl_at)
		return -ENOMEM;
	if (!dbx_dns_name_skip(a->wire, a->n_wire, &at))
		return -EBADMSG;
	at += 4;
	while (a->n_ttls < n_records) {
		if (!dbx_dns_rr_skip(a->wire, a->n_wire, &at, &rr))
			return -EBADMSG;
		a->ttl_at[a->n_ttls++] = (uint16_t)rr.ttl_at;
	}
	return 0;
}

/* The question in lower case, as a list of one. */
static ldns_rr_list *question_of(const struct dbx_dns_query *q)
{
	ldns_rdf *name = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, q->n_wire, q->lower);
	ldns_rr_list *l = ldns_rr_list_new();
	ldns_rr *rr = ldns_rr_new();

	if (!name || !l || !rr || !ldns_rr_list_push_rr(l, rr)) {
		ldns_rdf_deep_free(name);
		ldns_rr_free(rr);
		ldns_rr_list_free(l);
		return NULL;
	}
	ldns_rr_set_owner(rr, name);
	ldns_rr_set_type(rr, q->qtype);
	ldns_rr_set_class(rr, q->qclass);
	ldns_rr_set_question(rr, true);
	return l;
}

/* Header, question and the records that stay, compressed by ldns. */
static int encode(struct dbx_dns_answer *a, const struct dbx_dns_query *q, ldns_rr_list *answers,
		  ldns_rr_list *authority)
{
	ldns_rr_list *question = question_of(q);
	ldns_pkt *p = ldns_pkt_new();
	size_t n_records = ldns_rr_list_rr_count(answers) + ldns_rr_list_rr_count(authority), n;
	int rc = -ENOMEM;

	if (question && p) {
		ldns_rr_list_deep_free(ldns_pkt_question(p));
		ldns_rr_list_deep_free(ldns_pkt_answer(p));
		ldns_rr_list_deep_free(ldns_pkt_authority(p));
		ldns_pkt_set_question(p, question);
		ldns_pkt_set_answer(p, answers);
		ldns_pkt_set_authority(p, authority);
		ldns_pkt_set_qdcount(p, 1);
		ldns_pkt_set_ancount(p, (uint16_t)ldns_rr_list_rr_count(answers));
		ldns_pkt_set_nscount(p, (uint16_t)ldns_rr_list_rr_count(authority));
		rc = ldns_pkt2wire(&a->wire, p, &n) == LDNS_STATUS_OK ? 0 : -EBADMSG;
		ldns_pkt_set_question(p, NULL);
		ldns_pkt_set_answer(p, NULL); /* the caller's */
		ldns_pkt_set_authority(p, NULL);
	}
	ldns_pkt_free(p);
	ldns_rr_list_deep_free(question);
	if (rc)
		return rc;
	if (n > DBX_DNS_MSG_MAX - 64) /* room for an OPT */
		return -EBADMSG;
	a->n_wire = (uint16_t)n;
	return note_ttls(a, n_records);
}

static bool has_type(const ldns_rr_list *l, uint16_t qtype)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(l); i++) {
		if (is_type(ldns_rr_list_rr(l, i), qtype))
			return true;
	}
	return false;
}

/* Fills what is given and learned, from the sections of a packet. */
static int reduce(const ldns_pkt *p, const struct dbx_dns_query *q,
		  const struct dbx_dns_rules *rules, struct chain *c, struct dbx_dns_answer *a)
{
	ldns_rr_list *answers = ldns_rr_list_new(), *authority = ldns_rr_list_new();
	bool is_positive;
	int rc = answers && authority ? 0 : -ENOMEM;

	if (!rc)
		rc = follow(ldns_pkt_answer(p), q->qtype, c);
	if (!rc)
		rc = take_answers(ldns_pkt_answer(p), c, a->rcode ? DBX_DNS_CNAME : q->qtype, rules,
				  answers, a);
	if (rc)
		goto out;
	is_positive = !a->rcode && has_type(answers, q->qtype);
	a->ttl_s = is_positive ? c->ttl_s : negative_ttl(ldns_pkt_authority(p));
	if (c->ttl_s < a->ttl_s)
		a->ttl_s = c->ttl_s;
	a->may_keep = a->ttl_s && (!a->rcode || a->rcode == DBX_DNS_NXDOMAIN);
	a->ttl_s = clamp(a->ttl_s, rules);
	for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++)
		ldns_rr_set_ttl(ldns_rr_list_rr(answers, i), a->ttl_s);
	rc = take_authority(ldns_pkt_authority(p), authority, a->ttl_s);
	if (!rc)
		rc = encode(a, q, answers, authority);
out:
	ldns_rr_list_free(answers); /* the records are the packet's */
	ldns_rr_list_free(authority);
	return rc;
}

int dbx_dns_answer_read(const void *msg, size_t n, const struct dbx_dns_query *q,
			const struct dbx_dns_rules *rules, struct dbx_dns_answer *out)
{
	struct dbx_dns_answer a = {0};
	struct chain c = {.n = 1};
	ldns_pkt *p = NULL;
	int rc = dbx_dns_parse(msg, n, &p);

	if (rc)
		return rc;
	a.rcode = (uint8_t)dbx_dns_rcode(msg);
	a.is_authentic = dns_rd16((const uint8_t *)msg + 2) & DNS_AD;
	a.addrs = calloc(ldns_pkt_ancount(p) + 1u, sizeof(a.addrs[0]));
	c.names[0] = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, q->n_wire, q->lower);
	rc = a.addrs && c.names[0] ? reduce(p, q, rules, &c, &a) : -ENOMEM;
	ldns_rdf_deep_free(c.names[0]);
	ldns_pkt_free(p);
	if (rc) {
		dbx_dns_answer_fini(&a);
		return rc;
	}
	*out = a;
	return 0;
}

void dbx_dns_answer_fini(struct dbx_dns_answer *a)
{
	free(a->wire);
	free(a->ttl_at);
	free(a->addrs);
	memset(a, 0, sizeof(*a));
}
