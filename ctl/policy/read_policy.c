/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_policy.c -- network policies (egress-model 1).
 *
 * What cannot be understood fails closed: an unknown mode, enforcement or product is an error, since
 * ignoring it could let traffic through; an allow entry of no type is kept and allows nothing.
 */
#include "policy/read_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/name.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID_MAX   32 /* ^[a-zA-Z0-9_.-]{1,32}$, egress-model 1.2 */

static const char id_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

static int read_policy_id(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	const char *s = dbx_rd_text(r, v, at, "a string");
	char q[RD_QUOTE_SIZE];
	size_t len = s ? strlen(s) : 0;

	if (!s)
		return 0;
	if (len < 1 || len > ID_MAX || strspn(s, id_chars) != len) {
		dbx_rd_error(
			r, at, "bad-id",
			"read network_policy_id %s: accepted are 1 to %d letters, digits, '_', "
			"'.' and '-'",
			dbx_rd_quote(s, q), ID_MAX);
		return 0;
	}
	return dbx_rd_string(r, v, at, dst);
}

/* ---- internet destinations (1.4) ---- */

static int read_dest_type(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"DNS_NAME", DBX_DEST_DNS_NAME},
		{"IP_RANGE", DBX_DEST_IP_RANGE},
		{"INTERNET_DESTINATION_TYPE_UNSPECIFIED", DBX_DEST_UNSPECIFIED},
	};
	int type;

	if (dbx_rd_enum(r, v, at, "unknown-value", "internet_destination_type", values,
			COUNT(values), &type))
		*(enum dbx_dest_type *)dst = (enum dbx_dest_type)type;
	return 0;
}

static const struct dbx_rd_field internet_fields[] = {
	{"destination", RD_REQUIRED, offsetof(struct dbx_internet_dest, destination),
	 dbx_rd_string},
	{"internet_destination_type", 0, offsetof(struct dbx_internet_dest, type), read_dest_type},
};
static const struct dbx_rd_shape internet_shape =
	RD_SHAPE("an internet destination", internet_fields, RD_UNKNOWN_LOUD);

static int read_internet(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			 struct dbx_internet_dest *d, bool deny)
{
	const json_t *text = json_object_get(v, "destination");
	size_t errors = r->n_errors;
	int rc = dbx_rd_where(r, at, &d->where);

	if (!rc)
		rc = dbx_rd_object(r, v, at, &internet_shape, d, &d->extra);
	if (rc || r->n_errors != errors)
		return rc;
	if (d->type == DBX_DEST_DNS_NAME)
		return dbx_rd_pattern(r, text, RD_KEY(at, "destination"), &d->name);
	if (d->type == DBX_DEST_IP_RANGE)
		return dbx_rd_prefix(r, text, RD_KEY(at, "destination"), &d->prefix);
	if (deny)
		dbx_rd_error(
			r, at, "unspecified-type",
			"read a blocked destination: it has no type, and a denial must not be "
			"ignored; write \"internet_destination_type\": \"DNS_NAME\" or \"IP_RANGE\"");
	else
		dbx_rd_warn(
			r, at, "unspecified-type",
			"read an allowed destination: it has no type, so it allows nothing; write "
			"\"internet_destination_type\": \"DNS_NAME\" or \"IP_RANGE\"");
	return 0;
}

static int read_allowed_item(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	return read_internet(r, v, at, dst, false);
}

static int read_blocked_item(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	return read_internet(r, v, at, dst, true);
}

static int read_allowed(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_policy *p = dst;

	return dbx_rd_list(r, v, at, 0, read_allowed_item, &p->allowed, &p->n_allowed);
}

static int read_blocked(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_policy *p = dst;

	return dbx_rd_list(r, v, at, 0, read_blocked_item, &p->blocked, &p->n_blocked);
}

/* ---- storage destinations (1.5) ---- */

static int read_storage_type(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"AWS_S3", DBX_STORAGE_AWS_S3},
		{"AZURE_STORAGE", DBX_STORAGE_AZURE},
		{"GOOGLE_CLOUD_STORAGE", DBX_STORAGE_GCS},
		{"CLOUDFLARE_R2", DBX_STORAGE_CLOUDFLARE_R2},
		{"STORAGE_DESTINATION_TYPE_UNSPECIFIED", DBX_STORAGE_UNSPECIFIED},
	};
	int type;

	if (dbx_rd_enum(r, v, at, "unknown-value", "storage_destination_type", values,
			COUNT(values), &type))
		*(enum dbx_storage_type *)dst = (enum dbx_storage_type)type;
	return 0;
}

