// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * program.c -- the kernel program, run by an lcore: the same source, with its maps resolved by the
 * compiler.
 *
 * Each look-up names its map, so that the comparisons in lookup() below are made when this is compiled,
 * and what is left of them is one access. Arrays and per-CPU maps are plain memory, hashes those of
 * tables.h; what the kernel hands over in scratch memory lies in struct self, of which each lcore has
 * one. A tail call is a call. Time is read once a burst, and moves on by a nanosecond a packet, since
 * the beginning of a flow identifies it.
 */
#define DBX_KERNEL_TYPES
#define DBX_ENV_OWN

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <rte_random.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_spinlock.h>

#include "dataplane/dpdk/frame.h"
#include "dataplane/dpdk/rename.h"

struct dpk_skb {
	unsigned long data, data_end, data_meta;
	__u32 len, ifindex, mark, vlan_present, vlan_tci;
};

#undef AF_INET
#undef AF_INET6
#undef SEC
#define SEC(name)
#define xdp_md    dpk_frame
#define __sk_buff dpk_skb

/* ---- what stands for the helpers; below the program is what they do ---- */

static __always_inline void *chunk(const void *base, const void *index);
static __always_inline void *lookup(const void *map, const void *key);
static __always_inline long update(const void *map, const void *key, const void *value,
				   __u64 flags);
static __always_inline long delete (const void *map, const void *key);
static __always_inline __u64 now_ns(void);
static __always_inline int tail(struct dpk_frame *ctx, __u32 index);
static __always_inline void *reserve(void);
static __always_inline void submit(const void *event);
static __always_inline long output(const void *event);
static long copy(const __u8 *frame);
static __always_inline void verdict(const void *pkt, const void *res);
static long adjust_head(struct dpk_frame *ctx, int by);
static long adjust_meta(struct dpk_frame *ctx, int by);
static long adjust_tail(struct dpk_frame *ctx, int by);
static long load(const struct dpk_skb *skb, __u32 at, void *to, __u32 n);
static long route(struct bpf_fib_lookup *fib);
static int redirect(__u32 ifindex);

#define bpf_map_lookup_elem(map, key) \
	_Generic((map), void * : chunk((map), key), default : lookup((map), key))
#define bpf_map_update_elem(map, key, value, flags) update(map, key, value, flags)
#define bpf_map_delete_elem(map, key)               delete (map, key)
#define bpf_ktime_get_ns()                          now_ns()
#define bpf_ktime_get_coarse_ns()                   now_ns()
#define bpf_get_smp_processor_id()                  0 /* each lcore has slots of its own */
#define bpf_get_prandom_u32()                       ((__u32)rte_rand())
#define bpf_spin_lock(lock)                         rte_spinlock_lock((rte_spinlock_t *)(lock))
#define bpf_spin_unlock(lock)                       rte_spinlock_unlock((rte_spinlock_t *)(lock))
#define bpf_tail_call(ctx, map, index)              return tail(ctx, index)
#define bpf_ringbuf_reserve(map, n, flags)          reserve()
#define bpf_ringbuf_submit(data, flags)             submit(data)
#define bpf_ringbuf_discard(data, flags)            ((void)(data)) /* nothing was taken */
#define bpf_ringbuf_output(map, data, n, flags)     output(data)
#define bpf_perf_event_output(c, m, flags, from, n) copy((c)->data)
#define bpf_xdp_adjust_head(ctx, by)                adjust_head(ctx, by)
#define bpf_xdp_adjust_meta(ctx, by)                adjust_meta(ctx, by)
#define bpf_xdp_adjust_tail(ctx, by)                adjust_tail(ctx, by)
#define bpf_redirect_map(map, key, flags)           ((ctx)->out_ifindex = redirect(key), XDP_REDIRECT)
#define bpf_fib_lookup(ctx, fib, n, flags)          route(fib)
#define bpf_skb_load_bytes(skb, at, to, n)          load(skb, at, to, n)
#define DBX_ON_VERDICT(pkt, res)                    verdict(pkt, res)
/* egress_tc* are the kernel's; its helpers do nothing here, and nothing calls them. */
#define bpf_skb_vlan_pop(skb)                    (-1L)
#define bpf_redirect(ifindex, flags)             TC_ACT_SHOT
#define bpf_sk_assign(skb, sk, flags)            ((void)(sk), -1L)
#define bpf_sk_release(sk)                       ((void)(sk))
#define bpf_skc_lookup_tcp(skb, t, n, ns, flags) ((struct bpf_sock *)NULL)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "ebpf/hooks.h"
#include "ebpf/egress_xdp.bpf.c" // NOLINT(bugprone-suspicious-include)
#pragma GCC diagnostic pop

