// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * namer_guard.c -- learned names of the other kind: refused at their public addresses.
 *
 * The kernel is told that guards have no end, so that they outlast a daemon, or an upstream, that is
 * gone. What ends them is a look-up that no longer finds the address after its TTL, or a change of
 * documents.
 */
#include <stdint.h>

#include "daemon/namer_impl.h"

#define NO_END_NS ((uint64_t)INT64_MAX)

int dbx_namer_bind_guard(struct dbx_namer *n, const struct dbx_bound_key *key, uint64_t rule_uid)
{
	struct dbx_bound b = {
		.expires_ns = NO_END_NS,
		.rule_uid = rule_uid,
		.flags = DBX_BOUND_F_PRIVATE,
	};

	return n->ops->learn(n->dp, key, &b);
}

int dbx_namer_guard_set(struct dbx_namer *n, struct dbx_lesson_entry *e, uint64_t rule_uid)
{
	int rc;

	if (e->is_guard && e->rule_uid == rule_uid)
		return 0;
	rc = dbx_namer_bind_guard(n, &e->key, rule_uid);
	if (rc)
		return rc;
	e->is_guard = true;
	e->is_gone = false;
	e->rule_uid = rule_uid;
	return 0;
}

static struct dbx_bound_key look_up_key(uint64_t policy_uid, enum dbx_lesson_kind kind,
					uint64_t name)
{
	return (struct dbx_bound_key){policy_uid, {kind, 0, 0, 0}, name};
}

void dbx_namer_looked_up(struct dbx_namer *n, uint64_t policy_uid, enum dbx_lesson_kind kind,
			 uint64_t name, uint64_t now)
{
	struct dbx_bound_key key = look_up_key(policy_uid, kind, name);
	struct dbx_lesson_entry *e = dbx_lessons_add(&n->looked_up, &key, "", NULL);

	if (e)
		e->expires_ns = now; /* out of memory: guards stay longer */
}

bool dbx_namer_guard_is_over(struct dbx_namer *n, const struct dbx_lesson_entry *e, uint64_t now)
{
	bool is_v4 = !e->key.addr[0] && !e->key.addr[1] && e->key.addr[2] == 0xffff;
	struct dbx_bound_key key = look_up_key(
		e->key.policy_uid, is_v4 ? DBX_LESSON_GUARD_V4 : DBX_LESSON_GUARD_V6, e->key.name);
	const struct dbx_lesson_entry *last;

	if (e->expires_ns > now)
		return false;
	last = dbx_lessons_find(&n->looked_up, &key);
	return last && last->expires_ns > e->expires_ns;
}
