/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * idmap.h -- a map from 64-bit keys to 32-bit numbers, in memory that grows.
 */
#ifndef DBX_LIB_IDMAP_H
#define DBX_LIB_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dbx_idmap { /* all zero is an empty map */
	struct dbx_idmap_slot {
		uint64_t key;
		uint32_t value_plus_1; /* 0 = free */
	} * v;
	size_t n, n_slots; /* n_slots: power of two, at least twice n */
};

bool dbx_idmap_get(const struct dbx_idmap *m, uint64_t key, uint32_t *value);
/* Sets or replaces; value below UINT32_MAX. 0 or -ENOMEM. */
int dbx_idmap_set(struct dbx_idmap *m, uint64_t key, uint32_t value);
void dbx_idmap_clear(struct dbx_idmap *m); /* keeps the memory */
void dbx_idmap_fini(struct dbx_idmap *m);

#endif
