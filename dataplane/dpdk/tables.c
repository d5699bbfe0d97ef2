// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tables.c -- what the maps of the kernel program are here: hashes that are read without a lock.
 *
 * rte_hash finds the place of a value in a pool. Writers of one table are one at a time (its lock), so
 * that "put when it is not there" is one step, as the kernel's BPF_NOEXIST is. What is deleted goes
 * into rte_hash's defer queue, and its value back into the pool, when all readers were quiescent.
 */
#include "dataplane/dpdk/tables.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_random.h>
#include <rte_rcu_qsbr.h>
#include <rte_spinlock.h>

#include "dataplane/dpdk/kept.h"

#define CLEAR_WALKS 64u

#define HUGE_BYTES (2ul << 20)

/* What is large begins and ends where huge pages do: the kernel gives them to no other place. */
static size_t round_up(size_t n_bytes)
{
	return n_bytes < HUGE_BYTES / 2 ? n_bytes : (n_bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

static uint8_t *map(size_t n_bytes)
{
	void *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void *dpk_memory_get(size_t n_bytes)
{
	size_t n = round_up(n_bytes), before;
	uint8_t *p;

	if (n < HUGE_BYTES)
		return map(n);
	p = map(n + HUGE_BYTES);
	if (!p)
		return NULL;
	before = -(uintptr_t)p & (HUGE_BYTES - 1);
	if (before)
		munmap(p, before);
	munmap(p + before + n, HUGE_BYTES - before);
	madvise(p + before, n, MADV_HUGEPAGE);
	return p + before;
}

void dpk_memory_put(void *p, size_t n_bytes)
{
	if (p)
		munmap(p, round_up(n_bytes));
}

/* Nobody outside can choose keys that fall into one bucket. */
static uint32_t seed(void)
{
	uint32_t v = 0;

	return getrandom(&v, sizeof(v), 0) == (ssize_t)sizeof(v) ? v : (uint32_t)rte_rand();
}

/* ---- tables that refuse when they are full ---- */

struct dpk_table {
	struct rte_hash *hash;
	rte_spinlock_t lock; /* of writers */
	uint32_t key_bytes, value_bytes, stride, max;
	uint32_t n_free;
	uint32_t *free; /* indices of values that nobody has */
	uint8_t *values;
	struct dpk_kept *kept; /* where values lie in a file; NULL: they do not */
};

static size_t values_bytes(const struct dpk_table *t)
{
	return (size_t)t->max * t->stride;
}

/* Called by rte_hash under the lock, when nobody can be reading the value any more. */
static void value_free(void *arg, void *data)
{
	struct dpk_table *t = arg;

	t->free[t->n_free++] = (uint32_t)(((uint8_t *)data - t->values) / t->stride);
}

static int hash_open(struct dpk_table *t, const char *name, struct rte_rcu_qsbr *qsbr)
{
	struct rte_hash_parameters p = {
		.name = name,
		.entries = t->max - 1,
		.key_len = t->key_bytes,
		.hash_func = rte_jhash,
		.hash_func_init_val = seed(),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
			      RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct rte_hash_rcu_config rcu = {
		.v = qsbr,
		.mode = RTE_HASH_QSBR_MODE_DQ,
		.trigger_reclaim_limit = 32,
		.max_reclaim_size = 64,
		.key_data_ptr = t,
		.free_key_data_func = value_free,
	};

	t->hash = rte_hash_create(&p);
	if (!t->hash)
		return rte_errno ? -rte_errno : -ENOMEM;
	return rte_hash_rcu_qsbr_add(t->hash, &rcu) ? -rte_errno : 0;
}

static int open_any(struct dpk_table **out, const char *name, uint32_t key_bytes,
		    uint32_t value_bytes, uint32_t max, bool is_kept, struct rte_rcu_qsbr *qsbr)
{
	struct dpk_table *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return -ENOMEM;
	rte_spinlock_init(&t->lock);
	t->key_bytes = key_bytes;
	t->value_bytes = value_bytes;
	t->stride = (value_bytes + 7) & ~7u;
	t->max = max + 1; /* so that a full table still asks rte_hash, which then reclaims */
	t->free = calloc(t->max, sizeof(*t->free));
	if (is_kept)
		t->values = dpk_kept_open(&t->kept, key_bytes, value_bytes, &t->stride, t->max);
	else
		t->values = dpk_memory_get(values_bytes(t));
	rc = t->free && t->values ? hash_open(t, name, qsbr) : -ENOMEM;
	if (rc) {
		dpk_table_close(&t);
		return rc;
	}
	for (uint32_t i = 0; i < t->max; i++)
		t->free[i] = t->max - 1 - i;
	t->n_free = t->max;
	*out = t;
	return 0;
}

int dpk_table_open(struct dpk_table **out, const char *name, uint32_t key_bytes,
		   uint32_t value_bytes, uint32_t max, struct rte_rcu_qsbr *qsbr)
{
	return open_any(out, name, key_bytes, value_bytes, max, false, qsbr);
}

int dpk_table_open_kept(struct dpk_table **out, const char *name, uint32_t key_bytes,
			uint32_t value_bytes, uint32_t max, struct rte_rcu_qsbr *qsbr)
{
	return open_any(out, name, key_bytes, value_bytes, max, true, qsbr);
}

const struct dpk_kept *dpk_table_kept(const struct dpk_table *t)
{
	return t->kept;
}

void dpk_table_close(struct dpk_table **tp)
{
	struct dpk_table *t = *tp;

	if (!t)
		return;
	rte_hash_free(t->hash);
	if (t->kept)
		dpk_kept_close(&t->kept);
	else
		dpk_memory_put(t->values, values_bytes(t));
	free(t->free);
	free(t);
	*tp = NULL;
}

void *dpk_table_get(const struct dpk_table *t, const void *key)
{
	void *data;

	return rte_hash_lookup_data(t->hash, key, &data) < 0 ? NULL : data;
}

static int add(struct dpk_table *t, const void *key, const void *value)
{
	uint32_t i;
	void *v;

	if (!t->n_free)
		return -E2BIG;
	i = t->free[--t->n_free];
	v = t->values + (size_t)i * t->stride;
	memcpy(v, value, t->value_bytes);
	if (!rte_hash_add_key_data(t->hash, key, v)) {
		if (t->kept)
			dpk_kept_put(t->kept, v, key);
		return 0;
	}
	t->free[t->n_free++] = i;
	return -E2BIG;
}

int dpk_table_put(struct dpk_table *t, const void *key, const void *value, int is_new)
{
	void *v;
	int rc;

	rte_spinlock_lock(&t->lock);
	v = dpk_table_get(t, key);
	if (!v) {
		rc = add(t, key, value);
	} else if (is_new) {
		rc = -EEXIST;
	} else {
		memcpy(v, value, t->value_bytes);
		rc = 0;
	}
	rte_spinlock_unlock(&t->lock);
	return rc;
}

int dpk_table_del(struct dpk_table *t, const void *key)
{
	void *v;
	int rc;

	rte_spinlock_lock(&t->lock);
	v = t->kept ? dpk_table_get(t, key) : NULL;
	if (v)
		dpk_kept_del(t->kept, v);
	rc = rte_hash_del_key(t->hash, key);
	rte_spinlock_unlock(&t->lock);
	return rc < 0 ? -ENOENT : 0;
}

int dpk_table_next(const struct dpk_table *t, const void **key, void **value, uint32_t *at)
{
	return rte_hash_iterate(t->hash, key, value, at) >= 0;
}

void dpk_table_clear(struct dpk_table *t)
{
	const void *key;
	void *value;
	bool more = true;
	uint32_t at;

	/* what is deleted may make another entry move to where the walk has been */
	for (unsigned int i = 0; i < CLEAR_WALKS && more; i++) {
		more = false;
		for (at = 0; dpk_table_next(t, &key, &value, &at);) {
			dpk_table_del(t, key);
			more = true;
		}
	}
}

/* ---- tables that forget what was put first ---- */

#define WAYS      8u
#define KEY_BYTES 44u /* of both kinds of keys: struct dbx_flow_key, struct dbx_frag_key */

struct set {
	rte_spinlock_t lock;
	uint32_t next; /* the way that is taken when no way has the key */
	uint64_t values[WAYS];
	uint8_t keys[WAYS][KEY_BYTES];
	uint8_t used; /* a bit a way */
} __rte_cache_aligned;

struct dpk_recent {
	uint32_t n_sets, seed;
	struct set *sets;
};

int dpk_recent_open(struct dpk_recent **out, uint32_t key_bytes, uint32_t max)
{
	struct dpk_recent *t;
	uint32_t n = 1;

	if (key_bytes != KEY_BYTES)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	while (n * WAYS < max)
		n *= 2;
	t->n_sets = n;
	t->seed = seed();
	t->sets = dpk_memory_get(n * sizeof(*t->sets));
	if (!t->sets) {
		free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void dpk_recent_close(struct dpk_recent **tp)
{
	if (!*tp)
		return;
	dpk_memory_put((*tp)->sets, (*tp)->n_sets * sizeof(*(*tp)->sets));
	free(*tp);
	*tp = NULL;
}

static struct set *set_of(struct dpk_recent *t, const void *key)
{
	return &t->sets[rte_jhash(key, KEY_BYTES, t->seed) & (t->n_sets - 1)];
}

static int way_of(const struct set *s, const void *key)
{
	for (uint32_t i = 0; i < WAYS; i++) {
		if ((s->used >> i & 1) && !memcmp(s->keys[i], key, KEY_BYTES))
			return (int)i;
	}
	return -1;
}

uint64_t *dpk_recent_at(struct dpk_recent *t, const void *key)
{
	struct set *s = set_of(t, key);
	uint64_t *v;
	int way;

	rte_spinlock_lock(&s->lock);
	way = way_of(s, key);
	v = way < 0 ? NULL : &s->values[way];
	rte_spinlock_unlock(&s->lock);
	return v;
}

int dpk_recent_get(struct dpk_recent *t, const void *key, uint64_t *value)
{
	struct set *s = set_of(t, key);
	int way;

	rte_spinlock_lock(&s->lock);
	way = way_of(s, key);
	if (way >= 0)
		*value = s->values[way];
	rte_spinlock_unlock(&s->lock);
	return way >= 0;
}

void dpk_recent_put(struct dpk_recent *t, const void *key, uint64_t value)
{
	struct set *s = set_of(t, key);
	int way;

	rte_spinlock_lock(&s->lock);
	way = way_of(s, key);
	if (way < 0) {
		way = (int)(s->next++ % WAYS);
		s->used |= (uint8_t)(1u << way);
		memcpy(s->keys[way], key, KEY_BYTES);
	}
	s->values[way] = value;
	rte_spinlock_unlock(&s->lock);
}

void dpk_recent_clear(struct dpk_recent *t)
{
	for (uint32_t i = 0; i < t->n_sets; i++) {
		rte_spinlock_lock(&t->sets[i].lock);
		t->sets[i].used = 0;
		rte_spinlock_unlock(&t->sets[i].lock);
	}
}
