/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire_dpdk.h -- what dbx-egressd and dbx-egress-dpdk say to each other.
 *
 * The process listens on a Unix socket (SOCK_SEQPACKET, mode 0600) and takes only root and its own
 * uid (SO_PEERCRED). Both are on one host, so numbers are in its byte order. A message is one packet
 * of at most DBX_WIRE_MAX bytes: a struct dbx_wire_head, then the body of its type, of which every
 * field is checked before anything is done. A head that is wrong ends the connection.
 *
 * The first message is HELLO, which gives the connection its role:
 *   CONTROL      the daemon asks, the process answers each request, in order, with the type of the
 *                request | DBX_WIRE_ANSWER, the same seq, and rc (0 or -errno). With rc != 0 the body
 *                is a sentence: text of at most DBX_WIRE_TEXT bytes, NUL at the end, or nothing.
 *   EVENTS       after the answer to HELLO the process sends EVENT messages, and reads none
 *   NAME_EVENTS  likewise NAME_EVENT
 *   SAMPLES      likewise SAMPLE, the copies of packets that CAPTURE asked for; it ends the capture
 * Events that a slow reader leaves no room for are dropped and counted (DBX_TOTAL_EVENTS_LOST);
 * nothing here ever makes a packet wait. Several connections of one role may be open (a daemon that
 * was killed, and the next): a new event connection takes the place of the one before.
 *
 * What was told stays when the connection ends. An image that was sent and not committed does not.
 * Semantics of each request are those of the operation of dataplane/dp.h that has its name.
 */
#ifndef DBX_WIRE_DPDK_H
#define DBX_WIRE_DPDK_H

#include "capture.h"
#include "names.h"
#include "program.h"

#define DBX_WIRE_PATH    "/run/dbx-egress/dpdk.sock"
#define DBX_WIRE_MAGIC   0x57584244u /* "DBXW" */
#define DBX_WIRE_VERSION 1u
#define DBX_WIRE_MAX     65536u
#define DBX_WIRE_TEXT    256u
#define DBX_WIRE_ANSWER  0x8000u
/* Most elements in one message of the types that carry an array, whatever would fit. */
#define DBX_WIRE_BATCH 128u

enum dbx_wire_type {
	DBX_WIRE_HELLO = 1,
	DBX_WIRE_STATE,       /* -> dbx_wire_state */
	DBX_WIRE_IMAGE,       /* dbx_wire_image, one fd */
	DBX_WIRE_IMAGE_GET,   /* -> dbx_wire_image and one fd, of the image in force; -ENOENT */
	DBX_WIRE_COMMIT,      /* dbx_wire_generation, of the image that was sent */
	DBX_WIRE_ABORT,       /* nothing; always succeeds */
	DBX_WIRE_PORTS,       /* nothing -> dbx_wire_port[] */
	DBX_WIRE_PORT_SET,    /* dbx_wire_iface; -ENODEV: no port of that name */
	DBX_WIRE_PORT_DEL,    /* dbx_wire_iface, the name alone counts; -ENOENT */
	DBX_WIRE_SECRET_GET,  /* -> dbx_secret, zero: none was set */
	DBX_WIRE_SECRET_SET,  /* dbx_secret; another one than before empties names, flows, hellos */
	DBX_WIRE_LEARN,       /* dbx_wire_bound[1 .. DBX_WIRE_BATCH]; stops at the first failure */
	DBX_WIRE_UNLEARN,     /* dbx_bound_key; not there: 0 */
	DBX_WIRE_FORGET_ADDR, /* dbx_learned_key; not there: 0 */
	DBX_WIRE_BOUND_GET,   /* dbx_bound_key -> dbx_bound; -ENOENT */
	DBX_WIRE_LEARNED_GET, /* dbx_learned_key -> dbx_learned; -ENOENT */
	DBX_WIRE_EACH,        /* dbx_wire_each -> dbx_wire_page and its elements */
	DBX_WIRE_FLOW_SET,    /* dbx_wire_flow; -ESTALE, -ENOSPC */
	DBX_WIRE_FLOW_DEL,    /* dbx_flow_key; not there: 0 */
	DBX_WIRE_TOTALS,      /* -> dbx_counter[DBX_TOTAL_MAX], summed over lcores */
	DBX_WIRE_STEER,       /* dbx_wire_steer */
	DBX_WIRE_FORWARD,     /* dbx_wire_iface[0 .. DBX_WIRE_BATCH], replaces the set */
	DBX_WIRE_FIB,         /* dbx_wire_fib and its records */
	DBX_WIRE_LCORES,      /* -> dbx_wire_lcore[] */
	DBX_WIRE_EVENT,       /* process to daemon: dbx_event[1 .. DBX_WIRE_BATCH] */
	DBX_WIRE_NAME_EVENT,  /* likewise: one dbx_name_event, cut behind its payload */
	DBX_WIRE_CAPTURE,     /* dbx_capture, until_ns 0 = stop; -ENOTCONN: nobody takes samples */
	DBX_WIRE_LOSS,        /* -> dbx_wire_loss, of the capture that was asked for last */
	DBX_WIRE_FLOWS_GET,   /* -> one fd: a file that has the flows, and outlives the process */
	DBX_WIRE_FLOWS_TAKE,  /* one fd, of a process before: the flows that it had decided go on */
	DBX_WIRE_SAMPLE, /* process to daemon: dbx_sample and its bytes, up to DBX_WIRE_BATCH of them */
	DBX_WIRE_TYPE_MAX,
};

