/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * counters.h -- the keyed counters of one lcore: written by it alone, read by anybody.
 *
 * Rows are never taken out, so a reader needs no more than to see that a row is in use.
 */
#ifndef DBX_DPDK_COUNTERS_H
#define DBX_DPDK_COUNTERS_H

#include <errno.h>
#include <string.h>

#include "dataplane/dpdk/tables.h"
#include "dbx/classify.h"

struct dpk_row {
	struct dbx_counter_key key;
	struct dbx_counter value;
	/* a short form of the key, which holds as long as nobody else has this serial number: dpk_rows_hit() */
	dbx_u64 serial, tag;
	dbx_u32 is_used;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct dpk_row) == 64, "a cache line");

struct dpk_rows {
	struct dpk_row *v;
	dbx_u32 mask, n, max;
};

static inline int dpk_rows_open(struct dpk_rows *t, dbx_u32 max)
{
	dbx_u32 n = 64;

	while (n < max * 2)
		n *= 2;
	*t = (struct dpk_rows){dpk_memory_get(n * sizeof(*t->v)), n - 1, 0, max};
	return t->v ? 0 : -ENOMEM;
}

static inline void dpk_rows_close(struct dpk_rows *t)
{
	dpk_memory_put(t->v, (t->mask + 1) * sizeof(*t->v));
	t->v = NULL;
}

/* The key as words: what was just written in parts is slow to be read as a whole. */
#define DPK_KEY_WORDS (sizeof(struct dbx_counter_key) / sizeof(dbx_u64))

/* Two numbers make a hash: of the first word, which is the workspace, and of those behind it. */
static __always_inline dbx_u32 dpk_hash_workspace(dbx_u64 w0)
{
	return (dbx_u32)(w0 * 0xff51afd7ed558ccdull >> 32);
}

static __always_inline dbx_u32 dpk_hash_rest(dbx_u64 w1, dbx_u64 w2)
{
	dbx_u64 h = (w1 << 31 | w1 >> 33) ^ w2 * 0x9e3779b97f4a7c15ull;

	return (dbx_u32)(h * 0xff51afd7ed558ccdull >> 32);
}

static __always_inline dbx_u32 dpk_row_hash(const dbx_u64 key[DPK_KEY_WORDS])
{
	return dpk_hash_workspace(key[0]) ^ dpk_hash_rest(key[1], key[2]);
}

/* The key's row, or the free one where it belongs: half of all rows are free. */
static __always_inline struct dpk_row *dpk_row_of(const struct dpk_rows *t,
						  const dbx_u64 key[DPK_KEY_WORDS], dbx_u32 hash)
{
	for (dbx_u32 i = hash;; i++) {
		struct dpk_row *r = &t->v[i & t->mask];
		dbx_u64 differs = 0, w;

		for (dbx_u32 k = 0; k < DPK_KEY_WORDS; k++) {
			memcpy(&w, (const dbx_u8 *)&r->key + 8 * k, sizeof(w));
			differs |= w ^ key[k];
		}
		if (!r->is_used || !differs)
			return r;
	}
}

/* As readers see it: each word as a whole. */
static __always_inline void dpk_row_add(struct dbx_counter *c, dbx_u64 packets, dbx_u64 bytes)
{
	__atomic_store_n(&c->packets, c->packets + packets, __ATOMIC_RELAXED);
	__atomic_store_n(&c->bytes, c->bytes + bytes, __ATOMIC_RELAXED);
}

/*
 * A packet is counted in the row that has this tag, if that is where the hash says; else false. A tag stands
 * for a key of whoever has this serial number, which is not 0.
 */
static __always_inline int dpk_rows_hit(const struct dpk_rows *t, dbx_u32 hash, dbx_u64 serial,
					dbx_u64 tag, dbx_u64 bytes)
{
	struct dpk_row *r = &t->v[hash & t->mask];

	if (__builtin_expect((r->serial ^ serial) | (r->tag ^ tag), 0))
		return 0;
	dpk_row_add(&r->value, 1, bytes);
	return 1;
}

/*
 * What the packets of a burst add, kept until all of them are judged: by then the rows, which are in no
 * cache where there are many, have been fetched.
 */
#define DPK_OWED_MAX 64u
struct dpk_owed {
	dbx_u64 key[DPK_KEY_WORDS];
	dbx_u32 hash;
	struct dbx_counter value;
};

struct dpk_owing {
	dbx_u32 n;
	struct dpk_owed v[DPK_OWED_MAX];
};

/*
 * Returns the row. NULL: it is not in a row, since there are as many as may be and none is of this key; it
 * was added to unkeyed.
 */
static __always_inline struct dpk_row *dpk_rows_put(struct dpk_rows *t, struct dbx_counter *unkeyed,
						    const struct dpk_owed *o)
{
	struct dpk_row *r = dpk_row_of(t, o->key, o->hash);
	struct dbx_counter *to = &r->value;

	if (__builtin_expect(!r->is_used, 0)) {
		if (t->n < t->max) {
			t->n++;
			memcpy(&r->key, o->key, sizeof(r->key));
			r->value = o->value;
			__atomic_store_n(&r->is_used, 1, __ATOMIC_RELEASE);
			return r;
		}
		to = unkeyed;
	}
	dpk_row_add(to, o->value.packets, o->value.bytes);
	return to == unkeyed ? NULL : r;
}

static inline void dpk_rows_pay(struct dpk_rows *t, struct dpk_owing *o,
				struct dbx_counter *unkeyed)
{
	for (dbx_u32 i = 0; i < o->n; i++)
		dpk_rows_put(t, unkeyed, &o->v[i]);
	o->n = 0;
}

/* Of one more packet, to be added to. */
static __always_inline struct dbx_counter *dpk_rows_owe(struct dpk_rows *t, struct dpk_owing *o,
							struct dbx_counter *unkeyed,
							const struct dbx_counter_key *k)
{
	struct dpk_owed *v;

	if (o->n == DPK_OWED_MAX)
		dpk_rows_pay(t, o, unkeyed);
	v = &o->v[o->n++];
	memcpy(v->key, k, sizeof(v->key));
	v->value = (struct dbx_counter){0, 0};
	v->hash = dpk_row_hash(v->key);
	__builtin_prefetch(&t->v[v->hash & t->mask], 1);
	return &v->value;
}

/* As struct dbx_counter_key ends. */
static __always_inline dbx_u64 dpk_key_word(dbx_u8 reason, dbx_u8 verdict, dbx_u8 path)
{
	return (dbx_u64)reason | (dbx_u64)verdict << 16 | (dbx_u64)path << 24;
}

/* Row *at, or the next one that is in use; 0 = there is none. */
static inline int dpk_rows_next(const struct dpk_rows *t, dbx_u32 *at, struct dbx_counter_key *key,
				struct dbx_counter *value)
{
	for (; *at <= t->mask; (*at)++) {
		const struct dpk_row *r = &t->v[*at];

		if (!__atomic_load_n(&r->is_used, __ATOMIC_ACQUIRE))
			continue;
		*key = r->key;
		value->packets = __atomic_load_n(&r->value.packets, __ATOMIC_RELAXED);
		value->bytes = __atomic_load_n(&r->value.bytes, __ATOMIC_RELAXED);
		(*at)++;
		return 1;
	}
	return 0;
}

#endif
