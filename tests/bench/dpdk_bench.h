/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dpdk_bench.h -- what bench_dpdk_packets is made of: a world of workspaces and policies, the same rules
 * for rivals, packets of which the right verdict is known, and the rivals.
 *
 * The rules that rivals get are made beside the documents, from the range file's own prefixes: nothing
 * that this project's compiler made of them is given to a rival.
 */
#ifndef DBX_BENCH_DPDK_H
#define DBX_BENCH_DPDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/imgbuf.h"

struct rte_mbuf;
struct rte_mempool;

#define DPB_WORKSPACES 1000u
#define DPB_POLICIES   200u
#define DPB_RULES      3u  /* of a policy */
#define DPB_BURST      64u /* packets; that of the pipeline */

struct dpb_prefix {
	dbx_wide addr; /* the number of an address of either family */
	uint8_t len;
};

/* A line as an ACL has them: this policy allows these ports of these addresses. */
struct dpb_line {
	struct dpb_prefix to;
	uint16_t policy, lo, hi;
	uint8_t proto, rule; /* rule: which of the policy's */
};

/* Of a family. Lines are in the order of policies: those of p from first[p] to first[p + 1]. */
struct dpb_side {
	struct dpb_line *lines;
	size_t n_lines, first[DPB_POLICIES + 1];
	struct dpb_prefix *all; /* the range file's */
	size_t n_all;
};

extern struct dpb_side dpb_sides[2]; /* IPv4, IPv6 */

/*
 * Percent of the packets that go where their policy allows, to any range of the file, to where some other
 * policy allows; the rest goes anywhere.
 */
struct dpb_mix {
	const char *name;
	unsigned int own, tags, others;
};

/*
 * What is known of a packet beforehand; in its mbuf's private area. As long as a cache line, so that frames
 * begin with one, as without it.
 */
struct dpb_known {
	uint16_t workspace;
	bool passes;
	uint8_t zero[61];
};

void dpb_need(bool ok, const char *what);
void dpb_world_make(void);
/* The policy image, as the daemon hands it over. */
int dpb_world_image(size_t *n_bytes); /* a sealed memfd */
/* passes: as the classifier on the host says. */
struct rte_mbuf *dpb_packet(struct rte_mempool *pool, const struct dpb_mix *mix, bool is_v6);
/* The first address of a workspace's prefix, /24 or /64. */
dbx_wide dpb_source(unsigned int workspace, bool is_v6);
static inline unsigned int dpb_policy_of(unsigned int workspace)
{
	return workspace % DPB_POLICIES;
}

static inline unsigned int dpb_bits(bool is_v6)
{
	return is_v6 ? 128 : 32;
}

/* Bits of an address that a prefix does not state. */
static inline dbx_wide dpb_rest(unsigned int len, bool is_v6)
{
	return len == dpb_bits(is_v6) ? 0 : ~(dbx_wide)0 >> (128 - dpb_bits(is_v6) + len);
}

/* ---- rivals ---- */

/* with_whole: the ACL of all rules too, which takes a minute. */
void dpb_rivals_open(bool with_acl, bool with_whole);
size_t dpb_memory(void); /* bytes of EAL's that are in use */

/*
 * How: bits of what is asked of a rival for each burst. BARE: addresses and ports are taken from where
 * they are in a packet without tags and options, and nothing is counted. JOB: headers are read with all
 * their lengths, packets and bytes are counted by workspace and rule or reason, and the burst ends with a
 * quiescent state.
 */
enum { DPB_V6 = 1, DPB_JOB = 2 };

/* A bit for each packet that passes. */
typedef uint64_t (*dpb_burst)(struct rte_mbuf **m, unsigned int how);

/*
 * The dpb_burst of one rival, from its by(m, is_v6, is_job): inlined once for each how, so that nothing is
 * asked again for each packet.
 */
#define DPB_BURST_BY(name, by)                               \
	uint64_t name(struct rte_mbuf **m, unsigned int how) \
	{                                                    \
		switch (how) {                               \
		case 0:                                      \
			return by(m, false, false);          \
		case DPB_V6:                                 \
			return by(m, true, false);           \
		case DPB_JOB:                                \
			return by(m, false, true);           \
		default:                                     \
			return by(m, true, true);            \
		}                                            \
	}

/* What a burst is to be looked up by. */
struct dpb_keys {
	uint32_t src4[DPB_BURST], dst4[DPB_BURST]; /* host order */
	uint8_t src6[DPB_BURST][16], dst6[DPB_BURST][16];
	uint16_t dport[DPB_BURST];
	uint8_t proto[DPB_BURST]; /* 0: there is nothing to look up, why says why */
	uint8_t why[DPB_BURST];
	uint32_t bytes[DPB_BURST];
};

/* Rule 1 .. DPB_RULES, or a reason. */
enum { DPB_NO_RULE = DPB_RULES + 1, DPB_NO_SOURCE, DPB_FRAGMENT, DPB_BROKEN, DPB_WHYS };

void dpb_read_bare(struct rte_mbuf **m, struct dpb_keys *k, bool is_v6);
void dpb_read_job(struct rte_mbuf **m, struct dpb_keys *k, bool is_v6);
static inline void dpb_read(struct rte_mbuf **m, struct dpb_keys *k, bool is_v6, bool is_job)
{
	if (is_job)
		dpb_read_job(m, k, is_v6);
	else
		dpb_read_bare(m, k, is_v6);
}

/* Of one rival: what a lookup row counts. */
struct dpb_counts {
	struct {
		uint64_t packets, bytes;
	} by[DPB_WORKSPACES + 1][DPB_WHYS], total[DPB_WHYS];
};
/* The burst's end: hop is 1 + the workspace, or 0; why is a rule or a reason. */
void dpb_count(struct dpb_counts *c, const struct dpb_keys *k, const uint64_t *hop);

/* A lookup function of a library: number 0 on; NULL: there is none of this number. */
const char *dpb_fib_select(unsigned int number);
const char *dpb_acl_select(unsigned int number);

/* Sources and destinations by rte_fib, rte_fib6. */
void dpb_fib_open(void);
void dpb_fib_source(const struct dpb_keys *k, uint64_t *hop, bool is_v6);
uint64_t dpb_fib_hash(struct rte_mbuf **m, unsigned int how);
uint64_t dpb_fib_array(struct rte_mbuf **m, unsigned int how);

/*
 * All by one rte_acl, of each workspace's prefix with each line of its policy. Sources by rte_fib and the
 * rest by one rte_acl, of each policy's number with its lines; by one for each policy.
 */
void dpb_acl_open(bool with_whole);
uint64_t dpb_acl_whole(struct rte_mbuf **m, unsigned int how);
uint64_t dpb_acl_one(struct rte_mbuf **m, unsigned int how);
uint64_t dpb_acl_each(struct rte_mbuf **m, unsigned int how);

extern struct dpb_counts dpb_hash_counts, dpb_array_counts, dpb_whole_counts, dpb_one_counts,
	dpb_each_counts;

#endif
