/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_dest.c -- destination sets of the gateway document: prefixes, tags, names, protocol, ports.
 *
 * ICMP has no ports; its types take their place, as the range type << 8 .. type << 8 | 255, so that
 * everything behind the reader knows ranges of 16-bit numbers only.
 */
#include "policy/read_dest.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proto.h"

/* ---- protocol ---- */

int dbx_rd_protocol(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const char accepted[] = "tcp, udp, sctp, icmp, icmpv6, any, or a number of 0 to 255";
	const char *s = json_string_value(v);
	char q[RD_QUOTE_SIZE], *end;
	json_int_t n = s ? dbx_proto_number(s) : -1;

	if (!s && !json_is_integer(v)) {
		dbx_rd_error(r, at, "wrong-type",
			     "read protocol: neither text nor a number; accepted: %s", accepted);
		return 0;
	}
	if (s && !strcmp(s, "any")) {
		*(uint16_t *)dst = DBX_PROTO_ANY;
		return 0;
	}
	if (!s) {
		n = json_integer_value(v);
	} else if (n >= 0) {
		n = strcmp(s, dbx_proto_name(n)) ? -1 : n; /* in small letters alone */
	} else if (s[0] >= '0' && s[0] <= '9' && strlen(s) <= 3) {
		n = strtol(s, &end, 10);
		n = *end ? -1 : n;
	}
	if (n >= 0 && n <= 255)
		*(uint16_t *)dst = (uint16_t)n;
	else if (s)
		dbx_rd_error(r, at, "bad-protocol", "read protocol %s: not known; accepted: %s",
			     dbx_rd_quote(s, q), accepted);
	else
		dbx_rd_error(r, at, "bad-protocol",
			     "read protocol %" JSON_INTEGER_FORMAT ": out of range; accepted: %s",
			     n, accepted);
	return 0;
}

/* ---- ports and types ---- */

static bool parse_number(const char **s, unsigned int max, unsigned int *out)
{
	unsigned long n = 0;
	const char *p = *s;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (unsigned long)(*p - '0');
		if (n > max)
			return false;
	}
	*s = p;
	*out = (unsigned int)n;
	return true;
}

/* "443" or "8443-8451" */
static bool parse_range(const char *s, unsigned int max, unsigned int *lo, unsigned int *hi)
{
	if (!parse_number(&s, max, lo))
		return false;
	*hi = *lo;
	if (*s == '-') {
		s++;
		if (!parse_number(&s, max, hi))
			return false;
	}
	return !*s && *lo <= *hi;
}

static bool read_range(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		       const char *what, unsigned int max, unsigned int *lo, unsigned int *hi)
{
	const char *s = json_string_value(v);
	char q[RD_QUOTE_SIZE];

	if (s) {
		if (parse_range(s, max, lo, hi))
			return true;
		dbx_rd_quote(s, q);
	} else if (json_is_integer(v)) {
		json_int_t n = json_integer_value(v);

		if (n >= 0 && n <= (json_int_t)max) {
			*lo = *hi = (unsigned int)n;
			return true;
		}
		snprintf(q, sizeof(q), "%" JSON_INTEGER_FORMAT, n);
	} else {
		dbx_rd_error(r, at, "wrong-type",
			     "read %s: neither a number nor text; write 8 or \"8-11\"", what);
		return false;
	}
	dbx_rd_error(
		r, at, "bad-port",
		"read %s %s: accepted are whole numbers of 0 to %u, and ranges such as \"8-11\"",
		what, q, max);
	return false;
}

int dbx_rd_port(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_port_range *p = dst;
	unsigned int lo, hi;

	if (read_range(r, v, at, "port", 65535, &lo, &hi))
		*p = (struct dbx_port_range){.lo = (uint16_t)lo, .hi = (uint16_t)hi};
	return 0;
}

static int read_type(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_port_range *p = dst;
	unsigned int lo, hi;

	if (read_range(r, v, at, "ICMP type", 255, &lo, &hi))
		*p = (struct dbx_port_range){.lo = (uint16_t)(lo << 8),
					     .hi = (uint16_t)(hi << 8 | 255)};
	return 0;
}

