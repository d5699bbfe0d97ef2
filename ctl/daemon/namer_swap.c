/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer_swap.c -- what a change of policies does to learned names and to flows.
 *
 * Before the flip, what the next policy of a workspace still allows is made known under it too, and
 * flows are told that they may go on; after it, what no policy allows is taken away. So nothing that
 * stays allowed is interrupted, and nothing that is forbidden outlives the change by a second.
 *
 * A name that becomes guarded takes the addresses that it was learned with along, as guards, so that
 * its public path does not stay open until its look-up is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/namer_impl.h"
#include "lib/vec.h"
#include "policy/judge.h"

/* A workspace whose scope changes. */
struct move {
	uint64_t from, to;
};

struct swap {
	struct dbx_namer *n;
	const struct dbx_names *next;
	const struct dbx_image *img;    /* of next, NULL: not known yet */
	struct dbx_lesson_table guards; /* (scope, name) of next; no address */
	DBX_VEC(struct move) moves;
	DBX_VEC(struct dbx_lesson_entry *) heard; /* entries of policies that somebody moves from */
	DBX_VEC(struct flow_change {
		struct dbx_flow_key key;
		struct dbx_flow flow;
		bool goes;
	})
	flows;
	int err;
};

static void swap_fini(struct swap *s)
{
	dbx_lessons_fini(&s->guards);
	dbx_vec_fini(&s->moves);
	dbx_vec_fini(&s->heard);
	dbx_vec_fini(&s->flows);
}

static void add_move(void *arg, int64_t workspace_id, uint64_t to)
{
	struct swap *s = arg;
	struct move m = {dbx_names_policy_of(s->n->view->view.names, workspace_id), to};

	if (!m.from || !m.to || m.from == m.to)
		return;
	dbx_vec_for_each(&s->moves, x)
		if (x->from == m.from && x->to == m.to)
			return;
	s->err |= dbx_vec_push(&s->moves, m);
}

static int hear(void *arg, struct dbx_lesson_entry *e)
{
	struct swap *s = arg;

	dbx_vec_for_each(&s->moves, m)
		if (m->from == e->key.policy_uid)
			return s->err |= dbx_vec_push(&s->heard, e);
	return 0;
}

/* What scope `to` says on the name: its rule; false: nothing is to be learned of it. */
static bool wants(const struct swap *s, uint64_t to, const char *name, bool *is_guard,
		  uint64_t *rule_uid)
{
	struct dbx_name_decision d;

	*is_guard = dbx_names_is_guarded(s->next, to, name, rule_uid);
	if (*is_guard)
		return true;
	dbx_names_decide_policy(s->next, to, name, &d);
	*rule_uid = d.rule_uid;
	return d.verdict == DBX_VERDICT_PASS && d.needs_learning;
}

static void copy_lesson(struct swap *s, const struct dbx_lesson_entry *from, uint64_t to)
{
	struct dbx_namer *n = s->n;
	struct dbx_bound_key key = from->key;
	struct dbx_lesson_entry *e;
	uint64_t rule_uid;
	bool is_guard;
	int is_new;

	if (!wants(s, to, from->name, &is_guard, &rule_uid) || n->table.n >= n->bound_max ||
	    (from->is_guard && !is_guard))
		return;
	key.policy_uid = to;
	e = dbx_lessons_add(&n->table, &key, from->name, &is_new);
	if (!e)
		return;
	/* What others have in this scope now is not changed before the flip. */
	if (!is_new && e->is_guard != is_guard)
		return;
	n->n_unsaved += is_new;
	e->rule_uid = rule_uid;
	if (e->expires_ns < from->expires_ns)
		e->expires_ns = from->expires_ns;
	if (from->is_gone) {
		e->is_gone |= is_new;
		return;
	}
	e->is_gone = false;
	e->is_guard = is_guard;
	if (dbx_namer_bind_again(n, e) && is_new)
		dbx_lessons_remove(&n->table, e);
}

static void copy_lessons(struct swap *s)
{
	dbx_vec_for_each(&s->heard, h) {
		dbx_vec_for_each(&s->moves, m) {
			if (m->from == (*h)->key.policy_uid)
				copy_lesson(s, *h, m->to);
		}
	}
}

