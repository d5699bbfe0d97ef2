/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_ncc.c -- network connectivity configurations (egress-model 2.2).
 *
 * The rules that the parent object echoes are read like those of the rule calls; resolving merges
 * both by rule_id.
 */
#include "policy/read_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/read_ncc.h"

static int read_ids(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	char **id = dst;
	int rc = dbx_rd_string(r, v, at, dst);

	if (!rc && *id && !(*id)[0])
		dbx_rd_error(r, at, "bad-id", "read an id: it is empty");
	return rc;
}

static int read_stable_cidrs(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	struct dbx_ncc *n = dst;

	return dbx_rd_list(r, v, at, 0, dbx_rd_prefix, &n->stable_ips, &n->n_stable_ips);
}

static const struct dbx_rd_field stable_fields[] = {
	{"cidr_blocks", 0, 0, read_stable_cidrs},
};
static const struct dbx_rd_shape stable_shape =
	RD_SHAPE("aws_stable_ip_rule", stable_fields, RD_UNKNOWN_KEEP);

static int read_stable(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc *n = dst;

	return dbx_rd_object(r, v, at, &stable_shape, n, &n->extra_stable);
}

static int read_subnets(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc *n = dst;

	return dbx_rd_list(r, v, at, 0, dbx_rd_string, &n->subnets, &n->n_subnets);
}

static int read_services(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc *n = dst;

	return dbx_rd_list(r, v, at, 0, dbx_rd_string, &n->target_services, &n->n_target_services);
}

static const struct dbx_rd_field service_fields[] = {
	{"subnets", 0, 0, read_subnets},
	{"target_region", 0, offsetof(struct dbx_ncc, target_region), dbx_rd_string},
	{"target_services", 0, 0, read_services},
};
static const struct dbx_rd_shape service_shape =
	RD_SHAPE("azure_service_endpoint_rule", service_fields, RD_UNKNOWN_KEEP);

static int read_service(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc *n = dst;

	n->has_service_endpoint = true;
	return dbx_rd_object(r, v, at, &service_shape, n, &n->extra_service);
}

static const struct dbx_rd_field default_fields[] = {
	{"aws_stable_ip_rule", 0, 0, read_stable},
	{"azure_service_endpoint_rule", 0, 0, read_service},
};
static const struct dbx_rd_shape default_shape =
	RD_SHAPE("default_rules", default_fields, RD_UNKNOWN_KEEP);

static int read_default(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc *n = dst;

	return dbx_rd_object(r, v, at, &default_shape, n, &n->extra_default);
}

/* The rules go into the model; dst is the NCC that they belong to. */
static int read_rules(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const struct dbx_ncc *n = dst;
	const json_t *item;
	size_t i;

	if (!json_is_array(v)) {
		void *none = NULL;
		size_t count = 0;

		return dbx_rd_items(r, v, at, 1, 0, dbx_rd_skip, &none, &count);
	}
	json_array_foreach(v, i, item) {
		int rc = dbx_rd_pe_rule_of(r, item, RD_ITEM(at, i), n->id ? n->id : "");

		if (rc)
			return rc;
	}
	return 0;
}

static const struct dbx_rd_field target_fields[] = {
	{"azure_private_endpoint_rules", 0, 0, read_rules},
	{"aws_private_endpoint_rules", 0, 0, read_rules},
};
static const struct dbx_rd_shape target_shape =
	RD_SHAPE("target_rules", target_fields, RD_UNKNOWN_KEEP);

static int read_target(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc *n = dst;

	return dbx_rd_object(r, v, at, &target_shape, n, &n->extra_target);
}

static const struct dbx_rd_field egress_fields[] = {
	{"default_rules", 0, 0, read_default},
	{"target_rules", 0, 0, read_target},
};
static const struct dbx_rd_shape egress_shape =
	RD_SHAPE("egress_config", egress_fields, RD_UNKNOWN_KEEP);

static int read_egress(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_ncc *n = dst;

	return dbx_rd_object(r, v, at, &egress_shape, n, &n->extra_egress);
}

/* The id stands first: the rules inside fall back on it. */
static const struct dbx_rd_field ncc_fields[] = {
	{"network_connectivity_config_id", RD_REQUIRED, offsetof(struct dbx_ncc, id), read_ids},
	{"name", 0, offsetof(struct dbx_ncc, name), dbx_rd_string},
	{"region", 0, offsetof(struct dbx_ncc, region), dbx_rd_string},
	{"account_id", 0, offsetof(struct dbx_ncc, account_id), dbx_rd_string},
	{"creation_time", 0, offsetof(struct dbx_ncc, creation_time_ms), dbx_rd_int64},
	{"updated_time", 0, offsetof(struct dbx_ncc, updated_time_ms), dbx_rd_int64},
	{"egress_config", 0, 0, read_egress},
};
static const struct dbx_rd_shape ncc_shape =
	RD_SHAPE("a network connectivity configuration", ncc_fields, RD_UNKNOWN_KEEP);

int dbx_rd_ncc(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	struct dbx_ncc *n = dbx_rd_append(&r->m->nccs, &r->m->n_nccs);
	int rc = n ? dbx_rd_where(r, at, &n->where) : -ENOMEM;

	return rc ? rc : dbx_rd_object(r, v, at, &ncc_shape, n, &n->extra);
}
