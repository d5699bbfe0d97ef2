// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hello.c -- flows whose name the daemon reads: HTTP request heads and QUIC Initials.
 *
 * What is kept of a flow is what its first copies said. A repetition that says something else changes
 * nothing here, and does not pass the kernel's check of the hash.
 */
#include "daemon/hello.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hello_quic.h"
#include "daemon/namer_impl.h"
#include "lib/name.h"
#include "wire/http.h"

#define WAITING_MAX 1024u
#define WAIT_NS     30000000000ull

struct waiting {
	struct dbx_flow_key key;
	uint64_t start_ns, since_ns;
	uint32_t n; /* HTTP: bytes from the beginning of the stream on */
	uint32_t n_cuts;
	uint32_t cuts[DBX_HELLO_CUTS];
	uint8_t bytes[DBX_HELLO_BYTES];
};

struct dbx_hellos {
	struct dbx_core *core;
	void (*denied)(void *arg, const struct dbx_name_event *e);
	void *arg;
	struct waiting *flows[WAITING_MAX]; /* NULL: free */
	struct dbx_quics *quics;
	uint64_t http_allowed, http_denied, quic_allowed, quic_denied;
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

static bool is_flow(const struct waiting *w, const struct dbx_name_event *e)
{
	return w && w->start_ns == e->start_ns && !memcmp(&w->key, &e->key, sizeof(w->key));
}

/* That of the event, or a new one; the oldest gives way: its client repeats from the beginning. */
static struct waiting **find(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	struct waiting **oldest = &h->flows[0];

	for (size_t i = 0; i < WAITING_MAX; i++)
		if (is_flow(h->flows[i], e))
			return &h->flows[i];
	for (size_t i = 0; i < WAITING_MAX && *oldest; i++)
		if (!h->flows[i] || h->flows[i]->since_ns < (*oldest)->since_ns)
			oldest = &h->flows[i];
	free(*oldest);
	*oldest = calloc(1, sizeof(**oldest));
	if (!*oldest)
		return NULL;
	(*oldest)->key = e->key;
	(*oldest)->start_ns = e->start_ns;
	(*oldest)->since_ns = dbx_namer_now();
	return oldest;
}

void dbx_hellos_sweep(struct dbx_hellos *h)
{
	uint64_t now = dbx_namer_now();

	dbx_quics_sweep(h->quics);
	for (size_t i = 0; i < WAITING_MAX; i++) {
		if (h->flows[i] && now - h->flows[i]->since_ns > WAIT_NS) {
			free(h->flows[i]);
			h->flows[i] = NULL;
		}
	}
}

/* ---- HTTP ---- */

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

static bool read_http(struct dbx_hellos *h, struct waiting *w, const struct dbx_name_event *e,
		      struct finding *out)
{
	char name[DBX_NAME_SIZE];
	struct dbx_http_head head;
	enum dbx_http_status s;

	if (!add_segment(w, e))
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
		out->name = dbx_namer_hash(h->core->namer, name);
	return true;
}

/* ---- QUIC ---- */

/* False: nothing to decide. */
static bool read_quic(struct dbx_hellos *h, const struct dbx_name_event *e, struct finding *out,
		      struct dbx_said *said, struct dbx_quic_conn **conn)
{
	const struct dbx_built *b = &h->core->now;

