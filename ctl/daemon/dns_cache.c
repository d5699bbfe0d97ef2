// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_cache.c -- answers for as long as their TTL, bounded in number and in bytes.
 *
 * An entry also remembers for which policies its addresses were committed: what is learned lasts as
 * long as the entry and a grace, so once is enough while the generation stays.
 */
#include "daemon/dns_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

#define BUCKETS (1u << 16)

LIST_HEAD(bucket, dns_entry);
TAILQ_HEAD(entries, dns_entry);

struct dns_cache {
	uint64_t seed;
	size_t n, max, n_bytes;
	uint64_t evictions;
	struct entries used; /* the least recently used first */
	struct bucket buckets[BUCKETS];
};

struct dns_cache *dns_cache_new(uint64_t seed)
{
	struct dns_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->seed = seed;
	TAILQ_INIT(&c->used);
	return c;
}

static void entry_free(struct dns_cache *c, struct dns_entry *e)
{
	LIST_REMOVE(e, by_hash);
	TAILQ_REMOVE(&c->used, e, by_use);
	c->n--;
	c->n_bytes -= e->n_bytes;
	dbx_dns_answer_fini(&e->a);
	free(e);
}

static void shrink(struct dns_cache *c, size_t max_entries)
{
	while (c->n > max_entries || c->n_bytes > max_entries * DNS_ENTRY_BYTES) {
		entry_free(c, TAILQ_FIRST(&c->used));
		c->evictions++;
	}
}

void dns_cache_free(struct dns_cache **c)
{
	if (!*c)
		return;
	shrink(*c, 0);
	free(*c);
	*c = NULL;
}

void dns_cache_limit(struct dns_cache *c, size_t max_entries)
{
	c->max = max_entries;
	shrink(c, max_entries);
}

struct dns_key dns_cache_key(const struct dns_cache *c, const struct dbx_dns_query *q)
{
	struct dns_key k = {
		.lower = q->lower,
		.n_wire = q->n_wire,
		.flags = (uint8_t)(q->want_dnssec | q->cd << 1),
		.qtype = q->qtype,
	};

	k.hash = dbx_hash64(q->lower, q->n_wire, c->seed + ((uint64_t)k.qtype << 8 | k.flags));
	return k;
}

struct dns_entry *dns_cache_get(struct dns_cache *c, const struct dns_key *k, uint64_t now_ns)
{
	struct dns_entry *e;

	LIST_FOREACH(e, &c->buckets[k->hash % BUCKETS], by_hash)
	{
		if (e->hash != k->hash || e->qtype != k->qtype || e->flags != k->flags ||
		    e->n_wire != k->n_wire || memcmp(e->lower, k->lower, k->n_wire))
			continue;
		if (now_ns - e->read_ns >= e->a.ttl_s * 1000000000ull) {
			entry_free(c, e);
			return NULL;
		}
		TAILQ_REMOVE(&c->used, e, by_use);
		TAILQ_INSERT_TAIL(&c->used, e, by_use);
		return e;
	}
	return NULL;
}

struct dns_entry *dns_cache_put(struct dns_cache *c, const struct dns_key *k,
				struct dbx_dns_answer *a, uint64_t now_ns)
{
	struct dns_entry *e = dns_cache_get(c, k, now_ns);

	if (e)
		entry_free(c, e);
	if (!c->max)
		return NULL;
	shrink(c, c->max - 1);
	e = calloc(1, sizeof(*e) + k->n_wire);
	if (!e)
		return NULL;
	e->hash = k->hash;
	e->qtype = k->qtype;
	e->flags = k->flags;
	e->n_wire = k->n_wire;
	memcpy(e->lower, k->lower, k->n_wire);
	e->read_ns = now_ns;
	e->a = *a;
	e->n_bytes = sizeof(*e) + k->n_wire + a->n_wire + a->n_ttls * sizeof(a->ttl_at[0]) +
		     a->n_addrs * sizeof(a->addrs[0]);
	memset(a, 0, sizeof(*a));
	LIST_INSERT_HEAD(&c->buckets[k->hash % BUCKETS], e, by_hash);
	TAILQ_INSERT_TAIL(&c->used, e, by_use);
	c->n++;
	c->n_bytes += e->n_bytes;
	return e;
}

void dns_cache_stats(const struct dns_cache *c, size_t *n, size_t *n_bytes, uint64_t *evictions)
{
	*n = c->n;
	*n_bytes = c->n_bytes;
	*evictions = c->evictions;
}
