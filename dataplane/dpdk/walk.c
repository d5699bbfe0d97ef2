// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * walk.c -- the packets of a burst through the tables of a view.
 *
 * Which of them has reached a leaf is as random as the addresses are, so that no branch hangs on it: bits
 * say who goes on. Here for any processor; wide.c has the same for those with AVX-512.
 */
#include "dataplane/dpdk/walk.h"

#include <rte_prefetch.h>

#include "dbx/classify.h"
#include "dbx/program.h"

/* ---- nodes and ranges ---- */

/* The entry that a key has in a node. */
static inline uint32_t find(const struct dpk_node *node, uint32_t key)
{
	uint32_t n = 0;

	for (unsigned int i = 1; i < DPK_NODE_KEYS; i++)
		n += node->start[i] <= key;
	return node->value[n];
}

static inline void fetch_node(const struct dpk_node *node)
{
	rte_prefetch0(node->start);
	rte_prefetch0(node->value);
}

/* Who is at a node, by bits; those of them that are at one of ranges. */
struct nodes {
	uint64_t lanes, tables;
};

static inline void add_node(struct nodes *n, uint64_t i, uint32_t value)
{
	n->lanes |= (uint64_t)(value >> 30 == DPK_NODE >> 30) << i;
	n->tables |= (uint64_t)(value / DPK_NODE_TABLE & 1) << i;
}

static inline struct nodes nodes_among(const uint32_t *found, uint64_t lanes)
{
	struct nodes n = {0, 0};

	dpk_for_each(i, lanes)
		add_node(&n, i, found[i]);
	return n;
}

struct words {
	uint32_t key;
	bool miss; /* the word before is not what it must be */
};

/* Of the word before the first one nobody asks what it is, though it is read. */
static inline struct words words_of(const uint32_t *const key[4], uint64_t i, uint32_t ref)
{
	const uint32_t word = DPK_NODE_WORD(ref);

	return (struct words){key[word][i], (ref & DPK_NODE_ZERO) && key[(word - 1) & 3][i] != 0};
}

/*
 * What each needs for a step is asked for, for all of them, and then taken. key: by the word that a node
 * asks for, those of all packets.
 */
static void climb(const struct dpk_nodes *t, const uint32_t *const key[4], uint32_t *found,
		  struct nodes n)
{
	const uint32_t *cell[DPK_BURST];
	struct nodes next;

	for (; n.lanes; n = next) {
		next = (struct nodes){0, 0};
		dpk_for_each(i, n.lanes & ~n.tables)
			fetch_node(dpk_node_at(t, found[i]));
		dpk_for_each(i, n.lanes & n.tables) {
			const struct dpk_range *r = dpk_range_at(t, found[i]);
			const struct words w = words_of(key, i, found[i]);

			cell[i] = w.miss ? &r->other : dpk_cell_of(t, r, w.key);
			rte_prefetch0(cell[i]);
		}
		dpk_for_each(i, n.lanes & ~n.tables) {
			const struct dpk_node *node = dpk_node_at(t, found[i]);
			const struct words w = words_of(key, i, found[i]);

			found[i] = w.miss ? node->start[0] : find(node, w.key);
			add_node(&next, i, found[i]);
		}
		dpk_for_each(i, n.lanes & n.tables) {
			found[i] = *cell[i];
			add_node(&next, i, found[i]);
		}
	}
}

/* ---- the first word ---- */

/* Whether it goes on in a block. */
static inline uint64_t is_block(uint32_t value)
{
	return !(value & (DBX_LEAF | DPK_NODE));
}

static uint64_t step(const struct dpk_trie *t, const uint32_t *addr, uint32_t *found,
		     uint64_t lanes, unsigned int shift)
{
	const uint32_t *at[DPK_BURST];
	uint64_t left = 0;

	dpk_for_each(i, lanes) {
		at[i] = &t->blocks[found[i]][addr[i] >> shift & 255];
		rte_prefetch0(at[i]);
	}
	dpk_for_each(i, lanes) {
		found[i] = *at[i];
		left |= is_block(found[i]) << i;
	}
	return left;
}

/* Returns those that go on in nodes. */
static struct nodes first_word(const struct dpk_trie *t, const uint32_t *addr, uint32_t *found,
			       uint64_t lanes)
{
	uint64_t left = 0;

	dpk_for_each(i, lanes)
		rte_prefetch0(&t->root[addr[i] >> 16]);
	dpk_for_each(i, lanes) {
		found[i] = t->root[addr[i] >> 16];
		left |= is_block(found[i]) << i;
	}
	for (unsigned int shift = 8 * (DPK_TRIE_LEVELS - 1); left; shift -= 8)
		left = step(t, addr, found, left, shift);
	return nodes_among(found, lanes);
}

/* ---- rules and verdicts ---- */

