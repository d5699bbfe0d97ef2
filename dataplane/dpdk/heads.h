/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heads.h -- the headers of a burst's packets, as far as look-ups need them.
 */
#ifndef DBX_DPDK_HEADS_H
#define DBX_DPDK_HEADS_H

#include <stdbool.h>

#include "dataplane/dpdk/look.h"

/*
 * Sets l->is_v6, l->addr and l->port of those that have what is looked up (look.h), and returns them by bits;
 * what is written of others means nothing.
 */
uint64_t dpk_heads(struct dpk_looks *l);

/* See dpk_look_wide(). */
bool dpk_heads_wide(bool on);

#endif
