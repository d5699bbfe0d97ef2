/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * climb.h -- the packets of a burst through nodes and ranges (trie.h), of which each packet has another. A
 * part of walk.c, which has it once for each way to search a node.
 */
#ifndef DBX_DPDK_CLIMB_H
#define DBX_DPDK_CLIMB_H

#include <rte_prefetch.h>

#include "dataplane/dpdk/look.h"
#include "dataplane/dpdk/view.h"
#include "dbx/classify.h"

typedef uint32_t (*find_fn)(const struct dpk_node *node, uint32_t key);

static inline uint32_t find(const struct dpk_node *node, uint32_t key)
{
	uint32_t n = 0;

	for (unsigned int i = 1; i < DPK_NODE_KEYS; i++)
		n += node->start[i] <= key;
	return node->value[n];
}

/* miss: the word before is not what it must be. */
static inline const uint32_t *cell_at(const struct dpk_nodes *nodes, uint32_t ref, uint32_t key,
				      bool miss)
{
	const struct dpk_range *r = &nodes->ranges[ref & DPK_NODE_INDEX];
	uint32_t i = (key - r->base) >> r->shift;
	const uint32_t *cell = &nodes->cells[r->first + (i < r->n ? i : r->n)];

	return miss ? &r->other : cell;
}

static inline const struct dpk_node *node_at(const struct dpk_nodes *nodes, uint32_t ref)
{
	return &nodes->v[ref & DPK_NODE_INDEX];
}

static inline void fetch_node(const struct dpk_node *node)
{
	rte_prefetch0(node->start);
	rte_prefetch0(node->value);
}

static inline uint32_t is_node(uint32_t value)
{
	return value >> 30 == DPK_NODE >> 30;
}

/* Who is at a node, by bits; those of them that are at one of ranges. */
struct nodes {
	uint64_t lanes, tables;
};

static inline void add_node(struct nodes *n, uint32_t i, uint32_t value)
{
	n->lanes |= (uint64_t)is_node(value) << i;
	n->tables |= (uint64_t)(value / DPK_NODE_TABLE & 1) << i;
}

static inline struct nodes nodes_among(const uint32_t *found, uint32_t lanes)
{
	struct nodes n = {0, 0};

	dpk_for_each(i, lanes)
		add_node(&n, i, found[i]);
	return n;
}

/*
 * Addresses: lanes 0 .. 31 are sources, the others destinations. Each a step, in two parts: what it needs
 * is asked for, for all of them, and then taken.
 */
struct climb {
	const struct dpk_nodes *t[2];
	uint32_t *found; /* both sides */
	const uint32_t *cell[2 * DPK_BURST];
	struct nodes at;
};

struct words {
	uint32_t key;
	bool miss;
};

/* Of the word before the first one nobody asks what it is, though it is read. */
static __rte_always_inline struct words words_of(const struct dpk_looks *l, uint32_t i,
						 uint32_t ref)
{
	const uint32_t *words = l->addr6[i % DPK_BURST][i / DPK_BURST].word;
	const uint32_t word = DPK_NODE_WORD(ref);

	return (struct words){words[DPK_WORD(word)],
			      (ref & DPK_NODE_ZERO) && words[DPK_WORD((word - 1) & 3)]};
}

static __rte_always_inline void ask(const struct dpk_looks *l, struct climb *c)
{
	dpk_for_each(i, c->at.lanes & ~c->at.tables)
		fetch_node(node_at(c->t[i / DPK_BURST], c->found[i]));
	dpk_for_each(i, c->at.lanes & c->at.tables) {
		struct words w = words_of(l, i, c->found[i]);

		c->cell[i] = cell_at(c->t[i / DPK_BURST], c->found[i], w.key, w.miss);
		rte_prefetch0(c->cell[i]);
	}
}

static __rte_always_inline void take(const struct dpk_looks *l, struct climb *c, find_fn fn)
{
	struct nodes next = {0, 0};

	dpk_for_each(i, c->at.lanes & ~c->at.tables) {
		const struct dpk_node *node = node_at(c->t[i / DPK_BURST], c->found[i]);
		struct words w = words_of(l, i, c->found[i]);
		uint32_t miss = -(uint32_t)w.miss, value = fn(node, w.key);

		DBX_OPAQUE(miss); /* as random as the packets are: no branch */
		c->found[i] = (value & ~miss) | (node->start[0] & miss);
		add_node(&next, i, c->found[i]);
	}
	dpk_for_each(i, c->at.lanes & c->at.tables) {
		c->found[i] = *c->cell[i];
		add_node(&next, i, c->found[i]);
	}
	c->at = next;
}

static __rte_always_inline void climb(struct dpk_looks *l, struct nodes src, struct nodes dst,
				      find_fn fn)
{
	struct climb c;

	c.t[0] = &l->view->by_src6.nodes;
	c.t[1] = &l->view->by_dst6.nodes;
	c.found = l->found;
	c.at.lanes = src.lanes | dst.lanes << DPK_BURST;
	c.at.tables = src.tables | dst.tables << DPK_BURST;
	while (c.at.lanes) {
		ask(l, &c);
		take(l, &c, fn);
	}
}

static __rte_always_inline void climb_ports(struct dpk_looks *l, struct nodes n, find_fn fn)
{
	const struct dpk_nodes *nodes = &l->view->ports;
	struct nodes next;

	for (; n.lanes; n = next) {
		next = (struct nodes){0, 0};
		dpk_for_each(i, n.lanes & ~n.tables)
			fetch_node(node_at(nodes, l->set[i]));
		dpk_for_each(i, n.lanes & ~n.tables) {
			l->set[i] = fn(node_at(nodes, l->set[i]), l->port[i]);
			add_node(&next, i, l->set[i]);
		}
		dpk_for_each(i, n.lanes & n.tables) {
			l->set[i] = *cell_at(nodes, l->set[i], l->port[i], false);
			add_node(&next, i, l->set[i]);
		}
	}
}

#endif
