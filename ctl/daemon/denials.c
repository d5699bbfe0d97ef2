// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * denials.c -- the denials of late, one entry for all packets of a kind.
 *
 * A hash table of chains over a fixed array, whose entries also form a list by time of last packet.
 * Index 0 is the list's head and holds no entry.
 */
#include "daemon/denials.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

struct slot {
	struct dbx_denial denial;
	uint32_t older, newer; /* the list */
	uint32_t next;         /* the chain, 0 = end */
	uint32_t bucket;
};

struct dbx_denials {
	struct slot *slots; /* [max + 1] */
	uint32_t *buckets;  /* [max] */
	uint32_t max, n;
};

/* What makes two packets the same denial: everything but when, how long and from which port. */
struct key {
	uint64_t workspace_id, rule_uid, name;
	uint8_t src[16], dst[16];
	uint32_t domain;
	uint16_t dport, reason;
	uint8_t verdict, proto, flags, zero[5];
};

static struct key key_of(const struct dbx_event *e, const char *name)
{
	struct key k;

	memset(&k, 0, sizeof(k));
	k.workspace_id = e->workspace_id;
	k.rule_uid = e->rule_uid;
	k.name = *name ? dbx_hash64(name, strlen(name), 1) : 0;
	memcpy(k.src, e->src, sizeof(k.src));
	memcpy(k.dst, e->dst, sizeof(k.dst));
	k.domain = e->domain;
	k.dport = e->dport;
	k.reason = e->reason;
	k.verdict = e->verdict;
	k.proto = e->proto;
	k.flags = e->flags;
	return k;
}

struct dbx_denials *dbx_denials_new(size_t max)
{
	struct dbx_denials *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->max = (uint32_t)max;
	d->slots = calloc(max + 1, sizeof(*d->slots));
	d->buckets = calloc(max, sizeof(*d->buckets));
	if (!d->slots || !d->buckets)
		dbx_denials_free(&d);
	return d;
}

void dbx_denials_free(struct dbx_denials **d)
{
	if (!*d)
		return;
	free((*d)->slots);
	free((*d)->buckets);
	free(*d);
	*d = NULL;
}

static void list_remove(struct dbx_denials *d, uint32_t i)
{
	struct slot *s = &d->slots[i];

	d->slots[s->newer].older = s->older;
	d->slots[s->older].newer = s->newer;
}

static void list_put_newest(struct dbx_denials *d, uint32_t i)
{
	struct slot *head = &d->slots[0], *s = &d->slots[i];

	s->newer = 0;
	s->older = head->older;
	d->slots[head->older].newer = i;
	head->older = i;
}

static void chain_remove(struct dbx_denials *d, uint32_t i)
{
	uint32_t *p = &d->buckets[d->slots[i].bucket];

	while (*p != i)
		p = &d->slots[*p].next;
	*p = d->slots[i].next;
}

static uint32_t find(const struct dbx_denials *d, uint32_t bucket, const struct key *k)
{
	uint32_t i;

	for (i = d->buckets[bucket]; i; i = d->slots[i].next) {
		struct key other = key_of(&d->slots[i].denial.event, d->slots[i].denial.name);

		if (memcmp(k, &other, sizeof(other)) == 0)
			return i;
	}
	return 0;
}

/* A free slot, or that of the oldest entry. */
static uint32_t take(struct dbx_denials *d)
{
	uint32_t i;

	if (d->n < d->max)
		return ++d->n;
	i = d->slots[0].newer; /* around the ring: the newest of nothing is the oldest */
	list_remove(d, i);
	chain_remove(d, i);
	return i;
}

void dbx_denials_add(struct dbx_denials *d, const struct dbx_event *e, const char *policy,
		     const char *name, int64_t time_ms)
{
	struct key k = key_of(e, name ? name : "");
	uint32_t bucket = (uint32_t)(dbx_hash64(&k, sizeof(k), 0) % d->max);
	uint32_t i = find(d, bucket, &k);
	struct dbx_denial *denial;

	if (i) {
		list_remove(d, i);
	} else {
		i = take(d);
		d->slots[i] = (struct slot){.bucket = bucket, .next = d->buckets[bucket]};
		d->slots[i].denial.first_ms = time_ms;
		d->buckets[bucket] = i;
	}
	list_put_newest(d, i);
	denial = &d->slots[i].denial;
	denial->event = *e;
	denial->last_ms = time_ms;
	denial->packets += 1 + e->more_packets;
	denial->bytes += e->frame_bytes + e->more_bytes;
	snprintf(denial->name, sizeof(denial->name), "%s", name ? name : "");
	snprintf(denial->policy, sizeof(denial->policy), "%s", policy);
}

void dbx_denials_walk(const struct dbx_denials *d, dbx_denial_fn fn, void *arg)
{
	uint32_t i;

	for (i = d->slots[0].older; i; i = d->slots[i].older) {
		if (fn(arg, &d->slots[i].denial) < 0)
			return;
	}
}
