// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flowlog.c -- denied packets added up to flows, and each flow ended as a record.
 *
 * Flows lie in a ring in the order in which they began, which is the order in which they are due, so
 * the tick looks at the oldest only. A hash table of chains finds them. The ring starts again at its
 * first slot whenever it runs empty, so that a quiet gateway touches little memory.
 */
#include "daemon/flowlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

#define NONE     UINT32_MAX
#define TICK_MAX 2048 /* of one call; there are five a second */

struct flow {
	struct dbx_event event; /* of the latest packet */
	char event_id[DBX_UUID_SIZE];
	char *policy_id, *name; /* one allocation; name is inside */
	struct dbx_addr *rdata; /* or NULL */
	size_t n_rdata;
	int rcode;
	uint32_t next; /* in the chain */
	uint32_t bucket;
	uint64_t packets, bytes;
	int64_t first_ms, last_ms, opened_ms; /* the last is of the other clock */
};

struct subscriber {
	unsigned int what;
	dbx_flowlog_fn fn;
	void *arg;
};

struct dbx_flowlog {
	struct flow *ring; /* [max] */
	uint32_t *buckets; /* [max] */
	size_t max, head, n;
	uint32_t interval_ms;
	dbx_flowlog_describe_fn describe;
	void *describe_arg;
	struct subscriber subs[DBX_FLOWLOG_SUBSCRIBERS];
	size_t n_subs;
	struct dbx_strbuf line;
	struct dbx_flowlog_stats stats;
};

struct key {
	uint64_t workspace_id, rule_uid, name;
	uint8_t src[16], dst[16];
	uint32_t domain;
	uint16_t dport, reason;
	int32_t rcode;
	uint8_t verdict, proto, flags, path;
};

static void key_of(const struct dbx_event *e, const char *name, int rcode, struct key *k)
{
	memset(k, 0, sizeof(*k));
	k->workspace_id = e->workspace_id;
	k->rule_uid = e->rule_uid;
	k->name = *name ? dbx_hash64(name, strlen(name), 1) : 0;
	memcpy(k->src, e->src, sizeof(k->src));
	memcpy(k->dst, e->dst, sizeof(k->dst));
	k->domain = e->domain;
	k->dport = e->dport;
	k->reason = e->reason;
	k->rcode = rcode;
	k->verdict = e->verdict;
	k->proto = e->proto;
	k->flags = e->flags;
	k->path = e->path;
}

/* ---- life ---- */

struct dbx_flowlog *dbx_flowlog_new(size_t max_flows, dbx_flowlog_describe_fn describe, void *arg)
{
	struct dbx_flowlog *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->max = max_flows;
	l->interval_ms = DBX_FLOWLOG_INTERVAL_S * 1000;
	l->describe = describe;
	l->describe_arg = arg;
	dbx_strbuf_init(&l->line);
	l->ring = calloc(max_flows, sizeof(*l->ring));
	l->buckets = malloc(max_flows * sizeof(*l->buckets));
	if (!l->ring || !l->buckets) {
		dbx_flowlog_free(&l);
		return NULL;
	}
	memset(l->buckets, 0xff, max_flows * sizeof(*l->buckets));
	return l;
}

static void drop_texts(struct flow *f)
{
	free(f->policy_id);
	free(f->rdata);
	f->policy_id = NULL;
	f->rdata = NULL;
}

void dbx_flowlog_free(struct dbx_flowlog **lp)
{
	struct dbx_flowlog *l = *lp;

	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		drop_texts(&l->ring[(l->head + i) % l->max]);
	free(l->ring);
	free(l->buckets);
	dbx_strbuf_fini(&l->line);
	free(l);
	*lp = NULL;
}

void dbx_flowlog_set_interval(struct dbx_flowlog *l, uint32_t seconds)
{
	l->interval_ms = seconds * 1000;
}

/* ---- who is told ---- */

