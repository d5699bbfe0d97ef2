// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_steps.c -- the decision order told for one address, up to the step that decided.
 *
 * Which step that is follows from the reason of the classifier; what it looked at is searched in
 * the model again, so that each step can name the entry and the place where it is written.
 */
#include "policy/explain_feed.h"
#include "policy/explain_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum decided { NOT_YET, HERE };

const char *dbx_explain_result(const struct dbx_explain_ctx *c)
{
	if (c->out->verdict == DBX_VERDICT_PASS)
		return "allow";
	return c->out->verdict == DBX_VERDICT_DRY_RUN ? "dry-run" : "deny";
}

/* Of an entry that contains the address, where a name may still be refused. */
static const char *passes(const struct dbx_explain_ctx *c)
{
	return c->names_decide ? "continue" : "allow";
}

static bool is_reason(const struct dbx_explain_ctx *c, enum dbx_reason reason)
{
	return c->out->reason == reason;
}

bool dbx_explain_source_step(struct dbx_explain_ctx *c)
{
	const struct dbx_source *s = c->source;
	char addr[DBX_ADDR_STRLEN], prefix[DBX_PREFIX_STRLEN];

	dbx_addr_format(&c->t.src, addr);
	if (dbx_eval_is_gateway(c->m, &c->t.src)) {
		dbx_explain_say(c, "source", "deny", NULL,
				"%s is the gateway's own address, which no workload sends from",
				addr);
		return false;
	}
	if (!s) {
		dbx_explain_say(c, "source", "deny", &c->ws->where,
				"%s is in no source prefix of workspace %" PRId64, addr, c->ws->id);
		return false;
	}
	dbx_explain_say(c, "source", "match", &s->where,
			"%s is in %s of workspace %" PRId64 "%s%s%s, product %s", addr,
			dbx_prefix_format(&s->prefix, prefix), c->ws->id, c->ws->name ? " (" : "",
			c->ws->name ? c->ws->name : "", c->ws->name ? ")" : "",
			dbx_product_name(dbx_eval_product(c->ws, s)));
	return true;
}

static enum decided tell_source(struct dbx_explain_ctx *c)
{
	return dbx_explain_source_step(c) ? NOT_YET : HERE;
}

static enum decided tell_special(struct dbx_explain_ctx *c)
{
	enum dbx_reason reason = dbx_eval_special(&c->t.dst);

	if (reason == DBX_REASON_MAX)
		return NOT_YET;
	dbx_explain_say(c, "isolation", "deny", NULL, "%s; no policy opens it",
			dbx_reason_text(reason));
	return HERE;
}

static enum decided tell_gateway(struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	char proto[DBX_PROTO_STRLEN];
	size_t i, k;

	for (i = 0; i < g->n_addresses; i++) {
		if (!dbx_eval_in_prefix(&g->addresses[i].prefix, &c->t.dst))
			continue;
		dbx_explain_proto(c->t.proto, c->t.dport, proto);
		for (k = 0; k < g->n_services; k++) {
			const struct dbx_service *s = &g->services[k];

			if (!dbx_eval_ports_match(s->proto, s->ports, s->n_ports, c->t.proto,
						  c->t.dport))
				continue;
			dbx_explain_say(c, "isolation", "allow", &s->where,
					"the gateway's own address, which offers %s to workloads",
					proto);
			return HERE;
		}
		dbx_explain_say(c, "isolation", dbx_explain_result(c), &g->addresses[i].where,
				"the gateway's own address; no gateway_services entry offers %s",
				proto);
		return HERE;
	}
	return NOT_YET;
}

static void tell_cluster(struct dbx_explain_ctx *c)
{
	const struct dbx_workspace *ws;
	const struct dbx_source *to = dbx_eval_binding(c->m, c->t.domain, &c->t.dst, &ws);
	const char *from = c->source->cluster ? c->source->cluster : "(none)", *other = "(none)";

	if (to && to->cluster)
		other = to->cluster;
	dbx_explain_say(c, "isolation", "deny", to ? &to->where : &c->ws->where,
			"the destination is in workspace %" PRId64
			" itself, but in %s%s, and the source in cluster %s; separate_clusters "
			"keeps them apart",
			c->ws->id, to ? "cluster " : "one or several others on other links",
			to ? other : "", from);
}

static enum decided tell_workspace(struct dbx_explain_ctx *c)
{
	const struct dbx_workspace *owner = NULL;

	if (!dbx_eval_owner(c->m, c->t.domain, &c->t.dst, &owner)) {
		dbx_explain_say(c, "isolation", "continue", NULL,
				"neither a reserved address, nor the gateway's, nor a workspace's");
		return NOT_YET;
	}
	if (!owner) {
		dbx_explain_say(
			c, "isolation", "deny", NULL,
			"several workspaces use this address on other links, none on this one");
		return HERE;
	}
	if (is_reason(c, DBX_REASON_WORKSPACE_ISOLATION)) {
		dbx_explain_say(c, "isolation", "deny", &owner->where,
				"the destination is in workspace %" PRId64
				", which the policy does not list",
				owner->id);
		return HERE;
	}
	if (is_reason(c, DBX_REASON_CLUSTER_ISOLATION)) {
		tell_cluster(c);
		return HERE;
	}
	dbx_explain_say(c, "isolation", "match", &owner->where,
			owner == c->ws ? "the destination is in workspace %" PRId64 " itself"
				       : "the destination is in workspace %" PRId64
					 ", which the policy lists",
			owner->id);
	return NOT_YET;
}