/* The name that a flow spoke, as text: of the binding that let it through. */
static const char *name_of(const struct swap *s, const struct dbx_flow_key *k,
			   const struct dbx_flow *f)
{
	struct dbx_bound_key key = {.policy_uid = f->policy_uid[0], .name = f->name};
	const struct dbx_lesson_entry *e;

	memcpy(key.addr, k->dst, sizeof(key.addr));
	e = dbx_lessons_find(&s->n->table, &key);
	return e ? e->name : NULL;
}

/*
 * To an address that is guarded, all but the resource passes as the address does: such a flow has a name
 * that no entry allowed, or none. Where img is not known, only a policy that does not restrict will do.
 */
static bool passes_by_address(const struct swap *s, uint64_t scope, const struct dbx_flow_key *k)
{
	bool is_v4 = !k->dst[0] && !k->dst[1] && k->dst[2] == 0xffff;
	struct dbx_pkt pkt = {.domain = k->domain,
			      .sport = k->sport,
			      .dport = k->dport,
			      .proto = (uint8_t)k->proto,
			      .flags = DBX_PKT_F_PORTS | (is_v4 ? 0 : DBX_PKT_F_IPV6)};
	struct dbx_name_decision d;
	struct dbx_result res;

	if (!s->img || !s->img->hdr) {
		dbx_names_decide_policy(s->next, scope, "any-name.dbx-egress.invalid", &d);
		return d.verdict == DBX_VERDICT_PASS && d.reason == DBX_REASON_FULL_ACCESS;
	}
	memcpy(pkt.src, is_v4 ? &k->src[3] : k->src, is_v4 ? 4 : 16);
	memcpy(pkt.dst, is_v4 ? &k->dst[3] : k->dst, is_v4 ? 4 : 16);
	dbx_judge_tuple(s->img, &pkt, DBX_PORT_ANY, &res);
	return res.verdict == DBX_VERDICT_PASS && res.policy_uid == scope;
}

static void add_guard(void *arg, uint64_t scope, uint64_t rule_uid, const char *name)
{
	struct swap *s = arg;
	struct dbx_bound_key key = {.policy_uid = scope, .name = dbx_namer_hash(s->n, name)};

	(void)rule_uid;
	s->err |= !dbx_lessons_add(&s->guards, &key, "", NULL);
}

static bool says_guarded(const struct swap *s, uint64_t scope, const struct dbx_flow *f)
{
	struct dbx_bound_key key = {.policy_uid = scope, .name = f->name};

	return f->name && dbx_lessons_find(&s->guards, &key);
}

static bool has_no_entry(const struct dbx_flow *f)
{
	return !f->rule_uid && !(f->flags & DBX_FLOW_F_DRY_RUN);
}

static int flow_before(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *f)
{
	struct swap *s = arg;
	uint64_t next = dbx_names_policy_of(s->next, (int64_t)f->workspace_id);
	struct flow_change c = {.key = *k, .flow = *f};
	struct dbx_name_decision d = {.verdict = DBX_VERDICT_DROP};
	const char *name;

	if (f->state != DBX_FLOW_ALLOWED || !next || next == f->policy_uid[0])
		return 0;
	if (says_guarded(s, next, f))
		return 0;
	name = name_of(s, k, f);
	if (name)
		dbx_names_decide_policy(s->next, next, name, &d);
	if (d.verdict != DBX_VERDICT_PASS && !(has_no_entry(f) && passes_by_address(s, next, k)))
		return 0;
	c.flow.policy_uid[1] = next;
	s->err |= dbx_vec_push(&s->flows, c);
	return 0;
}

static void set_flows(struct swap *s)
{
	dbx_vec_for_each(&s->flows, c) {
		if (c->goes)
			s->n->stats.revoked_flows += !s->n->ops->flow_del(s->n->dp, &c->key);
		else
			s->n->ops->flow_set(s->n->dp, &c->key, &c->flow);
	}
}

