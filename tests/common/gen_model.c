/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_model.c -- random documents: a gateway, its policies, NCCs, bindings and a feed.
 *
 * They are JSON text, so that the readers are exercised on the way. Nothing in them is refused by
 * the readers: what must be refused is the business of other tests.
 */
#include "common/gen_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_NCCS       2
#define N_WORKSPACES 5

static const char *const names[] = {"a.example.org",  "b.example.org",      "*.example.org",
				    "c.test.example", "*.deep.example.org", "x.deep.example.org"};
static const char *const accounts[] = {"lakeone", "laketwo"};
const char *const gen_tags[] = {"Storage", "Storage.EastUS2", "Storage.WestUS",
				"Sql",     "AzureDatabricks", "Storage.eastus"};
const size_t gen_n_tags = sizeof(gen_tags) / sizeof(*gen_tags);
static const char *const regions[] = {"eastus2", "WestUS", "eastus", ""};

/* ---- policies ---- */

static void out_internet(struct gen_writer *w, uint32_t n, bool may_name)
{
	for (uint32_t i = 0; i < n; i++) {
		gen_out(w, "%s{\"destination\": ", i ? ", " : "");
		if (may_name && gen_percent(w->r, 25)) {
			gen_out(w, "\"%s\", \"internet_destination_type\": \"DNS_NAME\"}",
				PICK(w->r, names));
		} else {
			gen_out_prefixes(w, 1);
			gen_out(w, ", \"internet_destination_type\": \"IP_RANGE\"}");
		}
	}
}

static void out_storage(struct gen_writer *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		gen_out(w, "%s", i ? ", " : "");
		if (gen_percent(w->r, 70))
			gen_out(w,
				"{\"storage_destination_type\": \"AZURE_STORAGE\", "
				"\"azure_storage_account\": \"%s\", \"azure_storage_service\": \"%s\"}",
				PICK(w->r, accounts), gen_percent(w->r, 50) ? "dfs" : "blob");
		else
			gen_out(w, "{\"storage_destination_type\": \"AWS_S3\", "
				   "\"bucket_name\": \"lakeone\", \"region\": \"us-east-1\"}");
	}
}

static void out_enforcement(struct gen_writer *w)
{
	static const char *const filters[] = {"", "\"DBSQL\"", "\"ML_SERVING\"",
					      "\"DBSQL\", \"ML_SERVING\""};

	if (gen_percent(w->r, 50))
		return;
	gen_out(w,
		",\n\"policy_enforcement\": {\"enforcement_mode\": \"%s\", "
		"\"dry_run_mode_product_filter\": [%s]}",
		gen_percent(w->r, 80) ? "DRY_RUN" : "ENFORCED", PICK(w->r, filters));
}

static void document_policy(struct gen_writer *w, const char *id)
{
	static const char *const modes[] = {"RESTRICTED_ACCESS", "RESTRICTED_ACCESS",
					    "RESTRICTED_ACCESS", "FULL_ACCESS",
					    "RESTRICTION_MODE_UNSPECIFIED"};
	bool is_wrapped = gen_percent(w->r, 20);
	char name[40];

	gen_out(w, "%s{\"network_policy_id\": \"%s\", \"egress\": {\"network_access\": {\n",
		is_wrapped ? "{\"network_policy\": " : "", id);
	gen_out(w, "\"restriction_mode\": \"%s\",\n\"allowed_internet_destinations\": [",
		PICK(w->r, modes));
	out_internet(w, gen_below(w->r, 5), true);
	gen_out(w, "],\n\"blocked_internet_destinations\": [");
	out_internet(w, gen_below(w->r, 3), true);
	gen_out(w, "],\n\"allowed_storage_destinations\": [");
	out_storage(w, gen_percent(w->r, 40) ? gen_below(w->r, 3) : 0);
	gen_out(w, "],\n\"allowed_databricks_destinations\": [");
	if (gen_percent(w->r, 50))
		gen_out(w, "{\"workspace_ids\": [%u, \"%u\"]}", GEN_FIRST_ID + gen_below(w->r, 3),
			GEN_FIRST_ID + gen_below(w->r, 6));
	gen_out(w, "]");
	out_enforcement(w);
	gen_out(w, "}}}%s\n", is_wrapped ? "}" : "");
	snprintf(name, sizeof(name), "%s.json", id);
	gen_document_end(w, name);
}

/* ---- NCCs ---- */

static void out_rule_target(struct gen_writer *w)
{
	switch (gen_below(w->r, 3)) {
	case 0:
		gen_out(w,
			"\"resource_id\": \"/subscriptions/s/resourceGroups/g/providers/"
			"Microsoft.Storage/storageAccounts/%s\", \"group_id\": \"%s\"",
			PICK(w->r, accounts), gen_percent(w->r, 50) ? "dfs" : "blob");
		break;
	case 1:
		gen_out(w,
			"\"resource_id\": \"/subscriptions/s/resourceGroups/g/providers/"
			"Microsoft.Network/privateLinkServices/pls\", \"domain_names\": [\"%s\"]",
			gen_percent(w->r, 50) ? "a.example.org" : "x.deep.example.org");
		break;
	default:
		gen_out(w,
			"\"endpoint_service\": \"com.amazonaws.us-east-1.s3\", "
			"\"resource_names\": [\"%s\"], \"enabled\": %s",
			PICK(w->r, accounts), gen_percent(w->r, 70) ? "true" : "false");
	}
}

