/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_paths.c -- "paths", "tunnels", "reject", "fast_forward" and quotas of the gateway document.
 *
 * What these say limits who may send what and by which way, so an unknown key in them is refused
 * where leaving it unheeded would allow more.
 */
#include "policy/read_paths.h"

#include <inttypes.h>
#include <string.h>

#include "policy/read_dest.h"

#define COUNT(a)               (sizeof(a) / sizeof((a)[0]))
#define RATE_BYTES_MAX         INT64_C(1000000000000) /* 8 Tbit/s */
#define FORWARD_INTERFACES_MAX 256
#define RATE_FLOWS_MAX         INT64_C(1000000000)
#define RATE_ANSWERS_MAX       INT64_C(1000000)
#define QUOTA_BURST_MS_MAX     INT64_C(10000)

/* True with *n set when v is a number of lo to hi. */
static bool read_number(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			const char *code, int64_t lo, int64_t hi, int64_t *n)
{
	size_t errors = r->n_errors;

	dbx_rd_int64(r, v, at, n);
	if (r->n_errors != errors)
		return false;
	if (*n >= lo && *n <= hi)
		return true;
	dbx_rd_error(r, at, code,
		     "read %s %" PRId64 ": accepted are whole numbers of %" PRId64 " to %" PRId64,
		     at->key ? at->key : "a number", *n, lo, hi);
	return false;
}

static void refuse_empty(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			 const char *instead)
{
	if (json_is_array(v) && !json_array_size(v))
		dbx_rd_error(r, at, "bad-value", "read %s: the list is empty; %s", at->key,
			     instead);
}

/* ---- paths ---- */

static int read_path(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"private_endpoint", DBX_PATH_PRIVATE_ENDPOINT},
		{"service_endpoint", DBX_PATH_SERVICE_ENDPOINT},
		{"nat", DBX_PATH_NAT},
		{"firewall", DBX_PATH_FIREWALL},
	};
	int path;

	if (dbx_rd_enum(r, v, at, "bad-value", "path", values, COUNT(values), &path))
		*(enum dbx_path *)dst = (enum dbx_path)path;
	return 0;
}

static int read_ncc_ref(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc_ref *n = dst;
	int rc = dbx_rd_where(r, at, &n->where);

	return rc ? rc : dbx_rd_string(r, v, at, &n->ncc_id);
}

static int read_ncc_ids(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_path_route *p = dst;

	refuse_empty(r, v, at, "leave the key out when the path is for every NCC");
	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_ncc_ref, &p->ncc_ids,
			   &p->n_ncc_ids);
}

/* One host's address: not 0.0.0.0/8, ::, loopback, multicast, broadcast or IPv4-mapped. */
static bool is_host(const struct dbx_addr *a)
{
	static const uint8_t zero[15], mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (!a->is_v6)
		return a->a[0] && a->a[0] != 127 && a->a[0] < 224;
	return a->a[0] != 0xff && memcmp(a->a, mapped, sizeof(mapped)) &&
	       (memcmp(a->a, zero, sizeof(zero)) || a->a[15] > 1);
}

/* Addresses of which a path has at most one of a family. */
static int read_pair(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		     struct dbx_addr **addrs, size_t *n)
{
	size_t errors = r->n_errors, seen[2] = {0};
	int rc;

	refuse_empty(r, v, at, "leave the key out, or write an address");
	rc = dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, dbx_rd_addr, addrs, n);
	for (size_t i = 0; i < *n && !rc && r->n_errors == errors; i++) {
		const struct dbx_addr *a = &(*addrs)[i];
		char text[DBX_ADDR_STRLEN];

		dbx_addr_format(a, text);
		if (!is_host(a))
			dbx_rd_error(r, RD_ITEM(at, i), "bad-address",
				     "read %s %s: not the address of one host; write for example "
				     "192.0.2.1 or 2001:db8::1",
				     at->key, text);
		else if (seen[a->is_v6]++)
			dbx_rd_error(r, RD_ITEM(at, i), "bad-address",
				     "read %s %s: a second IPv%d address; at most one of each "
				     "family is accepted",
				     at->key, text, a->is_v6 ? 6 : 4);
	}
	return rc;
}

static int read_next_hops(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_path_route *p = dst;

	return read_pair(r, v, at, &p->next_hops, &p->n_next_hops);
}

static int read_sources(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_path_route *p = dst;

	return read_pair(r, v, at, &p->source_addresses, &p->n_source_addresses);
}

