// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * eval_match.c -- the evaluator's scans: what of the model contains one address.
 *
 * Written for being obviously right, not for speed: bits are compared one by one, lists from their
 * first entry to their last.
 */
#include "policy/eval_impl.h"

#include <string.h>
#include <strings.h>

#include "lib/name.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

bool dbx_eval_in_prefix(const struct dbx_prefix *p, const struct dbx_addr *a)
{
	unsigned int i;

	if (!p->addr.is_v6 != !a->is_v6)
		return false;
	for (i = 0; i < p->len; i++) {
		unsigned int bit = 0x80u >> (i % 8);

		if ((p->addr.a[i / 8] & bit) != (a->a[i / 8] & bit))
			return false;
	}
	return true;
}

struct special {
	enum dbx_reason reason;
	struct dbx_prefix p;
};

/* An IPv4 prefix, an IPv6 prefix; the bytes of the address come last. */
#define V4(len_, ...)                                                   \
	{                                                               \
		.addr = {.is_v6 = 0, .a = {__VA_ARGS__}}, .len = (len_) \
	}
#define V6(len_, ...)                                                   \
	{                                                               \
		.addr = {.is_v6 = 1, .a = {__VA_ARGS__}}, .len = (len_) \
	}

/* In the order in which they win. RFC 6890 names the martians; the metadata services their vendors. */
static const struct special specials[] = {
	/* AWS, Azure, Google and others; AWS container credentials; Azure host; AWS; Google */
	{DBX_REASON_METADATA, V4(32, 169, 254, 169, 254)},
	{DBX_REASON_METADATA, V4(32, 169, 254, 170, 2)},
	{DBX_REASON_METADATA, V4(32, 168, 63, 129, 16)},
	{DBX_REASON_METADATA, V6(128, 0xfd, 0, 0x0e, 0xc2, [14] = 0x02, 0x54)},
	{DBX_REASON_METADATA, V6(128, 0xfd, 0x20, 0, 0xce, [14] = 0x02, 0x54)},
	/* the limited broadcast lies in 240/4, which is a martian */
	{DBX_REASON_MULTICAST, V4(32, 255, 255, 255, 255)},
	{DBX_REASON_MARTIAN, V4(8, 0, 0, 0, 0)},
	{DBX_REASON_MARTIAN, V4(8, 127, 0, 0, 0)},
	{DBX_REASON_MARTIAN, V4(4, 240, 0, 0, 0)},
	/* unspecified, loopback and v4-compatible (RFC 4291 section 2.5.5.1), all in ::/96 */
	{DBX_REASON_MARTIAN, V6(96, 0)},
	{DBX_REASON_MARTIAN, V6(96, [10] = 0xff, 0xff)}, /* v4-mapped */
	{DBX_REASON_MARTIAN, V6(64, 0x01, 0x00)},        /* discard-only, RFC 6666 */
	{DBX_REASON_MULTICAST, V4(4, 224, 0, 0, 0)},
	{DBX_REASON_MULTICAST, V6(8, 0xff)},
	{DBX_REASON_LINK_LOCAL, V4(16, 169, 254, 0, 0)},
	{DBX_REASON_LINK_LOCAL, V6(10, 0xfe, 0x80)},
};

enum dbx_reason dbx_eval_special(const struct dbx_addr *dst)
{
	struct dbx_prefix host = {.addr = *dst, .len = dbx_addr_bits(dst)};

	return dbx_eval_special_prefix(&host);
}

enum dbx_reason dbx_eval_special_prefix(const struct dbx_prefix *p)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(specials); i++) {
		if (specials[i].p.len <= p->len && dbx_eval_in_prefix(&specials[i].p, &p->addr))
			return specials[i].reason;
	}
	return DBX_REASON_MAX;
}

/* "Storage.EastUS2" as it is; "S3" also every "S3/<region>" of AWS. */
static bool tag_is_meant(const struct dbx_feed *f, const struct dbx_tag *tag, const char *name)
{
	size_t n = strlen(name);

	if (strcasecmp(tag->name, name) == 0)
		return true;
	return f->kind == DBX_DOC_AWS_RANGES && !strchr(name, '/') &&
	       strncasecmp(tag->name, name, n) == 0 && tag->name[n] == '/';
}

static bool in_feed_tag(const struct dbx_feed *f, const struct dbx_tag *tag,
			const struct dbx_addr *a)
{
	uint32_t i;

	for (i = 0; i < tag->n; i++) {
		if (dbx_eval_in_prefix(&f->prefixes[tag->first + i].prefix, a))
			return true;
	}
	return false;
}

