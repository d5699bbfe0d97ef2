// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay.c -- the packets of a capture, judged by documents: as the gateway would have done.
 */
#include "replay/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/judge.h"
#include "replay/replay_priv.h"

#define SWEEP_NS     10000000000ull
#define KIND_UNKNOWN 0

enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_URG = 32 };

void dbx_replay_printable(const uint8_t *in, size_t n, char out[256])
{
	size_t at = 0;

	for (size_t i = 0; i < n && at + 5 < 256; i++) {
		if (in[i] > ' ' && in[i] < 127 && in[i] != '\\')
			out[at++] = (char)in[i];
		else
			at += (size_t)snprintf(out + at, 5, "\\%03u", in[i]);
	}
	out[at] = '\0';
}

/* ---- life ---- */

int dbx_replay_open(struct dbx_replay **out, const struct dbx_replay_opts *o,
		    struct dbx_capture_error *err)
{
	struct dbx_replay *r = calloc(1, sizeof(*r));
	int rc = r ? 0 : -ENOMEM;

	if (!rc) {
		r->o = *o;
		r->secret = (struct dbx_secret){{1234567891, 987654321}};
		dbx_htab_init(&r->by_key, sizeof(struct dbx_flow_key), sizeof(uint32_t),
			      DBX_REPLAY_FLOWS_MAX, false);
		rc = dbx_sim_open(&r->secret);
	}
	if (!rc)
		rc = dbx_replay_hello_open(r);
	if (rc == -ENOMEM)
		snprintf(err->text, sizeof(err->text), "out of memory");
	if (!rc)
		rc = dbx_replay_as_open(r, err);
	if (rc) {
		dbx_replay_close(&r);
		return rc;
	}
	dbx_sim_image(o->image->base, o->image->hdr->n_kernel_chunks, o->model->gateway.dns.has);
	if (o->hints)
		dbx_hints_learn(r);
	*out = r;
	return 0;
}

int dbx_replay_open_to_learn(struct dbx_replay **out, const struct dbx_replay_opts *o,
			     struct dbx_hints *hints, struct dbx_capture_error *err)
{
	struct dbx_replay_opts mine = *o;
	int rc;

	mine.hints = NULL;
	rc = dbx_replay_open(out, &mine, err);
	if (rc)
		return rc;
	(*out)->gather = hints;
	dbx_sim_assume_names(true);
	return 0;
}

void dbx_replay_close(struct dbx_replay **r)
{
	if (!*r)
		return;
	dbx_sim_close();
	dbx_replay_hello_close(*r);
	dbx_vec_for_each(&(*r)->flows, f)
		free(*f);
	dbx_vec_fini(&(*r)->flows);
	dbx_htab_fini(&(*r)->by_key);
	dbx_htab_fini(&(*r)->begun);
	free(*r);
	*r = NULL;
}

const struct dbx_replay_counts *dbx_replay_counts(const struct dbx_replay *r)
{
	return &r->counts;
}

size_t dbx_replay_n_flows(const struct dbx_replay *r)
{
	return r->flows.n;
}

const struct dbx_replay_flow *dbx_replay_flow(const struct dbx_replay *r, size_t i)
{
	return r->flows.v[i];
}

/* ---- flows ---- */

static void key_of(const struct dbx_sim_verdict *v, struct dbx_flow_key *key)
{
	const struct dbx_pkt *p = &v->pkt;
	int is_v6 = p->flags & DBX_PKT_F_IPV6;

	memset(key, 0, sizeof(*key));
	if (!(p->flags & DBX_PKT_F_TUPLE)) {
		key->proto = 256 + v->res.reason; /* what has no tuple: a flow a reason */
		return;
	}
	dbx_names_addr(p->src, is_v6, key->src);
	dbx_names_addr(p->dst, is_v6, key->dst);
	key->domain = p->domain;
	key->proto = p->proto;
	key->dport = p->dport;
	if (dbx_proto_has_ports(p->proto))
		key->sport = p->sport;
}

static struct dbx_replay_flow *flow_of(struct dbx_replay *r, const struct dbx_sim_verdict *v)
{
	struct dbx_replay_flow *f;
	struct dbx_flow_key key;
	uint32_t *had, number = (uint32_t)r->flows.n;

