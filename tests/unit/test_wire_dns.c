/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_wire_dns.c -- what is read of a query, kept of an answer, and given to a client.
 *
 * Messages are built with ldns from zone-file text, or written octet by octet when no library would.
 * Garbage in bulk is dns_client.py's and fuzz_dns.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dns_priv.h"

static const struct dbx_dns_rules plain_rules = {0, 86400, false};

static size_t make_query(uint8_t *out, const char *name, uint16_t type)
{
	ldns_rdf *n = ldns_dname_new_frm_str(name);
	size_t len = ldns_rdf_size(n);

	memcpy(out, "\x12\x34\1\0\0\1\0\0\0\0\0\0", 12);
	memcpy(out + 12, ldns_rdf_data(n), len);
	dns_wr16(out + 12 + len, type);
	dns_wr16(out + 14 + len, 1);
	ldns_rdf_deep_free(n);
	return 16 + len;
}

static void ask(struct dbx_dns_query *q, const char *name, uint16_t type)
{
	uint8_t msg[300];
	size_t n = make_query(msg, name, type);

	assert_int_equal(dbx_dns_query_read(msg, n, q), DBX_DNS_READ_OK);
}

/* Records as zone-file lines; "-" begins the authority section, "+" the additional. */
static uint8_t *make_answer(const char *name, uint16_t type, unsigned int rcode,
			    const char *const *lines, size_t *n)
{
	ldns_pkt *p = ldns_pkt_query_new(ldns_dname_new_frm_str(name), (ldns_rr_type)type,
					 LDNS_RR_CLASS_IN, LDNS_RD | LDNS_QR | LDNS_RA);
	ldns_pkt_section section = LDNS_SECTION_ANSWER;
	uint8_t *wire;

	for (; *lines; lines++) {
		ldns_rr *rr = NULL;

		if (**lines == '-')
			section = LDNS_SECTION_AUTHORITY;
		else if (**lines == '+')
			section = LDNS_SECTION_ADDITIONAL;
		else if (ldns_rr_new_frm_str(&rr, *lines, 0, NULL, NULL) != LDNS_STATUS_OK)
			fail_msg("%s", *lines);
		else
			ldns_pkt_push_rr(p, section, rr);
	}
	ldns_pkt_set_rcode(p, rcode);
	assert_int_equal(ldns_pkt2wire(&wire, p, n), LDNS_STATUS_OK);
	ldns_pkt_free(p);
	return wire;
}

static int read_with(const struct dbx_dns_rules *rules, const char *name, uint16_t type,
		     unsigned int rcode, const char *const *lines, struct dbx_dns_answer *a)
{
	struct dbx_dns_query q;
	size_t n;
	uint8_t *wire = make_answer(name, type, rcode, lines, &n);
	int rc;

	ask(&q, name, type);
	rc = dbx_dns_answer_read(wire, n, &q, rules, a);
	free(wire);
	return rc;
}

#define READ(name, type, rcode, a, ...) \
	read_with(&plain_rules, name, type, rcode, (const char *const[]){__VA_ARGS__, NULL}, a)

/* The records of what a client gets, one a line, as ldns prints them. */
static char *given(const struct dbx_dns_answer *a, const char *name, uint16_t type, uint32_t age_s)
{
	static char text[8192];
	static uint8_t out[DBX_DNS_MSG_MAX];
	struct dbx_dns_query q;
	ldns_rr_list *all;
	ldns_pkt *p;
	char *s;
	size_t n;

	ask(&q, name, type);
	n = dbx_dns_answer_write(a, &q, age_s, out, sizeof(out));
	assert_int_equal(dbx_dns_parse(out, n, &p), 0);
	all = ldns_pkt_all_noquestion(p);
	s = ldns_rr_list2str(all);
	snprintf(text, sizeof(text), "%s", s);
	free(s);
	ldns_rr_list_deep_free(all);
	ldns_pkt_free(p);
	for (s = text; *s; s++)
		*s = *s == '\t' ? ' ' : *s;
	return text;
}

/* ---- queries ---- */

