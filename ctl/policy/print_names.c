/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_names.c -- "dns" and "names" of the gateway document; what is at its default is left out.
 */
#include "policy/print_names.h"

#include "policy/read_names.h"

static json_t *print_upstream(struct dbx_pr *p, const struct dbx_upstream *u)
{
	char text[DBX_ADDR_STRLEN];
	json_t *o;

	dbx_addr_format(&u->addr, text);
	if (u->port == 53)
		return json_string(text);
	o = dbx_pr_object(p, NULL);
	dbx_pr_text(p, o, "address", text);
	dbx_pr_set(p, o, "port", json_integer(u->port));
	return o;
}

json_t *dbx_pr_dns(struct dbx_pr *p, const struct dbx_dns_options *dns)
{
	json_t *o = dbx_pr_object(p, dns->extra), *list = dbx_pr_array(p);

	for (size_t i = 0; i < dns->n_upstreams; i++)
		dbx_pr_push(p, list, print_upstream(p, &dns->upstreams[i]));
	dbx_pr_set(p, o, "upstreams", list);
	for (size_t i = 0; i < DBX_DNS_NUMBERS; i++) {
		const struct dbx_dns_number *f = &dbx_dns_numbers[i];
		uint32_t n = *(const uint32_t *)((const char *)dns + f->offset);

		if (n != f->otherwise)
			dbx_pr_set(p, o, f->key, json_integer(n));
	}
	if (dns->bare_suffix_match)
		dbx_pr_set(p, o, "bare_suffix_match", json_true());
	if (dns->keep_ech)
		dbx_pr_set(p, o, "keep_ech", json_true());
	if (dns->ptr_forward)
		dbx_pr_text(p, o, "ptr", "forward");
	return o;
}

static json_t *print_unverified(struct dbx_pr *p, const struct dbx_name_options *n)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < n->n_unverified; i++) {
		const struct dbx_unverified *u = &n->unverified[i];
		json_t *o = dbx_pr_object(p, u->extra);

		dbx_pr_set(p, o, "protocol", dbx_pr_protocol(u->proto));
		dbx_pr_ports(p, o, "ports", 0, u->ports, u->n_ports);
		dbx_pr_push(p, list, o);
	}
	return list;
}

json_t *dbx_pr_names(struct dbx_pr *p, const struct dbx_name_options *n)
{
	static const char *const quic[] = {"deny", "inspect", "off"};
	json_t *o = dbx_pr_object(p, n->extra);

	if (n->has_tls_ports)
		dbx_pr_ports(p, o, "tls_ports", 0, n->tls_ports, n->n_tls_ports);
	if (n->has_http_ports)
		dbx_pr_ports(p, o, "http_ports", 0, n->http_ports, n->n_http_ports);
	if (n->n_unverified)
		dbx_pr_set(p, o, "unverified_ports", print_unverified(p, n));
	if (n->quic != DBX_QUIC_DENY)
		dbx_pr_text(p, o, "quic", quic[n->quic]);
	if (n->ech_deny)
		dbx_pr_text(p, o, "ech", "deny");
	return o;
}
