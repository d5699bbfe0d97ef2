// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_name.c -- which address stands for a DNS name; what is said of one where nothing is learned.
 *
 * A packet carries no name. With a resolver, explain_flow.c tells how it gets to one; without, no
 * address is ever learned, and packets to a name are judged by their address alone: the private one of
 * the name, if it has one, else one that no entry contains.
 */
#include "policy/explain_impl.h"

#include <stdio.h>
#include <string.h>

#define NO_DNS "the gateway document has no dns object, so no name is learned"

struct private_name {
	const struct dbx_pe_rule *rule;
	const char *name;
};

static int is_same_name(void *arg, const char *name)
{
	return dbx_name_match(name, arg) ? 1 : 0;
}

static int is_private_name(void *arg, const char *name)
{
	const struct private_name *p = arg;
	char alias[DBX_NAME_SIZE] = "";

	return dbx_pe_rule_private_name(p->rule, name, alias) && strcmp(alias, p->name) == 0;
}

/* One of the rule's names, or what that is called in the private zone. */
static bool has_name(const struct dbx_explain_ctx *c, const struct dbx_pe_rule *r, char *name)
{
	struct private_name p = {r, name};

	return dbx_pe_rule_names(r, c->ncc->region, is_same_name, name) == 1 ||
	       dbx_pe_rule_names(r, c->ncc->region, is_private_name, &p) == 1;
}

/* As the resolver chooses: a rule for the name itself first, then an effective one. */
const struct dbx_pe_rule *dbx_explain_pe_of(const struct dbx_explain_ctx *c, const char *of)
{
	const struct dbx_pe_rule *found = NULL;
	char name[DBX_NAME_SIZE];
	int rank, best = -1;
	size_t i;

	strcpy(name, of);
	for (i = 0; c->ncc && i < c->m->n_pe_rules; i++) {
		const struct dbx_pe_rule *r = &c->m->pe_rules[i];

		if (!r->ncc_id || strcmp(r->ncc_id, c->ncc->id) != 0 || !has_name(c, r, name))
			continue;
		if (!dbx_pe_rule_is_effective(r) && !dbx_explain_pe_is_required(c, r))
			continue; /* as if it were not there */
		rank = 2 * (dbx_pe_rule_names(r, c->ncc->region, is_same_name, name) == 1) +
		       dbx_pe_rule_is_effective(r);
		if (rank <= best)
			continue;
		best = rank;
		found = r;
	}
	return found;
}

static bool private_address(const struct dbx_explain_ctx *c, struct dbx_addr *out)
{
	const struct dbx_pe_address *pe = dbx_model_pe_address(c->m, c->pe->rule_id);
	size_t k;

	for (k = 0; pe && k < pe->n_addrs; k++) {
		if (pe->addrs[k].is_v6 == c->t.src.is_v6) {
			*out = pe->addrs[k];
			return true;
		}
	}
	return false;
}

/* An address that no entry contains: the i-th candidate, documentation prefixes first. */
static struct dbx_addr candidate(bool is_v6, uint32_t i)
{
	static const uint32_t docs[] = {0xc0000201, 0xc6336401, 0xcb007101}; /* RFC 5737 */
	struct dbx_addr a = {.is_v6 = is_v6, .a = {0x20, 0x01, 0x0d, 0xb8}}; /* RFC 3849 */

	if (!is_v6)
		return dbx_addr_v4(i < 3 ? docs[i] : 0x01000001 + i * 0x00010203);
	a.a[15] = 1;
	if (i) {
		a.a[1] = (uint8_t)(i >> 8);
		a.a[3] = (uint8_t)i;
	}
	return a;
}

static bool is_isolation(enum dbx_reason r)
{
	return (r >= DBX_REASON_MARTIAN && r <= DBX_REASON_LISTED_WORKSPACE) ||
	       r == DBX_REASON_CLUSTER_ISOLATION;
}

/* Isolation comes first: an endpoint's address inside a workspace, say, is never reached as such. */
static bool is_isolated(const struct dbx_explain_ctx *c)
{
	struct dbx_eval_result res;

	dbx_eval_tuple(c->m, &c->t, &res);
	return is_isolation(res.reason);
}

/* Where every address is in some entry: one that is at least nobody's own. */
static struct dbx_addr unlisted_address(struct dbx_explain_ctx *c)
{
	uint32_t i;

	for (i = 0; i < 4096; i++) {
		struct dbx_addr a = candidate(c->t.src.is_v6, i);

		if (dbx_image_class(c->img, &a) == 0)
			return a;
	}
	for (i = 0; i < 256; i++) {
		c->t.dst = candidate(c->t.src.is_v6, i);
		if (!is_isolated(c))
			return c->t.dst;
	}
	return candidate(c->t.src.is_v6, 0);
}

