/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * idmap.c -- open addressing with linear probing; nothing is ever removed singly.
 */
#include "lib/idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Finishing mix of MurmurHash3 (public domain), so that keys in sequence spread. */
static size_t spread(uint64_t k)
{
	k ^= k >> 33;
	k *= 0xff51afd7ed558ccdull;
	k ^= k >> 33;
	k *= 0xc4ceb9fe1a85ec53ull;
	return (size_t)(k ^ k >> 33);
}

static struct dbx_idmap_slot *find(struct dbx_idmap_slot *v, size_t n_slots, uint64_t key)
{
	size_t i = spread(key) & (n_slots - 1);

	while (v[i].value_plus_1 && v[i].key != key)
		i = (i + 1) & (n_slots - 1);
	return &v[i];
}

static int grow(struct dbx_idmap *m)
{
	size_t n_slots = m->n_slots ? m->n_slots * 2 : 64;
	struct dbx_idmap_slot *v = calloc(n_slots, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->v[i].value_plus_1)
			*find(v, n_slots, m->v[i].key) = m->v[i];
	free(m->v);
	m->v = v;
	m->n_slots = n_slots;
	return 0;
}

bool dbx_idmap_get(const struct dbx_idmap *m, uint64_t key, uint32_t *value)
{
	const struct dbx_idmap_slot *s;

	if (!m->n)
		return false;
	s = find(m->v, m->n_slots, key);
	if (!s->value_plus_1)
		return false;
	*value = s->value_plus_1 - 1;
	return true;
}

int dbx_idmap_set(struct dbx_idmap *m, uint64_t key, uint32_t value)
{
	struct dbx_idmap_slot *s;

	if (2 * (m->n + 1) > m->n_slots && grow(m))
		return -ENOMEM;
	s = find(m->v, m->n_slots, key);
	m->n += !s->value_plus_1;
	s->key = key;
	s->value_plus_1 = value + 1;
	return 0;
}

void dbx_idmap_clear(struct dbx_idmap *m)
{
	if (m->n)
		memset(m->v, 0, m->n_slots * sizeof(*m->v));
	m->n = 0;
}

void dbx_idmap_fini(struct dbx_idmap *m)
{
	free(m->v);
	memset(m, 0, sizeof(*m));
}