static const struct dbx_where *find_blocked(const struct dbx_explain_ctx *c, const char **what)
{
	const struct dbx_gateway *g = &c->m->gateway;
	size_t i;

	for (i = 0; c->policy && i < c->policy->n_blocked; i++) {
		const struct dbx_internet_dest *d = &c->policy->blocked[i];

		*what = d->destination;
		if (d->type == DBX_DEST_IP_RANGE && dbx_eval_in_prefix(&d->prefix, &c->t.dst))
			return &d->where;
	}
	for (i = 0; i < g->n_blocked; i++) {
		const struct dbx_dest_set *s = &g->blocked[i];

		*what = s->label;
		if (dbx_eval_set_applies(s, c->policy) &&
		    dbx_eval_ports_match(s->proto, s->ports, s->n_ports, c->t.proto, c->t.dport) &&
		    dbx_eval_in_set(c->m, s, &c->t.dst) != DBX_EVAL_HIT_NONE)
			return &s->where;
	}
	return NULL;
}

static const struct dbx_where *listed_workspace(const struct dbx_explain_ctx *c)
{
	const struct dbx_workspace *owner = NULL;
	size_t i;

	dbx_eval_owner(c->m, c->t.domain, &c->t.dst, &owner);
	for (i = 0; owner && owner != c->ws && c->policy && i < c->policy->n_workspaces; i++) {
		if (c->policy->workspaces[i].workspace_id == owner->id)
			return &c->policy->workspaces[i].where;
	}
	return NULL;
}

static enum decided tell_blocked(struct dbx_explain_ctx *c)
{
	const char *what = "";
	const struct dbx_where *where = find_blocked(c, &what);

	if (where) {
		dbx_explain_say(c, "blocked", "deny", where,
				"blocked by %s; blocks win in every mode, dry-run or not", what);
		return HERE;
	}
	dbx_explain_say(c, "blocked", "no match", NULL, "no blocked destination contains it");
	if (!is_reason(c, DBX_REASON_SAME_WORKSPACE) && !is_reason(c, DBX_REASON_LISTED_WORKSPACE))
		return NOT_YET;
	dbx_explain_say(c, "listed", "allow", listed_workspace(c), "%s",
			dbx_reason_text(c->out->reason));
	return HERE;
}

void dbx_explain_policy_step(struct dbx_explain_ctx *c, const char *full_access)
{
	const struct dbx_policy *p = c->policy;

	if (!p) {
		dbx_explain_say(
			c, "mode", "deny", NULL,
			"the workspace has no network policy, and there is no default-policy");
		return;
	}
	dbx_explain_say(c, "mode",
			p->mode == DBX_MODE_FULL_ACCESS   ? full_access
			: p->mode == DBX_MODE_UNSPECIFIED ? "deny"
							  : "continue",
			&p->where, "policy %s is %s, %s", p->id, dbx_mode_name(p->mode),
			p->enforcement == DBX_DRY_RUN ? "in dry-run" : "enforced");
}

static enum decided tell_mode(struct dbx_explain_ctx *c)
{
	const struct dbx_pe_rule *rule;
	bool is_own, is_full = c->policy && c->policy->mode == DBX_MODE_FULL_ACCESS;

	if (is_full && dbx_eval_endpoint(c->m, c->ncc, &c->t.dst, &rule, &is_own)) {
		dbx_explain_policy_step(c, "continue"); /* the private endpoint decides first */
		return NOT_YET;
	}
	dbx_explain_policy_step(c, passes(c));
	return c->policy && c->policy->mode == DBX_MODE_RESTRICTED_ACCESS ? NOT_YET : HERE;
}

static enum decided tell_endpoint(struct dbx_explain_ctx *c)
{
	bool is_own = false;
	const struct dbx_pe_rule *r = NULL;
	struct dbx_strbuf state;

	if (!dbx_eval_endpoint(c->m, c->ncc, &c->t.dst, &r, &is_own)) {
		dbx_explain_say(c, "private-endpoint", "no match", NULL,
				"not the address of a private endpoint");
		return NOT_YET;
	}
	c->pe = r;
	dbx_strbuf_init(&state);
	if (r)
		dbx_explain_pe_state(c, r, &state);
	dbx_explain_say(c, "private-endpoint", c->names_decide ? "continue" : dbx_explain_result(c),
			r ? &r->where : NULL, "the address of private endpoint rule %s (%s)%s: %s",
			r ? r->rule_id : "?", r && !state.err ? state.s : "?",
			is_own ? "" : " of another NCC than the workspace's",
			dbx_reason_text(c->out->reason));
	c->err = state.err ? state.err : c->err;
	dbx_strbuf_fini(&state);
	return HERE;
}

