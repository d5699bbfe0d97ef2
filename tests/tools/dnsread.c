// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dnsread.c -- DNS messages as our parsers read them, one line of tab-separated fields each.
 *
 * Standard input: messages, each behind its length (two octets, big endian). Output: "q" or "r" or
 * "-" (not read), id, name, type, rcode, TC, answers, CNAMEs, A, AAAA, TTLs; lists over all sections,
 * with commas. A query that dbx_dns_query_read() takes must agree with ldns, else the line says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dns_priv.h"

static void print_name(const ldns_rdf *name)
{
	char *s = ldns_rdf2str(name);
	size_t n = s ? strlen(s) : 0;

	if (n > 1 && s[n - 1] == '.')
		s[n - 1] = '\0';
	fputs(s ? s : "?", stdout);
	free(s);
}

static void print_of_type(const ldns_rr_list *all, ldns_rr_type type)
{
	const char *comma = "";

	putchar('\t');
	for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(all, i);

		if (ldns_rr_get_type(rr) != type || ldns_rr_rd_count(rr) != 1)
			continue;
		fputs(comma, stdout);
		print_name(ldns_rr_rdf(rr, 0));
		comma = ",";
	}
}

static void print_packet(const uint8_t *msg, const ldns_pkt *p)
{
	ldns_rr_list *all = ldns_pkt_all_noquestion(p);
	const ldns_rr *q = ldns_rr_list_rr(ldns_pkt_question(p), 0);
	const char *comma = "";

	printf("%s\t0x%04x\t", dns_rd16(msg + 2) & DNS_QR ? "r" : "q", dns_rd16(msg));
	if (q)
		print_name(ldns_rr_owner(q));
	printf("\t%u\t%u\t%d\t%u", q ? (unsigned int)ldns_rr_get_type(q) : 0, dbx_dns_rcode(msg),
	       dbx_dns_is_truncated(msg), dns_rd16(msg + 6));
	print_of_type(all, LDNS_RR_TYPE_CNAME);
	print_of_type(all, LDNS_RR_TYPE_A);
	print_of_type(all, LDNS_RR_TYPE_AAAA);
	putchar('\t');
	for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++) {
		printf("%s%u", comma, ldns_rr_ttl(ldns_rr_list_rr(all, i)));
		comma = ",";
	}
	ldns_rr_list_deep_free(all); /* clones */
}

/* Does our reading of a query say what ldns says? */
static bool agrees(const struct dbx_dns_query *q, const ldns_pkt *p)
{
	const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(p), 0);
	const ldns_rdf *owner = rr ? ldns_rr_owner(rr) : NULL;

	return owner && q->qtype == (uint16_t)ldns_rr_get_type(rr) &&
	       q->qclass == (uint16_t)ldns_rr_get_class(rr) && q->n_wire == ldns_rdf_size(owner) &&
	       !memcmp(q->wire, ldns_rdf_data(owner), q->n_wire);
}

/* As an answer to its own question: what would be learned from it. */
static void print_learned(const uint8_t *msg, size_t n)
{
	const struct dbx_dns_rules rules = {0, 86400, false};
	static uint8_t copy[DBX_DNS_MSG_MAX];
	static struct dbx_dns_query q;
	struct dbx_dns_answer a;
	size_t at = DBX_DNS_HEADER_BYTES;
	int rc;

	memcpy(copy, msg, n);
	memcpy(copy + 2, "\1\0\0\1\0\0\0\0\0\0", 10);
	if (!dbx_dns_name_skip(copy, n, &at) || at + 4 > n ||
	    dbx_dns_query_read(copy, at + 4, &q) != DBX_DNS_READ_OK)
		return;
	rc = dbx_dns_answer_read(msg, n, &q, &rules, &a);
	printf("\tlearn=%d,%zu", rc, rc ? 0 : a.n_addrs);
	if (!rc)
		dbx_dns_answer_fini(&a);
}

static void read_one(const uint8_t *msg, size_t n)
{
	struct dbx_dns_query q;
	enum dbx_dns_read r = dbx_dns_query_read(msg, n, &q);
	ldns_pkt *p = NULL;

	if (dbx_dns_parse(msg, n, &p)) {
		printf("-\tread=%d\n", r);
		return;
	}
	print_packet(msg, p);
	if (dns_rd16(msg + 2) & DNS_QR)
		print_learned(msg, n);
	else
		printf("\tread=%d%s", r, r == DBX_DNS_READ_OK && !agrees(&q, p) ? "!" : "");
	putchar('\n');
	ldns_pkt_free(p);
}

int main(void)
{
	uint8_t prefix[2];

	while (fread(prefix, 2, 1, stdin) == 1) {
		size_t n = dns_rd16(prefix);
		uint8_t *msg = malloc(n ? n : 1); /* its exact size: reading past the end is seen */

		if (!msg || (n && fread(msg, n, 1, stdin) != 1))
			return 1;
		read_one(msg, n);
		free(msg);
	}
	return 0;
}