static void test_query_names(void **state)
{
	static const struct {
		const char *name, *text;
		bool is_plain;
	} rows[] = {
		{"WwW.Example.COM.", "www.example.com", true},
		{"_acme-challenge.x-1.example.com.", "_acme-challenge.x-1.example.com", true},
		{"xn--bcher-kva.example.", "xn--bcher-kva.example", true},
		{".", ".", false},
		{"a\\.b.example.", "a\\046b.example", false},
		{"a\\000b.example.", "a\\000b.example", false},
		{"\\255.example.", "\\255.example", false},
		{"*.example.com.", "\\042.example.com", false},
	};
	struct dbx_dns_query q;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(&q, rows[i].name, DBX_DNS_A);
		assert_string_equal(q.name, rows[i].text);
		assert_int_equal(q.n_name, strlen(rows[i].text));
		assert_int_equal(q.is_plain, rows[i].is_plain);
	}
}

static void test_query_longest(void **state)
{
	uint8_t msg[400] = {0, 1, 1, 0, 0, 1};
	struct dbx_dns_query q;
	size_t at = 12;

	(void)state;
	for (int i = 0; i < 4; i++) {
		size_t len = i < 3 ? 63 : 61;

		msg[at] = (uint8_t)len;
		memset(msg + at + 1, 0xff, len);
		at += 1 + len;
	}
	at++;
	dns_wr16(msg + at, 1);
	dns_wr16(msg + at + 2, 1);
	assert_int_equal(at - 12, DBX_DNS_WIRE_MAX);
	assert_int_equal(dbx_dns_query_read(msg, at + 4, &q), DBX_DNS_READ_OK);
	assert_int_equal(q.n_name, 4 * 250 + 3);
	msg[12 + 64 * 3] = 62; /* one octet more, over the root label and into the type */
	assert_int_equal(dbx_dns_query_read(msg, at + 4, &q), DBX_DNS_READ_FORMERR);
}

static void test_query_edns(void **state)
{
	uint8_t msg[400];
	size_t n = make_query(msg, "example.com.", DBX_DNS_A);
	struct dbx_dns_query q;

	(void)state;
	msg[11] = 1;
	memcpy(msg + n,
	       "\0\0\x29\x10\0\0\0\x80\0\0\xc\0\xa\0\x8"
	       "abcdefgh",
	       23);
	assert_int_equal(dbx_dns_query_read(msg, n + 23, &q), DBX_DNS_READ_OK);
	assert_true(q.has_edns && q.want_dnssec);
	assert_int_equal(q.udp_bytes, DBX_DNS_UDP_MAX); /* 4096 were offered */
	msg[n + 3] = 0;
	msg[n + 4] = 100;
	assert_int_equal(dbx_dns_query_read(msg, n + 23, &q), DBX_DNS_READ_OK);
	assert_int_equal(q.udp_bytes, DBX_DNS_UDP_PLAIN);
	msg[n + 6] = 1;
	assert_int_equal(dbx_dns_query_read(msg, n + 23, &q), DBX_DNS_READ_BADVERS);
	assert_int_equal(dbx_dns_query_read(msg, n + 22, &q), DBX_DNS_READ_FORMERR);
}

static void test_refusal(void **state)
{
	struct dbx_dns_query q;
	uint8_t out[512];
	size_t n;

	(void)state;
	ask(&q, "Bad.Example.com.", DBX_DNS_A);
	n = dbx_dns_error_write(&q, DBX_DNS_NXDOMAIN, DBX_DNS_EDE_FILTERED, "dns-denied", out, 512);
	assert_int_equal(n, 12 + 17 + 4); /* no EDNS, no extended error */
	assert_memory_equal(out, "\x12\x34\x81\x83\0\1\0\0\0\0\0\0\3Bad", 16);
	q.has_edns = true;
	n = dbx_dns_error_write(&q, DBX_DNS_NXDOMAIN, DBX_DNS_EDE_FILTERED, "dns-denied", out, 512);
	assert_memory_equal(out + 33,
			    "\0\0\x29\4\xd0\0\0\0\0\0\x10\0\xf\0\xc\0\x11"
			    "dns-denied",
			    27);
	assert_int_equal(n, 33 + 27);
	n = dbx_dns_error_write(&q, DBX_DNS_BADVERS, DBX_DNS_EDE_NONE, NULL, out, 512);
	assert_int_equal(out[3] & 15, 0);
	assert_int_equal(out[33 + 5], 1); /* 16 = 1 << 4 */
	assert_int_equal(n, 33 + 11);
}

