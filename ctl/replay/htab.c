// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * htab.c -- a hash table of fixed-size keys and values, standing in for a map of the kernel.
 *
 * Open addressing over entry numbers; entries lie in blocks that never move. What is deleted is
 * taken out by moving later entries of its chain back, so chains stay as short as they can be.
 */
#include "replay/htab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SHIFT 10
#define BLOCK       (1u << BLOCK_SHIFT)
#define SLOTS_FIRST 256u

static uint32_t entry_bytes(const struct dbx_htab *t)
{
	/* value behind the key, both aligned as the kernel aligns them */
	return ((t->key_bytes + 7) & ~7u) + ((t->value_bytes + 7) & ~7u);
}

static uint8_t *entry(const struct dbx_htab *t, uint32_t i)
{
	return t->blocks[i >> BLOCK_SHIFT] + (size_t)(i & (BLOCK - 1)) * entry_bytes(t);
}

static uint8_t *value_of(const struct dbx_htab *t, uint32_t i)
{
	return entry(t, i) + ((t->key_bytes + 7) & ~7u);
}

/* Eight bytes at a step, since this is most of what a look-up costs; the finisher of MurmurHash3. */
static uint64_t hash_of(const uint8_t *p, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15ull * (n + 1), word;

	for (size_t at = 0; at < n; at += sizeof(word)) {
		word = 0;
		memcpy(&word, p + at, n - at < sizeof(word) ? n - at : sizeof(word));
		h = (h ^ word) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
	return h ^ (h >> 33);
}

static uint32_t home(const struct dbx_htab *t, const void *key)
{
	return (uint32_t)hash_of(key, t->key_bytes) & t->mask;
}

void dbx_htab_init(struct dbx_htab *t, uint32_t key_bytes, uint32_t value_bytes, uint32_t max,
		   bool evicts)
{
	*t = (struct dbx_htab){
		.key_bytes = key_bytes,
		.value_bytes = value_bytes,
		.max = max,
		.evicts = evicts,
	};
}

void dbx_htab_fini(struct dbx_htab *t)
{
	for (uint32_t i = 0; i < t->n_blocks; i++)
		free(t->blocks[i]);
	free(t->blocks);
	free(t->slots);
	free(t->free_list);
	dbx_htab_init(t, t->key_bytes, t->value_bytes, t->max, t->evicts);
}

/* The slot that holds key, or the free one where it belongs. */
static uint32_t find(const struct dbx_htab *t, const void *key)
{
	uint32_t s = home(t, key);

	while (t->slots[s] && memcmp(entry(t, t->slots[s] - 1), key, t->key_bytes) != 0)
		s = (s + 1) & t->mask;
	return s;
}

void *dbx_htab_get(const struct dbx_htab *t, const void *key)
{
	uint32_t s;

	if (!t->n)
		return NULL;
	s = find(t, key);
	return t->slots[s] ? value_of(t, t->slots[s] - 1) : NULL;
}

static int grow(struct dbx_htab *t)
{
	uint32_t n = t->slots ? (t->mask + 1) * 2 : SLOTS_FIRST, old_n = t->slots ? t->mask + 1 : 0;
	uint32_t *old = t->slots, *v = calloc(n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	t->slots = v;
	t->mask = n - 1;
	for (uint32_t i = 0; i < old_n; i++)
		if (old[i])
			t->slots[find(t, entry(t, old[i] - 1))] = old[i];
	free(old);
	return 0;
}

static int take(struct dbx_htab *t, uint32_t *i)
{
	if (t->n_free) {
		*i = t->free_list[--t->n_free];
		return 0;
	}
	if (t->n_made == t->n_blocks << BLOCK_SHIFT) {
		uint8_t **v = realloc(t->blocks, (t->n_blocks + 1) * sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->blocks = v;
		v[t->n_blocks] = malloc((size_t)entry_bytes(t) * BLOCK);
		if (!v[t->n_blocks])
			return -ENOMEM;
		t->n_blocks++;
	}
	*i = t->n_made++;
	return 0;
}

static int give_back(struct dbx_htab *t, uint32_t i)
{
	if (t->n_free == t->cap_free) {
		uint32_t cap = t->cap_free ? t->cap_free * 2 : 64;
		uint32_t *v = realloc(t->free_list, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->free_list = v;
		t->cap_free = cap;
	}
	t->free_list[t->n_free++] = i;
	return 0;
}

/* Empties slot s and closes the gap. */
static void remove_slot(struct dbx_htab *t, uint32_t s)
{
	uint32_t next = s, want;

	t->n--;
	for (;;) {
		t->slots[s] = 0;
		do {
			next = (next + 1) & t->mask;
			if (!t->slots[next])
				return;
			want = home(t, entry(t, t->slots[next] - 1));
			/* stays where it is while its home lies behind the gap */
		} while (((next - want) & t->mask) < ((next - s) & t->mask));
		t->slots[s] = t->slots[next];
		s = next;
	}
}

int dbx_htab_del(struct dbx_htab *t, const void *key)
{
	uint32_t s, i;

	if (!t->n)
		return -ENOENT;
	s = find(t, key);
	if (!t->slots[s])
		return -ENOENT;
	i = t->slots[s] - 1;
	if (give_back(t, i))
		return -ENOMEM;
	remove_slot(t, s);
	return 0;
}

/* Makes room by taking out the next entry in turn: about as the kernel's LRU does under a flood. */
static int evict(struct dbx_htab *t)
{
	while (!t->slots[t->hand & t->mask])
		t->hand++;
	return dbx_htab_del(t, entry(t, t->slots[t->hand++ & t->mask] - 1));
}

int dbx_htab_put(struct dbx_htab *t, const void *key, const void *value, bool must_be_new)
{
	uint8_t *had = dbx_htab_get(t, key);
	uint32_t i;
	int rc = 0;

	if (had) {
		if (must_be_new)
			return -EEXIST;
		memcpy(had, value, t->value_bytes);
		return 0;
	}
	if (t->n >= t->max)
		rc = t->evicts ? evict(t) : -ENOSPC;
	if (!rc && (!t->slots || t->n + 1 > (t->mask + 1) / 2))
		rc = grow(t);
	if (!rc)
		rc = take(t, &i);
	if (rc)
		return rc;
	memcpy(entry(t, i), key, t->key_bytes);
	memcpy(value_of(t, i), value, t->value_bytes);
	t->slots[find(t, key)] = i + 1;
	t->n++;
	return 0;
}

void dbx_htab_each(struct dbx_htab *t, int (*fn)(void *arg, const void *key, void *value),
		   void *arg)
{
	uint32_t s = 0, i;
	int rc;

	/* An entry that is taken out may bring a later one to its slot: look at that again. */
	while (t->slots && s <= t->mask) {
		if (!t->slots[s]) {
			s++;
			continue;
		}
		i = t->slots[s] - 1;
		rc = fn(arg, entry(t, i), value_of(t, i));
		if (rc < 0)
			return;
		if (rc == 0 || dbx_htab_del(t, entry(t, i)))
			s++;
	}
}
