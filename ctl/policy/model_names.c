/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model_names.c -- which host names a storage destination or a private endpoint rule stands for.
 *
 * Only names that contain the bucket, account or resource are made: a name that every tenant shares
 * (path style S3, bare storage.googleapis.com, S3 access points) would open everybody's storage.
 * What is made is canonical; what cannot be a DNS name adds nothing.
 */
#include "policy/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/name.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

__attribute__((format(printf, 3, 4))) static int add_name(dbx_name_fn add, void *arg,
							  const char *fmt, ...)
{
	char text[2 * DBX_NAME_SIZE], name[DBX_NAME_SIZE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) || dbx_name_canon(text, name, NULL))
		return 0;
	return add(arg, name);
}

/*
 * Virtual-hosted style, dual stack, and the two older forms that still name the bucket and that
 * clients use by default; the legacy ones do not exist in China.
 */
static int s3_names(const char *bucket, const char *region, dbx_name_fn add, void *arg)
{
	bool china = region && !strncasecmp(region, "cn-", 3);
	const char *tld = china ? "com.cn" : "com";
	int rc = 0;

	if (region && region[0]) {
		rc = add_name(add, arg, "%s.s3.%s.amazonaws.%s", bucket, region, tld);
		if (!rc)
			rc = add_name(add, arg, "%s.s3.dualstack.%s.amazonaws.%s", bucket, region,
				      tld);
		if (!rc && !china)
			rc = add_name(add, arg, "%s.s3-%s.amazonaws.%s", bucket, region, tld);
	}
	if (!rc && !china)
		rc = add_name(add, arg, "%s.s3.amazonaws.%s", bucket, tld);
	return rc;
}

static int azure_storage_names(const char *account, const char *service, dbx_name_fn add, void *arg)
{
	static const char *const services[] = {"blob", "dfs", "file", "queue", "table", "web"};

	for (size_t i = 0; i < COUNT(services); i++) {
		if (!strcasecmp(service, services[i]))
			return add_name(add, arg, "%s.%s.core.windows.net", account, services[i]);
	}
	return 0;
}

int dbx_storage_names(const struct dbx_storage_dest *d, dbx_name_fn add, void *arg)
{
	switch (d->type) {
	case DBX_STORAGE_AWS_S3:
		return d->bucket_name ? s3_names(d->bucket_name, d->region, add, arg) : 0;
	case DBX_STORAGE_AZURE:
		if (!d->azure_account || !d->azure_service)
			return 0;
		return azure_storage_names(d->azure_account, d->azure_service, add, arg);
	case DBX_STORAGE_GCS:
		if (!d->bucket_name)
			return 0;
		return add_name(add, arg, "%s.storage.googleapis.com", d->bucket_name);
	default:
		return 0;
	}
}

/*
 * Public name of a resource by group id; clients keep it, only its resolution turns private.
 * The same group id means different things for different providers ("Sql").
 * amlworkspace is not here: its host names begin with an id that the rule does not tell.
 */
static const struct zone {
	const char *group;
	const char *provider; /* part of the resource id, or NULL: any */
	const char *name_add; /* after the resource name */
	const char *suffix;
	const char *private_zone; /* NULL: "privatelink." and the suffix */
} zones[] = {
	{"blob", NULL, "", "blob.core.windows.net", NULL},
	{"blob_secondary", NULL, "-secondary", "blob.core.windows.net", NULL},
	{"dfs", NULL, "", "dfs.core.windows.net", NULL},
	{"dfs_secondary", NULL, "-secondary", "dfs.core.windows.net", NULL},
	{"file", NULL, "", "file.core.windows.net", NULL},
	{"file_secondary", NULL, "-secondary", "file.core.windows.net", NULL},
	{"queue", NULL, "", "queue.core.windows.net", NULL},
	{"queue_secondary", NULL, "-secondary", "queue.core.windows.net", NULL},
	{"table", "/storageAccounts/", "", "table.core.windows.net", NULL},
	{"table_secondary", "/storageAccounts/", "-secondary", "table.core.windows.net", NULL},
	{"web", NULL, "", "web.core.windows.net", NULL},
	{"web_secondary", NULL, "-secondary", "web.core.windows.net", NULL},
	{"sqlServer", NULL, "", "database.windows.net", NULL},
	{"mysqlServer", NULL, "", "mysql.database.azure.com", NULL},
	{"postgresqlServer", NULL, "", "postgres.database.azure.com", NULL},
	{"mariadbServer", NULL, "", "mariadb.database.azure.com", NULL},
	{"Sql", "/Microsoft.DocumentDB/", "", "documents.azure.com", NULL},
	{"Sql", NULL, "", "sql.azuresynapse.net", NULL},
	{"SqlOnDemand", NULL, "-ondemand", "sql.azuresynapse.net", NULL},
	{"Dev", NULL, "", "dev.azuresynapse.net", NULL},
	{"vault", NULL, "", "vault.azure.net", "privatelink.vaultcore.azure.net"},
	{"namespace", NULL, "", "servicebus.windows.net", NULL},
	{"registry", NULL, "", "azurecr.io", NULL},
	{"searchService", NULL, "", "search.windows.net", NULL},
	{"sites", NULL, "", "azurewebsites.net", NULL},
	{"account", "/Microsoft.CognitiveServices/", "", "cognitiveservices.azure.com", NULL},
};

