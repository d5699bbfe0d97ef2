/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile_rules.c -- for each profile, from the sets that an address is in to a rule set.
 *
 * The sets that mean nothing to a profile are left out first: what remains (the projection of a
 * class) is decided once, in the order of egress-model 3.3, and shared by all classes that look
 * alike to that profile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_row.h"

bool dbx_compile_lists_policy(const struct dbx_dest_set *s, const struct dbx_policy *p)
{
	if (!s->n_policy_ids)
		return true;
	for (size_t i = 0; p && i < s->n_policy_ids; i++)
		if (!strcmp(s->policy_ids[i], p->id))
			return true;
	return false;
}

static bool applies(const struct dbx_row *r, const struct user *u)
{
	switch (u->stage) {
	case ST_BLOCKED_POLICY:
	case ST_ALLOWED_POLICY:
		return u->policy == r->policy_index;
	case ST_BLOCKED_GATEWAY:
	case ST_ALLOWED_GATEWAY:
		return dbx_compile_lists_policy(u->dest, r->policy);
	case ST_SERVICE_ENDPOINT:
		return u->ncc == r->ncc;
	default:
		return true;
	}
}

/* The policy's own lists come sorted by set with everything else, so one pass finds all. */
static void mark_sets(struct dbx_row *r)
{
	struct compiler *c = r->c;

	r->stamp++;
	for (uint32_t s = DBX_SET_MARTIAN; s <= DBX_SET_WORKSPACE; s++)
		r->mark[s] = r->stamp; /* set numbers 0..5 are those of the built-in kinds */
	dbx_vec_for_each(&c->users, u)
		if (applies(r, u))
			r->mark[u->set] = r->stamp;
}

static void project(struct dbx_row *r, uint32_t class_id, uint32_t *list, size_t *n)
{
	const struct dbx_img_class *k = &r->c->classes.v[class_id];
	const uint32_t *sets = r->c->class_sets.v + k->first;

	*n = 0;
	for (uint32_t i = 0; i < k->n; i++)
		if (r->mark[sets[i]] == r->stamp)
			list[(*n)++] = sets[i];
}

static int cmp_user(const void *x, const void *y)
{
	const struct user *a = *(const struct user *const *)x, *b = *(const struct user *const *)y;

	if (a->stage != b->stage)
		return a->stage < b->stage ? -1 : 1;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->by_tag - b->by_tag;
}

/* Those who speak on the projection, in the order in which they speak, each once. */
static void gather_users(struct dbx_row *r)
{
	struct compiler *c = r->c;
	size_t n = 0;

	r->users.n = 0;
	for (size_t i = 0; i < r->n_list; i++)
		for (uint32_t u = c->users_of[r->list[i]]; u < c->users_of[r->list[i] + 1]; u++)
			if (applies(r, &c->users.v[u]) &&
			    dbx_vec_push(&r->users, (const struct user *)&c->users.v[u]))
				dbx_compile_fail(c, -ENOMEM);
	if (r->users.n)
		qsort(r->users.v, r->users.n, sizeof(*r->users.v), cmp_user);
	for (size_t i = 0; i < r->users.n; i++) {
		const struct user *u = r->users.v[i];
		const struct user *before = n ? r->users.v[n - 1] : NULL;

		/* an entry that has the address by prefix and by tag speaks by prefix */
		if (!before || before->stage != u->stage || before->order != u->order)
			r->users.v[n++] = u;
	}
	r->users.n = n;
}

/* ---- the rest of the order ---- */

static uint32_t user_rule(struct dbx_row *r, const struct user *u)
{
	static const enum dbx_dest_list lists[] = {
		[ST_BLOCKED_GATEWAY] = DBX_LIST_BLOCKED,
		[ST_PLATFORM] = DBX_LIST_PLATFORM,
		[ST_STORAGE] = DBX_LIST_STORAGE,
		[ST_ALLOWED_GATEWAY] = DBX_LIST_ALLOWED,
	};

	if (u->stage == ST_BLOCKED_POLICY || u->stage == ST_ALLOWED_POLICY)
		return dbx_compile_internet_rule(r->c, r->policy, u->internet,
						 u->stage == ST_BLOCKED_POLICY);
	return dbx_compile_dest_rule(r->c, lists[u->stage], u->dest);
}

static enum dbx_reason user_reason(const struct user *u)
{
	switch (u->stage) {
	case ST_PLATFORM:
		return DBX_REASON_PLATFORM;
	case ST_STORAGE:
		return DBX_REASON_WORKSPACE_STORAGE;
	case ST_ALLOWED_POLICY:
	case ST_ALLOWED_GATEWAY:
		return u->by_tag ? DBX_REASON_LISTED_TAG : DBX_REASON_LISTED_PREFIX;
	default:
		return DBX_REASON_BLOCKED;
	}
}

