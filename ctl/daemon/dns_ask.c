// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_ask.c -- one query from reading it to giving its answer: judge, look up, commit, reply.
 *
 * A query that waited for an upstream is judged again before its answer is committed: the policy may
 * have changed meanwhile, and what the new one does not allow must not be learned.
 */
#include "daemon/dns_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const reason_slugs[] = {
#define DBX_REASON(id, kind, slug, text) slug,
#include "dbx/reasons.def"
#undef DBX_REASON
};

/* A name that no entry can be: what the policy says to it is what it says to any unlisted name. */
#define NO_NAME "\\"
#define RETRIES 8 /* changes of policy during one commit */

static void deny(struct dns_judgement *j, enum dbx_reason reason, unsigned int rcode)
{
	j->d.verdict = DBX_VERDICT_DROP;
	j->d.reason = reason;
	j->rcode = rcode;
}

/* The answer to an address is not an address, so nothing can be learned from it. */
static bool is_reverse(const struct dbx_dns_query *q)
{
	static const char *const zones[] = {".in-addr.arpa", ".ip6.arpa"};

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(zones[i]);

		if (q->n_name > n && !strcmp(q->name + q->n_name - n, zones[i]))
			return true;
	}
	return false;
}

static void judge_name(struct dbx_dns *d, const struct dbx_dns_query *q, struct dns_judgement *j)
{
	const struct dbx_dns_hooks *h = d->o.hooks;

	h->decide(d->view, &j->source, q->name, &j->d);
	if (j->d.verdict == DBX_VERDICT_PASS && j->d.reason != DBX_REASON_FULL_ACCESS &&
	    !q->is_plain)
		h->decide(d->view, &j->source, NO_NAME, &j->d);
	j->rcode = j->d.verdict == DBX_VERDICT_DROP ? DBX_DNS_NXDOMAIN : DBX_DNS_NOERROR;
}

/* Forwarded only when the gateway says so; then a reverse name need not be listed. */
static void judge_ptr(struct dbx_dns *d, const struct dbx_dns_query *q, struct dns_judgement *j)
{
	if (!d->options->ptr_forward) {
		deny(j, DBX_REASON_DNS_TYPE, DBX_DNS_NXDOMAIN);
		return;
	}
	judge_name(d, q, j);
	if (j->d.reason != DBX_REASON_DNS_DENIED || !is_reverse(q))
		return;
	j->d.verdict = DBX_VERDICT_PASS;
	j->d.needs_learning = false;
	j->rcode = DBX_DNS_NOERROR;
}

static void judge(struct dbx_dns *d, const struct dns_client *c, const struct dbx_dns_query *q,
		  struct dns_judgement *j)
{
	memset(j, 0, sizeof(*j));
	j->d.policy_id = j->d.rule_text = j->d.rule_doc = j->d.rule_ptr = "";
	if (!d->view || !d->options) {
		deny(j, DBX_REASON_NO_IMAGE, DBX_DNS_SERVFAIL);
		return;
	}
	j->has_source = d->o.hooks->source(d->view, &c->src, &j->source);
	if (!j->has_source) {
		deny(j, DBX_REASON_DNS_NO_IDENTITY, c->is_tcp ? DBX_DNS_REFUSED : DBX_DNS_NOERROR);
		return;
	}
	if (q->qclass != DBX_DNS_CLASS_IN) {
		deny(j, DBX_REASON_DNS_TYPE, DBX_DNS_REFUSED);
		return;
	}
	switch (dbx_dns_type_rule(q->qtype)) {
	case DBX_DNS_TYPE_REFUSED:
		deny(j, DBX_REASON_DNS_TYPE, DBX_DNS_REFUSED);
		break;
	case DBX_DNS_TYPE_NOTIMP:
		deny(j, DBX_REASON_DNS_TYPE, DBX_DNS_NOTIMP);
		break;
	case DBX_DNS_TYPE_PTR:
		judge_ptr(d, q, j);
		break;
	case DBX_DNS_TYPE_FORWARD:
		judge_name(d, q, j);
		break;
	}
}

/* ---- records and counters ---- */