#include "dataplane/dpdk/counters.h"
#include "dataplane/dpdk/fib.h"
#include "dataplane/dpdk/program.h"

/* ---- what an lcore has ---- */

#define SWEEP_NS 1000000000ull

struct dpk_core {
	/* set by begin() */
	const __u8 *base;
	__u32 n_chunks;
	__u32 index;
	const struct dpk_fib *fib;
	const struct dpk_capture *capture;
	__u64 now, port;
	struct dpk_seen *seen;
	struct dpk_shared *shared;
	bool has_events;
	struct dpk_rows rows;
	struct dpk_owing owing;
	struct rte_ring *events, *names;
	struct dbx_event event;
	uint64_t frag;
	struct scratch scratch;
	struct dbx_hello work;
	__u32 answer_at;
	__u64 icmp_last;
	struct dpk_core_stats stats;
	struct dbx_counter totals[DBX_TOTAL_MAX];
	__u64 swept_ns;
	struct dbx_pace pace;
	struct dbx_noted noted[DBX_NOTED_SLOTS];
	struct dpk_sampler sampler;
};

static __thread struct dpk_core *self;

static __always_inline void *chunk(const void *base, const void *index)
{
	__u32 i = *(const __u32 *)index;

	return i < self->n_chunks ? (__u8 *)base + ((__u64)i << DBX_CHUNK_SHIFT) : NULL;
}

static __always_inline __u64 now_ns(void)
{
	return self->now;
}

static __always_inline void verdict(const void *pkt, const void *res)
{
	if (__builtin_expect(!self->seen, 1))
		return;
	self->seen->pkt = *(const struct dbx_pkt *)pkt;
	self->seen->res = *(const struct dbx_result *)res;
}

static __always_inline int tail(struct dpk_frame *ctx, __u32 index)
{
	switch (index) {
	case DBX_PROG_FLOW:
		return egress_flow(ctx);
	case DBX_PROG_HELLO:
		return egress_hello(ctx);
	case DBX_PROG_NAME:
		return egress_name(ctx);
	case DBX_PROG_PAYLOAD:
		return egress_payload(ctx);
	default:
		return egress_reply(ctx);
	}
}

/* ---- maps ---- */

static __always_inline void *lookup(const void *map, const void *key)
{
	const struct dpk_shared *sh = self->shared;
	__u32 i = *(const __u32 *)key;

	if (map == &images)
		return (void *)self->base;
	if (map == &ports || map == &ports_high)
		return &self->port;
	if (map == &totals)
		return i < DBX_TOTAL_MAX ? &self->totals[i] : NULL;
	if (map == &counters)
		return dpk_rows_owe(&self->rows, &self->owing, &self->totals[DBX_TOTAL_UNKEYED],
				    key);
	if (map == &scratch)
		return &self->scratch;
	if (map == &work)
		return &self->work;
	if (map == &answer_at)
		return &self->answer_at;
	if (map == &icmp_last)
		return &self->icmp_last;
	if (map == &steer)
		return (void *)&sh->steer;
	if (map == &secrets)
		return (void *)&sh->secret;
	if (map == &learned)
		return dpk_table_get(sh->learned, key);
	if (map == &bound)
		return dpk_table_get(sh->bound, key);
	if (map == &flows)
		return dpk_table_get(sh->flows, key);
	if (map == &hellos)
		return dpk_table_get(sh->hellos, key);
	if (map == &buckets)
		return dpk_table_get(sh->buckets, key);
	if (map == &frags)
		return dpk_recent_get(sh->frags, key, &self->frag) ? &self->frag : NULL;
	if (map == &recent)
		return dpk_recent_at(sh->recent, key);
	if (map == &capture_on)
		return (void *)self->capture;
	if (map == &capture_cpu)
		return self->capture ? dpk_sampler_cpu(&self->sampler, self->capture) : NULL;
	if (map == &pace)
		return &self->pace;
	if (map == &noted)
		return &self->noted[i % DBX_NOTED_SLOTS];
	if (map == &forward)
		return dpk_fib_may_forward(self->fib, i) ? &self->port : NULL;
	return NULL;
}

static __always_inline long update(const void *map, const void *key, const void *value, __u64 flags)
{
	const struct dpk_shared *sh = self->shared;
	int is_new = flags == BPF_NOEXIST;

	if (map == &work)
		return memcpy(&self->work, value, sizeof(self->work)), 0;
	if (map == &flows)
		return dpk_table_put(sh->flows, key, value, is_new);
	if (map == &hellos)
		return dpk_table_put(sh->hellos, key, value, is_new);
	if (map == &buckets)
		return dpk_table_put(sh->buckets, key, value, is_new);
	if (map == &frags)
		return dpk_recent_put(sh->frags, key, *(const __u64 *)value), 0;
	if (map == &recent)
		return dpk_recent_put(sh->recent, key, *(const __u64 *)value), 0;
	return -EINVAL;
}

