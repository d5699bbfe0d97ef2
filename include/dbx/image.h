/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image.h -- layout of the policy image: what the compiler writes and the classifier reads.
 *
 * An image is an array of chunks of 256 KiB. The first n_kernel_chunks are what a packet needs and
 * are put, as they are, into the inner array map (one element a chunk) or mapped by the DPDK
 * process; the bytes after them (names, JSON pointers) are for people and stay in user space.
 * Everything is little-endian host order; chunk 0 holds the header and nothing else.
 *
 * A *run* is a sorted array of (start, value) pairs inside one chunk: the value of a key is that of
 * the last entry whose start is <= key. The first entry's start field holds the number of entries
 * minus one instead (its true start is the lowest key). A value with DBX_LEAF is final; otherwise it
 * is a reference to another run: with DBX_SAME the same key is searched again there (a long run is
 * split), without it the next bits of the key are.
 *
 * Lookups (DXR: direct root on the top 16 bits, then runs):
 *   dst4   root16[65536] u32 -> class | run of {u16 start, u16 class} on the low 16 bits
 *   dst6   root16 -> class | runs32 on bits 16-31, 32-63, 64-95, 96-127
 *   src4   root16 -> owner | runs32 on the low 16 bits
 *   src6   root16 -> owner | runs32 as dst6
 *          (keys of the first level of src4, dst6 and src6 are the whole 32-bit word)
 *   owner  a runs32 reference (0: none), searched by domain; value = binding + 1 (0: none);
 *          the entry at key DBX_DOMAIN_ANY names the sole owner whatever the domain
 *   cells  u16[profile row][class] -> rule set, counted from profile.rulesets
 *   rule set  outcome | runs32 on proto << 16 | port  (port: dport, or ICMP type << 8 | code)
 *   quotas    struct dbx_quota, by binding.quota - 1
 *   tunnels   the header's runs32 references, searched by an IPv4 address
 */
#ifndef DBX_IMAGE_H
#define DBX_IMAGE_H

#include "abi.h"

#define DBX_IMAGE_MAGIC  0x49584244u /* "DBXI" */
#define DBX_CHUNK_SHIFT  18
#define DBX_CHUNK_BYTES  (1u << DBX_CHUNK_SHIFT)
#define DBX_ROOT_ENTRIES 65536u /* u32 each: exactly one chunk */

#define DBX_LEAF       0x80000000u
#define DBX_SAME       0x40000000u
#define DBX_REF_MASK   0x3fffffffu
#define DBX_VALUE_MASK 0x7fffffffu

/* Items of each kind in a chunk, as shifts; an item never crosses a chunk. */
#define DBX_RUN4_SHIFT    16 /* struct dbx_run4, 4 bytes */
#define DBX_RUN32_SHIFT   15 /* struct dbx_run32, 8 bytes */
#define DBX_BINDING_SHIFT 12 /* struct dbx_binding, 64 bytes */
#define DBX_PROFILE_SHIFT 13 /* struct dbx_profile, 32 bytes */
#define DBX_CELL_SHIFT    17 /* u16 */
#define DBX_RULESET_SHIFT 16 /* u32 */
#define DBX_OUTCOME_SHIFT 14 /* struct dbx_outcome, 16 bytes */
#define DBX_QUOTA_SHIFT   13 /* struct dbx_quota, 32 bytes */

#define DBX_CLASSES_MAX 65535u
#define DBX_CELL_MAX    65535u

struct dbx_run4 {
	dbx_u16 start;
	dbx_u16 class_id;
};

struct dbx_run32 {
	dbx_u32 start;
	dbx_u32 value;
};

