/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print.c -- network policies and bindings as JSON, in the vendor's shape.
 *
 * Reading the text gives an equal object. Blocks that were absent stay absent, unknown keys stand
 * where they stood.
 */
#include "policy/read.h"

#include "policy/print_json.h"

static json_t *print_internet(struct dbx_pr *p, const struct dbx_internet_dest *v, size_t n)
{
	static const char *const types[] = {
		[DBX_DEST_UNSPECIFIED] = "INTERNET_DESTINATION_TYPE_UNSPECIFIED",
		[DBX_DEST_DNS_NAME] = "DNS_NAME",
		[DBX_DEST_IP_RANGE] = "IP_RANGE",
	};
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < n; i++) {
		json_t *o = dbx_pr_object(p, v[i].extra);

		dbx_pr_text(p, o, "destination", v[i].destination);
		dbx_pr_text(p, o, "internet_destination_type", types[v[i].type]);
		dbx_pr_push(p, list, o);
	}
	return list;
}

static json_t *print_storage(struct dbx_pr *p, const struct dbx_storage_dest *v, size_t n)
{
	static const char *const types[] = {
		[DBX_STORAGE_UNSPECIFIED] = "STORAGE_DESTINATION_TYPE_UNSPECIFIED",
		[DBX_STORAGE_AWS_S3] = "AWS_S3",
		[DBX_STORAGE_AZURE] = "AZURE_STORAGE",
		[DBX_STORAGE_GCS] = "GOOGLE_CLOUD_STORAGE",
		[DBX_STORAGE_CLOUDFLARE_R2] = "CLOUDFLARE_R2",
	};
	json_t *list = dbx_pr_array(p);

	for (size_t i = 0; i < n; i++) {
		json_t *o = dbx_pr_object(p, v[i].extra);

		dbx_pr_text(p, o, "storage_destination_type", types[v[i].type]);
		dbx_pr_text(p, o, "bucket_name", v[i].bucket_name);
		dbx_pr_text(p, o, "region", v[i].region);
		dbx_pr_text(p, o, "azure_storage_account", v[i].azure_account);
		dbx_pr_text(p, o, "azure_storage_service", v[i].azure_service);
		dbx_pr_push(p, list, o);
	}
	return list;
}

static json_t *print_workspaces(struct dbx_pr *p, const struct dbx_workspace_dest *v, size_t n)
{
	json_t *list = dbx_pr_array(p), *ids = NULL;

	for (size_t i = 0; i < n; i++) {
		if (i == 0 || v[i].group != v[i - 1].group) {
			json_t *o = dbx_pr_object(p, v[i].extra);

			ids = dbx_pr_array(p);
			dbx_pr_set(p, o, "workspace_ids", ids);
			dbx_pr_push(p, list, o);
		}
		if (!p->failed)
			dbx_pr_push(p, ids, json_integer(v[i].workspace_id));
	}
	return list;
}

static json_t *print_enforcement(struct dbx_pr *p, const struct dbx_policy *policy)
{
	json_t *o = dbx_pr_object(p, policy->extra_enforcement), *filter;

	dbx_pr_text(p, o, "enforcement_mode",
		    policy->enforcement == DBX_DRY_RUN ? "DRY_RUN" : "ENFORCED");
	if (!policy->dry_run_filter)
		return o;
	filter = dbx_pr_array(p);
	if (policy->dry_run_filter & DBX_FILTER_DBSQL)
		dbx_pr_push(p, filter, json_string("DBSQL"));
	if (policy->dry_run_filter & DBX_FILTER_ML_SERVING)
		dbx_pr_push(p, filter, json_string("ML_SERVING"));
	dbx_pr_set(p, o, "dry_run_mode_product_filter", filter);
	return o;
}

static json_t *print_access(struct dbx_pr *p, const struct dbx_policy *policy)
{
	json_t *o = dbx_pr_object(p, policy->extra_access);

	dbx_pr_text(p, o, "restriction_mode",
		    policy->mode_text ? policy->mode_text : dbx_mode_name(policy->mode));
	if (policy->n_allowed)
		dbx_pr_set(p, o, "allowed_internet_destinations",
			   print_internet(p, policy->allowed, policy->n_allowed));
	if (policy->n_storage)
		dbx_pr_set(p, o, "allowed_storage_destinations",
			   print_storage(p, policy->storage, policy->n_storage));
	if (policy->n_workspaces)
		dbx_pr_set(p, o, "allowed_databricks_destinations",
			   print_workspaces(p, policy->workspaces, policy->n_workspaces));
	if (policy->n_blocked)
		dbx_pr_set(p, o, "blocked_internet_destinations",
			   print_internet(p, policy->blocked, policy->n_blocked));
	if (policy->has_enforcement)
		dbx_pr_set(p, o, "policy_enforcement", print_enforcement(p, policy));
	return o;
}

char *dbx_print_policy(const struct dbx_policy *policy)
{
	struct dbx_pr p = {0};
	json_t *o = dbx_pr_object(&p, policy->extra), *egress;

	dbx_pr_text(&p, o, "network_policy_id", policy->id);
	dbx_pr_text(&p, o, "account_id", policy->account_id);
	if (policy->has_egress) {
		egress = dbx_pr_object(&p, policy->extra_egress);
		if (policy->has_access)
			dbx_pr_set(&p, egress, "network_access", print_access(&p, policy));
		dbx_pr_set(&p, o, "egress", egress);
	}
	dbx_pr_raw(&p, o, "ingress", policy->ingress);
	dbx_pr_raw(&p, o, "ingress_dry_run", policy->ingress_dry_run);
	return dbx_pr_finish(&p, o);
}

char *dbx_print_option(const struct dbx_ws_option *option)
{
	struct dbx_pr p = {0};
	json_t *o = dbx_pr_object(&p, option->extra);

	dbx_pr_set(&p, o, "workspace_id", json_integer(option->workspace_id));
	dbx_pr_text(&p, o, "network_policy_id", option->policy_id);
	return dbx_pr_finish(&p, o);
}

char *dbx_print_ncc_binding(const struct dbx_ncc_binding *binding)
{
	struct dbx_pr p = {0};
	json_t *o = dbx_pr_object(&p, binding->extra);

	dbx_pr_set(&p, o, "workspace_id", json_integer(binding->workspace_id));
	dbx_pr_text(&p, o, "network_connectivity_config_id", binding->ncc_id);
	return dbx_pr_finish(&p, o);
}