	key_of(v, &key);
	had = dbx_htab_get(&r->by_key, &key);
	if (had)
		return r->flows.v[*had];
	f = calloc(1, sizeof(*f));
	if (!f || dbx_htab_put(&r->by_key, &key, &number, true)) {
		free(f);
		return NULL;
	}
	if (dbx_vec_push(&r->flows, f)) {
		dbx_htab_del(&r->by_key, &key);
		free(f);
		return NULL;
	}
	f->pkt = v->pkt;
	f->first_ns = r->now_ns;
	f->first_packet = r->counts.packets;
	f->policy = DBX_NO_POLICY;
	f->verdict = DBX_VERDICT_MAX;
	return f;
}

/* How much a packet's verdict says of its flow: a handshake less than what comes of it. */
static int weight(const struct dbx_result *res)
{
	if (res->reason == DBX_REASON_HELLO_HELD || res->reason == DBX_REASON_NAME_HANDSHAKE)
		return 0;
	return res->verdict == DBX_VERDICT_PASS ? 1 : 2;
}

static void note(struct dbx_replay_flow *f, const struct dbx_sim_verdict *v, uint64_t now_ns,
		 size_t n_wire, int *best)
{
	f->last_ns = now_ns;
	f->packets[v->res.verdict]++;
	f->bytes += n_wire;
	f->held += v->res.reason == DBX_REASON_HELLO_HELD;
	if (f->verdict != DBX_VERDICT_MAX && weight(&v->res) < *best)
		return;
	*best = weight(&v->res);
	f->verdict = (enum dbx_verdict)v->res.verdict;
	f->reason = (enum dbx_reason)v->res.reason;
	f->rule = v->res.rule;
	f->policy = v->res.policy;
	f->workspace_id = v->res.workspace_id;
}

static int weight_of_flow(const struct dbx_replay_flow *f)
{
	const struct dbx_result res = {.verdict = (uint8_t)f->verdict,
				       .reason = (uint8_t)f->reason};

	return f->verdict == DBX_VERDICT_MAX ? -1 : weight(&res);
}

/* ---- packets ---- */

/* A packet that completes a hello is judged with what comes of it: its client would send it again. */
static void judge(struct dbx_replay *r, const uint8_t *frame, size_t n_bytes,
		  struct dbx_sim_verdict *v)
{
	const uint8_t *name;
	uint32_t n_name;
	uint64_t rule_uid;

	dbx_replay_hello_begin(r);
	dbx_sim_packet(r->now_ns, DBX_PORT_ANY, frame, n_bytes, v);
	if (!dbx_replay_hello(r, &name, &n_name))
		return;
	dbx_sim_packet(r->now_ns, DBX_PORT_ANY, frame, n_bytes, v);
	v->name = name;
	v->n_name = n_name;
	if (!dbx_replay_hello_sends(r, &rule_uid))
		return;
	/* a datagram: what was judged is sent on by the daemon itself */
	v->action = DBX_SIM_PASS;
	v->by_daemon = true;
	v->res.verdict = DBX_VERDICT_PASS;
	v->res.reason = DBX_REASON_LISTED_NAME;
	v->res.path = v->res.name_path;
	v->res.rule_uid = rule_uid;
}

static void judged(struct dbx_replay *r, const struct dbx_captured *c, const uint8_t *frame,
		   size_t n_bytes, struct dbx_replay_packet *out)
{
	char name[256];
	int best;

	name[0] = '\0';
	judge(r, frame, n_bytes, &out->v);
	if (out->v.res.reason == DBX_REASON_DNS_STEERED)
		dbx_replay_query(r, frame, n_bytes, &out->v, name);
	else if (out->v.n_name)
		dbx_replay_printable(out->v.name, out->v.n_name, name);
	if (r->gather) {
		if (out->v.n_name)
			dbx_hints_said(r->gather, &out->v);
		return;
	}
	if (!out->v.res.rule && out->v.res.rule_uid)
		out->v.res.rule = dbx_replay_rule_of(r, out->v.res.rule_uid);
	r->counts.judged++;
	r->counts.by_verdict[out->v.res.verdict]++;
	r->counts.by_reason[out->v.res.reason][out->v.res.verdict]++;
	out->flow = flow_of(r, &out->v);
	if (!out->flow) {
		r->counts.flows_unlisted++;
		return;
	}
	best = weight_of_flow(out->flow);
	note(out->flow, &out->v, r->now_ns, c->n_wire_bytes, &best);
	if (name[0])
		memcpy(out->flow->name, name, sizeof(name));
}

