/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_paths.c -- "paths", "tunnels", "reject", "fast_forward" and quotas of the gateway document.
 */
#include "policy/print_paths.h"

#include "policy/read_paths.h"

json_t *dbx_pr_prefix_refs(struct dbx_pr *p, const struct dbx_prefix_ref *v, size_t n)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < n; i++)
		dbx_pr_push(p, list, dbx_pr_prefix(p, &v[i].prefix));
	return list;
}

json_t *dbx_pr_addrs(struct dbx_pr *p, const struct dbx_addr *v, size_t n)
{
	json_t *list = dbx_pr_array(p);
	char text[DBX_ADDR_STRLEN];

	for (size_t i = 0; i < n; i++)
		dbx_pr_push(p, list, json_string(dbx_addr_format(&v[i], text)));
	return list;
}

json_t *dbx_pr_quota(struct dbx_pr *p, const struct dbx_quota_limits *q)
{
	json_t *o = dbx_pr_object(p, q->extra);

	if (q->flows_per_s)
		dbx_pr_set(p, o, "new_flows_per_second", json_integer(q->flows_per_s));
	if (q->bytes_per_s)
		dbx_pr_set(p, o, "bytes_per_second", json_integer((json_int_t)q->bytes_per_s));
	if (q->burst_ms != DBX_QUOTA_BURST_MS)
		dbx_pr_set(p, o, "burst_ms", json_integer(q->burst_ms));
	return o;
}

static const char *path_name(enum dbx_path path)
{
	switch (path) {
	case DBX_PATH_PRIVATE_ENDPOINT:
		return "private_endpoint";
	case DBX_PATH_SERVICE_ENDPOINT:
		return "service_endpoint";
	case DBX_PATH_NAT:
		return "nat";
	case DBX_PATH_FIREWALL:
		return "firewall";
	default:
		return NULL;
	}
}

static json_t *print_routes(struct dbx_pr *p, const struct dbx_gateway *g)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < g->n_routes; i++) {
		const struct dbx_path_route *r = &g->routes[i];
		json_t *o = dbx_pr_object(p, r->extra), *ids;

		dbx_pr_text(p, o, "path", path_name(r->path));
		if (r->n_ncc_ids) {
			ids = dbx_pr_array(p);
			for (size_t k = 0; k < r->n_ncc_ids; k++)
				dbx_pr_push(p, ids, json_string(r->ncc_ids[k].ncc_id));
			dbx_pr_set(p, o, "ncc_ids", ids);
		}
		dbx_pr_text(p, o, "interface", r->interface);
		if (r->n_next_hops)
			dbx_pr_set(p, o, "next_hops",
				   dbx_pr_addrs(p, r->next_hops, r->n_next_hops));
		if (r->n_source_addresses)
			dbx_pr_set(p, o, "source_addresses",
				   dbx_pr_addrs(p, r->source_addresses, r->n_source_addresses));
		dbx_pr_push(p, list, o);
	}
	return list;
}

static json_t *print_tunnels(struct dbx_pr *p, const struct dbx_gateway *g)
{
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < g->n_tunnels; i++) {
		const struct dbx_tunnel *t = &g->tunnels[i];
		json_t *o = dbx_pr_object(p, t->extra);

		dbx_pr_text(p, o, "type", t->type == DBX_TUNNEL_VXLAN ? "vxlan" : "geneve");
		if (t->has_port)
			dbx_pr_set(p, o, "port", json_integer(t->port));
		dbx_pr_set(p, o, "remotes", dbx_pr_prefix_refs(p, t->remotes, t->n_remotes));
		dbx_pr_push(p, list, o);
	}
	return list;
}

static json_t *print_reject(struct dbx_pr *p, const struct dbx_reject *r)
{
	json_t *o = dbx_pr_object(p, r->extra);

	dbx_pr_texts(p, o, "policy_ids", r->policy_ids, r->n_policy_ids);
	if (r->has_per_second)
		dbx_pr_set(p, o, "per_second", json_integer(r->per_second));
	return o;
}

static json_t *print_forward(struct dbx_pr *p, const struct dbx_forward *f)
{
	json_t *o = dbx_pr_object(p, f->extra), *list = dbx_pr_array(p);

	for (size_t i = 0; i < f->n_interfaces; i++)
		dbx_pr_push(p, list, json_string(f->interfaces[i].name));
	dbx_pr_set(p, o, "interfaces", list);
	return o;
}

void dbx_pr_paths(struct dbx_pr *p, json_t *o, const struct dbx_gateway *g)
{
	if (g->n_routes)
		dbx_pr_set(p, o, "paths", print_routes(p, g));
	if (g->n_tunnels)
		dbx_pr_set(p, o, "tunnels", print_tunnels(p, g));
	if (g->reject.has)
		dbx_pr_set(p, o, "reject", print_reject(p, &g->reject));
	if (g->forward.has)
		dbx_pr_set(p, o, "fast_forward", print_forward(p, &g->forward));
	if (g->default_quota.has)
		dbx_pr_set(p, o, "default_quota", dbx_pr_quota(p, &g->default_quota));
}
