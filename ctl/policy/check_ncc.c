// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_ncc.c -- network connectivity configurations: rules that are not effective and why, rules
 * that no packet or no name leads to, and the vendor's limits.
 */
#include "policy/check_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/hash.h"

#define DAY_MS                     (24 * 3600 * INT64_C(1000))
#define APPROVAL_DAYS              14 /* unapproved rules expire after that (egress-model 2.4) */
#define MAX_AWS_DOMAIN_NAMES       10
#define MAX_WORKSPACES_PER_NCC     50
#define MAX_NCCS_PER_REGION        10
#define MAX_AWS_RULES_PER_REGION   30
#define MAX_AZURE_RULES_PER_REGION 100

static const char *why_not_effective(const struct dbx_pe_rule *r)
{
	if (r->deactivated)
		return "it is deactivated, and will be removed";
	switch (r->state) {
	case DBX_PE_CREATING:
		return "it is being provisioned; PENDING comes next";
	case DBX_PE_CREATE_FAILED:
		return "its provisioning failed; delete it and create it again";
	case DBX_PE_INIT:
	case DBX_PE_PENDING:
		return "the owner of the resource has not approved it yet";
	case DBX_PE_REJECTED:
		return "the owner of the resource refused it";
	case DBX_PE_DISCONNECTED:
		return "the owner of the resource removed the connection; delete the rule";
	case DBX_PE_EXPIRED:
		return "it was not approved within 14 days; delete it and create it again";
	case DBX_PE_ESTABLISHED:
		return "an S3 rule needs enabled = true, which can be set now that it is ESTABLISHED";
	default:
		return "the document does not say its connection_state; ESTABLISHED is effective";
	}
}

/* " (9 days left)" of a rule that waits for its approval, or "". */
static void days_left(const struct dbx_check_ctx *c, const struct dbx_pe_rule *r, char *out,
		      size_t n)
{
	int64_t left;

	out[0] = '\0';
	if ((r->state != DBX_PE_PENDING && r->state != DBX_PE_INIT) || r->deactivated ||
	    c->now_ms <= 0 || r->creation_time_ms <= 0)
		return;
	left = APPROVAL_DAYS - (c->now_ms - r->creation_time_ms) / DAY_MS;
	if (left > 0)
		snprintf(out, n, "; %" PRId64 " of %d days left", left, APPROVAL_DAYS);
	else
		snprintf(out, n, "; its %d days are over", APPROVAL_DAYS);
}

static int count_name(void *arg, const char *name)
{
	(void)name;
	++*(size_t *)arg;
	return 0;
}

static void check_effective_rule(struct dbx_check_ctx *c, const struct dbx_ncc *ncc,
				 const struct dbx_pe_rule *r, const struct dbx_strmap *addressed)
{
	size_t n_names = 0;

	dbx_pe_rule_names(r, ncc ? ncc->region : NULL, count_name, &n_names);
	if (n_names == 0)
		DBX_SAY(c, DBX_SEV_INFO, "rule-without-names", &r->where,
			"private endpoint rule %s: no host name follows from its resource, so no "
			"policy entry can open it; give it domain_names",
			r->rule_id);
	if (c->m->has_gateway && !dbx_strmap_get(addressed, r->rule_id, NULL))
		DBX_SAY(c, DBX_SEV_ERROR, "rule-without-address", &r->where,
			"private endpoint rule %s is effective, but the gateway document has no "
			"private address for it, so its names would lead nowhere; write {\"rule_id\": "
			"\"%s\", \"addresses\": [...]} into its \"private_endpoints\"",
			r->rule_id, r->rule_id);
}

static void check_rule(struct dbx_check_ctx *c, const struct dbx_pe_rule *r,
		       const struct dbx_strmap *addressed)
{
	const struct dbx_ncc *ncc = r->ncc_id ? dbx_model_ncc(c->m, r->ncc_id) : NULL;
	char left[64];

	if (r->flavour == DBX_PE_AWS_SERVICE && r->n_domain_names > MAX_AWS_DOMAIN_NAMES)
		DBX_SAY(c, DBX_SEV_WARNING, "vendor-limit", &r->where,
			"private endpoint rule %s has %zu domain names; the vendor's service takes at "
			"most %d",
			r->rule_id, r->n_domain_names, MAX_AWS_DOMAIN_NAMES);
	if (dbx_pe_rule_is_effective(r)) {
		check_effective_rule(c, ncc, r, addressed);
		return;
	}
	days_left(c, r, left, sizeof(left));
	DBX_SAY(c, DBX_SEV_WARNING, "rule-not-effective", &r->where,
		"private endpoint rule %s (%s) is not effective: %s%s%s%s; its addresses are denied",
		r->rule_id, r->state_text ? r->state_text : dbx_pe_state_name(r->state),
		why_not_effective(r), left, r->error_message && r->error_message[0] ? ": " : "",
		r->error_message ? r->error_message : "");
}