enum dbx_wire_role {
	DBX_WIRE_ROLE_CONTROL = 1,
	DBX_WIRE_ROLE_EVENTS,
	DBX_WIRE_ROLE_NAME_EVENTS,
	DBX_WIRE_ROLE_SAMPLES,
	DBX_WIRE_ROLE_MAX,
};

struct dbx_wire_head {
	dbx_u32 magic;
	dbx_u16 version;
	dbx_u16 type;
	dbx_u32 n_bytes; /* of the message, the head included */
	dbx_u32 seq;     /* of the request; 0 in events */
	int rc;          /* of the answer; 0 in requests */
	dbx_u32 zero;
};

/* HELLO. Another abi than the process's: -EPROTONOSUPPORT, with the sentence, and the end. */
struct dbx_wire_hello {
	dbx_u32 abi; /* DBX_ABI_VERSION */
	dbx_u32 role;
};

/* What HELLO and STATE answer. */
struct dbx_wire_state {
	dbx_u32 abi;
	dbx_u32 pid;
	dbx_u64 counters_id; /* made at random when the process starts, never 0 */
	dbx_u64 generation;  /* in force; with has_image */
	dbx_u64 content_hash;
	dbx_u32 checksum;
	dbx_u32 has_image;
	dbx_u64 build; /* hash of the program, for people */
	dbx_u64 tsc_hz;
	dbx_u32 n_lcores;   /* that judge packets */
	dbx_u32 has_secret; /* 0: the process is new, and knows no names */
	char version[32];   /* of the program and of DPDK, NUL at the end */
};

/*
 * IMAGE. The fd is a memfd with F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, and of
 * n_bytes. The process maps it read-only and checks it again; what is wrong is refused (-EINVAL with
 * a sentence) and changes nothing. Another IMAGE replaces one that was not committed.
 */
struct dbx_wire_image {
	dbx_u64 n_bytes;
	dbx_u64 generation;
	dbx_u64 content_hash;
	dbx_u32 checksum;
	dbx_u32 zero;
};

struct dbx_wire_generation {
	dbx_u64 generation; /* another one than was sent: -ESTALE; nothing sent: -EINVAL */
};

/*
 * Ports go by the name of the gateway's own interface, which the documents use and which is at the
 * other end of the port's host= (`--workload NAME=PORT,host=PORT`). PORT_SET says which index that
 * interface has; it is the ingress_ifindex of all that comes in there, in events too. A workload port
 * without an index drops everything. A port whose host= is missing cannot pass frames to the stack.
 * FORWARD gives the interfaces to which packets may go past the stack; one that is no port is left out.
 */
