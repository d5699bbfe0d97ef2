// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_private.c -- private endpoints that contradict each other or the workspaces: an address or a
 * name of two rules, an address among the sources, a resource in another region than its NCC.
 *
 * Each of these leaves open which way a packet goes or whose packet it is, so it is an error: a
 * guess here would send traffic where nobody meant it to go.
 */
#include "policy/check_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/hash.h"

/* ---- addresses ---- */

static int check_address_twice(struct dbx_check_ctx *c, struct dbx_strmap *seen, size_t entry,
			       size_t at)
{
	const struct dbx_pe_address *v = c->m->gateway.private_endpoints, *pe = &v[entry];
	char text[DBX_ADDR_STRLEN], leaf[48];
	uint64_t first = entry;
	int rc;

	dbx_addr_format(&pe->addrs[at], text);
	rc = dbx_strmap_put(seen, text, entry);
	if (rc != -EEXIST)
		return rc;
	dbx_strmap_get(seen, text, &first);
	snprintf(leaf, sizeof(leaf), "/addresses/%zu", at);
	if (first == entry)
		dbx_check_say_leaf(c, DBX_SEV_ERROR, "address-in-two-rules", &pe->where, leaf,
				   "private address %s of rule %s is given twice; write it once",
				   text, pe->rule_id);
	else
		dbx_check_say_leaf(
			c, DBX_SEV_ERROR, "address-in-two-rules", &pe->where, leaf,
			"private address %s of rule %s is also that of rule %s, at %s: what is sent "
			"there could be for either resource; give each endpoint an address of its "
			"own",
			text, pe->rule_id, v[first].rule_id,
			v[first].where.ptr ? v[first].where.ptr : "");
	return 0;
}

struct source_at {
	const struct dbx_source *source;
	const struct dbx_workspace *ws;
};

static int cmp_sources(const void *x, const void *y)
{
	const struct source_at *a = x, *b = y;

	return dbx_prefix_cmp(&a->source->prefix, &b->source->prefix);
}

/* Sources of every domain, sorted, only those that lie in no other one: they do not overlap. */
static struct source_at *outer_sources(const struct dbx_gateway *g, size_t *n)
{
	struct source_at *v;
	size_t total = 0, kept = 0;

	for (size_t i = 0; i < g->n_workspaces; i++)
		total += g->workspaces[i].n_sources;
	v = calloc(total + 1, sizeof(v[0]));
	if (!v)
		return NULL;
	*n = 0;
	for (size_t i = 0; i < g->n_workspaces; i++) {
		for (size_t k = 0; k < g->workspaces[i].n_sources; k++)
			v[(*n)++] =
				(struct source_at){&g->workspaces[i].sources[k], &g->workspaces[i]};
	}
	qsort(v, total, sizeof(v[0]), cmp_sources);
	for (size_t i = 0; i < total; i++) {
		if (!kept || !dbx_prefix_covers(&v[kept - 1].source->prefix, &v[i].source->prefix))
			v[kept++] = v[i];
	}
	*n = kept;
	return v;
}

/* The one that contains a, or NULL. */
static const struct source_at *find_source(const struct source_at *v, size_t n,
					   const struct dbx_addr *a)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dbx_addr_cmp(&v[mid].source->prefix.addr, a) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && dbx_prefix_contains(&v[lo - 1].source->prefix, a) ? &v[lo - 1] : NULL;
}

static void check_among_sources(struct dbx_check_ctx *c, const struct source_at *sources, size_t n,
				const struct dbx_addr *a, const struct dbx_where *where,
				const char *key, size_t at, const char *what)
{
	const struct source_at *in = find_source(sources, n, a);
	char text[DBX_ADDR_STRLEN], prefix[DBX_PREFIX_STRLEN], leaf[48];

	if (!in)
		return;
	snprintf(leaf, sizeof(leaf), "/%s/%zu", key, at);
	dbx_check_say_leaf(c, DBX_SEV_ERROR, "address-in-workload", where, leaf,
			   "%s %s lies in %s, a source of workspace %" PRId64
			   ", at %s: it would be taken for a workload's; choose an address that no "
			   "workspace sends from",
			   what, dbx_addr_format(a, text),
			   dbx_prefix_format(&in->source->prefix, prefix), in->ws->id,
			   in->source->where.ptr ? in->source->where.ptr : "");
}

static int check_addresses(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	struct source_at *sources;
	struct dbx_strmap seen;
	char what[128];
	size_t n = 0;
	int rc = 0;

	sources = outer_sources(g, &n);
	if (!sources)
		return -ENOMEM;
	dbx_strmap_init(&seen);
	for (size_t i = 0; i < g->n_private_endpoints; i++) {
		const struct dbx_pe_address *pe = &g->private_endpoints[i];

		snprintf(what, sizeof(what), "rule %.64s: its private address", pe->rule_id);
		for (size_t k = 0; k < pe->n_addrs && !rc; k++) {
			rc = check_address_twice(c, &seen, i, k);
			check_among_sources(c, sources, n, &pe->addrs[k], &pe->where, "addresses",
					    k, what);
		}
	}
	for (size_t i = 0; i < g->n_routes; i++) {
		const struct dbx_path_route *r = &g->routes[i];

		for (size_t k = 0; k < r->n_source_addresses; k++)
			check_among_sources(c, sources, n, &r->source_addresses[k], &r->where,
					    "source_addresses", k, "the path's source address");
	}
	dbx_strmap_fini(&seen);
	free(sources);
	return rc;
}

/* ---- names ---- */