static void test_types(void **state)
{
	char buf[16];

	(void)state;
	assert_int_equal(dbx_dns_type_rule(DBX_DNS_A), DBX_DNS_TYPE_FORWARD);
	assert_int_equal(dbx_dns_type_rule(DBX_DNS_CAA), DBX_DNS_TYPE_FORWARD);
	assert_int_equal(dbx_dns_type_rule(DBX_DNS_PTR), DBX_DNS_TYPE_PTR);
	assert_int_equal(dbx_dns_type_rule(DBX_DNS_ANY), DBX_DNS_TYPE_REFUSED);
	assert_int_equal(dbx_dns_type_rule(0), DBX_DNS_TYPE_NOTIMP);
	assert_int_equal(dbx_dns_type_rule(10), DBX_DNS_TYPE_NOTIMP); /* NULL: tunnels use it */
	assert_string_equal(dbx_dns_type_name(65, buf), "HTTPS");
	assert_string_equal(dbx_dns_type_name(65280, buf), "TYPE65280");
}

/* ---- matching ---- */

static void test_match(void **state)
{
	uint8_t sent[DBX_DNS_UPSTREAM_QUERY_MAX], got[DBX_DNS_UPSTREAM_QUERY_MAX];
	struct dbx_dns_query q;
	size_t n;

	(void)state;
	ask(&q, "ExAmple.com.", DBX_DNS_A);
	n = dbx_dns_upstream_write(&q, 0xbeef, q.wire, sent);
	memcpy(got, sent, n);
	assert_int_equal(dbx_dns_match(got, n, sent, n), DBX_DNS_MATCH_NO); /* a query */
	got[2] |= 0x80;
	assert_int_equal(dbx_dns_match(got, n, sent, n), DBX_DNS_MATCH_YES);
	assert_int_equal(dbx_dns_match(got, n - 11, sent, n), DBX_DNS_MATCH_YES);
	assert_int_equal(dbx_dns_match(got, n - 12, sent, n), DBX_DNS_MATCH_NO);
	got[13] ^= 0x20;
	assert_int_equal(dbx_dns_match(got, n, sent, n), DBX_DNS_MATCH_CASE);
	got[14] = 'y';
	assert_int_equal(dbx_dns_match(got, n, sent, n), DBX_DNS_MATCH_NO);
	memcpy(got + 12, sent + 12, n - 12);
	got[1] ^= 1;
	assert_int_equal(dbx_dns_match(got, n, sent, n), DBX_DNS_MATCH_NO);
}

/* ---- answers ---- */

static void test_answer_chain(void **state)
{
	struct dbx_dns_answer a;
	char text[DBX_ADDR_STRLEN];

	(void)state;
	assert_int_equal(READ("www.x.test.", DBX_DNS_A, 0, &a,
			      "www.x.test. 300 IN CNAME E.cdn.test.",
			      "e.CDN.test. 20 IN CNAME f.cdn.test.",
			      "f.cdn.test. 60 IN A 192.0.2.1", "f.cdn.test. 60 IN A 192.0.2.2"),
			 0);
	assert_int_equal(a.n_addrs, 2);
	assert_string_equal(dbx_addr_format(&a.addrs[1], text), "192.0.2.2");
	assert_int_equal(a.ttl_s, 20);
	assert_true(a.may_keep);
	/* everybody keeps it as long as the record that goes first; seven seconds are gone */
	assert_string_equal(given(&a, "www.x.test.", DBX_DNS_A, 7),
			    "www.x.test. 13 IN CNAME E.cdn.test.\n"
			    "E.cdn.test. 13 IN CNAME f.cdn.test.\n"
			    "f.cdn.test. 13 IN A 192.0.2.1\nf.cdn.test. 13 IN A 192.0.2.2\n");
	dbx_dns_answer_fini(&a);
}

static void test_answer_poison(void **state)
{
	struct dbx_dns_answer a;

	(void)state;
	assert_int_equal(
		READ("www.x.test.", DBX_DNS_A, 0, &a, "bank.test. 300 IN A 203.0.113.1",
		     "www.x.test. 60 IN A 192.0.2.1", "www.x.test. 60 IN AAAA 2001:db8::1",
		     "y.x.test. 60 IN CNAME www.x.test.", "-", "x.test. 60 IN NS ns.evil.test.",
		     "+", "ns.evil.test. 60 IN A 203.0.113.2", "www.x.test. 60 IN A 203.0.113.3"),
		0);
	assert_int_equal(a.n_addrs, 1);
	assert_string_equal(given(&a, "www.x.test.", DBX_DNS_A, 0),
			    "www.x.test. 60 IN A 192.0.2.1\n");
	dbx_dns_answer_fini(&a);
	/* an address beside a denial is none */
	assert_int_equal(READ("www.x.test.", DBX_DNS_A, 3, &a, "www.x.test. 60 IN A 192.0.2.1"), 0);
	assert_int_equal(a.n_addrs, 0);
	assert_false(a.may_keep);
	assert_string_equal(given(&a, "www.x.test.", DBX_DNS_A, 0), "");
	dbx_dns_answer_fini(&a);
}

