// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_cover.c -- which prefixes of a list lie inside another one of it.
 *
 * One sort, then one walk with the chain of prefixes that contain the current one; so a list of
 * 65,535 entries costs no more than its sorting. Of a chain only the innermost CHAIN_MAX are looked
 * at: a list that says the same prefix with a thousand different ports is not searched in full.
 */
#include "policy/check_impl.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 64

struct chain {
	const struct dbx_cover_item *v[CHAIN_MAX]; /* outermost first */
	size_t n;
};

static int cmp_items(const void *x, const void *y)
{
	const struct dbx_cover_item *a = x, *b = y;
	int d = dbx_prefix_cmp(&a->prefix, &b->prefix);

	if (d == 0)
		d = (int)b->is_deny - (int)a->is_deny;
	if (d == 0)
		d = a->order < b->order ? -1 : a->order > b->order;
	return d;
}

static bool ports_cover(const struct dbx_cover_item *outer, const struct dbx_cover_item *inner)
{
	size_t i, k;

	if (outer->proto != DBX_PROTO_ANY && outer->proto != inner->proto)
		return false;
	if (outer->n_ports == 0)
		return true;
	for (i = 0; i < inner->n_ports; i++) {
		for (k = 0; k < outer->n_ports; k++) {
			if (outer->ports[k].lo <= inner->ports[i].lo &&
			    outer->ports[k].hi >= inner->ports[i].hi)
				break;
		}
		if (k == outer->n_ports)
			return false;
	}
	return inner->n_ports > 0;
}

/* Does the outer set hold for every policy that the inner one holds for? */
static bool policies_cover(const struct dbx_dest_set *outer, const struct dbx_dest_set *inner)
{
	size_t i, k;

	if (!outer || outer->n_policy_ids == 0 || outer == inner)
		return true;
	if (!inner || inner->n_policy_ids == 0)
		return false;
	for (i = 0; i < inner->n_policy_ids; i++) {
		for (k = 0; k < outer->n_policy_ids; k++) {
			if (strcmp(inner->policy_ids[i], outer->policy_ids[k]) == 0)
				break;
		}
		if (k == outer->n_policy_ids)
			return false;
	}
	return true;
}

static void push(struct chain *c, const struct dbx_cover_item *item)
{
	size_t i;

	if (c->n == CHAIN_MAX) {
		for (i = 1; i < c->n; i++)
			c->v[i - 1] = c->v[i];
		c->n--;
	}
	c->v[c->n++] = item;
}

/* The outermost deny of the chain that covers the item, or else the outermost allow. */
static void report(const struct chain *c, const struct dbx_cover_item *item, dbx_cover_fn found,
		   void *arg)
{
	int deny;
	size_t k;

	for (deny = 1; deny >= 0; deny--) {
		for (k = 0; k < c->n; k++) {
			if (c->v[k]->is_deny == (deny == 1) && ports_cover(c->v[k], item) &&
			    policies_cover(c->v[k]->set, item->set) && found(arg, item, c->v[k]))
				return;
		}
	}
}

void dbx_check_cover(struct dbx_cover_item *items, size_t n, dbx_cover_fn found, void *arg)
{
	struct chain c = {.n = 0};
	size_t i;

	if (n)
		qsort(items, n, sizeof(items[0]), cmp_items);
	for (i = 0; i < n; i++) {
		while (c.n && !dbx_prefix_covers(&c.v[c.n - 1]->prefix, &items[i].prefix))
			c.n--;
		report(&c, &items[i], found, arg);
		push(&c, &items[i]);
	}
}