static void add_users(struct dbx_row *r, enum stage from, enum stage to, uint8_t path)
{
	dbx_vec_for_each(&r->users, u)
		if ((*u)->stage >= from && (*u)->stage <= to)
			dbx_outcomes_entry(
				&r->o, (*u)->keys, (*u)->n_keys,
				dbx_outcomes_add(&r->o, user_reason(*u), path, user_rule(r, *u)));
}

static const struct user *first_user(const struct dbx_row *r, enum stage from, enum stage to)
{
	dbx_vec_for_each(&r->users, u)
		if ((*u)->stage >= from && (*u)->stage <= to)
			return *u;
	return NULL;
}

static uint32_t decide_default(struct dbx_row *r, uint8_t path)
{
	const struct user *listed = first_user(r, ST_PLATFORM, ST_ALLOWED_GATEWAY);
	uint32_t outcome;

	r->o.names_may_allow = r->has_names || r->must_look;
	if (listed)
		outcome = dbx_outcomes_add(&r->o, DBX_REASON_PORT_NOT_LISTED, path,
					   user_rule(r, listed));
	else if (r->has_names)
		outcome = dbx_outcomes_add(&r->o, DBX_REASON_NAME_NOT_LEARNED, path, 0);
	else
		outcome = dbx_outcomes_add(&r->o, DBX_REASON_NO_MATCH, path,
					   dbx_compile_policy_rule(r->c, r->policy));
	r->o.names_may_allow = false;
	return outcome;
}

/* What holds where no blocked entry does; entries may be added for the ports that they name. */
static uint32_t decide_open(struct dbx_row *r)
{
	const struct user *pe = first_user(r, ST_PRIVATE_ENDPOINT, ST_PRIVATE_ENDPOINT);
	uint8_t path = DBX_PATH_NAT;

	if (r->is_isolated)
		path = DBX_PATH_FIREWALL;
	else if (first_user(r, ST_SERVICE_ENDPOINT, ST_SERVICE_ENDPOINT))
		path = DBX_PATH_SERVICE_ENDPOINT;
	if (!r->policy)
		return dbx_outcomes_add(&r->o, DBX_REASON_NO_POLICY, path, 0);
	if (r->policy->mode != DBX_MODE_FULL_ACCESS &&
	    r->policy->mode != DBX_MODE_RESTRICTED_ACCESS)
		return dbx_outcomes_add(&r->o, DBX_REASON_MODE_UNSPECIFIED, path,
					dbx_compile_policy_rule(r->c, r->policy));
	if (pe)
		return dbx_compile_pe(r, pe);
	if (r->policy->mode == DBX_MODE_FULL_ACCESS)
		return dbx_outcomes_add(&r->o, DBX_REASON_FULL_ACCESS, path,
					dbx_compile_policy_rule(r->c, r->policy));
	add_users(r, ST_PLATFORM, ST_ALLOWED_GATEWAY, path);
	return decide_default(r, path);
}

static uint32_t decide_gateway(struct dbx_row *r)
{
	static const struct keyrange nd = {58u << 16 | 135u << 8, 58u << 16 | 136u << 8 | 0xff};
	const struct dbx_gateway *g = &r->c->m->gateway;
	const struct keyrange *keys;
	size_t n_keys;

	for (size_t i = 0; i < g->n_services; i++) {
		const struct dbx_service *s = &g->services[i];
		uint32_t rule = dbx_compile_service_rule(r->c, s);

		keys = dbx_compile_keys(r->c, s->proto, s->ports, s->n_ports, &n_keys);
		dbx_outcomes_entry(
			&r->o, keys, n_keys,
			dbx_outcomes_add(&r->o, DBX_REASON_GATEWAY_SERVICE, DBX_PATH_LOCAL, rule));
	}
	dbx_outcomes_entry(
		&r->o, &nd, 1,
		dbx_outcomes_add(&r->o, DBX_REASON_NEIGHBOUR_DISCOVERY, DBX_PATH_LOCAL, 0));
	return dbx_outcomes_add(&r->o, DBX_REASON_GATEWAY_ADDRESS, DBX_PATH_NONE, 0);
}

/* Another rule set says what is blocked; an outcome that passes there means: nothing. */
static uint32_t decide_workspace(struct dbx_row *r)
{
	uint32_t set = 0, pass;

	if (first_user(r, ST_BLOCKED_POLICY, ST_BLOCKED_GATEWAY)) {
		pass = dbx_outcomes_add(&r->o, DBX_REASON_SAME_WORKSPACE, DBX_PATH_LOCAL, 0);
		add_users(r, ST_BLOCKED_POLICY, ST_BLOCKED_GATEWAY, DBX_PATH_NONE);
		set = dbx_outcomes_ruleset(&r->o, pass);
	}
	return dbx_outcomes_workspace(&r->o, set);
}