/* Where the rule set for a source and class is: one that says "none" if nowhere. */
static inline const uint32_t *rules_at(const struct dpk_view *v, uint32_t source, uint32_t class_id)
{
	static const uint32_t none;
	uint32_t row = source < v->n_bindings ? v->rows[source] : DPK_NO_ROW;

	return row != DPK_NO_ROW && class_id < v->hdr->n_classes ? &v->rules[row + class_id]
								 : &none;
}

static uint64_t find_rules(struct dpk_looks *l, uint64_t lanes)
{
	const uint32_t *at[DPK_BURST];
	uint64_t has = 0;

	dpk_for_each(i, lanes) {
		l->source[i] = (l->found[0][i] & DBX_VALUE_MASK) - 1;
		l->class_id[i] = l->found[1][i] & DBX_VALUE_MASK;
		at[i] = rules_at(l->view, l->source[i], l->class_id[i]);
		rte_prefetch0(at[i]);
	}
	dpk_for_each(i, lanes) {
		l->set[i] = *at[i];
		has |= (uint64_t)(l->set[i] != 0) << i;
	}
	return has;
}

static uint64_t walk(struct dpk_looks *l, bool is_v6, uint64_t lanes)
{
	const struct dpk_trie *t[2] = {dpk_view_src(l->view, is_v6), dpk_view_dst(l->view, is_v6)};

	for (unsigned int side = 0; side < 2; side++) {
		uint32_t(*const a)[DPK_BURST] = l->addr[side], *found = l->found[side];
		const uint32_t *const key[4] = {a[0], a[1], a[2], a[3]};

		climb(&t[side]->nodes, key, found, first_word(t[side], a[0], found, lanes));
	}
	return find_rules(l, lanes);
}

static void ports(struct dpk_looks *l, uint64_t lanes)
{
	const uint32_t *const key[4] = {l->port, l->port, l->port, l->port};

	climb(&l->view->ports, key, l->set, nodes_among(l->set, lanes));
}

static void verdicts(struct dpk_looks *l, uint64_t lanes)
{
	const struct dpk_view *v = l->view;

	dpk_for_each(i, lanes) {
		uint32_t outcome = l->set[i] & DBX_VALUE_MASK, port = l->port[i], s, b, way;
		struct dpk_hint of;

		if (!(l->set[i] & DBX_LEAF) || outcome >= v->n_outcomes ||
		    (port & 0xffff) == v->dns_port || port == v->tunnels[0] ||
		    port == v->tunnels[1])
			continue;
		of = v->source_hints[l->source[i]];
		s = of.bits;
		way = s >> DPK_B_NUMBER;
		l->verdict[i] = 2 * outcome + (s & DPK_B_DRY);
		l->tag[i] = of.hash;
		of = v->verdict_hints[l->verdict[i]];
		b = of.bits;
		l->tag[i] |= (uint64_t)of.hash << 32;
		l->row[i] = (uint32_t)l->tag[i] ^ of.hash;
		l->bits[i] = b;
		l->astray |= (uint64_t)(way && way != l->way && l->way != DPK_ANY_WAY) << i;
		l->looked |= 1ull << i;
		l->ways |= (uint64_t)((s & DPK_B_WAY) != 0) << i;
		l->wants |= (uint64_t)((s & b & DPK_B_WANTED) != 0) << i;
		l->passes |= (uint64_t)((b & DPK_B_PASSES) != 0) << i;
		l->told |= (uint64_t)((b & DPK_B_IS_TOLD) != 0) << i;
	}
}

/* ---- sums ---- */

static uint64_t total(const struct dpk_looks *l, uint64_t lanes, uint32_t *which, uint64_t *bytes)
{
	uint64_t same = 0;

	*which = l->bits[dpk_lowest(lanes)] >> DPK_B_NUMBER;
	*bytes = 0;
	dpk_for_each(i, lanes) {
		uint64_t is_same = l->bits[i] >> DPK_B_NUMBER == *which;

		same |= is_same << i;
		*bytes += l->bytes[i] & -is_same;
	}
	return same;
}

static bool no_flows(struct dpk_looks *l, uint64_t lanes)
{
	(void)l;
	(void)lanes;
	return false;
}

static uint64_t tagged(const struct dpk_looks *l, uint64_t lanes, const uint16_t *tags)
{
	uint64_t has = 0;

	dpk_for_each(i, lanes) {
		const uint16_t tag = (uint16_t)(l->flow[i] >> 16 | 1);

		has |= (uint64_t)(tags[l->flow[i] % DBX_NOTED_SLOTS] == tag) << i;
	}
	return has;
}

static uint64_t sum_bytes(const struct dpk_looks *l, uint64_t lanes)
{
	uint64_t sum = 0;

	dpk_for_each(i, lanes)
		sum += l->bytes[i];
	return sum;
}

const struct dpk_walker dpk_walker_any = {
	.walk = walk,
	.ports = ports,
	.verdicts = verdicts,
	.total = total,
	.flows = no_flows,
	.tagged = tagged,
	.bytes = sum_bytes,
};