static __always_inline long delete (const void *map, const void *key)
{
	return map == &hellos ? dpk_table_del(self->shared->hellos, key) : -EINVAL;
}

/* ---- events ---- */

static __always_inline void *reserve(void)
{
	return rte_ring_full(self->events) ? NULL : &self->event;
}

static __always_inline void submit(const void *event)
{
	rte_ring_sp_enqueue_elem(self->events, (void *)event, sizeof(struct dbx_event));
	self->has_events = true;
}

static __always_inline long output(const void *event)
{
	if (rte_ring_sp_enqueue_elem(self->names, (void *)event, sizeof(struct dbx_name_event)))
		return -ENOBUFS;
	self->has_events = true;
	return 0;
}

/* What is copied is self->sampler.cpu.sample, and the frame as far as that says. */
static long copy(const __u8 *frame)
{
	if (dpk_sampler_put(&self->sampler, frame))
		return -ENOBUFS;
	self->has_events = true;
	return 0;
}

/* ---- frames ---- */

static long adjust_head(struct dpk_frame *f, int by)
{
	if (by < f->room - f->data || by > f->data_end - f->data)
		return -EINVAL;
	f->data += by;
	f->data_meta = f->data;
	return 0;
}

static long adjust_meta(struct dpk_frame *f, int by)
{
	if (by < f->room - f->data_meta || by > f->data - f->data_meta)
		return -EINVAL;
	f->data_meta += by;
	return 0;
}

static long adjust_tail(struct dpk_frame *f, int by)
{
	if (by > f->room_end - f->data_end || -(long)by > f->data_end - f->data - 14)
		return -EINVAL;
	if (by > 0)
		memset(f->data_end, 0, (size_t)by);
	f->data_end += by;
	return 0;
}

static long load(const struct dpk_skb *skb, __u32 at, void *to, __u32 n)
{
	if (at > skb->len || n > skb->len - at)
		return -EFAULT;
	memcpy(to, (const __u8 *)skb->data + at, n);
	return 0;
}

static long route(struct bpf_fib_lookup *q)
{
	bool is_v6 = q->family == AF_INET6;
	struct dpk_hop hop;

	if (dpk_fib_find(self->fib, is_v6, is_v6 ? (void *)q->ipv6_dst : (void *)&q->ipv4_dst,
			 q->tot_len, &hop))
		return BPF_FIB_LKUP_RET_NOT_FWDED;
	q->ifindex = hop.ifindex;
	memcpy(q->dmac, hop.dst, 6);
	memcpy(q->smac, hop.src, 6);
	return BPF_FIB_LKUP_RET_SUCCESS;
}

static int redirect(__u32 ifindex)
{
	return (int)ifindex;
}

/* ---- the ways in ---- */

#include "dataplane/dpdk/quick.h"

bool dpk_program_back(const struct dpk_frame *f, uint32_t ifindex)
{
	struct dpk_skb skb = {
		.data = (unsigned long)f->data,
		.data_end = (unsigned long)f->data_end,
		.data_meta = (unsigned long)f->data,
		.len = (__u32)(f->data_end - f->data),
		.ifindex = ifindex,
	};

	return egress_back(&skb) != TC_ACT_SHOT;
}

/* As for what leaves, only that nobody has judged it: answers, by the route to who asked. */
int dpk_program_inward(struct dpk_frame *f)
{
	const struct dbx_image_header *hdr = (const void *)self->base;
	struct dbx_pkt pkt = {0};
	__u32 type;

	if (!hdr || !(hdr->name_flags & DBX_IMAGE_F_FORWARD) || f->data_end - f->data < 14 + 20)
		return XDP_PASS;
	type = dbx_rd16(f->data + 12);
	if (type == 0x86dd)
		pkt.flags = DBX_PKT_F_IPV6;
	else if (type != 0x0800)
		return XDP_PASS;
	return fast_forward(f, &pkt);
}

unsigned int dpk_program_order(const struct dbx_flow_order *order)
{
	struct dpk_frame f = {.data = (__u8 *)order, .data_end = (__u8 *)(order + 1)};

	return (unsigned int)egress_note(&f);
}

/* ---- cores ---- */

static int rings_open(struct dpk_core *c)
{
	static unsigned int n_made;
	unsigned int n = __atomic_fetch_add(&n_made, 1, __ATOMIC_RELAXED);
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "dbx_ev_%u", n);
	c->events = rte_ring_create_elem(name, sizeof(struct dbx_event), DPK_EVENTS, SOCKET_ID_ANY,
					 RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "dbx_nm_%u", n);
	c->names = rte_ring_create_elem(name, sizeof(struct dbx_name_event), DPK_NAMES,
					SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return c->events && c->names ? dpk_sampler_open(&c->sampler) : -ENOMEM;
}

