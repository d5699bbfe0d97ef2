// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_paths.c -- paths, isolation and tunnels of the gateway document: what would go another way
 * than is written, or nowhere.
 */
#include "policy/check_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/hash.h"

/* ---- paths ---- */

static const char *path_key(enum dbx_path path)
{
	switch (path) {
	case DBX_PATH_PRIVATE_ENDPOINT:
		return "private_endpoint";
	case DBX_PATH_SERVICE_ENDPOINT:
		return "service_endpoint";
	case DBX_PATH_NAT:
		return "nat";
	default:
		return "firewall";
	}
}

/* One (path, NCC); ncc NULL is every other NCC. */
static int see_path(struct dbx_check_ctx *c, struct dbx_strmap *seen, size_t route,
		    const struct dbx_ncc *ncc, const struct dbx_where *where)
{
	const char *path = path_key(c->m->gateway.routes[route].path);
	uint64_t first = 0;
	char key[64];
	int rc;

	snprintf(key, sizeof(key), "%s %zu", path, ncc ? (size_t)(ncc - c->m->nccs) + 1 : 0);
	rc = dbx_strmap_put(seen, key, route);
	if (rc != -EEXIST)
		return rc;
	dbx_strmap_get(seen, key, &first);
	DBX_SAY(c, DBX_SEV_ERROR, "path-twice", where,
		"path %s %s%s has a way already, at /gateway/paths/%" PRIu64
		": write one entry for each path and NCC, and at most one without ncc_ids",
		path, ncc ? "of NCC " : "for every NCC", ncc ? ncc->id : "", first);
	return 0;
}

static int check_routes(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	struct dbx_strmap seen;
	int rc = 0;

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < g->n_routes && !rc; i++) {
		const struct dbx_path_route *r = &g->routes[i];

		if (!r->n_ncc_ids)
			rc = see_path(c, &seen, i, NULL, &r->where);
		for (size_t k = 0; k < r->n_ncc_ids && !rc; k++) {
			const struct dbx_ncc *ncc = dbx_model_ncc(c->m, r->ncc_ids[k].ncc_id);

			rc = ncc ? see_path(c, &seen, i, ncc, &r->ncc_ids[k].where) : 0;
		}
	}
	dbx_strmap_fini(&seen);
	return rc;
}

/* ---- workspaces ---- */

static void check_isolated(struct dbx_check_ctx *c, const struct dbx_workspace *w)
{
	const struct dbx_ncc *ncc = dbx_model_ncc_of(c->m, w->id);

	if (!w->isolated || dbx_model_route(c->m, DBX_PATH_FIREWALL, ncc ? ncc->id : NULL))
		return;
	dbx_check_say_leaf(
		c, DBX_SEV_ERROR, "isolated-without-firewall", &w->where, "/isolated",
		"workspace %" PRId64
		" is isolated, but \"paths\" has no firewall for %s%s: there is "
		"no way for it to leave by; add {\"path\": \"firewall\", \"interface\": ..., "
		"\"next_hops\": [...]}",
		w->id, ncc ? "NCC " : "a workspace without an NCC", ncc ? ncc->id : "");
}

static void check_clusters(struct dbx_check_ctx *c, const struct dbx_workspace *w)
{
	const struct dbx_source *named = NULL, *bare = NULL;

	for (size_t i = 0; i < w->n_sources; i++) {
		if (w->sources[i].cluster)
			named = &w->sources[i];
		else
			bare = &w->sources[i];
	}
	if (w->separate_clusters && bare)
		DBX_SAY(c, DBX_SEV_WARNING, "no-cluster", &bare->where,
			"workspace %" PRId64
			" separates its clusters, but this source says none: all "
			"such sources are one cluster of their own; give it a \"cluster\"",
			w->id);
	else if (!w->separate_clusters && named)
		DBX_SAY(c, DBX_SEV_INFO, "clusters-not-separated", &named->where,
			"workspace %" PRId64
			" names clusters and does not separate them: they reach "
			"each other unless \"separate_clusters\" is true",
			w->id);
}

/* ---- tunnels ---- */

static const struct dbx_source *vni_source(const struct dbx_workspace *w)
{
	for (size_t i = 0; i < w->n_sources; i++) {
		if (w->sources[i].domain & DBX_DOMAIN_VNI)
			return &w->sources[i];
	}
	return NULL;
}

static bool has_names(const struct dbx_policy *p)
{
	size_t n = p->n_storage;

	for (size_t i = 0; i < p->n_allowed; i++)
		n += p->allowed[i].type == DBX_DEST_DNS_NAME;
	return n && p->mode == DBX_MODE_RESTRICTED_ACCESS;
}

static void check_vnis(struct dbx_check_ctx *c, const struct dbx_workspace *w)
{
	const struct dbx_policy *p = dbx_model_policy_of(c->m, w->id, NULL);
	const struct dbx_source *s = vni_source(w);

	if (!s)
		return;
	if (!c->m->gateway.n_tunnels)
		DBX_SAY(c, DBX_SEV_WARNING, "no-tunnel", &s->where,
			"the source has a VNI, and \"tunnels\" is empty: no tunnel packet is looked "
			"into, so nothing of it is ever seen");
	else if (p && has_names(p))
		DBX_SAY(c, DBX_SEV_WARNING, "names-in-tunnel", &s->where,
			"policy %s allows by name, and names are not checked inside a tunnel: what "
			"only a name would allow is denied as tunnel-name",
			p->id);
}

static void check_tunnels(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	bool has_v4 = false;

	for (size_t i = 0; i < g->n_addresses; i++)
		has_v4 |= !g->addresses[i].prefix.addr.is_v6;
	for (size_t i = 0; i < g->n_tunnels; i++) {
		const struct dbx_tunnel *t = &g->tunnels[i];

		if (!has_v4)
			DBX_SAY(c, DBX_SEV_ERROR, "no-gateway-address", &t->where,
				"tunnel packets are those to the gateway's own IPv4 addresses, and "
				"\"gateway_addresses\" has none");
		for (size_t k = 0; k < t->n_remotes; k++) {
			if (!t->remotes[k].prefix.len)
				DBX_SAY(c, DBX_SEV_WARNING, "any-remote", &t->remotes[k].where,
					"0.0.0.0/0 lets anybody who reaches the gateway speak for "
					"any VNI; write the other ends' own addresses");
		}
	}
}

int dbx_check_paths(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;

	for (size_t i = 0; i < g->n_workspaces; i++) {
		check_isolated(c, &g->workspaces[i]);
		check_clusters(c, &g->workspaces[i]);
		check_vnis(c, &g->workspaces[i]);
	}
	check_tunnels(c);
	return check_routes(c);
}
