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
#include "dbx/abi.h"

struct dpk_row {
	struct dbx_counter_key key;
	struct dbx_counter value;
	dbx_u32 is_used;
} __attribute__((aligned(64)));

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

static __always_inline dbx_u32 dpk_row_hash(const struct dbx_counter_key *k)
{
	dbx_u64 w[3], h;

	memcpy(w, k, sizeof(w));
	h = (w[0] ^ (w[1] << 31 | w[1] >> 33) ^ w[2] * 0x9e3779b97f4a7c15ull) *
	    0xff51afd7ed558ccdull;
	return (dbx_u32)(h >> 32);
}

/* The key's row, or the free one where it belongs: half of all rows are free. */
static __always_inline struct dpk_row *dpk_row_of(const struct dpk_rows *t,
						  const struct dbx_counter_key *k, dbx_u32 hash)
{
	for (dbx_u32 i = hash;; i++) {
		struct dpk_row *r = &t->v[i & t->mask];

		if (!r->is_used || !memcmp(&r->key, k, sizeof(*k)))
			return r;
	}
}

/*
 * What the packets of a burst add, kept until all of them are judged: by then the rows, which are in no
 * cache where there are many, have been fetched.
 */
#define DPK_OWED_MAX 64u
struct dpk_owed {
	struct dbx_counter_key key;
	dbx_u32 hash;
	struct dbx_counter value;
};

struct dpk_owing {
	dbx_u32 n;
	struct dpk_owed v[DPK_OWED_MAX];
};

/* 0, or -E2BIG: there are as many rows as may be, and none is of this key. */
static inline int dpk_rows_put(struct dpk_rows *t, const struct dpk_owed *o)
{
	struct dpk_row *r = dpk_row_of(t, &o->key, o->hash);

	if (!r->is_used) {
		if (t->n == t->max)
			return -E2BIG;
		t->n++;
		r->key = o->key;
		r->value = o->value;
		__atomic_store_n(&r->is_used, 1, __ATOMIC_RELEASE);
		return 0;
	}
	r->value.packets += o->value.packets;
	r->value.bytes += o->value.bytes;
	return 0;
}

/* What is not in a row is added to unkeyed. */
static inline void dpk_rows_pay(struct dpk_rows *t, struct dpk_owing *o,
				struct dbx_counter *unkeyed)
{
	for (dbx_u32 i = 0; i < o->n; i++) {
		if (!dpk_rows_put(t, &o->v[i]))
			continue;
		unkeyed->packets += o->v[i].value.packets;
		unkeyed->bytes += o->v[i].value.bytes;
	}
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
	v->key = *k;
	v->hash = dpk_row_hash(k);
	v->value = (struct dbx_counter){0, 0};
	__builtin_prefetch(&t->v[v->hash & t->mask], 1);
	return &v->value;
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
