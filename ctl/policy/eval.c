// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * eval.c -- the slow, independent judge: the decision order, step by step, over the model.
 *
 * Each step either decides (returns true with the result filled) or leaves it to the next one. The
 * steps and their order are those of ARCHITECTURE.md, "Decision order"; nothing of the image, the
 * compiler or the classifier is used here.
 */
#include "policy/eval_impl.h"

#include <string.h>

#define ARRAY_LEN(a)     (sizeof(a) / sizeof((a)[0]))
#define IPPROTO_ICMP6    58
#define ND_SOLICITATION  135
#define ND_ADVERTISEMENT 136

struct judgement {
	const struct dbx_model *m;
	const struct dbx_eval_tuple *t;
	const struct dbx_workspace *ws;
	const struct dbx_source *source;
	const struct dbx_policy *policy; /* NULL = none */
	const struct dbx_ncc *ncc;       /* NULL = none */
	struct dbx_eval_result *res;
};

static bool drop(struct judgement *j, enum dbx_reason reason, const struct dbx_where *rule)
{
	j->res->verdict = DBX_VERDICT_DROP;
	j->res->reason = reason;
	j->res->path = DBX_PATH_NONE;
	j->res->rule = rule;
	j->res->mark = 0;
	return true;
}

static bool pass(struct judgement *j, enum dbx_reason reason, enum dbx_path path,
		 const struct dbx_where *rule)
{
	j->res->verdict = DBX_VERDICT_PASS;
	j->res->reason = reason;
	j->res->path = path;
	j->res->rule = rule;
	j->res->mark = dbx_model_route_mark(j->m, dbx_eval_route(j->m, j->ncc, path));
	return true;
}

/* A denial that dry-run turns into a record: the packet leaves the way it would have. */
static bool soft(struct judgement *j, enum dbx_reason reason, enum dbx_path path,
		 const struct dbx_where *rule)
{
	if (!dbx_eval_is_dry_run(j->policy, dbx_eval_product(j->ws, j->source)))
		return drop(j, reason, rule);
	pass(j, reason, path, rule);
	j->res->verdict = DBX_VERDICT_DRY_RUN;
	return true;
}

static bool step_source(struct judgement *j)
{
	const struct dbx_eval_tuple *t = j->t;
	const char *id;

	j->source = dbx_eval_binding(j->m, t->domain, &t->src, &j->ws);
	if (!j->source)
		return drop(j, DBX_REASON_UNKNOWN_SOURCE, NULL);
	j->policy = dbx_model_policy_of(j->m, j->ws->id, &id);
	j->ncc = dbx_model_ncc_of(j->m, j->ws->id);
	j->res->workspace_id = j->ws->id;
	j->res->policy_id = j->policy ? j->policy->id : NULL;
	if (t->interface && j->source->interface && strcmp(t->interface, j->source->interface) != 0)
		return drop(j, DBX_REASON_SPOOFED_SOURCE, NULL);
	if (t->has_mac && j->source->has_mac && memcmp(t->mac, j->source->mac, 6) != 0)
		return drop(j, DBX_REASON_SPOOFED_SOURCE, NULL);
	return false;
}

static bool step_special(struct judgement *j)
{
	enum dbx_reason reason = dbx_eval_special(&j->t->dst);

	return reason != DBX_REASON_MAX && drop(j, reason, NULL);
}

static bool step_gateway(struct judgement *j)
{
	const struct dbx_gateway *g = &j->m->gateway;
	const struct dbx_eval_tuple *t = j->t;
	size_t i;

	if (!dbx_eval_is_gateway(j->m, &t->dst))
		return false;
	for (i = 0; i < g->n_services; i++) {
		const struct dbx_service *s = &g->services[i];

		if (dbx_eval_ports_match(s->proto, s->ports, s->n_ports, t->proto, t->dport))
			return pass(j, DBX_REASON_GATEWAY_SERVICE, DBX_PATH_LOCAL, &s->where);
	}
	if (t->proto == IPPROTO_ICMP6 &&
	    (t->dport >> 8 == ND_SOLICITATION || t->dport >> 8 == ND_ADVERTISEMENT))
		return pass(j, DBX_REASON_NEIGHBOUR_DISCOVERY, DBX_PATH_LOCAL, NULL);
	return drop(j, DBX_REASON_GATEWAY_ADDRESS, NULL);
}

static bool step_blocked(struct judgement *j)
{
	const struct dbx_gateway *g = &j->m->gateway;
	const struct dbx_eval_tuple *t = j->t;
	size_t i;

	for (i = 0; j->policy && i < j->policy->n_blocked; i++) {
		const struct dbx_internet_dest *d = &j->policy->blocked[i];

		if (d->type == DBX_DEST_IP_RANGE && dbx_eval_in_prefix(&d->prefix, &t->dst))
			return drop(j, DBX_REASON_BLOCKED, &d->where);
	}
	for (i = 0; i < g->n_blocked; i++) {
		const struct dbx_dest_set *s = &g->blocked[i];

		if (dbx_eval_set_applies(s, j->policy) &&
		    dbx_eval_ports_match(s->proto, s->ports, s->n_ports, t->proto, t->dport) &&
		    dbx_eval_in_set(j->m, s, &t->dst) != DBX_EVAL_HIT_NONE)
			return drop(j, DBX_REASON_BLOCKED, &s->where);
	}
	return false;
}

