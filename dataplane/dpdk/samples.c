// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * samples.c -- copies of judged packets, from an lcore to the thread of control.
 *
 * Slots of the ring are written and read where they lie (rte_ring_peek_zc.h), so that a copy of 64 bytes
 * costs 64 bytes, though each slot has room for a jumbo frame.
 */
#include "dataplane/dpdk/samples.h"

#include <errno.h>
#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include "dataplane/dpdk/tables.h"
#include "dbx/wire_dpdk.h"

#define SLOT_BYTES sizeof(struct dpk_sample)

_Static_assert(SLOT_BYTES % 8 == 0, "an element of rte_ring, and where the next one begins");

static size_t ring_bytes(void)
{
	return (size_t)rte_ring_get_memsize_elem(SLOT_BYTES, DPK_SAMPLES);
}

int dpk_sampler_open(struct dpk_sampler *s)
{
	s->ring = dpk_memory_get(ring_bytes());
	if (!s->ring)
		return -ENOMEM;
	return rte_ring_init(s->ring, "dbx_samples", DPK_SAMPLES, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

void dpk_sampler_close(struct dpk_sampler *s)
{
	if (s->ring)
		dpk_memory_put(s->ring, ring_bytes());
	s->ring = NULL;
}

struct dbx_capture_cpu *dpk_sampler_cpu(struct dpk_sampler *s, const struct dpk_capture *c)
{
	if (s->id != c->id) {
		s->cpu.window_ns = s->cpu.n = 0;
		__atomic_store_n(&s->cpu.limited, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->cpu.lost, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->id, c->id, __ATOMIC_RELEASE);
	}
	return &s->cpu;
}

long dpk_sampler_put(struct dpk_sampler *s, const uint8_t *frame)
{
	uint32_t n = s->cpu.sample.n_bytes;
	struct rte_ring_zc_data z;
	struct dpk_sample *slot;

	if (!rte_ring_enqueue_zc_bulk_elem_start(s->ring, SLOT_BYTES, 1, &z, NULL))
		return -ENOBUFS;
	slot = z.ptr1;
	slot->id = s->id;
	slot->head = s->cpu.sample;
	memcpy(slot->bytes, frame, n);
	memset(slot->bytes + n, 0, -n & 7);
	rte_ring_enqueue_zc_elem_finish(s->ring, 1);
	return 0;
}

static const struct dpk_sample *peek(struct dpk_sampler *s)
{
	struct rte_ring_zc_data z;

	return rte_ring_dequeue_zc_bulk_elem_start(s->ring, SLOT_BYTES, 1, &z, NULL) ? z.ptr1
										     : NULL;
}

uint64_t dpk_sampler_next(struct dpk_sampler *s, uint64_t id)
{
	const struct dpk_sample *slot;
	uint64_t time_ns = ~0ull;

	while (time_ns == ~0ull && (slot = peek(s))) {
		if (slot->id == id)
			time_ns = slot->head.event.time_ns;
		rte_ring_dequeue_zc_elem_finish(s->ring, slot->id != id);
	}
	return time_ns;
}

size_t dpk_sampler_take(struct dpk_sampler *s, uint8_t *out, size_t room)
{
	const struct dpk_sample *slot = peek(s);
	size_t n;

	if (!slot)
		return 0;
	n = DBX_WIRE_SAMPLE_BYTES(slot->head.n_bytes);
	if (n > room)
		n = 0;
	else
		memcpy(out, &slot->head, n);
	rte_ring_dequeue_zc_elem_finish(s->ring, n != 0);
	return n;
}

int dpk_sampler_waits(const struct dpk_sampler *s)
{
	return !rte_ring_empty(s->ring);
}

void dpk_sampler_loss(const struct dpk_sampler *s, uint64_t id, uint64_t *limited, uint64_t *lost)
{
	if (__atomic_load_n(&s->id, __ATOMIC_ACQUIRE) != id)
		return;
	*limited += __atomic_load_n(&s->cpu.limited, __ATOMIC_RELAXED);
	*lost += __atomic_load_n(&s->cpu.lost, __ATOMIC_RELAXED);
}
