/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scratch.h -- what the programs that call each other hand over, and how each of them ends.
 *
 * A tail call does not come back and carries nothing but the packet; the rest lies in a per-CPU map.
 * Programs of one packet run on one CPU without a break.
 */
#ifndef DBX_EBPF_SCRATCH_H
#define DBX_EBPF_SCRATCH_H

#include <stddef.h>

#include "hooks.h"
#include "dbx/classify.h"
#include "event.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_URG 0x20

/* How an answer is made of the packet, after its verdict. */
enum reply {
	REPLY_NONE,
	REPLY_RST,
	REPLY_ICMP,
	REPLY_REJECT, /* RST or administratively prohibited, as the packet is */
};

/*
 * What the image says on how the packet leaves, or on the answer to its denial; read with the
 * verdict, so that no packet sees two generations.
 */
struct way {
	__u32 mark;         /* of its path, 0 = none */
	__u32 image_flags;  /* DBX_IMAGE_F_* */
	__u32 reject_per_s; /* answers to denials */
	__u32 event_out;    /* a name event says it all: no packet event */
	__u32 sample_per_million;
	__u32 is_new; /* the packet begins a flow; known where that matters */
	/* quota, as in struct dbx_quota; 0 = none */
	__u64 bytes_per_s;
	__u32 flows_per_s;
	__u32 burst_ms;
};

/* What a step of a flow's judgement asks for next. */
enum step {
	STEP_END,     /* the verdict stands */
	STEP_HELLO,   /* read the payload */
	STEP_NAME,    /* the hello is whole */
	STEP_PAYLOAD, /* give the payload to the daemon; the packet is held */
};

/* A draw on one of the buckets; rate 0: none. */
struct draw {
	__u64 rate; /* units a second */
	__u64 cost; /* units, in time at one unit a second; then the rest of the division */
	__u64 at; /* what the bucket holds, as the time that it takes to fill; then when it is full */
};

struct scratch {
	struct dbx_pkt pkt;
	struct dbx_result res;
	struct dbx_result was; /* of a guarded flow, before it was looked at */
	struct way way;
	struct dbx_flow_key key;
	__u32 frame; /* bytes */
	__u64 now;
	__u64 token; /* of the lease that this packet has, 0 = none */
	__u32 ifindex;
	__u32 seq, ack;
	__u32 flags; /* of the TCP header */
	__u32 at;    /* payload, from the frame's start */
	__u32 len;
	__u32 done;    /* bytes of it that were read */
	__u32 pos;     /* place in the stream of the next byte */
	__u32 n_known; /* bytes of the stream that had been read before this packet */
	__u32 cut;     /* cuts[cut] is the next one to be passed; pos was on a cut when on_cut */
	__u32 on_cut;
	__u32 differs;
	__u32 watch;          /* of the flow when it was taken */
	__u32 reply;          /* enum reply */
	struct dbx_hash hash; /* of the stream up to pos */
	struct dbx_secret secret;
	/* as struct dbx_flow_slot: the kernel refuses a lock in a per-CPU map */
	__u32 lock __attribute__((aligned(8)));
	__u32 zero;
	__u64 lease;
	struct dbx_flow flow; /* a copy */
	struct dbx_said said;
	struct dbx_name_event event;
	struct bpf_fib_lookup fib;
	struct draw draw[2]; /* by enum dbx_limit */
	struct dbx_flow_key recent;
	__u32 zero2;
	/* never written: a bucket that nothing was taken of; no lock may be in a per-CPU map */
	__u64 full[sizeof(struct dbx_bucket) / 8];
};

_Static_assert(offsetof(struct scratch, flow) - offsetof(struct scratch, lock) ==
		       offsetof(struct dbx_flow_slot, flow),
	       "lock, lease and flow lie as in struct dbx_flow_slot");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

/* The hello at hand: filled from `hellos` when a part of it was seen before, and put back there. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dbx_hello);
} work SEC(".maps");

int egress_flow(struct xdp_md *ctx);
int egress_hello(struct xdp_md *ctx);
int egress_name(struct xdp_md *ctx);
int egress_payload(struct xdp_md *ctx);
int egress_reply(struct xdp_md *ctx);
int egress_note(struct xdp_md *ctx);

/* Filled in by libbpf at load. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DBX_PROG_XDP_MAX);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} progs SEC(".maps") = {
	.values =
		{
			[DBX_PROG_FLOW] = (void *)&egress_flow,
			[DBX_PROG_HELLO] = (void *)&egress_hello,
			[DBX_PROG_NAME] = (void *)&egress_name,
			[DBX_PROG_PAYLOAD] = (void *)&egress_payload,
			[DBX_PROG_REPLY] = (void *)&egress_reply,
			[DBX_PROG_NOTE] = (void *)&egress_note,
		},
};

/*
 * The fields of xdp_md are 32 bits in C and pointers to the verifier. Loaded by hand, they are 64
 * bits to the compiler too, which otherwise spills half a pointer. Built for a host (ctl/replay), the
 * struct is another one, with pointers.
 */