static void document_ncc(struct gen_writer *w, uint32_t n)
{
	static const char *const states[] = {"ESTABLISHED", "ESTABLISHED", "ESTABLISHED",
					     "PENDING",     "REJECTED",    "EXPIRED"};
	char name[32];

	gen_out(w,
		"{\"network_connectivity_config_id\": \"ncc-%u\", \"name\": \"ncc-%u\", "
		"\"region\": \"eastus2\", \"egress_config\": {\"default_rules\": {",
		n, n);
	if (gen_percent(w->r, 70))
		gen_out(w,
			"\"azure_service_endpoint_rule\": {\"target_region\": \"%s\", \"subnets\": [], "
			"\"target_services\": [%s]}",
			PICK(w->r, regions), gen_percent(w->r, 80) ? "\"AZURE_BLOB_STORAGE\"" : "");
	gen_out(w, "}, \"target_rules\": {\"azure_private_endpoint_rules\": [");
	for (uint32_t i = 0; i < GEN_RULES; i++) {
		gen_out(w,
			"%s{\"rule_id\": \"pe-%u-%u\", \"network_connectivity_config_id\": \"ncc-%u\", ",
			i ? ",\n " : "", n, i, n);
		out_rule_target(w);
		gen_out(w, ", \"connection_state\": \"%s\", \"deactivated\": %s}",
			PICK(w->r, states), gen_percent(w->r, 10) ? "true" : "false");
	}
	gen_out(w, "]}}}\n");
	snprintf(name, sizeof(name), "ncc-%u.json", n);
	gen_document_end(w, name);
}

/* ---- feed and bindings ---- */

static void document_feed(struct gen_writer *w)
{
	gen_out(w, "{\"changeNumber\": 7, \"cloud\": \"Public\", \"values\": [");
	for (size_t i = 0; i < gen_n_tags; i++) {
		const char *dot = strchr(gen_tags[i], '.');

		gen_out(w,
			"%s{\"name\": \"%s\", \"id\": \"%s\", \"properties\": {\"changeNumber\": 1, "
			"\"region\": \"%s\", \"regionId\": 0, \"platform\": \"Azure\", "
			"\"systemService\": \"\", \"addressPrefixes\": [",
			i ? ",\n " : "", gen_tags[i], gen_tags[i], dot ? dot + 1 : "");
		gen_out_prefixes(w, gen_below(w->r, 6));
		gen_out(w, "]}}");
	}
	gen_out(w, "]}\n");
	gen_document_end(w, "feed.json");
}

static void document_binding(struct gen_writer *w, uint32_t id, uint32_t n_nccs)
{
	bool has_policy = !gen_percent(w->r, 12), has_ncc = n_nccs && gen_percent(w->r, 75);
	char name[32];

	if (!has_policy && !has_ncc)
		return;
	gen_out(w, "{\"workspace_id\": %u", id);
	if (has_policy)
		gen_out(w,
			", \"workspace_network_option\": {\"workspace_id\": %u, "
			"\"network_policy_id\": \"np-%u\"}",
			id, gen_below(w->r, GEN_POLICIES));
	if (has_ncc)
		gen_out(w, ", \"workspace\": {\"network_connectivity_config_id\": \"ncc-%u\"}",
			gen_below(w->r, n_nccs));
	gen_out(w, "}\n");
	snprintf(name, sizeof(name), "ws-%u.json", id);
	gen_document_end(w, name);
}

void gen_model(struct gen_rand *r, struct gen_model *m)
{
	uint32_t n_workspaces = 1 + gen_below(r, N_WORKSPACES), n_nccs = gen_below(r, N_NCCS + 1);
	struct gen_writer w = {.r = r, .m = m};
	char id[16];

	memset(m, 0, sizeof(*m));
	dbx_strbuf_init(&w.b);
	document_feed(&w);
	for (uint32_t i = 0; i < GEN_POLICIES; i++) {
		snprintf(id, sizeof(id), "np-%u", i);
		document_policy(&w, id);
	}
	if (gen_percent(r, 40))
		document_policy(&w, "default-policy");
	for (uint32_t i = 0; i < n_nccs; i++)
		document_ncc(&w, i);
	for (uint32_t i = 0; i < n_workspaces; i++)
		document_binding(&w, GEN_FIRST_ID + i, n_nccs);
	gen_document_gateway(&w, n_workspaces, n_nccs);
	dbx_strbuf_fini(&w.b);
}

void gen_model_fini(struct gen_model *m)
{
	for (size_t i = 0; i < m->n_docs; i++)
		free(m->docs[i].text);
	m->n_docs = 0;
}