static const struct zone *zone_of(const struct dbx_pe_rule *r)
{
	if (r->flavour != DBX_PE_AZURE_RESOURCE || !r->resource_id || !r->group_id)
		return NULL;
	for (size_t i = 0; i < COUNT(zones); i++) {
		const struct zone *z = &zones[i];

		if (!strcasecmp(r->group_id, z->group) &&
		    (!z->provider || strcasestr(r->resource_id, z->provider)))
			return z;
	}
	return NULL;
}

static int keep_name(void *arg, const char *name)
{
	strcpy(arg, name);
	return 0;
}

static int azure_resource_names(const struct dbx_pe_rule *r, dbx_name_fn add, void *arg)
{
	const struct zone *z = zone_of(r);
	const char *name = strrchr(r->resource_id, '/');

	if (!z || !name || !name[1])
		return 0;
	return add_name(add, arg, "%s%s.%s", name + 1, z->name_add, z->suffix);
}

bool dbx_pe_rule_private_name(const struct dbx_pe_rule *r, const char *name,
			      char out[DBX_NAME_SIZE])
{
	const struct zone *z = zone_of(r);
	char public_name[DBX_NAME_SIZE] = "", private_name[DBX_NAME_SIZE] = "";
	const char *resource;

	if (!z)
		return false;
	azure_resource_names(r, keep_name, public_name);
	if (!public_name[0] || strcmp(name, public_name))
		return false;
	resource = strrchr(r->resource_id, '/') + 1;
	if (z->private_zone)
		add_name(keep_name, private_name, "%s%s.%s", resource, z->name_add,
			 z->private_zone);
	else
		add_name(keep_name, private_name, "%s%s.privatelink.%s", resource, z->name_add,
			 z->suffix);
	if (!private_name[0])
		return false;
	strcpy(out, private_name);
	return true;
}

/* The region inside "com.amazonaws.<region>.s3", else the NCC's. */
static int s3_rule_names(const struct dbx_pe_rule *r, const char *ncc_region, dbx_name_fn add,
			 void *arg)
{
	static const char head[] = "com.amazonaws.", tail[] = ".s3";
	size_t len = strlen(r->endpoint_service);
	char region[64];
	int rc = 0;

	if (!strncmp(r->endpoint_service, head, sizeof(head) - 1) &&
	    len > sizeof(head) - 1 + sizeof(tail) - 1) {
		int n = snprintf(region, sizeof(region), "%.*s",
				 (int)(len - (sizeof(head) - 1) - (sizeof(tail) - 1)),
				 r->endpoint_service + sizeof(head) - 1);

		if (n > 0 && (size_t)n < sizeof(region))
			ncc_region = region;
	}
	for (size_t i = 0; i < r->n_resource_names && !rc; i++)
		rc = s3_names(r->resource_names[i], ncc_region, add, arg);
	return rc;
}

int dbx_pe_rule_names(const struct dbx_pe_rule *r, const char *ncc_region, dbx_name_fn add,
		      void *arg)
{
	int rc = 0;

	for (size_t i = 0; i < r->n_domain_names && !rc; i++)
		rc = add_name(add, arg, "%s", r->domain_names[i]);
	if (rc)
		return rc;
	if (zone_of(r))
		return azure_resource_names(r, add, arg);
	if (r->flavour == DBX_PE_AWS_S3 && r->endpoint_service)
		return s3_rule_names(r, ncc_region, add, arg);
	return 0;
}

static int stop_at_first(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 1;
}

bool dbx_model_pe_guards(const struct dbx_model *m, const struct dbx_pe_rule *r,
			 const struct dbx_ncc *ncc)
{
	return r->ncc_id && !strcmp(r->ncc_id, ncc->id) &&
	       dbx_pe_address_is_required(dbx_model_pe_address(m, r->rule_id)) &&
	       dbx_pe_rule_names(r, ncc->region, stop_at_first, NULL) == 1;
}
