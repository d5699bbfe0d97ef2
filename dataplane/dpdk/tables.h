/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tables.h -- what the maps of the kernel program are here: hashes that are read without a lock.
 *
 * All memory is taken when a table is opened. A value stays where it is, and stays what it is, for a
 * reader that found it, until that reader has reported a quiescent state (rte_rcu_qsbr).
 */
#ifndef DBX_DPDK_TABLES_H
#define DBX_DPDK_TABLES_H

#include <stddef.h>
#include <stdint.h>

struct dpk_kept;
struct rte_rcu_qsbr;

/* ---- tables that refuse when they are full ---- */

struct dpk_table;

/* name: unique in the process. 0 or -errno. */
int dpk_table_open(struct dpk_table **t, const char *name, uint32_t key_bytes, uint32_t value_bytes,
		   uint32_t max, struct rte_rcu_qsbr *qsbr);
/* The same, with its entries in a file too, which a process to come may read (kept.h). */
int dpk_table_open_kept(struct dpk_table **t, const char *name, uint32_t key_bytes,
			uint32_t value_bytes, uint32_t max, struct rte_rcu_qsbr *qsbr);
const struct dpk_kept *dpk_table_kept(const struct dpk_table *t);
void dpk_table_close(struct dpk_table **t);
/* By lcores, and by threads that are online in the qsbr. */
void *dpk_table_get(const struct dpk_table *t, const void *key);
/* is_new: -EEXIST when the key is there, else its value is overwritten in place. -E2BIG: full. */
int dpk_table_put(struct dpk_table *t, const void *key, const void *value, int is_new);
int dpk_table_del(struct dpk_table *t, const void *key); /* -ENOENT */
/* The entry behind *at, which begins with 0; 0 = there is none. What changes may be missed. */
int dpk_table_next(const struct dpk_table *t, const void **key, void **value, uint32_t *at);
/* Takes everything out; values stay as long as their readers. */
void dpk_table_clear(struct dpk_table *t);

/* ---- tables that forget what was put first ---- */

struct dpk_recent;

int dpk_recent_open(struct dpk_recent **t, uint32_t key_bytes, uint32_t max);
void dpk_recent_close(struct dpk_recent **t);
/* Values are 8 bytes. The value is copied under the set's lock. 1: it was there. */
int dpk_recent_get(struct dpk_recent *t, const void *key, uint64_t *value);
/* Where the value lies, until another key takes its place. */
uint64_t *dpk_recent_at(struct dpk_recent *t, const void *key);
void dpk_recent_put(struct dpk_recent *t, const void *key, uint64_t value);
void dpk_recent_clear(struct dpk_recent *t);

/* Zeroed memory that is not of the EAL: the kernel gives a page when it is touched. NULL: none. */
void *dpk_memory_get(size_t n_bytes);
void dpk_memory_put(void *p, size_t n_bytes);

#endif