/* What the resolver answers, or has answered; false: an address of this family is not known. */
static bool answered_address(struct dbx_explain_ctx *c)
{
	size_t i;

	for (i = 0; dbx_explain_is_private(c) && i < c->asked.n_addrs; i++) {
		if (c->asked.addrs[i].is_v6 != c->t.src.is_v6)
			continue;
		c->t.dst = c->asked.addrs[i];
		c->pe_is_judged = true;
		return true;
	}
	for (i = 0; !dbx_explain_is_private(c) && i < c->q->n_learned; i++) {
		const struct dbx_explain_learned *l = &c->q->learned[i];

		if (l->is_guard || strcmp(l->name, c->name) != 0 || l->addr.is_v6 != c->t.src.is_v6)
			continue;
		c->at = l;
		c->t.dst = l->addr;
		return true;
	}
	return false;
}

void dbx_explain_name_pick(struct dbx_explain_ctx *c)
{
	c->pe = dbx_explain_pe_of(c, c->name);
	if (c->m->gateway.dns.has) {
		if (!answered_address(c))
			c->t.dst = unlisted_address(c);
		return;
	}
	c->pe_is_judged = c->pe && private_address(c, &c->t.dst) && !is_isolated(c);
	if (!c->pe_is_judged)
		c->t.dst = unlisted_address(c);
}

/* Without a private address no packet tells it: the resolver does. */
void dbx_explain_name_refused(struct dbx_explain_ctx *c, enum dbx_reason reason)
{
	c->pe_refuses = c->pe && !c->pe_is_judged && !dbx_pe_rule_is_effective(c->pe) &&
			(reason == DBX_REASON_FULL_ACCESS || reason == DBX_REASON_NO_MATCH ||
			 reason == DBX_REASON_NAME_NOT_LEARNED);
}

static const struct dbx_where *find_name(const struct dbx_explain_ctx *c,
					 const struct dbx_internet_dest *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (v[i].type == DBX_DEST_DNS_NAME && v[i].name &&
		    dbx_name_match(v[i].name, c->name))
			return &v[i].where;
	}
	return NULL;
}

/* *near: a set has the name, but not for this protocol and port. */
static const struct dbx_dest_set *find_set(const struct dbx_explain_ctx *c,
					   const struct dbx_dest_set *v, size_t n,
					   const struct dbx_dest_set **near)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < v[i].n_names && !dbx_name_match(v[i].names[k].name, c->name); k++)
			;
		if (k == v[i].n_names || !dbx_eval_set_applies(&v[i], c->policy))
			continue;
		if (dbx_eval_ports_match(v[i].proto, v[i].ports, v[i].n_ports, c->t.proto,
					 c->t.dport))
			return &v[i];
		if (!*near)
			*near = &v[i];
	}
	return NULL;
}

static void tell_blocked(struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	const struct dbx_dest_set *set, *near = NULL;
	const struct dbx_where *where = NULL;

	if (c->policy)
		where = find_name(c, c->policy->blocked, c->policy->n_blocked);
	set = where ? NULL : find_set(c, g->blocked, g->n_blocked, &near);
	if (set)
		where = &set->where;
	if (where)
		dbx_explain_say(c, "blocked", "match", where,
				"%s is blocked%s%s; " NO_DNS
				", and packets to it are judged by address alone",
				c->name, set ? " by " : "", set ? set->label : "");
	else
		dbx_explain_say(c, "blocked", "no match", NULL, "no blocked destination names %s",
				c->name);
}

static void tell_endpoint(struct dbx_explain_ctx *c)
{
	char addr[DBX_ADDR_STRLEN];
	struct dbx_strbuf state;

	dbx_strbuf_init(&state);
	if (c->pe)
		dbx_explain_pe_state(c, c->pe, &state);
	if (!c->pe)
		dbx_explain_say(c, "private-endpoint", "no match", NULL,
				"no private endpoint rule of the workspace's NCC has %s", c->name);
	else if (!c->pe_is_judged)
		dbx_explain_say(c, "private-endpoint", c->pe_refuses ? "deny" : "no match",
				&c->pe->where,
				"private endpoint rule %s (%s) has %s, but the gateway document "
				"has no private address for it%s",
				c->pe->rule_id, state.err ? "?" : state.s, c->name,
				c->pe_refuses ? "; the resolver refuses the name until the rule is "
						"effective"
					      : "");
	else
		dbx_explain_say(c, "private-endpoint", dbx_explain_result(c), &c->pe->where,
				"private endpoint rule %s (%s) has %s; judged at its address %s%s",
				c->pe->rule_id, state.err ? "?" : state.s, c->name,
				dbx_addr_format(&c->t.dst, addr),
				dbx_pe_rule_is_effective(c->pe) &&
						dbx_explain_pe_is_required(c, c->pe)
					? "; its public addresses are refused"
					: "");
	c->err = state.err ? state.err : c->err;
	dbx_strbuf_fini(&state);
}

