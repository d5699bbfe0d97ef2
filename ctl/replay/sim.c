// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sim.c -- the kernel program, run by a process: the same source, on tables instead of maps.
 *
 * The helpers of the kernel are macros here. The first word of each map's definition, which nobody
 * uses at run time, points to what stands for the map. What comes after a verdict (answers, marks,
 * fast forward) is left out: nothing is sent.
 */
#define DBX_KERNEL_TYPES
#define DBX_ENV_OWN

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "dbx/image.h"
#include "replay/htab.h"

#define SIM_HEADROOM   256
#define SIM_TAILROOM   1024
#define SIM_FRAMES_MAX 65600u

/* ---- what the program sees of a frame ---- */

struct sim_md {
	__u8 *data, *data_end, *data_meta;
	__u32 ingress_ifindex;
};

struct sim_skb {
	unsigned long data, data_end, data_meta;
	__u32 len, ifindex, mark, vlan_present, vlan_tci;
};

#undef SEC
#define SEC(name)
#define xdp_md    sim_md
#define __sk_buff sim_skb

/* ---- maps ---- */

enum sim_kind {
	SIM_NOTHING, /* holds nothing: look-ups fail */
	SIM_ARRAY,
	SIM_TABLE,
	SIM_ASSUMED, /* a table in which everything may be */
	SIM_IMAGES,
	SIM_CHUNKS,
};

struct sim_map {
	enum sim_kind kind;
	__u32 n, value_bytes;
	__u8 *values;
	struct dbx_htab table;
};

#define SIM_MAPS_MAX 32
static struct sim_map sim_maps[SIM_MAPS_MAX];
static __u32 sim_n_maps;
static struct sim_map sim_chunks = {.kind = SIM_CHUNKS};
static struct sim_map *sim_image = &sim_chunks; /* what the outer map's slot holds */
static __u64 sim_now, sim_port;
static __u8 *sim_frame;
static struct dbx_result *sim_result;
static struct dbx_pkt *sim_pkt;
static void (*sim_on_name)(void *arg, const void *event);
static void *sim_on_name_arg;

static bool sim_assumes;

static struct sim_map *sim_map_of(const void *map)
{
	struct sim_map *m;

	memcpy(&m, map, sizeof(m));
	return m;
}

static void *sim_lookup(const void *map, const void *key)
{
	const struct sim_map *m = sim_map_of(map);
	__u32 i;

	if (m->kind == SIM_ASSUMED && sim_assumes)
		return m->values;
	if (m->kind == SIM_TABLE || m->kind == SIM_ASSUMED)
		return dbx_htab_get(&m->table, key);
	memcpy(&i, key, sizeof(i));
	if (m->kind == SIM_IMAGES)
		return sim_chunks.n ? &sim_image : NULL;
	if (m->kind == SIM_CHUNKS)
		return i < m->n ? m->values + ((size_t)i << DBX_CHUNK_SHIFT) : NULL;
	if (m->kind == SIM_ARRAY)
		return i < m->n ? m->values + (size_t)i * m->value_bytes : NULL;
	return NULL;
}

static long sim_update(const void *map, const void *key, const void *value, __u64 flags)
{
	struct sim_map *m = sim_map_of(map);
	void *v;

	if (m->kind == SIM_TABLE || m->kind == SIM_ASSUMED)
		return dbx_htab_put(&m->table, key, value, flags == BPF_NOEXIST);
	v = m->kind == SIM_ARRAY ? sim_lookup(map, key) : NULL;
	if (!v)
		return -E2BIG;
	memcpy(v, value, m->value_bytes);
	return 0;
}

static long sim_delete(const void *map, const void *key)
{
	struct sim_map *m = sim_map_of(map);

	return m->kind == SIM_TABLE || m->kind == SIM_ASSUMED ? dbx_htab_del(&m->table, key)
							      : -EINVAL;
}

/* ---- frames ---- */

static long sim_adjust_head(struct sim_md *ctx, int by)
{
	if (ctx->data + by < sim_frame || ctx->data + by > ctx->data_end)
		return -EINVAL;
	ctx->data += by;
	ctx->data_meta = ctx->data;
	return 0;
}

static long sim_adjust_meta(struct sim_md *ctx, int by)
{
	if (ctx->data_meta + by < sim_frame || ctx->data_meta + by > ctx->data)
		return -EINVAL;
	ctx->data_meta += by;
	return 0;
}

static long sim_load(const struct sim_skb *skb, __u32 at, void *to, __u32 n)
{
	if (at > skb->len || n > skb->len - at)
		return -EFAULT;
	memcpy(to, (const __u8 *)skb->data + at, n);
	return 0;
}

/* Events of packets go nowhere: the result says it all. Those of names are told. */
static long sim_output(const void *map, const void *data);

