/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_big.h -- gateways of real size: the clouds' own files, and tables at the edge of their layout.
 */
#ifndef DBX_TESTS_GEN_BIG_H
#define DBX_TESTS_GEN_BIG_H

#include "common/vec_world.h"

/* All four clouds' newest files of rules/feeds, and entries that name their tags. */
int gen_big_feeds(struct vec_world *w);
/* Runs that are as long as they may be, and longer than a chunk: destinations and sources. */
int gen_big_runs(struct vec_world *w);

#endif
