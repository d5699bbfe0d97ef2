/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * abi.h -- numbers and records that the kernel program, the daemon, the DPDK process and the tools
 * all agree on: reasons, verdicts, paths, the counter key, the event record.
 *
 * Compiled unchanged by gcc, by clang, and by clang for BPF. Nothing here depends on a host header
 * other than the fixed-width types.
 */
#ifndef DBX_ABI_H
#define DBX_ABI_H

#if defined(__bpf__) || defined(DBX_KERNEL_TYPES)
#include <linux/types.h>
typedef __u8 dbx_u8;
typedef __u16 dbx_u16;
typedef __u32 dbx_u32;
typedef __u64 dbx_u64;
typedef __s64 dbx_s64;
#else
#include <stdint.h>
typedef uint8_t dbx_u8;
typedef uint16_t dbx_u16;
typedef uint32_t dbx_u32;
typedef uint64_t dbx_u64;
typedef int64_t dbx_s64;
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Raised whenever a record of this file or of image.h changes its layout or meaning. */
#define DBX_ABI_VERSION 4

enum dbx_reason {
#define DBX_REASON(id, kind, slug, text) DBX_REASON_##id,
#include "reasons.def"
#undef DBX_REASON
	DBX_REASON_MAX,
};

/* What becomes of the packet. DRY_RUN leaves, and is recorded as DRY_RUN_DENIAL. */
enum dbx_verdict {
	DBX_VERDICT_DROP = 0, /* zero, so that cleared memory denies */
	DBX_VERDICT_PASS = 1,
	DBX_VERDICT_DRY_RUN = 2,
	DBX_VERDICT_MAX,
};

enum dbx_reason_kind {
	DBX_KIND_DROP = 0,
	DBX_KIND_PASS = 1,
	DBX_KIND_SOFT = 2,
};

/* The way by which an allowed packet leaves (egress-model 3.4). NONE goes with a denial. */
enum dbx_path {
	DBX_PATH_NONE = 0,
	DBX_PATH_LOCAL = 1, /* the link, the gateway itself or another workspace */
	DBX_PATH_PRIVATE_ENDPOINT = 2,
	DBX_PATH_SERVICE_ENDPOINT = 3,
	DBX_PATH_NAT = 4,
	DBX_PATH_FIREWALL =
		5, /* an isolated workspace: all but private endpoints goes to the firewall */
	DBX_PATH_MAX,
};

/* Product of the source (network_source_type of the vendor's log, egress-model 4.1). */
enum dbx_product {
	DBX_PRODUCT_GENERAL_COMPUTE = 0,
	DBX_PRODUCT_DBSQL = 1,
	DBX_PRODUCT_ML_SERVING = 2,
	DBX_PRODUCT_ML_BUILD = 3,
	DBX_PRODUCT_APPS = 4,
	DBX_PRODUCT_MAX,
};

/*
 * Source domain: the encapsulation that a source address is only meaningful with.
 * 0 untagged; 1..4094 one VLAN tag; QINQ | outer << 12 | inner; VNI | 24-bit VNI.
 */
#define DBX_DOMAIN_QINQ (1u << 30)
#define DBX_DOMAIN_VNI  (2u << 30)
#define DBX_DOMAIN_ANY  0xffffffffu /* key of the sole owner of an address, whatever its domain */

/*
 * Key of the per-CPU counters. Ids are stable over generations: rule_uid is a hash of what the rule
 * says, not of where it stands, so an update never zeroes or moves a counter.
 * workspace_id 0: the packet was judged before its workspace was known. rule_uid 0: no rule.
 */
struct dbx_counter_key {
	dbx_u64 workspace_id;
	dbx_u64 rule_uid;
	dbx_u16 reason;
	dbx_u8 verdict;
	dbx_u8 path;
	dbx_u32 zero;
};

struct dbx_counter {
	dbx_u64 packets;
	dbx_u64 bytes; /* frame bytes, Ethernet header included, FCS not */
};

