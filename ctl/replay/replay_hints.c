// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_hints.c -- names that flows of a capture said, for want of the DNS answers behind them.
 *
 * A name that the capture has an answer for is learned from that alone: what a hello says at another
 * address is what the check of names is there to refuse.
 */
#include "replay/replay_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/name.h"

#define HINTS_MAX 65536u

struct hint {
	uint32_t addr[4]; /* as in struct dbx_bound_key */
	uint64_t workspace_id;
	uint8_t product;
	char name[DBX_NAME_SIZE];
};

struct dbx_hints {
	struct dbx_htab answered; /* hash of a name */
	struct dbx_htab known;    /* hash of a hint */
	DBX_VEC(struct hint) v;
	size_t n_used;
};

struct dbx_hints *dbx_hints_new(void)
{
	struct dbx_hints *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	dbx_htab_init(&h->answered, sizeof(uint64_t), sizeof(uint8_t), HINTS_MAX, false);
	dbx_htab_init(&h->known, sizeof(uint64_t), sizeof(uint8_t), HINTS_MAX, false);
	return h;
}

void dbx_hints_free(struct dbx_hints **h)
{
	if (!*h)
		return;
	dbx_htab_fini(&(*h)->answered);
	dbx_htab_fini(&(*h)->known);
	dbx_vec_fini(&(*h)->v);
	free(*h);
	*h = NULL;
}

size_t dbx_hints_used(const struct dbx_hints *h)
{
	return h->n_used;
}

static uint64_t name_key(const char *name)
{
	return dbx_hash64(name, strlen(name), 0);
}

void dbx_hints_answered(struct dbx_hints *h, const char *name)
{
	uint64_t key = name_key(name);
	uint8_t one = 1;

	dbx_htab_put(&h->answered, &key, &one, false);
}

void dbx_hints_said(struct dbx_hints *h, const struct dbx_sim_verdict *v)
{
	struct hint hint;
	uint8_t one = 1;
	uint64_t key;

	memset(&hint, 0, sizeof(hint));
	if (dbx_name_canon_n((const char *)v->name, v->n_name, 0, hint.name, NULL))
		return;
	dbx_names_addr(v->pkt.dst, v->pkt.flags & DBX_PKT_F_IPV6, hint.addr);
	hint.workspace_id = v->res.workspace_id;
	hint.product = v->res.product;
	key = dbx_hash64(&hint, sizeof(hint), 0);
	if (dbx_htab_put(&h->known, &key, &one, true))
		return;
	if (dbx_vec_push(&h->v, hint))
		dbx_htab_del(&h->known, &key);
}

void dbx_hints_learn(struct dbx_replay *r)
{
	struct dbx_hints *h = r->o.hints;

	h->n_used = 0;
	dbx_vec_for_each(&h->v, hint) {
		struct dbx_bound value = {.expires_ns = UINT64_MAX};
		struct dbx_bound_key key;
		struct dbx_name_decision d;
		uint64_t name = name_key(hint->name);

		if (dbx_htab_get(&h->answered, &name))
			continue;
		dbx_names_decide(r->o.names, (int64_t)hint->workspace_id, hint->product, hint->name,
				 &d);
		if (d.verdict != DBX_VERDICT_PASS || !d.needs_learning)
			continue;
		memset(&key, 0, sizeof(key));
		key.policy_uid = d.policy_uid;
		key.name = dbx_replay_hash(r, hint->name);
		memcpy(key.addr, hint->addr, sizeof(key.addr));
		value.rule_uid = d.rule_uid;
		if (!dbx_sim_learn(&key, &value))
			h->n_used++;
	}
}
