/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * read_merge.c -- one object per id, in one order: the two forms of a private endpoint rule become
 * one, and everything is sorted by id.
 */
#include "policy/read_resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/model_index.h"

/* ---- rules: the parent's echo and the rule call's answer are one object ---- */

static bool is_echo(const struct dbx_model *m, const struct dbx_pe_rule *r)
{
	return r->where.doc < m->n_docs && m->docs[r->where.doc].kind == DBX_DOC_NCC;
}

static void take_text(char **into, char **from)
{
	if (*into)
		return;
	*into = *from;
	*from = NULL;
}

static void take_list(char ***into, size_t *n_into, char ***from, size_t *n_from)
{
	if (*n_into)
		return;
	*into = *from;
	*n_into = *n_from;
	*from = NULL;
	*n_from = 0;
}

/* What the newer form does not say is taken from the older one, except what may have been unset. */
static void fill_up(struct dbx_pe_rule *into, struct dbx_pe_rule *from)
{
	take_text(&into->resource_id, &from->resource_id);
	take_text(&into->group_id, &from->group_id);
	take_text(&into->endpoint_service, &from->endpoint_service);
	take_text(&into->gcp_endpoint, &from->gcp_endpoint);
	take_text(&into->endpoint_name, &from->endpoint_name);
	take_text(&into->vpc_endpoint_id, &from->vpc_endpoint_id);
	take_text(&into->account_id, &from->account_id);
	take_list(&into->domain_names, &into->n_domain_names, &from->domain_names,
		  &from->n_domain_names);
	take_list(&into->resource_names, &into->n_resource_names, &from->resource_names,
		  &from->n_resource_names);
	take_text(&into->extra, &from->extra);
	if (!into->has_enabled) {
		into->has_enabled = from->has_enabled;
		into->enabled = from->enabled;
	}
	if (!into->has_deactivated) {
		into->has_deactivated = from->has_deactivated;
		into->deactivated = from->deactivated;
	}
	if (!into->state_text) {
		take_text(&into->state_text, &from->state_text);
		into->state = from->state;
	}
	if (!into->creation_time_ms)
		into->creation_time_ms = from->creation_time_ms;
	if (!into->updated_time_ms)
		into->updated_time_ms = from->updated_time_ms;
	if (!into->deactivated_at_ms)
		into->deactivated_at_ms = from->deactivated_at_ms;
}

/* The later update wins; at the same time the rule's own call; else what was read last. */
static bool is_newer(const struct dbx_model *m, const struct dbx_pe_rule *later,
		     const struct dbx_pe_rule *earlier)
{
	if (later->updated_time_ms != earlier->updated_time_ms && later->updated_time_ms &&
	    earlier->updated_time_ms)
		return later->updated_time_ms > earlier->updated_time_ms;
	if (is_echo(m, later) != is_echo(m, earlier))
		return is_echo(m, earlier);
	return true;
}

static void merge_pair(struct dbx_resolver *rs, struct dbx_pe_rule *kept, struct dbx_pe_rule *again)
{
	char q[RD_QUOTE_SIZE], at[2 * RD_QUOTE_SIZE];

	dbx_rd_quote(kept->rule_id, q);
	if (kept->where.doc == again->where.doc) {
		dbx_resolve_tell(
			rs, DBX_SEV_ERROR, &again->where, "/rule_id", "duplicate-id",
			"read private endpoint rule %s: given before in %s; write each one once", q,
			dbx_resolve_place(rs, &kept->where, at));
		return;
	}
	if (kept->ncc_id && again->ncc_id && strcmp(kept->ncc_id, again->ncc_id)) {
		dbx_resolve_tell(rs, DBX_SEV_ERROR, &again->where,
				 "/network_connectivity_config_id", "id-mismatch",
				 "read private endpoint rule %s: it belongs to another NCC in %s",
				 q, dbx_resolve_place(rs, &kept->where, at));
		return;
	}
	if (is_newer(rs->m, again, kept)) {
		struct dbx_pe_rule swap = *kept;

		*kept = *again;
		*again = swap;
	}
	fill_up(kept, again);
}

int dbx_resolve_merge_rules(struct dbx_resolver *rs)
{
	struct dbx_model *m = rs->m;
	struct dbx_strmap seen;
	uint64_t first;
	size_t kept = 0;
	bool again;
	int rc = 0;

	dbx_strmap_init(&seen);
	for (size_t i = 0; i < m->n_pe_rules && !rc; i++) {
		rc = dbx_resolve_see(&seen, m->pe_rules[i].rule_id, kept, &again, &first);
		if (rc)
			break;
		if (again) {
			merge_pair(rs, &m->pe_rules[first], &m->pe_rules[i]);
			dbx_pe_rule_fini(&m->pe_rules[i]);
			memset(&m->pe_rules[i], 0, sizeof(m->pe_rules[i]));
			continue;
		}
		if (kept != i) {
			m->pe_rules[kept] = m->pe_rules[i];
			memset(&m->pe_rules[i], 0, sizeof(m->pe_rules[i]));
		}
		kept++;
	}
	if (!rc)
		m->n_pe_rules = kept;
	dbx_strmap_fini(&seen);
	return rc;
}

/* ---- canonical order ---- */

static int policy_cmp(const void *a, const void *b)
{
	return strcmp(((const struct dbx_policy *)a)->id, ((const struct dbx_policy *)b)->id);
}

static int ncc_cmp(const void *a, const void *b)
{
	return strcmp(((const struct dbx_ncc *)a)->id, ((const struct dbx_ncc *)b)->id);
}

static int rule_cmp(const void *a, const void *b)
{
	return strcmp(((const struct dbx_pe_rule *)a)->rule_id,
		      ((const struct dbx_pe_rule *)b)->rule_id);
}

static int option_cmp(const void *a, const void *b)
{
	int64_t x = ((const struct dbx_ws_option *)a)->workspace_id;
	int64_t y = ((const struct dbx_ws_option *)b)->workspace_id;

	return x < y ? -1 : x > y;
}

static int binding_cmp(const void *a, const void *b)
{
	int64_t x = ((const struct dbx_ncc_binding *)a)->workspace_id;
	int64_t y = ((const struct dbx_ncc_binding *)b)->workspace_id;

	return x < y ? -1 : x > y;
}

static int feed_cmp(const void *a, const void *b)
{
	const struct dbx_feed *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->cloud, y->cloud);
}

#define SORT(v, n, cmp)                                     \
	do {                                                \
		if (n)                                      \
			qsort(v, n, sizeof((v)[0]), (cmp)); \
	} while (0)

/* By id, so that the order in which documents were read changes nothing behind the model. */
void dbx_resolve_sort(struct dbx_model *m)
{
	SORT(m->policies, m->n_policies, policy_cmp);
	SORT(m->nccs, m->n_nccs, ncc_cmp);
	SORT(m->pe_rules, m->n_pe_rules, rule_cmp);
	SORT(m->options, m->n_options, option_cmp);
	SORT(m->bindings, m->n_bindings, binding_cmp);
	SORT(m->feeds, m->n_feeds, feed_cmp);
}
