/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * names.h -- what the resolver teaches the kernel program: learned addresses, the names bound to
 * them, and the flows that have said their name.
 *
 * All times are CLOCK_MONOTONIC nanoseconds. Addresses are four words in host byte order; IPv4 is
 * written as its mapped form (0, 0, 0xffff, address), so one table holds both families.
 */
#ifndef DBX_NAMES_H
#define DBX_NAMES_H

#include "abi.h"

#ifdef __bpf__
#include <linux/bpf.h>
#endif

#define DBX_LEARNED_MAX 262144u /* (policy, address) */
#define DBX_BOUND_MAX   524288u /* (policy, address, name) */
#define DBX_FLOWS_MAX   131072u
#define DBX_HELLOS_MAX  4096u /* hellos of which a part has been seen */
#define DBX_HELLO_BYTES 4096u /* longest handshake message, or request head, that is looked at */
#define DBX_HELLO_CUTS  16u   /* most segments that a hello may come in */
#define DBX_QUIC_BYTES  1500u /* longest UDP payload that is handed to the daemon */

/*
 * Keyed hash of a byte string: two polynomials modulo 2^31 - 1 at secret points, 62 bits. An
 * adversary who does not know the points finds a collision with probability length / 2^61 a try.
 * The points live in the map `secrets` and outlive daemon and program.
 */
struct dbx_secret {
	dbx_u32 point[2]; /* 1 .. 2^31 - 2 */
};

#define DBX_HASH_P 0x7fffffffu

static __always_inline dbx_u32 dbx_hash_step(dbx_u32 h, dbx_u32 point, dbx_u8 byte)
{
	dbx_u64 x = (dbx_u64)h * point + byte + 1;

	x = (x & DBX_HASH_P) + (x >> 31);
	x = (x & DBX_HASH_P) + (x >> 31);
	return (dbx_u32)x;
}

struct dbx_hash {
	dbx_u32 h[2]; /* zero to begin with */
};

static __always_inline void dbx_hash_byte(struct dbx_hash *s, const struct dbx_secret *k,
					  dbx_u8 byte)
{
	s->h[0] = dbx_hash_step(s->h[0], k->point[0], byte);
	s->h[1] = dbx_hash_step(s->h[1], k->point[1], byte);
}

static __always_inline dbx_u64 dbx_hash_value(const struct dbx_hash *s)
{
	return (dbx_u64)s->h[0] << 32 | s->h[1];
}

struct dbx_learned_key {
	dbx_u64 policy_uid;
	dbx_u32 addr[4];
};

struct dbx_learned {
	dbx_u64 expires_ns;
	dbx_u64 hits; /* packets that found it, approximate */
	dbx_u64 flags;
};

/*
 * The public address of a resource that may only be reached over its private endpoint: a flow to it
 * is looked at even where the address itself is allowed, and refused when it names the resource.
 */
#define DBX_LEARNED_F_GUARD 1

struct dbx_bound_key {
	dbx_u64 policy_uid;
	dbx_u32 addr[4];
	dbx_u64 name; /* dbx_hash_value() of the canonical name */
};

struct dbx_bound {
	dbx_u64 expires_ns;
	dbx_u64 rule_uid; /* of the policy entry that allows the name */
	dbx_u64 hits;     /* flows that were let through by it */
	dbx_u64 flags;
};

#define DBX_BOUND_F_PRIVATE 1 /* the name is refused at this address: private-required */

/* ---- flows ---- */

enum dbx_flow_state {
	DBX_FLOW_NONE,
	DBX_FLOW_HELLO, /* SYN seen; the name is still to come */
	DBX_FLOW_ALLOWED,
	DBX_FLOW_DENIED,
};

struct dbx_flow_key {
	dbx_u32 src[4]; /* as in struct dbx_learned_key */
	dbx_u32 dst[4];
	dbx_u32 domain;
	dbx_u16 sport;
	dbx_u16 dport;
	dbx_u32 proto;
};

/* The hello up to byte `end` of the stream, and the hash of it. */
struct dbx_flow_cut {
	dbx_u32 end;
	struct dbx_hash hash;
};

#define DBX_FLOW_F_CLOSING   1 /* FIN or RST was seen */
#define DBX_FLOW_F_DRY_RUN   2 /* denied but for dry-run: passes, recorded */
#define DBX_FLOW_F_CONFIRMED 4 /* the server took isn: its SYN-ACK was seen */
#define DBX_FLOW_F_DELIVERED 8 /* the server has all of the hello: nothing in it can change now */