static const struct dbx_rd_field route_fields[] = {
	{"path", RD_REQUIRED, offsetof(struct dbx_path_route, path), read_path},
	{"ncc_ids", 0, 0, read_ncc_ids},
	{"interface", RD_REQUIRED, offsetof(struct dbx_path_route, interface), dbx_rd_ifname},
	{"next_hops", 0, 0, read_next_hops},
	{"source_addresses", 0, 0, read_sources},
};
static const struct dbx_rd_shape route_shape = RD_SHAPE("a path", route_fields, RD_UNKNOWN_LOUD);

static int read_route(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_path_route *p = dst;
	int rc = dbx_rd_where(r, at, &p->where);

	return rc ? rc : dbx_rd_object(r, v, at, &route_shape, p, &p->extra);
}

int dbx_rd_paths(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;

	return dbx_rd_list(r, v, at, DBX_ROUTES_MAX, read_route, &g->routes, &g->n_routes);
}

/* ---- tunnels ---- */

static int read_tunnel_type(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			    void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"vxlan", DBX_TUNNEL_VXLAN},
		{"geneve", DBX_TUNNEL_GENEVE},
	};
	int type;

	if (dbx_rd_enum(r, v, at, "bad-value", "tunnel type", values, COUNT(values), &type))
		*(enum dbx_tunnel_type *)dst = (enum dbx_tunnel_type)type;
	return 0;
}

static int read_tunnel_port(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			    void *dst)
{
	struct dbx_tunnel *t = dst;
	int64_t n;

	if (read_number(r, v, at, "bad-port", 1, 65535, &n)) {
		t->has_port = true;
		t->port = (uint16_t)n;
	}
	return 0;
}

static int read_remote(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_prefix_ref *p = dst;
	size_t errors = r->n_errors;
	int rc = dbx_rd_prefix_ref(r, v, at, p);

	if (!rc && r->n_errors == errors && p->prefix.addr.is_v6)
		dbx_rd_error(r, at, "bad-address",
			     "read remote \"%s\": tunnels over IPv6 are not taken; write the IPv4 "
			     "addresses of the other ends, for example 192.0.2.0/24",
			     json_string_value(v));
	return rc;
}

static int read_remotes(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_tunnel *t = dst;

	refuse_empty(r, v, at, "write who may send tunnel packets, for example 192.0.2.0/24");
	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_remote, &t->remotes, &t->n_remotes);
}

static const struct dbx_rd_field tunnel_fields[] = {
	{"type", RD_REQUIRED, offsetof(struct dbx_tunnel, type), read_tunnel_type},
	{"port", 0, 0, read_tunnel_port},
	{"remotes", RD_REQUIRED, 0, read_remotes},
};
static const struct dbx_rd_shape tunnel_shape =
	RD_SHAPE("a tunnel", tunnel_fields, RD_UNKNOWN_LOUD);

static int read_tunnel(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_tunnel *t = dst;
	int rc = dbx_rd_where(r, at, &t->where);

	if (!rc)
		rc = dbx_rd_object(r, v, at, &tunnel_shape, t, &t->extra);
	if (!t->has_port)
		t->port = t->type == DBX_TUNNEL_VXLAN ? DBX_VXLAN_PORT : DBX_GENEVE_PORT;
	return rc;
}

int dbx_rd_tunnels(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_gateway *g = dst;
	size_t errors = r->n_errors;
	int rc = dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_tunnel, &g->tunnels,
			     &g->n_tunnels);

	if (r->n_errors != errors)
		return rc;
	for (size_t i = 1; i < g->n_tunnels && !rc; i++) {
		if (i > 1 || g->tunnels[i].type == g->tunnels[0].type) {
			dbx_rd_error(r, RD_KEY(RD_ITEM(at, i), "type"), "duplicate-id",
				     "read tunnels: a second tunnel of this type; write one "
				     "\"vxlan\" and one \"geneve\", each with all its remotes");
			break;
		}
		if (g->tunnels[i].port == g->tunnels[0].port)
			dbx_rd_error(r, RD_ITEM(at, i), "bad-port",
				     "read tunnels: VXLAN and Geneve on the same UDP port %u "
				     "cannot be told apart; give one of them another \"port\"",
				     g->tunnels[i].port);
	}
	return rc;
}

/* ---- reject ---- */

static int read_policy_ids(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_reject *j = dst;

	refuse_empty(r, v, at, "leave the key out when denials of every policy are answered");
	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, dbx_rd_string, &j->policy_ids,
			   &j->n_policy_ids);
}