static void record(struct dbx_dns *d, const struct dns_client *c, const struct dbx_dns_query *q,
		   const struct dns_judgement *j, unsigned int rcode,
		   const struct dbx_dns_answer *a)
{
	struct dbx_dns_record r = {
		.src = c->src,
		.server = c->server,
		.sport = ntohs(c->peer.in.sin_port), /* where sin6_port is, too */
		.is_tcp = c->is_tcp,
		.has_source = j->has_source,
		.source = j->source,
		.generation = d->generation,
		.name = q->name,
		.qtype = q->qtype,
		.rcode = (uint16_t)rcode,
		.decision = j->d,
		.addrs = a ? a->addrs : NULL,
		.n_addrs = a ? a->n_addrs : 0,
	};

	if (d->o.log)
		d->o.log(d->o.log_arg, &r);
}

static void count_denied(struct dbx_dns *d, enum dbx_reason reason)
{
	DNS_COUNT(d, refused[reason]);
	if (reason == DBX_REASON_DNS_NO_IDENTITY)
		DNS_COUNT(d, no_identity);
	else if (reason == DBX_REASON_DNS_TYPE)
		DNS_COUNT(d, bad_type);
	else if (reason == DBX_REASON_DNS_BLOCKED)
		DNS_COUNT(d, blocked);
	else
		DNS_COUNT(d, denied);
}

/* By a clock of its own: that of the loop stands still while a batch of queries is worked off. */
static void count_latency(struct dbx_dns *d, enum dbx_dns_outcome o)
{
	uint64_t us = (dns_now_ns() - d->asked_ns) / 1000;
	unsigned int i = us ? 64 - (unsigned int)__builtin_clzll(us) : 0;

	if (i >= DBX_DNS_LATENCY_BUCKETS)
		i = DBX_DNS_LATENCY_BUCKETS - 1;
	DNS_COUNT(d, latency[o][i]);
	DNS_SET(d, latency_us[o], d->stats.latency_us[o] + us);
}

/* ---- replies ---- */

static void give_error(struct dbx_dns *d, const struct dns_client *c, const struct dbx_dns_query *q,
		       unsigned int rcode, int ede, const char *text)
{
	size_t cap;
	uint8_t *out;

	if (rcode == DBX_DNS_SERVFAIL)
		DNS_COUNT(d, servfail);
	if (c->is_tcp && !c->conn)
		return;
	out = dns_reply_begin(d, c, &cap);
	dns_reply_end(d, c, dbx_dns_error_write(q, rcode, ede, text, out, cap));
}

static void refuse(struct dbx_dns *d, const struct dns_client *c, const struct dbx_dns_query *q,
		   const struct dns_judgement *j)
{
	bool is_failure = j->rcode == DBX_DNS_SERVFAIL;

	count_denied(d, j->d.reason);
	record(d, c, q, j, j->rcode, NULL);
	count_latency(d, is_failure ? DBX_DNS_IS_FAILED : DBX_DNS_IS_REFUSED);
	if (j->rcode != DBX_DNS_NOERROR)
		give_error(d, c, q, j->rcode, is_failure ? DBX_DNS_EDE_OTHER : DBX_DNS_EDE_FILTERED,
			   reason_slugs[j->d.reason]);
}

static void fail(struct dbx_dns *d, const struct dns_client *c, const struct dbx_dns_query *q,
		 struct dns_judgement *j, int ede, const char *text)
{
	deny(j, DBX_REASON_DNS_FAILED, DBX_DNS_SERVFAIL);
	DNS_COUNT(d, refused[DBX_REASON_DNS_FAILED]);
	record(d, c, q, j, DBX_DNS_SERVFAIL, NULL);
	count_latency(d, DBX_DNS_IS_FAILED);
	give_error(d, c, q, DBX_DNS_SERVFAIL, ede, text);
}

/* ---- commit, then answer ---- */

static bool was_committed(const struct dbx_dns *d, const struct dns_entry *e,
			  const struct dbx_name_decision *n)
{
	for (size_t i = 0; i < DNS_LESSONS; i++) {
		const struct dns_lesson *l = &e->lessons[i];

		if (l->policy_uid == n->policy_uid && l->rule_uid == n->rule_uid &&
		    l->generation == d->generation && l->policy_uid)
			return true;
	}
	return false;
}