/*
 * An ALLOWED TLS flow whose client might still say another name: a server that answers the hello with a
 * HelloRetryRequest (RFC 8446 section 4.1.4) gets a second one, and may take the name of that.
 */
#define DBX_WATCH_ANSWER 1 /* what the server answered is not known yet */
#define DBX_WATCH_AGAIN  2 /* it asked for a second hello, which has not been judged */
#define DBX_WATCH_PART   4 /* `hellos` has where the reading of the client's records stands */

struct dbx_flow {
	dbx_u64 policy_uid[2]; /* [1]: of the generation to come while policies change, else 0 */
	dbx_u64 name;          /* hash of the name that it spoke, 0 = none yet */
	dbx_u64 rule_uid;
	dbx_u64 workspace_id;
	dbx_u64 start_ns;
	dbx_u64 last_ns;
	dbx_u32 isn;     /* sequence number of the first byte of the stream */
	dbx_u32 n_seen;  /* bytes of the stream that were judged: cuts[n_cuts - 1].end */
	dbx_u32 n_hello; /* bytes that left and whose repetition must be the same */
	union {
		dbx_u32 n_body;      /* HTTP: bytes of the request behind its head */
		dbx_u32 server_next; /* TLS: of the server's stream, the first byte not seen */
	};
	dbx_u8 state; /* enum dbx_flow_state */
	dbx_u8 kind;  /* enum dbx_name_port */
	dbx_u8 flags;
	dbx_u8 reason; /* of DENIED, or of what dry-run let through */
	dbx_u8 n_cuts;
	dbx_u8 watch;    /* DBX_WATCH_*; 0 = the flow is free */
	dbx_u8 n_answer; /* how far the server's answer is known, companion.h */
	dbx_u8 zero;
	struct dbx_flow_cut cuts[DBX_HELLO_CUTS];
};

/*
 * A flow as it lies in the map. lock guards every change to it. lease: a CPU reads a hello of this
 * flow since then (nanoseconds; 0 = none does), so that two segments at a time are never mixed; a
 * second one is held.
 */
struct dbx_flow_slot {
#ifdef __bpf__
	struct bpf_spin_lock lock;
#else
	dbx_u32 lock;
#endif
	dbx_u32 zero;
	dbx_u64 lease;
	struct dbx_flow flow;
};

#define DBX_FLOW_LEASE_NS 1000000000ull /* then its holder is taken for dead */

/* An order to egress_note: change this flow, if it is still the one that start_ns says. */
struct dbx_flow_order {
	dbx_u8 ether[16]; /* makes it a frame */
	struct dbx_flow_key key;
	dbx_u32 zero;
	struct dbx_flow flow;
};

/*
 * A flow whose name decided, or could not, on its ring: what the packet event cannot hold. name is
 * as the client wrote it (any bytes), for people; cut at its size.
 */
struct dbx_name_event {
	struct dbx_event event;
	struct dbx_flow_key key;
	dbx_u32 isn; /* of the flow; 0 for QUIC */
	dbx_u64 policy_uid;
	dbx_u64 start_ns; /* of the flow, to be given back by flow_set */
	dbx_u32 seq; /* with payload: its sequence number, QUIC: 1 = the flow is allowed already;
		      * else what the server expects next (RST) */
	dbx_u32 ack;
	dbx_u32 mark; /* of the path that the packet would take, 0 = none */
	dbx_u8 n_name;
	dbx_u8 kind;       /* enum dbx_name_port */
	dbx_u16 n_payload; /* HTTP, QUIC: bytes of payload; only as many lie in the record */
	dbx_u8 name[256];
	dbx_u8 payload[DBX_QUIC_BYTES];
};

_Static_assert(sizeof(struct dbx_learned_key) == 24, "learned key");
_Static_assert(sizeof(struct dbx_bound_key) == 32, "bound key");
_Static_assert(sizeof(struct dbx_flow_key) == 44, "flow key");
_Static_assert(sizeof(struct dbx_flow) == 272, "flow");
_Static_assert(sizeof(struct dbx_flow_slot) == 16 + sizeof(struct dbx_flow), "flow slot");

#endif
