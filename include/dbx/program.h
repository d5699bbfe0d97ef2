/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * program.h -- what the kernel program and the driver that loads it agree on: the maps, by name, and
 * the record by which a program that is already in the kernel is recognised.
 */
#ifndef DBX_PROGRAM_H
#define DBX_PROGRAM_H

#include "abi.h"

#ifdef __bpf__
#include <linux/bpf.h>
#endif

/*
 * The maps of egress_xdp. The kernel keeps 15 characters of a name.
 *   images    array of maps, one slot: the active image, an array of chunks (image.h)
 *   counters  per-CPU hash, dbx_counter_key -> dbx_counter
 *   totals    per-CPU array, enum dbx_total -> dbx_counter
 *   events    ring buffer of struct dbx_event
 *   ports     array, ifindex -> dbx_port_hash() of the interface's name
 *   ports_high  hash, the same for an ifindex that is beyond the array
 *   frags     LRU hash, datagram -> what its first fragment met
 * and for names (names.h):
 *   learned, bound, flows   hashes
 *   hellos       hash, flow -> what was read of a hello that came in pieces
 *   secrets      array of one struct dbx_secret, written once by the loader that made it
 *   name_events  ring buffer of struct dbx_name_event
 *   dns_socks    sockmap, enum dbx_dns_sock -> socket of the resolver
 *   steer        array of one u32: the resolver takes queries
 *   buckets      hash, workspace id -> struct dbx_bucket (quotas, answers to denials)
 *   recent       LRU hash, flow -> when it was last seen: what is a new flow to a quota
 *   forward      devmap hash, ifindex -> ifindex: where packets may be redirected to
 *   noted        array of struct dbx_noted, DBX_NOTED_SLOTS a CPU: flows that were told of, and what
 *                followed (event.h)
 *   pace         array of struct dbx_pace, one a CPU: how many more events it may send, tags of its flows
 *   progs        program array, enum dbx_prog_xdp: what egress_xdp calls
 *   progs_tc     program array, enum dbx_prog_tc: the companions, kept here to be found again
 *   scratch, work  per-CPU arrays: what programs that call each other hand over
 *   capture_on   array of one struct dbx_capture (capture.h): which packets are copied
 *   capture_cpu  per-CPU array of one struct dbx_capture_cpu
 *   samples      perf event array: struct dbx_sample and the packet
 * progs, progs_tc, scratch, work and those of captures belong to one build and are never handed on to
 * the next.
 */
#define DBX_PROGRAM_MAPS(X)         \
	X(IMAGES, images)           \
	X(COUNTERS, counters)       \
	X(TOTALS, totals)           \
	X(EVENTS, events)           \
	X(PORTS, ports)             \
	X(PORTS_HIGH, ports_high)   \
	X(FRAGS, frags)             \
	X(LEARNED, learned)         \
	X(BOUND, bound)             \
	X(FLOWS, flows)             \
	X(HELLOS, hellos)           \
	X(SECRETS, secrets)         \
	X(NAME_EVENTS, name_events) \
	X(DNS_SOCKS, dns_socks)     \
	X(STEER, steer)             \
	X(BUCKETS, buckets)         \
	X(RECENT, recent)           \
	X(FORWARD, forward)         \
	X(NOTED, noted)             \
	X(PACE, pace)               \
	X(PROGS, progs)             \
	X(PROGS_TC, progs_tc)       \
	X(SCRATCH, scratch)         \
	X(WORK, work)               \
	X(CAPTURE_ON, capture_on)   \
	X(CAPTURE_CPU, capture_cpu) \
	X(SAMPLES, samples)

enum dbx_program_map {
#define DBX_PROGRAM_MAP(id, name) DBX_MAP_##id,
	DBX_PROGRAM_MAPS(DBX_PROGRAM_MAP)
#undef DBX_PROGRAM_MAP
		DBX_MAP_MAX,
};

