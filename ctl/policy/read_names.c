/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_names.c -- "dns" and "names" of the gateway document: the resolver, and the name check of flows.
 */
#include "policy/read_names.h"

#include <inttypes.h>
#include <netinet/in.h>

#include "policy/read_dest.h"

#define UPSTREAMS_MAX 16

/* ---- numbers within bounds ---- */

const struct dbx_dns_number dbx_dns_numbers[DBX_DNS_NUMBERS] = {
	{"timeout_ms", offsetof(struct dbx_dns_options, timeout_ms), 100, 30000, 4000},
	{"attempt_ms", offsetof(struct dbx_dns_options, attempt_ms), 50, 10000, 800},
	{"cache_entries", offsetof(struct dbx_dns_options, cache_entries), 0, 10000000, 100000},
	{"min_ttl_s", offsetof(struct dbx_dns_options, min_ttl_s), 0, 3600, 0},
	{"max_ttl_s", offsetof(struct dbx_dns_options, max_ttl_s), 1, 604800, 86400},
	{"grace_s", offsetof(struct dbx_dns_options, grace_s), 0, 3600, 60},
};

static void read_number(struct dbx_rd *r, const json_t *o, const struct dbx_rd_at *at,
			const struct dbx_dns_number *f, struct dbx_dns_options *dns)
{
	uint32_t *dst = (uint32_t *)((char *)dns + f->offset);
	const json_t *v = json_object_get(o, f->key);
	size_t errors = r->n_errors;
	int64_t n = 0;

	*dst = f->otherwise;
	if (!v || json_is_null(v))
		return;
	dbx_rd_int64(r, v, RD_KEY(at, f->key), &n);
	if (r->n_errors != errors)
		return;
	if (n >= f->min && n <= f->max)
		*dst = (uint32_t)n;
	else
		dbx_rd_error(r, RD_KEY(at, f->key), "bad-value",
			     "read %s %" PRId64 ": accepted are %u to %u; leave the key out for %u",
			     f->key, n, f->min, f->max, f->otherwise);
}

/* ---- dns ---- */

static int read_address(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "an IP address");
	char q[RD_QUOTE_SIZE];

	if (s && dbx_addr_parse(s, dst))
		dbx_rd_error(r, at, "bad-address",
			     "read upstream %s: not an IP address; write for example 192.0.2.53 or "
			     "{\"address\": \"2001:db8::53\", \"port\": 5353}",
			     dbx_rd_quote(s, q));
	return 0;
}

static int read_upstream_port(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			      void *dst)
{
	size_t errors = r->n_errors;
	int64_t n = 0;

	dbx_rd_int64(r, v, at, &n);
	if (r->n_errors == errors && (n < 1 || n > 65535))
		dbx_rd_error(r, at, "bad-port", "read port %" PRId64 ": accepted are 1 to 65535",
			     n);
	else
		*(uint16_t *)dst = (uint16_t)n;
	return 0;
}

static const struct dbx_rd_field upstream_fields[] = {
	{"address", RD_REQUIRED, offsetof(struct dbx_upstream, addr), read_address},
	{"port", 0, offsetof(struct dbx_upstream, port), read_upstream_port},
};
static const struct dbx_rd_shape upstream_shape =
	RD_SHAPE("an upstream resolver", upstream_fields, RD_UNKNOWN_ERROR);

static int read_upstream(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_upstream *u = dst;
	int rc = dbx_rd_where(r, at, &u->where);

	u->port = 53;
	if (rc)
		return rc;
	if (json_is_string(v))
		return read_address(r, v, at, &u->addr);
	return dbx_rd_object(r, v, at, &upstream_shape, u, NULL);
}

static int read_upstreams(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_dns_options *dns = dst;

	if (json_is_array(v) && !json_array_size(v))
		dbx_rd_error(r, at, "bad-value",
			     "read upstreams: the list is empty; write the resolvers that names "
			     "are asked of, or leave \"dns\" out");
	return dbx_rd_list(r, v, at, UPSTREAMS_MAX, read_upstream, &dns->upstreams,
			   &dns->n_upstreams);
}

static int read_ptr(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {{"deny", 0}, {"forward", 1}};
	struct dbx_dns_options *dns = dst;
	int value = 0;

	if (dbx_rd_enum(r, v, at, "bad-value", "ptr", values, 2, &value))
		dns->ptr_forward = value;
	return 0;
}