static void test_answer_loops(void **state)
{
	const char *lines[40] = {NULL};
	char text[40][64];
	struct dbx_dns_answer a;
	int rc;

	(void)state;
	assert_int_equal(READ("a.test.", DBX_DNS_A, 0, &a, "a.test. 60 IN CNAME a.test."),
			 -EBADMSG);
	assert_int_equal(READ("a.test.", DBX_DNS_A, 0, &a, "a.test. 60 IN CNAME b.test.",
			      "b.test. 60 IN CNAME A.test."),
			 -EBADMSG);
	for (unsigned int n = DBX_DNS_CHAIN_MAX; n <= DBX_DNS_CHAIN_MAX + 1; n++) {
		for (unsigned int i = 0; i < n; i++) {
			snprintf(text[i], sizeof(text[i]), "c%u.test. 60 IN CNAME c%u.test.", i,
				 i + 1);
			lines[i] = text[i];
		}
		snprintf(text[n], sizeof(text[n]), "c%u.test. 60 IN A 192.0.2.1", n);
		lines[n] = text[n];
		rc = read_with(&plain_rules, "c0.test.", DBX_DNS_A, 0, lines, &a);
		assert_int_equal(rc, n == DBX_DNS_CHAIN_MAX ? 0 : -EBADMSG);
		if (!rc)
			dbx_dns_answer_fini(&a);
	}
}

static void test_answer_negative(void **state)
{
	struct dbx_dns_answer a;

	(void)state;
	assert_int_equal(READ("no.x.test.", DBX_DNS_A, 3, &a, "-",
			      "x.test. 600 IN SOA ns.x.test. root.x.test. 1 2 3 4 120"),
			 0);
	assert_true(a.may_keep);
	assert_int_equal(a.ttl_s, 120);
	assert_int_equal(a.rcode, DBX_DNS_NXDOMAIN);
	assert_non_null(strstr(given(&a, "no.x.test.", DBX_DNS_A, 0), "SOA"));
	dbx_dns_answer_fini(&a);
	/* no data behind a CNAME, and no SOA: given, not kept */
	assert_int_equal(READ("no.x.test.", DBX_DNS_AAAA, 0, &a, "no.x.test. 60 IN CNAME y.test."),
			 0);
	assert_false(a.may_keep);
	assert_string_equal(given(&a, "no.x.test.", DBX_DNS_AAAA, 0),
			    "no.x.test. 0 IN CNAME y.test.\n");
	dbx_dns_answer_fini(&a);
	assert_int_equal(READ("no.x.test.", DBX_DNS_A, 2, &a, "-",
			      "x.test. 600 IN SOA ns.x.test. root.x.test. 1 2 3 4 120"),
			 0);
	assert_false(a.may_keep);
	dbx_dns_answer_fini(&a);
}

static void test_answer_ttls(void **state)
{
	static const struct dbx_dns_rules rules = {30, 90, false};
	struct dbx_dns_answer a;

	(void)state;
	assert_int_equal(read_with(&rules, "a.test.", DBX_DNS_A, 0,
				   (const char *const[]){"a.test. 5 IN A 192.0.2.1", NULL}, &a),
			 0);
	assert_int_equal(a.ttl_s, 30);
	dbx_dns_answer_fini(&a);
	assert_int_equal(read_with(&rules, "a.test.", DBX_DNS_A, 0,
				   (const char *const[]){"a.test. 2147483647 IN A 192.0.2.1", NULL},
				   &a),
			 0);
	assert_int_equal(a.ttl_s, 90);
	assert_string_equal(given(&a, "a.test.", DBX_DNS_A, 0), "a.test. 90 IN A 192.0.2.1\n");
	dbx_dns_answer_fini(&a);
}

