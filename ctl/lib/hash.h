/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hash.h -- a stable 64-bit hash, CRC-32C, and a map from strings to numbers or pointers.
 *
 * Both checksums depend on the bytes alone, so they may be written into files: the same on every
 * machine and in every release.
 */
#ifndef DBX_LIB_HASH_H
#define DBX_LIB_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FNV-1a with a finishing mix (the plain hash is weak in its high bits for short keys). */
uint64_t dbx_hash64(const void *data, size_t len, uint64_t seed);

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4). Start with crc 0; feed parts by passing the result. */
uint32_t dbx_crc32c(uint32_t crc, const void *data, size_t len);

/* Entries lie in insertion order: walk v[0..n) for a walk that does not depend on hashing. */
struct dbx_strmap_entry {
	char *key; /* the map's own copy */
	uint64_t hash;
	uint64_t value;
};

struct dbx_strmap {
	struct dbx_strmap_entry *v;
	size_t n;
	size_t cap;
	uint32_t *slots; /* open addressing; entry index + 1, 0 is free */
	size_t n_slots;  /* power of two, at least twice n */
};

void dbx_strmap_init(struct dbx_strmap *m);
void dbx_strmap_fini(struct dbx_strmap *m);
/* False, with *value untouched, when key is not there; value may be NULL. */
bool dbx_strmap_get(const struct dbx_strmap *m, const char *key, uint64_t *value);
/* 0, -EEXIST (the old value stays: duplicates are the caller's to report), or -ENOMEM. */
int dbx_strmap_put(struct dbx_strmap *m, const char *key, uint64_t value);
/* Like put, but replaces the value of a key that is there. */
int dbx_strmap_set(struct dbx_strmap *m, const char *key, uint64_t value);

/* For maps whose values are all pointers; NULL when key is not there. */
static inline void *dbx_strmap_get_ptr(const struct dbx_strmap *m, const char *key)
{
	uint64_t value = 0;

	dbx_strmap_get(m, key, &value);
	return (void *)(uintptr_t)value;
}

static inline int dbx_strmap_put_ptr(struct dbx_strmap *m, const char *key, void *value)
{
	return dbx_strmap_put(m, key, (uintptr_t)value);
}

#endif
