/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_source.c -- a workspace of the gateway document and the sources that it sends from.
 */
#include "policy/read_dest.h"
#include "policy/read_paths.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* As the denial log writes them, and as the policy's filter writes one of them (egress-model 4.1). */
static const struct dbx_rd_value products[] = {
	{"General Compute", DBX_PRODUCT_GENERAL_COMPUTE},
	{"DBSQL", DBX_PRODUCT_DBSQL},
	{"MLServing", DBX_PRODUCT_ML_SERVING},
	{"ML_SERVING", DBX_PRODUCT_ML_SERVING},
	{"ML Build", DBX_PRODUCT_ML_BUILD},
	{"Apps", DBX_PRODUCT_APPS},
};

static int read_source_product(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			       void *dst)
{
	dbx_rd_enum(r, v, at, "unknown-value", "network_source_type", products, COUNT(products),
		    dst);
	return 0;
}

static int read_product(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	int product;

	if (dbx_rd_enum(r, v, at, "unknown-value", "network_source_type", products, COUNT(products),
			&product))
		*(enum dbx_product *)dst = (enum dbx_product)product;
	return 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_mac(const char *s, uint8_t mac[6])
{
	uint8_t any = 0;

	for (int i = 0; i < 6; i++, s += 3) {
		int hi = hex(s[0]), lo = hi < 0 ? -1 : hex(s[1]);

		if (lo < 0 || s[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(hi << 4 | lo);
		any |= mac[i];
	}
	return any && !(mac[0] & 1); /* not zero, not a group address */
}

static int read_mac(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *text = dbx_rd_text(r, v, at, "a MAC address");
	struct dbx_source *s = dst;
	char q[RD_QUOTE_SIZE];

	if (!text)
		return 0;
	s->has_mac = parse_mac(text, s->mac);
	if (!s->has_mac)
		dbx_rd_error(r, at, "bad-mac",
			     "read MAC address %s: accepted is one station's address such as "
			     "02:00:00:00:00:01",
			     dbx_rd_quote(text, q));
	return 0;
}

static int read_cluster(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a cluster's name");
	char q[RD_QUOTE_SIZE];

	if (!s)
		return 0;
	if (*s && strlen(s) <= DBX_CLUSTER_NAME_MAX)
		return dbx_rd_string(r, v, at, dst);
	dbx_rd_error(
		r, at, "bad-value",
		"read cluster %s: accepted are names of 1 to %d bytes; leave the key out for a "
		"source of no cluster",
		dbx_rd_quote(s, q), DBX_CLUSTER_NAME_MAX);
	return 0;
}

static const struct dbx_rd_field source_fields[] = {
	{"prefix", RD_REQUIRED, offsetof(struct dbx_source, prefix), dbx_rd_prefix},
	{"interface", 0, offsetof(struct dbx_source, interface), dbx_rd_string},
	{"vlan", 0, 0, dbx_rd_skip},
	{"inner_vlan", 0, 0, dbx_rd_skip},
	{"vni", 0, 0, dbx_rd_skip},
	{"mac", 0, 0, read_mac},
	{"network_source_type", 0, offsetof(struct dbx_source, product), read_source_product},
	{"cluster", 0, offsetof(struct dbx_source, cluster), read_cluster},
};
static const struct dbx_rd_shape source_shape =
	RD_SHAPE("a source", source_fields, RD_UNKNOWN_LOUD);

/* -1: absent, or refused with an error. */
static int64_t read_tag(struct dbx_rd *r, const json_t *o, const struct dbx_rd_at *at,
			const char *key, int64_t min, int64_t max)
{
	const json_t *v = json_object_get(o, key);
	int64_t n = -1;

	if (!v || json_is_null(v))
		return -1;
	if (!json_is_integer(v)) {
		dbx_rd_error(r, RD_KEY(at, key), "wrong-type", "read %s: a number is expected",
			     key);
		return -1;
	}
	n = json_integer_value(v);
	if (n >= min && n <= max)
		return n;
	dbx_rd_error(r, RD_KEY(at, key), "bad-vlan",
		     "read %s %" PRId64 ": accepted are %" PRId64 " to %" PRId64, key, n, min, max);
	return -1;
}

static void read_domain(struct dbx_rd *r, const json_t *o, const struct dbx_rd_at *at,
			uint32_t *domain)
{
	int64_t vlan = read_tag(r, o, at, "vlan", 1, 4094);
	int64_t inner = read_tag(r, o, at, "inner_vlan", 1, 4094);
	int64_t vni = read_tag(r, o, at, "vni", 0, (1 << 24) - 1);
	const json_t *outer = json_object_get(o, "vlan");
	bool has_vlan = outer && !json_is_null(outer);

	if (inner >= 0 && !has_vlan)
		dbx_rd_error(r, RD_KEY(at, "inner_vlan"), "bad-vlan",
			     "read inner_vlan: it needs \"vlan\", the outer tag");
	if (vni >= 0 && has_vlan)
		dbx_rd_error(r, RD_KEY(at, "vni"), "bad-vlan",
			     "read vni: a source has a VLAN or a VNI, not both");
	if (vni >= 0)
		*domain = DBX_DOMAIN_VNI | (uint32_t)vni;
	else if (vlan >= 0 && inner >= 0)
		*domain = DBX_DOMAIN_QINQ | (uint32_t)vlan << 12 | (uint32_t)inner;
	else if (vlan >= 0)
		*domain = (uint32_t)vlan;
}

static int read_source(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_source *s = dst;
	int rc = dbx_rd_where(r, at, &s->where);

	s->product = -1;
	if (!rc)
		rc = dbx_rd_object(r, v, at, &source_shape, s, &s->extra);
	if (!rc && json_is_object(v))
		read_domain(r, v, at, &s->domain);
	return rc;
}

static int read_sources(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_workspace *w = dst;

	return dbx_rd_list(r, v, at, DBX_GATEWAY_LIST_MAX, read_source, &w->sources, &w->n_sources);
}

static int read_isolated(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_workspace *w = dst;

	w->has_isolated = true;
	return dbx_rd_bool(r, v, at, &w->isolated);
}

static int read_separate_clusters(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				  void *dst)
{
	struct dbx_workspace *w = dst;

	w->has_separate_clusters = true;
	return dbx_rd_bool(r, v, at, &w->separate_clusters);
}

static const struct dbx_rd_field workspace_fields[] = {
	{"workspace_id", RD_REQUIRED, offsetof(struct dbx_workspace, id), dbx_rd_id},
	{"name", 0, offsetof(struct dbx_workspace, name), dbx_rd_string},
	{"network_source_type", 0, offsetof(struct dbx_workspace, product), read_product},
	{"sources", 0, 0, read_sources},
	{"isolated", 0, 0, read_isolated},
	{"separate_clusters", 0, 0, read_separate_clusters},
	{"quota", 0, offsetof(struct dbx_workspace, quota), dbx_rd_quota},
};
static const struct dbx_rd_shape workspace_shape =
	RD_SHAPE("a workspace", workspace_fields, RD_UNKNOWN_LOUD);

int dbx_rd_gateway_workspace(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	struct dbx_workspace *w = dst;
	int rc = dbx_rd_where(r, at, &w->where);

	return rc ? rc : dbx_rd_object(r, v, at, &workspace_shape, w, &w->extra);
}