bool dbx_eval_in_tag(const struct dbx_model *m, const struct dbx_tag_ref *ref,
		     const struct dbx_addr *a)
{
	size_t i, k;

	for (i = 0; i < m->n_feeds; i++) {
		const struct dbx_feed *f = &m->feeds[i];

		if (ref->cloud && strcasecmp(ref->cloud, f->cloud) != 0)
			continue;
		for (k = 0; k < f->n_tags; k++) {
			if (tag_is_meant(f, &f->tags[k], ref->tag) &&
			    in_feed_tag(f, &f->tags[k], a))
				return true;
		}
	}
	return false;
}

bool dbx_eval_ports_match(uint16_t want_proto, const struct dbx_port_range *ports, size_t n_ports,
			  uint8_t proto, uint16_t port)
{
	size_t i;

	if (want_proto != DBX_PROTO_ANY && want_proto != proto)
		return false;
	if (n_ports == 0)
		return true;
	for (i = 0; i < n_ports; i++) {
		if (port >= ports[i].lo && port <= ports[i].hi)
			return true;
	}
	return false;
}

bool dbx_eval_set_applies(const struct dbx_dest_set *s, const struct dbx_policy *p)
{
	size_t i;

	if (s->n_policy_ids == 0)
		return true;
	for (i = 0; p && i < s->n_policy_ids; i++) {
		if (strcmp(s->policy_ids[i], p->id) == 0)
			return true;
	}
	return false;
}

enum dbx_eval_hit dbx_eval_in_set(const struct dbx_model *m, const struct dbx_dest_set *s,
				  const struct dbx_addr *a)
{
	size_t i;

	for (i = 0; i < s->n_prefixes; i++) {
		if (dbx_eval_in_prefix(&s->prefixes[i].prefix, a))
			return DBX_EVAL_HIT_PREFIX;
	}
	for (i = 0; i < s->n_tags; i++) {
		if (dbx_eval_in_tag(m, &s->tags[i], a))
			return DBX_EVAL_HIT_TAG;
	}
	return DBX_EVAL_HIT_NONE;
}

bool dbx_eval_is_gateway(const struct dbx_model *m, const struct dbx_addr *a)
{
	size_t i;

	for (i = 0; m->has_gateway && i < m->gateway.n_addresses; i++) {
		if (dbx_eval_in_prefix(&m->gateway.addresses[i].prefix, a))
			return true;
	}
	return false;
}

const struct dbx_source *dbx_eval_binding(const struct dbx_model *m, uint32_t domain,
					  const struct dbx_addr *a, const struct dbx_workspace **ws)
{
	const struct dbx_source *best = NULL;
	size_t i, k;

	if (dbx_eval_is_gateway(m, a))
		return NULL;
	for (i = 0; m->has_gateway && i < m->gateway.n_workspaces; i++) {
		const struct dbx_workspace *w = &m->gateway.workspaces[i];

		for (k = 0; k < w->n_sources; k++) {
			const struct dbx_source *s = &w->sources[k];

			if (s->domain != domain || !dbx_eval_in_prefix(&s->prefix, a))
				continue;
			if (best && best->prefix.len >= s->prefix.len)
				continue;
			best = s;
			*ws = w;
		}
	}
	return best;
}

bool dbx_eval_owner(const struct dbx_model *m, uint32_t domain, const struct dbx_addr *a,
		    const struct dbx_workspace **ws)
{
	const struct dbx_workspace *owner = NULL, *w = NULL;
	bool is_inside = false, is_shared = false;
	size_t i, k;

	if (dbx_eval_is_gateway(m, a))
		return false;
	if (dbx_eval_binding(m, domain, a, ws))
		return true;
	for (i = 0; m->has_gateway && i < m->gateway.n_workspaces; i++) {
		const struct dbx_workspace *claims = &m->gateway.workspaces[i];

		for (k = 0; k < claims->n_sources; k++) {
			if (!dbx_eval_in_prefix(&claims->sources[k].prefix, a))
				continue;
			dbx_eval_binding(m, claims->sources[k].domain, a, &w);
			is_shared = is_shared || (owner && owner != w);
			owner = w;
			is_inside = true;
		}
	}
	*ws = is_shared ? NULL : owner;
	return is_inside;
}

static bool same_cluster(const struct dbx_source *x, const struct dbx_source *y)
{
	if (!x->cluster || !y->cluster)
		return !x->cluster && !y->cluster;
	return strcmp(x->cluster, y->cluster) == 0;
}