int dbx_flowlog_subscribe(struct dbx_flowlog *l, unsigned int what, dbx_flowlog_fn fn, void *arg)
{
	if (l->n_subs == DBX_FLOWLOG_SUBSCRIBERS)
		return -ENOSPC;
	l->subs[l->n_subs++] = (struct subscriber){.what = what, .fn = fn, .arg = arg};
	return 0;
}

void dbx_flowlog_unsubscribe(struct dbx_flowlog *l, dbx_flowlog_fn fn, void *arg)
{
	size_t k = 0;

	for (size_t i = 0; i < l->n_subs; i++) {
		if (l->subs[i].fn != fn || l->subs[i].arg != arg)
			l->subs[k++] = l->subs[i];
	}
	l->n_subs = k;
}

static bool is_wanted(const struct dbx_flowlog *l, unsigned int what)
{
	for (size_t i = 0; i < l->n_subs; i++) {
		if (l->subs[i].what & what)
			return true;
	}
	return false;
}

static void fill(struct dbx_flowlog *l, const struct flow *f, bool is_open, struct dbx_record *r)
{
	*r = (struct dbx_record){
		.is_open = is_open,
		.event = f->event,
		.account_id = "",
		.policy_id = f->policy_id,
		.name = f->name,
		.rcode = f->rcode,
		.n_rdata = f->n_rdata,
		.rule_text = "",
		.rule_doc = "",
		.rule_ptr = "",
		.interface = "",
		.packets = f->packets,
		.bytes = f->bytes,
		.first_ms = f->first_ms,
		.last_ms = f->last_ms,
	};
	memcpy(r->event_id, f->event_id, sizeof(r->event_id));
	if (f->rdata)
		memcpy(r->rdata, f->rdata, f->n_rdata * sizeof(*f->rdata));
	if (l->describe)
		l->describe(l->describe_arg, r);
}

static void tell(struct dbx_flowlog *l, const struct flow *f, unsigned int what)
{
	struct dbx_record r;

	if (!is_wanted(l, what))
		return;
	fill(l, f, what == DBX_FLOWLOG_OPENED, &r);
	dbx_strbuf_reset(&l->line);
	dbx_record_line(&r, &l->line);
	if (dbx_strbuf_addc(&l->line, '\n')) {
		l->stats.lost_events += what == DBX_FLOWLOG_ENDED;
		l->stats.lost_packets += what == DBX_FLOWLOG_ENDED ? f->packets : 0;
		return;
	}
	for (size_t i = 0; i < l->n_subs; i++) {
		if (l->subs[i].what & what)
			l->subs[i].fn(l->subs[i].arg, &r, l->line.s, l->line.len - 1);
	}
}

int dbx_flowlog_line(struct dbx_flowlog *l, const char *event_id, char **line)
{
	struct dbx_strbuf b;
	struct dbx_record r;
	const struct flow *f = NULL;

	for (size_t i = 0; i < l->n && !f; i++) {
		f = &l->ring[(l->head + i) % l->max];
		if (strcmp(f->event_id, event_id))
			f = NULL;
	}
	if (!f)
		return -ENOENT;
	fill(l, f, true, &r);
	dbx_strbuf_init(&b);
	if (dbx_record_line(&r, &b)) {
		dbx_strbuf_fini(&b);
		return -ENOMEM;
	}
	*line = dbx_strbuf_steal(&b);
	return 0;
}

/* ---- flows ---- */

static struct flow *find(struct dbx_flowlog *l, const struct key *k, const char *name,
			 uint32_t bucket)
{
	struct key other;

	for (uint32_t i = l->buckets[bucket]; i != NONE; i = l->ring[i].next) {
		struct flow *f = &l->ring[i];

		key_of(&f->event, f->name, f->rcode, &other);
		if (!memcmp(k, &other, sizeof(other)) && !strcmp(name, f->name))
			return f;
	}
	return NULL;
}