int dbx_namer_prepare(struct dbx_namer *n, const struct dbx_names *next)
{
	struct swap s = {.n = n, .next = next};

	pthread_mutex_lock(&n->lock);
	if (n->view) {
		dbx_names_each_workspace(next, add_move, &s);
		dbx_lessons_each(&n->table, hear, &s);
		copy_lessons(&s);
		dbx_names_each_guard(next, add_guard, &s);
		n->ops->flows_each(n->dp, flow_before, &s);
		set_flows(&s);
	}
	pthread_mutex_unlock(&n->lock);
	swap_fini(&s);
	return s.err ? -ENOMEM : 0;
}

/* ---- after the flip ---- */

static int flow_after(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *f)
{
	struct swap *s = arg;
	uint64_t now = dbx_names_policy_of(s->next, (int64_t)f->workspace_id);
	struct flow_change c = {.key = *k, .flow = *f};
	struct dbx_name_decision d = {.verdict = DBX_VERDICT_DROP};
	const char *name = f->name ? name_of(s, k, f) : NULL;

	if (f->state != DBX_FLOW_ALLOWED)
		return 0;
	if (!s->n->view && name && !name[0]) /* of before: nothing has changed since */
		return 0;
	if (now && name)
		dbx_names_decide_policy(s->next, now, name, &d);
	c.goes = d.verdict != DBX_VERDICT_PASS && !(f->flags & DBX_FLOW_F_DRY_RUN);
	if (c.goes && now && has_no_entry(f))
		c.goes = !passes_by_address(s, now, k);
	if (says_guarded(s, now, f))
		c.goes = true; /* in dry-run too */
	if (!c.goes && f->policy_uid[0] == now && !f->policy_uid[1])
		return 0;
	c.flow.policy_uid[0] = now;
	c.flow.policy_uid[1] = 0;
	s->err |= dbx_vec_push(&s->flows, c);
	return 0;
}

static int settle_lesson(void *arg, struct dbx_lesson_entry *e)
{
	struct swap *s = arg;
	uint64_t rule_uid;
	bool is_guard;

	if (!s->n->view && !e->name[0])
		return 0;
	if (!wants(s, e->key.policy_uid, e->name, &is_guard, &rule_uid) ||
	    (e->is_guard && !is_guard) || (is_guard && dbx_namer_guard_set(s->n, e, rule_uid))) {
		dbx_namer_drop(s->n, e);
	} else if (rule_uid != e->rule_uid) {
		e->rule_uid = rule_uid;
		if (!e->is_gone)
			dbx_namer_bind_again(s->n, e);
	}
	return 0;
}

/* Flows first: their names are read from the bindings that go next. */
static void settle(struct swap *s)
{
	struct dbx_namer *n = s->n;

	if (n->view && n->view->view.names != s->next) {
		/* what was learned between prepare() and the flip */
		dbx_names_each_workspace(s->next, add_move, s);
		dbx_lessons_each(&n->table, hear, s);
		copy_lessons(s);
	}
	dbx_names_each_guard(s->next, add_guard, s);
	n->ops->flows_each(n->dp, flow_after, s);
	set_flows(s);
	dbx_lessons_each(&n->table, settle_lesson, s);
	dbx_lessons_fini(&n->looked_up); /* all that are guarded now are looked up again */
	if (n->addrs_stale)
		dbx_namer_sweep_addrs(n);
}

void dbx_namer_settle(struct dbx_namer *n, struct dbx_view_parts *parts)
{
	struct swap s = {.n = n, .next = parts->names, .img = &parts->img};

	pthread_mutex_lock(&n->lock);
	settle(&s);
	if (dbx_namer_set_view(n, parts))
		parts->release(parts);
	pthread_mutex_unlock(&n->lock);
	swap_fini(&s);
}

void dbx_namer_revert(struct dbx_namer *n)
{
	struct swap s = {.n = n};

	pthread_mutex_lock(&n->lock);
	if (n->view) {
		s.next = n->view->view.names;
		s.img = &n->view->view.img;
		settle(&s);
	}
	pthread_mutex_unlock(&n->lock);
	swap_fini(&s);
}