	switch (dbx_quics_add(h->quics, e, conn)) {
	case DBX_QUICS_HELD:
	case DBX_QUICS_PASS:
		return false;
	case DBX_QUICS_BAD:
		out->reason = DBX_REASON_QUIC_REFUSED;
		return true;
	case DBX_QUICS_LONG:
		out->reason = DBX_REASON_HELLO_TOO_LONG;
		return true;
	case DBX_QUICS_DECIDE:
		break;
	}
	dbx_hello_name(dbx_quics_hello(*conn), &h->core->namer->secret, said);
	out->reason = said->reason;
	if (said->has_ech && said->reason != DBX_REASON_NOT_TLS && b->mem &&
	    b->img.hdr->name_flags & DBX_NAMES_F_ECH_DENY)
		out->reason = DBX_REASON_NAME_ENCRYPTED;
	out->name = dbx_hash_value(&said->hash);
	out->text = said->name;
	out->n_text = said->n_name;
	return true;
}

/* ---- the decision ---- */

/* Policies may have changed since the packet: that of its workspace now. */
static uint64_t policy_of(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	const struct dbx_view *v = dbx_namer_view_get(h->core->namer);
	uint64_t uid = e->policy_uid;

	if (!v)
		return uid;
	uid = dbx_names_policy_of(v->names, (int64_t)e->event.workspace_id);
	dbx_namer_view_put(h->core->namer, v);
	return uid;
}

/* As the kernel program decides of a ClientHello: the name must be bound to the address. */
static void look_up(struct dbx_hellos *h, const struct dbx_name_event *e, uint64_t policy_uid,
		    struct finding *f)
{
	struct dbx_bound_key key = {.policy_uid = policy_uid, .name = f->name};
	struct dbx_bound bound;

	if (f->reason)
		return;
	memcpy(key.addr, e->key.dst, sizeof(key.addr));
	if (h->core->ops->bound_get(h->core->dp, &key, &bound) ||
	    bound.expires_ns <= dbx_namer_now())
		f->reason = e->event.flags & DBX_EVENT_F_GUARDED ? 0 : DBX_REASON_NAME_MISMATCH;
	else if (bound.flags & DBX_BOUND_F_PRIVATE)
		f->reason = DBX_REASON_PRIVATE_REQUIRED;
	else
		f->rule_uid = bound.rule_uid;
}

/* Never softened: the name of a guarded resource, and what keeps one from being seen. */
static bool is_hard(const struct dbx_name_event *e, const struct finding *f)
{
	return f->reason == DBX_REASON_PRIVATE_REQUIRED || (e->event.flags & DBX_EVENT_F_GUARDED);
}

/* Whether what is refused passes, recorded: asked of a name that no policy lists. */
static bool is_dry_run(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	const struct dbx_view *v = dbx_namer_view_get(h->core->namer);
	struct dbx_name_decision d = {.verdict = DBX_VERDICT_DROP};

	if (!v)
		return false;
	dbx_names_decide(v->names, (int64_t)e->event.workspace_id, e->event.product,
			 "name-check.dbx-egress.invalid", &d);
	dbx_namer_view_put(h->core->namer, v);
	return d.verdict == DBX_VERDICT_DRY_RUN;
}

/* What a repetition must hash to: at the end of each segment, and of the head. */
static void put_cuts(const struct dbx_hellos *h, const struct waiting *w, struct dbx_flow *v)
{
	struct dbx_hash hash = {{0, 0}};
	uint32_t cut = 0;

	for (uint32_t i = 0; i < v->n_hello && v->n_cuts < DBX_HELLO_CUTS; i++) {
		dbx_hash_byte(&hash, &h->core->namer->secret, w->bytes[i]);
		while (cut < w->n_cuts && w->cuts[cut] < i + 1)
			cut++;
		if (i + 1 == v->n_hello || (cut < w->n_cuts && w->cuts[cut] == i + 1)) {
			v->cuts[v->n_cuts].end = i + 1;
			v->cuts[v->n_cuts++].hash = hash;
		}
	}
	v->n_seen = v->n_hello;
}

static void tell(struct dbx_hellos *h, const struct dbx_name_event *e, const struct finding *f,
		 bool dry_run)
{
	struct dbx_name_event *said = malloc(sizeof(*said));

	if (!said)
		return;
	*said = *e;
	said->event.reason = (uint16_t)f->reason;
	said->event.verdict = dry_run ? DBX_VERDICT_DRY_RUN : DBX_VERDICT_DROP;
	said->event.rule_uid = 0;
	said->seq = e->isn;
	said->n_name = (uint8_t)(f->n_text > 255 ? 255 : f->n_text);
	if (said->n_name)
		memcpy(said->name, f->text, said->n_name);
	h->denied(h->arg, said);
	free(said);
}

/* w: HTTP. 1: the flow may go on, 0: it may not, -1: it is another one by now. */
static int decide(struct dbx_hellos *h, const struct waiting *w, const struct dbx_name_event *e,
		  struct finding *f)
{
	struct dbx_flow v = {
		.policy_uid = {policy_of(h, e), 0},
		.workspace_id = e->event.workspace_id,
		.start_ns = e->start_ns,
		.last_ns = dbx_namer_now(),
		.isn = e->isn,
		.kind = e->kind,
		.state = DBX_FLOW_ALLOWED,
	};
	bool is_http = e->kind == DBX_NAME_PORT_HTTP, dry_run = false;
	int rc;