struct finding {
	const struct dbx_dest_set *hit, *near;
};

static struct finding find_set(const struct dbx_explain_ctx *c, const struct dbx_dest_set *v,
			       size_t n)
{
	struct finding f = {0};
	size_t i;

	for (i = 0; i < n && !f.hit; i++) {
		enum dbx_eval_hit in = DBX_EVAL_HIT_NONE;

		if (dbx_eval_set_applies(&v[i], c->policy))
			in = dbx_eval_in_set(c->m, &v[i], &c->t.dst);
		if (in == DBX_EVAL_HIT_NONE)
			continue;
		if (dbx_eval_ports_match(v[i].proto, v[i].ports, v[i].n_ports, c->t.proto,
					 c->t.dport))
			f.hit = &v[i];
		else if (!f.near)
			f.near = &v[i];
	}
	return f;
}

/* What of a set contains the address: "prefix 203.0.113.0/24", or the range of a service tag. */
static const char *by_what(const struct dbx_explain_ctx *c, const struct dbx_dest_set *s,
			   char buf[DBX_FEED_STRLEN])
{
	char prefix[DBX_PREFIX_STRLEN];
	size_t i;

	buf[0] = '\0';
	for (i = 0; i < s->n_prefixes; i++) {
		if (!dbx_eval_in_prefix(&s->prefixes[i].prefix, &c->t.dst))
			continue;
		snprintf(buf, DBX_FEED_STRLEN, "prefix %s",
			 dbx_prefix_format(&s->prefixes[i].prefix, prefix));
		return buf;
	}
	for (i = 0; i < s->n_tags && !buf[0]; i++)
		dbx_explain_feed(c->m, &s->tags[i], &c->t.dst, buf);
	return buf;
}

/* True when a set of this list allows the packet. */
static bool tell_sets(struct dbx_explain_ctx *c, const char *step, const char *list,
		      const struct dbx_dest_set *v, size_t n)
{
	struct finding f = find_set(c, v, n);
	char proto[DBX_PROTO_STRLEN], by[DBX_FEED_STRLEN];

	dbx_explain_proto(c->t.proto, c->t.dport, proto);
	if (f.hit)
		dbx_explain_say(c, step, passes(c), &f.hit->where,
				"%s \"%s\" contains it, by %s, for %s", list, f.hit->label,
				by_what(c, f.hit, by), proto);
	else if (f.near)
		dbx_explain_say(c, step, "no match", &f.near->where,
				"%s \"%s\" contains it, by %s, but not for %s", list, f.near->label,
				by_what(c, f.near, by), proto);
	return f.hit != NULL;
}

static enum decided tell_implicit(struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	size_t before = c->steps.n;

	if (tell_sets(c, "implicit", "platform_sets", g->platform, g->n_platform) ||
	    tell_sets(c, "implicit", "workspace_storage", g->storage, g->n_storage))
		return HERE;
	if (c->steps.n == before)
		dbx_explain_say(c, "implicit", "no match", NULL,
				"in no platform set and no workspace storage");
	return NOT_YET;
}

static enum decided tell_listed(struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	size_t i, before = c->steps.n;

	for (i = 0; i < c->policy->n_allowed; i++) {
		const struct dbx_internet_dest *d = &c->policy->allowed[i];

		if (d->type != DBX_DEST_IP_RANGE || !dbx_eval_in_prefix(&d->prefix, &c->t.dst))
			continue;
		dbx_explain_say(c, "listed", passes(c), &d->where, "the policy allows %s",
				d->destination);
		return HERE;
	}
	if (tell_sets(c, "listed", "allowed_destinations", g->allowed, g->n_allowed))
		return HERE;
	if (c->steps.n == before)
		dbx_explain_say(c, "listed", "no match", NULL,
				"no listed address range or service tag contains it");
	return NOT_YET;
}

static enum decided tell_default(struct dbx_explain_ctx *c)
{
	const char *why =
		!is_reason(c, DBX_REASON_NAME_NOT_LEARNED) ? ""
		: c->names_decide                          ? "; what was learned is looked at next"
		: !c->m->gateway.dns.has
			? "; the gateway document has no dns object, so none ever is"
			: "; addresses are learned from the answers of the gateway's resolver";

	dbx_explain_say(c, "default", c->names_decide ? "continue" : dbx_explain_result(c),
			&c->policy->where, "%s%s%s", dbx_reason_text(c->out->reason), why,
			c->out->verdict == DBX_VERDICT_DRY_RUN && !c->names_decide
				? "; it leaves, because the policy is in dry-run for this product"
				: "");
	return HERE;
}

void dbx_explain_addr_steps(struct dbx_explain_ctx *c)
{
	static enum decided (*const steps[])(struct dbx_explain_ctx *) = {
		tell_source, tell_special,  tell_gateway,  tell_workspace, tell_blocked,
		tell_mode,   tell_endpoint, tell_implicit, tell_listed,    tell_default,
	};
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i](c) == HERE)
			break;
	}
}