static int sim_tail(struct sim_md *ctx, __u32 index);

#define bpf_map_lookup_elem(map, key)               sim_lookup(map, key)
#define bpf_map_update_elem(map, key, value, flags) sim_update(map, key, value, flags)
#define bpf_map_delete_elem(map, key)               sim_delete(map, key)
#define bpf_ktime_get_ns()                          sim_now
#define bpf_ktime_get_coarse_ns()                   sim_now
#define bpf_get_smp_processor_id()                  0
#define bpf_get_prandom_u32()                       0
#define bpf_spin_lock(lock)                         ((void)(lock))
#define bpf_spin_unlock(lock)                       ((void)(lock))
#define bpf_tail_call(ctx, map, index)              return sim_tail(ctx, index)
#define bpf_ringbuf_output(map, data, n, flags)     sim_output(map, data)
#define bpf_perf_event_output(c, m, flags, data, n) ((void)(data), -1L)
#define bpf_ringbuf_reserve(map, n, flags)          NULL
#define bpf_ringbuf_submit(data, flags)             ((void)(data))
#define bpf_ringbuf_discard(data, flags)            ((void)(data))
#define bpf_xdp_adjust_head(ctx, by)                sim_adjust_head(ctx, by)
#define bpf_xdp_adjust_meta(ctx, by)                sim_adjust_meta(ctx, by)
#define bpf_xdp_adjust_tail(ctx, by)                ((void)(by), -1L)
#define bpf_redirect_map(map, key, flags)           ((void)(key), XDP_PASS)
#define bpf_fib_lookup(ctx, fib, n, flags)          BPF_FIB_LKUP_RET_NOT_FWDED
#define bpf_skb_load_bytes(skb, at, to, n)          sim_load(skb, at, to, n)
#define bpf_skb_vlan_pop(skb)                       (-1L)
#define bpf_redirect(ifindex, flags)                TC_ACT_SHOT
#define bpf_sk_assign(skb, sk, flags)               ((void)(sk), -1L)
#define bpf_sk_release(sk)                          ((void)(sk))
#define bpf_skc_lookup_tcp(skb, t, n, ns, flags)    ((struct bpf_sock *)NULL)
#define DBX_TELLS                                   0
#define DBX_ON_VERDICT(pkt, res)                    (*sim_pkt = *(pkt), *sim_result = *(res))
#undef DBX_IMAGE_F_FORWARD
#define DBX_IMAGE_F_FORWARD 0

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "ebpf/egress_xdp.bpf.c" // NOLINT(bugprone-suspicious-include)
#pragma GCC diagnostic pop

#include "replay/sim.h"

_Static_assert(SIM_FRAMES_MAX == DBX_SIM_FRAME_MAX, "one size of frames");
_Static_assert(DBX_SIM_REDIRECT == (int)XDP_REDIRECT && DBX_SIM_PASS == (int)XDP_PASS,
	       "the kernel's numbers");

static int sim_tail(struct sim_md *ctx, __u32 index)
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
		return XDP_DROP; /* an answer to a denied packet: nothing is sent */
	}
}

static long sim_output(const void *map, const void *data)
{
	if (map == &name_events && sim_on_name)
		sim_on_name(sim_on_name_arg, data);
	return 0;
}

/* ---- the maps of the program ---- */