	look_up(h, e, v.policy_uid[0], f);
	v.reason = (uint8_t)f->reason;
	if (f->reason) {
		dry_run = !is_hard(e, f) && is_dry_run(h, e);
		v.state = dry_run ? DBX_FLOW_ALLOWED : DBX_FLOW_DENIED;
		v.flags = dry_run ? DBX_FLOW_F_DRY_RUN : 0;
	} else {
		v.name = f->name;
		v.rule_uid = f->rule_uid;
		v.n_hello = f->n_hello;
		v.n_body = f->n_body;
		if (is_http)
			put_cuts(h, w, &v);
	}
	rc = h->core->ops->flow_set(h->core->dp, &e->key, &v);
	if (f->reason)
		tell(h, e, f, dry_run);
	*(is_http     ? f->reason ? &h->http_denied : &h->http_allowed
	  : f->reason ? &h->quic_denied
		      : &h->quic_allowed) += 1;
	return rc ? -1 : v.state == DBX_FLOW_ALLOWED;
}

static void quic_event(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	struct finding f = {.reason = 0};
	struct dbx_said said = {.reason = 0};
	struct dbx_quic_conn *conn = NULL;

	if (!read_quic(h, e, &f, &said, &conn))
		return;
	switch (decide(h, NULL, e, &f)) {
	case 0:
		dbx_quics_deny(h->quics, e);
		break;
	case 1:
		dbx_quics_allow(h->quics, e, conn);
		break;
	}
}

void dbx_hellos_event(struct dbx_hellos *h, const struct dbx_name_event *e)
{
	struct finding f = {.reason = 0};
	struct waiting **w;

	if (e->kind == DBX_NAME_PORT_QUIC) {
		quic_event(h, e);
		return;
	}
	w = find(h, e);
	if (!w)
		return; /* out of memory: held, and repeated by the client */
	if (!read_http(h, *w, e, &f))
		return;
	decide(h, *w, e, &f);
	free(*w);
	*w = NULL;
}

/* ---- life ---- */

struct dbx_hellos *dbx_hellos_new(struct dbx_core *core,
				  void (*denied)(void *arg, const struct dbx_name_event *e),
				  void *arg)
{
	struct dbx_hellos *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->core = core;
	h->denied = denied;
	h->arg = arg;
	h->quics = dbx_quics_new();
	if (!h->quics)
		dbx_hellos_free(&h);
	return h;
}

void dbx_hellos_free(struct dbx_hellos **h)
{
	if (!*h)
		return;
	for (size_t i = 0; i < WAITING_MAX; i++)
		free((*h)->flows[i]);
	dbx_quics_free(&(*h)->quics);
	free(*h);
	*h = NULL;
}

void dbx_hellos_stats(const struct dbx_hellos *h, uint64_t *http_allowed, uint64_t *http_denied,
		      uint64_t *quic_allowed, uint64_t *quic_denied)
{
	*http_allowed = h->http_allowed;
	*http_denied = h->http_denied;
	*quic_allowed = h->quic_allowed;
	*quic_denied = h->quic_denied;
}