static bool is_source(const struct dbx_replay *r, const uint32_t words[4], bool is_v6,
		      uint32_t domain)
{
	return dbx_judge_source_words(r->o.image, words, is_v6, domain) != NULL;
}

static enum dbx_replay_kind kind_of(struct dbx_replay *r, const struct dbx_pkt *pkt,
				    const uint8_t **frame, size_t *n_bytes)
{
	bool is_v6 = pkt->flags & DBX_PKT_F_IPV6;

	if (!(pkt->flags & DBX_PKT_F_TUPLE) || is_source(r, pkt->src, is_v6, pkt->domain))
		return DBX_REPLAY_JUDGED;
	if (is_source(r, pkt->dst, is_v6, pkt->domain))
		return DBX_REPLAY_BACK;
	return r->o.workspace_id ? dbx_replay_as(r, pkt, frame, n_bytes) : DBX_REPLAY_JUDGED;
}

/* Whether flows of this protocol say a name at this port, and it is read. */
static bool is_read(struct dbx_replay *r, uint8_t proto, uint16_t port)
{
	uint8_t *kind;

	if (proto != DBX_PROTO_TCP && proto != DBX_PROTO_UDP)
		return false;
	kind = &r->kinds[proto == DBX_PROTO_UDP][port];
	if (*kind == KIND_UNKNOWN)
		*kind = (uint8_t)(1 + dbx_judge_name_kind(r->o.image, proto, port));
	return *kind == 1 + DBX_NAME_PORT_TLS || *kind == 1 + DBX_NAME_PORT_HTTP ||
	       *kind == 1 + DBX_NAME_PORT_QUIC;
}

/* A segment that neither begins nor ends anything, and has no payload. */
static bool is_bare(const struct dbx_pkt *pkt, const uint8_t *frame, size_t n)
{
	size_t at = pkt->l4_offset;

	return pkt->proto == DBX_PROTO_TCP && at && at + 20 <= n &&
	       (frame[at + 12] >> 4) * 4 == pkt->l4_bytes &&
	       !(frame[at + 13] & (TCP_FIN | TCP_SYN | TCP_RST | TCP_URG));
}

/* Whether the packet may be part of what hints come from: an answer, or a flow that says its name. */
static bool teaches(struct dbx_replay *r, const struct dbx_pkt *pkt, const uint8_t *frame, size_t n)
{
	if (!(pkt->flags & DBX_PKT_F_PORTS) || pkt->frag != DBX_FRAG_NONE || is_bare(pkt, frame, n))
		return false; /* of fragments no name is read */
	return pkt->sport == 53 || is_read(r, pkt->proto, pkt->dport) ||
	       is_read(r, pkt->proto, pkt->sport);
}

void dbx_replay_packet(struct dbx_replay *r, const struct dbx_captured *c,
		       struct dbx_replay_packet *out)
{
	const uint8_t *frame = c->frame;
	size_t n_bytes = c->n_bytes;
	struct dbx_pkt pkt = {.frag = DBX_FRAG_NONE};

	out->kind = DBX_REPLAY_FOREIGN;
	out->flow = NULL;
	out->frame = frame;
	out->n_bytes = n_bytes;
	r->counts.packets++;
	r->counts.cut += c->n_bytes < c->n_wire_bytes;
	if (c->time_ns > r->now_ns)
		r->now_ns = c->time_ns;
	if (c->is_foreign) {
		r->counts.foreign++;
		return;
	}
	if (r->now_ns - r->swept_ns > SWEEP_NS) {
		dbx_sim_sweep(r->now_ns);
		r->swept_ns = r->now_ns;
	}
	dbx_parse(frame, frame + n_bytes, &pkt);
	if (r->gather && !teaches(r, &pkt, frame, n_bytes))
		return;
	out->kind = kind_of(r, &pkt, &frame, &n_bytes);
	out->frame = frame;
	out->n_bytes = n_bytes;
	if (out->kind == DBX_REPLAY_JUDGED) {
		judged(r, c, frame, n_bytes, out);
		return;
	}
	r->counts.back++;
	dbx_sim_back(r->now_ns, frame, n_bytes);
	if (pkt.sport == 53) {
		if (frame == r->frame) /* with the workspace's address */
			dbx_parse(frame, frame + n_bytes, &pkt);
		dbx_replay_answer(r, &pkt, frame, n_bytes);
	}
}