static bool is_array(__u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_hash(__u32 type)
{
	return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH;
}

static int sim_add(void *map, size_t map_bytes, __u32 type, __u32 key_bytes, __u32 value_bytes,
		   __u32 max)
{
	struct sim_map *m = &sim_maps[sim_n_maps];

	if (map_bytes < sizeof(m) || sim_n_maps == SIM_MAPS_MAX)
		return -EINVAL;
	sim_n_maps++;
	memcpy(map, &m, sizeof(m));
	*m = (struct sim_map){.kind = SIM_NOTHING, .n = max, .value_bytes = value_bytes};
	if (is_hash(type)) {
		m->kind = SIM_TABLE;
		dbx_htab_init(&m->table, key_bytes, value_bytes, max,
			      type == BPF_MAP_TYPE_LRU_HASH);
	} else if (is_array(type)) {
		m->kind = SIM_ARRAY;
		m->values = calloc(max, value_bytes);
		if (!m->values)
			return -ENOMEM;
	}
	return 0;
}

/* The shape of a map stands in the types of its definition's members. */
#define NUMBER(map, member) (sizeof(*(map).member) / sizeof(int))
#define ADD(map)                                                                                  \
	sim_add(&(map), sizeof(map), NUMBER(map, type), sizeof(*(map).key), sizeof(*(map).value), \
		NUMBER(map, max_entries))
#define ADD_NOTHING(map) sim_add(&(map), sizeof(map), BPF_MAP_TYPE_UNSPEC, 0, 0, 0)

/* Both kinds of entries begin with the time at which they expire: never. */
static int assume(const void *map)
{
	struct sim_map *m = sim_map_of(map);

	m->kind = SIM_ASSUMED;
	m->values = calloc(1, m->value_bytes);
	if (!m->values)
		return -ENOMEM;
	memset(m->values, 0xff, sizeof(__u64));
	return 0;
}

static int add_all(void)
{
	int rc = ADD_NOTHING(images);

	if (!rc)
		sim_maps[0].kind = SIM_IMAGES;
	rc = rc ? rc : ADD_NOTHING(counters);
	rc = rc ? rc : ADD_NOTHING(totals);
	rc = rc ? rc : ADD_NOTHING(events);
	rc = rc ? rc : ADD_NOTHING(noted);
	rc = rc ? rc : ADD_NOTHING(pace);
	rc = rc ? rc : ADD_NOTHING(name_events);
	rc = rc ? rc : ADD_NOTHING(ports_high);
	rc = rc ? rc : ADD_NOTHING(dns_socks);
	rc = rc ? rc : ADD_NOTHING(forward);
	rc = rc ? rc : ADD(ports);
	rc = rc ? rc : ADD(frags);
	rc = rc ? rc : ADD(learned);
	rc = rc ? rc : ADD(bound);
	rc = rc ? rc : ADD(flows);
	rc = rc ? rc : ADD(hellos);
	rc = rc ? rc : ADD(secrets);
	rc = rc ? rc : ADD(steer);
	rc = rc ? rc : ADD(buckets);
	rc = rc ? rc : ADD(recent);
	rc = rc ? rc : ADD(scratch);
	rc = rc ? rc : ADD(answer_at);
	rc = rc ? rc : ADD(work);
	rc = rc ? rc : ADD(capture_on);
	rc = rc ? rc : ADD(capture_cpu);
	rc = rc ? rc : ADD_NOTHING(samples);
	rc = rc ? rc : assume(&learned);
	return rc ? rc : assume(&bound);
}

void dbx_sim_assume_names(bool on)
{
	sim_assumes = on;
}

int dbx_sim_open(const struct dbx_secret *secret)
{
	__u32 zero = 0;
	int rc = 0;

	dbx_sim_close();
	sim_frame = aligned_alloc(16, SIM_HEADROOM + SIM_FRAMES_MAX + SIM_TAILROOM);
	if (!sim_frame)
		rc = -ENOMEM;
	rc = rc ? rc : add_all();
	if (!rc)
		rc = (int)sim_update(&secrets, &zero, secret, BPF_ANY);
	if (rc)
		dbx_sim_close();
	return rc;
}

void dbx_sim_close(void)
{
	for (__u32 i = 0; i < sim_n_maps; i++) {
		if (sim_maps[i].kind == SIM_TABLE || sim_maps[i].kind == SIM_ASSUMED)
			dbx_htab_fini(&sim_maps[i].table);
		free(sim_maps[i].values);
	}
	sim_n_maps = 0;
	sim_chunks.n = 0;
	free(sim_frame);
	sim_frame = NULL;
	sim_on_name = NULL;
	sim_assumes = false;
}

void dbx_sim_image(const void *image, uint32_t n_kernel_chunks, bool resolver)
{
	__u32 zero = 0, ready = resolver;

	sim_chunks.values = (__u8 *)image; /* only read */
	sim_chunks.n = n_kernel_chunks;
	sim_update(&steer, &zero, &ready, BPF_ANY);
}

/* What the companion is told in front of a frame that goes on. */
static __u32 mark_of(const struct sim_md *ctx, enum dbx_sim_action action)
{
	struct dbx_meta m;

	if (action != DBX_SIM_PASS || ctx->data - ctx->data_meta != sizeof(m))
		return 0;
	memcpy(&m, ctx->data_meta, sizeof(m));
	return m.what & DBX_META_MARK ? m.mark : 0;
}

void dbx_sim_packet(uint64_t time_ns, uint64_t port, const void *frame, size_t n_bytes,
		    struct dbx_sim_verdict *out)
{
	__u32 index = 1, n = n_bytes > SIM_FRAMES_MAX ? SIM_FRAMES_MAX : (__u32)n_bytes;
	struct sim_md ctx = {.ingress_ifindex = index};
	struct scratch *s;

	sim_now = time_ns;
	sim_port = port;
	sim_update(&ports, &index, &sim_port, BPF_ANY);
	ctx.data = ctx.data_meta = sim_frame + SIM_HEADROOM;
	ctx.data_end = ctx.data + n;
	memcpy(ctx.data, frame, n);
	memset(out, 0, sizeof(*out));
	out->res.policy = DBX_NO_POLICY;
	sim_result = &out->res;
	sim_pkt = &out->pkt;
	s = scratch_get();
	s->event.n_name = 0;
	out->action = (enum dbx_sim_action)egress_xdp(&ctx);
	out->mark = mark_of(&ctx, out->action);
	out->n_name = s->event.n_name;
	out->name = s->event.name;
}

void dbx_sim_back(uint64_t time_ns, const void *frame, size_t n_bytes)
{
	struct sim_skb skb = {
		.data = (unsigned long)frame,
		.data_end = (unsigned long)frame + n_bytes,
		.data_meta = (unsigned long)frame,
		.len = (__u32)n_bytes,
	};

	sim_now = time_ns;
	egress_back(&skb);
}

/* ---- the daemon's side ---- */

int dbx_sim_learn(const struct dbx_bound_key *key, const struct dbx_bound *b)
{
	struct dbx_learned_key k;
	struct dbx_learned v = {.expires_ns = b->expires_ns}, *had;
	long rc = sim_update(&bound, key, b, BPF_ANY);

	if (rc)
		return (int)rc;
	memset(&k, 0, sizeof(k));
	k.policy_uid = key->policy_uid;
	memcpy(k.addr, key->addr, sizeof(k.addr));
	had = sim_lookup(&learned, &k);
	if (had) {
		v.hits = had->hits;
		v.flags = had->flags;
		if (had->expires_ns > v.expires_ns)
			v.expires_ns = had->expires_ns;
	}
	if (b->flags & DBX_BOUND_F_PRIVATE)
		v.flags |= DBX_LEARNED_F_GUARD;
	rc = sim_update(&learned, &k, &v, BPF_ANY);
	if (rc)
		sim_delete(&bound, key);
	return (int)rc;
}

int dbx_sim_bound_get(const struct dbx_bound_key *key, struct dbx_bound *out)
{
	const struct dbx_bound *b = sim_lookup(&bound, key);

	if (!b)
		return -ENOENT;
	*out = *b;
	return 0;
}

int dbx_sim_flow_get(const struct dbx_flow_key *key, struct dbx_flow *out)
{
	const struct dbx_flow_slot *slot = sim_lookup(&flows, key);

	if (!slot)
		return -ENOENT;
	*out = slot->flow;
	return 0;
}

void dbx_sim_each_bound(int (*fn)(void *arg, const void *key, void *value), void *arg)
{
	dbx_htab_each(&sim_map_of(&bound)->table, fn, arg);
}

int dbx_sim_flow_set(const struct dbx_flow_key *key, const struct dbx_flow *v)
{
	struct dbx_flow_order o = {.key = *key, .flow = *v};
	struct sim_md ctx = {.data = (__u8 *)&o, .data_end = (__u8 *)(&o + 1)};
	int rc = egress_note(&ctx);

	return rc == DBX_ORDER_DONE ? 0 : rc == DBX_ORDER_NONE ? -ENOENT : -ESTALE;
}

void dbx_sim_on_name_event(void (*fn)(void *arg, const struct dbx_name_event *e), void *arg)
{
	sim_on_name = (void (*)(void *, const void *))fn;
	sim_on_name_arg = arg;
}

/* ---- time ---- */

/* How long a flow is kept after its last packet: as the daemon's sweep (namer_sweep.c). */
static __u64 flow_life_ns(const struct dbx_flow *f)
{
	if (f->state == DBX_FLOW_ALLOWED && !(f->flags & DBX_FLOW_F_CLOSING))
		return 7200 * SECOND_NS;
	return (f->flags & DBX_FLOW_F_CLOSING ? 60 : 30) * SECOND_NS;
}

static int sweep_flow(void *arg, const void *key, void *value)
{
	const struct dbx_flow_slot *slot = value;

	(void)arg;
	if (sim_now - slot->flow.last_ns < flow_life_ns(&slot->flow))
		return 0;
	sim_delete(&hellos, key);
	return 1;
}

static int sweep_bound(void *arg, const void *key, void *value)
{
	(void)arg;
	(void)key;
	return ((const struct dbx_bound *)value)->expires_ns <= sim_now;
}

static int sweep_learned(void *arg, const void *key, void *value)
{
	(void)arg;
	(void)key;
	return ((const struct dbx_learned *)value)->expires_ns <= sim_now;
}

void dbx_sim_sweep(uint64_t time_ns)
{
	sim_now = time_ns;
	dbx_htab_each(&sim_map_of(&flows)->table, sweep_flow, NULL);
	dbx_htab_each(&sim_map_of(&bound)->table, sweep_bound, NULL);
	dbx_htab_each(&sim_map_of(&learned)->table, sweep_learned, NULL);
}