static const struct dbx_rd_field storage_fields[] = {
	{"storage_destination_type", 0, offsetof(struct dbx_storage_dest, type), read_storage_type},
	{"bucket_name", 0, offsetof(struct dbx_storage_dest, bucket_name), dbx_rd_string},
	{"region", 0, offsetof(struct dbx_storage_dest, region), dbx_rd_string},
	{"azure_storage_account", 0, offsetof(struct dbx_storage_dest, azure_account),
	 dbx_rd_string},
	{"azure_storage_service", 0, offsetof(struct dbx_storage_dest, azure_service),
	 dbx_rd_string},
};
static const struct dbx_rd_shape storage_shape =
	RD_SHAPE("a storage destination", storage_fields, RD_UNKNOWN_LOUD);

/* A key that this type needs, and that has to fit into a host name. */
static void need_label(struct dbx_rd *r, const struct dbx_rd_at *at, const char *type,
		       const char *key, const char *value)
{
	char host[DBX_NAME_SIZE + 32], name[DBX_NAME_SIZE], q[RD_QUOTE_SIZE];
	const char *why = "is too long";
	int n;

	if (!value || !value[0]) {
		dbx_rd_error(r, at, "missing-key", "read a storage destination: %s needs \"%s\"",
			     type, key);
		return;
	}
	n = snprintf(host, sizeof(host), "%s.example.com", value);
	if (n < 0 || (size_t)n >= sizeof(host) || dbx_name_canon(host, name, &why))
		dbx_rd_error(r, RD_KEY(at, key), "bad-value",
			     "read %s %s: as part of a host name, it %s", key,
			     dbx_rd_quote(value, q), why);
}

static void check_azure(struct dbx_rd *r, const struct dbx_rd_at *at,
			const struct dbx_storage_dest *d)
{
	static const char *const services[] = {"blob", "dfs", "file", "queue", "table", "web"};
	char q[RD_QUOTE_SIZE];

	need_label(r, at, "AZURE_STORAGE", "azure_storage_account", d->azure_account);
	need_label(r, at, "AZURE_STORAGE", "azure_storage_service", d->azure_service);
	if (!d->azure_service || !d->azure_service[0])
		return;
	for (size_t i = 0; i < COUNT(services); i++) {
		if (!strcasecmp(d->azure_service, services[i]))
			return;
	}
	dbx_rd_warn(r, RD_KEY(at, "azure_storage_service"), "unknown-value",
		    "read azure_storage_service %s: no host name is known for it, so it allows "
		    "nothing; known are blob, dfs, file, queue, table, web",
		    dbx_rd_quote(d->azure_service, q));
}

static int read_storage_item(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			     void *dst)
{
	struct dbx_storage_dest *d = dst;
	size_t errors = r->n_errors;
	int rc = dbx_rd_where(r, at, &d->where);

	if (!rc)
		rc = dbx_rd_object(r, v, at, &storage_shape, d, &d->extra);
	if (rc || r->n_errors != errors)
		return rc;
	switch (d->type) {
	case DBX_STORAGE_AWS_S3:
		need_label(r, at, "AWS_S3", "bucket_name", d->bucket_name);
		if (d->region && d->region[0])
			need_label(r, at, "AWS_S3", "region", d->region);
		else
			dbx_rd_warn(
				r, at, "missing-key",
				"read a storage destination: AWS_S3 without \"region\" stands for "
				"the bucket's global host name only");
		break;
	case DBX_STORAGE_AZURE:
		check_azure(r, at, d);
		break;
	case DBX_STORAGE_GCS:
		need_label(r, at, "GOOGLE_CLOUD_STORAGE", "bucket_name", d->bucket_name);
		break;
	default:
		dbx_rd_warn(
			r, at, "unspecified-type",
			"read a storage destination: no host name is known for %s, so it allows "
			"nothing; write AWS_S3, AZURE_STORAGE or GOOGLE_CLOUD_STORAGE",
			d->type == DBX_STORAGE_CLOUDFLARE_R2 ? "CLOUDFLARE_R2"
							     : "one without type");
	}
	return 0;
}

static int read_storage(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_policy *p = dst;

	return dbx_rd_list(r, v, at, 0, read_storage_item, &p->storage, &p->n_storage);
}

/* ---- other workspaces ---- */

