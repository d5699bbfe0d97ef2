// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_names.c -- DNS in a capture: what the resolver would have said, and what it would have learned.
 *
 * The answers are those that the capture has, whoever gave them: here they are the upstream's.
 */
#include "policy/judge.h"
#include "replay/replay_priv.h"
#include "wire/dns.h"

#include <stdlib.h>
#include <string.h>

#include "lib/name.h"
#include "wire/said.h"

#define SECOND_NS 1000000000ull

/* The DNS message in a whole datagram, or one that lies whole in a TCP segment (RFC 1035 4.2.2). */
static const uint8_t *message(const struct dbx_pkt *pkt, const uint8_t *frame, size_t n_bytes,
			      size_t *n)
{
	size_t at = pkt->l4_offset, end = at + pkt->l4_bytes, header = 8, said;

	if (!(pkt->flags & DBX_PKT_F_PORTS) || pkt->frag != DBX_FRAG_NONE || !at)
		return NULL;
	if (end > n_bytes)
		end = n_bytes;
	if (pkt->proto == DBX_PROTO_TCP) {
		if (at + 20 > end)
			return NULL;
		header = (size_t)(frame[at + 12] >> 4) * 4;
	}
	if (at + header >= end)
		return NULL;
	at += header;
	if (pkt->proto == DBX_PROTO_TCP) {
		if (at + 2 > end)
			return NULL;
		said = (size_t)(frame[at] << 8 | frame[at + 1]);
		at += 2;
		if (said > end - at)
			return NULL;
		end = at + said;
	}
	*n = end - at;
	return frame + at;
}

static void decide(const struct dbx_replay *r, uint64_t workspace_id, int product,
		   const struct dbx_dns_query *q, struct dbx_name_decision *d)
{
	char name[DBX_NAME_SIZE];

	if (!q->is_plain || dbx_name_canon(q->name, name, NULL)) {
		*d = (struct dbx_name_decision){
			.verdict = DBX_VERDICT_DROP,
			.reason = DBX_REASON_DNS_DENIED,
			.policy_id = "",
			.rule_text = "",
			.rule_doc = "",
			.rule_ptr = "",
			.cname = "",
		};
		return;
	}
	dbx_names_decide(r->o.names, (int64_t)workspace_id, product, name, d);
}

/* Flows that said their name have the uid of the rule alone; mostly the same one again. */
uint32_t dbx_replay_rule_of(struct dbx_replay *r, uint64_t uid)
{
	const struct dbx_img_rule *v;
	uint32_t n;

	if (uid == r->rule_uid)
		return r->rule;
	v = dbx_image_section(r->o.image, DBX_SEC_RULES, &n);
	r->rule_uid = uid;
	r->rule = 0;
	for (uint32_t i = 0; i < n && !r->rule; i++)
		if (v[i].uid == uid)
			r->rule = i + 1;
	return r->rule;
}

void dbx_replay_query(struct dbx_replay *r, const uint8_t *frame, size_t n_bytes,
		      struct dbx_sim_verdict *v, char name[256])
{
	struct dbx_name_decision d;
	struct dbx_dns_query q;
	const uint8_t *msg;
	size_t n;

	msg = message(&v->pkt, frame, n_bytes, &n);
	if (!msg || dbx_dns_query_read(msg, n, &q) != DBX_DNS_READ_OK)
		return;
	dbx_replay_printable((const uint8_t *)q.name, strlen(q.name), name);
	if (dbx_dns_type_rule(q.qtype) >= DBX_DNS_TYPE_REFUSED) {
		v->res.verdict = DBX_VERDICT_DROP;
		v->res.reason = DBX_REASON_DNS_TYPE;
		return;
	}
	decide(r, v->res.workspace_id, v->res.product, &q, &d);
	v->res.verdict = (uint8_t)d.verdict;
	if (d.verdict != DBX_VERDICT_PASS)
		v->res.reason = (uint8_t)d.reason;
	v->res.rule_uid = d.rule_uid;
	v->res.rule = d.rule_uid ? dbx_replay_rule_of(r, d.rule_uid) : 0;
}

/* The question that an answer repeats. */
static bool question_of(const uint8_t *msg, size_t n, struct dbx_dns_query *q)
{
	uint8_t copy[DBX_DNS_HEADER_BYTES + DBX_DNS_WIRE_MAX + 4];
	size_t k = n < sizeof(copy) ? n : sizeof(copy), at = DBX_DNS_HEADER_BYTES;

	if (n < DBX_DNS_HEADER_BYTES || !(msg[2] & 0x80))
		return false;
	memcpy(copy, msg, k);
	while (at < k && copy[at])
		at += (size_t)copy[at] + 1;
	if (at + 5 > k)
		return false;
	copy[2] &= 0x01; /* a query again: RD alone is left */
	copy[3] = 0;
	memset(copy + 6, 0, 6); /* of its sections only the question */
	return dbx_dns_query_read(copy, at + 5, q) == DBX_DNS_READ_OK;
}

uint64_t dbx_replay_hash(const struct dbx_replay *r, const char *name)
{
	return dbx_said_hash(&r->secret, name);
}

static void learn(struct dbx_replay *r, const struct dbx_name_decision *d, const char *name,
		  const struct dbx_dns_answer *a)
{
	const struct dbx_dns_options *o = &r->o.model->gateway.dns;
	struct dbx_bound_key key = {.policy_uid = d->policy_uid, .name = dbx_replay_hash(r, name)};
	const struct dbx_bound value = {
		.expires_ns = r->now_ns + ((uint64_t)a->ttl_s + o->grace_s) * SECOND_NS,
		.rule_uid = d->rule_uid,
	};
	uint32_t words[4];

	for (size_t i = 0; i < a->n_addrs; i++) {
		dbx_judge_addr(&a->addrs[i], words);
		dbx_names_addr(words, a->addrs[i].is_v6, key.addr);
		if (!dbx_sim_learn(&key, &value))
			r->counts.learned++;
	}
}

void dbx_replay_answer(struct dbx_replay *r, const struct dbx_pkt *pkt, const uint8_t *frame,
		       size_t n_bytes)
{
	const struct dbx_dns_options *o = &r->o.model->gateway.dns;
	struct dbx_dns_rules rules = {o->min_ttl_s, o->max_ttl_s, o->keep_ech};
	const struct dbx_binding *b;
	struct dbx_name_decision d;
	struct dbx_dns_answer a;
	struct dbx_dns_query q;
	const uint8_t *msg;
	size_t n;

	if (!o->has || pkt->sport != 53)
		return;
	b = dbx_judge_source_words(r->o.image, pkt->dst, pkt->flags & DBX_PKT_F_IPV6, pkt->domain);
	msg = message(pkt, frame, n_bytes, &n);
	if (!b || !msg || !question_of(msg, n, &q))
		return;
	if (r->gather) {
		if (dbx_dns_rcode(msg) == DBX_DNS_NOERROR)
			dbx_hints_answered(r->gather, q.name);
		return;
	}
	decide(r, b->workspace_id, b->product, &q, &d);
	if (d.verdict != DBX_VERDICT_PASS || !d.needs_learning ||
	    dbx_dns_answer_read(msg, n, &q, &rules, &a))
		return;
	learn(r, &d, q.name, &a);
	dbx_dns_answer_fini(&a);
}