bool dbx_eval_other_cluster(const struct dbx_model *m, const struct dbx_workspace *ws,
			    const struct dbx_source *from, uint32_t domain,
			    const struct dbx_addr *a)
{
	const struct dbx_workspace *w;
	const struct dbx_source *s = dbx_eval_binding(m, domain, a, &w);
	size_t i;

	if (!ws->separate_clusters)
		return false;
	if (s)
		return !same_cluster(from, s);
	for (i = 0; i < ws->n_sources; i++) { /* nobody's here: whoever has it elsewhere */
		if (!dbx_eval_in_prefix(&ws->sources[i].prefix, a))
			continue;
		s = dbx_eval_binding(m, ws->sources[i].domain, a, &w);
		if (s && !same_cluster(from, s))
			return true;
	}
	return false;
}

static bool has_blob_service(const struct dbx_ncc *ncc)
{
	size_t i;

	for (i = 0; i < ncc->n_target_services; i++) {
		if (strcmp(ncc->target_services[i], "AZURE_BLOB_STORAGE") == 0)
			return true;
	}
	return false;
}

enum dbx_path dbx_eval_path(const struct dbx_model *m, const struct dbx_workspace *ws,
			    const struct dbx_ncc *ncc, const struct dbx_addr *dst)
{
	size_t i, k;

	if (ws->isolated)
		return DBX_PATH_FIREWALL;

	if (!ncc || !ncc->has_service_endpoint || !ncc->target_region || !has_blob_service(ncc))
		return DBX_PATH_NAT;
	for (i = 0; i < m->n_feeds; i++) {
		const struct dbx_feed *f = &m->feeds[i];

		for (k = 0; f->kind == DBX_DOC_AZURE_TAGS && k < f->n_tags; k++) {
			const struct dbx_tag *tag = &f->tags[k];

			if (strncasecmp(tag->name, "Storage.", 8) == 0 &&
			    strcasecmp(tag->region, ncc->target_region) == 0 &&
			    in_feed_tag(f, tag, dst))
				return DBX_PATH_SERVICE_ENDPOINT;
		}
	}
	return DBX_PATH_NAT;
}

const struct dbx_path_route *dbx_eval_route(const struct dbx_model *m, const struct dbx_ncc *ncc,
					    enum dbx_path path)
{
	const struct dbx_gateway *g = &m->gateway;
	const struct dbx_path_route *general = NULL, *own = NULL;
	size_t i, k;

	for (i = g->n_routes; i > 0; i--) { /* from the last, so that the first stays */
		const struct dbx_path_route *r = &g->routes[i - 1];

		if (r->path != path)
			continue;
		if (r->n_ncc_ids == 0)
			general = r;
		for (k = 0; ncc && k < r->n_ncc_ids; k++) {
			if (strcmp(r->ncc_ids[k].ncc_id, ncc->id) == 0)
				own = r;
		}
	}
	return own ? own : general;
}

enum dbx_product dbx_eval_product(const struct dbx_workspace *ws, const struct dbx_source *s)
{
	return s->product >= 0 ? (enum dbx_product)s->product : ws->product;
}

bool dbx_eval_is_dry_run(const struct dbx_policy *p, enum dbx_product product)
{
	if (p->enforcement != DBX_DRY_RUN)
		return false;
	if (p->dry_run_filter == 0)
		return true;
	if (product == DBX_PRODUCT_DBSQL)
		return p->dry_run_filter & DBX_FILTER_DBSQL;
	if (product == DBX_PRODUCT_ML_SERVING)
		return p->dry_run_filter & DBX_FILTER_ML_SERVING;
	return false;
}

static bool sets_have_names(const struct dbx_dest_set *sets, size_t n, const struct dbx_policy *p)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (sets[i].n_names && dbx_eval_set_applies(&sets[i], p))
			return true;
	}
	return false;
}

bool dbx_eval_has_names(const struct dbx_model *m, const struct dbx_policy *p)
{
	const struct dbx_gateway *g = &m->gateway;
	size_t i;

	for (i = 0; i < p->n_allowed; i++) {
		if (p->allowed[i].type == DBX_DEST_DNS_NAME)
			return true;
	}
	return p->n_storage > 0 || sets_have_names(g->platform, g->n_platform, p) ||
	       sets_have_names(g->storage, g->n_storage, p) ||
	       sets_have_names(g->allowed, g->n_allowed, p);
}
