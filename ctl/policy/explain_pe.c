// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_pe.c -- private endpoint rules: their state, since when, for how long yet, what to do.
 *
 * Days are counted up to the `now` of the question; without one (0) only dates are said.
 */
#include "policy/explain_impl.h"

#include <inttypes.h>

#include "lib/when.h"

#define DAY_MS      INT64_C(86400000)
#define EXPIRE_DAYS INT64_C(14) /* egress-model 2.4 */

static bool is_waiting(const struct dbx_pe_rule *r)
{
	return r->state == DBX_PE_PENDING || r->state == DBX_PE_INIT || r->state == DBX_PE_CREATING;
}

/* When the 14 days began: of creation, or, once the owner refused, of that. 0: they do not run. */
static int64_t expiry_start(const struct dbx_pe_rule *r)
{
	if (r->deactivated)
		return 0;
	if (is_waiting(r))
		return r->creation_time_ms;
	if (r->state == DBX_PE_REJECTED || r->state == DBX_PE_DISCONNECTED)
		return r->updated_time_ms;
	return 0;
}

static void add_days_left(const struct dbx_explain_ctx *c, const struct dbx_pe_rule *r,
			  struct dbx_strbuf *s)
{
	int64_t start = expiry_start(r), end;
	char text[DBX_TIME_SIZE];

	if (start <= 0 || __builtin_add_overflow(start, EXPIRE_DAYS * DAY_MS, &end) ||
	    !*dbx_time_format(end, DBX_TIME_MINUTE, text))
		return;
	if (c->q->now_ms <= 0)
		dbx_strbuf_addf(s, ", expires %s", text);
	else if (c->q->now_ms >= end)
		dbx_strbuf_addf(s, ", its %" PRId64 " days were over %s", EXPIRE_DAYS, text);
	else /* a day that has begun is one that is left */
		dbx_strbuf_addf(s, ", %" PRId64 " of %" PRId64 " days left, until %s",
				(end - c->q->now_ms + DAY_MS - 1) / DAY_MS, EXPIRE_DAYS, text);
}

void dbx_explain_pe_state(const struct dbx_explain_ctx *c, const struct dbx_pe_rule *r,
			  struct dbx_strbuf *s)
{
	int64_t since = r->updated_time_ms > 0 ? r->updated_time_ms : r->creation_time_ms;
	char text[DBX_TIME_SIZE];

	if (r->deactivated && r->deactivated_at_ms > 0)
		since = r->deactivated_at_ms;
	dbx_strbuf_add(s, r->deactivated ? "deactivated, " : "");
	dbx_strbuf_add(s, dbx_pe_state_name(r->state));
	if (dbx_pe_rule_is_effective(r))
		return;
	if (r->state == DBX_PE_ESTABLISHED && !r->deactivated)
		dbx_strbuf_add(s, " but not enabled");
	if (since > 0 && *dbx_time_format(since, DBX_TIME_MINUTE, text))
		dbx_strbuf_addf(s, " since %s", text);
	add_days_left(c, r, s);
	if (r->error_message && r->error_message[0])
		dbx_strbuf_addf(s, ", \"%s\"", r->error_message);
}

bool dbx_explain_pe_is_required(const struct dbx_explain_ctx *c, const struct dbx_pe_rule *r)
{
	return dbx_pe_address_is_required(dbx_model_pe_address(c->m, r->rule_id));
}

/* What makes the rule effective. */
void dbx_explain_pe_advice(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	const struct dbx_pe_rule *r = c->pe;
	const char *again = "delete private endpoint rule %s, which is %s, and create it again";

	if (!r) {
		dbx_strbuf_add(s, "make the private endpoint rule effective");
		return;
	}
	if (r->deactivated)
		dbx_strbuf_addf(s, "create private endpoint rule %s anew: it is deactivated",
				r->rule_id);
	else if (r->state == DBX_PE_ESTABLISHED)
		dbx_strbuf_addf(s, "set enabled to true in private endpoint rule %s", r->rule_id);
	else if (r->state == DBX_PE_CREATING)
		dbx_strbuf_addf(s,
				"wait until private endpoint rule %s, which is CREATING, is "
				"provisioned, then have the owner of the resource approve it",
				r->rule_id);
	else if (is_waiting(r))
		dbx_strbuf_addf(s,
				"have the owner of the resource approve private endpoint rule %s, "
				"which is %s; only ESTABLISHED is effective",
				r->rule_id, dbx_pe_state_name(r->state));
	else if (r->state == DBX_PE_REJECTED || r->state == DBX_PE_DISCONNECTED) {
		dbx_strbuf_addf(s, again, r->rule_id, dbx_pe_state_name(r->state));
		dbx_strbuf_add(s, ", and have the owner of the resource approve it");
	} else {
		dbx_strbuf_addf(s, again, r->rule_id, dbx_pe_state_name(r->state));
	}
	if (!c->is_name)
		return;
	dbx_strbuf_addf(s,
			"; or, to let workspaces use the public addresses meanwhile, write "
			"\"private_required\": false for rule %s into private_endpoints of the "
			"gateway document",
			r->rule_id);
}
