/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kept.h -- values of a table in a file of memory, each with its key, for a process that comes after this
 * one: the daemon holds the file meanwhile.
 */
#ifndef DBX_DPDK_KEPT_H
#define DBX_DPDK_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dpk_kept;

/* Room for `max` values; *stride: from one to the next. NULL: there is none. */
void *dpk_kept_open(struct dpk_kept **k, uint32_t key_bytes, uint32_t value_bytes, uint32_t *stride,
		    uint32_t max);
void dpk_kept_close(struct dpk_kept **k);
int dpk_kept_fd(const struct dpk_kept *k);
/* The value is an entry's from here on, and until it is no more. */
void dpk_kept_put(const struct dpk_kept *k, void *value, const void *key);
void dpk_kept_del(const struct dpk_kept *k, void *value);
/*
 * Entries of a file that another process has left, each copied before it is looked at: fn returns 0 to go
 * on. -EINVAL: it is not of this table's form.
 */
int dpk_kept_each(const struct dpk_kept *k, int fd,
		  int (*fn)(void *arg, const void *key, const void *value), void *arg);

#endif