struct dbx_wire_iface {
	char name[16];   /* NUL at the end */
	dbx_u32 ifindex; /* never 0; routes and neighbours give the same */
	dbx_u32 mtu; /* of IP packets that may be forwarded there fast; longer ones are the stack's */
	dbx_u8 mac[6]; /* source of what is forwarded fast to the port's network */
	dbx_u8 zero[2];
};

#define DBX_WIRE_PORT_WORKLOAD 1u
#define DBX_WIRE_PORT_UPLINK   2u
#define DBX_WIRE_PORT_LINK_UP  4u
#define DBX_WIRE_PORT_HAS_HOST 8u
struct dbx_wire_port {
	char name[16];
	char device[32]; /* of the port that faces compute, or out; NUL at the end */
	char host[32];   /* of host=, "" = none */
	dbx_u32 ifindex; /* 0: not set */
	dbx_u32 flags;
	dbx_u8 mac[6];
	dbx_u16 n_queues;
	dbx_u32 mbps; /* 0: not known */
	dbx_u32 zero;
	dbx_u64 rx_packets, rx_bytes;
	dbx_u64 tx_packets, tx_bytes;
	dbx_u64 rx_missed; /* by the device, for want of room */
	dbx_u64 rx_nombuf;
	dbx_u64 tx_dropped;   /* queue full, by us */
	dbx_u64 host_packets; /* handed to the stack */
	dbx_u64 host_dropped; /* no host=, or its queue was full */
	dbx_u64 back_packets; /* from the stack, sent on */
	dbx_u64 fast_packets; /* forwarded past the stack */
};

struct dbx_wire_bound {
	struct dbx_bound_key key;
	struct dbx_bound bound;
};

struct dbx_wire_learned {
	struct dbx_learned_key key;
	struct dbx_learned learned;
};

struct dbx_wire_flow {
	struct dbx_flow_key key;
	dbx_u32 zero;
	struct dbx_flow flow;
};

struct dbx_wire_counter {
	struct dbx_counter_key key;
	struct dbx_counter value; /* summed over lcores */
};

enum dbx_wire_table {
	DBX_WIRE_TABLE_LEARNED = 1, /* elements: dbx_wire_learned */
	DBX_WIRE_TABLE_BOUND,       /* dbx_wire_bound */
	DBX_WIRE_TABLE_FLOWS,       /* dbx_wire_flow */
	DBX_WIRE_TABLE_COUNTERS,    /* dbx_wire_counter */
	DBX_WIRE_TABLE_MAX,
};

/* cursor: 0 to begin with, then `next` of the page before; next 0: it was the last page. */
struct dbx_wire_each {
	dbx_u32 table;
	dbx_u32 zero;
	dbx_u64 cursor;
};

struct dbx_wire_page {
	dbx_u64 next;
	dbx_u32 n; /* elements behind this, at most DBX_WIRE_BATCH; may be 0 with next != 0 */
	dbx_u32 zero;
};

struct dbx_wire_steer {
	dbx_u32 is_ready; /* the resolver takes queries */
	dbx_u32 zero;
};

/*
 * FIB: changes to routes and neighbours, all in order. BEGIN: this is the whole of it, over one or
 * more messages up to one with END; what is not put again until then is taken away at END.
 */
#define DBX_WIRE_FIB_BEGIN 1u
#define DBX_WIRE_FIB_END   2u
struct dbx_wire_fib {
	dbx_u32 flags;
	dbx_u32 n_routes; /* n_routes + n_neighs <= 8 * DBX_WIRE_BATCH */
	dbx_u32 n_neighs;
	dbx_u32 zero;
	/* struct dbx_wire_route[n_routes], then struct dbx_wire_neigh[n_neighs] */
};

#define DBX_WIRE_PUT       1u
#define DBX_WIRE_DEL       2u /* not there: no error */
#define DBX_WIRE_ROUTE_MAX 65536u
#define DBX_WIRE_NEIGH_MAX 65536u