_Static_assert(sizeof(struct dbx_name_event) % 4 == 0, "an element of rte_ring");

int dpk_core_new(struct dpk_core **out, struct dpk_shared *shared, unsigned int index,
		 uint32_t counters_max)
{
	struct dpk_core *c = dpk_memory_get(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->shared = shared;
	c->index = index;
	if (dpk_rows_open(&c->rows, counters_max) || rings_open(c)) {
		dpk_core_free(&c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void dpk_core_free(struct dpk_core **cp)
{
	struct dpk_core *c = *cp;

	if (!c)
		return;
	if (self == c)
		self = NULL;
	rte_ring_free(c->events);
	rte_ring_free(c->names);
	dpk_sampler_close(&c->sampler);
	dpk_rows_close(&c->rows);
	dpk_memory_put(c, sizeof(*c));
	*cp = NULL;
}

/* Each lcore sweeps its own slots, as the daemon has the kernel's swept. */
void dpk_core_sweep(struct dpk_core *c, uint64_t now)
{
	struct dbx_sweep_order o = {.at = 0};

	if (now < c->swept_ns + SWEEP_NS)
		return;
	self = c;
	c->swept_ns = now;
	if (now > c->now)
		c->now = now;
	while (o.at < DBX_NOTED_SLOTS)
		sweep(&o);
}

const struct dpk_image *dpk_core_begin(struct dpk_core *c, uint64_t now)
{
	const struct dpk_image *image = __atomic_load_n(&c->shared->image, __ATOMIC_ACQUIRE);

	dpk_core_sweep(c, now);
	self = c;
	c->base = image ? image->base : NULL;
	c->n_chunks = image ? image->n_chunks : 0;
	c->fib = __atomic_load_n(&c->shared->fib, __ATOMIC_ACQUIRE);
	c->capture = __atomic_load_n(&c->shared->capture, __ATOMIC_ACQUIRE);
	if (now > c->now)
		c->now = now;
	return image;
}

/* A quiescent state: nothing that was looked up is held any more. */
void dpk_core_end(struct dpk_core *c)
{
	struct dpk_shared *sh = c->shared;
	const uint64_t one = 1;

	dpk_rows_pay(&c->rows, &c->owing, &c->totals[DBX_TOTAL_UNKEYED]);
	rte_rcu_qsbr_quiescent(sh->qsbr, c->index);
	if (!c->has_events)
		return;
	c->has_events = false;
	__atomic_thread_fence(
		__ATOMIC_SEQ_CST); /* the event is seen before the reader is looked at */
	/* one write a sleep; it never waits, and an eventfd that is full is a reader that is awake */
	if (__atomic_load_n(&sh->is_asleep, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&sh->is_asleep, 0, __ATOMIC_SEQ_CST) && sh->wake_fd >= 0 &&
	    write(sh->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void dpk_core_online(struct dpk_core *c, bool on)
{
	struct rte_rcu_qsbr *v = c->shared->qsbr;

	if (on) {
		rte_rcu_qsbr_thread_register(v, c->index);
		rte_rcu_qsbr_thread_online(v, c->index);
	} else {
		rte_rcu_qsbr_thread_offline(v, c->index);
		rte_rcu_qsbr_thread_unregister(v, c->index);
	}
}

void dpk_core_port(struct dpk_core *c, uint64_t port_hash)
{
	c->port = port_hash;
}

void dpk_core_watch(struct dpk_core *c, struct dpk_seen *seen)
{
	c->seen = seen;
}

struct dpk_core_stats *dpk_core_stats(struct dpk_core *c)
{
	return &c->stats;
}

struct rte_ring *dpk_core_events(struct dpk_core *c)
{
	return c->events;
}

struct rte_ring *dpk_core_name_events(struct dpk_core *c)
{
	return c->names;
}

struct dpk_sampler *dpk_core_sampler(struct dpk_core *c)
{
	return &c->sampler;
}

void dpk_totals_add(struct dpk_core *c, struct dbx_counter v[DBX_TOTAL_MAX])
{
	for (__u32 i = 0; i < DBX_TOTAL_MAX; i++) {
		v[i].packets += __atomic_load_n(&c->totals[i].packets, __ATOMIC_RELAXED);
		v[i].bytes += __atomic_load_n(&c->totals[i].bytes, __ATOMIC_RELAXED);
	}
}

int dpk_counters_next(struct dpk_core *c, uint32_t *at, struct dbx_counter_key *key,
		      struct dbx_counter *value)
{
	return dpk_rows_next(&c->rows, at, key, value);
}