struct name_walk {
	struct dbx_check_ctx *c;
	struct dbx_strmap *seen; /* "index of the NCC, name" -> index of the rule */
	size_t rule;
	const struct dbx_ncc *ncc;
	bool told; /* one finding a rule is enough: a rule has several names of one resource */
};

static int check_name(void *arg, const char *name)
{
	struct name_walk *w = arg;
	struct dbx_check_ctx *c = w->c;
	const struct dbx_pe_rule *rules = c->m->pe_rules, *r = &rules[w->rule];
	uint64_t first = w->rule;
	char key[32 + 256]; /* of a name 253 at most */
	int rc;

	snprintf(key, sizeof(key), "%zu %s", (size_t)(w->ncc - c->m->nccs), name);
	rc = dbx_strmap_put(w->seen, key, w->rule);
	if (rc != -EEXIST)
		return rc;
	dbx_strmap_get(w->seen, key, &first);
	if (first == w->rule || w->told)
		return 0;
	w->told = true;
	DBX_SAY(c, DBX_SEV_ERROR, "name-in-two-rules", &r->where,
		"private endpoint rule %s: %s is also a name of rule %s, at %s of %s, and both are "
		"effective for NCC %s, so it has two private addresses; leave it to one rule, or "
		"deactivate the other",
		r->rule_id, name, rules[first].rule_id,
		rules[first].where.ptr ? rules[first].where.ptr : "",
		dbx_model_doc_name(c->m, &rules[first].where), w->ncc->id);
	return 0;
}

static int check_names(struct dbx_check_ctx *c)
{
	struct dbx_strmap seen;
	int rc = 0;

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < c->m->n_pe_rules && !rc; i++) {
		const struct dbx_pe_rule *r = &c->m->pe_rules[i];
		const struct dbx_ncc *ncc = r->ncc_id ? dbx_model_ncc(c->m, r->ncc_id) : NULL;
		struct name_walk w = {.c = c, .seen = &seen, .rule = i, .ncc = ncc};

		if (ncc && dbx_pe_rule_is_effective(r))
			rc = dbx_pe_rule_names(r, ncc->region, check_name, &w);
	}
	dbx_strmap_fini(&seen);
	return rc;
}

/* ---- regions ---- */

/* The region in "com.amazonaws.<region>.s3" and "com.amazonaws.vpce.<region>.vpce-svc-..." */
static bool region_of_service(const char *service, char *out, size_t size)
{
	static const char head[] = "com.amazonaws.", vpce[] = "vpce.";
	const char *s = strstr(service, head);
	size_t len;

	if (!s)
		return false;
	s += sizeof(head) - 1;
	if (!strncmp(s, vpce, sizeof(vpce) - 1))
		s += sizeof(vpce) - 1;
	len = strcspn(s, ".");
	if (!len || !s[len] || len >= size)
		return false;
	memcpy(out, s, len);
	out[len] = '\0';
	return true;
}

static void check_rule_region(struct dbx_check_ctx *c, const struct dbx_pe_rule *r)
{
	const struct dbx_ncc *ncc = r->ncc_id ? dbx_model_ncc(c->m, r->ncc_id) : NULL;
	char region[64];

	if (!ncc || !ncc->region || !ncc->region[0] || !r->endpoint_service ||
	    !region_of_service(r->endpoint_service, region, sizeof(region)) ||
	    !strcasecmp(region, ncc->region))
		return;
	dbx_check_say_leaf(c, DBX_SEV_ERROR, "region-mismatch", &r->where, "/endpoint_service",
			   "private endpoint rule %s is for region %s (%s), but its NCC %s is in "
			   "%s: an endpoint is in the region of its NCC; move the rule to an NCC "
			   "of %s",
			   r->rule_id, region, r->endpoint_service, ncc->id, ncc->region, region);
}

static void check_target_region(struct dbx_check_ctx *c, const struct dbx_ncc *n)
{
	if (!n->has_service_endpoint || !n->target_region || !n->target_region[0] || !n->region ||
	    !n->region[0] || !strcasecmp(n->target_region, n->region))
		return;
	dbx_check_say_leaf(
		c, DBX_SEV_ERROR, "region-mismatch", &n->where,
		"/egress_config/default_rules/azure_service_endpoint_rule/target_region",
		"the service endpoints of NCC %s are in region %s, but the NCC is in %s: they "
		"reach storage of the NCC's own region only; write %s",
		n->id, n->target_region, n->region, n->region);
}

/* ---- the resolver ---- */

/* Without it nobody answers with the private address, or finds the public ones to guard them. */
static void check_resolver(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;

	if (g->dns.has)
		return;
	for (size_t i = 0; i < g->n_private_endpoints; i++) {
		const struct dbx_pe_address *pe = &g->private_endpoints[i];
		const struct dbx_pe_rule *r = dbx_model_pe_rule(c->m, pe->rule_id);

		if (!r || !dbx_pe_rule_is_effective(r) || !dbx_pe_address_is_required(pe))
			continue;
		DBX_SAY(c, DBX_SEV_WARNING, "private-without-dns", &pe->where,
			"rule %s requires its private address, but the gateway has no \"dns\": no "
			"answer leads workloads there, and the resource's public addresses are not "
			"known, so that whatever else allows them is not refused as "
			"private-required; add \"dns\", or write \"private_required\": false",
			pe->rule_id);
	}
}

int dbx_check_private(struct dbx_check_ctx *c)
{
	int rc = check_addresses(c);

	check_resolver(c);
	for (size_t i = 0; i < c->m->n_pe_rules; i++)
		check_rule_region(c, &c->m->pe_rules[i]);
	for (size_t i = 0; i < c->m->n_nccs; i++)
		check_target_region(c, &c->m->nccs[i]);
	return rc ? rc : check_names(c);
}