static bool has_set(const struct dbx_row *r, uint32_t set)
{
	for (size_t i = 0; i < r->n_list && r->list[i] <= set; i++)
		if (r->list[i] == set)
			return true;
	return false;
}

/* The outcome where no entry speaks; entries are added on the way. */
static uint32_t decide(struct dbx_row *r)
{
	static const struct {
		enum dbx_set_kind set;
		enum dbx_reason reason;
	} isolation[] = {
		{DBX_SET_METADATA, DBX_REASON_METADATA},
		{DBX_SET_MARTIAN, DBX_REASON_MARTIAN},
		{DBX_SET_MULTICAST, DBX_REASON_MULTICAST},
		{DBX_SET_LINK_LOCAL, DBX_REASON_LINK_LOCAL},
	};
	bool broadcast = has_set(r, DBX_SET_MULTICAST); /* 255.255.255.255 lies in 240/4 too */

	for (size_t i = 0; i < sizeof(isolation) / sizeof(isolation[0]); i++)
		if (has_set(r, isolation[i].set) &&
		    !(isolation[i].set == DBX_SET_MARTIAN && broadcast))
			return dbx_outcomes_add(&r->o, isolation[i].reason, DBX_PATH_NONE, 0);
	if (has_set(r, DBX_SET_GATEWAY))
		return decide_gateway(r);
	if (has_set(r, DBX_SET_WORKSPACE))
		return decide_workspace(r);
	add_users(r, ST_BLOCKED_POLICY, ST_BLOCKED_GATEWAY, DBX_PATH_NONE);
	return decide_open(r);
}

/* ---- rows ---- */

static bool is_known(struct dbx_row *r, uint32_t cell, uint32_t *scratch)
{
	size_t n;

	project(r, r->model_class.v[cell], scratch, &n);
	return n == r->n_list && !memcmp(scratch, r->list, n * sizeof(*scratch));
}

static uint32_t cell_of(struct dbx_row *r, uint32_t class_id, uint32_t *scratch)
{
	uint32_t cell, set;
	uint64_t h;

	project(r, class_id, r->list, &r->n_list);
	for (uint64_t seed = 0;; seed++) {
		h = dbx_hash64(r->list, r->n_list * sizeof(*r->list), seed);
		if (!dbx_idmap_get(&r->known, h, &cell))
			break;
		if (is_known(r, cell, scratch))
			return cell;
	}
	gather_users(r);
	set = dbx_outcomes_ruleset(&r->o, decide(r));
	cell = set - r->base;
	/* a blocked list of workspaces takes a number too, without a class of its own */
	while (r->model_class.n <= cell && !r->c->err)
		if (dbx_vec_push(&r->model_class, class_id))
			dbx_compile_fail(r->c, -ENOMEM);
	if (cell > DBX_CELL_MAX) {
		dbx_diag_add(r->c->d, DBX_SEV_ERROR, "does-not-fit", "", "",
			     "network policy \"%s\" needs more than %u rule sets",
			     r->policy ? r->policy->id : "", DBX_CELL_MAX);
		dbx_compile_fail(r->c, -E2BIG);
	}
	if (dbx_idmap_set(&r->known, h, cell))
		dbx_compile_fail(r->c, -ENOMEM);
	return cell;
}

/* Equal rows are kept once. */
static uint32_t put_row(struct dbx_row *r)
{
	struct compiler *c = r->c;
	size_t n = c->classes.n;
	uint32_t at;
	uint64_t h;

	for (uint64_t seed = 0;; seed++) {
		h = dbx_hash64(r->cells, n * sizeof(*r->cells), seed);
		if (!dbx_idmap_get(&c->row_of, h, &at))
			break;
		if (!memcmp(dbx_imgbuf_at(&c->b, DBX_SEC_CELLS, at), r->cells,
			    n * sizeof(*r->cells)))
			return at;
	}
	at = dbx_imgbuf_add(&c->b, DBX_SEC_CELLS, r->cells, n);
	c->stats->n_rows++;
	if (dbx_idmap_set(&c->row_of, h, at))
		dbx_compile_fail(c, -ENOMEM);
	return at;
}

static bool any_names(const struct dbx_dest_set *v, size_t n, const struct dbx_policy *p)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].n_names && dbx_compile_lists_policy(&v[i], p))
			return true;
	return false;
}

