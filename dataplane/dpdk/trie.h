/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trie.h -- tables made of an image's runs: of addresses, and of ports.
 */
#ifndef DBX_DPDK_TRIE_H
#define DBX_DPDK_TRIE_H

#include <stdbool.h>
#include <stdint.h>

struct dpk_image;
struct dpk_view;

/*
 * A word of an address, or a key of ports, goes on by one of these. Values of both: DBX_LEAF | value, or
 * DPK_NODE with the word of the address that is searched next, 1 .. 3, the kind, and the index.
 */
#define DPK_NODE         0x40000000u /* without DBX_LEAF */
#define DPK_NODE_SHIFT   28          /* bits 28, 29: the word */
#define DPK_NODE_WORD(r) ((r) >> DPK_NODE_SHIFT & 3)
#define DPK_NODE_TABLE   0x08000000u /* a struct dpk_range, else a struct dpk_node */
#define DPK_NODE_ZERO \
	0x04000000u /* the word before must be 0; where it is not: start[0], or `other` */
#define DPK_NODE_INDEX 0x03ffffffu

/*
 * A sorted run of up to 16 entries, which one comparison searches: the entry of a key is the one before
 * the first that starts behind it. The first entry starts at 0, whatever is in start[0]; what
 * is not used repeats the last one.
 */
#define DPK_NODE_KEYS 16u
#define DPK_NODES_MAX (1u << 20) /* 128 MiB */
struct dpk_node {
	uint32_t start[DPK_NODE_KEYS];
	uint32_t value[DPK_NODE_KEYS];
};

/* Where runs are long: n cells for as many parts of equal size, from base on, and one for all other keys. */
#define DPK_CELLS_MAX (1u << 25) /* 128 MiB */
struct dpk_range {
	uint32_t base, shift, n;
	uint32_t first; /* index of its first cell; that of all other keys is behind the n */
	uint32_t other;
};

struct dpk_nodes {
	struct dpk_node *v;
	struct dpk_range *ranges;
	uint32_t *cells;
	uint32_t n, n_ranges, n_cells;
};

/*
 * A table of addresses: their first 16 bits choose an entry of the root, the next 8 one of a block, the
 * next 8 one of another; what of IPv6 is behind them goes through nodes. DBX_LEAF | value, the number of a
 * block, or DPK_NODE. Block 0 is not used. DPK_TRIE_ABSENT: the table has no room, see the image.
 */
#define DPK_TRIE_ABSENT     0xffffffffu
#define DPK_TRIE_BLOCKS_MAX 131072u /* 128 MiB */
#define DPK_TRIE_LEVELS     2u      /* of blocks behind the root */
struct dpk_trie {
	uint32_t *root;
	uint32_t (*blocks)[256];
	uint32_t n_blocks;
	struct dpk_nodes nodes;
};

static inline const struct dpk_node *dpk_node_at(const struct dpk_nodes *nodes, uint32_t ref)
{
	return &nodes->v[ref & DPK_NODE_INDEX];
}

static inline const struct dpk_range *dpk_range_at(const struct dpk_nodes *nodes, uint32_t ref)
{
	return &nodes->ranges[ref & DPK_NODE_INDEX];
}

static inline const uint32_t *dpk_cell_of(const struct dpk_nodes *nodes, const struct dpk_range *r,
					  uint32_t key)
{
	uint32_t i = (key - r->base) >> r->shift;

	return &nodes->cells[r->first + (i < r->n ? i : r->n)];
}

/* root: one of the view's. Values: as view.h says of by_src4 .. by_dst6. 0 or -ENOMEM. */
int dpk_trie_make(struct dpk_trie *t, const struct dpk_image *image, const struct dpk_view *v,
		  const uint32_t *root);
void dpk_trie_free(struct dpk_trie *t);

/* In place: rule sets of the image, as rules[] of the view has them. 0 or -ENOMEM. */
int dpk_ports_make(struct dpk_nodes *nodes, const struct dpk_view *v, uint32_t *sets, uint32_t n);
void dpk_nodes_free(struct dpk_nodes *nodes);

#endif