static void end_oldest(struct dbx_flowlog *l)
{
	struct flow *f = &l->ring[l->head];
	uint32_t *p = &l->buckets[f->bucket];

	while (*p != l->head)
		p = &l->ring[*p].next;
	*p = f->next;
	l->stats.records++;
	l->stats.packets += f->packets;
	tell(l, f, DBX_FLOWLOG_ENDED);
	drop_texts(f);
	l->head = --l->n ? (l->head + 1) % l->max : 0;
}

static int set_texts(struct flow *f, const struct dbx_flow_note *n)
{
	const char *policy = n->policy_id ? n->policy_id : "", *name = n->name ? n->name : "";
	size_t n_policy = strlen(policy) + 1, n_name = strlen(name) + 1;

	f->n_rdata = n->n_rdata < DBX_RECORD_RDATA_MAX ? n->n_rdata : DBX_RECORD_RDATA_MAX;
	f->policy_id = malloc(n_policy + n_name);
	f->rdata = f->n_rdata ? malloc(f->n_rdata * sizeof(*f->rdata)) : NULL;
	if (!f->policy_id || (f->n_rdata && !f->rdata)) {
		drop_texts(f);
		return -ENOMEM;
	}
	f->name = f->policy_id + n_policy;
	memcpy(f->policy_id, policy, n_policy);
	memcpy(f->name, name, n_name);
	if (f->rdata)
		memcpy(f->rdata, n->rdata, f->n_rdata * sizeof(*f->rdata));
	return 0;
}

static struct flow *begin(struct dbx_flowlog *l, const struct dbx_flow_note *n, uint32_t bucket,
			  int64_t mono_ms)
{
	uint32_t i = (uint32_t)((l->head + l->n) % l->max);
	struct flow *f = &l->ring[i];

	if (l->n == l->max)
		return NULL;
	memset(f, 0, sizeof(*f));
	if (dbx_uuid(f->event_id) || set_texts(f, n))
		return NULL;
	f->rcode = n->rcode;
	f->bucket = bucket;
	f->next = l->buckets[bucket];
	f->first_ms = n->time_ms;
	f->opened_ms = mono_ms;
	l->buckets[bucket] = i;
	l->n++;
	return f;
}

void dbx_flowlog_add(struct dbx_flowlog *l, const struct dbx_flow_note *n, int64_t mono_ms)
{
	const char *name = n->name ? n->name : "";
	uint64_t packets = n->packets ? n->packets : 1 + n->event->more_packets;
	struct key k;
	struct flow *f;
	uint32_t bucket;
	bool is_new;

	key_of(n->event, name, n->rcode, &k);
	bucket = (uint32_t)(dbx_hash64(&k, sizeof(k), 0) % l->max);
	f = find(l, &k, name, bucket);
	is_new = !f;
	if (!f)
		f = begin(l, n, bucket, mono_ms);
	if (!f) {
		l->stats.lost_events++;
		l->stats.lost_packets += packets;
		return;
	}
	f->event = *n->event;
	f->packets += packets;
	f->bytes += n->packets ? n->bytes : n->event->frame_bytes + n->event->more_bytes;
	if (n->time_ms < f->first_ms)
		f->first_ms = n->time_ms;
	if (n->time_ms > f->last_ms)
		f->last_ms = n->time_ms;
	if (is_new)
		tell(l, f, DBX_FLOWLOG_OPENED);
}

void dbx_flowlog_tick(struct dbx_flowlog *l, int64_t mono_ms)
{
	/* Bounded, so that a burst that is due at once does not hold up the loop. */
	for (int i = 0; l->n && i < TICK_MAX &&
			mono_ms - l->ring[l->head].opened_ms >= (int64_t)l->interval_ms;
	     i++)
		end_oldest(l);
}

void dbx_flowlog_flush(struct dbx_flowlog *l)
{
	while (l->n)
		end_oldest(l);
}

void dbx_flowlog_stats(const struct dbx_flowlog *l, struct dbx_flowlog_stats *out)
{
	*out = l->stats;
	out->open = l->n;
	out->max = l->max;
}