enum dbx_wire_route_kind {
	DBX_WIRE_ROUTE_HOST = 1, /* the stack's: local, unreachable, several next hops, ... */
	DBX_WIRE_ROUTE_LINK,     /* on the link of ifindex: the next hop is the destination */
	DBX_WIRE_ROUTE_VIA,      /* gateway, a neighbour of ifindex */
};

/* Key: family, prefix_len, dst. PUT of one that is there replaces it. */
struct dbx_wire_route {
	dbx_u8 op;
	dbx_u8 family; /* 4, 6; of dst and gateway alike, else the route is HOST */
	dbx_u8 prefix_len;
	dbx_u8 kind;
	dbx_u32 ifindex;
	dbx_u32 mtu; /* of the route, 0 = that of the interface */
	dbx_u32 zero;
	dbx_u8 dst[16]; /* network byte order, bits beyond prefix_len are 0; IPv4: the first four */
	dbx_u8 gateway[16];
};

/* Key: family, ifindex, addr. */
struct dbx_wire_neigh {
	dbx_u8 op;
	dbx_u8 family;
	dbx_u8 mac[6];
	dbx_u32 ifindex;
	dbx_u32 zero;
	dbx_u8 addr[16];
};

struct dbx_wire_lcore {
	dbx_u32 lcore;
	dbx_u32 n_queues;     /* that it polls */
	dbx_u64 packets;      /* judged */
	dbx_u64 bursts;       /* that had packets */
	dbx_u64 polls;        /* in all */
	dbx_u64 busy_cycles;  /* spent on bursts that had packets; / packets: cycles per packet */
	dbx_u64 total_cycles; /* since it began */
	dbx_u64 dropped;      /* by verdict */
	dbx_u64 tx_dropped;   /* passed, but no room to send */
	dbx_u64 generation;   /* that it last judged by */
};

/*
 * SAMPLE: one behind the other, each with zeros up to a multiple of 8 bytes. What each has is that of
 * map samples (capture.h), a seal's tag included.
 */
#define DBX_WIRE_SAMPLE_BYTES(n_bytes) ((sizeof(struct dbx_sample) + (n_bytes) + 7) & ~7ull)

struct dbx_wire_loss {
	dbx_u64 limited; /* packets beyond the rate */
	dbx_u64 lost;    /* that found no room */
};

_Static_assert(sizeof(struct dbx_wire_head) == 24, "head");
_Static_assert(sizeof(struct dbx_wire_hello) == 8, "hello");
_Static_assert(sizeof(struct dbx_wire_state) == 96, "state");
_Static_assert(sizeof(struct dbx_wire_image) == 32, "image");
_Static_assert(sizeof(struct dbx_wire_iface) == 32, "iface");
_Static_assert(sizeof(struct dbx_wire_port) == 192, "port");
_Static_assert(sizeof(struct dbx_wire_flow) == 320, "flow");
_Static_assert(sizeof(struct dbx_wire_route) == 48, "route");
_Static_assert(sizeof(struct dbx_wire_neigh) == 32, "neigh");
_Static_assert(sizeof(struct dbx_wire_lcore) == 72, "lcore");
_Static_assert(sizeof(struct dbx_wire_head) + sizeof(struct dbx_wire_page) +
			       DBX_WIRE_BATCH * sizeof(struct dbx_wire_flow) <=
		       DBX_WIRE_MAX,
	       "a page of flows fits");
_Static_assert(sizeof(struct dbx_wire_head) + sizeof(struct dbx_wire_fib) +
			       8 * DBX_WIRE_BATCH * sizeof(struct dbx_wire_route) <=
		       DBX_WIRE_MAX,
	       "a batch of routes fits");
_Static_assert(DBX_TOTAL_MAX * sizeof(struct dbx_counter) < DBX_WIRE_MAX / 2, "totals fit");
_Static_assert(sizeof(struct dbx_wire_head) + sizeof(struct dbx_name_event) < DBX_WIRE_MAX,
	       "a name event fits");
_Static_assert(sizeof(struct dbx_wire_head) + DBX_WIRE_SAMPLE_BYTES(DBX_CAPTURE_SNAP_MAX + 4) <
		       DBX_WIRE_MAX,
	       "a sample fits");

#endif