/* Index into the per-CPU totals; they never overflow, whatever happens to keyed counters. */
enum dbx_total {
	DBX_TOTAL_REASON_BASE = 0, /* + reason * DBX_VERDICT_MAX + verdict */
	DBX_TOTAL_UNKEYED = DBX_REASON_MAX * DBX_VERDICT_MAX, /* the counter table was full */
	DBX_TOTAL_EVENTS,      /* events put on their ring; no bytes */
	DBX_TOTAL_TOLD,        /* packets that they stand for */
	DBX_TOTAL_EVENTS_LOST, /* packets that no event stands for */
	DBX_TOTAL_NAMES_LOST,  /* events on names that found their ring full */
	DBX_TOTAL_MAX,
};

/*
 * A denied (or dry-run) packet, as put on the ring, or one that was allowed, where that is asked for;
 * and how many like it are told of with it. Addresses in network byte order, IPv4 in the first four
 * bytes; ports in host byte order; for ICMP and ICMPv6 dport is type << 8 | code.
 */
#define DBX_EVENT_F_IPV6      1
#define DBX_EVENT_F_HAS_TUPLE 2 /* src, dst and proto are valid */
#define DBX_EVENT_F_HAS_PORTS 4
#define DBX_EVENT_F_FRAGMENT  8
#define DBX_EVENT_F_GUARDED   16 /* allowed, unless the flow names a guarded resource */
struct dbx_event {
	dbx_u64 time_ns; /* CLOCK_MONOTONIC */
	dbx_u64 generation;
	dbx_u64 workspace_id;
	dbx_u64 rule_uid;
	dbx_u8 src[16];
	dbx_u8 dst[16];
	dbx_u32 domain;
	dbx_u32 ifindex;
	dbx_u32 rule;   /* index into the image's rule table of that generation */
	dbx_u32 policy; /* index into the image's policy table of that generation */
	dbx_u32 frame_bytes;
	dbx_u16 sport;
	dbx_u16 dport;
	dbx_u16 reason;
	dbx_u8 verdict;
	dbx_u8 path;
	dbx_u8 proto;
	dbx_u8 product;
	dbx_u8 flags;
	dbx_u8 zero;
	dbx_u64 more_packets; /* beside this one */
	dbx_u64 more_bytes;   /* of their frames */
};

/*
 * Stable id of what names are learned and flows kept under (FNV-1a, 64 bits, never 0), so that they
 * outlive generations: a policy, by its network_policy_id, and, where the workspace's NCC has private
 * endpoint rules, that NCC; the same name then has other addresses than elsewhere. ncc_id: NULL = none.
 */
static __always_inline dbx_u64 dbx_scope_uid(const char *policy_id, const char *ncc_id)
{
	dbx_u64 h = 0xcbf29ce484222325ull;

	while (*policy_id)
		h = (h ^ (dbx_u8)*policy_id++) * 0x100000001b3ull;
	if (ncc_id) {
		h = (h ^ 0x1f) * 0x100000001b3ull;
		while (*ncc_id)
			h = (h ^ (dbx_u8)*ncc_id++) * 0x100000001b3ull;
	}
	return h ? h : 1;
}

/* The same for a policy alone. */
static __always_inline dbx_u64 dbx_policy_uid(const char *id)
{
	return dbx_scope_uid(id, 0);
}

/*
 * Stable id of an interface name (FNV-1a, 64 bits, never 0): binds a source to an interface without
 * numbering interfaces, so that a new generation need not renumber what is attached.
 */
static __always_inline dbx_u64 dbx_port_hash(const char *name)
{
	dbx_u64 h = 0xcbf29ce484222325ull;
	int i;

	for (i = 0; i < 16 && name[i]; i++)
		h = (h ^ (dbx_u8)name[i]) * 0x100000001b3ull;
	return h ? h : 1;
}

_Static_assert(sizeof(struct dbx_counter_key) == 24, "counter key");
_Static_assert(sizeof(struct dbx_event) == 112, "event record");
_Static_assert(DBX_REASON_MAX < 256, "a reason fits in a byte of the image");

#endif