#define DBX_PROGRAM_NAME    "egress_xdp"
#define DBX_COUNTERS_MAX    65536u /* default of dbx_dp_opts.counters_max */
#define DBX_EVENTS_BYTES    (1u << 20)
#define DBX_PORTS_LOW       4096u /* ifindex from here on: ports_high */
#define DBX_PORTS_MAX       4096u
#define DBX_IMAGE_CHUNKS    32u /* 8 MiB: default of n_chunks */
#define DBX_FRAGS_MAX       65536u
#define DBX_PROGRAM_MAGIC   0x50584244u /* "DBXP" */
#define DBX_PROGRAM_ID_SECT ".rodata.id"

/* What egress_xdp calls; a program that is called does not come back. */
enum dbx_prog_xdp {
	DBX_PROG_FLOW,  /* egress_flow: a packet of a flow whose name is checked */
	DBX_PROG_HELLO, /* egress_hello: reads a block of a hello, and calls itself for the next */
	DBX_PROG_NAME,  /* egress_name: the hello is whole; decides */
	DBX_PROG_PAYLOAD, /* egress_payload: hands a payload to the daemon, which decides */
	DBX_PROG_REPLY,   /* egress_reply: the packet becomes a RST or an ICMP unreachable */
	DBX_PROG_NOTE,    /* egress_note: run by the driver alone, changes a flow, sweeps `noted` */
	DBX_PROG_XDP_MAX,
};

/* At clsact of the same interface. */
enum dbx_prog_tc {
	DBX_PROG_TC_IN,  /* egress_tc: steers, refuses hidden tags, sends replies */
	DBX_PROG_TC_OUT, /* egress_back: what the server says of the flow */
	DBX_PROG_TC_MAX,
};

enum dbx_dns_sock {
	DBX_DNS_SOCK_UDP4,
	DBX_DNS_SOCK_TCP4,
	DBX_DNS_SOCK_UDP6,
	DBX_DNS_SOCK_TCP6,
	DBX_DNS_SOCK_MAX,
};

#define DBX_MARK_DNS    0x0db50053u
#define DBX_BUCKETS_MAX 65536u
#define DBX_RECENT_MAX  262144u
#define DBX_FORWARD_MAX 256u

/* What a workspace is limited in. */
enum dbx_limit {
	DBX_LIMIT_FLOWS,
	DBX_LIMIT_BYTES,
	DBX_LIMIT_REPLIES, /* answers to denied packets */
	DBX_LIMIT_MAX,
};

/*
 * A bucket of tokens, kept as the time at which it will be full again (GCRA, ITU-T I.371): what is
 * taken moves that time on by its cost. rest: what the division of the last cost left, so that no
 * rounding adds up.
 */
struct dbx_bucket {
#ifdef __bpf__
	struct bpf_spin_lock lock;
#else
	dbx_u32 lock;
#endif
	dbx_u32 zero;
	dbx_u64 full_ns[DBX_LIMIT_MAX]; /* CLOCK_MONOTONIC */
	dbx_u64 rest[DBX_LIMIT_MAX];
};

/*
 * A flow that was told of; packets of it that follow wait here until the daemon sweeps. Each CPU has
 * slots of its own; the loader makes as many as there are CPUs. All counts begin with the map.
 */
#define DBX_NOTED_SLOTS 2048u
#define DBX_NOTED_CPUS  64u /* without a loader */
struct dbx_noted {
	dbx_u32 hash; /* 0: free */
	dbx_u32 zero;
	dbx_u64 packets; /* that joined a flow here */
	dbx_u64 bytes;
	dbx_u64 told_packets; /* those of them that were told of */
	dbx_u64 told_bytes;
	struct dbx_event event; /* of the flow's first packet */
};

/*
 * How many events a CPU may send between two sweeps, which are a second apart; and what of the flows in
 * its slots is in few cache lines: a flow whose tag is not there is in no slot. The CPU writes n, woken_ns
 * and tags, the sweep base, and 0 in the place of a tag whose slot it frees.
 */
