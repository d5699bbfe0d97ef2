/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen.h -- random gateways and random packets that are likely to meet.
 *
 * Addresses, ports, names and ids come from small universes, so that prefixes nest and overlap, and
 * packets hit the edges of what the documents say. Everything follows from one seed.
 */
#ifndef DBX_TESTS_GEN_H
#define DBX_TESTS_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pkt.h"

struct gen_rand {
	uint64_t state;
};

/* SplitMix64: short, and good enough to pick with. */
static inline uint64_t gen_next(struct gen_rand *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline uint32_t gen_below(struct gen_rand *r, uint32_t n)
{
	return (uint32_t)((gen_next(r) >> 32) * n >> 32);
}

static inline bool gen_percent(struct gen_rand *r, uint32_t percent)
{
	return gen_below(r, 100) < percent;
}

#define GEN_PREFIXES_MAX 512
#define GEN_SOURCES_MAX  32
#define GEN_DOCS_MAX     24

struct gen_prefix {
	struct pkt_addr addr;
	uint8_t len;
};

struct gen_source {
	struct gen_prefix prefix;
	int64_t workspace_id;
	uint16_t vlan, inner; /* 0 = none */
	uint32_t vni;         /* 0 = none; comes in a tunnel, without tags */
	int interface;        /* 0 = any, else 1 or 2 */
	int mac;              /* 0 = any, else last byte */
};

struct gen_tunnel {
	bool is_geneve;
	uint16_t port;
};

struct gen_doc {
	char name[32];
	char *text;
	size_t len;
};

struct gen_model {
	struct gen_doc docs[GEN_DOCS_MAX];
	size_t n_docs;
	struct gen_source sources[GEN_SOURCES_MAX];
	size_t n_sources;
	struct gen_tunnel tunnels[2];
	size_t n_tunnels;
	struct pkt_addr gateways[4]; /* its own addresses */
	size_t n_gateways;
	struct gen_prefix prefixes[GEN_PREFIXES_MAX]; /* every one that a document names */
	size_t n_prefixes;
};

/* Documents that read without error, and what they talk about. */
void gen_model(struct gen_rand *r, struct gen_model *m);
/* Some of the sources and prefixes of a model that was read; no documents. */
struct dbx_model;
void gen_sample(struct gen_rand *r, const struct dbx_model *from, struct gen_model *m);
void gen_model_fini(struct gen_model *m);

/* A frame; returns the name of the interface that it arrives on. */
const char *gen_packet(struct gen_rand *r, const struct gen_model *m, struct pkt *p);

uint16_t gen_port(struct gen_rand *r);
struct pkt_addr gen_addr(struct gen_rand *r, bool is_v6); /* out of the hot regions */
struct pkt_addr gen_addr_in(struct gen_rand *r, const struct gen_prefix *p);
struct pkt_addr gen_addr_at(struct gen_rand *r,
			    const struct gen_prefix *p); /* in it or beside it */

/* DBX_SEED of the environment, or a fresh one; printed, since a failure is nothing without it. */
uint64_t gen_seed(const char *what);

#endif