static int commit(struct dbx_dns *d, struct dns_entry *e, const struct dbx_dns_query *q,
		  const struct dbx_name_decision *n, uint32_t age_s)
{
	struct dbx_lesson lesson = {
		.policy_uid = n->policy_uid,
		.rule_uid = n->rule_uid,
		.name = q->name,
		.addrs = e->a.addrs,
		.n_addrs = e->a.n_addrs,
		.ttl_s = e->a.ttl_s - age_s,
		.generation = d->generation,
	};
	int rc;

	if (!lesson.n_addrs || was_committed(d, e, n))
		return 0;
	rc = d->o.hooks->learn(d->o.hooks_arg, &lesson);
	if (rc == -ESTALE)
		return rc;
	if (rc) {
		DNS_COUNT(d, commit_failures);
		return rc;
	}
	DNS_COUNT(d, commits);
	e->lessons[e->next_lesson++ % DNS_LESSONS] =
		(struct dns_lesson){n->policy_uid, n->rule_uid, d->generation};
	return 0;
}

/*
 * Commits what must be. Policies may change between judging and committing: then the query is judged
 * by those that are in force now, until a commit and its judgement are of one generation.
 */
static int settle(struct dbx_dns *d, const struct dns_client *c, const struct dbx_dns_query *q,
		  struct dns_judgement *j, struct dns_entry *e, uint32_t age_s)
{
	for (int i = 0; i < RETRIES; i++) {
		int rc;

		if (j->d.verdict != DBX_VERDICT_PASS || !j->d.needs_learning)
			return 0;
		rc = commit(d, e, q, &j->d, age_s);
		if (rc != -ESTALE)
			return rc;
		dbx_dns_look_again(d);
		judge(d, c, q, j);
	}
	return -ESTALE;
}

/* The endpoint's addresses are the answer, and no upstream is asked; the image lets packets there. */
static void give_privately(struct dbx_dns *d, const struct dns_client *c,
			   const struct dbx_dns_query *q, struct dns_judgement *j)
{
	size_t cap;
	uint8_t *out;

	DNS_COUNT(d, answered_privately);
	if (j->d.verdict == DBX_VERDICT_DRY_RUN) {
		struct dbx_dns_answer a = {.addrs = (struct dbx_addr *)j->d.addrs,
					   .n_addrs = j->d.n_addrs};

		DNS_COUNT(d, dry_run);
		record(d, c, q, j, DBX_DNS_NOERROR, &a);
	} else {
		DNS_COUNT(d, allowed);
	}
	count_latency(d, DBX_DNS_IS_ANSWERED);
	if (c->is_tcp && !c->conn)
		return;
	out = dns_reply_begin(d, c, &cap);
	if (!c->is_tcp && cap > q->udp_bytes)
		cap = q->udp_bytes;
	dns_reply_end(d, c,
		      dbx_dns_private_write(q, j->d.cname, j->d.addrs, j->d.n_addrs,
					    DNS_PRIVATE_TTL_S, out, cap));
}

static void give(struct dbx_dns *d, const struct dns_client *c, const struct dbx_dns_query *q,
		 struct dns_judgement *j, struct dns_entry *e)
{
	uint32_t age_s = (uint32_t)((d->now_ns - e->read_ns) / 1000000000u);
	size_t cap;
	uint8_t *out;

	if (age_s > e->a.ttl_s)
		age_s = e->a.ttl_s;
	if (settle(d, c, q, j, e, age_s)) {
		fail(d, c, q, j, DBX_DNS_EDE_OTHER, "the addresses could not be committed");
		return;
	}
	if (j->d.verdict == DBX_VERDICT_DROP) {
		refuse(d, c, q, j);
		return;
	}
	if (j->d.is_private) {
		give_privately(d, c, q, j);
		return;
	}
	if (j->d.verdict == DBX_VERDICT_DRY_RUN) {
		DNS_COUNT(d, dry_run);
		record(d, c, q, j, e->a.rcode, &e->a);
	} else {
		DNS_COUNT(d, allowed);
	}
	if (e->a.rcode == DBX_DNS_SERVFAIL)
		DNS_COUNT(d, servfail);
	count_latency(d, e->a.rcode == DBX_DNS_SERVFAIL ? DBX_DNS_IS_FAILED : DBX_DNS_IS_ANSWERED);
	if (c->is_tcp && !c->conn)
		return;
	out = dns_reply_begin(d, c, &cap);
	if (!c->is_tcp && cap > q->udp_bytes)
		cap = q->udp_bytes;
	dns_reply_end(d, c, dbx_dns_answer_write(&e->a, q, age_s, out, cap));
}

/* ---- waiting for an upstream ---- */