static bool has_ports(uint16_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

static bool is_given(const json_t *v)
{
	return v && !json_is_null(v);
}

/* Nothing to say about ports when the protocol was refused: its error is enough. */
static bool protocol_failed(const json_t *o, uint16_t proto)
{
	const json_t *v = json_object_get(o, "protocol");

	return proto == DBX_PROTO_ANY && is_given(v) &&
	       !(json_is_string(v) && !strcmp(json_string_value(v), "any"));
}

int dbx_rd_ports(struct dbx_rd *r, const json_t *o, const struct dbx_rd_at *at, uint16_t proto,
		 struct dbx_port_range **ports, size_t *n)
{
	bool icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	const char *key = icmp ? "types" : "ports", *other = icmp ? "ports" : "types";
	const json_t *list = json_object_get(o, key);

	if (protocol_failed(o, proto))
		return 0;
	if (is_given(json_object_get(o, other)))
		dbx_rd_error(r, RD_KEY(at, other), "bad-port", "read %s: %s", other,
			     icmp ? "ICMP has none; write \"types\": [8]"
				  : "only \"protocol\": \"icmp\" and \"icmpv6\" have them; write "
				    "\"ports\": [443]");
	if (!is_given(list))
		return 0;
	if (!icmp && !has_ports(proto)) {
		dbx_rd_error(r, RD_KEY(at, key), "bad-port",
			     "read ports: this protocol has none; write \"protocol\": \"tcp\", "
			     "\"udp\" or \"sctp\", or 33 or 136");
		return 0;
	}
	if (json_is_array(list) && !json_array_size(list))
		dbx_rd_error(r, RD_KEY(at, key), "bad-value",
			     "read %s: the list is empty; leave the key out to mean all of them",
			     key);
	return dbx_rd_list(r, list, RD_KEY(at, key), DBX_GATEWAY_LIST_MAX,
			   icmp ? read_type : dbx_rd_port, ports, n);
}

/* ---- what is reached ---- */

int dbx_rd_prefix_ref(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_prefix_ref *p = dst;
	int rc = dbx_rd_where(r, at, &p->where);

	return rc ? rc : dbx_rd_prefix(r, v, at, &p->prefix);
}

static int read_name_ref(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_name_ref *n = dst;
	int rc = dbx_rd_where(r, at, &n->where);

	return rc ? rc : dbx_rd_pattern(r, v, at, &n->name);
}

static const struct dbx_rd_field tag_fields[] = {
	{"tag", RD_REQUIRED, offsetof(struct dbx_tag_ref, tag), dbx_rd_string},
	{"cloud", 0, offsetof(struct dbx_tag_ref, cloud), dbx_rd_string},
};
static const struct dbx_rd_shape tag_shape =
	RD_SHAPE("a service tag", tag_fields, RD_UNKNOWN_ERROR);

static int read_tag_ref(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_tag_ref *t = dst;
	int rc = dbx_rd_where(r, at, &t->where);

	if (!rc && json_is_object(v)) {
		t->as_object = true;
		rc = dbx_rd_object(r, v, at, &tag_shape, t, NULL);
	} else if (!rc) {
		rc = dbx_rd_string(r, v, at, &t->tag);
	}
	if (!rc && t->tag && !t->tag[0])
		dbx_rd_error(
			r, at, "bad-value",
			"read a service tag: its name is empty; write for example \"Storage\" or "
			"{\"tag\": \"Storage\", \"cloud\": \"Public\"}");
	return rc;
}

static int read_prefixes(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_dest_set *s = dst;

	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, dbx_rd_prefix_ref, &s->prefixes,
			   &s->n_prefixes);
}

static int read_tags(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_dest_set *s = dst;

	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_tag_ref, &s->tags, &s->n_tags);
}

static int read_names(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_dest_set *s = dst;

	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_name_ref, &s->names, &s->n_names);
}

static int read_policy_ids(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_dest_set *s = dst;

	if (json_is_array(v) && !json_array_size(v))
		dbx_rd_error(
			r, at, "bad-value",
			"read network_policy_ids: the list is empty; leave the key out when the "
			"entry is for every policy");
	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, dbx_rd_string, &s->policy_ids,
			   &s->n_policy_ids);
}

static int refuse_policy_ids(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	(void)v;
	(void)dst;
	dbx_rd_error(r, at, "bad-value",
		     "read network_policy_ids: sets of this list are for every policy; write the "
		     "entry into allowed_destinations instead");
	return 0;
}

#define SET_FIELDS(policy_ids_fn)                                                       \
	{"label", RD_REQUIRED, offsetof(struct dbx_dest_set, label), dbx_rd_string},    \
		{"prefixes", 0, 0, read_prefixes}, {"service_tags", 0, 0, read_tags},   \
		{"names", 0, 0, read_names},                                            \
		{"protocol", 0, offsetof(struct dbx_dest_set, proto), dbx_rd_protocol}, \
		{"ports", 0, 0, dbx_rd_skip}, {"types", 0, 0, dbx_rd_skip},             \
	{                                                                               \
		"network_policy_ids", 0, 0, policy_ids_fn                               \
	}

static const struct dbx_rd_field platform_fields[] = {SET_FIELDS(refuse_policy_ids)};
static const struct dbx_rd_shape platform_shape =
	RD_SHAPE("a destination set", platform_fields, RD_UNKNOWN_LOUD);

static const struct dbx_rd_field policy_fields[] = {SET_FIELDS(read_policy_ids)};
static const struct dbx_rd_shape policy_shape =
	RD_SHAPE("a destination set", policy_fields, RD_UNKNOWN_LOUD);

static int read_set(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		    const struct dbx_rd_shape *shape, struct dbx_dest_set *s)
{
	size_t errors = r->n_errors;
	int rc = dbx_rd_where(r, at, &s->where);

	s->proto = DBX_PROTO_ANY;
	if (!rc)
		rc = dbx_rd_object(r, v, at, shape, s, &s->extra);
	if (!rc && json_is_object(v))
		rc = dbx_rd_ports(r, v, at, s->proto, &s->ports, &s->n_ports);
	if (rc || r->n_errors != errors)
		return rc;
	if (!s->label[0])
		dbx_rd_error(
			r, RD_KEY(at, "label"), "bad-value",
			"read a destination set: its label is empty; logs and explanations name "
			"the set by it");
	if (!s->n_prefixes && !s->n_tags && !s->n_names)
		dbx_rd_warn(
			r, at, "empty-entry",
			"read a destination set: it has no prefixes, service_tags or names, so it "
			"matches nothing");
	return 0;
}

int dbx_rd_platform_set(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	return read_set(r, v, at, &platform_shape, dst);
}

int dbx_rd_policy_set(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	return read_set(r, v, at, &policy_shape, dst);
}
