// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hash.c -- a stable 64-bit hash, CRC-32C, and a map from strings to numbers or pointers.
 */
#include "lib/hash.h"
#include "lib/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t dbx_hash64(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325ull ^ seed;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	/* The finisher of MurmurHash3. */
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
	return h ^ (h >> 33);
}

/* Slicing by 8: [0] is the CRC of one byte, reflected polynomial; [k] is [k-1] and a zero byte more. */
static uint32_t crc_table[8][256];

/* Runs before main, so that no thread can see it half filled. */
static void __attribute__((constructor)) crc_table_init(void)
{
	uint32_t c;
	int i, k, bit;

	for (i = 0; i < 256; i++) {
		c = (uint32_t)i;
		for (bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (0x82f63b78u & (0u - (c & 1u)));
		crc_table[0][i] = c;
	}
	for (k = 1; k < 8; k++) {
		for (i = 0; i < 256; i++) {
			c = crc_table[k - 1][i];
			crc_table[k][i] = c >> 8 ^ crc_table[0][c & 0xff];
		}
	}
}

uint32_t dbx_crc32c(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;

	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint32_t lo = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				     (uint32_t)p[3] << 24);

		crc = crc_table[7][lo & 0xff] ^ crc_table[6][lo >> 8 & 0xff] ^
		      crc_table[5][lo >> 16 & 0xff] ^ crc_table[4][lo >> 24] ^ crc_table[3][p[4]] ^
		      crc_table[2][p[5]] ^ crc_table[1][p[6]] ^ crc_table[0][p[7]];
	}
	for (; len; len--, p++)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xff];
	return ~crc;
}

void dbx_strmap_init(struct dbx_strmap *m)
{
	*m = (struct dbx_strmap){0};
}

void dbx_strmap_fini(struct dbx_strmap *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		free(m->v[i].key);
	free(m->v);
	free(m->slots);
	dbx_strmap_init(m);
}

static struct dbx_strmap_entry *find(const struct dbx_strmap *m, const char *key, uint64_t hash)
{
	size_t i;

	if (!m->n_slots)
		return NULL;
	for (i = hash & (m->n_slots - 1); m->slots[i]; i = (i + 1) & (m->n_slots - 1)) {
		struct dbx_strmap_entry *e = &m->v[m->slots[i] - 1];

		if (e->hash == hash && strcmp(e->key, key) == 0)
			return e;
	}
	return NULL;
}

static void link_slot(uint32_t *slots, size_t n_slots, uint64_t hash, size_t index)
{
	size_t i = hash & (n_slots - 1);

	while (slots[i])
		i = (i + 1) & (n_slots - 1);
	slots[i] = (uint32_t)(index + 1);
}

static int grow_slots(struct dbx_strmap *m)
{
	size_t i, n_slots = m->n_slots ? m->n_slots * 2 : 16;
	uint32_t *slots;

	if ((m->n + 1) * 2 <= m->n_slots)
		return 0;
	if (n_slots > UINT32_MAX)
		return -ENOMEM;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (i = 0; i < m->n; i++)
		link_slot(slots, n_slots, m->v[i].hash, i);
	free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
	return 0;
}

bool dbx_strmap_get(const struct dbx_strmap *m, const char *key, uint64_t *value)
{
	const struct dbx_strmap_entry *e = find(m, key, dbx_hash64(key, strlen(key), 0));

	if (e && value)
		*value = e->value;
	return e != NULL;
}

static int insert(struct dbx_strmap *m, const char *key, uint64_t hash, uint64_t value)
{
	char *copy;

	if (grow_slots(m) || dbx_vec_reserve(m, m->n + 1))
		return -ENOMEM;
	copy = strdup(key);
	if (!copy)
		return -ENOMEM;
	link_slot(m->slots, m->n_slots, hash, m->n);
	m->v[m->n++] = (struct dbx_strmap_entry){.key = copy, .hash = hash, .value = value};
	return 0;
}

int dbx_strmap_put(struct dbx_strmap *m, const char *key, uint64_t value)
{
	uint64_t hash = dbx_hash64(key, strlen(key), 0);

	return find(m, key, hash) ? -EEXIST : insert(m, key, hash, value);
}

int dbx_strmap_set(struct dbx_strmap *m, const char *key, uint64_t value)
{
	uint64_t hash = dbx_hash64(key, strlen(key), 0);
	struct dbx_strmap_entry *e = find(m, key, hash);

	if (!e)
		return insert(m, key, hash, value);
	e->value = value;
	return 0;
}
