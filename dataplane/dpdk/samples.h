/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * samples.h -- copies of judged packets: what an lcore has for them, and who takes them.
 *
 * An lcore writes into a ring of its own, and where that is full it counts; it never waits. Without a
 * capture the memory of the ring is not touched.
 */
#ifndef DBX_DPDK_SAMPLES_H
#define DBX_DPDK_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "dbx/capture.h"

struct rte_ring;

#define DPK_SAMPLES 512u /* slots of an lcore, one of which stays empty */

/* A capture that is on: filled before lcores see it, then constant. */
struct dpk_capture {
	struct dbx_capture want; /* first: what the program looks up */
	uint64_t id;             /* of captures of this process, from 1 */
};

/* Of an lcore; all but the ring is written by it alone. */
struct dpk_sampler {
	struct rte_ring *ring; /* of struct dpk_sample */
	uint64_t id;           /* of the capture that `cpu` counts for */
	struct dbx_capture_cpu cpu;
};

struct dpk_sample {
	uint64_t id; /* of its capture */
	struct dbx_sample head;
	uint8_t bytes[(DBX_CAPTURE_SNAP_MAX + 4 + 7) & ~7u];
};

int dpk_sampler_open(struct dpk_sampler *s);
void dpk_sampler_close(struct dpk_sampler *s);

/* ---- by the lcore ---- */

/* Its counts for this capture, from nothing when it is another one than before. */
struct dbx_capture_cpu *dpk_sampler_cpu(struct dpk_sampler *s, const struct dpk_capture *c);
/* Puts s->cpu.sample, and as many bytes of the frame as that says. 0 or -ENOBUFS. */
long dpk_sampler_put(struct dpk_sampler *s, const uint8_t *frame);

/* ---- by the one reader ---- */

/* When the next sample of capture `id` was judged; those of others are forgotten. ~0: there is none. */
uint64_t dpk_sampler_next(struct dpk_sampler *s, uint64_t id);
/* That sample as it goes over the wire; its size, or 0: there is none, or too little room. */
size_t dpk_sampler_take(struct dpk_sampler *s, uint8_t *out, size_t room);
int dpk_sampler_waits(const struct dpk_sampler *s);
/* Adds what the lcore has counted for capture `id`. */
void dpk_sampler_loss(const struct dpk_sampler *s, uint64_t id, uint64_t *limited, uint64_t *lost);

#endif