#ifdef __bpf__
#define CTX_POINTER(ctx, field)                                                \
	({                                                                     \
		void *p_;                                                      \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                          \
			     : "=r"(p_)                                        \
			     : "r"(ctx), "i"(offsetof(struct xdp_md, field))); \
		p_;                                                            \
	})
#else
#define CTX_POINTER(ctx, field) ((void *)(ctx)->field)
#endif

static __always_inline void *frame_start(const struct xdp_md *ctx)
{
	return CTX_POINTER(ctx, data);
}

static __always_inline void *frame_end(const struct xdp_md *ctx)
{
	return CTX_POINTER(ctx, data_end);
}

static __always_inline struct scratch *scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline void flow_key(const struct dbx_pkt *pkt, struct dbx_flow_key *key)
{
	int is_v6 = pkt->flags & DBX_PKT_F_IPV6;

	dbx_names_addr(pkt->src, is_v6, key->src);
	dbx_names_addr(pkt->dst, is_v6, key->dst);
	key->domain = pkt->domain;
	key->sport = pkt->sport;
	key->dport = pkt->dport;
	key->proto = pkt->proto;
}

static __always_inline struct dbx_hello *work_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&work, &zero);
}

/*
 * A query gets an outer tag that no interface can have (IEEE 802.1Q: VID 4095 is reserved, and Linux
 * makes no device for it): the stack drops it unless egress_tc takes the tag off. So nothing that is
 * meant for the resolver passes by it when somebody has removed egress_tc. A packet that has to leave
 * by a path of its own is sealed likewise: without its mark it would leave by another.
 */
static __always_inline int seal(struct xdp_md *ctx)
{
	__u8 *p;
	int i;

	if (bpf_xdp_adjust_head(ctx, -4))
		return -1;
	p = frame_start(ctx);
	if (p + 18 > (__u8 *)frame_end(ctx))
		return -1;
	for (i = 0; i < 12; i++)
		p[i] = p[i + 4];
	p[12] = 0x81;
	p[13] = 0;
	p[14] = DBX_SEAL_TCI >> 8;
	p[15] = DBX_SEAL_TCI & 0xff;
	return 0;
}

/* Fields of a frame begin anywhere. BPF is made for it; the compiler of a host has to be told. */
#ifdef __bpf__
typedef __u16 frame_u16;
typedef __u32 frame_u32;
typedef struct dbx_meta frame_meta;
#else
typedef __u16 frame_u16 __attribute__((aligned(1), may_alias));
typedef __u32 frame_u32 __attribute__((aligned(1), may_alias));
typedef struct dbx_meta frame_meta __attribute__((aligned(1)));
#endif

/*
 * The frame goes on to the kernel, with a word to egress_tc in front of it where there is something
 * to say. A driver that cannot carry it: -1, and the frame must not go on.
 */
static __always_inline int tell_companion(struct xdp_md *ctx, const struct dbx_pkt *pkt, __u32 what,
					  __u32 mark)
{
	struct dbx_meta m = {.what = DBX_META_MAGIC | what, .mark = mark};
	__u8 *p = frame_start(ctx), *end = frame_end(ctx);
	frame_meta *out;
	__u16 type;

	if (mark)
		m.what |= DBX_META_MARK;
	if (p + 18 > end)
		return what || mark ? -1 : 0;
	type = dbx_rd16(p + 12);
	if (type == 0x8100 || type == 0x88a8) {
		m.what |= DBX_META_TAGGED;
		m.tci = dbx_rd16(p + 14);
		type = dbx_rd16(p + 16);
		m.n_tags = type == 0x8100 || type == 0x88a8 ? 2 : 1;
	} else if (!what && !mark) {
		return 0;
	}
	m.l4_offset = pkt->l4_offset;
	m.proto = pkt->proto;
	m.is_v6 = !!(pkt->flags & DBX_PKT_F_IPV6);
	if (((what & DBX_META_DNS) || mark) && seal(ctx))
		return -1;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(m)))
		return -1;
	out = CTX_POINTER(ctx, data_meta);
	if ((void *)(out + 1) > frame_start(ctx))
		return -1;
	*out = m;
	return 0;
}

#endif
