/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_dns.c -- any message as a client's query and as an upstream's answer.
 *
 * The first octet chooses: settings (bits 0-2), and whether the message's own question or a fixed one
 * is the one that was asked (bit 3). What is given to a client is read again and must be sane.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/dns_priv.h"

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_name(const struct dbx_dns_query *q)
{
	must(q->n_name == strlen(q->name) && q->n_name < DBX_DNS_TEXT_SIZE);
	must(q->n_wire && !q->wire[q->n_wire - 1]);
	for (size_t i = 0; i < q->n_name; i++)
		must(q->name[i] > ' ' && q->name[i] < 0x7f &&
		     (q->name[i] < 'A' || q->name[i] > 'Z'));
	if (q->is_plain)
		must(q->n_name <= 253 && !strchr(q->name, '\\'));
}

static void write_errors(const struct dbx_dns_query *q)
{
	uint8_t *out = malloc(512);
	size_t n = dbx_dns_error_write(q, DBX_DNS_NXDOMAIN, DBX_DNS_EDE_FILTERED, "dns-denied", out,
				       512);

	must(n <= 512 && dbx_dns_scan(out, n));
	n = dbx_dns_error_write(q, DBX_DNS_BADVERS, DBX_DNS_EDE_NONE, NULL, out, 512);
	must(n <= 512 && dbx_dns_scan(out, n));
	free(out);
}

static void read_query(const uint8_t *msg, size_t n)
{
	struct dbx_dns_query q;
	enum dbx_dns_read r = dbx_dns_query_read(msg, n, &q);
	uint8_t out[DBX_DNS_UPSTREAM_QUERY_MAX];
	struct dbx_dns_query again;

	if (r == DBX_DNS_READ_DROP)
		return;
	if (q.has_question)
		check_name(&q);
	write_errors(&q);
	if (r != DBX_DNS_READ_OK)
		return;
	n = dbx_dns_upstream_write(&q, 1, q.wire, out);
	must(n <= sizeof(out) && dbx_dns_query_read(out, n, &again) == DBX_DNS_READ_OK);
	must(again.n_wire == q.n_wire && !memcmp(again.wire, q.wire, q.n_wire));
	must(again.qtype == q.qtype && again.want_dnssec == q.want_dnssec && again.cd == q.cd);
}

/* What an answer to a client may hold. */
static void check_given(const uint8_t *msg, size_t n, const struct dbx_dns_rules *rules)
{
	size_t at = DBX_DNS_HEADER_BYTES, n_records;
	struct dbx_dns_rr rr;

	must(dbx_dns_scan(msg, n) && dbx_dns_name_skip(msg, n, &at));
	at += 4;
	n_records = (size_t)dns_rd16(msg + 6) + dns_rd16(msg + 8) + dns_rd16(msg + 10);
	for (size_t i = 0; i < n_records; i++) {
		size_t in;

		must(dbx_dns_rr_skip(msg, n, &at, &rr));
		if (rr.type == DBX_DNS_OPT)
			continue;
		must(dns_rd32(msg + rr.ttl_at) <= rules->max_ttl_s);
		if (rr.type != DBX_DNS_HTTPS && rr.type != DBX_DNS_SVCB)
			continue;
		in = rr.rdata_at + 2;
		must(dbx_dns_name_skip(msg, at, &in));
		while (in < at) {
			unsigned int key = dns_rd16(msg + in);

			must(key != 4 && key != 6 && (key != 5 || rules->keep_ech));
			in += 4u + dns_rd16(msg + in + 2);
		}
		must(in == at);
	}
	must(at == n);
}

static void give(const struct dbx_dns_answer *a, struct dbx_dns_query *q, size_t cap,
		 const struct dbx_dns_rules *rules)
{
	uint8_t *out = malloc(cap);
	size_t n;

	q->has_edns = cap == DBX_DNS_MSG_MAX;
	n = dbx_dns_answer_write(a, q, 7, out, cap);
	must(n <= cap);
	if (!rules->min_ttl_s)
		check_given(out, n, rules);
	free(out);
}

static void read_answer(const uint8_t *msg, size_t n, unsigned int how)
{
	const struct dbx_dns_rules rules = {how & 1 ? 10 : 0, how & 2 ? 60 : 86400, how & 4};
	static const uint8_t fixed[] = "\0\1\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1";
	struct dbx_dns_query q;
	struct dbx_dns_answer a;
	uint8_t own[DBX_DNS_HEADER_BYTES + DBX_DNS_WIRE_MAX + 4] = {0, 1, 1, 0, 0, 1};
	size_t at = DBX_DNS_HEADER_BYTES;

	must(dbx_dns_query_read(fixed, sizeof(fixed) - 1, &q) == DBX_DNS_READ_OK);
	if (!(how & 8) && n > at && dbx_dns_name_skip(msg, n, &at) && at + 4 <= n &&
	    at + 4 <= sizeof(own)) {
		memcpy(own + DBX_DNS_HEADER_BYTES, msg + DBX_DNS_HEADER_BYTES,
		       at + 4 - DBX_DNS_HEADER_BYTES);
		if (dbx_dns_query_read(own, at + 4, &q) != DBX_DNS_READ_OK)
			return;
	}
	if (n >= DBX_DNS_HEADER_BYTES)
		dbx_dns_match(msg, n, own, sizeof(own));
	if (dbx_dns_answer_read(msg, n, &q, &rules, &a))
		return;
	must(a.n_addrs <= DBX_DNS_ADDRS_MAX && a.ttl_s <= rules.max_ttl_s);
	must(!a.n_addrs || (!a.rcode && (q.qtype == DBX_DNS_A || q.qtype == DBX_DNS_AAAA)));
	give(&a, &q, DBX_DNS_UDP_PLAIN, &rules);
	give(&a, &q, DBX_DNS_MSG_MAX, &rules);
	dbx_dns_answer_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	if (!size)
		return 0;
	exact = malloc(size); /* so that reading past the end is seen */
	must(exact);
	memcpy(exact, data + 1, size - 1);
	exact = realloc(exact, size > 1 ? size - 1 : 1);
	read_query(exact, size - 1);
	read_answer(exact, size - 1, data[0]);
	free(exact);
	return 0;
}
