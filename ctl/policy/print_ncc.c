/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * print_ncc.c -- NCCs as the vendor's GET answers, with their rules inside, and rules alone.
 */
#include "policy/read.h"

#include <string.h>

#include "policy/print_json.h"

json_t *dbx_pr_rule(struct dbx_pr *p, const struct dbx_pe_rule *r)
{
	json_t *o = dbx_pr_object(p, r->extra);

	dbx_pr_text(p, o, "rule_id", r->rule_id);
	dbx_pr_text(p, o, "network_connectivity_config_id", r->ncc_id);
	dbx_pr_text(p, o, "account_id", r->account_id);
	dbx_pr_text(p, o, "resource_id", r->resource_id);
	dbx_pr_text(p, o, "group_id", r->group_id);
	dbx_pr_text(p, o, "endpoint_service", r->endpoint_service);
	dbx_pr_texts(p, o, "domain_names", r->domain_names, r->n_domain_names);
	dbx_pr_texts(p, o, "resource_names", r->resource_names, r->n_resource_names);
	if (r->has_enabled)
		dbx_pr_set(p, o, "enabled", json_boolean(r->enabled));
	if (r->has_deactivated)
		dbx_pr_set(p, o, "deactivated", json_boolean(r->deactivated));
	dbx_pr_text(p, o, "connection_state", r->state_text);
	dbx_pr_text(p, o, "error_message", r->error_message);
	dbx_pr_text(p, o, "endpoint_name", r->endpoint_name);
	dbx_pr_text(p, o, "vpc_endpoint_id", r->vpc_endpoint_id);
	dbx_pr_time(p, o, "creation_time", r->creation_time_ms);
	dbx_pr_time(p, o, "updated_time", r->updated_time_ms);
	dbx_pr_time(p, o, "deactivated_at", r->deactivated_at_ms);
	dbx_pr_raw(p, o, "gcp_endpoint", r->gcp_endpoint);
	return o;
}

char *dbx_print_pe_rule(const struct dbx_pe_rule *r)
{
	struct dbx_pr p = {0};

	return dbx_pr_finish(&p, dbx_pr_rule(&p, r));
}

static json_t *print_stable(struct dbx_pr *p, const struct dbx_ncc *n)
{
	json_t *o = dbx_pr_object(p, n->extra_stable), *list;

	if (!n->n_stable_ips)
		return o;
	list = dbx_pr_array(p);
	for (size_t i = 0; i < n->n_stable_ips; i++)
		dbx_pr_push(p, list, dbx_pr_prefix(p, &n->stable_ips[i]));
	dbx_pr_set(p, o, "cidr_blocks", list);
	return o;
}

static json_t *print_service(struct dbx_pr *p, const struct dbx_ncc *n)
{
	json_t *o = dbx_pr_object(p, n->extra_service);

	dbx_pr_texts(p, o, "subnets", n->subnets, n->n_subnets);
	dbx_pr_text(p, o, "target_region", n->target_region);
	dbx_pr_texts(p, o, "target_services", n->target_services, n->n_target_services);
	return o;
}

/* Rules of one cloud; NULL when there are none. Google's have no place in the parent object. */
static json_t *print_rules(struct dbx_pr *p, const struct dbx_model *m, const struct dbx_ncc *n,
			   bool aws)
{
	json_t *list = NULL;

	for (size_t i = 0; i < m->n_pe_rules; i++) {
		const struct dbx_pe_rule *r = &m->pe_rules[i];
		bool is_aws = r->flavour == DBX_PE_AWS_S3 || r->flavour == DBX_PE_AWS_SERVICE;

		if (r->flavour == DBX_PE_GCP || is_aws != aws || strcmp(r->ncc_id, n->id))
			continue;
		if (!list)
			list = dbx_pr_array(p);
		dbx_pr_push(p, list, dbx_pr_rule(p, r));
	}
	return list;
}

static json_t *print_egress(struct dbx_pr *p, const struct dbx_model *m, const struct dbx_ncc *n)
{
	bool stable = n->n_stable_ips || n->extra_stable;
	json_t *o = dbx_pr_object(p, n->extra_egress), *rules;
	json_t *azure = print_rules(p, m, n, false), *aws = print_rules(p, m, n, true);

	if (stable || n->has_service_endpoint || n->extra_default) {
		rules = dbx_pr_object(p, n->extra_default);
		if (stable)
			dbx_pr_set(p, rules, "aws_stable_ip_rule", print_stable(p, n));
		if (n->has_service_endpoint)
			dbx_pr_set(p, rules, "azure_service_endpoint_rule", print_service(p, n));
		dbx_pr_set(p, o, "default_rules", rules);
	}
	if (azure || aws || n->extra_target) {
		rules = dbx_pr_object(p, n->extra_target);
		if (azure)
			dbx_pr_set(p, rules, "azure_private_endpoint_rules", azure);
		if (aws)
			dbx_pr_set(p, rules, "aws_private_endpoint_rules", aws);
		dbx_pr_set(p, o, "target_rules", rules);
	}
	return o;
}

char *dbx_print_ncc(const struct dbx_model *m, const struct dbx_ncc *n)
{
	struct dbx_pr p = {0};
	json_t *o = dbx_pr_object(&p, n->extra), *egress = print_egress(&p, m, n);

	dbx_pr_text(&p, o, "network_connectivity_config_id", n->id);
	dbx_pr_text(&p, o, "name", n->name);
	dbx_pr_text(&p, o, "region", n->region);
	dbx_pr_text(&p, o, "account_id", n->account_id);
	dbx_pr_time(&p, o, "creation_time", n->creation_time_ms);
	dbx_pr_time(&p, o, "updated_time", n->updated_time_ms);
	if (json_object_size(egress))
		dbx_pr_set(&p, o, "egress_config", egress);
	else
		json_decref(egress);
	return dbx_pr_finish(&p, o);
}