static bool has_names(const struct compiler *c, const struct dbx_policy *p)
{
	const struct dbx_gateway *g = &c->m->gateway;

	if (!p)
		return false;
	for (size_t i = 0; i < p->n_allowed; i++)
		if (p->allowed[i].type == DBX_DEST_DNS_NAME)
			return true;
	return p->n_storage || any_names(g->platform, g->n_platform, p) ||
	       any_names(g->storage, g->n_storage, p) || any_names(g->allowed, g->n_allowed, p);
}

/* Which workspaces the policy lists: by index, LISTED_WORKSPACE or isolation. */
static uint32_t workspaces_run(struct dbx_row *r)
{
	const struct dbx_gateway *g = &r->c->m->gateway;
	const struct dbx_policy *p = r->policy;
	uint32_t deny = dbx_outcomes_add(&r->o, DBX_REASON_WORKSPACE_ISOLATION, DBX_PATH_NONE, 0);
	struct dbx_run32 *run;
	uint32_t value = DBX_LEAF | deny;
	size_t n = 0;

	if (!p || p->mode == DBX_MODE_UNSPECIFIED || !p->n_workspaces)
		return value;
	run = calloc(g->n_workspaces + 1, sizeof(*run));
	if (!run) {
		dbx_compile_fail(r->c, -ENOMEM);
		return value;
	}
	for (size_t i = 0; i < g->n_workspaces; i++) {
		value = DBX_LEAF | deny;
		for (size_t k = 0; k < p->n_workspaces; k++) {
			if (p->workspaces[k].workspace_id != g->workspaces[i].id)
				continue;
			value = DBX_LEAF |
				dbx_outcomes_add(&r->o, DBX_REASON_LISTED_WORKSPACE, DBX_PATH_LOCAL,
						 dbx_compile_rule(r->c, &p->workspaces[k].where,
								  p->id, "allowed workspace %lld",
								  (long long)g->workspaces[i].id));
			break;
		}
		if (!n || run[n - 1].value != value)
			run[n++] = (struct dbx_run32){(uint32_t)i, value};
	}
	value = n ? dbx_imgbuf_run32(&r->c->b, run, n) : value;
	free(run);
	return value;
}

static void make_profile(struct dbx_row *r, const struct profile *p, uint32_t *scratch)
{
	struct compiler *c = r->c;
	struct dbx_profile out = {.policy = p->policy};

	r->policy_index = p->policy;
	r->policy = p->policy == NONE ? NULL : &c->m->policies[p->policy];
	r->ncc = p->ncc == NONE ? NULL : &c->m->nccs[p->ncc];
	r->has_names = has_names(c, r->policy);
	r->is_isolated = p->is_isolated;
	r->o.has_guards = r->policy && dbx_compile_has_guards(c, r->ncc);
	r->must_look = r->o.has_guards && r->policy->enforcement == DBX_DRY_RUN;
	r->base = (uint32_t)c->b.sec[DBX_SEC_RULESETS].n;
	r->model_class.n = 0;
	dbx_idmap_clear(&r->known);
	mark_sets(r);
	for (uint32_t i = 0; i < c->classes.n && !c->err && !c->b.err; i++)
		r->cells[i] = (uint16_t)cell_of(r, i, scratch);
	if (c->err || c->b.err)
		return;
	out.rulesets = r->base;
	out.row = put_row(r);
	out.workspaces = workspaces_run(r);
	out.ncc = p->ncc == NONE ? 0 : p->ncc + 1;
	dbx_compile_marks(c, p, out.marks);
	dbx_imgbuf_add(&c->b, DBX_SEC_PROFILES, &out, 1);
}

int dbx_compile_rules(struct compiler *c)
{
	struct dbx_row r = {.c = c, .o = {.c = c}};
	uint32_t *scratch = calloc(c->sets.n + 1, sizeof(*scratch));

	r.mark = calloc(c->sets.n + 1, sizeof(*r.mark));
	r.list = calloc(c->sets.n + 1, sizeof(*r.list));
	r.cells = calloc(c->classes.n + 1, sizeof(*r.cells));
	if (!r.mark || !r.list || !r.cells || !scratch)
		dbx_compile_fail(c, -ENOMEM);
	for (size_t i = 0; i < c->profiles.n && !c->err && !c->b.err; i++)
		make_profile(&r, &c->profiles.v[i], scratch);
	c->stats->n_rulesets = (uint32_t)c->b.sec[DBX_SEC_RULESETS].n;
	c->stats->n_outcomes = (uint32_t)c->b.sec[DBX_SEC_OUTCOMES].n;
	c->stats->n_rules = (uint32_t)c->b.sec[DBX_SEC_RULES].n;
	free(scratch);
	free(r.mark);
	free(r.list);
	free(r.cells);
	dbx_idmap_fini(&r.known);
	dbx_vec_fini(&r.model_class);
	dbx_vec_fini(&r.users);
	dbx_outcomes_fini(&r.o);
	return c->err;
}
