// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * names.c -- learned names and flows, as the daemon tells and reads them (dataplane/dp.h).
 */
#include <errno.h>
#include <string.h>

#include <rte_spinlock.h>

#include "dataplane/dpdk/kept.h"
#include "dataplane/dpdk/request.h"

static int full(int rc)
{
	return rc == -E2BIG ? -ENOSPC : rc;
}

static int learn_addr(struct dpk_shared *sh, const struct dbx_bound_key *key,
		      const struct dbx_bound *b)
{
	uint64_t flags = b->flags & DBX_BOUND_F_PRIVATE ? DBX_LEARNED_F_GUARD : 0;
	struct dbx_learned v = {.expires_ns = b->expires_ns, .flags = flags}, *had;
	struct dbx_learned_key k;

	memset(&k, 0, sizeof(k));
	k.policy_uid = key->policy_uid;
	memcpy(k.addr, key->addr, sizeof(k.addr));
	had = dpk_table_get(sh->learned, &k);
	if (!had)
		return dpk_table_put(sh->learned, &k, &v, 0);
	/* in place, the guard first: no packet sees the address without it */
	__atomic_fetch_or(&had->flags, flags, __ATOMIC_RELEASE);
	if (had->expires_ns < b->expires_ns)
		__atomic_store_n(&had->expires_ns, b->expires_ns, __ATOMIC_RELEASE);
	return 0;
}

int dpk_names_learn(struct dpk_shared *sh, const struct dbx_bound_key *key,
		    const struct dbx_bound *bound)
{
	const struct dbx_bound *had = dpk_table_get(sh->bound, key);
	struct dbx_bound old, v = *bound;
	int rc;

	if (had) {
		old = *had;
		if (v.hits < old.hits)
			v.hits = old.hits;
	}
	rc = dpk_table_put(sh->bound, key, &v, 0);
	if (rc)
		return full(rc);
	rc = learn_addr(sh, key, bound);
	if (rc && had)
		dpk_table_put(sh->bound, key, &old, 0);
	else if (rc)
		dpk_table_del(sh->bound, key);
	return full(rc);
}

static int give_order(const struct dbx_wire_flow *f)
{
	struct dbx_flow_order order;
	unsigned int said;

	memset(&order, 0, sizeof(order));
	order.key = f->key;
	order.flow = f->flow;
	said = dpk_program_order(&order);
	return said == DBX_ORDER_DONE ? 0 : said == DBX_ORDER_NONE ? -ENOENT : -ESTALE;
}

int dpk_names_flow_set(struct dpk_core *core, struct dpk_shared *sh, const struct dbx_wire_flow *f)
{
	struct dbx_flow_slot slot;
	int rc;

	dpk_core_begin(core, 0);
	rc = give_order(f);
	if (rc != -ENOENT)
		return rc;
	memset(&slot, 0, sizeof(slot));
	slot.flow = f->flow;
	rc = dpk_table_put(sh->flows, &f->key, &slot, 1);
	return rc == -EEXIST ? give_order(f) : full(rc);
}

/*
 * What its process had decided, and nobody was changing when it died. Any other flow is unknown, and has
 * to be begun anew: what was read of its hello is gone.
 */
static bool is_decided(const struct dbx_flow_slot *slot)
{
	const struct dbx_flow *f = &slot->flow;

	return !slot->lock && !slot->lease && f->start_ns && !f->watch &&
	       f->n_cuts <= DBX_HELLO_CUTS && f->reason < DBX_REASON_MAX &&
	       (f->state == DBX_FLOW_ALLOWED || f->state == DBX_FLOW_DENIED);
}

static int take_over(void *arg, const void *key, const void *value)
{
	struct dpk_shared *sh = arg;
	struct dbx_flow_slot slot;
	int rc;

	memcpy(&slot, value, sizeof(slot));
	if (!is_decided(&slot))
		return 0;
	rc = dpk_table_put(sh->flows, key, &slot, 1);
	return rc == -EEXIST ? 0 : full(rc);
}

int dpk_names_flows_take(struct dpk_shared *sh, int fd)
{
	return dpk_kept_each(dpk_table_kept(sh->flows), fd, take_over, sh);
}

/* ---- walks ---- */

static size_t take_learned(void *out, const void *key, void *value)
{
	struct dbx_wire_learned e;

	memcpy(&e.key, key, sizeof(e.key));
	memcpy(&e.learned, value, sizeof(e.learned));
	memcpy(out, &e, sizeof(e));
	return sizeof(e);
}

static size_t take_bound(void *out, const void *key, void *value)
{
	struct dbx_wire_bound e;

	memcpy(&e.key, key, sizeof(e.key));
	memcpy(&e.bound, value, sizeof(e.bound));
	memcpy(out, &e, sizeof(e));
	return sizeof(e);
}

static size_t take_flow(void *out, const void *key, void *value)
{
	struct dbx_flow_slot *slot = value;
	struct dbx_wire_flow e;

	memset(&e, 0, sizeof(e));
	memcpy(&e.key, key, sizeof(e.key));
	rte_spinlock_lock((rte_spinlock_t *)&slot->lock);
	e.flow = slot->flow;
	rte_spinlock_unlock((rte_spinlock_t *)&slot->lock);
	memcpy(out, &e, sizeof(e));
	return sizeof(e);
}

uint32_t dpk_names_page(struct dpk_shared *sh, uint32_t table, uint64_t *cursor, void *out)
{
	const struct dpk_table *t = table == DBX_WIRE_TABLE_LEARNED ? sh->learned
				    : table == DBX_WIRE_TABLE_BOUND ? sh->bound
								    : sh->flows;
	size_t (*take)(void *out, const void *key, void *value) =
		table == DBX_WIRE_TABLE_LEARNED ? take_learned
		: table == DBX_WIRE_TABLE_BOUND ? take_bound
						: take_flow;
	uint32_t at = *cursor > UINT32_MAX ? UINT32_MAX : (uint32_t)*cursor, n = 0;
	const void *key;
	uint8_t *p = out;
	void *value;

	*cursor = 0;
	while (dpk_table_next(t, &key, &value, &at)) {
		p += take(p, key, value);
		if (++n < DBX_WIRE_BATCH)
			continue;
		*cursor = at;
		break;
	}
	return n;
}