struct id_list {
	int64_t *v;
	size_t n;
	char *extra;
};

static int read_ids(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct id_list *l = dst;

	return dbx_rd_list(r, v, at, 0, dbx_rd_id, &l->v, &l->n);
}

static const struct dbx_rd_field workspaces_fields[] = {
	{"workspace_ids", RD_REQUIRED, 0, read_ids},
};
static const struct dbx_rd_shape workspaces_shape =
	RD_SHAPE("an entry of allowed_databricks_destinations", workspaces_fields, RD_UNKNOWN_LOUD);

static int add_ids(struct dbx_rd *r, const struct dbx_rd_at *at, struct dbx_policy *p,
		   struct id_list *l)
{
	uint32_t group = p->n_workspaces ? p->workspaces[p->n_workspaces - 1].group + 1 : 0;

	for (size_t i = 0; i < l->n; i++) {
		struct dbx_workspace_dest *d = dbx_rd_append(&p->workspaces, &p->n_workspaces);

		if (!d)
			return -ENOMEM;
		d->workspace_id = l->v[i];
		d->group = group;
		if (i == 0) {
			d->extra = l->extra;
			l->extra = NULL;
		}
		if (dbx_rd_where(r, at, &d->where))
			return -ENOMEM;
	}
	return 0;
}

static int read_workspaces(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_policy *p = dst;
	const json_t *item;
	size_t i;

	if (!json_is_array(v)) {
		void *none = NULL;
		size_t n = 0;

		return dbx_rd_items(r, v, at, 1, 0, dbx_rd_skip, &none, &n);
	}
	json_array_foreach(v, i, item) {
		struct id_list l = {0};
		int rc = dbx_rd_object(r, item, RD_ITEM(at, i), &workspaces_shape, &l, &l.extra);

		if (!rc)
			rc = add_ids(r, RD_ITEM(at, i), p, &l);
		if (!rc && !l.n && json_is_array(json_object_get(item, "workspace_ids")))
			dbx_rd_warn(r, RD_ITEM(at, i), "empty-entry",
				    "read an entry of allowed_databricks_destinations: it lists no "
				    "workspace, so it allows nothing; not kept");
		free(l.v);
		free(l.extra);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- enforcement (1.6) ---- */

static int read_enforcement_mode(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
				 void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"ENFORCED", DBX_ENFORCED},
		{"DRY_RUN", DBX_DRY_RUN},
		{"ENFORCEMENT_MODE_UNSPECIFIED", DBX_ENFORCED},
	};
	int mode;

	if (dbx_rd_enum(r, v, at, "unknown-value", "enforcement_mode", values, COUNT(values),
			&mode))
		*(enum dbx_enforcement *)dst = (enum dbx_enforcement)mode;
	return 0;
}

/* An unknown product is an error: ignored, it could leave the filter empty, which means "all". */
static int read_filter(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"DBSQL", DBX_FILTER_DBSQL},
		{"ML_SERVING", DBX_FILTER_ML_SERVING},
	};
	unsigned int *filter = dst;
	const json_t *item;
	size_t i;
	int bit;

	if (!json_is_array(v)) {
		void *none = NULL;
		size_t n = 0;

		return dbx_rd_items(r, v, at, 1, 0, dbx_rd_skip, &none, &n);
	}
	json_array_foreach(v, i, item) {
		if (dbx_rd_enum(r, item, RD_ITEM(at, i), "unknown-value", "product", values,
				COUNT(values), &bit))
			*filter |= (unsigned int)bit;
	}
	return 0;
}

static const struct dbx_rd_field enforcement_fields[] = {
	{"enforcement_mode", 0, offsetof(struct dbx_policy, enforcement), read_enforcement_mode},
	{"dry_run_mode_product_filter", 0, offsetof(struct dbx_policy, dry_run_filter),
	 read_filter},
};
static const struct dbx_rd_shape enforcement_shape =
	RD_SHAPE("policy_enforcement", enforcement_fields, RD_UNKNOWN_LOUD);

static int read_enforcement(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			    void *dst)
{
	struct dbx_policy *p = dst;
	size_t errors = r->n_errors;
	int rc;

	p->has_enforcement = true;
	rc = dbx_rd_object(r, v, at, &enforcement_shape, p, &p->extra_enforcement);
	if (!rc && r->n_errors == errors && p->enforcement == DBX_ENFORCED && p->dry_run_filter)
		dbx_rd_warn(
			r, RD_KEY(at, "dry_run_mode_product_filter"), "ignored-filter",
			"read policy_enforcement: a product filter means nothing with ENFORCED; "
			"everything is enforced");
	return rc;
}