static void test_answer_svcb(void **state)
{
	static const struct dbx_dns_rules keep = {0, 86400, true};
	static const char *const lines[] = {
		"a.test. 60 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 ech=aGVsbG8= ipv6hint=2001:db8::1",
		"a.test. 60 IN HTTPS 2 b.test. mandatory=ipv4hint ipv4hint=192.0.2.1",
		"a.test. 60 IN HTTPS 3 c.test. port=8443", NULL};
	struct dbx_dns_answer a;

	(void)state;
	assert_int_equal(read_with(&plain_rules, "a.test.", DBX_DNS_HTTPS, 0, lines, &a), 0);
	assert_string_equal(
		given(&a, "a.test.", DBX_DNS_HTTPS, 0),
		"a.test. 60 IN HTTPS 1 . alpn=h2\na.test. 60 IN HTTPS 3 c.test. port=8443\n");
	assert_int_equal(a.n_addrs, 0);
	dbx_dns_answer_fini(&a);
	assert_int_equal(read_with(&keep, "a.test.", DBX_DNS_HTTPS, 0, lines, &a), 0);
	assert_non_null(strstr(given(&a, "a.test.", DBX_DNS_HTTPS, 0), "ech="));
	assert_null(strstr(given(&a, "a.test.", DBX_DNS_HTTPS, 0), "hint"));
	dbx_dns_answer_fini(&a);
}

static void test_answer_truncated(void **state)
{
	const char *lines[101] = {NULL};
	char text[100][48];
	struct dbx_dns_answer a;
	struct dbx_dns_query q;
	uint8_t out[DBX_DNS_MSG_MAX];
	size_t n;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text[i], sizeof(text[i]), "a.test. 60 IN A 192.0.2.%d", i);
		lines[i] = text[i];
	}
	assert_int_equal(read_with(&plain_rules, "a.test.", DBX_DNS_A, 0, lines, &a), 0);
	assert_int_equal(a.n_addrs, 100);
	ask(&q, "A.tEst.", DBX_DNS_A);
	n = dbx_dns_answer_write(&a, &q, 0, out, 512);
	assert_int_equal(n, 12 + 8 + 4);
	assert_true(dbx_dns_is_truncated(out));
	assert_int_equal(out[7], 0);
	n = dbx_dns_answer_write(&a, &q, 0, out, sizeof(out));
	assert_false(dbx_dns_is_truncated(out));
	assert_int_equal(n, 12 + 8 + 4 + 100 * 16);
	assert_memory_equal(out + 12, "\1A\4tEst", 7);
	dbx_dns_answer_fini(&a);
}

/* A record with more data than its type has fields: ldns, asked for the next one, would abort. */
static void test_answer_surplus(void **state)
{
	static const uint8_t msg[] = "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1a\4test\0\0\1\0\1"
				     "\xc0\xc\0\1\0\1\0\0\0\x3c\0\5\1\2\3\4\5";
	struct dbx_dns_answer a;
	struct dbx_dns_query q;

	(void)state;
	ask(&q, "a.test.", DBX_DNS_A);
	assert_int_equal(dbx_dns_answer_read(msg, sizeof(msg) - 1, &q, &plain_rules, &a), -EBADMSG);
}

/* Every prefix of a real answer is refused or read, never read past. */
static void test_answer_cut(void **state)
{
	size_t n;
	uint8_t *wire = make_answer("a.test.", DBX_DNS_A, 0,
				    (const char *const[]){"a.test. 60 IN CNAME b.test.",
							  "b.test. 60 IN A 192.0.2.1", NULL},
				    &n);
	struct dbx_dns_query q;

	(void)state;
	ask(&q, "a.test.", DBX_DNS_A);
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);
		struct dbx_dns_answer a;

		memcpy(exact, wire, cut);
		assert_int_equal(dbx_dns_answer_read(exact, cut, &q, &plain_rules, &a), -EBADMSG);
		free(exact);
	}
	free(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query_names),
		cmocka_unit_test(test_query_longest),
		cmocka_unit_test(test_query_edns),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_answer_chain),
		cmocka_unit_test(test_answer_poison),
		cmocka_unit_test(test_answer_loops),
		cmocka_unit_test(test_answer_negative),
		cmocka_unit_test(test_answer_ttls),
		cmocka_unit_test(test_answer_svcb),
		cmocka_unit_test(test_answer_truncated),
		cmocka_unit_test(test_answer_surplus),
		cmocka_unit_test(test_answer_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
