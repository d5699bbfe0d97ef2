// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_hello.c -- flows whose name the daemon reads on the wire: HTTP request heads and QUIC Initials.
 *
 * Decided as ctl/daemon/hello.c does, from the same copies of payload that the kernel program hands
 * out, and at once: the packet that completed the hello is then judged again, as the repetition that
 * its client would send.
 */
#include "replay/replay_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/name.h"
#include "wire/http.h"
#include "wire/quic.h"

#define WAITING_MAX 1024u

struct waiting {
	struct dbx_flow_key key;
	uint64_t start_ns, since_ns;
	uint32_t n; /* HTTP: bytes from the beginning of the stream on */
	uint32_t n_cuts;
	uint32_t cuts[DBX_HELLO_CUTS];
	uint8_t bytes[DBX_HELLO_BYTES];
	struct dbx_quic quic;
};

struct dbx_replay_hellos {
	struct waiting *flows[WAITING_MAX]; /* NULL: free */
	bool has_event;
	bool sends; /* the datagram at hand leaves by the daemon */
	uint64_t rule_uid;
	struct dbx_name_event e; /* of the packet at hand */
	uint8_t name[256];
};

/* What a flow was found to say. */
struct finding {
	uint32_t reason; /* 0: the name may be looked up */
	uint64_t name, rule_uid;
	uint32_t n_hello, n_body;
	const uint8_t *text;
	size_t n_text;
};

/* ---- flows that wait ---- */

static struct waiting **find(struct dbx_replay *r)
{
	struct dbx_replay_hellos *h = r->hellos;
	struct waiting **oldest = &h->flows[0];
	const struct dbx_name_event *e = &h->e;

	for (size_t i = 0; i < WAITING_MAX; i++) {
		const struct waiting *w = h->flows[i];

		if (w && w->start_ns == e->start_ns && !memcmp(&w->key, &e->key, sizeof(w->key)))
			return &h->flows[i];
	}
	for (size_t i = 0; i < WAITING_MAX && *oldest; i++)
		if (!h->flows[i] || h->flows[i]->since_ns < (*oldest)->since_ns)
			oldest = &h->flows[i];
	free(*oldest);
	*oldest = calloc(1, sizeof(**oldest));
	if (!*oldest)
		return NULL;
	(*oldest)->key = e->key;
	(*oldest)->start_ns = e->start_ns;
	(*oldest)->since_ns = r->now_ns;
	return oldest;
}

/* ---- what they say ---- */

/* False: nothing new. */
static bool add_segment(struct waiting *w, const struct dbx_name_event *e)
{
	uint32_t off = e->seq - e->isn, skip = w->n - off, n;

	if (off > w->n || skip >= e->n_payload)
		return false;
	n = e->n_payload - skip;
	if (n > sizeof(w->bytes) - w->n)
		n = (uint32_t)sizeof(w->bytes) - w->n;
	memcpy(w->bytes + w->n, e->payload + skip, n);
	w->n += n;
	if (w->n_cuts < DBX_HELLO_CUTS)
		w->cuts[w->n_cuts] = w->n;
	w->n_cuts++;
	return true;
}

static bool read_http(const struct dbx_replay *r, struct waiting *w, struct finding *out)
{
	char name[DBX_NAME_SIZE];
	struct dbx_http_head head;
	enum dbx_http_status s;

	if (!add_segment(w, &r->hellos->e))
		return false;
	s = dbx_http_read(w->bytes, w->n, &head);
	if (s == DBX_HTTP_MORE && w->n_cuts < DBX_HELLO_CUTS)
		return false;
	out->text = (const uint8_t *)head.host;
	out->n_text = head.n_host;
	out->n_hello = (uint32_t)head.n_head;
	out->n_body = head.n_body;
	if (s == DBX_HTTP_BAD)
		out->reason = DBX_REASON_NOT_HTTP;
	else if (s != DBX_HTTP_DONE || w->n_cuts > DBX_HELLO_CUTS)
		out->reason = DBX_REASON_HELLO_TOO_LONG;
	else if (dbx_name_canon_n(head.host, head.n_host, 0, name, NULL))
		out->reason = DBX_REASON_NAME_MISSING;
	else
		out->name = dbx_replay_hash(r, name);
	return true;
}

static bool read_quic(const struct dbx_replay *r, struct waiting *w, struct dbx_said *said,
		      struct finding *out)
{
	const struct dbx_name_event *e = &r->hellos->e;

	switch (dbx_quic_read(&w->quic, e->payload, e->n_payload)) {
	case DBX_QUIC_BAD:
		out->reason = DBX_REASON_QUIC_REFUSED;
		return true;
	case DBX_QUIC_LONG:
		out->reason = DBX_REASON_HELLO_TOO_LONG;
		return true;
	case DBX_QUIC_DONE:
		break;
	case DBX_QUIC_MORE:
	default:
		return false;
	}
	dbx_hello_name(&w->quic.hello, &r->secret, said);
	out->reason = said->reason;
	if (said->has_ech && said->reason != DBX_REASON_NOT_TLS &&
	    r->o.image->hdr->name_flags & DBX_NAMES_F_ECH_DENY)
		out->reason = DBX_REASON_NAME_ENCRYPTED;
	out->name = dbx_hash_value(&said->hash);
	out->text = said->name;
	out->n_text = said->n_name;
	return true;
}

/* ---- the decision ---- */

