/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_pe_rule.c -- private endpoint rules of every cloud (egress-model 2.3, 2.4).
 *
 * The rule does not say of which sort it is; the fields that are present do. A state that is not
 * known is kept as text, and makes the rule not effective.
 */
#include "policy/read_ncc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int read_domains(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_pe_rule *rule = dst;

	return dbx_rd_list(r, v, at, 0, dbx_rd_name, &rule->domain_names, &rule->n_domain_names);
}

static int read_resources(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_pe_rule *rule = dst;

	return dbx_rd_list(r, v, at, 0, dbx_rd_string, &rule->resource_names,
			   &rule->n_resource_names);
}

static int read_enabled(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_pe_rule *rule = dst;

	rule->has_enabled = true;
	return dbx_rd_bool(r, v, at, &rule->enabled);
}

static int read_deactivated(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
			    void *dst)
{
	struct dbx_pe_rule *rule = dst;

	rule->has_deactivated = true;
	return dbx_rd_bool(r, v, at, &rule->deactivated);
}

static int read_state(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at, void *dst)
{
	struct dbx_pe_rule *rule = dst;
	char q[RD_QUOTE_SIZE];
	int rc = dbx_rd_string(r, v, at, &rule->state_text);

	if (rc || !rule->state_text)
		return rc;
	for (int s = DBX_PE_CREATING; s <= DBX_PE_EXPIRED; s++) {
		if (!strcmp(rule->state_text, dbx_pe_state_name((enum dbx_pe_state)s))) {
			rule->state = (enum dbx_pe_state)s;
			return 0;
		}
	}
	if (!strstr(rule->state_text, "UNSPECIFIED"))
		dbx_rd_warn(r, at, "unknown-value",
			    "read connection_state %s: not known, so the rule is taken as not "
			    "effective; ESTABLISHED is the only state in which one is",
			    dbx_rd_quote(rule->state_text, q));
	return 0;
}

#define STRING(key, field)                                                 \
	{                                                                  \
		key, 0, offsetof(struct dbx_pe_rule, field), dbx_rd_string \
	}
#define TIME(key, field)                                                  \
	{                                                                 \
		key, 0, offsetof(struct dbx_pe_rule, field), dbx_rd_int64 \
	}

static const struct dbx_rd_field rule_fields[] = {
	{"rule_id", RD_REQUIRED, offsetof(struct dbx_pe_rule, rule_id), dbx_rd_string},
	STRING("network_connectivity_config_id", ncc_id),
	STRING("account_id", account_id),
	STRING("resource_id", resource_id),
	STRING("group_id", group_id),
	STRING("endpoint_service", endpoint_service),
	{"domain_names", 0, 0, read_domains},
	{"resource_names", 0, 0, read_resources},
	{"enabled", 0, 0, read_enabled},
	{"deactivated", 0, 0, read_deactivated},
	{"connection_state", 0, 0, read_state},
	STRING("error_message", error_message),
	STRING("endpoint_name", endpoint_name),
	STRING("vpc_endpoint_id", vpc_endpoint_id),
	TIME("creation_time", creation_time_ms),
	TIME("updated_time", updated_time_ms),
	TIME("deactivated_at", deactivated_at_ms),
	{"gcp_endpoint", 0, offsetof(struct dbx_pe_rule, gcp_endpoint), dbx_rd_raw},
};
static const struct dbx_rd_shape rule_shape =
	RD_SHAPE("a private endpoint rule", rule_fields, RD_UNKNOWN_KEEP);

static bool is_set(const char *s)
{
	return s && s[0];
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

static void settle_flavour(struct dbx_rd *r, const struct dbx_rd_at *at, struct dbx_pe_rule *rule)
{
	bool azure = is_set(rule->resource_id), aws = is_set(rule->endpoint_service),
	     gcp = rule->gcp_endpoint != NULL;

	if (azure + aws + gcp != 1) {
		dbx_rd_error(r, at, "rule-shape",
			     "read a private endpoint rule: %s; accepted is exactly one of "
			     "resource_id (Azure), endpoint_service (AWS) and gcp_endpoint",
			     (azure + aws + gcp) ? "it names several targets"
						 : "it names no target");
		return;
	}
	if (gcp)
		rule->flavour = DBX_PE_GCP;
	else if (azure)
		rule->flavour = is_set(rule->group_id) ? DBX_PE_AZURE_RESOURCE
						       : DBX_PE_AZURE_SERVICE;
	else if (rule->n_resource_names || ends_with(rule->endpoint_service, ".s3"))
		rule->flavour = DBX_PE_AWS_S3;
	else
		rule->flavour = DBX_PE_AWS_SERVICE;
}

static void settle_ncc_id(struct dbx_rd *r, const struct dbx_rd_at *at, struct dbx_pe_rule *rule,
			  const char *ncc_id)
{
	char q1[RD_QUOTE_SIZE], q2[RD_QUOTE_SIZE];

	if (!is_set(rule->ncc_id))
		dbx_rd_error(r, at, "missing-key",
			     "read a private endpoint rule: \"network_connectivity_config_id\" is "
			     "missing; it is required");
	else if (ncc_id && ncc_id[0] && strcmp(rule->ncc_id, ncc_id))
		dbx_rd_error(r, RD_KEY(at, "network_connectivity_config_id"), "id-mismatch",
			     "read a private endpoint rule: it says that it belongs to NCC %s, but "
			     "stands in %s",
			     dbx_rd_quote(rule->ncc_id, q1), dbx_rd_quote(ncc_id, q2));
	if (rule->rule_id && !rule->rule_id[0])
		dbx_rd_error(r, RD_KEY(at, "rule_id"), "bad-id", "read an id: it is empty");
}

static int add_rule(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		    const char *ncc_id)
{
	struct dbx_pe_rule *rule = dbx_rd_append(&r->m->pe_rules, &r->m->n_pe_rules);
	size_t errors = r->n_errors;
	int rc = rule ? dbx_rd_where(r, at, &rule->where) : -ENOMEM;

	if (!rc)
		rc = dbx_rd_object(r, v, at, &rule_shape, rule, &rule->extra);
	if (rc || !json_is_object(v))
		return rc;
	if (!rule->ncc_id && ncc_id) {
		rule->ncc_id = strdup(ncc_id);
		if (!rule->ncc_id)
			return -ENOMEM;
	}
	if (r->n_errors == errors)
		settle_flavour(r, at, rule);
	if (!ncc_id || ncc_id[0])
		settle_ncc_id(r, at, rule, ncc_id);
	return 0;
}

int dbx_rd_pe_rule(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at)
{
	return add_rule(r, v, at, NULL);
}

int dbx_rd_pe_rule_of(struct dbx_rd *r, const json_t *v, const struct dbx_rd_at *at,
		      const char *ncc_id)
{
	return add_rule(r, v, at, ncc_id);
}