#define DBX_PACE_EVENTS  2048u
#define DBX_PACE_WAKE_NS 50000000ull /* between two times that a CPU wakes the reader */
struct dbx_pace {
	dbx_u64 n;    /* events so far */
	dbx_u64 base; /* when the last sweep was */
	dbx_u64 woken_ns;
	dbx_u64 zero[5];
	dbx_u16 tags[DBX_NOTED_SLOTS]; /* 0: none */
};

/*
 * The other thing that egress_note does: slots of `noted` from at on, DBX_SWEEP_STEP a run, are told
 * of and emptied. Comes back with at behind them, and n_left grown by those that the ring had no room
 * for. Not as a repeated run: the kernel then makes the program the one that its dispatcher jumps to,
 * and back again, which stops all CPUs.
 */
#define DBX_SWEEP_STEP  1024u
#define DBX_SWEEP_MAGIC 0x50575344u /* "DSWP"; an order for a flow begins with zeros */
struct dbx_sweep_order {
	dbx_u32 magic;
	dbx_u32 at;
	dbx_u32 n_left;
	dbx_u32 zero;
};

/*
 * What egress_xdp tells egress_tc, in front of the frame (XDP metadata). The kernel takes the outer
 * VLAN tag out of a frame before TC sees it, so that TC alone cannot tell a tag that XDP saw from
 * one that the interface hid.
 */
#define DBX_META_MAGIC  0x0db50000u
#define DBX_META_DNS    1u /* for the resolver, and sealed: an outer tag DBX_SEAL_TCI in front */
#define DBX_META_TAGGED 2u /* judged with the tag tci */
#define DBX_META_REPLY  4u /* the frame is an answer, to be sent back where it came from */
#define DBX_META_MARK   8u /* mark is to be the packet's; sealed likewise */
#define DBX_SEAL_TCI    0xfffu
struct dbx_meta {
	dbx_u32 what;      /* DBX_META_MAGIC | flags */
	dbx_u16 tci;       /* of the outer tag, with TAGGED */
	dbx_u16 n_tags;    /* that XDP saw in the frame */
	dbx_u16 l4_offset; /* of the transport header, tags included, with DNS */
	dbx_u8 proto;
	dbx_u8 is_v6;
	dbx_u32 mark;
};

/* What the driver gives egress_note, as a frame: see flow_set in dataplane/dp.h. */
#define DBX_ORDER_DONE  2u /* XDP_PASS */
#define DBX_ORDER_NONE  1u /* XDP_DROP: no such flow */
#define DBX_ORDER_STALE 0u /* XDP_ABORTED: the flow was begun anew, or has decided since */

/*
 * Read-only to everybody once loaded. build: hash of the object file, set by the loader.
 *
 * n_chunks: how many chunks an image of this program has room for. It is the same for every image,
 * because then the compiler of the kernel turns each look-up of a chunk into a few instructions; a
 * call instead, ten times a packet, costs more than the rest of the classifier. A larger image needs
 * the program loaded anew (dp_xdp.c).
 */
struct dbx_program_id {
	dbx_u32 magic;
	dbx_u32 abi;
	dbx_u64 build;
	dbx_u32 n_chunks;
	dbx_u32 zero;
};

_Static_assert(sizeof(struct dbx_meta) == 16, "metadata is a multiple of 4 bytes, at most 32");
_Static_assert(sizeof(struct dbx_bucket) == 56, "bucket");
_Static_assert(sizeof(struct dbx_noted) == 152, "slot of a flow");
_Static_assert(sizeof(struct dbx_pace) == 64 + 2 * DBX_NOTED_SLOTS, "pace");
_Static_assert(DBX_NOTED_SLOTS % DBX_SWEEP_STEP == 0, "a sweep ends at the last slot");

#endif