static int read_per_second(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_reject *j = dst;
	int64_t n;

	if (read_number(r, v, at, "bad-value", 1, RATE_ANSWERS_MAX, &n)) {
		j->has_per_second = true;
		j->per_second = (uint32_t)n;
	}
	return 0;
}

static const struct dbx_rd_field reject_fields[] = {
	{"policy_ids", 0, 0, read_policy_ids},
	{"per_second", 0, 0, read_per_second},
};
static const struct dbx_rd_shape reject_shape =
	RD_SHAPE("the answers to denials", reject_fields, RD_UNKNOWN_LOUD);

int dbx_rd_reject(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_reject *j = dst;
	int rc = dbx_rd_where(r, at, &j->where);

	j->has = true;
	j->per_second = DBX_REJECT_PER_S;
	return rc ? rc : dbx_rd_object(r, v, at, &reject_shape, j, &j->extra);
}

/* ---- fast_forward ---- */

static int read_forward_interface(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				  void *dst)
{
	struct dbx_interface *i = dst;
	int rc = dbx_rd_where(r, at, &i->where);

	return rc ? rc : dbx_rd_ifname(r, v, at, &i->name);
}

static int read_forward_interfaces(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				   void *dst)
{
	struct dbx_forward *f = dst;
	size_t errors = r->n_errors;
	int rc;

	refuse_empty(r, v, at, "write the outgoing interfaces, or leave \"fast_forward\" out");
	rc = dbx_rd_list(r, v, at, FORWARD_INTERFACES_MAX, read_forward_interface, &f->interfaces,
			 &f->n_interfaces);
	for (size_t i = 1; i < f->n_interfaces && !rc && r->n_errors == errors; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!strcmp(f->interfaces[i].name, f->interfaces[k].name))
				dbx_rd_error(r, RD_ITEM(at, i), "duplicate-id",
					     "read interface \"%s\": given before in this list; "
					     "write each one once",
					     f->interfaces[i].name);
		}
	}
	return rc;
}

static const struct dbx_rd_field forward_fields[] = {
	{"interfaces", RD_REQUIRED, 0, read_forward_interfaces},
};
static const struct dbx_rd_shape forward_shape =
	RD_SHAPE("fast forwarding", forward_fields, RD_UNKNOWN_LOUD);

int dbx_rd_forward(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_forward *f = dst;
	int rc = dbx_rd_where(r, at, &f->where);

	f->has = true;
	return rc ? rc : dbx_rd_object(r, v, at, &forward_shape, f, &f->extra);
}

/* ---- quotas ---- */

static int read_flows(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (read_number(r, v, at, "bad-quota", 1, RATE_FLOWS_MAX, &n))
		*(uint32_t *)dst = (uint32_t)n;
	return 0;
}

static int read_bytes(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (read_number(r, v, at, "bad-quota", 1, RATE_BYTES_MAX, &n))
		*(uint64_t *)dst = (uint64_t)n;
	return 0;
}

static int read_burst(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int64_t n;

	if (read_number(r, v, at, "bad-quota", 1, QUOTA_BURST_MS_MAX, &n))
		*(uint32_t *)dst = (uint32_t)n;
	return 0;
}

static const struct dbx_rd_field quota_fields[] = {
	{"new_flows_per_second", 0, offsetof(struct dbx_quota_limits, flows_per_s), read_flows},
	{"bytes_per_second", 0, offsetof(struct dbx_quota_limits, bytes_per_s), read_bytes},
	{"burst_ms", 0, offsetof(struct dbx_quota_limits, burst_ms), read_burst},
};
static const struct dbx_rd_shape quota_shape = RD_SHAPE("a quota", quota_fields, RD_UNKNOWN_LOUD);

int dbx_rd_quota(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_quota_limits *q = dst;
	size_t errors = r->n_errors;
	int rc = dbx_rd_where(r, at, &q->where);

	q->has = true;
	q->burst_ms = DBX_QUOTA_BURST_MS;
	if (!rc)
		rc = dbx_rd_object(r, v, at, &quota_shape, q, &q->extra);
	if (!rc && r->n_errors == errors && !q->flows_per_s && !q->bytes_per_s)
		dbx_rd_error(r, at, "bad-quota",
			     "read a quota: it limits nothing; write \"new_flows_per_second\", "
			     "\"bytes_per_second\" or both");
	return rc;
}