/* One more of something; says so once, when the limit is passed. */
static int count(struct dbx_check_ctx *c, struct dbx_strmap *map, const char *key,
		 const struct dbx_where *where, const char *what, uint64_t max)
{
	uint64_t n = 0;

	dbx_strmap_get(map, key, &n);
	if (n == max)
		DBX_SAY(c, DBX_SEV_WARNING, "vendor-limit", where,
			"more than %" PRIu64 " %s; the vendor's service takes no more", max, what);
	return dbx_strmap_set(map, key, n + 1);
}

static int check_ncc_limits(struct dbx_check_ctx *c)
{
	struct dbx_strmap per_region, per_ncc;
	char what[256];
	size_t i;
	int rc = 0;

	dbx_strmap_init(&per_region);
	dbx_strmap_init(&per_ncc);
	for (i = 0; !rc && i < c->m->n_nccs; i++) {
		const struct dbx_ncc *n = &c->m->nccs[i];
		const char *region = n->region ? n->region : "";

		snprintf(what, sizeof(what), "NCCs in region %s", region);
		rc = count(c, &per_region, region, &n->where, what, MAX_NCCS_PER_REGION);
	}
	for (i = 0; !rc && i < c->m->n_bindings; i++) {
		const struct dbx_ncc_binding *b = &c->m->bindings[i];

		snprintf(what, sizeof(what), "workspaces bound to NCC %s", b->ncc_id);
		rc = count(c, &per_ncc, b->ncc_id, &b->where, what, MAX_WORKSPACES_PER_NCC);
	}
	dbx_strmap_fini(&per_region);
	dbx_strmap_fini(&per_ncc);
	return rc;
}

static int check_rule_limits(struct dbx_check_ctx *c)
{
	struct dbx_strmap per_region;
	char what[256], key[256];
	size_t i;
	int rc = 0;

	dbx_strmap_init(&per_region);
	for (i = 0; !rc && i < c->m->n_pe_rules; i++) {
		const struct dbx_pe_rule *r = &c->m->pe_rules[i];
		const struct dbx_ncc *n = r->ncc_id ? dbx_model_ncc(c->m, r->ncc_id) : NULL;
		bool aws = r->flavour == DBX_PE_AWS_S3 || r->flavour == DBX_PE_AWS_SERVICE;

		if (!n || !n->region || r->flavour == DBX_PE_GCP)
			continue;
		snprintf(key, sizeof(key), "%s/%s", aws ? "aws" : "azure", n->region);
		snprintf(what, sizeof(what), "private endpoint rules in region %s", n->region);
		rc = count(c, &per_region, key, &r->where, what,
			   aws ? MAX_AWS_RULES_PER_REGION : MAX_AZURE_RULES_PER_REGION);
	}
	dbx_strmap_fini(&per_region);
	return rc;
}

static int check_rules(struct dbx_check_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	struct dbx_strmap addressed;
	size_t i;
	int rc = 0;

	dbx_strmap_init(&addressed);
	for (i = 0; !rc && i < g->n_private_endpoints; i++) {
		if (g->private_endpoints[i].n_addrs)
			rc = dbx_strmap_set(&addressed, g->private_endpoints[i].rule_id, i);
	}
	for (i = 0; !rc && i < c->m->n_pe_rules; i++)
		check_rule(c, &c->m->pe_rules[i], &addressed);
	dbx_strmap_fini(&addressed);
	return rc;
}

static void check_service_endpoint(struct dbx_check_ctx *c, const struct dbx_ncc *n)
{
	size_t i, k;

	if (!n->has_service_endpoint || !n->target_region)
		return;
	for (i = 0; i < c->m->n_feeds; i++) {
		const struct dbx_feed *f = &c->m->feeds[i];

		for (k = 0; f->kind == DBX_DOC_AZURE_TAGS && k < f->n_tags; k++) {
			if (strncasecmp(f->tags[k].name, "Storage.", 8) == 0 &&
			    strcasecmp(f->tags[k].region, n->target_region) == 0)
				return;
		}
	}
	DBX_SAY(c, DBX_SEV_INFO, "no-service-endpoint", &n->where,
		"NCC %s has a service endpoint rule for %s, but no loaded Azure file has a "
		"Storage tag of that region: storage leaves by NAT",
		n->id, n->target_region);
}

int dbx_check_nccs(struct dbx_check_ctx *c)
{
	size_t i;
	int rc = check_rules(c);

	for (i = 0; i < c->m->n_nccs; i++)
		check_service_endpoint(c, &c->m->nccs[i]);
	if (!rc)
		rc = check_ncc_limits(c);
	return rc ? rc : check_rule_limits(c);
}