static void tell_implicit(struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	const struct dbx_dest_set *near = NULL;
	const struct dbx_dest_set *set = find_set(c, g->platform, g->n_platform, &near);

	if (!set)
		set = find_set(c, g->storage, g->n_storage, &near);
	if (set) {
		c->by_name = &set->where;
		dbx_explain_say(c, "implicit", "match", &set->where, "%s names %s", set->label,
				c->name);
	} else {
		dbx_explain_say(c, "implicit", "no match", near ? &near->where : NULL,
				near ? "%s names %s, but not for this protocol and port"
				     : "%sno platform set and no workspace storage names %s",
				near ? near->label : "", c->name);
	}
}

static const struct dbx_where *find_storage(struct dbx_explain_ctx *c)
{
	char name[DBX_NAME_SIZE];
	size_t i;

	strcpy(name, c->name);
	for (i = 0; i < c->policy->n_storage; i++) {
		if (dbx_storage_names(&c->policy->storage[i], is_same_name, name) == 1)
			return &c->policy->storage[i].where;
	}
	return NULL;
}

static void tell_listed(struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	const struct dbx_where *where = find_name(c, c->policy->allowed, c->policy->n_allowed);
	const struct dbx_dest_set *set = NULL, *near = NULL;
	const char *what = "the policy allows the name";

	if (!where) {
		where = find_storage(c);
		what = "a storage destination of the policy stands for";
	}
	if (!where) {
		set = find_set(c, g->allowed, g->n_allowed, &near);
		where = set ? &set->where : NULL;
		what = set ? set->label : "";
	}
	if (where && !c->by_name)
		c->by_name = where;
	if (where)
		dbx_explain_say(c, "listed", "match", where, "%s%s %s", what, set ? " names" : "",
				c->name);
	else
		dbx_explain_say(c, "listed", "no match", near ? &near->where : NULL,
				near ? "%s names %s, but not for this protocol and port"
				     : "%sno entry of the policy names %s",
				near ? near->label : "", c->name);
}

static void tell_default(struct dbx_explain_ctx *c)
{
	if (c->by_name)
		dbx_explain_say(
			c, "default", dbx_explain_result(c), c->by_name,
			"%s is allowed by name, but " NO_DNS "; packets to it are judged as %s: %s",
			c->name, dbx_reason_slug(c->out->reason), dbx_reason_text(c->out->reason));
	else
		dbx_explain_say(c, "default", dbx_explain_result(c), &c->policy->where,
				"%s is not allowed by name; packets to it are judged as %s: %s",
				c->name, dbx_reason_slug(c->out->reason),
				dbx_reason_text(c->out->reason));
}

/* No address is free of entries: a workspace or a block has them all. */
static void tell_taken(struct dbx_explain_ctx *c, const char *step)
{
	char addr[DBX_ADDR_STRLEN];

	dbx_explain_say(c, step, dbx_explain_result(c), NULL,
			"a name, judged as any address is, like %s: %s: %s",
			dbx_addr_format(&c->t.dst, addr), dbx_reason_slug(c->out->reason),
			dbx_reason_text(c->out->reason));
}

/* False: it was the last step. */
static bool tell_mode(struct dbx_explain_ctx *c)
{
	bool is_full = c->policy && c->policy->mode == DBX_MODE_FULL_ACCESS;
	bool is_blocked = is_full && c->out->reason == DBX_REASON_BLOCKED;

	dbx_explain_policy_step(c, c->pe_is_judged || c->pe_refuses || is_blocked ? "continue"
										  : "allow");
	if (!is_blocked || c->pe_is_judged)
		return c->policy && c->policy->mode != DBX_MODE_UNSPECIFIED;
	tell_taken(c, "address");
	return false;
}

void dbx_explain_name_steps(struct dbx_explain_ctx *c)
{
	if (!dbx_explain_source_step(c))
		return;
	if (!c->pe_is_judged && !c->pe_refuses && is_isolation(c->out->reason)) {
		tell_taken(c, "isolation");
		return;
	}
	dbx_explain_say(c, "isolation", "continue", NULL,
			"a name: the addresses that it resolves to are judged when packets come");
	tell_blocked(c);
	if (tell_mode(c)) {
		tell_endpoint(c);
		if (c->policy->mode == DBX_MODE_RESTRICTED_ACCESS && !c->pe_is_judged &&
		    !c->pe_refuses) {
			tell_implicit(c);
			tell_listed(c);
			tell_default(c);
		}
	}
}