/* As the kernel program decides of a ClientHello: the name must be bound to the address. */
static void look_up(const struct dbx_replay *r, struct finding *f)
{
	const struct dbx_name_event *e = &r->hellos->e;
	struct dbx_bound_key key = {.policy_uid = e->policy_uid, .name = f->name};
	struct dbx_bound bound;

	if (f->reason)
		return;
	memcpy(key.addr, e->key.dst, sizeof(key.addr));
	if (dbx_sim_bound_get(&key, &bound) || bound.expires_ns <= r->now_ns)
		f->reason = e->event.flags & DBX_EVENT_F_GUARDED ? 0 : DBX_REASON_NAME_MISMATCH;
	else if (bound.flags & DBX_BOUND_F_PRIVATE)
		f->reason = DBX_REASON_PRIVATE_REQUIRED;
	else
		f->rule_uid = bound.rule_uid;
}

/* Whether what is refused passes, recorded: asked of a name that no policy lists. */
static bool is_dry_run(const struct dbx_replay *r, const struct finding *f)
{
	const struct dbx_name_event *e = &r->hellos->e;
	struct dbx_name_decision d = {.verdict = DBX_VERDICT_DROP};

	if (f->reason == DBX_REASON_PRIVATE_REQUIRED || (e->event.flags & DBX_EVENT_F_GUARDED))
		return false;
	dbx_names_decide(r->o.names, (int64_t)e->event.workspace_id, e->event.product,
			 "name-check.dbx-egress.invalid", &d);
	return d.verdict == DBX_VERDICT_DRY_RUN;
}

/* What a repetition must hash to: at the end of each segment, and of the head. */
static void put_cuts(const struct dbx_replay *r, const struct waiting *w, struct dbx_flow *v)
{
	struct dbx_hash hash = {{0, 0}};
	uint32_t cut = 0;

	for (uint32_t i = 0; i < v->n_hello && v->n_cuts < DBX_HELLO_CUTS; i++) {
		dbx_hash_byte(&hash, &r->secret, w->bytes[i]);
		while (cut < w->n_cuts && w->cuts[cut] < i + 1)
			cut++;
		if (i + 1 == v->n_hello || (cut < w->n_cuts && w->cuts[cut] == i + 1)) {
			v->cuts[v->n_cuts].end = i + 1;
			v->cuts[v->n_cuts++].hash = hash;
		}
	}
	v->n_seen = v->n_hello;
}

static bool decide(struct dbx_replay *r, const struct waiting *w, struct finding *f)
{
	const struct dbx_name_event *e = &r->hellos->e;
	struct dbx_flow v = {
		.policy_uid = {e->policy_uid, 0},
		.workspace_id = e->event.workspace_id,
		.start_ns = e->start_ns,
		.last_ns = r->now_ns,
		.isn = e->isn,
		.kind = e->kind,
		.state = DBX_FLOW_ALLOWED,
	};

	look_up(r, f);
	v.reason = (uint8_t)f->reason;
	if (!f->reason) {
		v.name = f->name;
		v.rule_uid = f->rule_uid;
		v.n_hello = f->n_hello;
		v.n_body = f->n_body;
		put_cuts(r, w, &v);
	} else if (is_dry_run(r, f)) {
		v.flags = DBX_FLOW_F_DRY_RUN;
	} else {
		v.state = DBX_FLOW_DENIED;
	}
	return !dbx_sim_flow_set(&e->key, &v);
}

bool dbx_replay_hello(struct dbx_replay *r, const uint8_t **name, uint32_t *n_name)
{
	struct dbx_replay_hellos *h = r->hellos;
	struct finding f = {.reason = 0};
	struct dbx_said said = {.reason = 0};
	struct waiting **w;
	bool done;

	h->sends = false;
	if (!h->has_event)
		return false;
	h->has_event = false;
	w = find(r);
	if (!w)
		return false; /* out of memory: held */
	done = h->e.kind == DBX_NAME_PORT_HTTP ? read_http(r, *w, &f) : read_quic(r, *w, &said, &f);
	if (!done)
		return false;
	done = decide(r, *w, &f);
	h->sends = done && h->e.kind == DBX_NAME_PORT_QUIC && !f.reason;
	h->rule_uid = f.rule_uid;
	*n_name = (uint32_t)(f.n_text > 255 ? 255 : f.n_text);
	if (*n_name)
		memcpy(h->name, f.text, *n_name);
	*name = h->name;
	free(*w);
	*w = NULL;
	return done;
}

bool dbx_replay_hello_sends(const struct dbx_replay *r, uint64_t *rule_uid)
{
	/* a datagram of an allowed flow is told again: that event is not the next packet's */
	r->hellos->has_event = false;
	*rule_uid = r->hellos->rule_uid;
	return r->hellos->sends;
}

/* ---- life ---- */

/* Decided when the program is through with the packet: its flow is not the daemon's before. */
static void keep(void *arg, const struct dbx_name_event *e)
{
	struct dbx_replay_hellos *h = arg;

	if (!e->n_payload)
		return; /* the program decided of this one */
	memcpy(&h->e, e, offsetof(struct dbx_name_event, payload) + e->n_payload);
	h->has_event = true;
}

int dbx_replay_hello_open(struct dbx_replay *r)
{
	r->hellos = calloc(1, sizeof(*r->hellos));
	if (!r->hellos)
		return -ENOMEM;
	dbx_sim_on_name_event(keep, r->hellos);
	return 0;
}

void dbx_replay_hello_close(struct dbx_replay *r)
{
	if (!r->hellos)
		return;
	for (size_t i = 0; i < WAITING_MAX; i++)
		free(r->hellos->flows[i]);
	free(r->hellos);
	r->hellos = NULL;
}