static const struct dbx_where *listed_workspace(const struct dbx_policy *p, int64_t id)
{
	size_t i;

	if (!p || p->mode == DBX_MODE_UNSPECIFIED)
		return NULL;
	for (i = 0; i < p->n_workspaces; i++) {
		if (p->workspaces[i].workspace_id == id)
			return &p->workspaces[i].where;
	}
	return NULL;
}

static bool step_cluster(struct judgement *j)
{
	return dbx_eval_other_cluster(j->m, j->ws, j->source, j->t->domain, &j->t->dst) &&
	       drop(j, DBX_REASON_CLUSTER_ISOLATION, NULL);
}

static bool step_isolation(struct judgement *j)
{
	const struct dbx_where *listed;
	const struct dbx_workspace *owner = NULL;

	if (!dbx_eval_owner(j->m, j->t->domain, &j->t->dst, &owner))
		return false;
	if (owner && owner->id == j->ws->id)
		return step_cluster(j) || step_blocked(j) ||
		       pass(j, DBX_REASON_SAME_WORKSPACE, DBX_PATH_LOCAL, NULL);
	listed = owner ? listed_workspace(j->policy, owner->id) : NULL;
	if (listed)
		return step_blocked(j) ||
		       pass(j, DBX_REASON_LISTED_WORKSPACE, DBX_PATH_LOCAL, listed);
	return drop(j, DBX_REASON_WORKSPACE_ISOLATION, NULL);
}

static bool step_policy(struct judgement *j)
{
	if (!j->policy)
		return drop(j, DBX_REASON_NO_POLICY, NULL);
	if (j->policy->mode == DBX_MODE_UNSPECIFIED)
		return drop(j, DBX_REASON_MODE_UNSPECIFIED, &j->policy->where);
	return false;
}

static bool step_private_endpoint(struct judgement *j)
{
	const struct dbx_pe_rule *rule = NULL;
	const struct dbx_where *entry;
	bool is_own = false;

	if (!dbx_eval_endpoint(j->m, j->ncc, &j->t->dst, &rule, &is_own))
		return false;
	if (!is_own)
		return drop(j, DBX_REASON_PRIVATE_ENDPOINT_FOREIGN, rule ? &rule->where : NULL);
	if (!dbx_pe_rule_is_effective(rule))
		return drop(j, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE, &rule->where);
	if (j->policy->mode == DBX_MODE_FULL_ACCESS)
		return pass(j, DBX_REASON_FULL_ACCESS, DBX_PATH_PRIVATE_ENDPOINT,
			    &j->policy->where);
	if (rule->n_domain_names)
		return pass(j, DBX_REASON_PRIVATE_ENDPOINT, DBX_PATH_PRIVATE_ENDPOINT,
			    &rule->where);
	entry = dbx_eval_endpoint_entry(j->m, j->policy, rule, j->ncc->region);
	if (entry)
		return pass(j, DBX_REASON_PRIVATE_ENDPOINT, DBX_PATH_PRIVATE_ENDPOINT, entry);
	return soft(j, DBX_REASON_PRIVATE_ENDPOINT_NAME, DBX_PATH_PRIVATE_ENDPOINT, &rule->where);
}

static bool step_full_access(struct judgement *j)
{
	return j->policy->mode == DBX_MODE_FULL_ACCESS &&
	       pass(j, DBX_REASON_FULL_ACCESS, dbx_eval_path(j->m, j->ws, j->ncc, &j->t->dst),
		    &j->policy->where);
}

/* The first set that contains dst and has its protocol and port; *near: one that has only dst. */
static const struct dbx_dest_set *find_set(const struct judgement *j,
					   const struct dbx_dest_set *sets, size_t n,
					   const struct dbx_where **near, enum dbx_eval_hit *hit)
{
	const struct dbx_eval_tuple *t = j->t;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct dbx_dest_set *s = &sets[i];

		if (!dbx_eval_set_applies(s, j->policy))
			continue;
		*hit = dbx_eval_in_set(j->m, s, &t->dst);
		if (*hit == DBX_EVAL_HIT_NONE)
			continue;
		if (dbx_eval_ports_match(s->proto, s->ports, s->n_ports, t->proto, t->dport))
			return s;
		if (!*near)
			*near = &s->where;
	}
	return NULL;
}

static const struct dbx_where *listed_range(const struct judgement *j)
{
	size_t i;

	for (i = 0; i < j->policy->n_allowed; i++) {
		const struct dbx_internet_dest *d = &j->policy->allowed[i];

		if (d->type == DBX_DEST_IP_RANGE && dbx_eval_in_prefix(&d->prefix, &j->t->dst))
			return &d->where;
	}
	return NULL;
}