static void ask_free(struct dbx_dns *d, struct dns_ask *ask)
{
	if (ask->is_guard) {
		free(ask);
		return;
	}
	if (ask->client.conn)
		dns_conn_ask_remove(ask);
	--*dns_share(d, &ask->client.src);
	d->n_asks--;
	DNS_SET(d, outstanding, d->n_asks);
	free(ask);
}

void dns_ask_drop(struct dbx_dns *d, struct dns_ask *ask)
{
	ask_free(d, ask);
}

void dns_ask_finish(struct dbx_dns *d, struct dns_ask *ask, struct dns_entry *e)
{
	struct dns_judgement j;

	if (ask->is_guard) { /* what there was to learn has been */
		dns_guards_done(d, &ask->q, e);
		ask_free(d, ask);
		return;
	}
	d->asked_ns = ask->start_ns;
	judge(d, &ask->client, &ask->q, &j);
	if (j.d.verdict == DBX_VERDICT_DROP)
		refuse(d, &ask->client, &ask->q, &j);
	else if (j.d.is_private)
		give_privately(d, &ask->client, &ask->q, &j);
	else if (!e)
		fail(d, &ask->client, &ask->q, &j, DBX_DNS_EDE_NETWORK,
		     "no upstream gave an answer that can be used");
	else
		give(d, &ask->client, &ask->q, &j, e);
	ask_free(d, ask);
}

static void forward(struct dbx_dns *d, const struct dns_client *c, const struct dns_key *k,
		    struct dns_judgement *j)
{
	uint16_t *share = dns_share(d, &c->src);
	struct dns_ask *ask;

	if (d->n_asks >= DNS_ASKS_MAX || *share >= DNS_ASKS_SOURCE_MAX) {
		DNS_COUNT(d, over_limit);
		if (c->is_tcp)
			give_error(d, c, &d->q, DBX_DNS_SERVFAIL, DBX_DNS_EDE_OTHER,
				   "too many queries");
		return; /* UDP: the client asks again, and an answer would only make it ask sooner */
	}
	ask = malloc(sizeof(*ask));
	if (!ask) {
		fail(d, c, &d->q, j, DBX_DNS_EDE_OTHER, "out of memory");
		return;
	}
	ask->client = *c;
	ask->q = d->q;
	ask->start_ns = d->now_ns;
	ask->is_guard = false;
	++*share;
	d->n_asks++;
	DNS_SET(d, outstanding, d->n_asks);
	if (c->conn)
		dns_conn_ask_add(c->conn, ask);
	if (dns_task_join(d, k, ask))
		dns_ask_finish(d, ask, NULL);
}

static bool is_readable(struct dbx_dns *d, const struct dns_client *c, const uint8_t *msg, size_t n)
{
	enum dbx_dns_read r = dbx_dns_query_read(msg, n, &d->q);

	if (r == DBX_DNS_READ_OK)
		return true;
	DNS_COUNT(d, garbage);
	if (r == DBX_DNS_READ_FORMERR)
		give_error(d, c, &d->q, DBX_DNS_FORMERR, DBX_DNS_EDE_NONE, NULL);
	else if (r == DBX_DNS_READ_NOTIMP)
		give_error(d, c, &d->q, DBX_DNS_NOTIMP, DBX_DNS_EDE_NONE, NULL);
	else if (r == DBX_DNS_READ_BADVERS)
		give_error(d, c, &d->q, DBX_DNS_BADVERS, DBX_DNS_EDE_NONE, NULL);
	return false;
}

void dns_query_handle(struct dbx_dns *d, const struct dns_client *c, const uint8_t *msg, size_t n)
{
	struct dns_judgement j;
	struct dns_entry *e;
	struct dns_key k;

	d->asked_ns = d->now_ns;
	DNS_COUNT(d, queries);
	if (!is_readable(d, c, msg, n))
		return;
	judge(d, c, &d->q, &j);
	if (j.d.verdict == DBX_VERDICT_DROP) {
		refuse(d, c, &d->q, &j);
		return;
	}
	if (j.d.is_private) {
		give_privately(d, c, &d->q, &j);
		return;
	}
	k = dns_cache_key(d->cache, &d->q);
	e = dns_cache_get(d->cache, &k, d->now_ns);
	if (!e) {
		forward(d, c, &k, &j);
		return;
	}
	DNS_COUNT(d, cache_hits);
	give(d, c, &d->q, &j, e);
}
