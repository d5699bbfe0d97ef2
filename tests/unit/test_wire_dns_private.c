/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_wire_dns_private.c -- answers for private endpoints and questions of our own, as another library
 * reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/dns_priv.h"

#define NAME  "lake.blob.core.windows.net"
#define ALIAS "lake.privatelink.blob.core.windows.net"

static struct dbx_addr addrs[3];

static int begin(void **state)
{
	(void)state;
	return dbx_addr_parse("10.9.0.4", &addrs[0]) | dbx_addr_parse("fd00:9::4", &addrs[1]) |
	       dbx_addr_parse("10.9.0.5", &addrs[2]);
}

/* The answer section as text, "name type rdata;" each; *p is the whole. */
static char *answer_text(const uint8_t *msg, size_t n, ldns_pkt **p)
{
	static char text[8000];
	const ldns_rr_list *l;

	assert_int_equal(ldns_wire2pkt(p, msg, n), LDNS_STATUS_OK);
	l = ldns_pkt_answer(*p);
	text[0] = '\0';
	for (size_t i = 0; i < ldns_rr_list_rr_count(l); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(l, i);
		char *owner = ldns_rdf2str(ldns_rr_owner(rr));
		char *type = ldns_rr_type2str(ldns_rr_get_type(rr));
		char *data = ldns_rdf2str(ldns_rr_rdf(rr, 0));

		assert_int_equal(ldns_rr_ttl(rr), 10);
		strcat(strcat(strcat(text, owner), " "), type);
		strcat(strcat(strcat(text, " "), data), ";");
		free(owner);
		free(type);
		free(data);
	}
	return text;
}

static void test_answers(void **state)
{
	static const struct {
		uint16_t type;
		const char *cname, *want;
	} cases[] = {
		{DBX_DNS_A, ALIAS,
		 NAME ". CNAME " ALIAS ".;" ALIAS ". A 10.9.0.4;" ALIAS ". A 10.9.0.5;"},
		{DBX_DNS_AAAA, ALIAS, NAME ". CNAME " ALIAS ".;" ALIAS ". AAAA fd00:9::4;"},
		{DBX_DNS_A, "", NAME ". A 10.9.0.4;" NAME ". A 10.9.0.5;"},
		{DBX_DNS_HTTPS, ALIAS, NAME ". CNAME " ALIAS ".;"},
		{DBX_DNS_CNAME, ALIAS, NAME ". CNAME " ALIAS ".;"},
		{DBX_DNS_HTTPS, "", ""},
		{DBX_DNS_TXT, "", ""},
	};
	uint8_t out[1232];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int edns = 0; edns < 2; edns++) {
			struct dbx_dns_query q;
			ldns_pkt *p;
			size_t n;

			dbx_dns_query_make(&q, NAME, cases[i].type);
			q.id = 0x1234;
			q.has_edns = edns;
			n = dbx_dns_private_write(&q, cases[i].cname, addrs, 3, 10, out,
						  sizeof(out));
			assert_string_equal(answer_text(out, n, &p), cases[i].want);
			assert_int_equal(ldns_pkt_id(p), 0x1234);
			assert_int_equal(ldns_pkt_get_rcode(p), LDNS_RCODE_NOERROR);
			assert_true(ldns_pkt_qr(p) && ldns_pkt_ra(p) && ldns_pkt_rd(p));
			assert_false(ldns_pkt_tc(p) || ldns_pkt_aa(p) || ldns_pkt_ad(p));
			assert_int_equal(ldns_pkt_edns(p), edns);
			ldns_pkt_free(p);
		}
	}
}

/* No address of the family: an empty answer, not a missing name. */
static void test_other_family(void **state)
{
	struct dbx_dns_query q;
	uint8_t out[512];
	ldns_pkt *p;
	size_t n;

	(void)state;
	dbx_dns_query_make(&q, NAME, DBX_DNS_AAAA);
	n = dbx_dns_private_write(&q, "", addrs, 1, 10, out, sizeof(out));
	assert_string_equal(answer_text(out, n, &p), "");
	assert_int_equal(ldns_pkt_get_rcode(p), LDNS_RCODE_NOERROR);
	ldns_pkt_free(p);
}

/* What does not fit is not given in part; never a byte behind cap. */
static void test_truncated(void **state)
{
	struct dbx_addr many[100];
	struct dbx_dns_query q;
	uint8_t out[2048];
	ldns_pkt *p;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		many[i] = addrs[0];
	for (size_t cap = 512; cap < 2000; cap++) {
		size_t n;

		memset(out, 0xee, sizeof(out));
		dbx_dns_query_make(&q, NAME, DBX_DNS_A);
		q.has_edns = true;
		n = dbx_dns_private_write(&q, ALIAS, many, 100, 10, out, cap);
		assert_true(n <= cap);
		for (size_t i = cap; i < sizeof(out); i++)
			assert_int_equal(out[i], 0xee);
		answer_text(out, n, &p);
		assert_int_equal(ldns_pkt_tc(p), ldns_pkt_ancount(p) == 0);
		assert_true(ldns_pkt_tc(p) || ldns_pkt_ancount(p) == 101);
		assert_int_equal(ldns_pkt_edns(p), 1);
		ldns_pkt_free(p);
	}
	answer_text(out, dbx_dns_private_write(&q, ALIAS, many, 100, 10, out, sizeof(out)), &p);
	assert_int_equal(ldns_pkt_ancount(p), 101);
	ldns_pkt_free(p);
}

/* A name of the greatest length, and what is asked upstream of it. */
static void test_question(void **state)
{
	char name[254] = "";
	struct dbx_dns_query q, read;
	uint8_t msg[DBX_DNS_UPSTREAM_QUERY_MAX];
	size_t n;

	(void)state;
	for (int i = 0; i < 126; i++)
		strcat(name, "a.");
	strcat(name, "b");
	assert_int_equal(strlen(name), 253);
	dbx_dns_query_make(&q, name, DBX_DNS_AAAA);
	assert_int_equal(q.n_wire, 255);
	n = dbx_dns_upstream_write(&q, 7, q.wire, msg);
	assert_int_equal(dbx_dns_query_read(msg, n, &read), DBX_DNS_READ_OK);
	assert_string_equal(read.name, name);
	assert_int_equal(read.qtype, DBX_DNS_AAAA);
	assert_true(read.rd && read.is_plain);
	assert_memory_equal(read.lower, q.lower, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_other_family),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_question),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