static const struct dbx_rd_field dns_fields[] = {
	{"upstreams", RD_REQUIRED, 0, read_upstreams},
	{"timeout_ms", 0, 0, dbx_rd_skip},
	{"attempt_ms", 0, 0, dbx_rd_skip},
	{"cache_entries", 0, 0, dbx_rd_skip},
	{"min_ttl_s", 0, 0, dbx_rd_skip},
	{"max_ttl_s", 0, 0, dbx_rd_skip},
	{"grace_s", 0, 0, dbx_rd_skip},
	{"bare_suffix_match", 0, offsetof(struct dbx_dns_options, bare_suffix_match), dbx_rd_bool},
	{"keep_ech", 0, offsetof(struct dbx_dns_options, keep_ech), dbx_rd_bool},
	{"ptr", 0, 0, read_ptr},
};
static const struct dbx_rd_shape dns_shape =
	RD_SHAPE("the resolver's options", dns_fields, RD_UNKNOWN_LOUD);

int dbx_rd_dns(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_dns_options *dns = dst;
	int rc = dbx_rd_where(r, at, &dns->where);

	if (rc)
		return rc;
	dns->has = true;
	rc = dbx_rd_object(r, v, at, &dns_shape, dns, &dns->extra);
	for (size_t i = 0; i < DBX_DNS_NUMBERS; i++)
		read_number(r, v, at, &dbx_dns_numbers[i], dns);
	if (dns->min_ttl_s > dns->max_ttl_s)
		dbx_rd_error(r, RD_KEY(at, "min_ttl_s"), "bad-value",
			     "read min_ttl_s %u: above max_ttl_s %u", dns->min_ttl_s,
			     dns->max_ttl_s);
	return rc;
}

/* ---- names ---- */

static int read_port_list(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			  struct dbx_port_range **ports, size_t *n)
{
	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, dbx_rd_port, ports, n);
}

static int read_tls_ports(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_name_options *o = dst;

	o->has_tls_ports = true;
	return read_port_list(r, v, at, &o->tls_ports, &o->n_tls_ports);
}

static int read_http_ports(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_name_options *o = dst;

	o->has_http_ports = true;
	return read_port_list(r, v, at, &o->http_ports, &o->n_http_ports);
}

static const struct dbx_rd_field unverified_fields[] = {
	{"protocol", RD_REQUIRED, offsetof(struct dbx_unverified, proto), dbx_rd_protocol},
	{"ports", RD_REQUIRED, 0, dbx_rd_skip},
};
static const struct dbx_rd_shape unverified_shape =
	RD_SHAPE("ports without a name check", unverified_fields, RD_UNKNOWN_LOUD);

static int read_unverified(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_unverified *u = dst;
	int rc = dbx_rd_where(r, at, &u->where);

	u->proto = DBX_PROTO_ANY;
	if (!rc)
		rc = dbx_rd_object(r, v, at, &unverified_shape, u, &u->extra);
	if (!rc && json_is_object(v))
		rc = dbx_rd_ports(r, v, at, u->proto, &u->ports, &u->n_ports);
	return rc;
}

static int read_unverified_list(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				void *dst)
{
	struct dbx_name_options *o = dst;

	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_unverified, &o->unverified,
			   &o->n_unverified);
}

static int read_quic(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"deny", DBX_QUIC_DENY}, {"inspect", DBX_QUIC_INSPECT}, {"off", DBX_QUIC_OFF}};
	struct dbx_name_options *o = dst;
	int value = DBX_QUIC_DENY;

	dbx_rd_enum(r, v, at, "bad-value", "quic", values, 3, &value);
	o->quic = (enum dbx_quic_mode)value;
	return 0;
}

static int read_ech(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {{"outer", 0}, {"deny", 1}};
	struct dbx_name_options *o = dst;
	int value = 1;

	dbx_rd_enum(r, v, at, "bad-value", "ech", values, 2, &value);
	o->ech_deny = value;
	return 0;
}

static const struct dbx_rd_field name_fields[] = {
	{"tls_ports", 0, 0, read_tls_ports},
	{"http_ports", 0, 0, read_http_ports},
	{"quic", 0, 0, read_quic},
	{"ech", 0, 0, read_ech},
	{"unverified_ports", 0, 0, read_unverified_list},
};
static const struct dbx_rd_shape name_shape =
	RD_SHAPE("the name check's options", name_fields, RD_UNKNOWN_LOUD);

int dbx_rd_names(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_name_options *o = dst;
	int rc = dbx_rd_where(r, at, &o->where);

	o->has = true;
	return rc ? rc : dbx_rd_object(r, v, at, &name_shape, o, &o->extra);
}