/* ---- network access (1.3) and the policy (1.2) ---- */

static int read_mode(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	static const struct dbx_rd_value values[] = {
		{"FULL_ACCESS", DBX_MODE_FULL_ACCESS},
		{"RESTRICTED_ACCESS", DBX_MODE_RESTRICTED_ACCESS},
		{"RESTRICTION_MODE_UNSPECIFIED", DBX_MODE_UNSPECIFIED},
	};
	struct dbx_policy *p = dst;
	int mode;

	if (!dbx_rd_enum(r, v, at, "unknown-mode", "restriction_mode", values, COUNT(values),
			 &mode))
		return 0;
	p->mode = (enum dbx_restriction_mode)mode;
	return dbx_rd_string(r, v, at, &p->mode_text);
}

static const struct dbx_rd_field access_fields[] = {
	{"restriction_mode", RD_REQUIRED, 0, read_mode},
	{"allowed_internet_destinations", 0, 0, read_allowed},
	{"allowed_storage_destinations", 0, 0, read_storage},
	{"allowed_databricks_destinations", 0, 0, read_workspaces},
	{"blocked_internet_destinations", 0, 0, read_blocked},
	{"policy_enforcement", 0, 0, read_enforcement},
};
static const struct dbx_rd_shape access_shape =
	RD_SHAPE("network_access", access_fields, RD_UNKNOWN_LOUD);

static int read_access(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_policy *p = dst;

	p->has_access = true;
	return dbx_rd_object(r, v, at, &access_shape, p, &p->extra_access);
}

static const struct dbx_rd_field egress_fields[] = {
	{"network_access", 0, 0, read_access},
};
static const struct dbx_rd_shape egress_shape = RD_SHAPE("egress", egress_fields, RD_UNKNOWN_LOUD);

static int read_egress(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_policy *p = dst;

	p->has_egress = true;
	return dbx_rd_object(r, v, at, &egress_shape, p, &p->extra_egress);
}

static const struct dbx_rd_field policy_fields[] = {
	{"network_policy_id", RD_REQUIRED, offsetof(struct dbx_policy, id), read_policy_id},
	{"account_id", 0, offsetof(struct dbx_policy, account_id), dbx_rd_string},
	{"egress", 0, 0, read_egress},
	{"ingress", 0, offsetof(struct dbx_policy, ingress), dbx_rd_raw},
	{"ingress_dry_run", 0, offsetof(struct dbx_policy, ingress_dry_run), dbx_rd_raw},
};
static const struct dbx_rd_shape policy_shape =
	RD_SHAPE("a network policy", policy_fields, RD_UNKNOWN_KEEP);

/* Two shapes that documents on the web show, and that mean something else (1.1, 1.8). */
static bool is_other_shape(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	static const char accepted[] =
		"write \"network_policy_id\" and \"egress\": {\"network_access\": {\"restriction_mode\": ...}}";

	if (json_object_get(v, "rules") && !json_object_get(v, "egress")) {
		dbx_rd_error(r, RD_KEY(at, "rules"), "unsupported-shape",
			     "read a network policy: \"name\" with \"rules\" is no shape of the "
			     "vendor's API; %s",
			     accepted);
		return true;
	}
	if (json_object_get(v, "egress_network_policy")) {
		dbx_rd_error(r, RD_KEY(at, "egress_network_policy"), "unsupported-shape",
			     "read a network policy: this is the older shape of clean rooms; %s",
			     accepted);
		return true;
	}
	if (json_object_get(json_object_get(v, "egress"), "internet_access")) {
		dbx_rd_error(r, RD_KEY(RD_KEY(at, "egress"), "internet_access"),
			     "unsupported-shape",
			     "read a network policy: this is the older shape of clean rooms; %s",
			     accepted);
		return true;
	}
	return false;
}

int dbx_rd_policy(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	struct dbx_policy *p;
	int rc;

	if (is_other_shape(r, v, at))
		return 0;
	p = dbx_rd_append(&r->m->policies, &r->m->n_policies);
	if (!p)
		return -ENOMEM;
	rc = dbx_rd_where(r, at, &p->where);
	return rc ? rc : dbx_rd_object(r, v, at, &policy_shape, p, &p->extra);
}
