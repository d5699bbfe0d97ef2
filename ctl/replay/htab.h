/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * htab.h -- a hash table of fixed-size keys and values, standing in for a map of the kernel.
 *
 * Values do not move while they are in the table, as in the kernel: programs keep pointers to them.
 */
#ifndef DBX_REPLAY_HTAB_H
#define DBX_REPLAY_HTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dbx_htab {
	uint32_t key_bytes, value_bytes;
	uint32_t max;     /* entries */
	bool evicts;      /* when full, an old entry goes; else the new one is refused */
	uint32_t n;       /* entries in use */
	uint32_t mask;    /* of slots */
	uint32_t *slots;  /* entry + 1, 0 = never used */
	uint8_t **blocks; /* of entries: key, then value */
	uint32_t n_blocks, n_made, hand;
	uint32_t *free_list;
	uint32_t n_free, cap_free;
};

void dbx_htab_init(struct dbx_htab *t, uint32_t key_bytes, uint32_t value_bytes, uint32_t max,
		   bool evicts);
void dbx_htab_fini(struct dbx_htab *t); /* empty, and good for use again */

void *dbx_htab_get(const struct dbx_htab *t, const void *key); /* the value, or NULL */
/* 0; -ENOSPC (full), -ENOMEM; -EEXIST when the key is there and must not be. */
int dbx_htab_put(struct dbx_htab *t, const void *key, const void *value, bool must_be_new);
int dbx_htab_del(struct dbx_htab *t, const void *key); /* -ENOENT */

/* fn: 0 = go on, 1 = take the entry out, < 0 = stop. */
void dbx_htab_each(struct dbx_htab *t, int (*fn)(void *arg, const void *key, void *value),
		   void *arg);

#endif