/* A source of a workspace. port: dbx_port_hash() of the interface's name, 0 = any interface. */
#define DBX_BINDING_F_DRY_RUN 1 /* the policy is in dry-run for this source's product */
#define DBX_BINDING_F_MAC     2 /* mac must be the frame's source address */
#define DBX_BINDING_F_REJECT  4 /* denials are answered: TCP RST, ICMP administratively prohibited */
#define DBX_BINDING_F_CLUSTER 8 /* other clusters of the workspace are not reachable */
struct dbx_binding {
	dbx_u64 workspace_id;
	dbx_u32 workspace; /* index into the image's workspace table */
	dbx_u32 profile;
	dbx_u32 policy; /* index into the image's policy table */
	dbx_u32 domain;
	dbx_u64 port;
	dbx_u8 flags;
	dbx_u8 product;
	dbx_u8 mac[6];
	dbx_u64 policy_uid; /* dbx_scope_uid(), 0 = no policy */
	dbx_u32 cluster;    /* number of the cluster within the workspace, 0 = none */
	dbx_u32 quota;      /* index + 1 into the image's quotas, 0 = none */
	dbx_u8 zero[8];
};

/* A (policy, NCC) pair: what decides a row of cells. row: first cell, as cell index in the section. */
struct dbx_profile {
	dbx_u32 row;
	dbx_u32 rulesets;   /* a cell's number counts from here */
	dbx_u32 workspaces; /* runs32 on the destination's workspace index -> LEAF | outcome */
	dbx_u32 policy;     /* index into the image's policy table, 0xffffffff = none */
	dbx_u32 ncc;        /* index + 1 into the image's NCC table, 0 = none */
	dbx_u32 marks[3]; /* packet marks of the paths, see dbx_path_mark(); 0 = the host's routing */
};

/*
 * Limits of a workspace, 0 = none. A bucket holds at most burst_ms worth of its rate, and at least
 * one flow, or 65,535 bytes. A new flow is a TCP SYN without ACK, or a packet of another protocol
 * whose tuple was not seen for DBX_QUOTA_IDLE_NS.
 */
#define DBX_QUOTA_IDLE_NS   60000000000ull
#define DBX_QUOTA_BYTES_MAX 1000000000000ull /* of bytes_per_s; times burst_ms fits 64 bits */
#define DBX_QUOTA_BURST_MAX 10000u           /* of burst_ms */
struct dbx_quota {
	dbx_u64 workspace_id;
	dbx_u64 bytes_per_s; /* frame bytes, as in the counters */
	dbx_u32 flows_per_s;
	dbx_u32 burst_ms;
	dbx_u32 zero[2];
};

#define DBX_OUTCOME_F_WORKSPACE \
	1                    /* the class is a workspace's prefix: profile.workspaces decides; \
				     rule is then the rule set of blocked entries, 0 = none */
#define DBX_OUTCOME_F_SOFT 2 /* becomes DRY_RUN for a source in dry-run */
#define DBX_OUTCOME_F_GUARD \
	8 /* passes, unless the address is guarded and the flow names the resource */
#define DBX_OUTCOME_F_NAMES 4 /* a name of the policy may have been learned for the address */
struct dbx_outcome {
	dbx_u64 rule_uid;
	dbx_u32 rule; /* index + 1 into the image's rule table, 0 = none */
	dbx_u8 verdict;
	dbx_u8 reason;
	dbx_u8 path;
	dbx_u8 flags;
};

enum dbx_section_id {
	DBX_SEC_DST4_ROOT,
	DBX_SEC_DST4_RUNS,
	DBX_SEC_DST6_ROOT,
	DBX_SEC_SRC4_ROOT,
	DBX_SEC_SRC6_ROOT,
	DBX_SEC_RUNS32,
	DBX_SEC_BINDINGS,
	DBX_SEC_PROFILES,
	DBX_SEC_CELLS,
	DBX_SEC_RULESETS,
	DBX_SEC_OUTCOMES,
	DBX_SEC_QUOTAS,
	DBX_SEC_KERNEL_MAX,
	/* user space only, packed after the kernel chunks; see ctl/policy/image.h for the records */
	DBX_SEC_INTERFACES = DBX_SEC_KERNEL_MAX,
	DBX_SEC_WORKSPACES,
	DBX_SEC_POLICIES,
	DBX_SEC_NCCS,
	DBX_SEC_RULES,
	DBX_SEC_CLASSES,
	DBX_SEC_CLASS_SETS,
	DBX_SEC_SETS,
	DBX_SEC_STRINGS,
	DBX_SEC_MAX,
};