static bool step_listed(struct judgement *j)
{
	const struct dbx_gateway *g = &j->m->gateway;
	enum dbx_path path = dbx_eval_path(j->m, j->ws, j->ncc, &j->t->dst);
	const struct dbx_where *near = NULL, *range;
	const struct dbx_dest_set *s;
	enum dbx_eval_hit hit;

	s = find_set(j, g->platform, g->n_platform, &near, &hit);
	if (s)
		return pass(j, DBX_REASON_PLATFORM, path, &s->where);
	s = find_set(j, g->storage, g->n_storage, &near, &hit);
	if (s)
		return pass(j, DBX_REASON_WORKSPACE_STORAGE, path, &s->where);
	range = listed_range(j);
	if (range)
		return pass(j, DBX_REASON_LISTED_PREFIX, path, range);
	s = find_set(j, g->allowed, g->n_allowed, &near, &hit);
	if (s)
		return pass(j,
			    hit == DBX_EVAL_HIT_PREFIX ? DBX_REASON_LISTED_PREFIX
						       : DBX_REASON_LISTED_TAG,
			    path, &s->where);
	if (near)
		return soft(j, DBX_REASON_PORT_NOT_LISTED, path, near);
	if (dbx_eval_has_names(j->m, j->policy))
		return soft(j, DBX_REASON_NAME_NOT_LEARNED, path, NULL);
	return soft(j, DBX_REASON_NO_MATCH, path, &j->policy->where);
}

static bool (*const steps[])(struct judgement *j) = {
	step_source, step_special,          step_gateway,     step_isolation, step_blocked,
	step_policy, step_private_endpoint, step_full_access, step_listed,
};

static void judge(struct judgement *j)
{
	size_t i;

	*j->res = (struct dbx_eval_result){0};
	for (i = 0; i < ARRAY_LEN(steps); i++) {
		if (steps[i](j))
			return;
	}
}

static void judge_port(const struct dbx_model *m, const struct dbx_eval_tuple *t, uint16_t port,
		       struct dbx_eval_result *res)
{
	struct dbx_eval_tuple with_port = *t;
	struct judgement j = {.m = m, .t = &with_port, .res = res};

	with_port.has_ports = true;
	with_port.dport = port;
	judge(&j);
}

/* Does the packet fare the same on this port? */
static bool same_at(const struct dbx_model *m, const struct dbx_eval_tuple *t, uint32_t port,
		    const struct dbx_eval_result *want)
{
	struct dbx_eval_result got;

	if (port > UINT16_MAX)
		return true;
	judge_port(m, t, (uint16_t)port, &got);
	return got.verdict == want->verdict && got.reason == want->reason &&
	       got.path == want->path && got.rule == want->rule;
}

/* An outcome can change only where a range of some entry begins, or just after it ends. */
static bool same_at_ranges(const struct dbx_model *m, const struct dbx_eval_tuple *t,
			   const struct dbx_port_range *ports, size_t n,
			   const struct dbx_eval_result *want)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!same_at(m, t, ports[i].lo, want) || !same_at(m, t, ports[i].hi + 1u, want))
			return false;
	}
	return true;
}

static bool same_at_sets(const struct dbx_model *m, const struct dbx_eval_tuple *t,
			 const struct dbx_dest_set *sets, size_t n,
			 const struct dbx_eval_result *want)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!same_at_ranges(m, t, sets[i].ports, sets[i].n_ports, want))
			return false;
	}
	return true;
}

static bool same_at_every_port(const struct dbx_model *m, const struct dbx_eval_tuple *t,
			       const struct dbx_eval_result *want)
{
	static const struct dbx_port_range nd = {ND_SOLICITATION << 8,
						 ND_ADVERTISEMENT << 8 | 0xff};
	const struct dbx_gateway *g = &m->gateway;
	size_t i;

	for (i = 0; i < g->n_services; i++) {
		if (!same_at_ranges(m, t, g->services[i].ports, g->services[i].n_ports, want))
			return false;
	}
	return same_at_ranges(m, t, &nd, 1, want) &&
	       same_at_sets(m, t, g->platform, g->n_platform, want) &&
	       same_at_sets(m, t, g->storage, g->n_storage, want) &&
	       same_at_sets(m, t, g->allowed, g->n_allowed, want) &&
	       same_at_sets(m, t, g->blocked, g->n_blocked, want);
}

void dbx_eval_tuple(const struct dbx_model *m, const struct dbx_eval_tuple *t,
		    struct dbx_eval_result *res)
{
	judge_port(m, t, t->has_ports ? t->dport : 0, res);
	if (t->has_ports || same_at_every_port(m, t, res))
		return;
	res->verdict = DBX_VERDICT_DROP;
	res->reason = DBX_REASON_FRAGMENT_NO_FIRST;
	res->path = DBX_PATH_NONE;
	res->rule = NULL;
	res->mark = 0;
}