/* How a flow to a learned address proves the name that it speaks, by protocol and port. */
enum dbx_name_port {
	DBX_NAME_PORT_NONE,       /* it cannot: denied */
	DBX_NAME_PORT_TLS,        /* ClientHello */
	DBX_NAME_PORT_HTTP,       /* Host of the only request */
	DBX_NAME_PORT_QUIC,       /* Initial, decrypted by the daemon */
	DBX_NAME_PORT_QUIC_DENY,  /* refused with an ICMP unreachable */
	DBX_NAME_PORT_UNVERIFIED, /* need not: the gateway document says so */
	DBX_NAME_PORT_MAX,
};

#define DBX_NAMES_F_DNS      1  /* port 53 is answered by the gateway's resolver */
#define DBX_NAMES_F_ECH_DENY 2  /* a hello with ECH is refused; else its outer name is checked */
#define DBX_IMAGE_F_FORWARD  4  /* what needs no mark may be redirected past the host's stack */
#define DBX_IMAGE_F_QUIET    8  /* denials are counted, and not told of */
#define DBX_IMAGE_F_FIRST    16 /* the first packet of an allowed flow is told of */
#define DBX_IMAGE_F_SAMPLED  32 /* of allowed packets sample_per_million are told of */

/* Tunnels that an address may be the other end of. */
#define DBX_TUNNEL_F_VXLAN  1
#define DBX_TUNNEL_F_GENEVE 2

/* Marks of the paths: this, and a number that follows from what the path's route says. */
#define DBX_MARK_PATH      0x0db60000u
#define DBX_MARK_PATH_MASK 0xffff0000u

struct dbx_section {
	dbx_u32 chunk;   /* kernel sections: first chunk. Others: 0 */
	dbx_u32 n_items; /* entries in use; index 0 of RUNS32, RULESETS and OUTCOMES denies */
	dbx_u64 offset;  /* bytes from the start of the image */
	dbx_u64 n_bytes; /* bytes in use */
};

struct dbx_image_header {
	dbx_u32 magic;
	dbx_u16 abi;
	dbx_u16 header_bytes;
	dbx_u64 generation;
	dbx_u64 n_bytes;      /* whole image */
	dbx_u64 content_hash; /* of everything but this header's generation, content_hash, checksum */
	dbx_u32 n_kernel_chunks;
	dbx_u32 checksum; /* CRC-32C of the whole image with this field zero */
	dbx_u32 n_classes;
	dbx_u32 name_ports;   /* LEAF | enum dbx_name_port, or runs32 on proto << 16 | port */
	dbx_u32 name_flags;   /* DBX_NAMES_F_*, DBX_IMAGE_F_* */
	dbx_u32 reject_per_s; /* answers to denied packets a workspace gets at most */
	dbx_u16 vxlan_port; /* UDP ports whose packets to tunnel_local are looked into, 0 = none */
	dbx_u16 geneve_port;
	dbx_u32 tunnel_local; /* runs32 on the outer IPv4 destination -> LEAF | 1, or LEAF: no tunnel */
	dbx_u32 tunnel_remotes;     /* runs32 on the outer IPv4 source -> LEAF | DBX_TUNNEL_F_* */
	dbx_u32 sample_per_million; /* 0 without DBX_IMAGE_F_SAMPLED */
	struct dbx_section sec[DBX_SEC_MAX];
};

_Static_assert(sizeof(struct dbx_run4) == 4, "run4");
_Static_assert(sizeof(struct dbx_run32) == 8, "run32");
_Static_assert(sizeof(struct dbx_binding) == 64, "binding");
_Static_assert(sizeof(struct dbx_profile) == 32, "profile");
_Static_assert(sizeof(struct dbx_quota) == 32, "quota");
_Static_assert(sizeof(struct dbx_outcome) == 16, "outcome");
_Static_assert(sizeof(struct dbx_image_header) <= 4096, "the header fits a page");
_Static_assert(DBX_ROOT_ENTRIES * 4u == DBX_CHUNK_BYTES, "a root is one chunk");

#endif
